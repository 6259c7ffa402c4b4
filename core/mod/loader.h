/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds, tries, orders and loads plugins. Every one is loaded in a child process first (probe.c), so that what crashes
 * or hangs there never does it here.
 */
#ifndef CORE_MOD_LOADER_H
#define CORE_MOD_LOADER_H

#include "mod/plugin.h"
#include "mod/registry.h"

/* Where plugins are looked for; kept. */
struct loader_folders {
        const bb_str *paths;
        size_t count;
};

/* Loads those of `names` that are not loaded yet. Which failed, and why, their refs say (plugin_named); plugins that
 * failed before are tried again. `quarantined` names (may be NULL, count 0) are tried, for their routes, but not
 * loaded. Blocks while the child runs: at start, or in two steps on a running loop (loader_probe on a worker thread,
 * then loader_load). */
struct loader_plan;
struct loader_plan *loader_plan_new(const struct loader_folders *, const bb_str *names, size_t count,
                                    const bb_str *quarantined, size_t quarantined_count);
void loader_probe(struct loader_plan *); /* no bb_alloc, no plugin state: any thread */
void loader_load(struct loader_plan *);  /* loop thread; frees the plan */
void loader_plan_free(struct loader_plan *);

/* Calls unload of every loaded plugin, newest first. Tenants must be stopped. */
void loader_unload_all(void);

/* --- pieces, for the probe --- */
/* dlopen and the descriptor's checks. On an error `why` of the ref is set. */
bb_err loader_open(struct bb_plugin_ref *, const char *path);
/* Calls load(). */
bb_err loader_call_load(struct bb_plugin_ref *);
struct bb_plugin_ref *loader_ref_new(bb_str name);

#endif
