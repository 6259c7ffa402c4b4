/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL ("db/1"): statements, transactions, group commit, durable events, jobs, migrations and audit entries.
 * Every statement runs as the running task's tenant: row-level security shows it that tenant's rows and no others.
 * A task without a tenant gets BB_E_DENIED.
 *
 * Errors of every waiting call: BB_E_UNAVAILABLE (the server is away, or went away before the answer: whether a commit
 * happened is then unknown, so writes are made idempotent by unique keys), BB_E_EXISTS (unique or exclusion violation),
 * BB_E_CONFLICT (foreign key, check, serialization), BB_E_TIMEOUT, BB_E_CANCELED, BB_E_INVALID (any other SQL error;
 * logged).
 */
#ifndef BUSBAR_DB_H
#define BUSBAR_DB_H

#include <busbar/shape.h>
#include <busbar/types.h>

enum {
        BB_P_NULL = 0,
        BB_P_TEXT = 1,        /* str; NULL ptr is SQL NULL */
        BB_P_INT = 2,         /* num, as bigint */
        BB_P_BOOL = 3,        /* num */
        BB_P_TIME = 4,        /* num, epoch milliseconds, as timestamptz */
        BB_P_JSON = 5,        /* str, as jsonb */
        BB_P_BYTES = 6,       /* str, as bytea */
        BB_P_UUID = 7,        /* str, as uuid */
        BB_P_TEXT_ARRAY = 8,  /* array of bb_str, count; NULL ptr is a NULL element */
        BB_P_INT_ARRAY = 9,   /* array of int64_t */
        BB_P_TIME_ARRAY = 10, /* array of int64_t epoch milliseconds */
        BB_P_UUID_ARRAY =
                11 /* array of bb_str: 36 characters, or the 16 bytes themselves; NULL ptr is a NULL element */
};

struct bb_param {
        int32_t kind;
        int32_t null_kind; /* BB_P_NULL: what it would be, so that one prepared statement serves; 0: the server guesses
                            */
        bb_str str;
        int64_t num;
        const void *array;
        size_t count;
};

#define BB_TEXT(s) ((struct bb_param){.kind = BB_P_TEXT, .str = (s)})
#define BB_CTEXT(s) ((struct bb_param){.kind = BB_P_TEXT, .str = bb_cstr(s)})
#define BB_INT(n) ((struct bb_param){.kind = BB_P_INT, .num = (n)})
#define BB_BOOL(n) ((struct bb_param){.kind = BB_P_BOOL, .num = (n)})
#define BB_TIME(ms) ((struct bb_param){.kind = BB_P_TIME, .num = (ms)})
#define BB_JSONB(s) ((struct bb_param){.kind = BB_P_JSON, .str = (s)})
#define BB_BYTES(s) ((struct bb_param){.kind = BB_P_BYTES, .str = (s)})
#define BB_UUID(s) ((struct bb_param){.kind = BB_P_UUID, .str = (s)})
#define BB_NULL ((struct bb_param){.kind = BB_P_NULL})
#define BB_INT_OR_NULL(has, n)                                                                                         \
        ((struct bb_param){.kind = (has) ? BB_P_INT : BB_P_NULL, .null_kind = BB_P_INT, .num = (n)})
#define BB_TIME_OR_NULL(has, ms)                                                                                       \
        ((struct bb_param){.kind = (has) ? BB_P_TIME : BB_P_NULL, .null_kind = BB_P_TIME, .num = (ms)})
#define BB_TEXT_ARRAY(a, n) ((struct bb_param){.kind = BB_P_TEXT_ARRAY, .array = (a), .count = (n)})
#define BB_INT_ARRAY(a, n) ((struct bb_param){.kind = BB_P_INT_ARRAY, .array = (a), .count = (n)})
#define BB_TIME_ARRAY(a, n) ((struct bb_param){.kind = BB_P_TIME_ARRAY, .array = (a), .count = (n)})
#define BB_UUID_ARRAY(a, n) ((struct bb_param){.kind = BB_P_UUID_ARRAY, .array = (a), .count = (n)})

/* One statement with its parameters. `sql` must be a constant: it is prepared once per connection and found again by
 * its address. Parameters are copied when the statement is sent, so they may be temporaries of the caller. */
