/* SPDX-License-Identifier: Apache-2.0
 *
 * Charging profiles (OCPP 1.6 §3.13, §5.5, §5.7, §5.16): charging_profile/1.
 *
 *      profile_rules.c   what a profile may be, with the place of what is wrong; pure
 *      profile_shape.c   between OCPP's form and the contract's
 *      profile.c         checked, sent, kept; what a station's answers mean
 *      composite.c       what all of them come to; pure
 */
#ifndef OCPP16_PROFILE_H
#define OCPP16_PROFILE_H

#include <busbar/charging_profile.h>
#include <busbar/http.h>

#include "capability.h"
#include "shapes.h"

/* --- profile_rules.c --- */
struct profile_context {
        const struct capability *can;
        int64_t installed;      /* profiles that the station has besides those that this one replaces */
        int64_t transaction_id; /* that runs on the profile's connector; 0: none */
};
/* BB_NONE: fine. Otherwise what is wrong, and where. */
bb_str profile_fault(const struct bb_charging_profile *, const struct profile_context *, bb_str *ret_path);

/* --- profile_shape.c --- */
void profile_to_ocpp(const struct bb_charging_profile *, struct charging_profile *ret);
void profile_from_ocpp(const struct charging_profile *, struct bb_charging_profile *ret);
void composite_from_ocpp(const struct charging_schedule *, int64_t start_ms, int64_t duration_s,
                         struct bb_composite *ret);

/* --- profile.c --- */
extern const struct bb_charging_profile_ops profile_ops BB_HIDDEN;
/* What a station's Accepted means, whoever asked it. */
BB_AWAIT bb_err profile_set_keep(bb_str station_id, const struct set_charging_profile_req *);
BB_AWAIT bb_err profile_clear_keep(bb_str station_id, const struct clear_charging_profile_req *);
/* Once a minute: profiles of transactions that have ended go. */
BB_AWAIT void profiles_minute(void *owner);

#endif
