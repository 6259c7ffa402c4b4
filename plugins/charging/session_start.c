/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions begin. Starts of many stations share a commit (bb_batch): one read (token, station, the same start sent
 * before), one write (sessions, events). Sent again, by whatever message, the same start finds its session by its
 * unique key and gets the same answer.
 */
#include "operation.h"

#define TRIES 4
#define EVENTS_A_START 4

/* A start as it is stored. */
struct start {
        const struct bb_station_ref *who;
        int64_t connector_id, at_ms, meter_wh, reservation_id, now_ms;
        int64_t told_ms;         /* what the station said, where at_ms is corrected */
        const char *clock_doubt; /* why that may be wrong all the same */
        bb_str token_uid;
};

/* A start that waits in its task for its commit; the answer is kept in it. */
struct start_item {
        struct report report;
        struct start start;
        bb_err result;
        int32_t transaction_id;
        int32_t again; /* it was known before */
        char session_id[36];
        struct kept_authorization authorization;
};

/* A start that is new, while it is written. */
struct fresh {
        struct start_item *item;
        const struct start *start;
        struct bb_authorization authorization;
        bb_str location_id;
        int64_t open_before; /* sessions that are open on the connector without anybody wondering yet */
        int32_t connector_missing;
        int32_t reserved; /* its station holds reservations, or it names one */
        int32_t transaction_id;
        bb_str session_id;
        const char *doubt;
};

static struct start normal(struct charging *c, const struct bb_station_ref *who, const struct bb_start *s)
{
        int64_t now = bb_now_ms(), meter = s->meter_start_wh;
        struct told_time t = clock_correct(c, who, s->at_ms != 0 ? time_clamp(s->at_ms) : now, now);

        if (meter > METER_LIMIT_WH || meter < -METER_LIMIT_WH)
                meter = meter > 0 ? METER_LIMIT_WH : -METER_LIMIT_WH;
        return (struct start){
                .who = who,
                .connector_id = s->connector_id,
                .at_ms = t.at_ms,
                .told_ms = t.told_ms,
                .clock_doubt = t.doubt,
                .meter_wh = meter,
                .reservation_id = s->reservation_id,
                .now_ms = now,
                .token_uid = empty_if_none(report_text(s->token_uid, 255)),
        };
}

/* Selects for each start by a connection that is its station's: its number (from 1), and what is known. */
#define SAME_CONNECTOR "station_id = i.station_id and connector_id = i.connector_id"
static const char facts_sql[] =
        "select " TOKEN_COLUMNS ", i.n, st.location_id,"
        " case when t.max_open_sessions > 0 then (select count(*) from charging.session where token_key = i.token_key"
        " and state = 0 and review is null and not (" SAME_CONNECTOR ")) else 0 end,"
        " (select count(*) from charging.session where " SAME_CONNECTOR " and state = 0 and review is null),"
        " not exists (select from charging.connector where " SAME_CONNECTOR "),"
        " e.session_id::text, e.transaction_id, e.auth_status, e.parent_uid,"
        " exists (select from charging.reservation where station_id = i.station_id and state in (0, 1))"
        " from (select *, lower(token_uid collate \"C\") as token_key from unnest($1::text[], $2::bigint[], $3::text[],"
        " $4::bigint[], $5::timestamptz[], $6::bigint[]) with ordinality"
        " as u (station_id, epoch, token_uid, connector_id, at, meter_wh, n) offset 0) i" STATION_JOIN TOKEN_JOIN
        " left join lateral (select * from charging.session where " SAME_CONNECTOR " and token_key = i.token_key"
        " and coalesce(start_told_at, started_at) = i.at and meter_start_wh = i.meter_wh offset 0) e on true"
        " order by i.n";
enum {
        N = TOKEN_COLUMN_COUNT,
        LOCATION,
        OTHERS,
        OPEN,
        CONNECTOR_MISSING,
        SESSION,
        TRANSACTION,
        STATUS,
        PARENT,
        RESERVED
};

