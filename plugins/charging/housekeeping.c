/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens by the clock: once a minute the signs of life are written, lost stations noticed and sessions closed
 * that lost their stop, once an hour old reports leave.
 *
 * A node that dies leaves its stations "online". Each node therefore renews a lease on those that it holds; whose
 * lease has run out, wherever it was held, is offline. A station that comes back within the lease was never away.
 */
#include "domain.h"

#define AT_ONCE 2000
#define LEASE_MS (5LL * 60 * 1000)
#define LOST_AT_ONCE 200
#define GRACE_MS (2LL * 60 * 1000) /* after the start: the stations are on their way back */

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

static BB_AWAIT bb_err signs_write(const struct signs *s, size_t first, size_t count)
{
        return bb_db_query(
                NULL,
                "with sign as (select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], "
                "$5::bigint[])"
                "  as x (station_id, epoch, seen_at, drift, live)),"
                " locked as (select st.station_id from charging.station st where st.station_id = any ($1::text[])"
                "  order by st.station_id for no key update)"
                " update charging.station s set last_seen_at = greatest(s.last_seen_at, x.seen_at),"
                " clock_drift_ms = case when x.drift = (-9223372036854775808) then s.clock_drift_ms else x.drift end,"
                " online = s.online or x.live = 1, lease_at = case when x.live = 1 then $6 else s.lease_at end"
                " from sign x join locked l on l.station_id = x.station_id"
                " where s.station_id = x.station_id and s.epoch = x.epoch",
                BB_TEXT_ARRAY(s->ids + first, count), BB_INT_ARRAY(s->epochs + first, count),
                BB_TIME_ARRAY(s->seen + first, count), BB_INT_ARRAY(s->drifts + first, count),
                BB_INT_ARRAY(s->live + first, count), BB_TIME(bb_now_ms()));
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
                        err = signs_write(&s, first, count);
                if (err < 0)
                        signs_return(c, &s, first, count);
        }
        if (err < 0) {
                bb_log(BB_WARN, "charging.presence", "When stations were last seen could not be written; it will be.",
                       bb_kv_err(err));
                c->leases_ms = 0;
                return;
        }
        c->leases_ms = c->leases_ms != 0 ? c->leases_ms : bb_mono_ms();
        for (size_t i = 0; i < s.count; i++)
                clock_check(c, s.ids[i], s.drifts[i]);
        presence_sweep(&c->presence);
}

static BB_AWAIT bb_err lose(bb_str id, int64_t epoch, int64_t lease_end_ms)
{
        bb_json *payload = bb_json_new_object();
        bb_err err;

        bb_json_set_str(payload, "station_id", id);
        bb_json_set_str(payload, "reason", BB_STR("not heard of any more"));
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.station set online = false, disconnected_at = coalesce(last_seen_at, now())"
                         " where station_id = $1 and epoch = $2 and online and coalesce(lease_at, '-infinity') < $3",
                         BB_TEXT(id), BB_INT(epoch), BB_TIME(lease_end_ms)),
                bb_event_stmt("station.disconnected", id, bb_json_text(payload)),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err; /* it came back, or another node was quicker */
}

/* Not before every node has had the time to renew its leases: they could not while the database was away. */
static BB_AWAIT bb_err lost_find(const struct charging *c)
{
        int64_t now = bb_mono_ms(), lease_end = bb_now_ms() - LEASE_MS;
        bb_rows *rows;

        if (now - c->started_ms < GRACE_MS || c->leases_ms == 0 || now - c->leases_ms < GRACE_MS)
                return BB_OK;
        TRY(bb_db_query(&rows,
                        "select station_id, epoch from charging.station where online"
                        " and coalesce(lease_at, '-infinity') < $1 limit $2",
                        BB_TIME(lease_end), BB_INT(LOST_AT_ONCE)));
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                TRY(lose(bb_row_str(rows, i, 0), bb_row_int(rows, i, 1, 0), lease_end));
        return BB_OK;
}

void housekeeping_minute(void *state)
{
        struct charging *c = state;
        bb_err err;

        presence_write(c);
        err = lost_find(c);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.lost_stations", "Stations that vanished could not be looked for.",
                       bb_kv_err(err));
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

        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.housekeeping", "The hour's work failed; the next hour tries again.",
                       bb_kv_err(err));
}
