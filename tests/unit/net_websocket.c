/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets over real sockets: the handshake's rules, frames by the letter of RFC 6455 (what the Autobahn suite asks),
 * the order of messages, back-pressure, pings, closing from every side, groups, draining, and the client.
 */
#include "net_peer.h"

/* --- a service whose target says what kind of socket it is --- */

static struct http_listener *listener;
static int port;
static char plugin_a, plugin_b;
#define PLUGIN_A ((bb_plugin_ref *)(void *)&plugin_a)
#define PLUGIN_B ((bb_plugin_ref *)(void *)&plugin_b)

static bb_ws *server_ws; /* the newest that is open */
static int closes, close_code, messages, running, most_running;
static char close_reason[128], order[256];
static int hold; /* on_message waits while it is set */
static struct task *held;
static int arrivals_taken;
static bb_err accept_result, last_send;
static int echo_user;

static void on_message(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        assert_ptr_equal(user, &echo_user);
        running++;
        if (running > most_running)
                most_running = running;
        messages++;
        if (data.len == 1)
                strncat(order, data.ptr, 1);
        while (hold) {
                held = task_current();
                if (task_park(-1) < 0)
                        break;
                held = NULL;
        }
        last_send = websocket_send(ws, kind, data);
        running--;
}

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)ws;
        (void)user;
        (void)kind;
        if (data.len < 4 || memcmp(data.ptr, "take", 4) != 0)
                return 0;
        arrivals_taken++;
        return 1;
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        assert_ptr_equal(user, &echo_user);
        closes++;
        close_code = code;
        snprintf(close_reason, sizeof(close_reason), "%.*s", BB_FMT(reason));
        if (server_ws == ws)
                server_ws = NULL;
}

static const struct bb_ws_handler echo = {.size = sizeof(echo),
                                          .subprotocol = "ocpp1.6",
                                          .on_arrival = on_arrival,
                                          .on_message = on_message,
                                          .on_close = on_close};
static struct bb_ws_handler custom; /* of /custom */

static void plan(struct http_request *req, struct http_plan *ret, void *arg)
{
        (void)req;
        (void)arg;
        ret->websocket = 1;
}

static void handle(struct http_request *req, void *arg)
{
        const struct bb_ws_handler *h = bb_str_is(req->target, "/custom") ? &custom : &echo;
        bb_plugin_ref *who = bb_str_is(req->target, "/b") ? PLUGIN_B : PLUGIN_A;

        (void)arg;
        if (bb_str_is(req->target, "/plain")) {
                http_reply(req, 403, NULL, 0, BB_STR("no sockets here"));
                return;
        }
        accept_result = websocket_accept(req, who, NULL, h, &echo_user, &server_ws);
}

static const struct http_service service = {.plan = plan, .handle = handle};

static int setup(void **state)
{
        int32_t p = 0;

        (void)state;
        server_ws = NULL;
        closes = close_code = messages = running = most_running = hold = arrivals_taken = 0;
        close_reason[0] = order[0] = 0;
        held = NULL;
        custom = echo;
        log_capture(quiet_log, NULL);
        assert_int_equal(loop_init(1), BB_OK);
        assert_int_equal(http_listen("127.0.0.1:0", NULL, &service, NULL, &listener, &p), BB_OK);
        port = p;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        hold = 0;
        if (held != NULL)
                task_wake(held);
        http_listener_free(listener);
        TURN_UNTIL(task_count() == 0);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
        turn_for(50);
        loop_close();
        log_capture(NULL, NULL);
        return 0;
}

/* --- a client of raw frames --- */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" /* RFC 6455 §1.3 */
#define UPGRADE "Host: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"

static void add_header(struct buf *b, int first, int masked, size_t len)
{
        buf_add_char(b, (char)first);
        if (len < 126) {
                buf_add_char(b, (char)(masked << 7 | (int)len));
                return;
        }
        if (len < 65536) {
                buf_add_char(b, (char)(masked << 7 | 126));
        } else {
                buf_add_char(b, (char)(masked << 7 | 127));
                for (int shift = 56; shift >= 16; shift -= 8)
                        buf_add_char(b, (char)(len >> shift));
        }
        buf_add_char(b, (char)(len >> 8));
        buf_add_char(b, (char)len);
}

/* `first` is the first byte: FIN, reserved bits, opcode. */
static void add_frame(struct buf *b, int first, const void *data, size_t len)
{
        static const char mask[4] = {0x12, 0x34, 0x56, 0x78};

        add_header(b, first, 1, len);
        buf_add(b, mask, 4);
        for (size_t i = 0; i < len; i++)
                buf_add_char(b, (char)(((const char *)data)[i] ^ mask[i % 4]));
}

static void send_frame(struct peer *p, int first, const void *data, size_t len)
{
        struct buf b = {0};

        add_frame(&b, first, data, len);
        peer_send(p, b.ptr, b.len);
        buf_free(&b);
}

static void send_text(struct peer *p, const char *text)
{
        send_frame(p, 0x81, text, strlen(text));
}

struct frame {
        int first;
        size_t len;
        const char *data;
};

