/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the db room: connections, segments, and the statements that go over them.
 *
 * A segment is a run of statements up to a Sync: without a BEGIN of its own it is one transaction. Many segments are in
 * flight on each connection. A segment that was sent completes on the wire even when its task has given up; so what is
 * needed after sending belongs to the segment, and what is needed before belongs to the waiting task.
 */
#ifndef CORE_DB_POOL_H
#define CORE_DB_POOL_H

#include "base/list.h"
#include "base/tenant.h"
#include "db/db.h"
#include "rt/task.h"
#include <libpq-fe.h>

#define ROWS_MAGIC 0x524f5753u
#define TX_MAGIC 0x54580001u
#define POOL_MAX 64
#define RUN_MAX 1000 /* statements of one run */

struct prepared; /* statement.c: one SQL text with its parameter types, known to all connections */

/* A statement ready for libpq, in memory of the caller. */
struct encoded {
        const char *sql;
        struct prepared *prepared; /* NULL: sent unprepared */
        size_t param_count;
        const Oid *types;
        const char *const *values; /* all in binary form */
        const int *lengths, *formats;
        int32_t flags; /* BB_STMT_… */
        int32_t reserved;
};

enum { SEGMENT_WAITING = 0, SEGMENT_SENT = 1, SEGMENT_DONE = 2 };

/* A step that the server answers: the preparation or the execution of statement `index`. */
struct segment_step {
        struct prepared *prepared; /* not NULL: a Parse */
        uint32_t index;
        uint32_t answered;
};

struct segment {
        struct list link;    /* in a lane, in a hold's queue, or in conn->flying */
        struct conn *conn;   /* once it was sent */
        struct hold *hold;   /* it may only go over this connection */
        struct task *waiter; /* NULL: nobody; then the pool frees it */
        bb_tenant *tenant;
        const struct encoded *statements; /* the waiter's; not touched after sending */
        size_t count;
        int32_t state;
        bb_err err;
        int32_t retry;      /* it did nothing, and the next try may succeed */
        uint32_t failed_at; /* index of the statement that failed */
        int64_t queued_us;
        PGresult **results;             /* count; taken over by the waiter */
        PGresult *error;                /* the server's complaint, for the log */
        void (*then)(struct segment *); /* instead of a waiter */
        struct prepared **used;         /* count: by statement, to find what an error was about */
        struct segment_step *steps;
        size_t step_count, step_at;
        int32_t flags; /* of all statements; what is to be woken when it is committed */
        int32_t last;  /* the hold ends with it */
};

/* BROKEN: found in the middle of something; closed at the next turn of the loop. */
enum { CONN_DOWN = 0, CONN_RESOLVING = 1, CONN_CONNECTING = 2, CONN_SETUP = 3, CONN_READY = 4, CONN_BROKEN = 5 };

struct conn {
        int32_t index;
        int32_t state;
        int32_t up;      /* counted in pool.ready */
        int32_t goodbye; /* the server said that it ends the session: what it had not begun was not done */
        int32_t over;    /* the server said the last word; libpq makes up answers for what follows */
        int32_t used;    /* since its plans were forgotten */
        PGconn *pg;
        struct event *io;    /* of the socket */
        struct event *timer; /* reconnect, or the limit of connecting */
        int32_t io_what;
        int32_t backoff_ms;
        int64_t since_ms;   /* of the state */
        int64_t planned_ms; /* since when its plans are */
        int64_t attempt;    /* number of this try to connect */
        char *why;          /* it broke */
        struct list flying; /* struct segment, oldest first */
        size_t flying_count;
        int64_t head_since_ms; /* when the oldest became the oldest */
        int32_t held;          /* by one user alone … */
        int32_t held_kind;
        struct hold *hold; /* … which is this, until it has sent its last segment */
        uint8_t *known;    /* by number of prepared: sent to this session */
        size_t known_room;
};

