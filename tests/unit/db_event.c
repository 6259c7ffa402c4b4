/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable events: order, retries, dead letters and their replay, leases between nodes, retention.
 */
#include "db/work.h"
#include "db_fixture.h"

/* What the handlers saw, by plugin. */
static struct seen {
        char text[4096];
        int count;
        int32_t attempt;
} seen_a, seen_b;
static int fail_times; /* how often plugin a fails at key "bad" */
static char last_id[64], bad_id[64];
static int handler_ms, under_way;

static void note(struct seen *s, const struct bb_event *e)
{
        size_t len = strlen(s->text);

        snprintf(s->text + len, sizeof(s->text) - len, "%.*s ", BB_FMT(e->key));
        s->count++;
        s->attempt = e->attempt;
}

static bb_err handle_a(const struct bb_event *e, void *state)
{
        assert_true(state == &nord || state == &sued);
        assert_ptr_equal(bb_task_tenant(), state);
        assert_int_equal(e->size, sizeof(*e));
        snprintf(last_id, sizeof(last_id), "%.*s", BB_FMT(e->id));
        note(&seen_a, e);
        if (handler_ms > 0) {
                bb_err err;

                under_way++;
                err = bb_sleep(handler_ms);
                under_way--;
                TRY(err);
        }
        if (bb_str_is(e->key, "never"))
                return BB_E_INVALID;
        if (!bb_str_is(e->key, "bad"))
                return BB_OK;
        if (bad_id[0] != '\0')
                assert_string_equal(bad_id, last_id); /* the same over all attempts */
        snprintf(bad_id, sizeof(bad_id), "%s", last_id);
        return fail_times-- > 0 ? BB_E_UNAVAILABLE : BB_OK;
}

static bb_err handle_b(const struct bb_event *e, void *state)
{
        (void)state;
        assert_true(bb_str_is(e->payload, "{\"n\": 1}"));
        assert_true(e->at_ms > time_now_ms() - 60000 && e->at_ms < time_now_ms() + 60000);
        note(&seen_b, e);
        return BB_OK;
}

static void do_start(void *arg)
{
        assert_int_equal(db_start_tenant(arg), BB_OK);
        assert_int_equal(db_start_tenant(arg), BB_OK); /* changes nothing */
}

static void do_stop(void *arg)
{
        db_stop_tenant(arg);
}

struct emit {
        const char *topic, *key;
};

static void do_emit(void *arg)
{
        const struct emit *e = arg;
        struct bb_stmt stmt = bb_event_stmt(e->topic, bb_cstr(e->key), BB_STR("{\"n\":1}"));

        assert_int_equal(bb_db_run(&stmt, 1, NULL), BB_OK);
}

static void emit(bb_tenant *tenant, const char *topic, const char *key)
{
        struct emit e = {.topic = topic, .key = key};

        in_task(tenant, do_emit, &e);
}

static void wait_count(const struct seen *s, int count)
{
        int64_t until = time_mono_ms() + 10000;

        while (s->count < count && time_mono_ms() < until)
                loop_turn(50);
        turn_for(100); /* and no more come */
        assert_int_equal(s->count, count);
}

static int start(void **state)
{
        (void)state;
        memset(&seen_a, 0, sizeof(seen_a));
        memset(&seen_b, 0, sizeof(seen_b));
        fail_times = handler_ms = 0;
        bad_id[0] = '\0';
        in_task(&nord, do_start, &nord);
        in_task(&sued, do_start, &sued);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        in_task(&nord, do_stop, &nord);
        in_task(&sued, do_stop, &sued);
        return 0;
}

static void each_subscriber_gets_its_topics_in_order(void **state)
{
        char key[16];

        (void)state;
        for (int i = 1; i <= 9; i++) {
                snprintf(key, sizeof(key), "%d", i);
                emit(&nord, i % 3 == 0 ? "other.thing" : i % 2 ? "session.started" : "session.ended", key);
        }
        wait_count(&seen_a, 6);
        assert_string_equal(seen_a.text, "1 2 4 5 7 8 ");
        wait_count(&seen_b, 3);
        assert_string_equal(seen_b.text, "2 4 8 ");
        emit(&sued, "session.ended", "s");
        wait_count(&seen_a, 7);
        wait_count(&seen_b, 4);
}

static void do_emit_list(void *arg)
{
        const struct bb_new_event events[] = {
                {.topic = "session.started", .key = BB_STR("1"), .payload = BB_STR("{\"n\":1}")},
                {.topic = "session.ended", .key = BB_STR("2"), .payload = BB_STR("{\"n\":1}")},
                {.topic = "session.started", .key = BB_STR("3"), .payload = BB_STR("{\"n\":1}")},
        };
        struct bb_stmt stmt = bb_event_list_stmt(events, BB_COUNT(events));

        (void)arg;
        assert_int_equal(bb_db_run(&stmt, 1, NULL), BB_OK);
}

