/* SPDX-License-Identifier: Apache-2.0
 *
 * The private cluster: made once, found again, restarted when it dies, taken over when its busbard died.
 */
#include "db_fixture.h"
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>

static pid_t child_pid;

static int up(void **state)
{
        (void)state;
        log_set_level(BB_ERROR + 1);
        fixture_cluster();
        return 0;
}

static int down(void **state)
{
        (void)state;
        embedded_stop(&cluster);
        fixture_remove(state_folder);
        return 0;
}

static void nap_ms(int ms)
{
        usleep((useconds_t)ms * 1000);
}

static int mode_of(const char *name)
{
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/postgres%s", state_folder, name);
        return lstat(path, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static void only_we_can_reach_it(void **state)
{
        PGconn *pg;
        char *text;

        (void)state;
        assert_int_equal(mode_of(""), 0700);
        assert_int_equal(mode_of("/data"), 0700);
        assert_int_equal(mode_of("/run"), 0700);
        assert_int_equal(mode_of("/secrets"), 0600);
        text = as_admin("show listen_addresses");
        assert_string_equal(text, "");
        free(text);
        text = as_admin("show fsync");
        assert_string_equal(text, "on");
        free(text);
        text = as_admin("show server_encoding");
        assert_string_equal(text, "UTF8");
        free(text);
        text = as_admin("show lc_collate");
        assert_string_equal(text, "C");
        free(text);
        /* The folder is not the only lock. */
        text = strdup(cluster.url);
        memset(strchr(text + 13, ':') + 1, 'x', 4);
        pg = PQconnectdb(text);
        assert_int_equal(PQstatus(pg), CONNECTION_BAD);
        assert_non_null(strstr(PQerrorMessage(pg), "password authentication failed"));
        PQfinish(pg);
        free(text);
        /* The owner may make schemas, and is no superuser. */
        pg = PQconnectdb(cluster.owner_url);
        assert_int_equal(PQstatus(pg), CONNECTION_OK);
        assert_string_equal(PQparameterStatus(pg, "is_superuser"), "off");
        PQfinish(pg);
}

static void the_server_is_not_root(void **state)
{
        char path[64];
        struct stat st;

        (void)state;
        snprintf(path, sizeof(path), "/proc/%d", (int)embedded_pid());
        assert_int_equal(stat(path, &st), 0);
        assert_int_not_equal(st.st_uid, 0);
        assert_int_equal(getpgid(embedded_pid()), embedded_pid());
}

static void data_survive_a_restart(void **state)
{
        char *url = strdup(cluster.url);
        bb_str why = BB_NONE;

        (void)state;
        admin_do("create table kept (n int); insert into kept values (42)");
        embedded_stop(&cluster);
        assert_int_equal(embedded_pid(), 0);
        must(embedded_start(&cluster_config, &cluster, &why), why);
        assert_string_equal(cluster.url, url);
        assert_int_equal(admin_number("select n from kept"), 42);
        assert_int_equal(embedded_start(&cluster_config, &cluster, &why), BB_E_EXISTS);
        free(url);
}

static void wait_for_server(void)
{
        PGPing ping = PQPING_NO_RESPONSE;

        for (int i = 0; i < 300 && ping != PQPING_OK; i++) {
                nap_ms(50);
                ping = PQping(cluster.url);
        }
        assert_int_equal(ping, PQPING_OK);
}

static void a_dead_server_is_started_again(void **state)
{
        pid_t before = embedded_pid(), dead;

        (void)state;
        kill(before, SIGKILL);
        while ((dead = waitpid(before, NULL, 0)) < 0 && errno == EINTR)
                ;
        assert_int_equal(embedded_tend(dead), 1);
        assert_int_equal(embedded_pid(), 0);
        for (int i = 0; i < 100 && embedded_pid() == 0; i++) {
                nap_ms(50);
                assert_int_equal(embedded_tend(0), 0);
        }
        assert_int_not_equal(embedded_pid(), 0);
        assert_int_not_equal(embedded_pid(), before);
        wait_for_server();
        assert_int_equal(admin_number("select n from kept"), 42);
        assert_int_equal(embedded_tend(1234567), 0);
}

/* A busbard in a process of its own starts the server and is killed. */
static void an_orphan_is_taken_over(void **state)
{
        bb_str why = BB_NONE;
        int pipes[2];
        pid_t server = 0;

        (void)state;
        embedded_stop(&cluster);
        assert_int_equal(pipe(pipes), 0);
        child_pid = fork();
        if (child_pid == 0) {
                struct embedded e;

                if (embedded_start(&cluster_config, &e, &why) == BB_OK) {
                        server = embedded_pid();
                        if (write(pipes[1], &server, sizeof(server)) != (ssize_t)sizeof(server))
                                _exit(2);
                }
                kill(getpid(), SIGKILL);
        }
        assert_int_equal(read(pipes[0], &server, sizeof(server)), sizeof(server));
        close(pipes[0]);
        close(pipes[1]);
        while (waitpid(child_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        must(embedded_start(&cluster_config, &cluster, &why), why);
        assert_int_equal(embedded_pid(), server);
        assert_int_equal(admin_number("select n from kept"), 42);
        embedded_stop(&cluster);
        assert_int_equal(mode_of("/data/postmaster.pid"), -1); /* it ended, in good order */
        must(embedded_start(&cluster_config, &cluster, &why), why);
}

static void lost_passwords_are_told(void **state)
{
        char path[128], aside[128];
        struct embedded e;
        bb_str why = BB_NONE;

        (void)state;
        embedded_stop(&cluster);
        snprintf(path, sizeof(path), "%s/postgres/secrets", state_folder);
        snprintf(aside, sizeof(aside), "%s/postgres/aside", state_folder);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(embedded_start(&cluster_config, &e, &why), BB_E_CONFLICT);
        assert_non_null(strstr(why.ptr, "passwords"));
        free((void *)(uintptr_t)why.ptr);
        assert_int_equal(rename(aside, path), 0);
        why = BB_NONE;
        must(embedded_start(&cluster_config, &cluster, &why), why);
}

static void bad_settings_are_told(void **state)
{
        struct embedded_config c = cluster_config;
        struct embedded e;
        bb_str why = BB_NONE;

        (void)state;
        embedded_stop(&cluster);
        c.bindir = "/nonexistent";
        assert_int_equal(embedded_start(&c, &e, &why), BB_E_NOT_FOUND);
        assert_non_null(strstr(why.ptr, "/nonexistent"));
        free((void *)(uintptr_t)why.ptr);
        c = cluster_config;
        c.state = "relative";
        assert_int_equal(embedded_start(&c, &e, &why), BB_E_INVALID);
        free((void *)(uintptr_t)why.ptr);
        why = BB_NONE;
        must(embedded_start(&cluster_config, &cluster, &why), why);
}

/* As with a clone below /root: the server's user cannot get there. */
static void a_state_folder_out_of_reach(void **state)
{
        struct embedded_config c = cluster_config;
        char folder[128], at[160], home[256] = "";
        struct embedded e;
        bb_str why = BB_NONE;
        FILE *f;

        (void)state;
        if (geteuid() != 0)
                skip();
        embedded_stop(&cluster);
        snprintf(folder, sizeof(folder), "%s/private", state_folder);
        assert_int_equal(mkdir(folder, 0700), 0);
        c.state = folder;
        must(embedded_start(&c, &e, &why), why);
        snprintf(at, sizeof(at), "%s/postgres/at", folder);
        f = fopen(at, "re");
        assert_non_null(f);
        assert_non_null(fgets(home, sizeof(home), f));
        fclose(f);
        home[strcspn(home, "\n")] = '\0';
        assert_true(strncmp(home, "/var/lib/busbar-", 16) == 0);
        embedded_stop(&e);
        fixture_remove(home);
        must(embedded_start(&cluster_config, &cluster, &why), why);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_we_can_reach_it),    cmocka_unit_test(the_server_is_not_root),
                cmocka_unit_test(data_survive_a_restart),  cmocka_unit_test(a_dead_server_is_started_again),
                cmocka_unit_test(an_orphan_is_taken_over), cmocka_unit_test(lost_passwords_are_told),
                cmocka_unit_test(bad_settings_are_told),   cmocka_unit_test(a_state_folder_out_of_reach),
        };

        return cmocka_run_group_tests_name("db_embedded", tests, up, down);
}
