/* SPDX-License-Identifier: Apache-2.0
 *
 * What charging profiles come to (OCPP 1.6 §3.13): purposes, stack levels, validity, recurrence, the lower one of both;
 * and how that is compared with what a station says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"

#include <stdio.h>

#include "../../plugins/ocpp16/composite.c"

#define NOW 1790000000000LL /* some whole second */
#define HOUR 3600

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

/* "0:16 3600:32/1" to periods: start, limit in amperes or watts ('-': none), phases. */
static struct bb_array periods_of(const char *text)
{
        struct bb_schedule_period *items = BB_NEW_ARRAY(struct bb_schedule_period, 32);
        size_t count = 0;

        while (*text != '\0') {
                char *end;

                items[count].start_s = strtol(text, &end, 10);
                text = end + 1;
                items[count].limit_milli = *text == '-' ? BB_NO_LIMIT : (int64_t)(strtod(text, &end) * 1000);
                text = *text == '-' ? text + 1 : end;
                if (*text == '/')
                        items[count].phases = strtol(text + 1, (char **)(uintptr_t)&text, 10);
                count++;
                while (*text == ' ')
                        text++;
        }
        return (struct bb_array){.items = items, .count = count};
}

static struct bb_charging_profile profile(int32_t purpose, int64_t level, const char *periods)
{
        return (struct bb_charging_profile){.purpose = purpose,
                                            .stack_level = level,
                                            .kind = BB_PROFILE_ABSOLUTE,
                                            .recurs = BB_RECURS_NEVER,
                                            .state = BB_PROFILE_SET,
                                            .set_ms = NOW,
                                            .schedule = {.start_ms = NOW, .periods = periods_of(periods)}};
}

static struct bb_charging_profile default_on(int64_t connector, int64_t level, const char *periods)
{
        struct bb_charging_profile p = profile(BB_PROFILE_TX_DEFAULT, level, periods);

        p.connector_id = connector;
        return p;
}

static struct bb_charging_profile of_transaction(int64_t transaction, int64_t level, const char *periods)
{
        struct bb_charging_profile p = profile(BB_PROFILE_TX, level, periods);

        p.connector_id = 1;
        p.transaction_id = transaction;
        return p;
}

/* On connector 1, where transaction 7 has run for ten minutes, for four hours. */
static struct composite_input input(const struct bb_charging_profile *profiles, size_t count)
{
        return (struct composite_input){.profiles = profiles,
                                        .count = count,
                                        .connector_id = 1,
                                        .transaction_id = 7,
                                        .transaction_ms = NOW - 600000,
                                        .from_ms = NOW,
                                        .duration_s = 4 * HOUR};
}

static void comes_to(const struct composite_input *in, const char *expected)
{
        char got[512] = "";
        const struct bb_schedule_period *p;
        struct bb_composite c;

        composite_compute(in, &c);
        p = c.periods.items;
        for (size_t i = 0; i < c.periods.count; i++) {
                size_t at = strlen(got);

                snprintf(got + at, sizeof(got) - at, "%s%lld:", i > 0 ? " " : "", (long long)p[i].start_s);
                at = strlen(got);
                if (p[i].limit_milli == BB_NO_LIMIT)
                        snprintf(got + at, sizeof(got) - at, "-");
                else
                        snprintf(got + at, sizeof(got) - at, "%g", (double)p[i].limit_milli / 1000);
                at = strlen(got);
                if (p[i].phases > 0)
                        snprintf(got + at, sizeof(got) - at, "/%lld", (long long)p[i].phases);
        }
        assert_string_equal(got, expected);
}
#define COMES_TO(expected, ...)                                                                                        \
        do {                                                                                                           \
                const struct bb_charging_profile all_[] = {__VA_ARGS__};                                               \
                struct composite_input in_ = input(all_, BB_COUNT(all_));                                              \
                comes_to(&in_, expected);                                                                              \
        } while (0)

static void without_profiles_there_is_no_limit(void **state)
{
        struct composite_input in = input(NULL, 0);

        (void)state;
        comes_to(&in, "0:-");
}

static void the_highest_stack_level_that_says_something_counts(void **state)
{
        struct bb_charging_profile low = default_on(0, 0, "0:16"), high = default_on(0, 3, "0:10 3600:20");

        (void)state;
        COMES_TO("0:10 3600:20", low, high);
        high.schedule.duration_s = 2 * HOUR;
        COMES_TO("0:10 3600:20 7200:16", low, high);
        high.schedule.start_ms = NOW + 1800000;
        COMES_TO("0:16 1800:10 5400:20 9000:16", high, low);
        high.valid_to_ms = NOW + 3600000;
        COMES_TO("0:16 1800:10 3600:16", low, high);
        high.valid_from_ms = NOW + 2400000;
        COMES_TO("0:16 2400:10 3600:16", low, high);
}

static void that_of_the_transaction_overrules_the_default_and_that_of_the_connector_the_one_of_all(void **state)
{
        struct bb_charging_profile all = default_on(0, 9, "0:32"), one = default_on(1, 0, "0:20");
        struct bb_charging_profile tx = of_transaction(7, 0, "0:6"), other = of_transaction(8, 5, "0:1");

        (void)state;
        COMES_TO("0:20", all, one);
        COMES_TO("0:6", all, one, tx, other);
        tx.schedule.duration_s = HOUR;
        COMES_TO("0:6 3600:20", tx, one, all);
        one.connector_id = 2;
        COMES_TO("0:6 3600:32", tx, one, all);
}

