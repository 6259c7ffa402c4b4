/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table with open addressing. Removed entries leave a mark in their slot, which the next growth sweeps away, so
 * that a walk may remove the entry that it was just given.
 */
#include "base/map.h"
#include "base/arena.h"
#include "base/str.h"
#include <stdlib.h>

struct slot {
        uint64_t hash;
        bb_str key; /* on the heap; ptr NULL: free, or `gone` */
        void *value;
        int gone;
};

struct map {
        struct slot *slots;
        size_t room;        /* a power of two */
        size_t count, used; /* used: with the marks of removed ones */
};

enum { ROOM_LEAST = 16 };

struct map *map_new(void)
{
        struct map *m = heap_new(sizeof(*m));

        m->room = ROOM_LEAST;
        m->slots = heap_new(m->room * sizeof(*m->slots));
        return m;
}

void map_free(struct map *m)
{
        if (m == NULL)
                return;
        for (size_t i = 0; i < m->room; i++)
                free((void *)(uintptr_t)m->slots[i].key.ptr);
        free(m->slots);
        free(m);
}

static struct slot *find(const struct map *m, bb_str key, uint64_t hash)
{
        for (size_t i = hash & (m->room - 1);; i = (i + 1) & (m->room - 1)) {
                struct slot *s = &m->slots[i];

                if (s->key.ptr == NULL && !s->gone)
                        return NULL;
                if (s->key.ptr != NULL && s->hash == hash && bb_str_eq(s->key, key))
                        return s;
        }
}

static struct slot *find_free(const struct map *m, uint64_t hash)
{
        size_t i = hash & (m->room - 1);

        while (m->slots[i].key.ptr != NULL)
                i = (i + 1) & (m->room - 1);
        return &m->slots[i];
}

/* Makes room for one more: a quarter of the slots stays free, or the search for what is not there gets long. */
static void make_room(struct map *m)
{
        struct slot *old = m->slots;
        size_t old_room = m->room;

        if ((m->used + 1) * 4 <= m->room * 3)
                return;
        while ((m->count + 1) * 2 > m->room)
                m->room *= 2;
        m->slots = heap_new(m->room * sizeof(*m->slots));
        for (size_t i = 0; i < old_room; i++) {
                if (old[i].key.ptr != NULL)
                        *find_free(m, old[i].hash) = old[i];
        }
        m->used = m->count;
        free(old);
}

void *map_get(const struct map *m, bb_str key)
{
        struct slot *s = find(m, key, str_hash(key));

        return s != NULL ? s->value : NULL;
}

void *map_set(struct map *m, bb_str key, void *value)
{
        uint64_t hash = str_hash(key);
        struct slot *s = find(m, key, hash);

        if (s != NULL) {
                void *before = s->value;

                s->value = value;
                return before;
        }
        make_room(m);
        s = find_free(m, hash);
        m->used += s->gone ? 0 : 1;
        m->count++;
        *s = (struct slot){.hash = hash, .value = value, .key = heap_str(key.ptr != NULL ? key : BB_STR(""))};
        return NULL;
}

void *map_remove(struct map *m, bb_str key)
{
        struct slot *s = find(m, key, str_hash(key));
        void *value;

        if (s == NULL)
                return NULL;
        value = s->value;
        free((void *)(uintptr_t)s->key.ptr);
        *s = (struct slot){.gone = 1};
        m->count--;
        return value;
}

size_t map_count(const struct map *m)
{
        return m->count;
}

int map_next(const struct map *m, size_t *at, bb_str *ret_key, void **ret_value)
{
        while (*at < m->room) {
                const struct slot *s = &m->slots[(*at)++];

                if (s->key.ptr == NULL)
                        continue;
                *ret_key = s->key;
                *ret_value = s->value;
                return 1;
        }
        return 0;
}
