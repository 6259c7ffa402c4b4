/* SPDX-License-Identifier: Apache-2.0
 *
 * bb_db_copy: what arrives, whose rows, values that never become text of a statement, and every way in which it ends.
 */
#include "db/copy.h"
#include "db_fixture.h"

/* Rows of a binary COPY as text: cells that are text, "|" between them and "\n" after each row. */
struct taken {
        struct buf text;
        int64_t rows, bytes;
        int32_t head, trailer;
        int32_t fail_at; /* row() gives BB_E_IO at this one */
        int32_t block_ms;
        atomic_int began;
        atomic_int_fast64_t seen;
        const struct bb_stmt *stmt;
        int64_t timeout_ms;
        int32_t flags;
        bb_err err;
        int32_t done;
};

static uint32_t get32(const char *p)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return __builtin_bswap32(v);
}

static void take_cells(struct taken *t, const char *p, const char *end)
{
        int count = (unsigned char)p[0] << 8 | (unsigned char)p[1];

        p += 2;
        for (int i = 0; i < count; i++) {
                uint32_t len = get32(p);

                p += 4;
                if (i > 0)
                        buf_add_char(&t->text, '|');
                if (len == UINT32_MAX) {
                        buf_add_c(&t->text, "-");
                        continue;
                }
                buf_add(&t->text, p, len);
                p += len;
        }
        buf_add_char(&t->text, '\n');
        assert_ptr_equal(p, end);
}

