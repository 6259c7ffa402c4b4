/* SPDX-License-Identifier: Apache-2.0
 *
 * A station's CALLs: a queue, one outstanding at a time (OCPP-J 1.6 §4.1.1). What concerns a transaction is kept over
 * lost links and sent again, with a new message id and the same content, until it is acknowledged; only CALLERRORs use
 * up its attempts (key TransactionMessageAttempts), as in real stations. The rest lives as long as the connection.
 */
#include "base/time.h"
#include "sim.h"
#include <stdlib.h>

#define QUEUE_MOST 1000 /* then meter values are thrown away */
#define SILENT_MOST 3   /* unanswered in a row: the link is dead */

const char *const action_names[ACTION_COUNT] = {
        "BootNotification",           "Heartbeat",   "StatusNotification", "Authorize",
        "StartTransaction",           "MeterValues", "StopTransaction",    "DiagnosticsStatusNotification",
        "FirmwareStatusNotification", "DataTransfer"};

void transaction_hold(struct transaction *tx)
{
        tx->holders++;
}

void transaction_drop(struct transaction *tx)
{
        if (tx != NULL && --tx->holders == 0)
                free(tx);
}

int outbox_deaf_percent = 20;

static void call_free(struct call *call)
{
        transaction_drop(call->tx);
        buf_free(&call->payload);
        free(call);
}

static void queue_add(struct station *st, struct call *call, int at_front)
{
        list_append(at_front ? st->queue.next : &st->queue, &call->node);
        st->queued++;
}

static void queue_take(struct station *st, struct call *call)
{
        list_remove(&call->node);
        st->queued--;
}

void outbox_put(struct station *st, enum action action, int32_t connector, struct transaction *tx, struct buf *payload)
{
        struct call *call;
        int unwanted = tx == NULL ? st->link != LINK_UP : tx->id < 0;

        if (tx != NULL && action == METER_VALUES && st->queued >= QUEUE_MOST) {
                counts.dropped++;
                unwanted = 1;
        }
        if (unwanted) {
                buf_free(payload);
                return;
        }
        call = heap_new(sizeof(*call));
        *call = (struct call){.action = action, .connector = connector, .tx = tx, .payload = *payload};
        *payload = (struct buf){0};
        if (tx != NULL)
                transaction_hold(tx);
        queue_add(st, call, action == BOOT_NOTIFICATION);
        outbox_pump(st);
}

/* --- sending --- */

static int message_id(const struct station *st, const struct call *call, char *ret, size_t room)
{
        return snprintf(ret, room, "%x-%x", st->index, (unsigned)call->number);
}

static void add_payload(struct buf *frame, const struct call *call)
{
        const char *place = memchr(call->payload.ptr, ID_PLACE, call->payload.len);
        size_t before;

        if (place == NULL) {
                buf_add_str(frame, buf_str(&call->payload));
                return;
        }
        before = (size_t)(place - call->payload.ptr);
        buf_add(frame, call->payload.ptr, before);
        buf_print(frame, "%lld", (long long)call->tx->id);
        buf_add(frame, place + 1, call->payload.len - before - 1);
}

static void send_call(struct station *st, struct call *call)
{
        static struct buf frame;
        int64_t now = time_mono_ms();
        char id[32];
        bb_err err;

        queue_take(st, call);
        call->number = ++st->next_number;
        call->tries++;
        call->deaf = 0;
        message_id(st, call, id, sizeof(id));
        frame.len = 0;
        buf_print(&frame, "[2,\"%s\",\"%s\",", id, action_names[call->action]);
        add_payload(&frame, call);
        buf_add_char(&frame, ']');
        call->sent_us = time_mono_us();
        st->in_flight = call;
        st->answer_by = now + options.timeout_s * 1000;
        st->heartbeat_at = now + st->heartbeat_ms;
        counts.sent++;
        err = websocket_send(st->ws, BB_WS_TEXT, buf_str(&frame));
        if (err < 0)
                station_close(st, 1001, 1000);
}

