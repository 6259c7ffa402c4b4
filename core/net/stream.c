/* SPDX-License-Identifier: Apache-2.0
 *
 * "net/1": plain TCP, and TLS towards servers, for hardware with protocols of its own. Straight-line reads and writes
 * in the task that owns the stream. Everything belongs to a plugin and a tenant and ends with either.
 */
#include "base/str.h"
#include "net/addr.h"
#include "net/conn.h"
#include "net/group.h"
#include "net/tls.h"
#include <stdlib.h>
#include <unistd.h>

#define STREAM_MAGIC 0x53545245u

enum {
        READ_AHEAD = 64 * 1024,
        MAX_UNSENT = 256 * 1024,
        CONNECT_MS = 10 * 1000,
        MAX_ADDRESSES = 4,
        MAX_STREAMS_PER_LISTENER = 10000,
        PAUSE_MS = 200,
        FAREWELL_MS = 5000
};

struct stream_listener {
        struct group_member group;
        struct evconnlistener *accept;
        struct deadline resume;
        void (*serve)(bb_stream *, void *);
        void *arg;
        size_t open;
        int32_t closed; /* freed when the last stream is gone */
};

struct bb_stream {
        uint32_t magic;
        int32_t connected, peer_eof, broken, paused, closed;
        struct group_member group;
        struct wire *wire;
        struct stream_listener *from; /* NULL: we connected */
        struct task *waiter;
        char remote[ADDR_TEXT_MAX];
};

static struct list all_streams = {&all_streams, &all_streams};
static struct list all_listeners = {&all_listeners, &all_listeners};

/* --- events --- */

static void wake(bb_stream *s)
{
        if (s->waiter != NULL)
                task_wake(s->waiter);
}

static void on_read(struct wire *wire, void *arg)
{
        bb_stream *s = arg;

        if (wire_in(wire).len >= READ_AHEAD) {
                wire_set_reading(wire, 0);
                s->paused = 1;
        }
        wake(s);
}

static void on_write(struct wire *wire, void *arg)
{
        (void)wire;
        wake(arg);
}

static void on_event(struct wire *wire, int32_t what, void *arg)
{
        bb_stream *s = arg;

        (void)wire;
        if (what == WIRE_CONNECTED)
                s->connected = 1;
        if (what == WIRE_EOF)
                s->peer_eof = 1;
        if (what == WIRE_ERROR)
                s->broken = 1;
        wake(s);
}

static const struct wire_handler handler = {.on_read = on_read, .on_write = on_write, .on_event = on_event};

static bb_err wait_change(bb_stream *s, int64_t timeout_ms)
{
        bb_err err;

        if (s->waiter != NULL)
                return BB_E_BUSY; /* another task waits on it: a stream belongs to one */
        s->waiter = task_current();
        err = task_park(timeout_ms);
        s->waiter = NULL;
        return err;
}

/* --- life --- */

static bb_stream *stream_new(struct wire *wire, const bb_plugin_ref *who, bb_tenant *tenant)
{
        bb_stream *s = heap_new(sizeof(*s));

        s->magic = STREAM_MAGIC;
        s->wire = wire;
        group_join(&all_streams, &s->group, who, tenant);
        wire_set_handler(wire, &handler, s);
        wire_set_low(wire, MAX_UNSENT / 2);
        return s;
}

static void listener_free_if_done(struct stream_listener *l)
{
        if (l->closed && l->open == 0)
                free(l);
}

/* A stream that its task has closed: what is unsent still goes out, then our side is shut and what the peer still sends
 * is thrown away. Closing at once would reset the connection, and a protocol's last word might be lost. */
struct farewell {
        struct wire *wire;
        struct deadline deadline;
};

static void farewell_end(struct farewell *f)
{
        deadline_stop(&f->deadline);
        wire_free(f->wire);
        free(f);
}

static void on_farewell_deadline(struct deadline *d)
{
        farewell_end(LIST_OF(struct farewell, deadline, d));
}

static void on_farewell_read(struct wire *wire, void *arg)
{
        (void)arg;
        wire_take(wire, SIZE_MAX);
}

