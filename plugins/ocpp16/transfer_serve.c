/* SPDX-License-Identifier: Apache-2.0
 *
 * One-time URLs, as stations use them: a file is fetched (GET with Range and HEAD), or sent (PUT, POST, raw or as a
 * form). Whoever has the URL may use it, once; who has not learns nothing of whether there is one.
 */
#include "transfer.h"

#include "receive.h"

enum { RESUME_MS = 600000 /* a station may have lost the last bytes that it was sent */, TOKEN_CHARS = 43 };

struct found {
        bb_str id, station_id, kind, state;
        int32_t expired, completed;
        int64_t completed_ms, done, bytes;
        bb_str file, name; /* of the firmware */
};

bb_err transfer_mac(bb_str token, uint8_t ret_mac[BB_MAC_BYTES])
{
        return bb_mac("ocpp16.transfer", token, ret_mac);
}

static bb_err not_here(bb_response *res)
{
        return bb_problem(res, BB_E_NOT_FOUND, 404, "not-found", BB_STR("There is nothing here."));
}

static bb_err gone(bb_response *res, const char *why)
{
        return bb_problem(res, BB_E_CONFLICT, 410, "url-used-up", bb_cstr(why));
}

static BB_AWAIT bb_err find(bb_request *req, bb_response *res, struct found *ret)
{
        bb_str token = bb_request_param(req, "token");
        uint8_t mac[BB_MAC_BYTES];
        bb_rows *rows;

        if (token.len != TOKEN_CHARS)
                return not_here(res);
        TRY(transfer_mac(token, mac));
        TRY(bb_db_query(&rows,
                        "select t.id::text, t.station_id, t.kind, t.state, t.expires_at <= now(), t.completed_at,"
                        " t.bytes_done, t.bytes, f.file, f.name from ocpp16.transfer t"
                        " left join ocpp16.firmware f on f.tenant_id = t.tenant_id and f.id = t.firmware_id"
                        " where t.token_mac = $1",
                        BB_BYTES(((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)}))));
        if (bb_rows_count(rows) == 0)
                return not_here(res);
        *ret = (struct found){.id = bb_row_str(rows, 0, 0),
                              .station_id = bb_row_str(rows, 0, 1),
                              .kind = bb_row_str(rows, 0, 2),
                              .state = bb_row_str(rows, 0, 3),
                              .expired = (int32_t)bb_row_int(rows, 0, 4, 1),
                              .completed = !bb_row_is_null(rows, 0, 5),
                              .completed_ms = bb_row_time(rows, 0, 5, 0),
                              .done = bb_row_int(rows, 0, 6, 0),
                              .bytes = bb_row_int(rows, 0, 7, 0),
                              .file = bb_row_str(rows, 0, 8),
                              .name = bb_row_str(rows, 0, 9)};
        if (bb_str_is(ret->state, "refused") || bb_str_is(ret->state, "canceled"))
                return gone(res, "This URL is not wanted any more.");
        return ret->expired ? gone(res, "This URL has expired.") : BB_OK;
}

/* --- to the station --- */

/* Range: bytes=N- with an N above zero (RFC 9110 §14.2). */
static int32_t asks_for_the_rest(bb_request *req)
{
        bb_str range = bb_request_header(req, "Range");

        return range.len > 6 && memcmp(range.ptr, "bytes=", 6) == 0 && range.ptr[6] >= '1' && range.ptr[6] <= '9';
}

static int32_t may_resume(bb_request *req, const struct found *f)
{
        return asks_for_the_rest(req) && bb_now_ms() - f->completed_ms < RESUME_MS &&
               (bb_str_is(f->state, "transferring") || bb_str_is(f->state, "transferred"));
}

/* Before the first byte leaves: a station that resumes may be back before its broken connection is known to be broken.
 */
static BB_AWAIT bb_err note_begun(const struct found *f)
{
        return bb_db_query(NULL,
                           "update ocpp16.transfer set bytes_done = greatest(bytes_done, 1), updated_at = now(),"
                           " state = case when state in ('requested', 'accepted', 'failed') then 'transferring'"
                           " else state end where id = $1",
                           BB_UUID(f->id));
}

/* The last byte ends it, unless nobody has asked for the first one. */
static BB_AWAIT bb_err note_sent(const struct found *f, int64_t from, int64_t count)
{
        int64_t done = from + count;
        int32_t complete = done >= f->bytes && (from == 0 || f->done > 0) && !f->completed;
        bb_str state = complete ? BB_STR("transferred") : BB_STR("transferring");
        const struct bb_stmt stmts[] = {
                BB_STMT("update ocpp16.transfer set bytes_done = greatest(bytes_done, $2), updated_at = now(),"
                        " completed_at = case when $3 then coalesce(completed_at, now()) else completed_at end,"
                        " state = case when completed_at is null"
                        " and state in ('requested', 'accepted', 'transferring', 'failed') then $4 else state end"
                        " where id = $1",
                        BB_UUID(f->id), BB_INT(done), BB_BOOL(complete), BB_TEXT(state)),
                transfer_event_stmt(f->id, f->station_id, f->kind, state, BB_NONE),
        };

        return bb_db_run(stmts, complete ? 2 : 1, NULL);
}

