/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators decide: a session is closed, settled or dismissed; a report that fits no session is given to one,
 * becomes one, or is dismissed. Each with its reason, and only of the version that was seen when If-Match says so.
 */
#include "admin.h"

static const char *const outcomes[] = {"account", "dismiss", NULL};

struct settlement {
        uint64_t present;
        bb_str note, session_id, token_uid;
        int32_t outcome;
        int64_t connector_id, started_ms, meter_start_wh, ended_ms, meter_stop_wh, energy_wh;
};
#define AT(member) .offset = offsetof(struct settlement, member)
#define NOTE                                                                                                           \
        {                                                                                                              \
                .name = "note", .type = BB_T_STR, .flags = BB_REQUIRED, AT(note), .min = 1, .max = 1000,               \
                .about = "Why. Kept with the decision and in the audit log."                                           \
        }

static const struct bb_field note_fields[] = {NOTE};
BB_SHAPE(DecisionNote, settlement, 0, "Why an operator decides so.", note_fields);

enum { S_NOTE, S_OUTCOME, S_STARTED, S_ENDED, S_METER_STOP, S_ENERGY };
static const struct bb_field session_fields[] = {
        [S_NOTE] = NOTE,
        [S_OUTCOME] = {.name = "outcome",
                       .type = BB_T_ENUM,
                       .flags = BB_REQUIRED,
                       AT(outcome),
                       .values = outcomes,
                       .about = "account: it gets its final account; dismiss: it is over, and nobody pays."},
        [S_STARTED] = {.name = "started_at", .type = BB_T_TIME, AT(started_ms), .about = "Absent: as it is."},
        [S_ENDED] = {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms), .about = "Absent: as it is."},
        [S_METER_STOP] = {.name = "meter_stop_wh",
                          .type = BB_T_INT,
                          AT(meter_stop_wh),
                          .about = "The register at the end; absent: as it is."},
        [S_ENERGY] = {.name = "energy_wh",
                      .type = BB_T_INT,
                      AT(energy_wh),
                      .min = 0,
                      .max = 1000000000000,
                      .about = "Absent: the register at the end minus that at the start."},
};
BB_SHAPE(SessionSettlement, settlement, 0, "How a session is settled.", session_fields);

enum { R_NOTE, R_SESSION, R_CONNECTOR, R_TOKEN, R_STARTED, R_METER_START, R_ENDED, R_METER_STOP };
static const struct bb_field review_fields[] = {
        [R_NOTE] = NOTE,
        [R_SESSION] = {.name = "session_id",
                       .type = BB_T_STR,
                       AT(session_id),
                       .about = "The session that it belongs to. Absent: a stop becomes a session of its own."},
        [R_CONNECTOR] = {.name = "connector_id",
                         .type = BB_T_INT,
                         AT(connector_id),
                         .min = 1,
                         .max = 255,
                         .about = "Of a session of its own; needed then."},
        [R_TOKEN] =
                {.name = "token_uid", .type = BB_T_STR, AT(token_uid), .max = 20, .about = "Absent: as it was told."},
        [R_STARTED] = {.name = "started_at",
                       .type = BB_T_TIME,
                       AT(started_ms),
                       .about = "Of a session of its own; needed then."},
        [R_METER_START] = {.name = "meter_start_wh",
                           .type = BB_T_INT,
                           AT(meter_start_wh),
                           .min = 0,
                           .max = 1000000000000,
                           .about = "Of a session of its own; needed then."},
        [R_ENDED] = {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms), .about = "Absent: as it was told."},
        [R_METER_STOP] = {.name = "meter_stop_wh",
                          .type = BB_T_INT,
                          AT(meter_stop_wh),
                          .about = "Absent: as it was told."},
};
BB_SHAPE(ReviewSettlement, settlement, 0, "What a report that fits no session is to be.", review_fields);
#undef AT

static bb_err misfit(bb_response *res, const char *pointer, const char *text)
{
        bb_problem_field(res, bb_cstr(pointer), bb_cstr(text));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("It cannot be settled so."));
}

static bb_err decided_before(bb_response *res, bb_err err, const char *text)
{
        return err == BB_E_CONFLICT ? bb_problem(res, err, 409, "conflict", bb_cstr(text)) : err;
}

static struct bb_settlement settlement_of(const struct settlement *body)
{
        return (struct bb_settlement){.note = body->note,
                                      .outcome = body->outcome,
                                      .session_id = body->session_id,
                                      .token_uid = body->token_uid,
                                      .connector_id = body->connector_id,
                                      .started_ms = body->started_ms,
                                      .ended_ms = body->ended_ms,
                                      .meter_start_wh = BB_SETTLE_AS_IS,
                                      .meter_stop_wh = BB_SETTLE_AS_IS,
                                      .energy_wh = BB_SETTLE_AS_IS};
}

static bb_err session_sent(bb_request *req, bb_response *res, bb_str id)
{
        struct bb_session session;

        TRY(charging->session_get(id, &session));
        changed_send(req, res, &Session, &session, session.version, 0, BB_NONE);
        return BB_OK;
}

