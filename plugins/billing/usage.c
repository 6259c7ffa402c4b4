/* SPDX-License-Identifier: Apache-2.0
 *
 * Readings, moment by moment; the energy's course over time; stretches between readings and changes of state.
 */
#include "usage.h"
#include "billing.h"
#include <busbar/rt.h>
#include <busbar/shape.h>

#define NONE BB_NOT_MEASURED

enum { GAP_MS = 3600000 };

/* What was told of one moment. */
struct instant {
        int64_t at_ms;
        struct bb_measures measures;
};

static int64_t value_of(const struct instant *r, int32_t quantity)
{
        return bb_measured_value(&r->measures.of[quantity]);
}

static struct instant *readings_of(const struct usage *u, size_t *ret_count, uint32_t *oddities)
{
        struct instant *readings = BB_NEW_ARRAY(struct instant, u->sample_count + 1);
        size_t count = 0;

        for (size_t i = 0; i < u->sample_count; i++) {
                const struct bb_sample *s = &u->samples[i];

                if (s->at_ms < u->started_ms || s->at_ms > u->ended_ms) {
                        *oddities |= USAGE_OUTSIDE;
                        continue;
                }
                if (count == 0 || readings[count - 1].at_ms != s->at_ms) {
                        readings[count].at_ms = s->at_ms;
                        charging->measures_begin(&readings[count++].measures);
                }
                charging->sample_take(&readings[count - 1].measures, s);
        }
        *ret_count = count;
        return readings;
}

/* --- the course of the energy --- */

/* Energy since the start, at a moment; between two knots it runs evenly. */
struct knot {
        int64_t at_ms, energy_mwh;
};
struct course {
        struct knot *knots;
        size_t count;
};

static void knot_add(struct course *c, int64_t at_ms, int64_t energy_mwh)
{
        /* The latest value of a moment counts, but nothing takes the place of the start. */
        if (c->count > 1 && c->knots[c->count - 1].at_ms == at_ms)
                c->count--;
        c->knots[c->count++] = (struct knot){.at_ms = at_ms, .energy_mwh = energy_mwh};
}

/* By the register: it never runs backwards, and never beyond its final value. */
static void course_by_register(const struct usage *u, const struct instant *readings, size_t count, int64_t total_mwh,
                               struct course *c, uint32_t *oddities)
{
        int64_t last = 0;

        for (size_t i = 0; i < count; i++) {
                int64_t at = value_of(&readings[i], BB_QUANTITY_REGISTER), energy;

                if (at == NONE)
                        continue;
                energy = at - u->meter_start_wh * 1000;
                if (energy < last)
                        *oddities |= USAGE_BACKWARDS;
                else if (u->has_stop && energy > total_mwh)
                        *oddities |= USAGE_BEYOND;
                else
                        knot_add(c, readings[i].at_ms, last = energy);
        }
}

/* Without a register in between: the shape of intervals, power or current, scaled to the total. */
static void course_by_shape(const struct instant *readings, size_t count, int32_t quantity, int64_t total_mwh,
                            struct course *c)
{
        __int128 *weights = bb_alloc((count + 1) * sizeof(*weights)), sum = 0;
        int64_t value, before = NONE, before_ms = 0;
        int32_t scale = 0;

        for (size_t i = 0; i < count; i++) {
                value = value_of(&readings[i], quantity);
                if (value != NONE && value >= 0) {
                        if (quantity == BB_QUANTITY_INTERVAL)
                                sum += value;
                        else if (before != NONE)
                                sum += (__int128)(before + value) * (readings[i].at_ms - before_ms);
                        before = value;
                        before_ms = readings[i].at_ms;
                }
                weights[i] = sum;
        }
        while (sum >> scale > INT64_MAX) /* of absurd values the last digits are nothing: the product has to fit */
                scale++;
        for (size_t i = 0; sum > 0 && i < count; i++) {
                if (value_of(&readings[i], quantity) != NONE)
                        knot_add(c, readings[i].at_ms, (int64_t)((weights[i] >> scale) * total_mwh / (sum >> scale)));
        }
}

static int32_t has_quantity(const struct instant *readings, size_t count, int32_t quantity)
{
        for (size_t i = 0; i < count; i++) {
                if (value_of(&readings[i], quantity) != NONE)
                        return 1;
        }
        return 0;
}

static struct course course_of(const struct usage *u, const struct instant *readings, size_t count, uint32_t *oddities)
{
        struct course c = {.knots = BB_NEW_ARRAY(struct knot, count + 3)};
        int64_t total = u->has_stop ? (u->meter_stop_wh - u->meter_start_wh) * 1000 : 0;

