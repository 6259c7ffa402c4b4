/* SPDX-License-Identifier: Apache-2.0
 *
 * Which statements are prepared where. A statement is found by its address and then by its text (the address of an
 * unloaded plugin's text may be used again), and told apart by the types of its parameters.
 */
#include "base/map.h"
#include "db/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREPARED_MAX 8192 /* beyond it statements go unprepared; SQL is constant text, so nothing comes near it */
#define BY_ADDRESS 2048

struct prepared {
        struct prepared *next; /* other types, newest first */
        uint32_t number;
        size_t count;
        Oid *types;
        const char *sql;
        char name[16];
};

struct text {
        char *sql;
        struct prepared *variants;
};

static struct map *texts;
static uint32_t prepared_count;
static struct {
        const char *address;
        struct text *text;
} by_address[BY_ADDRESS];

static struct text *find_text(const char *sql)
{
        size_t slot = ((uintptr_t)sql >> 3) % BY_ADDRESS;
        struct text *t = by_address[slot].text;

        if (by_address[slot].address == sql && strcmp(t->sql, sql) == 0)
                return t;
        if (texts == NULL)
                texts = map_new();
        t = map_get(texts, bb_cstr(sql));
        if (t == NULL) {
                t = heap_new(sizeof(*t));
                t->sql = (char *)(uintptr_t)heap_str(bb_cstr(sql)).ptr;
                map_set(texts, bb_cstr(sql), t);
        }
        by_address[slot].address = sql;
        by_address[slot].text = t;
        return t;
}

/* A NULL of no known type fits any. */
static int fits(const struct prepared *p, const Oid *types, size_t count)
{
        if (p->count != count)
                return 0;
        for (size_t i = 0; i < count; i++)
                if (types[i] != 0 && types[i] != p->types[i])
                        return 0;
        return 1;
}

/* What is unknown this time is taken over from before, so that a statement with n optional parameters ends with a few
 * variants and not 2^n. */
static struct prepared *add_variant(struct text *t, const Oid *types, size_t count)
{
        struct prepared *p = heap_new(sizeof(*p));
        const struct prepared *before = t->variants != NULL && t->variants->count == count ? t->variants : NULL;

        p->number = prepared_count++;
        p->count = count;
        p->sql = t->sql;
        p->types = heap_new(sizeof(Oid) * (count + 1));
        for (size_t i = 0; i < count; i++)
                p->types[i] = types[i] == 0 && before != NULL ? before->types[i] : types[i];
        snprintf(p->name, sizeof(p->name), "b%u", p->number);
        p->next = t->variants;
        t->variants = p;
        return p;
}

struct prepared *prepared_find(const char *sql, const Oid *types, size_t count)
{
        struct text *t = find_text(sql);

        for (struct prepared *p = t->variants; p != NULL; p = p->next)
                if (fits(p, types, count))
                        return p;
        return prepared_count < PREPARED_MAX ? add_variant(t, types, count) : NULL;
}

/* Segments in flight may still use it, so it is kept; only its name and number are new. */
void prepared_retire(struct prepared *p)
{
        if (prepared_count >= PREPARED_MAX)
                return;
        p->number = prepared_count++;
        snprintf(p->name, sizeof(p->name), "b%u", p->number);
}

const char *prepared_name(const struct prepared *p)
{
        return p->name;
}

const char *prepared_sql(const struct prepared *p)
{
        return p->sql;
}

const Oid *prepared_types(const struct prepared *p)
{
        return p->types;
}

int conn_knows(const struct conn *c, const struct prepared *p)
{
        return p->number < c->known_room && c->known[p->number];
}

void conn_set_known(struct conn *c, const struct prepared *p, int known)
{
        if (p->number >= c->known_room) {
                size_t room = (size_t)p->number * 2 + 64;

                c->known = heap_grow(c->known, room);
                memset(c->known + c->known_room, 0, room - c->known_room);
                c->known_room = room;
        }
        c->known[p->number] = known != 0;
}
