/* SPDX-License-Identifier: Apache-2.0
 *
 * CALLs to a station: one under way, the others wait in line (OCPP-J 1.6 §4.1.1). Knows ids, frames and time-outs;
 * which actions there are and what they hold is in commands.h.
 */
#ifndef OCPP16_OUTBOUND_H
#define OCPP16_OUTBOUND_H

#include "frame.h"
#include "station.h"

#define OUTBOUND_MAX_QUEUE 32

/* What is to be sent. */
struct outgoing {
        const char *action;
        bb_str payload;      /* JSON text */
        bb_str operation_id; /* BB_NONE: of none; otherwise the domain is asked right before it is sent */
        int32_t priority;    /* BB_PRIORITY_…: the line is in this order, then in that of arrival */
        int32_t reserved;
        int64_t timeout_ms; /* for the answer */
        int64_t wait_ms;    /* in the line; 0: as long as for the answer */
};

/* Sends it when its turn has come, and waits for the answer. BB_OK: *ret is the CALLRESULT or CALLERROR,
 * *ret_latency_ms the time from sending to its arrival. BB_E_BUSY: not sent, the line is too long. BB_E_CONFLICT: not
 * sent, its operation is over. BB_E_OFFLINE: the socket closed, before or after sending. BB_E_TIMEOUT: sent, and not
 * answered. BB_E_PROTOCOL: answered with something that is no frame; *ret_fault says what. */
BB_AWAIT bb_err outbound_call(struct station *, const struct outgoing *, struct frame *ret,
                              struct frame_fault *ret_fault, int64_t *ret_latency_ms);

/* A CALLRESULT or CALLERROR with this id came; on the loop. 1: somebody waited for it, or had; 0: nobody knows it. */
int32_t outbound_deliver(struct station *, bb_str id, bb_str text);

/* The socket is gone: everybody who waits gets BB_E_OFFLINE. */
void outbound_abandon(struct station *);

#endif
