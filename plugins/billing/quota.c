/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting what is used of a quota.
 */
#include "quota.h"
#include "session_price.h"

enum { PAGE = 1000 };

/* --- CDRs --- */

static BB_AWAIT bb_err use_of_cdrs(const struct contract_quota *q, const struct quota_view *v, struct quota_use *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select p.since, p.until, c.* from (select date_trunc($1, $2 at time zone $3) at time zone $3 as since,"
                " (date_trunc($1, $2 at time zone $3) + ('1 ' || $1)::interval) at time zone $3 as until offset 0) p"
                " cross join lateral (select"
                " coalesce(sum(case when kind = 1 then -1 else 1 end) filter (where started_at < $2), 0)::bigint,"
                " coalesce(sum(time_ms), 0)::bigint, coalesce(sum(energy_mwh), 0)::bigint,"
                " coalesce(sum(payable_minor), 0)::bigint from billing.cdr where contract_id = $4"
                " and ($5::text is null or token_key = lower($5)) and started_at >= p.since and started_at < p.until"
                " and session_id is not null and session_id is distinct from $6 offset 0) c",
                BB_CTEXT(quota_periods[q->per]), BB_TIME(v->at_ms), BB_TEXT(v->time_zone), BB_TEXT(v->contract_id),
                BB_TEXT(q->of == QUOTA_OF_TOKEN ? v->token_uid : BB_NONE), BB_UUID(v->except_id)));
        *ret = (struct quota_use){.since_ms = bb_row_time(rows, 0, 0, 0), .until_ms = bb_row_time(rows, 0, 1, 0)};
        for (int32_t kind = 0; kind < QUOTA_KINDS; kind++)
                ret->used[kind] = bb_row_int(rows, 0, 2 + (size_t)kind, 0);
        return BB_OK;
}

/* --- sessions that run --- */

static BB_AWAIT bb_err add_session(const struct contract_quota *q, const struct quota_view *v,
                                   const struct bb_session *s, struct quota_use *ret)
{
        int64_t minor = 0;
        bb_err err;

        ret->used[QUOTA_SESSIONS] += s->started_ms < v->at_ms;
        ret->used[QUOTA_DURATION] += bb_now_ms() - s->started_ms;
        ret->used[QUOTA_ENERGY] += s->energy_wh * 1000;
        if (q->most[QUOTA_AMOUNT] == 0)
                return BB_OK;
        err = session_price_payable(s, &minor);
        ret->used[QUOTA_AMOUNT] += minor;
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

/* Of these sessions those that run under the contract. */
static BB_AWAIT bb_err add_sessions(const struct contract_quota *q, const struct quota_view *v,
                                    const struct bb_session *sessions, size_t count, struct quota_use *ret)
{
        bb_str *ids = BB_NEW_ARRAY(bb_str, count + 1);
        bb_rows *rows;

        for (size_t i = 0; i < count; i++)
                ids[i] = sessions[i].id;
        TRY(bb_db_query(&rows,
                        "select i.n from unnest($1::uuid[]) with ordinality as i (id, n) cross join lateral"
                        " (select contract_id from billing.session where session_id = i.id offset 0) s"
                        " where s.contract_id = $2",
                        BB_UUID_ARRAY(ids, count), BB_TEXT(v->contract_id)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                const struct bb_session *s = &sessions[bb_row_int(rows, i, 0, 1) - 1];

                if (s->state == BB_SESSION_OPEN && !bb_str_eq(s->id, v->except_id))
                        TRY(add_session(q, v, s, ret));
        }
        return BB_OK;
}

/* A token's by its own few, the contract's among all that run. */
static BB_AWAIT bb_err use_of_sessions(const struct contract_quota *q, const struct quota_view *v,
                                       struct quota_use *ret)
{
        struct bb_session_filter filter = {.token_uid = q->of == QUOTA_OF_TOKEN ? v->token_uid : BB_NONE,
                                           .open = q->of == QUOTA_OF_TOKEN ? -1 : 1,
                                           .from_ms = ret->since_ms,
                                           .to_ms = ret->until_ms};
        struct bb_session *sessions;
        bb_str after = BB_NONE;
        size_t count;

        do {
                TRY(charging->session_list(&filter, after, PAGE, &sessions, &count));
                if (count == 0)
                        return BB_OK;
                TRY(add_sessions(q, v, sessions, count, ret));
                after = sessions[count - 1].id;
        } while (count == PAGE);
        return BB_OK;
}

BB_AWAIT bb_err quota_use(const struct contract_quota *q, const struct quota_view *v, struct quota_use *ret)
{
        TRY(use_of_cdrs(q, v, ret));
        return use_of_sessions(q, v, ret);
}

/* --- the time between two sessions --- */

BB_AWAIT bb_err quota_cooldown(int64_t cooldown_ms, const struct quota_view *v, int64_t *ret_ms)
{
        static const struct contract_quota sessions = {.of = QUOTA_OF_TOKEN};
        struct quota_use running = {.since_ms = v->at_ms - 31622400000, .until_ms = v->at_ms};
        int64_t ended_ms;
        bb_rows *rows;

        *ret_ms = 0;
        TRY(use_of_sessions(&sessions, v, &running));
        if (running.used[QUOTA_SESSIONS] > 0) {
                *ret_ms = v->at_ms + cooldown_ms;
                return BB_OK;
        }
        TRY(bb_db_query(&rows,
                        "select ended_at from billing.cdr where contract_id = $1 and token_key = lower($2)"
                        " and started_at < $3 and session_id is distinct from $4 and kind in (0, 2)"
                        " order by started_at desc limit 1",
                        BB_TEXT(v->contract_id), BB_TEXT(v->token_uid), BB_TIME(v->at_ms), BB_UUID(v->except_id)));
        if (bb_rows_count(rows) == 0)
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
