/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 parser: what it accepts keeps its promises (no control characters, one kind of length, a host), and
 * neither the header block nor a chunked body may depend on where the packets end. With FUZZ_MAIN it is a program that
 * replays the files named on its command line.
 */
#include "base/buf.h"
#include "base/str.h"
#include "net/http1_parse.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
        if (!truth)
                abort();
}

static void check_headers(const struct bb_http_header *h, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                must(http1_is_token(h[i].name));
                must(http1_is_field_value(h[i].value));
                for (size_t k = 0; k < h[i].name.len; k++)
                        must(h[i].name.ptr[k] < 'A' || h[i].name.ptr[k] > 'Z');
        }
}

static void check_request(const struct http1_head *head, const struct bb_http_header *h)
{
        size_t hosts, lengths, codings;

        check_headers(h, head->header_count);
        must(http1_is_token(head->method));
        must(head->target.len > 0 && (head->target.ptr[0] == '/' || bb_str_is(head->target, "*")));
        must(str_find(head->target, ' ') < 0 && str_find(head->target, '#') < 0);
        must(head->minor_version == 0 || head->minor_version == 1);
        must(head->host.len > 0 || head->minor_version == 0);
        must(!(head->chunked && head->content_length >= 0));
        must(!(head->chunked && head->minor_version == 0));
        http1_header(h, head->header_count, "host", &hosts);
        http1_header(h, head->header_count, "content-length", &lengths);
        http1_header(h, head->header_count, "transfer-encoding", &codings);
        must(hosts <= 1 && lengths <= 1 && (codings > 0) == (head->chunked != 0));
}

/* Decodes with pieces of at most `step` bytes. The verdict, what was used, and the body. */
static int32_t decode(bb_str in, size_t step, size_t *ret_used, struct buf *body)
{
        struct http1_chunked c = {0};
        size_t at = 0;

        while (at < in.len) {
                struct http1_fault f;
                size_t used;
                bb_str piece;
                int32_t r = http1_chunked_take(&c, str_sub(in, at, step), &used, &piece, &f);

                must(r < 0 ? f.status >= 400 : used > 0);
                if (r < 0)
                        return -1;
                buf_add_str(body, piece);
                at += used;
                *ret_used = at;
                if (r > 0)
                        return 1;
        }
        return 0;
}

static void check_chunked(bb_str in)
{
        _cleanup_buf_ struct buf a = {0}, b = {0};
        size_t used_a = 0, used_b = 0;
        int32_t r = decode(in, SIZE_MAX, &used_a, &a);

        must(decode(in, 1, &used_b, &b) == r);
        must(a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0));
        must(r <= 0 || used_a == used_b);
}

static ptrdiff_t scan_in_steps(const char *data, size_t len, size_t step, size_t *ret_start, struct http1_fault *f)
{
        struct http1_scan scan = {0};
        ptrdiff_t r = 0;

        for (size_t have = step; r == 0; have += step) {
                r = http1_scan(&scan, data, have < len ? have : len, f);
                if (have >= len)
                        break;
        }
        *ret_start = scan.start;
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct bb_http_header headers[HTTP1_MAX_FIELDS];
        struct http1_fault f = {0}, g = {0};
        struct http1_head head;
        size_t start, start_again;
        ptrdiff_t end, again;
        char *block;

        if (size == 0 || size > 65536)
                return 0;
        check_chunked((bb_str){.ptr = (const char *)data, .len = size});
        end = scan_in_steps((const char *)data, size, size, &start, &f);
        again = scan_in_steps((const char *)data, size, 1, &start_again, &g);
        must(end == again && (end <= 0 || start == start_again));
        if (end < 0)
                must(f.status >= 400 && f.status < 600 && f.status == g.status && f.detail != NULL);
        if (end <= 0)
                return 0;
        block = malloc((size_t)end - start); /* its own, so that reading past it shows */
        must(block != NULL);
        memcpy(block, data + start, (size_t)end - start);
        if (http1_parse_request(block, (size_t)end - start, headers, &head, &f) == 0)
                check_request(&head, headers);
        else
                must(f.status >= 400 && f.status < 600 && f.detail != NULL && f.code != NULL);
        memcpy(block, data + start, (size_t)end - start);
        if (http1_parse_answer(block, (size_t)end - start, headers, &head, &f) == 0)
                check_headers(headers, head.header_count);
        free(block);
        if ((size_t)end < size)
                check_chunked((bb_str){.ptr = (const char *)data + end, .len = size - (size_t)end});
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
