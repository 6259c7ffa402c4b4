/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements, results, row security, errors and the atomicity of a run, on a real cluster.
 */
#include "db_fixture.h"

static bb_err insert_thing(int64_t id, const char *name)
{
        return bb_db_query(NULL, "insert into test_a.thing (id, name) values ($1, $2)", BB_INT(id), BB_CTEXT(name));
}

static int64_t count_things(void)
{
        bb_rows *rows = NULL;

        assert_int_equal(bb_db_query(&rows, "select count(*) from test_a.thing"), BB_OK);
        return bb_row_int(rows, 0, 0, -1);
}

static void clean(void)
{
        admin_do("truncate test_a.thing cascade");
}

static void do_values(void *arg)
{
        bb_rows *rows = NULL;
        bb_str names[] = {BB_STR("a,\"b\""), BB_NONE, BB_STR(""), BB_STR("NULL")};
        int64_t numbers[] = {1, -2, INT64_MAX};
        int64_t times[] = {0, 1795251600123};

        (void)arg;
        assert_int_equal(bb_db_query(&rows, "select $1, $2, $3, $4, $5, $6, $7, $8, null, $9::bytea",
                                     BB_TEXT(BB_STR("ä' \\x")), BB_INT(INT64_MIN), BB_BOOL(1), BB_TIME(1795251600123),
                                     BB_JSONB(BB_STR("{\"a\":1}")), BB_BYTES(((bb_str){"\0\xff\n", 3})),
                                     BB_UUID(BB_STR("018F0000-0000-7000-8000-0000000000ff")), BB_TEXT(BB_NONE),
                                     BB_NULL),
                         BB_OK);
        assert_int_equal(bb_rows_count(rows), 1);
        assert_true(bb_str_is(bb_row_str(rows, 0, 0), "ä' \\x"));
        assert_true(bb_row_int(rows, 0, 1, 0) == INT64_MIN);
        assert_int_equal(bb_row_int(rows, 0, 2, 0), 1);
        assert_int_equal(bb_row_time(rows, 0, 3, 0), 1795251600123);
        assert_true(bb_str_is(bb_row_str(rows, 0, 4), "{\"a\": 1}"));
        assert_true(bb_str_eq(bb_row_bytes(rows, 0, 5), (bb_str){"\0\xff\n", 3}));
        assert_true(bb_str_is(bb_row_str(rows, 0, 6), "018f0000-0000-7000-8000-0000000000ff"));
        assert_true(bb_row_is_null(rows, 0, 7));
        assert_true(bb_row_is_null(rows, 0, 8));
        assert_null(bb_row_bytes(rows, 0, 9).ptr);
        assert_null(bb_row_str(rows, 1, 0).ptr); /* outside */
        assert_int_equal(bb_row_int(rows, 0, 8, 7), 7);

        assert_int_equal(bb_db_query(&rows, "select coalesce(t, '-') , n from unnest($1, $2) as u (t, n)",
                                     BB_TEXT_ARRAY(names, 4), BB_INT_ARRAY(numbers, 3)),
                         BB_OK);
        assert_int_equal(bb_rows_count(rows), 4);
        assert_true(bb_str_is(bb_row_str(rows, 0, 0), "a,\"b\""));
        assert_true(bb_str_is(bb_row_str(rows, 1, 0), "-"));
        assert_true(bb_str_is(bb_row_str(rows, 2, 0), ""));
        assert_true(bb_str_is(bb_row_str(rows, 3, 0), "NULL"));
        assert_true(bb_row_int(rows, 2, 1, 0) == INT64_MAX);
        assert_int_equal(bb_db_query(&rows, "select unnest($1)", BB_TIME_ARRAY(times, 2)), BB_OK);
        assert_int_equal(bb_row_time(rows, 0, 0, -1), 0);
        assert_int_equal(bb_row_time(rows, 1, 0, -1), 1795251600123);
        assert_int_equal(bb_db_query(&rows, "select count(*) from unnest($1)", BB_TEXT_ARRAY(names, 0)), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, -1), 0);
}

static void do_uuids(void *arg)
{
        const bb_str uuids[] = {BB_STR("018F0000-0000-7000-8000-0000000000ff"), BB_STR("0123456789abcdef"), BB_NONE};
        const bb_str wrong[] = {BB_STR("018f0000-0000-7000-8000_0000000000ff")}, shorter[] = {BB_STR("018f")};
        bb_rows *rows;

        (void)arg;
        assert_int_equal(bb_db_query(&rows, "select unnest($1)::text", BB_UUID_ARRAY(uuids, 3)), BB_OK);
        assert_true(bb_str_is(bb_row_str(rows, 0, 0), "018f0000-0000-7000-8000-0000000000ff"));
        assert_true(bb_str_is(bb_row_str(rows, 1, 0), "30313233-3435-3637-3839-616263646566"));
        assert_true(bb_row_is_null(rows, 2, 0));
        assert_int_equal(bb_db_query(&rows, "select count(*) from unnest($1)", BB_UUID_ARRAY(uuids, 0)), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, -1), 0);
        assert_int_equal(bb_db_query(&rows, "select unnest($1)", BB_UUID_ARRAY(wrong, 1)), BB_E_INVALID);
        assert_int_equal(bb_db_query(&rows, "select unnest($1)", BB_UUID_ARRAY(shorter, 1)), BB_E_INVALID);
}

