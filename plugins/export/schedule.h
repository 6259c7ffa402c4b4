/* SPDX-License-Identifier: Apache-2.0
 *
 * When a report is due, and which period it then is about: whole days, weeks and months of a time zone, whatever its
 * clocks do. No function of the host is called.
 */
#ifndef EXPORT_SCHEDULE_H
#define EXPORT_SCHEDULE_H

#include <busbar/types.h>

enum { EVERY_DAY = 0, EVERY_WEEK = 1, EVERY_MONTH = 2 };

struct timetable {
        int32_t every;  /* EVERY_… */
        int32_t minute; /* of the day, by the clock on the wall */
        int32_t day;    /* of the week, 1: Monday (ISO 8601); of the month, 1 to 28 */
};

struct clockwork {
        const bb_zone *zone;
        int32_t (*offset_s)(const bb_zone *, int64_t at_ms);
};

/* The first time after `after_ms`. One that the clocks skip is as much later; of one that is there twice the first. */
int64_t timetable_next(const struct timetable *, const struct clockwork *, int64_t after_ms);
/* The day, week (from Monday) or month that was over last at `due_ms`. */
void timetable_period(const struct timetable *, const struct clockwork *, int64_t due_ms, int64_t *ret_from_ms,
                      int64_t *ret_to_ms);

#endif
