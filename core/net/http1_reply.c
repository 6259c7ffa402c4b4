/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: whole, streamed, and those that the wire gives itself. The wire owns Date, Content-Length, Transfer-Encoding
 * and Connection; headers that would split the answer are never sent.
 */
#include "base/str.h"
#include "net/conn.h"
#include <stdio.h>
#include <time.h>

static const char *const wire_owned[] = {"date", "content-length", "transfer-encoding", "connection", "keep-alive"};

/* --- the head --- */

void reply_date(struct buf *out)
{
        static char text[64];
        static time_t of = -1;
        time_t now = (time_t)(bb_now_ms() / 1000);
        struct tm tm;

        if (now != of) {
                gmtime_r(&now, &tm);
                strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
                of = now;
        }
        buf_add_c(out, text);
}

static int32_t is_wire_owned(bb_str name, int32_t status)
{
        for (size_t i = 0; i < BB_COUNT(wire_owned); i++)
                if (str_eq_nocase(name, bb_cstr(wire_owned[i])))
                        return 1;
        /* Those of a 426 come with its Connection header. */
        return status == 426 &&
               (str_eq_nocase(name, BB_STR("upgrade")) || str_eq_nocase(name, BB_STR("sec-websocket-version")));
}

/* Nothing that ends a line or the header block early may get out. */
static int32_t headers_are_sound(const struct bb_http_header *h, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (http1_is_token(h[i].name) && http1_is_field_value(str_trim(h[i].value)))
                        continue;
                bb_log(BB_ERROR, "http.bad_header", "an answer's header has characters that it may not have",
                       bb_kv_str("header", http1_is_token(h[i].name) ? h[i].name : BB_STR("(name)")));
                return 0;
        }
        return 1;
}

static int32_t has_body(const struct exchange *x, int32_t status)
{
        return !x->no_body && status != 204 && status != 304 && status >= 200;
}

