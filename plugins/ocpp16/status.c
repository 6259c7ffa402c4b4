/* SPDX-License-Identifier: Apache-2.0
 *
 * StatusNotification (OCPP 1.6 §4.9). A connector that was not known is made by the domain. Available ends no
 * transaction: after a reconnect it comes before the queued StopTransaction.
 */
#include "messages.h"

/* A time further off is that of an old message or of a clock that was never set: it says nothing about the drift. */
#define NOW_MS 3600000
/* Just after a connect stations empty their queues. */
#define REPLAY_MS 30000

void station_told_time(struct station *st, int64_t at_ms)
{
        struct bb_station_ref ref = station_ref(st);
        int64_t off = at_ms - bb_now_ms();

        if (off > -NOW_MS && off < NOW_MS && bb_mono_ms() - st->connected_mono_ms > REPLAY_MS)
                charging->clock_seen(&ref, at_ms);
}

BB_AWAIT bb_err message_status(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct status_req *m = message;
        struct bb_station_ref ref = station_ref(st);
        struct bb_connector_report report = {.connector_id = m->connector_id,
                                             .status = BB_CONNECTOR_AVAILABLE + m->status,
                                             .error_code = bb_cstr(error_code_names[m->error_code]),
                                             .info = m->info,
                                             .vendor_id = m->vendor_id,
                                             .vendor_error_code = m->vendor_error_code};
        bb_err err;

        (void)ret_answer;
        if (BB_PRESENT(m, STATUS_REQ_TIMESTAMP)) {
                report.at_ms = m->timestamp;
                station_told_time(st, m->timestamp);
        }
        UNTIL_STORED(err, charging->connector_status(&ref, &report));
        return err;
}
