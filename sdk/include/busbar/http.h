/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes, requests, answers, WebSockets, outbound HTTP and plain TCP ("http/1", "net/1").
 */
#ifndef BUSBAR_HTTP_H
#define BUSBAR_HTTP_H

#include <busbar/rt.h>
#include <busbar/shape.h>
#include <busbar/types.h>

enum {
        BB_ROUTE_WEBSOCKET = 1,  /* the handler ends with bb_ws_accept, or answers with an error */
        BB_ROUTE_IDEMPOTENT = 2, /* POST: an Idempotency-Key is honoured (24 h; 409 in flight, 422 other body) */
        BB_ROUTE_HIDDEN = 4,     /* not in openapi.json */
        BB_ROUTE_LIST = 8, /* the answer is {"items": [response…], "next_cursor": …}; takes ?limit= and ?cursor= */
        BB_ROUTE_RAW_BODY = 16, /* the body is not JSON */
        BB_ROUTE_IF_MATCH = 32, /* PUT, PATCH, DELETE: bb_etag() answers 428 when If-Match is missing */
        /* A stream without an end of its own (Server-Sent Events): cancelled when busbard drains. */
        BB_ROUTE_ENDLESS = 64,
        /* The body is not JSON, and not read before `handle` is called, which does so with bb_request_read. */
        BB_ROUTE_STREAM_BODY = 128,
        BB_ROUTE_SECRET_PATH = 256 /* who knows the path may use it: it is not logged */
};

/* A query parameter, for OpenAPI and for checking: unknown or ill-formed ones are 400 with their name. */
struct bb_query_param {
        const char *name;
        int32_t type; /* BB_T_STR, BB_T_INT, BB_T_BOOL, BB_T_TIME or BB_T_ENUM */
        int32_t flags;
        const char *const *values; /* BB_T_ENUM */
        const char *about;
};

struct bb_route {
        const char *method;     /* "GET"; a GET route answers HEAD too */
        const char *path;       /* "/v1/stations/{id}": {name} is one segment, {name...} the rest */
        const char *permission; /* the scope that the caller needs, "stations:read"; NULL: public */
        bb_err (*handle)(bb_request *, bb_response *);
        const char *summary;
        int32_t flags;
        int32_t status; /* of success, in OpenAPI and unless the handler sets another; 0: 200, or 204 without a body */
        const struct bb_shape *request; /* checked before `handle` is called: 422 with JSON pointers otherwise */
        const struct bb_shape *response;
        const struct bb_query_param *query;
        uint32_t query_count;
        uint32_t query_stride; /* sizeof(struct bb_query_param), set by bb_http_routes */
        int64_t max_body;      /* bytes; 0: 1 MiB */
        const char *tag;       /* OpenAPI group; NULL: the plugin's name */
};

#define BB_QUERY(table) .query = (table), .query_count = BB_COUNT(table), .query_stride = sizeof((table)[0])

/* WebSocket. */
enum { BB_WS_TEXT = 1, BB_WS_BINARY = 2 };

struct bb_ws_handler {
        uint32_t size;
        int32_t ping_ms; /* a ping at this interval, a close when no pong came within ping_timeout_ms; 0: none */
        int32_t ping_timeout_ms;
        int32_t max_queue;       /* messages waiting for on_message before reading stops; 0: 16 */
        int64_t max_message;     /* bytes; larger ones close with 1009; 0: the core's limit of 1 MiB */
        const char *subprotocol; /* echoed in the handshake's answer; NULL: none */
        /* On the loop as soon as the message is there; may not wait. 1: taken, on_message is not called. May be NULL.
         */
        int32_t (*on_arrival)(bb_ws *, void *user, int32_t kind, bb_str data);
        /* In a task, one message at a time, in order. `data` lives until it returns. */
        void (*on_message)(bb_ws *, void *user, int32_t kind, bb_str data);
        /* Last call for this socket, on the loop; may not wait (spawn a task). `code` 1006: no close frame came. */
        void (*on_close)(bb_ws *, void *user, int32_t code, bb_str reason);
};

struct bb_http_header {
        bb_str name, value;
};

