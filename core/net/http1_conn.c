/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection from accept to close: reads a header block, asks the service for its plan, reads the body, starts the
 * task that answers, and begins again. One request at a time; later ones wait in a bounded buffer. Deadlines are total.
 */
#include "base/str.h"
#include "net/conn.h"
#include "net/tls.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the end --- */

static void drop_hold(struct http_conn *c)
{
        if (--c->holds > 0)
                return;
        listener_unref(c->listener);
        c->magic = 0;
        free(c);
}

static void exchange_free(void *arg)
{
        struct exchange *x = arg;

        buf_free(&x->body);
        arena_free(x->arena);
}

void conn_gone(struct http_conn *c)
{
        struct exchange *x = c->x;

        if (c->wire != NULL)
                wire_free(c->wire);
        c->wire = NULL;
        c->ws = NULL;
        deadline_stop(&c->deadline);
        listener_forget(c->listener, c);
        if (x != NULL && x->waiter != NULL)
                task_wake(x->waiter);
        if (x != NULL && !x->running) {
                c->x = NULL;
                exchange_free(x);
        }
        drop_hold(c);
}

void conn_abort(struct http_conn *c)
{
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};

        if (c->wire != NULL)
                (void)setsockopt(wire_fd(c->wire), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        conn_gone(c);
}

/* Shuts our side and throws away what still comes: closing with unread bytes would reset the connection, and the peer
 * might lose the answer (RFC 9112 §9.6). */
static void start_linger(struct http_conn *c)
{
        if (c->peer_eof) {
                conn_gone(c);
                return;
        }
        if (c->is_tls)
                tls_say_goodbye(c->wire);
        shutdown(wire_fd(c->wire), SHUT_WR);
        c->state = CONN_LINGER;
        c->paused = 0;
        wire_take(c->wire, SIZE_MAX);
        wire_set_reading(c->wire, 1);
        deadline_set(&c->deadline, CONN_LINGER_MS);
}

/* --- sending --- */

size_t conn_unsent(const struct http_conn *c)
{
        return c->wire != NULL ? wire_out(c->wire).len : 0;
}

static void watch_writing(struct http_conn *c)
{
        c->mark = c->added - conn_unsent(c);
        deadline_set(&c->deadline, c->listener->limits.write_ms);
}

void conn_send(struct http_conn *c, const void *data, size_t len)
{
        if (c->wire == NULL || len == 0)
                return;
        wire_send(c->wire, data, len);
        c->added += len;
        if (c->state == CONN_HANDLING && !deadline_is_set(&c->deadline))
                watch_writing(c);
}

/* No byte was taken for write_ms: the peer does not read. */
static void check_writing(struct http_conn *c)
{
        if (conn_unsent(c) == 0)
                return;
        if (c->added - conn_unsent(c) == c->mark)
                conn_abort(c);
        else
                watch_writing(c);
}

static void become_idle(struct http_conn *c)
{
        c->state = CONN_IDLE;
        c->scan = (struct http1_scan){0};
        deadline_set(&c->deadline, c->listener->limits.idle_ms);
}

/* Everything of this answer is with the kernel, or little enough is not. Later requests that came meanwhile are looked
 * at on the loop, not in the task that ends here. */
static void flushed(struct http_conn *c)
{
        if (!c->keep || c->listener->draining) {
                start_linger(c);
                return;
        }
        become_idle(c);
        wire_again(c->wire);
}

void conn_answered(struct http_conn *c, int32_t keep)
{
        size_t unsent = conn_unsent(c);

        c->keep = keep != 0;
        c->state = CONN_FLUSH;
        wire_set_low(c->wire, 0);
        if (unsent == 0 || (c->keep && unsent <= CONN_UNSENT_NEXT))
                flushed(c);
        else
                watch_writing(c);
}

struct wire *conn_upgrade(struct http_conn *c, struct bb_ws *ws)
{
        struct wire *wire = c->wire;

        c->wire = NULL;
        c->ws = ws;
        c->state = CONN_UPGRADED;
        deadline_stop(&c->deadline);
        return wire;
}

/* --- one request --- */

