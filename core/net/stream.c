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
#include <event2/bufferevent_ssl.h>
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
        struct bufferevent *bev;
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

static void on_read(struct bufferevent *bev, void *arg)
{
        bb_stream *s = arg;

        if (evbuffer_get_length(bufferevent_get_input(bev)) >= READ_AHEAD) {
                bufferevent_disable(bev, EV_READ);
                s->paused = 1;
        }
        wake(s);
}

static void on_write(struct bufferevent *bev, void *arg)
{
        (void)bev;
        wake(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
        bb_stream *s = arg;

        (void)bev;
        if (what & BEV_EVENT_CONNECTED)
                s->connected = 1;
        if (what & BEV_EVENT_EOF)
                s->peer_eof = 1;
        if (what & BEV_EVENT_ERROR)
                s->broken = 1;
        wake(s);
}

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

static bb_stream *stream_new(struct bufferevent *bev, const bb_plugin_ref *who, bb_tenant *tenant)
{
        bb_stream *s = heap_new(sizeof(*s));

        s->magic = STREAM_MAGIC;
        s->bev = bev;
        group_join(&all_streams, &s->group, who, tenant);
        bufferevent_setcb(bev, on_read, on_write, on_event, s);
        bufferevent_setwatermark(bev, EV_WRITE, MAX_UNSENT / 2, 0);
        bufferevent_enable(bev, EV_READ | EV_WRITE);
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
        struct bufferevent *bev;
        struct deadline deadline;
};

static void farewell_end(struct farewell *f)
{
        deadline_stop(&f->deadline);
        bufferevent_free(f->bev);
        free(f);
}

static void on_farewell_deadline(struct deadline *d)
{
        farewell_end(LIST_OF(struct farewell, deadline, d));
}

static void on_farewell_read(struct bufferevent *bev, void *arg)
{
        (void)arg;
        evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
}

static void on_farewell_written(struct bufferevent *bev, void *arg)
{
        (void)arg;
        if (bufferevent_openssl_get_ssl(bev) != NULL)
                tls_say_goodbye(bev);
        shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_farewell_event(struct bufferevent *bev, short what, void *arg)
{
        (void)bev;
        (void)what;
        farewell_end(arg);
}

static void close_softly(struct bufferevent *bev)
{
        struct farewell *f = heap_new(sizeof(*f));

        f->bev = bev;
        deadline_init(&f->deadline, on_farewell_deadline);
        deadline_set(&f->deadline, FAREWELL_MS);
        bufferevent_setwatermark(bev, EV_WRITE, 0, 0);
        bufferevent_setcb(bev, on_farewell_read, on_farewell_written, on_farewell_event, f);
        evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
        bufferevent_enable(bev, EV_READ);
        if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
                on_farewell_written(bev, f);
}

static void release_socket(bb_stream *s)
{
        struct bufferevent *bev = s->bev;

        s->bev = NULL;
        if (bev == NULL)
                return;
        if (s->broken || !s->connected || (s->peer_eof && evbuffer_get_length(bufferevent_get_output(bev)) == 0))
                bufferevent_free(bev);
        else
                close_softly(bev);
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
        struct bufferevent *bev = NULL;
        bb_stream *s;

        (void)accept;
        (void)len;
        if (l->open < MAX_STREAMS_PER_LISTENER)
                bev = bufferevent_socket_new(loop_base(), fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
        if (bev == NULL) {
                close(fd);
                return;
        }
        s = stream_new(bev, l->group.who, l->group.tenant);
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

static bb_err open_socket(bb_str host, int32_t tls, struct bufferevent **ret)
{
        if (tls)
                return tls_connect_new(host, NULL, 1, ret);
        *ret = bufferevent_socket_new(loop_base(), -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
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
        struct bufferevent *bev;
        bb_err err = BB_OK;
        bb_stream *s;

        TRY(open_socket(host, tls, &bev));
        s = stream_new(bev, running_plugin(), bb_task_tenant());
        addr_text((struct sockaddr *)&a->sa, s->remote);
        if (bufferevent_socket_connect(bev, (struct sockaddr *)&a->sa, (int)a->len) != 0)
                s->broken = 1;
        while (err == BB_OK && !s->connected && !s->broken && !s->peer_eof)
                err = end_ms > bb_mono_ms() ? wait_change(s, end_ms - bb_mono_ms()) : BB_E_TIMEOUT;
        if (err == BB_OK && s->connected) {
                addr_prepare_socket(bufferevent_getfd(bev));
                *ret = s;
                return BB_OK;
        }
        if (err == BB_OK && tls)
                tls_log_failure(bev, s->remote);
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
        return s->closed || s->bev == NULL ? BB_E_CLOSED : BB_OK;
}

static void resume_reading(bb_stream *s)
{
        if (!s->paused || s->bev == NULL || evbuffer_get_length(bufferevent_get_input(s->bev)) >= READ_AHEAD)
                return;
        s->paused = 0;
        bufferevent_enable(s->bev, EV_READ);
}

/* Waits until there is more than `have`, or the peer has ended; end_ms < 0: the task's deadline alone. */
static bb_err wait_input(bb_stream *s, size_t have, int64_t end_ms)
{
        for (;;) {
                int64_t left = end_ms < 0 ? -1 : end_ms - bb_mono_ms();

                TRY(check(s));
                if (evbuffer_get_length(bufferevent_get_input(s->bev)) > have || s->peer_eof)
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
        int n;

        TRY(check(s));
        if (room == 0)
                return BB_E_INVALID;
        TRY(wait_input(s, 0, timeout_ms < 0 ? -1 : bb_mono_ms() + timeout_ms));
        n = evbuffer_remove(bufferevent_get_input(s->bev), buffer, room);
        resume_reading(s);
        *ret_count = n > 0 ? (size_t)n : 0;
        return BB_OK;
}

static bb_str take_line(struct evbuffer *in, size_t len)
{
        char *p = bb_alloc(len + 1);
        bb_str line = {.ptr = p, .len = len};

        evbuffer_remove(in, p, len);
        evbuffer_drain(in, 1);
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
                struct evbuffer *in = bufferevent_get_input(s->bev);
                size_t have = evbuffer_get_length(in);
                struct evbuffer_ptr lf = evbuffer_search(in, "\n", 1, NULL);

                if (lf.pos >= 0 && (size_t)lf.pos <= limit + 1) {
                        *ret_line = take_line(in, (size_t)lf.pos);
                        resume_reading(s);
                        return ret_line->len <= limit ? BB_OK : BB_E_LIMIT;
                }
                if (lf.pos >= 0 || have > limit + 1)
                        return BB_E_LIMIT;
                if (s->peer_eof)
                        return BB_E_CLOSED;
                TRY(wait_input(s, have, end_ms));
        }
}

/* --- writing --- */

static bb_err stream_write(bb_stream *s, bb_str data)
{
        TRY(check(s));
        if (s->broken)
                return BB_E_CLOSED;
        evbuffer_add(bufferevent_get_output(s->bev), data.ptr, data.len);
        while (evbuffer_get_length(bufferevent_get_output(s->bev)) > MAX_UNSENT) {
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
                if (s->bev != NULL)
                        bufferevent_free(s->bev);
                s->bev = NULL;
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
