/* SPDX-License-Identifier: Apache-2.0
 *
 * From a text message to its answer: the table of the actions that stations send, the check by shape, and what an error
 * becomes on the wire.
 */
#include "effects.h"
#include "frame.h"
#include "interop.h"
#include "journal.h"
#include "messages.h"
#include "metrics.h"
#include "outbound.h"
#include "repeat.h"
#include "validation.h"

enum { CLOSE_UNSUPPORTED_DATA = 1003, CLOSE_POLICY = 1008 };

struct inbound {
        const char *action;
        const struct bb_shape *shape;
        message_handler *handle; /* NULL: known, but not supported */
        int32_t repeat;          /* REPEAT_…: what to do when it is sent again */
};

static const struct inbound actions[] = {
        {"Heartbeat", &EmptyMessage, message_heartbeat, REPEAT_NEVER},
        {"MeterValues", &MeterValuesRequest, message_meter_values, REPEAT_RECENT},
        {"StatusNotification", &StatusNotificationRequest, message_status, REPEAT_LATEST},
        {"Authorize", &AuthorizeRequest, message_authorize, REPEAT_LATEST},
        {"StartTransaction", &StartTransactionRequest, message_start, REPEAT_RECENT},
        {"StopTransaction", &StopTransactionRequest, message_stop, REPEAT_RECENT},
        {"BootNotification", &BootNotificationRequest, message_boot, REPEAT_LATEST},
        {"DataTransfer", &DataTransferRequest, message_data_transfer, REPEAT_LATEST},
        {"DiagnosticsStatusNotification", &DiagnosticsStatusRequest, message_diagnostics_status, REPEAT_LATEST},
        {"FirmwareStatusNotification", &FirmwareStatusRequest, message_firmware_status, REPEAT_LATEST},
        /* The security extension's (Security Whitepaper edition 3). */
        {"SecurityEventNotification", &SecurityEventRequest, message_security_event, REPEAT_LATEST},
        {"SignCertificate", &SignCertificateRequest, message_sign_certificate, REPEAT_LATEST},
        {"LogStatusNotification", &LogStatusRequest, message_log_status, REPEAT_LATEST},
        {"SignedFirmwareStatusNotification", &SignedFirmwareStatusRequest, message_signed_firmware_status,
         REPEAT_LATEST},
        /* What only a central system sends. */
        {"CancelReservation", NULL, NULL, 0},
        {"ChangeAvailability", NULL, NULL, 0},
        {"ChangeConfiguration", NULL, NULL, 0},
        {"ClearCache", NULL, NULL, 0},
        {"ClearChargingProfile", NULL, NULL, 0},
        {"GetCompositeSchedule", NULL, NULL, 0},
        {"GetConfiguration", NULL, NULL, 0},
        {"GetDiagnostics", NULL, NULL, 0},
        {"GetLocalListVersion", NULL, NULL, 0},
        {"RemoteStartTransaction", NULL, NULL, 0},
        {"RemoteStopTransaction", NULL, NULL, 0},
        {"ReserveNow", NULL, NULL, 0},
        {"Reset", NULL, NULL, 0},
        {"SendLocalList", NULL, NULL, 0},
        {"SetChargingProfile", NULL, NULL, 0},
        {"TriggerMessage", NULL, NULL, 0},
        {"UnlockConnector", NULL, NULL, 0},
        {"UpdateFirmware", NULL, NULL, 0},
        {"CertificateSigned", NULL, NULL, 0},
        {"DeleteCertificate", NULL, NULL, 0},
        {"ExtendedTriggerMessage", NULL, NULL, 0},
        {"GetInstalledCertificateIds", NULL, NULL, 0},
        {"GetLog", NULL, NULL, 0},
        {"InstallCertificate", NULL, NULL, 0},
        {"SignedUpdateFirmware", NULL, NULL, 0},
};

static const struct inbound *find_action(bb_str action)
{
        for (size_t i = 0; i < BB_COUNT(actions); i++) {
                if (bb_str_is(action, actions[i].action))
                        return &actions[i];
        }
        return NULL;
}

void inbound_close(struct station *st, int32_t code, const char *why)
{
        st->closing = 1;
        if (st->ws != NULL)
                bb_ws_close(st->ws, code, bb_cstr(why));
}

static void send_text(struct station *st, bb_str text)
{
        if (st->ws == NULL || st->superseded || st->closing)
                return;
        journal_frame(st, JOURNAL_OUT, text);
        if (bb_ws_send(st->ws, BB_WS_TEXT, text) == BB_E_LIMIT) {
                bb_log(BB_WARN, "ocpp.does_not_read", "the station does not read its answers: closed",
                       bb_kv_str("station", station_id(st)));
                inbound_close(st, CLOSE_POLICY, "answers are not read");
        }
}

/* --- what is wrong --- */

/* Tells the operator once per bad frame, but not more often than the minute's patience; tells the station when its
 * frame has an id; a station that sends nothing but rubbish is cut off, so that it starts over. */
