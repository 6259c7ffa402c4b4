/* SPDX-License-Identifier: Apache-2.0
 *
 * From a name in a tenant's file to a loaded plugin: see loader.h. Whatever is refused gets one sentence that says
 * what to do about it.
 */
#include "mod/loader.h"
#include "base/str.h"
#include "db/db.h"
#include "mod/config_tree.h"
#include "mod/probe.h"
#include "net/router.h"
#include "rt/task.h"
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct bb_plugin_ref *plugins[PLUGIN_MAX];
static size_t count_of_plugins;
static struct bb_plugin_ref *loaded[PLUGIN_MAX]; /* in load order */
static size_t count_of_loaded;

/* --- the table of plugins --- */

struct bb_plugin_ref *plugin_at(size_t index)
{
        return index < count_of_plugins ? plugins[index] : NULL;
}

size_t plugin_count(void)
{
        return count_of_plugins;
}

struct bb_plugin_ref *plugin_loaded_at(size_t index)
{
        return index < count_of_loaded ? loaded[index] : NULL;
}

struct bb_plugin_ref *plugin_named(bb_str name)
{
        for (size_t i = 0; i < count_of_plugins; i++)
                if (bb_str_is(name, plugins[i]->name))
                        return plugins[i];
        return NULL;
}

const char *plugin_name(const struct bb_plugin_ref *plugin)
{
        return plugin != NULL && plugin->magic == PLUGIN_MAGIC ? plugin->name : "core";
}

struct bb_plugin_ref *loader_ref_new(bb_str name)
{
        struct bb_plugin_ref *ref;

        if (count_of_plugins == PLUGIN_MAX)
                return NULL;
        ref = heap_new(sizeof(*ref));
        ref->magic = PLUGIN_MAGIC;
        ref->name = heap_str(name).ptr;
        ref->index = (uint32_t)count_of_plugins;
        ref->state = PLUGIN_REFUSED;
        host_table_init(ref);
        plugins[count_of_plugins++] = ref;
        return ref;
}

__attribute__((format(printf, 4, 5))) static bb_err refuse(struct bb_plugin_ref *ref, int32_t state, bb_err err,
                                                           const char *format, ...)
{
        struct arena *arena = arena_new("why");
        va_list args;

        va_start(args, format);
        free((void *)(uintptr_t)ref->why);
        ref->why = heap_str(arena_vprint(arena, format, args)).ptr;
        va_end(args);
        arena_free(arena);
        ref->state = state;
        return err;
}

/* --- opening --- */

/* Everything up to `tenant_config_size` was in ABI 1.0; a table that ends before `check` is fine, it may grow. */
#define DESCRIPTOR_LEAST (offsetof(struct bb_plugin, unload) + sizeof(((struct bb_plugin *)0)->unload))

static bb_err check_abi(struct bb_plugin_ref *ref, const struct bb_plugin *is)
{
        const char *version = is->abi_major == BB_ABI_MAJOR && is->version != NULL ? is->version : "";
        const char *space = version[0] != '\0' ? " " : "";

        if (is->abi_major > BB_ABI_MAJOR || (is->abi_major == BB_ABI_MAJOR && is->abi_minor > BB_ABI_MINOR))
                return refuse(ref, PLUGIN_REFUSED, BB_E_UNSUPPORTED,
                              "plugin %s%s%s needs SDK ABI %d.%d, this busbard has %d.%d: upgrade busbard", ref->name,
                              space, version, is->abi_major, is->abi_minor, BB_ABI_MAJOR, BB_ABI_MINOR);
        if (is->abi_major < BB_ABI_MAJOR)
                return refuse(ref, PLUGIN_REFUSED, BB_E_UNSUPPORTED,
                              "plugin %s is built for SDK ABI %d.%d, this busbard has %d.%d: upgrade the plugin",
                              ref->name, is->abi_major, is->abi_minor, BB_ABI_MAJOR, BB_ABI_MINOR);
        if (is->size < DESCRIPTOR_LEAST)
                return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID,
                              "plugin %s has a descriptor of %u bytes, at least %zu are expected: build it with "
                              "BB_PLUGIN",
                              ref->name, is->size, DESCRIPTOR_LEAST);
        return BB_OK;
}

static bb_err check_names(struct bb_plugin_ref *ref, const char *const *names, const char *what)
{
        for (; names != NULL && *names != NULL; names++)
                if (!registry_is_interface(*names))
                        return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID,
                                      "plugin %s names \"%s\" under %s, which is no interface (\"name/1\")", ref->name,
                                      *names, what);
        return BB_OK;
}

