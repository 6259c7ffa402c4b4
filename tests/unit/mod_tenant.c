/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant before it starts: its plugins' options, their own checks, and what is said of a need that is not met.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "mod/host.h"
#include "mod/server.h"
#include "mod_actors.h"
#include "rt/loop.h"
#include <sys/stat.h>

static char folder[] = "/tmp/busbar-tenant-XXXXXX";
static struct config *config;

static void drop_line(bb_str line, void *arg)
{
        (void)line;
        (void)arg;
}

static int set_up(void **state)
{
        bb_str folders[] = {{.ptr = actors_folder, .len = strlen(actors_folder)}};
        struct loader_folders where = {.paths = folders, .count = 1};
        const bb_str names[] = {BB_STR("a"), BB_STR("b"), BB_STR("wish"), BB_STR("lonely")};
        struct loader_plan *plan;

        (void)state;
        log_capture(drop_line, NULL);
        if (mkdtemp(folder) == NULL || mkdtemp(actors_folder) == NULL || loop_init(1) < 0)
                return -1;
        ACTOR("a", "-DNAME=\"a\"", "-DPROVIDES=\"a/1\"");
        ACTOR("b", "-DNAME=\"b\"", "-DNEEDS=\"a/1\"", "-DPROVIDES=\"b/1\"", "-DLOAD=want_needs");
        ACTOR("wish", "-DNAME=\"wish\"", "-DAFTER=\"a/1\"");
        ACTOR("lonely", "-DNAME=\"lonely\"", "-DNEEDS=\"nobody/1\"", "-DLOAD=want_needs");
        server_prepare_tables();
        plan = loader_plan_new(&where, names, BB_COUNT(names), NULL, 0);
        loader_probe(plan);
        loader_load(plan);
        return mkdir(bb_print("%s/tenants", folder).ptr, 0700);
}

static int tear_down(void **state)
{
        char *argv[] = {"rm", "-rf", folder, NULL};

        (void)state;
        loader_unload_all();
        loop_close();
        actors_remove();
        log_capture(NULL, NULL);
        return actors_run(argv);
}

