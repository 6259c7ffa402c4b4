/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator decides about a report that was kept aside: it belongs to this session, it is a session of its own
 * (a stop whose start nobody knows), or it is nothing.
 */
#include "domain.h"

struct kept_sample {
        uint64_t present;
        struct bb_sample sample;
};
#define AT(member) .offset = offsetof(struct kept_sample, sample.member)
static const struct bb_field sample_fields[] = {
        {.name = "at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(at_ms)},
        {.name = "measurand", .type = BB_T_STR, AT(measurand)},
        {.name = "phase", .type = BB_T_STR, AT(phase)},
        {.name = "location", .type = BB_T_STR, AT(location)},
        {.name = "context", .type = BB_T_STR, AT(context)},
        {.name = "unit", .type = BB_T_STR, AT(unit)},
        {.name = "format", .type = BB_T_STR, AT(format)},
        {.name = "value", .type = BB_T_STR, AT(value)},
};
static BB_SHAPE(KeptSample, kept_sample, 0, "As samples_json() wrote it.", sample_fields);
#undef AT

/* A report as it is kept; of a stop, or of samples. */
struct kept_report {
        uint64_t present;
        int64_t connector_id, transaction_id, at_ms, meter_stop_wh;
        bb_str token_uid, reason;
        struct bb_array samples;
};
#define AT(member) .offset = offsetof(struct kept_report, member)
static const struct bb_field report_fields[] = {
        {.name = "connector_id", .type = BB_T_INT, AT(connector_id)},
        {.name = "transaction_id", .type = BB_T_INT, AT(transaction_id)},
        {.name = "at", .type = BB_T_TIME, AT(at_ms)},
        {.name = "meter_stop_wh", .type = BB_T_INT, AT(meter_stop_wh)},
        {.name = "token_uid", .type = BB_T_STR, AT(token_uid)},
        {.name = "reason", .type = BB_T_STR, AT(reason)},
        {.name = "samples", .type = BB_T_ARRAY, AT(samples), .shape = &KeptSample, .max = SAMPLES_MAX},
};
static BB_SHAPE(KeptReport, kept_report, 0, "As session_stop.c and sample.c wrote it.", report_fields);
#undef AT

/* Everything that a decision is made from. */
struct review {
        struct bb_aside aside;
        struct kept_report report;
        struct bb_sample *samples;
        int64_t epoch; /* of the station's connection */
};

static BB_AWAIT bb_err review_read(bb_str id, int64_t if_version, struct review *ret)
{
        const struct kept_sample *kept;
        struct bb_fault fault;
        bb_json *json;
        bb_rows *rows;

        TRY(charging_review_get(id, &ret->aside));
        if (if_version > 0 && ret->aside.version != if_version)
                return BB_E_PRECONDITION;
        if (ret->aside.state != BB_REVIEW_OPEN)
                return BB_E_CONFLICT;
        TRY(bb_json_parse(ret->aside.report, &json, &fault));
        TRY(bb_shape_decode(&KeptReport, json, &ret->report, &fault));
        kept = ret->report.samples.items;
        ret->samples = BB_NEW_ARRAY(struct bb_sample, ret->report.samples.count + 1);
        for (size_t i = 0; i < ret->report.samples.count; i++)
                ret->samples[i] = kept[i].sample;
        TRY(bb_db_query(&rows, "select epoch from charging.station where station_id = $1",
                        BB_TEXT(ret->aside.station_id)));
        ret->epoch = bb_row_int(rows, 0, 0, 0);
        return BB_OK;
}

static struct bb_stmt decided_stmt(const struct review *r, bb_str actor, int32_t state, bb_str session_id, bb_str note)
{
        const struct bb_stmt s =
                MUST_HIT("update charging.aside set state = $3, session_id = $4, settled_by = $5, settled_at = $6,"
                         " settled_note = $7, version = version + 1 where aside_id = $1 and version = $2 and state = 0",
                         BB_UUID(r->aside.id), BB_INT(r->aside.version), BB_INT(state), BB_UUID(session_id),
                         BB_TEXT(actor), BB_TIME(bb_now_ms()), BB_TEXT(note));

        return stmt_kept(&s);
}

static struct bb_stmt decided_audit(const struct review *r, bb_str actor, const char *action, bb_str session_id,
                                    bb_str note)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "note", note);
        bb_json_set_str(details, "session_id", session_id);
        bb_json_set_str(details, "station_id", r->aside.station_id);
        return bb_audit_stmt(actor, action, r->aside.id, bb_json_text(details));
}

