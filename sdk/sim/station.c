/* SPDX-License-Identifier: Apache-2.0
 *
 * A station's link: connecting with back-off, what arrives on it, boot, heartbeats, and the one timer that drives it
 * all.
 */
#include "base/time.h"
#include "net/conn.h"
#include "sim.h"
#include <openssl/evp.h>
#include <stdlib.h>

#define BACK_OFF_FIRST_MS 1000
#define BACK_OFF_MOST_MS 20000
#define REFUSED_MS 30000 /* 401, 403, 404: trying soon does not help */
#define BOOT_RETRY_MS 10000
#define HEARTBEAT_DEFAULT_S 300

static int64_t now_ms(void)
{
        return time_mono_ms();
}

/* --- the timer --- */

static int64_t earlier(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t station_due(const struct station *st)
{
        int64_t due = ending ? NEVER : story_due(st);

        if (st->link == LINK_DOWN && st->ws == NULL && station_wants_link(st))
                due = earlier(due, st->reconnect_at);
        if (st->link != LINK_UP)
                return due;
        due = earlier(due, earlier(st->boot_at, outbox_due(st)));
        due = earlier(due, earlier(st->drop_at, earlier(st->fault_at, st->bench_at)));
        return st->boot == BOOT_ACCEPTED ? earlier(due, st->heartbeat_at) : due;
}

void station_schedule(struct station *st)
{
        int64_t due = station_due(st), now;
        struct timeval tv;

        if (due == NEVER) {
                event_del(&st->timer);
                return;
        }
        now = now_ms();
        due = due > now ? due - now : 0;
        tv = (struct timeval){.tv_sec = (time_t)(due / 1000), .tv_usec = (suseconds_t)(due % 1000 * 1000)};
        event_add(&st->timer, &tv);
}

static void plan_drop(struct station *st)
{
        st->drop_at = st->profile == PROFILE_FLAKY ? now_ms() + story_ms(st, 120, 900) : NEVER;
        st->fault_at = st->profile == PROFILE_MISBEHAVING ? now_ms() + story_ms(st, 60, 600) : NEVER;
}

/* The power or the network goes: no close frame. */
static void drop_link(struct station *st)
{
        int64_t away = st->resetting ? story_ms(st, 20, 60) : story_ms(st, 30, 600);

        st->drop_at = NEVER;
        st->reconnect_at = now_ms() + away;
        if (st->resetting) {
                station_close(st, 1000, away);
                return;
        }
        if (st->second_ws != NULL)
                websocket_drop(st->second_ws);
        websocket_drop(st->ws); /* on_close follows */
}

static void send_boot(struct station *st)
{
        struct buf payload = {0};

        st->boot_at = NEVER;
        message_boot(&payload, st);
        outbox_put(st, BOOT_NOTIFICATION, 0, NULL, &payload);
}

static void send_heartbeat(struct station *st)
{
        struct buf payload = {0};

        st->heartbeat_at = now_ms() + st->heartbeat_ms;
        buf_add_c(&payload, "{}");
        outbox_put(st, HEARTBEAT, 0, NULL, &payload);
}

static void while_up(struct station *st, int64_t now)
{
        outbox_on_timer(st, now);
        if (st->link == LINK_UP && now >= st->boot_at)
                send_boot(st);
        if (st->link == LINK_UP && st->boot == BOOT_ACCEPTED && now >= st->heartbeat_at && !options.bench)
                send_heartbeat(st);
        if (st->link == LINK_UP && now >= st->fault_at && !ending) {
                st->fault_at = now + story_ms(st, 60, 600);
                fault_commit(st);
        }
        if (st->link == LINK_UP)
                bench_on_timer(st, now);
        if (st->link == LINK_UP && now >= st->drop_at)
                drop_link(st);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct station *st = arg;
        int64_t now = now_ms();

        (void)fd;
        (void)what;
        if (st->link == LINK_DOWN && st->ws == NULL && now >= st->reconnect_at && station_wants_link(st)) {
                st->reconnect_at = NEVER;
                st->link = LINK_WAITING;
                pace_want(st);
        }
        if (!ending)
                story_on_timer(st, now);
        if (st->link == LINK_UP)
                while_up(st, now);
        station_schedule(st);
}

/* --- what arrives --- */

static void on_message(struct station *st, bb_str text)
{
        struct bb_fault fault;
        bb_json *frame;
        bb_str id;

        if (bb_json_parse(text, &frame, &fault) < 0 || bb_json_count(frame) < 3)
                goto broken;
        id = bb_json_str(bb_json_at(frame, 1));
        if (id.ptr == NULL)
                goto broken;
        switch (bb_json_int(bb_json_at(frame, 0), 0)) {
        case 2:
                if (bb_json_count(frame) != 4 || bb_json_str(bb_json_at(frame, 2)).ptr == NULL)
                        goto broken;
                counts.calls_in++;
                inbound_call(st, id, bb_json_str(bb_json_at(frame, 2)), bb_json_at(frame, 3));
                return;
        case 3:
                outbox_on_result(st, id, bb_json_at(frame, 2));
                return;
        case 4:
                outbox_on_error(st, id, bb_json_str(bb_json_at(frame, 2)), bb_json_str(bb_json_at(frame, 3)));
                return;
        default:
                break;
        }
broken:
        counts.broken++;
        bb_log(BB_ERROR, "sim.broken_frame", "the central system sent what is no OCPP-J message",
               bb_kv_cstr("station", st->id), bb_kv_str("frame", str_sub(text, 0, 200)));
}

static void link_up(struct station *st, bb_ws *ws)
{
        st->ws = ws;
        st->link = LINK_UP;
        st->failures = 0;
        st->timeouts = 0;
        st->reconnect_at = NEVER;
        counts.connects++;
        plan_drop(st);
        if (st->boot != BOOT_ACCEPTED) {
                st->boot_at = 0;
                st->boot = BOOT_NONE;
        } else {
                /* The link was lost, not the power: stations then do not boot again. */
                for (int32_t i = 0; i <= st->connector_count; i++)
                        story_report_status(st, i);
                outbox_pump(st);
        }
        station_schedule(st);
}

static int32_t on_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        struct station *st = user;

        /* The first message may be here before the connecting task had its turn. */
        if (st->link == LINK_CONNECTING)
                link_up(st, ws);
        if (st->link != LINK_UP || ws != st->ws)
                return 1;
        if (kind == BB_WS_TEXT)
                on_message(st, data);
        else
                counts.broken++;
        return 1;
}

