/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads busbar.yaml and the tenants' files into one snapshot, and checks what shapes cannot: paths, addresses, names,
 * and that no two tenants claim the same host.
 */
#include "mod/config.h"
#include "base/map.h"
#include "base/str.h"
#include "mod/config_check.h"
#include "mod/defaults.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#define MAX_TENANTS 10000
#define SUFFIX BB_STR(".yaml")

int32_t config_is_id(bb_str s)
{
        if (s.len == 0 || s.len > 63 || s.ptr[0] == '-')
                return 0;
        for (size_t i = 0; i < s.len; i++)
                if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.ptr[i]) == NULL || s.ptr[i] == '\0')
                        return 0;
        return 1;
}

/* --- busbar.yaml --- */

static void absolute(struct config *config, bb_str *path)
{
        if (path->ptr != NULL && path->len > 0 && path->ptr[0] != '/')
                *path = arena_print(config->arena, "%s/%.*s", config->folder, BB_FMT(*path));
}

static void absolute_all(struct config *config, struct bb_array *paths)
{
        bb_str *items = paths->items;

        for (size_t i = 0; i < paths->count; i++)
                absolute(config, &items[i]);
}

static void default_plugin_folders(struct config *config)
{
        struct bb_array *folders = &config->server.plugin_folders;

        if (folders->count > 0)
                return;
        folders->items = arena_alloc(config->arena, sizeof(bb_str));
        *(bb_str *)folders->items = BB_STR(PLUGINDIR);
        folders->count = 1;
}

static void resolve_paths(struct config *config)
{
        struct config_server *server = &config->server;

        absolute(config, &server->state_folder);
        absolute(config, &server->tenants_folder);
        absolute(config, &server->database.bin_folder);
        absolute_all(config, &server->plugin_folders);
        default_plugin_folders(config);
        if (server->master_key_file.ptr == NULL)
                server->master_key_file = arena_print(config->arena, "%.*s/master.key", BB_FMT(server->state_folder));
        absolute(config, &server->master_key_file);
        if (server->http.tls != NULL) {
                absolute(config, &server->http.tls->certificate);
                absolute(config, &server->http.tls->key);
                absolute(config, &server->http.tls->client_ca);
        }
}

static void read_server(struct config *config, const char *name)
{
        struct config_source source = {
                .name = name, .folder = config->folder, .arena = config->arena, .errors = &config->errors};

        config_parse_file(&source, config->path);
        memcpy(config->digest, source.digest, sizeof(config->digest));
        if (source.root == NULL && config->errors.count > 0)
                return;
        if (config_decode(&source, source.root, "", &config_server_shape, &config->server) > 0)
                return;
        resolve_paths(config);
        config_check_server(&source, &config->server);
}

/* --- a tenant's file --- */

static void read_plugins(struct config_source *source, struct config_tenant *tenant, struct config_node *plugins)
{
        if (config_is_null(plugins))
                return;
        if (plugins->kind != CONFIG_MAP) {
                config_error(source->errors, source->name, plugins->line, "plugins",
                             "expected a mapping of plugins to their options, found a %s",
                             plugins->kind == CONFIG_LIST ? "list" : "text");
                return;
        }
        tenant->plugins = arena_alloc(tenant->arena, plugins->count * sizeof(*tenant->plugins) + 1);
        for (const struct config_node *n = plugins->first; n != NULL; n = n->next) {
                if (!config_is_id(n->key)) {
                        config_error(source->errors, source->name, n->key_line, "plugins",
                                     "\"%.*s\" cannot be a plugin's name: expected a-z, 0-9 and '-'", BB_FMT(n->key));
                        continue;
                }
                tenant->plugins[tenant->plugin_count++] =
                        (struct config_plugin){.name = n->key, .line = n->key_line, .options = n};
        }
}

static void lower_hosts(struct config_tenant *tenant)
{
        bb_str *hosts = tenant->hosts.items;

        for (size_t i = 0; i < tenant->hosts.count; i++) {
                char *copy = arena_alloc(tenant->arena, hosts[i].len + 1);

                for (size_t j = 0; j < hosts[i].len; j++) {
                        char c = hosts[i].ptr[j];

                        copy[j] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
                }
                hosts[i].ptr = copy;
        }
}

static void resolve_tenant_paths(struct config *config, struct config_tenant *tenant)
{
        if (tenant->tls == NULL)
                return;
        absolute(config, &tenant->tls->certificate);
        absolute(config, &tenant->tls->key);
        absolute(config, &tenant->tls->client_ca);
}

static struct config_tenant *read_tenant(struct config *config, const char *folder, const char *entry)
{
        struct arena *arena = arena_new("tenant configuration");
        struct config_tenant *tenant = arena_alloc(arena, sizeof(*tenant));
        struct config_source source = {.folder = config->folder, .arena = arena, .errors = &config->errors};
        bb_str id = str_sub(bb_cstr(entry), 0, strlen(entry) - SUFFIX.len);
        struct config_node *plugins;
        size_t faults = config->errors.count;