static BB_AWAIT bb_err facts_select(struct report *const *reports, size_t count, bb_rows **ret)
{
        bb_str *texts = BB_NEW_ARRAY(bb_str, 2 * count + 1), *stations = texts, *tokens = texts + count;
        int64_t *numbers = BB_NEW_ARRAY(int64_t, 4 * count + 1), *epochs = numbers, *connectors = epochs + count,
                *times = connectors + count, *meters = times + count;

        for (size_t i = 0; i < count; i++) {
                const struct start *s = &((struct start_item *)reports[i])->start;

                stations[i] = s->who->station_id;
                epochs[i] = s->who->epoch;
                tokens[i] = s->token_uid;
                connectors[i] = s->connector_id;
                times[i] = s->told_ms;
                meters[i] = s->meter_wh;
        }
        return bb_db_query(ret, facts_sql, BB_TEXT_ARRAY(stations, count), BB_INT_ARRAY(epochs, count),
                           BB_TEXT_ARRAY(tokens, count), BB_INT_ARRAY(connectors, count), BB_TIME_ARRAY(times, count),
                           BB_INT_ARRAY(meters, count));
}

static void answer(struct start_item *item, int32_t transaction, bb_str session_id, const struct bb_authorization *a)
{
        item->result = BB_OK;
        item->transaction_id = transaction;
        memcpy(item->session_id, session_id.ptr, sizeof(item->session_id));
        authorization_keep(&item->authorization, a);
}

/* A start that is not new has its answer. */
static void answer_again(struct start_item *item, const bb_rows *rows, size_t row, int64_t expires_ms)
{
        const struct bb_authorization a = {.status = (int32_t)bb_row_int(rows, row, STATUS, BB_AUTH_INVALID),
                                           .parent_uid = bb_row_str(rows, row, PARENT),
                                           .expires_ms = expires_ms};

        item->again = 1;
        answer(item, (int32_t)bb_row_int(rows, row, TRANSACTION, 0), bb_row_str(rows, row, SESSION), &a);
}

/* Those before it in the group begin with it, and the database does not know them yet. */
static int64_t begin_too(const struct fresh *fresh, size_t count, bb_str token_uid)
{
        int64_t n = 0;

        for (size_t i = 0; i < count; i++)
                n += fresh[i].doubt == NULL && text_same_nocase(fresh[i].start->token_uid, token_uid);
        return n;
}

static void fresh_add(const struct charging *c, struct start_item *item, const bb_rows *rows, size_t row,
                      struct fresh *fresh, size_t count)
{
        const struct start *s = &item->start;
        const int limited = bb_row_int(rows, row, 4, 0) > 0;
        int64_t others = bb_row_int(rows, row, OTHERS, 0) + (limited ? begin_too(fresh, count, s->token_uid) : 0);
        struct fresh *f = &fresh[count];

        *f = (struct fresh){
                .item = item,
                .start = s,
                .authorization = token_verdict(c, rows, row, 0, others),
                .location_id = bb_row_str(rows, row, LOCATION),
                .open_before = bb_row_int(rows, row, OPEN, 0),
                .connector_missing = bb_row_int(rows, row, CONNECTOR_MISSING, 0) && s->connector_id >= 1 &&
                                     s->connector_id <= CONNECTOR_MAX,
                .reserved = s->reservation_id != 0 || bb_row_int(rows, row, RESERVED, 0),
                .session_id = bb_uuid(),
        };
        f->doubt = start_doubt(f->authorization.status, s->connector_id, s->at_ms, s->meter_wh, s->now_ms);
        if (f->doubt == NULL)
                f->doubt = s->clock_doubt;
}

/* Answers those that are not new; the new ones are in `fresh`. */
static BB_AWAIT bb_err facts_read(const struct charging *c, struct report *const *reports, size_t count,
                                  struct fresh *fresh, size_t *ret_count)
{
        bb_rows *rows;

        *ret_count = 0;
        TRY(facts_select(reports, count, &rows));
        for (size_t i = 0; i < count; i++)
                ((struct start_item *)reports[i])->result = BB_E_CONFLICT;
        for (size_t row = 0; row < bb_rows_count(rows); row++) {
                int64_t n = bb_row_int(rows, row, N, 0);
                struct start_item *item;

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                item = (struct start_item *)reports[n - 1];
                if (bb_row_is_null(rows, row, SESSION))
                        fresh_add(c, item, rows, row, fresh, (*ret_count)++);
                else
                        answer_again(item, rows, row, token_verdict(c, rows, row, 0, 0).expires_ms);
        }
        return BB_OK;
}

/* Numbers are drawn in handfuls, so that a start does not wait for the sequence. Those that a restart forgets are lost.
 */
