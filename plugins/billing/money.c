/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact money: 128-bit integers, checked.
 */
#include "money.h"

static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

bb_err money_add(money *sum, money amount)
{
        money result;

        if (__builtin_add_overflow(*sum, amount, &result))
                return BB_E_LIMIT;
        *sum = result;
        return BB_OK;
}

bb_err money_subtract(money *from, money amount)
{
        money result;

        if (__builtin_sub_overflow(*from, amount, &result))
                return BB_E_LIMIT;
        *from = result;
        return BB_OK;
}

bb_err money_of(int64_t price_micro, int64_t quantity, int64_t scale, money *ret)
{
        money product = (money)price_micro * quantity; /* 64 by 64 bits always fits */

        return __builtin_mul_overflow(product, (money)scale, ret) ? BB_E_LIMIT : BB_OK;
}

/* n / d, half away from zero; d > 0. */
static money divide(money n, money d)
{
        money quotient = n / d, rest = n % d;

        if (rest < 0)
                rest = -rest;
        if (rest >= d - rest)
                quotient += n < 0 ? -1 : 1;
        return quotient;
}

bb_err money_share(money amount, int64_t rate, money *ret)
{
        money product;

        if (__builtin_mul_overflow(amount, (money)rate, &product))
                return BB_E_LIMIT;
        *ret = divide(product, MONEY_RATE);
        return BB_OK;
}

bb_err money_without_tax(money gross, int64_t rate, money *ret)
{
        money product;

        if (rate < 0 || __builtin_mul_overflow(gross, (money)MONEY_RATE, &product))
                return BB_E_LIMIT;
        *ret = divide(product, (money)MONEY_RATE + rate);
        return BB_OK;
}

/* The product of two amounts needs more than 128 bits: both factors are first brought down to 1/10^6 of the unit's
 * precision when they are large. What is lost is far below the smallest decimal that anybody prints. */
bb_err money_scale(money amount, money part, money whole, money *ret)
{
        money product;

        while (__builtin_mul_overflow(amount, part, &product)) {
                if (part == 0 || whole / 10 == 0)
                        return BB_E_LIMIT;
                part = divide(part, 10);
                whole = divide(whole, 10);
        }
        if (whole < 0) {
                whole = -whole;
                product = -product;
        }
        *ret = divide(product, whole);
        return BB_OK;
}

bb_err money_round(money amount, int32_t decimals, int64_t *ret)
{
        money whole = amount / MONEY_ONE, rest = amount % MONEY_ONE; /* |rest| · 10^6 fits */
        money scaled;

        if (decimals < 0 || (size_t)decimals >= BB_COUNT(powers))
                return BB_E_INVALID;
        scaled = whole * powers[decimals] + divide(rest * powers[decimals], MONEY_ONE);
        if (scaled > INT64_MAX || scaled < INT64_MIN)
                return BB_E_LIMIT;
        *ret = (int64_t)scaled;
        return BB_OK;
}

money money_from(int64_t value, int32_t decimals)
{
        return (money)value * (MONEY_ONE / powers[decimals]);
}
