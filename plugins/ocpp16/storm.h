/* SPDX-License-Identifier: Apache-2.0
 *
 * The database away, and everybody coming back at once. Answers are held and the work is tried
 * again; after twenty seconds the socket is closed, at a rate that the network stands, and new ones are let in at a
 * rate that the database stands.
 */
#ifndef OCPP16_STORM_H
#define OCPP16_STORM_H

#include <busbar/types.h>

/* Evenly spaced turns: the next one is free at next_us (monotonic). */
struct pace {
        int64_t next_us;
};
/* Takes the next turn; milliseconds until it. */
int64_t pace_take(struct pace *, int64_t per_second);
/* Gives back a turn that was just taken. */
void pace_return(struct pace *, int64_t per_second);

/* One piece of work that is tried until it is stored. Starts zeroed. */
struct hold {
        int64_t since_ms; /* monotonic; 0: it has not failed yet */
        int64_t pause_ms;
        int32_t last_try; /* its turn to be closed has come */
};

/* After a try that ended with `err`: 1: try again (it has waited a while), 0: that was the end. Any error but those of
 * a service that is away ends it at once. */
BB_AWAIT int32_t storm_again(struct hold *, bb_err err);
/* Is this the error of a service that is away, so that trying later helps? */
int32_t storm_is_outage(bb_err);

/* Around everything that asks the domain, so that a database which neither answers nor fails is noticed. */
void storm_work_begins(void);
void storm_work_ends(bb_err);
/* Work is under way, and for ten seconds none of it succeeded. */
int32_t storm_stalled(void);

/* UNTIL_STORED(err, charging->boot(&ref, &boot)); */
#define UNTIL_STORED(err_, call_)                                                                                      \
        do {                                                                                                           \
                struct hold hold_ = {.since_ms = 0};                                                                   \
                do {                                                                                                   \
                        storm_work_begins();                                                                           \
                        (err_) = (call_);                                                                              \
                        storm_work_ends(err_);                                                                         \
                } while (storm_again(&hold_, (err_)));                                                                 \
        } while (0)

/* Waits for the turn to close one more socket. */
BB_AWAIT bb_err storm_close_turn(void);

/* May a new connection come in now? BB_OK, perhaps after a wait for its turn. BB_E_UNAVAILABLE: no, the station should
 * try after *ret_retry_s seconds. */
BB_AWAIT bb_err storm_admit(struct pace *, int32_t handshakes_per_second, int64_t *ret_retry_s);
/* Seconds for a Retry-After, so that not all come at once. */
int64_t storm_retry_s(void);

#endif
