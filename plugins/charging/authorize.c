/* SPDX-License-Identifier: Apache-2.0
 *
 * May this token charge? An outage is BB_E_UNAVAILABLE and never "Invalid": the station is asked to come again.
 */
#include "domain.h"

struct bb_authorization token_verdict(const struct charging *c, const bb_rows *rows, size_t row, size_t column,
                                      int64_t open_sessions)
{
        const int64_t now = bb_now_ms(), never = INT64_MAX;
        struct bb_authorization a = {.status = BB_AUTH_ACCEPTED};
        int64_t limit;

        if (bb_row_is_null(rows, row, column)) {
                a.status = c->config->unknown_tokens == UNKNOWN_ACCEPT ? BB_AUTH_ACCEPTED : BB_AUTH_INVALID;
                return a;
        }
        a.parent_uid = bb_row_str(rows, row, column + 2);
        a.expires_ms = bb_row_time(rows, row, column + 3, 0);
        limit = bb_row_int(rows, row, column + 4, 0);
        /* A parent that is itself a token here speaks for its group. */
        if (bb_row_int(rows, row, column + 1, BB_TOKEN_BLOCKED) == BB_TOKEN_BLOCKED ||
            bb_row_int(rows, row, column + 5, BB_TOKEN_ACCEPTED) == BB_TOKEN_BLOCKED)
                a.status = BB_AUTH_BLOCKED;
        else if (bb_row_time(rows, row, column + 3, never) <= now || bb_row_time(rows, row, column + 6, never) <= now)
                a.status = BB_AUTH_EXPIRED;
        else if (limit > 0 && open_sessions >= limit)
                a.status = BB_AUTH_CONCURRENT;
        return a;
}

void authorization_keep(struct kept_authorization *kept, const struct bb_authorization *a)
{
        kept->is = *a;
        if (a->parent_uid.len > sizeof(kept->parent)) /* longer than any token may be */
                kept->is.parent_uid = BB_NONE;
        else if (a->parent_uid.ptr != NULL) {
                memcpy(kept->parent, a->parent_uid.ptr, a->parent_uid.len);
                kept->is.parent_uid.ptr = kept->parent;
        }
}

struct bb_authorization authorization_take(const struct kept_authorization *kept)
{
        struct bb_authorization a = kept->is;

        a.parent_uid = bb_str_dup(a.parent_uid);
        return a;
}

/* OCPP 1.6 §4.2. "ConcurrentTx" is an answer to a start only (§7.2): who wants to stop must get through. */
BB_AWAIT bb_err charging_authorize(const struct bb_station_ref *who, bb_str token_uid, struct bb_authorization *ret)
{
        STATE(c);
        bb_rows *rows;

        presence_seen(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
        TRY(bb_db_query(&rows,
                        "select " TOKEN_COLUMNS
                        " from charging.station s" TOKEN_JOIN("$3") " where s.station_id = $1 and s.epoch = $2",
                        BB_TEXT(who->station_id), BB_INT(who->epoch),
                        BB_TEXT(empty_if_none(report_text(token_uid, 255)))));
        if (bb_rows_count(rows) == 0)
                return BB_E_CONFLICT;
        *ret = token_verdict(c, rows, 0, 0, -1);
        return BB_OK;
}
