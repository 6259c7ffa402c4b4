/* SPDX-License-Identifier: Apache-2.0
 *
 * Between nodes: who holds a station's socket subscribes "station.<tenant>.<station>" and serves three requests there:
 * call, probe and disconnect. Nobody subscribed means that the station is connected nowhere.
 */
#include "remote.h"
#include "commands.h"
#include "ocpp16.h"
#include "shapes.h"

enum { MAX_WORD_BYTES = 150, PROBE_TIMEOUT_MS = 7000, MARGIN_MS = 5000, CLOSE_POLICY = 1008 };

enum { OP_CALL = 0, OP_PROBE = 1, OP_DISCONNECT = 2 };
static const char *const op_names[] = {"call", "probe", "disconnect", NULL};

struct request {
        uint64_t present;
        int32_t op;
        int32_t reserved;
        bb_str station, certificate, action, reason, operation_id;
        bb_json *payload;
        int64_t timeout_ms, wait_ms, priority;
};

static const struct bb_field request_fields[] = {
        ENUM_FIELD(request, op, "op", op_names, .flags = BB_REQUIRED),
        FIELD(request, station, "station", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(request, certificate, "certificate", BB_T_STR),
        FIELD(request, action, "action", BB_T_STR),
        FIELD(request, payload, "payload", BB_T_JSON),
        FIELD(request, timeout_ms, "timeout_ms", BB_T_INT),
        FIELD(request, reason, "reason", BB_T_STR),
        FIELD(request, operation_id, "operation_id", BB_T_STR),
        FIELD(request, wait_ms, "wait_ms", BB_T_INT),
        FIELD(request, priority, "priority", BB_T_INT),
};
static BB_SHAPE(StationRequest, request, BB_SHAPE_OPEN, "From one node to the one that holds a station.",
                request_fields);

struct reply {
        uint64_t present;
        int32_t alive;
        int32_t outcome;
        bb_json *answer;
        bb_str error_code, error_text, fault_path;
        int64_t latency_ms;
};

static const struct bb_field reply_fields[] = {
        FIELD(reply, alive, "alive", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(reply, outcome, "outcome", BB_T_INT32, .flags = BB_REQUIRED),
        FIELD(reply, answer, "answer", BB_T_JSON),
        FIELD(reply, error_code, "error_code", BB_T_STR),
        FIELD(reply, error_text, "error_text", BB_T_STR),
        FIELD(reply, fault_path, "fault_path", BB_T_STR),
        FIELD(reply, latency_ms, "latency_ms", BB_T_INT, .flags = BB_REQUIRED),
};
static BB_SHAPE(StationReply, reply, BB_SHAPE_OPEN, "And back.", reply_fields);

/* One word of a subject: everything but letters, digits, '-' and '_' as %XX; what gets too long as its digest. */
static bb_str subject_word(bb_str text)
{
        static const char hex[] = "0123456789ABCDEF";
        char *word = bb_alloc(text.len * 3 + 1);
        uint8_t digest[32];
        size_t len = 0;

        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];

                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_') {
                        word[len++] = (char)c;
                        continue;
                }
                word[len++] = '%';
                word[len++] = hex[c >> 4];
                word[len++] = hex[c & 15];
        }
        if (len <= MAX_WORD_BYTES)
                return (bb_str){.ptr = word, .len = len};
        bb_sha256(text, digest);
        return bb_print("~%.*s", BB_FMT(bb_hex((bb_str){.ptr = (const char *)digest, .len = sizeof(digest)})));
}

static bb_str subject_of(const struct ocpp_tenant *owner, bb_str station)
{
        return bb_print("station.%.*s.%.*s", BB_FMT(subject_word(owner->id)), BB_FMT(subject_word(station)));
}

/* --- the node with the socket --- */

static BB_AWAIT void serve_call(struct station *st, const struct request *r, struct reply *ret)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_command order = {.size = sizeof(order),
                                   .priority = (int32_t)r->priority,
                                   .operation_id = r->operation_id.len > 0 ? r->operation_id : BB_NONE,
                                   .timeout_ms = r->timeout_ms,
                                   .wait_ms = r->wait_ms};
        const struct command *command;
        bb_str text;

        /* Checked here too: the other node may run another version. */
        if (command_prepare(r->action, r->payload, &command, &text, &result) == BB_COMMAND_ANSWERED &&
            command_run(st, command, text, &order, &result) < 0)
                result.outcome = BB_COMMAND_TIMEOUT;
        ret->outcome = result.outcome;
        ret->answer = result.answer;
        ret->error_code = result.error_code;
        ret->error_text = result.error_text;
        ret->fault_path = result.fault_path;
        ret->latency_ms = result.latency_ms;
}

