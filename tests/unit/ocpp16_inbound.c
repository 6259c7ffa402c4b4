/* SPDX-License-Identifier: Apache-2.0
 *
 * From a station's text to the answer on its socket, with a domain, a socket and a database of our own. The clock is
 * ours too: sleeping moves it, so that twenty seconds of outage take no time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rt/loop.h"
#include "rt/task.h"

#include "../../plugins/ocpp16/authorize.c"
#include "../../plugins/ocpp16/boot.c"
#include "../../plugins/ocpp16/data_transfer.c"
#include "../../plugins/ocpp16/diagnostics.c"
#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/inbound.c"
#include "../../plugins/ocpp16/interop.c"
#include "../../plugins/ocpp16/meter.c"
#include "../../plugins/ocpp16/metrics.c"
#include "../../plugins/ocpp16/note.c"
#include "../../plugins/ocpp16/outbound.c"
#include "../../plugins/ocpp16/repair.c"
#include "../../plugins/ocpp16/repair_value.c"
#include "../../plugins/ocpp16/repeat.c"
#include "../../plugins/ocpp16/security.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_security.c"
#include "../../plugins/ocpp16/shapes_station.c"
#include "../../plugins/ocpp16/station.c"
#include "../../plugins/ocpp16/status.c"
#include "../../plugins/ocpp16/storm.c"
#include "../../plugins/ocpp16/transaction.c"
#include "../../plugins/ocpp16/validation.c"
#include "../../plugins/ocpp16/watch.c"

/* certificate_request.c needs more of a host than there is here. */
bb_err message_sign_certificate(struct station *st, const void *message, bb_str *ret_answer)
{
        (void)st, (void)message, (void)ret_answer;
        return BB_OK;
}

const struct bb_charging_ops *charging;
const struct bb_http_ops *bb_http_;
const struct bb_db_ops *bb_db_;
const struct bb_crypto_ops *bb_crypto_;

/* --- the world --- */

static struct {
        int64_t mono_ms;     /* the clock */
        int64_t away_until;  /* the database */
        bb_err failure;      /* what the domain answers otherwise */
        int32_t calls;       /* of the domain */
        char sent[16][1024]; /* frames to the station */
        int32_t sent_count;
        int32_t close_code;
        int32_t superseded;
        int64_t clock_seen;
        /* what the domain was told last */
        struct bb_boot boot;
        struct bb_connector_report report;
        struct bb_start start;
        struct bb_stop stop;
        struct bb_sample samples[8];
        size_t sample_count;
        int64_t transaction_id;
        int32_t statements;
        char texts[4096];
        size_t text_bytes;
} world;

static int64_t fake_mono(void)
{
        return world.mono_ms;
}

static bb_err fake_sleep(int64_t ms)
{
        world.mono_ms += ms;
        return rt_ops.sleep(0);
}

static struct bb_rt_ops fake_rt;

static bb_err fake_send(bb_ws *ws, int32_t kind, bb_str data)
{
        assert_ptr_equal(ws, &world);
        assert_int_equal(kind, BB_WS_TEXT);
        assert_true(world.sent_count < (int32_t)BB_COUNT(world.sent));
        assert_true(data.len < sizeof(world.sent[0]));
        memcpy(world.sent[world.sent_count], data.ptr, data.len);
        world.sent[world.sent_count++][data.len] = '\0';
        return BB_OK;
}

static void fake_close(bb_ws *ws, int32_t code, bb_str reason)
{
        assert_ptr_equal(ws, &world);
        assert_true(reason.len > 0);
        world.close_code = code;
}

static const struct bb_http_ops fake_http = {.size = sizeof(fake_http), .ws_send = fake_send, .ws_close = fake_close};

static int64_t fake_away(void)
{
        return world.mono_ms < world.away_until ? 1 : 0;
}

static bb_err fake_run(const struct bb_stmt *stmts, size_t count, bb_rows **ret)
{
        (void)ret;
        if (fake_away())
                return BB_E_UNAVAILABLE;
        assert_int_equal(count, 2);
        assert_int_equal(stmts[0].param_count, 5);
        world.statements++;
        return world.failure;
}

static const struct bb_db_ops fake_db = {.size = sizeof(fake_db), .away_ms = fake_away, .run = fake_run};

static void fake_random(void *ret, size_t bytes)
{
        memset(ret, 7, bytes);
}

static const struct bb_crypto_ops fake_crypto = {.size = sizeof(fake_crypto), .random = fake_random};

