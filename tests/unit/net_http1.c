/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 wire over real sockets: what is refused and how, keep-alive, pipelining, bodies, deadlines,
 * back-pressure, draining.
 */
#include "net_peer.h"

#include "net/addr.h"
#include <netinet/tcp.h>
#include <sys/resource.h>

/* --- a service that does what the target says --- */

static struct http_listener *listener;
static int port;
static int64_t plan_max_body = 1000;
static bb_err write_result;
static size_t stream_written;
static int slow_go, handled;
static struct task *slow_task;
static char seen_host[64], seen_header[64], seen_target[128];

static bb_err read_result;
static size_t read_bytes;
static int read_go, read_all;

static void plan(struct http_request *req, struct http_plan *ret, void *arg)
{
        (void)arg;
        ret->max_body = plan_max_body;
        ret->stream_body = bb_str_is(req->target, "/reads") || bb_str_is(req->target, "/waits") ||
                           bb_str_is(req->target, "/declines");
        if (bb_str_is(req->target, "/waits"))
                ret->max_body = 64 << 20;
        if (bb_str_is(req->target, "/refuses-bodies"))
                ret->max_body = 0;
        if (bb_str_is(req->target, "/big"))
                ret->max_body = 64 << 20;
        /* The request's memory is the one in use. */
        req->router = bb_print("planned %.*s", BB_FMT(req->target)).len > 0 ? req : NULL;
}

static void keep(char *to, size_t room, bb_str s)
{
        snprintf(to, room, "%.*s", BB_FMT(s));
}

static void handle_stream(struct http_request *req, int64_t length, size_t pieces)
{
        static char piece[10000];

        memset(piece, 'x', sizeof(piece));
        http_reply_begin(req, 200, NULL, 0, length);
        write_result = BB_OK;
        for (size_t i = 0; i < pieces && write_result == BB_OK; i++) {
                write_result = http_reply_write(req, (bb_str){.ptr = piece, .len = sizeof(piece)});
                stream_written += sizeof(piece);
        }
        http_reply_end(req, write_result == BB_OK);
}

static void handle_inject(struct http_request *req)
{
        const struct bb_http_header h = {.name = BB_STR("X-Note"), .value = BB_STR("a\r\nSet-Cookie: stolen=1")};

        http_reply(req, 200, &h, 1, BB_STR("never"));
}

static void handle_slow(struct http_request *req)
{
        slow_task = task_current();
        while (!slow_go)
                if (task_park(-1) < 0)
                        break;
        http_reply(req, 200, NULL, 0, BB_STR("slow"));
}

/* Answers with what it read, or with how much when that is long. */
static void handle_reading(struct http_request *req)
{
        _cleanup_buf_ struct buf all = {0};
        char piece[50];
        size_t count;

        read_bytes = 0;
        read_all = 0;
        do {
                while (bb_str_is(req->target, "/waits") && !read_go && task_park(20) != BB_E_CANCELED)
                        ;
                read_result = http_request_read(req, piece, sizeof(piece), &count);
                if (read_bytes < 1000)
                        buf_add(&all, piece, count);
                read_bytes += count;
        } while (read_result == BB_OK && count > 0);
        read_all = 1;
        if (read_result < 0)
                http_reply(req, 400, NULL, 0, bb_print("error %d", read_result));
        else if (read_bytes > 1000)
                http_reply(req, 200, NULL, 0, bb_print("%zu bytes", read_bytes));
        else
                http_reply(req, 200, NULL, 0, bb_print("<%.*s>", BB_FMT(buf_str(&all))));
}

static void handle(struct http_request *req, void *arg)
{
        const struct bb_http_header type = {.name = BB_STR("Content-Type"), .value = BB_STR("text/plain")};

        (void)arg;
        handled++;
        assert_non_null(req->router);
        keep(seen_host, sizeof(seen_host), req->host);
        keep(seen_target, sizeof(seen_target), req->target);
        keep(seen_header, sizeof(seen_header), http1_header(req->headers, req->header_count, "x-test", NULL));
        if (bb_str_is(req->target, "/nothing"))
                return;
        if (bb_str_is(req->target, "/chunks"))
                handle_stream(req, -1, 3);
        else if (bb_str_is(req->target, "/sized"))
                handle_stream(req, 30000, 3);
        else if (bb_str_is(req->target, "/short"))
                handle_stream(req, 30000, 2);
        else if (bb_str_is(req->target, "/endless"))
                handle_stream(req, -1, 100000);
        else if (bb_str_is(req->target, "/inject"))
                handle_inject(req);
        else if (bb_str_is(req->target, "/reads") || bb_str_is(req->target, "/waits"))
                handle_reading(req);
        else if (bb_str_is(req->target, "/declines"))
                http_reply(req, 403, NULL, 0, BB_STR("no"));
        else if (bb_str_is(req->target, "/slow"))
                handle_slow(req);
        else if (bb_str_is(req->target, "/empty"))
                http_reply(req, 204, NULL, 0, BB_NONE);
        else
                http_reply(req, 200, &type, 1, bb_print("[%.*s]", BB_FMT(req->body)));
}

