/* SPDX-License-Identifier: Apache-2.0
 *
 * Applies migrations as the owner: one node at a time, all planned before the first is run, each in its own
 * transaction.
 */
#include "db/migrate.h"
#include "base/buf.h"
#include <busbar/log.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any number will do, as long as every version of busbard uses this one. */
#define LOCK_SQL "select pg_advisory_lock(4822678189205111)"

bb_err because(bb_err err, char **ret_why, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        if (vasprintf(ret_why, format, args) < 0)
                abort();
        va_end(args);
        return err;
}

char *pg_reason(PGconn *pg)
{
        const char *text = pg != NULL ? PQerrorMessage(pg) : "out of memory";
        char *copy = strndup(text, strcspn(text, "\n"));

        if (copy == NULL)
                abort();
        return copy;
}

static bb_err complain(PGconn *pg, const char *doing, char **ret_why)
{
        char *reason = pg_reason(pg);
        bb_err err = because(PQstatus(pg) == CONNECTION_OK ? BB_E_INVALID : BB_E_UNAVAILABLE, ret_why, "%s failed: %s",
                             doing, reason);

        free(reason);
        return err;
}

bb_err owner_exec(PGconn *pg, const char *sql, const char *doing, char **ret_why)
{
        PGresult *result = PQexec(pg, sql);
        ExecStatusType status = PQresultStatus(result);

        PQclear(result);
        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? BB_OK : complain(pg, doing, ret_why);
}

bb_err owner_query(PGconn *pg, const char *sql, const char *const *values, int count, PGresult **ret, char **ret_why)
{
        PGresult *result = PQexecParams(pg, sql, count, NULL, values, NULL, NULL, 0);

        if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) {
                PQclear(result);
                return complain(pg, "a query of the migrations", ret_why);
        }
        *ret = result;
        return BB_OK;
}

static void drop_notice(void *arg, const char *text)
{
        (void)arg;
        (void)text;
}

bb_err owner_connect(const struct db_config *config, PGconn **ret, char **ret_why)
{
        const char *const keys[] = {"dbname", "connect_timeout", "client_encoding", "application_name", NULL};
        const char *const values[] = {config->owner_url, "10", "UTF8", "busbard-migrate", NULL};
        PGconn *pg;
        bb_err err;

        if (config->owner_url == NULL || config->url == NULL)
                return because(BB_E_INVALID, ret_why, "database.url and database.owner_url are both needed to migrate");
        pg = PQconnectdbParams(keys, values, 1);
        if (PQstatus(pg) != CONNECTION_OK) {
                err = complain(pg, "connecting to database.owner_url", ret_why);
                PQfinish(pg);
                return err;
        }
        PQsetNoticeProcessor(pg, drop_notice, NULL);
        *ret = pg;
        return BB_OK;
}

static bb_err begin_in(PGconn *pg, const char *schema, char **ret_why)
{
        char *name = PQescapeIdentifier(pg, schema, strlen(schema));
        char *sql = NULL;
        bb_err err;

        if (asprintf(&sql, "begin; create schema if not exists %s; set local search_path = %s, core", name, name) < 0)
                abort();
        err = owner_exec(pg, sql, "beginning a migration", ret_why);
        free(sql);
        PQfreemem(name);
        return err;
}

static bb_err record(PGconn *pg, const struct planned *p, char **ret_why)
{
        char version[16];
        const char *const values[] = {p->set->plugin, version, p->migration->name, p->checksum};
        PGresult *result = NULL;

        snprintf(version, sizeof(version), "%d", p->migration->version);
        TRY(owner_query(
                pg, "insert into core.migration (plugin, version, name, checksum) values ($1, $2::text::int, $3, $4)",
                values, 4, &result, ret_why));
        PQclear(result);
        return BB_OK;
}