/* A copy that outlives the task. */
static bb_str copy(bb_str s)
{
        bb_str kept = {.ptr = world.texts + world.text_bytes, .len = s.len};

        if (s.ptr == NULL)
                return s;
        assert_true(world.text_bytes + s.len <= sizeof(world.texts));
        memcpy(world.texts + world.text_bytes, s.ptr, s.len);
        world.text_bytes += s.len;
        return kept;
}

/* Every report to the domain: away, failing, or well. */
static bb_err domain(const struct bb_station_ref *who)
{
        assert_true(bb_str_is(who->station_id, "CP-1"));
        assert_int_equal(who->epoch, 5);
        world.calls++;
        return fake_away() ? BB_E_UNAVAILABLE : world.failure;
}

static bb_err domain_boot(const struct bb_station_ref *who, const struct bb_boot *boot)
{
        world.boot.vendor = copy(boot->vendor);
        world.boot.serial_number = copy(boot->serial_number);
        return domain(who);
}

static bb_err domain_status(const struct bb_station_ref *who, const struct bb_connector_report *report)
{
        world.report = *report;
        world.report.vendor_error_code = copy(report->vendor_error_code);
        return domain(who);
}

static bb_err domain_authorize(const struct bb_station_ref *who, bb_str uid, struct bb_authorization *ret)
{
        TRY(domain(who));
        *ret = (struct bb_authorization){.status = bb_str_is(uid, "GOOD") ? BB_AUTH_ACCEPTED : BB_AUTH_INVALID,
                                         .parent_uid = bb_str_is(uid, "GOOD") ? BB_STR("PARENT") : BB_NONE};
        return BB_OK;
}

static bb_err domain_start(const struct bb_station_ref *who, const struct bb_start *start, struct bb_started *ret)
{
        world.start = *start;
        world.start.token_uid = copy(start->token_uid);
        TRY(domain(who));
        *ret = (struct bb_started){.transaction_id = 1234, .authorization = {.status = BB_AUTH_BLOCKED}};
        return BB_OK;
}

static bb_err domain_stop(const struct bb_station_ref *who, const struct bb_stop *stop, struct bb_stopped *ret)
{
        world.stop = *stop;
        world.sample_count = stop->sample_count;
        TRY(domain(who));
        *ret = (struct bb_stopped){.has_authorization = stop->token_uid.ptr != NULL};
        return BB_OK;
}

static bb_err domain_samples(const struct bb_station_ref *who, int64_t connector_id, int64_t transaction_id,
                             const struct bb_sample *samples, size_t count)
{
        assert_int_equal(connector_id, 1);
        assert_true(count <= BB_COUNT(world.samples));
        memcpy(world.samples, samples, count * sizeof(*samples));
        for (size_t i = 0; i < count; i++)
                world.samples[i].value = copy(samples[i].value);
        world.sample_count = count;
        world.transaction_id = transaction_id;
        return domain(who);
}

static bb_err domain_station(bb_str id, struct bb_station *ret)
{
        assert_true(bb_str_is(id, "CP-1"));
        *ret = (struct bb_station){.vendor = BB_STR("LaxWorks"), .model = BB_STR("M")};
        world.calls++;
        return fake_away() ? BB_E_UNAVAILABLE : BB_OK;
}

static void domain_clock(const struct bb_station_ref *who, int64_t at_ms)
{
        (void)who;
        world.clock_seen = at_ms;
}

static void domain_seen(const struct bb_station_ref *who)
{
        assert_true(bb_str_is(who->station_id, "CP-1"));
}

static const struct bb_charging_ops fake_charging = {.size = sizeof(fake_charging),
                                                     .boot = domain_boot,
                                                     .connector_status = domain_status,
                                                     .authorize = domain_authorize,
                                                     .session_start = domain_start,
                                                     .session_stop = domain_stop,
                                                     .session_samples = domain_samples,
                                                     .station_get = domain_station,
                                                     .clock_seen = domain_clock,
                                                     .station_seen = domain_seen};

void lists_booted(struct station *st)
{
        (void)st;
}

bb_err transfer_reported(bb_str station_id_, const char *const *kinds, bb_str status, int64_t request_id)
{
        (void)kinds, (void)status, (void)request_id;
        assert_true(bb_str_is(station_id_, "CP-1"));
        return BB_OK;
}

bb_json *secrets_masked(const bb_json *payload)
{
        return (bb_json *)(uintptr_t)payload;
}

void connection_supersede(struct station *st, const char *why)
{
        (void)why;
        st->superseded = 1;
        world.superseded = 1;
}

