/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole worker in a process of its own, with a private database and plugins made for it: how it starts although
 * some plugins fail, takes a changed configuration in or refuses it, and ends in good order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "mod/server.h"
#include "mod_actors.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define WAIT_MS 60000

static char folder[] = "/tmp/busbar-server-XXXXXX";
static int operation_port, public_port;
static pid_t server_pid;

static void nap(int ms)
{
        struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        nanosleep(&ts, NULL);
}

static const char *path_of(const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void put(const char *name, const char *text)
{
        FILE *f = fopen(path_of(name), "w");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void read_whole(const char *name, char *text, size_t room)
{
        FILE *f = fopen(path_of(name), "r");
        size_t len = f != NULL ? fread(text, 1, room - 1, f) : 0;

        text[len] = '\0';
        if (f != NULL)
                fclose(f);
}

static int free_port(void)
{
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(sa);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
        close(fd);
        return ntohs(sa.sin_port);
}

/* The whole answer; "" when nobody answers. */
static const char *get(int port, const char *target, const char *host)
{
        static char answer[65536];
        struct sockaddr_in sa = {
                .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
        const struct timeval limit = {.tv_sec = 10};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        size_t have = 0;
        ssize_t n;

        answer[0] = '\0';
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
                dprintf(fd, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host);
                while (have + 1 < sizeof(answer) && (n = read(fd, answer + have, sizeof(answer) - 1 - have)) > 0)
                        have += (size_t)n;
                answer[have] = '\0';
        }
        close(fd);
        return answer;
}

static const char *readyz(void)
{
        return get(operation_port, "/readyz", "localhost");
}

static int has(const char *text, const char *part)
{
        return strstr(text, part) != NULL;
}

/* Waits until /readyz has this text. */
static void wait_for(const char *part)
{
        for (int waited = 0; waited < WAIT_MS; waited += 50) {
                if (has(readyz(), part))
                        return;
                if (waitpid(server_pid, NULL, WNOHANG) == server_pid)
                        fail_msg("the server ended while waiting for %s", part);
                nap(50);
        }
        fail_msg("no \"%s\" in %s", part, readyz());
}

static size_t count_in_log(const char *part)
{
        static char text[1 << 20];
        size_t count = 0;

        read_whole("log", text, sizeof(text));
        for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
                count++;
        return count;
}

static void wait_for_log(const char *part, size_t count)
{
        for (int waited = 0; waited < WAIT_MS; waited += 50) {
                if (count_in_log(part) >= count)
                        return;
                if (waitpid(server_pid, NULL, WNOHANG) == server_pid)
                        fail_msg("the server ended while waiting for %s", part);
                nap(50);
        }
        fail_msg("\"%s\" is not %zu times in the log", part, count);
}

/* --- the server --- */

/* This program once more, as main() sees. */
#define SERVER_OPTION "--server"

static int become_server(char *log, char *config)
{
        struct server_options options = {.config_path = config};

        log_set_fd(open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
        return server_run(&options);
}

static pid_t start_server(void)
{
        char log[256], config[256];
        char *argv[] = {"server", SERVER_OPTION, log, config, NULL};
        pid_t pid;

        snprintf(log, sizeof(log), "%s/log", folder);
        snprintf(config, sizeof(config), "%s/busbar.yaml", folder);
        return posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0 ? pid : -1;
}

static void write_server_file(const char *extra)
{
        char text[1024];

        snprintf(text, sizeof(text),
                 "state_folder: state\nplugin_folders: [%s]\nhttp: {listen: [\"127.0.0.1:%d\"]}\n"
                 "operation: {listen: \"127.0.0.1:%d\"}\ndatabase: {pool: 4}\ndrain: {seconds: 5}\n%s",
                 actors_folder, public_port, operation_port, extra);
        put("busbar.yaml", text);
}

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        if (mkdtemp(folder) == NULL || mkdtemp(actors_folder) == NULL || chmod(folder, 0755) < 0 ||
            mkdir(path_of("tenants"), 0700) < 0)
                return -1;
        ACTOR("a", "-DNAME=\"a\"", "-DPROVIDES=\"a/1\"");
        ACTOR("b", "-DNAME=\"b\"", "-DNEEDS=\"a/1\"", "-DPROVIDES=\"b/1\"", "-DLOAD=want_needs");
        ACTOR("failing", "-DNAME=\"failing\"", "-DSTART=fail", "-DPROVIDES=\"failing/1\"", "-DROUTE=\"/failing\"");
        ACTOR("dependant", "-DNAME=\"dependant\"", "-DNEEDS=\"failing/1\"", "-DLOAD=want_needs",
              "-DROUTE=\"/dependant\"");
        ACTOR("crasher", "-DNAME=\"crasher\"", "-DLOAD=crash", "-DROUTE=\"/crasher\"");
        ACTOR("lonely", "-DNAME=\"lonely\"", "-DNEEDS=\"nobody/1\"", "-DLOAD=want_needs", "-DROUTE=\"/lonely/{id}\"");
        ACTOR("later", "-DNAME=\"later\"");
        ACTOR("slow", "-DNAME=\"slow\"", "-DSTART=slow", "-DROUTE=\"/slow\"", "-DPROVIDES=\"slow/1\"");
        operation_port = free_port();
        public_port = free_port();
        write_server_file("");
        put("tenants/good.yaml", "name: Good\nhosts: [good.example]\nplugins: {a: {greeting: one}, b: }\n");
        put("tenants/bad.yaml", "name: Bad\nplugins: {a: , failing: , dependant: , crasher: , missing: , lonely: }\n");
        server_pid = start_server();
        return server_pid > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
        char *argv[] = {"rm", "-rf", folder, NULL};

        (void)state;
        if (server_pid > 0)
                kill(server_pid, SIGKILL);
        actors_remove();
        arena_free(arena_current);
        return actors_run(argv);
}

static void test_starts_although_plugins_fail(void **state)
{
        const char *ready;
        char status[1024];
        struct stat st;

        (void)state;
        wait_for("\"ready\":true");
        ready = readyz();
        assert_true(has(ready, "\"good\": {\"state\": \"running\", \"failed\": {}}"));
        assert_true(has(ready, "\"bad\": {\"state\": \"degraded\""));
        assert_true(has(ready, "\"failing\": \"failing is quarantined: it failed to start: "));
        assert_true(has(ready, "\"dependant\": \"dependant needs failing/1, which does not run\""));
        assert_true(has(ready, "\"crasher\": \"plugin crasher is quarantined: it "));
        assert_true(has(ready, "\"missing\": \"there is no plugin missing in "));
        assert_int_equal(stat(path_of("state/busbard.json"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        read_whole("state/busbard.json", status, sizeof(status));
        snprintf(status + 512, 256, "\"worker_pid\": %d", (int)server_pid);
        assert_true(has(status, status + 512));
        snprintf(status + 512, 256, "\"http\": [\"127.0.0.1:%d\"]", public_port);
        assert_true(has(status, status + 512));
        assert_true(has(status, "\"database\": \"postgresql://"));
        /* Each was told to start with its own options. */
        assert_int_equal(count_in_log("\"event\":\"actor.started\""), 4);
        assert_int_equal(count_in_log("\"greeting\":\"one\""), 1);
}

static const char *ask(const char *target)
{
        return get(public_port, target, "localhost");
}

/* P5: an outage never becomes 404, in the tenants that have the plugin. */
static void test_failed_plugins_are_out_of_order(void **state)
{
        static const char *const targets[] = {"/t/bad/failing", "/t/bad/dependant", "/t/bad/lonely/7"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(targets); i++) {
                const char *answer = ask(targets[i]);

                assert_true(has(answer, "HTTP/1.1 503 "));
                assert_true(has(answer, "\r\nRetry-After: "));
                assert_true(has(answer, "\"code\":\"plugin-unavailable\""));
        }
        assert_true(has(ask("/t/bad/v1/openapi.json"), "\"/lonely/{id}\""));
        assert_true(has(ask("/t/bad/v1/openapi.json"), "\"/failing\""));
        assert_true(has(ask("/t/bad/crasher"), "HTTP/1.1 404 "));
        assert_true(has(ask("/t/good/failing"), "HTTP/1.1 404 "));
        assert_true(has(ask("/t/good/lonely/7"), "HTTP/1.1 404 "));
        assert_false(has(ask("/t/good/v1/openapi.json"), "/failing"));
}

static void test_metrics(void **state)
{
        const char *metrics = get(operation_port, "/metrics", "localhost");

        (void)state;
        assert_true(has(metrics, "busbar_build_info{version="));
        assert_true(has(metrics, "busbar_tenants 2\n"));
        assert_true(has(metrics, "busbar_plugin_state{plugin=\"a\",tenant=\"good\"} 1\n"));
        assert_true(has(metrics, "busbar_plugin_state{plugin=\"failing\",tenant=\"bad\"} 3\n"));
        assert_true(has(metrics, "process_resident_memory_bytes "));
}

static void reload(void)
{
        assert_int_equal(kill(server_pid, SIGHUP), 0);
}

static void test_refused_reload(void **state)
{
        (void)state;
        put("tenants/good.yaml", "name: Good\nplugins: {a: {count: 99}}\n");
        put("tenants/new.yaml", "name: [\n");
        reload();
        wait_for_log("\"event\":\"reload.refused\"", 1);
        assert_int_equal(count_in_log("tenants/new.yaml:2: "), 1);
        put("tenants/new.yaml", "name: New\nplugins: {b: }\n");
        reload();
        wait_for_log("\"event\":\"reload.refused\"", 2);
        assert_int_equal(count_in_log("tenants/good.yaml:2: plugins.a.count: expected a whole number from 1 to 9"), 1);
        assert_int_equal(
                count_in_log("tenant new: b needs a/1, which plugin a provides, but the tenant has not enabled"), 1);
        assert_true(has(readyz(), "\"good\": {\"state\": \"running\""));
        assert_false(has(readyz(), "\"new\""));
        assert_int_equal(count_in_log("\"event\":\"tenant.stopped\""), 0);
        /* A name that no file has. */
        put("tenants/new.yaml", "name: New\nplugins: {latr: }\n");
        put("tenants/good.yaml", "name: Good\nhosts: [good.example]\nplugins: {a: {greeting: one}, b: }\n");
        reload();
        wait_for_log("\"event\":\"reload.refused\"", 3);
        assert_int_equal(count_in_log("did you mean \\\"later\\\"?"), 2); /* as refused, and as the reload's error */
}

static void test_reload(void **state)
{
        size_t stopped = count_in_log("\"event\":\"tenant.stopped\"");

        (void)state;
        put("tenants/new.yaml", "name: New\nplugins: {later: {greeting: two}}\n");
        reload();
        wait_for("\"new\": {\"state\": \"running\"");
        assert_int_equal(count_in_log("\"greeting\":\"two\""), 1);
        /* Nobody else was touched. */
        assert_int_equal(count_in_log("\"event\":\"tenant.stopped\""), stopped);
        put("tenants/new.yaml", "name: New\nplugins: {later: {greeting: three}}\n");
        reload();
        wait_for_log("\"greeting\":\"three\"", 1);
        assert_int_equal(count_in_log("\"event\":\"tenant.stopped\""), stopped + 1);
        wait_for_log("\"event\":\"reload.done\"", 2);
        unlink(path_of("tenants/new.yaml"));
        reload();
        wait_for_log("\"event\":\"reload.done\"", 3);
        assert_false(has(readyz(), "\"new\""));
        assert_true(has(get(operation_port, "/metrics", "localhost"), "busbar_tenants 2\n"));
}

/* A tenant is there from the moment on that its file counts: stations that come early are told to come back. */
static void test_new_tenant_that_starts_slowly(void **state)
{
        size_t done = count_in_log("\"event\":\"reload.done\"");

        (void)state;
        put("tenants/new.yaml", "name: New\nplugins: {slow: {greeting: slowly}}\n");
        reload();
        wait_for("\"new\": {\"state\": \"starting\"");
        assert_true(has(ask("/t/new/slow"), "HTTP/1.1 503 "));
        wait_for("\"new\": {\"state\": \"running\"");
        assert_true(has(ask("/t/new/slow"), "HTTP/1.1 200 "));
        unlink(path_of("tenants/new.yaml"));
        reload();
        wait_for_log("\"event\":\"reload.done\"", done + 2);
        assert_true(has(ask("/t/new/slow"), "HTTP/1.1 404 "));
}

/* Listeners, too, can come and go. */
static void test_reload_of_listeners(void **state)
{
        int other = free_port();
        char text[128];

        (void)state;
        snprintf(text, sizeof(text), "trusted_proxies: [127.0.0.1]\nlog: {level: debug}\n");
        write_server_file(text);
        snprintf(text, sizeof(text), "127.0.0.1:%d", other);
        public_port = other;
        write_server_file("log: {level: debug}\n");
        reload();
        wait_for_log("\"event\":\"reload.done\"", 6);
        assert_true(has(get(other, "/nothing", "good.example"), "HTTP/1.1 404 "));
        assert_true(has(get(other, "/nothing", "unknown.example"), "HTTP/1.1 404 "));
        read_whole("state/busbard.json", text, sizeof(text));
        assert_int_equal(count_in_log("\"event\":\"listen.closed\""), 1);
}

static void test_end(void **state)
{
        static char text[1 << 20];
        const char *b_stopped, *a_stopped;
        int status;

        (void)state;
        assert_int_equal(kill(server_pid, SIGTERM), 0);
        assert_int_equal(waitpid(server_pid, &status, 0), server_pid);
        server_pid = 0;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_not_equal(access(path_of("state/busbard.json"), F_OK), 0);
        assert_int_equal(access(path_of("state/master.key"), F_OK), 0);
        /* In the good tenant b, which needs a, went first; each after its task was cancelled and had ended. */
        read_whole("log", text, sizeof(text));
        b_stopped = strstr(text, "\"event\":\"server.draining\"");
        assert_non_null(b_stopped);
        b_stopped =
                strstr(b_stopped,
                       "\"event\":\"actor.stopped\",\"tenant\":\"good\",\"task\":\"tenant.change\",\"plugin\":\"b\"");
        assert_non_null(b_stopped);
        a_stopped =
                strstr(b_stopped,
                       "\"event\":\"actor.stopped\",\"tenant\":\"good\",\"task\":\"tenant.change\",\"plugin\":\"a\"");
        assert_non_null(a_stopped);
        assert_int_equal(count_in_log("\"tasks_ended\":0"), 0);
        assert_int_equal(count_in_log("\"event\":\"tenant.hangs\""), 0);
        /* A plugin whose start failed is not stopped. */
        assert_int_equal(count_in_log("\"event\":\"actor.stopped\",\"tenant\":\"bad\",\"task\":\"tenant.change\","
                                      "\"plugin\":\"failing\""),
                         0);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_starts_although_plugins_fail),
                cmocka_unit_test(test_failed_plugins_are_out_of_order),
                cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_refused_reload),
                cmocka_unit_test(test_reload),
                cmocka_unit_test(test_new_tenant_that_starts_slowly),
                cmocka_unit_test(test_reload_of_listeners),
                cmocka_unit_test(test_end),
        };

        if (argc > 1 && strcmp(argv[1], PROBE_OPTION) == 0) {
                probe_set_prepare(server_prepare_tables);
                return probe_main(argc - 2, argv + 2);
        }
        if (argc > 3 && strcmp(argv[1], SERVER_OPTION) == 0)
                return become_server(argv[2], argv[3]);
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