static bb_err take(const char *data, size_t len, void *arg)
{
        struct taken *t = arg;
        const char *end = data + len;

        atomic_store(&t->began, 1);
        atomic_fetch_add(&t->seen, 1);
        t->bytes += (int64_t)len;
        if (t->block_ms > 0)
                usleep((useconds_t)t->block_ms * 1000);
        if (!t->head) {
                assert_memory_equal(data, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
                t->head = 1;
                data += 19;
        }
        assert_false(t->trailer);
        if (end - data == 2 && data[0] == '\377' && data[1] == '\377') {
                t->trailer = 1;
                return BB_OK;
        }
        t->rows++;
        if (t->fail_at != 0 && t->rows == t->fail_at)
                return BB_E_IO;
        if (t->rows <= 100)
                take_cells(t, data, end);
        return BB_OK;
}

static void do_copy(void *arg)
{
        struct taken *t = arg;
        struct bb_copy copy = {.size = sizeof(copy),
                               .flags = t->flags,
                               .stmt = t->stmt,
                               .timeout_ms = t->timeout_ms,
                               .row = take,
                               .arg = t};

        t->err = bb_db_copy(&copy);
        t->done = 1;
}

static bb_task_id start_copy(bb_tenant *tenant, struct taken *t, const struct bb_stmt *stmt)
{
        bb_task_id id = 0;

        t->stmt = stmt;
        assert_int_equal(bb_task_spawn("copy", tenant, 0, do_copy, t, &id), BB_OK);
        return id;
}

static void wait_done(struct taken *t)
{
        while (!t->done)
                loop_turn(1000);
}

static void copy_into(bb_tenant *tenant, struct taken *t, const struct bb_stmt *stmt)
{
        start_copy(tenant, t, stmt);
        wait_done(t);
}

static const char *text_of(struct taken *t)
{
        buf_add_char(&t->text, '\0');
        return t->text.ptr;
}

/* A copy that must succeed and give this. */
static void expect(const struct bb_stmt *stmt, const char *text)
{
        struct taken t = {0};

        copy_into(&nord, &t, stmt);
        assert_int_equal(t.err, BB_OK);
        assert_true(t.head && t.trailer);
        assert_string_equal(text_of(&t), text);
        buf_free(&t.text);
}

static void expect_err(const struct bb_stmt *stmt, bb_err err)
{
        struct taken t = {0};

        copy_into(&nord, &t, stmt);
        assert_int_equal(t.err, err);
        buf_free(&t.text);
}

static int64_t backends(void)
{
        return admin_number("select count(*) from pg_stat_activity where usename = 'busbar' and query ilike 'copy%'");
}

static void wait_for_backends(int64_t wanted)
{
        for (int i = 0; i < 400 && backends() != wanted; i++)
                turn_for(20);
        assert_int_equal(backends(), wanted);
}

/* --- tests --- */

static void values_of_all_kinds(void **state)
{
        bb_str names[] = {BB_STR("a,\"b\"\\"), BB_NONE, BB_STR(""), BB_STR("NULL")};
        bb_str ids[] = {BB_STR("018F0000-0000-7000-8000-0000000000ff"), BB_NONE};
        int64_t numbers[] = {1, -2, INT64_MAX}, times[] = {0, 1795251600123};

        (void)state;
        expect(&BB_STMT("select $1, $2::text, ($3 + 1)::text, $4::text, $5::text, $6::text, $7::text, $8::text",
                        BB_TEXT(BB_STR("ä' || \\x $1 \"")), BB_INT(INT64_MIN), BB_INT(-8), BB_BOOL(1),
                        BB_TIME(1795251600123), BB_JSONB(BB_STR("{\"a\":\"'\"}")), BB_BYTES(((bb_str){"\0\xff\n", 3})),
                        BB_UUID(BB_STR("018F0000-0000-7000-8000-0000000000ff"))),
               "ä' || \\x $1 \"|-9223372036854775808|-7|true|2026-11-21 09:00:00.123+00|{\"a\": \"'\"}|\\x00ff0a|"
               "018f0000-0000-7000-8000-0000000000ff\n");
        expect(&BB_STMT("select $1, coalesce($2, 5)::text, $3::text, pg_typeof($4)::text", BB_TEXT(BB_NONE),
                        BB_INT_OR_NULL(0, 9), BB_NULL, BB_TIME_OR_NULL(0, 9)),
               "-|5|-|timestamp with time zone\n");
        expect(&BB_STMT("select coalesce(t, '?') || n::text || extract(epoch from z)::int8 || u::text from"
                        " unnest($1, $2, $3, $4) as i (t, n, z, u) where n is not null",
                        BB_TEXT_ARRAY(names, 4), BB_INT_ARRAY(numbers, 3), BB_TIME_ARRAY(times, 2),
                        BB_UUID_ARRAY(ids, 2)),
               "a,\"b\"\\10018f0000-0000-7000-8000-0000000000ff\n-\n-\n");
        expect(&BB_STMT("select i::text from generate_series(1, 3) i where i = any($1) or i::text = any($2)",
                        BB_INT_ARRAY(numbers, 2), BB_TEXT_ARRAY(names, 0)),
               "1\n");
        expect(&BB_STMT("select 'x' where false"), "");
        expect(&BB_STMT("select 'x' limit $1 -- the end", BB_INT(1)), "x\n");
        expect_err(&BB_STMT("select $1", BB_TEXT(((bb_str){"a\0b", 3}))), BB_E_INVALID);
        expect_err(&BB_STMT("select $1", BB_UUID(BB_STR("x"))), BB_E_INVALID);
        expect_err(&BB_STMT("select $2", BB_INT(1)), BB_E_INVALID);
}

static void do_texts(void *arg)
{
        static const struct {
                const char *sql, *text; /* P: where the parameter's value stands */
        } cases[] = {
                {"select $1", "select P"},
                {"$1,$1+$1", "P,P+P"},
                {"select '$1', \"$1\", $1", "select '$1', \"$1\", P"},
                {"select 'it''s $1' || $1", "select 'it''s $1' || P"},
                {"select '\\', $1, 'b'", "select '\\', P, 'b'"},
                {"select E'\\'$1' || e'\\\\' || $1", "select E'\\'$1' || e'\\\\' || P"},
                {"select name'$1', $1", "select name'$1', P"},
                {"select $$ $1 $$, $t1$ $1 $$ $t1$, $1", "select $$ $1 $$, $t1$ $1 $$ $t1$, P"},
                {"select a$1, b$$1, $1", "select a$1, b$$1, P"},
                {"select 1 -- $1 '\n, $1", "select 1 -- $1 '\n, P"},
                {"select 1 /* $1 /* ' */ $1 */, $1", "select 1 /* $1 /* ' */ $1 */, P"},
                {"select 1 - $1 / $1 * 2", "select 1 - P / P * 2"},
                {"select 'open $1", "select 'open $1"},
                {"select $$ open $1", "select $$ open $1"},
                {"/* open $1", "/* open $1"},
                {"select $a", "select $a"},
        };
        struct bb_param param = BB_INT(7);

        (void)arg;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct bb_stmt stmt = {.sql = cases[i].sql, .params = &param, .param_count = 1};
                struct buf wanted = {0};
                struct encoded e;
                bb_str text;

                for (const char *p = cases[i].text; *p != '\0'; p++)
                        if (*p == 'P')
                                buf_add_c(&wanted, "(pg_catalog.current_setting('busbar.p1')::bigint)");
                        else
                                buf_add_char(&wanted, *p);
                assert_int_equal(params_values(&stmt, &e), BB_OK);
                assert_int_equal(copy_text(&stmt, &e, &text), BB_OK);
                if (!bb_str_eq(text, buf_str(&wanted)))
                        fail_msg("%s\n%.*s", cases[i].sql, BB_FMT(text));
                buf_free(&wanted);
        }
}