static void on_farewell_written(struct wire *wire, void *arg)
{
        (void)arg;
        if (wire_ssl(wire) != NULL)
                tls_say_goodbye(wire);
        shutdown(wire_fd(wire), SHUT_WR);
}

static void on_farewell_event(struct wire *wire, int32_t what, void *arg)
{
        (void)wire;
        (void)what;
        farewell_end(arg);
}

static const struct wire_handler farewell_handler = {
        .on_read = on_farewell_read, .on_write = on_farewell_written, .on_event = on_farewell_event};

static void close_softly(struct wire *wire)
{
        struct farewell *f = heap_new(sizeof(*f));

        f->wire = wire;
        deadline_init(&f->deadline, on_farewell_deadline);
        deadline_set(&f->deadline, FAREWELL_MS);
        wire_set_low(wire, 0);
        wire_set_handler(wire, &farewell_handler, f);
        wire_take(wire, SIZE_MAX);
        wire_set_reading(wire, 1);
        if (wire_out(wire).len == 0)
                on_farewell_written(wire, f);
}

static void release_socket(bb_stream *s)
{
        struct wire *wire = s->wire;

        s->wire = NULL;
        if (wire == NULL)
                return;
        if (s->broken || !s->connected || (s->peer_eof && wire_out(wire).len == 0))
                wire_free(wire);
        else
                close_softly(wire);
}

static void stream_free(bb_stream *s)
{
        struct stream_listener *l = s->from;

        list_remove(&s->group.link);
        release_socket(s);
        s->magic = 0;
        free(s);
        if (l != NULL) {
                l->open--;
                listener_free_if_done(l);
        }
}

static void stream_close(bb_stream *s)
{
        if (s == NULL || s->magic != STREAM_MAGIC)
                return;
        /* One that a listener accepted is freed when its `serve` has returned: it may still hold the handle. */
        if (s->from == NULL) {
                stream_free(s);
                return;
        }
        s->closed = 1;
        release_socket(s);
}

/* --- listening --- */

static BB_AWAIT void run_serve(void *arg)
{
        bb_stream *s = arg;

        s->from->serve(s, s->from->arg);
        stream_free(s);
}

static void on_accept(struct evconnlistener *accept, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
        struct stream_listener *l = arg;
        struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "net.serve", .tenant = l->group.tenant, .run = run_serve};
        struct wire *wire = NULL;
        bb_stream *s;

        (void)accept;
        (void)len;
        if (l->open < MAX_STREAMS_PER_LISTENER)
                wire = wire_new(fd, NULL);
        if (wire == NULL) {
                close(fd);
                return;
        }
        s = stream_new(wire, l->group.who, l->group.tenant);
        s->connected = 1;
        s->from = l;
        l->open++;
        addr_text(sa, s->remote);
        spec.arg = s;
        if (task_spawn((bb_plugin_ref *)(uintptr_t)l->group.who, &spec, NULL) < 0)
                stream_free(s);
}

static void on_accept_error(struct evconnlistener *accept, void *arg)
{
        struct stream_listener *l = arg;

        bb_log(BB_ERROR, "listener.accept_failed", "no connection can be accepted; trying again in a moment",
               bb_kv_cstr("reason", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR())));
        evconnlistener_disable(accept);
        deadline_set(&l->resume, PAUSE_MS);
}

static void on_resume(struct deadline *d)
{
        evconnlistener_enable(LIST_OF(struct stream_listener, resume, d)->accept);
}

static void listener_close(struct stream_listener *l)
{
        list_remove(&l->group.link);
        deadline_stop(&l->resume);
        evconnlistener_free(l->accept);
        l->closed = 1;
        listener_free_if_done(l);
}

