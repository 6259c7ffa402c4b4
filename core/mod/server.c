/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker from its first line to its last: configuration, plugins, database, tenants, listeners; then the loop.
 * What can fail is tried in this order, and nothing is served before all of it is there.
 */
#include "mod/server.h"
#include "base/log.h"
#include "db/db.h"
#include "mod/crypto.h"
#include "mod/defaults.h"
#include "mod/firm.h"
#include "mod/host.h"
#include "mod/loader.h"
#include "net/client.h"
#include "rt/loop.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS 10000
#define WAIT_MS 10

struct server server;

static struct embedded embedded; /* without a supervisor the cluster is our own child */
static int exit_status;

/* --- small things that others use, too --- */

void server_print_errors(const struct config_errors *errors)
{
        for (size_t i = 0; i < errors->count; i++)
                fprintf(stderr, "%.*s\n", BB_FMT(errors->lines[i]));
        if (errors->left_out > 0)
                fprintf(stderr, "and %zu more\n", errors->left_out);
}

void server_prepare_tables(void)
{
        world_init();
        host_init();
}

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
                struct bb_task_spec spec = {.size = sizeof(spec), .flags = TASK_WITHOUT_TENANT, .name = "tenant.change",
                                            .run = run_change, .arg = &changes[i]};

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

/* --- database --- */

struct migration {
        struct db_config config;
        bb_str why;
        bb_err err;
};

static void run_migration(void *arg)
{
        struct migration *m = arg;

        m->err = db_migrate(&m->config, &m->why);
}

static struct db_config db_config(void)
{
        return (struct db_config){.url = server.url.ptr,
                                  .owner_url = server.owner_url.ptr,
                                  .pool_size = server.config->server.database.pool};
}

BB_AWAIT bb_err server_migrate(void)
{
        struct migration m = {.config = db_config()};
        bb_err err = bb_worker_run(run_migration, &m);

        if (err == BB_OK)
                err = m.err;
        if (err < 0)
                bb_log(BB_ERROR, "database.migration_failed", m.why.ptr, bb_kv_err(err));
        free((void *)(uintptr_t)m.why.ptr);
        return err;
}

static BB_AWAIT bb_err migrate_until_done(void)
{
        int64_t pause = RETRY_FIRST_MS;

        server.waiting_for = "the database's tables";
        while (server_migrate() < 0) {
                TRY(bb_sleep(pause));
                pause = pause * 2 < RETRY_MOST_MS ? pause * 2 : RETRY_MOST_MS;
        }
        return BB_OK;
}

static BB_AWAIT bb_err open_database(void)
{
        struct db_config config = db_config();
        bb_str why = BB_NONE;
        bb_err err;

        TRY(migrate_until_done());
        err = db_open(&config, &why);
        if (err < 0)
                bb_log(BB_ERROR, "database.open_failed", why.ptr, bb_kv_err(err));
        free((void *)(uintptr_t)why.ptr);
        return err;
}

/* --- the start --- */

static void start_one(void *arg)
{
        struct tenant *tenant = arg;

        if (tenant_start(tenant) < 0)
                bb_log(BB_WARN, "tenant.not_started", NULL, bb_kv_str("tenant", tenant->pub.id));
}

static BB_AWAIT void start_all(void)
{
        size_t count = tenants_count();
        void **all = bb_alloc((count + 1) * sizeof(*all));

        for (size_t i = 0; i < count; i++)
                all[i] = tenants_at(i);
        server.waiting_for = "tenants";
        server_change_tenants(start_one, all, count);
}

static BB_AWAIT bb_err start(void)
{
        struct tls_set *certificates;
        struct tenant **all;
        bb_str why = BB_NONE;
        bb_err err;

        TRY(open_database());
        start_all();
        if (server.phase == SERVER_DRAINING)
                return BB_E_CANCELED;
        all = bb_alloc((tenants_count() + 1) * sizeof(*all));
        for (size_t i = 0; i < tenants_count(); i++)
                all[i] = tenants_at(i);
        certificates = tls_set_read(&server.config->server, all, tenants_count(), &why);
        if (certificates == NULL) {
                bb_log(BB_ERROR, "tls.failed", why.ptr);
                return BB_E_INVALID;
        }
        err = listen_public(&server.config->server, certificates);
        if (err == BB_OK)
                tls_set_apply(certificates);
        else
                tls_set_free(certificates);
        TRY(err);
        server.phase = SERVER_READY;
        server.waiting_for = NULL;
        return status_write();
}

