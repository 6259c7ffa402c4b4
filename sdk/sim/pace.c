/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections are begun at a set rate (--ramp), first come first served, and only so many handshakes are under way at
 * once.
 */
#include "base/time.h"
#include "sim.h"
#include <stdlib.h>

#define TICK_MS 10
#define UNDER_WAY_MOST 500

static struct list waiting = {&waiting, &waiting};
static struct event *ticker;
static double tokens;
static int64_t ticked_at;
static int under_way;

static void begin(struct station *st)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "sim.connect", .timeout_ms = 60000, .run = station_connect, .arg = st};

        if (bb_rt_->spawn(NULL, &spec, NULL) < 0) { /* too many: at the next tick */
                list_append(waiting.next, &st->pace);
                return;
        }
        st->link = LINK_CONNECTING;
        under_way++;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
        int64_t now = time_mono_ms();

        (void)fd;
        (void)what;
        (void)arg;
        tokens += options.ramp * (double)(now - ticked_at) / 1000;
        ticked_at = now;
        if (tokens > options.ramp)
                tokens = options.ramp;
        while (tokens >= 1 && under_way < UNDER_WAY_MOST && !list_empty(&waiting)) {
                struct station *st = LIST_OF(struct station, pace, waiting.next);

                list_remove(&st->pace);
                if (!station_wants_link(st))
                        continue;
                tokens -= 1;
                begin(st);
        }
        if (list_empty(&waiting))
                event_del(ticker);
}

void pace_want(struct station *st)
{
        static const struct timeval tick = {.tv_usec = TICK_MS * 1000};

        if (list_empty(&waiting)) {
                tokens = 1;
                ticked_at = time_mono_ms();
                event_add(ticker, &tick);
        }
        list_remove(&st->pace);
        list_append(&waiting, &st->pace);
}

void pace_unwant(struct station *st)
{
        list_remove(&st->pace);
}

void pace_done(void)
{
        under_way--;
}

void pace_start(void)
{
        ticker = event_new(loop_base(), -1, EV_PERSIST, on_tick, NULL);
        if (ticker == NULL)
                abort();
}

void pace_stop(void)
{
        event_free(ticker);
}
