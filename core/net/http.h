/* SPDX-License-Identifier: Apache-2.0
 *
 * The door between the wire (http1.c, websocket.c, tls.c) and what answers (router.c): a parsed request on one side, an
 * answer on the other. The wire knows no routes, tenants or JSON; the router knows no sockets.
 */
#ifndef CORE_NET_HTTP_H
#define CORE_NET_HTTP_H

#include "base/arena.h"
#include <busbar/http.h>

struct http_conn;

/* A request whose header block and body passed every check of RFC 9112. Lives in the arena of its task. */
struct http_request {
        struct http_conn *conn;
        bb_str method;                        /* "GET" */
        bb_str target;                        /* origin-form as sent: "/v1/stations?limit=2" */
        bb_str host;                          /* of the Host header, lower case, without port; never empty */
        bb_str authority;                     /* the Host header as sent */
        const struct bb_http_header *headers; /* names in lower case */
        size_t header_count;
        bb_str body;
        bb_str remote;                  /* address of the peer, without port */
        int32_t is_tls, minor_version;  /* HTTP/1.0 or 1.1 */
        bb_str client_certificate_name; /* verified, or BB_NONE */
        bb_str client_chain;            /* PEM, verified or not, or BB_NONE */
        bb_str tls_server_name;         /* lower case */
        bb_str tls_client_rules; /* how the handshake asked for client certificates: see tls_context_client_rules() */
        void *router;            /* the router's own part (its struct bb_request), set in plan() */
};

/* What the router tells the wire as soon as the header block is there, before the body is read. */
struct http_plan {
        int64_t max_body;    /* a longer body: 413 without reading it */
        int32_t websocket;   /* the route wants an upgrade */
        int32_t stream_body; /* the handler reads it with http_request_read; max_body counts */
};

struct http_service {
        /* On the loop; may not wait. req->body is not there yet. The request's arena is arena_current. */
        void (*plan)(struct http_request *, struct http_plan *ret, void *arg);
        /* In a task of the connection, one request at a time, in order (pipelined ones wait). Must call http_reply or
         * http_reply_begin … http_reply_end or websocket_accept before it returns; otherwise the wire answers 500. */
        BB_AWAIT void (*handle)(struct http_request *, void *arg);
        /* An error found by the wire (400, 408, 413, 414, 431, 501, 505): gives the body to send with it. On the loop.
         */
        void (*error_body)(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body,
                           void *arg);
        /* TLS: which certificate and client policy for this name. NULL: the listener's own. On the loop. */
        struct tls_context *(*tls_select)(bb_str server_name, void *arg);
        void *arg;
};

/* The next bytes of a streamed body: one at least; *ret_count 0: its end. Only in the task of the request. */
BB_AWAIT bb_err http_request_read(struct http_request *, void *buffer, size_t room, size_t *ret_count);

/* Whole answer at once. Adds Date, Content-Length, Connection; for HEAD the body is left out by the wire. */
void http_reply(struct http_request *, int32_t status, const struct bb_http_header *, size_t count, bb_str body);
/* Streamed: chunked for 1.1, close-delimited for 1.0, Content-Length when length >= 0. */
void http_reply_begin(struct http_request *, int32_t status, const struct bb_http_header *, size_t count,
                      int64_t length);
BB_AWAIT bb_err http_reply_write(struct http_request *, bb_str data); /* waits while more than 256 KiB are unsent */
/* ok 0: something broke on the way: the connection is cut so that the client sees it. */
void http_reply_end(struct http_request *, int32_t ok);
int32_t http_replied(const struct http_request *);
int32_t http_is_open(const struct http_request *); /* the peer is still there, as far as we know */

/* --- listeners --- */
struct tls_context; /* tls.h */
struct http_limits {
        int32_t header_ms; /* total time for a header block: 10,000 */
        int32_t body_ms;   /* total time for a body: 60,000 (scaled up for large plans by the wire) */
        int32_t idle_ms;   /* keep-alive: 75,000 */
        int32_t write_ms;  /* an answer that the peer does not read: 60,000 without progress */
        int32_t max_connections;
        int32_t max_per_address; /* 0: no limit; loopback is never limited */
};
struct http_listener;
/* address "127.0.0.1:8080", "[::]:443", port 0: a free one; or "fd:7": a bound, listening socket that the supervisor
 * opened, so that the worker's restart refuses no connection (the listener closes its copy when it is freed). */
bb_err http_listen(const char *address, struct tls_context *tls_or_null, const struct http_service *,
                   const struct http_limits *, struct http_listener **ret, int32_t *ret_port);
/* New connections use this context from now on; those that are open keep theirs. The listener takes a reference. */
void http_listener_set_tls(struct http_listener *, struct tls_context *);
void http_listener_stop_accepting(struct http_listener *);
/* Ends idle connections at once, busy ones after their answer; WebSockets are closed with 1001, at most ws_per_second.
 */
void http_listener_drain(struct http_listener *, int32_t ws_per_second);
size_t http_listener_count(const struct http_listener *); /* open connections, WebSockets among them */
void http_listener_free(struct http_listener *);

/* --- WebSocket, server side (websocket.c) --- */
/* Sends the 101 (RFC 6455 §4.2.2) and hands the connection over. BB_E_PROTOCOL when the request is no valid upgrade
 * (the handler then answers 400 or 426). Groups by (who, tenant) so that stopping a plugin closes them. */
/* What to answer when it is none: 400, or 426 for another version (the wire adds Upgrade and Sec-WebSocket-Version to
 * every 426 by itself); 0: it is a valid upgrade. A handler that returns unanswered after a failed accept gets this
 * answer. */
int32_t websocket_check(const struct http_request *);
bb_err websocket_accept(struct http_request *, bb_plugin_ref *who, bb_tenant *, const struct bb_ws_handler *,
                        void *user, bb_ws **ret);
BB_AWAIT bb_err websocket_connect(bb_plugin_ref *who, bb_tenant *, bb_str url, const struct bb_http_header *,
                                  size_t count, const char *ca_file, const struct bb_ws_handler *, void *user,
                                  bb_ws **ret, int32_t *ret_http_status);
bb_err websocket_send(bb_ws *, int32_t kind, bb_str data);
void websocket_close(bb_ws *, int32_t code, bb_str reason);
BB_AWAIT bb_err websocket_probe(bb_ws *, int64_t timeout_ms);
bb_str websocket_remote(const bb_ws *);
/* Closes those of a plugin and tenant (NULL: any) with 1001; they are gone after on_close. */
void websocket_close_group(const bb_plugin_ref *, const bb_tenant *, int32_t code);
size_t websocket_group_count(const bb_plugin_ref *, const bb_tenant *);

/* --- plain streams (stream.c): the "net/1" table; listeners and streams are grouped likewise --- */
extern const struct bb_net_ops net_ops;
void stream_close_group(const bb_plugin_ref *, const bb_tenant *);

#endif
