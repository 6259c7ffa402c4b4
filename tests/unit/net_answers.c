/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers over real sockets: versions, repeated POSTs, compression, files, streams, the description, the log line.
 */
#include "net/request.h"
#include "net_world.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

/* --- handlers --- */

static int version = 1;
static int creations;

/* An object whose version is "v<n>": read, changed by PUT, deleted. */
static bb_err object(bb_request *req, bb_response *res)
{
        bb_json *j = bb_json_new_object();

        TRY(bb_etag(req, res, bb_print("v%d", version)));
        if (!bb_str_is(bb_request_method(req), "GET") && !bb_str_is(bb_request_method(req), "HEAD")) {
                version++;
                TRY(bb_etag(req, res, bb_print("v%d", version)));
        }
        bb_json_set_int(j, "version", version);
        bb_response_json(res, j);
        return BB_OK;
}

/* One that is not there yet. */
static bb_err absent(bb_request *req, bb_response *res)
{
        TRY(bb_etag(req, res, BB_NONE));
        bb_response_status(res, 201);
        return bb_etag(req, res, BB_STR("v1"));
}

static bb_err create(bb_request *req, bb_response *res)
{
        bb_json *j = bb_json_new_object();
        bb_str body = bb_request_body(req);

        creations++;
        if (str_ends(body, BB_STR("[5]")))
                return BB_E_UNAVAILABLE;
        if (str_ends(body, BB_STR("[4]")))
                return bb_problem(res, BB_E_CONFLICT, 409, "no-way", BB_STR("Not like this."));
        bb_json_set_int(j, "creation", creations);
        bb_response_json(res, j);
        bb_response_header(res, "Location", bb_print("/things/%d", creations));
        return BB_OK;
}

static bb_err wait_a_little(bb_request *req, bb_response *res)
{
        (void)req;
        (void)res;
        creations++;
        return bb_sleep(200);
}

static bb_err big(bb_request *req, bb_response *res)
{
        int64_t count = 0;
        bb_json *j = bb_json_new_array();

        TRY(str_to_int(bb_request_param(req, "count"), &count));
        TRY(bb_etag(req, res, BB_STR("big")));
        for (int64_t i = 0; i < count; i++)
                bb_json_append(j, bb_json_new_str(BB_STR("the same words again")));
        bb_response_json(res, j);
        return BB_OK;
}

static const char *file_path;

static bb_err file(bb_request *req, bb_response *res)
{
        (void)req;
        return bb_response_file(res, file_path, "text/csv", BB_STR("Säulen 100%.csv"));
}

static bb_err stream(bb_request *req, bb_response *res)
{
        (void)req;
        TRY(bb_response_stream(res, "text/event-stream"));
        for (int i = 0; i < 3; i++)
                TRY(bb_response_write(res, bb_print("data: %d\n\n", i)));
        return BB_OK;
}

static bb_err broken_stream(bb_request *req, bb_response *res)
{
        (void)req;
        TRY(bb_response_stream(res, "text/plain"));
        TRY(bb_response_write(res, BB_STR("half of it")));
        return BB_E_UNAVAILABLE;
}

struct thing {
        uint64_t present;
        bb_str name;
        int64_t count;
};

static const struct bb_field thing_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct thing, name), .max = 5},
        {.name = "count", .type = BB_T_INT, .offset = offsetof(struct thing, count), .about = "How many."},
};
static BB_SHAPE(Thing, thing, 0, "A thing.", thing_fields);

static bb_err thing(bb_request *req, bb_response *res)
{
        struct thing t = {.name = bb_request_param(req, "id"), .count = 3, .present = 3};

        bb_response_shape(res, &Thing, &t);
        return BB_OK;
}

static const char *const kinds[] = {"small", "large", NULL};
static const struct bb_query_param thing_query[] = {
        {.name = "kind", .type = BB_T_ENUM, .values = kinds, .about = "Which kind."},
        {.name = "since", .type = BB_T_TIME, .flags = BB_REQUIRED},
};

