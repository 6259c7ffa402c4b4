/* SPDX-License-Identifier: Apache-2.0
 *
 * busbar-sim: what its files share. A station is a small machine driven by one timer and by what arrives on its
 * WebSocket; it has no task of its own, so that tens of thousands fit into one process.
 */
#ifndef SIM_H
#define SIM_H

#include "base/buf.h"
#include "base/list.h"
#include "base/str.h"
#include "curve.h"
#include "net/http.h"
#include "rt/loop.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <busbar/shape.h>
#include <event2/event_struct.h>
#include <stdio.h>

#define NEVER INT64_MAX
#define CONNECTORS_MOST 2
#define ID_ROOM 40
#define TAG_ROOM 21 /* OCPP 1.6: CiString20Type */

struct station;

/* --- options.c --- */
enum { PROFILE_NORMAL, PROFILE_FLAKY, PROFILE_RETRYING, PROFILE_MISBEHAVING, PROFILE_IDLE, PROFILE_COUNT };
extern const char *const profile_names[PROFILE_COUNT + 1];

enum { BENCH_NONE, BENCH_HEARTBEAT, BENCH_METER_VALUES, BENCH_MIX, BENCH_SESSIONS };

struct options {
        const char *url, *prefix, *password, *password_file, *ca_file, *journal, *bench_action, *replay, *station;
        int64_t stations, first_index, seed, duration_s, stats_s, timeout_s, drain_s, bench_every_s;
        double rate, ramp;
        int share[PROFILE_COUNT];
        int bench, stats, quiet, abandon, until_settled;
        bb_str *tags;
        size_t tag_count;
};
extern struct options options;
/* Exits with a message when they are wrong. */
void options_parse(int argc, char **argv);
void options_free(void);
bb_err options_read_file(const char *path, struct buf *ret); /* says on stderr what is wrong */
/* The password of a station, BB_NONE: it has none. */
bb_str options_password(const char *station);

/* --- chance.c: seeded, so that a run can be had again --- */
uint64_t chance(struct station *);
int64_t chance_between(struct station *, int64_t low, int64_t high); /* both included */
double chance_unit(struct station *);                                /* [0, 1) */
int chance_percent(struct station *, int percent);
/* Of the charging story: between low and high seconds, divided by --rate, in ms. */
int64_t story_ms(struct station *, int64_t low_s, int64_t high_s);

/* --- outbox.c: CALLs of a station, one outstanding at a time --- */
enum action {
        BOOT_NOTIFICATION,
        HEARTBEAT,
        STATUS_NOTIFICATION,
        AUTHORIZE,
        START_TRANSACTION,
        METER_VALUES,
        STOP_TRANSACTION,
        DIAGNOSTICS_STATUS,
        FIRMWARE_STATUS,
        DATA_TRANSFER,
        ACTION_COUNT
};
extern const char *const action_names[ACTION_COUNT];

/* Shared by its connector and the calls about it, since their payloads need the id that the start brings. */
struct transaction {
        int32_t holders;
        int32_t connector;
        int64_t id; /* 0: not known yet; -1: the start was given up */
        char tag[TAG_ROOM];
};

/* Where the transaction id goes in a payload that is written before the id is known. */
#define ID_PLACE '\x01'

struct call {
        struct list node;
        enum action action;
        int32_t connector;
        int32_t tries, refusals; /* refusals: CALLERRORs */
        int32_t deaf;            /* the profile pretends not to hear this answer */
        int32_t number;          /* of its message id */
        int64_t not_before, sent_us;
        int64_t heard_id; /* transactionId of an answer that was not heard */
        struct transaction *tx;
        struct buf payload;
};

void transaction_hold(struct transaction *);
void transaction_drop(struct transaction *);
/* Takes the payload. Messages about transactions are kept until they are acknowledged, others only while connected. */
void outbox_put(struct station *, enum action, int32_t connector, struct transaction *, struct buf *payload);
void outbox_pump(struct station *);
void outbox_on_result(struct station *, bb_str id, const bb_json *payload);
void outbox_on_error(struct station *, bb_str id, bb_str code, bb_str text);
void outbox_on_timer(struct station *, int64_t now);
extern int outbox_deaf_percent; /* of the answers that the retrying profile does not hear */
int64_t outbox_due(const struct station *);
void outbox_link_lost(struct station *);
void outbox_free(struct station *);

/* --- station.c: link and boot --- */
enum link { LINK_DOWN, LINK_WAITING, LINK_CONNECTING, LINK_UP };
enum boot { BOOT_NONE, BOOT_PENDING, BOOT_REJECTED, BOOT_ACCEPTED };

enum phase {
        PHASE_AVAILABLE,
        PHASE_AUTHORIZING,
        PHASE_PREPARING,
        PHASE_CHARGING,
        PHASE_SUSPENDED,
        PHASE_FINISHING,
        PHASE_UNAVAILABLE
};

struct connector {
        uint8_t number, phase, plugged, leave_service; /* leave_service: unavailable after the transaction */
        uint8_t remote;                                /* started by the central system */
        char tag[TAG_ROOM];
        struct transaction *tx;
        const char *stop_reason;
        const char *shown; /* the status told last */
        int64_t due;       /* next step of the phase */
        int64_t sample_due, sampled_at, leave_at;
        double register_wh;
        struct curve curve;
};

struct key_value; /* keys.c */

