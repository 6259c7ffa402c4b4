/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of a copy: a connection of its own, as the runtime role, one read-only transaction of the tenant, and
 * rows. Every wait is also for being stopped. The server ends by itself when the connection is gone.
 */
#include "base/time.h"
#include "db/copy.h"
#include "rt/loop.h"
#include <busbar/log.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECT_MS 10000
#define OID_TEXT 25
/* Stations come first: when the loop is late, or the server's answers take longer than usual, we pause for as long
 * after every so many rows. */
#define PACE_ROWS 256
#define LAG_MS 4
#define PAUSE_MOST_MS 200
#define LOAD_MOST_MS 4 /* so that it comes to its end whatever the server is slow for: a million rows in 16 s more */

void copy_stop(void *arg)
{
        struct copying *c = arg;

        atomic_store(&c->stopped, 1);
        (void)eventfd_write(c->stop_fd, 1);
}

static bb_err check(const struct copying *c, int64_t until_ms)
{
        if (atomic_load_explicit(&c->stopped, memory_order_relaxed))
                return BB_E_CANCELED;
        return until_ms != INT64_MAX && time_mono_ms() >= until_ms ? BB_E_TIMEOUT : BB_OK;
}

/* `fd` -1: for the time alone. */
static bb_err wait_until(struct copying *c, int fd, short what, int64_t until_ms)
{
        struct pollfd fds[] = {{.fd = c->stop_fd, .events = POLLIN}, {.fd = fd, .events = what}};
        int64_t left = until_ms - time_mono_ms();
        int ms = until_ms == INT64_MAX ? -1 : left < 0 ? 0 : left > 60000 ? 60000 : (int)left;

        TRY(check(c, until_ms));
        if (poll(fds, BB_COUNT(fds), ms) < 0 && errno != EINTR)
                return BB_E_IO;
        return check(c, until_ms);
}

/* --- errors --- */

/* Of a snapshot that only reads, class 40 is the replica's: "conflict with recovery". */
static bb_err meaning(const PGresult *result)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

        if (state != NULL && strncmp(state, "40", 2) == 0)
                return BB_E_UNAVAILABLE;
        if (state != NULL && strcmp(state, "25006") == 0)
                return BB_E_INVALID; /* it would write */
        return sqlstate_err(state);
}

static bb_err lost(const struct copying *c)
{
        const char *why = PQerrorMessage(c->pg);

        bb_log(BB_WARN, "db.copy_lost", "the connection of a copy is gone",
               bb_kv_str("reason", (bb_str){.ptr = why, .len = strcspn(why, "\n")}));
        return BB_E_UNAVAILABLE;
}

static bb_err failed(const struct copying *c, const PGresult *result)
{
        bb_err err;

        if (PQstatus(c->pg) == CONNECTION_BAD && PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL)
                return lost(c);
        err = meaning(result);
        sqlstate_log(result, err, c->copy->stmt->sql);
        return err;
}

/* --- one statement --- */

static bb_err next_result(struct copying *c, PGresult **ret)
{
        while (PQisBusy(c->pg)) {
                TRY(wait_until(c, PQsocket(c->pg), POLLIN, c->until_ms));
                if (!PQconsumeInput(c->pg))
                        return lost(c);
        }
        *ret = PQgetResult(c->pg);
        return BB_OK;
}

/* Its one result, which must be of this status. */
static bb_err ask(struct copying *c, const struct encoded *e, ExecStatusType wanted, PGresult **ret)
{
        PGresult *result = NULL, *after = NULL;
        bb_err err;

        if (!PQsendQueryParams(c->pg, e->sql, (int)e->param_count, e->types, e->values, e->lengths, e->formats, 0))
                return lost(c);
        TRY(next_result(c, &result));
        if (PQresultStatus(result) != wanted) {
                err = failed(c, result);
                PQclear(result);
                return err;
        }
        /* A COPY goes on; of all others this is the NULL that ends them. */
        err = wanted == PGRES_COPY_OUT ? BB_OK : next_result(c, &after);
        PQclear(after);
        if (err == BB_OK && ret != NULL)
                *ret = result;
        else
                PQclear(result);
        return err;
}

static bb_err ask_texts(struct copying *c, const char *sql, const char *const *values, size_t count,
                        ExecStatusType wanted, PGresult **ret)
{
        static const Oid types[] = {OID_TEXT, OID_TEXT, OID_TEXT};
        const struct encoded e = {.sql = sql, .param_count = count, .types = types, .values = values};

        return ask(c, &e, wanted, ret);
}

/* --- the session --- */

static bb_err connect_to(struct copying *c)
{
        int64_t until = time_mono_ms() + CONNECT_MS;
        PostgresPollingStatusType polled = PGRES_POLLING_WRITING;

        if (until > c->until_ms)
                until = c->until_ms;
        c->pg = conn_begin(c->url, c->session_attributes, c->found.count > 0 ? &c->found : NULL);
        if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD)
                return lost(c);
        while (polled != PGRES_POLLING_OK) {
                bb_err err = wait_until(c, PQsocket(c->pg), polled == PGRES_POLLING_READING ? POLLIN : POLLOUT, until);

                if (err == BB_E_TIMEOUT && time_mono_ms() < c->until_ms)
                        return BB_E_UNAVAILABLE;
                TRY(err);
                polled = PQconnectPoll(c->pg);
                if (polled == PGRES_POLLING_FAILED)
                        return lost(c);
        }
        return BB_OK;
}

