/* SPDX-License-Identifier: Apache-2.0
 *
 * What samples and states say was used, from meters as they are in the field.
 * test-sources: plugins/charging/measure.c
 * test-includes: plugins/billing plugins/charging
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"

#include "../../plugins/billing/usage.c"
#include "../../plugins/charging/reading.h"

static const struct bb_charging_ops ops = {.measures_begin = measure_begin, .sample_take = measure_take};
const struct bb_charging_ops *charging = &ops;

#define BEGIN 1793700000000LL
#define MINUTE 60000LL

static int begin(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static struct bb_sample told(int64_t minute, const char *measurand, const char *unit, const char *phase,
                             const char *value)
{
        return (struct bb_sample){.at_ms = BEGIN + minute * MINUTE,
                                  .measurand = bb_cstr(measurand),
                                  .unit = bb_cstr(unit),
                                  .phase = bb_cstr(phase),
                                  .location = BB_STR("Outlet"),
                                  .format = BB_STR("Raw"),
                                  .value = bb_cstr(value)};
}
#define REGISTER(minute, value) told(minute, "Energy.Active.Import.Register", "Wh", "", value)

struct expected {
        int64_t from, to, wh; /* minutes */
        int32_t state;
};

static void check(const struct bb_sample *samples, size_t sample_count, const struct usage_state *states,
                  size_t state_count, int64_t stop_wh, const struct expected *expected, size_t count, uint32_t oddities)
{
        struct usage u = {.started_ms = BEGIN,
                          .ended_ms = BEGIN + 60 * MINUTE,
                          .meter_start_wh = 1000,
                          .meter_stop_wh = stop_wh,
                          .has_stop = stop_wh >= 0,
                          .samples = samples,
                          .sample_count = sample_count,
                          .states = states,
                          .state_count = state_count};
        struct price_period *got;
        size_t got_count;
        uint32_t got_oddities;

        assert_int_equal(usage_stretches(&u, &got, &got_count, &got_oddities), BB_OK);
        for (size_t i = 0; i < got_count && i < count; i++) {
                assert_int_equal((got[i].start_ms - BEGIN) / MINUTE, expected[i].from);
                assert_int_equal((got[i].end_ms - BEGIN) / MINUTE, expected[i].to);
                assert_int_equal(got[i].energy_mwh, expected[i].wh * 1000);
                assert_int_equal(got[i].state, expected[i].state);
        }
        assert_int_equal(got_count, count);
        assert_int_equal(got_oddities, oddities);
}
#define CHECK(samples, states, stop, oddities, ...)                                                                    \
        check(samples, BB_COUNT(samples), states, BB_COUNT(states), stop, (const struct expected[]){__VA_ARGS__},      \
              BB_COUNT(((const struct expected[]){__VA_ARGS__})), oddities)

static const struct usage_state no_states[1] = {{.at_ms = BEGIN - MINUTE, .status = BB_CONNECTOR_CHARGING}};

static void the_register_tells_the_course(void **state)
{
        const struct bb_sample samples[] = {REGISTER(15, "3000"), REGISTER(30, "9000"), REGISTER(45, "9000")};

        (void)state;
        CHECK(samples, no_states, 10000, 0, {0, 15, 2000, 0}, {15, 30, 6000, 0}, {30, 45, 0, 0}, {45, 60, 1000, 0});
}

static void without_samples_all_is_even(void **state)
{
        const struct bb_sample samples[] = {told(10, "Temperature", "Celsius", "", "20")};

        (void)state;
        CHECK(samples, no_states, 10000, USAGE_ESTIMATED, {0, 60, 9000, 0});
}

static void units_and_phases_are_understood(void **state)
{
        const struct bb_sample samples[] = {told(15, "Energy.Active.Import.Register", "kWh", "", "3.0"),
                                            told(30, "Energy.Active.Import.Register", "Wh", "L1", "2000"),
                                            told(30, "Energy.Active.Import.Register", "Wh", "L2", "2000.5"),
                                            told(30, "Energy.Active.Import.Register", "Wh", "L3", "1999.5"),
                                            told(40, "Energy.Active.Import.Register", "Wh", "", "nonsense")};

        (void)state;
        CHECK(samples, no_states, 10000, 0, {0, 15, 2000, 0}, {15, 30, 3000, 0}, {30, 60, 4000, 0});
}

