/* SPDX-License-Identifier: Apache-2.0
 *
 * From charging profiles to the limits that apply (OCPP 1.6 §3.13.3, §3.13.4). Pure: no I/O, no clock.
 */
#ifndef OCPP16_COMPOSITE_H
#define OCPP16_COMPOSITE_H

#include <busbar/charging_profile.h>

struct composite_input {
        const struct bb_charging_profile *profiles;
        size_t count;
        int64_t connector_id;   /* 0: the station as a whole, so ChargePointMaxProfile alone */
        int64_t transaction_id; /* that runs there; 0: none, and then one would begin at `from_ms` */
        int64_t transaction_ms; /* when it began */
        int64_t from_ms, duration_s;
        int32_t unit; /* BB_RATE_… of the result; 230 V and three phases where a profile is in the other one */
};

void composite_compute(const struct composite_input *, struct bb_composite *ret);

/* Fills in the verdict on `computed` and `told`: for as long as both say something; what lasts less than two seconds is
 * the clocks'. Where `computed` has no limit the station may say what it likes. */
void composite_compare(struct bb_composite_report *);

#endif
