/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the migrations: what the plan (migrate_plan.c), its execution (migrate.c) and the rights (grant.c) share.
 * All of it blocks and uses neither arenas nor the loop.
 */
#ifndef CORE_DB_MIGRATE_H
#define CORE_DB_MIGRATE_H

#include "db/pool.h"

struct migration_set {
        struct list link;
        const bb_plugin_ref *who; /* NULL: core */
        char *plugin;
        char *schema; /* the plugin's name with '_' for '-' */
        struct bb_migration *migrations;
        size_t count;
};

struct planned {
        const struct migration_set *set;
        const struct bb_migration *migration;
        char checksum[65];
};

/* migrate_plan.c: every registered set, core first. */
struct list *migration_sets(void);
/* What is to be applied, in order; free() it. Fails when the database does not fit the program. */
bb_err migrations_plan(PGconn *, struct planned **ret, size_t *ret_count, char **ret_why);

/* grant.c */
bb_err role_ensure(PGconn *, const char *runtime_url, char **ret_role, char **ret_why);
bb_err schema_verify(PGconn *, const char *schema, char **ret_why);
bb_err schema_grant(PGconn *, const char *schema, const char *role, char **ret_why);

/* Sets *ret_why to a sentence of the heap and returns err. */
bb_err because(bb_err err, char **ret_why, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The first line of what the server said. */
char *pg_reason(PGconn *);
/* As the owner, one connection; the caller finishes it. */
bb_err owner_connect(const struct db_config *, PGconn **ret, char **ret_why);
/* One statement, or several without parameters; complains with `doing`. */
bb_err owner_exec(PGconn *, const char *sql, const char *doing, char **ret_why);
/* A query with text parameters; the caller clears the result. */
bb_err owner_query(PGconn *, const char *sql, const char *const *values, int count, PGresult **ret, char **ret_why);

#endif
