/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may connect, what operators change, commands, signs of life: on a real cluster.
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
        char sql[300];

        snprintf(sql, sizeof(sql), "select count(*) from %s where tenant_id = 'nord' and %s", table, where);
        return admin_number(sql);
}

static struct bb_admitted admit(const char *id, const char *password, int32_t policy)
{
        const struct bb_admit a = {.station_id = bb_cstr(id),
                                   .password = bb_cstr(password),
                                   .remote = BB_STR("198.51.100.4"),
                                   .driver = BB_STR("testdriver"),
                                   .protocol = BB_STR("test1"),
                                   .policy = policy};
        struct bb_admitted admitted = {.verdict = -1};

        assert_int_equal(ops.admit(&a, &admitted), BB_OK);
        assert_true((admitted.verdict == BB_ADMIT_OK) == (admitted.epoch > 0));
        assert_true(admitted.verdict == BB_ADMIT_OK || admitted.detail.len > 20);
        return admitted;
}

static void change_password(const char *id, const char *password)
{
        const struct bb_station_change change = {.present = BB_STATION_SET_PASSWORD, .password = bb_cstr(password)};
        int32_t created;

        assert_int_equal(ops.station_put(BB_STR("test"), bb_cstr(id), &change, 0, &created), BB_OK);
}

static void change_admission(const char *id, int32_t admission)
{
        const struct bb_station_change change = {.present = BB_STATION_SET_ADMISSION, .admission = admission};
        int32_t created;

        assert_int_equal(ops.station_put(BB_STR("test"), bb_cstr(id), &change, 0, &created), BB_OK);
}

