/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations as operators see them.
 */
#include "operation.h"

#define COLUMNS                                                                                                        \
        "o.operation_id::text, o.station_id, o.action, o.actor, o.bulk_id::text,"                                      \
        " coalesce(o.payload, (select b.payload from charging.bulk b where b.bulk_id = o.bulk_id))::text, o.state,"    \
        " o.outcome, o.unchanged, o.answer::text, o.error_code, o.error_text, o.summary, o.session_id::text,"          \
        " o.latency_ms, o.created_at, o.sent_at, o.answered_at, o.ended_at,"                                           \
        " case when o.state = 0 then o.expires_at else o.deadline_at end, o.version, o.steps::text"

static void steps_read(bb_str text, struct bb_array *ret)
{
        struct bb_operation_step *steps;
        struct bb_fault fault;
        bb_json *list;

        if (bb_json_parse(text, &list, &fault) < 0)
                return;
        ret->count = bb_json_count(list);
        ret->items = steps = BB_NEW_ARRAY(struct bb_operation_step, ret->count + 1);
        for (size_t i = 0; i < ret->count; i++) {
                const bb_json *entry = bb_json_at(list, i);

                (void)bb_time_parse(bb_json_str(bb_json_get(entry, "at")), &steps[i].at_ms);
                steps[i].step = bb_json_str(bb_json_get(entry, "step"));
                steps[i].text = bb_json_str(bb_json_get(entry, "text"));
        }
}

static void operation_row(const bb_rows *rows, size_t i, struct bb_operation *ret)
{
        *ret = (struct bb_operation){
                .id = bb_row_str(rows, i, 0),
                .station_id = bb_row_str(rows, i, 1),
                .action = bb_row_str(rows, i, 2),
                .actor = bb_row_str(rows, i, 3),
                .bulk_id = bb_row_str(rows, i, 4),
                .payload = bb_row_str(rows, i, 5),
                .state = (int32_t)bb_row_int(rows, i, 6, 0),
                .outcome = (int32_t)bb_row_int(rows, i, 7, -1),
                .unchanged = (int32_t)bb_row_int(rows, i, 8, 0),
                .answer = bb_row_str(rows, i, 9),
                .error_code = bb_row_str(rows, i, 10),
                .error_text = bb_row_str(rows, i, 11),
                .summary = bb_row_str(rows, i, 12),
                .session_id = bb_row_str(rows, i, 13),
                .latency_ms = bb_row_int(rows, i, 14, 0),
                .created_ms = bb_row_time(rows, i, 15, 0),
                .sent_ms = bb_row_time(rows, i, 16, 0),
                .answered_ms = bb_row_time(rows, i, 17, 0),
                .ended_ms = bb_row_time(rows, i, 18, 0),
                .deadline_ms = bb_row_time(rows, i, 19, 0),
                .version = bb_row_int(rows, i, 20, 0),
        };
        steps_read(bb_row_str(rows, i, 21), &ret->steps);
}

BB_AWAIT bb_err charging_operation_get(bb_str id, struct bb_operation *ret)
{
        bb_rows *rows;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " COLUMNS " from charging.operation o where o.operation_id = $1", BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        operation_row(rows, 0, ret);
        return BB_OK;
}

/* Each leads into an index of its own. */
#define LIST(lead)                                                                                                     \
        "select " COLUMNS " from charging.operation o where " lead " and o.operation_id < $1"                          \
        " and ($2::text is null or o.station_id = $2) and ($3::text is null or o.action = $3)"                         \
        " and ($4::uuid is null or o.bulk_id = $4) and ($5 < 0 or o.state = $5)"                                       \
        " and ($6 < 0 or (o.state >= 3) = ($6 = 1)) order by o.operation_id desc limit $7"

BB_AWAIT bb_err charging_operation_list(const struct bb_operation_filter *f, bb_str after, size_t limit,
                                        struct bb_operation **ret, size_t *ret_count)
{
        static const char by_id[] = LIST("true"), by_station[] = LIST("o.station_id = $2"),
                          by_bulk[] = LIST("o.bulk_id = $4"), open[] = LIST("o.state < 3");
        struct bb_operation *items;
        bb_rows *rows;
        size_t count;

        if ((after.ptr != NULL && !uuid_valid(after)) || (f->bulk_id.len > 0 && !uuid_valid(f->bulk_id)) ||
            !text_clean(f->station_id, 64) || !text_clean(f->action, 64))
                return BB_E_INVALID;
        const struct bb_param params[] = {
                BB_UUID(after.ptr != NULL ? after : LAST_UUID),
                BB_TEXT(none_if_empty(f->station_id)),
                BB_TEXT(none_if_empty(f->action)),
                BB_UUID(none_if_empty(f->bulk_id)),
                BB_INT(f->state),
                BB_INT(f->over),
                BB_INT(list_limit(limit)),
        };
        struct bb_stmt stmt = {.sql = by_id, .params = params, .param_count = BB_COUNT(params)};

        if (f->bulk_id.len > 0)
                stmt.sql = by_bulk;
        else if (f->station_id.len > 0)
                stmt.sql = by_station;
        else if (f->over == 0 || (f->state >= 0 && !bb_operation_is_over(f->state)))
                stmt.sql = open;
        TRY(bb_db_run(&stmt, 1, &rows));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_operation, count + 1);
        for (size_t i = 0; i < count; i++)
                operation_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

/* One that is under way on this node wakes its readers; others are looked up twice a second. */
static BB_AWAIT bb_err wait_a_while(struct charging *c, bb_str id, int64_t version, int64_t left_ms)
{
        enum { ELSEWHERE_MS = 500, HERE_MS = 5000 };
        struct operation *o = operation_find(c, id);
        bb_err err;

        if (o == NULL)
                return bb_sleep(left_ms < ELSEWHERE_MS ? left_ms : ELSEWHERE_MS);
        if (o->version != version)
                return BB_OK;
        operation_hold(o);
        if (o->changed == NULL)
                o->changed = bb_cond_new();
        err = bb_cond_wait(o->changed, left_ms < HERE_MS ? left_ms : HERE_MS);
        operation_drop(o);
        return err == BB_E_TIMEOUT ? BB_OK : err;
}

BB_AWAIT bb_err charging_operation_wait(bb_str id, int64_t version, int64_t timeout_ms, struct bb_operation *ret)
{
        STATE(c);
        int64_t until = bb_mono_ms() + timeout_ms, left;

        for (;;) {
                TRY(charging_operation_get(id, ret));
                left = until - bb_mono_ms();
                if (ret->version != version || bb_operation_is_over(ret->state) || left <= 0)
                        return BB_OK;
                TRY(wait_a_while(c, id, version, left));
        }
}
