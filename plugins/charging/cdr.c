/* SPDX-License-Identifier: Apache-2.0
 *
 * Charge detail records: the final accounts of sessions, written when they end (session_stop.c) and never changed.
 */
#include "domain.h"

/* Their ids are UUIDs of version 7: in the order in which they were made. */
BB_AWAIT bb_err charging_cdr_list(bb_str after, size_t limit, struct bb_cdr **ret, size_t *ret_count)
{
        struct bb_cdr *items;
        bb_rows *rows;
        size_t count;

        if (after.len > 0 && !uuid_valid(after))
                return BB_E_INVALID;
        TRY(bb_db_query(
                &rows,
                "select cdr_id::text, session_id::text, station_id, location_id, token_uid, connector_id, started_at,"
                " ended_at, energy_wh, duration_s, created_at from charging.cdr where cdr_id < $1"
                " order by cdr_id desc limit $2",
                BB_UUID(after.len > 0 ? after : LAST_UUID), BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_cdr, count + 1);
        for (size_t i = 0; i < count; i++) {
                items[i] = (struct bb_cdr){
                        .id = bb_row_str(rows, i, 0),
                        .session_id = bb_row_str(rows, i, 1),
                        .station_id = bb_row_str(rows, i, 2),
                        .location_id = bb_row_str(rows, i, 3),
                        .token_uid = bb_row_str(rows, i, 4),
                        .connector_id = bb_row_int(rows, i, 5, 0),
                        .started_ms = bb_row_time(rows, i, 6, 0),
                        .ended_ms = bb_row_time(rows, i, 7, 0),
                        .energy_wh = bb_row_int(rows, i, 8, 0),
                        .duration_s = bb_row_int(rows, i, 9, 0),
                        .created_ms = bb_row_time(rows, i, 10, 0),
                };
        }
        *ret = items;
        *ret_count = count;
        return BB_OK;
}