static void do_policies(void *arg)
{
        struct bb_station station;
        int64_t epoch;

        (void)arg;
        assert_int_equal(admit("P-NONE", NULL, BB_ONBOARD_REFUSE).verdict, BB_ADMIT_UNKNOWN);
        assert_int_equal(ops.station_get(BB_STR("P-NONE"), &station), BB_E_NOT_FOUND);
        assert_int_equal(admit("P-HOLD", NULL, BB_ONBOARD_HOLD).verdict, BB_ADMIT_HELD);
        assert_int_equal(admit("P-HOLD", NULL, BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_HELD);
        change_admission("P-HOLD", BB_STATION_ADMITTED);
        assert_int_equal(admit("P-HOLD", NULL, BB_ONBOARD_REFUSE).verdict, BB_ADMIT_OK);
        epoch = admit("P-NEW", NULL, BB_ONBOARD_ACCEPT).epoch;
        assert_int_equal(admit("P-NEW", NULL, BB_ONBOARD_REFUSE).epoch, epoch + 1);
        change_admission("P-NEW", BB_STATION_BLOCKED);
        assert_int_equal(admit("P-NEW", NULL, BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_BLOCKED);
        assert_int_equal(admit("a b", NULL, BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_UNKNOWN);
        assert_int_equal(admit("\xff\xfe", NULL, BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_UNKNOWN);
        assert_int_equal(rows_of("charging.connection_attempt", "station_id = 'P-HOLD' and verdict = 2 and count = 2"),
                         1);
        assert_int_equal(rows_of("charging.connection_attempt", "remote = '198.51.100.4'"), 5);
        assert_int_equal(rows_of("core.audit", "action = 'station.accepted' and object = 'P-NEW'"), 1);
}

static void unknown_stations_meet_the_policy(void **state)
{
        (void)state;
        T(do_policies);
}

static void do_passwords(void *arg)
{
        int32_t last = -1;

        (void)arg;
        change_password("PW", "correct horse 1");
        assert_int_equal(admit("PW", "correct horse 1", BB_ONBOARD_REFUSE).verdict, BB_ADMIT_OK);
        assert_int_equal(admit("PW", NULL, BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_PASSWORD);
        assert_int_equal(admit("PW", "", BB_ONBOARD_ACCEPT).verdict, BB_ADMIT_PASSWORD);
        for (int i = 0; i < 30; i++)
                last = admit("PW", "correct horse 2", BB_ONBOARD_REFUSE).verdict;
        assert_int_equal(last, BB_ADMIT_RATE);
        assert_int_equal(admit("PW", "correct horse 1", BB_ONBOARD_REFUSE).verdict, BB_ADMIT_OK);
        /* The same password of another station is another secret. */
        change_password("PW2", "correct horse 1");
        assert_int_equal(rows_of("charging.station",
                                 "station_id = 'PW2' and password_mac = (select password_mac from charging.station"
                                 " where station_id = 'PW')"),
                         0);
        change_password("PW", "");
        assert_int_equal(admit("PW", NULL, BB_ONBOARD_REFUSE).verdict, BB_ADMIT_OK);
        /* Who does not know the password does not learn that the station is blocked. */
        change_admission("PW2", BB_STATION_BLOCKED);
        assert_int_equal(admit("PW2", "something else", BB_ONBOARD_REFUSE).verdict, BB_ADMIT_PASSWORD);
        assert_int_equal(admit("PW2", "correct horse 1", BB_ONBOARD_REFUSE).verdict, BB_ADMIT_BLOCKED);
        assert_int_equal(rows_of("core.audit", "details::text like '%horse%'"), 0);
}

static void passwords_are_checked_and_never_lock_out(void **state)
{
        (void)state;
        T(do_passwords);
}

/* --- security profiles --- */

static struct bb_admitted admit_by(const char *id, const char *password, int32_t tls, const char *certificate)
{
        const struct bb_admit a = {.station_id = bb_cstr(id),
                                   .password = bb_cstr(password),
                                   .remote = bb_print("192.0.2.%d", tls),
                                   .driver = BB_STR("testdriver"),
                                   .protocol = BB_STR("test1"),
                                   .policy = BB_ONBOARD_ACCEPT,
                                   .tls = tls,
                                   .certificate = bb_cstr(certificate)};
        struct bb_admitted admitted = {.verdict = -1};

        assert_int_equal(ops.admit(&a, &admitted), BB_OK);
        assert_true((admitted.verdict == BB_ADMIT_OK) == (admitted.epoch > 0));
        assert_true(admitted.verdict == BB_ADMIT_OK || admitted.detail.len > 20);
        return admitted;
}

static int32_t profile_of(const char *id)
{
        struct bb_station station;

        assert_int_equal(ops.station_get(bb_cstr(id), &station), BB_OK);
        return station.security_profile;
}

static void change_profile(const char *id, int32_t profile)
{
        const struct bb_station_change change = {.present = BB_STATION_SET_PROFILE, .security_profile = profile};
        int32_t created;

        assert_int_equal(ops.station_put(BB_STR("test"), bb_cstr(id), &change, 0, &created), BB_OK);
}

static void do_profiles(void *arg)
{
        struct bb_admitted got;

        (void)arg;
        assert_int_equal(admit_by("SP", NULL, 0, NULL).profile, BB_PROFILE_NONE);
        assert_int_equal(admit_by("SP", "whatever", 1, NULL).profile, BB_PROFILE_NONE); /* nobody has checked it */
        change_password("SP", "correct horse 1");
        assert_int_equal(admit_by("SP", "correct horse 1", 0, NULL).profile, BB_PROFILE_BASIC);
        assert_int_equal(admit_by("SP", "correct horse 1", 1, NULL).profile, BB_PROFILE_TLS);
        assert_int_equal(profile_of("SP"), BB_PROFILE_TLS);
        got = admit_by("SP", "correct horse 1", 0, NULL);
        assert_int_equal(got.verdict, BB_ADMIT_PROFILE);
        assert_non_null(strstr(bb_str_c(got.detail), "profile 1 (a password without TLS), but has to use 2"));
        assert_int_equal(admit_by("SP", "wrong horse 1", 0, NULL).verdict, BB_ADMIT_PASSWORD);
        change_profile("SP", BB_PROFILE_BASIC);
        assert_int_equal(admit_by("SP", "correct horse 1", 0, NULL).verdict, BB_ADMIT_OK);
        /* A certificate stands for the password. */
        assert_int_equal(admit_by("SP", NULL, 1, "SP").profile, BB_PROFILE_CERTIFICATE);
        assert_int_equal(admit_by("SP", "wrong horse 1", 1, "SP").verdict, BB_ADMIT_OK);
        assert_int_equal(admit_by("SP", "correct horse 1", 1, NULL).verdict, BB_ADMIT_PROFILE);
        assert_int_equal(admit_by("SP", NULL, 1, NULL).verdict, BB_ADMIT_PROFILE);
        assert_int_equal(admit_by("SP", "correct horse 1", 1, "OTHER").verdict, BB_ADMIT_CERTIFICATE);
        admin_do("update charging.station set serial_number = 'SN-77' where station_id = 'SP'");
        assert_int_equal(admit_by("SP", NULL, 1, "SN-77").profile, BB_PROFILE_CERTIFICATE);
        assert_int_equal(admit_by("SP", NULL, 1, "sn-77").verdict, BB_ADMIT_CERTIFICATE);
        /* What an operator does: no password lowers what passwords raised, and nothing else. */
        change_password("SP", "");
        assert_int_equal(profile_of("SP"), BB_PROFILE_CERTIFICATE);
        change_profile("SP", BB_PROFILE_NONE);
        assert_int_equal(admit_by("SP", NULL, 0, NULL).verdict, BB_ADMIT_OK);
        change_password("SP", "correct horse 1");
        assert_int_equal(admit_by("SP", "correct horse 1", 1, NULL).profile, BB_PROFILE_TLS);
        change_password("SP", "");
        assert_int_equal(profile_of("SP"), BB_PROFILE_NONE);
        assert_int_equal(rows_of("charging.connection_attempt", "station_id = 'SP' and verdict in (8, 9)"), 3);
        /* Blocked is blocked, with whatever certificate; who waits is not let in by one either. */
        change_admission("SP", BB_STATION_BLOCKED);
        assert_int_equal(admit_by("SP", NULL, 1, "SP").verdict, BB_ADMIT_BLOCKED);
}

static void security_profiles_rise_and_do_not_fall(void **state)
{
        (void)state;
        T(do_profiles);
}

static void do_next_password(void *arg)
{
        static const char hex[] = "00112233445566778899AABBccddeeff00112233";
        static const char bytes[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
        struct bb_station station;

        (void)arg;
        change_password("ROT", "correct horse 1");
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("ROT"), BB_STR("0102030405060708090a0b0c0d0e0f10"), 0),
                         BB_OK);
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("ROT"), BB_STR("another horse"), 0), BB_E_EXISTS);
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("NOBODY"), BB_STR("another horse"), 0), BB_E_NOT_FOUND);
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("ROT"), BB_STR("short"), 1), BB_E_INVALID);
        assert_int_equal(ops.station_get(BB_STR("ROT"), &station), BB_OK);
        assert_int_equal(station.password_changing, 1);
        /* Both are right until the new one was used, here as the bytes that its digits stand for. */
        assert_int_equal(admit_by("ROT", "correct horse 1", 0, NULL).verdict, BB_ADMIT_OK);
        assert_int_equal(admit_by("ROT", bytes, 0, NULL).verdict, BB_ADMIT_OK);
        assert_int_equal(admit_by("ROT", "correct horse 1", 0, NULL).verdict, BB_ADMIT_PASSWORD);
        assert_int_equal(admit_by("ROT", "0102030405060708090A0B0C0D0E0F10", 0, NULL).verdict, BB_ADMIT_OK);
        assert_int_equal(ops.station_get(BB_STR("ROT"), &station), BB_OK);
        assert_int_equal(station.password_changing, 0);
        /* The station did not take it. */
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("ROT"), BB_STR("another horse"), 0), BB_OK);
        assert_int_equal(ops.password_next(BB_STR("t"), BB_STR("ROT"), BB_STR(""), 0), BB_OK);
        assert_int_equal(admit_by("ROT", "another horse", 0, NULL).verdict, BB_ADMIT_PASSWORD);
        /* Digits of the operator's: upper and lower case, or the bytes, whose first is 0. */
        change_password("ROT", hex);
        assert_int_equal(admit_by("ROT", "00112233445566778899aabbccddeeff00112233", 0, NULL).verdict, BB_ADMIT_OK);
        {
                const struct bb_admit a = {.station_id = BB_STR("ROT"),
                                           .password = {"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee"
                                                        "\xff\x00\x11\x22\x33",
                                                        20},
                                           .remote = BB_STR("192.0.2.9"),
                                           .driver = BB_STR("testdriver")};
                struct bb_admit cut = a;
                struct bb_admitted admitted;

                assert_int_equal(ops.admit(&a, &admitted), BB_OK);
                assert_int_equal(admitted.verdict, BB_ADMIT_OK);
                cut.password.len = 19;
                assert_int_equal(ops.admit(&cut, &admitted), BB_OK);
                assert_int_equal(admitted.verdict, BB_ADMIT_PASSWORD);
                cut.password.len = 0;
                assert_int_equal(ops.admit(&cut, &admitted), BB_OK);
                assert_int_equal(admitted.verdict, BB_ADMIT_PASSWORD);
        }
        assert_int_equal(rows_of("core.audit", "object = 'ROT' and details::text ~ 'horse|0102|0011'"), 0);
}

