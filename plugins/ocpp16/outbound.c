/* SPDX-License-Identifier: Apache-2.0
 *
 * The line of CALLs to one station. A call lives in the memory of the task that waits for it, and leaves the line
 * before that task goes on. The id under way is kept with the station: when its task was cancelled, the station still
 * owes an answer, and the next CALL waits for that or for the time-out.
 */
#include "outbound.h"

#include "journal.h"
#include "ocpp16.h"

#include <busbar/log.h>
#include <stdlib.h>

struct call {
        struct call *next; /* in the line */
        struct station *station;
        bb_cond *changed;
        bb_str id;
        char *answer; /* from malloc: it came on the loop, outside the waiting task */
        size_t answer_len;
        int64_t sent_ms, answered_ms; /* monotonic */
        int32_t priority;
        int32_t going; /* nobody gets in front of it any more */
};

static void line_up(struct call *call)
{
        struct call **at = &call->station->calls;

        while (*at != NULL && ((*at)->going || (*at)->priority <= call->priority))
                at = &(*at)->next;
        call->next = *at;
        *at = call;
        call->station->call_count++;
}

static void wake_first(struct station *st)
{
        if (st->calls != NULL)
                bb_cond_wake_all(st->calls->changed);
}

static void leave_line(struct call *call)
{
        struct call **at = &call->station->calls;

        while (*at != call)
                at = &(*at)->next;
        *at = call->next;
        call->station->call_count--;
        wake_first(call->station);
}

static int32_t under_way(struct station *st)
{
        if (st->call_id[0] != '\0' && bb_mono_ms() >= st->call_until_mono_ms)
                st->call_id[0] = '\0';
        return st->call_id[0] != '\0';
}

/* Waits on the call's condition until `until` (monotonic). BB_OK also when that moment came: the caller looks again.
 * An error is the task's own: cancelled, or its deadline. */
static BB_AWAIT bb_err wait_until(struct call *call, int64_t until)
{
        int64_t left = until - bb_mono_ms();
        bb_err err;

        if (left <= 0)
                return BB_OK;
        err = bb_cond_wait(call->changed, left);
        if (err == BB_E_TIMEOUT && bb_mono_ms() >= until)
                return BB_OK;
        return err;
}

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* Until the call is the first of the line and no other is under way. */
static BB_AWAIT bb_err wait_for_turn(struct call *call, int64_t deadline)
{
        struct station *st = call->station;

        for (;;) {
                int32_t first = st->calls == call;
                int32_t busy = under_way(st);

                if (st->ws == NULL)
                        return BB_E_OFFLINE;
                if (first && !busy)
                        return BB_OK;
                if (bb_mono_ms() >= deadline)
                        return BB_E_BUSY;
                TRY(wait_until(call, first ? earlier(deadline, st->call_until_mono_ms) : deadline));
        }
}

/* The domain writes down that it is sent before it is; while it does, the call keeps its place. */
static BB_AWAIT bb_err ask_domain(struct call *call, bb_str operation_id)
{
        bb_err err;

        call->going = 1;
        if (operation_id.ptr == NULL)
                return BB_OK;
        err = charging->operation_sending(operation_id);
        if (err < 0)
                return err == BB_E_CONFLICT || err == BB_E_CANCELED ? err : BB_E_BUSY;
        return call->station->ws != NULL ? BB_OK : BB_E_OFFLINE;
}

static bb_err send_call(struct call *call, const struct outgoing *out)
{
        struct station *st = call->station;
        bb_str text = frame_call(call->id, out->action, out->payload);
        bb_err err = bb_ws_send(st->ws, BB_WS_TEXT, text);

        if (err < 0)
                return err == BB_E_LIMIT ? BB_E_BUSY : BB_E_OFFLINE;
        memcpy(st->call_id, call->id.ptr, call->id.len);
        st->call_id[call->id.len] = '\0';
        call->sent_ms = bb_mono_ms();
        journal_frame(st, JOURNAL_OUT, text);
        st->call_until_mono_ms = call->sent_ms + out->timeout_ms;
        return BB_OK;
}

static BB_AWAIT bb_err wait_for_answer(struct call *call, int64_t deadline)
{
        for (;;) {
                if (call->answer != NULL)
                        return BB_OK;
                if (call->station->ws == NULL)
                        return BB_E_OFFLINE;
                if (bb_mono_ms() >= deadline)
                        break;
                TRY(wait_until(call, deadline));
        }
        call->station->call_id[0] = '\0';
        return BB_E_TIMEOUT;
}

static BB_AWAIT bb_err exchange(struct call *call, const struct outgoing *out)
{
        TRY(wait_for_turn(call, bb_mono_ms() + (out->wait_ms > 0 ? out->wait_ms : out->timeout_ms)));
        TRY(ask_domain(call, out->operation_id));
        TRY(send_call(call, out));
        return wait_for_answer(call, call->sent_ms + out->timeout_ms);
}

BB_AWAIT bb_err outbound_call(struct station *st, const struct outgoing *out, struct frame *ret,
                              struct frame_fault *ret_fault, int64_t *ret_latency_ms)
{
        struct call *call;
        bb_str answer;
        bb_err err;

        if (st->ws == NULL)
                return BB_E_OFFLINE;
        if (st->call_count >= OUTBOUND_MAX_QUEUE)
                return BB_E_BUSY;
        call = BB_NEW(struct call);
        call->station = station_hold(st);
        call->changed = bb_cond_new();
        call->id = bb_uuid(); /* 36 characters, the most that OCPP-J allows */
        call->priority = out->priority;
        line_up(call);
        err = exchange(call, out);
        leave_line(call);
        bb_cond_free(call->changed);
        answer = bb_str_dup((bb_str){.ptr = call->answer, .len = call->answer_len});
        free(call->answer);
        station_drop(st);
        if (err < 0)
                return err;
        *ret_latency_ms = call->answered_ms - call->sent_ms;
        return frame_parse(answer, ret, ret_fault);
}

int32_t outbound_deliver(struct station *st, bb_str id, bb_str text)
{
        struct call *call = st->calls;

        if (!under_way(st) || !bb_str_is(id, st->call_id))
                return 0;
        st->call_id[0] = '\0';
        if (call == NULL || !bb_str_eq(call->id, id)) {
                wake_first(st); /* its task is gone; the line moves on */
                return 1;
        }
        call->answer = malloc(text.len + 1);
        if (call->answer == NULL)
                abort();
        memcpy(call->answer, text.ptr, text.len);
        call->answer[text.len] = '\0';
        call->answer_len = text.len;
        call->answered_ms = bb_mono_ms();
        bb_cond_wake_all(call->changed);
        return 1;
}

void outbound_abandon(struct station *st)
{
        st->call_id[0] = '\0';
        for (struct call *call = st->calls; call != NULL; call = call->next)
                bb_cond_wake_all(call->changed);
}
