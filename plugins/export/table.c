/* SPDX-License-Identifier: Apache-2.0
 */
#include "table.h"
#include "table_state.h"
#include <stdio.h>

const struct table_writer_ops *table_writer(int32_t format)
{
        static const struct table_writer_ops *const writers[] = {
                [FORMAT_XLSX] = &xlsx_table, [FORMAT_CSV] = &csv_table, [FORMAT_NDJSON] = &ndjson_table};

        return format >= 0 && (size_t)format < BB_COUNT(writers) ? writers[format] : NULL;
}

int table_begin(struct table_state *t, const struct table_spec *spec, const struct sink *sink, copy_row_fn row,
                void *arg)
{
        if (spec->column_count < 1 || spec->column_count > TABLE_COLUMNS_MOST)
                return -1;
        for (size_t i = 0; i < spec->column_count; i++)
                if (spec->columns[i].kind < 0 || spec->columns[i].kind >= CELL_KINDS)
                        return -1;
        t->spec = spec;
        t->sink = *sink;
        t->totals.sheets = 1;
        t->copy = (struct copy_rows){
                .columns = spec->columns, .column_count = spec->column_count, .row = row, .arg = arg};
        moments_init(&t->moments, spec);
        return 0;
}

int table_row(void *writer, const char *copy_data, size_t len)
{
        struct table_state *t = writer;

        if (t->outcome == COPY_OK)
                t->outcome = copy_rows_feed(&t->copy, copy_data, len);
        return t->outcome == COPY_OK ? 0 : -1;
}

const char *table_fault(const void *writer)
{
        const struct table_state *t = writer;

        switch (t->outcome) {
        case COPY_STOPPED:
                return "The file could not be written: is the disk full?";
        case COPY_MALFORMED:
                return "The database sent a row that does not look as its columns were declared.";
        default:
                return NULL;
        }
}

int32_t table_is_whole(const struct table_state *t)
{
        return t->outcome == COPY_OK && t->copy.ended;
}

int table_pass(void *arg, const void *data, size_t len)
{
        struct table_state *t = arg;

        if (t->sink.write(t->sink.arg, data, len) < 0)
                return -1;
        t->totals.bytes += (int64_t)len;
        return 0;
}

void table_title(const struct table_spec *spec, const struct table_column *column, char ret[TITLE_CHARS])
{
        if (column->kind == CELL_TIME)
                snprintf(ret, TITLE_CHARS, "%s (%s)", column->title, spec->zone_name);
        else
                snprintf(ret, TITLE_CHARS, "%s", column->title);
}

const char *table_enum(const struct table_column *column, int64_t value)
{
        return value >= 0 && (uint64_t)value < column->value_count ? column->values[value] : NULL;
}

char *put_uuid(char *at, const char bytes[16])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < 16; i++) {
                unsigned char byte = (unsigned char)bytes[i];

                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *at++ = '-';
                *at++ = digits[byte >> 4];
                *at++ = digits[byte & 15];
        }
        return at;
}

char *put_any_moment(char *at, struct moments *moments, int64_t at_us)
{
        if (at_us != INT64_MAX && at_us != INT64_MIN)
                return put_moment(at, moments, at_us);
        *at = '-';
        at += at_us < 0;
        memcpy(at, "infinity", 8);
        return at + 8;
}