static void a_new_password_is_right_once_used(void **state)
{
        (void)state;
        T(do_next_password);
}

static void do_attempts(void *arg)
{
        struct bb_connection_attempt *items;
        const struct bb_admit refused = {
                .station_id = BB_STR("SECOND"), .remote = BB_STR("203.0.113.9"), .driver = BB_STR("testdriver")};
        size_t count;

        (void)arg;
        admin_do("insert into charging.connection_attempt (tenant_id, station_id, remote, verdict, first_at, last_at)"
                 " select 'nord', 'flood' || i, '', 1, now() - interval '1 day', now() - interval '1 day'"
                 " from generate_series(1, 1500) i");
        assert_int_equal(ops.refused(&refused, BB_ADMIT_SECOND, BB_STR("The other connection answers.")), BB_OK);
        assert_int_equal(rows_of("charging.connection_attempt", "true"), 1000);
        assert_int_equal(ops.connection_attempts(3, &items, &count), BB_OK);
        assert_int_equal(count, 3);
        assert_true(bb_str_is(items[0].station_id, "SECOND"));
        assert_int_equal(items[0].verdict, BB_ADMIT_SECOND);
        assert_true(bb_str_is(items[0].detail, "The other connection answers."));
        assert_int_equal(ops.refused(&refused, 99, BB_NONE), BB_E_INVALID);
}

