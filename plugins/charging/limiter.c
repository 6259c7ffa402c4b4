/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets by key, in memory of a fixed size.
 */
#include "limiter.h"
#include <stdlib.h>

void limiter_init(struct limiter *l, size_t slots, int64_t burst, int64_t refill_ms, uint64_t salt)
{
        l->buckets = calloc(slots, sizeof(*l->buckets));
        if (l->buckets == NULL)
                abort(); /* as the host does when memory is gone */
        l->slots = slots;
        l->burst = burst;
        l->refill_ms = refill_ms;
        l->salt = salt;
}

void limiter_free(struct limiter *l)
{
        free(l->buckets);
        l->buckets = NULL;
        l->slots = 0;
}

/* FNV-1a from a secret start, with a closing mix: the slot of a key cannot be foreseen. */
static uint64_t hash(uint64_t h, bb_str s)
{
        for (size_t i = 0; i < s.len; i++)
                h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3ull;
        h ^= s.len + (h >> 29);
        h *= 0xbf58476d1ce4e5b9ull;
        return h ^ (h >> 32);
}

static uint64_t key_of(const struct limiter *l, bb_str a, bb_str b)
{
        return hash(hash(l->salt, a), b) | 1;
}

static int64_t filled(const struct limiter *l, const struct bucket *b, int64_t now_ms)
{
        int64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
        int64_t full = l->burst * 1000;

        /* Long pauses fill it, without a product that could overflow. */
        if (passed / l->refill_ms >= l->burst)
                return full;
        passed = b->tokens_milli + passed * 1000 / l->refill_ms;
        return passed < full ? passed : full;
}

int limiter_take(struct limiter *l, bb_str a, bb_str b, int64_t now_ms, int64_t *ret_suppressed)
{
        uint64_t key = key_of(l, a, b);
        struct bucket *bucket = &l->buckets[(key >> 1) % l->slots];

        if (bucket->key != key)
                *bucket = (struct bucket){.key = key, .tokens_milli = l->burst * 1000, .at_ms = now_ms};
        bucket->tokens_milli = filled(l, bucket, now_ms);
        bucket->at_ms = now_ms;
        if (bucket->tokens_milli < 1000) {
                bucket->suppressed++;
                return 0;
        }
        bucket->tokens_milli -= 1000;
        if (ret_suppressed != NULL)
                *ret_suppressed = bucket->suppressed;
        bucket->suppressed = 0;
        return 1;
}
