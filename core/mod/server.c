/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker from its first line to its last: configuration, plugins, database, tenants, listeners; then the loop.
 * What can fail is tried in this order, and nothing is served before all of it is there.
 */
#include "mod/server.h"
#include "base/log.h"
#include "mod/crypto.h"
#include "mod/host.h"
#include "net/client.h"
#include "rt/loop.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

struct server server;

static int exit_status;

void server_prepare_tables(void)
{
        world_init();
        host_init();
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

/* What comes before the loop can take it waits; by default it would kill. */
static void hold_signals(int how)
{
        sigset_t held;

        sigemptyset(&held);
        sigaddset(&held, SIGTERM);
        sigaddset(&held, SIGINT);
        sigaddset(&held, SIGHUP);
        sigprocmask(how, &held, NULL);
}

static void watch_signals(void)
{
        signals[0] = evsignal_new(loop_base(), SIGTERM, on_end_signal, NULL);
        signals[1] = evsignal_new(loop_base(), SIGINT, on_end_signal, NULL);
        signals[2] = evsignal_new(loop_base(), SIGHUP, on_reload_signal, NULL);
        for (size_t i = 0; i < BB_COUNT(signals); i++)
                event_add(signals[i], NULL);
        hold_signals(SIG_UNBLOCK);
}

static void forget_signals(void)
{
        for (size_t i = 0; i < BB_COUNT(signals); i++)
                event_free(signals[i]);
}

/* --- before the loop --- */

/* A station is a descriptor. The soft limit is low for the sake of select(), which nobody here uses. */
static void allow_many_files(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                bb_log(BB_WARN, "server.file_limit", strerror(errno));
}

static bb_err open_state(void)
{
        const struct config_server *config = &server.config->server;
        bb_str why = BB_NONE;
        bb_err err;

        TRY(status_make_folder(config->state_folder));
        err = crypto_open(config->master_key_file.ptr, &why);
        if (err < 0)
                bb_log(BB_ERROR, "crypto.failed", bb_str_c(why));
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
        server_load_plugins();
        if (server_make_tenants() < 0) {
                server_print_errors(&server.config->errors);
                return EXIT_CONFIGURATION;
        }
        for (size_t i = 0; i < tenants_count(); i++)
                server_log_problems(tenants_at(i));
        if (server_find_database() < 0 || listen_operation(&server.config->server) < 0)
                return EXIT_FAILURE;
        return 0;
}

static void run_loop(void)
{
        const struct config_server *config = &server.config->server;

        watch_signals();
        server_tend_database();
        status_start_metrics();
        if (watchdog_start(config->watchdog.warn_ms, config->watchdog.abort_ms) < 0)
                bb_log(BB_WARN, "watchdog.failed", "there is no watchdog");
        if (server_begin() < 0)
                exit_status = EXIT_FAILURE;
        else
                loop_run();
        watchdog_stop();
        forget_signals();
}

static void clean_up(void)
{
        status_remove();
        listen_free();
        server_free_tenants();
        client_close();
        server_close_database();
        loader_unload_all();
        crypto_close();
        config_free(server.config);
        world_free();
        server_free_words();
        loop_close();
}

void server_fail(void)
{
        exit_status = EXIT_FAILURE;
        /* Tenants may run already. */
        if (server.phase != SERVER_DRAINING)
                drain_begin();
}

void server_end(int status)
{
        if (exit_status == 0)
                exit_status = status;
        loop_stop();
}

int server_run(const struct server_options *options)
{
        server.page = options->page;
        hold_signals(SIG_BLOCK);
        signal(SIGPIPE, SIG_IGN);
        allow_many_files();
        crash_install(options->page != NULL ? SUPERVISED_TRACE_FD : -1);
        server_read_configuration(options->config_path);
        exit_status = server_make_loop(server.config->errors.count);
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
