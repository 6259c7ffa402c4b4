/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of the WebSocket handshake (RFC 6455 §4.1): connect, ask, check the answer. Straight-line code in
 * the caller's task; what comes after is websocket.c's.
 */
#include "base/str.h"
#include "net/tls.h"
#include "net/ws.h"
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/socket.h>

enum { CONNECT_MS = 10 * 1000, MAX_ADDRESSES = 4 };

struct client {
        bb_str host, authority, target;
        uint16_t port;
        int32_t is_tls;
        const char *ca_file;
        int64_t end_ms; /* mono */
        struct task *task;
        struct wire *wire;
        int32_t connected, broken;
        char key[25];
};

static void client_close(struct client *c)
{
        if (c->wire != NULL)
                wire_free(c->wire);
        c->wire = NULL;
}

/* --- the URL --- */

static bb_err parse_url(bb_str url, struct client *c)
{
        bb_str rest;
        size_t end = 0;

        if (str_eq_nocase(str_sub(url, 0, 5), BB_STR("ws://"))) {
                rest = str_sub(url, 5, url.len);
                c->port = 80;
        } else if (str_eq_nocase(str_sub(url, 0, 6), BB_STR("wss://"))) {
                rest = str_sub(url, 6, url.len);
                c->port = 443;
                c->is_tls = 1;
        } else {
                return BB_E_INVALID;
        }
        while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
                end++;
        c->authority = c->host = str_sub(rest, 0, end);
        c->target = str_sub(rest, end, rest.len);
        for (size_t i = 0; i < url.len; i++)
                if ((uint8_t)url.ptr[i] <= ' ' || (uint8_t)url.ptr[i] >= 0x7f || url.ptr[i] == '#' || url.ptr[i] == '@')
                        return BB_E_INVALID;
        if (c->target.len == 0 || c->target.ptr[0] != '/')
                c->target = bb_print("/%.*s", BB_FMT(c->target));
        if (c->host.len == 0)
                return BB_E_INVALID;
        if (c->host.ptr[c->host.len - 1] == ']') {
                c->host = str_sub(c->host, 1, c->host.len - 2);
                return BB_OK;
        }
        return str_find(c->host, ':') < 0 ? BB_OK : addr_split(c->authority, &c->host, &c->port);
}

/* --- waiting --- */

static void on_change(struct wire *wire, void *arg)
{
        struct client *c = arg;

        (void)wire;
        task_wake(c->task);
}

static void on_event(struct wire *wire, int32_t what, void *arg)
{
        struct client *c = arg;

        if (what == WIRE_CONNECTED)
                c->connected = 1;
        else
                c->broken = 1;
        on_change(wire, arg);
}

static const struct wire_handler handler = {.on_read = on_change, .on_write = on_change, .on_event = on_event};

static bb_err wait_change(struct client *c)
{
        int64_t left = c->end_ms - bb_mono_ms();

        return left > 0 ? task_park(left) : BB_E_TIMEOUT;
}

/* --- connecting --- */

static bb_err open_socket(struct client *c)
{
        if (c->is_tls)
                return tls_connect_new(c->host, c->ca_file, 0, &c->wire);
        c->wire = wire_new(-1, NULL);
        return c->wire != NULL ? BB_OK : BB_E_IO;
}

static bb_err connect_one(struct client *c, struct addr *a)
{
        bb_err err;

        c->connected = c->broken = 0;
        TRY(open_socket(c));
        wire_set_handler(c->wire, &handler, c);
        if (wire_connect(c->wire, (struct sockaddr *)&a->sa, a->len) < 0)
                c->broken = 1;
        for (err = BB_OK; err == BB_OK && !c->connected && !c->broken;)
                err = wait_change(c);
        if (err == BB_OK && c->connected)
                return BB_OK;
        if (err == BB_OK && c->is_tls)
                tls_log_failure(c->wire, arena_str(arena_current, c->host).ptr);
        client_close(c);
        return err < 0 ? err : BB_E_UNAVAILABLE;
}

static bb_err connect_any(struct client *c)
{
        struct addr *addrs = BB_NEW_ARRAY(struct addr, MAX_ADDRESSES);
        size_t count;
        bb_err err = BB_E_UNAVAILABLE;

        TRY(addr_resolve(c->host, c->port, addrs, MAX_ADDRESSES, &count));
        for (size_t i = 0; i < count && err == BB_E_UNAVAILABLE; i++)
                err = connect_one(c, &addrs[i]);
        return err;
}

/* --- asking --- */

static int32_t may_set(bb_str name)
{
        static const char *const ours[] = {"upgrade",
                                           "connection",
                                           "sec-websocket-key",
                                           "sec-websocket-version",
                                           "sec-websocket-protocol",
                                           "sec-websocket-extensions",
                                           "content-length",
                                           "transfer-encoding"};

        for (size_t i = 0; i < BB_COUNT(ours); i++)
                if (str_eq_nocase(name, bb_cstr(ours[i])))
                        return 0;
        return 1;
}

