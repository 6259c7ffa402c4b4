/* SPDX-License-Identifier: Apache-2.0
 *
 * The bus within one process: who gets what, in which tenant, and what a request is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/tenant.h"
#include "base/time.h"
#include "mod/bus_local.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <stdlib.h>

static struct bb_tenant tenant_x = {.magic = TENANT_MAGIC, .id = {"xenon", 5}};
static struct bb_tenant tenant_y = {.magic = TENANT_MAGIC, .id = {"yttrium", 7}};
static bb_plugin_ref *const plugin_a = (bb_plugin_ref *)(uintptr_t)0x1000, *const plugin_b =
                                                                                   (bb_plugin_ref *)(uintptr_t)0x2000;
static struct buf story;

static int set_up(void **state)
{
        (void)state;
        return loop_init(1) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        bus_close_group(NULL, NULL);
        loop_close();
        buf_free(&story);
        return 0;
}

static void run_all(void)
{
        for (int turns = 0; task_count() > 0; turns++) {
                assert_true(turns < 100000);
                loop_turn(20);
        }
}

static void assert_story(const char *expected)
{
        buf_add(&story, "", 1);
        assert_string_equal(story.ptr, expected);
        buf_free(&story);
}

/* Notes "name:subject=data@tenant ". */
static void note(bb_str subject, bb_str data, bb_str *ret_reply, void *arg)
{
        bb_tenant *t = bb_task_tenant();

        (void)ret_reply;
        assert_non_null(task_current());
        buf_print(&story, "%s:%.*s=%.*s", (const char *)arg, BB_FMT(subject), BB_FMT(data));
        buf_print(&story, "@%.*s ", t != NULL ? (int)t->id.len : 1, t != NULL ? t->id.ptr : "-");
}

static bb_subscription *listen_to(bb_plugin_ref *who, bb_tenant *tenant, const char *subject, const char *name)
{
        bb_subscription *s = NULL;

        assert_int_equal(bus_local_ops.subscribe(who, tenant, bb_cstr(subject), note, (void *)(uintptr_t)name, &s),
                         BB_OK);
        assert_non_null(s);
        return s;
}

static void publish(const char *subject, const char *data)
{
        assert_int_equal(bb_bus_publish(bb_cstr(subject), bb_cstr(data)), BB_OK);
}

static void subscribers_get_what_matches(void **state)
{
        (void)state;
        listen_to(NULL, &tenant_x, "station.x.1", "exact");
        listen_to(NULL, NULL, "station.>", "rest");
        listen_to(NULL, &tenant_y, ">", "all");
        listen_to(NULL, NULL, "station.x", "shorter");
        listen_to(NULL, NULL, "station.x.1.>", "longer");
        publish("station.x.1", "one");
        publish("station", "two");
        publish("stations.x.1", "three");
        run_all();
        assert_story("exact:station.x.1=one@xenon rest:station.x.1=one@- all:station.x.1=one@yttrium "
                     "all:station=two@yttrium all:stations.x.1=three@yttrium ");
}

static void messages_start_in_order(void **state)
{
        (void)state;
        listen_to(NULL, NULL, "n", "a");
        publish("n", "1");
        publish("n", "2");
        publish("n", "3");
        run_all();
        assert_story("a:n=1@- a:n=2@- a:n=3@- ");
}

static void in_task_of_x(void *arg)
{
        (void)arg;
        publish("n", "1");
}

static void a_subscriber_never_runs_in_the_publishers_tenant(void **state)
{
        (void)state;
        listen_to(NULL, NULL, "n", "none");
        listen_to(plugin_a, &tenant_y, "n", "y");
        assert_int_equal(bb_task_spawn("x", &tenant_x, 0, in_task_of_x, NULL, NULL), BB_OK);
        run_all();
        assert_story("none:n=1@- y:n=1@yttrium ");
}

static void bad_subjects_are_refused(void **state)
{
        static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b", "a.*", "a\x7f"};
        bb_subscription *s = NULL;
        char big[300];

        (void)state;
        memset(big, 'a', sizeof(big));
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                assert_int_equal(bb_bus_publish(bb_cstr(bad[i]), BB_NONE), BB_E_INVALID);
                assert_int_equal(bus_local_ops.subscribe(NULL, NULL, bb_cstr(bad[i]), note, NULL, &s), BB_E_INVALID);
        }
        assert_int_equal(bb_bus_publish(BB_STR("a.>"), BB_NONE), BB_E_INVALID);
        assert_int_equal(bb_bus_publish(BB_STR(">"), BB_NONE), BB_E_INVALID);
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR(">.a"), note, NULL, &s), BB_E_INVALID);
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR(".>"), note, NULL, &s), BB_E_INVALID);
        assert_int_equal(bb_bus_publish((bb_str){big, sizeof(big)}, BB_NONE), BB_E_INVALID);
        assert_int_equal(bb_bus_publish(BB_STR("a"), (bb_str){big, 2u << 20}), BB_E_LIMIT);
        assert_null(s);
}

static void who_has_left_gets_nothing(void **state)
{
        bb_subscription *a = listen_to(NULL, NULL, "n", "a"), *b;

        (void)state;
        publish("n", "under-way");
        bb_bus_unsubscribe(a); /* before its task had a turn */
        run_all();
        assert_int_equal(story.len, 0);
        b = listen_to(NULL, NULL, "n", "b");
        bb_bus_unsubscribe(a); /* once more: must not hit the new one */
        publish("n", "1");
        run_all();
        bb_bus_unsubscribe(b);
        assert_story("b:n=1@- ");
}

