/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be exported of the domain ("dataset/1"): sets, columns and filters as tables. Names are those of the REST
 * API.
 */
#include "domain.h"
#include <busbar/dataset.h>

#define COLUMN BB_DATA_COLUMN
#define FILTER BB_DATA_FILTER
#define USUAL .is_default = 1
#define MILLISECONDS(interval) "(extract(epoch from " interval ") * 1000)::bigint"
#define UID(column) column " = " LOWER("$?")

static const char *const session_states[] = {"open", "ended", "review", "closed", NULL};
static const char *const authorizations[] = {"accepted", "blocked", "expired", "invalid", "concurrent", NULL};
static const char *const token_kinds[] = {"rfid", "app", "remote", "ad_hoc", "roaming", NULL}; /* BB_TOKEN_… */
static const char *const token_states[] = {"accepted", "blocked", NULL};
static const char *const admissions[] = {"admitted", "pending", "blocked", NULL};

/* --- sessions --- */

static const struct bb_data_column session_columns[] = {
        COLUMN("id", "Session", BB_DATA_UUID, 38, "s.session_id", USUAL),
        COLUMN("station_id", "Station", BB_DATA_TEXT, 18, "s.station_id", USUAL),
        COLUMN("connector_id", "Connector", BB_DATA_INT, 10, "s.connector_id", USUAL),
        COLUMN("location_id", "Location", BB_DATA_TEXT, 18, "s.location_id", USUAL),
        COLUMN("transaction_id", "Transaction", BB_DATA_INT, 13, "s.transaction_id", USUAL),
        COLUMN("token_uid", "Token", BB_DATA_TEXT, 22, "s.token_uid", USUAL),
        COLUMN("parent_uid", "Parent token", BB_DATA_TEXT, 16, "s.parent_uid", USUAL),
        COLUMN("state", "State", BB_DATA_ENUM, 9, "s.state", USUAL, .values = session_states),
        COLUMN("authorization", "Authorization", BB_DATA_ENUM, 14, "s.auth_status", USUAL, .values = authorizations),
        COLUMN("started_at", "Started", BB_DATA_TIME, 20, "s.started_at", USUAL),
        COLUMN("ended_at", "Ended", BB_DATA_TIME, 20, "s.ended_at", USUAL),
        COLUMN("duration", "Duration", BB_DATA_DURATION, 11, MILLISECONDS("s.ended_at - s.started_at"), USUAL),
        COLUMN("energy_kwh", "Energy (kWh)", BB_DATA_ENERGY, 13, "s.energy_wh", USUAL),
        COLUMN("meter_start_wh", "Meter start (Wh)", BB_DATA_INT, 16, "s.meter_start_wh", USUAL),
        COLUMN("meter_stop_wh", "Meter stop (Wh)", BB_DATA_INT, 16, "s.meter_stop_wh", USUAL),
        COLUMN("sample_count", "Samples", BB_DATA_INT, 9, "s.sample_count", USUAL),
        COLUMN("stop_reason", "Stop reason", BB_DATA_TEXT, 16, "s.stop_reason", USUAL),
        COLUMN("review", "Review", BB_DATA_TEXT, 40, "s.review", USUAL),
        COLUMN("stop_token_uid", "Stopped with", BB_DATA_TEXT, 22, "s.stop_token_uid"),
        COLUMN("start_told_at", "Started by the station's clock", BB_DATA_TIME, 20, "s.start_told_at",
               .about = "Where it was corrected."),
        COLUMN("end_told_at", "Ended by the station's clock", BB_DATA_TIME, 20, "s.end_told_at",
               .about = "Where it was corrected."),
        COLUMN("start_received_at", "Start received", BB_DATA_TIME, 20, "s.start_received_at"),
        COLUMN("end_received_at", "End received", BB_DATA_TIME, 20, "s.end_received_at"),
        COLUMN("last_sample_at", "Last sample", BB_DATA_TIME, 20, "s.last_sample_at"),
        COLUMN("soc_percent", "State of charge (%)", BB_DATA_INT, 12, "s.soc_percent"),
        COLUMN("reservation_id", "Reservation", BB_DATA_INT, 13, "s.reservation_id"),
        COLUMN("closed_by", "Closed by", BB_DATA_TEXT, 12, "s.closed_by",
               .about = "What closed it before its stop came."),
        COLUMN("closed_at", "Closed", BB_DATA_TIME, 20, "s.closed_at"),
        COLUMN("settled_by", "Settled by", BB_DATA_TEXT, 20, "s.settled_by"),
        COLUMN("settled_at", "Settled", BB_DATA_TIME, 20, "s.settled_at"),
        COLUMN("settled_note", "Settlement", BB_DATA_TEXT, 40, "s.settled_note"),
};
static const struct bb_data_filter session_filters[] = {
        FILTER("station", BB_T_STR, "s.station_id = $?"),
        FILTER("location", BB_T_STR, "s.location_id = $?"),
        FILTER("token", BB_T_STR, UID("s.token_key")),
        FILTER("token_group", BB_T_STR, LOWER("s.parent_uid") " = " LOWER("$?"),
               .about = "The parent token of those who charged."),
        FILTER("open", BB_T_BOOL, "(s.state = 0) = $?", .about = "true: still charging, false: ended."),
        FILTER("state", BB_T_ENUM, "s.state = $?", .values = session_states),
        FILTER("from", BB_T_TIME, "s.started_at >= $?", .about = "Started at this time or later."),
        FILTER("to", BB_T_TIME, "s.started_at < $?", .about = "Started before this time."),
};