static void error_body(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body, void *arg)
{
        (void)arg;
        *ret_type = BB_STR("application/problem+json");
        *ret_body = bb_print("{\"status\":%d,\"code\":\"%s\",\"detail\":\"%.*s\"}", status, code, BB_FMT(detail));
}

static const struct http_service service = {.plan = plan, .handle = handle, .error_body = error_body};
static const struct http_limits quick = {.header_ms = 300, .body_ms = 300, .idle_ms = 500, .write_ms = 300};
static const struct http_limits patient = {
        .header_ms = 20000, .body_ms = 20000, .idle_ms = 20000, .write_ms = 20000, .max_connections = 50};

static int listen_with(const struct http_limits *limits)
{
        int32_t p = 0;

        assert_int_equal(http_listen("127.0.0.1:0", NULL, &service, limits, &listener, &p), BB_OK);
        port = p;
        return 0;
}

static int setup(void **state)
{
        (void)state;
        plan_max_body = 1000;
        slow_go = handled = 0;
        slow_task = NULL;
        stream_written = 0;
        seen_host[0] = seen_header[0] = seen_target[0] = 0;
        log_capture(quiet_log, NULL);
        assert_int_equal(loop_init(1), BB_OK);
        return listen_with(&patient);
}

static int teardown(void **state)
{
        (void)state;
        slow_go = 1;
        http_listener_free(listener);
        for (int i = 0; i < 200 && task_count() > 0; i++) {
                if (slow_task != NULL)
                        task_wake(slow_task);
                loop_turn(5);
        }
        assert_int_equal(task_count(), 0);
        turn_for(50); /* what was put off for the next turn */
        loop_close();
        log_capture(NULL, NULL);
        return 0;
}

static void relisten(const struct http_limits *limits)
{
        http_listener_free(listener);
        listen_with(limits);
}

/* --- one raw request, one status --- */

#define OK_HEAD "Host: a.test\r\n"

struct probe {
        const char *raw;
        int status;
        const char *answer; /* part of the answer, NULL: any */
};

