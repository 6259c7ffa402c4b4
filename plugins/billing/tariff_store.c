/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved tariffs, read back.
 */
#include "billing.h"

BB_AWAIT bb_err tariff_load(bb_str id, int64_t version, struct stored_tariff *ret)
{
        struct bb_fault fault;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select v.document, v.version, t.created_at, t.updated_at from billing.tariff t"
                        " join billing.tariff_version v on v.tariff_id = t.tariff_id"
                        " and v.version = case when $2 = 0 then t.version else $2 end"
                        " where t.tariff_id = $1 and ($2 <> 0 or not t.retired)",
                        BB_TEXT(id), BB_INT(version)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        if (bb_shape_decode_text(&OcpiTariff, bb_row_str(rows, 0, 0), &ret->tariff, &fault) < 0) {
                bb_log(BB_ERROR, "billing.tariff", "a saved tariff cannot be read", bb_kv_str("tariff", id),
                       bb_kv_str("path", fault.path), bb_kv_str("fault", fault.text));
                return BB_E_INTERNAL;
        }
        ret->tariff.id = bb_str_dup(id);
        ret->version = bb_row_int(rows, 0, 1, 0);
        ret->created_ms = bb_row_time(rows, 0, 2, 0);
        ret->updated_ms = bb_row_time(rows, 0, 3, 0);
        return BB_OK;
}