static bb_err check_descriptor(struct bb_plugin_ref *ref)
{
        const struct bb_plugin *is = &ref->is;

        if (is->name == NULL || strcmp(is->name, ref->name) != 0)
                return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID,
                              "the file %s.so holds a plugin that calls itself \"%s\": rename the file", ref->name,
                              is->name != NULL ? is->name : "");
        if (is->version == NULL || is->load == NULL)
                return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID, "plugin %s has no %s in its descriptor", ref->name,
                              is->version == NULL ? "version" : "load function");
        TRY(check_names(ref, is->needs, "needs"));
        TRY(check_names(ref, is->after, "after"));
        if (is->options != NULL &&
            (is->options->size < sizeof(struct bb_shape) || is->options->struct_size > is->tenant_config_size))
                return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID,
                              "plugin %s %s: its options need %u bytes, tenant_config_size says %u", ref->name,
                              is->version, is->options->struct_size, is->tenant_config_size);
        return BB_OK;
}

static bb_err take_descriptor(struct bb_plugin_ref *ref, const char *path)
{
        const struct bb_plugin *is = dlsym(ref->library, BB_PLUGIN_SYMBOL);

        if (is == NULL || is->magic != BB_PLUGIN_MAGIC)
                return refuse(ref, PLUGIN_REFUSED, BB_E_INVALID, "%s is no plugin of Busbar: it does not export %s",
                              path, BB_PLUGIN_SYMBOL);
        TRY(check_abi(ref, is));
        memcpy(&ref->is, is, is->size < sizeof(ref->is) ? is->size : sizeof(ref->is));
        return check_descriptor(ref);
}

bb_err loader_open(struct bb_plugin_ref *ref, const char *path)
{
        bb_err err;

        memset(&ref->is, 0, sizeof(ref->is));
        ref->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (ref->library == NULL)
                return refuse(ref, PLUGIN_REFUSED, BB_E_IO, "plugin %s cannot be opened: %s", ref->name, dlerror());
        err = take_descriptor(ref, path);
        if (err == BB_OK)
                return BB_OK;
        /* Unmapped again: otherwise a better file under the same name would never be looked at. */
        memset(&ref->is, 0, sizeof(ref->is));
        dlclose(ref->library);
        ref->library = NULL;
        return err;
}

static void forget(struct bb_plugin_ref *ref)
{
        registry_remove(ref);
        router_remove_plugin(ref);
        db_remove_plugin(ref);
}

bb_err loader_call_load(struct bb_plugin_ref *ref)
{
        const bb_plugin_ref *before = task_enter_plugin(ref, "load");
        void *self = NULL;
        bb_err err;

        ref->loading = 1;
        err = ref->is.load(&ref->host, &self);
        ref->loading = 0;
        task_leave_plugin(before);
        if (err < 0) {
                forget(ref);
                return refuse(ref, PLUGIN_REFUSED, err, "plugin %s %s: load failed: %s", ref->name, ref->is.version,
                              bb_err_text(err));
        }
        ref->self = self;
        ref->state = PLUGIN_LOADED;
        loaded[count_of_loaded++] = ref;
        free((void *)(uintptr_t)ref->why);
        ref->why = NULL;
        return BB_OK;
}

/* --- a plan --- */

struct loader_plan {
        struct arena *arena;
        const struct loader_folders *folders;
        struct probe_plugin *plugins;
        size_t count;
        const char *failure;
};

static const char *find_file(struct arena *arena, const struct loader_folders *folders, bb_str name)
{
        for (size_t i = 0; i < folders->count; i++) {
                bb_str path = arena_print(arena, "%.*s/%.*s.so", BB_FMT(folders->paths[i]), BB_FMT(name));

                if (access(path.ptr, R_OK) == 0)
                        return path.ptr;
        }
        return NULL;
}

#define NAMES_MOST 512

static size_t names_in(struct arena *arena, const char *folder, const char **names, size_t have)
{
        DIR *dir = opendir(folder);
        const struct dirent *entry;

        if (dir == NULL)
                return have;
        while (have < NAMES_MOST && (entry = readdir(dir)) != NULL) {
                bb_str file = bb_cstr(entry->d_name);

                if (str_ends(file, BB_STR(".so")))
                        names[have++] = arena_str(arena, str_sub(file, 0, file.len - 3)).ptr;
        }
        closedir(dir);
        return have;
}

