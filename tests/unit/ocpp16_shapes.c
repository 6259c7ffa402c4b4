/* SPDX-License-Identifier: Apache-2.0
 *
 * What stations send, against the shapes: what OCPP 1.6 edition 2 allows is taken, anything else is a fault of the
 * right kind at the right place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_station.c"

#include <busbar/charging.h>

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

static void *decode(const struct bb_shape *shape, const char *text)
{
        void *message = bb_alloc(shape->struct_size);
        struct bb_fault fault = {.kind = BB_FAULT_NONE};

        print_message("%s %s\n", shape->name, text);
        if (bb_shape_decode_text(shape, bb_cstr(text), message, &fault) < 0)
                fail_msg("%.*s %.*s", BB_FMT(fault.path), BB_FMT(fault.text));
        return message;
}

static void assert_str(bb_str actual, const char *expected)
{
        assert_non_null(actual.ptr);
        assert_string_equal(bb_str_c(actual), expected);
}

static void assert_fault(const struct bb_shape *shape, const char *text, const char *path, const char *code)
{
        void *message = bb_alloc(shape->struct_size);
        struct bb_fault fault = {.kind = BB_FAULT_NONE};

        print_message("%s %s\n", shape->name, text);
        assert_int_equal(bb_shape_decode_text(shape, bb_cstr(text), message, &fault), BB_E_INVALID);
        assert_string_equal(frame_fault_code(fault.kind), code);
        assert_str(fault.path, path);
        assert_true(fault.text.len > 0);
}

#define MISSING "OccurenceConstraintViolation"
#define TYPE "TypeConstraintViolation"
#define VALUE "PropertyConstraintViolation"
#define UNKNOWN "FormationViolation"

#define X20 "xxxxxxxxxxxxxxxxxxxx"
#define X25 X20 "xxxxx"
#define X50 X25 X25

static void a_boot_with_every_member_is_taken(void **state)
{
        const struct boot_req *m = decode(
                &BootNotificationRequest,
                "{\"chargePointVendor\":\"" X20 "\",\"chargePointModel\":\"M\",\"chargePointSerialNumber\":\"" X25
                "\",\"chargeBoxSerialNumber\":\"" X25 "\",\"firmwareVersion\":\"" X50 "\",\"iccid\":\"" X20
                "\",\"imsi\":\"" X20 "\",\"meterType\":\"" X25 "\",\"meterSerialNumber\":\"" X25 "\"}");

        (void)state;
        assert_str(m->vendor, X20);
        assert_str(m->model, "M");
        assert_str(m->firmware_version, X50);
        assert_str(m->meter_serial_number, X25);
}

static void limits_count_characters_not_bytes(void **state)
{
        (void)state;
        decode(&AuthorizeRequest, "{\"idTag\":\"üüüüüüüüüüüüüüüüüüüü\"}");
        assert_fault(&AuthorizeRequest, "{\"idTag\":\"üüüüüüüüüüüüüüüüüüüüü\"}", "/idTag", VALUE);
}

static void faults_name_the_field_and_the_code(void **state)
{
        static const struct {
                const struct bb_shape *shape;
                const char *text, *path, *code;
        } cases[] = {
                {&AuthorizeRequest, "{}", "/idTag", MISSING},
                {&AuthorizeRequest, "{\"idTag\":17}", "/idTag", TYPE},
                {&AuthorizeRequest, "{\"idTag\":null}", "/idTag", TYPE},
                {&AuthorizeRequest, "{\"idTag\":\"" X20 "x\"}", "/idTag", VALUE},
                {&AuthorizeRequest, "{\"idTag\":\"a\",\"extra\":1}", "/extra", UNKNOWN},
                {&EmptyMessage, "{\"extra\":1}", "/extra", UNKNOWN},
                {&BootNotificationRequest, "{\"chargePointVendor\":\"V\"}", "/chargePointModel", MISSING},
                {&BootNotificationRequest, "{\"chargePointVendor\":\"" X20 "x\",\"chargePointModel\":\"M\"}",
                 "/chargePointVendor", VALUE},
                {&BootNotificationRequest,
                 "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"" X50 "x\"}",
                 "/firmwareVersion", VALUE},
                {&StatusNotificationRequest, "{\"connectorId\":1,\"errorCode\":\"NoError\"}", "/status", MISSING},
                {&StatusNotificationRequest, "{\"connectorId\":1,\"errorCode\":\"Error\",\"status\":\"Available\"}",
                 "/errorCode", VALUE},
                {&StatusNotificationRequest, "{\"connectorId\":-1,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
                 "/connectorId", VALUE},
                {&StatusNotificationRequest,
                 "{\"connectorId\":\"1\",\"errorCode\":\"NoError\",\"status\":\"Available\"}", "/connectorId", TYPE},
                {&StatusNotificationRequest,
                 "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Available\",\"info\":\"" X50 "x\"}",
                 "/info", VALUE},
                {&StatusNotificationRequest,
                 "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Available\",\"timestamp\":\"yesterday\"}",
                 "/timestamp", VALUE},
                {&StatusNotificationRequest, "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"available\"}",
                 "/status", VALUE},
                {&StartTransactionRequest,
                 "{\"connectorId\":0,\"idTag\":\"a\",\"meterStart\":0,\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                 "/connectorId", VALUE},
                {&StartTransactionRequest,
                 "{\"connectorId\":1,\"idTag\":\"a\",\"meterStart\":0.5,\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                 "/meterStart", TYPE},
                {&StartTransactionRequest,
                 "{\"connectorId\":1,\"idTag\":\"" X20 "x\",\"meterStart\":0,\"timestamp\":\"2026-01-01T00:00:00Z\"}",
                 "/idTag", VALUE},
                {&StartTransactionRequest, "{\"connectorId\":1,\"idTag\":\"a\",\"meterStart\":0}", "/timestamp",
                 MISSING},
                {&StopTransactionRequest, "{\"meterStop\":1,\"timestamp\":\"2026-01-01T00:00:00Z\"}", "/transactionId",
                 MISSING},
                {&StopTransactionRequest,
                 "{\"meterStop\":1,\"timestamp\":\"2026-01-01T00:00:00Z\",\"transactionId\":1,\"reason\":\"Bored\"}",
                 "/reason", VALUE},
                {&MeterValuesRequest, "{\"connectorId\":1,\"meterValue\":[]}", "/meterValue", MISSING},
                {&MeterValuesRequest, "{\"connectorId\":1,\"meterValue\":[{\"sampledValue\":[{\"value\":\"1\"}]}]}",
                 "/meterValue/0/timestamp", MISSING},
                {&MeterValuesRequest,
                 "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[]}]}",
                 "/meterValue/0/sampledValue", MISSING},
                {&MeterValuesRequest,
                 "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[{"
                 "\"value\":\"1\"},"
                 "{\"value\":1}]}]}",
                 "/meterValue/0/sampledValue/1/value", TYPE},
                {&MeterValuesRequest,
                 "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[{"
                 "\"value\":\"1\","
                 "\"unit\":\"Hz\"}]}]}",
                 "/meterValue/0/sampledValue/0/unit", VALUE},
                {&MeterValuesRequest,
                 "{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2026-01-01T00:00:00\",\"sampledValue\":[{"
                 "\"value\":\"1\"}]}]}",
                 "/meterValue/0/timestamp", VALUE},
                {&DataTransferRequest, "{\"data\":\"x\"}", "/vendorId", MISSING},
                {&DataTransferRequest, "{\"vendorId\":\"v\",\"messageId\":\"" X50 "x\"}", "/messageId", VALUE},
                {&DiagnosticsStatusRequest, "{\"status\":\"Installed\"}", "/status", VALUE},
                {&FirmwareStatusRequest, "{\"status\":\"Uploaded\"}", "/status", VALUE},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++)
                assert_fault(cases[i].shape, cases[i].text, cases[i].path, cases[i].code);
}

/* Promise P3: what is absurd is for people to look at, not for the parser to refuse. */
static void absurd_readings_are_taken(void **state)
{
        const struct start_req *start;
        const struct stop_req *stop;

        (void)state;
        start = decode(&StartTransactionRequest,
                       "{\"connectorId\":1,\"idTag\":\"\",\"meterStart\":-5,\"timestamp\":\"1970-01-01T00:00:00Z\"}");
        assert_int_equal(start->meter_start, -5);
        assert_int_equal(start->timestamp, 0);
        stop = decode(&StopTransactionRequest, "{\"transactionId\":9223372036854775807,\"meterStop\":-1,"
                                               "\"timestamp\":\"2026-01-01T01:00:00+01:00\",\"transactionData\":[]}");
        assert_true(stop->transaction_id == INT64_MAX);
        assert_int_equal(stop->timestamp, 1767225600000);
        assert_null(stop->id_tag.ptr);
        assert_false(BB_PRESENT(stop, STOP_REQ_REASON));
        stop = decode(
                &StopTransactionRequest,
                "{\"transactionId\":-1,\"meterStop\":0,\"timestamp\":\"2026-01-01T00:00:00Z\",\"idTag\":\"T\","
                "\"reason\":"
                "\"DeAuthorized\",\"transactionData\":[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[]}]}");
        assert_int_equal(stop->transaction_id, -1);
        assert_string_equal(stop_reason_names[stop->reason], "DeAuthorized");
        assert_int_equal(stop->transaction_data.count, 1);
}

