/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV as RFC 4180 has it, UTF-8 with the byte order mark that Excel wants.
 */
#include "cell_text.h"
#include "digits.h"
#include "table_state.h"
#include <stdlib.h>

struct csv {
        struct table_state state;
        char mark, separator;
        struct out out;
};

static void write_quoted(struct csv *c, const char *data, size_t len)
{
        const char *end = data + len;

        out_text(&c->out, "\"");
        if (text_is_formula(data, len))
                out_text(&c->out, "'");
        while (data < end) {
                const char *quote = memchr(data, '"', (size_t)(end - data));
                const char *stop = quote != NULL ? quote + 1 : end;

                out_bytes(&c->out, data, (size_t)(stop - data));
                if (quote != NULL)
                        out_text(&c->out, "\"");
                data = stop;
        }
        out_text(&c->out, "\"");
}

static void write_text(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        write_quoted(c, cell->data, cell->len);
}

static void write_int(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_signed(out_room(&c->out), cell->num);
}

static void write_time(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_any_moment(out_room(&c->out), &c->state.moments, cell->num);
}

static void write_duration(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_duration(out_room(&c->out), cell->num);
}

static void write_kwh(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_decimal(out_room(&c->out), cell->num, 1000, 3, c->mark);
}

static void write_money(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_decimal(out_room(&c->out), cell->num, 10000, 4, c->mark);
}

/* As Excel writes them itself. */
static void write_bool(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        out_text(&c->out, cell->num ? "TRUE" : "FALSE");
}

static void write_enum(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        const char *value = table_enum(column, cell->num);

        if (value != NULL)
                write_quoted(c, value, strlen(value));
        else
                write_int(c, column, cell);
}

static void write_uuid(struct csv *c, const struct table_column *column, const struct cell *cell)
{
        (void)column;
        c->out.at = put_uuid(out_room(&c->out), cell->data);
}

static void (*const kinds[CELL_KINDS])(struct csv *, const struct table_column *, const struct cell *) = {
        [CELL_TEXT] = write_text,         [CELL_INT] = write_int,   [CELL_TIME] = write_time,
        [CELL_DURATION] = write_duration, [CELL_KWH] = write_kwh,   [CELL_MONEY] = write_money,
        [CELL_BOOL] = write_bool,         [CELL_ENUM] = write_enum, [CELL_UUID] = write_uuid,
};

static int write_row(void *arg, const struct cell *cells)
{
        struct csv *c = arg;
        const struct table_spec *spec = c->state.spec;

        for (size_t i = 0; i < spec->column_count; i++) {
                if (i > 0)
                        out_bytes(&c->out, &c->separator, 1);
                if (!cells[i].absent)
                        kinds[spec->columns[i].kind](c, &spec->columns[i], &cells[i]);
        }
        out_text(&c->out, "\r\n");
        c->state.totals.rows++;
        return c->out.failed ? -1 : 0;
}

static void write_header(struct csv *c)
{
        const struct table_spec *spec = c->state.spec;
        char title[TITLE_CHARS];

        out_text(&c->out, "\xEF\xBB\xBF");
        for (size_t i = 0; i < spec->column_count; i++) {
                if (i > 0)
                        out_bytes(&c->out, &c->separator, 1);
                table_title(spec, &spec->columns[i], title);
                write_quoted(c, title, strlen(title));
        }
        out_text(&c->out, "\r\n");
}

static void *csv_open(const struct table_spec *spec, const struct sink *sink)
{
        struct csv *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return NULL;
        if (table_begin(&c->state, spec, sink, write_row, c) < 0) {
                free(c);
                return NULL;
        }
        c->mark = spec->decimal_comma ? ',' : '.';
        c->separator = spec->decimal_comma ? ';' : ',';
        out_init(&c->out, table_pass, &c->state);
        write_header(c);
        return c;
}

static int csv_close(void *writer, struct table_totals *ret)
{
        struct csv *c = writer;
        int answer = table_is_whole(&c->state) ? out_flush(&c->out) : -1;

        *ret = c->state.totals;
        free(c);
        return answer;
}

const struct table_writer_ops csv_table = {
        .suffix = "csv",
        .content_type = "text/csv; charset=utf-8",
        .open = csv_open,
        .row = table_row,
        .close = csv_close,
        .drop = free,
        .fault = table_fault,
};
