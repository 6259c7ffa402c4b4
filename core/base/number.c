/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as text. printf is too slow for integers on the hot path, and %.17g writes 0.1 as 0.10000000000000001.
 */
#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Digits of v, from the end of a field of 20; returns the first one. */
static char *put_digits(char field[20], uint64_t v)
{
        char *p = field + 20;

        do {
                *--p = (char)('0' + v % 10);
                v /= 10;
        } while (v > 0);
        return p;
}

static uint64_t magnitude(int64_t v)
{
        return v < 0 ? ~(uint64_t)v + 1 : (uint64_t)v;
}

void number_add_int(struct buf *b, int64_t v)
{
        char field[20];
        char *p = put_digits(field, magnitude(v));

        if (v < 0)
                buf_add_char(b, '-');
        buf_add(b, p, (size_t)(field + 20 - p));
}

size_t number_shortest(double v, char *ret)
{
        int n = 0;

        for (int digits = 15; digits <= 17; digits++) {
                n = snprintf(ret, 32, "%.*g", digits, v);
                if (strtod(ret, NULL) == v)
                        break;
        }
        return (size_t)n;
}

void number_add_real(struct buf *b, double v)
{
        char text[32];

        if (!isfinite(v)) {
                buf_add_c(b, "null");
                return;
        }
        buf_add(b, text, number_shortest(v, text));
        /* So that it stays a real when it is read again. */
        if (strpbrk(text, ".e") == NULL)
                buf_add(b, ".0", 2);
}

void number_add_decimal(struct buf *b, int64_t value, int scale)
{
        uint64_t v = magnitude(value);
        char field[20];
        size_t digits;
        char *p;

        while (scale > 0 && v % 10 == 0) {
                v /= 10;
                scale--;
        }
        if (value < 0)
                buf_add_char(b, '-');
        p = put_digits(field, v);
        digits = (size_t)(field + 20 - p);
        if (scale <= 0) {
                buf_add(b, p, digits);
                for (; scale < 0 && v != 0; scale++)
                        buf_add_char(b, '0');
                return;
        }
        if (digits <= (size_t)scale) {
                buf_add(b, "0.", 2);
                for (size_t i = digits; i < (size_t)scale; i++)
                        buf_add_char(b, '0');
                buf_add(b, p, digits);
                return;
        }
        buf_add(b, p, digits - (size_t)scale);
        buf_add_char(b, '.');
        buf_add(b, p + digits - (size_t)scale, (size_t)scale);
}
