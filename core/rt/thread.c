/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of their own, with low priority, for what lasts minutes: it would keep the workers from everybody else. What
 * such a thread works on lies on the stack of the task that waits for it, so it never outlives that wait.
 */
#include "base/log.h"
#include "base/tenant.h"
#include "rt/rt_inner.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LONG_THREADS_MOST 8
#define LONG_THREAD_NICE 10
#define STACK_BYTES ((size_t)2 * 1024 * 1024)

struct long_thread {
        void (*fn)(void *);
        void *arg;
        struct task *task;
        pthread_t thread;
        int32_t done;
        int32_t reserved;
        struct log_context_of_thread context;
        struct breadcrumb_page crumb;
};

static int32_t long_threads; /* that run; of the loop's thread */

/* Signals are the loop's business: threads start with all of them blocked. */
int thread_start(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg)
{
        pthread_attr_t attributes;
        sigset_t all, before;
        int err;

        if (pthread_attr_init(&attributes) != 0)
                return -1;
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        err = pthread_create(ret, &attributes, fn, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        if (err == 0)
                pthread_setname_np(*ret, name);
        return err == 0 ? 0 : -1;
}

static void long_thread_done(void *arg)
{
        struct long_thread *t = arg;

        pthread_join(t->thread, NULL); /* it has nothing left to do but to return */
        t->done = 1;
        task_wake(t->task);
}

static void *long_thread_main(void *arg)
{
        struct long_thread *t = arg;

        /* On Linux this is the thread's own. Stations come first. */
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LONG_THREAD_NICE);
        arena_current = arena_new("thread"); /* for what the log needs */
        thread_context = t->context;
        thread_crumb = &t->crumb;
        t->fn(t->arg);
        arena_free(arena_current);
        arena_current = NULL;
        loop_post(long_thread_done, t);
        return NULL;
}

bb_err thread_run(void (*fn)(void *), void (*stop)(void *), void *arg)
{
        struct task *task = task_current();
        struct long_thread t = {.fn = fn, .arg = arg, .task = task};
        bb_err err;

        if (task == NULL || fn == NULL || stop == NULL)
                return BB_E_INVALID;
        TRY(task_check());
        if (long_threads >= LONG_THREADS_MOST)
                return BB_E_BUSY;
        t.crumb = *breadcrumb_page;
        t.context.task = task->name;
        t.context.tenant = task->tenant != NULL ? task->tenant->id.ptr : NULL;
        if (thread_start(&t.thread, "busbar-long", long_thread_main, &t) < 0) {
                bb_log(BB_ERROR, "thread.none", "the system gives no thread");
                return BB_E_BUSY;
        }
        long_threads++;
        err = task_park(-1);
        if (!t.done)
                stop(arg);
        while (!t.done)
                task_park_firmly();
        long_threads--;
        return err;
}