static void a_list_of_events_keeps_its_order(void **state)
{
        (void)state;
        in_task(&nord, do_emit_list, NULL);
        wait_count(&seen_a, 3);
        assert_string_equal(seen_a.text, "1 2 3 ");
        wait_count(&seen_b, 1);
        assert_string_equal(seen_b.text, "2 ");
}

static void do_rolled_back(void *arg)
{
        (void)arg;
        assert_int_equal(
                bb_db_run((struct bb_stmt[]){bb_event_stmt("session.started", BB_STR("never"), BB_STR("{\"n\":1}")),
                                             BB_STMT("select 1 / $1", BB_INT(0))},
                          2, NULL),
                BB_E_INVALID);
}

static void no_event_without_its_change(void **state)
{
        (void)state;
        in_task(&nord, do_rolled_back, NULL);
        emit(&nord, "session.started", "after");
        wait_count(&seen_a, 1);
        assert_string_equal(seen_a.text, "after ");
}

/* A transaction that began before and commits after another one is not passed over. */
static void late_commits_are_not_lost(void **state)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);

        (void)state;
        PQclear(PQexec(pg, "begin"));
        PQclear(PQexec(pg, "insert into core.event (tenant_id, id, topic, key, payload)"
                           " values ('nord', gen_random_uuid(), 'session.started', 'late', '{}')"));
        emit(&nord, "session.started", "early");
        turn_for(300);
        assert_int_equal(seen_a.count, 0);
        PQclear(PQexec(pg, "commit"));
        PQfinish(pg);
        wait_count(&seen_a, 2);
        assert_string_equal(seen_a.text, "late early ");
}

static void a_failing_event_holds_its_successors_back(void **state)
{
        (void)state;
        fail_times = 2;
        emit(&nord, "session.started", "1");
        emit(&nord, "session.started", "bad");
        emit(&nord, "session.started", "2");
        wait_count(&seen_a, 5);
        assert_string_equal(seen_a.text, "1 bad bad bad 2 ");
        assert_int_equal(admin_number("select count(*) from core.dead_letter"), 0);
}

static struct bb_dead_letter letter;
static char letter_id[64];

static void do_letters(void *arg)
{
        struct bb_dead_letter *list = NULL;
        size_t count = 0;

        assert_int_equal(bb_dead_letter_list(BB_NONE, 10, &list, &count), BB_OK);
        assert_int_equal(count, *(size_t *)arg);
        if (count == 0)
                return;
        letter = list[0];
        snprintf(letter_id, sizeof(letter_id), "%.*s", BB_FMT(letter.id));
        assert_true(bb_str_is(letter.plugin, "test-a"));
        assert_true(bb_str_is(letter.key, "bad"));
        assert_true(bb_str_is(letter.event_id, bad_id));
        assert_true(bb_str_is(letter.error, bb_err_text(BB_E_UNAVAILABLE)));
        assert_false(letter.replaying);
        assert_int_equal(bb_dead_letter_list(letter.id, 10, &list, &count), BB_OK);
        assert_int_equal(count, 0);
}

static void do_replay(void *arg)
{
        assert_int_equal(bb_dead_letter_replay(bb_cstr(letter_id)), *(bb_err *)arg);
        assert_int_equal(bb_dead_letter_replay(BB_STR("nonsense")), BB_E_NOT_FOUND);
}

static void dead_letters_are_put_aside_and_replayed(void **state)
{
        bb_err good = BB_OK, absent = BB_E_NOT_FOUND;
        size_t none = 0, one = 1;

        (void)state;
        fail_times = 5; /* four attempts are configured, and the first replay fails too */
        emit(&nord, "session.started", "bad");
        emit(&nord, "session.started", "next");
        wait_count(&seen_a, 5);
        assert_string_equal(seen_a.text, "bad bad bad bad next ");
        in_task(&nord, do_letters, &one);
        assert_int_equal(letter.attempts, 4);
        in_task(&sued, do_letters, &none);
        in_task(&sued, do_replay, &absent);

        in_task(&nord, do_replay, &good);
        wait_count(&seen_a, 6);
        assert_int_equal(seen_a.attempt, 5);
        in_task(&nord, do_letters, &one);
        in_task(&nord, do_replay, &good);
        wait_count(&seen_a, 7);
        in_task(&nord, do_letters, &none);
        in_task(&nord, do_replay, &absent);
}