/* Takes the first frame off the input; 0: none came. */
static int next_frame(struct peer *p, struct frame *ret, struct buf *ret_data)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;

        for (;;) {
                const uint8_t *in = (const uint8_t *)p->in.ptr;
                size_t head = 2, len;

                if (p->in.len >= 2 && (in[1] & 0x7f) >= 126)
                        head = (in[1] & 0x7f) == 126 ? 4 : 10;
                if (p->in.len >= head) {
                        assert_int_equal(in[1] & 0x80, 0); /* a server does not mask */
                        len = in[1];
                        if (head > 2)
                                len = 0;
                        for (size_t i = 2; i < head; i++)
                                len = len << 8 | in[i];
                        if (p->in.len >= head + len) {
                                ret->first = in[0];
                                ret->len = len;
                                ret_data->len = 0;
                                buf_add(ret_data, in + head, len);
                                buf_add_char(ret_data, 0);
                                ret->data = ret_data->ptr;
                                memmove(p->in.ptr, p->in.ptr + head + len, p->in.len - head - len);
                                p->in.len -= head + len;
                                return 1;
                        }
                }
                if (p->eof || time_mono_ms() > end)
                        return 0;
                loop_turn(5);
                peer_take(p);
        }
}

static struct buf frame_data;

static void expect_frame(struct peer *p, int first, const char *data, size_t len)
{
        struct frame f;

        assert_true(next_frame(p, &f, &frame_data));
        assert_int_equal(f.first, first);
        assert_int_equal(f.len, len);
        assert_memory_equal(f.data, data, len);
}

static void expect_text(struct peer *p, const char *text)
{
        expect_frame(p, 0x81, text, strlen(text));
}

/* Also that the connection then ends, and in good order. */
static void expect_close(struct peer *p, int code)
{
        const char payload[2] = {(char)(code >> 8), (char)code};

        expect_frame(p, 0x88, payload, code != 0 ? 2 : 0);
        assert_true(peer_await_end(p));
        assert_false(p->reset);
        assert_int_equal(p->in.len, 0);
}

static struct peer ws_open_with(const char *path, const char *more, int receive_buffer)
{
        struct peer p = peer_connect_with(port, receive_buffer);
        struct buf b = {0};
        char *end;

        buf_print(&b, "GET %s HTTP/1.1\r\n" UPGRADE KEY "%s\r\n", path, more);
        peer_send(&p, b.ptr, b.len);
        buf_free(&b);
        assert_true(peer_await(&p, "\r\n\r\n"));
        assert_int_equal(peer_status(&p), 101);
        assert_true(peer_has(&p, ACCEPT));
        end = (char *)memmem(p.in.ptr, p.in.len, "\r\n\r\n", 4) + 4;
        p.in.len -= (size_t)(end - p.in.ptr);
        memmove(p.in.ptr, end, p.in.len);
        assert_non_null(server_ws);
        return p;
}

static struct peer ws_open(const char *path)
{
        return ws_open_with(path, "", 0);
}

static void ws_finish(struct peer *p)
{
        peer_close(p);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
}

/* --- the handshake --- */

static const struct {
        const char *request;
        int status;
        const char *answer;
} handshakes[] = {
        {"GET / HTTP/1.1\r\n" UPGRADE KEY "\r\n", 101, "Upgrade: websocket\r\nConnection: Upgrade\r\n"},
        {"GET / HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n", 101,
         "Sec-WebSocket-Protocol: ocpp1.6\r\n"},
        {"GET / HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Protocol: ocpp2.0, ocpp1.6\r\n\r\n", 101,
         "Sec-WebSocket-Protocol: ocpp1.6\r\n"},
        {"GET / HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 101, ACCEPT},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: foo, WebSocket\r\nConnection: keep-alive, UPGRADE\r\n"
         "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
         101, ACCEPT},
        {"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 426, "Sec-WebSocket-Version: 13\r\n"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426,
         "Upgrade: websocket\r\n"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
         "8\r\n" KEY "\r\n",
         426, "Sec-WebSocket-Version: 13\r\n"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY "\r\n", 426, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY "\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n"
         "Sec-WebSocket-Version: 13\r\n" KEY "\r\n",
         400, NULL},
        {"GET / HTTP/1.1\r\n" UPGRADE "\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\n" UPGRADE KEY KEY "\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25!ZQ==\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n\r\n", 400, NULL},
        {"POST / HTTP/1.1\r\n" UPGRADE KEY "\r\n", 400, NULL},
        {"GET / HTTP/1.0\r\n" UPGRADE KEY "\r\n", 400, NULL},
        {"GET /plain HTTP/1.1\r\n" UPGRADE KEY "\r\n", 403, "no sockets here"},
};

static void test_handshakes(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(handshakes); i++) {
                struct peer p = peer_connect(port);

                peer_say(&p, handshakes[i].request);
                peer_await(&p, handshakes[i].status == 403 ? "here" : "\r\n\r\n");
                if (peer_status(&p) != handshakes[i].status ||
                    (handshakes[i].answer != NULL && !peer_has(&p, handshakes[i].answer)))
                        fail_msg("handshake %zu: %sgot: %.*s", i, handshakes[i].request, BB_FMT(peer_text(&p)));
                if (handshakes[i].status == 101) {
                        assert_false(peer_has(&p, "Extensions"));
                        assert_int_equal(peer_has(&p, "Sec-WebSocket-Protocol"),
                                         strstr(handshakes[i].request, "Sec-WebSocket-Protocol") != NULL);
                }
                ws_finish(&p);
        }
}

