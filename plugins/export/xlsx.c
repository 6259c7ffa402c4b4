/* SPDX-License-Identifier: Apache-2.0
 *
 * XLSX through libxlsxwriter in its constant-memory mode: true dates, durations and numbers, a frozen header with a
 * filter, further sheets where one is full.
 */
#include "export.h"
#include <stdlib.h>
#include <xlsxwriter.h>

#define LAST_ROW 1048575u /* of a sheet, counted from 0 */

struct xlsx {
        lxw_workbook *book;
        lxw_worksheet *sheet;
        lxw_format *title, *formats[5]; /* by CELL_… */
        lxw_row_t row;                  /* the next to write */
        int sheets;
        const bb_zone *zone;
        char zone_name[65];
        char *text; /* room for one cell with its NUL */
        size_t text_room;
};

static int close_sheet(struct xlsx *x)
{
        if (x->sheet == NULL || x->row == 0)
                return 0;
        return worksheet_autofilter(x->sheet, 0, 0, x->row - 1, (lxw_col_t)(column_count - 1)) == LXW_NO_ERROR ? 0 : -1;
}

static int next_sheet(struct xlsx *x)
{
        char name[24] = "Sessions", title[100];

        if (close_sheet(x) < 0)
                return -1;
        if (++x->sheets > 1)
                snprintf(name, sizeof(name), "Sessions %d", x->sheets);
        x->sheet = workbook_add_worksheet(x->book, name);
        if (x->sheet == NULL)
                return -1;
        for (size_t i = 0; i < column_count; i++)
                worksheet_set_column(x->sheet, (lxw_col_t)i, (lxw_col_t)i, columns[i].width, NULL);
        worksheet_freeze_panes(x->sheet, 1, 0);
        for (size_t i = 0; i < column_count; i++) {
                column_title(&columns[i], x->zone_name, title, sizeof(title));
                worksheet_write_string(x->sheet, 0, (lxw_col_t)i, title, x->title);
        }
        x->row = 1;
        return 0;
}

static lxw_format *number_format(lxw_workbook *book, const char *pattern)
{
        lxw_format *format = workbook_add_format(book);

        if (format != NULL && pattern != NULL)
                format_set_num_format(format, pattern);
        return format;
}

static void *xlsx_open(const struct writer_target *target)
{
        struct xlsx *x = calloc(1, sizeof(*x));
        lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = (char *)(uintptr_t)target->folder};

        if (x == NULL)
                return NULL;
        x->book = workbook_new_opt(target->path, &options);
        if (x->book == NULL) {
                free(x);
                return NULL;
        }
        x->zone = target->zone;
        snprintf(x->zone_name, sizeof(x->zone_name), "%s", target->zone_name);
        x->title = workbook_add_format(x->book);
        format_set_bold(x->title);
        x->formats[CELL_INT] = number_format(x->book, "0");
        x->formats[CELL_TIME] = number_format(x->book, "yyyy-mm-dd hh:mm:ss");
        x->formats[CELL_DURATION] = number_format(x->book, "[h]:mm:ss");
        x->formats[CELL_KWH] = number_format(x->book, "0.000");
        if (next_sheet(x) < 0) {
                workbook_close(x->book);
                free(x);
                return NULL;
        }
        return x;
}

/* A C string of the cell without what XML 1.0 cannot carry (§2.2); at most Excel's 32,767 characters. */
static const char *clean_text(struct xlsx *x, bb_str s)
{
        size_t n = 0, limit = s.len < 32000 ? s.len : 32000;

        while (limit < s.len && limit > 0 && ((unsigned char)s.ptr[limit] & 0xc0) == 0x80)
                limit--;
        if (limit + 2 > x->text_room) {
                char *more = realloc(x->text, limit + 2);

                if (more == NULL)
                        return NULL;
                x->text = more;
                x->text_room = limit + 2;
        }
        if (cell_is_formula(s))
                x->text[n++] = '\'';
        for (size_t i = 0; i < limit; i++) {
                unsigned char c = (unsigned char)s.ptr[i];

                if (c >= 0x20 || c == '\t' || c == '\n' || c == '\r')
                        x->text[n++] = s.ptr[i];
        }
        x->text[n] = '\0';
        return x->text;
}

/* Excel knows the days from 1900 (right since 1 March, as it takes that year for a leap year) to 9999 and no negative
 * times: it would show ####. */
static int beyond_excel(const struct cell *cell, double number)
{
        static const double first_day = 61.0, days = 2958466.0;

        if (cell->kind == CELL_TIME)
                return number < first_day || number >= days;
        return cell->kind == CELL_DURATION && number < 0;
}

static int write_as_text(struct xlsx *x, lxw_col_t column, const struct cell *cell)
{
        char text[CELL_CHARS];

        cell_as_text(cell, x->zone, text, sizeof(text));
        return worksheet_write_string(x->sheet, x->row, column, text, NULL) == LXW_NO_ERROR ? 0 : -1;
}

static int write_cell(struct xlsx *x, lxw_col_t column, const struct cell *cell)
{
        static const double day_ms = 86400000.0, day_s = 86400.0, epoch_in_excel = 25569.0;
        lxw_format *format = x->formats[cell->kind];
        const char *text;
        double number = (double)cell->num;

        if (cell->absent)
                return 0;
        if (cell->kind == CELL_TEXT) {
                text = clean_text(x, cell->text);
                if (text == NULL)
                        return -1;
                return worksheet_write_string(x->sheet, x->row, column, text, NULL) == LXW_NO_ERROR ? 0 : -1;
        }
        if (cell->kind == CELL_TIME)
                number = (number + 1000.0 * bb_zone_offset(x->zone, cell->num)) / day_ms + epoch_in_excel;
        if (cell->kind == CELL_DURATION)
                number /= day_s;
        if (cell->kind == CELL_KWH)
                number /= 1000.0;
        if (beyond_excel(cell, number))
                return write_as_text(x, column, cell);
        return worksheet_write_number(x->sheet, x->row, column, number, format) == LXW_NO_ERROR ? 0 : -1;
}

static int xlsx_rows(void *writer, const struct bb_session *sessions, size_t count)
{
        struct xlsx *x = writer;

        for (size_t row = 0; row < count; row++) {
                if (x->row > LAST_ROW && next_sheet(x) < 0)
                        return -1;
                for (size_t i = 0; i < column_count; i++) {
                        struct cell cell = columns[i].get(&sessions[row]);

                        if (write_cell(x, (lxw_col_t)i, &cell) < 0)
                                return -1;
                }
                x->row++;
        }
        return 0;
}

static int xlsx_close(void *writer)
{
        struct xlsx *x = writer;
        int failed = close_sheet(x) < 0;

        if (workbook_close(x->book) != LXW_NO_ERROR)
                failed = 1;
        free(x->text);
        free(x);
        return failed ? -1 : 0;
}

const struct writer_ops xlsx_writer = {.suffix = "xlsx",
                                       .content_type =
                                               "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                                       .open = xlsx_open,
                                       .rows = xlsx_rows,
                                       .close = xlsx_close};