static void refused_connections_are_kept_within_bounds(void **state)
{
        (void)state;
        T(do_attempts);
}

static void do_epochs(void *arg)
{
        struct bb_station_ref first = station_up("EPOCH"), second = {.station_id = BB_STR("EPOCH")};
        const struct bb_connector_report report = {.connector_id = 1, .status = BB_CONNECTOR_AVAILABLE};
        struct bb_station station;

        (void)arg;
        /* Admitted, but not yet decided for: the first connection works on. */
        second.epoch = admit("EPOCH", NULL, BB_ONBOARD_REFUSE).epoch;
        assert_int_equal(ops.connector_status(&first, &report), BB_OK);
        assert_int_equal(ops.connector_status(&second, &report), BB_E_CONFLICT);
        assert_int_equal(ops.online(&second, BB_STR("203.0.113.1")), BB_OK);
        assert_int_equal(ops.connector_status(&first, &report), BB_E_CONFLICT);
        assert_int_equal(ops.connector_status(&second, &report), BB_OK);
        second.epoch += 1000; /* nobody gave it out */
        assert_int_equal(ops.online(&second, BB_STR("203.0.113.1")), BB_E_CONFLICT);
        second.epoch -= 1000;
        for (int i = 0; i < 2; i++)
                assert_int_equal(ops.offline(&second, BB_STR("closed")), BB_OK);
        assert_int_equal(rows_of("core.event", "topic = 'station.disconnected' and key = 'EPOCH'"), 1);
        assert_int_equal(ops.station_get(BB_STR("EPOCH"), &station), BB_OK);
        assert_false(station.online);
        assert_true(station.disconnected_ms > 0);

        /* Deleted and made again: its former connection is not its own. */
        assert_int_equal(ops.station_delete(BB_STR("test"), BB_STR("EPOCH"), 0), BB_OK);
        first = station_up("EPOCH");
        assert_true(first.epoch > second.epoch);
        assert_int_equal(ops.connector_status(&second, &report), BB_E_CONFLICT);
}

