/* SPDX-License-Identifier: Apache-2.0
 *
 * A recorded conversation of one station, as GET /v1/stations/{id}/messages/trace gives it: a first line about the
 * whole, then a line of JSON for each frame, oldest first.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <busbar/shape.h>

enum { TRACE_UNREADABLE = 0, TRACE_CALL = 2, TRACE_RESULT = 3, TRACE_ERROR = 4 };

struct trace_frame {
        int64_t at_ms, epoch; /* epoch: of the connection */
        int32_t from_station, kind, is_whole;
        bb_str id, action, text;  /* text: of an unreadable one */
        bb_json *payload;         /* of an error: [code, description, details] */
        struct trace_frame *pair; /* the answer to this CALL, the CALL of this answer; NULL: there is none */
        /* Of the replay. */
        int32_t passed; /* sent, or heard */
        int32_t got_kind;
        bb_json *got; /* what came instead of this answer; NULL: nothing yet */
};

struct trace {
        bb_str station;
        struct trace_frame *frames;
        size_t count;
};

/* In the running task's memory. BB_E_INVALID: says which line is wrong on stderr. */
bb_err trace_read(bb_str text, struct trace *ret);

/* Where two answers differ, as a JSON pointer; BB_NONE: nowhere. What each run has of its own is passed over: ids of
 * transactions, times, the interval of heartbeats, the words of an error. */
bb_str trace_difference(const struct trace_frame *wanted, int32_t got_kind, const bb_json *got);

#endif
