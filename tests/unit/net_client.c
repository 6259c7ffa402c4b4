/* SPDX-License-Identifier: Apache-2.0
 *
 * Outbound requests against a server in the same process: what goes out, what comes back, limits, time, cancelling, and
 * what URLs of strangers may not do.
 */
#include "base/time.h"
#include "net/client.h"
#include "net_world.h"

/* --- the other side --- */

static char seen[4096]; /* the last request as the server got it */
static int served;

static void serve_echo(struct http_request *req)
{
        struct buf b = {.ptr = NULL};

        buf_print(&b, "%.*s %.*s|%.*s", BB_FMT(req->method), BB_FMT(req->target), BB_FMT(req->body));
        for (size_t i = 0; i < req->header_count; i++)
                buf_print(&b, "|%.*s=%.*s", BB_FMT(req->headers[i].name), BB_FMT(req->headers[i].value));
        buf_add_char(&b, '\0');
        snprintf(seen, sizeof(seen), "%s", b.ptr);
        buf_free(&b);
        http_reply(req, 200, (const struct bb_http_header[]){{BB_STR("X-Mixed-Case"), BB_STR(" value ")}}, 1,
                   BB_STR("echoed"));
}

static BB_AWAIT void serve(struct http_request *req, void *arg)
{
        struct bb_http_header location = {BB_STR("Location"), BB_STR("/echo?redirected")};
        char *big;

        (void)arg;
        served++;
        if (str_starts(req->target, BB_STR("/echo"))) {
                serve_echo(req);
        } else if (bb_str_is(req->target, "/redirect")) {
                http_reply(req, 302, &location, 1, BB_STR("moved"));
        } else if (bb_str_is(req->target, "/loop")) {
                location.value = BB_STR("/loop");
                http_reply(req, 302, &location, 1, BB_STR(""));
        } else if (bb_str_is(req->target, "/slow")) {
                bb_sleep(3000);
                http_reply(req, 200, NULL, 0, BB_STR("late"));
        } else if (bb_str_is(req->target, "/big")) {
                big = bb_alloc(100000);
                memset(big, 'x', 100000);
                http_reply(req, 200, NULL, 0, (bb_str){big, 100000});
        } else if (bb_str_is(req->target, "/stream")) {
                http_reply_begin(req, 200, NULL, 0, -1);
                for (int i = 0; i < 1000; i++)
                        if (http_reply_write(req, BB_STR("0123456789012345678901234567890123456789")) < 0)
                                break;
                http_reply_end(req, 1);
        } else {
                http_reply(req, 404, NULL, 0, BB_STR("no"));
        }
}

static void plan(struct http_request *req, struct http_plan *ret, void *arg)
{
        (void)req;
        (void)arg;
        ret->max_body = 1024 * 1024;
}

static void error_body(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body, void *arg)
{
        (void)status;
        (void)code;
        (void)arg;
        *ret_type = BB_STR("text/plain");
        *ret_body = detail;
}

static const struct http_service service = {.plan = plan, .handle = serve, .error_body = error_body};

/* --- our side: one fetch in a task of its own --- */

struct attempt {
        struct bb_fetch request;
        bb_err err;
        int32_t status;
        char body[256], header[64];
        size_t body_len;
        int over;
};

static BB_AWAIT void attempt_run(void *arg)
{
        struct bb_fetch_answer answer = {.size = sizeof(answer)};
        struct attempt *a = arg;

        a->err = bb_fetch(&a->request, &answer);
        a->status = answer.status;
        a->body_len = answer.body.len;
        snprintf(a->body, sizeof(a->body), "%.*s", answer.body.len < 250 ? (int)answer.body.len : 250,
                 answer.body.len > 0 ? answer.body.ptr : "");
        for (size_t i = 0; i < answer.header_count; i++)
                if (bb_str_is(answer.headers[i].name, "x-mixed-case"))
                        snprintf(a->header, sizeof(a->header), "%.*s", BB_FMT(answer.headers[i].value));
        a->over = 1;
}

static bb_str local_url(const char *path)
{
        static char url[256];

        snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", world_port, path);
        return bb_cstr(url);
}

static bb_task_id begin(struct attempt *a, bb_str url)
{
        bb_task_id id = 0;

        a->request.size = sizeof(a->request);
        a->request.url = url;
        assert_int_equal(bb_task_spawn("test.fetch", NULL, 0, attempt_run, a, &id), BB_OK);
        return id;
}

static void finish(const struct attempt *a)
{
        for (int i = 0; i < 2000 && !a->over; i++)
                loop_turn(5);
        assert_true(a->over);
        assert_int_equal(client_count(), 0);
}

static bb_err fetch(struct attempt *a, bb_str url)
{
        begin(a, url);
        finish(a);
        return a->err;
}

/* --- what goes out and what comes back --- */

