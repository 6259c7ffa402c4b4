/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers for objects: a number is never used twice, so one that is stale finds nothing, where a stale pointer would
 * find somebody else's memory. The low 20 bits are an index, the rest counts up.
 */
#ifndef CORE_RT_SLOTS_H
#define CORE_RT_SLOTS_H

#include "base/arena.h"
#include <stdlib.h>

#define SLOT_BITS 20
#define SLOTS_MOST ((size_t)1 << SLOT_BITS)

struct slot {
        uint64_t id;
        void *object;
};

struct slots {
        struct slot *slots;
        uint32_t *free_indexes;
        size_t room, free_count, count;
        uint64_t serial;
};

static inline void slots_grow(struct slots *s)
{
        size_t room = s->room > 0 ? s->room * 2 : 64;

        s->slots = heap_grow(s->slots, room * sizeof(*s->slots));
        s->free_indexes = heap_grow(s->free_indexes, room * sizeof(*s->free_indexes));
        for (size_t i = room; i > s->room; i--) {
                s->slots[i - 1] = (struct slot){0};
                s->free_indexes[s->free_count++] = (uint32_t)(i - 1);
        }
        s->room = room;
}

/* 0 when a million are in use. */
static inline uint64_t slots_add(struct slots *s, void *object)
{
        uint32_t index;

        if (s->free_count == 0) {
                if (s->room >= SLOTS_MOST)
                        return 0;
                slots_grow(s);
        }
        index = s->free_indexes[--s->free_count];
        s->slots[index].id = ++s->serial << SLOT_BITS | index;
        s->slots[index].object = object;
        s->count++;
        return s->slots[index].id;
}

static inline void *slots_get(const struct slots *s, uint64_t id)
{
        size_t index = (size_t)(id & (SLOTS_MOST - 1));

        return index < s->room && s->slots[index].id == id ? s->slots[index].object : NULL;
}

static inline void slots_remove(struct slots *s, uint64_t id)
{
        size_t index = (size_t)(id & (SLOTS_MOST - 1));

        if (id == 0 || slots_get(s, id) == NULL)
                return;
        s->slots[index] = (struct slot){0};
        s->free_indexes[s->free_count++] = (uint32_t)index;
        s->count--;
}

/* Forgets all; numbers go on from where they were. */
static inline void slots_free(struct slots *s)
{
        free(s->slots);
        free(s->free_indexes);
        *s = (struct slots){.serial = s->serial};
}

#endif
