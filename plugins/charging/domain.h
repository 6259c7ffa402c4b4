/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner doors of the plugin: what its files share. Each capability has a file of its own; charging.c is the table
 * of contents. Everything runs in a task of the tenant on the one loop, so that nothing here needs a lock.
 */
#ifndef CHARGING_DOMAIN_H
#define CHARGING_DOMAIN_H

#include "limiter.h"
#include "presence.h"
#include "reading.h"
#include "text.h"
#include "transaction_id.h"
#include <busbar/charging.h>
#include <busbar/plugin.h>

enum { UNKNOWN_REFUSE = 0, UNKNOWN_ACCEPT = 1 };

struct charging_config {
        uint64_t present;
        int32_t unknown_tokens; /* UNKNOWN_… */
        int64_t review_days;    /* how long reports kept aside stay */
        int64_t sample_days;    /* how long samples stay; 0: for ever */
        /* What closes a session whose stop does not come (orphans.c); 0: not. */
        int64_t orphan_available_minutes, orphan_reboot_minutes, orphan_silence_days, orphan_open_days;
        int64_t orphan_grace_hours; /* how long such a session waits for its stop before it gets its account */
        int64_t lease_s;            /* how long stations of a node that is not heard of count as online */
        int64_t operation_days;     /* and commands with what became of them */
};

#define GROUP_MAX 256   /* reports in one commit */
#define NUMBERS_MAX 512 /* twice as many */

struct operations;

/* What the plugin keeps of a tenant. */
struct charging {
        const struct charging_config *config;
        bb_tenant *tenant;
        bb_batch *samples, *starts, *stops;
        bb_batch *admits, *onlines, *offlines, *boots, *statuses, *authorizations;
        bb_timer *second, *minute, *hour, *lease;
        struct presence presence;
        struct limiter wrong_passwords; /* per station and address */
        struct limiter attempt_records; /* refused connections that are written down, per address */
        struct limiter attempt_records_all;
        struct limiter new_stations; /* made by the policies accept and hold */
        struct limiter reviews;      /* events about a station's strange reports */
        struct limiter asides;       /* such reports themselves */
        struct limiter refusals;     /* of a token at a station by others (access.c) that are written down */
        struct transaction_cipher cipher, reservation_cipher;
        int64_t reservation_due_ms;   /* when one expires, or when to look again */
        int64_t numbers[NUMBERS_MAX]; /* drawn from the sequence, not yet used; the last ones */
        size_t number_count;
        struct session_cache *sessions; /* session_cache.c */
        struct sample_kinds *kinds;     /* sample_kind.c */
        int64_t leases_ms;              /* since when our lease could be renewed in time, monotonic; 0: not now */
        char node[40];                  /* names our lease */
        struct operations *operations;  /* operation.h */
};

/* The running task's; NULL for a tenant without the plugin. */
struct charging *charging_state(void);
/* Begins every function of the contract. */
#define STATE(name)                                                                                                    \
        struct charging *name = charging_state();                                                                      \
        if (name == NULL)                                                                                              \
        return BB_E_DENIED

/* Years 1 to 9999: what PostgreSQL, RFC 3339 and people can read. */
int64_t time_clamp(int64_t ms);
/* A meter reading beyond it is no reading; sums of two stay far from overflow. */
#define METER_LIMIT_WH 1000000000000000LL
#define TIME_MIN_MS (-62135596800000LL)
#define TIME_MAX_MS 253402300799999LL

static inline bb_str none_if_empty(bb_str s)
{
        return s.len > 0 ? s : BB_NONE;
}
/* For the columns of a sample, which are never null. */
static inline bb_str empty_if_none(bb_str s)
{
        return s.ptr != NULL ? s : BB_STR("");
}
bb_str time_or_none(int64_t ms); /* RFC 3339 for JSON; BB_NONE for 0 */
/* What a station wrote, made fit to store: at most `max` bytes, what is no character becomes '?'. BB_NONE stays
 * BB_NONE. */
bb_str report_text(bb_str, size_t max);
/* A uid as the columns *_key have it. Not for comparing columns: see "Many keys in one statement" in core/db/README.md.
 */
#define LOWER(expression) "lower(" expression " collate \"C\")"

/* 1 to 1000. */
static inline int64_t list_limit(size_t limit)
{
        if (limit < 1)
                return 1;
        return limit < 1000 ? (int64_t)limit : 1000;
}

