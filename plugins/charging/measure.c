/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sample says, in the domain's units. The value without a phase counts; stations that tell only phases get their
 * sum (OCPP 1.6 §7.31, §7.36). Only what is measured at the outlet is what the driver gets. Signed data is kept, not
 * read.
 */
#include "reading.h"

#define SUM_LIMIT 1000000000000000LL /* far from overflow, however often a phase is repeated */

static const struct {
        const char *measurand, *unit;
        int32_t quantity;
        int32_t scale; /* to mWh, W, mA, percent */
} meanings[] = {
        {"Energy.Active.Import.Register", "Wh", BB_QUANTITY_REGISTER, 3},
        {"Energy.Active.Import.Register", "kWh", BB_QUANTITY_REGISTER, 6},
        {"Energy.Active.Import.Interval", "Wh", BB_QUANTITY_INTERVAL, 3},
        {"Energy.Active.Import.Interval", "kWh", BB_QUANTITY_INTERVAL, 6},
        {"Power.Active.Import", "W", BB_QUANTITY_POWER, 0},
        {"Power.Active.Import", "kW", BB_QUANTITY_POWER, 3},
        {"Current.Import", "A", BB_QUANTITY_CURRENT, 3},
        {"SoC", "Percent", BB_QUANTITY_SOC, 0},
        /* Seen in the field: a state of charge with the default unit. */
        {"SoC", "Wh", BB_QUANTITY_SOC, 0},
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

void measure_begin(struct bb_measures *ret)
{
        for (size_t i = 0; i < BB_COUNT(ret->of); i++)
                ret->of[i] = (struct bb_measured){
                        .at_ms = BB_NOT_MEASURED, .total = BB_NOT_MEASURED, .phases = BB_NOT_MEASURED};
}

void measure_take(struct bb_measures *measures, const struct bb_sample *s)
{
        int32_t meaning = meaning_of(s);
        struct bb_measured *m;
        int64_t value;

        if (meaning < 0 || bb_str_is(s->format, "SignedData") || (s->phase.len > 0 && !is_phase(s->phase)))
                return;
        m = &measures->of[meanings[meaning].quantity];
        if (m != &measures->of[BB_QUANTITY_SOC] && s->location.len > 0 && !bb_str_is(s->location, "Outlet"))
                return;
        if (bb_decimal(s->value, meanings[meaning].scale, &value) < 0 || s->at_ms < m->at_ms)
                return;
        if (s->at_ms != m->at_ms)
                *m = (struct bb_measured){.at_ms = s->at_ms, .total = BB_NOT_MEASURED, .phases = BB_NOT_MEASURED};
        if (s->phase.len == 0)
                m->total = value;
        else if (m->phases == BB_NOT_MEASURED)
                m->phases = value;
        else if (m->phases < SUM_LIMIT && m->phases > -SUM_LIMIT)
                m->phases += value;
}