/* A refused upgrade leaves an ordinary connection behind. */
static void test_after_a_refusal(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "426 Upgrade Required"));
        assert_int_equal(accept_result, BB_E_PROTOCOL);
        p.in.len = 0;
        peer_say(&p, "GET /plain HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await(&p, "no sockets here"));
        peer_close(&p);
}

/* --- messages --- */

static void test_echo(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        assert_string_equal(websocket_remote(server_ws).ptr, "127.0.0.1");
        send_text(&p, "hello");
        expect_text(&p, "hello");
        send_frame(&p, 0x82, "\x00\xff\xfe", 3);
        expect_frame(&p, 0x82, "\x00\xff\xfe", 3);
        send_text(&p, "");
        expect_text(&p, "");
        send_text(&p, "κόσμε");
        expect_text(&p, "κόσμε");
        send_frame(&p, 0x88,
                   "\x03\xe8"
                   "bye",
                   5);
        expect_close(&p, 1000);
        ws_finish(&p);
        assert_int_equal(closes, 1);
        assert_int_equal(close_code, 1000);
        assert_string_equal(close_reason, "bye");
}

static void test_sizes(void **state)
{
        static const size_t sizes[] = {125, 126, 127, 128, 65535, 65536, 65537, 1024 * 1024};
        struct peer p = ws_open("/");
        char *data = malloc(1024 * 1024);

        (void)state;
        memset(data, '*', 1024 * 1024);
        for (size_t i = 0; i < BB_COUNT(sizes); i++) {
                send_frame(&p, 0x82, data, sizes[i]);
                expect_frame(&p, 0x82, data, sizes[i]);
        }
        free(data);
        ws_finish(&p);
        assert_int_equal(close_code, 1006);
}

static void test_byte_by_byte(void **state)
{
        struct peer p = ws_open("/");
        struct buf b = {0};

        (void)state;
        add_frame(&b, 0x01, "frag", 4);
        add_frame(&b, 0x89, "ping", 4);
        add_frame(&b, 0x80, "ment", 4);
        for (int i = 0; i < 300; i++)
                buf_add_char(&b, 0);
        b.len -= 300;
        for (size_t i = 0; i < b.len; i++)
                peer_send(&p, b.ptr + i, 1);
        expect_frame(&p, 0x8a, "ping", 4);
        expect_text(&p, "fragment");
        buf_free(&b);
        ws_finish(&p);
}

static void test_fragments(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        send_frame(&p, 0x01, "a", 1);
        send_frame(&p, 0x00, "", 0);
        send_frame(&p, 0x89, "x", 1); /* control frames may come between */
        send_frame(&p, 0x00, "b", 1);
        send_frame(&p, 0x8a, "unasked", 7);
        send_frame(&p, 0x80, "c", 1);
        expect_frame(&p, 0x8a, "x", 1);
        expect_text(&p, "abc");
        /* A character may be cut in two by fragments. */
        send_frame(&p, 0x01, "\xce", 1);
        send_frame(&p, 0x80, "\xba", 1);
        expect_text(&p, "κ");
        ws_finish(&p);
}

static void test_ping(void **state)
{
        struct peer p = ws_open("/");
        char data[125];

        (void)state;
        memset(data, 'p', sizeof(data));
        send_frame(&p, 0x89, "", 0);
        expect_frame(&p, 0x8a, "", 0);
        send_frame(&p, 0x89, data, sizeof(data));
        expect_frame(&p, 0x8a, data, sizeof(data));
        ws_finish(&p);
}

/* What a peer may not send, and the code that it is told. */
static const struct {
        const char *what;
        int first;
        const char *data;
        size_t len;
        int code;
} violations[] = {
        {"RSV1", 0xc1, "x", 1, 1002},
        {"RSV2", 0xa1, "x", 1, 1002},
        {"RSV3", 0x91, "x", 1, 1002},
        {"reserved opcode 3", 0x83, "x", 1, 1002},
        {"reserved opcode 7", 0x87, "", 0, 1002},
        {"reserved control opcode 11", 0x8b, "", 0, 1002},
        {"reserved control opcode 15", 0x8f, "x", 1, 1002},
        {"continuation of nothing", 0x80, "x", 1, 1002},
        {"fragmented ping", 0x09, "x", 1, 1002},
        {"fragmented close", 0x08, "", 0, 1002},
        {"long ping", 0x89,
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "9"
         "0123456789012345",
         126, 1002},
        {"bad UTF-8", 0x81, "a\xff", 2, 1007},
        {"overlong UTF-8", 0x81, "\xc0\xaf", 2, 1007},
        {"surrogate", 0x81, "\xed\xa0\x80", 3, 1007},
        {"cut UTF-8", 0x81, "\xce", 1, 1007},
        {"close of one byte", 0x88, "\x03", 1, 1002},
        {"close code 0", 0x88, "\x00\x00", 2, 1002},
        {"close code 999", 0x88, "\x03\xe7", 2, 1002},
        {"close code 1004", 0x88, "\x03\xec", 2, 1002},
        {"close code 1005", 0x88, "\x03\xed", 2, 1002},
        {"close code 1006", 0x88, "\x03\xee", 2, 1002},
        {"close code 1016", 0x88, "\x03\xf8", 2, 1002},
        {"close code 2000", 0x88, "\x07\xd0", 2, 1002},
        {"close code 5000", 0x88, "\x13\x88", 2, 1002},
        {"bad UTF-8 in a close reason", 0x88, "\x03\xe8\xff", 3, 1007},
        {"close without a code", 0x88, "", 0, 0},
        {"close code 1001", 0x88, "\x03\xe9", 2, 1001},
        {"close code 1012", 0x88, "\x03\xf4", 2, 1012},
        {"close code 1013", 0x88, "\x03\xf5", 2, 1013},
        {"close code 3000", 0x88, "\x0b\xb8", 2, 3000},
        {"close code 4999", 0x88, "\x13\x87", 2, 4999},
};

