/* SPDX-License-Identifier: Apache-2.0
 *
 * The router over real sockets: paths, tenants, permissions, parameters, bodies and problems.
 */
#include "net_world.h"

/* --- handlers that tell what reached them --- */

static bb_err tell(bb_request *req, bb_response *res)
{
        bb_json *j = bb_json_new_object();

        bb_json_set_str(j, "path", bb_request_path(req));
        bb_json_set_str(j, "id", bb_request_param(req, "id"));
        bb_json_set_str(j, "rest", bb_request_param(req, "rest"));
        bb_json_set_str(j, "limit", bb_request_query(req, "limit"));
        bb_json_set_str(j, "name", bb_request_query(req, "name"));
        bb_json_set_str(j, "remote", bb_request_remote(req));
        bb_json_set_str(j, "base_url", bb_request_base_url(req));
        bb_json_set_str(j, "actor", bb_request_actor(req));
        bb_json_set_str(j, "x_test", bb_request_header(req, "X-Test"));
        bb_json_set_int(j, "tls", bb_request_is_tls(req));
        bb_response_json(res, j);
        return BB_OK;
}

#define TELLS(handler, word)                                                                                           \
        static bb_err handler(bb_request *req, bb_response *res)                                                       \
        {                                                                                                              \
                (void)req;                                                                                             \
                bb_response_bytes(res, "text/plain", BB_STR(word));                                                    \
                return BB_OK;                                                                                          \
        }
TELLS(tell_literal, "literal")
TELLS(tell_param, "param")
TELLS(tell_rest, "rest")
TELLS(tell_put, "put")

TELLS(tell_catch_all, "catch-all")

/* As handlers do that make an object under the id they were given. */
static bb_err tell_place(bb_request *req, bb_response *res)
{
        bb_response_status(res, 201);
        bb_response_header(
                res, "Location",
                bb_print("%.*s/places/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(bb_request_param(req, "id"))));
        return BB_OK;
}

static bb_err fail_as_asked(bb_request *req, bb_response *res)
{
        int64_t code = 0;

        (void)res;
        TRY(str_to_int(bb_request_param(req, "id"), &code));
        return (bb_err)code;
}

static bb_err fail_in_words(bb_request *req, bb_response *res)
{
        (void)req;
        bb_response_header(res, "Location", BB_STR("/nowhere"));
        bb_problem_field(res, BB_STR("/a/b"), BB_STR("is odd"));
        bb_problem_field(res, BB_STR("/c"), BB_STR("is even"));
        return bb_problem(res, BB_E_CONFLICT, 409, "station-busy", BB_STR("The station is „busy“."));
}

static bb_err bad_headers(bb_request *req, bb_response *res)
{
        (void)req;
        bb_response_header(res, "X-Good", BB_STR("yes"));
        bb_response_header(res, "X-Evil", BB_STR("a\r\nX-Injected: 1"));
        bb_response_header(res, "X Evil", BB_STR("a"));
        bb_response_header(res, "Content-Length", BB_STR("3"));
        bb_response_header(res, "Set-Cookie", BB_STR("a=1"));
        bb_response_header(res, "Set-Cookie", BB_STR("b=2"));
        bb_response_header(res, "X-Good", BB_STR("again"));
        return BB_OK;
}

struct body {
        uint64_t present;
        bb_str name;
        int64_t count;
};

static const struct bb_field body_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct body, name), .max = 5},
        {.name = "count", .type = BB_T_INT, .offset = offsetof(struct body, count), .min = 1, .max = 9},
};
static BB_SHAPE(Body, body, 0, "A body.", body_fields);

static bb_err take_body(bb_request *req, bb_response *res)
{
        struct body body = {.count = 77};

        TRY(bb_request_decode(req, &Body, &body, res));
        bb_response_bytes(res, "text/plain", bb_print("%.*s %d", BB_FMT(body.name), (int)body.count));
        return BB_OK;
}

static bb_err take_raw(bb_request *req, bb_response *res)
{
        bb_response_bytes(res, NULL, bb_request_body(req));
        return BB_OK;
}

static bb_err never(bb_request *req, bb_response *res)
{
        (void)req;
        (void)res;
        fail_msg("a handler was called that should not be");
        return BB_OK;
}

static bb_err nothing(bb_request *req, bb_response *res)
{
        (void)req;
        (void)res;
        return BB_OK;
}

static int closed_with;

static void echo_message(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)user;
        bb_ws_send(ws, kind, bb_print("%.*s from %.*s", BB_FMT(data), BB_FMT(bb_ws_remote(ws))));
}

static void note_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)ws;
        (void)user;
        (void)reason;
        closed_with = code;
}

static const struct bb_ws_handler echo_handler = {
        .size = sizeof(echo_handler), .subprotocol = "test", .on_message = echo_message, .on_close = note_close};

static bb_err take_socket(bb_request *req, bb_response *res)
{
        bb_ws *ws;

        if (bb_str_is(bb_request_param(req, "id"), "unknown"))
                return bb_problem(res, BB_E_NOT_FOUND, 404, "unknown-station", BB_STR("No such station."));
        return http_ops.ws_accept(STATIONS, req, &echo_handler, NULL, &ws);
}

static int cancelled_with;

static bb_err wait_long(bb_request *req, bb_response *res)
{
        (void)req;
        (void)res;
        cancelled_with = bb_sleep(60000);
        return cancelled_with;
}

static const char *const colours[] = {"red", "green", NULL};
static const struct bb_query_param query[] = {
        {.name = "name", .type = BB_T_STR},   {.name = "open", .type = BB_T_BOOL},
        {.name = "since", .type = BB_T_TIME}, {.name = "colour", .type = BB_T_ENUM, .values = colours},
        {.name = "count", .type = BB_T_INT},
};
static const struct bb_query_param needed[] = {{.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED}};