static bb_err stream_listen(bb_plugin_ref *who, bb_tenant *tenant, const char *address,
                            void (*serve)(bb_stream *, void *), void *arg, int32_t *ret_port)
{
        struct sockaddr_storage bound;
        socklen_t bound_len = sizeof(bound);
        struct stream_listener *l;
        struct addr a;

        if (address == NULL || serve == NULL)
                return BB_E_INVALID;
        TRY(addr_parse(bb_cstr(address), &a));
        l = heap_new(sizeof(*l));
        l->serve = serve;
        l->arg = arg;
        deadline_init(&l->resume, on_resume);
        l->accept = evconnlistener_new_bind(loop_base(), on_accept, l,
                                            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 1024,
                                            (struct sockaddr *)&a.sa, (int)a.len);
        if (l->accept == NULL) {
                free(l);
                return BB_E_IO;
        }
        addr_prepare_socket(evconnlistener_get_fd(l->accept));
        evconnlistener_set_error_cb(l->accept, on_accept_error);
        group_join(&all_listeners, &l->group, who, tenant);
        if (ret_port != NULL &&
            getsockname(evconnlistener_get_fd(l->accept), (struct sockaddr *)&bound, &bound_len) == 0)
                *ret_port = addr_port((struct sockaddr *)&bound);
        return BB_OK;
}

/* --- connecting --- */

static bb_err open_socket(bb_str host, int32_t tls, struct wire **ret)
{
        if (tls)
                return tls_connect_new(host, NULL, 1, ret);
        *ret = wire_new(-1, NULL);
        return *ret != NULL ? BB_OK : BB_E_IO;
}

/* Whose code asks: entering tells who was there before. */
static const bb_plugin_ref *running_plugin(void)
{
        const bb_plugin_ref *who = task_enter_plugin(NULL, "net.connect");

        task_leave_plugin(who);
        return who;
}

static bb_err connect_one(bb_str host, int32_t tls, struct addr *a, int64_t end_ms, bb_stream **ret)
{
        struct wire *wire;
        bb_err err = BB_OK;
        bb_stream *s;

        TRY(open_socket(host, tls, &wire));
        s = stream_new(wire, running_plugin(), bb_task_tenant());
        addr_text((struct sockaddr *)&a->sa, s->remote);
        if (wire_connect(wire, (struct sockaddr *)&a->sa, a->len) < 0)
                s->broken = 1;
        while (err == BB_OK && !s->connected && !s->broken && !s->peer_eof)
                err = end_ms > bb_mono_ms() ? wait_change(s, end_ms - bb_mono_ms()) : BB_E_TIMEOUT;
        if (err == BB_OK && s->connected) {
                *ret = s;
                return BB_OK;
        }
        if (err == BB_OK && tls)
                tls_log_failure(wire, s->remote);
        s->broken = 1;
        stream_free(s);
        return err < 0 ? err : BB_E_UNAVAILABLE;
}

static bb_err stream_connect(const char *address, int32_t tls, bb_stream **ret)
{
        int64_t end_ms = bb_mono_ms() + CONNECT_MS;
        bb_err err = BB_E_UNAVAILABLE;
        struct addr *addrs;
        uint16_t port;
        size_t count;
        bb_str host;

        if (address == NULL)
                return BB_E_INVALID;
        TRY(addr_split(bb_cstr(address), &host, &port));
        addrs = BB_NEW_ARRAY(struct addr, MAX_ADDRESSES);
        TRY(addr_resolve(host, port, addrs, MAX_ADDRESSES, &count));
        for (size_t i = 0; i < count && err == BB_E_UNAVAILABLE; i++)
                err = connect_one(host, tls, &addrs[i], end_ms, ret);
        return err;
}

/* --- reading --- */

static bb_err check(const bb_stream *s)
{
        if (s == NULL || s->magic != STREAM_MAGIC)
                return BB_E_INVALID;
        return s->closed || s->wire == NULL ? BB_E_CLOSED : BB_OK;
}

static void resume_reading(bb_stream *s)
{
        if (!s->paused || s->wire == NULL || wire_in(s->wire).len >= READ_AHEAD)
                return;
        s->paused = 0;
        wire_set_reading(s->wire, 1);
}

