/* SPDX-License-Identifier: Apache-2.0
 *
 * Stations as operators see and change them.
 */
#include "domain.h"

#define COLUMNS                                                                                                        \
        "s.station_id, s.name, s.location_id, s.admission, s.driver, s.protocol, s.vendor, s.model, s.serial_number,"  \
        " s.firmware_version, s.iccid, s.imsi, s.meter_type, s.meter_serial_number, s.online,"                         \
        " s.password_mac is not null, s.remote, s.connected_at, s.disconnected_at, s.last_seen_at, s.boot_at,"         \
        " s.created_at, s.updated_at, s.clock_drift_ms, s.epoch, s.version, s.security_profile,"                       \
        " s.next_mac is not null"

static void station_row(const bb_rows *rows, size_t i, struct bb_station *ret)
{
        *ret = (struct bb_station){
                .id = bb_row_str(rows, i, 0),
                .name = bb_row_str(rows, i, 1),
                .location_id = bb_row_str(rows, i, 2),
                .admission = (int32_t)bb_row_int(rows, i, 3, 0),
                .driver = bb_row_str(rows, i, 4),
                .protocol = bb_row_str(rows, i, 5),
                .vendor = bb_row_str(rows, i, 6),
                .model = bb_row_str(rows, i, 7),
                .serial_number = bb_row_str(rows, i, 8),
                .firmware_version = bb_row_str(rows, i, 9),
                .iccid = bb_row_str(rows, i, 10),
                .imsi = bb_row_str(rows, i, 11),
                .meter_type = bb_row_str(rows, i, 12),
                .meter_serial_number = bb_row_str(rows, i, 13),
                .online = bb_row_int(rows, i, 14, 0) != 0,
                .has_password = bb_row_int(rows, i, 15, 0) != 0,
                .remote = bb_row_str(rows, i, 16),
                .connected_ms = bb_row_time(rows, i, 17, 0),
                .disconnected_ms = bb_row_time(rows, i, 18, 0),
                .last_seen_ms = bb_row_time(rows, i, 19, 0),
                .boot_ms = bb_row_time(rows, i, 20, 0),
                .created_ms = bb_row_time(rows, i, 21, 0),
                .updated_ms = bb_row_time(rows, i, 22, 0),
                .clock_drift_ms = bb_row_int(rows, i, 23, 0),
                .epoch = bb_row_int(rows, i, 24, 0),
                .version = bb_row_int(rows, i, 25, 0),
                .security_profile = (int32_t)bb_row_int(rows, i, 26, 0),
                .password_changing = bb_row_int(rows, i, 27, 0) != 0,
        };
}

