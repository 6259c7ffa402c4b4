/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop, timers, worker threads, ids and clocks. Also meant to be run under ThreadSanitizer: build core/base,
 * core/rt and this file with -fsanitize=thread in place of -fsanitize=address,undefined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/tenant.h"
#include "base/time.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static bb_plugin_ref *const plugin = (bb_plugin_ref *)(uintptr_t)0x1000;
static struct bb_tenant tenant = {.magic = TENANT_MAGIC, .id = {"xenon", 5}};

static int set_up(void **state)
{
        (void)state;
        tenant.stopping = 0;
        return loop_init(2) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        loop_close();
        return 0;
}

static void start(void (*run)(void *), void *arg)
{
        assert_int_equal(bb_task_spawn("test", NULL, 0, run, arg, NULL), BB_OK);
}

static void run_all(void)
{
        for (int turns = 0; task_count() > 0; turns++) {
                assert_true(turns < 100000);
                loop_turn(20);
        }
}

static void turn_for(int64_t ms)
{
        int64_t begin = time_mono_ms();

        while (time_mono_ms() - begin < ms)
                loop_turn(2);
}

static void hold_loop(int64_t ms)
{
        int64_t begin = time_mono_ms();

        while (time_mono_ms() - begin < ms)
                usleep(1000);
}

/* --- the loop --- */

static int order[8];
static int order_count;

static void note(void *arg)
{
        if (order_count < (int)BB_COUNT(order))
                order[order_count++] = (int)(intptr_t)arg;
}

static void defer_more(void *arg)
{
        note(arg);
        loop_defer(note, (void *)3);
}

