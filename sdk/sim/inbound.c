/* SPDX-License-Identifier: Apache-2.0
 *
 * CALLs of the central system: the Core profile and TriggerMessage, and NotImplemented for the rest. The answer goes
 * out first, then its effect follows.
 */
#include "sim.h"

struct answer {
        const char *error; /* a CALLERROR's code, instead of the payload */
        struct buf payload;
        void (*effect)(struct station *, const bb_json *payload);
};

static void put_status(struct answer *ret, const char *status)
{
        buf_print(&ret->payload, "{\"status\":\"%s\"}", status);
}

static int64_t number(const bb_json *payload, const char *name, int64_t otherwise)
{
        return bb_json_int(bb_json_get(payload, name), otherwise);
}

static bb_str text(const bb_json *payload, const char *name)
{
        return bb_json_str(bb_json_get(payload, name));
}

static struct connector *connector_of(struct station *st, int64_t id)
{
        return id >= 1 && id <= st->connector_count ? &st->connectors[id - 1] : NULL;
}

/* --- OCPP 1.6 §5.11, §5.12 --- */

static void remote_start(struct station *st, const bb_json *payload, struct answer *ret)
{
        bb_str tag = text(payload, "idTag");
        int64_t connector = number(payload, "connectorId", 0);

        if (tag.ptr == NULL || tag.len == 0 || tag.len >= TAG_ROOM) {
                ret->error = "PropertyConstraintViolation";
                return;
        }
        if (st->out_of_service || st->resetting || connector < 0 || connector > st->connector_count) {
                put_status(ret, "Rejected");
                return;
        }
        put_status(ret, story_remote_start(st, (int32_t)connector, tag) ? "Accepted" : "Rejected");
}

static struct connector *with_transaction(struct station *st, const bb_json *payload)
{
        int64_t id = number(payload, "transactionId", 0);

        for (int i = 0; i < st->connector_count; i++)
                if (st->connectors[i].tx != NULL && id > 0 && st->connectors[i].tx->id == id)
                        return &st->connectors[i];
        return NULL;
}

static void stop_remotely(struct station *st, const bb_json *payload)
{
        struct connector *c = with_transaction(st, payload);

        if (c != NULL)
                story_stop(st, c, "Remote");
}

static void remote_stop(struct station *st, const bb_json *payload, struct answer *ret)
{
        if (bb_json_kind(bb_json_get(payload, "transactionId")) != BB_J_INT) {
                ret->error = "FormationViolation";
                return;
        }
        put_status(ret, with_transaction(st, payload) != NULL ? "Accepted" : "Rejected");
        ret->effect = stop_remotely;
}

/* --- §5.14 --- */

static void do_reset(struct station *st, const bb_json *payload)
{
        const char *reason = bb_str_is(text(payload, "type"), "Hard") ? "HardReset" : "SoftReset";

        for (int i = 0; i < st->connector_count; i++)
                if (st->connectors[i].tx != NULL)
                        story_stop(st, &st->connectors[i], reason);
        station_reset(st);
}

static void reset(struct station *st, const bb_json *payload, struct answer *ret)
{
        bb_str type = text(payload, "type");

        (void)st;
        if (!bb_str_is(type, "Hard") && !bb_str_is(type, "Soft")) {
                ret->error = "PropertyConstraintViolation";
                return;
        }
        put_status(ret, "Accepted");
        ret->effect = do_reset;
}

/* --- §5.2 --- */

static void change_service(struct station *st, const bb_json *payload)
{
        int64_t id = number(payload, "connectorId", -1);
        int in_service = bb_str_is(text(payload, "type"), "Operative");

        if (id == 0) {
                st->out_of_service = !in_service;
                story_report_status(st, 0);
        }
        for (int i = 0; i < st->connector_count; i++)
                if (id == 0 || id == i + 1)
                        story_set_service(st, &st->connectors[i], in_service);
}