/* What a connection is held for; each kind has its own limit, so that none starves the others. */
enum { HOLD_CHECK = 0, HOLD_TX = 1, HOLD_SCAN = 2, HOLD_KINDS = 3 };

struct hold {
        struct list link; /* in pool.hold_queue while it waits */
        int32_t kind;
        int32_t reserved;
        struct conn *conn; /* NULL: not yet, or it died */
        struct task *waiter;
};

/* One tenant's segments that wait for a connection. Lanes take turns: no tenant delays the others. */
struct lane {
        struct list link;
        bb_tenant *tenant;
        struct list segments;
};

struct pool {
        struct db_config config;
        int32_t open, closing;
        int32_t refused; /* the role is not acceptable */
        struct conn conns[POOL_MAX];
        int32_t size, ready;
        struct list lanes;
        size_t waiting;
        struct list hold_queue;
        int32_t held[HOLD_KINDS];
        int64_t away_since_ms; /* monotonic; 0 while a connection is up */
        struct event *tick;
        bb_metric *m_connections, *m_flying, *m_wait, *m_segments, *m_lost;
};
extern struct pool pool;
extern struct db_world db_world;

/* pool.c */
struct segment *segment_new(const struct encoded *, size_t count, struct hold *);
void segment_free(struct segment *);
void segment_done(struct segment *, bb_err);
/* Sends the segment when a connection is free, otherwise as soon as one is, and waits for its answer. The caller frees
 * it. */
BB_AWAIT bb_err segment_run(struct segment *);
/* Sends it as the last of its hold without waiting. */
void segment_send_last(struct segment *);
BB_AWAIT bb_err hold_acquire(struct hold *, int32_t kind);
void hold_release(struct hold *);
void conn_release(struct conn *);
void pool_dispatch(void);
void pool_conn_up(void);
void pool_conn_down(const char *why);
void pool_refuse(const char *why);

/* conn.c */
struct resolved;
/* What all connections have in common; `found` (may be NULL) overrides the names of the URL. PQconnectStart's result.
 */
PGconn *conn_begin(const char *url, const char *session_attributes, const struct resolved *found);
void conn_start(struct conn *); /* begins to connect */
void conn_close(struct conn *);
/* 0: the connection broke before it took the whole; the segment is as before. */
int conn_send_segment(struct conn *, struct segment *);
void conn_break(struct conn *, const char *why);
void conn_tick(struct conn *);

/* resolve.c: names of servers to addresses, off the loop's thread */
struct resolved {
        size_t count;
        char *hosts, *addresses, *ports; /* comma-separated, one after the other */
};
int hosts_need_lookup(const char *url, char **ret_hosts, char **ret_ports); /* 1: yes; the texts are of the heap */
int lookup_start(char *hosts, char *ports, void (*done)(const struct resolved *, void *),
                 void *arg);                                                    /* takes the texts */
void hosts_resolve(const char *hosts, const char *ports, struct resolved *ret); /* blocks */
void resolved_free(struct resolved *);

/* answer.c: takes what the server sent. 0: the connection is broken. */
int conn_read_answers(struct conn *);
void conn_drain(struct conn *); /* what is left of a broken one */

/* statement.c */
struct prepared *prepared_find(const char *sql, const Oid *types, size_t count);
const char *prepared_name(const struct prepared *);
const char *prepared_sql(const struct prepared *);
const Oid *prepared_types(const struct prepared *);
void prepared_retire(struct prepared *); /* its result type changed: use a new name from now on */
int conn_knows(const struct conn *, const struct prepared *);
void conn_set_known(struct conn *, const struct prepared *, int known);

/* params.c: into arena_current. BB_E_INVALID for a malformed UUID or an unknown kind. */
bb_err params_encode(const struct bb_stmt *, struct encoded *ret);
bb_err params_values(const struct bb_stmt *,
                     struct encoded *ret);       /* the same, not prepared: the text may be gone soon */
