/* SPDX-License-Identifier: Apache-2.0
 *
 * Links that can be mailed: whoever has one may fetch the file once, as a whole, in as many pieces as that takes.
 */
#include "export.h"

enum { SECRET_BYTES = 32, BUSY_MINUTES = 60 };

struct link_terms {
        uint64_t present;
        int64_t expires_in_s;
        bb_str note;
};
static const struct bb_field terms_fields[] = {
        FIELD(link_terms, expires_in_s, "expires_in_s", BB_T_INT, .min = 60, .max = 31536000, .fallback = "604800",
              .about = "A week when absent. The file itself is kept for retention_hours."),
        FIELD(link_terms, note, "note", BB_T_STR, .min = 1, .max = 200, .about = "Whom it is for."),
};
BB_SHAPE(ExportLinkTerms, link_terms, 0, "A link that works once.", terms_fields);

static const char *const link_states[] = {"open", "used", "revoked", "expired", NULL};
struct link_view {
        uint64_t present;
        bb_str id, url, note, created_by;
        int32_t state;
        int64_t created_ms, expires_ms, begun_ms, used_ms, sent;
};
enum { L_BEGUN = 7, L_USED = 8 };
static const struct bb_field link_fields[] = {
        FIELD(link_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(link_view, url, "url", BB_T_STR, .about = "When it is made alone: it is not kept."),
        FIELD(link_view, state, "state", BB_T_ENUM, .flags = BB_REQUIRED, .values = link_states),
        FIELD(link_view, note, "note", BB_T_STR),
        FIELD(link_view, created_by, "created_by", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(link_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(link_view, expires_ms, "expires_at", BB_T_TIME, .flags = BB_REQUIRED),
        [L_BEGUN] = FIELD(link_view, begun_ms, "begun_at", BB_T_TIME, .about = "When somebody began to fetch it."),
        [L_USED] = FIELD(link_view, used_ms, "used_at", BB_T_TIME, .about = "When the last byte was sent."),
        FIELD(link_view, sent, "bytes_sent", BB_T_INT, .flags = BB_REQUIRED),
};
BB_SHAPE(ExportLink, link_view, 0, "A link and what became of it.", link_fields);

#define LINK_COLUMNS                                                                                                   \
        "l.link_id::text, l.note, l.created_by, l.created_at, l.expires_at, l.begun_at, l.used_at,"                    \
        " (select coalesce(sum(upper(s) - lower(s)), 0)::bigint from unnest(l.sent) s),"                               \
        " case when l.revoked_at is not null then 2 when l.used_at is not null then 1"                                 \
        " when l.expires_at <= now() then 3 else 0 end"

static struct link_view link_row(const bb_rows *rows, size_t i)
{
        struct link_view v = {.id = bb_row_str(rows, i, 0),
                              .note = bb_row_str(rows, i, 1),
                              .created_by = bb_row_str(rows, i, 2),
                              .created_ms = bb_row_time(rows, i, 3, 0),
                              .expires_ms = bb_row_time(rows, i, 4, 0),
                              .begun_ms = bb_row_time(rows, i, 5, 0),
                              .used_ms = bb_row_time(rows, i, 6, 0),
                              .sent = bb_row_int(rows, i, 7, 0),
                              .state = (int32_t)bb_row_int(rows, i, 8, 0)};

        v.present |= v.begun_ms != 0 ? 1u << L_BEGUN : 0;
        v.present |= v.used_ms != 0 ? 1u << L_USED : 0;
        return v;
}

static bb_err secret_mac(bb_str secret, bb_str *ret)
{
        uint8_t *mac = bb_alloc(BB_MAC_BYTES);

        TRY(bb_mac("export.link", secret, mac));
        *ret = (bb_str){.ptr = (const char *)mac, .len = BB_MAC_BYTES};
        return BB_OK;
}

/* Who makes a link gives the file away, so may read what is in it. */
static BB_AWAIT bb_err find_readable(bb_request *req, bb_response *res, struct found *ret)
{
        struct export_state *state = bb_request_state(req);

        TRY(export_find(bb_request_param(req, "id"), ret));
        if (!order_allowed(req, state->tenant, &ret->order))
                return bb_problem(res, BB_E_DENIED, 403, "forbidden",
                                  BB_STR("Who links to a file needs the permissions for all that is in it."));
        if (ret->job.state == BB_JOB_SUCCEEDED)
                return BB_OK;
        return bb_problem(res, BB_E_CONFLICT, 409, "not-ready",
                          BB_STR("Only an export that succeeded can be linked to."));
}

/* POST /v1/exports/{id}/links */
BB_AWAIT bb_err link_create(bb_request *req, bb_response *res)
{
        bb_str id = bb_uuid(), secret, mac;
        char random[SECRET_BYTES];
        struct link_terms terms;
        struct link_view view;
        struct found f;
        bb_rows *rows[3];

        TRY(bb_request_decode(req, &ExportLinkTerms, &terms, res));
        TRY(find_readable(req, res, &f));
        bb_random(random, sizeof(random));
        secret = bb_hex((bb_str){.ptr = random, .len = sizeof(random)});
        TRY(secret_mac(secret, &mac));
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into export.link (link_id, export_id, secret_mac, note, created_by, expires_at)"
                        " values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')",
                        BB_UUID(id), BB_UUID(f.job.id), BB_BYTES(mac), BB_TEXT(terms.note),
                        BB_TEXT(bb_request_actor(req)), BB_INT(terms.expires_in_s)),
                bb_audit_stmt(bb_request_actor(req), "export.link", f.job.id,
                              bb_print("{\"link\":\"%.*s\"}", BB_FMT(id))),
                BB_STMT("select " LINK_COLUMNS " from export.link l where l.link_id = $1", BB_UUID(id)),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        view = link_row(rows[2], 0);
        view.url = bb_print("%.*s/v1/export-links/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(secret));
        bb_response_status(res, 201);
        bb_response_header(res, "Cache-Control", BB_STR("no-store"));
        bb_response_shape(res, &ExportLink, &view);
        return BB_OK;
}

/* GET /v1/exports/{id}/links */
BB_AWAIT bb_err links_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        struct found f;
        bb_rows *rows;
        bb_str after;

        TRY(bb_page(req, res, &limit, &after));
        TRY(export_find(bb_request_param(req, "id"), &f));
        TRY(bb_db_query(&rows,
                        "select " LINK_COLUMNS " from export.link l where l.export_id = $1"
                        " and ($2::text is null or l.link_id::text < $2) order by l.link_id desc limit $3",
                        BB_UUID(f.job.id), BB_TEXT(after), BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                struct link_view view = link_row(rows, i);

                bb_json_append(items, bb_shape_encode(&ExportLink, &view));
        }
        bb_response_page(res, items, count == limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
        return BB_OK;
}

/* DELETE /v1/exports/{id}/links/{link} */
BB_AWAIT bb_err link_revoke(bb_request *req, bb_response *res)
{
        bb_str link = bb_request_param(req, "link");
        struct found f;
        bb_err err;

        TRY(export_find(bb_request_param(req, "id"), &f));
        const struct bb_stmt stmts[] = {
                {.sql = "update export.link set revoked_at = coalesce(revoked_at, now())"
                        " where export_id = $1 and link_id::text = $2",
                 .params = (const struct bb_param[]){BB_UUID(f.job.id), BB_TEXT(link)},
                 .param_count = 2,
                 .flags = BB_STMT_MUST_HIT},
                bb_audit_stmt(bb_request_actor(req), "export.link.revoke", f.job.id,
                              bb_print("{\"link\":\"%.*s\"}", BB_FMT(link))),
        };
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_INVALID) /* no id of a link, so none */
                return BB_E_NOT_FOUND;
        TRY(err);
        bb_response_status(res, 204);
        return BB_OK;
}

/* --- who has one --- */

struct claimed {
        bb_str id, export_id;
};

/* Range: bytes=N- with an N above zero (RFC 9110 §14.2). */
static int32_t resumes(bb_request *req)
{
        bb_str range = bb_request_header(req, "Range");

        return range.len > 6 && memcmp(range.ptr, "bytes=", 6) == 0 && range.ptr[6] >= '1' && range.ptr[6] <= '9';
}

static bb_err refuse(bb_response *res, const bb_rows *rows)
{
        static const char *const why[] = {"Somebody is fetching this file at the moment.",
                                          "This file has been fetched.", "This link is not wanted any more.",
                                          "This link has expired."};
        int64_t state;

        if (bb_rows_count(rows) == 0)
                return bb_problem(res, BB_E_NOT_FOUND, 404, "not-found", BB_STR("There is nothing here."));
        state = bb_row_int(rows, 0, 0, 3);
        if (state != 0)
                return bb_problem(res, BB_E_CONFLICT, 410, "link-used-up", bb_cstr(why[state]));
        bb_response_header(res, "Retry-After", BB_STR("60"));
        return bb_problem(res, BB_E_CONFLICT, 409, "link-in-use", bb_cstr(why[0]));
}

/* One at a time, so that two cannot both have the whole. Who resumes may be back before his broken connection is known
 * to be broken, so a piece from the middle is given at once. */
static BB_AWAIT bb_err claim(bb_request *req, bb_response *res, struct claimed *ret)
{
        bb_str mac;
        bb_rows *rows[2];

        TRY(secret_mac(bb_request_param(req, "secret"), &mac));
        const struct bb_stmt stmts[] = {
                BB_STMT("update export.link set busy_until = now() + $3 * interval '1 minute',"
                        " begun_at = coalesce(begun_at, now()) where secret_mac = $1 and used_at is null"
                        " and revoked_at is null and expires_at > now() and (busy_until <= now() or $2)"
                        " returning link_id::text, export_id::text",
                        BB_BYTES(mac), BB_BOOL(resumes(req)), BB_INT(BUSY_MINUTES)),
                BB_STMT("select case when revoked_at is not null then 2 when used_at is not null then 1"
                        " when expires_at <= now() then 3 else 0 end from export.link where secret_mac = $1",
                        BB_BYTES(mac)),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        if (bb_rows_count(rows[0]) == 0)
                return refuse(res, rows[1]);
        *ret = (struct claimed){.id = bb_row_str(rows[0], 0, 0), .export_id = bb_row_str(rows[0], 0, 1)};
        return BB_OK;
}

/* Used up when all bytes were sent. Requests for pieces may end in any order: who got his bytes asks for the next ones
 * before we know it. */
static BB_AWAIT bb_err note_in(bb_tx *tx, bb_request *req, const struct claimed *c, int64_t from, int64_t to,
                               int64_t bytes)
{
        bb_rows *rows;

        TRY(bb_tx_query(
                tx, &rows,
                "update export.link set busy_until = '-infinity', sent = sent + int8multirange(int8range($2, $3)),"
                " used_at = case when used_at is null and sent + int8multirange(int8range($2, $3))"
                " @> int8range(0, $4) then now() else used_at end where link_id = $1"
                " returning used_at is not distinct from now()",
                BB_UUID(c->id), BB_INT(from), BB_INT(to), BB_INT(bytes)));
        if (bb_rows_count(rows) > 0 && bb_row_int(rows, 0, 0, 0)) {
                const struct bb_stmt audit =
                        bb_audit_stmt(bb_print("link:%.*s", BB_FMT(c->id)), "export.fetched", c->export_id,
                                      bb_print("{\"remote\":\"%.*s\",\"bytes\":%lld}", BB_FMT(bb_request_remote(req)),
                                               (long long)bytes));

                TRY(bb_tx_run(tx, &audit, 1, NULL));
        }
        return bb_tx_commit(tx);
}

static BB_AWAIT bb_err note_sent(bb_request *req, const struct claimed *c, int64_t from, int64_t count, int64_t bytes)
{
        bb_tx *tx;
        bb_err err;

        if (count == 0)
                return bb_db_query(NULL, "update export.link set busy_until = '-infinity' where link_id = $1",
                                   BB_UUID(c->id));
        TRY(bb_tx_begin(&tx));
        err = note_in(tx, req, c, from, from + count, bytes);
        if (err < 0)
                bb_tx_rollback(tx);
        return err;
}

/* GET /v1/export-links/{secret} */
BB_AWAIT bb_err link_download(bb_request *req, bb_response *res)
{
        int64_t from = 0, count = 0;
        struct claimed c;
        struct found f;
        bb_err err, noted;

        if (bb_str_is(bb_request_method(req), "HEAD")) /* mail programs look before anybody clicks */
                return BB_OK;
        TRY(claim(req, res, &c));
        err = export_find(c.export_id, &f);
        if (err == BB_OK) {
                bb_response_header(res, "Cache-Control", BB_STR("no-store"));
                err = download_send(req, res, &f);
                bb_response_file_sent(res, &from, &count);
        }
        noted = note_sent(req, &c, from, count, f.made.bytes);
        if (noted < 0)
                bb_log(BB_WARN, "export.link", "how far a download came could not be kept", bb_kv_str("link", c.id),
                       bb_kv_err(noted));
        return err;
}

BB_AWAIT bb_err links_forget(void)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("delete from export.link where expires_at < now() - interval '90 days'"),
                BB_STMT("delete from export.finished where finished_at < now() - interval '90 days'"),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}
