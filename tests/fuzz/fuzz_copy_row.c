/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of exports: hostile bytes of a binary COPY are refused or written, never read beyond; what is written has
 * the characters that its format can carry, and a line for each row. The first byte says how many columns, the next
 * ones of which kind.
 *
 * fuzz-sources: plugins/export/cell_text.c plugins/export/copy_row.c plugins/export/moment.c plugins/export/table.c
 * fuzz-sources: plugins/export/table_csv.c plugins/export/table_ndjson.c
 */
#include "cell_text.h"
#include "table_state.h"
#include <stdio.h>
#include <stdlib.h>

#define MOST (64 * 1024)
enum { COLUMNS = 8 };

/* The table of writers names it; the two others are tried here, and what XLSX does with texts. */
const struct table_writer_ops xlsx_table;

static int32_t offset_s(const bb_zone *zone, int64_t at_ms)
{
        (void)zone;
        return at_ms / 7200000 % 2 == 0 ? 3600 : -12345;
}

/* Counts lines, and looks for what no text may have. */
struct seen {
        int64_t lines;
        int32_t line_breaks; /* may be in a text as well */
};

static int look(void *arg, const void *data, size_t len)
{
        struct seen *seen = arg;
        const unsigned char *bytes = data;

        for (size_t i = 0; i < len; i++) {
                if (bytes[i] < 0x20 && bytes[i] != '\n' && !(seen->line_breaks && bytes[i] == '\t'))
                        abort();
                seen->lines += bytes[i] == '\n';
        }
        return 0;
}

static int count(void *arg, const void *data, size_t len)
{
        size_t *bytes = arg;

        (void)data;
        *bytes += len;
        return 0;
}

static void write_texts(const char *data, size_t len)
{
        static struct out out;
        struct seen seen = {.line_breaks = 1};

        out_init(&out, look, &seen);
        put_xml_text(&out, data, len, 32767);
        (void)out_flush(&out);
        (void)text_is_formula(data, len);
        (void)text_needs_space(data, len);
}

static void write_table(const struct table_spec *spec, const char *data, size_t len)
{
        struct seen seen = {0};
        size_t bytes = 0;
        const struct sink json = {look, &seen}, csv = {count, &bytes};
        struct table_totals totals;
        void *writer = ndjson_table.open(spec, &json);

        if (writer == NULL)
                return;
        (void)ndjson_table.row(writer, data, len);
        if (ndjson_table.close(writer, &totals) == 0 && totals.rows != seen.lines)
                abort();
        writer = csv_table.open(spec, &csv);
        (void)csv_table.row(writer, data, len);
        if (csv_table.close(writer, &totals) == 0 && totals.bytes != (int64_t)bytes)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const values[] = {"a", "b\"c"};
        struct table_column columns[COLUMNS];
        struct table_spec spec = {.columns = columns, .zone_name = "X", .offset_s = offset_s};
        char *exact;

        if (size < 1 || size < 1u + data[0] % COLUMNS + 1 || size > MOST)
                return 0;
        spec.column_count = data[0] % COLUMNS + 1u;
        spec.decimal_comma = data[0] >> 7;
        for (size_t i = 0; i < spec.column_count; i++)
                columns[i] = (struct table_column){.name = "n",
                                                   .title = "T",
                                                   .kind = data[1 + i] % CELL_KINDS,
                                                   .values = values,
                                                   .value_count = 2};
        size -= 1 + spec.column_count;
        exact = malloc(size > 0 ? size : 1);
        if (exact == NULL)
                return 0;
        memcpy(exact, data + 1 + spec.column_count, size);
        write_table(&spec, exact, size);
        write_texts(exact, size);
        free(exact);
        return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
        static uint8_t bytes[MOST];

        for (int i = 1; i < argc; i++) {
                FILE *f = fopen(argv[i], "rb");

                if (f == NULL)
                        return 1;
                LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof(bytes), f));
                fclose(f);
        }
        return 0;
}
#endif
