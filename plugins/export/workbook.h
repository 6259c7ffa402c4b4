/* SPDX-License-Identifier: Apache-2.0
 *
 * The workbook around the streamed rows, made by libxlsxwriter: a small one with the same sheets, whose parts are taken
 * over, all but the sheets with rows. What comes before and behind the rows of a sheet is learned from it too.
 */
#ifndef EXPORT_WORKBOOK_H
#define EXPORT_WORKBOOK_H

#include "totals.h"
#include "zip.h"

/* Formats of cells, in the order in which the styles get their numbers. */
enum {
        STYLE_TITLE = 0,
        STYLE_INT,
        STYLE_TIME,
        STYLE_DURATION,
        STYLE_KWH,
        STYLE_MONEY,
        STYLE_MONTH,
        STYLE_TOTAL_INT, /* the same, bold */
        STYLE_TOTAL_DURATION,
        STYLE_TOTAL_KWH,
        STYLE_TOTAL_MONEY,
        STYLE_LINK,
        STYLES,
};

/* The rows of each sheet, without the header. */
struct workbook_sheets {
        const int32_t *rows;
        int32_t count;
};

struct workbook_frame {
        char *first_head,
                *next_head; /* of the first sheet with rows and of others, up to <sheetData> and the header row */
        char *tail;         /* behind </sheetData> and the filter */
        int32_t styles[STYLES];
        uint32_t styles_crc;
};

/* Makes a workbook in memory with these sheets, and calls `each` with its parts. 0 or -1. */
int workbook_make(const struct table_spec *, const struct workbook_sheets *, const struct totals *,
                  int (*each)(void *arg, const struct zip_part *), void *arg) BB_HIDDEN;

void workbook_frame_free(struct workbook_frame *) BB_HIDDEN;
/* Writes the parts that do not depend on the rows, and learns what frames these; then all others. 0, or -1: the sink
 * refused, there is no memory, or libxlsxwriter writes otherwise than we know it. */
int workbook_begin(struct workbook_frame *, const struct table_spec *, struct zip *) BB_HIDDEN;
int workbook_end(const struct workbook_frame *, const struct table_spec *, const struct workbook_sheets *,
                 const struct totals *, struct zip *) BB_HIDDEN;

/* "Sessions 2"; the first sheet has no number. */
enum { SHEET_NAME = 40, PAPER_A4 = 9 };
void workbook_sheet_name(const struct table_spec *, int32_t index, char ret[SHEET_NAME]) BB_HIDDEN;

/* summary.c: the sheet with the sums. */
struct lxw_workbook;
struct lxw_format;
int summary_add(struct lxw_workbook *, struct lxw_format *const formats[STYLES], const struct table_spec *,
                const struct workbook_sheets *, const struct totals *) BB_HIDDEN;

#endif
