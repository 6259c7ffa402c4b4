/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/stations/{id}/commands/{Action}: one command to one station. The answer is the station's, or, when the
 * caller wants so, what the command brought about; who does not wait gets the operation to follow
 * (command_operations.c).
 */
#include "admin.h"
#include <strings.h>

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

enum { ANSWERED = 0, REFUSED = 1, UNCHANGED = 2, PENDING = 3 };
static const char *const outcomes[] = {"answered", "refused", "unchanged", "pending", NULL};
struct command_outcome {
        uint64_t present;
        int32_t outcome, state;
        bb_json *result;
        bb_str error_code, error_description, operation_id, summary, session_id;
        int64_t latency_ms;
};
#define AT(member) .offset = offsetof(struct command_outcome, member)
static const struct bb_field outcome_fields[] = {
        {.name = "outcome",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED,
         AT(outcome),
         .values = outcomes,
         .about = "unchanged: not sent, since the station was so already. pending (202): there is no answer yet."},
        {.name = "result",
         .type = BB_T_JSON,
         AT(result),
         .about = "The station's answer; its error's details when refused."},
        {.name = "error_code", .type = BB_T_STR, AT(error_code), .about = "Of the station's CALLERROR."},
        {.name = "error_description", .type = BB_T_STR, AT(error_description)},
        {.name = "latency_ms", .type = BB_T_INT, .flags = BB_REQUIRED, AT(latency_ms)},
        {.name = "operation_id",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(operation_id),
         .about = "What becomes of it is at /v1/operations/{id}."},
        {.name = "state", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(state), .values = operation_states},
        {.name = "summary", .type = BB_T_STR, AT(summary), .about = "What is waited for, or how it ended."},
        {.name = "session_id", .type = BB_T_STR, AT(session_id), .about = "That it started or ended."},
};
BB_SHAPE(CommandOutcome, command_outcome, 0, "What the station said to a command, and what came of it.",
         outcome_fields);
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

bb_err command_fault(bb_response *res, const struct bb_command_result *result, bb_str detail, const char *pointer)
{
        if (result->outcome == BB_COMMAND_INVALID) {
                bb_problem_field(res, bb_print("%s%.*s", pointer, BB_FMT(result->fault_path)), result->error_text);
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed",
                                  BB_STR("The payload does not fit the action."));
        }
        for (size_t i = 0; i < BB_COUNT(failures); i++) {
                if (failures[i].outcome == result->outcome)
                        return bb_problem(res, failures[i].err, failures[i].status, failures[i].code,
                                          detail.len > 0 ? detail : bb_cstr(failures[i].detail));
        }
        return BB_E_INTERNAL;
}

/* --- how long the caller waits --- */

enum { WAIT_ANSWER = 0, WAIT_EFFECT = 1, WAIT_NONE = 2 };
/* A request has a minute. What comes later is followed by its operation. */
enum { WAIT_MAX_MS = 55000, SETTLE_MS = 150 };

struct wish {
        int32_t wait; /* WAIT_… */
        int64_t wait_ms;
};

/* RFC 7240: Prefer: respond-async, wait=10 */
static int prefers(bb_str header, const char *word, bb_str *ret_value)
{
        size_t len = strlen(word);

        for (size_t i = 0; i + len <= header.len; i++) {
                size_t end = i + len;

                if ((i > 0 && header.ptr[i - 1] != ' ' && header.ptr[i - 1] != ',') ||
                    strncasecmp(header.ptr + i, word, len) != 0)
                        continue;
                while (end < header.len && header.ptr[end] >= '0' && header.ptr[end] <= '9')
                        end++;
                *ret_value = (bb_str){.ptr = header.ptr + i + len, .len = end - i - len};
                return 1;
        }
        return 0;
}

static bb_err wish_of(bb_request *req, bb_response *res, struct wish *ret)
{
        bb_str prefer = bb_request_header(req, "prefer"), wait = bb_request_query(req, "wait"), seconds = BB_NONE;

        *ret = (struct wish){.wait = WAIT_ANSWER, .wait_ms = int_query(req, "wait_ms", WAIT_MAX_MS)};
        TRY(query_in_range(res, "wait_ms", ret->wait_ms, 0, WAIT_MAX_MS));
        if (prefers(prefer, "wait=", &seconds) && seconds.len > 0 && seconds.len < 3)
                ret->wait_ms = 1000 * (seconds.len == 2 ? 10 * (seconds.ptr[0] - '0') + (seconds.ptr[1] - '0')
                                                        : seconds.ptr[0] - '0');
        if (ret->wait_ms > WAIT_MAX_MS)
                ret->wait_ms = WAIT_MAX_MS;
        if (bb_str_is(wait, "effect"))
                ret->wait = WAIT_EFFECT;
        if (bb_str_is(wait, "none") || (wait.ptr == NULL && prefers(prefer, "respond-async", &seconds))) {
                ret->wait = WAIT_NONE;
                ret->wait_ms = SETTLE_MS;
        }
        return BB_OK;
}

static int is_waited_for(const struct wish *wish, const struct bb_command_order *order, const struct bb_operation *o)
{
        if (bb_operation_is_over(o->state))
                return 0;
        if (wish->wait == WAIT_NONE)
                return o->state == BB_OPERATION_QUEUED && o->version == 1;
        /* It waits for its station: that can take long, and is what was asked for. */
        if (order->flags & BB_ORDER_QUEUE_OFFLINE && o->state == BB_OPERATION_QUEUED && o->version > 1)
                return 0;
        return wish->wait == WAIT_EFFECT || o->state != BB_OPERATION_FOLLOWING;
}