static const struct bb_route routes[] = {
        {.method = "GET", .path = "/object", .handle = object},
        {.method = "PUT", .path = "/object", .handle = object},
        {.method = "DELETE", .path = "/object", .handle = object, .flags = BB_ROUTE_IF_MATCH},
        {.method = "PUT", .path = "/absent", .handle = absent, .flags = BB_ROUTE_IF_MATCH},
        {.method = "POST", .path = "/create", .handle = create, .flags = BB_ROUTE_IDEMPOTENT, .status = 201},
        {.method = "POST", .path = "/wait", .handle = wait_a_little, .flags = BB_ROUTE_IDEMPOTENT},
        {.method = "GET", .path = "/big/{count}", .handle = big},
        {.method = "GET", .path = "/file", .handle = file, .flags = BB_ROUTE_HIDDEN},
        {.method = "GET", .path = "/stream", .handle = stream},
        {.method = "GET", .path = "/broken", .handle = broken_stream},
        {.method = "GET",
         .path = "/v1/things",
         .handle = thing,
         .permission = "things:read",
         .summary = "Things",
         .flags = BB_ROUTE_LIST,
         .response = &Thing,
         BB_QUERY(thing_query),
         .tag = "things"},
        {.method = "GET", .path = "/v1/things/{id}", .handle = thing, .response = &Thing, .tag = "things"},
        {.method = "POST",
         .path = "/v1/things",
         .handle = thing,
         .permission = "things:write",
         .status = 201,
         .flags = BB_ROUTE_IDEMPOTENT,
         .request = &Thing,
         .response = &Thing},
        {.method = "PUT", .path = "/v1/things/{id}", .handle = thing, .flags = BB_ROUTE_IF_MATCH, .request = &Thing},
        {.method = "GET", .path = "/ocpp/{station}", .handle = thing, .flags = BB_ROUTE_WEBSOCKET},
        {.method = "GET", .path = "/v1/files/{name...}", .handle = thing},
};
static const struct bb_route export_routes[] = {
        {.method = "POST", .path = "/v1/exports", .handle = thing},
};

/* --- ETag --- */

static void a_version_that_the_caller_has_is_not_sent_again(void **state)
{
        static const struct {
                const char *header;
                int status;
        } cases[] = {{NULL, 200},
                     {"If-None-Match: \"v1\"\r\n", 304},
                     {"If-None-Match: W/\"v1\"\r\n", 304},
                     {"If-None-Match: \"v0\", \"v1\"\r\n", 304},
                     {"If-None-Match: \"a,b\",W/\"v1\"\r\n", 304},
                     {"If-None-Match: *\r\n", 304},
                     {"If-None-Match: \"v1-gzip\"\r\n", 304},
                     {"If-None-Match: \"v2\"\r\n", 200},
                     {"If-None-Match: v1\r\n", 200},
                     {"If-None-Match: \"v1\r\n", 200},
                     {"If-Match: \"v2\"\r\n", 200}};

        (void)state;
        version = 1;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                if (ask("GET", "/object", cases[i].header, NULL) != cases[i].status)
                        fail_msg("%s: %d", cases[i].header, last.status);
                assert_str(reply_header("etag"), i == 6 ? "\"v1-gzip\"" : "\"v1\"");
                assert_int_equal(last.body.len > 0, cases[i].status == 200);
                assert_int_equal(reply_header("content-type").ptr != NULL, cases[i].status == 200);
        }
        assert_int_equal(ask("HEAD", "/object", "If-None-Match: \"v1\"\r\n", NULL), 304);
}

