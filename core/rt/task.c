/* SPDX-License-Identifier: Apache-2.0
 *
 * Tasks: switching stacks, the life of a task from spawn to end, and its waiting. makecontext starts a stack once, from
 * then on sigsetjmp and siglongjmp switch without a system call. All switches go between a task and the loop, never
 * from task to task, so there is one queue and one order. The fortified longjmp aborts when it leaves a stack, hence:
 */
#undef _FORTIFY_SOURCE
#include "base/log.h"
#include "base/tenant.h"
#include "base/time.h"
#include "rt/rt_inner.h"
#include "rt/slots.h"
#include <stdio.h>
#include <ucontext.h>

#define DEFAULT_LIMIT 100000

struct list task_all = {&task_all, &task_all};
static struct list ready = {&ready, &ready};
static struct slots tasks;
static size_t limit, limit_asked = DEFAULT_LIMIT;
static _Thread_local struct task *current;

static sigjmp_buf loop_env;
static struct fiber loop_fiber;
static struct coroutine *entering;

/* --- switching --- */

static FIBER_SWITCHES void coroutine_leave(struct coroutine *co)
{
        if (sigsetjmp(co->env, 0) == 0) {
                fiber_leave(co->dying ? NULL : &co->fiber, &loop_fiber);
                siglongjmp(loop_env, 1);
        }
        fiber_arrive(&entering->fiber, NULL);
}

static void task_live(struct task *);

/* The bottom of every stack: runs one task after the other. */
static FIBER_SWITCHES void coroutine_main(void)
{
        struct coroutine *co = entering;

        fiber_arrive(&co->fiber, &loop_fiber);
        while (!co->dying) {
                task_live(co->arg);
                coroutine_leave(co);
        }
        coroutine_leave(co);
        abort();
}

static FIBER_SWITCHES void coroutine_start(struct coroutine *co)
{
        static ucontext_t context;

        if (getcontext(&context) < 0)
                abort();
        context.uc_stack.ss_sp = (void *)(uintptr_t)co->fiber.stack;
        context.uc_stack.ss_size = co->fiber.stack_bytes;
        context.uc_link = NULL;
        makecontext(&context, coroutine_main, 0);
        co->started = 1;
        fiber_leave(&loop_fiber, &co->fiber);
        setcontext(&context);
        abort();
}

static FIBER_SWITCHES void coroutine_enter(struct coroutine *co)
{
        entering = co;
        if (sigsetjmp(loop_env, 0) == 0) {
                if (!entering->started)
                        coroutine_start(entering);
                fiber_leave(&loop_fiber, &entering->fiber);
                siglongjmp(entering->env, 1);
        }
        fiber_arrive(&loop_fiber, NULL);
}

void coroutine_retire(struct coroutine *co)
{
        co->dying = 1;
        coroutine_enter(co);
}

/* --- a task's life --- */

/* On the task's own stack. */
static void task_live(struct task *t)
{
        t->run(t->arg);
        while (t->at_end != NULL) {
                struct at_end *e = t->at_end;

                t->at_end = e->next;
                e->fn(e->arg);
        }
        arena_current = t->arena;
        arena_reset(t->arena); /* here, since its cleanups may look at the task */
        t->finished = 1;
}

static void task_forget(struct task *t)
{
        if (t->alarm_at != NEVER)
                event_del(&t->alarm);
        list_remove(&t->all);
        slots_remove(&tasks, t->id);
        arena_free(t->arena);
        stack_give(t->co);
        t->magic = 0;
        free(t);
}

static void task_switch_to(struct task *t)
{
        watchdog_step();
        t->state = TASK_RUNNING;
        current = t;
        arena_current = t->arena_used;
        trail_show(t);
        coroutine_enter(t->co);
        t->arena_used = arena_current;
        current = NULL;
        arena_current = loop_arena;
        trail_show(NULL);
        if (t->finished)
                task_forget(t);
}

/* A task gets its stack at its first turn: a thousand short ones that follow each other share one. 0: there is none. */
static int task_outfit(struct task *t)
{
        if (t->co != NULL)
                return 1;
        t->co = stack_take();
        if (t->co == NULL)
                return 0;
        t->co->arg = t;
        t->arena_used = task_arena(t);
        return 1;
}

