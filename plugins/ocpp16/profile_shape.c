/* SPDX-License-Identifier: Apache-2.0
 *
 * Charging profiles in OCPP's form (tenths, presence bits in the order of the shape) and in the contract's.
 */
#include "profile.h"

#include <busbar/rt.h>

enum { MILLI_PER_DECI = 100 };
/* In the order of the shapes' tables (shapes_command.c). */
enum { P_ID, P_TRANSACTION, P_LEVEL, P_PURPOSE, P_KIND, P_RECURRENCY, P_FROM, P_TO, P_SCHEDULE };
enum { S_DURATION, S_START, S_UNIT, S_PERIODS, S_MIN_RATE };
enum { O_START, O_LIMIT, O_PHASES };
#define HAS(n) (1ull << (n))

static void schedule_to_ocpp(const struct bb_charging_schedule *s, struct charging_schedule *ret)
{
        const struct bb_schedule_period *periods = s->periods.items;
        struct schedule_period *items = BB_NEW_ARRAY(struct schedule_period, s->periods.count + 1);

        for (size_t i = 0; i < s->periods.count; i++)
                items[i] = (struct schedule_period){.present = HAS(O_START) | HAS(O_LIMIT) |
                                                               (periods[i].phases > 0 ? HAS(O_PHASES) : 0),
                                                    .start_period = periods[i].start_s,
                                                    .limit_deci = periods[i].limit_milli / MILLI_PER_DECI,
                                                    .number_phases = periods[i].phases};
        *ret = (struct charging_schedule){
                .present = HAS(S_UNIT) | HAS(S_PERIODS) | (s->duration_s > 0 ? HAS(S_DURATION) : 0) |
                           (s->start_ms != 0 ? HAS(S_START) : 0) | (s->min_rate_milli > 0 ? HAS(S_MIN_RATE) : 0),
                .duration = s->duration_s,
                .start_schedule = s->start_ms,
                .charging_rate_unit = s->unit,
                .min_charging_rate_deci = s->min_rate_milli / MILLI_PER_DECI,
                .periods = {.items = items, .count = s->periods.count}};
}

void profile_to_ocpp(const struct bb_charging_profile *p, struct charging_profile *ret)
{
        *ret = (struct charging_profile){
                .present = HAS(P_ID) | HAS(P_LEVEL) | HAS(P_PURPOSE) | HAS(P_KIND) | HAS(P_SCHEDULE) |
                           (p->transaction_id != 0 ? HAS(P_TRANSACTION) : 0) |
                           (p->recurs != BB_RECURS_NEVER ? HAS(P_RECURRENCY) : 0) |
                           (p->valid_from_ms != 0 ? HAS(P_FROM) : 0) | (p->valid_to_ms != 0 ? HAS(P_TO) : 0),
                .charging_profile_id = p->id,
                .transaction_id = p->transaction_id,
                .stack_level = p->stack_level,
                .purpose = p->purpose,
                .kind = p->kind,
                .recurrency_kind = p->recurs != BB_RECURS_NEVER ? p->recurs : 0,
                .valid_from = p->valid_from_ms,
                .valid_to = p->valid_to_ms};
        schedule_to_ocpp(&p->schedule, &ret->schedule);
}

static struct bb_array periods_from_ocpp(const struct charging_schedule *s)
{
        const struct schedule_period *periods = s->periods.items;
        struct bb_schedule_period *items = BB_NEW_ARRAY(struct bb_schedule_period, s->periods.count + 1);

        for (size_t i = 0; i < s->periods.count; i++)
                items[i] = (struct bb_schedule_period){
                        .start_s = periods[i].start_period,
                        .limit_milli = periods[i].limit_deci * MILLI_PER_DECI,
                        .phases = BB_PRESENT(&periods[i], O_PHASES) ? periods[i].number_phases : 0};
        return (struct bb_array){.items = items, .count = s->periods.count};
}

void profile_from_ocpp(const struct charging_profile *o, struct bb_charging_profile *ret)
{
        const struct charging_schedule *s = &o->schedule;

        *ret = (struct bb_charging_profile){
                .id = o->charging_profile_id,
                .transaction_id = BB_PRESENT(o, P_TRANSACTION) ? o->transaction_id : 0,
                .stack_level = o->stack_level,
                .purpose = o->purpose,
                .kind = o->kind,
                .recurs = BB_PRESENT(o, P_RECURRENCY) ? o->recurrency_kind : BB_RECURS_NEVER,
                .valid_from_ms = BB_PRESENT(o, P_FROM) ? o->valid_from : 0,
                .valid_to_ms = BB_PRESENT(o, P_TO) ? o->valid_to : 0,
                .schedule = {.duration_s = BB_PRESENT(s, S_DURATION) ? s->duration : 0,
                             .start_ms = BB_PRESENT(s, S_START) ? s->start_schedule : 0,
                             .unit = s->charging_rate_unit,
                             .min_rate_milli =
                                     BB_PRESENT(s, S_MIN_RATE) ? s->min_charging_rate_deci * MILLI_PER_DECI : 0,
                             .periods = periods_from_ocpp(s)}};
}

void composite_from_ocpp(const struct charging_schedule *s, int64_t start_ms, int64_t duration_s,
                         struct bb_composite *ret)
{
        *ret = (struct bb_composite){.from_ms = BB_PRESENT(s, S_START) ? s->start_schedule : start_ms,
                                     .duration_s = BB_PRESENT(s, S_DURATION) ? s->duration : duration_s,
                                     .unit = s->charging_rate_unit,
                                     .periods = periods_from_ocpp(s)};
}
