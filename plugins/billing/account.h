/* SPDX-License-Identifier: Apache-2.0
 *
 * An account as people and partners read it.
 */
#ifndef BILLING_ACCOUNT_H
#define BILLING_ACCOUNT_H

#include "ocpi.h"

/* An amount with four decimals (OCPI §types_price_class); the members with tax are absent where it is not told. */
struct amount {
        uint64_t present;
        int64_t excl_vat, vat, incl_vat; /* ten-thousandths */
};
int32_t amount_has_tax(const struct amount *);
struct amount amount_negated(struct amount);

struct account_line {
        uint64_t present;
        int32_t kind, for_; /* LINE_…, FOR_… */
        bb_str component;   /* JSON pointer into the tariff */
        int64_t energy_mwh, energy_rounding_mwh, time_ms, time_rounding_ms;
        int64_t price_micro, vat;
        struct amount amount;
};

struct account_period {
        uint64_t present;
        int64_t start_ms, end_ms, energy_mwh;
        int32_t state; /* PERIOD_… */
        int32_t overstay;
};

struct account {
        uint64_t present;
        bb_str currency;
        struct amount total;
        int64_t payable_minor;
        struct amount fixed, energy, time, parking, reservation, overstay;
        int64_t energy_mwh, time_ms, parking_ms, reservation_ms;
        struct bb_array lines;   /* of struct account_line */
        struct bb_array periods; /* of struct account_period */
};
extern const struct bb_shape PriceAccount BB_HIDDEN, PriceLine BB_HIDDEN, Amount BB_HIDDEN;

/* Prices the session and writes it down, in the task's memory. BB_E_LIMIT, BB_E_INVALID as price_session. */
bb_err account_make(const struct price_session *, const struct price_policy *, struct account *ret);

#endif
