/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/stations and their connectors; /v1/connection-attempts: who tried to connect and why it was refused.
 */
#include "admin.h"

static const char *const connector_states[] = {"Unknown",       "Available",   "Preparing", "Charging",
                                               "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved",
                                               "Unavailable",   "Faulted",     NULL};
static const char *const admissions[] = {"admitted", "pending", "blocked", NULL};
static const char *const verdicts[] = {
        "ok",        "unknown-station",   "held-for-adoption", "wrong-password", "blocked", "too-many-attempts",
        "handshake", "second-connection", "security-profile",  "certificate",    NULL};

#define AT(member) .offset = offsetof(struct bb_connector, member)
static const struct bb_field connector_fields[] = {
        {.name = "station_id", .type = BB_T_STR, .flags = BB_READONLY, AT(station_id)},
        {.name = "connector_id", .type = BB_T_INT, .flags = BB_REQUIRED | BB_READONLY, AT(connector_id)},
        {.name = "status",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED | BB_READONLY,
         AT(status),
         .values = connector_states},
        {.name = "error_code", .type = BB_T_STR, .flags = BB_READONLY, AT(error_code)},
        {.name = "info", .type = BB_T_STR, .flags = BB_READONLY, AT(info)},
        {.name = "vendor_error_code", .type = BB_T_STR, .flags = BB_READONLY, AT(vendor_error_code)},
        {.name = "status_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(status_ms)},
        {.name = "label", .type = BB_T_STR, AT(label)},
        {.name = "plug", .type = BB_T_STR, AT(plug)},
        {.name = "max_power_w", .type = BB_T_INT, AT(max_power_w)},
        {.name = "session_id", .type = BB_T_STR, .flags = BB_READONLY, AT(session_id)},
};
BB_SHAPE(Connector, bb_connector, 0, "One outlet of a station. States are those of OCPP 1.6 §7.7.", connector_fields);

static const char *const plugs[] = {"type1", "type2", "ccs1", "ccs2", "chademo", "nacs", "domestic", "other"};
/* A change may bring what a read has given: those members say nothing. */
#define IGNORED(name_, type_, at)                                                                                      \
        {                                                                                                              \
                .name = (name_), .type = (type_), .flags = BB_READONLY, at                                             \
        }
static const struct bb_field connector_change_fields[] = {
        {.name = "label",
         .type = BB_T_STR,
         .flags = BB_NULLABLE,
         AT(label),
         .max = 50,
         .about = "What is printed on it."},
        {.name = "plug", .type = BB_T_STR, .flags = BB_NULLABLE, AT(plug), .max = 20},
        {.name = "max_power_w", .type = BB_T_INT, .flags = BB_NULLABLE, AT(max_power_w), .min = 0, .max = 10000000},
        IGNORED("station_id", BB_T_STR, AT(station_id)),
        IGNORED("connector_id", BB_T_INT, AT(connector_id)),
        {.name = "status", .type = BB_T_ENUM, .flags = BB_READONLY, AT(status), .values = connector_states},
        IGNORED("error_code", BB_T_STR, AT(error_code)),
        IGNORED("info", BB_T_STR, AT(info)),
        IGNORED("vendor_error_code", BB_T_STR, AT(vendor_error_code)),
        IGNORED("status_at", BB_T_TIME, AT(status_ms)),
        IGNORED("session_id", BB_T_STR, AT(session_id)),
};
BB_SHAPE(ConnectorChange, bb_connector, 0, "Members left out stay as they are; null removes one.",
         connector_change_fields);
#undef AT

#define AT(member) .offset = offsetof(struct bb_station, member)
static const struct bb_field station_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED | BB_READONLY, AT(id)},
        {.name = "name", .type = BB_T_STR, AT(name)},
        {.name = "location_id", .type = BB_T_STR, AT(location_id)},
        {.name = "admission", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(admission), .values = admissions},
        {.name = "online", .type = BB_T_BOOL, .flags = BB_REQUIRED, AT(online)},
        {.name = "has_password", .type = BB_T_BOOL, .flags = BB_REQUIRED, AT(has_password)},
        {.name = "security_profile",
         .type = BB_T_INT32,
         .flags = BB_REQUIRED,
         AT(security_profile),
         .about = "The least that it may connect with: 0 anything, 1 password, 2 password and TLS, 3 client "
                  "certificate. "
                  "Rises with what it uses."},
        {.name = "password_changing",
         .type = BB_T_BOOL,
         .flags = BB_REQUIRED,
         AT(password_changing),
         .about = "It was sent a new password and has not used it yet: both are right."},
        {.name = "protocol", .type = BB_T_STR, AT(protocol)},
        {.name = "vendor", .type = BB_T_STR, AT(vendor)},
        {.name = "model", .type = BB_T_STR, AT(model)},
        {.name = "serial_number", .type = BB_T_STR, AT(serial_number)},
        {.name = "firmware_version", .type = BB_T_STR, AT(firmware_version)},
        {.name = "iccid", .type = BB_T_STR, AT(iccid)},
        {.name = "imsi", .type = BB_T_STR, AT(imsi)},
        {.name = "meter_type", .type = BB_T_STR, AT(meter_type)},
        {.name = "meter_serial_number", .type = BB_T_STR, AT(meter_serial_number)},
        {.name = "remote", .type = BB_T_STR, AT(remote)},
        {.name = "clock_drift_ms", .type = BB_T_INT, AT(clock_drift_ms)},
        {.name = "connected_at", .type = BB_T_TIME, AT(connected_ms)},
        {.name = "disconnected_at", .type = BB_T_TIME, AT(disconnected_ms)},
        {.name = "last_seen_at", .type = BB_T_TIME, AT(last_seen_ms)},
        {.name = "booted_at", .type = BB_T_TIME, AT(boot_ms)},
        {.name = "created_at", .type = BB_T_TIME, AT(created_ms)},
        {.name = "updated_at", .type = BB_T_TIME, AT(updated_ms)},
        {.name = "connectors", .type = BB_T_ARRAY, AT(connectors), .shape = &Connector},
};
BB_SHAPE(Station, bb_station, 0, "A charging station.", station_fields);
#undef AT