static BB_AWAIT bb_err numbers_draw(struct charging *c, struct fresh *fresh, size_t count)
{
        bb_rows *rows;

        if (c->number_count < count) {
                TRY(bb_db_query(&rows,
                                "select nextval('charging.transaction_number') from generate_series(1, $1::integer)",
                                BB_INT(count > 32 ? GROUP_MAX : 32)));
                for (size_t i = 0; i < bb_rows_count(rows) && c->number_count < BB_COUNT(c->numbers); i++)
                        c->numbers[c->number_count++] = bb_row_int(rows, i, 0, 0);
        }
        if (c->number_count < count)
                return BB_E_INTERNAL;
        for (size_t i = 0; i < count; i++)
                fresh[i].transaction_id = transaction_id(&c->cipher, c->numbers[--c->number_count]);
        return BB_OK;
}

static bb_str started_payload(const struct fresh *f)
{
        const struct start *s = f->start;
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", f->session_id);
        bb_json_set_str(payload, "station_id", s->who->station_id);
        bb_json_set_int(payload, "connector_id", s->connector_id);
        bb_json_set_str(payload, "location_id", f->location_id);
        bb_json_set_str(payload, "token_uid", s->token_uid);
        bb_json_set_int(payload, "transaction_id", f->transaction_id);
        bb_json_set_str(payload, "started_at", bb_time_text(s->at_ms));
        if (s->told_ms != s->at_ms)
                bb_json_set_str(payload, "start_told_at", bb_time_text(s->told_ms));
        bb_json_set_int(payload, "meter_start_wh", s->meter_wh);
        bb_json_set_str(payload, "review", bb_cstr(f->doubt));
        return bb_json_text(payload);
}

/* What those mean for reservations that have to do with any. */
static BB_AWAIT bb_err reserved_match(const struct fresh *fresh, size_t count, struct reservation_start **ret,
                                      size_t *ret_count)
{
        struct reservation_start *starts = BB_NEW_ARRAY(struct reservation_start, count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct start *s = fresh[i].start;

                if (fresh[i].reserved)
                        starts[n++] = (struct reservation_start){.station_id = s->who->station_id,
                                                                 .token_uid = s->token_uid,
                                                                 .parent_uid = fresh[i].authorization.parent_uid,
                                                                 .session_id = fresh[i].session_id,
                                                                 .connector_id = s->connector_id,
                                                                 .reservation_id = s->reservation_id,
                                                                 .at_ms = s->at_ms};
        }
        *ret = starts;
        *ret_count = n;
        return reservations_match(starts, n);
}

static struct bb_stmt events_stmt(struct charging *c, const struct fresh *fresh, size_t count,
                                  const struct reservation_start *reserved, size_t reserved_count)
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, EVENTS_A_START * count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                const struct fresh *f = &fresh[i];
                bb_str station_id = f->start->who->station_id;

                events[n++] = (struct bb_new_event){
                        .topic = "session.started", .key = f->session_id, .payload = started_payload(f)};
                if (f->doubt != NULL)
                        n += (size_t)review_event(c, station_id, f->session_id, f->doubt, &events[n]);
                if (f->open_before > 0)
                        n += (size_t)review_event(c, station_id, BB_NONE, review_overlap, &events[n]);
        }
        n += reservations_use_events(reserved, reserved_count, &events[n]);
        return bb_event_list_stmt(events, n);
}

/* All of them or none: when a connection was replaced since the reading the whole group is read again. */
static const char insert_sql[] =
        "insert into charging.session (session_id, station_id, connector_id, transaction_id, location_id, token_uid,"
        " parent_uid, started_at, start_told_at, start_received_at, meter_start_wh, reservation_id, auth_status, "
        "review)"
        " select x.session_id, x.station_id, x.connector_id, x.transaction_id, x.location_id, x.token_uid,"
        " x.parent_uid, x.started_at, nullif(x.told_at, x.started_at), x.received_at, x.meter_wh, "
        "nullif(x.reservation_id, 0), x.auth_status, x.review"
        " from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[],"
        " $8::timestamptz[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[],"
        " $16::timestamptz[])"
        " as x (session_id, station_id, connector_id, transaction_id, location_id, token_uid, parent_uid, started_at,"
        " received_at, meter_wh, reservation_id, auth_status, review, told_at)"
        " where (select count(*) from unnest($2::text[], $14::bigint[]) as i (station_id, epoch)" STATION_JOIN
        ") = $15";

