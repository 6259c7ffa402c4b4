/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands, and what becomes of one. Nothing is sent that the specification does not allow; an answer that
 * it does not allow is shown to the operator as what it is. The value of AuthorizationKey never leaves this file.
 */
#include "commands.h"

#include "keep.h"
#include "metrics.h"
#include "ocpp16.h"
#include "outbound.h"
#include "shapes_security.h"
#include "transfer.h"

#include <busbar/charging_profile.h>
#include <string.h>

/* A station that is busy with its flash or its lock answers late. */
enum { SLOW_S = 60 };

static bb_str check_location(bb_str location, bb_str *ret_path)
{
        size_t at = 0;

        while (at < location.len && ((location.ptr[at] | 32) >= 'a' && (location.ptr[at] | 32) <= 'z'))
                at++;
        if (at > 0 && at + 3 < location.len && memcmp(location.ptr + at, "://", 3) == 0)
                return BB_NONE;
        *ret_path = BB_STR("/location");
        return BB_STR("must be a URI, like https://host/path");
}

static bb_str check_diagnostics(const void *message, bb_str *ret_path)
{
        return check_location(((const struct get_diagnostics_req *)message)->location, ret_path);
}

static bb_str check_firmware(const void *message, bb_str *ret_path)
{
        return check_location(((const struct update_firmware_req *)message)->location, ret_path);
}

static bb_str check_inner_location(bb_str location, const char *path, bb_str *ret_path)
{
        bb_str fault = check_location(location, ret_path);

        if (fault.ptr != NULL)
                *ret_path = bb_cstr(path);
        return fault;
}

static bb_str check_log(const void *message, bb_str *ret_path)
{
        return check_inner_location(((const struct get_log_req *)message)->log.remote_location, "/log/remoteLocation",
                                    ret_path);
}

static bb_str check_signed_firmware(const void *message, bb_str *ret_path)
{
        return check_inner_location(((const struct signed_update_req *)message)->firmware.location,
                                    "/firmware/location", ret_path);
}

static bb_str check_keys(const void *message, bb_str *ret_path)
{
        const struct get_configuration_req *m = message;
        const bb_str *keys = m->key.items;

        for (size_t i = 0; i < m->key.count; i++) {
                if (keys[i].len <= KEY_CHARS)
                        continue;
                *ret_path = bb_print("/key/%zu", i);
                return BB_STR("must be at most 50 characters");
        }
        return BB_NONE;
}

/* §5.11: a transaction that is to begin can have no other profile. */
static bb_str check_start_profile(const void *message, bb_str *ret_path)
{
        const struct charging_profile *profile = ((const struct remote_start_req *)message)->charging_profile;

        if (profile == NULL || profile->purpose == BB_PROFILE_TX)
                return BB_NONE;
        *ret_path = BB_STR("/chargingProfile/chargingProfilePurpose");
        return BB_STR("must be TxProfile");
}

/* One line an action; what is left out: the tenant's timeout, the usual priority, nothing to mask or check, no effect
 * besides the answer. */
#define COMMAND(action_, request_, answer_, ...)                                                                       \
        {                                                                                                              \
                .action = (action_), .request = &(request_), .answer = &(answer_), ##__VA_ARGS__                       \
        }

