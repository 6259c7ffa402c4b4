/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract station_driver/1: commands to a station, wherever it is connected.
 */
#include "commands.h"
#include "ocpp16.h"
#include "remote.h"
#include "shapes.h"

static int64_t timeout_of(const struct ocpp_tenant *owner, const struct command *command, int64_t timeout_ms)
{
        if (timeout_ms > 0)
                return timeout_ms;
        return 1000 * (int64_t)(command->timeout_s > 0 ? command->timeout_s : owner->options->command_timeout_s);
}

/* What is wrong with a command is told even when the station is not there. */
static BB_AWAIT bb_err driver_command(bb_tenant *tenant, bb_str id, bb_str action, const bb_json *payload,
                                      int64_t timeout_ms, struct bb_command_result *ret)
{
        struct ocpp_tenant *owner = bb_tenant_state(tenant);
        const struct command *command;
        struct station *st;
        bb_str text;
        bb_err err;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        if (command_prepare(action, payload, &command, &text, ret) != BB_COMMAND_ANSWERED)
                return BB_OK;
        timeout_ms = timeout_of(owner, command, timeout_ms);
        st = table_find(&owner->stations, id);
        if (st == NULL || st->ws == NULL)
                return remote_command(owner, id, action, payload, timeout_ms, ret);
        station_hold(st);
        err = command_run(st, command, text, timeout_ms, ret);
        station_drop(st);
        return err;
}

static BB_AWAIT bb_err driver_start(bb_tenant *tenant, bb_str id, int32_t connector, bb_str token_uid,
                                    struct bb_command_result *ret)
{
        struct remote_start_req m = {.connector_id = connector, .id_tag = token_uid};

        if (connector > 0)
                m.present |= 1u << REMOTE_START_CONNECTOR_ID;
        return driver_command(tenant, id, BB_STR("RemoteStartTransaction"),
                              bb_shape_encode(&RemoteStartTransactionRequest, &m), 0, ret);
}

static BB_AWAIT bb_err driver_stop(bb_tenant *tenant, bb_str id, int32_t transaction_id, struct bb_command_result *ret)
{
        struct remote_stop_req m = {.transaction_id = transaction_id};

        return driver_command(tenant, id, BB_STR("RemoteStopTransaction"),
                              bb_shape_encode(&RemoteStopTransactionRequest, &m), 0, ret);
}

static BB_AWAIT bb_err driver_disconnect(bb_tenant *tenant, bb_str id, bb_str reason)
{
        struct ocpp_tenant *owner = bb_tenant_state(tenant);

        return owner != NULL ? remote_disconnect(owner, id, reason) : BB_OK;
}

const struct bb_station_driver_ops driver_ops = {.size = sizeof(driver_ops),
                                                 .protocol = SUBPROTOCOL,
                                                 .command = driver_command,
                                                 .start = driver_start,
                                                 .stop = driver_stop,
                                                 .disconnect = driver_disconnect};
