/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of a session that has just begun: its contract's own, and what the contract's quota has left.
 */
#include "limits.h"
#include "quota.h"

#include <busbar/charging_profile.h>

static int64_t most_of(const struct contract_limits *l, int32_t kind)
{
        const int64_t most[LIMIT_KINDS] = {l->duration_ms, l->energy_mwh, l->amount_minor, l->idle_ms};

        return most[kind];
}

/* `told`: the station is not asked to keep this one by itself. */
static BB_AWAIT bb_err arm(const struct bb_session *s, const struct contract_limits *l, int64_t kind, int64_t source,
                           int64_t most, int32_t told)
{
        int32_t at_limit = source == LIMIT_OF_QUOTA ? contract_at_quota(l) : l->at_limit;

        return bb_db_query(NULL,
                           "insert into billing.session_limit (session_id, kind, source, station_id, connector_id,"
                           " transaction_id, most, warn_at, at_limit, keeps_milli, keeps_unit, told, next_at)"
                           " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
                           " on conflict (tenant_id, session_id, kind, source) do nothing",
                           BB_UUID(s->id), BB_INT(kind), BB_INT(source), BB_TEXT(s->station_id),
                           BB_INT(s->connector_id), BB_INT(s->transaction_id), BB_INT(most),
                           BB_INT(most / 100 * l->warn_percent + most % 100 * l->warn_percent / 100), BB_INT(at_limit),
                           BB_INT(l->throttle_ma + l->throttle_mw),
                           BB_INT(l->throttle_mw > 0 ? BB_RATE_WATTS : BB_RATE_AMPERES), BB_BOOL(told),
                           BB_TIME(bb_now_ms()));
}

static BB_AWAIT bb_err quota_left(const struct contract_quota *q, const struct quota_view *v, int64_t *ret)
{
        static const int32_t kinds[QUOTA_KINDS] = {[QUOTA_SESSIONS] = LIMIT_SESSIONS,
                                                   [QUOTA_DURATION] = LIMIT_DURATION,
                                                   [QUOTA_ENERGY] = LIMIT_ENERGY,
                                                   [QUOTA_AMOUNT] = LIMIT_AMOUNT};
        struct quota_use use;

        TRY(quota_use(q, v, &use));
        for (int32_t i = 0; i < QUOTA_KINDS; i++) {
                if (q->most[i] > 0)
                        ret[kinds[i]] = use.used[i] < q->most[i] ? q->most[i] - use.used[i] : 0;
        }
        if (ret[LIMIT_SESSIONS] > 0)
                ret[LIMIT_SESSIONS] = INT64_MAX; /* this session is one of those */
        return BB_OK;
}

BB_AWAIT bb_err limits_left(const struct bb_session *s, int64_t ret[LIMIT_KINDS])
{
        struct contract_limits limits;
        struct quota_view view;
        int64_t until_ms = 0;

        for (int32_t kind = 0; kind < LIMIT_KINDS; kind++)
                ret[kind] = INT64_MAX;
        TRY(quota_view_of(s, &view, &limits));
        if (limits.cooldown_ms > 0)
                TRY(quota_cooldown(limits.cooldown_ms, &view, &until_ms));
        if (until_ms > 0)
                ret[LIMIT_COOLDOWN] = 0;
        return limits.quota != NULL ? quota_left(limits.quota, &view, ret) : BB_OK;
}

BB_AWAIT bb_err limits_arm(bb_str session_id, const struct contract_limits *limits)
{
        int64_t left[LIMIT_KINDS];
        struct bb_session s;
        bb_err err;

        TRY(charging->session_get(session_id, &s));
        if (s.state != BB_SESSION_OPEN)
                return BB_OK;
        err = limits_left(&s, left);
        if (err < 0 && err != BB_E_NOT_FOUND)
                return err;
        for (int32_t kind = 0; kind < LIMIT_KINDS; kind++) {
                int64_t most = most_of(limits, kind);

                if (most > 0)
                        TRY(arm(&s, limits, kind, LIMIT_OF_CONTRACT, most, left[kind] < most));
                if (left[kind] < INT64_MAX)
                        TRY(arm(&s, limits, kind, LIMIT_OF_QUOTA, left[kind], most > 0 && most <= left[kind]));
        }
        return BB_OK;
}