static void a_meter_that_runs_back_or_away_is_passed_over(void **state)
{
        const struct bb_sample back[] = {REGISTER(15, "3000"), REGISTER(30, "0"), REGISTER(45, "6000")};
        const struct bb_sample away[] = {REGISTER(15, "3000"), REGISTER(30, "99999999"), REGISTER(45, "6000")};
        const struct bb_sample outside[] = {REGISTER(-5, "900"), REGISTER(30, "3000"), REGISTER(61, "11000")};

        (void)state;
        CHECK(back, no_states, 10000, USAGE_BACKWARDS, {0, 15, 2000, 0}, {15, 45, 3000, 0}, {45, 60, 4000, 0});
        CHECK(away, no_states, 10000, USAGE_BEYOND, {0, 15, 2000, 0}, {15, 45, 3000, 0}, {45, 60, 4000, 0});
        CHECK(outside, no_states, 10000, USAGE_OUTSIDE, {0, 30, 2000, 0}, {30, 60, 7000, 0});
}

static void a_stop_below_the_start_costs_nothing(void **state)
{
        const struct bb_sample samples[] = {REGISTER(30, "500")};

        (void)state;
        CHECK(samples, no_states, 400, USAGE_NEGATIVE | USAGE_BACKWARDS, {0, 60, 0, 0});
}

static void parking_is_when_the_vehicle_asks_for_nothing(void **state)
{
        const struct bb_sample samples[] = {REGISTER(30, "10000"), REGISTER(60, "10000")};
        const struct usage_state states[] = {{.at_ms = BEGIN - MINUTE, .status = BB_CONNECTOR_CHARGING},
                                             {.at_ms = BEGIN + 10 * MINUTE, .status = BB_CONNECTOR_SUSPENDED_EVSE},
                                             {.at_ms = BEGIN + 20 * MINUTE, .status = BB_CONNECTOR_CHARGING},
                                             {.at_ms = BEGIN + 40 * MINUTE, .status = BB_CONNECTOR_SUSPENDED_EV}};

        (void)state;
        CHECK(samples, states, 10000, 0, {0, 10, 3000, 0}, {10, 20, 3000, 0}, {20, 30, 3000, 0}, {30, 40, 0, 0},
              {40, 60, 0, 1});
}

static void intervals_or_currents_give_the_shape(void **state)
{
        const struct bb_sample intervals[] = {told(30, "Energy.Active.Import.Interval", "Wh", "", "600"),
                                              told(60, "Energy.Active.Import.Interval", "Wh", "", "200")};
        const struct bb_sample currents[] = {
                told(0, "Current.Import", "A", "L1", "16"),  told(0, "Current.Import", "A", "L2", "16"),
                told(30, "Current.Import", "A", "L1", "16"), told(30, "Current.Import", "A", "L2", "16"),
                told(60, "Current.Import", "A", "L1", "0"),  told(60, "Current.Import", "A", "L2", "0")};

        (void)state;
        CHECK(intervals, no_states, 1800, USAGE_ESTIMATED, {0, 30, 600, 0}, {30, 60, 200, 0});
        CHECK(currents, no_states, 1900, USAGE_ESTIMATED, {0, 30, 600, 0}, {30, 60, 300, 0});
}

/* A meter of ten thousand times what the earth consumes: absurd, and no number wraps. */
static void absurd_values_do_not_wrap(void **state)
{
        const struct bb_sample powers[] = {told(0, "Power.Active.Import", "W", "", "999999999999999"),
                                           told(30, "Power.Active.Import", "W", "", "999999999999999"),
                                           told(60, "Power.Active.Import", "W", "", "999999999999999")};

        (void)state;
        CHECK(powers, no_states, 1000000000000000, USAGE_ESTIMATED, {0, 30, 499999999999500, 0},
              {30, 60, 499999999999500, 0});
}

static void while_it_runs_the_latest_register_counts(void **state)
{
        const struct bb_sample samples[] = {REGISTER(15, "3000")};

        (void)state;
        CHECK(samples, no_states, -1, 0, {0, 15, 2000, 0}, {15, 60, 0, 0});
}