static void complain(struct station *st, const char *action, const struct frame_fault *fault)
{
        metrics_message(action, METRIC_IN, fault->code);
        if (fault->id.ptr != NULL)
                interop_note(st, INTEROP_FAULT, fault->code, action, 1,
                             bb_print("%.*s: %.*s", BB_FMT(fault->path), BB_FMT(fault->text)));
        if (minute_count(&st->faults))
                bb_log(BB_WARN, "ocpp.bad_message", "the station sent a message that breaks OCPP 1.6",
                       bb_kv_str("station", station_id(st)), bb_kv_cstr("action", action),
                       bb_kv_cstr("code", fault->code), bb_kv_str("path", fault->path), bb_kv_str("fault", fault->text),
                       bb_kv_str("message_id", fault->id));
        if (fault->id.ptr != NULL)
                send_text(st, frame_error(fault));
        else if (!minute_count(&st->wrecks))
                inbound_close(st, CLOSE_POLICY, "too many frames that are not OCPP-J");
}

static void refuse_action(struct station *st, const struct frame *frame, const struct inbound *in)
{
        struct frame_fault fault = {.code = in == NULL ? "NotImplemented" : "NotSupported",
                                    .id = frame->id,
                                    .path = BB_STR(""),
                                    .text = in == NULL ? BB_STR("the action is not one of OCPP 1.6")
                                                       : BB_STR("the action is not supported here")};

        /* The name is the station's: it is not a label of a metric. */
        complain(st, in == NULL ? "unknown" : in->action, &fault);
}

/* --- what became of a message --- */

static void end_in_outage(struct station *st, const struct inbound *in)
{
        metrics_message(in->action, METRIC_IN, "unavailable");
        bb_log(BB_WARN, "ocpp.unavailable",
               "the database is away: closed without an answer, the station keeps its message",
               bb_kv_str("station", station_id(st)), bb_kv_cstr("action", in->action));
        inbound_close(st, CLOSE_TRY_AGAIN_LATER, "try again later");
}

static void end_superseded(struct station *st, const struct inbound *in)
{
        metrics_message(in->action, METRIC_IN, "superseded");
        bb_log(BB_WARN, "ocpp.superseded", "a newer connection of the station counts: this one is closed",
               bb_kv_str("station", station_id(st)), bb_kv_cstr("action", in->action));
        connection_supersede(st, "a newer connection counts");
}

/* A defect of ours, never a business reason; the log has to say enough to find it. */
static void end_in_error(struct station *st, const struct frame *frame, const struct inbound *in, bb_err err)
{
        struct frame_fault fault = {.code = "InternalError",
                                    .id = frame->id,
                                    .path = BB_STR(""),
                                    .text = BB_STR("the message could not be processed")};

        metrics_message(in->action, METRIC_IN, fault.code);
        bb_log(BB_ERROR, "ocpp.failed", "a message could not be processed", bb_kv_str("station", station_id(st)),
               bb_kv_cstr("action", in->action), bb_kv_str("message_id", frame->id), bb_kv_err(err));
        send_text(st, frame_error(&fault));
}

static void finish(struct station *st, const struct frame *frame, const struct inbound *in, bb_err err, bb_str answer)
{
        if (err == BB_OK) {
                metrics_message(in->action, METRIC_IN, "ok");
                send_text(st, frame_result(frame->id, answer));
                return;
        }
        if (err == BB_E_CANCELED)
                return;
        if (storm_is_outage(err))
                end_in_outage(st, in);
        else if (err == BB_E_CONFLICT)
                end_superseded(st, in);
        else
                end_in_error(st, frame, in, err);
}

/* BB_E_INVALID is the station's fault, anything else ours: its level of validation could not be looked up. */
static void refuse_payload(struct station *st, const struct frame *frame, const struct inbound *in,
                           const struct bb_fault *why, bb_err err)
{
        struct frame_fault fault = {
                .code = frame_fault_code(why->kind), .id = frame->id, .path = why->path, .text = why->text};

        if (err != BB_E_INVALID) {
                finish(st, frame, in, err, BB_NONE);
                return;
        }
        if (fault.path.ptr == NULL)
                fault.path = BB_STR("");
        complain(st, in->action, &fault);
}

/* 1: the station had sent this message before, and has its answer. */
static int32_t is_repeated(struct station *st, const struct frame *frame, const struct inbound *in, bb_str text)
{
        bb_str answer;
        int32_t found = repeat_find(st, text, in->repeat, &answer);

        if (found == REPEAT_NEW)
                return 0;
        metrics_message(in->action, METRIC_IN, "repeated");
        if (found == REPEAT_ANSWER)
                send_text(st, frame_result(frame->id, answer));
        return 1;
}

static BB_AWAIT void serve_message(struct station *st, const struct frame *frame, const struct inbound *in, bb_str text,
                                   const void *message)
{
        struct bb_station_ref ref = station_ref(st);
        int64_t begin_ms = bb_mono_ms();
        bb_str answer = BB_STR("{}");
        bb_err err;

        charging->station_seen(&ref);
        st->busy_since_mono_ms = begin_ms;
        err = in->handle(st, message, &answer);
        st->busy_since_mono_ms = 0;
        if (err == BB_OK)
                repeat_keep(st, text, in->repeat, answer);
        finish(st, frame, in, err, answer);
        if (err == BB_OK)
                note_message(st, in->action, in->shape, message);
        metrics_seconds(in->action, (double)(bb_mono_ms() - begin_ms) / 1000);
}