static const struct bb_route station_routes[] = {
        {.method = "GET", .path = "/tell/{id}", .handle = tell},
        {.method = "GET", .path = "/list", .handle = tell, .flags = BB_ROUTE_LIST, BB_QUERY(query)},
        {.method = "GET", .path = "/needed", .handle = tell, BB_QUERY(needed)},
        {.method = "GET", .path = "/m/{id}", .handle = tell_param},
        {.method = "PUT", .path = "/m/{id}", .handle = tell_put},
        {.method = "GET", .path = "/m/literal", .handle = tell_literal},
        {.method = "GET", .path = "/m/{rest...}", .handle = tell_rest},
        {.method = "GET", .path = "/m/deep/{id}/end", .handle = tell_literal},
        {.method = "GET", .path = "/files/{rest...}", .handle = tell},
        {.method = "GET", .path = "/only", .handle = tell_literal},
        {.method = "DELETE", .path = "/only", .handle = nothing},
        {.method = "GET", .path = "/fail/{id}", .handle = fail_as_asked},
        {.method = "GET", .path = "/words", .handle = fail_in_words},
        {.method = "GET", .path = "/headers", .handle = bad_headers},
        {.method = "POST", .path = "/body", .handle = take_body, .request = &Body, .status = 201},
        {.method = "POST", .path = "/late", .handle = take_body},
        {.method = "POST", .path = "/raw", .handle = take_raw, .flags = BB_ROUTE_RAW_BODY, .max_body = 10},
        {.method = "GET", .path = "/secret", .handle = tell, .permission = "stations:read"},
        {.method = "POST", .path = "/secret", .handle = never, .permission = "stations:write", .request = &Body},
        {.method = "GET", .path = "/socket", .handle = never, .flags = BB_ROUTE_WEBSOCKET},
        {.method = "GET", .path = "/socket/{id}", .handle = take_socket, .flags = BB_ROUTE_WEBSOCKET},
        {.method = "GET", .path = "/long", .handle = wait_long},
        {.method = "POST", .path = "/places/{id}", .handle = tell_place, .flags = BB_ROUTE_RAW_BODY},
};

static const struct bb_route export_routes[] = {
        {.method = "GET", .path = "/v1/exports", .handle = tell_literal},
        {.method = "POST", .path = "/only", .handle = tell_literal},
        {.method = "GET", .path = "/tell/exports", .handle = tell_literal},
};

static void export_again(void)
{
        router_remove_plugin(EXPORT);
        assert_int_equal(http_ops.routes(EXPORT, export_routes, BB_COUNT(export_routes), sizeof(export_routes[0])),
                         BB_OK);
}

/* --- paths --- */

static void a_literal_wins_over_a_parameter_and_that_over_the_rest(void **state)
{
        (void)state;
        ask("GET", "/m/literal", NULL, NULL);
        assert_body("literal");
        ask("GET", "/m/other", NULL, NULL);
        assert_body("param");
        ask("GET", "/m/a/b", NULL, NULL);
        assert_body("rest");
        ask("GET", "/m/deep/1/end", NULL, NULL);
        assert_body("literal");
        ask("GET", "/m/deep/1/other", NULL, NULL); /* back out of a branch that led nowhere */
        assert_body("rest");
        ask("PUT", "/m/literal", NULL, NULL); /* the literal has no PUT, the parameter has */
        assert_body("put");
}

static void a_path_is_taken_literally(void **state)
{
        static const char *const unknown[] = {"/only/",     "//only",   "/ONLY",        "/only/x", "/tell/", "/nothing",
                                              "/m/../only", "/tell/..", "/tell/%2e%2E", "/tell/.", "/files", "/"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(unknown); i++) {
                ask("GET", unknown[i], NULL, NULL);
                assert_problem(404, "not-found");
        }
        assert_int_equal(ask("GET", "/%6Fnly", NULL, NULL), 200);
}

static void a_segment_is_decoded_once(void **state)
{
        (void)state;
        assert_int_equal(ask("GET", "/tell/a%2Fb%20%C3%BC%2541+", NULL, NULL), 200);
        assert_str(body_member("id"), "a/b ü%41+");
        ask("GET", "/files/a/b%20c//d", NULL, NULL);
        assert_str(body_member("rest"), "a/b c//d");
        ask("GET", "/files/a%2Fb", NULL, NULL);
        assert_problem(404, "not-found");
        ask("GET", "/files/a/..%2f..%2fetc", NULL, NULL);
        assert_problem(404, "not-found");
}

static void a_bad_escape_is_refused(void **state)
{
        static const char *const bad[] = {"/tell/%00", "/tell/%", "/tell/%4", "/tell/%zz", "/tell/%ff", "/%c3/x"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                ask("GET", bad[i], NULL, NULL);
                assert_problem(400, "invalid-path");
        }
}

static void another_method_says_which_are_allowed(void **state)
{
        (void)state;
        ask("PATCH", "/only", NULL, NULL);
        assert_problem(405, "method-not-allowed");
        assert_non_null(strstr(bb_str_c(reply_header("allow")), "GET, HEAD"));
        assert_non_null(strstr(bb_str_c(reply_header("allow")), "POST"));
        /* This tenant lacks the plugin that has the POST. */
        ask_host("sued.test", "PATCH", "/only", NULL, NULL);
        assert_problem(405, "method-not-allowed");
        assert_null(strstr(bb_str_c(reply_header("allow")), "POST"));
        assert_int_equal(ask_host("sued.test", "OPTIONS", "/only", NULL, NULL), 204);
        assert_non_null(strstr(bb_str_c(reply_header("allow")), "DELETE"));
        assert_int_equal(last.body.len, 0);
}

