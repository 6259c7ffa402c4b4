/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions behind struct bb_host. A plugin gets an interface only when its descriptor names it: what it depends on
 * is then known without reading its code, and the load order is right by construction.
 */
#include "mod/host.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "db/db.h"
#include "mod/bus_local.h"
#include "mod/crypto.h"
#include "mod/registry.h"
#include "mod/tenant.h"
#include "net/router.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct registry_core_entry core_tables[] = {
        {"log/1", &base_log_ops},
        {"rt/1", &rt_ops},
        {"json/1", &base_json_ops},
        {"db/1", &db_ops},
        {"http/1", &http_ops},
        {"net/1", &net_ops},
        {"bus/1", &bus_local_ops},
        {"crypto/1", &crypto_ops},
        {"host_dataset/1", &audit_datasets},
        {NULL, NULL},
};

static bb_str state_root;
static struct map *state_folders; /* path -> heap copy */
static int32_t require_anything;

static int32_t is_plugin(const bb_plugin_ref *who)
{
        return who != NULL && who->magic == PLUGIN_MAGIC;
}

/* --- log, require, provide --- */

static void host_log(bb_plugin_ref *who, int32_t level, const char *text)
{
        base_log_ops.write(who, level, "plugin.log", text, NULL, 0);
}

static int32_t names(const char *const *list, const char *interface)
{
        for (; list != NULL && *list != NULL; list++)
                if (strcmp(*list, interface) == 0)
                        return 1;
        return 0;
}

/* An interface table is valid as soon as it has the bytes that the caller asks for. */
static const void *large_enough(const bb_plugin_ref *who, const char *interface, const void *ops, uint32_t min_size)
{
        uint32_t size = ops != NULL ? *(const uint32_t *)ops : 0;

        if (ops == NULL || size >= min_size)
                return ops;
        bb_log(BB_WARN, "plugin.interface_too_old", "an interface has fewer functions than the plugin asks for",
               bb_kv_cstr("plugin", who->name), bb_kv_cstr("interface", interface), bb_kv_int("size", size),
               bb_kv_int("wanted", min_size));
        return NULL;
}

static int32_t may_have(const bb_plugin_ref *who, const char *interface)
{
        if (names(who->is.needs, interface) || names(who->is.after, interface))
                return 1;
        bb_log(BB_WARN, "plugin.undeclared_interface",
               "a plugin asks for an interface that its descriptor names neither in needs nor in after",
               bb_kv_cstr("plugin", who->name), bb_kv_cstr("interface", interface));
        return 0;
}

static const void *find(const char *interface, const char *provider)
{
        struct bb_plugin_ref *plugin;
        const void *ops;

        for (size_t i = 0; (ops = registry_provider(interface, i, &plugin)) != NULL; i++)
                if (provider == NULL || strcmp(plugin->name, provider) == 0)
                        return ops;
        return NULL;
}

static const void *host_require(bb_plugin_ref *who, const char *interface, const char *provider, uint32_t min_size)
{
        /* Big enough for any table; every function in it is NULL. */
        static const struct {
                uint32_t size;
                char rest[65532];
        } empty = {.size = sizeof(empty)};
        const void *ops;

        if (!is_plugin(who) || interface == NULL)
                return NULL;
        ops = registry_core(interface);
        if (ops != NULL)
                return provider == NULL ? large_enough(who, interface, ops, min_size) : NULL;
        if (!may_have(who, interface))
                return NULL;
        ops = find(interface, provider);
        if (ops == NULL && require_anything)
                return &empty;
        return large_enough(who, interface, ops, min_size);
}

void host_require_anything(int32_t on)
{
        require_anything = on;
}

static bb_err host_provide(bb_plugin_ref *who, const char *interface, const void *ops)
{
        bb_err err;

        if (!is_plugin(who))
                return BB_E_INVALID;
        err = who->loading ? registry_provide(who, interface, ops) : BB_E_CONFLICT;
        if (err < 0)
                bb_log(BB_WARN, "plugin.provide_refused",
                       err == BB_E_CONFLICT ? "interfaces are provided in load() only"
                                            : "no name like \"name/1\", or taken",
                       bb_kv_cstr("plugin", who->name), bb_kv_cstr("interface", interface != NULL ? interface : ""));
        return err;
}

