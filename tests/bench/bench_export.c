/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a file of rows and prints what that cost: by the writers of plugins/export, or by libxlsxwriter alone as the
 * yardstick, from PostgreSQL or from the bytes of a binary COPY on standard input (which tests make by hand).
 *   bench_export busbar|libxlsxwriter CONNINFO SELECT FORMAT COLUMNS FILE
 *   bench_export stdin FORMAT COLUMNS FILE [rows a sheet]
 * FORMAT: xlsx, csv, csv-comma, ndjson. COLUMNS: name:kind,… with the kinds below. TIME_ZONE: Europe/Berlin when not
 * set. test-includes: plugins/export test-libs: libexporttable.la -lxlsxwriter
 */
#include "base/arena.h"
#include "base/time.h"
#include "rt/zone.h"
#include "table.h"
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xlsxwriter.h>

static const char *const kind_names[] = {[CELL_TEXT] = "text",         [CELL_INT] = "int",   [CELL_TIME] = "time",
                                         [CELL_DURATION] = "duration", [CELL_KWH] = "kwh",   [CELL_MONEY] = "money",
                                         [CELL_BOOL] = "bool",         [CELL_ENUM] = "enum", [CELL_UUID] = "uuid"};
static const char *const enum_values[] = {"open", "ended", "review", "closed"};
static struct table_column columns[TABLE_COLUMNS_MOST];
static struct table_spec spec = {.sheet = "Sessions", .columns = columns, .author = "Busbar", .title = "Sessions"};

static void fail(const char *what, const char *why)
{
        fprintf(stderr, "%s: %s\n", what, why);
        exit(1);
}

static void read_columns(char *text)
{
        for (char *at = text, *next; at != NULL; at = next) {
                struct table_column *c = &columns[spec.column_count];
                char *kind = strchr(at, ':');

                next = strchr(at, ',');
                if (next != NULL)
                        *next++ = '\0';
                if (kind == NULL || spec.column_count == TABLE_COLUMNS_MOST)
                        fail(at, "not name:kind");
                *kind++ = '\0';
                *c = (struct table_column){.name = at, .title = at, .kind = -1, .width = 16};
                for (int32_t i = 0; i < CELL_KINDS; i++)
                        if (strcmp(kind, kind_names[i]) == 0)
                                c->kind = i;
                if (c->kind < 0)
                        fail(kind, "no kind");
                if (c->kind == CELL_ENUM) {
                        c->values = enum_values;
                        c->value_count = BB_COUNT(enum_values);
                }
                spec.column_count++;
        }
}

static void set_zone(void)
{
        const char *name = getenv("TIME_ZONE");

        spec.zone_name = name != NULL ? name : "Europe/Berlin";
        spec.offset_s = zone_offset;
        arena_current = arena_new("bench");
        if (zone_open(bb_cstr(spec.zone_name), &spec.zone) < 0)
                fail(spec.zone_name, "no time zone");
}

static const struct table_writer_ops *find_writer(const char *format)
{
        spec.decimal_comma = strcmp(format, "csv-comma") == 0;
        if (strncmp(format, "csv", 3) == 0)
                return table_writer(FORMAT_CSV);
        return table_writer(strcmp(format, "ndjson") == 0 ? FORMAT_NDJSON : FORMAT_XLSX);
}

