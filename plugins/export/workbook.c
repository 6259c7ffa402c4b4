/* SPDX-License-Identifier: Apache-2.0
 */
#include "workbook.h"
#include "table_state.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xlsxwriter.h>

void workbook_sheet_name(const struct table_spec *spec, int32_t index, char ret[SHEET_NAME])
{
        if (index == 0)
                snprintf(ret, SHEET_NAME, "%.24s", spec->sheet);
        else
                snprintf(ret, SHEET_NAME, "%.24s %d", spec->sheet, index + 1);
}

/* --- making it --- */

static int add_formats(lxw_workbook *book, lxw_format *formats[STYLES])
{
        static const struct {
                const char *pattern;
                int32_t bold, link;
        } looks[STYLES] = {
                [STYLE_TITLE] = {NULL, 1, 0},
                [STYLE_INT] = {"0", 0, 0},
                [STYLE_TIME] = {"yyyy-mm-dd hh:mm:ss", 0, 0},
                [STYLE_DURATION] = {"[h]:mm:ss", 0, 0},
                [STYLE_KWH] = {"0.000", 0, 0},
                [STYLE_MONEY] = {"#,##0.00", 0, 0},
                [STYLE_MONTH] = {"yyyy-mm", 0, 0},
                [STYLE_TOTAL_INT] = {"0", 1, 0},
                [STYLE_TOTAL_DURATION] = {"[h]:mm:ss", 1, 0},
                [STYLE_TOTAL_KWH] = {"0.000", 1, 0},
                [STYLE_TOTAL_MONEY] = {"#,##0.00", 1, 0},
                [STYLE_LINK] = {NULL, 0, 1},
        };

        for (size_t i = 0; i < STYLES; i++) {
                formats[i] = workbook_add_format(book);
                if (formats[i] == NULL)
                        return -1;
                if (looks[i].pattern != NULL)
                        format_set_num_format(formats[i], looks[i].pattern);
                if (looks[i].bold)
                        format_set_bold(formats[i]);
                if (looks[i].link) {
                        format_set_font_color(formats[i], LXW_COLOR_BLUE);
                        format_set_underline(formats[i], LXW_UNDERLINE_SINGLE);
                }
        }
        return 0;
}

/* Wide enough for its title and the button of the filter, too. */
static int32_t width_of(const struct table_spec *spec, const struct table_column *column)
{
        enum { USUAL = 12, MOST = 60, BUTTON = 4 };
        int32_t width = column->width > 0 ? column->width : USUAL, title_chars = BUTTON;
        char title[TITLE_CHARS];

        table_title(spec, column, title);
        for (const char *c = title; *c != '\0'; c++)
                title_chars += ((unsigned char)*c & 0xc0) != 0x80;
        if (title_chars > MOST)
                title_chars = MOST;
        return width > title_chars ? width : title_chars;
}

/* A sheet with the header and one row with a cell of each format: it is never shown, but it tells the styles' numbers,
 * and makes them the same in every workbook. */
static int add_sheet(lxw_workbook *book, lxw_format *const formats[STYLES], const struct table_spec *spec,
                     int32_t index, int32_t rows)
{
        char name[SHEET_NAME], title[TITLE_CHARS];
        lxw_col_t last = (lxw_col_t)(spec->column_count - 1);
        lxw_worksheet *sheet;

        workbook_sheet_name(spec, index, name);
        sheet = workbook_add_worksheet(book, name);
        if (sheet == NULL)
                return -1;
        for (lxw_col_t i = 0; i <= last; i++)
                worksheet_set_column(sheet, i, i, width_of(spec, &spec->columns[i]), NULL);
        worksheet_freeze_panes(sheet, 1, 0);
        worksheet_autofilter(sheet, 0, 0, (lxw_row_t)rows, last);
        worksheet_set_landscape(sheet);
        worksheet_set_paper(sheet, PAPER_A4);
        worksheet_fit_to_pages(sheet, 1, 0);
        worksheet_repeat_rows(sheet, 0, 0);
        for (lxw_col_t i = 0; i <= last; i++) {
                table_title(spec, &spec->columns[i], title);
                if (worksheet_write_string(sheet, 0, i, title, formats[STYLE_TITLE]) != LXW_NO_ERROR)
                        return -1;
        }
        for (lxw_col_t i = 0; i < STYLES; i++)
                if (worksheet_write_number(sheet, 1, i, 0, formats[i]) != LXW_NO_ERROR)
                        return -1;
        /* A row is written, and its styles get their numbers, when the next one begins. */
        return worksheet_write_number(sheet, 2, 0, 0, NULL) == LXW_NO_ERROR ? 0 : -1;
}

