/* SPDX-License-Identifier: Apache-2.0
 */
#include "deflate.h"
#include <stdlib.h>

#ifdef HAVE_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

enum { DEFLATED_SIZE = 64 * 1024 };

struct deflater {
        int (*pass)(void *, const void *, size_t);
        void *arg;
        uint32_t crc;
#ifdef HAVE_ISAL
        struct isal_zstream stream;
        uint8_t level_buffer[ISAL_DEF_LVL1_EXTRA_LARGE];
#else
        z_stream stream;
#endif
        uint8_t deflated[DEFLATED_SIZE];
};

#ifdef HAVE_ISAL

static int prepare(struct deflater *d)
{
        isal_deflate_init(&d->stream);
        d->stream.level = 1;
        d->stream.level_buf = d->level_buffer;
        d->stream.level_buf_size = sizeof(d->level_buffer);
        return 0;
}

static void release(struct deflater *d)
{
        (void)d;
}

static uint32_t crc_of(uint32_t crc, const void *data, size_t len)
{
        return crc32_gzip_refl(crc, data, len);
}

static void restart(struct deflater *d)
{
        isal_deflate_reset(&d->stream);
}

static int step(struct deflater *d, int32_t last)
{
        d->stream.end_of_stream = last != 0;
        return isal_deflate(&d->stream) == COMP_OK ? 0 : -1;
}

static void feed(struct deflater *d, const void *data, size_t len)
{
        d->stream.next_in = (uint8_t *)(uintptr_t)data;
        d->stream.avail_in = (uint32_t)len;
}

#else

static int prepare(struct deflater *d)
{
        return deflateInit2(&d->stream, 1, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK ? 0 : -1;
}

static void release(struct deflater *d)
{
        (void)deflateEnd(&d->stream);
}

static uint32_t crc_of(uint32_t crc, const void *data, size_t len)
{
        return (uint32_t)crc32(crc, data, (uInt)len);
}

static void restart(struct deflater *d)
{
        (void)deflateReset(&d->stream);
}

static int step(struct deflater *d, int32_t last)
{
        return deflate(&d->stream, last ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR ? 0 : -1;
}

static void feed(struct deflater *d, const void *data, size_t len)
{
        d->stream.next_in = (Bytef *)(uintptr_t)data;
        d->stream.avail_in = (uInt)len;
}

#endif

/* Compresses until there is room left behind what came out, so that all of the input is in. */
static int run(struct deflater *d, int32_t last)
{
        size_t len;

        do {
                d->stream.next_out = d->deflated;
                d->stream.avail_out = DEFLATED_SIZE;
                if (step(d, last) < 0)
                        return -1;
                len = DEFLATED_SIZE - d->stream.avail_out;
                if (len > 0 && d->pass(d->arg, d->deflated, len) < 0)
                        return -1;
        } while (d->stream.avail_out == 0);
        return 0;
}

struct deflater *deflate_open(int (*pass)(void *, const void *, size_t), void *arg)
{
        struct deflater *d = calloc(1, sizeof(*d));

        if (d == NULL)
                return NULL;
        d->pass = pass;
        d->arg = arg;
        if (prepare(d) == 0)
                return d;
        free(d);
        return NULL;
}

void deflate_free(struct deflater *d)
{
        if (d == NULL)
                return;
        release(d);
        free(d);
}

void deflate_begin(struct deflater *d)
{
        restart(d);
        d->crc = 0;
}

int deflate_write(struct deflater *d, const void *data, size_t len)
{
        d->crc = crc_of(d->crc, data, len);
        feed(d, data, len);
        return run(d, 0);
}

int deflate_end(struct deflater *d)
{
        feed(d, NULL, 0);
        return run(d, 1);
}

uint32_t deflate_crc(const struct deflater *d)
{
        return d->crc;
}
