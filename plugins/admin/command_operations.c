/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/operations: commands with what became of them, step by step.
 */
#include "admin.h"

const char *const operation_states[] = {"queued", "sent",      "following", "succeeded", "rejected",
                                        "failed", "timed_out", "cancelled", "unknown",   NULL};

struct step_view {
        uint64_t present;
        int64_t at_ms;
        bb_str step, text;
};
#define AT(member) .offset = offsetof(struct step_view, member)
static const struct bb_field step_fields[] = {
        {.name = "at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(at_ms)},
        {.name = "step",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(step),
         .about = "queued, sent, answered, waiting, effect, note (on the way) or ended."},
        {.name = "text", .type = BB_T_STR, .flags = BB_REQUIRED, AT(text)},
};
static BB_SHAPE(OperationStep, step_view, 0, "Something that happened to a command.", step_fields);
#undef AT

struct operation_view {
        uint64_t present;
        bb_str id, station_id, action, actor, command_id, summary, session_id, error_code, error_description;
        int32_t state, unchanged;
        bb_json *payload, *result;
        int64_t latency_ms, created_ms, sent_ms, answered_ms, ended_ms, deadline_ms;
        struct bb_array steps;
};
#define AT(member) .offset = offsetof(struct operation_view, member)
static const struct bb_field operation_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "action", .type = BB_T_STR, .flags = BB_REQUIRED, AT(action)},
        {.name = "actor", .type = BB_T_STR, .flags = BB_REQUIRED, AT(actor), .about = "Who sent it."},
        {.name = "command_id",
         .type = BB_T_STR,
         AT(command_id),
         .about = "Of the command to many stations that it belongs to."},
        {.name = "payload", .type = BB_T_JSON, AT(payload), .about = "What is secret in it is masked."},
        {.name = "state",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED,
         AT(state),
         .values = operation_states,
         .about = "following: the station said yes, the effect has not come yet. unknown: it was sent, and the answer "
                  "was lost; it is not sent again."},
        {.name = "summary",
         .type = BB_T_STR,
         AT(summary),
         .about = "A sentence: what is waited for, or how it ended and which step did not come."},
        {.name = "unchanged",
         .type = BB_T_BOOL,
         .flags = BB_REQUIRED,
         AT(unchanged),
         .about = "It was not sent, since the station was so already."},
        {.name = "result",
         .type = BB_T_JSON,
         AT(result),
         .about = "The station's answer; the details of its error when there is an error_code."},
        {.name = "error_code", .type = BB_T_STR, AT(error_code)},
        {.name = "error_description", .type = BB_T_STR, AT(error_description)},
        {.name = "latency_ms", .type = BB_T_INT, .flags = BB_NULLABLE, AT(latency_ms), .about = "Of the answer."},
        {.name = "session_id", .type = BB_T_STR, AT(session_id), .about = "That it started or ended."},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(created_ms)},
        {.name = "sent_at", .type = BB_T_TIME, AT(sent_ms)},
        {.name = "answered_at", .type = BB_T_TIME, AT(answered_ms)},
        {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms)},
        {.name = "deadline_at", .type = BB_T_TIME, AT(deadline_ms), .about = "Of what is waited for now."},
        {.name = "steps", .type = BB_T_ARRAY, .flags = BB_REQUIRED, AT(steps), .shape = &OperationStep},
};
BB_SHAPE(Operation, operation_view, 0, "A command to a station, followed to its effect.", operation_fields);
#undef AT

static void steps_view(const struct bb_operation *o, struct bb_array *ret)
{
        const struct bb_operation_step *steps = o->steps.items;
        struct step_view *views = BB_NEW_ARRAY(struct step_view, o->steps.count + 1);

        for (size_t i = 0; i < o->steps.count; i++)
                views[i] = (struct step_view){.at_ms = steps[i].at_ms, .step = steps[i].step, .text = steps[i].text};
        *ret = (struct bb_array){.items = views, .count = o->steps.count};
}

