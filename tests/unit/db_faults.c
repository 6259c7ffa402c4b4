/* SPDX-License-Identifier: Apache-2.0
 *
 * Many tasks at once, and a database that goes away, comes back, or does not answer.
 */
#include "db/pool.h"
#include "db_fixture.h"
#include <signal.h>
#include <stdbool.h>

struct many {
        int left;
        int64_t ids[600];
        bb_err errs[600];
};
static struct many many;

static void do_one_of_many(void *arg)
{
        size_t i = (size_t)((int64_t *)arg - many.ids);
        bb_rows *rows = NULL;

        many.errs[i] = bb_db_query(&rows, "insert into test_a.thing (id, name) values ($1, $2) returning id * 2",
                                   BB_INT(many.ids[i]), BB_TEXT(bb_print("%d", (int)i)));
        if (many.errs[i] == BB_OK)
                assert_int_equal(bb_row_int(rows, 0, 0, 0), many.ids[i] * 2); /* everybody gets his own answer */
        many.left--;
}

static void start_many(size_t count, int64_t first_id)
{
        many = (struct many){.left = (int)count};
        for (size_t i = 0; i < count; i++) {
                many.ids[i] = first_id + (int64_t)i;
                assert_int_equal(bb_task_spawn("many", i % 2 ? &nord : &sued, 0, do_one_of_many, &many.ids[i], NULL),
                                 BB_OK);
        }
}

static void many_tasks_share_few_connections(void **state)
{
        (void)state;
        start_many(600, 1);
        while (many.left > 0)
                loop_turn(1000);
        for (size_t i = 0; i < 600; i++)
                assert_int_equal(many.errs[i], BB_OK);
        assert_int_equal(admin_number("select count(*) from test_a.thing where tenant_id = 'nord' and id % 2 = 0"),
                         300);
        assert_int_equal(admin_number("select count(*) from test_a.thing"), 600);
        assert_true(admin_number("select count(*) from pg_stat_activity where usename = 'busbar'") <= 8);
        admin_do("truncate test_a.thing cascade");
}

static bb_err slow_err;
static int64_t slow_ms;

static void do_slow(void *arg)
{
        int64_t start = time_mono_ms();

        slow_err = bb_db_query(NULL, "select pg_sleep($1::float8 / 1000)", BB_INT(*(int64_t *)arg));
        slow_ms = time_mono_ms() - start;
}

static void kill_soon(void *arg)
{
        (void)arg;
        admin_do("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'busbar' and query like "
                 "'%pg_sleep%'");
}

static void do_simple(void *arg)
{
        (void)arg;
        assert_int_equal(bb_db_query(NULL, "select 1"), BB_OK);
}

static void a_killed_connection_tells_its_waiter_at_once(void **state)
{
        int64_t ms = 20000;

        (void)state;
        assert_int_equal(bb_task_spawn("slow", &nord, 0, do_slow, &ms, NULL), BB_OK);
        turn_for(200);
        slow_err = BB_OK;
        kill_soon(NULL);
        for (int i = 0; i < 100 && slow_err == BB_OK; i++)
                loop_turn(20);
        assert_int_equal(slow_err, BB_E_UNAVAILABLE);
        assert_true(slow_ms < 5000);
        assert_int_equal(bb_db_away_ms(), 0); /* the others are up */
        for (int i = 0; i < 30; i++)
                in_task(&nord, do_simple, NULL);
}

static void do_dawdle_in_tx(void *arg)
{
        bb_tx *tx = NULL;

        assert_int_equal(bb_tx_begin(&tx), BB_OK);
        assert_int_equal(bb_tx_query(tx, NULL, "insert into test_a.thing (id) values (5)"), BB_OK);
        admin_do("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'busbar'");
        assert_int_equal(bb_sleep(300), BB_OK);
        *(bb_err *)arg = bb_tx_query(tx, NULL, "insert into test_a.thing (id) values (6)");
        assert_int_equal(bb_tx_commit(tx), BB_E_UNAVAILABLE);
}

static void a_transaction_dies_with_its_connection(void **state)
{
        bb_err err = BB_OK;

        (void)state;
        in_task(&nord, do_dawdle_in_tx, &err);
        assert_int_equal(err, BB_E_UNAVAILABLE);
        in_task(&nord, do_simple, NULL);
        assert_int_equal(admin_number("select count(*) from test_a.thing"), 0);
}

static struct embedded again;

static void stop_server(void)
{
        embedded_stop(&cluster);
}
static void start_server(void)
{
        bb_str why = BB_NONE;

        must(embedded_start(&cluster_config, &again, &why), why);
        assert_string_equal(again.url, db_config.url);
        cluster = again;
}