static void test_violations(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(violations); i++) {
                struct peer p = ws_open("/");

                closes = 0;
                send_frame(&p, violations[i].first, violations[i].data, violations[i].len);
                send_text(&p, "too late"); /* what follows is not looked at */
                print_message("  %s\n", violations[i].what);
                expect_close(&p, violations[i].code);
                ws_finish(&p);
                assert_int_equal(closes, 1);
                assert_int_equal(close_code, violations[i].code != 0 ? violations[i].code : 1005);
                assert_int_equal(messages, 0);
        }
}

static void test_text_inside_a_fragmented_message(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        send_frame(&p, 0x01, "a", 1);
        send_text(&p, "b");
        expect_close(&p, 1002);
        ws_finish(&p);
}

static void test_bad_utf8_fails_early(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        send_frame(&p, 0x01, "good", 4);
        send_frame(&p, 0x00, "\xff", 1); /* the message is not complete yet */
        expect_close(&p, 1007);
        ws_finish(&p);
}

static void test_unmasked(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        peer_send(&p, "\x81\x02hi", 4);
        expect_close(&p, 1002);
        ws_finish(&p);
        assert_int_equal(messages, 0);
}

static void test_wasteful_length(void **state)
{
        static const char frame[] = {(char)0x81, (char)(0x80 | 126), 0, 1, 0, 0, 0, 0, 'x'};
        struct peer p = ws_open("/");

        (void)state;
        peer_send(&p, frame, sizeof(frame));
        expect_close(&p, 1002);
        ws_finish(&p);
}

static void test_too_big(void **state)
{
        struct peer p;
        struct buf b = {0};

        (void)state;
        custom.max_message = 100;
        p = ws_open("/custom");
        add_header(&b, 0x82, 1, 101); /* the header alone is enough */
        buf_add(&b, "\0\0\0\0z", 5);
        peer_send(&p, b.ptr, b.len);
        expect_close(&p, 1009);
        ws_finish(&p);
        p = ws_open("/custom");
        for (int i = 0; i < 10; i++)
                send_frame(&p, i == 0 ? 0x02 : 0x00, "01234567890", 11);
        expect_close(&p, 1009); /* as fragments too */
        ws_finish(&p);
        p = ws_open("/custom");
        send_frame(
                &p, 0x82,
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
                100);
        expect_frame(
                &p, 0x82,
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
                100);
        buf_free(&b);
        ws_finish(&p);
}

/* --- the plugin's side --- */

