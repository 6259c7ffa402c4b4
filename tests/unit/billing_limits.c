/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a session goes beyond its limit before somebody looks: in energy, over chargers of every power and meters of
 * every rhythm.
 * test-includes: plugins/billing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../plugins/billing/limit_wait.c"

#define WH 1000 /* mWh */

/* The energy that was charged when the limit was seen to be reached: power is even, and told every `every_ms`. */
static int64_t charged_mwh(int64_t power_w, int64_t every_ms, int64_t limit_mwh)
{
        for (int64_t now = 0;;) {
                int64_t told_ms = now / every_ms * every_ms;
                int64_t told_mwh = power_w * told_ms / 3600;
                struct limit_pace pace = {
                        .left = limit_mwh - told_mwh, .per_hour = power_w * WH, .age_ms = now - told_ms};

                if (told_mwh >= limit_mwh)
                        return power_w * now / 3600;
                now += limit_wait_ms(&pace);
        }
}

static void a_fast_charger_does_not_go_far_beyond(void **state)
{
        static const int64_t powers[] = {3700, 11000, 22000, 50000, 150000, 400000, 1000000};
        static const int64_t rhythms[] = {1000, 5000, 10000, 30000, 60000};

        (void)state;
        for (size_t i = 0; i < sizeof(powers) / sizeof(*powers); i++) {
                for (size_t k = 0; k < sizeof(rhythms) / sizeof(*rhythms); k++) {
                        /* What the meter has not told, and a second. */
                        int64_t bound = powers[i] * (rhythms[k] + 1000) / 3600;

                        for (int64_t limit = 500 * WH; limit < 30000 * WH; limit += 777 * WH) {
                                int64_t beyond = charged_mwh(powers[i], rhythms[k], limit) - limit;

                                assert_true(beyond >= 0);
                                assert_true(beyond <= bound);
                        }
                }
        }
}

static void clocks_are_exact_and_still_things_wait(void **state)
{
        (void)state;
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = 7200123, .per_hour = 3600000, .by_clock = 1}),
                         7200123);
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = -5, .per_hour = 3600000, .by_clock = 1}), 0);
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = 10, .by_clock = 1}), 600000);
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = 10}), 15000);
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = INT64_MAX, .per_hour = 1, .age_ms = -1}), 15000);
}

/* Ten sessions use up ten hours in one: who looks when his own share would be used up comes nine hours late. */
static void what_others_use_up_too_is_looked_at_soon(void **state)
{
        (void)state;
        assert_int_equal(
                limit_wait_ms(&(struct limit_pace){.left = 36000000, .per_hour = 3600000, .by_clock = 1, .shared = 1}),
                15000);
        assert_int_equal(
                limit_wait_ms(&(struct limit_pace){.left = 700, .per_hour = 3600000, .by_clock = 1, .shared = 1}), 700);
}

/* The price of a session of weeks is computed from its every reading. */
static void looking_never_takes_most_of_the_time(void **state)
{
        (void)state;
        for (int64_t took = 0; took < 20000; took += 37) {
                int64_t wait = limit_wait_ms(&(struct limit_pace){.left = 1, .per_hour = 1000000, .took_ms = took});

                assert_true(wait >= 1000);
                assert_true(wait >= 20 * took || wait == 300000);
        }
        assert_int_equal(limit_wait_ms(&(struct limit_pace){.left = 10, .took_ms = 100}), 15000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_fast_charger_does_not_go_far_beyond),
                cmocka_unit_test(clocks_are_exact_and_still_things_wait),
                cmocka_unit_test(what_others_use_up_too_is_looked_at_soon),
                cmocka_unit_test(looking_never_takes_most_of_the_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