/* An outbound request. */
struct bb_fetch {
        uint32_t size;
        int32_t flags;
        const char *method;
        bb_str url;
        const struct bb_http_header *headers;
        size_t header_count;
        bb_str body;
        int64_t timeout_ms;                                              /* 0: 10,000 */
        int64_t max_answer;                                              /* bytes; 0: 1 MiB */
        const char *client_certificate_file, *client_key_file, *ca_file; /* PEM; NULL: none, none, the system's */
};
enum {
        BB_FETCH_FOREIGN = 1 /* the URL came from a tenant or a partner: https only, no redirects, no private, loopback,
                              * link-local or mapped address, and the connection goes to the address that was checked */
};
struct bb_fetch_answer {
        uint32_t size;
        int32_t status;
        bb_str body;
        const struct bb_http_header *headers;
        size_t header_count;
};

struct bb_http_ops {
        uint32_t size;
        uint32_t reserved;
        /* In load(). Active for the tenants that have the plugin; others get the 404 of a path that does not exist. */
        bb_err (*routes)(bb_plugin_ref *who, const struct bb_route *, size_t count, size_t stride);

        /* The request. Everything lives until the handler's task ends. */
        bb_str (*method)(const bb_request *);
        bb_str (*path)(const bb_request *);                     /* decoded, without the tenant prefix */
        bb_str (*param)(const bb_request *, const char *name);  /* of the path, decoded */
        bb_str (*query)(const bb_request *, const char *name);  /* BB_NONE when absent */
        bb_str (*header)(const bb_request *, const char *name); /* BB_NONE when absent; doubled ones joined by ", " */
        bb_str (*body)(const bb_request *);
        bb_str (*remote)(const bb_request *);   /* the peer's address, after trusted proxies */
        bb_str (*base_url)(const bb_request *); /* "https://host[:port][/t/tenant]", for links in answers */
        bb_str (*actor)(const bb_request *);    /* "key:3f2a…", for audit entries; "anonymous" */
        int32_t (*allowed)(const bb_request *, const char *permission);
        int32_t (*is_tls)(const bb_request *);
        bb_str (*client_certificate_name)(const bb_request *); /* common name of a verified certificate, or BB_NONE */
        void *(*tenant_state)(bb_plugin_ref *who, const bb_request *);
        /* Fills the struct of the route's request shape. On a fault the answer is already the right problem. */
        bb_err (*decode)(bb_request *, const struct bb_shape *, void *ret_struct, bb_response *);

        /* The answer. A handler that returns an error without one gets the problem that fits the code. */
        void (*status)(bb_response *, int32_t status);
        void (*set_header)(bb_response *, const char *name, bb_str value);
        void (*send_json)(bb_response *, const bb_json *);
        void (*send_bytes)(bb_response *, const char *content_type, bb_str data);
        /* A file, or the range of it that is asked for. An ETag that was set before is the file's; otherwise it is made
         * of its size and time. */
        BB_AWAIT bb_err (*send_file)(bb_response *, const char *path, const char *content_type, bb_str download_name);
        /* Streaming: begin once, then write; write waits while the client is slow. */
        bb_err (*stream_begin)(bb_response *, const char *content_type);
        BB_AWAIT bb_err (*stream_write)(bb_response *, bb_str data);
        /* RFC 9457. Returns `err`, so that a handler can end with it. `code` is a constant: "station-offline". */
        bb_err (*problem)(bb_response *, bb_err err, int32_t status, const char *code, bb_str detail);
        /* One more entry of the problem's "errors": a JSON pointer and a sentence. */
        void (*problem_field)(bb_response *, bb_str pointer, bb_str detail);
        /* GET: sets ETag, and answers 304 when the caller has this version (what is sent later is dropped).
         * PUT, PATCH, DELETE: the first call compares `tag`, the version before the change (BB_NONE: there is none
         * yet), and answers 412 or 428 (returns BB_E_PRECONDITION); a second call sets ETag to the version after it.
         * POST: likewise when it has If-Match, and never 428.
         * `tag` without quotes; of printable ASCII, no '"'. */
        bb_err (*etag)(bb_request *, bb_response *, bb_str tag);

