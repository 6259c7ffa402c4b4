/* SPDX-License-Identifier: Apache-2.0
 *
 * busbar-sim's stations against a central system of a few lines, on the same loop: the order of what they tell, what
 * they keep while they are offline, and that they do what they are told.
 *
 * test-sources: sdk/sim/bench.c sdk/sim/chance.c sdk/sim/curve.c sdk/sim/faults.c sdk/sim/inbound.c sdk/sim/journal.c
 * test-sources: sdk/sim/keys.c sdk/sim/latency.c sdk/sim/messages.c sdk/sim/outbox.c sdk/sim/pace.c sdk/sim/station.c
 * test-sources: sdk/sim/stats.c sdk/sim/story.c sdk/sim/options.c
 * test-includes: sdk/sim
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "rt/task.h"
#include "sim.h"
#include <stdlib.h>
#include <unistd.h>

/* In place of busbar-sim.c. */
struct station *stations;
int ending;

void sim_end(void)
{
        ending = 1;
}

/* --- the central system --- */

struct seen {
        bb_str id, action, payload; /* of a CALL; of an answer: action "3" or "4" */
};

static struct {
        struct http_listener *listener;
        bb_ws *ws;
        char url[128];
        struct seen seen[4000];
        size_t count;
        int boots_pending; /* so many BootNotifications are answered Pending */
        const char *tag_status;
        int64_t next_id;
        const char *silent_action; /* not answered, and the link is cut, so many times */
        int silent_times;
        const char *error_action; /* answered with a CALLERROR */
        int new_id_each_time;     /* a defect: the same StartTransaction gets another id */
        char authorization[200];
} server;

static bb_str start_answer(bb_str payload)
{
        /* The same content gets the same transaction. */
        int64_t id = 0;

        for (size_t i = 0; i + 1 < server.count && !server.new_id_each_time; i++)
                if (bb_str_is(server.seen[i].action, "StartTransaction") && bb_str_eq(server.seen[i].payload, payload))
                        id = 1000 + (int64_t)i;
        if (id == 0)
                id = 1000 + (int64_t)server.count - 1;
        return bb_print("{\"transactionId\":%lld,\"idTagInfo\":{\"status\":\"%s\"}}", (long long)id, server.tag_status);
}

static bb_str answer_to(bb_str action, bb_str payload)
{
        if (bb_str_is(action, "BootNotification"))
                return bb_print("{\"status\":\"%s\",\"currentTime\":\"%s\",\"interval\":1}",
                                server.boots_pending-- > 0 ? "Pending" : "Accepted", bb_time_text(bb_now_ms()).ptr);
        if (bb_str_is(action, "Authorize"))
                return bb_print("{\"idTagInfo\":{\"status\":\"%s\"}}", server.tag_status);
        if (bb_str_is(action, "StartTransaction"))
                return start_answer(payload);
        if (bb_str_is(action, "Heartbeat"))
                return bb_print("{\"currentTime\":\"%s\"}", bb_time_text(bb_now_ms()).ptr);
        return BB_STR("{}");
}

static void remember(bb_str id, bb_str action, bb_str payload)
{
        assert_true(server.count < BB_COUNT(server.seen));
        server.seen[server.count++] = (struct seen){heap_str(id), heap_str(action), heap_str(payload)};
}

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct bb_fault fault;
        bb_json *frame;
        bb_str id, action, payload;

        (void)user;
        assert_int_equal(kind, BB_WS_TEXT);
        assert_int_equal(bb_json_parse(data, &frame, &fault), BB_OK);
        id = bb_json_str(bb_json_at(frame, 1));
        if (bb_json_int(bb_json_at(frame, 0), 0) != 2) {
                remember(id, bb_json_int(bb_json_at(frame, 0), 0) == 3 ? BB_STR("3") : BB_STR("4"),
                         bb_json_text(bb_json_at(frame, 2)));
                return 1;
        }
        action = bb_json_str(bb_json_at(frame, 2));
        payload = bb_json_text(bb_json_at(frame, 3));
        remember(id, action, payload);
        if (server.silent_times > 0 && bb_str_is(action, server.silent_action)) {
                server.silent_times--;
                websocket_close(ws, 1012, BB_NONE);
                return 1;
        }
        if (server.error_action != NULL && bb_str_is(action, server.error_action))
                websocket_send(ws, BB_WS_TEXT, bb_print("[4,\"%.*s\",\"InternalError\",\"\",{}]", BB_FMT(id)));
        else
                websocket_send(ws, BB_WS_TEXT, bb_print("[3,\"%.*s\",%s]", BB_FMT(id), answer_to(action, payload).ptr));
        return 1;
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)user;
        (void)code;
        (void)reason;
        if (server.ws == ws)
                server.ws = NULL;
}

