/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivery to one subscribing plugin of one tenant: in order, at least once, by one node at a time. The node holds a
 * lease, never a connection, while a handler runs. Events that do not concern the plugin are passed in memory, and only
 * now and then on disk.
 */
#include "base/str.h"
#include "base/time.h"
#include "db/work.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdio.h>

#define ROUND 100 /* events read at once */
#define IDLE_FIRST_MS 10
#define GAP_MS 20
#define ADVANCE_MS 500 /* a long round is written in between */

enum { COL_XID, COL_SEQ, COL_ID, COL_TOPIC, COL_KEY, COL_PAYLOAD, COL_AT, COL_MINE };

static const char fetch_sql[] =
        "select e.xid::text, e.seq, e.id, e.topic, e.key, case when e.topic like any($2) then e.payload::text end,"
        " e.created_at, e.topic like any($2)"
        " from core.event_cursor c cross join lateral (select * from core.event e"
        "   where (e.xid, e.seq) > (c.xid, c.seq) and (e.xid, e.seq) > ($3::xid8, $4)"
        "   and e.xid < pg_snapshot_xmin(pg_current_snapshot()) order by e.xid, e.seq limit 100) e"
        " where c.plugin = $1 order by e.xid, e.seq";
/* Letters that somebody wants to be tried again have no place in the order any more. */
static const char replay_sql[] =
        "select id, event_id, topic, key, payload::text, created_at, attempts"
        " from core.dead_letter where plugin = $1 and replay_at is not null order by replay_at limit 20";

struct round {
        struct subscriber *sub;
        bb_rows *events, *letters;
        size_t done;    /* events of this round that are behind us */
        size_t written; /* up to here the cursor knows it */
        int64_t written_ms;
};

struct delivery {
        struct bb_event event;
        struct subscriber *sub;
        struct task *waiter;
        int32_t ended;
        bb_err err;
};

/* In a task of its own, so that it has its own memory and deadline, and is the plugin's. */
static void deliver_task(void *arg)
{
        struct delivery *d = arg;
        struct work *w = d->sub->work;
        void *state = db_world.tenant_state != NULL ? db_world.tenant_state(d->sub->who, w->tenant) : NULL;

        LIST_EACH (item, &subscriptions) {
                const struct subscription *s = LIST_OF(struct subscription, link, item);

                if (s->who == d->sub->who && d->err >= 0 && topic_matches(s->topic, d->event.topic))
                        d->err = s->handle(&d->event, state);
        }
        d->ended = 1;
        task_wake(d->waiter);
        work_task_ends(w);
}

static int64_t lease_ms(void)
{
        return pool.config.lease_ms;
}

/* Takes or keeps the lease. *ret_fresh: it was not ours, so what was read before may be old. BB_E_NOT_FOUND: another
 * node has it. */
static BB_AWAIT bb_err take_lease(struct round *r, int *ret_fresh)
{
        struct subscriber *s = r->sub;
        int64_t now = time_mono_ms();
        bb_rows *rows = NULL;

        *ret_fresh = s->leased_until_ms == 0;
        if (s->leased_until_ms - now > lease_ms() / 2 && !*ret_fresh)
                return BB_OK;
        TRY(bb_db_query(&rows,
                        "update core.event_cursor set owner = $2, lease_until = now() + $3 * interval '1 millisecond',"
                        " seen_at = now() where plugin = $1 and (owner = $2 or lease_until < now())"
                        " returning attempts, greatest(0, extract(epoch from retry_at - now()) * 1000)::bigint",
                        BB_CTEXT(s->plugin), BB_CTEXT(work_owner), BB_INT(lease_ms())));
        if (bb_rows_count(rows) == 0) {
                s->leased_until_ms = 0;
                return BB_E_NOT_FOUND;
        }
        s->leased_until_ms = now + lease_ms();
        s->attempts = (int32_t)bb_row_int(rows, 0, 0, 0);
        if (*ret_fresh)
                s->retry_at_ms = now + bb_row_int(rows, 0, 1, 0);
        return BB_OK;
}

static void lose_lease(struct subscriber *s)
{
        s->leased_until_ms = 0;
        snprintf(s->seen_xid, sizeof(s->seen_xid), "0");
        s->seen_seq = 0;
        s->passed = 0;
        s->attempts = 0;
}

