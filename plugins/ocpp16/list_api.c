/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/stations/{id}/local-list and POST …/local-list/sync.
 */
#include "local_list.h"

#include "ocpp16.h"
#include "shapes.h"

enum { SHOWN_OFF, SHOWN_IN_STEP, SHOWN_PENDING, SHOWN_FAILED, SHOWN_UNSUPPORTED };
static const char *const state_names[] = {"off", "in_step", "pending", "failed", "unsupported", NULL};

struct local_list {
        uint64_t present;
        bb_str station_id;
        int32_t state;
        int32_t reserved;
        int64_t version, station_version, entries, attempts;
        bb_str last_error;
        int64_t asked_ms, synced_ms;
};
enum { VERSION_AT, STATION_VERSION_AT, ASKED_AT = 7, SYNCED_AT = 8 }; /* in fields[] */

static const struct bb_field fields[] = {
        FIELD(local_list, version, "version", BB_T_INT,
              .about = "Of the tenant's list, as the station should have it."),
        FIELD(local_list, station_version, "station_version", BB_T_INT,
              .about = "Which the station is known to have; absent: not known."),
        FIELD(local_list, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        ENUM_FIELD(local_list, state, "state", state_names, .flags = BB_REQUIRED,
                   .about = "off: this tenant's stations get no list."),
        FIELD(local_list, entries, "entries", BB_T_INT, .flags = BB_REQUIRED, .about = "Tokens in the tenant's list."),
        FIELD(local_list, attempts, "failed_attempts", BB_T_INT, .flags = BB_REQUIRED, .about = "In a row."),
        FIELD(local_list, last_error, "last_error", BB_T_STR),
        FIELD(local_list, asked_ms, "asked_at", BB_T_TIME, .about = "When the station last told its version."),
        FIELD(local_list, synced_ms, "synced_at", BB_T_TIME, .about = "When the list was last brought in step."),
};
BB_SHAPE(LocalList, local_list, 0, "A station's local authorization list (OCPP 1.6 §3.5.2).", fields);

static int32_t state_of(const struct ocpp_tenant *owner, const struct list_row *row, int64_t revision)
{
        if (owner->options->local_list == LIST_OFF)
                return SHOWN_OFF;
        if (row->state == STATE_UNSUPPORTED)
                return SHOWN_UNSUPPORTED;
        if (row->state == STATE_FAILED)
                return SHOWN_FAILED;
        return !row->ask && row->version == revision ? SHOWN_IN_STEP : SHOWN_PENDING;
}

static BB_AWAIT bb_err show(const struct ocpp_tenant *owner, bb_str id, bb_response *res)
{
        struct local_list shown = {.station_id = id};
        struct list_row row;
        bb_rows *rows;

        TRY(list_row_get(id, &row));
        TRY(bb_db_query(&rows, "select revision, (select count(*) from ocpp16.list_token t where not t.removed)"
                               " from ocpp16.list_head where reconciled_at is not null"));
        shown.version = bb_rows_count(rows) > 0 ? bb_row_int(rows, 0, 0, 0) : 0;
        shown.entries = bb_rows_count(rows) > 0 ? bb_row_int(rows, 0, 1, 0) : 0;
        shown.station_version = row.told_version;
        shown.state = state_of(owner, &row, shown.version);
        shown.attempts = row.attempts;
        shown.last_error = row.last_error;
        shown.asked_ms = row.asked_ms;
        shown.synced_ms = row.synced_ms;
        shown.present = ~0ull;
        if (shown.version == 0)
                shown.present &= ~(1ull << VERSION_AT);
        if (row.told_version < 0)
                shown.present &= ~(1ull << STATION_VERSION_AT);
        if (row.asked_ms == 0)
                shown.present &= ~(1ull << ASKED_AT);
        if (row.synced_ms == 0)
                shown.present &= ~(1ull << SYNCED_AT);
        bb_response_shape(res, &LocalList, &shown);
        return BB_OK;
}

BB_AWAIT bb_err local_list_read(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        struct bb_station st = {.present = 0};

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(charging->station_get(id, &st));
        return show(owner, id, res);
}

BB_AWAIT bb_err local_list_sync(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        struct bb_station st = {.present = 0};
        struct bb_stmt audit;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(charging->station_get(id, &st));
        if (owner->lists == NULL)
                return bb_problem(res, BB_E_CONFLICT, 409, "local-lists-off",
                                  BB_STR("This tenant's stations get no local list: its option local_list is off."));
        audit = bb_audit_stmt(bb_request_actor(req), "local_list.sync", id, BB_NONE);
        TRY(bb_db_run(&audit, 1, NULL));
        TRY(list_suspect(id));
        lists_tell(owner, id);
        bb_response_status(res, 202);
        return show(owner, id, res);
}
