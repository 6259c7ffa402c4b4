/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators decide about sessions and reports, on a real cluster.
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

#define OPERATOR BB_STR("key:anna")
#define AS_IS .meter_start_wh = BB_SETTLE_AS_IS, .meter_stop_wh = BB_SETTLE_AS_IS, .energy_wh = BB_SETTLE_AS_IS

static int64_t rows_of(const char *table, const char *where)
{
        char sql[500];

        snprintf(sql, sizeof(sql), "select count(*) from %s where tenant_id = 'nord' and %s", table, where);
        return admin_number(sql);
}

static void stopped_at(const struct bb_station_ref *who, int64_t transaction, int64_t at_ms, int64_t meter,
                       const struct bb_sample *samples, size_t count)
{
        const struct bb_stop stop = {.transaction_id = transaction,
                                     .at_ms = at_ms,
                                     .meter_stop_wh = meter,
                                     .token_uid = BB_STR("desk"),
                                     .reason = BB_STR("EVDisconnected"),
                                     .samples = samples,
                                     .sample_count = count};
        struct bb_stopped stopped;

        assert_int_equal(ops.session_stop(who, &stop, &stopped), BB_OK);
}

static struct bb_aside newest_review(void)
{
        struct bb_aside *asides;
        size_t count;

        assert_int_equal(ops.review_list(BB_REVIEW_OPEN, BB_NONE, 1, &asides, &count), BB_OK);
        assert_int_equal(count, 1);
        return asides[0];
}

/* --- sessions --- */