static void fault(struct http_conn *c, const struct http1_fault *f)
{
        struct exchange *x = c->x;

        c->x = NULL;
        reply_fault(c, x, f->status, f->code, f->detail);
        if (x != NULL)
                exchange_free(x);
        conn_answered(c, 0);
}

static BB_AWAIT void run_exchange(void *arg)
{
        struct exchange *x = arg;
        struct http_conn *c = x->req.conn;

        /* First in, last out: whatever else the task registers may still look at the request. */
        arena_cleanup(task_arena(task_current()), exchange_free, x);
        c->listener->service.handle(&x->req, c->listener->service.arg);
        reply_finish(x);
        c->x = NULL;
        x->waiter = NULL;
        if (c->wire != NULL)
                conn_answered(c, x->keep);
        drop_hold(c);
}

static int32_t start_task(struct http_conn *c)
{
        static const struct http1_fault busy = {503, "busy", "too many requests are being answered"};
        const struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "http.request", .run = run_exchange, .arg = c->x};
        struct exchange *x = c->x;

        x->req.body = x->body.len > 0 ? buf_str(&x->body) : BB_STR("");
        c->state = CONN_HANDLING;
        deadline_stop(&c->deadline);
        if (task_spawn(NULL, &spec, NULL) < 0) {
                fault(c, &busy);
                return 0;
        }
        x->running = 1;
        c->holds++;
        return 0;
}

/* HTTP/1.0 does without Host (health checks of load balancers): the address that was connected to stands for it. */
static bb_str local_host(struct http_conn *c)
{
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);
        char text[ADDR_TEXT_MAX] = "localhost";

        if (getsockname(wire_fd(c->wire), (struct sockaddr *)&sa, &len) == 0)
                addr_text((struct sockaddr *)&sa, text);
        return arena_print(arena_current, strchr(text, ':') != NULL ? "[%s]" : "%s", text);
}

static void fill_request(struct http_conn *c, struct exchange *x, const struct bb_http_header *headers)
{
        struct http_request *req = &x->req;
        size_t bytes = x->head.header_count * sizeof(*headers);
        struct bb_http_header *copy = arena_alloc(x->arena, bytes > 0 ? bytes : 1);

        memcpy(copy, headers, bytes);
        *req = (struct http_request){.conn = c,
                                     .method = x->head.method,
                                     .target = x->head.target,
                                     .host = x->head.host,
                                     .authority = x->head.authority,
                                     .headers = copy,
                                     .header_count = x->head.header_count,
                                     .body = BB_STR(""),
                                     .remote = arena_str(x->arena, bb_cstr(c->remote)),
                                     .is_tls = c->is_tls,
                                     .minor_version = x->head.minor_version};
        if (req->host.len == 0)
                req->host = req->authority = local_host(c);
        if (c->is_tls) {
                tls_describe(c->wire, &req->client_certificate_name, &req->tls_server_name);
                req->tls_client_rules = tls_client_rules(c->wire);
                req->client_chain = tls_client_chain(c->wire);
        }
        x->no_body = bb_str_is(req->method, "HEAD");
        x->reply_left = -1;
}

static void ask_plan(struct http_conn *c, struct exchange *x)
{
        x->plan = (struct http_plan){.max_body = 1024 * 1024};
        c->listener->service.plan(&x->req, &x->plan, c->listener->service.arg);
}

/* The body's length is known to be allowed as far as it can be now; 1: there is a body to read. */
static int32_t prepare_body(struct http_conn *c, struct exchange *x)
{
        static const struct http1_fault too_long = {413, "body-too-large",
                                                    "the body is longer than this resource takes"};
        int64_t expected = x->head.chunked ? x->plan.max_body : x->head.content_length;

        if (x->head.content_length > x->plan.max_body && x->head.content_length > 0) {
                fault(c, &too_long);
                return -1;
        }
        if (x->plan.stream_body)
                return body_stream_begin(x);
        if (expected <= 0 && !x->head.chunked)
                return 0;
        c->state = CONN_BODY;
        /* A big body gets more time: 64 bytes a millisecond beyond the first MiB. */
        deadline_set(&c->deadline, c->listener->limits.body_ms + (expected > 1048576 ? (expected - 1048576) / 64 : 0));
        if (x->head.expect_continue && wire_in(c->wire).len == 0)
                reply_raw(c, "HTTP/1.1 100 Continue\r\n\r\n");
        return 1;
}

