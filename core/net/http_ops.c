/* SPDX-License-Identifier: Apache-2.0
 *
 * The "http/1" table: the door of this room for plugins. Handles are checked here, the work is done elsewhere.
 */
#include "net/client.h"
#include "net/request.h"
#include "rt/task.h"

const struct bb_http_ops *bb_http_ = &http_ops;

static int is_request(const struct bb_request *req)
{
        return req != NULL && req->magic == REQUEST_MAGIC;
}

static int is_response(const struct bb_response *res)
{
        return res != NULL && res->magic == RESPONSE_MAGIC;
}

#define CHECK_REQUEST(req, otherwise)                                                                                  \
        do {                                                                                                           \
                if (!is_request(req))                                                                                  \
                        return otherwise;                                                                              \
        } while (0)
#define CHECK_RESPONSE(res, otherwise)                                                                                 \
        do {                                                                                                           \
                if (!is_response(res))                                                                                 \
                        return otherwise;                                                                              \
        } while (0)

static bb_err add_routes(bb_plugin_ref *who, const struct bb_route *routes, size_t count, size_t stride)
{
        if (stride < offsetof(struct bb_route, handle) + sizeof(routes->handle) || stride > 4096)
                return BB_E_INVALID;
        for (size_t i = 0; i < count; i++) {
                struct bb_route copy = {.method = NULL};

                memcpy(&copy, (const char *)routes + i * stride, stride < sizeof(copy) ? stride : sizeof(copy));
                TRY(routes_add(who, &copy));
        }
        return BB_OK;
}

/* --- the request --- */

static bb_str get_method(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->wire->method;
}

static bb_str get_path(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->path;
}

static bb_str get_param(const bb_request *req, const char *name)
{
        CHECK_REQUEST(req, BB_NONE);
        return request_param(req, name);
}

static bb_str get_query(const bb_request *req, const char *name)
{
        CHECK_REQUEST(req, BB_NONE);
        return request_query(req, name);
}

static bb_str get_header(const bb_request *req, const char *name)
{
        CHECK_REQUEST(req, BB_NONE);
        return request_header(req, name);
}

static bb_str get_body(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->wire->body;
}

static BB_AWAIT bb_err read_body(bb_request *req, void *buffer, size_t room, size_t *ret_count)
{
        CHECK_REQUEST(req, BB_E_INVALID);
        return request_read(req, buffer, room, ret_count);
}

static bb_str get_remote(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->remote;
}

static bb_str get_base_url(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return request_base_url(req);
}

static bb_str get_actor(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->principal.actor.ptr != NULL ? req->principal.actor : BB_STR("anonymous");
}

static int32_t is_allowed(const bb_request *req, const char *permission)
{
        CHECK_REQUEST(req, 0);
        return request_allowed(req, permission);
}

static int32_t get_is_tls(const bb_request *req)
{
        CHECK_REQUEST(req, 0);
        return req->is_tls;
}

static bb_str get_client_certificate_name(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->wire->client_certificate_name;
}

static bb_str get_client_chain(const bb_request *req)
{
        CHECK_REQUEST(req, BB_NONE);
        return req->wire->client_chain;
}

static void *get_tenant_state(bb_plugin_ref *who, const bb_request *req)
{
        CHECK_REQUEST(req, NULL);
        return router_world.tenant_state(who, req->tenant);
}

static bb_err decode(bb_request *req, const struct bb_shape *shape, void *ret_struct, bb_response *res)
{
        CHECK_REQUEST(req, BB_E_INVALID);
        CHECK_RESPONSE(res, BB_E_INVALID);
        return request_decode(req, shape, ret_struct, res);
}

/* --- the answer --- */

static void set_status(bb_response *res, int32_t status)
{
        CHECK_RESPONSE(res, );
        if (status >= 200 && status <= 599)
                res->status = status;
}

static void set_header(bb_response *res, const char *name, bb_str value)
{
        CHECK_RESPONSE(res, );
        response_set_header(res, name, value);
}

static void send_json(bb_response *res, const bb_json *value)
{
        CHECK_RESPONSE(res, );
        response_json(res, value);
}

static void send_bytes(bb_response *res, const char *content_type, bb_str data)
{
        CHECK_RESPONSE(res, );
        response_bytes(res, content_type, data);
}

static BB_AWAIT bb_err send_file(bb_response *res, const char *path, const char *content_type, bb_str download_name)
{
        CHECK_RESPONSE(res, BB_E_INVALID);
        return response_file(res, path, content_type, download_name);
}

static BB_AWAIT bb_err send_growing_file(bb_response *res, const char *path, const char *content_type,
                                         bb_str download_name, bb_more more, void *arg)
{
        CHECK_RESPONSE(res, BB_E_INVALID);
        return more == NULL ? BB_E_INVALID : response_growing_file(res, path, content_type, download_name, more, arg);
}