static const struct probe probes[] = {
        /* what is fine */
        {"GET / HTTP/1.1\r\n" OK_HEAD "\r\n", 200, "[]"},
        {"GET /a/b?c=d&e[0]=%20f HTTP/1.1\r\n" OK_HEAD "\r\n", 200, NULL},
        {"\r\nGET / HTTP/1.1\r\n" OK_HEAD "\r\n", 200, NULL},
        {"GET / HTTP/1.0\r\n\r\n", 200, "Connection: close"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "Connection: keep-alive"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5\r\n\r\nhello", 200, "[hello]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 0005\r\n\r\nhello", 200, "[hello]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 0\r\n\r\n", 200, "[]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "content-length:5\r\n\r\nhello", 200, "[hello]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: \t5 \t\r\n\r\nhello", 200, "[hello]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200,
         "[abcde]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n000\r\n\r\n", 200,
         "[0123456789]"},
        {"POST / HTTP/1.1\r\n" OK_HEAD
         "Transfer-Encoding: chunked\r\n\r\n3;a;b=c;d=\"e;\\\"\"\r\nabc\r\n0;x\r\nT: v\r\n\r\n",
         200, "[abc]"},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, NULL},
        {"GET http://b.test:81/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n", 200, NULL},
        {"GET http://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n", 200, NULL},
        {"OPTIONS * HTTP/1.1\r\n" OK_HEAD "\r\n", 200, NULL},
        {"GET / HTTP/1.1\r\n" OK_HEAD "X-Empty:\r\nX-Latin: \xe9\r\n\r\n", 200, NULL},
        /* lengths that two readers could understand differently */
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "Content-Length"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5, 5\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: +5\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 0x5\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: -1\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5 5\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length:\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 18446744073709551621\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 9223372036854775808\r\n\r\nhello", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 5.0\r\n\r\nhello", 400, NULL},
        /* line ends */
        {"GET / HTTP/1.1\nHost: a.test\n\n", 400, "LF"},
        {"GET / HTTP/1.1\r\nHost: a.test\n\r\n", 400, "LF"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\n\n", 400, "LF"},
        {"\nGET / HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n", 400, "CR"},
        {"GET / HTTP/1.1\rHost: a.test\r\n\r\n", 400, "CR"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\r\n\r\n", 400, "CR"},
        {"\r\n\r\nGET / HTTP/1.1\r\n" OK_HEAD "\r\n", 400, "empty line"},
        /* names and values */
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x01z\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x7fz\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost : a.test\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX Y: z\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX\t: z\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\n Host: a.test\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n", 400, "folded"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n\tb\r\n\r\n", 400, "folded"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\n: b\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nnocolon\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX(y): z\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nX\xe9: z\r\n\r\n", 400, NULL},
        /* hosts */
        {"GET / HTTP/1.1\r\n\r\n", 400, "Host"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", 400, "Host"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test:x\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test:99999\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: .\r\n\r\n", 400, NULL},
        /* request lines */
        {"GET  / HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET /  HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET / HTTP/1.1 \r\n" OK_HEAD "\r\n", 400, NULL},
        {" GET / HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET\t/\tHTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET /\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET / http/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET / HTTP/1.1x\r\n" OK_HEAD "\r\n", 400, NULL},
        {"G(T / HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET /a#b HTTP/1.1\r\n" OK_HEAD "\r\n", 400, "fragment"},
        {"GET /a\"b HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET /a\\b HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET a HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET ftp://a/ HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET http:///x HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET http://u@h/x HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"CONNECT a.test:443 HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"GET * HTTP/1.1\r\n" OK_HEAD "\r\n", 400, NULL},
        {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03", 400, NULL}, /* TLS to a plain port */
        /* versions */
        {"GET / HTTP/2.0\r\n" OK_HEAD "\r\n", 505, NULL},
        {"GET / HTTP/1.2\r\n" OK_HEAD "\r\n", 505, NULL},
        {"GET / HTTP/0.9\r\n" OK_HEAD "\r\n", 505, NULL},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL},
        /* transfer codings */
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: gzip\r\n\r\n", 501, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: xchunked\r\n\r\n", 501, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: identity\r\n\r\n", 501, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked, gzip\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding:\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.0\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
        /* chunks */
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n00000000000000003\r\nabc\r\n0\r\n\r\n", 400,
         NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400,
         NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3;\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3;a=\x01\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3;a=\"b\r\nabc\r\n0\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nT : v\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nT: v\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n folded\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\rX", 400, NULL},
        /* sizes and expectations */
        {"POST / HTTP/1.1\r\n" OK_HEAD "Content-Length: 1001\r\n\r\n", 413, "Connection: close"},
        {"POST / HTTP/1.1\r\n" OK_HEAD "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", 417, NULL},
        {"POST /refuses-bodies HTTP/1.1\r\n" OK_HEAD "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 413, NULL},
        {"POST /refuses-bodies HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 413,
         NULL},
        {"POST /refuses-bodies HTTP/1.1\r\n" OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, NULL},
};

static void test_probes(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(probes); i++) {
                const struct probe *q = &probes[i];
                struct peer p = peer_connect(port);

                peer_say(&p, q->raw);
                peer_await(&p, "\r\n\r\n");
                if (q->status >= 400)
                        peer_await_end(&p);
                else
                        peer_await(&p, q->answer != NULL ? q->answer : "HTTP");
                if (peer_status(&p) != q->status || (q->answer != NULL && !peer_has(&p, q->answer)))
                        fail_msg("probe %zu expected %d: %s\ngot: %.*s", i, q->status, q->raw, BB_FMT(peer_text(&p)));
                if (q->status >= 400) {
                        assert_true(peer_has(&p, "Connection: close\r\n"));
                        assert_true(peer_has(&p, "application/problem+json"));
                        assert_int_equal(peer_count(&p, "HTTP/1.1 "), 1);
                        assert_true(p.eof && !p.reset);
                }
                peer_close(&p);
        }
}

/* The same, a byte at a time: where packets end may not matter. */
static void test_probes_in_drops(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(probes); i += 5) {
                struct peer p = peer_connect(port);

                for (const char *at = probes[i].raw; *at != 0 && !p.eof; at++) {
                        peer_send(&p, at, 1);
                        peer_take(&p);
                }
                peer_await(&p, "\r\n\r\n");
                if (peer_status(&p) != probes[i].status)
                        fail_msg("probe %zu in drops: expected %d, got %.*s", i, probes[i].status,
                                 BB_FMT(peer_text(&p)));
                peer_close(&p);
        }
}

static void expect_raw(const void *raw, size_t len, int status)
{
        struct peer p = peer_connect(port);

        peer_send(&p, raw, len);
        peer_await_end(&p);
        if (peer_status(&p) != status)
                fail_msg("expected %d, got: %.*s", status, BB_FMT(peer_text(&p)));
        assert_false(p.reset);
        peer_close(&p);
}

