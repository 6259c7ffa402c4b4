/* SPDX-License-Identifier: Apache-2.0
 */
#include "copy_row.h"

struct reader {
        const char *at, *end;
};

static size_t left(const struct reader *r)
{
        return (size_t)(r->end - r->at);
}

static uint16_t big16(const char *p)
{
        uint16_t v;

        memcpy(&v, p, sizeof(v));
        return __builtin_bswap16(v);
}

static uint32_t big32(const char *p)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return __builtin_bswap32(v);
}

static uint64_t big64(const char *p)
{
        uint64_t v;

        memcpy(&v, p, sizeof(v));
        return __builtin_bswap64(v);
}

/* An int2, int4 or int8, whichever the length says. */
static int read_number(struct cell *cell)
{
        switch (cell->len) {
        case 8:
                cell->num = (int64_t)big64(cell->data);
                return 0;
        case 4:
                cell->num = (int32_t)big32(cell->data);
                return 0;
        case 2:
                cell->num = (int16_t)big16(cell->data);
                return 0;
        default:
                return -1;
        }
}

static int read_cell(int32_t kind, struct cell *cell)
{
        switch (kind) {
        case CELL_TEXT:
                return 0;
        case CELL_UUID:
                return cell->len == 16 ? 0 : -1;
        case CELL_BOOL:
                if (cell->len != 1 || (unsigned char)*cell->data > 1)
                        return -1;
                cell->num = *cell->data;
                return 0;
        case CELL_TIME:
                return cell->len == 8 ? read_number(cell) : -1;
        default:
                return read_number(cell);
        }
}

static int read_row(struct copy_rows *c, struct reader *r)
{
        for (size_t i = 0; i < c->column_count; i++) {
                struct cell *cell = &c->cells[i];
                uint32_t len;

                if (left(r) < 4)
                        return -1;
                len = big32(r->at);
                r->at += 4;
                cell->absent = len == UINT32_MAX;
                if (cell->absent)
                        continue;
                if (len > left(r))
                        return -1;
                cell->data = r->at;
                cell->len = len;
                r->at += len;
                if (read_cell(c->columns[i].kind, cell) < 0)
                        return -1;
        }
        return 0;
}

static int read_header(struct copy_rows *c, struct reader *r)
{
        static const char signature[11] = "PGCOPY\n\377\r\n";
        uint32_t extension;

        if (left(r) < sizeof(signature) + 8 || memcmp(r->at, signature, sizeof(signature)) != 0)
                return -1;
        /* Bits 16 to 31 of the flags are critical: a reader must not go on when it does not know one. */
        if (big32(r->at + sizeof(signature)) >> 16 != 0)
                return -1;
        extension = big32(r->at + sizeof(signature) + 4);
        r->at += sizeof(signature) + 8;
        if (extension > left(r))
                return -1;
        r->at += extension;
        c->begun = 1;
        return 0;
}

int32_t copy_rows_feed(struct copy_rows *c, const char *data, size_t len)
{
        struct reader r = {.at = data, .end = data + len};
        uint16_t count;

        if (!c->begun && read_header(c, &r) < 0)
                return COPY_MALFORMED;
        while (r.at < r.end) {
                if (left(&r) < 2 || c->ended)
                        return COPY_MALFORMED;
                count = big16(r.at);
                r.at += 2;
                c->ended = count == UINT16_MAX;
                if (c->ended)
                        continue;
                if (count != c->column_count || read_row(c, &r) < 0)
                        return COPY_MALFORMED;
                if (c->row(c->arg, c->cells) < 0)
                        return COPY_STOPPED;
        }
        return COPY_OK;
}
