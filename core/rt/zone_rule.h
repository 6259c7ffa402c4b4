/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule of a TZif footer: POSIX's TZ variable, "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX.1 §8.3, RFC 8536 §3.3.1).
 */
#ifndef CORE_RT_ZONE_RULE_H
#define CORE_RT_ZONE_RULE_H

#include <busbar/types.h>

struct zone_date {
        int32_t kind;             /* 0: Mm.w.d; 1: Jn, 1 to 365 without February 29th; 2: n, 0 to 365 with it */
        int32_t month, week, day; /* kinds 1 and 2: day only */
        int32_t time_s;           /* local time before the change; -167 to 167 hours */
};
struct zone_rule {
        int32_t standard, summer; /* seconds to add to UTC */
        int32_t has_summer;
        struct zone_date from, to;
};

bb_err zone_rule_parse(bb_str, struct zone_rule *ret);
int32_t zone_rule_offset(const struct zone_rule *, int64_t at_s);

#endif
