/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of a binary COPY made by hand, and a sink into memory that can be told to refuse.
 */
#ifndef TESTS_EXPORT_COPY_H
#define TESTS_EXPORT_COPY_H

#include "table.h"
#include <stdlib.h>

struct bytes {
        char *at;
        size_t len, room, refuse_at; /* refuse_at: 0 never */
};

static inline int bytes_add(void *arg, const void *data, size_t len)
{
        struct bytes *b = arg;

        if (b->refuse_at > 0 && b->len + len > b->refuse_at)
                return -1;
        if (b->len + len + 1 > b->room) {
                b->room = 2 * (b->len + len + 1);
                b->at = realloc(b->at, b->room);
                assert_non_null(b->at);
        }
        memcpy(b->at + b->len, data, len);
        b->len += len;
        b->at[b->len] = '\0';
        return 0;
}

static inline void bytes_number(struct bytes *b, uint64_t v, size_t bytes)
{
        for (size_t i = bytes; i > 0; i--) {
                char byte = (char)(v >> (8 * (i - 1)));

                bytes_add(b, &byte, 1);
        }
}

static inline void copy_header(struct bytes *b)
{
        bytes_add(b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

static inline void copy_text(struct bytes *b, const char *text, size_t len)
{
        bytes_number(b, len, 4);
        bytes_add(b, text, len);
}

static inline void copy_int8(struct bytes *b, int64_t v)
{
        bytes_number(b, 8, 4);
        bytes_number(b, (uint64_t)v, 8);
}

static inline void copy_trailer(struct bytes *b)
{
        bytes_number(b, 0xFFFF, 2);
}

#endif
