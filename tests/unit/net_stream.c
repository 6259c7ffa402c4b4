/* SPDX-License-Identifier: Apache-2.0
 *
 * "net/1" over real sockets: serving, lines, limits, deadlines, back-pressure, and what stopping a plugin does.
 */
#include "net_peer.h"

#include <busbar/http.h>

static char plugin_a, plugin_b;
#define PLUGIN_A ((bb_plugin_ref *)(void *)&plugin_a)
#define PLUGIN_B ((bb_plugin_ref *)(void *)&plugin_b)

static struct bb_tenant tenant = {.magic = TENANT_MAGIC, .id = {"nord", 4}, .name = {"Nordlicht", 9}};
static int32_t port;
static int served, ended;
static bb_err last;
static bb_tenant *seen_tenant;

/* Answers each line with itself; "big" with eight megabytes, "quit" with goodbye. */
static void serve_lines(bb_stream *s, void *arg)
{
        bb_str line;

        assert_string_equal(arg, "argument");
        served++;
        seen_tenant = bb_task_tenant();
        while ((last = net_ops.read_line(s, 100, 2000, &line)) == BB_OK) {
                if (bb_str_is(line, "quit")) {
                        last = net_ops.write(s, BB_STR("goodbye"));
                        break;
                }
                if (bb_str_is(line, "big"))
                        for (int i = 0; i < 8000 && last == BB_OK; i++)
                                last = net_ops.write(s, bb_print("%01023d\n", i));
                else
                        last = net_ops.write(s, bb_print("<%.*s>\n", BB_FMT(line)));
        }
        ended++;
}

/* Sends back what comes, as it comes. */
static void serve_bytes(bb_stream *s, void *arg)
{
        char buffer[512];
        size_t n;

        (void)arg;
        served++;
        while ((last = net_ops.read(s, buffer, sizeof(buffer), 300, &n)) == BB_OK && n > 0)
                if (net_ops.write(s, (bb_str){.ptr = buffer, .len = n}) < 0)
                        break;
        ended++;
}

static int setup(void **state)
{
        (void)state;
        served = ended = 0;
        last = 1;
        seen_tenant = NULL;
        log_capture(quiet_log, NULL);
        assert_int_equal(loop_init(1), BB_OK);
        assert_int_equal(net_ops.listen(PLUGIN_A, &tenant, "127.0.0.1:0", serve_lines, "argument", &port), BB_OK);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        stream_close_group(NULL, NULL);
        TURN_UNTIL(task_count() == 0);
        turn_for(50);
        loop_close();
        log_capture(NULL, NULL);
        return 0;
}

static void test_lines(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "one\r\ntwo\n\nthr");
        assert_true(peer_await(&p, "<one>\n<two>\n<>\n"));
        peer_say(&p, "ee\n");
        assert_true(peer_await(&p, "<three>\n"));
        assert_ptr_equal(seen_tenant, &tenant);
        peer_say(&p, "quit\n");
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "goodbye")); /* the last word arrives though the stream is closed at once */
        TURN_UNTIL(ended == 1);
        peer_close(&p);
}

static void test_line_limit(void **state)
{
        struct peer p = peer_connect(port);
        char line[101];

        (void)state;
        memset(line, 'l', sizeof(line));
        peer_send(&p, line, 100);
        peer_say(&p, "\r\n");
        assert_true(peer_await(&p, ">\n"));
        assert_int_equal(p.in.len, 103);
        peer_send(&p, line, 101);
        peer_say(&p, "\n");
        TURN_UNTIL(ended == 1);
        assert_int_equal(last, BB_E_LIMIT);
        peer_close(&p);
        p = peer_connect(port);
        for (int i = 0; i < 50 && ended < 2; i++)
                peer_send(&p, line, 101); /* without any end */
        TURN_UNTIL(ended == 2);
        assert_int_equal(last, BB_E_LIMIT);
        peer_close(&p);
}

static void test_peer_leaves(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "half a line");
        TURN_UNTIL(served == 1);
        peer_close(&p);
        TURN_UNTIL(ended == 1);
        assert_int_equal(last, BB_E_CLOSED);
}

static void test_slow_reader(void **state)
{
        struct peer p = peer_connect_with(port, 4096);

        (void)state;
        peer_say(&p, "big\nquit\n");
        turn_for(200);
        assert_int_equal(ended, 0); /* it waits for the reader */
        assert_true(peer_await(&p, "goodbye"));
        assert_int_equal(p.in.len, 8000 * 1024 + 7);
        peer_close(&p);
        p = peer_connect_with(port, 4096);
        peer_say(&p, "big\n");
        turn_for(100);
        peer_close(&p);
        TURN_UNTIL(ended == 2);
        assert_true(last == BB_E_CLOSED || last == BB_E_IO);
}

