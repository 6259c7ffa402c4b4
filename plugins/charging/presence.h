/* SPDX-License-Identifier: Apache-2.0
 *
 * Which stations this process hears, since when, and how far their clocks are off: gathered in memory, written once a
 * minute (housekeeping.c).
 */
#ifndef CHARGING_PRESENCE_H
#define CHARGING_PRESENCE_H

#include <busbar/types.h>

#define DRIFT_UNKNOWN INT64_MIN

struct present_station {
        struct present_station *next;
        int64_t epoch;
        int64_t seen_ms;
        int64_t drift_ms;    /* the best estimate since the last write, or DRIFT_UNKNOWN */
        int64_t clock_ms;    /* the latest of this connection, or DRIFT_UNKNOWN: no boot came since */
        int32_t live;        /* its connection is here */
        int32_t dirty;       /* something is not written yet */
        int32_t clock_wrong; /* said once in the log */
        uint32_t id_len;
        char id[];
};

struct presence {
        struct present_station **slots;
        size_t slot_count, count;
        uint64_t salt;
};

void presence_init(struct presence *, uint64_t salt);
void presence_free(struct presence *);
/* NULL when it is not there and create is 0. */
struct present_station *presence_find(struct presence *, bb_str id, int create);
/* A sign of life of this connection, an older one's is ignored; at_ms 0: it told no time. */
void presence_seen(struct presence *, bb_str id, int64_t epoch, int64_t at_ms, int64_t now_ms);
/* The station booted: what was known of its clock may be so no more. */
void presence_booted(struct presence *, bb_str id, int64_t epoch);
/* The connection of `epoch` begins (live 1) or ends here. */
void presence_live(struct presence *, bb_str id, int64_t epoch, int live, int64_t now_ms);
/* Forgets stations that are neither live nor dirty. */
void presence_sweep(struct presence *);

#endif