static void start_task(void *arg)
{
        bb_err err = start();

        (void)arg;
        server.start_task = 0;
        if (err == BB_OK) {
                bb_log(BB_INFO, "server.ready", NULL, bb_kv_cstr("version", PACKAGE_VERSION),
                       bb_kv_int("tenants", (int64_t)tenants_count()));
                return;
        }
        if (server.phase == SERVER_DRAINING)
                return;
        bb_log(BB_ERROR, "server.start_failed", "the server cannot start", bb_kv_err(err));
        server_end(EXIT_FAILURE);
}

/* --- signals --- */

static void on_end_signal(evutil_socket_t number, short what, void *arg)
{
        (void)what;
        (void)arg;
        bb_log(BB_INFO, "server.signal", strsignal((int)number));
        drain_begin();
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
        (void)number;
        (void)what;
        (void)arg;
        reload_request();
}

static struct event *signals[3];

static void watch_signals(void)
{
        signals[0] = evsignal_new(loop_base(), SIGTERM, on_end_signal, NULL);
        signals[1] = evsignal_new(loop_base(), SIGINT, on_end_signal, NULL);
        signals[2] = evsignal_new(loop_base(), SIGHUP, on_reload_signal, NULL);
        for (size_t i = 0; i < BB_COUNT(signals); i++)
                event_add(signals[i], NULL);
}

static void forget_signals(void)
{
        for (size_t i = 0; i < BB_COUNT(signals); i++)
                event_free(signals[i]);
}

/* --- before the loop --- */

static void fail(const char *event, bb_str why)
{
        bb_log(BB_ERROR, event, bb_str_c(why));
}

static bb_err find_database(void)
{
        const struct config_database *database = &server.config->server.database;
        struct embedded_config cluster = {.state = server.state_folder.ptr,
                                          .bindir = database->bin_folder.ptr};
        bb_str why = BB_NONE;

        if (!bb_str_is(database->url, "embedded")) {
                server.url = heap_str(database->url);
                server.owner_url = heap_str(database->owner_url);
                return BB_OK;
        }
        if (server.page != NULL) {
                server.url = heap_str(bb_cstr(server.page->url));
                server.owner_url = heap_str(bb_cstr(server.page->owner_url));
                server.admin_url = heap_str(bb_cstr(server.page->admin_url));
                return BB_OK;
        }
        if (embedded_start(&cluster, &embedded, &why) < 0) {
                fail("database.embedded_failed", why);
                free((void *)(uintptr_t)why.ptr);
                return BB_E_UNAVAILABLE;
        }
        server.url = heap_str(bb_cstr(embedded.url));
        server.owner_url = heap_str(bb_cstr(embedded.owner_url));
        server.admin_url = heap_str(bb_cstr(embedded.admin_url));
        return BB_OK;
}

static void tend_database(void *arg)
{
        pid_t pid = embedded_pid();

        (void)arg;
        embedded_tend(pid > 0 && waitpid(pid, NULL, WNOHANG) == pid ? pid : 0);
}

static void load_plugins(void)
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
static bb_err make_tenants(void)
{
        struct config *config = server.config;

        for (size_t i = 0; i < config->tenant_count; i++)
                tenants_add(tenant_new(config->tenants[i], config, &config->errors));
        return config->errors.count == 0 ? BB_OK : BB_E_INVALID;
}

static void free_tenants(void)
{
        while (tenants_count() > 0) {
                struct tenant *tenant = tenants_at(tenants_count() - 1);

                tenants_remove(tenant);
                tenant_free(tenant);
        }
}

static bb_err open_state(void)
{
        const struct config_server *config = &server.config->server;
        bb_str why = BB_NONE;
        bb_err err;

        TRY(status_make_folder(config->state_folder));
        err = crypto_open(config->master_key_file.ptr, &why);
        if (err < 0)
                fail("crypto.failed", why);
        return err;
}

/* 0: go on; otherwise the exit status. */
static int prepare(void)
{
        log_set_level(server.config->server.log.level); /* the shape's order is BB_DEBUG … BB_ERROR */
        server.state_folder = heap_str(server.config->server.state_folder);
        host_set_state_folder(server.state_folder);
        if (world_set_proxies(&server.config->server) < 0 || open_state() < 0)
                return EXIT_FAILURE;
        load_plugins();
        if (make_tenants() < 0) {
                server_print_errors(&server.config->errors);
                return EXIT_CONFIGURATION;
        }
        for (size_t i = 0; i < tenants_count(); i++)
                server_log_problems(tenants_at(i));
        if (find_database() < 0 || listen_operation(&server.config->server) < 0)
                return EXIT_FAILURE;
        return 0;
}

