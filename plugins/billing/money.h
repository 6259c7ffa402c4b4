/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact money. An amount is an integer of 1/(18·10^18) of the currency's unit, so that a price in millionths, times
 * milliwatt-hours or milliseconds, times a tax rate in millionths is always a whole number of it: nothing is rounded
 * before somebody asks for decimals. Sums that leave the range are an error, never a wrap.
 */
#ifndef BILLING_MONEY_H
#define BILLING_MONEY_H

#include <busbar/types.h>

typedef __int128 money;

#define MONEY_ONE ((money)18000000000 * 1000000000)

/* What one millionth of the currency's unit per kWh, per hour or at once comes to, for one mWh, one ms, one piece. */
#define MONEY_PER_MWH 18000000
#define MONEY_PER_MS 5000000
#define MONEY_PER_PIECE 18000000000000

#define MONEY_RATE 1000000 /* tax rates and discounts are in millionths: 19 % is 190000 */

/* BB_E_LIMIT when the result does not fit; *sum is left alone then. */
bb_err money_add(money *sum, money amount);
bb_err money_subtract(money *from, money amount);
/* price_micro · quantity · scale (one of MONEY_PER_…). */
bb_err money_of(int64_t price_micro, int64_t quantity, int64_t scale, money *ret);
/* amount · rate / MONEY_RATE, half away from zero (exact for every amount that money_of gave). */
bb_err money_share(money amount, int64_t rate, money *ret);
/* What is left of a gross amount without its tax, half away from zero. */
bb_err money_without_tax(money gross, int64_t rate, money *ret);
/* amount · part / whole, half away from zero; whole is not 0. */
bb_err money_scale(money amount, money part, money whole, money *ret);
/* As an integer with `decimals` (0 to 6) decimals, half away from zero. */
bb_err money_round(money amount, int32_t decimals, int64_t *ret);
/* The other way round; exact. */
money money_from(int64_t value, int32_t decimals);

#endif
