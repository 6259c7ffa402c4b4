/* SPDX-License-Identifier: Apache-2.0
 *
 * DiagnosticsStatusNotification and FirmwareStatusNotification (OCPP 1.6 §4.4, §4.5), LogStatusNotification and
 * SignedFirmwareStatusNotification (Security Whitepaper §5.13, §5.19): logged, and kept with the transfer that they
 * tell of.
 */
#include "effects.h"
#include "messages.h"
#include "transfer.h"

static const char *const diagnostics_kinds[] = {KIND_DIAGNOSTICS, NULL};
static const char *const log_kinds[] = {KIND_LOG, NULL};
static const char *const signed_firmware_kinds[] = {KIND_SIGNED_FIRMWARE, NULL};
/* Some stations tell of a signed firmware in the words of the older message. */
static const char *const firmware_kinds[] = {KIND_FIRMWARE, KIND_SIGNED_FIRMWARE};

static BB_AWAIT bb_err keep_status(const struct station *st, const char *const *kinds, const char *status,
                                   int64_t request_id)
{
        bb_str id = bb_str_dup(station_id(st));
        bb_err err;

        UNTIL_STORED(err, transfer_reported(id, kinds, bb_cstr(status), request_id));
        return err;
}

static void note(const struct station *st, const char *event, const char *status)
{
        bb_log(BB_INFO, event, NULL, bb_kv_str("station", station_id(st)), bb_kv_cstr("status", status));
}

bb_err message_diagnostics_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct file_status_req *m = message;

        (void)ret_answer;
        note(st, "ocpp.diagnostics_status", diagnostics_status_names[m->status]);
        note_progress(st, NOTE_DIAGNOSTICS, diagnostics_status_names[m->status]);
        return keep_status(st, diagnostics_kinds, diagnostics_status_names[m->status], -1);
}

bb_err message_firmware_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct file_status_req *m = message;

        (void)ret_answer;
        note(st, "ocpp.firmware_status", firmware_status_names[m->status]);
        note_progress(st, NOTE_FIRMWARE, firmware_status_names[m->status]);
        return keep_status(st, firmware_kinds, firmware_status_names[m->status], -1);
}

/* requestId is absent with Idle, and from stations that do not know better. */
static void note_request(const struct station *st, const char *event, const char *status,
                         const struct request_status_req *m)
{
        if (!BB_PRESENT(m, REQUEST_STATUS_REQUEST_ID)) {
                note(st, event, status);
                return;
        }
        bb_log(BB_INFO, event, NULL, bb_kv_str("station", station_id(st)), bb_kv_cstr("status", status),
               bb_kv_int("request_id", m->request_id));
}

static int64_t request_id_of(const struct request_status_req *m)
{
        return BB_PRESENT(m, REQUEST_STATUS_REQUEST_ID) ? m->request_id : -1;
}

bb_err message_log_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct request_status_req *m = message;

        (void)ret_answer;
        note_request(st, "ocpp.log_status", log_status_names[m->status], m);
        note_progress(st, NOTE_LOG, log_status_names[m->status]);
        return keep_status(st, log_kinds, log_status_names[m->status], request_id_of(m));
}

bb_err message_signed_firmware_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct request_status_req *m = message;

        (void)ret_answer;
        note_request(st, "ocpp.signed_firmware_status", signed_firmware_status_names[m->status], m);
        note_progress(st, NOTE_SIGNED_FIRMWARE, signed_firmware_status_names[m->status]);
        return keep_status(st, signed_firmware_kinds, signed_firmware_status_names[m->status], request_id_of(m));
}
