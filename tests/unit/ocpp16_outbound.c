/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands to a station: checked before they are sent, one under way, answers paired by id alone, and an end for
 * everybody who waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rt/loop.h"
#include "rt/task.h"
#include <stdlib.h>

#include "../../plugins/ocpp16/commands.c"
#include "../../plugins/ocpp16/effects.c"
#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/metrics.c"
#include "../../plugins/ocpp16/outbound.c"
#include "../../plugins/ocpp16/repeat.c"
#include "../../plugins/ocpp16/shapes_answer.c"
#include "../../plugins/ocpp16/shapes_command.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_security.c"
#include "../../plugins/ocpp16/shapes_station.c"
#include "../../plugins/ocpp16/station.c"
#include "ocpp16_no_transfers.h"

const struct bb_http_ops *bb_http_;
const struct bb_charging_ops *charging;

/* --- the socket --- */

static char sent[40][512];
static int32_t sent_count;
static bb_err send_failure;

static bb_err fake_send(bb_ws *ws, int32_t kind, bb_str data)
{
        (void)ws;
        assert_int_equal(kind, BB_WS_TEXT);
        if (send_failure < 0)
                return send_failure;
        assert_true(sent_count < (int32_t)BB_COUNT(sent) && data.len < sizeof(sent[0]));
        memcpy(sent[sent_count], data.ptr, data.len);
        sent[sent_count++][data.len] = '\0';
        return BB_OK;
}

static const struct bb_http_ops fake_http = {.size = sizeof(fake_http), .ws_send = fake_send};
/* What is kept of a station is no matter here. */
void keep_answer(struct station *st, const struct command *command, bb_str text, const struct bb_command_result *r)
{
        (void)st, (void)command, (void)text, (void)r;
}

static struct options options = {.command_timeout_s = 1};
static struct ocpp_tenant owner = {.options = &options};
static struct station *station;

static int set_up(void **state)
{
        (void)state;
        sent_count = 0;
        send_failure = BB_OK;
        bb_http_ = &fake_http;
        if (loop_init(1) < 0)
                return -1;
        station = station_new(&owner, BB_STR("CP-1"), 5, BB_NONE);
        station->ws = (bb_ws *)(void *)&sent;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        assert_int_equal(station->refs, 1);
        assert_null(station->calls);
        assert_int_equal(station->call_count, 0);
        station_drop(station);
        loop_close();
        return 0;
}

static void turn_until(int32_t (*done)(void))
{
        for (int turns = 0; !done(); turns++) {
                assert_true(turns < 2000);
                loop_turn(5);
        }
}

static int32_t all_ended(void)
{
        return task_count() == 0;
}

static int32_t wanted_sent;
static int32_t enough_sent(void)
{
        return sent_count >= wanted_sent;
}

static void wait_sent(int32_t count)
{
        wanted_sent = count;
        turn_until(enough_sent);
        assert_int_equal(sent_count, count);
}

/* The id of the n-th frame that was sent. */
static bb_str id_of(int32_t n)
{
        bb_str id;

        assert_int_equal(frame_peek(bb_cstr(sent[n]), &id), FRAME_CALL);
        assert_int_equal(id.len, 36);
        return id;
}

static int32_t answer(int32_t n, const char *payload)
{
        bb_str id = id_of(n);
        char text[512];

        snprintf(text, sizeof(text), "[3,\"%.*s\",%s]", BB_FMT(id), payload);
        return outbound_deliver(station, id, bb_cstr(text));
}

/* --- commands in tasks --- */

struct order {
        const char *action, *payload, *operation;
        int64_t timeout_ms;
        bb_err err;
        int32_t outcome, ended;
        char answer[256], code[64], path[64];
        bb_task_id task;
};

static void copy(char *to, size_t room, bb_str from)
{
        assert_true(from.len < room);
        memset(to, 0, room);
        if (from.len > 0)
                memcpy(to, from.ptr, from.len);
}

