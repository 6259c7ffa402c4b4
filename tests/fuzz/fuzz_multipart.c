/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of files in forms: whatever the body, cut in two places it must give the same file as whole. The first
 * bytes say where, the next line is the content type.
 *
 * fuzz-sources: plugins/ocpp16/multipart.c
 */
#include "base/arena.h"
#include "multipart.h"
#include <busbar/rt.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST (64 * 1024)

struct result {
        int32_t verdict, found;
        size_t len;
        char bytes[MOST];
};

static void feed(struct multipart *m, bb_str piece, struct result *r)
{
        bb_str data;

        if (r->verdict == MULTIPART_BAD)
                return;
        multipart_feed(m, piece);
        while ((r->verdict = multipart_next(m, &data)) == MULTIPART_DATA) {
                if (r->len + data.len > MOST)
                        abort(); /* more than was put in */
                memcpy(r->bytes + r->len, data.ptr, data.len);
                r->len += data.len;
        }
        r->found = m->found;
}

static void run(bb_str type, bb_str body, size_t first, struct result *ret)
{
        struct multipart *m = multipart_new(type);

        memset(ret, 0, offsetof(struct result, bytes));
        if (m == NULL)
                return;
        first = first < body.len ? first : body.len;
        feed(m, (bb_str){.ptr = body.ptr, .len = first}, ret);
        feed(m, (bb_str){.ptr = body.ptr + first, .len = body.len - first}, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct result whole, cut;
        bb_str type, body;
        const char *line;
        size_t at;

        if (size < 3 || size > MULTIPART_PIECE)
                return 0;
        at = (size_t)data[0] << 8 | data[1];
        type = (bb_str){.ptr = (const char *)data + 2, .len = size - 2};
        line = memchr(type.ptr, '\n', type.len);
        if (line == NULL)
                return 0;
        body = (bb_str){.ptr = line + 1, .len = type.len - (size_t)(line + 1 - type.ptr)};
        type.len = (size_t)(line - type.ptr);
        arena_current = arena_new("fuzz");
        run(type, body, body.len, &whole);
        run(type, body, body.len > 0 ? at % body.len : 0, &cut);
        if (whole.verdict != cut.verdict && whole.verdict != MULTIPART_BAD && cut.verdict != MULTIPART_BAD)
                abort();
        if (whole.verdict == MULTIPART_END && (whole.len != cut.len || memcmp(whole.bytes, cut.bytes, cut.len) != 0))
                abort();
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
        static uint8_t bytes[MOST];

        for (int i = 1; i < argc; i++) {
                FILE *f = fopen(argv[i], "rb");

                if (f == NULL)
                        return 1;
                LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof(bytes), f));
                fclose(f);
        }
        return 0;
}
#endif
