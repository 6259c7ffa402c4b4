/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that is gone says so, and storm.c holds the answers. One that is stuck says nothing: the call that waits
 * for it does not return. This looks from the side, so that no station waits for more than half a minute: it keeps its
 * message, and sends it again on its next connection.
 */
#include "ocpp16.h"
#include "repeat.h"

enum { LONGEST_MS = 25000 /* storm.c itself gives up after 20 s */, MOST_AT_ONCE = 1000 };

static int32_t waits_too_long(const struct station *st)
{
        return st->busy_since_mono_ms != 0 && !st->closing && st->ws != NULL &&
               bb_mono_ms() - st->busy_since_mono_ms > LONGEST_MS;
}

/* Holds them: the table may change while they wait for their turn to be closed. */
static size_t find_stuck(struct ocpp_tenant *owner, struct station **ret)
{
        int64_t now = bb_mono_ms();
        size_t count = 0;

        for (size_t i = 0; i < owner->stations.room && count < MOST_AT_ONCE; i++) {
                for (struct station *st = owner->stations.chains[i]; st != NULL && count < MOST_AT_ONCE;
                     st = st->next) {
                        repeat_forget_old(st, now);
                        if (waits_too_long(st))
                                ret[count++] = station_hold(st);
                }
        }
        return count;
}

BB_AWAIT void watch_tick(void *arg)
{
        struct station **stuck = BB_NEW_ARRAY(struct station *, MOST_AT_ONCE);
        size_t count = find_stuck(arg, stuck);
        int64_t closed = 0;

        for (size_t i = 0; i < count; i++) {
                if (storm_close_turn() == BB_OK && waits_too_long(stuck[i])) {
                        inbound_close(stuck[i], CLOSE_TRY_AGAIN_LATER, "try again later");
                        closed++;
                }
                station_drop(stuck[i]);
        }
        if (closed > 0)
                bb_log(BB_WARN, "ocpp.stuck",
                       "messages waited too long for the database: their stations were disconnected",
                       bb_kv_int("stations", closed));
}
