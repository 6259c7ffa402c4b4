/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines, what must not stand in them, and metrics.
 */
#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

static char last[64 * 1024];
static int lines;

static void keep_line(bb_str line, void *arg)
{
        (void)arg;
        lines++;
        assert_true(line.len < sizeof(last));
        memcpy(last, line.ptr, line.len);
        last[line.len] = '\0';
}

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        lines = 0;
        log_set_level(BB_INFO);
        log_capture(keep_line, NULL);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        log_capture(NULL, NULL);
        log_set_context_source(NULL);
        log_set_plugin_namer(NULL);
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static json_t *last_line(void)
{
        json_t *line = json_loads(last, JSON_REJECT_DUPLICATES, NULL);

        if (line == NULL)
                fail_msg("no JSON: %s", last);
        return line;
}

static void assert_member(const json_t *line, const char *name, const char *expected)
{
        const char *value = json_string_value(json_object_get(line, name));

        if (value == NULL)
                fail_msg("no %s in %s", name, last);
        assert_string_equal(value, expected);
}

static void context(struct log_context *ret)
{
        *ret = (struct log_context){.tenant = "nordlicht", .task = "ocpp16.call"};
}

static const char *plugin_name(const bb_plugin_ref *who)
{
        (void)who;
        return "ocpp16";
}

static void a_line_has_its_parts(void **state)
{
        int plugin;
        json_t *line;
        (void)state;

        log_set_context_source(context);
        log_set_plugin_namer(plugin_name);
        bb_self_ = (bb_plugin_ref *)(void *)&plugin;
        bb_log(BB_WARN, "station.rejected", "unknown \"station\"\n", bb_kv_str("station", BB_STR("CP\x01\xff")),
               bb_kv_int("count", -7), bb_kv_err(BB_E_TIMEOUT), bb_kv_cstr("none", NULL));
        bb_self_ = NULL;
        line = last_line();
        assert_member(line, "level", "warn");
        assert_member(line, "event", "station.rejected");
        assert_member(line, "text", "unknown \"station\"\n");
        assert_member(line, "tenant", "nordlicht");
        assert_member(line, "task", "ocpp16.call");
        assert_member(line, "plugin", "ocpp16");
        assert_member(line, "error", "timed out");
        assert_true(json_is_null(json_object_get(line, "none")));
        assert_int_equal(json_integer_value(json_object_get(line, "count")), -7);
        assert_int_equal(json_string_length(json_object_get(line, "ts")), 24);
        assert_non_null(strstr(last, "CP"));
        assert_null(strchr(last, '\n'));
        json_decref(line);
}

static void a_field_wins_over_the_context(void **state)
{
        json_t *line;
        (void)state;

        log_set_context_source(context);
        bb_log(BB_INFO, "tenant.start", NULL, bb_kv_cstr("tenant", "other"), bb_kv_cstr("level", "high"),
               bb_kv_cstr("text", "x"));
        line = last_line(); /* which refuses duplicates */
        assert_member(line, "tenant", "other");
        assert_member(line, "level", "info");
        assert_member(line, "field_level", "high");
        assert_member(line, "field_text", "x");
        json_decref(line);
}

static void levels_are_sifted(void **state)
{
        (void)state;
        bb_log(BB_DEBUG, "a.b", NULL);
        assert_int_equal(lines, 0);
        log_set_level(BB_DEBUG);
        bb_log(BB_DEBUG, "a.b", NULL);
        assert_int_equal(lines, 1);
        log_set_level(BB_ERROR);
        bb_log(BB_WARN, "a.b", NULL);
        assert_int_equal(lines, 1);
}

