/* SPDX-License-Identifier: Apache-2.0
 *
 * What is strange about a session. Nothing of it refuses a report of the station: such a session is kept, shown, and
 * never billed by itself. Pure functions.
 */
#include "domain.h"

#define AHEAD_MS (60LL * 60 * 1000) /* a clock further ahead has the wrong zone, or date */
#define ENERGY_MAX_WH 2000000LL     /* more than the largest battery of a lorry */
#define POWER_MAX_W 4000000LL       /* more than any charger */
#define SLACK_WH 1000LL             /* of clocks with whole minutes */

const char review_overlap[] = "a later start came while the session was open";

static int time_absurd(int64_t at_ms, int64_t now_ms)
{
        return at_ms < CLOCK_EARLIEST_MS || at_ms > now_ms + AHEAD_MS;
}

const char *start_doubt(int32_t authorization, int64_t connector_id, int64_t at_ms, int64_t meter_wh, int64_t now_ms)
{
        if (authorization != BB_AUTH_ACCEPTED)
                return "the start was not authorized";
        if (connector_id < 1 || connector_id > CONNECTOR_MAX)
                return "there is no such connector";
        if (time_absurd(at_ms, now_ms))
                return "the time of the start is absurd";
        if (meter_wh < 0 || meter_wh >= METER_LIMIT_WH)
                return "the meter reading at the start is absurd";
        return NULL;
}

const char *stop_doubt(const struct bb_session *s, int64_t at_ms, int64_t meter_wh, int64_t now_ms)
{
        int64_t energy_wh = meter_wh - s->meter_start_wh, duration_ms = at_ms - s->started_ms;

        if (time_absurd(at_ms, now_ms))
                return "the time of the end is absurd";
        if (duration_ms < 0)
                return "it ended before it started";
        if (meter_wh < 0 || meter_wh >= METER_LIMIT_WH)
                return "the meter reading at the end is absurd";
        if (energy_wh < 0)
                return "the meter ran backwards";
        if (energy_wh > ENERGY_MAX_WH || (energy_wh - SLACK_WH) * 3600 > POWER_MAX_W * (duration_ms / 1000 + 1))
                return "it is more energy than a charger can give in that time";
        return NULL;
}
