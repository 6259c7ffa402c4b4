/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/stations/{station}/messages/live: Server-Sent Events, one per frame as it passes on this node. Nobody is
 * waited for: a reader that is too slow is cut off.
 */
#include "frame.h"
#include "journal.h"

#include <stdlib.h>

enum { MOST_LISTENERS = 64, MOST_WAITING = 256, MOST_WAITING_BYTES = 1 << 20, COMMENT_MS = 15000 };

struct event {
        struct event *next;
        size_t len;
        char text[];
};

/* Lives on the stack of the task that serves the reader. */
struct listener {
        struct listener *next;
        bb_str station;
        bb_cond *there;
        struct event *first, **end;
        size_t count, bytes;
        int32_t too_slow;
};

static bb_str event_text(const struct journal_record *r)
{
        struct journal_view v = {.id = bb_print("%lld", (long long)r->id),
                                 .at_ms = r->at_ms,
                                 .epoch = r->epoch,
                                 .direction = r->direction,
                                 .type = r->kind == RECORD_UNREADABLE ? 0 : r->kind - 1,
                                 .action = r->action.len > 0 ? r->action : BB_NONE,
                                 .message_id = r->message_id,
                                 .connector_id = r->connector,
                                 .bytes = r->bytes,
                                 .cut = r->cut,
                                 .verdict = r->verdict[0] != '\0' ? bb_cstr(r->verdict) : BB_NONE,
                                 .latency_us = r->latency_us,
                                 .pair_id = r->pair_id != 0 ? bb_print("%lld", (long long)r->pair_id) : BB_NONE};
        bb_str json = bb_json_text(journal_view_json(&v, r->payload));

        return bb_print("id: %.*s\nevent: message\ndata: %.*s\n\n", BB_FMT(v.id), BB_FMT(json));
}

static void give(struct listener *l, bb_str text)
{
        struct event *e;

        if (l->too_slow)
                return;
        l->too_slow = l->count >= MOST_WAITING || l->bytes + text.len > MOST_WAITING_BYTES;
        e = l->too_slow ? NULL : malloc(sizeof(*e) + text.len);
        if (e != NULL) {
                e->next = NULL;
                e->len = text.len;
                memcpy(e->text, text.ptr, text.len);
                *l->end = e;
                l->end = &e->next;
                l->count++;
                l->bytes += text.len;
        }
        bb_cond_wake_all(l->there);
}

void journal_show(struct journal *j, struct journal_record *r)
{
        bb_str text = BB_NONE;

        for (struct listener *l = j->listeners; l != NULL; l = l->next) {
                if (!bb_str_eq(l->station, r->station))
                        continue;
                if (text.ptr == NULL) {
                        journal_mask(r);
                        text = event_text(r);
                }
                give(l, text);
        }
}

static struct event *take(struct listener *l)
{
        struct event *e = l->first;

        if (e == NULL)
                return NULL;
        l->first = e->next;
        if (l->first == NULL)
                l->end = &l->first;
        l->count--;
        l->bytes -= e->len;
        return e;
}

static BB_AWAIT bb_err serve_listener(struct listener *l, bb_response *res)
{
        TRY(bb_response_write(res, BB_STR(": live\n\n")));
        for (;;) {
                struct event *e = take(l);
                bb_err err;

                if (e != NULL) {
                        err = bb_response_write(res, (bb_str){.ptr = e->text, .len = e->len});
                        free(e);
                        TRY(err);
                        continue;
                }
                if (l->too_slow)
                        return BB_E_LIMIT;
                err = bb_cond_wait(l->there, COMMENT_MS);
                if (err == BB_E_TIMEOUT)
                        err = bb_response_write(res, BB_STR(": still here\n\n"));
                TRY(err);
        }
}

static void leave(struct journal *j, struct listener *l)
{
        struct listener **at = &j->listeners;

        while (*at != l)
                at = &(*at)->next;
        *at = l->next;
        j->listener_count--;
        for (struct event *e = take(l); e != NULL; e = take(l))
                free(e);
        bb_cond_free(l->there);
}

BB_AWAIT bb_err journal_live(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct listener l = {.station = bb_request_param(req, "station")};
        struct bb_station station = {.id = BB_NONE};
        struct journal *j = owner->journal;
        bb_err err;

        TRY(charging->station_get(l.station, &station));
        if (j == NULL)
                return bb_problem(res, BB_E_CONFLICT, 409, "journal-off",
                                  BB_STR("The message journal is switched off (journal_days: 0)."));
        if (j->listener_count >= MOST_LISTENERS)
                return bb_problem(res, BB_E_LIMIT, 429, "too-many-listeners",
                                  BB_STR("64 people are listening already; please try again later."));
        bb_response_header(res, "Cache-Control", BB_STR("no-store"));
        bb_response_header(res, "X-Accel-Buffering", BB_STR("no"));
        TRY(bb_response_stream(res, "text/event-stream"));
        if (bb_str_is(bb_request_method(req), "HEAD"))
                return BB_OK;
        l.end = &l.first;
        l.there = bb_cond_new();
        l.next = j->listeners;
        j->listeners = &l;
        j->listener_count++;
        err = serve_listener(&l, res);
        leave(j, &l);
        return err;
}
