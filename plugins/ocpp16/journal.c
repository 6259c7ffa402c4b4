/* SPDX-License-Identifier: Apache-2.0
 *
 * From a frame to a record: taken apart without reading its JSON (microseconds count here), paired with its CALL, and
 * put into the list. Knows no database.
 */
#include "journal.h"

#include "frame.h"

#include <busbar/log.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_COUNT = 8192, MAX_BYTES = 8 << 20, MAX_MARKS = 16, MAX_ID = 255, MAX_ACTION = 64 };

/* A frame's elements as they stand in its text. */
struct parts {
        int32_t kind;
        bb_str id, action, code, rest;
};

static int32_t is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(bb_str *s)
{
        while (s->len > 0 && is_blank(s->ptr[0])) {
                s->ptr++;
                s->len--;
        }
}

static int32_t take_char(bb_str *s, char c)
{
        skip_blanks(s);
        if (s->len == 0 || s->ptr[0] != c)
                return 0;
        s->ptr++;
        s->len--;
        return 1;
}

/* A string between its quotes, escapes and all. */
static int32_t take_string(bb_str *s, bb_str *ret)
{
        size_t end = 0;

        if (!take_char(s, '"'))
                return 0;
        while (end < s->len && s->ptr[end] != '"')
                end += s->ptr[end] == '\\' ? 2 : 1;
        if (end >= s->len)
                return 0;
        *ret = (bb_str){.ptr = s->ptr, .len = end};
        s->ptr += end + 1;
        s->len -= end + 1;
        return 1;
}

static bb_str without_bracket(bb_str s)
{
        while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
                s.len--;
        if (s.len > 0 && s.ptr[s.len - 1] == ']')
                s.len--;
        skip_blanks(&s);
        return s;
}

static struct parts take_apart(bb_str text)
{
        const struct parts wreck = {.kind = RECORD_UNREADABLE, .rest = text};
        struct parts p = {.kind = 0};
        bb_str at = text;

        if (!take_char(&at, '['))
                return wreck;
        skip_blanks(&at);
        if (at.len == 0 || at.ptr[0] < '2' || at.ptr[0] > '4')
                return wreck;
        p.kind = at.ptr[0] - '0';
        at.ptr++;
        at.len--;
        if (!take_char(&at, ',') || !take_string(&at, &p.id))
                return wreck;
        if (p.kind == FRAME_CALL && (!take_char(&at, ',') || !take_string(&at, &p.action)))
                return wreck;
        if (take_char(&at, ','))
                p.rest = without_bracket(at);
        at = p.rest;
        if (p.kind == FRAME_ERROR)
                take_string(&at, &p.code);
        return p;
}

/* Never half a character. */
static bb_str clip(bb_str s, size_t most)
{
        if (s.len <= most)
                return s;
        while (most > 0 && ((unsigned char)s.ptr[most] & 0xc0) == 0x80)
                most--;
        return (bb_str){.ptr = s.ptr, .len = most};
}

static int64_t connector_in(bb_str payload)
{
        static const char name[] = "\"connectorId\"";
        const char *found = payload.len > 0 ? memmem(payload.ptr, payload.len, name, sizeof(name) - 1) : NULL;
        int64_t number = 0;
        bb_str at;

        if (found == NULL)
                return -1;
        found += sizeof(name) - 1;
        at = (bb_str){.ptr = found, .len = (size_t)(payload.ptr + payload.len - found)};
        if (!take_char(&at, ':'))
                return -1;
        skip_blanks(&at);
        if (at.len == 0 || at.ptr[0] < '0' || at.ptr[0] > '9')
                return -1;
        for (size_t i = 0; i < at.len && i < 9 && at.ptr[i] >= '0' && at.ptr[i] <= '9'; i++)
                number = number * 10 + (at.ptr[i] - '0');
        return number;
}

static int64_t mono_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- records --- */

