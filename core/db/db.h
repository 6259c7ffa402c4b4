/* SPDX-License-Identifier: Apache-2.0
 *
 * The implementation of "db/1" on libpq: a pipelined pool, migrations, durable events, jobs, and the embedded cluster.
 * Knows tenants and plugins only through the callbacks that mod gives it.
 *
 * Order of use: db_set_world, plugins load (they register migrations, events, jobs), db_migrate, db_open, and for each
 * tenant db_start_tenant after its plugins started and db_stop_tenant before they stop; db_close at the end.
 */
#ifndef CORE_DB_DB_H
#define CORE_DB_DB_H

#include <busbar/dataset.h>
#include <busbar/db.h>
#include <sys/types.h>

/* Where a member is 0 or NULL the value in brackets holds. */
struct db_config {
        const char *url;         /* as the runtime role: postgresql://… or key=value words. Required by db_open */
        const char *owner_url;   /* as the role that owns the schemas. Required by db_migrate */
        const char *replica_url; /* of a read replica, as the runtime role; NULL: there is none */
        const char *node;        /* stable name of this node, without '/' [a random one] */
        int32_t pool_size;       /* connections [8] */
        int32_t wait_ms;         /* how long a call waits for a connection [20000] */
        int32_t statement_timeout_ms; /* [30000] */
        int32_t lock_timeout_ms;      /* [10000] */
        int32_t event_retry_ms;       /* delay before the second attempt; doubles each time [1000] */
        int32_t event_retry_max_ms;   /* [300000] */
        int32_t event_attempts;       /* then the event is a dead letter [10] */
        int32_t event_timeout_ms;     /* of one call of a handler [300000] */
        int32_t event_days;           /* how long delivered events are kept [7] */
        int32_t poll_ms;              /* how often other nodes' events and jobs are looked for [1000] */
        int32_t poll_idle_ms;         /* the same after a while of silence [5000] */
        int32_t lease_ms;             /* after it another node takes over from a dead one [60000] */
        int32_t jobs_per_process;     /* [8] */
        int32_t jobs_per_tenant;      /* [4] */
        int32_t jobs_per_type;        /* of one tenant [2] */
        int32_t job_attempts;         /* [3] */
        int32_t job_days;             /* how long ended jobs are kept [90] */
};

/* What mod knows and this room asks. tenant_has: enabled, started and not quarantined. */
struct db_world {
        void *(*tenant_state)(const bb_plugin_ref *, const bb_tenant *);
        int32_t (*tenant_has)(const bb_plugin_ref *, const bb_tenant *);
        const char *(*plugin_name)(const bb_plugin_ref *);
};
void db_set_world(const struct db_world *);

/* Plans and applies every registered migration as the owner, makes the runtime role when it may, grants it its rights,
 * and checks that each table with a tenant is protected. Blocks; needs no loop, so it may also run on a worker thread.
 * On an error *ret_why is a sentence (free() its ptr) and the migration that failed left nothing behind. */
bb_err db_migrate(const struct db_config *, bb_str *ret_why);
/* What db_migrate would apply, one "plugin/0001 name" a line (free() its ptr); changes nothing. */
bb_err db_migrate_plan(const struct db_config *, bb_str *ret_plan, bb_str *ret_why);

/* Makes months ahead of the tables that plugins named, and drops old ones that are empty. db_months_list on the loop,
 * db_months anywhere: it blocks. One node at a time; another one's turn is no error. On one *ret_why is a sentence. */
struct months;
struct months *db_months_list(void); /* free() it */
bb_err db_months(const struct db_config *, const struct months *, bb_str *ret_why);

/* Checks that the runtime role may not bypass row security (blocks, one short connection), then starts the pool, which
 * connects when the loop runs. A server that is away is no error: the pool goes on trying; then the role is checked at
 * the first connection, and a wrong one leaves the pool closed with an error in the log. */
bb_err db_open(const struct db_config *, bb_str *ret_why);
/* 1 when at least one connection is up. */
int32_t db_ready(void);
/* Ends the pool at once. Every task that used it must have ended. */
void db_close(void);

/* Starts and ends the delivery of events and the running of jobs for a tenant. start: in a task of that tenant; it
 * needs the database once (BB_E_UNAVAILABLE otherwise, and may be called again). Called again for a tenant that runs,
 * it starts what plugins need that were started since. stop waits for handlers and jobs to end; they are cancelled
 * first, and their leases given back. */
BB_AWAIT bb_err db_start_tenant(bb_tenant *);
BB_AWAIT void db_stop_tenant(bb_tenant *);
/* Forgets what a plugin registered; before its code is unloaded. */
void db_remove_plugin(const bb_plugin_ref *);

/* Idempotency-Key, for the router (net/router.h says what they return). */
BB_AWAIT bb_err db_idempotency_begin(bb_str actor, bb_str route, bb_str key, const uint8_t digest[32],
                                     int32_t *ret_status, bb_str *ret_headers_json, bb_str *ret_body);
BB_AWAIT bb_err db_idempotency_end(bb_str actor, bb_str route, bb_str key, int32_t status, bb_str headers_json,
                                   bb_str body);

/* A private cluster in <state>/postgres that is a child of the calling process. All of it blocks: for the supervisor,
 * or before the loop runs. */
struct embedded_config {
        const char *state;       /* busbard's state folder, absolute */
        const char *bindir;      /* folder of initdb and postgres; NULL: the usual places */
        const char *user;        /* who runs it when we are root; NULL: postgres, else nobody */
        int32_t port;            /* only names the socket [5432] */
        int32_t max_connections; /* [100] */
        int32_t volatile_data;   /* tests only: a crash of the machine may lose everything, but it is quicker */
};
struct embedded {
        char *url;       /* of the runtime role; free() by embedded_stop */
        char *owner_url; /* owner of the database; not a superuser */
        char *admin_url; /* full rights */
};
/* Makes the cluster when there is none, adopts a server that still runs on it, else starts one, and waits until it
 * answers. */
bb_err embedded_start(const struct embedded_config *, struct embedded *ret, bb_str *ret_why);
pid_t embedded_pid(void); /* the server, 0 when none */
/* To be called with each pid that waitpid() gave and about once a second (pid 0): a server that died is started again,
 * with a growing delay. 1 when the pid was the server's. */
int32_t embedded_tend(pid_t dead);
/* Fast shutdown (SIGINT), waits up to 30 s, then immediate (SIGQUIT). */
void embedded_stop(struct embedded *);

extern const struct bb_db_ops db_ops;
extern const struct bb_dataset_ops audit_datasets; /* audit_dataset.c */

#endif
