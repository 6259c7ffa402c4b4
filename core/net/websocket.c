/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets (RFC 6455): their life from the handshake to on_close, the queue of messages for the plugin, pings,
 * closing, groups. Both sides. The handshakes are in websocket_accept.c and websocket_client.c, the frames in
 * websocket_frames.c.
 */
#include "base/str.h"
#include "net/tls.h"
#include "net/ws.h"
#include <stdlib.h>
#include <sys/socket.h>

static struct list all_sockets = {&all_sockets, &all_sockets}; /* struct group_member */

/* A task in websocket_probe(), in its memory. */
struct probe {
        struct list link;
        struct task *task;
        uint32_t number; /* of the ping whose pong it waits for */
        bb_err result;   /* BB_E_BUSY: still waiting */
};

static void on_timer(struct deadline *);
static void deliver_next(struct bb_ws *);

/* --- life --- */

static void count_sockets(double change)
{
        bb_metric_add(bb_metric_get(BB_METRIC_GAUGE, "busbar_websockets", "Open WebSockets, both sides."), change);
}

struct bb_ws *ws_new(struct wire *wire, const bb_plugin_ref *who, bb_tenant *tenant, const struct bb_ws_handler *h,
                     void *user)
{
        struct bb_ws *ws = heap_new(sizeof(*ws));
        size_t size = h->size < sizeof(ws->handler) ? h->size : sizeof(ws->handler);

        ws->magic = WS_MAGIC;
        ws->wire = wire;
        ws->user = user;
        memcpy(&ws->handler, h, size);
        list_init(&ws->queue);
        list_init(&ws->probes);
        deadline_init(&ws->timer, on_timer);
        group_join(&all_sockets, &ws->group, who, tenant);
        count_sockets(1);
        return ws;
}

/* As of ABI 1.0, or longer. */
int32_t ws_handler_valid(const struct bb_ws_handler *h)
{
        return h != NULL && h->size >= offsetof(struct bb_ws_handler, on_close) + sizeof(h->on_close);
}

static void free_memory(struct bb_ws *ws)
{
        list_remove(&ws->group.link);
        count_sockets(-1);
        ws->magic = 0;
        free(ws->close_reason);
        free(ws->remote);
        free(ws);
}

/* On the loop, when nothing of this socket runs any more. */
static void finish(void *arg)
{
        struct bb_ws *ws = arg;
        int32_t code = ws->close_code != 0 ? ws->close_code : 1006;
        bb_str reason = ws->close_reason != NULL ? bb_cstr(ws->close_reason) : BB_STR("");
        const bb_plugin_ref *before;

        if (ws->handler.on_close != NULL) {
                before = task_enter_plugin(ws->group.who, "ws.on_close");
                ws->handler.on_close(ws, ws->user, code, reason);
                task_leave_plugin(before);
        }
        if (ws->conn != NULL)
                conn_gone(ws->conn);
        free_memory(ws);
}

/* Once, when the socket is closed and no message is left. */
static void finish_if_done(struct bb_ws *ws)
{
        if (ws->state != WS_GONE || ws->running || !list_empty(&ws->queue) || ws->finishing)
                return;
        ws->finishing = 1;
        loop_defer(finish, ws);
}

static void wake_probes(struct bb_ws *ws, uint32_t up_to, bb_err result)
{
        LIST_EACH_SAFE (item, save, &ws->probes) {
                struct probe *p = LIST_OF(struct probe, link, item);

                if ((int32_t)(up_to - p->number) < 0)
                        continue;
                list_remove(item);
                p->result = result;
                task_wake(p->task);
        }
}

static void close_socket(struct bb_ws *ws)
{
        if (ws->state == WS_GONE)
                return;
        ws->state = WS_GONE;
        deadline_stop(&ws->timer);
        ws_rx_free(ws);
        wire_free(ws->wire);
        ws->wire = NULL;
        wake_probes(ws, ws->ping_sent, BB_E_CLOSED);
        finish_if_done(ws);
}

static void drop_queue(struct bb_ws *ws)
{
        LIST_EACH_SAFE (item, save, &ws->queue) {
                list_remove(item);
                free(LIST_OF(struct ws_message, link, item));
        }
        ws->queued = 0;
        ws->queued_bytes = 0;
}