static void a_get_brings_status_headers_and_body(void **state)
{
        struct attempt a = {.request = {.method = "GET"}}, none = {.request = {.method = NULL}};

        (void)state;
        assert_int_equal(fetch(&a, local_url("/echo?x=1")), BB_OK);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "echoed");
        assert_string_equal(a.header, "value");
        assert_true(strncmp(seen, "GET /echo?x=1||", 15) == 0);
        assert_int_equal(fetch(&none, local_url("/nothing")), BB_OK);
        assert_int_equal(none.status, 404);
        assert_string_equal(none.body, "no");
}

static void methods_headers_and_bodies_go_out_as_given(void **state)
{
        static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
        const struct bb_http_header headers[] = {{BB_STR("Content-Type"), BB_STR("application/json")},
                                                 {BB_STR("X-Empty"), BB_STR("")}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(methods); i++) {
                struct attempt a = {.request = {.method = methods[i],
                                                .headers = headers,
                                                .header_count = 2,
                                                .body = BB_STR("{\"a\":1}")}};

                assert_int_equal(fetch(&a, local_url("/echo")), BB_OK);
                assert_non_null(strstr(seen, bb_print("%s /echo|{\"a\":1}|", methods[i]).ptr));
                assert_non_null(strstr(seen, "|content-type=application/json"));
                assert_non_null(strstr(seen, "|x-empty=|"));
                assert_null(strstr(seen, "expect="));
        }
        struct attempt empty = {.request = {.method = "POST"}};
        assert_int_equal(fetch(&empty, local_url("/echo")), BB_OK);
        assert_non_null(strstr(seen, "|content-length=0"));
        assert_null(strstr(seen, "content-type"));
        struct attempt head = {.request = {.method = "HEAD"}};
        assert_int_equal(fetch(&head, local_url("/big")), BB_OK);
        assert_int_equal(head.status, 200);
        assert_int_equal(head.body_len, 0);
}

static void what_is_ill_formed_never_leaves(void **state)
{
        static const struct bb_http_header bad[] = {{BB_STR("X-A"), BB_STR("1\r\nX-B: 2")},
                                                    {BB_STR("X-A\n"), BB_STR("1")},
                                                    {BB_STR("X:A"), BB_STR("1")},
                                                    {BB_STR(""), BB_STR("1")}};
        static const char *const methods[] = {"GET / HTTP/1.1\r\n", "get", "", "G T"};
        int before = served;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                struct attempt a = {.request = {.method = "GET", .headers = &bad[i], .header_count = 1}};

                assert_int_equal(fetch(&a, local_url("/echo")), BB_E_INVALID);
        }
        for (size_t i = 0; i < BB_COUNT(methods); i++) {
                struct attempt a = {.request = {.method = methods[i]}};

                assert_int_equal(fetch(&a, local_url("/echo")), BB_E_INVALID);
        }
        static const char *const urls[] = {
                "",        "ftp://127.0.0.1/", "file:///etc/passwd",    "/echo",
                "http://", "http://a b/",      "http://u:p@127.0.0.1/", "gopher://127.0.0.1/"};
        for (size_t i = 0; i < BB_COUNT(urls); i++) {
                struct attempt a = {.request = {.method = "GET"}};

                assert_int_equal(fetch(&a, bb_cstr(urls[i])), BB_E_INVALID);
        }
        assert_int_equal(served, before);
}

static void redirects_are_followed_for_reads_up_to_a_limit(void **state)
{
        struct attempt get = {.request = {.method = "GET"}}, post = {.request = {.method = "POST"}},
                       loop = {.request = {.method = "GET"}};

        (void)state;
        assert_int_equal(fetch(&get, local_url("/redirect")), BB_OK);
        assert_string_equal(get.body, "echoed");
        assert_int_equal(fetch(&post, local_url("/redirect")), BB_OK);
        assert_int_equal(post.status, 302);
        served = 0;
        assert_int_equal(fetch(&loop, local_url("/loop")), BB_E_PROTOCOL);
        assert_int_equal(served, 6);
}

/* --- limits, time, cancelling --- */

static void a_long_answer_is_cut_off(void **state)
{
        struct attempt fits = {.request = {.method = "GET", .max_answer = 100000}},
                       known = {.request = {.method = "GET", .max_answer = 99999}},
                       streamed = {.request = {.method = "GET", .max_answer = 39999}};

        (void)state;
        assert_int_equal(fetch(&fits, local_url("/big")), BB_OK);
        assert_int_equal(fits.body_len, 100000);
        assert_int_equal(fetch(&known, local_url("/big")), BB_E_LIMIT);
        assert_int_equal(fetch(&streamed, local_url("/stream")), BB_E_LIMIT);
}

static void time_runs_out(void **state)
{
        struct attempt a = {.request = {.method = "GET", .timeout_ms = 100}};
        int64_t start = time_mono_ms();

        (void)state;
        assert_int_equal(fetch(&a, local_url("/slow")), BB_E_TIMEOUT);
        assert_true(time_mono_ms() - start < 2000);
}

