/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames: wslay decodes, unmasks and checks them (RFC 6455 §5, UTF-8 included); messages are put together here, so that
 * fragments cost no more memory than their bytes. wslay's receiving context lives only while something is half
 * received; all connections share one sending context, since a frame is always handed to the socket's buffer whole.
 */
#include "base/str.h"
#include "net/ws.h"
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

/* --- sending --- */

static wslay_frame_context_ptr senders[2]; /* the second one masks: once a context has masked, it always does */
static struct bb_ws *sending;              /* whose buffer the sender writes to */

static void put_bytes(struct bb_ws *ws, const uint8_t *data, size_t len)
{
        if (ws->broken)
                return;
        evbuffer_add(bufferevent_get_output(ws->bev), data, len);
}

static ssize_t on_frame_bytes(const uint8_t *data, size_t len, int flags, void *arg)
{
        (void)flags;
        (void)arg;
        put_bytes(sending, data, len);
        return (ssize_t)len;
}

/* Masks come from a pool: one call of the generator for 256 frames. */
static int random_mask(uint8_t *out, size_t len)
{
        static uint8_t pool[1024];
        static size_t left;

        if (len > sizeof(pool))
                return -1;
        if (left < len) {
                if (RAND_bytes(pool, sizeof(pool)) != 1)
                        return -1;
                left = sizeof(pool);
        }
        left -= len;
        memcpy(out, pool + left, len);
        return 0;
}

static int on_frame_mask(uint8_t *out, size_t len, void *arg)
{
        (void)arg;
        return random_mask(out, len);
}

static wslay_frame_context_ptr *sender_of(const struct bb_ws *ws)
{
        static const struct wslay_frame_callbacks callbacks = {.send_callback = on_frame_bytes,
                                                               .genmask_callback = on_frame_mask};

        wslay_frame_context_ptr *sender = &senders[ws->client];

        if (*sender == NULL && wslay_frame_context_init(sender, &callbacks, NULL) != 0)
                abort(); /* out of memory */
        return sender;
}

void ws_put_frame(struct bb_ws *ws, int32_t opcode, bb_str payload)
{
        struct wslay_frame_iocb frame = {.fin = 1,
                                         .opcode = (uint8_t)opcode,
                                         .mask = ws->client,
                                         .payload_length = payload.len,
                                         .data = (const uint8_t *)payload.ptr,
                                         .data_length = payload.len};

        wslay_frame_context_ptr *sender = sender_of(ws);

        if (ws->bev == NULL || ws->close_sent)
                return;
        sending = ws;
        if (wslay_frame_send(*sender, &frame) < 0) {
                /* No random numbers for the mask: the sender's state is of no use any more. */
                wslay_frame_context_free(*sender);
                *sender = NULL;
        }
        sending = NULL;
}

void ws_put_close(struct bb_ws *ws, int32_t code, bb_str reason)
{
        char payload[125] = {(char)(code >> 8), (char)code};
        size_t len = reason.len < sizeof(payload) - 2 ? reason.len : sizeof(payload) - 2;

        /* Cut before a character, not within one. */
        while (len < reason.len && len > 0 && ((uint8_t)reason.ptr[len] & 0xc0) == 0x80)
                len--;
        if (len > 0)
                memcpy(payload + 2, reason.ptr, len);
        ws_put_frame(ws, WSLAY_CONNECTION_CLOSE, (bb_str){.ptr = payload, .len = code != 0 ? len + 2 : 0});
        ws->close_sent = 1;
}

/* --- receiving --- */

static size_t max_message(const struct bb_ws *ws)
{
        return ws->handler.max_message > 0 ? (size_t)ws->handler.max_message : WS_MAX_MESSAGE;
}

static void fail(struct ws_rx *rx, int32_t code)
{
        if (rx->fault == 0)
                rx->fault = code;
        wslay_event_shutdown_read(rx->wslay);
}

