/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable background work as plugins and operators see it: types, creating, progress, looking up, cancelling. Who runs
 * it is in job_run.c.
 */
#include "base/time.h"
#include "db/work.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000
#define PROGRESS_MS 500

struct list job_types = {.next = &job_types, .prev = &job_types};

static const char info_sql[] = "select id, type, state, params::text, result::text, error, done, total, created_at, "
                               "started_at, ended_at, attempts,"
                               " (extract(epoch from now() - started_at) * 1000)::bigint"
                               " from core.job where id = $1";
static const char list_sql[] =
        "select id, type, state, params::text, result::text, error, done, total, created_at, started_at, ended_at, "
        "attempts, (extract(epoch from now() - started_at) * 1000)::bigint"
        " from core.job where ($1::text is null or type = $1) and ($2::uuid is null or (created_at, id) <"
        " (select j.created_at, j.id from core.job j where j.id = $2)) order by created_at desc, id desc limit $3";

bb_err job_type_register(bb_plugin_ref *who, const char *type,
                         bb_err (*run)(bb_job *, bb_str, void *, bb_str *, bb_str *))
{
        struct job_type *t;

        if (who == NULL || type == NULL || type[0] == '\0' || run == NULL)
                return BB_E_INVALID;
        LIST_EACH (item, &job_types)
                if (strcmp(LIST_OF(struct job_type, link, item)->type, type) == 0)
                        return BB_E_EXISTS;
        t = heap_new(sizeof(*t));
        *t = (struct job_type){.who = who, .type = strdup(type), .run = run};
        list_append(&job_types, &t->link);
        return BB_OK;
}

struct bb_stmt job_stmt(const char *type, bb_str id, bb_str params_json)
{
        const struct bb_param params[] = {BB_UUID(id), BB_CTEXT(type),
                                          BB_JSONB(params_json.ptr != NULL ? params_json : BB_STR("{}"))};

        return lasting_stmt("insert into core.job (id, type, params) values ($1, $2, $3)", params, BB_COUNT(params),
                            BB_STMT_JOB);
}

bb_str job_id(const bb_job *job)
{
        return job != NULL && job->magic == JOB_MAGIC ? job->id : BB_NONE;
}

/* Written twice a second at most, and at the end. That somebody cancelled the job comes back by the same way; on this
 * node it is known at once. */
BB_AWAIT bb_err job_progress(bb_job *job, int64_t done, int64_t total)
{
        int64_t now = time_mono_ms();
        bb_rows *rows = NULL;
        bb_err err;

        if (job == NULL || job->magic != JOB_MAGIC)
                return BB_E_INVALID;
        if (job->cancel || job->lost)
                return BB_E_CANCELED;
        job->done = done;
        job->total = total;
        job_changed(job->id);
        if (job->written_ms != 0 && now - job->written_ms < PROGRESS_MS && (done < total || total == 0))
                return task_check();
        job->written_ms = now;
        err = bb_db_query(
                &rows,
                "update core.job set done = $2, total = $3 where id = $1 and owner = $4 and state = 1 returning cancel",
                BB_UUID(job->id), BB_INT(done), BB_INT(total), BB_CTEXT(work_owner));
        /* Only a number on a screen is missing: the job's own work will meet the outage if it lasts. */
        if (err == BB_E_UNAVAILABLE)
                return BB_OK;
        TRY(err);
        if (bb_rows_count(rows) == 0)
                job->lost = 1;
        else if (bb_row_int(rows, 0, 0, 0))
                job->cancel = 1;
        return job->cancel || job->lost ? BB_E_CANCELED : BB_OK;
}

bb_job *job_here(const struct work *w, bb_str id)
{
        LIST_EACH (item, &w->jobs) {
                bb_job *job = LIST_OF(bb_job, link, item);

                if (bb_str_eq(job->id, id))
                        return job;
        }
        return NULL;
}

