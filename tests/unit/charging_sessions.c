/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of sessions on a real cluster: what becomes of starts, samples and stops, as a station and an
 * operator would notice it.
 *
 * test-sources: plugins/charging/access.c plugins/charging/password.c
 * test-sources: plugins/charging/admit.c plugins/charging/attempt.c plugins/charging/authorize.c plugins/charging/cdr.c
 * test-sources: plugins/charging/bulk.c plugins/charging/bulk_job.c plugins/charging/effect.c
 * test-sources: plugins/charging/operation.c plugins/charging/operation_follow.c plugins/charging/operation_read.c
 * test-sources: plugins/charging/operation_resume.c plugins/charging/operation_send.c
 * test-sources: plugins/charging/operation_table.c
 * test-sources: plugins/charging/command.c plugins/charging/connector.c
 * test-sources: plugins/charging/connector_status.c
 * test-sources: plugins/charging/domain.c plugins/charging/housekeeping.c plugins/charging/lease.c
 * test-sources: plugins/charging/limiter.c
 * test-sources: plugins/charging/dataset.c plugins/charging/location.c plugins/charging/measure.c
 * test-sources: plugins/charging/presence.c plugins/charging/reading.c
 * test-sources: plugins/charging/reservation.c plugins/charging/reservation_end.c
 * test-sources: plugins/charging/review.c plugins/charging/sample.c plugins/charging/session_cache.c
 * test-sources: plugins/charging/sample_prune.c plugins/charging/review_settle.c plugins/charging/settle.c
 * test-sources: plugins/charging/orphans.c plugins/charging/session_clock.c plugins/charging/session_end.c
 * test-sources: plugins/charging/session_match.c
 * test-sources: plugins/charging/session_list.c plugins/charging/session_plausible.c plugins/charging/session_read.c
 * test-sources: plugins/charging/session_start.c plugins/charging/session_stop.c plugins/charging/station.c
 * test-sources: plugins/charging/station_link.c plugins/charging/text.c plugins/charging/token.c
 * test-sources: plugins/charging/sample_kind.c plugins/charging/sample_store.c plugins/charging/transaction_id.c
 * test-includes: plugins/charging
 */
#include "charging_fixture.h"
#include <busbar/access.h>

static bb_err stop_with(const struct bb_station_ref *who, int64_t transaction, int64_t at_ms, int64_t meter,
                        const char *uid, const struct bb_sample *samples, size_t count)
{
        const struct bb_stop stop = {.transaction_id = transaction,
                                     .at_ms = at_ms,
                                     .meter_stop_wh = meter,
                                     .token_uid = bb_cstr(uid),
                                     .samples = samples,
                                     .sample_count = count};
        struct bb_stopped stopped;

        return ops.session_stop(who, &stop, &stopped);
}

static int64_t rows_of(const char *table, const char *where)
{
        char sql[300];

        snprintf(sql, sizeof(sql), "select count(*) from %s where tenant_id = 'nord' and %s", table, where);
        return admin_number(sql);
}

