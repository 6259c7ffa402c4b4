/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries out of a small archive that libxlsxwriter made a moment ago: no ZIP64, no comment at its end.
 */
#include "zip.h"
#include <stdlib.h>
#include <zlib.h>

enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22 };

static uint32_t little(const uint8_t *p, size_t bytes)
{
        uint32_t v = 0;

        for (size_t i = bytes; i > 0; i--)
                v = v << 8 | p[i - 1];
        return v;
}

/* From an entry's record of the directory. */
static int read_entry(const uint8_t *archive, size_t len, const uint8_t *record, struct zip_part *ret)
{
        size_t name = little(record + 28, 2), offset = little(record + 42, 4), at;

        *ret = (struct zip_part){.method = little(record + 10, 2),
                                 .crc = little(record + 16, 4),
                                 .size = little(record + 20, 4),
                                 .full_size = little(record + 24, 4)};
        if (name >= ZIP_NAME || name > (size_t)(archive + len - record) - CENTRAL_SIZE || offset + LOCAL_SIZE > len)
                return -1;
        memcpy(ret->name, record + CENTRAL_SIZE, name);
        at = offset + LOCAL_SIZE + little(archive + offset + 26, 2) + little(archive + offset + 28, 2);
        if (at > len || ret->size > len - at)
                return -1;
        ret->data = archive + at;
        return 0;
}

int zip_each(const uint8_t *archive, size_t len, int (*each)(void *, const struct zip_part *), void *arg)
{
        struct zip_part part;
        uint32_t count;
        size_t at;

        if (len < END_SIZE || memcmp(archive + len - END_SIZE, "PK\5\6", 4) != 0)
                return -1;
        count = little(archive + len - END_SIZE + 10, 2);
        at = little(archive + len - END_SIZE + 16, 4);
        for (uint32_t i = 0; i < count; i++) {
                const uint8_t *record = archive + at;

                if (at + CENTRAL_SIZE > len || memcmp(record, "PK\1\2", 4) != 0 ||
                    read_entry(archive, len, record, &part) < 0 || each(arg, &part) < 0)
                        return -1;
                at += CENTRAL_SIZE + little(record + 28, 2) + little(record + 30, 2) + little(record + 32, 2);
        }
        return 0;
}

char *zip_part_text(const struct zip_part *part)
{
        z_stream stream = {.next_in = (Bytef *)(uintptr_t)part->data, .avail_in = part->size};
        char *text = malloc((size_t)part->full_size + 1);
        int end;

        if (text == NULL || inflateInit2(&stream, -15) != Z_OK) {
                free(text);
                return NULL;
        }
        stream.next_out = (Bytef *)text;
        stream.avail_out = part->full_size;
        end = inflate(&stream, Z_FINISH);
        (void)inflateEnd(&stream);
        if (end != Z_STREAM_END || stream.avail_out != 0) {
                free(text);
                return NULL;
        }
        text[part->full_size] = '\0';
        return text;
}
