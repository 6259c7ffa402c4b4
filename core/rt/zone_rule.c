/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule of a TZif footer, parsed and applied.
 */
#include "rt/zone_rule.h"
#include "base/str.h"

static int take(bb_str *s, char c)
{
        if (s->len == 0 || s->ptr[0] != c)
                return 0;
        *s = str_sub(*s, 1, s->len);
        return 1;
}

static bb_err take_name(bb_str *s)
{
        size_t n = 0;

        if (take(s, '<')) {
                ptrdiff_t end = str_find(*s, '>');

                if (end < 3)
                        return BB_E_INVALID;
                *s = str_sub(*s, (size_t)end + 1, s->len);
                return BB_OK;
        }
        while (n < s->len && ((s->ptr[n] | 0x20) >= 'a' && (s->ptr[n] | 0x20) <= 'z'))
                n++;
        *s = str_sub(*s, n, s->len);
        return n >= 3 ? BB_OK : BB_E_INVALID;
}

static bb_err take_number(bb_str *s, int32_t most, int32_t *ret)
{
        int32_t value = 0;
        size_t n = 0;

        while (n < s->len && n < 4 && s->ptr[n] >= '0' && s->ptr[n] <= '9')
                value = value * 10 + (s->ptr[n++] - '0');
        if (n == 0 || value > most)
                return BB_E_INVALID;
        *s = str_sub(*s, n, s->len);
        *ret = value;
        return BB_OK;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bb_err take_time(bb_str *s, int32_t *ret)
{
        int32_t sign = take(s, '-') ? -1 : 1, hours, minutes = 0, seconds = 0;

        if (sign > 0)
                (void)take(s, '+');
        TRY(take_number(s, 167, &hours));
        if (take(s, ':')) {
                TRY(take_number(s, 59, &minutes));
                if (take(s, ':'))
                        TRY(take_number(s, 59, &seconds));
        }
        *ret = sign * (hours * 3600 + minutes * 60 + seconds);
        return BB_OK;
}

static bb_err take_date(bb_str *s, struct zone_date *ret)
{
        if (!take(s, ','))
                return BB_E_INVALID;
        ret->time_s = 7200;
        if (take(s, 'M')) {
                ret->kind = 0;
                TRY(take_number(s, 12, &ret->month));
                if (!take(s, '.'))
                        return BB_E_INVALID;
                TRY(take_number(s, 5, &ret->week));
                if (!take(s, '.'))
                        return BB_E_INVALID;
                TRY(take_number(s, 6, &ret->day));
                if (ret->month < 1 || ret->week < 1)
                        return BB_E_INVALID;
        } else {
                ret->kind = take(s, 'J') ? 1 : 2;
                TRY(take_number(s, 365, &ret->day));
                if (ret->kind == 1 && ret->day < 1)
                        return BB_E_INVALID;
        }
        return take(s, '/') ? take_time(s, &ret->time_s) : BB_OK;
}

bb_err zone_rule_parse(bb_str s, struct zone_rule *ret)
{
        struct zone_rule rule = {.has_summer = 0};
        int32_t west;

        TRY(take_name(&s));
        TRY(take_time(&s, &west));
        rule.standard = -west;
        if (s.len > 0) {
                TRY(take_name(&s));
                rule.has_summer = 1;
                rule.summer = rule.standard + 3600;
                if (s.len > 0 && s.ptr[0] != ',') {
                        TRY(take_time(&s, &west));
                        rule.summer = -west;
                }
                TRY(take_date(&s, &rule.from));
                TRY(take_date(&s, &rule.to));
        }
        if (s.len > 0)
                return BB_E_INVALID;
        *ret = rule;
        return BB_OK;
}

static int leap(int64_t year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_from_date(int64_t year, int32_t month, int32_t day)
{
        int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
        int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

        return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int64_t year_of(int64_t days)
{
        int64_t year = 1970 + days / 366;

        while (days_from_date(year + 1, 1, 1) <= days)
                year++;
        while (days_from_date(year, 1, 1) > days)
                year--;
        return year;
}

/* Local seconds since 1970 of a rule's date in a year. */
static int64_t local_of(const struct zone_date *d, int64_t year)
{
        static const int32_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int64_t day = days_from_date(year, 1, 1), weekday;
        int32_t length;

        if (d->kind == 1)
                return (day + d->day - 1 + (leap(year) && d->day >= 60)) * 86400 + d->time_s;
        if (d->kind == 2)
                return (day + d->day) * 86400 + d->time_s;
        day = days_from_date(year, d->month, 1);
        weekday = ((day + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        length = month_days[d->month - 1] + (d->month == 2 && leap(year));
        int64_t in_month = (d->day - weekday + 7) % 7 + (d->week - 1) * 7;

        while (in_month >= length) /* week 5 is the last one */
                in_month -= 7;
        return (day + in_month) * 86400 + d->time_s;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at_s)
{
        int64_t local, year, from, to;

        if (!rule->has_summer)
                return rule->standard;
        local = at_s + rule->standard;
        year = year_of(local >= 0 ? local / 86400 : -((86399 - local) / 86400));
        from = local_of(&rule->from, year) - rule->standard;
        to = local_of(&rule->to, year) - rule->summer;
        if (from < to)
                return at_s >= from && at_s < to ? rule->summer : rule->standard;
        return at_s >= from || at_s < to ? rule->summer : rule->standard; /* south of the equator */
}
