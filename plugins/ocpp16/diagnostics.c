/* SPDX-License-Identifier: Apache-2.0
 *
 * DiagnosticsStatusNotification and FirmwareStatusNotification (OCPP 1.6 §4.4, §4.5), LogStatusNotification and
 * SignedFirmwareStatusNotification (Security Whitepaper §5.13, §5.19): answered and logged.
 */
#include "effects.h"
#include "messages.h"

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
        return BB_OK;
}

bb_err message_firmware_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct file_status_req *m = message;

        (void)ret_answer;
        note(st, "ocpp.firmware_status", firmware_status_names[m->status]);
        note_progress(st, NOTE_FIRMWARE, firmware_status_names[m->status]);
        return BB_OK;
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

bb_err message_log_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct request_status_req *m = message;

        (void)ret_answer;
        note_request(st, "ocpp.log_status", log_status_names[m->status], m);
        note_progress(st, NOTE_LOG, log_status_names[m->status]);
        return BB_OK;
}

bb_err message_signed_firmware_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct request_status_req *m = message;

        (void)ret_answer;
        note_request(st, "ocpp.signed_firmware_status", signed_firmware_status_names[m->status], m);
        note_progress(st, NOTE_SIGNED_FIRMWARE, signed_firmware_status_names[m->status]);
        return BB_OK;
}
