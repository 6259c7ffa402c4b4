/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a job's next change. What this process runs tells it; what another one runs, or none yet, is looked at
 * now and then.
 */
#include "base/arena.h"
#include "base/time.h"
#include "db/work.h"
#include <busbar/rt.h>

#define PAUSE_MS 250 /* between two answers: progress may come with each row */

struct job_watch {
        struct list link;
        bb_str id; /* as the database writes it; NULL: not yet looked at */
        struct nap nap;
};

static struct list watches = {.next = &watches, .prev = &watches};

void job_changed(bb_str id)
{
        LIST_EACH (item, &watches) {
                struct job_watch *watch = LIST_OF(struct job_watch, link, item);

                if (bb_str_eq(watch->id, id))
                        nap_wake(&watch->nap);
        }
}

static int differs(const struct bb_job_info *a, const struct bb_job_info *b)
{
        return a->id.ptr == NULL || a->state != b->state || a->attempts != b->attempts || a->done != b->done ||
               a->total != b->total;
}

static int runs_here(bb_str id)
{
        const struct work *w = work_of(task_tenant(task_current()));

        return w != NULL && job_here(w, id) != NULL;
}

/* What is as it was is not copied again: a live view sees thousands of changes, and parameters may be long. */
static void keep(struct bb_job_info *info, const struct bb_job_info *seen)
{
        bb_str *texts[] = {&info->id, &info->type, &info->params, &info->result, &info->error};
        const bb_str before[] = {seen->id, seen->type, seen->params, seen->result, seen->error};

        for (size_t i = 0; i < BB_COUNT(texts); i++)
                *texts[i] = bb_str_eq(before[i], *texts[i]) ? before[i] : bb_str_dup(*texts[i]);
}

/* Each look in memory of its own: a live view may last for hours. */
static BB_AWAIT bb_err look(struct job_watch *watch, bb_str id, const struct bb_job_info *seen, struct bb_job_info *ret)
{
        struct arena *before = arena_current, *own = arena_new("job wait");
        bb_err err;

        arena_current = own;
        watch->nap.woken = 0;
        err = job_get(id, ret);
        arena_current = before;
        if (err == BB_OK && (watch->id.ptr == NULL || differs(seen, ret)))
                keep(ret, seen);
        if (err == BB_OK && watch->id.ptr == NULL)
                watch->id = ret->id; /* as it is written here */
        arena_free(own);
        return err;
}

static BB_AWAIT bb_err wait_for_change(struct job_watch *watch, bb_str id, const struct bb_job_info *seen,
                                       int64_t until_ms, struct bb_job_info *ret)
{
        struct bb_job_info now;
        int64_t left;

        for (;;) {
                int32_t first = watch->id.ptr == NULL;

                TRY(look(watch, id, seen, &now));
                if (first || differs(seen, &now))
                        *ret = now;
                left = until_ms - time_mono_ms();
                if (differs(seen, &now) || left <= 0)
                        return BB_OK;
                if (!runs_here(watch->id) && left > pool.config.poll_ms)
                        left = pool.config.poll_ms;
                TRY(nap(&watch->nap, left));
        }
}

BB_AWAIT bb_err job_wait(bb_str id, const struct bb_job_info *seen, int64_t timeout_ms, struct bb_job_info *ret)
{
        int64_t until_ms = time_mono_ms() + timeout_ms;
        struct job_watch watch = {.id = BB_NONE};
        bb_err err;

        if (seen == NULL || ret == NULL)
                return BB_E_INVALID;
        if (seen->id.ptr != NULL) /* not the first look */
                TRY(bb_sleep(timeout_ms < PAUSE_MS ? timeout_ms : PAUSE_MS));
        list_append(&watches, &watch.link);
        err = wait_for_change(&watch, id, seen, until_ms, ret);
        list_remove(&watch.link);
        return err;
}
