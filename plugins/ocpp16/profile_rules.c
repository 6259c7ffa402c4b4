/* SPDX-License-Identifier: Apache-2.0
 *
 * One rule a function, each with its place in the specification; the first that is broken is told.
 */
#include "profile.h"

typedef bb_str rule(const struct bb_charging_profile *, const struct profile_context *, bb_str *ret_path);

static bb_str wrong(bb_str *ret_path, const char *path, bb_str text)
{
        *ret_path = bb_cstr(path);
        return text;
}

/* §3.13.1, §5.16 */
static bb_str purpose_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        (void)c;
        if (p->purpose == BB_PROFILE_CHARGE_POINT_MAX && p->connector_id != 0)
                return wrong(at, "/connector_id", BB_STR("must be 0: a ChargePointMaxProfile is the whole station's"));
        if (p->purpose == BB_PROFILE_TX && p->connector_id == 0)
                return wrong(at, "/connector_id", BB_STR("must be above 0: a TxProfile is that of one transaction"));
        if (p->purpose != BB_PROFILE_TX && p->transaction_id != 0)
                return wrong(at, "/transaction_id", BB_STR("may stand in a TxProfile only"));
        return BB_NONE;
}

static bb_str transaction_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        if (p->purpose != BB_PROFILE_TX)
                return BB_NONE;
        if (c->transaction_id == 0)
                return wrong(at, "/connector_id", BB_STR("must be one on which a transaction runs, for a TxProfile"));
        if (p->transaction_id != 0 && p->transaction_id != c->transaction_id)
                return wrong(at, "/transaction_id",
                             BB_STR("must be that of the transaction that runs on the connector"));
        return BB_NONE;
}

/* §7.10, §7.8 */
static bb_str kind_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        (void)c;
        if (p->kind == BB_PROFILE_RECURRING && p->recurs == BB_RECURS_NEVER)
                return wrong(at, "/recurrency_kind", BB_STR("must be there: the kind is Recurring"));
        if (p->kind != BB_PROFILE_RECURRING && p->recurs != BB_RECURS_NEVER)
                return wrong(at, "/recurrency_kind", BB_STR("may stand in a Recurring profile only"));
        if (p->kind == BB_PROFILE_RECURRING && p->schedule.start_ms == 0)
                return wrong(at, "/schedule/start_at", BB_STR("must be there: it recurs from then on"));
        if (p->kind == BB_PROFILE_RELATIVE && p->schedule.start_ms != 0)
                return wrong(at, "/schedule/start_at",
                             BB_STR("may not stand in a Relative profile: that begins with the transaction"));
        if (p->kind == BB_PROFILE_RELATIVE && p->purpose == BB_PROFILE_CHARGE_POINT_MAX)
                return wrong(at, "/kind", BB_STR("may not be Relative: a ChargePointMaxProfile has no transaction"));
        return BB_NONE;
}

static bb_str validity_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        (void)c;
        if (p->valid_from_ms != 0 && p->valid_to_ms != 0 && p->valid_from_ms >= p->valid_to_ms)
                return wrong(at, "/valid_to", BB_STR("must be later than valid_from"));
        return BB_NONE;
}

/* §7.14: tenths; the first period starts at 0. */
static bb_str period_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        const struct bb_schedule_period *periods = p->schedule.periods.items;

        (void)c;
        if (p->schedule.periods.count == 0)
                return wrong(at, "/schedule/periods", BB_STR("must have one at least"));
        if (p->schedule.min_rate_milli % 100 != 0)
                return wrong(at, "/schedule/min_rate", BB_STR("must have one digit behind the point at most"));
        for (size_t i = 0; i < p->schedule.periods.count; i++) {
                const char *base = bb_print("/schedule/periods/%zu", i).ptr;

                if (i == 0 && periods[i].start_s != 0)
                        return wrong(at, bb_print("%s/start_s", base).ptr, BB_STR("must be 0: the first one"));
                if (i > 0 && periods[i].start_s <= periods[i - 1].start_s)
                        return wrong(at, bb_print("%s/start_s", base).ptr, BB_STR("must be later than the one before"));
                if (p->schedule.duration_s > 0 && periods[i].start_s >= p->schedule.duration_s)
                        return wrong(at, bb_print("%s/start_s", base).ptr,
                                     BB_STR("must be within the schedule's duration"));
                if (periods[i].limit_milli < 0 || periods[i].limit_milli % 100 != 0)
                        return wrong(at, bb_print("%s/limit", base).ptr,
                                     BB_STR("must have one digit behind the point at most, and not be negative"));
        }
        return BB_NONE;
}

static bb_str at_most(bb_str *at, const char *path, const char *key, int64_t most)
{
        return wrong(at, path, bb_print("must be at most %lld: the station's %s", (long long)most, key));
}

/* §9.4: what the station's configuration says; what it does not say is left to its answer. */
static bb_str capability_rule(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *at)
{
        const struct capability *can = c->can;

        if (can->profile_level_max != CAPABILITY_UNKNOWN && p->stack_level > can->profile_level_max)
                return at_most(at, "/stack_level", "ChargeProfileMaxStackLevel", can->profile_level_max);
        if (can->profile_period_max > 0 && (int64_t)p->schedule.periods.count > can->profile_period_max)
                return wrong(at, "/schedule/periods",
                             bb_print("must be at most %lld: the station's ChargingScheduleMaxPeriods",
                                      (long long)can->profile_period_max));
        if ((p->schedule.unit == BB_RATE_AMPERES ? can->rate_amperes : can->rate_watts) == 0)
                return wrong(at, "/schedule/unit",
                             BB_STR("must be one of the station's ChargingScheduleAllowedChargingRateUnit"));
        if (can->profile_max > 0 && c->installed >= can->profile_max)
                return wrong(at, "",
                             bb_print("the station has %lld profiles, as many as its MaxChargingProfilesInstalled",
                                      (long long)c->installed));
        return BB_NONE;
}

static rule *const rules[] = {purpose_rule, transaction_rule, kind_rule, validity_rule, period_rule, capability_rule};

bb_str profile_fault(const struct bb_charging_profile *p, const struct profile_context *c, bb_str *ret_path)
{
        bb_str text = BB_NONE;

        for (size_t i = 0; i < BB_COUNT(rules) && text.ptr == NULL; i++)
                text = rules[i](p, c, ret_path);
        return text;
}
