/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection: connecting without blocking, setting the session up, sending segments, losing it, and trying again.
 */
#include "base/time.h"
#include "db/pool.h"
#include "rt/loop.h"
#include <busbar/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 2000
#define CONNECT_MS 10000
#define SETUP_PARAMS 3
/* How long a session keeps its plans. Tables that are new may grow a hundredfold within a minute. */
#define PLANS_MS 15000
#define PLANS_YOUNG_MS 1000
#define YOUNG_MS 60000

static void on_io(evutil_socket_t fd, short what, void *arg);

static void watch(struct conn *c, int32_t what)
{
        if (c->io != NULL && c->io_what == what && event_get_fd(c->io) == PQsocket(c->pg))
                return;
        if (c->io != NULL)
                event_free(c->io);
        c->io_what = what;
        c->io = event_new(loop_base(), PQsocket(c->pg), (short)(what | EV_PERSIST), on_io, c);
        event_add(c->io, NULL);
}

static void set_state(struct conn *c, int32_t state)
{
        c->state = state;
        c->since_ms = time_mono_ms();
}

static void set_timer(struct conn *c, int64_t ms)
{
        struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

        event_add(c->timer, &tv);
}

/* Nobody knows whether what was on the wire was committed, unless the server said goodbye: then what it had not begun
 * to answer was not begun, and may be sent again. */
static void fail_flying(struct conn *c, const char *why)
{
        int64_t lost = 0, again = 0;

        while (!list_empty(&c->flying)) {
                struct segment *seg = LIST_OF(struct segment, link, c->flying.next);

                list_remove(&seg->link);
                c->flying_count--;
                seg->retry = c->goodbye && seg->step_at == 0 && !seg->steps[0].answered;
                again += seg->retry;
                lost += !seg->retry;
                segment_done(seg, BB_E_UNAVAILABLE);
        }
        if (lost > 0 && pool.open)
                bb_log(BB_WARN, "db.segments_lost", "a connection ended before its answers came",
                       bb_kv_cstr("reason", why), bb_kv_int("lost", lost), bb_kv_int("sent_again", again));
        c->goodbye = c->over = 0;
}

static void tear_down(struct conn *c, const char *why)
{
        int was_up = c->up;

        set_state(c, CONN_DOWN);
        if (c->io != NULL)
                event_free(c->io);
        c->io = NULL;
        if (c->pg != NULL)
                PQfinish(c->pg);
        c->pg = NULL;
        free(c->known);
        c->known = NULL;
        c->known_room = 0;
        c->up = 0;
        if (was_up)
                pool_conn_down(why);
        fail_flying(c, why);
        conn_release(c);
}

static void try_again_later(struct conn *c)
{
        c->backoff_ms = c->backoff_ms == 0 ? BACKOFF_FIRST_MS : c->backoff_ms * 2;
        if (c->backoff_ms > BACKOFF_MAX_MS)
                c->backoff_ms = BACKOFF_MAX_MS;
        set_timer(c, c->backoff_ms / 2 + random() % (c->backoff_ms / 2 + 1));
}

void conn_break(struct conn *c, const char *why)
{
        size_t len = strcspn(why, "\n");

        if (c->state == CONN_BROKEN || c->state == CONN_DOWN)
                return;
        free(c->why);
        c->why = strndup(why, len);
        set_state(c, CONN_BROKEN);
        set_timer(c, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct conn *c = arg;

        (void)fd, (void)what;
        if (c->state == CONN_DOWN) {
                conn_start(c);
                return;
        }
        if (c->state == CONN_READY)
                return;
        if (c->state == CONN_BROKEN && c->pg != NULL)
                conn_drain(c);
        tear_down(c, c->state == CONN_BROKEN ? c->why : "connecting took too long");
        try_again_later(c);
}

/* Once an outage: the first reason is the one that helps. */
static void connect_failed(struct conn *c, const char *why)
{
        static int64_t told_for = -1;

        if (pool.ready == 0 && told_for != pool.away_since_ms) {
                told_for = pool.away_since_ms;
                bb_log(BB_WARN, "db.connect_failed", "cannot connect to the database; trying on",
                       bb_kv_str("reason", (bb_str){.ptr = why, .len = strcspn(why, "\n")}));
        }
        conn_break(c, why);
}

/* A session that ends while it does nothing says so by a notice; nothing may be sent over it any more. */
static void on_notice(void *arg, const PGresult *notice)
{
        struct conn *c = arg;

        if (PQresultErrorField(notice, PG_DIAG_SQLSTATE) != NULL && sqlstate_is_loss(notice)) {
                c->over = 1;
                c->goodbye = sqlstate_is_goodbye(notice);
                conn_break(c, "the server ended the session");
                return;
        }
        bb_log(BB_DEBUG, "db.notice", NULL, bb_kv_cstr("sqlstate", PQresultErrorField(notice, PG_DIAG_SQLSTATE)));
}

PGconn *conn_begin(const char *url, const char *session_attributes, const struct resolved *found)
{
        const char *const keys[] = {"dbname",
                                    "fallback_application_name",
                                    "client_encoding",
                                    "keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "tcp_user_timeout",
                                    "target_session_attrs",
                                    found != NULL ? "host" : NULL,
                                    "hostaddr",
                                    "port",
                                    NULL};
        const char *const values[] = {url,
                                      "busbard",
                                      "UTF8",
                                      "10",
                                      "5",
                                      "3",
                                      "15000",
                                      session_attributes,
                                      found != NULL ? found->hosts : NULL,
                                      found != NULL ? found->addresses : NULL,
                                      found != NULL ? found->ports : NULL,
                                      NULL};

        return PQconnectStartParams(keys, values, 1);
}

static void connect_to(struct conn *c, const struct resolved *found)
{
        c->pg = conn_begin(pool.config.url, "read-write", found);
        set_state(c, CONN_CONNECTING);
        if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
                connect_failed(c, c->pg != NULL ? PQerrorMessage(c->pg) : "out of memory");
                return;
        }
        PQsetNoticeReceiver(c->pg, on_notice, c);
        set_timer(c, CONNECT_MS);
        watch(c, EV_WRITE);
}

