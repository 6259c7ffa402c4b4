/* SPDX-License-Identifier: Apache-2.0
 *
 * The table "rt/1": what plugins see of this folder.
 */
#include "base/time.h"
#include "rt/rt_inner.h"
#include "rt/zone.h"

static void *ops_alloc(size_t bytes)
{
        return arena_alloc(arena_current, bytes);
}

static bb_str ops_vprint(const char *format, va_list args)
{
        return arena_vprint(arena_current, format, args);
}

static bb_err ops_sleep(int64_t ms)
{
        bb_err err = task_park(ms > 0 ? ms : 0);
        struct task *t = task_current();

        /* The end of the wished time is no error, that of the task's own is. */
        if (err == BB_E_TIMEOUT && t != NULL && time_mono_ms() < t->deadline)
                return BB_OK;
        return err;
}

static bb_tenant *ops_tenant(void)
{
        return task_tenant(task_current());
}

static bb_str ops_time_text(int64_t ms)
{
        char *text = arena_alloc(arena_current, 32);

        return (bb_str){.ptr = text, .len = time_format(ms, text)};
}

const struct bb_rt_ops rt_ops = {.size = sizeof(rt_ops),
                                 .now_ms = loop_now_ms,
                                 .mono_ms = time_mono_ms,
                                 .alloc = ops_alloc,
                                 .vprint = ops_vprint,
                                 .spawn = task_spawn,
                                 .cancel = task_cancel,
                                 .sleep = ops_sleep,
                                 .tenant = ops_tenant,
                                 .cond_new = cond_new,
                                 .cond_free = cond_free,
                                 .cond_wait = cond_wait,
                                 .cond_wake = cond_wake,
                                 .timer_new = timer_new,
                                 .timer_free = timer_free,
                                 .worker_run = worker_run,
                                 .time_text = ops_time_text,
                                 .time_parse = time_parse,
                                 .uuid = uuid_text,
                                 .zone = zone_open,
                                 .zone_offset = zone_offset};

const struct bb_rt_ops *bb_rt_ = &rt_ops;
