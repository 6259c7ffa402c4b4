/* SPDX-License-Identifier: Apache-2.0
 *
 * Locations: where stations stand.
 */
#include "domain.h"

#define COLUMNS                                                                                                        \
        "location_id, name, address, city, postal_code, country, time_zone, latitude_e7, longitude_e7, created_at,"    \
        " updated_at, version"

static void location_row(const bb_rows *rows, size_t i, struct bb_location *ret)
{
        *ret = (struct bb_location){
                .id = bb_row_str(rows, i, 0),
                .name = bb_row_str(rows, i, 1),
                .address = bb_row_str(rows, i, 2),
                .city = bb_row_str(rows, i, 3),
                .postal_code = bb_row_str(rows, i, 4),
                .country = bb_row_str(rows, i, 5),
                .time_zone = bb_row_str(rows, i, 6),
                .latitude_e7 = bb_row_int(rows, i, 7, 0),
                .longitude_e7 = bb_row_int(rows, i, 8, 0),
                .created_ms = bb_row_time(rows, i, 9, 0),
                .updated_ms = bb_row_time(rows, i, 10, 0),
                .version = bb_row_int(rows, i, 11, 0),
        };
}

BB_AWAIT bb_err charging_location_get(bb_str id, struct bb_location *ret)
{
        bb_rows *rows;

        if (!text_clean(id, 64))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " COLUMNS " from charging.location where location_id = $1", BB_TEXT(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        location_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_location_list(bb_str after, size_t limit, struct bb_location **ret, size_t *ret_count)
{
        struct bb_location *items;
        bb_rows *rows;
        size_t count;

        if (!text_clean(after, 64))
                return BB_E_INVALID;
        TRY(bb_db_query(
                &rows, "select " COLUMNS " from charging.location where location_id > $1 order by location_id limit $2",
                BB_TEXT(empty_if_none(after)), BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_location, count + 1);
        for (size_t i = 0; i < count; i++)
                location_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

static int is_valid(const struct bb_location *l)
{
        const bb_str texts[] = {l->name, l->address, l->city, l->postal_code, l->country, l->time_zone};

        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                if (!text_clean(texts[i], 1000))
                        return 0;
        }
        return l->id.len >= 1 && text_clean(l->id, 64) && memchr(l->id.ptr, '/', l->id.len) == NULL &&
               l->latitude_e7 >= -900000000 && l->latitude_e7 <= 900000000 && l->longitude_e7 >= -1800000000 &&
               l->longitude_e7 <= 1800000000;
}

BB_AWAIT bb_err charging_location_put(bb_str actor, const struct bb_location *l, int64_t if_version,
                                      int32_t *ret_created)
{
        bb_json *details = bb_json_new_object();
        bb_rows *rows[2];
        bb_err err;

        if (!is_valid(l))
                return BB_E_INVALID;
        bb_json_set_str(details, "name", l->name);
        bb_json_set_str(details, "city", l->city);
        const struct bb_stmt stmts[] = {
                MUST_HIT("insert into charging.location as l (location_id, name, address, city, postal_code, country,"
                         " time_zone, latitude_e7, longitude_e7) select $1, $2, $3, $4, $5, $6, $7, $8, $9"
                         " where $10 <= 0 or exists (select 1 from charging.location where location_id = $1)"
                         " on conflict (tenant_id, location_id) do update set name = excluded.name,"
                         " address = excluded.address, city = excluded.city, postal_code = excluded.postal_code,"
                         " country = excluded.country, time_zone = excluded.time_zone,"
                         " latitude_e7 = excluded.latitude_e7, longitude_e7 = excluded.longitude_e7,"
                         " updated_at = now(), version = l.version + 1 where $10 = 0 or l.version = $10"
                         " returning (l.xmax = 0)",
                         BB_TEXT(l->id), BB_TEXT(l->name), BB_TEXT(l->address), BB_TEXT(l->city),
                         BB_TEXT(l->postal_code), BB_TEXT(l->country), BB_TEXT(l->time_zone), BB_INT(l->latitude_e7),
                         BB_INT(l->longitude_e7), BB_INT(if_version)),
                bb_audit_stmt(actor, "location.put", l->id, bb_json_text(details)),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND)
                return BB_E_PRECONDITION;
        TRY(err);
        *ret_created = bb_row_int(rows[0], 0, 0, 0) != 0;
        return BB_OK;
}

BB_AWAIT bb_err charging_location_delete(bb_str actor, bb_str id, int64_t if_version)
{
        struct bb_location present;
        bb_err err;

        if (!text_clean(id, 64))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                MUST_HIT("delete from charging.location where location_id = $1 and ($2 <= 0 or version = $2)",
                         BB_TEXT(id), BB_INT(if_version)),
                bb_audit_stmt(actor, "location.delete", id, BB_NONE),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err != BB_E_NOT_FOUND)
                return err;
        TRY(charging_location_get(id, &present));
        return BB_E_PRECONDITION;
}