static void view_of(const struct bb_operation *o, struct operation_view *ret)
{
        *ret = (struct operation_view){.id = o->id,
                                       .station_id = o->station_id,
                                       .action = o->action,
                                       .actor = o->actor,
                                       .command_id = o->bulk_id,
                                       .payload = json_of(o->payload),
                                       .state = o->state,
                                       .summary = o->summary,
                                       .unchanged = o->unchanged,
                                       .result = json_of(o->answer),
                                       .error_code = o->error_code,
                                       .error_description = o->error_text,
                                       .latency_ms = o->latency_ms,
                                       .session_id = o->session_id,
                                       .created_ms = o->created_ms,
                                       .sent_ms = o->sent_ms,
                                       .answered_ms = o->answered_ms,
                                       .ended_ms = o->ended_ms,
                                       .deadline_ms = o->deadline_ms};
        steps_view(o, &ret->steps);
}

/* GET /v1/operations/{id} */
BB_AWAIT bb_err operation_read(bb_request *req, bb_response *res)
{
        struct operation_view view;
        struct bb_operation o;

        TRY(charging->operation_get(bb_request_param(req, "id"), &o));
        view_of(&o, &view);
        return object_send(req, res, &Operation, &view, o.version);
}

static int32_t state_query(bb_request *req)
{
        bb_str text = bb_request_query(req, "state");

        for (int32_t i = 0; operation_states[i] != NULL; i++) {
                if (bb_str_is(text, operation_states[i]))
                        return i;
        }
        return -1;
}

/* GET /v1/operations */
BB_AWAIT bb_err operations_list(bb_request *req, bb_response *res)
{
        const struct bb_operation_filter filter = {.station_id = bb_request_query(req, "station"),
                                                   .action = bb_request_query(req, "action"),
                                                   .bulk_id = bb_request_query(req, "command"),
                                                   .state = state_query(req),
                                                   .over = bool_query(req, "over")};
        struct operation_view *views;
        struct bb_operation *items;
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(filters_filled(req, res, "station", "action", "command", NULL));
        TRY(page_fault(res, &page, charging->operation_list(&filter, page.after, page.limit, &items, &count)));
        views = BB_NEW_ARRAY(struct operation_view, count + 1);
        for (size_t i = 0; i < count; i++)
                view_of(&items[i], &views[i]);
        page_send(res, &Operation, views, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}

/* POST /v1/operations/{id}/cancel */
BB_AWAIT bb_err operation_withdraw(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        bb_err err = charging->operation_cancel(bb_request_actor(req), id);

        if (err == BB_E_CONFLICT)
                return bb_problem(res, err, 409, "already-sent", BB_STR("Only what is still queued can be cancelled."));
        TRY(err);
        return operation_read(req, res);
}

/* GET /v1/operations/{id}/live: Server-Sent Events, the operation at each change; ends with it. */
BB_AWAIT bb_err operation_live(bb_request *req, bb_response *res)
{
        enum { COMMENT_MS = 15000 };
        bb_str id = bb_request_param(req, "id");
        struct bb_operation o = {.version = 0};
        struct operation_view view;
        int64_t shown = 0;

        TRY(charging->operation_get(id, &o));
        bb_response_header(res, "Cache-Control", BB_STR("no-store"));
        bb_response_header(res, "X-Accel-Buffering", BB_STR("no"));
        TRY(bb_response_stream(res, "text/event-stream"));
        if (bb_str_is(bb_request_method(req), "HEAD"))
                return BB_OK;
        for (;;) {
                if (o.version == shown) {
                        TRY(bb_response_write(res, BB_STR(": still here\n\n")));
                } else {
                        view_of(&o, &view);
                        TRY(bb_response_write(res, bb_print("id: %lld\nevent: operation\ndata: %.*s\n\n",
                                                            (long long)o.version,
                                                            BB_FMT(bb_json_text(object_json(&Operation, &view))))));
                }
                if (bb_operation_is_over(o.state))
                        return BB_OK;
                shown = o.version;
                TRY(charging->operation_wait(id, shown, COMMENT_MS, &o));
        }
}
