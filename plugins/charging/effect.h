/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about a station, and which effect of a command each of them is. Pure functions.
 */
#ifndef CHARGING_EFFECT_H
#define CHARGING_EFFECT_H

#include <busbar/charging.h>

enum {
        FACT_CONNECTOR = 0,
        FACT_SESSION_STARTED = 1,
        FACT_SESSION_ENDED = 2,
        FACT_DISCONNECTED = 3,
        FACT_CONNECTED = 4,
        FACT_BOOTED = 5,
        FACT_NOTE = 6,
        FACT_LOOK = 7 /* the database knows whether it is one: a report that came before */
};

struct fact {
        int32_t kind;   /* FACT_… */
        int32_t status; /* of the connector: BB_CONNECTOR_… */
        int32_t failed; /* of a note */
        int32_t reserved;
        int64_t connector_id, transaction_id, at_ms;
        bb_str token_uid, session_id, firmware_version, note, value;
};

/* What is known of a command when facts are compared with it. */
struct effect_context {
        bb_str firmware_before; /* at the command; BB_NONE: not known */
};

/* Not of connectors "all of them": those need every connector's status (effect_wants_all). */
int effect_is(const struct bb_effect *, const struct fact *, const struct effect_context *);
int effect_wants_all(const struct bb_effect *);
/* Statuses of all connectors, by the rule for connector 0: those from 1 on, or 0 itself when there are no others. */
int effect_holds_for_all(const struct bb_effect *, const int64_t *connectors, const int64_t *statuses, size_t count);
/* Is the note about something that an effect waits for, but says that it failed? */
int effect_failed(const struct bb_effect *, const struct fact *);
/* A note on the way: of the right name, and another value. */
int effect_progress(const struct bb_effect *, const struct fact *);

/* `done` has a bit per effect. All required ones came: 1. */
int effects_complete(const struct bb_effect *, size_t count, uint64_t done);
/* The first that has not come, and is still wanted; NULL: none. */
const struct bb_effect *effects_next(const struct bb_effect *, size_t count, uint64_t done);

#endif
