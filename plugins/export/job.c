/* SPDX-License-Identifier: Apache-2.0
 *
 * The job: rows come as a COPY from one snapshot and go through a writer into a file, on the copy's thread, so that the
 * loop never waits for a disk or a compressor. The job's own task tells how far it is meanwhile, and learns that it was
 * cancelled. What both need is shared by count, since each may end first. A third counts the rows meanwhile, for the
 * progress alone.
 */
#include "export.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct running {
        struct running *next;
        struct export_state *state;
        int32_t owners, ended;
        bb_cond *changed;
        char id[40];
        char *params;
        int32_t attempt;
        bb_err err;
        int64_t total; /* 0: not counted yet, or not at all */
        bb_task_id count_task;
        int32_t counts;
        char *result, error[256];
        /* On the copy's thread. */
        _Atomic int64_t rows, bytes;
        const struct table_writer_ops *ops;
        void *writer;
        struct table_totals totals;
        int fd, disk_error, closed;
        ino_t inode; /* of its file */
        bb_hash *hash;
};

static int64_t rows_written(const struct running *r)
{
        return atomic_load_explicit(&r->rows, memory_order_relaxed);
}

int32_t export_running(const struct export_state *state, bb_str id, int64_t *ret_rows, int64_t *ret_bytes)
{
        for (const struct running *r = state->running; r != NULL; r = r->next) {
                if (r->ended || !bb_str_is(id, r->id))
                        continue;
                *ret_rows = rows_written(r);
                *ret_bytes = atomic_load_explicit(&r->bytes, memory_order_relaxed);
                return 1;
        }
        return 0;
}

static void let_go(struct running *r)
{
        struct running **at = &r->state->running;

        if (--r->owners > 0)
                return;
        while (*at != r)
                at = &(*at)->next;
        *at = r->next;
        bb_cond_free(r->changed);
        free(r->params);
        free(r->result);
        free(r);
}

__attribute__((format(printf, 2, 3))) static void fault(struct running *r, const char *format, ...)
{
        va_list args;

        if (r->error[0] != '\0')
                return;
        va_start(args, format);
        vsnprintf(r->error, sizeof(r->error), format, args);
        va_end(args);
}

/* --- on the copy's thread --- */

static int write_file(void *arg, const void *data, size_t len)
{
        struct running *r = arg;
        const char *at = data;
        size_t left = len;

        while (left > 0) {
                ssize_t n = write(r->fd, at, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        r->disk_error = n < 0 ? errno : EIO;
                        return -1;
                }
                at += n;
                left -= (size_t)n;
        }
        bb_crypto_->hash_add(r->hash, (bb_str){.ptr = data, .len = len});
        atomic_fetch_add_explicit(&r->bytes, (int64_t)len, memory_order_relaxed);
        return 0;
}

static bb_err take_row(const char *data, size_t len, void *arg)
{
        enum { TRAILER = 2 }; /* the end of a COPY: no row */
        struct running *r = arg;

        if (r->ops->row(r->writer, data, len) < 0)
                return BB_E_IO;
        if (len > TRAILER)
                atomic_fetch_add_explicit(&r->rows, 1, memory_order_relaxed);
        return BB_OK;
}

static void close_on_thread(void *arg)
{
        struct running *r = arg;

        r->closed = 1;
        if (r->ops->close(r->writer, &r->totals) < 0) {
                r->disk_error = r->disk_error != 0 ? r->disk_error : EIO;
                return;
        }
        if (fdatasync(r->fd) < 0)
                r->disk_error = errno;
}

/* --- how many rows there will be --- */

static bb_err plan_of(const struct running *r, struct export_order *order, struct plan *plan, struct remarks *remarks)
{
        struct choice choice = {.column_count = 0};
        struct bb_fault unreadable;

        TRY(bb_shape_decode_text(&ExportOrder, bb_cstr(r->params), order, &unreadable));
        choice.dataset = order->dataset;
        choice_of(&order->columns, order->filters, &choice, remarks);
        return plan_make(r->state->tenant, &choice, plan, remarks);
}