/* Waits until there is more than `have`, or the peer has ended; end_ms < 0: the task's deadline alone. */
static bb_err wait_input(bb_stream *s, size_t have, int64_t end_ms)
{
        for (;;) {
                int64_t left = end_ms < 0 ? -1 : end_ms - bb_mono_ms();

                TRY(check(s));
                if (wire_in(s->wire).len > have || s->peer_eof)
                        return BB_OK;
                if (s->broken)
                        return BB_E_IO;
                if (end_ms >= 0 && left <= 0)
                        return BB_E_TIMEOUT;
                TRY(wait_change(s, left));
        }
}

static bb_err stream_read(bb_stream *s, void *buffer, size_t room, int64_t timeout_ms, size_t *ret_count)
{
        size_t have;

        TRY(check(s));
        if (room == 0)
                return BB_E_INVALID;
        TRY(wait_input(s, 0, timeout_ms < 0 ? -1 : bb_mono_ms() + timeout_ms));
        have = wire_in(s->wire).len;
        *ret_count = have < room ? have : room;
        wire_move(s->wire, buffer, *ret_count);
        resume_reading(s);
        return BB_OK;
}

static bb_str take_line(struct wire *wire, size_t len)
{
        char *p = bb_alloc(len + 1);
        bb_str line = {.ptr = p, .len = len};

        wire_move(wire, p, len);
        wire_take(wire, 1);
        if (line.len > 0 && p[line.len - 1] == '\r')
                p[--line.len] = 0;
        return line;
}

static bb_err stream_read_line(bb_stream *s, size_t max, int64_t timeout_ms, bb_str *ret_line)
{
        int64_t end_ms = timeout_ms < 0 ? -1 : bb_mono_ms() + timeout_ms;
        size_t limit = max < READ_AHEAD / 2 ? max : READ_AHEAD / 2;

        TRY(check(s));
        for (;;) {
                bb_str in = wire_in(s->wire);
                ptrdiff_t lf = str_find(in, '\n');

                if (lf >= 0 && (size_t)lf <= limit + 1) {
                        *ret_line = take_line(s->wire, (size_t)lf);
                        resume_reading(s);
                        return ret_line->len <= limit ? BB_OK : BB_E_LIMIT;
                }
                if (lf >= 0 || in.len > limit + 1)
                        return BB_E_LIMIT;
                if (s->peer_eof)
                        return BB_E_CLOSED;
                TRY(wait_input(s, in.len, end_ms));
        }
}

/* --- writing --- */

static bb_err stream_write(bb_stream *s, bb_str data)
{
        TRY(check(s));
        if (s->broken)
                return BB_E_CLOSED;
        wire_send(s->wire, data.ptr, data.len);
        while (wire_out(s->wire).len > MAX_UNSENT) {
                TRY(wait_change(s, -1));
                TRY(check(s));
                if (s->broken)
                        return BB_E_CLOSED;
        }
        return BB_OK;
}

static bb_str stream_remote(const bb_stream *s)
{
        return s != NULL && s->magic == STREAM_MAGIC ? bb_cstr(s->remote) : BB_STR("");
}

/* --- groups --- */

void stream_close_group(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        LIST_EACH_SAFE (item, save, &all_listeners) {
                struct stream_listener *l = LIST_OF(struct stream_listener, group.link, item);

                if (group_has(&l->group, who, tenant))
                        listener_close(l);
        }
        LIST_EACH_SAFE (item, save, &all_streams) {
                bb_stream *s = LIST_OF(bb_stream, group.link, item);

                if (!group_has(&s->group, who, tenant))
                        continue;
                /* The task that owns it frees it; its calls return BB_E_CLOSED from now on. */
                s->closed = 1;
                if (s->wire != NULL)
                        wire_free(s->wire);
                s->wire = NULL;
                wake(s);
        }
}

const struct bb_net_ops net_ops = {.size = sizeof(net_ops),
                                   .listen = stream_listen,
                                   .connect = stream_connect,
                                   .read = stream_read,
                                   .read_line = stream_read_line,
                                   .write = stream_write,
                                   .close = stream_close,
                                   .remote = stream_remote};

const struct bb_net_ops *bb_net_ = &net_ops;
