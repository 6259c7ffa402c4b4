/* SPDX-License-Identifier: Apache-2.0
 *
 * Which stations' local lists are looked after, and how many at a time; and what is read of a station's configuration.
 * The database and the stations themselves are stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rt/loop.h"
#include "rt/task.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../plugins/ocpp16/capability.c"
#include "../../plugins/ocpp16/list_pace.c"
#include "../../plugins/ocpp16/station.c"

const struct bb_charging_ops *charging;
const struct bb_station_driver_ops driver_ops;
const struct bb_shape GetConfigurationAnswer;
const struct bb_http_ops *bb_http_;

enum { MANY = 200 };
static struct options options = {.local_list = LIST_RFID, .local_list_per_second = 5};
static struct lists lists;
static struct ocpp_tenant owner = {.options = &options, .lists = &lists};
static struct station *stations[MANY];
static int32_t begun, hold, looked_at[MANY];
static bb_cond *held;
static struct list_result outcome;

int32_t storm_is_outage(bb_err err)
{
        return err == BB_E_UNAVAILABLE;
}
void repeat_free(struct station *st)
{
        (void)st;
}
bb_err list_reconcile_ask(struct ocpp_tenant *o)
{
        (void)o;
        return BB_OK;
}
bb_err list_prune(void)
{
        return BB_OK;
}

bb_err list_sync(struct station *st, struct list_result *ret)
{
        begun++;
        looked_at[atoi(st->id)]++;
        while (hold)
                TRY(bb_cond_wait(held, -1));
        *ret = outcome;
        return BB_OK;
}

static int set_up(void **state)
{
        (void)state;
        assert_int_equal(loop_init(1), BB_OK);
        lists = (struct lists){.revision = 7};
        outcome = (struct list_result){.revision = 7};
        begun = hold = 0;
        memset(looked_at, 0, sizeof(looked_at));
        held = bb_cond_new();
        table_init(&owner.stations, 1);
        for (int i = 0; i < MANY; i++) {
                char id[16];

                snprintf(id, sizeof(id), "%d", i);
                stations[i] = station_new(&owner, bb_cstr(id), 1, BB_NONE);
                stations[i]->ws = (bb_ws *)(uintptr_t)&begun;
                stations[i]->online = 1;
                table_add(&owner.stations, stations[i]);
        }
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        for (int i = 0; i < MANY; i++) {
                stations[i]->ws = NULL;
                table_remove(&owner.stations, stations[i]);
                station_drop(stations[i]);
        }
        table_free(&owner.stations);
        bb_cond_free(held);
        loop_close();
        return 0;
}

static void settle_down(void)
{
        for (int i = 0; i < 20; i++)
                loop_turn(0);
}

/* A tick's choice, without the look at the table before it. */
static int32_t ticked(void)
{
        int32_t before = begun;

        start_some(&owner);
        settle_down();
        return begun - before;
}

static void some_a_second_until_all_are_in_step(void **state)
{
        (void)state;
        for (int i = 0; i < MANY / 5; i++)
                assert_int_equal(ticked(), 5);
        assert_int_equal(ticked(), 0);
        for (int i = 0; i < MANY; i++)
                assert_int_equal(looked_at[i], 1);
        lists.revision = 8;
        outcome.revision = 8;
        assert_int_equal(ticked(), 5);
}

static void stations_that_do_not_answer_hold_up_no_more_than_ten_seconds_worth(void **state)
{
        int32_t all = 0;

        (void)state;
        hold = 1;
        for (int i = 0; i < 30; i++)
                all += ticked();
        assert_int_equal(all, 50);
        assert_int_equal(lists.running, 50);
        hold = 0;
        bb_cond_wake_all(held);
        settle_down();
        assert_int_equal(lists.running, 0);
        assert_int_equal(ticked(), 5);
}

