/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads that break OCPP 1.6, at each level of validation: what is made of them, by which rules, and what stays a
 * fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include <stdio.h>

#include "../../plugins/ocpp16/repair.c"
#include "../../plugins/ocpp16/repair_value.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_station.c"

static struct repair last;

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        memset(&last, 0, sizeof(last));
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

/* NULL when a fault is left. */
static void *mend(const struct bb_shape *shape, int32_t level, const char *text, struct bb_fault *fault)
{
        void *message = bb_alloc(shape->struct_size);
        bb_json *payload = NULL;

        print_message("%s %s %s\n", level_names[level], shape->name, text);
        assert_int_equal(bb_json_parse(bb_cstr(text), &payload, fault), BB_OK);
        last = (struct repair){.level = level, .zone = BB_STR("UTC")};
        return repair_decode(&last, shape, payload, message, fault) == BB_OK ? message : NULL;
}

static void *mended(const struct bb_shape *shape, int32_t level, const char *text, int32_t rule)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        void *message = mend(shape, level, text, &fault);

        if (message == NULL)
                fail_msg("%.*s %.*s", BB_FMT(fault.path), BB_FMT(fault.text));
        if (last.count[rule] == 0)
                fail_msg("%s was not applied", rule_table[rule].name);
        assert_true(last.example[rule].len > 0);
        return message;
}

static void assert_fault(const struct bb_shape *shape, int32_t level, const char *text, const char *path)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE};

        assert_null(mend(shape, level, text, &fault));
        assert_string_equal(bb_str_c(fault.path), path);
}

static void assert_str(bb_str actual, const char *expected)
{
        assert_non_null(actual.ptr);
        assert_string_equal(bb_str_c(actual), expected);
}

#define START(members)                                                                                                 \
        "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":17,\"timestamp\":\"2026-01-01T00:00:00Z\"" members "}"
#define START_AT(time) "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":17,\"timestamp\":" time "}"
#define STOP(members) "{\"meterStop\":18,\"timestamp\":\"2026-01-01T00:00:00Z\",\"transactionId\":7" members "}"
#define STATUS(members) "{\"connectorId\":1,\"status\":\"Available\"" members "}"
#define SAMPLES(sample)                                                                                                \
        "{\"connectorId\":1,\"transactionId\":9,\"meterValue\":[{\"timestamp\":\"2026-01-01T00:00:00Z\","              \
        "\"sampledValue\":[{" sample "}]}]}"

static const struct sampled_value *first_sample(const struct meter_values_req *m)
{
        const struct meter_value *values = m->meter_value.items;

        assert_int_equal(m->meter_value.count, 1);
        assert_int_equal(values[0].sampled_value.count, 1);
        return values[0].sampled_value.items;
}