static void calls_wait_while_the_server_is_away(void **state)
{
        int64_t start;

        (void)state;
        stop_server();
        turn_for(300);
        assert_true(bb_db_away_ms() > 0);
        assert_false(db_ready());
        start_many(200, 1000);
        start = time_mono_ms();
        turn_for(3000);
        assert_int_equal(many.left, 200);
        assert_true(bb_db_away_ms() >= 3000);
        start_server();
        while (many.left > 0 && time_mono_ms() - start < 20000)
                loop_turn(100);
        assert_int_equal(many.left, 0);
        for (size_t i = 0; i < 200; i++)
                assert_int_equal(many.errs[i], BB_OK);
        assert_int_equal(admin_number("select count(*) from test_a.thing"), 200);
        assert_int_equal(bb_db_away_ms(), 0);
        admin_do("truncate test_a.thing cascade");
}

static void do_expect(void *arg)
{
        *(bb_err *)arg = bb_db_query(NULL, "select 1");
}

static void waiting_has_its_limits(void **state)
{
        struct db_config config = db_config;
        struct {
                bb_err err;
        } limited = {.err = 1}, short_of_time = {.err = 1}, cancelled = {.err = 1};
        bb_task_id id = 0;
        bb_str why = BB_NONE;
        int64_t start;

        (void)state;
        db_close();
        turn_for(10);
        config.url = "postgresql://busbar:x@/busbar?host=%2Fnonexistent";
        config.wait_ms = 700;
        must(db_open(&config, &why), why);
        start = time_mono_ms();
        assert_int_equal(bb_task_spawn("a", &nord, 0, do_expect, &limited, NULL), BB_OK);
        assert_int_equal(bb_task_spawn("b", &nord, 200, do_expect, &short_of_time, NULL), BB_OK);
        assert_int_equal(bb_task_spawn("c", &nord, 0, do_expect, &cancelled, &id), BB_OK);
        turn_for(100);
        assert_int_equal(cancelled.err, 1);
        bb_task_cancel(id);
        turn_for(20);
        assert_int_equal(cancelled.err, BB_E_CANCELED);
        turn_for(200);
        assert_int_equal(short_of_time.err, BB_E_TIMEOUT);
        assert_int_equal(limited.err, 1);
        while (limited.err == 1 && time_mono_ms() - start < 5000)
                loop_turn(50);
        assert_int_equal(limited.err, BB_E_UNAVAILABLE);
        assert_true(time_mono_ms() - start >= 690 && time_mono_ms() - start < 2000);
        db_close();
        turn_for(10);
        fixture_open();
}

static void do_cancelled_insert(void *arg)
{
        *(bb_err *)arg = bb_db_query(NULL, "insert into test_a.thing (id) select 77 from pg_sleep(0.3)");
}

/* What is on the wire completes; nobody is confused by its answer. */
static void a_cancelled_task_lets_its_segment_go(void **state)
{
        bb_err err = 1;
        bb_task_id id = 0;

        (void)state;
        assert_int_equal(bb_task_spawn("c", &nord, 0, do_cancelled_insert, &err, &id), BB_OK);
        turn_for(100);
        bb_task_cancel(id);
        turn_for(20);
        assert_int_equal(err, BB_E_CANCELED);
        for (int i = 0; i < 20; i++)
                in_task(&nord, do_simple, NULL);
        turn_for(400);
        assert_int_equal(admin_number("select count(*) from test_a.thing where id = 77"), 1);
        admin_do("truncate test_a.thing cascade");
}

static void statements_have_a_limit_of_time(void **state)
{
        struct db_config config = db_config;
        int64_t ms = 5000;
        bb_str why = BB_NONE;

        (void)state;
        db_close();
        turn_for(10);
        config.statement_timeout_ms = 300;
        must(db_open(&config, &why), why);
        in_task(&nord, do_slow, &ms);
        assert_int_equal(slow_err, BB_E_TIMEOUT);
        assert_true(slow_ms < 3000);
        db_close();
        turn_for(10);
        fixture_open();
}

static void do_deadlock(void *arg)
{
        int64_t first = (arg != NULL) ? 1 : 2;

        /* Locks in opposite order, both in one run: one of the two is the victim, and its second try succeeds. */
        many.errs[first] = bb_db_run(
                (struct bb_stmt[]){BB_STMT("update test_a.thing set name = 'd' where id = $1", BB_INT(first)),
                                   BB_STMT("select pg_sleep(0.2)"),
                                   BB_STMT("update test_a.thing set name = 'd' where id = $1", BB_INT(3 - first))},
                3, NULL);
        many.left--;
}

