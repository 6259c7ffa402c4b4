/* SPDX-License-Identifier: Apache-2.0
 *
 * Many sessions: a page of them, all of them, how many. Each order has a statement of its own beside its index; a
 * statement that fitted every filter would fit no index.
 */
#include "domain.h"

#define SCAN_STEP 2000

/* $1 station, $2 token, $3 location, $4 open, $5 from, $6 to, $7 in review; those that are not asked for let everything
 * through. */
#define FILTER                                                                                                         \
        " ($1::text is null or s.station_id = $1) and ($2::text is null or s.token_key = " LOWER(                      \
                "$2") ")"                                                                                              \
                      " and ($3::text is null or s.location_id = $3) and ($4 < 0 or (s.state = 0) = ($4 = 1))"         \
                      " and s.started_at >= $5 and s.started_at < $6 and ($7 = 0 or s.state = 2)"
#define FILTER_PARAMS 7

/* Named by the condition that leads into an index. */
enum { BY_TIME = 0, BY_STATION = 1, BY_TOKEN = 2, BY_OPEN = 3, BY_REVIEW = 4, ORDERS = 5 };
#define EACH_ORDER(statement)                                                                                          \
        {                                                                                                              \
                [BY_TIME] = statement("true"), [BY_STATION] = statement("s.station_id = $1"),                          \
                [BY_TOKEN] = statement("s.token_key = " LOWER("$2")), [BY_OPEN] = statement("s.state = 0"),            \
                [BY_REVIEW] = statement("s.state = 2"),                                                                \
        }

#define LIST(lead)                                                                                                     \
        "select " SESSION_COLUMNS " from charging.session s where " lead " and" FILTER                                 \
        " and (s.started_at, s.session_id) < ($8, $9) order by s.started_at desc, s.session_id desc limit $10"
#define SCAN(lead)                                                                                                     \
        "select " SESSION_COLUMNS " from charging.session s where " lead " and" FILTER                                 \
        " order by s.started_at, s.session_id"
#define COUNT(lead) "select count(*) from charging.session s where " lead " and" FILTER

static const char *const list_sql[ORDERS] = EACH_ORDER(LIST);
static const char *const scan_sql[ORDERS] = EACH_ORDER(SCAN);
static const char *const count_sql[ORDERS] = EACH_ORDER(COUNT);

static int order_of(const struct bb_session_filter *f)
{
        if (f->open == 1)
                return BY_OPEN;
        if (f->review == 1)
                return BY_REVIEW;
        if (f->station_id.len > 0)
                return BY_STATION;
        return f->token_uid.len > 0 ? BY_TOKEN : BY_TIME;
}

static bb_err filter_params(const struct bb_session_filter *f, struct bb_param *params)
{
        const struct bb_param values[FILTER_PARAMS] = {
                BB_TEXT(none_if_empty(f->station_id)),
                BB_TEXT(none_if_empty(f->token_uid)),
                BB_TEXT(none_if_empty(f->location_id)),
                BB_INT(f->open),
                BB_TIME(f->from_ms != 0 ? time_clamp(f->from_ms) : TIME_MIN_MS),
                BB_TIME(f->to_ms != 0 ? time_clamp(f->to_ms) : TIME_MAX_MS + 1),
                BB_INT(f->review),
        };

        if (!text_clean(f->station_id, 64) || !text_clean(f->token_uid, 255) || !text_clean(f->location_id, 64))
                return BB_E_INVALID;
        memcpy(params, values, sizeof(values));
        return BB_OK;
}

BB_AWAIT bb_err charging_session_list(const struct bb_session_filter *f, bb_str after, size_t limit,
                                      struct bb_session **ret, size_t *ret_count)
{
        struct bb_session last = {.id = LAST_UUID, .started_ms = TIME_MAX_MS + 1}, *items;
        struct bb_param params[FILTER_PARAMS + 3];
        struct bb_stmt stmt = {.sql = list_sql[order_of(f)], .params = params, .param_count = BB_COUNT(params)};
        bb_rows *rows;
        size_t count;

        TRY(filter_params(f, params));
        if (after.len > 0)
                TRY(charging_session_get(after, &last));
        params[FILTER_PARAMS] = BB_TIME(last.started_ms);
        params[FILTER_PARAMS + 1] = BB_UUID(last.id);
        params[FILTER_PARAMS + 2] = BB_INT(list_limit(limit));
        TRY(bb_db_run(&stmt, 1, &rows));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_session, count + 1);
        for (size_t i = 0; i < count; i++)
                session_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

struct scan {
        bb_err (*each)(const struct bb_session *, size_t count, void *arg);
        void *arg;
};

static BB_AWAIT bb_err scan_step(const bb_rows *rows, void *arg)
{
        const struct scan *scan = arg;
        size_t count = bb_rows_count(rows);
        struct bb_session *items = BB_NEW_ARRAY(struct bb_session, count + 1);

        for (size_t i = 0; i < count; i++)
                session_row(rows, i, &items[i]);
        return scan->each(items, count, scan->arg);
}

BB_AWAIT bb_err charging_session_scan(const struct bb_session_filter *f,
                                      bb_err (*each)(const struct bb_session *, size_t count, void *arg), void *arg)
{
        struct bb_param params[FILTER_PARAMS];
        struct bb_stmt stmt = {.sql = scan_sql[order_of(f)], .params = params, .param_count = BB_COUNT(params)};
        struct scan scan = {.each = each, .arg = arg};

        TRY(filter_params(f, params));
        return bb_db_scan(&stmt, SCAN_STEP, scan_step, &scan);
}

BB_AWAIT bb_err charging_session_count(const struct bb_session_filter *f, int64_t *ret)
{
        struct bb_param params[FILTER_PARAMS];
        struct bb_stmt stmt = {.sql = count_sql[order_of(f)], .params = params, .param_count = BB_COUNT(params)};
        bb_rows *rows;

        TRY(filter_params(f, params));
        TRY(bb_db_run(&stmt, 1, &rows));
        *ret = bb_row_int(rows, 0, 0, 0);
        return BB_OK;
}