static BB_AWAIT bb_err wait_for(const struct wish *wish, const struct bb_command_order *order, bb_str id,
                                struct bb_operation *ret)
{
        int64_t until = bb_mono_ms() + wish->wait_ms, left = 1;

        ret->version = 0;
        do {
                TRY(charging->operation_wait(id, ret->version, left, ret));
                left = until - bb_mono_ms();
        } while (left > 0 && is_waited_for(wish, order, ret));
        return BB_OK;
}

/* --- what the caller gets --- */

static int is_settled(const struct wish *wish, const struct bb_operation *o)
{
        return bb_operation_is_over(o->state) || (wish->wait == WAIT_ANSWER && o->state == BB_OPERATION_FOLLOWING);
}

static int32_t outcome_of(const struct bb_operation *o, int settled)
{
        if (!settled)
                return PENDING;
        if (o->unchanged)
                return UNCHANGED;
        return o->outcome == BB_COMMAND_REFUSED ? REFUSED : ANSWERED;
}

static bb_err outcome_send(bb_request *req, bb_response *res, const struct bb_operation *o, int settled)
{
        const struct command_outcome outcome = {.present = ~0ull,
                                                .outcome = outcome_of(o, settled),
                                                .state = o->state,
                                                .result = json_of(o->answer),
                                                .error_code = o->error_code,
                                                .error_description = o->error_text,
                                                .latency_ms = o->latency_ms,
                                                .operation_id = o->id,
                                                .summary = o->summary,
                                                .session_id = o->session_id};

        if (!settled) {
                bb_response_status(res, 202);
                bb_response_header(
                        res, "Location",
                        bb_print("%.*s/v1/operations/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(o->id)));
        }
        bb_response_shape(res, &CommandOutcome, &outcome);
        return BB_OK;
}

/* It is over, and there is no answer of the station. */
static bb_err trouble_send(bb_response *res, const struct bb_operation *o)
{
        bb_str detail = bb_print("%.*s (operation %.*s)", BB_FMT(o->summary), BB_FMT(o->id));
        const struct bb_command_result result = {
                .outcome = o->outcome, .error_text = o->error_text, .fault_path = BB_STR("")};

        if (o->state == BB_OPERATION_CANCELLED)
                return bb_problem(res, BB_E_CONFLICT, 409, "cancelled", detail);
        if (o->state == BB_OPERATION_UNKNOWN)
                return bb_problem(res, BB_E_TIMEOUT, 504, "outcome-unknown", detail);
        if (o->outcome < 0)
                return bb_problem(res, BB_E_BUSY, 503, "not-sent", detail);
        return command_fault(res, &result, detail, "");
}

static bb_err order_of(bb_request *req, bb_response *res, struct bb_command_order *ret)
{
        int64_t expires_s = int_query(req, "expires_s", 0), effect_s = int_query(req, "effect_timeout_s", 0);
        bb_str body = bb_request_body(req);
        struct bb_fault fault;
        bb_json *payload;

        ret->timeout_ms = int_query(req, "timeout_ms", 0);
        TRY(query_in_range(res, "timeout_ms", ret->timeout_ms, 0, 600000));
        TRY(query_in_range(res, "expires_s", expires_s, 0, 30 * 86400));
        TRY(query_in_range(res, "effect_timeout_s", effect_s, 0, 30 * 86400));
        TRY(bb_json_parse(body.len > 0 ? body : BB_STR("{}"), &payload, &fault));
        ret->payload = payload;
        ret->expires_ms = 1000 * expires_s;
        ret->effect_timeout_ms = 1000 * effect_s;
        if (bb_str_is(bb_request_query(req, "if_offline"), "queue"))
                ret->flags |= BB_ORDER_QUEUE_OFFLINE;
        if (bool_query(req, "force") == 1)
                ret->flags |= BB_ORDER_FORCE;
        return BB_OK;
}

BB_AWAIT bb_err command_send(bb_request *req, bb_response *res)
{
        struct bb_command_result fault = {.size = sizeof(fault)};
        struct bb_command_order order = {.size = sizeof(order),
                                         .actor = bb_request_actor(req),
                                         .station_id = bb_request_param(req, "id"),
                                         .action = bb_request_param(req, "action")};
        struct bb_operation o = {.version = 0};
        bb_str id = BB_NONE;
        struct wish wish;

        TRY(wish_of(req, res, &wish));
        TRY(order_of(req, res, &order));
        if (wish.wait == WAIT_NONE)
                order.flags |= BB_ORDER_LASTING;
        TRY(charging->operation_start(&order, &fault, &id));
        if (id.ptr == NULL)
                return command_fault(res, &fault, BB_NONE, "");
        TRY(wait_for(&wish, &order, id, &o));
        if (!bb_operation_is_over(o.state))
                TRY(charging->operation_keep(id));
        else if (o.outcome != BB_COMMAND_ANSWERED && o.outcome != BB_COMMAND_REFUSED && !o.unchanged)
                return trouble_send(res, &o);
        return outcome_send(req, res, &o, is_settled(&wish, &o));
}