static void test_nul_bytes(void **state)
{
        static const char in_value[] = "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n";
        static const char in_line[] = "GET /\0 HTTP/1.1\r\nHost: a.test\r\n\r\n";

        (void)state;
        expect_raw(in_value, sizeof(in_value) - 1, 400);
        expect_raw(in_line, sizeof(in_line) - 1, 400);
}

static void test_size_limits(void **state)
{
        struct buf b = {0};

        (void)state;
        buf_add_c(&b, "GET /");
        for (int i = 0; i < 9000; i++)
                buf_add_char(&b, 'a');
        expect_raw(b.ptr, b.len, 414); /* without waiting for the line's end */
        b.len = 0;
        buf_add_c(&b, "GET / HTTP/1.1\r\nHost: a.test\r\nX: ");
        for (int i = 0; i < 17000; i++)
                buf_add_char(&b, 'a');
        buf_add_c(&b, "\r\n\r\n");
        expect_raw(b.ptr, b.len, 431);
        b.len = 0;
        buf_add_c(&b, "GET / HTTP/1.1\r\nHost: a.test\r\n");
        for (int i = 0; i < 100; i++)
                buf_print(&b, "X-%d: y\r\n", i);
        buf_add_c(&b, "\r\n");
        expect_raw(b.ptr, b.len, 431); /* 101 fields with Host */
        b.len = 0;
        buf_add_c(&b, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        for (int i = 0; i < 40; i++)
                buf_print(&b, "X-%d: y\r\n", i);
        buf_add_c(&b, "\r\n");
        expect_raw(b.ptr, b.len, 400); /* too many trailers */
        buf_free(&b);
}

static void test_hundred_fields_are_fine(void **state)
{
        struct peer p = peer_connect(port);
        struct buf b = {0};

        (void)state;
        buf_add_c(&b, "GET / HTTP/1.1\r\nHost: a.test\r\n");
        for (int i = 0; i < 98; i++)
                buf_print(&b, "X-%d: y\r\n", i);
        buf_add_c(&b, "X-TEST:  two words \r\n\r\n");
        peer_send(&p, b.ptr, b.len);
        assert_true(peer_await(&p, "[]"));
        assert_string_equal(seen_header, "two words");
        buf_free(&b);
        peer_close(&p);
}

static void test_what_the_handler_sees(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET http://B.Test:81/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        assert_string_equal(seen_host, "b.test");
        assert_string_equal(seen_target, "/x?y");
        p.in.len = 0;
        peer_say(&p, "GET /q HTTP/1.1\r\nHost: WWW.A.Test.:8080\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        assert_string_equal(seen_host, "www.a.test");
        p.in.len = 0;
        peer_say(&p, "GET /q HTTP/1.0\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        assert_string_equal(seen_host, "127.0.0.1");
        peer_close(&p);
}

/* --- several requests --- */

static void test_keep_alive(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        for (int i = 0; i < 5; i++) {
                p.in.len = 0;
                peer_say(&p, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
                assert_true(peer_await(&p, "[hi]"));
                assert_false(peer_has(&p, "Connection:"));
                assert_true(peer_has(&p, "\r\nDate: "));
                assert_true(peer_has(&p, "\r\nContent-Length: 4\r\n"));
        }
        p.in.len = 0;
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: foo, Close\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "Connection: close\r\n"));
        assert_false(p.reset);
        peer_close(&p);
        TURN_UNTIL(http_listener_count(listener) == 0);
}

static void test_pipelining_keeps_order(void **state)
{
        struct peer p = peer_connect(port);
        struct buf b = {0};

        (void)state;
        for (int i = 0; i < 50; i++)
                buf_print(&b, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\nn%d", i < 10 ? 2 : 3, i);
        peer_send(&p, b.ptr, b.len);
        assert_true(peer_await(&p, "[n49]"));
        assert_int_equal(peer_count(&p, "HTTP/1.1 200"), 50);
        assert_true(memmem(p.in.ptr, p.in.len, "[n7]", 4) < memmem(p.in.ptr, p.in.len, "[n8]", 4));
        assert_int_equal(handled, 50);
        buf_free(&b);
        peer_close(&p);
}

static void test_pipelined_waits_for_the_answer(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(slow_task != NULL);
        turn_for(30);
        assert_int_equal(handled, 1);
        slow_go = 1;
        task_wake(slow_task);
        slow_task = NULL;
        assert_true(peer_await(&p, "[]"));
        assert_int_equal(handled, 2);
        peer_close(&p);
}

/* A client that only sends cannot fill our memory. */
static void test_reading_ahead_is_bounded(void **state)
{
        struct peer p = peer_connect(port);
        static char junk[65536];
        size_t sent = 0;
        int idle = 0;

        (void)state;
        peer_say(&p, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(slow_task != NULL);
        memset(junk, 'x', sizeof(junk));
        while (idle < 20 && sent < (64u << 20)) {
                ssize_t n = send(p.fd, junk, sizeof(junk), MSG_NOSIGNAL);

                idle = n > 0 ? 0 : idle + 1;
                sent += n > 0 ? (size_t)n : 0;
                loop_turn(1);
        }
        assert_true(sent < (32u << 20)); /* the kernel's buffers took some; the rest stays with the client */
        slow_go = 1;
        task_wake(slow_task);
        slow_task = NULL;
        assert_true(peer_await(&p, "slow"));
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "HTTP/1.1 414"));
        peer_close(&p);
}

static void test_half_closed_client_gets_its_answer(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(slow_task != NULL);
        shutdown(p.fd, SHUT_WR);
        turn_for(30);
        slow_go = 1;
        task_wake(slow_task);
        slow_task = NULL;
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "\r\n\r\nslow"));
        peer_close(&p);
}

