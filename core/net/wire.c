/* SPDX-License-Identifier: Apache-2.0
 *
 * See wire.h. Edge-triggered: `readable` and `writable` remember an edge until the kernel has said that there is no
 * more. Whoever wants something done at the end of the turn hangs in `work`.
 */
#include "net/wire.h"
#include "base/arena.h"
#include "base/list.h"
#include "net/addr.h"
#include "rt/loop.h"
#include <errno.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_MOST = 16 * 1024 }; /* in one turn, so that one busy peer does not keep the others waiting */

struct bytes {
        char *ptr;
        size_t start, len, room; /* room 0: `ptr` is the scratch */
};

enum { CONNECTING, HANDSHAKE, OPEN, BROKEN };

struct wire {
        struct event event;
        struct list link; /* in `work` */
        const struct wire_handler *handler;
        void *arg;
        SSL *ssl;
        unsigned long tls_error;
        struct bytes in, out;
        size_t low;
        int fd;
        uint8_t state, reading, readable, writable, hangup, ended, again, busy, freed;
        int8_t outcome; /* of a read, to be told once what came before it was taken */
};

static struct list work = {&work, &work};
static char scratch[READ_MOST]; /* what was read, while on_read looks at it */

static void turn(struct wire *);

/* --- bytes --- */

static void bytes_free(struct bytes *b)
{
        if (b->room > 0)
                free(b->ptr);
        *b = (struct bytes){0};
}

static void bytes_drop(struct bytes *b, size_t len)
{
        b->start += len;
        b->len -= len;
        if (b->len == 0)
                bytes_free(b);
}

/* Room for `more` behind what is there. */
static char *bytes_room(struct bytes *b, size_t more)
{
        size_t need = b->len + more, room = b->room;
        char *grown;

        if (b->start + need <= b->room)
                return b->ptr + b->start + b->len;
        /* Not for every few bytes that go at the front. */
        if (need <= b->room && b->start >= need / 2) {
                memmove(b->ptr, b->ptr + b->start, b->len);
                b->start = 0;
                return b->ptr + b->len;
        }
        room = room * 2 > need ? room * 2 : need;
        grown = malloc(room);
        if (grown == NULL)
                abort(); /* out of memory */
        if (b->len > 0)
                memcpy(grown, b->ptr + b->start, b->len);
        if (b->room > 0)
                free(b->ptr);
        b->ptr = grown;
        b->start = 0;
        b->room = room;
        return grown + b->len;
}

static void bytes_add(struct bytes *b, const char *data, size_t len)
{
        memcpy(bytes_room(b, len), data, len);
        b->len += len;
}

/* --- the end of the turn --- */

static void run_work(void *arg)
{
        struct list now;

        (void)arg;
        list_init(&now);
        /* What is scheduled on the way has its turn at the next one. */
        while (!list_empty(&work)) {
                struct list *first = work.next;

                list_remove(first);
                list_append(&now, first);
        }
        while (!list_empty(&now)) {
                struct wire *w = LIST_OF(struct wire, link, now.next);

                list_remove(&w->link);
                turn(w);
        }
}

static void schedule(struct wire *w)
{
        if (!list_empty(&w->link))
                return;
        if (list_empty(&work))
                loop_defer(run_work, NULL);
        list_append(&work, &w->link);
}

/* --- life --- */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
        struct wire *w = arg;

        (void)fd;
        w->readable |= (what & (EV_READ | EV_CLOSED)) != 0;
        w->writable |= (what & EV_WRITE) != 0;
        w->hangup |= (what & EV_CLOSED) != 0;
        turn(w);
}

static int32_t watch(struct wire *w, int fd)
{
        w->fd = fd;
        if (w->ssl != NULL && SSL_set_fd(w->ssl, fd) != 1)
                return 0;
        return event_assign(&w->event, loop_base(), fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_ready,
                            w) == 0 &&
               event_add(&w->event, NULL) == 0;
}

struct wire *wire_new(int fd, SSL *ssl)
{
        struct wire *w = heap_new(sizeof(*w));

        list_init(&w->link);
        w->ssl = ssl;
        w->fd = -1;
        w->reading = 1;
        w->state = fd < 0 ? CONNECTING : ssl != NULL ? HANDSHAKE : OPEN;
        w->writable = fd >= 0;
        if (fd >= 0 && !watch(w, fd)) {
                free(w);
                return NULL;
        }
        return w;
}

