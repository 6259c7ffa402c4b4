/* SPDX-License-Identifier: Apache-2.0
 *
 * Interfaces by name ("charging/1") and who provides them; and the order in which plugins can load.
 */
#ifndef CORE_MOD_REGISTRY_H
#define CORE_MOD_REGISTRY_H

#include "base/arena.h"
#include "mod/plugin.h"

/* "name/major": a-z, 0-9, '_', '-' and '.'; a number of up to three digits without a leading zero. */
int32_t registry_is_interface(const char *);
/* The host's own table, NULL when there is none of that name. */
const void *registry_core(const char *interface);
/* Tables of the core, set once at start: an array ended by a NULL name. */
struct registry_core_entry {
        const char *interface;
        const void *ops;
};
void registry_set_core(const struct registry_core_entry *);

/* BB_E_INVALID: no interface name or no table; BB_E_EXISTS: this plugin provides it already, or it is the core's. */
bb_err registry_provide(struct bb_plugin_ref *, const char *interface, const void *ops);
/* The index-th provider in load order; NULL beyond. */
const void *registry_provider(const char *interface, size_t index, struct bb_plugin_ref **ret_plugin);
/* Does this plugin provide it? */
int32_t registry_provides(const struct bb_plugin_ref *, const char *interface);
/* The index-th interface of this plugin; NULL beyond. */
const char *registry_provided_by(const struct bb_plugin_ref *, size_t index);
void registry_remove(const struct bb_plugin_ref *);

/* --- order --- */
struct registry_node {
        const char *name;
        const char *const *needs, *const *after; /* NULL, or ended by NULL */
        const char **provides;
        size_t provide_count;
        const char *problem; /* ret: one sentence, in `arena`; such a node is not in the order */
        int32_t placed;
        int32_t reserved;
};
/* Puts what can load into ret_order (room for `count`), each after what it needs, and after what it should follow
 * unless that makes a circle. Returns how many; the others have a problem. */
size_t registry_order(struct registry_node *, size_t count, struct arena *, size_t *ret_order);

#endif
