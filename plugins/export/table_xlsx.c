/* SPDX-License-Identifier: Apache-2.0
 *
 * XLSX: the rows' sheets as XML straight from the COPY (ECMA-376 part 1, §18.3.1), compressed and passed on as they
 * come; everything else of the workbook is libxlsxwriter's.
 */
#include "cell_text.h"
#include "deflate.h"
#include "digits.h"
#include "table_state.h"
#include "workbook.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MOST = 1048576, UNITS_MOST = 32767, PLAIN_MOST = 512, BEFORE = 16, AFTER = 32 };
#define VALUE_END "</v></c>"
/* Plain text is a value of the type "str": a seventh less XML than <is><t>, for us to compress and for readers to
 * parse. <v> has no xml:space, so text whose blanks matter is an inline string. */
#define TEXT_BEGIN "\" t=\"str\"><v>"
#define INLINE_BEGIN "\" t=\"inlineStr\"><is><t>"
#define INLINE_BEGIN_SPACE "\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
#define INLINE_END "</t></is></c>"

/* What of a cell is always the same; copied in whole, so that the compiler needs no loop. */
struct xcolumn {
        char before[BEFORE]; /* <c r="AB */
        char after[AFTER];   /* " s="2"><v> */
        uint32_t before_len, after_len;
        const struct table_column *column;
};

struct xlsx {
        struct table_state state;
        struct zip *zip;
        struct deflater *deflater;
        struct workbook_frame frame;
        struct totals totals;
        int32_t *sheet_rows;
        int32_t sheet_count, sheet_room, row_most;
        int32_t row;      /* the number of the last one of the sheet */
        char row_text[8]; /* the same; room for 1048576 */
        uint32_t row_len;
        uint64_t sheet_bytes; /* passed on to the deflater */
        struct xcolumn columns[TABLE_COLUMNS_MOST];
        struct out out;
};

/* --- cells --- */

static inline char *begin_cell(struct xlsx *x, const struct xcolumn *c)
{
        char *at = out_room(&x->out);

        memcpy(at, c->before, BEFORE);
        at += c->before_len;
        memcpy(at, x->row_text, sizeof(x->row_text));
        return at + x->row_len;
}

static inline char *begin_number(struct xlsx *x, const struct xcolumn *c)
{
        char *at = begin_cell(x, c);

        memcpy(at, c->after, AFTER);
        return at + c->after_len;
}

/* Zeros behind the decimal point say nothing. */
static inline char *without_zeros(char *at)
{
        while (at[-1] == '0')
                at--;
        return at - (at[-1] == '.');
}

static inline void end_cell(struct xlsx *x, char *at)
{
        memcpy(at, VALUE_END, sizeof(VALUE_END) - 1);
        x->out.at = at + sizeof(VALUE_END) - 1;
}

static inline char *begin_text(struct xlsx *x, const struct xcolumn *c)
{
        char *at = begin_cell(x, c);

        memcpy(at, TEXT_BEGIN, sizeof(TEXT_BEGIN) - 1);
        return at + sizeof(TEXT_BEGIN) - 1;
}

/* Text with what has to be written otherwise in it, or that is long. */
static void write_odd_text(struct xlsx *x, const struct xcolumn *c, const char *data, size_t len)
{
        int32_t formula = text_is_formula(data, len), units = UNITS_MOST - (formula != 0);
        char *at = begin_cell(x, c);

        x->out.at = at;
        out_text(&x->out, text_needs_space(data, len) ? INLINE_BEGIN_SPACE : INLINE_BEGIN);
        if (formula)
                out_text(&x->out, "'");
        put_xml_text(&x->out, data, len, units);
        out_text(&x->out, INLINE_END);
}

static inline int starts_plainly(char c)
{
        return c != '=' && c != '+' && c != '-' && c != '@' && c != ' ';
}

static void write_text(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        size_t len = cell->len;
        char *at;

        if (len == 0)
                return;
        if (len > PLAIN_MOST || !starts_plainly(cell->data[0]) || cell->data[len - 1] == ' ') {
                write_odd_text(x, c, cell->data, len);
                return;
        }
        at = begin_text(x, c);
        memcpy(at, cell->data, len);
        if (text_is_plain(at, len))
                end_cell(x, at + len);
        else
                write_odd_text(x, c, cell->data, len);
}

/* Excel keeps 15 digits of a number: one with more is text, so that it stays what it is. */
static int fits_excel(int64_t v)
{
        return magnitude(v) < 1000000000000000u;
}

/* What has no format shows eleven digits; more need one. */
static char *begin_long(struct xlsx *x, const struct xcolumn *c)
{
        char *at = begin_cell(x, c);

        return at + snprintf(at, AFTER, "\" s=\"%d\"><v>", x->frame.styles[STYLE_INT]);
}

static void write_int(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        if (magnitude(cell->num) < 100000000000u)
                end_cell(x, put_signed(begin_number(x, c), cell->num));
        else if (fits_excel(cell->num))
                end_cell(x, put_signed(begin_long(x, c), cell->num));
        else
                end_cell(x, put_signed(begin_text(x, c), cell->num));
}