static void a_change_of_another_version_is_refused(void **state)
{
        static const struct {
                const char *method, *header;
                int status;
        } cases[] = {{"PUT", NULL, 200},
                     {"PUT", "If-Match: \"v1\"\r\n", 200},
                     {"PUT", "If-Match: \"v1-gzip\"\r\n", 200},
                     {"PUT", "If-Match: \"v0\", \"v1\"\r\n", 200},
                     {"PUT", "If-Match: \"v0\"\r\nIf-Match: \"v1\"\r\n", 200},
                     {"PUT", "If-Match: *\r\n", 200},
                     {"PUT", "If-Match: W/\"v1\"\r\n", 412}, /* strong comparison */
                     {"PUT", "If-Match: \"v2\"\r\n", 412},
                     {"PUT", "If-Match: v1\r\n", 412},
                     {"PUT", "If-Match: \r\n", 412},
                     {"PUT", "If-None-Match: *\r\n", 412},
                     {"PUT", "If-None-Match: \"v9\"\r\n", 200},
                     {"DELETE", NULL, 428},
                     {"DELETE", "If-Match: \"v1\"\r\n", 200},
                     {"DELETE", "If-Match: \"v3\"\r\n", 412}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                version = 1;
                if (ask(cases[i].method, "/object", cases[i].header, NULL) != cases[i].status)
                        fail_msg("%s %s: %d", cases[i].method, cases[i].header, last.status);
                assert_int_equal(version, cases[i].status == 200 ? 2 : 1);
                if (cases[i].status == 200)
                        assert_str(reply_header("etag"), "\"v2\"");
                else
                        assert_problem(cases[i].status,
                                       cases[i].status == 428 ? "precondition-required" : "precondition-failed");
        }
}

static void what_is_not_there_yet_has_no_version(void **state)
{
        (void)state;
        assert_int_equal(ask("PUT", "/absent", NULL, NULL), 201);
        assert_str(reply_header("etag"), "\"v1\"");
        assert_int_equal(ask("PUT", "/absent", "If-None-Match: *\r\n", NULL), 201);
        assert_int_equal(ask("PUT", "/absent", "If-Match: *\r\n", NULL), 412);
        assert_int_equal(ask("PUT", "/absent", "If-Match: \"v1\"\r\n", NULL), 412);
}

/* --- Idempotency-Key --- */

#define IDEM(key) "Idempotency-Key: " key "\r\n"

static void a_repeated_post_gets_the_first_answer(void **state)
{
        (void)state;
        creations = 0;
        assert_int_equal(ask("POST", "/create", IDEM("k1"), "[1]"), 201);
        assert_body("{\"creation\":1}");
        assert_null(reply_header("idempotency-replayed").ptr);
        assert_int_equal(ask("POST", "/create", IDEM("k1"), "[1]"), 201);
        assert_body("{\"creation\":1}");
        assert_str(reply_header("idempotency-replayed"), "true");
        assert_str(reply_header("location"), "/things/1");
        assert_str(reply_header("content-type"), "application/json");
        assert_int_equal(creations, 1);
        ask("POST", "/create", IDEM("k1"), "[2]");
        assert_problem(422, "idempotency-key-reused");
        assert_int_equal(ask("POST", "/create", IDEM("k2"), "[1]"), 201);
        assert_int_equal(ask("POST", "/create", NULL, "[1]"), 201);
        assert_int_equal(creations, 3);
}

static void a_refusal_is_an_answer_too_but_an_outage_is_none(void **state)
{
        (void)state;
        creations = 0;
        ask("POST", "/create", IDEM("k4"), "[4]");
        assert_problem(409, "no-way");
        ask("POST", "/create", IDEM("k4"), "[4]");
        assert_int_equal(last.status, 409);
        assert_str(reply_header("idempotency-replayed"), "true");
        assert_int_equal(creations, 1);
        for (int i = 0; i < 2; i++) {
                ask("POST", "/create", IDEM("k5"), "[5]");
                assert_problem(503, "unavailable");
        }
        assert_int_equal(creations, 3);
}

