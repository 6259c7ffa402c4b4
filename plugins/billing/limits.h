/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of sessions: armed when a session begins, watched by a timer that survives restarts, and told to the station
 * too where it can keep them by itself.
 */
#ifndef BILLING_LIMITS_H
#define BILLING_LIMITS_H

#include "contract.h"

enum { LIMIT_OF_CONTRACT = 0, LIMIT_OF_QUOTA = 1 };

/* A row of billing.session_limit. */
struct limit {
        bb_str session_id, station_id;
        int64_t kind, source, connector_id, transaction_id, most, warn_at, at_limit, state, told;
        int64_t keeps_milli, keeps_unit; /* the power that a throttled session keeps: mA or mW by BB_RATE_… */
        int64_t claimed_ms;              /* its next_at while it is looked at */
};

/* --- limit_arm.c --- */
/* Of a session that has just begun under a contract. Repeatable. */
BB_AWAIT bb_err limits_arm(bb_str session_id, const struct contract_limits *);
/* What its contract's quota and cooldown leave for a session, by LIMIT_…; INT64_MAX: nothing limits it. BB_E_NOT_FOUND:
 * it has no contract with limits. */
BB_AWAIT bb_err limits_left(const struct bb_session *, int64_t ret[LIMIT_KINDS]);

/* --- limits.c --- */
/* The session has ended, by whatever way: nothing is left to watch, and it runs no more. */
BB_AWAIT bb_err limits_end(bb_str session_id);
/* Deletes some of those that have been over for a week. */
BB_AWAIT bb_err limits_forget(void);
/* Every second. */
BB_AWAIT void limits_tick(void *);

/* --- limit_act.c --- */
/* Asks the station to keep the limit by itself, `free_s` after the session's start. Not every one can; our own watch
 * holds all the same. */
BB_AWAIT bb_err limit_tell(const struct limit *, int64_t free_s);
/* What at_limit says. *ret_done 0: the session was asked to stop, and is asked again until it has ended; one that
 * cannot be throttled is stopped, too. */
BB_AWAIT bb_err limit_act(const struct limit *, int32_t *ret_done);

#endif