static void write_kwh(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        if (fits_excel(cell->num))
                end_cell(x, without_zeros(put_decimal(begin_number(x, c), cell->num, 1000, 3, '.')));
        else
                end_cell(x, put_decimal(begin_text(x, c), cell->num, 1000, 3, '.'));
}

static void write_money(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        if (fits_excel(cell->num))
                end_cell(x, without_zeros(put_decimal(begin_number(x, c), cell->num, 10000, 4, '.')));
        else
                end_cell(x, put_decimal(begin_text(x, c), cell->num, 10000, 4, '.'));
}

static void write_bool(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        char *at = begin_number(x, c);

        *at = (char)('0' + cell->num);
        end_cell(x, at + 1);
}

static void write_enum(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        const char *value = table_enum(c->column, cell->num);
        struct cell text = {.data = value, .len = value != NULL ? strlen(value) : 0};

        if (value != NULL)
                write_text(x, c, &text);
        else
                write_int(x, c, cell);
}

static void write_uuid(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        end_cell(x, put_uuid(begin_text(x, c), cell->data));
}

/* A day's part with eleven digits: with fewer, readers show the second before. */
static inline char *put_day_part(char *at, uint64_t ms)
{
        *at++ = '.';
        return without_zeros(put_padded(at, (ms * 125000 + 54) / 108, 11));
}

/* Excel knows the days from 1900 (right since 1 March, as it takes that year for a leap year) to 9999. Whole seconds:
 * it would round 23:59:59.5 into the next day. */
static void write_time(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        static const int64_t epoch = 25569, first = 61, last = 2958465;
        struct moment m = moment_of(&x->state.moments, cell->num);
        int64_t serial = m.day + epoch;

        if (serial < first || serial > last) {
                end_cell(x, put_any_moment(begin_text(x, c), &x->state.moments, cell->num));
                return;
        }
        end_cell(x, put_day_part(put_unsigned(begin_number(x, c), (uint64_t)serial), (uint64_t)m.second * 1000));
}

/* A negative one would be shown as ####. */
static void write_duration(struct xlsx *x, const struct xcolumn *c, const struct cell *cell)
{
        static const uint64_t day_ms = 86400000;
        uint64_t ms = (uint64_t)cell->num;

        if (cell->num < 0) {
                end_cell(x, put_duration(begin_text(x, c), cell->num));
                return;
        }
        end_cell(x, put_day_part(put_unsigned(begin_number(x, c), ms / day_ms), ms % day_ms));
}

static const struct {
        void (*write)(struct xlsx *, const struct xcolumn *, const struct cell *);
        int32_t style; /* -1: none */
        const char *attributes;
} kinds[CELL_KINDS] = {
        [CELL_TEXT] = {write_text, -1, ""},         [CELL_INT] = {write_int, -1, ""},
        [CELL_TIME] = {write_time, STYLE_TIME, ""}, [CELL_DURATION] = {write_duration, STYLE_DURATION, ""},
        [CELL_KWH] = {write_kwh, STYLE_KWH, ""},    [CELL_MONEY] = {write_money, STYLE_MONEY, ""},
        [CELL_BOOL] = {write_bool, -1, " t=\"b\""}, [CELL_ENUM] = {write_enum, -1, ""},
        [CELL_UUID] = {write_uuid, -1, ""},
};

/* --- rows and sheets --- */

static int pass_xml(void *arg, const void *data, size_t len)
{
        struct xlsx *x = arg;

        x->sheet_bytes += len;
        return deflate_write(x->deflater, data, len);
}

static int remember_sheet(struct xlsx *x)
{
        if (x->sheet_count == x->sheet_room) {
                int32_t room = x->sheet_room + 64;
                int32_t *rows = realloc(x->sheet_rows, (size_t)room * sizeof(*rows));

                if (rows == NULL)
                        return -1;
                x->sheet_rows = rows;
                x->sheet_room = room;
        }
        x->sheet_rows[x->sheet_count++] = 0;
        return 0;
}

static int begin_sheet(struct xlsx *x)
{
        char name[ZIP_NAME];

        if (remember_sheet(x) < 0)
                return -1;
        snprintf(name, sizeof(name), "xl/worksheets/sheet%d.xml", x->sheet_count);
        if (zip_begin(x->zip, name) < 0)
                return -1;
        deflate_begin(x->deflater);
        x->sheet_bytes = 0;
        x->row = 1;
        memcpy(x->row_text, "1", 2);
        x->row_len = 1;
        out_text(&x->out, x->sheet_count == 1 ? x->frame.first_head : x->frame.next_head);
        return 0;
}

static int end_sheet(struct xlsx *x)
{
        const struct xcolumn *last = &x->columns[x->state.spec->column_count - 1];

        x->sheet_rows[x->sheet_count - 1] = x->row - 1;
        out_text(&x->out, "</sheetData><autoFilter ref=\"A1:");
        out_bytes(&x->out, last->before + 6, last->before_len - 6);
        out_bytes(&x->out, x->row_text, x->row_len);
        out_text(&x->out, "\"/>");
        out_text(&x->out, x->frame.tail);
        if (out_flush(&x->out) < 0 || deflate_end(x->deflater) < 0)
                return -1;
        return zip_end(x->zip, deflate_crc(x->deflater), x->sheet_bytes);
}