BB_AWAIT bb_err charging_station_get(bb_str id, struct bb_station *ret)
{
        struct bb_connector *connectors;
        bb_rows *rows[2];

        if (!station_id_valid(id))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                BB_STMT("select " COLUMNS " from charging.station s where s.station_id = $1", BB_TEXT(id)),
                connector_list_stmt(&BB_TEXT(id)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        if (bb_rows_count(rows[0]) == 0)
                return BB_E_NOT_FOUND;
        station_row(rows[0], 0, ret);
        connector_rows(rows[1], &connectors, &ret->connectors.count);
        ret->connectors.items = connectors;
        return BB_OK;
}

BB_AWAIT bb_err charging_station_list(const struct bb_station_filter *f, bb_str after, size_t limit,
                                      struct bb_station **ret, size_t *ret_count)
{
        char *pattern = f->search.len > 0 && f->search.len <= 200 ? bb_alloc(2 * f->search.len + 2) : NULL;
        bb_str like = {.ptr = pattern, .len = pattern != NULL ? text_like(f->search, pattern) : 0};
        struct bb_station *items;
        bb_rows *rows;
        size_t count;

        if (!text_clean(f->search, 200) || !text_clean(f->location_id, 64) || !text_clean(after, 64))
                return BB_E_INVALID;
        TRY(bb_db_query(&rows,
                        "select " COLUMNS " from charging.station s where s.station_id > $1 and ($2::text is null"
                        " or s.station_id ilike $2 or s.name ilike $2 or s.vendor ilike $2 or s.model ilike $2"
                        " or s.serial_number ilike $2) and ($3::text is null or s.location_id = $3)"
                        " and ($4 < 0 or s.online = ($4 = 1)) and ($5 < 0 or s.admission = $5)"
                        " order by s.station_id limit $6",
                        BB_TEXT(empty_if_none(after)), BB_TEXT(like), BB_TEXT(none_if_empty(f->location_id)),
                        BB_INT(f->online), BB_INT(f->admission), BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_station, count + 1);
        for (size_t i = 0; i < count; i++)
                station_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

static int sets(const struct bb_station_change *change, uint64_t what)
{
        return (change->present & what) != 0;
}

static int is_valid(const struct bb_station_change *change)
{
        if (sets(change, BB_STATION_SET_NAME) && !text_clean(change->name, 400))
                return 0;
        if (sets(change, BB_STATION_SET_LOCATION) && !text_clean(change->location_id, 64))
                return 0;
        if (sets(change, BB_STATION_SET_PASSWORD) && change->password.len > 0 && !password_valid(change->password))
                return 0;
        if (sets(change, BB_STATION_SET_PROFILE) &&
            (change->security_profile < BB_PROFILE_NONE || change->security_profile > BB_PROFILE_CERTIFICATE))
                return 0;
        return !sets(change, BB_STATION_SET_ADMISSION) ||
               (change->admission >= BB_STATION_ADMITTED && change->admission <= BB_STATION_BLOCKED);
}

static bb_str put_details(const struct bb_station_change *change)
{
        static const char *const admissions[] = {"admitted", "pending", "blocked"};
        bb_json *details = bb_json_new_object();

        if (sets(change, BB_STATION_SET_NAME))
                bb_json_set_str(details, "name", change->name);
        if (sets(change, BB_STATION_SET_LOCATION))
                bb_json_set_str(details, "location_id", change->location_id);
        if (sets(change, BB_STATION_SET_PASSWORD))
                bb_json_set_str(details, "password", change->password.len > 0 ? BB_STR("set") : BB_STR("cleared"));
        if (sets(change, BB_STATION_SET_ADMISSION))
                bb_json_set_str(details, "admission", bb_cstr(admissions[change->admission]));
        if (sets(change, BB_STATION_SET_PROFILE))
                bb_json_set_int(details, "security_profile", change->security_profile);
        return bb_json_text(details);
}

/* What the update returns. */
struct put {
        int32_t created, cut; /* cut: whoever is connected must show the new credentials, or may not any more */
        bb_str driver;
};

static BB_AWAIT bb_err put_write(bb_str actor, bb_str id, const struct bb_station_change *change,
                                 const struct password_macs *macs, int64_t if_version, struct put *ret)
{
        bb_rows *rows[2];
        bb_err err;
        const struct bb_stmt stmts[] = {
                MUST_HIT("insert into charging.station as s (station_id, name, location_id, password_mac,"
                         " password_mac_hex, admission, security_profile)"
                         " select $1, $3, $5, $7, $11, $9, $13"
                         " where $10 <= 0 or exists (select 1 from charging.station where station_id = $1)"
                         " on conflict (tenant_id, station_id) do update set"
                         " name = case when $2 then excluded.name else s.name end,"
                         " location_id = case when $4 then excluded.location_id else s.location_id end,"
                         " password_mac = case when $6 then excluded.password_mac else s.password_mac end,"
                         " password_mac_hex = case when $6 then excluded.password_mac_hex else s.password_mac_hex end,"
                         " next_mac = case when $6 then null else s.next_mac end,"
                         " next_mac_hex = case when $6 then null else s.next_mac_hex end,"
                         " security_profile = case when $12 then excluded.security_profile"
                         " when $6 and $7 is null and s.security_profile < 3 then 0 else s.security_profile end,"
                         " admission = case when $8 then excluded.admission else s.admission end,"
                         " updated_at = now(), version = s.version + 1 where $10 = 0 or s.version = $10"
                         " returning (s.xmax = 0), s.driver, s.online",
                         BB_TEXT(id), BB_BOOL(sets(change, BB_STATION_SET_NAME)), BB_TEXT(change->name),
                         BB_BOOL(sets(change, BB_STATION_SET_LOCATION)), BB_TEXT(none_if_empty(change->location_id)),
                         BB_BOOL(sets(change, BB_STATION_SET_PASSWORD)), BB_BYTES(password_mac(macs)),
                         BB_BOOL(sets(change, BB_STATION_SET_ADMISSION)), BB_INT(change->admission), BB_INT(if_version),
                         BB_BYTES(password_mac_hex(macs)), BB_BOOL(sets(change, BB_STATION_SET_PROFILE)),
                         BB_INT(change->security_profile)),
                bb_audit_stmt(actor, "station.put", id, put_details(change)),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND)
                return BB_E_PRECONDITION;
        if (err == BB_E_CONFLICT)
                return BB_E_NOT_FOUND; /* the foreign key: no such location */
        TRY(err);
        *ret = (struct put){
                .created = bb_row_int(rows[0], 0, 0, 0) != 0,
                .driver = bb_row_str(rows[0], 0, 1),
                .cut = sets(change, BB_STATION_SET_PASSWORD) || sets(change, BB_STATION_SET_PROFILE) ||
                       (sets(change, BB_STATION_SET_ADMISSION) && change->admission != BB_STATION_ADMITTED)};
        return BB_OK;
}

BB_AWAIT bb_err charging_station_put(bb_str actor, bb_str id, const struct bb_station_change *reported,
                                     int64_t if_version, int32_t *ret_created)
{
        STATE(c);
        struct bb_station_change change = *reported;
        struct password_macs macs, *stored = NULL;
        struct put put;

        if (!station_id_valid(id) || !is_valid(&change))
                return BB_E_INVALID;
        if (!sets(&change, BB_STATION_SET_ADMISSION))
                change.admission = BB_STATION_ADMITTED; /* of a new one */
        if (!sets(&change, BB_STATION_SET_PROFILE))
                change.security_profile = BB_PROFILE_NONE; /* of a new one */
        if (!sets(&change, BB_STATION_SET_NAME))
                change.name = BB_NONE;
        if (!sets(&change, BB_STATION_SET_LOCATION))
                change.location_id = BB_NONE;
        if (sets(&change, BB_STATION_SET_PASSWORD) && change.password.len > 0) {
                TRY(password_macs(id, change.password, &macs));
                stored = &macs;
        }
        TRY(put_write(actor, id, &change, stored, if_version, &put));
        if (put.cut && !put.created)
                station_disconnect(c, id, put.driver, BB_STR("credentials or admission changed"));
        *ret_created = put.created;
        return BB_OK;
}

BB_AWAIT bb_err charging_station_delete(bb_str actor, bb_str id, int64_t if_version)
{
        STATE(c);
        struct bb_station present;
        bb_rows *rows[2];
        bb_err err;

        if (!station_id_valid(id))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                MUST_HIT("delete from charging.station where station_id = $1 and ($2 <= 0 or version = $2) returning "
                         "driver",
                         BB_TEXT(id), BB_INT(if_version)),
                bb_audit_stmt(actor, "station.delete", id, BB_NONE),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND) {
                TRY(charging_station_get(id, &present));
                return BB_E_PRECONDITION;
        }
        TRY(err);
        station_disconnect(c, id, bb_row_str(rows[0], 0, 0), BB_STR("the station was deleted"));
        return BB_OK;
}
