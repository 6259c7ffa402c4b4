/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "access/1": may a token that the domain has accepted charge here and now, as far as others are concerned
 * (quotas, memberships, opening hours)? Provided by whoever has a say. The domain asks every provider that the tenant
 * has when a station asks for authorization and when something is reserved; the first who refuses counts, and the
 * station hears "Blocked". It does not ask at a start: a session that begins is never refused, so what such a session
 * may do is the provider's to enforce. Nor does it keep anybody from ending a session of his own.
 *
 * `ask` is on the way of every authorization: whoever has no rules for the tenant answers from memory, everybody else
 * within milliseconds. It may wait for the database. An error is not a refusal: BB_E_UNAVAILABLE has the station ask
 * again, others are logged, and the token charges. So it does when there is no answer within 2 s: `ask` runs in a task
 * of its own, which is cancelled then.
 */
#ifndef BUSBAR_ACCESS_H
#define BUSBAR_ACCESS_H

#include <busbar/types.h>

enum { BB_ACCESS_AUTHORIZE = 0, BB_ACCESS_RESERVE = 1 };

struct bb_access_question {
        uint32_t size;
        int32_t for_; /* BB_ACCESS_… */
        bb_str token_uid, station_id;
        int64_t connector_id; /* 0: not known */
        int64_t at_ms;
};
struct bb_access_answer {
        uint32_t size;
        int32_t refused;
        bb_str reason; /* a sentence for people, in the task's memory; only when it is refused */
};

struct bb_access_ops {
        uint32_t size;
        uint32_t reserved;
        BB_AWAIT bb_err (*ask)(const struct bb_access_question *, struct bb_access_answer *ret);
};

#endif
