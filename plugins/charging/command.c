/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver that admitted a station; commands to it, for those who only want the answer.
 */
#include "operation.h"

const struct bb_station_driver_ops *driver_of(const struct charging *c, bb_str name)
{
        const struct bb_station_driver_ops *ops;
        bb_str plugin;

        for (size_t i = 0; name.len > 0; i++) {
                ops = bb_host_->provider(bb_self_, "station_driver/1", i, &plugin);
                if (ops == NULL)
                        return NULL;
                if (bb_str_eq(plugin, name))
                        return bb_tenant_has(c->tenant, bb_str_c(name)) ? ops : NULL;
        }
        return NULL;
}

/* As those who asked before there were operations: with the station's answer, and no more. */
static void result_of(const struct bb_operation *o, struct bb_command_result *ret)
{
        struct bb_fault fault;

        ret->outcome = o->outcome >= 0 ? o->outcome : BB_COMMAND_BUSY;
        ret->error_code = o->error_code;
        ret->error_text = o->error_text;
        ret->latency_ms = o->latency_ms;
        if (o->unchanged)
                ret->outcome = BB_COMMAND_ANSWERED;
        if (o->answer.ptr == NULL || bb_json_parse(o->answer, &ret->answer, &fault) < 0)
                ret->answer = NULL;
}

BB_AWAIT bb_err charging_command(bb_str actor, bb_str station_id, bb_str action, const bb_json *payload,
                                 int64_t timeout_ms, struct bb_command_result *ret)
{
        enum { ROUND_MS = 60000 };
        const struct bb_command_order order = {.size = sizeof(order),
                                               .flags = BB_ORDER_FORCE,
                                               .actor = actor,
                                               .station_id = station_id,
                                               .action = action,
                                               .payload = payload,
                                               .timeout_ms = timeout_ms};
        struct bb_operation o = {.version = 0};
        bb_str id = BB_NONE;

        TRY(charging_operation_start(&order, ret, &id));
        if (id.ptr == NULL)
                return BB_OK;
        do
                TRY(charging_operation_wait(id, o.version, ROUND_MS, &o));
        while (o.state == BB_OPERATION_QUEUED || o.state == BB_OPERATION_SENT);
        result_of(&o, ret);
        return BB_OK;
}

BB_AWAIT void station_disconnect(struct charging *c, bb_str station_id, bb_str driver, bb_str reason)
{
        const struct bb_station_driver_ops *ops = driver_of(c, driver);
        bb_err err = ops != NULL ? ops->disconnect(c->tenant, station_id, reason) : BB_OK;

        if (err < 0 && err != BB_E_OFFLINE && err != BB_E_NOT_FOUND)
                bb_log(BB_WARN, "station.disconnect_failed", "A station's connection could not be ended.",
                       bb_kv_str("station", station_id), bb_kv_err(err));
}
