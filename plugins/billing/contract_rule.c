/* SPDX-License-Identifier: Apache-2.0
 *
 * A contract's rules: how they are written, which sessions they fit, and which of them could tie.
 */
#include "contract.h"

enum { DAY_MINUTES = 24 * 60, ALL_DAYS = 127 };

static const char *const channel_names[] = {"rfid", "app", "remote", "ad_hoc", "roaming", NULL}; /* BB_TOKEN_… */
static const char *const day_names[] = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                        "FRIDAY", "SATURDAY", "SUNDAY",    NULL};

#define RULE(member_, name_, kind_, ...) FIELD(contract_rule_text, member_, name_, kind_, ##__VA_ARGS__)
static const struct bb_field rule_fields[] = {
        [RULE_TOKEN] = RULE(token_uid, "token_uid", BB_T_STR, .min = 1, .max = 64),
        [RULE_CONTRACT] = RULE(contract_id, "contract_id", BB_T_STR, .min = 1, .max = 36,
                               .about = "Tokens with this contract_id."),
        [RULE_GROUP] = RULE(token_group, "token_group", BB_T_STR, .min = 1, .max = 64,
                            .about = "Tokens with this parent_uid."),
        [RULE_PARTNER] = RULE(partner, "partner", BB_T_STR, .min = 1, .max = 36,
                              .about = "Tokens that this roaming partner issued."),
        [RULE_CHANNEL] = RULE(channel, "channel", BB_T_ENUM, .values = channel_names, .about = "Tokens of this kind."),
        [RULE_LOCATION] = RULE(location_id, "location_id", BB_T_STR, .min = 1, .max = 64),
        [RULE_STATION] = RULE(station_id, "station_id", BB_T_STR, .min = 1, .max = 64),
        [RULE_CONNECTOR] =
                RULE(connector_id, "connector_id", BB_T_INT, .min = 1, .max = 255, .about = "Of the station."),
        [RULE_MIN_POWER] = RULE(min_power_w, "min_power_kw", BB_T_DECIMAL, .scale = 3, .max = 10000000,
                                .about = "Connectors of at least this power."),
        [RULE_MAX_POWER] = RULE(max_power_w, "max_power_kw", BB_T_DECIMAL, .scale = 3, .max = 10000000,
                                .about = "Connectors of less than this power."),
        [RULE_DAYS] = RULE(days, "days", BB_T_ARRAY, .item = BB_T_ENUM, .values = day_names, .min = 1, .max = 7,
                           .about = "Sessions that begin on these days, by the location's clock."),
        [RULE_FROM_TIME] = RULE(from_time, "from_time", BB_T_STR, .min = 5, .max = 5,
                                .about = "Sessions that begin at or after this time of day: 08:00."),
        [RULE_UNTIL_TIME] = RULE(until_time, "until_time", BB_T_STR, .min = 5, .max = 5,
                                 .about = "And before this one; one before from_time passes midnight, 00:00 is the "
                                          "day's end."),
};
BB_SHAPE(ContractRule, contract_rule_text, 0,
         "For whom: at most one of token_uid, contract_id, token_group, partner, channel. Where: at most one of "
         "location_id, station_id (with connector_id), power. When: days, from_time, until_time.",
         rule_fields);

static bb_str lower(bb_str s)
{
        bb_str copy = bb_str_dup(s);

        for (size_t i = 0; i < copy.len; i++) {
                char c = copy.ptr[i];

                if (c >= 'A' && c <= 'Z')
                        ((char *)copy.ptr)[i] = (char)(c + 32);
        }
        return copy;
}

/* --- reading --- */

static bb_err fault_in(int32_t field, const char *text, const char **ret_member, const char **ret_fault)
{
        *ret_member = rule_fields[field].name;
        *ret_fault = text;
        return BB_E_INVALID;
}

/* How many of these members are there; *ret_last is the last one. */
static int32_t members(const struct contract_rule_text *r, int32_t first, int32_t last, int32_t *ret_last)
{
        int32_t count = 0;

        for (int32_t i = first; i <= last; i++) {
                if (!BB_PRESENT(r, i))
                        continue;
                count++;
                *ret_last = i;
        }
        return count;
}

static bb_err read_who(const struct contract_rule_text *r, struct contract_rule *ret, const char **ret_member,
                       const char **ret_fault)
{
        /* By RULE_TOKEN …; without regard to case where the domain or OCPI has none. */
        const struct {
                int32_t kind;
                bb_str value;
        } who[] = {{WHO_TOKEN, lower(r->token_uid)},
                   {WHO_CONTRACT, r->contract_id},
                   {WHO_GROUP, lower(r->token_group)},
                   {WHO_PARTNER, lower(r->partner)},
                   {WHO_CHANNEL, bb_cstr(channel_names[r->channel])}};
        int32_t which = -1;

        ret->who_value = BB_STR("");
        if (members(r, RULE_TOKEN, RULE_CHANNEL, &which) > 1)
                return fault_in(which,
                                "is one too many: a rule names one of token_uid, contract_id, token_group, partner and "
                                "channel",
                                ret_member, ret_fault);
        if (which < 0)
                return BB_OK;
        ret->who_kind = who[which].kind;
        ret->who_value = who[which].value;
        return BB_OK;
}

