/* SPDX-License-Identifier: Apache-2.0
 *
 * The frames' decoder by itself, with the cases of the Autobahn test suite (its sections 1 to 7, 9 and 10; no
 * compression is offered, so 12 and 13 do not apply). Each stream is taken whole, in pieces of several sizes and byte
 * by byte, by a server and by a client: messages, answers and the code that ends it must always be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "net/ws.h"
#include <cmocka.h>
#include <stdlib.h>

enum { LIMIT = 4 * 1024 * 1024 };

struct result {
        struct buf messages; /* "t:Hello|b:...|" */
        struct buf answers;  /* "pong:x|close:1000|" */
        int32_t code;        /* of what the peer did wrong, or 0 */
};

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct result *r = user;

        (void)ws;
        buf_add_c(&r->messages, kind == BB_WS_TEXT ? "t:" : "b:");
        buf_add_str(&r->messages, data);
        buf_add_char(&r->messages, '|');
        return 1;
}

static const struct bb_ws_handler handler = {.size = sizeof(handler), .max_message = LIMIT, .on_arrival = on_arrival};

/* --- one side's frames --- */

static struct buf stream;
static int from_client;

static void add_head(int first, uint64_t len, int wide)
{
        buf_add_char(&stream, (char)first);
        buf_add_char(&stream, (char)(from_client << 7 | (wide == 8 ? 127 : wide == 2 ? 126 : (int)len)));
        for (int i = wide; i > 0; i--)
                buf_add_char(&stream, (char)(len >> 8 * (i - 1)));
}

static void add_payload(const char *data, size_t len)
{
        static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d}; /* of RFC 6455 §5.7 */

        if (from_client)
                buf_add(&stream, mask, 4);
        for (size_t i = 0; i < len; i++)
                buf_add_char(&stream, (char)(data[i] ^ (from_client ? mask[i % 4] : 0)));
}

static void add_frame(int first, const char *data, size_t len)
{
        add_head(first, len, len > 65535 ? 8 : len > 125 ? 2 : 0);
        add_payload(data, len);
}

/* --- taking them --- */

static void read_answers(bb_str out, int masked, struct buf *ret)
{
        const char *p = out.ptr;
        size_t left = out.len;

        while (left > 0) {
                size_t len = (uint8_t)p[1] & 0x7f, head = masked ? 6 : 2;
                char payload[125];

                assert_int_equal((uint8_t)p[1] >> 7, masked);
                for (size_t i = 0; i < len; i++)
                        payload[i] = (char)(p[head + i] ^ (masked ? p[2 + i % 4] : 0));
                if ((uint8_t)p[0] == 0x88)
                        buf_print(ret, "close:%d", len >= 2 ? (uint8_t)payload[0] << 8 | (uint8_t)payload[1] : 0);
                else
                        buf_print(ret, "pong:%.*s", (int)len, payload);
                buf_add_char(ret, '|');
                p += head + len;
                left -= head + len;
        }
}

/* Another packet came; what was not understood before comes again. */
static int32_t arrive(struct bb_ws *ws, struct buf *unread, const char *data, size_t len)
{
        int32_t code;
        size_t used;

        buf_add(unread, data, len);
        code = ws_take(ws, buf_str(unread), &used);
        assert_true(used <= unread->len);
        unread->len -= used;
        memmove(unread->ptr, unread->ptr + used, unread->len);
        return code;
}

static void take(size_t step, struct result *ret)
{
        struct wire *wire = wire_new(-1, NULL);
        struct bb_ws *ws = ws_new(wire, NULL, NULL, &handler, ret);
        struct buf unread = {0};

        *ret = (struct result){0};
        ws->client = !from_client;
        for (size_t at = 0; at < stream.len && ws->state == WS_OPEN && ret->code == 0; at += step)
                ret->code = arrive(ws, &unread, stream.ptr + at, step < stream.len - at ? step : stream.len - at);
        read_answers(wire_out(wire), !from_client, &ret->answers);
        buf_free(&unread);
        websocket_drop(ws);
        loop_turn(0);
}

static void result_free(struct result *r)
{
        buf_free(&r->messages);
        buf_free(&r->answers);
}

