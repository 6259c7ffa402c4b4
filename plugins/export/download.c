/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/exports/{id}/file: by a signed URL, so that a browser or a colleague without a key can use it until it
 * expires. What is still being written is sent as it grows; what is done can be resumed, of the same attempt alone.
 */
#include "export.h"
#include <unistd.h>

#define URL_VALID_MS (24 * 3600 * 1000LL)

static bb_err sign(bb_str id, int64_t expires_ms, bb_str *ret)
{
        uint8_t mac[BB_MAC_BYTES];

        TRY(bb_mac("export-download", bb_print("%.*s:%lld", BB_FMT(id), (long long)expires_ms), mac));
        *ret = bb_hex((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)});
        return BB_OK;
}

bb_err download_url(bb_request *req, bb_str id, bb_str *ret)
{
        int64_t expires_ms = bb_now_ms() + URL_VALID_MS;
        bb_str signature;

        TRY(sign(id, expires_ms, &signature));
        *ret = bb_print("%.*s/v1/exports/%.*s/file?expires=%lld&signature=%.*s", BB_FMT(bb_request_base_url(req)),
                        BB_FMT(id), (long long)expires_ms, BB_FMT(signature));
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

/* --- what the answer says of the file --- */

/* "sessions-2026-11-27.xlsx": by the report or the data set, and the first day of its period or else the day on which
 * it was made. */
static bb_str file_name(const struct found *f, const char *suffix)
{
        bb_str what = f->order.report.len > 0 ? f->order.report : f->order.dataset;
        int64_t day_ms = f->order.from_ms != 0 ? f->order.from_ms : f->job.created_ms;
        const bb_zone *zone;

        if (bb_zone_open(f->order.time_zone, &zone) == BB_OK)
                day_ms += 1000LL * bb_zone_offset(zone, day_ms);
        return bb_print("%.*s-%.10s.%s", BB_FMT(what), bb_time_text(day_ms).ptr, suffix);
}

/* An attempt that was given back with its tenant has the number of the next one: when it began tells them apart. */
static bb_str tag_of(const struct found *f)
{
        return bb_print("%.*s-%llx-%d", BB_FMT(f->job.id), (unsigned long long)f->job.started_ms, f->job.attempts);
}

static bb_err unhex(bb_str hex, bb_str *ret)
{
        static const char digits[] = "0123456789abcdef";
        char *bytes = bb_alloc(hex.len / 2 + 1);

        for (size_t i = 0; i < hex.len; i++) {
                const char *digit = strchr(digits, hex.ptr[i]);

                if (digit == NULL)
                        return BB_E_INVALID;
                bytes[i / 2] = (char)(bytes[i / 2] << 4 | (int)(digit - digits));
        }
        *ret = (bb_str){.ptr = bytes, .len = hex.len / 2};
        return BB_OK;
}

/* RFC 9530: of the whole file, whatever part of it is sent. */
static void say_digest(bb_response *res, bb_str sha256)
{
        bb_str bytes;

        if (unhex(sha256, &bytes) == BB_OK)
                bb_response_header(res, "Repr-Digest", bb_print("sha-256=:%.*s:", BB_FMT(bb_base64(bytes))));
}

/* --- a file that grows --- */

enum { WAIT_MS = 500 };

static BB_AWAIT bb_err wait_for_more(int64_t sent, void *arg, int32_t *ret_complete)
{
        const struct found *f = arg;
        struct bb_job_info job = {.size = sizeof(job)};

        (void)sent;
        TRY(bb_job_get(f->job.id, &job));
        if (job.attempts != f->job.attempts || job.started_ms != f->job.started_ms ||
            (job.state != BB_JOB_RUNNING && job.state != BB_JOB_SUCCEEDED))
                return BB_E_IO;
        *ret_complete = job.state == BB_JOB_SUCCEEDED;
        return *ret_complete ? BB_OK : bb_sleep(WAIT_MS);
}

static bb_err not_begun(bb_response *res)
{
        bb_response_header(res, "Retry-After", BB_STR("2"));
        return bb_problem(res, BB_E_UNAVAILABLE, 503, "not-begun",
                          BB_STR("The file is not begun yet. Try again in a moment."));
}

static BB_AWAIT bb_err send_part(bb_request *req, bb_response *res, struct found *f,
                                 const struct table_writer_ops *writer)
{
        struct export_state *state = bb_request_state(req);
        bb_str name = file_name(f, writer->suffix);
        bb_str part = file_part(state->tenant, f->job.id, f->job.attempts, writer->suffix);
        bb_str whole = file_path(state->tenant, f->job.id, f->job.attempts, writer->suffix);
        bb_err err;

        bb_response_header(res, "ETag", bb_print("\"%.*s\"", BB_FMT(tag_of(f))));
        err = bb_response_growing_file(res, part.ptr, writer->content_type, name, wait_for_more, f);
        if (err == BB_E_NOT_FOUND) /* it has just become whole, or is not begun */
                err = bb_response_growing_file(res, whole.ptr, writer->content_type, name, wait_for_more, f);
        return err == BB_E_NOT_FOUND ? not_begun(res) : err;
}

/* --- the whole --- */

BB_AWAIT bb_err download_send(bb_request *req, bb_response *res, struct found *f)
{
        struct export_state *state = bb_request_state(req);
        const struct table_writer_ops *writer = table_writer(f->order.format);
        bb_str path;

        if (f->job.state == BB_JOB_QUEUED)
                return not_begun(res);
        if (f->job.state == BB_JOB_RUNNING)
                return send_part(req, res, f, writer);
        path = file_path(state->tenant, f->job.id, (int32_t)f->made.attempt, writer->suffix);
        if (f->job.state != BB_JOB_SUCCEEDED || access(path.ptr, R_OK) < 0)
                return bb_problem(res, BB_E_NOT_FOUND, 410, "file-gone",
                                  BB_STR("The file is no longer kept. Export again."));
        bb_response_header(res, "ETag", bb_print("\"%.*s\"", BB_FMT(tag_of(f))));
        say_digest(res, f->made.sha256);
        return bb_response_file(res, path.ptr, writer->content_type, file_name(f, writer->suffix));
}

BB_AWAIT bb_err export_download(bb_request *req, bb_response *res)
{
        struct found f;

        TRY(check_signature(req, res));
        TRY(export_find(bb_request_param(req, "id"), &f));
        return download_send(req, res, &f);
}