/* Each rule is there from its level on, and not below. */
static void rules_apply_from_their_level_on(void **state)
{
        static const struct {
                const struct bb_shape *shape;
                const char *text, *path;
                int32_t rule;
        } cases[] = {
                {&EmptyMessage, "{\"extra\":1}", "/extra", RULE_UNKNOWN_MEMBER},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"NoError\",\"info\":null"), "/info",
                 RULE_NULL_MEMBER},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"NoError\",\"vendorErrorCode\":0"),
                 "/vendorErrorCode", RULE_NUMBER_AS_TEXT},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"NoError\",\"timestamp\":\"\""), "/timestamp",
                 RULE_EMPTY_OPTIONAL},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"Error\""), "/errorCode", RULE_ENUM_SPELLING},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"noerror\""), "/errorCode", RULE_ENUM_SPELLING},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"TooWarm\""), "/errorCode", RULE_ENUM_STAND_IN},
                {&StatusNotificationRequest, STATUS(""), "/errorCode", RULE_MISSING_MEMBER},
                {&StatusNotificationRequest, STATUS(",\"errorCode\":\"NoError\",\"timestamp\":\"soon\""), "/timestamp",
                 RULE_LEFT_OUT},
                {&StatusNotificationRequest,
                 "{\"connectorId\":\"1\",\"status\":\"Available\",\"errorCode\":\"NoError\"}", "/connectorId",
                 RULE_TEXT_AS_NUMBER},
                {&AuthorizeRequest, "{\"idTag\":\"123456789012345678901\"}", "/idTag", RULE_LONG_TEXT},
                {&AuthorizeRequest, "{\"idTag\":42}", "/idTag", RULE_NUMBER_AS_TEXT},
                {&StartTransactionRequest, START_AT("\"2026-01-01T00:00:00\""), "/timestamp", RULE_DATE_WITHOUT_ZONE},
                {&StartTransactionRequest, START_AT("\"2026-01-01T01:00:00+01\""), "/timestamp", RULE_DATE_FORM},
                {&StartTransactionRequest, START_AT("1767225600"), "/timestamp", RULE_DATE_AS_NUMBER},
                {&StartTransactionRequest,
                 "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":17.4,\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                 "/meterStart", RULE_NUMBER_ROUNDED},
                {&MeterValuesRequest, SAMPLES("\"value\":12.5"), "/meterValue/0/sampledValue/0/value",
                 RULE_NUMBER_AS_TEXT},
                {&MeterValuesRequest, "{\"connectorId\":1,\"meterValue\":[]}", "/meterValue", RULE_EMPTY_LIST},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                for (int32_t level = LEVEL_STRICT; level < rule_table[cases[i].rule].level; level++)
                        assert_fault(cases[i].shape, level, cases[i].text, cases[i].path);
                mended(cases[i].shape, rule_table[cases[i].rule].level, cases[i].text, cases[i].rule);
        }
}