        if (total < 0) {
                *oddities |= USAGE_NEGATIVE;
                total = 0;
        }
        knot_add(&c, u->started_ms, 0);
        course_by_register(u, readings, count, total, &c, oddities);
        if (c.count == 1 && total > 0) {
                for (int32_t q = BB_QUANTITY_INTERVAL; q <= BB_QUANTITY_CURRENT && c.count == 1; q++) {
                        if (has_quantity(readings, count, q))
                                course_by_shape(readings, count, q, total, &c);
                }
                *oddities |= USAGE_ESTIMATED;
        }
        if (!u->has_stop)
                total = c.knots[c.count - 1].energy_mwh;
        knot_add(&c, u->ended_ms, total);
        for (size_t i = 1; i < c.count; i++) {
                if (c.knots[i].at_ms - c.knots[i - 1].at_ms > GAP_MS &&
                    c.knots[i].energy_mwh > c.knots[i - 1].energy_mwh)
                        *oddities |= USAGE_GAP;
        }
        return c;
}

/* --- stretches --- */

/* The vehicle asks for no power: it is full, or the transaction is over. A pause that we made (SuspendedEVSE) is not
 * parking (OCPI §mod_cdrs_cdrdimensiontype_enum). */
static int32_t state_of(int32_t status)
{
        return status == BB_CONNECTOR_SUSPENDED_EV || status == BB_CONNECTOR_FINISHING ? PERIOD_PARKING
                                                                                       : PERIOD_CHARGING;
}

struct walk {
        const struct usage *u;
        const struct instant *readings;
        size_t reading_count, reading, state; /* those that come next */
        int32_t status;
        int64_t current_ma; /* NONE: never told */
        struct price_period *stretches;
        size_t count;
};

static void walk_to(struct walk *w, int64_t at_ms)
{
        while (w->state < w->u->state_count && w->u->states[w->state].at_ms <= at_ms)
                w->status = w->u->states[w->state++].status;
        for (; w->reading < w->reading_count && w->readings[w->reading].at_ms <= at_ms; w->reading++) {
                if (value_of(&w->readings[w->reading], BB_QUANTITY_CURRENT) != NONE)
                        w->current_ma = value_of(&w->readings[w->reading], BB_QUANTITY_CURRENT);
        }
}

static void stretch_add(struct walk *w, int64_t from_ms, int64_t to_ms, int64_t energy_mwh)
{
        if (to_ms == from_ms && energy_mwh == 0)
                return;
        w->stretches[w->count++] = (struct price_period){
                .start_ms = from_ms,
                .end_ms = to_ms,
                .time_ms = to_ms - from_ms,
                .energy_mwh = energy_mwh,
                .current_ma = {.low = w->current_ma, .high = w->current_ma, .has = w->current_ma != NONE},
                .state = state_of(w->status)};
}

/* One knot to the next, cut where the state changes. */
static void walk_knots(struct walk *w, const struct knot *a, const struct knot *b)
{
        int64_t from = a->at_ms, energy = a->energy_mwh;

        walk_to(w, from);
        while (w->state < w->u->state_count && w->u->states[w->state].at_ms < b->at_ms) {
                int64_t at = w->u->states[w->state].at_ms;
                int64_t then = a->energy_mwh + (int64_t)((__int128)(b->energy_mwh - a->energy_mwh) * (at - a->at_ms) /
                                                         (b->at_ms - a->at_ms));

                stretch_add(w, from, at, then - energy);
                from = at;
                energy = then;
                walk_to(w, at);
        }
        stretch_add(w, from, b->at_ms, b->energy_mwh - energy);
}

bb_err usage_stretches(const struct usage *u, struct price_period **ret, size_t *ret_count, uint32_t *ret_oddities)
{
        struct walk w = {.u = u, .current_ma = NONE, .status = BB_CONNECTOR_CHARGING};
        struct instant *readings;
        struct course course;

        *ret_oddities = 0;
        if (u->ended_ms < u->started_ms)
                return BB_E_INVALID;
        readings = readings_of(u, &w.reading_count, ret_oddities);
        w.readings = readings;
        course = course_of(u, readings, w.reading_count, ret_oddities);
        w.stretches = BB_NEW_ARRAY(struct price_period, course.count + u->state_count + 1);
        for (size_t i = 1; i < course.count; i++)
                walk_knots(&w, &course.knots[i - 1], &course.knots[i]);
        *ret = w.stretches;
        *ret_count = w.count;
        return BB_OK;
}
