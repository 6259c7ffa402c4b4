/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool: which segment goes over which connection, and what waits. It knows no SQL.
 */
#include "base/time.h"
#include "db/copy.h"
#include "db/work.h"
#include "rt/loop.h"
#include <busbar/log.h>
#include <stdlib.h>

/* Segments in flight on one connection. More would only wait in the server, where no other connection can take them. */
#define DEPTH 8
/* Nothing new goes behind a segment that has run this long. */
#define SLOW_MS 100
#define WAITING_MAX 50000

struct pool pool;

struct segment *segment_new(const struct encoded *statements, size_t count, struct hold *hold)
{
        struct segment *seg = heap_new(sizeof(*seg));

        list_init(&seg->link);
        seg->statements = statements;
        seg->count = count;
        seg->hold = hold;
        seg->results = heap_new(sizeof(*seg->results) * count);
        seg->steps = heap_new(sizeof(*seg->steps) * count * 2);
        seg->tenant = task_current() != NULL ? task_tenant(task_current()) : NULL;
        seg->used = heap_new(sizeof(struct prepared *) * count);
        for (size_t i = 0; i < count; i++) {
                seg->flags |= statements[i].flags;
                seg->used[i] = statements[i].prepared;
        }
        return seg;
}

static void segment_drop_results(struct segment *seg)
{
        for (size_t i = 0; i < seg->count; i++) {
                PQclear(seg->results[i]);
                seg->results[i] = NULL;
        }
}

/* One that is on the wire is only let go: it ends when its answer is there. */
void segment_free(struct segment *seg)
{
        seg->waiter = NULL;
        if (seg->state == SEGMENT_SENT)
                return;
        list_remove(&seg->link);
        segment_drop_results(seg);
        PQclear(seg->error);
        free(seg->results);
        free(seg->used);
        free(seg->steps);
        free(seg);
}

void segment_done(struct segment *seg, bb_err err)
{
        seg->state = SEGMENT_DONE;
        seg->err = err;
        if (err < 0)
                segment_drop_results(seg);
        else if (seg->flags & (BB_STMT_EVENT | BB_STMT_JOB))
                committed(seg->tenant, seg->flags);
        if (err == BB_OK && seg->hold == NULL && seg->queued_us > 0)
                load_seen(time_mono_us() - seg->queued_us);
        if (seg->then != NULL)
                seg->then(seg);
        if (seg->waiter != NULL)
                task_wake(seg->waiter);
        else
                segment_free(seg);
}

static struct lane *lane_of(bb_tenant *tenant)
{
        struct lane *lane;

        LIST_EACH (item, &pool.lanes) {
                lane = LIST_OF(struct lane, link, item);
                if (lane->tenant == tenant)
                        return lane;
        }
        lane = heap_new(sizeof(*lane));
        lane->tenant = tenant;
        list_init(&lane->segments);
        list_append(&pool.lanes, &lane->link);
        return lane;
}

static void lane_close_if_empty(struct lane *lane)
{
        if (!list_empty(&lane->segments))
                return;
        list_remove(&lane->link);
        free(lane);
}

static void enqueue(struct segment *seg)
{
        list_append(&lane_of(seg->tenant)->segments, &seg->link);
        pool.waiting++;
}

static void dequeue(struct segment *seg)
{
        struct lane *lane = lane_of(seg->tenant);

        list_remove(&seg->link);
        pool.waiting--;
        lane_close_if_empty(lane);
}

/* The least loaded connection that may take something; NULL when none. */
static struct conn *pick(void)
{
        int64_t slow = time_mono_ms() - SLOW_MS;
        struct conn *best = NULL;

        for (int32_t i = 0; i < pool.size; i++) {
                struct conn *c = &pool.conns[i];

                if (c->state != CONN_READY || c->held || c->flying_count >= DEPTH)
                        continue;
                if (c->flying_count > 0 && c->head_since_ms < slow)
                        continue;
                if (best == NULL || c->flying_count < best->flying_count)
                        best = c;
        }
        return best;
}

/* Scans get a quarter, transactions at most half; two connections stay for checks and plain segments, so that whoever
 * holds one can still get another of the other kind. */
static int may_hold(int32_t kind)
{
        int32_t scans = pool.size / 4, total = 0;
        int32_t limit[HOLD_KINDS] = {[HOLD_CHECK] = pool.size - 1, [HOLD_SCAN] = scans};

        limit[HOLD_TX] = pool.size - 2 - scans;
        if (limit[HOLD_TX] > pool.size / 2)
                limit[HOLD_TX] = pool.size / 2;
        for (int32_t i = 0; i < HOLD_KINDS; i++)
                total += pool.held[i];
        return pool.held[kind] < limit[kind] && total < pool.size - 1;
}

