/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations: planned before applied, all or nothing each, checked against what was released, and what they may not do.
 */
#include "db_fixture.h"

static struct bb_plugin_ref plugin_m = {.name = "my-plugin"};

static bb_err migrate(const struct bb_migration *m, size_t count, char **ret_why)
{
        bb_str why = BB_NONE;
        bb_err err;

        db_remove_plugin(&plugin_m);
        assert_int_equal(bb_db_->migrations(&plugin_m, m, count, sizeof(*m)), BB_OK);
        err = db_migrate(&db_config, &why);
        *ret_why = (char *)(uintptr_t)why.ptr;
        assert_true((err < 0) == (why.ptr != NULL));
        return err;
}

static void works(const struct bb_migration *m, size_t count)
{
        char *why = NULL;

        if (migrate(m, count, &why) < 0)
                fail_msg("%s", why);
}

static void fails(const struct bb_migration *m, size_t count, bb_err expected, const char *sentence)
{
        char *why = NULL;

        assert_int_equal(migrate(m, count, &why), expected);
        if (strstr(why, sentence) == NULL)
                fail_msg("\"%s\" has no \"%s\"", why, sentence);
        free(why);
}

static int drop(void **state)
{
        (void)state;
        admin_do("set client_min_messages = error; drop schema if exists my_plugin cascade;"
                 "drop table if exists public.u; delete from core.migration where plugin = 'my-plugin'");
        return 0;
}

static const struct bb_migration one = {.version = 1, .name = "one", .sql = "create table a (id bigint primary key)"};
static const struct bb_migration two = {
        .version = 2, .name = "two", .sql = "create table b (id bigint primary key); insert into a values (1)"};

static void applied_once_in_the_plugins_schema(void **state)
{
        const struct bb_migration both[] = {one, two};
        bb_str plan = BB_NONE, why = BB_NONE;

        (void)state;
        works(both, 1);
        assert_int_equal(admin_number("select count(*) from my_plugin.a"), 0);
        db_remove_plugin(&plugin_m);
        assert_int_equal(bb_db_->migrations(&plugin_m, both, 2, sizeof(*both)), BB_OK);
        assert_int_equal(bb_db_->migrations(&plugin_m, both, 2, sizeof(*both)), BB_E_EXISTS);
        assert_int_equal(db_migrate_plan(&db_config, &plan, &why), BB_OK);
        assert_string_equal(plan.ptr, "my-plugin/0002 two\n");
        free((void *)(uintptr_t)plan.ptr);
        works(both, 2);
        works(both, 2);
        assert_int_equal(admin_number("select count(*) from my_plugin.a"), 1);
        assert_int_equal(db_migrate_plan(&db_config, &plan, &why), BB_OK);
        assert_string_equal(plan.ptr, "");
        free((void *)(uintptr_t)plan.ptr);
        assert_int_equal(admin_number("select count(*) from core.migration where plugin = 'my-plugin'"), 2);
}

static void a_changed_migration_is_refused(void **state)
{
        const struct bb_migration changed[] = {
                {.version = 1, .name = "one", .sql = "create table a (id text primary key)"}, two};

        (void)state;
        works(&one, 1);
        fails(changed, 2, BB_E_CONFLICT, "my-plugin/0001 one was changed after it was applied");
        assert_int_equal(admin_number("select count(*) from pg_class where relname = 'b' and relnamespace = "
                                      "'my_plugin'::regnamespace"),
                         0);
}

static void a_newer_database_is_refused(void **state)
{
        const struct bb_migration both[] = {one, two};

        (void)state;
        works(both, 2);
        fails(&one, 1, BB_E_UNSUPPORTED, "newer version");
}

static void a_failing_migration_leaves_nothing(void **state)
{
        const struct bb_migration bad[] = {
                one,
                {.version = 2,
                 .name = "bad",
                 .sql = "create table b (id int); insert into b values (1); insert into nowhere values (1)"}};

        (void)state;
        fails(bad, 2, BB_E_INVALID, "my-plugin/0002 bad failed");
        assert_int_equal(admin_number("select count(*) from pg_class where relname = 'b' and relnamespace = "
                                      "'my_plugin'::regnamespace"),
                         0);
        assert_int_equal(admin_number("select count(*) from core.migration where plugin = 'my-plugin'"), 1);
        works((const struct bb_migration[]){one, two}, 2);
}

static void nothing_goes_around_row_security(void **state)
{
#define SQL(text) ((const struct bb_migration[]){{.version = 1, .name = "x", .sql = (text)}}), 1
        (void)state;
        fails(SQL("create table t (tenant_id text not null, id bigint)"), BB_E_DENIED, "call core.tenant_protect");
        fails(SQL("create table t (tenant_id text not null); select core.tenant_protect('t');"
                  "alter table t no force row level security"),
              BB_E_DENIED, "is not protected");
        fails(SQL("create table t (tenant_id text not null); select core.tenant_protect('t'); create view v as select "
                  "* from t"),
              BB_E_DENIED, "security_invoker");
        fails(SQL("create table t (tenant_id text not null); select core.tenant_protect('t');"
                  "create materialized view v as select 1"),
              BB_E_DENIED, "the view");
        fails(SQL("create function f() returns int language sql security definer as 'select 1'"), BB_E_DENIED,
              "security definer");
        fails(SQL("create table t (tenant_id text); select core.tenant_protect('t')"), BB_E_INVALID,
              "tenant_id text not null");
        fails(SQL("create table t (id int); commit; create table u (id int)"), BB_E_INVALID, "COMMIT");
        drop(NULL);
        works(SQL("create table t (tenant_id text not null, id bigint, primary key (tenant_id, id)); select "
                  "core.tenant_protect('t');"
                  "create view v with (security_invoker = true) as select * from t;"
                  "create table log (tenant_id text not null, id bigint); select core.tenant_protect('log');"
                  "select core.append_only('log');"
                  "create table p (tenant_id text not null, at timestamptz not null) partition by range (at);"
                  "select core.tenant_protect('p');"
                  "create table p1 partition of p for values from ('2026-01-01') to ('2027-01-01')"));
#undef SQL
}