static bb_str connector_key(bb_str station_id, int64_t connector_id)
{
        return bb_print("%.*s/%lld", BB_FMT(station_id), (long long)connector_id);
}

static bb_err read_power(const struct contract_rule_text *r, struct contract_rule *ret, const char **ret_member,
                         const char **ret_fault)
{
        ret->where_kind = WHERE_POWER;
        ret->min_power_w = r->min_power_w;
        if (BB_PRESENT(r, RULE_MAX_POWER))
                ret->max_power_w = r->max_power_w;
        if (ret->min_power_w < ret->max_power_w)
                return BB_OK;
        return fault_in(RULE_MAX_POWER, "must be above min_power_kw", ret_member, ret_fault);
}

static bb_err read_where(const struct contract_rule_text *r, struct contract_rule *ret, const char **ret_member,
                         const char **ret_fault)
{
        int32_t has_power = BB_PRESENT(r, RULE_MIN_POWER) || BB_PRESENT(r, RULE_MAX_POWER);
        int32_t which = -1;

        ret->where_value = BB_STR("");
        ret->max_power_w = INT64_MAX;
        if (members(r, RULE_LOCATION, RULE_STATION, &which) + has_power > 1) {
                if (has_power)
                        which = BB_PRESENT(r, RULE_MIN_POWER) ? RULE_MIN_POWER : RULE_MAX_POWER;
                return fault_in(which, "is one too many: a rule names one of location_id, station_id and power",
                                ret_member, ret_fault);
        }
        if (BB_PRESENT(r, RULE_CONNECTOR) && which != RULE_STATION)
                return fault_in(RULE_CONNECTOR, "needs its station_id", ret_member, ret_fault);
        if (has_power)
                return read_power(r, ret, ret_member, ret_fault);
        if (which == RULE_LOCATION) {
                ret->where_kind = WHERE_LOCATION;
                ret->where_value = r->location_id;
        } else if (which == RULE_STATION) {
                ret->where_kind = BB_PRESENT(r, RULE_CONNECTOR) ? WHERE_CONNECTOR : WHERE_STATION;
                ret->where_value =
                        BB_PRESENT(r, RULE_CONNECTOR) ? connector_key(r->station_id, r->connector_id) : r->station_id;
        }
        return BB_OK;
}

static bb_err read_when(const struct contract_rule_text *r, struct contract_rule *ret, const char **ret_member,
                        const char **ret_fault)
{
        const int32_t *days = r->days.items;

        ret->days = BB_PRESENT(r, RULE_DAYS) ? 0 : ALL_DAYS;
        for (size_t i = 0; i < r->days.count; i++)
                ret->days |= 1 << days[i];
        ret->until_minute = DAY_MINUTES;
        if (BB_PRESENT(r, RULE_FROM_TIME))
                ret->from_minute = ocpi_minute(r->from_time);
        if (BB_PRESENT(r, RULE_UNTIL_TIME))
                ret->until_minute = ocpi_minute(r->until_time);
        if (ret->from_minute < 0 || ret->until_minute < 0)
                return fault_in(ret->from_minute < 0 ? RULE_FROM_TIME : RULE_UNTIL_TIME, "is no time of day like 08:00",
                                ret_member, ret_fault);
        if (ret->until_minute == 0)
                ret->until_minute = DAY_MINUTES;
        if (ret->from_minute == ret->until_minute)
                return fault_in(RULE_UNTIL_TIME, "equals from_time: no session begins in between", ret_member,
                                ret_fault);
        return BB_OK;
}

bb_err contract_rule_read(const struct contract_rule_text *from, const struct contract *c, struct contract_rule *ret,
                          const char **ret_member, const char **ret_fault)
{
        *ret = (struct contract_rule){
                .has_from = (int32_t)BB_PRESENT(c, CONTRACT_VALID_FROM),
                .has_until = (int32_t)BB_PRESENT(c, CONTRACT_VALID_UNTIL),
                .valid_from_ms = c->valid_from_ms,
                .valid_until_ms = c->valid_until_ms,
        };
        TRY(read_who(from, ret, ret_member, ret_fault));
        TRY(read_where(from, ret, ret_member, ret_fault));
        return read_when(from, ret, ret_member, ret_fault);
}