static void file_sent(const bb_response *res, int64_t *ret_from, int64_t *ret_count)
{
        *ret_from = is_response(res) ? res->file_from : 0;
        *ret_count = is_response(res) ? res->sent_bytes : 0;
}

static bb_err stream_begin(bb_response *res, const char *content_type)
{
        CHECK_RESPONSE(res, BB_E_INVALID);
        return response_stream_begin(res, content_type, -1);
}

static BB_AWAIT bb_err stream_write(bb_response *res, bb_str data)
{
        CHECK_RESPONSE(res, BB_E_INVALID);
        return response_stream_write(res, data);
}

static bb_err set_problem(bb_response *res, bb_err err, int32_t status, const char *code, bb_str detail)
{
        CHECK_RESPONSE(res, err);
        return problem_set(res, err, status, code, detail);
}

static void add_problem_field(bb_response *res, bb_str pointer, bb_str detail)
{
        CHECK_RESPONSE(res, );
        problem_field(res, pointer, detail);
}

static bb_err check_etag(bb_request *req, bb_response *res, bb_str tag)
{
        CHECK_REQUEST(req, BB_E_INVALID);
        CHECK_RESPONSE(res, BB_E_INVALID);
        return etag_check(req, res, tag);
}

/* --- WebSocket and outbound --- */

/* What a client must read that asked for an upgrade, but not as RFC 6455 §4.2.1 has it. */
static bb_err bad_handshake(bb_request *req)
{
        struct bb_response *res = &req->response;

        if (bb_str_is(request_header(req, "sec-websocket-version"), "13"))
                return problem_set(res, BB_E_PROTOCOL, 400, "invalid-handshake",
                                   BB_STR("This is not the handshake of a WebSocket (RFC 6455)."));
        response_set_header(res, "Sec-WebSocket-Version", BB_STR("13"));
        response_set_header(res, "Upgrade", BB_STR("websocket"));
        return problem_set(res, BB_E_PROTOCOL, 426, "upgrade-required",
                           BB_STR("This address speaks WebSocket in version 13 (RFC 6455)."));
}

static bb_err read_page(bb_request *req, bb_response *res, size_t *ret_limit, bb_str *ret_after)
{
        CHECK_REQUEST(req, BB_E_INVALID);
        CHECK_RESPONSE(res, BB_E_INVALID);
        return page_read(req, res, ret_limit, ret_after);
}

static void send_page(bb_response *res, bb_json *items, bb_str next)
{
        if (is_response(res))
                page_send(res, items, next);
}

static bb_err ws_accept(bb_plugin_ref *who, bb_request *req, const struct bb_ws_handler *handler, void *user,
                        bb_ws **ret)
{
        bb_err err;

        CHECK_REQUEST(req, BB_E_INVALID);
        err = websocket_accept(req->wire, who, req->tenant, handler, user, ret);
        return err == BB_E_PROTOCOL ? bad_handshake(req) : err;
}

static BB_AWAIT bb_err ws_connect(bb_plugin_ref *who, bb_str url, const struct bb_http_header *headers,
                                  size_t header_count, const char *ca_file, const struct bb_ws_handler *handler,
                                  void *user, bb_ws **ret, int32_t *ret_http_status)
{
        return websocket_connect(who, task_tenant(task_current()), url, headers, header_count, ca_file, handler, user,
                                 ret, ret_http_status);
}

const struct bb_http_ops http_ops = {
        .size = sizeof(struct bb_http_ops),
        .routes = add_routes,
        .method = get_method,
        .path = get_path,
        .param = get_param,
        .query = get_query,
        .header = get_header,
        .body = get_body,
        .remote = get_remote,
        .base_url = get_base_url,
        .actor = get_actor,
        .allowed = is_allowed,
        .is_tls = get_is_tls,
        .client_certificate_name = get_client_certificate_name,
        .tenant_state = get_tenant_state,
        .decode = decode,
        .status = set_status,
        .set_header = set_header,
        .send_json = send_json,
        .send_bytes = send_bytes,
        .send_file = send_file,
        .stream_begin = stream_begin,
        .stream_write = stream_write,
        .problem = set_problem,
        .problem_field = add_problem_field,
        .etag = check_etag,
        .ws_accept = ws_accept,
        .ws_connect = ws_connect,
        .ws_send = websocket_send,
        .ws_close = websocket_close,
        .ws_probe = websocket_probe,
        .ws_remote = websocket_remote,
        .fetch = client_fetch,
        .page = read_page,
        .send_page = send_page,
        .read_body = read_body,
        .file_sent = file_sent,
        .send_growing_file = send_growing_file,
        .client_certificate = get_client_chain,
};
