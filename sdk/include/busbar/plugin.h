/* SPDX-License-Identifier: Apache-2.0
 *
 * The one symbol that a plugin exports, and what it gets from the host. A plugin has one file with:
 *
 *      BB_PLUGIN(load, .name = "acme-meter", .version = "1.0", .vendor = "Acme", .license = "Proprietary",
 *                .needs = needs, .options = &options, .tenant_start = start, .tenant_stop = stop);
 *
 * Before `load` is called the interfaces of the host (rt, log, json, db, http, net, bus, crypto) are bound, so that
 * bb_log(), bb_db_query() and the rest work from there on.
 */
#ifndef BUSBAR_PLUGIN_H
#define BUSBAR_PLUGIN_H

#include <busbar/bus.h>
#include <busbar/crypto.h>
#include <busbar/db.h>
#include <busbar/http.h>
#include <busbar/log.h>
#include <busbar/rt.h>
#include <busbar/shape.h>
#include <busbar/types.h>

#define BB_PLUGIN_MAGIC 0x42425031u /* "BBP1" */
#define BB_PLUGIN_SYMBOL "busbar_plugin"

struct bb_host {
        uint32_t size;
        uint16_t abi_major, abi_minor;
        bb_plugin_ref *self; /* this plugin; the SDK passes it along */
        void (*log)(bb_plugin_ref *who, int32_t level, const char *text);
        /* An interface by name and major, "charging/1", at least min_size bytes long. provider: NULL for the first one,
         * or the name of a plugin. Only what the descriptor names in needs (or after: then NULL is possible) or what
         * the host itself provides. NULL when there is none. */
        const void *(*require)(bb_plugin_ref *who, const char *interface, const char *provider, uint32_t min_size);
        /* Offers an interface to other plugins; in load() only. `ops` starts with its uint32_t size and lives until
         * unload. */
        bb_err (*provide)(bb_plugin_ref *who, const char *interface, const void *ops);
        /* The state that tenant_start of plugin `who` returned; NULL when the tenant does not have the plugin. */
        void *(*tenant_state)(bb_plugin_ref *who, const bb_tenant *);
        /* Does this tenant have the plugin named `plugin`? NULL: the asking one. */
        int32_t (*tenant_has)(bb_plugin_ref *who, const bb_tenant *, const char *plugin);
        bb_str (*tenant_id)(const bb_tenant *);   /* "nordlicht": stable, in URLs and in the database */
        bb_str (*tenant_name)(const bb_tenant *); /* for people */
        bb_str (*tenant_option)(const bb_tenant *,
                                const char *name); /* "time_zone", "currency", "language", "base_url" */
        /* A folder of this plugin and tenant for files it makes; created on first use; NUL-terminated, lives long. */
        bb_str (*state_folder)(bb_plugin_ref *who, const bb_tenant *);
        /* Every provider of an interface, for plugins that choose among several ("payment/1"): index 0, 1, … NULL ends.
         * Ask when it is needed, not in load(): it needs no declaration, since providers may themselves need the one
         * who asks. */
        const void *(*provider)(bb_plugin_ref *who, const char *interface, size_t index, bb_str *ret_plugin);
};

struct bb_plugin {
        uint32_t magic;
        uint16_t abi_major, abi_minor;
        uint32_t size;
        uint32_t flags;
        const char *name, *version, *vendor, *license;
        const char *const *needs; /* "charging/1", …, NULL: without them the plugin does not load */
        const char *const *after; /* the same, but may be absent */
        /* The plugin's options in a tenant's file; decoded into a struct of tenant_config_size bytes. */
        const struct bb_shape *options;
        uint32_t tenant_config_size;
        uint32_t reserved;
        /* Provides interfaces, registers routes, migrations, events and jobs. No I/O, no waiting. */
        bb_err (*load)(const struct bb_host *host, void **ret_self);
        /* In a task of the tenant. `config` lives until tenant_stop. An error quarantines the plugin for this tenant
         * only. */
        BB_AWAIT bb_err (*tenant_start)(void *self, bb_tenant *tenant, const void *config, void **ret_state);
        /* In a task; the plugin's tasks, timers and sockets of this tenant are already cancelled and ended. */
        BB_AWAIT void (*tenant_stop)(void *self, void *state);
        void (*unload)(void *self);
        /* busbard -t and reload: checks what the shape cannot; NULL when fine, otherwise a sentence. May be NULL. */
        const char *(*check)(const void *config);
};