static void run_order(void *arg)
{
        struct order *o = arg;
        struct bb_command_result result = {.size = sizeof(result), .outcome = -1};
        struct bb_command order = {
                .size = sizeof(order), .timeout_ms = o->timeout_ms, .operation_id = bb_cstr(o->operation)};
        const struct command *command;
        bb_json *payload = NULL;
        bb_str text;

        assert_int_equal(bb_json_parse(bb_cstr(o->payload), &payload, NULL), BB_OK);
        if (command_prepare(bb_cstr(o->action), payload, &command, &text, &result) == BB_COMMAND_ANSWERED)
                o->err = command_run(station, command, text, &order, &result);
        o->outcome = result.outcome;
        if (result.answer != NULL)
                copy(o->answer, sizeof(o->answer), bb_json_text(result.answer));
        copy(o->code, sizeof(o->code), result.error_code);
        copy(o->path, sizeof(o->path), result.fault_path);
        o->ended = 1;
}

static void give(struct order *o)
{
        assert_int_equal(bb_task_spawn("test", NULL, 0, run_order, o, &o->task), BB_OK);
}

#define RESET                                                                                                          \
        {                                                                                                              \
                .action = "Reset", .payload = "{\"type\":\"Soft\"}"                                                    \
        }

static void a_command_is_sent_and_its_answer_comes_back(void **state)
{
        struct order o = RESET;

        (void)state;
        give(&o);
        wait_sent(1);
        assert_non_null(strstr(sent[0], ",\"Reset\",{\"type\":\"Soft\"}]"));
        assert_int_equal(answer(0, "{\"status\":\"Accepted\"}"), 1);
        turn_until(all_ended);
        assert_int_equal(o.outcome, BB_COMMAND_ANSWERED);
        assert_string_equal(o.answer, "{\"status\":\"Accepted\"}");
}

static void what_the_specification_forbids_is_not_sent(void **state)
{
        static const struct {
                const char *action, *payload, *path;
                int32_t outcome;
        } cases[] = {
                {"Reset", "{}", "/type", BB_COMMAND_INVALID},
                {"Reset", "{\"type\":\"Gentle\"}", "/type", BB_COMMAND_INVALID},
                {"Reset", "{\"type\":\"Soft\",\"x\":1}", "/x", BB_COMMAND_INVALID},
                {"UnlockConnector", "{\"connectorId\":0}", "/connectorId", BB_COMMAND_INVALID},
                {"ChangeAvailability", "{\"connectorId\":\"1\",\"type\":\"Operative\"}", "/connectorId",
                 BB_COMMAND_INVALID},
                {"RemoteStartTransaction", "{\"idTag\":\"123456789012345678901\"}", "/idTag", BB_COMMAND_INVALID},
                {"RemoteStartTransaction", "{\"idTag\":\"1\",\"chargingProfile\":{}}",
                 "/chargingProfile/chargingProfileId", BB_COMMAND_INVALID},
                {"SetChargingProfile", "{\"connectorId\":1}", "/csChargingProfiles", BB_COMMAND_INVALID},
                {"GetDiagnostics", "{\"location\":\"here\"}", "/location", BB_COMMAND_INVALID},
                {"UpdateFirmware", "{\"location\":\"://x\",\"retrieveDate\":\"2026-01-01T00:00:00Z\"}", "/location",
                 BB_COMMAND_INVALID},
                {"GetConfiguration", "{\"key\":[\"A\",\"123456789012345678901234567890123456789012345678901\"]}",
                 "/key/1", BB_COMMAND_INVALID},
                {"DataTransfer", "{\"vendorId\":\"v\",\"data\":{}}", "/data", BB_COMMAND_INVALID},
                {"Heartbeat", "{}", "", BB_COMMAND_UNKNOWN},
                {"reset", "{}", "", BB_COMMAND_UNKNOWN},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct order o = {.action = cases[i].action, .payload = cases[i].payload};

                print_message("%s %s\n", o.action, o.payload);
                give(&o);
                turn_until(all_ended);
                assert_int_equal(o.outcome, cases[i].outcome);
                assert_string_equal(o.path, cases[i].path);
        }
        assert_int_equal(sent_count, 0);
}