static void deferred_calls_run_in_order_at_the_next_turn(void **state)
{
        (void)state;
        order_count = 0;
        loop_defer(note, (void *)1);
        loop_defer(defer_more, (void *)2);
        assert_int_equal(order_count, 0);
        loop_turn(1000); /* does not wait */
        assert_int_equal(order_count, 2);
        loop_turn(1000);
        assert_int_equal(order_count, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(order[i], i + 1);
}

static void stop_soon(void *arg)
{
        bb_sleep(5);
        note(arg);
        loop_stop();
}

static void the_loop_runs_until_it_is_stopped(void **state)
{
        (void)state;
        order_count = 0;
        start(stop_soon, (void *)1);
        loop_run();
        assert_int_equal(order_count, 1);
}

static void a_turn_waits_no_longer_than_asked(void **state)
{
        int64_t begin = time_mono_ms();

        (void)state;
        loop_turn(30);
        assert_in_range(time_mono_ms() - begin, 20, 2000);
}

static void memory_outside_tasks_lasts_for_the_turn(void **state)
{
        size_t empty = arena_bytes(arena_current);

        (void)state;
        (void)bb_alloc(1024 * 1024);
        assert_true(arena_bytes(arena_current) > empty);
        loop_turn(0);
        assert_int_equal(arena_bytes(arena_current), empty);
}

enum { POSTERS = 4, POSTS = 500 };
static int seen[POSTERS], out_of_order, posted_total;

static void on_post(void *arg)
{
        int poster = (int)((intptr_t)arg / POSTS), number = (int)((intptr_t)arg % POSTS);

        if (number != seen[poster]++)
                out_of_order++;
        posted_total++;
}

static void *post_many(void *arg)
{
        for (int i = 0; i < POSTS; i++) {
                loop_post(on_post, (void *)((intptr_t)arg * POSTS + i));
                if (i % 100 == 0)
                        usleep(500);
        }
        return NULL;
}

static void posts_of_threads_arrive_in_order(void **state)
{
        pthread_t threads[POSTERS];

        (void)state;
        memset(seen, 0, sizeof(seen));
        out_of_order = posted_total = 0;
        for (intptr_t i = 0; i < POSTERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
        for (int turns = 0; posted_total < POSTERS * POSTS && turns < 10000; turns++)
                loop_turn(100);
        for (int i = 0; i < POSTERS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(posted_total, POSTERS * POSTS);
        assert_int_equal(out_of_order, 0);
}

static void look_at_clock(void *arg)
{
        int64_t *ret = arg;

        ret[0] = bb_now_ms();
        hold_loop(10);
        ret[1] = bb_now_ms();
        bb_sleep(15);
        ret[2] = bb_now_ms();
}

static void the_clock_stands_still_within_a_turn(void **state)
{
        int64_t clock[3], before = time_now_ms();

        (void)state;
        start(look_at_clock, clock);
        run_all();
        assert_true(clock[0] >= before);
        assert_int_equal(clock[0], clock[1]);
        assert_true(clock[2] >= clock[0] + 15);
}

/* --- timers --- */

static int ticks, tick_turns_overlapping, ticks_running;
static bb_timer *ticking;
static int64_t tick_sleep_ms;

static void tick(void *arg)
{
        (void)arg;
        assert_non_null(task_current());
        ticks++;
        tick_turns_overlapping += ticks_running++ > 0;
        if (tick_sleep_ms > 0)
                bb_sleep(tick_sleep_ms);
        ticks_running--;
}

static void reset_ticks(void)
{
        ticks = tick_turns_overlapping = ticks_running = 0;
        tick_sleep_ms = 0;
}

static void a_single_timer_fires_once(void **state)
{
        bb_timer *t;

        (void)state;
        reset_ticks();
        t = bb_timer_new(NULL, "once", 10, 0, tick, NULL);
        assert_non_null(t);
        loop_turn(0);
        assert_int_equal(ticks, 0);
        turn_for(50);
        assert_int_equal(ticks, 1);
        bb_timer_free(t);
}

static void a_timer_goes_on_until_it_is_freed(void **state)
{
        bb_timer *t;
        int at_end;

        (void)state;
        reset_ticks();
        t = bb_timer_new(NULL, "often", 0, 10, tick, NULL);
        turn_for(105);
        assert_in_range(ticks, 2, 12);
        bb_timer_free(t);
        at_end = ticks;
        turn_for(30);
        assert_int_equal(ticks, at_end);
        bb_timer_free(t); /* once more does no harm */
}

static void a_late_timer_is_not_doubled(void **state)
{
        bb_timer *t;

        (void)state;
        reset_ticks();
        t = bb_timer_new(NULL, "late", 5, 5, tick, NULL);
        hold_loop(100);
        loop_turn(10);
        loop_turn(0);
        assert_in_range(ticks, 1, 2);
        bb_timer_free(t);
        run_all();
}

static void a_timer_waits_for_its_run_before(void **state)
{
        bb_timer *t;

        (void)state;
        reset_ticks();
        tick_sleep_ms = 40;
        t = bb_timer_new(NULL, "slow", 0, 5, tick, NULL);
        turn_for(130);
        assert_in_range(ticks, 1, 4);
        assert_int_equal(tick_turns_overlapping, 0);
        bb_timer_free(t);
        run_all();
}

static void free_itself(void *arg)
{
        (void)arg;
        ticks++;
        bb_timer_free(ticking);
        bb_sleep(5);
        ticks += 10;
}

static void a_timer_may_be_freed_by_its_own_run(void **state)
{
        (void)state;
        reset_ticks();
        ticking = bb_timer_new(NULL, "self", 1, 1, free_itself, NULL);
        turn_for(40);
        run_all();
        assert_int_equal(ticks, 11);
}

static void a_group_takes_its_timers_along(void **state)
{
        bb_timer *ended, *goes_on;

        (void)state;
        reset_ticks();
        ended = rt_ops.timer_new(plugin, &tenant, "ended", 5, 5, tick, NULL);
        task_cancel_group(plugin, &tenant);
        turn_for(30);
        assert_int_equal(ticks, 0);
        bb_timer_free(ended); /* as a plugin does in tenant_stop, which comes after */
        goes_on = bb_timer_new(NULL, "core", 5, 5, tick, NULL);
        task_cancel_group(plugin, &tenant);
        turn_for(30);
        assert_true(ticks > 0);
        bb_timer_free(ended); /* must not hit the other one */
        ticks = 0;
        turn_for(30);
        assert_true(ticks > 0);
        bb_timer_free(goes_on);
        run_all();
}

static void a_stopping_tenant_has_no_timers(void **state)
{
        (void)state;
        reset_ticks();
        rt_ops.timer_new(plugin, &tenant, "stopping", 1, 1, tick, NULL);
        tenant.stopping = 1;
        turn_for(30);
        assert_int_equal(ticks, 0);
}

/* --- worker threads --- */

struct sum {
        int64_t up_to, result;
        int outcome, on_loop_thread, signals_blocked;
        pthread_t loop;
};

static void add_up(void *arg)
{
        struct sum *s = arg;
        sigset_t mask;

        for (int64_t i = 1; i <= s->up_to; i++)
                s->result += i;
        s->on_loop_thread = pthread_equal(pthread_self(), s->loop) != 0;
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        s->signals_blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD);
        usleep(200);
}

static void ask_worker(void *arg)
{
        struct sum *s = arg;

        s->outcome = bb_worker_run(add_up, s);
}

static void workers_give_results_back(void **state)
{
        struct sum sums[50] = {0};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(sums); i++) {
                sums[i].up_to = (int64_t)i * 100;
                sums[i].loop = pthread_self();
                start(ask_worker, &sums[i]);
        }
        run_all();
        for (size_t i = 0; i < BB_COUNT(sums); i++) {
                assert_int_equal(sums[i].outcome, BB_OK);
                assert_int_equal(sums[i].result, sums[i].up_to * (sums[i].up_to + 1) / 2);
                assert_false(sums[i].on_loop_thread);
                assert_true(sums[i].signals_blocked);
        }
}

static void work_slowly(void *arg)
{
        usleep(40000);
        *(int *)arg = 1;
}

static bb_err after_work, after_cancel;

static void work_on_own_stack(void *arg)
{
        int done = 0;

        (void)arg;
        after_work = bb_worker_run(work_slowly, &done);
        assert_int_equal(done, 1); /* the stack stayed until the thread was through */
        after_cancel = bb_sleep(0);
}

static void a_job_outlives_cancelling(void **state)
{
        bb_task_id id;

        (void)state;
        assert_int_equal(bb_task_spawn("work", NULL, 5, work_on_own_stack, NULL, &id), BB_OK);
        loop_turn(0);
        bb_task_cancel(id);
        run_all();
        assert_int_equal(after_work, BB_OK);
        assert_int_equal(after_cancel, BB_E_CANCELED);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int busy_count, done_count;

static void pass_gate(void *arg)
{
        (void)arg;
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
}

static void queue_up(void *arg)
{
        bb_err err = bb_worker_run(pass_gate, arg);

        busy_count += err == BB_E_BUSY;
        done_count += err == BB_OK;
}

static void a_full_queue_is_busy(void **state)
{
        const int many = 1024 + 2 + 20; /* queued, being worked on, too many */

        (void)state;
        busy_count = done_count = 0;
        pthread_mutex_lock(&gate);
        for (int i = 0; i < 2; i++)
                start(queue_up, NULL);
        turn_for(50); /* both threads hang on the gate */
        for (int i = 2; i < many; i++)
                start(queue_up, NULL);
        loop_turn(0);
        assert_int_equal(busy_count, 20);
        pthread_mutex_unlock(&gate);
        run_all();
        assert_int_equal(done_count, many - 20);
}

static bb_str line_of_worker;

static void keep_line(bb_str line, void *arg)
{
        (void)arg;
        if (line_of_worker.ptr == NULL)
                line_of_worker = heap_str(line);
}

static void log_from_thread(void *arg)
{
        bb_log(BB_WARN, "worker.line", "hello", bb_kv_cstr("password", arg));
}

static void ask_for_log(void *arg)
{
        bb_worker_run(log_from_thread, arg);
}

static void lines_of_workers_name_their_tenant(void **state)
{
        (void)state;
        log_capture(keep_line, NULL);
        assert_int_equal(bb_task_spawn("hashing", &tenant, 0, ask_for_log, (void *)(uintptr_t) "hunter2", NULL), BB_OK);
        run_all();
        log_capture(NULL, NULL);
        assert_non_null(line_of_worker.ptr);
        assert_non_null(strstr(line_of_worker.ptr, "\"xenon\""));
        assert_non_null(strstr(line_of_worker.ptr, "\"hashing\""));
        assert_null(strstr(line_of_worker.ptr, "hunter2"));
        free((void *)(uintptr_t)line_of_worker.ptr);
}

/* --- ids and times --- */

static void uuids_sort_by_time(void **state)
{
        char before[37] = "", first[37] = "";
        int64_t now = time_now_ms(), ms;

        (void)state;
        for (int i = 0; i < 20000; i++) { /* more than one millisecond's counter holds */
                bb_str id = bb_uuid();

                assert_int_equal(id.len, 36);
                assert_int_equal(id.ptr[14], '7');
                assert_non_null(strchr("89ab", id.ptr[19]));
                assert_true(strcmp(id.ptr, before) > 0);
                memcpy(before, id.ptr, 37);
                if (i == 0)
                        memcpy(first, id.ptr, 37);
                if (i % 1000 == 0)
                        loop_turn(0);
        }
        first[8] = '\0';
        ms = (int64_t)(strtoull(first, NULL, 16) << 16 | strtoull(first + 9, NULL, 16));
        assert_in_range(ms, now, now + 5000);
}

static void times_go_there_and_back(void **state)
{
        int64_t ms = 0;
        bb_str text = bb_time_text(1795338000123);

        (void)state;
        assert_string_equal(text.ptr, "2026-11-22T09:00:00.123Z");
        assert_int_equal(bb_time_parse(text, &ms), BB_OK);
        assert_int_equal(ms, 1795338000123);
        assert_int_equal(bb_time_parse(BB_STR("2026-11-22T10:00:00+01:00"), &ms), BB_OK);
        assert_int_equal(ms, 1795338000000);
        assert_int_equal(bb_time_parse(BB_STR("2026-11-22T10:00:00"), &ms), BB_E_INVALID);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(deferred_calls_run_in_order_at_the_next_turn),
                TEST(the_loop_runs_until_it_is_stopped),
                TEST(a_turn_waits_no_longer_than_asked),
                TEST(memory_outside_tasks_lasts_for_the_turn),
                TEST(posts_of_threads_arrive_in_order),
                TEST(the_clock_stands_still_within_a_turn),
                TEST(a_single_timer_fires_once),
                TEST(a_timer_goes_on_until_it_is_freed),
                TEST(a_late_timer_is_not_doubled),
                TEST(a_timer_waits_for_its_run_before),
                TEST(a_timer_may_be_freed_by_its_own_run),
                TEST(a_group_takes_its_timers_along),
                TEST(a_stopping_tenant_has_no_timers),
                TEST(workers_give_results_back),
                TEST(a_job_outlives_cancelling),
                TEST(a_full_queue_is_busy),
                TEST(lines_of_workers_name_their_tenant),
                TEST(uuids_sort_by_time),
                TEST(times_go_there_and_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
