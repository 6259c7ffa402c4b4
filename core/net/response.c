/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer: a handler leaves status, headers and body here, and it is sent as one piece when the handler has
 * returned. Streams leave at once.
 */
#include "base/arena.h"
#include "base/str.h"
#include "net/request.h"
#include "rt/task.h"

#define GZIP_FROM 1024

/* --- headers --- */

/* The wire's own: framing and connection. */
static const char *const wire_headers[] = {"Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding"};
static const char *const repeatable_headers[] = {"Link", "Set-Cookie", "Vary", "WWW-Authenticate"};

static int in_names(const char *const *names, size_t count, bb_str name)
{
        for (size_t i = 0; i < count; i++)
                if (str_eq_nocase(name, bb_cstr(names[i])))
                        return 1;
        return 0;
}

static int is_token(bb_str name)
{
        for (size_t i = 0; i < name.len; i++) {
                unsigned char c = (unsigned char)name.ptr[i];

                if (c <= ' ' || c >= 0x7f || memchr("\"(),/:;<=>?@[\\]{}", c, 17) != NULL)
                        return 0;
        }
        return name.len > 0;
}

static int is_field_value(bb_str value)
{
        for (size_t i = 0; i < value.len; i++) {
                unsigned char c = (unsigned char)value.ptr[i];

                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return 0;
        }
        return 1;
}

static struct bb_http_header *find_header(const struct bb_response *res, bb_str name)
{
        for (size_t i = 0; i < res->header_count; i++)
                if (str_eq_nocase(res->headers[i].name, name))
                        return &res->headers[i];
        return NULL;
}

bb_str response_header(const struct bb_response *res, const char *name)
{
        const struct bb_http_header *h = find_header(res, bb_cstr(name));

        return h != NULL ? h->value : BB_NONE;
}

void response_remove_header(struct bb_response *res, const char *name)
{
        struct bb_http_header *h;

        while ((h = find_header(res, bb_cstr(name))) != NULL)
                *h = res->headers[--res->header_count];
}

static void append_header(struct bb_response *res, bb_str name, bb_str value)
{
        if (res->header_count == res->header_room) {
                size_t room = res->header_room == 0 ? 16 : res->header_room * 2;
                struct bb_http_header *grown = BB_NEW_ARRAY(struct bb_http_header, room);

                if (res->header_count > 0)
                        memcpy(grown, res->headers, sizeof(*grown) * res->header_count);
                res->headers = grown;
                res->header_room = room;
        }
        res->headers[res->header_count++] = (struct bb_http_header){.name = name, .value = value};
}

void response_set_header(struct bb_response *res, const char *name_c, bb_str value)
{
        bb_str name = bb_str_dup(bb_cstr(name_c));
        struct bb_http_header *h;

        /* A line break in a value would let its author write headers, or whole answers, of their own. */
        if (!is_token(name) || !is_field_value(value) || in_names(wire_headers, BB_COUNT(wire_headers), name)) {
                bb_log(BB_ERROR, "http.header_refused", "a handler set a header that may not be sent",
                       bb_kv_str("header", name));
                return;
        }
        if (str_eq_nocase(name, BB_STR("Content-Type"))) {
                res->content_type = bb_str_c(value);
                return;
        }
        value = bb_str_dup(value.ptr != NULL ? value : BB_STR(""));
        h = in_names(repeatable_headers, BB_COUNT(repeatable_headers), name) ? NULL : find_header(res, name);
        if (h != NULL)
                h->value = value;
        else
                append_header(res, name, value);
}

static void default_header(struct bb_response *res, const char *name, bb_str value)
{
        if (find_header(res, bb_cstr(name)) == NULL)
                append_header(res, bb_cstr(name), value);
}

static void add_common_headers(struct bb_response *res)
{
        if (res->content_type != NULL)
                append_header(res, BB_STR("Content-Type"), bb_cstr(res->content_type));
        default_header(res, "Cache-Control", BB_STR("no-store"));
        default_header(res, "X-Content-Type-Options", BB_STR("nosniff"));
        default_header(res, "Referrer-Policy", BB_STR("no-referrer"));
        append_header(res, BB_STR("X-Request-Id"), bb_cstr(res->request->trace));
}