static void change_availability(struct station *st, const bb_json *payload, struct answer *ret)
{
        int64_t id = number(payload, "connectorId", -1);
        bb_str type = text(payload, "type");
        int busy = 0;

        if (!bb_str_is(type, "Operative") && !bb_str_is(type, "Inoperative")) {
                ret->error = "PropertyConstraintViolation";
                return;
        }
        if (id < 0 || id > st->connector_count) {
                put_status(ret, "Rejected");
                return;
        }
        for (int i = 0; i < st->connector_count; i++)
                busy |= (id == 0 || id == i + 1) && st->connectors[i].tx != NULL;
        put_status(ret, busy && bb_str_is(type, "Inoperative") ? "Scheduled" : "Accepted");
        ret->effect = change_service;
}

/* --- §5.3, §5.8 --- */

static void change_configuration(struct station *st, const bb_json *payload, struct answer *ret)
{
        bb_str key = text(payload, "key"), value = text(payload, "value");

        if (key.ptr == NULL || value.ptr == NULL) {
                ret->error = "FormationViolation";
                return;
        }
        put_status(ret, key_change(st, key, value));
}

static void add_key(struct buf *to, const struct station *st, const struct key *key)
{
        if (to->ptr[to->len - 1] == '}')
                buf_add_char(to, ',');
        buf_print(to, "{\"key\":\"%s\",\"readonly\":%s,\"value\":", key->name,
                  key->flags & KEY_READONLY ? "true" : "false");
        buf_add_json_str(to, key->flags & KEY_SECRET ? BB_STR("") : key_value(st, key));
        buf_add_char(to, '}');
}

static void get_configuration(struct station *st, const bb_json *payload, struct answer *ret)
{
        const bb_json *wanted = bb_json_get(payload, "key");
        struct buf unknown = {0};

        buf_add_c(&ret->payload, "{\"configurationKey\":[");
        for (size_t i = 0; wanted == NULL && i < key_count; i++)
                add_key(&ret->payload, st, &key_table[i]);
        for (size_t i = 0; wanted != NULL && i < bb_json_count(wanted); i++) {
                bb_str name = bb_json_str(bb_json_at(wanted, i));
                const struct key *key = key_find(name);

                if (key != NULL) {
                        add_key(&ret->payload, st, key);
                        continue;
                }
                buf_add_c(&unknown, unknown.len > 0 ? "," : "");
                buf_add_json_str(&unknown, name);
        }
        buf_print(&ret->payload, "],\"unknownKey\":[%.*s]}", BB_FMT(buf_str(&unknown)));
        buf_free(&unknown);
}

/* --- §5.4, §5.6, §5.18 --- */

static void clear_cache(struct station *st, const bb_json *payload, struct answer *ret)
{
        (void)st;
        (void)payload;
        put_status(ret, "Accepted");
}

static void data_transfer(struct station *st, const bb_json *payload, struct answer *ret)
{
        bb_str vendor = text(payload, "vendorId");

        (void)st;
        if (vendor.ptr == NULL)
                ret->error = "FormationViolation";
        else
                put_status(ret, bb_str_is(vendor, "org.busbar.sim") ? "Accepted" : "UnknownVendorId");
}

static void do_unlock(struct station *st, const bb_json *payload)
{
        struct connector *c = connector_of(st, number(payload, "connectorId", 0));

        if (c->tx != NULL)
                story_stop(st, c, "UnlockCommand");
}

static void unlock_connector(struct station *st, const bb_json *payload, struct answer *ret)
{
        if (connector_of(st, number(payload, "connectorId", 0)) == NULL) {
                put_status(ret, "NotSupported");
                return;
        }
        put_status(ret, "Unlocked");
        ret->effect = do_unlock;
}

/* --- §5.17 --- */

static void trigger_boot(struct station *st, int32_t connector)
{
        (void)connector;
        st->boot_at = 0;
        station_schedule(st);
}

static void put_text(struct station *st, enum action action, const char *payload_text)
{
        struct buf payload = {0};

        buf_add_c(&payload, payload_text);
        outbox_put(st, action, 0, NULL, &payload);
}

