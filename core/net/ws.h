/* SPDX-License-Identifier: Apache-2.0
 *
 * What websocket.c (life and messages), websocket_frames.c (bytes) and websocket_client.c share. Nobody else includes
 * this.
 */
#ifndef CORE_NET_WS_H
#define CORE_NET_WS_H

#include "net/conn.h"
#include "net/group.h"

#define WS_MAGIC 0x57534f43u

enum {
        WS_MAX_MESSAGE = 1024 * 1024, /* when the handler sets no other limit */
        WS_MAX_QUEUE = 16,
        WS_MAX_UNSENT = 1024 * 1024,  /* websocket_send refuses above */
        WS_PAUSE_UNSENT = 256 * 1024, /* reading pauses above, or a flood of pings would fill memory with pongs */
        WS_CLOSE_MS = 5000,           /* for the peer's answer to our close frame */
        WS_LINGER_MS = 2000
};

enum {
        WS_OPEN,
        WS_CLOSING, /* our close frame is out, the peer's is not here */
        WS_FLUSH,  /* the handshake is over, or the peer broke the protocol: what is unsent goes out, nothing is read */
        WS_LINGER, /* waiting for the peer to end the connection */
        WS_GONE    /* the socket is closed; on_close comes when the last message is done */
};

/* Opcodes (RFC 6455 §5.2). */
enum { WS_OP_CONTINUATION = 0, WS_OP_TEXT = 1, WS_OP_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };

struct ws_rx; /* a message that is half here: websocket_frames.c */

struct ws_message {
        struct list link;
        int32_t kind;
        size_t len;
        char data[];
};

struct bb_ws {
        uint32_t magic;
        uint8_t state, client, paused, heard, ping_out, running, close_sent, peer_eof, finishing, is_tls, broken;
        uint16_t close_code; /* for on_close; 0: not known yet */
        uint32_t queued, ping_sent, pong_seen;
        size_t queued_bytes;
        struct wire *wire;
        struct http_conn *conn; /* server side: its place in the listener */
        struct group_member group;
        struct bb_ws_handler handler;
        void *user;
        struct ws_rx *rx;
        struct list queue;  /* of ws_message */
        struct list probes; /* of struct probe */
        struct deadline timer;
        char *close_reason;
        char *remote; /* client side */
};

struct bb_ws *ws_new(struct wire *, const bb_plugin_ref *who, bb_tenant *, const struct bb_ws_handler *, void *user);
/* From here on frames are read; those that came already too. */
void ws_start(struct bb_ws *);
int32_t ws_handler_valid(const struct bb_ws_handler *);

/* --- websocket_frames.c --- */
void ws_put_frame(struct bb_ws *, int32_t opcode, bb_str payload);
void ws_put_close(struct bb_ws *, int32_t code, bb_str reason); /* code 0: an empty one */
/* Takes of what has arrived as much as can be understood now; the rest comes again. Calls the ws_on_… below. Returns
 * the close code of what the peer did wrong, or 0. */
int32_t ws_take(struct bb_ws *, bb_str in, size_t *ret_used);
void ws_rx_free(struct bb_ws *);

/* --- websocket_mask.c --- */
struct ws_utf8 {
        uint8_t need, low, high; /* bytes that the character under way lacks; bounds of the next one */
};
/* Copies with the mask on, whose byte `phase` meets the first; 1: everything that came out is ASCII. */
int32_t ws_mask(char *to, const char *from, size_t len, const uint8_t mask[4], size_t phase);
int32_t ws_mask_new(uint8_t ret[4]); /* 0: there are no random numbers */
/* 0: this is not how UTF-8 goes on. */
int32_t ws_utf8_feed(struct ws_utf8 *, const char *data, size_t len);

/* --- websocket_frames.c --- */
/* BASE64(SHA-1(key + GUID)), RFC 6455 §4.2.2; 28 characters and NUL. */
void ws_accept_key(bb_str key, char ret[29]);

/* --- websocket.c, called by websocket_frames.c --- */
void ws_on_message(struct bb_ws *, struct ws_message *); /* takes the message */
void ws_on_pong(struct bb_ws *, bb_str payload);
void ws_on_close_frame(struct bb_ws *, int32_t code, bb_str reason); /* code 1005: it had none */

#endif
