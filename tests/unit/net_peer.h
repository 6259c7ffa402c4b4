/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of a socket for tests of the wire: raw bytes on loopback, and the loop turned until something is there.
 */
#ifndef TESTS_UNIT_NET_PEER_H
#define TESTS_UNIT_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/tenant.h"
#include "base/time.h"
#include "net/http.h"
#include "net/http1_parse.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct peer {
        int fd;
        struct buf in;
        int eof, reset;
};

static inline struct peer peer_connect_with(int port, int receive_buffer)
{
        struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct peer p = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

        assert_true(p.fd >= 0);
        if (receive_buffer > 0)
                setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
        assert_int_equal(connect(p.fd, (struct sockaddr *)&to, sizeof(to)), 0);
        fcntl(p.fd, F_SETFL, O_NONBLOCK);
        return p;
}

static inline struct peer peer_connect(int port)
{
        return peer_connect_with(port, 0);
}

static inline void peer_close(struct peer *p)
{
        if (p->fd >= 0)
                close(p->fd);
        p->fd = -1;
        buf_free(&p->in);
}

/* What is there now; does not wait. */
static inline void peer_take(struct peer *p)
{
        char piece[65536];
        ssize_t n;

        while ((n = recv(p->fd, piece, sizeof(piece), 0)) > 0)
                buf_add(&p->in, piece, (size_t)n);
        if (n == 0)
                p->eof = 1;
        else if (errno != EAGAIN && errno != EWOULDBLOCK)
                p->eof = p->reset = 1;
}

static inline void peer_send(struct peer *p, const void *data, size_t len)
{
        const char *at = data;
        int64_t end = time_mono_ms() + PATIENCE_MS;

        while (len > 0 && time_mono_ms() < end) {
                ssize_t n = send(p->fd, at, len, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        return; /* the other side has closed: the test looks at what it said */
                if (n > 0) {
                        at += n;
                        len -= (size_t)n;
                }
                loop_turn(0);
        }
}

static inline void peer_say(struct peer *p, const char *text)
{
        peer_send(p, text, strlen(text));
}

static inline bb_str peer_text(const struct peer *p)
{
        return (bb_str){.ptr = p->in.ptr, .len = p->in.len};
}

static inline int peer_has(const struct peer *p, const char *needle)
{
        return p->in.len > 0 && memmem(p->in.ptr, p->in.len, needle, strlen(needle)) != NULL;
}

static inline size_t peer_count(const struct peer *p, const char *needle)
{
        size_t count = 0, len = strlen(needle);

        for (size_t i = 0; i + len <= p->in.len; i++)
                count += memcmp(p->in.ptr + i, needle, len) == 0;
        return count;
}

/* Turns the loop until `needle` has come (1), or the end, or patience is gone (0). */
static inline int peer_await(struct peer *p, const char *needle)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;

        while (!peer_has(p, needle) && !p->eof && time_mono_ms() < end) {
                loop_turn(5);
                peer_take(p);
        }
        return peer_has(p, needle);
}

static inline int peer_await_bytes(struct peer *p, size_t bytes)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;

        while (p->in.len < bytes && !p->eof && time_mono_ms() < end) {
                loop_turn(5);
                peer_take(p);
        }
        return p->in.len >= bytes;
}

static inline int peer_await_end(struct peer *p)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;

        while (!p->eof && time_mono_ms() < end) {
                loop_turn(5);
                peer_take(p);
        }
        return p->eof;
}

static inline void turn_for(int64_t ms)
{
        int64_t end = time_mono_ms() + ms;

        while (time_mono_ms() < end)
                loop_turn(5);
}

#define TURN_UNTIL(condition)                                                                                          \
        do {                                                                                                           \
                int64_t turn_end_ = time_mono_ms() + PATIENCE_MS;                                                      \
                while (!(condition) && time_mono_ms() < turn_end_)                                                     \
                        loop_turn(5);                                                                                  \
                assert_true(condition);                                                                                \
        } while (0)

/* Status of the first answer; 0: none came. */
static inline int peer_status(const struct peer *p)
{
        if (p->in.len < 12 || memcmp(p->in.ptr, "HTTP/1.1 ", 9) != 0)
                return 0;
        return atoi(p->in.ptr + 9);
}

static inline void quiet_log(bb_str line, void *arg)
{
        (void)line;
        (void)arg;
}

#endif
