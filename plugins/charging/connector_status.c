/* SPDX-License-Identifier: Apache-2.0
 *
 * What stations say of their connectors. The reports of many stations share a read, which finds those that change
 * something, and a commit for these (bb_batch): stations repeat all of them when they return, and that writes nothing.
 */
#include "operation.h"

#define TRIES 4

static const char *const statuses[] = {"Unknown",     "Available", "Preparing", "Charging",    "SuspendedEVSE",
                                       "SuspendedEV", "Finishing", "Reserved",  "Unavailable", "Faulted"};

/* A report that waits in its task for its commit. */
struct status_item {
        struct report report;
        int64_t connector_id, at_ms, now_ms;
        int32_t status;
        bb_str error_code, info, vendor_id, vendor_error_code;
        bb_err result;
};

static bb_str status_payload(const struct status_item *s)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "station_id", s->report.who->station_id);
        bb_json_set_int(payload, "connector_id", s->connector_id);
        bb_json_set_str(payload, "status", bb_cstr(statuses[s->status]));
        bb_json_set_str(payload, "error_code", s->error_code);
        bb_json_set_str(payload, "at", bb_time_text(s->at_ms));
        return bb_json_text(payload);
}

enum { STATIONS, ERRORS, INFOS, VENDORS, VENDOR_ERRORS, TEXTS };
enum { EPOCHS, CONNECTORS, STATUSES, NUMBERS };
#define REPORTS                                                                                                        \
        "unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]"
#define REPORT_COLUMNS "station_id, error_code, info, vendor_id, vendor_error_code, epoch, connector_id, status"
#define REPORT_PARAMS (TEXTS + NUMBERS)

static struct bb_param *params_of(struct status_item *const *items, size_t count)
{
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, REPORT_PARAMS + 3);
        int64_t *k[NUMBERS + 2];
        bb_str *t[TEXTS];

        for (size_t i = 0; i < TEXTS; i++)
                t[i] = BB_NEW_ARRAY(bb_str, count + 1);
        for (size_t i = 0; i < BB_COUNT(k); i++)
                k[i] = BB_NEW_ARRAY(int64_t, count + 1);
        for (size_t i = 0; i < count; i++) {
                const struct status_item *s = items[i];

                t[STATIONS][i] = s->report.who->station_id;
                t[ERRORS][i] = s->error_code;
                t[INFOS][i] = s->info;
                t[VENDORS][i] = s->vendor_id;
                t[VENDOR_ERRORS][i] = s->vendor_error_code;
                k[EPOCHS][i] = s->report.who->epoch;
                k[CONNECTORS][i] = s->connector_id;
                k[STATUSES][i] = s->status;
                k[NUMBERS][i] = s->at_ms;
                k[NUMBERS + 1][i] = s->now_ms;
        }
        for (size_t i = 0; i < TEXTS; i++)
                p[i] = BB_TEXT_ARRAY(t[i], count);
        for (size_t i = 0; i < NUMBERS; i++)
                p[TEXTS + i] = BB_INT_ARRAY(k[i], count);
        p[REPORT_PARAMS] = BB_TIME_ARRAY(k[NUMBERS], count);
        p[REPORT_PARAMS + 1] = BB_TIME_ARRAY(k[NUMBERS + 1], count);
        p[REPORT_PARAMS + 2] = BB_INT((int64_t)count);
        return p;
}

/* Selects for each report by a connection that is its station's: its number (from 1), and whether it says a new thing.
 */
static const char changes_sql[] =
        "select i.n, c.connector_id is null or (c.status, c.error_code, c.info, c.vendor_id, c.vendor_error_code)"
        " is distinct from (i.status, i.error_code, i.info, i.vendor_id, i.vendor_error_code)"
        " from " REPORTS ") with ordinality as i (" REPORT_COLUMNS ", n)"
        " join charging.station s on s.station_id = i.station_id and s.epoch = i.epoch"
        " left join charging.connector c on c.station_id = i.station_id and c.connector_id = i.connector_id"
        " order by i.n";