static struct options options = {.heartbeat_interval_s = 300, .messages_per_second = 50, .command_timeout_s = 30};
static struct ocpp_tenant owner = {.options = &options};
static struct station *station;

static int set_up(void **state)
{
        (void)state;
        memset(&world, 0, sizeof(world));
        world.mono_ms = 1000000;
        if (loop_init(1) < 0)
                return -1;
        fake_rt = rt_ops;
        fake_rt.mono_ms = fake_mono;
        fake_rt.sleep = fake_sleep;
        bb_rt_ = &fake_rt;
        bb_http_ = &fake_http;
        bb_db_ = &fake_db;
        bb_crypto_ = &fake_crypto;
        charging = &fake_charging;
        station = station_new(&owner, BB_STR("CP-1"), 5, BB_NONE);
        station->ws = (bb_ws *)(void *)&world;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        while (owner.interop_first != NULL) {
                struct station *noted = owner.interop_first;

                owner.interop_first = noted->interop_next;
                station_drop(noted);
        }
        station_drop(station);
        bb_rt_ = &rt_ops;
        loop_close();
        return 0;
}

/* --- a station speaks --- */

static void speak(void *arg)
{
        bb_str text = bb_cstr(arg);

        if (!inbound_arrival(station->ws, station, BB_WS_TEXT, text))
                inbound_message(station->ws, station, BB_WS_TEXT, text);
}

static void say(const char *text)
{
        print_message("%s\n", text);
        assert_int_equal(bb_task_spawn("test", NULL, 0, speak, (void *)(uintptr_t)text, NULL), BB_OK);
        for (int turns = 0; task_count() > 0; turns++) {
                assert_true(turns < 10000);
                loop_turn(5);
        }
}

static void assert_answer(const char *expected)
{
        assert_int_equal(world.sent_count, 1);
        assert_string_equal(world.sent[0], expected);
        world.sent_count = 0;
}

static void assert_str(bb_str actual, const char *expected)
{
        assert_int_equal(actual.len, strlen(expected));
        assert_memory_equal(actual.ptr, expected, actual.len);
}

#define START                                                                                                          \
        "[2,\"s\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"BAD\",\"meterStart\":17,"                        \
        "\"timestamp\":\"2026-01-01T00:00:00Z\"}]"

/* --- messages --- */

static void a_heartbeat_is_answered_without_the_database(void **state)
{
        (void)state;
        world.away_until = INT64_MAX;
        say("[2,\"1\",\"Heartbeat\",{}]");
        assert_int_equal(world.sent_count, 1);
        assert_memory_equal(world.sent[0], "[3,\"1\",{\"currentTime\":\"20", 25);
        assert_int_equal(world.calls, 0);
}

static void a_boot_is_accepted_with_a_spread_interval(void **state)
{
        int interval;

        (void)state;
        say("[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\","
            "\"chargeBoxSerialNumber\":\"S\"}]");
        assert_str(world.boot.vendor, "V");
        assert_str(world.boot.serial_number, "S");
        assert_memory_equal(world.sent[0], "[3,\"b\",{\"status\":\"Accepted\",\"currentTime\":\"", 43);
        assert_int_equal(sscanf(strstr(world.sent[0], "\"interval\":"), "\"interval\":%d", &interval), 1);
        assert_in_range(interval, 270, 330);
}

static void a_start_with_an_unknown_tag_gets_a_transaction_all_the_same(void **state)
{
        (void)state;
        say(START);
        assert_answer("[3,\"s\",{\"idTagInfo\":{\"status\":\"Blocked\"},\"transactionId\":1234}]");
        assert_int_equal(world.start.connector_id, 1);
        assert_int_equal(world.start.meter_start_wh, 17);
        assert_str(world.start.token_uid, "BAD");
        assert_int_equal(world.start.at_ms, 1767225600000);
}

static void a_stop_brings_its_samples_and_its_reason(void **state)
{
        (void)state;
        say("[2,\"e\",\"StopTransaction\",{\"transactionId\":1234,\"meterStop\":99,\"timestamp\":\"2026-01-01T00:00:"
            "00Z\","
            "\"reason\":\"PowerLoss\",\"transactionData\":[{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[{"
            "\"value\":\"1\"},"
            "{\"value\":\"2\"}]},{\"timestamp\":\"2026-01-01T00:00:00Z\",\"sampledValue\":[{\"value\":\"3\"}]}]}]");
        assert_answer("[3,\"e\",{}]");
        assert_int_equal(world.sample_count, 3);
        assert_int_equal(world.stop.transaction_id, 1234);
        assert_str(world.stop.reason, "PowerLoss");
        assert_null(world.stop.token_uid.ptr);
        say("[2,\"e\",\"StopTransaction\",{\"transactionId\":0,\"meterStop\":99,\"timestamp\":\"2026-01-01T00:00:00Z\","
            "\"idTag\":\"GOOD\"}]");
        assert_answer("[3,\"e\",{\"idTagInfo\":{\"status\":\"Accepted\"}}]");
        assert_str(world.stop.reason, "Local");
}

