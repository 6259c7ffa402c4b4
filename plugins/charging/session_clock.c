/* SPDX-License-Identifier: Apache-2.0
 *
 * Times that stations tell, by our clock. A clock that is off is corrected by what is known of it; the session keeps
 * both times, and what the station said stays the key by which a repetition is known.
 */
#include "domain.h"

#define SLACK_MS 10000LL /* a message is on its way for so long */

const char review_clock_unset[] = "the station's clock was not set; the time is when its report came";

static int is_wrong(int64_t off_ms)
{
        return off_ms != DRIFT_UNKNOWN && (off_ms > CLOCK_WRONG_MS || off_ms < -CLOCK_WRONG_MS);
}

struct told_time clock_correct(struct charging *c, const struct bb_station_ref *who, int64_t told_ms, int64_t now_ms)
{
        const struct present_station *p = presence_find(&c->presence, who->station_id, 0);
        int64_t off_ms = p != NULL && p->epoch == who->epoch ? p->clock_ms : DRIFT_UNKNOWN, ahead_ms = told_ms - now_ms;
        struct told_time t = {.at_ms = told_ms, .told_ms = told_ms};
        const char *how = "measured";

        if (ahead_ms <= SLACK_MS && ahead_ms >= -SLACK_MS)
                return t;
        /* That would be in the future: the clock has been set since. */
        if (is_wrong(off_ms) && told_ms - off_ms <= now_ms + SLACK_MS)
                t.at_ms = told_ms - off_ms < now_ms ? told_ms - off_ms : now_ms;
        else if (ahead_ms > CLOCK_WRONG_MS || told_ms < CLOCK_EARLIEST_MS) {
                how = ahead_ms > 0 ? "ahead" : "unset";
                t.at_ms = now_ms;
                t.doubt = ahead_ms > 0 ? NULL : review_clock_unset;
        }
        if (t.at_ms != told_ms)
                bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "charging_times_corrected_total",
                                            "Times of starts and stops that a station's wrong clock told.",
                                            bb_kv_cstr("clock", how)),
                              1);
        return t;
}