static void head_is_a_get_without_its_body(void **state)
{
        (void)state;
        assert_int_equal(ask("HEAD", "/only", NULL, NULL), 200);
        assert_str(reply_header("content-length"), "7");
        assert_int_equal(last.body.len, 0);
}

/* --- tenants --- */

static void what_is_not_ours_does_not_exist(void **state)
{
        struct {
                const char *host, *target;
        } cases[] = {{"sued.test", "/v1/exports"},        {"sued.test", "/v1/exports_"},
                     {"other.test", "/v1/exports"},       {"nord.test", "/t/sued/v1/exports"},
                     {"nord.test", "/t/west/v1/exports"}, {"other.test", "/only"},
                     {"nord.test", "/t/west/only"},       {"nord.test", "/t"},
                     {"other.test", "/v1/openapi.json"}};
        char first[512] = "";

        (void)state;
        assert_int_equal(ask("GET", "/v1/exports", NULL, NULL), 200);
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                char *trace;

                ask_host(cases[i].host, "GET", cases[i].target, KEY("*"), NULL);
                assert_problem(404, "not-found");
                trace = strstr(last.body.ptr, "trace_id");
                assert_non_null(trace);
                *trace = '\0';
                if (i == 0)
                        snprintf(first, sizeof(first), "%s", last.body.ptr);
                assert_string_equal(last.body.ptr, first); /* nothing tells which of the reasons it is */
                ask_host(cases[i].host, "DELETE", cases[i].target, NULL, NULL);
                assert_true(last.status == 404);
        }
}

static void a_prefix_wins_over_the_host(void **state)
{
        (void)state;
        assert_int_equal(ask_host("sued.test", "GET", "/t/nord/tell/7", NULL, NULL), 200);
        assert_str(body_member("path"), "/tell/7");
        assert_str(body_member("base_url"), "http://sued.test/t/nord");
        ask_host("other.test:8080", "GET", "/t/sued/tell/7", NULL, NULL);
        assert_str(body_member("base_url"), "https://api.sued.example");
        ask_host("nord.test:8080", "GET", "/tell/7", NULL, NULL);
        assert_str(body_member("base_url"), "http://nord.test:8080");
}

/* Whoever stands in front and lets some tenants through must not be fooled by another spelling. */
static void the_prefix_has_one_spelling(void **state)
{
        static const char *const unknown[] = {
                "/t//only",
                "/t/",
                "/t",
                "/t/nord%2Fonly",
                "/t/nord%2fonly/x",
                "/%74/nord/only",
                "/t/%6eord/only",
                "/t/NORD/only",
                "//t/nord/only",
                "/t/./nord/only",
                "/t/x/../nord/only",
                "/t/x/%2e%2e/only",
                "/t/nord/t/sued/only",
                "/t/nord/t/nord",
                "/t/nord/%74/sued/only",
                "/t/nord;x=1/only",
                "/t/nord%20/only",
                "/t/nord/../sued/on",
                "/t/nord%00/only",
                "/t/nord./only",
                "/t/nord:80/only",
        };

        static const struct bb_route catch_all[] = {
                {.method = "GET", .path = "/{name}", .handle = tell_catch_all},
                {.method = "GET", .path = "/{name}/{rest...}", .handle = tell_catch_all}};

        (void)state;
        assert_int_equal(http_ops.routes(EXPORT, catch_all, BB_COUNT(catch_all), sizeof(catch_all[0])), BB_OK);
        assert_int_equal(ask("GET", "/t/nord/only", NULL, NULL), 200);
        assert_int_equal(ask("GET", "/any/thing", NULL, NULL), 200);
        assert_body("catch-all");
        for (size_t i = 0; i < BB_COUNT(unknown); i++) {
                ask_host("nord.test", "GET", unknown[i], NULL, NULL);
                if (last.status != 404 && last.status != 400)
                        fail_msg("%s: %d", unknown[i], last.status);
        }
        export_again();
}

static void a_host_has_many_spellings(void **state)
{
        static const char *const same[] = {"nord.test",  "NORD.Test",     "nord.test:8080",
                                           "nord.test.", "nord.test.:80", "nord.test:"};
        static const char *const others[] = {"nord.test..", "xnord.test", "nord.test.evil.test", "nord", "nord_test"};
        static const char *const bad[] = {
                ".nord.test",  "nord.test:x", "nord.test:-1",        "nord.test:65536", "nord.test:1:2",
                "a@nord.test", "nord.test/x", "nord.test,sued.test", "nord.test sued",  "nord.test%2e",
                "[::1",        "[::1]x",      "<nord.test>",         "\"nord.test\"",   "n\xc3\xb6rd.test"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(same); i++)
                assert_int_equal(ask_host(same[i], "GET", "/only", NULL, NULL), 200);
        for (size_t i = 0; i < BB_COUNT(others); i++)
                assert_int_equal(ask_host(others[i], "GET", "/only", NULL, NULL), 404);
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                if (ask_host(bad[i], "GET", "/only", NULL, NULL) != 400)
                        fail_msg("%s: %d", bad[i], last.status);
        assert_int_equal(ask("GET", "/only", "Host: sued.test\r\n", NULL), 400);
        /* The target's host, when it has one, is the one that counts (RFC 9112 §3.2.2). */
        ask_host("nord.test", "GET", "http://sued.test/v1/exports", NULL, NULL);
        assert_problem(404, "not-found");
}

static void a_path_writes_no_headers(void **state)
{
        static const char *const bad[] = {"/places/a%0d%0aX-Injected:%201", "/places/a%0Ab", "/places/%09",
                                          "/places/%7f", "/tell/%1b%5b2J"};

        (void)state;
        assert_int_equal(ask("POST", "/t/nord/places/a%C3%BC", NULL, ""), 201);
        assert_str(reply_header("location"), "http://nord.test/t/nord/places/aü");
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                ask(bad[i][1] == 'p' ? "POST" : "GET", bad[i], NULL, NULL);
                assert_problem(400, "invalid-path");
                assert_null(reply_header("x-injected").ptr);
        }
}