static void do_session(void *arg)
{
        struct bb_station_ref who = station_up("DESK");
        struct bb_settlement s = {.note = BB_STR("rang the driver"), AS_IS};
        struct bb_session_filter review = {.open = -1, .review = 1};
        struct bb_session *list, session;
        struct bb_started started;
        size_t count;

        (void)arg;
        token_accepted("desk");
        started = started_at(&who, 1, "desk", now0, 1000);
        stopped_at(&who, started.transaction_id, now0 + 600000, 900, NULL, 0); /* the meter ran backwards */
        session = session_now(started.session_id);
        assert_int_equal(session.state, BB_SESSION_REVIEW);
        assert_int_equal(ops.session_list(&review, BB_NONE, 10, &list, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_true(bb_str_eq(list[0].id, started.session_id));
        /* What cannot be: without a reason, as it is, an end before its start, of another version. */
        assert_int_equal(ops.session_settle(OPERATOR, session.id, 0, &(struct bb_settlement){AS_IS}), BB_E_INVALID);
        assert_int_equal(ops.session_settle(OPERATOR, session.id, 0, &s), BB_E_INVALID);
        s.meter_stop_wh = 1500;
        s.ended_ms = now0 - 1;
        assert_int_equal(ops.session_settle(OPERATOR, session.id, 0, &s), BB_E_INVALID);
        s.ended_ms = now0 + 300000;
        assert_int_equal(ops.session_settle(OPERATOR, session.id, session.version + 1, &s), BB_E_PRECONDITION);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'DESK'"), 0);
        assert_int_equal(ops.session_settle(OPERATOR, session.id, session.version, &s), BB_OK);
        session = session_now(started.session_id);
        assert_int_equal(session.state, BB_SESSION_ENDED);
        assert_int_equal(session.energy_wh, 500);
        assert_int_equal(session.ended_ms, now0 + 300000);
        assert_true(bb_str_is(session.settled_by, "key:anna") && bb_str_is(session.settled_note, "rang the driver"));
        assert_null(session.review.ptr);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'DESK' and energy_wh = 500 and duration_s = 300"), 1);
        /* Once only. */
        assert_int_equal(ops.session_settle(OPERATOR, session.id, 0, &s), BB_E_CONFLICT);
        assert_int_equal(rows_of("core.audit", "action = 'session.settle' and actor = 'key:anna'"), 1);
        assert_int_equal(rows_of("core.event", "topic = 'session.ended' and payload->>'station_id' = 'DESK'"), 1);
        assert_int_equal(rows_of("core.event", "topic = 'session.settled' and payload->>'outcome' = 'account'"), 1);
        /* Its start sent again is still the same start, also when that was put right. */
        started = started_at(&who, 2, "desk", now0, 0);
        stopped_at(&who, started.transaction_id, now0 + 600000, -1, NULL, 0);
        s = (struct bb_settlement){.note = BB_STR("clock"), .started_ms = now0 + 60000, AS_IS};
        s.energy_wh = 77;
        assert_int_equal(ops.session_settle(OPERATOR, started.session_id, 0, &s), BB_OK);
        assert_int_equal(session_now(started.session_id).started_ms, now0 + 60000);
        assert_int_equal(session_now(started.session_id).start_told_ms, now0);
        assert_int_equal(started_at(&who, 2, "desk", now0, 0).transaction_id, started.transaction_id);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'DESK' and energy_wh = 77 and duration_s = 540"), 1);
}

static void a_session_in_review_is_settled(void **state)
{
        (void)state;
        T(do_session);
}

static void do_dismiss(void *arg)
{
        struct bb_station_ref who = station_up("FREE");
        const struct bb_settlement s = {.note = BB_STR("test charge"), .outcome = BB_SETTLE_DISMISS, AS_IS};
        struct bb_session session;
        struct bb_started started;

        (void)arg;
        started = started_at(&who, 1, "unheard of", now0, 0);
        assert_int_equal(ops.session_settle(OPERATOR, started.session_id, 0, &s), BB_E_CONFLICT); /* it is open */
        stopped_at(&who, started.transaction_id, now0 + 600000, 100, NULL, 0);
        assert_int_equal(ops.session_settle(OPERATOR, started.session_id, 0, &s), BB_OK);
        session = session_now(started.session_id);
        assert_int_equal(session.state, BB_SESSION_ENDED);
        assert_null(session.review.ptr);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'FREE'"), 0);
        assert_int_equal(rows_of("core.event", "topic = 'session.settled' and payload->>'outcome' = 'dismiss'"), 1);
}

static void a_session_is_dismissed_without_a_bill(void **state)
{
        (void)state;
        T(do_dismiss);
}

/* Closed by hand, its own stop still counts; settled by hand it does not. */
static void do_close(void *arg)
{
        struct bb_station_ref who = station_up("HAND");
        struct bb_started one, two;
        struct bb_settlement s = {.note = BB_STR("seen the meter"), AS_IS};
        const struct bb_sample sample = register_sample(now0 + 60000, "40");
        struct bb_session session;

        (void)arg;
        token_accepted("desk");
        one = started_at(&who, 1, "desk", now0, 0);
        two = started_at(&who, 2, "desk", now0, 0);
        assert_int_equal(ops.session_samples(&who, 2, two.transaction_id, &sample, 1), BB_OK);
        assert_int_equal(ops.session_close(OPERATOR, one.session_id, 0, BB_NONE), BB_E_INVALID);
        assert_int_equal(ops.session_close(OPERATOR, one.session_id, 7, BB_STR("x")), BB_E_PRECONDITION);
        assert_int_equal(ops.session_close(OPERATOR, BB_STR("nobody"), 0, BB_STR("x")), BB_E_NOT_FOUND);
        assert_int_equal(ops.session_close(OPERATOR, one.session_id, 0, BB_STR("gone")), BB_OK);
        assert_int_equal(ops.session_close(OPERATOR, one.session_id, 0, BB_STR("gone")), BB_E_CONFLICT);
        assert_int_equal(ops.session_close(OPERATOR, two.session_id, 0, BB_STR("gone")), BB_OK);
        assert_true(bb_str_is(session_now(one.session_id).closed_by, "operator"));
        stopped_at(&who, one.transaction_id, now0 + 60000, 70, NULL, 0);
        assert_int_equal(session_now(one.session_id).energy_wh, 70);
        s.energy_wh = 55;
        assert_int_equal(ops.session_settle(OPERATOR, two.session_id, 0, &s), BB_OK);
        stopped_at(&who, two.transaction_id, now0 + 60000, 99, NULL, 0);
        session = session_now(two.session_id);
        assert_int_equal(session.energy_wh, 55);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'HAND' and energy_wh in (55, 70)"), 2);
        assert_int_equal(rows_of("charging.aside", "station_id = 'HAND'"), 1);
        assert_int_equal(rows_of("core.audit", "action = 'session.close'"), 2);
}

static void an_open_session_is_closed_by_hand(void **state)
{
        (void)state;
        T(do_close);
}

/* --- reports --- */

static void do_attach(void *arg)
{
        struct bb_station_ref who = station_up("ATTACH"), other = station_up("ELSEWHERE");
        const struct bb_sample sample = register_sample(now0 + 60000, "30");
        struct bb_settlement s = {.note = BB_STR("the same car"), AS_IS};
        struct bb_started started, foreign;
        struct bb_session session;
        struct bb_aside aside;
        bb_str ret;

        (void)arg;
        token_accepted("desk");
        started = started_at(&who, 1, "desk", now0, 0);
        foreign = started_at(&other, 1, "desk", now0, 0);
        stopped_at(&who, 4711, now0 + 120000, 90, &sample, 1);
        aside = newest_review();
        s.session_id = foreign.session_id;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &ret), BB_E_INVALID);
        s.session_id = started.session_id;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, aside.version + 1, &s, &ret), BB_E_PRECONDITION);
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, aside.version, &s, &ret), BB_OK);
        session = session_now(started.session_id);
        assert_int_equal(session.state, BB_SESSION_ENDED);
        assert_int_equal(session.energy_wh, 90);
        assert_int_equal(session.ended_ms, now0 + 120000);
        assert_int_equal(session.sample_count, 1);
        assert_true(bb_str_is(session.stop_reason, "EVDisconnected") && bb_str_is(session.stop_token_uid, "desk"));
        assert_int_equal(rows_of("charging.cdr", "station_id = 'ATTACH' and energy_wh = 90"), 1);
        assert_int_equal(ops.review_get(aside.id, &aside), BB_OK);
        assert_int_equal(aside.state, BB_REVIEW_SETTLED);
        assert_true(bb_str_eq(aside.session_id, started.session_id) && bb_str_is(aside.settled_by, "key:anna"));
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &ret), BB_E_CONFLICT);
        assert_int_equal(ops.review_dismiss(OPERATOR, aside.id, 0, BB_STR("no")), BB_E_CONFLICT);
        /* Said again it is counted, and stays settled. */
        stopped_at(&who, 4711, now0 + 120000, 90, &sample, 1);
        assert_int_equal(ops.review_get(aside.id, &aside), BB_OK);
        assert_int_equal(aside.count, 2);
        assert_int_equal(aside.state, BB_REVIEW_SETTLED);
        /* Samples of a number that nobody gave. */
        assert_int_equal(ops.session_samples(&who, 1, 4712, &sample, 1), BB_OK);
        aside = newest_review();
        s.session_id = BB_NONE;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &ret), BB_E_INVALID);
        s.session_id = started.session_id;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &ret), BB_OK);
        assert_int_equal(rows_of("charging.sample", "station_id = 'ATTACH'"), 1); /* that one it has */
        assert_int_equal(rows_of("charging.cdr", "station_id = 'ATTACH'"), 1);
}

