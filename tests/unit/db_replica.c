/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies from a streaming replica: when they come from there, and what happens when it is away, gives a query up in
 * favour of the primary's changes, or lets in a role that may do too much.
 */
#include "db_fixture.h"
#include <stdatomic.h>
#include <sys/prctl.h>

#define REPLICA_PORT "6544"

static pid_t replica;
static char bindir[256], data[160], *socket_folder, *replica_url, *replica_admin_url;

/* Runs a program of PostgreSQL as whoever the primary belongs to. */
static pid_t launch(const char *program, const char *const *args)
{
        char path[512], cluster_data[128];
        struct stat st;
        int quiet;
        pid_t pid;

        snprintf(path, sizeof(path), "%s/%s", bindir, program);
        snprintf(cluster_data, sizeof(cluster_data), "%s/postgres/data", state_folder);
        assert_int_equal(stat(cluster_data, &st), 0);
        pid = fork();
        if (pid != 0)
                return pid;
        if (geteuid() == 0 && (setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0))
                _exit(126);
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (dup2(quiet, STDOUT_FILENO) < 0 || dup2(quiet, STDERR_FILENO) < 0)
                _exit(125);
        execv(path, (char *const *)(uintptr_t)args);
        _exit(127);
}

/* The same role on the other server: only the port differs. */
static char *on_replica(const char *url)
{
        const char *port = strstr(url, "port=");
        char *text = NULL;

        assert_non_null(port);
        assert_true(asprintf(&text, "%.*sport=" REPLICA_PORT "%s", (int)(port - url), url, port + strcspn(port, "&")) >
                    0);
        return text;
}

static char *admin_text(const char *url, const char *sql)
{
        PGconn *pg = PQconnectdb(url);
        PGresult *result = PQexec(pg, sql);
        char *text = PQntuples(result) > 0 ? strdup(PQgetvalue(result, 0, 0)) : NULL;

        PQclear(result);
        PQfinish(pg);
        return text;
}

static void wait_for_replica(const char *sql, const char *wanted)
{
        for (int i = 0; i < 600; i++) {
                char *text = admin_text(replica_admin_url, sql);
                int there = text != NULL && strcmp(text, wanted) == 0;

                free(text);
                if (there)
                        return;
                turn_for(50);
        }
        fail_msg("the replica never said %s", wanted);
}

static void start_replica(void)
{
        char sockets[256];
        const char *args[] = {"postgres",
                              "-D",
                              data,
                              "--listen_addresses=",
                              sockets,
                              "--port=" REPLICA_PORT,
                              "--fsync=off",
                              "--hot_standby=on",
                              "--max_standby_streaming_delay=0",
                              "--shared_buffers=16MB",
                              NULL};

        snprintf(sockets, sizeof(sockets), "--unix_socket_directories=%s", socket_folder);
        replica = launch("postgres", args);
        wait_for_replica("select pg_is_in_recovery()", "t");
}

static void stop_replica(void)
{
        kill(replica, SIGINT);
        waitpid(replica, NULL, 0);
        replica = 0;
}

static void allow_replication(void)
{
        char path[160];
        FILE *f;

        snprintf(path, sizeof(path), "%s/postgres/data/pg_hba.conf", state_folder);
        f = fopen(path, "ae");
        assert_non_null(f);
        fputs("local replication all scram-sha-256\n", f);
        assert_int_equal(fclose(f), 0);
        admin_do("select pg_reload_conf()");
}

