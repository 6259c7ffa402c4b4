/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks, memory, time and threads ("rt/1"). A task is a coroutine on the one event loop: straight-line code in which
 * calls marked BB_AWAIT suspend. It carries its tenant, an arena, a deadline and the context of its log lines.
 */
#ifndef BUSBAR_RT_H
#define BUSBAR_RT_H

#include <busbar/types.h>
#include <stdarg.h>

typedef uint64_t bb_task_id; /* never reused; 0 is none */

struct bb_task_spec {
        uint32_t size;
        int32_t flags;
        const char *name;   /* constant, for logs and crash reports: "ocpp16.call" */
        bb_tenant *tenant;  /* NULL: that of the caller */
        int64_t timeout_ms; /* 0: none. After it every waiting call of the task returns BB_E_TIMEOUT */
        void (*run)(void *arg);
        void *arg;
};

struct bb_rt_ops {
        uint32_t size;
        uint32_t reserved;
        int64_t (*now_ms)(void);  /* wall clock, milliseconds since 1970 UTC; refreshed once per turn of the loop */
        int64_t (*mono_ms)(void); /* never goes back; for durations */

        /* Memory of the running task (zeroed, 16-byte aligned), gone when it ends. Never NULL: a process out of memory
         * ends and is restarted. Outside a task: until the current turn of the loop ends. */
        void *(*alloc)(size_t bytes);
        bb_str (*vprint)(const char *format, va_list args); /* formatted into the same memory, NUL-terminated */

        /* Starts a task at the next turn of the loop. It is cancelled when its plugin or tenant stops. */
        bb_err (*spawn)(bb_plugin_ref *who, const struct bb_task_spec *spec, bb_task_id *ret_id);
        void (*cancel)(bb_task_id id); /* its waiting call returns BB_E_CANCELED; unknown ids are ignored */
        BB_AWAIT bb_err (*sleep)(int64_t ms);
        bb_tenant *(*tenant)(void); /* of the running task; NULL outside one */

        /* A condition to wait for. Lives until cond_free, which may not be called while a task waits on it. */
        bb_cond *(*cond_new)(void);
        void (*cond_free)(bb_cond *);
        BB_AWAIT bb_err (*cond_wait)(bb_cond *, int64_t timeout_ms); /* < 0: until the task's deadline */
        void (*cond_wake)(bb_cond *, int32_t all);                   /* loop thread only */

        /* Runs `fn` in a new task every `every_ms` (a run that is late is not doubled), once when every_ms is 0 (after
         * `first_ms`). Freed with timer_free; cancelled when its plugin or tenant stops. */
        bb_timer *(*timer_new)(bb_plugin_ref *who, bb_tenant *tenant, const char *name, int64_t first_ms,
                               int64_t every_ms, void (*fn)(void *arg), void *arg);
        void (*timer_free)(bb_timer *);

        /* Runs `fn` on a thread of the pool and waits for its end. In `fn` only bb_log may be called. Not cancellable:
         * the stack stays until fn returns. BB_E_BUSY when the pool's queue is full. */
        BB_AWAIT bb_err (*worker_run)(void (*fn)(void *arg), void *arg);

        /* RFC 3339 with milliseconds and Z, into the task's memory; and back. Accepts any offset and fraction.
         * BB_E_INVALID for anything else, for example no zone. */
        bb_str (*time_text)(int64_t ms);
        bb_err (*time_parse)(bb_str text, int64_t *ret_ms);
        /* A new UUID version 7 (RFC 9562) as text: ids that sort by time. */
        bb_str (*uuid)(void);
        /* A time zone by its IANA name, "Europe/Berlin"; BB_E_NOT_FOUND when there is none. Lives as long as the
         * process. */
        bb_err (*zone)(bb_str name, const bb_zone **ret);
        /* Seconds to add to UTC at this instant, daylight-saving time counted in. May be called from any thread. */
        int32_t (*zone_offset)(const bb_zone *, int64_t at_ms);
};