static int may(const char *what, const char *table)
{
        char *answer = as_admin(bb_print("select has_table_privilege('busbar', '%s', '%s')", table, what).ptr);
        int yes = answer[0] == 't';

        free(answer);
        return yes;
}

static void rights_are_the_least(void **state)
{
        nothing_goes_around_row_security(state);
        assert_true(may("select", "my_plugin.t") && may("insert", "my_plugin.t") && may("update", "my_plugin.t") &&
                    may("delete", "my_plugin.t"));
        assert_false(may("truncate", "my_plugin.t") || may("references", "my_plugin.t") ||
                     may("trigger", "my_plugin.t"));
        assert_true(may("select", "my_plugin.log") && may("insert", "my_plugin.log"));
        assert_false(may("update", "my_plugin.log") || may("delete", "my_plugin.log"));
        assert_true(may("select", "my_plugin.p"));
        assert_false(may("select", "my_plugin.p1")); /* around the parent's policy */
        assert_false(may("insert", "core.migration") || may("update", "core.audit"));
        assert_int_equal(admin_number("select count(*) from pg_roles where rolname = 'busbar' and (rolsuper or "
                                      "rolbypassrls or rolcreaterole)"),
                         0);
        assert_int_equal(admin_number("select count(*) from pg_class where relowner = 'busbar'::regrole"), 0);
}

/* Every table of the core that has a tenant is protected; new ones cannot be forgotten. */
static void every_table_with_a_tenant_is_protected(void **state)
{
        (void)state;
        assert_int_equal(
                admin_number("select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname "
                             "= 'tenant_id'"
                             " where c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)"),
                0);
        assert_true(admin_number("select count(*) from pg_class c where c.relforcerowsecurity and c.relnamespace = "
                                 "'core'::regnamespace") >= 6);
}

static void registration_is_checked(void **state)
{
        struct bb_plugin_ref bad_name = {.name = "Bad Name"}, pg = {.name = "pg_catalog"};
        const struct bb_migration gap[] = {one, {.version = 3, .name = "x", .sql = "select 1"}};

        (void)state;
        db_remove_plugin(&plugin_m);
        assert_int_equal(bb_db_->migrations(&bad_name, &one, 1, sizeof(one)), BB_E_INVALID);
        assert_int_equal(bb_db_->migrations(&pg, &one, 1, sizeof(one)), BB_E_INVALID);
        assert_int_equal(bb_db_->migrations(&plugin_m, gap, 2, sizeof(one)), BB_E_INVALID);
        assert_int_equal(bb_db_->migrations(&plugin_m, &one, 1, 8), BB_E_UNSUPPORTED);
        assert_int_equal(bb_db_->migrations(NULL, &one, 1, sizeof(one)), BB_E_INVALID);
}

/* A plugin that was compiled with a longer struct. */
static void a_longer_struct_works(void **state)
{
        struct {
                struct bb_migration m;
                int64_t later[2];
        } longer[] = {{.m = one}, {.m = two}};
        bb_str why = BB_NONE;

        (void)state;
        db_remove_plugin(&plugin_m);
        assert_int_equal(bb_db_->migrations(&plugin_m, &longer[0].m, 2, sizeof(longer[0])), BB_OK);
        must(db_migrate(&db_config, &why), why);
        assert_int_equal(admin_number("select count(*) from my_plugin.a"), 1);
}

static void roles_and_urls(void **state)
{
        struct db_config c = db_config;
        bb_str why = BB_NONE;

        (void)state;
        db_remove_plugin(&plugin_m);
        c.url = c.owner_url;
        assert_int_equal(db_migrate(&c, &why), BB_E_INVALID);
        assert_non_null(strstr(why.ptr, "the same role"));
        free((void *)(uintptr_t)why.ptr);
        c.url = "postgresql://busbar_new:pw@/busbar";
        assert_int_equal(db_migrate(&c, &why), BB_E_INVALID); /* the embedded owner may make no roles */
        assert_non_null(strstr(why.ptr, "making the runtime role"));
        free((void *)(uintptr_t)why.ptr);
        c.owner_url = cluster.admin_url; /* this one may */
        why = BB_NONE;
        must(db_migrate(&c, &why), why);
        assert_int_equal(
                admin_number(
                        "select count(*) from pg_roles where rolname = 'busbar_new' and rolcanlogin and not rolsuper"),
                1);
        c.owner_url = "postgresql://nobody@/x?host=%2Fnonexistent";
        assert_int_equal(db_migrate(&c, &why), BB_E_UNAVAILABLE);
        free((void *)(uintptr_t)why.ptr);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(applied_once_in_the_plugins_schema, drop),
                cmocka_unit_test_setup(a_changed_migration_is_refused, drop),
                cmocka_unit_test_setup(a_newer_database_is_refused, drop),
                cmocka_unit_test_setup(a_failing_migration_leaves_nothing, drop),
                cmocka_unit_test_setup(nothing_goes_around_row_security, drop),
                cmocka_unit_test_setup(rights_are_the_least, drop),
                cmocka_unit_test_setup(a_longer_struct_works, drop),
                cmocka_unit_test(every_table_with_a_tenant_is_protected),
                cmocka_unit_test(registration_is_checked),
                cmocka_unit_test(roles_and_urls),
        };

        return cmocka_run_group_tests_name("db_migrate", tests, fixture_up, fixture_down);
}