static void samples_reach_the_domain_with_their_defaults(void **state)
{
        (void)state;
        say("[2,\"m\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":9,\"meterValue\":[{\"timestamp\":\"2026-01-"
            "01T00:00:00Z\","
            "\"sampledValue\":[{\"value\":\"12\"},{\"value\":\"50\",\"measurand\":\"Frequency\",\"phase\":\"L2\"}]}]}"
            "]");
        assert_answer("[3,\"m\",{}]");
        assert_int_equal(world.transaction_id, 9);
        assert_int_equal(world.sample_count, 2);
        assert_str(world.samples[0].measurand, "Energy.Active.Import.Register");
        assert_str(world.samples[0].unit, "Wh");
        assert_str(world.samples[0].context, "Sample.Periodic");
        assert_str(world.samples[0].location, "Outlet");
        assert_str(world.samples[0].format, "Raw");
        assert_str(world.samples[0].phase, "");
        assert_str(world.samples[0].value, "12");
        assert_str(world.samples[1].unit, ""); /* the default unit is for energy only */
        assert_str(world.samples[1].phase, "L2");
}

static void a_status_reaches_the_domain_and_an_old_time_says_nothing_about_the_clock(void **state)
{
        (void)state;
        say("[2,\"n\",\"StatusNotification\",{\"connectorId\":3,\"errorCode\":\"GroundFailure\",\"status\":\"Faulted\","
            "\"vendorErrorCode\":\"E7\",\"timestamp\":\"1970-01-01T00:00:01Z\"}]");
        assert_answer("[3,\"n\",{}]");
        assert_int_equal(world.report.connector_id, 3);
        assert_int_equal(world.report.status, BB_CONNECTOR_FAULTED);
        assert_str(world.report.error_code, "GroundFailure");
        assert_str(world.report.vendor_error_code, "E7");
        assert_int_equal(world.report.at_ms, 1000);
        assert_int_equal(world.clock_seen, 0);
}

/* 0 is the domain's word for "not told". */
static void the_epoch_is_a_time_that_was_told(void **state)
{
        (void)state;
        say("[2,\"s\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"GOOD\",\"meterStart\":5,"
            "\"timestamp\":\"1970-01-01T00:00:00Z\"}]");
        assert_int_equal(world.start.at_ms, 1);
        say("[2,\"e\",\"StopTransaction\",{\"transactionId\":9,\"meterStop\":6,\"timestamp\":\"1970-01-01T00:00:00Z\"}"
            "]");
        assert_int_equal(world.stop.at_ms, 1);
        say("[2,\"m\",\"MeterValues\",{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"1970-01-01T00:00:00Z\","
            "\"sampledValue\":[{\"value\":\"12\"}]}]}]");
        assert_int_equal(world.samples[0].at_ms, 1);
        say("[2,\"n\",\"StatusNotification\",{\"connectorId\":3,\"errorCode\":\"NoError\",\"status\":\"Available\","
            "\"timestamp\":\"1970-01-01T00:00:00Z\"}]");
        assert_int_equal(world.report.at_ms, 1);
        say("[2,\"n\",\"StatusNotification\",{\"connectorId\":3,\"errorCode\":\"NoError\",\"status\":\"Available\"}]");
        assert_int_equal(world.report.at_ms, 0);
}

/* A message `off_ms` from our time, `after_ms` later than the one before: does it tell the clock? */
static int32_t tells(int64_t after_ms, int64_t off_ms)
{
        world.mono_ms += after_ms;
        world.clock_seen = 0;
        station_told_time(station, bb_now_ms() + off_ms);
        return world.clock_seen != 0;
}