/* Set by BB_PLUGIN before load(); what the inline functions of the SDK go through. */
extern const struct bb_host *bb_host_ BB_HIDDEN;

static inline const void *bb_require(const char *interface, uint32_t min_size)
{
        return bb_host_->require(bb_self_, interface, NULL, min_size);
}
static inline bb_err bb_provide(const char *interface, const void *ops)
{
        return bb_host_->provide(bb_self_, interface, ops);
}
static inline void *bb_tenant_state(const bb_tenant *t)
{
        return bb_host_->tenant_state(bb_self_, t);
}
static inline int32_t bb_tenant_has(const bb_tenant *t, const char *plugin)
{
        return bb_host_->tenant_has(bb_self_, t, plugin);
}
static inline bb_str bb_tenant_id(const bb_tenant *t)
{
        return bb_host_->tenant_id(t);
}
static inline bb_str bb_tenant_name(const bb_tenant *t)
{
        return bb_host_->tenant_name(t);
}
static inline bb_str bb_tenant_option(const bb_tenant *t, const char *name)
{
        return bb_host_->tenant_option(t, name);
}
static inline bb_str bb_state_folder(const bb_tenant *t)
{
        return bb_host_->state_folder(bb_self_, t);
}

/* Binds the host's interfaces. Sizes are those of ABI 1.0, so that a plugin built with a newer header still loads in an
 * older host when it asks with BB_HAS before it uses what came later. */
#define BB_BIND_(variable, name)                                                                                       \
        do {                                                                                                           \
                variable = host->require(host->self, name, NULL, 8);                                                   \
                if (variable == NULL)                                                                                  \
                        return BB_E_UNSUPPORTED;                                                                       \
        } while (0)

#define BB_PLUGIN_GLOBALS                                                                                              \
        const struct bb_host *bb_host_;                                                                                \
        bb_plugin_ref *bb_self_;                                                                                       \
        const struct bb_log_ops *bb_log_;                                                                              \
        const struct bb_rt_ops *bb_rt_;                                                                                \
        const struct bb_json_ops *bb_json_;                                                                            \
        const struct bb_db_ops *bb_db_;                                                                                \
        const struct bb_http_ops *bb_http_;                                                                            \
        const struct bb_net_ops *bb_net_;                                                                              \
        const struct bb_bus_ops *bb_bus_;                                                                              \
        const struct bb_crypto_ops *bb_crypto_;

#define BB_PLUGIN_(load_function, ...)                                                                                 \
        BB_PLUGIN_GLOBALS                                                                                              \
        static bb_err bb_plugin_load_(const struct bb_host *host, void **ret_self)                                     \
        {                                                                                                              \
                bb_host_ = host;                                                                                       \
                bb_self_ = host->self;                                                                                 \
                BB_BIND_(bb_log_, "log/1");                                                                            \
                BB_BIND_(bb_rt_, "rt/1");                                                                              \
                BB_BIND_(bb_json_, "json/1");                                                                          \
                BB_BIND_(bb_db_, "db/1");                                                                              \
                BB_BIND_(bb_http_, "http/1");                                                                          \
                BB_BIND_(bb_net_, "net/1");                                                                            \
                BB_BIND_(bb_bus_, "bus/1");                                                                            \
                BB_BIND_(bb_crypto_, "crypto/1");                                                                      \
                return load_function(host, ret_self);                                                                  \
        }                                                                                                              \
        extern const struct bb_plugin busbar_plugin BB_EXPORT;                                                         \
        const struct bb_plugin busbar_plugin = {.magic = BB_PLUGIN_MAGIC,                                              \
                                                .abi_major = BB_ABI_MAJOR,                                             \
                                                .abi_minor = BB_ABI_MINOR,                                             \
                                                .size = sizeof(struct bb_plugin),                                      \
                                                .load = bb_plugin_load_,                                               \
                                                __VA_ARGS__}

/* BB_PLUGIN(load_function, .name = …, .version = …, …) */
#define BB_PLUGIN(load_function, ...) BB_PLUGIN_(load_function, __VA_ARGS__)

#endif