/* BB_STMT_MUST_HIT for a statement made by BB_STMT. */
static inline struct bb_stmt must_hit(struct bb_stmt s)
{
        s.flags |= BB_STMT_MUST_HIT;
        return s;
}
#define MUST_HIT(sql, ...) must_hit(BB_STMT(sql, ##__VA_ARGS__))
/* With its parameters in the memory of the task: may leave the block that made it. */
struct bb_stmt stmt_kept(const struct bb_stmt *);

/* --- from drivers --- */
BB_AWAIT bb_err charging_admit(const struct bb_admit *, struct bb_admitted *ret);
BB_AWAIT bb_err charging_password_next(bb_str actor, bb_str station_id, bb_str password, int32_t replace);
BB_AWAIT bb_err charging_refused(const struct bb_admit *, int32_t verdict, bb_str detail);
BB_AWAIT bb_err charging_online(const struct bb_station_ref *, bb_str remote);
BB_AWAIT bb_err charging_offline(const struct bb_station_ref *, bb_str reason);
BB_AWAIT bb_err charging_boot(const struct bb_station_ref *, const struct bb_boot *);
BB_AWAIT bb_err charging_connector_status(const struct bb_station_ref *, const struct bb_connector_report *);
BB_AWAIT bb_err charging_authorize(const struct bb_station_ref *, bb_str token_uid, struct bb_authorization *ret);
BB_AWAIT bb_err charging_session_start(const struct bb_station_ref *, const struct bb_start *, struct bb_started *ret);
BB_AWAIT bb_err charging_session_samples(const struct bb_station_ref *, int64_t connector_id, int64_t transaction_id,
                                         const struct bb_sample *, size_t count);
BB_AWAIT bb_err charging_session_stop(const struct bb_station_ref *, const struct bb_stop *, struct bb_stopped *ret);
void charging_clock_seen(const struct bb_station_ref *, int64_t at_ms);
void charging_station_seen(const struct bb_station_ref *);

/* --- for operators --- */
BB_AWAIT bb_err charging_location_get(bb_str id, struct bb_location *ret);
BB_AWAIT bb_err charging_location_list(bb_str after, size_t limit, struct bb_location **ret, size_t *ret_count);
BB_AWAIT bb_err charging_location_put(bb_str actor, const struct bb_location *, int64_t if_version,
                                      int32_t *ret_created);
BB_AWAIT bb_err charging_location_delete(bb_str actor, bb_str id, int64_t if_version);
BB_AWAIT bb_err charging_station_get(bb_str id, struct bb_station *ret);
BB_AWAIT bb_err charging_station_list(const struct bb_station_filter *, bb_str after, size_t limit,
                                      struct bb_station **ret, size_t *ret_count);
BB_AWAIT bb_err charging_station_put(bb_str actor, bb_str id, const struct bb_station_change *, int64_t if_version,
                                     int32_t *ret_created);
BB_AWAIT bb_err charging_station_delete(bb_str actor, bb_str id, int64_t if_version);
BB_AWAIT bb_err charging_connector_list(bb_str station_id, struct bb_connector **ret, size_t *ret_count);
BB_AWAIT bb_err charging_connector_put(bb_str actor, const struct bb_connector *, int64_t if_version);
BB_AWAIT bb_err charging_connection_attempts(size_t limit, struct bb_connection_attempt **ret, size_t *ret_count);
BB_AWAIT bb_err charging_token_get(bb_str uid, struct bb_token *ret);
BB_AWAIT bb_err charging_token_list(bb_str search, bb_str after, size_t limit, struct bb_token **ret,
                                    size_t *ret_count);
BB_AWAIT bb_err charging_token_put(bb_str actor, const struct bb_token *, int64_t if_version, int32_t *ret_created);
BB_AWAIT bb_err charging_token_delete(bb_str actor, bb_str uid, int64_t if_version);
BB_AWAIT bb_err charging_token_verdicts(bb_str of, bb_str after, size_t limit, struct bb_token_verdict **ret,
                                        size_t *ret_count);
BB_AWAIT bb_err charging_session_get(bb_str id, struct bb_session *ret);
BB_AWAIT bb_err charging_session_list(const struct bb_session_filter *, bb_str after, size_t limit,
                                      struct bb_session **ret, size_t *ret_count);
BB_AWAIT bb_err charging_session_by_transaction(bb_str station_id, int64_t transaction_id, struct bb_session *ret);
BB_AWAIT bb_err charging_session_sample_list(bb_str id, int64_t after_index, size_t limit, struct bb_sample **ret,
                                             size_t *ret_count);
