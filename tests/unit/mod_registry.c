/* SPDX-License-Identifier: Apache-2.0
 *
 * Who provides what, and in which order plugins load; what those are told that cannot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mod/registry.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PROVIDES(...)                                                                                                  \
        .provides = (const char *[]){__VA_ARGS__}, .provide_count = BB_COUNT(((const char *[]){__VA_ARGS__}))

static const uint32_t table = sizeof(table), other_table = sizeof(other_table);
static const struct registry_core_entry core[] = {{"rt/1", &table}, {NULL, NULL}};

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        registry_set_core(core);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        return 0;
}

/* "a c b" */
static const char *order_of(struct registry_node *nodes, size_t count)
{
        size_t *order = arena_alloc(arena_current, count * sizeof(*order) + 1);
        size_t placed = registry_order(nodes, count, arena_current, order);
        bb_str text = BB_STR("");

        for (size_t i = 0; i < placed; i++)
                text = arena_print(arena_current, "%.*s%s%s", BB_FMT(text), i > 0 ? " " : "", nodes[order[i]].name);
        return arena_str(arena_current, text).ptr;
}

static void test_needs(void **state)
{
        struct registry_node nodes[] = {
                {.name = "c", .needs = LIST("b/1", "rt/1")},
                {.name = "b", .needs = LIST("a/1"), PROVIDES("b/1")},
                {.name = "a", PROVIDES("a/1", "aa/2")},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "a b c");
        for (size_t i = 0; i < BB_COUNT(nodes); i++)
                assert_null(nodes[i].problem);
}

/* Without needs the order is that of the list, so that two starts are alike. */
static void test_stable(void **state)
{
        struct registry_node nodes[] = {{.name = "z"}, {.name = "a"}, {.name = "m"}};

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "z a m");
}

static void test_wishes(void **state)
{
        /* Everybody who provides it goes first, and a wish that nobody fulfils is none. */
        struct registry_node nodes[] = {
                {.name = "billing", .after = LIST("payment/1", "nothing/1")},
                {.name = "card", PROVIDES("payment/1")},
                {.name = "cash", .needs = LIST("till/1"), PROVIDES("payment/1")},
                {.name = "till", PROVIDES("till/1")},
        };
        /* Two wishes in a circle: one of them is given up, both load. */
        struct registry_node circle[] = {
                {.name = "x", .after = LIST("y/1"), PROVIDES("x/1")},
                {.name = "y", .after = LIST("x/1"), PROVIDES("y/1")},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "card till cash billing");
        assert_string_equal(order_of(circle, BB_COUNT(circle)), "x y");
}

static void test_missing(void **state)
{
        struct registry_node nodes[] = {
                {.name = "ocpp16", .needs = LIST("charging/1"), PROVIDES("station_driver/1")},
                {.name = "panel", .needs = LIST("station_driver/1")},
                {.name = "alone"},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "alone");
        assert_string_equal(nodes[0].problem, "plugin ocpp16 needs charging/1, which no enabled plugin provides");
        assert_string_equal(nodes[1].problem,
                            "plugin panel needs station_driver/1 of plugin ocpp16, which cannot be loaded");
}

/* Another major is another interface. */
static void test_major(void **state)
{
        struct registry_node nodes[] = {
                {.name = "new", .needs = LIST("charging/2")},
                {.name = "charging", PROVIDES("charging/1")},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "charging");
        assert_string_equal(nodes[0].problem, "plugin new needs charging/2, which no enabled plugin provides");
}

static void test_circle(void **state)
{
        struct registry_node nodes[] = {
                {.name = "a", .needs = LIST("b/1"), PROVIDES("a/1")},
                {.name = "b", .needs = LIST("c/1"), PROVIDES("b/1")},
                {.name = "c", .needs = LIST("a/1"), PROVIDES("c/1")},
                {.name = "d", .needs = LIST("a/1")},
                {.name = "self", .needs = LIST("self/1"), PROVIDES("self/1")},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "");
        assert_string_equal(
                nodes[0].problem,
                "plugin a is part of a circle of needs: a needs b/1 of b, b needs c/1 of c, c needs a/1 of a");
        assert_string_equal(nodes[3].problem, "plugin d needs a/1 of plugin a, which cannot be loaded");
        assert_string_equal(nodes[4].problem, "plugin self is part of a circle of needs: self needs self/1 of self");
}

/* A plugin that was refused before keeps its own reason. */
static void test_refused_before(void **state)
{
        struct registry_node nodes[] = {
                {.name = "a", PROVIDES("a/1"), .problem = "plugin a crashed"},
                {.name = "b", .needs = LIST("a/1")},
        };

        (void)state;
        assert_string_equal(order_of(nodes, BB_COUNT(nodes)), "");
        assert_string_equal(nodes[0].problem, "plugin a crashed");
        assert_string_equal(nodes[1].problem, "plugin b needs a/1 of plugin a, which cannot be loaded");
}

static void test_provide(void **state)
{
        struct bb_plugin_ref card = {.magic = PLUGIN_MAGIC, .name = "card"},
                             cash = {.magic = PLUGIN_MAGIC, .name = "cash"};
        struct bb_plugin_ref *found = NULL;

        (void)state;
        assert_int_equal(registry_provide(&card, "payment/1", &table), BB_OK);
        assert_int_equal(registry_provide(&cash, "payment/1", &other_table), BB_OK);
        assert_int_equal(registry_provide(&cash, "payment/1", &table), BB_E_EXISTS);
        assert_int_equal(registry_provide(&cash, "rt/1", &table), BB_E_EXISTS);
        assert_int_equal(registry_provide(&cash, "payment", &table), BB_E_INVALID);
        assert_int_equal(registry_provide(&cash, "pay/1", NULL), BB_E_INVALID);
        assert_ptr_equal(registry_provider("payment/1", 0, &found), &table);
        assert_ptr_equal(found, &card);
        assert_ptr_equal(registry_provider("payment/1", 1, &found), &other_table);
        assert_ptr_equal(found, &cash);
        assert_null(registry_provider("payment/1", 2, &found));
        registry_remove(&card);
        assert_ptr_equal(registry_provider("payment/1", 0, &found), &other_table);
        assert_string_equal(registry_provided_by(&cash, 0), "payment/1");
        assert_null(registry_provided_by(&cash, 1));
        registry_remove(&cash);
        assert_null(registry_provider("payment/1", 0, NULL));
}

static void test_names(void **state)
{
        static const char *const good[] = {"a/1", "station_driver/12", "acme.meter-x/999"};
        static const char *const bad[] = {"",       "a",   "/1",    "a/",    "a/0", "a/01",
                                          "a/1000", "A/1", "a b/1", "a/1/2", "a/-1"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(good); i++)
                assert_true(registry_is_interface(good[i]));
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_false(registry_is_interface(bad[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_needs),          cmocka_unit_test(test_stable),  cmocka_unit_test(test_wishes),
                cmocka_unit_test(test_missing),        cmocka_unit_test(test_major),   cmocka_unit_test(test_circle),
                cmocka_unit_test(test_refused_before), cmocka_unit_test(test_provide), cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
