/* SPDX-License-Identifier: Apache-2.0
 *
 * IANA time zones from the system's TZif files (RFC 8536), beyond their last transition by the POSIX rule in the
 * footer.
 */
#ifndef CORE_RT_ZONE_H
#define CORE_RT_ZONE_H

#include <busbar/rt.h>

/* Zones are read once and live as long as the process. Loop's thread. */
bb_err zone_open(bb_str name, const bb_zone **ret);
/* Seconds to add to UTC at this instant. Any thread. */
int32_t zone_offset(const bb_zone *, int64_t at_ms);
/* From the bytes of a TZif file; the caller frees with zone_free. BB_E_INVALID when they are none. */
bb_err zone_parse(bb_str bytes, bb_zone **ret);
void zone_free(bb_zone *);
void zone_close_all(void);

#endif