static void secret_fields_are_masked(void **state)
{
        static const char *const secret[] = {"password",      "db_password",      "Authorization",
                                             "client_secret", "api_key",          "access_token",
                                             "key",           "AuthorizationKey", "set-cookie"};
        static const char *const shown[] = {"key_id", "token_uid", "idTag", "station", "token_count", "remote"};
        (void)state;

        for (size_t i = 0; i < BB_COUNT(secret); i++) {
                bb_log(BB_INFO, "x", NULL, bb_kv_cstr(secret[i], "hunter2"));
                assert_null(strstr(last, "hunter2"));
                assert_non_null(strstr(last, "\"***\""));
                bb_log(BB_INFO, "x", NULL, bb_kv_int(secret[i], 4711));
                assert_null(strstr(last, "4711"));
        }
        for (size_t i = 0; i < BB_COUNT(shown); i++) {
                bb_log(BB_INFO, "x", NULL, bb_kv_cstr(shown[i], "hunter2"));
                assert_non_null(strstr(last, "hunter2"));
        }
        bb_log(BB_INFO, "x", NULL, (struct bb_kv){.name = "pin", .kind = BB_KV_SECRET, .str = BB_STR("hunter2")});
        assert_null(strstr(last, "hunter2"));
        bb_log(BB_INFO, "x", "cannot reach postgres://busbar:hunter2@db/x", bb_kv_cstr("url", "https://a:hunter2@b/"));
        assert_null(strstr(last, "hunter2"));
}

static void long_texts_are_cut(void **state)
{
        char *text = heap_new(300000);
        json_t *line;
        (void)state;

        memset(text, 'x', 299999);
        bb_log(BB_INFO, "x", text, bb_kv_cstr("more", text));
        line = last_line();
        assert_in_range(strlen(last), 16000, 18000);
        json_decref(line);
        free(text);
}

static void a_line_is_one_write(void **state)
{
        char read_back[512];
        int ends[2];
        ssize_t n;
        (void)state;

        log_capture(NULL, NULL);
        assert_int_equal(pipe(ends), 0);
        log_set_fd(ends[1]);
        bb_log(BB_INFO, "a.b", "c");
        n = read(ends[0], read_back, sizeof(read_back) - 1);
        assert_true(n > 0);
        read_back[n] = '\0';
        assert_int_equal(read_back[0], '{');
        assert_string_equal(strchr(read_back, '}'), "}\n");
        log_set_fd(STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
}

static void *log_a_lot(void *arg)
{
        for (int i = 0; i < 200; i++)
                bb_log(BB_INFO, "thread.line", "password=x", bb_kv_int("number", i), bb_kv_cstr("who", arg));
        return NULL;
}

static void count_good_lines(bb_str line, void *arg)
{
        json_t *j = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);

        *(int *)arg += j != NULL;
        json_decref(j);
}