static void test_order_one_at_a_time(void **state)
{
        struct peer p = ws_open("/");
        struct buf b = {0};

        (void)state;
        for (int i = 0; i < 26; i++)
                add_frame(&b, 0x81, &"abcdefghijklmnopqrstuvwxyz"[i], 1);
        peer_send(&p, b.ptr, b.len);
        TURN_UNTIL(messages == 26);
        assert_string_equal(order, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(most_running, 1);
        buf_free(&b);
        ws_finish(&p);
}

static void test_on_arrival_takes(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        send_text(&p, "take this");
        send_text(&p, "echo this");
        expect_text(&p, "echo this");
        assert_int_equal(arrivals_taken, 1);
        assert_int_equal(messages, 1);
        ws_finish(&p);
}

static void test_reading_stops_when_the_plugin_is_behind(void **state)
{
        struct peer p = ws_open("/");
        static char data[60000];
        struct buf b = {0};
        size_t sent = 0;
        int idle = 0;

        (void)state;
        hold = 1;
        add_frame(&b, 0x82, data, sizeof(data));
        while (idle < 30 && sent < (64u << 20)) {
                ssize_t n = send(p.fd, b.ptr + sent % b.len, b.len - sent % b.len, MSG_NOSIGNAL);

                idle = n > 0 ? 0 : idle + 1;
                sent += n > 0 ? (size_t)n : 0;
                loop_turn(1);
        }
        assert_true(sent < (32u << 20));
        assert_int_equal(messages, 1);
        hold = 0;
        task_wake(held);
        while (sent % b.len != 0) { /* the frame that was begun */
                ssize_t n = send(p.fd, b.ptr + sent % b.len, b.len - sent % b.len, MSG_NOSIGNAL);

                sent += n > 0 ? (size_t)n : 0;
                loop_turn(1);
                peer_take(&p);
        }
        for (size_t i = 0; i < sent / b.len; i++) {
                struct frame f;

                assert_true(next_frame(&p, &f, &frame_data));
                assert_int_equal(f.len, sizeof(data));
        }
        buf_free(&b);
        ws_finish(&p);
}

/* A peer that sends pings and never reads gets no memory of ours. */
static void test_ping_flood(void **state)
{
        struct peer p = ws_open_with("/", "", 4096);
        struct buf b = {0};
        size_t sent = 0;
        int idle = 0;
        char data[120];

        (void)state;
        memset(data, 'f', sizeof(data));
        for (int i = 0; i < 500; i++)
                add_frame(&b, 0x89, data, sizeof(data));
        while (idle < 30 && sent < (64u << 20)) {
                ssize_t n = send(p.fd, b.ptr + sent % b.len, b.len - sent % b.len, MSG_NOSIGNAL);

                idle = n > 0 ? 0 : idle + 1;
                sent += n > 0 ? (size_t)n : 0;
                loop_turn(1);
        }
        assert_true(sent < (32u << 20));
        buf_free(&b);
        ws_finish(&p);
}

static void test_send_limit(void **state)
{
        struct peer p = ws_open_with("/", "", 4096);
        static char data[100000];
        bb_err err = BB_OK;
        int sent = 0;

        (void)state;
        while (err == BB_OK && sent < 1000) {
                err = websocket_send(server_ws, BB_WS_BINARY, (bb_str){.ptr = data, .len = sizeof(data)});
                sent += err == BB_OK;
                loop_turn(0);
        }
        assert_int_equal(err, BB_E_LIMIT);
        assert_in_range(sent, 10, 900);
        for (int i = 0; i < sent; i++) {
                struct frame f;

                assert_true(next_frame(&p, &f, &frame_data));
                assert_int_equal(f.len, sizeof(data));
        }
        assert_int_equal(websocket_send(server_ws, BB_WS_TEXT, BB_STR("again")), BB_OK);
        expect_text(&p, "again");
        assert_int_equal(websocket_send(server_ws, 7, BB_STR("x")), BB_E_INVALID);
        ws_finish(&p);
}

static void test_messages_before_the_close_are_delivered(void **state)
{
        struct peer p = ws_open("/");
        struct buf b = {0};

        (void)state;
        add_frame(&b, 0x81, "a", 1);
        add_frame(&b, 0x81, "b", 1);
        add_frame(&b, 0x88, "\x03\xe8", 2);
        peer_send(&p, b.ptr, b.len);
        peer_close(&p);
        TURN_UNTIL(closes == 1);
        assert_string_equal(order, "ab");
        assert_int_equal(close_code, 1000);
        buf_free(&b);
}

/* Also more of them than the queue holds, and without a close frame. */
static void test_a_burst_before_the_end_is_delivered(void **state)
{
        struct peer p = ws_open("/");
        struct buf b = {0};

        (void)state;
        for (int i = 0; i < 100; i++)
                add_frame(&b, 0x81, "z", 1);
        peer_send(&p, b.ptr, b.len);
        peer_close(&p);
        TURN_UNTIL(closes == 1);
        assert_int_equal(messages, 100);
        assert_int_equal(close_code, 1006);
        buf_free(&b);
}

static void test_cut_without_a_word(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        websocket_close(server_ws, 1006, BB_NONE);
        assert_true(peer_await_end(&p));
        assert_int_equal(p.in.len, 0);
        TURN_UNTIL(closes == 1);
        assert_int_equal(close_code, 1006);
        ws_finish(&p);
}

/* on_close comes after the last on_message, whatever the socket does meanwhile. */
static void test_close_waits_for_the_handler(void **state)
{
        struct peer p = ws_open("/");

        (void)state;
        hold = 1;
        send_text(&p, "a");
        TURN_UNTIL(held != NULL);
        peer_close(&p);
        turn_for(100);
        assert_int_equal(closes, 0);
        hold = 0;
        task_wake(held);
        TURN_UNTIL(closes == 1);
        assert_int_equal(last_send, BB_E_CLOSED);
        assert_int_equal(close_code, 1006);
}

/* --- closing from our side --- */

static void test_server_closes(void **state)
{
        struct peer p = ws_open("/");
        struct frame f;

        (void)state;
        websocket_close(server_ws, 4001, BB_STR("replaced"));
        websocket_close(server_ws, 4002, BB_STR("again")); /* nothing more happens */
        assert_int_equal(websocket_send(server_ws, BB_WS_TEXT, BB_STR("x")), BB_E_CLOSED);
        assert_true(next_frame(&p, &f, &frame_data));
        assert_int_equal(f.first, 0x88);
        assert_memory_equal(f.data, "\x0f\xa1replaced", 10);
        assert_int_equal(closes, 0);
        send_text(&p, "not looked at");
        send_frame(&p, 0x88, "\x0f\xa1", 2);
        assert_true(peer_await_end(&p));
        assert_int_equal(p.in.len, 0);
        ws_finish(&p);
        assert_int_equal(closes, 1);
        assert_int_equal(close_code, 4001);
        assert_int_equal(messages, 0);
}

static void test_peer_never_answers_the_close(void **state)
{
        struct peer p = ws_open("/");
        int64_t began = time_mono_ms();

        (void)state;
        websocket_close(server_ws, 1001, BB_NONE);
        TURN_UNTIL(closes == 1);
        assert_in_range(time_mono_ms() - began, 1000, 9000);
        assert_int_equal(close_code, 1006);
        ws_finish(&p);
}

static void test_long_reason_is_cut_between_characters(void **state)
{
        struct peer p = ws_open("/");
        struct buf reason = {0};
        struct frame f;

        (void)state;
        for (int i = 0; i < 100; i++)
                buf_add_c(&reason, "ä");
        websocket_close(server_ws, 1008, buf_str(&reason));
        assert_true(next_frame(&p, &f, &frame_data));
        assert_int_equal(f.len, 2 + 122);
        buf_free(&reason);
        ws_finish(&p);
}

/* --- pings of ours --- */

static void test_ping_keeps_a_live_peer(void **state)
{
        struct peer p;

        (void)state;
        custom.ping_ms = 100;
        custom.ping_timeout_ms = 80;
        p = ws_open("/custom");
        for (int i = 0; i < 4; i++) {
                struct frame f;

                assert_true(next_frame(&p, &f, &frame_data));
                assert_int_equal(f.first, 0x89);
                send_frame(&p, 0x8a, f.data, f.len);
        }
        assert_int_equal(closes, 0);
        ws_finish(&p);
}

static void test_ping_finds_a_dead_peer(void **state)
{
        struct peer p;

        (void)state;
        custom.ping_ms = 100;
        custom.ping_timeout_ms = 80;
        p = ws_open("/custom");
        TURN_UNTIL(closes == 1);
        assert_int_equal(close_code, 1006);
        ws_finish(&p);
}

static bb_err probe_result;

static void run_probe(void *arg)
{
        probe_result = websocket_probe(server_ws, *(int *)arg);
}

static void spawn(void (*run)(void *), void *arg)
{
        const struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .run = run, .arg = arg};

        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
}

