/* SPDX-License-Identifier: Apache-2.0
 *
 * Stations end their sessions: session, final account, last samples and events in one transaction, or nothing; those of
 * many stations share a commit (bb_batch). The first stop wins, also over a rule that closed the session before it
 * came; an equal one is acknowledged again; what fits no session that waits for its stop is kept aside.
 */
#include "operation.h"

#define TRIES 2

/* A stop as it is stored. */
struct stop {
        const struct bb_station_ref *who;
        const struct bb_stop *reported;
        int64_t transaction_id; /* the station's, or the one that it means */
        int64_t at_ms, meter_wh, now_ms;
        int64_t told_ms;         /* what the station said, where at_ms is corrected */
        const char *clock_doubt; /* why that may be wrong all the same */
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

static struct stop normal(struct charging *c, const struct bb_station_ref *who, const struct bb_stop *s)
{
        int64_t now = bb_now_ms(), meter = s->meter_stop_wh;
        struct told_time t = clock_correct(c, who, s->at_ms != 0 ? time_clamp(s->at_ms) : now, now);

        if (meter > METER_LIMIT_WH || meter < -METER_LIMIT_WH)
                meter = meter > 0 ? METER_LIMIT_WH : -METER_LIMIT_WH;
        return (struct stop){
                .who = who,
                .reported = s,
                .transaction_id = s->transaction_id,
                .at_ms = t.at_ms,
                .told_ms = t.told_ms,
                .clock_doubt = t.doubt,
                .meter_wh = meter,
                .now_ms = now,
                .token_uid = report_text(s->token_uid, 255),
                .reason = s->reason.len > 0 ? report_text(s->reason, 64) : BB_STR("Local"),
        };
}

static int is_same(const struct stop *s, const struct bb_session *ended)
{
        int64_t told_ms = ended->end_told_ms != 0 ? ended->end_told_ms : ended->ended_ms;

        return (s->reported->at_ms == 0 || s->told_ms == told_ms) && s->meter_wh == ended->meter_stop_wh &&
               bb_str_eq(s->reason, ended->stop_reason) &&
               (s->token_uid.ptr != NULL) == (ended->stop_token_uid.ptr != NULL) &&
               text_same_nocase(s->token_uid, ended->stop_token_uid);
}

static BB_AWAIT bb_err keep_aside(struct charging *c, const struct stop *s, const char *reason)
{
        struct aside a = {.kind = "stop", .reason = reason, .transaction_id = s->reported->transaction_id};

        a.raw = bb_json_new_object();
        bb_json_set_int(a.raw, "transaction_id", s->reported->transaction_id);
        bb_json_set_str(a.raw, "at", time_or_none(s->reported->at_ms != 0 ? s->told_ms : 0));
        bb_json_set_int(a.raw, "meter_stop_wh", s->reported->meter_stop_wh);
        bb_json_set_str(a.raw, "token_uid", s->token_uid);
        bb_json_set_str(a.raw, "reason", s->reason);
        bb_json_set(a.raw, "samples", samples_json(s->reported->samples, s->reported->sample_count));
        return review_keep(c, s->who, &a);
}

/* Selects for each stop by a connection that is its station's: its number (from 1), and what is known. */
static const char facts_sql[] =
        "select " SESSION_COLUMNS ", " TOKEN_COLUMNS ", i.n,"
        " " NEXT_METER_COLUMN " from (select *, lower(token_uid collate \"C\") as token_key"
        " from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) with ordinality"
        " as u (station_id, epoch, transaction_id, token_uid, n) offset 0) i" STATION_JOIN
        " left join lateral (select * from charging.session where transaction_id = i.transaction_id"
        " and station_id = i.station_id offset 0) s on true" TOKEN_JOIN " order by i.n";
enum { TOKEN = SESSION_COLUMN_COUNT, N = TOKEN + TOKEN_COLUMN_COUNT, NEXT_METER };

static BB_AWAIT bb_err facts_select(struct report *const *reports, size_t count, bb_rows **ret)
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, count + 1), *tokens = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *epochs = BB_NEW_ARRAY(int64_t, count + 1), *transactions = BB_NEW_ARRAY(int64_t, count + 1);

        for (size_t i = 0; i < count; i++) {
                const struct stop *s = &((struct stop_item *)reports[i])->stop;

                stations[i] = s->who->station_id;
                epochs[i] = s->who->epoch;
                transactions[i] = s->transaction_id;
                tokens[i] = s->token_uid;
        }
        return bb_db_query(ret, facts_sql, BB_TEXT_ARRAY(stations, count), BB_INT_ARRAY(epochs, count),
                           BB_INT_ARRAY(transactions, count), BB_TEXT_ARRAY(tokens, count));
}

