/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunked coding (RFC 9112 §7.1), a byte at a time where it is text and in runs where it is data. Sizes are plain
 * hex, extensions are checked and skipped, each chunk's data ends in exactly CRLF, trailers are checked and dropped.
 */
#include "base/str.h"
#include "net/http1_chars.h"
#include "net/http1_parse.h"

enum { MAX_SIZE_DIGITS = 16, MAX_SIZE_LINE = 256, MAX_TRAILER = 4096, MAX_TRAILER_LINES = 32 };

enum {
        SIZE, /* hex digits */
        EXT_NAME_FIRST,
        EXT_NAME,
        EXT_VALUE_FIRST,
        EXT_VALUE,
        EXT_QUOTED,
        EXT_ESCAPE,
        EXT_QUOTE_END,
        SIZE_LF,
        DATA,
        DATA_CR,
        DATA_LF,
        TRAILER_FIRST, /* a trailer's name, or the CR that ends the body */
        TRAILER_NAME,
        TRAILER_VALUE,
        TRAILER_LF,
        LAST_LF,
        DONE
};

static int32_t hex_value(char c)
{
        if (c <= '9')
                return c - '0';
        return (c | 0x20) - 'a' + 10;
}

static int32_t step_size(struct http1_chunked *c, char ch)
{
        if (http1_is(ch, CH_HEX)) {
                c->left = c->left << 4 | (uint64_t)hex_value(ch);
                /* Sixteen digits would not overflow, but no body is that long: what adds to a sum must not wrap. */
                return ++c->digits <= MAX_SIZE_DIGITS && c->left <= (uint64_t)1 << 62 ? SIZE : -1;
        }
        if (c->digits == 0)
                return -1;
        return ch == '\r' ? SIZE_LF : ch == ';' ? EXT_NAME_FIRST : -1;
}

/* What may follow a whole extension. */
static int32_t after_extension(char ch)
{
        return ch == '\r' ? SIZE_LF : ch == ';' ? EXT_NAME_FIRST : -1;
}

static int32_t step_extension(int32_t state, char ch)
{
        int32_t token = http1_is(ch, CH_TOKEN);

        switch (state) {
        case EXT_NAME_FIRST:
                return token ? EXT_NAME : -1;
        case EXT_NAME:
                return token ? EXT_NAME : ch == '=' ? EXT_VALUE_FIRST : after_extension(ch);
        case EXT_VALUE_FIRST:
                return token ? EXT_VALUE : ch == '"' ? EXT_QUOTED : -1;
        case EXT_VALUE:
                return token ? EXT_VALUE : after_extension(ch);
        case EXT_QUOTED:
                return ch == '"' ? EXT_QUOTE_END : ch == '\\' ? EXT_ESCAPE : http1_is(ch, CH_VALUE) ? EXT_QUOTED : -1;
        case EXT_ESCAPE:
                return http1_is(ch, CH_VALUE) ? EXT_QUOTED : -1;
        default: /* EXT_QUOTE_END */
                return after_extension(ch);
        }
}

static int32_t step_trailer(struct http1_chunked *c, char ch)
{
        if (++c->trailer > MAX_TRAILER)
                return -1;
        switch (c->state) {
        case TRAILER_FIRST:
                if (ch == '\r')
                        return LAST_LF;
                return http1_is(ch, CH_TOKEN) && ++c->trailer_lines <= MAX_TRAILER_LINES ? TRAILER_NAME : -1;
        case TRAILER_NAME:
                return http1_is(ch, CH_TOKEN) ? TRAILER_NAME : ch == ':' ? TRAILER_VALUE : -1;
        case TRAILER_VALUE:
                return ch == '\r' ? TRAILER_LF : http1_is(ch, CH_VALUE) ? TRAILER_VALUE : -1;
        default: /* TRAILER_LF */
                return ch == '\n' ? TRAILER_FIRST : -1;
        }
}

static int32_t end_of_size_line(struct http1_chunked *c, char ch)
{
        if (ch != '\n')
                return -1;
        c->line = c->digits = 0;
        return c->left > 0 ? DATA : TRAILER_FIRST;
}

static int32_t step(struct http1_chunked *c, char ch)
{
        if (c->state <= SIZE_LF && ++c->line > MAX_SIZE_LINE)
                return -1;
        if (c->state == SIZE)
                return step_size(c, ch);
        if (c->state < SIZE_LF)
                return step_extension(c->state, ch);
        if (c->state == SIZE_LF)
                return end_of_size_line(c, ch);
        if (c->state == DATA_CR)
                return ch == '\r' ? DATA_LF : -1;
        if (c->state == DATA_LF)
                return ch == '\n' ? SIZE : -1;
        if (c->state == LAST_LF)
                return ch == '\n' ? DONE : -1;
        return step_trailer(c, ch);
}

int32_t http1_chunked_take(struct http1_chunked *c, bb_str in, size_t *ret_used, bb_str *ret_data,
                           struct http1_fault *ret_fault)
{
        size_t at = 0;

        *ret_data = (bb_str){.ptr = in.ptr, .len = 0};
        while (at < in.len && c->state != DATA && c->state != DONE) {
                c->state = step(c, in.ptr[at++]);
                if (c->state < 0) {
                        *ret_fault = (struct http1_fault){400, "bad-request", "the chunked body is ill-formed"};
                        return -1;
                }
        }
        if (c->state == DATA && at < in.len) {
                size_t run = in.len - at < c->left ? in.len - at : (size_t)c->left;

                *ret_data = str_sub(in, at, run);
                at += run;
                c->left -= run;
                if (c->left == 0)
                        c->state = DATA_CR;
        }
        *ret_used = at;
        return c->state == DONE;
}
