/* SPDX-License-Identifier: Apache-2.0
 *
 * The states of a transfer, as the station's notifications tell them.
 */
#include "transfer.h"

/* What a status means. UploadFailure and the like: the station may try again under the same URL. */
static const struct meaning {
        const char *status, *state;
} meanings[] = {
        {"Uploading", "transferring"},
        {"Uploaded", "done"},
        {"UploadFailed", "failed"},
        {"UploadFailure", "failed"},
        {"BadMessage", "failed"},
        {"NotSupportedOperation", "failed"},
        {"PermissionDenied", "failed"},
        {"Downloading", "transferring"},
        {"Downloaded", "transferred"},
        {"DownloadFailed", "failed"},
        {"DownloadScheduled", "accepted"},
        {"DownloadPaused", "transferring"},
        {"SignatureVerified", "transferred"},
        {"InvalidSignature", "failed"},
        {"Installing", "installing"},
        {"InstallRebooting", "installing"},
        {"InstallScheduled", "installing"},
        {"InstallationFailed", "failed"},
        {"InstallVerificationFailed", "failed"},
        {"Installed", "done"},
};

static const struct meaning *meaning_of(bb_str status)
{
        for (size_t i = 0; i < BB_COUNT(meanings); i++) {
                if (bb_str_is(status, meanings[i].status))
                        return &meanings[i];
        }
        return NULL; /* Idle says nothing of a transfer */
}

struct bb_stmt transfer_event_stmt(bb_str id, bb_str station_id_, bb_str kind, bb_str state, bb_str status)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "transfer_id", id);
        bb_json_set_str(payload, "station_id", station_id_);
        bb_json_set_str(payload, "kind", kind);
        bb_json_set_str(payload, "state", state);
        if (status.len > 0)
                bb_json_set_str(payload, "status", status);
        return bb_event_stmt("station.transfer", station_id_, bb_json_text(payload));
}

/* The latest that the station can mean. */
static BB_AWAIT bb_err latest(bb_str station_id_, const char *const *kinds, int64_t request_id, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select id::text, kind, state, completed_at is not null from ocpp16.transfer"
                           " where station_id = $1 and kind in ($2, $3) and ($4::bigint is null or request_id = $4)"
                           " and state not in ('refused', 'canceled') order by id desc limit 1",
                           BB_TEXT(station_id_), BB_CTEXT(kinds[0]), BB_CTEXT(kinds[1] != NULL ? kinds[1] : kinds[0]),
                           BB_INT_OR_NULL(request_id >= 0, request_id));
}

BB_AWAIT bb_err transfer_reported(bb_str station_id_, const char *const *kinds, bb_str status, int64_t request_id)
{
        const struct meaning *m = meaning_of(status);
        bb_str id, kind, state, detail = BB_NONE;
        bb_rows *rows;
        bb_err err;

        if (m == NULL)
                return BB_OK;
        TRY(latest(station_id_, kinds, request_id, &rows));
        if (bb_rows_count(rows) == 0)
                return BB_OK; /* to a place that is not ours */
        id = bb_row_str(rows, 0, 0);
        kind = bb_row_str(rows, 0, 1);
        state = bb_cstr(m->state);
        /* What it is said to have uploaded must be there. */
        if (bb_str_is(status, "Uploaded") && !bb_row_int(rows, 0, 3, 0)) {
                state = BB_STR("failed");
                detail = BB_STR("The station says that it has uploaded the file, but none has come.");
        }
        const struct bb_stmt stmts[] = {
                {.sql = "update ocpp16.transfer set state = $2, status = $3, detail = $4, updated_at = now()"
                        " where id = $1 and state not in ('done', 'refused', 'canceled')"
                        " and (state <> $2 or status is distinct from $3)",
                 .params = (const struct bb_param[]){BB_UUID(id), BB_TEXT(state), BB_TEXT(status), BB_TEXT(detail)},
                 .param_count = 4,
                 .flags = BB_STMT_MUST_HIT},
                transfer_event_stmt(id, station_id_, kind, state, status),
        };
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err; /* it was told before, or is over */
}
