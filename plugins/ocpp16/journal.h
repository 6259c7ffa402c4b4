/* SPDX-License-Identifier: Apache-2.0
 *
 * The message journal: every frame from and to stations, for people who look for a fault. It stands beside the path of
 * the messages: a frame is copied into a bounded list and that is all; one task per tenant writes the list, and what it
 * cannot write in time is dropped, oldest first, and counted.
 */
#ifndef OCPP16_JOURNAL_H
#define OCPP16_JOURNAL_H

#include "ocpp16.h"

#define JOURNAL_KEPT_BYTES 16384 /* of a payload */

enum { JOURNAL_IN = 0, JOURNAL_OUT = 1 };
enum {
        RECORD_UNREADABLE = 0, /* otherwise FRAME_CALL, FRAME_RESULT, FRAME_ERROR */
        RECORD_PATCH = 1       /* what became of a CALL that was written already */
};

/* A frame that waits to be written. The texts lie behind it, but for a payload that was masked. */
struct journal_record {
        struct journal_record *next;
        size_t size; /* in memory */
        int64_t id, at_ms, epoch;
        int64_t pair_id;    /* 0: none (yet) */
        int64_t latency_us; /* -1: unknown */
        int64_t connector;  /* -1: none is named */
        int64_t bytes;      /* of the whole frame */
        int32_t kind, direction;
        int32_t cut, clean; /* clean: journal_mask has seen it */
        bb_str station, action, message_id, payload;
        char *masked; /* from malloc, instead of the text behind; NULL: there was no secret */
        char verdict[40];
        char text[];
};

struct journal {
        /* For every frame, before what it leads to. On the loop or in a task; does not wait. */
        void (*take)(struct station *, int32_t direction, bb_str text);
        /* There is something to write. */
        void (*wake)(struct journal *);
        /* Somebody may be listening. */
        void (*show)(struct journal *, struct journal_record *);
        struct ocpp_tenant *owner;
        struct journal_record *first, *last;
        size_t count, bytes;
        size_t max_count, max_bytes;
        int64_t last_id, written_id; /* all up to written_id are written, or dropped */
        /* journal_write.c */
        struct journal_record *flight; /* taken from the list, not yet committed */
        bb_cond *more, *written;
        int32_t writing, gathering, hurry;
        bb_timer *retention;
        /* journal_live.c */
        struct listener *listeners;
        size_t listener_count;
};

/* From the places where frames pass. */
static inline void journal_frame(struct station *st, int32_t direction, bb_str text)
{
        if (st->owner->journal != NULL)
                st->owner->journal->take(st, direction, text);
}

/* journal.c */
void journal_init(struct journal *, struct ocpp_tenant *);
void journal_take(struct station *, int32_t direction, bb_str text);
/* The oldest records, at most so many and so large; the caller's to free. */
struct journal_record *journal_detach(struct journal *, size_t max_count, size_t max_bytes);
void journal_count_dropped(size_t count);
void record_free(struct journal_record *);
void records_free(struct journal_record *);

/* journal_mask.c: takes secrets out of the payload; once per record. */
void journal_mask(struct journal_record *);
/* The same payload, or a copy without what is secret in it. */
bb_json *secrets_masked(const bb_json *payload);

/* journal_write.c. Start always: it also deletes what is older than the tenant keeps. */
bb_err journal_start(struct ocpp_tenant *);
BB_AWAIT void journal_stop(struct ocpp_tenant *);
/* Waits until everything that was taken before is in the database, but not for long. */
BB_AWAIT void journal_sync(struct journal *);

/* journal_live.c */
BB_AWAIT bb_err journal_live(bb_request *, bb_response *);
void journal_show(struct journal *, struct journal_record *);

/* journal_list.c */
BB_AWAIT bb_err journal_list(bb_request *, bb_response *);
extern const struct bb_shape OcppMessage BB_HIDDEN;
struct journal_view {
        uint64_t present;
        bb_str id, action, message_id, text, verdict, pair_id;
        bb_json *payload;
        int64_t at_ms, epoch, connector_id, bytes, latency_us;
        int32_t direction, type, cut;
};
/* Fills in what depends on the rest: the payload as JSON or as text, and what is present. 0, -1 and BB_NONE are absent.
 */
bb_json *journal_view_json(struct journal_view *, bb_str payload);
extern const struct bb_query_param journal_query[] BB_HIDDEN;
enum { JOURNAL_QUERIES = 8 };
#define JOURNAL_COLUMNS                                                                                                \
        "id, at, epoch, outgoing, type, action, message_id, connector_id, payload, bytes, cut, verdict, latency_us, "  \
        "pair_id"
bb_json *journal_row_json(const bb_rows *, size_t row); /* of these columns */

/* journal_trace.c */
BB_AWAIT bb_err journal_trace(bb_request *, bb_response *);
extern const struct bb_query_param trace_query[] BB_HIDDEN;
enum { TRACE_QUERIES = 2 };

#endif
