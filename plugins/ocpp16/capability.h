/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station's configuration says of its limits: of local lists, reservations and charging profiles (OCPP 1.6 §9.2
 * to §9.4). Read by GetConfiguration when it is needed, kept in a table, read again after a boot and once a day.
 */
#ifndef OCPP16_CAPABILITY_H
#define OCPP16_CAPABILITY_H

#include "shapes.h"

struct ocpp_tenant;

enum { CAPABILITY_UNKNOWN = -1 };

struct capability {
        int64_t list_enabled, list_max, list_send_max; /* CAPABILITY_UNKNOWN: the station does not say */
        int64_t reserve_zero;
        int64_t profile_level_max, profile_period_max, profile_max;
        int64_t rate_amperes, rate_watts; /* ChargingScheduleAllowedChargingRateUnit: 1 allowed, 0 not */
        int64_t read_ms;                  /* 0: never */
};

/* From the table, or from the station when what the table has is older than its last boot or than a day. A station that
 * is away, or does not answer, leaves what is known. */
BB_AWAIT bb_err capability_get(struct ocpp_tenant *, bb_str station_id, int64_t boot_ms, struct capability *ret);
/* From the table alone. */
BB_AWAIT bb_err capability_known(bb_str station_id, struct capability *ret);
/* Takes what a GetConfiguration.conf says into `c`; keys of others are passed over. 1: something was for us. */
int32_t capability_take(struct capability *, const struct get_configuration_conf *);
/* Is this one of the keys? */
int32_t capability_key(bb_str key);
BB_AWAIT bb_err capability_store(bb_str station_id, const struct capability *);

#endif
