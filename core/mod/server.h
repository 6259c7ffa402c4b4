/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: from a configuration to a running server, its reload and its end.
 */
#ifndef CORE_MOD_SERVER_H
#define CORE_MOD_SERVER_H

#include "mod/config.h"
#include "mod/loader.h"
#include "mod/supervised.h"
#include "mod/tenant.h"

/* --- for main.c --- */
struct server_options {
        const char *config_path;
        struct supervised_page *page; /* NULL: no supervisor */
};
/* Runs until it is told to stop. The exit status. */
int server_run(const struct server_options *);
/* busbard -t, in a process of its own: loads everything, prints every problem to stdout. The exit status: 0 fine,
 * EXIT_CONFIGURATION otherwise. */
int server_check(const char *config_path);
/* Prints a configuration's errors to stderr, one a line. */
void server_print_errors(const struct config_errors *);
/* Makes the core's tables known; also for the probe. */
void server_prepare_tables(void);
void server_fail(void);      /* ends in good order, with a status that says it was not meant to */
void server_end(int status); /* ends the loop */

/* --- for this room --- */
enum { SERVER_STARTING = 0, SERVER_READY = 1, SERVER_DRAINING = 2 };

struct server {
        struct config *config;
        struct supervised_page *page;
        int32_t phase;
        int32_t reload_wanted;   /* asked for while it was starting */
        const char *waiting_for; /* why it is not ready yet */
        bb_task_id start_task, reload_task;
        size_t changing; /* tenants that a task starts or stops */
        /* What only a restart changes; copies of our own, since snapshots come and go. */
        bb_str config_path, state_folder;
        bb_str url, owner_url, admin_url; /* of the database; the last only for the embedded one */
        bb_str replica_url;               /* BB_NONE: there is none */
};
extern struct server server;

/* server_parts.c */
void server_read_configuration(const char *path); /* into server.config */
/* 0, or the exit status: then the errors are printed and all of it is freed. */
int server_make_loop(size_t errors);
void server_free_words(void);
void server_load_plugins(void);
/* Faults of options are added to the configuration's errors: BB_E_INVALID. */
bb_err server_make_tenants(void);
void server_free_tenants(void);
bb_str *server_plugin_names(const struct config *, struct arena *, size_t *ret_count);
struct loader_folders server_plugin_folders(const struct config *);
bb_str *server_quarantined(struct arena *, size_t *ret_count);
/* Starts or stops each in a task of its own and waits for all. `change` frees or keeps what it is given. */
BB_AWAIT void server_change_tenants(void (*change)(void *arg), void *const *args, size_t count);
/* One sentence a line for everything that is wrong without being an error. */
void server_log_problems(const struct tenant *);

/* server_begin.c */
bb_err server_begin(void);

/* server_database.c */
bb_err server_find_database(void);
void server_tend_database(void);
void server_close_database(void);
BB_AWAIT bb_err server_open_database(void);
BB_AWAIT bb_err server_migrate(void); /* on a worker thread; an error is logged */

/* world.c */
void world_init(void);
void world_free(void);
bb_err world_set_proxies(const struct config_server *);

/* listen.c */
struct tls_set;
struct tls_context;
bb_err listen_operation(const struct config_server *);
/* Opens what is configured and not open yet; on an error nothing has changed. */
bb_err listen_public(const struct config_server *, const struct tls_set *);
void listen_close_missing(const struct config_server *); /* drains those that are no longer configured */
/* Certificates of the listeners and of these tenants, read but not in use yet. NULL with a sentence when one is wrong.
 */
struct tls_set *tls_set_read(const struct config_server *, struct tenant *const *tenants, size_t count,
                             bb_str *ret_why);
void tls_set_apply(struct tls_set *); /* and frees it */
void tls_set_free(struct tls_set *);
const struct tls_context *listen_tls(void); /* the listeners' own; NULL without TLS */
void listen_drain(int32_t websockets_per_second);
size_t listen_connections(void);
void listen_free(void);
/* "127.0.0.1:8080", with the port that was really taken; NULL beyond. */
const char *listen_public_address(size_t index);
const char *listen_operation_address(void);

/* status.c */
bb_err status_write(void); /* <state>/busbard.json */
void status_remove(void);
bb_err status_make_folder(bb_str path);
/* Writes a file of ours beside and renames it into place. */
bb_err status_replace_file(const char *path, bb_str text, int32_t mode);
void status_start_metrics(void);
int32_t status_ready(bb_str *ret_why_json);

/* reload.c, drain.c */
void reload_request(void);
void drain_begin(void); /* the second time: ends the process at once */

#endif
