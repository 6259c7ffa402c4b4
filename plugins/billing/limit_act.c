/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done about a limit at the station: it is told beforehand, throttled, stopped.
 */
#include "limits.h"

#include <busbar/charging_profile.h>

enum { HOLDING_MA = 1000000, HOLDING_MW = 1000000000 };

static BB_AWAIT bb_err driver_name(bb_str station_id, bb_str *ret)
{
        struct bb_station station;

        TRY(charging->station_get(station_id, &station));
        *ret = station.driver;
        return BB_OK;
}

/* The interface that the station's driver provides; NULL: it has none. */
static const void *driver_of(bb_str driver, const char *interface)
{
        const void *ops;
        bb_str plugin;

        for (size_t i = 0; (ops = bb_host_->provider(bb_self_, interface, i, &plugin)) != NULL; i++) {
                if (bb_str_eq(plugin, driver) && bb_tenant_has(bb_task_tenant(), bb_str_c(plugin)))
                        return ops;
        }
        return NULL;
}

/* A profile of the transaction: free until `free_s`, and from then on the power that the limit leaves (OCPP 1.6
 * §3.13). 0: the station cannot. */
static BB_AWAIT int32_t send_profile(bb_str driver, const struct limit *l, int64_t free_s, int64_t left_milli)
{
        const struct bb_charging_profile_ops *ops = driver_of(driver, "charging_profile/1");
        struct bb_schedule_period periods[2] = {
                {.present = 3, .limit_milli = l->keeps_unit == BB_RATE_WATTS ? HOLDING_MW : HOLDING_MA},
                {.present = 3, .start_s = free_s, .limit_milli = left_milli}};
        struct bb_charging_profile profile = {.station_id = l->station_id,
                                              .connector_id = l->connector_id,
                                              .transaction_id = l->transaction_id,
                                              .stack_level = 0,
                                              .purpose = BB_PROFILE_TX,
                                              .kind = BB_PROFILE_RELATIVE,
                                              .recurs = BB_RECURS_NEVER,
                                              .schedule = {.unit = (int32_t)l->keeps_unit}};
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_charging_profile kept;

        if (ops == NULL)
                return 0;
        profile.schedule.periods = free_s > 0 ? (struct bb_array){.items = periods, .count = 2}
                                              : (struct bb_array){.items = &periods[1], .count = 1};
        if (ops->put(BB_STR("billing"), &profile, &result, &kept) < 0 || result.outcome != BB_COMMAND_ANSWERED)
                return 0;
        return bb_str_is(bb_json_str(bb_json_get(result.answer, "status")), "Accepted");
}

static BB_AWAIT bb_err stop(bb_str driver, const struct limit *l)
{
        const struct bb_station_driver_ops *ops = driver_of(driver, "station_driver/1");
        struct bb_command_result result = {.size = sizeof(result)};

        if (ops == NULL)
                return BB_E_OFFLINE;
        return ops->stop(bb_task_tenant(), l->station_id, (int32_t)l->transaction_id, &result);
}

BB_AWAIT bb_err limit_tell(const struct limit *l, int64_t free_s)
{
        bb_str driver;

        TRY(driver_name(l->station_id, &driver));
        (void)send_profile(driver, l, free_s, l->at_limit == AT_LIMIT_THROTTLE ? l->keeps_milli : 0);
        return BB_OK;
}

BB_AWAIT bb_err limit_act(const struct limit *l, int32_t *ret_done)
{
        bb_str driver;
        bb_err err;

        *ret_done = 1;
        if (l->at_limit == AT_LIMIT_NOTIFY || l->at_limit == AT_LIMIT_FEE) /* the fee is the engine's */
                return BB_OK;
        TRY(driver_name(l->station_id, &driver));
        if (l->at_limit == AT_LIMIT_THROTTLE && send_profile(driver, l, 0, l->keeps_milli))
                return BB_OK;
        *ret_done = 0;
        err = stop(driver, l);
        return err == BB_E_OFFLINE ? BB_OK : err; /* it is asked again */
}
