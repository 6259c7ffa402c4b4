/* SPDX-License-Identifier: Apache-2.0
 *
 * Group commit, and scans of large results.
 */
#include "db_fixture.h"

static int flushes, biggest, fail_id = -1;
static bb_err fail_with;
static int64_t order[2000];
static int order_count;
static bb_batch *batch;
static int left;

static bb_err flush(void *const *items, size_t count, void *arg)
{
        int64_t *ids = BB_NEW_ARRAY(int64_t, count);

        assert_ptr_equal(arg, &flushes);
        assert_ptr_equal(bb_task_tenant(), &nord);
        flushes++;
        biggest = (int)count > biggest ? (int)count : biggest;
        for (size_t i = 0; i < count; i++) {
                ids[i] = *(int64_t *)items[i];
                if (count == 1 || fail_id < 0)
                        order[order_count++] = ids[i];
                if (ids[i] == fail_id && fail_with != BB_OK)
                        return fail_with;
        }
        /* A doubled id is an item that the database itself refuses. */
        return bb_db_query(NULL, "insert into test_a.thing (id) select unnest($1)", BB_INT_ARRAY(ids, count));
}

struct submit {
        int64_t id;
        bb_err err;
};
static struct submit submits[1000];

static void do_submit(void *arg)
{
        struct submit *s = arg;
        int64_t id = s->id; /* on the task's own stack, as a caller would have it */

        s->err = bb_batch_submit(batch, &id);
        left--;
}

static void submit_many(int count, int64_t first)
{
        flushes = biggest = order_count = 0;
        left = count;
        for (int i = 0; i < count; i++) {
                submits[i] = (struct submit){.id = first + i, .err = 1};
                assert_int_equal(bb_task_spawn("submit", &nord, 0, do_submit, &submits[i], NULL), BB_OK);
        }
}

static void wait_all(void)
{
        while (left > 0)
                loop_turn(1000);
}

static int64_t things(void)
{
        return admin_number("select count(*) from test_a.thing");
}

static void do_free(void *arg)
{
        (void)arg;
        bb_batch_free(batch);
        batch = NULL;
}

static int with_batch(void **state)
{
        (void)state;
        admin_do("set client_min_messages = error; truncate test_a.thing cascade");
        fail_id = -1;
        fail_with = BB_OK;
        batch = bb_batch_new(&nord, "test.batch", 100, flush, &flushes);
        return batch == NULL;
}

static int without_batch(void **state)
{
        (void)state;
        in_task(&nord, do_free, NULL);
        return 0;
}

static void one_item_goes_at_once(void **state)
{
        int64_t start = time_mono_ms();

        (void)state;
        submit_many(1, 1);
        wait_all();
        assert_int_equal(submits[0].err, BB_OK);
        assert_int_equal(flushes, 1);
        assert_true(time_mono_ms() - start < 1000);
        assert_int_equal(things(), 1);
}

static void many_items_share_commits(void **state)
{
        (void)state;
        submit_many(950, 1);
        wait_all();
        for (int i = 0; i < 950; i++)
                assert_int_equal(submits[i].err, BB_OK);
        assert_int_equal(things(), 950);
        assert_int_equal(biggest, 100); /* max_items */
        assert_int_equal(flushes, 10);
        for (int i = 0; i < 950; i++)
                assert_int_equal(order[i], i + 1);
}

static void only_the_guilty_item_fails(void **state)
{
        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id) values ('nord', 20)");
        submit_many(50, 1);
        wait_all();
        for (int i = 0; i < 50; i++)
                assert_int_equal(submits[i].err, submits[i].id == 20 ? BB_E_EXISTS : BB_OK);
        assert_int_equal(things(), 50);
}

static void an_outage_is_told_to_all(void **state)
{
        (void)state;
        fail_id = 7;
        fail_with = BB_E_UNAVAILABLE;
        submit_many(30, 1);
        wait_all();
        for (int i = 0; i < 30; i++)
                assert_int_equal(submits[i].err, BB_E_UNAVAILABLE);
        assert_int_equal(flushes, 1);
        assert_int_equal(things(), 0);
}

static void a_waiting_item_can_be_withdrawn(void **state)
{
        bb_task_id id = 0;

        (void)state;
        submit_many(1, 1);
        submits[1] = (struct submit){.id = 2, .err = 1};
        left++;
        assert_int_equal(bb_task_spawn("submit", &nord, 0, do_submit, &submits[1], &id), BB_OK);
        bb_task_cancel(id);
        wait_all();
        assert_int_equal(submits[0].err, BB_OK);
        assert_int_equal(submits[1].err, BB_E_CANCELED);
        assert_int_equal(things(), 1);
}

