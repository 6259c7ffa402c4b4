/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin as the host knows it: made by loader.c, looked at by every file of this room.
 */
#ifndef CORE_MOD_PLUGIN_H
#define CORE_MOD_PLUGIN_H

#include "base/arena.h"
#include <busbar/plugin.h>

#define PLUGIN_MAGIC 0x504c5547u
#define PLUGIN_MAX 256

enum {
        PLUGIN_LOADED = 1,
        PLUGIN_REFUSED = 2,    /* not found, wrong ABI, missing need, load() failed */
        PLUGIN_QUARANTINED = 3 /* crashed */
};

struct bb_plugin_ref {
        uint32_t magic;
        int32_t state;
        int32_t loading;     /* inside load(): it may provide */
        uint32_t index;      /* place in each tenant's table */
        const char *name;    /* as the file is named */
        struct bb_plugin is; /* the descriptor, zeroed where the plugin's SDK is older */
        struct bb_host host;
        void *library, *self;
        const char *why;           /* one sentence, when it is not loaded */
        const char *would_provide; /* "auth/1 people/1": what its try found out, while it is not loaded; or NULL */
};

/* Every plugin that any tenant asked for, loaded or not; NULL beyond the end. */
struct bb_plugin_ref *plugin_at(size_t index);
/* The loaded ones, in the order in which they were. */
struct bb_plugin_ref *plugin_loaded_at(size_t index);
size_t plugin_count(void);
struct bb_plugin_ref *plugin_named(bb_str name);
const char *plugin_name(const struct bb_plugin_ref *); /* "core" for NULL */

/* The table that a plugin gets, with its own `self`. */
void host_table_init(struct bb_plugin_ref *);

#endif
