/* SPDX-License-Identifier: Apache-2.0
 *
 * When a limit has to be looked at again. A pure function.
 */
#include "limit_wait.h"

enum { HOUR_MS = 3600000, METER_MOST_MS = 15000, METER_LEAST_MS = 1000, STILL_MS = 600000, AGE_MOST_MS = 60000 };

int64_t limit_wait_ms(const struct limit_pace *p)
{
        __int128 wait_ms;

        if (p->per_hour <= 0)
                return p->by_clock ? STILL_MS : METER_MOST_MS;
        wait_ms = ((__int128)p->left * HOUR_MS + p->per_hour - 1) / p->per_hour;
        if (p->by_clock)
                return wait_ms < 0 ? 0 : (int64_t)wait_ms;
        if (p->age_ms > 0) /* it has gone on since it was measured */
                wait_ms -= p->age_ms < AGE_MOST_MS ? p->age_ms : AGE_MOST_MS;
        if (wait_ms < METER_LEAST_MS)
                return METER_LEAST_MS;
        return wait_ms < METER_MOST_MS ? (int64_t)wait_ms : METER_MOST_MS;
}
