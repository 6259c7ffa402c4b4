/* SPDX-License-Identifier: Apache-2.0
 *
 * A buffer that text is put into and that is passed on when it is full. What writes a cell asks for room once and then
 * writes without asking, up to OUT_SLACK bytes.
 */
#ifndef EXPORT_OUT_H
#define EXPORT_OUT_H

#include <busbar/types.h>

enum { OUT_SIZE = 64 * 1024, OUT_SLACK = 1024 };

struct out {
        char *at; /* where the next byte goes */
        int (*pass)(void *arg, const void *data, size_t len);
        void *arg;
        int32_t failed; /* the receiver refused: what is put in since is forgotten */
        char bytes[OUT_SIZE + OUT_SLACK];
};

static inline void out_init(struct out *o, int (*pass)(void *, const void *, size_t), void *arg)
{
        o->at = o->bytes;
        o->pass = pass;
        o->arg = arg;
        o->failed = 0;
}

/* Passes on what is there. 0, or -1 when that failed, now or before. */
static inline int out_flush(struct out *o)
{
        size_t len = (size_t)(o->at - o->bytes);

        o->at = o->bytes;
        if (!o->failed && len > 0 && o->pass(o->arg, o->bytes, len) < 0)
                o->failed = 1;
        return o->failed ? -1 : 0;
}

/* Makes room for OUT_SLACK bytes and says where. */
static inline char *out_room(struct out *o)
{
        if (__builtin_expect(o->at >= o->bytes + OUT_SIZE, 0))
                (void)out_flush(o);
        return o->at;
}

static inline void out_bytes(struct out *o, const char *data, size_t len)
{
        while (len > 0) {
                char *at = out_room(o);
                size_t piece = len < OUT_SLACK ? len : OUT_SLACK;

                memcpy(at, data, piece);
                o->at = at + piece;
                data += piece;
                len -= piece;
        }
}

static inline void out_text(struct out *o, const char *text)
{
        out_bytes(o, text, strlen(text));
}

#endif