/* What runs here knows better than its row. */
static void add_news(struct bb_job_info *info)
{
        const struct work *w = work_of(task_tenant(task_current()));
        const bb_job *job = w != NULL && info->state == BB_JOB_RUNNING ? job_here(w, info->id) : NULL;

        if (job == NULL || job->done < info->done)
                return;
        info->done = job->done;
        info->total = job->total;
}

/* As fast as until now. */
static int64_t left_ms(const struct bb_job_info *info, int64_t ran_ms)
{
        if (info->state != BB_JOB_RUNNING || info->done <= 0 || info->total < info->done || ran_ms < 0)
                return -1;
        return (int64_t)((__int128)ran_ms * (info->total - info->done) / info->done);
}

static void fill_info(const bb_rows *rows, size_t i, struct bb_job_info *ret)
{
        *ret = (struct bb_job_info){.size = sizeof(*ret),
                                    .id = bb_row_str(rows, i, 0),
                                    .type = bb_row_str(rows, i, 1),
                                    .state = (int32_t)bb_row_int(rows, i, 2, 0),
                                    .params = bb_row_str(rows, i, 3),
                                    .result = bb_row_str(rows, i, 4),
                                    .error = bb_row_str(rows, i, 5),
                                    .done = bb_row_int(rows, i, 6, 0),
                                    .total = bb_row_int(rows, i, 7, 0),
                                    .created_ms = bb_row_time(rows, i, 8, 0),
                                    .started_ms = bb_row_time(rows, i, 9, 0),
                                    .ended_ms = bb_row_time(rows, i, 10, 0),
                                    .attempts = (int32_t)bb_row_int(rows, i, 11, 0)};
        add_news(ret);
        ret->left_ms = left_ms(ret, bb_row_int(rows, i, 12, -1));
}

/* A malformed id is one that no job has. */
BB_AWAIT bb_err job_get(bb_str id, struct bb_job_info *ret)
{
        bb_rows *rows = NULL;
        bb_err err = bb_db_query(&rows, info_sql, BB_UUID(id));

        if (err == BB_E_INVALID || (err == BB_OK && bb_rows_count(rows) == 0))
                return BB_E_NOT_FOUND;
        TRY(err);
        fill_info(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err job_list(const char *type, bb_str before, size_t limit, struct bb_job_info **ret, size_t *ret_count)
{
        struct bb_job_info *list;
        bb_rows *rows = NULL;
        size_t count;

        TRY(bb_db_query(&rows, list_sql, BB_CTEXT(type), BB_UUID(before),
                        BB_INT(limit < LIST_MAX ? (int64_t)limit : LIST_MAX)));
        count = bb_rows_count(rows);
        list = BB_NEW_ARRAY(struct bb_job_info, count + 1);
        for (size_t i = 0; i < count; i++)
                fill_info(rows, i, &list[i]);
        *ret = list;
        *ret_count = count;
        return BB_OK;
}

static void cancel_here(bb_str id)
{
        const struct work *w = work_of(task_tenant(task_current()));
        bb_job *job = w != NULL ? job_here(w, id) : NULL;

        if (job != NULL)
                job->cancel = 1;
        job_changed(id);
}

/* One that waits ends at once, one that runs when it looks next. */
BB_AWAIT bb_err job_cancel(bb_str id)
{
        bb_rows *rows = NULL;
        bb_err err = bb_db_query(&rows,
                                 "update core.job set cancel = true, state = case state when 0 then 4 else state end,"
                                 " ended_at = case state when 0 then now() end where id = $1 and state in (0, 1)"
                                 " returning id",
                                 BB_UUID(id));
        struct bb_job_info info;

        if (err == BB_E_INVALID)
                return BB_E_NOT_FOUND;
        TRY(err);
        if (bb_rows_count(rows) > 0) {
                cancel_here(bb_row_str(rows, 0, 0));
                return BB_OK;
        }
        TRY(job_get(id, &info));
        return info.state == BB_JOB_CANCELED ? BB_OK : BB_E_CONFLICT;
}
