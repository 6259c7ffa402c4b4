/* SPDX-License-Identifier: Apache-2.0
 *
 * A small world for tests of the router: two tenants, two plugins of which the second tenant lacks one, people, a
 * memory for Idempotency-Keys, a listener on loopback, and a client of raw bytes. Included by one file of a test each.
 */
#ifndef TESTS_UNIT_NET_WORLD_H
#define TESTS_UNIT_NET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/tenant.h"
#include "net/router.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELPER static __attribute__((unused)) /* not every test needs all of them */

/* --- who there is --- */

static char ref_stations, ref_export;
#define STATIONS ((bb_plugin_ref *)(void *)&ref_stations)
#define EXPORT ((bb_plugin_ref *)(void *)&ref_export)

static struct bb_tenant nord = {.magic = TENANT_MAGIC, .id = {"nord", 4}, .name = {"Nordlicht", 9}};
static struct bb_tenant sued = {.magic = TENANT_MAGIC, .id = {"sued", 4}, .name = {"Südstrom", 9}};

static int world_is_ready = 1;

static bb_tenant *world_by_host(bb_str host)
{
        if (bb_str_is(host, "nord.test"))
                return &nord;
        return bb_str_is(host, "sued.test") ? &sued : NULL;
}

static bb_tenant *world_by_id(bb_str id)
{
        if (bb_str_is(id, "nord"))
                return &nord;
        return bb_str_is(id, "sued") ? &sued : NULL;
}

static int world_export_is_down, world_auth_is_down;

static int32_t world_tenant_enables(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        return who == STATIONS || (who == EXPORT && tenant == &nord);
}

static int32_t world_tenant_has(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        return world_tenant_enables(who, tenant) && !(who == EXPORT && world_export_is_down);
}

static void *world_state(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        (void)who;
        return (void *)(uintptr_t)tenant;
}

static bb_str world_option(const bb_tenant *tenant, const char *name)
{
        return tenant == &sued && strcmp(name, "base_url") == 0 ? BB_STR("https://api.sued.example/") : BB_NONE;
}

static const char *world_plugin_name(const bb_plugin_ref *who)
{
        return who == STATIONS ? "stations" : who == EXPORT ? "export" : NULL;
}

/* "Bearer <scopes, separated by commas>"; "Bearer down" is a database that is away. */
static BB_AWAIT bb_err world_authenticate(bb_str authorization, bb_str remote, struct bb_principal *ret,
                                          bb_str *ret_why)
{
        bb_str *scopes = BB_NEW_ARRAY(bb_str, 8), rest;

        (void)remote;
        if (!str_starts(authorization, BB_STR("Bearer ")) || bb_str_is(authorization, "Bearer wrong")) {
                *ret_why = BB_STR("This key is not known.");
                return BB_E_UNAUTHORIZED;
        }
        if (bb_str_is(authorization, "Bearer down"))
                return BB_E_UNAVAILABLE;
        bb_sleep(1);
        rest = str_sub(authorization, 7, authorization.len);
        ret->actor = BB_STR("key:test");
        ret->scopes = scopes;
        while (ret->scope_count < 8 && str_split(&rest, ',', &scopes[ret->scope_count]))
                ret->scope_count++;
        return BB_OK;
}

static const struct bb_auth_ops world_auth_ops = {.size = sizeof(world_auth_ops), .authenticate = world_authenticate};

/* Tenant "sued" has no plugin that knows people. */
static const struct bb_auth_ops *world_auth(const bb_tenant *tenant)
{
        return tenant == &nord && !world_auth_is_down ? &world_auth_ops : NULL;
}

static int32_t world_auth_away(const bb_tenant *tenant)
{
        return tenant == &nord && world_auth_is_down;
}

static int32_t world_trusts_loopback;

static int32_t world_trusted_proxy(bb_str address)
{
        return world_trusts_loopback && (str_starts(address, BB_STR("127.")) || bb_str_is(address, "10.0.0.1"));
}

static int32_t world_tls = ROUTER_TLS_FITS;

static int32_t world_tls_fit(const bb_tenant *tenant, const struct http_request *req)
{
        (void)req;
        return tenant == &nord ? world_tls : ROUTER_TLS_FITS;
}