static int write_all(void *arg, const void *data, size_t len)
{
        const int *fd = arg;
        const char *at = data;

        while (len > 0) {
                ssize_t n = write(*fd, at, len);

                if (n < 0 && errno != EINTR)
                        return -1;
                at += n > 0 ? n : 0;
                len -= n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int open_file(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        if (fd < 0)
                fail(path, strerror(errno));
        return fd;
}

/* --- from standard input --- */

static int from_stdin(const struct table_writer_ops *ops, const char *path)
{
        int fd = open_file(path);
        struct sink sink = {write_all, &fd};
        size_t len = 0, room = 1 << 20;
        char *bytes = malloc(room);
        struct table_totals totals;
        void *writer = ops->open(&spec, &sink);
        ssize_t n;

        while ((n = read(STDIN_FILENO, bytes + len, room - len)) > 0) {
                len += (size_t)n;
                if (len == room)
                        bytes = realloc(bytes, room *= 2);
        }
        if (writer == NULL)
                fail("open", "failed");
        if (ops->row(writer, bytes, len) < 0) {
                fprintf(stderr, "%s\n", ops->fault(writer));
                ops->drop(writer);
                return 2;
        }
        if (ops->close(writer, &totals) < 0)
                return 3;
        free(bytes);
        printf("rows=%lld bytes=%lld sheets=%d\n", (long long)totals.rows, (long long)totals.bytes, totals.sheets);
        return close(fd) == 0 ? 0 : 4;
}

/* --- from PostgreSQL --- */

static PGconn *begin_copy(const char *conninfo, const char *select)
{
        PGconn *conn = PQconnectdb(conninfo);
        size_t room = strlen(select) + 64;
        char *sql = malloc(room);
        PGresult *res;

        if (PQstatus(conn) != CONNECTION_OK)
                fail("connect", PQerrorMessage(conn));
        snprintf(sql, room, "copy (%s) to stdout (format binary)", select);
        res = PQexec(conn, sql);
        if (PQresultStatus(res) != PGRES_COPY_OUT)
                fail("copy", PQerrorMessage(conn));
        PQclear(res);
        free(sql);
        return conn;
}

static void end_copy(PGconn *conn)
{
        PGresult *res = PQgetResult(conn);

        if (PQresultStatus(res) != PGRES_COMMAND_OK)
                fail("copy", PQerrorMessage(conn));
        PQclear(res);
        PQfinish(conn);
}

static int64_t write_ours(const struct table_writer_ops *ops, PGconn *conn, const char *path)
{
        int fd = open_file(path), len;
        struct sink sink = {write_all, &fd};
        struct table_totals totals;
        void *writer = ops->open(&spec, &sink);
        char *data;

        if (writer == NULL)
                fail("open", "failed");
        while ((len = PQgetCopyData(conn, &data, 0)) > 0) {
                if (ops->row(writer, data, (size_t)len) < 0)
                        fail("row", ops->fault(writer));
                PQfreemem(data);
        }
        end_copy(conn);
        if (ops->close(writer, &totals) < 0 || close(fd) < 0)
                fail("close", "failed");
        return totals.rows;
}

/* --- the yardstick: libxlsxwriter in its constant-memory mode, with the same columns and formats --- */

struct yard {
        lxw_workbook *book;
        lxw_worksheet *sheet;
        lxw_format *formats[CELL_KINDS], *title;
        lxw_row_t row;
        int sheets;
};

static uint64_t big(const char *p, int bytes)
{
        uint64_t v = 0;

        for (int i = 0; i < bytes; i++)
                v = v << 8 | (unsigned char)p[i];
        return v;
}

static int64_t yard_number(const char *p, int len)
{
        return len == 8 ? (int64_t)big(p, 8) : len == 4 ? (int32_t)big(p, 4) : len == 2 ? (int16_t)big(p, 2) : *p;
}

static void yard_text(struct yard *y, lxw_col_t column, const char *p, int len)
{
        char text[4096];

        snprintf(text, sizeof(text), "%.*s", len, p);
        worksheet_write_string(y->sheet, y->row, column, text, NULL);
}

static void yard_uuid(struct yard *y, lxw_col_t column, const char *p)
{
        char text[40];
        const unsigned char *u = (const unsigned char *)p;

        snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%04x%08x", (unsigned)big(p, 4), (unsigned)big(p + 4, 2),
                 (unsigned)big(p + 6, 2), (unsigned)big(p + 8, 2), (unsigned)(u[10] << 8 | u[11]),
                 (unsigned)big(p + 12, 4));
        worksheet_write_string(y->sheet, y->row, column, text, NULL);
}

static double yard_time(int64_t us)
{
        int64_t seconds = us / 1000000 + 946684800;

        return (double)(seconds + zone_offset(spec.zone, seconds * 1000)) / 86400.0 + 25569.0;
}

static void yard_cell(struct yard *y, lxw_col_t column, int32_t kind, const char *p, int len)
{
        static const double scales[CELL_KINDS] = {[CELL_INT] = 1,
                                                  [CELL_DURATION] = 86400000.0,
                                                  [CELL_KWH] = 1000.0,
                                                  [CELL_MONEY] = 10000.0,
                                                  [CELL_ENUM] = 1};
        lxw_format *format = y->formats[kind];

        if (kind == CELL_TEXT)
                yard_text(y, column, p, len);
        else if (kind == CELL_UUID)
                yard_uuid(y, column, p);
        else if (kind == CELL_BOOL)
                worksheet_write_boolean(y->sheet, y->row, column, *p, NULL);
        else if (kind == CELL_ENUM)
                worksheet_write_string(y->sheet, y->row, column, enum_values[yard_number(p, len) & 3], NULL);
        else if (kind == CELL_TIME)
                worksheet_write_number(y->sheet, y->row, column, yard_time(yard_number(p, len)), format);
        else
                worksheet_write_number(y->sheet, y->row, column, (double)yard_number(p, len) / scales[kind], format);
}

static void yard_sheet(struct yard *y)
{
        y->sheet = workbook_add_worksheet(y->book, NULL);
        worksheet_freeze_panes(y->sheet, 1, 0);
        for (lxw_col_t i = 0; i < spec.column_count; i++) {
                worksheet_set_column(y->sheet, i, i, 16, NULL);
                worksheet_write_string(y->sheet, 0, i, columns[i].title, y->title);
        }
        y->row = 0;
        y->sheets++;
}

static void yard_row(struct yard *y, const char *p)
{
        p += 2;
        if (++y->row == 1048576)
                yard_sheet(y);
        for (size_t i = 0; i < spec.column_count; i++) {
                int len = (int)(int32_t)big(p, 4);

                p += 4;
                if (len < 0)
                        continue;
                yard_cell(y, (lxw_col_t)i, columns[i].kind, p, len);
                p += len;
        }
}

static int64_t write_yardstick(PGconn *conn, const char *path)
{
        static const char *const patterns[CELL_KINDS] = {[CELL_INT] = "0",
                                                         [CELL_TIME] = "yyyy-mm-dd hh:mm:ss",
                                                         [CELL_DURATION] = "[h]:mm:ss",
                                                         [CELL_KWH] = "0.000",
                                                         [CELL_MONEY] = "#,##0.00"};
        lxw_workbook_options options = {.constant_memory = LXW_TRUE};
        struct yard y = {.book = workbook_new_opt(path, &options)};
        int64_t rows = 0;
        char *data;
        int len;

        y.title = workbook_add_format(y.book);
        format_set_bold(y.title);
        for (int i = 0; i < CELL_KINDS; i++) {
                if (patterns[i] == NULL)
                        continue;
                y.formats[i] = workbook_add_format(y.book);
                format_set_num_format(y.formats[i], patterns[i]);
        }
        yard_sheet(&y);
        while ((len = PQgetCopyData(conn, &data, 0)) > 0) {
                const char *row = rows == 0 ? data + 19 : data;

                if (row + 2 < data + len) {
                        yard_row(&y, row);
                        rows++;
                }
                PQfreemem(data);
        }
        end_copy(conn);
        if (workbook_close(y.book) != LXW_NO_ERROR)
                fail("libxlsxwriter", "failed");
        return rows;
}

static int64_t micros(struct timeval t)
{
        return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static int measured(int ours, const char *conninfo, const char *select, const char *format, const char *path)
{
        int64_t begin_us = time_mono_us(), rows, cpu_us;
        PGconn *conn = begin_copy(conninfo, select);
        struct rusage usage;

        rows = ours ? write_ours(find_writer(format), conn, path) : write_yardstick(conn, path);
        getrusage(RUSAGE_SELF, &usage);
        cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
        printf("rows=%lld wall_s=%.3f cpu_us_row=%.3f rss_kib=%ld\n", (long long)rows,
               (double)(time_mono_us() - begin_us) / 1e6, (double)cpu_us / (double)(rows > 0 ? rows : 1),
               usage.ru_maxrss);
        return 0;
}

int main(int argc, char **argv)
{
        set_zone();
        if (argc >= 5 && strcmp(argv[1], "stdin") == 0) {
                read_columns(argv[3]);
                spec.rows_per_sheet = argc > 5 ? atoi(argv[5]) : 0;
                return from_stdin(find_writer(argv[2]), argv[4]);
        }
        if (argc != 7)
                fail("usage", "see the head of bench_export.c");
        read_columns(argv[5]);
        return measured(strcmp(argv[1], "busbar") == 0, argv[2], argv[3], argv[4], argv[6]);
}