static bb_err take_count(const char *data, size_t len, void *arg)
{
        enum { HEADER = 19, BEFORE = 6, MESSAGE = HEADER + BEFORE + 8 }; /* of COPY; of a row's first value; in all */
        uint64_t count = 0;

        for (size_t i = HEADER + BEFORE; len >= MESSAGE && i < MESSAGE; i++)
                count = count << 8 | (unsigned char)data[i];
        if (len >= MESSAGE)
                *(int64_t *)arg = (int64_t)count;
        return BB_OK;
}

/* Only for the progress: what cannot be counted quickly is not known. */
static BB_AWAIT bb_err count_rows(const struct export_state *state, const struct plan *plan, int64_t *ret)
{
        enum { COUNT_MS = 5000 };
        const struct bb_stmt stmt = {
                .sql = plan->count_sql.ptr, .params = plan->params, .param_count = plan->param_count};
        const struct bb_copy copy = {.size = sizeof(copy),
                                     .flags = state->config->replica ? BB_COPY_REPLICA : 0,
                                     .stmt = &stmt,
                                     .timeout_ms = COUNT_MS,
                                     .row = take_count,
                                     .arg = ret};

        return bb_db_copy(&copy);
}

static void count_task(void *arg)
{
        struct remarks remarks = {.count = 0};
        struct running *r = arg;
        struct export_order order;
        struct plan plan;
        int64_t total = 0;

        if (plan_of(r, &order, &plan, &remarks) == BB_OK && count_rows(r->state, &plan, &total) == BB_OK) {
                r->total = total;
                bb_cond_wake_all(r->changed);
        }
        let_go(r);
}

/* Beside the copy: nobody waits for it. */
static void start_count(struct running *r)
{
        r->owners++;
        if (bb_task_spawn("export.count", NULL, 0, count_task, r, &r->count_task) == BB_OK)
                r->counts = 1;
        else
                let_go(r);
}

/* --- the file --- */

static void table_of(const struct export_state *state, const struct export_order *order, const struct plan *plan,
                     const bb_zone *zone, struct table_spec *ret)
{
        *ret = (struct table_spec){.sheet = plan->view.set->title,
                                   .columns = plan->columns,
                                   .column_count = plan->column_count,
                                   .zone = zone,
                                   .zone_name = bb_str_c(order->time_zone),
                                   .offset_s = bb_rt_->zone_offset,
                                   .decimal_comma = language_has_comma(order->language),
                                   .author = bb_str_c(bb_tenant_name(state->tenant)),
                                   .title = order->title.len > 0 ? bb_str_c(order->title) : plan->view.set->title};
}

/* As many copies run as may: it is this one's turn in a moment. */
static BB_AWAIT bb_err copy_in_turn(const struct running *r, const struct bb_copy *copy)
{
        enum { TRIES = 240, PAUSE_MS = 250 };
        bb_err err = bb_db_copy(copy);

        for (int32_t i = 0; i < TRIES && err == BB_E_BUSY && rows_written(r) == 0; i++) {
                TRY(bb_sleep(PAUSE_MS));
                err = bb_db_copy(copy);
        }
        return err;
}

static BB_AWAIT bb_err copy_rows(struct running *r, const struct plan *plan)
{
        const struct bb_stmt stmt = {.sql = plan->sql.ptr, .params = plan->params, .param_count = plan->param_count};
        const struct bb_copy copy = {.size = sizeof(copy),
                                     .flags = r->state->config->replica ? BB_COPY_REPLICA : 0,
                                     .stmt = &stmt,
                                     .timeout_ms = r->state->config->timeout_minutes * 60000,
                                     .row = take_row,
                                     .arg = r};
        bb_err err = copy_in_turn(r, &copy), closed;

        if (err == BB_E_IO && r->disk_error == 0 && r->ops->fault(r->writer) != NULL)
                fault(r, "The rows could not be written. %s", r->ops->fault(r->writer));
        /* The pool of threads may be full for a moment. */
        while (err == BB_OK && (closed = bb_worker_run(close_on_thread, r)) < 0)
                err = closed == BB_E_BUSY ? bb_sleep(50) : closed;
        if (!r->closed)
                r->ops->drop(r->writer);
        return r->disk_error != 0 ? BB_E_IO : err;
}

