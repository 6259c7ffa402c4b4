/* SPDX-License-Identifier: Apache-2.0
 *
 * NDJSON: an object a row, for programs. Keys are the columns' machine names, every row has all of them; times are
 * RFC 3339 with the zone's offset; durations are seconds, energies kWh, amounts the currency's unit, all exact.
 */
#include "cell_text.h"
#include "digits.h"
#include "table_state.h"
#include <stdlib.h>

struct ndjson {
        struct table_state state;
        struct out out;
};

/* RFC 8259 §7: what is control character, quote or backslash. */
static char *put_escape(char *at, uint32_t c)
{
        static const char hex[] = "0123456789abcdef";

        *at++ = '\\';
        if (c >= 0x20) {
                *at++ = (char)c;
                return at;
        }
        memcpy(at, "u00", 3);
        at[3] = hex[c >> 4];
        at[4] = hex[c & 15];
        return at + 5;
}

static char *put_character(char *at, uint32_t c, const char *bytes, size_t len)
{
        if (c < 0x20 || c == '"' || c == '\\')
                return put_escape(at, c);
        if (c == 0xFFFD) {
                bytes = "\xEF\xBF\xBD";
                len = 3;
        }
        memcpy(at, bytes, len);
        return at + len;
}

static void put_json_text(struct out *out, const char *data, size_t len)
{
        const char *end = data + len;

        out_text(out, "\"");
        while (data < end) {
                const char *from = data;
                char *at = out_room(out);
                uint32_t c = utf8_next(&data, end);

                out->at = put_character(at, c, from, (size_t)(data - from));
        }
        out_text(out, "\"");
}

static void write_text(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        put_json_text(&n->out, cell->data, cell->len);
}

static void write_int(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        n->out.at = put_signed(out_room(&n->out), cell->num);
}

static char *put_offset(char *at, int32_t offset_s)
{
        uint32_t minutes = (uint32_t)(offset_s < 0 ? -offset_s : offset_s) / 60;

        *at++ = offset_s < 0 ? '-' : '+';
        at = put_pair(at, minutes / 60);
        *at++ = ':';
        return put_pair(at, minutes % 60);
}

static void write_time(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        struct moment m;
        char *at = out_room(&n->out);

        (void)column;
        if (cell->num == INT64_MAX || cell->num == INT64_MIN) {
                out_text(&n->out, cell->num > 0 ? "\"infinity\"" : "\"-infinity\"");
                return;
        }
        m = moment_of_minutes(&n->state.moments, cell->num);
        *at++ = '"';
        at = put_date(at, &n->state.moments, m.day);
        *at++ = 'T';
        at = put_clock(at, m.second);
        if (m.micros != 0) {
                *at++ = '.';
                at = put_padded(at, (uint64_t)m.micros, 6);
        }
        at = put_offset(at, m.offset_s);
        *at++ = '"';
        n->out.at = at;
}

static void write_thousandths(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        n->out.at = put_decimal(out_room(&n->out), cell->num, 1000, 3, '.');
}

static void write_money(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        n->out.at = put_decimal(out_room(&n->out), cell->num, 10000, 4, '.');
}

static void write_bool(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        out_text(&n->out, cell->num ? "true" : "false");
}

static void write_enum(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        const char *value = table_enum(column, cell->num);

        if (value != NULL)
                put_json_text(&n->out, value, strlen(value));
        else
                write_int(n, column, cell);
}

static void write_uuid(struct ndjson *n, const struct table_column *column, const struct cell *cell)
{
        char *at = out_room(&n->out);

        (void)column;
        *at++ = '"';
        at = put_uuid(at, cell->data);
        *at++ = '"';
        n->out.at = at;
}

static void (*const kinds[CELL_KINDS])(struct ndjson *, const struct table_column *, const struct cell *) = {
        [CELL_TEXT] = write_text,       [CELL_INT] = write_int,
        [CELL_TIME] = write_time,       [CELL_DURATION] = write_thousandths,
        [CELL_KWH] = write_thousandths, [CELL_MONEY] = write_money,
        [CELL_BOOL] = write_bool,       [CELL_ENUM] = write_enum,
        [CELL_UUID] = write_uuid,
};

static int write_row(void *arg, const struct cell *cells)
{
        struct ndjson *n = arg;
        const struct table_spec *spec = n->state.spec;

        for (size_t i = 0; i < spec->column_count; i++) {
                const struct table_column *column = &spec->columns[i];

                out_text(&n->out, i == 0 ? "{\"" : ",\"");
                out_text(&n->out, column->name);
                out_text(&n->out, "\":");
                if (cells[i].absent)
                        out_text(&n->out, "null");
                else
                        kinds[column->kind](n, column, &cells[i]);
        }
        out_text(&n->out, "}\n");
        n->state.totals.rows++;
        return n->out.failed ? -1 : 0;
}

static void *ndjson_open(const struct table_spec *spec, const struct sink *sink)
{
        struct ndjson *n = calloc(1, sizeof(*n));

        if (n == NULL)
                return NULL;
        if (table_begin(&n->state, spec, sink, write_row, n) < 0) {
                free(n);
                return NULL;
        }
        out_init(&n->out, table_pass, &n->state);
        return n;
}

static int ndjson_close(void *writer, struct table_totals *ret)
{
        struct ndjson *n = writer;
        int answer = table_is_whole(&n->state) ? out_flush(&n->out) : -1;

        *ret = n->state.totals;
        free(n);
        return answer;
}

const struct table_writer_ops ndjson_table = {
        .suffix = "ndjson",
        .content_type = "application/x-ndjson",
        .open = ndjson_open,
        .row = table_row,
        .close = ndjson_close,
        .drop = free,
        .fault = table_fault,
};