static void test_bytes_and_timeout(void **state)
{
        int32_t q = 0;
        struct peer p;

        (void)state;
        assert_int_equal(net_ops.listen(PLUGIN_B, NULL, "127.0.0.1:0", serve_bytes, NULL, &q), BB_OK);
        p = peer_connect(q);
        peer_send(&p, "a\0b", 3);
        assert_true(peer_await_bytes(&p, 3));
        assert_memory_equal(p.in.ptr, "a\0b", 3);
        TURN_UNTIL(ended == 1);
        assert_int_equal(last, BB_E_TIMEOUT);
        assert_true(peer_await_end(&p));
        peer_close(&p);
}

static void test_bad_addresses(void **state)
{
        int32_t q = 0;
        char address[32];

        (void)state;
        assert_int_equal(net_ops.listen(PLUGIN_A, NULL, "127.0.0.1", serve_bytes, NULL, &q), BB_E_INVALID);
        assert_int_equal(net_ops.listen(PLUGIN_A, NULL, "::1:80", serve_bytes, NULL, &q), BB_E_INVALID);
        assert_int_equal(net_ops.listen(PLUGIN_A, NULL, "127.0.0.1:65536", serve_bytes, NULL, &q), BB_E_INVALID);
        assert_int_equal(net_ops.listen(PLUGIN_A, NULL, "127.0.0.1:-1", serve_bytes, NULL, &q), BB_E_INVALID);
        snprintf(address, sizeof(address), "127.0.0.1:%d", port);
        assert_int_equal(net_ops.listen(PLUGIN_A, NULL, address, serve_bytes, NULL, &q), BB_E_IO);
}

/* Stopping a plugin ends its listeners and streams, and nobody else's. */
static void test_groups(void **state)
{
        struct peer a = peer_connect(port), b, refused;
        int32_t q = 0;

        (void)state;
        assert_int_equal(net_ops.listen(PLUGIN_B, NULL, "127.0.0.1:0", serve_lines, "argument", &q), BB_OK);
        b = peer_connect(q);
        TURN_UNTIL(served == 2);
        stream_close_group(PLUGIN_A, &tenant);
        assert_true(peer_await_end(&a));
        TURN_UNTIL(ended == 1);
        assert_int_equal(last, BB_E_CLOSED);
        refused = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
        assert_int_equal(connect(refused.fd,
                                 (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET,
                                                                          .sin_port = htons((uint16_t)port),
                                                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                                 sizeof(struct sockaddr_in)),
                         -1);
        peer_say(&b, "still\n");
        assert_true(peer_await(&b, "<still>"));
        peer_close(&a);
        peer_close(&b);
        peer_close(&refused);
}

/* --- connecting --- */

static bb_err connect_result;
static bb_str connect_line;
static char address[64], got[128];

static void run_connect(void *arg)
{
        bb_stream *s = NULL;

        (void)arg;
        connect_result = net_ops.connect(address, 0, &s);
        if (connect_result < 0)
                return;
        assert_string_equal(net_ops.remote(s).ptr, "127.0.0.1");
        connect_result = net_ops.write(s, BB_STR("hello\nquit\n"));
        if (connect_result == BB_OK)
                connect_result = net_ops.read_line(s, 100, 2000, &connect_line);
        if (connect_result == BB_OK)
                snprintf(got, sizeof(got), "%.*s", BB_FMT(connect_line));
        net_ops.close(s);
}

static void connect_to(const char *where)
{
        const struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .run = run_connect};

        snprintf(address, sizeof(address), "%s", where);
        assert_int_equal(task_spawn(PLUGIN_B, &spec, NULL), BB_OK);
        TURN_UNTIL(task_count() == 0);
}

static void test_connect(void **state)
{
        char where[64];

        (void)state;
        snprintf(where, sizeof(where), "localhost:%d", port);
        connect_to(where);
        assert_int_equal(connect_result, BB_OK);
        assert_string_equal(got, "<hello>");
        connect_to("127.0.0.1:1");
        assert_int_equal(connect_result, BB_E_UNAVAILABLE);
        connect_to("no port");
        assert_int_equal(connect_result, BB_E_INVALID);
        connect_to("name.invalid:80");
        assert_true(connect_result == BB_E_NOT_FOUND || connect_result == BB_E_UNAVAILABLE);
}

static void run_reader(void *arg)
{
        bb_stream *s = NULL;
        char byte;
        size_t n;

        (void)arg;
        connect_result = net_ops.connect(address, 0, &s);
        if (connect_result < 0)
                return;
        served++;
        connect_result = net_ops.read(s, &byte, 1, 20000, &n);
        net_ops.close(s);
}

static void test_connected_ones_are_of_their_plugin(void **state)
{
        const struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .run = run_reader};

        (void)state;
        snprintf(address, sizeof(address), "127.0.0.1:%d", port);
        assert_int_equal(task_spawn(PLUGIN_B, &spec, NULL), BB_OK);
        TURN_UNTIL(served == 2); /* both ends */
        stream_close_group(PLUGIN_B, NULL);
        TURN_UNTIL(connect_result == BB_E_CLOSED);
        TURN_UNTIL(ended == 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(test_lines),       T(test_line_limit),        T(test_peer_leaves),
                T(test_slow_reader), T(test_bytes_and_timeout), T(test_bad_addresses),
                T(test_groups),      T(test_connect),           T(test_connected_ones_are_of_their_plugin),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
