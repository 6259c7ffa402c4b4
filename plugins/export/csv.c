/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV as RFC 4180 has it, UTF-8 with the byte order mark that Excel wants.
 */
#include "export.h"
#include <inttypes.h>
#include <stdlib.h>

static void write_text(FILE *f, bb_str s)
{
        putc('"', f);
        if (cell_is_formula(s))
                putc('\'', f);
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] == '"')
                        putc('"', f);
                if (s.ptr[i] != '\0')
                        putc(s.ptr[i], f);
        }
        putc('"', f);
}

struct csv {
        FILE *file;
        const bb_zone *zone;
};

static void write_kwh(FILE *f, int64_t wh)
{
        uint64_t size = wh < 0 ? (uint64_t) - (wh + 1) + 1 : (uint64_t)wh;

        fprintf(f, "%s%" PRIu64 ".%03" PRIu64, wh < 0 ? "-" : "", size / 1000, size % 1000);
}

static void write_cell(const struct csv *csv, const struct cell *cell)
{
        FILE *f = csv->file;
        char text[CELL_CHARS];

        if (cell->absent)
                return;
        switch (cell->kind) {
        case CELL_TEXT:
                write_text(f, cell->text);
                return;
        case CELL_TIME:
        case CELL_DURATION:
                cell_as_text(cell, csv->zone, text, sizeof(text));
                fputs(text, f);
                return;
        case CELL_KWH:
                write_kwh(f, cell->num);
                return;
        default:
                fprintf(f, "%" PRId64, cell->num);
        }
}

static void *csv_open(const struct writer_target *target)
{
        struct csv *csv = calloc(1, sizeof(*csv));
        char title[100];

        if (csv == NULL)
                return NULL;
        csv->zone = target->zone;
        csv->file = fopen(target->path, "wbe");
        if (csv->file == NULL) {
                free(csv);
                return NULL;
        }
        fputs("\xEF\xBB\xBF", csv->file);
        for (size_t i = 0; i < column_count; i++) {
                column_title(&columns[i], target->zone_name, title, sizeof(title));
                fprintf(csv->file, "%s\"%s\"", i > 0 ? "," : "", title);
        }
        fputs("\r\n", csv->file);
        return csv;
}

static int csv_rows(void *writer, const struct bb_session *sessions, size_t count)
{
        const struct csv *csv = writer;

        for (size_t row = 0; row < count; row++) {
                for (size_t i = 0; i < column_count; i++) {
                        struct cell cell = columns[i].get(&sessions[row]);

                        if (i > 0)
                                putc(',', csv->file);
                        write_cell(csv, &cell);
                }
                fputs("\r\n", csv->file);
        }
        return ferror(csv->file) ? -1 : 0;
}

static int csv_close(void *writer)
{
        struct csv *csv = writer;
        int failed = ferror(csv->file);

        failed |= fclose(csv->file) != 0;
        free(csv);
        return failed ? -1 : 0;
}

const struct writer_ops csv_writer = {.suffix = "csv",
                                      .content_type = "text/csv; charset=utf-8",
                                      .open = csv_open,
                                      .rows = csv_rows,
                                      .close = csv_close};