static void what_will_never_do_is_put_aside_at_once(void **state)
{
        (void)state;
        emit(&nord, "session.started", "never");
        emit(&nord, "session.started", "next");
        wait_count(&seen_a, 2);
        assert_string_equal(seen_a.text, "never next ");
        assert_int_equal(admin_number("select attempts from core.dead_letter where key = 'never'"), 1);
}

static void stopping_gives_the_lease_back(void **state)
{
        (void)state;
        emit(&nord, "session.started", "1");
        wait_count(&seen_a, 1);
        assert_int_equal(
                admin_number("select count(*) from core.event_cursor where tenant_id = 'nord' and plugin = 'test-a'"
                             " and lease_until > now() and owner like 'node-1/%'"),
                1);
        in_task(&nord, do_stop, &nord);
        assert_int_equal(
                admin_number("select count(*) from core.event_cursor where tenant_id = 'nord' and lease_until > now()"),
                0);
        /* What happens while we are away is delivered after. */
        emit(&nord, "session.started", "2");
        turn_for(200);
        assert_int_equal(seen_a.count, 1);
        in_task(&nord, do_start, &nord);
        wait_count(&seen_a, 2);
}

static void stopping_cancels_a_handler(void **state)
{
        int64_t before;

        (void)state;
        handler_ms = 60000;
        emit(&nord, "session.started", "1");
        while (under_way == 0)
                loop_turn(50);
        before = time_mono_ms();
        in_task(&nord, do_stop, &nord);
        assert_true(time_mono_ms() - before < 2000);
        assert_int_equal(under_way, 0);
        handler_ms = 0;
        /* It did not count as an attempt. */
        in_task(&nord, do_start, &nord);
        wait_count(&seen_a, 2);
        assert_int_equal(seen_a.attempt, 1);
}

static void another_nodes_lease_is_respected(void **state)
{
        (void)state;
        in_task(&nord, do_stop, &nord);
        admin_do("update core.event_cursor set owner = 'node-2/x', lease_until = now() + interval '1.5 s' where "
                 "tenant_id = 'nord'");
        in_task(&nord, do_start, &nord);
        emit(&nord, "session.started", "1");
        turn_for(700);
        assert_int_equal(seen_a.count, 0);
        wait_count(&seen_a, 1); /* when it has run out */
        in_task(&nord, do_stop, &nord);
        admin_do("update core.event_cursor set owner = 'node-1/earlier', lease_until = now() + interval '1 h' where "
                 "tenant_id = 'nord'");
        in_task(&nord, do_start, &nord);
        emit(&nord, "session.started", "2");
        wait_count(&seen_a, 2); /* that was ourselves */
}

static void long_handlers_keep_the_lease(void **state)
{
        (void)state;
        handler_ms = 1500; /* the lease is 900 ms */
        emit(&nord, "session.started", "1");
        for (int i = 0; i < 12; i++) {
                turn_for(100);
                if (under_way)
                        assert_int_equal(admin_number("select count(*) from core.event_cursor where tenant_id = 'nord'"
                                                      " and plugin = 'test-a' and lease_until > now()"),
                                         1);
        }
        while (under_way > 0) /* one that stop cancels would come again in the next test */
                turn_for(20);
        wait_count(&seen_a, 1);
}

static void a_new_subscriber_starts_at_the_present(void **state)
{
        (void)state;
        in_task(&nord, do_stop, &nord);
        admin_do("delete from core.event_cursor where tenant_id = 'nord' and plugin = 'test-b'");
        emit(&nord, "session.ended", "old");
        in_task(&nord, do_start, &nord);
        emit(&nord, "session.ended", "new");
        wait_count(&seen_b, 1);
        assert_string_equal(seen_b.text, "new ");
        wait_count(&seen_a, 2);
}

static void do_keep(void *arg)
{
        (void)arg;
        assert_int_equal(keeper_round(work_of(&nord)), BB_OK);
}

static void old_events_go_when_all_have_seen_them(void **state)
{
        (void)state;
        admin_do("delete from core.event");
        emit(&nord, "session.started", "1");
        wait_count(&seen_a, 1);
        emit(&nord, "session.ended", "2");
        wait_count(&seen_a, 2);
        wait_count(&seen_b, 1);
        in_task(&nord, do_keep, NULL);
        assert_int_equal(admin_number("select count(*) from core.event"), 2); /* too young */
        admin_do("update core.event set created_at = now() - interval '8 days'");
        admin_do("insert into core.event_cursor (tenant_id, plugin, xid, seq) values ('nord', 'other', '0', 0)");
        in_task(&nord, do_keep, NULL);
        assert_int_equal(admin_number("select count(*) from core.event"), 2); /* one has not seen them */
        admin_do("update core.event_cursor set seen_at = now() - interval '8 days'");
        in_task(&nord, do_keep, NULL);
        assert_int_equal(admin_number("select count(*) from core.event"), 0);
        assert_int_equal(admin_number("select count(*) from core.event_cursor where tenant_id = 'nord'"), 2);
        emit(&nord, "session.started", "3");
        wait_count(&seen_a, 3);
}