static void a_plugin_that_the_tenant_lacks_hides_nothing(void **state)
{
        (void)state;
        ask_host("nord.test", "GET", "/tell/exports", NULL, NULL);
        assert_body("literal");
        ask_host("sued.test", "GET", "/tell/exports", NULL, NULL);
        assert_str(body_member("id"), "exports");
}

static void who_stands_behind_a_trusted_proxy(void **state)
{
        static const char forwarded[] = "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n";
        static const char *const nonsense[] = {"nonsense",     "",        ",",     "[]",        "[::1",
                                               "fe80::1%eth0", "1.2.3",   "0x7f1", "1.2.3.4.5", "192.0.2.7 ;",
                                               "unknown",      "_hidden", "[:]:1", "::1::",     "1.2.3.4/8",
                                               "\"10.0.0.1\""};

        (void)state;
        ask("GET", "/tell/1", forwarded, NULL);
        assert_str(body_member("remote"), "127.0.0.1");
        assert_str(body_member("tls"), "0");
        world_trusts_loopback = 1;
        ask("GET", "/tell/1", forwarded, NULL);
        assert_str(body_member("remote"), "192.0.2.7");
        assert_str(body_member("tls"), "1");
        assert_str(body_member("base_url"), "https://nord.test");
        ask("GET", "/tell/1", "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: [2001:db8::1]:99\r\n", NULL);
        assert_str(body_member("remote"), "2001:db8::1");
        for (size_t i = 0; i < BB_COUNT(nonsense); i++) {
                ask("GET", "/tell/1", bb_print("X-Forwarded-For: 192.0.2.9, %s\r\n", nonsense[i]).ptr, NULL);
                assert_str(body_member("remote"), "127.0.0.1");
        }
        ask("GET", "/tell/1", "X-Forwarded-For:\r\nX-Forwarded-Proto: https, http\r\n", NULL);
        assert_str(body_member("remote"), "127.0.0.1");
        assert_str(body_member("tls"), "0");
        world_trusts_loopback = 0;
}

/* Over real TLS: tests/scenario/tls.test.mjs. */
static void a_connection_made_for_another_tenant_is_misdirected(void **state)
{
        static const char *const targets[] = {"/only", "/nothing", "/v1/openapi.json", "/t/nord/only"};

        (void)state;
        world_tls = ROUTER_TLS_MISDIRECTED;
        for (size_t i = 0; i < BB_COUNT(targets); i++) {
                ask("GET", targets[i], KEY("*"), NULL);
                assert_problem(421, "misdirected-request");
        }
        assert_int_equal(ask("GET", "/t/sued/only", NULL, NULL), 200);
        world_trusts_loopback = 1; /* a proxy's connection is for all of its clients */
        assert_int_equal(ask("GET", "/only", "X-Forwarded-For: 192.0.2.7\r\n", NULL), 200);
        world_trusts_loopback = 0;
        world_tls = ROUTER_TLS_OTHER_RULES;
        assert_int_equal(ask("GET", "/only", NULL, NULL), 200);
        world_tls = ROUTER_TLS_FITS;
}

/* --- permissions --- */

static void without_a_key_nobody_enters(void **state)
{
        (void)state;
        ask("GET", "/secret", NULL, NULL);
        assert_problem(401, "unauthorized");
        assert_str(reply_header("www-authenticate"), "Bearer");
        assert_str(body_member("detail"), "This key is not known.");
        ask("GET", "/secret", KEY("wrong"), NULL);
        assert_problem(401, "unauthorized");
        assert_str(reply_header("www-authenticate"), "Bearer error=\"invalid_token\"");
        ask_host("sued.test", "GET", "/secret", KEY("*"), NULL); /* nobody knows people there */
        assert_problem(401, "unauthorized");
        ask("GET", "/secret", KEY("down"), NULL); /* an outage is not a wrong key */
        assert_problem(503, "unavailable");
        assert_true(reply_header("retry-after").len > 0);
}

static void a_scope_opens_what_it_names(void **state)
{
        static const struct {
                const char *key;
                int status;
        } cases[] = {{KEY("stations:read"), 200},     {KEY("stations:*"), 200},     {KEY("*"), 200},
                     {KEY("a:b,stations:read"), 200}, {KEY("stations:"), 403},      {KEY("stations:write"), 403},
                     {KEY("station:*"), 403},         {KEY("stations:readx"), 403}, {KEY(":*"), 403}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++)
                assert_int_equal(ask("GET", "/secret", cases[i].key, NULL), cases[i].status);
        ask("GET", "/secret", KEY("nothing"), NULL);
        assert_problem(403, "forbidden");
        ask("GET", "/secret", KEY("*"), NULL);
        assert_str(body_member("actor"), "key:test");
        ask("GET", "/tell/1", KEY("*"), NULL);
        assert_str(body_member("actor"), "anonymous");
}

static void a_stranger_learns_nothing_of_the_body(void **state)
{
        (void)state;
        ask("POST", "/secret?odd=1", JSON, "{");
        assert_problem(401, "unauthorized");
        ask("POST", "/secret", KEY("stations:read") JSON, "{");
        assert_problem(403, "forbidden");
        ask("POST", "/secret", KEY("stations:write") JSON, "{");
        assert_problem(400, "malformed-json");
}

