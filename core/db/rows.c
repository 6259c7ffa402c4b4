/* SPDX-License-Identifier: Apache-2.0
 *
 * Results: libpq's, kept until the arena goes that was current when they came.
 */
#include "base/str.h"
#include "db/pool.h"
#include <stdlib.h>

struct bb_rows {
        uint32_t magic;
        int32_t reserved;
        PGresult *result;
};

static void clear(void *arg)
{
        bb_rows *rows = arg;

        rows->magic = 0;
        PQclear(rows->result);
}

bb_rows *rows_new(PGresult *result)
{
        bb_rows *rows = arena_alloc(arena_current, sizeof(*rows));

        *rows = (bb_rows){.magic = ROWS_MAGIC, .result = result};
        arena_cleanup(arena_current, clear, rows);
        return rows;
}

static int is_rows(const bb_rows *rows)
{
        return rows != NULL && rows->magic == ROWS_MAGIC;
}

size_t rows_count(const bb_rows *rows)
{
        return is_rows(rows) ? (size_t)PQntuples(rows->result) : 0;
}

int64_t result_affected(const PGresult *result)
{
        int64_t n;

        /* PQcmdTuples() only reads; its declaration is older than const. */
        return str_to_int(bb_cstr(PQcmdTuples((PGresult *)(uintptr_t)result)), &n) == BB_OK ? n : 0;
}

int64_t rows_affected(const bb_rows *rows)
{
        return is_rows(rows) ? result_affected(rows->result) : 0;
}

/* BB_NONE for NULL and for what is outside of the result. */
bb_str rows_str(const bb_rows *rows, size_t row, size_t column)
{
        if (!is_rows(rows) || row >= (size_t)PQntuples(rows->result) || column >= (size_t)PQnfields(rows->result))
                return BB_NONE;
        if (PQgetisnull(rows->result, (int)row, (int)column))
                return BB_NONE;
        return (bb_str){.ptr = PQgetvalue(rows->result, (int)row, (int)column),
                        .len = (size_t)PQgetlength(rows->result, (int)row, (int)column)};
}

int32_t rows_is_null(const bb_rows *rows, size_t row, size_t column)
{
        return rows_str(rows, row, column).ptr == NULL;
}

int64_t rows_int(const bb_rows *rows, size_t row, size_t column, int64_t otherwise)
{
        bb_str text = rows_str(rows, row, column);
        int64_t n;

        if (text.len == 1 && (text.ptr[0] == 't' || text.ptr[0] == 'f'))
                return text.ptr[0] == 't';
        return str_to_int(text, &n) == BB_OK ? n : otherwise;
}

/* Reads `len` digits, or as many as there are when len is 0; -1 when there is none. */
static int64_t digits(bb_str *rest, size_t len)
{
        int64_t n = 0;
        size_t i;

        for (i = 0; i < rest->len && i < (len > 0 ? len : 9) && rest->ptr[i] >= '0' && rest->ptr[i] <= '9'; i++)
                n = n * 10 + (rest->ptr[i] - '0');
        if (i == 0 || (len > 0 && i != len))
                return -1;
        *rest = str_sub(*rest, i, rest->len - i);
        return n;
}

static int skip(bb_str *rest, char c)
{
        if (rest->len == 0 || rest->ptr[0] != c)
                return 0;
        *rest = str_sub(*rest, 1, rest->len - 1);
        return 1;
}

/* Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the last one. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
        int64_t y = month <= 2 ? year - 1 : year;
        int64_t m = month <= 2 ? month + 9 : month - 3;

        return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int64_t fraction_ms(bb_str *rest)
{
        int64_t ms = 0, scale = 100;

        if (!skip(rest, '.'))
                return 0;
        for (int64_t d; (d = digits(rest, 1)) >= 0; scale /= 10)
                ms += d * scale;
        return ms;
}

/* "2026-11-22 09:00:00.123456+00": the session's time zone is UTC and its style ISO. */
int64_t rows_time(const bb_rows *rows, size_t row, size_t column, int64_t otherwise)
{
        bb_str rest = rows_str(rows, row, column);
        int64_t year, month, day, hour, minute, second, ms;

        if ((year = digits(&rest, 0)) < 0 || !skip(&rest, '-') || (month = digits(&rest, 2)) < 0 || !skip(&rest, '-') ||
            (day = digits(&rest, 2)) < 0)
                return otherwise;
        if (rest.len == 0)
                return days_of(year, month, day) * 86400000;
        if (!skip(&rest, ' ') || (hour = digits(&rest, 2)) < 0 || !skip(&rest, ':') ||
            (minute = digits(&rest, 2)) < 0 || !skip(&rest, ':') || (second = digits(&rest, 2)) < 0)
                return otherwise;
        ms = fraction_ms(&rest);
        /* Nothing may follow but the zone: "BC" is no time of ours. */
        if (rest.len > 0 && !bb_str_is(rest, "+00"))
                return otherwise;
        return (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
}

static int hex_digit(char c)
{
        return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* "\x0123ab", as bytea_output = hex gives it. */
bb_str rows_bytes(const bb_rows *rows, size_t row, size_t column)
{
        bb_str text = rows_str(rows, row, column);
        char *out;

        if (text.len < 2 || text.ptr[0] != '\\' || text.ptr[1] != 'x')
                return BB_NONE;
        out = arena_alloc(arena_current, text.len / 2);
        for (size_t i = 2; i + 1 < text.len; i += 2)
                out[i / 2 - 1] = (char)(hex_digit(text.ptr[i]) * 16 + hex_digit(text.ptr[i + 1]));
        return (bb_str){.ptr = out, .len = text.len / 2 - 1};
}
