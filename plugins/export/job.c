/* SPDX-License-Identifier: Apache-2.0
 *
 * The job: reads the sessions in steps from one snapshot and hands each step to the writer on a worker's thread, so
 * that the loop never waits for a disk or a compressor. Runs again from the start after a crash.
 */
#include "export.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
        bb_job *job;
        const struct writer_ops *ops;
        void *writer;
        struct writer_target target;
        const struct bb_session *sessions; /* of the present step */
        size_t count;
        int64_t done, total;
        int failed;
};

const struct writer_ops *writer_of(int32_t format)
{
        return format == FORMAT_CSV ? &csv_writer : &xlsx_writer;
}

struct bb_session_filter export_filter(const struct export_request *r)
{
        return (struct bb_session_filter){.station_id = r->station_id,
                                          .token_uid = r->token_uid,
                                          .location_id = r->location_id,
                                          .open = BB_PRESENT(r, 5) ? r->open : -1,
                                          .from_ms = r->from_ms,
                                          .to_ms = r->to_ms};
}

static void open_on_thread(void *arg)
{
        struct run *run = arg;

        run->writer = run->ops->open(&run->target);
}

static void rows_on_thread(void *arg)
{
        struct run *run = arg;

        run->failed = run->ops->rows(run->writer, run->sessions, run->count) < 0;
}

static void close_on_thread(void *arg)
{
        struct run *run = arg;

        run->failed |= run->ops->close(run->writer) < 0;
        run->writer = NULL;
}

static BB_AWAIT bb_err write_step(const struct bb_session *sessions, size_t count, void *arg)
{
        struct run *run = arg;

        run->sessions = sessions;
        run->count = count;
        TRY(bb_worker_run(rows_on_thread, run));
        if (run->failed)
                return BB_E_IO;
        run->done += (int64_t)count;
        return bb_job_progress(run->job, run->done, run->total > run->done ? run->total : run->done);
}

static BB_AWAIT bb_err write_file(struct run *run, const struct bb_session_filter *filter)
{
        bb_err err, closed;

        TRY(bb_worker_run(open_on_thread, run));
        if (run->writer == NULL)
                return BB_E_IO;
        err = charging->session_scan(filter, write_step, run);
        /* The pool of threads may be full for a moment, but the file must be closed. */
        while ((closed = bb_worker_run(close_on_thread, run)) == BB_E_BUSY)
                (void)bb_sleep(50);
        if (err == BB_OK)
                err = closed;
        return err == BB_OK && run->failed ? BB_E_IO : err;
}

static bb_err open_zone(const bb_tenant *tenant, struct writer_target *target)
{
        bb_str name = bb_tenant_option(tenant, "time_zone");

        target->zone_name = bb_str_c(name);
        if (bb_zone_open(name, &target->zone) == BB_OK)
                return BB_OK;
        bb_log(BB_WARN, "export.zone", "the tenant's time zone is unknown here: times are UTC",
               bb_kv_str("zone", name));
        target->zone_name = "UTC";
        return bb_zone_open(BB_STR("UTC"), &target->zone);
}

BB_AWAIT bb_err export_work(bb_job *job, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                            bb_str *ret_error)
{
        struct export_state *state = tenant_state;
        struct export_request request;
        struct bb_fault fault;
        struct run run = {.job = job};
        struct stat st;

        TRY(bb_shape_decode_text(&ExportRequest, params_json, &request, &fault));
        struct bb_session_filter filter = export_filter(&request);

        run.ops = writer_of(request.format);
        bb_str whole = export_path(state->tenant, bb_job_id(job), run.ops->suffix);
        bb_str part = bb_print("%.*s.part", BB_FMT(whole));

        run.target.path = part.ptr;
        run.target.folder = bb_state_folder(state->tenant).ptr;
        TRY(open_zone(state->tenant, &run.target));
        TRY(charging->session_count(&filter, &run.total));
        TRY(bb_job_progress(job, 0, run.total));
        bb_err err = write_file(&run, &filter);

        if (err == BB_OK && (rename(part.ptr, whole.ptr) < 0 || stat(whole.ptr, &st) < 0))
                err = BB_E_IO;
        if (err < 0) {
                (void)unlink(part.ptr);
                *ret_error = err == BB_E_IO ? BB_STR("The file could not be written: is the disk full?") : BB_NONE;
                return err;
        }
        *ret_result_json = bb_print("{\"rows\":%lld,\"bytes\":%lld}", (long long)run.done, (long long)st.st_size);
        return BB_OK;
}
