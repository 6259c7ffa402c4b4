/* SPDX-License-Identifier: Apache-2.0
 *
 * What exports get of prices ("dataset/1"): columns beside sessions and the domain's CDRs, and two sets: all CDRs as
 * they are charged, credits with the opposite sign, and their lines.
 */
#include "billing.h"
#include <busbar/dataset.h>

#define COLUMN BB_DATA_COLUMN
#define FILTER BB_DATA_FILTER
#define USUAL .is_default = 1
#define TABLES BB_DATA_TABLES

static const char *const cdr_kinds[] = {"session", "credit", "replacement", "reservation", NULL};

/* --- all CDRs --- */

#define CDR_COLUMNS(alias)                                                                                             \
        COLUMN("id", "CDR", BB_DATA_UUID, 38, alias ".cdr_id", USUAL),                                                 \
                COLUMN("kind", "Kind", BB_DATA_ENUM, 12, alias ".kind", USUAL, .values = cdr_kinds),                   \
                COLUMN("session_id", "Session", BB_DATA_UUID, 38, alias ".session_id", USUAL),                         \
                COLUMN("station_id", "Station", BB_DATA_TEXT, 18, alias ".station_id", USUAL),                         \
                COLUMN("connector_id", "Connector", BB_DATA_INT, 10, alias ".connector_id", USUAL),                    \
                COLUMN("location_id", "Location", BB_DATA_TEXT, 18, alias ".location_id", USUAL),                      \
                COLUMN("token_uid", "Token", BB_DATA_TEXT, 22, alias ".token_uid", USUAL),                             \
                COLUMN("started_at", "Started", BB_DATA_TIME, 20, alias ".started_at", USUAL),                         \
                COLUMN("ended_at", "Ended", BB_DATA_TIME, 20, alias ".ended_at", USUAL),                               \
                COLUMN("contract_id", "Contract", BB_DATA_TEXT, 18, alias ".contract_id", USUAL),                      \
                COLUMN("tariff_id", "Tariff", BB_DATA_TEXT, 18, alias ".tariff_id", USUAL),                            \
                COLUMN("currency", "Currency", BB_DATA_TEXT, 9, alias ".currency", USUAL)

static const struct bb_data_column priced_columns[] = {
        CDR_COLUMNS("p"),
        COLUMN("duration", "Duration", BB_DATA_DURATION, 11, "p.time_ms", USUAL),
        COLUMN("energy_kwh", "Energy (kWh)", BB_DATA_ENERGY, 13, "round(p.energy_mwh / 1000.0)::bigint", USUAL),
        COLUMN("net", "Net", BB_DATA_MONEY, 12, "p.net_e4", USUAL),
        COLUMN("vat", "VAT", BB_DATA_MONEY, 12, "p.vat_e4", USUAL),
        COLUMN("gross", "Gross", BB_DATA_MONEY, 12, "p.gross_e4", USUAL),
        COLUMN("parking", "Parking", BB_DATA_DURATION, 11, "p.parking_ms"),
        COLUMN("reservation", "Reservation", BB_DATA_DURATION, 11, "p.reservation_ms"),
        COLUMN("tariff_version", "Version of the tariff", BB_DATA_INT, 10, "p.tariff_version"),
        COLUMN("contract_version", "Version of the contract", BB_DATA_INT, 10, "p.contract_version"),
        COLUMN("payable_minor", "Payable (smallest unit)", BB_DATA_INT, 14, "p.payable_minor"),
        COLUMN("credit_of", "Credit or replacement of", BB_DATA_UUID, 38, "p.credit_of"),
        COLUMN("reason", "Reason", BB_DATA_TEXT, 30, "p.reason"),
        COLUMN("evse_id", "EVSE", BB_DATA_TEXT, 24, "p.document::jsonb #>> '{cdr_location,evse_id}'"),
        COLUMN("evse_uid", "EVSE uid", BB_DATA_TEXT, 24, "p.document::jsonb #>> '{cdr_location,evse_uid}'"),
        COLUMN("token_contract_id", "eMAID", BB_DATA_TEXT, 22, "p.document::jsonb #>> '{cdr_token,contract_id}'"),
        COLUMN("created_at", "Made", BB_DATA_TIME, 20, "p.created_at"),
};
static const struct bb_data_filter priced_filters[] = {
        FILTER("kind", BB_T_ENUM, "p.kind = $?", .values = cdr_kinds),
        FILTER("station", BB_T_STR, "p.station_id = $?"),
        FILTER("location", BB_T_STR, "p.location_id = $?"),
        FILTER("token", BB_T_STR, "p.token_key = lower($? collate \"C\")"),
        FILTER("session", BB_T_STR, "p.session_id = $?", .is_uuid = 1),
        FILTER("contract", BB_T_STR, "p.contract_id = $?"),
        FILTER("tariff", BB_T_STR, "p.tariff_id = $?"),
        FILTER("from", BB_T_TIME, "p.created_at >= $?",
               .about = "Made at this time or later, so that none is between two months that came late."),
        FILTER("to", BB_T_TIME, "p.created_at < $?", .about = "Made before this time."),
        FILTER("started_from", BB_T_TIME, "p.started_at >= $?"),
        FILTER("started_to", BB_T_TIME, "p.started_at < $?"),
};

