/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of tasks: order, waiting, waking, cancelling, deadlines, what is done at the end, deep stacks, ten thousand
 * at once, groups and breadcrumbs.
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
#include <stdio.h>
#include <stdlib.h>

/* What the tasks did, in order. */
static struct buf story;

static void tell(const char *what)
{
        buf_print(&story, "%s%s", story.len > 0 ? " " : "", what);
}

static void assert_story(const char *expected)
{
        buf_add(&story, "", 1);
        assert_string_equal(story.ptr, expected);
        buf_free(&story);
}

static bb_task_id start(const char *name, void (*run)(void *), void *arg)
{
        bb_task_id id = 0;

        assert_int_equal(bb_task_spawn(name, NULL, 0, run, arg, &id), BB_OK);
        assert_true(id != 0);
        return id;
}

static void run_all(void)
{
        for (int turns = 0; task_count() > 0; turns++) {
                assert_true(turns < 100000);
                loop_turn(20);
        }
}

static int set_up(void **state)
{
        (void)state;
        return loop_init(2) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        loop_close();
        buf_free(&story);
        return 0;
}

/* --- order --- */

static void tell_run(void *arg)
{
        tell(arg);
}

static void nesting(void *arg)
{
        tell("outer");
        start("inner", tell_run, (void *)(uintptr_t) "inner");
        (void)arg;
        tell("outer-still");
}

static void tasks_run_in_the_order_of_their_start(void **state)
{
        (void)state;
        start("a", tell_run, (void *)(uintptr_t) "a");
        start("b", nesting, NULL);
        start("c", tell_run, (void *)(uintptr_t) "c");
        tell("not-yet");
        loop_turn(0);
        assert_int_equal(task_count(), 1);
        run_all();
        assert_story("not-yet a outer outer-still c inner");
}

static void step_twice(void *arg)
{
        tell(arg);
        assert_int_equal(bb_sleep(0), BB_OK);
        tell(arg);
}

static void waiting_tasks_alternate(void **state)
{
        (void)state;
        start("a", step_twice, (void *)(uintptr_t) "a");
        start("b", step_twice, (void *)(uintptr_t) "b");
        run_all();
        assert_story("a b a b");
}

static void ids_are_never_used_twice(void **state)
{
        bb_task_id first, second;

        (void)state;
        first = start("a", tell_run, (void *)(uintptr_t) "a");
        run_all();
        second = start("b", tell_run, (void *)(uintptr_t) "b");
        assert_true(second > first);
        bb_task_cancel(first); /* is gone: must not meet the second */
        bb_task_cancel(12345678);
        run_all();
        assert_story("a b");
}

static void never(void *arg)
{
        (void)arg;
        fail();
}

static void a_bad_spec_is_refused(void **state)
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "bad"};

        (void)state;
        assert_int_equal(task_spawn(NULL, NULL, NULL), BB_E_INVALID);
        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_E_INVALID);
        spec.run = never;
        spec.size = 8;
        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_E_INVALID);
        assert_int_equal(task_count(), 0);
}

static void beyond_the_limit_spawning_is_refused(void **state)
{
        (void)state;
        task_set_limit(2);
        start("a", tell_run, (void *)(uintptr_t) "a");
        start("b", tell_run, (void *)(uintptr_t) "b");
        assert_int_equal(bb_task_spawn("c", NULL, 0, never, NULL, NULL), BB_E_BUSY);
        run_all();
        start("d", tell_run, (void *)(uintptr_t) "d");
        run_all();
        task_set_limit(100000);
        assert_story("a b d");
}

/* --- waiting --- */

static bb_err outcome[8];
static int64_t took[8];

struct wish {
        int index;
        int64_t ms;
        bb_cond *cond;
        const char *name;
};

static void sleeper(void *arg)
{
        struct wish *w = arg;
        int64_t begin = time_mono_ms();

        outcome[w->index] = bb_sleep(w->ms);
        took[w->index] = time_mono_ms() - begin;
}

