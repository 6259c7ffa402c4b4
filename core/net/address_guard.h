/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses a URL from a tenant or a partner may lead to: public ones. Everything that could be ours, or the
 * hosting provider's metadata service, is refused, in every notation and wrapping.
 */
#ifndef CORE_NET_ADDRESS_GUARD_H
#define CORE_NET_ADDRESS_GUARD_H

#include <busbar/types.h>
#include <sys/socket.h>

/* NULL: public. Otherwise what it is: "a private network". */
const char *address_guard_reason(const struct sockaddr *);
/* The same, but lets loopback pass when BUSBAR_TEST_ALLOW_LOOPBACK=1 was set at the first call. For tests with
 * stand-ins on this machine alone; never set it where tenants are served. */
const char *address_guard_check(const struct sockaddr *);
int32_t address_guard_test_loopback(const struct sockaddr *); /* 1: let pass by that switch alone */

#endif