static const struct command commands[] = {
        COMMAND("CancelReservation", CancelReservationRequest, AcceptedRejectedAnswer),
        COMMAND("ChangeAvailability", ChangeAvailabilityRequest, ChangeAvailabilityAnswer,
                .effects = effects_availability),
        COMMAND("ChangeConfiguration", ChangeConfigurationRequest, ChangeConfigurationAnswer,
                .effects = effects_configuration),
        COMMAND("ClearCache", EmptyMessage, AcceptedRejectedAnswer),
        COMMAND("ClearChargingProfile", ClearChargingProfileRequest, ClearChargingProfileAnswer),
        COMMAND("DataTransfer", DataTransferCommand, DataTransferAnswer),
        COMMAND("GetCompositeSchedule", GetCompositeScheduleRequest, GetCompositeScheduleAnswer,
                .priority = BB_PRIORITY_READ),
        COMMAND("GetConfiguration", GetConfigurationRequest, GetConfigurationAnswer, .priority = BB_PRIORITY_READ,
                .masks = 1, .check = check_keys),
        COMMAND("GetDiagnostics", GetDiagnosticsRequest, GetDiagnosticsAnswer, .timeout_s = SLOW_S,
                .priority = BB_PRIORITY_READ, .check = check_diagnostics, .effects = effects_diagnostics),
        COMMAND("GetLocalListVersion", EmptyMessage, GetLocalListVersionAnswer, .priority = BB_PRIORITY_READ),
        COMMAND("RemoteStartTransaction", RemoteStartTransactionRequest, AcceptedRejectedAnswer,
                .check = check_start_profile, .effects = effects_remote_start),
        COMMAND("RemoteStopTransaction", RemoteStopTransactionRequest, AcceptedRejectedAnswer,
                .priority = BB_PRIORITY_URGENT, .effects = effects_remote_stop),
        COMMAND("ReserveNow", ReserveNowRequest, ReserveNowAnswer, .effects = effects_reserve),
        COMMAND("Reset", ResetRequest, AcceptedRejectedAnswer, .priority = BB_PRIORITY_URGENT,
                .effects = effects_reset),
        COMMAND("SendLocalList", SendLocalListRequest, SendLocalListAnswer, .timeout_s = SLOW_S),
        COMMAND("SetChargingProfile", SetChargingProfileRequest, SetChargingProfileAnswer),
        COMMAND("TriggerMessage", TriggerMessageRequest, TriggerMessageAnswer, .effects = effects_trigger),
        COMMAND("UnlockConnector", UnlockConnectorRequest, UnlockConnectorAnswer, .timeout_s = SLOW_S,
                .priority = BB_PRIORITY_URGENT),
        COMMAND("UpdateFirmware", UpdateFirmwareRequest, EmptyAnswer, .timeout_s = SLOW_S, .check = check_firmware,
                .effects = effects_firmware),
        /* The security extension's (Security Whitepaper edition 3 §5). */
        COMMAND("CertificateSigned", CertificateSignedRequest, AcceptedRejectedAnswer, .timeout_s = SLOW_S),
        COMMAND("DeleteCertificate", DeleteCertificateRequest, DeleteCertificateAnswer),
        COMMAND("ExtendedTriggerMessage", ExtendedTriggerMessageRequest, TriggerMessageAnswer,
                .effects = effects_extended_trigger),
        COMMAND("GetInstalledCertificateIds", GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsAnswer,
                .priority = BB_PRIORITY_READ),
        COMMAND("GetLog", GetLogRequest, GetLogAnswer, .timeout_s = SLOW_S, .priority = BB_PRIORITY_READ,
                .check = check_log, .effects = effects_log),
        COMMAND("InstallCertificate", InstallCertificateRequest, InstallCertificateAnswer, .timeout_s = SLOW_S),
        COMMAND("SignedUpdateFirmware", SignedUpdateFirmwareRequest, SignedUpdateFirmwareAnswer, .timeout_s = SLOW_S,
                .check = check_signed_firmware, .effects = effects_signed_firmware),
};

const struct command *command_find(bb_str action)
{
        for (size_t i = 0; i < BB_COUNT(commands); i++) {
                if (bb_str_is(action, commands[i].action))
                        return &commands[i];
        }
        return NULL;
}

int32_t command_prepare(bb_str action, const bb_json *payload, const struct command **ret_command, bb_str *ret_text,
                        struct bb_command_result *ret)
{
        const struct command *command = command_find(action);
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        void *message;
        bb_err err;

        if (command == NULL) {
                ret->error_text = BB_STR("OCPP 1.6 has no such action from the central system to a station");
                return ret->outcome = BB_COMMAND_UNKNOWN;
        }
        if (payload == NULL)
                payload = bb_json_new_object();
        payload = transfer_draft(action, payload);
        message = bb_alloc(command->request->struct_size);
        err = bb_shape_decode(command->request, payload, message, &fault);
        if (err == BB_OK && command->check != NULL) {
                fault.text = command->check(message, &fault.path);
                err = fault.text.ptr != NULL ? BB_E_INVALID : BB_OK;
        }
        if (err < 0) {
                ret->error_text = fault.text;
                ret->fault_path = fault.path;
                return ret->outcome = BB_COMMAND_INVALID;
        }
        *ret_command = command;
        *ret_text = bb_shape_encode_text(command->request, message);
        return ret->outcome = BB_COMMAND_ANSWERED;
}

static int32_t names_secret(const char *key)
{
        static const char *const words[] = {"AuthorizationKey", "password", "passphrase", "secret"};

        for (size_t i = 0; i < BB_COUNT(words); i++) {
                if (strcasestr(key, words[i]) != NULL)
                        return 1;
        }
        return 0;
}

/* GetConfiguration tells the station's own password to whoever asks (OCPP 1.6 errata), and the vendor's too. */
static bb_json *masked(const bb_json *payload)
{
        bb_json *list = bb_json_get(payload, "configurationKey");

        for (size_t i = 0; i < bb_json_count(list); i++) {
                bb_json *entry = bb_json_at(list, i);
                const char *key = bb_str_c(bb_json_str(bb_json_get(entry, "key")));

                if (names_secret(key) && bb_json_get(entry, "value") != NULL)
                        bb_json_set(entry, "value", bb_json_new_str(BB_STR("********")));
        }
        return (bb_json *)payload;
}

