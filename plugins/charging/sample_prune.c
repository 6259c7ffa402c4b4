/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples that are older than they are kept leave: whole months, a tenant's own, in steps that nobody waits for. The
 * host then drops the month (bb_db_months) once no tenant has a row in it. What lies in the default partition tells a
 * time of no month, so it goes by when it was received.
 */
#include "domain.h"

#define STEP 5000
#define STEPS_MAX 200 /* an hour */
#define PAUSE_MS 100

static const char month_sql[] =
        "delete from charging.sample s using (select session_id, at, digest from charging.sample"
        " where at < date_trunc('month', $1 at time zone 'UTC') at time zone 'UTC' and received_at < $1 limit $2) old"
        " where s.session_id = old.session_id and s.at = old.at and s.digest = old.digest"
        " and s.at < date_trunc('month', $1 at time zone 'UTC') at time zone 'UTC'";
/* Clocks that run ahead. */
static const char ahead_sql[] =
        "delete from charging.sample s using (select session_id, at, digest from charging.sample"
        " where at > now() + interval '1 day' and received_at < $1 limit $2) old"
        " where s.session_id = old.session_id and s.at = old.at and s.digest = old.digest and s.at > now()";

static BB_AWAIT bb_err prune(const char *sql, int64_t before_ms, int64_t *total)
{
        const struct bb_stmt stmt = {
                .sql = sql, .params = (const struct bb_param[]){BB_TIME(before_ms), BB_INT(STEP)}, .param_count = 2};
        bb_rows *rows;

        for (int i = 0; i < STEPS_MAX; i++) {
                TRY(bb_db_run(&stmt, 1, &rows));
                *total += bb_rows_affected(rows);
                if (bb_rows_affected(rows) < STEP)
                        return BB_OK;
                TRY(bb_sleep(PAUSE_MS));
        }
        return BB_OK;
}

BB_AWAIT bb_err samples_prune(struct charging *c)
{
        int64_t before_ms = bb_now_ms() - c->config->sample_days * 86400000, total = 0;

        if (c->config->sample_days == 0)
                return BB_OK;
        TRY(prune(month_sql, before_ms, &total));
        TRY(prune(ahead_sql, before_ms, &total));
        if (total > 0)
                bb_log(BB_INFO, "charging.samples_pruned", NULL, bb_kv_int("samples", total));
        return BB_OK;
}
