/* SPDX-License-Identifier: Apache-2.0
 *
 * Notices when the loop does not turn. A thread looks at a number that the loop raises whenever it begins something
 * else. While the loop may be waiting for events the thread pokes it first: a loop that waits answers at once. When the
 * number stays, the loop's thread is asked by a signal to note where it is (nothing but stores: the thread that asked
 * writes the log line), and once the second limit is reached the process aborts, to be restarted by its supervisor.
 */
#include "base/log.h"
#include "base/time.h"
#include "rt/rt_inner.h"
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define FRAMES_MOST 48
#define CAPTURE_WAIT_MS 200
#define SIGNAL SIGURG /* ignored by default, so that a late one does no harm */

atomic_uint_fast64_t watchdog_slice;
atomic_int watchdog_may_wait;
atomic_uint watchdog_stalls;
int32_t watchdog_factor = WITH_ASAN || WITH_TSAN ? 20 : 1;

static struct {
        pthread_t thread, loop_thread;
        int running;
        int64_t warn_ms, abort_ms;
        pthread_mutex_t lock;
        pthread_cond_t end_asked; /* with `ending` */
        int ending;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Written by the signal handler on the loop's thread, read when `ready` is set. */
static struct {
        atomic_int ready;
        int count;
        void *frames[FRAMES_MOST];
        struct breadcrumb_page where;
} capture;

static void on_signal(int number)
{
        int saved = errno;

        (void)number;
        if (atomic_load(&capture.ready) == 0) {
                capture.count = backtrace(capture.frames, FRAMES_MOST);
                capture.where = *breadcrumb_page;
                atomic_store(&capture.ready, 1);
        }
        errno = saved;
}

static void pause_ms(long ms)
{
        struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        nanosleep(&ts, NULL);
}

static int capture_take(void)
{
        atomic_store(&capture.ready, 0);
        if (pthread_kill(dog.loop_thread, SIGNAL) != 0)
                return 0;
        for (int waited = 0; atomic_load(&capture.ready) == 0; waited++) {
                if (waited == CAPTURE_WAIT_MS) {
                        atomic_store(&capture.ready, 2); /* a late handler is to leave it alone */
                        return 0;
                }
                pause_ms(1);
        }
        return 1;
}

static void report(int64_t stalled_ms)
{
        int captured = capture_take();
        char **symbols = captured ? backtrace_symbols(capture.frames, capture.count) : NULL;
        struct buf text = {0};

        /* The first two frames are the handler and the kernel's return from it. */
        for (int i = 2; symbols != NULL && i < capture.count; i++)
                buf_print(&text, "%s%s", i > 2 ? " < " : "", symbols[i]);
        bb_log(BB_WARN, "loop.stalled", "one callback or task holds the loop: everything else waits",
               bb_kv_int("stalled_ms", stalled_ms), bb_kv_cstr("plugin", captured ? capture.where.plugin : ""),
               bb_kv_cstr("tenant_running", captured ? capture.where.tenant : ""),
               bb_kv_cstr("operation", captured ? capture.where.operation : ""),
               bb_kv_str("backtrace", buf_str(&text)));
        buf_free(&text);
        free(symbols);
        atomic_fetch_add(&watchdog_stalls, 1);
}

static void nothing(void *arg)
{
        (void)arg;
}

struct watch {
        uint64_t slice;
        int64_t since;
        int poked, warned;
};

static void look(struct watch *w)
{
        uint64_t slice = atomic_load_explicit(&watchdog_slice, memory_order_relaxed);
        int64_t now = time_mono_ms();

        if (slice != w->slice) {
                *w = (struct watch){.slice = slice, .since = now};
                return;
        }
        if (!w->poked && atomic_load_explicit(&watchdog_may_wait, memory_order_relaxed)) {
                w->poked = 1;
                w->since = now;
                loop_post(nothing, NULL);
                return;
        }
        if (now - w->since >= dog.warn_ms && !w->warned) {
                w->warned = 1;
                report(now - w->since);
        }
        if (dog.abort_ms > 0 && now - w->since >= dog.abort_ms) {
                bb_log(BB_ERROR, "loop.dead", "the loop does not come back: the process ends to be restarted",
                       bb_kv_int("stalled_ms", now - w->since));
                abort();
        }
}

/* 1 when the end was asked for meanwhile. */
static int wait_for_end(int64_t ms)
{
        struct timespec until;
        int ending;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(ms / 1000);
        until.tv_nsec += (long)(ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_nsec -= 1000000000;
                until.tv_sec++;
        }
        pthread_mutex_lock(&dog.lock);
        while (!dog.ending && pthread_cond_timedwait(&dog.end_asked, &dog.lock, &until) == 0)
                ;
        ending = dog.ending;
        pthread_mutex_unlock(&dog.lock);
        return ending;
}

static void *thread_main(void *arg)
{
        struct watch w = {0};
        int64_t tick = dog.warn_ms / 2 > 0 ? dog.warn_ms / 2 : 1;

        (void)arg;
        arena_current = arena_new("watchdog"); /* for what the log needs */
        while (!wait_for_end(tick)) {
                look(&w);
                arena_reset(arena_current);
        }
        arena_free(arena_current);
        arena_current = NULL;
        return NULL;
}

static void end_condition_init(void)
{
        pthread_condattr_t attributes;

        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&dog.end_asked, &attributes);
        pthread_condattr_destroy(&attributes);
}

static int start_thread(void)
{
        sigset_t all, before;
        int err;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        err = pthread_create(&dog.thread, NULL, thread_main, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return err;
}

bb_err watchdog_start(int32_t warn_ms, int32_t abort_ms)
{
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        void *first[2];

        if (dog.running || warn_ms <= 0)
                return BB_E_INVALID;
        if (RUNNING_ON_VALGRIND)
                watchdog_factor = 20;
        /* Its first call loads libgcc, which a signal handler must not do. */
        (void)backtrace(first, 2);
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGNAL, &action, NULL) < 0)
                return BB_E_IO;
        dog.warn_ms = (int64_t)warn_ms * watchdog_factor;
        dog.abort_ms = (int64_t)abort_ms * watchdog_factor;
        dog.loop_thread = pthread_self();
        dog.ending = 0;
        end_condition_init();
        if (start_thread() != 0)
                return BB_E_IO;
        dog.running = 1;
        return BB_OK;
}

void watchdog_stop(void)
{
        if (!dog.running)
                return;
        pthread_mutex_lock(&dog.lock);
        dog.ending = 1;
        pthread_cond_signal(&dog.end_asked);
        pthread_mutex_unlock(&dog.lock);
        pthread_join(dog.thread, NULL);
        pthread_cond_destroy(&dog.end_asked);
        dog.running = 0;
}