static void test_probe(void **state)
{
        struct peer p = ws_open("/");
        int patience = 5000, little = 100;
        struct frame f;
        char payload[4];

        (void)state;
        probe_result = 1;
        spawn(run_probe, &patience);
        assert_true(next_frame(&p, &f, &frame_data));
        assert_int_equal(f.first, 0x89);
        assert_int_equal(f.len, sizeof(payload));
        memcpy(payload, f.data, sizeof(payload));
        send_frame(&p, 0x8a, "other", 5);
        send_text(&p, "alive");
        expect_text(&p, "alive");
        assert_int_equal(probe_result, 1); /* only its own pong counts */
        send_frame(&p, 0x8a, payload, sizeof(payload));
        TURN_UNTIL(probe_result == BB_OK);
        spawn(run_probe, &little);
        TURN_UNTIL(probe_result == BB_E_TIMEOUT);
        spawn(run_probe, &patience);
        turn_for(30);
        peer_close(&p);
        TURN_UNTIL(probe_result == BB_E_CLOSED);
        ws_finish(&p);
}

/* --- groups and draining --- */

static void test_groups(void **state)
{
        struct peer a = ws_open("/"), b = ws_open("/b"), c = ws_open("/b");
        const char going[2] = {0x03, (char)0xe9};

        (void)state;
        assert_int_equal(websocket_group_count(PLUGIN_A, NULL), 1);
        assert_int_equal(websocket_group_count(PLUGIN_B, NULL), 2);
        websocket_close_group(PLUGIN_B, NULL, 1001);
        expect_frame(&b, 0x88, going, 2);
        expect_frame(&c, 0x88, going, 2);
        send_frame(&b, 0x88, going, 2);
        send_frame(&c, 0x88, going, 2);
        TURN_UNTIL(websocket_group_count(PLUGIN_B, NULL) == 0);
        assert_int_equal(closes, 2);
        send_text(&a, "still here");
        expect_text(&a, "still here");
        peer_close(&b);
        peer_close(&c);
        ws_finish(&a);
}

static void test_drain_is_paced(void **state)
{
        struct peer p[10];
        int64_t began;
        int ended = 0;

        (void)state;
        for (int i = 0; i < 10; i++)
                p[i] = ws_open("/");
        assert_int_equal(http_listener_count(listener), 10);
        began = time_mono_ms();
        http_listener_drain(listener, 20);
        while (ended < 10 && time_mono_ms() - began < 5000) {
                loop_turn(5);
                ended = 0;
                for (int i = 0; i < 10; i++) {
                        peer_take(&p[i]);
                        if (p[i].in.len >= 4 && (uint8_t)p[i].in.ptr[0] == 0x88) {
                                send_frame(&p[i], 0x88, "\x03\xe9", 2);
                                p[i].in.len = 0;
                        }
                        ended += p[i].eof;
                }
        }
        assert_int_equal(ended, 10);
        assert_in_range(time_mono_ms() - began, 300, 3000); /* ten at twenty a second */
        for (int i = 0; i < 10; i++)
                peer_close(&p[i]);
        TURN_UNTIL(http_listener_count(listener) == 0);
        assert_int_equal(closes, 10);
}

/* --- the client --- */

static bb_ws *client_ws;
static bb_err connect_result;
static int32_t connect_status;
static int client_closes, client_close_code;
static struct buf client_got;
static char url[128];
static struct bb_ws_handler client_handler;

static int32_t client_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)ws;
        (void)user;
        buf_print(&client_got, "<%d:", kind);
        buf_add_str(&client_got, data);
        buf_add_c(&client_got, ">");
        return 1;
}

