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
        int32_t by_clock; /* known to the millisecond; a connector's state makes it due by itself */
};
/* Milliseconds from now. What is measured is looked at when it is expected at its goal, between once a second and every
 * 15 s. */
int64_t limit_wait_ms(const struct limit_pace *);

#endif