static void a_key_must_be_one(void **state)
{
        char too_long[300] = "Idempotency-Key: ";

        (void)state;
        creations = 0;
        ask("POST", "/create", "Idempotency-Key:\r\n", "[1]");
        assert_problem(400, "invalid-idempotency-key");
        memset(too_long + 17, 'a', 256);
        memcpy(too_long + 17 + 256, "\r\n", 3);
        ask("POST", "/create", too_long, "[1]");
        assert_problem(400, "invalid-idempotency-key");
        assert_int_equal(creations, 0);
        memcpy(too_long + 17 + 255, "\r\n", 3);
        assert_int_equal(ask("POST", "/create", too_long, "[1]"), 201);
}

static void while_the_first_is_under_way_the_second_is_told(void **state)
{
        static const char request[] =
                "POST /wait HTTP/1.0\r\nHost: nord.test\r\nContent-Length: 0\r\n" IDEM("w") "\r\n";
        int fd = client_socket();

        (void)state;
        creations = 0;
        assert_true(send(fd, request, sizeof(request) - 1, 0) > 0);
        for (int i = 0; i < 100 && creations == 0; i++)
                loop_turn(5);
        ask("POST", "/wait", IDEM("w") "Content-Length: 0\r\n", NULL);
        assert_problem(409, "idempotency-in-flight");
        buf_free(&last.bytes);
        read_all(fd);
        close(fd);
        assert_int_equal(creations, 1);
        assert_int_equal(ask("POST", "/wait", IDEM("w") "Content-Length: 0\r\n", NULL), 204);
        assert_str(reply_header("idempotency-replayed"), "true");
}

/* --- gzip --- */

static void who_accepts_gzip(void **state)
{
        static const struct {
                const char *header;
                int yes;
        } cases[] = {{"gzip", 1},
                     {"deflate, gzip", 1},
                     {"GZIP", 1},
                     {"gzip;q=0.5", 1},
                     {"*", 1},
                     {"x-gzip", 1},
                     {"", 0},
                     {"identity", 0},
                     {"gzip;q=0", 0},
                     {"gzip;q=0.000", 0},
                     {"*;q=0", 0},
                     {"gzip;q=0, *", 0},
                     {"br", 0},
                     {"gzip;q=0.1, identity", 0},
                     {"gzip;q=x", 0},
                     {"gzip ; q=1.0", 1},
                     {"identity;q=0.5, gzip", 1}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++)
                if (accepts_gzip(bb_cstr(cases[i].header)) != cases[i].yes)
                        fail_msg("\"%s\"", cases[i].header);
        assert_int_equal(accepts_gzip(BB_NONE), 0);
}

static size_t unpacked_length(bb_str packed)
{
        static unsigned char clear[4 * 1024 * 1024];
        z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.ptr, .avail_in = (uInt)packed.len};

        z.next_out = clear;
        z.avail_out = sizeof(clear);
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        inflateEnd(&z);
        return z.total_out;
}

static void long_json_is_compressed_for_who_wants_it(void **state)
{
        static const char *const targets[] = {"/big/100", "/big/50000"}; /* on the loop, and on a worker */

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                size_t clear;

                assert_int_equal(ask("GET", targets[i], NULL, NULL), 200);
                assert_null(reply_header("content-encoding").ptr);
                assert_str(reply_header("vary"), "Accept-Encoding");
                assert_str(reply_header("etag"), "\"big\"");
                clear = last.body.len;
                assert_int_equal(ask("GET", targets[i], "Accept-Encoding: br, gzip\r\n", NULL), 200);
                assert_str(reply_header("content-encoding"), "gzip");
                assert_str(reply_header("vary"), "Accept-Encoding");
                assert_str(reply_header("etag"), "\"big-gzip\"");
                assert_true(last.body.len < clear / 10);
                assert_int_equal(unpacked_length(last.body), clear);
                assert_str(reply_header("content-length"), bb_print("%zu", last.body.len).ptr);
        }
        assert_int_equal(ask("GET", "/big/3", "Accept-Encoding: gzip\r\n", NULL), 200);
        assert_null(reply_header("content-encoding").ptr);
        assert_int_equal(ask("GET", "/big/100", "Accept-Encoding: gzip\r\nIf-None-Match: \"big-gzip\"\r\n", NULL), 304);
        assert_str(reply_header("etag"), "\"big-gzip\"");
}

