/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and certificates. A socket comes from the supervisor when it has one for the address, so that a crash of
 * the worker refuses no connection; otherwise it is opened here.
 */
#include "base/list.h"
#include "mod/server.h"
#include "net/router.h"
#include "net/tls.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct listening {
        struct list link;
        char *address;    /* as configured */
        char actual[288]; /* with the real port */
        int32_t tls, leaving;
        struct http_listener *listener;
};

static struct list public_listeners = {&public_listeners, &public_listeners};
static struct listening *operation;
static struct http_service service; /* the router's, with our choice of certificates */
static struct tls_context *own_tls; /* for names that no tenant has a certificate for */

/* --- certificates --- */

struct tls_set {
        struct tls_context *own;
        struct tenant **tenants;
        struct tls_context **contexts; /* NULL: the tenant has none */
        size_t count;
};

static const char *c_or_null(bb_str s)
{
        return s.ptr;
}

static bb_err read_context(bb_str certificate, bb_str key, bb_str client_ca, int32_t policy, struct tls_context **ret,
                           bb_str *ret_why)
{
        /* CONFIG_CLIENT_… and TLS_CLIENT_… are the same four in the same order. */
        const struct tls_files files = {.certificate_file = c_or_null(certificate),
                                        .key_file = c_or_null(key),
                                        .client_ca_file = c_or_null(client_ca),
                                        .client_policy = policy};

        return tls_context_new(&files, ret, ret_why);
}

void tls_set_free(struct tls_set *set)
{
        if (set == NULL)
                return;
        if (set->own != NULL)
                tls_context_unref(set->own);
        for (size_t i = 0; i < set->count; i++)
                if (set->contexts[i] != NULL)
                        tls_context_unref(set->contexts[i]);
        free(set->tenants);
        free(set->contexts);
        free(set);
}

static bb_err read_all(struct tls_set *set, const struct config_http_tls *tls, bb_str *ret_why)
{
        if (tls == NULL)
                return BB_OK;
        TRY(read_context(tls->certificate, tls->key, tls->client_ca, tls->client_policy, &set->own, ret_why));
        for (size_t i = 0; i < set->count; i++) {
                const struct config_tenant_tls *t = set->tenants[i]->config->tls;

                if (t != NULL)
                        TRY(read_context(t->certificate, t->key, t->client_ca, t->client_policy, &set->contexts[i],
                                         ret_why));
        }
        return BB_OK;
}

struct tls_set *tls_set_read(const struct config_server *config, struct tenant *const *tenants, size_t count,
                             bb_str *ret_why)
{
        struct tls_set *set = heap_new(sizeof(*set));

        set->count = count;
        set->tenants = heap_new((count + 1) * sizeof(*set->tenants));
        set->contexts = heap_new((count + 1) * sizeof(*set->contexts));
        if (count > 0)
                memcpy(set->tenants, tenants, count * sizeof(*tenants));
        if (read_all(set, config->http.tls, ret_why) < 0) {
                tls_set_free(set);
                return NULL;
        }
        return set;
}

static void take_context(void **place, struct tls_context **from)
{
        if (*place != NULL)
                tls_context_unref(*place);
        *place = *from;
        *from = NULL;
}

void tls_set_apply(struct tls_set *set)
{
        if (set->own != NULL)
                LIST_EACH (item, &public_listeners) {
                        struct listening *l = LIST_OF(struct listening, link, item);

                        if (l->tls && l->listener != NULL)
                                http_listener_set_tls(l->listener, set->own);
                }
        take_context((void **)&own_tls, &set->own);
        for (size_t i = 0; i < set->count; i++)
                take_context(&set->tenants[i]->tls, &set->contexts[i]);
        tls_set_free(set);
}

const struct tls_context *listen_tls(void)
{
        return own_tls;
}

static struct tls_context *select_tls(bb_str server_name, void *arg)
{
        const struct tenant *tenant = tenants_by_host(server_name);

        (void)arg;
        return tenant != NULL ? tenant->tls : NULL;
}

/* --- listeners --- */

static int inherited_socket(const char *address)
{
        for (int32_t i = 0; server.page != NULL && i < server.page->socket_count; i++)
                if (strcmp(server.page->sockets[i].address, address) == 0)
                        return server.page->sockets[i].fd;
        return -1;
}

/* The host as configured, the port as taken. */
static void note_actual(struct listening *l, int32_t port)
{
        const char *colon = strrchr(l->address, ':');
        int host = colon != NULL ? (int)(colon - l->address) : 0;

        snprintf(l->actual, sizeof(l->actual), "%.*s:%d", host, l->address, (int)port);
}

static struct http_limits limits_of(const struct config_server *config)
{
        return (struct http_limits){.header_ms = config->limits.header_ms,
                                    .body_ms = config->limits.body_ms,
                                    .idle_ms = config->limits.idle_ms,
                                    .write_ms = config->limits.write_ms,
                                    .max_connections = config->limits.max_connections,
                                    .max_per_address = config->limits.max_connections_per_address};
}

static void listening_free(struct listening *l)
{
        if (l == NULL)
                return;
        http_listener_free(l->listener);
        free(l->address);
        free(l);
}