static void while_not_ready_all_is_503(void **state)
{
        (void)state;
        world_is_ready = 0;
        ask("GET", "/only", NULL, NULL);
        assert_problem(503, "not-ready");
        assert_true(reply_header("retry-after").len > 0);
        world_is_ready = 1;
        nord.stopping = 1; /* a reload: its paths are still there, a station must come back */
        ask("GET", "/only", NULL, NULL);
        assert_problem(503, "restarting");
        assert_int_equal(ask_host("sued.test", "GET", "/only", NULL, NULL), 200);
        nord.stopping = 0;
}

static void assert_out_of_order(void)
{
        assert_problem(503, "plugin-unavailable");
        assert_true(reply_header("retry-after").len > 0);
        assert_null(strstr(last.body.ptr, "export")); /* no name, no reason */
}

/* P5: an outage never becomes 404. */
static void a_plugin_that_does_not_run_is_out_of_order(void **state)
{
        (void)state;
        world_export_is_down = 1;
        ask("GET", "/v1/exports", NULL, NULL);
        assert_out_of_order();
        ask("GET", "/v1/exports?odd=1", KEY("wrong"), NULL);
        assert_out_of_order();
        /* Nobody else answers in its place, and methods are those that there are. */
        ask("GET", "/tell/exports", NULL, NULL);
        assert_out_of_order();
        ask("DELETE", "/v1/exports", NULL, NULL);
        assert_problem(405, "method-not-allowed");
        ask("GET", "/v1/openapi.json", NULL, NULL);
        assert_non_null(strstr(last.body.ptr, "\"/v1/exports\""));
        /* To a tenant that has not enabled it, it does not exist; other plugins serve. */
        ask_host("sued.test", "GET", "/v1/exports", NULL, NULL);
        assert_problem(404, "not-found");
        ask_host("sued.test", "GET", "/v1/openapi.json", NULL, NULL);
        assert_null(strstr(last.body.ptr, "/v1/exports"));
        assert_int_equal(ask("GET", "/only", NULL, NULL), 200);
        world_export_is_down = 0;
        assert_int_equal(ask("GET", "/v1/exports", NULL, NULL), 200);
}

static void while_nobody_knows_people_a_key_is_not_wrong(void **state)
{
        (void)state;
        world_auth_is_down = 1;
        ask("GET", "/secret", KEY("*"), NULL);
        assert_problem(503, "plugin-unavailable");
        assert_true(reply_header("retry-after").len > 0);
        assert_null(reply_header("www-authenticate").ptr);
        assert_int_equal(ask("GET", "/only", NULL, NULL), 200);
        world_auth_is_down = 0;
}

/* What is known of a plugin that could not be loaded is kept although its own strings are gone. */
static void an_absent_plugin_keeps_its_routes(void **state)
{
        char words[5][16] = {"GET", "/absent/{id}", "a:read", "gone", "It is away"};
        const struct bb_route absent[] = {
                {.method = words[0], .path = words[1], .permission = words[2], .tag = words[3], .summary = words[4]},
                {.method = "GET", .path = "/only"}, /* taken */
                {.method = "GET", .path = "no-path"},
        };

        (void)state;
        router_remove_plugin(EXPORT);
        router_set_absent(EXPORT, absent, BB_COUNT(absent));
        world_export_is_down = 1;
        memset(words, 0, sizeof(words));
        ask("GET", "/absent/7", NULL, NULL);
        assert_out_of_order();
        assert_int_equal(ask("GET", "/only", NULL, NULL), 200);
        ask("GET", "/v1/openapi.json", NULL, NULL);
        assert_non_null(strstr(last.body.ptr, "\"It is away\""));
        assert_non_null(strstr(last.body.ptr, "\"x-required-scope\":\"a:read\""));
        router_set_absent(EXPORT, absent, 0);
        ask("GET", "/absent/7", NULL, NULL);
        assert_problem(404, "not-found");
        world_export_is_down = 0;
        export_again();
}

/* --- parameters and bodies --- */

static void a_query_holds_declared_parameters_once(void **state)
{
        static const char *const good[] = {"/list",
                                           "/list?",
                                           "/list?limit=200&cursor=abc&name=",
                                           "/list?open=true&colour=green",
                                           "/list?count=-5",
                                           "/list?since=2026-01-01T00:00:00%2B01:00",
                                           "/list?n%61me=a+b",
                                           "/needed?name=x&"};
        static const struct {
                const char *target, *name;
        } bad[] = {{"/list?limit=0", "limit"},
                   {"/list?limit=201", "limit"},
                   {"/list?limit=1&limit=2", "limit"},
                   {"/list?limit=+5", "limit"},
                   {"/list?odd=1", "odd"},
                   {"/list?name=1&name=1", "name"},
                   {"/list?open=1", "open"},
                   {"/list?colour=blue", "colour"},
                   {"/list?since=today", "since"},
                   {"/list?count=1.5", "count"},
                   {"/list?Limit=5", "Limit"},
                   {"/needed", "name"},
                   {"/needed?limit=5", "limit"},
                   {"/list?=1", ""}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(good); i++)
                assert_int_equal(ask("GET", good[i], NULL, NULL), 200);
        ask("GET", "/list?name=a+b%26c&limit=7", NULL, NULL);
        assert_str(body_member("name"), "a b&c");
        assert_str(body_member("limit"), "7");
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                ask("GET", bad[i].target, NULL, NULL);
                assert_problem(400, "invalid-parameter");
                assert_non_null(strstr(bb_str_c(body_member("detail")), bb_print("\"%s\"", bad[i].name).ptr));
        }
        ask("GET", "/list?name=%ff", NULL, NULL);
        assert_problem(400, "invalid-parameter");
        ask("GET", "/list?name=%0", NULL, NULL);
        assert_problem(400, "invalid-parameter");
}

