/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions whose stop does not come, and stations whose clock is wrong, on a real cluster. The rows are made older
 * behind the plugin's back, since the rules work in minutes and days.
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

#define HOUR 3600000LL

/* As if everything about the station had been said so much earlier. */
static void pass_hours(const char *station, int64_t hours)
{
        char sql[1500];

        snprintf(sql, sizeof(sql),
                 "update charging.session set started_at = started_at - interval '%lld hours', start_received_at ="
                 " start_received_at - interval '%lld hours', closed_at = closed_at - interval '%lld hours',"
                 " energy_at = energy_at - interval '%lld hours',"
                 " last_sample_at = last_sample_at - interval '%lld hours', ended_at = ended_at - interval '%lld hours'"
                 " where station_id = '%s'",
                 (long long)hours, (long long)hours, (long long)hours, (long long)hours, (long long)hours,
                 (long long)hours, station);
        admin_do(sql);
        snprintf(
                sql, sizeof(sql),
                "update charging.sample set at = at - interval '%lld hours', received_at = received_at - interval '%lld"
                " hours' where station_id = '%s'",
                (long long)hours, (long long)hours, station);
        admin_do(sql);
        snprintf(sql, sizeof(sql),
                 "update charging.connector set status_received_at = status_received_at - interval '%lld hours'"
                 " where station_id = '%s'",
                 (long long)hours, station);
        admin_do(sql);
        snprintf(sql, sizeof(sql),
                 "update charging.station set connected_at = connected_at - interval '%lld hours', boot_at = boot_at -"
                 " interval '%lld hours', last_seen_at = last_seen_at - interval '%lld hours' where station_id = '%s'",
                 (long long)hours, (long long)hours, (long long)hours, station);
        admin_do(sql);
}

static void keep_house(void)
{
        assert_int_equal(orphans_close(state_nord), BB_OK);
        assert_int_equal(orphans_account(state_nord), BB_OK);
}

static int64_t events(const char *topic, bb_str session_id)
{
        return rows_of("core.event", bb_print("topic = '%s' and key = '%.*s'", topic, BB_FMT(session_id)).ptr);
}

/* --- rules --- */

static void do_available(void *arg)
{
        struct bb_station_ref who = station_up("FREE");
        struct bb_started started, other;
        struct bb_session s;

        (void)arg;
        token_accepted("free");
        status_is(&who, 1, BB_CONNECTOR_CHARGING);
        started = started_at(&who, 1, "free", now0, 1000);
        other = started_at(&who, 2, "free", now0, 0);
        status_is(&who, 2, BB_CONNECTOR_CHARGING);
        sampled_at(&who, 1, started.transaction_id, now0 + 600000, "1800");
        pass_hours("FREE", 1);
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN); /* it charges, it said */
        status_is(&who, 1, BB_CONNECTOR_AVAILABLE);
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN); /* its queue may still come */
        pass_hours("FREE", 1);
        sampled_at(&who, 1, started.transaction_id, now0 - 2 * HOUR + 900000, "1900");
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN); /* and does */
        pass_hours("FREE", 1);
        keep_house();
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_CLOSED);
        assert_true(bb_str_is(s.closed_by, "available"));
        assert_int_equal(s.meter_stop_wh, 1900);
        assert_int_equal(s.energy_wh, 900);
        assert_int_equal(s.ended_ms, now0 - 3 * HOUR + 900000);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'FREE'"), 0);
        assert_int_equal(events("session.closed_by_rule", started.session_id), 1);
        assert_int_equal(events("session.ended", started.session_id), 0);
        assert_int_equal(session_now(other.session_id).state, BB_SESSION_OPEN);
        /* Nothing more happens within the time of grace; then it gets its account, once. */
        pass_hours("FREE", 70);
        keep_house();
        assert_int_equal(rows_of("charging.cdr", "station_id = 'FREE'"), 0);
        pass_hours("FREE", 3);
        keep_house();
        keep_house();
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_true(bb_str_is(s.closed_by, "available"));
        assert_int_equal(rows_of("charging.cdr", "station_id = 'FREE' and energy_wh = 900 and duration_s = 900"), 1);
        assert_int_equal(events("session.ended", started.session_id), 1);
        assert_int_equal(events("cdr.created", started.session_id), 1);
        /* The true stop after that: an equal one is taken, a different one is for people. The account stays. */
        stopped_at(&who, started.transaction_id, NULL, now0, 2500);
        assert_int_equal(rows_of("charging.aside", "station_id = 'FREE' and kind = 'stop'"), 1);
        assert_int_equal(session_now(started.session_id).energy_wh, 900);
}

