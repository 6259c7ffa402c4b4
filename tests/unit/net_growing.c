/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that is sent while it is written: all of it and nothing else, no faster than the caller reads, and never a
 * part that looks like the whole.
 */
#include "net/request.h"
#include "net_peer.h"
#include "net_world.h"
#include <sys/stat.h>

static char folder[] = "/tmp/bb-growing-XXXXXX";
static char path[64];
static size_t written; /* bytes of the file */

/* What the writer does at each call of `more`. */
static struct {
        size_t piece; /* it adds so much … */
        int pieces;   /* … so often, then the file is complete … */
        bb_err fails; /* … or fails */
        int calls, last_call_adds, over;
        int64_t sent;
        bb_err err;
} writer;

static char byte_at(size_t i)
{
        return (char)('a' + i % 23);
}

static void add(size_t count)
{
        FILE *f = fopen(path, "a");

        assert_non_null(f);
        for (size_t i = 0; i < count; i++)
                fputc(byte_at(written++), f);
        assert_int_equal(fclose(f), 0);
}

static bb_err more(int64_t sent, void *arg, int32_t *ret_complete)
{
        assert_ptr_equal(arg, &writer);
        assert_int_equal(sent, written); /* asked only once all that is there was sent */
        writer.sent = sent;
        TRY(bb_sleep(2));
        if (writer.calls++ < writer.pieces) {
                add(writer.piece);
                return BB_OK;
        }
        TRY(writer.fails);
        add(writer.last_call_adds ? 5 : 0);
        *ret_complete = 1;
        return BB_OK;
}

static bb_err growing(bb_request *req, bb_response *res)
{
        (void)req;
        writer.err = bb_response_growing_file(res, path, "text/csv", BB_STR("a.csv"), more, &writer);
        writer.over = 1;
        return writer.err;
}

static const struct bb_route routes[] = {{.method = "GET", .path = "/growing", .handle = growing}};

static void begin(size_t there)
{
        unlink(path);
        written = 0;
        memset(&writer, 0, sizeof(writer));
        add(there);
}

static void assert_whole(void)
{
        assert_int_equal(last.body.len, written);
        for (size_t i = 0; i < written; i++)
                if (last.body.ptr[i] != byte_at(i))
                        fail_msg("byte %zu", i);
}

/* --- tests --- */

static void it_is_sent_as_it_grows(void **state)
{
        (void)state;
        begin(300000);
        writer.piece = 70001;
        writer.pieces = 5;
        writer.last_call_adds = 1;
        assert_int_equal(ask("GET", "/growing", NULL, NULL), 200);
        assert_int_equal(written, 300000 + 5 * 70001 + 5);
        assert_whole();
        assert_str(reply_header("accept-ranges"), "none");
        assert_str(reply_header("content-disposition"), "attachment; filename=\"a.csv\"");
        assert_null(reply_header("content-length").ptr);
        assert_null(reply_header("etag").ptr);
        assert_int_equal(ask("GET", "/growing", "Range: bytes=3-\r\n", NULL), 200);

        begin(0);
        assert_int_equal(ask("GET", "/growing", NULL, NULL), 200);
        assert_body("");
        assert_int_equal(ask("HEAD", "/growing", NULL, NULL), 200);
        unlink(path);
        ask("GET", "/growing", NULL, NULL);
        assert_problem(404, "not-found");
}

static void the_part_of_one_that_fails_is_seen_to_be_one(void **state)
{
        struct peer p;

        (void)state;
        begin(10);
        writer.fails = BB_E_UNAVAILABLE;
        p = peer_connect(world_port);
        peer_say(&p, "GET /growing HTTP/1.1\r\nHost: nord.test\r\nConnection: close\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "a\r\nabcdefghij\r\n"));
        assert_false(peer_has(&p, "\r\n0\r\n")); /* no last chunk */
        peer_close(&p);
        begin(10);
        p = peer_connect(world_port);
        peer_say(&p, "GET /growing HTTP/1.1\r\nHost: nord.test\r\nConnection: close\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "\r\n0\r\n\r\n"));
        peer_close(&p);
}

static void a_slow_caller_holds_it_back(void **state)
{
        struct peer p = {.fd = -1};

        (void)state;
        begin(20 * 1024 * 1024);
        p = peer_connect_with(world_port, 16 * 1024);
        peer_say(&p, "GET /growing HTTP/1.0\r\nHost: nord.test\r\n\r\n");
        for (int i = 0; i < 100; i++)
                loop_turn(2);
        assert_int_equal(writer.calls, 0); /* nowhere near the end of what is there */
        assert_true(peer_await_end(&p));
        assert_true(p.in.len > written);
        assert_int_equal(writer.sent, written);
        peer_close(&p);
}

static void a_caller_who_went_away_is_noticed(void **state)
{
        struct peer p = peer_connect(world_port);

        (void)state;
        begin(10);
        writer.piece = 10;
        writer.pieces = 1000000; /* for ever */
        peer_say(&p, "GET /growing HTTP/1.0\r\nHost: nord.test\r\n\r\n");
        assert_true(peer_await(&p, "abcdefghij"));
        assert_false(writer.over);
        peer_close(&p);
        for (int i = 0; i < 1000 && !writer.over; i++)
                loop_turn(10);
        assert_true(writer.over);
        assert_int_equal(writer.err, BB_E_CLOSED);
}

static int start(void **state)
{
        (void)state;
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/file", folder);
        world_start(router_service());
        router_init(&test_world);
        return http_ops.routes(STATIONS, routes, BB_COUNT(routes), sizeof(routes[0])) == BB_OK ? 0 : -1;
}

static int stop(void **state)
{
        (void)state;
        buf_free(&last.bytes);
        world_stop();
        unlink(path);
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_sent_as_it_grows),
                cmocka_unit_test(the_part_of_one_that_fails_is_seen_to_be_one),
                cmocka_unit_test(a_slow_caller_holds_it_back),
                cmocka_unit_test(a_caller_who_went_away_is_noticed),
        };

        return cmocka_run_group_tests_name("net_growing", tests, start, stop);
}
