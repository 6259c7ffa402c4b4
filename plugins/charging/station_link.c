/* SPDX-License-Identifier: Apache-2.0
 *
 * A station's connection: it begins, the station boots, it ends. Every write names the epoch of its connection; one
 * that has been replaced changes nothing and is told so by BB_E_CONFLICT. What many stations say at once, after an
 * outage all of them, shares a commit (bb_batch).
 */
#include "operation.h"

#define TRIES 4
#define TEXTS_MAX 8

enum { ONLINE = 0, OFFLINE = 1, BOOT = 2 };

/* A change that waits in its task for its commit. */
struct link_item {
        struct report report;
        int64_t now_ms;
        bb_str texts[TEXTS_MAX]; /* parameters of the update, by column */
        bb_str payload;          /* of its event */
        bb_err result;
};

/* $1 stations, $2 epochs, $3 times, $4 how many, then the texts. All of them or none: when one is not to be written
 * any more the group is looked at again. A row of `s` and `k` is to be written when `fresh` holds. */
#define UPDATE(set, texts, fresh)                                                                                      \
        "update charging.station s set " set " from unnest($1::text[], $2::bigint[], $3::timestamptz[]" texts          \
        " where s.station_id = k.station_id"                                                                           \
        " and (select count(*) from unnest($1::text[], $2::bigint[]) as k (station_id, epoch)"                         \
        " join charging.station s on s.station_id = k.station_id where " fresh ") = $4"
#define STANDING(fresh)                                                                                                \
        "select k.n, " fresh ", s.epoch = k.epoch"                                                                     \
        " from unnest($1::text[], $2::bigint[]) with ordinality as k (station_id, epoch, n)"                           \
        " join charging.station s on s.station_id = k.station_id"

#define BEGINS "(s.epoch_last >= k.epoch and (s.epoch < k.epoch or (s.epoch = k.epoch and not s.online)))"
#define ENDS "(s.epoch = k.epoch and s.online)"
#define BOOTS "(s.epoch = k.epoch)"

static const struct link_kind {
        const char *topic, *update, *standing;
        size_t text_count;
} kinds[] = {
        [ONLINE] = {.topic = "station.connected",
                    .update = UPDATE("epoch = k.epoch, online = true, remote = coalesce(k.remote, s.remote),"
                                     " connected_at = k.at, last_seen_at = k.at, node = k.node",
                                     ", $5::text[], $6::text[]) as k (station_id, epoch, at, remote, node)", BEGINS),
                    .standing = STANDING(BEGINS),
                    .text_count = 2},
        [OFFLINE] = {.topic = "station.disconnected",
                     .update = UPDATE("online = false, disconnected_at = k.at", ") as k (station_id, epoch, at)", ENDS),
                     .standing = STANDING(ENDS)},
        [BOOT] = {.topic = "station.booted",
                  .update = UPDATE("vendor = k.vendor, model = k.model, serial_number = k.serial_number,"
                                   " firmware_version = k.firmware_version, iccid = k.iccid, imsi = k.imsi,"
                                   " meter_type = k.meter_type, meter_serial_number = k.meter_serial_number,"
                                   " boot_at = k.at, last_seen_at = k.at",
                                   ", $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],"
                                   " $11::text[], $12::text[]) as k (station_id, epoch, at, vendor, model,"
                                   " serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number)",
                                   BOOTS),
                  .standing = STANDING(BOOTS),
                  .text_count = 8},
};

struct bb_stmt stations_lock_stmt(const struct bb_param *stations)
{
        return (struct bb_stmt){.sql = "select 1 from charging.station where station_id = any ($1::text[])"
                                       " order by station_id for no key update",
                                .params = stations,
                                .param_count = 1};
}

