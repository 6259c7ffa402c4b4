/* SPDX-License-Identifier: Apache-2.0
 *
 * StatusNotification (OCPP 1.6 §4.9). A connector that was not known is made by the domain. Available ends no
 * transaction: after a reconnect it comes before the queued StopTransaction.
 */
#include "messages.h"

/* A lag this small is no queue's; and within it two lags are the same. */
#define SAME_MS 10000
/* A queue is emptied without pauses: its messages are not this far apart. */
#define APART_MS 10000
/* Messages in a row whose lag is the same make it the clock's. */
#define ROW 3

/* A queue only delays: it makes no time look new, and no old ones look equally old for long. */
void station_told_time(struct station *st, int64_t at_ms)
{
        struct bb_station_ref ref = station_ref(st);
        int64_t off = at_ms - bb_now_ms(), mono = bb_mono_ms(), change = off - st->lag.ms;

        if (off > -SAME_MS) {
                st->lag.count = 0;
                charging->clock_seen(&ref, at_ms);
                return;
        }
        if (st->lag.count == 0 || change > SAME_MS || change < -SAME_MS) {
                st->lag = (struct lag){.ms = off, .mono_ms = mono, .count = 1};
                return;
        }
        if (mono - st->lag.mono_ms < APART_MS)
                return;
        st->lag.mono_ms = mono;
        if (++st->lag.count < ROW)
                return;
        st->lag.count = ROW;
        st->lag.ms = off; /* clocks go astray slowly */
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
                report.at_ms = told_time(m->timestamp);
                station_told_time(st, report.at_ms);
        }
        UNTIL_STORED(err, charging->connector_status(&ref, &report));
        return err;
}
