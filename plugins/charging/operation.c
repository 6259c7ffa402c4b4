/* SPDX-License-Identifier: Apache-2.0
 *
 * From an order to its row and its task; and how what becomes of it is written.
 */
#include "operation.h"
#include <stdlib.h>

static const char *const state_names[] = {"queued", "sent",      "following", "succeeded", "rejected",
                                          "failed", "timed_out", "cancelled", "unknown"};

void step_add(bb_json *steps, const char *step, bb_str text)
{
        bb_json *entry = bb_json_new_object();

        bb_json_set_str(entry, "at", bb_time_text(bb_now_ms()));
        bb_json_set_str(entry, "step", bb_cstr(step));
        bb_json_set_str(entry, "text", text);
        bb_json_append(steps, entry);
}

bb_str step_text(const char *step, bb_str text)
{
        bb_json *steps = bb_json_new_array();

        step_add(steps, step, text);
        return bb_json_text(steps);
}

bb_str text_sentence(bb_str text)
{
        bb_str copy = bb_print("%.*s.", BB_FMT(text));
        char *first = (char *)(uintptr_t)copy.ptr;

        if (*first >= 'a' && *first <= 'z')
                *first = (char)(*first - 'a' + 'A');
        return copy;
}

/* --- what becomes of it --- */

static bb_str ended_payload(const struct operation *o, const struct operation_change *change)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "operation_id", bb_cstr(o->id));
        bb_json_set_str(payload, "station_id", bb_cstr(o->station));
        bb_json_set_str(payload, "action", text_kept(o->action));
        bb_json_set_str(payload, "state", bb_cstr(state_names[change->state]));
        bb_json_set_str(payload, "summary", change->summary);
        bb_json_set_str(payload, "session_id", change->session_id);
        return bb_json_text(payload);
}

static void count_end(int32_t state)
{
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "charging_operations_total",
                                    "Commands to stations, by how they ended.",
                                    bb_kv_cstr("state", state_names[state])),
                      1);
}

static void change_took_place(struct charging *c, struct operation *o, int32_t state, int64_t version)
{
        o->state = (int8_t)state;
        operation_changed(o, version);
        if (!bb_operation_is_over(state))
                return;
        count_end(state);
        operation_ended_here(c, o, state);
}

BB_AWAIT bb_err operation_write(struct charging *c, struct operation *o, const struct operation_change *change)
{
        static const struct bb_command_result none = {.outcome = -1};
        const struct bb_command_result *r = change->result != NULL ? change->result : &none;
        int over = bb_operation_is_over(change->state);
        bb_rows *rows[2];
        bb_err err;
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.operation set state = $2, summary = coalesce($3, summary),"
                         " session_id = coalesce($4, session_id), steps = case when $5::jsonb is null or"
                         " jsonb_array_length(steps) >= $6 then steps else steps || $5 end,"
                         " unchanged = unchanged or $7, deadline_at = $8, effects_done = effects_done | $9,"
                         " ended_at = case when $2 >= 3 then $10::timestamptz end,"
                         " sealed = case when $2 = 0 then sealed end, waits = $11, expires_at = $17,"
                         " outcome = case when $12 >= 0 then $12 else outcome end,"
                         " answer = coalesce($13, answer), error_code = coalesce($14, error_code),"
                         " error_text = coalesce($15, error_text), latency_ms = greatest(latency_ms, $16),"
                         " answered_at = case when $12 between 0 and 1 then $10 else answered_at end,"
                         " version = version + 1 where operation_id = $1 and state < 3 and state <= $2"
                         " returning version",
                         BB_UUID(bb_cstr(o->id)), BB_INT(change->state), BB_TEXT(change->summary),
                         BB_UUID(change->session_id), BB_JSONB(change->steps), BB_INT(STEPS_MAX),
                         BB_BOOL(change->unchanged), BB_TIME_OR_NULL(!over && o->deadline_ms != 0, o->deadline_ms),
                         BB_INT((int64_t)o->done), BB_TIME(bb_now_ms()), BB_BOOL(!over && o->waits), BB_INT(r->outcome),
                         BB_JSONB(r->answer != NULL ? bb_json_text(r->answer) : BB_NONE),
                         BB_TEXT(report_text(r->error_code, 255)), BB_TEXT(report_text(r->error_text, 1000)),
                         BB_INT(r->latency_ms), BB_TIME(o->expires_ms)),
                bb_event_stmt("operation.ended", bb_cstr(o->id), over ? ended_payload(o, change) : BB_STR("{}")),
        };

        err = bb_db_run(stmts, over ? 2 : 1, rows);
        if (err == BB_E_NOT_FOUND) {
                operation_changed(o, o->version + 1);
                operation_ended_here(c, o, BB_OPERATION_CANCELLED);
        }
        TRY(err);
        change_took_place(c, o, change->state, bb_row_int(rows[0], 0, 0, o->version + 1));
        return BB_OK;
}