/* Bytes of the frame that begins with these, header and all; 0: its header is not complete yet. */
static uint64_t frame_bytes(const uint8_t *in, size_t have)
{
        size_t wide = (in[1] & 0x7f) == 127 ? 8 : (in[1] & 0x7f) == 126 ? 2 : 0;
        size_t head = 2 + wide + (in[1] & 0x80 ? 4 : 0);
        uint64_t payload = wide > 0 ? 0 : in[1] & 0x7f;

        if (have < head)
                return 0;
        for (size_t i = 0; i < wide; i++)
                payload = payload << 8 | in[2 + i];
        /* Beyond any limit: wslay refuses it from the header alone. */
        return payload < INT64_MAX ? head + payload : head;
}

/* At the begin of a frame: may it be given to wslay? A control frame only whole, since wslay judges the UTF-8 of a
 * close frame's reason piece by piece and gets that wrong. */
static int32_t begin_frame(struct ws_rx *rx, struct evbuffer *in)
{
        uint8_t head[14];
        ev_ssize_t have = evbuffer_copyout(in, head, sizeof(head));

        if (have < 2)
                return 0;
        rx->left = frame_bytes(head, (size_t)have);
        if ((head[0] & 0x08) != 0 && rx->left > evbuffer_get_length(in) && (head[1] & 0x7f) <= 125)
                rx->left = 0;
        return rx->left > 0;
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *out, size_t len, int flags, void *arg)
{
        struct ws_rx *rx = arg;
        struct evbuffer *in = bufferevent_get_input(rx->ws->bev);
        int n = 0;

        (void)flags;
        if (!rx->ws->paused && (rx->left > 0 || begin_frame(rx, in)))
                n = evbuffer_remove(in, out, len < rx->left ? len : (size_t)rx->left);
        if (n <= 0) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        rx->left -= (uint64_t)n;
        return n;
}

/* wslay's own frames: pongs, and close frames for broken rules. */
static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
        struct ws_rx *rx = arg;

        (void)ctx;
        (void)flags;
        if (!rx->ws->close_sent)
                put_bytes(rx->ws, data, len);
        return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *out, size_t len, void *arg)
{
        (void)ctx;
        (void)arg;
        return random_mask(out, len);
}

static void begin_message(struct ws_rx *rx, int32_t opcode)
{
        rx->room = 256;
        rx->message = heap_new(sizeof(*rx->message) + rx->room);
        rx->message->kind = opcode == WSLAY_TEXT_FRAME ? BB_WS_TEXT : BB_WS_BINARY;
}

/* Grows with what has come, not with what a frame's header promises. */
static void add_to_message(struct ws_rx *rx, const uint8_t *data, size_t len)
{
        size_t need = rx->message->len + len;

        if (need > rx->room) {
                rx->room = rx->room * 2 > need ? rx->room * 2 : need;
                rx->message = heap_grow(rx->message, sizeof(*rx->message) + rx->room);
        }
        memcpy(rx->message->data + rx->message->len, data, len);
        rx->message->len = need;
}

static void on_frame_start(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *f, void *arg)
{
        struct ws_rx *rx = arg;

        (void)ctx;
        rx->frame = f->opcode;
        rx->close_len = 0;
        if (wslay_is_ctrl_frame(f->opcode))
                return;
        if (f->opcode != WSLAY_CONTINUATION_FRAME)
                begin_message(rx, f->opcode);
        if (rx->message->len + f->payload_length > max_message(rx->ws))
                fail(rx, WSLAY_CODE_MESSAGE_TOO_BIG);
}

static void on_frame_chunk(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *f, void *arg)
{
        struct ws_rx *rx = arg;

        (void)ctx;
        if (rx->fault != 0 || f->data_length == 0)
                return;
        if (rx->frame == WSLAY_CONNECTION_CLOSE) {
                memcpy(rx->close + rx->close_len, f->data, f->data_length); /* wslay lets at most 125 pass */
                rx->close_len = (uint8_t)(rx->close_len + f->data_length);
        } else if (!wslay_is_ctrl_frame(rx->frame)) {
                add_to_message(rx, f->data, f->data_length);
        }
}

/* RFC 6455 §7.4, with the codes that IANA has registered since. */
static int32_t is_close_code(int32_t code)
{
        return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
               (code >= 3000 && code <= 4999);
}