/* The block of `len` bytes is complete. */
static int32_t take_head(struct http_conn *c, size_t len)
{
        struct bb_http_header headers[HTTP1_MAX_FIELDS];
        struct arena *arena = arena_new("http.request"), *before = arena_current;
        struct exchange *x = arena_alloc(arena, sizeof(*x));
        char *block = arena_alloc(arena, len);
        struct http1_fault f;
        int32_t r;

        x->arena = arena;
        c->x = x;
        wire_move(c->wire, block, len);
        if (http1_parse_request(block + c->scan.start, len - c->scan.start, headers, &x->head, &f) < 0) {
                fault(c, &f);
                return 0;
        }
        arena_current = arena;
        fill_request(c, x, headers);
        ask_plan(c, x);
        arena_current = before;
        r = prepare_body(c, x);
        if (r < 0)
                return 0;
        return r > 0 ? 1 : start_task(c);
}

static int32_t read_head(struct http_conn *c)
{
        bb_str in = wire_in(c->wire);
        size_t len = in.len;
        struct http1_fault f;
        ptrdiff_t end;

        if (len > HTTP1_MAX_HEAD + 2)
                len = HTTP1_MAX_HEAD + 2;
        end = http1_scan(&c->scan, in.ptr, len, &f);
        if (end < 0) {
                fault(c, &f);
                return 0;
        }
        if (end > 0)
                return take_head(c, (size_t)end);
        if (c->peer_eof)
                conn_gone(c);
        return 0;
}

static int32_t read_plain_body(struct http_conn *c, struct exchange *x)
{
        size_t want = (size_t)x->head.content_length - x->body.len, have = wire_in(c->wire).len;
        size_t take = have < want ? have : want;

        buf_reserve(&x->body, take);
        wire_move(c->wire, x->body.ptr + x->body.len, take);
        x->body.len += take;
        return take == want;
}

/* 1: complete; 0: more is needed; -1: *ret_fault. */
static int32_t read_chunked_body(struct http_conn *c, struct exchange *x, struct http1_fault *ret_fault)
{
        int32_t r = 0;

        while (r == 0 && wire_in(c->wire).len > 0) {
                bb_str data;
                size_t used;

                r = http1_chunked_take(&x->chunked, wire_in(c->wire), &used, &data, ret_fault);
                if (r < 0)
                        return -1;
                if ((int64_t)(x->body.len + data.len) > x->plan.max_body) {
                        *ret_fault = (struct http1_fault){413, "body-too-large",
                                                          "the body is longer than this resource takes"};
                        return -1;
                }
                buf_add_str(&x->body, data);
                wire_take(c->wire, used);
        }
        return r;
}

static int32_t read_body(struct http_conn *c)
{
        struct exchange *x = c->x;
        struct http1_fault f;
        int32_t r = x->head.chunked ? read_chunked_body(c, x, &f) : read_plain_body(c, x);

        if (r < 0) {
                fault(c, &f);
                return 0;
        }
        if (r > 0)
                return start_task(c);
        if (c->peer_eof)
                conn_gone(c);
        return 0;
}

static int32_t read_idle(struct http_conn *c)
{
        if (wire_in(c->wire).len == 0) {
                if (c->peer_eof)
                        conn_gone(c);
                return 0;
        }
        c->state = CONN_HEAD;
        deadline_set(&c->deadline, c->listener->limits.header_ms);
        return 1;
}

static int32_t discard(struct http_conn *c)
{
        c->lingered += wire_in(c->wire).len;
        wire_take(c->wire, SIZE_MAX);
        if (c->lingered > CONN_LINGER_BYTES)
                conn_gone(c);
        return 0;
}

