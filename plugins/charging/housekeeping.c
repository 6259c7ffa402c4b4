/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens by the clock: once a minute the signs of life are written and sessions closed that lost their stop, once
 * an hour old reports leave.
 */
#include "operation.h"

#define AT_ONCE 2000

struct signs {
        bb_str *ids;
        int64_t *epochs, *seen, *drifts, *live;
        size_t count;
};

static struct signs signs_new(size_t room)
{
        int64_t *numbers = BB_NEW_ARRAY(int64_t, 4 * (room + 1));
        struct signs s = {.ids = BB_NEW_ARRAY(bb_str, room + 1), .epochs = numbers};

        s.seen = s.epochs + room;
        s.drifts = s.seen + room;
        s.live = s.drifts + room;
        return s;
}

/* Everything that is to be written, copied: the table changes while the database answers. */
static struct signs signs_take(struct charging *c)
{
        struct signs s = signs_new(c->presence.count);

        for (size_t slot = 0; slot < c->presence.slot_count; slot++) {
                for (struct present_station *p = c->presence.slots[slot]; p != NULL; p = p->next) {
                        if (!p->live && !p->dirty)
                                continue;
                        s.ids[s.count] = bb_str_dup((bb_str){p->id, p->id_len});
                        s.epochs[s.count] = p->epoch;
                        s.seen[s.count] = p->seen_ms;
                        s.drifts[s.count] = p->drift_ms;
                        s.live[s.count++] = p->live;
                        p->drift_ms = DRIFT_UNKNOWN;
                        p->dirty = 0;
                }
        }
        return s;
}

/* Not written: the next minute tries again. */
static void signs_return(struct charging *c, const struct signs *s, size_t first, size_t count)
{
        for (size_t i = first; i < first + count; i++) {
                struct present_station *p = presence_find(&c->presence, s->ids[i], 0);

                if (p == NULL)
                        continue;
                p->dirty = 1;
                if (s->drifts[i] > p->drift_ms)
                        p->drift_ms = s->drifts[i];
        }
}

/* Stations of ours that are said to be offline were given up by another node, wrongly. */
static BB_AWAIT bb_err take_back(const struct charging *c, bb_rows *rows)
{
        size_t count = bb_rows_count(rows);
        struct bb_station_ref *stations = BB_NEW_ARRAY(struct bb_station_ref, count + 1);

        for (size_t i = 0; i < count; i++)
                stations[i] = (struct bb_station_ref){.station_id = bb_row_str(rows, i, 0),
                                                      .epoch = bb_row_int(rows, i, 1, 0)};
        return links_back(c, stations, count);
}

static BB_AWAIT bb_err signs_write(const struct charging *c, const struct signs *s, size_t first, size_t count)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "with sign as (select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], "
                "$5::bigint[])"
                "  as x (station_id, epoch, seen_at, drift, live)),"
                " locked as (select st.station_id from charging.station st where st.station_id = any ($1::text[])"
                "  order by st.station_id for no key update),"
                " changed as (update charging.station s set last_seen_at = greatest(s.last_seen_at, x.seen_at),"
                " clock_drift_ms = case when x.drift = (-9223372036854775808) then s.clock_drift_ms else x.drift end"
                " from sign x join locked l on l.station_id = x.station_id"
                " where s.station_id = x.station_id and s.epoch = x.epoch"
                " returning s.station_id, s.epoch, x.live = 1 and not s.online as back)"
                " select station_id, epoch from changed where back",
                BB_TEXT_ARRAY(s->ids + first, count), BB_INT_ARRAY(s->epochs + first, count),
                BB_TIME_ARRAY(s->seen + first, count), BB_INT_ARRAY(s->drifts + first, count),
                BB_INT_ARRAY(s->live + first, count)));
        return take_back(c, rows);
}

static int is_wrong(int64_t drift_ms)
{
        return drift_ms != DRIFT_UNKNOWN && (drift_ms > CLOCK_WRONG_MS || drift_ms < -CLOCK_WRONG_MS);
}

/* Once when a clock goes wrong, and again only after it was right. */
static BB_AWAIT void clock_check(struct charging *c, bb_str id, int64_t drift_ms)
{
        struct present_station *p = presence_find(&c->presence, id, 0);
        bb_json *payload;
        struct bb_stmt event;
        bb_err err;

        if (p == NULL || drift_ms == DRIFT_UNKNOWN || p->clock_wrong == is_wrong(drift_ms))
                return;
        p->clock_wrong = is_wrong(drift_ms);
        if (!p->clock_wrong)
                return;
        bb_log(BB_WARN, "station.clock", "A station's clock is off by more than five minutes.",
               bb_kv_str("station", id), bb_kv_int("clock_drift_ms", drift_ms));
        payload = bb_json_new_object();
        bb_json_set_str(payload, "station_id", id);
        bb_json_set_int(payload, "clock_drift_ms", drift_ms);
        event = bb_event_stmt("station.clock", id, bb_json_text(payload));
        err = bb_db_run(&event, 1, NULL);
        if (err < 0)
                bb_log(BB_WARN, "station.clock_unrecorded", "No event was written about it.", bb_kv_str("station", id),
                       bb_kv_err(err));
}

BB_AWAIT void presence_write(struct charging *c)
{
        struct signs s = signs_take(c);
        bb_err err = BB_OK;

        for (size_t first = 0; first < s.count; first += AT_ONCE) {
                size_t count = s.count - first < AT_ONCE ? s.count - first : AT_ONCE;

                if (err == BB_OK)
                        err = signs_write(c, &s, first, count);
                if (err < 0)
                        signs_return(c, &s, first, count);
        }
        if (err < 0) {
                bb_log(BB_WARN, "charging.presence", "When stations were last seen could not be written; it will be.",
                       bb_kv_err(err));
                return;
        }
        for (size_t i = 0; i < s.count; i++)
                clock_check(c, s.ids[i], s.drifts[i]);
        presence_sweep(&c->presence);
}

void housekeeping_minute(void *state)
{
        struct charging *c = state;
        bb_err err;

        presence_write(c);
        bulks_revive(c);
        err = orphans_close(c);
        if (err == BB_OK)
                err = orphans_account(c);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.orphans",
                       "Sessions that lost their stop could not be closed; in a minute again.", bb_kv_err(err));
}

void housekeeping_hour(void *state)
{
        struct charging *c = state;
        bb_err err = review_prune(c);

        if (err == BB_OK)
                err = samples_prune(c);

        if (err == BB_OK)
                err = operations_prune(c);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.housekeeping", "The hour's work failed; the next hour tries again.",
                       bb_kv_err(err));
}