/* What is needed to know what is owed may be wrong at strict; all else is mended so that it is not lost. */
static void money_is_taken_at_strict_too(void **state)
{
        const struct stop_req *stop;
        const struct sampled_value *v;

        (void)state;
        mended(&StartTransactionRequest, LEVEL_STRICT, START(",\"extra\":{\"a\":1}"), RULE_UNKNOWN_MEMBER);
        mended(&StartTransactionRequest, LEVEL_STRICT, START(",\"reservationId\":null"), RULE_NULL_MEMBER);
        mended(&StartTransactionRequest, LEVEL_STRICT, START(",\"reservationId\":\"none\""), RULE_LEFT_OUT);
        stop = mended(&StopTransactionRequest, LEVEL_STRICT, STOP(",\"reason\":\"Bored\""), RULE_ENUM_STAND_IN);
        assert_string_equal(stop_reason_names[stop->reason], "Other");
        stop = mended(&StopTransactionRequest, LEVEL_STRICT, STOP(",\"idTag\":\"123456789012345678901\""),
                      RULE_LONG_TEXT);
        assert_str(stop->id_tag, "123456789012345678901");
        stop = mended(&StopTransactionRequest, LEVEL_STRICT,
                      STOP(",\"transactionData\":[{\"timestamp\":\"soon\",\"sampledValue\":[{\"value\":\"1\"}]},"
                           "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[{\"value\":\"2\"}]}]"),
                      RULE_ITEM_LEFT_OUT);
        assert_int_equal(stop->transaction_data.count, 1);
        v = first_sample(mended(&MeterValuesRequest, LEVEL_STRICT, SAMPLES("\"value\":\"1\",\"unit\":\"Hz\""),
                                RULE_KEPT_AS_TEXT));
        assert_str(v->kept->unit, "Hz");
        assert_fault(&MeterValuesRequest, LEVEL_STRICT, SAMPLES("\"unit\":\"Hz\""),
                     "/meterValue/0/sampledValue/0/value");
        assert_fault(&StopTransactionRequest, LEVEL_REPAIR, "{\"meterStop\":18,\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                     "/transactionId");
        assert_fault(&StartTransactionRequest, LEVEL_STRICT,
                     "{\"connectorId\":1,\"idTag\":\"123456789012345678901\",\"meterStart\":17,"
                     "\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                     "/idTag");
}

/* Neither becomes the default: that would be energy in Wh. */
static void a_measurand_or_a_unit_is_never_guessed(void **state)
{
        (void)state;
        assert_fault(&MeterValuesRequest, LEVEL_STRICT, SAMPLES("\"value\":\"1\",\"unit\":5"),
                     "/meterValue/0/sampledValue/0/unit");
        assert_fault(&MeterValuesRequest, LEVEL_STRICT, SAMPLES("\"value\":\"1\",\"measurand\":5"),
                     "/meterValue/0/sampledValue/0/measurand");
}

static void dimensions_keep_what_the_station_wrote(void **state)
{
        const struct sampled_value *v = first_sample(
                mended(&MeterValuesRequest, LEVEL_TOLERANT,
                       SAMPLES("\"value\":\"50\",\"measurand\":\"Frequency.Grid\",\"phase\":\"L4\",\"context\":\"Odd\","
                               "\"location\":\"Roof\",\"unit\":\"Hz\",\"kept\":{\"unit\":\"mine\"}"),
                       RULE_KEPT_AS_TEXT));

        (void)state;
        assert_int_equal(last.count[RULE_KEPT_AS_TEXT], 5);
        assert_int_equal(last.count[RULE_UNKNOWN_MEMBER], 1);
        assert_str(v->kept->measurand, "Frequency.Grid");
        assert_str(v->kept->phase, "L4");
        assert_str(v->kept->context, "Odd");
        assert_str(v->kept->location, "Roof");
        assert_str(v->kept->unit, "Hz");
}

static void units_are_read_in_other_spellings(void **state)
{
        static const char *const cases[][2] = {{"wh", "Wh"},
                                               {"KWH", "kWh"},
                                               {"Kw", "kW"},
                                               {"w", "W"},
                                               {" A ", "A"},
                                               {"\xc2\xb0"
                                                "C",
                                                "Celsius"},
                                               {"%", "Percent"},
                                               {"Volts", "V"}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                bb_str text = bb_print(SAMPLES("\"value\":\"1\",\"unit\":\"%s\""), cases[i][0]);
                const struct sampled_value *v =
                        first_sample(mended(&MeterValuesRequest, LEVEL_TOLERANT, text.ptr, RULE_UNIT_SPELLING));

                assert_string_equal(unit_names[v->unit], cases[i][1]);
                assert_null(v->kept);
        }
}

static void dates_are_read_in_other_forms(void **state)
{
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = {
                {"\"2026-01-01T01:00:00+01\"", 1767225600000},
                {"\"2026-01-01T01:00:00+0100\"", 1767225600000},
                {"\"2026-01-01 00:00:00 UTC\"", 1767225600000},
                {"\"2026-01-01  00:00:00.250\"", 1767225600250},
                {"\"2026-01-01T00:00\"", 1767225600000},
                {"\" 2026-01-01T00:00:00 \"", 1767225600000},
                {"\"2026-01-01T00:00:00,5Z\"", 1767225600500},
                {"\"2025-12-31T19:00:00-5:00\"", 1767225600000},
                {"1767225600", 1767225600000},
                {"1767225600250", 1767225600250},
                {"\"1767225600\"", 1767225600000},
        };
        struct bb_fault fault;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                bb_str text = bb_print(START_AT("%s"), cases[i].text);
                const struct start_req *m = mend(&StartTransactionRequest, LEVEL_REPAIR, text.ptr, &fault);

                assert_non_null(m);
                assert_int_equal(m->timestamp, cases[i].ms);
        }
        assert_fault(&StartTransactionRequest, LEVEL_REPAIR, START_AT("\"2026-13-01T00:00:00\""), "/timestamp");
        assert_fault(&StartTransactionRequest, LEVEL_REPAIR, START_AT("\"2026-01-01T00:00:00+99\""), "/timestamp");
        assert_fault(&StartTransactionRequest, LEVEL_REPAIR, START_AT("\"yesterday\""), "/timestamp");
        assert_fault(&StartTransactionRequest, LEVEL_REPAIR, START_AT("12"), "/timestamp");
}

static void dates_without_a_zone_follow_the_configured_one(void **state)
{
        struct repair r = {.level = LEVEL_TOLERANT, .zone = BB_STR("Europe/Berlin")};
        static const char *const cases[][2] = {{"2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z"},
                                               {"2026-01-01T12:00:00", "2026-01-01T11:00:00.000Z"}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                bb_str read = bb_json_str(
                        value_date_without_zone(&r, &start_fields[4], bb_json_new_str(bb_cstr(cases[i][0]))));
                int64_t ms, expected;

                assert_int_equal(bb_time_parse(read, &ms), BB_OK);
                assert_int_equal(bb_time_parse(bb_cstr(cases[i][1]), &expected), BB_OK);
                assert_int_equal(ms, expected);
        }
}

static void long_texts_keep_what_the_database_has_room_for(void **state)
{
        char text[700], long_name[301];
        const struct boot_req *m;

        (void)state;
        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        (void)snprintf(text, sizeof(text), "{\"chargePointVendor\":\"%.50s\",\"chargePointModel\":\"%s\"}", long_name,
                       long_name);
        m = mended(&BootNotificationRequest, LEVEL_TOLERANT, text, RULE_LONG_TEXT);
        assert_int_equal(last.count[RULE_LONG_TEXT], 2);
        assert_int_equal(m->vendor.len, 50);
        assert_int_equal(m->model.len, WIDE_TEXT_CHARS);
}

static void one_object_is_a_list_of_one(void **state)
{
        const struct meter_values_req *m =
                mended(&MeterValuesRequest, LEVEL_TOLERANT,
                       "{\"connectorId\":1,\"meterValue\":{\"timestamp\":\"2026-01-01T00:00:00Z\","
                       "\"sampledValue\":{\"value\":\"5\"}}}",
                       RULE_SINGLE_AS_LIST);

        (void)state;
        assert_int_equal(last.count[RULE_SINGLE_AS_LIST], 2);
        assert_str(first_sample(m)->value, "5");
}

static void examples_show_no_more_than_is_needed(void **state)
{
        (void)state;
        mended(&AuthorizeRequest, LEVEL_TOLERANT, "{\"idTag\":\"SECRETCARD12345678901\",\"pin\":\"4711\"}",
               RULE_LONG_TEXT);
        assert_str(last.example[RULE_LONG_TEXT], "/idTag: \"SECR…\", 21 bytes");
        assert_str(last.example[RULE_UNKNOWN_MEMBER], "/pin: text");
        mended(&AuthorizeRequest, LEVEL_TOLERANT, "{\"idTag\":471147114711}", RULE_NUMBER_AS_TEXT);
        assert_str(last.example[RULE_NUMBER_AS_TEXT], "/idTag: a number");
        mended(&StatusNotificationRequest, LEVEL_TOLERANT, STATUS(",\"errorCode\":\"Error\""), RULE_ENUM_SPELLING);
        assert_str(last.example[RULE_ENUM_SPELLING], "/errorCode: \"Error\"");
}

static void every_rule_has_a_name_and_a_sentence(void **state)
{
        (void)state;
        for (int32_t i = 0; i < REPAIR_RULES; i++) {
                assert_non_null(repair_rule_name(i));
                assert_true(strlen(repair_rule_about(bb_cstr(repair_rule_name(i)))) > 10);
        }
        assert_null(repair_rule_name(REPAIR_RULES));
        assert_string_equal(repair_rule_about(BB_STR("no-such-rule")), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(rules_apply_from_their_level_on),
                TEST(money_is_taken_at_strict_too),
                TEST(a_measurand_or_a_unit_is_never_guessed),
                TEST(dimensions_keep_what_the_station_wrote),
                TEST(units_are_read_in_other_spellings),
                TEST(dates_are_read_in_other_forms),
                TEST(dates_without_a_zone_follow_the_configured_one),
                TEST(long_texts_keep_what_the_database_has_room_for),
                TEST(one_object_is_a_list_of_one),
                TEST(examples_show_no_more_than_is_needed),
                TEST(every_rule_has_a_name_and_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
