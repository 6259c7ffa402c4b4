/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes without a wire: a request is matched, its body decoded, its handler called, its answer kept.
 */
#include "base/arena.h"
#include "base/str.h"
#include "testkit_inner.h"
#include <stdio.h>
#include <stdlib.h>

#define MOST_PARAMS 8

struct bb_request {
        bb_str method, path, query, body;
        struct {
                bb_str name, value;
        } params[MOST_PARAMS];
        size_t param_count, taken; /* of the body, by bb_request_read */
        struct bb_response *res;
};
struct bb_response {
        int32_t status; /* 0: as the route has it */
        struct buf body, headers;
        char *content_type;
        bb_err err; /* of a problem; the rest of it is in the memory of the request's task */
        const char *code;
        bb_str detail;
        bb_json *errors;
};

static struct bb_route routes[128];
static size_t route_count;
static struct bb_response last;

static bb_err add_routes(bb_plugin_ref *who, const struct bb_route *table, size_t count, size_t stride)
{
        (void)who;
        for (size_t i = 0; i < count; i++) {
                if (route_count == BB_COUNT(routes))
                        return BB_E_LIMIT;
                memcpy(&routes[route_count++], (const char *)table + i * stride,
                       stride < sizeof(routes[0]) ? stride : sizeof(routes[0]));
        }
        return BB_OK;
}

static int match(const char *pattern, bb_str path, struct bb_request *req)
{
        bb_str rest = bb_cstr(pattern), part, want;

        req->param_count = 0;
        while (str_split(&rest, '/', &want)) {
                if (str_starts(want, BB_STR("{")) && str_ends(want, BB_STR("...}"))) {
                        part = path;
                        path = BB_NONE;
                        want.len -= 3;
                } else if (!str_split(&path, '/', &part)) {
                        return 0;
                }
                if (!str_starts(want, BB_STR("{"))) {
                        if (!bb_str_eq(want, part))
                                return 0;
                        continue;
                }
                if (req->param_count == MOST_PARAMS)
                        return 0;
                req->params[req->param_count].name = str_sub(want, 1, want.len - 2);
                req->params[req->param_count++].value = part;
        }
        return path.len == 0;
}

static bb_str method(const bb_request *r)
{
        return r->method;
}
static bb_str path_of(const bb_request *r)
{
        return r->path;
}
static bb_str param(const bb_request *r, const char *name)
{
        for (size_t i = 0; i < r->param_count; i++) {
                if (bb_str_is(r->params[i].name, name))
                        return r->params[i].value;
        }
        return BB_NONE;
}
static bb_str query(const bb_request *r, const char *name)
{
        bb_str rest = r->query, pair, key;

        while (rest.len > 0 && str_split(&rest, '&', &pair)) {
                if (str_split(&pair, '=', &key) && bb_str_is(key, name))
                        return pair.ptr != NULL ? pair : BB_STR("");
        }
        return BB_NONE;
}
static bb_str header(const bb_request *r, const char *name)
{
        (void)r;
        (void)name;
        return BB_NONE;
}
static bb_str body(const bb_request *r)
{
        return r->body;
}
static bb_str remote(const bb_request *r)
{
        (void)r;
        return BB_STR("127.0.0.1");
}
static bb_str base_url(const bb_request *r)
{
        (void)r;
        return BB_STR("https://testkit.example");
}
static bb_str actor(const bb_request *r)
{
        (void)r;
        return BB_STR("key:testkit");
}
static int32_t allowed(const bb_request *r, const char *permission)
{
        (void)r;
        (void)permission;
        return 1;
}
static void *state_of(bb_plugin_ref *who, const bb_request *r)
{
        (void)r;
        return who->state;
}