static int is(const struct buf *b, bb_str expected)
{
        return b->len == expected.len && (b->len == 0 || memcmp(b->ptr, expected.ptr, b->len) == 0);
}

/* However the stream is cut. */
static void expect(const char *name, bb_str messages, bb_str answers, int32_t code)
{
        static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7, 997, 1300};

        for (size_t i = 0; i < BB_COUNT(steps); i++) {
                struct result r;

                if (steps[i] < 8 && stream.len > 100000)
                        continue;
                take(steps[i], &r);
                if (r.code != code || !is(&r.messages, messages) || !is(&r.answers, answers))
                        fail_msg("case %s in pieces of %zu from the %s: code %d, messages %.*s, answers %.*s", name,
                                 steps[i], from_client ? "client" : "server", r.code, BB_FMT(buf_str(&r.messages)),
                                 BB_FMT(buf_str(&r.answers)));
                result_free(&r);
        }
}

/* --- sections 2 to 5 and 7: a few frames each --- */

struct part {
        int first; /* FIN, reserved bits, opcode; 0: the end, unless it has data */
        bb_str data;
};

#define F(first, text)                                                                                                 \
        {                                                                                                              \
                first, BB_STR(text)                                                                                    \
        }
#define LONG                                                                                                           \
        "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
        "8"
#define BYTES_123 LONG "90123456789012"
#define BYTES_125 LONG "9012345678901234"

