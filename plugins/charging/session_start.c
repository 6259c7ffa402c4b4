/* SPDX-License-Identifier: Apache-2.0
 *
 * A session begins. One read (token, station, the same start sent before), one write (session, event). Sent again, by
 * whatever message, the same start finds its session by its unique key and gets the same answer.
 */
#include "domain.h"

#define NUMBERS_AT_ONCE "32"
#define ID_TRIES 4

/* A start as it is stored. */
struct start {
        const struct bb_station_ref *who;
        int64_t connector_id, at_ms, meter_wh, reservation_id, now_ms;
        bb_str token_uid;
};

struct facts {
        struct bb_authorization authorization;
        bb_str location_id;
        int64_t open_before; /* sessions that are open on the connector without anybody wondering yet */
        int32_t known;       /* the start is not new: `started` is its answer */
        struct bb_started started;
};

static struct start normal(const struct bb_station_ref *who, const struct bb_start *s)
{
        int64_t now = bb_now_ms(), meter = s->meter_start_wh;

        if (meter > METER_LIMIT_WH || meter < -METER_LIMIT_WH)
                meter = meter > 0 ? METER_LIMIT_WH : -METER_LIMIT_WH;
        return (struct start){
                .who = who,
                .connector_id = s->connector_id,
                .at_ms = s->at_ms != 0 ? time_clamp(s->at_ms) : now,
                .meter_wh = meter,
                .reservation_id = s->reservation_id,
                .now_ms = now,
                .token_uid = empty_if_none(report_text(s->token_uid, 255)),
        };
}

static BB_AWAIT bb_err facts_read(const struct charging *c, const struct start *s, struct facts *ret)
{
        enum { EPOCH_OK = TOKEN_COLUMN_COUNT, LOCATION, OTHERS, OPEN, SESSION, TRANSACTION, STATUS, PARENT };
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select " TOKEN_COLUMNS ", s.epoch = $2, s.location_id,"
                " (select count(*) from charging.session o where o.token_key = " LOWER(
                        "$3") " and o.state = 0"
                              "  and o.review is null and not (o.station_id = $1 and o.connector_id = $4)),"
                              " (select count(*) from charging.session o where o.station_id = $1 and o.connector_id = "
                              "$4"
                              "  and o.state = 0 and o.review is null),"
                              " e.session_id::text, e.transaction_id, e.auth_status, e.parent_uid"
                              " from charging.station s" TOKEN_JOIN(
                                      "$3") " left join charging.session e on e.station_id = $1 and e.connector_id = $4"
                                            " and e.token_key = " LOWER(
                                                    "$3") " and e.started_at = $5 and e.meter_start_wh = $6"
                                                          " where s.station_id = $1",
                BB_TEXT(s->who->station_id), BB_INT(s->who->epoch), BB_TEXT(s->token_uid), BB_INT(s->connector_id),
                BB_TIME(s->at_ms), BB_INT(s->meter_wh)));
        if (bb_rows_count(rows) == 0 || !bb_row_int(rows, 0, EPOCH_OK, 0))
                return BB_E_CONFLICT;
        *ret = (struct facts){
                .authorization = token_verdict(c, rows, 0, bb_row_int(rows, 0, OTHERS, 0)),
                .location_id = bb_row_str(rows, 0, LOCATION),
                .open_before = bb_row_int(rows, 0, OPEN, 0),
                .known = !bb_row_is_null(rows, 0, SESSION),
        };
        if (!ret->known)
                return BB_OK;
        ret->started = (struct bb_started){
                .transaction_id = (int32_t)bb_row_int(rows, 0, TRANSACTION, 0),
                .session_id = bb_row_str(rows, 0, SESSION),
                .authorization = {.status = (int32_t)bb_row_int(rows, 0, STATUS, BB_AUTH_INVALID),
                                  .parent_uid = bb_row_str(rows, 0, PARENT),
                                  .expires_ms = ret->authorization.expires_ms},
        };
        return BB_OK;
}

/* Numbers are drawn in handfuls, so that a start does not wait for the sequence. Those that a restart forgets are lost.
 */
static BB_AWAIT bb_err number_draw(struct charging *c, int64_t *ret)
{
        bb_rows *rows;
        size_t count;

        if (c->number_count > 0) {
                *ret = c->numbers[--c->number_count];
                return BB_OK;
        }
        TRY(bb_db_query(&rows,
                        "select nextval('charging.transaction_number') from generate_series(1, " NUMBERS_AT_ONCE ")"));
        count = bb_rows_count(rows);
        if (count == 0)
                return BB_E_INTERNAL;
        *ret = bb_row_int(rows, 0, 0, 0);
        for (size_t i = 1; i < count && c->number_count < BB_COUNT(c->numbers); i++)
                c->numbers[c->number_count++] = bb_row_int(rows, i, 0, 0);
        return BB_OK;
}

