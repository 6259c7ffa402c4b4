/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations under way, in memory: found by id and by station. Nothing here waits.
 */
#include "operation.h"
#include <stdlib.h>

#define FIRST_SLOTS 256

static void *must(void *p)
{
        if (p == NULL)
                abort(); /* as the host does when memory is gone */
        return p;
}

char *text_keep(bb_str s)
{
        char *p;

        if (s.ptr == NULL)
                return NULL;
        p = must(malloc(s.len + 1));
        memcpy(p, s.ptr, s.len);
        p[s.len] = '\0';
        return p;
}

bb_str text_kept(const char *p)
{
        return p != NULL ? bb_cstr(p) : BB_NONE;
}

static size_t hash_of(bb_str s)
{
        uint64_t h = 14695981039346656037u;

        for (size_t i = 0; i < s.len; i++)
                h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
        return (size_t)(h ^ (h >> 32));
}

static bb_str station_of(const struct operation *o)
{
        return (bb_str){.ptr = o->station, .len = o->station_len};
}

int operation_is_of(const struct operation *o, bb_str station)
{
        return bb_str_eq(station_of(o), station);
}

void operations_open(struct charging *c)
{
        struct operations *all = must(calloc(1, sizeof(*all)));

        all->slots = FIRST_SLOTS;
        all->by_id = must(calloc(all->slots, sizeof(struct operation *)));
        all->by_station = must(calloc(all->slots, sizeof(struct operation *)));
        all->dirty_end = &all->dirty_first;
        c->operations = all;
}

static void link_in(struct operations *all, struct operation *o)
{
        struct operation **id = &all->by_id[hash_of(bb_cstr(o->id)) & (all->slots - 1)];
        struct operation **station = &all->by_station[hash_of(station_of(o)) & (all->slots - 1)];

        o->next_id = *id;
        *id = o;
        o->next_station = *station;
        *station = o;
}

static void grow(struct operations *all)
{
        struct operation **old = all->by_id;
        size_t old_slots = all->slots;

        free(all->by_station);
        all->slots *= 2;
        all->by_id = must(calloc(all->slots, sizeof(struct operation *)));
        all->by_station = must(calloc(all->slots, sizeof(struct operation *)));
        for (size_t i = 0; i < old_slots; i++) {
                for (struct operation *o = old[i], *next; o != NULL; o = next) {
                        next = o->next_id;
                        link_in(all, o);
                }
        }
        free(old);
}

struct operation *operation_new(struct charging *c, bb_str id, bb_str station, bb_str action)
{
        struct operations *all = c->operations;
        struct operation *o = must(calloc(1, sizeof(*o) + station.len + 1));

        if (all->count >= all->slots)
                grow(all);
        memcpy(o->id, id.ptr, id.len < 36 ? id.len : 36);
        memcpy(o->station, station.ptr, station.len);
        o->station_len = (uint32_t)station.len;
        o->action = text_keep(action);
        o->facts_end = &o->facts;
        o->version = 1;
        o->refs = 2; /* the table's and the caller's */
        link_in(all, o);
        all->count++;
        return o;
}

struct operation *operation_find(struct charging *c, bb_str id)
{
        struct operations *all = c->operations;

        for (struct operation *o = all->by_id[hash_of(id) & (all->slots - 1)]; o != NULL; o = o->next_id) {
                if (bb_str_is(id, o->id))
                        return o;
        }
        return NULL;
}

struct operation *operations_of(struct charging *c, bb_str station)
{
        return c->operations->by_station[hash_of(station) & (c->operations->slots - 1)];
}

struct operation *operation_hold(struct operation *o)
{
        o->refs++;
        return o;
}

void facts_free(struct kept_fact *f)
{
        while (f != NULL) {
                struct kept_fact *next = f->next;

                free(f);
                f = next;
        }
}

void operation_drop(struct operation *o)
{
        if (--o->refs > 0)
                return;
        facts_free(o->facts);
        if (o->payload != NULL)
                explicit_bzero(o->payload, strlen(o->payload));
        if (o->changed != NULL)
                bb_cond_free(o->changed);
        if (o->bulk != NULL)
                bulk_run_drop(o->bulk);
        free(o->payload);
        free(o->answer);
        free(o->firmware_before);
        free(o->effects);
        free(o->action);
        free(o);
}

