/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of all 28 messages of OCPP 1.6 and the 11 of the Security Whitepaper, in both directions, against the JSON
 * schemas that npm's ocpp-rpc brings: names, what is required, lengths, enumerations, and, of what we write, the order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/number.h"

#include "../../plugins/ocpp16/commands.c"
#include "../../plugins/ocpp16/effects.c"
#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/metrics.c"
#include "../../plugins/ocpp16/shapes_answer.c"
#include "../../plugins/ocpp16/shapes_command.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_security.c"
#include "../../plugins/ocpp16/shapes_station.c"
#include "ocpp16_no_transfers.h"

/* What is kept of a station is no matter here. */
void keep_answer(struct station *st, const struct command *command, bb_str text, const struct bb_command_result *r)
{
        (void)st, (void)command, (void)text, (void)r;
}

#include <stdio.h>
#include <stdlib.h>

const struct bb_http_ops *bb_http_;

/* Nothing is sent here. */
bb_str station_id(const struct station *st)
{
        return (bb_str){.ptr = st->id, .len = st->id_length};
}

bb_err outbound_call(struct station *st, const struct outgoing *call, struct frame *ret, struct frame_fault *ret_fault,
                     int64_t *ret_latency_ms)
{
        (void)st, (void)call, (void)ret, (void)ret_fault, (void)ret_latency_ms;
        return BB_E_UNSUPPORTED;
}

/* What stations send, and what they are answered; commands are asked of command_find(). */
static const struct {
        const char *action;
        const struct bb_shape *request, *response;
} from_station[] = {
        {"Authorize", &AuthorizeRequest, &AuthorizeResponse},
        {"BootNotification", &BootNotificationRequest, &BootNotificationResponse},
        {"DataTransfer", &DataTransferRequest, &DataTransferResponse},
        {"DiagnosticsStatusNotification", &DiagnosticsStatusRequest, &EmptyMessage},
        {"FirmwareStatusNotification", &FirmwareStatusRequest, &EmptyMessage},
        {"Heartbeat", &EmptyMessage, &HeartbeatResponse},
        {"LogStatusNotification", &LogStatusRequest, &EmptyMessage},
        {"MeterValues", &MeterValuesRequest, &EmptyMessage},
        {"SecurityEventNotification", &SecurityEventRequest, &EmptyMessage},
        {"SignCertificate", &SignCertificateRequest, &SignCertificateResponse},
        {"SignedFirmwareStatusNotification", &SignedFirmwareStatusRequest, &EmptyMessage},
        {"StartTransaction", &StartTransactionRequest, &StartTransactionResponse},
        {"StatusNotification", &StatusNotificationRequest, &EmptyMessage},
        {"StopTransaction", &StopTransactionRequest, &StopTransactionResponse},
};

static const char *const to_station[] = {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
};

/* Where we differ on purpose, and why. */
static const struct {
        const char *at, *what;
} differences[] = {
        /* Stations send objects; what is not text is kept all the same. */
        {"DataTransfer.req/data", "type"},
        {"DataTransfer.conf/data", "type"},
        /* Two spellings in one specification, and units that stations do send. */
        {"MeterValues.req/meterValue/sampledValue/unit", "enum"},
        {"StopTransaction.req/transactionData/sampledValue/unit", "enum"},
        /* An answer is shown as it came: configuration values of any length. */
        {"GetConfiguration.conf/configurationKey/value", "maxLength"},
};

static bb_json *schemas;
static int32_t wrong;

static void complain_at(const char *where, const char *what, const char *name)
{
        for (size_t i = 0; i < BB_COUNT(differences); i++) {
                if (strcmp(differences[i].at, where) == 0 && strcmp(differences[i].what, what) == 0)
                        return;
        }
        wrong++;
        print_error("%s: %s %s\n", where, what, name);
}