static void a_cancelled_task_leaves_nothing_behind(void **state)
{
        struct attempt a = {.request = {.method = "GET"}}, after = {.request = {.method = "GET"}};
        bb_task_id id = begin(&a, local_url("/slow"));

        (void)state;
        for (int i = 0; i < 20; i++)
                loop_turn(5);
        assert_int_equal(client_count(), 1);
        bb_task_cancel(id);
        finish(&a);
        assert_int_equal(a.err, BB_E_CANCELED);
        assert_int_equal(fetch(&after, local_url("/echo")), BB_OK);
}

static void nobody_there_is_unavailable(void **state)
{
        struct attempt a = {.request = {.method = "GET"}}, name = {.request = {.method = "GET"}};

        (void)state;
        assert_int_equal(fetch(&a, BB_STR("http://127.0.0.1:1/")), BB_E_UNAVAILABLE);
        assert_int_equal(fetch(&name, BB_STR("http://no-such-host.invalid/")), BB_E_UNAVAILABLE);
}

static void many_at_once(void **state)
{
        static struct attempt many[50];
        static char url[256];

        (void)state;
        memset(many, 0, sizeof(many));
        snprintf(url, sizeof(url), "%.*s", BB_FMT(local_url("/echo")));
        for (size_t i = 0; i < BB_COUNT(many); i++)
                begin(&many[i], bb_cstr(url));
        for (int i = 0; i < 1000 && (client_count() > 0 || !many[0].over); i++)
                loop_turn(5);
        for (size_t i = 0; i < BB_COUNT(many); i++) {
                assert_int_equal(many[i].err, BB_OK);
                assert_string_equal(many[i].body, "echoed");
        }
}

/* --- strangers --- */

static void a_stranger_reaches_public_addresses_only(void **state)
{
        static const char *const refused[] = {"https://10.0.0.1/",
                                              "https://169.254.169.254/latest/meta-data",
                                              "https://192.168.1.1:8443/",
                                              "https://[fe80::1]/",
                                              "https://[fd00:ec2::254]/",
                                              "https://[::ffff:10.0.0.1]/",
                                              "https://[64:ff9b::a00:1]/",
                                              "https://0.0.0.0/",
                                              "https://167772161/",
                                              "https://0xa000001/",
                                              "https://012.0.0.1/",
                                              "https://10.1/",
                                              "http://9.9.9.9/" /* not https: refused before anything is sent */};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(refused); i++) {
                struct attempt a = {.request = {.method = "GET", .flags = BB_FETCH_FOREIGN}};

                if (fetch(&a, bb_cstr(refused[i])) != BB_E_DENIED)
                        fail_msg("%s: %s", refused[i], bb_err_text(a.err));
        }
        struct attempt unknown = {.request = {.method = "GET", .flags = BB_FETCH_FOREIGN}};
        assert_int_equal(fetch(&unknown, BB_STR("https://no-such-host.invalid/")), BB_E_UNAVAILABLE);
}

/* BUSBAR_TEST_ALLOW_LOOPBACK lets us see the rest of the way. */
static void a_stranger_is_not_redirected(void **state)
{
        struct attempt a = {.request = {.method = "GET", .flags = BB_FETCH_FOREIGN}},
                       r = {.request = {.method = "GET", .flags = BB_FETCH_FOREIGN}};

        (void)state;
        assert_int_equal(fetch(&a, bb_print("http://localhost:%d/echo", world_port)), BB_OK);
        assert_string_equal(a.body, "echoed");
        assert_non_null(strstr(seen, bb_print("host=localhost:%d", world_port).ptr));
        assert_int_equal(fetch(&r, local_url("/redirect")), BB_OK);
        assert_int_equal(r.status, 302);
}

static int start(void **state)
{
        (void)state;
        setenv("BUSBAR_TEST_ALLOW_LOOPBACK", "1", 1);
        world_start(&service);
        log_set_level(BB_ERROR);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        client_close();
        world_stop();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_get_brings_status_headers_and_body),
                cmocka_unit_test(methods_headers_and_bodies_go_out_as_given),
                cmocka_unit_test(what_is_ill_formed_never_leaves),
                cmocka_unit_test(redirects_are_followed_for_reads_up_to_a_limit),
                cmocka_unit_test(a_long_answer_is_cut_off),
                cmocka_unit_test(time_runs_out),
                cmocka_unit_test(a_cancelled_task_leaves_nothing_behind),
                cmocka_unit_test(nobody_there_is_unavailable),
                cmocka_unit_test(many_at_once),
                cmocka_unit_test(a_stranger_reaches_public_addresses_only),
                cmocka_unit_test(a_stranger_is_not_redirected),
        };

        return cmocka_run_group_tests_name("net_client", tests, start, stop);
}