static const char *not_found(struct arena *arena, const struct loader_folders *folders, bb_str name)
{
        const char **names = arena_alloc(arena, NAMES_MOST * sizeof(*names)), *near;
        bb_str looked = BB_STR("");
        size_t have = 0;

        for (size_t i = 0; i < folders->count; i++) {
                have = names_in(arena, folders->paths[i].ptr, names, have);
                looked = arena_print(arena, "%.*s%s%.*s", BB_FMT(looked), i > 0 ? ", " : "", BB_FMT(folders->paths[i]));
        }
        near = config_nearest(name, names, have);
        if (near != NULL)
                return arena_print(arena, "there is no plugin %.*s in %.*s: did you mean \"%s\"?", BB_FMT(name),
                                   BB_FMT(looked), near)
                        .ptr;
        return arena_print(arena, "there is no plugin %.*s in %.*s", BB_FMT(name), BB_FMT(looked)).ptr;
}

static int32_t is_among(bb_str name, const bb_str *names, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (bb_str_eq(name, names[i]))
                        return 1;
        return 0;
}

static void plan_add(struct loader_plan *plan, bb_str name)
{
        struct probe_plugin *p;

        for (size_t i = 0; i < plan->count; i++)
                if (bb_str_is(name, plan->plugins[i].name))
                        return;
        p = &plan->plugins[plan->count++];
        p->name = arena_str(plan->arena, name).ptr;
        p->path = find_file(plan->arena, plan->folders, name);
        if (p->path == NULL) {
                p->state = PROBE_REFUSED;
                p->why = not_found(plan->arena, plan->folders, name);
        }
}

struct loader_plan *loader_plan_new(const struct loader_folders *folders, const bb_str *names, size_t count,
                                    const bb_str *quarantined, size_t quarantined_count)
{
        struct arena *arena = arena_new("loading");
        struct loader_plan *plan = arena_alloc(arena, sizeof(*plan));

        plan->arena = arena;
        plan->folders = folders;
        plan->plugins = arena_alloc(arena, (count + count_of_plugins) * sizeof(*plan->plugins) + 1);
        /* Loaded ones are part of the try: the new ones may need them. */
        for (size_t i = 0; i < count_of_plugins; i++)
                if (plugins[i]->state == PLUGIN_LOADED)
                        plan_add(plan, bb_cstr(plugins[i]->name));
        for (size_t i = 0; i < count; i++)
                plan_add(plan, names[i]);
        for (size_t i = 0; i < plan->count; i++) {
                struct probe_plugin *p = &plan->plugins[i];

                if (!is_among(bb_cstr(p->name), quarantined, quarantined_count))
                        continue;
                p->quarantined =
                        arena_print(arena, "plugin %s is quarantined: it crashed the worker three times", p->name).ptr;
        }
        return plan;
}

void loader_probe(struct loader_plan *plan)
{
        if (probe_run(plan->arena, plan->plugins, plan->count, &plan->failure) < 0 && plan->failure == NULL)
                plan->failure = "unknown";
}

/* --- loading what was tried --- */

static void load_one(const struct probe_plugin *p)
{
        struct bb_plugin_ref *ref = plugin_named(bb_cstr(p->name));

        if (ref == NULL)
                ref = loader_ref_new(bb_cstr(p->name));
        if (ref == NULL) {
                bb_log(BB_ERROR, "plugin.refused", "too many plugins", bb_kv_cstr("plugin", p->name));
                return;
        }
        if (ref->state == PLUGIN_LOADED)
                return;
        router_remove_plugin(ref); /* those that it had while it was absent */
        if (loader_open(ref, p->path) < 0 || loader_call_load(ref) < 0) {
                bb_log(BB_ERROR, "plugin.refused", ref->why, bb_kv_cstr("plugin", p->name));
                return;
        }
        bb_log(BB_INFO, "plugin.loaded", NULL, bb_kv_cstr("plugin", p->name), bb_kv_cstr("version", ref->is.version),
               bb_kv_cstr("vendor", ref->is.vendor != NULL ? ref->is.vendor : ""));
}

static void note_failure(const struct probe_plugin *p, const char *why)
{
        struct bb_plugin_ref *ref = plugin_named(bb_cstr(p->name));
        int32_t crashed = p->state == PROBE_CRASHED || p->quarantined != NULL;
        int32_t state = crashed ? PLUGIN_QUARANTINED : PLUGIN_REFUSED;

        if (ref == NULL)
                ref = loader_ref_new(bb_cstr(p->name));
        if (ref == NULL || ref->state == PLUGIN_LOADED)
                return;
        refuse(ref, state, BB_E_INVALID, "%s", why);
        bb_log(BB_ERROR, state == PLUGIN_QUARANTINED ? "plugin.quarantined" : "plugin.refused", ref->why,
               bb_kv_cstr("plugin", p->name));
}