/* Judged here, not by wslay: it takes one byte of payload for none, and 1012 to 1014 for wrong. */
static void take_close(struct ws_rx *rx)
{
        bb_str reason = {.ptr = rx->close + 2, .len = rx->close_len > 2 ? rx->close_len - 2u : 0};
        int32_t code = rx->close_len >= 2 ? (uint8_t)rx->close[0] << 8 | (uint8_t)rx->close[1] : 1005;

        wslay_event_shutdown_read(rx->wslay);
        if (rx->close_len == 1 || (rx->close_len >= 2 && !is_close_code(code)))
                fail(rx, WSLAY_CODE_PROTOCOL_ERROR);
        else if (!str_utf8_valid(reason))
                fail(rx, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA);
        else
                ws_on_close_frame(rx->ws, code, reason);
}

static void on_frame_end(wslay_event_context_ptr ctx, void *arg)
{
        struct ws_rx *rx = arg;

        (void)ctx;
        if (rx->frame == WSLAY_CONNECTION_CLOSE && rx->fault == 0)
                take_close(rx);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
        struct ws_rx *rx = arg;
        struct ws_message *message = rx->message;

        (void)ctx;
        if (rx->fault != 0)
                return;
        if (m->opcode == WSLAY_PONG)
                ws_on_pong(rx->ws, (bb_str){.ptr = (const char *)m->msg, .len = m->msg_length});
        if (wslay_is_ctrl_frame(m->opcode))
                return;
        rx->message = NULL;
        ws_on_message(rx->ws, message);
}

static struct ws_rx *rx_of(struct bb_ws *ws)
{
        static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                               .send_callback = on_send,
                                                               .genmask_callback = on_mask,
                                                               .on_frame_recv_start_callback = on_frame_start,
                                                               .on_frame_recv_chunk_callback = on_frame_chunk,
                                                               .on_frame_recv_end_callback = on_frame_end,
                                                               .on_msg_recv_callback = on_message};
        struct ws_rx *rx;
        int r;

        if (ws->rx != NULL)
                return ws->rx;
        rx = heap_new(sizeof(*rx));
        rx->ws = ws;
        r = ws->client ? wslay_event_context_client_init(&rx->wslay, &callbacks, rx)
                       : wslay_event_context_server_init(&rx->wslay, &callbacks, rx);
        if (r != 0)
                abort(); /* out of memory */
        wslay_event_config_set_no_buffering(rx->wslay, 1);
        wslay_event_config_set_max_recv_msg_length(rx->wslay, max_message(ws));
        ws->rx = rx;
        return rx;
}

void ws_rx_free(struct bb_ws *ws)
{
        struct ws_rx *rx = ws->rx;

        if (rx == NULL)
                return;
        ws->rx = NULL;
        wslay_event_context_free(rx->wslay);
        free(rx->message);
        free(rx);
}

int32_t ws_take_input(struct bb_ws *ws)
{
        struct ws_rx *rx;
        int32_t code = 0;

        if (evbuffer_get_length(bufferevent_get_input(ws->bev)) == 0)
                return 0;
        rx = rx_of(ws);
        /* Negative only for a malformed frame header; wslay would answer that with an empty close frame. */
        if (wslay_event_recv(rx->wslay) != 0 && rx->fault == 0)
                rx->fault = WSLAY_CODE_PROTOCOL_ERROR;
        if (rx->fault != 0)
                return rx->fault;
        wslay_event_send(rx->wslay);
        if (wslay_event_get_close_sent(rx->wslay) && !ws->close_sent) {
                ws->close_sent = 1;
                code = wslay_event_get_status_code_sent(rx->wslay);
        }
        /* Between two messages with nothing half received: 8 KiB less until the next one. */
        if (code == 0 && rx->left == 0 && rx->message == NULL && ws->state <= WS_CLOSING)
                ws_rx_free(ws);
        return code;
}

/* --- the handshake's proof --- */

void ws_accept_key(bb_str key, char ret[29])
{
        static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        unsigned char text[24 + sizeof(guid) - 1], digest[SHA_DIGEST_LENGTH];

        memset(ret, 0, 29);
        if (key.len != 24)
                return;
        memcpy(text, key.ptr, key.len);
        memcpy(text + key.len, guid, sizeof(guid) - 1);
        SHA1(text, sizeof(text), digest);
        EVP_EncodeBlock((unsigned char *)ret, digest, sizeof(digest));
}