#define AT(member) .offset = offsetof(struct bb_station_change, member)
/* The order is that of BB_STATION_SET_…: the present bits are the contract's. */
static const struct bb_field change_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_NULLABLE, AT(name), .max = 100},
        {.name = "location_id",
         .type = BB_T_STR,
         .flags = BB_NULLABLE,
         AT(location_id),
         .max = 64,
         .about = "Empty or null: at no location."},
        {.name = "password",
         .type = BB_T_STR,
         .flags = BB_SECRET | BB_NULLABLE,
         AT(password),
         .max = 64,
         .about = "HTTP Basic password, 8 to 64 characters; empty or null: none is needed. Cannot be read back."},
        {.name = "admission", .type = BB_T_ENUM, AT(admission), .values = admissions},
        {.name = "security_profile",
         .type = BB_T_INT32,
         AT(security_profile),
         .min = 0,
         .max = 3,
         .about = "0 to 3; lower than it is: to let the station come back with less."},
        IGNORED("password_changing", BB_T_BOOL, AT(room)),
        IGNORED("id", BB_T_STR, AT(room)),
        IGNORED("online", BB_T_BOOL, AT(room)),
        IGNORED("has_password", BB_T_BOOL, AT(room)),
        IGNORED("protocol", BB_T_STR, AT(room)),
        IGNORED("vendor", BB_T_STR, AT(room)),
        IGNORED("model", BB_T_STR, AT(room)),
        IGNORED("serial_number", BB_T_STR, AT(room)),
        IGNORED("firmware_version", BB_T_STR, AT(room)),
        IGNORED("iccid", BB_T_STR, AT(room)),
        IGNORED("imsi", BB_T_STR, AT(room)),
        IGNORED("meter_type", BB_T_STR, AT(room)),
        IGNORED("meter_serial_number", BB_T_STR, AT(room)),
        IGNORED("remote", BB_T_STR, AT(room)),
        IGNORED("clock_drift_ms", BB_T_INT, AT(room)),
        IGNORED("connected_at", BB_T_TIME, AT(room)),
        IGNORED("disconnected_at", BB_T_TIME, AT(room)),
        IGNORED("last_seen_at", BB_T_TIME, AT(room)),
        IGNORED("booted_at", BB_T_TIME, AT(room)),
        IGNORED("created_at", BB_T_TIME, AT(room)),
        IGNORED("updated_at", BB_T_TIME, AT(room)),
        {.name = "connectors", .type = BB_T_ARRAY, .flags = BB_READONLY, AT(room), .shape = &Connector},
};
BB_SHAPE(StationChange, bb_station_change, 0, "Members left out stay as they are; null removes one.", change_fields);
_Static_assert(BB_STATION_SET_NAME == 1 && BB_STATION_SET_LOCATION == 2 && BB_STATION_SET_PASSWORD == 4 &&
                       BB_STATION_SET_ADMISSION == 8 && BB_STATION_SET_PROFILE == 16,
               "change_fields follows BB_STATION_SET_…");
