/* SPDX-License-Identifier: Apache-2.0
 *
 * Refused connections: who tried, why it did not work, what to do about it. At most ATTEMPTS_KEPT rows a tenant, and a
 * bounded number of writes: a flood of attempts costs counters in memory.
 */
#include "domain.h"

#define ATTEMPTS_KEPT "1000"

static const char *const verdicts[] = {"ok",   "unknown",   "held",   "password", "blocked",
                                       "rate", "handshake", "second", "profile",  "certificate"};

BB_AWAIT void attempt_record(struct charging *c, const struct bb_admit *a, const struct bb_admitted *refused,
                             int64_t count)
{
        bb_str station_id = report_text(a->station_id, 64), remote = empty_if_none(report_text(a->remote, 64));
        int64_t now = bb_now_ms();
        bb_err err;

        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "charging_connections_refused_total", "Refused connections.",
                                    bb_kv_cstr("reason", verdicts[refused->verdict])),
                      1);
        if (!limiter_take(&c->attempt_records, remote, BB_STR("one address"), bb_mono_ms(), NULL) ||
            !limiter_take(&c->attempt_records_all, BB_NONE, BB_NONE, bb_mono_ms(), NULL))
                return;
        /* The driver says it louder: it also refuses for reasons of its own. */
        bb_log(BB_DEBUG, "station.refused", bb_str_c(refused->detail), bb_kv_str("station", station_id),
               bb_kv_str("remote", remote), bb_kv_cstr("reason", verdicts[refused->verdict]));
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into charging.connection_attempt as a"
                        " (station_id, remote, verdict, driver, detail, first_at, last_at, count)"
                        " values ($1, $2, $3, $4, $5, $6, $6, $7)"
                        " on conflict (tenant_id, station_id, remote, verdict) do update set driver = excluded.driver,"
                        " detail = excluded.detail, last_at = excluded.last_at, count = a.count + excluded.count",
                        BB_TEXT(empty_if_none(station_id)), BB_TEXT(remote), BB_INT(refused->verdict),
                        BB_TEXT(a->driver), BB_TEXT(refused->detail), BB_TIME(now), BB_INT(count)),
                BB_STMT("delete from charging.connection_attempt where (station_id, remote, verdict) in"
                        " (select station_id, remote, verdict from charging.connection_attempt"
                        " order by last_at desc offset " ATTEMPTS_KEPT " for update skip locked)"),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err < 0)
                bb_log(BB_WARN, "station.refused_unrecorded", "A refused connection could not be written down.",
                       bb_kv_err(err), bb_kv_str("station", station_id));
}

BB_AWAIT bb_err charging_refused(const struct bb_admit *a, int32_t verdict, bb_str detail)
{
        const struct bb_admitted refused = {.verdict = verdict, .detail = report_text(detail, 500)};
        STATE(c);

        if (verdict <= BB_ADMIT_OK || (size_t)verdict >= BB_COUNT(verdicts))
                return BB_E_INVALID;
        attempt_record(c, a, &refused, 1);
        return BB_OK;
}

BB_AWAIT bb_err charging_connection_attempts(size_t limit, struct bb_connection_attempt **ret, size_t *ret_count)
{
        struct bb_connection_attempt *items;
        bb_rows *rows;
        size_t count;

        TRY(bb_db_query(&rows,
                        "select station_id, remote, driver, verdict, detail, first_at, last_at, count"
                        " from charging.connection_attempt order by last_at desc, station_id, remote, verdict limit $1",
                        BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_connection_attempt, count + 1);
        for (size_t i = 0; i < count; i++) {
                items[i] = (struct bb_connection_attempt){
                        .station_id = bb_row_str(rows, i, 0),
                        .remote = bb_row_str(rows, i, 1),
                        .driver = bb_row_str(rows, i, 2),
                        .verdict = (int32_t)bb_row_int(rows, i, 3, 0),
                        .detail = bb_row_str(rows, i, 4),
                        .first_ms = bb_row_time(rows, i, 5, 0),
                        .last_ms = bb_row_time(rows, i, 6, 0),
                        .count = bb_row_int(rows, i, 7, 0),
                };
        }
        *ret = items;
        *ret_count = count;
        return BB_OK;
}
