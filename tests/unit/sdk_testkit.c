/* SPDX-License-Identifier: Apache-2.0
 *
 * The testkit, with the identity plugin as its guest: what a third party's own tests would rely on.
 * test-libs: libbbtestkit.a
 * test-includes: sdk/testkit
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "testkit.h"

static void plugin_path(char *ret, size_t room)
{
        const char *build = getenv("BUILDDIR");

        snprintf(ret, room, "%s/.libs/identity.so", build != NULL ? build : ".");
}

static void start_inserts_the_bootstrap_key(void **state)
{
        char path[512];

        (void)state;
        plugin_path(path, sizeof(path));
        assert_int_equal(
                testkit_load(path,
                             "{\"bootstrap_key\":\"bb_live_abcdefabcdef_0123456789012345678901234567890123456789\"}"),
                BB_OK);
        assert_int_equal(testkit_statements("insert into identity.api_key"), 1);
        assert_string_equal(testkit_parameter("insert into identity.api_key", 0), "abcdefabcdef");
        assert_non_null(testkit_provided("auth/1"));
        assert_null(testkit_provided("auth/2"));
}

static void a_route_answers_from_the_rows_expected(void **state)
{
        const char *const row[] = {"abcdefabcdef", "reader", "stations:read", "2026-01-01T00:00:00Z", NULL, NULL,
                                   NULL,           NULL};
        struct testkit_answer answer;

        (void)state;
        testkit_expect("from identity.api_key", BB_OK, row, 1, 8);
        answer = testkit_request("GET", "/v1/api-keys?limit=5", NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body,
                            "{\"items\":[{\"id\":\"abcdefabcdef\",\"name\":\"reader\",\"scopes\":[\"stations:read\"],"
                            "\"created_at\":\"2026-01-01T00:00:00.000Z\"}]}");
        assert_string_equal(testkit_parameter("from identity.api_key", 1), "5");
}

static void faults_and_errors_reach_the_answer(void **state)
{
        struct testkit_answer answer;

        (void)state;
        answer = testkit_request("POST", "/v1/api-keys", "{\"name\":\"x\"}");
        assert_int_equal(answer.status, 422);
        assert_non_null(strstr(answer.body, "/scopes"));
        testkit_expect("from identity.api_key", BB_E_UNAVAILABLE, NULL, 0, 0);
        assert_int_equal(testkit_request("GET", "/v1/api-keys", NULL).status, 503);
        assert_int_equal(testkit_request("GET", "/v1/nothing", NULL).status, 404);
        assert_int_equal(testkit_request("DELETE", "/v1/api-keys/nobody", NULL).status, 404);
}

static void a_new_key_is_stored_as_a_mac(void **state)
{
        struct testkit_answer answer;

        (void)state;
        answer = testkit_request("POST", "/v1/api-keys", "{\"name\":\"x\",\"scopes\":[\"a:b\"]}");
        assert_int_equal(answer.status, 201);
        assert_non_null(strstr(answer.body, "\"key\":\"bb_live_"));
        assert_string_equal(testkit_parameter("insert into identity.api_key", 1), "x");
}

static void unload_leaves_nothing(void **state)
{
        (void)state;
        testkit_unload();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(start_inserts_the_bootstrap_key),
                cmocka_unit_test(a_route_answers_from_the_rows_expected),
                cmocka_unit_test(faults_and_errors_reach_the_answer),
                cmocka_unit_test(a_new_key_is_stored_as_a_mac),
                cmocka_unit_test(unload_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