/* --- CDRs --- */

static const struct bb_data_column cdr_columns[] = {
        COLUMN("id", "CDR", BB_DATA_UUID, 38, "c.cdr_id", USUAL),
        COLUMN("session_id", "Session", BB_DATA_UUID, 38, "c.session_id", USUAL),
        COLUMN("station_id", "Station", BB_DATA_TEXT, 18, "c.station_id", USUAL),
        COLUMN("connector_id", "Connector", BB_DATA_INT, 10, "c.connector_id", USUAL),
        COLUMN("location_id", "Location", BB_DATA_TEXT, 18, "c.location_id", USUAL),
        COLUMN("token_uid", "Token", BB_DATA_TEXT, 22, "c.token_uid", USUAL),
        COLUMN("started_at", "Started", BB_DATA_TIME, 20, "c.started_at", USUAL),
        COLUMN("ended_at", "Ended", BB_DATA_TIME, 20, "c.ended_at", USUAL),
        COLUMN("duration", "Duration", BB_DATA_DURATION, 11, "c.duration_s * 1000", USUAL),
        COLUMN("energy_kwh", "Energy (kWh)", BB_DATA_ENERGY, 13, "c.energy_wh", USUAL),
        COLUMN("created_at", "Made", BB_DATA_TIME, 20, "c.created_at", USUAL),
};
static const struct bb_data_filter cdr_filters[] = {
        FILTER("station", BB_T_STR, "c.station_id = $?"),
        FILTER("location", BB_T_STR, "c.location_id = $?"),
        FILTER("token", BB_T_STR, LOWER("c.token_uid") " = " LOWER("$?")),
        FILTER("session", BB_T_STR, "c.session_id = $?", .is_uuid = 1),
        FILTER("from", BB_T_TIME, "c.created_at >= $?",
               .about = "Made at this time or later, so that none is between two months that came late."),
        FILTER("to", BB_T_TIME, "c.created_at < $?", .about = "Made before this time."),
        FILTER("started_from", BB_T_TIME, "c.started_at >= $?"),
        FILTER("started_to", BB_T_TIME, "c.started_at < $?"),
        FILTER("ended_from", BB_T_TIME, "c.ended_at >= $?"),
        FILTER("ended_to", BB_T_TIME, "c.ended_at < $?"),
};

/* --- tokens --- */

