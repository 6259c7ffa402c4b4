/* SPDX-License-Identifier: Apache-2.0
 *
 * What the router, the health page and the database ask of tenants and plugins. They know neither by themselves.
 */
#include "db/db.h"
#include "mod/config_check.h"
#include "mod/registry.h"
#include "mod/server.h"
#include "net/router.h"
#include "net/tls.h"
#include <stdlib.h>

static struct config_network *proxies;
static size_t proxy_count;

static bb_tenant *tenant_by_host(bb_str host)
{
        struct tenant *tenant = tenants_by_host(host);

        return tenant != NULL ? &tenant->pub : NULL;
}

static bb_tenant *tenant_by_id(bb_str id)
{
        struct tenant *tenant = tenants_by_id(id);

        return tenant != NULL ? &tenant->pub : NULL;
}

static const struct bb_auth_ops *auth_of(const bb_tenant *t)
{
        struct bb_plugin_ref *plugin;
        const void *ops;

        for (size_t i = 0; (ops = registry_provider("auth/1", i, &plugin)) != NULL; i++)
                if (tenant_has_plugin(plugin, t))
                        return ops;
        return NULL;
}

/* Asked when auth_of() found nobody: none runs, but one should. */
static int32_t auth_away(const bb_tenant *t)
{
        return tenant_enables_interface(t, "auth/1");
}

static int32_t named_another(const struct tenant *tenant, bb_str server_name)
{
        const struct tenant *named = tenants_by_host(server_name);

        return named != NULL && named != tenant;
}

/* Names may be mixed as long as it makes no difference: a connection for a shared name serves /t/<tenant>/ of all who
 * do not require client certificates of their own. */
static int32_t tls_fit(const bb_tenant *t, const struct http_request *wire)
{
        const struct tenant *tenant = tenant_of(t);
        const struct config_tenant_tls *own = tenant->config->tls;
        const struct tls_context *tls = tenant->tls != NULL ? tenant->tls : listen_tls();

        if (!wire->is_tls)
                return own != NULL && own->client_policy == CONFIG_CLIENT_REQUIRED ? ROUTER_TLS_MISDIRECTED
                                                                                   : ROUTER_TLS_FITS;
        if (tls == NULL || bb_str_eq(wire->tls_client_rules, tls_context_client_rules(tls)))
                return ROUTER_TLS_FITS;
        if (tls_context_client_policy(tls) == TLS_CLIENT_REQUIRED || named_another(tenant, wire->tls_server_name))
                return ROUTER_TLS_MISDIRECTED;
        return ROUTER_TLS_OTHER_RULES;
}

static int32_t trusted_proxy(bb_str address)
{
        for (size_t i = 0; i < proxy_count; i++)
                if (config_network_has(&proxies[i], address))
                        return 1;
        return 0;
}

bb_err world_set_proxies(const struct config_server *config)
{
        const bb_str *texts = config->trusted_proxies.items;
        size_t count = config->trusted_proxies.count;
        struct config_network *parsed = heap_new((count + 1) * sizeof(*parsed));

        for (size_t i = 0; i < count; i++) {
                bb_err err = config_network_parse(texts[i], &parsed[i]);

                if (err < 0) {
                        free(parsed);
                        return err;
                }
        }
        free(proxies);
        proxies = parsed;
        proxy_count = count;
        return BB_OK;
}

void world_free(void)
{
        free(proxies);
        proxies = NULL;
        proxy_count = 0;
}

static int32_t is_ready(void)
{
        return server.phase == SERVER_READY;
}

void world_init(void)
{
        static const struct router_world router = {
                .tenant_by_host = tenant_by_host,
                .tenant_by_id = tenant_by_id,
                .tenant_has = tenant_has_plugin,
                .tenant_enables = tenant_enables_plugin,
                .tenant_state = tenant_plugin_state,
                .tenant_option = tenant_option,
                .plugin_name = plugin_name,
                .auth = auth_of,
                .auth_away = auth_away,
                .tls_fit = tls_fit,
                .trusted_proxy = trusted_proxy,
                .ready = is_ready,
                .idempotency_begin = db_idempotency_begin,
                .idempotency_end = db_idempotency_end,
        };
        static const struct db_world db = {
                .tenant_state = tenant_plugin_state, .tenant_has = tenant_has_plugin, .plugin_name = plugin_name};

        router_init(&router);
        db_set_world(&db);
}
