/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of events and jobs: what runs for a tenant in the background, and how it is woken and ended.
 */
#ifndef CORE_DB_WORK_H
#define CORE_DB_WORK_H

#include "db/pool.h"

#define JOB_MAGIC 0x4a4f4200u

/* Sleep that a wake before it is not lost on. */
struct nap {
        struct task *task;
        int32_t woken;
        int32_t reserved;
};

/* Everything of one tenant. Found by the tenant's address, which is only compared. */
struct work {
        struct list link;
        bb_tenant *tenant;
        int32_t stopping;
        int32_t starting;
        int32_t runs_jobs;
        int32_t claiming; /* a claim is on the wire */
        int32_t hungry;   /* a job may be waiting */
        int32_t tasks;    /* that run and use this struct */
        struct task *stopper;
        struct list subscribers;
        struct list jobs; /* that run here */
        int32_t jobs_running;
        int64_t turn; /* when a job of this tenant was last begun, counted in jobs of the process */
        struct nap runner;
        struct nap keeper;
        bb_task_id runner_id, keeper_id;
};

/* A plugin that listens to events of this tenant. */
struct subscriber {
        struct list link;
        struct work *work;
        bb_plugin_ref *who;
        char *plugin;
        bb_str *patterns; /* for LIKE */
        size_t pattern_count;
        struct nap nap;
        bb_task_id task_id;
        int64_t leased_until_ms; /* monotonic */
        int64_t seen_seq;        /* further than the cursor: what came since concerned others */
        char seen_xid[24];
        int64_t idle_ms, retry_at_ms;
        int64_t round_ms; /* when it last read */
        int32_t passed;   /* events of others since the cursor was last written */
        int32_t attempts; /* made at the first event after the cursor */
        int32_t running;  /* its task has not ended */
        int32_t reserved;
};

struct bb_job {
        uint32_t magic;
        int32_t cancel, lost; /* somebody cancelled it; another node has taken it over */
        struct list link;
        struct work *work;
        bb_str id, type, params;
        int32_t attempts;
        int64_t written_ms;
        int64_t done, total; /* newer than what is written */
        bb_task_id task_id;
        bb_plugin_ref *who;
        bb_err (*run)(bb_job *, bb_str, void *, bb_str *, bb_str *);
        struct arena *arena;
};

/* What plugins registered. */
struct subscription {
        struct list link;
        bb_plugin_ref *who;
        char *plugin, *topic;
        bb_err (*handle)(const struct bb_event *, void *);
};
struct job_type {
        struct list link;
        bb_plugin_ref *who;
        char *type;
        bb_err (*run)(bb_job *, bb_str, void *, bb_str *, bb_str *);
};
extern struct list subscriptions, job_types;

/* work.c */
extern struct list works;
extern char *work_owner; /* "node/incarnation": in leases */
void work_open(void);
void work_close(void);
struct work *work_of(const bb_tenant *);
/* Runs fn as a task that db_stop_tenant waits for; it calls work_task_ends last. */
bb_err work_spawn(struct work *, bb_plugin_ref *who, const char *name, int64_t timeout_ms, void (*fn)(void *),
                  void *arg, bb_task_id *ret_id);
void work_task_ends(struct work *);
BB_AWAIT bb_err nap(struct nap *, int64_t ms); /* BB_OK at the end of the time too; else why the task must end */
void nap_wake(struct nap *);
int64_t jittered(int64_t ms); /* ± 20 % */
BB_AWAIT bb_err keeper_round(struct work *);

/* event.c */
struct bb_stmt lasting_stmt(const char *sql, const struct bb_param *, size_t count, int32_t flags);
struct bb_stmt event_stmt(bb_str topic, bb_str key, bb_str payload_json);
struct bb_stmt event_list_stmt(const struct bb_new_event *, size_t count);
bb_err event_subscribe(bb_plugin_ref *, const char *topic, bb_err (*)(const struct bb_event *, void *));
int topic_matches(const char *pattern, bb_str topic);
BB_AWAIT bb_err subscribers_start(struct work *);
void subscribers_stop(struct work *);
BB_AWAIT bb_err subscribers_release(void);

/* event_deliver.c: the task of a subscriber */
void subscriber_run(void *subscriber);

/* dead_letter.c */
BB_AWAIT bb_err audit_list(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret, size_t *ret_count);
BB_AWAIT bb_err dead_letter_list(bb_str before, size_t limit, struct bb_dead_letter **ret, size_t *ret_count);
BB_AWAIT bb_err dead_letter_replay(bb_str id);

/* job.c, job_run.c */
bb_err job_type_register(bb_plugin_ref *, const char *type, bb_err (*)(bb_job *, bb_str, void *, bb_str *, bb_str *));
struct bb_stmt job_stmt(const char *type, bb_str id, bb_str params_json);
BB_AWAIT bb_err job_progress(bb_job *, int64_t done, int64_t total);
bb_str job_id(const bb_job *);
BB_AWAIT bb_err job_get(bb_str id, struct bb_job_info *ret);
BB_AWAIT bb_err job_list(const char *type, bb_str before, size_t limit, struct bb_job_info **ret, size_t *ret_count);
BB_AWAIT bb_err job_cancel(bb_str id);
bb_job *job_here(const struct work *, bb_str id); /* that runs in this process; NULL: none */

/* job_wait.c */
BB_AWAIT bb_err job_wait(bb_str id, const struct bb_job_info *seen, int64_t timeout_ms, struct bb_job_info *ret);
void job_changed(bb_str id); /* wakes who waits for it */

/* job_run.c, what runs them */
BB_AWAIT bb_err jobs_start(struct work *);
void jobs_stop(struct work *);
BB_AWAIT bb_err jobs_release(void);
void jobs_wait(struct work *); /* a job was added */

/* audit.c */
struct bb_stmt audit_stmt(bb_str actor, const char *action, bb_str object, bb_str details_json);

#endif