static const struct {
        const char *name;
        struct part parts[14];
        const char *messages, *answers;
        int32_t code;
} cases[] = {
        {"2.1", {F(0x89, "")}, "", "pong:|", 0},
        {"2.2", {F(0x89, "Hello, world!")}, "", "pong:Hello, world!|", 0},
        {"2.3", {F(0x89, "\xff\xfe\xfd\xfc\xfb")}, "", "pong:\xff\xfe\xfd\xfc\xfb|", 0},
        {"2.4 and 2.6", {F(0x89, BYTES_125)}, "", "pong:" BYTES_125 "|", 0},
        {"2.5", {F(0x89, BYTES_125 "x")}, "", "", 1002},
        {"2.7", {F(0x8a, "")}, "", "", 0},
        {"2.8", {F(0x8a, "unsolicited")}, "", "", 0},
        {"2.9", {F(0x8a, "unsolicited"), F(0x89, "ping")}, "", "pong:ping|", 0},
        {"2.10 and 2.11",
         {F(0x89, "0"), F(0x89, "1"), F(0x89, "2"), F(0x89, "3"), F(0x89, "4"), F(0x89, "5"), F(0x89, "6"),
          F(0x89, "7"), F(0x89, "8"), F(0x89, "9")},
         "",
         "pong:0|pong:1|pong:2|pong:3|pong:4|pong:5|pong:6|pong:7|pong:8|pong:9|",
         0},
        {"3.1", {F(0xc1, "Hello")}, "", "", 1002},
        {"3.2", {F(0x81, "Hello"), F(0xa1, "Hello"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"3.3", {F(0x81, "Hello"), F(0xb1, "Hello"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"3.4", {F(0x81, "Hello"), F(0xc1, "Hello"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"3.5", {F(0xd2, "\xff\xfe")}, "", "", 1002},
        {"3.6", {F(0xe9, "Hello")}, "", "", 1002},
        {"3.7", {F(0xf8, "")}, "", "", 1002},
        {"4.1.1", {F(0x83, "")}, "", "", 1002},
        {"4.1.2", {F(0x84, "x")}, "", "", 1002},
        {"4.1.3", {F(0x81, "Hello"), F(0x85, ""), F(0x89, "")}, "t:Hello|", "", 1002},
        {"4.1.4", {F(0x81, "Hello"), F(0x86, "x"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"4.1.5", {F(0x81, "Hello"), F(0x87, "x"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"4.2.1", {F(0x8b, "")}, "", "", 1002},
        {"4.2.2", {F(0x8c, "x")}, "", "", 1002},
        {"4.2.3", {F(0x81, "Hello"), F(0x8d, ""), F(0x89, "")}, "t:Hello|", "", 1002},
        {"4.2.4", {F(0x81, "Hello"), F(0x8e, "x"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"4.2.5", {F(0x81, "Hello"), F(0x8f, "x"), F(0x89, "")}, "t:Hello|", "", 1002},
        {"5.1", {F(0x09, "frag"), F(0x80, "ment")}, "", "", 1002},
        {"5.2", {F(0x0a, "frag"), F(0x80, "ment")}, "", "", 1002},
        {"5.3 to 5.5", {F(0x01, "frag"), F(0x80, "ment")}, "t:fragment|", "", 0},
        {"5.6 to 5.8", {F(0x01, "frag"), F(0x89, "ping"), F(0x80, "ment")}, "t:fragment|", "pong:ping|", 0},
        {"5.9 to 5.11", {F(0x80, "nothing to continue"), F(0x81, "Hello")}, "", "", 1002},
        {"5.12 to 5.14", {F(0x00, "nothing to continue"), F(0x81, "Hello")}, "", "", 1002},
        {"5.15",
         {F(0x01, "frag"), F(0x80, "ment"), F(0x00, "nothing to continue"), F(0x81, "Hello")},
         "t:fragment|",
         "",
         1002},
        {"5.16", {F(0x00, "nothing"), F(0x01, "frag"), F(0x80, "ment")}, "", "", 1002},
        {"5.17", {F(0x80, "nothing"), F(0x01, "frag"), F(0x80, "ment")}, "", "", 1002},
        {"5.18", {F(0x01, "frag"), F(0x81, "ment")}, "", "", 1002},
        {"5.19 and 5.20",
         {F(0x01, "1"), F(0x00, "2"), F(0x89, "a"), F(0x00, "3"), F(0x00, "4"), F(0x89, "b"), F(0x80, "5")},
         "t:12345|",
         "pong:a|pong:b|",
         0},
        {"a message of no bytes in fragments", {F(0x02, ""), F(0x00, ""), F(0x80, "")}, "b:|", "", 0},
        {"6.1.2", {F(0x01, ""), F(0x00, ""), F(0x80, "")}, "t:|", "", 0},
        {"6.1.3", {F(0x01, ""), F(0x00, "middle"), F(0x80, "")}, "t:middle|", "", 0},
        {"6.4.1",
         {F(0x01, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), F(0x00, "\xf4\x90\x80\x80"), F(0x80, "edited")},
         "",
         "",
         1007},
        {"6.4.2", {F(0x01, "\xce\xba\xf4"), F(0x00, "\x90"), F(0x80, "")}, "", "", 1007},
        {"a character over three fragments",
         {F(0x01, "\xf0\x9f"), F(0x00, "\x94"), F(0x89, "p"), F(0x80, "\x8c!")},
         "t:\xf0\x9f\x94\x8c!|",
         "pong:p|",
         0},
        {"a character that the message ends in", {F(0x01, "ab\xe2"), F(0x80, "\x82")}, "", "", 1007},
        {"a fresh message after it", {F(0x01, "\xc3"), F(0x80, "\xbc"), F(0x81, "a")}, "t:\xc3\xbc|t:a|", "", 0},
        {"7.1.1", {F(0x81, "Hello"), F(0x88, "\x03\xe8")}, "t:Hello|", "close:1000|", 0},
        {"7.1.2", {F(0x88, "\x03\xe8"), F(0x88, "\x03\xe8")}, "", "close:1000|", 0},
        {"7.1.3", {F(0x88, "\x03\xe8"), F(0x89, "after")}, "", "close:1000|", 0},
        {"7.1.4", {F(0x88, "\x03\xe8"), F(0x81, "after")}, "", "close:1000|", 0},
        {"7.1.5", {F(0x01, "frag"), F(0x88, "\x03\xe8"), F(0x80, "ment")}, "", "close:1000|", 0},
        {"7.3.1", {F(0x88, "")}, "", "close:0|", 0},
        {"7.3.2", {F(0x88, "a")}, "", "", 1002},
        {"7.3.4", {F(0x88, "\x03\xe8Hello World!")}, "", "close:1000|", 0},
        {"7.3.5", {F(0x88, "\x03\xe8" BYTES_123)}, "", "close:1000|", 0},
        {"7.3.6", {F(0x88, "\x03\xe8" BYTES_123 "x")}, "", "", 1002},
        {"7.5.1", {F(0x88, "\x03\xe8\xce\xba\xed\xa0\x80")}, "", "", 1007},
};

static void test_cases(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                stream.len = 0;
                for (const struct part *p = cases[i].parts; p->data.ptr != NULL; p++)
                        add_frame(p->first, p->data.ptr, p->data.len);
                expect(cases[i].name, bb_cstr(cases[i].messages), bb_cstr(cases[i].answers), cases[i].code);
        }
}

/* --- 7.7, 7.9, 7.13: every close code --- */

static int is_allowed(int code)
{
        return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code < 5000);
}

static void test_close_codes(void **state)
{
        static const int codes[] = {0,    999,  1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007,
                                    1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1100,
                                    2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(codes); i++) {
                const char payload[2] = {(char)(codes[i] >> 8), (char)codes[i]};
                char name[32], answer[32];

                stream.len = 0;
                add_frame(0x88, payload, 2);
                snprintf(name, sizeof(name), "close code %d", codes[i]);
                snprintf(answer, sizeof(answer), is_allowed(codes[i]) ? "close:%d|" : "", codes[i]);
                expect(name, BB_STR(""), bb_cstr(answer), is_allowed(codes[i]) ? 0 : 1002);
        }
}

/* --- section 6: UTF-8 --- */

static const struct {
        const char *name, *text;
        int valid;
} texts[] = {
        {"6.2", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", 1},
        {"6.3", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64", 0},
        {"6.5", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 1},
        {"6.7 U+0080", "\xc2\x80", 1},
        {"6.7 U+0800", "\xe0\xa0\x80", 1},
        {"6.7 U+10000", "\xf0\x90\x80\x80", 1},
        {"6.8 five bytes", "\xf8\x88\x80\x80\x80", 0},
        {"6.8 six bytes", "\xfc\x84\x80\x80\x80\x80", 0},
        {"6.9 U+07FF", "\xdf\xbf", 1},
        {"6.9 U+FFFF", "\xef\xbf\xbf", 1},
        {"6.9 U+10FFFF", "\xf4\x8f\xbf\xbf", 1},
        {"6.10 U+1FFFFF", "\xf7\xbf\xbf\xbf", 0},
        {"6.11 U+D7FF", "\xed\x9f\xbf", 1},
        {"6.11 U+E000", "\xee\x80\x80", 1},
        {"6.11 U+110000", "\xf4\x90\x80\x80", 0},
        {"6.12 80", "\x80", 0},
        {"6.12 BF", "\xbf", 0},
        {"6.12 80 BF", "\x80\xbf", 0},
        {"6.13 C0", "\xc0 ", 0},
        {"6.13 C3", "\xc3 ", 0},
        {"6.13 E2", "\xe2 ", 0},
        {"6.13 F0", "\xf0 ", 0},
        {"6.14 C3", "abcdefgh\xc3", 0},
        {"6.14 E2 82", "abcdefgh\xe2\x82", 0},
        {"6.14 F0 9F 94", "abcdefgh\xf0\x9f\x94", 0},
        {"6.16 FE", "\xfe", 0},
        {"6.16 FF", "\xff", 0},
        {"6.17 C0 AF", "\xc0\xaf", 0},
        {"6.17 E0 80 AF", "\xe0\x80\xaf", 0},
        {"6.17 F0 80 80 AF", "\xf0\x80\x80\xaf", 0},
        {"6.18 C1 BF", "\xc1\xbf", 0},
        {"6.18 E0 9F BF", "\xe0\x9f\xbf", 0},
        {"6.18 F0 8F BF BF", "\xf0\x8f\xbf\xbf", 0},
        {"6.19 E0 80 80", "\xe0\x80\x80", 0},
        {"6.20 U+D800", "\xed\xa0\x80", 0},
        {"6.20 U+DFFF", "\xed\xbf\xbf", 0},
        {"6.21 a surrogate pair", "\xed\xa0\x80\xed\xb0\x80", 0},
        {"6.22 U+FFFE", "\xef\xbf\xbe", 1},
        {"6.22 U+1FFFE", "\xf0\x9f\xbf\xbe", 1},
        {"6.22 U+10FFFE", "\xf4\x8f\xbf\xbe", 1},
        {"6.23 U+FFFD", "\xef\xbf\xbd", 1},
        {"behind eight of ASCII",
         "abcdefgh\xc3\xbc"
         "abcdefg\xe2\x82\xac",
         1},
        {"a bad one behind eight of ASCII", "abcdefghijklmnop\xff", 0},
};

static void test_utf8(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                struct buf good = {0};
                bb_str text = bb_cstr(texts[i].text);

                buf_print(&good, texts[i].valid ? "t:%s|" : "", texts[i].text);
                stream.len = 0;
                add_frame(0x81, text.ptr, text.len);
                expect(texts[i].name, buf_str(&good), BB_STR(""), texts[i].valid ? 0 : 1007);
                /* And a fragment for each byte. */
                stream.len = 0;
                for (size_t k = 0; k < text.len; k++)
                        add_frame((k == 0 ? 0x01 : 0x00) | (k + 1 == text.len ? 0x80 : 0), text.ptr + k, 1);
                expect(texts[i].name, buf_str(&good), BB_STR(""), texts[i].valid ? 0 : 1007);
                buf_free(&good);
        }
}

/* Against the other decoder of the house: every byte at every place of a text. */
static void test_utf8_every_byte(void **state)
{
        char text[20];
        size_t len = 0;

        (void)state;
        for (int at = 0; at < 12; at++) {
                for (int byte = 0; byte < 256; byte++) {
                        struct ws_utf8 u = {0};
                        int good;

                        memcpy(text, "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x8c+z", 12);
                        len = 12;
                        text[at] = (char)byte;
                        good = ws_utf8_feed(&u, text, len) && u.need == 0;
                        assert_int_equal(good, str_utf8_valid((bb_str){.ptr = text, .len = len}));
                }
        }
}

/* 6.4: at the first wrong byte, with the rest of the frame still to come. */
static void test_bad_text_fails_at_once(void **state)
{
        struct result r;

        (void)state;
        stream.len = 0;
        add_head(0x01, 20000, 2);
        add_payload("good\xff", 5);
        take(SIZE_MAX, &r);
        assert_int_equal(r.code, 1007);
        result_free(&r);
}

/* --- sections 1, 9 and 10: sizes --- */

static void expect_size(int opcode, size_t len, size_t fragment)
{
        struct buf good = {0};
        char name[64], *data = malloc(len + 1);

        assert_non_null(data);
        for (size_t i = 0; i < len; i++)
                data[i] = (char)('*' + i % 64);
        snprintf(name, sizeof(name), "%zu bytes in frames of %zu", len, fragment);
        stream.len = 0;
        for (size_t at = 0; at == 0 || at < len; at += fragment) {
                size_t part = fragment < len - at ? fragment : len - at;

                add_frame((at == 0 ? opcode : 0) | (at + part == len ? 0x80 : 0), data + at, part);
        }
        buf_add_c(&good, opcode == 1 ? "t:" : "b:");
        buf_add(&good, data, len);
        buf_add_char(&good, '|');
        expect(name, buf_str(&good), BB_STR(""), 0);
        buf_free(&good);
        free(data);
}

static void test_sizes(void **state)
{
        static const size_t sizes[] = {0, 1, 7, 8, 9, 125, 126, 127, 128, 65535, 65536, 65537, 262144};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(sizes); i++) {
                expect_size(1, sizes[i], SIZE_MAX);
                expect_size(2, sizes[i], SIZE_MAX);
        }
        expect_size(1, 65536, 1300); /* 10.1.1 */
        expect_size(2, LIMIT, SIZE_MAX);
        for (size_t fragment = 64; fragment <= 262144; fragment *= 8)
                expect_size(2, 524288, fragment); /* 9.3, 9.4 */
}

/* Refused from the header: not one byte of the payload is there yet. */
static void test_too_big(void **state)
{
        (void)state;
        stream.len = 0;
        add_head(0x82, LIMIT + 1, 8);
        add_payload("", 0);
        expect("one byte too many", BB_STR(""), BB_STR(""), 1009);
        stream.len = 0;
        add_head(0x81, INT64_MAX, 8);
        add_payload("", 0);
        expect("2^63-1 bytes", BB_STR(""), BB_STR(""), 1009);
        stream.len = 0;
        add_frame(0x01, "1234", 4);
        add_head(0x80, LIMIT - 3, 8);
        add_payload("", 0);
        expect("together too many", BB_STR(""), BB_STR(""), 1009);
}

/* --- headers that lie (§5.1, §5.2) --- */

static void test_lengths(void **state)
{
        static const struct {
                uint64_t len;
                int wide;
        } wrong[] = {{0, 2}, {125, 2}, {0, 8}, {125, 8}, {126, 8}, {65535, 8}, {1ull << 63, 8}, {UINT64_MAX, 8}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(wrong); i++) {
                stream.len = 0;
                add_head(0x82, wrong[i].len, wrong[i].wide);
                add_payload("", 0);
                expect("a length not as short as it could be, or with the highest bit", BB_STR(""), BB_STR(""), 1002);
        }
}

static void test_masks(void **state)
{
        (void)state;
        stream.len = 0;
        add_frame(0x81, "right", 5);
        from_client = !from_client;
        add_frame(0x81, "wrong", 5);
        from_client = !from_client;
        expect("masked by a server, or not by a client", BB_STR("t:right|"), BB_STR(""), 1002);
}

static void test_mask_at_every_phase(void **state)
{
        static const uint8_t mask[4] = {1, 2, 4, 0x80};
        char from[40], to[40];

        (void)state;
        for (size_t i = 0; i < sizeof(from); i++)
                from[i] = (char)i;
        for (size_t phase = 0; phase < 8; phase++) {
                for (size_t len = 0; len <= sizeof(from); len++) {
                        int32_t ascii = 1;

                        memset(to, 0x55, sizeof(to));
                        int32_t told = ws_mask(to, from, len, mask, phase);

                        for (size_t i = 0; i < len; i++) {
                                assert_int_equal((uint8_t)to[i], i ^ mask[(phase + i) % 4]);
                                ascii &= (uint8_t)to[i] < 0x80;
                        }
                        assert_int_equal(told, ascii);
                        if (len < sizeof(to))
                                assert_int_equal(to[len], 0x55);
                }
        }
}

/* --- memory --- */

/* Nothing is kept between two messages. */
static void test_memory(void **state)
{
        struct result r = {0};
        struct buf unread = {0};
        struct bb_ws *ws = ws_new(wire_new(-1, NULL), NULL, NULL, &handler, &r);

        (void)state;
        ws->client = !from_client;
        stream.len = 0;
        add_frame(0x81, "whole", 5);
        add_frame(0x01, "two ", 4);
        add_frame(0x80, "parts", 5);
        for (size_t at = 0; at < stream.len; at++)
                assert_int_equal(arrive(ws, &unread, stream.ptr + at, 1), 0);
        assert_true(is(&r.messages, BB_STR("t:whole|t:two parts|")));
        assert_null(ws->rx);
        assert_int_equal(unread.len, 0);
        buf_free(&unread);
        websocket_drop(ws);
        loop_turn(0);
        result_free(&r);
}

/* --- both sides --- */

static int setup(void **state)
{
        (void)state;
        from_client = 1;
        return loop_init(1) == BB_OK ? 0 : -1;
}

static int setup_client(void **state)
{
        int r = setup(state);

        from_client = 0;
        return r;
}

static int teardown(void **state)
{
        (void)state;
        loop_close();
        return 0;
}

#define BOTH(f)                                                                                                        \
        cmocka_unit_test_setup_teardown(f, setup, teardown),                                                           \
        {                                                                                                              \
                "client: " #f, f, setup_client, teardown, NULL                                                         \
        }

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                BOTH(test_cases),
                BOTH(test_close_codes),
                BOTH(test_utf8),
                BOTH(test_bad_text_fails_at_once),
                BOTH(test_sizes),
                BOTH(test_too_big),
                BOTH(test_lengths),
                BOTH(test_masks),
                BOTH(test_memory),
                cmocka_unit_test(test_utf8_every_byte),
                cmocka_unit_test(test_mask_at_every_phase),
        };
        int failed;

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        log_set_level(BB_ERROR);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        buf_free(&stream);
        return failed;
}
