/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a session, whoever brings it about (its station's stop, a rule, an operator): what is strange about it,
 * its final account, and what is told about it. A session that wants a look gets no account, so that nothing bills it
 * by itself.
 */
#include "domain.h"

const char review_unmetered[] = "it was closed without its stop and without a meter reading";
static const char clock_changed[] = "the station's clock was changed during the session";

/* What made people look may be mended by the end: a stop that was missing, and now fits. */
static int is_mended(const struct ending *e, int64_t next_meter_wh)
{
        const bb_str review = e->session.review;

        if (bb_str_is(review, review_unmetered))
                return e->who != NULL;
        return bb_str_is(review, review_overlap) && e->meter_wh <= next_meter_wh;
}

static int64_t or_else(int64_t told_ms, int64_t otherwise_ms)
{
        return told_ms != 0 ? told_ms : otherwise_ms;
}

/* Both ends were told by one clock: then its time and ours have passed alike. */
static int is_clock_changed(const struct ending *e)
{
        const struct bb_session *s = &e->session;
        int64_t told_ms = or_else(e->told_ms, e->at_ms) - or_else(s->start_told_ms, s->started_ms);
        int64_t change_ms = told_ms - (e->at_ms - s->started_ms);

        return change_ms > CLOCK_WRONG_MS || change_ms < -CLOCK_WRONG_MS;
}

const char *end_doubt(const struct ending *e, const char *clock_doubt, int64_t next_meter_wh)
{
        const char *doubt;

        if (e->session.review.ptr != NULL && !is_mended(e, next_meter_wh))
                return bb_str_c(e->session.review);
        doubt = clock_doubt != NULL ? clock_doubt : stop_doubt(&e->session, e->at_ms, e->meter_wh, e->received_ms);
        if (doubt == NULL && is_clock_changed(e))
                doubt = clock_changed;
        return doubt;
}

int session_awaits_stop(const struct bb_session *s)
{
        return s->state == BB_SESSION_OPEN || s->state == BB_SESSION_CLOSED ||
               (s->state == BB_SESSION_REVIEW && s->end_received_ms == 0 && s->settled_ms == 0);
}

static const char account_sql[] =
        "insert into charging.cdr (cdr_id, session_id, station_id, location_id, token_uid, connector_id, started_at,"
        " ended_at, energy_wh, duration_s, created_at)"
        " select x.cdr_id, x.session_id, x.station_id, x.location_id, x.token_uid, x.connector_id,"
        " x.started_at, x.ended_at, x.energy_wh, x.duration_s, x.created_at"
        " from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],"
        " $8::timestamptz[], $9::bigint[], $10::bigint[], $11::timestamptz[])"
        " as x (cdr_id, session_id, station_id, location_id, token_uid, connector_id, started_at, ended_at, energy_wh,"
        " duration_s, created_at)";

int accounts_stmt(const struct ending *endings, size_t count, struct bb_stmt *ret)
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
                const struct ending *e = &endings[i];
                const struct bb_session *s = &e->session;

                if (e->doubt != NULL)
                        continue;
                t[CDRS][n] = e->cdr_id;
                t[SESSIONS][n] = s->id;
                t[STATIONS][n] = s->station_id;
                t[LOCATIONS][n] = s->location_id;
                t[TOKENS][n] = s->token_uid;
                k[CONNECTORS][n] = s->connector_id;
                k[STARTED][n] = s->started_ms;
                k[ENDED][n] = e->at_ms;
                k[ENERGIES][n] = e->energy_wh;
                k[DURATIONS][n] = (e->at_ms - s->started_ms) / 1000;
                k[CREATED][n++] = e->received_ms;
        }
        p[0] = BB_UUID_ARRAY(t[CDRS], n);
        p[1] = BB_UUID_ARRAY(t[SESSIONS], n);
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

static bb_str ended_payload(const struct ending *e)
{
        const struct bb_session *s = &e->session;
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", s->id);
        bb_json_set_str(payload, "station_id", s->station_id);
        bb_json_set_int(payload, "connector_id", s->connector_id);
        bb_json_set_str(payload, "location_id", s->location_id);
        bb_json_set_str(payload, "token_uid", s->token_uid);
        bb_json_set_int(payload, "transaction_id", s->transaction_id);
        bb_json_set_str(payload, "started_at", bb_time_text(s->started_ms));
        bb_json_set_str(payload, "ended_at", bb_time_text(e->at_ms));
        bb_json_set_int(payload, "energy_wh", e->energy_wh);
        bb_json_set_str(payload, "reason", e->reason);
        bb_json_set_str(payload, "review", bb_cstr(e->doubt));
        bb_json_set_str(payload, "closed_by", s->closed_by);
        return bb_json_text(payload);
}

static bb_str merged_payload(const struct ending *e)
{
        const struct bb_session *s = &e->session;
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", s->id);
        bb_json_set_str(payload, "station_id", s->station_id);
        bb_json_set_str(payload, "rule", s->closed_by);
        bb_json_set_str(payload, "ended_at", bb_time_text(e->at_ms));
        bb_json_set_int(payload, "energy_wh", e->energy_wh);
        bb_json_set_str(payload, "was_ended_at", time_or_none(s->ended_ms));
        bb_json_set_int(payload, "was_energy_wh", s->energy_wh);
        return bb_json_text(payload);
}

static bb_str cdr_payload(const struct ending *e)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "cdr_id", e->cdr_id);
        bb_json_set_str(payload, "session_id", e->session.id);
        return bb_json_text(payload);
}

size_t end_events(struct charging *c, const struct ending *e, struct bb_new_event *ret)
{
        const struct bb_session *s = &e->session;
        size_t n = 0;

        if (e->who != NULL && s->closed_by.ptr != NULL)
                ret[n++] = (struct bb_new_event){.topic = "session.merged", .key = s->id, .payload = merged_payload(e)};
        /* One in review has been told as ended already. */
        if (s->state != BB_SESSION_REVIEW)
                ret[n++] = (struct bb_new_event){.topic = "session.ended", .key = s->id, .payload = ended_payload(e)};
        if (e->doubt == NULL)
                ret[n++] = (struct bb_new_event){.topic = "cdr.created", .key = s->id, .payload = cdr_payload(e)};
        else if (s->review.ptr == NULL)
                n += (size_t)review_event(c, s->station_id, s->id, e->doubt, &ret[n]);
        return n;
}
