/* SPDX-License-Identifier: Apache-2.0
 *
 * The local authorization list (OCPP 1.6 §3.5.2), kept in step with the tenant's tokens.
 *
 *      list_tokens.c   the list as stations should have it: a revision for each change
 *      list_sync.c     brings one station in step: differential where its version is one of ours, full otherwise
 *      list_pace.c     which station is next, and how many a second
 *      list_api.c      what operators see of it
 */
#ifndef OCPP16_LOCAL_LIST_H
#define OCPP16_LOCAL_LIST_H

#include <busbar/plugin.h>

#include "station.h"

struct ocpp_tenant;

enum { LIST_OFF = 0, LIST_RFID = 1, LIST_ALL = 2 }; /* the option local_list */
extern const char *const list_policy_names[] BB_HIDDEN;

/* What a node keeps of a tenant's list. */
struct lists {
        int64_t revision;        /* of the newest change that this node knows of; 0: none yet */
        int64_t changed_mono_ms; /* when it came to know it */
        int64_t pending_mono_ms; /* since when changes gather; 0: none wait */
        int64_t polled_mono_ms;  /* last look at the table */
        int32_t stale;           /* look now: the bus said so */
        int32_t busy, running;   /* the tick; stations being brought in step */
        int32_t minutes;         /* that it has run */
        bb_subscription *subscription;
};

/* --- list_tokens.c --- */
bb_err list_token_event(const struct bb_event *, void *tenant_state);     /* token.* */
bb_err list_reconcile_event(const struct bb_event *, void *tenant_state); /* ocpp16.list_reconcile */
/* Has the whole list compared with the tokens when that was not done lately, or for another choice of tokens. */
BB_AWAIT bb_err list_reconcile_ask(struct ocpp_tenant *);
/* Forgets old removals. */
BB_AWAIT bb_err list_prune(void);

/* --- list_sync.c --- */
enum { STATE_FINE = 0, STATE_FAILED = 1, STATE_UNSUPPORTED = 2 };

struct list_row {                                                     /* a station's row of ocpp16.local_list */
        int64_t state, version, sent_version, told_version, attempts; /* versions: -1 is null */
        int64_t ask;
        bb_str last_error;
        int64_t asked_ms, synced_ms;
};
BB_AWAIT bb_err list_row_get(bb_str station_id, struct list_row *ret);

struct list_result {
        int64_t revision; /* the station is in step with it; 0: it is not */
        int64_t again_ms; /* when to try again; 0: after the next boot, or when somebody asks */
};
BB_AWAIT bb_err list_sync(struct station *, struct list_result *ret);
/* Before the next list the station is asked for its version, and a verdict "unsupported" is looked at anew. */
BB_AWAIT bb_err list_suspect(bb_str station_id);

/* --- list_pace.c --- */
bb_err lists_start(struct ocpp_tenant *);
void lists_stop(struct ocpp_tenant *);
/* All nodes look again: the list has changed, or (a station's id) that station is not in step any more. */
void lists_tell(struct ocpp_tenant *, bb_str station_id);
/* The station has booted: its list may be gone. */
void lists_booted(struct station *);

/* --- list_api.c --- */
BB_AWAIT bb_err local_list_read(bb_request *, bb_response *);
BB_AWAIT bb_err local_list_sync(bb_request *, bb_response *);
extern const struct bb_shape LocalList BB_HIDDEN;

#endif