static int32_t world_ready(void)
{
        return world_is_ready;
}

/* --- memory for Idempotency-Keys --- */

static struct kept {
        int used, done;
        char actor[64], route[64], key[256];
        uint8_t digest[32];
        int32_t status;
        bb_str headers, body;
} kept[8];

static struct kept *kept_find(bb_str actor, bb_str route, bb_str key)
{
        for (size_t i = 0; i < BB_COUNT(kept); i++)
                if (kept[i].used && bb_str_is(actor, kept[i].actor) && bb_str_is(route, kept[i].route) &&
                    bb_str_is(key, kept[i].key))
                        return &kept[i];
        return NULL;
}

static void kept_free(struct kept *k)
{
        free((void *)(uintptr_t)k->headers.ptr);
        free((void *)(uintptr_t)k->body.ptr);
        *k = (struct kept){.used = 0};
}

static bb_err world_idempotency_begin(bb_str actor, bb_str route, bb_str key, const uint8_t digest[32],
                                      int32_t *ret_status, bb_str *ret_headers_json, bb_str *ret_body)
{
        struct kept *k = kept_find(actor, route, key);

        for (size_t i = 0; k == NULL && i < BB_COUNT(kept); i++) {
                if (kept[i].used)
                        continue;
                kept[i].used = 1;
                snprintf(kept[i].actor, sizeof(kept[i].actor), "%.*s", BB_FMT(actor));
                snprintf(kept[i].route, sizeof(kept[i].route), "%.*s", BB_FMT(route));
                snprintf(kept[i].key, sizeof(kept[i].key), "%.*s", BB_FMT(key));
                memcpy(kept[i].digest, digest, 32);
                return BB_OK;
        }
        assert_non_null(k);
        if (memcmp(k->digest, digest, 32) != 0)
                return BB_E_CONFLICT;
        if (!k->done)
                return BB_E_BUSY;
        *ret_status = k->status;
        *ret_headers_json = bb_str_dup(k->headers);
        *ret_body = bb_str_dup(k->body);
        return BB_E_EXISTS;
}

static bb_err world_idempotency_end(bb_str actor, bb_str route, bb_str key, int32_t status, bb_str headers_json,
                                    bb_str body)
{
        struct kept *k = kept_find(actor, route, key);

        assert_non_null(k);
        if (status == 0) {
                kept_free(k);
                return BB_OK;
        }
        k->done = 1;
        k->status = status;
        k->headers = heap_str(headers_json);
        k->body = heap_str(body);
        return BB_OK;
}

HELPER const struct router_world test_world = {
        .tenant_by_host = world_by_host,
        .tenant_by_id = world_by_id,
        .tenant_has = world_tenant_has,
        .tenant_state = world_state,
        .tenant_option = world_option,
        .plugin_name = world_plugin_name,
        .auth = world_auth,
        .trusted_proxy = world_trusted_proxy,
        .ready = world_ready,
        .idempotency_begin = world_idempotency_begin,
        .idempotency_end = world_idempotency_end,
        .tenant_enables = world_tenant_enables,
        .auth_away = world_auth_away,
        .tls_fit = world_tls_fit,
};

/* --- a listener, and a client of raw bytes --- */

static struct http_listener *world_listener;
static int32_t world_port;

HELPER void world_start(const struct http_service *service)
{
        static const struct http_limits limits = {.max_connections = 100};

        log_set_level(BB_ERROR);
        if (loop_base() == NULL)
                assert_int_equal(loop_init(2), BB_OK);
        assert_int_equal(http_listen("127.0.0.1:0", NULL, service, &limits, &world_listener, &world_port), BB_OK);
}

HELPER void world_stop(void)
{
        for (size_t i = 0; i < BB_COUNT(kept); i++)
                kept_free(&kept[i]);
        http_listener_stop_accepting(world_listener);
        http_listener_drain(world_listener, 1000);
        task_cancel_group(NULL, NULL);
        for (int i = 0; i < 200 && (task_count() > 0 || http_listener_count(world_listener) > 0); i++)
                loop_turn(10);
        http_listener_free(world_listener);
        router_close();
        loop_close();
}

struct reply {
        int status;
        bb_str head, body; /* views of `bytes` */
        struct buf bytes;
};

static struct reply last; /* of the last ask() */