static bb_err run_in_transaction(PGconn *pg, const struct planned *p, char **ret_why)
{
        char doing[128];

        snprintf(doing, sizeof(doing), "migration %s/%04d %.60s", p->set->plugin, p->migration->version,
                 p->migration->name);
        TRY(begin_in(pg, p->set->schema, ret_why));
        TRY(owner_exec(pg, p->migration->sql, doing, ret_why));
        if (PQtransactionStatus(pg) != PQTRANS_INTRANS)
                return because(BB_E_INVALID, ret_why, "%s ends its own transaction: take the COMMIT or ROLLBACK out",
                               doing);
        TRY(schema_verify(pg, p->set->schema, ret_why));
        TRY(record(pg, p, ret_why));
        return owner_exec(pg, "commit", doing, ret_why);
}

static bb_err apply(PGconn *pg, const struct planned *p, char **ret_why)
{
        bb_err err = run_in_transaction(pg, p, ret_why);
        char *ignored = NULL;

        if (err == BB_OK) {
                bb_log(BB_INFO, "db.migrated", NULL, bb_kv_cstr("plugin", p->set->plugin),
                       bb_kv_int("version", p->migration->version), bb_kv_cstr("name", p->migration->name));
                return BB_OK;
        }
        /* The first complaint is the one to tell; a connection that is gone has rolled back by itself. */
        if (PQtransactionStatus(pg) != PQTRANS_IDLE)
                (void)owner_exec(pg, "rollback", "rolling back", &ignored);
        free(ignored);
        return err;
}

static bb_err grant_all(PGconn *pg, const char *role, char **ret_why)
{
        TRY(owner_exec(pg, "begin", "granting rights", ret_why));
        LIST_EACH (item, migration_sets()) {
                const struct migration_set *set = LIST_OF(struct migration_set, link, item);

                if (set->count > 0)
                        TRY(schema_grant(pg, set->schema, role, ret_why));
        }
        return owner_exec(pg, "commit", "granting rights", ret_why);
}

static bb_err migrate(PGconn *pg, const struct db_config *config, char **ret_why)
{
        struct planned *plan = NULL;
        char *role = NULL;
        size_t count = 0;
        bb_err err = BB_OK;

        TRY(owner_exec(pg, "set lock_timeout = '120s'; set statement_timeout = 0; " LOCK_SQL,
                       "waiting for another node's migrations", ret_why));
        TRY(migrations_plan(pg, &plan, &count, ret_why));
        if (count > 0)
                err = owner_exec(
                        pg,
                        "create schema if not exists core;"
                        "create table if not exists core.migration (plugin text not null, version integer not null,"
                        " name text not null, checksum text not null, applied_at timestamptz not null default now(),"
                        " primary key (plugin, version))",
                        "making core.migration", ret_why);
        for (size_t i = 0; i < count && err == BB_OK; i++)
                err = apply(pg, &plan[i], ret_why);
        free(plan);
        TRY(err);
        TRY(role_ensure(pg, config->url, &role, ret_why));
        err = grant_all(pg, role, ret_why);
        free(role);
        return err;
}

bb_err db_migrate(const struct db_config *config, bb_str *ret_why)
{
        PGconn *pg = NULL;
        char *why = NULL;
        bb_err err = owner_connect(config, &pg, &why);

        if (err == BB_OK)
                err = migrate(pg, config, &why);
        PQfinish(pg); /* and with it the lock goes, and what is not committed */
        if (err < 0)
                *ret_why = bb_cstr(why);
        return err;
}

bb_err db_migrate_plan(const struct db_config *config, bb_str *ret_plan, bb_str *ret_why)
{
        struct planned *plan = NULL;
        struct buf text = {0};
        PGconn *pg = NULL;
        char *why = NULL;
        size_t count = 0;
        bb_err err = owner_connect(config, &pg, &why);

        if (err == BB_OK)
                err = migrations_plan(pg, &plan, &count, &why);
        PQfinish(pg);
        if (err < 0) {
                *ret_why = bb_cstr(why);
                return err;
        }
        for (size_t i = 0; i < count; i++)
                buf_print(&text, "%s/%04d %s\n", plan[i].set->plugin, plan[i].migration->version,
                          plan[i].migration->name);
        free(plan);
        *ret_plan = heap_str(text.len > 0 ? buf_str(&text) : BB_STR(""));
        buf_free(&text);
        return BB_OK;
}