/* --- bodies --- */

static void test_head(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\nHEAD /chunks HTTP/1.1\r\nHost: a.test\r\n\r\n"
                     "GET /empty HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\nConnection: "
                     "close\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_count(&p, "HTTP/1.1 20"), 4);
        assert_int_equal(peer_count(&p, "Content-Length: 2\r\n"), 2);
        assert_int_equal(peer_count(&p, "[]"), 1); /* the GET's */
        assert_int_equal(peer_count(&p, "xxxx"), 0);
        assert_true(peer_has(&p, "204 No Content\r\n"));
        peer_close(&p);
}

static void test_continue(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-Continue\r\nContent-Length: 4\r\n\r\n");
        assert_true(peer_await(&p, "HTTP/1.1 100 Continue\r\n\r\n"));
        assert_int_equal(handled, 0);
        peer_say(&p, "body");
        assert_true(peer_await(&p, "[body]"));
        p.in.len = 0;
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        assert_false(peer_has(&p, "100 Continue")); /* there is no body to wait for */
        peer_close(&p);
}

static void test_chunked_too_long(void **state)
{
        struct peer p = peer_connect(port);
        static char data[1001];

        (void)state;
        memset(data, 'y', sizeof(data));
        peer_say(&p, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
        peer_send(&p, data, sizeof(data));
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_status(&p), 413);
        assert_int_equal(handled, 0);
        peer_close(&p);
}

static void test_refused_body_is_not_read_but_answered(void **state)
{
        struct peer p = peer_connect(port);
        static char data[300000];

        (void)state;
        peer_say(&p, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n");
        peer_send(&p, data, sizeof(data));
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_status(&p), 413);
        assert_false(p.reset); /* the lingering close let the answer through */
        peer_close(&p);
}

static void test_big_body(void **state)
{
        struct peer p = peer_connect(port);
        size_t len = 3 << 20;
        char *data = malloc(len);

        (void)state;
        memset(data, 'z', len);
        peer_say(&p, "POST /big HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3145728\r\nConnection: close\r\n\r\n");
        peer_send(&p, data, len);
        assert_true(peer_await_end(&p));
        assert_true(peer_has(&p, "Content-Length: 3145730\r\n"));
        assert_true(p.in.len > len);
        assert_int_equal(p.in.ptr[p.in.len - 1], ']');
        free(data);
        peer_close(&p);
}

/* --- bodies that the handler reads --- */

