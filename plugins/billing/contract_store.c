/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved contracts, read back.
 */
#include "contract.h"

BB_AWAIT bb_err contract_load(bb_str id, int64_t version, struct stored_contract *ret)
{
        struct bb_fault fault;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select v.document, v.version, c.created_at, c.updated_at from billing.contract c"
                        " join billing.contract_version v on v.contract_id = c.contract_id"
                        " and v.version = case when $2 = 0 then c.version else $2 end"
                        " where c.contract_id = $1 and ($2 <> 0 or not c.retired)",
                        BB_TEXT(id), BB_INT(version)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        if (bb_shape_decode_text(&ContractTerms, bb_row_str(rows, 0, 0), &ret->contract, &fault) < 0) {
                bb_log(BB_ERROR, "billing.contract", "a saved contract cannot be read", bb_kv_str("contract", id),
                       bb_kv_str("path", fault.path), bb_kv_str("fault", fault.text));
                return BB_E_INTERNAL;
        }
        ret->contract.id = bb_str_dup(id);
        ret->version = bb_row_int(rows, 0, 1, 0);
        ret->created_ms = bb_row_time(rows, 0, 2, 0);
        ret->updated_ms = bb_row_time(rows, 0, 3, 0);
        return BB_OK;
}