void websocket_drop(struct bb_ws *ws)
{
        drop_queue(ws);
        close_socket(ws);
}

static size_t unsent(const struct bb_ws *ws)
{
        return ws->wire != NULL && !ws->broken ? wire_out(ws->wire).len : 0;
}

/* All that we had to say is with the kernel: the server ends the connection, the client waits for that (§7.1.1). */
static void flushed(struct bb_ws *ws)
{
        if (ws->peer_eof) {
                close_socket(ws);
                return;
        }
        ws->state = WS_LINGER;
        deadline_set(&ws->timer, WS_LINGER_MS);
        wire_set_reading(ws->wire, 1);
        if (ws->client)
                return;
        if (ws->is_tls)
                tls_say_goodbye(ws->wire);
        shutdown(wire_fd(ws->wire), SHUT_WR);
}

static void end_after_flush(struct bb_ws *ws)
{
        if (ws->state >= WS_FLUSH)
                return;
        ws->state = WS_FLUSH;
        wake_probes(ws, ws->ping_sent, BB_E_CLOSED);
        deadline_set(&ws->timer, WS_CLOSE_MS);
        if (unsent(ws) == 0)
                flushed(ws);
}

static void note_close(struct bb_ws *ws, int32_t code, bb_str reason)
{
        if (ws->close_code != 0)
                return;
        ws->close_code = (uint16_t)code;
        if (reason.len > 0)
                ws->close_reason = (char *)(uintptr_t)heap_str(reason).ptr;
}

/* The peer broke the protocol (§7.1.7). */
static void fail(struct bb_ws *ws, int32_t code)
{
        note_close(ws, code, BB_NONE);
        if (!ws->close_sent)
                ws_put_close(ws, code, BB_NONE);
        end_after_flush(ws);
}

void ws_on_close_frame(struct bb_ws *ws, int32_t code, bb_str reason)
{
        note_close(ws, code, reason);
        if (!ws->close_sent)
                ws_put_close(ws, code == 1005 ? 0 : code, BB_NONE);
        end_after_flush(ws);
}

void websocket_close(bb_ws *ws, int32_t code, bb_str reason)
{
        if (ws == NULL || ws->magic != WS_MAGIC || ws->state != WS_OPEN)
                return;
        ws->state = WS_CLOSING;
        if (code == 1006 || code == 1015) { /* never on the wire (§7.4.1): the connection just ends, soon */
                ws->close_sent = 1;
                deadline_set(&ws->timer, 0);
                return;
        }
        ws_put_close(ws, code == 1005 ? 0 : code, reason);
        deadline_set(&ws->timer, WS_CLOSE_MS);
}

int32_t websocket_is_closing(const bb_ws *ws)
{
        return ws->state != WS_OPEN;
}

/* --- messages --- */

static void free_message(void *message)
{
        free(message);
}

static BB_AWAIT void run_message(void *arg)
{
        struct bb_ws *ws = arg;

        /* Empty when the queue was dropped since this task was started. */
        if (!list_empty(&ws->queue)) {
                struct ws_message *m = LIST_OF(struct ws_message, link, ws->queue.next);

                list_remove(&m->link);
                ws->queued--;
                ws->queued_bytes -= m->len;
                arena_cleanup(task_arena(task_current()), free_message, m);
                ws->handler.on_message(ws, ws->user, m->kind, (bb_str){.ptr = m->data, .len = m->len});
        }
        ws->running = 0;
        deliver_next(ws);
}

/* Reading stops while the plugin is behind, or the peer does not take what we send. */
static void set_pause(struct bb_ws *ws)
{
        uint32_t max = ws->handler.max_queue > 0 ? (uint32_t)ws->handler.max_queue : WS_MAX_QUEUE;
        uint8_t pause = ws->queued >= max || ws->queued_bytes > WS_MAX_MESSAGE ||
                        (!ws->peer_eof && unsent(ws) > WS_PAUSE_UNSENT);

        if (ws->wire == NULL || ws->state > WS_CLOSING || pause == ws->paused)
                return;
        ws->paused = pause;
        if (pause) {
                wire_set_reading(ws->wire, 0);
                return;
        }
        if (!ws->peer_eof)
                wire_set_reading(ws->wire, 1);
        wire_again(ws->wire);
}