static void available_and_silent_closes_it(void **state)
{
        (void)state;
        T(do_available);
}

static void do_merge(void *arg)
{
        struct bb_station_ref who = station_up("MERGE");
        struct bb_started started;
        struct bb_session s;

        (void)arg;
        token_accepted("merge");
        started = started_at(&who, 1, "merge", now0, 0);
        sampled_at(&who, 1, started.transaction_id, now0 + 60000, "100");
        status_is(&who, 1, BB_CONNECTOR_AVAILABLE);
        pass_hours("MERGE", 2);
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_CLOSED);
        /* What was measured and comes late still counts, and puts the account off. */
        sampled_at(&who, 1, started.transaction_id, now0 - 2 * HOUR + 120000, "250");
        assert_int_equal(session_now(started.session_id).energy_wh, 250);
        stopped_at(&who, started.transaction_id, "merge", now0 - 2 * HOUR + 180000, 300);
        stopped_at(&who, started.transaction_id, "merge", now0 - 2 * HOUR + 180000, 300);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_int_equal(s.energy_wh, 300);
        assert_int_equal(s.ended_ms, now0 - 2 * HOUR + 180000);
        assert_true(bb_str_is(s.closed_by, "available") && bb_str_is(s.stop_reason, "Local"));
        assert_true(s.review.ptr == NULL && s.end_received_ms > 0);
        assert_int_equal(events("session.merged", started.session_id), 1);
        assert_int_equal(events("session.ended", started.session_id), 1);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'MERGE' and energy_wh = 300 and duration_s = 180"), 1);
        assert_int_equal(rows_of("charging.aside", "station_id = 'MERGE'"), 0);
        /* A different one comes too late. */
        stopped_at(&who, started.transaction_id, "merge", now0, 301);
        assert_int_equal(rows_of("charging.aside", "station_id = 'MERGE'"), 1);
}

static void the_true_stop_is_merged(void **state)
{
        (void)state;
        T(do_merge);
}

/* Without a reading nobody can say what to bill: after the grace people decide, or the true stop does. */
static void do_unmetered(void *arg)
{
        struct bb_station_ref who = station_up("DARK");
        struct bb_started started, next;
        struct bb_session s;

        (void)arg;
        token_accepted("dark");
        started = started_at(&who, 1, "dark", now0, 500);
        pass_hours("DARK", 2);
        next = started_at(&who, 1, "dark", now0, 900);
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        pass_hours("DARK", 1);
        keep_house();
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_CLOSED);
        assert_true(bb_str_is(s.closed_by, "next_start"));
        assert_int_equal(session_now(next.session_id).state, BB_SESSION_OPEN);
        pass_hours("DARK", 80);
        keep_house();
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_REVIEW);
        assert_true(bb_str_is(s.review, review_unmetered));
        assert_int_equal(rows_of("charging.cdr", "station_id = 'DARK'"), 0);
        stopped_at(&who, started.transaction_id, NULL, s.started_ms + HOUR, 900);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_int_equal(s.energy_wh, 400);
        assert_int_equal(events("session.ended", started.session_id), 1);
        assert_int_equal(events("session.merged", started.session_id), 1);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'DARK' and energy_wh = 400"), 1);
}

static void a_later_start_closes_it(void **state)
{
        (void)state;
        T(do_unmetered);
}

