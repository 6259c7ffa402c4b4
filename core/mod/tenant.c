/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant as an object: which plugins it has, with which options, in which order, and what others may ask of it.
 */
#include "mod/tenant.h"
#include "base/str.h"
#include "mod/registry.h"
#include "net/tls.h"
#include "rt/task.h"
#include <stdlib.h>

struct tenant *tenant_of(const bb_tenant *t)
{
        return t != NULL && t->magic == TENANT_MAGIC ? t->mod : NULL;
}

/* --- which plugins --- */

void tenant_plugin_set(struct tenant_plugin *p, int32_t status)
{
        p->status = status;
        if (p->metric != NULL)
                bb_metric_set(p->metric, status);
}

void tenant_plugin_fail(struct tenant *tenant, struct tenant_plugin *p, const char *why)
{
        p->why = arena_str(tenant->arena, bb_cstr(why)).ptr;
        tenant_plugin_set(p, TENANT_PLUGIN_FAILED);
}

static bb_metric *state_metric(const struct tenant *tenant, const struct tenant_plugin *p)
{
        return bb_metric_get(BB_METRIC_GAUGE, "busbar_plugin_state",
                             "A plugin of a tenant: 0 off, 1 running, 2 starting or stopping, 3 failed or quarantined.",
                             bb_kv_str("plugin", p->name), bb_kv_str("tenant", tenant->pub.id));
}

/* From its start on: one that is only looked at must not speak for the one that runs under the same name. */
void tenant_show_metrics(struct tenant *tenant)
{
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                struct tenant_plugin *p = &tenant->plugins[i];

                p->metric = state_metric(tenant, p);
                bb_metric_set(p->metric, p->status);
        }
}

/* In load order; what is not loaded comes last, in the order of the file. */
static void list_plugins(struct tenant *tenant)
{
        const struct config_tenant *config = tenant->config;
        struct bb_plugin_ref *ref;

        tenant->plugins = arena_alloc(tenant->arena, config->plugin_count * sizeof(*tenant->plugins) + 1);
        for (size_t i = 0; (ref = plugin_loaded_at(i)) != NULL; i++)
                for (size_t j = 0; j < config->plugin_count; j++)
                        if (bb_str_is(config->plugins[j].name, ref->name))
                                tenant->plugins[tenant->plugin_count++] = (struct tenant_plugin){
                                        .ref = ref, .name = config->plugins[j].name, .line = config->plugins[j].line};
        for (size_t j = 0; j < config->plugin_count; j++) {
                ref = plugin_named(config->plugins[j].name);
                if (ref == NULL || ref->state != PLUGIN_LOADED)
                        tenant->plugins[tenant->plugin_count++] = (struct tenant_plugin){
                                .ref = ref, .name = config->plugins[j].name, .line = config->plugins[j].line};
        }
}

static void index_plugins(struct tenant *tenant)
{
        tenant->index_count = plugin_count();
        tenant->by_index = arena_alloc(tenant->arena, tenant->index_count * sizeof(*tenant->by_index) + 1);
        for (size_t i = 0; i < tenant->plugin_count; i++)
                if (tenant->plugins[i].ref != NULL)
                        tenant->by_index[tenant->plugins[i].ref->index] = &tenant->plugins[i];
}

static struct tenant_plugin *entry_of(const struct bb_plugin_ref *ref, const struct tenant *tenant)
{
        if (ref == NULL || tenant == NULL || ref->index >= tenant->index_count)
                return NULL;
        return tenant->by_index[ref->index];
}

/* --- options --- */

static const struct config_plugin *written(const struct tenant *tenant, const struct tenant_plugin *p)
{
        for (size_t i = 0; i < tenant->config->plugin_count; i++)
                if (bb_str_eq(tenant->config->plugins[i].name, p->name))
                        return &tenant->config->plugins[i];
        return NULL;
}

static void run_check(const struct tenant *tenant, const struct tenant_plugin *p, struct config_errors *errors)
{
        const bb_plugin_ref *before;
        const char *complaint;

        if (p->ref->is.check == NULL)
                return;
        before = task_enter_plugin(p->ref, "check");
        complaint = p->ref->is.check(p->config);
        task_leave_plugin(before);
        if (complaint != NULL)
                config_error(errors, tenant->config->file, p->line,
                             arena_print(errors->arena, "plugins.%s", p->ref->name).ptr, "%s", complaint);
}

static void decode_options(struct tenant *tenant, struct tenant_plugin *p, const struct config *config,
                           struct config_errors *errors)
{
        struct config_source source = config_tenant_source(tenant->config, config, errors);
        const struct config_node *node = written(tenant, p)->options;
        const struct bb_shape *shape = p->ref->is.options;
        const char *path = arena_print(errors->arena, "plugins.%s", p->ref->name).ptr;

        p->config = arena_alloc(tenant->arena, p->ref->is.tenant_config_size + 1);
        if (shape == NULL) {
                if (!config_is_null(node) && node->count + node->text.len > 0)
                        config_error(errors, tenant->config->file, p->line, path, "this plugin has no options");
                return;
        }
        if (config_decode(&source, node, path, shape, p->config) == 0)
                run_check(tenant, p, errors);
}

/* --- needs --- */

static int32_t can_provide(const struct tenant_plugin *p, const char *interface)
{
        return p->ref != NULL && p->status != TENANT_PLUGIN_FAILED && registry_provides(p->ref, interface);
}