/* Back-pressure: what nobody takes is not read. */
void conn_throttle(struct http_conn *c)
{
        size_t waiting = wire_in(c->wire).len;

        if (!c->paused && waiting >= CONN_READ_AHEAD) {
                wire_set_reading(c->wire, 0);
                c->paused = 1;
        } else if (c->paused && waiting < CONN_READ_AHEAD) {
                c->paused = 0;
                wire_set_reading(c->wire, 1);
        }
}

/* Each: 1 when the next state can go on with what is there. */
static int32_t (*const steps[])(struct http_conn *) = {[CONN_IDLE] = read_idle,
                                                       [CONN_HEAD] = read_head,
                                                       [CONN_BODY] = read_body,
                                                       [CONN_LINGER] = discard,
                                                       [CONN_UPGRADED] = NULL};

static void conn_process(struct http_conn *c)
{
        c->holds++;
        while (c->wire != NULL && steps[c->state] != NULL && steps[c->state](c) > 0)
                ;
        if (c->wire != NULL)
                conn_throttle(c);
        drop_hold(c);
}

/* --- events --- */

static void wake_reader(struct http_conn *c)
{
        if (c->x != NULL && c->x->reading)
                task_wake(c->x->waiter);
}

static void on_read(struct wire *wire, void *arg)
{
        (void)wire;
        wake_reader(arg);
        conn_process(arg);
}

static void on_write(struct wire *wire, void *arg)
{
        struct http_conn *c = arg;

        (void)wire;
        if (c->x != NULL && c->x->waiter != NULL)
                task_wake(c->x->waiter);
        if (c->state == CONN_FLUSH && conn_unsent(c) == 0)
                flushed(c);
}

static void on_eof(struct http_conn *c)
{
        c->peer_eof = 1;
        wake_reader(c);
        /* The peer may have shut its side only: an answer under way is still sent. Over TLS the end is for both. */
        if (!c->is_tls && (c->state == CONN_HANDLING || c->state == CONN_FLUSH))
                return;
        conn_gone(c);
}

static void on_event(struct wire *wire, int32_t what, void *arg)
{
        struct http_conn *c = arg;

        if (what == WIRE_CONNECTED) {
                become_idle(c);
                return;
        }
        if (what == WIRE_EOF) {
                on_eof(c);
                return;
        }
        if (c->state == CONN_HANDSHAKE)
                tls_log_failure(wire, c->remote);
        conn_gone(c);
}

static void on_deadline(struct deadline *d)
{
        static const struct http1_fault slow_head = {408, "request-timeout", "the header block took too long"};
        static const struct http1_fault slow_body = {408, "request-timeout", "the body took too long"};
        struct http_conn *c = LIST_OF(struct http_conn, deadline, d);

        switch (c->state) {
        case CONN_HEAD:
                fault(c, &slow_head);
                return;
        case CONN_BODY:
                fault(c, &slow_body);
                return;
        case CONN_HANDLING:
        case CONN_FLUSH:
                check_writing(c);
                return;
        default:
                conn_gone(c);
        }
}

static const struct wire_handler handler = {.on_read = on_read, .on_write = on_write, .on_event = on_event};

void conn_new(struct http_listener *l, int fd, const struct sockaddr *sa, bb_str key)
{
        struct http_conn *c = heap_new(sizeof(*c));

        c->magic = CONN_MAGIC;
        c->holds = 1;
        c->listener = l;
        c->is_tls = l->tls != NULL;
        if (key.len > 0)
                memcpy(c->key, key.ptr, key.len);
        c->key_len = (uint8_t)key.len;
        addr_text(sa, c->remote);
        list_append(&l->conns, &c->link);
        deadline_init(&c->deadline, on_deadline);
        c->wire = c->is_tls ? tls_accept(l->tls, &l->service, fd) : wire_new(fd, NULL);
        if (c->wire == NULL) {
                close(fd);
                conn_gone(c);
                return;
        }
        c->state = c->is_tls ? CONN_HANDSHAKE : CONN_IDLE;
        deadline_set(&c->deadline, c->is_tls ? TLS_HANDSHAKE_MS : l->limits.idle_ms);
        wire_set_handler(c->wire, &handler, c);
}
