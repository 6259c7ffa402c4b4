/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions end: session, final account, last samples and events in one transaction, or nothing; those of many stations
 * share a commit (bb_batch). The first stop wins; an equal one is acknowledged again; what fits no open session is kept
 * aside. A session that wants a look gets no final account, so that nothing bills it by itself.
 */
#include "domain.h"

#define TRIES 2
#define EVENTS_A_STOP 2

/* A stop as it is stored. */
struct stop {
        const struct bb_station_ref *who;
        const struct bb_stop *reported;
        int64_t at_ms, meter_wh, now_ms;
        bb_str token_uid, reason;
};

/* A stop that waits in its task for its commit; what became of it is kept in it. */
struct stop_item {
        struct report report;
        struct stop stop;
        bb_err result;
        const char *aside; /* why it fits no open session */
        struct kept_authorization authorization;
};

/* A session that is ended, while it is written. */
struct ending {
        struct stop_item *item;
        const struct stop *stop;
        struct bb_session session;
        const char *doubt;
        int64_t energy_wh;
        bb_str cdr_id;
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

/* A missing stop was what made people look: now that it is here, and nothing overlaps, all is well. next_meter_wh: at
 * the start of the next session there. */
static const char *doubt_of(const struct stop *s, const struct bb_session *session, int64_t next_meter_wh)
{
        if (session->review.ptr == NULL || (bb_str_is(session->review, review_overlap) && s->meter_wh <= next_meter_wh))
                return stop_doubt(session, s->at_ms, s->meter_wh, s->now_ms);
        return bb_str_c(session->review);
}

static bb_str ended_payload(const struct ending *e)
{
        const struct bb_session *session = &e->session;
        const struct stop *s = e->stop;
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", session->id);
        bb_json_set_str(payload, "station_id", session->station_id);
        bb_json_set_int(payload, "connector_id", session->connector_id);
        bb_json_set_str(payload, "location_id", session->location_id);
        bb_json_set_str(payload, "token_uid", session->token_uid);
        bb_json_set_int(payload, "transaction_id", session->transaction_id);
        bb_json_set_str(payload, "started_at", bb_time_text(session->started_ms));
        bb_json_set_str(payload, "ended_at", bb_time_text(s->at_ms));
        bb_json_set_int(payload, "energy_wh", e->energy_wh);
        bb_json_set_str(payload, "reason", s->reason);
        bb_json_set_str(payload, "review", bb_cstr(e->doubt));
        return bb_json_text(payload);
}

static bb_str cdr_payload(bb_str cdr_id, bb_str session_id)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "cdr_id", cdr_id);
        bb_json_set_str(payload, "session_id", session_id);
        return bb_json_text(payload);
}

/* Selects for each stop by a connection that is its station's: its number (from 1), and what is known. */
static const char facts_sql[] =
        "select " SESSION_COLUMNS ", " TOKEN_COLUMNS ", i.n,"
        " (select n.meter_start_wh from charging.session n where n.station_id = s.station_id"
        " and n.connector_id = s.connector_id and n.started_at > s.started_at order by n.started_at limit 1)"
        " from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) with ordinality"
        " as i (station_id, epoch, transaction_id, token_uid, n)"
        " join charging.station st on st.station_id = i.station_id and st.epoch = i.epoch"
        " left join charging.session s on s.transaction_id = i.transaction_id and s.station_id = "
        "i.station_id" TOKEN_JOIN("i.token_uid") " order by i.n";
enum { TOKEN = SESSION_COLUMN_COUNT, N = TOKEN + TOKEN_COLUMN_COUNT, NEXT_METER };

static BB_AWAIT bb_err facts_select(struct report *const *reports, size_t count, bb_rows **ret)
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, count + 1), *tokens = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *epochs = BB_NEW_ARRAY(int64_t, count + 1), *transactions = BB_NEW_ARRAY(int64_t, count + 1);

        for (size_t i = 0; i < count; i++) {
                const struct stop *s = &((struct stop_item *)reports[i])->stop;

                stations[i] = s->who->station_id;
                epochs[i] = s->who->epoch;
                transactions[i] = s->reported->transaction_id;
                tokens[i] = s->token_uid;
        }
        return bb_db_query(ret, facts_sql, BB_TEXT_ARRAY(stations, count), BB_INT_ARRAY(epochs, count),
                           BB_INT_ARRAY(transactions, count), BB_TEXT_ARRAY(tokens, count));
}

