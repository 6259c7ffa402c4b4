/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting what is used of a quota.
 */
#include "quota.h"

/* Each owner has a statement of its own beside its index; one that fitted both would read the whole contract's for each
 * token. */
#define EACH_OWNER(statement)                                                                                          \
        {                                                                                                              \
                [QUOTA_OF_TOKEN] = statement("token_key = lower($5)"),                                                 \
                [QUOTA_OF_CONTRACT] = statement("$5::text is null"),                                                   \
        }

#define CDRS(whose)                                                                                                    \
        "select p.since, p.until, c.* from (select date_trunc($1, $2 at time zone $3) at time zone $3 as since,"       \
        " (date_trunc($1, $2 at time zone $3) + ('1 ' || $1)::interval) at time zone $3 as until offset 0) p"          \
        " cross join lateral (select"                                                                                  \
        " coalesce(sum(case when kind = 1 then -1 else 1 end) filter (where started_at < $2), 0)::bigint,"             \
        " coalesce(sum(time_ms), 0)::bigint, coalesce(sum(energy_mwh), 0)::bigint,"                                    \
        " coalesce(sum(payable_minor), 0)::bigint from billing.cdr where contract_id = $4 and " whose                  \
        " and started_at >= p.since and started_at < p.until and session_id is not null"                               \
        " and session_id is distinct from $6 offset 0) c"
static const char *const cdrs_sql[] = EACH_OWNER(CDRS);

#define RUNNING(whose)                                                                                                 \
        "select count(*) filter (where started_at < $1),"                                                              \
        " coalesce(sum(greatest(extract(epoch from $2 - started_at) * 1000, 0)), 0)::bigint,"                          \
        " coalesce(sum(energy_mwh), 0)::bigint, coalesce(sum(payable_minor), 0)::bigint from billing.session"          \
        " where running and contract_id = $3 and " whose " and started_at >= $4 and started_at < $7"                   \
        " and session_id is distinct from $6"
static const char *const running_sql[] = EACH_OWNER(RUNNING);

static bb_str token_of(const struct contract_quota *q, const struct quota_view *v)
{
        return q->of == QUOTA_OF_TOKEN ? v->token_uid : BB_NONE;
}

/* A credit takes back what it credits. */
static BB_AWAIT bb_err use_of_cdrs(const struct contract_quota *q, const struct quota_view *v, struct quota_use *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, cdrs_sql[q->of], BB_CTEXT(quota_periods[q->per]), BB_TIME(v->at_ms),
                        BB_TEXT(v->time_zone), BB_TEXT(v->contract_id), BB_TEXT(token_of(q, v)),
                        BB_UUID(v->except_id)));
        *ret = (struct quota_use){.since_ms = bb_row_time(rows, 0, 0, 0), .until_ms = bb_row_time(rows, 0, 1, 0)};
        for (int32_t kind = 0; kind < QUOTA_KINDS; kind++)
                ret->used[kind] = bb_row_int(rows, 0, 2 + (size_t)kind, 0);
        return BB_OK;
}

static BB_AWAIT bb_err add_running(const struct contract_quota *q, const struct quota_view *v, struct quota_use *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, running_sql[q->of], BB_TIME(v->at_ms), BB_TIME(bb_now_ms()), BB_TEXT(v->contract_id),
                        BB_TIME(ret->since_ms), BB_TEXT(token_of(q, v)), BB_UUID(v->except_id),
                        BB_TIME(ret->until_ms)));
        for (int32_t kind = 0; kind < QUOTA_KINDS; kind++)
                ret->used[kind] += bb_row_int(rows, 0, (size_t)kind, 0);
        return BB_OK;
}

BB_AWAIT bb_err quota_use(const struct contract_quota *q, const struct quota_view *v, struct quota_use *ret)
{
        TRY(use_of_cdrs(q, v, ret));
        return add_running(q, v, ret);
}

/* --- the time between two sessions --- */

/* From now on, while one runs. Of a CDR that was replaced the replacement's end counts; and the one that began last
 * need not be the one that ended last. */
BB_AWAIT bb_err quota_cooldown(int64_t cooldown_ms, const struct quota_view *v, int64_t *ret_ms)
{
        int64_t ended_ms;
        bb_rows *rows;

        *ret_ms = 0;
        TRY(bb_db_query(
                &rows,
                "select greatest((select $3::timestamptz from billing.session where running and contract_id = $1"
                " and token_key = lower($2) and started_at < $3 and session_id is distinct from $4 limit 1),"
                " (select max(l.ended_at) from (select c.ended_at from billing.cdr c where c.contract_id = $1"
                " and c.token_key = lower($2) and c.started_at < $3 and c.session_id is distinct from $4"
                " and c.kind in (0, 2) and not exists (select from billing.cdr k where k.credit_of = c.cdr_id"
                " and k.kind = 2) order by c.started_at desc limit 10) l))",
                BB_TEXT(v->contract_id), BB_TEXT(v->token_uid), BB_TIME(v->at_ms), BB_UUID(v->except_id)));
        if (bb_row_is_null(rows, 0, 0))
                return BB_OK;
        ended_ms = bb_row_time(rows, 0, 0, 0);
        if (ended_ms + cooldown_ms > v->at_ms)
                *ret_ms = ended_ms + cooldown_ms;
        return BB_OK;
}

/* --- what follows from it --- */

BB_AWAIT bb_err quota_refusal(const struct contract_limits *l, const struct quota_view *v, bb_str *ret_reason)
{
        static const char *const nouns[QUOTA_KINDS] = {"sessions", "time", "energy", "money"};
        struct quota_use use;
        int64_t until_ms;

        *ret_reason = BB_NONE;
        if (l->cooldown_ms > 0) {
                TRY(quota_cooldown(l->cooldown_ms, v, &until_ms));
                if (until_ms > 0) {
                        *ret_reason = bb_print("Contract %.*s: the next session may begin at %.*s.",
                                               BB_FMT(v->contract_id), BB_FMT(bb_time_text(until_ms)));
                        return BB_OK;
                }
        }
        if (l->quota == NULL)
                return BB_OK;
        TRY(quota_use(l->quota, v, &use));
        for (int32_t kind = 0; kind < QUOTA_KINDS; kind++) {
                if (l->quota->most[kind] == 0 || use.used[kind] < l->quota->most[kind])
                        continue;
                *ret_reason = bb_print("Contract %.*s: no %s left for this %s, until %.*s.", BB_FMT(v->contract_id),
                                       nouns[kind], quota_periods[l->quota->per], BB_FMT(bb_time_text(use.until_ms)));
                return BB_OK;
        }
        return BB_OK;
}

BB_AWAIT bb_err quota_view_of(const struct bb_session *s, struct quota_view *ret, struct contract_limits *ret_limits)
{
        struct stored_contract stored;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select contract_id, contract_version, time_zone from billing.session where session_id = $1"
                        " and contract_id is not null",
                        BB_UUID(s->id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        *ret = (struct quota_view){.contract_id = bb_row_str(rows, 0, 0),
                                   .token_uid = s->token_uid,
                                   .time_zone = bb_row_str(rows, 0, 2),
                                   .except_id = s->id,
                                   .at_ms = s->started_ms};
        TRY(contract_load(ret->contract_id, bb_row_int(rows, 0, 1, 0), &stored));
        if (stored.contract.limits == NULL)
                return BB_E_NOT_FOUND;
        *ret_limits = *stored.contract.limits;
        return BB_OK;
}