static void client_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)ws;
        (void)user;
        (void)reason;
        client_closes++;
        client_close_code = code;
        client_ws = NULL;
}

static void run_connect(void *arg)
{
        const struct bb_http_header h = {.name = BB_STR("Authorization"), .value = BB_STR("Basic eDp5")};

        (void)arg;
        connect_result = websocket_connect(PLUGIN_B, NULL, bb_cstr(url), &h, 1, NULL, &client_handler, NULL, &client_ws,
                                           &connect_status);
}

static void client_connect(const char *path, const char *subprotocol)
{
        client_handler = (struct bb_ws_handler){.size = sizeof(client_handler),
                                                .subprotocol = subprotocol,
                                                .on_arrival = client_arrival,
                                                .on_close = client_close};
        snprintf(url, sizeof(url), "ws://127.0.0.1:%d%s", port, path);
        client_ws = NULL;
        client_closes = client_close_code = 0;
        client_got.len = 0;
        connect_result = 1;
        spawn(run_connect, NULL);
        TURN_UNTIL(connect_result != 1);
}

static int client_has(const char *text)
{
        return client_got.len > 0 && memmem(client_got.ptr, client_got.len, text, strlen(text)) != NULL;
}

static void test_client_echo(void **state)
{
        (void)state;
        client_connect("/", "ocpp1.6");
        assert_int_equal(connect_result, BB_OK);
        assert_int_equal(connect_status, 101);
        assert_int_equal(websocket_send(client_ws, BB_WS_TEXT, BB_STR("from the client")), BB_OK);
        TURN_UNTIL(client_has("<1:from the client>"));
        assert_int_equal(websocket_send(client_ws, BB_WS_BINARY, BB_STR("")), BB_OK);
        TURN_UNTIL(client_has("<2:>"));
        assert_string_equal(websocket_remote(client_ws).ptr, "127.0.0.1");
        websocket_close(client_ws, 1000, BB_STR("done"));
        TURN_UNTIL(client_closes == 1);
        assert_int_equal(client_close_code, 1000);
        TURN_UNTIL(closes == 1);
        assert_string_equal(close_reason, "done");
}

static void test_client_big_message(void **state)
{
        static char data[900000];
        size_t len = sizeof(data);

        (void)state;
        for (size_t i = 0; i < len; i++)
                data[i] = (char)('a' + i % 26);
        client_connect("/", NULL);
        assert_int_equal(connect_result, BB_OK);
        assert_int_equal(websocket_send(client_ws, BB_WS_TEXT, (bb_str){.ptr = data, .len = len}), BB_OK);
        TURN_UNTIL(client_got.len == len + 4);
        assert_memory_equal(client_got.ptr + 3, data, len);
        websocket_close(server_ws, 1013, BB_NONE);
        TURN_UNTIL(client_closes == 1);
        assert_int_equal(client_close_code, 1013);
}

static void test_client_refused(void **state)
{
        (void)state;
        client_connect("/plain", NULL);
        assert_int_equal(connect_result, BB_E_REJECTED);
        assert_int_equal(connect_status, 403);
        client_connect("/", "unknown"); /* the server does not speak it */
        assert_int_equal(connect_result, BB_E_PROTOCOL);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
        connect_result = 1;
        spawn(run_connect, NULL);
        TURN_UNTIL(connect_result == BB_E_INVALID);
        snprintf(url, sizeof(url), "ws://127.0.0.1:1/");
        spawn(run_connect, NULL);
        TURN_UNTIL(connect_result == BB_E_UNAVAILABLE);
        snprintf(url, sizeof(url), "ws://localhost:%d/", port);
        connect_result = 1;
        client_handler.subprotocol = NULL;
        spawn(run_connect, NULL);
        TURN_UNTIL(connect_result == BB_OK);
        websocket_close(client_ws, 1000, BB_NONE);
        TURN_UNTIL(client_closes == 1);
}

/* A server of raw bytes: it has read the client's handshake when this returns. */
static struct peer raw_server(void)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t len = sizeof(at);
        struct peer p = {.fd = -1};

        assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
        assert_int_equal(listen(fd, 4), 0);
        getsockname(fd, (struct sockaddr *)&at, &len);
        snprintf(url, sizeof(url), "ws://127.0.0.1:%d/", ntohs(at.sin_port));
        connect_result = 1;
        client_handler = (struct bb_ws_handler){
                .size = sizeof(client_handler), .on_arrival = client_arrival, .on_close = client_close};
        client_closes = client_close_code = 0;
        spawn(run_connect, NULL);
        for (int i = 0; i < 1000 && p.fd < 0; i++) {
                loop_turn(5);
                p.fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        assert_true(p.fd >= 0);
        close(fd);
        assert_true(peer_await(&p, "\r\n\r\n"));
        assert_true(peer_has(&p, "Authorization: Basic eDp5\r\n"));
        assert_true(peer_has(&p, "Sec-WebSocket-Version: 13\r\n"));
        return p;
}

void ws_accept_key(bb_str key, char ret[29]);