void wire_set_handler(struct wire *w, const struct wire_handler *handler, void *arg)
{
        w->handler = handler;
        w->arg = arg;
}

bb_err wire_connect(struct wire *w, const struct sockaddr *sa, socklen_t len)
{
        int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return BB_E_IO;
        addr_prepare_socket(fd);
        if (connect(fd, sa, len) != 0 && errno != EINPROGRESS) {
                close(fd);
                return BB_E_IO;
        }
        return watch(w, fd) ? BB_OK : BB_E_IO;
}

void wire_free(struct wire *w)
{
        if (w->fd >= 0) {
                event_del(&w->event);
                close(w->fd);
        }
        SSL_free(w->ssl);
        list_remove(&w->link);
        bytes_free(&w->in);
        bytes_free(&w->out);
        w->fd = -1;
        w->ssl = NULL;
        w->freed = 1;
        if (!w->busy)
                free(w);
}

static void tell(struct wire *w, int32_t what)
{
        if (what != WIRE_CONNECTED)
                w->ended = 1;
        if (what == WIRE_ERROR)
                w->state = BROKEN;
        if (w->handler != NULL)
                w->handler->on_event(w, what, w->arg);
}

/* --- TLS and plain alike --- */

enum { LATER = 0, END = -1, FAILED = -2 };

/* What OpenSSL's answer to a call means, if it was not a success. */
static ssize_t tls_outcome(struct wire *w, int r)
{
        int reason = errno;

        switch (SSL_get_error(w->ssl, r)) {
        case SSL_ERROR_WANT_READ:
                w->readable = 0;
                return LATER;
        case SSL_ERROR_WANT_WRITE:
                w->writable = 0;
                return LATER;
        case SSL_ERROR_ZERO_RETURN:
                return END;
        case SSL_ERROR_SYSCALL:
                ERR_clear_error();
                return reason == 0 ? END : FAILED;
        default:
                w->tls_error = ERR_peek_error();
                ERR_clear_error();
                return FAILED;
        }
}

static ssize_t socket_outcome(uint8_t *able)
{
        if (errno != EAGAIN && errno != EWOULDBLOCK)
                return FAILED;
        *able = 0;
        return LATER;
}

/* Records until there are no more, or `room` is full. */
static ssize_t read_tls(struct wire *w, char *to, size_t room)
{
        ssize_t outcome = w->outcome;
        size_t have = 0, n;
        int r;

        while (outcome == LATER && have < room && w->readable) {
                ERR_clear_error();
                errno = 0;
                r = SSL_read_ex(w->ssl, to + have, room - have, &n);
                if (r == 1)
                        have += n;
                else
                        outcome = tls_outcome(w, r);
                if (r != 1 && outcome == LATER)
                        break;
        }
        w->outcome = (int8_t)outcome;
        return have > 0 ? (ssize_t)have : outcome;
}

static ssize_t read_plain(struct wire *w, char *to, size_t room)
{
        ssize_t n;

        do
                n = recv(w->fd, to, room, 0);
        while (n < 0 && errno == EINTR);
        if (n == 0)
                return END;
        if (n < 0)
                return socket_outcome(&w->readable);
        /* A short read leaves nothing, but for the end, whose edge may have been the same. */
        if ((size_t)n < room && !w->hangup)
                w->readable = 0;
        return n;
}

static ssize_t write_plain(struct wire *w, const char *from, size_t len)
{
        ssize_t n;

        do
                n = send(w->fd, from, len, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n >= 0 ? n : socket_outcome(&w->writable);
}

static ssize_t write_tls(struct wire *w, const char *from, size_t len)
{
        size_t done;
        int r;

        ERR_clear_error();
        errno = 0;
        r = SSL_write_ex(w->ssl, from, len, &done);
        return r == 1 ? (ssize_t)done : tls_outcome(w, r);
}

/* --- a turn --- */

static int32_t is_alive(const struct wire *w)
{
        return !w->freed && w->state == OPEN;
}

static void call_read(struct wire *w)
{
        if (w->handler != NULL)
                w->handler->on_read(w, w->arg);
}

static void finish_connect(struct wire *w)
{
        int error = 0;
        socklen_t len = sizeof(error);

        if (!w->writable)
                return;
        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
                tell(w, WIRE_ERROR);
                return;
        }
        w->state = w->ssl != NULL ? HANDSHAKE : OPEN;
        if (w->state == OPEN)
                tell(w, WIRE_CONNECTED);
}