static void sleep_lasts_as_long_as_asked(void **state)
{
        struct wish a = {.index = 0, .ms = 30}, b = {.index = 1, .ms = 5};

        (void)state;
        start("a", sleeper, &a);
        start("b", sleeper, &b);
        run_all();
        assert_int_equal(outcome[0], BB_OK);
        assert_int_equal(outcome[1], BB_OK);
        assert_in_range(took[0], 30, 2000);
        assert_in_range(took[1], 5, 2000);
}

static void cancelling_ends_a_sleep(void **state)
{
        struct wish w = {.index = 0, .ms = 60000};
        bb_task_id id;

        (void)state;
        id = start("a", sleeper, &w);
        loop_turn(0);
        assert_int_equal(task_count(), 1);
        bb_task_cancel(id);
        run_all();
        assert_int_equal(outcome[0], BB_E_CANCELED);
        assert_in_range(took[0], 0, 5000);
}

static void cancelled_before_the_first_turn(void *arg)
{
        int *runs = arg;

        (*runs)++;
        outcome[0] = bb_sleep(60000);
        outcome[1] = bb_sleep(0);
}

static void a_task_cancelled_early_still_runs_but_cannot_wait(void **state)
{
        int runs = 0;

        (void)state;
        bb_task_cancel(start("a", cancelled_before_the_first_turn, &runs));
        run_all();
        assert_int_equal(runs, 1);
        assert_int_equal(outcome[0], BB_E_CANCELED);
        assert_int_equal(outcome[1], BB_E_CANCELED);
}

static void with_deadline(void *arg)
{
        int64_t begin = time_mono_ms();

        (void)arg;
        outcome[0] = bb_sleep(5);
        outcome[1] = bb_sleep(60000);
        took[1] = time_mono_ms() - begin;
        outcome[2] = bb_sleep(0);
        task_set_timeout(0);
        outcome[3] = bb_sleep(1);
}

static void a_deadline_ends_every_wait(void **state)
{
        (void)state;
        assert_int_equal(bb_task_spawn("a", NULL, 30, with_deadline, NULL, NULL), BB_OK);
        run_all();
        assert_int_equal(outcome[0], BB_OK);
        assert_int_equal(outcome[1], BB_E_TIMEOUT);
        assert_in_range(took[1], 20, 5000);
        assert_int_equal(outcome[2], BB_E_TIMEOUT);
        assert_int_equal(outcome[3], BB_OK);
}

/* A short wait, then a longer one: the alarm left over from the first must not end the second. */
static void short_then_long(void *arg)
{
        struct wish *w = arg;
        int64_t begin;

        outcome[0] = bb_cond_wait(w->cond, 20);
        begin = time_mono_ms();
        outcome[1] = bb_cond_wait(w->cond, 60);
        took[1] = time_mono_ms() - begin;
}

static void an_old_alarm_does_not_end_a_later_wait(void **state)
{
        struct wish w = {.cond = bb_cond_new()};

        (void)state;
        start("a", short_then_long, &w);
        loop_turn(0);
        bb_cond_wake_one(w.cond);
        run_all();
        assert_int_equal(outcome[0], BB_OK);
        assert_int_equal(outcome[1], BB_E_TIMEOUT);
        assert_in_range(took[1], 60, 5000);
        bb_cond_free(w.cond);
}

static bb_str last_line;

static void keep_line(bb_str line, void *arg)
{
        (void)arg;
        free((void *)(uintptr_t)last_line.ptr);
        last_line = heap_str(line);
}

static void lines_end(void)
{
        log_capture(NULL, NULL);
        free((void *)(uintptr_t)last_line.ptr);
        last_line = BB_NONE;
}

static void waiting_outside_a_task_fails_and_is_told(void **state)
{
        (void)state;
        log_capture(keep_line, NULL);
        assert_int_equal(bb_sleep(1), BB_E_INTERNAL);
        assert_non_null(last_line.ptr);
        assert_non_null(strstr(last_line.ptr, "task.outside"));
        lines_end();
}

/* --- conditions --- */

static void cond_waiter(void *arg)
{
        struct wish *w = arg;

        outcome[w->index] = bb_cond_wait(w->cond, w->ms);
        tell(w->name);
}