static void a_connection_counts_from_online_on(void **state)
{
        (void)state;
        T(do_epochs);
}

static void do_status(void *arg)
{
        struct bb_station_ref who = station_up("STATUS");
        struct bb_connector_report report = {
                .connector_id = 2, .status = BB_CONNECTOR_AVAILABLE, .at_ms = 1795251600000};
        struct bb_connector change = {.station_id = BB_STR("STATUS"),
                                      .connector_id = 2,
                                      .label = BB_STR("links"),
                                      .plug = BB_STR("type2"),
                                      .max_power_w = 22000};
        struct bb_connector *list;
        size_t count;

        (void)arg;
        assert_int_equal(ops.connector_status(&who, &report), BB_OK);
        report.at_ms += 1000;
        assert_int_equal(ops.connector_status(&who, &report), BB_OK); /* nothing new */
        assert_int_equal(rows_of("core.event", "topic = 'connector.status' and key = 'STATUS'"), 1);
        report.status = BB_CONNECTOR_FAULTED;
        report.error_code = BB_STR("GroundFailure");
        report.info = BB_STR("bad\0byte");
        assert_int_equal(ops.connector_status(&who, &report), BB_OK);
        report.connector_id = 4000;
        assert_int_equal(ops.connector_status(&who, &report), BB_E_INVALID);
        assert_int_equal(ops.connector_put(BB_STR("test"), &change, 1), BB_OK);
        assert_int_equal(ops.connector_put(BB_STR("test"), &change, 1), BB_E_PRECONDITION);
        change.connector_id = 3;
        assert_int_equal(ops.connector_put(BB_STR("test"), &change, 0), BB_OK);
        change.station_id = BB_STR("nowhere");
        assert_int_equal(ops.connector_put(BB_STR("test"), &change, 0), BB_E_NOT_FOUND);
        assert_int_equal(ops.connector_list(BB_STR("STATUS"), &list, &count), BB_OK);
        assert_int_equal(count, 2);
        assert_int_equal(list[0].status, BB_CONNECTOR_FAULTED);
        assert_int_equal(list[0].status_ms, 1795251601000);
        assert_true(bb_str_is(list[0].info, "bad?byte") && bb_str_is(list[0].label, "links"));
        assert_int_equal(list[0].version, 2);
        assert_int_equal(list[1].status, BB_CONNECTOR_UNKNOWN);
        assert_int_equal(rows_of("core.audit", "action = 'connector.put'"), 2);
}

static void connectors_say_what_changed(void **state)
{
        (void)state;
        T(do_status);
}

