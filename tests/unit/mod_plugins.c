/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading real plugins, compiled here: order, refusals with their sentences, crashes in load, what the host hands out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "mod/host.h"
#include "mod/server.h"
#include "mod_actors.h"
#include "net/router.h"
#include "rt/loop.h"

#define NAMES(...) (const bb_str[]){__VA_ARGS__}, BB_COUNT(((const bb_str[]){__VA_ARGS__}))
#define N(name) BB_STR(name)

static void drop_line(bb_str line, void *arg)
{
        (void)line;
        (void)arg;
}

static int set_up_all(void **state)
{
        (void)state;
        log_capture(drop_line, NULL);
        if (mkdtemp(actors_folder) == NULL)
                return -1;
        ACTOR("a", "-DNAME=\"a\"", "-DPROVIDES=\"a/1\"");
        ACTOR("b", "-DNAME=\"b\"", "-DNEEDS=\"a/1\"", "-DPROVIDES=\"b/1\"", "-DLOAD=want_needs");
        ACTOR("c", "-DNAME=\"c\"", "-DNEEDS=\"b/1\",\"a/1\"", "-DLOAD=want_needs");
        ACTOR("late", "-DNAME=\"late\"", "-DAFTER=\"b/1\",\"c/1\"");
        ACTOR("minor", "-DNAME=\"minor\"", "-DMINOR=3", "-DPROVIDES=\"minor/1\"");
        ACTOR("major", "-DNAME=\"major\"", "-DMAJOR=2");
        ACTOR("ancient", "-DNAME=\"ancient\"", "-DMAJOR=0");
        ACTOR("stranger", "-DNAME=\"stranger\"", "-DMAGIC=7");
        ACTOR("renamed", "-DNAME=\"original\"");
        ACTOR("short", "-DNAME=\"short\"", "-DSIZE=40");
        ACTOR("older", "-DNAME=\"older\"", "-DSIZE=offsetof(struct bb_plugin,check)");
        ACTOR("crasher", "-DNAME=\"crasher\"", "-DLOAD=crash", "-DPROVIDES=\"crasher/1\"");
        ACTOR("leaver", "-DNAME=\"leaver\"", "-DLOAD=leave");
        ACTOR("hanger", "-DNAME=\"hanger\"", "-DLOAD=hang");
        ACTOR("refuser", "-DNAME=\"refuser\"", "-DLOAD=refuse", "-DPROVIDES=\"refuser/1\"");
        ACTOR("widow", "-DNAME=\"widow\"", "-DNEEDS=\"crasher/1\"", "-DLOAD=want_needs");
        ACTOR("lonely", "-DNAME=\"lonely\"", "-DNEEDS=\"nobody/1\"", "-DLOAD=want_needs");
        ACTOR("hen", "-DNAME=\"hen\"", "-DNEEDS=\"egg/1\"", "-DPROVIDES=\"hen/1\"", "-DLOAD=want_needs");
        ACTOR("egg", "-DNAME=\"egg\"", "-DNEEDS=\"hen/1\"", "-DPROVIDES=\"egg/1\"", "-DLOAD=want_needs");
        ACTOR("first", "-DNAME=\"first\"", "-DPROVIDES=\"declared/1\",\"undeclared/1\"");
        ACTOR("second", "-DNAME=\"second\"", "-DPROVIDES=\"declared/1\"");
        ACTOR("looker", "-DNAME=\"looker\"", "-DNEEDS=\"declared/1\"", "-DPROVIDES=\"looker/1\"", "-DLOAD=look_around");
        ACTOR("wrongly", "-DNAME=\"wrongly\"", "-DNEEDS=\"charging\"");
        ACTOR("server", "-DNAME=\"server\"", "-DPROVIDES=\"server/1\"", "-DROUTE=\"/server/{id}\"");
        ACTOR("waiter", "-DNAME=\"waiter\"", "-DNEEDS=\"server/1\"", "-DLOAD=want_needs", "-DROUTE=\"/waiter\"");
        ACTOR("jammed", "-DNAME=\"jammed\"", "-DLOAD=crash", "-DROUTE=\"/jammed\"");
        ACTOR("lost", "-DNAME=\"lost\"", "-DNEEDS=\"nobody/1\"", "-DROUTE=\"/lost\"");
        return 0;
}

static int tear_down_all(void **state)
{
        (void)state;
        actors_remove();
        log_capture(NULL, NULL);
        return 0;
}

static int set_up(void **state)
{
        (void)state;
        if (loop_init(1) < 0)
                return -1;
        server_prepare_tables();
        probe_timeout_ms = 20000;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        loader_unload_all();
        loop_close();
        return 0;
}

