/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates that were signed, for operators: GET /v1/certificates, GET /v1/stations/{id}/certificates, revoking.
 */
#include "certificate.h"
#include "page.h"
#include "security.h"
#include "shapes.h"

static const char *const states[] = {"issued", "installed", "refused", "revoked", "expired", NULL};
enum { STATE_EXPIRED = 4 };

struct view {
        uint64_t present;
        bb_str id, station_id, request_id, certificate, subject, serial, fingerprint, note;
        int64_t not_before_ms, not_after_ms, created_ms, told_ms, revoked_ms;
        int32_t state;
};
enum { VIEW_INSTALLED_AT = 10, VIEW_REVOKED_AT = 11 };
static const struct bb_field view_fields[] = {
        FIELD(view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(view, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(view, request_id, "request_id", BB_T_STR, .flags = BB_REQUIRED),
        ENUM_FIELD(view, state, "state", states, .flags = BB_REQUIRED,
                   .about = "issued: on its way to the station; installed, refused: what the station said."),
        FIELD(view, subject, "subject", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(view, serial, "serial", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(view, fingerprint, "fingerprint", BB_T_STR, .flags = BB_REQUIRED, .about = "SHA-256."),
        FIELD(view, not_before_ms, "not_before", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(view, not_after_ms, "not_after", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(view, told_ms, "answered_at", BB_T_TIME, .about = "When the station answered CertificateSigned."),
        FIELD(view, revoked_ms, "revoked_at", BB_T_TIME),
        FIELD(view, note, "note", BB_T_STR),
        FIELD(view, certificate, "certificate", BB_T_STR, .flags = BB_REQUIRED, .about = "PEM, with its authority's."),
};
BB_SHAPE(Certificate, view, 0, "A station's client certificate.", view_fields);

#define VIEW_COLUMNS                                                                                                   \
        "id::text, station_id, request_id::text, case when state <> 3 and not_after <= now() then 4 else state end,"   \
        " subject, serial, fingerprint, not_before, not_after, created_at, told_at, revoked_at, note, certificate"

static bb_json *row_json(const bb_rows *rows, size_t i)
{
        struct view v = {.id = bb_row_str(rows, i, 0),
                         .station_id = bb_row_str(rows, i, 1),
                         .request_id = bb_row_str(rows, i, 2),
                         .state = (int32_t)bb_row_int(rows, i, 3, STATE_EXPIRED),
                         .subject = bb_row_str(rows, i, 4),
                         .serial = bb_row_str(rows, i, 5),
                         .fingerprint = bb_row_str(rows, i, 6),
                         .not_before_ms = bb_row_time(rows, i, 7, 0),
                         .not_after_ms = bb_row_time(rows, i, 8, 0),
                         .created_ms = bb_row_time(rows, i, 9, 0),
                         .told_ms = bb_row_time(rows, i, 10, 0),
                         .revoked_ms = bb_row_time(rows, i, 11, 0),
                         .note = bb_row_str(rows, i, 12),
                         .certificate = bb_row_str(rows, i, 13)};

        v.present |= (uint64_t)(v.told_ms != 0) << VIEW_INSTALLED_AT | (uint64_t)(v.revoked_ms != 0) << VIEW_REVOKED_AT;
        return bb_shape_encode(&Certificate, &v);
}

BB_AWAIT bb_err certificate_list(bb_request *req, bb_response *res)
{
        struct page page;
        bb_rows *rows;

        TRY(page_of(req, res, &page));
        TRY(bb_db_query(&rows,
                        "select " VIEW_COLUMNS " from ocpp16.certificate where ($1::text is null or station_id = $1)"
                        " and ($2::text is null or id < $2::uuid) order by id desc limit $3",
                        BB_TEXT(page.station), BB_TEXT(page.after), BB_INT((int64_t)page.limit)));
        page_send(res, &page, rows, row_json);
        return BB_OK;
}

/* POST /v1/certificates/{id}/revoke: from the next handshake on it opens nothing (A00.FR.704); a connection that is
 * there stays (§2.6.3). Again is OK. */
BB_AWAIT bb_err certificate_revoke(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id"), station;
        bb_rows *rows[2];

        if (!is_uuid(id))
                return BB_E_NOT_FOUND;
        struct bb_stmt stmts[] = {
                BB_STMT("update ocpp16.certificate set state = 3, revoked_at = coalesce(revoked_at, now())"
                        " where id = $1 returning " VIEW_COLUMNS,
                        BB_UUID(id)),
                bb_audit_stmt(bb_request_actor(req), "certificate.revoke", id, BB_NONE),
        };

        stmts[0].flags |= BB_STMT_MUST_HIT;
        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        station = bb_row_str(rows[0], 0, 1);
        security_raise(bb_request_state(req), station, SECURITY_RECONFIGURED,
                       BB_STR("an operator revoked a client certificate"));
        bb_response_json(res, row_json(rows[0], 0));
        return BB_OK;
}
