/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket addresses: from text, to text, from names (in a worker thread), and as keys for limits per address.
 */
#ifndef CORE_NET_ADDR_H
#define CORE_NET_ADDR_H

#include <busbar/types.h>
#include <sys/socket.h>

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct addr {
        struct sockaddr_storage sa;
        socklen_t len;
};

/* "127.0.0.1:8080", "[::1]:443": numeric only. BB_E_INVALID otherwise. */
bb_err addr_parse(bb_str text, struct addr *ret);
/* "host:port" into its parts; brackets around IPv6 are taken off. BB_E_INVALID without a port from 0 to 65535. */
bb_err addr_split(bb_str text, bb_str *ret_host, uint16_t *ret_port);
/* Without the port; an IPv4 address mapped into IPv6 is written as IPv4. */
void addr_text(const struct sockaddr *, char ret[ADDR_TEXT_MAX]);
int32_t addr_is_loopback(const struct sockaddr *);
int32_t addr_port(const struct sockaddr *);
/* What counts as one address for limits: the whole of an IPv4 address, the /64 of an IPv6 one. Points into the address.
 */
bb_str addr_key(const struct sockaddr *);
/* Up to `room` addresses. Numeric hosts and "localhost" do not wait, names are looked up in a worker thread.
 * BB_E_NOT_FOUND: there is no such name. */
BB_AWAIT bb_err addr_resolve(bb_str host, uint16_t port, struct addr *ret, size_t room, size_t *ret_count);
/* Non-blocking, close-on-exec, no delay, keep-alive: what every TCP socket of ours is. */
void addr_prepare_socket(int fd);

#endif
