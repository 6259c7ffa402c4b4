/* SPDX-License-Identifier: Apache-2.0
 *
 * Months of partitioned tables: made ahead, dropped when nobody has a row in them, and never otherwise.
 */
#include "db_fixture.h"

static struct bb_plugin_ref plugin_p = {.name = "my-meter"};

static const struct bb_migration migration = {
        .version = 1,
        .name = "reading",
        .sql = "create table my_meter.reading (tenant_id text not null, at timestamptz not null, id bigint not null,"
               " primary key (tenant_id, at, id)) partition by range (at);"
               "select core.tenant_protect('my_meter.reading');"
               "create table my_meter.reading_default partition of my_meter.reading default;"
               "select core.tenant_protect('my_meter.reading_default');"
               "create table my_meter.reading_2024_05 partition of my_meter.reading"
               " for values from ('2024-05-01 00:00Z') to ('2024-06-01 00:00Z');"
               "select core.tenant_protect('my_meter.reading_2024_05');"
               "create table my_meter.reading_2024_06 partition of my_meter.reading"
               " for values from ('2024-06-01 00:00Z') to ('2024-07-01 00:00Z');"
               "select core.tenant_protect('my_meter.reading_2024_06');"
               "create table my_meter.other_2024_06 (id bigint)"};

static void tend_months(void)
{
        struct months *m = db_months_list();
        bb_str why = BB_NONE;

        must(db_months(&db_config, m, &why), why);
        free(m);
}

static int64_t has(const char *table)
{
        char sql[200];

        snprintf(sql, sizeof(sql), "select (to_regclass('my_meter.%s') is not null)::integer", table);
        return admin_number(sql);
}

/* This month, and two years of them. */
static const char ahead[] = "select count(*) from pg_inherits where inhparent = 'my_meter.reading'::regclass"
                            " and inhrelid::regclass::text ~ '_[0-9]{4}_[0-9]{2}$'"
                            " and inhrelid::regclass::text > 'my_meter.reading_2025'";

static int prepare(void **state)
{
        bb_str why = BB_NONE;

        (void)state;
        assert_int_equal(bb_db_->migrations(&plugin_p, &migration, 1, sizeof(migration)), BB_OK);
        assert_int_equal(bb_db_->months(&plugin_p, "reading"), BB_OK);
        must(db_migrate(&db_config, &why), why);
        return 0;
}

static void insert_rows(void *arg)
{
        assert_int_equal(bb_db_query(NULL, arg), BB_OK);
}

static void only_plain_names(void **state)
{
        static const char *const bad[] = {"", "Reading", "a.b", "x; drop table y", "a\"b", NULL};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_int_equal(bb_db_->months(&plugin_p, bad[i]), BB_E_INVALID);
}

static void months_are_made_ahead(void **state)
{
        (void)state;
        in_task(&nord, insert_rows,
                (void *)(uintptr_t) "insert into my_meter.reading (at, id) values ('2024-06-15 12:00Z', 1)");
        tend_months();
        assert_int_equal(admin_number(ahead), 25);
        tend_months();
        assert_int_equal(admin_number(ahead), 25);
        /* As well kept apart as those that came with a migration, and written to through their table. */
        assert_int_equal(admin_number("select count(*) from pg_class where relnamespace = 'my_meter'::regnamespace and"
                                      " relkind in ('p', 'r') and relname like 'reading%' and not (relrowsecurity and"
                                      " relforcerowsecurity)"),
                         0);
        in_task(&nord, insert_rows,
                (void *)(uintptr_t) "insert into my_meter.reading (at, id) values (now() + interval '40 days', 2)");
        assert_int_equal(admin_number("select count(*) from my_meter.reading_default"), 0);
        assert_int_equal(admin_number("select count(*) from my_meter.reading where id = 2"), 1);
}

static void a_month_goes_when_nobody_has_a_row_in_it(void **state)
{
        (void)state;
        assert_false(has("reading_2024_05")); /* it was empty */
        assert_true(has("reading_2024_06"));
        assert_true(has("other_2024_06"));
        assert_true(has("reading_default"));
        in_task(&sued, insert_rows,
                (void *)(uintptr_t) "insert into my_meter.reading (at, id) values ('2024-06-16 12:00Z', 3)");
        in_task(&nord, insert_rows, (void *)(uintptr_t) "delete from my_meter.reading where at < '2025-01-01'");
        tend_months();
        assert_true(has("reading_2024_06")); /* the other tenant's */
        assert_int_equal(admin_number("select count(*) from my_meter.reading_2024_06"), 1);
        in_task(&sued, insert_rows, (void *)(uintptr_t) "delete from my_meter.reading where at < '2025-01-01'");
        tend_months();
        assert_false(has("reading_2024_06"));
        /* What is told of it still finds a place. */
        in_task(&sued, insert_rows,
                (void *)(uintptr_t) "insert into my_meter.reading (at, id) values ('2024-06-16 12:00Z', 4)");
        assert_int_equal(admin_number("select count(*) from my_meter.reading_default"), 1);
}

/* Somebody holds the table, or the default partition holds the month: nothing breaks, and tomorrow is another day. */
static void what_does_not_work_is_put_off(void **state)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);

        (void)state;
        log_set_level(BB_ERROR);
        admin_do("create table my_meter.reading_2023_01 partition of my_meter.reading"
                 " for values from ('2023-01-01 00:00Z') to ('2023-02-01 00:00Z');"
                 "alter table my_meter.reading_2023_01 owner to busbar_owner");
        PQclear(PQexec(pg, "begin; lock table my_meter.reading in access share mode"));
        tend_months();
        assert_true(has("reading_2023_01"));
        PQclear(PQexec(pg, "rollback"));
        PQfinish(pg);
        tend_months();
        assert_false(has("reading_2023_01"));
        /* A clock that ran ahead, before its month was there. */
        admin_do("do $$ begin execute format('drop table my_meter.reading_%s; insert into my_meter.reading_default"
                 " (tenant_id, at, id) values (''nord'', %L, 9)', to_char(now() at time zone 'UTC' + interval '20 "
                 "months',"
                 " 'YYYY_MM'), now() + interval '20 months'); end $$");
        assert_int_equal(admin_number(ahead), 24);
        tend_months();
        assert_int_equal(admin_number(ahead), 24);
        admin_do("delete from my_meter.reading_default where id = 9");
        tend_months();
        assert_int_equal(admin_number(ahead), 25);
        log_set_level(BB_WARN);
}

static void one_node_at_a_time(void **state)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);

        (void)state;
        admin_do("create table my_meter.reading_2023_02 partition of my_meter.reading"
                 " for values from ('2023-02-01 00:00Z') to ('2023-03-01 00:00Z');"
                 "alter table my_meter.reading_2023_02 owner to busbar_owner");
        PQclear(PQexec(pg, "select pg_advisory_lock(4822678189205112)"));
        tend_months();
        assert_true(has("reading_2023_02"));
        PQfinish(pg);
        for (int i = 0; i < 100 && has("reading_2023_02"); i++) {
                tend_months();
                turn_for(20);
        }
        assert_false(has("reading_2023_02"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(only_plain_names, prepare),
                cmocka_unit_test(months_are_made_ahead),
                cmocka_unit_test(a_month_goes_when_nobody_has_a_row_in_it),
                cmocka_unit_test(what_does_not_work_is_put_off),
                cmocka_unit_test(one_node_at_a_time),
        };

        return cmocka_run_group_tests(tests, fixture_up, fixture_down);
}