static bb_str started_payload(const struct start *s, const struct facts *f, const struct bb_started *started,
                              const char *doubt)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", started->session_id);
        bb_json_set_str(payload, "station_id", s->who->station_id);
        bb_json_set_int(payload, "connector_id", s->connector_id);
        bb_json_set_str(payload, "location_id", f->location_id);
        bb_json_set_str(payload, "token_uid", s->token_uid);
        bb_json_set_int(payload, "transaction_id", started->transaction_id);
        bb_json_set_str(payload, "started_at", bb_time_text(s->at_ms));
        bb_json_set_int(payload, "meter_start_wh", s->meter_wh);
        bb_json_set_str(payload, "review", bb_cstr(doubt));
        return bb_json_text(payload);
}

static struct bb_stmt insert_stmt(const struct bb_param params[14])
{
        return (struct bb_stmt){
                .sql = "insert into charging.session (session_id, station_id, connector_id, transaction_id, "
                       "location_id,"
                       " token_uid, parent_uid, started_at, start_received_at, meter_start_wh, reservation_id, "
                       "auth_status,"
                       " review) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 from charging.station"
                       " where station_id = $2 and epoch = $14",
                .params = params,
                .param_count = 14,
                .flags = BB_STMT_MUST_HIT,
        };
}

static BB_AWAIT bb_err session_write(struct charging *c, const struct start *s, const struct facts *f,
                                     struct bb_started *started)
{
        const char *doubt = start_doubt(f->authorization.status, s->connector_id, s->at_ms, s->meter_wh, s->now_ms);
        const struct bb_param params[14] = {BB_UUID(started->session_id),
                                            BB_TEXT(s->who->station_id),
                                            BB_INT(s->connector_id),
                                            BB_INT(started->transaction_id),
                                            BB_TEXT(f->location_id),
                                            BB_TEXT(s->token_uid),
                                            BB_TEXT(f->authorization.parent_uid),
                                            BB_TIME(s->at_ms),
                                            BB_TIME(s->now_ms),
                                            BB_INT(s->meter_wh),
                                            BB_INT_OR_NULL(s->reservation_id != 0, s->reservation_id),
                                            BB_INT(f->authorization.status),
                                            BB_CTEXT(doubt),
                                            BB_INT(s->who->epoch)};
        const struct bb_stmt connector = BB_STMT(
                "insert into charging.connector (station_id, connector_id) values ($1, $2) on conflict do nothing",
                BB_TEXT(s->who->station_id), BB_INT(s->connector_id));
        /* Both sessions stay: which of them charges is not ours to guess. */
        const struct bb_stmt overlap =
                BB_STMT("update charging.session set review = $4, version = version + 1 where station_id = $1"
                        " and connector_id = $2 and state = 0 and review is null and session_id <> $3",
                        BB_TEXT(s->who->station_id), BB_INT(s->connector_id), BB_UUID(started->session_id),
                        BB_CTEXT(review_overlap));
        struct bb_stmt stmts[6];
        size_t count = 0;

        stmts[count++] = insert_stmt(params);
        if (s->connector_id >= 1 && s->connector_id <= CONNECTOR_MAX)
                stmts[count++] = connector;
        if (f->open_before > 0)
                stmts[count++] = overlap;
        stmts[count++] = bb_event_stmt("session.started", started->session_id, started_payload(s, f, started, doubt));
        if (doubt != NULL)
                count += (size_t)review_event(c, s->who->station_id, started->session_id, doubt, &stmts[count]);
        if (f->open_before > 0)
                count += (size_t)review_event(c, s->who->station_id, BB_NONE, review_overlap, &stmts[count]);
        return bb_db_run(stmts, count, NULL);
}

BB_AWAIT bb_err charging_session_start(const struct bb_station_ref *who, const struct bb_start *reported,
                                       struct bb_started *ret)
{
        STATE(c);
        struct start s = normal(who, reported);
        struct facts f;
        int64_t number;
        bb_err err = BB_E_EXISTS;

        presence_seen(&c->presence, who->station_id, who->epoch, 0, s.now_ms);
        /* "Exists" is either the same start, written by another task meanwhile, or a transaction id that is taken
         * (the numbers came round, or the master key changed): then the next number will do. */
        for (int i = 0; err == BB_E_EXISTS && i < ID_TRIES; i++) {
                TRY(facts_read(c, &s, &f));
                if (f.known) {
                        *ret = f.started;
                        return BB_OK;
                }
                TRY(number_draw(c, &number));
                *ret = (struct bb_started){.transaction_id = transaction_id(&c->cipher, number),
                                           .session_id = bb_uuid(),
                                           .authorization = f.authorization};
                err = session_write(c, &s, &f, ret);
        }
        if (err == BB_E_NOT_FOUND)
                return BB_E_CONFLICT;
        TRY(err);
        session_cache_put(c, who->station_id, ret->transaction_id, ret->session_id);
        return BB_OK;
}
