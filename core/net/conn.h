/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the wire share: a listener, a connection, a request under way. Nobody else includes this.
 */
#ifndef CORE_NET_CONN_H
#define CORE_NET_CONN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "net/addr.h"
#include "net/deadline.h"
#include "net/http.h"
#include "net/http1_parse.h"
#include "net/wire.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <busbar/log.h>
#include <event2/listener.h>

#define LISTENER_MAGIC 0x4c49534eu
#define CONN_MAGIC 0x434f4e4eu

enum {
        CONN_READ_AHEAD = 64 * 1024,     /* bytes of later requests that are taken in while one is answered */
        CONN_UNSENT_NEXT = 64 * 1024,    /* with more unsent than this the next request waits */
        CONN_UNSENT_STREAM = 256 * 1024, /* http_reply_write waits above this */
        CONN_LINGER_MS = 2000,
        CONN_LINGER_BYTES = 1024 * 1024,
        TLS_HANDSHAKE_MS = 10 * 1000
};

struct http_listener {
        uint32_t magic;
        int32_t refs; /* the owner's, and one for each connection */
        struct evconnlistener *accept;
        struct tls_context *tls;
        struct http_service service;
        struct http_limits limits;
        struct list conns;
        size_t count;
        struct map *per_address; /* addr_key -> number of connections */
        struct deadline resume;  /* accepting pauses after EMFILE and the like */
        struct deadline drain;
        struct deadline calm; /* some time after the last of many connections */
        size_t arrived;       /* since then */
        int32_t draining, ws_per_second;
        int64_t ws_credit; /* thousandths of a WebSocket that may be closed now */
};

enum {
        CONN_HANDSHAKE, /* TLS */
        CONN_IDLE,      /* no byte of the next request is there */
        CONN_HEAD,
        CONN_BODY,
        CONN_HANDLING, /* the task runs, or is about to */
        CONN_FLUSH,    /* answered, the answer is on its way */
        CONN_LINGER,   /* our side is shut; what the peer still sends is thrown away */
        CONN_UPGRADED  /* a WebSocket has the socket */
};

struct exchange;

struct http_conn {
        uint32_t magic;
        int32_t holds; /* one while the socket is open, one while a task answers */
        uint8_t state, paused, peer_eof, keep, counted, is_tls, key_len;
        struct list link;
        struct http_listener *listener;
        struct wire *wire; /* NULL: gone, or with the WebSocket */
        struct exchange *x;
        struct bb_ws *ws;
        struct deadline deadline;
        struct http1_scan scan;
        uint64_t added, mark; /* bytes given to the wire; those sent when the write deadline last looked */
        uint64_t lingered;
        char key[8]; /* of the listener's per_address */
        char remote[ADDR_TEXT_MAX];
};

/* One request and its answer. Lives in its own arena, which goes when the task that answered has ended. */
struct exchange {
        struct http_request req; /* first: an http_request of ours is one of these */
        struct http1_head head;
        struct http_plan plan;
        struct arena *arena;
        struct buf body;
        struct http1_chunked chunked;
        struct task *waiter; /* in http_reply_write */
        int64_t reply_left;  /* of the length that http_reply_begin announced; -1: none was */
        int32_t running;     /* the task is spawned */
        int32_t replied, ended, chunked_reply, no_body, keep, refusal;
        /* A body that the handler reads. http1_body.c */
        int32_t streamed, body_ended, continued, reading;
        int64_t body_left; /* of a plain one */
        int64_t body_taken, body_since_ms;
};

static inline struct exchange *exchange_of(const struct http_request *req)
{
        return (struct exchange *)(uintptr_t)req;
}

/* --- http1_listen.c --- */
void listener_unref(struct http_listener *);
void listener_forget(struct http_listener *, struct http_conn *); /* off its list and counts */

/* --- http1_conn.c --- */
void conn_new(struct http_listener *, int fd, const struct sockaddr *, bb_str key);
/* Closes the socket now. A task that still answers gets BB_E_CLOSED from its writes. */
void conn_gone(struct http_conn *);
void conn_abort(struct http_conn *); /* the same with a reset */
void conn_send(struct http_conn *, const void *, size_t);
size_t conn_unsent(const struct http_conn *);
/* Reads from the socket as long as not too much waits to be taken. */
void conn_throttle(struct http_conn *);
/* The answer is complete: the next request, or the end once all is sent. */
void conn_answered(struct http_conn *, int32_t keep);
/* Gives the socket away (to a WebSocket). The place in the listener's counts stays until conn_gone(). */
struct wire *conn_upgrade(struct http_conn *, struct bb_ws *);

/* --- http1_body.c --- */
int32_t body_stream_begin(struct exchange *);
/* A connection with the rest of a body on it serves no other request. */
int32_t body_is_unread(const struct exchange *);

/* --- http1_reply.c --- */
/* Answers what the wire found wrong and ends the connection. x may be NULL. */
void reply_fault(struct http_conn *, struct exchange *, int32_t status, const char *code, const char *detail);
void reply_raw(struct http_conn *, const char *text);
/* What a task that ended left open is closed here. */
void reply_finish(struct exchange *);
void reply_date(struct buf *);
/* Strangers can cause log lines at will: true twenty times a second. Every fault is counted in the metrics anyway. */
int32_t wire_may_log(void);

/* --- websocket.c --- */
int32_t websocket_is_closing(const struct bb_ws *);
void websocket_drop(struct bb_ws *); /* the socket is closed at once; on_close follows */

#endif