        source.name = arena_print(arena, "tenants/%s", entry).ptr;
        config_parse_file(&source, arena_print(arena, "%s/%s", folder, entry).ptr);
        plugins = config_take(source.root, "plugins");
        if (config->errors.count == faults)
                config_decode(&source, source.root, "", &config_tenant_shape, tenant);
        tenant->arena = arena;
        tenant->owners = 1;
        tenant->file = source.name;
        memcpy(tenant->digest, source.digest, sizeof(tenant->digest));
        if (tenant->id.ptr != NULL && !bb_str_eq(tenant->id, id))
                config_error(&config->errors, source.name, config_get(source.root, "id")->line, "id",
                             "expected \"%.*s\" as the file is named, found \"%.*s\"", BB_FMT(id), BB_FMT(tenant->id));
        tenant->id = arena_str(arena, id);
        if (!config_is_id(id))
                config_error(&config->errors, source.name, 0, NULL,
                             "expected a file name of a-z, 0-9 and '-' (at most 63), found \"%.*s\"", BB_FMT(id));
        read_plugins(&source, tenant, plugins);
        lower_hosts(tenant);
        resolve_tenant_paths(config, tenant);
        if (config->errors.count == faults)
                config_check_tenant(&source, tenant);
        return tenant;
}

static int only_yaml(const struct dirent *entry)
{
        bb_str name = bb_cstr(entry->d_name);

        return name.len > SUFFIX.len && name.ptr[0] != '.' && str_ends(name, SUFFIX);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_tenants(struct config *config)
{
        const char *folder = config->server.tenants_folder.ptr;
        struct dirent **entries;
        int count = scandir(folder, &entries, only_yaml, by_name);

        if (count < 0) {
                config_error(&config->errors, "busbar.yaml", 0, "tenants_folder", "%s cannot be read: %s", folder,
                             strerror(errno));
                return;
        }
        if (count > MAX_TENANTS)
                config_error(&config->errors, "busbar.yaml", 0, "tenants_folder", "expected at most %d files, found %d",
                             MAX_TENANTS, count);
        config->tenants = arena_alloc(config->arena, (size_t)count * sizeof(*config->tenants) + 1);
        for (int i = 0; i < count; i++) {
                if (i < MAX_TENANTS)
                        config->tenants[config->tenant_count++] = read_tenant(config, folder, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
}

/* --- over all --- */

static void check_hosts(struct config *config)
{
        struct map *owners = map_new();

        for (size_t i = 0; i < config->tenant_count; i++) {
                struct config_tenant *tenant = config->tenants[i];
                const bb_str *hosts = tenant->hosts.items;

                for (size_t j = 0; j < tenant->hosts.count; j++) {
                        const struct config_tenant *other = map_set(owners, hosts[j], tenant);

                        if (other == tenant)
                                config_error(&config->errors, tenant->file, 0, "hosts", "the host %.*s is there twice",
                                             BB_FMT(hosts[j]));
                        else if (other != NULL)
                                config_error(&config->errors, tenant->file, 0, "hosts",
                                             "the host %.*s is claimed by %s already", BB_FMT(hosts[j]), other->file);
                }
        }
        map_free(owners);
}

static const char *folder_of(struct arena *arena, const char *path)
{
        char *real = realpath(path, NULL);
        bb_str whole = bb_cstr(real != NULL ? real : path), folder = BB_STR(".");

        for (size_t i = 0; i < whole.len; i++)
                if (whole.ptr[i] == '/')
                        folder = i == 0 ? BB_STR("/") : str_sub(whole, 0, i);
        folder = arena_str(arena, folder);
        free(real);
        return folder.ptr;
}

static const char *name_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash != NULL ? slash + 1 : path;
}

/* Paths are made absolute only when the whole file could be decoded. */
int32_t config_knows_tenants(const struct config *config)
{
        return config->server.tenants_folder.ptr != NULL && config->server.tenants_folder.ptr[0] == '/';
}

struct config *config_load(const char *path)
{
        struct arena *arena = arena_new("configuration");
        struct config *config = arena_alloc(arena, sizeof(*config));

        config->arena = arena;
        config->errors.arena = arena;
        config->path = arena_str(arena, bb_cstr(path)).ptr;
        config->folder = folder_of(arena, path);
        read_server(config, name_of(config->path));
        if (config_knows_tenants(config)) {
                read_tenants(config);
                check_hosts(config);
        }
        return config;
}

void config_free(struct config *config)
{
        if (config == NULL)
                return;
        for (size_t i = 0; i < config->tenant_count; i++)
                config_tenant_release(config->tenants[i]);
        arena_free(config->arena);
}

struct config_tenant *config_tenant_keep(struct config_tenant *tenant)
{
        tenant->owners++;
        return tenant;
}

void config_tenant_release(struct config_tenant *tenant)
{
        if (tenant != NULL && --tenant->owners == 0)
                arena_free(tenant->arena);
}

const struct config_tenant *config_find_tenant(const struct config *config, bb_str id)
{
        for (size_t i = 0; i < config->tenant_count; i++)
                if (bb_str_eq(config->tenants[i]->id, id))
                        return config->tenants[i];
        return NULL;
}

struct config_source config_tenant_source(const struct config_tenant *tenant, const struct config *config,
                                          struct config_errors *errors)
{
        return (struct config_source){
                .name = tenant->file, .folder = config->folder, .arena = tenant->arena, .errors = errors};
}
