/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation listener: alive, ready, numbers, and nothing else.
 */
#include "net_world.h"

static int is_ready = 1;

static int32_t ready(bb_str *ret_why)
{
        *ret_why = is_ready ? BB_NONE : BB_STR("{\"database\":\"connecting\"}");
        return is_ready;
}

static const struct health_world health = {.ready = ready};

static void alive_while_the_loop_turns(void **state)
{
        (void)state;
        assert_int_equal(ask("GET", "/livez", NULL, NULL), 200);
        is_ready = 0;
        assert_int_equal(ask("GET", "/livez", NULL, NULL), 200);
        is_ready = 1;
}

static void ready_or_why_not(void **state)
{
        (void)state;
        assert_int_equal(ask("GET", "/readyz", NULL, NULL), 200);
        assert_body("{\"ready\":true,\"state\":{}}");
        is_ready = 0;
        assert_int_equal(ask("GET", "/readyz?verbose=1", NULL, NULL), 503);
        assert_body("{\"ready\":false,\"state\":{\"database\":\"connecting\"}}");
        assert_str(reply_header("content-type"), "application/json");
        is_ready = 1;
        assert_int_equal(ask("HEAD", "/readyz", NULL, NULL), 200);
        assert_int_equal(last.body.len, 0);
}

static void numbers_in_the_text_format(void **state)
{
        (void)state;
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "test_total", "A test.", bb_kv_cstr("what", "this")), 3);
        assert_int_equal(ask("GET", "/metrics", NULL, NULL), 200);
        assert_true(str_starts(reply_header("content-type"), BB_STR("text/plain; version=0.0.4")));
        assert_non_null(strstr(last.body.ptr, "# TYPE test_total counter"));
        assert_non_null(strstr(last.body.ptr, "test_total{what=\"this\"} 3"));
}

static void all_else_is_nothing(void **state)
{
        static const char *const targets[] = {"/", "/livez/", "/v1/openapi.json", "/t/nord/livez", "/METRICS"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(targets); i++) {
                assert_int_equal(ask("GET", targets[i], NULL, NULL), 404);
                assert_str(body_member("code"), "not-found");
        }
        assert_int_equal(ask("POST", "/livez", NULL, "x"), 405);
        assert_str(reply_header("allow"), "GET, HEAD");
}

static int start(void **state)
{
        (void)state;
        world_start(health_service(&health));
        return 0;
}

static int stop(void **state)
{
        (void)state;
        buf_free(&last.bytes);
        world_stop();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(alive_while_the_loop_turns),
                cmocka_unit_test(ready_or_why_not),
                cmocka_unit_test(numbers_in_the_text_format),
                cmocka_unit_test(all_else_is_nothing),
        };

        return cmocka_run_group_tests_name("net_health", tests, start, stop);
}
