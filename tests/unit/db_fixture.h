/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the db room share: a private cluster under /tmp, two tenants, a few plugins that exist by name
 * only, and a way to run a function as a task. One cluster per test program.
 */
#ifndef TESTS_UNIT_DB_FIXTURE_H
#define TESTS_UNIT_DB_FIXTURE_H

#include "base/buf.h"
#include "base/log.h"
#include "base/tenant.h"
#include "base/time.h"
#include "db/db.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <libpq-fe.h>

struct bb_plugin_ref {
        const char *name;
};

__attribute__((unused)) static struct bb_plugin_ref plugin_a = {.name = "test-a"}, plugin_b = {.name = "test-b"};
__attribute__((unused)) static struct bb_tenant nord = {.magic = TENANT_MAGIC, .id = {"nord", 4}, .name = {"Nord", 4}};
__attribute__((unused)) static struct bb_tenant sued = {.magic = TENANT_MAGIC, .id = {"sued", 4}, .name = {"Sued", 4}};
static struct embedded cluster;
static struct embedded_config cluster_config;
__attribute__((unused)) static int cluster_is_real; /* set before fixture_up: with fsync */
__attribute__((unused)) static struct db_config db_config;
static char state_folder[64];

static const char *fixture_plugin_name(const bb_plugin_ref *who)
{
        return who != NULL ? who->name : "core";
}
static void *fixture_state(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        (void)who;
        return (void *)(uintptr_t)tenant;
}
static int32_t fixture_has(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        (void)who, (void)tenant;
        return 1;
}

static const struct bb_migration fixture_migrations[] = {
        {.version = 1,
         .name = "things",
         .sql = "create table thing (tenant_id text not null, id bigint not null, name text, at timestamptz, data "
                "bytea,"
                " doc jsonb, flag boolean, ref uuid, primary key (tenant_id, id));"
                "select core.tenant_protect('thing');"
                "create table part (tenant_id text not null, thing bigint not null, n integer not null check (n > 0),"
                " primary key (tenant_id, thing, n),"
                " foreign key (tenant_id, thing) references thing (tenant_id, id) deferrable initially deferred);"
                "select core.tenant_protect('part')"},
};

/* Runs fn as a task of the tenant and turns the loop until it has ended. */
struct fixture_call {
        void (*fn)(void *);
        void *arg;
        int done;
};
static inline void fixture_run(void *arg)
{
        struct fixture_call *call = arg;

        call->fn(call->arg);
        call->done = 1;
}
static inline void in_task(bb_tenant *tenant, void (*fn)(void *), void *arg)
{
        struct fixture_call call = {.fn = fn, .arg = arg};
        struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "test", .tenant = tenant, .run = fixture_run, .arg = &call};

        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        while (!call.done)
                loop_turn(1000);
        loop_turn(0);
}

static inline void turn_for(int64_t ms)
{
        int64_t until = time_mono_ms() + ms;

        while (time_mono_ms() < until)
                loop_turn((int)(until - time_mono_ms()));
}

/* With full rights, past the pool. The first value of the answer, on the heap. */
static inline char *as_admin(const char *sql)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);
        PGresult *result;
        char *value = NULL;

        assert_int_equal(PQstatus(pg), CONNECTION_OK);
        result = PQexec(pg, sql);
        if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", sql, PQerrorMessage(pg));
        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
                value = strdup(PQgetvalue(result, 0, 0));
        PQclear(result);
        PQfinish(pg);
        return value;
}
static inline int64_t admin_number(const char *sql)
{
        char *value = as_admin(sql);
        int64_t n = value != NULL ? strtoll(value, NULL, 10) : -1;

        free(value);
        return n;
}
static inline void admin_do(const char *sql)
{
        free(as_admin(sql));
}

static inline void must(bb_err err, bb_str why)
{
        if (err < 0)
                fail_msg("%s: %.*s", bb_err_text(err), BB_FMT(why));
        assert_null(why.ptr);
}

static void fixture_remove(const char *folder)
{
        pid_t pid = fork();

        if (pid == 0) {
                execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
                _exit(127);
        }
        while (pid > 0 && waitpid(pid, NULL, 0) < 0)
                ;
}

/* A test that crashes leaves a server behind: this child of ours notices our end by the pipe, and clears up. */
static inline void fixture_watch(void)
{
        char path[128], text[32] = "";
        int pipes[2];
        FILE *f;

        assert_int_equal(pipe(pipes), 0);
        if (fork() != 0) {
                close(pipes[0]);
                fcntl(pipes[1], F_SETFD, FD_CLOEXEC);
                return;
        }
        close(pipes[1]);
        setpgid(0, 0);
        while (read(pipes[0], text, 1) < 0)
                ;
        snprintf(path, sizeof(path), "%s/postgres/data/postmaster.pid", state_folder);
        f = fopen(path, "re");
        if (f != NULL && fgets(text, sizeof(text), f) != NULL && atoi(text) > 1)
                kill(atoi(text), SIGQUIT);
        if (access(state_folder, F_OK) == 0)
                fixture_remove(state_folder);
        _exit(0);
}

static inline void fixture_cluster(void)
{
        bb_str why = BB_NONE;

        snprintf(state_folder, sizeof(state_folder), "/tmp/bbdb-XXXXXX");
        assert_non_null(mkdtemp(state_folder));
        assert_int_equal(chmod(state_folder, 0755), 0);
        fixture_watch();
        cluster_config.state = state_folder;
        must(embedded_start(&cluster_config, &cluster, &why), why);
}

static inline void fixture_open(void)
{
        bb_str why = BB_NONE;

        must(db_open(&db_config, &why), why);
        for (int i = 0; i < 500 && !db_ready(); i++)
                loop_turn(20);
        assert_true(db_ready());
}

__attribute__((unused)) static int fixture_up(void **state)
{
        static const struct db_world world = {
                .tenant_state = fixture_state, .tenant_has = fixture_has, .plugin_name = fixture_plugin_name};
        bb_str why = BB_NONE;

        (void)state;
        log_set_level(BB_WARN);
        cluster_config.volatile_data = !cluster_is_real;
        fixture_cluster();
        assert_int_equal(loop_init(2), BB_OK);
        db_set_world(&world);
        assert_int_equal(bb_db_->migrations(&plugin_a, fixture_migrations, BB_COUNT(fixture_migrations),
                                            sizeof(fixture_migrations[0])),
                         BB_OK);
        /* The cluster's texts go when a test stops it. */
        db_config.url = strdup(cluster.url);
        db_config.owner_url = strdup(cluster.owner_url);
        must(db_migrate(&db_config, &why), why);
        fixture_open();
        return 0;
}

__attribute__((unused)) static int fixture_down(void **state)
{
        (void)state;
        db_close();
        turn_for(20);
        loop_close();
        embedded_stop(&cluster);
        free((void *)(uintptr_t)db_config.url);
        free((void *)(uintptr_t)db_config.owner_url);
        fixture_remove(state_folder);
        return 0;
}

#endif
