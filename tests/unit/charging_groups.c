/* SPDX-License-Identifier: Apache-2.0
 *
 * A storm on a real cluster: many stations connect, boot and report their connectors at once, and share their commits.
 *
 * test-sources: plugins/charging/access.c plugins/charging/password.c
 * test-sources: plugins/charging/admit.c plugins/charging/attempt.c plugins/charging/authorize.c plugins/charging/cdr.c
 * test-sources: plugins/charging/bulk.c plugins/charging/bulk_job.c plugins/charging/effect.c
 * test-sources: plugins/charging/operation.c plugins/charging/operation_follow.c plugins/charging/operation_read.c
 * test-sources: plugins/charging/operation_resume.c plugins/charging/operation_send.c
 * test-sources: plugins/charging/operation_table.c
 * test-sources: plugins/charging/command.c plugins/charging/connector.c plugins/charging/connector_status.c
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

#define STATIONS_MANY 200
static struct {
        char ids[STATIONS_MANY][16];
        struct bb_station_ref who[STATIONS_MANY];
        int done;
} crowd;

static void all_at_once(void (*fn)(void *))
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .tenant = &nord, .run = fn};

        crowd.done = 0;
        for (size_t i = 0; i < STATIONS_MANY; i++) {
                spec.arg = (void *)(uintptr_t)i;
                assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        }
        while (crowd.done < STATIONS_MANY)
                loop_turn(1000);
        loop_turn(0);
}

static int64_t events(const char *topic, const char *key)
{
        char sql[300];

        snprintf(sql, sizeof(sql),
                 "select count(*) from core.event where tenant_id = 'nord' and topic = '%s' and key like '%s'", topic,
                 key);
        return admin_number(sql);
}

/* How many transactions wrote a row of these stations: what shares a commit has its number in common. */
static int64_t commits(const char *topic, const char *key)
{
        char sql[300];

        snprintf(sql, sizeof(sql), "select count(distinct xid) from core.event where topic = '%s' and key like '%s'",
                 topic, key);
        return admin_number(sql);
}

static void make_stations(void *arg)
{
        (void)arg;
        token_accepted("storm");
        for (size_t i = 0; i < STATIONS_MANY; i++) {
                snprintf(crowd.ids[i], sizeof(crowd.ids[i]), "STORM-%03zu", i);
                station_up(crowd.ids[i]);
        }
}

static void come_back(void *arg)
{
        size_t i = (size_t)(uintptr_t)arg;
        const struct bb_admit admit = {.station_id = bb_cstr(crowd.ids[i]),
                                       .remote = BB_STR("192.0.2.8"),
                                       .driver = BB_STR("testdriver"),
                                       .protocol = BB_STR("test1"),
                                       .policy = BB_ONBOARD_REFUSE};
        const struct bb_boot boot = {.vendor = BB_STR("Stürmer"), .model = bb_cstr(crowd.ids[i])};
        struct bb_authorization authorization;
        struct bb_admitted admitted;

        assert_int_equal(ops.admit(&admit, &admitted), BB_OK);
        assert_int_equal(admitted.verdict, BB_ADMIT_OK);
        crowd.who[i] = (struct bb_station_ref){.station_id = admit.station_id, .epoch = admitted.epoch};
        assert_int_equal(ops.online(&crowd.who[i], admit.remote), BB_OK);
        assert_int_equal(ops.online(&crowd.who[i], admit.remote), BB_OK); /* a repetition is no second event */
        assert_int_equal(ops.boot(&crowd.who[i], &boot), BB_OK);
        for (int64_t k = 0; k < 3; k++) {
                const struct bb_connector_report report = {.connector_id = k,
                                                           .status = BB_CONNECTOR_AVAILABLE + (int32_t)k,
                                                           .error_code = BB_STR("NoError")};

                assert_int_equal(ops.connector_status(&crowd.who[i], &report), BB_OK);
        }
        assert_int_equal(ops.authorize(&crowd.who[i], i % 2 ? BB_STR("STORM") : BB_STR("stranger"), &authorization),
                         BB_OK);
        assert_int_equal(authorization.status, i % 2 ? BB_AUTH_ACCEPTED : BB_AUTH_INVALID);
        crowd.done++;
}

static void a_storm_shares_its_commits(void **state)
{
        int64_t connected, statuses;

        (void)state;
        T(make_stations);
        connected = events("station.connected", "STORM-%");
        assert_int_equal(connected, STATIONS_MANY);
        all_at_once(come_back);
        assert_int_equal(events("station.connected", "STORM-%"), 2 * STATIONS_MANY);
        assert_int_equal(events("station.booted", "STORM-%"), STATIONS_MANY);
        assert_int_equal(events("connector.status", "STORM-%"), 3 * STATIONS_MANY);
        assert_in_range(commits("station.booted", "STORM-%"), 1, STATIONS_MANY / 4);
        assert_in_range(commits("connector.status", "STORM-%"), 1, 3 * STATIONS_MANY / 4);
        assert_int_equal(admin_number("select count(*) from charging.station where station_id like 'STORM-%'"
                                      " and online and model = station_id and vendor = 'Stürmer'"
                                      " and remote = '192.0.2.8' and epoch = epoch_last and boot_at is not null"),
                         STATIONS_MANY);
        assert_int_equal(admin_number("select count(*) from charging.connector where station_id like 'STORM-%'"
                                      " and status = connector_id + 1 and error_code = 'NoError' and info is null"),
                         3 * STATIONS_MANY);
        /* They come again and say the same: connectors are not written. */
        statuses = admin_number("select sum(xmin::text::bigint) from charging.connector where tenant_id = 'nord'");
        all_at_once(come_back);
        assert_int_equal(events("connector.status", "STORM-%"), 3 * STATIONS_MANY);
        assert_int_equal(
                admin_number("select sum(xmin::text::bigint) from charging.connector where tenant_id = 'nord'"),
                statuses);
}

/* Every third one's connection was replaced meanwhile. */
static void report_late(void *arg)
{
        size_t i = (size_t)(uintptr_t)arg;
        struct bb_station_ref who = crowd.who[i];
        const bb_err expected = i % 3 == 0 ? BB_E_CONFLICT : BB_OK;
        const struct bb_connector_report report = {
                .connector_id = 1, .status = BB_CONNECTOR_FAULTED, .error_code = BB_STR("GroundFailure")};
        const struct bb_boot boot = {.vendor = BB_STR("Zweiter")};

        if (i % 3 == 0)
                who.epoch--;
        assert_int_equal(ops.connector_status(&who, &report), expected);
        assert_int_equal(ops.boot(&who, &boot), expected);
        assert_int_equal(ops.offline(&who, BB_STR("gone")), expected);
        assert_int_equal(ops.offline(&who, BB_STR("gone")), expected);
        crowd.done++;
}

static void an_old_connection_spoils_no_group(void **state)
{
        int64_t late = 2 * STATIONS_MANY / 3;

        (void)state;
        all_at_once(report_late);
        assert_int_equal(admin_number("select count(*) from charging.station where station_id like 'STORM-%'"
                                      " and not online and vendor = 'Zweiter'"),
                         late);
        assert_int_equal(events("station.disconnected", "STORM-%"), late);
        assert_int_equal(admin_number("select count(*) from charging.connector where station_id like 'STORM-%'"
                                      " and status = 9"),
                         late);
        assert_int_equal(events("connector.status", "STORM-%"), 3 * STATIONS_MANY + late);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_storm_shares_its_commits),
                cmocka_unit_test(an_old_connection_spoils_no_group),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
