/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs jobs: a task per tenant claims them, within the limits per tenant and process, and keeps their leases; each job
 * has a task of its own. A job whose node died is run again by whoever sees its lease run out.
 */
#include "base/time.h"
#include "db/work.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdlib.h>
#include <string.h>

#define END_TRIES 30

static int32_t running; /* in this process, and what is being claimed */
static int64_t turns;

static const struct job_type *type_of(bb_str name)
{
        LIST_EACH (item, &job_types) {
                const struct job_type *t = LIST_OF(struct job_type, link, item);

                if (bb_str_is(name, t->type))
                        return t;
        }
        return NULL;
}

/* --- whose turn it is --- */

static int may_start(const struct work *w)
{
        return w->jobs_running < pool.config.jobs_per_tenant && running < pool.config.jobs_per_process;
}

static int waits_for_turn(const struct work *w)
{
        return w->hungry && w->runs_jobs && !w->claiming && !w->stopping && may_start(w);
}

/* Tenants take turns: the one whose last job was begun longest ago comes first. */
static struct work *next_in_turn(void)
{
        struct work *next = NULL;

        LIST_EACH (item, &works) {
                struct work *w = LIST_OF(struct work, link, item);

                if (waits_for_turn(w) && (next == NULL || w->turn < next->turn))
                        next = w;
        }
        return next;
}

static void pass_on(void)
{
        struct work *next = next_in_turn();

        if (next != NULL)
                nap_wake(&next->runner);
}

void jobs_wait(struct work *w)
{
        w->hungry = 1;
        nap_wake(&w->runner);
}

/* --- one job --- */

static void job_forget(bb_job *job)
{
        struct work *w = job->work;

        list_remove(&job->link);
        w->jobs_running--;
        running--;
        job->magic = 0;
        arena_free(job->arena);
        pass_on();
}

struct outcome {
        int32_t state;
        bb_str result, error;
};

/* What becomes of a job by what its function said. */
static struct outcome judge(const bb_job *job, bb_err err, bb_str result, bb_str error)
{
        int last = job->attempts >= pool.config.job_attempts;

        if (err >= 0)
                return (struct outcome){.state = BB_JOB_SUCCEEDED,
                                        .result = result.ptr != NULL ? result : BB_STR("null")};
        if (err == BB_E_CANCELED && job->cancel)
                return (struct outcome){.state = BB_JOB_CANCELED};
        /* The tenant stops here, or something is away: somebody runs it again. */
        if (err == BB_E_CANCELED || (err == BB_E_UNAVAILABLE && !last))
                return (struct outcome){.state = BB_JOB_QUEUED};
        if (error.ptr == NULL)
                error = bb_print("the job failed: %s", bb_err_text(err));
        return (struct outcome){.state = BB_JOB_FAILED, .error = error};
}

/* One that was cancelled meanwhile does not wait for another run. */
static BB_AWAIT bb_err write_end(const bb_job *job, const struct outcome *o)
{
        return bb_db_query(NULL,
                           "update core.job set state = case when $2 = 0 and cancel then 4 else $2 end, result = $3,"
                           " error = $4, owner = null, lease_until = '-infinity',"
                           " ended_at = case when $2 > 1 or cancel then now() end,"
                           " done = case when $2 = 2 and total > 0 then total else done end,"
                           " not_before = case when $2 = 0 then now() + interval '5 seconds' else not_before end"
                           " where id = $1 and owner = $5 and state = 1",
                           BB_UUID(job->id), BB_INT(o->state), BB_JSONB(o->result), BB_TEXT(o->error),
                           BB_CTEXT(work_owner));
}

/* The end must not get lost with a server that is away for a while; then the lease runs out, and the job is run again.
 */
static BB_AWAIT void end_job(bb_job *job, const struct outcome *o)
{
        bb_err err = BB_E_UNAVAILABLE;

        for (int try = 0; try < END_TRIES && err == BB_E_UNAVAILABLE; try++) {
                err = write_end(job, o);
                if (err == BB_E_UNAVAILABLE && bb_sleep(pool.config.poll_ms) < 0)
                        return;
        }
        if (err == BB_E_INVALID && o->state == BB_JOB_SUCCEEDED) {
                struct outcome bad = {.state = BB_JOB_FAILED,
                                      .error = BB_STR("the job gave a result that is not JSON")};

                (void)write_end(job, &bad); /* logged by the pool; then the lease runs out */
        }
}

static void job_task(void *arg)
{
        bb_job *job = arg;
        struct work *w = job->work;
        void *state = db_world.tenant_state != NULL ? db_world.tenant_state(job->who, w->tenant) : NULL;
        bb_str result = BB_NONE, error = BB_NONE;
        int64_t start = time_mono_ms();
        struct outcome o;
        bb_err err;

        err = job->run(job, job->params, state, &result, &error);
        o = judge(job, err, result, error);
        bb_log(o.state == BB_JOB_FAILED ? BB_WARN : BB_INFO, "job.ended", NULL, bb_kv_str("job", job->id),
               bb_kv_str("type", job->type), bb_kv_int("state", o.state), bb_kv_int("attempt", job->attempts),
               bb_kv_int("ms", time_mono_ms() - start), bb_kv_err(err));
        if (!job->lost)
                end_job(job, &o);
        job_changed(job->id);
        job_forget(job);
        work_task_ends(w);
}

