/* SPDX-License-Identifier: Apache-2.0
 *
 * A session ends: session, final account, last samples and events in one transaction, or nothing. The first stop wins;
 * an equal one is acknowledged again; what fits no open session is kept aside. A session that wants a look gets no
 * final account, so that nothing bills it by itself.
 */
#include "domain.h"

#define STATEMENTS_MAX 6

/* A stop as it is stored. */
struct stop {
        const struct bb_station_ref *who;
        const struct bb_stop *reported;
        int64_t at_ms, meter_wh, now_ms;
        bb_str token_uid, reason;
};

struct facts {
        int32_t known;
        struct bb_session session;
        int64_t next_meter_wh; /* at the start of the next session there; INT64_MAX: none yet */
        struct bb_authorization authorization;
};

static struct stop normal(const struct bb_station_ref *who, const struct bb_stop *s)
{
        int64_t now = bb_now_ms(), meter = s->meter_stop_wh;

        if (meter > METER_LIMIT_WH || meter < -METER_LIMIT_WH)
                meter = meter > 0 ? METER_LIMIT_WH : -METER_LIMIT_WH;
        return (struct stop){
                .who = who,
                .reported = s,
                .at_ms = s->at_ms != 0 ? time_clamp(s->at_ms) : now,
                .meter_wh = meter,
                .now_ms = now,
                .token_uid = report_text(s->token_uid, 255),
                .reason = s->reason.len > 0 ? report_text(s->reason, 64) : BB_STR("Local"),
        };
}

static BB_AWAIT bb_err facts_read(const struct charging *c, const struct stop *s, struct facts *ret)
{
        enum { NEXT_METER = SESSION_COLUMN_COUNT, TOKEN };
        int64_t transaction = s->reported->transaction_id;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select " SESSION_COLUMNS ","
                        " (select n.meter_start_wh from charging.session n where n.station_id = s.station_id"
                        "  and n.connector_id = s.connector_id and n.started_at > s.started_at"
                        "  order by n.started_at limit 1), " TOKEN_COLUMNS
                        " from charging.station st left join charging.session s"
                        " on s.transaction_id = $3 and s.station_id = st.station_id" TOKEN_JOIN(
                                "$4") " where st.station_id = $1 and st.epoch = $2",
                        BB_TEXT(s->who->station_id), BB_INT(s->who->epoch), BB_INT(transaction),
                        BB_TEXT(s->token_uid)));
        if (bb_rows_count(rows) == 0)
                return BB_E_CONFLICT;
        *ret = (struct facts){.known = !bb_row_is_null(rows, 0, 0),
                              .next_meter_wh = bb_row_int(rows, 0, NEXT_METER, INT64_MAX),
                              .authorization = token_verdict(c, rows, 0, TOKEN, -1)};
        session_row(rows, 0, &ret->session);
        return BB_OK;
}

static int is_same(const struct stop *s, const struct bb_session *ended)
{
        return (s->reported->at_ms == 0 || s->at_ms == ended->ended_ms) && s->meter_wh == ended->meter_stop_wh &&
               bb_str_eq(s->reason, ended->stop_reason) &&
               (s->token_uid.ptr != NULL) == (ended->stop_token_uid.ptr != NULL) &&
               text_same_nocase(s->token_uid, ended->stop_token_uid);
}

static BB_AWAIT bb_err keep_aside(struct charging *c, const struct stop *s, const char *reason)
{
        struct aside a = {.kind = "stop", .reason = reason, .transaction_id = s->reported->transaction_id};

        a.raw = bb_json_new_object();
        bb_json_set_int(a.raw, "transaction_id", s->reported->transaction_id);
        bb_json_set_str(a.raw, "at", time_or_none(s->reported->at_ms != 0 ? s->at_ms : 0));
        bb_json_set_int(a.raw, "meter_stop_wh", s->reported->meter_stop_wh);
        bb_json_set_str(a.raw, "token_uid", s->token_uid);
        bb_json_set_str(a.raw, "reason", s->reason);
        bb_json_set(a.raw, "samples", samples_json(s->reported->samples, s->reported->sample_count));
        return review_keep(c, s->who, &a);
}

/* A missing stop was what made people look: now that it is here, and nothing overlaps, all is well. */
static const char *doubt_of(const struct stop *s, const struct facts *f)
{
        const struct bb_session *session = &f->session;

        if (session->review.ptr == NULL ||
            (bb_str_is(session->review, review_overlap) && s->meter_wh <= f->next_meter_wh))
                return stop_doubt(session, s->at_ms, s->meter_wh, s->now_ms);
        return bb_str_c(session->review);
}

static bb_str ended_payload(const struct stop *s, const struct bb_session *session, int64_t energy_wh,
                            const char *doubt)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", session->id);
        bb_json_set_str(payload, "station_id", session->station_id);
        bb_json_set_int(payload, "connector_id", session->connector_id);
        bb_json_set_str(payload, "location_id", session->location_id);
        bb_json_set_str(payload, "token_uid", session->token_uid);
        bb_json_set_int(payload, "transaction_id", session->transaction_id);
        bb_json_set_str(payload, "started_at", bb_time_text(session->started_ms));
        bb_json_set_str(payload, "ended_at", bb_time_text(s->at_ms));
        bb_json_set_int(payload, "energy_wh", energy_wh);
        bb_json_set_str(payload, "reason", s->reason);
        bb_json_set_str(payload, "review", bb_cstr(doubt));
        return bb_json_text(payload);
}

