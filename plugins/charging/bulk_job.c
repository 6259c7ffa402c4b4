/* SPDX-License-Identifier: Apache-2.0
 *
 * The job of a command to many stations: sends what is still queued, at its rate. It works for some seconds and is
 * then followed by another job, so that other jobs of the tenant get their turn. It may run again after a crash, and
 * two may run at once: an operation is sent by whoever writes down first that he sends it, and once.
 */
#include "operation.h"
#include <stdlib.h>

#define SLICE_MS 20000
#define UNDER_WAY_MAX 300 /* tasks that wait for an answer */
#define BATCH 500

struct slice {
        struct charging *c;
        bb_job *job;
        bb_str id;
        struct bulk_run *run;
        int64_t rate, max_failures, total, begun_ms;
        bb_str action;
        char *payload;   /* whole */
        int64_t next_ms; /* monotonic: when the next may be sent */
};

void bulk_run_drop(struct bulk_run *run)
{
        if (--run->refs == 0)
                free(run);
}

static struct bulk_run *run_new(struct charging *c, bb_str id, int64_t failures)
{
        struct bulk_run *run = calloc(1, sizeof(*run));

        if (run == NULL)
                abort();
        memcpy(run->id, id.ptr, id.len < 36 ? id.len : 36);
        run->refs = 1;
        run->failures = failures;
        run->next = c->operations->bulks;
        c->operations->bulks = run;
        return run;
}

static void run_end(struct charging *c, struct bulk_run *run)
{
        struct bulk_run **at = &c->operations->bulks;

        while (*at != run)
                at = &(*at)->next;
        *at = run->next;
        bulk_run_drop(run);
}

/* Those that were not sent end with it. */
BB_AWAIT bb_err bulk_close(bb_str id, int32_t state, bb_str why)
{
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.bulk set state = $2, ended_at = $3, sealed = null, version = version + 1"
                         " where bulk_id = $1 and (state in (0, 1) or (state = 2 and exists (select 1 from"
                         " charging.operation where bulk_id = $1 and state = 0)))",
                         BB_UUID(id), BB_INT(state), BB_TIME(bb_now_ms())),
                BB_STMT("update charging.operation set state = 7, ended_at = $2, waits = false, sealed = null,"
                        " summary = $3, steps = steps || $4, version = version + 1 where bulk_id = $1 and state = 0",
                        BB_UUID(id), BB_TIME(bb_now_ms()), BB_TEXT(why), BB_JSONB(step_text("ended", why))),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

/* --- one slice --- */

/* BB_E_NOT_FOUND: it does not run any more, or another job has it. */
static BB_AWAIT bb_err load(struct slice *s)
{
        bb_str sealed, clear;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select rate_per_second, max_failures, total, action, payload::text, sealed,"
                        " (select count(*) from charging.operation o where o.bulk_id = b.bulk_id"
                        " and o.state in (4, 5, 6, 8)) from charging.bulk b"
                        " where b.bulk_id = $1 and b.job_id = $2 and b.state = 0",
                        BB_UUID(s->id), BB_UUID(bb_job_id(s->job))));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        s->rate = bb_row_int(rows, 0, 0, 1);
        s->max_failures = bb_row_int(rows, 0, 1, 0);
        s->total = bb_row_int(rows, 0, 2, 0);
        s->action = bb_row_str(rows, 0, 3);
        clear = bb_row_str(rows, 0, 4);
        sealed = bb_row_bytes(rows, 0, 5);
        if (sealed.len > 0)
                TRY(bb_unseal("operation", sealed, &clear));
        s->payload = text_keep(clear);
        s->run = run_new(s->c, s->id, bb_row_int(rows, 0, 6, 0));
        return BB_OK;
}

static int too_many_failures(const struct slice *s)
{
        return s->max_failures > 0 && s->run->failures >= s->max_failures;
}

static int is_over(const struct slice *s)
{
        return s->run->stop || too_many_failures(s) || bb_mono_ms() - s->begun_ms >= SLICE_MS;
}

/* At its rate, and with not too many under way. */
static BB_AWAIT bb_err wait_for_turn(struct slice *s)
{
        enum { NAP_MS = 20 };
        int64_t now = bb_mono_ms();

        if (s->next_ms > now)
                TRY(bb_sleep(s->next_ms - now));
        while (s->run->under_way >= UNDER_WAY_MAX && !is_over(s))
                TRY(bb_sleep(NAP_MS));
        now = bb_mono_ms();
        s->next_ms = (s->next_ms > now - 1000 && s->next_ms > 0 ? s->next_ms : now) + 1000 / s->rate;
        return BB_OK;
}

