/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of OCPP-J 1.6 §4, as stations write them and as they should not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include "../../plugins/ocpp16/frame.c"

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

static void assert_str(bb_str actual, const char *expected)
{
        if (expected == NULL) {
                assert_null(actual.ptr);
                return;
        }
        assert_non_null(actual.ptr);
        assert_string_equal(bb_str_c(actual), expected);
}

static void a_call_is_read(void **state)
{
        struct frame f;
        struct frame_fault fault;

        (void)state;
        assert_int_equal(frame_parse(BB_STR(" [ 2 , \"19223201\",\"Heartbeat\", {}]\r\n"), &f, &fault), BB_OK);
        assert_int_equal(f.type, FRAME_CALL);
        assert_str(f.id, "19223201");
        assert_str(f.action, "Heartbeat");
        assert_int_equal(bb_json_kind(f.payload), BB_J_OBJECT);
}

static void a_null_payload_counts_as_empty(void **state)
{
        struct frame f;
        struct frame_fault fault;

        (void)state;
        assert_int_equal(frame_parse(BB_STR("[2,\"1\",\"Heartbeat\",null]"), &f, &fault), BB_OK);
        assert_int_equal(bb_json_kind(f.payload), BB_J_OBJECT);
        assert_int_equal(bb_json_count(f.payload), 0);
}

static void results_and_errors_are_read(void **state)
{
        struct frame f;
        struct frame_fault fault;

        (void)state;
        assert_int_equal(frame_parse(BB_STR("[3,\"a\",{\"status\":\"Accepted\"}]"), &f, &fault), BB_OK);
        assert_int_equal(f.type, FRAME_RESULT);
        assert_str(bb_json_str(bb_json_get(f.payload, "status")), "Accepted");
        assert_int_equal(frame_parse(BB_STR("[4,\"a\",\"NotSupported\",\"no\",{\"x\":1}]"), &f, &fault), BB_OK);
        assert_int_equal(f.type, FRAME_ERROR);
        assert_str(f.error_code, "NotSupported");
        assert_str(f.error_text, "no");
        assert_int_equal(bb_json_int(bb_json_get(f.payload, "x"), 0), 1);
        /* Stations leave out description and details. */
        assert_int_equal(frame_parse(BB_STR("[4,\"a\",\"GenericError\"]"), &f, &fault), BB_OK);
        assert_str(f.error_code, "GenericError");
        assert_str(f.error_text, NULL);
}

#define ID36 "123456789012345678901234567890123456"

static void what_is_wrong_is_told_to_whom_it_can_be_told(void **state)
{
        static const struct {
                const char *text, *code, *id;
        } cases[] = {
                /* Answerable: the id can be read. */
                {"[2,\"x\",\"Heartbeat\",{},1]", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\"]", "ProtocolError", "x"},
                {"[2,\"x\"]", "ProtocolError", "x"},
                {"[2,\"x\",17,{}]", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\",[]]", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\",\"text\"]", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\",{}", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\",{\"a\":1,\"a\":2}]", "FormationViolation", "x"},
                {"[2,\"x\",\"Heartbeat\",{}] trailing", "FormationViolation", "x"},
                {"[2,\"" ID36 "7\",\"Heartbeat\",{}]", "FormationViolation", ID36 "7"},
                /* Not answerable. */
                {"", "FormationViolation", NULL},
                {"hello", "FormationViolation", NULL},
                {"{}", "FormationViolation", NULL},
                {"[]", "FormationViolation", NULL},
                {"[5,\"x\",{}]", "FormationViolation", NULL},
                {"[\"2\",\"x\",\"Heartbeat\",{}]", "FormationViolation", NULL},
                {"[2,17,\"Heartbeat\",{}]", "FormationViolation", NULL},
                {"[2,null,\"Heartbeat\",{}]", "FormationViolation", NULL},
                {"[2", "FormationViolation", NULL},
                {"[2,\"x", "FormationViolation", NULL},
                /* An error is never answered with an error. */
                {"[3,\"x\",{}", "FormationViolation", NULL},
                {"[3,\"x\"]", "FormationViolation", NULL},
                {"[4,\"x\",17]", "FormationViolation", NULL},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct frame f;
                struct frame_fault fault;

                print_message("%s\n", cases[i].text);
                assert_int_equal(frame_parse(bb_cstr(cases[i].text), &f, &fault), BB_E_PROTOCOL);
                assert_string_equal(fault.code, cases[i].code);
                assert_str(fault.id, cases[i].id);
                assert_true(fault.text.len > 0);
        }
}

static void an_id_of_36_characters_is_served_and_one_of_kilobytes_is_not_repeated(void **state)
{
        struct frame f;
        struct frame_fault fault;
        char id[1001];

        (void)state;
        assert_int_equal(frame_parse(BB_STR("[2,\"" ID36 "\",\"Heartbeat\",{}]"), &f, &fault), BB_OK);
        memset(id, 'x', 1000);
        id[1000] = '\0';
        assert_int_equal(frame_parse(bb_print("[2,\"%s\",\"Heartbeat\",{}]", id), &f, &fault), BB_E_PROTOCOL);
        assert_null(fault.id.ptr);
}

