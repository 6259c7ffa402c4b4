/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes under everything, at their edges: an end that comes together with data, more than one turn reads, a peer
 * that does not read, freeing from within, connecting to nobody.
 */
#include "net_peer.h"

#include "net/addr.h"
#include "net/wire.h"

static struct wire *wire;
static struct buf got;
static int reads, writes, keep, free_at_read;
static int32_t last_event;
static size_t got_at_eof;

static void on_read(struct wire *w, void *arg)
{
        bb_str in = wire_in(w);

        assert_ptr_equal(arg, &got);
        reads++;
        if (free_at_read) {
                wire_free(w);
                wire = NULL;
                return;
        }
        if (keep)
                return;
        buf_add_str(&got, in);
        wire_take(w, in.len);
}

static void on_write(struct wire *w, void *arg)
{
        (void)w;
        (void)arg;
        writes++;
}

static void on_event(struct wire *w, int32_t what, void *arg)
{
        (void)w;
        (void)arg;
        last_event = what;
        got_at_eof = got.len;
}

static const struct wire_handler handler = {.on_read = on_read, .on_write = on_write, .on_event = on_event};

/* A wire and its other end, both on loopback. */
static struct peer pair(void)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;
        socklen_t len = sizeof(at);
        struct peer p;

        assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(fd, 1), 0);
        getsockname(fd, (struct sockaddr *)&at, &len);
        p = peer_connect(ntohs(at.sin_port));
        accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(accepted >= 0);
        close(fd);
        wire = wire_new(accepted, NULL);
        assert_non_null(wire);
        wire_set_handler(wire, &handler, &got);
        return p;
}

static int setup(void **state)
{
        (void)state;
        reads = writes = keep = free_at_read = 0;
        last_event = 0;
        got_at_eof = 0;
        got.len = 0;
        wire = NULL;
        return loop_init(1) == BB_OK ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        if (wire != NULL)
                wire_free(wire);
        loop_close();
        return 0;
}

/* One edge tells of both: the end must not be missed for the data's sake. */
static void test_data_and_end_in_one_edge(void **state)
{
        struct peer p = pair();

        (void)state;
        loop_turn(0);
        peer_say(&p, "the last words");
        shutdown(p.fd, SHUT_WR);
        usleep(20000); /* both are here before the loop looks */
        TURN_UNTIL(last_event == WIRE_EOF);
        assert_int_equal(got_at_eof, strlen("the last words"));
        /* Our side still speaks. */
        wire_send(wire, "heard", 5);
        assert_true(peer_await(&p, "heard"));
        peer_close(&p);
}

static void test_much_comes_in_order(void **state)
{
        static char data[300000];
        struct peer p = pair();
        int64_t end = time_mono_ms() + PATIENCE_MS;
        size_t sent = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char)('a' + i % 23);
        while (got.len < sizeof(data) && time_mono_ms() < end) {
                ssize_t n = send(p.fd, data + sent, sizeof(data) - sent, MSG_NOSIGNAL);

                sent += n > 0 ? (size_t)n : 0;
                loop_turn(1);
        }
        assert_int_equal(got.len, sizeof(data));
        assert_memory_equal(got.ptr, data, sizeof(data));
        assert_true(reads > 10); /* 16 KiB a turn */
        peer_close(&p);
}

static void test_what_is_not_taken_comes_again(void **state)
{
        struct peer p = pair();

        (void)state;
        keep = 1;
        peer_say(&p, "one ");
        TURN_UNTIL(reads == 1);
        peer_say(&p, "two");
        TURN_UNTIL(reads == 2);
        assert_int_equal(wire_in(wire).len, 7);
        assert_memory_equal(wire_in(wire).ptr, "one two", 7);
        wire_take(wire, 4);
        keep = 0;
        wire_again(wire);
        TURN_UNTIL(got.len == 3);
        assert_memory_equal(got.ptr, "two", 3);
        peer_close(&p);
}

static void test_not_reading(void **state)
{
        struct peer p = pair();

        (void)state;
        wire_set_reading(wire, 0);
        peer_say(&p, "later");
        turn_for(30);
        assert_int_equal(reads, 0);
        wire_set_reading(wire, 1);
        TURN_UNTIL(got.len == 5);
        peer_close(&p);
}

/* Nothing is lost or doubled when the kernel takes a part only, and the low mark is told of once it is reached. */
static void test_a_peer_that_reads_late(void **state)
{
        static char data[4 * 1024 * 1024];
        struct peer p = pair();
        int64_t end = time_mono_ms() + PATIENCE_MS;

        (void)state;
        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char)('a' + i % 23);
        wire_send(wire, data, sizeof(data));
        turn_for(50);
        assert_int_equal(writes, 0);
        assert_true(wire_out(wire).len > 0 && wire_out(wire).len < sizeof(data));
        wire_send(wire, "end", 3);
        while (p.in.len < sizeof(data) + 3 && time_mono_ms() < end) {
                peer_take(&p);
                loop_turn(1);
        }
        assert_int_equal(p.in.len, sizeof(data) + 3);
        assert_memory_equal(p.in.ptr, data, sizeof(data));
        assert_memory_equal(p.in.ptr + sizeof(data), "end", 3);
        TURN_UNTIL(writes == 1);
        assert_int_equal(wire_out(wire).len, 0);
        peer_close(&p);
}

static void test_freed_while_it_reads(void **state)
{
        struct peer p = pair();

        (void)state;
        free_at_read = 1;
        peer_say(&p, "x");
        assert_true(peer_await_end(&p));
        assert_null(wire);
        peer_close(&p);
}

static void test_a_reset_is_an_error(void **state)
{
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        struct peer p = pair();

        (void)state;
        loop_turn(0);
        setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        peer_close(&p);
        TURN_UNTIL(last_event == WIRE_ERROR);
        wire_send(wire, "nobody hears it", 15);
        turn_for(20);
}

static void test_connecting(void **state)
{
        struct sockaddr_in at = {
                .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(1)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t len = sizeof(at);

        (void)state;
        wire = wire_new(-1, NULL);
        wire_set_handler(wire, &handler, &got);
        if (wire_connect(wire, (struct sockaddr *)&at, sizeof(at)) == BB_OK)
                TURN_UNTIL(last_event == WIRE_ERROR);
        wire_free(wire);
        at.sin_port = 0;
        assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(fd, 1), 0);
        getsockname(fd, (struct sockaddr *)&at, &len);
        wire = wire_new(-1, NULL);
        wire_set_handler(wire, &handler, &got);
        wire_send(wire, "early", 5); /* goes once it is connected */
        assert_int_equal(wire_connect(wire, (struct sockaddr *)&at, len), BB_OK);
        TURN_UNTIL(last_event == WIRE_CONNECTED && wire_out(wire).len == 0);
        close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(test_data_and_end_in_one_edge),      T(test_much_comes_in_order),
                T(test_what_is_not_taken_comes_again), T(test_not_reading),
                T(test_a_peer_that_reads_late),        T(test_freed_while_it_reads),
                T(test_a_reset_is_an_error),           T(test_connecting),
        };
        int failed;

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        buf_free(&got);
        return failed;
}
