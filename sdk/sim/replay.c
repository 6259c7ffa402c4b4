/* SPDX-License-Identifier: Apache-2.0
 *
 * --replay: one station says again what a trace has, at the same distances (divided by --rate), and answers the central
 * system's CALLs as it did then. Answers that are other ones than then are reported. No story, no outbox: what is sent
 * is what was recorded, faults included.
 */
#include "base/time.h"
#include "sim.h"
#include "trace.h"
#include <errno.h>
#include <stdlib.h>

#define CONNECT_ATTEMPTS 5
#define CONNECT_PAUSE_MS 1000
#define LAST_CALLS_MS 500 /* for CALLs of the central system that come after the last line */

struct arrival {
        struct list node;
        bb_str text;
};

struct id_pair {
        int64_t then, now;
};

static struct replay {
        struct trace trace;
        struct station station; /* only its id is used */
        bb_ws *ws;
        bb_cond *there; /* something arrived, or the socket closed */
        struct list arrivals;
        int64_t epoch, begun_ms;
        struct id_pair *ids; /* transactions, then and now */
        size_t id_count;
        struct {
                uint64_t sent, same, differ, missing, strange, cut, calls, calls_unknown;
        } counts;
} replay;

/* --- the socket --- */

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct arrival *a = heap_new(sizeof(*a));

        (void)ws;
        (void)user;
        (void)kind;
        a->text = heap_str(data);
        list_append(&replay.arrivals, &a->node);
        bb_cond_wake_all(replay.there);
        return 1;
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)user;
        (void)code;
        (void)reason;
        if (replay.ws == ws)
                replay.ws = NULL;
        bb_cond_wake_all(replay.there);
}

static const struct bb_ws_handler handler = {
        .size = sizeof(handler), .on_arrival = on_arrival, .on_close = on_close, .subprotocol = "ocpp1.6"};

static BB_AWAIT bb_err open_link(int64_t epoch)
{
        int32_t status = 0;
        bb_err err = BB_E_CLOSED;

        replay.epoch = epoch;
        for (int i = 0; i < CONNECT_ATTEMPTS; i++) {
                err = station_open_websocket(&replay.station, &handler, NULL, &replay.ws, &status);
                if (err == BB_OK)
                        return BB_OK;
                TRY(bb_sleep(CONNECT_PAUSE_MS));
        }
        fprintf(stderr, "busbar-sim: no connection for %s (HTTP %d)\n", replay.station.id, status);
        return err;
}

static BB_AWAIT void close_link(void)
{
        bb_ws *ws = replay.ws;

        if (ws == NULL)
                return;
        websocket_close(ws, 1000, BB_NONE);
        while (replay.ws != NULL && bb_cond_wait(replay.there, -1) == BB_OK)
                continue;
}

static void say(bb_str text)
{
        if (replay.ws != NULL && websocket_send(replay.ws, BB_WS_TEXT, text) == BB_OK)
                replay.counts.sent++;
}

/* --- transactions have other ids now --- */

static int64_t id_now(int64_t then)
{
        for (size_t i = replay.id_count; i > 0; i--) /* the latest: ids come again after years */
                if (replay.ids[i - 1].then == then)
                        return replay.ids[i - 1].now;
        return then;
}

static void learn_id(const bb_json *then, const bb_json *now)
{
        bb_json *before = bb_json_get(then, "transactionId"), *after = bb_json_get(now, "transactionId");

        if (bb_json_kind(before) != BB_J_INT || bb_json_kind(after) != BB_J_INT)
                return;
        replay.ids = heap_grow(replay.ids, (replay.id_count + 1) * sizeof(*replay.ids));
        replay.ids[replay.id_count++] = (struct id_pair){bb_json_int(before, 0), bb_json_int(after, 0)};
}

static void add_value(struct buf *to, const bb_json *value, bb_str name)
{
        int32_t kind = bb_json_kind(value);

        if (kind == BB_J_INT && bb_str_is(name, "transactionId")) {
                buf_print(to, "%lld", (long long)id_now(bb_json_int(value, 0)));
                return;
        }
        if (kind != BB_J_OBJECT && kind != BB_J_ARRAY) {
                buf_add_str(to, bb_json_text(value));
                return;
        }
        buf_add_char(to, kind == BB_J_OBJECT ? '{' : '[');
        for (size_t i = 0; i < bb_json_count(value); i++) {
                bb_json *inner = bb_json_at(value, i);
                bb_str inner_name = BB_NONE;

                buf_add_c(to, i > 0 ? "," : "");
                if (kind == BB_J_OBJECT && bb_json_member(value, i, &inner_name, &inner) == BB_OK) {
                        buf_add_json_str(to, inner_name);
                        buf_add_char(to, ':');
                }
                add_value(to, inner, inner_name);
        }
        buf_add_char(to, kind == BB_J_OBJECT ? '}' : ']');
}