static void test_a_body_is_read_by_its_handler(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        /* Begun before the body is there, and the connection goes on after it. */
        peer_say(&p, "POST /reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234");
        turn_for(50);
        assert_int_equal(handled, 1);
        peer_say(&p, "56789GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "<0123456789>"));
        assert_true(peer_await(&p, "[]"));
        assert_false(peer_has(&p, "close"));
        p.in.len = 0;
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r");
        turn_for(50);
        peer_say(&p, "\nde\r\n0\r\n");
        turn_for(50);
        peer_say(&p, "\r\nGET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "<abcde>"));
        assert_true(peer_await(&p, "[]"));
        p.in.len = 0;
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        assert_true(peer_await(&p, "<>"));
        peer_close(&p);
}

static void test_a_reading_handler_and_what_is_wrong(void **state)
{
        static char data[1001];
        struct peer p = peer_connect(port);

        (void)state;
        memset(data, 'y', sizeof(data));
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1001\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_status(&p), 413); /* known to be too long */
        assert_int_equal(handled, 0);
        peer_close(&p);
        p = peer_connect(port);
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
        peer_send(&p, data, sizeof(data));
        assert_true(peer_await_end(&p)); /* the rest is not served as a request */
        assert_int_equal(peer_status(&p), 400);
        assert_int_equal(read_result, BB_E_LIMIT);
        peer_close(&p);
        p = peer_connect(port);
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
        assert_true(peer_await_end(&p));
        assert_int_equal(read_result, BB_E_PROTOCOL);
        peer_close(&p);
        p = peer_connect(port);
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf");
        turn_for(50);
        peer_close(&p);
        TURN_UNTIL(read_all);
        assert_int_equal(read_result, BB_E_CLOSED);
        assert_int_equal(read_bytes, 4);
}

/* Whoever is not to send is told so before having sent. */
static void test_a_reading_handler_and_continue(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        assert_true(peer_await(&p, "HTTP/1.1 100 Continue\r\n\r\n"));
        peer_say(&p, "body");
        assert_true(peer_await(&p, "<body>"));
        peer_close(&p);
        p = peer_connect(port);
        peer_say(&p, "PUT /declines HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_status(&p), 403);
        assert_false(peer_has(&p, "100 Continue"));
        assert_true(peer_has(&p, "Connection: close\r\n"));
        peer_close(&p);
}

/* The handler is slow: the peer cannot send more than the buffers on the way take. */
static void test_a_reading_handler_holds_the_peer_back(void **state)
{
        struct peer p = peer_connect(port);
        size_t total = 32 << 20, sent = 0;
        char *data = calloc(1, 1 << 20);

        (void)state;
        read_go = 0;
        peer_say(&p, "PUT /waits HTTP/1.1\r\nHost: a.test\r\nContent-Length: 33554432\r\n\r\n");
        for (int idle = 0; idle < 20;) {
                ssize_t n = send(p.fd, data, 1 << 20, MSG_DONTWAIT | MSG_NOSIGNAL);

                idle = n > 0 ? 0 : idle + 1;
                sent += n > 0 ? (size_t)n : 0;
                turn_for(5);
        }
        assert_true(sent < total / 2);
        assert_int_equal(read_bytes, 0);
        read_go = 1;
        while (sent < total) {
                size_t want = total - sent < 1 << 20 ? total - sent : 1 << 20;
                ssize_t n = send(p.fd, data, want, MSG_DONTWAIT | MSG_NOSIGNAL);

                sent += n > 0 ? (size_t)n : 0;
                turn_for(1);
        }
        assert_true(peer_await(&p, "33554432 bytes"));
        free(data);
        peer_close(&p);
}

static void test_a_body_drips_into_its_handler(void **state)
{
        struct peer p;

        (void)state;
        relisten(&quick);
        p = peer_connect(port);
        peer_say(&p, "PUT /reads HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nx");
        assert_true(peer_await_end(&p));
        assert_int_equal(read_result, BB_E_TIMEOUT);
        peer_close(&p);
}

/* --- streamed answers --- */

static void test_streamed_chunked(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /chunks HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "\r\n0\r\n\r\n"));
        assert_true(peer_has(&p, "Transfer-Encoding: chunked\r\n"));
        assert_int_equal(peer_count(&p, "2710\r\n"), 3);
        p.in.len = 0;
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "[]")); /* the connection lives on */
        peer_close(&p);
}

static void test_streamed_sized(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /sized HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        assert_true(peer_has(&p, "Content-Length: 30000\r\n"));
        assert_false(peer_has(&p, "chunked"));
        peer_close(&p);
}

static void test_streamed_to_1_0_ends_with_the_connection(void **state)
{
        struct peer p = peer_connect(port);
        const char *body;

        (void)state;
        peer_say(&p, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_false(p.reset);
        assert_true(peer_has(&p, "Connection: close\r\n"));
        body = memmem(p.in.ptr, p.in.len, "\r\n\r\n", 4);
        assert_int_equal(p.in.ptr + p.in.len - (body + 4), 30000);
        peer_close(&p);
}

static void test_short_stream_is_cut(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /short HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_true(p.reset || p.in.len < 30000);
        peer_close(&p);
}

static void test_stream_waits_for_a_slow_client(void **state)
{
        struct peer p = peer_connect_with(port, 4096);
        size_t before;

        (void)state;
        peer_say(&p, "GET /endless HTTP/1.1\r\nHost: a.test\r\n\r\n");
        turn_for(200);
        before = stream_written;
        turn_for(200);
        assert_true(before > 0);
        assert_int_equal(stream_written, before); /* it waits */
        assert_true(stream_written < (16u << 20));
        peer_await_bytes(&p, stream_written);
        turn_for(50);
        assert_true(stream_written > before); /* it went on */
        peer_close(&p);
        TURN_UNTIL(write_result == BB_E_CLOSED); /* and is told that the client is gone */
        TURN_UNTIL(http_listener_count(listener) == 0);
}

static void test_client_gone_while_handling(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(slow_task != NULL);
        setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        peer_close(&p);
        TURN_UNTIL(http_listener_count(listener) == 0);
        assert_int_equal(task_count(), 1); /* the task goes on */
        slow_go = 1;
        task_wake(slow_task);
        slow_task = NULL;
        TURN_UNTIL(task_count() == 0);
}

/* --- answers that must not get out --- */

static void test_injected_header(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /inject HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_int_equal(peer_status(&p), 500);
        assert_false(peer_has(&p, "stolen"));
        assert_false(peer_has(&p, "never"));
        peer_close(&p);
}

static void test_unanswered(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET /nothing HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "not answered"));
        assert_int_equal(peer_status(&p), 500);
        peer_close(&p);
}