/* Settles a stop in the way that its session asks for. 1: an open one is to be ended. */
static int settle(struct stop_item *item, const struct bb_session *session, int known)
{
        const struct stop *s = &item->stop;

        item->result = BB_OK;
        item->aside = NULL;
        if (s->reported->transaction_id < 1 || s->reported->transaction_id > INT32_MAX)
                item->aside = "the transaction id is not one that we give";
        else if (!known)
                item->aside = "the station has no such transaction";
        else if (session->state == BB_SESSION_OPEN)
                return 1;
        else if (!is_same(s, session))
                item->aside = "the session ended before, and differently";
        return 0;
}

static struct ending ending_of(struct stop_item *item, const struct bb_session *session, int64_t next_meter_wh)
{
        const struct stop *s = &item->stop;

        return (struct ending){
                .item = item,
                .stop = s,
                .session = *session,
                .doubt = doubt_of(s, session, next_meter_wh),
                .energy_wh = s->meter_wh > session->meter_start_wh ? s->meter_wh - session->meter_start_wh : 0,
                .cdr_id = bb_uuid(),
        };
}

/* Settles all but those that end an open session, which are in `endings`. */
static BB_AWAIT bb_err facts_read(const struct charging *c, struct report *const *reports, size_t count,
                                  struct ending *endings, size_t *ret_count)
{
        bb_rows *rows;

        *ret_count = 0;
        TRY(facts_select(reports, count, &rows));
        for (size_t i = 0; i < count; i++)
                ((struct stop_item *)reports[i])->result = BB_E_CONFLICT;
        for (size_t row = 0; row < bb_rows_count(rows); row++) {
                int64_t n = bb_row_int(rows, row, N, 0);
                struct bb_authorization authorization = token_verdict(c, rows, row, TOKEN, -1);
                struct bb_session session;
                struct stop_item *item;

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                item = (struct stop_item *)reports[n - 1];
                authorization_keep(&item->authorization, &authorization);
                session_row(rows, row, &session);
                if (settle(item, &session, !bb_row_is_null(rows, row, 0)))
                        endings[(*ret_count)++] =
                                ending_of(item, &session, bb_row_int(rows, row, NEXT_METER, INT64_MAX));
        }
        return BB_OK;
}

/* Locks the sessions in the order that samples keep to as well. */
static struct bb_stmt lock_stmt(const struct bb_param *sessions)
{
        return (struct bb_stmt){.sql = "select 1 from charging.session where session_id = any ($1::text[]::uuid[])"
                                       " order by session_id for no key update",
                                .params = sessions,
                                .param_count = 1};
}

/* All of them or none: when a session was ended, or a connection replaced, since the reading the group is read again.
 */
static const char end_sql[] =
        "update charging.session s set state = x.state, ended_at = x.ended_at, end_received_at = x.received_at,"
        " meter_stop_wh = x.meter_wh, energy_wh = x.energy_wh, power_w = 0, stop_reason = x.reason,"
        " stop_token_uid = x.token_uid, review = x.review, version = s.version + 1"
        " from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[],"
        " $7::text[], $8::text[], $9::text[])"
        " as x (session_id, state, ended_at, received_at, meter_wh, energy_wh, reason, token_uid, review)"
        " where s.session_id = x.session_id::uuid and s.state = 0"
        " and (select count(*) from unnest($1::text[], $10::text[], $11::bigint[]) as k (session_id, station_id, epoch)"
        " join charging.session o on o.session_id = k.session_id::uuid and o.state = 0"
        " join charging.station st on st.station_id = k.station_id and st.epoch = k.epoch) = $12";

