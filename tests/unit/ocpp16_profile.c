/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of charging profiles (OCPP 1.6 §3.13, §5.16, §7.8 to §7.14, §9.4), each with the place that it names; and a
 * profile's way into OCPP's form and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include "../../plugins/ocpp16/profile_rules.c"
#include "../../plugins/ocpp16/profile_shape.c"

static struct capability can;
static struct profile_context context;
static struct bb_schedule_period periods[4];
static struct bb_charging_profile p;

/* A TxDefaultProfile of connector 1 that breaks no rule, at a station that says nothing of its limits. */
static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        can = (struct capability){.profile_level_max = CAPABILITY_UNKNOWN,
                                  .profile_period_max = CAPABILITY_UNKNOWN,
                                  .profile_max = CAPABILITY_UNKNOWN,
                                  .rate_amperes = CAPABILITY_UNKNOWN,
                                  .rate_watts = CAPABILITY_UNKNOWN};
        context = (struct profile_context){.can = &can};
        memset(periods, 0, sizeof(periods));
        periods[0].limit_milli = 16000;
        periods[1] = (struct bb_schedule_period){.start_s = 600, .limit_milli = 6100, .phases = 1};
        p = (struct bb_charging_profile){
                .id = 4,
                .connector_id = 1,
                .stack_level = 2,
                .purpose = BB_PROFILE_TX_DEFAULT,
                .kind = BB_PROFILE_ABSOLUTE,
                .recurs = BB_RECURS_NEVER,
                .schedule = {.start_ms = 1790000000000, .periods = {.items = periods, .count = 2}}};
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static void fine(void)
{
        bb_str path = BB_NONE, fault = profile_fault(&p, &context, &path);

        if (fault.ptr != NULL)
                fail_msg("%.*s: %.*s", BB_FMT(path), BB_FMT(fault));
}

static void wrong_at(const char *expected)
{
        bb_str path = BB_NONE, fault = profile_fault(&p, &context, &path);

        assert_non_null(fault.ptr);
        assert_true(fault.len > 10);
        assert_string_equal(bb_str_c(path), expected);
}

static void purposes_have_their_connectors(void **state)
{
        (void)state;
        fine();
        p.connector_id = 0;
        fine();
        p.purpose = BB_PROFILE_CHARGE_POINT_MAX;
        fine();
        p.connector_id = 1;
        wrong_at("/connector_id");
        p.purpose = BB_PROFILE_TX_DEFAULT;
        p.transaction_id = 9;
        wrong_at("/transaction_id");
}

static void a_tx_profile_needs_its_transaction(void **state)
{
        (void)state;
        p.purpose = BB_PROFILE_TX;
        wrong_at("/connector_id");
        context.transaction_id = 9;
        fine();
        p.transaction_id = 9;
        fine();
        p.transaction_id = 8;
        wrong_at("/transaction_id");
        p.connector_id = 0;
        wrong_at("/connector_id");
}

static void kinds_have_what_they_need(void **state)
{
        (void)state;
        p.recurs = BB_RECURS_DAILY;
        wrong_at("/recurrency_kind");
        p.kind = BB_PROFILE_RECURRING;
        fine();
        p.schedule.start_ms = 0;
        wrong_at("/schedule/start_at");
        p.recurs = BB_RECURS_NEVER;
        wrong_at("/recurrency_kind");
        p.kind = BB_PROFILE_RELATIVE;
        fine();
        p.schedule.start_ms = 1790000000000;
        wrong_at("/schedule/start_at");
        p.schedule.start_ms = 0;
        p.purpose = BB_PROFILE_CHARGE_POINT_MAX;
        p.connector_id = 0;
        wrong_at("/kind");
}

static void periods_begin_at_0_and_rise_in_tenths(void **state)
{
        (void)state;
        periods[0].start_s = 1;
        wrong_at("/schedule/periods/0/start_s");
        periods[0].start_s = 0;
        periods[1].start_s = 0;
        wrong_at("/schedule/periods/1/start_s");
        periods[1].start_s = 600;
        p.schedule.duration_s = 600;
        wrong_at("/schedule/periods/1/start_s");
        p.schedule.duration_s = 601;
        fine();
        periods[1].limit_milli = 6150;
        wrong_at("/schedule/periods/1/limit");
        periods[1].limit_milli = -100;
        wrong_at("/schedule/periods/1/limit");
        periods[1].limit_milli = 0;
        p.schedule.min_rate_milli = 50;
        wrong_at("/schedule/min_rate");
        p.schedule.periods.count = 0;
        wrong_at("/schedule/periods");
}

static void validity_begins_before_it_ends(void **state)
{
        (void)state;
        p.valid_from_ms = 2000;
        fine();
        p.valid_to_ms = 2000;
        wrong_at("/valid_to");
        p.valid_to_ms = 2001;
        fine();
}

static void a_station_s_limits_are_kept(void **state)
{
        (void)state;
        can.profile_level_max = 1;
        wrong_at("/stack_level");
        can.profile_level_max = 2;
        fine();
        can.profile_period_max = 1;
        wrong_at("/schedule/periods");
        can.profile_period_max = 2;
        fine();
        can.rate_amperes = 0;
        can.rate_watts = 1;
        wrong_at("/schedule/unit");
        p.schedule.unit = BB_RATE_WATTS;
        fine();
        can.profile_max = 3;
        context.installed = 2;
        fine();
        context.installed = 3;
        wrong_at("");
}

static void into_ocpp_s_form_and_back(void **state)
{
        struct bb_charging_profile back;
        const struct bb_schedule_period *got;
        struct charging_profile o;

        (void)state;
        p.kind = BB_PROFILE_RECURRING;
        p.recurs = BB_RECURS_WEEKLY;
        p.valid_to_ms = 1790000500000;
        p.schedule.min_rate_milli = 6000;
        p.schedule.duration_s = 900;
        profile_to_ocpp(&p, &o);
        assert_int_equal(((struct schedule_period *)o.schedule.periods.items)[1].limit_deci, 61);
        profile_from_ocpp(&o, &back);
        got = back.schedule.periods.items;
        assert_int_equal(back.schedule.periods.count, 2);
        assert_int_equal(got[1].limit_milli, 6100);
        assert_int_equal(got[1].phases, 1);
        assert_int_equal(got[0].phases, 0);
        p.schedule.periods = back.schedule.periods = (struct bb_array){.items = NULL};
        back.connector_id = p.connector_id; /* OCPP has it beside the profile */
        assert_memory_equal(&back, &p, sizeof(p));
        p.recurs = BB_RECURS_NEVER;
        p.valid_to_ms = p.schedule.start_ms = p.schedule.min_rate_milli = p.schedule.duration_s = 0;
        profile_to_ocpp(&p, &o);
        profile_from_ocpp(&o, &back);
        back.schedule.periods = (struct bb_array){.items = NULL};
        back.connector_id = p.connector_id;
        assert_memory_equal(&back, &p, sizeof(p));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(purposes_have_their_connectors), TEST(a_tx_profile_needs_its_transaction),
                TEST(kinds_have_what_they_need),      TEST(periods_begin_at_0_and_rise_in_tenths),
                TEST(validity_begins_before_it_ends), TEST(a_station_s_limits_are_kept),
                TEST(into_ocpp_s_form_and_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
