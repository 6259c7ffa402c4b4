/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions that look at their own results on the way. Each holds a connection; the pool limits how many.
 */
#include "db/pool.h"
#include <busbar/log.h>
#include <stdlib.h>

enum { TX_OPEN = 0, TX_ENDED = 1 };

/* On the heap, so that a handle used after its end is found out; freed when its task ends. */
struct bb_tx {
        uint32_t magic;
        int32_t state;
        struct task *owner;
        struct hold hold;
        bb_err failed; /* what the first failing statement said: the server refuses all that follows */
        int32_t flags;
};

static void tx_end(bb_tx *tx)
{
        if (tx->state == TX_ENDED)
                return;
        tx->state = TX_ENDED;
        roll_back_hold(&tx->hold);
}

static void on_task_end(void *arg)
{
        bb_tx *tx = arg;

        tx_end(tx);
        tx->magic = 0;
        free(tx);
}

static BB_AWAIT bb_err tx_segment(bb_tx *tx, const struct encoded *statements, size_t count, struct segment **ret_seg)
{
        struct segment *seg = segment_new(statements, count, &tx->hold);
        bb_err err;

        seg->flags = 0; /* nothing is committed by it */
        err = segment_run(seg);
        if (err == BB_OK) {
                *ret_seg = seg;
                return BB_OK;
        }
        report(seg, err);
        segment_free(seg);
        tx->failed = err;
        return err;
}

BB_AWAIT bb_err tx_begin_kind(int32_t kind, const char *begin, bb_tx **ret_tx)
{
        bb_tenant *tenant = NULL;
        struct encoded start[2];
        struct segment *seg = NULL;
        bb_tx *tx;
        bb_err err;

        TRY(caller_tenant(&tenant));
        tx = heap_new(sizeof(*tx));
        *tx = (bb_tx){.magic = TX_MAGIC, .owner = task_current()};
        err = hold_acquire(&tx->hold, kind);
        if (err < 0) {
                free(tx);
                return err;
        }
        task_at_end(on_task_end, tx);
        start[0] = plain_statement(begin);
        tenant_statement(tenant, &start[1]);
        err = tx_segment(tx, start, 2, &seg);
        if (err < 0) {
                tx_end(tx);
                return err;
        }
        segment_free(seg);
        *ret_tx = tx;
        return BB_OK;
}

BB_AWAIT bb_err tx_begin(bb_tx **ret_tx)
{
        return tx_begin_kind(HOLD_TX, "begin", ret_tx);
}

static bb_err check(const bb_tx *tx)
{
        if (tx == NULL || tx->magic != TX_MAGIC || tx->owner != task_current() || tx->state != TX_OPEN)
                return BB_E_INVALID;
        return tx->failed;
}

static int find_miss(const struct segment *seg, const struct bb_stmt *stmts)
{
        for (size_t i = 0; i < seg->count; i++)
                if ((stmts[i].flags & BB_STMT_MUST_HIT) && result_affected(seg->results[i]) == 0)
                        return 1;
        return 0;
}

BB_AWAIT bb_err tx_encoded(bb_tx *tx, const struct encoded *statement, bb_rows **ret_rows)
{
        struct segment *seg = NULL;

        TRY(check(tx));
        TRY(tx_segment(tx, statement, 1, &seg));
        take_rows(seg, 0, ret_rows);
        segment_free(seg);
        return BB_OK;
}

BB_AWAIT bb_err tx_run(bb_tx *tx, const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        struct encoded *encoded;
        struct segment *seg = NULL;

        TRY(check(tx));
        if (count == 0)
                return BB_OK;
        if (stmts == NULL || count > RUN_MAX)
                return BB_E_INVALID;
        encoded = arena_alloc(arena_current, sizeof(*encoded) * count);
        for (size_t i = 0; i < count; i++)
                TRY(params_encode(&stmts[i], &encoded[i]));
        TRY(tx_segment(tx, encoded, count, &seg));
        for (size_t i = 0; i < count; i++)
                tx->flags |= stmts[i].flags;
        if (find_miss(seg, stmts))
                tx->failed = BB_E_NOT_FOUND;
        else
                take_rows(seg, 0, ret_rows);
        segment_free(seg);
        return tx->failed;
}

/* One that failed is rolled back, and its error told again. */
BB_AWAIT bb_err tx_commit(bb_tx *tx)
{
        bb_err err = check(tx);

        if (err < 0) {
                if (tx != NULL && tx->magic == TX_MAGIC && tx->owner == task_current())
                        tx_end(tx);
                return err;
        }
        err = commit_hold(&tx->hold, tx->flags & (BB_STMT_EVENT | BB_STMT_JOB));
        tx->state = TX_ENDED;
        return err;
}

BB_AWAIT void tx_rollback(bb_tx *tx)
{
        if (tx != NULL && tx->magic == TX_MAGIC && tx->owner == task_current())
                tx_end(tx);
}
