/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for what would hold the loop: hashing passwords, writing a workbook, a vendor's blocking library. A job lies
 * on the stack of the task that waits for it, which therefore waits firmly: neither cancelling nor a deadline ends it.
 */
#include "base/log.h"
#include "base/tenant.h"
#include "rt/rt_inner.h"
#include <pthread.h>
#include <stdlib.h>

#define QUEUE_MOST 1024
#define THREADS_MOST 64

struct job {
        struct list node;
        void (*fn)(void *);
        void *arg;
        struct task *task;
        struct log_context_of_thread context;
        struct breadcrumb_page crumb;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER;
static struct list queue = {&queue, &queue}; /* this and the next two belong to the lock */
static size_t queued;
static int ending;
static pthread_t threads[THREADS_MOST];
static int thread_count, threads_wanted;

static struct job *job_take(void)
{
        struct job *job = NULL;

        pthread_mutex_lock(&lock);
        while (list_empty(&queue) && !ending)
                pthread_cond_wait(&work_there, &lock);
        if (!list_empty(&queue)) {
                job = LIST_OF(struct job, node, queue.next);
                list_remove(&job->node);
                queued--;
        }
        pthread_mutex_unlock(&lock);
        return job;
}

static void job_done(void *arg)
{
        struct job *job = arg;

        task_wake(job->task);
}

static void *thread_main(void *arg)
{
        struct job *job;

        (void)arg;
        arena_current = arena_new("worker"); /* for what the log needs */
        while ((job = job_take()) != NULL) {
                thread_context = job->context;
                thread_crumb = &job->crumb;
                job->fn(job->arg);
                thread_crumb = NULL;
                thread_context = (struct log_context_of_thread){0};
                arena_reset(arena_current);
                loop_post(job_done, job);
        }
        arena_free(arena_current);
        arena_current = NULL;
        return NULL;
}

/* At the first job, so that a process that forks before it has one thread only. */
static bb_err threads_start(void)
{
        while (thread_count < threads_wanted &&
               thread_start(&threads[thread_count], "busbar-worker", thread_main, NULL) == 0)
                thread_count++;
        if (thread_count > 0)
                return BB_OK;
        bb_log(BB_ERROR, "worker.no_thread", "the system gives no thread");
        return BB_E_BUSY;
}

bb_err worker_run(void (*fn)(void *), void *arg)
{
        struct task *t = task_current();
        struct job job = {.fn = fn, .arg = arg, .task = t};

        if (t == NULL || fn == NULL)
                return BB_E_INVALID;
        if (thread_count < threads_wanted)
                TRY(threads_start());
        job.crumb = *breadcrumb_page;
        job.context.task = t->name;
        job.context.tenant = t->tenant != NULL ? t->tenant->id.ptr : NULL;
        pthread_mutex_lock(&lock);
        if (queued >= QUEUE_MOST) {
                pthread_mutex_unlock(&lock);
                return BB_E_BUSY;
        }
        list_append(&queue, &job.node);
        queued++;
        pthread_cond_signal(&work_there);
        pthread_mutex_unlock(&lock);
        task_park_firmly();
        return BB_OK;
}

size_t worker_queued(void)
{
        size_t count;

        pthread_mutex_lock(&lock);
        count = queued;
        pthread_mutex_unlock(&lock);
        return count;
}

void worker_init(int count)
{
        threads_wanted = count < 1 ? 1 : count > THREADS_MOST ? THREADS_MOST : count;
        ending = 0;
}

void worker_close(void)
{
        pthread_mutex_lock(&lock);
        ending = 1;
        pthread_cond_broadcast(&work_there);
        pthread_mutex_unlock(&lock);
        while (thread_count > 0)
                pthread_join(threads[--thread_count], NULL);
}
