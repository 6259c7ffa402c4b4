/* SPDX-License-Identifier: Apache-2.0
 *
 * What misbehaving stations do between their ordinary messages. Ids of such messages begin with 'x', so that their
 * answers are not counted as errors. Apart from these a misbehaving station charges like any other.
 */
#include "base/time.h"
#include "sim.h"

#define SECOND_STAYS_MS 3000
#define LONG_TEXT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* "%s" stands for a new message id. */
static const char *const texts[] = {
        "{\"this is\":",
        "[2,\"%s\",\"Heartbeat\"",
        "[2,\"%s\",\"Heartbeat\",{}] and more",
        "[2,\"%s\",\"Frobnicate\",{}]",
        "[2,\"%s\",\"Authorize\",{\"idTag\":\"" LONG_TEXT "\"}]",
        "[2,\"%s\",\"Authorize\",{\"idTag\":42}]",
        "[2,\"%s\",\"Authorize\",{}]",
        "[2,\"%s\",\"StatusNotification\",{\"connectorId\":\"one\",\"errorCode\":\"NoError\",\"status\":\"Available\"}"
        "]",
        "[2,\"%s\",\"StatusNotification\",{\"connectorId\":1,\"errorCode\":\"Sad\",\"status\":\"Dancing\"}]",
        "[2,\"%s\",\"StatusNotification\",{\"connectorId\":-7,\"errorCode\":\"NoError\",\"status\":\"Available\"}]",
        "[2,\"%s\",\"MeterValues\",{\"connectorId\":1}]",
        "[2,\"%s\",\"MeterValues\",{\"connectorId\":1,\"meterValue\":[]}]",
        "[2,\"%s\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"X\",\"meterStart\":1e99,\"timestamp\":"
        "\"yesterday\"}]",
        "[2,\"%s\",\"StopTransaction\",{\"transactionId\":\"12\",\"meterStop\":1,\"timestamp\":\"2026-01-01T00:00:"
        "00Z\"}]",
        "[2,\"%s\",\"BootNotification\",{\"chargePointVendor\":\"" LONG_TEXT "\",\"chargePointModel\":\"" LONG_TEXT
        "\"}]",
        "[2,\"%s\",\"Heartbeat\",null]",
        "[2,\"%s\",\"Heartbeat\",[]]",
        "[2,\"%s\",\"Heartbeat\",{\"extra\":\"member\"}]",
        "[2,\"x" LONG_TEXT "\",\"Heartbeat\",{}]",
        "[2,7,\"Heartbeat\",{}]",
        "[2,\"%s\",{},{}]",
        "[3,\"%s\",{\"currentTime\":\"never asked\"}]",
        "[4,\"%s\",\"GenericError\",\"nobody asked\",{}]",
        "[5,\"%s\",\"Heartbeat\",{}]",
        "[]",
        "42",
        "null",
        "",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "[2,\"%s\",\"DataTransfer\",{\"vendorId\":\"\\ud800\"}]",
};

static bb_str new_id(struct station *st)
{
        return bb_print("x%x-%llx", st->index, (unsigned long long)(chance(st) & 0xffffffffu));
}

static void send_text(struct station *st, const char *text, bb_str id)
{
        const char *place = strstr(text, "%s");

        if (place == NULL)
                station_send_raw(st, bb_cstr(text));
        else
                station_send_raw(st, bb_print("%.*s%.*s%s", (int)(place - text), text, BB_FMT(id), place + 2));
}

/* The same id twice, without waiting for the first answer. */
static void send_twice(struct station *st)
{
        bb_str id = new_id(st);

        send_text(st, "[2,\"%s\",\"Heartbeat\",{}]", id);
        send_text(st, "[2,\"%s\",\"Heartbeat\",{}]", id);
}

static void send_binary(struct station *st)
{
        static const char bytes[] = {0x00, (char)0xff, 0x42, (char)0xfe};

        if (st->link == LINK_UP)
                (void)websocket_send(st->ws, BB_WS_BINARY, (bb_str){.ptr = bytes, .len = sizeof(bytes)});
}

/* --- a second connection under the same id --- */

static void on_second_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        struct station *st = user;

        (void)code;
        (void)reason;
        if (st->second_ws == ws)
                st->second_ws = NULL;
}

static int32_t on_second_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)ws;
        (void)user;
        (void)kind;
        (void)data;
        return 1;
}

static const struct bb_ws_handler second_handler = {.size = sizeof(second_handler),
                                                    .on_arrival = on_second_arrival,
                                                    .on_close = on_second_close,
                                                    .subprotocol = "ocpp1.6"};

void fault_second_connection(void *arg)
{
        struct station *st = arg;
        bb_ws *ws = NULL;
        int32_t status = 0;

        if (st->second_ws != NULL || ending || station_open_websocket(st, &second_handler, st, &ws, &status) < 0)
                return; /* refusing it is a good answer */
        st->second_ws = ws;
        if (bb_sleep(ending ? 0 : SECOND_STAYS_MS) == BB_OK && st->second_ws == ws)
                websocket_close(ws, 1000, BB_NONE);
}

static void connect_twice(struct station *st)
{
        struct bb_task_spec spec = {.size = sizeof(spec),
                                    .name = "sim.second",
                                    .timeout_ms = 30000,
                                    .run = fault_second_connection,
                                    .arg = st};

        if (bb_rt_->spawn(NULL, &spec, NULL) < 0)
                counts.dropped++;
}

static void (*const acts[])(struct station *) = {send_twice, send_binary, connect_twice};

void fault_commit(struct station *st)
{
        size_t which = (size_t)chance_between(st, 0, BB_COUNT(texts) + BB_COUNT(acts) - 1);

        counts.provoked++;
        if (which < BB_COUNT(texts))
                send_text(st, texts[which], new_id(st));
        else
                acts[which - BB_COUNT(texts)](st);
}