HELPER bb_str reply_header(const char *name)
{
        bb_str rest = last.head, line;

        while (str_split(&rest, '\n', &line)) {
                ptrdiff_t colon = str_find(line, ':');

                if (colon > 0 && str_eq_nocase(str_sub(line, 0, (size_t)colon), bb_cstr(name)))
                        return str_trim(str_sub(line, (size_t)colon + 1, line.len - (size_t)colon - 2));
        }
        return BB_NONE;
}

HELPER int client_socket(void)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)world_port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
        return fd;
}

HELPER void read_all(int fd)
{
        char piece[16384];
        ssize_t got = -1;

        for (int idle = 0; idle < 1000 && got != 0;) {
                loop_turn(5);
                got = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
                if (got > 0)
                        buf_add(&last.bytes, piece, (size_t)got);
                idle = got < 0 ? idle + 1 : 0;
        }
        assert_int_equal(got, 0); /* the server ended it, we did not give up */
}

HELPER void split_reply(void)
{
        bb_str all = buf_str(&last.bytes);

        for (size_t i = 0; i + 4 <= all.len; i++) {
                if (memcmp(all.ptr + i, "\r\n\r\n", 4) != 0)
                        continue;
                last.head = str_sub(all, 0, i + 2);
                last.body = str_sub(all, i + 4, all.len);
                assert_int_equal(sscanf(all.ptr, "HTTP/1.%*c %d", &last.status), 1);
                return;
        }
        last.status = 0;
        last.head = last.body = BB_STR("");
}

/* Sends the bytes, keeps the reply in `last`, returns its status. */
HELPER int ask_raw(bb_str bytes)
{
        int fd = client_socket();

        buf_free(&last.bytes);
        assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
        read_all(fd);
        close(fd);
        buf_add_char(&last.bytes, '\0');
        last.bytes.len--;
        split_reply();
        return last.status;
}

/* HTTP/1.0 for answers in one piece whatever their length. `headers`: complete lines. */
HELPER int ask_host(const char *host, const char *method, const char *target, const char *headers, const char *body)
{
        struct buf b = {.ptr = NULL};
        int status;

        buf_print(&b, "%s %s HTTP/1.0\r\nHost: %s\r\n%s", method, target, host, headers != NULL ? headers : "");
        if (body != NULL)
                buf_print(&b, "Content-Length: %zu\r\n", strlen(body));
        buf_print(&b, "\r\n%s", body != NULL ? body : "");
        status = ask_raw(buf_str(&b));
        buf_free(&b);
        return status;
}

HELPER int ask(const char *method, const char *target, const char *headers, const char *body)
{
        return ask_host("nord.test", method, target, headers, body);
}

#define KEY(scopes) "Authorization: Bearer " scopes "\r\n"
#define JSON "Content-Type: application/json\r\n"

HELPER void assert_body(const char *expected)
{
        assert_string_equal(last.body.ptr, expected);
}

/* One member of the reply's body, which must be a JSON object. */
HELPER bb_str body_member(const char *name)
{
        struct bb_fault fault;
        bb_json *j, *value;

        assert_int_equal(bb_json_parse(last.body, &j, &fault), BB_OK);
        value = bb_json_get(j, name);
        return bb_json_kind(value) == BB_J_STR ? bb_json_str(value) : value != NULL ? bb_json_text(value) : BB_NONE;
}

HELPER void assert_str(bb_str actual, const char *expected)
{
        assert_string_equal(bb_str_c(actual), expected);
}

HELPER void assert_problem(int status, const char *code)
{
        if (last.status != status || !bb_str_is(body_member("code"), code))
                print_message("%.*s\n", BB_FMT(buf_str(&last.bytes)));
        assert_int_equal(last.status, status);
        assert_str(reply_header("content-type"), "application/problem+json");
        assert_str(body_member("code"), code);
        assert_str(body_member("type"), bb_print("urn:busbar:problem:%s", code).ptr);
        assert_str(body_member("status"), bb_print("%d", status).ptr);
        assert_true(body_member("title").len > 0);
        assert_str(body_member("trace_id"), bb_str_c(reply_header("x-request-id")));
        assert_int_equal(reply_header("x-request-id").len, 16);
}

#endif