static void deadlocks_are_tried_again(void **state)
{
        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id) values ('nord', 1), ('nord', 2)");
        many = (struct many){.left = 2, .errs = {0, 1, 1}};
        assert_int_equal(bb_task_spawn("a", &nord, 0, do_deadlock, NULL, NULL), BB_OK);
        assert_int_equal(bb_task_spawn("b", &nord, 0, do_deadlock, &many, NULL), BB_OK);
        while (many.left > 0)
                loop_turn(100);
        assert_int_equal(many.errs[1], BB_OK);
        assert_int_equal(many.errs[2], BB_OK);
        admin_do("truncate test_a.thing cascade");
}

static void do_star(void *arg)
{
        bb_rows *rows = NULL;

        assert_int_equal(bb_db_query(&rows, "select * from test_a.thing"), BB_OK);
        *(bool *)arg = !bb_row_is_null(rows, 0, 8);
}

/* Another node migrates while this one runs: its prepared statements are made anew. */
static void a_migration_under_way_does_no_harm(void **state)
{
        bool has_column = true;

        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id) values ('nord', 1)");
        for (int i = 0; i < 20; i++)
                in_task(&nord, do_star, &has_column);
        assert_false(has_column);
        admin_do("alter table test_a.thing add column extra integer not null default 7");
        for (int i = 0; i < 20; i++) {
                in_task(&nord, do_star, &has_column);
                assert_true(has_column);
        }
        admin_do("alter table test_a.thing drop column extra");
        admin_do("truncate test_a.thing cascade");
}

static void wrong_roles_are_refused(void **state)
{
        struct db_config config = db_config;
        bb_str why = BB_NONE;

        (void)state;
        db_close();
        turn_for(10);
        config.url = cluster.admin_url;
        assert_int_equal(db_open(&config, &why), BB_E_DENIED);
        assert_non_null(strstr(why.ptr, "superuser"));
        free((void *)(uintptr_t)why.ptr);
        config.url = cluster.owner_url;
        assert_int_equal(db_open(&config, &why), BB_E_DENIED);
        assert_non_null(strstr(why.ptr, "owns the table"));
        free((void *)(uintptr_t)why.ptr);
        fixture_open();
}

static void do_hog(void *arg)
{
        int64_t ms = 1500;

        assert_int_equal(bb_db_query(NULL, "select pg_sleep($1::float8 / 1000)", BB_INT(ms)), BB_OK);
        (*(int *)arg)--;
}

static void do_polite(void *arg)
{
        int64_t start = time_mono_ms();

        assert_int_equal(bb_db_query(NULL, "select 1"), BB_OK);
        *(int64_t *)arg = time_mono_ms() - start;
}

/* A tenant with slow statements, fewer than there are connections, does not hold up another one's quick ones. */
static void slow_statements_are_not_queued_upon(void **state)
{
        int left = 6;
        int64_t took = -1, worst = 0;

        (void)state;
        for (int i = 0; i < 6; i++)
                assert_int_equal(bb_task_spawn("hog", &sued, 0, do_hog, &left, NULL), BB_OK);
        turn_for(200);
        for (int i = 0; i < 20; i++) {
                in_task(&nord, do_polite, &took);
                worst = took > worst ? took : worst;
        }
        assert_true(worst < 500);
        assert_int_equal(left, 6);
        while (left > 0)
                loop_turn(100);
}

static int hogs_left;

static void do_hog_little(void *arg)
{
        (void)arg;
        assert_int_equal(bb_db_query(NULL, "select pg_sleep(0.01)"), BB_OK);
        hogs_left--;
}

/* A tenant that asks for far more than there is waits for its own turn; the other one's comes in between. */
static void tenants_take_turns(void **state)
{
        int64_t took = -1;

        (void)state;
        hogs_left = 1500;
        for (int i = 0; i < 1500; i++)
                assert_int_equal(bb_task_spawn("hog", &sued, 0, do_hog_little, NULL, NULL), BB_OK);
        loop_turn(0);
        loop_turn(0);
        in_task(&nord, do_polite, &took);
        assert_true(took < 500);
        assert_true(hogs_left > 500);
        while (hogs_left > 0)
                loop_turn(100);
}

