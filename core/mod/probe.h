/* SPDX-License-Identifier: Apache-2.0
 *
 * The child process in which plugins are loaded for a try: this program again, as `busbard --probe name=path …`.
 */
#ifndef CORE_MOD_PROBE_H
#define CORE_MOD_PROBE_H

#include "base/arena.h"
#include "mod/registry.h"
#include <busbar/http.h>

enum {
        PROBE_UNKNOWN = 0, /* the child did not get that far */
        PROBE_OK = 1,
        PROBE_REFUSED = 2,
        PROBE_STUCK = 3,  /* a need is not provided */
        PROBE_CRASHED = 4 /* or did not come back */
};

struct probe_plugin {
        const char *name, *path;
        int32_t state;
        int32_t reserved;
        const char *why;                         /* refused, crashed */
        const char **needs, **after, **provides; /* needs and after ended by NULL, or NULL */
        size_t provide_count;
        struct bb_route *routes; /* as far as routes_add_absent() wants to know them */
        size_t route_count;
        const char *quarantined; /* why it is not loaded, whatever the try says; it is tried for its routes alone */
};

#define PROBE_OPTION "--probe"
#define PROBE_FD 3
extern int32_t probe_timeout_ms; /* for one child: 20 s */

/* Fills in what was found out; memory from `arena`. Blocks for at most probe_timeout_ms a crash. An error means that
 * no child could be had at all: then nothing is known. */
bb_err probe_run(struct arena *, struct probe_plugin *, size_t count, const char **ret_why);
/* What main() calls for PROBE_OPTION: argv behind it. The exit status. */
int probe_main(int argc, char **argv);

/* The host's tables, put in place by whoever is the process: the worker, or the probe. */
void probe_set_prepare(void (*prepare)(void));

#endif