static void a_clock_that_is_slow_is_told_from_a_queue(void **state)
{
        const int64_t hour = 3600000;

        (void)state;
        /* No queue makes a time look new. */
        assert_true(tells(0, 5 * hour));
        assert_true(tells(0, 0));
        assert_true(tells(0, -3000));
        /* The same lag, over and over: it is the clock. */
        assert_false(tells(20000, -hour));
        assert_false(tells(20000, -hour - 2000));
        assert_true(tells(20000, -hour + 2000));
        assert_true(tells(20000, -hour));
        /* A queue: as it was filled at one moment, and in the course of time. */
        for (int i = 0; i < 50; i++)
                assert_false(tells(100, -2 * hour));
        for (int i = 0; i < 100; i++)
                assert_false(tells(2000, -2 * hour + i * 30000));
        /* Live again, and right; then set wrong, with an old message in between. */
        assert_true(tells(1000, -50));
        assert_false(tells(20000, -hour));
        assert_false(tells(20000, -hour));
        assert_false(tells(20000, -3 * hour));
        assert_false(tells(20000, -hour));
        assert_false(tells(20000, -hour));
        assert_true(tells(20000, -hour));
        /* It goes astray slowly. */
        for (int i = 0; i < 20; i++)
                assert_true(tells(20000, -hour - i * 5000));
}

static void an_authorize_has_the_domains_verdict(void **state)
{
        (void)state;
        say("[2,\"a\",\"Authorize\",{\"idTag\":\"GOOD\"}]");
        assert_answer("[3,\"a\",{\"idTagInfo\":{\"parentIdTag\":\"PARENT\",\"status\":\"Accepted\"}}]");
        say("[2,\"a\",\"Authorize\",{\"idTag\":\"OTHER\"}]");
        assert_answer("[3,\"a\",{\"idTagInfo\":{\"status\":\"Invalid\"}}]");
}

static void the_data_of_unknown_vendors_is_kept(void **state)
{
        (void)state;
        say("[2,\"d\",\"DataTransfer\",{\"vendorId\":\"acme\",\"data\":{\"x\":1}}]");
        assert_answer("[3,\"d\",{\"status\":\"UnknownVendorId\"}]");
        assert_int_equal(world.statements, 1);
}

static void the_notifications_of_files_are_answered(void **state)
{
        (void)state;
        say("[2,\"f\",\"FirmwareStatusNotification\",{\"status\":\"Installed\"}]");
        assert_answer("[3,\"f\",{}]");
        say("[2,\"g\",\"DiagnosticsStatusNotification\",{\"status\":\"Idle\"}]");
        assert_answer("[3,\"g\",{}]");
}

/* --- what is sent again --- */

/* Both are in the line before the first is served. */
static void speak_twice(void *arg)
{
        bb_str text = bb_cstr(arg);

        for (int i = 0; i < 2; i++)
                assert_int_equal(inbound_arrival(station->ws, station, BB_WS_TEXT, text), 0);
        for (int i = 0; i < 2; i++)
                inbound_message(station->ws, station, BB_WS_TEXT, text);
}

static void say_twice_at_once(const char *text)
{
        assert_int_equal(bb_task_spawn("test", NULL, 0, speak_twice, (void *)(uintptr_t)text, NULL), BB_OK);
        while (task_count() > 0)
                loop_turn(5);
}

#define START_OF(id_, meter_)                                                                                          \
        "[2,\"" id_ "\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"BAD\",\"meterStart\":" meter_              \
        ",\"timestamp\":\"2026-01-01T00:00:00Z\"}]"
#define STARTED "[3,\"s\",{\"idTagInfo\":{\"status\":\"Blocked\"},\"transactionId\":1234}]"

static void what_is_sent_again_gets_the_same_answer_and_is_not_done_again(void **state)
{
        (void)state;
        say(START);
        assert_answer(STARTED);
        say(START);
        assert_answer(STARTED);
        assert_int_equal(world.calls, 1);
        /* Also when other messages came in between. */
        say("[2,\"n\",\"StatusNotification\",{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Charging\"}]");
        assert_answer("[3,\"n\",{}]");
        say(START);
        assert_answer(STARTED);
        assert_int_equal(world.calls, 2);
        say("[2,\"m\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":9,\"meterValue\":[{\"timestamp\":\"2026-01-"
            "01T00:00:00Z\",\"sampledValue\":[{\"value\":\"12\"}]}]}]");
        say("[2,\"m\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":9,\"meterValue\":[{\"timestamp\":\"2026-01-"
            "01T00:00:00Z\",\"sampledValue\":[{\"value\":\"12\"}]}]}]");
        assert_int_equal(world.sent_count, 2);
        assert_string_equal(world.sent[0], world.sent[1]);
        assert_int_equal(world.calls, 3);
}