int task_any_ready(void)
{
        return !list_empty(&ready);
}

void task_run_ready(void)
{
        static int64_t last_complaint;
        struct list batch = {.next = &batch, .prev = &batch};

        if (list_empty(&ready))
                return;
        /* The whole queue moves over to the batch. */
        list_append(&ready, &batch);
        list_remove(&ready);
        while (!list_empty(&batch)) {
                struct task *t = LIST_OF(struct task, node, batch.next);

                list_remove(&t->node);
                if (task_outfit(t)) {
                        task_switch_to(t);
                        continue;
                }
                /* Its turn comes when another one's stack is free. */
                list_append(&ready, &t->node);
                loop_log_now_and_then(&last_complaint, "task.no_stack", "no memory mapping left for a task's stack");
        }
}

static void on_alarm(evutil_socket_t fd, short what, void *arg);

bb_err task_spawn(bb_plugin_ref *who, const struct bb_task_spec *asked, bb_task_id *ret_id)
{
        static int64_t last_complaint;
        struct bb_task_spec spec = {0};
        struct task *t;

        if (asked == NULL || asked->size < offsetof(struct bb_task_spec, arg) + sizeof(asked->arg))
                return BB_E_INVALID;
        memcpy(&spec, asked, asked->size < sizeof(spec) ? asked->size : sizeof(spec));
        if (spec.run == NULL)
                return BB_E_INVALID;
        if (spec.tenant == NULL && !(spec.flags & TASK_WITHOUT_TENANT))
                spec.tenant = task_tenant(current);
        if (spec.tenant != NULL) {
                CHECK_TENANT(spec.tenant);
                if (spec.tenant->stopping && who != NULL)
                        return BB_E_CANCELED;
        }
        if (tasks.count >= limit) {
                loop_log_now_and_then(&last_complaint, "task.limit", "too many tasks: new ones are refused");
                return BB_E_BUSY;
        }
        t = heap_new(sizeof(*t));
        t->id = slots_add(&tasks, t);
        t->magic = TASK_MAGIC;
        t->state = TASK_READY;
        t->who = who;
        t->tenant = spec.tenant;
        t->name = spec.name != NULL ? spec.name : "task";
        t->run = spec.run;
        t->arg = spec.arg;
        t->deadline = spec.timeout_ms > 0 ? time_mono_ms() + spec.timeout_ms : NEVER;
        t->alarm_at = NEVER;
        event_assign(&t->alarm, loop_base(), -1, 0, on_alarm, t);
        list_append(&task_all, &t->all);
        list_append(&ready, &t->node);
        if (ret_id != NULL)
                *ret_id = t->id;
        return BB_OK;
}

/* --- waiting --- */

int task_resume_with(struct task *t, bb_err result)
{
        if (t->state != TASK_PARKED && !(t->state == TASK_PARKED_FIRMLY && result == BB_OK))
                return 0;
        t->state = TASK_READY;
        t->park_result = result;
        list_append(&ready, &t->node);
        return 1;
}

void task_wake(struct task *t)
{
        task_resume_with(t, BB_OK);
}

int32_t task_is_parked(const struct task *t)
{
        return t->state == TASK_PARKED || t->state == TASK_PARKED_FIRMLY;
}

static void alarm_set(struct task *t, int64_t at, int64_t now)
{
        int64_t ms = at > now ? at - now : 0;
        struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

        t->alarm_at = at;
        event_add(&t->alarm, &tv);
}

/* The alarm may be left over from an earlier wait, or early since libevent's clock ticks coarsely. */
static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
        struct task *t = arg;
        int64_t now = time_mono_ms();

        (void)fd;
        (void)what;
        t->alarm_at = NEVER;
        if (t->state != TASK_PARKED || t->park_until == NEVER)
                return;
        if (now >= t->park_until)
                task_resume_with(t, BB_E_TIMEOUT);
        else
                alarm_set(t, t->park_until, now);
}