static void the_lower_one_of_station_and_transaction_counts(void **state)
{
        struct bb_charging_profile max = profile(BB_PROFILE_CHARGE_POINT_MAX, 0, "0:16 3600:8 7200:63");
        struct bb_charging_profile tx = of_transaction(7, 0, "0:10 5400:32/1");
        struct composite_input in;

        (void)state;
        COMES_TO("0:10 3600:8 7200:32/1", max, tx);
        COMES_TO("0:16 3600:8 7200:63", max);
        in = input(&max, 1);
        in.connector_id = 0;
        comes_to(&in, "0:16 3600:8 7200:63");
        in = input(&tx, 1);
        in.connector_id = 0;
        comes_to(&in, "0:-");
}

static void relative_ones_begin_with_the_transaction(void **state)
{
        struct bb_charging_profile p = default_on(0, 0, "0:32 1800:16");
        struct composite_input in;

        (void)state;
        p.kind = BB_PROFILE_RELATIVE;
        p.schedule.start_ms = 0;
        COMES_TO("0:32 1200:16", p);
        in = input(&p, 1);
        in.transaction_id = 0; /* one would begin now */
        comes_to(&in, "0:32 1800:16");
        p.kind = BB_PROFILE_ABSOLUTE; /* §7.13: without a start the same */
        COMES_TO("0:32 1200:16", p);
}

static void recurring_ones_come_back(void **state)
{
        struct bb_charging_profile p = default_on(0, 0, "0:6 3600:20");
        struct composite_input in;

        (void)state;
        p.kind = BB_PROFILE_RECURRING;
        p.recurs = BB_RECURS_DAILY;
        p.schedule.start_ms = NOW - 10LL * DAY_S * 1000 + 1800000; /* each day half an hour from now */
        COMES_TO("0:20 1800:6 5400:20", p);
        in = input(&p, 1);
        in.duration_s = 2 * DAY_S;
        comes_to(&in, "0:20 1800:6 5400:20 88200:6 91800:20");
        p.schedule.duration_s = 2 * HOUR;
        COMES_TO("0:- 1800:6 5400:20 9000:-", p);
        p.schedule.start_ms = NOW + 7200000; /* not yet begun */
        COMES_TO("0:- 7200:6 10800:20", p);
        p.schedule.start_ms = NOW - 7LL * DAY_S * 1000 - 1800000;
        p.recurs = BB_RECURS_WEEKLY;
        COMES_TO("0:6 1800:20 5400:-", p);
}

static void units_are_put_together_at_230_volts(void **state)
{
        struct bb_charging_profile watts = of_transaction(7, 0, "0:11040 3600:2300/1");
        struct bb_charging_profile max = profile(BB_PROFILE_CHARGE_POINT_MAX, 0, "0:12");
        struct composite_input in;

        (void)state;
        watts.schedule.unit = BB_RATE_WATTS;
        COMES_TO("0:12 3600:10/1", watts, max);
        in = input(&watts, 1);
        in.unit = BB_RATE_WATTS;
        comes_to(&in, "0:11040 3600:2300/1");
        in = input(&max, 1);
        in.unit = BB_RATE_WATTS;
        comes_to(&in, "0:8280");
}

static void one_that_the_station_has_not_confirmed_does_not_count(void **state)
{
        struct bb_charging_profile p = default_on(0, 0, "0:16");

        (void)state;
        p.state = BB_PROFILE_UNCONFIRMED;
        COMES_TO("0:-", p);
}

static struct bb_composite_report compared(const char *ours, const char *theirs, int64_t later_s)
{
        struct bb_composite_report r = {
                .computed = {.from_ms = NOW, .duration_s = HOUR, .periods = periods_of(ours)},
                .told = {.from_ms = NOW + later_s * 1000, .duration_s = HOUR, .periods = periods_of(theirs)}};

        composite_compare(&r);
        return r;
}

static void a_station_that_agrees_limits_further_or_gives_too_much(void **state)
{
        struct bb_composite_report r;

        (void)state;
        assert_int_equal(compared("0:16", "0:16", 0).verdict, BB_COMPOSITE_SAME);
        assert_int_equal(compared("0:16 600:8", "0:16 598:8", 2).verdict, BB_COMPOSITE_SAME);
        assert_int_equal(compared("0:16 600:8", "0:16 600:8", 1).verdict,
                         BB_COMPOSITE_SAME); /* a second is the clocks' */
        assert_int_equal(compared("0:16.04", "0:16", 0).verdict, BB_COMPOSITE_SAME);
        assert_int_equal(compared("0:-", "0:32", 0).verdict, BB_COMPOSITE_SAME);
        assert_int_equal(compared("0:16", "0:16 1800:10", 0).verdict, BB_COMPOSITE_LOWER);
        assert_int_equal(compared("0:16", "0:-", 0).verdict, BB_COMPOSITE_HIGHER);
        r = compared("0:16 600:8", "0:10 1200:12", 0);
        assert_int_equal(r.verdict, BB_COMPOSITE_HIGHER);
        assert_int_equal(r.differs_ms, NOW + 600000);
        assert_int_equal(r.computed_milli, 8000);
        assert_int_equal(r.told_milli, 10000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(without_profiles_there_is_no_limit),
                TEST(the_highest_stack_level_that_says_something_counts),
                TEST(that_of_the_transaction_overrules_the_default_and_that_of_the_connector_the_one_of_all),
                TEST(the_lower_one_of_station_and_transaction_counts),
                TEST(relative_ones_begin_with_the_transaction),
                TEST(recurring_ones_come_back),
                TEST(units_are_put_together_at_230_volts),
                TEST(one_that_the_station_has_not_confirmed_does_not_count),
                TEST(a_station_that_agrees_limits_further_or_gives_too_much),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
