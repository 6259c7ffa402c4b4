/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: the object (tenant.c), starting and stopping its plugins (tenant_run.c), and the table of those that are
 * served (tenants.c).
 */
#ifndef CORE_MOD_TENANT_H
#define CORE_MOD_TENANT_H

#include "base/list.h"
#include "base/tenant.h"
#include "mod/config.h"
#include "mod/plugin.h"

enum {
        TENANT_PLUGIN_OFF = 0,
        TENANT_PLUGIN_RUNNING = 1,
        TENANT_PLUGIN_CHANGING = 2, /* starting or stopping */
        TENANT_PLUGIN_FAILED = 3,   /* refused, quarantined, or a need is not met: `why` */
};

struct tenant_plugin {
        struct bb_plugin_ref *ref; /* NULL: not even found */
        bb_str name;
        void *config, *state;
        int32_t status;
        int32_t line; /* in the tenant's file */
        const char *why;
        bb_metric *metric;
};

enum { TENANT_NEW = 0, TENANT_STARTING = 1, TENANT_RUNNING = 2, TENANT_STOPPING = 3, TENANT_STOPPED = 4 };

struct tenant {
        struct bb_tenant pub;
        struct list starting; /* linked while a task starts it */
        struct arena *arena;
        struct config_tenant *config;
        struct tenant_plugin *plugins; /* in load order, those that cannot run behind */
        size_t plugin_count;
        struct tenant_plugin **by_index; /* plugin_ref.index -> entry or NULL */
        size_t index_count;
        int32_t status;
        int32_t db_started;
        int32_t hung; /* something of it did not end: its memory stays */
        int32_t reserved;
        void *tls; /* listen.c's */
};

/* --- tenant.c --- */
/* Decodes the options of its plugins, which are loaded by now; faults of options go to `errors`. A plugin that cannot
 * run is no error: it is FAILED and says why. Never NULL. */
struct tenant *tenant_new(struct config_tenant *, const struct config *, struct config_errors *errors);
void tenant_free(struct tenant *);
struct tenant *tenant_of(const bb_tenant *); /* NULL when it is none */
int32_t tenant_has_plugin(const struct bb_plugin_ref *, const bb_tenant *);
/* The tenant's file names it, whether it runs, starts, failed or is quarantined. */
int32_t tenant_enables_plugin(const struct bb_plugin_ref *, const bb_tenant *);
/* One of those provides it, or would if it could be loaded. */
int32_t tenant_enables_interface(const bb_tenant *, const char *interface);
void *tenant_plugin_state(const struct bb_plugin_ref *, const bb_tenant *);
bb_str tenant_option(const bb_tenant *, const char *name);
/* The need of this plugin that nothing running (or able to run) in the tenant provides; NULL: all are met. */
const char *tenant_unmet_need(const struct tenant *, const struct tenant_plugin *);
void tenant_plugin_fail(struct tenant *, struct tenant_plugin *, const char *why);
void tenant_plugin_set(struct tenant_plugin *, int32_t status); /* and its metric, once it is shown */
void tenant_show_metrics(struct tenant *);
/* "tenant nordlicht: …", one a plugin that is FAILED; 0 when there is none beyond index. */
int32_t tenant_problem(const struct tenant *, size_t index, const struct tenant_plugin **ret_plugin, bb_str *ret_text);

/* --- tenant_run.c: in a task without a tenant --- */
/* Starts what is OFF, in order; then its events and jobs. Waits for the database as long as it takes. BB_E_CANCELED
 * when the process is ending. */
BB_AWAIT bb_err tenant_start(struct tenant *);
/* Tries those again that failed to start. 1 when any runs now that did not before. */
BB_AWAIT int32_t tenant_start_failed(struct tenant *);
/* Sends its WebSockets away with this code (RFC 6455 §7.4.1), stops everything in reverse order. */
BB_AWAIT void tenant_stop(struct tenant *, int32_t websocket_code);

/* From anywhere: those that are starting give up. */
void tenant_cancel_starts(void);

/* --- tenants.c --- */
void tenants_add(struct tenant *);    /* serves its id and hosts; replaces one with the same id */
void tenants_remove(struct tenant *); /* unless another took its place */
struct tenant *tenants_by_id(bb_str id);
struct tenant *tenants_by_host(bb_str host);
size_t tenants_count(void);
struct tenant *tenants_at(size_t index); /* by id; NULL beyond */

#endif
