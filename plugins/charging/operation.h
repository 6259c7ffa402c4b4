/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations: commands that are followed to their effect. What the files of this capability share:
 *
 *      operation.c         from an order to the row, and to the task that sends
 *      operation_send.c    that task: sends, and writes down the answer
 *      operation_table.c   those under way, in memory
 *      operation_follow.c  facts become steps; deadlines
 *      operation_resume.c  what a restart left behind, and stations that come back
 *      operation_read.c    as operators see them
 *      bulk.c bulk_job.c   the same command for many stations
 *      effect.c            facts and effects compared
 *
 * The row is the truth. In memory is what is under way, so that a fact finds it at once; a node that lost its memory
 * finds in the database what has come about meanwhile.
 */
#ifndef CHARGING_OPERATION_H
#define CHARGING_OPERATION_H

#include "domain.h"
#include "effect.h"

#define FACTS_MAX 32 /* of one operation that nobody has looked at yet */
#define STEPS_MAX 100
#define PAYLOAD_MAX 65536 /* longer ones are not kept in the row */
#define ORDER_FLAGS (BB_ORDER_FORCE | BB_ORDER_QUEUE_OFFLINE | BB_ORDER_LASTING)
#define QUEUE_MS (24LL * 3600 * 1000)    /* how long a station that is away is waited for */
#define COMING_BACK_MS (2LL * 60 * 1000) /* and one that was connected a moment ago */
#define BULK_MS (7 * QUEUE_MS)

/* A fact with its texts in its own memory. */
struct kept_fact {
        struct kept_fact *next;
        struct fact is;
        char text[];
};

struct operation {
        struct operation *next_id, *next_station, *next_dirty; /* chains */
        char id[37];
        int8_t state; /* BB_OPERATION_… as last written */
        int8_t mine;  /* a task of this node sends it */
        int8_t waits; /* for its station to come back */
        int8_t lasting;
        int8_t dirty;   /* is in the list of those to look at */
        int8_t look;    /* at the database: what has come about unseen? */
        int8_t planned; /* the effects are known */
        int8_t of_bulk; /* one of a command to many stations */
        int32_t refs, flags;
        int64_t version;
        int64_t epoch;                   /* of the connection over which it was sent */
        int64_t deadline_ms, expires_ms; /* wall clock; deadline_ms: of the answer, then of the effects */
        int64_t timeout_ms, effect_timeout_ms, sent_ms;
        int64_t retry_ms;          /* not sent before; wall clock */
        struct bb_effect *effects; /* one block, with their texts */
        size_t effect_count;
        uint64_t done;
        char *payload; /* JSON, whole */
        char *answer;  /* JSON, of one that a restart left behind; NULL: none */
        char *firmware_before;
        struct kept_fact *facts, **facts_end;
        size_t fact_count;
        struct bulk_run *bulk; /* that counts its end; NULL: none here */
        char *action;
        bb_cond *changed; /* woken at each new version; made when somebody waits */
        uint32_t station_len;
        char station[];
};

struct operations {
        struct operation **by_id, **by_station;
        size_t slots, count; /* slots: a power of two */
        struct operation *dirty_first, **dirty_end;
        int64_t loaded_mono_ms; /* 0: not yet since the start */
        int32_t following;      /* the task that looks at the dirty ones runs */
        int32_t reserved;
        struct bulk_run *bulks; /* whose job runs here */
        bb_timer *tick;
};

/* A command to many stations whose job runs here. The job and each of its operations hold it. */
struct bulk_run {
        struct bulk_run *next;
        char id[37];
        int32_t refs;
        int32_t stop;      /* it was paused or cancelled */
        int32_t under_way; /* tasks that send */
        int64_t failures;  /* rejected, failed, timed out, unknown: since its beginning */
};

