/* SPDX-License-Identifier: Apache-2.0
 *
 * GetDiagnostics, GetLog, UpdateFirmware and SignedUpdateFirmware without a location: they get one of ours. A payload
 * names it "busbar://upload" or "busbar://firmware/<id>" until a node that holds the station sends it; only then there
 * is a token, which is in no log, journal or table.
 */
#include "transfer.h"

#include "commands.h"
#include "page.h"
#include "shapes_security.h"

#define OURS "busbar://"
#define UPLOAD OURS "upload"
#define FIRMWARE OURS "firmware/"

enum { TOKEN_BYTES = 32, URL_CHARS_OF_WHITEPAPER = 512 };

/* --- the draft --- */

static int32_t has(const bb_json *object, const char *name)
{
        return bb_json_get(object, name) != NULL;
}

static bb_json *copy_without(const bb_json *object, const char *left_out)
{
        bb_json *copy = bb_json_new_object();
        bb_json *value;
        bb_str name;

        for (size_t i = 0; i < bb_json_count(object); i++) {
                if (bb_json_member(object, i, &name, &value) < 0)
                        continue;
                if (left_out == NULL || !bb_str_is(name, left_out))
                        bb_json_set(copy, bb_str_c(name), value);
        }
        return copy;
}

static void set_default(bb_json *object, const char *name, bb_str value)
{
        if (!has(object, name))
                bb_json_set_str(object, name, value);
}

static void set_request_id(bb_json *object)
{
        uint32_t number;

        if (has(object, "requestId"))
                return;
        bb_random(&number, sizeof(number));
        bb_json_set_int(object, "requestId", (int64_t)(number & INT32_MAX));
}

static bb_json *inner_object(bb_json *object, const char *name)
{
        const bb_json *inner = bb_json_get(object, name);
        bb_json *copy = bb_json_kind(inner) == BB_J_OBJECT ? copy_without(inner, NULL) : bb_json_new_object();

        if (inner == NULL || bb_json_kind(inner) == BB_J_OBJECT)
                bb_json_set(object, name, copy);
        return copy;
}

static bb_json *draft_diagnostics(const bb_json *payload)
{
        bb_json *copy = copy_without(payload, NULL);

        set_default(copy, "location", BB_STR(UPLOAD));
        return copy;
}

static bb_json *draft_log(const bb_json *payload)
{
        bb_json *copy = copy_without(payload, NULL);

        set_default(inner_object(copy, "log"), "remoteLocation", BB_STR(UPLOAD));
        set_request_id(copy);
        return copy;
}

/* Without firmware_id nothing is filled in: the shape says what is missing. */
static bb_json *draft_firmware(const bb_json *payload)
{
        bb_str id = bb_json_str(bb_json_get(payload, "firmware_id"));
        bb_json *copy = copy_without(payload, "firmware_id");

        set_default(copy, "location", bb_print(FIRMWARE "%.*s", BB_FMT(id)));
        set_default(copy, "retrieveDate", bb_time_text(bb_now_ms()));
        return copy;
}

static bb_json *draft_signed_firmware(const bb_json *payload)
{
        bb_str id = bb_json_str(bb_json_get(payload, "firmware_id"));
        bb_json *copy = copy_without(payload, "firmware_id"), *firmware = inner_object(copy, "firmware");

        set_default(firmware, "location", bb_print(FIRMWARE "%.*s", BB_FMT(id)));
        set_default(firmware, "retrieveDateTime", bb_time_text(bb_now_ms()));
        set_default(firmware, "signingCertificate", BB_STR(OURS));
        set_default(firmware, "signature", BB_STR(OURS));
        set_request_id(copy);
        return copy;
}

bb_json *transfer_draft(bb_str action, const bb_json *payload)
{
        static const struct {
                const char *action, *needs;
                bb_json *(*draft)(const bb_json *);
        } drafts[] = {
                {"GetDiagnostics", NULL, draft_diagnostics},
                {"GetLog", NULL, draft_log},
                {"UpdateFirmware", "firmware_id", draft_firmware},
                {"SignedUpdateFirmware", "firmware_id", draft_signed_firmware},
        };

        for (size_t i = 0; i < BB_COUNT(drafts); i++) {
                if (bb_str_is(action, drafts[i].action) && bb_json_kind(payload) == BB_J_OBJECT &&
                    (drafts[i].needs == NULL || has(payload, drafts[i].needs)))
                        return drafts[i].draft(payload);
        }
        return (bb_json *)(uintptr_t)payload;
}

/* --- the order --- */

struct order {
        struct station *station;
        void *message; /* the struct of the command's request */
        const char *kind;
        bb_str *location;
        int64_t request_id, begins_ms;
        struct signed_firmware *to_sign; /* NULL: not a signed one */
        bb_str firmware_id, name;
        int64_t bytes;
        struct bb_command_result *result;
};

static bb_err invalid(struct order *o, const char *path, bb_str text)
{
        o->result->outcome = BB_COMMAND_INVALID;
        o->result->fault_path = bb_cstr(path);
        o->result->error_text = text;
        return BB_E_REJECTED;
}

