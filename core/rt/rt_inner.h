/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share and nobody else may see.
 */
#ifndef CORE_RT_INNER_H
#define CORE_RT_INNER_H

#include "rt/loop.h"
#include "rt/stack.h"
#include "rt/task.h"
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>

#define TASK_MAGIC 0x5441534bu
#define NEVER INT64_MAX

enum task_state { TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_PARKED_FIRMLY };

/* Into which plugins the code that runs now was called, newest last; what is deeper than the table is only counted. */
#define TRAIL_MOST 6
struct trail {
        const bb_plugin_ref *who[TRAIL_MOST];
        const char *operation[TRAIL_MOST];
        uint32_t depth;
};

struct at_end {
        struct at_end *next;
        void (*fn)(void *);
        void *arg;
};

struct task {
        uint32_t magic;
        enum task_state state;
        bb_task_id id;
        struct list node;     /* in the queue of those that are ready */
        struct list all;      /* in the list of all */
        struct coroutine *co; /* from its first turn on */
        struct arena *arena;
        struct arena *arena_used; /* what bb_alloc() used when it was suspended */
        bb_plugin_ref *who;
        bb_tenant *tenant;
        const char *name;
        void (*run)(void *);
        void *arg;
        int32_t cancelled, finished;
        bb_err park_result;
        int64_t deadline; /* monotonic ms; NEVER */
        int64_t park_until;
        struct event alarm;
        int64_t alarm_at; /* when it goes off; NEVER: it is not set */
        struct at_end *at_end;
        struct trail trail;
};

/* task.c */
extern struct list task_all;
void task_init(void);
void task_close(void);
void task_run_ready(void); /* those that are ready now; those that they make ready wait for the next turn */
int task_any_ready(void);
/* Ends the wait of a parked task with this result. 0 when it is not parked, or firmly and the result is no BB_OK. */
int task_resume_with(struct task *, bb_err result);
void task_cancel(bb_task_id);

/* trail.c */
void trail_show(const struct task *); /* into the breadcrumb page; NULL: nothing runs but the core */
const char *trail_plugin_name(const bb_plugin_ref *);
int trail_has(const struct trail *, const bb_plugin_ref *);

/* What a thread other than the loop's works on: what the page said when it was asked to. */
extern _Thread_local const struct breadcrumb_page *thread_crumb;

/* loop.c */
extern struct arena *loop_arena; /* of the turn */
void loop_log_now_and_then(int64_t *last, const char *event, const char *text);
int64_t loop_now_ms(void);
extern _Thread_local struct log_context_of_thread {
        const char *tenant, *task;
} thread_context; /* of worker threads */

/* timer.c */
void timer_cancel_group(const bb_plugin_ref *, const bb_tenant *);
void timer_close(void);
bb_timer *timer_new(bb_plugin_ref *, bb_tenant *, const char *name, int64_t first_ms, int64_t every_ms,
                    void (*fn)(void *), void *arg);
void timer_free(bb_timer *);

/* cond.c */
bb_cond *cond_new(void);
void cond_free(bb_cond *);
BB_AWAIT
bb_err cond_wait(bb_cond *, int64_t timeout_ms);
void cond_wake(bb_cond *, int32_t all);

/* worker.c */
void worker_init(int threads);
void worker_close(void);
BB_AWAIT
bb_err worker_run(void (*fn)(void *), void *arg);
size_t worker_queued(void);

/* thread.c: 0, or -1 when the system gives none */
int thread_start(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg);

/* watchdog.c */
extern atomic_uint_fast64_t watchdog_slice; /* goes up whenever the loop does something else */
extern atomic_int watchdog_may_wait;        /* the loop may be waiting for events */
extern atomic_uint watchdog_stalls;
static inline void watchdog_step(void)
{
        /* Only the loop's thread writes it: no locked addition is needed. */
        atomic_store_explicit(&watchdog_slice, atomic_load_explicit(&watchdog_slice, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

/* uuid.c */
bb_str uuid_text(void);

#endif