static void link_lost(struct station *st)
{
        st->link = LINK_DOWN;
        outbox_link_lost(st);
        if (st->reconnect_at == NEVER) {
                int64_t most = (int64_t)BACK_OFF_FIRST_MS << (st->failures < 6 ? st->failures : 6);

                if (most > BACK_OFF_MOST_MS)
                        most = BACK_OFF_MOST_MS;
                st->failures++;
                /* Half of it is chance, or all stations come back at the same moment. */
                st->reconnect_at = now_ms() + chance_between(st, most / 2, most);
        }
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        struct station *st = user;

        (void)reason;
        if (st->link == LINK_CONNECTING)
                st->closed_early = 1;
        if (ws != st->ws)
                return;
        st->ws = NULL;
        if (st->link == LINK_UP) {
                counts.lost++;
                bb_log(BB_INFO, "sim.link_lost", NULL, bb_kv_cstr("station", st->id), bb_kv_int("code", code));
                link_lost(st);
        }
        station_schedule(st);
}

static const struct bb_ws_handler handler = {
        .size = sizeof(handler), .on_arrival = on_arrival, .on_close = on_close, .subprotocol = "ocpp1.6"};

/* --- connecting --- */

static bb_str url_of(const struct station *st)
{
        const char *place = strstr(options.url, "{station}");

        if (place == NULL)
                return bb_cstr(options.url);
        return bb_print("%.*s%s%s", (int)(place - options.url), options.url, st->id, place + strlen("{station}"));
}

static bb_str basic(const struct station *st, bb_str password)
{
        bb_str clear = bb_print("%s:%.*s", st->id, BB_FMT(password));
        char *coded = bb_alloc(4 * (clear.len / 3 + 1) + 1);

        EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)clear.ptr, (int)clear.len);
        return bb_print("Basic %s", coded);
}

BB_AWAIT bb_err station_open_websocket(const struct station *st, const struct bb_ws_handler *h, void *user, bb_ws **ret,
                                       int32_t *ret_status)
{
        struct bb_http_header headers[1];
        bb_str password = options_password(st->id);
        size_t count = 0;

        if (password.ptr != NULL)
                headers[count++] =
                        (struct bb_http_header){.name = BB_STR("Authorization"), .value = basic(st, password)};
        return websocket_connect(NULL, NULL, url_of(st), headers, count, options.ca_file, h, user, ret, ret_status);
}

static void refused(struct station *st, bb_err err, int32_t status)
{
        counts.refused++;
        bb_log(BB_WARN, "sim.no_connection", NULL, bb_kv_cstr("station", st->id), bb_kv_int("http_status", status),
               bb_kv_err(err));
        if (status == 401 || status == 403 || status == 404)
                st->reconnect_at = now_ms() + chance_between(st, REFUSED_MS / 2, REFUSED_MS);
        link_lost(st);
        station_schedule(st);
}