/* What the domain would refuse, with its place in the body. */
static bb_err session_fits(bb_response *res, const struct bb_session *session, const struct bb_settlement *s)
{
        int64_t started = s->started_ms != 0 ? s->started_ms : session->started_ms;
        int64_t ended = s->ended_ms != 0 ? s->ended_ms : session->ended_ms;
        int64_t meter = s->meter_stop_wh != BB_SETTLE_AS_IS ? s->meter_stop_wh : session->meter_stop_wh;

        if (s->outcome == BB_SETTLE_DISMISS)
                return BB_OK;
        if (ended < started)
                return misfit(res, "/ended_at", "must not be before the session's start");
        if (s->energy_wh == BB_SETTLE_AS_IS && meter < session->meter_start_wh)
                return misfit(res, "/meter_stop_wh",
                              "must not be less than meter_start_wh of the session, unless energy_wh is given");
        return BB_OK;
}

/* POST /v1/sessions/{id}/settle */
BB_AWAIT bb_err session_settle(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_settlement s;
        struct bb_session session;
        struct settlement body;
        int64_t if_version;

        TRY(bb_request_decode(req, &SessionSettlement, &body, res));
        TRY(charging->session_get(id, &session));
        TRY(version_wanted(req, res, 1, session.version, &if_version));
        s = settlement_of(&body);
        if (BB_PRESENT(&body, S_METER_STOP))
                s.meter_stop_wh = body.meter_stop_wh;
        if (BB_PRESENT(&body, S_ENERGY))
                s.energy_wh = body.energy_wh;
        if (session.state == BB_SESSION_REVIEW || session.state == BB_SESSION_CLOSED)
                TRY(session_fits(res, &session, &s));
        TRY(decided_before(res, charging->session_settle(bb_request_actor(req), id, if_version, &s),
                           session.state == BB_SESSION_OPEN ? "The session is open: close it first."
                                                            : "The session has been settled, or has its account."));
        return session_sent(req, res, id);
}

/* POST /v1/sessions/{id}/close */
BB_AWAIT bb_err session_shut(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_session session;
        struct settlement body;
        int64_t if_version;

        TRY(bb_request_decode(req, &DecisionNote, &body, res));
        TRY(charging->session_get(id, &session));
        TRY(version_wanted(req, res, 1, session.version, &if_version));
        TRY(decided_before(res, charging->session_close(bb_request_actor(req), id, if_version, body.note),
                           "The session is not open."));
        return session_sent(req, res, id);
}

static bb_err review_fits(bb_response *res, const struct bb_aside *aside, const struct settlement *body)
{
        if (BB_PRESENT(body, R_SESSION))
                return BB_OK;
        if (!bb_str_is(aside->kind, "stop"))
                return misfit(res, "/session_id", "is needed: samples alone make no session");
        if (!BB_PRESENT(body, R_CONNECTOR))
                return misfit(res, "/connector_id", "is needed, unless session_id is given");
        if (!BB_PRESENT(body, R_STARTED))
                return misfit(res, "/started_at", "is needed, unless session_id is given");
        if (!BB_PRESENT(body, R_METER_START))
                return misfit(res, "/meter_start_wh", "is needed, unless session_id is given");
        return BB_OK;
}

/* POST /v1/reviews/{id}/settle */
BB_AWAIT bb_err review_settle(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id"), session_id;
        struct bb_settlement s;
        struct settlement body;
        struct bb_aside aside;
        int64_t if_version;
        bb_err err;

        TRY(bb_request_decode(req, &ReviewSettlement, &body, res));
        TRY(charging->review_get(id, &aside));
        TRY(version_wanted(req, res, 1, aside.version, &if_version));
        if (aside.state == BB_REVIEW_OPEN)
                TRY(review_fits(res, &aside, &body));
        s = settlement_of(&body);
        if (BB_PRESENT(&body, R_METER_START))
                s.meter_start_wh = body.meter_start_wh;
        if (BB_PRESENT(&body, R_METER_STOP))
                s.meter_stop_wh = body.meter_stop_wh;
        err = charging->review_settle(bb_request_actor(req), id, if_version, &s, &session_id);
        if (err == BB_E_INVALID)
                return misfit(
                        res, BB_PRESENT(&body, R_SESSION) ? "/session_id" : "/started_at",
                        "does not fit the report: a session of that station, an end after the start, a meter that "
                        "did not run backwards, and a token are needed");
        TRY(decided_before(res, err, "The report has been settled, or the session has its account."));
        return review_sent(req, res, id);
}

/* POST /v1/reviews/{id}/dismiss */
BB_AWAIT bb_err review_dismiss(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct settlement body;
        struct bb_aside aside;
        int64_t if_version;

        TRY(bb_request_decode(req, &DecisionNote, &body, res));
        TRY(charging->review_get(id, &aside));
        TRY(version_wanted(req, res, 1, aside.version, &if_version));
        TRY(decided_before(res, charging->review_dismiss(bb_request_actor(req), id, if_version, body.note),
                           "The report has been settled."));
        return review_sent(req, res, id);
}