static struct bb_stmt end_stmt(const struct ending *endings, size_t count)
{
        enum { SESSIONS, REASONS, TOKENS, REVIEWS, STATIONS, TEXTS };
        enum { STATES, ENDED, RECEIVED, METERS, ENERGIES, EPOCHS, NUMBERS };
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 12);
        bb_str *t[TEXTS];
        int64_t *k[NUMBERS];

        for (size_t i = 0; i < TEXTS; i++)
                t[i] = BB_NEW_ARRAY(bb_str, count + 1);
        for (size_t i = 0; i < NUMBERS; i++)
                k[i] = BB_NEW_ARRAY(int64_t, count + 1);
        for (size_t i = 0; i < count; i++) {
                const struct ending *e = &endings[i];

                t[SESSIONS][i] = e->session.id;
                t[REASONS][i] = e->stop->reason;
                t[TOKENS][i] = e->stop->token_uid;
                t[REVIEWS][i] = bb_cstr(e->doubt);
                t[STATIONS][i] = e->stop->who->station_id;
                k[STATES][i] = e->doubt != NULL ? BB_SESSION_REVIEW : BB_SESSION_ENDED;
                k[ENDED][i] = e->stop->at_ms;
                k[RECEIVED][i] = e->stop->now_ms;
                k[METERS][i] = e->stop->meter_wh;
                k[ENERGIES][i] = e->energy_wh;
                k[EPOCHS][i] = e->stop->who->epoch;
        }
        p[0] = BB_TEXT_ARRAY(t[SESSIONS], count);
        p[1] = BB_INT_ARRAY(k[STATES], count);
        p[2] = BB_TIME_ARRAY(k[ENDED], count);
        p[3] = BB_TIME_ARRAY(k[RECEIVED], count);
        p[4] = BB_INT_ARRAY(k[METERS], count);
        p[5] = BB_INT_ARRAY(k[ENERGIES], count);
        p[6] = BB_TEXT_ARRAY(t[REASONS], count);
        p[7] = BB_TEXT_ARRAY(t[TOKENS], count);
        p[8] = BB_TEXT_ARRAY(t[REVIEWS], count);
        p[9] = BB_TEXT_ARRAY(t[STATIONS], count);
        p[10] = BB_INT_ARRAY(k[EPOCHS], count);
        p[11] = BB_INT((int64_t)count);
        return (struct bb_stmt){.sql = end_sql, .params = p, .param_count = 12, .flags = BB_STMT_MUST_HIT};
}

static const char account_sql[] =
        "insert into charging.cdr (cdr_id, session_id, station_id, location_id, token_uid, connector_id, started_at,"
        " ended_at, energy_wh, duration_s, created_at)"
        " select x.cdr_id::uuid, x.session_id::uuid, x.station_id, x.location_id, x.token_uid, x.connector_id,"
        " x.started_at, x.ended_at, x.energy_wh, x.duration_s, x.created_at"
        " from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],"
        " $8::timestamptz[], $9::bigint[], $10::bigint[], $11::timestamptz[])"
        " as x (cdr_id, session_id, station_id, location_id, token_uid, connector_id, started_at, ended_at, energy_wh,"
        " duration_s, created_at)";

/* The accounts of those that nobody has to look at; 0: of none. */
static int account_stmt(const struct ending *endings, size_t count, struct bb_stmt *ret)
{
        enum { CDRS, SESSIONS, STATIONS, LOCATIONS, TOKENS, TEXTS };
        enum { CONNECTORS, STARTED, ENDED, ENERGIES, DURATIONS, CREATED, NUMBERS };
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 11);
        bb_str *t[TEXTS];
        int64_t *k[NUMBERS];
        size_t n = 0;

        for (size_t i = 0; i < TEXTS; i++)
                t[i] = BB_NEW_ARRAY(bb_str, count + 1);
        for (size_t i = 0; i < NUMBERS; i++)
                k[i] = BB_NEW_ARRAY(int64_t, count + 1);
        for (size_t i = 0; i < count; i++) {
                const struct bb_session *s = &endings[i].session;
                const struct stop *stop = endings[i].stop;

                if (endings[i].doubt != NULL)
                        continue;
                t[CDRS][n] = endings[i].cdr_id;
                t[SESSIONS][n] = s->id;
                t[STATIONS][n] = s->station_id;
                t[LOCATIONS][n] = s->location_id;
                t[TOKENS][n] = s->token_uid;
                k[CONNECTORS][n] = s->connector_id;
                k[STARTED][n] = s->started_ms;
                k[ENDED][n] = stop->at_ms;
                k[ENERGIES][n] = endings[i].energy_wh;
                k[DURATIONS][n] = (stop->at_ms - s->started_ms) / 1000;
                k[CREATED][n++] = stop->now_ms;
        }
        p[0] = BB_TEXT_ARRAY(t[CDRS], n);
        p[1] = BB_TEXT_ARRAY(t[SESSIONS], n);
        p[2] = BB_TEXT_ARRAY(t[STATIONS], n);
        p[3] = BB_TEXT_ARRAY(t[LOCATIONS], n);
        p[4] = BB_TEXT_ARRAY(t[TOKENS], n);
        p[5] = BB_INT_ARRAY(k[CONNECTORS], n);
        p[6] = BB_TIME_ARRAY(k[STARTED], n);
        p[7] = BB_TIME_ARRAY(k[ENDED], n);
        p[8] = BB_INT_ARRAY(k[ENERGIES], n);
        p[9] = BB_INT_ARRAY(k[DURATIONS], n);
        p[10] = BB_TIME_ARRAY(k[CREATED], n);
        *ret = (struct bb_stmt){.sql = account_sql, .params = p, .param_count = 11};
        return n > 0;
}