static void threads_do_not_mix_their_lines(void **state)
{
        pthread_t threads[4];
        int good = 0;
        (void)state;

        log_capture(count_good_lines, &good);
        for (size_t i = 0; i < BB_COUNT(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_a_lot, NULL), 0);
        for (size_t i = 0; i < BB_COUNT(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(good, 800);
}

static void free_text_is_masked(void **state)
{
        static const char *const texts[][2] = {
                {"nothing here", "nothing here"},
                {"", ""},
                {"postgres://busbar:s3cret@db:5432/busbar", "postgres://busbar:***@db:5432/busbar"},
                {"wss://cp1:p:w@d@host/ocpp/cp1 and http://plain/x", "wss://cp1:***@host/ocpp/cp1 and http://plain/x"},
                {"http://user@host/", "http://user@host/"},
                {"see http://host:80/a?mail=x@y", "see http://host:80/a?mail=x@y"},
                {"GET / HTTP/1.1\r\nAuthorization: Basic Y3AxOng=\r\nHost: x",
                 "GET / HTTP/1.1\r\nAuthorization: ***\r\nHost: x"},
                {"authorization:Digest username=\"x\", response=\"y\"", "authorization:***"},
                {"Proxy-Authorization: Basic abc", "Proxy-Authorization: ***"},
                {"Cookie: session=1; b=2\nX: y", "Cookie: ***\nX: y"},
                {"got Bearer abcdefghijklmnop.qrs-t", "got Bearer ***"},
                {"Basic authentication is needed", "Basic authentication is needed"},
                {"host=db password=s3cret user=x", "host=db password=*** user=x"},
                {"host=db password='s3 \\'cret' user=x", "host=db password='***' user=x"},
                {"/cb?access_token=abc&state=1", "/cb?access_token=***&state=1"},
                {"wrong password: must be 20 characters", "wrong password: must be 20 characters"},
                {"{\"password\":\"a\\\"b\",\"id\":\"x\"}", "{\"password\":\"***\",\"id\":\"x\"}"},
                {"{ \"Password\" : \"a\" }", "{ \"Password\" : \"***\" }"},
                {"{\"password\":1234,\"has_password\":true}", "{\"password\":***,\"has_password\":true}"},
                {"{\"password\":null,\"AuthorizationKey\":\"k\"}", "{\"password\":null,\"AuthorizationKey\":\"***\"}"},
                {"{\"idToken\":\"A1\",\"idTag\":\"B2\",\"token_uid\":\"C3\"}",
                 "{\"idToken\":\"A1\",\"idTag\":\"B2\",\"token_uid\":\"C3\"}"},
                {"{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}",
                 "{\"key\":\"HeartbeatInterval\",\"value\":\"60\"}"},
                {"[2,\"1\",\"ChangeConfiguration\",{\"key\":\"AuthorizationKey\",\"value\":\"0011\"}]",
                 "[2,\"1\",\"ChangeConfiguration\",{\"key\":\"AuthorizationKey\",\"value\":\"***\"}]"},
                {"{\"value\":\"a{\\\"}b\",\"key\":\"authorizationkey\"}",
                 "{\"value\":\"***\",\"key\":\"authorizationkey\"}"},
                {"{\"configurationKey\":[{\"key\":\"A\",\"readonly\":false,\"value\":\"1\"},"
                 "{\"key\" : \"AuthorizationKey\", \"readonly\" : false, \"value\" : \"x\"},"
                 "{\"key\":\"B\",\"value\":\"2\"}]}",
                 "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":false,\"value\":\"1\"},"
                 "{\"key\" : \"AuthorizationKey\", \"readonly\" : false, \"value\" : \"***\"},"
                 "{\"key\":\"B\",\"value\":\"2\"}]}"},
                {"a \"stray quote {\"value\":\"x\",\"key\":\"AuthorizationKey\"}",
                 "a \"stray quote {\"value\":\"***\",\"key\":\"AuthorizationKey\"}"},
                {"{\"data\":\"{\\\"password\\\":\\\"x\\\",\\\"y\\\":1}\"}",
                 "{\"data\":\"{\\\"password\\\":\\\"***\\\",\\\"y\\\":1}\"}"},
                {"{\"data\":\"{\\\"value\\\":\\\"x\\\",\\\"key\\\":\\\"AuthorizationKey\\\"}\"}",
                 "{\"data\":\"{\\\"value\\\":\\\"***\\\",\\\"key\\\":\\\"AuthorizationKey\\\"}\"}"},
                {"{\"key\":[\"AuthorizationKey\",\"HeartbeatInterval\"]}",
                 "{\"key\":[\"AuthorizationKey\",\"HeartbeatInterval\"]}"},
                {"{\"password\":\"cut off", "{\"password\":\"***"},
                {"\"key\":\"AuthorizationKey\",\"value\":\"x", "\"key\":\"AuthorizationKey\",\"value\":\"***"},
        };
        (void)state;

        for (size_t i = 0; i < BB_COUNT(texts); i++)
                assert_string_equal(log_mask(bb_cstr(texts[i][0])).ptr, texts[i][1]);
        assert_null(log_mask(BB_NONE).ptr);
}

/* Every cut of a message with secrets: the mask must not read beyond its end, nor show more than the cut held. */
static void half_messages_do_no_harm(void **state)
{
        bb_str whole =
                BB_STR("x {\"value\":\"p\\\\\",\"key\":\"AuthorizationKey\",\"o\":\"{\\\"secret\\\":\\\"q\\\"}\"} "
                       "https://a:b@c password='d' Authorization: e Bearer ");
        (void)state;

        for (size_t from = 0; from < whole.len; from++) {
                for (size_t len = 0; from + len <= whole.len; len++) {
                        bb_str cut = arena_str(arena_current, str_sub(whole, from, len));

                        assert_true(log_mask(cut).len <= len + 3 * 12);
                }
                arena_reset(arena_current);
        }
}

static struct buf rendered;

static const char *render(void)
{
        rendered.len = 0;
        metrics_render(&rendered);
        buf_add_char(&rendered, '\0');
        return rendered.ptr;
}

static void assert_rendered(const char *expected)
{
        const char *all = render();

        if (strstr(all, expected) == NULL)
                fail_msg("missing:\n%s\nin:\n%s", expected, all);
}

static void metrics_are_rendered(void **state)
{
        bb_metric *heartbeats, *open, *seconds;
        (void)state;

        open = bb_metric_get(BB_METRIC_GAUGE, "zz_open", "Open\\ ones,\nnow.");
        bb_metric_set(open, 3);
        bb_metric_add(open, -1.5);
        heartbeats = bb_metric_get(BB_METRIC_COUNTER, "ocpp_messages_total", "Messages.",
                                   bb_kv_cstr("action", "Heartbeat"), bb_kv_cstr("odd", "a\"b\\c\nd"));
        bb_metric_add(heartbeats, 1);
        bb_metric_add(heartbeats, 2);
        bb_metric_add(heartbeats, -5);
        assert_ptr_equal(bb_metric_get(BB_METRIC_COUNTER, "ocpp_messages_total", "Messages.",
                                       bb_kv_cstr("action", "Heartbeat"), bb_kv_cstr("odd", "a\"b\\c\nd")),
                         heartbeats);
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "ocpp_messages_total", "Messages.", bb_kv_cstr("action", "Boot"),
                                    bb_kv_cstr("odd", "")),
                      1e15);
        assert_rendered("# HELP ocpp_messages_total Messages.\n# TYPE ocpp_messages_total counter\n"
                        "ocpp_messages_total{action=\"Boot\",odd=\"\"} 1e+15\n"
                        "ocpp_messages_total{action=\"Heartbeat\",odd=\"a\\\"b\\\\c\\nd\"} 3\n");
        assert_rendered("# HELP zz_open Open\\\\ ones,\\nnow.\n# TYPE zz_open gauge\nzz_open 1.5\n");
        seconds = bb_metric_get(BB_METRIC_HISTOGRAM, "call_seconds", "How long.", bb_kv_cstr("a", "b"));
        bb_metric_set(seconds, 0.001);
        bb_metric_set(seconds, 0.3);
        bb_metric_set(seconds, 100);
        assert_rendered("# TYPE call_seconds histogram\ncall_seconds_bucket{a=\"b\",le=\"0.001\"} 1\n");
        assert_rendered("call_seconds_bucket{a=\"b\",le=\"0.25\"} 1\ncall_seconds_bucket{a=\"b\",le=\"0.5\"} 2\n");
        assert_rendered("call_seconds_bucket{a=\"b\",le=\"30\"} 2\ncall_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
                        "call_seconds_sum{a=\"b\"} 100.301\ncall_seconds_count{a=\"b\"} 3\n");
        assert_true(strstr(rendered.ptr, "call_seconds") < strstr(rendered.ptr, "ocpp_messages"));
        assert_true(strstr(rendered.ptr, "ocpp_messages") < strstr(rendered.ptr, "zz_open"));
        bb_metric_get(BB_METRIC_COUNTER, "1bad name:x", "h", bb_kv_cstr("la-bel", "v"));
        assert_rendered("\n_bad_name:x{la_bel=\"v\"} 0\n");
}

static void labels_from_outside_are_limited(void **state)
{
        char label[16];
        (void)state;

        for (int i = 0; i < 3000; i++) {
                (void)snprintf(label, sizeof(label), "l%d", i);
                bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "flood_total", "Flood.", bb_kv_cstr("x", label)), 1);
        }
        assert_rendered("flood_total{x=\"other\"} 1000\n");
        assert_int_equal(lines, 1);
        assert_non_null(strstr(last, "metric.labels"));
        buf_free(&rendered);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_line_has_its_parts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_field_wins_over_the_context, set_up, tear_down),
                cmocka_unit_test_setup_teardown(levels_are_sifted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(secret_fields_are_masked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(long_texts_are_cut, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_line_is_one_write, set_up, tear_down),
                cmocka_unit_test_setup_teardown(threads_do_not_mix_their_lines, set_up, tear_down),
                cmocka_unit_test_setup_teardown(free_text_is_masked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(half_messages_do_no_harm, set_up, tear_down),
                cmocka_unit_test_setup_teardown(metrics_are_rendered, set_up, tear_down),
                cmocka_unit_test_setup_teardown(labels_from_outside_are_limited, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("base_log", tests, NULL, NULL);
}
