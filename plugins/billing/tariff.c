/* SPDX-License-Identifier: Apache-2.0
 *
 * Which price component is in force at a moment.
 */
#include "tariff.h"

enum { DAY_S = 86400, FIRST_WEEKDAY = 3 }; /* 1970-01-01 was a Thursday */

void moment_at(struct moment *m, int64_t at_ms, int32_t offset_s)
{
        int64_t seconds = at_ms / 1000 - (at_ms % 1000 < 0) + offset_s;
        int64_t day = seconds / DAY_S - (seconds % DAY_S < 0);

        m->day = (int32_t)day;
        m->minute = (int32_t)((seconds - day * DAY_S) / 60);
        m->weekday = (int32_t)(((day + FIRST_WEEKDAY) % 7 + 7) % 7);
}

/* The start is inclusive, the end exclusive; an end before the start wraps around midnight, 00:00 is the end of the
 * day, and one without the other reaches to midnight. Equal ones are a whole day. */
static int32_t in_window(const struct when *w, int32_t minute)
{
        int32_t start = w->set & WHEN_START_TIME ? w->start_minute : 0;
        int32_t end = w->set & WHEN_END_TIME && w->end_minute != 0 ? w->end_minute : 24 * 60;

        if (end == start)
                return 1;
        if (end > start)
                return minute >= start && minute < end;
        return minute >= start || minute < end;
}

static int32_t in_range(uint32_t set, uint32_t min_bit, uint32_t max_bit, int64_t value, int64_t min, int64_t max)
{
        return (!(set & min_bit) || value >= min) && (!(set & max_bit) || value < max);
}

/* A restriction of current or power does not hold where neither was measured. */
static int32_t in_band(uint32_t set, uint32_t min_bit, uint32_t max_bit, const struct band *b, int64_t min, int64_t max)
{
        if (!(set & (min_bit | max_bit)))
                return 1;
        return b->has && (!(set & min_bit) || b->low >= min) && (!(set & max_bit) || b->high < max);
}

int32_t when_holds(const struct when *w, const struct moment *m)
{
        uint32_t set = w->set;

        if (w->reservation != m->reservation)
                return 0;
        if (set == 0)
                return 1;
        if (set & (WHEN_START_TIME | WHEN_END_TIME) && !in_window(w, m->minute))
                return 0;
        if (set & WHEN_DAYS && !(w->days >> m->weekday & 1))
                return 0;
        return in_range(set, WHEN_START_DATE, WHEN_END_DATE, m->day, w->start_day, w->end_day) &&
               in_range(set, WHEN_MIN_ENERGY, WHEN_MAX_ENERGY, m->energy_mwh, w->min_energy_mwh, w->max_energy_mwh) &&
               in_range(set, WHEN_MIN_DURATION, WHEN_MAX_DURATION, m->duration_ms, w->min_duration_ms,
                        w->max_duration_ms) &&
               in_band(set, WHEN_MIN_CURRENT, WHEN_MAX_CURRENT, &m->current_ma, w->min_current_ma, w->max_current_ma) &&
               in_band(set, WHEN_MIN_POWER, WHEN_MAX_POWER, &m->power_w, w->min_power_w, w->max_power_w);
}

static const struct component *component_of(const struct tariff *t, const struct element *e, int32_t dimension)
{
        for (uint32_t i = e->first; i < e->first + e->count; i++) {
                if (t->components[i].dimension == dimension)
                        return &t->components[i];
        }
        return NULL;
}

const struct component *tariff_component(const struct tariff *t, int32_t dimension, const struct moment *m,
                                         const struct element **ret_element)
{
        for (size_t i = 0; i < t->element_count; i++) {
                const struct element *e = &t->elements[i];

                if (!(e->dimensions >> dimension & 1) || !when_holds(&e->when, m))
                        continue;
                *ret_element = e;
                return component_of(t, e, dimension);
        }
        return NULL;
}

void tariff_ready(struct element *elements, size_t count, const struct component *components)
{
        for (size_t i = 0; i < count; i++) {
                elements[i].dimensions = 0;
                for (uint32_t k = elements[i].first; k < elements[i].first + elements[i].count; k++)
                        elements[i].dimensions |= 1u << components[k].dimension;
        }
}

int32_t tariff_asks(const struct tariff *t, uint32_t bits)
{
        for (size_t i = 0; i < t->element_count; i++) {
                if (t->elements[i].when.set & bits)
                        return 1;
        }
        return 0;
}

int32_t tariff_reserves(const struct tariff *t)
{
        for (size_t i = 0; i < t->element_count; i++) {
                if (t->elements[i].when.reservation != FOR_SESSION)
                        return 1;
        }
        return 0;
}
