/* SPDX-License-Identifier: Apache-2.0
 *
 * What the domain tells: a session that begins gets its rule set, a connector's states are kept for the difference
 * between charging and parking, a CDR gets its price.
 */
#include "follow.h"
#include "limits.h"

struct started {
        uint64_t present;
        bb_str session_id, station_id, location_id, token_uid;
        int64_t connector_id, started_ms;
};
static const struct bb_field started_fields[] = {
        FIELD(started, session_id, "session_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(started, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(started, location_id, "location_id", BB_T_STR),
        FIELD(started, token_uid, "token_uid", BB_T_STR),
        FIELD(started, connector_id, "connector_id", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(started, started_ms, "started_at", BB_T_TIME, .flags = BB_REQUIRED),
};
static BB_SHAPE(SessionStartedFacts, started, BB_SHAPE_OPEN, "Of session.started.", started_fields);

BB_AWAIT bb_err terms_find(const struct cdr_who *who, int64_t at_ms, const struct billing_options *options,
                           struct stored_contract *ret, bb_str *ret_tariff)
{
        struct session_facts facts;
        int64_t version, position;
        bb_str id;
        bb_err err = session_facts_find(who->token_uid, who->station_id, who->connector_id, at_ms, &facts);

        ret->version = 0;
        *ret_tariff = options->default_tariff;
        if (err == BB_OK)
                err = contract_find(&facts, &id, &version, &position);
        if (err == BB_E_NOT_FOUND) /* no contract, or the station is gone by now */
                return BB_OK;
        TRY(err);
        TRY(contract_load(id, version, ret));
        *ret_tariff = ret->contract.tariff_id;
        return BB_OK;
}

struct begun {
        bb_str session_id;
        int64_t started_ms, known_ms; /* to us */
        int32_t running;
};

/* The version of the tariff that was in force when the session's start became known to us. */
static BB_AWAIT bb_err freeze(const struct begun *b, struct cdr_who *who, bb_str tariff,
                              const struct stored_contract *c)
{
        bb_str facts;

        TRY(location_zone(who->location_id, &who->time_zone));
        TRY(cdr_facts_now(who, &facts));
        return bb_db_query(
                NULL,
                "insert into billing.session (session_id, tariff_id, tariff_version, time_zone, contract_id,"
                " contract_version, facts, token_uid, started_at, running) select $1, v.tariff_id, v.version,"
                " $3, $5, $6, $7, $8, $9, $10 from billing.tariff_version v where v.tariff_id = $2 and v.saved_at <= "
                "$4 order by v.version desc limit 1"
                " on conflict (tenant_id, session_id) do nothing",
                BB_UUID(b->session_id), BB_TEXT(tariff), BB_TEXT(who->time_zone), BB_TIME(b->known_ms),
                BB_TEXT(c->version > 0 ? c->contract.id : BB_NONE), BB_INT_OR_NULL(c->version > 0, c->version),
                BB_TEXT(facts), BB_TEXT(who->token_uid.ptr != NULL ? who->token_uid : BB_STR("")),
                BB_TIME(b->started_ms), BB_BOOL(b->running));
}

/* *ret_contract: version 0 when there is none, or nothing has a price. */
static BB_AWAIT bb_err take_rules(const struct begun *b, struct cdr_who *who, const struct billing_options *options,
                                  struct stored_contract *ret_contract)
{
        bb_str tariff;

        TRY(terms_find(who, b->started_ms, options, ret_contract, &tariff));
        return tariff.len > 0 ? freeze(b, who, tariff, ret_contract) : BB_OK;
}

BB_AWAIT bb_err follow_started(const struct bb_event *event, void *state)
{
        struct stored_contract contract;
        struct bb_fault fault;
        struct cdr_who who;
        struct begun begun;
        struct started s;

        TRY(bb_shape_decode_text(&SessionStartedFacts, event->payload, &s, &fault));
        who = (struct cdr_who){.token_uid = s.token_uid,
                               .station_id = s.station_id,
                               .location_id = s.location_id,
                               .connector_id = s.connector_id};
        begun = (struct begun){
                .session_id = s.session_id, .started_ms = s.started_ms, .known_ms = event->at_ms, .running = 1};
        TRY(take_rules(&begun, &who, state, &contract));
        return contract.version > 0 && contract.contract.limits != NULL
                       ? limits_arm(s.session_id, contract.contract.limits)
                       : BB_OK;
}

struct status_facts {
        uint64_t present;
        bb_str station_id;
        int32_t status;
        int64_t connector_id, at_ms;
};
/* In the order of BB_CONNECTOR_…. */
static const char *const status_names[] = {"Unknown",       "Available",   "Preparing", "Charging",
                                           "SuspendedEVSE", "SuspendedEV", "Finishing", "Reserved",
                                           "Unavailable",   "Faulted",     NULL};
static const struct bb_field status_fields[] = {
        FIELD(status_facts, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(status_facts, connector_id, "connector_id", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(status_facts, status, "status", BB_T_ENUM, .flags = BB_REQUIRED, .values = status_names),
        FIELD(status_facts, at_ms, "at", BB_T_TIME, .flags = BB_REQUIRED),
};
static BB_SHAPE(ConnectorStatusFacts, status_facts, BB_SHAPE_OPEN, "Of connector.status.", status_fields);

BB_AWAIT bb_err follow_status(const struct bb_event *event, void *state)
{
        struct status_facts s;
        struct bb_fault fault;

        (void)state;
        TRY(bb_shape_decode_text(&ConnectorStatusFacts, event->payload, &s, &fault));
        if (s.connector_id < 1)
                return BB_OK;
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into billing.connector_state (station_id, connector_id, at, status)"
                        " values ($1, $2, $3, $4) on conflict (tenant_id, station_id, connector_id, at, status)"
                        " do nothing",
                        BB_TEXT(s.station_id), BB_INT(s.connector_id), BB_TIME(s.at_ms), BB_INT(s.status)),
                BB_STMT("update billing.session_limit set next_at = greatest($3, $4::timestamptz)"
                        " where station_id = $1 and connector_id = $2 and kind = 3 and state < 2", /* LIMIT_IDLE */
                        BB_TEXT(s.station_id), BB_INT(s.connector_id), BB_TIME(s.at_ms), BB_TIME(bb_now_ms())),
        };
        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

struct cdr_facts {
        uint64_t present;
        bb_str cdr_id, session_id;
};
static const struct bb_field cdr_fields[] = {
        FIELD(cdr_facts, cdr_id, "cdr_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(cdr_facts, session_id, "session_id", BB_T_STR, .flags = BB_REQUIRED),
};
static BB_SHAPE(CdrCreatedFacts, cdr_facts, BB_SHAPE_OPEN, "Of cdr.created.", cdr_fields);

BB_AWAIT bb_err follow_ended(const struct bb_event *event, void *state)
{
        (void)state;
        return limits_end(event->key);
}

/* A session that an operator has made of a report never began before us: what holds is what held when it came to be
 * known. */
static BB_AWAIT bb_err take_rules_late(bb_str session_id, int64_t known_ms, const struct billing_options *options)
{
        struct stored_contract contract;
        struct bb_session s;
        struct cdr_who who;
        bb_rows *rows;

        TRY(charging->session_get(session_id, &s));
        if (s.settled_ms == 0)
                return BB_OK;
        TRY(bb_db_query(&rows, "select 1 from billing.session where session_id = $1", BB_UUID(session_id)));
        if (bb_rows_count(rows) > 0)
                return BB_OK;
        who = (struct cdr_who){.token_uid = s.token_uid,
                               .station_id = s.station_id,
                               .location_id = s.location_id,
                               .connector_id = s.connector_id};
        return take_rules(&(struct begun){.session_id = session_id, .started_ms = s.started_ms, .known_ms = known_ms},
                          &who, options, &contract);
}

BB_AWAIT bb_err follow_cdr(const struct bb_event *event, void *state)
{
        struct cdr_facts c;
        struct bb_fault fault;
        bb_err err;

        TRY(bb_shape_decode_text(&CdrCreatedFacts, event->payload, &c, &fault));
        TRY(take_rules_late(c.session_id, event->at_ms, state));
        err = cdr_settle(c.cdr_id, c.session_id);
        /* An amount beyond all range will be no other the next time, and limits of other sessions wait behind it. */
        return err == BB_E_LIMIT ? BB_E_INVALID : err;
}

struct expired {
        uint64_t present;
        int64_t reservation_id;
};
static const struct bb_field expired_fields[] = {
        FIELD(expired, reservation_id, "reservation_id", BB_T_INT, .flags = BB_REQUIRED),
};
static BB_SHAPE(ReservationExpiredFacts, expired, BB_SHAPE_OPEN, "Of reservation.expired.", expired_fields);

BB_AWAIT bb_err follow_expired(const struct bb_event *event, void *state)
{
        struct bb_fault fault;
        struct expired e;

        TRY(bb_shape_decode_text(&ReservationExpiredFacts, event->payload, &e, &fault));
        return cdr_settle_reservation(e.reservation_id, state);
}

BB_AWAIT void follow_forget(void *arg)
{
        (void)arg;
        /* In steps: a delete of millions would hold back every event of the server. */
        if (bb_db_query(NULL,
                        "delete from billing.connector_state where (station_id, connector_id, at, status) in (select"
                        " station_id, connector_id, at, status from billing.connector_state where at < now() - interval"
                        " '400 days' order by at limit 10000)") < 0)
                bb_log(BB_WARN, "billing.forget", "old connector states could not be deleted; tried again later");
        if (limits_forget() < 0)
                bb_log(BB_WARN, "billing.forget", "limits that are over could not be deleted; tried again later");
}
