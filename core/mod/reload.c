/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: the files are read again as a whole. Everything that can be wrong is looked for first, and then nothing has
 * changed; after that only tenants whose files differ (or whose refused plugins can be loaded now) stop and start.
 */
#include "base/log.h"
#include "mod/server.h"
#include "rt/loop.h"
#include <stdlib.h>

/* One reload on its way. */
struct reload {
        struct config *config;
        struct arena *arena;
        struct config_errors *errors;
        struct tenant_change *changes;
        size_t count;
        struct tenant **after; /* every tenant as it will be */
        size_t after_count;
        struct tls_set *certificates;
        size_t plugins_before;
};

/* before NULL: a new tenant; after NULL: a removed one. */
struct tenant_change {
        struct tenant *before, *after;
};

static int32_t again; /* asked for while one was on its way */

/* --- reading, on a worker thread --- */

static void read_files(void *arg)
{
        struct reload *r = arg;

        r->config = config_load(server.config_path.ptr);
}

static void probe(void *arg)
{
        loader_probe(arg);
}

/* --- what is different --- */

static void warn_about(int32_t differs, const char *what)
{
        if (differs)
                bb_log(BB_WARN, "reload.needs_restart", "this part of busbar.yaml changes with the next restart only",
                       bb_kv_cstr("part", what));
}

static void warn_about_fixed_parts(const struct config_server *a, const struct config_server *b)
{
        warn_about(!bb_str_eq(a->state_folder, b->state_folder), "state_folder");
        warn_about(!bb_str_eq(a->master_key_file, b->master_key_file), "master_key_file");
        warn_about(a->workers != b->workers, "workers");
        warn_about(!bb_str_eq(a->operation.listen, b->operation.listen), "operation.listen");
        warn_about(!bb_str_eq(a->database.url, b->database.url) ||
                           !bb_str_eq(a->database.owner_url, b->database.owner_url) ||
                           !bb_str_eq(a->database.replica_url, b->database.replica_url) ||
                           a->database.pool != b->database.pool,
                   "database");
        warn_about(memcmp(&a->limits.header_ms, &b->limits.header_ms,
                          sizeof(a->limits) - offsetof(struct config_limits, header_ms)) != 0,
                   "limits");
        warn_about(a->watchdog.warn_ms != b->watchdog.warn_ms || a->watchdog.abort_ms != b->watchdog.abort_ms,
                   "watchdog");
}

/* Was a plugin of this tenant refused that is loaded now? */
static int32_t has_news(const struct tenant *tenant)
{
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                const struct bb_plugin_ref *ref = plugin_named(tenant->plugins[i].name);

                if (tenant->plugins[i].status == TENANT_PLUGIN_FAILED && tenant->plugins[i].config == NULL &&
                    ref != NULL && ref->state == PLUGIN_LOADED)
                        return 1;
        }
        return 0;
}

static void plan_tenant(struct reload *r, struct config_tenant *file)
{
        struct tenant *before = tenants_by_id(file->id), *after = before;

        if (before == NULL || has_news(before) ||
            memcmp(before->config->digest, file->digest, sizeof(file->digest)) != 0) {
                after = tenant_new(file, r->config, r->errors);
                r->changes[r->count++] = (struct tenant_change){.before = before, .after = after};
        }
        r->after[r->after_count++] = after;
}

static void plan_removed(struct reload *r)
{
        for (size_t i = 0; i < tenants_count(); i++) {
                struct tenant *tenant = tenants_at(i);

                if (config_find_tenant(r->config, tenant->pub.id) == NULL)
                        r->changes[r->count++] = (struct tenant_change){.before = tenant};
        }
}

static void plan_tenants(struct reload *r)
{
        size_t most = r->config->tenant_count + tenants_count() + 1;

        r->changes = arena_alloc(r->arena, most * sizeof(*r->changes));
        r->after = arena_alloc(r->arena, most * sizeof(struct tenant *));
        for (size_t i = 0; i < r->config->tenant_count; i++)
                plan_tenant(r, r->config->tenants[i]);
        plan_removed(r);
}

/* A plugin that already failed in the running tenant is no reason to refuse a change of something else. */
static int32_t failed_before(const struct tenant *before, bb_str plugin)
{
        for (size_t i = 0; before != NULL && i < before->plugin_count; i++)
                if (bb_str_eq(before->plugins[i].name, plugin))
                        return before->plugins[i].status == TENANT_PLUGIN_FAILED;
        return 0;
}

static void add_problems(struct reload *r)
{
        const struct tenant_plugin *p;
        bb_str text;

        for (size_t i = 0; i < r->count; i++) {
                const struct tenant *after = r->changes[i].after;

                for (size_t j = 0; after != NULL && tenant_problem(after, j, &p, &text); j++)
                        if (!failed_before(r->changes[i].before, p->name))
                                config_error(r->errors, after->config->file, p->line, NULL, "%.*s", BB_FMT(text));
        }
}

/* --- looking for everything that can be wrong --- */

static BB_AWAIT bb_err load_plugins(struct reload *r)
{
        struct loader_folders folders = server_plugin_folders(r->config);
        size_t count, quarantined_count;
        bb_str *names = server_plugin_names(r->config, r->arena, &count);
        bb_str *quarantined = server_quarantined(r->arena, &quarantined_count);
        struct loader_plan *plan;
        int32_t all_loaded = 1;
        bb_err err;

        for (size_t i = 0; i < count; i++) {
                const struct bb_plugin_ref *ref = plugin_named(names[i]);

                all_loaded &= ref != NULL && ref->state == PLUGIN_LOADED;
        }
        if (all_loaded)
                return BB_OK;
        plan = loader_plan_new(&folders, names, count, quarantined, quarantined_count);
        err = bb_worker_run(probe, plan);
        if (err < 0)
                loader_plan_free(plan);
        else
                loader_load(plan);
        return err;
}