const char *tenant_unmet_need(const struct tenant *tenant, const struct tenant_plugin *plugin)
{
        for (const char *const *need = plugin->ref->is.needs; need != NULL && *need != NULL; need++) {
                int32_t met = registry_core(*need) != NULL;

                for (size_t i = 0; i < tenant->plugin_count && !met; i++)
                        met = can_provide(&tenant->plugins[i], *need);
                if (!met)
                        return *need;
        }
        return NULL;
}

static const char *unmet_text(struct tenant *tenant, const struct tenant_plugin *p, const char *need)
{
        struct bb_plugin_ref *provider = NULL;
        const struct tenant_plugin *entry;

        /* It is loaded, so somebody provides it, for another tenant. */
        registry_provider(need, 0, &provider);
        entry = entry_of(provider, tenant);
        if (provider != NULL && entry == NULL)
                return arena_print(tenant->arena,
                                   "%s needs %s, which plugin %s provides, but the tenant has not enabled it",
                                   p->ref->name, need, provider->name)
                        .ptr;
        return arena_print(tenant->arena, "%s needs %s, but %s, which provides it, does not run", p->ref->name, need,
                           provider != NULL ? provider->name : "nothing")
                .ptr;
}

static void check_needs(struct tenant *tenant)
{
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                struct tenant_plugin *p = &tenant->plugins[i];
                const char *need = p->status != TENANT_PLUGIN_FAILED ? tenant_unmet_need(tenant, p) : NULL;

                if (need != NULL)
                        tenant_plugin_fail(tenant, p, unmet_text(tenant, p, need));
        }
}

/* --- the object --- */

struct tenant *tenant_new(struct config_tenant *config, const struct config *snapshot, struct config_errors *errors)
{
        struct arena *arena = arena_new("tenant");
        struct tenant *tenant = arena_alloc(arena, sizeof(*tenant));

        tenant->arena = arena;
        tenant->config = config_tenant_keep(config);
        tenant->pub = (struct bb_tenant){
                .magic = TENANT_MAGIC, .id = config->id, .name = arena_str(arena, config->name), .mod = tenant};
        list_init(&tenant->starting);
        list_plugins(tenant);
        index_plugins(tenant);
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                struct tenant_plugin *p = &tenant->plugins[i];

                if (p->ref != NULL && p->ref->state == PLUGIN_LOADED)
                        decode_options(tenant, p, snapshot, errors);
                else
                        tenant_plugin_fail(tenant, p,
                                           p->ref != NULL && p->ref->why != NULL ? p->ref->why : "not loaded");
        }
        check_needs(tenant);
        return tenant;
}

void tenant_free(struct tenant *tenant)
{
        if (tenant == NULL || tenant->hung)
                return;
        tenant->pub.magic = 0;
        if (tenant->tls != NULL)
                tls_context_unref(tenant->tls);
        config_tenant_release(tenant->config);
        arena_free(tenant->arena);
}

/* --- what others ask --- */

int32_t tenant_has_plugin(const struct bb_plugin_ref *ref, const bb_tenant *t)
{
        const struct tenant_plugin *p = entry_of(ref, tenant_of(t));

        return p != NULL && p->status == TENANT_PLUGIN_RUNNING;
}

int32_t tenant_enables_plugin(const struct bb_plugin_ref *ref, const bb_tenant *t)
{
        return entry_of(ref, tenant_of(t)) != NULL;
}

static int32_t would_provide(const struct bb_plugin_ref *ref, const char *interface)
{
        bb_str rest = bb_cstr(ref->would_provide), word;

        while (rest.len > 0 && str_split(&rest, ' ', &word))
                if (bb_str_is(word, interface))
                        return 1;
        return 0;
}

int32_t tenant_enables_interface(const bb_tenant *t, const char *interface)
{
        const struct tenant *tenant = tenant_of(t);

        for (size_t i = 0; tenant != NULL && i < tenant->plugin_count; i++) {
                const struct bb_plugin_ref *ref = tenant->plugins[i].ref;

                if (ref != NULL && (registry_provides(ref, interface) || would_provide(ref, interface)))
                        return 1;
        }
        return 0;
}

/* While a plugin stops, its own code still finds its state; the router asks tenant_has first. */
void *tenant_plugin_state(const struct bb_plugin_ref *ref, const bb_tenant *t)
{
        const struct tenant_plugin *p = entry_of(ref, tenant_of(t));

        return p != NULL && (p->status == TENANT_PLUGIN_RUNNING || p->status == TENANT_PLUGIN_CHANGING) ? p->state
                                                                                                        : NULL;
}

bb_str tenant_option(const bb_tenant *t, const char *name)
{
        static const struct {
                const char *name;
                size_t offset;
        } options[] = {
                {"base_url", offsetof(struct config_tenant, base_url)},
                {"time_zone", offsetof(struct config_tenant, time_zone)},
                {"currency", offsetof(struct config_tenant, currency)},
                {"language", offsetof(struct config_tenant, language)},
        };
        const struct tenant *tenant = tenant_of(t);

        for (size_t i = 0; tenant != NULL && name != NULL && i < BB_COUNT(options); i++)
                if (strcmp(name, options[i].name) == 0)
                        return *(const bb_str *)(const void *)((const char *)tenant->config + options[i].offset);
        return BB_NONE;
}

int32_t tenant_problem(const struct tenant *tenant, size_t index, const struct tenant_plugin **ret_plugin,
                       bb_str *ret_text)
{
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                const struct tenant_plugin *p = &tenant->plugins[i];

                if (p->status != TENANT_PLUGIN_FAILED || index-- > 0)
                        continue;
                *ret_plugin = p;
                *ret_text = bb_print("tenant %.*s: %s", BB_FMT(tenant->pub.id), p->why);
                return 1;
        }
        return 0;
}
