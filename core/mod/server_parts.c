/* SPDX-License-Identifier: Apache-2.0
 *
 * What starting, checking and reloading have in common: reading, which plugins there are to load, and doing something
 * with many tenants at a time.
 */
#include "mod/firm.h"
#include "mod/host.h"
#include "mod/server.h"
#include "rt/loop.h"
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 10

/* --- the configuration --- */

void server_print_errors(const struct config_errors *errors)
{
        for (size_t i = 0; i < errors->count; i++)
                fprintf(stderr, "%.*s\n", BB_FMT(errors->lines[i]));
        if (errors->left_out > 0)
                fprintf(stderr, "and %zu more\n", errors->left_out);
}

void server_read_configuration(const char *path)
{
        server.config_path = heap_str(bb_cstr(path));
        server.config = config_load(path);
}

/* 0: go on; otherwise the exit status. */
int server_make_loop(size_t errors)
{
        if (errors == 0 && loop_init(server.config->server.workers) == BB_OK)
                return 0;
        server_print_errors(&server.config->errors);
        config_free(server.config);
        server_free_words();
        return errors > 0 ? EXIT_CONFIGURATION : EXIT_FAILURE;
}

void server_free_words(void)
{
        const bb_str words[] = {server.config_path, server.state_folder, server.url,
                                server.owner_url,   server.admin_url,    server.replica_url};

        host_set_state_folder(BB_NONE);
        for (size_t i = 0; i < BB_COUNT(words); i++)
                free((void *)(uintptr_t)words[i].ptr);
}

/* --- plugins and tenants --- */

struct loader_folders server_plugin_folders(const struct config *config)
{
        return (struct loader_folders){.paths = config->server.plugin_folders.items,
                                       .count = config->server.plugin_folders.count};
}

static int32_t is_among(bb_str name, const bb_str *names, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (bb_str_eq(name, names[i]))
                        return 1;
        return 0;
}

bb_str *server_plugin_names(const struct config *config, struct arena *arena, size_t *ret_count)
{
        size_t most = 0, count = 0;
        bb_str *names;

        for (size_t i = 0; i < config->tenant_count; i++)
                most += config->tenants[i]->plugin_count;
        names = arena_alloc(arena, (most + 1) * sizeof(*names));
        for (size_t i = 0; i < config->tenant_count; i++)
                for (size_t j = 0; j < config->tenants[i]->plugin_count; j++)
                        if (!is_among(config->tenants[i]->plugins[j].name, names, count))
                                names[count++] = config->tenants[i]->plugins[j].name;
        *ret_count = count;
        return names;
}

bb_str *server_quarantined(struct arena *arena, size_t *ret_count)
{
        size_t count = server.page != NULL ? (size_t)server.page->quarantined_count : 0;
        bb_str *names = arena_alloc(arena, (count + 1) * sizeof(*names));

        for (size_t i = 0; i < count; i++)
                names[i] = arena_str(arena, bb_cstr(server.page->quarantined[i]));
        *ret_count = count;
        return names;
}

void server_log_problems(const struct tenant *tenant)
{
        const struct tenant_plugin *p;
        bb_str text;

        for (size_t i = 0; tenant_problem(tenant, i, &p, &text); i++)
                bb_log(BB_ERROR, "tenant.plugin_missing", text.ptr, bb_kv_str("tenant", tenant->pub.id),
                       bb_kv_str("plugin", p->name));
}

void server_load_plugins(void)
{
        struct loader_folders folders = server_plugin_folders(server.config);
        struct arena *arena = arena_new("plugin names");
        size_t count, quarantined_count;
        bb_str *names = server_plugin_names(server.config, arena, &count);
        bb_str *quarantined = server_quarantined(arena, &quarantined_count);
        struct loader_plan *plan = loader_plan_new(&folders, names, count, quarantined, quarantined_count);

        loader_probe(plan);
        loader_load(plan);
        arena_free(arena);
}

/* Options are part of the configuration: a fault there is a fault of the file. */
bb_err server_make_tenants(void)
{
        struct config *config = server.config;

        for (size_t i = 0; i < config->tenant_count; i++)
                tenants_add(tenant_new(config->tenants[i], config, &config->errors));
        return config->errors.count == 0 ? BB_OK : BB_E_INVALID;
}

void server_free_tenants(void)
{
        while (tenants_count() > 0) {
                struct tenant *tenant = tenants_at(tenants_count() - 1);

                tenants_remove(tenant);
                tenant_free(tenant);
        }
}

/* --- tasks over many tenants --- */

struct change {
        void (*change)(void *arg);
        void *arg;
        bb_cond *done;
        size_t *left;
};

static void run_change(void *arg)
{
        const struct change *c = arg;

        c->change(c->arg);
        if (--*c->left == 0)
                bb_cond_wake_all(c->done);
}

BB_AWAIT void server_change_tenants(void (*change)(void *arg), void *const *args, size_t count)
{
        struct change *changes = heap_new((count + 1) * sizeof(*changes));
        bb_cond *done = bb_cond_new();
        size_t left = count;

        server.changing += count;
        for (size_t i = 0; i < count; i++) {
                struct bb_task_spec spec = {.size = sizeof(spec),
                                            .flags = TASK_WITHOUT_TENANT,
                                            .name = "tenant.change",
                                            .run = run_change,
                                            .arg = &changes[i]};

                changes[i] = (struct change){.change = change, .arg = args[i], .done = done, .left = &left};
                if (task_spawn(NULL, &spec, NULL) < 0)
                        run_change(&changes[i]); /* one after the other, then */
        }
        /* They use our stack: a cancelled caller waits, too. */
        while (left > 0)
                if (bb_cond_wait(done, -1) < 0 && firm_sleep(WAIT_MS) < 0)
                        abort();
        server.changing -= count;
        bb_cond_free(done);
        free(changes);
}