static bb_err open_one(const char *address, struct tls_context *tls, const struct http_service *with,
                       const struct http_limits *limits, struct listening **ret)
{
        struct listening *l = heap_new(sizeof(*l));
        int fd = inherited_socket(address), copy = -1;
        char given[32];
        int32_t port = 0;
        bb_err err;

        l->address = (char *)(uintptr_t)heap_str(bb_cstr(address)).ptr;
        l->tls = tls != NULL;
        list_init(&l->link);
        /* The listener closes what it is given; the supervisor's number stays for another turn. */
        if (fd >= 0)
                copy = dup(fd);
        snprintf(given, sizeof(given), "fd:%d", copy);
        err = http_listen(copy >= 0 ? given : address, tls, with, limits, &l->listener, &port);
        if (err < 0) {
                bb_log(BB_ERROR, "listen.failed", "an address cannot be listened at", bb_kv_cstr("address", address),
                       bb_kv_err(err));
                listening_free(l);
                return err;
        }
        note_actual(l, port);
        bb_log(BB_INFO, "listen.opened", NULL, bb_kv_cstr("address", l->actual), bb_kv_int("tls", l->tls),
               bb_kv_int("inherited", copy >= 0));
        *ret = l;
        return BB_OK;
}

static struct listening *find(const char *address, int32_t tls)
{
        LIST_EACH (item, &public_listeners) {
                struct listening *l = LIST_OF(struct listening, link, item);

                if (!l->leaving && l->tls == tls && strcmp(l->address, address) == 0)
                        return l;
        }
        return NULL;
}

static bb_err open_missing(const struct bb_array *addresses, struct tls_context *tls,
                           const struct config_server *config, struct list *opened)
{
        const bb_str *items = addresses->items;
        struct http_limits limits = limits_of(config);

        for (size_t i = 0; i < addresses->count; i++) {
                struct listening *l = NULL;

                if (find(items[i].ptr, tls != NULL) != NULL)
                        continue;
                TRY(open_one(items[i].ptr, tls, &service, &limits, &l));
                list_append(opened, &l->link);
        }
        return BB_OK;
}

bb_err listen_public(const struct config_server *config, const struct tls_set *set)
{
        struct list opened = {&opened, &opened};
        bb_err err;

        service = *router_service();
        service.tls_select = select_tls;
        err = open_missing(&config->http.listen, NULL, config, &opened);
        if (err == BB_OK && config->http.tls != NULL)
                err = open_missing(&config->http.tls->listen, set->own, config, &opened);
        LIST_EACH_SAFE (item, save, &opened) {
                list_remove(item);
                if (err < 0)
                        listening_free(LIST_OF(struct listening, link, item));
                else
                        list_append(&public_listeners, item);
        }
        return err;
}

bb_err listen_operation(const struct config_server *config)
{
        static const struct health_world health = {.ready = status_ready};
        struct http_limits limits = limits_of(config);

        return open_one(config->operation.listen.ptr, NULL, health_service(&health), &limits, &operation);
}

static int32_t is_configured(const struct listening *l, const struct bb_array *addresses)
{
        const bb_str *items = addresses->items;

        for (size_t i = 0; i < addresses->count; i++)
                if (bb_str_is(items[i], l->address))
                        return 1;
        return 0;
}

void listen_close_missing(const struct config_server *config)
{
        static const struct bb_array none;
        const struct bb_array *tls = config->http.tls != NULL ? &config->http.tls->listen : &none;

        LIST_EACH_SAFE (item, save, &public_listeners) {
                struct listening *l = LIST_OF(struct listening, link, item);

                if (l->leaving && http_listener_count(l->listener) == 0) {
                        list_remove(item);
                        listening_free(l);
                        continue;
                }
                if (l->leaving || is_configured(l, l->tls ? tls : &config->http.listen))
                        continue;
                bb_log(BB_INFO, "listen.closed", NULL, bb_kv_cstr("address", l->actual));
                l->leaving = 1;
                http_listener_stop_accepting(l->listener);
                http_listener_drain(l->listener, config->drain.websockets_per_second);
        }
}

/* The supervisor's numbers: as long as one is open, the kernel goes on taking connections. */
static void close_inherited(void)
{
        for (int32_t i = 0; server.page != NULL && i < server.page->socket_count; i++)
                close(server.page->sockets[i].fd);
}

void listen_drain(int32_t websockets_per_second)
{
        close_inherited();
        LIST_EACH (item, &public_listeners) {
                struct listening *l = LIST_OF(struct listening, link, item);

                http_listener_stop_accepting(l->listener);
                http_listener_drain(l->listener, websockets_per_second);
        }
}

size_t listen_connections(void)
{
        size_t count = 0;

        LIST_EACH (item, &public_listeners)
                count += http_listener_count(LIST_OF(struct listening, link, item)->listener);
        return count;
}

void listen_free(void)
{
        LIST_EACH_SAFE (item, save, &public_listeners) {
                list_remove(item);
                listening_free(LIST_OF(struct listening, link, item));
        }
        listening_free(operation);
        operation = NULL;
        if (own_tls != NULL)
                tls_context_unref(own_tls);
        own_tls = NULL;
}

const char *listen_public_address(size_t index)
{
        LIST_EACH (item, &public_listeners) {
                const struct listening *l = LIST_OF(struct listening, link, item);

                if (!l->leaving && index-- == 0)
                        return l->actual;
        }
        return NULL;
}

const char *listen_operation_address(void)
{
        return operation != NULL ? operation->actual : "";
}
