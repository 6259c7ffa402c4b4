/* SPDX-License-Identifier: Apache-2.0
 *
 * What this node keeps of each connected station, and how it finds it. An idle one costs a few hundred bytes; nothing
 * here waits, and nothing here knows messages.
 */
#ifndef OCPP16_STATION_H
#define OCPP16_STATION_H

#include <busbar/bus.h>
#include <busbar/charging.h>
#include <busbar/http.h>

struct call;
struct journal_record;
struct repeats;
struct interop;
struct ocpp_tenant;

#define STATION_MAGIC 0x53544154u /* "STAT" */
#define STATION_MAX_ID_CHARS 64
#define STATION_PATIENCE 20 /* faults a minute */
#define CALL_ID_BYTES 40

/* Counts what is wrong, minute by minute. */
struct minute {
        int64_t since_ms; /* monotonic */
        int32_t count;
        int32_t reserved;
};

/* Messages in a row whose time is behind ours by the same: status.c. */
struct lag {
        int64_t ms;      /* theirs minus ours, below zero */
        int64_t mono_ms; /* of the latest one that counted */
        int32_t count;   /* 0: no row */
        int32_t reserved;
};

/* A CALL that has no answer yet, in either direction: what the journal needs to pair them. */
struct journal_mark {
        struct journal_mark *next;
        struct journal_record *call; /* only while it waits to be written: journal.c */
        int64_t call_id, at_ms, mono_us, connector;
        int32_t direction;
        uint16_t id_length, action_length;
        char text[]; /* id, action */
};

struct station {
        uint32_t magic;
        int32_t refs;
        struct station *next; /* in its chain of the table, or among the gone */
        struct ocpp_tenant *owner;
        bb_ws *ws; /* NULL: not yet, or no more */
        bb_subscription *subscription;
        uint64_t hash;
        int64_t epoch;
        int64_t busy_since_mono_ms; /* a message is being worked on; 0: none */
        int64_t allowed_mono_us;    /* when the next message is within the rate */
        int64_t told_mono_ms;       /* last event about a second connection; 0: never */
        struct lag lag;
        struct minute faults; /* messages that break the specification */
        struct minute wrecks; /* those among them that could not even be answered */
        int32_t superseded;   /* another connection took over: this one says no farewell */
        int32_t closing;      /* we closed it: what it still sent is not served */
        int32_t listed;       /* is in the table */
        int32_t close_code;
        int32_t online; /* the domain was told */
        /* Which of the tenant's validation_rules counts, -1: none; only once it is known. validation.c */
        int32_t validation_rule, validation_known;
        /* What was mended and refused, and is not written yet. interop.c */
        int32_t interop_queued;
        struct interop *interop;
        struct station *interop_next;
        int64_t interop_mono_ms; /* last write; 0: never */
        /* The local list: the revision that the station has, 0: not known; when to look after it. list_pace.c */
        int64_t list_version, list_due_mono_ms;   /* due 0: it has just come */
        int32_t list_busy, list_again, list_idle; /* idle: nothing to do before somebody asks */
        /* Commands to the station: the one under way, and those that wait. outbound.c */
        struct call *calls;
        int64_t call_until_mono_ms;
        int32_t call_count;
        char call_id[CALL_ID_BYTES]; /* "" when none is under way */
        char *certificate;           /* common name; NULL: none was shown */
        struct journal_mark *marks;  /* newest first */
        const char *base_url;        /* where it reached us; the tenant's, NULL: not known */
        struct repeats *repeats;     /* what was answered lately, NULL: nothing. repeat.c */
        uint32_t arrived, served;    /* messages that were put in the line, and those that left it */
        uint32_t id_length;
        char id[]; /* with NUL */
};

struct station_table {
        struct station **chains;
        size_t room, count; /* room is a power of two */
        uint64_t seed;
};

/* 1 to 64 characters of UTF-8, none of them a control character or '/'. */
int32_t station_id_valid(bb_str id);

/* One reference belongs to the caller. */
struct station *station_new(struct ocpp_tenant *, bb_str id, int64_t epoch, bb_str certificate);
struct station *station_hold(struct station *);
void station_drop(struct station *);
bb_str station_id(const struct station *);
struct bb_station_ref station_ref(const struct station *);
/* NULL unless `user` is a station. */
struct station *station_from(void *user);

/* One more; 1 while there are few enough this minute. */
int32_t minute_count(struct minute *);
/* Counts a message; milliseconds to wait before it is served. */
int64_t station_pace(struct station *, int32_t messages_per_second);

/* The table holds no references: whoever lists a station unlists it before its last reference goes. */
void table_init(struct station_table *, uint64_t seed);
void table_free(struct station_table *);
/* For texts from outside: keyed. */
uint64_t station_hash(uint64_t seed, bb_str);
struct station *table_find(const struct station_table *, bb_str id);
void table_add(struct station_table *, struct station *); /* nobody of this name may be listed */
void table_remove(struct station_table *, struct station *);

#endif
