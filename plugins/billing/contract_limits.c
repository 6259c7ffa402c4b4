/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a contract's limits, and what of them goes together.
 */
#include "contract.h"

const char *const quota_periods[] = {"day", "week", "month", NULL};
const char *const quota_owners[] = {"token", "contract", NULL}; /* QUOTA_OF_… */
#define QUOTA(member_, name_, kind_, ...) FIELD(contract_quota, member_, name_, kind_, ##__VA_ARGS__)
static const struct bb_field quota_fields[] = {
        QUOTA(per, "per", BB_T_ENUM, .flags = BB_REQUIRED, .values = quota_periods,
              .about = "Of the location's calendar; weeks begin on Monday. A session belongs to the period in which it "
                       "began."),
        QUOTA(of, "of", BB_T_ENUM, .values = quota_owners, .fallback = "token",
              .about = "Each token has its own, or all tokens have one together."),
        QUOTA(most[QUOTA_SESSIONS], "sessions", BB_T_INT, .min = 1, .max = 1000000),
        QUOTA(most[QUOTA_DURATION], "duration_s", BB_T_DECIMAL, .scale = 3, .min = 1000, .max = 31622400000000),
        QUOTA(most[QUOTA_ENERGY], "energy_kwh", BB_T_DECIMAL, .scale = 6, .min = 1, .max = 1000000000000000),
        QUOTA(most[QUOTA_AMOUNT], "amount_minor", BB_T_INT, .min = 1, .max = 1000000000000,
              .about = "With tax, in the currency's smallest unit."),
};
static BB_SHAPE(ContractQuota, contract_quota, 0, "What the sessions of a period may use together.", quota_fields);

static const char *const at_limit_names[] = {"stop", "throttle", "notify", "fee", NULL}; /* AT_LIMIT_… */
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
              .about =
                      "stop: the session is ended; throttle: it gets no more power than throttle_a or throttle_w; fee: "
                      "from then on it costs fee_per_hour beside everything else; notify: session.limit_reached is "
                      "told, as it is by the others."),
        [LIMITS_THROTTLE_A] =
                LIMIT(throttle_ma, "throttle_a", BB_T_DECIMAL, .scale = 3, .max = 1000000,
                      .about = "The current that a throttled session keeps, per phase; none when absent."),
        [LIMITS_THROTTLE_W] = LIMIT(throttle_mw, "throttle_w", BB_T_DECIMAL, .scale = 3, .max = 10000000000,
                                    .about = "The same as a power; instead of throttle_a."),
        [LIMITS_FEE] = LIMIT(fee_micro, "fee_per_hour", BB_T_DECIMAL, .scale = 6, .min = 1, .max = 1000000000000,
                             .about = "With or without tax as the tariff's prices are."),
        [LIMITS_FEE_VAT] = LIMIT(fee_vat, "fee_vat", BB_T_DECIMAL, .scale = 4, .max = 1000000,
                                 .about = "Percent; absent: none is named."),
        LIMIT(quota, "quota", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &ContractQuota,
              .about = "Used up, the next authorization is refused, and a session at its end is stopped or throttled "
                       "as at_limit says (fee: stopped)."),
        LIMIT(cooldown_ms, "cooldown_s", BB_T_DECIMAL, .scale = 3, .min = 1000, .max = 31622400000,
              .about = "Between the end of a token's session under this contract and its next one."),
};
BB_SHAPE(SessionLimits, contract_limits, 0, "How far a session may go.", limit_fields);

bb_str contract_at_limit_name(int32_t at_limit)
{
        return bb_cstr(at_limit_names[at_limit]);
}

static bb_err wrong(const char *member, const char *fault, const char **ret_member, const char **ret_fault)
{
        *ret_member = member;
        *ret_fault = fault;
        return BB_E_INVALID;
}

static bb_err check_throttle(const struct contract_limits *l, const char **ret_member, const char **ret_fault)
{
        int32_t amperes = (int32_t)BB_PRESENT(l, LIMITS_THROTTLE_A), watts = (int32_t)BB_PRESENT(l, LIMITS_THROTTLE_W);
        const char *member = amperes ? "throttle_a" : "throttle_w";

        if (!amperes && !watts)
                return BB_OK;
        if (l->at_limit != AT_LIMIT_THROTTLE)
                return wrong(member, "needs at_limit throttle", ret_member, ret_fault);
        if (amperes && watts)
                return wrong("throttle_w", "is one too many beside throttle_a", ret_member, ret_fault);
        if (l->throttle_ma % 100 != 0 || l->throttle_mw % 100 != 0)
                return wrong(member, "has one decimal at most", ret_member, ret_fault);
        return BB_OK;
}

/* When an amount is reached is known to the samples alone, and a fee would move it. */
static bb_err check_fee(const struct contract_limits *l, const char **ret_member, const char **ret_fault)
{
        if (l->at_limit != AT_LIMIT_FEE && BB_PRESENT(l, LIMITS_FEE))
                return wrong("fee_per_hour", "needs at_limit fee", ret_member, ret_fault);
        if (BB_PRESENT(l, LIMITS_FEE_VAT) && !BB_PRESENT(l, LIMITS_FEE))
                return wrong("fee_vat", "needs fee_per_hour", ret_member, ret_fault);
        if (l->at_limit != AT_LIMIT_FEE)
                return BB_OK;
        if (!BB_PRESENT(l, LIMITS_FEE))
                return wrong("fee_per_hour", "is needed by at_limit fee", ret_member, ret_fault);
        if (l->amount_minor > 0)
                return wrong("amount_minor", "cannot have the fee as its consequence: the fee is an amount itself",
                             ret_member, ret_fault);
        if (l->duration_ms == 0 && l->energy_mwh == 0 && l->idle_ms == 0)
                return wrong("at_limit", "needs a limit: duration_s, energy_kwh or idle_s", ret_member, ret_fault);
        return BB_OK;
}

bb_err contract_limits_check(const struct contract_limits *l, const char **ret_member, const char **ret_fault)
{
        TRY(check_throttle(l, ret_member, ret_fault));
        TRY(check_fee(l, ret_member, ret_fault));
        for (int32_t kind = 0; l->quota != NULL && kind < QUOTA_KINDS; kind++) {
                if (l->quota->most[kind] > 0)
                        return BB_OK;
        }
        return l->quota == NULL ? BB_OK
                                : wrong("quota", "limits nothing: sessions, duration_s, energy_kwh or amount_minor",
                                        ret_member, ret_fault);
}

int32_t contract_at_quota(const struct contract_limits *l)
{
        return l->at_limit == AT_LIMIT_FEE ? AT_LIMIT_STOP : l->at_limit;
}

int32_t contract_restricts(const struct contract *c)
{
        return c->limits != NULL && (c->limits->quota != NULL || c->limits->cooldown_ms > 0);
}

const struct price_fee *contract_fee(const struct contract *c)
{
        const struct contract_limits *l = c->limits;
        struct price_fee *fee;

        if (l == NULL || l->at_limit != AT_LIMIT_FEE)
                return NULL;
        fee = bb_alloc(sizeof(*fee));
        *fee = (struct price_fee){.component = {.dimension = DIM_TIME,
                                                .has_vat = (int32_t)BB_PRESENT(l, LIMITS_FEE_VAT),
                                                .price_micro = l->fee_micro,
                                                .vat = l->fee_vat},
                                  .duration_ms = l->duration_ms,
                                  .idle_ms = l->idle_ms,
                                  .energy_mwh = l->energy_mwh};
        return fee;
}
