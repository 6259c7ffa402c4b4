/* SPDX-License-Identifier: Apache-2.0
 *
 * The writers of exports: what they refuse, what they do when the disk is full, and that a file is never taken for
 * whole when its rows ended early. test-includes: plugins/export test-libs: libexporttable.la
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "export_copy.h"
#include "rt/zone.h"
#include "zip.h"

static const char *const words[] = {"open", "ended"};
static const struct table_column columns[] = {
        {.name = "name", .title = "Name", .kind = CELL_TEXT},
        {.name = "at", .title = "At", .kind = CELL_TIME},
        {.name = "energy", .title = "Energy", .kind = CELL_KWH},
        {.name = "state", .title = "State", .kind = CELL_ENUM, .values = words, .value_count = 2},
};
static struct table_spec spec = {.sheet = "Sessions", .columns = columns, .column_count = BB_COUNT(columns)};

/* 2026-03-29T01:00:00Z in µs since 2000: the clocks in Berlin go forward. */
#define FORWARD_US 828061200000000LL

static void add_row(struct bytes *b, const char *name, int64_t at_us, int64_t wh, int64_t state)
{
        bytes_number(b, BB_COUNT(columns), 2);
        copy_text(b, name, strlen(name));
        copy_int8(b, at_us);
        copy_int8(b, wh);
        copy_int8(b, state);
}

static void *open_writer(int32_t format, struct bytes *out)
{
        struct sink sink = {bytes_add, out};
        void *writer = table_writer(format)->open(&spec, &sink);

        assert_non_null(writer);
        return writer;
}

static void rows_come_out_in_the_zone_of_the_tenant(void **state)
{
        static const char expected[] = "{\"name\":\"a\\\"b\",\"at\":\"2026-03-29T01:59:59.999999+01:00\",\"energy\":"
                                       "-1.500,\"state\":\"ended\"}\n"
                                       "{\"name\":\"=c\",\"at\":\"2026-03-29T03:00:00+02:00\",\"energy\":0.001,"
                                       "\"state\":7}\n";
        static const char csv[] = "\xEF\xBB\xBF\"Name\",\"At (Europe/Berlin)\",\"Energy\",\"State\"\r\n"
                                  "\"a\"\"b\",2026-03-29 01:59:59,-1.500,\"ended\"\r\n"
                                  "\"'=c\",2026-03-29 03:00:00,0.001,7\r\n";
        const char *const wanted[] = {[FORMAT_CSV] = csv, [FORMAT_NDJSON] = expected};

        (void)state;
        for (int32_t format = FORMAT_CSV; format <= FORMAT_NDJSON; format++) {
                struct bytes in = {0}, out = {0};
                struct table_totals totals;
                void *writer = open_writer(format, &out);

                copy_header(&in);
                add_row(&in, "a\"b", FORWARD_US - 1, -1500, 1);
                add_row(&in, "=c", FORWARD_US, 1, 7);
                assert_int_equal(table_writer(format)->row(writer, in.at, in.len), 0);
                in.len = 0;
                copy_trailer(&in);
                assert_int_equal(table_writer(format)->row(writer, in.at, in.len), 0);
                assert_null(table_writer(format)->fault(writer));
                assert_int_equal(table_writer(format)->close(writer, &totals), 0);
                assert_string_equal(out.at, wanted[format]);
                assert_int_equal(totals.rows, 2);
                assert_int_equal(totals.bytes, out.len);
                free(in.at);
                free(out.at);
        }
}

/* Every beginning of a COPY, in memory that ends with it, so that a read beyond is seen. */
static int feed_exactly(int32_t format, const char *data, size_t len, int32_t *ret_closed)
{
        struct bytes out = {0};
        void *writer = open_writer(format, &out);
        struct table_totals totals;
        char *exact = malloc(len > 0 ? len : 1);
        int answer;

        assert_non_null(exact);
        memcpy(exact, data, len);
        answer = table_writer(format)->row(writer, exact, len);
        free(exact);
        if (answer < 0) {
                assert_non_null(strstr(table_writer(format)->fault(writer), "row"));
                assert_int_equal(table_writer(format)->row(writer, data, len), -1);
        }
        *ret_closed = table_writer(format)->close(writer, &totals);
        free(out.at);
        return answer;
}

static void what_ends_early_is_never_whole(void **state)
{
        struct bytes in = {0};
        size_t begun, second, rows;
        int32_t closed;

        (void)state;
        copy_header(&in);
        begun = in.len;
        add_row(&in, "abc", FORWARD_US, 5, 0);
        second = in.len;
        add_row(&in, "", FORWARD_US, 5, 0);
        rows = in.len;
        copy_trailer(&in);
        for (size_t len = 0; len < in.len; len++) {
                int answer = feed_exactly(FORMAT_CSV, in.at, len, &closed);

                assert_int_equal(closed, -1);
                assert_int_equal(answer, len == begun || len == second || len == rows ? 0 : -1);
        }
        assert_int_equal(feed_exactly(FORMAT_CSV, in.at, in.len, &closed), 0);
        assert_int_equal(closed, 0);
        bytes_add(&in, "", 1); /* something behind the trailer */
        assert_int_equal(feed_exactly(FORMAT_CSV, in.at, in.len, &closed), -1);
        free(in.at);
}

