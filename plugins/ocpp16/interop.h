/* SPDX-License-Identifier: Apache-2.0
 *
 * The interop report of a station: which repairs its messages needed, and which errors it was sent. Gathered in memory
 * with the connection, written to ocpp16.interop at most once a minute, and when the connection ends.
 */
#ifndef OCPP16_INTEROP_H
#define OCPP16_INTEROP_H

#include "station.h"

#define INTEROP_REPAIR "repair"
#define INTEROP_FAULT "fault"

/* `name` (a rule, or the code of a CALLERROR) and `action` are constants. Does not wait. */
void interop_note(struct station *, const char *kind, const char *name, const char *action, int64_t count,
                  bb_str example);

/* Once a second: writes what is due. */
BB_AWAIT void interop_tick(void *owner);
/* The tenant stops: writes everything, and lets go of the stations. */
BB_AWAIT void interop_end(struct ocpp_tenant *);

/* GET /v1/stations/{id}/interop */
BB_AWAIT bb_err interop_read(bb_request *, bb_response *);
extern const struct bb_shape InteropReport BB_HIDDEN;

#endif
