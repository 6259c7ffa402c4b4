/* SPDX-License-Identifier: Apache-2.0
 *
 * DiagnosticsStatusNotification and FirmwareStatusNotification (OCPP 1.6 §4.4, §4.5): answered and logged.
 */
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
        return BB_OK;
}

bb_err message_firmware_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct file_status_req *m = message;

        (void)ret_answer;
        note(st, "ocpp.firmware_status", firmware_status_names[m->status]);
        return BB_OK;
}
