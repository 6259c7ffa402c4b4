/* SPDX-License-Identifier: Apache-2.0
 *
 * One session: as a row, by id, by transaction, and its samples.
 */
#include "domain.h"

void session_row(const bb_rows *rows, size_t i, struct bb_session *ret)
{
        *ret = (struct bb_session){
                .id = bb_row_str(rows, i, 0),
                .station_id = bb_row_str(rows, i, 1),
                .location_id = bb_row_str(rows, i, 2),
                .token_uid = bb_row_str(rows, i, 3),
                .parent_uid = bb_row_str(rows, i, 4),
                .connector_id = bb_row_int(rows, i, 5, 0),
                .transaction_id = bb_row_int(rows, i, 6, 0),
                .state = (int32_t)bb_row_int(rows, i, 7, 0),
                .started_ms = bb_row_time(rows, i, 8, 0),
                .ended_ms = bb_row_time(rows, i, 9, 0),
                .start_received_ms = bb_row_time(rows, i, 10, 0),
                .end_received_ms = bb_row_time(rows, i, 11, 0),
                .meter_start_wh = bb_row_int(rows, i, 12, 0),
                .meter_stop_wh = bb_row_int(rows, i, 13, 0),
                .energy_wh = bb_row_int(rows, i, 14, 0),
                .power_w = bb_row_int(rows, i, 15, 0),
                .soc_percent = bb_row_int(rows, i, 16, 0),
                .sample_count = bb_row_int(rows, i, 17, 0),
                .last_sample_ms = bb_row_time(rows, i, 18, 0),
                .stop_reason = bb_row_str(rows, i, 19),
                .stop_token_uid = bb_row_str(rows, i, 20),
                .authorization = (int32_t)bb_row_int(rows, i, 21, 0),
                .review = bb_row_str(rows, i, 22),
                .version = bb_row_int(rows, i, 23, 0),
                .start_told_ms = bb_row_time(rows, i, 24, 0),
                .end_told_ms = bb_row_time(rows, i, 25, 0),
                .closed_by = bb_row_str(rows, i, 26),
                .closed_ms = bb_row_time(rows, i, 27, 0),
                .settled_by = bb_row_str(rows, i, 28),
                .settled_ms = bb_row_time(rows, i, 29, 0),
                .settled_note = bb_row_str(rows, i, 30),
        };
}

BB_AWAIT bb_err charging_session_get(bb_str id, struct bb_session *ret)
{
        bb_rows *rows;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " SESSION_COLUMNS " from charging.session s where s.session_id = $1",
                        BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        session_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_session_by_transaction(bb_str station_id, int64_t transaction, struct bb_session *ret)
{
        bb_rows *rows;

        if (!station_id_valid(station_id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows,
                        "select " SESSION_COLUMNS
                        " from charging.session s where s.transaction_id = $1 and s.station_id = $2",
                        BB_INT(transaction), BB_TEXT(station_id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        session_row(rows, 0, ret);
        return BB_OK;
}

static void sample_row(const bb_rows *rows, size_t i, struct bb_sample *ret)
{
        *ret = (struct bb_sample){
                .at_ms = bb_row_time(rows, i, 0, 0),
                .measurand = bb_row_str(rows, i, 1),
                .phase = bb_row_str(rows, i, 2),
                .location = bb_row_str(rows, i, 3),
                .context = bb_row_str(rows, i, 4),
                .unit = bb_row_str(rows, i, 5),
                .format = bb_row_str(rows, i, 6),
                .value = bb_row_str(rows, i, 7),
        };
}

BB_AWAIT bb_err charging_session_sample_list(bb_str id, int64_t after_index, size_t limit, struct bb_sample **ret,
                                             size_t *ret_count)
{
        enum { MOST = 10000 }; /* each page counts its way over all the ones before */
        int64_t skip = after_index >= 0 && after_index < INT32_MAX ? after_index + 1 : 0;
        struct bb_sample *items;
        bb_rows *rows[2];
        size_t count;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                BB_STMT("select 1 from charging.session where session_id = $1", BB_UUID(id)),
                BB_STMT("select s.at, k.measurand, k.phase, k.location, k.context, k.unit, k.format, s.value"
                        " from (select at, digest, kind_id, value from charging.sample where session_id = $1"
                        " order by at, digest offset $2 limit $3) s join charging.sample_kind k using (kind_id)"
                        " order by s.at, s.digest",
                        BB_UUID(id), BB_INT(skip),
                        BB_INT(limit < 1      ? 1
                               : limit < MOST ? (int64_t)limit
                                              : MOST)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        if (bb_rows_count(rows[0]) == 0)
                return BB_E_NOT_FOUND;
        count = bb_rows_count(rows[1]);
        items = BB_NEW_ARRAY(struct bb_sample, count + 1);
        for (size_t i = 0; i < count; i++)
                sample_row(rows[1], i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}
