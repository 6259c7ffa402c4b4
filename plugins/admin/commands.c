/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/stations/{id}/commands/{Action}: one command to one station; the answer is the station's.
 */
#include "admin.h"

/* Open: the driver of the station knows the members of each action and checks them. */
struct command_payload {
        uint64_t present;
};
static const struct bb_field payload_fields[] = {
        {.name = "", .type = BB_T_JSON, .offset = 0},
};
const struct bb_shape CommandPayload = {
        .size = sizeof(struct bb_shape),
        .field_size = sizeof(struct bb_field),
        .name = "CommandPayload",
        .about = "The protocol's own payload of the action (OCPP 1.6: that of <Action>.req).",
        .fields = payload_fields,
        .field_count = 0,
        .struct_size = sizeof(struct command_payload),
        .flags = BB_SHAPE_OPEN,
        .present_offset = 0};

static const char *const outcomes[] = {"answered", "refused", NULL};
struct command_outcome {
        uint64_t present;
        int32_t outcome;
        bb_json *result;
        bb_str error_code, error_description;
        int64_t latency_ms;
};
#define AT(member) .offset = offsetof(struct command_outcome, member)
static const struct bb_field outcome_fields[] = {
        {.name = "outcome", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(outcome), .values = outcomes},
        {.name = "result",
         .type = BB_T_JSON,
         AT(result),
         .about = "The station's answer; its error's details when refused."},
        {.name = "error_code", .type = BB_T_STR, AT(error_code), .about = "Of the station's CALLERROR."},
        {.name = "error_description", .type = BB_T_STR, AT(error_description)},
        {.name = "latency_ms", .type = BB_T_INT, .flags = BB_REQUIRED, AT(latency_ms)},
};
BB_SHAPE(CommandOutcome, command_outcome, 0, "What the station said to a command.", outcome_fields);
#undef AT

/* Outcomes that never reached the station, or got no answer, are problems. */
static const struct {
        int32_t outcome;
        bb_err err;
        int32_t status;
        const char *code, *detail;
} failures[] = {
        {BB_COMMAND_OFFLINE, BB_E_OFFLINE, 409, "station-offline", "The station is not connected."},
        {BB_COMMAND_TIMEOUT, BB_E_TIMEOUT, 504, "station-timeout",
         "The station did not answer in time. It may have acted all the same."},
        {BB_COMMAND_UNKNOWN, BB_E_NOT_FOUND, 404, "unknown-action", "The station's protocol has no such action."},
        {BB_COMMAND_BUSY, BB_E_BUSY, 503, "station-busy", "Too many commands wait for this station."},
};

bb_err command_failure_send(bb_response *res, const struct bb_command_result *result)
{
        if (result->outcome == BB_COMMAND_INVALID) {
                bb_problem_field(res, result->fault_path, result->error_text);
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed",
                                  BB_STR("The payload does not fit the action."));
        }
        for (size_t i = 0; i < BB_COUNT(failures); i++) {
                if (failures[i].outcome == result->outcome)
                        return bb_problem(res, failures[i].err, failures[i].status, failures[i].code,
                                          bb_cstr(failures[i].detail));
        }
        return BB_E_INTERNAL;
}

BB_AWAIT bb_err command_send(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct command_outcome outcome = {.present = 0};
        int64_t timeout_ms = int_query(req, "timeout_ms", 0);
        struct bb_fault fault;
        bb_str body = bb_request_body(req);
        bb_json *payload;

        TRY(query_in_range(res, "timeout_ms", timeout_ms, 0, 600000));

        if (body.len == 0)
                body = BB_STR("{}");
        TRY(bb_json_parse(body, &payload, &fault));
        TRY(charging->command(bb_request_actor(req), bb_request_param(req, "id"), bb_request_param(req, "action"),
                              payload, timeout_ms, &result));
        if (result.outcome != BB_COMMAND_ANSWERED && result.outcome != BB_COMMAND_REFUSED)
                return command_failure_send(res, &result);
        outcome.outcome = result.outcome == BB_COMMAND_ANSWERED ? 0 : 1;
        outcome.result = result.answer;
        outcome.error_code = result.error_code;
        outcome.error_description = result.error_text;
        outcome.latency_ms = result.latency_ms;
        bb_response_shape(res, &CommandOutcome, &outcome);
        return BB_OK;
}
