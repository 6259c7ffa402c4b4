/* SPDX-License-Identifier: Apache-2.0
 *
 * SecurityEventNotification (Security Whitepaper §5.15), and the security events that are noticed here.
 */
#include "security.h"
#include "messages.h"

#include <stdlib.h>

enum { SAME_EVERY_MS = 60000, PER_MINUTE = 100, TECH_INFO_CHARS = 255 };

/* §8 of edition 3, which spells FailedToAuthenticate… in two ways, and what only we notice. */
static const char *const critical_types[] = {
        "FirmwareUpdated",          "SettingSystemTime", "StartupOfTheDevice",       "ResetOrReboot",
        "SecurityLogWasCleared",    "MemoryExhaustion",  "TamperDetectionActivated", SECURITY_WRONG_PASSWORDS,
        SECURITY_SECOND_CONNECTION, SECURITY_DOWNGRADE,  SECURITY_BAD_CERTIFICATE,
};

struct security_event {
        bb_str id, station_id, type, tech_info;
        int64_t at_ms;
        int32_t noticed;
};

static int32_t is_critical(bb_str type)
{
        for (size_t i = 0; i < BB_COUNT(critical_types); i++) {
                if (bb_str_is(type, critical_types[i]))
                        return 1;
        }
        return 0;
}

static bb_str event_payload(const struct security_event *e)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "station_id", e->station_id);
        bb_json_set_str(payload, "type", e->type);
        bb_json_set_str(payload, "at", bb_time_text(e->at_ms));
        bb_json_set(payload, "critical", bb_json_new_bool(is_critical(e->type)));
        bb_json_set(payload, "noticed", bb_json_new_bool(e->noticed));
        if (e->tech_info.len > 0)
                bb_json_set_str(payload, "tech_info", e->tech_info);
        return bb_json_text(payload);
}

/* The same event again is none (BB_OK). */
static BB_AWAIT bb_err store(const struct security_event *e)
{
        struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.security_event"
                        " (id, station_id, type, at, tech_info, critical, noticed)"
                        " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
                        BB_UUID(e->id), BB_TEXT(e->station_id), BB_TEXT(e->type), BB_TIME(e->at_ms),
                        BB_TEXT(e->tech_info), BB_BOOL(is_critical(e->type)), BB_BOOL(e->noticed)),
                bb_event_stmt("station.security_event", e->station_id, event_payload(e)),
        };
        bb_err err;

        stmts[0].flags |= BB_STMT_MUST_HIT;
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static void log_event(const struct security_event *e)
{
        bb_log(is_critical(e->type) ? BB_WARN : BB_INFO, "ocpp.security_event", NULL,
               bb_kv_str("station", e->station_id), bb_kv_str("type", e->type), bb_kv_str("tech_info", e->tech_info),
               bb_kv_int("noticed", e->noticed));
}

BB_AWAIT bb_err message_security_event(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct security_event_req *m = message;
        const struct security_event e = {.id = bb_uuid(),
                                         .station_id = station_id(st),
                                         .type = m->type,
                                         .tech_info = m->tech_info.ptr != NULL ? m->tech_info : BB_STR(""),
                                         .at_ms = told_time(m->timestamp)};
        bb_err err;

        (void)ret_answer;
        UNTIL_STORED(err, store(&e));
        TRY(err);
        log_event(&e);
        return BB_OK;
}

/* --- what is noticed here --- */

/* A slot that two share lets one of them through once too often, never too seldom. */
static uint32_t event_hash(bb_str station_id, const char *type)
{
        uint32_t hash = 2166136261u; /* FNV-1a */

        for (size_t i = 0; i < station_id.len; i++)
                hash = (hash ^ (unsigned char)station_id.ptr[i]) * 16777619u;
        for (; *type != '\0'; type++)
                hash = (hash ^ (unsigned char)*type) * 16777619u;
        return hash;
}

static int32_t may_raise(struct security_limits *l, bb_str station_id, const char *type)
{
        uint32_t hash = event_hash(station_id, type);
        struct security_slot *slot = &l->slots[hash % SECURITY_SLOTS];
        int64_t now = bb_mono_ms();

        if (slot->hash == hash && slot->until_ms > now)
                return 0;
        if (now - l->minute_ms >= 60000) {
                l->minute_ms = now;
                l->count = 0;
        }
        if (l->count >= PER_MINUTE)
                return 0;
        l->count++;
        *slot = (struct security_slot){.hash = hash, .until_ms = now + SAME_EVERY_MS};
        return 1;
}

BB_AWAIT void security_raise(struct ocpp_tenant *owner, bb_str station_id_, const char *type, bb_str tech_info)
{
        struct security_event e = {.id = bb_uuid(),
                                   .station_id = station_id_,
                                   .type = bb_cstr(type),
                                   .tech_info = tech_info.ptr != NULL ? tech_info : BB_STR(""),
                                   .at_ms = bb_now_ms(),
                                   .noticed = 1};
        bb_err err;

        if (!may_raise(&owner->security, station_id_, type)) {
                bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "ocpp_security_events_dropped_total",
                                            "Security events that came too often to be kept.",
                                            bb_kv_cstr("type", type)),
                              1);
                return;
        }
        log_event(&e);
        err = store(&e);
        if (err < 0)
                bb_log(BB_WARN, "ocpp.security_event", "a security event could not be stored",
                       bb_kv_str("station", station_id_), bb_kv_cstr("type", type), bb_kv_err(err));
}