static const struct bb_ws_handler handler = {
        .size = sizeof(handler), .on_arrival = on_arrival, .on_close = on_close, .subprotocol = "ocpp1.6"};

static void plan(struct http_request *req, struct http_plan *ret, void *arg)
{
        (void)req;
        (void)arg;
        ret->max_body = 0;
        ret->websocket = 1;
}

static void handle(struct http_request *req, void *arg)
{
        (void)arg;
        for (size_t i = 0; i < req->header_count; i++)
                if (bb_str_is(req->headers[i].name, "authorization"))
                        snprintf(server.authorization, sizeof(server.authorization), "%.*s",
                                 BB_FMT(req->headers[i].value));
        assert_int_equal(websocket_accept(req, NULL, NULL, &handler, NULL, &server.ws), BB_OK);
}

static void error_body(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body, void *arg)
{
        (void)status;
        (void)code;
        (void)detail;
        (void)arg;
        *ret_type = BB_STR("text/plain");
        *ret_body = BB_STR("no");
}

static const struct http_service service = {.plan = plan, .handle = handle, .error_body = error_body};

/* --- running --- */

static int set_up(void **state)
{
        static const struct http_limits limits = {10000, 60000, 75000, 60000, 100, 0};
        int32_t port;

        (void)state;
        memset(&server, 0, sizeof(server));
        memset(&counts, 0, sizeof(counts));
        server.tag_status = "Accepted";
        ending = 0;
        if (loop_init(1) < 0 || http_listen("127.0.0.1:0", NULL, &service, &limits, &server.listener, &port) < 0)
                return -1;
        log_set_level(BB_ERROR);
        snprintf(server.url, sizeof(server.url), "ws://127.0.0.1:%d/ocpp/{station}", port);
        options.url = server.url;
        options.password = NULL;
        options.stations = 1;
        options.rate = 1000;
        options.ramp = 1000;
        options.tag_count = 1;
        options.timeout_s = 2;
        options.seed = 7;
        memset(options.share, 0, sizeof(options.share));
        options.share[PROFILE_NORMAL] = 1;
        stations = heap_new(sizeof(*stations));
        pace_start();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        ending = 1;
        station_close(&stations[0], 1000, NEVER);
        if (stations[0].second_ws != NULL)
                websocket_close(stations[0].second_ws, 1000, BB_NONE);
        for (int turns = 0; turns < 1000; turns++) {
                if (stations[0].ws == NULL && server.ws == NULL && task_count() == 0 &&
                    http_listener_count(server.listener) == 0)
                        break;
                loop_turn(10);
        }
        station_free(&stations[0]);
        pace_stop();
        http_listener_free(server.listener);
        loop_turn(0);
        loop_close();
        free(stations);
        for (size_t i = 0; i < server.count; i++) {
                free((void *)(uintptr_t)server.seen[i].id.ptr);
                free((void *)(uintptr_t)server.seen[i].action.ptr);
                free((void *)(uintptr_t)server.seen[i].payload.ptr);
        }
        return 0;
}

static struct station *begin(int profile)
{
        memset(options.share, 0, sizeof(options.share));
        options.share[profile] = 1;
        station_init(&stations[0], 0);
        return &stations[0];
}

static size_t count_of(const char *action)
{
        size_t n = 0;

        for (size_t i = 0; i < server.count; i++)
                n += (size_t)bb_str_is(server.seen[i].action, action);
        return n;
}

static void wait_for(const char *action, size_t times)
{
        int64_t begun = time_mono_ms();

        while (count_of(action) < times) {
                if (time_mono_ms() - begun > 20000)
                        fail_msg("waited in vain for %s number %zu", action, times);
                loop_turn(20);
        }
}

static void turn_for(int64_t ms)
{
        int64_t begun = time_mono_ms();

        while (time_mono_ms() - begun < ms)
                loop_turn(5);
}