/* --- deadlines --- */

static void test_header_drip(void **state)
{
        int64_t began = time_mono_ms();
        struct peer p;

        (void)state;
        relisten(&quick);
        p = peer_connect(port);
        peer_say(&p, "GET / HTTP/1.1\r\n");
        while (!p.eof && time_mono_ms() - began < 5000) {
                peer_say(&p, "X"); /* never idle for long */
                turn_for(20);
                peer_take(&p);
        }
        assert_true(p.eof);
        assert_int_equal(peer_status(&p), 408);
        assert_in_range(time_mono_ms() - began, 250, 1500);
        peer_close(&p);
}

static void test_body_drip(void **state)
{
        int64_t began = time_mono_ms();
        struct peer p;

        (void)state;
        relisten(&quick);
        p = peer_connect(port);
        peer_say(&p, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900\r\n\r\n");
        while (!p.eof && time_mono_ms() - began < 5000) {
                peer_say(&p, "X");
                turn_for(20);
                peer_take(&p);
        }
        assert_int_equal(peer_status(&p), 408);
        assert_int_equal(handled, 0);
        peer_close(&p);
}

static void test_silent_connection_is_closed_without_a_word(void **state)
{
        struct peer p, q;

        (void)state;
        relisten(&quick);
        p = peer_connect(port);
        q = peer_connect(port);
        peer_say(&q, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&q, "[]"));
        q.in.len = 0;
        assert_true(peer_await_end(&p));
        assert_true(peer_await_end(&q));
        assert_int_equal(p.in.len, 0);
        assert_int_equal(q.in.len, 0);
        peer_close(&p);
        peer_close(&q);
}

static void test_client_that_does_not_read_is_cut(void **state)
{
        struct peer p;

        (void)state;
        relisten(&quick);
        p = peer_connect_with(port, 4096);
        peer_say(&p, "GET /endless HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(write_result == BB_E_CLOSED);
        TURN_UNTIL(http_listener_count(listener) == 0);
        peer_close(&p);
}

/* --- limits and the end --- */

static void test_connection_limit(void **state)
{
        struct http_limits few = patient;
        struct peer a, b, c;

        (void)state;
        few.max_connections = 2;
        relisten(&few);
        a = peer_connect(port);
        b = peer_connect(port);
        TURN_UNTIL(http_listener_count(listener) == 2);
        c = peer_connect(port);
        assert_true(peer_await_end(&c));
        peer_say(&a, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&a, "[]"));
        peer_close(&a);
        TURN_UNTIL(http_listener_count(listener) == 1);
        peer_close(&c);
        c = peer_connect(port);
        peer_say(&c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&c, "[]"));
        peer_close(&b);
        peer_close(&c);
}

