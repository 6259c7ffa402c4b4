/* SPDX-License-Identifier: Apache-2.0
 *
 * What busbar.yaml and a tenant's file may say: nothing but tables. The sentences are what error messages quote.
 */
#include "mod/config.h"
#include "mod/defaults.h"

#define AT(type_, member) .offset = (uint32_t)offsetof(struct type_, member)
#define TEXT(type_, member, limit, about_)                                                                             \
        {                                                                                                              \
                .name = #member, .type = BB_T_STR, AT(type_, member), .min = 1, .max = (limit), .about = (about_)      \
        }
#define NUMBER(type_, member, low, high, default_, about_)                                                             \
        {                                                                                                              \
                .name = #member, .type = BB_T_INT32, AT(type_, member), .min = (low), .max = (high),                   \
                .fallback = (default_), .about = (about_)                                                              \
        }
#define TEXTS(type_, member, low, high, flags_, about_)                                                                \
        {                                                                                                              \
                .name = #member, .type = BB_T_ARRAY, .item = BB_T_STR, .flags = (flags_), AT(type_, member),           \
                .min = (low), .max = (high), .about = (about_)                                                         \
        }
#define PART(type_, member, shape_, flags_, about_)                                                                    \
        {                                                                                                              \
                .name = #member, .type = BB_T_OBJECT, .flags = (flags_), AT(type_, member), .shape = &(shape_),        \
                .about = (about_)                                                                                      \
        }

static const char *const client_policies[] = {"none", "optional", "required", "any", NULL};
const char *const config_log_levels[] = {"debug", "info", "warn", "error", NULL};

/* --- busbar.yaml --- */

static const struct bb_field http_tls_fields[] = {
        TEXTS(config_http_tls, listen, 1, 16, BB_REQUIRED, "addresses for https, \"[::]:443\""),
        {.name = "certificate",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(config_http_tls, certificate),
         .min = 1,
         .max = 4096,
         .about = "PEM file with the certificate chain for names that no tenant has a certificate for"},
        {.name = "key",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(config_http_tls, key),
         .min = 1,
         .max = 4096,
         .about = "PEM file with its private key"},
        TEXT(config_http_tls, client_ca, 4096, "PEM file with the authorities of client certificates"),
        {.name = "client_policy",
         .type = BB_T_ENUM,
         AT(config_http_tls, client_policy),
         .values = client_policies,
         .fallback = "none",
         .about = "whether clients show a certificate; any: none is verified here, plugins do that"},
};
static BB_SHAPE(http_tls_shape, config_http_tls, 0, "TLS", http_tls_fields);

static const struct bb_field http_fields[] = {
        TEXTS(config_http, listen, 0, 16, 0, "addresses for http, \"127.0.0.1:8080\""),
        PART(config_http, tls, http_tls_shape, BB_PTR, "addresses and certificate for https"),
};
static BB_SHAPE(http_shape, config_http, 0, "Public listeners", http_fields);

static const struct bb_field operation_fields[] = {
        {.name = "listen",
         .type = BB_T_STR,
         AT(config_operation, listen),
         .min = 1,
         .max = 255,
         .fallback = DEFAULT_OPERATION,
         .about = "address of /livez, /readyz and /metrics"},
};
static BB_SHAPE(operation_shape, config_operation, 0, "Listener for operation", operation_fields);

static const struct bb_field database_fields[] = {
        {.name = "url",
         .type = BB_T_STR,
         .flags = BB_SECRET,
         AT(config_database, url),
         .min = 1,
         .max = 2048,
         .fallback = "embedded",
         .about = "\"embedded\", or postgresql://… of the runtime role"},
        {.name = "owner_url",
         .type = BB_T_STR,
         .flags = BB_SECRET,
         AT(config_database, owner_url),
         .min = 1,
         .max = 2048,
         .about = "postgresql://… of the role that owns the tables and migrates"},
        {.name = "replica_url",
         .type = BB_T_STR,
         .flags = BB_SECRET,
         AT(config_database, replica_url),
         .min = 1,
         .max = 2048,
         .about = "postgresql://… of the runtime role on a read replica, for exports"},
        TEXT(config_database, bin_folder, 4096, "folder of PostgreSQL's programs for the embedded cluster"),
        NUMBER(config_database, pool, 4, 64, "8", "connections to the database"),
};
static BB_SHAPE(database_shape, config_database, 0, "PostgreSQL", database_fields);

static const struct bb_field log_fields[] = {
        {.name = "level",
         .type = BB_T_ENUM,
         AT(config_log, level),
         .values = config_log_levels,
         .fallback = "info",
         .about = "the least level that is written"},
};
static BB_SHAPE(log_shape, config_log, 0, "Log", log_fields);

