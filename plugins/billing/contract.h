/* SPDX-License-Identifier: Apache-2.0
 *
 * Contracts: a tariff, terms, and rules that say for whom and where. Of all rules that fit, the
 * most specific wins: first by who, then by where, then one with hours before one without, then a bounded validity
 * before an open one. Two that could tie are never both saved.
 */
#ifndef BILLING_CONTRACT_H
#define BILLING_CONTRACT_H

#include "billing.h"

enum { WHO_ANYBODY = 0, WHO_CHANNEL = 1, WHO_PARTNER = 2, WHO_GROUP = 3, WHO_CONTRACT = 4, WHO_TOKEN = 5 };
enum { WHERE_ANYWHERE = 0, WHERE_POWER = 1, WHERE_LOCATION = 2, WHERE_STATION = 3, WHERE_CONNECTOR = 4 };

/* A rule as people write it. */
struct contract_rule_text {
        uint64_t present;
        bb_str token_uid, contract_id, token_group, partner, location_id, station_id, from_time, until_time;
        int32_t channel; /* BB_TOKEN_… */
        int64_t connector_id, min_power_w, max_power_w;
        struct bb_array days; /* of int32_t; 0: Monday */
};
enum {
        RULE_TOKEN,
        RULE_CONTRACT,
        RULE_GROUP,
        RULE_PARTNER,
        RULE_CHANNEL,
        RULE_LOCATION,
        RULE_STATION,
        RULE_CONNECTOR,
        RULE_MIN_POWER,
        RULE_MAX_POWER,
        RULE_DAYS,
        RULE_FROM_TIME,
        RULE_UNTIL_TIME
};

/* How far a session may go, and what happens then. */
enum { LIMIT_DURATION = 0, LIMIT_ENERGY = 1, LIMIT_AMOUNT = 2, LIMIT_IDLE = 3 };
/* Nothing is left of them: reached at once. */
enum { LIMIT_SESSIONS = 4, LIMIT_COOLDOWN = 5, LIMIT_KINDS = 6 };
enum { AT_LIMIT_STOP = 0, AT_LIMIT_THROTTLE = 1, AT_LIMIT_NOTIFY = 2, AT_LIMIT_FEE = 3 };
/* What all sessions of a period may use together; 0: no such limit. */
enum { QUOTA_SESSIONS = 0, QUOTA_DURATION = 1, QUOTA_ENERGY = 2, QUOTA_AMOUNT = 3, QUOTA_KINDS = 4 };
enum { QUOTA_OF_TOKEN = 0, QUOTA_OF_CONTRACT = 1 };
struct contract_quota {
        uint64_t present;
        int32_t per;               /* of quota_periods */
        int32_t of;                /* QUOTA_OF_… */
        int64_t most[QUOTA_KINDS]; /* sessions, ms, mWh, smallest unit of the currency */
};
extern const char *const quota_periods[] BB_HIDDEN; /* "day" …, as date_trunc() knows them */
extern const char *const quota_owners[] BB_HIDDEN;

struct contract_limits {
        uint64_t present;
        int64_t duration_ms, energy_mwh, amount_minor, idle_ms; /* 0: none */
        int64_t warn_percent;
        int32_t at_limit;                 /* AT_LIMIT_… */
        int64_t throttle_ma, throttle_mw; /* AT_LIMIT_THROTTLE: what is left; at most one of them */
        int64_t fee_micro, fee_vat;       /* AT_LIMIT_FEE: per hour */
        struct contract_quota *quota;
        int64_t cooldown_ms; /* between two sessions of a token; 0: none */
};
enum { LIMITS_THROTTLE_A = 6, LIMITS_THROTTLE_W, LIMITS_FEE, LIMITS_FEE_VAT }; /* of the shape's fields */
extern const struct bb_shape SessionLimits BB_HIDDEN;

/* Off what one dimension costs, by DIM_…; negative: a surcharge. */
struct contract_discounts {
        uint64_t present;
        int64_t off[DIM_COUNT]; /* millionths */
};

struct contract {
        uint64_t present;
        bb_str id, name, partner, tariff_id, vat_id;
        int64_t valid_from_ms, valid_until_ms;
        int64_t discount;        /* ten-thousandths of a percent, so millionths */
        int64_t free_energy_mwh; /* of each session */
        struct contract_discounts *discounts;
        struct ocpi_limit *max_price;
        struct contract_limits *limits;
        int32_t missing_vat; /* VAT_MISSING_… */
        int32_t vat_role;
        int64_t payment_days;
        struct bb_array applies_to; /* of struct contract_rule_text */
};
enum { CONTRACT_VALID_FROM = 4, CONTRACT_VALID_UNTIL = 5 }; /* of the shape's fields */
extern const struct bb_shape ContractTerms BB_HIDDEN, ContractRule BB_HIDDEN;

