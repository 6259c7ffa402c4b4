/* SPDX-License-Identifier: Apache-2.0
 *
 * When a limit has to be looked at again.
 */
#ifndef BILLING_LIMIT_WAIT_H
#define BILLING_LIMIT_WAIT_H

#include <busbar/types.h>

struct limit_pace {
        int64_t left;     /* until the next goal, in the limit's unit */
        int64_t per_hour; /* how fast it is used; 0: not by itself, or nobody knows */
        int64_t age_ms;   /* of the measurement that says so */
        int64_t took_ms;  /* to find out how much is used */
        int32_t by_clock; /* known to the millisecond; a connector's state makes it due by itself */
        int32_t shared;   /* others use it up, too */
};
/* Milliseconds from now. What is measured is looked at when it is expected at its goal, between once a second and every
 * 15 s; what is shared, every 15 s at least. Looking takes a twentieth of the time at most. */
int64_t limit_wait_ms(const struct limit_pace *);

#endif
