/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session's samples and its connector's states say was used, as stretches of even power for the splitter. Pure
 * functions in the task's memory.
 */
#ifndef BILLING_USAGE_H
#define BILLING_USAGE_H

#include <busbar/charging.h>

#include "price.h"

struct usage_state {
        int64_t at_ms;
        int32_t status; /* BB_CONNECTOR_… */
};

struct usage {
        int64_t started_ms, ended_ms; /* the end: now, while it runs */
        int64_t meter_start_wh, meter_stop_wh;
        int32_t has_stop;
        const struct bb_sample *samples; /* by time */
        size_t sample_count;
        const struct usage_state *states; /* by time; the first may be from before the start */
        size_t state_count;
};

/* Oddities of a meter, as bits. What they touch is priced all the same: the register's first and last values count. */
enum {
        USAGE_BACKWARDS = 1,  /* a register below an earlier one: passed over */
        USAGE_BEYOND = 2,     /* a register above the final one: passed over */
        USAGE_OUTSIDE = 4,    /* samples from before the start or after the end: passed over */
        USAGE_GAP = 8,        /* more than an hour without a register: taken as even */
        USAGE_ESTIMATED = 16, /* no register in between: spread by intervals, power or current */
        USAGE_NEGATIVE = 32   /* the final register is below the first one: no energy is counted */
};

bb_err usage_stretches(const struct usage *, struct price_period **ret, size_t *ret_count, uint32_t *ret_oddities);

#endif
