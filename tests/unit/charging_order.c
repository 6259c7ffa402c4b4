/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions in any order, on a real cluster: what stations report late, twice, too early or with numbers that nobody
 * gave them, after an outage of theirs or of ours.
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

static int64_t rows_of(const char *table, const char *where)
{
        char sql[400];

        snprintf(sql, sizeof(sql), "select count(*) from %s where tenant_id = 'nord' and %s", table, where);
        return admin_number(sql);
}

static void stopped_at(const struct bb_station_ref *who, int64_t transaction, const char *uid, int64_t at_ms,
                       int64_t meter)
{
        const struct bb_stop stop = {
                .transaction_id = transaction, .at_ms = at_ms, .meter_stop_wh = meter, .token_uid = bb_cstr(uid)};
        struct bb_stopped stopped;

        assert_int_equal(ops.session_stop(who, &stop, &stopped), BB_OK);
}

static void sampled_at(const struct bb_station_ref *who, int64_t connector, int64_t transaction, int64_t at_ms,
                       const char *value)
{
        const struct bb_sample sample = register_sample(at_ms, value);

        assert_int_equal(ops.session_samples(who, connector, transaction, &sample, 1), BB_OK);
}

static void status_is(const struct bb_station_ref *who, int64_t connector, int32_t status)
{
        const struct bb_connector_report report = {.connector_id = connector, .status = status};

        assert_int_equal(ops.connector_status(who, &report), BB_OK);
}

/* --- late and in any order --- */

/* Offline for hours: the start comes with its own old time, and with it everything that followed. Available came first,
 * without a boot, and closes nothing (MicroOcpp). */
static void do_offline(void *arg)
{
        struct bb_station_ref who = station_up("OFFLINE");
        int64_t then = now0 - 5 * 3600000;
        struct bb_started started;
        struct bb_session s;
        struct bb_cdr *cdrs;
        size_t count;

        (void)arg;
        token_accepted("offline");
        status_is(&who, 1, BB_CONNECTOR_FINISHING);
        status_is(&who, 1, BB_CONNECTOR_AVAILABLE);
        started = started_at(&who, 1, "offline", then, 1000);
        sampled_at(&who, 1, started.transaction_id, then + 900000, "3000");
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        status_is(&who, 1, BB_CONNECTOR_AVAILABLE);
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        stopped_at(&who, started.transaction_id, NULL, then + 1800000, 5000);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_int_equal(s.started_ms, then);
        assert_int_equal(s.ended_ms, then + 1800000);
        assert_int_equal(s.start_told_ms, 0);
        assert_true(s.start_received_ms >= now0 && s.review.ptr == NULL);
        assert_int_equal(ops.cdr_list(BB_NONE, 1, &cdrs, &count), BB_OK);
        assert_true(bb_str_eq(cdrs[0].session_id, started.session_id));
        assert_int_equal(cdrs[0].duration_s, 1800);
        assert_int_equal(cdrs[0].energy_wh, 4000);
}

static void an_offline_queue_is_as_good_as_live(void **state)
{
        (void)state;
        T(do_offline);
}

static void do_twice(void *arg)
{
        struct bb_station_ref who = station_up("TWICE");
        struct bb_started started;

        (void)arg;
        token_accepted("twice");
        /* A stop without a start. */
        stopped_at(&who, 777, "twice", now0, 10);
        assert_int_equal(rows_of("charging.aside", "station_id = 'TWICE' and kind = 'stop' and transaction_id = 777"),
                         1);
        started = started_at(&who, 1, "twice", now0, 0);
        for (int i = 0; i < 3; i++)
                stopped_at(&who, started.transaction_id, "TWICE", now0 + 60000, 50);
        assert_int_equal(rows_of("charging.aside", "station_id = 'TWICE'"), 1);
        stopped_at(&who, started.transaction_id, "twice", now0 + 60000, 51);
        stopped_at(&who, started.transaction_id, "twice", now0 + 61000, 50);
        assert_int_equal(rows_of("charging.aside", "station_id = 'TWICE' and kind = 'stop'"), 3);
        assert_int_equal(session_now(started.session_id).meter_stop_wh, 50);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'TWICE'"), 1);
        /* Samples after the stop are kept, and move nothing. */
        sampled_at(&who, 1, started.transaction_id, now0 + 30000, "25");
        sampled_at(&who, 1, started.transaction_id, now0 + 90000, "90");
        assert_int_equal(session_now(started.session_id).energy_wh, 50);
        assert_int_equal(session_now(started.session_id).sample_count, 2);
        assert_int_equal(rows_of("charging.session", "station_id = 'TWICE' and late_sample_count = 2"), 1);
}