BB_AWAIT bb_err operation_write_surely(struct charging *c, struct operation *o, const struct operation_change *change)
{
        enum { AGAIN_MS = 1000 };
        bb_err err;

        for (;;) {
                err = operation_write(c, o, change);
                if (err != BB_E_UNAVAILABLE)
                        return err;
                TRY(bb_sleep(AGAIN_MS));
        }
}

void operation_ended_here(struct charging *c, struct operation *o, int32_t state)
{
        o->state = (int8_t)state;
        if (o->bulk != NULL && state != BB_OPERATION_SUCCEEDED && state != BB_OPERATION_CANCELLED)
                o->bulk->failures++;
        operation_forget(c, o);
}

/* --- right before it is sent --- */

BB_AWAIT bb_err charging_operation_sending(bb_str id)
{
        STATE(c);
        struct operation *o;
        int64_t now = bb_now_ms();
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "update charging.operation o set state = 1, sent_at = $2, epoch = s.epoch,"
                        " deadline_at = $2 + o.timeout_ms * interval '1 millisecond', sealed = null, waits = false,"
                        " firmware_before = s.firmware_version, summary = 'Waiting for the station''s answer.',"
                        " steps = o.steps || $3, version = o.version + 1 from charging.station s"
                        " where o.operation_id = $1 and o.state = 0 and o.expires_at > $2"
                        " and s.station_id = o.station_id returning o.version, s.epoch, s.firmware_version,"
                        " o.timeout_ms",
                        BB_UUID(id), BB_TIME(now), BB_JSONB(step_text("sent", BB_STR("Sent to the station.")))));
        if (bb_rows_count(rows) == 0)
                return BB_E_CONFLICT;
        o = operation_find(c, id);
        if (o == NULL)
                return BB_OK;                /* another node asked for it */
        facts_free(operation_facts_take(o)); /* what came before is no effect of it */
        o->state = BB_OPERATION_SENT;
        o->waits = 0;
        o->sent_ms = now;
        o->epoch = bb_row_int(rows, 0, 1, 0);
        o->deadline_ms = now + bb_row_int(rows, 0, 3, 0);
        free(o->firmware_before);
        o->firmware_before = text_keep(bb_row_str(rows, 0, 2));
        operation_changed(o, bb_row_int(rows, 0, 0, 0));
        return BB_OK;
}

/* --- an order --- */

/* Of drivers that do not tell what is secret. */
static bb_json *without_secrets(const bb_json *payload)
{
        static const char *const words[] = {"authorizationkey", "password", "secret"};
        bb_str text = bb_json_text(payload);
        bb_json *none = bb_json_new_object();

        bb_json_set_str(none, "omitted", BB_STR("it may hold a secret"));
        for (size_t w = 0; w < BB_COUNT(words); w++) {
                size_t len = strlen(words[w]);

                for (size_t i = 0; i + len <= text.len; i++) {
                        if (text_same_nocase((bb_str){text.ptr + i, len}, bb_cstr(words[w])))
                                return none;
                }
        }
        return (bb_json *)payload;
}

int operation_prepare(const struct charging *c, const struct bb_station_driver_ops *ops, bb_str action,
                      const bb_json *payload, struct bb_prepared *prepared, struct bb_command_result *ret)
{
        *prepared = (struct bb_prepared){.size = sizeof(*prepared)};
        ret->outcome = BB_COMMAND_OFFLINE;
        if (ops == NULL)
                return 0;
        if (BB_HAS(ops, prepare) && ops->prepare != NULL && ops->prepare(c->tenant, action, payload, prepared) < 0)
                return 0;
        if (prepared->masked == NULL)
                prepared->masked = without_secrets(payload);
        ret->outcome = prepared->outcome;
        ret->error_text = prepared->error_text;
        ret->fault_path = prepared->fault_path;
        return prepared->outcome == BB_COMMAND_ANSWERED;
}

static bb_str audit_details(const struct bb_command_order *order, bb_str masked, bb_str id)
{
        bb_json *details = bb_json_new_object(), *copy;
        struct bb_fault fault;

        bb_json_set_str(details, "action", order->action);
        bb_json_set_str(details, "operation_id", id);
        if (masked.len <= 4096 && bb_json_parse(masked, &copy, &fault) == BB_OK)
                bb_json_set(details, "payload", copy);
        else
                bb_json_set_str(details, "payload", BB_STR("not recorded: long"));
        return bb_json_text(details);
}

bb_str payload_to_keep(bb_str masked)
{
        return masked.len <= PAYLOAD_MAX ? masked : bb_print("{\"omitted\":\"%zu bytes\"}", masked.len);
}

/* What is secret, or too long to show, is kept sealed until it is sent. */
bb_err payload_to_seal(bb_str whole, bb_str kept, bb_str *ret)
{
        *ret = BB_NONE;
        return bb_str_eq(whole, kept) ? BB_OK : bb_seal("operation", whole, ret);
}