/* Out of descriptors: the connection waits in the kernel, accepting pauses and goes on by itself. */
static void test_no_descriptors_left(void **state)
{
        struct rlimit before, few;
        struct peer p;
        int next;

        (void)state;
        getrlimit(RLIMIT_NOFILE, &before);
        p = peer_connect(port);
        next = dup(p.fd);
        close(next);
        few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        turn_for(100);
        peer_take(&p);
        assert_int_equal(p.in.len, 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_true(peer_await(&p, "[]"));
        peer_close(&p);
}

/* A peer without power acknowledges nothing: within a minute that is known. */
static void test_unheard_peers_are_given_up(void **state)
{
        int fd = socket(AF_INET, SOCK_STREAM, 0), ms = 0;
        socklen_t len = sizeof(ms);

        (void)state;
        addr_prepare_socket(fd);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
        assert_in_range(ms, 30000, 59000);
        close(fd);
}

static void test_addresses(void **state)
{
        static const struct {
                const char *text, *shown;
                int32_t loopback;
                size_t key;
        } cases[] = {{"127.0.0.1:80", "127.0.0.1", 1, 4},
                     {"127.9.9.9:80", "127.9.9.9", 1, 4},
                     {"192.0.2.7:1", "192.0.2.7", 0, 4},
                     {"[::1]:443", "::1", 1, 8},
                     {"[::ffff:192.0.2.7]:443", "192.0.2.7", 0, 4},
                     {"[2001:db8::1]:443", "2001:db8::1", 0, 8}};
        static const char *const wrong[] = {
                "",       ":80",   "127.0.0.1", "127.0.0.1:",   "127.0.0.1:70000", "127.0.0.1:-1",
                "::1:80", "[::1]", "[::1:80",   "name.test:80", "127.0.0.1:80x"};
        struct addr a, b;
        char text[ADDR_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                assert_int_equal(addr_parse(bb_cstr(cases[i].text), &a), BB_OK);
                addr_text((struct sockaddr *)&a.sa, text);
                assert_string_equal(text, cases[i].shown);
                assert_int_equal(addr_is_loopback((struct sockaddr *)&a.sa), cases[i].loopback);
                assert_int_equal(addr_key((struct sockaddr *)&a.sa).len, cases[i].key);
        }
        for (size_t i = 0; i < BB_COUNT(wrong); i++)
                assert_int_equal(addr_parse(bb_cstr(wrong[i]), &a), BB_E_INVALID);
        /* One home's network counts as one address. */
        addr_parse(BB_STR("[2001:db8:0:1::1]:1"), &a);
        addr_parse(BB_STR("[2001:db8:0:1:2::9]:2"), &b);
        assert_true(bb_str_eq(addr_key((struct sockaddr *)&a.sa), addr_key((struct sockaddr *)&b.sa)));
}

static void test_drain(void **state)
{
        struct peer idle = peer_connect(port), busy = peer_connect(port);

        (void)state;
        peer_say(&idle, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&idle, "[]"));
        peer_say(&busy, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
        TURN_UNTIL(slow_task != NULL);
        http_listener_stop_accepting(listener);
        http_listener_drain(listener, 10);
        assert_true(peer_await_end(&idle));
        peer_close(&idle);
        TURN_UNTIL(http_listener_count(listener) == 1);
        slow_go = 1;
        task_wake(slow_task);
        slow_task = NULL;
        assert_true(peer_await_end(&busy));
        assert_true(peer_has(&busy, "\r\n\r\nslow"));
        assert_true(peer_has(&busy, "Connection: close\r\n"));
        peer_close(&busy);
        TURN_UNTIL(http_listener_count(listener) == 0);
}

static void test_listener_from_descriptor(void **state)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct http_listener *second;
        char address[16];
        struct peer p;
        int32_t q = 0;

        (void)state;
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_int_equal(listen(fd, 16), 0);
        snprintf(address, sizeof(address), "fd:%d", fd);
        assert_int_equal(http_listen(address, NULL, &service, &patient, &second, &q), BB_OK);
        assert_true(q > 0);
        p = peer_connect(q);
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "[]"));
        peer_close(&p);
        http_listener_free(second);
        assert_int_equal(http_listen("nonsense", NULL, &service, NULL, &second, NULL), BB_E_INVALID);
        assert_int_equal(http_listen("fd:x", NULL, &service, NULL, &second, NULL), BB_E_INVALID);
}

static void test_port_in_use(void **state)
{
        struct http_listener *second;
        char address[32];

        (void)state;
        snprintf(address, sizeof(address), "127.0.0.1:%d", port);
        assert_int_equal(http_listen(address, NULL, &service, NULL, &second, NULL), BB_E_IO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(test_probes),
                T(test_probes_in_drops),
                T(test_nul_bytes),
                T(test_size_limits),
                T(test_hundred_fields_are_fine),
                T(test_what_the_handler_sees),
                T(test_keep_alive),
                T(test_pipelining_keeps_order),
                T(test_pipelined_waits_for_the_answer),
                T(test_reading_ahead_is_bounded),
                T(test_half_closed_client_gets_its_answer),
                T(test_head),
                T(test_continue),
                T(test_chunked_too_long),
                T(test_refused_body_is_not_read_but_answered),
                T(test_big_body),
                T(test_a_body_is_read_by_its_handler),
                T(test_a_reading_handler_and_what_is_wrong),
                T(test_a_reading_handler_and_continue),
                T(test_a_reading_handler_holds_the_peer_back),
                T(test_a_body_drips_into_its_handler),
                T(test_streamed_chunked),
                T(test_streamed_sized),
                T(test_streamed_to_1_0_ends_with_the_connection),
                T(test_short_stream_is_cut),
                T(test_stream_waits_for_a_slow_client),
                T(test_client_gone_while_handling),
                T(test_injected_header),
                T(test_unanswered),
                T(test_header_drip),
                T(test_body_drip),
                T(test_silent_connection_is_closed_without_a_word),
                T(test_client_that_does_not_read_is_cut),
                T(test_connection_limit),
                T(test_no_descriptors_left),
                T(test_unheard_peers_are_given_up),
                T(test_addresses),
                T(test_drain),
                T(test_listener_from_descriptor),
                T(test_port_in_use),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