BB_AWAIT bb_err charging_session_scan(const struct bb_session_filter *,
                                      bb_err (*each)(const struct bb_session *, size_t count, void *arg), void *arg);
BB_AWAIT bb_err charging_session_count(const struct bb_session_filter *, int64_t *ret);
BB_AWAIT bb_err charging_cdr_list(bb_str after, size_t limit, struct bb_cdr **ret, size_t *ret_count);
BB_AWAIT bb_err charging_review_list(int32_t state, bb_str after, size_t limit, struct bb_aside **ret,
                                     size_t *ret_count);
BB_AWAIT bb_err charging_review_get(bb_str id, struct bb_aside *ret);
BB_AWAIT bb_err charging_review_settle(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *,
                                       bb_str *ret_session_id);
BB_AWAIT bb_err charging_review_dismiss(bb_str actor, bb_str id, int64_t if_version, bb_str note);
BB_AWAIT bb_err charging_session_settle(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *);
BB_AWAIT bb_err charging_session_close(bb_str actor, bb_str id, int64_t if_version, bb_str note);
BB_AWAIT bb_err charging_operation_sending(bb_str operation_id);
int32_t charging_station_watched(bb_str station_id);
void charging_station_note(const struct bb_station_ref *, const struct bb_station_note *);
BB_AWAIT bb_err charging_operation_start(const struct bb_command_order *, struct bb_command_result *ret_fault,
                                         bb_str *ret_id);
BB_AWAIT bb_err charging_operation_get(bb_str id, struct bb_operation *ret);
BB_AWAIT bb_err charging_operation_list(const struct bb_operation_filter *, bb_str after, size_t limit,
                                        struct bb_operation **ret, size_t *ret_count);
BB_AWAIT bb_err charging_operation_wait(bb_str id, int64_t version, int64_t timeout_ms, struct bb_operation *ret);
BB_AWAIT bb_err charging_operation_keep(bb_str id);
BB_AWAIT bb_err charging_operation_cancel(bb_str actor, bb_str id);
BB_AWAIT bb_err charging_bulk_start(const struct bb_bulk_order *, struct bb_command_result *ret_fault, bb_str *ret_id);
BB_AWAIT bb_err charging_bulk_get(bb_str id, struct bb_bulk *ret);
BB_AWAIT bb_err charging_bulk_list(bb_str after, size_t limit, struct bb_bulk **ret, size_t *ret_count);
BB_AWAIT bb_err charging_bulk_change(bb_str actor, bb_str id, int32_t state);
BB_AWAIT bb_err charging_command(bb_str actor, bb_str station_id, bb_str action, const bb_json *payload,
                                 int64_t timeout_ms, struct bb_command_result *ret);

BB_AWAIT bb_err charging_reserve(bb_str actor, const struct bb_reservation *, struct bb_command_result *ret_result,
                                 struct bb_reservation *ret);
BB_AWAIT bb_err charging_reservation_cancel(bb_str actor, int64_t id, struct bb_command_result *ret_result,
                                            struct bb_reservation *ret);
BB_AWAIT bb_err charging_reservation_get(int64_t id, struct bb_reservation *ret);
BB_AWAIT bb_err charging_session_reservation(bb_str session_id, struct bb_reservation *ret);
BB_AWAIT bb_err charging_reservation_list(const struct bb_reservation_filter *, int64_t after, size_t limit,
                                          struct bb_reservation **ret, size_t *ret_count);
BB_AWAIT bb_err charging_reservation_told(const struct bb_reservation *);
BB_AWAIT bb_err charging_reservation_gone(bb_str station_id, int64_t id, bb_str answer);

/* --- between the files --- */

/* password.c: as the table of stations has them; `decoded` when the password is hexadecimal. Bound to the station. */
struct password_macs {
        uint8_t verbatim[BB_MAC_BYTES], decoded[BB_MAC_BYTES];
        int32_t is_hex;
};
bb_err password_macs(bb_str station_id, bb_str password, struct password_macs *ret);
bb_str password_mac(const struct password_macs *);     /* BB_NONE: of no password (NULL) */
bb_str password_mac_hex(const struct password_macs *); /* BB_NONE: it is not hexadecimal */
int32_t password_valid(bb_str);

/* attempt.c: writes down that a connection was refused, and why. Trouble in doing so is logged, not returned. */
BB_AWAIT void attempt_record(struct charging *, const struct bb_admit *, const struct bb_admitted *, int64_t count);