static void put(const char *name, const char *text)
{
        FILE *f = fopen(bb_print("%s/%s", folder, name).ptr, "w");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static struct tenant *tenant_with(const char *yaml)
{
        put("busbar.yaml", "http: {listen: [\"127.0.0.1:1\"]}\n");
        put("tenants/nord.yaml", yaml);
        config = config_load(bb_print("%s/busbar.yaml", folder).ptr);
        assert_int_equal(config->errors.count, 0);
        return tenant_new(config->tenants[0], config, &config->errors);
}

static void done(struct tenant *tenant)
{
        tenant_free(tenant);
        config_free(config);
}

/* The same as in actor.c. */
struct actor_options {
        uint64_t present;
        bb_str greeting;
        int64_t count;
};

static void test_options(void **state)
{
        struct tenant *t = tenant_with("name: Nord\nplugins:\n  b: {greeting: moin}\n  a:\n");
        const struct actor_options *a = t->plugins[0].config, *b = t->plugins[1].config;

        (void)state;
        assert_int_equal(config->errors.count, 0);
        assert_int_equal(t->plugin_count, 2);
        /* In load order, whatever the file's is. */
        assert_string_equal(t->plugins[0].ref->name, "a");
        assert_true(bb_str_is(a->greeting, "hello"));
        assert_int_equal(a->count, 1);
        assert_true(bb_str_is(b->greeting, "moin"));
        assert_true(bb_str_is(tenant_option(&t->pub, "currency"), "EUR"));
        assert_null(tenant_option(&t->pub, "base_url").ptr);
        assert_null(tenant_option(&t->pub, "no_such").ptr);
        done(t);
}

static void test_wrong_options(void **state)
{
        struct tenant *t =
                tenant_with("name: Nord\nplugins:\n  a:\n    count: 10\n    greating: x\n  b: {count: 7}\n  wish: 5\n");

        (void)state;
        assert_int_equal(config->errors.count, 4);
        assert_true(bb_str_is(config->errors.lines[0],
                              "tenants/nord.yaml:5: plugins.a.greating: unknown key: did you mean \"greeting\"?"));
        assert_true(
                bb_str_is(config->errors.lines[1],
                          "tenants/nord.yaml:4: plugins.a.count: expected a whole number from 1 to 9, found \"10\""));
        assert_true(bb_str_is(config->errors.lines[2], "tenants/nord.yaml:6: plugins.b: seven is taken") ||
                    bb_str_is(config->errors.lines[3], "tenants/nord.yaml:6: plugins.b: seven is taken"));
        done(t);
}

static void assert_problem(const struct tenant *t, size_t index, const char *text)
{
        const struct tenant_plugin *p;
        bb_str found;

        assert_true(tenant_problem(t, index, &p, &found));
        assert_string_equal(bb_str_c(found), text);
}

static void test_needs(void **state)
{
        struct tenant *t = tenant_with("name: Nord\nplugins: {b: , wish: , lonely: , typo: }\n");
        const struct tenant_plugin *p;
        bb_str text;

        (void)state;
        /* Wrong plugins are no errors of the file: the others run. */
        assert_int_equal(config->errors.count, 0);
        assert_problem(t, 0, "tenant nord: b needs a/1, which plugin a provides, but the tenant has not enabled it");
        assert_problem(t, 1, "tenant nord: plugin lonely needs nobody/1, which no enabled plugin provides");
        assert_problem(t, 2, "tenant nord: not loaded");
        assert_false(tenant_problem(t, 3, &p, &text));
        for (size_t i = 0; i < t->plugin_count; i++)
                if (bb_str_is(t->plugins[i].name, "wish"))
                        assert_int_equal(t->plugins[i].status, TENANT_PLUGIN_OFF);
        done(t);
}

/* Nobody sees a plugin of a tenant before it runs, and never one that the tenant does not have. */
static void test_before_the_start(void **state)
{
        struct tenant *t = tenant_with("name: Nord\nplugins: {a: }\n");
        struct bb_plugin_ref *a = plugin_named(BB_STR("a")), *b = plugin_named(BB_STR("b"));

        (void)state;
        assert_false(tenant_has_plugin(a, &t->pub));
        assert_null(tenant_plugin_state(a, &t->pub));
        assert_true(tenant_enables_plugin(a, &t->pub));
        assert_false(tenant_enables_plugin(b, &t->pub));
        tenant_plugin_set(&t->plugins[0], TENANT_PLUGIN_RUNNING);
        t->plugins[0].state = t;
        assert_true(tenant_has_plugin(a, &t->pub));
        assert_ptr_equal(tenant_plugin_state(a, &t->pub), t);
        assert_false(tenant_has_plugin(b, &t->pub));
        assert_null(tenant_plugin_state(b, &t->pub));
        assert_false(tenant_has_plugin(a, NULL));
        assert_true(a->host.tenant_has(a, &t->pub, NULL));
        assert_false(a->host.tenant_has(a, &t->pub, "b"));
        assert_false(a->host.tenant_has(a, &t->pub, "no such plugin"));
        done(t);
}

static void test_table(void **state)
{
        struct tenant *t = tenant_with("name: Nord\nhosts: [x.example, y.example]\n");

        (void)state;
        tenants_add(t);
        assert_ptr_equal(tenants_by_host(BB_STR("y.example")), t);
        assert_ptr_equal(tenants_by_id(BB_STR("nord")), t);
        assert_null(tenants_by_host(BB_STR("z.example")));
        assert_int_equal(tenants_count(), 1);
        tenants_remove(t);
        assert_null(tenants_by_host(BB_STR("x.example")));
        assert_int_equal(tenants_count(), 0);
        done(t);
}

static void test_state_folder(void **state)
{
        struct tenant *t = tenant_with("name: Nord\nplugins: {a: }\n");
        struct bb_plugin_ref *a = plugin_named(BB_STR("a"));
        struct stat st;
        bb_str path;

        (void)state;
        host_set_state_folder(bb_cstr(folder));
        path = a->host.state_folder(a, &t->pub);
        assert_string_equal(path.ptr, bb_print("%s/files/nord/a", folder).ptr);
        assert_int_equal(stat(path.ptr, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_ptr_equal(a->host.state_folder(a, &t->pub).ptr, path.ptr);
        assert_null(a->host.state_folder(a, NULL).ptr);
        host_set_state_folder(BB_NONE);
        done(t);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options), cmocka_unit_test(test_wrong_options),
                cmocka_unit_test(test_needs),   cmocka_unit_test(test_before_the_start),
                cmocka_unit_test(test_table),   cmocka_unit_test(test_state_folder),
        };

        if (argc > 1 && strcmp(argv[1], PROBE_OPTION) == 0) {
                probe_set_prepare(server_prepare_tables);
                return probe_main(argc - 2, argv + 2);
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
