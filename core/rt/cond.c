/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions: tasks that wait, in the order in which they came. Waking one wakes the first that still waits: one whose
 * time ran out or that was cancelled in the same turn is passed over, so that a wake-up is never lost to it. A task
 * that was woken returns BB_OK even when it is cancelled, or its time is over, before it runs.
 */
#include "base/arena.h"
#include "base/log.h"
#include "rt/rt_inner.h"
#include <stdlib.h>

#define COND_MAGIC 0x434f4e44u

struct bb_cond {
        uint32_t magic;
        struct list waiters;
};

struct waiter {
        struct list node;
        struct task *task;
};

bb_cond *cond_new(void)
{
        bb_cond *c = heap_new(sizeof(*c));

        c->magic = COND_MAGIC;
        list_init(&c->waiters);
        return c;
}

static int cond_valid(const bb_cond *c)
{
        if (c != NULL && c->magic == COND_MAGIC)
                return 1;
        bb_log(BB_ERROR, "cond.invalid", "a call with something that is no condition");
        return 0;
}

void cond_free(bb_cond *c)
{
        if (c == NULL || !cond_valid(c))
                return;
        if (!list_empty(&c->waiters)) {
                bb_log(BB_ERROR, "cond.in_use", "a condition was freed while a task waits for it: it is kept");
                return;
        }
        c->magic = 0;
        free(c);
}

bb_err cond_wait(bb_cond *c, int64_t timeout_ms)
{
        struct waiter w = {.task = task_current()};
        bb_err err;

        if (!cond_valid(c))
                return BB_E_INVALID;
        list_append(&c->waiters, &w.node);
        err = task_park(timeout_ms);
        list_remove(&w.node);
        return err;
}

void cond_wake(bb_cond *c, int32_t all)
{
        if (!cond_valid(c))
                return;
        while (!list_empty(&c->waiters)) {
                struct waiter *w = LIST_OF(struct waiter, node, c->waiters.next);

                list_remove(&w->node);
                if (task_resume_with(w->task, BB_OK) && !all)
                        return;
        }
}
