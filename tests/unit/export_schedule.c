/* SPDX-License-Identifier: Apache-2.0
 *
 * When scheduled reports are due and what they are about: months of all lengths, weeks over the turn of a year, and the
 * days on which clocks are put forward and back.
 * test-sources: plugins/export/schedule.c
 * test-includes: plugins/export
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "rt/zone.h"
#include "schedule.h"
#include <busbar/rt.h>

static struct clockwork clock_of(const char *name)
{
        struct clockwork c = {.offset_s = zone_offset};

        assert_int_equal(zone_open(bb_cstr(name), &c.zone), BB_OK);
        return c;
}

static int64_t at(const char *text)
{
        int64_t ms;

        assert_int_equal(bb_time_parse(bb_cstr(text), &ms), BB_OK);
        return ms;
}

static void is_due(const char *zone, struct timetable t, const char *after, const char *due)
{
        struct clockwork c = clock_of(zone);

        assert_string_equal(bb_time_text(timetable_next(&t, &c, at(after))).ptr, bb_time_text(at(due)).ptr);
}

static void is_about(const char *zone, int32_t every, const char *due, const char *from, const char *to)
{
        struct timetable t = {.every = every, .minute = 360, .day = 1};
        struct clockwork c = clock_of(zone);
        int64_t from_ms, to_ms;

        timetable_period(&t, &c, at(due), &from_ms, &to_ms);
        assert_string_equal(bb_time_text(from_ms).ptr, bb_time_text(at(from)).ptr);
        assert_string_equal(bb_time_text(to_ms).ptr, bb_time_text(at(to)).ptr);
}

static const struct timetable six = {.every = EVERY_DAY, .minute = 360};

static void each_day_at_six_by_the_wall(void **state)
{
        (void)state;
        is_due("Europe/Berlin", six, "2026-01-10T04:59:59Z", "2026-01-10T05:00:00Z");
        is_due("Europe/Berlin", six, "2026-01-10T05:00:00Z", "2026-01-11T05:00:00Z");
        is_due("Europe/Berlin", six, "2026-03-28T12:00:00Z", "2026-03-29T04:00:00Z"); /* the day of 23 hours */
        is_due("Europe/Berlin", six, "2026-10-24T12:00:00Z", "2026-10-25T05:00:00Z"); /* of 25 */
        is_due("Pacific/Kiritimati", six, "2026-01-09T16:00:00Z", "2026-01-10T16:00:00Z");
        is_due("America/Los_Angeles", six, "2026-01-10T13:00:00Z", "2026-01-10T14:00:00Z");
}

static void a_time_that_is_skipped_or_doubled_is_once(void **state)
{
        struct timetable half_past_two = {.every = EVERY_DAY, .minute = 150};

        (void)state;
        is_due("Europe/Berlin", half_past_two, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z");
        is_due("Europe/Berlin", half_past_two, "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z");
        is_due("Europe/Berlin", half_past_two, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
        is_due("Europe/Berlin", half_past_two, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
}

static void weeks_and_months(void **state)
{
        struct timetable friday = {.every = EVERY_WEEK, .minute = 0, .day = 5};
        struct timetable last = {.every = EVERY_MONTH, .minute = 0, .day = 28};

        (void)state;
        is_due("UTC", friday, "2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z");
        is_due("UTC", friday, "2026-12-28T00:00:00Z", "2027-01-01T00:00:00Z");
        is_due("UTC", last, "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z");
        is_due("UTC", last, "2026-12-28T00:00:00Z", "2027-01-28T00:00:00Z");
}

static void the_period_that_is_over(void **state)
{
        (void)state;
        is_about("Europe/Berlin", EVERY_DAY, "2026-03-30T04:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        is_about("Europe/Berlin", EVERY_WEEK, "2027-01-01T05:00:00Z", "2026-12-20T23:00:00Z", "2026-12-27T23:00:00Z");
        is_about("Europe/Berlin", EVERY_MONTH, "2026-04-01T04:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
        is_about("UTC", EVERY_MONTH, "2024-03-01T06:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
        is_about("UTC", EVERY_MONTH, "2100-03-15T06:00:00Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z");
        is_about("UTC", EVERY_MONTH, "2026-01-01T06:00:00Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z");
}

static void months_follow_one_another(void **state)
{
        struct timetable t = {.every = EVERY_MONTH, .minute = 360, .day = 1};
        struct clockwork c = clock_of("Europe/Berlin");
        int64_t due = at("1999-01-15T00:00:00Z"), end = 0, from, to;

        (void)state;
        for (int i = 0; i < 12 * 120; i++) {
                due = timetable_next(&t, &c, due);
                timetable_period(&t, &c, due, &from, &to);
                assert_true(end == 0 || from == end);
                assert_true(to > from && to <= due);
                end = to;
        }
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
        arena_free(arena_current);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_day_at_six_by_the_wall),
                cmocka_unit_test(a_time_that_is_skipped_or_doubled_is_once),
                cmocka_unit_test(weeks_and_months),
                cmocka_unit_test(the_period_that_is_over),
                cmocka_unit_test(months_follow_one_another),
        };

        return cmocka_run_group_tests(tests, start, end);
}
