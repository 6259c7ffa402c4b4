/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handful of samples says about a session as it runs: register, power, state of charge. Pure functions.
 */
#ifndef CHARGING_READING_H
#define CHARGING_READING_H

#include <busbar/charging.h>

#define READING_NONE BB_NOT_MEASURED

/* --- measure.c: of the contract (measures_begin, sample_take) --- */
void measure_begin(struct bb_measures *ret);
void measure_take(struct bb_measures *, const struct bb_sample *);

/* --- reading.c --- */

/* Each value with the time that it is of; READING_NONE when no sample tells it. */
struct reading {
        int64_t register_wh, register_ms;
        int64_t power_w, power_ms;
        int64_t soc_percent, soc_ms;
        int64_t last_ms; /* of any sample; READING_NONE without samples */
};

void reading_take(const struct bb_sample *, size_t count, struct reading *ret);
/* `more` as if its samples had come with those of `into`: the later value wins. */
void reading_merge(struct reading *into, const struct reading *more);

#endif