/* Those that change something are in `changed`; the others have their result. */
static BB_AWAIT bb_err changes_find(struct report *const *reports, size_t count, struct status_item **changed,
                                    size_t *ret_count)
{
        struct status_item **items = BB_NEW_ARRAY(struct status_item *, count + 1);
        struct bb_stmt stmt = {.sql = changes_sql, .param_count = REPORT_PARAMS};
        bb_rows *rows;

        *ret_count = 0;
        for (size_t i = 0; i < count; i++)
                items[i] = (struct status_item *)reports[i];
        stmt.params = params_of(items, count);
        TRY(bb_db_run(&stmt, 1, &rows));
        for (size_t i = 0; i < count; i++)
                items[i]->result = BB_E_CONFLICT;
        for (size_t row = 0; row < bb_rows_count(rows); row++) {
                int64_t n = bb_row_int(rows, row, 0, 0);

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                items[n - 1]->result = BB_OK;
                if (bb_row_int(rows, row, 1, 1))
                        changed[(*ret_count)++] = items[n - 1];
        }
        return BB_OK;
}

/* All of them or none: when a connection was replaced since the reading the group is read again. */
static const char write_sql[] =
        "insert into charging.connector as c (station_id, connector_id, status, error_code, info, vendor_id,"
        " vendor_error_code, status_at, status_received_at)"
        " select i.station_id, i.connector_id, i.status, i.error_code, i.info, i.vendor_id, i.vendor_error_code,"
        " i.at, i.received_at from " REPORTS ", $9::timestamptz[], $10::timestamptz[])"
        " as i (" REPORT_COLUMNS ", at, received_at)"
        " where (select count(*) from unnest($1::text[], $6::bigint[]) as k (station_id, epoch)"
        " join charging.station s on s.station_id = k.station_id and s.epoch = k.epoch) = $11"
        " on conflict (tenant_id, station_id, connector_id) do update set status = excluded.status,"
        " error_code = excluded.error_code, info = excluded.info, vendor_id = excluded.vendor_id,"
        " vendor_error_code = excluded.vendor_error_code, status_at = excluded.status_at,"
        " status_received_at = excluded.status_received_at";

static BB_AWAIT bb_err changes_write(struct status_item *const *changed, size_t count)
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, count + 1);

        for (size_t i = 0; i < count; i++)
                events[i] = (struct bb_new_event){.topic = "connector.status",
                                                  .key = changed[i]->report.who->station_id,
                                                  .payload = status_payload(changed[i])};
        const struct bb_stmt stmts[] = {
                {.sql = write_sql,
                 .params = params_of(changed, count),
                 .param_count = REPORT_PARAMS + 3,
                 .flags = BB_STMT_MUST_HIT},
                bb_event_list_stmt(events, count),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static BB_AWAIT bb_err status_round(struct charging *c, struct report *const *reports, size_t count)
{
        struct status_item **changed = BB_NEW_ARRAY(struct status_item *, count + 1);
        bb_err err = BB_E_NOT_FOUND;
        size_t n = 0;

        (void)c;
        for (int try = 0; err == BB_E_NOT_FOUND && try < TRIES; try++) {
                TRY(changes_find(reports, count, changed, &n));
                err = n > 0 ? changes_write(changed, n) : BB_OK;
        }
        return err == BB_E_NOT_FOUND ? BB_E_CONFLICT : err;
}

BB_AWAIT bb_err statuses_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, status_round);
}

BB_AWAIT bb_err charging_connector_status(const struct bb_station_ref *who, const struct bb_connector_report *r)
{
        STATE(c);
        int64_t now = bb_now_ms();
        struct status_item item = {.report = {.who = who},
                                   .connector_id = r->connector_id,
                                   .at_ms = r->at_ms != 0 ? time_clamp(r->at_ms) : now,
                                   .now_ms = now,
                                   .status = r->status,
                                   .error_code = report_text(r->error_code, 64),
                                   .info = report_text(r->info, 255),
                                   .vendor_id = report_text(r->vendor_id, 255),
                                   .vendor_error_code = report_text(r->vendor_error_code, 255)};

        if (r->connector_id < 0 || r->connector_id > CONNECTOR_MAX || r->status < 0 ||
            (size_t)r->status >= BB_COUNT(statuses))
                return BB_E_INVALID;
        presence_seen(&c->presence, who->station_id, who->epoch, 0, now);
        TRY(bb_batch_submit(c->statuses, &item));
        TRY(item.result);
        operation_fact(
                c, who->station_id,
                &(struct fact){.kind = FACT_CONNECTOR, .connector_id = item.connector_id, .status = item.status});
        return BB_OK;
}
