/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's side of the WebSocket handshake (RFC 6455 §4.2): is this request one, and the 101 that answers it.
 */
#include "net/ws.h"
#include <openssl/evp.h>

static bb_str only_header(const struct http_request *req, const char *name)
{
        size_t count;
        bb_str value = http1_header(req->headers, req->header_count, name, &count);

        return count == 1 ? value : BB_NONE;
}

/* A list may be spread over several fields. */
static int32_t any_header_has(const struct http_request *req, const char *name, const char *token)
{
        for (size_t i = 0; i < req->header_count; i++)
                if (bb_str_is(req->headers[i].name, name) && http1_list_has(req->headers[i].value, token))
                        return 1;
        return 0;
}

static int32_t is_key(bb_str key)
{
        unsigned char raw[24];

        return key.len == 24 && key.ptr[22] == '=' && key.ptr[23] == '=' && key.ptr[21] != '=' &&
               EVP_DecodeBlock(raw, (const unsigned char *)key.ptr, 24) == 18;
}

int32_t websocket_check(const struct http_request *req)
{
        if (!bb_str_is(req->method, "GET") || req->minor_version != 1 || req->body.len > 0)
                return 400;
        if (!any_header_has(req, "upgrade", "websocket"))
                return 426;
        if (!any_header_has(req, "connection", "upgrade") || !is_key(only_header(req, "sec-websocket-key")))
                return 400;
        return bb_str_is(only_header(req, "sec-websocket-version"), "13") ? 0 : 426;
}

static void send_101(const struct http_request *req, const char *subprotocol)
{
        _cleanup_buf_ struct buf out = {0};
        char accept[29];

        ws_accept_key(only_header(req, "sec-websocket-key"), accept);
        buf_add_c(&out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        reply_date(&out);
        buf_print(&out, "Sec-WebSocket-Accept: %s\r\n", accept);
        if (subprotocol != NULL && any_header_has(req, "sec-websocket-protocol", subprotocol))
                buf_print(&out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
        buf_add_c(&out, "\r\n");
        conn_send(req->conn, out.ptr, out.len);
}

bb_err websocket_accept(struct http_request *req, bb_plugin_ref *who, bb_tenant *tenant, const struct bb_ws_handler *h,
                        void *user, bb_ws **ret)
{
        struct exchange *x = exchange_of(req);
        struct http_conn *c = req->conn;
        struct bb_ws *ws;

        if (!ws_handler_valid(h))
                return BB_E_INVALID;
        if (x->replied)
                return BB_E_CONFLICT;
        x->refusal = websocket_check(req);
        if (x->refusal != 0)
                return BB_E_PROTOCOL;
        if (c->wire == NULL || c->peer_eof)
                return BB_E_CLOSED;
        x->replied = x->ended = 1;
        send_101(req, h->subprotocol);
        ws = ws_new(NULL, who, tenant, h, user);
        ws->conn = c;
        ws->is_tls = c->is_tls;
        ws->wire = conn_upgrade(c, ws);
        *ret = ws;
        ws_start(ws);
        return BB_OK;
}