static void run_loop(void)
{
        const struct config_server *config = &server.config->server;
        bb_timer *tending = NULL;
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "server.start", .run = start_task};

        watch_signals();
        if (embedded_pid() > 0)
                tending = bb_timer_new(NULL, "database.tend", 1000, 1000, tend_database, NULL);
        status_start_metrics();
        if (watchdog_start(config->watchdog.warn_ms, config->watchdog.abort_ms) < 0)
                bb_log(BB_WARN, "watchdog.failed", "there is no watchdog");
        if (task_spawn(NULL, &spec, &server.start_task) < 0)
                exit_status = EXIT_FAILURE;
        else
                loop_run();
        watchdog_stop();
        if (tending != NULL)
                bb_timer_free(tending);
        forget_signals();
}

static void free_words(void)
{
        const bb_str words[] = {server.config_path, server.state_folder, server.url, server.owner_url,
                                server.admin_url};

        host_set_state_folder(BB_NONE);
        for (size_t i = 0; i < BB_COUNT(words); i++)
                free((void *)(uintptr_t)words[i].ptr);
}

static void clean_up(void)
{
        status_remove();
        listen_free();
        free_tenants();
        client_close();
        db_close();
        loader_unload_all();
        if (embedded.url != NULL)
                embedded_stop(&embedded);
        crypto_close();
        config_free(server.config);
        world_free();
        free_words();
        loop_close();
}

void server_end(int status)
{
        if (exit_status == 0)
                exit_status = status;
        loop_stop();
}

static void read_configuration(const char *path)
{
        server.config_path = heap_str(bb_cstr(path));
        server.config = config_load(path);
}

/* 0: go on; otherwise the exit status. */
static int make_loop(size_t errors)
{
        if (errors == 0 && loop_init(server.config->server.workers) == BB_OK)
                return 0;
        server_print_errors(&server.config->errors);
        config_free(server.config);
        free_words();
        return errors > 0 ? EXIT_CONFIGURATION : EXIT_FAILURE;
}

int server_run(const struct server_options *options)
{
        server.page = options->page;
        signal(SIGPIPE, SIG_IGN);
        crash_install(options->page != NULL ? SUPERVISED_TRACE_FD : -1);
        read_configuration(options->config_path);
        exit_status = make_loop(server.config->errors.count);
        if (exit_status != 0)
                return exit_status;
        server_prepare_tables();
        exit_status = prepare();
        if (exit_status == 0)
                run_loop();
        bb_log(BB_INFO, "server.ended", NULL, bb_kv_int("status", exit_status));
        clean_up();
        return exit_status;
}

/* --- busbard -t --- */

static size_t print_problems(const struct tenant *tenant)
{
        const struct tenant_plugin *p;
        size_t count = 0;
        bb_str text;

        for (; tenant_problem(tenant, count, &p, &text); count++)
                fprintf(stderr, "%s:%d: %.*s\n", tenant->config->file, (int)p->line, BB_FMT(text));
        return count;
}

static size_t check_all(void)
{
        uint8_t key[CRYPTO_KEY_BYTES];
        size_t problems = 0;

        /* The real key is not touched: whoever checks a file need not be allowed to read it. */
        bb_random(key, sizeof(key));
        crypto_set_master_key(key);
        load_plugins();
        make_tenants();
        problems += server.config->errors.count;
        server_print_errors(&server.config->errors);
        for (size_t i = 0; i < tenants_count(); i++)
                problems += print_problems(tenants_at(i));
        return problems;
}

static size_t check_certificates(void)
{
        struct tenant **all = bb_alloc((tenants_count() + 1) * sizeof(*all));
        bb_str why = BB_NONE;
        struct tls_set *set;

        for (size_t i = 0; i < tenants_count(); i++)
                all[i] = tenants_at(i);
        set = tls_set_read(&server.config->server, all, tenants_count(), &why);
        if (set == NULL)
                fprintf(stderr, "%.*s\n", BB_FMT(why));
        tls_set_free(set);
        return set == NULL;
}

int server_check(const char *config_path)
{
        size_t problems;
        int status;

        /* A fault in a tenant's file is no reason not to look for others; without busbar.yaml there is nothing to look at. */
        read_configuration(config_path);
        status = make_loop(config_knows_tenants(server.config) ? 0 : server.config->errors.count);
        if (status != 0)
                return status;
        /* What goes wrong is printed for people; the log would only say it twice. */
        log_set_level(BB_ERROR + 1);
        server_prepare_tables();
        problems = check_all() + check_certificates();
        free_tenants();
        loader_unload_all();
        crypto_close();
        config_free(server.config);
        world_free();
        free_words();
        loop_close();
        return problems == 0 ? 0 : EXIT_CONFIGURATION;
}
