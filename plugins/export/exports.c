/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/exports: start, list, follow, cancel.
 */
#include "export.h"

static const char *const states[] = {"queued", "running", "succeeded", "failed", "canceled", NULL};

/* --- what is asked for --- */

struct export_request {
        uint64_t present;
        bb_str title, dataset;
        struct bb_array columns;
        bb_json *filters;
        int32_t format;
        bb_str time_zone, language, report;
        bb_json *station, *token, *location, *open, *from, *to;
};
/* Filters that can stand beside the others, too. */
#define BESIDE(name_) FIELD(export_request, name_, #name_, BB_T_JSON, .about = "The filter of this name.")
static const struct bb_field request_fields[] = {
        TERMS(export_request, .about = "\"sessions\" when absent."),
        FIELD(export_request, report, "report", BB_T_STR, .min = 1, .max = 64,
              .about = "A saved report; its data set and columns are taken, and filters here are added to its own."),
        BESIDE(station),
        BESIDE(token),
        BESIDE(location),
        BESIDE(open),
        BESIDE(from),
        BESIDE(to),
};
enum { Q_FORMAT = 4, Q_BESIDE = 8 };
BB_SHAPE(ExportRequest, export_request, 0, "What to export; without filters everything.", request_fields);

static void beside(const struct export_request *r, struct choice *choice)
{
        for (size_t i = Q_BESIDE; i < BB_COUNT(request_fields); i++) {
                bb_json *value = *(bb_json *const *)(const void *)((const char *)r + request_fields[i].offset);

                if (value != NULL)
                        choice_add(choice, bb_cstr(request_fields[i].name), value,
                                   bb_print("/%s", request_fields[i].name));
        }
}

/* The terms of the request alone, or those of its report with what the request says otherwise. */
static BB_AWAIT bb_err terms_of(const struct export_request *r, struct terms *ret, struct remarks *remarks)
{
        bb_err err;

        if (r->report.ptr == NULL) {
                *ret = (struct terms){.title = r->title,
                                      .dataset = r->dataset.ptr != NULL ? r->dataset : BB_STR("sessions"),
                                      .columns = r->columns,
                                      .format = r->format,
                                      .time_zone = r->time_zone,
                                      .language = r->language};
                return BB_OK;
        }
        if (r->dataset.ptr != NULL)
                remark(remarks, BB_STR("/dataset"), BB_STR("is the report's: name one of the two"));
        if (r->columns.items != NULL)
                remark(remarks, BB_STR("/columns"), BB_STR("are the report's: name one of the two"));
        err = report_load(r->report, ret);
        if (err == BB_E_NOT_FOUND)
                remark(remarks, BB_STR("/report"), BB_STR("there is no such report"));
        else
                TRY(err);
        ret->title = r->title.ptr != NULL ? r->title : ret->title;
        ret->time_zone = r->time_zone.ptr != NULL ? r->time_zone : ret->time_zone;
        ret->language = r->language.ptr != NULL ? r->language : ret->language;
        if (BB_PRESENT(r, Q_FORMAT))
                ret->format = r->format;
        return remarks->count > 0 ? BB_E_INVALID : BB_OK;
}

static BB_AWAIT bb_err order_from(bb_request *req, bb_response *res, struct export_order *ret)
{
        struct export_state *state = bb_request_state(req);
        struct remarks remarks = {.count = 0};
        struct choice choice = {.who = req};
        struct export_request request;
        struct terms terms;
        struct plan plan;
        bb_err err;

        TRY(bb_request_decode(req, &ExportRequest, &request, res));
        err = terms_of(&request, &terms, &remarks);
        if (err == BB_OK) {
                choice.dataset = terms.dataset;
                choice_of(&terms.columns, terms.filters, &choice, &remarks);
                choice_of(&terms.columns, request.filters, &choice, &remarks);
                beside(&request, &choice);
                err = plan_make(state->tenant, &choice, &plan, &remarks);
        }
        if (err == BB_OK)
                order_of(state->tenant, &terms, &choice, &plan, ret, &remarks);
        TRY(remarks_answer(res, &remarks));
        TRY(err);
        ret->report = request.report;
        return plan_allowed(req, res, &plan);
}

