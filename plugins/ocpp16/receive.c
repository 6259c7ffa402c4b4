/* SPDX-License-Identifier: Apache-2.0
 *
 * See receive.h. Written under a name with ".part", which is taken away when all of it is on the disk.
 */
#include "receive.h"

#include "multipart.h"

#include <busbar/crypto.h>
#include <busbar/log.h>
#include <busbar/plugin.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE_BYTES MULTIPART_PIECE

bb_str stored_path(const bb_tenant *tenant, bb_str file)
{
        return bb_print("%.*s/%.*s", BB_FMT(bb_state_folder(tenant)), BB_FMT(file));
}

void stored_remove(const bb_tenant *tenant, bb_str file)
{
        const char *path = bb_str_c(stored_path(tenant, file));

        if (unlink(path) < 0 && errno != ENOENT)
                bb_log(BB_WARN, "ocpp.file", "a file cannot be removed", bb_kv_cstr("path", path),
                       bb_kv_int("errno", errno));
}

/* --- on a worker thread --- */

struct writing {
        int fd, error;
        bb_hash *hash;
        bb_str data;
        const char *part, *whole; /* at the end */
};

static void write_piece(void *arg)
{
        struct writing *w = arg;
        bb_str left = w->data;

        bb_hash_add(w->hash, w->data);
        while (left.len > 0 && w->error == 0) {
                ssize_t n = write(w->fd, left.ptr, left.len);

                if (n < 0 && errno != EINTR)
                        w->error = errno;
                if (n > 0)
                        left = (bb_str){.ptr = left.ptr + n, .len = left.len - (size_t)n};
        }
}

static void finish_file(void *arg)
{
        struct writing *w = arg;

        if (fsync(w->fd) < 0 || rename(w->part, w->whole) < 0)
                w->error = errno;
}

/* --- the task --- */

static BB_AWAIT bb_err on_worker(void (*fn)(void *), struct writing *w)
{
        bb_err err = bb_worker_run(fn, w);

        if (err == BB_E_BUSY) { /* a short wait for the disk here is better than a lost upload */
                fn(w);
                err = BB_OK;
        }
        TRY(err);
        return w->error != 0 ? BB_E_IO : BB_OK;
}

static BB_AWAIT bb_err take_data(struct writing *w, bb_str data, int64_t max_bytes, struct received *ret)
{
        ret->bytes += (int64_t)data.len;
        if (ret->bytes > max_bytes)
                return BB_E_LIMIT;
        w->data = data;
        return data.len > 0 ? on_worker(write_piece, w) : BB_OK;
}

static BB_AWAIT bb_err take_piece(struct writing *w, struct multipart *form, bb_str piece, int64_t max_bytes,
                                  struct received *ret)
{
        bb_str data;
        int32_t step;

        if (form == NULL)
                return take_data(w, piece, max_bytes, ret);
        multipart_feed(form, piece);
        while ((step = multipart_next(form, &data)) == MULTIPART_DATA)
                TRY(take_data(w, data, max_bytes, ret));
        return step == MULTIPART_BAD ? BB_E_INVALID : BB_OK;
}

static BB_AWAIT bb_err take_body(bb_request *req, struct writing *w, struct multipart *form, int64_t max_bytes,
                                 struct received *ret)
{
        char *piece = bb_alloc(PIECE_BYTES);
        size_t count;
        bb_str data;

        do {
                TRY(bb_request_read(req, piece, PIECE_BYTES, &count));
                TRY(take_piece(w, form, (bb_str){.ptr = piece, .len = count}, max_bytes, ret));
        } while (count > 0);
        if (form == NULL)
                return BB_OK;
        ret->name = form->file_name;
        return form->found && multipart_next(form, &data) == MULTIPART_END ? BB_OK : BB_E_INVALID;
}

static bb_err refuse(bb_response *res, bb_err err, const struct writing *w, int64_t max_bytes)
{
        switch (err) {
        case BB_E_LIMIT:
                return bb_problem(res, err, 413, "file-too-large",
                                  bb_print("The file may have %lld bytes.", (long long)max_bytes));
        case BB_E_INVALID:
                return bb_problem(res, err, 400, "no-file-in-form",
                                  BB_STR("The form ends early, or has no part with a file name."));
        case BB_E_PROTOCOL:
                return bb_problem(res, err, 400, "bad-body", BB_STR("The body's chunks are ill-formed."));
        case BB_E_TIMEOUT:
                return bb_problem(res, err, 408, "request-timeout", BB_STR("The body came too slowly."));
        case BB_E_IO:
                bb_log(BB_ERROR, "ocpp.file", "a file could not be written", bb_kv_int("errno", w->error));
                return bb_problem(res, err, 507, "no-room", BB_STR("The file could not be stored."));
        default:
                return err;
        }
}

BB_AWAIT bb_err receive_file(bb_request *req, bb_response *res, const bb_tenant *tenant, int64_t max_bytes,
                             struct received *ret)
{
        struct multipart *form = multipart_new(bb_request_header(req, "Content-Type"));
        struct writing w = {.hash = bb_hash_new()};
        bb_str part;
        bb_err err;

        *ret = (struct received){.file = bb_uuid(), .name = BB_STR("")};
        part = bb_print("%.*s.part", BB_FMT(ret->file));
        w.part = bb_str_c(stored_path(tenant, part));
        w.whole = bb_str_c(stored_path(tenant, ret->file));
        w.fd = open(w.part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (w.fd < 0) {
                w.error = errno;
                return refuse(res, BB_E_IO, &w, max_bytes);
        }
        err = take_body(req, &w, form, max_bytes, ret);
        if (err == BB_OK)
                err = on_worker(finish_file, &w);
        close(w.fd);
        if (err == BB_OK) {
                bb_hash_end(w.hash, ret->sha256);
                return BB_OK;
        }
        stored_remove(tenant, part);
        return refuse(res, err, &w, max_bytes);
}
