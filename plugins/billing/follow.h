/* SPDX-License-Identifier: Apache-2.0
 *
 * Handlers of the domain's events. `state` is the tenant's struct billing_options.
 */
#ifndef BILLING_FOLLOW_H
#define BILLING_FOLLOW_H

#include "billing.h"

BB_AWAIT bb_err follow_started(const struct bb_event *, void *state); /* session.started */
BB_AWAIT bb_err follow_status(const struct bb_event *, void *state);  /* connector.status */
BB_AWAIT bb_err follow_cdr(const struct bb_event *, void *state);     /* cdr.created */
BB_AWAIT void follow_forget(void *);                                  /* hourly */

#endif