/* --- files --- */

static void ranges_are_read_strictly(void **state)
{
        static const struct {
                const char *header;
                int64_t size;
                bb_err err;
                int64_t from, length;
        } cases[] = {{"bytes=0-99", 1000, BB_OK, 0, 100},
                     {"bytes=990-", 1000, BB_OK, 990, 10},
                     {"bytes=-10", 1000, BB_OK, 990, 10},
                     {"bytes=-2000", 1000, BB_OK, 0, 1000},
                     {"bytes=500-5000", 1000, BB_OK, 500, 500},
                     {"bytes=999-999", 1000, BB_OK, 999, 1},
                     {"Bytes=0-0", 1000, BB_OK, 0, 1},
                     {"bytes=1000-", 1000, BB_E_INVALID, 0, 0},
                     {"bytes=-0", 1000, BB_E_INVALID, 0, 0},
                     {"bytes=0-", 0, BB_E_INVALID, 0, 0},
                     {"bytes=-5", 0, BB_E_INVALID, 0, 0},
                     {"bytes=5-4", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=0-1,3-4", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"lines=0-1", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=-", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=a-b", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=--5", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=+1-5", 1000, BB_E_NOT_FOUND, 0, 0},
                     {"bytes=99999999999999999999-", 1000, BB_E_NOT_FOUND, 0, 0}};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                int64_t from = -1, length = -1;

                if (range_parse(bb_cstr(cases[i].header), cases[i].size, &from, &length) != cases[i].err)
                        fail_msg("%s", cases[i].header);
                if (cases[i].err != BB_OK)
                        continue;
                assert_int_equal(from, cases[i].from);
                assert_int_equal(length, cases[i].length);
        }
        assert_int_equal(range_parse(BB_NONE, 5, &(int64_t){0}, &(int64_t){0}), BB_E_NOT_FOUND);
}

static void file_names_are_encoded(void **state)
{
        (void)state;
        assert_str(content_disposition(BB_STR("sessions-2026.xlsx")), "attachment; filename=\"sessions-2026.xlsx\"");
        assert_str(content_disposition(BB_STR("Säulen \"A\"/\r\n€.csv")),
                   "attachment; filename=\"S_ulen _A_____.csv\"; "
                   "filename*=UTF-8''S%C3%A4ulen%20%22A%22%2F%0D%0A%E2%82%AC.csv");
}

static void write_file(const char *path, size_t size)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        for (size_t i = 0; i < size; i++)
                fputc("0123456789"[i % 10], f);
        fclose(f);
}

static void a_file_is_sent_whole_and_in_parts(void **state)
{
        const size_t size = 700001; /* several pieces, and one that is not full */
        char tag[64];

        (void)state;
        write_file(file_path, size);
        assert_int_equal(ask("GET", "/file", NULL, NULL), 200);
        assert_int_equal(last.body.len, size);
        for (size_t i = 0; i < size; i++)
                if (last.body.ptr[i] != "0123456789"[i % 10])
                        fail_msg("byte %zu", i);
        assert_str(reply_header("content-length"), "700001");
        assert_str(reply_header("content-type"), "text/csv");
        assert_str(reply_header("accept-ranges"), "bytes");
        assert_str(reply_header("content-disposition"),
                   "attachment; filename=\"S_ulen 100_.csv\"; filename*=UTF-8''S%C3%A4ulen%20100%25.csv");
        snprintf(tag, sizeof(tag), "%.*s", BB_FMT(reply_header("etag")));
        assert_int_equal(ask("HEAD", "/file", NULL, NULL), 200);
        assert_str(reply_header("content-length"), "700001");
        assert_int_equal(last.body.len, 0);
        assert_int_equal(ask("GET", "/file", "Range: bytes=13-17\r\n", NULL), 206);
        assert_body("34567");
        assert_str(reply_header("content-range"), "bytes 13-17/700001");
        assert_int_equal(ask("GET", "/file", "Range: bytes=-3\r\n", NULL), 206);
        assert_body("890");
        ask("GET", "/file", "Range: bytes=700001-\r\n", NULL);
        assert_problem(416, "range-not-satisfiable");
        assert_str(reply_header("content-range"), "bytes */700001");
        assert_int_equal(ask("GET", "/file", bb_print("If-None-Match: %s\r\n", tag).ptr, NULL), 304);
        assert_int_equal(ask("GET", "/file", bb_print("Range: bytes=0-1\r\nIf-Range: %s\r\n", tag).ptr, NULL), 206);
        assert_int_equal(ask("GET", "/file", "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n", NULL), 200);
        assert_int_equal(last.body.len, size);
}

