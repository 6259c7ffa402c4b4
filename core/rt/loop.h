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
/* Runs fn(arg) on the loop's thread at its next turn. From any thread; the only call of rt that other threads may make.
 */
void loop_post(void (*fn)(void *), void *arg);
/* The same from the loop's thread, without the lock. */
void loop_defer(void (*fn)(void *), void *arg);
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
