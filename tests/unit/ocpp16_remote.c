/* SPDX-License-Identifier: Apache-2.0
 *
 * A station that another node holds, over the bus of one process: commands reach it, a probe asks it, and nobody
 * subscribed means that it is connected nowhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mod/bus_local.h"
#include "rt/loop.h"
#include "rt/task.h"

#include "../../plugins/ocpp16/commands.c"
#include "../../plugins/ocpp16/effects.c"
#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/metrics.c"
#include "../../plugins/ocpp16/outbound.c"
#include "../../plugins/ocpp16/remote.c"
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

/* What is kept of a station is no matter here. */
void keep_answer(struct station *st, const struct command *command, bb_str text, const struct bb_command_result *r)
{
        (void)st, (void)command, (void)text, (void)r;
}

static struct options options = {.command_timeout_s = 1};
static struct ocpp_tenant owner = {.options = &options};
static struct station *station;
static int32_t alive, closed;
static const char *odd_id = "Säule 7.*.>";

static bb_err fake_send(bb_ws *ws, int32_t kind, bb_str data)
{
        assert_ptr_equal(ws, &alive);
        assert_int_equal(kind, BB_WS_TEXT);
        assert_non_null(memmem(data.ptr, data.len, ",\"Reset\",{\"type\":\"Soft\"}]", 25));
        return BB_OK;
}

static void fake_close(bb_ws *ws, int32_t code, bb_str reason)
{
        (void)ws;
        assert_int_equal(code, 1008);
        assert_true(bb_str_is(reason, "the password was changed"));
        closed++;
}

static const struct bb_http_ops fake_http = {.size = sizeof(fake_http), .ws_send = fake_send, .ws_close = fake_close};

int32_t connection_probe(struct station *st, bb_str certificate)
{
        assert_ptr_equal(st, station);
        assert_true(bb_str_is(certificate, "CN"));
        return alive;
}

/* The answer comes a moment after the frame was sent, as it does from a socket. */
static void answer_soon(void *arg)
{
        bb_str id;

        (void)arg;
        while (station->call_id[0] == '\0')
                assert_int_equal(bb_sleep(1), BB_OK);
        id = bb_str_dup(bb_cstr(station->call_id));
        assert_int_equal(outbound_deliver(station, id, bb_print("[3,\"%.*s\",{\"status\":\"Accepted\"}]", BB_FMT(id))),
                         1);
}

static int set_up(void **state)
{
        (void)state;
        bb_http_ = &fake_http;
        alive = closed = 0;
        if (loop_init(1) < 0)
                return -1;
        owner.id = BB_STR("north");
        table_init(&owner.stations, 1);
        station = station_new(&owner, bb_cstr(odd_id), 5, BB_NONE);
        station->ws = (bb_ws *)(void *)&alive;
        table_add(&owner.stations, station);
        return remote_subscribe(station) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        bb_bus_unsubscribe(station->subscription);
        table_remove(&owner.stations, station);
        assert_int_equal(station->refs, 1);
        station_drop(station);
        table_free(&owner.stations);
        loop_close();
        return 0;
}

static void in_task(void (*run)(void *))
{
        assert_int_equal(bb_task_spawn("test", NULL, 0, run, NULL, NULL), BB_OK);
        for (int turns = 0; task_count() > 0; turns++) {
                assert_true(turns < 2000);
                loop_turn(5);
        }
}

static bb_err command(bb_str station_id, bb_str action, const bb_json *payload, struct bb_command_result *ret)
{
        struct bb_command order = {
                .size = sizeof(order), .station_id = station_id, .action = action, .payload = payload};

        return remote_command(&owner, &order, 1000, ret);
}

static void send_reset(void *arg)
{
        struct bb_command_result result = {.size = sizeof(result), .outcome = -1};
        bb_json *payload = NULL;

        (void)arg;
        assert_int_equal(bb_task_spawn("answer", NULL, 0, answer_soon, NULL, NULL), BB_OK);
        assert_int_equal(bb_json_parse(BB_STR("{\"type\":\"Soft\"}"), &payload, NULL), BB_OK);
        assert_int_equal(command(bb_cstr(odd_id), BB_STR("Reset"), payload, &result), BB_OK);
        assert_int_equal(result.outcome, BB_COMMAND_ANSWERED);
        assert_true(bb_str_is(bb_json_str(bb_json_get(result.answer, "status")), "Accepted"));
        assert_int_equal(command(bb_cstr(odd_id), BB_STR("Reset"), bb_json_new_object(), &result), BB_OK);
        assert_int_equal(result.outcome, BB_COMMAND_INVALID);
        assert_true(bb_str_is(result.fault_path, "/type"));
}

static void a_command_reaches_the_station_over_the_bus(void **state)
{
        (void)state;
        in_task(send_reset);
}

static void send_to_nobody(void *arg)
{
        struct bb_command_result result = {.size = sizeof(result), .outcome = -1};
        int32_t is_alive = 1;

        (void)arg;
        assert_int_equal(command(BB_STR("ANOTHER"), BB_STR("ClearCache"), NULL, &result), BB_OK);
        assert_int_equal(result.outcome, BB_COMMAND_OFFLINE);
        assert_int_equal(remote_alive(&owner, BB_STR("ANOTHER"), BB_NONE, &is_alive), BB_OK);
        assert_int_equal(is_alive, 0);
        assert_int_equal(remote_disconnect(&owner, BB_STR("ANOTHER"), BB_NONE), BB_OK);
}

static void nobody_subscribed_is_connected_nowhere(void **state)
{
        (void)state;
        in_task(send_to_nobody);
}

static void ask_alive(void *arg)
{
        int32_t is_alive = -1;

        (void)arg;
        assert_int_equal(remote_alive(&owner, bb_cstr(odd_id), BB_STR("CN"), &is_alive), BB_OK);
        assert_int_equal(is_alive, alive);
}

static void a_probe_says_whether_the_other_connection_lives(void **state)
{
        (void)state;
        alive = 1;
        in_task(ask_alive);
        alive = 0;
        in_task(ask_alive);
}

static void send_away(void *arg)
{
        (void)arg;
        assert_int_equal(remote_disconnect(&owner, bb_cstr(odd_id), BB_STR("the password was changed")), BB_OK);
}

static void a_station_can_be_sent_away(void **state)
{
        (void)state;
        in_task(send_away);
        assert_int_equal(closed, 1);
}

/* Ids are the stations' own: none may be a wildcard, or another's subject. */
static void subjects_have_plain_words(void **state)
{
        static const char *const ids[] = {"CP-1", "a.b", "a.>", "*", "a%2Eb", "ü"};
        char long_id[256];

        (void)state;
        for (size_t i = 0; i < BB_COUNT(ids); i++) {
                bb_str word = subject_word(bb_cstr(ids[i]));

                for (size_t k = 0; k < word.len; k++)
                        assert_null(memchr(".*> ", word.ptr[k], 4));
                for (size_t k = 0; k < i; k++)
                        assert_false(bb_str_eq(word, subject_word(bb_cstr(ids[k]))));
        }
        memset(long_id, 0xf0, sizeof(long_id));
        assert_int_equal(subject_word((bb_str){long_id, sizeof(long_id)}).len, 65);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_command_reaches_the_station_over_the_bus),
                TEST(nobody_subscribed_is_connected_nowhere),
                TEST(a_probe_says_whether_the_other_connection_lives),
                TEST(a_station_can_be_sent_away),
                TEST(subjects_have_plain_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