static struct bb_plugin_ref plugin_late = {.name = "test-late"};
static int late_count;

static bb_err handle_late(const struct bb_event *e, void *state)
{
        (void)e, (void)state;
        late_count++;
        return BB_OK;
}

static void a_plugin_may_come_later_and_go(void **state)
{
        (void)state;
        late_count = 0;
        emit(&nord, "session.started", "before");
        wait_count(&seen_a, 1);
        assert_int_equal(bb_db_->subscribe(&plugin_late, "session.*", handle_late), BB_OK);
        in_task(&nord, do_start, &nord);
        emit(&nord, "session.started", "1");
        wait_count(&seen_a, 2);
        assert_int_equal(late_count, 1);
        /* It is stopped for this tenant, and started again. */
        task_cancel_group(&plugin_late, &nord);
        turn_for(50);
        assert_int_equal(task_group_count(&plugin_late, &nord), 0);
        emit(&nord, "session.started", "2");
        wait_count(&seen_a, 3);
        assert_int_equal(late_count, 1);
        in_task(&nord, do_start, &nord);
        turn_for(1200); /* its lease was not given back */
        assert_int_equal(late_count, 2);
        task_cancel_group(&plugin_late, NULL);
        turn_for(50);
        db_remove_plugin(&plugin_late);
        admin_do("delete from core.event_cursor where plugin = 'test-late'");
        emit(&nord, "session.started", "3");
        wait_count(&seen_a, 4);
}

static void patterns(void **state)
{
        (void)state;
        assert_true(topic_matches("a.b", BB_STR("a.b")));
        assert_false(topic_matches("a.b", BB_STR("a.bc")));
        assert_true(topic_matches("a.*", BB_STR("a.b.c")));
        assert_false(topic_matches("a.*", BB_STR("ab")));
        assert_false(topic_matches("a_b.*", BB_STR("axb.c")));
        assert_int_equal(bb_db_->subscribe(NULL, "x", handle_a), BB_E_INVALID);
        assert_int_equal(bb_db_->subscribe(&plugin_a, "", handle_a), BB_E_INVALID);
}

static int up(void **state)
{
        db_config = (struct db_config){.node = "node-1",
                                       .event_retry_ms = 30,
                                       .event_retry_max_ms = 100,
                                       .event_attempts = 4,
                                       .poll_ms = 100,
                                       .poll_idle_ms = 300,
                                       .lease_ms = 900};
        if (fixture_up(state) != 0)
                return -1;
        assert_int_equal(bb_db_->subscribe(&plugin_a, "session.*", handle_a), BB_OK);
        assert_int_equal(bb_db_->subscribe(&plugin_b, "session.ended", handle_b), BB_OK);
        log_set_level(BB_ERROR + 1);
        return 0;
}

static int down(void **state)
{
        db_remove_plugin(&plugin_a);
        db_remove_plugin(&plugin_b);
        return fixture_down(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(patterns),
                cmocka_unit_test_setup_teardown(each_subscriber_gets_its_topics_in_order, start, stop),
                cmocka_unit_test_setup_teardown(a_list_of_events_keeps_its_order, start, stop),
                cmocka_unit_test_setup_teardown(no_event_without_its_change, start, stop),
                cmocka_unit_test_setup_teardown(late_commits_are_not_lost, start, stop),
                cmocka_unit_test_setup_teardown(a_failing_event_holds_its_successors_back, start, stop),
                cmocka_unit_test_setup_teardown(dead_letters_are_put_aside_and_replayed, start, stop),
                cmocka_unit_test_setup_teardown(what_will_never_do_is_put_aside_at_once, start, stop),
                cmocka_unit_test_setup_teardown(stopping_gives_the_lease_back, start, stop),
                cmocka_unit_test_setup_teardown(stopping_cancels_a_handler, start, stop),
                cmocka_unit_test_setup_teardown(another_nodes_lease_is_respected, start, stop),
                cmocka_unit_test_setup_teardown(long_handlers_keep_the_lease, start, stop),
                cmocka_unit_test_setup_teardown(a_new_subscriber_starts_at_the_present, start, stop),
                cmocka_unit_test_setup_teardown(a_plugin_may_come_later_and_go, start, stop),
                cmocka_unit_test_setup_teardown(old_events_go_when_all_have_seen_them, start, stop),
        };

        return cmocka_run_group_tests_name("db_event", tests, up, down);
}
