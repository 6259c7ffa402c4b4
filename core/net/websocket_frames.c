/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames (RFC 6455 §5), both ways. A frame that came whole is decoded in one pass from the socket's buffer into its
 * message; only what is half received has memory of its own. What is wrong is found at the first byte that shows it,
 * however the stream was cut into packets.
 */
#include "base/str.h"
#include "net/ws.h"
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

enum { HEAD_MOST = 14, CONTROL_MOST = 125, CLOSE_PROTOCOL = 1002, CLOSE_TEXT = 1007, CLOSE_TOO_BIG = 1009 };

#define FIRST_ROOM 256u

/* A data frame, or a message of several, of which some has come. */
struct ws_rx {
        struct ws_message *message;
        size_t room;
        uint64_t left; /* of the payload of the frame under way */
        size_t phase;  /* bytes of it that were unmasked */
        uint8_t mask[4], fin;
        struct ws_utf8 utf8;
};

struct frame {
        uint64_t payload;
        size_t head; /* bytes before the payload */
        uint8_t mask[4], fin, opcode;
};

/* --- sending --- */

static size_t put_head(uint8_t head[HEAD_MOST], int32_t opcode, size_t len, const uint8_t *mask)
{
        size_t wide = len > UINT16_MAX ? 8 : len > CONTROL_MOST ? 2 : 0;
        size_t at = 2;

        head[0] = (uint8_t)(0x80 | opcode);
        head[1] = (uint8_t)((mask != NULL ? 0x80 : 0) | (wide == 8 ? 127 : wide == 2 ? 126 : (int)len));
        for (size_t i = wide; i > 0; i--)
                head[at++] = (uint8_t)((uint64_t)len >> 8 * (i - 1));
        if (mask != NULL) {
                memcpy(head + at, mask, 4);
                at += 4;
        }
        return at;
}

void ws_put_frame(struct bb_ws *ws, int32_t opcode, bb_str payload)
{
        uint8_t head[HEAD_MOST], mask[4];
        size_t len;
        char *to;

        /* Without random numbers a client may not speak (§5.3). */
        if (ws->wire == NULL || ws->close_sent || ws->broken || (ws->client && !ws_mask_new(mask)))
                return;
        len = put_head(head, opcode, payload.len, ws->client ? mask : NULL);
        to = wire_space(ws->wire, len + payload.len);
        memcpy(to, head, len);
        if (ws->client)
                ws_mask(to + len, payload.ptr, payload.len, mask, 0);
        else if (payload.len > 0)
                memcpy(to + len, payload.ptr, payload.len);
}

void ws_put_close(struct bb_ws *ws, int32_t code, bb_str reason)
{
        char payload[CONTROL_MOST] = {(char)(code >> 8), (char)code};
        size_t len = reason.len < sizeof(payload) - 2 ? reason.len : sizeof(payload) - 2;

        /* Cut before a character, not within one. */
        while (len < reason.len && len > 0 && ((uint8_t)reason.ptr[len] & 0xc0) == 0x80)
                len--;
        if (len > 0)
                memcpy(payload + 2, reason.ptr, len);
        ws_put_frame(ws, WS_OP_CLOSE, (bb_str){.ptr = payload, .len = code != 0 ? len + 2 : 0});
        ws->close_sent = 1;
}

/* --- the header --- */

static size_t max_message(const struct bb_ws *ws)
{
        return ws->handler.max_message > 0 ? (size_t)ws->handler.max_message : WS_MAX_MESSAGE;
}

static int32_t is_control(uint8_t opcode)
{
        return opcode >= WS_OP_CLOSE;
}

/* What the first two bytes tell: no extension was agreed on, so the reserved bits are 0; §5.2, §5.5, and of masks
 * §5.1. */
static int32_t is_frame_begin(const struct bb_ws *ws, const uint8_t *in)
{
        uint8_t opcode = in[0] & 0x0f, masked = in[1] >> 7, len = in[1] & 0x7f;
        int32_t half = ws->rx != NULL; /* a fragmented message is under way */

        if ((in[0] & 0x70) != 0 || masked == ws->client)
                return 0;
        if (is_control(opcode))
                return opcode <= WS_OP_PONG && (in[0] & 0x80) != 0 && len <= CONTROL_MOST;
        return opcode <= WS_OP_BINARY && (opcode == WS_OP_CONTINUATION) == half;
}