static void say_frame(const struct trace_frame *f, bb_str id)
{
        struct buf text = {0};

        if (!f->is_whole) {
                replay.counts.cut++;
                return;
        }
        buf_print(&text, "[%d,", f->kind);
        buf_add_json_str(&text, id);
        if (f->kind == TRACE_CALL) {
                buf_add_char(&text, ',');
                buf_add_json_str(&text, f->action);
        }
        /* An error is kept as the rest of its frame: code, description, details. */
        for (size_t i = 0; f->kind == TRACE_ERROR && i < bb_json_count(f->payload); i++) {
                buf_add_char(&text, ',');
                add_value(&text, bb_json_at(f->payload, i), BB_NONE);
        }
        if (f->kind != TRACE_ERROR && f->payload != NULL) {
                buf_add_char(&text, ',');
                add_value(&text, f->payload, BB_NONE);
        }
        buf_add_char(&text, ']');
        say(buf_str(&text));
        buf_free(&text);
}

/* --- what arrives --- */

/* The first of its action that was not heard yet, as it was answered then. */
static void on_call(bb_str id, bb_str action)
{
        struct buf text = {0};

        for (size_t i = 0; i < replay.trace.count; i++) {
                struct trace_frame *f = &replay.trace.frames[i];

                if (f->from_station || f->kind != TRACE_CALL || f->passed || !bb_str_eq(f->action, action))
                        continue;
                f->passed = 1;
                replay.counts.calls++;
                if (f->pair != NULL)
                        say_frame(f->pair, id);
                return;
        }
        replay.counts.calls_unknown++;
        printf("unknown call action=%.*s\n", BB_FMT(action));
        buf_add_c(&text, "[4,");
        buf_add_json_str(&text, id);
        buf_add_c(&text, ",\"NotImplemented\",\"\",{}]");
        say(buf_str(&text));
        buf_free(&text);
}

static bb_json *error_of(const bb_json *frame)
{
        bb_json *rest = bb_json_new_array();

        for (size_t i = 2; i < bb_json_count(frame); i++)
                bb_json_append(rest, bb_json_at(frame, i));
        return rest;
}

static void on_answer(bb_str id, int32_t kind, const bb_json *frame)
{
        for (size_t i = 0; i < replay.trace.count; i++) {
                struct trace_frame *call = &replay.trace.frames[i];

                if (!call->from_station || !call->passed || call->pair == NULL || call->pair->got != NULL ||
                    call->epoch != replay.epoch || !bb_str_eq(call->id, id))
                        continue;
                call->pair->got_kind = kind;
                call->pair->got = kind == TRACE_ERROR ? error_of(frame) : bb_json_at(frame, 2);
                learn_id(call->pair->payload, call->pair->got);
                return;
        }
        replay.counts.strange++;
        printf("unknown answer id=%.*s\n", BB_FMT(id));
}

static void take_arrivals(void)
{
        struct bb_fault fault;

        LIST_EACH_SAFE (item, save, &replay.arrivals) {
                struct arrival *a = LIST_OF(struct arrival, node, item);
                bb_json *frame = NULL;
                bb_str id;
                int64_t kind;

                list_remove(item);
                (void)bb_json_parse(a->text, &frame, &fault);
                free((void *)(uintptr_t)a->text.ptr);
                free(a);
                kind = bb_json_int(bb_json_at(frame, 0), 0);
                id = bb_json_str(bb_json_at(frame, 1));
                if (kind == TRACE_CALL && id.ptr != NULL)
                        on_call(id, bb_json_str(bb_json_at(frame, 2)));
                else if (kind == TRACE_RESULT || kind == TRACE_ERROR)
                        on_answer(id, (int32_t)kind, frame);
        }
}

/* Serves what arrives until then, or until `answer` is there. */
static BB_AWAIT void serve(int64_t until_ms, const struct trace_frame *answer)
{
        for (;;) {
                int64_t left;

                take_arrivals();
                left = until_ms - time_mono_ms();
                if (left <= 0 || (answer != NULL && (answer->got != NULL || replay.ws == NULL)))
                        return;
                (void)bb_cond_wait(replay.there, left);
        }
}