        /* WebSocket, server side. Frees nothing of `user`; on_close is the place for that. */
        bb_err (*ws_accept)(bb_plugin_ref *who, bb_request *, const struct bb_ws_handler *, void *user, bb_ws **ret);
        /* Client side: ws:// or wss://. */
        BB_AWAIT bb_err (*ws_connect)(bb_plugin_ref *who, bb_str url, const struct bb_http_header *headers,
                                      size_t header_count, const char *ca_file, const struct bb_ws_handler *,
                                      void *user, bb_ws **ret, int32_t *ret_http_status);
        bb_err (*ws_send)(bb_ws *, int32_t kind,
                          bb_str data); /* queued, never waits; BB_E_LIMIT when the peer does not read */
        void (*ws_close)(bb_ws *, int32_t code, bb_str reason); /* on_close follows */
        BB_AWAIT bb_err (*ws_probe)(bb_ws *,
                                    int64_t timeout_ms); /* ping, wait for the pong; BB_E_TIMEOUT or BB_E_CLOSED */
        bb_str (*ws_remote)(const bb_ws *);

        BB_AWAIT bb_err (*fetch)(const struct bb_fetch *, struct bb_fetch_answer *ret);

        /* A page of a list (BB_ROUTE_LIST). *ret_limit: 1 to 200; *ret_after: what the page before gave to send_page,
         * BB_NONE at the start. A cursor that this program did not make is answered with 400. */
        bb_err (*page)(bb_request *, bb_response *, size_t *ret_limit, bb_str *ret_after);
        /* {"items": …, "next_cursor": …} with its Link header. `next`: text that finds the last item again, in UTF-8;
         * BB_NONE when there are no more. Callers can read it, so what they may not know is sealed (crypto.h) first. */
        void (*send_page)(bb_response *, bb_json *items, bb_str next);

        /* The certificate that the client proved to own in the TLS handshake, with what it sent along, PEM, leaf first;
         * BB_NONE: none. Under `client_policy: any` nobody has verified it: bb_certificate_verify() (crypto.h). A
         * resumed session brings the leaf alone. */
        bb_str (*client_certificate)(const bb_request *);

        /* The next bytes of the body of a BB_ROUTE_STREAM_BODY route: one at least, `room` at most; *ret_count 0: its
         * end. BB_E_LIMIT: it is longer than max_body; BB_E_PROTOCOL: its chunks are ill-formed; BB_E_TIMEOUT: it
         * comes too slowly (a minute without a byte, or less than a kilobyte a second); BB_E_CLOSED: the caller went
         * away. A handler that leaves some of it ends the connection. The task's time limit rests meanwhile. */
        BB_AWAIT bb_err (*read_body)(bb_request *, void *buffer, size_t room, size_t *ret_count);
        /* After bb_response_file, also one that failed on the way: which bytes of the file were sent, a range perhaps.
         */
        void (*file_sent)(const bb_response *, int64_t *ret_from, int64_t *ret_count);

        /* A file that is still being written at its end, from its start: what is there, as fast as the caller takes it,
         * then what comes. `more` runs in this task whenever all that is there was sent: it waits for more, for a
         * second or so (a caller who went away is noticed between), and returns BB_OK; with *ret_complete set when the
         * file will not grow any more (what was added before is still sent), or an error when it will never be
         * complete: then the connection is cut, so that nobody takes the part for the whole. Its length is not known,
         * so there are no ranges. Whoever begins the file anew makes another file: one that gets shorter is not
         * noticed. */
        BB_AWAIT bb_err (*send_growing_file)(bb_response *, const char *path, const char *content_type,
                                             bb_str download_name,
                                             bb_err (*more)(int64_t sent, void *arg, int32_t *ret_complete), void *arg);
};