/* Moves the cursor behind the events that are done. */
static struct bb_stmt advance_stmt(const struct round *r, size_t done)
{
        const struct bb_param params[] = {BB_CTEXT(r->sub->plugin), BB_TEXT(bb_row_str(r->events, done - 1, COL_XID)),
                                          BB_INT(bb_row_int(r->events, done - 1, COL_SEQ, 0)), BB_CTEXT(work_owner),
                                          BB_INT(lease_ms())};

        return lasting_stmt("update core.event_cursor set xid = $2::xid8, seq = $3, attempts = 0, retry_at = null,"
                            " lease_until = now() + $5 * interval '1 millisecond', seen_at = now()"
                            " where plugin = $1 and owner = $4",
                            params, BB_COUNT(params), BB_STMT_MUST_HIT);
}

static BB_AWAIT bb_err advance(struct round *r)
{
        int64_t now = time_mono_ms();
        struct bb_stmt stmt;

        if (r->done == r->written)
                return BB_OK;
        stmt = advance_stmt(r, r->done);
        TRY(bb_db_run(&stmt, 1, NULL));
        r->written = r->done;
        r->written_ms = now;
        r->sub->attempts = 0;
        r->sub->passed = 0;
        r->sub->leased_until_ms = now + lease_ms();
        return BB_OK;
}

/* Waits for the handler's end whatever happens, since it reads our memory; keeps the lease meanwhile. */
static BB_AWAIT bb_err wait_for(struct round *r, struct delivery *d, bb_task_id id)
{
        bb_err err = BB_OK;
        int fresh;

        while (!d->ended) {
                if (err < 0) {
                        task_park_firmly();
                        continue;
                }
                err = task_park(lease_ms() / 3);
                if (err == BB_E_TIMEOUT)
                        err = take_lease(r, &fresh);
                /* Away is no reason to stop it, and a lost lease shows when the cursor is to be moved. */
                if (err == BB_E_UNAVAILABLE || err == BB_E_NOT_FOUND || err == BB_E_TIMEOUT)
                        err = BB_OK;
                if (err < 0 && !d->ended)
                        bb_task_cancel(id);
        }
        return err;
}

/* *ret_result: what the handler said. The return value: why we cannot go on. */
static BB_AWAIT bb_err deliver(struct round *r, const struct bb_event *event, bb_err *ret_result)
{
        struct delivery d = {.event = *event, .sub = r->sub, .waiter = task_current()};
        bb_task_id id = 0;

        d.event.size = sizeof(d.event);
        TRY(work_spawn(r->sub->work, r->sub->who, "event", pool.config.event_timeout_ms, deliver_task, &d, &id));
        TRY(wait_for(r, &d, id));
        /* The tenant is stopping, or the database is away: no fault of the event. */
        if (d.err == BB_E_CANCELED || (d.err == BB_E_UNAVAILABLE && bb_db_away_ms() > 0))
                return d.err;
        *ret_result = d.err;
        return BB_OK;
}

static int64_t retry_delay(int32_t attempts)
{
        int64_t ms = pool.config.event_retry_ms;

        for (int32_t i = 1; i < attempts && ms < pool.config.event_retry_max_ms; i++)
                ms *= 2;
        return ms < pool.config.event_retry_max_ms ? ms : pool.config.event_retry_max_ms;
}

static void tell(const struct subscriber *s, const struct bb_event *e, bb_err err, int dead)
{
        bb_log(dead ? BB_ERROR : BB_WARN, dead ? "event.dead_letter" : "event.failed",
               dead ? "an event could not be handled and was put aside"
                    : "an event could not be handled and is tried again",
               bb_kv_cstr("plugin", s->plugin), bb_kv_str("topic", e->topic), bb_kv_str("event_id", e->id),
               bb_kv_int("attempt", e->attempt), bb_kv_err(err));
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, dead ? "busbar_events_dead_total" : "busbar_events_failed_total",
                                    dead ? "Events put aside as dead letters." : "Failed deliveries of events.",
                                    bb_kv_cstr("plugin", s->plugin)),
                      1);
}

