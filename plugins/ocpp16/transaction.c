/* SPDX-License-Identifier: Apache-2.0
 *
 * StartTransaction and StopTransaction (OCPP 1.6 §4.8, §4.10). The answer leaves after the commit, and never says no:
 * what is strange about a session is for people to review.
 */
#include "messages.h"

BB_AWAIT bb_err message_start(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct start_req *m = message;
        struct bb_station_ref ref = station_ref(st);
        struct bb_start start = {.connector_id = m->connector_id,
                                 .at_ms = told_time(m->timestamp),
                                 .meter_start_wh = m->meter_start,
                                 .token_uid = m->id_tag,
                                 .reservation_id = m->reservation_id};
        struct bb_started started = {.transaction_id = 0};
        struct start_conf conf = {.present = 0};
        bb_err err;

        station_told_time(st, start.at_ms);
        UNTIL_STORED(err, charging->session_start(&ref, &start, &started));
        TRY(err);
        conf.transaction_id = started.transaction_id;
        id_tag_info_from(&started.authorization, &conf.id_tag_info);
        *ret_answer = bb_shape_encode_text(&StartTransactionResponse, &conf);
        return BB_OK;
}

BB_AWAIT bb_err message_stop(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct stop_req *m = message;
        struct bb_station_ref ref = station_ref(st);
        struct bb_stop stop = {.transaction_id = m->transaction_id,
                               .at_ms = told_time(m->timestamp),
                               .meter_stop_wh = m->meter_stop,
                               .token_uid = m->id_tag,
                               .reason = BB_STR("Local")};
        struct bb_stopped stopped = {.has_authorization = 0};
        struct stop_conf conf = {.id_tag_info = NULL};
        struct id_tag_info info;
        bb_err err;

        if (BB_PRESENT(m, STOP_REQ_REASON))
                stop.reason = bb_cstr(stop_reason_names[m->reason]);
        station_told_time(st, stop.at_ms);
        stop.samples = meter_samples(&m->transaction_data, &stop.sample_count);
        UNTIL_STORED(err, charging->session_stop(&ref, &stop, &stopped));
        TRY(err);
        if (stopped.has_authorization) {
                id_tag_info_from(&stopped.authorization, &info);
                conf.id_tag_info = &info;
        }
        *ret_answer = bb_shape_encode_text(&StopTransactionResponse, &conf);
        return BB_OK;
}