static void what_is_no_file_is_not_found(void **state)
{
        const char *kept_path = file_path;

        (void)state;
        assert_int_equal(unlink(file_path), 0);
        ask("GET", "/file", NULL, NULL);
        assert_problem(404, "not-found");
        assert_int_equal(mkfifo(file_path, 0600), 0); /* opening it must not wait for a writer */
        ask("GET", "/file", NULL, NULL);
        assert_problem(404, "not-found");
        unlink(file_path);
        file_path = "/";
        ask("GET", "/file", NULL, NULL);
        assert_problem(404, "not-found");
        file_path = kept_path;
        write_file(file_path, 0);
        assert_int_equal(ask("GET", "/file", NULL, NULL), 200);
        assert_str(reply_header("content-length"), "0");
        unlink(file_path);
}

static void streams_end_well_or_are_cut(void **state)
{
        (void)state;
        assert_int_equal(ask("GET", "/stream", NULL, NULL), 200);
        assert_body("data: 0\n\ndata: 1\n\ndata: 2\n\n");
        assert_str(reply_header("content-type"), "text/event-stream");
        assert_str(reply_header("x-content-type-options"), "nosniff");
        assert_int_equal(ask("HEAD", "/stream", NULL, NULL), 200);
        assert_int_equal(last.body.len, 0);
        assert_int_equal(ask_raw(BB_STR("GET /stream HTTP/1.1\r\nHost: nord.test\r\nConnection: close\r\n\r\n")), 200);
        assert_non_null(strstr(last.body.ptr, "\r\n0\r\n\r\n"));
}

static void a_stream_that_breaks_is_seen_to_break(void **state)
{
        static const char request[] = "GET /broken HTTP/1.1\r\nHost: nord.test\r\nConnection: close\r\n\r\n";
        char bytes[4096];
        size_t count = 0;
        ssize_t got = -1;
        int fd = client_socket();

        (void)state;
        assert_true(send(fd, request, sizeof(request) - 1, 0) > 0);
        for (int i = 0; i < 200 && !(got == 0 || (got < 0 && i > 0 && errno == ECONNRESET)); i++) {
                loop_turn(5);
                errno = 0;
                got = recv(fd, bytes + count, sizeof(bytes) - 1 - count, MSG_DONTWAIT);
                count += got > 0 ? (size_t)got : 0;
        }
        bytes[count] = '\0';
        close(fd);
        assert_true(got == 0 || errno == ECONNRESET);
        assert_null(strstr(bytes, "\r\n0\r\n")); /* no last chunk: nobody takes the half for the whole */
}

/* --- OpenAPI --- */

static bb_json *described(const char *host)
{
        struct bb_fault fault;
        bb_json *j;

        assert_int_equal(ask_host(host, "GET", "/v1/openapi.json", NULL, NULL), 200);
        assert_int_equal(bb_json_parse(last.body, &j, &fault), BB_OK);
        return j;
}

