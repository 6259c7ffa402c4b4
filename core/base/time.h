/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks and RFC 3339.
 */
#ifndef CORE_BASE_TIME_H
#define CORE_BASE_TIME_H

#include <busbar/types.h>

int64_t time_now_ms(void); /* CLOCK_REALTIME, plus the offset of BUSBAR_CLOCK_OFFSET_MS (tests only) */
int64_t time_mono_ms(void);
int64_t time_mono_us(void);
/* "2026-11-22T09:00:00.000Z" into ret (at least 32 bytes, NUL-terminated); returns the length. */
size_t time_format(int64_t ms, char *ret);
/* RFC 3339 date-time: any fraction (rounded down to ms), 'T' or 't' or space, Z or ±hh:mm. BB_E_INVALID otherwise. */
bb_err time_parse(bb_str, int64_t *ret_ms);

#endif
