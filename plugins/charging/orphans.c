/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions whose stop does not come: no session stays open for ever. Named rules close them for the time being, with
 * the last register and the time of the last sample. Until a time of grace has passed there is no account, and the
 * station's own stop takes precedence whenever it comes (session_stop.c). Each step names the version of the session
 * that it saw, so that several nodes, a restart in between, and a stop at that very moment are all harmless.
 */
#include "domain.h"

#define AT_ONCE 200
#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define DAY_MS 86400000LL
#define NEVER_MS TIME_MIN_MS /* nothing is that old */

/* $1 Available, or a later start, since; $2 rebooted since; $3 silent since; $4 open since; $5 the youngest. A station
 * that is back online has its queue to send first, so being online counts only from its connection on. While a
 * connector says that it charges (3 to 5) a reboot ended nothing: some resume. $6 how many. The samples are looked at
 * last, session by session (a subquery with a limit is no join): there are very many of them. */
static const char orphans_sql[] =
        "select " SESSION_COLUMNS ", r.rule from charging.session s"
        " join charging.station st on st.station_id = s.station_id"
        " left join charging.connector c on c.station_id = s.station_id and c.connector_id = s.connector_id"
        " cross join lateral (select case"
        "  when st.online and st.connected_at < $1 and c.status = 1 and c.status_received_at < $1"
        "   and s.start_received_at < $1 then 'available'"
        "  when st.online and st.connected_at < $1 and exists (select from charging.session n"
        "   where n.station_id = s.station_id and n.connector_id = s.connector_id and n.started_at > s.started_at"
        "   and n.start_received_at < $1) then 'next_start'"
        "  when st.online and st.boot_at > s.start_received_at and greatest(st.boot_at, st.connected_at) < $2"
        "   and coalesce(c.status, 0) not between 3 and 5 then 'rebooted'"
        "  when greatest(st.last_seen_at, s.start_received_at) < $3 then 'silent'"
        "  when s.start_received_at < $4 then 'too_long' end as rule) r"
        " where s.state = 0 and s.start_received_at < $5 and r.rule is not null"
        " and (select 1 from charging.sample m where m.session_id = s.session_id and m.received_at >="
        "  case r.rule when 'rebooted' then $2 when 'silent' then $3 when 'too_long' then $3 else $1 end limit 1) is "
        "null"
        " order by s.session_id limit $6";

static int64_t before(int64_t now_ms, int64_t count, int64_t unit_ms)
{
        return count > 0 ? now_ms - count * unit_ms : NEVER_MS;
}

/* By the corrected clock: that of the samples is the one that told the start. */
static int64_t last_sign_ms(const struct bb_session *s, int64_t now_ms)
{
        int64_t off_ms = s->start_told_ms != 0 ? s->start_told_ms - s->started_ms : 0;
        int64_t last_ms = s->last_sample_ms != 0 ? s->last_sample_ms - off_ms : s->started_ms;

        if (last_ms < s->started_ms)
                return s->started_ms;
        return last_ms < now_ms ? last_ms : now_ms;
}

static struct ending ending_by_rule(const struct bb_session *s, int64_t now_ms)
{
        struct ending e = {.session = *s,
                           .at_ms = last_sign_ms(s, now_ms),
                           .received_ms = now_ms,
                           .meter_wh = s->meter_start_wh + s->energy_wh,
                           .energy_wh = s->energy_wh,
                           .cdr_id = bb_uuid()};

        if (s->start_told_ms != 0)
                e.told_ms = e.at_ms + s->start_told_ms - s->started_ms;
        return e;
}

static bb_str closed_payload(const struct ending *e, const char *rule)
{
        const struct bb_session *s = &e->session;
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", s->id);
        bb_json_set_str(payload, "station_id", s->station_id);
        bb_json_set_int(payload, "connector_id", s->connector_id);
        bb_json_set_str(payload, "rule", bb_cstr(rule));
        bb_json_set_str(payload, "ended_at", bb_time_text(e->at_ms));
        bb_json_set_int(payload, "energy_wh", e->energy_wh);
        return bb_json_text(payload);
}