static void an_id_with_other_content_is_a_new_message(void **state)
{
        (void)state;
        say(START_OF("s", "17"));
        say(START_OF("s", "18"));
        say(START_OF("t", "17"));
        assert_int_equal(world.calls, 3);
        assert_int_equal(world.sent_count, 3);
        world.sent_count = 0;
        /* Another action under an id that was used, even with a payload that fits both. */
        say("[2,\"s\",\"Heartbeat\",{}]");
        assert_int_equal(world.sent_count, 1);
        assert_non_null(strstr(world.sent[0], "currentTime"));
}

/* Some firmware gives every message the same id. */
static void a_status_that_comes_back_is_a_new_message(void **state)
{
#define STATUS(status_)                                                                                                \
        "[2,\"1\",\"StatusNotification\",{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"" status_ "\"}]"
        (void)state;
        say(STATUS("Available"));
        say(STATUS("Charging"));
        say(STATUS("Charging"));
        assert_int_equal(world.calls, 2);
        say(STATUS("Available"));
        assert_int_equal(world.calls, 3);
        assert_int_equal(world.report.status, BB_CONNECTOR_AVAILABLE);
        assert_int_equal(world.sent_count, 4);
}

static void what_is_sent_again_before_its_answer_is_answered_once(void **state)
{
        (void)state;
        world.away_until = world.mono_ms + 5000; /* the first one waits for the database */
        say_twice_at_once(START);
        assert_answer(STARTED);
        say(START);
        assert_answer(STARTED);
}

static void what_failed_is_done_when_it_is_sent_again(void **state)
{
        (void)state;
        world.failure = BB_E_INTERNAL;
        say(START);
        assert_answer("[4,\"s\",\"InternalError\",\"the message could not be processed\",{}]");
        world.failure = BB_OK;
        say(START);
        assert_answer(STARTED);
}

static void an_idle_station_keeps_no_answers_and_a_busy_one_few(void **state)
{
        char text[256];

        (void)state;
        for (int i = 0; i < 100; i++) {
                (void)snprintf(text, sizeof(text), START_OF("%d", "17"), i);
                say(text);
                world.sent_count = 0;
                world.text_bytes = 0;
        }
        assert_int_equal(world.calls, 100);
        say(text);
        assert_int_equal(world.calls, 100);
        (void)snprintf(text, sizeof(text), START_OF("%d", "17"), 1);
        say(text); /* forgotten here: the domain knows it */
        assert_int_equal(world.calls, 101);
        assert_non_null(station->repeats);
        repeat_forget_old(station, world.mono_ms + 60000);
        assert_non_null(station->repeats);
        repeat_forget_old(station, world.mono_ms + 200000);
        assert_null(station->repeats);
}

/* --- what is wrong --- */

static void errors_have_the_codes_of_ocpp_j(void **state)
{
        (void)state;
        say("[2,\"x\",\"MakeCoffee\",{}]");
        assert_answer("[4,\"x\",\"NotImplemented\",\"the action is not one of OCPP 1.6\",{}]");
        say("[2,\"x\",\"RemoteStartTransaction\",{}]");
        assert_answer("[4,\"x\",\"NotSupported\",\"the action is not supported here\",{}]");
        say("[2,\"x\",\"Authorize\",{}]");
        assert_int_equal(world.sent_count, 1);
        assert_non_null(strstr(world.sent[0], "[4,\"x\",\"OccurenceConstraintViolation\",\"/idTag: "));
        assert_non_null(strstr(world.sent[0], "{\"path\":\"/idTag\"}]"));
        assert_int_equal(world.calls, 0);
        assert_int_equal(world.close_code, 0);
}

static void a_station_is_checked_as_its_vendor_needs_it(void **state)
{
        static const struct validation_rule lax = {.vendor = BB_STR("lax*"), .level = LEVEL_TOLERANT};
        static const char message[] = "[2,\"a\",\"Authorize\",{\"idTag\":\"GOOD\",\"extra\":1}]";

        (void)state;
        say(message);
        assert_int_equal(world.calls, 0);
        assert_non_null(strstr(world.sent[0], "FormationViolation"));
        world.sent_count = 0;
        options.validation_rules = (struct bb_array){.items = (void *)(uintptr_t)&lax, .count = 1};
        say(message);
        assert_answer("[3,\"a\",{\"idTagInfo\":{\"parentIdTag\":\"PARENT\",\"status\":\"Accepted\"}}]");
        assert_int_equal(world.calls, 2);
        say("[2,\"b\",\"Authorize\",{\"idTag\":\"GOOD\",\"extra\":1}]"); /* what it is was asked once */
        assert_int_equal(world.calls, 3);
        options.validation_rules = (struct bb_array){.items = NULL};
}

