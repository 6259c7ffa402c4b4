/* SPDX-License-Identifier: Apache-2.0
 *
 * The task that sends an operation, and what it makes of the station's answer. It ends with the answer: the effects are
 * followed without a task of their own.
 */
#include "operation.h"

struct sending {
        struct charging *c;
        struct operation *o;
        const struct bb_station_driver_ops *ops;
        bb_json *payload;
        int32_t online; /* as the database has it: it may be about to come back */
        int32_t confirms;
};

static BB_AWAIT bb_err end(const struct sending *s, int32_t state, bb_str summary,
                           const struct bb_command_result *result)
{
        const struct operation_change change = {
                .state = state, .summary = summary, .steps = step_text("ended", summary), .result = result};

        return operation_write_surely(s->c, s->o, &change);
}

/* --- before --- */

static BB_AWAIT bb_err load(struct sending *s)
{
        struct bb_prepared prepared = {.size = sizeof(prepared)};
        struct bb_fault fault;
        bb_rows *rows;

        TRY(bb_json_parse(text_kept(s->o->payload), &s->payload, &fault));
        TRY(bb_db_query(&rows, "select driver, online from charging.station where station_id = $1",
                        BB_TEXT(bb_cstr(s->o->station))));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        s->ops = driver_of(s->c, bb_row_str(rows, 0, 0));
        s->online = (int32_t)bb_row_int(rows, 0, 1, 0);
        if (s->ops == NULL || !BB_HAS(s->ops, confirm) || s->ops->prepare == NULL || s->ops->confirm == NULL)
                return BB_OK;
        if (s->ops->prepare(s->c->tenant, text_kept(s->o->action), s->payload, &prepared) == BB_OK)
                s->confirms = prepared.confirms;
        return BB_OK;
}

static BB_AWAIT bb_err ask(const struct sending *s, struct bb_confirmation *ret)
{
        *ret = (struct bb_confirmation){.size = sizeof(*ret)};
        if (!s->confirms)
                return BB_OK;
        return s->ops->confirm(s->c->tenant, bb_cstr(s->o->station), text_kept(s->o->action), s->payload, ret);
}

/* Nothing is written to a station that is so already. 1: it is. */
static BB_AWAIT int is_unchanged(const struct sending *s)
{
        struct operation_change change = {.state = BB_OPERATION_SUCCEEDED, .unchanged = 1};
        struct bb_confirmation now;

        if (s->o->flags & BB_ORDER_FORCE || ask(s, &now) < 0 || now.verdict != BB_CONFIRM_SAME)
                return 0;
        change.summary = bb_print("Not sent, since nothing would change. %.*s", BB_FMT(now.text));
        change.steps = step_text("ended", change.summary);
        (void)operation_write_surely(s->c, s->o, &change);
        return 1;
}

/* --- after --- */

/* Stations that were connected a moment ago are about to come back, after a restart of busbard for example. */
static BB_AWAIT bb_err not_connected(const struct sending *s, const struct bb_command_result *result)
{
        struct operation *o = s->o;
        bb_str text = BB_STR("Waiting for the station to connect.");
        int64_t back = bb_now_ms() + COMING_BACK_MS;

        if (!(o->flags & BB_ORDER_QUEUE_OFFLINE) && !(o->lasting && s->online))
                return end(s, BB_OPERATION_FAILED, BB_STR("Not sent: the station is not connected."), result);
        if (!(o->flags & BB_ORDER_QUEUE_OFFLINE) && o->expires_ms > back)
                o->expires_ms = back;
        if (o->waits)
                return BB_OK;
        o->waits = 1;
        const struct operation_change change = {
                .state = BB_OPERATION_QUEUED, .summary = text, .steps = step_text("queued", text)};

        return operation_write_surely(s->c, o, &change);
}

static bb_str with_remark(bb_str text, bb_str remark)
{
        return remark.len > 0 ? bb_print("%.*s %.*s", BB_FMT(text), BB_FMT(remark)) : text;
}