static bb_err add_headers(struct buf *out, const struct client *c, const struct bb_http_header *h, size_t count)
{
        int32_t has_host = 0;

        for (size_t i = 0; i < count; i++) {
                if (!http1_is_token(h[i].name) || !http1_is_field_value(h[i].value) || !may_set(h[i].name))
                        return BB_E_INVALID;
                has_host |= str_eq_nocase(h[i].name, BB_STR("host"));
                buf_print(out, "%.*s: %.*s\r\n", BB_FMT(h[i].name), BB_FMT(h[i].value));
        }
        if (!has_host)
                buf_print(out, "Host: %.*s\r\n", BB_FMT(c->authority));
        return BB_OK;
}

static bb_err send_request(struct client *c, const struct bb_http_header *h, size_t count, const char *subprotocol)
{
        _cleanup_buf_ struct buf out = {0};
        unsigned char nonce[16];

        if (RAND_bytes(nonce, sizeof(nonce)) != 1)
                return BB_E_INTERNAL;
        EVP_EncodeBlock((unsigned char *)c->key, nonce, sizeof(nonce));
        buf_print(&out, "GET %.*s HTTP/1.1\r\n", BB_FMT(c->target));
        TRY(add_headers(&out, c, h, count));
        buf_print(&out,
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                  "Sec-WebSocket-Version: 13\r\n",
                  c->key);
        if (subprotocol != NULL)
                buf_print(&out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
        buf_add_c(&out, "\r\n");
        wire_send(c->wire, out.ptr, out.len);
        return BB_OK;
}

/* --- the answer --- */

static bb_err check_answer(const struct client *c, const struct http1_head *head, const struct bb_http_header *h,
                           const char *subprotocol)
{
        bb_str chosen = http1_header(h, head->header_count, "sec-websocket-protocol", NULL);
        char expected[29];

        ws_accept_key(bb_cstr(c->key), expected);
        if (!http1_list_has(http1_header(h, head->header_count, "upgrade", NULL), "websocket") ||
            !http1_list_has(http1_header(h, head->header_count, "connection", NULL), "upgrade") ||
            !bb_str_is(http1_header(h, head->header_count, "sec-websocket-accept", NULL), expected))
                return BB_E_PROTOCOL;
        if (http1_header(h, head->header_count, "sec-websocket-extensions", NULL).ptr != NULL)
                return BB_E_PROTOCOL; /* we offered none */
        if (subprotocol == NULL)
                return chosen.ptr == NULL ? BB_OK : BB_E_PROTOCOL;
        return bb_str_is(chosen, subprotocol) ? BB_OK : BB_E_PROTOCOL;
}

static bb_err take_answer(struct client *c, size_t start, size_t len, const char *subprotocol, int32_t *ret_status)
{
        struct bb_http_header *headers = BB_NEW_ARRAY(struct bb_http_header, HTTP1_MAX_FIELDS);
        struct http1_fault fault;
        struct http1_head head;
        char *block = bb_alloc(len);

        wire_move(c->wire, block, len);
        if (http1_parse_answer(block + start, len - start, headers, &head, &fault) < 0)
                return BB_E_PROTOCOL;
        if (ret_status != NULL)
                *ret_status = head.status;
        if (head.status != 101)
                return BB_E_REJECTED;
        return check_answer(c, &head, headers, subprotocol);
}

static bb_err read_answer(struct client *c, const char *subprotocol, int32_t *ret_status)
{
        struct http1_scan scan = {0};
        struct http1_fault fault;

        for (;;) {
                bb_str in = wire_in(c->wire);
                ptrdiff_t end = http1_scan(&scan, in.ptr, in.len, &fault);

                if (end < 0)
                        return BB_E_PROTOCOL;
                if (end > 0)
                        return take_answer(c, scan.start, (size_t)end, subprotocol, ret_status);
                if (c->broken)
                        return BB_E_CLOSED;
                TRY(wait_change(c));
        }
}

static bb_err shake_hands(struct client *c, const struct bb_http_header *h, size_t count, const char *subprotocol,
                          int32_t *ret_status)
{
        TRY(connect_any(c));
        TRY(send_request(c, h, count, subprotocol));
        return read_answer(c, subprotocol, ret_status);
}

bb_err websocket_connect(bb_plugin_ref *who, bb_tenant *tenant, bb_str url, const struct bb_http_header *headers,
                         size_t count, const char *ca_file, const struct bb_ws_handler *h, void *user, bb_ws **ret,
                         int32_t *ret_http_status)
{
        struct client c = {.ca_file = ca_file, .task = task_current(), .end_ms = bb_mono_ms() + CONNECT_MS};
        struct bb_ws *ws;
        bb_err err;

        if (ret_http_status != NULL)
                *ret_http_status = 0;
        if (!ws_handler_valid(h))
                return BB_E_INVALID;
        TRY(parse_url(url, &c));
        err = shake_hands(&c, headers, count, h->subprotocol, ret_http_status);
        if (err == BB_OK && c.broken)
                err = BB_E_CLOSED;
        if (err < 0) {
                client_close(&c);
                return err;
        }
        ws = ws_new(c.wire, who, tenant, h, user);
        ws->client = 1;
        ws->is_tls = c.is_tls != 0;
        ws->remote = (char *)(uintptr_t)heap_str(c.host).ptr;
        *ret = ws;
        ws_start(ws);
        return BB_OK;
}