static void do_reboot(void *arg)
{
        const struct bb_boot boot = {.vendor = BB_STR("Wieder"), .model = BB_STR("da")};
        struct bb_station_ref who = station_up("REBOOT");
        struct bb_started resumed, lost, talks;

        (void)arg;
        token_accepted("reboot");
        resumed = started_at(&who, 1, "reboot", now0, 0);
        lost = started_at(&who, 2, "reboot", now0, 0);
        talks = started_at(&who, 3, "reboot", now0, 0);
        sampled_at(&who, 2, lost.transaction_id, now0 + 60000, "10");
        status_is(&who, 1, BB_CONNECTOR_SUSPENDED_EV);
        status_is(&who, 2, BB_CONNECTOR_CHARGING);
        pass_hours("REBOOT", 3);
        keep_house();
        assert_int_equal(session_now(lost.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(ops.boot(&who, &boot), BB_OK);
        status_is(&who, 2, BB_CONNECTOR_FAULTED);
        status_is(&who, 3, BB_CONNECTOR_FAULTED);
        pass_hours("REBOOT", 2);
        sampled_at(&who, 3, talks.transaction_id, now0, "10");
        keep_house();
        assert_int_equal(session_now(lost.session_id).state, BB_SESSION_CLOSED);
        assert_true(bb_str_is(session_now(lost.session_id).closed_by, "rebooted"));
        assert_int_equal(session_now(resumed.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(session_now(talks.session_id).state, BB_SESSION_OPEN);
}

static void a_reboot_closes_what_does_not_go_on(void **state)
{
        (void)state;
        T(do_reboot);
}

static void do_silence(void *arg)
{
        struct bb_station_ref who = station_up("SILENT"), talker = station_up("TALKER");
        struct bb_started started, lasting;

        (void)arg;
        token_accepted("silent");
        started = started_at(&who, 1, "silent", now0, 0);
        sampled_at(&who, 1, started.transaction_id, now0 + 60000, "40");
        assert_int_equal(ops.offline(&who, BB_STR("gone")), BB_OK);
        lasting = started_at(&talker, 1, "silent", now0, 0);
        status_is(&talker, 1, BB_CONNECTOR_CHARGING);
        pass_hours("SILENT", 24 * 13);
        pass_hours("TALKER", 24 * 59);
        admin_do("update charging.station set last_seen_at = now() where station_id = 'TALKER'");
        keep_house();
        assert_int_equal(session_now(started.session_id).state, BB_SESSION_OPEN);
        assert_int_equal(session_now(lasting.session_id).state, BB_SESSION_OPEN);
        pass_hours("SILENT", 48);
        pass_hours("TALKER", 48);
        admin_do("update charging.station set last_seen_at = now() where station_id = 'TALKER'");
        keep_house();
        assert_true(bb_str_is(session_now(started.session_id).closed_by, "silent"));
        assert_int_equal(session_now(started.session_id).energy_wh, 40);
        assert_true(bb_str_is(session_now(lasting.session_id).closed_by, "too_long"));
        assert_int_equal(rows_of("charging.session", "station_id in ('SILENT', 'TALKER') and state = 0"), 0);
}

static void nothing_is_open_for_ever(void **state)
{
        (void)state;
        T(do_silence);
}

/* Another tenant's housekeeping sees none of it. */
static void do_foreign(void *arg)
{
        (void)arg;
        assert_int_equal(orphans_close(state_sued), BB_OK);
        assert_int_equal(orphans_account(state_sued), BB_OK);
}

static void do_waiting(void *arg)
{
        struct bb_station_ref who = station_up("APART");
        struct bb_started started;

        token_accepted("apart");
        started = started_at(&who, 1, "apart", now0, 0);
        status_is(&who, 1, BB_CONNECTOR_AVAILABLE);
        pass_hours("APART", 2);
        memcpy(arg, started.session_id.ptr, 36);
}

static void a_tenants_rules_are_its_own(void **state)
{
        char session[37] = "";

        (void)state;
        in_task(&nord, do_waiting, session);
        in_task(&sued, do_foreign, NULL);
        assert_int_equal(rows_of("charging.session", "station_id = 'APART' and state = 0"), 1);
}

/* --- what is kept --- */

#define MONTH "date_trunc('month', now() - interval '100 days')"

static void sample_row(int session, const char *at, const char *received, int64_t count)
{
        char sql[700];

        snprintf(
                sql, sizeof(sql),
                "insert into charging.sample (tenant_id, session_id, at, digest, station_id, connector_id, received_at,"
                " kind_id, value) select 'nord', '0190aaaa-0000-7000-8000-00000000000%d', %s + g * interval '1 ms',"
                " gen_random_uuid(), 'KEPT', 1, %s, 1, '1' from generate_series(1, %lld) g",
                session, at, received, (long long)count);
        admin_do(sql);
}

static void prune(void *arg)
{
        fixture_options.sample_days = (int64_t)(intptr_t)arg;
        assert_int_equal(samples_prune(state_nord), BB_OK);
}

static void old_samples_leave_by_whole_months(void **state)
{
        (void)state;
        sample_row(1, MONTH " - interval '40 days'", "now() - interval '140 days'", 12000);
        sample_row(2, MONTH " - interval '1 hour'", "now() - interval '101 days'", 1);
        sample_row(3, MONTH " + interval '1 hour'", "now() - interval '101 days'", 1);
        sample_row(4, "timestamptz '1970-01-01Z'", "now()", 1);                       /* a clock that was never set */
        sample_row(5, "timestamptz '1970-01-01Z'", "now() - interval '101 days'", 1); /* and long ago */
        sample_row(6, "timestamptz '2040-01-01Z'", "now() - interval '101 days'", 1);
        admin_do(
                "insert into charging.sample (tenant_id, session_id, at, digest, station_id, connector_id, received_at,"
                " kind_id, value) select 'sued', session_id, at, digest, station_id, connector_id, received_at, "
                "kind_id,"
                " value from charging.sample where session_id = '0190aaaa-0000-7000-8000-000000000002'");
        in_task(&nord, prune, (void *)(intptr_t)0); /* for ever */
        assert_int_equal(rows_of("charging.sample", "station_id = 'KEPT'"), 12005);
        in_task(&nord, prune, (void *)(intptr_t)100);
        assert_int_equal(rows_of("charging.sample", "station_id = 'KEPT'"), 2);
        assert_int_equal(rows_of("charging.sample", "station_id = 'KEPT' and session_id in"
                                                    " ('0190aaaa-0000-7000-8000-000000000003',"
                                                    " '0190aaaa-0000-7000-8000-000000000004')"),
                         2);
        assert_int_equal(admin_number("select count(*) from charging.sample where tenant_id = 'sued'"), 1);
}

/* --- clocks --- */

static void do_behind(void *arg)
{
        struct bb_station_ref who = station_up("BEHIND");
        int64_t now = time_now_ms() / 1000 * 1000, off = -2 * HOUR;
        struct bb_started started;
        struct bb_session s;
        bb_str payload;

        (void)arg;
        token_accepted("behind");
        ops.clock_seen(&who, now + off);
        started = started_at(&who, 1, "behind", now + off - 600000, 0);
        assert_int_equal(started_at(&who, 1, "behind", now + off - 600000, 0).transaction_id, started.transaction_id);
        s = session_now(started.session_id);
        assert_int_equal(s.start_told_ms, now + off - 600000);
        assert_in_range(s.started_ms, now - 600000 - 5000, now - 600000 + 5000);
        assert_null(s.review.ptr);
        payload = bb_cstr(as_admin(bb_print("select payload::text from core.event where topic = 'session.started' and"
                                            " key = '%.*s'",
                                            BB_FMT(started.session_id))
                                           .ptr));
        assert_non_null(strstr(payload.ptr, "start_told_at"));
        free((void *)(uintptr_t)payload.ptr);
        for (int i = 0; i < 2; i++)
                stopped_at(&who, started.transaction_id, NULL, now + off, 500);
        s = session_now(started.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_int_equal(s.end_told_ms, now + off);
        assert_in_range(s.ended_ms, now - 5000, now + 5000);
        assert_int_equal(rows_of("charging.cdr", "station_id = 'BEHIND' and duration_s between 595 and 605"), 1);
        assert_int_equal(rows_of("charging.aside", "station_id = 'BEHIND'"), 0);
        /* The lag would lead into the future: the clock has been set since. */
        started = started_at(&who, 2, "behind", now - 60000, 0);
        assert_int_equal(session_now(started.session_id).started_ms, now - 60000);
}

static void a_clock_that_is_behind_is_corrected(void **state)
{
        (void)state;
        T(do_behind);
}

static void do_ahead(void *arg)
{
        const struct bb_boot boot = {.vendor = BB_STR("Uhr")};
        struct bb_station_ref who = station_up("AHEAD");
        int64_t now = time_now_ms() / 1000 * 1000;
        struct bb_started live, queued, fixed, right;
        struct bb_session s;

        (void)arg;
        token_accepted("ahead");
        /* Nobody knows its clock yet: no time is in the future. */
        live = started_at(&who, 1, "ahead", now + 3 * HOUR, 0);
        s = session_now(live.session_id);
        assert_int_equal(s.start_told_ms, now + 3 * HOUR);
        assert_int_equal(s.started_ms, s.start_received_ms);
        /* From a queue, once its clock is known. */
        ops.clock_seen(&who, now + 3 * HOUR);
        queued = started_at(&who, 2, "ahead", now + HOUR, 0);
        assert_in_range(session_now(queued.session_id).started_ms, now - 2 * HOUR - 5000, now - 2 * HOUR + 5000);
        stopped_at(&who, queued.transaction_id, NULL, now + 2 * HOUR, 10);
        assert_int_equal(session_now(queued.session_id).state, BB_SESSION_ENDED);
        /* It is set: what is told now is right, and the one that spans it is for people. */
        assert_int_equal(ops.boot(&who, &boot), BB_OK);
        right = started_at(&who, 3, "ahead", now - HOUR, 0);
        assert_int_equal(session_now(right.session_id).started_ms, now - HOUR);
        assert_int_equal(session_now(right.session_id).start_told_ms, 0);
        stopped_at(&who, live.transaction_id, NULL, time_now_ms(), 10);
        assert_int_equal(session_now(live.session_id).state, BB_SESSION_REVIEW);
        assert_true(
                bb_str_is(session_now(live.session_id).review, "the station's clock was changed during the session"));
        /* Without a boot: a time that is right now tells it as well. */
        ops.clock_seen(&who, now + 3 * HOUR);
        ops.clock_seen(&who, time_now_ms());
        fixed = started_at(&who, 4, "ahead", now - 2 * HOUR, 0);
        assert_int_equal(session_now(fixed.session_id).started_ms, now - 2 * HOUR);
}

static void a_clock_that_is_ahead_is_corrected(void **state)
{
        (void)state;
        T(do_ahead);
}

/* 1970: by its known lag, or by when the report came. */
static void do_unset(void *arg)
{
        struct bb_station_ref who = station_up("UNSET");
        int64_t now = time_now_ms();
        struct bb_started blind, known;
        struct bb_session s;

        (void)arg;
        token_accepted("unset");
        blind = started_at(&who, 1, "unset", 100000, 0);
        s = session_now(blind.session_id);
        assert_int_equal(s.started_ms, s.start_received_ms);
        assert_int_equal(s.start_told_ms, 100000);
        assert_true(bb_str_is(s.review, review_clock_unset));
        ops.clock_seen(&who, 7200000);
        known = started_at(&who, 2, "unset", 3600000, 0);
        s = session_now(known.session_id);
        assert_in_range(s.started_ms, now - HOUR - 5000, now - HOUR + 5000);
        assert_null(s.review.ptr);
        sampled_at(&who, 2, known.transaction_id, 5400000, "70");
        stopped_at(&who, known.transaction_id, NULL, 7200000, 100);
        s = session_now(known.session_id);
        assert_int_equal(s.state, BB_SESSION_ENDED);
        assert_in_range(s.ended_ms - s.started_ms, HOUR - 5000, HOUR + 5000);
        /* A rule goes by the corrected time of the last sample. */
        known = started_at(&who, 3, "unset", 3600001, 0);
        sampled_at(&who, 3, known.transaction_id, 5400001, "70");
        s = session_now(known.session_id);
        assert_int_equal(session_close(&s, "operator", NULL), BB_OK);
        s = session_now(known.session_id);
        assert_in_range(s.ended_ms - s.started_ms, HOUR / 2 - 5000, HOUR / 2 + 5000);
}

static void a_clock_that_was_never_set_is_corrected(void **state)
{
        (void)state;
        T(do_unset);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(available_and_silent_closes_it),
                cmocka_unit_test(the_true_stop_is_merged),
                cmocka_unit_test(a_later_start_closes_it),
                cmocka_unit_test(a_reboot_closes_what_does_not_go_on),
                cmocka_unit_test(nothing_is_open_for_ever),
                cmocka_unit_test(a_tenants_rules_are_its_own),
                cmocka_unit_test(old_samples_leave_by_whole_months),
                cmocka_unit_test(a_clock_that_is_behind_is_corrected),
                cmocka_unit_test(a_clock_that_is_ahead_is_corrected),
                cmocka_unit_test(a_clock_that_was_never_set_is_corrected),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