static int fill_book(lxw_workbook *book, const struct table_spec *spec, const struct workbook_sheets *sheets,
                     const struct totals *totals)
{
        lxw_doc_properties properties = {.title = (char *)(uintptr_t)(spec->title != NULL ? spec->title : spec->sheet),
                                         .author = (char *)(uintptr_t)spec->author};
        lxw_format *formats[STYLES];

        if (workbook_set_properties(book, &properties) != LXW_NO_ERROR || add_formats(book, formats) < 0)
                return -1;
        for (int32_t i = 0; i < sheets->count; i++)
                if (add_sheet(book, formats, spec, i, sheets->rows[i]) < 0)
                        return -1;
        return summary_add(book, formats, spec, sheets, totals);
}

/* libxlsxwriter writes to a path; this one is memory. */
static int make_file(int fd, const struct table_spec *spec, const struct workbook_sheets *sheets,
                     const struct totals *totals)
{
        lxw_workbook_options options = {.constant_memory = LXW_TRUE};
        char path[40];
        lxw_workbook *book;
        int filled;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        book = workbook_new_opt(path, &options);
        if (book == NULL)
                return -1;
        filled = fill_book(book, spec, sheets, totals);
        return workbook_close(book) == LXW_NO_ERROR ? filled : -1;
}

static int each_part(int fd, int (*each)(void *, const struct zip_part *), void *arg)
{
        struct stat st;
        void *bytes;
        int answer;

        if (fstat(fd, &st) < 0 || st.st_size == 0)
                return -1;
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
                return -1;
        answer = zip_each(bytes, (size_t)st.st_size, each, arg);
        (void)munmap(bytes, (size_t)st.st_size);
        return answer;
}

int workbook_make(const struct table_spec *spec, const struct workbook_sheets *sheets, const struct totals *totals,
                  int (*each)(void *, const struct zip_part *), void *arg)
{
        int fd = memfd_create("workbook", MFD_CLOEXEC), answer;

        if (fd < 0)
                return -1;
        answer = make_file(fd, spec, sheets, totals);
        if (answer == 0)
                answer = each_part(fd, each, arg);
        (void)close(fd);
        return answer;
}

/* --- taking it over --- */

#define HEADER_END "<row r=\"2\">"
#define DATA_END "</sheetData>"
#define SHEET_PART "xl/worksheets/sheet"
#define STYLES_PART "xl/styles.xml"

/* Without the element that tells the sheet's size, which is not known before its end; up to the first row. */
static char *head_of(const char *sheet)
{
        const char *dimension = strstr(sheet, "<dimension "), *behind, *end = strstr(sheet, HEADER_END);
        char *head;

        if (dimension == NULL || end == NULL)
                return NULL;
        behind = strstr(dimension, "/>") + 2;
        head = malloc((size_t)(end - sheet) + 1);
        if (head == NULL)
                return NULL;
        memcpy(head, sheet, (size_t)(dimension - sheet));
        memcpy(head + (dimension - sheet), behind, (size_t)(end - behind));
        head[(dimension - sheet) + (end - behind)] = '\0';
        return head;
}

