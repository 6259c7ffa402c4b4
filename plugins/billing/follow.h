/* SPDX-License-Identifier: Apache-2.0
 *
 * Handlers of the domain's events. `state` is the tenant's struct billing_tenant, which begins with its options.
 */
#ifndef BILLING_FOLLOW_H
#define BILLING_FOLLOW_H

#include "cdr.h"
#include "contract.h"

BB_AWAIT bb_err follow_started(const struct bb_event *, void *state); /* session.started */
BB_AWAIT bb_err follow_status(const struct bb_event *, void *state);  /* connector.status */
/* session.ended, session.closed_by_rule, session.settled */
BB_AWAIT bb_err follow_ended(const struct bb_event *, void *state);
BB_AWAIT bb_err follow_cdr(const struct bb_event *, void *state);     /* cdr.created */
BB_AWAIT bb_err follow_expired(const struct bb_event *, void *state); /* reservation.expired */
BB_AWAIT void follow_forget(void *);                                  /* hourly */

/* The contract (version 0: none) of who charges there at a time, and the tariff that it names; otherwise that of the
 * option, or BB_NONE. */
BB_AWAIT bb_err terms_find(const struct cdr_who *, int64_t at_ms, const struct billing_options *,
                           struct stored_contract *ret, bb_str *ret_tariff);

#endif
