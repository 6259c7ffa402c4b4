/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections by station id, with a keyed hash: ids come from outside.
 */
#include "station.h"
#include "repeat.h"

#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdlib.h>

#define FIRST_ROOM 64
#define MINUTE_MS 60000
#define BURST_SECONDS 4 /* of messages that may come at once, after a pause */

static _Noreturn void out_of_memory(void)
{
        bb_log(BB_ERROR, "ocpp.memory", "out of memory");
        abort();
}

/* --- ids --- */

/* Length of the UTF-8 sequence at `at`, 0 when it is none (RFC 3629: no overlong ones, no surrogates). */
static size_t utf8_step(bb_str s, size_t at)
{
        const unsigned char *p = (const unsigned char *)s.ptr + at;
        size_t left = s.len - at;

        if (p[0] < 0x80)
                return 1;
        if (p[0] >= 0xc2 && p[0] <= 0xdf)
                return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
        if ((p[0] & 0xf0) == 0xe0) {
                if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
                        return 0;
                if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
                        return 0;
                return 3;
        }
        if (p[0] < 0xf0 || p[0] > 0xf4 || left < 4)
                return 0;
        if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
                return 0;
        return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

int32_t station_id_valid(bb_str id)
{
        size_t chars = 0;

        for (size_t at = 0; at < id.len; chars++) {
                unsigned char c = (unsigned char)id.ptr[at];
                size_t step = utf8_step(id, at);

                if (step == 0 || c < 0x20 || c == 0x7f || c == '/')
                        return 0;
                if (c == 0xc2 && (unsigned char)id.ptr[at + 1] < 0xa0) /* U+0080 to U+009F */
                        return 0;
                at += step;
        }
        return chars >= 1 && chars <= STATION_MAX_ID_CHARS;
}

/* --- one station --- */

struct station *station_new(struct ocpp_tenant *owner, bb_str id, int64_t epoch, bb_str certificate)
{
        struct station *st = calloc(1, sizeof(*st) + id.len + 1);

        if (st == NULL)
                out_of_memory();
        st->magic = STATION_MAGIC;
        st->refs = 1;
        st->owner = owner;
        st->epoch = epoch;
        st->id_length = (uint32_t)id.len;
        memcpy(st->id, id.ptr, id.len);
        if (certificate.len > 0) {
                st->certificate = strndup(certificate.ptr, certificate.len);
                if (st->certificate == NULL)
                        out_of_memory();
        }
        return st;
}

struct station *station_hold(struct station *st)
{
        st->refs++;
        return st;
}

void station_drop(struct station *st)
{
        if (--st->refs > 0)
                return;
        st->magic = 0;
        while (st->marks != NULL) {
                struct journal_mark *next = st->marks->next;

                free(st->marks);
                st->marks = next;
        }
        repeat_free(st);
        free(st->certificate);
        free(st->interop);
        free(st);
}

bb_str station_id(const struct station *st)
{
        return (bb_str){.ptr = st->id, .len = st->id_length};
}

struct bb_station_ref station_ref(const struct station *st)
{
        return (struct bb_station_ref){.station_id = station_id(st), .epoch = st->epoch};
}

struct station *station_from(void *user)
{
        struct station *st = user;

        return st != NULL && st->magic == STATION_MAGIC ? st : NULL;
}

int32_t minute_count(struct minute *m)
{
        int64_t now = bb_mono_ms();

        if (m->count == 0 || now - m->since_ms >= MINUTE_MS)
                *m = (struct minute){.since_ms = now};
        if (m->count < INT32_MAX)
                m->count++;
        return m->count <= STATION_PATIENCE;
}

int64_t station_pace(struct station *st, int32_t messages_per_second)
{
        int64_t now = bb_mono_ms() * 1000;
        int64_t step = 1000000 / messages_per_second;
        int64_t burst = (int64_t)BURST_SECONDS * 1000000;

        if (st->allowed_mono_us < now)
                st->allowed_mono_us = now;
        st->allowed_mono_us += step;
        return st->allowed_mono_us - now > burst ? (st->allowed_mono_us - now - burst) / 1000 : 0;
}

/* --- the table --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
        unsigned __int128 product = (unsigned __int128)a * b;

        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t station_hash(uint64_t seed, bb_str id)
{
        uint64_t hash = seed ^ id.len;

        for (size_t at = 0; at < id.len; at += 8) {
                uint64_t word = 0;

                memcpy(&word, id.ptr + at, id.len - at < 8 ? id.len - at : 8);
                hash = mix(hash ^ word ^ 0x9e3779b97f4a7c15u, seed | 1);
        }
        return mix(hash, 0xd6e8feb86659fd93u);
}

void table_init(struct station_table *t, uint64_t seed)
{
        *t = (struct station_table){.room = FIRST_ROOM, .seed = seed};
        t->chains = calloc(t->room, sizeof(struct station *));
        if (t->chains == NULL)
                out_of_memory();
}

void table_free(struct station_table *t)
{
        free(t->chains);
        *t = (struct station_table){.chains = NULL};
}

struct station *table_find(const struct station_table *t, bb_str id)
{
        uint64_t hash = station_hash(t->seed, id);

        for (struct station *st = t->chains[hash & (t->room - 1)]; st != NULL; st = st->next) {
                if (st->hash == hash && bb_str_eq(station_id(st), id))
                        return st;
        }
        return NULL;
}

static void link_in(struct station_table *t, struct station *st)
{
        struct station **chain = &t->chains[st->hash & (t->room - 1)];

        st->next = *chain;
        *chain = st;
}

static void grow(struct station_table *t)
{
        struct station **old = t->chains;
        size_t old_room = t->room;

        t->room *= 2;
        t->chains = calloc(t->room, sizeof(struct station *));
        if (t->chains == NULL)
                out_of_memory();
        for (size_t i = 0; i < old_room; i++) {
                for (struct station *st = old[i], *next; st != NULL; st = next) {
                        next = st->next;
                        link_in(t, st);
                }
        }
        free(old);
}

void table_add(struct station_table *t, struct station *st)
{
        if (t->count >= t->room)
                grow(t);
        st->hash = station_hash(t->seed, station_id(st));
        st->listed = 1;
        link_in(t, st);
        t->count++;
}

void table_remove(struct station_table *t, struct station *st)
{
        struct station **at = &t->chains[st->hash & (t->room - 1)];

        if (!st->listed)
                return;
        while (*at != st)
                at = &(*at)->next;
        *at = st->next;
        st->next = NULL;
        st->listed = 0;
        t->count--;
}