static void every_action_of_the_specification_can_be_sent(void **state)
{
        static const struct {
                const char *action, *payload, *answer;
        } cases[] = {
                {"CancelReservation", "{\"reservationId\":1}", "{\"status\":\"Accepted\"}"},
                {"ChangeAvailability", "{\"connectorId\":0,\"type\":\"Inoperative\"}", "{\"status\":\"Scheduled\"}"},
                {"ChangeConfiguration", "{\"key\":\"K\",\"value\":\"V\"}", "{\"status\":\"RebootRequired\"}"},
                {"ClearCache", "{}", "{\"status\":\"Rejected\"}"},
                {"ClearChargingProfile", "{\"id\":1,\"stackLevel\":0}", "{\"status\":\"Unknown\"}"},
                {"DataTransfer", "{\"vendorId\":\"v\",\"data\":\"d\"}",
                 "{\"status\":\"UnknownMessageId\",\"data\":\"x\"}"},
                {"GetCompositeSchedule", "{\"connectorId\":1,\"duration\":60,\"chargingRateUnit\":\"W\"}",
                 "{\"status\":\"Rejected\"}"},
                {"GetConfiguration", "{\"key\":[\"A\",\"B\"]}",
                 "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":false,\"value\":\"1\"}],\"unknownKey\":[\"B\"]}"},
                {"GetDiagnostics", "{\"location\":\"ftp://h/\",\"retries\":1}", "{\"fileName\":\"d.zip\"}"},
                {"GetLocalListVersion", "{}", "{\"listVersion\":-1}"},
                {"RemoteStartTransaction",
                 "{\"connectorId\":1,\"idTag\":\"T\",\"chargingProfile\":{\"chargingProfileId\":1,\"stackLevel\":0,"
                 "\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":{"
                 "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":10.5}]}}}",
                 "{\"status\":\"Accepted\"}"},
                {"RemoteStopTransaction", "{\"transactionId\":7}", "{\"status\":\"Rejected\"}"},
                {"ReserveNow",
                 "{\"connectorId\":1,\"expiryDate\":\"2026-01-01T00:00:00.000Z\",\"idTag\":\"T\",\"reservationId\":3}",
                 "{\"status\":\"Occupied\"}"},
                {"Reset", "{\"type\":\"Hard\"}", "{\"status\":\"Accepted\"}"},
                {"SendLocalList",
                 "{\"listVersion\":2,\"localAuthorizationList\":[{\"idTag\":\"T\",\"idTagInfo\":{\"status\":"
                 "\"Accepted\"}}],"
                 "\"updateType\":\"Full\"}",
                 "{\"status\":\"VersionMismatch\"}"},
                {"SetChargingProfile",
                 "{\"connectorId\":0,\"csChargingProfiles\":{\"chargingProfileId\":1,\"stackLevel\":0,"
                 "\"chargingProfilePurpose\":"
                 "\"ChargePointMaxProfile\",\"chargingProfileKind\":\"Absolute\",\"chargingSchedule\":{"
                 "\"chargingRateUnit\":\"W\","
                 "\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":11000,\"numberPhases\":3}]}}}",
                 "{\"status\":\"NotSupported\"}"},
                {"TriggerMessage", "{\"requestedMessage\":\"Heartbeat\"}", "{\"status\":\"NotImplemented\"}"},
                {"UnlockConnector", "{\"connectorId\":2}", "{\"status\":\"UnlockFailed\"}"},
                {"UpdateFirmware", "{\"location\":\"https://h/f\",\"retrieveDate\":\"2026-01-01T00:00:00.000Z\"}",
                 "{}"},
                {"CertificateSigned", "{\"certificateChain\":\"PEM\"}", "{\"status\":\"Rejected\"}"},
                {"DeleteCertificate",
                 "{\"certificateHashData\":{\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"aa\","
                 "\"issuerKeyHash\":\"bb\",\"serialNumber\":\"01\"}}",
                 "{\"status\":\"NotFound\"}"},
                {"ExtendedTriggerMessage", "{\"requestedMessage\":\"SignChargePointCertificate\",\"connectorId\":1}",
                 "{\"status\":\"NotImplemented\"}"},
                {"GetInstalledCertificateIds", "{\"certificateType\":\"CentralSystemRootCertificate\"}",
                 "{\"certificateHashData\":[{\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"aa\","
                 "\"issuerKeyHash\":\"bb\",\"serialNumber\":\"01\"}],\"status\":\"Accepted\"}"},
                {"GetLog",
                 "{\"log\":{\"remoteLocation\":\"https://h/l\",\"oldestTimestamp\":\"2026-01-01T00:00:00.000Z\"},"
                 "\"logType\":\"SecurityLog\",\"requestId\":7,\"retries\":1}",
                 "{\"status\":\"AcceptedCanceled\",\"filename\":\"l.zip\"}"},
                {"InstallCertificate", "{\"certificateType\":\"ManufacturerRootCertificate\",\"certificate\":\"PEM\"}",
                 "{\"status\":\"Failed\"}"},
                {"SignedUpdateFirmware",
                 "{\"retries\":1,\"requestId\":-3,\"firmware\":{\"location\":\"https://h/f\","
                 "\"retrieveDateTime\":\"2026-01-01T00:00:00.000Z\",\"signingCertificate\":\"PEM\","
                 "\"signature\":\"AAAA\"}}",
                 "{\"status\":\"RevokedCertificate\"}"},
        };

        (void)state;
        assert_int_equal(BB_COUNT(cases), BB_COUNT(commands));
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct order o = {.action = cases[i].action, .payload = cases[i].payload};

                print_message("%s\n", o.action);
                give(&o);
                wait_sent((int32_t)i + 1);
                /* What is sent is what was given: the specification's order, and nothing added. */
                assert_non_null(strstr(sent[i], o.payload));
                assert_int_equal(answer((int32_t)i, cases[i].answer), 1);
                turn_until(all_ended);
                assert_int_equal(o.outcome, BB_COMMAND_ANSWERED);
                assert_string_equal(o.answer, cases[i].answer);
        }
}