static void explain(struct running *r, bb_err err)
{
        if (r->disk_error == ENOSPC || r->disk_error == EDQUOT)
                fault(r, "The disk is full: the file would be too large. Make room, or export less at once.");
        else if (r->disk_error != 0)
                fault(r, "The file could not be written: %s.", strerror(r->disk_error));
        else if (err == BB_E_TIMEOUT)
                fault(r, "It took longer than %lld minutes. Export less at once.",
                      (long long)r->state->config->timeout_minutes);
}

static BB_AWAIT bb_err write_part(struct running *r, const struct plan *plan, const struct table_spec *spec,
                                  const char *part)
{
        const struct sink sink = {.write = write_file, .arg = r};
        struct stat st;
        bb_err err = BB_E_IO;

        r->fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (r->fd < 0) {
                r->disk_error = errno;
                return BB_E_IO;
        }
        if (fstat(r->fd, &st) == 0)
                r->inode = st.st_ino;
        r->hash = bb_crypto_->hash_new();
        r->writer = r->ops->open(spec, &sink);
        if (r->writer != NULL)
                err = copy_rows(r, plan);
        if (close(r->fd) < 0 && err == BB_OK) {
                r->disk_error = errno;
                err = BB_E_IO;
        }
        return err;
}

/* --- its end --- */

/* What both events say of an order. */
static void add_order(bb_json *json, const struct running *r, const struct export_order *order)
{
        bb_json *period = bb_json_new_object();

        bb_json_set_str(json, "export_id", bb_cstr(r->id));
        bb_json_set_str(json, "report_id", order->report);
        bb_json_set_str(json, "title", order->title);
        bb_json_set_str(json, "dataset", order->dataset);
        bb_json_set_str(json, "format", bb_cstr(formats[order->format]));
        if (order->from_ms != 0)
                bb_json_set_str(period, "from", bb_time_text(order->from_ms));
        if (order->to_ms != 0)
                bb_json_set_str(period, "to", bb_time_text(order->to_ms));
        bb_json_set(json, "period", period);
}

static bb_str finished_json(const struct running *r, const struct export_order *order, const struct made *made)
{
        bb_json *json = bb_shape_encode(&ExportMade, made);

        add_order(json, r, order);
        return bb_json_text(json);
}

/* Not of one that was cancelled, or that is tried again. */
static BB_AWAIT void tell_failure(const struct running *r, const struct export_order *order, bb_err failure)
{
        bb_json *json = bb_json_new_object();
        bb_err err;

        if (failure == BB_E_CANCELED || failure == BB_E_UNAVAILABLE || failure == BB_E_BUSY)
                return;
        add_order(json, r, order);
        bb_json_set_str(json, "error", bb_cstr(r->error[0] != '\0' ? r->error : "It could not be made."));
        const struct bb_stmt stmt = bb_event_stmt("export.failed", bb_cstr(r->id), bb_json_text(json));

        err = bb_db_run(&stmt, 1, NULL);
        if (err < 0)
                bb_log(BB_WARN, "export.event", "that an export failed could not be told", bb_kv_err(err));
}

