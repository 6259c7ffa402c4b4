/* SPDX-License-Identifier: Apache-2.0
 */
#include "zip.h"
#include <stdlib.h>

enum {
        LOCAL = 0x04034b50,
        DESCRIPTOR = 0x08074b50,
        CENTRAL = 0x02014b50,
        END = 0x06054b50,
        END64 = 0x06064b50,
        END64_LOCATOR = 0x07064b50,
        SIZES_BEHIND = 1 << 3,
        DEFLATED = 8,
        VERSION = 20,
        VERSION_64 = 45,
        DATE = 0x21, /* 1980-01-01, as libxlsxwriter has it: the date is in the document's properties */
        RECORD_MOST = 128 + ZIP_NAME,
};

struct entry {
        struct zip_part part;
        uint64_t offset;
        uint32_t flags;
};

struct zip {
        struct sink sink;
        struct entry *entries;
        size_t count, room;
        uint64_t bytes, begun; /* written; where the data of the present entry begins */
};

/* A record of little-endian numbers. */
struct record {
        size_t len;
        uint8_t bytes[RECORD_MOST];
};

static void put(struct record *r, uint64_t v, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++)
                r->bytes[r->len++] = (uint8_t)(v >> (8 * i));
}

static void put_name(struct record *r, const char *name)
{
        size_t len = strlen(name);

        memcpy(r->bytes + r->len, name, len);
        r->len += len;
}

struct zip *zip_open(const struct sink *sink)
{
        struct zip *z = calloc(1, sizeof(*z));

        if (z != NULL)
                z->sink = *sink;
        return z;
}

void zip_free(struct zip *z)
{
        if (z == NULL)
                return;
        free(z->entries);
        free(z);
}

int64_t zip_bytes(const struct zip *z)
{
        return (int64_t)z->bytes;
}

int zip_data(void *zip, const void *data, size_t len)
{
        struct zip *z = zip;

        if (z->sink.write(z->sink.arg, data, len) < 0)
                return -1;
        z->bytes += len;
        return 0;
}

static struct entry *new_entry(struct zip *z)
{
        if (z->count == z->room) {
                size_t room = z->room > 0 ? 2 * z->room : 32;
                struct entry *entries = realloc(z->entries, room * sizeof(*entries));

                if (entries == NULL)
                        return NULL;
                z->entries = entries;
                z->room = room;
        }
        return &z->entries[z->count++];
}

static int put_local(struct zip *z, const struct entry *e)
{
        struct record r = {0};

        put(&r, LOCAL, 4);
        put(&r, VERSION, 2);
        put(&r, e->flags, 2);
        put(&r, e->part.method, 2);
        put(&r, 0, 2);
        put(&r, DATE, 2);
        put(&r, e->part.crc, 4);
        put(&r, e->part.size, 4);
        put(&r, e->part.full_size, 4);
        put(&r, strlen(e->part.name), 2);
        put(&r, 0, 2);
        put_name(&r, e->part.name);
        return zip_data(z, r.bytes, r.len);
}

int zip_part(struct zip *z, const struct zip_part *part)
{
        struct entry *e = new_entry(z);

        if (e == NULL)
                return -1;
        *e = (struct entry){.part = *part, .offset = z->bytes};
        if (put_local(z, e) < 0)
                return -1;
        return zip_data(z, part->data, part->size);
}

int zip_begin(struct zip *z, const char *name)
{
        struct entry *e = new_entry(z);

        if (e == NULL || strlen(name) >= ZIP_NAME)
                return -1;
        *e = (struct entry){.part = {.method = DEFLATED}, .offset = z->bytes, .flags = SIZES_BEHIND};
        memcpy(e->part.name, name, strlen(name) + 1);
        if (put_local(z, e) < 0)
                return -1;
        z->begun = z->bytes;
        return 0;
}

int zip_end(struct zip *z, uint32_t crc, uint64_t full_size)
{
        struct zip_part *part = &z->entries[z->count - 1].part;
        uint64_t size = z->bytes - z->begun;
        struct record r = {0};

        if (size > UINT32_MAX || full_size > UINT32_MAX)
                return -1;
        part->crc = crc;
        part->size = (uint32_t)size;
        part->full_size = (uint32_t)full_size;
        put(&r, DESCRIPTOR, 4);
        put(&r, crc, 4);
        put(&r, size, 4);
        put(&r, full_size, 4);
        return zip_data(z, r.bytes, r.len);
}

/* 4.3.12, with 4.5.3 for an entry that begins beyond 4 GiB. */
static int put_central(struct zip *z, const struct entry *e)
{
        int32_t far = e->offset >= UINT32_MAX;
        struct record r = {0};

        put(&r, CENTRAL, 4);
        put(&r, far ? VERSION_64 : VERSION, 2);
        put(&r, far ? VERSION_64 : VERSION, 2);
        put(&r, e->flags, 2);
        put(&r, e->part.method, 2);
        put(&r, 0, 2);
        put(&r, DATE, 2);
        put(&r, e->part.crc, 4);
        put(&r, e->part.size, 4);
        put(&r, e->part.full_size, 4);
        put(&r, strlen(e->part.name), 2);
        put(&r, far ? 12 : 0, 2); /* extra field */
        put(&r, 0, 2);            /* comment */
        put(&r, 0, 2);            /* disk */
        put(&r, 0, 2);            /* internal attributes */
        put(&r, 0, 4);            /* external attributes */
        put(&r, far ? UINT32_MAX : e->offset, 4);
        put_name(&r, e->part.name);
        if (far) {
                put(&r, 1, 2); /* ZIP64 */
                put(&r, 8, 2);
                put(&r, e->offset, 8);
        }
        return zip_data(z, r.bytes, r.len);
}

/* 4.3.14 and 4.3.15 */
static void put_end64(const struct zip *z, struct record *r, uint64_t start)
{
        put(r, END64, 4);
        put(r, 44, 8); /* the rest of this record */
        put(r, VERSION_64, 2);
        put(r, VERSION_64, 2);
        put(r, 0, 4);
        put(r, 0, 4);
        put(r, z->count, 8);
        put(r, z->count, 8);
        put(r, z->bytes - start, 8);
        put(r, start, 8);
        put(r, END64_LOCATOR, 4);
        put(r, 0, 4);
        put(r, z->bytes, 8);
        put(r, 1, 4);
}

int zip_finish(struct zip *z)
{
        uint64_t start = z->bytes;
        struct record r = {0};
        int32_t far;

        for (size_t i = 0; i < z->count; i++)
                if (put_central(z, &z->entries[i]) < 0)
                        return -1;
        far = z->bytes >= UINT32_MAX || z->count >= UINT16_MAX;
        if (far)
                put_end64(z, &r, start);
        put(&r, END, 4);
        put(&r, 0, 2);
        put(&r, 0, 2);
        put(&r, z->count >= UINT16_MAX ? UINT16_MAX : z->count, 2);
        put(&r, z->count >= UINT16_MAX ? UINT16_MAX : z->count, 2);
        put(&r, far ? UINT32_MAX : z->bytes - start, 4);
        put(&r, far ? UINT32_MAX : start, 4);
        put(&r, 0, 2);
        return zip_data(z, r.bytes, r.len);
}