/* Of what is not loaded the try may know what there would be: its paths are out of order then, not unknown. */
static void note_absent(const struct probe_plugin *p)
{
        struct bb_plugin_ref *ref = plugin_named(bb_cstr(p->name));
        struct arena *arena;
        bb_str words = BB_STR("");

        if (ref == NULL)
                return;
        free((void *)(uintptr_t)ref->would_provide);
        ref->would_provide = NULL;
        if (ref->state == PLUGIN_LOADED)
                return;
        arena = arena_new("absent");
        for (size_t i = 0; i < p->provide_count; i++)
                words = arena_print(arena, "%.*s%s%s", BB_FMT(words), i > 0 ? " " : "", p->provides[i]);
        ref->would_provide = heap_str(words).ptr;
        arena_free(arena);
        router_set_absent(ref, p->routes, p->route_count);
}

static int32_t is_loaded(const char *name)
{
        const struct bb_plugin_ref *ref = plugin_named(bb_cstr(name));

        return ref != NULL && ref->state == PLUGIN_LOADED;
}

/* Of a plugin that runs here the registry knows more than the child: its file may have been replaced since. */
static void take_provided(struct loader_plan *plan, const struct bb_plugin_ref *ref, struct registry_node *node)
{
        size_t count = 0;
        const char *interface;

        while (registry_provided_by(ref, count) != NULL)
                count++;
        node->provides = arena_alloc(plan->arena, count * sizeof(*node->provides) + 1);
        node->needs = ref->is.needs;
        node->after = ref->is.after;
        for (node->provide_count = 0; (interface = registry_provided_by(ref, node->provide_count)) != NULL;)
                node->provides[node->provide_count++] = interface;
}

static struct registry_node *nodes_of(struct loader_plan *plan)
{
        struct registry_node *nodes = arena_alloc(plan->arena, plan->count * sizeof(*nodes) + 1);

        for (size_t i = 0; i < plan->count; i++) {
                const struct probe_plugin *p = &plan->plugins[i];

                nodes[i] = (struct registry_node){.name = p->name,
                                                  .needs = (const char *const *)p->needs,
                                                  .after = (const char *const *)p->after,
                                                  .provides = p->provides,
                                                  .provide_count = p->provide_count};
                if (is_loaded(p->name))
                        take_provided(plan, plugin_named(bb_cstr(p->name)), &nodes[i]);
                else if (p->quarantined != NULL)
                        nodes[i].problem = p->quarantined;
                else if (p->state != PROBE_OK && p->state != PROBE_STUCK)
                        nodes[i].problem = p->why != NULL ? p->why : "it could not be tried";
        }
        return nodes;
}

void loader_plan_free(struct loader_plan *plan)
{
        arena_free(plan->arena);
}

void loader_load(struct loader_plan *plan)
{
        struct registry_node *nodes = nodes_of(plan);
        size_t *order = arena_alloc(plan->arena, plan->count * sizeof(*order) + 1);
        size_t placed;

        if (plan->failure != NULL)
                bb_log(BB_ERROR, "plugin.probe_failed", "plugins could not be tried in a child process, none is loaded",
                       bb_kv_cstr("why", plan->failure));
        placed = registry_order(nodes, plan->count, plan->arena, order);
        for (size_t i = 0; i < placed; i++)
                load_one(&plan->plugins[order[i]]);
        for (size_t i = 0; i < plan->count; i++)
                if (nodes[i].problem != NULL)
                        note_failure(&plan->plugins[i], nodes[i].problem);
        for (size_t i = 0; i < plan->count; i++)
                note_absent(&plan->plugins[i]);
        arena_free(plan->arena);
}

static void unload(struct bb_plugin_ref *ref)
{
        const bb_plugin_ref *before = task_enter_plugin(ref, "unload");

        if (ref->is.unload != NULL)
                ref->is.unload(ref->self);
        task_leave_plugin(before);
        forget(ref);
}

void loader_unload_all(void)
{
        while (count_of_loaded > 0)
                unload(loaded[--count_of_loaded]);
        while (count_of_plugins > 0) {
                struct bb_plugin_ref *ref = plugins[--count_of_plugins];

                /* The code stays mapped: a thread of a vendor's library may still run in it. */
                router_remove_plugin(ref);
                ref->magic = 0;
                free((void *)(uintptr_t)ref->would_provide);
                free((void *)(uintptr_t)ref->name);
                free((void *)(uintptr_t)ref->why);
                free(ref);
        }
}