static void a_long_query_is_bounded_work(void **state)
{
        struct buf target = {.ptr = NULL};

        (void)state;
        buf_add_c(&target, "/list?");
        while (target.len < 8000)
                buf_add_c(&target, "&");
        buf_add_char(&target, '\0');
        assert_int_equal(ask("GET", target.ptr, NULL, NULL), 200);
        for (char *c = target.ptr + 6; c + 8 < target.ptr + 8000; c += 8)
                memcpy(c, "&name=a1", 8);
        ask("GET", target.ptr, NULL, NULL);
        assert_problem(400, "invalid-parameter");
        target.len--;
        while (target.len < 9000)
                buf_add_c(&target, "a");
        buf_add_char(&target, '\0');
        assert_int_equal(ask("GET", target.ptr, NULL, NULL), 414);
        buf_free(&target);
}

static void a_body_is_json_of_the_right_shape(void **state)
{
        (void)state;
        assert_int_equal(ask("POST", "/body", JSON, "{\"name\":\"abc\",\"count\":3}"), 201);
        assert_body("abc 3");
        assert_int_equal(ask("POST", "/body", NULL, "{\"name\":\"abc\"}"), 201);
        assert_int_equal(
                ask("POST", "/body", "Content-Type: Application/JSON ; charset=\"UTF-8\"\r\n", "{\"name\":\"a\"}"),
                201);
        ask("POST", "/body", "Content-Type: text/json\r\n", "{\"name\":\"abc\"}");
        assert_problem(415, "unsupported-media-type");
        ask("POST", "/body", "Content-Type: application/json; charset=latin1\r\n", "{\"name\":\"abc\"}");
        assert_problem(415, "unsupported-media-type");
        ask("POST", "/body", JSON, "{\"name\":\n\n \"abc\",}");
        assert_problem(400, "malformed-json");
        assert_non_null(strstr(bb_str_c(body_member("detail")), "line 3"));
        ask("POST", "/body", JSON, "{\"name\":\"abcdefg\"}");
        assert_problem(422, "invalid-body");
        assert_non_null(strstr(bb_str_c(body_member("errors")), "\"pointer\":\"/name\""));
        ask("POST", "/body", JSON, "{\"name\":\"abc\",\"nmae\":1}");
        assert_problem(422, "invalid-body");
        ask("POST", "/body", NULL, NULL); /* nothing is as good as an empty object: it says what is missing */
        assert_problem(422, "invalid-body");
        assert_non_null(strstr(bb_str_c(body_member("errors")), "\"/name\""));
        ask("POST", "/body", JSON, "[]");
        assert_problem(422, "invalid-body");
}

static void a_handler_may_decode_by_itself(void **state)
{
        (void)state;
        assert_int_equal(ask("POST", "/late", JSON, "{\"name\":\"abc\"}"), 200);
        assert_body("abc 0");
        ask("POST", "/late", JSON, "{\"name\":5}");
        assert_problem(422, "invalid-body");
        ask("POST", "/late", JSON, "nonsense");
        assert_problem(400, "malformed-json");
        ask("POST", "/late", "Content-Type: text/csv\r\n", "a;b");
        assert_problem(415, "unsupported-media-type");
}

static void a_raw_body_is_left_alone_up_to_its_limit(void **state)
{
        (void)state;
        assert_int_equal(ask("POST", "/raw", "Content-Type: text/csv\r\n", "a;b"), 200);
        assert_body("a;b");
        assert_int_equal(ask("POST", "/raw", "Content-Type: text/csv\r\n", "01234567890"), 413);
        assert_str(reply_header("content-type"), "application/problem+json");
}

/* --- answers --- */

static void each_error_has_its_status(void **state)
{
        static const struct {
                bb_err err;
                int status;
                const char *code;
        } cases[] = {{BB_E_INVALID, 400, "invalid-request"},
                     {BB_E_NOT_FOUND, 404, "not-found"},
                     {BB_E_EXISTS, 409, "already-exists"},
                     {BB_E_CONFLICT, 409, "conflict"},
                     {BB_E_UNAUTHORIZED, 401, "unauthorized"},
                     {BB_E_DENIED, 403, "forbidden"},
                     {BB_E_TIMEOUT, 504, "timeout"},
                     {BB_E_CANCELED, 503, "restarting"},
                     {BB_E_UNAVAILABLE, 503, "unavailable"},
                     {BB_E_LIMIT, 429, "limit-reached"},
                     {BB_E_BUSY, 503, "busy"},
                     {BB_E_UNSUPPORTED, 501, "not-supported"},
                     {BB_E_PRECONDITION, 412, "precondition-failed"},
                     {BB_E_INTERNAL, 500, "internal"},
                     {BB_E_OFFLINE, 409, "station-offline"},
                     {BB_E_REJECTED, 409, "rejected"},
                     {-4711, 500, "internal"}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                ask("GET", bb_print("/fail/%d", cases[i].err).ptr, NULL, NULL);
                assert_problem(cases[i].status, cases[i].code);
                assert_int_equal(reply_header("retry-after").ptr != NULL,
                                 cases[i].status == 503 || cases[i].status == 429);
        }
}

static void a_handler_says_what_is_wrong(void **state)
{
        (void)state;
        ask("GET", "/words", NULL, NULL);
        assert_problem(409, "station-busy");
        assert_str(body_member("detail"), "The station is „busy“.");
        assert_str(body_member("errors"),
                   "[{\"pointer\":\"/a/b\",\"detail\":\"is odd\"},{\"pointer\":\"/c\",\"detail\":\"is even\"}]");
        assert_null(reply_header("location").ptr);
}