static void deliver_next(struct bb_ws *ws)
{
        const struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "ws.message", .tenant = ws->group.tenant, .run = run_message, .arg = ws};

        set_pause(ws);
        if (ws->running)
                return;
        if (!list_empty(&ws->queue)) {
                if (task_spawn((bb_plugin_ref *)(uintptr_t)ws->group.who, &spec, NULL) == BB_OK) {
                        ws->running = 1;
                        return;
                }
                /* The tenant stops, or the node is overloaded: what cannot be handled must not seem to be. */
                drop_queue(ws);
                websocket_close(ws, 1013, BB_STR("try again later"));
        }
        finish_if_done(ws);
}

void ws_on_message(struct bb_ws *ws, struct ws_message *m)
{
        bb_str data = {.ptr = m->data, .len = m->len};
        const bb_plugin_ref *before;
        int32_t taken = 0;

        /* After our close frame nothing that still comes is looked at (§1.4). */
        if (ws->state != WS_OPEN) {
                free(m);
                return;
        }
        if (ws->handler.on_arrival != NULL) {
                before = task_enter_plugin(ws->group.who, "ws.on_arrival");
                taken = ws->handler.on_arrival(ws, ws->user, m->kind, data);
                task_leave_plugin(before);
        }
        if (taken || ws->handler.on_message == NULL) {
                free(m);
                return;
        }
        list_append(&ws->queue, &m->link);
        ws->queued++;
        ws->queued_bytes += m->len;
        deliver_next(ws);
}

bb_err websocket_send(bb_ws *ws, int32_t kind, bb_str data)
{
        if (ws == NULL || ws->magic != WS_MAGIC || (kind != BB_WS_TEXT && kind != BB_WS_BINARY))
                return BB_E_INVALID;
        if (ws->state != WS_OPEN || ws->broken)
                return BB_E_CLOSED;
        /* A single large message may go when nothing else waits. */
        if (unsent(ws) > 0 && unsent(ws) + data.len > WS_MAX_UNSENT)
                return BB_E_LIMIT;
        ws_put_frame(ws, kind == BB_WS_TEXT ? WS_OP_TEXT : WS_OP_BINARY, data);
        return BB_OK;
}

/* --- pings --- */

static uint32_t send_ping(struct bb_ws *ws)
{
        uint32_t number = ++ws->ping_sent;
        const char payload[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8), (char)number};

        ws_put_frame(ws, WS_OP_PING, (bb_str){.ptr = payload, .len = sizeof(payload)});
        return number;
}

void ws_on_pong(struct bb_ws *ws, bb_str payload)
{
        const uint8_t *p = (const uint8_t *)payload.ptr;
        uint32_t number;

        if (payload.len != 4)
                return; /* an unsolicited one (§5.5.3) */
        number = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if ((int32_t)(ws->ping_sent - number) >= 0)
                wake_probes(ws, number, BB_OK);
}

bb_err websocket_probe(bb_ws *ws, int64_t timeout_ms)
{
        int64_t end = bb_mono_ms() + timeout_ms;
        bb_err err = BB_OK;
        struct probe *p;

        if (ws == NULL || ws->magic != WS_MAGIC)
                return BB_E_INVALID;
        if (ws->state != WS_OPEN)
                return BB_E_CLOSED;
        p = BB_NEW(struct probe);
        p->task = task_current();
        p->result = BB_E_BUSY;
        p->number = send_ping(ws);
        list_append(&ws->probes, &p->link);
        /* From the first wait on the socket may be gone; only `p` is sure. */
        while (p->result == BB_E_BUSY && err == BB_OK) {
                int64_t left = end - bb_mono_ms();

                err = left > 0 ? task_park(left) : BB_E_TIMEOUT;
        }
        list_remove(&p->link);
        return p->result != BB_E_BUSY ? p->result : err;
}

static void start_pings(struct bb_ws *ws)
{
        if (ws->handler.ping_ms > 0)
                deadline_set(&ws->timer, ws->handler.ping_ms);
}