BB_AWAIT bb_err transfer_download(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        int64_t from, count;
        struct found f;
        bb_err err, noted;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(find(req, res, &f));
        if (f.file.ptr == NULL)
                return not_here(res);
        if (f.completed && !may_resume(req, &f))
                return gone(res, "This file has been fetched.");
        if (!asks_for_the_rest(req) && bb_str_is(bb_request_method(req), "GET"))
                TRY(note_begun(&f));
        err = bb_response_file(res, bb_str_c(stored_path(owner->tenant, f.file)), "application/octet-stream", f.name);
        bb_response_file_sent(res, &from, &count);
        if (count == 0 || err == BB_E_CANCELED)
                return err;
        bb_log(BB_INFO, "ocpp.download", NULL, bb_kv_str("station", f.station_id), bb_kv_str("transfer", f.id),
               bb_kv_str("remote", bb_request_remote(req)), bb_kv_int("from", from), bb_kv_int("bytes", count));
        noted = note_sent(&f, from, count);
        if (noted < 0)
                bb_log(BB_WARN, "ocpp.transfer", "how far a download came could not be kept",
                       bb_kv_str("transfer", f.id), bb_kv_err(noted));
        return err;
}

/* --- from the station --- */

/* As it may be shown, and be the name of a file. */
static bb_str clean_name(bb_str name)
{
        bb_str copy = bb_str_dup(name);
        char *text = (char *)(uintptr_t)copy.ptr;

        if (copy.len > 255)
                copy.len = 255;
        for (size_t i = 0; i < copy.len; i++) {
                if (text[i] < ' ' || text[i] > '~' || text[i] == '/' || text[i] == '\\' || text[i] == '"')
                        text[i] = '_';
        }
        return copy;
}

static BB_AWAIT bb_err keep(const struct found *f, const struct received *r, bb_str name)
{
        const struct bb_stmt stmts[] = {
                {.sql = "update ocpp16.transfer set file = $2, name = coalesce($3, name), bytes = $4, bytes_done = $4,"
                        " sha256 = $5, state = 'transferred', detail = null, completed_at = now(), updated_at = now()"
                        " where id = $1 and completed_at is null and state not in ('refused', 'canceled')",
                 .params = (const struct bb_param[]){BB_UUID(f->id), BB_TEXT(r->file), BB_TEXT(name), BB_INT(r->bytes),
                                                     BB_BYTES(((bb_str){.ptr = (const char *)r->sha256,
                                                                        .len = sizeof(r->sha256)}))},
                 .param_count = 5,
                 .flags = BB_STMT_MUST_HIT},
                transfer_event_stmt(f->id, f->station_id, f->kind, BB_STR("transferred"), BB_NONE),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

/* The station may try again: the URL lives. */
static BB_AWAIT void note_failure(const struct found *f, int64_t bytes)
{
        bb_err err =
                bb_db_query(NULL,
                            "update ocpp16.transfer set state = 'failed', detail = $2, updated_at = now()"
                            " where id = $1 and completed_at is null and state not in ('refused', 'canceled')",
                            BB_UUID(f->id), BB_TEXT(bb_print("An upload ended after %lld bytes.", (long long)bytes)));

        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.transfer", "that an upload failed could not be kept",
                       bb_kv_str("transfer", f->id), bb_kv_err(err));
}

static int32_t is_upload(const struct found *f)
{
        return bb_str_is(f->kind, KIND_DIAGNOSTICS) || bb_str_is(f->kind, KIND_LOG);
}

BB_AWAIT bb_err transfer_upload(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct received r;
        struct found f;
        bb_str name;
        bb_err err;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(find(req, res, &f));
        if (!is_upload(&f))
                return not_here(res);
        if (f.completed)
                return gone(res, "A file has been uploaded to this URL.");
        if (bb_request_header(req, "Content-Range").ptr != NULL)
                return bb_problem(res, BB_E_INVALID, 400, "no-parts", BB_STR("Send the file as a whole."));
        err = receive_file(req, res, owner->tenant, owner->options->upload_max_mb * (1LL << 20), &r);
        if (err < 0) {
                note_failure(&f, r.bytes);
                return err;
        }
        name = bb_request_param(req, "name");
        if (name.len == 0)
                name = r.name;
        err = keep(&f, &r, name.len > 0 ? clean_name(name) : BB_NONE);
        if (err < 0)
                stored_remove(owner->tenant, r.file);
        if (err == BB_E_NOT_FOUND)
                return gone(res, "Another file was uploaded to this URL meanwhile.");
        TRY(err);
        bb_log(BB_INFO, "ocpp.upload", NULL, bb_kv_str("station", f.station_id), bb_kv_str("transfer", f.id),
               bb_kv_str("remote", bb_request_remote(req)), bb_kv_int("bytes", r.bytes));
        bb_response_status(res, 201);
        return BB_OK;
}
