/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV as RFC 4180 has it, UTF-8 with the byte order mark that Excel wants.
 */
#include "export.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

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

static void write_time(FILE *f, int64_t ms)
{
        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;

        if (gmtime_r(&seconds, &tm) == NULL)
                return;
        fprintf(f, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                tm.tm_sec);
}

static void write_kwh(FILE *f, int64_t wh)
{
        uint64_t size = wh < 0 ? (uint64_t)-(wh + 1) + 1 : (uint64_t)wh;

        fprintf(f, "%s%" PRIu64 ".%03" PRIu64, wh < 0 ? "-" : "", size / 1000, size % 1000);
}

static void write_cell(FILE *f, const struct cell *cell)
{
        if (cell->absent)
                return;
        switch (cell->kind) {
        case CELL_TEXT:
                write_text(f, cell->text);
                return;
        case CELL_TIME:
                write_time(f, cell->num);
                return;
        case CELL_KWH:
                write_kwh(f, cell->num);
                return;
        case CELL_DURATION:
                fprintf(f, "%" PRId64 ":%02d:%02d", cell->num / 3600, abs((int)(cell->num / 60 % 60)),
                        abs((int)(cell->num % 60)));
                return;
        default:
                fprintf(f, "%" PRId64, cell->num);
        }
}

static void *csv_open(const char *path, const char *folder)
{
        FILE *f = fopen(path, "wbe");

        (void)folder;
        if (f == NULL)
                return NULL;
        fputs("\xEF\xBB\xBF", f);
        for (size_t i = 0; i < column_count; i++)
                fprintf(f, "%s\"%s\"", i > 0 ? "," : "", columns[i].title);
        fputs("\r\n", f);
        return f;
}

static int csv_rows(void *writer, const struct bb_session *sessions, size_t count)
{
        FILE *f = writer;

        for (size_t row = 0; row < count; row++) {
                for (size_t i = 0; i < column_count; i++) {
                        struct cell cell = columns[i].get(&sessions[row]);

                        if (i > 0)
                                putc(',', f);
                        write_cell(f, &cell);
                }
                fputs("\r\n", f);
        }
        return ferror(f) ? -1 : 0;
}

static int csv_close(void *writer)
{
        FILE *f = writer;
        int failed = ferror(f);

        return fclose(f) != 0 || failed ? -1 : 0;
}

const struct writer_ops csv_writer = {
        .suffix = "csv", .content_type = "text/csv; charset=utf-8", .open = csv_open, .rows = csv_rows, .close = csv_close};