extern const struct bb_rt_ops *bb_rt_ BB_HIDDEN;
extern bb_plugin_ref *bb_self_ BB_HIDDEN;

static inline int64_t bb_now_ms(void)
{
        return bb_rt_->now_ms();
}
static inline int64_t bb_mono_ms(void)
{
        return bb_rt_->mono_ms();
}
static inline void *bb_alloc(size_t bytes)
{
        return bb_rt_->alloc(bytes);
}
#define BB_NEW(type) ((type *)bb_alloc(sizeof(type)))
#define BB_NEW_ARRAY(type, count) ((type *)bb_alloc(sizeof(type) * (count)))

/* A copy in the task's memory, NUL-terminated. */
static inline bb_str bb_str_dup(bb_str s)
{
        char *p;

        if (s.ptr == NULL)
                return s;
        p = bb_alloc(s.len + 1);
        if (s.len > 0)
                memcpy(p, s.ptr, s.len);
        return (bb_str){.ptr = p, .len = s.len};
}
/* NUL-terminated for a C function; a copy in the task's memory. */
static inline const char *bb_str_c(bb_str s)
{
        return s.ptr != NULL ? bb_str_dup(s).ptr : "";
}
__attribute__((format(printf, 1, 2))) static inline bb_str bb_print(const char *format, ...)
{
        va_list args;
        bb_str s;

        va_start(args, format);
        s = bb_rt_->vprint(format, args);
        va_end(args);
        return s;
}
static inline bb_err bb_task_spawn(const char *name, bb_tenant *tenant, int64_t timeout_ms, void (*run)(void *),
                                   void *arg, bb_task_id *ret_id)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .name = name, .tenant = tenant, .timeout_ms = timeout_ms, .run = run, .arg = arg};

        return bb_rt_->spawn(bb_self_, &spec, ret_id);
}
static inline void bb_task_cancel(bb_task_id id)
{
        bb_rt_->cancel(id);
}
static inline BB_AWAIT bb_err bb_sleep(int64_t ms)
{
        return bb_rt_->sleep(ms);
}
static inline bb_tenant *bb_task_tenant(void)
{
        return bb_rt_->tenant();
}
static inline bb_cond *bb_cond_new(void)
{
        return bb_rt_->cond_new();
}
static inline void bb_cond_free(bb_cond *c)
{
        bb_rt_->cond_free(c);
}
static inline BB_AWAIT bb_err bb_cond_wait(bb_cond *c, int64_t timeout_ms)
{
        return bb_rt_->cond_wait(c, timeout_ms);
}
static inline void bb_cond_wake_one(bb_cond *c)
{
        bb_rt_->cond_wake(c, 0);
}
static inline void bb_cond_wake_all(bb_cond *c)
{
        bb_rt_->cond_wake(c, 1);
}
static inline bb_timer *bb_timer_new(bb_tenant *tenant, const char *name, int64_t first_ms, int64_t every_ms,
                                     void (*fn)(void *), void *arg)
{
        return bb_rt_->timer_new(bb_self_, tenant, name, first_ms, every_ms, fn, arg);
}
static inline void bb_timer_free(bb_timer *t)
{
        bb_rt_->timer_free(t);
}
static inline BB_AWAIT bb_err bb_worker_run(void (*fn)(void *), void *arg)
{
        return bb_rt_->worker_run(fn, arg);
}
static inline bb_str bb_time_text(int64_t ms)
{
        return bb_rt_->time_text(ms);
}
static inline bb_err bb_time_parse(bb_str text, int64_t *ret_ms)
{
        return bb_rt_->time_parse(text, ret_ms);
}
static inline bb_str bb_uuid(void)
{
        return bb_rt_->uuid();
}

static inline bb_err bb_zone_open(bb_str name, const bb_zone **ret)
{
        return bb_rt_->zone(name, ret);
}
static inline int32_t bb_zone_offset(const bb_zone *zone, int64_t at_ms)
{
        return bb_rt_->zone_offset(zone, at_ms);
}

#endif