/* Passed over: not allowed yet. Blocks those behind it: an earlier message about transactions waits, order matters. */
static int ready(struct station *st, struct call *call, int64_t now, int *blocked)
{
        if (!station_may_send(st, call->action))
                return 0;
        if (call->tx == NULL)
                return 1;
        if (*blocked)
                return 0;
        if (call->not_before <= now && (call->tx->id != 0 || call->action == START_TRANSACTION))
                return 1;
        *blocked = 1;
        return 0;
}

static struct call *next_call(struct station *st, int64_t now, int without_transactions)
{
        int blocked = without_transactions;

        LIST_EACH_SAFE (item, save, &st->queue) {
                struct call *call = LIST_OF(struct call, node, item);

                if (call->tx != NULL && call->tx->id < 0) { /* its start was given up */
                        queue_take(st, call);
                        call_free(call);
                        counts.given_up++;
                } else if (ready(st, call, now, &blocked)) {
                        return call;
                }
        }
        return NULL;
}

void outbox_pump(struct station *st)
{
        int64_t now = time_mono_ms();
        struct call *call = NULL;

        if (st->link == LINK_UP && st->in_flight == NULL) {
                /* Some makes send what is new before what they kept while they were offline. */
                if (st->index % 2 == 1)
                        call = next_call(st, now, 1);
                if (call == NULL)
                        call = next_call(st, now, 0);
                if (call != NULL)
                        send_call(st, call);
        }
        station_schedule(st);
}

/* --- answers --- */

static int is_answered(struct station *st, bb_str id)
{
        char expected[32];

        if (st->in_flight == NULL)
                return 0;
        message_id(st, st->in_flight, expected, sizeof(expected));
        return bb_str_is(id, expected);
}

static void count_stranger(const struct station *st, bb_str id)
{
        if (st->profile == PROFILE_MISBEHAVING && !(id.len > 0 && id.ptr[0] != 'x' && id.ptr[0] != '-'))
                counts.provoked_answers++;
        else
                counts.late++;
}

/* The retrying profile acts as if the answer had not come: the central system gets the same content once more. */
static int goes_deaf(struct station *st, struct call *call)
{
        if (st->profile != PROFILE_RETRYING || call->tx == NULL || call->tries > 1 ||
            !chance_percent(st, outbox_deaf_percent))
                return 0;
        call->deaf = 1;
        st->answer_by = time_mono_ms() + chance_between(st, 500, 2500);
        return 1;
}

static void take_transaction_id(struct station *st, struct call *call, const bb_json *payload)
{
        int64_t id = bb_json_int(bb_json_get(payload, "transactionId"), 0);

        if (id <= 0) {
                counts.broken++;
                bb_log(BB_ERROR, "sim.no_transaction_id",
                       "StartTransaction was answered without a usable transactionId", bb_kv_cstr("station", st->id),
                       bb_kv_int("id", id));
        }
        if (call->heard_id > 0 && call->heard_id != id) {
                counts.mismatches++;
                bb_log(BB_ERROR, "sim.second_transaction", "the same StartTransaction sent twice got two transactions",
                       bb_kv_cstr("station", st->id), bb_kv_int("first", call->heard_id), bb_kv_int("second", id));
        }
        call->heard_id = id;
        call->tx->id = id > 0 ? id : -1;
}

static void acknowledged(struct station *st, struct call *call, const bb_json *payload)
{
        if (call->action == START_TRANSACTION)
                counts.started++;
        if (call->action == STOP_TRANSACTION)
                counts.stopped++;
        journal_write(st, call, payload);
}

static void count_latency(const struct call *call)
{
        int64_t us = time_mono_us() - call->sent_us;

        bench_count_latency(us);
        stats_count_latency(us);
}

