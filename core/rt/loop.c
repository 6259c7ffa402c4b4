/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop, turn by turn: events, then what was deferred, then the tasks that are ready. What becomes ready on
 * the way waits for the next turn, so that sockets and timers get their share however busy the tasks are.
 */
#include "rt/loop.h"
#include "base/log.h"
#include "base/time.h"
#include "rt/rt_inner.h"
#include "rt/zone.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct call {
        struct call *next;
        void (*fn)(void *);
        void *arg;
};

struct calls {
        struct call *first, **end;
};

struct arena *loop_arena;
_Thread_local struct log_context_of_thread thread_context;

static struct event_base *base;
static struct event *posted_event, *wait_event;
static int posted_fd = -1;
static int stopping;
static _Thread_local int is_loop_thread;
static int64_t cached_now_ms; /* 0: ask the clock */
static pthread_mutex_t posted_lock = PTHREAD_MUTEX_INITIALIZER;
static struct calls posted, deferred; /* `posted` belongs to the lock */

static void calls_add(struct calls *c, void (*fn)(void *), void *arg)
{
        struct call *one = heap_new(sizeof(*one));

        *one = (struct call){.fn = fn, .arg = arg};
        if (c->first == NULL)
                c->end = &c->first;
        *c->end = one;
        c->end = &one->next;
}

static void calls_run(struct call *first)
{
        while (first != NULL) {
                struct call one = *first;

                free(first);
                first = one.next;
                watchdog_step();
                one.fn(one.arg);
        }
}

static struct call *calls_take(struct calls *c)
{
        struct call *first = c->first;

        c->first = NULL;
        return first;
}

void loop_post(void (*fn)(void *), void *arg)
{
        static const uint64_t one = 1;
        int was_empty;

        pthread_mutex_lock(&posted_lock);
        was_empty = posted.first == NULL;
        calls_add(&posted, fn, arg);
        /* Under the lock, so that loop_close() cannot close the descriptor in between. A full counter is as good. */
        if (was_empty && posted_fd >= 0)
                while (write(posted_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                        ;
        pthread_mutex_unlock(&posted_lock);
}

void loop_defer(void (*fn)(void *), void *arg)
{
        calls_add(&deferred, fn, arg);
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
        uint64_t count;
        struct call *first;

        (void)what;
        (void)arg;
        while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
                ;
        pthread_mutex_lock(&posted_lock);
        first = calls_take(&posted);
        pthread_mutex_unlock(&posted_lock);
        calls_run(first);
}

static void on_wait_over(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
}

struct event_base *loop_base(void)
{
        return base;
}

int64_t loop_now_ms(void)
{
        if (!is_loop_thread)
                return time_now_ms(); /* has no turn */
        if (cached_now_ms == 0)
                cached_now_ms = time_now_ms();
        return cached_now_ms;
}

void loop_log_now_and_then(int64_t *last, const char *event, const char *text)
{
        int64_t now = time_mono_ms();

        if (*last != 0 && now - *last < 1000)
                return;
        *last = now;
        bb_log(BB_ERROR, event, text, bb_kv_int("tasks", (int64_t)task_count()));
}

static struct event_base *base_new(void)
{
        struct event_config *config = event_config_new();
        struct event_base *made;

        if (config == NULL)
                return NULL;
        /* One thread only: libevent needs no locks. A changelist would break with descriptors that are dup()ed. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        made = event_base_new_with_config(config);
        event_config_free(config);
        return made;
}

bb_err loop_init(int worker_threads)
{
        /* A peer that went away is an error of write(), not the end of the process. */
        signal(SIGPIPE, SIG_IGN);
        base = base_new();
        posted_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (base == NULL || posted_fd < 0)
                goto failed;
        posted_event = event_new(base, posted_fd, EV_READ | EV_PERSIST, on_posted, NULL);
        wait_event = evtimer_new(base, on_wait_over, NULL);
        if (posted_event == NULL || wait_event == NULL || event_add(posted_event, NULL) < 0)
                goto failed;
        stopping = 0;
        is_loop_thread = 1;
        loop_arena = arena_new("loop");
        arena_current = loop_arena;
        task_init();
        worker_init(worker_threads);
        return BB_OK;
failed:
        if (posted_event != NULL)
                event_free(posted_event);
        if (wait_event != NULL)
                event_free(wait_event);
        if (posted_fd >= 0)
                close(posted_fd);
        if (base != NULL)
                event_base_free(base);
        posted_event = wait_event = NULL;
        posted_fd = -1;
        base = NULL;
        return BB_E_IO;
}

static void wait_for_events(int wait_ms)
{
        int flags = EVLOOP_ONCE;

        if (wait_ms == 0 || task_any_ready() || deferred.first != NULL) {
                flags |= EVLOOP_NONBLOCK;
        } else if (wait_ms > 0) {
                struct timeval tv = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};

                event_add(wait_event, &tv);
        }
        cached_now_ms = 0;
        watchdog_step();
        atomic_store_explicit(&watchdog_may_wait, 1, memory_order_relaxed);
        event_base_loop(base, flags);
        atomic_store_explicit(&watchdog_may_wait, 0, memory_order_relaxed);
        watchdog_step();
        cached_now_ms = 0;
        if (wait_ms > 0)
                event_del(wait_event);
}

void loop_turn(int wait_ms)
{
        wait_for_events(wait_ms);
        calls_run(calls_take(&deferred));
        task_run_ready();
        arena_reset(loop_arena);
}

void loop_run(void)
{
        while (!stopping)
                loop_turn(-1);
        stopping = 0;
}

void loop_stop(void)
{
        stopping = 1;
}

void loop_update_metrics(void)
{
        static bb_metric *tasks, *stacks, *queued, *stalls;

        if (tasks == NULL) {
                tasks = bb_metric_get(BB_METRIC_GAUGE, "busbar_tasks", "Tasks under way.");
                stacks = bb_metric_get(BB_METRIC_GAUGE, "busbar_task_stacks", "Stacks mapped, idle ones among them.");
                queued = bb_metric_get(BB_METRIC_GAUGE, "busbar_worker_queue", "Jobs that wait for a worker thread.");
                stalls = bb_metric_get(BB_METRIC_GAUGE, "busbar_loop_stalls",
                                       "Times that one callback or task held the loop for too long.");
        }
        bb_metric_set(tasks, (double)task_count());
        bb_metric_set(stacks, (double)stack_count());
        bb_metric_set(queued, (double)worker_queued());
        bb_metric_set(stalls, (double)atomic_load(&watchdog_stalls));
}

void loop_close(void)
{
        watchdog_stop();
        worker_close();
        timer_close();
        task_close();
        zone_close_all();
        calls_run(calls_take(&deferred));
        event_free(posted_event);
        event_free(wait_event);
        pthread_mutex_lock(&posted_lock);
        close(posted_fd);
        posted_fd = -1;
        pthread_mutex_unlock(&posted_lock);
        calls_run(calls_take(&posted));
        event_base_free(base);
        base = NULL;
        is_loop_thread = 0;
        arena_free(loop_arena);
        loop_arena = NULL;
        arena_current = NULL;
}
