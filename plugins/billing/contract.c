/* SPDX-License-Identifier: Apache-2.0
 *
 * The shape of a contract, and its terms for the engine.
 */
#include "contract.h"

static const char *const missing_vat_names[] = {"none", "unknown", NULL}; /* VAT_MISSING_… */
static const char *const vat_role_names[] = {"consumer", "business", "reverse_charge", "reseller", NULL};

#define OFF(dimension_, name_)                                                                                         \
        FIELD(contract_discounts, off[dimension_], name_, BB_T_DECIMAL, .scale = 4, .min = -1000000, .max = 1000000)
static const struct bb_field discount_fields[] = {
        OFF(DIM_ENERGY, "energy_percent"),
        OFF(DIM_TIME, "time_percent"),
        OFF(DIM_PARKING, "parking_percent"),
        OFF(DIM_FLAT, "flat_percent"),
};
static BB_SHAPE(ContractDiscounts, contract_discounts, 0,
                "Off what one kind of component costs; negative: a surcharge.", discount_fields);

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
        TERM(discounts, "discounts", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &ContractDiscounts,
             .about = "Off energy, time, parking and fees apart, before discount_percent."),
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

struct price_policy contract_policy(const struct contract *c)
{
        struct price_policy policy = {
                .missing_vat = c->missing_vat, .free_energy_mwh = c->free_energy_mwh, .discount = c->discount};

        if (c->discounts != NULL)
                memcpy(policy.discounts, c->discounts->off, sizeof(policy.discounts));
        if (c->max_price != NULL) {
                policy.most.has_net = (int32_t)BB_PRESENT(c->max_price, OCPI_BEFORE_TAXES);
                policy.most.net_micro = c->max_price->before_taxes;
                policy.most.has_gross = (int32_t)BB_PRESENT(c->max_price, OCPI_AFTER_TAXES);
                policy.most.gross_micro = c->max_price->after_taxes;
        }
        return policy;
}
