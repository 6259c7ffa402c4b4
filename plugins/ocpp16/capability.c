/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of keys: its name, and where its value goes.
 */
#include "capability.h"

#include "ocpp16.h"

#include <strings.h>

enum { FRESH_MS = 86400000, TRUTH = 0, NUMBER = 1, UNITS = 2 };

static const struct key {
        const char *name;
        size_t offset;
        int32_t kind;
        int32_t reserved;
} keys[] = {
        {"LocalAuthListEnabled", offsetof(struct capability, list_enabled), TRUTH, 0},
        {"LocalAuthListMaxLength", offsetof(struct capability, list_max), NUMBER, 0},
        {"SendLocalListMaxLength", offsetof(struct capability, list_send_max), NUMBER, 0},
        {"ReserveConnectorZeroSupported", offsetof(struct capability, reserve_zero), TRUTH, 0},
        {"ChargeProfileMaxStackLevel", offsetof(struct capability, profile_level_max), NUMBER, 0},
        {"ChargingScheduleMaxPeriods", offsetof(struct capability, profile_period_max), NUMBER, 0},
        {"MaxChargingProfilesInstalled", offsetof(struct capability, profile_max), NUMBER, 0},
        {"ChargingScheduleAllowedChargingRateUnit", offsetof(struct capability, rate_amperes), UNITS, 0},
};

static const struct key *key_find(bb_str name)
{
        for (size_t i = 0; i < BB_COUNT(keys); i++) {
                if (name.len == strlen(keys[i].name) && strncasecmp(name.ptr, keys[i].name, name.len) == 0)
                        return &keys[i];
        }
        return NULL;
}

int32_t capability_key(bb_str name)
{
        return key_find(name) != NULL;
}

static const struct capability nothing = {
        .list_enabled = CAPABILITY_UNKNOWN,
        .list_max = CAPABILITY_UNKNOWN,
        .list_send_max = CAPABILITY_UNKNOWN,
        .reserve_zero = CAPABILITY_UNKNOWN,
        .profile_level_max = CAPABILITY_UNKNOWN,
        .profile_period_max = CAPABILITY_UNKNOWN,
        .profile_max = CAPABILITY_UNKNOWN,
        .rate_amperes = CAPABILITY_UNKNOWN,
        .rate_watts = CAPABILITY_UNKNOWN,
};

static int64_t number_of(bb_str value)
{
        int64_t n = 0;

        if (value.len == 0 || value.len > 10)
                return CAPABILITY_UNKNOWN;
        for (size_t i = 0; i < value.len; i++) {
                if (value.ptr[i] < '0' || value.ptr[i] > '9')
                        return CAPABILITY_UNKNOWN;
                n = n * 10 + (value.ptr[i] - '0');
        }
        return n;
}

static int64_t truth_of(bb_str value)
{
        const char *text = bb_str_c(value);

        if (strcasecmp(text, "true") == 0)
                return 1;
        return strcasecmp(text, "false") == 0 ? 0 : CAPABILITY_UNKNOWN;
}

/* §9.4.2: a list of "Current" and "Power". Stations are seen that write the units of §7.12 instead. */
static void units_take(struct capability *c, bb_str value)
{
        const char *text = bb_str_c(value);
        int32_t current = strcasestr(text, "Current") != NULL || strcasecmp(text, "A") == 0;
        int32_t power = strcasestr(text, "Power") != NULL || strcasecmp(text, "W") == 0;

        if (!current && !power)
                return;
        c->rate_amperes = current;
        c->rate_watts = power;
}

int32_t capability_take(struct capability *c, const struct get_configuration_conf *conf)
{
        const struct configuration_key *told = conf->configuration_key.items;
        int32_t taken = 0;

        for (size_t i = 0; i < conf->configuration_key.count; i++) {
                const struct key *key = key_find(told[i].key);
                int64_t *at;

                if (key == NULL)
                        continue;
                taken = 1;
                at = (int64_t *)(void *)((char *)c + key->offset);
                if (key->kind == UNITS)
                        units_take(c, told[i].value);
                else
                        *at = key->kind == TRUTH ? truth_of(told[i].value) : number_of(told[i].value);
        }
        return taken;
}