static void trigger_heartbeat(struct station *st, int32_t connector)
{
        (void)connector;
        put_text(st, HEARTBEAT, "{}");
}

static void trigger_meter(struct station *st, int32_t connector)
{
        for (int32_t i = 1; i <= st->connector_count; i++)
                if (connector < 0 || connector == i)
                        story_sample(st, &st->connectors[i - 1], "Trigger");
}

static void trigger_status(struct station *st, int32_t connector)
{
        for (int32_t i = 0; i <= st->connector_count; i++)
                if (connector < 0 || connector == i)
                        story_report_status(st, i);
}

static void trigger_diagnostics(struct station *st, int32_t connector)
{
        (void)connector;
        put_text(st, DIAGNOSTICS_STATUS, "{\"status\":\"Idle\"}");
}

static void trigger_firmware(struct station *st, int32_t connector)
{
        (void)connector;
        put_text(st, FIRMWARE_STATUS, "{\"status\":\"Idle\"}");
}

static const struct {
        const char *message;
        void (*send)(struct station *, int32_t connector);
} triggers[] = {
        {"BootNotification", trigger_boot},
        {"DiagnosticsStatusNotification", trigger_diagnostics},
        {"FirmwareStatusNotification", trigger_firmware},
        {"Heartbeat", trigger_heartbeat},
        {"MeterValues", trigger_meter},
        {"StatusNotification", trigger_status},
};

static void do_trigger(struct station *st, const bb_json *payload)
{
        for (size_t i = 0; i < BB_COUNT(triggers); i++)
                if (bb_str_is(text(payload, "requestedMessage"), triggers[i].message))
                        triggers[i].send(st, (int32_t)number(payload, "connectorId", -1));
}

static void trigger_message(struct station *st, const bb_json *payload, struct answer *ret)
{
        int64_t connector = number(payload, "connectorId", -1);
        const char *status = "NotImplemented";

        for (size_t i = 0; i < BB_COUNT(triggers); i++)
                if (bb_str_is(text(payload, "requestedMessage"), triggers[i].message))
                        status = "Accepted";
        if (connector > st->connector_count)
                status = "Rejected";
        if (strcmp(status, "Accepted") == 0)
                ret->effect = do_trigger;
        put_status(ret, status);
}

/* --- all --- */

static const struct {
        const char *action;
        void (*answer)(struct station *, const bb_json *payload, struct answer *);
} actions[] = {
        {"ChangeAvailability", change_availability},
        {"ChangeConfiguration", change_configuration},
        {"ClearCache", clear_cache},
        {"DataTransfer", data_transfer},
        {"GetConfiguration", get_configuration},
        {"RemoteStartTransaction", remote_start},
        {"RemoteStopTransaction", remote_stop},
        {"Reset", reset},
        {"TriggerMessage", trigger_message},
        {"UnlockConnector", unlock_connector},
};

static void send_answer(struct station *st, bb_str id, const struct answer *a)
{
        struct buf frame = {0};

        buf_add_c(&frame, a->error != NULL ? "[4," : "[3,");
        buf_add_json_str(&frame, id);
        if (a->error != NULL)
                buf_print(&frame, ",\"%s\",\"\",{}]", a->error);
        else
                buf_print(&frame, ",%.*s]", BB_FMT(buf_str(&a->payload)));
        station_send_raw(st, buf_str(&frame));
        buf_free(&frame);
}

void inbound_call(struct station *st, bb_str id, bb_str action, const bb_json *payload)
{
        struct answer a = {.error = "NotImplemented"};

        for (size_t i = 0; i < BB_COUNT(actions); i++) {
                if (!bb_str_is(action, actions[i].action))
                        continue;
                a.error = NULL;
                if (bb_json_kind(payload) == BB_J_OBJECT)
                        actions[i].answer(st, payload, &a);
                else
                        a.error = "FormationViolation";
        }
        send_answer(st, id, &a);
        if (a.error == NULL && a.effect != NULL)
                a.effect(st, payload);
        buf_free(&a.payload);
}
