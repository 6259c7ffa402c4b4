/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact decimals, and what samples say about a session as it runs.
 * test-sources: plugins/charging/measure.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../plugins/charging/reading.c"

#define NO INT64_MIN

static void decimals_are_exact(void **state)
{
        static const struct {
                const char *text;
                int32_t scale;
                int64_t value; /* NO: refused */
        } cases[] = {
                {"0", 0, 0},
                {"1234", 0, 1234},
                {"-17", 0, -17},
                {"+5", 0, 5},
                {"12.345", 3, 12345},
                {"12.3454", 3, 12345},
                {"12.3455", 3, 12346},
                {"-12.3455", 3, -12346},
                {"0.1", 3, 100},
                {"0.0004", 3, 0},
                {"0.0005", 3, 1},
                {".5", 0, 1},
                {".4", 0, 0},
                {"7.", 0, 7},
                {"1.5e3", 0, 1500},
                {"1500E-3", 0, 2},
                {"1e-9", 0, 0},
                {"9e-1", 0, 1},
                {"99e-3", 0, 0},
                {" 42\t", 0, 42},
                {"000000000000000000000000000001.5", 1, 15},
                {"0.000000000000000000000000000001", 3, 0},
                {"1000000000000000", 0, 1000000000000000},
                {"1000000000000001", 0, NO},
                {"1000000000000", 4, NO},
                {"1e40", 0, NO},
                {"1e41", 0, NO},
                {"1e99999999999999999999", 0, NO},
                {"99999999999999999999999999999999999999999999999999999999999999999", 0, NO},
                {"", 0, NO},
                {" ", 0, NO},
                {".", 0, NO},
                {"-", 0, NO},
                {"1,5", 0, NO},
                {"1.2.3", 0, NO},
                {"0x10", 0, NO},
                {"1e", 0, NO},
                {"1e+", 0, NO},
                {"12 kWh", 0, NO},
                {"nan", 0, NO},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                int64_t value = NO;
                bb_err err = bb_decimal(bb_cstr(cases[i].text), cases[i].scale, &value);

                if (err != (cases[i].value == NO ? BB_E_INVALID : BB_OK) || value != cases[i].value)
                        fail_msg("\"%s\": %d, %lld", cases[i].text, (int)err, (long long)value);
        }
        assert_int_equal(bb_decimal(BB_NONE, 0, &(int64_t){0}), BB_E_INVALID);
}

static struct bb_sample sample(int64_t at, const char *measurand, const char *unit, const char *phase,
                               const char *value)
{
        return (struct bb_sample){.at_ms = at,
                                  .measurand = bb_cstr(measurand),
                                  .unit = bb_cstr(unit),
                                  .phase = bb_cstr(phase),
                                  .location = BB_STR("Outlet"),
                                  .context = BB_STR("Sample.Periodic"),
                                  .format = BB_STR("Raw"),
                                  .value = bb_cstr(value)};
}
#define REGISTER "Energy.Active.Import.Register"
#define POWER "Power.Active.Import"

static void the_latest_value_counts(void **state)
{
        const struct bb_sample samples[] = {
                sample(2000, REGISTER, "kWh", "", "12.3456"), sample(1000, REGISTER, "Wh", "", "12000"),
                sample(2000, POWER, "kW", "", "7.4"),         sample(2000, "SoC", "Percent", "", "55"),
                sample(3000, "Voltage", "V", "L1", "230"),    sample(3000, REGISTER, "Wh", "", "broken"),
        };
        struct reading r;

        (void)state;
        reading_take(samples, BB_COUNT(samples), &r);
        assert_int_equal(r.register_wh, 12346);
        assert_int_equal(r.register_ms, 2000);
        assert_int_equal(r.power_w, 7400);
        assert_int_equal(r.soc_percent, 55);
        assert_int_equal(r.last_ms, 3000);
}

static void phases_are_summed_when_there_is_no_total(void **state)
{
        struct bb_sample samples[] = {
                sample(1000, POWER, "W", "L1", "1000"),    sample(1000, POWER, "W", "L2", "1100"),
                sample(1000, POWER, "W", "L3-N", "1200"),  sample(1000, POWER, "W", "N", "9"),
                sample(1000, POWER, "W", "L1-L2", "9999"), sample(900, POWER, "W", "", "5"),
        };
        struct reading r;

        (void)state;
        reading_take(samples, BB_COUNT(samples), &r);
        assert_int_equal(r.power_w, 3300);
        samples[5].at_ms = 1000;
        reading_take(samples, BB_COUNT(samples), &r);
        assert_int_equal(r.power_w, 5);
}

static void other_places_and_signed_data_do_not_count(void **state)
{
        struct bb_sample samples[] = {sample(1000, REGISTER, "Wh", "", "1"), sample(2000, REGISTER, "Wh", "", "2"),
                                      sample(3000, REGISTER, "varh", "", "3"),
                                      sample(1000, "SoC", "Percent", "", "80")};
        struct reading r;

        (void)state;
        samples[0].location = BB_STR("Inlet");
        samples[1].format = BB_STR("SignedData");
        samples[3].location = BB_STR("EV");
        reading_take(samples, BB_COUNT(samples), &r);
        assert_true(r.register_wh == READING_NONE);
        assert_true(r.power_w == READING_NONE);
        assert_int_equal(r.soc_percent, 80);
}

static void endless_phases_do_not_overflow(void **state)
{
        static struct bb_sample samples[20000];
        struct reading r;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(samples); i++)
                samples[i] = sample(1, POWER, "W", "L1", "999999999999999");
        reading_take(samples, BB_COUNT(samples), &r);
        assert_true(r.power_w > 0);
}

static void nothing_says_nothing(void **state)
{
        struct reading r;

        (void)state;
        reading_take(NULL, 0, &r);
        assert_true(r.register_wh == READING_NONE && r.power_ms == READING_NONE && r.last_ms == READING_NONE);
}

static void merging_keeps_the_later(void **state)
{
        const struct bb_sample early[] = {sample(1000, REGISTER, "Wh", "", "100"), sample(1000, POWER, "W", "", "50")};
        const struct bb_sample late[] = {sample(2000, REGISTER, "Wh", "", "200")};
        struct reading a, b;

        (void)state;
        reading_take(early, 2, &a);
        reading_take(late, 1, &b);
        reading_merge(&a, &b);
        assert_int_equal(a.register_wh, 200);
        assert_int_equal(a.power_w, 50);
        assert_int_equal(a.last_ms, 2000);
        reading_take(early, 2, &b);
        reading_merge(&a, &b);
        assert_int_equal(a.register_wh, 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decimals_are_exact),
                cmocka_unit_test(the_latest_value_counts),
                cmocka_unit_test(phases_are_summed_when_there_is_no_total),
                cmocka_unit_test(other_places_and_signed_data_do_not_count),
                cmocka_unit_test(endless_phases_do_not_overflow),
                cmocka_unit_test(nothing_says_nothing),
                cmocka_unit_test(merging_keeps_the_later),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