/* Plain TCP and TLS, for hardware with protocols of its own. A stream belongs to one task at a time. */
struct bb_net_ops {
        uint32_t size;
        uint32_t reserved;
        /* `serve` runs in a task per connection (in the tenant given) and the stream is closed when it returns.
         * `address` is "host:port"; port 0 takes a free one, ret_port says which. Closed when the plugin or tenant
         * stops. */
        bb_err (*listen)(bb_plugin_ref *who, bb_tenant *, const char *address, void (*serve)(bb_stream *, void *arg),
                         void *arg, int32_t *ret_port);
        BB_AWAIT bb_err (*connect)(const char *address, int32_t tls, bb_stream **ret);
        /* At least one byte, at most `room`; 0 bytes: the peer closed. */
        BB_AWAIT bb_err (*read)(bb_stream *, void *buffer, size_t room, int64_t timeout_ms, size_t *ret_count);
        /* Up to and without '\n' (and a '\r' before it), in the task's memory; BB_E_LIMIT beyond `max`. */
        BB_AWAIT bb_err (*read_line)(bb_stream *, size_t max, int64_t timeout_ms, bb_str *ret_line);
        BB_AWAIT bb_err (*write)(bb_stream *, bb_str data);
        void (*close)(bb_stream *);
        bb_str (*remote)(const bb_stream *);
};

extern const struct bb_http_ops *bb_http_ BB_HIDDEN;
extern const struct bb_net_ops *bb_net_ BB_HIDDEN;
extern bb_plugin_ref *bb_self_ BB_HIDDEN;

