/* SPDX-License-Identifier: Apache-2.0
 *
 * Reservations: made, answered, cancelled, read. The row is written before the station is asked, so that whatever
 * happens in between its id is known; how one ends by itself or by a charge is in reservation_end.c.
 */
#include "domain.h"
#include <busbar/access.h>

#define LIVE "(0, 1)"

void reservation_row(const bb_rows *rows, size_t i, struct bb_reservation *ret)
{
        *ret = (struct bb_reservation){
                .id = bb_row_int(rows, i, 0, 0),
                .station_id = bb_row_str(rows, i, 1),
                .connector_id = bb_row_int(rows, i, 2, 0),
                .token_uid = bb_row_str(rows, i, 3),
                .parent_uid = bb_row_str(rows, i, 4),
                .expires_ms = bb_row_time(rows, i, 5, 0),
                .state = (int32_t)bb_row_int(rows, i, 6, 0),
                .answer = bb_row_str(rows, i, 7),
                .session_id = bb_row_str(rows, i, 8),
                .conflict_session_id = bb_row_str(rows, i, 9),
                .created_ms = bb_row_time(rows, i, 10, 0),
                .ended_ms = bb_row_time(rows, i, 11, 0),
        };
}

bb_str reservation_key(int64_t id)
{
        return bb_print("%lld", (long long)id);
}

bb_str reservation_payload(const struct bb_reservation *r, bb_str session_id)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_int(payload, "reservation_id", r->id);
        bb_json_set_str(payload, "station_id", r->station_id);
        bb_json_set_int(payload, "connector_id", r->connector_id);
        bb_json_set_str(payload, "token_uid", r->token_uid);
        bb_json_set_str(payload, "expires_at", bb_time_text(r->expires_ms));
        bb_json_set_str(payload, "session_id", session_id);
        return bb_json_text(payload);
}

static struct bb_stmt event_stmt(const char *topic, const struct bb_reservation *r)
{
        return bb_event_stmt(topic, reservation_key(r->id), reservation_payload(r, BB_NONE));
}

/* --- reading --- */