static const struct bb_data_column line_columns[] = {
        CDR_COLUMNS("p"),
        COLUMN("line", "Line", BB_DATA_INT, 6, "n.line", USUAL),
        COLUMN("line_kind", "Of", BB_DATA_TEXT, 12, "n.kind", USUAL),
        COLUMN("used_for", "For", BB_DATA_TEXT, 14, "n.used_for", USUAL),
        COLUMN("energy_kwh", "Energy (kWh)", BB_DATA_ENERGY, 13, "round(n.energy_mwh / 1000.0)::bigint", USUAL),
        COLUMN("time", "Time", BB_DATA_DURATION, 11, "n.time_ms", USUAL),
        COLUMN("price", "Price", BB_DATA_MONEY, 10, "round(n.price_micro / 100.0)::bigint", USUAL, .no_sum = 1,
               .about = "Of a kWh, an hour, or at once."),
        COLUMN("vat_percent", "VAT (%)", BB_DATA_MONEY, 9, "n.vat_millionths", USUAL, .no_sum = 1),
        COLUMN("net", "Net", BB_DATA_MONEY, 12, "n.net_e4", USUAL),
        COLUMN("vat", "VAT", BB_DATA_MONEY, 12, "n.vat_e4", USUAL),
        COLUMN("gross", "Gross", BB_DATA_MONEY, 12, "n.gross_e4", USUAL),
        COLUMN("component", "Price component", BB_DATA_TEXT, 36, "n.component"),
};

static const struct bb_data_set sets[] = {
        {.name = "priced_cdrs",
         .title = "Priced CDRs",
         .about = "What is charged: CDRs with their price, credits (with the opposite sign) and replacements.",
         .from = "billing.cdr p",
         .order = "p.created_at, p.cdr_id",
         .permission = "prices:read",
         TABLES(priced_columns, priced_filters)},
        {.name = "cdr_lines",
         .title = "Lines of CDRs",
         .about = "The same, line by line of the account.",
         .from = "billing.cdr p join billing.cdr_line n on n.tenant_id = p.tenant_id and n.cdr_id = p.cdr_id",
         .order = "p.created_at, p.cdr_id, n.line",
         .permission = "prices:read",
         TABLES(line_columns, priced_filters)},
};

/* --- beside sessions and the domain's CDRs --- */

/* All CDRs of the session together: a credit takes its CDR out of the sum, a replacement stands for it. Its terms are
 * those with which it began, which its first CDR has as well: a session without one is looked up. */
#define TERM(name)                                                                                                     \
        "case when billing_p.tariff_id is not null then billing_p." name " else (select t." name                       \
        " from billing.session t where t.tenant_id = billing_p.tenant_id and t.session_id = billing_p.session_id) end"
static const struct bb_data_column price_columns[] = {
        COLUMN("net", "Net", BB_DATA_MONEY, 12, "billing_p.net_e4", USUAL),
        COLUMN("vat", "VAT", BB_DATA_MONEY, 12, "billing_p.vat_e4", USUAL),
        COLUMN("gross", "Gross", BB_DATA_MONEY, 12, "billing_p.gross_e4", USUAL),
        COLUMN("currency", "Currency", BB_DATA_TEXT, 9, "billing_p.currency", USUAL),
        COLUMN("tariff_id", "Tariff", BB_DATA_TEXT, 18, TERM("tariff_id"), USUAL),
        COLUMN("tariff_version", "Version of the tariff", BB_DATA_INT, 10, TERM("tariff_version")),
        COLUMN("contract_id", "Contract", BB_DATA_TEXT, 18, TERM("contract_id"), USUAL),
};
static const struct bb_data_filter terms_filters[] = {
        FILTER("tariff", BB_T_STR, "billing_s.tariff_id = $?"),
        FILTER("contract", BB_T_STR, "billing_s.contract_id = $?"),
};

/* Row by row, so that rows come in the set's order without being sorted, and a day costs no more than its sessions. */
#define PRICE_OF(alias)                                                                                                \
        "left join lateral (select " alias ".tenant_id, " alias ".session_id, sum(x.net_e4)::bigint as net_e4,"        \
        " sum(x.vat_e4)::bigint as vat_e4, sum(x.gross_e4)::bigint as gross_e4, max(x.currency) as currency,"          \
        " max(x.tariff_id) filter (where x.kind = 0) as tariff_id,"                                                    \
        " max(x.tariff_version) filter (where x.kind = 0) as tariff_version,"                                          \
        " max(x.contract_id) filter (where x.kind = 0) as contract_id from billing.cdr x"                              \
        " where x.tenant_id = " alias ".tenant_id and x.session_id = " alias ".session_id) billing_p on true"
#define TERMS_OF(alias)                                                                                                \
        "left join billing.session billing_s on billing_s.tenant_id = " alias                                          \
        ".tenant_id and billing_s.session_id = " alias ".session_id"
#define JOIN(set_, alias)                                                                                              \
        {.set = (set_),                                                                                                \
         .join = PRICE_OF(alias),                                                                                      \
         .permission = "prices:read",                                                                                  \
         .columns = price_columns,                                                                                     \
         .column_count = BB_COUNT(price_columns)},                                                                     \
        {                                                                                                              \
                .set = (set_), .join = TERMS_OF(alias), .permission = "prices:read", .filters = terms_filters,         \
                .filter_count = BB_COUNT(terms_filters)                                                                \
        }

static const struct bb_data_join joins[] = {JOIN("sessions", "s"), JOIN("cdrs", "c")};

const struct bb_dataset_ops billing_datasets = {.size = sizeof(billing_datasets),
                                                .sets = sets,
                                                .set_count = BB_COUNT(sets),
                                                .joins = joins,
                                                .join_count = BB_COUNT(joins)};