struct station {
        char id[ID_ROOM];
        uint32_t index;
        uint8_t profile, link, boot, connector_count, is_dc;
        uint8_t closed_early, resetting, benched, out_of_service; /* out_of_service: connector 0 */
        uint8_t timeouts;                                         /* without any answer between them */
        uint64_t random;
        bb_ws *ws, *second_ws;
        struct event timer;
        struct list pace; /* in the queue for a connection */
        int64_t reconnect_at, boot_at, heartbeat_at, drop_at, fault_at;
        int64_t heartbeat_ms;
        int32_t failures;
        int32_t next_number;
        /* outbox.c */
        struct list queue;
        int32_t queued;
        struct call *in_flight;
        int64_t answer_by;
        struct key_value *keys; /* that differ from the table */
        int32_t bench_step;
        int64_t bench_at, bench_due; /* --bench-every: the next message, unless one is under way */
        struct connector connectors[CONNECTORS_MOST];
};

extern struct station *stations;

void station_init(struct station *, uint32_t index);
void station_free(struct station *);
BB_AWAIT void station_connect(void *station); /* a task's body */
BB_AWAIT bb_err station_open_websocket(const struct station *, const struct bb_ws_handler *, void *user, bb_ws **ret,
                                       int32_t *ret_status);
void station_close(struct station *, int32_t code, int64_t again_in_ms);
void station_reset(struct station *);
void station_on_boot(struct station *, const bb_json *payload);
int station_may_send(const struct station *, enum action);
/* Sets the timer anew; after every change of a time. */
void station_schedule(struct station *);
void station_send_raw(struct station *, bb_str text);

/* --- pace.c: so many connections a second --- */
void pace_start(void);
void pace_stop(void);
void pace_want(struct station *);
void pace_unwant(struct station *);
void pace_done(void); /* one that was under way is through */

/* --- messages.c: payloads --- */
void message_boot(struct buf *, const struct station *);
void message_status(struct buf *, const struct station *, int32_t connector);
const char *message_status_text(const struct connector *);
void message_authorize(struct buf *, const char *tag);
void message_start(struct buf *, const struct connector *, int64_t at_ms);
void message_meter(struct buf *, struct station *, struct connector *, const char *context, int64_t at_ms);
void message_stop(struct buf *, struct station *, struct connector *, int64_t at_ms);

/* --- story.c: cars come and go --- */
void story_init(struct station *);
void story_begin(struct station *); /* after the boot was accepted */
void story_on_timer(struct station *, int64_t now);
int64_t story_due(const struct station *);
void story_on_result(struct station *, struct call *, const bb_json *payload);
void story_on_failure(struct station *, struct call *);
void story_report_status(struct station *, int32_t connector);
void story_set_phase(struct station *, struct connector *, enum phase);
void story_stop(struct station *, struct connector *, const char *reason);
int story_remote_start(struct station *, int32_t connector, bb_str tag);
int story_sample(struct station *, struct connector *, const char *context);
int32_t story_charging(const struct station *); /* connectors with a transaction */
void story_set_service(struct station *, struct connector *, int in_service);

/* --- inbound.c: CALLs of the central system --- */
void inbound_call(struct station *, bb_str id, bb_str action, const bb_json *payload);

/* --- keys.c: configuration keys --- */
struct key {
        const char *name;
        int32_t flags;
        const char *value; /* at first */
};
enum { KEY_READONLY = 1, KEY_NUMBER = 2, KEY_SECRET = 4, KEY_REBOOT = 8, KEY_BOOL = 16 };
extern const struct key key_table[];
extern const size_t key_count;
const struct key *key_find(bb_str name);
bb_str key_value(const struct station *, const struct key *);
int64_t key_number(const struct station *, const char *name);
int key_is_true(const struct station *, const char *name);
/* "Accepted", "RebootRequired", "Rejected" or "NotSupported". */
const char *key_change(struct station *, bb_str name, bb_str value);
void keys_free(struct station *);

/* --- faults.c: what misbehaving stations do --- */
void fault_commit(struct station *);
void fault_second_connection(void *station); /* a task's body */

/* --- bench.c --- */
void bench_begin(struct station *);                          /* it is booted */
void bench_on_answer(struct station *, const struct call *); /* or given up */
void bench_print(void);
void bench_count_latency(int64_t us);
void bench_on_timer(struct station *, int64_t now);

/* --- latency.c --- */
#define LATENCY_SUB_BITS 5
#define LATENCY_SUBS (1 << LATENCY_SUB_BITS)
#define LATENCY_BUCKETS ((64 - LATENCY_SUB_BITS) * LATENCY_SUBS)
struct latency {
        uint64_t buckets[LATENCY_BUCKETS], count;
        int64_t most_us;
};
void latency_add(struct latency *, int64_t us);
double latency_ms(const struct latency *, double share); /* 0.99: the one that 99 % were no longer than */

/* --- journal.c --- */
bb_err journal_open(const char *path);
void journal_write(const struct station *, const struct call *, const bb_json *answer);
void journal_close(void);

/* --- replay.c --- */
int replay_run(void); /* the exit status */

/* --- stats.c --- */
struct counts {
        uint64_t connects, refused, lost, sent, results, errors, timeouts, provoked, provoked_answers, late, dropped,
                given_up, started, stopped, broken, mismatches, calls_in;
};
extern struct counts counts;
void stats_count_latency(int64_t us);
/* With --until-settled: all stations are booted, have said their status, and nothing is unanswered. */
int stats_is_settled(void);
void stats_print_settled(int64_t began_us);
void stats_print(const char *what);

/* --- busbar-sim.c --- */
enum { DRAINING = 1, CLOSING };
extern int ending; /* 0, or no new transactions and connections */
/* With --drain those come back at the end, too, whose transactions are not told yet. */
static inline int station_wants_link(const struct station *st)
{
        return !ending || (ending == DRAINING && options.drain_s > 0 && st->queued > 0);
}
void sim_end(void);

#endif
