/* SPDX-License-Identifier: Apache-2.0
 *
 * See storm.h. The waits: a station's own time-out for an answer is 30 s or more, so 20 s of holding costs it nothing,
 * and a closed socket costs it no attempt, as a CALLERROR would.
 */
#include "storm.h"

#include <busbar/crypto.h>
#include <busbar/db.h>
#include <busbar/rt.h>

#define HOLD_MS 20000
#define FIRST_PAUSE_MS 250
#define LAST_PAUSE_MS 2000
#define CLOSES_PER_SECOND 500
#define STALL_MS 10000
#define AFTERMATH_MS 60000 /* how long after an outage newcomers are let in one by one */
#define MAX_TURN_WAIT_MS 10000
#define RETRY_MIN_S 5
#define RETRY_SPAN_S 56

static struct pace closes;          /* of the process */
static int64_t outage_seen_mono_ms; /* 0: never */
static size_t work_count;
static int64_t progress_mono_ms; /* when work last succeeded, or began after none */

static int64_t random_below(int64_t bound)
{
        uint32_t r;

        bb_random(&r, sizeof(r));
        return (int64_t)(r % (uint64_t)bound);
}

int64_t pace_take(struct pace *p, int64_t per_second)
{
        int64_t now = bb_mono_ms() * 1000;
        int64_t turn;

        if (p->next_us < now)
                p->next_us = now;
        turn = p->next_us;
        p->next_us += 1000000 / per_second;
        return (turn - now) / 1000;
}

void pace_return(struct pace *p, int64_t per_second)
{
        p->next_us -= 1000000 / per_second;
}

int32_t storm_is_outage(bb_err err)
{
        return err == BB_E_UNAVAILABLE || err == BB_E_TIMEOUT || err == BB_E_BUSY;
}

void storm_work_begins(void)
{
        if (work_count++ == 0)
                progress_mono_ms = bb_mono_ms();
}

void storm_work_ends(bb_err err)
{
        work_count--;
        if (!storm_is_outage(err))
                progress_mono_ms = bb_mono_ms();
}

int32_t storm_stalled(void)
{
        return work_count > 0 && bb_mono_ms() - progress_mono_ms > STALL_MS;
}

BB_AWAIT bb_err storm_close_turn(void)
{
        return bb_sleep(pace_take(&closes, CLOSES_PER_SECOND));
}

static int32_t database_away(void)
{
        if (bb_db_away_ms() == 0 && !storm_stalled())
                return 0;
        outage_seen_mono_ms = bb_mono_ms();
        return 1;
}

/* The time is up. The socket is about to be closed, when its turn comes; should the database be back by then, one more
 * try is fair. */
static BB_AWAIT int32_t last_chance(struct hold *hold)
{
        if (hold->last_try)
                return 0;
        hold->last_try = 1;
        if (storm_close_turn() < 0)
                return 0;
        return !database_away();
}

BB_AWAIT int32_t storm_again(struct hold *hold, bb_err err)
{
        int64_t now = bb_mono_ms();

        if (!storm_is_outage(err))
                return 0;
        outage_seen_mono_ms = now;
        if (hold->since_ms == 0) {
                hold->since_ms = now;
                hold->pause_ms = FIRST_PAUSE_MS;
        }
        do {
                /* A quarter of the pause is left to chance, so that the waiting do not march in step. */
                if (bb_sleep(hold->pause_ms * 3 / 4 + random_below(hold->pause_ms / 2)) < 0)
                        return 0;
                hold->pause_ms = hold->pause_ms * 2 < LAST_PAUSE_MS ? hold->pause_ms * 2 : LAST_PAUSE_MS;
                if (bb_mono_ms() - hold->since_ms >= HOLD_MS)
                        return last_chance(hold);
        } while (database_away());
        return 1;
}

int64_t storm_retry_s(void)
{
        return RETRY_MIN_S + random_below(RETRY_SPAN_S);
}

BB_AWAIT bb_err storm_admit(struct pace *admissions, int32_t handshakes_per_second, int64_t *ret_retry_s)
{
        int64_t wait_ms;

        *ret_retry_s = storm_retry_s();
        if (database_away())
                return BB_E_UNAVAILABLE;
        if (outage_seen_mono_ms == 0 || bb_mono_ms() - outage_seen_mono_ms > AFTERMATH_MS)
                return BB_OK;
        wait_ms = pace_take(admissions, handshakes_per_second);
        if (wait_ms > MAX_TURN_WAIT_MS) {
                pace_return(admissions, handshakes_per_second);
                return BB_E_UNAVAILABLE;
        }
        return wait_ms > 0 ? bb_sleep(wait_ms) : BB_OK;
}
