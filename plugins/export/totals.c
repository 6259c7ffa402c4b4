/* SPDX-License-Identifier: Apache-2.0
 */
#include "totals.h"
#include <stdlib.h>

static int is_summed(const struct table_column *column)
{
        return (column->kind == CELL_DURATION || column->kind == CELL_KWH || column->kind == CELL_MONEY) &&
               !column->no_sum;
}

static int32_t find_unit(const struct totals *t, const struct table_spec *spec)
{
        int32_t amounts = 0;

        for (int32_t i = 0; i < t->sum_count; i++)
                amounts += spec->columns[t->columns[i]].kind == CELL_MONEY;
        for (size_t i = 0; i < spec->column_count && amounts > 0; i++)
                if (spec->columns[i].kind == CELL_TEXT && strcmp(spec->columns[i].name, "currency") == 0)
                        return (int32_t)i;
        return -1;
}

int totals_init(struct totals *t, const struct table_spec *spec)
{
        memset(t, 0, sizeof(*t));
        t->time_column = -1;
        for (size_t i = 0; i < spec->column_count; i++) {
                if (spec->columns[i].kind == CELL_TIME && t->time_column < 0)
                        t->time_column = (int32_t)i;
                if (is_summed(&spec->columns[i]) && t->sum_count < TOTALS_SUMS)
                        t->columns[t->sum_count++] = (int32_t)i;
        }
        t->unit_column = find_unit(t, spec);
        t->months = calloc(TOTALS_MONTHS, sizeof(*t->months));
        return t->months != NULL ? 0 : -1;
}

void totals_free(struct totals *t)
{
        free(t->months);
        t->months = NULL;
}

static int is_before(const struct totals_month *m, int32_t month, int32_t unit)
{
        return m->month != month ? m->month < month : m->unit < unit;
}

static int is_that(const struct totals *t, size_t place, int32_t month, int32_t unit)
{
        return place < t->month_count && t->months[place].month == month && t->months[place].unit == unit;
}

/* Where it is, or belongs. */
static size_t place_of(const struct totals *t, int32_t month, int32_t unit)
{
        size_t low = 0, high = t->month_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (is_before(&t->months[middle], month, unit))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The last places are kept for what has no room, one for each unit and kind. */
static int is_full(const struct totals *t, int32_t month)
{
        return month < TOTALS_OTHER && t->month_count >= TOTALS_MONTHS - 2 * (TOTALS_UNITS + 1);
}

static struct totals_month *find_month(struct totals *t, int32_t month, int32_t unit)
{
        size_t place;

        if (is_that(t, t->last, month, unit))
                return &t->months[t->last];
        place = place_of(t, month, unit);
        if (!is_that(t, place, month, unit)) {
                if (is_full(t, month))
                        return find_month(t, TOTALS_OTHER, unit);
                memmove(&t->months[place + 1], &t->months[place], (t->month_count - place) * sizeof(*t->months));
                t->months[place] =
                        (struct totals_month){.month = month, .unit = unit, .overflow = unit == TOTALS_UNITS};
                t->month_count++;
        }
        t->last = place;
        return &t->months[place];
}

/* "EUR". What is none is not taken for one. */
static int is_unit(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++)
                if (!((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z'))
                        return 0;
        return len < UNIT_CHARS;
}

static int32_t unit_of(struct totals *t, const struct cell *cells)
{
        const struct cell *cell = t->unit_column < 0 ? NULL : &cells[t->unit_column];
        size_t len = cell == NULL || cell->absent ? 0 : cell->len;
        const char *unit = len > 0 ? cell->data : "";

        if (!is_unit(unit, len))
                return TOTALS_UNITS;
        for (int32_t i = 0; i < t->unit_count; i++)
                if (memcmp(t->units[i], unit, len) == 0 && t->units[i][len] == '\0')
                        return i;
        if (t->unit_count == TOTALS_UNITS)
                return TOTALS_UNITS;
        memcpy(t->units[t->unit_count], unit, len);
        return t->unit_count++;
}

static int32_t month_of(const struct totals *t, struct moments *moments, const struct cell *cells)
{
        const struct cell *time;

        if (t->time_column < 0)
                return TOTALS_NO_MONTH;
        time = &cells[t->time_column];
        if (time->absent || time->num == INT64_MAX || time->num == INT64_MIN)
                return TOTALS_NO_MONTH;
        return moment_month(moments, moment_of(moments, time->num).day);
}

static void add(struct totals_month *to, int32_t slot, int64_t value)
{
        if (__builtin_add_overflow(to->sums[slot], value, &to->sums[slot]))
                to->overflow = 1;
}

void totals_add(struct totals *t, struct moments *moments, const struct cell *cells)
{
        struct totals_month *month = find_month(t, month_of(t, moments, cells), unit_of(t, cells));

        month->rows++;
        for (int32_t i = 0; i < t->sum_count; i++) {
                const struct cell *cell = &cells[t->columns[i]];

                if (!cell->absent)
                        add(month, i, cell->num);
        }
}

struct totals_month totals_all(const struct totals *t, int32_t unit)
{
        struct totals_month all = {.unit = unit};

        for (size_t i = 0; i < t->month_count; i++) {
                const struct totals_month *month = &t->months[i];

                if (month->unit != unit)
                        continue;
                all.rows += month->rows;
                all.overflow |= month->overflow;
                for (int32_t k = 0; k < t->sum_count; k++)
                        add(&all, k, month->sums[k]);
        }
        return all;
}