static void one_call_is_under_way_the_rest_follow_in_order(void **state)
{
        struct order a = RESET, b = {.action = "ClearCache", .payload = "{}"};
        struct order c = {.action = "CancelReservation", .payload = "{\"reservationId\":1}"};

        (void)state;
        give(&a);
        give(&b);
        give(&c);
        wait_sent(1);
        for (int i = 0; i < 5; i++)
                loop_turn(2);
        assert_int_equal(sent_count, 1);
        assert_int_equal(answer(0, "{\"status\":\"Accepted\"}"), 1);
        wait_sent(2);
        assert_non_null(strstr(sent[1], "ClearCache"));
        assert_int_equal(answer(1, "{\"status\":\"Rejected\"}"), 1);
        wait_sent(3);
        assert_int_equal(answer(2, "{\"status\":\"Accepted\"}"), 1);
        turn_until(all_ended);
        assert_string_equal(b.answer, "{\"status\":\"Rejected\"}");
        assert_string_equal(c.answer, "{\"status\":\"Accepted\"}");
        assert_memory_not_equal(id_of(0).ptr, id_of(1).ptr, 36);
}

/* Somebody stands at the station and cannot get the cable out: that goes before reading the configuration. */
static void the_urgent_goes_first_but_never_past_what_is_under_way(void **state)
{
        struct order under_way = {.action = "GetConfiguration", .payload = "{}"}, read = under_way;
        struct order usual = {.action = "ClearCache", .payload = "{}"};
        struct order unlock = {.action = "UnlockConnector", .payload = "{\"connectorId\":1}"}, reset = RESET;
        struct order *const given[] = {&under_way, &read, &usual, &unlock, &reset};
        static const char *const order[] = {"GetConfiguration", "UnlockConnector", "Reset", "ClearCache",
                                            "GetConfiguration"};
        static const char *const answers[] = {"{}", "{\"status\":\"Unlocked\"}", "{\"status\":\"Accepted\"}",
                                              "{\"status\":\"Accepted\"}", "{}"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(given); i++)
                give(given[i]);
        for (int32_t i = 0; i < (int32_t)BB_COUNT(order); i++) {
                wait_sent(i + 1);
                assert_non_null(strstr(sent[i], order[i]));
                assert_int_equal(answer(i, answers[i]), 1);
        }
        turn_until(all_ended);
}

