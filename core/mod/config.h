/* SPDX-License-Identifier: Apache-2.0
 *
 * The checked configuration: busbar.yaml and the tenants' files. Read as a whole, compared as a whole; a snapshot
 * never changes. Options of plugins stay trees until their plugin is loaded (plugin_options_decode in tenant.h).
 */
#ifndef CORE_MOD_CONFIG_H
#define CORE_MOD_CONFIG_H

#include "mod/config_tree.h"

/* How a TLS listener treats client certificates. */
enum { CONFIG_CLIENT_NONE = 0, CONFIG_CLIENT_OPTIONAL = 1, CONFIG_CLIENT_REQUIRED = 2, CONFIG_CLIENT_ANY = 3 };

struct config_http_tls {
        uint64_t present;
        struct bb_array listen; /* bb_str */
        bb_str certificate, key;
        bb_str client_ca; /* absent: no client certificates */
        int32_t client_policy;
};
struct config_http {
        uint64_t present;
        struct bb_array listen; /* bb_str, without TLS */
        struct config_http_tls *tls;
};
struct config_operation {
        uint64_t present;
        bb_str listen;
};
struct config_database {
        uint64_t present;
        bb_str url;         /* "embedded", or that of the runtime role */
        bb_str owner_url;   /* of the role that owns tables and migrates */
        bb_str replica_url; /* of the runtime role on a read replica; absent: there is none */
        bb_str bin_folder;  /* of PostgreSQL's programs, for embedded; absent: looked for */
        int32_t pool;
};
struct config_log {
        uint64_t present;
        int32_t level;
};
struct config_limits {
        uint64_t present;
        int32_t header_ms, body_ms, idle_ms, write_ms;
        int32_t max_connections, max_connections_per_address;
};
struct config_watchdog {
        uint64_t present;
        int32_t warn_ms, abort_ms;
};
struct config_drain {
        uint64_t present;
        int32_t seconds, websockets_per_second;
};

struct config_server {
        uint64_t present;
        bb_str state_folder, tenants_folder, master_key_file; /* absolute */
        struct bb_array plugin_folders;                       /* bb_str, absolute */
        struct bb_array trusted_proxies;                      /* bb_str: addresses and networks */
        int32_t workers;
        struct config_http http;
        struct config_operation operation;
        struct config_database database;
        struct config_log log;
        struct config_limits limits;
        struct config_watchdog watchdog;
        struct config_drain drain;
};

struct config_tenant_tls {
        uint64_t present;
        bb_str certificate, key, client_ca;
        int32_t client_policy;
};

/* One entry under "plugins:" of a tenant. */
struct config_plugin {
        bb_str name;
        int32_t line;
        const struct config_node *options; /* may be null or NULL */
};

/* Each tenant's has an arena of its own, so that it lives as long as the tenant that runs on it. */
struct config_tenant {
        uint64_t present;
        bb_str id, name;
        struct bb_array hosts; /* bb_str, lower case */
        bb_str base_url, time_zone, currency, language;
        struct config_tenant_tls *tls;

        struct config_plugin *plugins;
        size_t plugin_count;
        const char *file; /* as errors show it */
        uint8_t digest[32];
        struct arena *arena;
        int32_t owners; /* a snapshot, a running tenant */
        int32_t reserved;
};

struct config {
        struct arena *arena;
        struct config_server server;
        uint8_t digest[32]; /* of busbar.yaml */
        const char *path, *folder;
        struct config_tenant **tenants; /* by id */
        size_t tenant_count;
        struct config_errors errors;
};

/* Never NULL; whether it may be used says errors.count == 0. */
struct config *config_load(const char *path);
void config_free(struct config *);
/* Was busbar.yaml good enough to look for the tenants? */
int32_t config_knows_tenants(const struct config *);
struct config_tenant *config_tenant_keep(struct config_tenant *);
void config_tenant_release(struct config_tenant *);
const struct config_tenant *config_find_tenant(const struct config *, bb_str id);

/* A source for decoding a tenant's plugin options; errors go to `errors`. */
struct config_source config_tenant_source(const struct config_tenant *, const struct config *, struct config_errors *);

extern const struct bb_shape config_server_shape, config_tenant_shape;
extern const char *const config_log_levels[];

/* "[a-z0-9][a-z0-9-]*", at most 63: ids of tenants and names of plugins (those may have '_' and '.', too). */
int32_t config_is_id(bb_str);

#endif