/* "paths", "/v1/things", "get", …, NULL */
static bb_json *at(bb_json *j, ...)
{
        const char *name;
        va_list args;

        va_start(args, j);
        while (j != NULL && (name = va_arg(args, const char *)) != NULL)
                j = bb_json_kind(j) == BB_J_ARRAY ? bb_json_at(j, (size_t)strtol(name, NULL, 10))
                                                  : bb_json_get(j, name);
        va_end(args);
        return j;
}

static void assert_text(bb_json *j, const char *expected)
{
        assert_non_null(j);
        assert_str(bb_json_kind(j) == BB_J_STR ? bb_json_str(j) : bb_json_text(j), expected);
}

static void the_description_fits_the_routes(void **state)
{
        bb_json *d = described("nord.test"), *list, *post;

        (void)state;
        assert_text(at(d, "openapi", NULL), "3.1.0");
        assert_text(at(d, "info", "title", NULL), "Nordlicht");
        assert_text(at(d, "servers", "0", "url", NULL), "http://nord.test");
        list = at(d, "paths", "/v1/things", "get", NULL);
        assert_text(at(list, "operationId", NULL), "listThings");
        assert_text(at(list, "x-required-scope", NULL), "things:read");
        assert_text(at(list, "tags", NULL), "[\"things\"]");
        assert_text(at(list, "security", NULL), "[{\"bearer\":[]}]");
        assert_text(at(list, "parameters", "0", "schema", "enum", NULL), "[\"small\",\"large\"]");
        assert_text(at(list, "parameters", "1", "required", NULL), "true");
        assert_text(at(list, "parameters", "2", "$ref", NULL), "#/components/parameters/limit");
        assert_text(at(list, "responses", "200", "content", "application/json", "schema", "properties", "items",
                       "items", "$ref", NULL),
                    "#/components/schemas/Thing");
        post = at(d, "paths", "/v1/things", "post", NULL);
        assert_text(at(post, "requestBody", "content", "application/json", "schema", "$ref", NULL),
                    "#/components/schemas/Thing");
        assert_non_null(at(post, "responses", "201", NULL));
        assert_text(at(post, "tags", NULL), "[\"stations\"]");
        assert_text(at(d, "paths", "/v1/things/{id}", "get", "parameters", "0", "name", NULL), "id");
        assert_text(at(d, "paths", "/v1/things/{id}", "get", "security", NULL), "[]");
        assert_text(at(d, "paths", "/v1/things/{id}", "put", "parameters", "1", "$ref", NULL),
                    "#/components/parameters/ifMatch");
        assert_non_null(at(d, "paths", "/ocpp/{station}", "get", "responses", "101", NULL));
        assert_non_null(at(d, "paths", "/v1/files/{name}", "get", NULL));
        assert_null(at(d, "paths", "/file", NULL)); /* hidden */
        assert_text(at(d, "components", "schemas", "Thing", "properties", "count", "description", NULL), "How many.");
        assert_text(at(d, "components", "securitySchemes", "bearer", "scheme", NULL), "bearer");
}

/* Every "$ref" must lead somewhere, every operationId be there once. */
static void check_refs(bb_json *root, bb_json *j, bb_json *ids)
{
        bb_str name, target;
        bb_json *value;

        if (bb_json_kind(j) == BB_J_ARRAY)
                for (size_t i = 0; i < bb_json_count(j); i++)
                        check_refs(root, bb_json_at(j, i), ids);
        for (size_t i = 0; bb_json_kind(j) == BB_J_OBJECT && i < bb_json_count(j); i++) {
                assert_int_equal(bb_json_member(j, i, &name, &value), BB_OK);
                check_refs(root, value, ids);
                target = bb_json_str(value);
                if (bb_str_is(name, "operationId")) {
                        assert_null(bb_json_get(ids, bb_str_c(target)));
                        bb_json_set(ids, bb_str_c(target), bb_json_new_null());
                }
                if (!bb_str_is(name, "$ref"))
                        continue;
                assert_true(str_starts(target, BB_STR("#/")));
                target = str_sub(target, 2, target.len);
                value = root;
                while (str_split(&target, '/', &name))
                        value = bb_json_get(value, bb_str_c(name));
                assert_non_null(value);
        }
}