static void parameters_are_found_where_they_are(void **state)
{
        (void)state;
        in_task(&nord, do_texts, NULL);
}

static void everybody_gets_his_own(void **state)
{
        struct taken nobody = {0}, theirs = {0};
        struct bb_stmt all = BB_STMT("select name from test_a.thing order by id");

        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id, name) values ('nord', 1, 'one'), ('nord', 2, null),"
                 " ('sued', 1, 'theirs')");
        expect(&all, "one\n-\n");
        copy_into(&sued, &theirs, &all);
        assert_string_equal(text_of(&theirs), "theirs\n");
        copy_into(NULL, &nobody, &all);
        assert_int_equal(nobody.err, BB_E_DENIED);
        buf_free(&theirs.text);
        expect_err(&BB_STMT("select set_config('busbar.tenant', 'sued', true) from test_a.thing; select 1"),
                   BB_E_INVALID);
        expect_err(&BB_STMT("insert into test_a.thing (id) values (9) returning id"), BB_E_INVALID);
        expect_err(&BB_STMT("select 1) to stdout; drop table test_a.thing; --"), BB_E_INVALID);
        expect_err(&BB_STMT("select 1 / 0"), BB_E_INVALID);
        admin_do("truncate test_a.thing cascade");
}

static void many_rows_while_the_loop_turns(void **state)
{
        struct bb_stmt stmt = BB_STMT("select i::text, repeat('x', 40) from generate_series(1, $1) i", BB_INT(200000));
        struct taken t = {0};
        int turns = 0;

        (void)state;
        start_copy(&nord, &t, &stmt);
        for (; !t.done; turns++)
                loop_turn(5);
        assert_int_equal(t.err, BB_OK);
        assert_int_equal(t.rows, 200000);
        assert_true(t.trailer);
        assert_true(turns > 10);
        wait_for_backends(0);
        buf_free(&t.text);
}

static void an_error_of_the_receiver_ends_it(void **state)
{
        struct bb_stmt stmt = BB_STMT("select repeat('x', 1000) from generate_series(1, 100000000)");
        struct taken t = {.fail_at = 1000};

        (void)state;
        copy_into(&nord, &t, &stmt);
        assert_int_equal(t.err, BB_E_IO);
        assert_int_equal(t.rows, 1000);
        wait_for_backends(0);
        buf_free(&t.text);
}

static void cancelling_ends_it(void **state)
{
        struct bb_stmt sleeps = BB_STMT("select pg_sleep(600)::text"),
                       flows = BB_STMT("select repeat('x', 1000) from generate_series(1, 100000000)");
        struct taken asleep = {0}, flowing = {.block_ms = 20}, late = {.timeout_ms = 300};
        bb_task_id id;

        (void)state;
        id = start_copy(&nord, &asleep, &sleeps);
        wait_for_backends(1);
        bb_task_cancel(id);
        wait_done(&asleep);
        assert_int_equal(asleep.err, BB_E_CANCELED);
        wait_for_backends(0);

        id = start_copy(&nord, &flowing, &flows);
        while (!atomic_load(&flowing.began))
                loop_turn(20);
        bb_task_cancel(id);
        wait_done(&flowing);
        assert_int_equal(flowing.err, BB_E_CANCELED);
        wait_for_backends(0);

        copy_into(&nord, &late, &sleeps);
        assert_int_equal(late.err, BB_E_TIMEOUT);
        wait_for_backends(0);
        buf_free(&flowing.text);
}