/* 1: complete; 0: more is needed; otherwise the close code for what is wrong with it. */
static int32_t read_head(const struct bb_ws *ws, const uint8_t *in, size_t have, struct frame *ret)
{
        size_t wide;

        if (have < 2)
                return 0;
        if (!is_frame_begin(ws, in))
                return CLOSE_PROTOCOL;
        wide = (in[1] & 0x7f) == 127 ? 8 : (in[1] & 0x7f) == 126 ? 2 : 0;
        *ret = (struct frame){.fin = in[0] >> 7, .opcode = in[0] & 0x0f, .head = 2 + wide + (ws->client ? 0 : 4)};
        if (have < ret->head)
                return 0;
        ret->payload = wide > 0 ? 0 : in[1] & 0x7f;
        for (size_t i = 0; i < wide; i++)
                ret->payload = ret->payload << 8 | in[2 + i];
        /* The shortest form of the length, and of 63 bits (§5.2). */
        if ((wide == 2 && ret->payload <= CONTROL_MOST) ||
            (wide == 8 && (ret->payload <= UINT16_MAX || ret->payload > INT64_MAX)))
                return CLOSE_PROTOCOL;
        if (!ws->client)
                memcpy(ret->mask, in + 2 + wide, 4);
        return 1;
}

/* --- control frames --- */

/* RFC 6455 §7.4, with the codes that IANA has registered since. */
static int32_t is_close_code(int32_t code)
{
        return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
               (code >= 3000 && code <= 4999);
}

static int32_t take_close(struct bb_ws *ws, bb_str payload)
{
        bb_str reason = str_sub(payload, 2, payload.len);
        int32_t code = payload.len >= 2 ? (uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1] : 1005;

        if (payload.len == 1 || (payload.len >= 2 && !is_close_code(code)))
                return CLOSE_PROTOCOL;
        if (!str_utf8_valid(reason))
                return CLOSE_TEXT;
        ws_on_close_frame(ws, code, reason);
        return 0;
}

static int32_t take_control(struct bb_ws *ws, const struct frame *f, const char *data)
{
        char payload[CONTROL_MOST];
        bb_str s = {.ptr = payload, .len = (size_t)f->payload};

        ws_mask(payload, data, s.len, f->mask, 0);
        if (f->opcode == WS_OP_CLOSE)
                return take_close(ws, s);
        if (f->opcode == WS_OP_PING)
                ws_put_frame(ws, WS_OP_PONG, s);
        else
                ws_on_pong(ws, s);
        return 0;
}

/* --- messages --- */

static struct ws_message *message_new(uint8_t opcode, size_t room)
{
        struct ws_message *m = malloc(sizeof(*m) + room);

        if (m == NULL)
                abort(); /* out of memory */
        *m = (struct ws_message){.kind = opcode == WS_OP_TEXT ? BB_WS_TEXT : BB_WS_BINARY};
        list_init(&m->link);
        return m;
}

/* Adds a piece of payload to a message that has room for it. */
static int32_t add_piece(struct ws_message *m, struct ws_utf8 *utf8, const char *data, size_t len,
                         const uint8_t mask[4], size_t phase)
{
        char *to = m->data + m->len;
        int32_t ascii = ws_mask(to, data, len, mask, phase);

        m->len += len;
        if (m->kind != BB_WS_TEXT || (ascii && utf8->need == 0))
                return 0;
        return ws_utf8_feed(utf8, to, len) ? 0 : CLOSE_TEXT;
}

/* A message of one frame that is here as a whole: the usual case. */
static int32_t take_whole(struct bb_ws *ws, const struct frame *f, const char *data)
{
        struct ws_message *m = message_new(f->opcode, (size_t)f->payload);
        struct ws_utf8 utf8 = {0};
        int32_t code = add_piece(m, &utf8, data, (size_t)f->payload, f->mask, 0);

        if (code == 0 && utf8.need > 0)
                code = CLOSE_TEXT;
        if (code == 0)
                ws_on_message(ws, m);
        else
                free(m);
        return code;
}