static void rows_that_are_not_as_declared_are_refused(void **state)
{
        static const struct {
                size_t at; /* in a row: 2 of the number of cells, 4 of the first length, "abc", 4 of the next … */
                char value;
        } changes[] = {{1, 3}, {1, 5}, {0, 1}, {2, 127}, {5, 2}, {5, 4}, {12, 7}, {12, 4}, {12, 0}, {9, 1}};
        struct bytes in = {0};
        int32_t closed;

        (void)state;
        copy_header(&in);
        add_row(&in, "abc", FORWARD_US, 5, 0);
        copy_trailer(&in);
        for (size_t i = 0; i < BB_COUNT(changes); i++) {
                char *byte = &in.at[19 + changes[i].at], before = *byte;

                *byte = changes[i].value;
                assert_int_equal(feed_exactly(FORMAT_CSV, in.at, in.len, &closed), -1);
                assert_int_equal(closed, -1);
                *byte = before;
        }
        in.at[12] = 1; /* a critical flag */
        assert_int_equal(feed_exactly(FORMAT_CSV, in.at, in.len, &closed), -1);
        in.at[12] = 0;
        in.at[2] = 'c';
        assert_int_equal(feed_exactly(FORMAT_CSV, in.at, in.len, &closed), -1);
        free(in.at);
}

static void a_full_disk_is_said_and_leaks_nothing(void **state)
{
        struct bytes in = {0};

        (void)state;
        copy_header(&in);
        for (int32_t i = 0; i < 20000; i++)
                add_row(&in, "a name that is somewhat long", FORWARD_US + i * 1000003LL, i, i % 2);
        copy_trailer(&in);
        for (int32_t format = FORMAT_XLSX; format <= FORMAT_NDJSON; format++) {
                const struct table_writer_ops *ops = table_writer(format);
                struct bytes out = {.refuse_at = 100000};
                void *writer = open_writer(format, &out);
                struct table_totals totals;

                assert_int_equal(ops->row(writer, in.at, in.len), -1);
                assert_non_null(strstr(ops->fault(writer), "disk"));
                if (format == FORMAT_CSV)
                        assert_int_equal(ops->close(writer, &totals), -1);
                else
                        ops->drop(writer);
                free(out.at);
        }
        struct bytes out = {.refuse_at = 10};
        struct sink sink = {bytes_add, &out};

        assert_null(table_writer(FORMAT_XLSX)->open(&spec, &sink));
        free(out.at);
        free(in.at);
}

static void specifications_that_are_none_are_refused(void **state)
{
        static const struct table_column odd[] = {{.name = "a", .title = "A", .kind = CELL_KINDS}};
        struct table_spec bad = spec;
        struct sink sink = {bytes_add, NULL};

        (void)state;
        assert_null(table_writer(-1));
        assert_null(table_writer(FORMAT_NDJSON + 1));
        for (int32_t format = FORMAT_XLSX; format <= FORMAT_NDJSON; format++) {
                bad.columns = odd;
                bad.column_count = 1;
                assert_null(table_writer(format)->open(&bad, &sink));
                bad.columns = columns;
                bad.column_count = 0;
                assert_null(table_writer(format)->open(&bad, &sink));
                bad.column_count = TABLE_COLUMNS_MOST + 1;
                assert_null(table_writer(format)->open(&bad, &sink));
        }
}

/* --- a workbook, read with our own eyes --- */

struct seen {
        char *sheets[4];
        int32_t parts;
};

static int see(void *arg, const struct zip_part *part)
{
        struct seen *seen = arg;
        int32_t number = part->name[19] - '1';

        seen->parts++;
        if (strncmp(part->name, "xl/worksheets/sheet", 19) == 0 && number >= 0 && number < 4)
                seen->sheets[number] = zip_part_text(part);
        return 0;
}

static size_t count(const char *text, const char *what)
{
        size_t n = 0;

        for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
                n++;
        return n;
}

static void full_sheets_go_on_in_further_ones(void **state)
{
        struct bytes in = {0}, out = {0};
        struct table_totals totals;
        struct seen seen = {0};
        void *writer;

        (void)state;
        spec.rows_per_sheet = 101;
        writer = open_writer(FORMAT_XLSX, &out);
        copy_header(&in);
        for (int32_t i = 0; i < 250; i++)
                add_row(&in, "a", FORWARD_US, 1000, 0);
        copy_trailer(&in);
        assert_int_equal(table_writer(FORMAT_XLSX)->row(writer, in.at, in.len), 0);
        assert_int_equal(table_writer(FORMAT_XLSX)->close(writer, &totals), 0);
        spec.rows_per_sheet = 0;
        assert_int_equal(totals.rows, 250);
        assert_int_equal(totals.sheets, 3);
        assert_int_equal(totals.bytes, out.len);
        assert_int_equal(zip_each((const uint8_t *)out.at, out.len, see, &seen), 0);
        for (size_t i = 0; i < 3; i++) {
                static const size_t rows[] = {101, 101, 51};

                assert_non_null(seen.sheets[i]);
                assert_int_equal(count(seen.sheets[i], "<row "), rows[i]);
                assert_int_equal(count(seen.sheets[i], "<c r=\"C"), rows[i]);
                assert_null(strstr(seen.sheets[i], "<dimension"));
                free(seen.sheets[i]);
        }
        assert_non_null(strstr(seen.sheets[3], "<v>250</v>")); /* the summary's rows and kWh */
        free(seen.sheets[3]);
        free(in.at);
        free(out.at);
}

static int start(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        spec.zone_name = "Europe/Berlin";
        spec.offset_s = zone_offset;
        return zone_open(BB_STR("Europe/Berlin"), &spec.zone);
}

static int end(void **state)
{
        (void)state;
        zone_close_all();
        arena_free(arena_current);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_come_out_in_the_zone_of_the_tenant),
                cmocka_unit_test(what_ends_early_is_never_whole),
                cmocka_unit_test(rows_that_are_not_as_declared_are_refused),
                cmocka_unit_test(a_full_disk_is_said_and_leaks_nothing),
                cmocka_unit_test(specifications_that_are_none_are_refused),
                cmocka_unit_test(full_sheets_go_on_in_further_ones),
        };

        return cmocka_run_group_tests(tests, start, end);
}
