/* SPDX-License-Identifier: Apache-2.0
 *
 * A station's connection: it begins, the station boots, it ends. Every write names the epoch of its connection; one
 * that has been replaced changes nothing and is told so by BB_E_CONFLICT.
 */
#include "domain.h"

/* Nothing was changed. Was it so already (a repetition), or is the connection not the station's any more? */
static BB_AWAIT bb_err already(const struct bb_station_ref *who, int32_t online)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select 1 from charging.station where station_id = $1 and epoch = $2 and online = $3",
                        BB_TEXT(who->station_id), BB_INT(who->epoch), BB_BOOL(online)));
        return bb_rows_count(rows) > 0 ? BB_OK : BB_E_CONFLICT;
}

static bb_str link_payload(const struct bb_station_ref *who, bb_str remote, bb_str reason)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "station_id", who->station_id);
        bb_json_set_str(payload, "remote", remote);
        bb_json_set_str(payload, "reason", reason);
        return bb_json_text(payload);
}

BB_AWAIT bb_err charging_online(const struct bb_station_ref *who, bb_str remote)
{
        STATE(c);
        bb_str from = report_text(remote, 64);
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.station set epoch = $2, online = true, remote = $3, connected_at = $4,"
                         " last_seen_at = $4, lease_at = $4 where station_id = $1 and epoch_last >= $2"
                         " and (epoch < $2 or (epoch = $2 and not online))",
                         BB_TEXT(who->station_id), BB_INT(who->epoch), BB_TEXT(from), BB_TIME(bb_now_ms())),
                bb_event_stmt("station.connected", who->station_id, link_payload(who, from, BB_NONE)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        if (err == BB_E_NOT_FOUND)
                err = already(who, 1);
        TRY(err);
        presence_live(&c->presence, who->station_id, who->epoch, 1, bb_now_ms());
        return BB_OK;
}

BB_AWAIT bb_err charging_offline(const struct bb_station_ref *who, bb_str reason)
{
        STATE(c);
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.station set online = false, disconnected_at = $3"
                         " where station_id = $1 and epoch = $2 and online",
                         BB_TEXT(who->station_id), BB_INT(who->epoch), BB_TIME(bb_now_ms())),
                bb_event_stmt("station.disconnected", who->station_id,
                              link_payload(who, BB_NONE, report_text(reason, 255))),
        };
        bb_err err;

        presence_live(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? already(who, 0) : err;
}

static bb_str boot_payload(bb_str station_id, const struct bb_boot *boot)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "station_id", station_id);
        bb_json_set_str(payload, "vendor", boot->vendor);
        bb_json_set_str(payload, "model", boot->model);
        bb_json_set_str(payload, "firmware_version", boot->firmware_version);
        return bb_json_text(payload);
}

BB_AWAIT bb_err charging_boot(const struct bb_station_ref *who, const struct bb_boot *said)
{
        STATE(c);
        /* Longer than OCPP allows: stations in the field say up to 255 characters. */
        const struct bb_boot boot = {
                .vendor = report_text(said->vendor, 255),
                .model = report_text(said->model, 255),
                .serial_number = report_text(said->serial_number, 255),
                .firmware_version = report_text(said->firmware_version, 255),
                .iccid = report_text(said->iccid, 255),
                .imsi = report_text(said->imsi, 255),
                .meter_type = report_text(said->meter_type, 255),
                .meter_serial_number = report_text(said->meter_serial_number, 255),
        };
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.station set vendor = $3, model = $4, serial_number = $5, firmware_version = "
                         "$6,"
                         " iccid = $7, imsi = $8, meter_type = $9, meter_serial_number = $10, boot_at = $11,"
                         " last_seen_at = $11 where station_id = $1 and epoch = $2",
                         BB_TEXT(who->station_id), BB_INT(who->epoch), BB_TEXT(boot.vendor), BB_TEXT(boot.model),
                         BB_TEXT(boot.serial_number), BB_TEXT(boot.firmware_version), BB_TEXT(boot.iccid),
                         BB_TEXT(boot.imsi), BB_TEXT(boot.meter_type), BB_TEXT(boot.meter_serial_number),
                         BB_TIME(bb_now_ms())),
                bb_event_stmt("station.booted", who->station_id, boot_payload(who->station_id, &boot)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        presence_seen(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
        return err == BB_E_NOT_FOUND ? BB_E_CONFLICT : err;
}

void charging_clock_seen(const struct bb_station_ref *who, int64_t at_ms)
{
        struct charging *c = charging_state();

        if (c != NULL)
                presence_seen(&c->presence, who->station_id, who->epoch, time_clamp(at_ms != 0 ? at_ms : 1),
                              bb_now_ms());
}

void charging_station_seen(const struct bb_station_ref *who)
{
        struct charging *c = charging_state();

        if (c != NULL)
                presence_seen(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
}