/* The domain is asked when the turn has come, and nobody gets in front meanwhile. */
static bb_err sending_answer;
static int32_t asked;
static bb_err fake_sending(bb_str operation_id)
{
        assert_true(bb_str_is(operation_id, "op-1"));
        asked++;
        assert_int_equal(bb_sleep(20), BB_OK);
        return sending_answer;
}

static void a_command_goes_out_when_its_operation_may_be_sent(void **state)
{
        static const struct bb_charging_ops domain = {.size = sizeof(domain), .operation_sending = fake_sending};
        static const struct {
                bb_err says;
                int32_t outcome;
        } cases[] = {{BB_E_CONFLICT, BB_COMMAND_BUSY}, {BB_E_UNAVAILABLE, BB_COMMAND_BUSY}};
        struct order followed = {.action = "ClearCache", .payload = "{}", .operation = "op-1"}, urgent = RESET;

        (void)state;
        charging = &domain;
        asked = 0;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct order o = followed;

                sending_answer = cases[i].says;
                give(&o);
                turn_until(all_ended);
                assert_int_equal(o.outcome, cases[i].outcome);
        }
        assert_int_equal(sent_count, 0);
        sending_answer = BB_OK;
        give(&followed);
        while (asked < 3)
                loop_turn(1);
        give(&urgent);
        wait_sent(1);
        assert_non_null(strstr(sent[0], "ClearCache"));
        assert_int_equal(answer(0, "{\"status\":\"Accepted\"}"), 1);
        wait_sent(2);
        assert_int_equal(answer(1, "{\"status\":\"Accepted\"}"), 1);
        turn_until(all_ended);
        assert_int_equal(followed.outcome, BB_COMMAND_ANSWERED);
        charging = NULL;
}

static void a_late_answer_goes_to_nobody(void **state)
{
        struct order a = RESET, b = RESET;

        (void)state;
        a.timeout_ms = 30;
        give(&a);
        wait_sent(1);
        turn_until(all_ended);
        assert_int_equal(a.outcome, BB_COMMAND_TIMEOUT);
        give(&b);
        wait_sent(2);
        assert_int_equal(answer(0, "{\"status\":\"Rejected\"}"), 0);
        assert_int_equal(b.ended, 0);
        assert_int_equal(answer(1, "{\"status\":\"Accepted\"}"), 1);
        assert_int_equal(answer(1, "{\"status\":\"Accepted\"}"), 0);
        turn_until(all_ended);
        assert_string_equal(b.answer, "{\"status\":\"Accepted\"}");
}

static void a_cancelled_command_keeps_its_place_until_the_station_answered(void **state)
{
        struct order a = RESET, b = RESET;

        (void)state;
        give(&a);
        wait_sent(1);
        bb_task_cancel(a.task);
        turn_until(all_ended);
        assert_int_equal(a.err, BB_E_CANCELED);
        give(&b);
        for (int i = 0; i < 5; i++)
                loop_turn(2);
        assert_int_equal(sent_count, 1);
        assert_int_equal(answer(0, "{\"status\":\"Accepted\"}"), 1);
        wait_sent(2);
        assert_int_equal(answer(1, "{\"status\":\"Rejected\"}"), 1);
        turn_until(all_ended);
        assert_string_equal(b.answer, "{\"status\":\"Rejected\"}");
}