static bb_json *schema_of(const char *id)
{
        for (size_t i = 0; i < bb_json_count(schemas); i++) {
                bb_json *schema = bb_json_at(schemas, i);

                if (bb_str_is(bb_json_str(bb_json_get(schema, "$id")), bb_print("urn:%s", id).ptr))
                        return schema;
        }
        fail_msg("there is no schema %s", id);
        return NULL;
}

/* {"$ref": "#/definitions/…"} of the same schema. */
static bb_json *resolved(bb_json *root, bb_json *node)
{
        static const char prefix[] = "#/definitions/";
        bb_str ref = bb_json_str(bb_json_get(node, "$ref"));

        if (ref.ptr == NULL)
                return node;
        assert_true(ref.len > sizeof(prefix) - 1);
        return bb_json_get(bb_json_get(root, "definitions"), bb_str_c(ref) + sizeof(prefix) - 1);
}

static int32_t is_required(bb_json *node, const char *name)
{
        bb_json *list = bb_json_get(node, "required");

        for (size_t i = 0; i < bb_json_count(list); i++) {
                if (bb_str_is(bb_json_str(bb_json_at(list, i)), name))
                        return 1;
        }
        return 0;
}

static void compare_object(const char *where, bb_json *root, bb_json *node, const struct bb_shape *shape, int32_t ours);

static void compare_enum(const char *where, bb_json *list, const struct bb_field *f)
{
        size_t count = 0;

        if (f->type != BB_T_ENUM) {
                complain_at(where, "enum", "is missing");
                return;
        }
        while (f->values[count] != NULL)
                count++;
        if (count != bb_json_count(list))
                complain_at(where, "enum", "has another number of values");
        for (size_t i = 0; i < bb_json_count(list); i++) {
                bb_str name = bb_json_str(bb_json_at(list, i));
                size_t at = 0;

                while (f->values[at] != NULL && !bb_str_is(name, f->values[at]))
                        at++;
                if (f->values[at] == NULL)
                        complain_at(where, "enum", bb_str_c(name));
        }
}

static void compare_text(const char *where, bb_json *node, const struct bb_field *f)
{
        bb_str format = bb_json_str(bb_json_get(node, "format"));

        if (bb_json_get(node, "enum") != NULL) {
                compare_enum(where, bb_json_get(node, "enum"), f);
                return;
        }
        if (format.ptr != NULL && bb_str_is(format, "date-time")) {
                if (f->type != BB_T_TIME)
                        complain_at(where, "type", "is no time");
                return;
        }
        if (f->type != BB_T_STR)
                complain_at(where, "type", "is no text");
        else if (bb_json_get(node, "maxLength") != NULL &&
                 bb_json_int(bb_json_get(node, "maxLength"), -1) != (f->max > 0 ? f->max : -1))
                complain_at(where, "maxLength", "differs");
}

static void compare_value(const char *where, bb_json *root, bb_json *node, const struct bb_field *f, int32_t ours)
{
        bb_str type;

        node = resolved(root, node);
        type = bb_json_str(bb_json_get(node, "type"));
        if (bb_str_is(type, "string"))
                compare_text(where, node, f);
        else if (bb_str_is(type, "integer") && f->type != BB_T_INT)
                complain_at(where, "type", "is no integer");
        else if (bb_str_is(type, "number") && f->type != BB_T_DECIMAL)
                complain_at(where, "type", "is no number");
        else if (bb_str_is(type, "boolean") && f->type != BB_T_BOOL)
                complain_at(where, "type", "is no boolean");
        else if (bb_str_is(type, "object"))
                compare_object(where, root, node, f->shape, ours);
        else if (bb_str_is(type, "array") && f->type != BB_T_ARRAY)
                complain_at(where, "type", "is no array");
        else if (bb_str_is(type, "array") && f->shape != NULL)
                compare_object(where, root, resolved(root, bb_json_get(node, "items")), f->shape, ours);
}

