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

/* admin_shutdown: a restart of the server, or pg_terminate_backend(). It is said between two steps. */
int sqlstate_is_goodbye(const PGresult *error)
{
        const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);

        return state != NULL && strcmp(state, "57P01") == 0;
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

/* The start of the statement, which is constant text of a program. */
#define SQL_SHOWN 120

static void add_field(struct bb_kv *fields, size_t *count, const char *name, const char *text)
{
        if (text != NULL && text[0] != '\0')
                fields[(*count)++] = bb_kv_str(name, (bb_str){.ptr = text, .len = strnlen(text, SQL_SHOWN)});
}

/* Conflicts are part of normal life: who gets one tells what it means. */
void sqlstate_log(const PGresult *error, bb_err err, const char *sql)
{
        static const struct {
                const char *name;
                int which;
        } shown[] = {{"sqlstate", PG_DIAG_SQLSTATE},  {"constraint", PG_DIAG_CONSTRAINT_NAME},
                     {"schema", PG_DIAG_SCHEMA_NAME}, {"table", PG_DIAG_TABLE_NAME},
                     {"column", PG_DIAG_COLUMN_NAME}, {"position", PG_DIAG_STATEMENT_POSITION}};
        const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
        int expected = err == BB_E_EXISTS || err == BB_E_CONFLICT;
        struct bb_kv fields[BB_COUNT(shown) + 2];
        size_t count = 0;

        fields[count++] = bb_kv_err(err);
        for (size_t i = 0; i < BB_COUNT(shown); i++)
                add_field(fields, &count, shown[i].name, PQresultErrorField(error, shown[i].which));
        add_field(fields, &count, "sql", sql);
        bb_log_->write(bb_self_, expected ? BB_DEBUG : BB_ERROR, "db.sql_error",
                       state != NULL && message_is_safe(state) ? PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY)
                                                               : "the statement failed",
                       fields, count);
}