/* While the loop does not turn at all, next to nothing is copied. */
static void it_gives_way_to_a_loop_that_is_late(void **state)
{
        struct bb_stmt flows = BB_STMT("select i::text from generate_series(1, 100000000) i");
        struct taken t = {.rows = 0};
        bb_task_id id = start_copy(&nord, &t, &flows);
        int64_t before;

        (void)state;
        while (!atomic_load(&t.began))
                loop_turn(5);
        usleep(300000);
        before = atomic_load(&t.seen);
        usleep(600000);
        assert_true(atomic_load(&t.seen) - before < 5000);
        before = atomic_load(&t.seen);
        while (atomic_load(&t.seen) - before < 5000) /* it goes on when the loop does */
                loop_turn(5);
        bb_task_cancel(id);
        wait_done(&t);
        wait_for_backends(0);
        buf_free(&t.text);
}

static void repeat(int64_t us, int times)
{
        for (int i = 0; i < times; i++)
                load_seen(us);
}

/* What is usual is learned while nobody copies, so a server that is slow by nature is no reason to pause. */
static void it_gives_way_to_a_server_that_has_become_slower(void **state)
{
        (void)state;
        repeat(8000, 4000);
        assert_int_equal(load_excess_ms(), 0);
        load_copy_begins();
        repeat(8000, 100);
        assert_int_equal(load_excess_ms(), 0);
        repeat(40000, 100);
        assert_in_range(load_excess_ms(), 20, 40);
        repeat(8000, 200);
        assert_int_equal(load_excess_ms(), 0);
        repeat(40000, 100);
        turn_for(300);
        assert_int_equal(load_excess_ms(), 0); /* nobody asks any more */
        load_copy_ends();
        repeat(1000, 4000);
}

static void a_task_out_of_time(void **state)
{
        struct bb_stmt sleeps = BB_STMT("select pg_sleep(600)::text");
        struct taken t = {.stmt = &sleeps};

        (void)state;
        assert_int_equal(bb_task_spawn("copy", &nord, 300, do_copy, &t, NULL), BB_OK);
        wait_done(&t);
        assert_int_equal(t.err, BB_E_TIMEOUT);
        wait_for_backends(0);
}

static void a_server_that_goes_away(void **state)
{
        struct bb_stmt flows = BB_STMT("select repeat('x', 1000) from generate_series(1, 100000000)");
        struct db_config config = db_config;
        struct taken ended = {.block_ms = 5}, nowhere = {0};
        bb_str why = BB_NONE;

        (void)state;
        start_copy(&nord, &ended, &flows);
        wait_for_backends(1);
        admin_do("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'copy%'");
        wait_done(&ended);
        assert_int_equal(ended.err, BB_E_UNAVAILABLE);
        buf_free(&ended.text);

        db_close();
        turn_for(10);
        config.url = "postgresql://busbar:x@/busbar?host=%2Fnonexistent";
        config.wait_ms = 300;
        must(db_open(&config, &why), why);
        copy_into(&nord, &nowhere, &flows);
        assert_int_equal(nowhere.err, BB_E_UNAVAILABLE);
        db_close();
        turn_for(10);
        fixture_open();
}

/* A row that somebody else has locked for good is not waited for longer than the pool would. */
static void locks_are_not_waited_for_long(void **state)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);

        (void)state;
        PQclear(PQexec(pg, "begin; lock table test_a.thing"));
        expect_err(&BB_STMT("select name from test_a.thing"), BB_E_TIMEOUT);
        PQfinish(pg);
        expect(&BB_STMT("select name from test_a.thing"), "");
}

static void too_many_at_once(void **state)
{
        struct bb_stmt sleeps = BB_STMT("select pg_sleep(600)::text");
        struct taken t[9] = {{.rows = 0}};
        bb_task_id ids[9];
        int busy = 0;

        (void)state;
        for (int i = 0; i < 9; i++)
                ids[i] = start_copy(i % 2 ? &nord : &sued, &t[i], &sleeps);
        wait_for_backends(8);
        for (int i = 0; i < 9; i++) {
                busy += t[i].done;
                assert_true(!t[i].done || t[i].err == BB_E_BUSY);
                bb_task_cancel(ids[i]);
        }
        assert_int_equal(busy, 1);
        for (int i = 0; i < 9; i++)
                wait_done(&t[i]);
        wait_for_backends(0);
}

