/* SPDX-License-Identifier: Apache-2.0
 *
 * Which session a report means that tells no transaction id of ours: the answer to the station's start got lost, or
 * the station was offline (OCPP 1.6 §4.8 gives it the id in that answer alone), and it says 0 or -1. Only what leaves
 * no choice is taken; the rest is for people.
 */
#include "domain.h"

#define LATEST_DAYS "60" /* how long ago what a station repeats may have begun */

/* The session that ended by this very stop: it is only said again. */
static BB_AWAIT bb_err ended_by(const struct bb_station_ref *who, const struct match *m, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select s.transaction_id from charging.session s where s.station_id = $1"
                           " and s.started_at > now() - interval '" LATEST_DAYS " days' and s.state in (1, 2)"
                           " and coalesce(s.end_told_at, s.ended_at) = $2 and s.meter_stop_wh = $3 limit 2",
                           BB_TEXT(who->station_id), BB_TIME(m->at_ms), BB_INT(m->meter_wh));
}

/* Sessions that could go on at that time. By the station's own clock, which told both times. */
static BB_AWAIT bb_err candidates(const struct bb_station_ref *who, const struct match *m, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select s.transaction_id from charging.session s join charging.station st"
                           " on st.station_id = s.station_id and st.epoch = $2"
                           " where s.station_id = $1 and s.state in (0, 3)"
                           " and ($3 = 0 or s.connector_id = $3)"
                           " and ($4::text is null or s.token_key = " LOWER(
                                   "$4") ")"
                                         " and coalesce(s.start_told_at, s.started_at) <= $5"
                                         " and ($7 = 0 or s.meter_start_wh <= $6) limit 2",
                           BB_TEXT(who->station_id), BB_INT(who->epoch), BB_INT(m->connector_id), BB_TEXT(m->token_uid),
                           BB_TIME(m->at_ms), BB_INT(m->meter_wh), BB_INT(m->is_stop));
}

BB_AWAIT bb_err session_match(const struct bb_station_ref *who, const struct match *m, int64_t *ret_transaction_id)
{
        bb_rows *rows;

        if (m->is_stop) {
                TRY(ended_by(who, m, &rows));
                if (bb_rows_count(rows) == 1) {
                        *ret_transaction_id = bb_row_int(rows, 0, 0, *ret_transaction_id);
                        return BB_OK;
                }
        }
        TRY(candidates(who, m, &rows));
        if (bb_rows_count(rows) != 1)
                return BB_OK;
        bb_log(BB_INFO, "session.matched", "A report without our transaction id fits one session alone.",
               bb_kv_str("station", who->station_id), bb_kv_int("told", *ret_transaction_id),
               bb_kv_int("transaction_id", bb_row_int(rows, 0, 0, 0)));
        *ret_transaction_id = bb_row_int(rows, 0, 0, *ret_transaction_id);
        return BB_OK;
}