static void a_report_is_given_to_its_session(void **state)
{
        (void)state;
        T(do_attach);
}

static void do_create(void *arg)
{
        struct bb_station_ref who = station_up("CREATE");
        const struct bb_sample sample = register_sample(now0 + 60000, "1030");
        struct bb_settlement s = {.note = BB_STR("from the old system"), AS_IS};
        struct bb_session session;
        struct bb_aside aside;
        bb_str made;

        (void)arg;
        stopped_at(&who, 815, now0 + 120000, 1090, &sample, 1);
        aside = newest_review();
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &made), BB_E_INVALID);
        s.connector_id = 2;
        s.started_ms = now0;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &made), BB_E_INVALID);
        s.meter_start_wh = 2000;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &made), BB_E_INVALID);
        assert_int_equal(rows_of("charging.session", "station_id = 'CREATE'"), 0);
        s.meter_start_wh = 1000;
        assert_int_equal(ops.review_settle(OPERATOR, aside.id, 0, &s, &made), BB_OK);
        session = session_now(made);
        assert_int_equal(session.state, BB_SESSION_ENDED);
        assert_int_equal(session.energy_wh, 90);
        assert_int_equal(session.connector_id, 2);
        assert_true(bb_str_is(session.token_uid, "desk") && session.transaction_id > 0);
        assert_int_equal(session.sample_count, 1);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'CREATE' and energy_wh = 90 and duration_s = 120"), 1);
        assert_int_equal(rows_of("core.event", "topic = 'session.ended' and payload->>'station_id' = 'CREATE'"), 1);
        stopped_at(&who, 816, now0, 1, NULL, 0);
        aside = newest_review();
        assert_int_equal(ops.review_dismiss(OPERATOR, aside.id, 0, BB_NONE), BB_E_INVALID);
        assert_int_equal(ops.review_dismiss(OPERATOR, aside.id, aside.version, BB_STR("firmware defect")), BB_OK);
        assert_int_equal(rows_of("charging.aside", "station_id = 'CREATE' and state = 2 and session_id is null"), 1);
        assert_int_equal(rows_of("core.audit", "action in ('review.settle', 'review.dismiss')"), 4);
}