/* What a worker leaves behind that is killed while the server still sorts. */
static void a_killed_process_leaves_no_backend(void **state)
{
        struct bb_stmt sleeps = BB_STMT("select pg_sleep(600)::text");
        pid_t pid = fork();

        (void)state;
        if (pid == 0) {
                struct bb_copy copy = {.size = sizeof(copy), .stmt = &sleeps, .row = take};
                struct copying c = {.copy = &copy,
                                    .url = db_config.url,
                                    .session_attributes = "any",
                                    .sql = "copy (select pg_sleep(600)) to stdout (format binary)",
                                    .tenant = nord.id,
                                    .until_ms = INT64_MAX,
                                    .lock_timeout_ms = 1000,
                                    .stop_fd = -1};

                copy_thread(&c);
                _exit(1);
        }
        wait_for_backends(1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        wait_for_backends(0);
}

struct plan {
        struct bb_stmt stmt;
        struct buf text;
};

static void do_explain(void *arg)
{
        static char sql[2][2000];
        static int n;
        struct plan *plan = arg;
        bb_rows *rows = NULL;
        struct encoded e;
        bb_tx *tx = NULL;
        bb_str text;

        n = !n; /* a statement is known by its address */
        assert_int_equal(params_values(&plan->stmt, &e), BB_OK);
        assert_int_equal(copy_text(&plan->stmt, &e, &text), BB_OK);
        snprintf(sql[n], sizeof(sql[n]), "explain %.*s", BB_FMT(text));
        assert_int_equal(bb_tx_begin(&tx), BB_OK);
        assert_int_equal(bb_tx_query(tx, NULL, "select set_config('busbar.p1', $1::text, true)", plan->stmt.params[0]),
                         BB_OK);
        assert_int_equal(bb_tx_query(tx, &rows, sql[n]), BB_OK);
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                buf_print(&plan->text, "%.*s\n", BB_FMT(bb_row_str(rows, i, 0)));
        assert_int_equal(bb_tx_commit(tx), BB_OK);
}

static void expect_index(const struct bb_stmt *stmt, const char *condition)
{
        struct plan plan = {.stmt = *stmt};

        in_task(&nord, do_explain, &plan);
        if (strstr(plan.text.ptr, condition) == NULL || strstr(plan.text.ptr, "Filter:") != NULL)
                fail_msg("%s", plan.text.ptr);
        buf_free(&plan.text);
}

/* Row security lets a condition reach an index only when no column goes through a function that might tell it. */
static void values_reach_the_index(void **state)
{
        int64_t ids[] = {5, 6};

        (void)state;
        expect_index(&BB_STMT("select name from test_a.thing where id >= $1", BB_INT(5)),
                     "Index Cond: ((tenant_id = $0) AND (id >= (current_setting('busbar.p1'::text))::bigint))");
        expect_index(&BB_STMT("select name from test_a.thing where id = any($1)", BB_INT_ARRAY(ids, 2)),
                     "Index Cond: ((tenant_id = $1) AND (id = ANY ($0)))");
}

static int up(void **state)
{
        db_config = (struct db_config){.lock_timeout_ms = 500};
        if (fixture_up(state) != 0)
                return -1;
        log_set_level(BB_ERROR + 1);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_of_all_kinds),
                cmocka_unit_test(parameters_are_found_where_they_are),
                cmocka_unit_test(everybody_gets_his_own),
                cmocka_unit_test(many_rows_while_the_loop_turns),
                cmocka_unit_test(an_error_of_the_receiver_ends_it),
                cmocka_unit_test(cancelling_ends_it),
                cmocka_unit_test(it_gives_way_to_a_loop_that_is_late),
                cmocka_unit_test(it_gives_way_to_a_server_that_has_become_slower),
                cmocka_unit_test(a_task_out_of_time),
                cmocka_unit_test(a_server_that_goes_away),
                cmocka_unit_test(locks_are_not_waited_for_long),
                cmocka_unit_test(too_many_at_once),
                cmocka_unit_test(a_killed_process_leaves_no_backend),
                cmocka_unit_test(values_reach_the_index),
        };

        return cmocka_run_group_tests_name("db_copy", tests, up, fixture_down);
}
