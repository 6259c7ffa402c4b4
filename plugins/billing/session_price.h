/* SPDX-License-Identifier: Apache-2.0
 *
 * The price of one session.
 */
#ifndef BILLING_SESSION_PRICE_H
#define BILLING_SESSION_PRICE_H

#include "billing.h"

BB_AWAIT bb_err session_price_read(bb_request *, bb_response *);
/* Writes the session's priced CDR, once, with its event. */
BB_AWAIT bb_err session_price_settle(bb_str cdr_id, bb_str session_id);
/* What it comes to so far, in the currency's smallest unit. BB_E_NOT_FOUND: it has no price. */
BB_AWAIT bb_err session_price_payable(const struct bb_session *, int64_t *ret_minor);
/* How long its vehicle has asked for no power so far, and whether it asks for none now. */
BB_AWAIT bb_err session_parking(const struct bb_session *, int64_t *ret_ms, int32_t *ret_parked);
extern const struct bb_shape SessionPrice BB_HIDDEN;

#endif
