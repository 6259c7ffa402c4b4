/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing buffer on the heap, and the writing of JSON strings into it.
 */
#include "base/buf.h"
#include "base/arena.h"
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b)
{
        free(b->ptr);
        *b = (struct buf){.ptr = NULL};
}

void buf_reserve(struct buf *b, size_t more)
{
        size_t room = b->room > 0 ? b->room : 128;

        if (more <= b->room - b->len)
                return;
        while (room - b->len < more && room <= PTRDIFF_MAX / 2)
                room *= 2;
        if (room - b->len < more)
                room = b->len + more; /* too much for the heap: heap_grow ends the process */
        b->ptr = heap_grow(b->ptr, room);
        b->room = room;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
        if (len == 0)
                return;
        buf_reserve(b, len);
        memcpy(b->ptr + b->len, data, len);
        b->len += len;
}

void buf_add_str(struct buf *b, bb_str s)
{
        buf_add(b, s.ptr, s.len);
}

void buf_add_c(struct buf *b, const char *s)
{
        buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
        buf_reserve(b, 1);
        b->ptr[b->len++] = c;
}

void buf_print(struct buf *b, const char *format, ...)
{
        va_list args;
        int n;

        buf_reserve(b, 64);
        va_start(args, format);
        n = vsnprintf(b->ptr + b->len, b->room - b->len, format, args);
        va_end(args);
        if (n < 0)
                return;
        if ((size_t)n >= b->room - b->len) {
                buf_reserve(b, (size_t)n + 1);
                va_start(args, format);
                (void)vsnprintf(b->ptr + b->len, b->room - b->len, format, args);
                va_end(args);
        }
        b->len += (size_t)n;
}

bb_str buf_str(const struct buf *b)
{
        return (bb_str){.ptr = b->ptr != NULL ? b->ptr : "", .len = b->len};
}

/* Bytes that cannot stand in a JSON string as they are: controls, quote, backslash, and everything beyond ASCII until
 * it is known to be UTF-8. */
static int is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void add_escape(struct buf *b, unsigned char c)
{
        static const char hex[] = "0123456789abcdef";
        static const char letters[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
        char letter = c < 0x20 ? letters[c] : (char)c;

        if (letter != 0) {
                buf_add(b, (char[]){'\\', letter}, 2);
                return;
        }
        buf_add(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void buf_add_json_str(struct buf *b, bb_str s)
{
        size_t i = 0, step;

        buf_reserve(b, s.len + 2);
        buf_add_char(b, '"');
        while (i < s.len) {
                size_t from = i;

                while (i < s.len && is_plain((unsigned char)s.ptr[i]))
                        i++;
                buf_add(b, s.ptr + from, i - from);
                if (i == s.len)
                        break;
                if ((unsigned char)s.ptr[i] < 0x80) {
                        add_escape(b, (unsigned char)s.ptr[i++]);
                        continue;
                }
                step = str_utf8_step(s.ptr + i, s.len - i);
                if (step > 0)
                        buf_add(b, s.ptr + i, step);
                else
                        buf_add(b, "\xef\xbf\xbd", 3);
                i += step > 0 ? step : 1;
        }
        buf_add_char(b, '"');
}