static struct bb_stmt events_stmt(struct charging *c, const struct ending *endings, size_t count)
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, EVENTS_A_STOP * count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct ending *e = &endings[i];
                const struct bb_session *s = &e->session;

                events[n++] =
                        (struct bb_new_event){.topic = "session.ended", .key = s->id, .payload = ended_payload(e)};
                if (e->doubt == NULL)
                        events[n++] = (struct bb_new_event){
                                .topic = "cdr.created", .key = s->id, .payload = cdr_payload(e->cdr_id, s->id)};
                else if (s->review.ptr == NULL)
                        n += (size_t)review_event(c, s->station_id, s->id, e->doubt, &events[n]);
        }
        return bb_event_list_stmt(events, n);
}

/* The last samples of those that brought some. 0: there are none. */
static int samples_stmt(const struct ending *endings, size_t count, struct bb_stmt *ret)
{
        struct sample_item *items = BB_NEW_ARRAY(struct sample_item, count + 1);
        struct sample_item **list = BB_NEW_ARRAY(struct sample_item *, count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct bb_stop *s = endings[i].stop->reported;

                if (s->sample_count == 0)
                        continue;
                sample_item_init(&items[n], endings[i].stop->who, endings[i].session.id,
                                 endings[i].session.connector_id, s->samples, s->sample_count);
                list[n] = &items[n];
                n++;
        }
        if (n > 0)
                *ret = sample_stmt(list, n);
        return n > 0;
}

/* BB_E_NOT_FOUND, BB_E_EXISTS: one of the sessions is not open any more (its account may be what exists then), or one
 * of the connections is not the station's. */
static BB_AWAIT bb_err sessions_end(struct charging *c, const struct ending *endings, size_t count)
{
        struct bb_stmt end = end_stmt(endings, count), stmts[5];
        size_t n = 0;

        stmts[n++] = lock_stmt(end.params);
        /* The samples come first: after the end they would count as late. */
        n += (size_t)samples_stmt(endings, count, &stmts[n]);
        stmts[n++] = end;
        n += (size_t)account_stmt(endings, count, &stmts[n]);
        stmts[n++] = events_stmt(c, endings, count);
        return bb_db_run(stmts, n, NULL);
}

static BB_AWAIT bb_err stop_round(struct charging *c, struct report *const *reports, size_t count)
{
        struct ending *endings = BB_NEW_ARRAY(struct ending, count + 1);
        bb_err err = BB_E_NOT_FOUND;
        size_t n = 0;

        /* Once more when somebody else ended one between the reading and the writing. */
        for (int i = 0; (err == BB_E_NOT_FOUND || err == BB_E_EXISTS) && i < TRIES; i++) {
                TRY(facts_read(c, reports, count, endings, &n));
                err = n > 0 ? sessions_end(c, endings, n) : BB_OK;
        }
        return err == BB_E_NOT_FOUND || err == BB_E_EXISTS ? BB_E_CONFLICT : err;
}

static BB_AWAIT bb_err flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, stop_round);
}

BB_AWAIT bb_err charging_session_stop(const struct bb_station_ref *who, const struct bb_stop *reported,
                                      struct bb_stopped *ret)
{
        STATE(c);
        struct stop_item item = {.report = {.who = who}, .stop = normal(who, reported)};

        if (reported->sample_count > SAMPLES_MAX)
                return BB_E_LIMIT;
        presence_seen(&c->presence, who->station_id, who->epoch, 0, item.stop.now_ms);
        TRY(bb_batch_submit(c->stops, &item));
        TRY(item.result);
        if (item.aside != NULL)
                TRY(keep_aside(c, &item.stop, item.aside));
        *ret = (struct bb_stopped){.has_authorization = item.stop.token_uid.len > 0};
        if (ret->has_authorization)
                ret->authorization = authorization_take(&item.authorization);
        return BB_OK;
}

bb_err stops_start(struct charging *c)
{
        c->stops = bb_batch_new(c->tenant, "charging.stops", GROUP_MAX, flush, c);
        return c->stops != NULL ? BB_OK : BB_E_INTERNAL;
}

BB_AWAIT void stops_stop(struct charging *c)
{
        bb_batch_free(c->stops);
        c->stops = NULL;
}
