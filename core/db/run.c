/* SPDX-License-Identifier: Apache-2.0
 *
 * bb_db_run: statements of one tenant as one transaction. Usually that is one segment, one round trip. With a statement
 * that must hit something it is BEGIN … and then COMMIT or ROLLBACK, two round trips over a connection held so long,
 * since the server cannot make its own commit depend on a count of rows.
 */
#include "db/pool.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 5

bb_err caller_tenant(bb_tenant **ret)
{
        bb_tenant *tenant;

        if (task_current() == NULL)
                return BB_E_INVALID;
        tenant = task_tenant(task_current());
        if (tenant == NULL)
                return BB_E_DENIED;
        CHECK_TENANT(tenant);
        *ret = tenant;
        return BB_OK;
}

void take_rows(struct segment *seg, size_t first, bb_rows **ret_rows)
{
        if (ret_rows == NULL)
                return;
        for (size_t i = first; i < seg->count; i++) {
                ret_rows[i - first] = rows_new(seg->results[i]);
                seg->results[i] = NULL;
        }
}

/* Says once what went wrong, when nobody tries again. */
bb_err report(const struct segment *seg, bb_err err)
{
        const struct prepared *p = seg->failed_at < seg->count ? seg->used[seg->failed_at] : NULL;

        if (err >= 0)
                return err;
        if (seg->error != NULL)
                sqlstate_log(seg->error, err, p != NULL ? prepared_sql(p) : "");
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "busbar_db_errors_total", "Segments that failed.",
                                    bb_kv_cstr("error", bb_err_text(err))),
                      1);
        return err;
}

/* 10, 20, 40 … ms, up to half of it more or less: two that fought should not meet again. */
static BB_AWAIT bb_err pause_before(int try)
{
        int64_t ms = INT64_C(10) << try;

        return bb_sleep(ms / 2 + random() % ms);
}

static int misses(const struct segment *seg, size_t first, const struct bb_stmt *stmts)
{
        for (size_t i = first; i < seg->count; i++)
                if ((stmts[i - first].flags & BB_STMT_MUST_HIT) && result_affected(seg->results[i]) == 0)
                        return 1;
        return 0;
}

struct run {
        const struct bb_stmt *stmts;
        struct encoded *encoded; /* [0] BEGIN, [1] the tenant, then the statements */
        size_t count;
        bb_rows **ret_rows;
        int32_t again; /* it failed in a way that the next try may mend */
        int32_t flags;
};

/* One statement that hits nothing changes nothing, so it needs no rollback. */
static BB_AWAIT bb_err run_segment(struct run *run)
{
        struct segment *seg = segment_new(run->encoded + 1, run->count + 1, NULL);
        bb_err err = segment_run(seg);

        run->again = err < 0 && seg->state == SEGMENT_DONE && seg->retry;
        if (err == BB_OK && misses(seg, 1, run->stmts))
                err = BB_E_NOT_FOUND;
        else if (err == BB_OK)
                take_rows(seg, 1, run->ret_rows);
        else if (!run->again)
                report(seg, err);
        segment_free(seg);
        return err;
}

BB_AWAIT bb_err commit_hold(struct hold *hold, int32_t flags)
{
        struct encoded e = plain_statement("commit");
        struct segment *seg = segment_new(&e, 1, hold);
        bb_err err;

        seg->flags = flags;
        seg->last = 1;
        err = segment_run(seg);
        if (err == BB_OK && strcmp(PQcmdStatus(seg->results[0]), "COMMIT") != 0)
                err = BB_E_CONFLICT;
        report(seg, err);
        segment_free(seg);
        /* A task that may not wait any more did not even send it. */
        roll_back_hold(hold);
        return err;
}

void roll_back_hold(struct hold *hold)
{
        struct encoded e = plain_statement("rollback");

        if (hold->conn != NULL)
                segment_send_last(segment_new(&e, 1, hold));
}

static BB_AWAIT bb_err run_checked(struct run *run)
{
        struct hold hold;
        struct segment *seg;
        bb_err err;

        run->again = 0;
        TRY(hold_acquire(&hold, HOLD_CHECK));
        seg = segment_new(run->encoded, run->count + 2, &hold);
        seg->flags = 0;
        err = segment_run(seg);
        run->again = err < 0 && seg->state == SEGMENT_DONE && seg->retry;
        if (err == BB_OK && misses(seg, 2, run->stmts))
                err = BB_E_NOT_FOUND;
        else if (err < 0 && !run->again)
                report(seg, err);
        if (err == BB_OK)
                err = commit_hold(&hold, run->flags);
        else
                roll_back_hold(&hold);
        if (err == BB_OK)
                take_rows(seg, 2, run->ret_rows);
        segment_free(seg);
        return err;
}

static bb_err encode(struct run *run, const bb_tenant *tenant)
{
        run->encoded = arena_alloc(arena_current, sizeof(*run->encoded) * (run->count + 2));
        run->encoded[0] = plain_statement("begin");
        tenant_statement(tenant, &run->encoded[1]);
        for (size_t i = 0; i < run->count; i++) {
                TRY(params_encode(&run->stmts[i], &run->encoded[i + 2]));
                run->flags |= run->stmts[i].flags;
        }
        return BB_OK;
}

BB_AWAIT bb_err db_run(const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        struct run run = {.stmts = stmts, .count = count, .ret_rows = ret_rows};
        bb_tenant *tenant = NULL;
        bb_err err;

        TRY(caller_tenant(&tenant));
        if (count == 0)
                return BB_OK;
        if (stmts == NULL || count > RUN_MAX)
                return BB_E_INVALID;
        TRY(encode(&run, tenant));
        for (int try = 0;; try++) {
                err = (run.flags & BB_STMT_MUST_HIT) && count > 1 ? run_checked(&run) : run_segment(&run);
                if (!run.again || try + 1 == TRIES)
                        return err;
                TRY(pause_before(try));
        }
}