static void conditions_wake_in_order(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish w[] = {{0, -1, c, "a"}, {1, -1, c, "b"}, {2, -1, c, "c"}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(w); i++)
                start(w[i].name, cond_waiter, &w[i]);
        loop_turn(0);
        bb_cond_wake_one(c);
        loop_turn(0);
        assert_int_equal(task_count(), 2);
        bb_cond_wake_all(c);
        run_all();
        assert_story("a b c");
        for (size_t i = 0; i < BB_COUNT(w); i++)
                assert_int_equal(outcome[i], BB_OK);
        bb_cond_free(c);
}

static void waking_nobody_leaves_nothing_behind(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish w = {0, 5, c, "a"};

        (void)state;
        bb_cond_wake_one(c);
        start("a", cond_waiter, &w);
        run_all();
        assert_int_equal(outcome[0], BB_E_TIMEOUT);
        assert_story("a");
        bb_cond_free(c);
}

/* The first waiter is cancelled, which already ended its wait: the wake-up must reach the second. */
static void a_wake_up_is_not_lost_to_one_that_gave_up(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish a = {0, -1, c, "a"}, b = {1, 2000, c, "b"};
        bb_task_id id;

        (void)state;
        id = start("a", cond_waiter, &a);
        start("b", cond_waiter, &b);
        loop_turn(0);
        bb_task_cancel(id);
        bb_cond_wake_one(c);
        run_all();
        assert_int_equal(outcome[0], BB_E_CANCELED);
        assert_int_equal(outcome[1], BB_OK);
        bb_cond_free(c);
        assert_story("a b");
}

static void wake_later(void *arg)
{
        bb_cond_wake_one(arg);
}

/* The same with a time-out: the alarm goes off and the wake-up comes in the same turn, before the waiter ran. */
static void a_wake_up_is_not_lost_to_one_whose_time_ran_out(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish a = {0, 20, c, "a"}, b = {1, 2000, c, "b"};
        int64_t begin;

        (void)state;
        start("a", cond_waiter, &a);
        start("b", cond_waiter, &b);
        loop_turn(0);
        begin = time_mono_ms();
        while (time_mono_ms() - begin < 40)
                ;                  /* holds the loop, so that the alarm is due at the next turn */
        loop_defer(wake_later, c); /* runs after the alarm, before the tasks */
        run_all();
        assert_int_equal(outcome[0], BB_E_TIMEOUT);
        assert_int_equal(outcome[1], BB_OK);
        bb_cond_free(c);
        assert_story("a b");
}

static void a_task_that_was_woken_is_not_cancelled_in_that_wait(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish a = {0, -1, c, "a"};
        bb_task_id id;

        (void)state;
        id = start("a", cond_waiter, &a);
        loop_turn(0);
        bb_cond_wake_one(c);
        bb_task_cancel(id);
        run_all();
        assert_int_equal(outcome[0], BB_OK);
        bb_cond_free(c);
        assert_story("a");
}

static void a_condition_in_use_is_not_freed(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish a = {0, -1, c, "a"};

        (void)state;
        log_capture(keep_line, NULL);
        start("a", cond_waiter, &a);
        loop_turn(0);
        bb_cond_free(c);
        assert_non_null(strstr(last_line.ptr, "cond.in_use"));
        lines_end();
        bb_cond_wake_all(c);
        run_all();
        bb_cond_free(c);
        assert_story("a");
}

/* --- firm waits --- */

static struct task *firm;

static void firm_waiter(void *arg)
{
        (void)arg;
        firm = task_current();
        task_park_firmly();
        tell("released");
        outcome[0] = bb_sleep(0);
}

static void a_firm_wait_ends_by_waking_alone(void **state)
{
        bb_task_id id;

        (void)state;
        assert_int_equal(bb_task_spawn("firm", NULL, 10, firm_waiter, NULL, &id), BB_OK);
        loop_turn(0);
        bb_task_cancel(id);
        for (int i = 0; i < 4; i++)
                loop_turn(10);
        assert_int_equal(story.len, 0);
        assert_true(task_is_parked(firm));
        task_wake(firm);
        assert_false(task_is_parked(firm));
        task_wake(firm); /* is ignored */
        run_all();
        assert_story("released");
        assert_int_equal(outcome[0], BB_E_CANCELED);
}