/* Time for a ping, or for its pong to be here. Any byte since the ping proves that the peer lives; while we do not read
 * ourselves, nothing can be proved. */
static void ping_due(struct bb_ws *ws)
{
        int32_t timeout = ws->handler.ping_timeout_ms > 0 ? ws->handler.ping_timeout_ms : ws->handler.ping_ms;
        int32_t rest = ws->handler.ping_ms - timeout;

        if (!ws->ping_out) {
                ws->ping_out = 1;
                ws->heard = 0;
                send_ping(ws);
                deadline_set(&ws->timer, timeout);
                return;
        }
        if (!ws->heard && !ws->paused) {
                bb_log(BB_INFO, "ws.ping_timeout", "a peer did not answer a ping; its connection is closed",
                       bb_kv_str("remote", websocket_remote(ws)));
                close_socket(ws);
                return;
        }
        ws->ping_out = 0;
        deadline_set(&ws->timer, rest > 1 ? rest : 1);
}

static void on_timer(struct deadline *d)
{
        struct bb_ws *ws = LIST_OF(struct bb_ws, timer, d);

        if (ws->state == WS_OPEN)
                ping_due(ws);
        else
                close_socket(ws); /* the peer did not close, take our last bytes, or end the connection in time */
}

/* --- events --- */

static int32_t take_input(struct bb_ws *ws)
{
        size_t used;
        int32_t code = ws_take(ws, wire_in(ws->wire), &used);

        if (ws->wire != NULL)
                wire_take(ws->wire, used);
        return code;
}

static void on_read(struct wire *wire, void *arg)
{
        struct bb_ws *ws = arg;
        int32_t code;

        ws->heard = 1;
        if (ws->state >= WS_FLUSH) {
                wire_take(wire, SIZE_MAX);
                return;
        }
        code = take_input(ws);
        if (code != 0)
                fail(ws, code);
        set_pause(ws);
        if (ws->peer_eof && !ws->paused && ws->state < WS_FLUSH)
                close_socket(ws);
}

static void on_write(struct wire *wire, void *arg)
{
        struct bb_ws *ws = arg;

        (void)wire;
        if (ws->state == WS_FLUSH)
                flushed(ws);
        else
                set_pause(ws);
}

static void on_event(struct wire *wire, int32_t what, void *arg)
{
        struct bb_ws *ws = arg;

        (void)wire;
        ws->peer_eof = 1;
        ws->broken = what == WIRE_ERROR;
        /* A peer that only shut its side after its close frame still gets ours. */
        if (ws->state == WS_FLUSH && !ws->broken && !ws->is_tls)
                return;
        /* What came before the end and waits for the plugin is not lost: on_read ends it then. */
        if (ws->state == WS_OPEN && ws->paused) {
                set_pause(ws);
                return;
        }
        close_socket(ws);
}

static const struct wire_handler wire_handler = {.on_read = on_read, .on_write = on_write, .on_event = on_event};

void ws_start(struct bb_ws *ws)
{
        wire_set_handler(ws->wire, &wire_handler, ws);
        wire_set_low(ws->wire, 0);
        if (wire_in(ws->wire).len > 0)
                wire_again(ws->wire);
        start_pings(ws);
}

/* --- the rest of the door --- */

bb_str websocket_remote(const bb_ws *ws)
{
        if (ws->conn != NULL)
                return bb_cstr(ws->conn->remote);
        return bb_cstr(ws->remote != NULL ? ws->remote : "");
}

void websocket_close_group(const bb_plugin_ref *who, const bb_tenant *tenant, int32_t code)
{
        LIST_EACH_SAFE (item, save, &all_sockets) {
                struct bb_ws *ws = LIST_OF(struct bb_ws, group.link, item);

                if (!group_has(&ws->group, who, tenant))
                        continue;
                drop_queue(ws); /* whoever would handle them is being stopped */
                websocket_close(ws, code, BB_NONE);
                finish_if_done(ws);
        }
}

size_t websocket_group_count(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        size_t count = 0;

        LIST_EACH (item, &all_sockets)
                count += (size_t)group_has(LIST_OF(struct group_member, link, item), who, tenant);
        return count;
}
