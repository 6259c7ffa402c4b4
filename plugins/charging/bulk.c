/* SPDX-License-Identifier: Apache-2.0
 *
 * The same command for many stations: one row for it, one operation a station, all written at once. Its job
 * (bulk_job.c) sends them.
 */
#include "operation.h"

#define STATIONS_MAX 100000

/* --- an order --- */

/* A driver of one of the stations has to know the command; each station's own is asked when its turn comes. */
static BB_AWAIT bb_err find_driver(const struct charging *c, const struct bb_bulk_order *order, int64_t *ret_count,
                                   const struct bb_station_driver_ops **ret)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select driver, count(*) from charging.station"
                " where ($1::text[] is null or station_id = any ($1)) and ($2::text is null or location_id = $2)"
                " and ($3::text is null or lower(vendor) = lower($3))"
                " and ($4::text is null or lower(model) = lower($4))"
                " and ($5::text is null or firmware_version = $5) group by driver order by 2 desc",
                order->station_ids != NULL ? BB_TEXT_ARRAY(order->station_ids, order->station_count)
                                           : (struct bb_param){.kind = BB_P_NULL, .null_kind = BB_P_TEXT_ARRAY},
                BB_TEXT(order->location_id), BB_TEXT(order->vendor), BB_TEXT(order->model),
                BB_TEXT(order->firmware_version)));
        *ret = NULL;
        *ret_count = 0;
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                *ret_count += bb_row_int(rows, i, 1, 0);
                if (*ret == NULL)
                        *ret = driver_of(c, bb_row_str(rows, i, 0));
        }
        return BB_OK;
}

/* Where in the list an id is that no station has. */
static BB_AWAIT bb_err find_unknown(const struct bb_bulk_order *order, struct bb_command_result *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select n - 1 from unnest($1::text[]) with ordinality as i (id, n)"
                        " where not exists (select 1 from charging.station where station_id = id) order by n limit 1",
                        BB_TEXT_ARRAY(order->station_ids, order->station_count)));
        ret->outcome = BB_COMMAND_INVALID;
        ret->error_text = BB_STR("There is no such station.");
        if (bb_rows_count(rows) > 0) {
                ret->fault_path = bb_print("/stations/%lld", (long long)bb_row_int(rows, 0, 0, 0));
                return BB_OK;
        }
        ret->error_text = BB_STR("A station is named twice.");
        ret->fault_path = BB_STR("/stations");
        return BB_OK;
}

static bb_str audit_details(const struct bb_bulk_order *order, const bb_json *masked, int64_t count)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "action", order->action);
        bb_json_set_int(details, "stations", count);
        bb_json_set(details, "payload", (bb_json *)masked);
        return bb_json_text(details);
}