static void set_status(bb_response *res, int32_t status)
{
        res->status = status;
}
static void set_header(bb_response *res, const char *name, bb_str value)
{
        buf_print(&res->headers, "%s: %.*s\n", name, BB_FMT(value));
}
static void send_bytes(bb_response *res, const char *content_type, bb_str data)
{
        res->body.len = 0;
        buf_add_str(&res->body, data);
        free(res->content_type);
        res->content_type = strdup(content_type);
}
static void send_json(bb_response *res, const bb_json *value)
{
        send_bytes(res, "application/json", bb_json_text(value));
}
/* A few bytes a call, as a slow caller would send them. */
static bb_err read_body(bb_request *r, void *buffer, size_t room, size_t *ret_count)
{
        size_t left = r->body.len - r->taken, piece = left < 7 ? left : 7;

        *ret_count = piece < room ? piece : room;
        memcpy(buffer, r->body.ptr + r->taken, *ret_count);
        r->taken += *ret_count;
        return BB_OK;
}
static void file_sent(const bb_response *res, int64_t *ret_from, int64_t *ret_count)
{
        *ret_from = 0;
        *ret_count = (int64_t)res->body.len;
}
static bb_err send_file(bb_response *res, const char *path, const char *content_type, bb_str download_name)
{
        FILE *f = fopen(path, "rb");
        char part[4096];

        if (f == NULL)
                return BB_E_NOT_FOUND;
        send_bytes(res, content_type, BB_STR(""));
        if (download_name.len > 0)
                set_header(res, "Content-Disposition",
                           bb_print("attachment; filename=\"%.*s\"", BB_FMT(download_name)));
        for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
                buf_add(&res->body, part, n);
        fclose(f);
        return BB_OK;
}
/* `more` is called until it says that the file is complete. */
static bb_err send_growing_file(bb_response *res, const char *path, const char *content_type, bb_str download_name,
                                bb_err (*more)(int64_t, void *, int32_t *), void *arg)
{
        int32_t complete = 0;

        TRY(send_file(res, path, content_type, download_name));
        while (!complete)
                TRY(more((int64_t)res->body.len, arg, &complete));
        buf_free(&res->body);
        return send_file(res, path, content_type, download_name);
}
static bb_err stream_begin(bb_response *res, const char *content_type)
{
        send_bytes(res, content_type, BB_STR(""));
        return BB_OK;
}
static bb_err stream_write(bb_response *res, bb_str data)
{
        buf_add_str(&res->body, data);
        return BB_OK;
}

/* The status that busbard gives an error which says no other. */
static int32_t status_of(bb_err err)
{
        static const int16_t statuses[] = {0,   400, 404, 409, 409, 401, 403, 504, 503, 503,
                                           429, 502, 500, 503, 503, 501, 412, 500, 409, 409};

        return err < 0 && (size_t)-err < BB_COUNT(statuses) ? statuses[-err] : 500;
}
static bb_err problem(bb_response *res, bb_err err, int32_t status, const char *code, bb_str detail)
{
        res->err = err;
        res->status = status != 0 ? status : status_of(err);
        res->code = code != NULL ? code : bb_err_text(err);
        res->detail = bb_str_dup(detail);
        return err;
}
static void problem_field(bb_response *res, bb_str pointer, bb_str detail)
{
        bb_json *entry = bb_json_new_object();

        if (res->errors == NULL)
                res->errors = bb_json_new_array();
        bb_json_set_str(entry, "pointer", pointer);
        bb_json_set_str(entry, "detail", detail);
        bb_json_append(res->errors, entry);
}
static void render_problem(bb_response *res)
{
        bb_json *p = bb_json_new_object();

        bb_json_set_int(p, "status", res->status);
        bb_json_set_str(p, "code", bb_cstr(res->code));
        bb_json_set_str(p, "detail", res->detail);
        bb_json_set(p, "errors", res->errors);
        send_bytes(res, "application/problem+json", bb_json_text(p));
}

static bb_err decode(bb_request *r, const struct bb_shape *shape, void *ret_struct, bb_response *res)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        bb_str text = r->body.len > 0 ? r->body : BB_STR("{}");

        if (bb_shape_decode_text(shape, text, ret_struct, &fault) == BB_OK)
                return BB_OK;
        problem_field(res, fault.path, fault.text);
        return problem(res, BB_E_INVALID, fault.kind == BB_FAULT_SYNTAX ? 400 : 422, "invalid-body",
                       BB_STR("The body is not what is expected here; see errors."));
}
static bb_err etag(bb_request *r, bb_response *res, bb_str tag)
{
        (void)r;
        (void)res;
        (void)tag;
        return BB_OK;
}

static bb_err read_page(bb_request *r, bb_response *res, size_t *ret_limit, bb_str *ret_after)
{
        int64_t limit = 50;
        bb_str text = query(r, "limit");

        if (text.ptr != NULL && (str_to_int(text, &limit) < 0 || limit < 1 || limit > 200))
                return problem(res, BB_E_INVALID, 400, "invalid-parameter", BB_STR("limit must be 1 to 200."));
        *ret_limit = (size_t)limit;
        *ret_after = query(r, "cursor");
        return BB_OK;
}
static void send_page(bb_response *res, bb_json *items, bb_str next)
{
        bb_json *page = bb_json_new_object();

        bb_json_set(page, "items", items);
        bb_json_set_str(page, "next_cursor", next);
        send_json(res, page);
}

