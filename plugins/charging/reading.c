/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handful of samples says about a session as it runs. The value without a phase counts; stations that tell only
 * phases get their sum (OCPP 1.6 §7.31, §7.36). Only what is measured at the outlet is what the driver gets. Signed
 * data is kept, not read.
 */
#include "reading.h"

#define SUM_LIMIT 1000000000000000LL /* far from overflow, however often a phase is repeated */

enum { QUANTITY_REGISTER = 0, QUANTITY_POWER = 1, QUANTITY_SOC = 2, QUANTITY_COUNT = 3 };

static const struct {
        const char *measurand, *unit;
        int32_t quantity;
        int32_t scale; /* to watt-hours, watts, percent */
} meanings[] = {
        {"Energy.Active.Import.Register", "Wh", QUANTITY_REGISTER, 0},
        {"Energy.Active.Import.Register", "kWh", QUANTITY_REGISTER, 3},
        {"Power.Active.Import", "W", QUANTITY_POWER, 0},
        {"Power.Active.Import", "kW", QUANTITY_POWER, 3},
        {"SoC", "Percent", QUANTITY_SOC, 0},
        /* Seen in the field: a state of charge with the default unit. */
        {"SoC", "Wh", QUANTITY_SOC, 0},
};

/* The latest moment of one quantity. */
struct moment {
        int64_t ms;
        int64_t total, phases; /* READING_NONE: not told */
};

static int32_t meaning_of(const struct bb_sample *s)
{
        for (size_t i = 0; i < BB_COUNT(meanings); i++) {
                if (bb_str_is(s->measurand, meanings[i].measurand) && bb_str_is(s->unit, meanings[i].unit))
                        return (int32_t)i;
        }
        return -1;
}

/* "L1" and "L1-N" are the phases; "N" and "L1-L2" are no parts of a sum. */
static int is_phase(bb_str phase)
{
        return phase.len >= 2 && phase.ptr[0] == 'L' && phase.ptr[1] >= '1' && phase.ptr[1] <= '3' &&
               (phase.len == 2 || (phase.len == 4 && phase.ptr[2] == '-' && phase.ptr[3] == 'N'));
}

static void take_one(const struct bb_sample *s, struct moment moments[QUANTITY_COUNT])
{
        int32_t meaning = meaning_of(s);
        struct moment *m;
        int64_t value;

        if (meaning < 0 || bb_str_is(s->format, "SignedData"))
                return;
        if (meanings[meaning].quantity != QUANTITY_SOC && s->location.len > 0 && !bb_str_is(s->location, "Outlet"))
                return;
        if (bb_decimal(s->value, meanings[meaning].scale, &value) < 0)
                return;
        m = &moments[meanings[meaning].quantity];
        if ((m->ms != READING_NONE && s->at_ms < m->ms) || (s->phase.len > 0 && !is_phase(s->phase)))
                return;
        if (s->at_ms != m->ms)
                *m = (struct moment){.ms = s->at_ms, .total = READING_NONE, .phases = READING_NONE};
        if (s->phase.len == 0)
                m->total = value;
        else if (m->phases == READING_NONE)
                m->phases = value;
        else if (m->phases < SUM_LIMIT && m->phases > -SUM_LIMIT)
                m->phases += value;
}

static void settle(const struct moment *m, int64_t *ret_value, int64_t *ret_ms)
{
        *ret_value = m->total != READING_NONE ? m->total : m->phases;
        *ret_ms = *ret_value != READING_NONE ? m->ms : READING_NONE;
}

void reading_take(const struct bb_sample *samples, size_t count, struct reading *ret)
{
        struct moment moments[QUANTITY_COUNT];

        ret->last_ms = READING_NONE;
        for (size_t i = 0; i < QUANTITY_COUNT; i++)
                moments[i] = (struct moment){.ms = READING_NONE, .total = READING_NONE, .phases = READING_NONE};
        for (size_t i = 0; i < count; i++) {
                take_one(&samples[i], moments);
                if (samples[i].at_ms > ret->last_ms)
                        ret->last_ms = samples[i].at_ms;
        }
        settle(&moments[QUANTITY_REGISTER], &ret->register_wh, &ret->register_ms);
        settle(&moments[QUANTITY_POWER], &ret->power_w, &ret->power_ms);
        settle(&moments[QUANTITY_SOC], &ret->soc_percent, &ret->soc_ms);
}

static void later(int64_t *value, int64_t *ms, int64_t other, int64_t other_ms)
{
        if (other == READING_NONE || (*value != READING_NONE && other_ms < *ms))
                return;
        *value = other;
        *ms = other_ms;
}

void reading_merge(struct reading *into, const struct reading *more)
{
        later(&into->register_wh, &into->register_ms, more->register_wh, more->register_ms);
        later(&into->power_w, &into->power_ms, more->power_w, more->power_ms);
        later(&into->soc_percent, &into->soc_ms, more->soc_percent, more->soc_ms);
        if (more->last_ms > into->last_ms)
                into->last_ms = more->last_ms;
}