/* --- bodies --- */

void response_json(struct bb_response *res, const bb_json *value)
{
        if (res->not_modified)
                return;
        res->body = bb_json_text(value);
        res->content_type = "application/json";
}

void response_bytes(struct bb_response *res, const char *content_type, bb_str data)
{
        if (res->not_modified)
                return;
        /* A copy, because the handler's own memory may be its stack. */
        res->body = bb_str_dup(data.ptr != NULL ? data : BB_STR(""));
        if (content_type != NULL)
                res->content_type = bb_str_c(bb_cstr(content_type));
}

static int32_t success_status(const struct bb_response *res)
{
        int32_t declared = res->request->route != NULL ? res->request->route->status : 0;

        if (res->status != 0)
                return res->status;
        if (declared != 0)
                return declared;
        return res->body.ptr != NULL || res->streaming ? 200 : 204;
}

void response_settle(struct bb_response *res, bb_err err)
{
        if (res->streaming || http_replied(res->request->wire))
                return;
        if (err < 0 && !res->has_problem)
                problem_from_err(res, err);
        if (res->has_problem) {
                problem_render(res);
                return;
        }
        res->status = res->not_modified ? 304 : success_status(res);
        if (res->status != 304 && res->status != 204)
                return;
        res->body = BB_NONE;
        res->content_type = NULL;
}

/* A strong validator names one sequence of bytes: the compressed ones get a tag of their own (etag.c knows the suffix).
 */
static void tag_as_gzip(struct bb_response *res)
{
        struct bb_http_header *etag = find_header(res, BB_STR("ETag"));

        if (etag == NULL || !str_ends(etag->value, BB_STR("\"")))
                return;
        etag->value = bb_print("%.*s-gzip\"", BB_FMT(str_sub(etag->value, 0, etag->value.len - 1)));
}

static BB_AWAIT void compress_body(struct bb_response *res)
{
        bb_str packed;

        if (res->body.len <= GZIP_FROM || !is_compressible(res->content_type))
                return;
        if (response_header(res, "Content-Encoding").ptr != NULL)
                return;
        append_header(res, BB_STR("Vary"), BB_STR("Accept-Encoding"));
        if (!accepts_gzip(request_header(res->request, "accept-encoding")))
                return;
        packed = gzip_text(res->body);
        if (packed.ptr == NULL || packed.len >= res->body.len)
                return;
        res->body = packed;
        append_header(res, BB_STR("Content-Encoding"), BB_STR("gzip"));
        tag_as_gzip(res);
}

BB_AWAIT void response_send(struct bb_response *res, bb_err err)
{
        struct http_request *wire = res->request->wire;

        if (res->streaming) {
                http_reply_end(wire, err == BB_OK && !res->broken);
                return;
        }
        if (http_replied(wire)) /* a WebSocket now */
                return;
        compress_body(res);
        add_common_headers(res);
        res->sent_bytes = (int64_t)res->body.len;
        http_reply(wire, res->status, res->headers, res->header_count, res->body);
}

/* --- streams --- */

bb_err response_stream_begin(struct bb_response *res, const char *content_type, int64_t length)
{
        if (res->not_modified) /* dropped, like any body of a 304 */
                return BB_OK;
        if (res->streaming || http_replied(res->request->wire))
                return BB_E_CONFLICT;
        res->streaming = 1;
        res->status = success_status(res);
        if (content_type != NULL)
                res->content_type = bb_str_c(bb_cstr(content_type));
        add_common_headers(res);
        /* However long it takes: the wire cuts a peer that stops reading. */
        task_set_timeout(0);
        http_reply_begin(res->request->wire, res->status, res->headers, res->header_count, length);
        return BB_OK;
}

BB_AWAIT bb_err response_stream_write(struct bb_response *res, bb_str data)
{
        bb_err err;

        if (res->not_modified)
                return BB_OK;
        if (!res->streaming)
                return BB_E_CONFLICT;
        if (request_is(res->request, "HEAD") || data.len == 0)
                return BB_OK;
        err = http_reply_write(res->request->wire, data);
        if (err < 0)
                res->broken = 1;
        else
                res->sent_bytes += (int64_t)data.len;
        return err;
}
