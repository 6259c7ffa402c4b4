/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station did, told to the domain: it may be what a command was to bring about. Nearly always nobody waits for
 * it, and then this costs a look into an empty table.
 */
#include "effects.h"
#include "messages.h"

static int32_t is_watched(const struct station *st)
{
        return BB_HAS(charging, station_watched) && charging->station_watched != NULL &&
               charging->station_watched(station_id(st));
}

/* Of the message, if it names one. */
static int64_t connector_in(const struct bb_shape *shape, const void *message)
{
        for (uint32_t i = 0; i < shape->field_count; i++) {
                const struct bb_field *field = &shape->fields[i];

                if (field->type == BB_T_INT && strcmp(field->name, "connectorId") == 0)
                        return *(const int64_t *)(const void *)((const char *)message + field->offset);
        }
        return BB_CONNECTOR_ANY;
}

void note_message(const struct station *st, const char *action, const struct bb_shape *shape, const void *message)
{
        struct bb_station_ref ref = station_ref(st);

        if (!is_watched(st))
                return;
        charging->station_note(&ref, &(struct bb_station_note){.name = BB_STR(NOTE_MESSAGE),
                                                               .value = bb_cstr(action),
                                                               .connector_id = connector_in(shape, message)});
}

static int32_t says_failed(const char *status)
{
        static const char *const words[] = {"DownloadFailed",   "InstallationFailed",        "UploadFailed",
                                            "UploadFailure",    "InstallVerificationFailed", "InvalidSignature",
                                            "PermissionDenied", "NotSupportedOperation",     "BadMessage"};

        for (size_t i = 0; i < BB_COUNT(words); i++) {
                if (strcmp(status, words[i]) == 0)
                        return 1;
        }
        return 0;
}

void note_progress(const struct station *st, const char *what, const char *status)
{
        struct bb_station_ref ref = station_ref(st);

        if (!is_watched(st))
                return;
        charging->station_note(&ref, &(struct bb_station_note){.name = bb_cstr(what),
                                                               .value = bb_cstr(status),
                                                               .connector_id = BB_CONNECTOR_ANY,
                                                               .failed = says_failed(status)});
}
