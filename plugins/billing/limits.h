/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of sessions: armed when a session begins, watched by a timer that survives restarts, and told to the station
 * too where it can keep them by itself.
 */
#ifndef BILLING_LIMITS_H
#define BILLING_LIMITS_H

#include "contract.h"

/* Of a session that has just begun under a contract. Repeatable. */
BB_AWAIT bb_err limits_arm(bb_str session_id, const struct contract_limits *);
/* Every few seconds. */
BB_AWAIT void limits_tick(void *);

#endif