static bb_str answered_steps(bb_str text, bb_str waiting)
{
        bb_json *steps = bb_json_new_array();

        step_add(steps, "answered", text);
        if (waiting.len > 0)
                step_add(steps, "waiting", waiting);
        return bb_json_text(steps);
}

static bb_err plan_of(const struct sending *s, const bb_json *answer, struct bb_effect_plan *ret)
{
        *ret = (struct bb_effect_plan){
                .size = sizeof(*ret), .accepted = 1, .answer = bb_json_str(bb_json_get(answer, "status"))};
        if (!BB_HAS(s->ops, effects) || s->ops->effects == NULL)
                return BB_OK;
        return s->ops->effects(s->c->tenant, text_kept(s->o->action), s->payload, answer, ret);
}

/* The effects that are confirmed by asking are asked for here, once. */
static BB_AWAIT bb_err confirm(const struct sending *s)
{
        struct operation *o = s->o;

        for (size_t i = 0; i < o->effect_count; i++) {
                struct bb_confirmation found;

                if (o->effects[i].kind != BB_EFFECT_CONFIRMED || (o->done >> i & 1))
                        continue;
                TRY(ask(s, &found));
                if (o->state != BB_OPERATION_FOLLOWING)
                        return BB_OK;
                if (found.verdict == BB_CONFIRM_OTHER)
                        return end(s, BB_OPERATION_FAILED,
                                   bb_print("The station said yes, but does not have it. %.*s", BB_FMT(found.text)),
                                   NULL);
                if (found.verdict == BB_CONFIRM_UNKNOWN)
                        return end(s, BB_OPERATION_SUCCEEDED,
                                   BB_STR("The station said yes; it could not be asked whether it has it."), NULL);
                return operation_came(s->c, o, i);
        }
        return BB_OK;
}

static BB_AWAIT bb_err answered(const struct sending *s, const struct bb_command_result *result)
{
        struct operation_change change = {.state = BB_OPERATION_FOLLOWING, .result = result};
        struct operation *o = s->o;
        struct bb_effect_plan plan;
        bb_str said;

        TRY(plan_of(s, result->answer, &plan));
        said = plan.answer.len > 0 ? bb_print("The station answered %.*s.", BB_FMT(plan.answer))
                                   : BB_STR("The station answered.");
        if (!plan.accepted || plan.effect_count == 0) {
                change.state = plan.accepted ? BB_OPERATION_SUCCEEDED : BB_OPERATION_REJECTED;
                change.summary = with_remark(said, plan.remark);
                change.steps = answered_steps(change.summary, BB_NONE);
                return operation_write_surely(s->c, o, &change);
        }
        operation_plan_keep(o, &plan);
        o->deadline_ms = bb_now_ms() + (o->effect_timeout_ms > 0 ? o->effect_timeout_ms : plan.timeout_ms);
        change.summary = with_remark(operation_waiting(o), plan.remark);
        change.steps = answered_steps(with_remark(said, plan.remark), operation_waiting(o));
        TRY(operation_write_surely(s->c, o, &change));
        operation_look(s->c, o, 1);
        return confirm(s);
}

static bb_str refusal(const struct bb_command_result *r)
{
        return r->error_text.len > 0 ? bb_print("The station answered with the error %.*s: %.*s", BB_FMT(r->error_code),
                                                BB_FMT(r->error_text))
                                     : bb_print("The station answered with the error %.*s.", BB_FMT(r->error_code));
}

static BB_AWAIT bb_err conclude(const struct sending *s, const struct bb_command_result *r)
{
        switch (r->outcome) {
        case BB_COMMAND_ANSWERED:
                return answered(s, r);
        case BB_COMMAND_REFUSED:
                return end(s, BB_OPERATION_REJECTED, refusal(r), r);
        case BB_COMMAND_OFFLINE:
                if (s->o->state == BB_OPERATION_QUEUED)
                        return not_connected(s, r);
                return end(s, BB_OPERATION_UNKNOWN,
                           BB_STR("The connection ended before the station answered; it may have acted."), r);
        case BB_COMMAND_TIMEOUT:
                return end(s, BB_OPERATION_TIMED_OUT,
                           bb_print("The station did not answer within %lld s; it may have acted all the same.",
                                    (long long)((s->o->timeout_ms + 999) / 1000)),
                           r);
        default:
                return end(s, BB_OPERATION_FAILED,
                           r->error_text.len > 0 ? text_sentence(r->error_text)
                                                 : BB_STR("Not sent: the station's protocol has no such action."),
                           r);
        }
}