static void send_one(struct slice *s, const bb_rows *rows, size_t i)
{
        struct operation *o;

        if (operation_find(s->c, bb_row_str(rows, i, 0)) != NULL)
                return; /* an earlier slice began with it */
        o = operation_new(s->c, bb_row_str(rows, i, 0), bb_row_str(rows, i, 1), s->action);
        o->flags = (int32_t)bb_row_int(rows, i, 2, 0);
        o->timeout_ms = bb_row_int(rows, i, 3, 0);
        o->effect_timeout_ms = bb_row_int(rows, i, 4, 0);
        o->expires_ms = bb_row_time(rows, i, 5, 0);
        o->lasting = 1;
        o->of_bulk = 1;
        o->payload = text_keep(bb_cstr(s->payload));
        o->bulk = s->run;
        s->run->refs++;
        if (operation_launch(s->c, o) < 0)
                operation_forget(s->c, o);
        operation_drop(o);
}

/* *ret_left: operations that are not sent, nor wait for their station. */
static BB_AWAIT bb_err send_batch(struct slice *s, size_t *ret_left)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select operation_id::text, station_id, flags, timeout_ms, effect_timeout_ms, expires_at"
                        " from charging.operation where bulk_id = $1 and state = 0 and not waits"
                        " order by operation_id limit $2",
                        BB_UUID(s->id), BB_INT(BATCH + UNDER_WAY_MAX)));
        *ret_left = bb_rows_count(rows);
        for (size_t i = 0; i < *ret_left && !is_over(s); i++) {
                if (operation_find(s->c, bb_row_str(rows, i, 0)) != NULL)
                        continue;
                TRY(wait_for_turn(s));
                if (!is_over(s))
                        send_one(s, rows, i);
        }
        return BB_OK;
}

static BB_AWAIT bb_err finish(const struct slice *s)
{
        return bb_db_query(
                NULL,
                "update charging.bulk set state = 2, ended_at = $2, version = version + 1, sealed = case when"
                " exists (select 1 from charging.operation where bulk_id = $1 and state = 0) then sealed end"
                " where bulk_id = $1 and state = 0",
                BB_UUID(s->id), BB_TIME(bb_now_ms()));
}

/* Another job goes on; unless this one has been replaced. */
static BB_AWAIT bb_err hand_over(bb_str bulk_id, bb_str job_id)
{
        bb_str next = bb_uuid();
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.bulk set job_id = $3 where bulk_id = $1 and job_id = $2 and state = 0",
                         BB_UUID(bulk_id), BB_UUID(job_id), BB_UUID(next)),
                bb_job_stmt("charging.bulk", next, bb_print("{\"bulk_id\":\"%.*s\"}", BB_FMT(bulk_id))),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static BB_AWAIT bb_err send_slice(struct slice *s)
{
        enum { NAP_MS = 50 };
        size_t left = 1;

        while (left > 0 && !is_over(s)) {
                TRY(send_batch(s, &left));
                TRY(bb_job_progress(s->job, s->total - (int64_t)left, s->total));
                if (left > 0 && !is_over(s))
                        TRY(bb_sleep(NAP_MS));
        }
        if (s->run->stop)
                return BB_OK;
        if (too_many_failures(s)) {
                bb_err err = bulk_close(
                        s->id, BB_BULK_STOPPED,
                        bb_print("Not sent: %lld stations before it had failed.", (long long)s->run->failures));

                return err == BB_E_NOT_FOUND ? BB_OK : err;
        }
        return left == 0 ? finish(s) : hand_over(s->id, bb_job_id(s->job));
}

BB_AWAIT bb_err bulk_work(bb_job *job, bb_str params_json, void *tenant_state, bb_str *ret_result, bb_str *ret_error)
{
        struct slice s = {.c = tenant_state, .job = job, .begun_ms = bb_mono_ms()};
        struct bb_fault fault;
        bb_json *params;
        bb_err err;

        (void)ret_result, (void)ret_error;
        TRY(bb_json_parse(params_json, &params, &fault));
        s.id = bb_json_str(bb_json_get(params, "bulk_id"));
        err = load(&s);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        err = send_slice(&s);
        run_end(s.c, s.run);
        explicit_bzero(s.payload, strlen(s.payload));
        free(s.payload);
        return err;
}

/* --- by the clock --- */

static BB_AWAIT int has_job(bb_str job_id)
{
        struct bb_job_info info = {.size = sizeof(info)};
        bb_err err = bb_job_get(job_id, &info);

        return err != BB_E_NOT_FOUND && (err < 0 || info.state == BB_JOB_QUEUED || info.state == BB_JOB_RUNNING);
}

BB_AWAIT void bulks_revive(struct charging *c)
{
        bb_rows *rows;
        bb_err err = bb_db_query(&rows, "select bulk_id::text, job_id::text from charging.bulk where state = 0");

        (void)c;
        for (size_t i = 0; err == BB_OK && i < bb_rows_count(rows); i++) {
                if (!has_job(bb_row_str(rows, i, 1)))
                        err = hand_over(bb_row_str(rows, i, 0), bb_row_str(rows, i, 1));
        }
        if (err < 0 && err != BB_E_CANCELED && err != BB_E_UNAVAILABLE)
                bb_log(BB_WARN, "bulk.trouble", "Commands to many stations could not be looked after.", bb_kv_err(err));
}