static inline bb_err bb_http_routes(const struct bb_route *routes, size_t count)
{
        return bb_http_->routes(bb_self_, routes, count, sizeof(*routes));
}
static inline bb_str bb_request_method(const bb_request *r)
{
        return bb_http_->method(r);
}
static inline bb_str bb_request_path(const bb_request *r)
{
        return bb_http_->path(r);
}
static inline bb_str bb_request_param(const bb_request *r, const char *name)
{
        return bb_http_->param(r, name);
}
static inline bb_str bb_request_query(const bb_request *r, const char *name)
{
        return bb_http_->query(r, name);
}
static inline bb_str bb_request_header(const bb_request *r, const char *name)
{
        return bb_http_->header(r, name);
}
static inline bb_str bb_request_body(const bb_request *r)
{
        return bb_http_->body(r);
}
static inline BB_AWAIT bb_err bb_request_read(bb_request *r, void *buffer, size_t room, size_t *ret_count)
{
        return bb_http_->read_body(r, buffer, room, ret_count);
}
static inline bb_str bb_request_remote(const bb_request *r)
{
        return bb_http_->remote(r);
}
static inline bb_str bb_request_base_url(const bb_request *r)
{
        return bb_http_->base_url(r);
}
static inline bb_str bb_request_actor(const bb_request *r)
{
        return bb_http_->actor(r);
}
static inline int32_t bb_request_allowed(const bb_request *r, const char *permission)
{
        return bb_http_->allowed(r, permission);
}
static inline int32_t bb_request_is_tls(const bb_request *r)
{
        return bb_http_->is_tls(r);
}
static inline bb_str bb_request_client_certificate_name(const bb_request *r)
{
        return bb_http_->client_certificate_name(r);
}
static inline bb_str bb_request_client_certificate(const bb_request *r)
{
        return BB_HAS(bb_http_, client_certificate) ? bb_http_->client_certificate(r) : BB_NONE;
}
static inline void *bb_request_state(const bb_request *r)
{
        return bb_http_->tenant_state(bb_self_, r);
}
static inline bb_err bb_request_decode(bb_request *r, const struct bb_shape *shape, void *ret_struct, bb_response *res)
{
        return bb_http_->decode(r, shape, ret_struct, res);
}
static inline void bb_response_status(bb_response *res, int32_t status)
{
        bb_http_->status(res, status);
}
static inline void bb_response_header(bb_response *res, const char *name, bb_str value)
{
        bb_http_->set_header(res, name, value);
}
static inline void bb_response_json(bb_response *res, const bb_json *value)
{
        bb_http_->send_json(res, value);
}
static inline void bb_response_shape(bb_response *res, const struct bb_shape *shape, const void *object)
{
        bb_http_->send_json(res, bb_shape_encode(shape, object));
}
static inline void bb_response_bytes(bb_response *res, const char *content_type, bb_str data)
{
        bb_http_->send_bytes(res, content_type, data);
}
static inline BB_AWAIT bb_err bb_response_file(bb_response *res, const char *path, const char *content_type,
                                               bb_str download_name)
{
        return bb_http_->send_file(res, path, content_type, download_name);
}
static inline BB_AWAIT bb_err bb_response_growing_file(bb_response *res, const char *path, const char *content_type,
                                                       bb_str download_name,
                                                       bb_err (*more)(int64_t sent, void *arg, int32_t *ret_complete),
                                                       void *arg)
{
        return bb_http_->send_growing_file(res, path, content_type, download_name, more, arg);
}
static inline void bb_response_file_sent(const bb_response *res, int64_t *ret_from, int64_t *ret_count)
{
        bb_http_->file_sent(res, ret_from, ret_count);
}
static inline bb_err bb_response_stream(bb_response *res, const char *content_type)
{
        return bb_http_->stream_begin(res, content_type);
}
static inline BB_AWAIT bb_err bb_response_write(bb_response *res, bb_str data)
{
        return bb_http_->stream_write(res, data);
}
static inline bb_err bb_problem(bb_response *res, bb_err err, int32_t status, const char *code, bb_str detail)
{
        return bb_http_->problem(res, err, status, code, detail);
}
static inline void bb_problem_field(bb_response *res, bb_str pointer, bb_str detail)
{
        bb_http_->problem_field(res, pointer, detail);
}
static inline bb_err bb_etag(bb_request *req, bb_response *res, bb_str tag)
{
        return bb_http_->etag(req, res, tag);
}
static inline bb_err bb_ws_accept(bb_request *req, const struct bb_ws_handler *h, void *user, bb_ws **ret)
{
        return bb_http_->ws_accept(bb_self_, req, h, user, ret);
}
static inline BB_AWAIT bb_err bb_ws_connect(bb_str url, const struct bb_http_header *headers, size_t header_count,
                                            const char *ca_file, const struct bb_ws_handler *h, void *user, bb_ws **ret,
                                            int32_t *ret_http_status)
{
        return bb_http_->ws_connect(bb_self_, url, headers, header_count, ca_file, h, user, ret, ret_http_status);
}
static inline bb_err bb_ws_send(bb_ws *ws, int32_t kind, bb_str data)
{
        return bb_http_->ws_send(ws, kind, data);
}
static inline void bb_ws_close(bb_ws *ws, int32_t code, bb_str reason)
{
        bb_http_->ws_close(ws, code, reason);
}
static inline BB_AWAIT bb_err bb_ws_probe(bb_ws *ws, int64_t timeout_ms)
{
        return bb_http_->ws_probe(ws, timeout_ms);
}
static inline bb_str bb_ws_remote(const bb_ws *ws)
{
        return bb_http_->ws_remote(ws);
}
static inline BB_AWAIT bb_err bb_fetch(const struct bb_fetch *request, struct bb_fetch_answer *ret)
{
        return bb_http_->fetch(request, ret);
}
static inline bb_err bb_page(bb_request *req, bb_response *res, size_t *ret_limit, bb_str *ret_after)
{
        return bb_http_->page(req, res, ret_limit, ret_after);
}
static inline void bb_response_page(bb_response *res, bb_json *items, bb_str next)
{
        bb_http_->send_page(res, items, next);
}
static inline bb_err bb_listen(bb_tenant *tenant, const char *address, void (*serve)(bb_stream *, void *), void *arg,
                               int32_t *ret_port)
{
        return bb_net_->listen(bb_self_, tenant, address, serve, arg, ret_port);
}
static inline BB_AWAIT bb_err bb_connect(const char *address, int32_t tls, bb_stream **ret)
{
        return bb_net_->connect(address, tls, ret);
}
static inline BB_AWAIT bb_err bb_stream_read(bb_stream *s, void *buffer, size_t room, int64_t timeout_ms,
                                             size_t *ret_count)
{
        return bb_net_->read(s, buffer, room, timeout_ms, ret_count);
}
static inline BB_AWAIT bb_err bb_stream_read_line(bb_stream *s, size_t max, int64_t timeout_ms, bb_str *ret_line)
{
        return bb_net_->read_line(s, max, timeout_ms, ret_line);
}
static inline BB_AWAIT bb_err bb_stream_write(bb_stream *s, bb_str data)
{
        return bb_net_->write(s, data);
}
static inline void bb_stream_close(bb_stream *s)
{
        bb_net_->close(s);
}
static inline bb_str bb_stream_remote(const bb_stream *s)
{
        return bb_net_->remote(s);
}

#endif