/* --- line by line --- */

static void compare(const struct trace_frame *wanted)
{
        bb_str where;

        if (wanted->got == NULL) {
                replay.counts.missing++;
                printf("missing action=%.*s id=%.*s\n", BB_FMT(wanted->action), BB_FMT(wanted->id));
                return;
        }
        where = trace_difference(wanted, wanted->got_kind, wanted->got);
        if (where.ptr == NULL) {
                replay.counts.same++;
                return;
        }
        replay.counts.differ++;
        printf("differs action=%.*s id=%.*s at=%.*s then=%.*s now=%.*s\n", BB_FMT(wanted->action), BB_FMT(wanted->id),
               BB_FMT(where), BB_FMT(bb_json_text(wanted->payload)), BB_FMT(bb_json_text(wanted->got)));
}

static BB_AWAIT void pass(struct trace_frame *f)
{
        if (f->from_station && f->kind == TRACE_CALL) {
                f->passed = 1;
                say_frame(f, f->id);
        } else if (f->from_station && f->kind == TRACE_UNREADABLE && f->is_whole) {
                say(f->text);
        } else if (!f->from_station && f->kind >= TRACE_RESULT && f->pair != NULL && f->pair->is_whole) {
                serve(time_mono_ms() + options.timeout_s * 1000, f);
                compare(f);
        }
}

static BB_AWAIT bb_err pass_all(void)
{
        for (size_t i = 0; i < replay.trace.count; i++) {
                struct trace_frame *f = &replay.trace.frames[i];
                int64_t since = f->at_ms - replay.trace.frames[0].at_ms;

                serve(replay.begun_ms + (int64_t)((double)since / options.rate), NULL);
                if (f->epoch != replay.epoch) {
                        close_link();
                        TRY(open_link(f->epoch));
                }
                pass(f);
        }
        serve(time_mono_ms() + LAST_CALLS_MS, NULL);
        close_link();
        return BB_OK;
}

static uint64_t calls_not_heard(void)
{
        uint64_t count = 0;

        for (size_t i = 0; i < replay.trace.count; i++)
                count += !replay.trace.frames[i].from_station && replay.trace.frames[i].kind == TRACE_CALL &&
                         !replay.trace.frames[i].passed;
        return count;
}

static BB_AWAIT void run(void *arg)
{
        bb_err *ret = arg;
        struct buf text = {0};

        *ret = options_read_file(options.replay, &text);
        if (*ret == BB_OK)
                *ret = trace_read(buf_str(&text), &replay.trace);
        buf_free(&text);
        if (*ret == BB_OK) {
                snprintf(replay.station.id, sizeof(replay.station.id), "%.*s", BB_FMT(replay.trace.station));
                if (options.station != NULL)
                        snprintf(replay.station.id, sizeof(replay.station.id), "%s", options.station);
                replay.begun_ms = time_mono_ms();
                *ret = pass_all();
                printf("replay station=%s frames=%zu sent=%llu same=%llu differ=%llu missing=%llu strange=%llu "
                       "cut=%llu "
                       "calls=%llu calls_unknown=%llu calls_not_heard=%llu\n",
                       replay.station.id, replay.trace.count, (unsigned long long)replay.counts.sent,
                       (unsigned long long)replay.counts.same, (unsigned long long)replay.counts.differ,
                       (unsigned long long)replay.counts.missing, (unsigned long long)replay.counts.strange,
                       (unsigned long long)replay.counts.cut, (unsigned long long)replay.counts.calls,
                       (unsigned long long)replay.counts.calls_unknown, (unsigned long long)calls_not_heard());
        }
        free(replay.ids);
        loop_stop();
}

int replay_run(void)
{
        bb_err result = BB_E_INTERNAL;
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "sim.replay", .run = run, .arg = &result};

        list_init(&replay.arrivals);
        replay.epoch = -1;
        replay.there = bb_cond_new();
        if (bb_rt_->spawn(NULL, &spec, NULL) < 0)
                return 71;
        loop_run();
        bb_cond_free(replay.there);
        loop_close();
        if (result < 0)
                return 2;
        return replay.counts.differ + replay.counts.missing + replay.counts.strange > 0 ? 1 : 0;
}
