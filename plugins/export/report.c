/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved reports, read back, and their schedule as a timetable.
 */
#include "export.h"

enum { R_VERSION = 9, R_CREATED = 10, R_UPDATED = 11, R_NEXT = 12 }; /* places in the shape */

bb_err report_row(const bb_rows *rows, size_t row, struct terms *ret)
{
        struct bb_fault fault;

        if (bb_shape_decode_text(&Report, bb_row_str(rows, row, 1), ret, &fault) < 0) {
                bb_log(BB_ERROR, "export.report", "a saved report cannot be read",
                       bb_kv_str("report", bb_row_str(rows, row, 0)), bb_kv_str("path", fault.path),
                       bb_kv_str("fault", fault.text));
                return BB_E_INTERNAL;
        }
        ret->id = bb_row_str(rows, row, 0);
        ret->version = bb_row_int(rows, row, 2, 0);
        ret->created_ms = bb_row_time(rows, row, 3, 0);
        ret->updated_ms = bb_row_time(rows, row, 4, 0);
        ret->next_ms = bb_row_time(rows, row, 5, 0);
        ret->present |= 1u << R_VERSION | 1u << R_CREATED | 1u << R_UPDATED;
        ret->present |= ret->next_ms != 0 ? 1u << R_NEXT : 0;
        return BB_OK;
}

BB_AWAIT bb_err report_load(bb_str id, struct terms *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select " REPORT_COLUMNS " from export.report r where r.report_id = $1", BB_TEXT(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        return report_row(rows, 0, ret);
}

static int32_t digit(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : -100;
}

/* "06:00" as minutes of the day, or -1. */
static int32_t minute_of(bb_str at)
{
        int32_t hour, minute;

        if (at.len != 5 || at.ptr[2] != ':')
                return -1;
        hour = 10 * digit(at.ptr[0]) + digit(at.ptr[1]);
        minute = 10 * digit(at.ptr[3]) + digit(at.ptr[4]);
        return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 ? 60 * hour + minute : -1;
}

bb_err timetable_of(const struct schedule *schedule, struct timetable *ret, struct remarks *remarks)
{
        *ret = (struct timetable){
                .every = schedule->every, .minute = minute_of(schedule->at), .day = (int32_t)schedule->day};
        if (ret->minute < 0)
                remark(remarks, BB_STR("/schedule/at"), BB_STR("must be a time of the day from 00:00 to 23:59"));
        if (ret->every == EVERY_WEEK && ret->day > 7)
                remark(remarks, BB_STR("/schedule/day"), BB_STR("must be from 1 (Monday) to 7 for a week"));
        return remarks->count > 0 ? BB_E_INVALID : BB_OK;
}

bb_err clockwork_of(const bb_tenant *tenant, const struct terms *terms, struct clockwork *ret)
{
        ret->offset_s = bb_rt_->zone_offset;
        return bb_zone_open(terms->time_zone.len > 0 ? terms->time_zone : bb_tenant_option(tenant, "time_zone"),
                            &ret->zone);
}
