/* SPDX-License-Identifier: Apache-2.0
 *
 * What an SQLSTATE means to a caller, and what of an SQL error may be logged: never a value.
 */
#include "db/pool.h"
#include <busbar/log.h>
#include <string.h>

/* The longest match counts; what is not here is BB_E_INVALID. */
static const struct {
        const char *prefix;
        bb_err err;
} meanings[] = {
        {"23505", BB_E_EXISTS},      /* unique_violation */
        {"23P01", BB_E_EXISTS},      /* exclusion_violation */
        {"23502", BB_E_INVALID},     /* not_null_violation: the statement is wrong, not the state */
        {"23", BB_E_CONFLICT},       /* foreign key, check, restrict */
        {"40", BB_E_CONFLICT},       /* serialization_failure, deadlock_detected */
        {"57014", BB_E_TIMEOUT},     /* query_canceled: statement_timeout */
        {"55P03", BB_E_TIMEOUT},     /* lock_not_available: lock_timeout */
        {"25006", BB_E_UNAVAILABLE}, /* read_only_sql_transaction: this server is a standby by now */
        {"25P03", BB_E_UNAVAILABLE}, /* idle_in_transaction_session_timeout */
        {"08", BB_E_UNAVAILABLE},    /* connection */
        {"53", BB_E_UNAVAILABLE},    /* disk full, out of memory, too many connections */
        {"57P", BB_E_UNAVAILABLE},   /* shutdown, crash, starting up */
        {"58", BB_E_UNAVAILABLE},    /* I/O error of the server */
};

bb_err sqlstate_err(const char *sqlstate)
{
        size_t best = 0;
        bb_err err = BB_E_INVALID;

        if (sqlstate == NULL)
                return BB_E_UNAVAILABLE;
        for (size_t i = 0; i < BB_COUNT(meanings); i++) {
                size_t len = strlen(meanings[i].prefix);

                if (len > best && strncmp(sqlstate, meanings[i].prefix, len) == 0) {
                        best = len;
                        err = meanings[i].err;
                }
        }
        return err;
}

int sqlstate_is_loss(const PGresult *error)
{
        const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
        const char *severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);

        if (state == NULL || strcmp(state, "25006") == 0)
                return 1;
        return severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* Classes whose messages speak of the statement or the server. Those of class 22 and 23 quote values. */
static int message_is_safe(const char *state)
{
        static const char *const safe[] = {"0A", "25", "26", "34", "42", "53", "54", "55", "57", "58", "XX"};

        for (size_t i = 0; i < BB_COUNT(safe); i++)
                if (strncmp(state, safe[i], 2) == 0)
                        return 1;
        return 0;
}

static const char *field(const PGresult *error, int which)
{
        const char *text = PQresultErrorField(error, which);

        return text != NULL ? text : "";
}

/* Conflicts are part of normal life: who gets one tells what it means. */
void sqlstate_log(const PGresult *error, bb_err err)
{
        const char *state = field(error, PG_DIAG_SQLSTATE);
        int expected = err == BB_E_EXISTS || err == BB_E_CONFLICT;

        bb_log(expected ? BB_DEBUG : BB_ERROR, "db.sql_error",
               message_is_safe(state) ? field(error, PG_DIAG_MESSAGE_PRIMARY) : "the statement failed",
               bb_kv_err(err), bb_kv_cstr("sqlstate", state),
               bb_kv_cstr("constraint", field(error, PG_DIAG_CONSTRAINT_NAME)),
               bb_kv_cstr("schema", field(error, PG_DIAG_SCHEMA_NAME)), bb_kv_cstr("table", field(error, PG_DIAG_TABLE_NAME)),
               bb_kv_cstr("column", field(error, PG_DIAG_COLUMN_NAME)),
               bb_kv_cstr("position", field(error, PG_DIAG_STATEMENT_POSITION)));
}
