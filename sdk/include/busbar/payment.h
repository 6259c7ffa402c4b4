/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "payment/1", implemented by payment providers' plugins. A payment is a state machine of the caller, who
 * stores `reference` (his own, unique) before each call; after a BB_E_TIMEOUT or BB_E_UNAVAILABLE the caller asks
 * `lookup` by that reference before anything else, so a provider must find a payment by it and must treat a second call
 * with the same reference as the same one. All functions wait. Amounts are minor units of `currency` (ISO 4217).
 */
#ifndef BUSBAR_PAYMENT_H
#define BUSBAR_PAYMENT_H

#include <busbar/types.h>

enum {
        BB_PAYMENT_NONE = 0,     /* lookup: never heard of it */
        BB_PAYMENT_REDIRECT = 1, /* the driver has to visit redirect_url */
        BB_PAYMENT_HELD = 2,     /* the amount is reserved */
        BB_PAYMENT_CAPTURED = 3,
        BB_PAYMENT_RELEASED = 4,
        BB_PAYMENT_REFUNDED = 5,
        BB_PAYMENT_DECLINED = 6
};

struct bb_payment_request {
        uint32_t size;
        uint32_t reserved;
        bb_str reference;
        int64_t amount_minor;
        bb_str currency;
        bb_str description;
        bb_str return_url; /* for providers with a page of their own */
};
struct bb_payment {
        uint32_t size;
        int32_t state; /* BB_PAYMENT_… */
        bb_str provider_id, redirect_url;
        bb_str decline_code, decline_text;
        int64_t held_minor, captured_minor, refunded_minor;
};

struct bb_payment_ops {
        uint32_t size;
        uint32_t reserved;
        const char *display_name; /* "Card", "PayPal": for drivers */
        BB_AWAIT bb_err (*hold)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret);
        /* amount_minor: at most what is held. */
        BB_AWAIT bb_err (*capture)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret);
        BB_AWAIT bb_err (*release)(bb_tenant *, bb_str reference, struct bb_payment *ret);
        BB_AWAIT bb_err (*refund)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret);
        BB_AWAIT bb_err (*lookup)(bb_tenant *, bb_str reference, struct bb_payment *ret);
};

#endif