static void answer_well(struct peer *p, const char *more)
{
        const char *key = (char *)memmem(p->in.ptr, p->in.len, "Sec-WebSocket-Key: ", 19) + 19;
        struct buf b = {0};
        char accept[29];

        ws_accept_key((bb_str){.ptr = key, .len = 24}, accept);
        buf_add_c(&b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        buf_print(&b, "Sec-WebSocket-Accept: %s\r\n%s\r\n", accept, more);
        peer_send(p, b.ptr, b.len);
        buf_free(&b);
        p->in.len = 0;
}

/* `answer` NULL: a right one with `more`. */
static void bad_server(const char *answer, const char *more, bb_err expected)
{
        struct peer p = raw_server();

        if (answer != NULL)
                peer_say(&p, answer);
        else
                answer_well(&p, more);
        shutdown(p.fd, SHUT_WR);
        TURN_UNTIL(connect_result != 1);
        assert_int_equal(connect_result, expected);
        peer_close(&p);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
}

static void test_client_checks_the_server(void **state)
{
        (void)state;
        bad_server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                   "", BB_E_PROTOCOL);
        bad_server("HTTP/1.1 101 Switching Protocols\r\n\r\n", "", BB_E_PROTOCOL);
        bad_server("HTTP/1.1 101\n\n", "", BB_E_PROTOCOL);
        bad_server("SSH-2.0-OpenSSH\r\n\r\n", "", BB_E_PROTOCOL);
        bad_server("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "", BB_E_REJECTED);
        assert_int_equal(connect_status, 302);
        bad_server("HTTP/1.1 101 Swi", "", BB_E_CLOSED);
        bad_server(NULL, "Sec-WebSocket-Extensions: permessage-deflate\r\n", BB_E_PROTOCOL);
        bad_server(NULL, "Sec-WebSocket-Protocol: unasked\r\n", BB_E_PROTOCOL);
}

/* Frames that come in one packet with the handshake's answer are not lost; a masked one breaks the protocol (§5.1). */
static void test_client_refuses_masked_frames(void **state)
{
        struct peer p = raw_server();
        uint8_t *close_frame;

        (void)state;
        answer_well(&p, "");
        peer_send(&p, "\x81\x02hi", 4);
        send_text(&p, "masked");
        TURN_UNTIL(client_closes == 1 || peer_await_bytes(&p, 8));
        assert_string_equal((buf_add_char(&client_got, 0), client_got.ptr), "<1:hi>");
        close_frame = (uint8_t *)p.in.ptr;
        assert_int_equal(close_frame[0], 0x88);
        assert_int_equal(close_frame[1], 0x82); /* the client masks */
        assert_int_equal((close_frame[6] ^ close_frame[2]) << 8 | (close_frame[7] ^ close_frame[3]), 1002);
        peer_close(&p);
        TURN_UNTIL(client_closes == 1);
        assert_int_equal(client_close_code, 1002);
}

static void test_client_group(void **state)
{
        (void)state;
        client_connect("/custom", "ocpp1.6");
        assert_int_equal(connect_result, BB_OK);
        TURN_UNTIL(server_ws != NULL);
        assert_int_equal(websocket_group_count(PLUGIN_B, NULL), 1);
        websocket_close_group(PLUGIN_B, NULL, 1001);
        TURN_UNTIL(client_closes == 1);
        assert_int_equal(client_close_code, 1001);
        TURN_UNTIL(closes == 1);
        assert_int_equal(close_code, 1001);
}

static void test_memory_of_idle_sockets(void **state)
{
        enum { COUNT = 200 };
        static struct peer p[COUNT];

        (void)state;
        for (int i = 0; i < COUNT; i++) {
                p[i] = ws_open("/");
                send_text(&p[i], "warm");
                expect_text(&p[i], "warm");
                buf_free(&p[i].in);
        }
        assert_int_equal(websocket_group_count(PLUGIN_A, NULL), COUNT);
        assert_int_equal(http_listener_count(listener), COUNT);
        for (int i = 0; i < COUNT; i++)
                peer_close(&p[i]);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
        assert_int_equal(closes, COUNT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(test_handshakes),
                T(test_after_a_refusal),
                T(test_echo),
                T(test_sizes),
                T(test_byte_by_byte),
                T(test_fragments),
                T(test_ping),
                T(test_violations),
                T(test_text_inside_a_fragmented_message),
                T(test_bad_utf8_fails_early),
                T(test_unmasked),
                T(test_wasteful_length),
                T(test_too_big),
                T(test_order_one_at_a_time),
                T(test_on_arrival_takes),
                T(test_reading_stops_when_the_plugin_is_behind),
                T(test_ping_flood),
                T(test_send_limit),
                T(test_messages_before_the_close_are_delivered),
                T(test_a_burst_before_the_end_is_delivered),
                T(test_cut_without_a_word),
                T(test_close_waits_for_the_handler),
                T(test_server_closes),
                T(test_peer_never_answers_the_close),
                T(test_long_reason_is_cut_between_characters),
                T(test_ping_keeps_a_live_peer),
                T(test_ping_finds_a_dead_peer),
                T(test_probe),
                T(test_groups),
                T(test_drain_is_paced),
                T(test_client_echo),
                T(test_client_big_message),
                T(test_client_refused),
                T(test_client_checks_the_server),
                T(test_client_refuses_masked_frames),
                T(test_client_group),
                T(test_memory_of_idle_sockets),
        };
        int failed;

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        buf_free(&frame_data);
        buf_free(&client_got);
        return failed;
}
