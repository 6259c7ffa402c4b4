/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values: how strictly they are read, how they are built and written.
 */
#include "base/arena.h"
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above */
#include <cmocka.h>

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static void assert_text(const bb_json *j, const char *expected)
{
        assert_string_equal(bb_json_text(j).ptr, expected);
}

static bb_json *parsed(const char *text)
{
        struct bb_fault fault;
        bb_json *j;

        if (bb_json_parse(bb_cstr(text), &j, &fault) != BB_OK)
                fail_msg("%s: %.*s", text, BB_FMT(fault.text));
        return j;
}

static void what_is_read_is_written_again(void **state)
{
        static const char *const texts[] = {
                "{}",
                "[]",
                "null",
                "true",
                "false",
                "0",
                "-1",
                "9223372036854775807",
                "-9223372036854775808",
                "0.1",
                "1.5e+300",
                "\"\"",
                "\"a\\\"\\\\\\n\\u0001\"",
                "{\"b\":1,\"a\":[1,2,{\"c\":null}],\"0\":\"x\"}",
                "[\"gr\xc3\xbc\xc3\x9f\",\"\xf0\x9f\x94\x8c\"]",
                "\"\\u0000\"",
        };
        (void)state;

        for (size_t i = 0; i < BB_COUNT(texts); i++)
                assert_text(parsed(texts[i]), texts[i]);
        assert_text(parsed(" [ 1 ,\n2 ] \r\n"), "[1,2]");
        assert_text(parsed("\"\\u00fc\\ud83d\\udd0c\""), "\"\xc3\xbc\xf0\x9f\x94\x8c\"");
}

static void assert_refused(bb_str text, const char *why, int32_t line)
{
        struct bb_fault fault;
        bb_json *j = NULL;

        assert_int_equal(bb_json_parse(text, &j, &fault), BB_E_INVALID);
        assert_int_equal(bb_json_parse(text, &j, NULL), BB_E_INVALID);
        assert_null(j);
        assert_int_equal(fault.kind, BB_FAULT_SYNTAX);
        assert_int_equal(fault.path.len, 0);
        if (strncmp(fault.text.ptr, why, strlen(why)) != 0)
                fail_msg("\"%.*s\": \"%s\", not \"%s\"", BB_FMT(text), fault.text.ptr, why);
        assert_int_equal(fault.line, line);
}

static void what_is_not_json_is_refused(void **state)
{
        (void)state;
        assert_refused(BB_STR(""), "is empty", 0);
        assert_refused(BB_STR("{"), "ends too early", 1);
        assert_refused(BB_STR("[1]\n x"), "goes on after its end", 2);
        assert_refused(BB_STR("[1]\0"), "goes on after its end", 1);
        assert_refused(BB_STR("[1,]"), "is not JSON", 1);
        assert_refused(BB_STR("{\"a\":1,\n\"a\":2}"), "has the same member twice", 2);
        assert_refused(BB_STR("[\"\xff\"]"), "is not UTF-8", 1);
        assert_refused(BB_STR("[\"\xed\xa0\x80\"]"), "is not UTF-8", 1);
        assert_refused(BB_STR("[9223372036854775808]"), "has a number that is too big", 1);
        assert_refused(BB_STR("[1e999]"), "has a number that is too big", 1);
        assert_refused(BB_STR("{\"a\\u0000\":1}"), "has U+0000 in a member's name", 1);
        assert_refused(BB_STR("[01]"), "is not JSON", 1);
        assert_refused(BB_STR("[NaN]"), "is not JSON", 1);
        assert_refused(BB_STR("['a']"), "is not JSON", 1);
        assert_refused(BB_STR("[\"a\nb\"]"), "is not JSON", 1);
        assert_refused(BB_STR("[\"\\ud800\"]"), "is not JSON", 1);
        assert_refused(BB_STR("// x\n1"), "is not JSON", 1);
        assert_refused(BB_STR("\xef\xbb\xbf{}"), "is not JSON", 1);
}

static bb_str repeated(const char *head, const char *unit, size_t times, const char *tail)
{
        size_t len = strlen(unit);
        char *p = arena_alloc(arena_current, strlen(head) + len * times + strlen(tail) + 1), *at = p;

        memcpy(at, head, strlen(head));
        at += strlen(head);
        for (size_t i = 0; i < times; i++, at += len)
                memcpy(at, unit, len);
        memcpy(at, tail, strlen(tail));
        return (bb_str){p, (size_t)(at - p) + strlen(tail)};
}

static void depth_and_number_are_limited(void **state)
{
        bb_json *j;
        (void)state;

        assert_int_equal(bb_json_parse(repeated(repeated("", "[", 64, "").ptr, "]", 64, ""), &j, NULL), BB_OK);
        assert_refused(repeated(repeated("", "[", 65, "").ptr, "]", 65, ""), "is nested deeper than 64 levels", 1);
        assert_refused(repeated("\n", "{\"a\":", 100000, ""), "is nested deeper than 64 levels", 2);
        assert_int_equal(bb_json_parse(repeated("[0", ",\"[[[\\\"{{{\"", 5000, "]"), &j, NULL), BB_OK);
        assert_int_equal(bb_json_count(j), 5001);
        assert_refused(repeated("[0", ",0", 200001, "]"), "has more than 200,000 values", 1);
}

