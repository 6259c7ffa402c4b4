/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/exports/{id}/file: by a signed URL, so that a browser or a colleague without a key can use it until it
 * expires. What is still being written is sent as it grows; what is done can be resumed, of the same attempt alone.
 */
#include "export.h"
#include <errno.h>
#include <fcntl.h>
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

static bb_str tag_of(const struct found *f)
{
        return bb_print("%.*s-%d", BB_FMT(f->job.id), f->job.attempts);
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

struct piece {
        int fd;
        off_t at;
        char *bytes;
        ssize_t got;
};
enum { PIECE_BYTES = 128 * 1024, WAIT_MS = 200 };

static void read_piece(void *arg)
{
        struct piece *p = arg;

        do
                p->got = pread(p->fd, p->bytes, PIECE_BYTES, p->at);
        while (p->got < 0 && errno == EINTR);
}

/* BB_OK: the file is whole and has this many bytes. BB_E_UNAVAILABLE: not yet. Otherwise nothing more comes. */
static BB_AWAIT bb_err is_whole(const struct found *f, int64_t bytes)
{
        struct found now;

        TRY(export_find(f->job.id, &now));
        if (now.job.attempts != f->job.attempts || now.job.state == BB_JOB_FAILED || now.job.state == BB_JOB_CANCELED ||
            now.job.state == BB_JOB_QUEUED)
                return BB_E_IO;
        if (now.job.state == BB_JOB_RUNNING || bytes < now.made.bytes)
                return BB_E_UNAVAILABLE;
        return BB_OK;
}

/* A reader who is told of no end must not take what there is for the whole: the connection breaks instead. */
static BB_AWAIT bb_err send_growing(bb_response *res, const struct found *f, int fd)
{
        struct piece p = {.fd = fd, .bytes = bb_alloc(PIECE_BYTES)};
        bb_err err;

        for (;;) {
                err = bb_worker_run(read_piece, &p);
                if (err == BB_E_BUSY)
                        read_piece(&p);
                else
                        TRY(err);
                if (p.got < 0)
                        return BB_E_IO;
                if (p.got > 0) {
                        TRY(bb_response_write(res, (bb_str){.ptr = p.bytes, .len = (size_t)p.got}));
                        p.at += p.got;
                        continue;
                }
                err = is_whole(f, p.at);
                if (err != BB_E_UNAVAILABLE)
                        return err;
                TRY(bb_sleep(WAIT_MS));
        }
}

static BB_AWAIT bb_err send_part(bb_request *req, bb_response *res, const struct found *f,
                                 const struct table_writer_ops *writer)
{
        struct export_state *state = bb_request_state(req);
        bb_str part = file_part(state->tenant, f->job.id, f->job.attempts, writer->suffix);
        int fd = open(part.ptr, O_RDONLY | O_CLOEXEC);
        bb_err err;

        if (fd < 0) /* it has just become whole, or is not begun */
                fd = open(file_path(state->tenant, f->job.id, f->job.attempts, writer->suffix).ptr,
                          O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                bb_response_header(res, "Retry-After", BB_STR("2"));
                return bb_problem(res, BB_E_UNAVAILABLE, 503, "not-begun",
                                  BB_STR("The file is not begun yet. Try again in a moment."));
        }
        bb_response_header(res, "ETag", bb_print("\"%.*s\"", BB_FMT(tag_of(f))));
        bb_response_header(res, "Content-Disposition",
                           bb_print("attachment; filename=\"%.*s\"", BB_FMT(file_name(f, writer->suffix))));
        err = bb_response_stream(res, writer->content_type);
        if (err == BB_OK && !bb_str_is(bb_request_method(req), "HEAD"))
                err = send_growing(res, f, fd);
        close(fd);
        return err;
}

/* --- the whole --- */

BB_AWAIT bb_err download_send(bb_request *req, bb_response *res, const struct found *f)
{
        struct export_state *state = bb_request_state(req);
        const struct table_writer_ops *writer = table_writer(f->order.format);
        bb_str path;

        if (f->job.state == BB_JOB_QUEUED) {
                bb_response_header(res, "Retry-After", BB_STR("2"));
                return bb_problem(res, BB_E_UNAVAILABLE, 503, "not-begun",
                                  BB_STR("The file is not begun yet. Try again in a moment."));
        }
        if (f->job.state == BB_JOB_RUNNING)
                return send_part(req, res, f, writer);
        path = file_path(state->tenant, f->job.id, f->job.attempts, writer->suffix);
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