static void load(const bb_str *names, size_t count)
{
        bb_str folders[] = {{.ptr = actors_folder, .len = strlen(actors_folder)}};
        struct loader_folders where = {.paths = folders, .count = 1};
        struct loader_plan *plan = loader_plan_new(&where, names, count, NULL, 0);

        loader_probe(plan);
        loader_load(plan);
}

static const char *loaded_names(void)
{
        bb_str text = BB_STR("");
        const struct bb_plugin_ref *ref;

        for (size_t i = 0; (ref = plugin_loaded_at(i)) != NULL; i++)
                text = bb_print("%.*s%s%s", BB_FMT(text), i > 0 ? " " : "", ref->name);
        return bb_str_c(text);
}

static void assert_why(const char *name, int32_t plugin_state, const char *why)
{
        const struct bb_plugin_ref *ref = plugin_named(bb_cstr(name));

        assert_non_null(ref);
        assert_int_equal(ref->state, plugin_state);
        assert_string_equal(ref->why, why);
}

static void test_order(void **state)
{
        (void)state;
        load(NAMES(N("late"), N("c"), N("b"), N("a")));
        assert_string_equal(loaded_names(), "a b late c");
        assert_int_equal(plugin_named(N("c"))->state, PLUGIN_LOADED);
}

static void test_abi(void **state)
{
        (void)state;
        load(NAMES(N("minor"), N("major"), N("ancient"), N("stranger"), N("renamed"), N("short"), N("wrongly"),
                   N("a")));
        assert_why("minor", PLUGIN_REFUSED,
                   "plugin minor 1.0 needs SDK ABI 1.3, this busbard has 1.0: upgrade busbard");
        assert_why("major", PLUGIN_REFUSED, "plugin major needs SDK ABI 2.0, this busbard has 1.0: upgrade busbard");
        assert_why("ancient", PLUGIN_REFUSED,
                   "plugin ancient is built for SDK ABI 0.0, this busbard has 1.0: upgrade the plugin");
        assert_why(
                "stranger", PLUGIN_REFUSED,
                bb_print("%s/stranger.so is no plugin of Busbar: it does not export busbar_plugin", actors_folder).ptr);
        assert_why("renamed", PLUGIN_REFUSED,
                   "the file renamed.so holds a plugin that calls itself \"original\": rename the file");
        assert_int_equal(plugin_named(N("short"))->state, PLUGIN_REFUSED);
        assert_why("wrongly", PLUGIN_REFUSED,
                   "plugin wrongly names \"charging\" under needs, which is no interface (\"name/1\")");
        assert_string_equal(loaded_names(), "a");
}

/* A plugin of an SDK whose descriptor had fewer fields: what it does not have is zero here. */
static void test_older_descriptor(void **state)
{
        (void)state;
        load(NAMES(N("older")));
        assert_string_equal(loaded_names(), "older");
        assert_null(plugin_named(N("older"))->is.check);
        assert_non_null(plugin_named(N("older"))->is.tenant_start);
}

static void test_not_found(void **state)
{
        FILE *f = fopen(bb_print("%s/text.so", actors_folder).ptr, "w");

        (void)state;
        assert_non_null(f);
        fputs("not a library", f);
        fclose(f);
        load(NAMES(N("crashr"), N("nothing-like-it"), N("text")));
        assert_why("crashr", PLUGIN_REFUSED,
                   bb_print("there is no plugin crashr in %s: did you mean \"crasher\"?", actors_folder).ptr);
        assert_why("nothing-like-it", PLUGIN_REFUSED,
                   bb_print("there is no plugin nothing-like-it in %s", actors_folder).ptr);
        assert_int_equal(plugin_named(N("text"))->state, PLUGIN_REFUSED);
        assert_non_null(strstr(plugin_named(N("text"))->why, "plugin text cannot be opened: "));
}

static void test_crash_in_load(void **state)
{
        (void)state;
        load(NAMES(N("crasher"), N("a"), N("leaver"), N("b"), N("refuser"), N("widow")));
        assert_string_equal(loaded_names(), "a b");
        assert_int_equal(plugin_named(N("crasher"))->state, PLUGIN_QUARANTINED);
        assert_non_null(strstr(plugin_named(N("crasher"))->why, "plugin crasher is quarantined: it "));
        assert_why("leaver", PLUGIN_QUARANTINED,
                   "plugin leaver is quarantined: it ended the process in load (status 3)");
        assert_why("refuser", PLUGIN_REFUSED, "plugin refuser 1.0: load failed: not supported");
        assert_int_equal(plugin_named(N("widow"))->state, PLUGIN_REFUSED);
}

static void test_hang_in_load(void **state)
{
        (void)state;
        probe_timeout_ms = 2000;
        load(NAMES(N("hanger"), N("a")));
        assert_why("hanger", PLUGIN_QUARANTINED,
                   "plugin hanger is quarantined: it does not come back from load within 2 s");
        assert_string_equal(loaded_names(), "a");
}