struct contract_rule contract_rule_row(const bb_rows *rows, size_t row)
{
        return (struct contract_rule){.contract_id = bb_row_str(rows, row, 0),
                                      .position = bb_row_int(rows, row, 1, 0),
                                      .who_kind = (int32_t)bb_row_int(rows, row, 2, 0),
                                      .who_value = bb_row_str(rows, row, 3),
                                      .where_kind = (int32_t)bb_row_int(rows, row, 4, 0),
                                      .where_value = bb_row_str(rows, row, 5),
                                      .min_power_w = bb_row_int(rows, row, 6, 0),
                                      .max_power_w = bb_row_int(rows, row, 7, 0),
                                      .days = (int32_t)bb_row_int(rows, row, 8, 0),
                                      .from_minute = (int32_t)bb_row_int(rows, row, 9, 0),
                                      .until_minute = (int32_t)bb_row_int(rows, row, 10, 0),
                                      .has_from = !bb_row_is_null(rows, row, 11),
                                      .valid_from_ms = bb_row_time(rows, row, 11, 0),
                                      .has_until = !bb_row_is_null(rows, row, 12),
                                      .valid_until_ms = bb_row_time(rows, row, 12, 0)};
}

/* --- fitting --- */

static int32_t has_minute(const struct contract_rule *r, int32_t minute)
{
        if (r->from_minute < r->until_minute)
                return minute >= r->from_minute && minute < r->until_minute;
        return minute >= r->from_minute || minute < r->until_minute;
}

static const char *place_fault(const struct contract_rule *r, const struct session_facts *f)
{
        const bb_str where[] = {[WHERE_ANYWHERE] = BB_STR(""),
                                [WHERE_POWER] = BB_STR(""),
                                [WHERE_LOCATION] = f->location_id,
                                [WHERE_STATION] = f->station_id,
                                [WHERE_CONNECTOR] = connector_key(f->station_id, f->connector_id)};

        if (!bb_str_eq(where[r->where_kind], r->where_value))
                return "it is for another place";
        if (r->where_kind == WHERE_POWER && f->power_w == 0)
                return "the power of this connector is not known";
        if (r->where_kind == WHERE_POWER && (f->power_w < r->min_power_w || f->power_w >= r->max_power_w))
                return "it is for connectors of another power";
        return NULL;
}

static const char *time_fault(const struct contract_rule *r, const struct session_facts *f)
{
        if (r->has_from && f->at_ms < r->valid_from_ms)
                return "it is not yet valid";
        if (r->has_until && f->at_ms >= r->valid_until_ms)
                return "it is no longer valid";
        if (!(r->days >> f->weekday & 1))
                return "it is for other days of the week";
        if (!has_minute(r, f->minute))
                return "it is for other hours of the day";
        return NULL;
}

const char *contract_rule_fault(const struct contract_rule *r, const struct session_facts *f)
{
        const bb_str who[] = {[WHO_ANYBODY] = BB_STR(""),
                              [WHO_CHANNEL] = bb_cstr(channel_names[f->channel]),
                              [WHO_PARTNER] = lower(f->token_partner),
                              [WHO_GROUP] = lower(f->token_group),
                              [WHO_CONTRACT] = f->token_contract,
                              [WHO_TOKEN] = lower(f->token_uid)};
        const char *fault;

        if (!bb_str_eq(who[r->who_kind], r->who_value))
                return "it is for other tokens";
        fault = place_fault(r, f);
        return fault != NULL ? fault : time_fault(r, f);
}

bb_str contract_channel(const struct session_facts *f)
{
        return bb_cstr(channel_names[f->channel]);
}

bb_str contract_local_time(const struct session_facts *f)
{
        return bb_print("%s %02d:%02d", day_names[f->weekday], (int)f->minute / 60, (int)f->minute % 60);
}

/* --- ties --- */

static int32_t has_window(const struct contract_rule *r)
{
        return r->days != ALL_DAYS || r->from_minute != 0 || r->until_minute != DAY_MINUTES;
}

/* Two stretches of the clock's round meet where one of them begins. */
static int32_t windows_meet(const struct contract_rule *a, const struct contract_rule *b)
{
        return (a->days & b->days) != 0 && (has_minute(a, b->from_minute) || has_minute(b, a->from_minute));
}

static int32_t validities_meet(const struct contract_rule *a, const struct contract_rule *b)
{
        return (!a->has_until || !b->has_from || b->valid_from_ms < a->valid_until_ms) &&
               (!b->has_until || !a->has_from || a->valid_from_ms < b->valid_until_ms);
}

int32_t contract_rules_tie(const struct contract_rule *a, const struct contract_rule *b)
{
        return a->who_kind == b->who_kind && bb_str_eq(a->who_value, b->who_value) && a->where_kind == b->where_kind &&
               bb_str_eq(a->where_value, b->where_value) && has_window(a) == has_window(b) &&
               (a->has_from || a->has_until) == (b->has_from || b->has_until) && a->min_power_w < b->max_power_w &&
               b->min_power_w < a->max_power_w && windows_meet(a, b) && validities_meet(a, b);
}