BB_AWAIT bb_err charging_reservation_get(int64_t id, struct bb_reservation *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select " RESERVATION_COLUMNS " from charging.reservation r where r.reservation_id = $1",
                        BB_INT(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        reservation_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_session_reservation(bb_str session_id, struct bb_reservation *ret)
{
        bb_rows *rows;

        if (!uuid_valid(session_id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows,
                        "select " RESERVATION_COLUMNS " from charging.reservation r where r.session_id = $1"
                        " order by r.created_at limit 1",
                        BB_UUID(session_id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        reservation_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_reservation_list(const struct bb_reservation_filter *f, int64_t after, size_t limit,
                                          struct bb_reservation **ret, size_t *ret_count)
{
        struct bb_reservation *items, last;
        bb_rows *rows;
        size_t count;
        bb_err err = after != 0 ? charging_reservation_get(after, &last) : BB_OK;

        if (err == BB_E_NOT_FOUND || !text_clean(f->station_id, 64) || !text_clean(f->token_uid, 64))
                return BB_E_INVALID;
        TRY(err);
        TRY(bb_db_query(&rows,
                        "select " RESERVATION_COLUMNS
                        " from charging.reservation r where ($1::text is null or r.station_id = $1)"
                        " and ($2::text is null or lower(r.token_uid) = " LOWER(
                                "$2") ")"
                                      " and ($3 < 0 or (r.state in " LIVE ") = ($3 = 1))"
                                      " and ($4 = 0 or (r.created_at, r.reservation_id) < (select a.created_at, "
                                      "a.reservation_id"
                                      "  from charging.reservation a where a.reservation_id = $4))"
                                      " order by r.created_at desc, r.reservation_id desc limit $5",
                        BB_TEXT(f->station_id), BB_TEXT(f->token_uid), BB_INT(f->live), BB_INT(after),
                        BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_reservation, count + 1);
        for (size_t i = 0; i < count; i++)
                reservation_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

/* --- making --- */

static int is_valid(const struct bb_reservation *r)
{
        return r->connector_id >= 0 && r->connector_id <= CONNECTOR_MAX && r->token_uid.len >= 1 &&
               text_clean(r->token_uid, 64) && text_clean(r->parent_uid, 64) && r->expires_ms > bb_now_ms();
}

/* The station's driver, and the token's verdict; *ret_reason says more about a refusal, if anybody does. */
static BB_AWAIT bb_err parties_read(struct charging *c, struct bb_reservation *r, bb_str *ret_driver,
                                    bb_str *ret_reason)
{
        struct bb_authorization verdict;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select " TOKEN_COLUMNS ", s.driver from charging.station s"
                        " cross join (select lower($2 collate \"C\") as token_key offset 0) i" TOKEN_JOIN
                        " where s.station_id = $1",
                        BB_TEXT(r->station_id), BB_TEXT(r->token_uid)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        verdict = token_verdict(c, rows, 0, 0, -1);
        TRY(access_ask(c,
                       &(struct bb_access_question){.size = sizeof(struct bb_access_question),
                                                    .for_ = BB_ACCESS_RESERVE,
                                                    .token_uid = r->token_uid,
                                                    .station_id = r->station_id,
                                                    .connector_id = r->connector_id,
                                                    .at_ms = bb_now_ms()},
                       &verdict, ret_reason));
        if (verdict.status != BB_AUTH_ACCEPTED)
                return BB_E_DENIED;
        if (r->parent_uid.ptr == NULL)
                r->parent_uid = verdict.parent_uid;
        *ret_driver = bb_row_str(rows, 0, TOKEN_COLUMN_COUNT);
        return BB_OK;
}

static BB_AWAIT bb_err number_draw(const struct charging *c, int64_t *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select nextval('charging.reservation_number')"));
        *ret = transaction_id(&c->reservation_cipher, bb_row_int(rows, 0, 0, 0));
        return BB_OK;
}

/* Who reserved connector 0 must find one that is free (OCPP 1.6 §5.13): so a station has no more reservations than
 * connectors, where these are known. The station's row is locked: two that come at once are counted one by one. */
static BB_AWAIT bb_err row_insert(bb_str actor, const struct bb_reservation *r)
{
        const struct bb_stmt stmts[] = {
                MUST_HIT("select 1 from charging.station where station_id = $1 for no key update",
                         BB_TEXT(r->station_id)),
                MUST_HIT("insert into charging.reservation (reservation_id, station_id, connector_id, token_uid,"
                         " parent_uid, expires_at, state) select $2, $1, $3, $4, $5, $6, 0"
                         " from (select count(*) as n from charging.connector where station_id = $1"
                         "  and connector_id > 0) k,"
                         " (select count(*) as n from charging.reservation where station_id = $1 and state in " LIVE
                         "  ) l where k.n = 0 or l.n < k.n"
                         " or ($3 > 0 and exists (select from charging.reservation where station_id = $1"
                         "  and connector_id = $3 and state in " LIVE "))", /* the unique index says that better */
                         BB_TEXT(r->station_id), BB_INT(r->id), BB_INT(r->connector_id), BB_TEXT(r->token_uid),
                         BB_TEXT(none_if_empty(r->parent_uid)), BB_TIME(time_clamp(r->expires_ms))),
                bb_audit_stmt(actor, "reservation.create", r->station_id, reservation_payload(r, BB_NONE)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_E_LIMIT : err;
}

static bb_str status_of(const struct bb_command_result *result)
{
        return result->answer != NULL ? bb_json_str(bb_json_get(result->answer, "status")) : BB_NONE;
}

/* What the station holds now, told by whoever asked it; more than once does no harm. */
static BB_AWAIT bb_err held(const struct bb_reservation *r)
{
        bb_err err;
        const struct bb_stmt stmts[] = {
                /* It holds one on a connector, so an older one there is gone. */
                BB_STMT("update charging.reservation set state = 3, answer = 'Replaced', ended_at = now()"
                        " where station_id = $1 and connector_id = $2 and $2 > 0 and reservation_id <> $3"
                        " and state in " LIVE,
                        BB_TEXT(r->station_id), BB_INT(r->connector_id), BB_INT(r->id)),
                MUST_HIT("insert into charging.reservation as r (reservation_id, station_id, connector_id, token_uid,"
                         " parent_uid, expires_at, state, answer) select $2, station_id, $3, $4, $5, $6, 1, $7"
                         " from charging.station where station_id = $1"
                         " on conflict (tenant_id, reservation_id) do update set connector_id = excluded.connector_id,"
                         " token_uid = excluded.token_uid, parent_uid = excluded.parent_uid,"
                         " expires_at = excluded.expires_at, state = 1, answer = excluded.answer, session_id = null,"
                         " conflict_session_id = null, ended_at = null where r.station_id = excluded.station_id"
                         " and (r.state, r.connector_id, r.token_uid, r.parent_uid, r.expires_at) is distinct from"
                         " (1, excluded.connector_id, excluded.token_uid, excluded.parent_uid, excluded.expires_at)",
                         BB_TEXT(r->station_id), BB_INT(r->id), BB_INT(r->connector_id), BB_TEXT(r->token_uid),
                         BB_TEXT(none_if_empty(r->parent_uid)), BB_TIME(time_clamp(r->expires_ms)),
                         BB_TEXT(report_text(r->answer, 64))),
                event_stmt("reservation.created", r),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err; /* known already */
}

BB_AWAIT bb_err charging_reservation_told(const struct bb_reservation *r)
{
        STATE(c);

        if (!station_id_valid(r->station_id) || r->connector_id < 0 || r->connector_id > CONNECTOR_MAX ||
            r->id < INT32_MIN || r->id > INT32_MAX || !text_clean(r->token_uid, 64) || !text_clean(r->parent_uid, 64))
                return BB_E_INVALID;
        if (r->expires_ms < c->reservation_due_ms)
                c->reservation_due_ms = r->expires_ms;
        if (r->state == BB_RESERVATION_ACTIVE)
                return held(r);
        return bb_db_query(NULL,
                           "update charging.reservation set state = 5, answer = $3, ended_at = now()"
                           " where reservation_id = $1 and station_id = $2 and state = 0",
                           BB_INT(r->id), BB_TEXT(r->station_id), BB_TEXT(report_text(r->answer, 64)));
}

/* Nothing came of it, so nothing is kept. */
static BB_AWAIT bb_err row_drop(int64_t id)
{
        return bb_db_query(NULL, "delete from charging.reservation where reservation_id = $1 and state = 0",
                           BB_INT(id));
}

static BB_AWAIT bb_err settle(struct bb_reservation *r, const struct bb_command_result *result)
{
        if (result->outcome == BB_COMMAND_TIMEOUT)
                return BB_OK; /* it stays requested: the station may hold it */
        if (result->outcome != BB_COMMAND_ANSWERED && result->outcome != BB_COMMAND_REFUSED)
                return row_drop(r->id);
        r->answer = result->outcome == BB_COMMAND_ANSWERED ? status_of(result) : result->error_code;
        r->state = bb_str_is(r->answer, "Accepted") ? BB_RESERVATION_ACTIVE : BB_RESERVATION_REFUSED;
        return charging_reservation_told(r);
}

BB_AWAIT bb_err charging_reserve(bb_str actor, const struct bb_reservation *wanted,
                                 struct bb_command_result *ret_result, struct bb_reservation *ret)
{
        STATE(c);
        const struct bb_station_driver_ops *ops;
        struct bb_reservation r = *wanted;
        bb_str driver;
        bb_err err;

        if (!station_id_valid(r.station_id))
                return BB_E_NOT_FOUND;
        if (!is_valid(&r))
                return BB_E_INVALID;
        r.state = BB_RESERVATION_REQUESTED;
        ret_result->outcome = BB_COMMAND_UNKNOWN;
        TRY(parties_read(c, &r, &driver, &ret_result->error_text));
        ops = driver_of(c, driver);
        if (ops == NULL)
                ret_result->outcome = BB_COMMAND_OFFLINE;
        *ret = r;
        if (!BB_HAS(ops, reserve) || ops->reserve == NULL)
                return BB_OK;
        TRY(reservations_expire(c)); /* one that ran out this second is in nobody's way */
        TRY(number_draw(c, &r.id));
        TRY(row_insert(actor, &r));
        err = ops->reserve(c->tenant, &r, ret_result);
        if (err < 0)
                ret_result->outcome = BB_COMMAND_TIMEOUT;
        TRY(settle(&r, ret_result));
        TRY(err);
        *ret = r;
        err = charging_reservation_get(r.id, ret);
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

/* --- asking again --- */

/* One that got no answer is asked for again by its id, which the station takes for the same one (§5.13); and so is one
 * whose node died meanwhile. */
static BB_AWAIT bb_err ask_again(const struct charging *c, const struct bb_station_driver_ops *ops,
                                 struct bb_reservation *r)
{
        struct bb_command_result result = {.size = sizeof(result)};

        if (!BB_HAS(ops, reserve) || ops->reserve == NULL)
                return BB_OK;
        TRY(ops->reserve(c->tenant, r, &result));
        return result.outcome == BB_COMMAND_ANSWERED || result.outcome == BB_COMMAND_REFUSED ? settle(r, &result)
                                                                                             : BB_OK;
}

static BB_AWAIT bb_err unanswered_ask(const struct charging *c)
{
        enum { AT_ONCE = 20 };
        struct bb_reservation r;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select " RESERVATION_COLUMNS ", s.driver from charging.reservation r"
                        " join charging.station s on s.station_id = r.station_id and s.online where r.state = 0"
                        " and r.created_at < now() - interval '3 minutes' order by r.created_at limit $1",
                        BB_INT(AT_ONCE)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                reservation_row(rows, i, &r);
                TRY(ask_again(c, driver_of(c, bb_row_str(rows, i, RESERVATION_COLUMN_COUNT)), &r));
        }
        return BB_OK;
}

BB_AWAIT void reservations_ask_again(void *state)
{
        bb_err err = bb_db_away_ms() == 0 ? unanswered_ask(state) : BB_OK;

        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.reservations", "Reservations without an answer could not be asked for again.",
                       bb_kv_err(err));
}

/* --- letting go --- */

BB_AWAIT bb_err charging_reservation_gone(bb_str station_id, int64_t id, bb_str answer)
{
        struct bb_reservation r;
        bb_err err = charging_reservation_get(id, &r);

        if (err == BB_E_NOT_FOUND || (err == BB_OK && !bb_str_eq(r.station_id, station_id)))
                return BB_OK;
        TRY(err);
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.reservation set state = 3, answer = $2, ended_at = now()"
                         " where reservation_id = $1 and state in " LIVE,
                         BB_INT(id), BB_TEXT(report_text(answer, 64))),
                event_stmt("reservation.cancelled", &r),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err; /* it has ended */
}

BB_AWAIT bb_err charging_reservation_cancel(bb_str actor, int64_t id, struct bb_command_result *ret_result,
                                            struct bb_reservation *ret)
{
        STATE(c);
        const struct bb_station_driver_ops *ops;
        bb_rows *rows[2];

        TRY(charging_reservation_get(id, ret));
        if (ret->state > BB_RESERVATION_ACTIVE)
                return BB_E_CONFLICT;
        const struct bb_stmt stmts[] = {
                MUST_HIT("select driver from charging.station where station_id = $1", BB_TEXT(ret->station_id)),
                bb_audit_stmt(actor, "reservation.cancel", ret->station_id, reservation_payload(ret, BB_NONE)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        ops = driver_of(c, bb_row_str(rows[0], 0, 0));
        ret_result->outcome = ops != NULL ? BB_COMMAND_UNKNOWN : BB_COMMAND_OFFLINE;
        if (!BB_HAS(ops, unreserve) || ops->unreserve == NULL)
                return BB_OK;
        TRY(ops->unreserve(c->tenant, ret->station_id, id, ret_result));
        /* §5.1: "Rejected" is that the station has none by this id. */
        if (ret_result->outcome == BB_COMMAND_ANSWERED)
                TRY(charging_reservation_gone(ret->station_id, id, status_of(ret_result)));
        return charging_reservation_get(id, ret);
}