static bb_err outside(const char *what)
{
        bb_log(BB_ERROR, "task.outside", "a waiting call was made outside a task: it cannot wait and fails",
               bb_kv_cstr("call", what));
        return BB_E_INTERNAL;
}

bb_err task_check(void)
{
        if (current == NULL)
                return BB_E_INTERNAL;
        if (current->cancelled)
                return BB_E_CANCELED;
        return current->deadline != NEVER && time_mono_ms() >= current->deadline ? BB_E_TIMEOUT : BB_OK;
}

bb_err task_park(int64_t timeout_ms)
{
        struct task *t = current;
        int64_t now;

        if (t == NULL)
                return outside("task_park");
        if (t->cancelled)
                return BB_E_CANCELED;
        t->park_until = t->deadline;
        if (t->deadline != NEVER || timeout_ms >= 0) {
                now = time_mono_ms();
                if (now >= t->deadline)
                        return BB_E_TIMEOUT;
                if (timeout_ms >= 0 && timeout_ms < t->deadline - now)
                        t->park_until = now + timeout_ms;
                /* An alarm that is set already and goes off before is left alone: setting it costs more than a wait. */
                if (t->alarm_at > t->park_until)
                        alarm_set(t, t->park_until, now);
        }
        t->state = TASK_PARKED;
        coroutine_leave(t->co);
        return t->park_result;
}

void task_park_firmly(void)
{
        struct task *t = current;

        if (t == NULL) {
                outside("task_park_firmly");
                abort(); /* what it would wait for uses memory that is about to go */
        }
        t->state = TASK_PARKED_FIRMLY;
        coroutine_leave(t->co);
}

void task_cancel(bb_task_id id)
{
        struct task *t = slots_get(&tasks, id);

        if (t == NULL)
                return;
        t->cancelled = 1;
        task_resume_with(t, BB_E_CANCELED);
}

/* --- what others ask --- */

struct task *task_current(void)
{
        return current;
}

struct arena *task_arena(struct task *t)
{
        if (t->arena == NULL)
                t->arena = arena_new("task");
        return t->arena;
}

bb_task_id task_id(const struct task *t)
{
        return t->id;
}

bb_tenant *task_tenant(const struct task *t)
{
        return t != NULL ? t->tenant : NULL;
}

void task_set_tenant(bb_tenant *tenant)
{
        if (current == NULL)
                return;
        current->tenant = tenant;
        trail_show(current);
}

void task_set_timeout(int64_t timeout_ms)
{
        if (current != NULL)
                current->deadline = timeout_ms > 0 ? time_mono_ms() + timeout_ms : NEVER;
}

void task_at_end(void (*fn)(void *), void *arg)
{
        struct at_end *e;

        if (current == NULL) {
                outside("task_at_end");
                abort(); /* a lock that would never be released */
        }
        e = arena_alloc(current->arena, sizeof(*e));
        *e = (struct at_end){.next = current->at_end, .fn = fn, .arg = arg};
        current->at_end = e;
}

size_t task_count(void)
{
        return tasks.count;
}

void task_set_limit(size_t most)
{
        size_t mappable = stack_most();

        limit_asked = most;
        limit = most < mappable ? most : mappable;
        if (limit > SLOTS_MOST)
                limit = SLOTS_MOST;
}

static void log_source(struct log_context *ret)
{
        *ret = (struct log_context){.tenant = thread_context.tenant, .task = thread_context.task};
        if (current == NULL)
                return;
        ret->tenant = current->tenant != NULL ? current->tenant->id.ptr : NULL;
        ret->task = current->name;
}

void task_init(void)
{
        task_set_limit(limit_asked);
#if WITH_TSAN
        loop_fiber.tsan = __tsan_get_current_fiber();
#endif
        log_set_context_source(log_source);
}

void task_close(void)
{
        LIST_EACH (item, &task_all)
                fprintf(stderr, "task still there at the end: %s\n", LIST_OF(struct task, all, item)->name);
        if (tasks.count > 0)
                abort();
        log_set_context_source(NULL);
        stack_pool_free();
        slots_free(&tasks);
}