/* --- the end --- */

static void with_ends(void *arg)
{
        char *memory = bb_alloc(16);

        (void)arg;
        assert_int_equal((uintptr_t)memory % 16, 0);
        task_at_end(tell_run, (void *)(uintptr_t) "first");
        assert_int_equal(bb_sleep(0), BB_OK);
        memcpy(memory, "second", 7);
        task_at_end(tell_run, memory); /* still there: the arena goes later */
        arena_cleanup(task_arena(task_current()), tell_run, (void *)(uintptr_t) "arena");
        tell("body");
}

static void what_is_left_to_the_end_runs_newest_first(void **state)
{
        (void)state;
        start("a", with_ends, NULL);
        run_all();
        assert_story("body second first arena");
}

static void own_memory(void *arg)
{
        bb_str s = bb_print("%s-%d", (const char *)arg, 7);

        bb_sleep(1);
        tell(s.ptr);
}

static void memory_belongs_to_the_task(void **state)
{
        struct arena *outside = arena_current;
        bb_str s = bb_print("outside");

        (void)state;
        start("a", own_memory, (void *)(uintptr_t) "a");
        start("b", own_memory, (void *)(uintptr_t) "b");
        assert_string_equal(s.ptr, "outside");
        run_all();
        assert_ptr_equal(arena_current, outside);
        assert_story("a-7 b-7");
}

/* --- stacks --- */

static uint64_t dig(int depth)
{
        volatile char room[1024];

        for (size_t i = 0; i < sizeof(room); i++)
                room[i] = (char)(depth + (int)i);
        if (depth == 0)
                return (unsigned char)room[7];
        return dig(depth - 1) + (unsigned char)room[7];
}

static void dig_deep(void *arg)
{
        uint64_t *ret = arg;

        *ret = dig(200); /* some 200 KiB */
        bb_sleep(0);
        *ret += dig(200);
}

static void most_of_a_stack_can_be_used(void **state)
{
        uint64_t sums[40] = {0}, expected = 2 * dig(200);

        (void)state;
        for (size_t i = 0; i < BB_COUNT(sums); i++) /* more than stay warm in the pool */
                start("deep", dig_deep, &sums[i]);
        run_all();
        for (size_t i = 0; i < BB_COUNT(sums); i++)
                assert_int_equal(sums[i], expected);
}

static size_t awake;

static void one_of_many(void *arg)
{
        assert_int_equal(bb_cond_wait(arg, -1), BB_OK);
        awake++;
}

static void ten_thousand_at_once(void **state)
{
        size_t many = WITH_TSAN ? 500 : 10000; /* TSan counts each as a thread */
        bb_cond *c = bb_cond_new();

        (void)state;
        awake = 0;
        for (size_t i = 0; i < many; i++)
                start("many", one_of_many, c);
        loop_turn(0);
        assert_int_equal(task_count(), many);
        assert_int_equal(awake, 0);
        bb_cond_wake_all(c);
        run_all();
        assert_int_equal(awake, many);
        bb_cond_free(c);
}

/* --- groups, tenants, breadcrumbs --- */

static bb_plugin_ref *const plugin_a = (bb_plugin_ref *)(uintptr_t)0x1000, *const plugin_b =
                                                                                   (bb_plugin_ref *)(uintptr_t)0x2000;
static struct bb_tenant tenant_x = {.magic = TENANT_MAGIC, .id = {"xenon", 5}};
static struct bb_tenant tenant_y = {.magic = TENANT_MAGIC, .id = {"yttrium", 7}};

static const char *name_of(const bb_plugin_ref *who)
{
        return who == plugin_a ? "plugin-a" : "plugin-b";
}