/* --- contract_rule.c --- */
/* The same as the database has it. */
struct contract_rule {
        bb_str contract_id; /* of a row */
        int64_t position;
        int32_t who_kind, where_kind; /* WHO_…, WHERE_… */
        bb_str who_value, where_value;
        int64_t min_power_w, max_power_w;
        int32_t days;                      /* bit 0: Monday */
        int32_t from_minute, until_minute; /* of the local day; an end before the start passes midnight */
        int32_t has_from, has_until;
        int64_t valid_from_ms, valid_until_ms; /* of the contract; the end is exclusive */
};
#define CONTRACT_RULE_COLUMNS                                                                                          \
        "r.contract_id, r.position, r.who_kind, r.who_value, r.where_kind, r.where_value, r.min_power_w, "             \
        "r.max_power_w, r.days, r.from_minute, r.until_minute, r.valid_from, r.valid_until"
/* The most specific one first. */
#define CONTRACT_RULE_ORDER                                                                                            \
        " order by r.who_kind desc, r.where_kind desc,"                                                                \
        " (r.days <> 127 or r.from_minute <> 0 or r.until_minute <> 1440) desc,"                                       \
        " (r.valid_from is not null or r.valid_until is not null) desc, r.contract_id, r.position"
struct contract_rule contract_rule_row(const bb_rows *, size_t row);
/* BB_E_INVALID: the rule cannot be meant; *ret_member and *ret_fault say which member and why. */
bb_err contract_rule_read(const struct contract_rule_text *, const struct contract *, struct contract_rule *ret,
                          const char **ret_member, const char **ret_fault);
/* They are equally specific, and there is a session that both fit. */
int32_t contract_rules_tie(const struct contract_rule *, const struct contract_rule *);

/* --- contracts_api.c --- */
/* The latest version (version 0) or a given one. BB_E_NOT_FOUND. */
struct stored_contract {
        struct contract contract;
        int64_t version;
};
BB_AWAIT bb_err contract_load(bb_str id, int64_t version, struct stored_contract *ret);
/* The terms of a contract for the engine. */
struct price_policy contract_policy(const struct contract *);

/* --- contract_limits.c --- */
/* BB_E_INVALID: what does not go together; *ret_member and *ret_fault say which and why. */
bb_err contract_limits_check(const struct contract_limits *, const char **ret_member, const char **ret_fault);
/* "stop" … */
bb_str contract_at_limit_name(int32_t at_limit);
/* What is done when a quota is used up: a fee is for the contract's own limits. */
int32_t contract_at_quota(const struct contract_limits *);
/* There is a quota, or a cooldown. */
int32_t contract_restricts(const struct contract *);
/* The fee of a session beyond its limit, in the task's memory; NULL: none. */
const struct price_fee *contract_fee(const struct contract *);

/* --- contract_find.c --- */
/* What is known of a session for the choice of its contract. */
struct session_facts {
        bb_str token_uid, token_contract, token_group, token_partner, location_id, station_id;
        bb_str time_zone; /* of the location, or else the tenant */
        int32_t channel;  /* BB_TOKEN_… */
        int64_t connector_id, power_w, at_ms;
        int32_t weekday, minute; /* of at_ms there; 0: Monday */
};
/* What they say of the token alone. */
BB_AWAIT bb_err session_facts_token(bb_str uid, struct session_facts *);
BB_AWAIT bb_err session_facts_find(bb_str token_uid, bb_str station_id, int64_t connector_id, int64_t at_ms,
                                   struct session_facts *ret);
/* The contract whose rule wins; BB_E_NOT_FOUND: none fits. */
BB_AWAIT bb_err contract_find(const struct session_facts *, bb_str *ret_contract_id, int64_t *ret_version,
                              int64_t *ret_position);
/* Why a rule does not fit; NULL: it does. The name of the session's channel, and "MONDAY 08:15". */
const char *contract_rule_fault(const struct contract_rule *, const struct session_facts *);
bb_str contract_channel(const struct session_facts *);
bb_str contract_local_time(const struct session_facts *);
/* The IANA zone of a location; the tenant's when it has none, or there is none. */
BB_AWAIT bb_err location_zone(bb_str location_id, bb_str *ret);

/* --- contracts_api.c, explain.c --- */
BB_AWAIT bb_err contracts_list(bb_request *, bb_response *);
BB_AWAIT bb_err contract_read(bb_request *, bb_response *);
BB_AWAIT bb_err contract_write(bb_request *, bb_response *);
BB_AWAIT bb_err contract_remove(bb_request *, bb_response *);
BB_AWAIT bb_err price_explain(bb_request *, bb_response *);
extern const struct bb_shape Contract BB_HIDDEN, PriceExplained BB_HIDDEN;
extern const struct bb_query_param explain_query[4] BB_HIDDEN;

#endif
