/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfers as operators see them, and a firmware update in one request.
 */
#include "page.h"
#include "receive.h"
#include "shapes_security.h"
#include "transfer.h"

struct transfer_view {
        uint64_t present;
        bb_str id, station_id, kind, state, status, detail, firmware_id, name, sha256;
        int64_t request_id, bytes, bytes_done, created_ms, updated_ms, expires_ms, completed_ms;
        int32_t has_file;
        int32_t reserved;
};
enum { VIEW_REQUEST_ID = 9, VIEW_BYTES = 10, VIEW_COMPLETED = 15 };
static const struct bb_field view_fields[] = {
        FIELD(transfer_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(transfer_view, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(transfer_view, kind, "kind", BB_T_STR, .flags = BB_REQUIRED,
              .about = "firmware, signed-firmware, diagnostics or log."),
        FIELD(transfer_view, state, "state", BB_T_STR, .flags = BB_REQUIRED,
              .about = "requested, accepted, transferring, transferred, installing, done; refused, failed, expired, "
                       "canceled."),
        FIELD(transfer_view, status, "status", BB_T_STR, .about = "What the station said last, in OCPP's word."),
        FIELD(transfer_view, detail, "detail", BB_T_STR),
        FIELD(transfer_view, firmware_id, "firmware_id", BB_T_STR),
        FIELD(transfer_view, name, "name", BB_T_STR),
        FIELD(transfer_view, sha256, "sha256", BB_T_STR, .about = "Of what a station uploaded."),
        FIELD(transfer_view, request_id, "request_id", BB_T_INT),
        FIELD(transfer_view, bytes, "bytes", BB_T_INT),
        FIELD(transfer_view, bytes_done, "bytes_done", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(transfer_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(transfer_view, updated_ms, "updated_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(transfer_view, expires_ms, "expires_at", BB_T_TIME, .flags = BB_REQUIRED,
              .about = "The station's URL ends then."),
        FIELD(transfer_view, completed_ms, "completed_at", BB_T_TIME, .about = "When the URL was used up."),
        FIELD(transfer_view, has_file, "has_file", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "It can be fetched at …/file."),
};
BB_SHAPE(Transfer, transfer_view, 0, "A file on its way to or from a station.", view_fields);

static bb_json *view_of(const bb_rows *rows, size_t i)
{
        struct transfer_view v = {.id = bb_row_str(rows, i, 0),
                                  .station_id = bb_row_str(rows, i, 1),
                                  .kind = bb_row_str(rows, i, 2),
                                  .state = bb_row_str(rows, i, 3),
                                  .status = bb_row_str(rows, i, 4),
                                  .detail = bb_row_str(rows, i, 5),
                                  .firmware_id = bb_row_str(rows, i, 6),
                                  .name = bb_row_str(rows, i, 7),
                                  .sha256 = bb_row_str(rows, i, 8),
                                  .request_id = bb_row_int(rows, i, 9, 0),
                                  .bytes = bb_row_int(rows, i, 10, 0),
                                  .bytes_done = bb_row_int(rows, i, 11, 0),
                                  .created_ms = bb_row_time(rows, i, 12, 0),
                                  .updated_ms = bb_row_time(rows, i, 13, 0),
                                  .expires_ms = bb_row_time(rows, i, 14, 0),
                                  .completed_ms = bb_row_time(rows, i, 15, 0),
                                  .has_file = !bb_row_is_null(rows, i, 16)};

        v.present |= bb_row_is_null(rows, i, 9) ? 0 : 1ull << VIEW_REQUEST_ID;
        v.present |= bb_row_is_null(rows, i, 10) ? 0 : 1ull << VIEW_BYTES;
        v.present |= bb_row_is_null(rows, i, 15) ? 0 : 1ull << VIEW_COMPLETED;
        return bb_shape_encode(&Transfer, &v);
}

static BB_AWAIT bb_err read_rows(bb_str id, bb_str station, bb_str before, size_t limit, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select id::text, station_id, kind, state, status, detail, firmware_id::text, name,"
                           " encode(sha256, 'hex'), request_id, bytes, bytes_done, created_at, updated_at, expires_at,"
                           " completed_at, file from ocpp16.transfer where ($1::text is null or id = $1::uuid)"
                           " and ($2::text is null or station_id = $2) and ($3::text is null or id < $3::uuid)"
                           " order by id desc limit $4",
                           BB_TEXT(id), BB_TEXT(station), BB_TEXT(before), BB_INT((int64_t)limit));
}

BB_AWAIT bb_err transfer_list(bb_request *req, bb_response *res)
{
        bb_str station = bb_request_param(req, "id"), after;
        struct bb_station known = {.present = 0};
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        bb_rows *rows;

        TRY(page_by_uuid(req, res, &limit, &after));
        TRY(charging->station_get(station, &known));
        TRY(read_rows(BB_NONE, station, after, limit, &rows));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++)
                bb_json_append(items, view_of(rows, i));
        bb_response_page(res, items, count == limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
        return BB_OK;
}

static BB_AWAIT bb_err find_one(bb_str id, bb_rows **ret)
{
        if (!is_uuid(id))
                return BB_E_NOT_FOUND;
        TRY(read_rows(id, BB_NONE, BB_NONE, 1, ret));
        return bb_rows_count(*ret) == 1 ? BB_OK : BB_E_NOT_FOUND;
}

BB_AWAIT bb_err transfer_read(bb_request *req, bb_response *res)
{
        bb_rows *rows;

        TRY(find_one(bb_request_param(req, "id"), &rows));
        bb_response_json(res, view_of(rows, 0));
        return BB_OK;
}

/* What a station wrote down may tell of its drivers: who reads it is in the audit. */
BB_AWAIT bb_err transfer_file(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str name;
        bb_rows *rows;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(find_one(bb_request_param(req, "id"), &rows));
        if (bb_row_is_null(rows, 0, 16))
                return bb_problem(res, BB_E_NOT_FOUND, 404, "no-file",
                                  BB_STR("No file has come yet, or it was removed."));
        const struct bb_stmt audit =
                bb_audit_stmt(bb_request_actor(req), "transfer.read", bb_row_str(rows, 0, 0), BB_NONE);
        TRY(bb_db_run(&audit, 1, NULL));
        name = bb_row_str(rows, 0, 7);
        if (name.len == 0)
                name = bb_print("%.*s.bin", BB_FMT(bb_row_str(rows, 0, 2)));
        return bb_response_file(res, bb_str_c(stored_path(owner->tenant, bb_row_str(rows, 0, 16))),
                                "application/octet-stream", name);
}

BB_AWAIT bb_err transfer_cancel(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        bb_rows *rows;
        bb_err err;

        TRY(find_one(id, &rows));
        const struct bb_stmt stmts[] = {
                {.sql = "update ocpp16.transfer set state = 'canceled', updated_at = now() where id = $1"
                        " and completed_at is null and state in ('requested', 'accepted', 'transferring', 'failed')",
                 .params = (const struct bb_param[]){BB_UUID(id)},
                 .param_count = 1,
                 .flags = BB_STMT_MUST_HIT},
                transfer_event_stmt(id, bb_row_str(rows, 0, 1), bb_row_str(rows, 0, 2), BB_STR("canceled"), BB_NONE),
                bb_audit_stmt(bb_request_actor(req), "transfer.cancel", id, BB_NONE),
        };
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, BB_E_CONFLICT, 409, "transfer-over", BB_STR("The transfer is over already."));
        TRY(err);
        return transfer_read(req, res);
}

/* --- a firmware update --- */

struct firmware_update {
        uint64_t present;
        bb_str firmware_id;
        int64_t retrieve_ms, install_ms, retries, retry_interval_s;
        int32_t is_signed;
        int32_t reserved;
};
enum { UPDATE_INSTALL = 2, UPDATE_RETRIES = 3, UPDATE_RETRY_INTERVAL = 4 };
static const struct bb_field update_fields[] = {
        FIELD(firmware_update, firmware_id, "firmware_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(firmware_update, retrieve_ms, "retrieve_at", BB_T_TIME, .about = "Absent: now."),
        FIELD(firmware_update, install_ms, "install_at", BB_T_TIME, .about = "Only signed."),
        FIELD(firmware_update, retries, "retries", BB_T_INT, .min = 0, .max = 100),
        FIELD(firmware_update, retry_interval_s, "retry_interval_s", BB_T_INT, .min = 0, .max = 86400),
        FIELD(firmware_update, is_signed, "signed", BB_T_BOOL, .fallback = "false",
              .about = "SignedUpdateFirmware of the Security Whitepaper, not UpdateFirmware."),
};
BB_SHAPE(FirmwareUpdate, firmware_update, 0, "A firmware for a station.", update_fields);

static bb_json *payload_of(const struct firmware_update *u)
{
        bb_json *payload = bb_json_new_object(), *dates = u->is_signed ? bb_json_new_object() : payload;

        bb_json_set_str(payload, "firmware_id", u->firmware_id);
        if (u->retrieve_ms != 0)
                bb_json_set_str(dates, u->is_signed ? "retrieveDateTime" : "retrieveDate",
                                bb_time_text(u->retrieve_ms));
        if (u->is_signed && BB_PRESENT(u, UPDATE_INSTALL))
                bb_json_set_str(dates, "installDateTime", bb_time_text(u->install_ms));
        if (u->is_signed)
                bb_json_set(payload, "firmware", dates);
        if (BB_PRESENT(u, UPDATE_RETRIES))
                bb_json_set_int(payload, "retries", u->retries);
        if (BB_PRESENT(u, UPDATE_RETRY_INTERVAL))
                bb_json_set_int(payload, "retryInterval", u->retry_interval_s);
        return payload;
}

static bb_err failure(bb_response *res, const struct bb_command_result *r)
{
        switch (r->outcome) {
        case BB_COMMAND_INVALID:
                /* What the shapes cannot see is found when the command is sent, and told without a path. */
                bb_problem_field(res, r->fault_path.len > 0 ? r->fault_path : BB_STR("/firmware_id"), r->error_text);
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed",
                                  BB_STR("The station cannot get this firmware."));
        case BB_COMMAND_OFFLINE:
                return bb_problem(res, BB_E_OFFLINE, 409, "station-offline", BB_STR("The station is not connected."));
        case BB_COMMAND_TIMEOUT:
                return bb_problem(
                        res, BB_E_TIMEOUT, 504, "station-timeout",
                        BB_STR("The station did not answer in time. It may fetch the firmware all the same."));
        case BB_COMMAND_BUSY:
                return bb_problem(res, BB_E_BUSY, 503, "station-busy",
                                  BB_STR("Too many commands wait for this station."));
        default:
                return bb_problem(res, BB_E_REJECTED, 409, "station-refused",
                                  bb_print("The station refused: %.*s.", BB_FMT(r->error_code)));
        }
}

/* The command's own way, so that it is audited and checked like any other. */
BB_AWAIT bb_err firmware_update(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        bb_str station = bb_request_param(req, "id");
        struct firmware_update update;
        bb_rows *rows;

        TRY(bb_request_decode(req, &FirmwareUpdate, &update, res));
        TRY(charging->command(bb_request_actor(req), station,
                              update.is_signed ? BB_STR("SignedUpdateFirmware") : BB_STR("UpdateFirmware"),
                              payload_of(&update), 0, &result));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return failure(res, &result);
        TRY(read_rows(BB_NONE, station, BB_NONE, 1, &rows));
        if (bb_rows_count(rows) == 0)
                return BB_E_INTERNAL;
        bb_response_header(
                res, "Location",
                bb_print("%.*s/v1/transfers/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(bb_row_str(rows, 0, 0))));
        bb_response_json(res, view_of(rows, 0));
        return BB_OK;
}
