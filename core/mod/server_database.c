/* SPDX-License-Identifier: Apache-2.0
 *
 * The database as the worker meets it: where it is, its tables, and (without a supervisor) keeping it running.
 */
#include "db/db.h"
#include "mod/crypto.h"
#include "mod/server.h"
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS 10000
#define TEND_MS 1000
#define MONTHS_FIRST_MS 30000
#define MONTHS_MS (24 * 3600 * 1000)

static struct embedded embedded; /* without a supervisor the cluster is our own child */

bb_err server_find_database(void)
{
        const struct config_database *database = &server.config->server.database;
        struct embedded_config cluster = {.state = server.state_folder.ptr, .bindir = database->bin_folder.ptr};
        bb_str why = BB_NONE;

        if (!bb_str_is(database->url, "embedded")) {
                server.url = heap_str(database->url);
                server.owner_url = heap_str(database->owner_url);
                server.replica_url = heap_str(database->replica_url);
                return BB_OK;
        }
        if (server.page != NULL) {
                server.url = heap_str(bb_cstr(server.page->url));
                server.owner_url = heap_str(bb_cstr(server.page->owner_url));
                server.admin_url = heap_str(bb_cstr(server.page->admin_url));
                return BB_OK;
        }
        if (embedded_start(&cluster, &embedded, &why) < 0) {
                bb_log(BB_ERROR, "database.embedded_failed", bb_str_c(why));
                free((void *)(uintptr_t)why.ptr);
                return BB_E_UNAVAILABLE;
        }
        server.url = heap_str(bb_cstr(embedded.url));
        server.owner_url = heap_str(bb_cstr(embedded.owner_url));
        server.admin_url = heap_str(bb_cstr(embedded.admin_url));
        return BB_OK;
}

static void tend(void *arg)
{
        pid_t pid = embedded_pid();

        (void)arg;
        embedded_tend(pid > 0 && waitpid(pid, NULL, WNOHANG) == pid ? pid : 0);
}

void server_close_database(void)
{
        db_close();
        if (embedded.url != NULL)
                embedded_stop(&embedded);
}

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

/* The same for every life of the worker of this state folder, so that what it leaves behind at a crash is taken up
 * again at once, not when the leases run out. */
static const char *node_name(void)
{
        uint8_t digest[32];
        char host[256] = "";

        (void)gethostname(host, sizeof(host) - 1);
        crypto_sha256(bb_print("%s:%.*s", host, BB_FMT(server.state_folder)), digest);
        return bb_hex((bb_str){.ptr = (const char *)digest, .len = 8}).ptr;
}

static struct db_config db_config(void)
{
        return (struct db_config){.url = server.url.ptr,
                                  .node = node_name(),
                                  .owner_url = server.owner_url.ptr,
                                  .replica_url = server.replica_url.ptr,
                                  .pool_size = server.config->server.database.pool};
}

struct month_work {
        struct db_config config;
        struct months *months;
        bb_str why;
        bb_err err;
};

static void run_months(void *arg)
{
        struct month_work *m = arg;

        m->err = db_months(&m->config, m->months, &m->why);
}

/* In a thread: its connection is the owner's, and it may wait for locks. */
static void tend_months(void *arg)
{
        struct month_work m = {.config = db_config(), .months = db_months_list()};
        bb_err err = bb_worker_run(run_months, &m);

        (void)arg;
        if (err == BB_OK)
                err = m.err;
        if (err < 0)
                bb_log(BB_WARN, "database.months", "months were neither made ahead nor dropped; tomorrow again",
                       bb_kv_str("detail", m.why), bb_kv_err(err));
        free((void *)(uintptr_t)m.why.ptr);
        free(m.months);
}

void server_tend_database(void)
{
        if (embedded_pid() > 0)
                bb_timer_new(NULL, "database.tend", TEND_MS, TEND_MS, tend, NULL);
        bb_timer_new(NULL, "database.months", MONTHS_FIRST_MS, MONTHS_MS, tend_months, NULL);
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

BB_AWAIT bb_err server_open_database(void)
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
