/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handful of samples says about a session as it runs: the latest moment of each quantity counts.
 */
#include "reading.h"

/* From milliwatt-hours, half away from zero. */
static int64_t to_wh(int64_t mwh)
{
        return mwh != READING_NONE ? (mwh + (mwh < 0 ? -500 : 500)) / 1000 : READING_NONE;
}

static void settle(const struct bb_measured *m, int64_t *ret_value, int64_t *ret_ms)
{
        *ret_value = bb_measured_value(m);
        *ret_ms = *ret_value != READING_NONE ? m->at_ms : READING_NONE;
}

void reading_take(const struct bb_sample *samples, size_t count, struct reading *ret)
{
        struct bb_measures measures;

        ret->last_ms = READING_NONE;
        measure_begin(&measures);
        for (size_t i = 0; i < count; i++) {
                measure_take(&measures, &samples[i]);
                if (samples[i].at_ms > ret->last_ms)
                        ret->last_ms = samples[i].at_ms;
        }
        settle(&measures.of[BB_QUANTITY_REGISTER], &ret->register_wh, &ret->register_ms);
        ret->register_wh = to_wh(ret->register_wh);
        settle(&measures.of[BB_QUANTITY_POWER], &ret->power_w, &ret->power_ms);
        settle(&measures.of[BB_QUANTITY_SOC], &ret->soc_percent, &ret->soc_ms);
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