static void samples_get_the_defaults_of_the_specification(void **state)
{
        const struct meter_values_req *m = decode(
                &MeterValuesRequest, "{\"connectorId\":0,\"transactionId\":7,\"meterValue\":[{\"timestamp\":\"2026-01-"
                                     "01T00:00:00.5Z\",\"sampledValue\":[{"
                                     "\"value\":\"12.5\"},{\"value\":\"230\",\"measurand\":\"Voltage\",\"unit\":\"V\","
                                     "\"phase\":\"L1-N\",\"context\":"
                                     "\"Transaction.Begin\",\"format\":\"SignedData\",\"location\":\"Inlet\"}]}]}");
        const struct meter_value *value = m->meter_value.items;
        const struct sampled_value *sampled = value->sampled_value.items;

        (void)state;
        assert_int_equal(m->transaction_id, 7);
        assert_int_equal(value->timestamp, 1767225600500);
        assert_int_equal(value->sampled_value.count, 2);
        assert_str(sampled[0].value, "12.5");
        assert_string_equal(measurand_names[sampled[0].measurand], "Energy.Active.Import.Register");
        assert_string_equal(context_names[sampled[0].context], "Sample.Periodic");
        assert_string_equal(format_names[sampled[0].format], "Raw");
        assert_string_equal(location_names[sampled[0].location], "Outlet");
        assert_false(BB_PRESENT(&sampled[0], SAMPLED_PHASE));
        assert_false(BB_PRESENT(&sampled[0], SAMPLED_UNIT));
        assert_string_equal(measurand_names[sampled[1].measurand], "Voltage");
        assert_string_equal(context_names[sampled[1].context], "Transaction.Begin");
        assert_string_equal(format_names[sampled[1].format], "SignedData");
        assert_string_equal(location_names[sampled[1].location], "Inlet");
        assert_true(BB_PRESENT(&sampled[1], SAMPLED_PHASE));
        assert_string_equal(phase_names[sampled[1].phase], "L1-N");
        assert_true(BB_PRESENT(&sampled[1], SAMPLED_UNIT));
        assert_string_equal(unit_names[sampled[1].unit], "V");
}