static bb_str cdr_payload(bb_str cdr_id, bb_str session_id)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "cdr_id", cdr_id);
        bb_json_set_str(payload, "session_id", session_id);
        return bb_json_text(payload);
}

/* BB_E_NOT_FOUND: the session is not open any more (its account may be what exists then), or the connection is not the
 * station's. */
static BB_AWAIT bb_err stop_write(struct charging *c, const struct stop *s, const struct facts *f)
{
        const struct bb_session *session = &f->session;
        const char *doubt = doubt_of(s, f);
        int64_t energy = s->meter_wh > session->meter_start_wh ? s->meter_wh - session->meter_start_wh : 0;
        bb_str cdr_id = bb_uuid();
        struct sample_item item;
        struct sample_item *items[] = {&item};
        const struct bb_stmt end = MUST_HIT(
                "update charging.session set state = $2, ended_at = $3, end_received_at = $4, meter_stop_wh = $5,"
                " energy_wh = $6, power_w = 0, stop_reason = $7, stop_token_uid = $8, review = $9, version = version + "
                "1"
                " where session_id = $1 and state = 0"
                " and exists (select 1 from charging.station where station_id = $10 and epoch = $11)",
                BB_UUID(session->id), BB_INT(doubt != NULL ? BB_SESSION_REVIEW : BB_SESSION_ENDED), BB_TIME(s->at_ms),
                BB_TIME(s->now_ms), BB_INT(s->meter_wh), BB_INT(energy), BB_TEXT(s->reason), BB_TEXT(s->token_uid),
                BB_CTEXT(doubt), BB_TEXT(s->who->station_id), BB_INT(s->who->epoch));
        const struct bb_stmt account = BB_STMT(
                "insert into charging.cdr (cdr_id, session_id, station_id, location_id, token_uid, connector_id,"
                " started_at, ended_at, energy_wh, duration_s, created_at)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                BB_UUID(cdr_id), BB_UUID(session->id), BB_TEXT(session->station_id), BB_TEXT(session->location_id),
                BB_TEXT(session->token_uid), BB_INT(session->connector_id), BB_TIME(session->started_ms),
                BB_TIME(s->at_ms), BB_INT(energy), BB_INT((s->at_ms - session->started_ms) / 1000), BB_TIME(s->now_ms));
        struct bb_stmt stmts[STATEMENTS_MAX];
        struct bb_new_event review;
        size_t count = 0;
        bb_err err;

        /* The samples come first: after the end they would count as late. */
        if (s->reported->sample_count > 0) {
                sample_item_init(&item, s->who, session->id, session->connector_id, s->reported->samples,
                                 s->reported->sample_count);
                stmts[count++] = sample_stmt(items, 1);
        }
        stmts[count++] = end;
        if (doubt == NULL)
                stmts[count++] = account;
        stmts[count++] = bb_event_stmt("session.ended", session->id, ended_payload(s, session, energy, doubt));
        if (doubt == NULL)
                stmts[count++] = bb_event_stmt("cdr.created", session->id, cdr_payload(cdr_id, session->id));
        else if (session->review.ptr == NULL && review_event(c, session->station_id, session->id, doubt, &review))
                stmts[count++] = bb_event_list_stmt(&review, 1);
        err = bb_db_run(stmts, count, NULL);
        return err == BB_E_EXISTS ? BB_E_NOT_FOUND : err;
}

/* Acknowledges the stop in the way that its session asks for. */
static BB_AWAIT bb_err settle(struct charging *c, const struct stop *s, const struct facts *f)
{
        if (s->reported->transaction_id < 1 || s->reported->transaction_id > INT32_MAX)
                return keep_aside(c, s, "the transaction id is not one that we give");
        if (!f->known)
                return keep_aside(c, s, "the station has no such transaction");
        if (f->session.state == BB_SESSION_OPEN)
                return stop_write(c, s, f);
        return is_same(s, &f->session) ? BB_OK : keep_aside(c, s, "the session ended before, and differently");
}

BB_AWAIT bb_err charging_session_stop(const struct bb_station_ref *who, const struct bb_stop *reported,
                                      struct bb_stopped *ret)
{
        STATE(c);
        struct stop s = normal(who, reported);
        struct facts f;
        bb_err err = BB_E_NOT_FOUND;

        if (reported->sample_count > SAMPLES_MAX)
                return BB_E_LIMIT;
        presence_seen(&c->presence, who->station_id, who->epoch, 0, s.now_ms);
        /* Once more when another task ended it between the reading and the writing. */
        for (int i = 0; err == BB_E_NOT_FOUND && i < 2; i++) {
                TRY(facts_read(c, &s, &f));
                err = settle(c, &s, &f);
        }
        if (err == BB_E_NOT_FOUND)
                return BB_E_CONFLICT;
        TRY(err);
        *ret = (struct bb_stopped){.has_authorization = s.token_uid.len > 0};
        if (ret->has_authorization)
                ret->authorization = f.authorization;
        return BB_OK;
}