#undef AT

#define AT(member) .offset = offsetof(struct bb_connection_attempt, member)
static const struct bb_field attempt_fields[] = {
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "reason", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(verdict), .values = verdicts},
        {.name = "detail", .type = BB_T_STR, AT(detail), .about = "What to do about it."},
        {.name = "remote", .type = BB_T_STR, AT(remote)},
        {.name = "driver", .type = BB_T_STR, AT(driver)},
        {.name = "first_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(first_ms)},
        {.name = "last_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(last_ms)},
        {.name = "count", .type = BB_T_INT, .flags = BB_REQUIRED, AT(count)},
};
static BB_SHAPE(ConnectionAttempt, bb_connection_attempt, 0, "A connection that was refused, and why.", attempt_fields);
#undef AT

struct attempts {
        uint64_t present;
        struct bb_array items;
};
static const struct bb_field attempts_fields[] = {
        {.name = "items",
         .type = BB_T_ARRAY,
         .flags = BB_REQUIRED,
         .offset = offsetof(struct attempts, items),
         .shape = &ConnectionAttempt},
};
BB_SHAPE(LatestAttempts, attempts, 0, "The connections that were refused last.", attempts_fields);

static int32_t admission_query(bb_request *req)
{
        bb_str text = bb_request_query(req, "admission");

        for (int32_t i = 0; text.ptr != NULL && admissions[i] != NULL; i++) {
                if (bb_str_is(text, admissions[i]))
                        return i;
        }
        return -1;
}

BB_AWAIT bb_err stations_list(bb_request *req, bb_response *res)
{
        struct bb_station_filter filter = {.search = bb_request_query(req, "q"),
                                           .location_id = bb_request_query(req, "location"),
                                           .online = bool_query(req, "online"),
                                           .admission = admission_query(req)};
        struct page page;
        struct bb_station *items;
        size_t count;

        TRY(filters_filled(req, res, "location", NULL));
        TRY(page_of(req, res, &page));
        TRY(charging->station_list(&filter, page.after, page.limit, &items, &count));
        page_send(res, &Station, items, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err station_read(bb_request *req, bb_response *res)
{
        struct bb_station station;

        TRY(charging->station_get(bb_request_param(req, "id"), &station));
        return object_send(req, res, &Station, &station, station.version);
}

static BB_AWAIT bb_err change_station(bb_request *req, bb_response *res, const struct bb_station_change *change,
                                      int32_t may_create)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_station station = {.version = 0};
        int64_t if_version;
        int32_t created;
        bb_err err = charging->station_get(id, &station);

        if (err < 0 && (err != BB_E_NOT_FOUND || !may_create))
                return err;
        TRY(version_wanted(req, res, err == BB_OK, station.version, &if_version));
        err = charging->station_put(bb_request_actor(req), id, change, if_version, &created);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 422, "no-such-location", BB_STR("location_id names no location."));
        TRY(err);
        TRY(charging->station_get(id, &station));
        changed_send(req, res, &Station, &station, station.version, created,
                     bb_print("/v1/stations/%.*s", BB_FMT(path_segment(id))));
        return BB_OK;
}

static bb_err station_id_check(bb_str id, bb_response *res)
{
        for (size_t i = 0; i < id.len; i++) {
                unsigned char c = (unsigned char)id.ptr[i];

                if (c <= 0x20 || c == 0x7f || c == '/')
                        return bb_problem(res, BB_E_INVALID, 422, "bad-station-id",
                                          BB_STR("A station id has no blanks, slashes or control characters."));
        }
        if (id.len >= 1 && id.len <= 64)
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 422, "bad-station-id", BB_STR("A station id has 1 to 64 characters."));
}

/* null is decoded as absent: for the contract, to remove is to set to nothing. */
static bb_err nulls_as_nothing(bb_request *req, struct bb_station_change *change)
{
        static const char *const names[] = {"name", "location_id", "password"};
        bb_str body = bb_request_body(req);
        struct bb_fault fault;
        bb_json *json, *value;

        TRY(bb_json_parse(body.len > 0 ? body : BB_STR("{}"), &json, &fault));
        for (size_t i = 0; i < BB_COUNT(names); i++) {
                value = bb_json_get(json, names[i]);
                if (value != NULL && bb_json_kind(value) == BB_J_NULL)
                        change->present |= 1ull << i;
        }
        return BB_OK;
}

