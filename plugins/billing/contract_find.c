/* SPDX-License-Identifier: Apache-2.0
 *
 * Which contract a session falls under.
 */
#include "contract.h"
#include <busbar/rt.h>

BB_AWAIT bb_err session_facts_token(bb_str uid, struct session_facts *f)
{
        struct bb_token token;
        bb_err err;

        f->token_uid = uid;
        if (uid.len == 0)
                return BB_OK;
        err = charging->token_get(uid, &token);
        if (err == BB_E_NOT_FOUND) /* unknown tokens have sessions, too */
                return BB_OK;
        TRY(err);
        f->token_contract = token.contract_id;
        f->token_group = token.parent_uid;
        f->token_partner = token.partner;
        f->channel = token.kind;
        return BB_OK;
}

static BB_AWAIT bb_err find_place(bb_str station_id, int64_t connector_id, struct session_facts *f)
{
        struct bb_station station;
        const struct bb_connector *connectors;

        f->station_id = station_id;
        f->connector_id = connector_id;
        TRY(charging->station_get(station_id, &station));
        f->location_id = station.location_id;
        connectors = station.connectors.items;
        for (size_t i = 0; i < station.connectors.count; i++) {
                if (connectors[i].connector_id == connector_id)
                        f->power_w = connectors[i].max_power_w;
        }
        return BB_OK;
}

BB_AWAIT bb_err location_zone(bb_str location_id, bb_str *ret)
{
        struct bb_location location;
        bb_err err;

        *ret = bb_tenant_option(bb_task_tenant(), "time_zone");
        if (ret->len == 0)
                *ret = BB_STR("UTC");
        if (location_id.len == 0)
                return BB_OK;
        err = charging->location_get(location_id, &location);
        if (err == BB_OK && location.time_zone.len > 0)
                *ret = location.time_zone;
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static BB_AWAIT bb_err find_time(struct session_facts *f)
{
        struct moment m;
        const bb_zone *zone;

        TRY(location_zone(f->location_id, &f->time_zone));
        TRY(bb_zone_open(f->time_zone, &zone));
        moment_at(&m, f->at_ms, bb_zone_offset(zone, f->at_ms));
        f->weekday = m.weekday;
        f->minute = m.minute;
        return BB_OK;
}

BB_AWAIT bb_err session_facts_find(bb_str token_uid, bb_str station_id, int64_t connector_id, int64_t at_ms,
                                   struct session_facts *ret)
{
        *ret = (struct session_facts){.at_ms = at_ms};
        TRY(session_facts_token(token_uid, ret));
        TRY(find_place(station_id, connector_id, ret));
        return find_time(ret);
}

/* The few that are for this somebody and this place; the first that fits altogether wins. Saving keeps out what could
 * tie (contracts_api.c), so the order is total for every session. */
BB_AWAIT bb_err contract_find(const struct session_facts *f, bb_str *ret_contract_id, int64_t *ret_version,
                              int64_t *ret_position)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select " CONTRACT_RULE_COLUMNS ", c.version from billing.contract_rule r"
                " join billing.contract c on c.contract_id = r.contract_id"
                " where (r.who_kind, r.who_value) in"
                " ((0, ''), (1, $1), (2, lower($2)), (3, lower($3)), (4, $4), (5, lower($5)))"
                " and (r.where_kind in (0, 1) or (r.where_kind, r.where_value) in ((2, $6), (3, $7), (4, $8)))"
                " and (r.valid_until is null or r.valid_until > $9)" CONTRACT_RULE_ORDER,
                BB_TEXT(contract_channel(f)), BB_TEXT(f->token_partner), BB_TEXT(f->token_group),
                BB_TEXT(f->token_contract), BB_TEXT(f->token_uid), BB_TEXT(f->location_id), BB_TEXT(f->station_id),
                BB_TEXT(bb_print("%.*s/%lld", BB_FMT(f->station_id), (long long)f->connector_id)), BB_TIME(f->at_ms)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct contract_rule rule = contract_rule_row(rows, i);

                if (contract_rule_fault(&rule, f) != NULL)
                        continue;
                *ret_contract_id = rule.contract_id;
                *ret_position = rule.position;
                *ret_version = bb_row_int(rows, i, 13, 0);
                return BB_OK;
        }
        return BB_E_NOT_FOUND;
}