static bb_err check_role(struct copying *c)
{
        char statement_ms[24], lock_ms[16], *complaint;
        const char *const values[] = {statement_ms, lock_ms, ""};
        int64_t left = c->until_ms - time_mono_ms();
        PGresult *result = NULL;

        /* As long as we would wait, should we be gone and the server not notice. */
        snprintf(statement_ms, sizeof(statement_ms), "%lld",
                 c->until_ms == INT64_MAX || left > INT32_MAX ? 0LL
                 : left < 1                                   ? 1LL
                                                              : (long long)left);
        snprintf(lock_ms, sizeof(lock_ms), "%d", c->lock_timeout_ms);
        TRY(ask_texts(c, role_sql, values, BB_COUNT(values), PGRES_TUPLES_OK, &result));
        complaint = role_complaint(result);
        PQclear(result);
        if (complaint == NULL)
                return BB_OK;
        bb_log(BB_ERROR, "db.role_refused", complaint);
        free(complaint);
        return BB_E_DENIED;
}

/* One core at most, none of the locks for long, and an end when we are gone: the server looks for that every second
 * (client_connection_check_interval, from PostgreSQL 14 on). */
static bb_err begin(struct copying *c)
{
        const char *const tenant[] = {c->tenant.ptr};

        TRY(ask_texts(c, "begin isolation level repeatable read read only", NULL, 0, PGRES_COMMAND_OK, NULL));
        return ask_texts(c,
                         "select pg_catalog.set_config('busbar.tenant', $1, true),"
                         " pg_catalog.set_config('idle_in_transaction_session_timeout', '60000', true),"
                         " pg_catalog.set_config('max_parallel_workers_per_gather', '0', true),"
                         " pg_catalog.set_config('standard_conforming_strings', 'on', true),"
                         " (select pg_catalog.set_config(s.name, '1000', true) from pg_catalog.pg_settings s"
                         " where s.name = 'client_connection_check_interval')",
                         tenant, BB_COUNT(tenant), PGRES_TUPLES_OK, NULL);
}

/* The server itself turns the value, sent in binary as ever, into the text of the setting. */
static bb_err hand_over(struct copying *c, size_t n)
{
        const struct encoded *v = &c->values;
        char name[32];
        const char *const values[] = {name, v->values[n]};
        const Oid types[] = {OID_TEXT, v->types[n]};
        const int lengths[] = {snprintf(name, sizeof(name), "busbar.p%zu", n + 1), v->lengths[n]}, formats[] = {0, 1};
        const struct encoded e = {.sql = "select pg_catalog.set_config($1, $2::text, true)",
                                  .param_count = BB_COUNT(values),
                                  .types = types,
                                  .values = values,
                                  .lengths = lengths,
                                  .formats = formats};

        return values[1] != NULL ? ask(c, &e, PGRES_TUPLES_OK, NULL) : BB_OK;
}

/* --- rows --- */

static int64_t least(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static bb_err pace(struct copying *c)
{
        int64_t late = least(loop_lag_ms(), PAUSE_MOST_MS), load = least(load_excess_ms(), LOAD_MOST_MS);
        int64_t pause = late > LAG_MS && late > load ? late : load;
        bb_err err;

        if (pause == 0)
                return check(c, c->until_ms);
        c->paused_ms += pause;
        err = wait_until(c, -1, 0, time_mono_ms() + pause);
        return err == BB_E_TIMEOUT ? check(c, c->until_ms) : err;
}

static bb_err take_row(struct copying *c, char *row, int len)
{
        bb_err err = check(c, INT64_MAX);

        if (err == BB_OK)
                err = c->copy->row(row, (size_t)len, c->copy->arg);
        PQfreemem(row);
        c->bytes += len;
        if (err == BB_OK && ++c->rows % PACE_ROWS == 0)
                err = pace(c);
        return err;
}

static bb_err take_end(struct copying *c)
{
        PGresult *result = NULL;
        bb_err err;

        TRY(next_result(c, &result));
        err = PQresultStatus(result) == PGRES_COMMAND_OK ? BB_OK : failed(c, result);
        PQclear(result);
        c->rows -= err == BB_OK; /* the trailer was none */
        return err;
}

static bb_err take_rows_of(struct copying *c)
{
        int len, waited = 0;
        char *row = NULL;

        while ((len = PQgetCopyData(c->pg, &row, 1)) >= 0) {
                if (len > 0) {
                        TRY(take_row(c, row, len));
                        waited = 0;
                        continue;
                }
                /* There is often more already: ask before waiting. */
                if (waited)
                        TRY(wait_until(c, PQsocket(c->pg), POLLIN, c->until_ms));
                waited = 1;
                if (!PQconsumeInput(c->pg))
                        return lost(c);
        }
        return take_end(c);
}

static bb_err copy_all(struct copying *c)
{
        const struct encoded copy = {.sql = c->sql};

        TRY(connect_to(c));
        TRY(check_role(c));
        TRY(begin(c));
        c->ready = 1;
        for (size_t n = 0; n < c->values.param_count; n++)
                TRY(hand_over(c, n));
        TRY(ask(c, &copy, PGRES_COPY_OUT, NULL));
        return take_rows_of(c);
}

/* We have had enough, the server perhaps not: it may sort for a long time yet. */
static void cancel_query(const struct copying *c)
{
        char why[256];
        PGcancel *cancel;

        if (!c->ready || PQstatus(c->pg) != CONNECTION_OK || PQtransactionStatus(c->pg) != PQTRANS_ACTIVE)
                return;
        cancel = PQgetCancel(c->pg);
        if (cancel != NULL && !PQcancel(cancel, why, sizeof(why)))
                bb_log(BB_DEBUG, "db.copy_cancel", NULL, bb_kv_cstr("reason", why));
        PQfreeCancel(cancel);
}

void copy_thread(void *arg)
{
        struct copying *c = arg;

        c->err = copy_all(c);
        if (c->err < 0)
                cancel_query(c);
        PQfinish(c->pg);
        c->pg = NULL;
}