static void uuids_are_text_or_bytes(void **state)
{
        (void)state;
        in_task(&nord, do_uuids, NULL);
}

static void values_travel_both_ways(void **state)
{
        (void)state;
        in_task(&nord, do_values, NULL);
}

static void do_times(void *arg)
{
        static const int64_t times[] = {
                -1, 1, 951782400000 /* 2000-02-29 */, -2208988800000 /* 1900 */, 253402300799999, 1709164800000};
        bb_rows *rows = NULL;

        (void)arg;
        for (size_t i = 0; i < BB_COUNT(times); i++) {
                assert_int_equal(bb_db_query(&rows, "select $1, extract(epoch from $1) * 1000", BB_TIME(times[i])),
                                 BB_OK);
                assert_true(bb_row_time(rows, 0, 0, 0) == times[i]);
        }
        assert_int_equal(bb_db_query(&rows, "select 'infinity'::timestamptz, '0044-03-15 BC'::timestamptz"), BB_OK);
        assert_int_equal(bb_row_time(rows, 0, 0, 5), 5);
        assert_int_equal(bb_row_time(rows, 0, 1, 6), 6);
        assert_int_equal(bb_db_query(&rows, "select $1", BB_TIME(INT64_MAX)), BB_E_INVALID);
}

static void times_are_exact(void **state)
{
        (void)state;
        in_task(&nord, do_times, NULL);
}

static void do_nulls(void *arg)
{
        bb_rows *rows = NULL;

        (void)arg;
        for (int64_t i = 0; i < 4; i++)
                assert_int_equal(bb_db_query(NULL, "insert into test_a.thing (id, at, flag) values ($1, $2, $3)",
                                             BB_INT(i), BB_TIME_OR_NULL(i & 1, i), i & 2 ? BB_BOOL(1) : BB_NULL),
                                 BB_OK);
        assert_int_equal(bb_db_query(&rows, "select count(at), count(flag) from test_a.thing"), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, -1), 2);
        assert_int_equal(bb_row_int(rows, 0, 1, -1), 2);
}

static void null_parameters_of_any_type(void **state)
{
        (void)state;
        in_task(&nord, do_nulls, NULL);
        clean();
}

static void do_isolation(void *arg)
{
        const char *mine = arg;
        bb_rows *rows = NULL;

        assert_int_equal(count_things(), 0);
        assert_int_equal(insert_thing(1, mine), BB_OK); /* the same key as the other tenant's */
        assert_int_equal(bb_db_query(&rows, "select tenant_id, name from test_a.thing"), BB_OK);
        assert_int_equal(bb_rows_count(rows), 1);
        assert_true(bb_str_is(bb_row_str(rows, 0, 0), mine));
        /* A row of another tenant can neither be written nor moved there, nor touched by naming it. */
        assert_int_equal(bb_db_query(NULL, "insert into test_a.thing (tenant_id, id) values ('other', 2)"),
                         BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "update test_a.thing set tenant_id = 'other'"), BB_E_INVALID);
        assert_int_equal(bb_db_query(&rows, "update test_a.thing set name = 'x' where tenant_id <> $1", BB_CTEXT(mine)),
                         BB_OK);
        assert_int_equal(bb_rows_affected(rows), 0);
        assert_int_equal(bb_db_query(&rows, "delete from test_a.thing where tenant_id <> $1", BB_CTEXT(mine)), BB_OK);
        assert_int_equal(bb_rows_affected(rows), 0);
}

static void do_no_tenant(void *arg)
{
        (void)arg;
        assert_int_equal(insert_thing(1, "x"), BB_E_DENIED);
}

static void tenants_see_only_their_own(void **state)
{
        (void)state;
        in_task(&nord, do_isolation, (void *)(uintptr_t) "nord");
        in_task(&sued, do_isolation, (void *)(uintptr_t) "sued");
        assert_int_equal(admin_number("select count(*) from test_a.thing"), 2);
        in_task(NULL, do_no_tenant, NULL);
        clean();
}

