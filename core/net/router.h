/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes, permissions, problems, OpenAPI: everything between a parsed request and a plugin's handler. Knows tenants and
 * plugins only through the callbacks that mod gives it.
 */
#ifndef CORE_NET_ROUTER_H
#define CORE_NET_ROUTER_H

#include "net/http.h"
#include <busbar/auth.h>

/* How the TLS handshake of a request's connection suits the tenant that is asked for. */
enum {
        ROUTER_TLS_FITS = 0,
        ROUTER_TLS_OTHER_RULES = 1, /* fine, but its client certificate was verified by others and counts for nothing */
        ROUTER_TLS_MISDIRECTED = 2  /* 421: it must be made for this tenant, with the certificate that it requires */
};

/* What mod knows and the router asks. */
struct router_world {
        bb_tenant *(*tenant_by_host)(bb_str host_lower_case);
        bb_tenant *(*tenant_by_id)(bb_str id);                           /* for /t/<tenant>/… */
        int32_t (*tenant_has)(const bb_plugin_ref *, const bb_tenant *); /* enabled, started and not quarantined */
        void *(*tenant_state)(const bb_plugin_ref *, const bb_tenant *);
        bb_str (*tenant_option)(const bb_tenant *, const char *name); /* "base_url", … */
        const char *(*plugin_name)(const bb_plugin_ref *);
        const struct bb_auth_ops *(*auth)(const bb_tenant *); /* NULL: the tenant has no plugin that knows people */
        int32_t (*trusted_proxy)(bb_str address);             /* X-Forwarded-For and -Proto are believed from these */
        int32_t (*ready)(void);                               /* 0 while starting or draining: 503 with Retry-After */
        /* Idempotency-Key (needs the database; kept 24 h). begin: BB_OK go on; BB_E_EXISTS: *ret_status, *ret_headers,
         * *ret_body of the first answer are to be replayed; BB_E_BUSY in flight; BB_E_CONFLICT other request under the
         * key. */
        bb_err (*idempotency_begin)(bb_str actor, bb_str route, bb_str key, const uint8_t digest[32],
                                    int32_t *ret_status, bb_str *ret_headers_json, bb_str *ret_body);
        /* Keeps the answer; status 0: nothing final was answered, forget the key so that it can be tried again. */
        bb_err (*idempotency_end)(bb_str actor, bb_str route, bb_str key, int32_t status, bb_str headers_json,
                                  bb_str body);
        /* The tenant's file names this plugin, whether it runs now or not: its routes exist, and answer 503 while it
         * does not run. NULL: the same as tenant_has. */
        int32_t (*tenant_enables)(const bb_plugin_ref *, const bb_tenant *);
        /* auth() gives nobody, but only for now: a plugin that knows people is enabled and does not run. */
        int32_t (*auth_away)(const bb_tenant *);
        int32_t (*tls_fit)(const bb_tenant *, const struct http_request *); /* NULL: it always fits */
};
void router_init(const struct router_world *);
/* The service for public listeners. */
const struct http_service *router_service(void);
void router_remove_plugin(const bb_plugin_ref *);
/* What is known of the routes of a plugin that is not loaded (copied; replaces what was known before): to tenants that
 * have enabled it they answer 503 and not 404, and they stay described. */
void router_set_absent(bb_plugin_ref *, const struct bb_route *, size_t count);
/* Each route of this plugin. */
void router_each_route(const bb_plugin_ref *, void (*fn)(const struct bb_route *, void *arg), void *arg);
/* Requests for routes of this plugin and tenant (NULL: any): how many are under way, and an end to them. A plugin may
 * be unloaded when none is left. */
size_t router_group_count(const bb_plugin_ref *, const bb_tenant *);
void router_cancel_group(const bb_plugin_ref *, const bb_tenant *);
/* Cancels the streams that would never end by themselves (BB_ROUTE_ENDLESS), so that draining need not wait for them.
 */
void router_cancel_endless(void);
/* Forgets every route; for the end of the process and for tests. */
void router_close(void);
/* The description of what this tenant has, OpenAPI 3.1. */
bb_json *router_openapi(const bb_tenant *, bb_str base_url);

/* The service for the operation listener: /livez /readyz /metrics. */
struct health_world {
        int32_t (*ready)(bb_str *ret_why_not_json); /* also the database and each tenant's state */
};
const struct http_service *health_service(const struct health_world *);

/* The "http/1" table. */
extern const struct bb_http_ops http_ops;

#endif
