/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast bb_db_copy hands over rows, beside bb_db_scan and psql's \copy of the same query, how late the loop is
 * meanwhile, and how it gives way to a loop that is late by itself: prints numbers, asserts none. ROWS: how many
 * (1000000).
 */
#include "../unit/db_fixture.h"

#define QUERY "select id, name, at, flag, id * 3, id * 7, ref from test_a.thing order by id"

static int64_t rows, bytes, worst_ms;

static bb_err take(const char *data, size_t len, void *arg)
{
        (void)data, (void)arg;
        rows++;
        bytes += (int64_t)len;
        return BB_OK;
}

static bb_err each(const bb_rows *step, void *arg)
{
        (void)arg;
        rows += (int64_t)bb_rows_count(step);
        return BB_OK;
}

static void do_copy(void *arg)
{
        struct bb_stmt stmt = BB_STMT(QUERY);
        struct bb_copy copy = {.size = sizeof(copy), .stmt = &stmt, .row = take};

        *(bb_err *)arg = bb_db_copy(&copy);
}

static void do_scan(void *arg)
{
        *(bb_err *)arg = bb_db_scan(&BB_STMT(QUERY), 1000, each, NULL);
}

/* Turns the loop as busbard does, and looks how late a task is that wants to run each millisecond. */
static int over, held_ms;

static void do_look(void *arg)
{
        (void)arg;
        while (!over) {
                int64_t before = time_mono_ms(), late;

                if (bb_sleep(1) < 0)
                        return;
                late = time_mono_ms() - before - 1;
                usleep((useconds_t)held_ms * 1000);
                if (late > worst_ms)
                        worst_ms = late;
        }
}

static void print(const char *what, int64_t count, int64_t ms)
{
        printf("%-30s %9lld rows %6lld ms %9.0f rows/s", what, (long long)count, (long long)ms,
               (double)count * 1000 / (double)(ms > 0 ? ms : 1));
}

static void measure(const char *what, void (*fn)(void *))
{
        int64_t start = time_mono_ms(), ms;
        bb_err err = BB_OK;

        rows = bytes = worst_ms = over = 0;
        if (bb_task_spawn("look", &nord, 0, do_look, NULL, NULL) < 0)
                exit(1);
        in_task(&nord, fn, &err);
        ms = time_mono_ms() - start;
        over = 1;
        turn_for(5);
        print(what, rows, ms);
        printf(", %4lld MB/s, loop late by %lld ms at most%s%s\n", (long long)(bytes / 1000 / (ms > 0 ? ms : 1)),
               (long long)worst_ms, err < 0 ? ", FAILED: " : "", err < 0 ? bb_err_text(err) : "");
        fflush(stdout);
}

static void measure_psql(int64_t count)
{
        char *bin = as_admin("select setting from pg_config where name = 'BINDIR'"), path[512];
        int64_t start = time_mono_ms();
        int status = -1;
        pid_t pid;

        snprintf(path, sizeof(path), "%s/psql", bin);
        free(bin);
        pid = fork();
        if (pid == 0) {
                execl(path, "psql", "-XAtq", db_config.url, "-c", "set busbar.tenant = 'nord'", "-c",
                      "set enable_seqscan = off", "-c", "\\copy (" QUERY ") to '/dev/null' (format binary)",
                      (char *)NULL);
                _exit(127);
        }
        waitpid(pid, &status, 0);
        print("psql \\copy (binary)", count, time_mono_ms() - start);
        printf("%s\n", status == 0 ? "" : ", FAILED");
        fflush(stdout);
}

int main(void)
{
        const char *wanted = getenv("ROWS");
        int64_t count = wanted != NULL ? strtoll(wanted, NULL, 10) : 1000000;

        fixture_up(NULL);
        admin_do(bb_print("insert into test_a.thing (tenant_id, id, name, at, flag, ref) select 'nord', i,"
                          " 'Station ' || i %% 1000, now(), true, gen_random_uuid() from generate_series(1, %lld) i",
                          (long long)count)
                         .ptr);
        admin_do("vacuum analyze test_a.thing");
        for (int i = 0; i < 3; i++) {
                measure("bb_db_copy", do_copy);
                measure_psql(count);
                measure("bb_db_scan, 1000 at a time", do_scan);
        }
        held_ms = 30;
        measure("bb_db_copy, a loop held 30 ms", do_copy);
        return fixture_down(NULL);
}
