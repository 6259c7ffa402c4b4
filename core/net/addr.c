/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses. Names are looked up with getaddrinfo() on a worker's thread, since it blocks.
 */
#include "net/addr.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/time.h"
#include <arpa/inet.h>
#include <busbar/rt.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#define HOST_MAX 253 /* RFC 1035 §2.3.4, without the last dot */

bb_err addr_split(bb_str text, bb_str *ret_host, uint16_t *ret_port)
{
        bb_str host, digits;
        int64_t port;
        size_t colon = text.len;

        while (colon > 0 && text.ptr[colon - 1] != ':')
                colon--;
        if (colon < 2)
                return BB_E_INVALID;
        host = str_sub(text, 0, colon - 1);
        digits = str_sub(text, colon, text.len);
        if (str_to_int(digits, &port) < 0 || port < 0 || port > 65535 || digits.ptr[0] == '-')
                return BB_E_INVALID;
        if (host.ptr[0] == '[') {
                if (host.len < 4 || host.ptr[host.len - 1] != ']')
                        return BB_E_INVALID;
                host = str_sub(host, 1, host.len - 2);
        } else if (str_find(host, ':') >= 0) {
                return BB_E_INVALID; /* IPv6 without brackets: where would the port begin? */
        }
        *ret_host = host;
        *ret_port = (uint16_t)port;
        return BB_OK;
}

static bb_err numeric(bb_str host, uint16_t port, struct addr *ret)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        char text[HOST_MAX + 1];

        if (host.len == 0 || host.len > HOST_MAX || memchr(host.ptr, 0, host.len) != NULL)
                return BB_E_INVALID;
        memcpy(text, host.ptr, host.len);
        text[host.len] = 0;
        memset(ret, 0, sizeof(*ret));
        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
                memcpy(&ret->sa, &v4, sizeof(v4));
                ret->len = sizeof(v4);
                return BB_OK;
        }
        if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
                memcpy(&ret->sa, &v6, sizeof(v6));
                ret->len = sizeof(v6);
                return BB_OK;
        }
        return BB_E_INVALID;
}

bb_err addr_parse(bb_str text, struct addr *ret)
{
        bb_str host;
        uint16_t port;

        TRY(addr_split(text, &host, &port));
        return numeric(host, port, ret);
}

static const struct in6_addr *v6_of(const struct sockaddr *sa)
{
        return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

static const struct in_addr *v4_of(const struct sockaddr *sa)
{
        return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
}

/* The IPv4 address in it, also when it is mapped into IPv6; NULL: none. */
static const unsigned char *v4_bytes(const struct sockaddr *sa)
{
        if (sa->sa_family == AF_INET)
                return (const unsigned char *)v4_of(sa);
        if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6_of(sa)))
                return v6_of(sa)->s6_addr + 12;
        return NULL;
}

void addr_text(const struct sockaddr *sa, char ret[ADDR_TEXT_MAX])
{
        const unsigned char *v4 = v4_bytes(sa);

        ret[0] = 0;
        if (v4 != NULL)
                inet_ntop(AF_INET, v4, ret, ADDR_TEXT_MAX);
        else if (sa->sa_family == AF_INET6)
                inet_ntop(AF_INET6, v6_of(sa), ret, ADDR_TEXT_MAX);
        else
                snprintf(ret, ADDR_TEXT_MAX, "local");
}

int32_t addr_is_loopback(const struct sockaddr *sa)
{
        const unsigned char *v4 = v4_bytes(sa);

        if (v4 != NULL)
                return v4[0] == 127;
        return sa->sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(v6_of(sa));
}

int32_t addr_port(const struct sockaddr *sa)
{
        if (sa->sa_family == AF_INET)
                return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
        if (sa->sa_family == AF_INET6)
                return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
        return 0;
}

bb_str addr_key(const struct sockaddr *sa)
{
        const unsigned char *v4 = v4_bytes(sa);

        if (v4 != NULL)
                return (bb_str){.ptr = (const char *)v4, .len = 4};
        if (sa->sa_family == AF_INET6)
                return (bb_str){.ptr = (const char *)v6_of(sa)->s6_addr, .len = 8};
        return BB_STR("local");
}

void addr_prepare_socket(int fd)
{
        int one = 1, idle = 120, gap = 30, unheard_ms = 50000;

        evutil_make_socket_nonblocking(fd);
        evutil_make_socket_closeonexec(fd);
        /* Fails on sockets that are not TCP (tests with pairs), which then need none of it. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap, sizeof(gap));
        /* What the other side does not acknowledge ends the connection, not after a quarter of an hour: also one that
         * no ping gets through any more, since too much waits in front of it. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof(unheard_ms));
}

/* --- names --- */

struct lookup {
        char host[HOST_MAX + 1];
        struct addrinfo *found;
        int result;
};

static void lookup_in_thread(void *arg)
{
        struct lookup *l = arg;
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};

        l->result = getaddrinfo(l->host, NULL, &hints, &l->found);
}

static void take_address(const struct addrinfo *ai, uint16_t port, struct addr *ret)
{
        memset(ret, 0, sizeof(*ret));
        memcpy(&ret->sa, ai->ai_addr, ai->ai_addrlen);
        ret->len = ai->ai_addrlen;
        if (ai->ai_family == AF_INET6)
                ((struct sockaddr_in6 *)(void *)&ret->sa)->sin6_port = htons(port);
        else
                ((struct sockaddr_in *)(void *)&ret->sa)->sin_port = htons(port);
}

bb_err addr_resolve(bb_str host, uint16_t port, struct addr *ret, size_t room, size_t *ret_count)
{
        struct lookup *l;
        size_t count = 0;

        if (room == 0 || host.len == 0 || host.len > HOST_MAX || memchr(host.ptr, 0, host.len) != NULL)
                return BB_E_INVALID;
        /* RFC 6761 §6.3 */
        if (str_eq_nocase(host, BB_STR("localhost")))
                host = BB_STR("127.0.0.1");
        if (numeric(host, port, ret) == BB_OK) {
                *ret_count = 1;
                return BB_OK;
        }
        l = bb_alloc(sizeof(*l));
        memcpy(l->host, host.ptr, host.len);
        TRY(bb_worker_run(lookup_in_thread, l));
        if (l->result != 0)
                return l->result == EAI_AGAIN || l->result == EAI_MEMORY ? BB_E_UNAVAILABLE : BB_E_NOT_FOUND;
        for (const struct addrinfo *ai = l->found; ai != NULL && count < room; ai = ai->ai_next)
                if (ai->ai_family == AF_INET || ai->ai_family == AF_INET6)
                        take_address(ai, port, &ret[count++]);
        freeaddrinfo(l->found);
        *ret_count = count;
        return count > 0 ? BB_OK : BB_E_NOT_FOUND;
}
