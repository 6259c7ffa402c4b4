/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a contract, and what its rules mean.
 */
#include "contract.h"

static const char *const channel_names[] = {"rfid", "app", "remote", NULL}; /* BB_TOKEN_… */
static const char *const missing_vat_names[] = {"none", "unknown", NULL};   /* VAT_MISSING_… */
static const char *const vat_role_names[] = {"consumer", "business", "reverse_charge", "reseller", NULL};

#define RULE(member_, name_, kind_, ...) FIELD(contract_rule_text, member_, name_, kind_, ##__VA_ARGS__)
static const struct bb_field rule_fields[] = {
        [RULE_TOKEN] = RULE(token_uid, "token_uid", BB_T_STR, .min = 1, .max = 64),
        [RULE_CONTRACT] = RULE(contract_id, "contract_id", BB_T_STR, .min = 1, .max = 36,
                               .about = "Tokens with this contract_id."),
        [RULE_GROUP] = RULE(token_group, "token_group", BB_T_STR, .min = 1, .max = 64,
                            .about = "Tokens with this parent_uid."),
        [RULE_CHANNEL] = RULE(channel, "channel", BB_T_ENUM, .values = channel_names, .about = "Tokens of this kind."),
        [RULE_LOCATION] = RULE(location_id, "location_id", BB_T_STR, .min = 1, .max = 64),
        [RULE_STATION] = RULE(station_id, "station_id", BB_T_STR, .min = 1, .max = 64),
        [RULE_CONNECTOR] =
                RULE(connector_id, "connector_id", BB_T_INT, .min = 1, .max = 255, .about = "Of the station."),
        [RULE_MIN_POWER] = RULE(min_power_w, "min_power_kw", BB_T_DECIMAL, .scale = 3, .max = 10000000,
                                .about = "Connectors of at least this power."),
        [RULE_MAX_POWER] = RULE(max_power_w, "max_power_kw", BB_T_DECIMAL, .scale = 3, .max = 10000000,
                                .about = "Connectors of less than this power."),
};
static BB_SHAPE(
        ContractRule, contract_rule_text, 0,
        "For whom: at most one of token_uid, contract_id, token_group, channel. Where: at most one of location_id, "
        "station_id (with connector_id), power.",
        rule_fields);

static const char *const at_limit_names[] = {"stop", "throttle", "notify", NULL}; /* AT_LIMIT_… */
#define LIMIT(member_, name_, kind_, ...) FIELD(contract_limits, member_, name_, kind_, ##__VA_ARGS__)
static const struct bb_field limit_fields[] = {
        LIMIT(duration_ms, "duration_s", BB_T_DECIMAL, .scale = 3, .min = 1000, .max = 31622400000),
        LIMIT(energy_mwh, "energy_kwh", BB_T_DECIMAL, .scale = 6, .min = 1, .max = 1000000000000),
        LIMIT(amount_minor, "amount_minor", BB_T_INT, .min = 1, .max = 1000000000000,
              .about = "With tax, in the currency's smallest unit."),
        LIMIT(idle_ms, "idle_s", BB_T_DECIMAL, .scale = 3, .min = 1000, .max = 31622400000,
              .about = "Connected while the vehicle asks for no power, all such times of a session together."),
        LIMIT(warn_percent, "warn_percent", BB_T_INT, .min = 1, .max = 100, .fallback = "90",
              .about = "Of a limit, at which session.limit_near is told."),
        LIMIT(at_limit, "at_limit", BB_T_ENUM, .values = at_limit_names, .fallback = "stop",
              .about = "stop: the session is ended; throttle: it gets no more power; notify: session.limit_reached is "
                       "told."),
};
static BB_SHAPE(SessionLimits, contract_limits, 0, "How far a session may go.", limit_fields);