static void do_operators(void *arg)
{
        struct bb_location location = {.id = BB_STR("loc-1"), .name = BB_STR("Hafen"), .latitude_e7 = 535511000},
                           *locations;
        const struct bb_station_change bad_place = {.present = BB_STATION_SET_LOCATION,
                                                    .location_id = BB_STR("nowhere")};
        struct bb_station_change place = {.present = BB_STATION_SET_LOCATION, .location_id = BB_STR("loc-1")};
        const struct bb_station_change short_password = {.present = BB_STATION_SET_PASSWORD,
                                                         .password = BB_STR("short")};
        struct bb_station_filter filter = {.online = -1, .admission = -1, .search = BB_STR("op_%")};
        struct bb_token token = {.uid = BB_STR("Op-Token"), .label = BB_STR("Karte")}, *tokens;
        struct bb_station *stations, station;
        int32_t created;
        size_t count;

        (void)arg;
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, 7, &created), BB_E_PRECONDITION);
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, -1, &created), BB_OK);
        assert_int_equal(created, 1);
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, -1, &created), BB_E_PRECONDITION);
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, 1, &created), BB_OK);
        assert_int_equal(created, 0);
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, 1, &created), BB_E_PRECONDITION);
        assert_int_equal(ops.location_get(BB_STR("loc-1"), &location), BB_OK);
        assert_int_equal(location.version, 2);
        assert_int_equal(location.latitude_e7, 535511000);
        location.latitude_e7 = 900000001;
        assert_int_equal(ops.location_put(BB_STR("key:1"), &location, 0, &created), BB_E_INVALID);
        assert_int_equal(ops.location_list(BB_STR("loc-0"), 5, &locations, &count), BB_OK);
        assert_int_equal(count, 1);

        assert_int_equal(ops.station_put(BB_STR("key:1"), BB_STR("OP_1"), &bad_place, 0, &created), BB_E_NOT_FOUND);
        assert_int_equal(ops.station_put(BB_STR("key:1"), BB_STR("OP_1"), &short_password, 0, &created), BB_E_INVALID);
        assert_int_equal(ops.station_put(BB_STR("key:1"), BB_STR("OP_1"), &place, -1, &created), BB_OK);
        assert_int_equal(created, 1);
        assert_int_equal(ops.location_delete(BB_STR("key:1"), BB_STR("loc-1"), 0), BB_E_CONFLICT);
        assert_int_equal(ops.station_put(BB_STR("key:1"), BB_STR("OP_1"), &place, 5, &created), BB_E_PRECONDITION);
        assert_int_equal(ops.station_list(&filter, BB_NONE, 5, &stations, &count), BB_OK);
        assert_int_equal(count, 0); /* a percent sign stands for itself */
        filter.search = BB_STR("op_");
        filter.location_id = BB_STR("loc-1");
        assert_int_equal(ops.station_list(&filter, BB_NONE, 5, &stations, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_int_equal(ops.station_list(&filter, stations[0].id, 5, &stations, &count), BB_OK);
        assert_int_equal(count, 0);
        place.location_id = BB_STR("");
        assert_int_equal(ops.station_put(BB_STR("key:1"), BB_STR("OP_1"), &place, 1, &created), BB_OK);
        assert_int_equal(ops.station_get(BB_STR("OP_1"), &station), BB_OK);
        assert_null(station.location_id.ptr);
        assert_int_equal(station.version, 2);
        assert_int_equal(ops.location_delete(BB_STR("key:1"), BB_STR("loc-1"), 1), BB_E_PRECONDITION);
        assert_int_equal(ops.location_delete(BB_STR("key:1"), BB_STR("loc-1"), 2), BB_OK);
        assert_int_equal(ops.location_delete(BB_STR("key:1"), BB_STR("loc-1"), 2), BB_E_NOT_FOUND);
        assert_int_equal(ops.station_delete(BB_STR("key:1"), BB_STR("OP_1"), 2), BB_OK);

        assert_int_equal(ops.token_put(BB_STR("key:1"), &token, 0, &created), BB_OK);
        assert_int_equal(ops.token_get(BB_STR("OP-TOKEN"), &token), BB_OK);
        assert_true(bb_str_is(token.uid, "Op-Token"));
        assert_int_equal(ops.token_list(BB_STR("KART"), BB_NONE, 5, &tokens, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_int_equal(ops.token_delete(BB_STR("key:1"), BB_STR("op-token"), 9), BB_E_PRECONDITION);
        assert_int_equal(ops.token_delete(BB_STR("key:1"), BB_STR("op-token"), 1), BB_OK);
        assert_int_equal(rows_of("core.audit", "actor = 'key:1'"), 8);
}

static void operators_change_with_versions_and_audit(void **state)
{
        (void)state;
        T(do_operators);
}

static void do_delete_busy(void *arg)
{
        struct bb_station_ref who = station_up("BUSY");

        (void)arg;
        started_at(&who, 1, "whoever", now0, 0);
        assert_int_equal(ops.station_delete(BB_STR("test"), BB_STR("BUSY"), 0), BB_E_CONFLICT);
}

static void stations_with_sessions_stay(void **state)
{
        (void)state;
        T(do_delete_busy);
}

static void do_commands(void *arg)
{
        struct bb_command_result result = {.size = sizeof(result)};
        bb_json *payload = bb_json_new_object();
        int before;

        (void)arg;
        station_up("CMD");
        bb_json_set_str(payload, "type", BB_STR("Soft"));
        assert_int_equal(ops.command(BB_STR("user:1"), BB_STR("CMD"), BB_STR("Reset"), payload, 0, &result), BB_OK);
        assert_int_equal(result.outcome, BB_COMMAND_ANSWERED);
        assert_string_equal(driver.last, "CMD Reset");
        assert_int_equal(rows_of("core.audit", "action = 'station.command' and details->'payload'->>'type' = 'Soft'"),
                         1);
        bb_json_set_str(payload, "key", BB_STR("AuthorizationKey"));
        bb_json_set_str(payload, "value", BB_STR("hush-hush"));
        assert_int_equal(
                ops.command(BB_STR("user:1"), BB_STR("CMD"), BB_STR("ChangeConfiguration"), payload, 0, &result),
                BB_OK);
        assert_int_equal(rows_of("core.audit", "details::text like '%hush%'"), 0);
        assert_int_equal(ops.command(BB_STR("user:1"), BB_STR("none"), BB_STR("Reset"), payload, 0, &result),
                         BB_E_NOT_FOUND);
        assert_int_equal(rows_of("core.audit", "action = 'station.command'"), 2);
        change_password("CMD-NEW", "12345678");
        assert_int_equal(ops.command(BB_STR("user:1"), BB_STR("CMD-NEW"), BB_STR("Reset"), payload, 0, &result), BB_OK);
        assert_int_equal(result.outcome, BB_COMMAND_OFFLINE);
        before = driver.disconnects;
        change_password("CMD", "12345678");
        assert_int_equal(driver.disconnects, before + 1);
        assert_string_equal(driver.last, "CMD");
        change_admission("CMD", BB_STATION_BLOCKED);
        assert_int_equal(driver.disconnects, before + 2);
        change_admission("CMD", BB_STATION_ADMITTED);
        assert_int_equal(driver.disconnects, before + 2);
}

static void commands_go_to_the_driver_and_are_audited(void **state)
{
        (void)state;
        T(do_commands);
}

/* A driver that knows nothing of operations: its commands end with the answer. Old ones go, open ones stay. */
static void do_operations(void *arg)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_operation_filter filter = {.station_id = BB_STR("OPS"), .state = -1, .over = -1};
        struct bb_operation *items;
        size_t count;

        (void)arg;
        station_up("OPS");
        assert_int_equal(
                ops.command(BB_STR("user:1"), BB_STR("OPS"), BB_STR("Reset"), bb_json_new_object(), 0, &result), BB_OK);
        assert_int_equal(ops.operation_list(&filter, BB_NONE, 10, &items, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_int_equal(items[0].state, BB_OPERATION_SUCCEEDED);
        assert_int_equal(items[0].latency_ms, 12);
        assert_int_equal(items[0].steps.count, 3);
        assert_int_equal(bb_db_query(NULL,
                                     "insert into charging.operation (operation_id, station_id, action, actor, payload,"
                                     " state, created_at, expires_at) select ('01700000-0000-7000-8000-00000000000'"
                                     " || s)::uuid, 'OPS', 'Old', 'user:1', '{}', s, now(), now()"
                                     " from generate_series(2, 3) s"),
                         BB_OK);
        assert_int_equal(operations_prune(state_nord), BB_OK);
        assert_int_equal(rows_of("charging.operation", "station_id = 'OPS'"), 2);
        assert_int_equal(rows_of("charging.operation", "action = 'Old' and state = 2"), 1);
        assert_int_equal(bb_db_query(NULL, "delete from charging.operation where action = 'Old'"), BB_OK);
}

static void operations_are_kept_for_their_days(void **state)
{
        (void)state;
        T(do_operations);
}

static void do_presence(void *arg)
{
        struct bb_station_ref here = station_up("HERE"), gone = station_up("GONE");
        struct charging *c = state_nord;
        struct bb_station station;

        (void)arg;
        ops.clock_seen(&here, bb_now_ms() - 400000);
        ops.clock_seen(&here, bb_now_ms() - 600000);
        /* Another node held it, and died. */
        presence_live(&c->presence, gone.station_id, gone.epoch, 0, 0);
        presence_find(&c->presence, gone.station_id, 0)->dirty = 0;
        admin_do("update charging.station set node = 'dead' where station_id = 'GONE'");
        admin_do("insert into charging.node_lease values ('nord', 'dead', now() - interval '33 s')");
        lease_tick(c);
        assert_int_equal(rows_of("charging.station", "station_id in ('HERE', 'GONE') and online"),
                         2); /* too early to tell */
        c->leases_ms -= 30000;
        admin_do("update charging.node_lease set renewed_at = now() - interval '30 s' where node = 'dead'");
        lease_tick(c); /* it lives */
        assert_int_equal(rows_of("charging.station", "station_id in ('HERE', 'GONE') and online"), 2);
        admin_do("update charging.node_lease set renewed_at = now() - interval '33 s' where node = 'dead'");
        lease_tick(c);
        assert_int_equal(rows_of("charging.node_lease", "node = 'dead'"), 0);
        assert_int_equal(rows_of("core.event", "topic = 'station.connected' and key = 'HERE'"), 1);
        /* Another node took this one for dead. */
        admin_do("update charging.station set online = false where station_id = 'HERE'");
        admin_do("delete from charging.node_lease");
        lease_tick(c);
        assert_int_equal(rows_of("core.event", "topic = 'station.connected' and key = 'HERE'"), 2);
        assert_int_equal(rows_of("charging.station", "station_id = 'HERE' and online and remote = '192.0.2.7'"), 1);
        assert_int_equal(ops.station_get(BB_STR("GONE"), &station), BB_OK);
        assert_false(station.online);
        assert_int_equal(rows_of("core.event", "topic = 'station.disconnected' and key = 'GONE'"), 1);
        assert_int_equal(ops.station_get(BB_STR("HERE"), &station), BB_OK);
        assert_true(station.online);
        assert_in_range(-station.clock_drift_ms, 399000, 401000);
        assert_int_equal(rows_of("core.event", "topic = 'station.clock' and key = 'HERE'"), 1);
        housekeeping_minute(c);
        assert_int_equal(rows_of("core.event", "topic in ('station.clock', 'station.disconnected')"
                                               " and key in ('HERE', 'GONE')"),
                         2);
        housekeeping_hour(c);
}

static void lost_stations_and_wrong_clocks_are_noticed(void **state)
{
        (void)state;
        T(do_presence);
}

static void do_outside(void *arg)
{
        (void)arg;
        assert_int_equal(ops.station_delete(BB_STR("test"), BB_STR("P-NEW"), 0), BB_E_DENIED);
}

static void without_the_plugin_there_is_nothing(void **state)
{
        static struct bb_tenant other = {.magic = TENANT_MAGIC, .id = {"other", 5}, .name = {"Other", 5}};

        (void)state;
        in_task(&other, do_outside, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unknown_stations_meet_the_policy),
                cmocka_unit_test(passwords_are_checked_and_never_lock_out),
                cmocka_unit_test(security_profiles_rise_and_do_not_fall),
                cmocka_unit_test(a_new_password_is_right_once_used),
                cmocka_unit_test(refused_connections_are_kept_within_bounds),
                cmocka_unit_test(a_connection_counts_from_online_on),
                cmocka_unit_test(connectors_say_what_changed),
                cmocka_unit_test(operators_change_with_versions_and_audit),
                cmocka_unit_test(stations_with_sessions_stay),
                cmocka_unit_test(commands_go_to_the_driver_and_are_audited),
                cmocka_unit_test(operations_are_kept_for_their_days),
                cmocka_unit_test(lost_stations_and_wrong_clocks_are_noticed),
                cmocka_unit_test(without_the_plugin_there_is_nothing),
        };

        now0 = time_now_ms() / 1000 * 1000 - 3600000;
        return cmocka_run_group_tests(tests, charging_up, charging_down);
}