void outbox_on_result(struct station *st, bb_str id, const bb_json *payload)
{
        struct call *call = st->in_flight;

        if (!is_answered(st, id)) {
                count_stranger(st, id);
                return;
        }
        if (call->deaf) {
                counts.broken++; /* answered twice */
                return;
        }
        counts.results++;
        st->timeouts = 0;
        count_latency(call);
        if (call->action == START_TRANSACTION)
                take_transaction_id(st, call, payload);
        if (goes_deaf(st, call)) {
                if (call->action == START_TRANSACTION && call->tx->id > 0)
                        call->tx->id = 0;
                station_schedule(st);
                return;
        }
        st->in_flight = NULL;
        if (call->tx != NULL)
                acknowledged(st, call, payload);
        story_on_result(st, call, payload);
        bench_on_answer(st, call);
        call_free(call);
        outbox_pump(st);
}

static void failed(struct station *st, struct call *call)
{
        story_on_failure(st, call);
        if (st->link == LINK_UP)
                bench_on_answer(st, call);
        call_free(call);
}

static void refused(struct station *st, struct call *call)
{
        if (call->tx == NULL) {
                failed(st, call);
                return;
        }
        if (++call->refusals >= key_number(st, "TransactionMessageAttempts")) {
                counts.given_up++;
                if (call->action == START_TRANSACTION)
                        call->tx->id = -1;
                failed(st, call);
                return;
        }
        call->not_before = time_mono_ms() + (int64_t)((double)key_number(st, "TransactionMessageRetryInterval") * 1000 *
                                                      call->refusals / options.rate);
        queue_add(st, call, 1);
}

void outbox_on_error(struct station *st, bb_str id, bb_str code, bb_str text)
{
        struct call *call = st->in_flight;

        if (!is_answered(st, id)) {
                count_stranger(st, id);
                return;
        }
        counts.errors++;
        st->timeouts = 0;
        st->in_flight = NULL;
        count_latency(call);
        bb_log(BB_WARN, "sim.call_error", "a CALL was answered with an error", bb_kv_cstr("station", st->id),
               bb_kv_cstr("action", action_names[call->action]), bb_kv_str("code", code),
               bb_kv_str("description", text));
        refused(st, call);
        outbox_pump(st);
}

/* --- time and the link --- */

/* Not answered, or the link is gone. */
static void take_back(struct station *st)
{
        struct call *call = st->in_flight;

        st->in_flight = NULL;
        if (call->tx != NULL)
                queue_add(st, call, 1);
        else
                failed(st, call);
}

void outbox_on_timer(struct station *st, int64_t now)
{
        if (st->in_flight != NULL && now >= st->answer_by) {
                int deaf = st->in_flight->deaf;

                if (!deaf) {
                        counts.timeouts++;
                        st->timeouts++;
                }
                take_back(st);
                if (st->timeouts >= SILENT_MOST) {
                        station_close(st, 1001, 1000);
                        return;
                }
        }
        outbox_pump(st);
}

int64_t outbox_due(const struct station *st)
{
        int64_t due = NEVER;

        if (st->in_flight != NULL)
                return st->answer_by;
        if (st->link != LINK_UP || st->boot != BOOT_ACCEPTED)
                return NEVER;
        LIST_EACH (item, &st->queue) {
                const struct call *call = LIST_OF(struct call, node, item);

                if (call->not_before > 0 && call->not_before < due)
                        due = call->not_before;
                break; /* only the first is sent again, the others wait behind it */
        }
        return due;
}

void outbox_link_lost(struct station *st)
{
        if (st->in_flight != NULL)
                take_back(st);
        LIST_EACH_SAFE (item, save, &st->queue) {
                struct call *call = LIST_OF(struct call, node, item);

                if (call->tx != NULL)
                        continue;
                queue_take(st, call);
                failed(st, call);
        }
}

void outbox_free(struct station *st)
{
        if (st->in_flight != NULL)
                call_free(st->in_flight);
        st->in_flight = NULL;
        LIST_EACH_SAFE (item, save, &st->queue) {
                list_remove(item);
                call_free(LIST_OF(struct call, node, item));
        }
        st->queued = 0;
}
