/* SPDX-License-Identifier: Apache-2.0
 *
 * Connectors as operators see and describe them. Their state is the station's word alone (connector_status.c); a
 * running session does not change it. Connector 0 is the station as a whole.
 */
#include "domain.h"

struct bb_stmt connector_list_stmt(const struct bb_param *station_id)
{
        return (struct bb_stmt){
                .sql = "select c.station_id, c.connector_id, c.status, c.error_code, c.info, c.vendor_error_code, "
                       "c.status_at,"
                       " c.label, c.plug, c.max_power_w, c.version,"
                       " (select o.session_id::text from charging.session o where o.station_id = c.station_id"
                       " and o.connector_id = c.connector_id and o.state = 0 order by o.started_at desc limit 1)"
                       " from charging.connector c where c.station_id = $1 order by c.connector_id",
                .params = station_id,
                .param_count = 1,
        };
}

void connector_rows(const bb_rows *rows, struct bb_connector **ret, size_t *ret_count)
{
        size_t count = bb_rows_count(rows);
        struct bb_connector *items = BB_NEW_ARRAY(struct bb_connector, count + 1);

        for (size_t i = 0; i < count; i++) {
                items[i] = (struct bb_connector){
                        .station_id = bb_row_str(rows, i, 0),
                        .connector_id = bb_row_int(rows, i, 1, 0),
                        .status = (int32_t)bb_row_int(rows, i, 2, 0),
                        .error_code = bb_row_str(rows, i, 3),
                        .info = bb_row_str(rows, i, 4),
                        .vendor_error_code = bb_row_str(rows, i, 5),
                        .status_ms = bb_row_time(rows, i, 6, 0),
                        .label = bb_row_str(rows, i, 7),
                        .plug = bb_row_str(rows, i, 8),
                        .max_power_w = bb_row_int(rows, i, 9, 0),
                        .version = bb_row_int(rows, i, 10, 0),
                        .session_id = bb_row_str(rows, i, 11),
                };
        }
        *ret = items;
        *ret_count = count;
}

BB_AWAIT bb_err charging_connector_list(bb_str station_id, struct bb_connector **ret, size_t *ret_count)
{
        struct bb_stmt stmt;
        bb_rows *rows;

        *ret = NULL;
        *ret_count = 0;
        if (!station_id_valid(station_id))
                return BB_OK;
        stmt = connector_list_stmt(&BB_TEXT(station_id));
        TRY(bb_db_run(&stmt, 1, &rows));
        connector_rows(rows, ret, ret_count);
        return BB_OK;
}

static bb_str put_details(const struct bb_connector *k)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_int(details, "connector_id", k->connector_id);
        bb_json_set_str(details, "label", k->label);
        bb_json_set_str(details, "plug", k->plug);
        bb_json_set_int(details, "max_power_w", k->max_power_w);
        return bb_json_text(details);
}

/* A connector may be described before the station speaks of it. */
BB_AWAIT bb_err charging_connector_put(bb_str actor, const struct bb_connector *k, int64_t if_version)
{
        STATE(c);
        bb_err err;

        if (!station_id_valid(k->station_id))
                return BB_E_NOT_FOUND;
        if (k->connector_id < 0 || k->connector_id > CONNECTOR_MAX || k->max_power_w < 0 ||
            !text_clean(k->label, 200) || !text_clean(k->plug, 40))
                return BB_E_INVALID;
        const struct bb_stmt stmts[] = {
                MUST_HIT("insert into charging.connector as c (station_id, connector_id, label, plug, max_power_w)"
                         " select $1, $2, $3, $4, $5 where $6 <= 0 or exists (select 1 from charging.connector"
                         " where station_id = $1 and connector_id = $2)"
                         " on conflict (tenant_id, station_id, connector_id) do update set label = excluded.label,"
                         " plug = excluded.plug, max_power_w = excluded.max_power_w, version = c.version + 1"
                         " where $6 = 0 or c.version = $6",
                         BB_TEXT(k->station_id), BB_INT(k->connector_id), BB_TEXT(none_if_empty(k->label)),
                         BB_TEXT(none_if_empty(k->plug)), BB_INT(k->max_power_w), BB_INT(if_version)),
                bb_audit_stmt(actor, "connector.put", k->station_id, put_details(k)),
        };

        (void)c;
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_CONFLICT)
                return BB_E_NOT_FOUND; /* the foreign key: no such station */
        return err == BB_E_NOT_FOUND ? BB_E_PRECONDITION : err;
}
