/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the role of the pool one that row security holds? Whoever may bypass it, or owns a protected table, is refused.
 */
#include "db/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets the session up, and asks; $1 statement_timeout, $2 lock_timeout in ms, $3 the search path: nothing, since a name
 * without its schema could be found in another plugin's. Every key begins with the tenant, so there is always an index
 * to go by: a table is never read from end to end for one tenant, nor by a plan that was made while it was small. */
const char role_sql[] =
        "select r.rolname, r.rolsuper, r.rolbypassrls,"
        " (select n.nspname || '.' || c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = "
        "c.relnamespace"
        "   where c.relkind in ('r', 'p') and c.relrowsecurity and pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')"
        "   limit 1),"
        " pg_catalog.set_config('statement_timeout', $1, false), pg_catalog.set_config('lock_timeout', $2, false),"
        " pg_catalog.set_config('search_path', $3, false), pg_catalog.set_config('timezone', 'UTC', false),"
        " pg_catalog.set_config('datestyle', 'ISO, YMD', false), pg_catalog.set_config('bytea_output', 'hex', false),"
        " pg_catalog.set_config('idle_in_transaction_session_timeout', '300000', false),"
        " pg_catalog.set_config('synchronous_commit', 'on', false),"
        " pg_catalog.set_config('enable_seqscan', 'off', false), pg_catalog.set_config('jit', 'off', false),"
        " pg_catalog.set_config('default_transaction_isolation', 'read committed', false)"
        " from pg_catalog.pg_roles r where r.rolname = current_user";

static char *complain(const char *format, const char *role, const char *table)
{
        char *text = NULL;

        if (asprintf(&text, format, role, table) < 0)
                abort();
        return text;
}

char *role_complaint(const PGresult *result)
{
        const char *role;

        if (PQntuples(result) != 1)
                return complain("the database does not know the role that it let in%s%s", "", "");
        role = PQgetvalue(result, 0, 0);
        if (PQgetvalue(result, 0, 1)[0] == 't')
                return complain(
                        "the role \"%s\" of database.url is a superuser, so row security would not keep tenants "
                        "apart: use a plain role%s",
                        role, "");
        if (PQgetvalue(result, 0, 2)[0] == 't')
                return complain("the role \"%s\" of database.url may bypass row security: ALTER ROLE … NOBYPASSRLS%s",
                                role, "");
        if (!PQgetisnull(result, 0, 3))
                return complain(
                        "the role \"%s\" of database.url owns the table %s (or is a member of its owner), so it could "
                        "switch row security off: use a role that owns nothing",
                        role, PQgetvalue(result, 0, 3));
        return NULL;
}

static char *check_session(PGconn *pg)
{
        const char *const values[] = {"10000", "10000", ""};
        PGresult *result = PQexecParams(pg, role_sql, 3, NULL, values, NULL, NULL, 0);
        char *why = PQresultStatus(result) == PGRES_TUPLES_OK ? role_complaint(result) : NULL;

        PQclear(result);
        return why;
}

/* A server that does not answer now is asked again when the pool connects. */
bb_err role_check(const struct db_config *config, bb_str *ret_why)
{
        const char *const keys[] = {"dbname", "connect_timeout", NULL};
        const char *const values[] = {config->url, "3", NULL};
        PGconn *pg;
        char *why = NULL;

        if (config->url == NULL) {
                *ret_why = heap_str(bb_cstr("database.url is missing"));
                return BB_E_INVALID;
        }
        pg = PQconnectdbParams(keys, values, 1);
        if (pg != NULL && PQstatus(pg) == CONNECTION_OK)
                why = check_session(pg);
        PQfinish(pg);
        if (why == NULL)
                return BB_OK;
        *ret_why = bb_cstr(why);
        return BB_E_DENIED;
}