static struct bb_stmt insert_stmt(const struct fresh *fresh, size_t count)
{
        enum { SESSIONS, STATIONS, LOCATIONS, TOKENS, PARENTS, REVIEWS, TEXTS };
        enum { CONNECTORS, TRANSACTIONS, STARTED, RECEIVED, METERS, RESERVATIONS, STATUSES, EPOCHS, TOLD, NUMBERS };
        bb_str *t[TEXTS];
        int64_t *k[NUMBERS];
        struct bb_param *p = BB_NEW_ARRAY(struct bb_param, 16);

        for (size_t i = 0; i < TEXTS; i++)
                t[i] = BB_NEW_ARRAY(bb_str, count + 1);
        for (size_t i = 0; i < NUMBERS; i++)
                k[i] = BB_NEW_ARRAY(int64_t, count + 1);
        for (size_t i = 0; i < count; i++) {
                const struct fresh *f = &fresh[i];
                const struct start *s = f->start;

                t[SESSIONS][i] = f->session_id;
                t[STATIONS][i] = s->who->station_id;
                t[LOCATIONS][i] = f->location_id;
                t[TOKENS][i] = s->token_uid;
                t[PARENTS][i] = f->authorization.parent_uid;
                t[REVIEWS][i] = bb_cstr(f->doubt);
                k[CONNECTORS][i] = s->connector_id;
                k[TRANSACTIONS][i] = f->transaction_id;
                k[STARTED][i] = s->at_ms;
                k[RECEIVED][i] = s->now_ms;
                k[METERS][i] = s->meter_wh;
                k[RESERVATIONS][i] = s->reservation_id;
                k[STATUSES][i] = f->authorization.status;
                k[EPOCHS][i] = s->who->epoch;
                k[TOLD][i] = s->told_ms;
        }
        p[0] = BB_UUID_ARRAY(t[SESSIONS], count);
        p[1] = BB_TEXT_ARRAY(t[STATIONS], count);
        p[2] = BB_INT_ARRAY(k[CONNECTORS], count);
        p[3] = BB_INT_ARRAY(k[TRANSACTIONS], count);
        p[4] = BB_TEXT_ARRAY(t[LOCATIONS], count);
        p[5] = BB_TEXT_ARRAY(t[TOKENS], count);
        p[6] = BB_TEXT_ARRAY(t[PARENTS], count);
        p[7] = BB_TIME_ARRAY(k[STARTED], count);
        p[8] = BB_TIME_ARRAY(k[RECEIVED], count);
        p[9] = BB_INT_ARRAY(k[METERS], count);
        p[10] = BB_INT_ARRAY(k[RESERVATIONS], count);
        p[11] = BB_INT_ARRAY(k[STATUSES], count);
        p[12] = BB_TEXT_ARRAY(t[REVIEWS], count);
        p[13] = BB_INT_ARRAY(k[EPOCHS], count);
        p[14] = BB_INT((int64_t)count);
        p[15] = BB_TIME_ARRAY(k[TOLD], count);
        return (struct bb_stmt){.sql = insert_sql, .params = p, .param_count = 16, .flags = BB_STMT_MUST_HIT};
}

/* The connectors, and sessions, of the starts that `wants` picks. 0: of none. */
static size_t places(const struct fresh *fresh, size_t count, int (*wants)(const struct fresh *), struct bb_param p[3])
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, count + 1), *sessions = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *connectors = BB_NEW_ARRAY(int64_t, count + 1);
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                if (!wants(&fresh[i]))
                        continue;
                stations[n] = fresh[i].start->who->station_id;
                connectors[n] = fresh[i].start->connector_id;
                sessions[n++] = fresh[i].session_id;
        }
        p[0] = BB_TEXT_ARRAY(stations, n);
        p[1] = BB_INT_ARRAY(connectors, n);
        p[2] = BB_UUID_ARRAY(sessions, n);
        return n;
}

static int wants_connector(const struct fresh *f)
{
        return f->connector_missing;
}

static int wants_overlap(const struct fresh *f)
{
        return f->open_before > 0;
}

#define OVERLAPPED                                                                                                     \
        " s.station_id = k.station_id and s.connector_id = k.connector_id and s.state = 0 and s.review is null"        \
        " and s.session_id <> k.session_id"