/* Whether it would be taken is not known while the database is away: the station keeps it. */
static void a_broken_message_in_an_outage_is_left_to_the_station(void **state)
{
        static const struct validation_rule lax = {.vendor = BB_STR("lax*"), .level = LEVEL_TOLERANT};

        (void)state;
        options.validation_rules = (struct bb_array){.items = (void *)(uintptr_t)&lax, .count = 1};
        world.away_until = INT64_MAX;
        say("[2,\"a\",\"Authorize\",{\"idTag\":\"GOOD\",\"extra\":1}]");
        assert_int_equal(world.sent_count, 0);
        assert_int_equal(world.close_code, 1013);
        options.validation_rules = (struct bb_array){.items = NULL};
}

static void money_is_taken_from_a_message_with_a_fault_elsewhere(void **state)
{
        (void)state;
        say("[2,\"0123456789012345678901234567890123456789\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"BAD\","
            "\"meterStart\":17,\"timestamp\":\"2026-01-01T00:00:00Z\",\"reservationId\":null,\"extra\":[]}]");
        assert_answer("[3,\"0123456789012345678901234567890123456789\",{\"idTagInfo\":{\"status\":\"Blocked\"},"
                      "\"transactionId\":1234}]");
        assert_int_equal(world.start.meter_start_wh, 17);
        assert_int_equal(world.start.reservation_id, 0);
}

static void rubbish_is_ignored_for_a_while(void **state)
{
        (void)state;
        for (int i = 0; i < STATION_PATIENCE; i++)
                say("rubbish");
        assert_int_equal(world.sent_count, 0);
        assert_int_equal(world.close_code, 0);
        say("rubbish");
        assert_int_equal(world.close_code, 1008);
}

static void an_answer_that_nobody_waits_for_is_dropped(void **state)
{
        (void)state;
        say("[3,\"unknown\",{}]");
        say("[4,\"unknown\",\"GenericError\",\"\",{}]");
        say("[3,\"esc\\u0061ped\",{}]");
        assert_int_equal(world.sent_count, 0);
        assert_int_equal(world.close_code, 0);
}

static void empty_texts_are_ignored_and_binary_frames_close(void **state)
{
        (void)state;
        say(" \r\n");
        say("");
        assert_int_equal(station->faults.count, 0);
        assert_int_equal(inbound_arrival(station->ws, station, BB_WS_BINARY, BB_STR("x")), 1);
        assert_int_equal(world.close_code, 1003);
}

static void a_flood_is_slowed_down(void **state)
{
        int64_t before = world.mono_ms;

        (void)state;
        for (int i = 0; i < 300; i++) {
                say("[2,\"1\",\"Heartbeat\",{}]");
                world.sent_count = 0;
        }
        /* 50 a second, after 4 seconds' worth at once. */
        assert_in_range(world.mono_ms - before, 1900, 2100);
        assert_int_equal(world.close_code, 0);
}

/* --- trouble --- */

static void a_short_outage_costs_nothing_but_time(void **state)
{
        int64_t before = world.mono_ms;

        (void)state;
        world.away_until = world.mono_ms + 15000;
        say(START);
        assert_answer("[3,\"s\",{\"idTagInfo\":{\"status\":\"Blocked\"},\"transactionId\":1234}]");
        assert_in_range(world.mono_ms - before, 15000, 18000);
        assert_int_equal(world.close_code, 0);
}

static void a_long_outage_closes_without_an_answer(void **state)
{
        static const char *const texts[] = {
                START,
                "[2,\"a\",\"Authorize\",{\"idTag\":\"GOOD\"}]",
                "[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}]",
                "[2,\"n\",\"StatusNotification\",{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Faulted\"}]",
                "[2,\"d\",\"DataTransfer\",{\"vendorId\":\"acme\"}]",
        };

        (void)state;
        world.away_until = INT64_MAX;
        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                int64_t before = world.mono_ms;

                world.close_code = 0;
                say(texts[i]);
                assert_int_equal(world.sent_count, 0);
                assert_int_equal(world.close_code, 1013);
                assert_in_range(world.mono_ms - before, 20000, 23000);
                /* What else it had sent is not served any more. */
                before = world.mono_ms;
                say(texts[i]);
                assert_int_equal(world.mono_ms, before);
                station->closing = 0;
        }
}

