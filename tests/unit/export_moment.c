/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of exports: the remembered offsets are the zone's, everywhere and always; dates and numbers as the C library
 * has them. test-includes: plugins/export test-libs: libexporttable.la
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "digits.h"
#include "moment.h"
#include "rt/zone.h"

#define EPOCH_S 946684800LL

static uint64_t chance_state = 4711;

static int64_t chance(int64_t below)
{
        chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
        return (int64_t)((chance_state >> 20) % (uint64_t)below);
}

static void compare(struct moments *m, const char *name, int64_t second)
{
        struct moment moment = moment_of(m, (second - EPOCH_S) * 1000000 + 7);
        int32_t offset_s = zone_offset(m->zone, second * 1000);

        if (moment.offset_s != offset_s || moment.day * 86400 + moment.second != second + offset_s ||
            moment.second < 0 || moment.second >= 86400 || moment.micros != 7)
                fail_msg("%s at %" PRId64 ": %d, not %d", name, second, moment.offset_s, offset_s);
}

/* The first second after `low` at which the offset is no longer `before`. */
static int64_t change_between(const bb_zone *zone, int64_t low, int64_t high, int32_t before)
{
        while (high - low > 1) {
                int64_t middle = low + (high - low) / 2;

                if (zone_offset(zone, middle * 1000) == before)
                        low = middle;
                else
                        high = middle;
        }
        return high;
}

/* Around every change of the offset between 1880 and 2060, and anywhere. */
static void check_zone(const char *name)
{
        struct table_spec spec = {.offset_s = zone_offset};
        static struct moments m;
        int64_t step = 6 * 3600, from = -2840140800;
        int32_t before;

        assert_int_equal(zone_open(bb_cstr(name), &spec.zone), BB_OK);
        moments_init(&m, &spec);
        before = zone_offset(spec.zone, from * 1000);
        for (int64_t at = from; at < 2840140800; at += step) {
                int32_t offset_s = zone_offset(spec.zone, at * 1000);
                int64_t change = offset_s != before ? change_between(spec.zone, at - step, at, before) : at;

                for (int64_t near = -37 * 1081 - 1; offset_s != before && near <= 40000;
                     near += near == -1 || near == 0 ? 1 : 1081)
                        compare(&m, name, change + near);
                before = offset_s;
        }
        for (int32_t i = 0; i < 2000; i++)
                compare(&m, name, chance(5680281600) - 2840140800);
}

static void every_zone_agrees_with_itself(void **state)
{
        FILE *f = fopen("/usr/share/zoneinfo/tzdata.zi", "re");
        char line[200], name[100];
        int32_t zones = 0;

        (void)state;
        if (f == NULL)
                skip();
        while (fgets(line, sizeof(line), f) != NULL)
                if (sscanf(line, "Z %99s", name) == 1) {
                        check_zone(name);
                        zones++;
                }
        fclose(f);
        assert_true(zones > 300);
}

static void dates_are_as_the_c_library_has_them(void **state)
{
        struct table_spec spec = {.offset_s = zone_offset};
        static struct moments m;
        char text[64], expected[64];

        (void)state;
        assert_int_equal(zone_open(BB_STR("UTC"), &spec.zone), BB_OK);
        moments_init(&m, &spec);
        for (int64_t day = -719528; day < 2932897 + 400000; day += 1 + chance(40)) { /* from the year 0 */
                time_t seconds = (time_t)(day * 86400 + chance(86400));
                struct tm tm;

                assert_non_null(gmtime_r(&seconds, &tm));
                snprintf(expected, sizeof(expected), "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
                *put_moment(text, &m, ((int64_t)seconds - EPOCH_S) * 1000000) = '\0';
                assert_string_equal(text, expected);
                assert_int_equal(moment_month(&m, day), (tm.tm_year + 1900) * 12 + tm.tm_mon);
        }
}

static void numbers_are_as_printf_has_them(void **state)
{
        static const int64_t hard[] = {0,  1,     9,     10,        99,        100,     999,      1000,        9999,
                                       -1, -9999, 10000, INT64_MAX, INT64_MIN, -999999, -1000000, 100000000000};
        char text[PUT_MOST + 1], expected[64];

        (void)state;
        for (size_t i = 0; i < 200000; i++) {
                int64_t v = i < BB_COUNT(hard) ? hard[i] : (int64_t)((uint64_t)chance(INT64_MAX) >> chance(63));
                uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;

                snprintf(expected, sizeof(expected), "%" PRId64, v);
                *put_signed(text, v) = '\0';
                assert_string_equal(text, expected);
                snprintf(expected, sizeof(expected), "%s%" PRIu64 ",%04" PRIu64, v < 0 ? "-" : "", size / 10000,
                         size % 10000);
                *put_decimal(text, v, 10000, 4, ',') = '\0';
                assert_string_equal(text, expected);
        }
        *put_duration(text, -1999) = '\0';
        assert_string_equal(text, "-0:00:01");
        *put_duration(text, 360000000) = '\0';
        assert_string_equal(text, "100:00:00");
}

static int start(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}

static int end(void **state)
{
        (void)state;
        zone_close_all();
        arena_free(arena_current);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_zone_agrees_with_itself),
                cmocka_unit_test(dates_are_as_the_c_library_has_them),
                cmocka_unit_test(numbers_are_as_printf_has_them),
        };

        return cmocka_run_group_tests(tests, start, end);
}
