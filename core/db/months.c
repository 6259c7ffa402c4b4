/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that are partitioned by month: as their owner makes months ahead, and drops old ones that are empty. Deleting
 * rows stays with the plugin, tenant by tenant under row security: what is dropped here holds no row of anybody. No SQL
 * of a plugin runs as the owner; it only names the table.
 *
 * Partitions are named table_YYYY_MM and table_default. Each is done in a transaction of its own with a short patience
 * for locks, since the hot path writes to the same table: what does not work today is done tomorrow.
 */
#include "db/migrate.h"
#include <busbar/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD "24 months"
#define LEFT_ALONE "3 months" /* stations still tell what is so old */
#define LOCK_SQL "select pg_try_advisory_lock(4822678189205112)"
#define PATIENCE "begin; set local lock_timeout = '500ms'; "
#define NAME_MAX_LEN 40

struct month_table {
        struct list link;
        const bb_plugin_ref *who;
        char *schema, *table;
};
static struct list tables = {.next = &tables, .prev = &tables};

/* For another thread: the list itself belongs to the loop. */
struct months {
        size_t count;
        struct {
                char schema[64], table[64];
        } tables[];
};

static char *schema_of(const char *plugin)
{
        char *schema = strdup(plugin);

        for (char *p = schema; *p != '\0'; p++)
                if (*p == '-')
                        *p = '_';
        return schema;
}

bb_err months_register(bb_plugin_ref *who, const char *table)
{
        const char *name = db_world.plugin_name != NULL ? db_world.plugin_name(who) : NULL;
        size_t len = table != NULL ? strlen(table) : 0;
        struct month_table *t;

        if (who == NULL || name == NULL || strlen(name) > NAME_MAX_LEN || len == 0 || len > NAME_MAX_LEN ||
            strspn(table, "abcdefghijklmnopqrstuvwxyz_") != len)
                return BB_E_INVALID;
        t = heap_new(sizeof(*t));
        *t = (struct month_table){.who = who, .schema = schema_of(name), .table = strdup(table)};
        list_append(&tables, &t->link);
        return BB_OK;
}

void months_forget(const bb_plugin_ref *who)
{
        LIST_EACH_SAFE (item, save, &tables) {
                struct month_table *t = LIST_OF(struct month_table, link, item);

                if (t->who != who)
                        continue;
                list_remove(&t->link);
                free(t->schema);
                free(t->table);
                free(t);
        }
}

struct months *db_months_list(void)
{
        struct months *m;
        size_t count = 0;

        LIST_EACH (item, &tables)
                count++;
        m = heap_new(sizeof(*m) + count * sizeof(m->tables[0]));
        LIST_EACH (item, &tables) {
                const struct month_table *t = LIST_OF(struct month_table, link, item);

                snprintf(m->tables[m->count].schema, sizeof(m->tables[0].schema), "%s", t->schema);
                snprintf(m->tables[m->count++].table, sizeof(m->tables[0].table), "%s", t->table);
        }
        return m;
}

/* Not done, and why: somebody was in the way, or the default partition holds rows of that month. */
static void put_off(PGconn *pg, const char *what, const char *part, char *why)
{
        char *ignored = NULL;

        bb_log(BB_WARN, "db.month", what, bb_kv_cstr("table", part), bb_kv_cstr("detail", why));
        free(why);
        if (PQtransactionStatus(pg) != PQTRANS_IDLE)
                (void)owner_exec(pg, "rollback", "rolling back", &ignored);
        free(ignored);
}

/* --- ahead --- */

/* $1 schema, $2 table: the statements that make what is missing, if the table is there, with the partition's name. */
static const char missing_sql[] =
        "select format('create table %I.%I partition of %I.%I for values from (%L) to (%L);"
        " select core.tenant_protect(%L)', $1::text, part, $1::text, $2::text, (m at time zone 'UTC')::text,"
        " ((m + interval '1 month') at time zone 'UTC')::text, format('%I.%I', $1::text, part)),"
        " format('%s.%s', $1::text, part)"
        " from (select m, $2::text || to_char(m, '_YYYY_MM') as part"
        "  from generate_series(date_trunc('month', now() at time zone 'UTC'),"
        "  date_trunc('month', now() at time zone 'UTC') + interval '" AHEAD "', interval '1 month') m) month"
        " where exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        "  where n.nspname = $1 and c.relname = $2 and c.relkind = 'p')"
        " and to_regclass(format('%I.%I', $1::text, part)) is null order by m";

static void make_month(PGconn *pg, const char *sql, const char *part)
{
        char *text = NULL, *why = NULL;

        if (asprintf(&text, PATIENCE "%s; commit", sql) < 0)
                abort();
        if (owner_exec(pg, text, "making a partition", &why) < 0)
                put_off(pg, "a month could not be made ahead; tomorrow again", part, why);
        else
                bb_log(BB_INFO, "db.month_made", NULL, bb_kv_cstr("table", part));
        free(text);
}

