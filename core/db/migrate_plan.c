/* SPDX-License-Identifier: Apache-2.0
 *
 * Registered migrations, and which of them the database still needs.
 */
#include "base/str.h"
#include "db/migrate.h"
#include <busbar/log.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;

static struct list sets = {.next = &sets, .prev = &sets};

static int is_name(const char *name)
{
        size_t len = strlen(name);

        return len > 0 && len < 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len && name[0] >= 'a' &&
               strncmp(name, "pg_", 3) != 0 && strncmp(name, "pg-", 3) != 0 &&
               strcmp(name, "information_schema") != 0 && strcmp(name, "public") != 0;
}

static struct migration_set *set_new(const bb_plugin_ref *who, const char *name)
{
        struct migration_set *set = heap_new(sizeof(*set));

        set->who = who;
        set->plugin = strdup(name);
        set->schema = strdup(name);
        for (char *p = set->schema; *p != '\0'; p++)
                if (*p == '-')
                        *p = '_';
        list_append(&sets, &set->link);
        return set;
}

/* Entries of a plugin that was compiled with a longer struct lie further apart. */
static bb_err set_fill(struct migration_set *set, const void *first, size_t count, size_t stride)
{
        set->migrations = heap_new(sizeof(*set->migrations) * (count + 1));
        set->count = count;
        for (size_t i = 0; i < count; i++) {
                const char *at = (const char *)first + i * stride;
                struct bb_migration *m = &set->migrations[i];

                memcpy(m, at, stride < sizeof(*m) ? stride : sizeof(*m));
                if (m->version != (int32_t)i + 1 || m->name == NULL || m->sql == NULL)
                        return BB_E_INVALID;
        }
        return BB_OK;
}

static void set_free(struct migration_set *set)
{
        list_remove(&set->link);
        free(set->plugin);
        free(set->schema);
        free(set->migrations);
        free(set);
}

static struct migration_set *set_of(const bb_plugin_ref *who)
{
        LIST_EACH (item, &sets) {
                struct migration_set *set = LIST_OF(struct migration_set, link, item);

                if (set->who == who)
                        return set;
        }
        return NULL;
}

static bb_err set_add(const bb_plugin_ref *who, const char *name, const void *first, size_t count, size_t stride)
{
        struct migration_set *set;

        if (!is_name(name))
                return BB_E_INVALID;
        if (set_of(who) != NULL)
                return BB_E_EXISTS;
        set = set_new(who, name);
        if (set_fill(set, first, count, stride) == BB_OK)
                return BB_OK;
        set_free(set);
        return BB_E_INVALID;
}

bb_err migrations_register(bb_plugin_ref *who, const struct bb_migration *first, size_t count, size_t stride)
{
        const char *name = db_world.plugin_name != NULL ? db_world.plugin_name(who) : NULL;
        bb_err err;

        if (who == NULL || name == NULL || (first == NULL && count > 0) || strcmp(name, "core") == 0)
                return BB_E_INVALID;
        if (stride < sizeof(struct bb_migration))
                return BB_E_UNSUPPORTED;
        err = set_add(who, name, first, count, stride);
        if (err < 0)
                bb_log(BB_ERROR, "db.migrations_refused",
                       "a plugin's migrations must be registered once, and be numbered 1, 2, 3 …",
                       bb_kv_cstr("plugin", name), bb_kv_err(err));
        return err;
}

void migrations_forget(const bb_plugin_ref *who)
{
        struct migration_set *set = who != NULL ? set_of(who) : NULL;

        if (set != NULL)
                set_free(set);
}

struct list *migration_sets(void)
{
        struct migration_set *core;

        if (set_of(NULL) == NULL &&
            set_add(NULL, "core", schema_migrations, schema_migration_count, sizeof(struct bb_migration)) == BB_OK) {
                /* First, since the others use its functions. */
                core = set_of(NULL);
                list_remove(&core->link);
                core->link.next = sets.next;
                core->link.prev = &sets;
                sets.next->prev = &core->link;
                sets.next = &core->link;
        }
        return &sets;
}

static void checksum(const char *sql, char ret[65])
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int len = 0;

        if (EVP_Digest(sql, strlen(sql), digest, &len, EVP_sha256(), NULL) != 1)
                abort();
        for (unsigned int i = 0; i < len; i++)
                snprintf(ret + i * 2, 3, "%02x", digest[i]);
}

static bb_err plan_add(const struct migration_set *set, const PGresult *applied, struct planned *out, size_t *count,
                       char **ret_why)
{
        size_t have = (size_t)PQntuples(applied);

        if (have > set->count)
                return because(
                        BB_E_UNSUPPORTED, ret_why,
                        "the database has migration %s of plugin %s, this program only knows %zu: it was used by a "
                        "newer version; install that version or restore an older backup",
                        PQgetvalue(applied, (int)have - 1, 0), set->plugin, set->count);
        for (size_t i = 0; i < set->count; i++) {
                struct planned p = {.set = set, .migration = &set->migrations[i]};
                int64_t version = 0;

                checksum(p.migration->sql, p.checksum);
                if (i >= have) {
                        out[(*count)++] = p;
                        continue;
                }
                if (str_to_int(bb_cstr(PQgetvalue(applied, (int)i, 0)), &version) < 0 || version != (int64_t)i + 1)
                        return because(
                                BB_E_CONFLICT, ret_why,
                                "migration %zu of plugin %s is missing in the database, but a later one is there",
                                i + 1, set->plugin);
                if (strcmp(PQgetvalue(applied, (int)i, 1), p.checksum) != 0)
                        return because(BB_E_CONFLICT, ret_why,
                                       "migration %s/%04d %s was changed after it was applied (checksum %.12s in the "
                                       "database, "
                                       "%.12s in the program): put it back and write a new migration instead",
                                       set->plugin, p.migration->version, p.migration->name,
                                       PQgetvalue(applied, (int)i, 1), p.checksum);
        }
        return BB_OK;
}

static bb_err plan_set(PGconn *pg, const struct migration_set *set, int is_new, struct planned *out, size_t *count,
                       char **ret_why)
{
        const char *const values[] = {set->plugin};
        PGresult *applied = NULL;
        bb_err err;

        /* In an empty database there is not even the table to ask. */
        TRY(owner_query(pg,
                        is_new ? "select 1, '' where $1 = '' and false"
                               : "select version, checksum from core.migration where plugin = $1 order by version",
                        values, 1, &applied, ret_why));
        err = plan_add(set, applied, out, count, ret_why);
        PQclear(applied);
        return err;
}

bb_err migrations_plan(PGconn *pg, struct planned **ret, size_t *ret_count, char **ret_why)
{
        PGresult *there = NULL;
        struct planned *out;
        size_t most = 0, count = 0;
        bb_err err = BB_OK;
        int is_new;

        TRY(owner_query(pg, "select to_regclass('core.migration') is null", NULL, 0, &there, ret_why));
        is_new = PQgetvalue(there, 0, 0)[0] == 't';
        PQclear(there);
        LIST_EACH (item, migration_sets())
                most += LIST_OF(struct migration_set, link, item)->count;
        out = heap_new(sizeof(*out) * (most + 1));
        LIST_EACH (item, migration_sets()) {
                err = plan_set(pg, LIST_OF(struct migration_set, link, item), is_new, out, &count, ret_why);
                if (err < 0) {
                        free(out);
                        return err;
                }
        }
        *ret = out;
        *ret_count = count;
        return BB_OK;
}