/* PUT /v1/stations/{id} */
BB_AWAIT bb_err station_write(bb_request *req, bb_response *res)
{
        struct bb_station_change change;

        TRY(station_id_check(bb_request_param(req, "id"), res));
        TRY(bb_request_decode(req, &StationChange, &change, res));
        TRY(nulls_as_nothing(req, &change));
        if ((change.present & BB_STATION_SET_PASSWORD) && change.password.len > 0 && change.password.len < 8) {
                bb_problem_field(res, BB_STR("/password"), BB_STR("must have at least 8 characters, or none"));
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The password is too short."));
        }
        return change_station(req, res, &change, 1);
}

/* POST /v1/stations/{id}/adopt */
BB_AWAIT bb_err station_adopt(bb_request *req, bb_response *res)
{
        const struct bb_station_change change = {.present = BB_STATION_SET_ADMISSION, .admission = BB_STATION_ADMITTED};

        return change_station(req, res, &change, 0);
}

BB_AWAIT bb_err station_remove(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_station before;
        int64_t if_version;
        bb_err err;

        TRY(charging->station_get(id, &before));
        TRY(version_wanted(req, res, 1, before.version, &if_version));
        err = charging->station_delete(bb_request_actor(req), id, if_version);
        if (err == BB_E_CONFLICT)
                return bb_problem(
                        res, err, 409, "station-has-sessions",
                        BB_STR("Sessions of this station are kept. Block it instead: {\"admission\": \"blocked\"}."));
        if (err == BB_OK)
                bb_response_status(res, 204);
        return err;
}

static bb_str number_of(const struct bb_connector *connector)
{
        return bb_print("%lld", (long long)connector->connector_id);
}

BB_AWAIT bb_err connectors_list(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_station station;
        struct bb_connector *items;
        struct page page;
        size_t count, from = 0;

        TRY(page_of(req, res, &page));
        TRY(charging->station_get(id, &station));
        TRY(charging->connector_list(id, &items, &count));
        /* A station has few: all are read, and the page is cut out. The cursor is the number of the last one. */
        while (page.after.ptr != NULL && from < count && !bb_str_eq(number_of(&items[from]), page.after))
                from++;
        if (page.after.ptr != NULL && from++ == count)
                return page_fault(res, &page, BB_E_NOT_FOUND);
        items += from;
        count = count - from < page.limit ? count - from : page.limit;
        page_send(res, &Connector, items, count, &page, count > 0 ? number_of(&items[count - 1]) : BB_NONE);
        return BB_OK;
}

static BB_AWAIT bb_err find_connector(bb_str station_id, bb_str number, struct bb_connector *ret)
{
        struct bb_connector *items;
        size_t count;

        TRY(charging->connector_list(station_id, &items, &count));
        for (size_t i = 0; i < count; i++) {
                *ret = items[i];
                if (bb_str_eq(number_of(&items[i]), number))
                        return BB_OK;
        }
        return BB_E_NOT_FOUND;
}

static int32_t plug_known(bb_str plug)
{
        for (size_t i = 0; i < BB_COUNT(plugs); i++) {
                if (bb_str_is(plug, plugs[i]))
                        return 1;
        }
        return plug.len == 0;
}

BB_AWAIT bb_err connector_write(bb_request *req, bb_response *res)
{
        struct bb_connector before, change;
        bb_str station_id = bb_request_param(req, "id"), number = bb_request_param(req, "connector");
        int64_t if_version;

        TRY(find_connector(station_id, number, &before));
        TRY(version_wanted(req, res, 1, before.version, &if_version));
        TRY(body_over(req, res, &ConnectorChange, &before, &change));
        if (!plug_known(change.plug)) {
                bb_problem_field(res, BB_STR("/plug"),
                                 BB_STR("must be type1, type2, ccs1, ccs2, chademo, nacs, domestic or other"));
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("No such plug."));
        }
        change.station_id = station_id;
        change.connector_id = before.connector_id;
        TRY(charging->connector_put(bb_request_actor(req), &change, if_version));
        TRY(find_connector(station_id, number, &before));
        return object_send(req, res, &Connector, &before, before.version);
}

/* GET /v1/connection-attempts: the answer to "my charger does not appear". The latest are enough: no pages. */
BB_AWAIT bb_err attempts_list(bb_request *req, bb_response *res)
{
        int64_t limit = int_query(req, "limit", 50);
        struct bb_connection_attempt *items;
        struct attempts latest;

        TRY(query_in_range(res, "limit", limit, 1, 200));
        TRY(charging->connection_attempts((size_t)limit, &items, &latest.items.count));
        latest.items.items = items;
        object_encode(res, &LatestAttempts, &latest);
        return BB_OK;
}