static void add_status(struct buf *out, int32_t status)
{
        buf_print(out, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
        reply_date(out);
}

static void add_connection(struct buf *out, struct exchange *x, int32_t status)
{
        const struct http_conn *c = x->req.conn;

        x->keep = x->keep && x->head.keep_alive && !c->listener->draining && !c->peer_eof && !body_is_unread(x);
        if (status == 426) /* RFC 9110 §15.5.22 */
                buf_print(out, "Connection: Upgrade%s\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                          x->keep ? "" : ", close");
        else if (!x->keep)
                buf_add_c(out, "Connection: close\r\n");
        else if (x->req.minor_version == 0)
                buf_add_c(out, "Connection: keep-alive\r\n");
}

static void send_head(struct exchange *x, int32_t status, const struct bb_http_header *h, size_t count, int64_t length)
{
        _cleanup_buf_ struct buf out = {0};

        add_status(&out, status);
        for (size_t i = 0; i < count; i++) {
                if (is_wire_owned(h[i].name, status))
                        continue;
                buf_add_str(&out, h[i].name);
                buf_add_c(&out, ": ");
                buf_add_str(&out, str_trim(h[i].value));
                buf_add_c(&out, "\r\n");
        }
        if (status == 204 || status == 304 || status < 200)
                ;
        else if (length >= 0)
                buf_print(&out, "Content-Length: %lld\r\n", (long long)length);
        else if (x->chunked_reply)
                buf_add_c(&out, "Transfer-Encoding: chunked\r\n");
        add_connection(&out, x, status);
        buf_add_c(&out, "\r\n");
        conn_send(x->req.conn, out.ptr, out.len);
}

/* --- whole answers --- */

static void error_text(struct http_conn *c, int32_t status, const char *code, const char *detail, bb_str *ret_type,
                       bb_str *ret_body)
{
        const struct http_service *s = &c->listener->service;

        *ret_type = BB_STR("text/plain");
        *ret_body = bb_cstr(detail);
        if (s->error_body != NULL)
                s->error_body(status, code, bb_cstr(detail), ret_type, ret_body, s->arg);
}

static void send_whole(struct exchange *x, int32_t status, const struct bb_http_header *h, size_t count, bb_str body)
{
        x->replied = x->ended = 1;
        x->keep = 1;
        send_head(x, status, h, count, (int64_t)body.len);
        if (has_body(x, status))
                conn_send(x->req.conn, body.ptr, body.len);
}

static void send_error(struct exchange *x, int32_t status, const char *code, const char *detail)
{
        struct bb_http_header type = {.name = BB_STR("Content-Type")};
        bb_str body;

        error_text(x->req.conn, status, code, detail, &type.value, &body);
        send_whole(x, status, &type, 1, body);
}

void http_reply(struct http_request *req, int32_t status, const struct bb_http_header *h, size_t count, bb_str body)
{
        struct exchange *x = exchange_of(req);

        if (x->replied) {
                bb_log(BB_ERROR, "http.second_answer", "a request was answered twice; the second answer is dropped",
                       bb_kv_str("target", req->target));
                return;
        }
        if (headers_are_sound(h, count))
                send_whole(x, status, h, count, body);
        else
                send_error(x, 500, "internal", "the answer could not be sent");
}

int32_t http_replied(const struct http_request *req)
{
        return exchange_of(req)->replied;
}

int32_t http_is_open(const struct http_request *req)
{
        return req->conn->wire != NULL;
}

/* --- streamed answers --- */

void http_reply_begin(struct http_request *req, int32_t status, const struct bb_http_header *h, size_t count,
                      int64_t length)
{
        struct exchange *x = exchange_of(req);

        if (x->replied || !headers_are_sound(h, count)) {
                http_reply(req, status, h, count, BB_NONE); /* says what is wrong */
                return;
        }
        x->replied = 1;
        x->no_body = !has_body(x, status);
        x->chunked_reply = length < 0 && req->minor_version == 1;
        x->reply_left = length;
        /* Without a length HTTP/1.0 knows no other end than the connection's. */
        x->keep = length >= 0 || x->chunked_reply || x->no_body;
        if (req->conn->wire != NULL)
                wire_set_low(req->conn->wire, CONN_UNSENT_STREAM / 2);
        send_head(x, status, h, count, length);
}

static void send_piece(struct exchange *x, bb_str data)
{
        char size[24];
        int n;

        if (!x->chunked_reply) {
                conn_send(x->req.conn, data.ptr, data.len);
                return;
        }
        n = snprintf(size, sizeof(size), "%zx\r\n", data.len);
        conn_send(x->req.conn, size, (size_t)n);
        conn_send(x->req.conn, data.ptr, data.len);
        conn_send(x->req.conn, "\r\n", 2);
}

bb_err http_reply_write(struct http_request *req, bb_str data)
{
        struct exchange *x = exchange_of(req);
        struct http_conn *c = req->conn;
        bb_err err = BB_OK;

        if (!x->replied || x->ended)
                return BB_E_CONFLICT;
        if (c->wire == NULL)
                return BB_E_CLOSED;
        if (data.len == 0 || x->no_body)
                return BB_OK; /* an empty chunk would end the body */
        if (x->reply_left >= 0 && data.len > (uint64_t)x->reply_left)
                return BB_E_LIMIT;
        if (x->reply_left >= 0)
                x->reply_left -= (int64_t)data.len;
        send_piece(x, data);
        while (err == BB_OK && c->wire != NULL && conn_unsent(c) > CONN_UNSENT_STREAM) {
                x->waiter = task_current();
                err = task_park(-1);
                x->waiter = NULL;
        }
        if (err < 0)
                return err;
        return c->wire != NULL ? BB_OK : BB_E_CLOSED;
}

void http_reply_end(struct http_request *req, int32_t ok)
{
        struct exchange *x = exchange_of(req);

        if (!x->replied || x->ended)
                return;
        x->ended = 1;
        if (req->conn->wire == NULL)
                return;
        if (!ok || (x->reply_left > 0 && !x->no_body)) {
                conn_abort(req->conn);
                return;
        }
        if (x->chunked_reply && !x->no_body)
                conn_send(req->conn, "0\r\n\r\n", 5);
}

/* --- what the wire says itself --- */

int32_t wire_may_log(void)
{
        enum { LINES_PER_SECOND = 20 };
        static int64_t second;
        static int32_t lines;
        int64_t now = bb_mono_ms() / 1000;

        if (now != second) {
                second = now;
                lines = 0;
        }
        return lines++ < LINES_PER_SECOND;
}

void reply_raw(struct http_conn *c, const char *text)
{
        conn_send(c, text, strlen(text));
}

void reply_fault(struct http_conn *c, struct exchange *x, int32_t status, const char *code, const char *detail)
{
        _cleanup_buf_ struct buf out = {0};
        bb_str type, body;

        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "busbar_http_wire_errors_total",
                                    "Requests refused before they reached a route.", bb_kv_int("status", status)),
                      1);
        if (wire_may_log())
                bb_log(BB_INFO, "http.refused", detail, bb_kv_int("status", status), bb_kv_cstr("remote", c->remote));
        error_text(c, status, code, detail, &type, &body);
        add_status(&out, status);
        buf_add_c(&out, "Content-Type: ");
        buf_add_str(&out, type);
        buf_print(&out, "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", body.len);
        if (x == NULL || !x->no_body)
                buf_add_str(&out, body);
        conn_send(c, out.ptr, out.len);
}

void reply_finish(struct exchange *x)
{
        struct http_conn *c = x->req.conn;

        if (x->ended || c->state == CONN_UPGRADED)
                return;
        if (x->replied) {
                bb_log(BB_ERROR, "http.unfinished_answer", "a handler returned before its streamed answer was complete",
                       bb_kv_str("target", x->req.target));
                http_reply_end(&x->req, 0);
                return;
        }
        if (x->refusal != 0) {
                send_error(x, x->refusal, "websocket-expected", "this resource is a WebSocket (RFC 6455, version 13)");
                return;
        }
        bb_log(BB_ERROR, "http.no_answer", "a handler returned without an answer", bb_kv_str("target", x->req.target));
        send_error(x, 500, "internal", "the request was not answered");
}
