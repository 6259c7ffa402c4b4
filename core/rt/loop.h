/* SPDX-License-Identifier: Apache-2.0
 *
 * The one event loop of the process (libevent), run turn by turn.
 */
#ifndef CORE_RT_LOOP_H
#define CORE_RT_LOOP_H

#include <busbar/rt.h>
#include <event2/event.h>

/* Makes the loop, the tasks' pool, the workers' threads (started on first use) and the context for logs. */
bb_err loop_init(int worker_threads);
struct event_base *loop_base(void);
/* Runs until loop_stop(). Each turn resets the memory that bb_alloc() gave outside tasks. */
void loop_run(void);
/* One turn: waits at most wait_ms for something to do. For tests. */
void loop_turn(int wait_ms);
void loop_stop(void);
/* Ends workers, frees the loop. Every task must have ended. */
void loop_close(void);
/* Runs fn(arg) on the loop's thread at its next turn. From any thread; this and loop_lag_ms() are the only calls of rt
 * that other threads may make. */
void loop_post(void (*fn)(void *), void *arg);
/* The same from the loop's thread, without the lock. */
void loop_defer(void (*fn)(void *), void *arg);
/* How late the loop was a moment ago, or is by now; at the first question 0. For threads that give way to it. */
int64_t loop_lag_ms(void);
/* Runs fn(arg) on a thread of its own, with low priority, and waits for its end: for what lasts minutes, which does not
 * belong on a worker. When the task is cancelled or its time is over, `stop(arg)` is called on the loop's thread; fn is
 * to return soon then, and the wait goes on until it has. BB_OK; why it was stopped (BB_E_CANCELED, BB_E_TIMEOUT; fn
 * may have ended well all the same); BB_E_BUSY: eight run already, or there is no thread, and fn was not called. */
BB_AWAIT bb_err thread_run(void (*fn)(void *), void (*stop)(void *), void *arg);
/* Gauges of tasks, stacks, workers and stalls; for whoever renders /metrics, just before it does. */
void loop_update_metrics(void);

/* A thread that logs a warning with a backtrace when the loop has not turned for warn_ms, once per stall, and aborts
 * the process at abort_ms (0: never). Waiting for events is no stall. Both times are stretched by watchdog_factor,
 * which is 20 under sanitizers and valgrind, otherwise 1. BB_E_IO when no thread can be had. */
bb_err watchdog_start(int32_t warn_ms, int32_t abort_ms);
void watchdog_stop(void);
extern int32_t watchdog_factor;

extern const struct bb_rt_ops rt_ops;

#endif