static void do_life(void *arg)
{
        struct bb_station_ref who = station_up("LIFE");
        const struct bb_connector_report charging_now = {
                .connector_id = 1, .status = BB_CONNECTOR_CHARGING, .error_code = BB_STR("NoError")};
        struct bb_authorization authorization;
        struct bb_started started;
        struct bb_sample samples[3];
        struct bb_session s;
        struct bb_station station;
        const struct bb_connector *connector;
        struct bb_cdr *cdrs;
        size_t count;

        (void)arg;
        token_accepted("Life-Card");
        assert_int_equal(ops.authorize(&who, BB_STR("LIFE-CARD"), &authorization), BB_OK);
        assert_int_equal(authorization.status, BB_AUTH_ACCEPTED);
        started = started_at(&who, 1, "life-card", now0, 1000);
        assert_int_equal(started.authorization.status, BB_AUTH_ACCEPTED);
        assert_int_equal(ops.connector_status(&who, &charging_now), BB_OK);

        samples[0] = register_sample(now0 + 60000, "1500");
        samples[1] = register_sample(now0 + 60000, "7.36");
        samples[1].measurand = BB_STR("Power.Active.Import");
        samples[1].unit = BB_STR("kW");
        samples[2] = register_sample(now0 + 60000, "41");
        samples[2].measurand = BB_STR("SoC");
        samples[2].unit = BB_STR("Percent");
        assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, samples, 3), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_OPEN);
        assert_int_equal(s.energy_wh, 500);
        assert_int_equal(s.power_w, 7360);
        assert_int_equal(s.soc_percent, 41);
        assert_int_equal(s.sample_count, 3);
        assert_int_equal(s.last_sample_ms, now0 + 60000);
        assert_true(s.start_received_ms > 0 && s.review.ptr == NULL);

        assert_int_equal(ops.station_get(BB_STR("LIFE"), &station), BB_OK);
        assert_int_equal(station.connectors.count, 1);
        connector = station.connectors.items;
        assert_int_equal(connector->status, BB_CONNECTOR_CHARGING);
        assert_true(bb_str_eq(connector->session_id, started.session_id));

        samples[0] = register_sample(now0 + 120000, "2000");
        assert_int_equal(stop_with(&who, started.transaction_id, now0 + 120000, 2000, "LIFE-card", samples, 1), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_int_equal(s.energy_wh, 1000);
        assert_int_equal(s.power_w, 0);
        assert_int_equal(s.sample_count, 4);
        assert_true(bb_str_is(s.stop_reason, "Local"));
        assert_int_equal(ops.cdr_list(BB_NONE, 10, &cdrs, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_true(bb_str_eq(cdrs[0].session_id, started.session_id));
        assert_int_equal(cdrs[0].energy_wh, 1000);
        assert_int_equal(cdrs[0].duration_s, 120);
        assert_int_equal(rows_of("core.event", "topic in ('session.started', 'session.ended', 'cdr.created')"), 3);
        assert_int_equal(rows_of("core.event", "topic = 'connector.status' and key = 'LIFE'"), 1);
}

static void a_session_from_start_to_account(void **state)
{
        (void)state;
        T(do_life);
}

static void do_repeat_start(void *arg)
{
        struct bb_station_ref who = station_up("REPEAT");
        struct bb_started first, again, other;

        (void)arg;
        token_accepted("repeat");
        first = started_at(&who, 1, "repeat", now0, 5);
        again = started_at(&who, 1, "REPEAT", now0, 5);
        assert_int_equal(first.transaction_id, again.transaction_id);
        assert_true(bb_str_eq(first.session_id, again.session_id));
        assert_int_equal(again.authorization.status, BB_AUTH_ACCEPTED);
        other = started_at(&who, 2, "repeat", now0, 5);
        assert_int_not_equal(first.transaction_id, other.transaction_id);
        assert_int_equal(rows_of("charging.session", "station_id = 'REPEAT'"), 2);
        assert_int_equal(rows_of("core.event", "topic = 'session.started' and payload->>'station_id' = 'REPEAT'"), 2);
        /* After the stop too: a station may send its start again when its storage says so. */
        assert_int_equal(stop_with(&who, first.transaction_id, now0 + 1000, 6, NULL, NULL, 0), BB_OK);
        again = started_at(&who, 1, "repeat", now0, 5);
        assert_int_equal(first.transaction_id, again.transaction_id);
}

static void the_same_start_gets_the_same_transaction(void **state)
{
        (void)state;
        T(do_repeat_start);
}

static void do_tokens(void *arg)
{
        struct bb_station_ref who = station_up("TOKENS");
        struct bb_authorization a;
        struct bb_token group = {.uid = BB_STR("GROUP")};
        struct bb_token t = {.uid = BB_STR("t-1"), .parent_uid = BB_STR("group"), .max_open_sessions = 1};
        int32_t created;

        (void)arg;
        assert_int_equal(ops.token_put(BB_STR("test"), &group, 0, &created), BB_OK);
        assert_int_equal(ops.token_put(BB_STR("test"), &t, 0, &created), BB_OK);
        assert_int_equal(ops.authorize(&who, BB_STR("T-1"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_ACCEPTED);
        assert_true(bb_str_is(a.parent_uid, "group"));
        assert_int_equal(ops.authorize(&who, BB_STR("nobody"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_INVALID);

        assert_int_equal(started_at(&who, 1, "t-1", now0, 0).authorization.status, BB_AUTH_ACCEPTED);
        assert_int_equal(started_at(&who, 2, "t-1", now0, 0).authorization.status, BB_AUTH_CONCURRENT);
        assert_int_equal(ops.authorize(&who, BB_STR("t-1"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_ACCEPTED); /* who wants to stop gets through */

        group.status = BB_TOKEN_BLOCKED;
        assert_int_equal(ops.token_put(BB_STR("test"), &group, 0, &created), BB_OK);
        assert_int_equal(created, 0);
        assert_int_equal(ops.authorize(&who, BB_STR("t-1"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_BLOCKED);
        group.status = BB_TOKEN_ACCEPTED;
        assert_int_equal(ops.token_put(BB_STR("test"), &group, 0, &created), BB_OK);
        t.expires_ms = bb_now_ms() - 1000;
        assert_int_equal(ops.token_put(BB_STR("test"), &t, 0, &created), BB_OK);
        assert_int_equal(ops.authorize(&who, BB_STR("t-1"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_EXPIRED);
        assert_int_equal(a.expires_ms, t.expires_ms);

        fixture_options.unknown_tokens = UNKNOWN_ACCEPT;
        assert_int_equal(ops.authorize(&who, BB_STR("nobody"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_ACCEPTED);
        fixture_options.unknown_tokens = UNKNOWN_REFUSE;
}

static void tokens_are_judged(void **state)
{
        (void)state;
        T(do_tokens);
}

static void do_many_samples(void *arg)
{
        enum { MANY = 2500 };
        struct bb_sample *many = BB_NEW_ARRAY(struct bb_sample, MANY), *list;
        struct bb_station_ref who = station_up("MANY");
        struct bb_started started;
        size_t count;

        (void)arg;
        token_accepted("many");
        started = started_at(&who, 1, "many", now0, 0);
        for (int64_t i = 0; i < MANY; i++)
                many[i] = register_sample(now0 + 10 * i, bb_print("%lld", (long long)i).ptr);
        assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, many, MANY), BB_OK);
        assert_int_equal(ops.session_sample_list(started.session_id, -1, 10000, &list, &count), BB_OK);
        assert_int_equal(count, MANY);
        assert_true(bb_str_is(list[MANY - 1].value, "2499"));
}

/* Who prices it reads it from its start. */
static void a_long_session_is_read_in_few_pages(void **state)
{
        (void)state;
        T(do_many_samples);
}

/* --- others who have a say --- */

static bb_err slow_told; /* what the provider's own waiting came to */

static BB_AWAIT bb_err slow_ask(const struct bb_access_question *q, struct bb_access_answer *ret)
{
        slow_told = bb_sleep(86400000);
        ret->refused = bb_str_is(q->token_uid, "T-SLOW");
        return slow_told;
}

static BB_AWAIT bb_err quick_ask(const struct bb_access_question *q, struct bb_access_answer *ret)
{
        ret->refused = 1;
        ret->reason = bb_print("%.*s has had enough.", BB_FMT(q->token_uid));
        return BB_OK;
}

static void ask_others(void *arg)
{
        static const struct bb_access_ops slow = {.size = sizeof(slow), .ask = slow_ask};
        static const struct bb_access_ops quick = {.size = sizeof(quick), .ask = quick_ask};
        struct bb_station_ref who = station_up("OTHERS");
        struct bb_authorization a;

        (void)arg;
        token_accepted("T-SLOW");
        access_asked = &quick;
        assert_int_equal(ops.authorize(&who, BB_STR("T-SLOW"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_BLOCKED);
        assert_int_equal(rows_of("core.audit", "action = 'token.refuse' and details->>'reason' = 'T-SLOW has had "
                                               "enough.'"),
                         1);
        access_asked = &slow;
        assert_int_equal(ops.authorize(&who, BB_STR("T-SLOW"), &a), BB_OK);
        assert_int_equal(a.status, BB_AUTH_ACCEPTED);
        bb_sleep(1);
        assert_int_equal(slow_told, BB_E_CANCELED);
        access_asked = NULL;
}

static void nobody_waits_for_others_for_long(void **state)
{
        (void)state;
        T(ask_others);
}

static void do_unauthorized(void *arg)
{
        struct bb_station_ref who = station_up("UNAUTH");
        struct bb_started started = started_at(&who, 1, "stranger", now0, 0);
        struct bb_session s;

        (void)arg;
        assert_int_equal(started.authorization.status, BB_AUTH_INVALID);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_OPEN);
        assert_int_equal(s.authorization, BB_AUTH_INVALID);
        assert_true(s.review.len > 0);
        assert_int_equal(started_at(&who, 1, "stranger", now0, 0).authorization.status, BB_AUTH_INVALID);
        assert_int_equal(stop_with(&who, started.transaction_id, now0 + 5000, 10, NULL, NULL, 0), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_REVIEW);
        assert_int_equal(s.energy_wh, 10);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'UNAUTH'"), 0);
        assert_int_equal(rows_of("core.event", "topic = 'session.review' and key = 'UNAUTH'"), 1);
}

static void an_unauthorized_start_is_kept_and_never_billed(void **state)
{
        (void)state;
        T(do_unauthorized);
}

static void do_samples(void *arg)
{
        struct bb_station_ref who = station_up("SAMPLES"), other = station_up("OTHER");
        struct bb_started started;
        struct bb_sample samples[2] = {register_sample(now0 + 1000, "100"), register_sample(now0 + 2000, "200")};
        struct bb_sample *list;
        struct bb_aside *asides;
        struct bb_session s;
        size_t count;

        (void)arg;
        token_accepted("samples");
        started = started_at(&who, 1, "samples", now0, 50);
        for (int i = 0; i < 3; i++)
                assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, samples, 2), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.sample_count, 2);
        assert_int_equal(s.energy_wh, 150);
        /* Another value at the same moment is another sample. An old one does not turn the session back. */
        samples[0].value = BB_STR("101");
        assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, samples, 1), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.sample_count, 3);
        assert_int_equal(s.energy_wh, 150);
        assert_int_equal(ops.session_sample_list(started.session_id, -1, 2, &list, &count), BB_OK);
        assert_int_equal(count, 2);
        assert_int_equal(list[0].at_ms, now0 + 1000);
        assert_int_equal(ops.session_sample_list(started.session_id, 1, 2, &list, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_true(bb_str_is(list[0].value, "200"));
        assert_true(bb_str_is(list[0].measurand, "Energy.Active.Import.Register") && bb_str_is(list[0].unit, "Wh"));
        assert_int_equal(rows_of("charging.sample_kind", "measurand = 'Energy.Active.Import.Register' and unit = 'Wh'"),
                         1);

        /* Another station's transaction, one that nobody has, one that cannot be: kept aside, each once. */
        assert_int_equal(ops.session_samples(&other, 1, started.transaction_id, samples, 2), BB_OK);
        for (int i = 0; i < 2; i++)
                assert_int_equal(ops.session_samples(&other, 1, -1, samples, 2), BB_OK);
        assert_int_equal(ops.session_samples(&other, 1, INT64_MAX, samples, 2), BB_OK);
        assert_int_equal(session_now(started.session_id).sample_count, 3);
        assert_int_equal(ops.review_list(-1, BB_NONE, 10, &asides, &count), BB_OK);
        assert_int_equal(count, 3);
        assert_int_equal(asides[1].count, 2);
        assert_true(bb_str_is(asides[1].station_id, "OTHER") && bb_str_is(asides[1].kind, "samples"));
        assert_non_null(strstr(bb_str_c(asides[1].report), "\"101\""));
        assert_int_equal(ops.review_list(-1, asides[1].id, 10, &asides, &count), BB_OK);
        assert_int_equal(count, 1);

        /* Of no transaction: with the connector. Absurd times have a place too. */
        samples[0].at_ms = INT64_MIN;
        samples[1].at_ms = INT64_MAX;
        assert_int_equal(ops.session_samples(&who, 1, 0, samples, 2), BB_OK);
        assert_int_equal(rows_of("charging.sample_default", "station_id = 'SAMPLES'"), 2);

        assert_int_equal(stop_with(&who, started.transaction_id, now0 + 3000, 250, NULL, NULL, 0), BB_OK);
        samples[0] = register_sample(now0 + 2500, "240");
        assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, samples, 1), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.energy_wh, 200);
        assert_int_equal(s.sample_count, 4);
        assert_int_equal(rows_of("charging.session", "station_id = 'SAMPLES' and late_sample_count = 1"), 1);
}

static void samples_are_stored_once(void **state)
{
        (void)state;
        T(do_samples);
}

static void do_stops(void *arg)
{
        struct bb_station_ref who = station_up("STOPS"), other = station_up("STOPS2");
        const struct bb_stop with_token = {.transaction_id = 77, .at_ms = now0, .token_uid = BB_STR("nobody")};
        struct bb_started started;
        struct bb_stopped stopped;

        (void)arg;
        token_accepted("stops");
        started = started_at(&who, 1, "stops", now0, 0);
        assert_int_equal(stop_with(&other, started.transaction_id, now0 + 1000, 50, NULL, NULL, 0), BB_OK);
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        for (int i = 0; i < 2; i++)
                assert_int_equal(stop_with(&who, started.transaction_id, now0 + 2000, 100, "stops", NULL, 0), BB_OK);
        assert_int_equal(rows_of("charging.aside", "station_id = 'STOPS'"), 0);
        assert_int_equal(stop_with(&who, started.transaction_id, now0 + 2000, 999, "stops", NULL, 0), BB_OK);
        assert_int_equal(stop_with(&who, started.transaction_id, now0 + 2000, 100, NULL, NULL, 0), BB_OK);
        assert_int_equal(stop_with(&who, -5, now0 + 2000, 100, NULL, NULL, 0), BB_OK);
        assert_int_equal(rows_of("charging.aside", "station_id = 'STOPS' and kind = 'stop'"), 3);
        assert_int_equal(rows_of("charging.aside", "station_id = 'STOPS2' and kind = 'stop'"), 1);
        assert_int_equal(session_now(started.session_id).meter_stop_wh, 100);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'STOPS'"), 1);
        assert_int_equal(rows_of("core.event", "topic = 'session.ended' and payload->>'station_id' = 'STOPS'"), 1);
        /* The token is judged even when the transaction is not known. */
        assert_int_equal(ops.session_stop(&who, &with_token, &stopped), BB_OK);
        assert_int_equal(stopped.has_authorization, 1);
        assert_int_equal(stopped.authorization.status, BB_AUTH_INVALID);
}

static void the_first_stop_wins(void **state)
{
        (void)state;
        T(do_stops);
}

static void do_strange(void *arg)
{
        static const struct {
                int64_t start_offset, meter_start, duration, meter_stop;
        } cases[] = {
                {0, 1000, 60000, 999},                    /* the meter ran backwards */
                {0, 0, -1000, 10},                        /* an end before its start */
                {0, 0, 60000, 1500000},                   /* 1.5 MWh in a minute */
                {0, 0, 3600000, 3000000},                 /* 3 MWh */
                {-1700000000000, 0, 60000, 10},           /* 1970 */
                {INT64_MIN / 4, INT64_MIN, 1, INT64_MAX}, /* nonsense */
                {0, -5, 60000, 10},
        };
        struct bb_station_ref who = station_up("STRANGE");
        struct bb_started started;
        struct bb_session s;

        (void)arg;
        token_accepted("strange");
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                int64_t start = now0 + (int64_t)i + cases[i].start_offset;

                started = started_at(&who, (int64_t)i + 1, "strange", start, cases[i].meter_start);
                assert_int_equal(stop_with(&who, started.transaction_id, start + cases[i].duration, cases[i].meter_stop,
                                           NULL, NULL, 0),
                                 BB_OK);
                s = session_now(started.session_id);
                if (s.state != BB_SESSION_REVIEW || s.review.len == 0 || s.energy_wh < 0)
                        fail_msg("case %zu: state %d", i, (int)s.state);
        }
        /* A connector that cannot be. */
        started = started_at(&who, -3, "strange", now0, 0);
        assert_true(session_now(started.session_id).review.len > 0);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'STRANGE'"), 0);
}

static void absurd_sessions_are_kept_for_review(void **state)
{
        (void)state;
        T(do_strange);
}

/* A told time of the epoch itself is 1. */
static void do_epoch(void *arg)
{
        struct bb_station_ref who = station_up("EPOCH");
        struct bb_sample sample = register_sample(1, "900");
        struct bb_started started, fine;
        struct bb_aside *asides;
        struct bb_session s;
        size_t count;

        (void)arg;
        token_accepted("epoch");
        started = started_at(&who, 1, "epoch", 1, 500);
        for (int i = 0; i < 3; i++)
                assert_int_equal(started_at(&who, 1, "epoch", 1, 500).transaction_id, started.transaction_id);
        s = session_now(started.session_id);
        assert_int_equal(s.start_told_ms, 1);
        assert_int_equal(s.started_ms, s.start_received_ms);
        assert_true(bb_str_is(s.review, review_clock_unset));
        for (int i = 0; i < 2; i++)
                assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, &sample, 1), BB_OK);
        s = session_now(started.session_id);
        assert_int_equal(s.sample_count, 1);
        assert_int_equal(s.last_sample_ms, 1);
        assert_int_equal(s.energy_wh, 400);
        /* An end at the epoch: the same one again is the same, another one and a stranger's are kept with their time.
         */
        fine = started_at(&who, 2, "epoch", now0, 0);
        for (int i = 0; i < 2; i++)
                assert_int_equal(stop_with(&who, fine.transaction_id, 1, 1000, NULL, NULL, 0), BB_OK);
        s = session_now(fine.session_id);
        assert_int_equal(s.state, BB_SESSION_REVIEW);
        assert_int_equal(s.end_told_ms, 1);
        assert_int_equal(s.ended_ms, s.end_received_ms);
        assert_true(bb_str_is(s.review, review_clock_unset));
        assert_int_equal(rows_of("charging.cdr", "station_id = 'EPOCH'"), 0);
        assert_int_equal(rows_of("charging.aside", "station_id = 'EPOCH'"), 0);
        assert_int_equal(stop_with(&who, 99, 1, 1000, NULL, NULL, 0), BB_OK);
        assert_int_equal(ops.review_list(-1, BB_NONE, 1, &asides, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_true(bb_str_is(asides[0].station_id, "EPOCH"));
        assert_non_null(strstr(bb_str_c(asides[0].report), "1970-01-01T00:00:00.001Z"));
}

static void the_epoch_is_a_time(void **state)
{
        (void)state;
        T(do_epoch);
}

static void do_overlap(void *arg)
{
        struct bb_station_ref who = station_up("OVERLAP");
        struct bb_started first, second, third;

        (void)arg;
        token_accepted("overlap");
        first = started_at(&who, 1, "overlap", now0, 100);
        second = started_at(&who, 1, "overlap", now0 + 10000, 200);
        assert_true(bb_str_is(session_now(first.session_id).review, review_overlap));
        assert_int_equal(session_now(first.session_id).state, BB_SESSION_OPEN);
        assert_null(session_now(second.session_id).review.ptr);
        third = started_at(&who, 1, "overlap", now0 + 20000, 300);
        /* The late stop fits between the starts: all is well. One that reaches into the next session is not. */
        assert_int_equal(stop_with(&who, first.transaction_id, now0 + 9000, 200, NULL, NULL, 0), BB_OK);
        assert_int_equal(session_now(first.session_id).state, BB_SESSION_ENDED);
        assert_null(session_now(first.session_id).review.ptr);
        assert_int_equal(stop_with(&who, second.transaction_id, now0 + 30000, 350, NULL, NULL, 0), BB_OK);
        assert_int_equal(session_now(second.session_id).state, BB_SESSION_REVIEW);
        assert_int_equal(stop_with(&who, third.transaction_id, now0 + 30000, 350, NULL, NULL, 0), BB_OK);
        assert_int_equal(session_now(third.session_id).state, BB_SESSION_ENDED);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'OVERLAP'"), 2);
}

static void a_lost_stop_closes_nothing_by_guess(void **state)
{
        (void)state;
        T(do_overlap);
}

static void do_stale(void *arg)
{
        struct bb_station_ref old = station_up("STALE"), fresh;
        const struct bb_connector_report report = {.connector_id = 1, .status = BB_CONNECTOR_FAULTED};
        const struct bb_start start = {.connector_id = 1, .at_ms = now0 + 5, .token_uid = BB_STR("stale")};
        const struct bb_boot boot = {.vendor = BB_STR("Old")};
        const struct bb_sample sample = register_sample(now0 + 1000, "10");
        struct bb_started started, none;
        struct bb_authorization a;
        struct bb_station station;

        (void)arg;
        token_accepted("stale");
        started = started_at(&old, 1, "stale", now0, 0);
        fresh = station_up("STALE");
        assert_true(fresh.epoch > old.epoch);
        assert_int_equal(ops.connector_status(&old, &report), BB_E_CONFLICT);
        assert_int_equal(ops.session_start(&old, &start, &none), BB_E_CONFLICT);
        assert_int_equal(ops.session_samples(&old, 1, started.transaction_id, &sample, 1), BB_E_CONFLICT);
        assert_int_equal(ops.session_samples(&old, 1, -1, &sample, 1), BB_E_CONFLICT);
        assert_int_equal(stop_with(&old, started.transaction_id, now0 + 9, 1, NULL, NULL, 0), BB_E_CONFLICT);
        assert_int_equal(ops.authorize(&old, BB_STR("stale"), &a), BB_E_CONFLICT);
        assert_int_equal(ops.boot(&old, &boot), BB_E_CONFLICT);
        assert_int_equal(ops.offline(&old, BB_STR("late close")), BB_E_CONFLICT);
        assert_int_equal(ops.online(&old, BB_STR("192.0.2.9")), BB_E_CONFLICT);
        assert_int_equal(ops.station_get(BB_STR("STALE"), &station), BB_OK);
        assert_true(station.online && station.vendor.ptr == NULL && station.epoch == fresh.epoch);
        assert_int_equal(session_now(started.session_id).sample_count, 0);
        assert_int_equal(rows_of("charging.session", "station_id = 'STALE'"), 1);
        assert_int_equal(rows_of("charging.aside", "station_id = 'STALE'"), 0);
        /* What the old connection could not say, the new one can. */
        assert_int_equal(ops.session_samples(&fresh, 1, started.transaction_id, &sample, 1), BB_OK);
        assert_int_equal(ops.online(&fresh, BB_STR("192.0.2.7")), BB_OK);
        assert_int_equal(rows_of("core.event", "topic = 'station.connected' and key = 'STALE'"), 2);
}

static void an_old_connection_writes_nothing(void **state)
{
        (void)state;
        T(do_stale);
}

/* --- many at once --- */

#define MANY 40
static struct {
        struct bb_station_ref who[2];
        int32_t transactions[MANY];
        int done;
        char sessions[2][37];
        int32_t transaction[2];
} crowd;

static void crowd_start(void *arg)
{
        size_t i = (size_t)(uintptr_t)arg;

        crowd.transactions[i] = started_at(&crowd.who[0], 1, "crowd", now0, 0).transaction_id;
        crowd.done++;
}

/* Two stations, each sample sent by two tasks. */
static void crowd_samples(void *arg)
{
        size_t i = (size_t)(uintptr_t)arg / 2, station = i % 2;
        struct bb_sample samples[4];

        for (size_t k = 0; k < 4; k++)
                samples[k] = register_sample(now0 + (int64_t)(i * 4 + k) * 1000, bb_print("%zu", i * 4 + k).ptr);
        assert_int_equal(ops.session_samples(&crowd.who[station], 1, crowd.transaction[station], samples, 4), BB_OK);
        crowd.done++;
}

static void crowd_stop(void *arg)
{
        (void)arg;
        assert_int_equal(stop_with(&crowd.who[0], crowd.transaction[0], now0 + 1000000, 500, NULL, NULL, 0), BB_OK);
        crowd.done++;
}

static void crowd_prepare(void *arg)
{
        (void)arg;
        crowd.who[0] = station_up("CROWD0");
        crowd.who[1] = station_up("CROWD1");
        token_accepted("crowd");
}

static void crowd_sessions(void *arg)
{
        (void)arg;
        for (size_t i = 0; i < 2; i++) {
                struct bb_started started = started_at(&crowd.who[i], 1, "crowd", now0, 0);

                memcpy(crowd.sessions[i], started.session_id.ptr, 36);
                crowd.transaction[i] = started.transaction_id;
        }
}

static void all_at_once(void (*fn)(void *))
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .tenant = &nord, .run = fn};

        crowd.done = 0;
        for (size_t i = 0; i < MANY; i++) {
                spec.arg = (void *)(uintptr_t)i;
                assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        }
        while (crowd.done < MANY)
                loop_turn(1000);
        loop_turn(0);
}

static void the_same_from_many_tasks_is_once(void **state)
{
        (void)state;
        T(crowd_prepare);
        all_at_once(crowd_start);
        for (size_t i = 1; i < MANY; i++)
                assert_int_equal(crowd.transactions[i], crowd.transactions[0]);
        assert_int_equal(rows_of("charging.session", "station_id = 'CROWD0'"), 1);
        T(crowd_sessions);
        all_at_once(crowd_samples);
        assert_int_equal(rows_of("charging.sample", "station_id like 'CROWD_'"), MANY / 2 * 4);
        assert_int_equal(rows_of("charging.session", "station_id like 'CROWD_' and sample_count = 40"), 2);
        assert_int_equal(rows_of("charging.session", "station_id = 'CROWD1' and energy_wh = 79"), 1);
        all_at_once(crowd_stop);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'CROWD0'"), 1);
        assert_int_equal(rows_of("charging.aside", "station_id = 'CROWD0'"), 0);
        assert_int_equal(rows_of("core.event", "topic = 'session.ended' and payload->>'station_id' = 'CROWD0'"), 1);
}

/* --- a server that goes away --- */

#define RIDERS 24
#define RIDES 6
static struct {
        struct bb_station_ref who[RIDERS];
        int failures, done;
} storm;

/* Repeats as a driver does: until it is known to be stored. */
#define UNTIL_STORED(call)                                                                                             \
        do {                                                                                                           \
                bb_err stored_;                                                                                        \
                while ((stored_ = (call)) == BB_E_UNAVAILABLE) {                                                       \
                        storm.failures++;                                                                              \
                        bb_sleep(20);                                                                                  \
                }                                                                                                      \
                assert_int_equal(stored_, BB_OK);                                                                      \
        } while (0)

static void ride(void *arg)
{
        size_t rider = (size_t)(uintptr_t)arg;
        const struct bb_station_ref who = storm.who[rider];

        for (int64_t r = 0; r < RIDES; r++) {
                const struct bb_start start = {.connector_id = 1,
                                               .at_ms = now0 + r * 60000,
                                               .meter_start_wh = r * 100,
                                               .token_uid = BB_STR("storm")};
                struct bb_started started;
                struct bb_sample samples[5];

                UNTIL_STORED(ops.session_start(&who, &start, &started));
                for (int64_t k = 0; k < 5; k++) {
                        samples[k] =
                                register_sample(start.at_ms + k * 1000, bb_print("%lld", (long long)(r * 100 + k)).ptr);
                        UNTIL_STORED(ops.session_samples(&who, 1, started.transaction_id, &samples[k], 1));
                }
                UNTIL_STORED(
                        stop_with(&who, started.transaction_id, start.at_ms + 30000, r * 100 + 50, "storm", NULL, 0));
        }
        storm.done++;
}

static void storm_prepare(void *arg)
{
        (void)arg;
        token_accepted("storm");
        for (size_t i = 0; i < RIDERS; i++) {
                static char ids[RIDERS][16];

                snprintf(ids[i], sizeof(ids[i]), "STORM%zu", i);
                storm.who[i] = station_up(ids[i]);
        }
}

/* Connections are cut again and again, at any point between a statement and the answer to its commit. */
static void what_was_acknowledged_is_there_once(void **state)
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .tenant = &nord, .run = ride};
        char sql[400];

        (void)state;
        T(storm_prepare);
        log_set_level(BB_ERROR + 1);
        for (size_t i = 0; i < RIDERS; i++) {
                spec.arg = (void *)(uintptr_t)i;
                assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        }
        for (int i = 0; storm.done < RIDERS; i++) {
                /* Cuts come closer together until one has hit a commit on its way: how fast this machine is decides. */
                if (storm.failures == 0 || i % 4 == 3)
                        admin_do("select pg_terminate_backend(pid) from pg_stat_activity"
                                 " where backend_type = 'client backend' and pid <> pg_backend_pid()");
                turn_for(storm.failures == 0 ? 1 + i % 7 : 15);
        }
        log_set_level(BB_ERROR);
        assert_true(storm.failures > 0);
        assert_int_equal(rows_of("charging.session", "station_id like 'STORM%' and state = 1 and sample_count = 5"
                                                     " and energy_wh = 50"),
                         RIDERS * RIDES);
        assert_int_equal(rows_of("charging.session", "station_id like 'STORM%'"), RIDERS * RIDES);
        assert_int_equal(rows_of("charging.sample", "station_id like 'STORM%'"), RIDERS * RIDES * 5);
        assert_int_equal(rows_of("charging.cdr", "station_id like 'STORM%'"), RIDERS * RIDES);
        assert_int_equal(rows_of("charging.aside", "station_id like 'STORM%'"), 0);
        for (int i = 0; i < 2; i++) {
                snprintf(sql, sizeof(sql), "topic = '%s' and payload->>'station_id' like 'STORM%%'",
                         i == 0 ? "session.started" : "session.ended");
                assert_int_equal(rows_of("core.event", sql), RIDERS * RIDES);
        }
}

/* --- the other tenant, lists --- */

static void do_foreign(void *arg)
{
        struct bb_session_filter all = {.open = -1};
        struct bb_station_filter stations = {.online = -1, .admission = -1};
        struct bb_session session, *sessions;
        struct bb_station *list;
        struct bb_station_ref who;
        struct bb_sample *samples;
        int64_t n;
        size_t count;

        (void)arg;
        assert_int_equal(ops.session_count(&all, &n), BB_OK);
        assert_int_equal(n, 0);
        assert_int_equal(ops.session_list(&all, BB_NONE, 10, &sessions, &count), BB_OK);
        assert_int_equal(count, 0);
        assert_int_equal(ops.station_list(&stations, BB_NONE, 10, &list, &count), BB_OK);
        assert_int_equal(count, 0);
        assert_int_equal(ops.session_get(bb_cstr(crowd.sessions[0]), &session), BB_E_NOT_FOUND);
        assert_int_equal(ops.session_sample_list(bb_cstr(crowd.sessions[0]), -1, 10, &samples, &count), BB_E_NOT_FOUND);
        /* The same ids are free here, and stay apart. */
        who = station_up("CROWD0");
        token_accepted("crowd");
        started_at(&who, 1, "crowd", now0, 0);
        assert_int_equal(ops.session_count(&all, &n), BB_OK);
        assert_int_equal(n, 1);
}

static void tenants_see_nothing_of_each_other(void **state)
{
        (void)state;
        in_task(&sued, do_foreign, NULL);
        assert_int_equal(rows_of("charging.session", "station_id = 'CROWD0'"), 1);
}

struct scanned {
        int64_t count, last_ms;
};
static bb_err scan_each(const struct bb_session *sessions, size_t count, void *arg)
{
        struct scanned *scanned = arg;

        for (size_t i = 0; i < count; i++) {
                assert_true(sessions[i].started_ms >= scanned->last_ms);
                scanned->last_ms = sessions[i].started_ms;
        }
        scanned->count += (int64_t)count;
        return BB_OK;
}

static void do_lists(void *arg)
{
        struct bb_station_ref who = station_up("LISTS");
        struct bb_session_filter filter = {.station_id = BB_STR("LISTS"), .open = -1};
        struct bb_session_filter open = {.open = 1, .token_uid = BB_STR("LIST-9")};
        struct scanned scanned = {.last_ms = INT64_MIN};
        struct bb_session *page, by_transaction;
        bb_str after = BB_NONE;
        int64_t n, seen = 0, last = INT64_MAX;
        size_t count;

        (void)arg;
        for (int i = 0; i < 25; i++)
                started_at(&who, 1 + i, bb_print("list-%d", i % 10).ptr, now0 - 1000 * i, i);
        do {
                assert_int_equal(ops.session_list(&filter, after, 10, &page, &count), BB_OK);
                for (size_t i = 0; i < count; i++) {
                        assert_true(page[i].started_ms <= last);
                        last = page[i].started_ms;
                }
                seen += (int64_t)count;
                after = count > 0 ? page[count - 1].id : BB_NONE;
        } while (count == 10);
        assert_int_equal(seen, 25);
        assert_int_equal(ops.session_scan(&filter, scan_each, &scanned), BB_OK);
        assert_int_equal(scanned.count, 25);
        filter.from_ms = now0 - 4000;
        filter.to_ms = now0;
        assert_int_equal(ops.session_count(&filter, &n), BB_OK);
        assert_int_equal(n, 4);
        assert_int_equal(ops.session_list(&open, BB_NONE, 10, &page, &count), BB_OK);
        assert_int_equal(count, 2);
        assert_int_equal(ops.session_by_transaction(BB_STR("LISTS"), page[0].transaction_id, &by_transaction), BB_OK);
        assert_true(bb_str_eq(by_transaction.id, page[0].id));
        assert_int_equal(ops.session_by_transaction(BB_STR("LIFE"), page[0].transaction_id, &by_transaction),
                         BB_E_NOT_FOUND);
        assert_int_equal(ops.session_list(&open, BB_STR("no uuid"), 10, &page, &count), BB_E_NOT_FOUND);
        filter.station_id = BB_STR("\xff");
        assert_int_equal(ops.session_list(&filter, BB_NONE, 10, &page, &count), BB_E_INVALID);
}

static void lists_have_pages_filters_and_order(void **state)
{
        (void)state;
        T(do_lists);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_session_from_start_to_account),
                cmocka_unit_test(the_same_start_gets_the_same_transaction),
                cmocka_unit_test(tokens_are_judged),
                cmocka_unit_test(nobody_waits_for_others_for_long),
                cmocka_unit_test(a_long_session_is_read_in_few_pages),
                cmocka_unit_test(an_unauthorized_start_is_kept_and_never_billed),
                cmocka_unit_test(samples_are_stored_once),
                cmocka_unit_test(the_first_stop_wins),
                cmocka_unit_test(absurd_sessions_are_kept_for_review),
                cmocka_unit_test(the_epoch_is_a_time),
                cmocka_unit_test(a_lost_stop_closes_nothing_by_guess),
                cmocka_unit_test(an_old_connection_writes_nothing),
                cmocka_unit_test(the_same_from_many_tasks_is_once),
                cmocka_unit_test(what_was_acknowledged_is_there_once),
                cmocka_unit_test(tenants_see_nothing_of_each_other),
                cmocka_unit_test(lists_have_pages_filters_and_order),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
