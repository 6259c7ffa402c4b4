/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of a binary COPY (PostgreSQL's documentation of COPY, "Binary Format"), taken apart and checked: a row
 * that does not look as its columns declare is refused, and nothing is ever read beyond a message.
 */
#ifndef EXPORT_COPY_ROW_H
#define EXPORT_COPY_ROW_H

#include "table.h"

/* `num` of what is a number: as in CELL_…; times are µs since 2000-01-01T00:00:00Z, booleans 0 or 1. `data` points
 * into the message. */
struct cell {
        const char *data;
        size_t len;
        int64_t num;
        int32_t absent;
};

/* Takes the cells of a row; 0, or -1 to stop. */
typedef int (*copy_row_fn)(void *arg, const struct cell *cells);

struct copy_rows {
        const struct table_column *columns;
        size_t column_count;
        copy_row_fn row;
        void *arg;
        int32_t begun, ended; /* the header came; the trailer came */
        struct cell cells[TABLE_COLUMNS_MOST];
};

enum { COPY_OK = 0, COPY_STOPPED = -1, COPY_MALFORMED = -2 };
/* Takes one message with a header, rows or the trailer. COPY_… */
int32_t copy_rows_feed(struct copy_rows *, const char *data, size_t len) BB_HIDDEN;

#endif