/* --- what is shown --- */

struct progress {
        uint64_t present;
        int64_t done, total, bytes, seconds_left;
};
static const struct bb_field progress_fields[] = {
        FIELD(progress, done, "done", BB_T_INT, .flags = BB_REQUIRED, .about = "Rows written."),
        FIELD(progress, total, "total", BB_T_INT, .flags = BB_REQUIRED, .about = "Rows in all; 0: not known."),
        FIELD(progress, bytes, "bytes", BB_T_INT, .about = "Written so far, while it runs."),
        FIELD(progress, seconds_left, "seconds_left", BB_T_INT, .about = "At the pace so far, while it runs."),
};
enum { P_BYTES = 2, P_LEFT = 3 };
static BB_SHAPE(ExportProgress, progress, 0, "How far it is.", progress_fields);

struct export_view {
        uint64_t present;
        bb_str id, dataset, title, report, download_url, sha256, error;
        int32_t state, format;
        struct progress progress;
        int64_t from_ms, to_ms, rows, bytes, sheets, created_ms, started_ms, ended_ms;
};
enum { V_FROM = 7, V_TO, V_ROWS, V_BYTES, V_SHEETS, V_STARTED = 15, V_ENDED };
static const struct bb_field view_fields[] = {
        FIELD(export_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(export_view, state, "state", BB_T_ENUM, .flags = BB_REQUIRED, .values = states),
        FIELD(export_view, dataset, "dataset", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(export_view, format, "format", BB_T_ENUM, .flags = BB_REQUIRED, .values = formats),
        FIELD(export_view, progress, "progress", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &ExportProgress),
        FIELD(export_view, title, "title", BB_T_STR),
        FIELD(export_view, report, "report", BB_T_STR, .about = "The saved report that it was made from."),
        [V_FROM] = FIELD(export_view, from_ms, "from", BB_T_TIME, .about = "The period that it is about."),
        [V_TO] = FIELD(export_view, to_ms, "to", BB_T_TIME),
        [V_ROWS] = FIELD(export_view, rows, "rows", BB_T_INT),
        [V_BYTES] = FIELD(export_view, bytes, "bytes", BB_T_INT),
        [V_SHEETS] = FIELD(export_view, sheets, "sheets", BB_T_INT),
        FIELD(export_view, sha256, "sha256", BB_T_STR, .about = "Of the file, hexadecimal."),
        FIELD(export_view, error, "error", BB_T_STR),
        FIELD(export_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        [V_STARTED] = FIELD(export_view, started_ms, "started_at", BB_T_TIME),
        [V_ENDED] = FIELD(export_view, ended_ms, "ended_at", BB_T_TIME),
        FIELD(export_view, download_url, "download_url", BB_T_STR,
              .about = "There once it runs; valid for a day, and for who may read all of its columns alone."),
};
BB_SHAPE(Export, export_view, 0, "An export and how far it is.", view_fields);

static const struct bb_field made_fields[] = {
        FIELD(made, attempt, "attempt", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(made, rows, "rows", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(made, bytes, "bytes", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(made, sheets, "sheets", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(made, sha256, "sha256", BB_T_STR, .flags = BB_REQUIRED),
};
BB_SHAPE(ExportMade, made, BB_SHAPE_OPEN, "What came of an export.", made_fields);

static bb_err read_made(struct found *f)
{
        struct bb_fault fault;

        if (f->job.state != BB_JOB_SUCCEEDED)
                return BB_OK;
        return bb_shape_decode_text(&ExportMade, f->job.result, &f->made, &fault);
}

static bb_err read_job(struct found *f)
{
        struct bb_fault fault;

        TRY(bb_shape_decode_text(&ExportOrder, f->job.params, &f->order, &fault));
        return read_made(f);
}

BB_AWAIT bb_err export_find(bb_str id, struct found *ret)
{
        *ret = (struct found){.job = {.size = sizeof(ret->job)}};
        TRY(bb_job_get(id, &ret->job));
        return bb_str_is(ret->job.type, EXPORT_JOB) ? read_job(ret) : BB_E_NOT_FOUND;
}

static struct progress progress_of(const struct export_state *state, const struct found *f)
{
        const struct bb_job_info *job = &f->job;
        struct progress p = {.done = job->done, .total = job->total};

        if (job->state == BB_JOB_SUCCEEDED)
                p.done = p.total = f->made.rows;
        if (job->state != BB_JOB_RUNNING)
                return p;
        if (export_running(state, job->id, &p.done, &p.bytes))
                p.present |= 1u << P_BYTES;
        if (job->left_ms >= 0) {
                p.seconds_left = (job->left_ms + 999) / 1000;
                p.present |= 1u << P_LEFT;
        }
        return p;
}

/* Who may not read what is in the file gets no link to it. */
static int32_t may_have(bb_request *req, const struct export_state *state, const struct found *f)
{
        return (f->job.state == BB_JOB_RUNNING || f->job.state == BB_JOB_SUCCEEDED) &&
               order_allowed(req, state->tenant, &f->order);
}

bb_json *export_json(bb_request *req, const struct found *f, int32_t with_url)
{
        const struct export_state *state = bb_request_state(req);
        struct export_view v = {.id = f->job.id,
                                .state = f->job.state,
                                .dataset = f->order.dataset,
                                .format = f->order.format,
                                .progress = progress_of(state, f),
                                .title = f->order.title,
                                .report = f->order.report,
                                .from_ms = f->order.from_ms,
                                .to_ms = f->order.to_ms,
                                .rows = f->made.rows,
                                .bytes = f->made.bytes,
                                .sheets = f->made.sheets,
                                .sha256 = f->made.sha256,
                                .error = f->job.error,
                                .created_ms = f->job.created_ms,
                                .started_ms = f->job.started_ms,
                                .ended_ms = f->job.ended_ms};

        v.present |= v.from_ms != 0 ? 1u << V_FROM : 0;
        v.present |= v.to_ms != 0 ? 1u << V_TO : 0;
        v.present |= v.started_ms != 0 ? 1u << V_STARTED : 0;
        v.present |= v.ended_ms != 0 ? 1u << V_ENDED : 0;
        if (v.state == BB_JOB_SUCCEEDED)
                v.present |= 1u << V_ROWS | 1u << V_BYTES | 1u << V_SHEETS;
        if (with_url && may_have(req, state, f))
                (void)download_url(req, v.id, &v.download_url);
        return bb_shape_encode(&Export, &v);
}

/* --- routes --- */

static bb_err count_waiting(const struct bb_job_info *jobs, size_t count, int32_t scheduled, int64_t *ret_any,
                            int64_t *ret_waiting)
{
        *ret_any = 0;
        for (size_t i = 0; i < count; i++) {
                struct found f = {.job = jobs[i]};

                if (f.job.state != BB_JOB_QUEUED)
                        continue;
                TRY(read_job(&f));
                *ret_any += 1;
                *ret_waiting += f.order.scheduled == scheduled;
        }
        return BB_OK;
}

/* The oldest run first, so those that wait are the newest; a page without any is the end of them. */
BB_AWAIT bb_err exports_waiting(int32_t scheduled, int64_t most, int64_t *ret)
{
        enum { PAGE = 100 };
        struct bb_job_info *jobs;
        bb_str before = BB_NONE;
        size_t count = PAGE;
        int64_t any = 1;

        for (*ret = 0; count == PAGE && any > 0 && *ret < most; before = jobs[count - 1].id) {
                TRY(bb_job_list(EXPORT_JOB, before, PAGE, &jobs, &count));
                TRY(count_waiting(jobs, count, scheduled, &any, ret));
                if (count == 0)
                        break;
        }
        return BB_OK;
}

/* A report that is due waits without limit (scheduled.c sees to it that there are few). */
static BB_AWAIT bb_err check_queue(const struct export_state *state, bb_response *res)
{
        int64_t waiting;

        TRY(exports_waiting(0, state->config->max_waiting, &waiting));
        if (waiting < state->config->max_waiting)
                return BB_OK;
        bb_response_header(res, "Retry-After", BB_STR("30"));
        return bb_problem(
                res, BB_E_LIMIT, 429, "too-many-exports",
                bb_print("%lld exports are waiting to be made; cancel some, or try again later.", (long long)waiting));
}

/* POST /v1/exports */
BB_AWAIT bb_err exports_create(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        bb_str id = bb_uuid(), params;
        struct export_order order;
        struct found found;

        TRY(order_from(req, res, &order));
        TRY(check_queue(state, res));
        params = bb_shape_encode_text(&ExportOrder, &order);
        const struct bb_stmt stmts[] = {
                bb_job_stmt(EXPORT_JOB, id, params),
                bb_audit_stmt(bb_request_actor(req), "export.create", id, params),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        TRY(export_find(id, &found));
        bb_response_status(res, 202);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/exports/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(id)));
        bb_response_json(res, export_json(req, &found, 1));
        return BB_OK;
}

/* GET /v1/exports */
BB_AWAIT bb_err exports_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        struct bb_job_info *jobs;
        struct found before;
        size_t limit, count;
        bb_str after;
        bb_err err;

        TRY(bb_page(req, res, &limit, &after));
        err = after.ptr != NULL ? export_find(after, &before) : BB_OK;
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                                  BB_STR("The query parameter cursor is not one that this list gave out."));
        TRY(err);
        TRY(bb_job_list(EXPORT_JOB, after, limit, &jobs, &count));
        for (size_t i = 0; i < count; i++) {
                struct found f = {.job = jobs[i]};

                TRY(read_job(&f));
                bb_json_append(items, export_json(req, &f, 1));
        }
        bb_response_page(res, items, count == limit ? jobs[count - 1].id : BB_NONE);
        return BB_OK;
}

/* GET /v1/exports/{id} */
BB_AWAIT bb_err export_read(bb_request *req, bb_response *res)
{
        struct found f;

        TRY(export_find(bb_request_param(req, "id"), &f));
        bb_response_json(res, export_json(req, &f, 1));
        return BB_OK;
}

/* DELETE /v1/exports/{id} */
BB_AWAIT bb_err export_cancel(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        struct found f;
        bb_err err;

        TRY(export_find(bb_request_param(req, "id"), &f));
        err = bb_job_cancel(f.job.id);
        if (err < 0 && err != BB_E_CONFLICT) /* one that has ended cannot be cancelled, but its file can go */
                return err;
        files_remove(state->tenant, f.job.id, 0);
        const struct bb_stmt stmts[] = {
                BB_STMT("update export.link set revoked_at = coalesce(revoked_at, now()) where export_id = $1",
                        BB_UUID(f.job.id)),
                bb_audit_stmt(bb_request_actor(req), "export.delete", f.job.id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_response_status(res, 204);
        return BB_OK;
}

/* GET /v1/exports/{id}/live: Server-Sent Events, whenever something changed, until the export ends. A browser comes
 * back by itself after LIVE_EVENTS, when what was gathered here is let go. */
BB_AWAIT bb_err export_live(bb_request *req, bb_response *res)
{
        enum { COMMENT_MS = 15000, LIVE_EVENTS = 2000 };
        bb_str shown = BB_NONE;
        struct found f;

        TRY(export_find(bb_request_param(req, "id"), &f));
        bb_response_header(res, "Cache-Control", BB_STR("no-store"));
        bb_response_header(res, "X-Accel-Buffering", BB_STR("no"));
        TRY(bb_response_stream(res, "text/event-stream"));
        if (bb_str_is(bb_request_method(req), "HEAD"))
                return BB_OK;
        for (int32_t i = 0; i < LIVE_EVENTS; i++) {
                struct bb_job_info seen = f.job;
                /* Without a link, which is another one each time. */
                bb_str text = bb_json_text(export_json(req, &f, 0));

                if (bb_str_eq(text, shown))
                        TRY(bb_response_write(res, BB_STR(": still here\n\n")));
                else
                        TRY(bb_response_write(res, bb_print("event: export\ndata: %.*s\n\n", BB_FMT(text))));
                if (f.job.state > BB_JOB_RUNNING)
                        return BB_OK;
                shown = text;
                TRY(bb_job_wait(seen.id, &seen, COMMENT_MS, &f.job));
                TRY(read_made(&f)); /* what was ordered stays */
        }
        return BB_OK;
}