/* --- operation_table.c --- */
void operations_open(struct charging *);
void operations_close(struct charging *);
/* A new one, in the table, with one reference for the caller. */
struct operation *operation_new(struct charging *, bb_str id, bb_str station, bb_str action);
struct operation *operation_find(struct charging *, bb_str id); /* NULL */
struct operation *operation_hold(struct operation *);
void operation_drop(struct operation *);
/* Out of the table; whoever holds it still may look at it. */
void operation_forget(struct charging *, struct operation *);
struct operation *operations_of(struct charging *, bb_str station); /* first of its chain; others' are among them */
int operation_is_of(const struct operation *, bb_str station);
char *text_keep(bb_str); /* from malloc; NULL for BB_NONE */
bb_str text_kept(const char *);
void operation_plan_keep(struct operation *, const struct bb_effect_plan *);
void operation_fact_keep(struct operation *, const struct fact *);
struct kept_fact *operation_facts_take(struct operation *);
void facts_free(struct kept_fact *);
/* In the list of those that the following task looks at. */
void operation_dirty(struct charging *, struct operation *);
/* Woken: everybody who waits for a new version. */
void operation_changed(struct operation *, int64_t version);

/* --- operation.c --- */
/* A list of one step as JSON. */
bb_str step_text(const char *step, bb_str text);
void step_add(bb_json *steps, const char *step, bb_str text);
bb_str text_sentence(bb_str); /* "it ended": "It ended." */
/* What becomes of an operation. */
struct operation_change {
        int32_t state;
        int32_t unchanged;
        bb_str summary; /* BB_NONE: as it is; session_id too */
        bb_str session_id;
        bb_str steps;                           /* JSON, a list of more steps; BB_NONE: none */
        const struct bb_command_result *result; /* NULL: no answer came with it */
};
/* Writes it, with the event of an end; in memory too. Nothing is written when the operation is over already: then it is
 * forgotten, and BB_E_NOT_FOUND returned. */
BB_AWAIT bb_err operation_write(struct charging *, struct operation *, const struct operation_change *);
/* The same, again and again while the database is away. */
BB_AWAIT bb_err operation_write_surely(struct charging *, struct operation *, const struct operation_change *);

/* Asks the driver whether it is a command. 1: it may be sent. NULL: there is no driver. */
int operation_prepare(const struct charging *, const struct bb_station_driver_ops *, bb_str action,
                      const bb_json *payload, struct bb_prepared *prepared, struct bb_command_result *ret);
/* What may stand in the row, and what has to be sealed beside it: BB_NONE, nothing. */
bb_str payload_to_keep(bb_str masked);
bb_err payload_to_seal(bb_str whole, bb_str kept, bb_str *ret);
/* Counts the end for a bulk that runs here, and forgets the operation. */
void operation_ended_here(struct charging *, struct operation *, int32_t state);

/* --- operation_send.c --- */
/* Starts the task that sends it, or, once it is answered, the one that has its effect confirmed. */
bb_err operation_launch(struct charging *, struct operation *);

/* --- operation_follow.c --- */
/* Something happened at a station. Does not wait. */
void operation_fact(struct charging *, bb_str station, const struct fact *);
/* Has the following task look at it, and at the database too when `look` is 1. */
void operation_look(struct charging *, struct operation *, int look);
/* "Waiting for the driver to plug in." BB_NONE: for nothing any more. */
bb_str operation_waiting(const struct operation *);
/* One effect came. */
BB_AWAIT bb_err operation_came(struct charging *, struct operation *, size_t effect);

/* --- operation_resume.c --- */
void operations_tick(void *state); /* once a second */
BB_AWAIT bb_err operations_prune(struct charging *);

/* --- bulk_job.c --- */
BB_AWAIT bb_err bulk_work(bb_job *, bb_str params_json, void *tenant_state, bb_str *ret_result, bb_str *ret_error);
void bulk_run_drop(struct bulk_run *);
/* Ends it, and what of it was not sent, with this sentence. BB_E_NOT_FOUND: it is over. */
BB_AWAIT bb_err bulk_close(bb_str id, int32_t state, bb_str why);
BB_AWAIT void bulks_revive(struct charging *); /* those whose job is gone get another one */

#endif
