/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rows of a table sum up to, by the month of the first column that is a time; amounts of different currencies
 * are never added up.
 */
#ifndef EXPORT_TOTALS_H
#define EXPORT_TOTALS_H

#include "copy_row.h"
#include "moment.h"

enum { TOTALS_SUMS = 8, TOTALS_MONTHS = 1200, TOTALS_UNITS = 16, UNIT_CHARS = 12 };
/* Rows without a time; rows of months that there was no room for (clocks gone wild). */
#define TOTALS_NO_MONTH INT32_MAX
#define TOTALS_OTHER (INT32_MAX - 1)

struct totals_month {
        int32_t month;    /* 12 * year + 0 to 11, or TOTALS_… */
        int32_t unit;     /* of units; TOTALS_UNITS for those that there was no room for */
        int32_t overflow; /* the sums mean nothing */
        int64_t rows, sums[TOTALS_SUMS];
};

struct totals {
        int32_t time_column;          /* -1: the table has no time, and all is one month */
        int32_t columns[TOTALS_SUMS]; /* that are summed */
        int32_t sum_count;
        int32_t unit_column; /* the column "currency", when amounts are summed; -1: all is one unit */
        int32_t unit_count;
        char units[TOTALS_UNITS][UNIT_CHARS];
        struct totals_month *months; /* rising by month and unit */
        size_t month_count, last;    /* last: of the row before */
};

/* -1: no memory. */
int totals_init(struct totals *, const struct table_spec *) BB_HIDDEN;
void totals_free(struct totals *) BB_HIDDEN;
/* Adds a row. */
void totals_add(struct totals *, struct moments *, const struct cell *cells) BB_HIDDEN;
/* All months of a unit together. */
struct totals_month totals_all(const struct totals *, int32_t unit) BB_HIDDEN;

#endif
