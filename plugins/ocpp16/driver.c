/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract station_driver/1: commands to a station, wherever it is connected.
 */
#include "capability.h"
#include "commands.h"
#include "configuration.h"
#include "journal.h"
#include "ocpp16.h"
#include "remote.h"
#include "shapes.h"

/* What is wrong with a command is told even when the station is not there. */
static BB_AWAIT bb_err driver_send(bb_tenant *tenant, const struct bb_command *order, struct bb_command_result *ret)
{
        struct ocpp_tenant *owner = bb_tenant_state(tenant);
        const struct command *command;
        struct station *st;
        bb_str text;
        bb_err err;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        if (command_prepare(order->action, order->payload, &command, &text, ret) != BB_COMMAND_ANSWERED)
                return BB_OK;
        st = table_find(&owner->stations, order->station_id);
        if (st == NULL || st->ws == NULL)
                return remote_command(owner, order,
                                      order->timeout_ms > 0 ? order->timeout_ms : command_timeout_ms(owner, command),
                                      ret);
        station_hold(st);
        err = command_run(st, command, text, order, ret);
        station_drop(st);
        return err;
}

static BB_AWAIT bb_err driver_command(bb_tenant *tenant, bb_str id, bb_str action, const bb_json *payload,
                                      int64_t timeout_ms, struct bb_command_result *ret)
{
        struct bb_command order = {.size = sizeof(order),
                                   .station_id = id,
                                   .action = action,
                                   .payload = payload,
                                   .timeout_ms = timeout_ms};

        return driver_send(tenant, &order, ret);
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

static bb_err driver_prepare(bb_tenant *tenant, bb_str action, const bb_json *payload, struct bb_prepared *ret)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct ocpp_tenant *owner = bb_tenant_state(tenant);
        const struct command *command;
        bb_str text;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        ret->outcome = command_prepare(action, payload, &command, &text, &result);
        ret->error_text = result.error_text;
        ret->fault_path = result.fault_path;
        if (ret->outcome != BB_COMMAND_ANSWERED)
                return BB_OK;
        ret->masked = secrets_masked(payload);
        ret->confirms = configuration_confirms(command, payload);
        ret->timeout_ms = command_timeout_ms(owner, command);
        return BB_OK;
}

static bb_err driver_effects(bb_tenant *tenant, bb_str action, const bb_json *payload, const bb_json *answer,
                             struct bb_effect_plan *ret)
{
        const struct command *command = command_find(action);

        (void)tenant;
        return command != NULL ? effects_plan(command, payload, answer, ret) : BB_E_NOT_FOUND;
}

static BB_AWAIT bb_err driver_confirm(bb_tenant *tenant, bb_str id, bb_str action, const bb_json *payload,
                                      struct bb_confirmation *ret)
{
        const struct command *command = command_find(action);
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_command order = {.size = sizeof(order),
                                   .priority = BB_PRIORITY_USUAL,
                                   .station_id = id,
                                   .action = BB_STR("GetConfiguration")};

        ret->verdict = BB_CONFIRM_UNKNOWN;
        if (command == NULL || !configuration_confirms(command, payload))
                return BB_OK;
        order.payload = configuration_question(payload);
        TRY(driver_send(tenant, &order, &result));
        configuration_compare(payload, &result, ret);
        return BB_OK;
}

/* OCPP 1.6 §5.13. Connector 0 is asked for where the station's ReserveConnectorZeroSupported does not exclude it. */
static BB_AWAIT bb_err driver_reserve(bb_tenant *tenant, const struct bb_reservation *r, struct bb_command_result *ret)
{
        struct ocpp_tenant *owner = bb_tenant_state(tenant);
        struct reserve_now_req m = {.present = 1u << RESERVE_CONNECTOR | 1u << RESERVE_EXPIRY | 1u << RESERVE_ID_TAG |
                                               1u << RESERVE_ID,
                                    .connector_id = r->connector_id,
                                    .expiry_date = r->expires_ms,
                                    .id_tag = r->token_uid,
                                    .parent_id_tag = r->parent_uid,
                                    .reservation_id = r->id};
        struct bb_station known = {.present = 0};
        struct capability can;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        if (r->parent_uid.len > 0)
                m.present |= 1u << RESERVE_PARENT;
        if (r->connector_id == 0) {
                TRY(charging->station_get(r->station_id, &known));
                TRY(capability_get(owner, r->station_id, known.boot_ms, &can));
                if (can.reserve_zero == 0) {
                        ret->outcome = BB_COMMAND_INVALID;
                        ret->fault_path = BB_STR("/connector_id");
                        ret->error_text =
                                BB_STR("the station's ReserveConnectorZeroSupported is false: a connector of 1 "
                                       "or above must be named");
                        return BB_OK;
                }
        }
        return driver_command(tenant, r->station_id, BB_STR("ReserveNow"), bb_shape_encode(&ReserveNowRequest, &m), 0,
                              ret);
}

static BB_AWAIT bb_err driver_unreserve(bb_tenant *tenant, bb_str id, int64_t reservation_id,
                                        struct bb_command_result *ret)
{
        struct cancel_reservation_req m = {.present = 1, .reservation_id = reservation_id};

        return driver_command(tenant, id, BB_STR("CancelReservation"), bb_shape_encode(&CancelReservationRequest, &m),
                              0, ret);
}

const struct bb_station_driver_ops driver_ops = {.size = sizeof(driver_ops),
                                                 .protocol = SUBPROTOCOL,
                                                 .command = driver_command,
                                                 .start = driver_start,
                                                 .stop = driver_stop,
                                                 .disconnect = driver_disconnect,
                                                 .prepare = driver_prepare,
                                                 .send = driver_send,
                                                 .effects = driver_effects,
                                                 .confirm = driver_confirm,
                                                 .reserve = driver_reserve,
                                                 .unreserve = driver_unreserve};
