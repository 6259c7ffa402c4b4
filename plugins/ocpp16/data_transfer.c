/* SPDX-License-Identifier: Apache-2.0
 *
 * DataTransfer from a station (OCPP 1.6 §4.3). No vendor's messages are understood yet, so each is answered
 * UnknownVendorId, and kept: the latest thousand per station.
 */
#include "journal.h"
#include "messages.h"

enum { KEPT_PER_STATION = 1000, KEPT_BYTES = 65536 };

static BB_AWAIT bb_err keep(const struct station *st, bb_str id, const struct data_transfer_req *m, bb_str data)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.data_transfer (station_id, id, vendor_id, message_id, data)"
                        " values ($1, $2, $3, $4, $5) on conflict do nothing",
                        BB_TEXT(station_id(st)), BB_UUID(id), BB_TEXT(m->vendor_id), BB_TEXT(m->message_id),
                        BB_JSONB(data)),
                /* Ids sort by time. */
                BB_STMT("delete from ocpp16.data_transfer where station_id = $1 and id <="
                        " (select id from ocpp16.data_transfer where station_id = $1 order by id desc limit 1 offset "
                        "$2)",
                        BB_TEXT(station_id(st)), BB_INT(KEPT_PER_STATION)),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

BB_AWAIT bb_err message_data_transfer(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct data_transfer_req *m = message;
        struct data_transfer_conf conf = {.status = DATA_UNKNOWN_VENDOR_ID};
        bb_str data = m->data != NULL ? bb_json_text(secrets_masked(m->data)) : BB_NONE;
        bb_str id = bb_uuid(); /* one for all tries: the first may have been stored without our knowing */
        bb_err err = BB_OK;

        if (data.len > KEPT_BYTES) {
                bb_log(BB_WARN, "ocpp.data_transfer", "a DataTransfer is too long to be kept",
                       bb_kv_str("station", station_id(st)), bb_kv_str("vendor_id", m->vendor_id),
                       bb_kv_int("bytes", (int64_t)data.len));
                conf.status = DATA_REJECTED;
        } else {
                UNTIL_STORED(err, keep(st, id, m, data));
        }
        TRY(err);
        *ret_answer = bb_shape_encode_text(&DataTransferResponse, &conf);
        return BB_OK;
}
