/* SPDX-License-Identifier: Apache-2.0
 *
 * The bb_host table: the little that a plugin gets from the host itself.
 */
#ifndef CORE_MOD_HOST_H
#define CORE_MOD_HOST_H

#include "mod/plugin.h"

/* Names the core's tables to the registry, and says to rt, log, db and net how plugins are called. Before the first
 * plugin. */
void host_init(void);
/* Where bb_state_folder() makes folders; kept. BB_NONE: forgets all of them. */
void host_set_state_folder(bb_str absolute);
/* For the probe's speculation: require() gives an empty table for whatever is not there. */
void host_require_anything(int32_t on);

#endif