/* PostgreSQL's text holds no NUL. */
static bb_str put(char **at, bb_str s)
{
        bb_str copy = {.ptr = *at, .len = s.len};

        if (s.ptr == NULL)
                return s;
        memcpy(*at, s.ptr, s.len);
        for (char *nul = memchr(*at, '\0', s.len); nul != NULL; nul = memchr(nul, '\0', (size_t)(*at + s.len - nul)))
                *nul = '?';
        (*at)[s.len] = '\0';
        *at += s.len + 1;
        return copy;
}

static void set_verdict(struct journal_record *r, bb_str verdict)
{
        size_t len = verdict.len < sizeof(r->verdict) ? verdict.len : sizeof(r->verdict) - 1;

        for (size_t i = 0; i < len; i++)
                r->verdict[i] = verdict.ptr[i] > ' ' && verdict.ptr[i] <= '~' ? verdict.ptr[i] : '?';
        r->verdict[len] = '\0';
}

static struct journal_record *record_new(struct journal *j, const struct station *st, int32_t kind, bb_str action,
                                         bb_str message_id, bb_str payload)
{
        size_t size = sizeof(struct journal_record) + st->id_length + action.len + message_id.len + payload.len + 4;
        struct journal_record *r = malloc(size);
        char *at;

        if (r == NULL)
                return NULL;
        *r = (struct journal_record){.size = size,
                                     .id = ++j->last_id,
                                     .at_ms = bb_now_ms(),
                                     .epoch = st->epoch,
                                     .latency_us = -1,
                                     .connector = -1,
                                     .kind = kind};
        at = r->text;
        r->station = put(&at, station_id(st));
        r->action = put(&at, action);
        r->message_id = put(&at, message_id);
        r->payload = put(&at, payload);
        return r;
}

void record_free(struct journal_record *r)
{
        free(r->masked);
        free(r);
}

void records_free(struct journal_record *r)
{
        while (r != NULL) {
                struct journal_record *next = r->next;

                record_free(r);
                r = next;
        }
}

void journal_count_dropped(size_t count)
{
        static bb_metric *dropped;

        if (dropped == NULL)
                dropped = bb_metric_get(BB_METRIC_COUNTER, "ocpp_journal_dropped_total",
                                        "Frames that were not journalled, since the database was away or slow.");
        bb_metric_add(dropped, (double)count);
}

static struct journal_record *detach_first(struct journal *j)
{
        struct journal_record *r = j->first;

        j->first = r->next;
        if (j->first == NULL)
                j->last = NULL;
        j->count--;
        j->bytes -= r->size;
        r->next = NULL;
        return r;
}

struct journal_record *journal_detach(struct journal *j, size_t max_count, size_t max_bytes)
{
        struct journal_record *first = NULL, **end = &first;

        for (size_t n = 0, bytes = 0; j->first != NULL && n < max_count && bytes < max_bytes; n++) {
                bytes += j->first->size;
                *end = detach_first(j);
                end = &(*end)->next;
        }
        return first;
}

static void append(struct journal *j, struct journal_record *r)
{
        if (j->last != NULL)
                j->last->next = r;
        else
                j->first = r;
        j->last = r;
        j->count++;
        j->bytes += r->size;
        while (j->count > j->max_count || (j->bytes > j->max_bytes && j->count > 1)) {
                struct journal_record *oldest = detach_first(j);

                if (oldest->kind != RECORD_PATCH)
                        journal_count_dropped(1);
                record_free(oldest);
        }
        j->wake(j);
}

/* --- pairs --- */

/* Stations keep to one CALL at a time, or nearly so: the list is short. */
static void mark_call(struct station *st, const struct journal_record *r)
{
        struct journal_mark *m = malloc(sizeof(*m) + r->message_id.len + r->action.len);
        struct journal_mark **end = &st->marks;

        if (m == NULL)
                return;
        *m = (struct journal_mark){.next = st->marks,
                                   .call_id = r->id,
                                   .at_ms = r->at_ms,
                                   .mono_us = mono_us(),
                                   .connector = r->connector,
                                   .direction = r->direction,
                                   .id_length = (uint16_t)r->message_id.len,
                                   .action_length = (uint16_t)r->action.len,
                                   .call = (struct journal_record *)(uintptr_t)r};
        memcpy(m->text, r->message_id.ptr, r->message_id.len);
        memcpy(m->text + m->id_length, r->action.ptr, r->action.len);
        st->marks = m;
        for (int32_t n = 0; *end != NULL && n < MAX_MARKS; n++)
                end = &(*end)->next;
        free(*end);
        *end = NULL;
}

