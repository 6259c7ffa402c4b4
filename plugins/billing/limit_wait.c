/* SPDX-License-Identifier: Apache-2.0
 *
 * When a limit has to be looked at again. A pure function.
 */
#include "limit_wait.h"

enum { HOUR_MS = 3600000, METER_MOST_MS = 15000, METER_LEAST_MS = 1000, STILL_MS = 600000, AGE_MOST_MS = 60000 };
enum { COST = 20, COST_MOST_MS = 300000 };

static int64_t within(__int128 value, int64_t least, int64_t most)
{
        return value < least ? least : value > most ? most : (int64_t)value;
}

static int64_t clock_wait_ms(const struct limit_pace *p, __int128 wait_ms)
{
        if (p->per_hour <= 0)
                wait_ms = STILL_MS;
        return within(wait_ms, 0, p->shared ? METER_MOST_MS : INT64_MAX);
}

int64_t limit_wait_ms(const struct limit_pace *p)
{
        __int128 wait_ms = METER_MOST_MS;
        int64_t least_ms = within((__int128)p->took_ms * COST, METER_LEAST_MS, COST_MOST_MS);

        if (p->per_hour > 0)
                wait_ms = ((__int128)p->left * HOUR_MS + p->per_hour - 1) / p->per_hour;
        if (p->by_clock)
                return clock_wait_ms(p, wait_ms);
        if (p->per_hour > 0) /* it has gone on since it was measured */
                wait_ms -= within(p->age_ms, 0, AGE_MOST_MS);
        return within(wait_ms, least_ms, least_ms > METER_MOST_MS ? least_ms : METER_MOST_MS);
}
