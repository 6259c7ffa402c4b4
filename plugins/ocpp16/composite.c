/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits change at few moments: where a profile becomes or ceases to be valid, where a schedule begins, steps or
 * ends. At each of them the profile that counts is looked up anew.
 */
#include "composite.h"

#include <busbar/rt.h>
#include <stdlib.h>

#define SECOND 1000LL
#define DAY_S 86400LL
#define VOLTS 230
#define CLOCKS_S 2

struct limit {
        int64_t milli, phases;
};

static int64_t recurs_ms(const struct bb_charging_profile *p)
{
        return SECOND * (p->recurs == BB_RECURS_WEEKLY ? 7 * DAY_S : DAY_S);
}

/* Where the schedule begins that holds at `at_ms`. §7.13: without startSchedule at the start of charging. */
static int64_t begin_of(const struct bb_charging_profile *p, const struct composite_input *in, int64_t at_ms)
{
        int64_t start = p->schedule.start_ms, every;

        if (p->kind == BB_PROFILE_RELATIVE || start == 0) {
                if (p->purpose == BB_PROFILE_CHARGE_POINT_MAX)
                        return p->set_ms;
                return in->transaction_id != 0 ? in->transaction_ms : in->from_ms;
        }
        if (p->kind != BB_PROFILE_RECURRING || at_ms < start)
                return start;
        every = recurs_ms(p);
        return start + (at_ms - start) / every * every;
}

/* 0: the profile says nothing at that moment. */
static int limit_at(const struct bb_charging_profile *p, const struct composite_input *in, int64_t at_ms,
                    struct limit *ret)
{
        const struct bb_schedule_period *periods = p->schedule.periods.items;
        int64_t since = at_ms - begin_of(p, in, at_ms);
        size_t i = p->schedule.periods.count;

        if (since < 0 || (p->valid_from_ms != 0 && at_ms < p->valid_from_ms) ||
            (p->valid_to_ms != 0 && at_ms >= p->valid_to_ms) ||
            (p->schedule.duration_s > 0 && since >= p->schedule.duration_s * SECOND))
                return 0;
        while (i > 0 && periods[i - 1].start_s * SECOND > since)
                i--;
        if (i == 0)
                return 0;
        *ret = (struct limit){.milli = periods[i - 1].limit_milli, .phases = periods[i - 1].phases};
        return 1;
}

/* In the unit of the result. */
static struct limit converted(struct limit l, int32_t from, int32_t to)
{
        int64_t volts = VOLTS * (l.phases > 0 ? l.phases : 3);

        if (from != to)
                l.milli = to == BB_RATE_WATTS ? l.milli * volts : l.milli / volts;
        return l;
}

/* §3.13.2: a TxProfile overrules a TxDefaultProfile, that of the connector the one of all. 0: not for this one. */
static int rank_of(const struct bb_charging_profile *p, const struct composite_input *in)
{
        if (p->purpose == BB_PROFILE_TX)
                return p->connector_id == in->connector_id && in->transaction_id != 0 &&
                                       p->transaction_id == in->transaction_id
                               ? 3
                               : 0;
        if (p->purpose != BB_PROFILE_TX_DEFAULT || in->connector_id == 0)
                return 0;
        if (p->connector_id == in->connector_id)
                return 2;
        return p->connector_id == 0;
}

static int max_rank(const struct bb_charging_profile *p, const struct composite_input *in)
{
        (void)in;
        return p->purpose == BB_PROFILE_CHARGE_POINT_MAX;
}

/* The best rank, and within it the highest stack level that says something. */
static struct limit leading(const struct composite_input *in, int64_t at_ms,
                            int (*rank)(const struct bb_charging_profile *, const struct composite_input *))
{
        struct limit best = {.milli = BB_NO_LIMIT}, now;
        int64_t best_level = -1;
        int best_rank = 0;

        for (size_t i = 0; i < in->count; i++) {
                const struct bb_charging_profile *p = &in->profiles[i];
                int r = p->state == BB_PROFILE_SET ? rank(p, in) : 0;

                if (r == 0 || r < best_rank || (r == best_rank && p->stack_level <= best_level) ||
                    !limit_at(p, in, at_ms, &now))
                        continue;
                best = converted(now, p->schedule.unit, in->unit);
                best_rank = r;
                best_level = p->stack_level;
        }
        return best;
}

/* §3.13.4: the lower one of both. */
static struct limit composite_at(const struct composite_input *in, int64_t at_ms)
{
        struct limit tx = leading(in, at_ms, rank_of), max = leading(in, at_ms, max_rank);

        if (tx.milli == BB_NO_LIMIT)
                return max;
        if (max.milli == BB_NO_LIMIT || tx.milli <= max.milli)
                return tx;
        return max;
}

/* --- the moments --- */

struct moments {
        int64_t *at;
        size_t count, room;
        int64_t from_ms, to_ms;
};

static void moment_add(struct moments *m, int64_t at_ms)
{
        if (at_ms <= m->from_ms || at_ms >= m->to_ms)
                return;
        if (m->count == m->room) {
                int64_t *more = BB_NEW_ARRAY(int64_t, 2 * m->room);

                memcpy(more, m->at, m->count * sizeof(*more));
                m->at = more;
                m->room *= 2;
        }
        m->at[m->count++] = at_ms;
}

