/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station reports and fits nothing: acknowledged, kept here, raised, never billed by itself. A station that does
 * so without end is slowed down, never refused.
 */
#include "domain.h"

#define SLOW_DOWN_MS 900
#define PRUNE_AT_ONCE "5000"

int review_event(struct charging *c, bb_str station_id, bb_str session_id, const char *reason, struct bb_new_event *ret)
{
        bb_json *payload;

        if (!limiter_take(&c->reviews, station_id, BB_NONE, bb_mono_ms(), NULL))
                return 0;
        payload = bb_json_new_object();
        bb_json_set_str(payload, "station_id", station_id);
        bb_json_set_str(payload, "session_id", session_id);
        bb_json_set_str(payload, "reason", bb_cstr(reason));
        *ret = (struct bb_new_event){.topic = "session.review", .key = station_id, .payload = bb_json_text(payload)};
        return 1;
}

static bb_str as_uuid(const uint8_t b[16])
{
        return bb_print("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                        b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static bb_str report_digest(const struct aside *a, bb_str raw)
{
        uint8_t digest[32];

        bb_sha256(bb_print("%s\n%s\n%.*s", a->kind, a->reason, BB_FMT(raw)), digest);
        return as_uuid(digest);
}

BB_AWAIT bb_err review_keep(struct charging *c, const struct bb_station_ref *who, const struct aside *a)
{
        bb_str raw = bb_json_text(a->raw);
        struct bb_stmt stmts[2];
        struct bb_new_event event;
        size_t count = 1;
        bb_err err;

        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "charging_reports_aside_total", "Reports kept aside for review.",
                                    bb_kv_cstr("kind", a->kind)),
                      1);
        if (!limiter_take(&c->asides, who->station_id, BB_NONE, bb_mono_ms(), NULL))
                TRY(bb_sleep(SLOW_DOWN_MS));
        const struct bb_stmt keep = MUST_HIT(
                "insert into charging.aside as a (aside_id, station_id, kind, reason, transaction_id, digest, raw,"
                " first_at, last_at) select $1, $2, $4, $5, $6, $7, $8, $9, $9 from charging.station"
                " where station_id = $2 and epoch = $3"
                " on conflict (tenant_id, station_id, digest) do update set last_at = excluded.last_at, count = "
                "a.count + 1",
                BB_UUID(bb_uuid()), BB_TEXT(who->station_id), BB_INT(who->epoch), BB_CTEXT(a->kind),
                BB_CTEXT(a->reason), BB_INT(a->transaction_id), BB_UUID(report_digest(a, raw)), BB_JSONB(raw),
                BB_TIME(bb_now_ms()));

        stmts[0] = keep;
        if (review_event(c, who->station_id, BB_NONE, a->reason, &event)) {
                bb_log(BB_WARN, "session.review", "A report fits no session and was kept aside.",
                       bb_kv_str("station", who->station_id), bb_kv_cstr("kind", a->kind),
                       bb_kv_cstr("reason", a->reason), bb_kv_int("transaction_id", a->transaction_id));
                stmts[count++] = bb_event_list_stmt(&event, 1);
        }
        err = bb_db_run(stmts, count, NULL);
        return err == BB_E_NOT_FOUND ? BB_E_CONFLICT : err;
}

BB_AWAIT bb_err review_prune(struct charging *c)
{
        int64_t before = bb_now_ms() - c->config->review_days * 86400000;

        return bb_db_query(NULL,
                           "delete from charging.aside where aside_id in (select aside_id from charging.aside"
                           " where last_at < $1 order by last_at limit " PRUNE_AT_ONCE ")",
                           BB_TIME(before));
}

#define COLUMNS                                                                                                        \
        "aside_id::text, station_id, kind, reason, transaction_id, raw::text, first_at, last_at, count, state,"        \
        " session_id::text, settled_by, settled_note, settled_at, version"

static void aside_row(const bb_rows *rows, size_t i, struct bb_aside *ret)
{
        *ret = (struct bb_aside){
                .id = bb_row_str(rows, i, 0),
                .station_id = bb_row_str(rows, i, 1),
                .kind = bb_row_str(rows, i, 2),
                .reason = bb_row_str(rows, i, 3),
                .transaction_id = bb_row_int(rows, i, 4, 0),
                .report = bb_row_str(rows, i, 5),
                .first_ms = bb_row_time(rows, i, 6, 0),
                .last_ms = bb_row_time(rows, i, 7, 0),
                .count = bb_row_int(rows, i, 8, 0),
                .state = (int32_t)bb_row_int(rows, i, 9, 0),
                .session_id = bb_row_str(rows, i, 10),
                .settled_by = bb_row_str(rows, i, 11),
                .settled_note = bb_row_str(rows, i, 12),
                .settled_ms = bb_row_time(rows, i, 13, 0),
                .version = bb_row_int(rows, i, 14, 0),
        };
}

BB_AWAIT bb_err charging_review_list(int32_t state, bb_str after, size_t limit, struct bb_aside **ret,
                                     size_t *ret_count)
{
        struct bb_aside *items;
        bb_rows *rows;
        size_t count;

        if (after.ptr != NULL && !uuid_valid(after))
                return BB_E_INVALID;
        if (state == BB_REVIEW_OPEN) /* has an index of its own */
                TRY(bb_db_query(&rows,
                                "select " COLUMNS " from charging.aside where state = 0 and aside_id < $1"
                                " order by aside_id desc limit $2",
                                BB_UUID(after.ptr != NULL ? after : LAST_UUID), BB_INT(list_limit(limit))));
        else
                TRY(bb_db_query(&rows,
                                "select " COLUMNS " from charging.aside where aside_id < $1 and ($3 < 0 or state = $3)"
                                " order by aside_id desc limit $2",
                                BB_UUID(after.ptr != NULL ? after : LAST_UUID), BB_INT(list_limit(limit)),
                                BB_INT(state)));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_aside, count + 1);
        for (size_t i = 0; i < count; i++)
                aside_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

BB_AWAIT bb_err charging_review_get(bb_str id, struct bb_aside *ret)
{
        bb_rows *rows;

        if (!uuid_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " COLUMNS " from charging.aside where aside_id = $1", BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        aside_row(rows, 0, ret);
        return BB_OK;
}