static const struct bb_data_column token_columns[] = {
        COLUMN("uid", "Token", BB_DATA_TEXT, 22, "t.uid", USUAL),
        COLUMN("kind", "Kind", BB_DATA_ENUM, 9, "t.kind", USUAL, .values = token_kinds),
        COLUMN("status", "Status", BB_DATA_ENUM, 10, "t.status", USUAL, .values = token_states),
        COLUMN("label", "User", BB_DATA_TEXT, 30, "t.label", USUAL),
        COLUMN("parent_uid", "Parent token", BB_DATA_TEXT, 22, "t.parent_uid", USUAL),
        COLUMN("contract_id", "Contract", BB_DATA_TEXT, 22, "t.contract_id", USUAL),
        COLUMN("partner", "Roaming partner", BB_DATA_TEXT, 16, "t.partner"),
        COLUMN("expires_at", "Expires", BB_DATA_TIME, 20, "t.expires_at", USUAL),
        COLUMN("max_open_sessions", "Sessions at once", BB_DATA_INT, 16, "t.max_open_sessions", USUAL,
               .about = "0: no limit."),
        COLUMN("created_at", "Created", BB_DATA_TIME, 20, "t.created_at", USUAL),
        COLUMN("updated_at", "Changed", BB_DATA_TIME, 20, "t.updated_at"),
};
static const struct bb_data_filter token_filters[] = {
        FILTER("token", BB_T_STR, UID("t.uid_key")),
        FILTER("token_group", BB_T_STR, LOWER("t.parent_uid") " = " LOWER("$?"), .about = "The parent token."),
        FILTER("contract", BB_T_STR, "t.contract_id = $?"),
        FILTER("partner", BB_T_STR, LOWER("t.partner") " = " LOWER("$?"),
               .about = "The roaming partner that issued it."),
        FILTER("kind", BB_T_ENUM, "t.kind = $?", .values = token_kinds),
        FILTER("status", BB_T_ENUM, "t.status = $?", .values = token_states),
        FILTER("from", BB_T_TIME, "t.created_at >= $?", .about = "Created at this time or later."),
        FILTER("to", BB_T_TIME, "t.created_at < $?", .about = "Created before this time."),
};

/* --- stations --- */

static const struct bb_data_column station_columns[] = {
        COLUMN("id", "Station", BB_DATA_TEXT, 18, "a.station_id", USUAL),
        COLUMN("name", "Name", BB_DATA_TEXT, 30, "a.name", USUAL),
        COLUMN("location_id", "Location", BB_DATA_TEXT, 18, "a.location_id", USUAL),
        COLUMN("admission", "Admission", BB_DATA_ENUM, 10, "a.admission", USUAL, .values = admissions),
        COLUMN("online", "Online", BB_DATA_BOOL, 8, "a.online", USUAL),
        COLUMN("protocol", "Protocol", BB_DATA_TEXT, 12, "a.protocol", USUAL),
        COLUMN("vendor", "Vendor", BB_DATA_TEXT, 20, "a.vendor", USUAL),
        COLUMN("model", "Model", BB_DATA_TEXT, 20, "a.model", USUAL),
        COLUMN("serial_number", "Serial number", BB_DATA_TEXT, 25, "a.serial_number", USUAL),
        COLUMN("firmware_version", "Firmware", BB_DATA_TEXT, 20, "a.firmware_version", USUAL),
        COLUMN("last_seen_at", "Last seen", BB_DATA_TIME, 20, "a.last_seen_at", USUAL),
        COLUMN("connected_at", "Connected", BB_DATA_TIME, 20, "a.connected_at"),
        COLUMN("disconnected_at", "Disconnected", BB_DATA_TIME, 20, "a.disconnected_at"),
        COLUMN("boot_at", "Booted", BB_DATA_TIME, 20, "a.boot_at"),
        COLUMN("iccid", "ICCID", BB_DATA_TEXT, 22, "a.iccid"),
        COLUMN("imsi", "IMSI", BB_DATA_TEXT, 18, "a.imsi"),
        COLUMN("meter_type", "Meter type", BB_DATA_TEXT, 20, "a.meter_type"),
        COLUMN("meter_serial_number", "Meter serial number", BB_DATA_TEXT, 25, "a.meter_serial_number"),
        COLUMN("security_profile", "Security profile", BB_DATA_INT, 16, "a.security_profile"),
        COLUMN("remote", "Address", BB_DATA_TEXT, 22, "a.remote"),
        COLUMN("connector_count", "Connectors", BB_DATA_INT, 11,
               "(select count(*) from charging.connector k where k.tenant_id = a.tenant_id"
               " and k.station_id = a.station_id and k.connector_id > 0)"),
        COLUMN("created_at", "Created", BB_DATA_TIME, 20, "a.created_at"),
};
static const struct bb_data_filter station_filters[] = {
        FILTER("station", BB_T_STR, "a.station_id = $?"),
        FILTER("location", BB_T_STR, "a.location_id = $?"),
        FILTER("online", BB_T_BOOL, "a.online = $?"),
        FILTER("admission", BB_T_ENUM, "a.admission = $?", .values = admissions),
        FILTER("vendor", BB_T_STR, "a.vendor = $?"),
        FILTER("model", BB_T_STR, "a.model = $?"),
        FILTER("from", BB_T_TIME, "a.created_at >= $?", .about = "Created at this time or later."),
        FILTER("to", BB_T_TIME, "a.created_at < $?", .about = "Created before this time."),
};