static BB_AWAIT void serve(struct station *st, const struct request *r, struct reply *ret)
{
        switch (r->op) {
        case OP_CALL:
                serve_call(st, r, ret);
                return;
        case OP_PROBE:
                ret->alive = connection_probe(st, r->certificate) == PROBE_ALIVE;
                return;
        default:
                if (st->ws != NULL)
                        bb_ws_close(st->ws, CLOSE_POLICY,
                                    r->reason.ptr != NULL ? r->reason : BB_STR("closed by the operator"));
        }
}

static BB_AWAIT void on_request(bb_str subject, bb_str data, bb_str *ret_reply, void *arg)
{
        struct ocpp_tenant *owner = arg;
        struct request r;
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        struct reply reply = {.outcome = BB_COMMAND_OFFLINE};
        struct station *st;

        if (bb_shape_decode_text(&StationRequest, data, &r, &fault) < 0) {
                bb_log(BB_ERROR, "ocpp.bus", "a request on the bus is not understood", bb_kv_str("subject", subject),
                       bb_kv_str("path", fault.path), bb_kv_str("fault", fault.text));
                return;
        }
        st = table_find(&owner->stations, r.station);
        if (st != NULL) {
                station_hold(st);
                serve(st, &r, &reply);
                station_drop(st);
        }
        *ret_reply = bb_shape_encode_text(&StationReply, &reply);
}

bb_err remote_subscribe(struct station *st)
{
        return bb_bus_subscribe(st->owner->tenant, subject_of(st->owner, station_id(st)), on_request, st->owner,
                                &st->subscription);
}

/* --- the node that asks --- */

static BB_AWAIT bb_err ask(struct ocpp_tenant *owner, const struct request *r, int64_t timeout_ms, struct reply *ret)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        bb_str text = BB_NONE;

        TRY(bb_bus_request(subject_of(owner, r->station), bb_shape_encode_text(&StationRequest, r), timeout_ms, &text));
        if (bb_shape_decode_text(&StationReply, text, ret, &fault) < 0)
                return BB_E_PROTOCOL;
        return BB_OK;
}

BB_AWAIT bb_err remote_alive(struct ocpp_tenant *owner, bb_str station_id_, bb_str certificate, int32_t *ret_alive)
{
        struct request r = {.op = OP_PROBE, .station = station_id_, .certificate = certificate};
        struct reply reply = {.alive = 0};
        bb_err err = ask(owner, &r, PROBE_TIMEOUT_MS, &reply);

        if (err == BB_E_CANCELED)
                return err;
        /* A node that does not answer counts as gone: the epoch keeps its late writes out. */
        if (err < 0 && err != BB_E_OFFLINE)
                bb_log(BB_WARN, "ocpp.bus", "the node that holds the station's older connection does not answer",
                       bb_kv_str("station", station_id_), bb_kv_err(err));
        *ret_alive = err == BB_OK && reply.alive;
        return BB_OK;
}

BB_AWAIT bb_err remote_command(struct ocpp_tenant *owner, const struct bb_command *order, int64_t timeout_ms,
                               struct bb_command_result *ret)
{
        struct request r = {.op = OP_CALL,
                            .station = order->station_id,
                            .action = order->action,
                            .payload = (bb_json *)order->payload,
                            .operation_id = order->operation_id,
                            .timeout_ms = timeout_ms,
                            .wait_ms = order->wait_ms > 0 ? order->wait_ms : timeout_ms,
                            .priority = order->priority,
                            .present = ~0ull};
        struct reply reply = {.outcome = BB_COMMAND_OFFLINE};
        bb_err err = ask(owner, &r, r.wait_ms + timeout_ms + MARGIN_MS, &reply);

        if (err == BB_E_OFFLINE || err == BB_E_TIMEOUT) {
                ret->outcome = err == BB_E_OFFLINE ? BB_COMMAND_OFFLINE : BB_COMMAND_TIMEOUT;
                return BB_OK;
        }
        TRY(err);
        ret->outcome = reply.outcome;
        ret->answer = reply.answer;
        ret->error_code = reply.error_code;
        ret->error_text = reply.error_text;
        ret->fault_path = reply.fault_path;
        ret->latency_ms = reply.latency_ms;
        return BB_OK;
}

BB_AWAIT bb_err remote_disconnect(struct ocpp_tenant *owner, bb_str station_id_, bb_str reason)
{
        struct request r = {.op = OP_DISCONNECT, .station = station_id_, .reason = reason};
        struct reply reply;
        bb_err err = ask(owner, &r, MARGIN_MS, &reply);

        return err == BB_E_OFFLINE ? BB_OK : err;
}
