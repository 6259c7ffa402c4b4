/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/exports: start, follow, cancel, download. The download URL is signed, so that a browser or a colleague without a
 * key can use it until it expires.
 */
#include "export.h"
#include <unistd.h>

#define URL_VALID_MS (24 * 3600 * 1000LL)

static const char *const datasets[] = {"sessions", NULL};
static const char *const formats[] = {"xlsx", "csv", NULL};
static const char *const states[] = {"queued", "running", "succeeded", "failed", "canceled", NULL};

#define AT(member) .offset = offsetof(struct export_request, member)
static const struct bb_field request_fields[] = {
        {.name = "dataset", .type = BB_T_ENUM, AT(dataset), .values = datasets, .fallback = "sessions"},
        {.name = "format", .type = BB_T_ENUM, AT(format), .values = formats, .fallback = "xlsx"},
        {.name = "station", .type = BB_T_STR, AT(station_id), .min = 1, .max = 64},
        {.name = "token", .type = BB_T_STR, AT(token_uid), .min = 1, .max = 36},
        {.name = "location", .type = BB_T_STR, AT(location_id), .min = 1, .max = 64},
        {.name = "open", .type = BB_T_BOOL, AT(open), .about = "true: only running sessions, false: only ended ones."},
        {.name = "from", .type = BB_T_TIME, AT(from_ms), .about = "Started at this time or later."},
        {.name = "to", .type = BB_T_TIME, AT(to_ms), .about = "Started before this time."},
};
BB_SHAPE(ExportRequest, export_request, 0, "What to export; without filters everything.", request_fields);
#undef AT

struct progress {
        uint64_t present;
        int64_t done, total;
};
static const struct bb_field progress_fields[] = {
        {.name = "done", .type = BB_T_INT, .flags = BB_REQUIRED, .offset = offsetof(struct progress, done)},
        {.name = "total", .type = BB_T_INT, .flags = BB_REQUIRED, .offset = offsetof(struct progress, total)},
};
static BB_SHAPE(ExportProgress, progress, 0, "Rows written and rows in all.", progress_fields);

struct export_view {
        uint64_t present;
        bb_str id;
        int32_t state, format;
        struct progress progress;
        int64_t created_ms, started_ms, ended_ms, rows, bytes;
        bb_str download_url, error;
};
#define AT(member) .offset = offsetof(struct export_view, member)
static const struct bb_field view_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "state", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(state), .values = states},
        {.name = "format", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(format), .values = formats},
        {.name = "progress", .type = BB_T_OBJECT, .flags = BB_REQUIRED, AT(progress), .shape = &ExportProgress},
        {.name = "download_url",
         .type = BB_T_STR,
         AT(download_url),
         .about = "There once it succeeded; valid for a day."},
        {.name = "rows", .type = BB_T_INT, AT(rows)},
        {.name = "bytes", .type = BB_T_INT, AT(bytes)},
        {.name = "error", .type = BB_T_STR, AT(error)},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(created_ms)},
        {.name = "started_at", .type = BB_T_TIME, AT(started_ms)},
        {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms)},
};
BB_SHAPE(Export, export_view, 0, "An export and how far it is.", view_fields);
#undef AT
enum { V_ROWS = 5, V_BYTES = 6, V_STARTED = 9, V_ENDED = 10 };

static bb_err sign(bb_str id, int64_t expires_ms, bb_str *ret)
{
        uint8_t mac[BB_MAC_BYTES];

        TRY(bb_mac("export-download", bb_print("%.*s:%lld", BB_FMT(id), (long long)expires_ms), mac));
        *ret = bb_hex((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)});
        return BB_OK;
}

static bb_err download_url(bb_request *req, bb_str id, bb_str *ret)
{
        int64_t expires_ms = bb_now_ms() + URL_VALID_MS;
        bb_str signature;

        TRY(sign(id, expires_ms, &signature));
        *ret = bb_print("%.*s/v1/exports/%.*s/file?expires=%lld&signature=%.*s", BB_FMT(bb_request_base_url(req)),
                        BB_FMT(id), (long long)expires_ms, BB_FMT(signature));
        return BB_OK;
}

static bb_err decode_params(const struct bb_job_info *job, struct export_request *ret)
{
        struct bb_fault fault;

        return bb_shape_decode_text(&ExportRequest, job->params, ret, &fault);
}

static bb_err view_of(bb_request *req, const struct bb_job_info *job, struct export_view *ret)
{
        struct export_request params;
        struct bb_fault fault;
        bb_json *result;

        TRY(decode_params(job, &params));
        *ret = (struct export_view){.id = job->id,
                                    .state = job->state,
                                    .format = params.format,
                                    .progress = {.done = job->done, .total = job->total},
                                    .created_ms = job->created_ms,
                                    .started_ms = job->started_ms,
                                    .ended_ms = job->ended_ms,
                                    .error = job->error};
        ret->present |= job->started_ms != 0 ? 1u << V_STARTED : 0;
        ret->present |= job->ended_ms != 0 ? 1u << V_ENDED : 0;
        if (job->state != BB_JOB_SUCCEEDED || job->result.ptr == NULL)
                return BB_OK;
        TRY(bb_json_parse(job->result, &result, &fault));
        ret->rows = bb_json_int(bb_json_get(result, "rows"), 0);
        ret->bytes = bb_json_int(bb_json_get(result, "bytes"), 0);
        ret->present |= 1u << V_ROWS | 1u << V_BYTES;
        return download_url(req, job->id, &ret->download_url);
}