/* --- samples --- */

static const struct bb_data_column sample_columns[] = {
        COLUMN("session_id", "Session", BB_DATA_UUID, 38,
               "nullif(m.session_id, '00000000-0000-0000-0000-000000000000')", USUAL),
        COLUMN("station_id", "Station", BB_DATA_TEXT, 18, "m.station_id", USUAL),
        COLUMN("connector_id", "Connector", BB_DATA_INT, 10, "m.connector_id", USUAL),
        COLUMN("at", "Time", BB_DATA_TIME, 20, "m.at", USUAL),
        COLUMN("measurand", "Measurand", BB_DATA_TEXT, 34, "k.measurand", USUAL),
        COLUMN("phase", "Phase", BB_DATA_TEXT, 7, "nullif(k.phase, '')", USUAL),
        COLUMN("location", "Place of measurement", BB_DATA_TEXT, 10, "k.location", USUAL),
        COLUMN("context", "Context", BB_DATA_TEXT, 18, "k.context", USUAL),
        COLUMN("value", "Value", BB_DATA_TEXT, 16, "m.value", USUAL, .about = "As the station wrote it."),
        COLUMN("unit", "Unit", BB_DATA_TEXT, 8, "k.unit", USUAL),
        COLUMN("format", "Format", BB_DATA_TEXT, 12, "k.format"),
        COLUMN("received_at", "Received", BB_DATA_TIME, 20, "m.received_at"),
};
static const struct bb_data_filter sample_filters[] = {
        FILTER("session", BB_T_STR, "m.session_id = $?", .is_uuid = 1),
        FILTER("station", BB_T_STR, "m.station_id = $?"),
        FILTER("measurand", BB_T_STR, "k.measurand = $?"),
        FILTER("from", BB_T_TIME, "m.at >= $?", .about = "Measured at this time or later."),
        FILTER("to", BB_T_TIME, "m.at < $?", .about = "Measured before this time."),
};

#define TABLES BB_DATA_TABLES

static const struct bb_data_set sets[] = {
        {.name = "sessions",
         .title = "Sessions",
         .about = "Charging sessions, by start.",
         .from = "charging.session s",
         .order = "s.started_at, s.session_id",
         .permission = "sessions:read",
         TABLES(session_columns, session_filters)},
        {.name = "cdrs",
         .title = "CDRs",
         .about = "Charge detail records, as they were made.",
         .from = "charging.cdr c",
         .order = "c.created_at, c.cdr_id",
         .permission = "sessions:read",
         TABLES(cdr_columns, cdr_filters)},
        {.name = "tokens",
         .title = "Tokens",
         .about = "Who may charge.",
         .from = "charging.token t",
         .order = "t.uid_key",
         .permission = "tokens:read",
         TABLES(token_columns, token_filters)},
        {.name = "stations",
         .title = "Stations",
         .about = "Charging stations and how they are.",
         .from = "charging.station a",
         .order = "a.station_id",
         .permission = "stations:read",
         TABLES(station_columns, station_filters)},
        {.name = "samples",
         .title = "Meter values",
         .about = "What stations measured, session by session.",
         .from = "charging.sample m join charging.sample_kind k on k.tenant_id = m.tenant_id"
                 " and k.kind_id = m.kind_id",
         .order = "m.session_id, m.at, m.digest",
         .permission = "sessions:read",
         TABLES(sample_columns, sample_filters)},
};

/* --- what belongs to a row, of our own tables --- */