BB_AWAIT bb_err session_close(const struct bb_session *s, const char *rule, const struct bb_stmt *audit)
{
        const struct ending e = ending_by_rule(s, bb_now_ms());
        struct bb_stmt stmts[3];
        size_t n = 0;

        const struct bb_stmt close = MUST_HIT(
                "update charging.session set state = 3, closed_by = $3, closed_at = $4, ended_at = $5, power_w = 0,"
                " meter_stop_wh = $6, version = version + 1 where session_id = $1 and version = $2 and state = 0",
                BB_UUID(s->id), BB_INT(s->version), BB_CTEXT(rule), BB_TIME(e.received_ms), BB_TIME(e.at_ms),
                BB_INT(e.meter_wh));

        stmts[n++] = close;
        stmts[n++] = bb_event_stmt("session.closed_by_rule", s->id, closed_payload(&e, rule));
        if (audit != NULL)
                stmts[n++] = *audit;
        return bb_db_run(stmts, n, NULL);
}

BB_AWAIT bb_err orphans_close(struct charging *c)
{
        const struct charging_config *o = c->config;
        const int64_t now = bb_now_ms(), available = before(now, o->orphan_available_minutes, MINUTE_MS),
                      rebooted = before(now, o->orphan_reboot_minutes, MINUTE_MS),
                      silent = before(now, o->orphan_silence_days, DAY_MS),
                      too_long = before(now, o->orphan_open_days, DAY_MS);
        int64_t youngest = available > rebooted ? available : rebooted;
        bb_rows *rows;

        youngest = youngest > silent ? youngest : silent;
        youngest = youngest > too_long ? youngest : too_long;
        TRY(bb_db_query(&rows, orphans_sql, BB_TIME(available), BB_TIME(rebooted), BB_TIME(silent), BB_TIME(too_long),
                        BB_TIME(youngest), BB_INT(AT_ONCE)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                const char *rule = bb_str_c(bb_row_str(rows, i, SESSION_COLUMN_COUNT));
                struct bb_session s;
                bb_err err;

                session_row(rows, i, &s);
                err = session_close(&s, rule, NULL);
                if (err == BB_E_NOT_FOUND)
                        continue; /* something was said of it meanwhile */
                TRY(err);
                bb_log(BB_INFO, "session.closed_by_rule", NULL, bb_kv_str("session", s.id),
                       bb_kv_str("station", s.station_id), bb_kv_cstr("rule", rule));
        }
        return BB_OK;
}

static const char due_sql[] =
        "select " SESSION_COLUMNS ", s.energy_at is null, " NEXT_METER_COLUMN " from charging.session s"
        " where s.state = 3 and s.closed_at < $1"
        " and (select 1 from charging.sample m where m.session_id = s.session_id and m.received_at >= $1 limit 1) is "
        "null"
        " order by s.closed_at limit $2";
enum { UNMETERED = SESSION_COLUMN_COUNT, NEXT_METER };

/* What came since the closing counts: it is written anew. */
static BB_AWAIT bb_err session_account(struct charging *c, const struct ending *e)
{
        struct bb_new_event events[EVENTS_AN_END];
        struct bb_stmt stmts[3];
        size_t n = 0;

        const struct bb_stmt end =
                MUST_HIT("update charging.session set state = $3, ended_at = $4, meter_stop_wh = $5, review = $6,"
                         " version = version + 1 where session_id = $1 and version = $2 and state = 3",
                         BB_UUID(e->session.id), BB_INT(e->session.version),
                         BB_INT(e->doubt != NULL ? BB_SESSION_REVIEW : BB_SESSION_ENDED), BB_TIME(e->at_ms),
                         BB_INT(e->meter_wh), BB_CTEXT(e->doubt));

        stmts[n++] = end;
        n += (size_t)accounts_stmt(e, 1, &stmts[n]);
        stmts[n++] = bb_event_list_stmt(events, end_events(c, e, events));
        return bb_db_run(stmts, n, NULL);
}

BB_AWAIT bb_err orphans_account(struct charging *c)
{
        const int64_t now = bb_now_ms();
        bb_rows *rows;

        TRY(bb_db_query(&rows, due_sql, BB_TIME(now - c->config->orphan_grace_hours * HOUR_MS), BB_INT(AT_ONCE)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct bb_session s;
                struct ending e;
                bb_err err;

                session_row(rows, i, &s);
                e = ending_by_rule(&s, now);
                e.doubt = end_doubt(&e, bb_row_int(rows, i, UNMETERED, 1) ? review_unmetered : NULL,
                                    bb_row_int(rows, i, NEXT_METER, INT64_MAX));
                err = session_account(c, &e);
                /* Its stop came meanwhile. */
                if (err != BB_E_NOT_FOUND && err != BB_E_EXISTS)
                        TRY(err);
        }
        return BB_OK;
}
