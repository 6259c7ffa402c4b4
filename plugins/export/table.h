/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a binary COPY as a file for spreadsheets or programs: XLSX, CSV or NDJSON, written as the rows come, with a
 * memory that does not grow with their number. Nothing of the host is called: a writer belongs to one thread at a time,
 * and that need not be the loop's.
 */
#ifndef EXPORT_TABLE_H
#define EXPORT_TABLE_H

#include <busbar/types.h>

/* What a column holds, and how the COPY brings it: numbers as int2, int4 or int8. */
enum {
        CELL_TEXT = 0,     /* text, varchar; UTF-8 */
        CELL_INT = 1,      /* a number */
        CELL_TIME = 2,     /* timestamptz */
        CELL_DURATION = 3, /* ms */
        CELL_KWH = 4,      /* Wh, shown as kWh with three decimals */
        CELL_MONEY = 5,    /* ten-thousandths of the currency's unit, kept with four decimals */
        CELL_BOOL = 6,     /* boolean */
        CELL_ENUM = 7,     /* an index into `values`; one beyond them is shown as the number */
        CELL_UUID = 8,     /* uuid: half as long on the wire as its text */
        CELL_KINDS = 9,
};

struct table_column {
        const char *name;          /* for machines: the key in NDJSON; letters, digits and '_' */
        const char *title;         /* for people: the header of XLSX and CSV; of a CELL_TIME the zone's name is added */
        int32_t kind;              /* CELL_… */
        int32_t width;             /* in characters */
        const char *const *values; /* of CELL_ENUM */
        size_t value_count;
        /* Durations, energies and money are summed by month on the sheet "Summary" unless this is set; amounts for each
         * value of a text column "currency" on its own. */
        int32_t no_sum;
};

enum { TABLE_COLUMNS_MOST = 256 };

/* What is to be written. The writer keeps the pointer: it and all that it points to must outlive the writer. */
struct table_spec {
        const char *sheet; /* "Sessions"; at most 24 characters of those that Excel allows */
        const struct table_column *columns;
        size_t column_count; /* 1 to TABLE_COLUMNS_MOST */
        const bb_zone *zone; /* in which times are written */
        const char *zone_name;
        int32_t (*offset_s)(const bb_zone *, int64_t at_ms); /* bb_zone_offset, which may run on any thread */
        int32_t decimal_comma; /* CSV: 1,5 with ';' between cells, as Excel expects where the comma is the decimal mark
                                */
        const char *author, *title; /* properties of the document; NULL: none */
        int32_t rows_per_sheet;     /* with the header; 0: Excel's 1,048,576 */
};

/* Where the bytes go, in order. 0, or -1: writing stops, and row() or close() fail. */
struct sink {
        int (*write)(void *arg, const void *data, size_t len);
        void *arg;
};

struct table_totals {
        int64_t rows, bytes;
        int32_t sheets; /* of rows; 1 for what has no sheets */
};

struct table_writer_ops {
        const char *suffix, *content_type;
        /* NULL: there is no memory, or the specification is none. What is first in the file may be written at once. */
        void *(*open)(const struct table_spec *, const struct sink *);
        /* One CopyData message of `COPY … TO STDOUT (FORMAT binary)` as it came from the server: the first begins with
         * COPY's header, the last is its trailer. 0, or -1: fault() says why, and only drop() may follow. */
        int (*row)(void *writer, const char *copy_data, size_t len);
        /* Writes what is left. 0, or -1 (also when COPY's trailer has not come); frees the writer in any case. */
        int (*close)(void *writer, struct table_totals *ret);
        /* Frees without finishing. */
        void (*drop)(void *writer);
        /* Why row() failed, for people; NULL when it did not. */
        const char *(*fault)(const void *writer);
};

enum { FORMAT_XLSX = 0, FORMAT_CSV = 1, FORMAT_NDJSON = 2 };
/* NULL for a format that there is not. */
const struct table_writer_ops *table_writer(int32_t format) BB_HIDDEN;

#endif
