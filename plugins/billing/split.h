/* SPDX-License-Identifier: Apache-2.0
 *
 * What was used becomes charging periods: a new one at every moment at which another price component comes into force
 * (OCPI §mod_cdrs_charging_period), and at none else.
 */
#ifndef BILLING_SPLIT_H
#define BILLING_SPLIT_H

#include "price.h"

/* `session` holds stretches of even power, in order of time; their tariff says where they are cut. Energy at a cut is
 * interpolated; at a kWh boundary it is the boundary. Where no power was measured it is the stretch's average. The
 * result lives in the task's memory. Errors as price_session. */
bb_err price_split(const struct price_session *session, struct price_period **ret, size_t *ret_count);
/* For periods that somebody else has made: ret[i] is 1 where another component comes into force within period i. */
bb_err price_crossings(const struct price_session *session, uint8_t *ret);

#endif
