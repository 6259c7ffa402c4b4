/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks: stackful coroutines. makecontext creates one, sigsetjmp and siglongjmp switch.
 */
#ifndef CORE_RT_TASK_H
#define CORE_RT_TASK_H

#include "base/arena.h"
#include "base/list.h"
#include <busbar/rt.h>

struct task;

/* The running one, NULL on the loop itself. */
struct task *task_current(void);
struct arena *task_arena(struct task *);
bb_task_id task_id(const struct task *);
bb_tenant *task_tenant(const struct task *);
/* Changes the running task's tenant (a request finds its tenant after it started). */
void task_set_tenant(bb_tenant *);
void task_set_timeout(int64_t timeout_ms); /* from now; 0 none */

/* The bottom of every waiting call. Suspends the running task until task_wake(), at most timeout_ms (< 0: until the
 * task's own deadline). BB_OK when woken, BB_E_TIMEOUT, BB_E_CANCELED (also at once, when the task is cancelled
 * already). The one who parks registers itself somewhere first and unregisters after any return. */
BB_AWAIT bb_err task_park(int64_t timeout_ms);
/* May the running task still wait? BB_E_CANCELED, BB_E_TIMEOUT (its deadline passed), BB_E_INTERNAL outside a task.
 * Does not wait itself: for those who would start something that cannot be taken back. */
bb_err task_check(void);
/* The same, but neither cancelling nor a deadline ends it: for waits whose memory the other side still uses (threads).
 */
BB_AWAIT void task_park_firmly(void);
/* Makes a parked task run at the next turn; from the loop's thread. A task that is not parked ignores it. */
void task_wake(struct task *);

/* Is it waiting, so that task_wake() would have an effect? */
int32_t task_is_parked(const struct task *);

/* Calls fn(arg) when the running task ends, newest first, before its arena is freed; for locks and transactions. */
void task_at_end(void (*fn)(void *), void *arg);

/* Cancels every task of this plugin and tenant (NULL: any) and frees their timers. A task is of the plugin that started
 * it, and also of every plugin that it is inside of by task_enter_plugin(). */
void task_cancel_group(const bb_plugin_ref *, const bb_tenant *);
size_t task_group_count(const bb_plugin_ref *, const bb_tenant *);
size_t task_count(void);
/* How many tasks may exist at once; spawning one more is BB_E_BUSY. Never above what the kernel's limit of mappings
 * (two for each stack) allows. */
void task_set_limit(size_t);

/* Breadcrumb for crash reports: what is running. Costs a few stores.
 * Lies in memory that the supervisor maps too; private memory when there is no supervisor. */
extern struct breadcrumb_page {
        uint32_t magic;
        char plugin[48], tenant[64], operation[64];
        char detail[256];
} * breadcrumb_page;
/* For the handler of a crash, on the thread that crashed: the page, with what that thread did (the loop's goes on
 * meanwhile, and writes somewhere else from now on). */
const struct breadcrumb_page *breadcrumb_at_crash(void);

/* Starts a task. `spec` as in rt.h; BB_E_BUSY at the limit, BB_E_CANCELED for a plugin in a tenant that stops. It runs
 * even when it is cancelled before its first turn, since it may own what `arg` points to. */
bb_err task_spawn(bb_plugin_ref *, const struct bb_task_spec *, bb_task_id *ret_id);
enum { TASK_WITHOUT_TENANT = 1 << 30 }; /* in spec.flags: a NULL tenant means none, not that of the caller */
/* Name of a plugin for breadcrumbs and groups; set by mod. */
void task_set_plugin_namer(const char *(*)(const bb_plugin_ref *));
/* From here to task_leave_plugin() `who` is to blame: for calls from core into a plugin, in a task or on the loop (then
 * without waiting between the two). `operation` is a constant. Returns what task_leave_plugin() wants back. */
const bb_plugin_ref *task_enter_plugin(const bb_plugin_ref *who, const char *operation);
void task_leave_plugin(const bb_plugin_ref *before);

#endif