static void headers_are_safe(void **state)
{
        (void)state;
        log_set_level(BB_ERROR + 1);
        assert_int_equal(ask("GET", "/headers", NULL, NULL), 204);
        log_set_level(BB_ERROR);
        assert_str(reply_header("x-good"), "again");
        assert_null(reply_header("x-evil").ptr);
        assert_null(reply_header("x-injected").ptr);
        assert_non_null(strstr(bb_str_c(last.head), "a=1"));
        assert_non_null(strstr(bb_str_c(last.head), "b=2"));
        assert_str(reply_header("x-content-type-options"), "nosniff");
        assert_str(reply_header("cache-control"), "no-store");
        assert_str(reply_header("referrer-policy"), "no-referrer");
        assert_null(reply_header("content-type").ptr);
}

static void a_plain_get_of_a_websocket_is_told_to_upgrade(void **state)
{
        (void)state;
        ask("GET", "/socket", NULL, NULL);
        assert_problem(426, "upgrade-required");
        assert_str(reply_header("upgrade"), "websocket");
}

#define UPGRADE(target, version)                                                                                       \
        "GET " target " HTTP/1.1\r\nHost: nord.test\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"      \
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: " version "\r\n"                        \
        "Sec-WebSocket-Protocol: test\r\n"

static void a_handshake_becomes_a_socket_or_a_problem(void **state)
{
        /* The frames of a client: "hi" as text, then a close with 1000; both masked with zeros. */
        static const char hello[] = UPGRADE("/socket/1", "13") "\r\n\x81\x82\0\0\0\0hi";
        int fd = client_socket();
        char peeked[512];

        (void)state;
        assert_true(send(fd, hello, sizeof(hello) - 1, 0) > 0);
        for (ssize_t got = 0, i = 0; i < 100 && (got < 4 || memcmp(peeked + got - 4, ".0.1", 4) != 0); i++) {
                loop_turn(5);
                got = recv(fd, peeked, sizeof(peeked), MSG_DONTWAIT | MSG_PEEK);
        }
        assert_int_equal(send(fd, "\x88\x82\0\0\0\0\x03\xe8", 8, 0), 8);
        buf_free(&last.bytes);
        read_all(fd);
        close(fd);
        split_reply();
        assert_int_equal(last.status, 101);
        assert_str(reply_header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_str(reply_header("sec-websocket-protocol"), "test");
        assert_int_equal(last.body.len, 23);
        assert_memory_equal(last.body.ptr, "\x81\x11hi from 127.0.0.1\x88\x02\x03\xe8", 23);
        for (int i = 0; i < 100 && closed_with == 0; i++)
                loop_turn(5);
        assert_int_equal(closed_with, 1000);
        ask_raw(BB_STR(UPGRADE("/socket/1", "8") "Connection: close\r\n\r\n"));
        assert_problem(426, "upgrade-required");
        assert_str(reply_header("sec-websocket-version"), "13");
        ask_raw(BB_STR(
                "GET /socket/1 HTTP/1.1\r\nHost: nord.test\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"));
        assert_problem(400, "invalid-handshake");
        ask_raw(BB_STR(UPGRADE("/socket/unknown", "13") "Connection: close\r\n\r\n"));
        assert_problem(404, "unknown-station");
}

static void stopping_a_plugin_ends_its_requests(void **state)
{
        static const char request[] = "GET /long HTTP/1.0\r\nHost: nord.test\r\n\r\n";
        int fd = client_socket();

        (void)state;
        assert_true(send(fd, request, sizeof(request) - 1, 0) > 0);
        for (int i = 0; i < 100 && router_group_count(STATIONS, &nord) == 0; i++)
                loop_turn(5);
        assert_int_equal(router_group_count(STATIONS, &nord), 1);
        assert_int_equal(router_group_count(STATIONS, &sued), 0);
        assert_int_equal(router_group_count(EXPORT, NULL), 0);
        router_cancel_group(EXPORT, &nord);
        router_cancel_group(STATIONS, &nord);
        buf_free(&last.bytes);
        read_all(fd);
        close(fd);
        split_reply();
        assert_int_equal(last.status, 503);
        assert_int_equal(cancelled_with, BB_E_CANCELED);
        assert_int_equal(router_group_count(NULL, NULL), 0);
}

/* --- the table itself --- */

static void a_table_is_checked(void **state)
{
        static const char *const bad[] = {"",         "v1",  "/a/{b",  "/a/b}", "/a/x{b}", "/{rest...}/a",
                                          "/{a}/{a}", "/{}", "/{a-b}", "/t/x",  "/t"};

        (void)state;
        log_set_level(BB_ERROR + 1);
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                struct bb_route r = {.method = "GET", .path = bad[i], .handle = never};

                assert_int_equal(http_ops.routes(STATIONS, &r, 1, sizeof(r)), BB_E_INVALID);
        }
        for (size_t i = 0; i < 2; i++) { /* the same but for the parameter's name, of another plugin */
                struct bb_route r = {.method = "GET", .path = "/m/{other}", .handle = never};

                assert_int_equal(http_ops.routes(i ? EXPORT : STATIONS, &r, 1, sizeof(r)), BB_E_EXISTS);
        }
        log_set_level(BB_ERROR);
}

/* A plugin compiled against an older or newer SDK has another stride. */
static void strides_of_other_ages_are_read(void **state)
{
        struct newer {
                struct bb_route route;
                void *later;
        } newer[2] = {{.route = {.method = "GET", .path = "/newer/1", .handle = tell_literal}},
                      {.route = {.method = "GET", .path = "/newer/2", .handle = tell_param}}};
        char older[2][offsetof(struct bb_route, summary)];
        struct bb_route r = {.method = "GET", .path = "/older/1", .handle = tell_literal};

        (void)state;
        assert_int_equal(http_ops.routes(EXPORT, &newer[0].route, 2, sizeof(newer[0])), BB_OK);
        memcpy(older[0], &r, sizeof(older[0]));
        r.path = "/older/2";
        memcpy(older[1], &r, sizeof(older[1]));
        assert_int_equal(http_ops.routes(EXPORT, (const struct bb_route *)(const void *)older, 2, sizeof(older[0])),
                         BB_OK);
        assert_int_equal(ask("GET", "/newer/2", NULL, NULL), 200);
        assert_body("param");
        assert_int_equal(ask("GET", "/older/2", NULL, NULL), 200);
        router_remove_plugin(EXPORT);
        assert_int_equal(ask("GET", "/newer/2", NULL, NULL), 404);
        assert_int_equal(ask("GET", "/v1/exports", NULL, NULL), 404);
        assert_int_equal(ask("GET", "/only", NULL, NULL), 200);
        assert_int_equal(http_ops.routes(EXPORT, export_routes, BB_COUNT(export_routes), sizeof(export_routes[0])),
                         BB_OK);
        assert_int_equal(ask("GET", "/v1/exports", NULL, NULL), 200);
}