static void data_transfer_takes_any_data(void **state)
{
        static const char *const texts[] = {"\"text\"", "{\"a\":[1,2]}", "17", "[true]", "false"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                const struct data_transfer_req *m =
                        decode(&DataTransferRequest, bb_print("{\"vendorId\":\"v\",\"data\":%s}", texts[i]).ptr);

                assert_str(bb_json_text(m->data), texts[i]);
        }
}

/* Testers compare raw text: members in the order of the specification's schemas, no blanks, UTC with Z. */
static void answers_are_written_in_the_order_of_the_specification(void **state)
{
        struct boot_conf boot = {.status = BOOT_ACCEPTED, .current_time = 1767225600000, .interval = 300};
        struct start_conf start = {.transaction_id = 42, .id_tag_info = {.status = BB_AUTH_CONCURRENT}};
        struct id_tag_info info = {.status = BB_AUTH_ACCEPTED,
                                   .present = 1u << ID_TAG_INFO_EXPIRY_DATE,
                                   .expiry_date = 1767225600000,
                                   .parent_id_tag = BB_STR("P")};
        struct stop_conf stop = {.id_tag_info = NULL};
        struct heartbeat_conf heartbeat = {.current_time = 1767225600123};

        (void)state;
        assert_str(bb_shape_encode_text(&BootNotificationResponse, &boot),
                   "{\"status\":\"Accepted\",\"currentTime\":\"2026-01-01T00:00:00.000Z\",\"interval\":300}");
        assert_str(bb_shape_encode_text(&StartTransactionResponse, &start),
                   "{\"idTagInfo\":{\"status\":\"ConcurrentTx\"},\"transactionId\":42}");
        assert_str(bb_shape_encode_text(&StopTransactionResponse, &stop), "{}");
        stop.id_tag_info = &info;
        assert_str(bb_shape_encode_text(&StopTransactionResponse, &stop),
                   "{\"idTagInfo\":{\"expiryDate\":\"2026-01-01T00:00:00.000Z\",\"parentIdTag\":\"P\",\"status\":"
                   "\"Accepted\"}}");
        assert_str(bb_shape_encode_text(&HeartbeatResponse, &heartbeat),
                   "{\"currentTime\":\"2026-01-01T00:00:00.123Z\"}");
}