static char *tail_of(const char *sheet)
{
        const char *filter = strstr(sheet, DATA_END "<autoFilter ");
        const char *end = filter != NULL ? strstr(filter, "\"/>") : NULL;

        return end != NULL ? strdup(end + 3) : NULL;
}

static int read_styles(const char *sheet, int32_t styles[STYLES])
{
        const char *at = strstr(sheet, HEADER_END);

        for (size_t i = 0; i < STYLES; i++) {
                at = at != NULL ? strstr(at, " s=\"") : NULL;
                if (at == NULL)
                        return -1;
                at += 4;
                styles[i] = (int32_t)strtol(at, NULL, 10);
        }
        return 0;
}

static int learn_sheet(struct workbook_frame *frame, const char *sheet, int32_t first)
{
        if (!first) {
                frame->next_head = head_of(sheet);
                return frame->next_head != NULL ? 0 : -1;
        }
        frame->first_head = head_of(sheet);
        frame->tail = tail_of(sheet);
        return frame->first_head != NULL && frame->tail != NULL ? read_styles(sheet, frame->styles) : -1;
}

static int is_early(const char *name)
{
        static const char *const names[] = {"_rels/.rels", "xl/theme/theme1.xml", STYLES_PART};

        for (size_t i = 0; i < BB_COUNT(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return 1;
        return 0;
}

struct taking {
        struct workbook_frame *frame;
        const struct workbook_frame *begun;
        struct zip *zip;
        int32_t sheets;
};

static int take_early(void *arg, const struct zip_part *part)
{
        struct taking *t = arg;
        char *text;
        int answer;

        if (strcmp(part->name, STYLES_PART) == 0)
                t->frame->styles_crc = part->crc;
        if (is_early(part->name))
                return zip_part(t->zip, part);
        if (strcmp(part->name, SHEET_PART "1.xml") != 0 && strcmp(part->name, SHEET_PART "2.xml") != 0)
                return 0;
        text = zip_part_text(part);
        if (text == NULL)
                return -1;
        answer = learn_sheet(t->frame, text, part->name[sizeof(SHEET_PART) - 1] == '1');
        free(text);
        return answer;
}

int workbook_begin(struct workbook_frame *frame, const struct table_spec *spec, struct zip *zip)
{
        static const int32_t rows[2] = {1, 1};
        const struct workbook_sheets sheets = {.rows = rows, .count = 2};
        struct taking t = {.frame = frame, .zip = zip};
        struct totals none;
        int answer;

        memset(frame, 0, sizeof(*frame));
        if (totals_init(&none, spec) < 0)
                return -1;
        answer = workbook_make(spec, &sheets, &none, take_early, &t);
        totals_free(&none);
        return answer == 0 && frame->first_head != NULL && frame->next_head != NULL ? 0 : -1;
}

void workbook_frame_free(struct workbook_frame *frame)
{
        free(frame->first_head);
        free(frame->next_head);
        free(frame->tail);
}

/* The rows' own sheets are in the file already. */
static int is_of_rows(const struct taking *t, const char *name)
{
        size_t len = sizeof(SHEET_PART) - 1;

        return strncmp(name, SHEET_PART, len) == 0 && strtol(name + len, NULL, 10) <= t->sheets;
}

static int take_late(void *arg, const struct zip_part *part)
{
        const struct taking *t = arg;

        if (strcmp(part->name, STYLES_PART) == 0 && part->crc != t->begun->styles_crc)
                return -1; /* the numbers of the styles that the rows have would mean others */
        if (is_early(part->name) || is_of_rows(t, part->name))
                return 0;
        return zip_part(t->zip, part);
}

int workbook_end(const struct workbook_frame *frame, const struct table_spec *spec,
                 const struct workbook_sheets *sheets, const struct totals *totals, struct zip *zip)
{
        struct taking t = {.begun = frame, .zip = zip, .sheets = sheets->count};

        return workbook_make(spec, sheets, totals, take_late, &t);
}