static size_t loaded_count(void)
{
        size_t n = 0;

        while (plugin_loaded_at(n) != NULL)
                n++;
        return n;
}

static BB_AWAIT bb_err look(struct reload *r)
{
        bb_str why = BB_NONE;

        r->plugins_before = loaded_count();
        TRY(bb_worker_run(read_files, r));
        r->errors = &r->config->errors;
        if (r->errors->count > 0)
                return BB_E_INVALID;
        TRY(load_plugins(r));
        plan_tenants(r);
        add_problems(r);
        if (r->errors->count > 0)
                return BB_E_INVALID;
        r->certificates = tls_set_read(&r->config->server, r->after, r->after_count, &why);
        if (r->certificates == NULL) {
                config_error(r->errors, "tls", 0, NULL, "%.*s", BB_FMT(why));
                return BB_E_INVALID;
        }
        if (loaded_count() > r->plugins_before)
                TRY(server_migrate());
        return listen_public(&r->config->server, r->certificates);
}

/* --- making it so --- */

static void change_one(void *arg)
{
        struct tenant_change *change = arg;
        struct tenant *before = change->before, *after = change->after;

        if (before != NULL)
                tenant_stop(before, 1012); /* "service restart": stations come back at once */
        if (after == NULL) {
                tenants_remove(before);
                tenant_free(before);
                return;
        }
        /* Somebody is found under the name all the time, and answers 503 until it is started. */
        if (before == NULL)
                tenants_add(after);
        if (tenant_start(after) < 0)
                bb_log(BB_WARN, "tenant.not_started", NULL, bb_kv_str("tenant", after->pub.id));
        tenants_add(after);
        if (before != NULL)
                tenant_free(before);
}

static BB_AWAIT void change_tenants(struct reload *r)
{
        void **all = arena_alloc(r->arena, (r->count + 1) * sizeof(*all));

        for (size_t i = 0; i < r->count; i++) {
                all[i] = &r->changes[i];
                if (r->changes[i].after != NULL)
                        server_log_problems(r->changes[i].after);
        }
        server_change_tenants(change_one, all, r->count);
}

static BB_AWAIT void start_failed(struct reload *r)
{
        for (size_t i = 0; i < r->after_count; i++)
                if (tenant_start_failed(r->after[i]))
                        bb_log(BB_INFO, "tenant.recovered", NULL, bb_kv_str("tenant", r->after[i]->pub.id));
}

static BB_AWAIT void apply(struct reload *r)
{
        struct config *before = server.config;
        bb_err err = world_set_proxies(&r->config->server);

        if (err < 0)
                bb_log(BB_ERROR, "reload.proxies", NULL, bb_kv_err(err));
        warn_about_fixed_parts(&before->server, &r->config->server);
        log_set_level(r->config->server.log.level);
        tls_set_apply(r->certificates);
        r->certificates = NULL;
        listen_close_missing(&r->config->server);
        server.config = r->config;
        r->config = NULL;
        change_tenants(r);
        start_failed(r);
        config_free(before);
        status_write();
}

/* --- the task --- */

static void drop(struct reload *r)
{
        for (size_t i = 0; i < r->count; i++)
                tenant_free(r->changes[i].after);
        tls_set_free(r->certificates);
        config_free(r->config);
}

static void log_errors(const struct reload *r, bb_err err)
{
        for (size_t i = 0; r->errors != NULL && i < r->errors->count; i++)
                bb_log(BB_ERROR, "reload.error", bb_str_c(r->errors->lines[i]));
        bb_log(BB_ERROR, "reload.refused", "nothing was changed", bb_kv_err(err));
}

static void count_reload(const char *result)
{
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "busbar_reloads_total", "Reloads of the configuration.",
                                    bb_kv_cstr("result", result)),
                      1);
}

static void run_once(void)
{
        struct reload r = {.arena = arena_new("reload")};
        bb_err err = look(&r);

        if (err < 0) {
                log_errors(&r, err);
                drop(&r);
                count_reload("refused");
        } else {
                size_t changed = r.count;

                apply(&r);
                bb_log(BB_INFO, "reload.done", NULL, bb_kv_int("tenants_changed", (int64_t)changed));
                count_reload("done");
        }
        arena_free(r.arena);
}

static void reload_task(void *arg)
{
        (void)arg;
        do {
                again = 0;
                run_once();
        } while (again && server.phase == SERVER_READY);
        server.reload_task = 0;
}

void reload_request(void)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .flags = TASK_WITHOUT_TENANT, .name = "server.reload", .run = reload_task};

        if (server.phase == SERVER_DRAINING)
                return;
        /* What it started with may be older than what was written since. */
        if (server.phase == SERVER_STARTING) {
                server.reload_wanted = 1;
                return;
        }
        if (server.reload_task != 0) {
                again = 1;
                return;
        }
        bb_log(BB_INFO, "reload.begun", NULL);
        if (task_spawn(NULL, &spec, &server.reload_task) < 0)
                bb_log(BB_ERROR, "reload.refused", "no task can be had");
}