/* A database that neither answers nor fails. */
static void who_waits_for_a_stuck_database_is_closed_in_the_end(void **state)
{
        struct pace admissions = {.next_us = 0};
        int64_t retry_s;

        (void)state;
        outage_seen_mono_ms = 0;
        table_init(&owner.stations, 1);
        table_add(&owner.stations, station);
        station->busy_since_mono_ms = world.mono_ms;
        storm_work_begins();
        world.mono_ms += STALL_MS;
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_OK);
        world.mono_ms += 1;
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_E_UNAVAILABLE);
        watch_tick(&owner);
        assert_int_equal(world.close_code, 0);
        world.mono_ms += LONGEST_MS - STALL_MS;
        assert_int_equal(bb_task_spawn("test", NULL, 0, watch_tick, &owner, NULL), BB_OK);
        while (task_count() > 0)
                loop_turn(5);
        assert_int_equal(world.close_code, 1013);
        storm_work_ends(BB_OK);
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_OK);
        table_remove(&owner.stations, station);
        table_free(&owner.stations);
}

static void a_replaced_connection_answers_nothing(void **state)
{
        (void)state;
        world.failure = BB_E_CONFLICT;
        say(START);
        assert_int_equal(world.sent_count, 0);
        assert_int_equal(world.superseded, 1);
        world.failure = BB_OK;
        say("[2,\"1\",\"Heartbeat\",{}]");
        assert_int_equal(world.sent_count, 0);
}

static void a_defect_of_ours_is_an_internal_error(void **state)
{
        (void)state;
        world.failure = BB_E_INTERNAL;
        say(START);
        assert_answer("[4,\"s\",\"InternalError\",\"the message could not be processed\",{}]");
        assert_int_equal(world.close_code, 0);
}

static void after_an_outage_newcomers_are_let_in_one_by_one(void **state)
{
        struct pace admissions = {.next_us = 0};
        int64_t retry_s = 0;

        (void)state;
        outage_seen_mono_ms = 0;
        for (int i = 0; i < 10000; i++) {
                assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_OK);
                assert_int_equal(world.mono_ms, 1000000);
        }
        world.away_until = world.mono_ms + 1;
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_E_UNAVAILABLE);
        assert_in_range(retry_s, 5, 60);
        world.mono_ms += 10;
        for (int i = 0; i < 3000; i++) /* 15 seconds' worth of others */
                pace_take(&admissions, 200);
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_E_UNAVAILABLE);
        world.mono_ms += AFTERMATH_MS + 1;
        assert_int_equal(storm_admit(&admissions, 200, &retry_s), BB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_heartbeat_is_answered_without_the_database),
                TEST(a_boot_is_accepted_with_a_spread_interval),
                TEST(a_start_with_an_unknown_tag_gets_a_transaction_all_the_same),
                TEST(a_stop_brings_its_samples_and_its_reason),
                TEST(samples_reach_the_domain_with_their_defaults),
                TEST(a_status_reaches_the_domain_and_an_old_time_says_nothing_about_the_clock),
                TEST(the_epoch_is_a_time_that_was_told),
                TEST(a_clock_that_is_slow_is_told_from_a_queue),
                TEST(an_authorize_has_the_domains_verdict),
                TEST(the_data_of_unknown_vendors_is_kept),
                TEST(the_notifications_of_files_are_answered),
                TEST(what_is_sent_again_gets_the_same_answer_and_is_not_done_again),
                TEST(an_id_with_other_content_is_a_new_message),
                TEST(a_status_that_comes_back_is_a_new_message),
                TEST(what_is_sent_again_before_its_answer_is_answered_once),
                TEST(what_failed_is_done_when_it_is_sent_again),
                TEST(an_idle_station_keeps_no_answers_and_a_busy_one_few),
                TEST(errors_have_the_codes_of_ocpp_j),
                TEST(a_station_is_checked_as_its_vendor_needs_it),
                TEST(a_broken_message_in_an_outage_is_left_to_the_station),
                TEST(money_is_taken_from_a_message_with_a_fault_elsewhere),
                TEST(rubbish_is_ignored_for_a_while),
                TEST(an_answer_that_nobody_waits_for_is_dropped),
                TEST(empty_texts_are_ignored_and_binary_frames_close),
                TEST(a_flood_is_slowed_down),
                TEST(a_short_outage_costs_nothing_but_time),
                TEST(a_long_outage_closes_without_an_answer),
                TEST(who_waits_for_a_stuck_database_is_closed_in_the_end),
                TEST(a_replaced_connection_answers_nothing),
                TEST(a_defect_of_ours_is_an_internal_error),
                TEST(after_an_outage_newcomers_are_let_in_one_by_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
