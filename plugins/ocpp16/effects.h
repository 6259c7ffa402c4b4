/* SPDX-License-Identifier: Apache-2.0
 *
 * What the effects of commands are made of, and the notes by which the domain learns that one came.
 */
#ifndef OCPP16_EFFECTS_H
#define OCPP16_EFFECTS_H

#include <busbar/station_driver.h>

/* Names of notes. Their values are OCPP's: an action, a status. */
#define NOTE_MESSAGE "message"
#define NOTE_FIRMWARE "firmware"
#define NOTE_SIGNED_FIRMWARE "signed firmware"
#define NOTE_DIAGNOSTICS "diagnostics"
#define NOTE_LOG "log"

struct station;

#define EFFECTS_MAX 8
struct effect_list {
        struct bb_effect *items; /* room for EFFECTS_MAX */
        size_t count;
        int64_t timeout_ms; /* from the answer on */
        bb_str remark;      /* for people */
};
/* The strings are not copied. */
void effect_add(struct effect_list *, struct bb_effect);
/* The station sends this message, about this connector or BB_CONNECTOR_ANY. */
void effect_add_message(struct effect_list *, const char *action, int64_t connector_id);

/* One an action: `request` and `answer` are the structs of its shapes. */
typedef void effects_of(const void *request, const void *answer, struct effect_list *);
effects_of effects_remote_start, effects_remote_stop, effects_reset, effects_availability, effects_trigger,
        effects_reserve, effects_diagnostics, effects_firmware, effects_configuration, effects_extended_trigger,
        effects_log, effects_signed_firmware;

/* note.c: the station sent a message; something that takes a while (NOTE_…) reached this status. */
void note_message(const struct station *, const char *action, const struct bb_shape *, const void *message);
void note_progress(const struct station *, const char *what, const char *status);

#endif