static const void *host_provider(bb_plugin_ref *who, const char *interface, size_t index, bb_str *ret_plugin)
{
        struct bb_plugin_ref *plugin;
        const void *ops;

        /* Not only what is declared: providers that come later may need the asking plugin itself (drivers and
         * charging). */
        if (!is_plugin(who) || interface == NULL)
                return NULL;
        ops = registry_provider(interface, index, &plugin);
        if (ops != NULL && ret_plugin != NULL)
                *ret_plugin = bb_cstr(plugin->name);
        return ops;
}

/* --- tenants --- */

static void *host_tenant_state(bb_plugin_ref *who, const bb_tenant *tenant)
{
        return is_plugin(who) ? tenant_plugin_state(who, tenant) : NULL;
}

static int32_t host_tenant_has(bb_plugin_ref *who, const bb_tenant *tenant, const char *plugin)
{
        const struct bb_plugin_ref *asked = plugin == NULL ? who : plugin_named(bb_cstr(plugin));

        return is_plugin(asked) && tenant_has_plugin(asked, tenant);
}

static bb_str host_tenant_id(const bb_tenant *tenant)
{
        return tenant != NULL && tenant->magic == TENANT_MAGIC ? tenant->id : BB_NONE;
}

static bb_str host_tenant_name(const bb_tenant *tenant)
{
        return tenant != NULL && tenant->magic == TENANT_MAGIC ? tenant->name : BB_NONE;
}

static bb_err make_folder(bb_str path)
{
        if (mkdir(path.ptr, 0700) < 0 && errno != EEXIST) {
                bb_log(BB_ERROR, "state_folder.failed", strerror(errno), bb_kv_str("folder", path));
                return BB_E_IO;
        }
        return BB_OK;
}

static bb_err make_state_folder(const bb_plugin_ref *who, const bb_tenant *tenant, bb_str *ret)
{
        bb_str top = bb_print("%.*s/files", BB_FMT(state_root));
        bb_str middle = bb_print("%.*s/%.*s", BB_FMT(top), BB_FMT(tenant->id));
        bb_str folder = bb_print("%.*s/%s", BB_FMT(middle), who->name);

        TRY(make_folder(top));
        TRY(make_folder(middle));
        TRY(make_folder(folder));
        *ret = folder;
        return BB_OK;
}

static bb_str host_state_folder(bb_plugin_ref *who, const bb_tenant *tenant)
{
        bb_str key, folder;
        const char *known;

        if (!is_plugin(who) || tenant == NULL || tenant->magic != TENANT_MAGIC || state_root.ptr == NULL)
                return BB_NONE;
        if (state_folders == NULL)
                state_folders = map_new();
        key = bb_print("%.*s/%s", BB_FMT(tenant->id), who->name);
        known = map_get(state_folders, key);
        if (known != NULL)
                return bb_cstr(known);
        if (make_state_folder(who, tenant, &folder) < 0)
                return BB_NONE;
        folder = heap_str(folder);
        map_set(state_folders, key, (void *)(uintptr_t)folder.ptr);
        return folder;
}

static void forget_folders(void)
{
        size_t at = 0;
        void *folder;
        bb_str key;

        while (state_folders != NULL && map_next(state_folders, &at, &key, &folder))
                free(folder);
        map_free(state_folders);
        state_folders = NULL;
}

void host_set_state_folder(bb_str absolute)
{
        state_root = absolute;
        if (absolute.ptr == NULL)
                forget_folders();
}

/* --- the table --- */

static const struct bb_host host = {
        .size = sizeof(struct bb_host),
        .abi_major = BB_ABI_MAJOR,
        .abi_minor = BB_ABI_MINOR,
        .log = host_log,
        .require = host_require,
        .provide = host_provide,
        .tenant_state = host_tenant_state,
        .tenant_has = host_tenant_has,
        .tenant_id = host_tenant_id,
        .tenant_name = host_tenant_name,
        .tenant_option = tenant_option,
        .state_folder = host_state_folder,
        .provider = host_provider,
};
const struct bb_host *bb_host_ = &host;

void host_table_init(struct bb_plugin_ref *ref)
{
        ref->host = host;
        ref->host.self = ref;
}

void host_init(void)
{
        registry_set_core(core_tables);
        log_set_plugin_namer(plugin_name);
        task_set_plugin_namer(plugin_name);
}
