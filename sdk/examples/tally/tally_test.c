/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.so under test: its options, its event, its routes and its job, without busbard and without PostgreSQL.
 */
#include <busbar/testkit.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(what)                                                                                                    \
        do {                                                                                                           \
                if (!(what)) {                                                                                         \
                        fprintf(stderr, "%s:%d: not so: %s\n%s", __FILE__, __LINE__, #what, testkit_log());            \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

static const char small[] = "{\"session_id\":\"s1\",\"station_id\":\"A\",\"ended_at\":\"2026-01-01T00:00:00Z\","
                            "\"energy_wh\":5,\"reason\":\"Local\"}";
static const char large[] = "{\"session_id\":\"s2\",\"station_id\":\"A\",\"ended_at\":\"2026-01-01T00:00:00Z\","
                            "\"energy_wh\":7000}";

static void sessions_are_counted(void)
{
        CHECK(testkit_event("session.ended", "s1", small) == BB_OK);
        CHECK(testkit_statements("insert into tally.session") == 0);
        CHECK(testkit_event("session.ended", "s2", large) == BB_OK);
        CHECK(testkit_statements("insert into tally.session") == 1);
        CHECK(strcmp(testkit_parameter("insert into tally.session", 2), "7000") == 0);
        testkit_expect("insert into tally.session", BB_E_UNAVAILABLE, NULL, 0, 0);
        CHECK(testkit_event("session.ended", "s2", large) == BB_E_UNAVAILABLE); /* busbard will try again */
        CHECK(testkit_event("cdr.created", "s2", "{}") == BB_E_NOT_FOUND);
}

static void a_station_is_read(void)
{
        const char *const row[] = {"3", "12000"};
        struct testkit_answer answer;

        testkit_expect("from tally.session", BB_OK, row, 1, 2);
        answer = testkit_request("GET", "/v1/tally/A", NULL);
        CHECK(answer.status == 200);
        CHECK(strcmp(answer.body, "{\"station_id\":\"A\",\"sessions\":3,\"energy_wh\":12000}") == 0);
}

static void old_sessions_are_forgotten(void)
{
        const char *const three[] = {NULL, NULL, NULL};
        struct testkit_answer answer = testkit_request("POST", "/v1/tally-forgettings", "{\"before\":\"yesterday\"}");
        struct testkit_job_answer job;

        CHECK(answer.status == 422 && strstr(answer.body, "/before") != NULL);
        answer = testkit_request("POST", "/v1/tally-forgettings", "{\"before\":\"2026-01-01T00:00:00Z\"}");
        CHECK(answer.status == 202 && strstr(answer.body, "job_id") != NULL);
        CHECK(strcmp(testkit_parameter("-- job", 0), "tally.forget") == 0);
        CHECK(strcmp(testkit_parameter("-- audit", 0), "key:testkit") == 0);

        testkit_expect("delete from tally.session", BB_OK, three, 3, 1);
        job = testkit_job("tally.forget", testkit_parameter("-- job", 2));
        CHECK(job.err == BB_OK && job.done == 3 && strcmp(job.result, "{\"forgotten\":3}") == 0);
        CHECK(testkit_statements("delete from tally.session") == 2);
}

int main(void)
{
        CHECK(testkit_load("./tally.so", "{\"min_energy_wh\":-1}") == BB_E_INVALID);
        testkit_unload();
        CHECK(testkit_load("./tally.so", "{\"min_energy_wh\":100}") == BB_OK);
        CHECK(testkit_logged("tally.start"));
        sessions_are_counted();
        a_station_is_read();
        old_sessions_are_forgotten();
        testkit_unload();
        puts("tally: fine");
        return 0;
}