struct bb_stmt {
        const char *sql;
        const struct bb_param *params;
        size_t param_count;
        int32_t flags;
        int32_t reserved;
};
enum {
        BB_STMT_EVENT = 1,   /* wakes event subscribers after commit; set by bb_event_stmt */
        BB_STMT_JOB = 2,     /* wakes the job runner after commit; set by bb_job_stmt */
        BB_STMT_MUST_HIT = 4 /* affecting no row is BB_E_NOT_FOUND and rolls the whole segment back */
};

#define BB_STMT(sql_, ...)                                                                                             \
        ((struct bb_stmt){.sql = (sql_),                                                                               \
                          .params = (const struct bb_param[]){{.kind = 0}, ##__VA_ARGS__} + 1,                         \
                          .param_count = BB_COUNT(((const struct bb_param[]){{.kind = 0}, ##__VA_ARGS__})) - 1})

struct bb_migration {
        int32_t version; /* 1, 2, 3 …; a released one never changes (its checksum is compared) */
        int32_t reserved;
        const char *name;
        const char *sql; /* run by the owning role, in one transaction. Tenant tables: see core/db/README */
};

/* A durable fact, delivered to each subscribing plugin at least once and in order. */
struct bb_event {
        uint32_t size;
        uint32_t reserved;
        bb_str id;      /* UUID, stable over retries: what a partner uses to drop doubles */
        bb_str topic;   /* "session.started" */
        bb_str key;     /* id of the object it is about */
        bb_str payload; /* JSON */
        int64_t at_ms;
        int32_t attempt; /* 1 at the first try */
};

/* An event that is to be written. */
struct bb_new_event {
        const char *topic;
        bb_str key, payload; /* as of bb_event */
        uint64_t room[2];
};

/* An event that a plugin could not handle, after the last attempt. */
struct bb_dead_letter {
        uint32_t size;
        int32_t attempts;
        bb_str id; /* of the letter */
        bb_str event_id;
        bb_str plugin; /* that could not handle it */
        bb_str topic, key, payload;
        bb_str error;
        int64_t created_ms, died_ms; /* the event; its last attempt */
        int32_t replaying;           /* somebody asked to try again, and that is still to come */
        int32_t reserved;
        uint64_t room[4];
};

/* An entry of the audit log. */
struct bb_audit_entry {
        uint32_t size;
        uint32_t reserved;
        int64_t number; /* rises; counts all tenants' entries, so it is never shown to anybody as it is */
        int64_t at_ms;
        bb_str actor, action, object;
        bb_str details; /* JSON, or BB_NONE */
        uint64_t room[4];
};

enum { BB_JOB_QUEUED = 0, BB_JOB_RUNNING = 1, BB_JOB_SUCCEEDED = 2, BB_JOB_FAILED = 3, BB_JOB_CANCELED = 4 };

struct bb_job_info {
        uint32_t size;
        int32_t state;
        bb_str id;
        bb_str type;
        bb_str params;                            /* JSON */
        bb_str result;                            /* JSON, BB_NONE until it succeeded */
        bb_str error;                             /* a sentence, when it failed */
        int64_t done, total;                      /* total 0: unknown */
        int64_t created_ms, started_ms, ended_ms; /* 0: not yet; started: the last attempt */
        int32_t attempts;
        int64_t left_ms;  /* while it runs: how long it will yet take, judged by how far it came; -1: unknown */
        uint64_t room[3]; /* zero today; from it later minors take new members, since it crosses the line in arrays */
};

struct bb_batch;
typedef struct bb_batch bb_batch;

enum { BB_COPY_REPLICA = 1 /* from the read replica, where one is configured and answers */ };

/* Many rows of one query, fast: COPY … TO STDOUT (FORMAT binary), over a connection and on a thread of its own, from
 * one snapshot. It gives way: when the loop is late, it pauses. */
struct bb_copy {
        uint32_t size;
        int32_t flags;
        /* A select. Its text must be made of constants, but need not be one: it is not prepared. Not $1 but its value
         * as an expression of its type stands in the query, so $1 is possible wherever an expression is. */
        const struct bb_stmt *stmt;
        int64_t timeout_ms; /* of the whole; 0: none */
        /* On that thread, not the loop's: only bb_log, and what says so, may be called. One CopyData message as the
         * server sent it: a row; the first has COPY's header before it, the last is the trailer (after the header when
         * there is no row). Negative: ends the copy with this error. It may block (a slow disk): the server waits. */
        bb_err (*row)(const char *data, size_t len, void *arg);
        void *arg;
        uint64_t room[4];
};

struct bb_db_ops {
        uint32_t size;
        uint32_t reserved;

        /* Runs the statements as one transaction in one round trip: all or none. ret_rows may be NULL, or has room for
         * `count` results (in the task's memory). */
        BB_AWAIT bb_err (*run)(const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows);

        /* A transaction that needs its own results on the way. It holds a connection of the pool: never wait for
         * anything else (a partner, a station) before it ends. Rolled back when the task ends with it open. */
        BB_AWAIT bb_err (*begin)(bb_tx **ret_tx);
        BB_AWAIT bb_err (*tx_run)(bb_tx *, const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows);
        BB_AWAIT bb_err (*commit)(bb_tx *);
        BB_AWAIT void (*rollback)(bb_tx *);

        /* Results; row and column count from 0. NULL reads as BB_NONE or as the given default. */
        size_t (*rows_count)(const bb_rows *);
        int64_t (*rows_affected)(const bb_rows *);
        int32_t (*is_null)(const bb_rows *, size_t row, size_t column);
        bb_str (*get_str)(const bb_rows *, size_t row, size_t column);
        int64_t (*get_int)(const bb_rows *, size_t row, size_t column, int64_t otherwise);  /* integers and booleans */
        int64_t (*get_time)(const bb_rows *, size_t row, size_t column, int64_t otherwise); /* timestamptz, epoch ms */
        bb_str (*get_bytes)(const bb_rows *, size_t row, size_t column);                    /* bytea, decoded */

        /* Reads a large result in steps from one snapshot: `each` gets up to `step` rows at a time in memory that is
         * gone after its return; an error it returns ends the scan and is passed on. `each` may wait. */
        BB_AWAIT bb_err (*scan)(const struct bb_stmt *, size_t step, bb_err (*each)(const bb_rows *, void *arg),
                                void *arg);

        /* Group commit. A batch gathers items of many tasks; while one flush commits, the next gathers. `flush` runs in
         * a task of the batch's tenant with everything gathered (at most max_items) and writes it in one bb_db_run.
         * When it fails other than by BB_E_UNAVAILABLE each item is flushed alone, so that only the guilty one fails.
         */
        bb_batch *(*batch_new)(bb_plugin_ref *who, bb_tenant *, const char *name, size_t max_items,
                               bb_err (*flush)(void *const *items, size_t count, void *arg), void *arg);
        BB_AWAIT bb_err (*batch_submit)(bb_batch *,
                                        void *item); /* returns when the item is committed; the item outlives it */
        BB_AWAIT void (*batch_free)(bb_batch *);

        /* Milliseconds since the database was lost; 0 while it answers. Does not wait. */
        int64_t (*away_ms)(void);

        /* In load(): the plugin's migrations; its tables live in a PostgreSQL schema of the plugin's name. */
        bb_err (*migrations)(bb_plugin_ref *who, const struct bb_migration *, size_t count, size_t stride);

        /* Events. The statement goes into the same run() as the change. */
        struct bb_stmt (*event_stmt)(bb_str topic, bb_str key, bb_str payload_json);
        /* In load(): `handle` runs in a task per event of every tenant that has the plugin. topic may end in ".*".
         * An error is retried with growing delay, ten times, then the event goes to the dead letters, and the next
         * follows; BB_E_INVALID says that trying again is of no use: it goes there at once. */
        bb_err (*subscribe)(bb_plugin_ref *who, const char *topic,
                            bb_err (*handle)(const struct bb_event *, void *tenant_state));

        /* Jobs. In load(): `work` runs in a task; it may run again after a crash, from the start, so it must be
         * repeatable. */
        bb_err (*job_type)(bb_plugin_ref *who, const char *type,
                           bb_err (*work)(bb_job *, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                                          bb_str *ret_error));
        struct bb_stmt (*job_stmt)(const char *type, bb_str id, bb_str params_json); /* id: bb_uuid() */
        BB_AWAIT bb_err (*job_progress)(bb_job *, int64_t done,
                                        int64_t total); /* BB_E_CANCELED when somebody cancelled it */
        bb_str (*job_id)(const bb_job *);
        BB_AWAIT bb_err (*job_get)(bb_str id, struct bb_job_info *ret);
        /* Newest first, `limit` at most, of this type (NULL: all), created before the job `before` (BB_NONE: newest).
         */
        BB_AWAIT bb_err (*job_list)(const char *type, bb_str before, size_t limit, struct bb_job_info **ret,
                                    size_t *ret_count);
        BB_AWAIT bb_err (*job_cancel)(bb_str id);

        /* An entry of the append-only audit log; goes into the same run() as the change. `actor` is who did it
         * (bb_request_actor), `details_json` may be BB_NONE. */
        struct bb_stmt (*audit_stmt)(bb_str actor, const char *action, bb_str object, bb_str details_json);

        /* Events that nobody could handle. Newest first, `limit` at most, older than the letter `before` (BB_NONE:
         * newest). */
        BB_AWAIT bb_err (*dead_letter_list)(bb_str before, size_t limit, struct bb_dead_letter **ret,
                                            size_t *ret_count);
        /* Has the event delivered to its plugin once more, at once; the letter goes when that succeeds. */
        BB_AWAIT bb_err (*dead_letter_replay)(bb_str id);
        /* The audit log, newest first: entries about `object` (BB_NONE: all) with a smaller number than `before` (0:
         * the newest). */
        BB_AWAIT bb_err (*audit_list)(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret,
                                      size_t *ret_count);

        /* Many events, delivered in this order: one statement for the changes of a whole batch. */
        struct bb_stmt (*event_list_stmt)(const struct bb_new_event *, size_t count);

        /* In load(): a table of the plugin that is partitioned by range of a time, UTC months named table_YYYY_MM and
         * one table_default. The host makes two years of months ahead, and drops a month that is over for a quarter
         * and holds no row of any tenant: deleting what is old is the plugin's, by whole months, in small steps. */
        bb_err (*months)(bb_plugin_ref *who, const char *table);

        /* Returns when all rows were handed over, or the thread has ended. BB_E_TIMEOUT: timeout_ms, or a lock that was
         * not to be had. BB_E_UNAVAILABLE also: the replica gave the query up in favour of the primary's changes; try
         * again. BB_E_BUSY: too many run. */
        BB_AWAIT bb_err (*copy)(const struct bb_copy *);

        /* Returns when the job is not any more as `seen` (state, attempts, done, total; zeroed: at once), or timeout_ms
         * are over: then as it was. For live views: four answers a second at most; what another node runs is looked at
         * once a second. */
        BB_AWAIT bb_err (*job_wait)(bb_str id, const struct bb_job_info *seen, int64_t timeout_ms,
                                    struct bb_job_info *ret);
};

extern const struct bb_db_ops *bb_db_ BB_HIDDEN;
extern bb_plugin_ref *bb_self_ BB_HIDDEN;

/* One statement, one transaction: TRY(bb_db_query(&rows, "select …", BB_TEXT(id))). rows may be NULL. */
#define bb_db_query(ret_rows, sql_, ...) bb_db_->run(&BB_STMT(sql_, ##__VA_ARGS__), 1, (ret_rows))
#define bb_tx_query(tx, ret_rows, sql_, ...) bb_db_->tx_run((tx), &BB_STMT(sql_, ##__VA_ARGS__), 1, (ret_rows))

static inline BB_AWAIT bb_err bb_db_run(const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        return bb_db_->run(stmts, count, ret_rows);
}
static inline BB_AWAIT bb_err bb_tx_begin(bb_tx **ret_tx)
{
        return bb_db_->begin(ret_tx);
}
static inline BB_AWAIT bb_err bb_tx_run(bb_tx *tx, const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        return bb_db_->tx_run(tx, stmts, count, ret_rows);
}
static inline BB_AWAIT bb_err bb_tx_commit(bb_tx *tx)
{
        return bb_db_->commit(tx);
}
static inline BB_AWAIT void bb_tx_rollback(bb_tx *tx)
{
        bb_db_->rollback(tx);
}
static inline size_t bb_rows_count(const bb_rows *r)
{
        return bb_db_->rows_count(r);
}
static inline int64_t bb_rows_affected(const bb_rows *r)
{
        return bb_db_->rows_affected(r);
}
static inline int32_t bb_row_is_null(const bb_rows *r, size_t row, size_t column)
{
        return bb_db_->is_null(r, row, column);
}
static inline bb_str bb_row_str(const bb_rows *r, size_t row, size_t column)
{
        return bb_db_->get_str(r, row, column);
}
static inline int64_t bb_row_int(const bb_rows *r, size_t row, size_t column, int64_t otherwise)
{
        return bb_db_->get_int(r, row, column, otherwise);
}
static inline int64_t bb_row_time(const bb_rows *r, size_t row, size_t column, int64_t otherwise)
{
        return bb_db_->get_time(r, row, column, otherwise);
}
static inline bb_str bb_row_bytes(const bb_rows *r, size_t row, size_t column)
{
        return bb_db_->get_bytes(r, row, column);
}
static inline BB_AWAIT bb_err bb_db_scan(const struct bb_stmt *stmt, size_t step,
                                         bb_err (*each)(const bb_rows *, void *), void *arg)
{
        return bb_db_->scan(stmt, step, each, arg);
}
static inline BB_AWAIT bb_err bb_db_copy(const struct bb_copy *copy)
{
        return bb_db_->copy(copy);
}
static inline bb_batch *bb_batch_new(bb_tenant *tenant, const char *name, size_t max_items,
                                     bb_err (*flush)(void *const *, size_t, void *), void *arg)
{
        return bb_db_->batch_new(bb_self_, tenant, name, max_items, flush, arg);
}
static inline BB_AWAIT bb_err bb_batch_submit(bb_batch *b, void *item)
{
        return bb_db_->batch_submit(b, item);
}
static inline BB_AWAIT void bb_batch_free(bb_batch *b)
{
        bb_db_->batch_free(b);
}
static inline int64_t bb_db_away_ms(void)
{
        return bb_db_->away_ms();
}
static inline bb_err bb_db_migrations(const struct bb_migration *m, size_t count)
{
        return bb_db_->migrations(bb_self_, m, count, sizeof(*m));
}
static inline bb_err bb_db_months(const char *table)
{
        return bb_db_->months(bb_self_, table);
}
static inline struct bb_stmt bb_event_stmt(const char *topic, bb_str key, bb_str payload_json)
{
        return bb_db_->event_stmt(bb_cstr(topic), key, payload_json);
}
static inline struct bb_stmt bb_event_list_stmt(const struct bb_new_event *events, size_t count)
{
        return bb_db_->event_list_stmt(events, count);
}
static inline bb_err bb_event_subscribe(const char *topic, bb_err (*handle)(const struct bb_event *, void *))
{
        return bb_db_->subscribe(bb_self_, topic, handle);
}
static inline bb_err bb_job_type(const char *type, bb_err (*work)(bb_job *, bb_str, void *, bb_str *, bb_str *))
{
        return bb_db_->job_type(bb_self_, type, work);
}
static inline struct bb_stmt bb_job_stmt(const char *type, bb_str id, bb_str params_json)
{
        return bb_db_->job_stmt(type, id, params_json);
}
static inline BB_AWAIT bb_err bb_job_progress(bb_job *job, int64_t done, int64_t total)
{
        return bb_db_->job_progress(job, done, total);
}
static inline bb_str bb_job_id(const bb_job *job)
{
        return bb_db_->job_id(job);
}
static inline BB_AWAIT bb_err bb_job_get(bb_str id, struct bb_job_info *ret)
{
        return bb_db_->job_get(id, ret);
}
static inline BB_AWAIT bb_err bb_job_wait(bb_str id, const struct bb_job_info *seen, int64_t timeout_ms,
                                          struct bb_job_info *ret)
{
        return bb_db_->job_wait(id, seen, timeout_ms, ret);
}
static inline BB_AWAIT bb_err bb_job_list(const char *type, bb_str before, size_t limit, struct bb_job_info **ret,
                                          size_t *ret_count)
{
        return bb_db_->job_list(type, before, limit, ret, ret_count);
}
static inline BB_AWAIT bb_err bb_job_cancel(bb_str id)
{
        return bb_db_->job_cancel(id);
}
static inline BB_AWAIT bb_err bb_dead_letter_list(bb_str before, size_t limit, struct bb_dead_letter **ret,
                                                  size_t *ret_count)
{
        return bb_db_->dead_letter_list(before, limit, ret, ret_count);
}
static inline BB_AWAIT bb_err bb_dead_letter_replay(bb_str id)
{
        return bb_db_->dead_letter_replay(id);
}
static inline struct bb_stmt bb_audit_stmt(bb_str actor, const char *action, bb_str object, bb_str details_json)
{
        return bb_db_->audit_stmt(actor, action, object, details_json);
}

static inline BB_AWAIT bb_err bb_audit_list(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret,
                                            size_t *ret_count)
{
        return bb_db_->audit_list(object, before, limit, ret, ret_count);
}

#endif
