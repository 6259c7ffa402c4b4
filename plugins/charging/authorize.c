/* SPDX-License-Identifier: Apache-2.0
 *
 * May this token charge? An outage is BB_E_UNAVAILABLE and never "Invalid": the station is asked to come again.
 */
#include "domain.h"
#include <busbar/access.h>

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

/* A question that waits in its task for its answer, which many share. */
struct authorize_item {
        struct report report;
        bb_str token_uid;
        struct kept_authorization verdict;
        bb_err result;
};

static BB_AWAIT bb_err authorize_round(struct charging *c, struct report *const *reports, size_t count)
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, 2 * count + 1), *tokens = stations + count;
        int64_t *epochs = BB_NEW_ARRAY(int64_t, count + 1);
        bb_rows *rows;

        for (size_t i = 0; i < count; i++) {
                struct authorize_item *item = (struct authorize_item *)reports[i];

                stations[i] = item->report.who->station_id;
                epochs[i] = item->report.who->epoch;
                tokens[i] = item->token_uid;
                item->result = BB_E_CONFLICT;
        }
        TRY(bb_db_query(&rows,
                        "select " TOKEN_COLUMNS ", i.n from (select *, lower(token_uid collate \"C\") as token_key"
                        " from unnest($1::text[], $2::bigint[], $3::text[]) with ordinality"
                        " as u (station_id, epoch, token_uid, n) offset 0) i" STATION_JOIN TOKEN_JOIN,
                        BB_TEXT_ARRAY(stations, count), BB_INT_ARRAY(epochs, count), BB_TEXT_ARRAY(tokens, count)));
        for (size_t row = 0; row < bb_rows_count(rows); row++) {
                int64_t n = bb_row_int(rows, row, TOKEN_COLUMN_COUNT, 0);
                struct bb_authorization verdict = token_verdict(c, rows, row, 0, -1);
                struct authorize_item *item;

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                item = (struct authorize_item *)reports[n - 1];
                authorization_keep(&item->verdict, &verdict);
                item->result = BB_OK;
        }
        return BB_OK;
}

BB_AWAIT bb_err authorizations_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, authorize_round);
}

/* OCPP 1.6 §4.2. "ConcurrentTx" is an answer to a start only (§7.2): who wants to stop must get through. */
BB_AWAIT bb_err charging_authorize(const struct bb_station_ref *who, bb_str token_uid, struct bb_authorization *ret)
{
        STATE(c);
        bb_str reason;
        struct authorize_item item = {.report = {.who = who}, .token_uid = empty_if_none(report_text(token_uid, 255))};

        presence_seen(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
        TRY(bb_batch_submit(c->authorizations, &item));
        TRY(item.result);
        *ret = authorization_take(&item.verdict);
        return access_ask(c,
                          &(struct bb_access_question){.size = sizeof(struct bb_access_question),
                                                       .for_ = BB_ACCESS_AUTHORIZE,
                                                       .token_uid = item.token_uid,
                                                       .station_id = who->station_id,
                                                       .at_ms = bb_now_ms()},
                          ret, &reason);
}
