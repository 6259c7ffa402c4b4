/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks, and RFC 3339 by our own arithmetic: strptime and timegm know neither fractions nor offsets, and are slow.
 */
#include "base/time.h"
#include "base/str.h"
#include <stdlib.h>
#include <time.h>

enum { DAY_MS = 86400000 };

static int64_t clock_offset_ms;

/* Before main, so that no thread reads a half-known offset. */
__attribute__((constructor)) static void clock_offset_init(void)
{
        const char *text = getenv("BUSBAR_CLOCK_OFFSET_MS");

        if (text != NULL && str_to_int(bb_cstr(text), &clock_offset_ms) < 0)
                clock_offset_ms = 0;
}

int64_t time_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + clock_offset_ms;
}

int64_t time_mono_ms(void)
{
        return time_mono_us() / 1000;
}

int64_t time_mono_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int is_leap(int64_t year)
{
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int64_t month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

        return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01, in the Gregorian calendar. The year is taken to begin in March, so that the leap day is its
 * last one and the months' lengths follow a line of slope 153/5. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
        int64_t y = month > 2 ? year : year - 1;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t of_era = y - era * 400;
        int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
        int64_t z = days + 719468;
        int64_t era = (z >= 0 ? z : z - 146096) / 146097;
        int64_t of_era = z - era * 146097;
        int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
        int64_t m = (5 * of_year + 2) / 153;

        *day = of_year - (153 * m + 2) / 5 + 1;
        *month = m < 10 ? m + 3 : m - 9;
        *year = y + era * 400 + (*month <= 2);
}

static char *put_digits(char *p, int64_t v, int width)
{
        for (int i = width - 1; i >= 0; i--, v /= 10)
                p[i] = (char)('0' + v % 10);
        return p + width;
}

size_t time_format(int64_t ms, char *ret)
{
        const int64_t least = -62167219200000,
                      most = 253402300799999; /* the years 0000 to 9999: more cannot be written */
        int64_t year, month, day, days, rest;
        char *p = ret;

        ms = ms < least ? least : ms > most ? most : ms;
        days = ms / DAY_MS - (ms % DAY_MS < 0);
        rest = ms - days * DAY_MS;
        date_of_days(days, &year, &month, &day);
        p = put_digits(p, year, 4);
        *p++ = '-';
        p = put_digits(p, month, 2);
        *p++ = '-';
        p = put_digits(p, day, 2);
        *p++ = 'T';
        p = put_digits(p, rest / 3600000, 2);
        *p++ = ':';
        p = put_digits(p, rest / 60000 % 60, 2);
        *p++ = ':';
        p = put_digits(p, rest / 1000 % 60, 2);
        *p++ = '.';
        p = put_digits(p, rest % 1000, 3);
        *p++ = 'Z';
        *p = '\0';
        return (size_t)(p - ret);
}

/* Reads along a text; `bad` stays set after the first thing that does not fit. */
struct reader {
        bb_str rest;
        int bad;
};

static char next_char(struct reader *r)
{
        char c;

        if (r->rest.len == 0) {
                r->bad = 1;
                return 0;
        }
        c = r->rest.ptr[0];
        r->rest = str_sub(r->rest, 1, r->rest.len);
        return c;
}

static int64_t read_number(struct reader *r, int width, int64_t least, int64_t most)
{
        int64_t v = 0;

        while (width-- > 0) {
                char c = next_char(r);

                if (c < '0' || c > '9')
                        r->bad = 1;
                v = v * 10 + (c - '0');
        }
        if (v < least || v > most)
                r->bad = 1;
        return v;
}

static void expect(struct reader *r, const char *one_of)
{
        char c = next_char(r);

        if (c == 0 || strchr(one_of, c) == NULL)
                r->bad = 1;
}

/* ".123456": the first three digits count, the rest is dropped. */
static int64_t read_fraction_ms(struct reader *r)
{
        int64_t ms = 0;
        int digits = 0;

        if (r->rest.len == 0 || r->rest.ptr[0] != '.')
                return 0;
        (void)next_char(r);
        while (r->rest.len > 0 && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9') {
                char c = next_char(r);

                if (digits++ < 3)
                        ms = ms * 10 + (c - '0');
        }
        if (digits == 0)
                r->bad = 1;
        for (; digits < 3; digits++)
                ms *= 10;
        return ms;
}

static int64_t read_zone_ms(struct reader *r)
{
        char c = next_char(r);
        int64_t minutes;

        if (c == 'Z' || c == 'z')
                return 0;
        if (c != '+' && c != '-')
                r->bad = 1;
        minutes = read_number(r, 2, 0, 23) * 60;
        expect(r, ":");
        minutes += read_number(r, 2, 0, 59);
        return (c == '-' ? -minutes : minutes) * 60000;
}

bb_err time_parse(bb_str text, int64_t *ret_ms)
{
        struct reader r = {.rest = text};
        int64_t year, month, day, minutes, second, ms;

        year = read_number(&r, 4, 0, 9999);
        expect(&r, "-");
        month = read_number(&r, 2, 1, 12);
        expect(&r, "-");
        day = read_number(&r, 2, 1, r.bad ? 31 : days_in_month(year, month));
        expect(&r, "Tt ");
        minutes = read_number(&r, 2, 0, 23) * 60;
        expect(&r, ":");
        minutes += read_number(&r, 2, 0, 59);
        expect(&r, ":");
        second = read_number(&r, 2, 0, 60);
        ms = read_fraction_ms(&r);
        ms -= read_zone_ms(&r);
        if (r.bad || r.rest.len != 0)
                return BB_E_INVALID;
        ms += days_of_date(year, month, day) * DAY_MS + minutes * 60000 + second * 1000;
        /* A leap second ends a day in UTC; it counts as the first second of the next one. */
        if (second == 60 && (ms % DAY_MS + DAY_MS) % DAY_MS >= 1000)
                return BB_E_INVALID;
        *ret_ms = ms;
        return BB_OK;
}
