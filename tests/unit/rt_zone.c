/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones, against the C library's own reading of the same files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "rt/zone.h"
#include "rt/zone_rule.h"

static int32_t offset_at(const char *name, const char *when)
{
        const bb_zone *zone;
        int64_t ms;

        assert_int_equal(bb_time_parse(bb_cstr(when), &ms), BB_OK);
        assert_int_equal(zone_open(bb_cstr(name), &zone), BB_OK);
        return zone_offset(zone, ms);
}

static void berlin_changes_at_the_right_second(void **state)
{
        (void)state;
        assert_int_equal(offset_at("Europe/Berlin", "2026-03-29T00:59:59.999Z"), 3600);
        assert_int_equal(offset_at("Europe/Berlin", "2026-03-29T01:00:00Z"), 7200);
        assert_int_equal(offset_at("Europe/Berlin", "2026-10-25T00:59:59.999Z"), 7200);
        assert_int_equal(offset_at("Europe/Berlin", "2026-10-25T01:00:00Z"), 3600);
        /* beyond the file's last transition: the footer's rule */
        assert_int_equal(offset_at("Europe/Berlin", "2093-07-01T00:00:00Z"), 7200);
        assert_int_equal(offset_at("Europe/Berlin", "2093-12-01T00:00:00Z"), 3600);
        assert_int_equal(offset_at("UTC", "2026-01-01T00:00:00Z"), 0);
        assert_int_equal(offset_at("Asia/Kathmandu", "2026-01-01T00:00:00Z"), 20700);
}

/* Every third day or so over 200 years, in zones of every kind. */
static void all_agree_with_the_c_library(void **state)
{
        static const char *const names[] = {
                "Europe/Berlin",      "Europe/London",     "Europe/Dublin",    "America/New_York",
                "America/St_Johns",   "America/Santiago",  "Australia/Sydney", "Australia/Lord_Howe",
                "Asia/Tehran",        "Africa/Casablanca", "Pacific/Apia",     "Antarctica/Troll",
                "Pacific/Kiritimati", "Asia/Kolkata",      "America/Nuuk",     "Africa/Cairo"};
        const bb_zone *zone;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(names); i++) {
                assert_int_equal(zone_open(bb_cstr(names[i]), &zone), BB_OK);
                assert_int_equal(setenv("TZ", names[i], 1), 0);
                tzset();
                for (int64_t at = -2208988800; at < 4102444800 + 2000000000; at += 250007) {
                        time_t t = (time_t)at;
                        struct tm tm;

                        assert_non_null(localtime_r(&t, &tm));
                        if (zone_offset(zone, at * 1000) != tm.tm_gmtoff)
                                fail_msg("%s at %lld: %d, not %ld", names[i], (long long)at,
                                         zone_offset(zone, at * 1000), tm.tm_gmtoff);
                }
        }
        unsetenv("TZ");
}

static void names_that_are_none_are_refused(void **state)
{
        static const char *const names[] = {"",
                                            "/etc/passwd",
                                            "../passwd",
                                            "Europe/../../passwd",
                                            "Europe//Berlin",
                                            "Europe/",
                                            "Europe/Atlantis",
                                            "Europe",
                                            "zone.tab",
                                            "a b"};
        const bb_zone *zone;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(names); i++)
                assert_int_equal(zone_open(bb_cstr(names[i]), &zone), BB_E_NOT_FOUND);
}

static void broken_files_and_rules_are_refused(void **state)
{
        static const char *const rules[] = {"",
                                            "CE",
                                            "CET",
                                            "CET-1CEST,",
                                            "CET-1CEST,M3.5.0",
                                            "CET-1CEST,M13.5.0,M10.5.0",
                                            "CET-1CEST,M3.0.0,M10.5.0",
                                            "<+03-3",
                                            "CET-1CEST,J0,J5",
                                            "CET-1 "};
        struct zone_rule rule;
        bb_zone *zone;
        char bytes[200] = "TZif2";

        (void)state;
        for (size_t i = 0; i < BB_COUNT(rules); i++)
                assert_int_equal(zone_rule_parse(bb_cstr(rules[i]), &rule), BB_E_INVALID);
        assert_int_equal(zone_parse(BB_STR("TZif"), &zone), BB_E_INVALID);
        assert_int_equal(zone_parse((bb_str){.ptr = bytes, .len = sizeof(bytes)}, &zone), BB_E_INVALID);
        bytes[35] = 9; /* more transitions than there are bytes */
        assert_int_equal(zone_parse((bb_str){.ptr = bytes, .len = sizeof(bytes)}, &zone), BB_E_INVALID);
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
                cmocka_unit_test(berlin_changes_at_the_right_second),
                cmocka_unit_test(all_agree_with_the_c_library),
                cmocka_unit_test(names_that_are_none_are_refused),
                cmocka_unit_test(broken_files_and_rules_are_refused),
        };

        return cmocka_run_group_tests(tests, start, end);
}
