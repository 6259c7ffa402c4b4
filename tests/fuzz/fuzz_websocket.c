/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving WebSocket frames: the first byte chooses the side and how the rest is cut into packets. Messages are
 * well-formed and within their limit whatever comes; which come, what is answered, and the code that ends it are
 * exactly the same wherever the packets end. With FUZZ_MAIN it is a program that replays the files named on its command
 * line.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "net/ws.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1000 };

struct result {
        struct buf messages, answers; /* pongs and close frames */
        size_t count;
        int32_t code; /* of what the peer did wrong, or 0 */
        int32_t close_code;
        struct buf reason;
};
static int closed;

static void must(int truth)
{
        if (!truth)
                abort();
}

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct result *r = user;

        (void)ws;
        must(kind == BB_WS_TEXT || kind == BB_WS_BINARY);
        must(data.len <= LIMIT);
        must(kind == BB_WS_BINARY || str_utf8_valid(data));
        buf_add_char(&r->messages, (char)kind);
        buf_add_str(&r->messages, data);
        r->count++;
        return 1;
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        struct result *r = user;

        (void)ws;
        must(code >= 1000 && code < 5000);
        must(str_utf8_valid(reason));
        r->close_code = code;
        buf_add_str(&r->reason, reason);
        closed++;
}

/* A client's masks are random: only how much it answers can be told. */
static void keep_answers(const bb_ws *ws, int client, struct result *r)
{
        bb_str out = wire_out(ws->wire);

        buf_print(&r->answers, "%zu:", out.len);
        if (!client)
                buf_add_str(&r->answers, out);
}

static void receive(const uint8_t *data, size_t size, int client, size_t step, struct result *ret)
{
        static const struct bb_ws_handler handler = {
                .size = sizeof(handler), .max_message = LIMIT, .on_arrival = on_arrival, .on_close = on_close};
        struct bb_ws *ws = ws_new(wire_new(-1, NULL), NULL, NULL, &handler, ret);
        struct buf unread = {0};
        int before = closed;
        size_t used;

        ws->client = client != 0;
        for (size_t at = 0; at < size && ws->state == WS_OPEN && ret->code == 0; at += step) {
                buf_add(&unread, data + at, step < size - at ? step : size - at);
                ret->code = ws_take(ws, buf_str(&unread), &used);
                must(used <= unread.len);
                unread.len -= used;
                memmove(unread.ptr, unread.ptr + used, unread.len);
        }
        buf_free(&unread);
        keep_answers(ws, client, ret);
        websocket_drop(ws);
        loop_turn(0);
        must(closed == before + 1);
}

static void start(void)
{
        static int started;

        if (started++)
                return;
        log_set_level(BB_ERROR);
        must(loop_init(1) == BB_OK);
}

static void must_equal(const struct buf *a, const struct buf *b)
{
        must(a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0));
}

static void result_free(struct result *r)
{
        buf_free(&r->messages);
        buf_free(&r->answers);
        buf_free(&r->reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct result whole = {0}, cut = {0};

        if (size < 2 || size > 65536)
                return 0;
        start();
        receive(data + 1, size - 1, data[0] & 1, size, &whole);
        receive(data + 1, size - 1, data[0] & 1, (data[0] >> 1) + 1u, &cut);
        must(whole.code == cut.code && whole.count == cut.count && whole.close_code == cut.close_code);
        must_equal(&whole.messages, &cut.messages);
        must_equal(&whole.answers, &cut.answers);
        must_equal(&whole.reason, &cut.reason);
        result_free(&whole);
        result_free(&cut);
        return 0;
}

#ifdef FUZZ_MAIN
static int replay(const char *path)
{
        char block[4096];
        _cleanup_buf_ struct buf all = {0};
        FILE *f = fopen(path, "rb");
        size_t n;

        if (f == NULL) {
                perror(path);
                return 1;
        }
        while ((n = fread(block, 1, sizeof(block), f)) > 0)
                buf_add(&all, block, n);
        (void)fclose(f);
        return LLVMFuzzerTestOneInput((const uint8_t *)all.ptr, all.len);
}

int main(int argc, char **argv)
{
        int failed = 0;

        for (int i = 1; i < argc; i++)
                failed |= replay(argv[i]);
        return failed;
}
#endif
