/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sessions of a period have used of a contract's quota: the CDRs in force (a credit takes back what it
 * credits) and the sessions that run.
 */
#ifndef BILLING_QUOTA_H
#define BILLING_QUOTA_H

#include "contract.h"

/* Whose use, as seen by a session that begins (or began) at `at_ms`: itself (`except_id`, BB_NONE: not begun) does not
 * count, and of sessions those alone that began before. */
struct quota_view {
        bb_str contract_id, token_uid, time_zone, except_id;
        int64_t at_ms;
};
struct quota_use {
        int64_t since_ms, until_ms; /* the period */
        int64_t used[QUOTA_KINDS];
};
BB_AWAIT bb_err quota_use(const struct contract_quota *, const struct quota_view *, struct quota_use *ret);
/* When a session of the token may begin, by its last one; 0: it may at `at_ms`. */
BB_AWAIT bb_err quota_cooldown(int64_t cooldown_ms, const struct quota_view *, int64_t *ret_ms);
/* Why no session may begin, as a sentence in the task's memory; BB_NONE: it may. */
BB_AWAIT bb_err quota_refusal(const struct contract_limits *, const struct quota_view *, bb_str *ret_reason);
/* The view of a session that has begun, and its contract's limits. BB_E_NOT_FOUND: it has no contract, or that has no
 * limits. */
BB_AWAIT bb_err quota_view_of(const struct bb_session *, struct quota_view *ret, struct contract_limits *ret_limits);

#endif
