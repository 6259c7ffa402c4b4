/* SPDX-License-Identifier: Apache-2.0
 *
 * How long answers took: a histogram whose steps are 3 %, so that memory does not depend on the number of messages.
 */
#include "sim.h"

static size_t bucket_of(uint64_t us)
{
        int high;

        if (us < LATENCY_SUBS)
                return (size_t)us;
        high = 63 - __builtin_clzll(us);
        return (size_t)(high - LATENCY_SUB_BITS + 1) * LATENCY_SUBS +
               (size_t)(us >> (high - LATENCY_SUB_BITS) & (LATENCY_SUBS - 1));
}

static double bucket_ms(size_t bucket)
{
        size_t power = bucket / LATENCY_SUBS;
        double us = power == 0 ? (double)bucket : (double)((LATENCY_SUBS + bucket % LATENCY_SUBS) << (power - 1));

        return us / 1000;
}

void latency_add(struct latency *l, int64_t us)
{
        l->count++;
        l->buckets[bucket_of(us > 0 ? (uint64_t)us : 0)]++;
        if (us > l->most_us)
                l->most_us = us;
}

double latency_ms(const struct latency *l, double share)
{
        uint64_t wanted = (uint64_t)(share * (double)l->count), seen = 0;

        for (size_t i = 0; i < LATENCY_BUCKETS; i++)
                if ((seen += l->buckets[i]) > wanted)
                        return bucket_ms(i);
        return (double)l->most_us / 1000;
}
