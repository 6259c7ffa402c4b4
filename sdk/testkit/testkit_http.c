/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes without a wire: a request is matched, its body decoded, its handler called, its answer kept.
 */
#include "base/arena.h"
#include "base/str.h"
#include "testkit_inner.h"
#include <stdlib.h>

#define MOST_PARAMS 8

struct bb_request {
        bb_str method, path, query, body;
        struct {
                bb_str name, value;
        } params[MOST_PARAMS];
        size_t param_count;
        struct bb_response *res;
};
struct bb_response {
        int32_t status;
        struct buf body;
        char *content_type;
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
        (void)res;
        (void)name;
        (void)value;
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
static bb_err problem(bb_response *res, bb_err err, int32_t status, const char *code, bb_str detail)
{
        bb_json *p = bb_json_new_object();

        bb_json_set_int(p, "status", status);
        bb_json_set_str(p, "code", bb_cstr(code));
        bb_json_set_str(p, "detail", detail);
        res->status = status;
        send_bytes(res, "application/problem+json", bb_json_text(p));
        return err;
}
static void problem_field(bb_response *res, bb_str pointer, bb_str detail)
{
        (void)res;
        (void)pointer;
        (void)detail;
}
static bb_err decode(bb_request *r, const struct bb_shape *shape, void *ret_struct, bb_response *res)
{
        struct bb_fault fault;
        bb_err err = bb_shape_decode_text(shape, r->body, ret_struct, &fault);

        if (err == BB_OK)
                return BB_OK;
        return problem(res, err, 422, "validation-failed",
                       bb_print("%.*s %.*s", BB_FMT(fault.path), BB_FMT(fault.text)));
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

        (void)res;
        if (text.ptr != NULL)
                TRY(str_to_int(text, &limit));
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
                                             .tenant_state = state_of,
                                             .decode = decode,
                                             .status = set_status,
                                             .set_header = set_header,
                                             .send_json = send_json,
                                             .send_bytes = send_bytes,
                                             .problem = problem,
                                             .problem_field = problem_field,
                                             .etag = etag,
                                             .page = read_page,
                                             .send_page = send_page};

static void serve(void *arg)
{
        struct bb_request *req = arg;
        bb_err err = BB_E_NOT_FOUND;

        for (size_t i = 0; i < route_count; i++) {
                if (!bb_str_is(req->method, routes[i].method) || !match(routes[i].path, req->path, req))
                        continue;
                last.status = routes[i].status != 0 ? routes[i].status : 200;
                err = routes[i].handle(req, &last);
                break;
        }
        if (err < 0 && last.body.len == 0)
                problem(&last, err, err == BB_E_NOT_FOUND ? 404 : 500, bb_err_text(err), BB_NONE);
}

struct testkit_answer testkit_request(const char *method_, const char *target, const char *body_)
{
        struct bb_request req = {
                .method = bb_cstr(method_), .query = bb_cstr(target), .body = bb_cstr(body_), .res = &last};

        str_split(&req.query, '?', &req.path);
        last.status = 0;
        last.body.len = 0;
        testkit_run(serve, &req);
        buf_add_char(&last.body, '\0');
        return (struct testkit_answer){.status = last.status,
                                       .body = last.body.ptr,
                                       .content_type = last.content_type != NULL ? last.content_type : ""};
}

void testkit_http_reset(void)
{
        buf_free(&last.body);
        free(last.content_type);
        last = (struct bb_response){.status = 0};
        route_count = 0;
}