#define PLACES "unnest($1::text[], $2::bigint[], $3::uuid[]) as k (station_id, connector_id, session_id)"

static BB_AWAIT bb_err sessions_write(struct charging *c, const struct fresh *fresh, size_t count)
{
        struct bb_param missing[3], overlaps[4];
        struct bb_stmt stmts[6];
        struct reservation_start *reserved;
        size_t n = 0, reserved_count;

        TRY(reserved_match(fresh, count, &reserved, &reserved_count));
        stmts[n++] = insert_stmt(fresh, count);
        if (places(fresh, count, wants_connector, missing) > 0)
                stmts[n++] = (struct bb_stmt){
                        .sql = "insert into charging.connector (station_id, connector_id)"
                               " select k.* from unnest($1::text[], $2::bigint[]) as k on conflict do nothing",
                        .params = missing,
                        .param_count = 2};
        /* Both sessions stay: which of them charges is not ours to guess. */
        if (places(fresh, count, wants_overlap, overlaps) > 0) {
                overlaps[3] = BB_CTEXT(review_overlap);
                stmts[n++] = (struct bb_stmt){.sql = "select 1 from charging.session s, " PLACES " where" OVERLAPPED
                                                     " order by s.session_id for no key update of s",
                                              .params = overlaps,
                                              .param_count = 3};
                stmts[n++] = (struct bb_stmt){
                        .sql = "update charging.session s set review = $4, version = s.version + 1 from " PLACES
                               " where" OVERLAPPED,
                        .params = overlaps,
                        .param_count = 4};
        }
        n += reservations_use_stmt(reserved, reserved_count, &stmts[n]);
        stmts[n++] = events_stmt(c, fresh, count, reserved, reserved_count);
        return bb_db_run(stmts, n, NULL);
}

/* "Exists" is either the same start, written by another node meanwhile, or a transaction id that is taken (the numbers
 * came round, or the master key changed): then the next number will do. "Not found": a connection was replaced. */
static BB_AWAIT bb_err start_round(struct charging *c, struct report *const *reports, size_t count)
{
        struct fresh *fresh = BB_NEW_ARRAY(struct fresh, count + 1);
        bb_err err = BB_E_EXISTS;
        size_t n = 0;

        for (int i = 0; (err == BB_E_EXISTS || err == BB_E_NOT_FOUND) && i < TRIES; i++) {
                TRY(facts_read(c, reports, count, fresh, &n));
                if (n == 0)
                        return BB_OK;
                TRY(numbers_draw(c, fresh, n));
                err = sessions_write(c, fresh, n);
        }
        if (err == BB_E_NOT_FOUND)
                return BB_E_CONFLICT;
        TRY(err);
        for (size_t i = 0; i < n; i++)
                answer(fresh[i].item, fresh[i].transaction_id, fresh[i].session_id, &fresh[i].authorization);
        return BB_OK;
}

static BB_AWAIT bb_err flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, start_round);
}

BB_AWAIT bb_err charging_session_start(const struct bb_station_ref *who, const struct bb_start *reported,
                                       struct bb_started *ret)
{
        STATE(c);
        struct start_item item = {.report = {.who = who}, .start = normal(c, who, reported)};

        presence_seen(&c->presence, who->station_id, who->epoch, 0, item.start.now_ms);
        TRY(bb_batch_submit(c->starts, &item));
        TRY(item.result);
        *ret = (struct bb_started){
                .transaction_id = item.transaction_id,
                .session_id = bb_str_dup((bb_str){item.session_id, sizeof(item.session_id)}),
                .authorization = authorization_take(&item.authorization),
        };
        session_cache_put(c, who->station_id, ret->transaction_id, ret->session_id);
        operation_fact(c, who->station_id,
                       &(struct fact){.kind = item.again ? FACT_LOOK : FACT_SESSION_STARTED,
                                      .connector_id = item.start.connector_id,
                                      .token_uid = item.start.token_uid,
                                      .transaction_id = ret->transaction_id,
                                      .session_id = ret->session_id});
        return BB_OK;
}

bb_err starts_start(struct charging *c)
{
        c->starts = bb_batch_new(c->tenant, "charging.starts", GROUP_MAX, flush, c);
        return c->starts != NULL ? BB_OK : BB_E_INTERNAL;
}

BB_AWAIT void starts_stop(struct charging *c)
{
        bb_batch_free(c->starts);
        c->starts = NULL;
}
