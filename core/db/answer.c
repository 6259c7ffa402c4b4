/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server sends back, in the order in which it was asked. A segment is done when the answer to its Sync is
 * there: only then it is committed.
 */
#include "base/time.h"
#include "db/pool.h"
#include <busbar/log.h>
#include <string.h>

static void segment_failed(struct conn *c, struct segment *seg, PGresult *error)
{
        const char *state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
        const struct segment_step *step = seg->step_at < seg->step_count ? &seg->steps[seg->step_at] : NULL;

        if (seg->err < 0) {
                PQclear(error);
                return;
        }
        seg->err = sqlstate_err(state);
        seg->error = error;
        seg->failed_at = step != NULL ? step->index : (uint32_t)seg->count;
        seg->retry = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
        if (step == NULL)
                return;
        /* The session lost the statement, or a migration on another node changed what it returns. */
        if (strcmp(state, "26000") == 0 && seg->used[step->index] != NULL) {
                conn_set_known(c, seg->used[step->index], 0);
                seg->retry = 1;
        }
        if (strcmp(state, "0A000") == 0 && seg->used[step->index] != NULL && step->prepared == NULL) {
                prepared_retire(seg->used[step->index]);
                seg->retry = 1;
        }
}

/* The answer to one step: a result now, and then a NULL that ends it. 0: the session is over. */
static int take_step(struct conn *c, struct segment *seg, PGresult *result)
{
        struct segment_step *step = seg->step_at < seg->step_count ? &seg->steps[seg->step_at] : NULL;
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_FATAL_ERROR) {
                if (sqlstate_is_loss(result)) {
                        c->over = 1;
                        c->goodbye = sqlstate_is_goodbye(result);
                        PQclear(result);
                        return 0;
                }
                if (step != NULL && step->prepared != NULL)
                        conn_set_known(c, step->prepared, 0);
                segment_failed(c, seg, result);
        } else if (status == PGRES_PIPELINE_ABORTED) {
                if (step != NULL && step->prepared != NULL)
                        conn_set_known(c, step->prepared, 0);
                PQclear(result);
        } else if (step != NULL && step->prepared == NULL && seg->results[step->index] == NULL) {
                seg->results[step->index] = result;
        } else {
                PQclear(result);
        }
        if (step != NULL)
                step->answered = 1;
        return 1;
}

static void take_sync(struct conn *c, struct segment *seg)
{
        list_remove(&seg->link);
        c->flying_count--;
        c->head_since_ms = time_mono_ms();
        bb_metric_add(pool.m_segments, 1);
        segment_done(seg, seg->err);
}

/* 0: nothing more can come. */
static int take_answer(struct conn *c, PGresult *result)
{
        struct segment *seg = LIST_OF(struct segment, link, c->flying.next);

        if (result == NULL) {
                if (seg->step_at < seg->step_count && seg->steps[seg->step_at].answered)
                        seg->step_at++;
                return PQstatus(c->pg) == CONNECTION_OK;
        }
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
                return take_step(c, seg, result);
        PQclear(result);
        take_sync(c, seg);
        return 1;
}

/* 0: nothing more can come. */
static int take_what_is_there(struct conn *c)
{
        while (!list_empty(&c->flying) && !PQisBusy(c->pg))
                if (!take_answer(c, PQgetResult(c->pg)))
                        return 0;
        return 1;
}

/* What came before the end of the connection still counts, a goodbye above all. */
void conn_drain(struct conn *c)
{
        if (c->over)
                return;
        PQconsumeInput(c->pg);
        take_what_is_there(c);
}

int conn_read_answers(struct conn *c)
{
        int alive = PQconsumeInput(c->pg);
        size_t before = c->flying_count;

        if (!take_what_is_there(c))
                return 0;
        /* With nothing under way the server only speaks to say goodbye: this parses it, and the receiver of notices has
         * it. */
        if (before == 0)
                PQisBusy(c->pg);
        if (c->flying_count < before)
                pool_dispatch();
        return alive && PQstatus(c->pg) == CONNECTION_OK;
}
