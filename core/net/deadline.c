/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer wheel. A deadline hangs in the slot of its tick modulo the wheel's size; one further away than a round is
 * passed over until its round comes. The libevent timer runs only while a deadline is set.
 */
#include "net/deadline.h"
#include "base/time.h"
#include "rt/loop.h"
#include <event2/event_struct.h>

#define TICK_MS 20
#define SLOTS 1024

static struct {
        struct list slots[SLOTS];
        struct event timer;
        struct event_base *base; /* the loop that `timer` belongs to */
        int64_t tick;            /* the last one that was worked off */
        size_t armed;
} wheel;

static void start_timer(void)
{
        const struct timeval every = {.tv_usec = TICK_MS * 1000};

        event_add(&wheel.timer, &every);
}

static void fire_slot(struct list *slot, int64_t now)
{
        struct list due;

        /* First gathered, then called: a callback may set and stop any deadline, also those that are due now. */
        list_init(&due);
        LIST_EACH_SAFE (item, save, slot) {
                struct deadline *d = LIST_OF(struct deadline, link, item);

                if (d->at_ms > now)
                        continue;
                list_remove(item);
                list_append(&due, item);
        }
        while (!list_empty(&due)) {
                struct deadline *d = LIST_OF(struct deadline, link, due.next);

                deadline_stop(d);
                d->fn(d);
        }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
        int64_t now = time_mono_ms(), last = now / TICK_MS;

        (void)fd;
        (void)what;
        (void)arg;
        /* After a long stall each slot needs one visit only. */
        if (last - wheel.tick > SLOTS)
                wheel.tick = last - SLOTS;
        while (wheel.tick < last) {
                wheel.tick++;
                fire_slot(&wheel.slots[wheel.tick % SLOTS], now);
        }
        if (wheel.armed > 0)
                start_timer();
}

static void prepare(void)
{
        if (wheel.base == loop_base())
                return;
        for (size_t i = 0; i < SLOTS; i++)
                list_init(&wheel.slots[i]);
        wheel.base = loop_base();
        wheel.armed = 0;
        event_assign(&wheel.timer, wheel.base, -1, 0, on_tick, NULL);
}

void deadline_init(struct deadline *d, void (*fn)(struct deadline *))
{
        list_init(&d->link);
        d->at_ms = 0;
        d->fn = fn;
}

void deadline_set(struct deadline *d, int64_t in_ms)
{
        int64_t now = time_mono_ms(), tick;

        prepare();
        deadline_stop(d);
        if (wheel.armed == 0 && !event_pending(&wheel.timer, EV_TIMEOUT, NULL)) {
                wheel.tick = now / TICK_MS;
                start_timer();
        }
        wheel.armed++;
        d->at_ms = now + (in_ms > 0 ? in_ms : 0);
        /* Rounded up, so that it is due when its slot comes up. */
        tick = d->at_ms / TICK_MS + 1;
        if (tick <= wheel.tick)
                tick = wheel.tick + 1;
        list_append(&wheel.slots[tick % SLOTS], &d->link);
}

void deadline_stop(struct deadline *d)
{
        if (d->at_ms == 0)
                return;
        list_remove(&d->link);
        d->at_ms = 0;
        wheel.armed--;
}