/* Whatever the samples are, the energy is the register's last value less its first. */
static void nothing_is_lost_and_nothing_made_up(void **state)
{
        uint64_t chance = 7;

        (void)state;
        for (int i = 0; i < 2000; i++) {
                struct bb_sample samples[20];
                struct usage_state states[5];
                struct usage u = {.started_ms = BEGIN,
                                  .ended_ms = BEGIN + 60 * MINUTE,
                                  .meter_start_wh = 1000,
                                  .has_stop = 1,
                                  .samples = samples,
                                  .states = states};
                struct price_period *got;
                uint32_t oddities;
                int64_t sum = 0, at = BEGIN;
                size_t count;

                for (size_t k = 0; k < BB_COUNT(samples); k++) {
                        chance = chance * 6364136223846793005u + 1442695040888963407u;
                        samples[k] = REGISTER((int64_t)(k * 3) + (int64_t)(chance >> 62),
                                              bb_print("%d", (int)(chance >> 40) % 20000).ptr);
                }
                for (size_t k = 0; k < BB_COUNT(states); k++)
                        states[k] = (struct usage_state){.at_ms = BEGIN + (int64_t)(k * 11 + (chance >> 59)) * MINUTE,
                                                         .status = (int32_t)((chance >> (5 * k)) % 10)};
                u.meter_stop_wh = 1000 + (int64_t)(chance >> 50);
                u.sample_count = BB_COUNT(samples);
                u.state_count = BB_COUNT(states);
                assert_int_equal(usage_stretches(&u, &got, &count, &oddities), BB_OK);
                for (size_t k = 0; k < count; k++) {
                        assert_int_equal(got[k].start_ms, at);
                        assert_true(got[k].energy_mwh >= 0);
                        at = got[k].end_ms;
                        sum += got[k].energy_mwh;
                }
                assert_int_equal(at, u.ended_ms);
                assert_int_equal(sum, (u.meter_stop_wh - 1000) * 1000);
                arena_reset(arena_current);
        }
}

/* What has run up by the end is what the end says: with the last register of a session that is still open. */
static void at_the_end_it_has_run_up_to_what_the_stop_tells(void **state)
{
        uint64_t chance = 99;

        (void)state;
        for (int i = 0; i < 500; i++) {
                struct bb_sample samples[6];
                struct usage_state states[2];
                struct usage u = {.started_ms = BEGIN,
                                  .ended_ms = BEGIN + 60 * MINUTE,
                                  .meter_start_wh = 1000,
                                  .samples = samples,
                                  .sample_count = BB_COUNT(samples),
                                  .states = states,
                                  .state_count = BB_COUNT(states)};
                struct price_period *open, *ended;
                size_t open_count, ended_count;
                uint32_t oddities;
                int wh = 1000;

                for (size_t k = 0; k < BB_COUNT(samples); k++) {
                        chance = chance * 6364136223846793005u + 1442695040888963407u;
                        wh += (int)(chance >> 40) % 3000;
                        samples[k] = REGISTER((int64_t)(12 * k), bb_print("%d", wh).ptr);
                }
                for (size_t k = 0; k < BB_COUNT(states); k++)
                        states[k] = (struct usage_state){.at_ms = BEGIN + (int64_t)(29 * k + (chance >> 60)) * MINUTE,
                                                         .status = (int32_t)((chance >> (5 * k)) % 10)};
                assert_int_equal(usage_stretches(&u, &open, &open_count, &oddities), BB_OK);
                u.has_stop = 1;
                u.meter_stop_wh = wh;
                assert_int_equal(usage_stretches(&u, &ended, &ended_count, &oddities), BB_OK);
                assert_int_equal(open_count, ended_count);
                for (size_t k = 0; k < open_count; k++) {
                        assert_int_equal(open[k].start_ms, ended[k].start_ms);
                        assert_int_equal(open[k].energy_mwh, ended[k].energy_mwh);
                        assert_int_equal(open[k].state, ended[k].state);
                }
                arena_reset(arena_current);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_register_tells_the_course),
                cmocka_unit_test(without_samples_all_is_even),
                cmocka_unit_test(units_and_phases_are_understood),
                cmocka_unit_test(a_meter_that_runs_back_or_away_is_passed_over),
                cmocka_unit_test(a_stop_below_the_start_costs_nothing),
                cmocka_unit_test(parking_is_when_the_vehicle_asks_for_nothing),
                cmocka_unit_test(intervals_or_currents_give_the_shape),
                cmocka_unit_test(absurd_values_do_not_wrap),
                cmocka_unit_test(while_it_runs_the_latest_register_counts),
                cmocka_unit_test(nothing_is_lost_and_nothing_made_up),
                cmocka_unit_test(at_the_end_it_has_run_up_to_what_the_stop_tells),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