static void look_into(const struct command *command, void *message, struct order *ret)
{
        ret->request_id = -1;
        ret->begins_ms = bb_now_ms();
        if (command->request == &GetDiagnosticsRequest) {
                ret->kind = KIND_DIAGNOSTICS;
                ret->location = &((struct get_diagnostics_req *)message)->location;
        } else if (command->request == &GetLogRequest) {
                struct get_log_req *m = message;

                ret->kind = KIND_LOG;
                ret->location = &m->log.remote_location;
                ret->request_id = m->request_id;
        } else if (command->request == &UpdateFirmwareRequest) {
                struct update_firmware_req *m = message;

                ret->kind = KIND_FIRMWARE;
                ret->location = &m->location;
                ret->begins_ms = m->retrieve_date;
        } else if (command->request == &SignedUpdateFirmwareRequest) {
                struct signed_update_req *m = message;

                ret->kind = KIND_SIGNED_FIRMWARE;
                ret->location = &m->firmware.location;
                ret->request_id = m->request_id;
                ret->begins_ms = m->firmware.retrieve_at;
                ret->to_sign = &m->firmware;
        }
}

static int32_t is_ours(bb_str s)
{
        return s.len >= sizeof(OURS) - 1 && memcmp(s.ptr, OURS, sizeof(OURS) - 1) == 0;
}

static int32_t fits(bb_str wanted, bb_str have)
{
        return wanted.ptr == NULL || bb_str_eq(wanted, have);
}

static bb_err take_signature(struct order *o, const bb_rows *rows)
{
        if (o->to_sign == NULL)
                return BB_OK;
        if (is_ours(o->to_sign->signature))
                o->to_sign->signature = bb_row_str(rows, 0, 4);
        if (is_ours(o->to_sign->signing_certificate))
                o->to_sign->signing_certificate = bb_row_str(rows, 0, 5);
        if (o->to_sign->signature.len == 0 || o->to_sign->signing_certificate.len == 0)
                return invalid(o, "/firmware_id",
                               BB_STR("firmware_id: it has no signature yet; PUT /v1/firmware/{id}/signature"));
        return BB_OK;
}