static BB_AWAIT bb_err retry_later(struct round *r, int32_t attempt)
{
        int64_t delay = retry_delay(attempt);

        TRY(advance(r));
        r->sub->retry_at_ms = time_mono_ms() + delay;
        r->sub->attempts = attempt;
        return bb_db_query(
                NULL,
                "update core.event_cursor set attempts = $2, retry_at = now() + $3 * interval '1 millisecond'"
                " where plugin = $1 and owner = $4",
                BB_CTEXT(r->sub->plugin), BB_INT(attempt), BB_INT(delay), BB_CTEXT(work_owner));
}

/* The letter and the step over the event are one. */
static BB_AWAIT bb_err put_aside(struct round *r, const struct bb_event *e, bb_err why)
{
        struct bb_stmt letter = BB_STMT(
                "insert into core.dead_letter (id, event_id, plugin, topic, key, payload, created_at, attempts, error)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant_id, event_id, plugin)"
                " do update set attempts = excluded.attempts, error = excluded.error, died_at = now()",
                BB_UUID(bb_uuid()), BB_UUID(e->id), BB_CTEXT(r->sub->plugin), BB_TEXT(e->topic), BB_TEXT(e->key),
                BB_JSONB(e->payload), BB_TIME(e->at_ms), BB_INT(e->attempt), BB_CTEXT(bb_err_text(why)));

        TRY(bb_db_run((struct bb_stmt[]){letter, advance_stmt(r, r->done + 1)}, 2, NULL));
        r->done++;
        r->written = r->done;
        r->sub->attempts = 0;
        return BB_OK;
}

static struct bb_event event_at(const struct round *r, size_t i)
{
        return (struct bb_event){.id = bb_row_str(r->events, i, COL_ID),
                                 .topic = bb_row_str(r->events, i, COL_TOPIC),
                                 .key = bb_row_str(r->events, i, COL_KEY),
                                 .payload = bb_row_str(r->events, i, COL_PAYLOAD),
                                 .at_ms = bb_row_time(r->events, i, COL_AT, 0),
                                 .attempt = (i == r->written ? r->sub->attempts : 0) + 1};
}

/* One event of this plugin. *ret_stop: the round ends here, since this one has to wait. */
static BB_AWAIT bb_err handle_event(struct round *r, int *ret_stop)
{
        struct bb_event e = event_at(r, r->done);
        bb_err result = BB_OK;
        int fresh = 0;

        TRY(take_lease(r, &fresh));
        if (time_mono_ms() < r->sub->retry_at_ms) {
                *ret_stop = 1;
                return BB_OK;
        }
        TRY(deliver(r, &e, &result));
        if (result >= 0) {
                r->done++;
                return time_mono_ms() - r->written_ms > ADVANCE_MS ? advance(r) : BB_OK;
        }
        if (result == BB_E_INVALID || e.attempt >= pool.config.event_attempts) {
                tell(r->sub, &e, result, 1);
                return put_aside(r, &e, result);
        }
        tell(r->sub, &e, result, 0);
        *ret_stop = 1;
        return retry_later(r, e.attempt);
}

/* What does not concern the plugin is only remembered, and written when it has become much. */
static BB_AWAIT bb_err end_round(struct round *r)
{
        struct subscriber *s = r->sub;
        size_t mine = 0;
        int fresh = 0;

        for (size_t i = r->written; i < r->done; i++)
                mine += bb_row_int(r->events, i, COL_MINE, 0) != 0;
        if (r->done > 0) {
                snprintf(s->seen_xid, sizeof(s->seen_xid), "%.*s", BB_FMT(bb_row_str(r->events, r->done - 1, COL_XID)));
                s->seen_seq = bb_row_int(r->events, r->done - 1, COL_SEQ, 0);
        }
        if (mine == 0 && (s->passed += (int32_t)(r->done - r->written)) < ROUND)
                return BB_OK;
        TRY(take_lease(r, &fresh));
        return advance(r);
}

static BB_AWAIT bb_err handle_events(struct round *r)
{
        int stop = 0;

        while (r->done < bb_rows_count(r->events) && !stop) {
                if (bb_row_int(r->events, r->done, COL_MINE, 0))
                        TRY(handle_event(r, &stop));
                else
                        r->done++;
        }
        return end_round(r);
}

