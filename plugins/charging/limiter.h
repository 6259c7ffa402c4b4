/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets by key, in memory of a fixed size: two keys that meet in one slot push each other out, which forgets a
 * count but never refuses anybody for another's sake.
 */
#ifndef CHARGING_LIMITER_H
#define CHARGING_LIMITER_H

#include <busbar/types.h>

struct bucket {
        uint64_t key; /* 0: free */
        int64_t tokens_milli;
        int64_t at_ms;
        int64_t suppressed; /* how often it said no since the last yes */
};

struct limiter {
        struct bucket *buckets;
        size_t slots;
        int64_t burst;     /* tokens of a full bucket */
        int64_t refill_ms; /* for one token */
        uint64_t salt;
};

void limiter_init(struct limiter *, size_t slots, int64_t burst, int64_t refill_ms, uint64_t salt);
void limiter_free(struct limiter *);
/* Takes a token for (a, b). 1: there was one; *ret_suppressed (may be NULL) is how often there was none before. */
int limiter_take(struct limiter *, bb_str a, bb_str b, int64_t now_ms, int64_t *ret_suppressed);

#endif
