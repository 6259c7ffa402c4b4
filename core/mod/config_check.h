/* SPDX-License-Identifier: Apache-2.0
 *
 * What a shape cannot say of a value of the configuration: addresses, host names, time zones, belonging together.
 */
#ifndef CORE_MOD_CONFIG_CHECK_H
#define CORE_MOD_CONFIG_CHECK_H

#include "mod/config.h"

/* Errors are added to source->errors; lines come from source->root. */
void config_check_server(const struct config_source *, const struct config_server *);
void config_check_tenant(const struct config_source *, const struct config_tenant *);

/* "127.0.0.1:80", "[::]:443", port 0 for a free one: no names, which may change while we listen */
int32_t config_is_address(bb_str);
/* A DNS name or an IP address, in lower case. */
int32_t config_is_host(bb_str);

/* An address or a network, IPv4 as ::ffff:…. */
struct config_network {
        uint8_t address[16];
        int32_t bits; /* 0 to 128 */
};
bb_err config_network_parse(bb_str, struct config_network *ret);
/* Does it hold this address (text without port)? */
int32_t config_network_has(const struct config_network *, bb_str address);

#endif