/* POST /v1/exports */
BB_AWAIT bb_err exports_create(bb_request *req, bb_response *res)
{
        struct export_request request;
        bb_str id = bb_uuid(), params;
        struct bb_job_info job = {.size = sizeof(job)};
        struct export_view view;

        TRY(bb_request_decode(req, &ExportRequest, &request, res));
        if (request.from_ms != 0 && request.to_ms != 0 && request.to_ms <= request.from_ms) {
                bb_problem_field(res, BB_STR("/to"), BB_STR("must be later than from"));
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The period is empty."));
        }
        params = bb_request_body(req);
        if (params.len == 0)
                params = BB_STR("{}");
        struct bb_stmt stmts[] = {
                bb_job_stmt("export.sessions", id, params),
                bb_audit_stmt(bb_request_actor(req), "export.create", id, params),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        TRY(bb_job_get(id, &job));
        TRY(view_of(req, &job, &view));
        bb_response_status(res, 202);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/exports/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(id)));
        bb_response_shape(res, &Export, &view);
        return BB_OK;
}

static BB_AWAIT bb_err find(bb_str id, struct bb_job_info *ret)
{
        *ret = (struct bb_job_info){.size = sizeof(*ret)};
        TRY(bb_job_get(id, ret));
        return bb_str_is(ret->type, "export.sessions") ? BB_OK : BB_E_NOT_FOUND;
}

/* GET /v1/exports */
BB_AWAIT bb_err exports_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        struct bb_job_info *jobs, before;
        struct export_view view;
        size_t count, limit;
        bb_str after;
        bb_err err;

        TRY(bb_page(req, res, &limit, &after));
        err = after.ptr != NULL ? find(after, &before) : BB_OK;
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                                  BB_STR("The query parameter cursor is not one that this list gave out."));
        TRY(err);
        TRY(bb_job_list("export.sessions", after, limit, &jobs, &count));
        for (size_t i = 0; i < count; i++) {
                TRY(view_of(req, &jobs[i], &view));
                bb_json_append(items, bb_shape_encode(&Export, &view));
        }
        bb_response_page(res, items, count == limit ? jobs[count - 1].id : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err export_read(bb_request *req, bb_response *res)
{
        struct bb_job_info job;
        struct export_view view;

        TRY(find(bb_request_param(req, "id"), &job));
        TRY(view_of(req, &job, &view));
        bb_response_shape(res, &Export, &view);
        return BB_OK;
}

/* DELETE /v1/exports/{id} */
BB_AWAIT bb_err export_cancel(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        struct export_request params;
        struct bb_job_info job;
        bb_err err;

        TRY(find(bb_request_param(req, "id"), &job));
        TRY(decode_params(&job, &params));
        err = bb_job_cancel(job.id);
        if (err < 0 && err != BB_E_CONFLICT) /* one that has ended cannot be cancelled, but its file can go */
                return err;
        (void)unlink(export_path(state->tenant, job.id, writer_of(params.format)->suffix).ptr);
        struct bb_stmt audit = bb_audit_stmt(bb_request_actor(req), "export.delete", job.id, BB_NONE);

        TRY(bb_db_run(&audit, 1, NULL));
        bb_response_status(res, 204);
        return BB_OK;
}

static bb_err check_signature(bb_request *req, bb_response *res)
{
        bb_str expires = bb_request_query(req, "expires"), given = bb_request_query(req, "signature"), wanted;
        int64_t expires_ms = 0;

        for (size_t i = 0; i < expires.len && i < 18; i++)
                expires_ms = expires_ms * 10 + (expires.ptr[i] - '0');
        TRY(sign(bb_request_param(req, "id"), expires_ms, &wanted));
        if (given.len != wanted.len || !bb_equal_secret(given.ptr, wanted.ptr, wanted.len))
                return BB_E_NOT_FOUND;
        if (expires_ms < bb_now_ms())
                return bb_problem(res, BB_E_DENIED, 410, "link-expired",
                                  BB_STR("This link has expired. Ask for a new one."));
        return BB_OK;
}

/* GET /v1/exports/{id}/file */
BB_AWAIT bb_err export_download(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        struct export_request params;
        struct bb_job_info job;
        const struct writer_ops *writer;
        bb_str path;

        TRY(check_signature(req, res));
        TRY(find(bb_request_param(req, "id"), &job));
        TRY(decode_params(&job, &params));
        writer = writer_of(params.format);
        path = export_path(state->tenant, job.id, writer->suffix);
        if (job.state != BB_JOB_SUCCEEDED || access(path.ptr, R_OK) < 0)
                return bb_problem(res, BB_E_NOT_FOUND, 410, "file-gone",
                                  BB_STR("The file is no longer kept. Export again."));
        return bb_response_file(res, path.ptr, writer->content_type,
                                bb_print("sessions-%.10s.%s", bb_time_text(job.created_ms).ptr, writer->suffix));
}
