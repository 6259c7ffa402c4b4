/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime role and its rights, and the check that nothing a plugin made goes around row security.
 */
#include "db/migrate.h"
#include <stdlib.h>
#include <string.h>

static bb_err url_part(const char *url, const char *keyword, char **ret, char **ret_why)
{
        char *error = NULL;
        PQconninfoOption *options = PQconninfoParse(url, &error);

        if (options == NULL) {
                bb_err err = because(BB_E_INVALID, ret_why, "database.url is not understood: %s",
                                     error != NULL ? error : "");

                PQfreemem(error);
                return err;
        }
        for (PQconninfoOption *o = options; o->keyword != NULL; o++)
                if (strcmp(o->keyword, keyword) == 0 && o->val != NULL)
                        *ret = strdup(o->val);
        PQconninfoFree(options);
        return BB_OK;
}

/* The password goes over the wire as its SCRAM verifier, so that no server log has it. */
static bb_err role_create(PGconn *pg, const char *role, const char *password, char **ret_why)
{
        char *name = PQescapeIdentifier(pg, role, strlen(role));
        char *secret = password != NULL ? PQencryptPasswordConn(pg, password, role, "scram-sha-256") : NULL;
        char *literal = secret != NULL ? PQescapeLiteral(pg, secret, strlen(secret)) : NULL;
        char *sql = NULL;
        bb_err err;

        if (asprintf(&sql, "create role %s login nosuperuser nobypassrls nocreatedb nocreaterole%s%s", name,
                     literal != NULL ? " password " : "", literal != NULL ? literal : "") < 0)
                abort();
        err = owner_exec(pg, sql, "making the runtime role of database.url", ret_why);
        free(sql);
        PQfreemem(literal);
        PQfreemem(secret);
        PQfreemem(name);
        return err;
}

static bb_err role_make_if_missing(PGconn *pg, const char *role, const char *password, char **ret_why)
{
        PGresult *found = NULL;
        int there;

        TRY(owner_query(pg, "select 1 from pg_roles where rolname = $1", &role, 1, &found, ret_why));
        there = PQntuples(found) == 1;
        PQclear(found);
        return there ? BB_OK : role_create(pg, role, password, ret_why);
}

bb_err role_ensure(PGconn *pg, const char *runtime_url, char **ret_role, char **ret_why)
{
        char *role = NULL, *password = NULL;
        bb_err err = url_part(runtime_url, "user", &role, ret_why);

        if (err == BB_OK)
                err = url_part(runtime_url, "password", &password, ret_why);
        if (err == BB_OK && role == NULL)
                err = because(BB_E_INVALID, ret_why, "database.url names no user: it must be the runtime role");
        if (err == BB_OK && strcmp(role, PQuser(pg)) == 0)
                err = because(
                        BB_E_INVALID, ret_why,
                        "database.url and database.owner_url are the same role: the runtime role may own nothing");
        if (err == BB_OK)
                err = role_make_if_missing(pg, role, password, ret_why);
        free(password);
        if (err == BB_OK)
                *ret_role = role;
        else
                free(role);
        return err;
}

bb_err schema_verify(PGconn *pg, const char *schema, char **ret_why)
{
        static const char sql[] = "select format('the table %s has a tenant_id but is not protected: call "
                                  "core.tenant_protect', c.oid::regclass)"
                                  " from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', "
                                  "'p') and not c.relispartition"
                                  " and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = "
                                  "'tenant_id' and not a.attisdropped)"
                                  " and not (c.relrowsecurity and c.relforcerowsecurity"
                                  "          and exists (select from pg_policy p where p.polrelid = c.oid))"
                                  " union all "
                                  "select format('the view %s would read with its owner''s rights: make it with "
                                  "(security_invoker = true)',"
                                  " c.oid::regclass) from pg_class c where c.relnamespace = $1::regnamespace and "
                                  "(c.relkind = 'm' or c.relkind = 'v'"
                                  " and not exists (select from pg_options_to_table(c.reloptions) o where "
                                  "o.option_name = 'security_invoker'"
                                  "                 and o.option_value::boolean))"
                                  " union all "
                                  "select format('the function %s would run with its owner''s rights: no security "
                                  "definer', p.oid::regprocedure)"
                                  " from pg_proc p where p.pronamespace = $1::regnamespace and p.prosecdef limit 1";
        PGresult *found = NULL;
        bb_err err = BB_OK;

        TRY(owner_query(pg, sql, &schema, 1, &found, ret_why));
        if (PQntuples(found) > 0)
                err = because(BB_E_DENIED, ret_why, "%s", PQgetvalue(found, 0, 0));
        PQclear(found);
        return err;
}

/* Partitions are reached through their parent alone: on their own they would not be protected. What is append only, and
 * the list of migrations, cannot be changed. */
bb_err schema_grant(PGconn *pg, const char *schema, const char *role, char **ret_why)
{
        static const char settings[] =
                "select set_config('busbar.schema', $1, true), set_config('busbar.grantee', $2, true)";
        static const char grants[] =
                "do $$\n"
                "declare\n"
                "        r record;\n"
                "        s text := current_setting('busbar.schema');\n"
                "        g text := current_setting('busbar.grantee');\n"
                "begin\n"
                "        execute format('grant usage on schema %I to %I', s, g);\n"
                "        execute format('grant execute on all functions in schema %I to %I', s, g);\n"
                "        for r in select c.oid::regclass as rel, c.relkind, c.relispartition,\n"
                "                        c.oid = 'core.migration'::regclass as read_only,\n"
                "                        exists (select from pg_trigger t where t.tgrelid = c.oid\n"
                "                                and t.tgfoid = 'core.refuse_change'::regproc) as append_only\n"
                "                from pg_class c where c.relnamespace = s::regnamespace and c.relkind in ('r', 'p', "
                "'v', 'S')\n"
                "        loop\n"
                "                execute format('revoke all on %s from %I', r.rel, g);\n"
                "                if r.relispartition then\n"
                "                        null;\n"
                "                elsif r.relkind = 'S' then\n"
                "                        execute format('grant usage, select on sequence %s to %I', r.rel, g);\n"
                "                elsif r.read_only then\n"
                "                        execute format('grant select on %s to %I', r.rel, g);\n"
                "                elsif r.append_only then\n"
                "                        execute format('grant select, insert on %s to %I', r.rel, g);\n"
                "                else\n"
                "                        execute format('grant select, insert, update, delete on %s to %I', r.rel, "
                "g);\n"
                "                end if;\n"
                "        end loop;\n"
                "end $$";
        const char *const values[] = {schema, role};
        PGresult *set = NULL;

        TRY(owner_query(pg, settings, values, 2, &set, ret_why));
        PQclear(set);
        return owner_exec(pg, grants, "granting the runtime role its rights", ret_why);
}