static void schedule_add(struct moments *m, const struct bb_charging_schedule *s, int64_t begin_ms)
{
        const struct bb_schedule_period *periods = s->periods.items;

        for (size_t i = 0; i < s->periods.count; i++)
                moment_add(m, begin_ms + periods[i].start_s * SECOND);
        if (s->duration_s > 0)
                moment_add(m, begin_ms + s->duration_s * SECOND);
}

static void profile_add(struct moments *m, const struct bb_charging_profile *p, const struct composite_input *in)
{
        int64_t begin = begin_of(p, in, m->from_ms);

        moment_add(m, p->valid_from_ms);
        moment_add(m, p->valid_to_ms);
        schedule_add(m, &p->schedule, begin);
        if (p->kind != BB_PROFILE_RECURRING)
                return;
        for (begin += recurs_ms(p); begin < m->to_ms; begin += recurs_ms(p))
                schedule_add(m, &p->schedule, begin);
}

static int by_time(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

void composite_compute(const struct composite_input *in, struct bb_composite *ret)
{
        struct moments m = {.room = 64, .from_ms = in->from_ms, .to_ms = in->from_ms + in->duration_s * SECOND};
        struct bb_schedule_period *periods;
        size_t count = 0;

        m.at = BB_NEW_ARRAY(int64_t, m.room);
        m.at[m.count++] = m.from_ms;
        for (size_t i = 0; i < in->count; i++)
                profile_add(&m, &in->profiles[i], in);
        qsort(m.at, m.count, sizeof(*m.at), by_time);
        periods = BB_NEW_ARRAY(struct bb_schedule_period, m.count);
        for (size_t i = 0; i < m.count; i++) {
                struct limit l = composite_at(in, m.at[i]);

                if (count > 0 && periods[count - 1].limit_milli == l.milli && periods[count - 1].phases == l.phases)
                        continue;
                periods[count++] = (struct bb_schedule_period){
                        .start_s = (m.at[i] - m.from_ms) / SECOND, .limit_milli = l.milli, .phases = l.phases};
        }
        *ret = (struct bb_composite){.from_ms = in->from_ms,
                                     .duration_s = in->duration_s,
                                     .unit = in->unit,
                                     .periods = {.items = periods, .count = count}};
}

/* --- comparing --- */

static int64_t limit_of(const struct bb_composite *c, int64_t at_ms)
{
        const struct bb_schedule_period *periods = c->periods.items;
        size_t i = c->periods.count;

        while (i > 0 && c->from_ms + periods[i - 1].start_s * SECOND > at_ms)
                i--;
        return i > 0 ? periods[i - 1].limit_milli : BB_NO_LIMIT;
}

static int32_t verdict_at(int64_t ours, int64_t theirs)
{
        const int64_t rounding = 100; /* a tenth, as OCPP carries it */

        if (ours == BB_NO_LIMIT || (theirs != BB_NO_LIMIT && llabs(ours - theirs) < rounding))
                return BB_COMPOSITE_SAME;
        return theirs == BB_NO_LIMIT || theirs > ours ? BB_COMPOSITE_HIGHER : BB_COMPOSITE_LOWER;
}

static void compare_from(struct bb_composite_report *r, int64_t at_ms)
{
        int64_t ours = limit_of(&r->computed, at_ms), theirs = limit_of(&r->told, at_ms);
        int32_t verdict = verdict_at(ours, theirs);

        if (verdict <= r->verdict)
                return;
        r->verdict = verdict;
        r->differs_ms = at_ms;
        r->computed_milli = ours;
        r->told_milli = theirs;
}

void composite_compare(struct bb_composite_report *r)
{
        const struct bb_composite *both[] = {&r->computed, &r->told};
        struct moments m = {.room = 64, .at = BB_NEW_ARRAY(int64_t, 64), .to_ms = INT64_MAX};

        r->verdict = BB_COMPOSITE_SAME;
        for (size_t c = 0; c < BB_COUNT(both); c++) {
                int64_t to = both[c]->from_ms + both[c]->duration_s * SECOND;

                m.from_ms = both[c]->from_ms > m.from_ms ? both[c]->from_ms : m.from_ms;
                m.to_ms = to < m.to_ms ? to : m.to_ms;
        }
        m.at[m.count++] = m.from_ms;
        for (size_t c = 0; c < BB_COUNT(both); c++) {
                const struct bb_schedule_period *periods = both[c]->periods.items;

                for (size_t i = 0; i < both[c]->periods.count; i++)
                        moment_add(&m, both[c]->from_ms + periods[i].start_s * SECOND);
        }
        qsort(m.at, m.count, sizeof(*m.at), by_time);
        for (size_t i = 0; i < m.count; i++) {
                int64_t until = i + 1 < m.count ? m.at[i + 1] : m.to_ms;

                if (until - m.at[i] >= CLOCKS_S * SECOND)
                        compare_from(r, m.at[i]);
        }
}