/* What is told once stands as long as its file does (keep_told); a file that had to be made anew is told anew. */
static BB_AWAIT bb_err tell(const struct running *r, const struct export_order *order, const struct made *made)
{
        const struct bb_stmt stmts[] = {
                {.sql = "insert into export.finished (export_id, made) values ($1, $2)"
                        " on conflict (tenant_id, export_id) do update set made = $2, finished_at = now()"
                        " where (finished.made::jsonb ->> 'attempt')::bigint <= $3",
                 .params = (const struct bb_param[]){BB_UUID(bb_cstr(r->id)),
                                                     BB_TEXT(bb_shape_encode_text(&ExportMade, made)),
                                                     BB_INT(r->attempt)},
                 .param_count = 3,
                 .flags = BB_STMT_MUST_HIT},
                bb_event_stmt("export.finished", bb_cstr(r->id), finished_json(r, order, made)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_E_CANCELED : err; /* another node was given the job, and was quicker */
}

/* The process may have ended after the file was told of and before the job's end was written: then event, job and file
 * go on saying the same. BB_E_NOT_FOUND: nothing was told, or its file is not here. */
static BB_AWAIT bb_err keep_told(struct running *r)
{
        struct bb_fault fault;
        struct made made;
        struct stat st;
        bb_rows *rows;
        bb_str path;

        TRY(bb_db_query(&rows, "select made from export.finished where export_id = $1", BB_UUID(bb_cstr(r->id))));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        TRY(bb_shape_decode_text(&ExportMade, bb_row_str(rows, 0, 0), &made, &fault));
        path = file_path(r->state->tenant, bb_cstr(r->id), (int32_t)made.attempt, r->ops->suffix);
        if (stat(path.ptr, &st) < 0 || st.st_size != made.bytes)
                return BB_E_NOT_FOUND;
        r->totals.rows = made.rows;
        r->result = strdup(bb_str_c(bb_row_str(rows, 0, 0)));
        return BB_OK;
}

static BB_AWAIT bb_err keep(struct running *r, const struct export_order *order, const char *part, const char *whole)
{
        uint8_t digest[32];
        struct made made = {
                .attempt = r->attempt, .rows = r->totals.rows, .bytes = r->totals.bytes, .sheets = r->totals.sheets};

        bb_crypto_->hash_end(r->hash, digest);
        made.sha256 = bb_hex((bb_str){.ptr = (const char *)digest, .len = sizeof(digest)});
        if (rename(part, whole) < 0) {
                if (errno == ENOENT) /* taken away by who cancelled it, or by another node that was given the job */
                        return BB_E_CANCELED;
                r->disk_error = errno;
                return BB_E_IO;
        }
        TRY(tell(r, order, &made));
        r->result = strdup(bb_shape_encode_text(&ExportMade, &made).ptr);
        return BB_OK;
}

static BB_AWAIT bb_err prepare(struct running *r, struct export_order *order, struct plan *plan, const bb_zone **zone)
{
        struct remarks remarks = {.count = 0};

        bb_err err = plan_of(r, order, plan, &remarks);

        if (remarks.count > 0)
                fault(r, "%.*s: %.*s", BB_FMT(remarks.items[0].pointer), BB_FMT(remarks.items[0].text));
        TRY(err);
        r->ops = table_writer(order->format);
        if (bb_zone_open(order->time_zone, zone) == BB_OK)
                return BB_OK;
        fault(r, "The time zone %.*s is not known here.", BB_FMT(order->time_zone));
        return BB_E_INVALID;
}

/* Another node that was given the job may have an attempt of the same number: this one's was given back with its
 * tenant.
 */
static void remove_mine(const struct running *r, bb_str path)
{
        struct stat st;

        if (stat(path.ptr, &st) == 0 && st.st_ino == r->inode)
                (void)unlink(path.ptr);
}

static BB_AWAIT bb_err make(struct running *r)
{
        struct export_order order = {.report = BB_NONE};
        struct table_spec spec;
        const bb_zone *zone;
        struct plan plan;
        bb_str whole, part;
        bb_err err;

        err = prepare(r, &order, &plan, &zone);
        if (err < 0) {
                tell_failure(r, &order, err);
                return err;
        }
        err = keep_told(r);
        if (err != BB_E_NOT_FOUND)
                return err;
        whole = file_path(r->state->tenant, bb_cstr(r->id), r->attempt, r->ops->suffix);
        part = file_part(r->state->tenant, bb_cstr(r->id), r->attempt, r->ops->suffix);
        files_remove(r->state->tenant, bb_cstr(r->id), 0);
        start_count(r);
        table_of(r->state, &order, &plan, zone, &spec);
        err = write_part(r, &plan, &spec, part.ptr);
        if (err == BB_OK)
                err = keep(r, &order, part.ptr, whole.ptr);
        if (err == BB_OK)
                return BB_OK;
        remove_mine(r, part);
        if (err != BB_E_UNAVAILABLE) /* it may have been told of: the next attempt knows */
                remove_mine(r, whole);
        explain(r, err);
        tell_failure(r, &order, err);
        return err;
}

static void copy_task(void *arg)
{
        struct running *r = arg;

        r->err = make(r);
        r->ended = 1;
        if (r->counts)
                bb_task_cancel(r->count_task);
        bb_cond_wake_all(r->changed);
        let_go(r);
}

/* --- the job's own task --- */

static struct running *begin(struct export_state *state, const struct bb_job_info *job)
{
        struct running *r = calloc(1, sizeof(*r));

        if (r == NULL)
                return NULL;
        r->params = strdup(bb_str_c(job->params));
        if (r->params == NULL) {
                free(r);
                return NULL;
        }
        snprintf(r->id, sizeof(r->id), "%.*s", BB_FMT(job->id));
        r->state = state;
        r->attempt = job->attempts;
        r->owners = 1;
        r->changed = bb_cond_new();
        r->next = state->running;
        state->running = r;
        return r;
}

/* 0 until it was counted; a row may have come in between. */
static int64_t total_beside(const struct running *r, int64_t done)
{
        return r->total == 0 || r->total > done ? r->total : done;
}

static BB_AWAIT bb_err tell_end(bb_job *job, const struct running *r)
{
        int64_t rows = rows_written(r);

        if (r->err == BB_OK)
                return bb_job_progress(job, r->totals.rows, r->totals.rows);
        return bb_job_progress(job, rows, total_beside(r, rows));
}

static BB_AWAIT bb_err follow(bb_job *job, struct running *r, bb_task_id task)
{
        enum { LOOK_MS = 250 };
        bb_err err = BB_OK;
        int32_t stopped = 0;

        while (!r->ended) {
                int64_t done = rows_written(r);

                err = bb_cond_wait(r->changed, LOOK_MS);
                if (err == BB_E_CANCELED) { /* with the tenant; the other task ends by itself, too */
                        bb_task_cancel(task);
                        return err;
                }
                err = stopped ? BB_E_CANCELED : bb_job_progress(job, done, total_beside(r, done));
                if (err == BB_E_CANCELED && !stopped) {
                        stopped = 1;
                        bb_task_cancel(task);
                }
        }
        /* Who cancelled it when it was nearly done wants no file either, and to hear of no failure. */
        if (!stopped)
                stopped = tell_end(job, r) == BB_E_CANCELED;
        if (stopped && r->ops != NULL)
                remove_mine(r, file_path(r->state->tenant, bb_cstr(r->id), r->attempt, r->ops->suffix));
        return stopped ? BB_E_CANCELED : r->err;
}

BB_AWAIT bb_err export_work(bb_job *job, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                            bb_str *ret_error)
{
        struct bb_job_info info = {.size = sizeof(info)};
        struct running *r;
        bb_task_id task;
        bb_err err;

        (void)params_json;
        TRY(bb_job_get(bb_job_id(job), &info));
        r = begin(tenant_state, &info);
        if (r == NULL)
                return BB_E_UNAVAILABLE;
        r->owners++;
        err = bb_task_spawn("export.copy", NULL, 0, copy_task, r, &task);
        if (err < 0)
                let_go(r);
        else
                err = follow(job, r, task);
        if (r->result != NULL && err == BB_OK)
                *ret_result_json = bb_str_dup(bb_cstr(r->result));
        if (r->error[0] != '\0')
                *ret_error = bb_str_dup(bb_cstr(r->error));
        let_go(r);
        return err == BB_E_BUSY ? BB_E_UNAVAILABLE : err; /* too many copies at once: later */
}