static void one_that_failed_waits_and_one_without_lists_is_left_until_it_boots(void **state)
{
        int32_t all = 0;

        (void)state;
        options.local_list_per_second = MANY;
        outcome = (struct list_result){.again_ms = 60000};
        assert_int_equal(ticked(), MANY);
        assert_int_equal(ticked(), 0);
        for (int i = 0; i < MANY; i++)
                stations[i]->list_due_mono_ms = bb_mono_ms();
        outcome = (struct list_result){.again_ms = 0}; /* unsupported */
        assert_int_equal(ticked(), MANY);
        lists.revision = 9;
        assert_int_equal(ticked(), 0);
        lists_booted(stations[3]);
        look_again(stations[4]);
        outcome.revision = 9;
        for (int i = 0; i < 3; i++)
                all += ticked();
        assert_int_equal(all, 2);
        options.local_list_per_second = 5;
}

static void who_asks_while_it_is_under_way_is_heard(void **state)
{
        (void)state;
        options.local_list_per_second = MANY;
        hold = 1;
        assert_int_equal(ticked(), MANY);
        look_again(stations[0]);
        hold = 0;
        bb_cond_wake_all(held);
        settle_down();
        usleep(2000);
        assert_int_equal(ticked(), 1);
        assert_int_equal(looked_at[0], 2);
        options.local_list_per_second = 5;
}

static void changes_gather_until_they_rest(void **state)
{
        (void)state;
        loop_turn(0);
        lists.revision = 0;
        assert_false(has_settled(&lists, 10000));
        lists.revision = 3;
        lists.changed_mono_ms = lists.pending_mono_ms = bb_mono_ms();
        assert_false(has_settled(&lists, 10000));
        lists.changed_mono_ms -= 10000;
        assert_true(has_settled(&lists, 10000));
        lists.changed_mono_ms = bb_mono_ms();
        lists.pending_mono_ms = bb_mono_ms() - 60000; /* no rest for a minute */
        assert_true(has_settled(&lists, 10000));
        assert_int_equal(lists.pending_mono_ms, 0);
}

static void limits_are_read_as_stations_write_them(void **state)
{
        struct configuration_key told[] = {
                {.key = BB_STR("LocalAuthListEnabled"), .value = BB_STR("TRUE")},
                {.key = BB_STR("sendlocallistmaxlength"), .value = BB_STR("20")},
                {.key = BB_STR("LocalAuthListMaxLength"), .value = BB_STR("many")},
                {.key = BB_STR("ReserveConnectorZeroSupported"), .value = BB_STR("false")},
                {.key = BB_STR("ChargingScheduleAllowedChargingRateUnit"), .value = BB_STR("Current")},
                {.key = BB_STR("HeartbeatInterval"), .value = BB_STR("300")},
        };
        const struct get_configuration_conf conf = {.configuration_key = {.items = told, .count = BB_COUNT(told)}};
        const struct get_configuration_conf other = {.configuration_key = {.items = &told[5], .count = 1}};
        struct capability c = nothing;

        (void)state;
        assert_true(capability_take(&c, &conf));
        assert_int_equal(c.list_enabled, 1);
        assert_int_equal(c.list_send_max, 20);
        assert_int_equal(c.list_max, CAPABILITY_UNKNOWN);
        assert_int_equal(c.reserve_zero, 0);
        assert_int_equal(c.rate_amperes, 1);
        assert_int_equal(c.rate_watts, 0);
        assert_int_equal(c.profile_max, CAPABILITY_UNKNOWN);
        assert_false(capability_take(&c, &other));
        told[4].value = BB_STR("Current,Power");
        assert_true(capability_take(&c, &conf));
        assert_int_equal(c.rate_watts, 1);
        told[4].value = BB_STR("W");
        assert_true(capability_take(&c, &conf));
        assert_int_equal(c.rate_amperes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(some_a_second_until_all_are_in_step),
                TEST(stations_that_do_not_answer_hold_up_no_more_than_ten_seconds_worth),
                TEST(one_that_failed_waits_and_one_without_lists_is_left_until_it_boots),
                TEST(who_asks_while_it_is_under_way_is_heard),
                TEST(changes_gather_until_they_rest),
                TEST(limits_are_read_as_stations_write_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