static bb_err job_launch(struct work *w, const bb_rows *rows)
{
        const struct job_type *t = type_of(bb_row_str(rows, 0, 1));
        struct arena *own = arena_new("job");
        bb_job *job = arena_alloc(own, sizeof(*job));
        bb_err err;

        *job = (bb_job){.magic = JOB_MAGIC,
                        .work = w,
                        .id = arena_str(own, bb_row_str(rows, 0, 0)),
                        .type = arena_str(own, bb_row_str(rows, 0, 1)),
                        .params = arena_str(own, bb_row_str(rows, 0, 2)),
                        .attempts = (int32_t)bb_row_int(rows, 0, 3, 1),
                        .arena = own};
        list_init(&job->link);
        if (t == NULL) {
                arena_free(own);
                return BB_E_NOT_FOUND;
        }
        job->who = t->who;
        job->run = t->run;
        err = work_spawn(w, t->who, "job", 0, job_task, job, &job->task_id);
        if (err < 0) {
                arena_free(own);
                return err;
        }
        list_append(&w->jobs, &job->link);
        w->jobs_running++;
        w->turn = ++turns;
        running++;
        job_changed(job->id);
        return BB_OK;
}

static int32_t running_of(const struct work *w, const struct job_type *t)
{
        int32_t count = 0;

        LIST_EACH (item, &w->jobs)
                count += bb_str_is(LIST_OF(bb_job, link, item)->type, t->type);
        return count;
}

/* The types of the plugins that this tenant has, without those of which as many run as may: two long exports do not
 * keep a campaign of commands waiting. */
static bb_str *my_types(const struct work *w, size_t *ret_count)
{
        size_t count = 0;
        bb_str *types;

        LIST_EACH (item, &job_types)
                count++;
        types = BB_NEW_ARRAY(bb_str, count + 1);
        count = 0;
        LIST_EACH (item, &job_types) {
                const struct job_type *t = LIST_OF(struct job_type, link, item);

                if (running_of(w, t) < pool.config.jobs_per_type &&
                    (db_world.tenant_has == NULL || db_world.tenant_has(t->who, w->tenant)))
                        types[count++] = bb_cstr(t->type);
        }
        *ret_count = count;
        return types;
}

/* The oldest that waits or was left behind. One that was left behind too often is given up on the way. */
static BB_AWAIT bb_err claim(struct work *w, bb_rows **ret_rows)
{
        size_t count = 0;
        bb_str *types = my_types(w, &count);
        bb_rows *rows[2] = {NULL};

        TRY(bb_db_run(
                (struct bb_stmt[]){
                        BB_STMT("update core.job set state = 3, ended_at = now(), owner = null,"
                                " error = 'it was interrupted ' || attempts || ' times and is not tried again'"
                                " where attempts >= $1 and (state = 0 or (state = 1 and lease_until < now()))",
                                BB_INT(pool.config.job_attempts)),
                        BB_STMT("update core.job set state = 1, owner = $2, attempts = attempts + 1,"
                                " lease_until = now() + $3 * interval '1 millisecond', started_at = "
                                "now(), done = 0, total = 0"
                                " where id = (select id from core.job where type = any($1) and not cancel"
                                "  and not_before <= now() and (state = 0 or (state = 1 and lease_until < now()))"
                                "  order by created_at, id limit 1 for update skip locked)"
                                " returning id, type, params::text, attempts",
                                BB_TEXT_ARRAY(types, count), BB_CTEXT(work_owner), BB_INT(pool.config.lease_ms))},
                2, rows));
        *ret_rows = rows[1];
        return BB_OK;
}

/* Cancelled ones whose node died are over. */
static BB_AWAIT bb_err end_cancelled(void)
{
        return bb_db_query(NULL, "update core.job set state = 4, ended_at = now(), owner = null"
                                 " where state = 1 and cancel and lease_until < now()");
}