#define TERM(member_, name_, kind_, ...) FIELD(contract, member_, name_, kind_, ##__VA_ARGS__)
static const struct bb_field contract_fields[] = {
        TERM(id, "id", BB_T_STR, .min = 1, .max = 36),
        TERM(name, "name", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 200),
        TERM(partner, "partner", BB_T_STR, .flags = BB_NULLABLE, .max = 100),
        TERM(tariff_id, "tariff_id", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 36),
        [CONTRACT_VALID_FROM] = TERM(valid_from_ms, "valid_from", BB_T_TIME, .flags = BB_NULLABLE),
        [CONTRACT_VALID_UNTIL] =
                TERM(valid_until_ms, "valid_until", BB_T_TIME, .flags = BB_NULLABLE, .about = "Exclusive."),
        TERM(discount, "discount_percent", BB_T_DECIMAL, .scale = 4, .min = -1000000, .max = 1000000,
             .about = "Off the whole session, with its tax; negative: a surcharge."),
        TERM(free_energy_mwh, "free_energy_kwh", BB_T_DECIMAL, .scale = 6, .max = 1000000000000,
             .about = "The first energy of each session."),
        TERM(max_price, "max_price", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &PriceLimit,
             .about = "The most that a session costs, as OCPI 2.3.0 writes it."),
        TERM(limits, "limits", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &SessionLimits),
        TERM(missing_vat, "missing_vat", BB_T_ENUM, .values = missing_vat_names, .fallback = "none",
             .about = "Where the tariff names no VAT: none is due, or the total with it is not known."),
        TERM(vat_role, "vat_role", BB_T_ENUM, .values = vat_role_names, .fallback = "consumer",
             .about = "For invoices."),
        TERM(vat_id, "vat_id", BB_T_STR, .flags = BB_NULLABLE, .max = 20),
        TERM(payment_days, "payment_days", BB_T_INT, .max = 365, .about = "For invoices."),
        TERM(applies_to, "applies_to", BB_T_ARRAY, .flags = BB_REQUIRED, .min = 1, .max = 200, .shape = &ContractRule),
};
BB_SHAPE(ContractTerms, contract, 0, "Who charges where by which tariff, and on what terms.", contract_fields);

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
        int32_t which = -1;

        ret->who_value = BB_STR("");
        if (members(r, RULE_TOKEN, RULE_CHANNEL, &which) > 1) {
                *ret_member = rule_fields[which].name;
                *ret_fault = "is one too many: a rule names one of token_uid, contract_id, token_group and channel";
                return BB_E_INVALID;
        }
        if (which == RULE_TOKEN) {
                ret->who_kind = WHO_TOKEN;
                ret->who_value = lower(r->token_uid); /* as the domain compares uids */
        } else if (which == RULE_CONTRACT) {
                ret->who_kind = WHO_CONTRACT;
                ret->who_value = r->contract_id;
        } else if (which == RULE_GROUP) {
                ret->who_kind = WHO_GROUP;
                ret->who_value = lower(r->token_group);
        } else if (which == RULE_CHANNEL) {
                ret->who_kind = WHO_CHANNEL;
                ret->who_value = bb_cstr(channel_names[r->channel]);
        }
        return BB_OK;
}