void station_connect(void *arg)
{
        struct station *st = arg;
        bb_ws *ws = NULL;
        int32_t status = 0;
        bb_err err;

        st->closed_early = 0;
        err = station_open_websocket(st, &handler, st, &ws, &status);
        pace_done();
        if (st->link != LINK_CONNECTING) /* a message came first */
                return;
        if (err == BB_OK && st->closed_early)
                err = BB_E_CLOSED;
        if (err < 0) {
                refused(st, err, status);
                return;
        }
        link_up(st, ws);
        if (!station_wants_link(st))
                station_close(st, 1000, NEVER);
}

void station_close(struct station *st, int32_t code, int64_t again_in_ms)
{
        bb_ws *ws = st->ws;

        if (st->link != LINK_UP)
                return;
        st->reconnect_at = again_in_ms == NEVER ? NEVER : now_ms() + again_in_ms;
        link_lost(st);
        if (st->second_ws != NULL)
                websocket_close(st->second_ws, code, BB_NONE);
        websocket_close(ws, code, BB_NONE);
        station_schedule(st);
}

void station_send_raw(struct station *st, bb_str text)
{
        if (st->link == LINK_UP && websocket_send(st->ws, BB_WS_TEXT, text) < 0)
                station_close(st, 1001, 1000);
}

/* --- boot --- */

int station_may_send(const struct station *st, enum action action)
{
        if (st->boot == BOOT_ACCEPTED || action == BOOT_NOTIFICATION)
                return 1;
        /* Only what the central system asks for while it makes up its mind (OCPP 1.6 §4.2). */
        return st->boot == BOOT_PENDING && (action == STATUS_NOTIFICATION || action == HEARTBEAT);
}

static void boot_accepted(struct station *st, int64_t interval_s)
{
        st->boot = BOOT_ACCEPTED;
        st->resetting = 0;
        st->heartbeat_ms = (interval_s > 0 ? interval_s : HEARTBEAT_DEFAULT_S) * 1000;
        st->heartbeat_at = now_ms() + st->heartbeat_ms;
        if (options.bench)
                bench_begin(st);
        else
                story_begin(st);
}

void station_on_boot(struct station *st, const bb_json *payload)
{
        bb_str status = bb_json_str(bb_json_get(payload, "status"));
        int64_t interval_s = bb_json_int(bb_json_get(payload, "interval"), -1), server_ms;

        if (payload == NULL || interval_s < 0 ||
            time_parse(bb_json_str(bb_json_get(payload, "currentTime")), &server_ms) < 0)
                status = BB_NONE;
        if (bb_str_is(status, "Accepted")) {
                boot_accepted(st, interval_s);
                return;
        }
        if (payload != NULL && !bb_str_is(status, "Pending") && !bb_str_is(status, "Rejected")) {
                counts.broken++;
                bb_log(BB_ERROR, "sim.broken_boot", "the answer to BootNotification is not usable",
                       bb_kv_cstr("station", st->id));
        }
        st->boot = bb_str_is(status, "Pending") ? BOOT_PENDING : BOOT_REJECTED;
        st->boot_at = now_ms() + (interval_s > 0 ? interval_s * 1000 : BOOT_RETRY_MS);
        station_schedule(st);
}

void station_reset(struct station *st)
{
        st->resetting = 1;
        st->boot = BOOT_NONE;
        st->drop_at = now_ms() + 500; /* the answer is to get out first */
        station_schedule(st);
}

/* --- life --- */

static uint8_t profile_of(uint32_t index)
{
        int64_t sum = 0, at;

        if (options.bench)
                return PROFILE_NORMAL;
        for (int i = 0; i < PROFILE_COUNT; i++)
                sum += options.share[i];
        /* Spread evenly, so that few stations have the wished mix too. */
        at = (int64_t)(((uint64_t)index * 37 + 11) % (uint64_t)sum);
        for (uint8_t i = 0; i < PROFILE_COUNT; i++)
                if ((at -= options.share[i]) < 0)
                        return i;
        return PROFILE_NORMAL;
}

void station_init(struct station *st, uint32_t index)
{
        st->index = index;
        snprintf(st->id, sizeof(st->id), "%s%05lld", options.prefix, (long long)(options.first_index + index));
        st->random = (uint64_t)options.seed * 0x9e3779b97f4a7c15u + (uint64_t)(options.first_index + index);
        st->profile = profile_of(index);
        st->reconnect_at = st->boot_at = st->heartbeat_at = st->drop_at = st->fault_at = st->bench_at = NEVER;
        st->next_number = (int32_t)(time_now_ms() & 0xffffff); /* a restart does not use the same message ids */
        list_init(&st->pace);
        list_init(&st->queue);
        event_assign(&st->timer, loop_base(), -1, 0, on_timer, st);
        story_init(st);
        st->link = LINK_WAITING;
        pace_want(st);
        station_schedule(st);
}

void station_free(struct station *st)
{
        event_del(&st->timer);
        pace_unwant(st);
        outbox_free(st);
        keys_free(st);
        for (int i = 0; i < CONNECTORS_MOST; i++)
                transaction_drop(st->connectors[i].tx);
}