static void grant_holds(void)
{
        LIST_EACH_SAFE (item, save, &pool.hold_queue) {
                struct hold *hold = LIST_OF(struct hold, link, item);
                struct conn *c;

                if (!may_hold(hold->kind))
                        continue;
                c = pick();
                if (c == NULL)
                        return;
                list_remove(&hold->link);
                pool.held[hold->kind]++;
                c->held = 1;
                c->held_kind = hold->kind;
                c->hold = hold;
                hold->conn = c;
                task_wake(hold->waiter);
        }
}

void pool_dispatch(void)
{
        struct conn *c;

        if (!pool.open)
                return;
        grant_holds();
        while (pool.waiting > 0 && (c = pick()) != NULL) {
                struct lane *lane = LIST_OF(struct lane, link, pool.lanes.next);
                struct segment *seg = LIST_OF(struct segment, link, lane->segments.next);

                if (!conn_send_segment(c, seg))
                        continue;
                /* conn_send_segment moved the segment; the lane goes to the end of the row. */
                pool.waiting--;
                list_remove(&lane->link);
                list_append(&pool.lanes, &lane->link);
                lane_close_if_empty(lane);
        }
}

/* The wait for a connection is limited, the wait for an answer is not: there the server's statement_timeout rules, and
 * the tick. */
static BB_AWAIT bb_err segment_wait(struct segment *seg)
{
        int64_t until = time_mono_ms() + pool.config.wait_ms;

        while (seg->state != SEGMENT_DONE) {
                int64_t left = until - time_mono_ms();
                int waiting = seg->state == SEGMENT_WAITING;
                bb_err err = task_park(!waiting ? -1 : left > 0 ? left : 0);

                if (seg->state == SEGMENT_DONE)
                        break;
                if (err == BB_E_TIMEOUT && waiting && seg->state == SEGMENT_SENT)
                        continue;
                if (err == BB_E_TIMEOUT && waiting && time_mono_ms() >= until)
                        err = BB_E_UNAVAILABLE;
                if (err < 0)
                        return err;
        }
        return seg->err;
}

static void release_after(struct segment *seg)
{
        conn_release(seg->conn);
}

/* The connection stays held until the answer to the last segment is there, but nobody answers for it any more: whoever
 * held it may be gone by then. */
static int send_held(struct segment *seg)
{
        struct hold *hold = seg->hold;
        struct conn *c = hold->conn;

        if (c == NULL)
                return 0;
        if (seg->last) {
                hold->conn = NULL;
                c->hold = NULL;
                seg->then = release_after;
        }
        seg->hold = NULL;
        return conn_send_segment(c, seg);
}

BB_AWAIT bb_err segment_run(struct segment *seg)
{
        bb_err err;

        TRY(task_check());
        seg->waiter = task_current();
        seg->queued_us = time_mono_us();
        if (seg->hold != NULL)
                return send_held(seg) ? segment_wait(seg) : BB_E_UNAVAILABLE;
        if (!pool.open || pool.refused || pool.waiting >= WAITING_MAX)
                return BB_E_UNAVAILABLE;
        enqueue(seg);
        pool_dispatch();
        err = segment_wait(seg);
        if (seg->state == SEGMENT_WAITING)
                dequeue(seg);
        return err;
}

void segment_send_last(struct segment *seg)
{
        seg->last = 1;
        if (!send_held(seg))
                segment_free(seg);
}

BB_AWAIT bb_err hold_acquire(struct hold *hold, int32_t kind)
{
        int64_t until = time_mono_ms() + pool.config.wait_ms;
        bb_err err = BB_OK;

        *hold = (struct hold){.kind = kind, .waiter = task_current()};
        list_init(&hold->link);
        TRY(task_check());
        if (!pool.open || pool.refused)
                return BB_E_UNAVAILABLE;
        list_append(&pool.hold_queue, &hold->link);
        pool_dispatch();
        while (hold->conn == NULL && err == BB_OK && pool.open && time_mono_ms() < until) {
                err = task_park(until - time_mono_ms());
                /* It was granted and died again before we ran: queue once more. */
                if (err == BB_OK && hold->conn == NULL && list_empty(&hold->link) && pool.open)
                        list_append(&pool.hold_queue, &hold->link);
        }
        list_remove(&hold->link);
        if (hold->conn != NULL && err < 0)
                hold_release(hold);
        if (hold->conn != NULL)
                return BB_OK;
        return err == BB_OK || (err == BB_E_TIMEOUT && time_mono_ms() >= until) ? BB_E_UNAVAILABLE : err;
}