static void shake_hands(struct wire *w)
{
        ssize_t outcome;
        int r;

        ERR_clear_error();
        errno = 0;
        r = SSL_do_handshake(w->ssl);
        if (r == 1) {
                w->state = OPEN;
                w->readable = w->writable = 1; /* what came with the last flight is with OpenSSL already */
                tell(w, WIRE_CONNECTED);
                return;
        }
        outcome = tls_outcome(w, r);
        if (outcome == END)
                w->state = BROKEN;
        if (outcome != LATER)
                tell(w, outcome == END ? WIRE_EOF : WIRE_ERROR);
}

static void take_in(struct wire *w)
{
        ssize_t n = w->ssl != NULL ? read_tls(w, scratch, READ_MOST) : read_plain(w, scratch, READ_MOST);

        if (n == LATER)
                return;
        if (n < 0) {
                tell(w, n == END ? WIRE_EOF : WIRE_ERROR);
                return;
        }
        if (w->in.len > 0)
                bytes_add(&w->in, scratch, (size_t)n);
        else
                w->in = (struct bytes){.ptr = scratch, .len = (size_t)n};
        call_read(w);
        /* What is left moves out of the scratch. */
        if (!w->freed && w->in.len > 0 && w->in.room == 0)
                bytes_room(&w->in, 0);
}

static void flush(struct wire *w)
{
        size_t before = w->out.len;
        ssize_t n = 1;

        while (w->out.len > 0 && w->writable && n > 0) {
                bb_str out = wire_out(w);

                n = w->ssl != NULL ? write_tls(w, out.ptr, out.len) : write_plain(w, out.ptr, out.len);
                if (n > 0)
                        bytes_drop(&w->out, (size_t)n);
        }
        if (n < 0)
                tell(w, WIRE_ERROR);
        else if (w->out.len < before && w->out.len <= w->low && w->handler != NULL)
                w->handler->on_write(w, w->arg);
}

static void turn(struct wire *w)
{
        w->busy = 1;
        if (w->state == CONNECTING)
                finish_connect(w);
        if (!w->freed && w->state == HANDSHAKE)
                shake_hands(w);
        if (!w->freed && w->again) {
                w->again = 0;
                call_read(w);
        }
        if (is_alive(w) && w->reading && w->readable && !w->ended)
                take_in(w);
        if (is_alive(w) && w->out.len > 0)
                flush(w);
        if (is_alive(w) && w->reading && w->readable && !w->ended)
                schedule(w);
        w->busy = 0;
        if (w->freed)
                free(w);
}

/* --- the door --- */

bb_str wire_in(const struct wire *w)
{
        return (bb_str){.ptr = w->in.ptr != NULL ? w->in.ptr + w->in.start : "", .len = w->in.len};
}

void wire_take(struct wire *w, size_t len)
{
        bytes_drop(&w->in, len < w->in.len ? len : w->in.len);
}

void wire_move(struct wire *w, void *to, size_t len)
{
        if (len == 0)
                return;
        memcpy(to, w->in.ptr + w->in.start, len);
        wire_take(w, len);
}

void wire_set_reading(struct wire *w, int32_t on)
{
        w->reading = on != 0;
        if (on && w->readable && w->fd >= 0)
                schedule(w);
}

void wire_again(struct wire *w)
{
        w->again = 1;
        schedule(w);
}

char *wire_space(struct wire *w, size_t len)
{
        char *to = bytes_room(&w->out, len);

        w->out.len += len;
        if (w->state == OPEN)
                schedule(w);
        return to;
}

void wire_send(struct wire *w, const void *data, size_t len)
{
        if (len > 0)
                memcpy(wire_space(w, len), data, len);
}

bb_str wire_out(const struct wire *w)
{
        return (bb_str){.ptr = w->out.ptr != NULL ? w->out.ptr + w->out.start : "", .len = w->out.len};
}

void wire_set_low(struct wire *w, size_t low)
{
        w->low = low;
}

int wire_fd(const struct wire *w)
{
        return w->fd;
}

SSL *wire_ssl(const struct wire *w)
{
        return w->ssl;
}

unsigned long wire_tls_error(const struct wire *w)
{
        return w->tls_error;
}