static void count_row(struct xlsx *x)
{
        uint32_t i = x->row_len;

        x->row++;
        while (i > 0 && x->row_text[i - 1] == '9')
                x->row_text[--i] = '0';
        if (i > 0) {
                x->row_text[i - 1]++;
                return;
        }
        memmove(x->row_text + 1, x->row_text, x->row_len);
        x->row_text[0] = '1';
        x->row_len++;
}

static int sheet_is_full(const struct xlsx *x)
{
        return x->row >= x->row_most || x->sheet_bytes > ZIP_ENTRY_MOST;
}

static void begin_row(struct xlsx *x)
{
        char *at = out_room(&x->out);

        memcpy(at, "<row r=\"", 8);
        memcpy(at + 8, x->row_text, sizeof(x->row_text));
        at += 8 + x->row_len;
        memcpy(at, "\">", 2);
        x->out.at = at + 2;
}

static int write_row(void *arg, const struct cell *cells)
{
        struct xlsx *x = arg;
        size_t count = x->state.spec->column_count;

        if (sheet_is_full(x) && (end_sheet(x) < 0 || begin_sheet(x) < 0))
                return -1;
        count_row(x);
        begin_row(x);
        for (size_t i = 0; i < count; i++)
                if (!cells[i].absent)
                        kinds[x->columns[i].column->kind].write(x, &x->columns[i], &cells[i]);
        out_text(&x->out, "</row>");
        x->state.totals.rows++;
        totals_add(&x->totals, &x->state.moments, cells);
        return x->out.failed ? -1 : 0;
}

/* --- the writer --- */

static uint32_t put_letters(char *at, size_t index)
{
        uint32_t len = 0;

        if (index >= 26)
                at[len++] = (char)('A' + index / 26 - 1);
        at[len++] = (char)('A' + index % 26);
        return len;
}

static void prepare_column(struct xlsx *x, size_t index)
{
        struct xcolumn *c = &x->columns[index];
        const struct table_column *column = &x->state.spec->columns[index];
        char style[16] = "";

        c->column = column;
        memcpy(c->before, "<c r=\"", 6);
        c->before_len = 6 + put_letters(c->before + 6, index);
        if (kinds[column->kind].style >= 0)
                snprintf(style, sizeof(style), " s=\"%d\"", x->frame.styles[kinds[column->kind].style]);
        c->after_len = (uint32_t)snprintf(c->after, AFTER, "\"%s%s><v>", style, kinds[column->kind].attributes);
}

static void xlsx_drop(void *writer)
{
        struct xlsx *x = writer;

        workbook_frame_free(&x->frame);
        totals_free(&x->totals);
        deflate_free(x->deflater);
        zip_free(x->zip);
        free(x->sheet_rows);
        free(x);
}

static int begin(struct xlsx *x, const struct table_spec *spec, const struct sink *sink)
{
        if (table_begin(&x->state, spec, sink, write_row, x) < 0 || totals_init(&x->totals, spec) < 0)
                return -1;
        out_init(&x->out, pass_xml, x);
        x->row_most = spec->rows_per_sheet > 1 && spec->rows_per_sheet < ROWS_MOST ? spec->rows_per_sheet : ROWS_MOST;
        x->zip = zip_open(sink);
        x->deflater = x->zip != NULL ? deflate_open(zip_data, x->zip) : NULL;
        if (x->deflater == NULL || workbook_begin(&x->frame, spec, x->zip) < 0)
                return -1;
        for (size_t i = 0; i < spec->column_count; i++)
                prepare_column(x, i);
        return begin_sheet(x);
}

static void *xlsx_open(const struct table_spec *spec, const struct sink *sink)
{
        struct xlsx *x = calloc(1, sizeof(*x));

        if (x == NULL)
                return NULL;
        if (begin(x, spec, sink) == 0)
                return x;
        xlsx_drop(x);
        return NULL;
}

static int finish(struct xlsx *x)
{
        struct workbook_sheets sheets;

        if (!table_is_whole(&x->state) || end_sheet(x) < 0)
                return -1;
        sheets = (struct workbook_sheets){.rows = x->sheet_rows, .count = x->sheet_count};
        if (workbook_end(&x->frame, x->state.spec, &sheets, &x->totals, x->zip) < 0)
                return -1;
        return zip_finish(x->zip);
}

static int xlsx_close(void *writer, struct table_totals *ret)
{
        struct xlsx *x = writer;
        int answer = finish(x);

        *ret = x->state.totals;
        ret->bytes = zip_bytes(x->zip);
        ret->sheets = x->sheet_count;
        xlsx_drop(x);
        return answer;
}

const struct table_writer_ops xlsx_table = {
        .suffix = "xlsx",
        .content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        .open = xlsx_open,
        .row = table_row,
        .close = xlsx_close,
        .drop = xlsx_drop,
        .fault = table_fault,
};
