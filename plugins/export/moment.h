/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of a COPY in a time zone, as fast as a spreadsheet of millions of them needs.
 */
#ifndef EXPORT_MOMENT_H
#define EXPORT_MOMENT_H

#include "table.h"

enum { MOMENT_BUCKETS = 256, DATE_CHARS = 24 };

/* A time as the clocks of the zone show it. */
struct moment {
        int64_t day; /* since 1970-01-01 */
        int32_t second, micros, offset_s;
};

/* Remembers what it was asked last: the zone's offset in spans of nine hours, and the text of a day. */
struct moments {
        const bb_zone *zone;
        int32_t (*offset_s)(const bb_zone *, int64_t at_ms);
        struct {
                int64_t span;
                int32_t offset_s, steady; /* steady: all through the span */
        } buckets[MOMENT_BUCKETS];
        int64_t day;
        int32_t month, date_len; /* of `day`: month is 12 * year + 0 to 11 */
        char date[DATE_CHARS];
};

void moments_init(struct moments *, const struct table_spec *) BB_HIDDEN;
/* From µs since 2000-01-01T00:00:00Z. */
struct moment moment_of(struct moments *, int64_t at_us) BB_HIDDEN;
/* The same with an offset of whole minutes, which is what RFC 3339 can say. */
struct moment moment_of_minutes(struct moments *, int64_t at_us) BB_HIDDEN;
/* 12 * year + 0 to 11. */
int32_t moment_month(struct moments *, int64_t day) BB_HIDDEN;
/* "2026-01-31", at most DATE_CHARS; where it ended. */
char *put_date(char *at, struct moments *, int64_t day) BB_HIDDEN;
/* "23:59:59" */
char *put_clock(char *at, int32_t second) BB_HIDDEN;
/* "2026-01-31 23:59:59" */
char *put_moment(char *at, struct moments *, int64_t at_us) BB_HIDDEN;
/* "-1:59:59"; a second that has not ended is not counted. */
char *put_duration(char *at, int64_t ms) BB_HIDDEN;

#endif