static void query_tables_of_other_ages_are_read(void **state)
{
        static const struct {
                struct bb_query_param param;
                void *later;
        } table[] = {{.param = {.name = "first", .type = BB_T_INT}}, {.param = {.name = "name", .type = BB_T_BOOL}}};
        struct bb_route r = {
                .method = "GET", .path = "/aged", .handle = tell, .query = &table[0].param, .query_count = 2};

        (void)state;
        log_set_level(BB_ERROR + 1);
        assert_int_equal(http_ops.routes(STATIONS, &r, 1, sizeof(r)), BB_E_INVALID); /* no stride */
        log_set_level(BB_ERROR);
        r.query_stride = sizeof(table[0]);
        assert_int_equal(http_ops.routes(STATIONS, &r, 1, sizeof(r)), BB_OK);
        assert_int_equal(ask("GET", "/aged?name=true&first=5", NULL, NULL), 200);
        assert_int_equal(ask("GET", "/aged?name=maybe", NULL, NULL), 400);
}

static void metrics_have_patterns_not_paths(void **state)
{
        struct buf text = {.ptr = NULL};

        (void)state;
        ask("GET", "/tell/very-special-id", NULL, NULL);
        ask("GET", "/very-special-path", NULL, NULL);
        ask("WEIRD", "/only", NULL, NULL);
        metrics_render(&text);
        buf_add_char(&text, '\0');
        assert_non_null(strstr(text.ptr, "route=\"/tell/{id}\""));
        assert_non_null(strstr(text.ptr, "method=\"OTHER\""));
        assert_null(strstr(text.ptr, "very-special"));
        assert_null(strstr(text.ptr, "WEIRD"));
        assert_non_null(strstr(text.ptr, "http_request_seconds_count{route=\"/tell/{id}\"}"));
        assert_non_null(strstr(text.ptr, "http_in_flight 0"));
        buf_free(&text);
}

static int start(void **state)
{
        (void)state;
        world_start(router_service());
        router_init(&test_world);
        assert_int_equal(http_ops.routes(STATIONS, station_routes, BB_COUNT(station_routes), sizeof(station_routes[0])),
                         0);
        assert_int_equal(http_ops.routes(EXPORT, export_routes, BB_COUNT(export_routes), sizeof(export_routes[0])), 0);
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
                cmocka_unit_test(a_literal_wins_over_a_parameter_and_that_over_the_rest),
                cmocka_unit_test(a_path_is_taken_literally),
                cmocka_unit_test(a_segment_is_decoded_once),
                cmocka_unit_test(a_bad_escape_is_refused),
                cmocka_unit_test(another_method_says_which_are_allowed),
                cmocka_unit_test(head_is_a_get_without_its_body),
                cmocka_unit_test(what_is_not_ours_does_not_exist),
                cmocka_unit_test(a_prefix_wins_over_the_host),
                cmocka_unit_test(the_prefix_has_one_spelling),
                cmocka_unit_test(a_host_has_many_spellings),
                cmocka_unit_test(a_path_writes_no_headers),
                cmocka_unit_test(a_plugin_that_the_tenant_lacks_hides_nothing),
                cmocka_unit_test(who_stands_behind_a_trusted_proxy),
                cmocka_unit_test(a_connection_made_for_another_tenant_is_misdirected),
                cmocka_unit_test(without_a_key_nobody_enters),
                cmocka_unit_test(a_scope_opens_what_it_names),
                cmocka_unit_test(a_stranger_learns_nothing_of_the_body),
                cmocka_unit_test(while_not_ready_all_is_503),
                cmocka_unit_test(a_plugin_that_does_not_run_is_out_of_order),
                cmocka_unit_test(while_nobody_knows_people_a_key_is_not_wrong),
                cmocka_unit_test(an_absent_plugin_keeps_its_routes),
                cmocka_unit_test(a_query_holds_declared_parameters_once),
                cmocka_unit_test(a_long_query_is_bounded_work),
                cmocka_unit_test(a_body_is_json_of_the_right_shape),
                cmocka_unit_test(a_handler_may_decode_by_itself),
                cmocka_unit_test(a_raw_body_is_left_alone_up_to_its_limit),
                cmocka_unit_test(each_error_has_its_status),
                cmocka_unit_test(a_handler_says_what_is_wrong),
                cmocka_unit_test(headers_are_safe),
                cmocka_unit_test(a_plain_get_of_a_websocket_is_told_to_upgrade),
                cmocka_unit_test(a_handshake_becomes_a_socket_or_a_problem),
                cmocka_unit_test(stopping_a_plugin_ends_its_requests),
                cmocka_unit_test(a_table_is_checked),
                cmocka_unit_test(strides_of_other_ages_are_read),
                cmocka_unit_test(query_tables_of_other_ages_are_read),
                cmocka_unit_test(metrics_have_patterns_not_paths),
        };

        return cmocka_run_group_tests_name("net_router", tests, start, stop);
}