/* --- behind --- */

/* $1 schema, $2 table: old months as SQL writes their names, and their table. */
static const char old_sql[] =
        "select format('%I.%I', $1::text, c.relname), format('%I.%I', $1::text, $2::text) from pg_inherits i"
        " join pg_class c on c.oid = i.inhrelid"
        " where i.inhparent = to_regclass(format('%I.%I', $1::text, $2::text))"
        " and c.relnamespace = to_regnamespace(quote_ident($1)) and c.relkind = 'r'"
        " and c.relname ~ ('^' || $2::text || '_[0-9]{4}_(0[1-9]|1[0-2])$')"
        " and right(c.relname, 7) < to_char(now() at time zone 'UTC' - interval '" LEFT_ALONE "', 'YYYY_MM')"
        " order by 1";

/* Within the transaction: row security keeps rows from the owner too, unless it is not forced. */
static bb_err is_empty(PGconn *pg, const char *begin, const char *part, int *ret, char **ret_why)
{
        PGresult *rows = NULL;
        char *sql = NULL;
        bb_err err;

        if (asprintf(&sql, "%s alter table %s no force row level security", begin, part) < 0)
                abort();
        err = owner_exec(pg, sql, "looking into a partition", ret_why);
        free(sql);
        TRY(err);
        if (asprintf(&sql, "select from %s limit 1", part) < 0)
                abort();
        err = owner_query(pg, sql, NULL, 0, &rows, ret_why);
        free(sql);
        TRY(err);
        *ret = PQntuples(rows) == 0;
        PQclear(rows);
        return BB_OK;
}

/* The first look disturbs nobody but the month itself, and the vacuum makes the second, under the table's lock, short.
 */
static bb_err drop_if_empty(PGconn *pg, const char *part, const char *table, int *ret_dropped, char **ret_why)
{
        char *sql = NULL;
        int empty = 0;
        bb_err err;

        TRY(is_empty(pg, PATIENCE, part, &empty, ret_why));
        TRY(owner_exec(pg, "rollback", "looking into a partition", ret_why));
        if (!empty)
                return BB_OK;
        if (asprintf(&sql, "vacuum %s", part) < 0)
                abort();
        err = owner_exec(pg, sql, "vacuum of a partition", ret_why);
        free(sql);
        TRY(err);
        if (asprintf(&sql, PATIENCE "set local statement_timeout = '1s'; lock table only %s;", table) < 0)
                abort();
        err = is_empty(pg, sql, part, &empty, ret_why);
        free(sql);
        TRY(err);
        if (!empty) /* a report from long ago came this minute */
                return owner_exec(pg, "rollback", "looking into a partition", ret_why);
        if (asprintf(&sql, "drop table %s; commit", part) < 0)
                abort();
        err = owner_exec(pg, sql, "dropping a partition", ret_why);
        free(sql);
        *ret_dropped = err == BB_OK;
        return err;
}

static void drop_month(PGconn *pg, const char *part, const char *table)
{
        int dropped = 0;
        char *why = NULL;

        if (drop_if_empty(pg, part, table, &dropped, &why) < 0)
                put_off(pg, "an old month could not be dropped; tomorrow again", part, why);
        else if (dropped)
                bb_log(BB_INFO, "db.month_dropped", NULL, bb_kv_cstr("table", part));
}

static bb_err each_row(PGconn *pg, const char *sql, const char *schema, const char *table,
                       void (*fn)(PGconn *, const char *, const char *), char **ret_why)
{
        const char *const values[] = {schema, table};
        PGresult *rows = NULL;

        TRY(owner_query(pg, sql, values, 2, &rows, ret_why));
        for (int i = 0; i < PQntuples(rows); i++)
                fn(pg, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
        PQclear(rows);
        return BB_OK;
}

static bb_err tend(PGconn *pg, const struct months *m, char **ret_why)
{
        PGresult *rows = NULL;
        int mine;

        TRY(owner_query(pg, LOCK_SQL, NULL, 0, &rows, ret_why));
        mine = PQgetvalue(rows, 0, 0)[0] == 't';
        PQclear(rows);
        for (size_t i = 0; mine && i < m->count; i++) {
                TRY(each_row(pg, missing_sql, m->tables[i].schema, m->tables[i].table, make_month, ret_why));
                TRY(each_row(pg, old_sql, m->tables[i].schema, m->tables[i].table, drop_month, ret_why));
        }
        return BB_OK;
}

bb_err db_months(const struct db_config *config, const struct months *m, bb_str *ret_why)
{
        PGconn *pg = NULL;
        char *why = NULL;
        bb_err err = m->count > 0 ? owner_connect(config, &pg, &why) : BB_OK;

        if (err == BB_OK && pg != NULL)
                err = tend(pg, m, &why);
        PQfinish(pg); /* and with it the lock goes */
        if (err < 0)
                *ret_why = bb_cstr(why);
        return err;
}