static BB_AWAIT bb_err write_all(const struct bb_bulk_order *order, const struct bb_prepared *prepared, bb_str id,
                                 int64_t count)
{
        bb_str whole = bb_json_text(order->payload), kept = payload_to_keep(bb_json_text(prepared->masked));
        bb_str sealed, job = bb_uuid();
        int64_t now = bb_now_ms(), expires = now + (order->expires_ms > 0 ? order->expires_ms : BULK_MS);
        int64_t timeout_ms = order->timeout_ms > 0 ? order->timeout_ms : prepared->timeout_ms;
        int32_t flags = (order->flags & ORDER_FLAGS) | BB_ORDER_LASTING;

        TRY(payload_to_seal(whole, kept, &sealed));
        const struct bb_param stations = order->station_ids != NULL
                                                 ? BB_TEXT_ARRAY(order->station_ids, order->station_count)
                                                 : (struct bb_param){.kind = BB_P_NULL, .null_kind = BB_P_TEXT_ARRAY};
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into charging.bulk (bulk_id, actor, action, payload, sealed, flags, rate_per_second,"
                        " max_failures, timeout_ms, effect_timeout_ms, expires_at, total, job_id, created_at)"
                        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                        BB_UUID(id), BB_TEXT(order->actor), BB_TEXT(order->action), BB_JSONB(kept), BB_BYTES(sealed),
                        BB_INT(flags), BB_INT(order->rate_per_second), BB_INT(order->max_failures), BB_INT(timeout_ms),
                        BB_INT(order->effect_timeout_ms), BB_TIME(expires), BB_INT(count), BB_UUID(job), BB_TIME(now)),
                /* Ids of one time: the stations' own order is that of sending. */
                MUST_HIT("insert into charging.operation (operation_id, station_id, action, actor, bulk_id, flags,"
                         " timeout_ms, effect_timeout_ms, lasting, summary, created_at, expires_at, steps)"
                         " select (left($1::text, 15) || substr(md5($1::text || station_id), 1, 3) || '-8'"
                         " || substr(md5($1::text || station_id), 4, 3) || '-'"
                         " || substr(md5($1::text || station_id), 7, 12))::uuid, station_id, $2, $3, $1, $4, $5, $6,"
                         " true, 'Waiting to be sent.', $7, $8, $9::jsonb from charging.station"
                         " where ($10::text[] is null or station_id = any ($10)) and ($11::text is null or location_id"
                         " = $11) and ($12::text is null or lower(vendor) = lower($12)) and ($13::text is null or"
                         " lower(model) = lower($13)) and ($14::text is null or firmware_version = $14)",
                         BB_UUID(id), BB_TEXT(order->action), BB_TEXT(order->actor), BB_INT(flags),
                         BB_INT(timeout_ms > 0 ? timeout_ms : 30000), BB_INT(order->effect_timeout_ms), BB_TIME(now),
                         BB_TIME(expires), BB_JSONB(step_text("queued", BB_STR("Waiting to be sent."))), stations,
                         BB_TEXT(order->location_id), BB_TEXT(order->vendor), BB_TEXT(order->model),
                         BB_TEXT(order->firmware_version)),
                bb_audit_stmt(order->actor, "bulk.command", id, audit_details(order, prepared->masked, count)),
                bb_job_stmt("charging.bulk", job, bb_print("{\"bulk_id\":\"%.*s\"}", BB_FMT(id))),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static bb_err order_valid(const struct bb_bulk_order *o)
{
        for (size_t i = 0; o->station_ids != NULL && i < o->station_count; i++) {
                if (!text_clean(o->station_ids[i], 64))
                        return BB_E_NOT_FOUND;
        }
        if (!text_clean(o->action, 64) || !text_clean(o->location_id, 64) || !text_clean(o->vendor, 255) ||
            !text_clean(o->model, 255) || !text_clean(o->firmware_version, 255))
                return BB_E_INVALID;
        return o->rate_per_second >= 1 && o->rate_per_second <= 1000 && o->max_failures >= 0 &&
                               o->station_count <= STATIONS_MAX
                       ? BB_OK
                       : BB_E_INVALID;
}

BB_AWAIT bb_err charging_bulk_start(const struct bb_bulk_order *order, struct bb_command_result *ret_fault,
                                    bb_str *ret_id)
{
        STATE(c);
        const struct bb_station_driver_ops *ops;
        struct bb_prepared prepared;
        bb_str id = bb_uuid();
        int64_t count;

        TRY(order_valid(order));
        TRY(find_driver(c, order, &count, &ops));
        if (order->station_ids != NULL && (size_t)count != order->station_count)
                return find_unknown(order, ret_fault);
        if (count == 0)
                return BB_E_NOT_FOUND;
        if (!operation_prepare(c, ops, order->action, order->payload, &prepared, ret_fault))
                return BB_OK;
        TRY(write_all(order, &prepared, id, count));
        *ret_id = id;
        return BB_OK;
}

/* --- as operators see it --- */

#define COLUMNS                                                                                                        \
        "b.bulk_id::text, b.actor, b.action, b.payload::text, b.state, b.rate_per_second, b.max_failures, b.total,"    \
        " b.created_at, b.ended_at, b.version, (select string_agg(k.state || ':' || k.n, ' ') from"                    \
        " (select o.state, count(*) as n from charging.operation o where o.bulk_id = b.bulk_id group by o.state) k)"

/* "0:17 3:4" */
static void counts_read(bb_str text, int64_t *ret)
{
        int64_t state = 0, number = 0;

        for (size_t i = 0; i <= text.len; i++) {
                char ch = i < text.len ? text.ptr[i] : ' ';

                if (ch == ':') {
                        state = number;
                        number = 0;
                } else if (ch == ' ') {
                        if (state >= 0 && state < BB_OPERATION_STATES)
                                ret[state] = number;
                        number = 0;
                } else {
                        number = number * 10 + (ch - '0');
                }
        }
}

static void bulk_row(const bb_rows *rows, size_t i, struct bb_bulk *ret)
{
        bb_str counts = bb_row_str(rows, i, 11);

        *ret = (struct bb_bulk){
                .id = bb_row_str(rows, i, 0),
                .actor = bb_row_str(rows, i, 1),
                .action = bb_row_str(rows, i, 2),
                .payload = bb_row_str(rows, i, 3),
                .state = (int32_t)bb_row_int(rows, i, 4, 0),
                .rate_per_second = bb_row_int(rows, i, 5, 0),
                .max_failures = bb_row_int(rows, i, 6, 0),
                .total = bb_row_int(rows, i, 7, 0),
                .created_ms = bb_row_time(rows, i, 8, 0),
                .ended_ms = bb_row_time(rows, i, 9, 0),
                .version = bb_row_int(rows, i, 10, 0),
        };
        if (counts.len > 0)
                counts_read(counts, ret->counts);
}

BB_AWAIT bb_err charging_bulk_get(bb_str id, struct bb_bulk *ret)
{
        bb_rows *rows;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " COLUMNS " from charging.bulk b where b.bulk_id = $1", BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        bulk_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_bulk_list(bb_str after, size_t limit, struct bb_bulk **ret, size_t *ret_count)
{
        struct bb_bulk *items;
        bb_rows *rows;
        size_t count;

        if (after.ptr != NULL && !uuid_valid(after))
                return BB_E_INVALID;
        TRY(bb_db_query(&rows,
                        "select " COLUMNS " from charging.bulk b where b.bulk_id < $1 order by b.bulk_id desc limit $2",
                        BB_UUID(after.ptr != NULL ? after : LAST_UUID), BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_bulk, count + 1);
        for (size_t i = 0; i < count; i++)
                bulk_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

/* --- paused, resumed, cancelled --- */

static BB_AWAIT bb_err pause_it(bb_str actor, bb_str id)
{
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.bulk set state = 1, version = version + 1 where bulk_id = $1 and state = 0",
                         BB_UUID(id)),
                bb_audit_stmt(actor, "bulk.pause", id, BB_NONE),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static BB_AWAIT bb_err resume_it(bb_str actor, bb_str id)
{
        bb_str job = bb_uuid();
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.bulk set state = 0, job_id = $2, version = version + 1"
                         " where bulk_id = $1 and state = 1",
                         BB_UUID(id), BB_UUID(job)),
                bb_audit_stmt(actor, "bulk.resume", id, BB_NONE),
                bb_job_stmt("charging.bulk", job, bb_print("{\"bulk_id\":\"%.*s\"}", BB_FMT(id))),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static BB_AWAIT bb_err cancel_it(bb_str actor, bb_str id)
{
        TRY(bulk_close(id, BB_BULK_CANCELLED, bb_print("Cancelled by %.*s before it was sent.", BB_FMT(actor))));
        const struct bb_stmt audit = bb_audit_stmt(actor, "bulk.cancel", id, BB_NONE);

        return bb_db_run(&audit, 1, NULL);
}

BB_AWAIT bb_err charging_bulk_change(bb_str actor, bb_str id, int32_t state)
{
        STATE(c);
        struct bb_bulk now;
        bb_err err;

        TRY(charging_bulk_get(id, &now));
        if (state == BB_BULK_PAUSED)
                err = pause_it(actor, id);
        else if (state == BB_BULK_RUNNING)
                err = resume_it(actor, id);
        else if (state == BB_BULK_CANCELLED)
                err = cancel_it(actor, id);
        else
                return BB_E_INVALID;
        for (struct bulk_run *run = c->operations->bulks; run != NULL; run = run->next) {
                if (err == BB_OK && bb_str_is(id, run->id))
                        run->stop = state != BB_BULK_RUNNING;
        }
        return err == BB_E_NOT_FOUND ? BB_E_CONFLICT : err;
}