/* The same role past the pool: without a tenant every access fails, in a fresh session and in one that had a tenant. */
static void the_database_itself_refuses(void **state)
{
        PGconn *pg = PQconnectdb(cluster.url);
        PGresult *r;

        (void)state;
        admin_do("insert into test_a.thing (tenant_id, id) values ('nord', 1)");
        assert_int_equal(PQstatus(pg), CONNECTION_OK);
        r = PQexec(pg, "select * from test_a.thing");
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        PQclear(r);
        PQclear(PQexec(pg, "begin"));
        PQclear(PQexec(pg, "select set_config('busbar.tenant', 'nord', true)"));
        r = PQexec(pg, "select * from test_a.thing");
        assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
        assert_int_equal(PQntuples(r), 1);
        PQclear(r);
        PQclear(PQexec(pg, "commit"));
        r = PQexec(pg, "select * from test_a.thing");
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "42501");
        PQclear(r);
        r = PQexec(pg, "alter table test_a.thing disable row level security");
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        PQclear(r);
        r = PQexec(pg, "delete from core.audit");
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        PQclear(r);
        PQfinish(pg);
        clean();
}

static void do_errors(void *arg)
{
        (void)arg;
        assert_int_equal(insert_thing(1, "a"), BB_OK);
        assert_int_equal(insert_thing(1, "b"), BB_E_EXISTS);
        assert_int_equal(bb_db_query(NULL, "insert into test_a.part (thing, n) values (1, 0)"), BB_E_CONFLICT);
        /* This one is only found out at the commit, after every statement went well. */
        assert_int_equal(bb_db_query(NULL, "insert into test_a.part (thing, n) values (99, 1)"), BB_E_CONFLICT);
        assert_int_equal(bb_db_query(NULL, "selec 1"), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "select 1 / $1", BB_INT(0)), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "select $1", BB_UUID(BB_STR("nonsense"))), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "select $1", BB_TEXT(((bb_str){"a\0b", 3}))), BB_E_INVALID);
        assert_int_equal(count_things(), 1);
}

static void errors_say_what_they_mean(void **state)
{
        (void)state;
        in_task(&nord, do_errors, NULL);
        clean();
}

static void do_atomic(void *arg)
{
        bb_rows *rows[3] = {NULL};

        (void)arg;
        assert_int_equal(bb_db_run((struct bb_stmt[]){BB_STMT("insert into test_a.thing (id) values (1)"),
                                                      BB_STMT("select count(*) from test_a.thing"),
                                                      BB_STMT("update test_a.thing set name = 'x'")},
                                   3, rows),
                         BB_OK);
        assert_int_equal(bb_row_int(rows[1], 0, 0, 0), 1);
        assert_int_equal(bb_rows_affected(rows[2]), 1);
        assert_int_equal(bb_db_run((struct bb_stmt[]){BB_STMT("insert into test_a.thing (id) values (2)"),
                                                      BB_STMT("insert into test_a.thing (id) values (1)"),
                                                      BB_STMT("insert into test_a.thing (id) values (3)")},
                                   3, NULL),
                         BB_E_EXISTS);
        assert_int_equal(count_things(), 1);
        /* A statement whose Parse was skipped by the error is prepared at its next use. */
        assert_int_equal(bb_db_query(NULL, "insert into test_a.thing (id) values (3)"), BB_OK);
}

static void a_run_is_all_or_nothing(void **state)
{
        (void)state;
        in_task(&nord, do_atomic, NULL);
        clean();
}

static struct bb_stmt must_hit(struct bb_stmt s)
{
        s.flags |= BB_STMT_MUST_HIT;
        return s;
}

static void do_must_hit(void *arg)
{
        struct bb_stmt insert = BB_STMT("insert into test_a.thing (id, name) values (1, 'a')");
        struct bb_stmt miss = must_hit(BB_STMT("update test_a.thing set name = 'b' where id = 99"));
        struct bb_stmt hit = must_hit(BB_STMT("update test_a.thing set name = 'b' where id = 1"));
        bb_rows *rows[2] = {NULL};

        (void)arg;
        assert_int_equal(bb_db_run((struct bb_stmt[]){insert, miss}, 2, rows), BB_E_NOT_FOUND);
        assert_null(rows[0]);
        assert_int_equal(count_things(), 0);
        assert_int_equal(bb_db_run((struct bb_stmt[]){insert, hit}, 2, rows), BB_OK);
        assert_int_equal(bb_rows_affected(rows[1]), 1);
        assert_int_equal(bb_db_run(&miss, 1, NULL), BB_E_NOT_FOUND);
        assert_int_equal(bb_db_run((struct bb_stmt[]){hit, insert}, 2, NULL), BB_E_EXISTS);
        assert_int_equal(bb_db_run((struct bb_stmt[]){hit, hit}, 2, NULL), BB_OK);
        assert_int_equal(count_things(), 1);
}