static void what_comes_twice_or_alone_is_billed_once(void **state)
{
        (void)state;
        T(do_twice);
}

/* The last samples come with the stop as well (transactionData): once each, also those that are stored already. */
static void do_data(void *arg)
{
        struct bb_station_ref who = station_up("DATA");
        struct bb_started started;
        struct bb_sample samples[2];
        struct bb_stop stop;
        struct bb_stopped stopped;

        (void)arg;
        token_accepted("data");
        started = started_at(&who, 1, "data", now0, 0);
        samples[0] = register_sample(now0 + 60000, "100");
        samples[1] = register_sample(now0 + 120000, "200");
        assert_int_equal(ops.session_samples(&who, 1, started.transaction_id, samples, 1), BB_OK);
        stop = (struct bb_stop){.transaction_id = started.transaction_id,
                                .at_ms = now0 + 120000,
                                .meter_stop_wh = 200,
                                .samples = samples,
                                .sample_count = 2};
        for (int i = 0; i < 2; i++)
                assert_int_equal(ops.session_stop(&who, &stop, &stopped), BB_OK);
        assert_int_equal(rows_of("charging.sample", "station_id = 'DATA'"), 2);
        assert_int_equal(session_now(started.session_id).sample_count, 2);
        assert_int_equal(rows_of("charging.session", "station_id = 'DATA' and late_sample_count = 0 and state = 1"), 1);
}

static void transaction_data_is_stored_once(void **state)
{
        (void)state;
        T(do_data);
}

/* Two connectors at once keep their own; a start on a connector where one is open leaves both. */
static void do_connectors(void *arg)
{
        struct bb_station_ref who = station_up("BOTH");
        struct bb_started left, right, again;

        (void)arg;
        token_accepted("both");
        left = started_at(&who, 1, "both", now0, 100);
        right = started_at(&who, 2, "both", now0, 100);
        assert_int_not_equal(left.transaction_id, right.transaction_id);
        sampled_at(&who, 2, right.transaction_id, now0 + 1000, "150");
        assert_int_equal(session_now(left.session_id).energy_wh, 0);
        assert_int_equal(session_now(right.session_id).energy_wh, 50);
        again = started_at(&who, 1, "both", now0 + 60000, 300);
        assert_int_equal(rows_of("charging.session", "station_id = 'BOTH' and state = 0"), 3);
        stopped_at(&who, right.transaction_id, NULL, now0 + 60000, 200);
        stopped_at(&who, again.transaction_id, NULL, now0 + 90000, 400);
        stopped_at(&who, left.transaction_id, NULL, now0 + 50000, 300);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'BOTH'"), 3);
        assert_int_equal(rows_of("charging.session", "station_id = 'BOTH' and review is not null"), 0);
}

static void connectors_keep_their_own(void **state)
{
        (void)state;
        T(do_connectors);
}

/* --- numbers that nobody gave --- */

