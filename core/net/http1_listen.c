/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: accepting, the limits on connections, draining.
 */
#include "base/pages.h"
#include "base/str.h"
#include "net/conn.h"
#include "net/tls.h"
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKLOG = 4096, PAUSE_MS = 200, DRAIN_TICK_MS = 100, MANY_ARRIVED = 500, CALM_MS = 5000 };

static const struct http_limits default_limits = {.header_ms = 10000,
                                                  .body_ms = 60000,
                                                  .idle_ms = 75000,
                                                  .write_ms = 60000,
                                                  .max_connections = 100000,
                                                  .max_per_address = 0};

static struct http_limits with_defaults(const struct http_limits *given)
{
        struct http_limits l = given != NULL ? *given : default_limits;

        if (l.header_ms <= 0)
                l.header_ms = default_limits.header_ms;
        if (l.body_ms <= 0)
                l.body_ms = default_limits.body_ms;
        if (l.idle_ms <= 0)
                l.idle_ms = default_limits.idle_ms;
        if (l.write_ms <= 0)
                l.write_ms = default_limits.write_ms;
        if (l.max_connections <= 0)
                l.max_connections = default_limits.max_connections;
        return l;
}

/* --- limits --- */

static void refused(const char *reason)
{
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "busbar_connections_refused_total",
                                    "Connections closed at once because of a limit.", bb_kv_cstr("reason", reason)),
                      1);
}

static uintptr_t count_of(const struct http_listener *l, bb_str key)
{
        return (uintptr_t)map_get(l->per_address, key);
}

static void on_accept(struct evconnlistener *accept, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
        struct http_listener *l = arg;
        bb_str key = BB_NONE;

        (void)accept;
        (void)len;
        if (l->count >= (size_t)l->limits.max_connections) {
                refused("total");
                close(fd);
                return;
        }
        if (l->limits.max_per_address > 0 && !addr_is_loopback(sa)) {
                key = addr_key(sa);
                if (count_of(l, key) >= (uintptr_t)l->limits.max_per_address) {
                        refused("address");
                        close(fd);
                        return;
                }
                map_set(l->per_address, key, (void *)(count_of(l, key) + 1));
        }
        l->count++;
        l->refs++;
        if (++l->arrived >= MANY_ARRIVED)
                deadline_set(&l->calm, CALM_MS);
        conn_new(l, fd, sa, key);
}

void listener_forget(struct http_listener *l, struct http_conn *c)
{
        bb_str key = {.ptr = c->key, .len = c->key_len};

        list_remove(&c->link);
        l->count--;
        if (key.len == 0)
                return;
        if (count_of(l, key) > 1)
                map_set(l->per_address, key, (void *)(count_of(l, key) - 1));
        else
                map_remove(l->per_address, key);
}

/* --- accepting pauses when the process is out of descriptors: retrying at once would only burn the loop --- */

static void on_accept_error(struct evconnlistener *accept, void *arg)
{
        struct http_listener *l = arg;
        int error = EVUTIL_SOCKET_ERROR();

        bb_log(BB_ERROR, "listener.accept_failed", "no connection can be accepted; trying again in a moment",
               bb_kv_cstr("reason", evutil_socket_error_to_string(error)));
        evconnlistener_disable(accept);
        deadline_set(&l->resume, PAUSE_MS);
}

static void on_resume(struct deadline *d)
{
        struct http_listener *l = LIST_OF(struct http_listener, resume, d);

        if (l->accept != NULL)
                evconnlistener_enable(l->accept);
}

/* Thousands of handshakes leave holes in the heap, which the system gets back once nobody comes any more. */
static void on_calm(struct deadline *d)
{
        LIST_OF(struct http_listener, calm, d)->arrived = 0;
        pages_trim();
        malloc_trim(0);
}

/* --- making one --- */

static bb_err open_given(struct http_listener *l, bb_str number)
{
        int64_t fd;

        if (str_to_int(number, &fd) < 0 || fd < 0 || fd > INT32_MAX)
                return BB_E_INVALID;
        addr_prepare_socket((int)fd);
        l->accept = evconnlistener_new(loop_base(), on_accept, l, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                       BACKLOG, (int)fd);
        return l->accept != NULL ? BB_OK : BB_E_IO;
}

static bb_err open_address(struct http_listener *l, bb_str address)
{
        struct addr a;

        TRY(addr_parse(address, &a));
        l->accept = evconnlistener_new_bind(loop_base(), on_accept, l,
                                            LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
                                            (struct sockaddr *)&a.sa, (int)a.len);
        if (l->accept == NULL)
                return BB_E_IO;
        /* Accepted sockets inherit it: no delay, keep-alive. */
        addr_prepare_socket(evconnlistener_get_fd(l->accept));
        return BB_OK;
}

