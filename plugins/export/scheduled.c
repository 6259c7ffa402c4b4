/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduled reports: whatever is due is exported, each period once, whichever node is first, also after a time in which
 * none ran.
 */
#include "export.h"

/* As many as wait at once: who asks for an export meanwhile does not wait for months that were missed. */
enum { MOST_WAITING = 20 };

struct due {
        struct terms terms;
        struct timetable timetable;
        struct clockwork clockwork;
        int64_t from_ms, to_ms, next_ms;
};

static bb_err read_due(const struct export_state *state, const bb_rows *rows, struct due *ret)
{
        struct remarks remarks = {.count = 0};

        TRY(report_row(rows, 0, &ret->terms));
        if (ret->terms.schedule == NULL)
                return BB_E_INVALID;
        TRY(timetable_of(ret->terms.schedule, &ret->timetable, &remarks));
        TRY(clockwork_of(state->tenant, &ret->terms, &ret->clockwork));
        timetable_period(&ret->timetable, &ret->clockwork, ret->terms.next_ms, &ret->from_ms, &ret->to_ms);
        ret->next_ms = timetable_next(&ret->timetable, &ret->clockwork, ret->terms.next_ms);
        return BB_OK;
}

/* One that does not fit any more, since a plugin is gone, is ordered all the same: its export says what is wrong. */
static void order_for(const struct export_state *state, const struct due *due, struct export_order *ret)
{
        struct remarks remarks = {.count = 0};
        struct choice choice = {.dataset = due->terms.dataset};
        struct plan plan;

        choice_of(&due->terms.columns, due->terms.filters, &choice, &remarks);
        choice_add(&choice, BB_STR("from"), bb_json_new_str(bb_time_text(due->from_ms)), BB_STR("/filters/from"));
        choice_add(&choice, BB_STR("to"), bb_json_new_str(bb_time_text(due->to_ms)), BB_STR("/filters/to"));
        (void)plan_make(state->tenant, &choice, &plan, &remarks);
        plan.from_ms = due->from_ms;
        plan.to_ms = due->to_ms;
        order_of(state->tenant, &due->terms, &choice, &plan, ret, &remarks);
        order_scheduled(ret, due->terms.id);
}

static struct bb_stmt next_stmt(const struct bb_param params[3])
{
        return (struct bb_stmt){.sql = "update export.report set next_at = $3 where report_id = $1 and next_at = $2",
                                .params = params,
                                .param_count = 3};
}

/* The row of the period decides which node makes it. */
static BB_AWAIT bb_err run_one(const struct export_state *state, const bb_rows *rows)
{
        struct export_order order;
        bb_str id = bb_uuid();
        struct due due;
        bb_err err;

        if (read_due(state, rows, &due) < 0) { /* it must not keep the others waiting */
                bb_log(BB_ERROR, "export.schedule", "a report whose schedule cannot be read is not made any more",
                       bb_kv_str("report", bb_row_str(rows, 0, 0)));
                return bb_db_query(NULL, "update export.report set next_at = null where report_id = $1",
                                   BB_TEXT(bb_row_str(rows, 0, 0)));
        }
        const struct bb_param next[] = {BB_TEXT(due.terms.id), BB_TIME(due.terms.next_ms), BB_TIME(due.next_ms)};

        order_for(state, &due, &order);
        const struct bb_stmt stmts[] = {
                {.sql = "insert into export.report_run (report_id, period_from, period_to, export_id)"
                        " values ($1, $2, $3, $4) on conflict do nothing",
                 .params = (const struct bb_param[]){BB_TEXT(due.terms.id), BB_TIME(due.from_ms), BB_TIME(due.to_ms),
                                                     BB_UUID(id)},
                 .param_count = 4,
                 .flags = BB_STMT_MUST_HIT},
                next_stmt(next),
                bb_job_stmt(EXPORT_JOB, id, bb_shape_encode_text(&ExportOrder, &order)),
                bb_audit_stmt(bb_print("report:%.*s", BB_FMT(due.terms.id)), "export.create", id, BB_NONE),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err != BB_E_NOT_FOUND && err != BB_E_INVALID)
                return err;
        /* This period was made before, or cannot be: the next one is to come. */
        const struct bb_stmt skip = next_stmt(next);

        return bb_db_run(&skip, 1, NULL);
}

/* The oldest waits for the longest; the row that is due, or none when enough wait already. */
static BB_AWAIT bb_err next_due(int64_t *waiting, bb_rows **ret)
{
        TRY(bb_db_query(ret, "select " REPORT_COLUMNS " from export.report r where r.next_at <= now()"
                             " order by r.next_at limit 1"));
        if (bb_rows_count(*ret) == 0)
                return BB_E_NOT_FOUND;
        if (*waiting < 0)
                TRY(exports_waiting(1, MOST_WAITING, waiting));
        return (*waiting)++ < MOST_WAITING ? BB_OK : BB_E_NOT_FOUND;
}

void scheduled_tick(void *arg)
{
        const struct export_state *state = arg;
        int64_t waiting = -1;
        bb_rows *rows;
        bb_err err;

        do {
                err = next_due(&waiting, &rows);
                if (err == BB_OK)
                        err = run_one(state, rows);
        } while (err == BB_OK);
        if (err != BB_E_NOT_FOUND && err != BB_E_CANCELED && err != BB_E_UNAVAILABLE)
                bb_log(BB_WARN, "export.schedule", "scheduled reports could not be begun", bb_kv_err(err));
}
