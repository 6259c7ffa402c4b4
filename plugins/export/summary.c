/* SPDX-License-Identifier: Apache-2.0
 *
 * The sheet "Summary": how many rows, what they sum up to by month, with a chart, and where they are when there is more
 * than one sheet. It comes behind the rows, since programs read the first sheet.
 */
#include "table_state.h"
#include "workbook.h"
#include <stdio.h>
#include <xlsxwriter.h>

enum { TABLE_ROW = 5 }; /* the header of the months */

struct summary {
        lxw_workbook *book;
        lxw_worksheet *sheet;
        lxw_format *const *formats;
        const struct table_spec *spec;
        const struct totals *totals;
        char name[SHEET_NAME];
};

static const struct table_column *summed(const struct summary *s, int32_t slot)
{
        return &s->spec->columns[s->totals->columns[slot]];
}

static void put_label(const struct summary *s, lxw_row_t row, const char *label, lxw_col_t column)
{
        worksheet_write_string(s->sheet, row, column, label, s->formats[STYLE_TITLE]);
}

/* libxlsxwriter takes numbers as double alone; the sums themselves are whole. */
static void put_sum(const struct summary *s, lxw_row_t row, int32_t slot, int64_t sum, int32_t total)
{
        static const struct {
                double scale;
                int32_t style, total_style;
        } kinds[CELL_KINDS] = {
                [CELL_DURATION] = {86400000.0, STYLE_DURATION, STYLE_TOTAL_DURATION},
                [CELL_KWH] = {1000.0, STYLE_KWH, STYLE_TOTAL_KWH},
                [CELL_MONEY] = {10000.0, STYLE_MONEY, STYLE_TOTAL_MONEY},
        };
        __typeof__(&kinds[0]) kind = &kinds[summed(s, slot)->kind];

        worksheet_write_number(s->sheet, row, (lxw_col_t)(slot + 2), (double)sum / kind->scale,
                               s->formats[total ? kind->total_style : kind->style]);
}

static void put_month(const struct summary *s, lxw_row_t row, int32_t month)
{
        lxw_datetime date = {.year = month / 12, .month = month % 12 + 1, .day = 1};
        char text[32];

        if (month == TOTALS_NO_MONTH || month == TOTALS_OTHER) {
                worksheet_write_string(s->sheet, row, 0, month == TOTALS_OTHER ? "others" : "none", NULL);
                return;
        }
        if (date.year > 1900 && date.year <= 9999) {
                worksheet_write_datetime(s->sheet, row, 0, &date, s->formats[STYLE_MONTH]);
                return;
        }
        snprintf(text, sizeof(text), "%d-%02d", date.year, date.month);
        worksheet_write_string(s->sheet, row, 0, text, NULL);
}

static void put_sums(const struct summary *s, lxw_row_t row, const struct totals_month *month, int32_t total)
{
        worksheet_write_number(s->sheet, row, 1, (double)month->rows, s->formats[total ? STYLE_TOTAL_INT : STYLE_INT]);
        for (int32_t i = 0; i < s->totals->sum_count; i++)
                if (!month->overflow)
                        put_sum(s, row, i, month->sums[i], total);
}

/* The currency, behind the sums. */
static void put_unit(const struct summary *s, lxw_row_t row, int32_t unit, lxw_format *format)
{
        const char *name = unit < TOTALS_UNITS ? s->totals->units[unit] : "others";

        if (s->totals->unit_column >= 0 && *name != '\0')
                worksheet_write_string(s->sheet, row, (lxw_col_t)(s->totals->sum_count + 2), name, format);
}

static lxw_row_t put_totals(const struct summary *s, lxw_row_t row)
{
        for (int32_t unit = 0; unit <= TOTALS_UNITS; unit++) {
                struct totals_month all = totals_all(s->totals, unit);

                if (all.rows == 0 && unit > 0)
                        continue;
                put_label(s, ++row, "Total", 0);
                put_sums(s, row, &all, 1);
                put_unit(s, row, unit, s->formats[STYLE_TITLE]);
        }
        return row;
}

/* Months, one a row; the row behind the last. */
static lxw_row_t put_months(const struct summary *s)
{
        lxw_row_t row = TABLE_ROW;
        char title[TITLE_CHARS];

        snprintf(title, sizeof(title), "Month");
        if (s->totals->time_column >= 0)
                snprintf(title, sizeof(title), "Month of %s", s->spec->columns[s->totals->time_column].title);
        put_label(s, row, title, 0);
        put_label(s, row, "Rows", 1);
        for (int32_t i = 0; i < s->totals->sum_count; i++)
                put_label(s, row, summed(s, i)->title, (lxw_col_t)(i + 2));
        if (s->totals->unit_column >= 0)
                put_label(s, row, s->spec->columns[s->totals->unit_column].title,
                          (lxw_col_t)(s->totals->sum_count + 2));
        for (size_t i = 0; i < s->totals->month_count; i++) {
                put_month(s, ++row, s->totals->months[i].month);
                put_sums(s, row, &s->totals->months[i], 0);
                put_unit(s, row, s->totals->months[i].unit, NULL);
        }
        return put_totals(s, row) + 1;
}

