/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that the handler reads itself, piece by piece, however long they are. What it has not taken yet waits in the
 * connection's buffer, and beyond that in the network: the peer sends as fast as the handler reads.
 */
#include "base/str.h"
#include "net/conn.h"

enum { SLOWEST_BYTES_PER_MS = 1 }; /* on average, after the time that a usual body has */

int32_t body_is_unread(const struct exchange *x)
{
        return x->streamed && !x->body_ended;
}

int32_t body_stream_begin(struct exchange *x)
{
        x->streamed = 1;
        x->body_left = x->head.content_length > 0 ? x->head.content_length : 0;
        x->body_ended = !x->head.chunked && x->body_left == 0;
        x->body_since_ms = bb_mono_ms();
        return 0;
}

static size_t take_plain(struct exchange *x, struct wire *in, char *to, size_t room)
{
        size_t want = (uint64_t)x->body_left < room ? (size_t)x->body_left : room, have = wire_in(in).len;
        size_t got = have < want ? have : want;

        wire_move(in, to, got);
        x->body_left -= (int64_t)got;
        x->body_ended = x->body_left == 0;
        return got;
}

/* A piece is looked at only as far as its data fit. */
static bb_err take_chunked(struct exchange *x, struct wire *in, char *to, size_t room, size_t *count)
{
        struct http1_fault fault;
        size_t used;
        bb_str data;

        while (!x->body_ended && *count < room && wire_in(in).len > 0) {
                bb_str piece = str_sub(wire_in(in), 0, room - *count);
                int32_t r = http1_chunked_take(&x->chunked, piece, &used, &data, &fault);

                if (r < 0)
                        return BB_E_PROTOCOL;
                memcpy(to + *count, data.ptr != NULL ? data.ptr : "", data.len);
                *count += data.len;
                x->body_ended = r > 0;
                wire_take(in, used);
        }
        return BB_OK;
}

/* What is there of it, perhaps nothing. */
static bb_err take(struct exchange *x, char *to, size_t room, size_t *count)
{
        struct http_conn *c = x->req.conn;

        if (c->wire == NULL)
                return BB_E_CLOSED;
        if (x->head.chunked)
                TRY(take_chunked(x, c->wire, to, room, count));
        else
                *count = take_plain(x, c->wire, to, room);
        x->body_taken += (int64_t)*count;
        conn_throttle(c);
        return x->body_taken > x->plan.max_body ? BB_E_LIMIT : BB_OK;
}

static BB_AWAIT bb_err wait_for_more(struct exchange *x)
{
        const struct http_conn *c = x->req.conn;
        int64_t patience = c->listener->limits.body_ms;
        int64_t spent = bb_mono_ms() - x->body_since_ms;
        bb_err err;

        if (c->peer_eof)
                return BB_E_CLOSED;
        if (spent > patience + x->body_taken / SLOWEST_BYTES_PER_MS)
                return BB_E_TIMEOUT;
        x->waiter = task_current();
        x->reading = 1;
        err = task_park(patience);
        x->reading = 0;
        x->waiter = NULL;
        return err;
}

bb_err http_request_read(struct http_request *req, void *buffer, size_t room, size_t *ret_count)
{
        struct exchange *x = exchange_of(req);

        *ret_count = 0;
        if (!x->streamed || room == 0)
                return BB_E_INVALID;
        if (x->head.expect_continue && !x->continued && !x->replied && !x->body_ended)
                reply_raw(req->conn, "HTTP/1.1 100 Continue\r\n\r\n");
        x->continued = 1;
        for (;;) {
                TRY(take(x, buffer, room, ret_count));
                if (*ret_count > 0 || x->body_ended)
                        return BB_OK;
                TRY(wait_for_more(x));
        }
}
