/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers whose function runs in a task. A run that is late is not doubled: while one is under way the next is skipped,
 * and after a stall the timer goes on at its next regular time. A bb_timer * is a number, not an address (slots.h), so
 * freeing a timer that its plugin's or tenant's end already freed does no harm.
 */
#include "base/log.h"
#include "base/tenant.h"
#include "base/time.h"
#include "rt/rt_inner.h"
#include "rt/slots.h"

#define RETRY_MS 100 /* of a single run for which there was no task */

struct timer {
        uint64_t id;
        struct list all;
        struct event event;
        bb_plugin_ref *who;
        bb_tenant *tenant;
        const char *name;
        void (*fn)(void *);
        void *arg;
        int64_t every_ms, due;
        int32_t running, freed;
};

static struct list timers = {&timers, &timers};
static struct slots slots;

static struct timer *timer_of(const bb_timer *handle)
{
        return slots_get(&slots, (uint64_t)(uintptr_t)handle);
}

static void timer_arm(struct timer *t, int64_t due)
{
        int64_t now = time_mono_ms(), ms = due > now ? due - now : 0;
        struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

        t->due = due;
        event_add(&t->event, &tv);
}

/* Its number is dead at once, its memory goes when the task of its run is through. */
static void timer_drop(struct timer *t)
{
        slots_remove(&slots, t->id);
        event_del(&t->event);
        list_remove(&t->all);
        t->freed = 1;
        if (!t->running)
                free(t);
}

static void timer_run_over(void *arg)
{
        struct timer *t = arg;

        t->running = 0;
        if (t->freed)
                free(t);
}

static void timer_run(void *arg)
{
        struct timer *t = arg;

        task_at_end(timer_run_over, t);
        if (!t->freed)
                t->fn(t->arg);
}

static bb_err timer_start_run(struct timer *t)
{
        struct bb_task_spec spec = {.size = sizeof(spec),
                                    .flags = TASK_WITHOUT_TENANT,
                                    .name = t->name,
                                    .tenant = t->tenant,
                                    .run = timer_run,
                                    .arg = t};
        bb_err err = task_spawn(t->who, &spec, NULL);

        if (err == BB_OK)
                t->running = 1;
        return err;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct timer *t = arg;
        int64_t now = time_mono_ms();
        bb_err err = BB_OK;

        (void)fd;
        (void)what;
        if (now < t->due) { /* libevent's clock ticks coarsely */
                timer_arm(t, t->due);
                return;
        }
        if (!t->running)
                err = timer_start_run(t);
        if (err == BB_E_CANCELED) /* the tenant stops; the group's end frees it */
                return;
        if (t->every_ms > 0)
                timer_arm(t, t->due + t->every_ms * ((now - t->due) / t->every_ms + 1));
        else if (err != BB_OK)
                timer_arm(t, now + RETRY_MS);
}

bb_timer *timer_new(bb_plugin_ref *who, bb_tenant *tenant, const char *name, int64_t first_ms, int64_t every_ms,
                    void (*fn)(void *), void *arg)
{
        struct timer *t = heap_new(sizeof(*t));

        t->id = slots_add(&slots, t);
        if (t->id == 0 || fn == NULL) {
                bb_log(BB_ERROR, "timer.refused", "a timer without a function, or one too many");
                slots_remove(&slots, t->id);
                free(t);
                return NULL;
        }
        t->who = who;
        /* A plugin's timer ends with the tenant for which it was made; one of the core's only when it says so. */
        t->tenant = tenant != NULL || who == NULL ? tenant : task_tenant(task_current());
        t->name = name;
        t->fn = fn;
        t->arg = arg;
        t->every_ms = every_ms > 0 ? every_ms : 0;
        list_append(&timers, &t->all);
        event_assign(&t->event, loop_base(), -1, 0, on_timer, t);
        timer_arm(t, time_mono_ms() + (first_ms > 0 ? first_ms : 0));
        return (bb_timer *)(uintptr_t)t->id;
}

void timer_free(bb_timer *handle)
{
        struct timer *t = timer_of(handle);

        if (t != NULL)
                timer_drop(t);
}

void timer_cancel_group(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        LIST_EACH_SAFE (item, save, &timers) {
                struct timer *t = LIST_OF(struct timer, all, item);

                if ((who == NULL || t->who == who) && (tenant == NULL || t->tenant == tenant))
                        timer_drop(t);
        }
}

void timer_close(void)
{
        timer_cancel_group(NULL, NULL);
        slots_free(&slots);
}