/* --- the task --- */

static BB_AWAIT bb_err send_now(const struct sending *s, struct bb_command_result *ret)
{
        struct operation *o = s->o;
        struct bb_command order = {.size = sizeof(order),
                                   .priority = o->of_bulk ? BB_PRIORITY_BULK : BB_PRIORITY_OF_ACTION,
                                   .station_id = bb_cstr(o->station),
                                   .action = text_kept(o->action),
                                   .payload = s->payload,
                                   .operation_id = bb_cstr(o->id),
                                   .timeout_ms = o->timeout_ms,
                                   .wait_ms = o->lasting ? o->expires_ms - bb_now_ms() : 0};
        uint32_t size = ret->size;
        bb_err err;

        if (BB_HAS(s->ops, send) && s->ops->send != NULL) {
                err = s->ops->send(s->c->tenant, &order, ret);
                ret->size = size;
                return err;
        }
        TRY(charging_operation_sending(order.operation_id));
        err = s->ops->command(s->c->tenant, order.station_id, order.action, order.payload, order.timeout_ms, ret);
        ret->size = size;
        return err;
}

static BB_AWAIT bb_err work(struct sending *s)
{
        struct bb_command_result result = {.size = sizeof(result)};
        bb_err err;

        TRY(load(s));
        if (s->o->state == BB_OPERATION_FOLLOWING)
                return confirm(s);
        if (s->ops == NULL) {
                result.outcome = BB_COMMAND_OFFLINE;
                return not_connected(s, &result);
        }
        if (is_unchanged(s) || s->o->state != BB_OPERATION_QUEUED)
                return BB_OK;
        err = send_now(s, &result);
        if (err == BB_E_CANCELED || bb_operation_is_over(s->o->state))
                return err;
        if (err < 0)
                return end(s, s->o->state == BB_OPERATION_SENT ? BB_OPERATION_UNKNOWN : BB_OPERATION_FAILED,
                           bb_print("It could not be sent: %s.", bb_err_text(err)), NULL);
        bb_log(BB_DEBUG, "station.command", "A command was sent to a station.", bb_kv_cstr("station", s->o->station),
               bb_kv_cstr("action", s->o->action), bb_kv_cstr("operation", s->o->id),
               bb_kv_int("outcome", result.outcome), bb_kv_int("latency_ms", result.latency_ms));
        return conclude(s, &result);
}

static void send_task(void *arg)
{
        enum { AGAIN_MS = 5000 };
        struct operation *o = arg;
        struct sending s = {.c = charging_state(), .o = o};
        bb_err err = s.c != NULL ? work(&s) : BB_E_CANCELED;

        if (err < 0 && err != BB_E_CANCELED && err != BB_E_NOT_FOUND)
                bb_log(BB_WARN, "operation.trouble", "A command could not be brought to its end; it is tried again.",
                       bb_kv_cstr("operation", o->id), bb_kv_cstr("station", o->station), bb_kv_err(err));
        o->retry_ms = bb_now_ms() + AGAIN_MS;
        o->mine = 0;
        if (o->bulk != NULL)
                o->bulk->under_way--;
        operation_drop(o);
}

bb_err operation_launch(struct charging *c, struct operation *o)
{
        bb_err err;

        o->mine = 1;
        operation_hold(o);
        if (o->bulk != NULL)
                o->bulk->under_way++;
        err = bb_task_spawn("charging.command", c->tenant, 0, send_task, o, NULL);
        if (err == BB_OK)
                return BB_OK;
        o->mine = 0;
        if (o->bulk != NULL)
                o->bulk->under_way--;
        operation_drop(o);
        return err;
}
