/* SPDX-License-Identifier: Apache-2.0
 *
 * Which stations this process hears: a hash table by station id. It holds admitted stations only, so that nobody
 * outside can make it grow.
 */
#include "presence.h"
#include <stdlib.h>

#define RIGHT_MS 10000

static void *must_alloc(size_t count, size_t size)
{
        void *p = calloc(count, size);

        if (p == NULL)
                abort(); /* as the host does when memory is gone */
        return p;
}

void presence_init(struct presence *p, uint64_t salt)
{
        p->slot_count = 64;
        p->slots = must_alloc(p->slot_count, sizeof(struct present_station *));
        p->count = 0;
        p->salt = salt;
}

void presence_free(struct presence *p)
{
        for (size_t i = 0; i < p->slot_count; i++) {
                while (p->slots[i] != NULL) {
                        struct present_station *s = p->slots[i];

                        p->slots[i] = s->next;
                        free(s);
                }
        }
        free(p->slots);
        p->slots = NULL;
        p->slot_count = p->count = 0;
}

static size_t slot_of(const struct presence *p, const char *id, size_t len)
{
        uint64_t h = p->salt;

        for (size_t i = 0; i < len; i++)
                h = (h ^ (unsigned char)id[i]) * 0x100000001b3ull;
        return (size_t)(h ^ (h >> 32)) & (p->slot_count - 1);
}

static void grow(struct presence *p)
{
        struct present_station **old = p->slots;
        size_t old_count = p->slot_count;

        p->slot_count *= 2;
        p->slots = must_alloc(p->slot_count, sizeof(struct present_station *));
        for (size_t i = 0; i < old_count; i++) {
                while (old[i] != NULL) {
                        struct present_station *s = old[i];
                        size_t slot = slot_of(p, s->id, s->id_len);

                        old[i] = s->next;
                        s->next = p->slots[slot];
                        p->slots[slot] = s;
                }
        }
        free(old);
}

struct present_station *presence_find(struct presence *p, bb_str id, int create)
{
        size_t slot = slot_of(p, id.ptr, id.len);
        struct present_station *s;

        for (s = p->slots[slot]; s != NULL; s = s->next) {
                if (s->id_len == id.len && memcmp(s->id, id.ptr, id.len) == 0)
                        return s;
        }
        if (!create)
                return NULL;
        if (p->count >= p->slot_count) {
                grow(p);
                slot = slot_of(p, id.ptr, id.len);
        }
        s = must_alloc(1, sizeof(*s) + id.len);
        s->id_len = (uint32_t)id.len;
        memcpy(s->id, id.ptr, id.len);
        s->drift_ms = s->clock_ms = DRIFT_UNKNOWN;
        s->next = p->slots[slot];
        p->slots[slot] = s;
        p->count++;
        return s;
}

static void take_epoch(struct present_station *s, int64_t epoch)
{
        if (epoch > s->epoch)
                s->clock_ms = DRIFT_UNKNOWN;
        s->epoch = epoch;
}

void presence_seen(struct presence *p, bb_str id, int64_t epoch, int64_t at_ms, int64_t now_ms)
{
        struct present_station *s = presence_find(p, id, 1);

        if (epoch < s->epoch)
                return;
        take_epoch(s, epoch);
        s->seen_ms = now_ms;
        s->dirty = 1;
        /* A message may have waited in the station's queue and then looks old, never new: the newest one tells most. */
        if (at_ms == 0)
                return;
        if (s->drift_ms == DRIFT_UNKNOWN || at_ms - now_ms > s->drift_ms)
                s->drift_ms = s->clock_ms = at_ms - now_ms;
        else if (at_ms - now_ms > -RIGHT_MS && at_ms - now_ms < RIGHT_MS)
                s->clock_ms = at_ms - now_ms; /* no queue makes a wrong time right: the clock was set */
}

void presence_booted(struct presence *p, bb_str id, int64_t epoch)
{
        struct present_station *s = presence_find(p, id, 0);

        if (s != NULL && s->epoch == epoch)
                s->drift_ms = s->clock_ms = DRIFT_UNKNOWN;
}

void presence_live(struct presence *p, bb_str id, int64_t epoch, int live, int64_t now_ms)
{
        struct present_station *s = presence_find(p, id, live);

        if (s == NULL || epoch < s->epoch)
                return;
        take_epoch(s, epoch);
        s->live = live;
        s->seen_ms = live ? now_ms : s->seen_ms;
        s->dirty |= live;
}

void presence_sweep(struct presence *p)
{
        for (size_t i = 0; i < p->slot_count; i++) {
                struct present_station **at = &p->slots[i];

                while (*at != NULL) {
                        struct present_station *s = *at;

                        if (s->live || s->dirty) {
                                at = &s->next;
                                continue;
                        }
                        *at = s->next;
                        free(s);
                        p->count--;
                }
        }
}
