/* SPDX-License-Identifier: Apache-2.0
 *
 * How reservations end by themselves: their time runs out, or somebody charges. Stations see to both on their own; here
 * it is noted. A start is never refused for a reservation, whatever the station made of it.
 */
#include "domain.h"

#define LOOK_MS 60000 /* other nodes make reservations, too */
#define AT_ONCE 200
#define CLOCKS_MS (5LL * 60 * 1000) /* that a station's clock may be off */

/* --- time --- */

static BB_AWAIT bb_err expire_one(const struct bb_reservation *r, int64_t now)
{
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.reservation set state = 4, ended_at = expires_at"
                         " where reservation_id = $1 and state in (0, 1) and expires_at <= $2",
                         BB_INT(r->id), BB_TIME(now)),
                bb_event_stmt("reservation.expired", reservation_key(r->id), reservation_payload(r, BB_NONE)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_OK : err; /* another node was quicker */
}

BB_AWAIT bb_err reservations_expire(struct charging *c)
{
        int64_t now = bb_now_ms();
        struct bb_reservation r;
        bb_rows *rows;
        size_t count = AT_ONCE;

        while (count == AT_ONCE) {
                TRY(bb_db_query(&rows,
                                "select " RESERVATION_COLUMNS " from charging.reservation r where r.state in (0, 1)"
                                " and r.expires_at <= $1 order by r.expires_at limit $2",
                                BB_TIME(now), BB_INT(AT_ONCE)));
                count = bb_rows_count(rows);
                for (size_t i = 0; i < count; i++) {
                        reservation_row(rows, i, &r);
                        TRY(expire_one(&r, now));
                }
        }
        c->reservation_due_ms = now + LOOK_MS; /* before the question: one may be made meanwhile */
        TRY(bb_db_query(&rows, "select min(expires_at) from charging.reservation where state in (0, 1)"));
        if (bb_row_time(rows, 0, 0, INT64_MAX) < c->reservation_due_ms)
                c->reservation_due_ms = bb_row_time(rows, 0, 0, 0);
        return BB_OK;
}

BB_AWAIT void reservations_second(void *state)
{
        struct charging *c = state;
        bb_err err;

        if (bb_now_ms() < c->reservation_due_ms || bb_db_away_ms() > 0)
                return;
        err = reservations_expire(c);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.reservations", "Reservations that ran out could not be marked; they will be.",
                       bb_kv_err(err));
}

/* --- use --- */

static int same(bb_str a, bb_str b)
{
        return a.len > 0 && text_same_nocase(a, b);
}

/* OCPP 1.6 §5.13: by the reserving token, or by one of the same group. */
static int may_use(const struct bb_reservation *r, const struct reservation_start *s)
{
        return same(s->token_uid, r->token_uid) || same(s->parent_uid, r->parent_uid) ||
               same(s->token_uid, r->parent_uid);
}

/* Not one of before it was made, sent late. */
static int in_time(const struct bb_reservation *r, const struct reservation_start *s)
{
        return r->state <= BB_RESERVATION_ACTIVE && s->at_ms >= r->created_ms - CLOCKS_MS &&
               s->at_ms < r->expires_ms + CLOCKS_MS;
}

/* How well it fits: 0 not at all; then the best one counts. */
static int fit(const struct bb_reservation *r, const struct reservation_start *s)
{
        if (!bb_str_eq(r->station_id, s->station_id))
                return 0;
        if (s->reservation_id != 0 && s->reservation_id == r->id)
                return 4; /* the station says so, also of one that ran out before its report came */
        if (!in_time(r, s) || (r->connector_id != 0 && r->connector_id != s->connector_id))
                return 0;
        if (may_use(r, s))
                return r->connector_id != 0 ? 3 : 2;
        return r->connector_id != 0; /* somebody else's */
}

static void choose(struct reservation_start *s, const struct bb_reservation *items, size_t count)
{
        int best = 0;

        for (size_t i = 0; i < count; i++) {
                int now = fit(&items[i], s);

                if (now <= best)
                        continue;
                best = now;
                s->use = (struct reservation_use){.of = &items[i], .used = now > 1};
        }
}

BB_AWAIT bb_err reservations_match(struct reservation_start *starts, size_t count)
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *ids = BB_NEW_ARRAY(int64_t, count + 1);
        struct bb_reservation *items;
        bb_rows *rows;

        if (count == 0)
                return BB_OK;
        for (size_t i = 0; i < count; i++) {
                stations[i] = starts[i].station_id;
                ids[i] = starts[i].reservation_id;
        }
        TRY(bb_db_query(&rows,
                        "select " RESERVATION_COLUMNS " from charging.reservation r"
                        " where r.station_id = any ($1::text[]) and (r.state in (0, 1)"
                        " or (r.state = 4 and r.reservation_id = any ($2::bigint[])))"
                        " order by r.created_at, r.reservation_id",
                        BB_TEXT_ARRAY(stations, count), BB_INT_ARRAY(ids, count)));
        items = BB_NEW_ARRAY(struct bb_reservation, bb_rows_count(rows) + 1);
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                reservation_row(rows, i, &items[i]);
        for (size_t i = 0; i < count; i++)
                choose(&starts[i], items, bb_rows_count(rows));
        return BB_OK;
}

size_t reservations_use_stmt(const struct reservation_start *starts, size_t count, struct bb_stmt *ret)
{
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 3);
        bb_str *sessions = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *ids = BB_NEW_ARRAY(int64_t, count + 1), *used = BB_NEW_ARRAY(int64_t, count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                if (starts[i].use.of == NULL)
                        continue;
                ids[n] = starts[i].use.of->id;
                used[n] = starts[i].use.used;
                sessions[n++] = starts[i].session_id;
        }
        p[0] = BB_INT_ARRAY(ids, n);
        p[1] = BB_INT_ARRAY(used, n);
        p[2] = BB_TEXT_ARRAY(sessions, n);
        *ret = (struct bb_stmt){
                .sql = "update charging.reservation r set"
                       " state = case when x.used = 1 then 2 else r.state end,"
                       " ended_at = case when x.used = 1 then now() else r.ended_at end,"
                       " session_id = case when x.used = 1 then x.session_id::uuid else r.session_id end,"
                       " conflict_session_id = case when x.used = 0 then x.session_id::uuid"
                       " else r.conflict_session_id end"
                       " from unnest($1::bigint[], $2::bigint[], $3::text[]) as x (id, used, session_id)"
                       " where r.reservation_id = x.id",
                .params = p,
                .param_count = 3};
        return n > 0;
}

size_t reservations_use_events(const struct reservation_start *starts, size_t count, struct bb_new_event *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct reservation_use *u = &starts[i].use;

                if (u->of == NULL)
                        continue;
                ret[n++] = (struct bb_new_event){.topic = u->used ? "reservation.used" : "reservation.overridden",
                                                 .key = reservation_key(u->of->id),
                                                 .payload = reservation_payload(u->of, starts[i].session_id)};
        }
        return n;
}
