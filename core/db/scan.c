/* SPDX-License-Identifier: Apache-2.0
 *
 * Large results in steps: a cursor in a read-only transaction, so that all steps see one snapshot and neither the
 * server nor we ever hold more than a step.
 */
#include "db/pool.h"
#include <stdlib.h>

#define STEP_MAX 10000

/* Not prepared: the text is made here, from constant text. */
static struct encoded unprepared(struct encoded e, bb_str sql)
{
        e.sql = sql.ptr;
        e.prepared = NULL;
        return e;
}

static BB_AWAIT bb_err open_cursor(bb_tx *tx, const struct bb_stmt *stmt)
{
        /* All rows will be read, so the plan for the last one counts and not that for the first. */
        struct encoded all = plain_statement("select set_config('cursor_tuple_fraction', '1', true)"), declare;

        TRY(params_encode(stmt, &declare));
        declare = unprepared(declare,
                             arena_print(arena_current, "declare busbar_scan no scroll cursor for %s", stmt->sql));
        TRY(tx_encoded(tx, &all, NULL));
        return tx_encoded(tx, &declare, NULL);
}

/* One step, in memory of its own. */
static BB_AWAIT bb_err take_step(bb_tx *tx, const struct encoded *fetch, bb_err (*each)(const bb_rows *, void *),
                                 void *arg, size_t *ret_count)
{
        bb_rows *rows = NULL;

        TRY(tx_encoded(tx, fetch, &rows));
        *ret_count = rows_count(rows);
        return *ret_count > 0 ? each(rows, arg) : BB_OK;
}

static BB_AWAIT bb_err take_steps(bb_tx *tx, size_t step, bb_err (*each)(const bb_rows *, void *), void *arg)
{
        struct encoded fetch = unprepared((struct encoded){.sql = NULL},
                                          arena_print(arena_current, "fetch forward %zu from busbar_scan", step));
        struct arena *before = arena_current, *own = arena_new("scan");
        size_t count = step;
        bb_err err = BB_OK;

        while (err == BB_OK && count == step) {
                arena_current = own;
                err = take_step(tx, &fetch, each, arg, &count);
                arena_current = before;
                arena_reset(own);
        }
        arena_free(own);
        return err;
}

BB_AWAIT bb_err db_scan(const struct bb_stmt *stmt, size_t step, bb_err (*each)(const bb_rows *, void *), void *arg)
{
        bb_tx *tx = NULL;
        bb_err err;

        if (stmt == NULL || stmt->sql == NULL || each == NULL || step == 0)
                return BB_E_INVALID;
        TRY(tx_begin_kind(HOLD_SCAN, "begin isolation level repeatable read read only", &tx));
        err = open_cursor(tx, stmt);
        if (err == BB_OK)
                err = take_steps(tx, step < STEP_MAX ? step : STEP_MAX, each, arg);
        tx_rollback(tx);
        return err;
}