static BB_AWAIT void serve_call(struct station *st, const struct frame *frame, bb_str text)
{
        const struct inbound *in = find_action(frame->action);
        struct bb_fault why = {.kind = BB_FAULT_NONE};
        void *message;
        bb_err err;

        if (in == NULL || in->handle == NULL) {
                refuse_action(st, frame, in);
                return;
        }
        if (is_repeated(st, frame, in, text))
                return;
        message = bb_alloc(in->shape->struct_size);
        err = bb_shape_decode(in->shape, frame->payload, message, &why);
        if (err < 0) {
                st->busy_since_mono_ms = bb_mono_ms();
                err = validation_mend(st, in->action, in->shape, frame->payload, message, &why);
                st->busy_since_mono_ms = 0;
        }
        if (err < 0)
                refuse_payload(st, frame, in, &why, err);
        else
                serve_message(st, frame, in, text, message);
}

/* A CALL that is as it should be needs no tree of its JSON. 0: it is not, and somebody has to look closer. */
static BB_AWAIT int32_t serve_plain(struct station *st, bb_str text)
{
        const struct inbound *in;
        struct frame frame;
        bb_str payload;
        void *message;

        if (!frame_split(text, &frame, &payload))
                return 0;
        in = find_action(frame.action);
        if (in == NULL || in->handle == NULL)
                return 0;
        message = bb_alloc(in->shape->struct_size);
        if (bb_shape_decode_text(in->shape, payload, message, NULL) < 0)
                return 0;
        if (!is_repeated(st, &frame, in, text))
                serve_message(st, &frame, in, text, message);
        return 1;
}

/* A CALL whose only fault is an id that is too long, from a station of which that is taken. */
static BB_AWAIT int32_t is_long_id(struct station *st, bb_str text, struct frame *ret)
{
        struct frame_fault ignored;
        const struct inbound *in;
        int32_t taken = 0;

        if (frame_parse_long_id(text, ret, &ignored) < 0 || ret->type != FRAME_CALL)
                return 0;
        in = find_action(ret->action);
        if (in == NULL || in->handle == NULL)
                return 0;
        return validation_takes_long_id(st, in->action, in->shape, ret->payload, &taken) == BB_OK && taken;
}

static BB_AWAIT void serve(struct station *st, bb_str text)
{
        struct frame frame;
        struct frame_fault fault;
        int64_t wait_ms = station_pace(st, st->owner->options->messages_per_second);

        if (wait_ms > 0 && bb_sleep(wait_ms) < 0)
                return;
        if (st->ws == NULL || st->superseded || st->closing)
                return;
        if (serve_plain(st, text))
                return;
        if (frame_parse(text, &frame, &fault) < 0 && (fault.id.ptr == NULL || !is_long_id(st, text, &frame))) {
                complain(st, "unknown", &fault);
                return;
        }
        /* Answers were taken on arrival; what is left of them here had no plain id. */
        if (frame.type == FRAME_CALL)
                serve_call(st, &frame, text);
        else if (!outbound_deliver(st, frame.id, text))
                complain(st, "unknown",
                         &(struct frame_fault){.code = "GenericError",
                                               .path = BB_STR(""),
                                               .text = BB_STR("nobody waits for this answer")});
}

void inbound_message(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct station *st = station_from(user);

        (void)ws;
        (void)kind;
        if (st == NULL)
                return;
        station_hold(st);
        st->served++;
        serve(st, data);
        station_drop(st);
}

static int32_t is_all_blank(bb_str text)
{
        for (size_t i = 0; i < text.len; i++) {
                if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\r' && text.ptr[i] != '\n')
                        return 0;
        }
        return 1;
}

/* On the loop. Answers go to the command that waits for them at once, past any CALL of the station that is being worked
 * on: the two directions are independent (OCPP-J 1.6 §4.1.1). */
int32_t inbound_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct station *st = station_from(user);
        bb_str id;
        int32_t type;

        if (st == NULL)
                return 1;
        if (kind != BB_WS_TEXT) {
                bb_ws_close(ws, CLOSE_UNSUPPORTED_DATA, BB_STR("OCPP-J is text"));
                return 1;
        }
        if (is_all_blank(data)) /* some firmware sends them as a sign of life */
                return 1;
        journal_frame(st, JOURNAL_IN, data);
        type = frame_peek(data, &id);
        if ((type != FRAME_RESULT && type != FRAME_ERROR) || id.ptr == NULL) {
                repeat_arrived(st);
                return 0;
        }
        if (!outbound_deliver(st, id, data))
                complain(st, type == FRAME_RESULT ? "CALLRESULT" : "CALLERROR",
                         &(struct frame_fault){.code = "late",
                                               .path = BB_STR(""),
                                               .text = BB_STR("nobody waits for this answer (any more)")});
        return 1;
}