static bb_err decided(bb_err err, int64_t if_version)
{
        if (err != BB_E_NOT_FOUND)
                return err;
        return if_version > 0 ? BB_E_PRECONDITION : BB_E_CONFLICT;
}

BB_AWAIT bb_err charging_review_dismiss(bb_str actor, bb_str id, int64_t if_version, bb_str note)
{
        STATE(c);
        const struct bb_settlement s = {.note = note};
        struct bb_stmt stmts[2];
        struct review r;

        (void)c;
        if (!settlement_valid(&s))
                return BB_E_INVALID;
        TRY(review_read(id, if_version, &r));
        stmts[0] = decided_stmt(&r, actor, BB_REVIEW_DISMISSED, BB_NONE, note);
        stmts[1] = decided_audit(&r, actor, "review.dismiss", BB_NONE, note);
        return decided(bb_db_run(stmts, BB_COUNT(stmts), NULL), if_version);
}

/* Adds what stores the samples of the report with a session, if it has some: SAMPLES_STMTS at most. */
#define SAMPLES_STMTS 2
static BB_AWAIT bb_err samples_of(struct charging *c, const struct review *r, bb_str session_id, int64_t connector_id,
                                  struct bb_stmt *ret, size_t *count)
{
        struct sample_item *item = bb_alloc(sizeof(*item)), **list = BB_NEW_ARRAY(struct sample_item *, 1);
        const struct bb_station_ref who = {.station_id = r->aside.station_id, .epoch = r->epoch};
        struct bb_param *id = BB_NEW(struct bb_param);

        if (r->report.samples.count == 0)
                return BB_OK;
        sample_item_init(item, &who, session_id, connector_id, r->samples, r->report.samples.count);
        list[0] = item;
        *id = BB_UUID_ARRAY(&item->session_id, 1);
        ret[(*count)++] = (struct bb_stmt){.sql = LOCK_SESSIONS("$1::uuid[]"), .params = id, .param_count = 1};
        return sample_stmt(c, list, 1, &ret[(*count)++]);
}

/* What the station said, where the operator says nothing else. */
static struct bb_settlement settlement_from(const struct bb_settlement *s, const struct review *r)
{
        struct bb_settlement full = *s;

        full.outcome = BB_SETTLE_ACCOUNT;
        if (full.ended_ms == 0)
                full.ended_ms = r->report.at_ms;
        if (full.meter_stop_wh == BB_SETTLE_AS_IS)
                full.meter_stop_wh = r->report.meter_stop_wh;
        return full;
}

static int is_stop(const struct review *r)
{
        return bb_str_is(r->aside.kind, "stop");
}

/* To a session of the same station: samples are stored with it, a stop ends it. */
static BB_AWAIT bb_err attach(struct charging *c, bb_str actor, const struct review *r, const struct bb_settlement *s)
{
        const struct bb_settlement full = settlement_from(s, r);
        struct bb_stmt stmts[2 + SAMPLES_STMTS + SETTLED_STMTS];
        struct bb_session session;
        struct ending e;
        size_t n = 0;
        bb_err err = charging_session_get(s->session_id, &session);

        if (err == BB_E_NOT_FOUND || (err == BB_OK && !bb_str_eq(session.station_id, r->aside.station_id)))
                return BB_E_INVALID;
        TRY(err);
        stmts[n++] = decided_stmt(r, actor, BB_REVIEW_SETTLED, session.id, s->note);
        if (is_stop(r)) {
                if (session.state == BB_SESSION_ENDED)
                        return BB_E_CONFLICT;
                e = ending_settled(&session, &full);
                if (e.doubt != NULL || e.at_ms == 0)
                        return BB_E_INVALID;
                e.reason = r->report.reason;
                e.token_uid = r->report.token_uid;
                n += settled_stmts(c, actor, &full, &e, &stmts[n]);
        }
        TRY(samples_of(c, r, session.id, session.connector_id, stmts, &n));
        stmts[n++] = decided_audit(r, actor, "review.settle", session.id, s->note);
        return bb_db_run(stmts, n, NULL);
}