static BB_AWAIT bb_err order_write(struct operation *o, const struct bb_command_order *order, bb_str masked)
{
        bb_str kept = payload_to_keep(masked), sealed;

        TRY(payload_to_seal(text_kept(o->payload), kept, &sealed));
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into charging.operation (operation_id, station_id, action, actor, payload, sealed,"
                        " flags, timeout_ms, effect_timeout_ms, lasting, summary, created_at, expires_at, steps)"
                        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'Waiting to be sent.', $11, $12, $13)",
                        BB_UUID(bb_cstr(o->id)), BB_TEXT(order->station_id), BB_TEXT(order->action),
                        BB_TEXT(order->actor), BB_JSONB(kept), BB_BYTES(sealed), BB_INT(o->flags),
                        BB_INT(o->timeout_ms), BB_INT(o->effect_timeout_ms), BB_BOOL(o->lasting), BB_TIME(bb_now_ms()),
                        BB_TIME(o->expires_ms), BB_JSONB(step_text("queued", BB_STR("Waiting to be sent.")))),
                bb_audit_stmt(order->actor, "station.command", order->station_id,
                              audit_details(order, masked, bb_cstr(o->id))),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static int64_t expiry(const struct bb_command_order *order)
{
        if (order->expires_ms > 0)
                return order->expires_ms;
        return order->flags & BB_ORDER_QUEUE_OFFLINE ? QUEUE_MS : COMING_BACK_MS;
}

static struct operation *order_take(struct charging *c, const struct bb_command_order *order, int64_t timeout_ms)
{
        struct operation *o = operation_new(c, bb_uuid(), order->station_id, order->action);

        o->flags = order->flags & ORDER_FLAGS;
        o->lasting = (order->flags & (BB_ORDER_LASTING | BB_ORDER_QUEUE_OFFLINE)) != 0;
        o->timeout_ms = timeout_ms;
        o->effect_timeout_ms = order->effect_timeout_ms;
        o->expires_ms = bb_now_ms() + expiry(order);
        o->payload = text_keep(order->payload != NULL ? bb_json_text(order->payload) : BB_STR("{}"));
        o->mine = 1;
        return o;
}

BB_AWAIT bb_err charging_operation_start(const struct bb_command_order *order, struct bb_command_result *ret_fault,
                                         bb_str *ret_id)
{
        enum { TIMEOUT_MS = 30000 };
        STATE(c);
        const bb_json *payload = order->payload != NULL ? order->payload : bb_json_new_object();
        const struct bb_station_driver_ops *ops;
        struct bb_prepared prepared;
        struct operation *o;
        int64_t timeout_ms;
        bb_rows *rows;
        bb_err err;

        if (!station_id_valid(order->station_id) || !text_clean(order->action, 64))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select driver from charging.station where station_id = $1",
                        BB_TEXT(order->station_id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        ops = driver_of(c, bb_row_str(rows, 0, 0));
        if (!operation_prepare(c, ops, order->action, payload, &prepared, ret_fault))
                return BB_OK;
        timeout_ms = prepared.timeout_ms > 0 ? prepared.timeout_ms : TIMEOUT_MS;
        o = order_take(c, order, order->timeout_ms > 0 ? order->timeout_ms : timeout_ms);
        err = order_write(o, order, bb_json_text(prepared.masked));
        if (err == BB_OK) {
                *ret_id = bb_str_dup(bb_cstr(o->id));
                err = operation_launch(c, o);
        }
        if (err < 0)
                operation_forget(c, o);
        operation_drop(o);
        return err == BB_E_CONFLICT ? BB_E_NOT_FOUND : err; /* the station was deleted meanwhile */
}

/* --- by operators --- */

BB_AWAIT bb_err charging_operation_keep(bb_str id)
{
        STATE(c);
        struct operation *o;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(NULL, "update charging.operation set lasting = true where operation_id = $1 and state < 3",
                        BB_UUID(id)));
        o = operation_find(c, id);
        if (o != NULL)
                o->lasting = 1;
        return BB_OK;
}

static BB_AWAIT bb_err why_not_cancelled(bb_str id)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select 1 from charging.operation where operation_id = $1", BB_UUID(id)));
        return bb_rows_count(rows) > 0 ? BB_E_CONFLICT : BB_E_NOT_FOUND;
}

BB_AWAIT bb_err charging_operation_cancel(bb_str actor, bb_str id)
{
        STATE(c);
        bb_str text = bb_print("Cancelled by %.*s before it was sent.", BB_FMT(actor));
        struct operation *o;
        bb_rows *rows[2];
        bb_err err;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.operation set state = 7, ended_at = $2, sealed = null, waits = false,"
                         " summary = $3, steps = steps || $4, version = version + 1"
                         " where operation_id = $1 and state = 0 returning version",
                         BB_UUID(id), BB_TIME(bb_now_ms()), BB_TEXT(text), BB_JSONB(step_text("ended", text))),
                bb_audit_stmt(actor, "operation.cancel", id, BB_NONE),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND)
                return why_not_cancelled(id);
        TRY(err);
        o = operation_find(c, id);
        if (o != NULL)
                change_took_place(c, o, BB_OPERATION_CANCELLED, bb_row_int(rows[0], 0, 0, 0));
        return BB_OK;
}