static void values_are_looked_at(void **state)
{
        bb_json *j = parsed("{\"i\":-5,\"r\":1.5,\"s\":\"x\",\"b\":true,\"n\":null,\"a\":[1,2],\"o\":{\"p\":1}}"),
                *value;
        bb_str name;
        (void)state;

        assert_int_equal(bb_json_kind(j), BB_J_OBJECT);
        assert_int_equal(bb_json_count(j), 7);
        assert_int_equal(bb_json_kind(bb_json_get(j, "i")), BB_J_INT);
        assert_int_equal(bb_json_int(bb_json_get(j, "i"), 0), -5);
        assert_int_equal(bb_json_int(bb_json_get(j, "s"), 42), 42);
        assert_int_equal(bb_json_int(bb_json_get(j, "b"), 42), 1);
        assert_int_equal(bb_json_int(bb_json_get(j, "absent"), 42), 42);
        assert_true(bb_json_real(bb_json_get(j, "r"), 0) == 1.5);
        assert_true(bb_json_real(bb_json_get(j, "i"), 0) == -5);
        assert_true(bb_json_real(bb_json_get(j, "n"), 7) == 7);
        assert_string_equal(bb_json_str(bb_json_get(j, "s")).ptr, "x");
        assert_null(bb_json_str(bb_json_get(j, "i")).ptr);
        assert_int_equal(bb_json_kind(bb_json_get(j, "b")), BB_J_BOOL);
        assert_int_equal(bb_json_kind(bb_json_get(j, "n")), BB_J_NULL);
        assert_int_equal(bb_json_int(bb_json_at(bb_json_get(j, "a"), 1), 0), 2);
        assert_null(bb_json_at(bb_json_get(j, "a"), 2));
        assert_null(bb_json_at(j, 0));
        assert_null(bb_json_get(bb_json_get(j, "a"), "x"));
        assert_int_equal(bb_json_member(j, 6, &name, &value), BB_OK);
        assert_true(bb_str_is(name, "o"));
        assert_int_equal(bb_json_member(j, 0, &name, &value), BB_OK);
        assert_true(bb_str_is(name, "i"));
        assert_int_equal(bb_json_member(j, 1, &name, NULL), BB_OK);
        assert_true(bb_str_is(name, "r"));
        assert_int_equal(bb_json_member(j, 7, &name, &value), BB_E_NOT_FOUND);
        assert_int_equal(bb_json_member(bb_json_get(j, "s"), 0, &name, &value), BB_E_NOT_FOUND);
}

static void members_are_walked_while_values_change(void **state)
{
        bb_json *j = parsed("{\"a\":{\"x\":1},\"b\":2,\"c\":3}"), *value;
        bb_str name;
        (void)state;

        for (size_t i = 0; bb_json_member(j, i, &name, &value) == BB_OK; i++)
                bb_json_set(j, i == 0 ? "a" : i == 1 ? "b" : "c", bb_json_new_int(10 + (int64_t)i));
        assert_text(j, "{\"a\":10,\"b\":11,\"c\":12}");
}

static void values_are_built(void **state)
{
        bb_json *o = bb_json_new_object(), *a = bb_json_new_array(), *shared = bb_json_new_str(BB_STR("s"));
        (void)state;

        bb_json_set(o, "a", a);
        bb_json_set(o, "absent", NULL);
        bb_json_set_str(o, "none", BB_NONE);
        bb_json_set_str(o, "str", BB_STR("x"));
        bb_json_set_int(o, "int", 5);
        bb_json_append(a, bb_json_new_bool(0));
        bb_json_append(a, bb_json_new_real(0.1));
        bb_json_append(a, bb_json_new_null());
        bb_json_append(a, shared);
        bb_json_append(a, shared);
        bb_json_append(a, bb_json_new_str(BB_STR("\xff\xc3\xbc")));
        bb_json_append(a, bb_json_new_str(BB_NONE));
        bb_json_append(a, bb_json_new_real(1.0 / 0.0));
        bb_json_append(a, bb_json_get(parsed("[{\"k\":[1]}]"), "k"));
        bb_json_append(a, bb_json_at(parsed("[{\"k\":[1]}]"), 0));
        assert_text(o, "{\"a\":[false,0.1,null,\"s\",\"s\",\"\xef\xbf\xbd\xc3\xbc\",null,null,{\"k\":[1]}],"
                       "\"str\":\"x\",\"int\":5}");
        bb_json_set_int(o, "a", 1);
        assert_text(o, "{\"a\":1,\"str\":\"x\",\"int\":5}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_read_is_written_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_not_json_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(depth_and_number_are_limited, set_up, tear_down),
                cmocka_unit_test_setup_teardown(values_are_looked_at, set_up, tear_down),
                cmocka_unit_test_setup_teardown(members_are_walked_while_values_change, set_up, tear_down),
                cmocka_unit_test_setup_teardown(values_are_built, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("base_json", tests, NULL, NULL);
}
