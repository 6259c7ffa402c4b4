/* SPDX-License-Identifier: Apache-2.0
 *
 * A connected socket with its TLS, what has come and what is to go: the bytes under HTTP, WebSockets and streams. Made
 * for sockets by the ten thousand that are silent most of the time: registered with epoll once (edge-triggered), one
 * read and one write a message, and no buffer while nothing waits in it.
 */
#ifndef CORE_NET_WIRE_H
#define CORE_NET_WIRE_H

#include <busbar/types.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

struct wire;

enum { WIRE_CONNECTED = 1, WIRE_EOF, WIRE_ERROR };

/* All are called on the loop, never from within one of the calls below, and may free the wire. */
struct wire_handler {
        void (*on_read)(struct wire *, void *arg);  /* something has come, or wire_again() was called */
        void (*on_write)(struct wire *, void *arg); /* something went, and no more than the low mark is left */
        /* WIRE_CONNECTED: connected, its handshake too. WIRE_EOF: the peer sends no more. WIRE_ERROR: it is of no use
         * any more; over TLS see wire_tls_error(). */
        void (*on_event)(struct wire *, int32_t what, void *arg);
};

/* Takes the descriptor (-1: none yet, see wire_connect) and `ssl`, which may be NULL. Over TLS it shakes hands first,
 * as `ssl` is set to; otherwise it is open at once. NULL: the descriptor cannot be watched; it and `ssl` are the
 * caller's. */
struct wire *wire_new(int fd, SSL *ssl);
void wire_set_handler(struct wire *, const struct wire_handler *, void *arg);
/* BB_E_IO when that fails at once; otherwise an event follows. */
bb_err wire_connect(struct wire *, const struct sockaddr *, socklen_t len);
/* Closes the socket; what is unsent is lost. */
void wire_free(struct wire *);

/* --- receiving --- */
bb_str wire_in(const struct wire *);       /* what has come, in one piece; until the next call about this wire */
void wire_take(struct wire *, size_t len); /* off the front of it */
void wire_move(struct wire *, void *to, size_t len); /* copies what it takes */
/* While it is off nothing is read, and the peer is slowed down. */
void wire_set_reading(struct wire *, int32_t on);
void wire_again(struct wire *); /* on_read at the next turn, whether anything came or not */

/* --- sending: goes out together at the end of the turn --- */
void wire_send(struct wire *, const void *data, size_t len);
char *wire_space(struct wire *, size_t len); /* the same, to be filled at once */
bb_str wire_out(const struct wire *);        /* what is unsent */
void wire_set_low(struct wire *, size_t low);

/* --- the rest --- */
int wire_fd(const struct wire *);
SSL *wire_ssl(const struct wire *);                /* NULL: no TLS */
unsigned long wire_tls_error(const struct wire *); /* OpenSSL's code of what ended it; 0: none */

#endif