static void make_replica(void)
{
        const char *args[] = {"pg_basebackup",   "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                              cluster.admin_url, NULL};
        char folder[128];
        int status = -1;
        char *text;

        text = as_admin("select setting from pg_config where name = 'BINDIR'");
        snprintf(bindir, sizeof(bindir), "%s", text);
        free(text);
        socket_folder = as_admin("show unix_socket_directories");
        snprintf(folder, sizeof(folder), "%s/replica", state_folder);
        snprintf(data, sizeof(data), "%s/data", folder);
        assert_int_equal(mkdir(folder, 0777), 0);
        assert_int_equal(chmod(folder, 0777), 0); /* whoever runs the server */
        allow_replication();
        assert_true(waitpid(launch("pg_basebackup", args), &status, 0) > 0);
        assert_int_equal(status, 0);
        replica_url = on_replica(db_config.url);
        replica_admin_url = on_replica(cluster.admin_url);
        start_replica();
}

static void use_replica(const char *url)
{
        db_close();
        turn_for(10);
        db_config.replica_url = url;
        fixture_open();
}

/* --- tests --- */

struct taken {
        const struct bb_stmt *stmt;
        int32_t flags, done;
        atomic_int rows;
        char last[64];
        bb_err err;
};

/* The text of a row of one cell. */
static bb_err take(const char *row, size_t len, void *arg)
{
        struct taken *t = arg;

        if (atomic_fetch_add(&t->rows, 1) == 0)
                row += 19, len -= 19;
        if (len > 6)
                snprintf(t->last, sizeof(t->last), "%.*s", (int)(len - 6), row + 6);
        return BB_OK;
}

static void do_copy(void *arg)
{
        struct taken *t = arg;
        struct bb_copy copy = {
                .size = sizeof(copy), .flags = t->flags, .stmt = t->stmt, .timeout_ms = 60000, .row = take, .arg = t};

        t->err = bb_db_copy(&copy);
        t->done = 1;
}

static void expect_from_replica(int32_t flags, const char *answer)
{
        struct bb_stmt stmt = BB_STMT("select pg_is_in_recovery()::text from test_a.thing");
        struct taken t = {.stmt = &stmt, .flags = flags};

        in_task(&nord, do_copy, &t);
        assert_int_equal(t.err, BB_OK);
        assert_int_equal(t.rows, 3); /* of this tenant, and the trailer */
        assert_string_equal(t.last, answer);
}

static void who_asks_for_it_reads_from_it(void **state)
{
        (void)state;
        expect_from_replica(BB_COPY_REPLICA, "true");
        expect_from_replica(0, "false");
}

static void the_primary_does_it_while_it_is_away(void **state)
{
        (void)state;
        stop_replica();
        expect_from_replica(BB_COPY_REPLICA, "false");
        expect_from_replica(BB_COPY_REPLICA, "false");
        start_replica();
        expect_from_replica(BB_COPY_REPLICA, "true");
}

static void a_role_that_may_too_much_is_refused(void **state)
{
        (void)state;
        use_replica(replica_admin_url);
        expect_from_replica(BB_COPY_REPLICA, "false");
        use_replica(replica_url);
        expect_from_replica(BB_COPY_REPLICA, "true");
}

/* The rows that the copy still has to see are vacuumed away: the replica cannot have both. */
static void a_conflict_with_recovery_is_worth_another_try(void **state)
{
        struct bb_stmt slow = BB_STMT("select pg_sleep(0.1)::text from test_a.thing, generate_series(1, 1000)");
        struct taken t = {.stmt = &slow, .flags = BB_COPY_REPLICA};

        (void)state;
        assert_int_equal(bb_task_spawn("copy", &nord, 0, do_copy, &t, NULL), BB_OK);
        wait_for_replica("select count(*) > 0 from pg_stat_activity where query like 'copy%' and state = 'active'",
                         "t");
        admin_do("delete from test_a.thing");
        admin_do("vacuum test_a.thing");
        while (!t.done)
                loop_turn(100);
        assert_int_equal(t.err, BB_E_UNAVAILABLE);
}

static int up(void **state)
{
        if (fixture_up(state) != 0)
                return -1;
        admin_do("insert into test_a.thing (tenant_id, id) values ('nord', 1), ('nord', 2), ('sued', 1)");
        make_replica();
        wait_for_replica("select count(*) from test_a.thing", "3");
        log_set_level(BB_ERROR + 1);
        use_replica(replica_url);
        return 0;
}

static int down(void **state)
{
        db_config.replica_url = NULL;
        stop_replica();
        free(socket_folder);
        free(replica_url);
        free(replica_admin_url);
        return fixture_down(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_asks_for_it_reads_from_it),
                cmocka_unit_test(the_primary_does_it_while_it_is_away),
                cmocka_unit_test(a_role_that_may_too_much_is_refused),
                cmocka_unit_test(a_conflict_with_recovery_is_worth_another_try),
        };

        return cmocka_run_group_tests_name("db_replica", tests, up, down);
}