static void the_description_is_whole(void **state)
{
        bb_json *d = described("nord.test");

        (void)state;
        check_refs(d, d, bb_json_new_object());
}

static void each_tenant_sees_its_own_description(void **state)
{
        bb_json *d = described("nord.test");

        (void)state;
        assert_non_null(at(d, "paths", "/v1/exports", NULL));
        d = described("sued.test");
        assert_null(at(d, "paths", "/v1/exports", NULL));
        assert_text(at(d, "servers", "0", "url", NULL), "https://api.sued.example");
        assert_text(at(d, "info", "title", NULL), "Südstrom");
}

/* --- the log --- */

static struct buf lines;

static void keep_line(bb_str line, void *arg)
{
        (void)arg;
        buf_add_str(&lines, line);
}

static void each_request_has_one_line(void **state)
{
        (void)state;
        log_set_level(BB_DEBUG);
        log_capture(keep_line, NULL);
        ask("GET", "/v1/things/7?", NULL, NULL);
        ask("GET", "/v1/things?since=top-secret", KEY("things:read"), NULL);
        log_capture(NULL, NULL);
        log_set_level(BB_ERROR);
        buf_add_char(&lines, '\0');
        assert_non_null(strstr(lines.ptr, "http.request"));
        assert_non_null(strstr(lines.ptr, "/v1/things/{id}"));
        assert_non_null(strstr(lines.ptr, bb_str_c(reply_header("x-request-id"))));
        assert_null(strstr(lines.ptr, "top-secret"));
        assert_null(strstr(lines.ptr, "Bearer"));
        buf_free(&lines);
}

static char folder[] = "/tmp/busbar-net-XXXXXX";

static int start(void **state)
{
        (void)state;
        assert_non_null(mkdtemp(folder));
        world_start(router_service());
        file_path = heap_str(arena_print(arena_current, "%s/file", folder)).ptr;
        router_init(&test_world);
        assert_int_equal(http_ops.routes(STATIONS, routes, BB_COUNT(routes), sizeof(routes[0])), BB_OK);
        assert_int_equal(http_ops.routes(EXPORT, export_routes, BB_COUNT(export_routes), sizeof(export_routes[0])),
                         BB_OK);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        buf_free(&last.bytes);
        world_stop();
        free((void *)(uintptr_t)file_path);
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_version_that_the_caller_has_is_not_sent_again),
                cmocka_unit_test(a_change_of_another_version_is_refused),
                cmocka_unit_test(what_is_not_there_yet_has_no_version),
                cmocka_unit_test(a_repeated_post_gets_the_first_answer),
                cmocka_unit_test(a_refusal_is_an_answer_too_but_an_outage_is_none),
                cmocka_unit_test(a_key_must_be_one),
                cmocka_unit_test(while_the_first_is_under_way_the_second_is_told),
                cmocka_unit_test(who_accepts_gzip),
                cmocka_unit_test(long_json_is_compressed_for_who_wants_it),
                cmocka_unit_test(ranges_are_read_strictly),
                cmocka_unit_test(file_names_are_encoded),
                cmocka_unit_test(a_file_is_sent_whole_and_in_parts),
                cmocka_unit_test(what_is_no_file_is_not_found),
                cmocka_unit_test(streams_end_well_or_are_cut),
                cmocka_unit_test(a_stream_that_breaks_is_seen_to_break),
                cmocka_unit_test(the_description_fits_the_routes),
                cmocka_unit_test(the_description_is_whole),
                cmocka_unit_test(each_tenant_sees_its_own_description),
                cmocka_unit_test(each_request_has_one_line),
        };

        return cmocka_run_group_tests_name("net_answers", tests, start, stop);
}
