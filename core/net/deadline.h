/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines of connections by the ten thousand: a hashed timer wheel with one libevent timer under it. 32 bytes each,
 * constant time to set and to stop, late by at most a tick (20 ms).
 */
#ifndef CORE_NET_DEADLINE_H
#define CORE_NET_DEADLINE_H

#include "base/list.h"
#include <stdint.h>

struct deadline {
        struct list link;
        int64_t at_ms; /* 0: not set */
        void (*fn)(struct deadline *);
};

void deadline_init(struct deadline *, void (*fn)(struct deadline *));
/* Calls fn on the loop once, in_ms from now; replaces an earlier time. */
void deadline_set(struct deadline *, int64_t in_ms);
void deadline_stop(struct deadline *);
static inline int deadline_is_set(const struct deadline *d)
{
        return d->at_ms != 0;
}

#endif
