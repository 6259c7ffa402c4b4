/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator decides about a session: it is over, it gets its account with these corrections, or none at all.
 * Every decision names who made it and why, in the session and in the audit log, in the transaction that carries it
 * out.
 */
#include "domain.h"

#define NOTE_MAX 1000

int settlement_valid(const struct bb_settlement *s)
{
        return s->note.len > 0 && text_clean(s->note, NOTE_MAX) && text_clean(s->token_uid, 255) &&
               (s->outcome == BB_SETTLE_ACCOUNT || s->outcome == BB_SETTLE_DISMISS);
}

/* BB_E_PRECONDITION: it is not of that version. */
static BB_AWAIT bb_err session_of_version(bb_str id, int64_t if_version, struct bb_session *ret)
{
        TRY(charging_session_get(id, ret));
        return if_version > 0 && ret->version != if_version ? BB_E_PRECONDITION : BB_OK;
}

/* Not what was read any more: somebody's condition failed, or the state does not allow it. */
static bb_err changed_meanwhile(bb_err err, int64_t if_version)
{
        if (err != BB_E_NOT_FOUND && err != BB_E_EXISTS)
                return err;
        return if_version > 0 ? BB_E_PRECONDITION : BB_E_CONFLICT;
}

static bb_str decision_details(const struct bb_settlement *s, const struct ending *e)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "note", s->note);
        bb_json_set_str(details, "outcome", s->outcome == BB_SETTLE_DISMISS ? BB_STR("dismiss") : BB_STR("account"));
        bb_json_set_str(details, "review", e->session.review);
        bb_json_set_str(details, "started_at", time_or_none(s->started_ms));
        bb_json_set_str(details, "ended_at", time_or_none(e->at_ms));
        bb_json_set_int(details, "energy_wh", e->energy_wh);
        return bb_json_text(details);
}

static bb_str settled_payload(const struct bb_settlement *s, const struct ending *e)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", e->session.id);
        bb_json_set_str(payload, "station_id", e->session.station_id);
        bb_json_set_str(payload, "outcome", s->outcome == BB_SETTLE_DISMISS ? BB_STR("dismiss") : BB_STR("account"));
        bb_json_set_str(payload, "ended_at", bb_time_text(e->at_ms));
        bb_json_set_int(payload, "energy_wh", e->energy_wh);
        return bb_json_text(payload);
}

/* The account as the operator wants it, where he said so; `doubt` tells what cannot be. */
struct ending ending_settled(const struct bb_session *session, const struct bb_settlement *s)
{
        struct ending e = {.session = *session,
                           .at_ms = s->ended_ms != 0 ? time_clamp(s->ended_ms) : session->ended_ms,
                           .received_ms = bb_now_ms(),
                           .meter_wh = s->meter_stop_wh != BB_SETTLE_AS_IS ? s->meter_stop_wh : session->meter_stop_wh,
                           .reason = session->stop_reason,
                           .token_uid = session->stop_token_uid,
                           .cdr_id = bb_uuid()};

        if (s->started_ms != 0)
                e.session.started_ms = time_clamp(s->started_ms);
        e.energy_wh = s->energy_wh != BB_SETTLE_AS_IS ? s->energy_wh : e.meter_wh - session->meter_start_wh;
        if (s->outcome == BB_SETTLE_DISMISS)
                e.energy_wh = e.energy_wh > 0 ? e.energy_wh : 0;
        else if (e.at_ms < e.session.started_ms)
                e.doubt = "it ended before it started";
        else if (e.energy_wh < 0 || e.energy_wh > METER_LIMIT_WH)
                e.doubt = "the energy is absurd";
        return e;
}

/* The statements that end `e->session` so, in the state that was read. What the station said at the start stays the key
 * of its repetitions. */
size_t settled_stmts(struct charging *c, bb_str actor, const struct bb_settlement *s, const struct ending *e,
                     struct bb_stmt ret[SETTLED_STMTS])
{
        struct bb_new_event *events = BB_NEW_ARRAY(struct bb_new_event, EVENTS_AN_END + 1);
        const struct bb_stmt end = MUST_HIT(
                "update charging.session set state = 1, review = null, started_at = $3,"
                " start_told_at = nullif(coalesce(start_told_at, started_at), $3), ended_at = $4, meter_stop_wh = $5,"
                " energy_wh = $6, power_w = 0, settled_by = $7, settled_at = $8, settled_note = $9,"
                " stop_reason = coalesce(stop_reason, $10), stop_token_uid = coalesce(stop_token_uid, $11),"
                " closed_by = case when state = 0 then 'operator' else closed_by end,"
                " closed_at = case when state = 0 then $8 else closed_at end,"
                " version = version + 1 where session_id = $1 and version = $2 and state <> 1",
                BB_UUID(e->session.id), BB_INT(e->session.version), BB_TIME(e->session.started_ms), BB_TIME(e->at_ms),
                BB_INT(e->meter_wh), BB_INT(e->energy_wh), BB_TEXT(actor), BB_TIME(e->received_ms), BB_TEXT(s->note),
                BB_TEXT(e->reason), BB_TEXT(e->token_uid));
        size_t n = 0, k;

        ret[n++] = stmt_kept(&end);
        if (s->outcome == BB_SETTLE_ACCOUNT)
                n += (size_t)accounts_stmt(e, 1, &ret[n]);
        k = end_events(c, e, events);
        events[k++] = (struct bb_new_event){
                .topic = "session.settled", .key = e->session.id, .payload = settled_payload(s, e)};
        ret[n++] = bb_event_list_stmt(events, k);
        ret[n++] = bb_audit_stmt(actor, "session.settle", e->session.id, decision_details(s, e));
        return n;
}

BB_AWAIT bb_err charging_session_settle(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *s)
{
        STATE(c);
        struct bb_stmt stmts[SETTLED_STMTS];
        struct bb_session session;
        struct ending e;

        if (!settlement_valid(s))
                return BB_E_INVALID;
        TRY(session_of_version(id, if_version, &session));
        if (session.state != BB_SESSION_REVIEW && session.state != BB_SESSION_CLOSED)
                return BB_E_CONFLICT;
        e = ending_settled(&session, s);
        if (e.doubt != NULL)
                return BB_E_INVALID;
        if (s->outcome == BB_SETTLE_DISMISS) {
                e.doubt = "an operator dismissed it";
                e.session.review = bb_cstr(e.doubt); /* nobody need look any more */
        }
        return changed_meanwhile(bb_db_run(stmts, settled_stmts(c, actor, s, &e, stmts), NULL), if_version);
}

BB_AWAIT bb_err charging_session_close(bb_str actor, bb_str id, int64_t if_version, bb_str note)
{
        STATE(c);
        struct bb_session session;
        struct bb_stmt audit;
        bb_json *details;

        (void)c;
        if (note.len == 0 || !text_clean(note, NOTE_MAX))
                return BB_E_INVALID;
        TRY(session_of_version(id, if_version, &session));
        if (session.state != BB_SESSION_OPEN)
                return BB_E_CONFLICT;
        details = bb_json_new_object();
        bb_json_set_str(details, "note", note);
        audit = bb_audit_stmt(actor, "session.close", id, bb_json_text(details));
        return changed_meanwhile(session_close(&session, "operator", &audit), if_version);
}