static struct journal_mark *take_mark(struct station *st, int32_t direction, bb_str id)
{
        for (struct journal_mark **at = &st->marks; *at != NULL; at = &(*at)->next) {
                struct journal_mark *m = *at;

                if (m->direction != direction || !bb_str_eq(id, (bb_str){.ptr = m->text, .len = m->id_length}))
                        continue;
                *at = m->next;
                return m;
        }
        return NULL;
}

/* The CALL's own record learns what became of it: in the list, or in the database through a patch. */
static void tell_call(struct journal *j, const struct station *st, const struct journal_mark *m,
                      const struct journal_record *answer)
{
        /* Records leave the list in the order of their ids. */
        int32_t in_list = j->first != NULL && j->first->id <= m->call_id;
        struct journal_record *call = in_list ? m->call : record_new(j, st, RECORD_PATCH, BB_NONE, BB_NONE, BB_NONE);

        if (call == NULL)
                return;
        call->pair_id = answer->id;
        call->latency_us = answer->latency_us;
        memcpy(call->verdict, answer->verdict, sizeof(call->verdict));
        if (in_list)
                return;
        call->at_ms = m->at_ms;
        call->bytes = m->call_id; /* of a patch: the row that it is for */
        append(j, call);
}

static struct journal_record *record_of(struct journal *j, struct station *st, const struct parts *p, bb_str text,
                                        const struct journal_mark *m)
{
        bb_str action = p->action, payload = clip(p->rest, JOURNAL_KEPT_BYTES);
        struct journal_record *r;

        if (m != NULL)
                action = (bb_str){.ptr = m->text + m->id_length, .len = m->action_length};
        r = record_new(j, st, p->kind, clip(action, MAX_ACTION), clip(p->id, MAX_ID), payload);
        if (r == NULL)
                return NULL;
        r->bytes = (int64_t)text.len;
        r->cut = payload.len < p->rest.len;
        return r;
}

static bb_str verdict_of(const struct parts *p, int32_t direction, const struct journal_mark *m)
{
        switch (p->kind) {
        case FRAME_CALL:
                return BB_NONE;
        case FRAME_RESULT:
                return m != NULL || direction == JOURNAL_OUT ? BB_STR("ok") : BB_STR("late");
        case FRAME_ERROR:
                return p->code.len > 0 ? p->code : BB_STR("GenericError");
        default:
                return BB_STR("unreadable");
        }
}

void journal_take(struct station *st, int32_t direction, bb_str text)
{
        struct journal *j = st->owner->journal;
        struct parts p = take_apart(text);
        struct journal_mark *m = NULL;
        struct journal_record *r;

        if (p.kind == FRAME_RESULT || p.kind == FRAME_ERROR)
                m = take_mark(st, !direction, clip(p.id, MAX_ID));
        r = record_of(j, st, &p, text, m);
        if (r == NULL) {
                journal_count_dropped(1);
                free(m);
                return;
        }
        r->direction = direction;
        set_verdict(r, verdict_of(&p, direction, m));
        if (p.kind == FRAME_CALL) {
                r->connector = connector_in(r->payload);
                mark_call(st, r);
        }
        if (m != NULL) {
                r->pair_id = m->call_id;
                r->latency_us = mono_us() - m->mono_us;
                r->connector = m->connector;
                tell_call(j, st, m, r);
                free(m);
        }
        if (j->listeners != NULL)
                j->show(j, r);
        append(j, r);
}

void journal_init(struct journal *j, struct ocpp_tenant *owner)
{
        /* Rises over restarts, without asking anybody. */
        *j = (struct journal){.take = journal_take,
                              .owner = owner,
                              .max_count = MAX_COUNT,
                              .max_bytes = MAX_BYTES,
                              .last_id = bb_now_ms() * 1000};
}