/* Settles a stop in the way that its session asks for. 1: one that waits for it is to be ended. */
static int settle(struct stop_item *item, const struct bb_session *session, int known)
{
        const struct stop *s = &item->stop;

        item->result = BB_OK;
        item->aside = NULL;
        if (s->transaction_id < 1 || s->transaction_id > INT32_MAX)
                item->aside = "the transaction id is not one that we give";
        else if (!known)
                item->aside = "the station has no such transaction";
        else if (session_awaits_stop(session))
                return 1;
        else if (is_same(s, session))
                return 0;
        else if (session->closed_ms != 0 && session->end_received_ms == 0)
                item->aside = "the session had its account before this stop came, and differently";
        else
                item->aside = "the session ended before, and differently";
        return 0;
}

static struct ending ending_of(struct stop_item *item, const struct bb_session *session, int64_t next_meter_wh)
{
        const struct stop *s = &item->stop;
        struct ending e = {
                .who = s->who,
                .item = item,
                .samples = s->reported->samples,
                .sample_count = s->reported->sample_count,
                .session = *session,
                .at_ms = s->at_ms,
                .told_ms = s->told_ms,
                .received_ms = s->now_ms,
                .meter_wh = s->meter_wh,
                .energy_wh = s->meter_wh > session->meter_start_wh ? s->meter_wh - session->meter_start_wh : 0,
                .reason = s->reason,
                .token_uid = s->token_uid,
                .cdr_id = bb_uuid(),
        };

        e.doubt = end_doubt(&e, s->clock_doubt, next_meter_wh);
        return e;
}

/* Settles all but those that end a session, which are in `endings`. */
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
        return (struct bb_stmt){.sql = LOCK_SESSIONS("$1::uuid[]"), .params = sessions, .param_count = 1};
}

/* All of them or none: when a session was ended, or a connection replaced, since the reading the group is read again.
 */
static const char end_sql[] =
        "with x as materialized (select u.*, o.place from unnest($1::uuid[], $2::bigint[], $3::timestamptz[],"
        "  $4::timestamptz[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $13::timestamptz[])"
        "  as u (session_id, state, ended_at, received_at, meter_wh, energy_wh, reason, token_uid, review, told_at)"
        "  cross join lateral (select s.ctid as place from charging.session s where s.session_id = u.session_id"
        "  and " AWAITS_STOP " offset 0) o limit $12)"
        " update charging.session s set state = x.state, ended_at = x.ended_at,"
        " end_told_at = nullif(x.told_at, x.ended_at), end_received_at = x.received_at,"
        " meter_stop_wh = x.meter_wh, energy_wh = x.energy_wh, power_w = 0, stop_reason = x.reason,"
        " stop_token_uid = x.token_uid, review = x.review, version = s.version + 1"
        " from x where s.ctid = x.place"
        " and (select count(*) from x join unnest($1::uuid[], $10::text[], $11::bigint[])"
        " as i (session_id, station_id, epoch) using (session_id)" STATION_JOIN ") = $12";

