/* SPDX-License-Identifier: Apache-2.0
 */
#include "moment.h"
#include "digits.h"

#define EPOCH_S 946684800LL /* 2000-01-01, where PostgreSQL counts from */
#define SPAN_S 32768        /* no zone has ever gone forth and back within nine hours */

static int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}

void moments_init(struct moments *m, const struct table_spec *spec)
{
        m->zone = spec->zone;
        m->offset_s = spec->offset_s;
        m->day = INT64_MIN;
        for (size_t i = 0; i < MOMENT_BUCKETS; i++)
                m->buckets[i].span = INT64_MIN;
}

static int32_t offset_at(struct moments *m, int64_t second)
{
        int64_t span = floor_div(second, SPAN_S);
        __typeof__(&m->buckets[0]) bucket = &m->buckets[span & (MOMENT_BUCKETS - 1)];

        if (bucket->span != span) {
                int64_t first = span * SPAN_S, last = first + SPAN_S - 1;

                bucket->span = span;
                bucket->offset_s = m->offset_s(m->zone, first * 1000);
                bucket->steady = bucket->offset_s == m->offset_s(m->zone, last * 1000);
        }
        return bucket->steady ? bucket->offset_s : m->offset_s(m->zone, second * 1000);
}

/* Seconds since 1970, and the µs beyond. */
static int64_t second_of(int64_t at_us, int32_t *ret_micros)
{
        int64_t micros = at_us % 1000000;

        *ret_micros = (int32_t)(micros < 0 ? micros + 1000000 : micros);
        return floor_div(at_us, 1000000) + EPOCH_S;
}

static struct moment moment_with(int64_t second, int32_t micros, int32_t offset_s)
{
        int64_t local = second + offset_s, day = floor_div(local, 86400);

        return (struct moment){
                .day = day, .second = (int32_t)(local - day * 86400), .micros = micros, .offset_s = offset_s};
}

struct moment moment_of(struct moments *m, int64_t at_us)
{
        int32_t micros;
        int64_t second = second_of(at_us, &micros);

        return moment_with(second, micros, offset_at(m, second));
}

struct moment moment_of_minutes(struct moments *m, int64_t at_us)
{
        int32_t micros, offset_s;
        int64_t second = second_of(at_us, &micros);

        offset_s = offset_at(m, second);
        return moment_with(second, micros, offset_s - offset_s % 60);
}

static char *put_year(char *at, int64_t year)
{
        int32_t digits = digits_of(magnitude(year));

        *at = '-';
        return put_padded(at + (year < 0), magnitude(year), digits < 4 ? 4 : digits);
}

/* The Gregorian calendar, counted in eras of 400 years from 1 March, so that the leap day is a year's last. */
static void look_at_day(struct moments *m, int64_t day)
{
        int64_t shifted = day + 719468, era = floor_div(shifted, 146097), in_era = shifted - era * 146097;
        int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
        int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t from_march = (5 * in_year + 2) / 153;
        int32_t of_month = (int32_t)(in_year - (153 * from_march + 2) / 5 + 1);
        int32_t month = (int32_t)(from_march < 10 ? from_march + 3 : from_march - 9);
        int64_t year = year_of_era + era * 400 + (month <= 2);
        char *at = put_year(m->date, year);

        *at++ = '-';
        at = put_pair(at, (uint32_t)month);
        *at++ = '-';
        at = put_pair(at, (uint32_t)of_month);
        m->date_len = (int32_t)(at - m->date);
        m->month = (int32_t)(year * 12 + month - 1);
        m->day = day;
}

int32_t moment_month(struct moments *m, int64_t day)
{
        if (m->day != day)
                look_at_day(m, day);
        return m->month;
}

char *put_date(char *at, struct moments *m, int64_t day)
{
        if (m->day != day)
                look_at_day(m, day);
        memcpy(at, m->date, DATE_CHARS);
        return at + m->date_len;
}

char *put_clock(char *at, int32_t second)
{
        at = put_pair(at, (uint32_t)second / 3600);
        *at++ = ':';
        at = put_pair(at, (uint32_t)second / 60 % 60);
        *at++ = ':';
        return put_pair(at, (uint32_t)second % 60);
}

char *put_moment(char *at, struct moments *m, int64_t at_us)
{
        struct moment moment = moment_of(m, at_us);

        at = put_date(at, m, moment.day);
        *at++ = ' ';
        return put_clock(at, moment.second);
}

char *put_duration(char *at, int64_t ms)
{
        uint64_t seconds = magnitude(ms) / 1000;

        *at = '-';
        at = put_unsigned(at + (ms < 0), seconds / 3600);
        *at++ = ':';
        at = put_pair(at, (uint32_t)(seconds / 60 % 60));
        *at++ = ':';
        return put_pair(at, (uint32_t)(seconds % 60));
}
