/* SPDX-License-Identifier: Apache-2.0
 *
 * BootNotification and Heartbeat (OCPP 1.6 §4.2, §4.6). Whoever got past the handshake is accepted; a station that
 * reconnects without a boot is served as well.
 */
#include "local_list.h"
#include "messages.h"
#include "validation.h"

static uint32_t spread_of(bb_str id)
{
        uint32_t h = 2166136261u;

        for (size_t i = 0; i < id.len; i++)
                h = (h ^ (unsigned char)id.ptr[i]) * 16777619u;
        return h ^ (h >> 15);
}

int64_t boot_interval_s(const struct station *st, int32_t interval_s)
{
        int64_t spread = (int64_t)(spread_of(station_id(st)) % 201) - 100; /* -100 … 100 per mille */
        int64_t interval = interval_s + interval_s * spread / 1000;

        return interval > 0 ? interval : 1;
}

BB_AWAIT bb_err message_boot(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct boot_req *m = message;
        struct bb_station_ref ref = station_ref(st);
        struct bb_boot boot = {.vendor = m->vendor,
                               .model = m->model,
                               .serial_number = m->serial_number.ptr != NULL ? m->serial_number : m->box_serial_number,
                               .firmware_version = m->firmware_version,
                               .iccid = m->iccid,
                               .imsi = m->imsi,
                               .meter_type = m->meter_type,
                               .meter_serial_number = m->meter_serial_number};
        struct boot_conf conf = {.status = BOOT_ACCEPTED};
        bb_err err;

        UNTIL_STORED(err, charging->boot(&ref, &boot));
        TRY(err);
        validation_learn(st, m->vendor, m->model);
        lists_booted(st);
        conf.current_time = bb_now_ms();
        conf.interval = boot_interval_s(st, st->owner->options->heartbeat_interval_s);
        *ret_answer = bb_shape_encode_text(&BootNotificationResponse, &conf);
        return BB_OK;
}

/* Answered without the database: it must not fail while that is away. */
bb_err message_heartbeat(struct station *st, const void *message, bb_str *ret_answer)
{
        struct heartbeat_conf conf = {.current_time = bb_now_ms()};

        (void)st;
        (void)message;
        *ret_answer = bb_shape_encode_text(&HeartbeatResponse, &conf);
        return BB_OK;
}