static bb_err start_in(bb_plugin_ref *who, bb_tenant *tenant, void (*run)(void *), void *arg)
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "grouped", .tenant = tenant, .run = run, .arg = arg};

        return task_spawn(who, &spec, NULL);
}

static void a_group_is_cancelled_while_it_waits(void **state)
{
        bb_cond *c = bb_cond_new();
        struct wish w[] = {{0, -1, c, "ax"}, {1, -1, c, "bx"}, {2, -1, c, "ay"}, {3, 60000, c, "ax2"}};

        (void)state;
        assert_int_equal(start_in(plugin_a, &tenant_x, cond_waiter, &w[0]), BB_OK);
        assert_int_equal(start_in(plugin_b, &tenant_x, cond_waiter, &w[1]), BB_OK);
        assert_int_equal(start_in(plugin_a, &tenant_y, cond_waiter, &w[2]), BB_OK);
        loop_turn(0);
        assert_int_equal(start_in(plugin_a, &tenant_x, cond_waiter, &w[3]), BB_OK); /* has not run yet */
        assert_int_equal(task_group_count(plugin_a, &tenant_x), 2);
        assert_int_equal(task_group_count(plugin_a, NULL), 3);
        assert_int_equal(task_group_count(NULL, &tenant_x), 3);
        task_cancel_group(plugin_a, &tenant_x);
        for (int i = 0; i < 3; i++)
                loop_turn(0);
        assert_int_equal(task_group_count(plugin_a, &tenant_x), 0);
        assert_int_equal(task_count(), 2);
        assert_int_equal(outcome[0], BB_E_CANCELED);
        assert_int_equal(outcome[3], BB_E_CANCELED);
        bb_cond_wake_all(c);
        run_all();
        assert_int_equal(outcome[1], BB_OK);
        assert_int_equal(outcome[2], BB_OK);
        bb_cond_free(c);
        buf_free(&story);
}

static void guest(void *arg)
{
        const bb_plugin_ref *before = task_enter_plugin(plugin_b, "handler");

        outcome[0] = bb_cond_wait(arg, -1);
        task_leave_plugin(before);
        outcome[1] = task_group_count(plugin_b, NULL) == 0 ? BB_OK : BB_E_INTERNAL;
}

static void a_task_inside_a_plugin_belongs_to_it(void **state)
{
        bb_cond *c = bb_cond_new();

        (void)state;
        assert_int_equal(start_in(NULL, &tenant_x, guest, c), BB_OK);
        loop_turn(0);
        assert_int_equal(task_group_count(plugin_b, &tenant_x), 1);
        task_cancel_group(plugin_b, &tenant_x);
        run_all();
        assert_int_equal(outcome[0], BB_E_CANCELED);
        assert_int_equal(outcome[1], BB_OK);
        bb_cond_free(c);
}

static void a_stopping_tenant_takes_no_tasks_of_plugins(void **state)
{
        (void)state;
        tenant_x.stopping = 1;
        assert_int_equal(start_in(plugin_a, &tenant_x, never, NULL), BB_E_CANCELED);
        assert_int_equal(start_in(NULL, &tenant_x, tell_run, (void *)(uintptr_t) "core"), BB_OK);
        tenant_x.stopping = 0;
        run_all();
        assert_story("core");
}

static bb_tenant *tenant_seen;

static void look_at_tenant(void *arg)
{
        (void)arg;
        tenant_seen = bb_task_tenant();
}

static void inherit(void *arg)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .flags = TASK_WITHOUT_TENANT, .name = "none", .run = look_at_tenant};

        (void)arg;
        start("child", look_at_tenant, NULL);
        bb_sleep(5);
        assert_ptr_equal(tenant_seen, &tenant_x);
        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        bb_sleep(5);
        assert_null(tenant_seen);
        task_set_tenant(&tenant_y);
        start("child", look_at_tenant, NULL);
        bb_sleep(5);
        assert_ptr_equal(tenant_seen, &tenant_y);
}

static void the_tenant_is_inherited(void **state)
{
        (void)state;
        assert_null(bb_task_tenant());
        assert_int_equal(start_in(plugin_a, &tenant_x, inherit, NULL), BB_OK);
        run_all();
}