static void server_names_become_addresses(void **state)
{
        struct db_config config = db_config;
        struct resolved r;
        char *hosts = NULL, *ports = NULL;
        bb_err err = 1;
        bb_str why = BB_NONE;

        (void)state;
        hosts_resolve("127.0.0.1,/run/pg,::1", "1,2,3", &r);
        assert_int_equal(r.count, 3);
        assert_string_equal(r.hosts, "127.0.0.1,/run/pg,::1");
        assert_string_equal(r.addresses, "127.0.0.1,,::1");
        assert_string_equal(r.ports, "1,2,3");
        resolved_free(&r);
        hosts_resolve("localhost,127.0.0.2", "5433", &r);
        assert_true(r.count >= 2);
        assert_int_equal(strncmp(r.hosts, "localhost,", 10), 0);
        assert_non_null(strstr(r.addresses, "127.0.0.2"));
        assert_int_equal(strncmp(r.ports, "5433,5433", 9), 0);
        resolved_free(&r);
        assert_false(hosts_need_lookup(cluster.url, &hosts, &ports));
        assert_false(hosts_need_lookup("postgresql://u@10.0.0.1:5432/x", &hosts, &ports));
        assert_false(hosts_need_lookup("host=a hostaddr=10.0.0.1", &hosts, &ports));
        assert_true(hosts_need_lookup("postgresql://u@a,10.0.0.1:5432/x", &hosts, &ports));
        assert_string_equal(hosts, "a,10.0.0.1");
        free(hosts);
        free(ports);
        /* And the pool lives on with a name that nobody knows. */
        db_close();
        turn_for(10);
        config.url = "postgresql://u@nowhere.invalid/x";
        config.wait_ms = 500;
        must(db_open(&config, &why), why);
        in_task(&nord, do_expect, &err);
        assert_int_equal(err, BB_E_UNAVAILABLE);
        db_close();
        turn_for(10);
        fixture_open();
}

static void do_wait_for_close(void *arg)
{
        bb_tx *tx = NULL;

        *(bb_err *)arg = bb_tx_begin(&tx);
}

static void closing_fails_who_waits(void **state)
{
        struct db_config config = db_config;
        struct {
                bb_err err;
        } query = {.err = 1}, tx = {.err = 1};
        bb_str why = BB_NONE;

        (void)state;
        db_close();
        turn_for(10);
        config.url = "postgresql://busbar:x@/busbar?host=%2Fnonexistent";
        must(db_open(&config, &why), why);
        assert_int_equal(bb_task_spawn("a", &nord, 0, do_expect, &query, NULL), BB_OK);
        assert_int_equal(bb_task_spawn("b", &nord, 0, do_wait_for_close, &tx, NULL), BB_OK);
        turn_for(50);
        db_close();
        turn_for(50);
        assert_int_equal(query.err, BB_E_UNAVAILABLE);
        assert_int_equal(tx.err, BB_E_UNAVAILABLE);
        fixture_open();
}

/* The server was away when the role could have been checked. */
static void a_wrong_role_is_found_at_the_first_connection(void **state)
{
        struct db_config config = db_config;
        char *admin = strdup(cluster.admin_url);
        bb_err err = 1;
        bb_str why = BB_NONE;

        (void)state;
        db_close();
        turn_for(10);
        stop_server();
        config.url = admin;
        config.wait_ms = 1500;
        must(db_open(&config, &why), why);
        start_server();
        in_task(&nord, do_expect, &err);
        assert_int_equal(err, BB_E_UNAVAILABLE);
        assert_false(db_ready());
        db_close();
        turn_for(10);
        free(admin);
        fixture_open();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(many_tasks_share_few_connections),
                cmocka_unit_test(slow_statements_are_not_queued_upon),
                cmocka_unit_test(a_killed_connection_tells_its_waiter_at_once),
                cmocka_unit_test(a_transaction_dies_with_its_connection),
                cmocka_unit_test(a_cancelled_task_lets_its_segment_go),
                cmocka_unit_test(deadlocks_are_tried_again),
                cmocka_unit_test(a_migration_under_way_does_no_harm),
                cmocka_unit_test(calls_wait_while_the_server_is_away),
                cmocka_unit_test(waiting_has_its_limits),
                cmocka_unit_test(statements_have_a_limit_of_time),
                cmocka_unit_test(wrong_roles_are_refused),
                cmocka_unit_test(tenants_take_turns),
                cmocka_unit_test(server_names_become_addresses),
                cmocka_unit_test(closing_fails_who_waits),
                cmocka_unit_test(a_wrong_role_is_found_at_the_first_connection),
        };

        return cmocka_run_group_tests_name("db_faults", tests, fixture_up, fixture_down);
}