static BB_AWAIT bb_err take_firmware(struct order *o)
{
        bb_str id = {.ptr = o->location->ptr + sizeof(FIRMWARE) - 1, .len = o->location->len - (sizeof(FIRMWARE) - 1)};
        struct bb_station station = {.present = 0};
        bb_rows *rows;

        if (!is_uuid(id))
                return invalid(o, "/firmware_id", BB_STR("firmware_id must be the id of a firmware"));
        TRY(bb_db_query(&rows,
                        "select name, bytes, vendor, model, signature, signing_certificate from ocpp16.firmware"
                        " where id = $1",
                        BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return invalid(o, "/firmware_id", BB_STR("firmware_id: there is no firmware with this id"));
        TRY(charging->station_get(station_id(o->station), &station));
        if (!fits(bb_row_str(rows, 0, 2), station.vendor) || !fits(bb_row_str(rows, 0, 3), station.model))
                return invalid(o, "/firmware_id",
                               bb_print("firmware_id: it is for %.*s %.*s, and the station is a %.*s %.*s",
                                        BB_FMT(bb_row_str(rows, 0, 2)), BB_FMT(bb_row_str(rows, 0, 3)),
                                        BB_FMT(station.vendor), BB_FMT(station.model)));
        o->firmware_id = id;
        o->name = bb_row_str(rows, 0, 0);
        o->bytes = bb_row_int(rows, 0, 1, 0);
        return take_signature(o, rows);
}

/* The station's own way to us is the best that is known, unless the operator knows better. */
static bb_str base_of(const struct station *st)
{
        bb_str url = st->owner->options->public_url;

        if (url.len == 0)
                return st->base_url != NULL ? bb_cstr(st->base_url) : BB_NONE;
        while (url.len > 0 && url.ptr[url.len - 1] == '/')
                url.len--;
        return url;
}

/* RFC 4648 §5, without padding. */
static bb_str token_new(void)
{
        uint8_t secret[TOKEN_BYTES];
        bb_str text;
        char *token;

        bb_random(secret, sizeof(secret));
        text = bb_base64((bb_str){.ptr = (const char *)secret, .len = sizeof(secret)});
        token = (char *)(uintptr_t)bb_str_c(text);
        while (text.len > 0 && token[text.len - 1] == '=')
                text.len--;
        for (size_t i = 0; i < text.len; i++)
                token[i] = token[i] == '+' ? '-' : token[i] == '/' ? '_' : token[i];
        return (bb_str){.ptr = token, .len = text.len};
}

static BB_AWAIT bb_err store(struct order *o, bb_str id, bb_str token)
{
        int64_t expires = (o->begins_ms > bb_now_ms() ? o->begins_ms : bb_now_ms()) +
                          o->station->owner->options->url_hours * 3600000LL;
        bb_str station = bb_str_dup(station_id(o->station));
        uint8_t mac[BB_MAC_BYTES];

        TRY(transfer_mac(token, mac));
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.transfer (id, station_id, kind, state, firmware_id, token_mac, request_id,"
                        " name, bytes, expires_at) values ($1, $2, $3, 'requested', $4, $5, $6, $7, $8, $9)",
                        BB_UUID(id), BB_TEXT(station), BB_CTEXT(o->kind), BB_UUID(o->firmware_id),
                        BB_BYTES(((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)})),
                        BB_INT_OR_NULL(o->request_id >= 0, o->request_id), BB_TEXT(o->name),
                        BB_INT_OR_NULL(o->firmware_id.ptr != NULL, o->bytes), BB_TIME(expires)),
                transfer_event_stmt(id, station, bb_cstr(o->kind), BB_STR("requested"), BB_NONE),
        };
        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

BB_AWAIT bb_err transfer_begin(struct station *st, const struct command *command, bb_str *text,
                               struct transfer_order *ret_order, struct bb_command_result *ret)
{
        struct order o = {.station = st, .result = ret, .name = BB_NONE, .firmware_id = BB_NONE};
        bb_str token, base;
        struct bb_fault fault;

        *ret_order = (struct transfer_order){.id = BB_NONE, .command = command};
        o.message = bb_alloc(command->request->struct_size);
        if (bb_shape_decode_text(command->request, *text, o.message, &fault) < 0)
                return BB_E_INTERNAL; /* it was written by this shape */
        look_into(command, o.message, &o);
        if (o.location == NULL || !is_ours(*o.location))
                return BB_OK;
        if (bb_str_is(*o.location, UPLOAD) != (strcmp(o.kind, KIND_DIAGNOSTICS) == 0 || strcmp(o.kind, KIND_LOG) == 0))
                return invalid(&o, "/location", BB_STR("location: this is no place for it"));
        if (!bb_str_is(*o.location, UPLOAD))
                TRY(take_firmware(&o));
        base = base_of(st);
        if (base.ptr == NULL)
                return invalid(&o, "/location",
                               BB_STR("location is needed: where stations reach this network is not known (option "
                                      "public_url)"));
        token = token_new();
        *o.location = bb_print("%.*s" TRANSFER_PATH "%.*s%s%.*s", BB_FMT(base), BB_FMT(token),
                               o.name.len > 0 ? "/" : "", BB_FMT(o.name));
        if (o.location->len > URL_CHARS_OF_WHITEPAPER)
                return invalid(&o, "/location", BB_STR("location: ours would be longer than 512 characters"));
        ret_order->id = bb_uuid();
        TRY(store(&o, ret_order->id, token));
        *text = bb_shape_encode_text(command->request, o.message);
        return BB_OK;
}

/* --- the outcome --- */

/* The words with which stations take a request; GetDiagnostics and UpdateFirmware have none. */
static int32_t is_taken(const struct bb_command_result *r)
{
        bb_str status = bb_json_str(bb_json_get(r->answer, "status"));

        return status.ptr == NULL || bb_str_is(status, "Accepted") || bb_str_is(status, "AcceptedCanceled");
}

static bb_str refusal_of(const struct bb_command_result *r)
{
        bb_str status = bb_json_str(bb_json_get(r->answer, "status"));

        if (r->outcome == BB_COMMAND_ANSWERED)
                return bb_print("The station answered %.*s.", BB_FMT(status));
        if (r->outcome == BB_COMMAND_REFUSED)
                return bb_print("The station answered with an error: %.*s.", BB_FMT(r->error_code));
        return r->outcome == BB_COMMAND_OFFLINE ? BB_STR("The station is not connected.")
                                                : BB_STR("The command was not sent.");
}

/* A station that has nothing to upload names no file (OCPP 1.6 §5.9). */
static int32_t has_nothing(const struct transfer_order *order, bb_str name)
{
        return order->command->request == &GetDiagnosticsRequest && name.len == 0;
}

BB_AWAIT void transfer_ordered(const struct transfer_order *order, const struct bb_command_result *r)
{
        bb_str name = bb_json_str(bb_json_get(r->answer, "fileName")), state = BB_STR("accepted"), detail = BB_NONE;
        bb_err err;

        if (order->id.ptr == NULL || r->outcome == BB_COMMAND_TIMEOUT) /* then it may have taken it */
                return;
        if (name.ptr == NULL)
                name = bb_json_str(bb_json_get(r->answer, "filename"));
        if (r->outcome != BB_COMMAND_ANSWERED || !is_taken(r)) {
                state = BB_STR("refused");
                detail = refusal_of(r);
        } else if (has_nothing(order, name)) {
                detail = BB_STR("The station has nothing to upload.");
        }
        err = bb_db_query(NULL,
                          "update ocpp16.transfer set state = $2, detail = $3, name = coalesce(name, $4),"
                          " updated_at = now() where id = $1 and state = 'requested'",
                          BB_UUID(order->id), BB_TEXT(state), BB_TEXT(detail), BB_TEXT(name));
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.transfer", "what a station said to a transfer could not be kept",
                       bb_kv_str("transfer", order->id), bb_kv_err(err));
}
