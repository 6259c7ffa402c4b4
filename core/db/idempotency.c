/* SPDX-License-Identifier: Apache-2.0
 *
 * Idempotency-Key: the first answer to a request is kept for a day and given again to whoever repeats it.
 */
#include "db/pool.h"

/* An answer that never came (its node died) blocks its key for five minutes, unless the request differs. */
static BB_AWAIT bb_err claim(bb_str actor, bb_str route, bb_str key, bb_str digest)
{
        bb_rows *rows = NULL;

        TRY(bb_db_query(&rows,
                        "insert into core.idempotency as i (actor, route, key, digest) values ($1, $2, $3, $4)"
                        " on conflict (tenant_id, actor, route, key) do update"
                        " set digest = excluded.digest, status = null, headers = null, body = null,"
                        "     created_at = clock_timestamp()"
                        " where i.created_at < now() - interval '24 hours' or (i.status is null"
                        "       and i.digest = excluded.digest and i.created_at < now() - interval '5 minutes')",
                        BB_TEXT(actor), BB_TEXT(route), BB_TEXT(key), BB_BYTES(digest)));
        return bb_rows_affected(rows) == 1 ? BB_OK : BB_E_EXISTS;
}

static BB_AWAIT bb_err look_up(bb_str actor, bb_str route, bb_str key, bb_str digest, int32_t *ret_status,
                               bb_str *ret_headers_json, bb_str *ret_body)
{
        bb_rows *rows = NULL;

        TRY(bb_db_query(&rows,
                        "select digest = $4, status, headers, body from core.idempotency"
                        " where actor = $1 and route = $2 and key = $3",
                        BB_TEXT(actor), BB_TEXT(route), BB_TEXT(key), BB_BYTES(digest)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        if (!bb_row_int(rows, 0, 0, 0))
                return BB_E_CONFLICT;
        if (bb_row_is_null(rows, 0, 1))
                return BB_E_BUSY;
        *ret_status = (int32_t)bb_row_int(rows, 0, 1, 500);
        *ret_headers_json = bb_row_str(rows, 0, 2);
        *ret_body = bb_row_bytes(rows, 0, 3);
        return BB_E_EXISTS;
}

BB_AWAIT bb_err db_idempotency_begin(bb_str actor, bb_str route, bb_str key, const uint8_t digest[32],
                                     int32_t *ret_status, bb_str *ret_headers_json, bb_str *ret_body)
{
        bb_str d = {.ptr = (const char *)digest, .len = 32};
        bb_err err = BB_E_NOT_FOUND;

        /* The row may end its life between the two statements, once. */
        for (int try = 0; try < 2 && err == BB_E_NOT_FOUND; try++) {
                err = claim(actor, route, key, d);
                if (err == BB_E_EXISTS)
                        err = look_up(actor, route, key, d, ret_status, ret_headers_json, ret_body);
        }
        return err == BB_E_NOT_FOUND ? BB_E_BUSY : err;
}

/* A failure of ours is not kept: the client shall be able to try again. */
BB_AWAIT bb_err db_idempotency_end(bb_str actor, bb_str route, bb_str key, int32_t status, bb_str headers_json,
                                   bb_str body)
{
        if (status < 100 || status >= 500)
                return bb_db_query(NULL,
                                   "delete from core.idempotency where actor = $1 and route = $2 and key = $3"
                                   " and status is null",
                                   BB_TEXT(actor), BB_TEXT(route), BB_TEXT(key));
        return bb_db_query(NULL,
                           "update core.idempotency set status = $4, headers = $5, body = $6"
                           " where actor = $1 and route = $2 and key = $3 and status is null",
                           BB_TEXT(actor), BB_TEXT(route), BB_TEXT(key), BB_INT(status), BB_TEXT(headers_json),
                           BB_BYTES(body.ptr != NULL ? body : BB_STR("")));
}
