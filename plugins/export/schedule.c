/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar of scheduled reports.
 */
#include "schedule.h"

#define DAY_MS 86400000LL

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

/* Days since 1970 of the first of a month that is counted from January of the year 0 (proleptic Gregorian). */
static int64_t month_start(int64_t months)
{
        int64_t year = floor_div(months, 12), month = months - 12 * year;
        static const int16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int64_t y = year - 1;

        return 365 * year + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) + 1 + before[month] +
               (leap && month > 1) - 719528;
}

static int64_t month_of(int64_t day)
{
        int64_t months = floor_div(day * 400, 146097) * 12 + 12 * 1970; /* the year at most one off */

        while (month_start(months) > day)
                months--;
        while (month_start(months + 1) <= day)
                months++;
        return months;
}

static int64_t monday_of(int64_t day)
{
        return day - (day + 3 - 7 * floor_div(day + 3, 7)); /* 1970 began on a Thursday */
}

static int64_t day_at(const struct clockwork *c, int64_t at_ms)
{
        return floor_div(at_ms + 1000LL * c->offset_s(c->zone, at_ms), DAY_MS);
}

static int64_t instant(const struct clockwork *c, int64_t day, int32_t minute)
{
        int64_t wall_ms = day * DAY_MS + minute * 60000LL;
        int32_t before_s = c->offset_s(c->zone, wall_ms - DAY_MS), after_s = c->offset_s(c->zone, wall_ms + DAY_MS);
        int64_t by_before_ms = wall_ms - 1000LL * before_s, by_after_ms = wall_ms - 1000LL * after_s;

        if (c->offset_s(c->zone, by_before_ms) == before_s)
                return by_before_ms;
        return c->offset_s(c->zone, by_after_ms) == after_s ? by_after_ms : by_before_ms;
}

static int64_t day_due(const struct timetable *t, int64_t day, int64_t step)
{
        switch (t->every) {
        case EVERY_WEEK:
                return monday_of(day) + t->day - 1 + 7 * step;
        case EVERY_MONTH:
                return month_start(month_of(day) + step) + t->day - 1;
        default:
                return day + step;
        }
}

int64_t timetable_next(const struct timetable *t, const struct clockwork *c, int64_t after_ms)
{
        int64_t day = day_at(c, after_ms), due_ms;

        for (int64_t step = 0;; step++) {
                due_ms = instant(c, day_due(t, day, step), t->minute);
                if (due_ms > after_ms)
                        return due_ms;
        }
}

void timetable_period(const struct timetable *t, const struct clockwork *c, int64_t due_ms, int64_t *ret_from_ms,
                      int64_t *ret_to_ms)
{
        int64_t day = day_at(c, due_ms), from = day - 1, to = day;

        if (t->every == EVERY_WEEK) {
                to = monday_of(day);
                from = to - 7;
        }
        if (t->every == EVERY_MONTH) {
                to = month_start(month_of(day));
                from = month_start(month_of(day) - 1);
        }
        *ret_from_ms = instant(c, from, 0);
        *ret_to_ms = instant(c, to, 0);
}