static bb_err read_where(const struct contract_rule_text *r, struct contract_rule *ret, const char **ret_member,
                         const char **ret_fault)
{
        int32_t has_power = BB_PRESENT(r, RULE_MIN_POWER) || BB_PRESENT(r, RULE_MAX_POWER);
        int32_t which = -1;

        ret->where_value = BB_STR("");
        ret->max_power_w = INT64_MAX;
        if (members(r, RULE_LOCATION, RULE_STATION, &which) + has_power > 1) {
                *ret_member =
                        has_power ? rule_fields[BB_PRESENT(r, RULE_MIN_POWER) ? RULE_MIN_POWER : RULE_MAX_POWER].name
                                  : rule_fields[which].name;
                *ret_fault = "is one too many: a rule names one of location_id, station_id and power";
                return BB_E_INVALID;
        }
        if (BB_PRESENT(r, RULE_CONNECTOR) && which != RULE_STATION) {
                *ret_member = rule_fields[RULE_CONNECTOR].name;
                *ret_fault = "needs its station_id";
                return BB_E_INVALID;
        }
        if (has_power) {
                ret->where_kind = WHERE_POWER;
                ret->min_power_w = r->min_power_w;
                ret->max_power_w = BB_PRESENT(r, RULE_MAX_POWER) ? r->max_power_w : INT64_MAX;
                if (ret->min_power_w < ret->max_power_w)
                        return BB_OK;
                *ret_member = rule_fields[RULE_MAX_POWER].name;
                *ret_fault = "must be above min_power_kw";
                return BB_E_INVALID;
        }
        if (which == RULE_LOCATION) {
                ret->where_kind = WHERE_LOCATION;
                ret->where_value = r->location_id;
        } else if (which == RULE_STATION) {
                ret->where_kind = BB_PRESENT(r, RULE_CONNECTOR) ? WHERE_CONNECTOR : WHERE_STATION;
                ret->where_value = BB_PRESENT(r, RULE_CONNECTOR)
                                           ? bb_print("%.*s/%lld", BB_FMT(r->station_id), (long long)r->connector_id)
                                           : r->station_id;
        }
        return BB_OK;
}

bb_err contract_rule_read(const struct contract_rule_text *from, struct contract_rule *ret, const char **ret_member,
                          const char **ret_fault)
{
        *ret = (struct contract_rule){.who_kind = WHO_ANYBODY};
        TRY(read_who(from, ret, ret_member, ret_fault));
        return read_where(from, ret, ret_member, ret_fault);
}

const char *contract_rule_fault(const struct contract_rule *r, int64_t from_ms, int64_t until_ms,
                                const struct session_facts *f)
{
        const bb_str who[] = {[WHO_ANYBODY] = BB_STR(""),
                              [WHO_CHANNEL] = bb_cstr(channel_names[f->channel]),
                              [WHO_GROUP] = lower(f->token_group),
                              [WHO_CONTRACT] = f->token_contract,
                              [WHO_TOKEN] = lower(f->token_uid)};
        const bb_str where[] = {[WHERE_ANYWHERE] = BB_STR(""),
                                [WHERE_POWER] = BB_STR(""),
                                [WHERE_LOCATION] = f->location_id,
                                [WHERE_STATION] = f->station_id,
                                [WHERE_CONNECTOR] =
                                        bb_print("%.*s/%lld", BB_FMT(f->station_id), (long long)f->connector_id)};

        if (!bb_str_eq(who[r->who_kind], r->who_value))
                return "it is for other tokens";
        if (!bb_str_eq(where[r->where_kind], r->where_value))
                return "it is for another place";
        if (r->where_kind == WHERE_POWER && f->power_w == 0)
                return "the power of this connector is not known";
        if (r->where_kind == WHERE_POWER && (f->power_w < r->min_power_w || f->power_w >= r->max_power_w))
                return "it is for connectors of another power";
        if (from_ms != 0 && f->at_ms < from_ms)
                return "it is not yet valid";
        if (until_ms != 0 && f->at_ms >= until_ms)
                return "it is no longer valid";
        return NULL;
}

struct price_policy contract_policy(const struct contract *c)
{
        struct price_policy policy = {
                .missing_vat = c->missing_vat, .free_energy_mwh = c->free_energy_mwh, .discount = c->discount};

        if (c->max_price != NULL) {
                policy.most.has_net = (int32_t)BB_PRESENT(c->max_price, OCPI_BEFORE_TAXES);
                policy.most.net_micro = c->max_price->before_taxes;
                policy.most.has_gross = (int32_t)BB_PRESENT(c->max_price, OCPI_AFTER_TAXES);
                policy.most.gross_micro = c->max_price->after_taxes;
        }
        return policy;
}