static void a_stop_becomes_a_session_of_its_own(void **state)
{
        (void)state;
        T(do_create);
}

/* Two operators decide at once: one decision counts. */
static struct {
        char session[37];
        int ok, refused;
} race;

static void race_prepare(void *arg)
{
        struct bb_station_ref who = station_up("RACE");
        struct bb_started started;

        (void)arg;
        token_accepted("desk");
        started = started_at(&who, 1, "desk", now0, 10);
        stopped_at(&who, started.transaction_id, now0 + 1000, 9, NULL, 0);
        memcpy(race.session, started.session_id.ptr, 36);
}

static void race_settle(void *arg)
{
        struct bb_settlement s = {.note = BB_STR("race"), AS_IS};
        bb_err err;

        (void)arg;
        s.energy_wh = 5;
        err = ops.session_settle(OPERATOR, bb_cstr(race.session), 0, &s);
        race.ok += err == BB_OK;
        race.refused += err == BB_E_CONFLICT;
}

static void of_two_decisions_one_counts(void **state)
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .tenant = &nord, .run = race_settle};

        (void)state;
        T(race_prepare);
        for (int i = 0; i < 8; i++)
                assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        while (race.ok + race.refused < 8)
                loop_turn(1000);
        assert_int_equal(race.ok, 1);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'RACE'"), 1);
}

static void do_foreign(void *arg)
{
        const struct bb_settlement s = {.note = BB_STR("not mine"), AS_IS};
        struct bb_aside *asides;
        size_t count;

        (void)arg;
        assert_int_equal(ops.session_settle(OPERATOR, bb_cstr(race.session), 0, &s), BB_E_NOT_FOUND);
        assert_int_equal(ops.session_close(OPERATOR, bb_cstr(race.session), 0, BB_STR("x")), BB_E_NOT_FOUND);
        assert_int_equal(ops.review_list(-1, BB_NONE, 10, &asides, &count), BB_OK);
        assert_int_equal(count, 0);
}

static void another_tenant_decides_nothing_here(void **state)
{
        (void)state;
        in_task(&sued, do_foreign, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_session_in_review_is_settled),
                cmocka_unit_test(a_session_is_dismissed_without_a_bill),
                cmocka_unit_test(an_open_session_is_closed_by_hand),
                cmocka_unit_test(a_report_is_given_to_its_session),
                cmocka_unit_test(a_stop_becomes_a_session_of_its_own),
                cmocka_unit_test(of_two_decisions_one_counts),
                cmocka_unit_test(another_tenant_decides_nothing_here),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