/* `ours`: we write it, so that the order counts and no member may be unknown. */
static void compare_object(const char *where, bb_json *root, bb_json *node, const struct bb_shape *shape, int32_t ours)
{
        bb_json *members = bb_json_get(node, "properties");
        size_t last = 0;

        assert_non_null(shape);
        if (bb_json_count(members) != shape->field_count)
                complain_at(where, "members", "are more or fewer");
        for (size_t i = 0; i < bb_json_count(members); i++) {
                bb_str name;
                bb_json *value;
                size_t at = 0;
                const char *path;

                bb_json_member(members, i, &name, &value);
                path = bb_print("%s/%.*s", where, BB_FMT(name)).ptr;
                while (at < shape->field_count && !bb_str_is(name, shape->fields[at].name))
                        at++;
                if (at == shape->field_count) {
                        complain_at(path, "member", "is missing");
                        continue;
                }
                if (ours && at < last)
                        complain_at(path, "order", "differs");
                last = at;
                if (is_required(node, bb_str_c(name)) != (shape->fields[at].flags & BB_REQUIRED))
                        complain_at(path, "required", "differs");
                compare_value(path, root, value, &shape->fields[at], ours);
        }
}

static void compare(const char *action, const char *kind, const struct bb_shape *shape, int32_t ours)
{
        const char *id = bb_print("%s.%s", action, kind).ptr;
        bb_json *schema = schema_of(id);

        compare_object(id, schema, schema, shape, ours);
}

static void what_stations_send_is_what_the_schemas_say(void **state)
{
        (void)state;
        wrong = 0;
        for (size_t i = 0; i < BB_COUNT(from_station); i++) {
                compare(from_station[i].action, "req", from_station[i].request, 0);
                compare(from_station[i].action, "conf", from_station[i].response, 1);
        }
        assert_int_equal(wrong, 0);
}

static void what_is_sent_to_stations_is_what_the_schemas_say(void **state)
{
        (void)state;
        wrong = 0;
        for (size_t i = 0; i < BB_COUNT(to_station); i++) {
                const struct command *c = command_find(bb_cstr(to_station[i]));

                if (c == NULL)
                        fail_msg("there is no command %s", to_station[i]);
                compare(to_station[i], "req", c->request, 1);
                compare(to_station[i], "conf", c->answer, 0);
        }
        assert_int_equal(wrong, 0);
        assert_int_equal(BB_COUNT(commands), BB_COUNT(to_station));
}

/* 39 messages, of which DataTransfer goes both ways. */
static void no_message_is_missing(void **state)
{
        (void)state;
        assert_int_equal(bb_json_count(schemas), 2 * 39);
        assert_int_equal(BB_COUNT(from_station) + BB_COUNT(to_station), 40);
}

static bb_str file_text(const char *path)
{
        static char text[1 << 20];
        FILE *f = fopen(path, "rb");
        size_t len;

        if (f == NULL)
                return BB_NONE;
        len = fread(text, 1, sizeof(text), f);
        fclose(f);
        return (bb_str){.ptr = text, .len = len};
}

/* ./check brings the package before it runs this; without it there is nothing to compare with. */
static int32_t open_schemas(void)
{
        const char *folder = getenv("NODE_FOLDER");
        struct bb_fault fault;
        bb_str text = folder == NULL
                              ? BB_NONE
                              : file_text(bb_print("%s/node_modules/ocpp-rpc/lib/schemas/ocpp1_6.json", folder).ptr);

        return text.ptr != NULL && bb_json_parse(text, &schemas, &fault) == BB_OK;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_stations_send_is_what_the_schemas_say),
                cmocka_unit_test(what_is_sent_to_stations_is_what_the_schemas_say),
                cmocka_unit_test(no_message_is_missing),
        };
        int failed;

        arena_current = arena_new("test");
        if (getenv("NODE_FOLDER") == NULL)
                return 77; /* automake: skipped */
        if (!open_schemas()) {
                fprintf(stderr, "no schemas in $NODE_FOLDER/node_modules/ocpp-rpc\n");
                return 1;
        }
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_free(arena_current);
        return failed;
}