/* Keeps the leases of what runs here, and learns what was cancelled, or taken over by another node since. */
static BB_AWAIT bb_err keep_leases(struct work *w)
{
        bb_str *ids = BB_NEW_ARRAY(bb_str, (size_t)w->jobs_running + 1);
        bb_rows *rows = NULL;
        size_t count = 0;

        LIST_EACH (item, &w->jobs)
                ids[count++] = bb_str_dup(LIST_OF(bb_job, link, item)->id);
        if (count == 0)
                return BB_OK;
        TRY(bb_db_query(&rows,
                        "with mine as (update core.job set lease_until = now() + $2 * interval '1 millisecond'"
                        " where owner = $1 and state = 1 and id = any($3::uuid[]) returning id, cancel)"
                        " select i, m.cancel, m.id is null from unnest($3) i left join mine m on m.id = i::uuid",
                        BB_CTEXT(work_owner), BB_INT(pool.config.lease_ms), BB_TEXT_ARRAY(ids, count)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                bb_job *job = job_here(w, bb_row_str(rows, i, 0));

                if (job == NULL)
                        continue; /* it ended meanwhile */
                job->cancel |= (int32_t)bb_row_int(rows, i, 1, 0);
                job->lost |= (int32_t)bb_row_int(rows, i, 2, 0);
        }
        return BB_OK;
}

/* Counted before the wait: other tenants' runners claim meanwhile. */
static BB_AWAIT bb_err claim_in_turn(struct work *w, bb_rows **ret_rows)
{
        bb_err err;

        running++;
        w->claiming = 1;
        w->hungry = 0; /* until a job was found or is added, or the next poll */
        pass_on();     /* there may be room for another one's */
        err = claim(w, ret_rows);
        w->claiming = 0;
        running--;
        TRY(err);
        w->hungry |= bb_rows_count(*ret_rows) > 0;
        return BB_OK;
}

static BB_AWAIT bb_err start_in_turn(struct work *w, int *ret_started)
{
        bb_rows *rows = NULL;

        while (next_in_turn() == w) {
                TRY(claim_in_turn(w, &rows));
                if (bb_rows_count(rows) == 0)
                        continue; /* one may have been added meanwhile */
                TRY(job_launch(w, rows));
                *ret_started = 1;
        }
        return BB_OK;
}

static BB_AWAIT bb_err start_what_waits(struct work *w, int *ret_started)
{
        bb_err err = start_in_turn(w, ret_started);

        pass_on();
        return err;
}

static BB_AWAIT bb_err runner_round(struct work *w, int64_t *kept_ms, int *ret_started)
{
        int64_t now = time_mono_ms();

        if (now - *kept_ms > pool.config.lease_ms / 3) {
                *kept_ms = now;
                TRY(keep_leases(w));
                TRY(end_cancelled());
        }
        return start_what_waits(w, ret_started);
}

static void runner_task(void *arg)
{
        struct work *w = arg;
        struct arena *own = arena_new("jobs"), *before = arena_current;
        int64_t kept_ms = time_mono_ms(), idle = pool.config.poll_ms, most, until;
        bb_err err = BB_OK;

        while (err != BB_E_CANCELED && !w->stopping) {
                int started = 0;

                arena_current = own;
                err = runner_round(w, &kept_ms, &started);
                arena_current = before;
                arena_reset(own);
                idle = started ? pool.config.poll_ms : idle * 5 / 4;
                most = w->jobs_running > 0 ? pool.config.lease_ms / 4 : pool.config.poll_idle_ms;
                if (idle > most)
                        idle = most;
                if (err == BB_E_CANCELED)
                        break;
                until = time_mono_ms() + jittered(idle);
                err = nap(&w->runner, until - time_mono_ms());
                w->hungry |= time_mono_ms() >= until; /* perhaps another node added one */
        }
        arena_free(own);
        w->runs_jobs = 0;
        pass_on();
        work_task_ends(w);
}

/* What an earlier life of this node left behind need not wait for its lease. */
BB_AWAIT bb_err jobs_start(struct work *w)
{
        if (list_empty(&job_types) || w->runs_jobs)
                return BB_OK;
        TRY(bb_db_query(NULL,
                        "update core.job set lease_until = '-infinity' where state = 1"
                        " and split_part(owner, '/', 1) = $1 and owner <> $2",
                        BB_CTEXT(pool.config.node), BB_CTEXT(work_owner)));
        w->hungry = 1;
        TRY(work_spawn(w, NULL, "db.jobs", 0, runner_task, w, &w->runner_id));
        w->runs_jobs = 1;
        return BB_OK;
}

/* A claim is let finish: given up, it could come to pass after the leases were given back. */
void jobs_stop(struct work *w)
{
        nap_wake(&w->runner);
        if (!w->claiming || bb_db_away_ms() > 0)
                bb_task_cancel(w->runner_id);
        LIST_EACH (item, &w->jobs)
                bb_task_cancel(LIST_OF(bb_job, link, item)->task_id);
}

/* Those that were stopped with their tenant: the interruption was ours, it does not count. */
BB_AWAIT bb_err jobs_release(void)
{
        return bb_db_query(NULL,
                           "update core.job set state = case when cancel then 4 else 0 end, owner = null,"
                           " ended_at = case when cancel then now() end, lease_until = '-infinity',"
                           " attempts = greatest(0, attempts - 1) where state = 1 and owner = $1",
                           BB_CTEXT(work_owner));
}