void conn_release(struct conn *c)
{
        if (!c->held)
                return;
        c->held = 0;
        pool.held[c->held_kind]--;
        if (c->hold != NULL)
                c->hold->conn = NULL;
        c->hold = NULL;
        pool_dispatch();
}

void hold_release(struct hold *hold)
{
        if (hold->conn != NULL)
                conn_release(hold->conn);
}

void pool_conn_up(void)
{
        if (++pool.ready == 1) {
                bb_log(BB_INFO, "db.connected", "the database answers",
                       bb_kv_int("away_ms", time_mono_ms() - pool.away_since_ms));
                pool.away_since_ms = 0;
        }
        bb_metric_set(pool.m_connections, pool.ready);
        pool_dispatch();
}

void pool_conn_down(const char *why)
{
        bb_metric_set(pool.m_connections, --pool.ready);
        if (pool.ready > 0 || !pool.open)
                return;
        pool.away_since_ms = time_mono_ms();
        bb_metric_add(pool.m_lost, 1);
        bb_log(BB_ERROR, "db.lost", "the database does not answer; calls wait until it is back",
               bb_kv_cstr("reason", why));
}

/* Called in the middle of reading from a connection, so nothing is closed here: no call is let in any more. */
void pool_refuse(const char *why)
{
        if (pool.refused)
                return;
        pool.refused = 1;
        bb_log(BB_ERROR, "db.role_refused", why);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
        size_t flying = 0;

        (void)fd, (void)what, (void)arg;
        for (int32_t i = 0; i < pool.size; i++) {
                conn_tick(&pool.conns[i]);
                flying += pool.conns[i].flying_count;
        }
        bb_metric_set(pool.m_flying, (double)(flying + pool.waiting));
        pool_dispatch();
}

static void open_metrics(void)
{
        pool.m_connections = bb_metric_get(BB_METRIC_GAUGE, "busbar_db_connections", "Connections that are up.");
        pool.m_flying =
                bb_metric_get(BB_METRIC_GAUGE, "busbar_db_segments_pending", "Segments waiting or on the wire.");
        pool.m_wait = bb_metric_get(BB_METRIC_HISTOGRAM, "busbar_db_wait_seconds", "Time until a segment was sent.");
        pool.m_segments = bb_metric_get(BB_METRIC_COUNTER, "busbar_db_segments_total", "Segments answered.");
        pool.m_lost = bb_metric_get(BB_METRIC_COUNTER, "busbar_db_lost_total", "How often the database went away.");
}

bb_err db_open(const struct db_config *config, bb_str *ret_why)
{
        static const struct timeval second = {.tv_sec = 1};
        struct db_config c;

        if (pool.open)
                return BB_E_EXISTS;
        TRY(role_check(config, ret_why));
        c = config_defaults(config);
        pool = (struct pool){.config = c, .open = 1, .size = c.pool_size, .away_since_ms = time_mono_ms()};
        list_init(&pool.lanes);
        list_init(&pool.hold_queue);
        open_metrics();
        work_open();
        pool.tick = event_new(loop_base(), -1, EV_PERSIST, on_tick, NULL);
        event_add(pool.tick, &second);
        for (int32_t i = 0; i < pool.size; i++) {
                list_init(&pool.conns[i].flying);
                pool.conns[i].index = i;
                conn_start(&pool.conns[i]);
        }
        return BB_OK;
}

int32_t db_ready(void)
{
        return pool.open && !pool.refused && pool.ready > 0;
}

/* For tasks that are not to be there any more. */
static void drop_waiting(void)
{
        while (!list_empty(&pool.lanes)) {
                struct lane *lane = LIST_OF(struct lane, link, pool.lanes.next);
                struct segment *seg = LIST_OF(struct segment, link, lane->segments.next);

                dequeue(seg);
                segment_done(seg, BB_E_UNAVAILABLE);
        }
        LIST_EACH_SAFE (item, save, &pool.hold_queue) {
                list_remove(item);
                task_wake(LIST_OF(struct hold, link, item)->waiter);
        }
}

void db_close(void)
{
        if (!pool.open)
                return;
        pool.open = 0;
        event_free(pool.tick);
        for (int32_t i = 0; i < pool.size; i++)
                conn_close(&pool.conns[i]);
        drop_waiting();
        work_close();
        free((void *)(uintptr_t)pool.config.url);
        free((void *)(uintptr_t)pool.config.owner_url);
        free((void *)(uintptr_t)pool.config.replica_url);
        free((void *)(uintptr_t)pool.config.node);
        pool.config = (struct db_config){.url = NULL};
}