static struct bb_param *params_of(const struct link_kind *kind, struct link_item *const *items, size_t count)
{
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 4 + TEXTS_MAX);
        bb_str *stations = BB_NEW_ARRAY(bb_str, (1 + kind->text_count) * count + 1), *texts = stations + count;
        int64_t *epochs = BB_NEW_ARRAY(int64_t, 2 * count + 1), *times = epochs + count;

        for (size_t i = 0; i < count; i++) {
                stations[i] = items[i]->report.who->station_id;
                epochs[i] = items[i]->report.who->epoch;
                times[i] = items[i]->now_ms;
                for (size_t t = 0; t < kind->text_count; t++)
                        texts[t * count + i] = items[i]->texts[t];
        }
        p[0] = BB_TEXT_ARRAY(stations, count);
        p[1] = BB_INT_ARRAY(epochs, count);
        p[2] = BB_TIME_ARRAY(times, count);
        p[3] = BB_INT((int64_t)count);
        for (size_t t = 0; t < kind->text_count; t++)
                p[4 + t] = BB_TEXT_ARRAY(texts + t * count, count);
        return p;
}

static BB_AWAIT bb_err links_write(const struct link_kind *kind, struct link_item *const *items, size_t count)
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, count + 1);
        struct bb_param *params = params_of(kind, items, count);

        for (size_t i = 0; i < count; i++)
                events[i] = (struct bb_new_event){
                        .topic = kind->topic, .key = items[i]->report.who->station_id, .payload = items[i]->payload};
        const struct bb_stmt stmts[] = {
                stations_lock_stmt(params),
                {.sql = kind->update, .params = params, .param_count = 4 + kind->text_count, .flags = BB_STMT_MUST_HIT},
                bb_event_list_stmt(events, count),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

/* Keeps those that are to be written. The others were so already (a repetition), or are not the station's any more. */
static BB_AWAIT bb_err links_sort(const struct link_kind *kind, struct link_item **items, size_t *count)
{
        const struct bb_param *params = params_of(kind, items, *count);
        const struct bb_stmt stmt = {.sql = kind->standing, .params = params, .param_count = 2};
        struct link_item **kept = BB_NEW_ARRAY(struct link_item *, *count + 1);
        size_t n = 0;
        bb_rows *rows;

        TRY(bb_db_run(&stmt, 1, &rows));
        for (size_t i = 0; i < *count; i++)
                items[i]->result = BB_E_CONFLICT;
        for (size_t row = 0; row < bb_rows_count(rows); row++) {
                int64_t at = bb_row_int(rows, row, 0, 0);

                if (at < 1 || (size_t)at > *count)
                        return BB_E_INTERNAL;
                if (bb_row_int(rows, row, 1, 0))
                        kept[n++] = items[at - 1];
                else if (bb_row_int(rows, row, 2, 0))
                        items[at - 1]->result = BB_OK;
        }
        memcpy(items, kept, n * sizeof(*items));
        *count = n;
        return BB_OK;
}

static BB_AWAIT bb_err links_round(const struct link_kind *kind, struct report *const *reports, size_t count)
{
        struct link_item **items = BB_NEW_ARRAY(struct link_item *, count + 1);
        bb_err err = BB_E_NOT_FOUND;

        for (size_t i = 0; i < count; i++)
                items[i] = (struct link_item *)reports[i];
        for (int try = 0; err == BB_E_NOT_FOUND && count > 0 && try < TRIES; try++) {
                err = links_write(kind, items, count);
                if (err == BB_E_NOT_FOUND)
                        TRY(links_sort(kind, items, &count));
        }
        if (count == 0)
                return BB_OK;
        TRY(err == BB_E_NOT_FOUND ? BB_E_CONFLICT : err);
        for (size_t i = 0; i < count; i++)
                items[i]->result = BB_OK;
        return BB_OK;
}

static BB_AWAIT bb_err online_round(struct charging *c, struct report *const *reports, size_t count)
{
        (void)c;
        return links_round(&kinds[ONLINE], reports, count);
}
static BB_AWAIT bb_err offline_round(struct charging *c, struct report *const *reports, size_t count)
{
        (void)c;
        return links_round(&kinds[OFFLINE], reports, count);
}
static BB_AWAIT bb_err boot_round(struct charging *c, struct report *const *reports, size_t count)
{
        (void)c;
        return links_round(&kinds[BOOT], reports, count);
}

BB_AWAIT bb_err onlines_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, online_round);
}
BB_AWAIT bb_err offlines_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, offline_round);
}
BB_AWAIT bb_err boots_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, boot_round);
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
        struct link_item item = {
                .report = {.who = who}, .now_ms = bb_now_ms(), .texts = {report_text(remote, 64), bb_cstr(c->node)}};

        item.payload = link_payload(who, item.texts[0], BB_NONE);
        TRY(bb_batch_submit(c->onlines, &item));
        TRY(item.result);
        presence_live(&c->presence, who->station_id, who->epoch, 1, bb_now_ms());
        operation_fact(c, who->station_id, &(struct fact){.kind = FACT_CONNECTED});
        return BB_OK;
}