static BB_AWAIT bb_err session_made(struct charging *c, const struct review *r, const struct bb_settlement *s,
                                    struct bb_session *ret)
{
        bb_str token = s->token_uid.len > 0 ? s->token_uid : r->report.token_uid;
        bb_rows *rows;

        if (s->connector_id < 1 || s->connector_id > CONNECTOR_MAX || s->started_ms == 0 || token.len == 0 ||
            s->meter_start_wh == BB_SETTLE_AS_IS || s->meter_start_wh < 0 || s->meter_start_wh >= METER_LIMIT_WH)
                return BB_E_INVALID;
        *ret = (struct bb_session){.id = bb_uuid(),
                                   .station_id = r->aside.station_id,
                                   .connector_id = s->connector_id,
                                   .token_uid = token,
                                   .started_ms = time_clamp(s->started_ms),
                                   .meter_start_wh = s->meter_start_wh,
                                   .version = 1};
        TRY(bb_db_query(&rows,
                        "select location_id, nextval('charging.transaction_number') from charging.station"
                        " where station_id = $1",
                        BB_TEXT(ret->station_id)));
        ret->location_id = bb_row_str(rows, 0, 0);
        ret->transaction_id = transaction_id(&c->cipher, bb_row_int(rows, 0, 1, 0));
        return BB_OK;
}

/* A stop whose start nobody knows becomes a session of its own. */
static BB_AWAIT bb_err create(struct charging *c, bb_str actor, const struct review *r, const struct bb_settlement *s,
                              bb_str *ret_session_id)
{
        const struct bb_settlement full = settlement_from(s, r);
        struct bb_stmt stmts[3 + SAMPLES_STMTS + SETTLED_STMTS];
        struct bb_session session;
        struct ending e;
        size_t n = 0;

        if (!is_stop(r))
                return BB_E_INVALID;
        TRY(session_made(c, r, s, &session));
        e = ending_settled(&session, &full);
        if (e.doubt != NULL || e.at_ms == 0)
                return BB_E_INVALID;
        e.reason = r->report.reason;
        e.token_uid = r->report.token_uid;
        const struct bb_stmt begin = BB_STMT(
                "insert into charging.session (session_id, station_id, connector_id, transaction_id, location_id,"
                " token_uid, started_at, start_received_at, meter_start_wh, auth_status)"
                " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                BB_UUID(session.id), BB_TEXT(session.station_id), BB_INT(session.connector_id),
                BB_INT(session.transaction_id), BB_TEXT(session.location_id), BB_TEXT(session.token_uid),
                BB_TIME(session.started_ms), BB_TIME(e.received_ms), BB_INT(session.meter_start_wh),
                BB_INT(BB_AUTH_ACCEPTED));

        stmts[n++] = decided_stmt(r, actor, BB_REVIEW_SETTLED, session.id, s->note);
        stmts[n++] = begin;
        n += settled_stmts(c, actor, &full, &e, &stmts[n]);
        TRY(samples_of(c, r, session.id, session.connector_id, stmts, &n));
        stmts[n++] = decided_audit(r, actor, "review.settle", session.id, s->note);
        *ret_session_id = session.id;
        return bb_db_run(stmts, n, NULL);
}

BB_AWAIT bb_err charging_review_settle(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *s,
                                       bb_str *ret_session_id)
{
        STATE(c);
        struct review r;

        if (!settlement_valid(s))
                return BB_E_INVALID;
        TRY(review_read(id, if_version, &r));
        *ret_session_id = s->session_id;
        if (s->session_id.len > 0)
                return decided(attach(c, actor, &r, s), if_version);
        return decided(create(c, actor, &r, s, ret_session_id), if_version);
}