/* The domain's numbers are indices into OCPP's lists. */
static void the_domains_words_are_ocpps(void **state)
{
        static const char *const verdicts[] = {[BB_AUTH_ACCEPTED] = "Accepted",
                                               [BB_AUTH_BLOCKED] = "Blocked",
                                               [BB_AUTH_EXPIRED] = "Expired",
                                               [BB_AUTH_INVALID] = "Invalid",
                                               [BB_AUTH_CONCURRENT] = "ConcurrentTx"};
        static const char *const connectors[] = {
                [BB_CONNECTOR_AVAILABLE] = "Available",      [BB_CONNECTOR_PREPARING] = "Preparing",
                [BB_CONNECTOR_CHARGING] = "Charging",        [BB_CONNECTOR_SUSPENDED_EVSE] = "SuspendedEVSE",
                [BB_CONNECTOR_SUSPENDED_EV] = "SuspendedEV", [BB_CONNECTOR_FINISHING] = "Finishing",
                [BB_CONNECTOR_RESERVED] = "Reserved",        [BB_CONNECTOR_UNAVAILABLE] = "Unavailable",
                [BB_CONNECTOR_FAULTED] = "Faulted"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(verdicts); i++)
                assert_string_equal(authorization_names[i], verdicts[i]);
        for (size_t i = BB_CONNECTOR_AVAILABLE; i < BB_COUNT(connectors); i++)
                assert_string_equal(status_names[i - BB_CONNECTOR_AVAILABLE], connectors[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_boot_with_every_member_is_taken),
                TEST(limits_count_characters_not_bytes),
                TEST(faults_name_the_field_and_the_code),
                TEST(absurd_readings_are_taken),
                TEST(samples_get_the_defaults_of_the_specification),
                TEST(data_transfer_takes_any_data),
                TEST(answers_are_written_in_the_order_of_the_specification),
                TEST(the_domains_words_are_ocpps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