BB_AWAIT bb_err charging_offline(const struct bb_station_ref *who, bb_str reason)
{
        STATE(c);
        struct link_item item = {.report = {.who = who}, .now_ms = bb_now_ms()};

        item.payload = link_payload(who, BB_NONE, report_text(reason, 255));
        presence_live(&c->presence, who->station_id, who->epoch, 0, item.now_ms);
        TRY(bb_batch_submit(c->offlines, &item));
        if (item.result == BB_OK)
                operation_fact(c, who->station_id, &(struct fact){.kind = FACT_DISCONNECTED});
        return item.result;
}

/* About many stations at once, from the side. */
static BB_AWAIT bb_err links_say(const struct link_kind *kind, const struct bb_station_ref *stations, size_t count,
                                 bb_str reason, bb_str node)
{
        struct link_item *items = BB_NEW_ARRAY(struct link_item, count + 1);
        struct report **reports = BB_NEW_ARRAY(struct report *, count + 1);

        if (count == 0)
                return BB_OK;
        for (size_t i = 0; i < count; i++) {
                items[i] = (struct link_item){
                        .report = {.who = &stations[i]}, .now_ms = bb_now_ms(), .texts = {BB_NONE, node}};
                items[i].payload = link_payload(&stations[i], BB_NONE, reason);
                reports[i] = &items[i].report;
        }
        return links_round(kind, reports, count);
}

BB_AWAIT bb_err links_lost(const struct bb_station_ref *stations, size_t count)
{
        return links_say(&kinds[OFFLINE], stations, count, BB_STR("not heard of any more"), BB_NONE);
}

BB_AWAIT bb_err links_back(const struct charging *c, const struct bb_station_ref *stations, size_t count)
{
        return links_say(&kinds[ONLINE], stations, count, BB_NONE, bb_cstr(c->node));
}

static bb_str boot_payload(bb_str station_id, bb_str vendor, bb_str model, bb_str firmware_version)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "station_id", station_id);
        bb_json_set_str(payload, "vendor", vendor);
        bb_json_set_str(payload, "model", model);
        bb_json_set_str(payload, "firmware_version", firmware_version);
        return bb_json_text(payload);
}

BB_AWAIT bb_err charging_boot(const struct bb_station_ref *who, const struct bb_boot *said)
{
        STATE(c);
        /* In the order of the update's columns. */
        const bb_str texts[] = {said->vendor, said->model, said->serial_number, said->firmware_version,
                                said->iccid,  said->imsi,  said->meter_type,    said->meter_serial_number};
        struct link_item item = {.report = {.who = who}, .now_ms = bb_now_ms()};

        _Static_assert(BB_COUNT(texts) == TEXTS_MAX, "one text a column");
        /* Longer than OCPP allows: stations in the field say up to 255 characters. */
        for (size_t i = 0; i < BB_COUNT(texts); i++)
                item.texts[i] = report_text(texts[i], 255);
        item.payload = boot_payload(who->station_id, item.texts[0], item.texts[1], item.texts[3]);
        presence_seen(&c->presence, who->station_id, who->epoch, 0, item.now_ms);
        presence_booted(&c->presence, who->station_id, who->epoch);
        TRY(bb_batch_submit(c->boots, &item));
        if (item.result == BB_OK)
                operation_fact(c, who->station_id,
                               &(struct fact){.kind = FACT_BOOTED, .firmware_version = item.texts[3]});
        return item.result;
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