static struct bb_stmt end_stmt(const struct ending *endings, size_t count)
{
        enum { SESSIONS, REASONS, TOKENS, REVIEWS, STATIONS, TEXTS };
        enum { STATES, ENDED, RECEIVED, METERS, ENERGIES, EPOCHS, TOLD, NUMBERS };
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 13);
        bb_str *t[TEXTS];
        int64_t *k[NUMBERS];

        for (size_t i = 0; i < TEXTS; i++)
                t[i] = BB_NEW_ARRAY(bb_str, count + 1);
        for (size_t i = 0; i < NUMBERS; i++)
                k[i] = BB_NEW_ARRAY(int64_t, count + 1);
        for (size_t i = 0; i < count; i++) {
                const struct ending *e = &endings[i];

                t[SESSIONS][i] = e->session.id;
                t[REASONS][i] = e->reason;
                t[TOKENS][i] = e->token_uid;
                t[REVIEWS][i] = bb_cstr(e->doubt);
                t[STATIONS][i] = e->who->station_id;
                k[STATES][i] = e->doubt != NULL ? BB_SESSION_REVIEW : BB_SESSION_ENDED;
                k[ENDED][i] = e->at_ms;
                k[RECEIVED][i] = e->received_ms;
                k[METERS][i] = e->meter_wh;
                k[ENERGIES][i] = e->energy_wh;
                k[EPOCHS][i] = e->who->epoch;
                k[TOLD][i] = e->told_ms;
        }
        p[0] = BB_UUID_ARRAY(t[SESSIONS], count);
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
        p[12] = BB_TIME_ARRAY(k[TOLD], count);
        return (struct bb_stmt){.sql = end_sql, .params = p, .param_count = 13, .flags = BB_STMT_MUST_HIT};
}

static struct bb_stmt events_stmt(struct charging *c, const struct ending *endings, size_t count)
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, EVENTS_AN_END * count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
                n += end_events(c, &endings[i], &events[n]);
        return bb_event_list_stmt(events, n);
}

/* The last samples of those that brought some; *ret_count stays 0 when there are none. */
static BB_AWAIT bb_err samples_stmt(struct charging *c, const struct ending *endings, size_t count, struct bb_stmt *ret,
                                    size_t *ret_count)
{
        struct sample_item *items = BB_NEW_ARRAY(struct sample_item, count + 1);
        struct sample_item **list = BB_NEW_ARRAY(struct sample_item *, count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct ending *e = &endings[i];

                if (e->sample_count == 0)
                        continue;
                sample_item_init(&items[n], e->who, e->session.id, e->session.connector_id, e->samples,
                                 e->sample_count);
                list[n] = &items[n];
                n++;
        }
        if (n == 0)
                return BB_OK;
        ++*ret_count;
        return sample_stmt(c, list, n, ret);
}

/* BB_E_NOT_FOUND, BB_E_EXISTS: one of the sessions awaits no stop any more (its account may be what exists then), or
 * one of the connections is not the station's. */
static BB_AWAIT bb_err sessions_end(struct charging *c, const struct ending *endings, size_t count)
{
        struct bb_stmt end = end_stmt(endings, count), stmts[5];
        size_t n = 0;

        stmts[n++] = lock_stmt(end.params);
        /* The samples come first: after the end they would count as late. */
        TRY(samples_stmt(c, endings, count, &stmts[n], &n));
        stmts[n++] = end;
        n += (size_t)accounts_stmt(endings, count, &stmts[n]);
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
        struct stop_item item = {.report = {.who = who}, .stop = normal(c, who, reported)};

        if (reported->sample_count > SAMPLES_MAX)
                return BB_E_LIMIT;
        presence_seen(&c->presence, who->station_id, who->epoch, 0, item.stop.now_ms);
        /* A station that never got the answer to its start has no number of ours to tell. */
        if (reported->transaction_id <= 0)
                TRY(session_match(who,
                                  &(struct match){.is_stop = 1,
                                                  .at_ms = item.stop.told_ms,
                                                  .meter_wh = item.stop.meter_wh,
                                                  .token_uid = item.stop.token_uid},
                                  &item.stop.transaction_id));
        TRY(bb_batch_submit(c->stops, &item));
        TRY(item.result);
        if (item.aside != NULL)
                TRY(keep_aside(c, &item.stop, item.aside));
        else
                operation_fact(c, who->station_id,
                               &(struct fact){.kind = FACT_SESSION_ENDED, .transaction_id = item.stop.transaction_id});
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