/* authorize.c: a statement that has TOKEN_JOIN, with the token's key in i.token_key, selects TOKEN_COLUMNS,
 * from which the verdict is read. `open_sessions`: the token's others, -1 when their number does not matter. */
#define TOKEN_COLUMNS "t.uid, t.status, t.parent_uid, t.expires_at, t.max_open_sessions, p.status, p.expires_at"
#define TOKEN_COLUMN_COUNT 7
#define TOKEN_JOIN                                                                                                     \
        " left join lateral (select *, lower(parent_uid) as parent_key from charging.token"                            \
        " where uid_key = i.token_key offset 0) t on true"                                                             \
        " left join lateral (select * from charging.token where uid_key = t.parent_key offset 0) p on true"
/* The station named i.station_id, if the connection i.epoch is still its own. */
#define STATION_JOIN                                                                                                   \
        " join lateral (select * from charging.station where station_id = i.station_id and epoch = i.epoch offset 0) " \
        "st on true"
struct bb_authorization token_verdict(const struct charging *, const bb_rows *, size_t row, size_t column,
                                      int64_t open_sessions);

/* access.c: what others (access/1) say about a token that is accepted so far. Refused: *a is BB_AUTH_BLOCKED, and
 * *ret_reason a sentence for people. */
struct bb_access_question;
BB_AWAIT bb_err access_ask(struct charging *, const struct bb_access_question *, struct bb_authorization *a,
                           bb_str *ret_reason);

/* command.c: NULL: there is no such plugin, or the tenant does not have it. */
const struct bb_station_driver_ops *driver_of(const struct charging *, bb_str name);
/* Ends the station's connection; a driver that cannot is logged. */
BB_AWAIT void station_disconnect(struct charging *, bb_str station_id, bb_str driver, bb_str reason);

/* review.c: keeps a report aside that fits no session, acknowledged, for people to look at. */
struct aside {
        const char *kind; /* "samples", "stop" */
        const char *reason;
        int64_t transaction_id;
        bb_json *raw;
};
BB_AWAIT bb_err review_keep(struct charging *, const struct bb_station_ref *, const struct aside *);
/* The event about a session that people should look at. 0: enough of them for this station at the moment. */
int review_event(struct charging *, bb_str station_id, bb_str session_id, const char *reason, struct bb_new_event *ret);
BB_AWAIT bb_err review_prune(struct charging *);

/* domain.c: reports that share a commit, in rounds. In one round each station appears once, so that its next report
 * sees what the one before did; and always in the order of the stations, so that no two writers wait for each other in
 * a circle. This begins every item of the batches of starts and stops. */
struct report {
        const struct bb_station_ref *who;
        size_t place;
};
BB_AWAIT bb_err group_rounds(struct charging *, void *const *gathered, size_t count,
                             bb_err (*round)(struct charging *, struct report *const *, size_t));
/* An authorization that outlives the task which read it. */
struct kept_authorization {
        struct bb_authorization is;
        char parent[256];
};
void authorization_keep(struct kept_authorization *, const struct bb_authorization *);
struct bb_authorization authorization_take(const struct kept_authorization *); /* in the memory of the task */
/* The batches that charging.c opens and closes by a table. */
typedef bb_err group_flush(void *const *items, size_t count, void *arg);
group_flush admits_flush, onlines_flush, offlines_flush, boots_flush, statuses_flush, authorizations_flush;
/* Locks stations in the order that everybody keeps to. */
struct bb_stmt stations_lock_stmt(const struct bb_param *stations);
bb_err starts_start(struct charging *);
BB_AWAIT void starts_stop(struct charging *);
bb_err stops_start(struct charging *);
BB_AWAIT void stops_stop(struct charging *);

/* sample.c */
struct sample_item {
        struct bb_station_ref who;
        bb_str session_id; /* NIL_UUID: of no transaction */
        int64_t connector_id;
        int64_t received_ms;
        const struct bb_sample *samples;
        size_t count;
        struct reading reading;
        bb_err result; /* BB_E_CONFLICT: the connection is no longer the station's */
};
/* Locks the sessions in one order, everywhere the same, before any of them is updated: no two writers wait in a circle.
 */
#define LOCK_SESSIONS(ids)                                                                                             \
        "select 1 from (select id from unnest(" ids ") as u (id) order by id) i cross join lateral"                    \
        " (select 1 from charging.session where session_id = i.id offset 0 for no key update) s"
