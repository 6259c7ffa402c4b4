/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands to a station: the domain finds the driver that admitted it, audits, and hands over.
 */
#include "domain.h"

const struct bb_station_driver_ops *driver_of(const struct charging *c, bb_str name)
{
        const struct bb_station_driver_ops *ops;
        bb_str plugin;

        for (size_t i = 0; name.len > 0; i++) {
                ops = bb_host_->provider(bb_self_, "station_driver/1", i, &plugin);
                if (ops == NULL)
                        return NULL;
                if (bb_str_eq(plugin, name))
                        return bb_tenant_has(c->tenant, bb_str_c(name)) ? ops : NULL;
        }
        return NULL;
}

/* Whether a payload may stand in the audit log: keys and passwords that it sets may not. */
static int has_secret(bb_str text)
{
        static const char *const words[] = {"authorizationkey", "password", "secret"};

        for (size_t w = 0; w < BB_COUNT(words); w++) {
                size_t len = strlen(words[w]);

                for (size_t i = 0; i + len <= text.len; i++) {
                        if (text_same_nocase((bb_str){text.ptr + i, len}, bb_cstr(words[w])))
                                return 1;
                }
        }
        return 0;
}

static bb_str audit_details(bb_str action, const bb_json *payload)
{
        bb_json *details = bb_json_new_object(), *copy;
        bb_str text = bb_json_text(payload);
        struct bb_fault fault;

        bb_json_set_str(details, "action", action);
        if (text.len <= 4096 && !has_secret(text) && bb_json_parse(text, &copy, &fault) == BB_OK)
                bb_json_set(details, "payload", copy);
        else
                bb_json_set_str(details, "payload", BB_STR("not recorded: long, or holds a secret"));
        return bb_json_text(details);
}

/* The entry is written before the command goes out: none goes out unaudited. */
BB_AWAIT bb_err charging_command(bb_str actor, bb_str station_id, bb_str action, const bb_json *payload,
                                 int64_t timeout_ms, struct bb_command_result *ret)
{
        STATE(c);
        const struct bb_station_driver_ops *ops;
        uint32_t size = ret->size;
        bb_rows *rows[2];
        bb_err err;

        if (!station_id_valid(station_id) || !text_clean(action, 64))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                MUST_HIT("select driver from charging.station where station_id = $1", BB_TEXT(station_id)),
                bb_audit_stmt(actor, "station.command", station_id, audit_details(action, payload)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        ops = driver_of(c, bb_row_str(rows[0], 0, 0));
        if (ops == NULL) {
                ret->outcome = BB_COMMAND_OFFLINE;
                return BB_OK;
        }
        err = ops->command(c->tenant, station_id, action, payload, timeout_ms, ret);
        ret->size = size;
        bb_log(BB_DEBUG, "station.command", "A command was sent to a station.", bb_kv_str("station", station_id),
               bb_kv_str("action", action), bb_kv_str("actor", actor), bb_kv_int("outcome", ret->outcome),
               bb_kv_int("latency_ms", ret->latency_ms), bb_kv_err(err));
        return err;
}

BB_AWAIT void station_disconnect(struct charging *c, bb_str station_id, bb_str driver, bb_str reason)
{
        const struct bb_station_driver_ops *ops = driver_of(c, driver);
        bb_err err = ops != NULL ? ops->disconnect(c->tenant, station_id, reason) : BB_OK;

        if (err < 0 && err != BB_E_OFFLINE && err != BB_E_NOT_FOUND)
                bb_log(BB_WARN, "station.disconnect_failed", "A station's connection could not be ended.",
                       bb_kv_str("station", station_id), bb_kv_err(err));
}