struct encoded plain_statement(const char *sql); /* no parameters; prepared */
/* select set_config('busbar.tenant', …): the first of every segment */
void tenant_statement(const bb_tenant *, struct encoded *ret);

/* rows.c: the result belongs to arena_current from now on */
bb_rows *rows_new(PGresult *);
size_t rows_count(const bb_rows *);
int64_t rows_affected(const bb_rows *);
int32_t rows_is_null(const bb_rows *, size_t row, size_t column);
bb_str rows_str(const bb_rows *, size_t row, size_t column);
int64_t rows_int(const bb_rows *, size_t row, size_t column, int64_t otherwise);
int64_t rows_time(const bb_rows *, size_t row, size_t column, int64_t otherwise);
bb_str rows_bytes(const bb_rows *, size_t row, size_t column);
int64_t result_affected(const PGresult *);

/* sqlstate.c */
bb_err sqlstate_err(const char *sqlstate);
void sqlstate_log(const PGresult *, bb_err, const char *sql);
int sqlstate_is_loss(const PGresult *);    /* the session ended with it */
int sqlstate_is_goodbye(const PGresult *); /* … in good order */

/* run.c */
BB_AWAIT bb_err db_run(const struct bb_stmt *, size_t count, bb_rows **ret_rows);
/* The tenant of the running task, or BB_E_INVALID (no task) or BB_E_DENIED (no tenant). */
bb_err caller_tenant(bb_tenant **ret);
/* Hands the results from `first` on to ret_rows (may be NULL). */
void take_rows(struct segment *, size_t first, bb_rows **ret_rows);
void committed(const bb_tenant *, int32_t flags); /* wakes events and jobs */
bb_err report(const struct segment *, bb_err);    /* logs and counts an error, and returns it */
/* Ends the hold. A COMMIT that the server turned into a ROLLBACK is BB_E_CONFLICT. */
BB_AWAIT bb_err commit_hold(struct hold *, int32_t flags);
void roll_back_hold(struct hold *); /* without waiting */

/* tx.c, scan.c, batch.c */
BB_AWAIT bb_err tx_begin_kind(int32_t hold_kind, const char *begin_sql, bb_tx **ret_tx);
BB_AWAIT bb_err tx_begin(bb_tx **ret_tx);
BB_AWAIT bb_err tx_encoded(bb_tx *, const struct encoded *, bb_rows **ret_rows); /* one statement as it is */
BB_AWAIT bb_err tx_run(bb_tx *, const struct bb_stmt *, size_t count, bb_rows **ret_rows);
BB_AWAIT bb_err tx_commit(bb_tx *);
BB_AWAIT void tx_rollback(bb_tx *);
BB_AWAIT bb_err db_scan(const struct bb_stmt *, size_t step, bb_err (*each)(const bb_rows *, void *), void *arg);
bb_batch *batch_new(bb_plugin_ref *, bb_tenant *, const char *name, size_t max_items,
                    bb_err (*flush)(void *const *, size_t, void *), void *arg);
BB_AWAIT bb_err batch_submit(bb_batch *, void *item);
BB_AWAIT void batch_free(bb_batch *);

/* role.c: what each new session asks, and what is wrong with the answer (a sentence on the heap; NULL: nothing) */
extern const char role_sql[];
char *role_complaint(const PGresult *);
bb_err role_check(const struct db_config *, bb_str *ret_why);

/* migrate_plan.c */
bb_err migrations_register(bb_plugin_ref *, const struct bb_migration *, size_t count, size_t stride);
void migrations_forget(const bb_plugin_ref *);

/* months.c */
bb_err months_register(bb_plugin_ref *, const char *table);
void months_forget(const bb_plugin_ref *);

/* copy.c */
BB_AWAIT bb_err db_copy(const struct bb_copy *);

/* config.c */
struct db_config config_defaults(const struct db_config *);

#endif
