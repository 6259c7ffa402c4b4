/* SPDX-License-Identifier: Apache-2.0
 *
 * Which contract a session falls under.
 */
#include "contract.h"

static const char *const channel_names[] = {"rfid", "app", "remote"}; /* BB_TOKEN_… */

static BB_AWAIT bb_err find_token(bb_str uid, struct session_facts *f)
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

BB_AWAIT bb_err session_facts_find(bb_str token_uid, bb_str station_id, int64_t connector_id, int64_t at_ms,
                                   struct session_facts *ret)
{
        *ret = (struct session_facts){.at_ms = at_ms};
        TRY(find_token(token_uid, ret));
        return find_place(station_id, connector_id, ret);
}

/* Saving keeps out what could tie (contracts_api.c), so the order is total for every session. */
BB_AWAIT bb_err contract_find(const struct session_facts *f, bb_str *ret_contract_id, int64_t *ret_version,
                              int64_t *ret_position)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select r.contract_id, c.version, r.position from billing.contract_rule r"
                " join billing.contract c on c.contract_id = r.contract_id"
                " where (r.who_kind, r.who_value) in ((0, ''), (1, $1), (2, lower($2)), (3, $3), (4, lower($4)))"
                " and (r.where_kind in (0, 1) or (r.where_kind, r.where_value) in ((2, $5), (3, $6), (4, $7)))"
                " and (r.where_kind <> 1 or ($8 > 0 and r.min_power_w <= $8 and $8 < r.max_power_w))"
                " and (r.valid_from is null or r.valid_from <= $9)"
                " and (r.valid_until is null or r.valid_until > $9)"
                " order by r.who_kind desc, r.where_kind desc,"
                " (r.valid_from is not null or r.valid_until is not null) desc, r.contract_id, r.position limit 1",
                BB_CTEXT(channel_names[f->channel]), BB_TEXT(f->token_group), BB_TEXT(f->token_contract),
                BB_TEXT(f->token_uid), BB_TEXT(f->location_id), BB_TEXT(f->station_id),
                BB_TEXT(bb_print("%.*s/%lld", BB_FMT(f->station_id), (long long)f->connector_id)), BB_INT(f->power_w),
                BB_TIME(f->at_ms)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        *ret_contract_id = bb_row_str(rows, 0, 0);
        *ret_version = bb_row_int(rows, 0, 1, 0);
        *ret_position = bb_row_int(rows, 0, 2, 0);
        return BB_OK;
}