static void who_waits_too_long_in_the_line_is_told_that_nothing_was_sent(void **state)
{
        struct order a = RESET, b = RESET;

        (void)state;
        a.timeout_ms = 200;
        b.timeout_ms = 20;
        give(&a);
        give(&b);
        turn_until(all_ended);
        assert_int_equal(a.outcome, BB_COMMAND_TIMEOUT);
        assert_int_equal(b.outcome, BB_COMMAND_BUSY);
        assert_int_equal(sent_count, 1);
}

static void the_line_has_an_end(void **state)
{
        struct order orders[OUTBOUND_MAX_QUEUE + 1];

        (void)state;
        for (size_t i = 0; i < BB_COUNT(orders); i++) {
                orders[i] = (struct order)RESET;
                orders[i].timeout_ms = 40;
                give(&orders[i]);
        }
        turn_until(all_ended);
        assert_int_equal(orders[OUTBOUND_MAX_QUEUE].outcome, BB_COMMAND_BUSY);
        assert_int_equal(orders[0].outcome, BB_COMMAND_TIMEOUT);
}

static void all_are_woken_when_the_socket_closes(void **state)
{
        struct order a = RESET, b = RESET, c = RESET;

        (void)state;
        give(&a);
        give(&b);
        wait_sent(1);
        station->ws = NULL;
        outbound_abandon(station);
        turn_until(all_ended);
        assert_int_equal(a.outcome, BB_COMMAND_OFFLINE);
        assert_int_equal(b.outcome, BB_COMMAND_OFFLINE);
        give(&c);
        turn_until(all_ended);
        assert_int_equal(c.outcome, BB_COMMAND_OFFLINE);
        assert_int_equal(sent_count, 1);
}

static void a_refusal_of_the_station_is_passed_on(void **state)
{
        struct order o = RESET;
        char text[256];

        (void)state;
        give(&o);
        wait_sent(1);
        snprintf(text, sizeof(text), "[4,\"%.*s\",\"NotSupported\",\"no\",{\"a\":1}]", BB_FMT(id_of(0)));
        assert_int_equal(outbound_deliver(station, id_of(0), bb_cstr(text)), 1);
        turn_until(all_ended);
        assert_int_equal(o.outcome, BB_COMMAND_REFUSED);
        assert_string_equal(o.code, "NotSupported");
        assert_string_equal(o.answer, "{\"a\":1}");
}

static void an_invalid_answer_is_shown_as_what_it_is(void **state)
{
        struct order a = RESET, b = RESET;

        (void)state;
        give(&a);
        wait_sent(1);
        assert_int_equal(answer(0, "{\"status\":\"Maybe\"}"), 1);
        turn_until(all_ended);
        assert_int_equal(a.outcome, BB_COMMAND_REFUSED);
        assert_string_equal(a.code, "PropertyConstraintViolation");
        assert_string_equal(a.path, "/status");
        assert_string_equal(a.answer, "{\"status\":\"Maybe\"}");
        give(&b);
        wait_sent(2);
        assert_int_equal(answer(1, "{\"status\""), 1);
        turn_until(all_ended);
        assert_int_equal(b.outcome, BB_COMMAND_REFUSED);
        assert_string_equal(b.code, "FormationViolation");
}