/* The answer may come when this try was given up already. */
struct waiting_conn {
        struct conn *conn;
        int64_t attempt;
};

static void on_resolved(const struct resolved *found, void *arg)
{
        struct waiting_conn w = *(struct waiting_conn *)arg;

        free(arg);
        if (!pool.open || w.conn->state != CONN_RESOLVING || w.conn->attempt != w.attempt)
                return;
        if (found->count == 0)
                connect_failed(w.conn, "the server's name has no address");
        else
                connect_to(w.conn, found);
}

void conn_start(struct conn *c)
{
        static int64_t attempts;
        struct waiting_conn *w;
        char *hosts, *ports;

        if (c->timer == NULL)
                c->timer = event_new(loop_base(), -1, 0, on_timer, c);
        c->attempt = ++attempts;
        if (!hosts_need_lookup(pool.config.url, &hosts, &ports)) {
                connect_to(c, NULL);
                return;
        }
        set_state(c, CONN_RESOLVING);
        set_timer(c, CONNECT_MS);
        w = heap_new(sizeof(*w));
        *w = (struct waiting_conn){.conn = c, .attempt = c->attempt};
        if (lookup_start(hosts, ports, on_resolved, w))
                return;
        free(w);
        connect_failed(c, "no thread to look up the server's name");
}

static void setup_done(struct segment *seg)
{
        struct conn *c = seg->conn;
        char *complaint;

        if (c->state != CONN_SETUP)
                return;
        if (seg->err < 0) {
                if (seg->error != NULL)
                        sqlstate_log(seg->error, seg->err, "");
                connect_failed(c, "the session could not be set up");
                return;
        }
        complaint = role_complaint(seg->results[0]);
        if (complaint != NULL) {
                pool_refuse(complaint);
                conn_break(c, complaint);
                free(complaint);
                return;
        }
        event_del(c->timer);
        c->backoff_ms = 0;
        c->up = 1;
        pool.refused = 0; /* somebody mended the role */
        set_state(c, CONN_READY);
        pool_conn_up();
}

/* The settings of the session and the question what its role may do, in one statement. */
static void set_up(struct conn *c)
{
        static const Oid types[SETUP_PARAMS] = {25, 25, 25};
        static const int formats[SETUP_PARAMS] = {1, 1, 1};
        char statement_ms[16], lock_ms[16];
        int lengths[SETUP_PARAMS] = {
                snprintf(statement_ms, sizeof(statement_ms), "%d", pool.config.statement_timeout_ms),
                snprintf(lock_ms, sizeof(lock_ms), "%d", pool.config.lock_timeout_ms), 0};
        const char *const values[SETUP_PARAMS] = {statement_ms, lock_ms, ""};
        struct encoded e = {.sql = role_sql,
                            .param_count = SETUP_PARAMS,
                            .types = types,
                            .values = values,
                            .lengths = lengths,
                            .formats = formats};
        struct segment *seg;

        set_state(c, CONN_SETUP);
        if (PQsetnonblocking(c->pg, 1) != 0 || PQenterPipelineMode(c->pg) != 1) {
                connect_failed(c, PQerrorMessage(c->pg));
                return;
        }
        watch(c, EV_READ);
        seg = segment_new(&e, 1, NULL);
        seg->then = setup_done;
        if (!conn_send_segment(c, seg))
                segment_free(seg);
}

