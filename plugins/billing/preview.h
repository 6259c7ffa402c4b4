/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session would cost.
 */
#ifndef BILLING_PREVIEW_H
#define BILLING_PREVIEW_H

#include "session_price.h"

struct display_price {
        uint64_t present;
        int32_t unit;
        int64_t price_micro, incl_micro, step;
        bb_str component;
};
enum { UNIT_KWH, UNIT_MINUTE, UNIT_SESSION, UNIT_MINUTE_PARKED };
enum { DISPLAY_INCL = 2 }; /* of its shape's fields */

struct preview_use {
        int64_t start_ms, energy_mwh, charging_ms, parking_ms, power_w; /* power_w 0: not told */
};
/* Of energy, charging time and power any two; time alone and nothing at all are sessions, too. 0: energy alone is not
 * enough. */
int32_t preview_complete(struct preview_use *, int32_t has_energy, int32_t has_charging);
/* `p` has its tariff, terms and zone. ret_prices: of struct display_price, in force at the start. Errors of
 * price_session. */
bb_err preview_price(struct priced *p, const struct preview_use *, struct bb_array *ret_prices);

#endif