static void put_sheets(const struct summary *s, lxw_row_t row, const struct workbook_sheets *sheets)
{
        char name[SHEET_NAME], link[SHEET_NAME + 20];

        put_label(s, row, "Sheet", 0);
        put_label(s, row, "Rows", 1);
        for (int32_t i = 0; i < sheets->count; i++) {
                workbook_sheet_name(s->spec, i, name);
                snprintf(link, sizeof(link), "internal:'%s'!A1", name);
                worksheet_write_url(s->sheet, ++row, 0, link, s->formats[STYLE_LINK]);
                worksheet_write_string(s->sheet, row, 0, name, s->formats[STYLE_LINK]);
                worksheet_write_number(s->sheet, row, 1, sheets->rows[i], s->formats[STYLE_INT]);
        }
}

/* Of the first energy, or else of the rows. */
static int add_chart(const struct summary *s)
{
        lxw_row_t first = TABLE_ROW + 1, last = TABLE_ROW + (lxw_row_t)s->totals->month_count;
        lxw_chart *chart = workbook_add_chart(s->book, LXW_CHART_COLUMN);
        lxw_chart_series *series;
        const char *title = "Rows";
        lxw_col_t column = 1;

        for (int32_t i = s->totals->sum_count - 1; i >= 0; i--) {
                if (summed(s, i)->kind != CELL_KWH)
                        continue;
                column = (lxw_col_t)(i + 2);
                title = summed(s, i)->title;
        }
        series = chart != NULL ? chart_add_series(chart, NULL, NULL) : NULL;
        if (series == NULL)
                return -1;
        chart_series_set_categories(series, s->name, first, 0, last, 0);
        chart_series_set_values(series, s->name, first, column, last, column);
        chart_series_set_name(series, title);
        chart_title_set_name(chart, title);
        chart_axis_set_num_format(chart->x_axis, "yyyy-mm"); /* the cells' own is not taken over everywhere */
        chart_legend_set_position(chart, LXW_CHART_LEGEND_NONE);
        return worksheet_insert_chart(s->sheet, TABLE_ROW, (lxw_col_t)(s->totals->sum_count + 4), chart) == LXW_NO_ERROR
                       ? 0
                       : -1;
}

int summary_add(lxw_workbook *book, lxw_format *const formats[STYLES], const struct table_spec *spec,
                const struct workbook_sheets *sheets, const struct totals *totals)
{
        struct summary s = {.book = book, .formats = formats, .spec = spec, .totals = totals};
        int64_t rows = 0;
        lxw_row_t row;

        snprintf(s.name, sizeof(s.name), "%s", strcmp(spec->sheet, "Summary") == 0 ? "Overview" : "Summary");
        s.sheet = workbook_add_worksheet(book, s.name);
        if (s.sheet == NULL)
                return -1;
        worksheet_set_landscape(s.sheet);
        worksheet_set_paper(s.sheet, PAPER_A4);
        worksheet_fit_to_pages(s.sheet, 1, 0);
        worksheet_set_column(s.sheet, 0, 0, 22, NULL);
        worksheet_set_column(s.sheet, 1, (lxw_col_t)(totals->sum_count + 2), 16, NULL);
        put_label(&s, 0, spec->title != NULL ? spec->title : spec->sheet, 0);
        worksheet_write_string(s.sheet, 1, 0, "Rows", NULL);
        for (int32_t i = 0; i < sheets->count; i++)
                rows += sheets->rows[i];
        worksheet_write_number(s.sheet, 1, 1, (double)rows, formats[STYLE_INT]);
        worksheet_write_string(s.sheet, 2, 0, "Sheets", NULL);
        worksheet_write_number(s.sheet, 2, 1, sheets->count, formats[STYLE_INT]);
        worksheet_write_string(s.sheet, 3, 0, "Times are in", NULL);
        worksheet_write_string(s.sheet, 3, 1, spec->zone_name, NULL);
        row = put_months(&s);
        if (sheets->count > 1)
                put_sheets(&s, row + 1, sheets);
        /* With several currencies a month has several rows. */
        return totals->month_count > 0 && totals->unit_count == 1 ? add_chart(&s) : 0;
}
