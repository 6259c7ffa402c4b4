/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for what lasts minutes: results, how they are stopped, how many there are, and how they see that the loop is
 * late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/tenant.h"
#include "base/time.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST 8

struct work {
        atomic_int stop, began;
        int lasts; /* until it is stopped */
        int stopped, ended, nice, signals_blocked, on_loop;
        pthread_t loop;
        bb_err err;
        bb_task_id id;
};

static int set_up(void **state)
{
        (void)state;
        return loop_init(1) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        loop_close();
        return 0;
}

static void run(void *arg)
{
        struct work *w = arg;
        sigset_t mask;

        errno = 0;
        w->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        w->signals_blocked = sigismember(&mask, SIGTERM);
        w->on_loop = pthread_equal(pthread_self(), w->loop);
        atomic_store(&w->began, 1);
        while (w->lasts && !atomic_load(&w->stop))
                usleep(1000);
        usleep(20000); /* whoever waits must not be gone by now */
        w->ended = 1;
}

static void stop(void *arg)
{
        struct work *w = arg;

        w->stopped = 1;
        assert_true(pthread_equal(pthread_self(), w->loop));
        atomic_store(&w->stop, 1);
}

static void do_run(void *arg)
{
        struct work *w = arg;

        w->err = thread_run(run, stop, w);
        assert_true(w->err == BB_E_BUSY || w->ended);
}

static void start(struct work *w, int64_t timeout_ms)
{
        w->loop = pthread_self();
        assert_int_equal(bb_task_spawn("test", NULL, timeout_ms, do_run, w, &w->id), BB_OK);
}

static void run_all(void)
{
        while (task_count() > 0)
                loop_turn(20);
}

static void it_runs_beside_the_loop_and_gives_way(void **state)
{
        struct work w = {.err = 1};
        int before = getpriority(PRIO_PROCESS, 0);

        (void)state;
        start(&w, 0);
        run_all();
        assert_int_equal(w.err, BB_OK);
        assert_true(w.ended && !w.stopped && !w.on_loop && w.signals_blocked);
        assert_true(w.nice > before);
        assert_int_equal(getpriority(PRIO_PROCESS, 0), before); /* the loop's own stays */
}

static void it_is_stopped_and_waited_for(void **state)
{
        struct work cancelled = {.lasts = 1}, late = {.lasts = 1};

        (void)state;
        start(&cancelled, 0);
        start(&late, 50);
        while (!atomic_load(&cancelled.began))
                loop_turn(5);
        bb_task_cancel(cancelled.id);
        run_all();
        assert_int_equal(cancelled.err, BB_E_CANCELED);
        assert_int_equal(late.err, BB_E_TIMEOUT);
        assert_true(cancelled.ended && late.ended && cancelled.stopped && late.stopped);
}

static void there_are_so_many_and_no_more(void **state)
{
        struct work works[MOST + 1] = {{.err = 1}}, again = {.err = 1};

        (void)state;
        for (int i = 0; i <= MOST; i++) {
                works[i].lasts = 1;
                start(&works[i], 0);
        }
        loop_turn(5);
        loop_turn(5);
        assert_int_equal(works[MOST].err, BB_E_BUSY);
        assert_false(works[MOST].ended);
        for (int i = 0; i < MOST; i++)
                bb_task_cancel(works[i].id);
        run_all();
        start(&again, 0);
        run_all();
        assert_int_equal(again.err, BB_OK);
}

/* --- who is to blame when a thread crashes --- */

static char ref_export;

static const char *name_of(const bb_plugin_ref *who)
{
        return who == (const bb_plugin_ref *)(void *)&ref_export ? "export" : "";
}

/* As the handler of a crash would, while the loop goes on. */
static void crash(void *arg)
{
        *(const struct breadcrumb_page **)arg = breadcrumb_at_crash();
}

static void do_crash_in_worker(void *arg)
{
        assert_int_equal(bb_worker_run(crash, arg), BB_OK);
}

static void do_crash_in_thread(void *arg)
{
        assert_int_equal(thread_run(crash, crash, arg), BB_OK);
}

static void the_page_tells_what_a_thread_did(void **state)
{
        void (*const ways[])(void *) = {do_crash_in_worker, do_crash_in_thread};
        struct breadcrumb_page *before = breadcrumb_page;

        (void)state;
        task_set_plugin_namer(name_of);
        for (size_t i = 0; i < BB_COUNT(ways); i++) {
                struct breadcrumb_page shared = *before;
                const struct breadcrumb_page *seen = NULL;
                struct bb_task_spec spec = {.size = sizeof(spec), .name = "export.write", .run = ways[i], .arg = &seen};

                breadcrumb_page = &shared;
                assert_int_equal(task_spawn((bb_plugin_ref *)(void *)&ref_export, &spec, NULL), BB_OK);
                run_all();
                assert_ptr_equal(seen, &shared);
                assert_string_equal(shared.plugin, "export"); /* the loop has come back since */
                assert_string_equal(shared.operation, "export.write");
                breadcrumb_page = before;
        }
        task_set_plugin_namer(NULL);
}

/* --- the loop's lag, as a thread sees it --- */

static atomic_int watching;
static atomic_int_fast64_t worst_ms, last_ms;

static void *watch(void *arg)
{
        while (atomic_load(&watching)) {
                int64_t lag = loop_lag_ms();

                atomic_store(&last_ms, lag);
                if (lag > atomic_load(&worst_ms))
                        atomic_store(&worst_ms, lag);
                usleep(2000);
        }
        return arg;
}

static void a_loop_that_is_held_is_seen(void **state)
{
        int64_t begin;
        pthread_t thread;

        (void)state;
        atomic_store(&watching, 1);
        assert_int_equal(pthread_create(&thread, NULL, watch, NULL), 0);
        begin = time_mono_ms();
        while (time_mono_ms() - begin < 100)
                loop_turn(5);
        atomic_store(&worst_ms, 0);
        usleep(400000);
        /* Seen while it lasts, not only afterwards. */
        assert_true(atomic_load(&worst_ms) > 200);
        begin = time_mono_ms();
        while (atomic_load(&last_ms) > 100 && time_mono_ms() - begin < 10000)
                loop_turn(5);
        assert_true(atomic_load(&last_ms) <= 100);
        atomic_store(&watching, 0);
        pthread_join(thread, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_runs_beside_the_loop_and_gives_way), TEST(it_is_stopped_and_waited_for),
                TEST(there_are_so_many_and_no_more),         TEST(the_page_tells_what_a_thread_did),
                TEST(a_loop_that_is_held_is_seen),
        };

        return cmocka_run_group_tests_name("rt_thread", tests, NULL, NULL);
}