static void must_hit_rolls_back(void **state)
{
        (void)state;
        in_task(&nord, do_must_hit, NULL);
        assert_int_equal(admin_number("select count(*) from test_a.thing where name = 'b'"), 1);
        clean();
}

static void do_tx(void *arg)
{
        bb_rows *rows = NULL;
        bb_tx *tx = NULL, *other = NULL;

        (void)arg;
        assert_int_equal(bb_tx_begin(&tx), BB_OK);
        assert_int_equal(bb_tx_query(tx, NULL, "insert into test_a.thing (id) values (1)"), BB_OK);
        assert_int_equal(bb_tx_query(tx, &rows, "select count(*) from test_a.thing"), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, 0), 1);
        assert_int_equal(count_things(), 0); /* not committed */
        assert_int_equal(bb_tx_commit(tx), BB_OK);
        assert_int_equal(count_things(), 1);
        assert_int_equal(bb_tx_query(tx, NULL, "select 1"), BB_E_INVALID);

        assert_int_equal(bb_tx_begin(&tx), BB_OK);
        assert_int_equal(bb_tx_query(tx, NULL, "insert into test_a.thing (id) values (1)"), BB_E_EXISTS);
        assert_int_equal(bb_tx_query(tx, NULL, "select 1"), BB_E_EXISTS);
        assert_int_equal(bb_tx_commit(tx), BB_E_EXISTS);

        assert_int_equal(bb_tx_begin(&other), BB_OK);
        assert_int_equal(bb_tx_query(other, NULL, "insert into test_a.thing (id) values (2)"), BB_OK);
        bb_tx_rollback(other);
        assert_int_equal(bb_tx_query(other, NULL, "select 1"), BB_E_INVALID);
        assert_int_equal(count_things(), 1);
}

static void do_tx_left_open(void *arg)
{
        bb_tx *tx = NULL;

        (void)arg;
        assert_int_equal(bb_tx_begin(&tx), BB_OK);
        assert_int_equal(bb_tx_query(tx, NULL, "insert into test_a.thing (id) values (7)"), BB_OK);
}

static void do_count_one(void *arg)
{
        (void)arg;
        assert_int_equal(count_things(), 1);
}

static void transactions(void **state)
{
        (void)state;
        in_task(&nord, do_tx, NULL);
        /* Many more than there are connections: each is given back. */
        for (int i = 0; i < 40; i++)
                in_task(&nord, do_tx_left_open, NULL);
        in_task(&nord, do_count_one, NULL);
        assert_int_equal(admin_number("select count(*) from test_a.thing where id = 7"), 0);
        clean();
}

static void do_outside_search_path(void *arg)
{
        bb_rows *rows = NULL;

        (void)arg;
        assert_int_equal(bb_db_query(&rows, "select * from thing"), BB_E_INVALID);
        assert_int_equal(
                bb_db_query(&rows, "select current_setting('statement_timeout'), current_setting('lock_timeout')"),
                BB_OK);
        assert_true(bb_str_is(bb_row_str(rows, 0, 0), "30s"));
        assert_true(bb_str_is(bb_row_str(rows, 0, 1), "10s"));
}

static void sessions_are_set_up(void **state)
{
        (void)state;
        in_task(&nord, do_outside_search_path, NULL);
}

static void do_same_text_elsewhere(void *arg)
{
        char *text = arg;
        bb_rows *rows = NULL;

        /* The same address with another text, as after a plugin was unloaded and another one loaded there. */
        snprintf(text, 32, "select 1 + %d", 1);
        assert_int_equal(bb_db_query(&rows, text), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, 0), 2);
        snprintf(text, 32, "select 1 + %d", 2);
        assert_int_equal(bb_db_query(&rows, text), BB_OK);
        assert_int_equal(bb_row_int(rows, 0, 0, 0), 3);
}

static void statements_are_known_by_text(void **state)
{
        char text[32];

        (void)state;
        in_task(&nord, do_same_text_elsewhere, text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_travel_both_ways),
                cmocka_unit_test(uuids_are_text_or_bytes),
                cmocka_unit_test(times_are_exact),
                cmocka_unit_test(null_parameters_of_any_type),
                cmocka_unit_test(tenants_see_only_their_own),
                cmocka_unit_test(the_database_itself_refuses),
                cmocka_unit_test(errors_say_what_they_mean),
                cmocka_unit_test(a_run_is_all_or_nothing),
                cmocka_unit_test(must_hit_rolls_back),
                cmocka_unit_test(transactions),
                cmocka_unit_test(sessions_are_set_up),
                cmocka_unit_test(statements_are_known_by_text),
        };

        return cmocka_run_group_tests_name("db_run", tests, fixture_up, fixture_down);
}