static const struct bb_field limits_fields[] = {
        NUMBER(config_limits, header_ms, 100, 600000, "10000", "time for a request's header block"),
        NUMBER(config_limits, body_ms, 100, 3600000, "60000", "time for a request's body"),
        NUMBER(config_limits, idle_ms, 100, 3600000, "75000", "idle time of a kept connection"),
        NUMBER(config_limits, write_ms, 100, 3600000, "60000", "time without progress while a peer does not read"),
        NUMBER(config_limits, max_connections, 1, 1000000, "50000", "open connections"),
        NUMBER(config_limits, max_connections_per_address, 0, 1000000, "2000",
               "open connections from one address, 0 for no limit"),
};
static BB_SHAPE(limits_shape, config_limits, 0, "Limits of connections", limits_fields);

static const struct bb_field watchdog_fields[] = {
        NUMBER(config_watchdog, warn_ms, 1, 3600000, "100", "a callback that holds the loop longer is logged"),
        NUMBER(config_watchdog, abort_ms, 0, 3600000, "5000", "one that holds it longer ends the worker, 0 for never"),
};
static BB_SHAPE(watchdog_shape, config_watchdog, 0, "Watchdog", watchdog_fields);

static const struct bb_field drain_fields[] = {
        NUMBER(config_drain, seconds, 0, 3600, "30", "time to finish requests at the end"),
        NUMBER(config_drain, websockets_per_second, 1, 1000000, "500", "rate at which stations are sent away"),
};
static BB_SHAPE(drain_shape, config_drain, 0, "How the process ends", drain_fields);

static const struct bb_field server_fields[] = {
        {.name = "state_folder",
         .type = BB_T_STR,
         AT(config_server, state_folder),
         .min = 1,
         .max = 4096,
         .fallback = DEFAULT_STATE_FOLDER,
         .about = "folder for everything that busbard writes"},
        {.name = "tenants_folder",
         .type = BB_T_STR,
         AT(config_server, tenants_folder),
         .min = 1,
         .max = 4096,
         .fallback = "tenants",
         .about = "folder with one <id>.yaml a tenant"},
        TEXT(config_server, master_key_file, 4096, "file with 32 random bytes; made when absent"),
        TEXTS(config_server, plugin_folders, 1, 32, 0, "folders with <plugin>.so"),
        TEXTS(config_server, trusted_proxies, 0, 256, 0, "addresses or networks of reverse proxies, \"10.0.0.0/8\""),
        NUMBER(config_server, workers, 1, 64, "4", "threads for slow work"),
        PART(config_server, http, http_shape, 0, "public listeners"),
        PART(config_server, operation, operation_shape, 0, "listener for operation"),
        PART(config_server, database, database_shape, 0, "PostgreSQL"),
        PART(config_server, log, log_shape, 0, "log"),
        PART(config_server, limits, limits_shape, 0, "limits of connections"),
        PART(config_server, watchdog, watchdog_shape, 0, "watchdog"),
        PART(config_server, drain, drain_shape, 0, "how the process ends"),
};
BB_SHAPE(config_server_shape, config_server, 0, "busbar.yaml", server_fields);

/* --- tenants/<id>.yaml; "plugins" is taken out before (config.c) --- */

static const struct bb_field tenant_tls_fields[] = {
        {.name = "certificate",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(config_tenant_tls, certificate),
         .min = 1,
         .max = 4096,
         .about = "PEM file with the certificate chain for this tenant's hosts"},
        {.name = "key",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(config_tenant_tls, key),
         .min = 1,
         .max = 4096,
         .about = "PEM file with its private key"},
        TEXT(config_tenant_tls, client_ca, 4096, "PEM file with the authorities of client certificates"),
        {.name = "client_policy",
         .type = BB_T_ENUM,
         AT(config_tenant_tls, client_policy),
         .values = client_policies,
         .fallback = "none",
         .about = "whether clients show a certificate; any: none is verified here, plugins do that"},
};
static BB_SHAPE(tenant_tls_shape, config_tenant_tls, 0, "TLS of a tenant", tenant_tls_fields);

static const struct bb_field tenant_fields[] = {
        TEXT(config_tenant, id, 63, "the file's name without .yaml"),
        {.name = "name",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(config_tenant, name),
         .min = 1,
         .max = 200,
         .about = "what people read"},
        TEXTS(config_tenant, hosts, 0, 64, 0, "host names that this tenant answers to"),
        TEXT(config_tenant, base_url, 1024, "public address for links, \"https://charge.example\""),
        {.name = "time_zone",
         .type = BB_T_STR,
         AT(config_tenant, time_zone),
         .min = 1,
         .max = 64,
         .fallback = "UTC",
         .about = "a name of the IANA time zone database, \"Europe/Berlin\""},
        {.name = "currency",
         .type = BB_T_STR,
         AT(config_tenant, currency),
         .min = 3,
         .max = 3,
         .fallback = "EUR",
         .about = "an ISO 4217 code in capitals"},
        {.name = "language",
         .type = BB_T_STR,
         AT(config_tenant, language),
         .min = 2,
         .max = 35,
         .fallback = "en",
         .about = "a BCP 47 tag, \"de\" or \"de-AT\""},
        PART(config_tenant, tls, tenant_tls_shape, BB_PTR, "certificate of this tenant's hosts"),
};
BB_SHAPE(config_tenant_shape, config_tenant, 0, "A tenant", tenant_fields);
