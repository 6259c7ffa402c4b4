/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact decimals as people and machines write them. Binary floating point would turn 0.1 kWh into something else.
 */
#include "base/decimal.h"

#define LIMIT 1000000000000000LL
#define EXPONENT_MAX 40

struct cursor {
        const char *at, *end;
};

static int is_digit(const struct cursor *c)
{
        return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static int take(struct cursor *c, char wanted)
{
        if (c->at == c->end || *c->at != wanted)
                return 0;
        c->at++;
        return 1;
}

static void skip_blanks(struct cursor *c)
{
        while (take(c, ' ') || take(c, '\t'))
                ;
}

/* Digits with at most one point; `ret_after` counts those behind it. */
static bb_err take_digits(struct cursor *c, struct cursor *ret_digits, int32_t *ret_after)
{
        int seen = 0, point = 0;
        int32_t after = 0;

        ret_digits->at = c->at;
        for (;; c->at++) {
                if (is_digit(c)) {
                        seen = 1;
                        after += point;
                } else if (!point && c->at < c->end && *c->at == '.') {
                        point = 1;
                } else {
                        break;
                }
        }
        ret_digits->end = c->at;
        *ret_after = after;
        return seen && c->at - ret_digits->at <= 64 ? BB_OK : BB_E_INVALID;
}

static bb_err take_exponent(struct cursor *c, int32_t *ret)
{
        int negative;
        int32_t value = 0;

        *ret = 0;
        if (!take(c, 'e') && !take(c, 'E'))
                return BB_OK;
        negative = take(c, '-');
        if (!negative)
                take(c, '+');
        if (!is_digit(c))
                return BB_E_INVALID;
        for (; is_digit(c); c->at++) {
                value = value * 10 + (*c->at - '0');
                if (value > EXPONENT_MAX)
                        return BB_E_INVALID;
        }
        *ret = negative ? -value : value;
        return BB_OK;
}

/* The first `keep` digits as a number, rounded by the one after them. `keep` may lie beyond either end. */
static bb_err digits_value(struct cursor digits, int32_t keep, int64_t *ret)
{
        int64_t value = 0;

        for (; keep > 0; keep--) {
                take(&digits, '.');
                value *= 10;
                if (is_digit(&digits))
                        value += *digits.at++ - '0';
                if (value > LIMIT)
                        return BB_E_INVALID;
        }
        take(&digits, '.');
        if (keep == 0 && is_digit(&digits) && *digits.at >= '5')
                value++;
        *ret = value;
        return BB_OK;
}

bb_err decimal_parse(bb_str text, int32_t scale, int64_t *ret)
{
        struct cursor c = {.at = text.ptr, .end = text.ptr + text.len}, digits;
        int32_t after, exponent, count;
        int64_t value;
        int negative;

        if (text.len == 0)
                return BB_E_INVALID;
        skip_blanks(&c);
        negative = take(&c, '-');
        if (!negative)
                take(&c, '+');
        TRY(take_digits(&c, &digits, &after));
        TRY(take_exponent(&c, &exponent));
        skip_blanks(&c);
        if (c.at != c.end)
                return BB_E_INVALID;
        count = (int32_t)(digits.end - digits.at) - (memchr(digits.at, '.', (size_t)(digits.end - digits.at)) != NULL);
        TRY(digits_value(digits, count - after + exponent + scale, &value));
        if (value > LIMIT)
                return BB_E_INVALID;
        *ret = negative ? -value : value;
        return BB_OK;
}