#define NIL_UUID BB_STR("00000000-0000-0000-0000-000000000000")
#define LAST_UUID BB_STR("ffffffff-ffff-ffff-ffff-ffffffffffff")
#define SAMPLES_MAX 10000       /* in one report */
#define VALUE_BYTES_MAX 1048576 /* signed meter data is worth nothing in part: no message of ocpp16 is longer */
void sample_item_init(struct sample_item *, const struct bb_station_ref *, bb_str session_id, int64_t connector_id,
                      const struct bb_sample *, size_t count);
/* sample_prune.c: deletes those that are older than they are kept. */
BB_AWAIT bb_err samples_prune(struct charging *);
bb_json *samples_json(const struct bb_sample *, size_t count);
/* sample_store.c: the statement that stores the samples of these items and brings their sessions up to date. */
BB_AWAIT bb_err sample_stmt(struct charging *, struct sample_item *const *, size_t count, struct bb_stmt *ret);
bb_err samples_start(struct charging *);
BB_AWAIT void samples_stop(struct charging *);
/* sample_kind.c: the numbers of the kinds of all samples of the items, in their order. Those that are new are stored,
 * and stay whatever becomes of the samples. */
BB_AWAIT bb_err sample_kinds_of(struct charging *, struct sample_item *const *, size_t count, int64_t *ret_ids);
void sample_kinds_open(struct charging *);
void sample_kinds_close(struct charging *);
/* session_cache.c */
void session_cache_open(struct charging *);
void session_cache_close(struct charging *);
void session_cache_put(struct charging *, bb_str station_id, int64_t transaction_id, bb_str session_id);
bb_str session_cache_get(struct charging *, bb_str station_id, int64_t transaction_id); /* BB_NONE */

/* session_read.c: the columns that session_row() reads, of a session named s. */
#define SESSION_COLUMNS                                                                                                \
        "s.session_id::text, s.station_id, s.location_id, s.token_uid, s.parent_uid, s.connector_id, "                 \
        "s.transaction_id, s.state, s.started_at, s.ended_at, s.start_received_at, s.end_received_at, "                \
        "s.meter_start_wh, s.meter_stop_wh, s.energy_wh, s.power_w, s.soc_percent, s.sample_count, "                   \
        "s.last_sample_at, s.stop_reason, s.stop_token_uid, s.auth_status, s.review, s.version, s.start_told_at, "     \
        "s.end_told_at, s.closed_by, s.closed_at, s.settled_by, s.settled_at, s.settled_note"
#define SESSION_COLUMN_COUNT 31
void session_row(const bb_rows *, size_t row, struct bb_session *ret);

/* session_plausible.c: why a session wants a look, NULL when nothing is strange. */
const char *start_doubt(int32_t authorization, int64_t connector_id, int64_t at_ms, int64_t meter_wh, int64_t now_ms);
const char *stop_doubt(const struct bb_session *, int64_t at_ms, int64_t meter_wh, int64_t now_ms);
extern const char review_overlap[]; /* a later start came while the session was open */

/* session_clock.c: a time that a station told, by our clock. */
#define CLOCK_WRONG_MS (5LL * 60 * 1000)  /* less is not worth a word */
#define CLOCK_EARLIEST_MS 1420070400000LL /* 2015: a clock before it was never set */
struct told_time {
        int64_t at_ms;     /* what to go by */
        int64_t told_ms;   /* what the station said */
        const char *doubt; /* why at_ms may be wrong, or NULL */
};
struct told_time clock_correct(struct charging *, const struct bb_station_ref *, int64_t told_ms, int64_t now_ms);
extern const char review_clock_unset[];

/* session_end.c: the end of a session, while it is written. */
struct stop_item;
struct ending {
        const struct bb_station_ref *who; /* the station's own stop; NULL: a rule's or an operator's */
        struct stop_item *item;           /* session_stop.c */
        const struct bb_sample *samples;  /* that came with it */
        size_t sample_count;
        struct bb_session session; /* before it */
        int64_t at_ms, told_ms, received_ms, meter_wh, energy_wh;
        bb_str reason, token_uid;
        const char *doubt; /* no account is written */
        bb_str cdr_id;
};
extern const char review_unmetered[];
/* Why the session wants a look, NULL when nothing is strange. next_meter_wh: at the start of the next session there. */
const char *end_doubt(const struct ending *, const char *clock_doubt, int64_t next_meter_wh);
/* Its stop may still come: it is open, or ends by a rule or an operator and has no account. */
int session_awaits_stop(const struct bb_session *);
#define AWAITS_STOP "(s.state in (0, 3) or (s.state = 2 and s.end_received_at is null and s.settled_at is null))"
#define EVENTS_AN_END 4
/* The accounts of those without a doubt; 0: of none. */
int accounts_stmt(const struct ending *, size_t count, struct bb_stmt *ret);
/* What is told about an end; returns how many. */
size_t end_events(struct charging *, const struct ending *, struct bb_new_event *ret);
/* The next session's meter, for end_doubt: a column of a statement with a session named s. */
#define NEXT_METER_COLUMN                                                                                              \
        "(select n.meter_start_wh from charging.session n where n.station_id = s.station_id"                           \
        " and n.connector_id = s.connector_id and n.started_at > s.started_at order by n.started_at limit 1)"