static void unlink_station(struct operations *all, struct operation *o)
{
        struct operation **at = &all->by_station[hash_of(station_of(o)) & (all->slots - 1)];

        while (*at != o)
                at = &(*at)->next_station;
        *at = o->next_station;
        o->next_station = NULL;
}

void operation_forget(struct charging *c, struct operation *o)
{
        struct operations *all = c->operations;
        struct operation **at = &all->by_id[hash_of(bb_cstr(o->id)) & (all->slots - 1)];

        while (*at != NULL && *at != o)
                at = &(*at)->next_id;
        if (*at == NULL)
                return; /* already */
        *at = o->next_id;
        o->next_id = NULL;
        unlink_station(all, o);
        all->count--;
        operation_drop(o);
}

void operations_close(struct charging *c)
{
        struct operations *all = c->operations;

        while (all->dirty_first != NULL) {
                struct operation *o = all->dirty_first;

                all->dirty_first = o->next_dirty;
                operation_drop(o);
        }
        for (size_t i = 0; i < all->slots; i++) {
                while (all->by_id[i] != NULL)
                        operation_forget(c, all->by_id[i]);
        }
        free(all->by_id);
        free(all->by_station);
        free(all);
        c->operations = NULL;
}

/* --- what an operation keeps --- */

static bb_str put(char **at, bb_str s)
{
        char *p = *at;

        if (s.ptr == NULL)
                return BB_NONE;
        memcpy(p, s.ptr, s.len);
        p[s.len] = '\0';
        *at += s.len + 1;
        return (bb_str){.ptr = p, .len = s.len};
}

void operation_plan_keep(struct operation *o, const struct bb_effect_plan *plan)
{
        size_t bytes = (plan->effect_count + 1) * sizeof(struct bb_effect);
        char *at;

        for (size_t i = 0; i < plan->effect_count; i++) {
                const struct bb_effect *e = &plan->effects[i];

                bytes += e->token_uid.len + e->note.len + e->value.len + e->text.len + e->waiting.len + 5;
        }
        free(o->effects);
        o->effects = must(calloc(1, bytes));
        o->effect_count = plan->effect_count < 64 ? plan->effect_count : 64;
        o->planned = 1;
        at = (char *)(o->effects + plan->effect_count + 1);
        for (size_t i = 0; i < o->effect_count; i++) {
                struct bb_effect *e = &o->effects[i];

                *e = plan->effects[i];
                e->token_uid = put(&at, e->token_uid);
                e->note = put(&at, e->note);
                e->value = put(&at, e->value);
                e->text = put(&at, e->text);
                e->waiting = put(&at, e->waiting);
        }
}

/* More than FACTS_MAX that nobody has looked at: the database will tell. */
void operation_fact_keep(struct operation *o, const struct fact *f)
{
        struct kept_fact *kept;
        char *at;

        if (o->fact_count >= FACTS_MAX) {
                o->look = 1;
                return;
        }
        kept = must(malloc(sizeof(*kept) + f->token_uid.len + f->session_id.len + f->firmware_version.len +
                           f->note.len + f->value.len + 5));
        kept->next = NULL;
        kept->is = *f;
        at = kept->text;
        kept->is.token_uid = put(&at, f->token_uid);
        kept->is.session_id = put(&at, f->session_id);
        kept->is.firmware_version = put(&at, f->firmware_version);
        kept->is.note = put(&at, f->note);
        kept->is.value = put(&at, f->value);
        *o->facts_end = kept;
        o->facts_end = &kept->next;
        o->fact_count++;
}

struct kept_fact *operation_facts_take(struct operation *o)
{
        struct kept_fact *facts = o->facts;

        o->facts = NULL;
        o->facts_end = &o->facts;
        o->fact_count = 0;
        return facts;
}

void operation_dirty(struct charging *c, struct operation *o)
{
        struct operations *all = c->operations;

        if (o->dirty)
                return;
        o->dirty = 1;
        o->next_dirty = NULL;
        *all->dirty_end = operation_hold(o);
        all->dirty_end = &o->next_dirty;
}

void operation_changed(struct operation *o, int64_t version)
{
        if (version > o->version)
                o->version = version;
        if (o->changed != NULL)
                bb_cond_wake_all(o->changed);
}