static const struct seen *nth(const char *action, size_t n)
{
        for (size_t i = 0; i < server.count; i++)
                if (bb_str_is(server.seen[i].action, action) && n-- == 0)
                        return &server.seen[i];
        fail_msg("there is no such %s", action);
        return NULL;
}

static bb_json *json(bb_str text)
{
        struct bb_fault fault;
        bb_json *j = NULL;

        assert_int_equal(bb_json_parse(text, &j, &fault), BB_OK);
        return j;
}

static int has(bb_str text, const char *part)
{
        return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* Sends a CALL and waits for its answer. */
static bb_str command(const char *action, const char *payload)
{
        size_t before = count_of("3") + count_of("4");
        const struct seen *last = NULL;

        assert_non_null(server.ws);
        assert_int_equal(websocket_send(server.ws, BB_WS_TEXT, bb_print("[2,\"c\",\"%s\",%s]", action, payload)),
                         BB_OK);
        for (int turns = 0; count_of("3") + count_of("4") == before; turns++) {
                assert_true(turns < 1000);
                loop_turn(10);
        }
        for (size_t i = 0; i < server.count; i++)
                if (bb_str_is(server.seen[i].action, "3") || bb_str_is(server.seen[i].action, "4"))
                        last = &server.seen[i];
        return last->payload;
}

/* --- tests --- */

static void a_station_waits_for_its_acceptance(void **state)
{
        int64_t begun = time_mono_ms();

        (void)state;
        server.boots_pending = 1;
        options.password = "secret";
        begin(PROFILE_NORMAL);
        wait_for("BootNotification", 1);
        assert_int_equal(count_of("StatusNotification"), 0);
        wait_for("BootNotification", 2); /* after the interval of one second */
        assert_in_range(time_mono_ms() - begun, 900, 10000);
        wait_for("StatusNotification", 2u);
        assert_true(has(nth("StatusNotification", 0)->payload, "\"connectorId\":0"));
        assert_true(has(nth("StatusNotification", 1)->payload, "\"connectorId\":1"));
        assert_true(has(nth("StatusNotification", 1)->payload, "\"Available\""));
        assert_string_equal(server.authorization, "Basic U0lNMDAwMDE6c2VjcmV0");
}

static void statuses_of_connector_one(char *ret, size_t room)
{
        ret[0] = '\0';
        for (size_t i = 0; i < server.count; i++) {
                bb_json *p;

                if (!bb_str_is(server.seen[i].action, "StatusNotification"))
                        continue;
                p = json(server.seen[i].payload);
                if (bb_json_int(bb_json_get(p, "connectorId"), -1) == 1)
                        snprintf(ret + strlen(ret), room - strlen(ret), "%.*s ",
                                 BB_FMT(bb_json_str(bb_json_get(p, "status"))));
        }
}

static int64_t register_of(const bb_json *meter_values)
{
        bb_json *sampled = bb_json_get(bb_json_at(bb_json_get(meter_values, "meterValue"), 0), "sampledValue");
        int64_t wh = -1;

        assert_true(bb_str_is(bb_json_str(bb_json_get(bb_json_at(sampled, 0), "measurand")),
                              "Energy.Active.Import.Register"));
        assert_int_equal(str_to_int(bb_json_str(bb_json_get(bb_json_at(sampled, 0), "value")), &wh), BB_OK);
        return wh;
}

static void a_car_comes_charges_and_goes(void **state)
{
        struct station *st = begin(PROFILE_NORMAL);
        char story[400];
        bb_json *start, *stop;
        int64_t id, last;

        (void)state;
        st->connector_count = 1;
        wait_for("StopTransaction", 1);
        wait_for("StatusNotification", 6);
        start = json(nth("StartTransaction", 0)->payload);
        stop = json(nth("StopTransaction", 0)->payload);
        id = bb_json_int(bb_json_get(stop, "transactionId"), 0);
        assert_true(id >= 1000);
        assert_true(bb_str_is(bb_json_str(bb_json_get(start, "idTag")), "CARD1"));
        last = bb_json_int(bb_json_get(start, "meterStart"), -1);
        assert_true(last > 0);
        for (size_t i = 0; i < count_of("MeterValues") && i < 3; i++) {
                bb_json *m = json(nth("MeterValues", i)->payload);

                assert_int_equal(bb_json_int(bb_json_get(m, "transactionId"), 0), id);
                assert_true(register_of(m) >= last);
                last = register_of(m);
        }
        assert_true(bb_json_int(bb_json_get(stop, "meterStop"), -1) >= last);
        statuses_of_connector_one(story, sizeof(story));
        assert_ptr_equal(strstr(story, "Available Preparing Charging "), story);
        assert_non_null(strstr(story, "Finishing "));
        assert_int_equal(counts.errors + counts.timeouts + counts.broken + counts.mismatches, 0);
}

static void a_refused_card_charges_nothing(void **state)
{
        (void)state;
        server.tag_status = "Blocked";
        begin(PROFILE_NORMAL);
        wait_for("Authorize", 2);
        turn_for(100);
        assert_int_equal(count_of("StartTransaction"), 0);
}

/* The answer to the start is lost with the link: the same content comes again under another id, what followed comes
 * after it, and the station does not boot again. */
static void what_was_not_acknowledged_comes_again(void **state)
{
        struct station *st = begin(PROFILE_NORMAL);

        (void)state;
        st->connector_count = 1;
        server.silent_action = "StartTransaction";
        server.silent_times = 2;
        wait_for("StartTransaction", 3);
        assert_true(bb_str_eq(nth("StartTransaction", 0)->payload, nth("StartTransaction", 1)->payload));
        assert_true(bb_str_eq(nth("StartTransaction", 0)->payload, nth("StartTransaction", 2)->payload));
        assert_false(bb_str_eq(nth("StartTransaction", 0)->id, nth("StartTransaction", 1)->id));
        wait_for("MeterValues", 1);
        wait_for("StopTransaction", 1);
        assert_true(nth("MeterValues", 0) > nth("StartTransaction", 2));
        assert_true(nth("StopTransaction", 0) > nth("StartTransaction", 2));
        assert_int_equal(count_of("BootNotification"), 1);
        assert_true(counts.lost >= 2);
        assert_true(counts.started >= 1);
}

static void meter_values_are_kept_while_offline(void **state)
{
        struct station *st = begin(PROFILE_NORMAL);
        size_t kept;

        (void)state;
        st->connector_count = 1;
        options.rate = 60;
        wait_for("MeterValues", 1);
        st->connectors[0].leave_at = time_mono_ms() + 3000;
        st->connectors[0].curve.target_soc = 1;
        station_close(st, 1001, 60000);
        kept = count_of("MeterValues");
        turn_for(4000);
        assert_int_equal(count_of("MeterValues"), kept);
        assert_true(st->queued >= 3);
        st->reconnect_at = 0;
        station_schedule(st);
        wait_for("StopTransaction", 1);
        assert_true(count_of("MeterValues") >= kept + 2);
        assert_int_equal(counts.dropped, 0);
}

static void a_retrying_station_sends_the_same_again(void **state)
{
        struct station *st = begin(PROFILE_RETRYING);

        (void)state;
        st->connector_count = 1;
        wait_for("MeterValues", 2);
        assert_int_equal(count_of("StartTransaction"), 2);
        assert_true(bb_str_eq(nth("StartTransaction", 0)->payload, nth("StartTransaction", 1)->payload));
        assert_false(bb_str_eq(nth("StartTransaction", 0)->id, nth("StartTransaction", 1)->id));
        assert_true(bb_str_eq(nth("MeterValues", 0)->payload, nth("MeterValues", 1)->payload));
        assert_int_equal(counts.started, 1);
        assert_int_equal(counts.mismatches, 0);
}

static void a_second_transaction_for_one_start_is_noticed(void **state)
{
        (void)state;
        log_set_level(BB_ERROR + 1);
        server.new_id_each_time = 1;
        begin(PROFILE_RETRYING);
        wait_for("MeterValues", 1);
        assert_int_equal(counts.mismatches, count_of("StartTransaction") / 2);
        assert_true(counts.mismatches > 0);
}

static void an_error_uses_up_the_attempts(void **state)
{
        struct station *st = begin(PROFILE_NORMAL);

        (void)state;
        st->connector_count = 1;
        server.error_action = "StartTransaction";
        assert_string_equal(key_change(st, BB_STR("TransactionMessageRetryInterval"), BB_STR("1")), "Accepted");
        wait_for("StartTransaction", 3);
        turn_for(50);
        assert_true(counts.given_up >= 1);
        assert_true(bb_str_eq(nth("StartTransaction", 0)->payload, nth("StartTransaction", 2)->payload));
        assert_int_equal(count_of("MeterValues"), 0); /* of a transaction that nobody knows */
}

static void a_station_does_what_it_is_told(void **state)
{
        struct station *st = begin(PROFILE_IDLE);
        bb_json *stop;

        (void)state;
        options.rate = 20;
        st->connector_count = 1;
        wait_for("StatusNotification", 2);
        assert_true(has(command("RemoteStartTransaction", "{\"idTag\":\"REMOTE\",\"connectorId\":9}"), "Rejected"));
        assert_true(has(command("RemoteStartTransaction", "{\"idTag\":\"REMOTE\"}"), "Accepted"));
        assert_true(has(command("RemoteStartTransaction", "{\"idTag\":\"REMOTE\"}"), "Rejected")); /* busy */
        wait_for("StartTransaction", 1);
        assert_true(has(nth("StartTransaction", 0)->payload, "REMOTE"));
        turn_for(50);
        assert_true(has(command("ChangeAvailability", "{\"connectorId\":1,\"type\":\"Inoperative\"}"), "Scheduled"));
        assert_true(has(command("RemoteStopTransaction", "{\"transactionId\":1}"), "Rejected"));
        assert_true(has(command("RemoteStopTransaction",
                                bb_print("{\"transactionId\":%lld}", (long long)st->connectors[0].tx->id).ptr),
                        "Accepted"));
        wait_for("StopTransaction", 1);
        stop = json(nth("StopTransaction", 0)->payload);
        assert_true(bb_str_is(bb_json_str(bb_json_get(stop, "reason")), "Remote"));
        for (size_t i = 0; st->connectors[0].phase != PHASE_UNAVAILABLE; i++) {
                assert_true(i < 2000);
                loop_turn(10);
        }
        assert_true(has(command("ChangeAvailability", "{\"connectorId\":0,\"type\":\"Operative\"}"), "Accepted"));
        assert_int_equal(st->connectors[0].phase, PHASE_AVAILABLE);
}

static void a_station_is_configured(void **state)
{
        struct station *st = begin(PROFILE_IDLE);
        bb_str all;

        (void)state;
        wait_for("StatusNotification", 2);
        assert_true(has(command("ChangeConfiguration", "{\"key\":\"MeterValueSampleInterval\",\"value\":\"15\"}"),
                        "Accepted"));
        assert_int_equal(key_number(st, "MeterValueSampleInterval"), 15);
        assert_true(has(command("ChangeConfiguration", "{\"key\":\"MeterValueSampleInterval\",\"value\":\"soon\"}"),
                        "Rejected"));
        assert_true(
                has(command("ChangeConfiguration", "{\"key\":\"NumberOfConnectors\",\"value\":\"4\"}"), "Rejected"));
        assert_true(has(command("ChangeConfiguration", "{\"key\":\"Unheard\",\"value\":\"4\"}"), "NotSupported"));
        assert_true(
                has(command("ChangeConfiguration", "{\"key\":\"AuthorizationKey\",\"value\":\"hidden\"}"), "Accepted"));
        all = command("GetConfiguration", "{}");
        assert_true(has(all, "\"15\"") && has(all, "SupportedFeatureProfiles") && !has(all, "hidden"));
        assert_true(has(command("GetConfiguration", "{\"key\":[\"Unheard\"]}"), "\"unknownKey\":[\"Unheard\"]"));
        assert_true(has(command("ClearCache", "{}"), "Accepted"));
        assert_true(has(command("DataTransfer", "{\"vendorId\":\"somebody\"}"), "UnknownVendorId"));
        assert_true(has(command("UnlockConnector", "{\"connectorId\":1}"), "Unlocked"));
        assert_true(has(command("SendLocalList", "{}"), "NotImplemented"));
        assert_true(has(command("Reset", "{\"type\":\"Somehow\"}"), "PropertyConstraintViolation"));
}

static void triggered_messages_are_sent(void **state)
{
        (void)state;
        begin(PROFILE_IDLE);
        wait_for("StatusNotification", 2);
        assert_true(has(command("TriggerMessage", "{\"requestedMessage\":\"BootNotification\"}"), "Accepted"));
        wait_for("BootNotification", 2);
        assert_true(
                has(command("TriggerMessage", "{\"requestedMessage\":\"MeterValues\",\"connectorId\":1}"), "Accepted"));
        wait_for("MeterValues", 1);
        assert_false(has(nth("MeterValues", 0)->payload, "transactionId"));
        assert_true(
                has(command("TriggerMessage", "{\"requestedMessage\":\"FirmwareStatusNotification\"}"), "Accepted"));
        wait_for("FirmwareStatusNotification", 1);
        assert_true(has(command("TriggerMessage", "{\"requestedMessage\":\"Cake\"}"), "NotImplemented"));
}

static void a_reset_boots_again(void **state)
{
        (void)state;
        begin(PROFILE_IDLE);
        wait_for("StatusNotification", 2);
        assert_true(has(command("Reset", "{\"type\":\"Hard\"}"), "Accepted"));
        wait_for("BootNotification", 2);
        assert_int_equal(counts.connects, 2);
}

/* Every fault is sent; the station goes on charging, and no answer to a fault is taken for one to an ordinary CALL. */
static void misbehaving_does_not_confuse_the_station_itself(void **state)
{
        struct station *st = begin(PROFILE_IDLE);

        (void)state;
        wait_for("StatusNotification", 2);
        st->profile = PROFILE_MISBEHAVING;
        for (int i = 0; i < 3; i++)
                inbound_call(st, BB_STR("odd"), BB_STR("Reset"), json(BB_STR("[]")));
        wait_for("4", 3);
        outbox_on_result(st, BB_STR("x1-1"), json(BB_STR("{}")));
        outbox_on_error(st, BB_STR("-1"), BB_STR("FormationViolation"), BB_NONE);
        outbox_on_result(st, BB_STR("never"), json(BB_STR("{}")));
        assert_int_equal(counts.provoked_answers, 2);
        assert_int_equal(counts.late, 1);
        assert_int_equal(counts.errors, 0);
}

static void curves_are_those_of_cars(void **state)
{
        struct curve ac = {.battery_wh = 50000,
                           .soc = 0.5,
                           .target_soc = 1,
                           .most_w = 11040,
                           .volts = 230,
                           .phases = 3,
                           .rate = 1};
        struct curve dc = {.battery_wh = 60000,
                           .soc = 0.2,
                           .target_soc = 0.9,
                           .most_w = 100000,
                           .volts = 340,
                           .phases = 1,
                           .is_dc = 1,
                           .rate = 1};
        struct curve fast = dc;
        double wh;

        (void)state;
        wh = curve_advance(&ac, 3600);
        assert_true(wh > 10900 && wh < 11040); /* an hour of 11 kW, less its rise */
        assert_true(ac.power_w > 11000);
        assert_true(curve_amperes(&ac) > 15.5 && curve_amperes(&ac) < 16.1);
        curve_advance(&ac, 3 * 3600);
        assert_true(curve_is_full(&ac) && ac.power_w < 1);
        curve_advance(&dc, 300);
        assert_true(dc.power_w > 99000);
        curve_advance(&dc, 1200);
        assert_true(dc.soc > 0.6 && dc.power_w < 80000);
        fast.rate = 10; /* ten times as fast: the same power, a tenth of the energy */
        curve_advance(&fast, 30);
        assert_true(fast.power_w > 99000);
        curve_advance(&fast, 120);
        assert_true(fast.soc > dc.soc - 0.02 && fast.soc < dc.soc + 0.02);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        static bb_str tag = {"CARD1", 5};
        const struct CMUnitTest tests[] = {
                TEST(a_station_waits_for_its_acceptance),
                TEST(a_car_comes_charges_and_goes),
                TEST(a_refused_card_charges_nothing),
                TEST(what_was_not_acknowledged_comes_again),
                TEST(meter_values_are_kept_while_offline),
                TEST(a_retrying_station_sends_the_same_again),
                TEST(a_second_transaction_for_one_start_is_noticed),
                TEST(an_error_uses_up_the_attempts),
                TEST(a_station_does_what_it_is_told),
                TEST(a_station_is_configured),
                TEST(triggered_messages_are_sent),
                TEST(a_reset_boots_again),
                TEST(misbehaving_does_not_confuse_the_station_itself),
                cmocka_unit_test(curves_are_those_of_cars),
        };

        options.tags = &tag;
        outbox_deaf_percent = 100;
        options.tag_count = 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
