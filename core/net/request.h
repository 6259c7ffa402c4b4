/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request and its answer are on the inside: shared by the files of the router alone (router.c, request.c,
 * response.c, problem.c, etag.c, idempotency.c, openapi.c, access.c). Both live in the arena of the request's task.
 */
#ifndef CORE_NET_REQUEST_H
#define CORE_NET_REQUEST_H

#include "base/list.h"
#include "net/router.h"
#include "net/routes.h"

#define REQUEST_MAGIC 0x52455155u
#define RESPONSE_MAGIC 0x52455350u

struct bb_response {
        uint32_t magic;
        struct bb_request *request;
        int32_t status; /* 0: not said yet */
        struct bb_http_header *headers;
        size_t header_count, header_room;
        const char *content_type;
        bb_str body; /* ptr NULL: none */
        int32_t not_modified;
        int32_t streaming; /* the header block is out, written in pieces */
        int32_t broken;    /* a piece could not be written */
        int32_t has_problem;
        struct {
                bb_err err;
                int32_t status;
                const char *code;
                bb_str detail;
        } problem;
        bb_json *errors; /* of the problem */
        int64_t sent_bytes;
        int64_t file_from; /* the first byte of a file that is sent */
};

struct request_pair {
        bb_str name, value;
};

struct bb_request {
        uint32_t magic;
        struct http_request *wire;
        struct bb_response response;
        bb_tenant *tenant;
        struct route_entry *entry; /* NULL until found; a reference is held */
        const struct bb_route *route;
        bb_str path;     /* decoded, without the tenant prefix */
        bb_str raw_path; /* as sent */
        bb_str raw_query;
        bb_str prefix; /* "/t/<tenant>" as sent, or empty */
        bb_str allow;
        bb_str values[ROUTE_SEGMENTS];
        struct request_pair *queries;
        size_t query_count;
        struct bb_principal principal; /* actor.ptr NULL: anonymous */
        bb_str remote;
        int32_t is_tls;
        int32_t via_proxy; /* the connection is a trusted proxy's */
        int32_t answered;  /* a step of the router has answered: the handler is not called */
        bb_json *json;     /* the parsed body */
        void *decoded;     /* of route->request */
        int32_t precondition_seen;
        bb_str idempotency_key; /* ptr NULL: none */
        char trace[17];
        int64_t started_us;
        bb_task_id task;
        struct list under_way; /* in router.c's list while its route is in use */
};

extern struct router_world router_world;

/* --- request.c --- */
struct bb_request *request_new(struct http_request *);
/* Path, tenant and route. BB_E_INVALID: the path is ill-formed; BB_E_DENIED: the connection's TLS is not for this
 * tenant; BB_E_NOT_FOUND; BB_E_UNSUPPORTED: other method, allow set. */
bb_err request_locate(struct bb_request *);
/* The route is the router's own or of a plugin that this bb_tenant has enabled; a route_filter. */
int32_t request_tenant_sees(const struct route_entry *, const void *tenant);
/* Does the plugin of a route that the tenant sees run there now? */
int32_t request_tenant_serves(const struct route_entry *, const bb_tenant *);
bb_str request_header(const struct bb_request *, const char *name);
int request_is(const struct bb_request *, const char *method);
bb_err request_check_query(struct bb_request *);
bb_err request_check_body(struct bb_request *);
bb_err request_decode(struct bb_request *, const struct bb_shape *, void *ret_struct, struct bb_response *);
bb_str request_param(const struct bb_request *, const char *name);
bb_str request_query(const struct bb_request *, const char *name);
bb_str request_base_url(const struct bb_request *);
int32_t request_allowed(const struct bb_request *, const char *permission);
BB_AWAIT bb_err request_read(struct bb_request *, void *buffer, size_t room, size_t *ret_count);
void request_find_peer(struct bb_request *); /* remote and is_tls, after trusted proxies (forwarded.c) */

/* --- response.c --- */
void response_set_header(struct bb_response *, const char *name, bb_str value);
bb_str response_header(const struct bb_response *, const char *name);
void response_remove_header(struct bb_response *, const char *name);
void response_json(struct bb_response *, const bb_json *);
void response_bytes(struct bb_response *, const char *content_type, bb_str);
bb_err response_stream_begin(struct bb_response *, const char *content_type, int64_t length);
BB_AWAIT bb_err response_stream_write(struct bb_response *, bb_str);
/* Turns `err` of the handler and what it left into status, headers and body; nothing leaves yet. */
void response_settle(struct bb_response *, bb_err);
BB_AWAIT void response_send(struct bb_response *, bb_err);
/* Files (response_file.c). */
BB_AWAIT bb_err response_file(struct bb_response *, const char *path, const char *content_type, bb_str download_name);
typedef bb_err (*bb_more)(int64_t sent, void *arg, int32_t *ret_complete);
BB_AWAIT bb_err response_growing_file(struct bb_response *, const char *path, const char *content_type,
                                      bb_str download_name, bb_more more, void *arg);
/* One byte range of a file of `size` bytes: BB_OK, BB_E_NOT_FOUND (no usable Range: send all), BB_E_INVALID (416). */
bb_err range_parse(bb_str header, int64_t size, int64_t *ret_from, int64_t *ret_length);
bb_str content_disposition(bb_str download_name);

/* --- problem.c --- */
bb_err problem_set(struct bb_response *, bb_err, int32_t status, const char *code, bb_str detail);
void problem_field(struct bb_response *, bb_str pointer, bb_str detail);
/* The problem that fits a bare error code. */
void problem_from_err(struct bb_response *, bb_err);
void problem_render(struct bb_response *); /* into status, content_type and body */
bb_str problem_text(int32_t status, const char *code, bb_str detail, bb_json *errors, const char *trace);
void trace_new(char ret[17]);

/* --- etag.c --- */
bb_err etag_check(struct bb_request *, struct bb_response *, bb_str tag);
/* Does the list of an If-Match or If-None-Match header hold "tag"? */
int etag_in_list(bb_str list, bb_str tag, int weak);

/* --- idempotency.c --- */
BB_AWAIT bb_err idempotency_begin(struct bb_request *);
BB_AWAIT void idempotency_end(struct bb_request *);

/* --- compress.c --- */
int accepts_gzip(bb_str accept_encoding);
int32_t is_compressible(const char *content_type);
BB_AWAIT bb_str gzip_text(bb_str); /* BB_NONE when that did not work */

/* --- access.c --- */
void access_begin(struct bb_request *);
void access_end(struct bb_request *, bb_err);

/* --- page.c --- */
bb_err page_read(struct bb_request *, struct bb_response *, size_t *ret_limit, bb_str *ret_after);
void page_send(struct bb_response *, bb_json *items, bb_str next);

/* --- openapi.c --- */
bb_err openapi_handle(struct bb_request *, struct bb_response *);

#endif