BB_AWAIT bb_err capability_known(bb_str station_id, struct capability *ret)
{
        bb_rows *rows;
        bb_str units;

        *ret = nothing;
        TRY(bb_db_query(&rows,
                        "select list_enabled, list_max, list_send_max, reserve_zero, profile_level_max,"
                        " profile_period_max, profile_max, rate_units, read_at from ocpp16.capability"
                        " where station_id = $1",
                        BB_TEXT(station_id)));
        if (bb_rows_count(rows) == 0)
                return BB_OK;
        ret->list_enabled = bb_row_int(rows, 0, 0, CAPABILITY_UNKNOWN);
        ret->list_max = bb_row_int(rows, 0, 1, CAPABILITY_UNKNOWN);
        ret->list_send_max = bb_row_int(rows, 0, 2, CAPABILITY_UNKNOWN);
        ret->reserve_zero = bb_row_int(rows, 0, 3, CAPABILITY_UNKNOWN);
        ret->profile_level_max = bb_row_int(rows, 0, 4, CAPABILITY_UNKNOWN);
        ret->profile_period_max = bb_row_int(rows, 0, 5, CAPABILITY_UNKNOWN);
        ret->profile_max = bb_row_int(rows, 0, 6, CAPABILITY_UNKNOWN);
        units = bb_row_str(rows, 0, 7);
        if (units.len > 0)
                units_take(ret, units);
        ret->read_ms = bb_row_time(rows, 0, 8, 0);
        return BB_OK;
}

static bb_str units_text(const struct capability *c)
{
        if (c->rate_amperes == CAPABILITY_UNKNOWN)
                return BB_NONE;
        if (c->rate_amperes == 1)
                return c->rate_watts == 1 ? BB_STR("Current,Power") : BB_STR("Current");
        return BB_STR("Power");
}

#define KNOWN(n) BB_INT_OR_NULL((n) != CAPABILITY_UNKNOWN, (n))

BB_AWAIT bb_err capability_store(bb_str station_id, const struct capability *c)
{
        return bb_db_query(
                NULL,
                "insert into ocpp16.capability as c (station_id, list_enabled, list_max, list_send_max, reserve_zero,"
                " profile_level_max, profile_period_max, profile_max, rate_units, read_at)"
                " values ($1, $2::bigint <> 0, $3, $4, $5::bigint <> 0, $6, $7, $8, $9, $10)"
                " on conflict (tenant_id, station_id) do update set list_enabled = excluded.list_enabled,"
                " list_max = excluded.list_max, list_send_max = excluded.list_send_max,"
                " reserve_zero = excluded.reserve_zero, profile_level_max = excluded.profile_level_max,"
                " profile_period_max = excluded.profile_period_max, profile_max = excluded.profile_max,"
                " rate_units = excluded.rate_units, read_at = excluded.read_at",
                BB_TEXT(station_id), KNOWN(c->list_enabled), KNOWN(c->list_max), KNOWN(c->list_send_max),
                KNOWN(c->reserve_zero), KNOWN(c->profile_level_max), KNOWN(c->profile_period_max),
                KNOWN(c->profile_max), BB_TEXT(units_text(c)), BB_TIME(c->read_ms));
}

static bb_json *question(void)
{
        bb_json *payload = bb_json_new_object(), *list = bb_json_new_array();

        for (size_t i = 0; i < BB_COUNT(keys); i++)
                bb_json_append(list, bb_json_new_str(bb_cstr(keys[i].name)));
        bb_json_set(payload, "key", list);
        return payload;
}

/* Errors are the database's; what becomes of the question is not one. */
static BB_AWAIT bb_err ask(struct ocpp_tenant *owner, bb_str station_id, struct capability *c)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct get_configuration_conf conf;
        struct bb_fault fault;

        TRY(driver_ops.command(owner->tenant, station_id, BB_STR("GetConfiguration"), question(), 0, &result));
        if (result.outcome != BB_COMMAND_ANSWERED ||
            bb_shape_decode(&GetConfigurationAnswer, result.answer, &conf, &fault) < 0)
                return BB_OK;
        *c = nothing;
        (void)capability_take(c, &conf);
        c->read_ms = bb_now_ms();
        return capability_store(station_id, c);
}

BB_AWAIT bb_err capability_get(struct ocpp_tenant *owner, bb_str station_id, int64_t boot_ms, struct capability *ret)
{
        TRY(capability_known(station_id, ret));
        if (ret->read_ms > boot_ms && bb_now_ms() - ret->read_ms < FRESH_MS)
                return BB_OK;
        return ask(owner, station_id, ret);
}