/* settle.c: what an operator decides. */
int settlement_valid(const struct bb_settlement *);
/* `doubt` says what cannot be. */
struct ending ending_settled(const struct bb_session *, const struct bb_settlement *);
#define SETTLED_STMTS 4
size_t settled_stmts(struct charging *, bb_str actor, const struct bb_settlement *, const struct ending *,
                     struct bb_stmt ret[SETTLED_STMTS]);

/* session_match.c: the station's own transaction that a report without a number of ours means. Not
 * plain: then *ret_transaction_id stays. connector_id 0, token_uid BB_NONE: not told. */
struct match {
        int64_t connector_id, at_ms, meter_wh;
        bb_str token_uid;
        int32_t is_stop;
};
BB_AWAIT bb_err session_match(const struct bb_station_ref *, const struct match *, int64_t *ret_transaction_id);

/* orphans.c: closes sessions whose stop does not come, and writes the accounts of those that waited long enough. */
BB_AWAIT bb_err orphans_close(struct charging *);
/* Closes an open one for the time being; BB_E_NOT_FOUND when it is not of that version any more. audit may be NULL. */
BB_AWAIT bb_err session_close(const struct bb_session *, const char *rule, const struct bb_stmt *audit);
BB_AWAIT bb_err orphans_account(struct charging *);

/* connector.c */
#define CONNECTOR_MAX 255
struct bb_stmt connector_list_stmt(const struct bb_param *station_id);
void connector_rows(const bb_rows *, struct bb_connector **ret, size_t *ret_count);
/* housekeeping.c: what the timers do */
void housekeeping_minute(void *state);
void housekeeping_hour(void *state);
BB_AWAIT void presence_write(struct charging *);
/* lease.c */
BB_AWAIT void lease_tick(void *state);
int64_t lease_interval_ms(const struct charging *);
/* station_link.c: these connections are gone, whoever held them; or they are ours and there, whatever was said. One
 * that was replaced is left alone. */
BB_AWAIT bb_err links_lost(const struct bb_station_ref *, size_t count);
BB_AWAIT bb_err links_back(const struct charging *, const struct bb_station_ref *, size_t count);

/* reservation.c: the columns that reservation_row() reads, of a reservation named r. */
#define RESERVATION_COLUMNS                                                                                            \
        "r.reservation_id, r.station_id, r.connector_id, r.token_uid, r.parent_uid, r.expires_at, r.state, r.answer, " \
        "r.session_id::text, r.conflict_session_id::text, r.created_at, r.ended_at"
#define RESERVATION_COLUMN_COUNT 12
void reservation_row(const bb_rows *, size_t row, struct bb_reservation *ret);
BB_AWAIT void reservations_ask_again(void *state); /* those that got no answer */
bb_str reservation_key(int64_t id);
bb_str reservation_payload(const struct bb_reservation *, bb_str session_id);
/* reservation_end.c: marks those that have run out; the stations do so by themselves. */
BB_AWAIT void reservations_second(void *state);
BB_AWAIT bb_err reservations_expire(struct charging *);
/* What a start means for reservations of its station. */
struct reservation_use {
        const struct bb_reservation *of; /* NULL: nothing */
        int32_t used;                    /* 0: another token charges where it holds */
        int32_t reserved;
};
struct reservation_start { /* of a new session */
        bb_str station_id, token_uid, parent_uid, session_id;
        int64_t connector_id, reservation_id, at_ms;
        struct reservation_use use;
};
/* Reads what the stations of these starts hold, and fills in `use`. */
BB_AWAIT bb_err reservations_match(struct reservation_start *, size_t count);
/* The change for those whose `use` says something; 0: there is none. */
size_t reservations_use_stmt(const struct reservation_start *, size_t count, struct bb_stmt *ret);
/* Its events; how many. */
size_t reservations_use_events(const struct reservation_start *, size_t count, struct bb_new_event *ret);

#endif