static BB_AWAIT bb_err handle_letter(struct round *r, size_t i)
{
        struct bb_event e = {.id = bb_row_str(r->letters, i, 1),
                             .topic = bb_row_str(r->letters, i, 2),
                             .key = bb_row_str(r->letters, i, 3),
                             .payload = bb_row_str(r->letters, i, 4),
                             .at_ms = bb_row_time(r->letters, i, 5, 0),
                             .attempt = (int32_t)bb_row_int(r->letters, i, 6, 0) + 1};
        bb_str id = bb_row_str(r->letters, i, 0);
        bb_err result = BB_OK;

        TRY(deliver(r, &e, &result));
        if (result >= 0)
                return bb_db_query(NULL, "delete from core.dead_letter where id = $1", BB_UUID(id));
        tell(r->sub, &e, result, 1);
        return bb_db_query(NULL,
                           "update core.dead_letter set replay_at = null, attempts = $2, error = $3, died_at = now()"
                           " where id = $1",
                           BB_UUID(id), BB_INT(e.attempt), BB_CTEXT(bb_err_text(result)));
}

/* Reads what is new and handles it. *ret_more: there is more already. */
static BB_AWAIT bb_err one_round(struct subscriber *s, int *ret_worked, int *ret_more)
{
        struct round r = {.sub = s, .written_ms = time_mono_ms()};
        bb_rows *rows[2] = {NULL};
        int fresh = 0;

        s->round_ms = time_mono_ms();
        TRY(bb_db_run(
                (struct bb_stmt[]){BB_STMT(fetch_sql, BB_CTEXT(s->plugin), BB_TEXT_ARRAY(s->patterns, s->pattern_count),
                                           BB_CTEXT(s->seen_xid), BB_INT(s->seen_seq)),
                                   BB_STMT(replay_sql, BB_CTEXT(s->plugin))},
                2, rows));
        r.events = rows[0];
        r.letters = rows[1];
        *ret_worked = bb_rows_count(r.events) > 0 || bb_rows_count(r.letters) > 0;
        *ret_more = bb_rows_count(r.events) == ROUND;
        if (!*ret_worked)
                return BB_OK;
        TRY(take_lease(&r, &fresh));
        if (fresh) {
                /* Another node may have moved the cursor since: read again. */
                *ret_more = 1;
                return BB_OK;
        }
        for (size_t i = 0; i < bb_rows_count(r.letters); i++)
                TRY(handle_letter(&r, i));
        return handle_events(&r);
}

/* While nothing comes the naps grow from 10 ms to the configured ones. */
static int64_t next_nap(struct subscriber *s, bb_err err, int worked)
{
        s->idle_ms = s->idle_ms < pool.config.poll_ms ? s->idle_ms * 2 : s->idle_ms * 5 / 4;
        if (worked && err == BB_OK)
                s->idle_ms = IDLE_FIRST_MS;
        if (err < 0 && s->idle_ms < pool.config.poll_ms)
                s->idle_ms = pool.config.poll_ms;
        if (s->idle_ms > pool.config.poll_idle_ms)
                s->idle_ms = pool.config.poll_idle_ms;
        return jittered(s->idle_ms);
}

/* An event that is to be tried again later holds back the others, so then no wake is of interest. After a wake the
 * first round is at once, and more of them a little apart, so that each takes what gathered. */
static BB_AWAIT bb_err rest(struct subscriber *s, bb_err err, int worked)
{
        int64_t retry = s->retry_at_ms - time_mono_ms(), gap;

        if (retry > 0) {
                s->idle_ms = IDLE_FIRST_MS;
                return bb_sleep(retry < pool.config.poll_ms ? retry : pool.config.poll_ms);
        }
        TRY(nap(&s->nap, next_nap(s, err, worked)));
        gap = s->round_ms + GAP_MS - time_mono_ms();
        return gap > 0 ? bb_sleep(gap) : BB_OK;
}

void subscriber_run(void *arg)
{
        struct subscriber *s = arg;
        struct arena *own = arena_new("events"), *before = arena_current;
        bb_err err = BB_OK;

        s->idle_ms = IDLE_FIRST_MS;
        while (err != BB_E_CANCELED && !s->work->stopping) {
                int worked = 0, more = 0;

                arena_current = own;
                err = one_round(s, &worked, &more);
                arena_current = before;
                arena_reset(own);
                if (err < 0)
                        lose_lease(s);
                if (err == BB_E_CANCELED || (err == BB_OK && more && time_mono_ms() >= s->retry_at_ms))
                        continue;
                err = rest(s, err, worked);
        }
        arena_free(own);
        s->running = 0;
        work_task_ends(s->work);
}