static void do_numbers(void *arg)
{
        static const int64_t strange[] = {INT64_MAX, INT64_MIN, (int64_t)INT32_MAX + 1, -2, 5};
        struct bb_station_ref who = station_up("NUMBERS");
        struct bb_started started;

        (void)arg;
        token_accepted("numbers");
        token_accepted("others");
        /* Nothing is open: all of them are kept aside, once each. */
        for (int twice = 0; twice < 2; twice++) {
                for (size_t i = 0; i < BB_COUNT(strange); i++) {
                        stopped_at(&who, strange[i], "numbers", now0, 10);
                        sampled_at(&who, 1, strange[i], now0, "10");
                }
                stopped_at(&who, 0, "numbers", now0, 10);
                stopped_at(&who, -1, "numbers", now0, 10);
        }
        assert_int_equal(rows_of("charging.aside", "station_id = 'NUMBERS' and count = 2"), 12);
        /* Numbers that could be of somebody's are never guessed at, though one session alone is open. */
        started = started_at(&who, 1, "numbers", now0 - 60000, 0);
        stopped_at(&who, INT64_MAX, "numbers", now0 + 1000, 11);
        stopped_at(&who, 6, "numbers", now0 + 1000, 11);
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        /* Another's card, an end before the start, a meter that ran backwards: not that session. */
        stopped_at(&who, -1, "others", now0 + 1000, 11);
        stopped_at(&who, -1, "numbers", now0 - 120000, 11);
        stopped_at(&who, 0, "numbers", now0 + 1000, -1);
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(rows_of("charging.aside", "station_id = 'NUMBERS'"), 17);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'NUMBERS'"), 0);
}

static void strange_numbers_are_kept_aside(void **state)
{
        (void)state;
        T(do_numbers);
}

/* The answer to the start got lost: the station calls the transaction -1, or 0. */
static void do_lost_answer(void *arg)
{
        struct bb_station_ref who = station_up("LOST");
        struct bb_started first, second;

        (void)arg;
        token_accepted("lost");
        token_accepted("lost-2");
        first = started_at(&who, 1, "lost", now0, 0);
        sampled_at(&who, 1, -1, now0 + 60000, "100");
        assert_int_equal(session_now(first.session_id).energy_wh, 100);
        for (int i = 0; i < 2; i++)
                stopped_at(&who, -1, "LOST", now0 + 120000, 200);
        assert_int_equal(session_now(first.session_id).state, BB_SESSION_ENDED);
        assert_int_equal(session_now(first.session_id).energy_wh, 200);
        assert_int_equal(rows_of("charging.aside", "station_id = 'LOST'"), 0);
        /* Two could be meant when nobody says whose. With a card it is plain again. */
        first = started_at(&who, 1, "lost", now0 + 200000, 200);
        second = started_at(&who, 2, "lost-2", now0 + 200000, 0);
        stopped_at(&who, 0, NULL, now0 + 300000, 300);
        assert_int_equal(rows_of("charging.aside", "station_id = 'LOST' and kind = 'stop'"), 1);
        stopped_at(&who, 0, "lost-2", now0 + 300000, 300);
        assert_int_equal(session_now(first.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(session_now(second.session_id).state, BB_SESSION_ENDED);
        /* Then one alone is open, so a card is not needed. */
        stopped_at(&who, 0, NULL, now0 + 310000, 310);
        assert_int_equal(session_now(first.session_id).state, BB_SESSION_ENDED);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'LOST'"), 3);
}

static void a_lost_answer_loses_no_session(void **state)
{
        (void)state;
        T(do_lost_answer);
}

/* Nobody else's session, however well it would fit. */
static void do_neighbour(void *arg)
{
        struct bb_station_ref who = station_up("OWNER"), other = station_up("NEIGHBOUR");
        struct bb_started started;

        (void)arg;
        token_accepted("owner");
        started = started_at(&who, 1, "owner", now0, 0);
        stopped_at(&other, -1, "owner", now0 + 1000, 10);
        stopped_at(&other, started.transaction_id, "owner", now0 + 1000, 10);
        sampled_at(&other, 1, -1, now0 + 1000, "10");
        sampled_at(&other, 1, started.transaction_id, now0 + 1000, "10");
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(session_now(started.session_id).sample_count, 0);
        assert_int_equal(rows_of("charging.aside", "station_id = 'NEIGHBOUR'"), 4);
}

static void a_station_ends_its_own_sessions_only(void **state)
{
        (void)state;
        T(do_neighbour);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_offline_queue_is_as_good_as_live),
                cmocka_unit_test(what_comes_twice_or_alone_is_billed_once),
                cmocka_unit_test(transaction_data_is_stored_once),
                cmocka_unit_test(connectors_keep_their_own),
                cmocka_unit_test(strange_numbers_are_kept_aside),
                cmocka_unit_test(a_lost_answer_loses_no_session),
                cmocka_unit_test(a_station_ends_its_own_sessions_only),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