static void the_stations_password_is_masked(void **state)
{
        struct order o = {.action = "GetConfiguration", .payload = "{}"};

        (void)state;
        give(&o);
        wait_sent(1);
        answer(0, "{\"configurationKey\":[{\"key\":\"authorizationkey\",\"readonly\":false,\"value\":\"hunter2\"},17,"
                  "{\"key\":\"ApnPassword\",\"readonly\":false,\"value\":\"hunter2\"}]}");
        turn_until(all_ended);
        assert_null(strstr(o.answer, "hunter2"));
        assert_non_null(strstr(o.answer, "\"authorizationkey\",\"readonly\":false,\"value\":\"********\""));
}

static void a_station_that_does_not_read_makes_the_command_busy(void **state)
{
        struct order o = RESET;

        (void)state;
        send_failure = BB_E_LIMIT;
        give(&o);
        turn_until(all_ended);
        assert_int_equal(o.outcome, BB_COMMAND_BUSY);
}

/* --- the table of stations --- */

static void ids_of_stations(void **state)
{
        char long_id[70];

        (void)state;
        memset(long_id, 'x', sizeof(long_id));
        assert_int_equal(station_id_valid(BB_STR("CP-1")), 1);
        assert_int_equal(station_id_valid(BB_STR("Säule 7.a:b")), 1);
        assert_int_equal(station_id_valid((bb_str){long_id, 64}), 1);
        assert_int_equal(station_id_valid((bb_str){long_id, 65}), 0);
        assert_int_equal(station_id_valid(BB_STR("")), 0);
        assert_int_equal(station_id_valid(BB_NONE), 0);
        assert_int_equal(station_id_valid(BB_STR("a/b")), 0);
        assert_int_equal(station_id_valid(BB_STR("a\nb")), 0);
        assert_int_equal(station_id_valid(BB_STR("a\x7f")), 0);
        assert_int_equal(station_id_valid(BB_STR("a\0b")), 0);
        assert_int_equal(station_id_valid(BB_STR("\xc2\x85")), 0);
        assert_int_equal(station_id_valid(BB_STR("\xff")), 0);
        assert_int_equal(station_id_valid(BB_STR("\xc3")), 0);
        assert_int_equal(station_id_valid(BB_STR("\xed\xa0\x80")), 0);
}

static void stations_are_found_by_id(void **state)
{
        struct station_table table;
        struct station *all[1000];

        (void)state;
        table_init(&table, 12345);
        for (int i = 0; i < 1000; i++) {
                all[i] = station_new(&owner, bb_print("CP-%d", i), i, BB_NONE);
                table_add(&table, all[i]);
        }
        for (int i = 0; i < 1000; i += 2)
                table_remove(&table, all[i]);
        table_remove(&table, all[0]); /* twice is once */
        assert_int_equal(table.count, 500);
        for (int i = 0; i < 1000; i++)
                assert_ptr_equal(table_find(&table, bb_print("CP-%d", i)), i % 2 == 0 ? NULL : all[i]);
        for (int i = 0; i < 1000; i++) {
                table_remove(&table, all[i]);
                station_drop(all[i]);
        }
        table_free(&table);
        assert_true(sizeof(struct station) < 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_command_is_sent_and_its_answer_comes_back),
                TEST(what_the_specification_forbids_is_not_sent),
                TEST(every_action_of_the_specification_can_be_sent),
                TEST(one_call_is_under_way_the_rest_follow_in_order),
                TEST(the_urgent_goes_first_but_never_past_what_is_under_way),
                TEST(a_command_goes_out_when_its_operation_may_be_sent),
                TEST(a_late_answer_goes_to_nobody),
                TEST(a_cancelled_command_keeps_its_place_until_the_station_answered),
                TEST(who_waits_too_long_in_the_line_is_told_that_nothing_was_sent),
                TEST(the_line_has_an_end),
                TEST(all_are_woken_when_the_socket_closes),
                TEST(a_refusal_of_the_station_is_passed_on),
                TEST(an_invalid_answer_is_shown_as_what_it_is),
                TEST(the_stations_password_is_masked),
                TEST(a_station_that_does_not_read_makes_the_command_busy),
                TEST(ids_of_stations),
                TEST(stations_are_found_by_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
