/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what: API keys with scopes, and the contract auth/1 that the router asks. People, roles and OpenID Connect
 * will be further files of this plugin.
 */
#include "identity.h"

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/api-keys",
         .permission = "api_keys:read",
         .handle = keys_list,
         .summary = "API keys, newest first; secrets are never shown again",
         .flags = BB_ROUTE_LIST,
         .response = &ApiKey},
        {.method = "POST",
         .path = "/v1/api-keys",
         .permission = "api_keys:write",
         .handle = keys_create,
         .summary = "A new key; the answer holds its secret, once",
         .status = 201,
         .request = &NewApiKey,
         .response = &CreatedApiKey},
        {.method = "DELETE",
         .path = "/v1/api-keys/{id}",
         .permission = "api_keys:write",
         .handle = keys_revoke,
         .summary = "Revokes a key at once",
         .status = 204},
};

static const struct bb_field option_fields[] = {
        {.name = "bootstrap_key",
         .type = BB_T_STR,
         .flags = BB_SECRET,
         .offset = offsetof(struct identity_config, bootstrap_key),
         .min = 1,
         .max = 100,
         .about = "A key with all scopes that exists from the first start: bb_live_<12 characters>_<40 characters>."},
};
static BB_SHAPE(identity_options, identity_config, 0, "Options of the plugin identity.", option_fields);

static const struct bb_auth_ops auth_ops = {.size = sizeof(auth_ops), .authenticate = key_authenticate};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        TRY(bb_db_migrations(schema_migrations, schema_migration_count));
        TRY(bb_http_routes(routes, BB_COUNT(routes)));
        TRY(bb_provide("auth/1", &auth_ops));
        *ret_self = NULL;
        return BB_OK;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        const struct identity_config *options = config;

        (void)self;
        (void)tenant;
        if (options->bootstrap_key.len > 0)
                TRY(key_bootstrap(options->bootstrap_key));
        *ret_state = NULL;
        return BB_OK;
}

static const char *check(const void *config)
{
        const struct identity_config *options = config;

        return options->bootstrap_key.len > 0 ? key_bootstrap_fault(options->bootstrap_key) : NULL;
}

BB_PLUGIN(load, .name = "identity", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0",
          .options = &identity_options, .tenant_config_size = sizeof(struct identity_config),
          .tenant_start = tenant_start, .check = check);