static void go_on_connecting(struct conn *c)
{
        switch (PQconnectPoll(c->pg)) {
        case PGRES_POLLING_READING:
                watch(c, EV_READ);
                return;
        case PGRES_POLLING_WRITING:
                watch(c, EV_WRITE);
                return;
        case PGRES_POLLING_OK:
                set_up(c);
                return;
        default:
                connect_failed(c, PQerrorMessage(c->pg));
        }
}

static void flush(struct conn *c)
{
        int left = PQflush(c->pg);

        if (left < 0)
                conn_break(c, PQerrorMessage(c->pg));
        else
                watch(c, left > 0 ? EV_READ | EV_WRITE : EV_READ);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
        struct conn *c = arg;

        (void)fd;
        if (c->state == CONN_CONNECTING) {
                go_on_connecting(c);
                return;
        }
        if (c->state != CONN_SETUP && c->state != CONN_READY)
                return;
        if ((what & EV_READ) && !conn_read_answers(c)) {
                conn_break(c, PQerrorMessage(c->pg));
                return;
        }
        if (c->io_what & EV_WRITE)
                flush(c);
}

/* The Parse of a statement goes ahead of its first use on this session, in the same segment. */
static int send_statement(struct conn *c, struct segment *seg, uint32_t index)
{
        const struct encoded *e = &seg->statements[index];

        if (e->prepared == NULL) {
                seg->steps[seg->step_count++] = (struct segment_step){.index = index};
                return PQsendQueryParams(c->pg, e->sql, (int)e->param_count, e->types, e->values, e->lengths,
                                         e->formats, 0);
        }
        if (!conn_knows(c, e->prepared)) {
                seg->steps[seg->step_count++] = (struct segment_step){.index = index, .prepared = e->prepared};
                if (!PQsendPrepare(c->pg, prepared_name(e->prepared), e->sql, (int)e->param_count,
                                   prepared_types(e->prepared)))
                        return 0;
                conn_set_known(c, e->prepared, 1);
        }
        seg->steps[seg->step_count++] = (struct segment_step){.index = index};
        return PQsendQueryPrepared(c->pg, prepared_name(e->prepared), (int)e->param_count, e->values, e->lengths,
                                   e->formats, 0);
}

int conn_send_segment(struct conn *c, struct segment *seg)
{
        if (c->state != CONN_READY && c->state != CONN_SETUP)
                return 0;
        for (uint32_t i = 0; i < seg->count; i++) {
                if (send_statement(c, seg, i))
                        continue;
                conn_break(c, PQerrorMessage(c->pg));
                seg->step_count = 0;
                return 0;
        }
        if (!PQpipelineSync(c->pg)) {
                conn_break(c, PQerrorMessage(c->pg));
                seg->step_count = 0;
                return 0;
        }
        list_remove(&seg->link);
        list_append(&c->flying, &seg->link);
        if (c->flying_count++ == 0)
                c->head_since_ms = time_mono_ms();
        c->used = 1;
        seg->conn = c;
        seg->state = SEGMENT_SENT;
        seg->statements = NULL;
        if (seg->queued_us > 0)
                bb_metric_set(pool.m_wait, (double)(time_mono_us() - seg->queued_us) / 1e6);
        flush(c);
        return 1;
}

/* A plan that was made while a table was nearly empty may read all of it, and the server keeps it until it counts the
 * rows anew, after a minute at best. */
static void forget_plans(struct conn *c, int64_t now)
{
        struct encoded e = plain_statement("discard plans");
        struct segment *seg;

        if (!c->used || c->held || now - c->planned_ms < (now - c->since_ms < YOUNG_MS ? PLANS_YOUNG_MS : PLANS_MS))
                return;
        seg = segment_new(&e, 1, NULL);
        if (!conn_send_segment(c, seg)) {
                segment_free(seg);
                return;
        }
        c->planned_ms = now;
        c->used = 0;
}

/* A server that neither answers nor closes: nothing takes longer than the statement_timeout of each statement. */
void conn_tick(struct conn *c)
{
        int64_t most = (int64_t)pool.config.statement_timeout_ms * 2 + 15000, now = time_mono_ms();

        if (c->state != CONN_READY)
                return;
        if (c->flying_count > 0 && now - c->head_since_ms > most)
                conn_break(c, "no answer");
        else
                forget_plans(c, now);
}

void conn_close(struct conn *c)
{
        tear_down(c, "closing");
        if (c->timer != NULL)
                event_free(c->timer);
        c->timer = NULL;
        free(c->why);
        c->why = NULL;
}