static int32_t bound_port(struct http_listener *l)
{
        struct sockaddr_storage sa;
        socklen_t len = sizeof(sa);

        if (getsockname(evconnlistener_get_fd(l->accept), (struct sockaddr *)&sa, &len) != 0)
                return 0;
        return addr_port((struct sockaddr *)&sa);
}

static void on_drain_tick(struct deadline *);

bb_err http_listen(const char *address, struct tls_context *tls, const struct http_service *service,
                   const struct http_limits *limits, struct http_listener **ret, int32_t *ret_port)
{
        struct http_listener *l = heap_new(sizeof(*l));
        bb_str text = bb_cstr(address);
        bb_err err;

        *l = (struct http_listener){
                .magic = LISTENER_MAGIC, .refs = 1, .service = *service, .limits = with_defaults(limits)};
        list_init(&l->conns);
        deadline_init(&l->resume, on_resume);
        deadline_init(&l->drain, on_drain_tick);
        deadline_init(&l->calm, on_calm);
        l->per_address = map_new();
        err = str_starts(text, BB_STR("fd:")) ? open_given(l, str_sub(text, 3, text.len)) : open_address(l, text);
        if (err < 0) {
                bb_log(BB_ERROR, "listener.failed", "cannot listen", bb_kv_cstr("address", address),
                       bb_kv_cstr("reason", err == BB_E_IO ? strerror(errno) : "not an address with a port"));
                listener_unref(l);
                return err;
        }
        l->tls = tls != NULL ? tls_context_ref(tls) : NULL;
        evconnlistener_set_error_cb(l->accept, on_accept_error);
        if (ret_port != NULL)
                *ret_port = bound_port(l);
        *ret = l;
        return BB_OK;
}

void http_listener_set_tls(struct http_listener *l, struct tls_context *tls)
{
        struct tls_context *before = l->tls;

        l->tls = tls_context_ref(tls);
        if (before != NULL)
                tls_context_unref(before);
}

void http_listener_stop_accepting(struct http_listener *l)
{
        deadline_stop(&l->resume);
        if (l->accept != NULL)
                evconnlistener_free(l->accept);
        l->accept = NULL;
}

size_t http_listener_count(const struct http_listener *l)
{
        return l->count;
}

void listener_unref(struct http_listener *l)
{
        if (--l->refs > 0)
                return;
        if (l->tls != NULL)
                tls_context_unref(l->tls);
        map_free(l->per_address);
        l->magic = 0;
        free(l);
}

void http_listener_free(struct http_listener *l)
{
        if (l == NULL)
                return;
        http_listener_stop_accepting(l);
        deadline_stop(&l->drain);
        deadline_stop(&l->calm);
        LIST_EACH_SAFE (item, save, &l->conns) {
                struct http_conn *c = LIST_OF(struct http_conn, link, item);

                if (c->ws != NULL)
                        websocket_drop(c->ws);
                else
                        conn_gone(c);
        }
        listener_unref(l);
}

/* --- draining --- */

/* Closes as many WebSockets as the rate allows; 1: some are left. */
static int32_t drain_websockets(struct http_listener *l)
{
        LIST_EACH_SAFE (item, save, &l->conns) {
                struct http_conn *c = LIST_OF(struct http_conn, link, item);

                if (c->ws == NULL || websocket_is_closing(c->ws))
                        continue;
                if (l->ws_per_second > 0 && l->ws_credit < 1000)
                        return 1;
                l->ws_credit -= 1000;
                websocket_close(c->ws, 1001, BB_STR("the server is going away"));
        }
        return 0;
}

static void on_drain_tick(struct deadline *d)
{
        struct http_listener *l = LIST_OF(struct http_listener, drain, d);

        /* Also when none is left: a request under way may still become a WebSocket. */
        l->ws_credit += (int64_t)l->ws_per_second * DRAIN_TICK_MS;
        if (!drain_websockets(l))
                l->ws_credit = 0;
        if (l->count > 0)
                deadline_set(&l->drain, DRAIN_TICK_MS);
}

void http_listener_drain(struct http_listener *l, int32_t ws_per_second)
{
        l->draining = 1;
        l->ws_per_second = ws_per_second;
        LIST_EACH_SAFE (item, save, &l->conns) {
                struct http_conn *c = LIST_OF(struct http_conn, link, item);

                if (c->state == CONN_IDLE)
                        conn_answered(c, 0); /* what is unsent of its last answer still goes out */
                else if (c->state == CONN_HANDSHAKE)
                        conn_gone(c);
        }
        on_drain_tick(&l->drain);
}