void command_take_answer(const struct command *command, bb_str station, const bb_json *payload,
                         struct bb_command_result *ret)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        void *message = bb_alloc(command->answer->struct_size);

        ret->answer = command->masks && bb_json_kind(payload) == BB_J_OBJECT ? masked(payload) : (bb_json *)payload;
        if (bb_shape_decode(command->answer, payload, message, &fault) == BB_OK) {
                ret->outcome = BB_COMMAND_ANSWERED;
                return;
        }
        ret->outcome = BB_COMMAND_REFUSED;
        ret->error_code = bb_cstr(frame_fault_code(fault.kind));
        ret->error_text =
                bb_print("the station's answer is not valid: %.*s %.*s", BB_FMT(fault.path), BB_FMT(fault.text));
        ret->fault_path = fault.path;
        bb_log(BB_WARN, "ocpp.bad_answer", "the station answered a command with an invalid payload",
               bb_kv_str("station", station), bb_kv_cstr("action", command->action), bb_kv_str("path", fault.path),
               bb_kv_str("fault", fault.text));
}

int64_t command_timeout_ms(const struct ocpp_tenant *owner, const struct command *command)
{
        return 1000 * (int64_t)(command->timeout_s > 0 ? command->timeout_s : owner->options->command_timeout_s);
}

static void take_refusal(const struct frame *frame, struct bb_command_result *ret)
{
        ret->outcome = BB_COMMAND_REFUSED;
        ret->error_code = frame->error_code;
        ret->error_text = frame->error_text;
        ret->answer = (bb_json *)frame->payload;
}

static void take_failure(bb_err err, const struct frame_fault *fault, struct bb_command_result *ret)
{
        switch (err) {
        case BB_E_OFFLINE:
                ret->outcome = BB_COMMAND_OFFLINE;
                return;
        case BB_E_BUSY:
                ret->outcome = BB_COMMAND_BUSY;
                ret->error_text = BB_STR("not sent: other commands still wait for this station");
                return;
        case BB_E_CONFLICT: /* its operation was ended while it waited */
                ret->outcome = BB_COMMAND_BUSY;
                ret->error_text = BB_STR("not sent: it was cancelled, or waited for too long");
                return;
        case BB_E_PROTOCOL:
                ret->outcome = BB_COMMAND_REFUSED;
                ret->error_code = bb_cstr(fault->code);
                ret->error_text = bb_print("the station's answer is not valid: %.*s", BB_FMT(fault->text));
                return;
        default:
                ret->outcome = BB_COMMAND_TIMEOUT;
        }
}

static const char *outcome_name(int32_t outcome)
{
        static const char *const names[] = {"answered", "refused", "offline", "timeout", "invalid", "unknown", "busy"};

        return outcome >= 0 && (size_t)outcome < BB_COUNT(names) ? names[outcome] : "unknown";
}

BB_AWAIT bb_err command_run(struct station *st, const struct command *command, bb_str text,
                            const struct bb_command *order, struct bb_command_result *ret)
{
        struct frame frame = {.type = 0};
        struct frame_fault fault = {.code = "GenericError"};
        struct transfer_order transfer;
        bb_str id = bb_str_dup(station_id(st)); /* the station may be gone after the call */
        struct outgoing out = {.action = command->action,
                               .operation_id = order->operation_id,
                               .priority = order->priority,
                               .timeout_ms = order->timeout_ms,
                               .wait_ms = order->wait_ms};
        bb_err err;

        err = transfer_begin(st, command, &text, &transfer, ret);
        if (err < 0)
                return err == BB_E_REJECTED ? BB_OK : err;
        out.payload = text;
        if (out.priority == BB_PRIORITY_OF_ACTION)
                out.priority = command->priority != 0 ? command->priority : BB_PRIORITY_USUAL;
        if (out.timeout_ms <= 0)
                out.timeout_ms = command_timeout_ms(st->owner, command);
        err = outbound_call(st, &out, &frame, &fault, &ret->latency_ms);
        if (err == BB_E_CANCELED)
                return err;
        if (err < 0)
                take_failure(err, &fault, ret);
        else if (frame.type == FRAME_ERROR)
                take_refusal(&frame, ret);
        else
                command_take_answer(command, id, frame.payload, ret);
        metrics_message(command->action, METRIC_OUT, outcome_name(ret->outcome));
        bb_log(BB_INFO, "ocpp.command", NULL, bb_kv_str("station", id), bb_kv_cstr("action", command->action),
               bb_kv_cstr("outcome", outcome_name(ret->outcome)), bb_kv_int("latency_ms", ret->latency_ms),
               bb_kv_str("error_code", ret->error_code));
        transfer_ordered(&transfer, ret);
        keep_answer(st, command, text, ret);
        return BB_OK;
}