static void peeking_reads_type_and_id_only(void **state)
{
        static const struct {
                const char *text;
                int32_t type;
                const char *id;
        } cases[] = {
                {"[3,\"abc\",{\"broken", 3, "abc"},
                {" \t[ 4 , \"\" ,", 4, ""},
                {"[2,\"a\\\"b\",\"X\",{}]", 2, NULL},
                {"[3,17,{}]", 3, NULL},
                {"[3]", 0, NULL},
                {"[31,\"a\"]", 0, NULL},
                {"[1,\"a\"]", 0, NULL},
                {"{\"a\":3}", 0, NULL},
                {"", 0, NULL},
                {"[", 0, NULL},
                {"[3,", 3, NULL},
        };
        bb_str id;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                print_message("%s\n", cases[i].text);
                assert_int_equal(frame_peek(bb_cstr(cases[i].text), &id), cases[i].type);
                assert_str(id, cases[i].id);
        }
}

static void a_plain_call_is_split_without_reading_its_payload(void **state)
{
        static const char *const others[] = {"",
                                             "[",
                                             "[2",
                                             "[2,",
                                             "[2,\"1\"",
                                             "[2,\"1\",\"A\"]",
                                             "[2,\"1\",\"A\",{}",
                                             "[3,\"1\",\"A\",{}]",
                                             "[2,1,\"A\",{}]",
                                             "[2,\"\\u0031\",\"A\",{}]",
                                             "[2,\"1\",\"\\u0041\",{}]",
                                             "[2,\"\xc3\xbc\",\"A\",{}]",
                                             "[2,\"1\" \"A\",{}]",
                                             "[22,\"1\",\"A\",{}]",
                                             "[2,\"1234567890123456789012345678901234567\",\"A\",{}]"};
        struct frame frame;
        bb_str payload;

        (void)state;
        assert_true(frame_split(BB_STR("[2,\"1\",\"Heartbeat\",{}]"), &frame, &payload));
        assert_str(frame.id, "1");
        assert_str(frame.action, "Heartbeat");
        assert_str(payload, "{}");
        assert_true(frame_split(BB_STR(" [ 2 ,\n\"\" , \"A\" , {\"a\":[1]} ] "), &frame, &payload));
        assert_str(frame.id, "");
        assert_str(payload, " {\"a\":[1]} ");
        /* What stands there is for the shape to judge. */
        assert_true(frame_split(BB_STR("[2,\"1\",\"A\",{},{}]"), &frame, &payload));
        assert_str(payload, "{},{}");
        for (size_t i = 0; i < BB_COUNT(others); i++) {
                print_message("%s\n", others[i]);
                assert_false(frame_split(bb_cstr(others[i]), &frame, &payload));
        }
}

static void frames_are_written_without_blanks(void **state)
{
        struct frame_fault fault = {.code = "PropertyConstraintViolation",
                                    .id = BB_STR("a\"b"),
                                    .path = BB_STR("/idTag"),
                                    .text = BB_STR("must be at most 20 characters")};

        (void)state;
        assert_str(frame_call(BB_STR("1"), "Reset", BB_STR("{\"type\":\"Soft\"}")),
                   "[2,\"1\",\"Reset\",{\"type\":\"Soft\"}]");
        assert_str(frame_result(BB_STR("ü\n"), BB_STR("{}")), "[3,\"ü\\n\",{}]");
        assert_str(frame_error(&fault),
                   "[4,\"a\\\"b\",\"PropertyConstraintViolation\",\"/idTag: must be at most 20 characters\","
                   "{\"path\":\"/idTag\"}]");
        fault.path = BB_STR("");
        fault.text = BB_STR("no");
        assert_str(frame_error(&fault), "[4,\"a\\\"b\",\"PropertyConstraintViolation\",\"no\",{}]");
}

static void a_description_has_255_characters_at_most(void **state)
{
        struct frame_fault fault = {.code = "GenericError", .id = BB_STR("1"), .path = BB_STR("")};
        struct frame f;
        struct frame_fault ignored;
        char text[1200];

        (void)state;
        for (size_t i = 0; i < sizeof(text); i += 2)
                memcpy(text + i, "ü", 2);
        fault.text = (bb_str){.ptr = text, .len = sizeof(text)};
        assert_int_equal(frame_parse(frame_error(&fault), &f, &ignored), BB_OK);
        assert_int_equal(f.error_text.len, 510);
}

static void faults_have_the_codes_of_ocpp_j(void **state)
{
        (void)state;
        assert_string_equal(frame_fault_code(BB_FAULT_MISSING), "OccurenceConstraintViolation");
        assert_string_equal(frame_fault_code(BB_FAULT_TYPE), "TypeConstraintViolation");
        assert_string_equal(frame_fault_code(BB_FAULT_VALUE), "PropertyConstraintViolation");
        assert_string_equal(frame_fault_code(BB_FAULT_UNKNOWN), "FormationViolation");
        assert_string_equal(frame_fault_code(BB_FAULT_SYNTAX), "FormationViolation");
        assert_string_equal(frame_fault_code(99), "GenericError");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_call_is_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_null_payload_counts_as_empty, set_up, tear_down),
                cmocka_unit_test_setup_teardown(results_and_errors_are_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_wrong_is_told_to_whom_it_can_be_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_id_of_36_characters_is_served_and_one_of_kilobytes_is_not_repeated,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(peeking_reads_type_and_id_only, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_plain_call_is_split_without_reading_its_payload, set_up, tear_down),
                cmocka_unit_test_setup_teardown(frames_are_written_without_blanks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_description_has_255_characters_at_most, set_up, tear_down),
                cmocka_unit_test_setup_teardown(faults_have_the_codes_of_ocpp_j, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
