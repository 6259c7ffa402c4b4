/* SPDX-License-Identifier: Apache-2.0
 */
#include "totals.h"
#include <stdlib.h>

static int is_summed(const struct table_column *column)
{
        return (column->kind == CELL_DURATION || column->kind == CELL_KWH || column->kind == CELL_MONEY) &&
               !column->no_sum;
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
        t->months = calloc(TOTALS_MONTHS, sizeof(*t->months));
        return t->months != NULL ? 0 : -1;
}

void totals_free(struct totals *t)
{
        free(t->months);
        t->months = NULL;
}

/* Where `month` is, or belongs. */
static size_t place_of(const struct totals *t, int32_t month)
{
        size_t low = 0, high = t->month_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->months[middle].month < month)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct totals_month *find_month(struct totals *t, int32_t month)
{
        size_t place;

        if (t->last < t->month_count && t->months[t->last].month == month)
                return &t->months[t->last];
        place = place_of(t, month);
        if (place < t->month_count && t->months[place].month == month) {
                t->last = place;
                return &t->months[place];
        }
        if (t->month_count >= TOTALS_MONTHS - 2 && month < TOTALS_OTHER)
                return find_month(t, TOTALS_OTHER);
        memmove(&t->months[place + 1], &t->months[place], (t->month_count - place) * sizeof(*t->months));
        t->months[place] = (struct totals_month){.month = month};
        t->month_count++;
        t->last = place;
        return &t->months[place];
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
        struct totals_month *month = find_month(t, month_of(t, moments, cells));

        month->rows++;
        for (int32_t i = 0; i < t->sum_count; i++) {
                const struct cell *cell = &cells[t->columns[i]];

                if (!cell->absent)
                        add(month, i, cell->num);
        }
}

struct totals_month totals_all(const struct totals *t)
{
        struct totals_month all = {0};

        for (size_t i = 0; i < t->month_count; i++) {
                all.rows += t->months[i].rows;
                all.overflow |= t->months[i].overflow;
                for (int32_t k = 0; k < t->sum_count; k++)
                        add(&all, k, t->months[i].sums[k]);
        }
        return all;
}