static int32_t is_tls(const bb_request *r)
{
        (void)r;
        return 0;
}
static bb_str client_certificate_name(const bb_request *r)
{
        (void)r;
        return BB_NONE;
}

static bb_str client_certificate(const bb_request *r)
{
        (void)r;
        return BB_NONE;
}

/* What there is no wire for. */
static bb_err ws_accept(bb_plugin_ref *who, bb_request *r, const struct bb_ws_handler *h, void *user, bb_ws **ret)
{
        (void)who, (void)r, (void)h, (void)user, (void)ret;
        return BB_E_UNSUPPORTED;
}
static bb_err ws_connect(bb_plugin_ref *who, bb_str url, const struct bb_http_header *headers, size_t header_count,
                         const char *ca_file, const struct bb_ws_handler *h, void *user, bb_ws **ret,
                         int32_t *ret_http_status)
{
        (void)who, (void)url, (void)headers, (void)header_count, (void)ca_file, (void)h, (void)user, (void)ret;
        *ret_http_status = 0;
        return BB_E_UNSUPPORTED;
}
static bb_err fetch(const struct bb_fetch *request, struct bb_fetch_answer *ret)
{
        (void)request, (void)ret;
        return BB_E_UNSUPPORTED;
}

const struct bb_http_ops testkit_http_ops = {.size = sizeof(testkit_http_ops),
                                             .routes = add_routes,
                                             .method = method,
                                             .path = path_of,
                                             .param = param,
                                             .query = query,
                                             .header = header,
                                             .body = body,
                                             .remote = remote,
                                             .base_url = base_url,
                                             .actor = actor,
                                             .allowed = allowed,
                                             .is_tls = is_tls,
                                             .client_certificate_name = client_certificate_name,
                                             .client_certificate = client_certificate,
                                             .tenant_state = state_of,
                                             .decode = decode,
                                             .status = set_status,
                                             .set_header = set_header,
                                             .send_json = send_json,
                                             .send_bytes = send_bytes,
                                             .send_file = send_file,
                                             .stream_begin = stream_begin,
                                             .stream_write = stream_write,
                                             .problem = problem,
                                             .problem_field = problem_field,
                                             .etag = etag,
                                             .ws_accept = ws_accept,
                                             .ws_connect = ws_connect,
                                             .fetch = fetch,
                                             .page = read_page,
                                             .send_page = send_page,
                                             .read_body = read_body,
                                             .file_sent = file_sent,
                                             .send_growing_file = send_growing_file};
const struct bb_http_ops *bb_http_ = &testkit_http_ops;

static const struct bb_route *find_route(struct bb_request *req)
{
        for (size_t i = 0; i < route_count; i++)
                if (bb_str_is(req->method, routes[i].method) && match(routes[i].path, req->path, req))
                        return &routes[i];
        return NULL;
}

/* As busbard has it: the body is checked by the route's shape before the handler is called. */
static bb_err answer(struct bb_request *req, const struct bb_route *route)
{
        if (route == NULL)
                return BB_E_NOT_FOUND;
        if (route->request != NULL && !(route->flags & (BB_ROUTE_RAW_BODY | BB_ROUTE_STREAM_BODY)))
                TRY(decode(req, route->request, bb_alloc(route->request->struct_size), &last));
        return route->handle(req, &last);
}

static void serve(void *arg)
{
        struct bb_request *req = arg;
        const struct bb_route *route = find_route(req);
        bb_err err = answer(req, route);

        if (err < 0 && last.err == BB_OK)
                problem(&last, err, 0, NULL, BB_NONE);
        if (last.err < 0)
                render_problem(&last);
        else if (last.status == 0)
                last.status = route->status != 0 ? route->status : last.body.len > 0 ? 200 : 204;
}

static const char *ended(struct buf *b)
{
        buf_add_char(b, '\0');
        b->len--;
        return b->ptr;
}

struct testkit_answer testkit_request(const char *method_, const char *target, const char *body_)
{
        struct bb_request req = {
                .method = bb_cstr(method_), .query = bb_cstr(target), .body = bb_cstr(body_), .res = &last};

        str_split(&req.query, '?', &req.path);
        testkit_http_forget();
        testkit_run(serve, &req);
        return (struct testkit_answer){.status = last.status,
                                       .body = ended(&last.body),
                                       .content_type = last.content_type != NULL ? last.content_type : "",
                                       .headers = ended(&last.headers)};
}

void testkit_http_forget(void)
{
        buf_free(&last.body);
        buf_free(&last.headers);
        free(last.content_type);
        last = (struct bb_response){.status = 0};
}

void testkit_http_reset(void)
{
        testkit_http_forget();
        route_count = 0;
}