static void a_group_ends_its_subscriptions(void **state)
{
        bb_subscription *ended;

        (void)state;
        ended = listen_to(plugin_a, &tenant_x, "n", "ax");
        listen_to(plugin_a, &tenant_y, "n", "ay");
        listen_to(plugin_b, &tenant_x, "n", "bx");
        assert_int_equal(bus_group_count(plugin_a, NULL), 2);
        bus_close_group(plugin_a, &tenant_x);
        assert_int_equal(bus_group_count(plugin_a, &tenant_x), 0);
        assert_int_equal(bus_group_count(NULL, NULL), 2);
        bb_bus_unsubscribe(ended);
        publish("n", "1");
        run_all();
        assert_story("ay:n=1@yttrium bx:n=1@xenon ");
}

/* --- requests --- */

struct request {
        const char *subject;
        int64_t timeout_ms;
        bb_err outcome;
        char reply[32];
        int64_t took_ms;
};

static void ask(void *arg)
{
        struct request *r = arg;
        int64_t begin = time_mono_ms();
        bb_str reply = BB_NONE;

        r->outcome = bb_bus_request(bb_cstr(r->subject), BB_STR("ping"), r->timeout_ms, &reply);
        r->took_ms = time_mono_ms() - begin;
        if (r->outcome == BB_OK)
                memcpy(r->reply, reply.ptr, reply.len + 1);
        else
                assert_null(reply.ptr);
}

static void ask_all(struct request *r)
{
        assert_int_equal(bb_task_spawn("ask", &tenant_x, 0, ask, r, NULL), BB_OK);
        run_all();
}

static void pong(bb_str subject, bb_str data, bb_str *ret_reply, void *arg)
{
        (void)subject;
        assert_true(bb_str_is(data, "ping"));
        if (arg != NULL)
                bb_sleep((intptr_t)arg);
        *ret_reply = bb_print("pong after %d", (int)(intptr_t)arg);
}

static void a_request_gets_its_reply(void **state)
{
        struct request r = {.subject = "s.1", .timeout_ms = 5000};
        bb_subscription *s;

        (void)state;
        assert_int_equal(bus_local_ops.subscribe(plugin_a, &tenant_y, BB_STR("s.>"), pong, (void *)5, &s), BB_OK);
        ask_all(&r);
        assert_int_equal(r.outcome, BB_OK);
        assert_string_equal(r.reply, "pong after 5");
}

static void nobody_there_is_offline_at_once(void **state)
{
        struct request r = {.subject = "s.1", .timeout_ms = 60000};

        (void)state;
        ask_all(&r);
        assert_int_equal(r.outcome, BB_E_OFFLINE);
        assert_in_range(r.took_ms, 0, 5000);
}

static void the_first_reply_counts(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 5000};

        (void)state;
        listen_to(NULL, NULL, "s", "silent");
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR("s"), pong, (void *)60, NULL), BB_OK);
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR("s"), pong, (void *)5, NULL), BB_OK);
        ask_all(&r);
        assert_int_equal(r.outcome, BB_OK);
        assert_string_equal(r.reply, "pong after 5");
        buf_free(&story);
}

static void a_slow_answer_is_a_time_out(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 20};

        (void)state;
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR("s"), pong, (void *)600, NULL), BB_OK);
        ask_all(&r); /* the late reply goes nowhere */
        assert_int_equal(r.outcome, BB_E_TIMEOUT);
        assert_in_range(r.took_ms, 20, 590);
}

static void silence_is_a_time_out_at_once(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 60000};

        (void)state;
        listen_to(NULL, NULL, "s", "silent");
        ask_all(&r);
        assert_int_equal(r.outcome, BB_E_TIMEOUT);
        assert_in_range(r.took_ms, 0, 5000);
        buf_free(&story);
}

static void a_subscriber_that_leaves_is_offline(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 60000};
        bb_subscription *s = listen_to(NULL, NULL, "s", "leaves");

        (void)state;
        assert_int_equal(bb_task_spawn("ask", NULL, 0, ask, &r, NULL), BB_OK);
        loop_turn(0); /* the request is under way, its delivery waits for the next turn */
        bb_bus_unsubscribe(s);
        run_all();
        assert_int_equal(r.outcome, BB_E_OFFLINE);
}

static void a_stopping_tenant_is_offline(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 60000};

        (void)state;
        listen_to(plugin_a, &tenant_y, "s", "stopping");
        tenant_y.stopping = 1;
        ask_all(&r);
        tenant_y.stopping = 0;
        assert_int_equal(r.outcome, BB_E_OFFLINE);
}

static void a_cancelled_request_returns(void **state)
{
        struct request r = {.subject = "s", .timeout_ms = 60000};
        bb_task_id id;

        (void)state;
        assert_int_equal(bus_local_ops.subscribe(NULL, NULL, BB_STR("s"), pong, (void *)50, NULL), BB_OK);
        assert_int_equal(bb_task_spawn("ask", NULL, 0, ask, &r, &id), BB_OK);
        loop_turn(0);
        bb_task_cancel(id);
        run_all();
        assert_int_equal(r.outcome, BB_E_CANCELED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(subscribers_get_what_matches),
                TEST(messages_start_in_order),
                TEST(a_subscriber_never_runs_in_the_publishers_tenant),
                TEST(bad_subjects_are_refused),
                TEST(who_has_left_gets_nothing),
                TEST(a_group_ends_its_subscriptions),
                TEST(a_request_gets_its_reply),
                TEST(nobody_there_is_offline_at_once),
                TEST(the_first_reply_counts),
                TEST(a_slow_answer_is_a_time_out),
                TEST(silence_is_a_time_out_at_once),
                TEST(a_subscriber_that_leaves_is_offline),
                TEST(a_stopping_tenant_is_offline),
                TEST(a_cancelled_request_returns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