static void test_needs_and_circles(void **state)
{
        (void)state;
        load(NAMES(N("lonely"), N("hen"), N("egg"), N("a")));
        assert_why("lonely", PLUGIN_REFUSED, "plugin lonely needs nobody/1, which no enabled plugin provides");
        assert_why("hen", PLUGIN_REFUSED,
                   "plugin hen is part of a circle of needs: hen needs egg/1 of egg, egg needs hen/1 of hen");
        assert_why("egg", PLUGIN_REFUSED,
                   "plugin egg is part of a circle of needs: egg needs hen/1 of hen, hen needs egg/1 of egg");
        assert_string_equal(loaded_names(), "a");
}

/* A reload: what was refused for want of a plugin loads once that is there; what is loaded is not loaded again. */
static void test_second_time(void **state)
{
        const struct bb_plugin_ref *a;

        (void)state;
        load(NAMES(N("c"), N("a")));
        assert_string_equal(loaded_names(), "a");
        a = plugin_named(N("a"));
        load(NAMES(N("c"), N("b"), N("a")));
        assert_string_equal(loaded_names(), "a b c");
        assert_ptr_equal(a, plugin_named(N("a")));
        assert_null(plugin_named(N("c"))->why);
}

static void test_quarantined_by_name(void **state)
{
        bb_str folders[] = {{.ptr = actors_folder, .len = strlen(actors_folder)}};
        struct loader_folders where = {.paths = folders, .count = 1};
        const bb_str names[] = {N("a"), N("b")};
        struct loader_plan *plan = loader_plan_new(&where, names, 2, names, 1);

        (void)state;
        loader_probe(plan);
        loader_load(plan);
        assert_why("a", PLUGIN_QUARANTINED, "plugin a is quarantined: it crashed the worker three times");
        assert_why("b", PLUGIN_REFUSED, "plugin b needs a/1 of plugin a, which cannot be loaded");
}

static void note_route(const struct bb_route *route, void *arg)
{
        bb_str *text = arg;

        *text = bb_print("%.*s%s%s %s", BB_FMT(*text), text->len > 0 ? ", " : "", route->method, route->path);
}

static void assert_routes(const char *name, const char *routes)
{
        bb_str text = BB_STR("");

        router_each_route(plugin_named(bb_cstr(name)), note_route, &text);
        assert_string_equal(bb_str_c(text), routes);
}

/* P5: what would be there is known, so that it is out of order and not unknown. */
static void test_routes_of_what_is_not_loaded(void **state)
{
        bb_str folders[] = {{.ptr = actors_folder, .len = strlen(actors_folder)}};
        struct loader_folders where = {.paths = folders, .count = 1};
        const bb_str names[] = {N("server"), N("waiter"), N("jammed"), N("lost")};
        struct loader_plan *plan = loader_plan_new(&where, names, BB_COUNT(names), names, 1);

        (void)state;
        loader_probe(plan);
        loader_load(plan);
        assert_string_equal(loaded_names(), "");
        assert_why("server", PLUGIN_QUARANTINED, "plugin server is quarantined: it crashed the worker three times");
        assert_string_equal(plugin_named(N("server"))->would_provide, "server/1");
        assert_routes("server", "GET /server/{id}");
        assert_routes("waiter", "GET /waiter");
        assert_routes("lost", "GET /lost");
        assert_routes("jammed", ""); /* nobody knows */
        /* The quarantine is lifted. */
        load(names, 2);
        assert_string_equal(loaded_names(), "server waiter");
        assert_routes("server", "GET /server/{id}");
        assert_routes("waiter", "GET /waiter");
        assert_null(plugin_named(N("server"))->would_provide);
}

static void test_what_the_host_hands_out(void **state)
{
        const struct actor_ops *looker;

        (void)state;
        load(NAMES(N("looker"), N("first"), N("second")));
        looker = registry_provider("looker/1", 0, NULL);
        assert_non_null(looker);
        assert_int_equal(looker->got_declared, 1);
        assert_int_equal(looker->got_undeclared, 0);
        assert_int_equal(looker->got_too_large, 0);
        assert_int_equal(looker->got_core, 1);
        /* It loads after every provider of what it needs. */
        assert_int_equal(looker->got_second, 1);
        assert_int_equal(looker->providers, 2);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_abi, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_older_descriptor, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_not_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_crash_in_load, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hang_in_load, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_needs_and_circles, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_second_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_quarantined_by_name, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_routes_of_what_is_not_loaded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_the_host_hands_out, set_up, tear_down),
        };

        if (argc > 1 && strcmp(argv[1], PROBE_OPTION) == 0) {
                probe_set_prepare(server_prepare_tables);
                return probe_main(argc - 2, argv + 2);
        }
        return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
