/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the db room is on this machine: prints numbers, asserts none. Every write is committed with fsync, with row
 * security on, into a table with a primary key and an index.
 */
#include "../unit/db_fixture.h"

#define TASKS 4000

static int64_t next_id, done, stop_at_ms;
static bb_batch *batch;
static int left;

static bb_err flush(void *const *items, size_t count, void *arg)
{
        int64_t *ids = BB_NEW_ARRAY(int64_t, count), *times = BB_NEW_ARRAY(int64_t, count);
        bb_str *names = BB_NEW_ARRAY(bb_str, count);

        (void)arg;
        for (size_t i = 0; i < count; i++) {
                ids[i] = *(int64_t *)items[i];
                times[i] = bb_now_ms();
                names[i] = BB_STR("Energy.Active.Import.Register");
        }
        return bb_db_query(NULL, "insert into test_a.thing (id, name, at) select * from unnest($1, $2, $3)",
                           BB_INT_ARRAY(ids, count), BB_TEXT_ARRAY(names, count), BB_TIME_ARRAY(times, count));
}

static void do_batch(void *arg)
{
        (void)arg;
        while (time_mono_ms() < stop_at_ms) {
                int64_t id = ++next_id;

                if (bb_batch_submit(batch, &id) == BB_OK)
                        done++;
        }
        left--;
}

static void do_insert(void *arg)
{
        (void)arg;
        while (time_mono_ms() < stop_at_ms)
                if (bb_db_query(NULL, "insert into test_a.thing (id, name, at) values ($1, $2, $3)", BB_INT(++next_id),
                                BB_CTEXT("Energy.Active.Import.Register"), BB_TIME(bb_now_ms())) == BB_OK)
                        done++;
        left--;
}

static void do_read(void *arg)
{
        (void)arg;
        while (time_mono_ms() < stop_at_ms) {
                bb_rows *rows = NULL;

                if (bb_db_query(&rows, "select name, at from test_a.thing where id = $1",
                                BB_INT(1 + random() % next_id)) == BB_OK)
                        done++;
        }
        left--;
}

static void do_checked(void *arg)
{
        (void)arg;
        while (time_mono_ms() < stop_at_ms) {
                struct bb_stmt stmts[2] = {BB_STMT("update test_a.thing set at = $2 where id = $1",
                                                   BB_INT(1 + random() % next_id), BB_TIME(bb_now_ms())),
                                           bb_event_stmt("thing.changed", BB_STR("x"), BB_STR("{}"))};

                stmts[0].flags |= BB_STMT_MUST_HIT;
                if (bb_db_run(stmts, 2, NULL) == BB_OK)
                        done++;
        }
        left--;
}

static void measure(const char *what, int tasks, void (*fn)(void *))
{
        int64_t start = time_mono_ms(), ms;

        done = 0;
        left = tasks;
        stop_at_ms = start + 3000;
        for (int i = 0; i < tasks; i++)
                if (bb_task_spawn("bench", &nord, 0, fn, NULL, NULL) < 0)
                        exit(1);
        while (left > 0)
                loop_turn(100);
        ms = time_mono_ms() - start;
        printf("%-52s %5d tasks %9.0f /s\n", what, tasks, (double)done * 1000 / (double)ms);
        fflush(stdout);
}

static void do_free(void *arg)
{
        (void)arg;
        bb_batch_free(batch);
}

int main(void)
{
        cluster_is_real = 1; /* with fsync */
        fixture_up(NULL);
        admin_do("create index on test_a.thing (tenant_id, at)");
        batch = bb_batch_new(&nord, "bench", 1000, flush, NULL);
        measure("rows by group commit", TASKS, do_batch);
        measure("rows by group commit, few writers", 50, do_batch);
        measure("rows one by one, a commit each", 200, do_insert);
        measure("rows one by one, one writer", 1, do_insert);
        measure("reads by key", 200, do_read);
        measure("reads by key, one reader", 1, do_read);
        measure("update that must hit, with an event", 50, do_checked);
        in_task(&nord, do_free, NULL);
        return fixture_down(NULL);
}