static const struct bb_data_column location_columns[] = {
        COLUMN("location_name", "Location name", BB_DATA_TEXT, 30, "l.name"),
        COLUMN("location_address", "Address of the location", BB_DATA_TEXT, 30, "l.address"),
        COLUMN("location_city", "City", BB_DATA_TEXT, 20, "l.city"),
        COLUMN("location_postal_code", "Postal code", BB_DATA_TEXT, 12, "l.postal_code"),
        COLUMN("location_country", "Country", BB_DATA_TEXT, 8, "l.country"),
};
static const struct bb_data_column place_columns[] = {
        COLUMN("station_name", "Station name", BB_DATA_TEXT, 30, "a.name"),
        COLUMN("station_vendor", "Vendor", BB_DATA_TEXT, 20, "a.vendor"),
        COLUMN("station_model", "Model", BB_DATA_TEXT, 20, "a.model"),
        COLUMN("station_serial_number", "Serial number", BB_DATA_TEXT, 25, "a.serial_number"),
};
static const struct bb_data_column connector_columns[] = {
        COLUMN("connector_label", "Connector label", BB_DATA_TEXT, 16, "k.label"),
        COLUMN("connector_plug", "Plug", BB_DATA_TEXT, 10, "k.plug"),
        COLUMN("connector_max_power_w", "Power of the connector (W)", BB_DATA_INT, 14, "k.max_power_w"),
};
static const struct bb_data_column user_columns[] = {
        COLUMN("user", "User", BB_DATA_TEXT, 30, "t.label", .about = "The label of the token."),
        COLUMN("user_contract_id", "Contract of the user", BB_DATA_TEXT, 22, "t.contract_id"),
        COLUMN("partner", "Roaming partner", BB_DATA_TEXT, 16, "t.partner"),
};
static const struct bb_data_filter user_filters[] = {
        FILTER("user", BB_T_STR, "t.label = $?", .about = "The label of the token."),
        FILTER("partner", BB_T_STR, LOWER("t.partner") " = " LOWER("$?"),
               .about = "The roaming partner that issued the token."),
};

#define LOCATION_OF(alias)                                                                                             \
        "left join charging.location l on l.tenant_id = " alias ".tenant_id and l.location_id = " alias ".location_id"
#define STATION_OF(alias)                                                                                              \
        "left join charging.station a on a.tenant_id = " alias ".tenant_id and a.station_id = " alias ".station_id"
#define CONNECTOR_OF(alias)                                                                                            \
        "left join charging.connector k on k.tenant_id = " alias ".tenant_id and k.station_id = " alias                \
        ".station_id and k.connector_id = " alias ".connector_id"
#define ONLY_COLUMNS(columns_) .columns = (columns_), .column_count = BB_COUNT(columns_)

static const struct bb_data_join joins[] = {
        {.set = "sessions", .join = LOCATION_OF("s"), ONLY_COLUMNS(location_columns)},
        {.set = "sessions", .join = STATION_OF("s"), ONLY_COLUMNS(place_columns)},
        {.set = "sessions", .join = CONNECTOR_OF("s"), ONLY_COLUMNS(connector_columns)},
        {.set = "sessions",
         .join = "left join charging.token t on t.tenant_id = s.tenant_id and t.uid_key = s.token_key",
         .permission = "tokens:read",
         TABLES(user_columns, user_filters)},
        {.set = "cdrs", .join = LOCATION_OF("c"), ONLY_COLUMNS(location_columns)},
        {.set = "cdrs", .join = STATION_OF("c"), ONLY_COLUMNS(place_columns)},
        {.set = "cdrs", .join = CONNECTOR_OF("c"), ONLY_COLUMNS(connector_columns)},
        {.set = "cdrs",
         .join = "left join charging.token t on t.tenant_id = c.tenant_id and t.uid_key = " LOWER("c.token_uid"),
         .permission = "tokens:read",
         TABLES(user_columns, user_filters)},
        {.set = "stations", .join = LOCATION_OF("a"), ONLY_COLUMNS(location_columns)},
};

const struct bb_dataset_ops charging_datasets = {.size = sizeof(charging_datasets),
                                                 .sets = sets,
                                                 .set_count = BB_COUNT(sets),
                                                 .joins = joins,
                                                 .join_count = BB_COUNT(joins)};