static void begin_half(struct bb_ws *ws, const struct frame *f)
{
        struct ws_rx *rx = ws->rx;

        if (rx == NULL) {
                rx = ws->rx = heap_new(sizeof(*rx));
                rx->room = f->payload < FIRST_ROOM ? (size_t)f->payload : FIRST_ROOM;
                rx->message = message_new(f->opcode, rx->room);
        }
        memcpy(rx->mask, f->mask, sizeof(rx->mask));
        rx->fin = f->fin;
        rx->left = f->payload;
        rx->phase = 0;
}

/* Grows with what has come, not with what a frame's header promises. */
static void make_room(struct ws_rx *rx, size_t more)
{
        size_t need = rx->message->len + more, most = rx->message->len + (size_t)rx->left;

        if (need <= rx->room)
                return;
        rx->room = rx->room * 2 > need ? rx->room * 2 : need;
        if (rx->fin && rx->room > most)
                rx->room = most;
        rx->message = heap_grow(rx->message, sizeof(*rx->message) + rx->room);
}

void ws_rx_free(struct bb_ws *ws)
{
        struct ws_rx *rx = ws->rx;

        if (rx == NULL)
                return;
        ws->rx = NULL;
        free(rx->message);
        free(rx);
}

static int32_t take_half(struct bb_ws *ws, const char *data, size_t len)
{
        struct ws_rx *rx = ws->rx;
        struct ws_message *m;
        int32_t code;

        make_room(rx, len);
        code = add_piece(rx->message, &rx->utf8, data, len, rx->mask, rx->phase);
        rx->phase += len;
        rx->left -= len;
        if (code != 0 || rx->left > 0 || !rx->fin)
                return code;
        if (rx->utf8.need > 0)
                return CLOSE_TEXT;
        m = rx->message;
        rx->message = NULL;
        ws_rx_free(ws);
        ws_on_message(ws, m);
        return 0;
}

/* --- the stream --- */

/* Takes one frame, or the part of it that is here. Returns as read_head() does; *ret_used is told for 1. */
static int32_t take_frame(struct bb_ws *ws, const uint8_t *in, size_t have, size_t *ret_used)
{
        struct frame f;
        size_t before, part;
        int32_t r = read_head(ws, in, have, &f), code;

        if (r != 1)
                return r;
        before = ws->rx != NULL ? ws->rx->message->len : 0;
        if (!is_control(f.opcode) && f.payload > max_message(ws) - before)
                return CLOSE_TOO_BIG; /* from the header alone */
        part = have - f.head < f.payload ? have - f.head : (size_t)f.payload;
        if (is_control(f.opcode) && part < f.payload)
                return 0;
        *ret_used = f.head + part;
        in += f.head;
        if (is_control(f.opcode)) {
                code = take_control(ws, &f, (const char *)in);
        } else if (ws->rx == NULL && f.fin && part == f.payload) {
                code = take_whole(ws, &f, (const char *)in);
        } else {
                begin_half(ws, &f);
                code = take_half(ws, (const char *)in, part);
        }
        return code != 0 ? code : 1;
}

static int32_t take_next(struct bb_ws *ws, const uint8_t *in, size_t have, size_t *ret_used)
{
        int32_t code;

        if (ws->rx == NULL || ws->rx->left == 0)
                return take_frame(ws, in, have, ret_used);
        *ret_used = have < ws->rx->left ? have : (size_t)ws->rx->left;
        code = take_half(ws, (const char *)in, *ret_used);
        return code != 0 ? code : 1;
}

int32_t ws_take(struct bb_ws *ws, bb_str in, size_t *ret_used)
{
        const uint8_t *data = (const uint8_t *)in.ptr;
        size_t at = 0, used;
        int32_t r = 1;

        /* A message may close the socket, or be one too many for now. */
        while (r == 1 && at < in.len && ws->state <= WS_CLOSING && !ws->paused) {
                r = take_next(ws, data + at, in.len - at, &used);
                if (r == 1)
                        at += used;
        }
        *ret_used = at;
        return r > 1 ? r : 0;
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