static void a_freed_batch_finishes_first(void **state)
{
        (void)state;
        submit_many(10, 1);
        loop_turn(0);
        loop_turn(0); /* the flush is under way */
        in_task(&nord, do_free, NULL);
        wait_all();
        for (int i = 0; i < 10; i++)
                assert_int_equal(submits[i].err, BB_OK);
        assert_int_equal(things(), 10);
        batch = bb_batch_new(&nord, "test.batch", 100, flush, &flushes);
}

struct scan {
        int64_t rows, sum, steps;
        size_t most_bytes;
        int64_t stop_at;
        int64_t seen_while;
};

static bb_err each(const bb_rows *rows, void *arg)
{
        struct scan *scan = arg;

        scan->steps++;
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                scan->rows++;
                scan->sum += bb_row_int(rows, i, 0, 0);
                (void)bb_print("%.*s", BB_FMT(bb_row_str(rows, i, 1)));
        }
        if (arena_bytes(arena_current) > scan->most_bytes)
                scan->most_bytes = arena_bytes(arena_current);
        assert_int_equal(bb_sleep(0), BB_OK); /* it may wait, and what it allocates goes with the step */
        if (scan->steps == 3)
                assert_int_equal(
                        bb_db_query(NULL, "insert into test_a.thing (id) values (1000000 + $1) on conflict do nothing",
                                    BB_INT(scan->sum)),
                        BB_OK);
        return scan->stop_at != 0 && scan->rows >= scan->stop_at ? BB_E_LIMIT : BB_OK;
}

static void do_scan(void *arg)
{
        struct scan *scan = arg;
        struct arena *before = arena_current;
        size_t bytes = arena_bytes(arena_current);
        bb_err err;

        err = bb_db_scan(&BB_STMT("select id, repeat('x', 100) from test_a.thing where id > $1 order by id", BB_INT(0)),
                         1000, each, scan);
        assert_int_equal(err, scan->stop_at != 0 ? BB_E_LIMIT : BB_OK);
        assert_ptr_equal(arena_current, before);
        assert_true(arena_bytes(arena_current) - bytes < 32768);
}

static void scans_read_one_snapshot_in_little_memory(void **state)
{
        struct scan scan = {0}, stopped = {.stop_at = 2500};

        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id) select t, g from generate_series(1, 100000) g, "
                 "unnest('{nord,sued}'::text[]) t");
        in_task(&nord, do_scan, &scan);
        assert_int_equal(scan.rows, 100000);
        assert_int_equal(scan.sum, INT64_C(5000050000));
        assert_int_equal(scan.steps, 100);
        assert_true(scan.most_bytes < 512 * 1024);
        in_task(&nord, do_scan, &stopped);
        assert_int_equal(stopped.rows, 3000);
        /* Each scan gives its connection back. */
        for (int i = 0; i < 10; i++) {
                struct scan again = {.stop_at = 1};

                in_task(&nord, do_scan, &again);
                assert_int_equal(again.steps, 1);
        }
}

static void do_scan_nothing(void *arg)
{
        struct scan scan = {0};

        (void)arg;
        assert_int_equal(bb_db_scan(&BB_STMT("select id, name from test_a.thing where id = -1"), 10, each, &scan),
                         BB_OK);
        assert_int_equal(scan.steps, 0);
        assert_int_equal(bb_db_scan(&BB_STMT("selec"), 10, each, &scan), BB_E_INVALID);
        assert_int_equal(bb_db_scan(&BB_STMT("select 1"), 0, each, &scan), BB_E_INVALID);
}

static void scans_of_nothing(void **state)
{
        (void)state;
        in_task(&nord, do_scan_nothing, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_item_goes_at_once, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(many_items_share_commits, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(only_the_guilty_item_fails, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(an_outage_is_told_to_all, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(a_waiting_item_can_be_withdrawn, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(a_freed_batch_finishes_first, with_batch, without_batch),
                cmocka_unit_test_setup_teardown(scans_read_one_snapshot_in_little_memory, with_batch, without_batch),
                cmocka_unit_test(scans_of_nothing),
        };

        return cmocka_run_group_tests_name("db_batch", tests, fixture_up, fixture_down);
}