static void assert_crumbs(const char *plugin, const char *tenant, const char *operation)
{
        assert_string_equal(breadcrumb_page->plugin, plugin);
        assert_string_equal(breadcrumb_page->tenant, tenant);
        assert_string_equal(breadcrumb_page->operation, operation);
}

static void leave_crumbs(void *arg)
{
        const bb_plugin_ref *before, *inner;

        (void)arg;
        assert_crumbs("plugin-a", "xenon", "grouped");
        before = task_enter_plugin(plugin_b, "b.handler");
        assert_ptr_equal(before, plugin_a);
        assert_crumbs("plugin-b", "xenon", "b.handler");
        bb_sleep(2);
        assert_crumbs("plugin-b", "xenon", "b.handler");
        inner = task_enter_plugin(plugin_a, "a.again");
        assert_ptr_equal(inner, plugin_b);
        assert_crumbs("plugin-a", "xenon", "a.again");
        task_leave_plugin(inner);
        assert_crumbs("plugin-b", "xenon", "b.handler");
        task_leave_plugin(before);
        assert_crumbs("plugin-a", "xenon", "grouped");
}

static void the_breadcrumb_names_who_runs(void **state)
{
        const bb_plugin_ref *before;

        (void)state;
        task_set_plugin_namer(name_of);
        assert_int_equal(start_in(plugin_a, &tenant_x, leave_crumbs, NULL), BB_OK);
        loop_turn(0);
        assert_crumbs("", "", ""); /* the loop itself, while the task sleeps */
        before = task_enter_plugin(plugin_b, "on_arrival");
        assert_crumbs("plugin-b", "", "on_arrival");
        task_leave_plugin(before);
        assert_crumbs("", "", "");
        run_all();
        assert_crumbs("", "", "");
        task_set_plugin_namer(NULL);
}

static void log_something(void *arg)
{
        (void)arg;
        bb_log(BB_WARN, "test.line", "hello");
}

static void log_lines_name_tenant_and_task(void **state)
{
        (void)state;
        log_capture(keep_line, NULL);
        assert_int_equal(start_in(NULL, &tenant_x, log_something, NULL), BB_OK);
        run_all();
        assert_non_null(strstr(last_line.ptr, "\"xenon\""));
        assert_non_null(strstr(last_line.ptr, "\"grouped\""));
        lines_end();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(tasks_run_in_the_order_of_their_start),
                TEST(waiting_tasks_alternate),
                TEST(ids_are_never_used_twice),
                TEST(a_bad_spec_is_refused),
                TEST(beyond_the_limit_spawning_is_refused),
                TEST(sleep_lasts_as_long_as_asked),
                TEST(cancelling_ends_a_sleep),
                TEST(a_task_cancelled_early_still_runs_but_cannot_wait),
                TEST(a_deadline_ends_every_wait),
                TEST(an_old_alarm_does_not_end_a_later_wait),
                TEST(waiting_outside_a_task_fails_and_is_told),
                TEST(conditions_wake_in_order),
                TEST(waking_nobody_leaves_nothing_behind),
                TEST(a_wake_up_is_not_lost_to_one_that_gave_up),
                TEST(a_wake_up_is_not_lost_to_one_whose_time_ran_out),
                TEST(a_task_that_was_woken_is_not_cancelled_in_that_wait),
                TEST(a_condition_in_use_is_not_freed),
                TEST(a_firm_wait_ends_by_waking_alone),
                TEST(what_is_left_to_the_end_runs_newest_first),
                TEST(memory_belongs_to_the_task),
                TEST(most_of_a_stack_can_be_used),
                TEST(ten_thousand_at_once),
                TEST(a_group_is_cancelled_while_it_waits),
                TEST(a_task_inside_a_plugin_belongs_to_it),
                TEST(a_stopping_tenant_takes_no_tasks_of_plugins),
                TEST(the_tenant_is_inherited),
                TEST(the_breadcrumb_names_who_runs),
                TEST(log_lines_name_tenant_and_task),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
