/* SPDX-License-Identifier: Apache-2.0
 *
 * From the engine's exact account to decimals: here, and only here, is rounded.
 */
#include "account.h"
#include <busbar/rt.h>

enum { AMOUNT_EXCL, AMOUNT_VAT, AMOUNT_INCL };
static const struct bb_field amount_fields[] = {
        [AMOUNT_EXCL] = FIELD(amount, excl_vat, "excl_vat", BB_T_DECIMAL, .scale = 4, .flags = BB_REQUIRED),
        [AMOUNT_VAT] = FIELD(amount, vat, "vat", BB_T_DECIMAL, .scale = 4),
        [AMOUNT_INCL] = FIELD(amount, incl_vat, "incl_vat", BB_T_DECIMAL, .scale = 4),
};
BB_SHAPE(Amount, amount, 0, "An amount with and without tax; the latter alone where the tax is not told.",
         amount_fields);

static const char *const kind_names[] = {"ENERGY",    "TIME",        "PARKING_TIME", "FLAT",     "MIN_PRICE",
                                         "MAX_PRICE", "FREE_ENERGY", "DISCOUNT",     "OVERSTAY", NULL}; /* LINE_… */
static const char *const for_names[] = {"session", "reservation", "expired_reservation", NULL};
static const char *const state_names[] = {"charging", "parking", "reserved", "expired_reservation", NULL};

enum { L_KIND, L_FOR, L_COMPONENT, L_ENERGY, L_ENERGY_ROUNDING, L_TIME, L_TIME_ROUNDING, L_PRICE, L_VAT, L_AMOUNT };
static const struct bb_field line_fields[] = {
        [L_KIND] = FIELD(account_line, kind, "kind", BB_T_ENUM, .flags = BB_REQUIRED, .values = kind_names),
        [L_FOR] = FIELD(account_line, for_, "for", BB_T_ENUM, .flags = BB_REQUIRED, .values = for_names),
        [L_COMPONENT] = FIELD(account_line, component, "component", BB_T_STR,
                              .about = "JSON pointer to the price component in the tariff."),
        [L_ENERGY] = FIELD(account_line, energy_mwh, "energy_kwh", BB_T_DECIMAL, .scale = 6),
        [L_ENERGY_ROUNDING] = FIELD(account_line, energy_rounding_mwh, "step_rounding_kwh", BB_T_DECIMAL, .scale = 6,
                                    .about = "What step_size adds."),
        [L_TIME] = FIELD(account_line, time_ms, "time_s", BB_T_DECIMAL, .scale = 3),
        [L_TIME_ROUNDING] = FIELD(account_line, time_rounding_ms, "step_rounding_s", BB_T_DECIMAL, .scale = 3,
                                  .about = "What step_size adds."),
        [L_PRICE] = FIELD(account_line, price_micro, "price", BB_T_DECIMAL, .scale = 6,
                          .about = "Per kWh, hour or piece, as the tariff writes it."),
        [L_VAT] = FIELD(account_line, vat, "vat_percent", BB_T_DECIMAL, .scale = 4),
        [L_AMOUNT] = FIELD(account_line, amount, "amount", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &Amount),
};
BB_SHAPE(PriceLine, account_line, 0, "A line of an account.", line_fields);

enum { PERIOD_OVERSTAY = 4 };
static const struct bb_field period_fields[] = {
        FIELD(account_period, start_ms, "start", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(account_period, end_ms, "end", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(account_period, state, "state", BB_T_ENUM, .flags = BB_REQUIRED, .values = state_names),
        FIELD(account_period, energy_mwh, "energy_kwh", BB_T_DECIMAL, .scale = 6, .flags = BB_REQUIRED),
        [PERIOD_OVERSTAY] =
                FIELD(account_period, overstay, "overstay", BB_T_BOOL, .about = "Beyond a limit that costs a fee."),
};
static BB_SHAPE(PricePeriod, account_period, 0, "A charging period.", period_fields);

#define SUM(member_, name_) FIELD(account, member_, name_, BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &Amount)
static const struct bb_field account_fields[] = {
        FIELD(account, currency, "currency", BB_T_STR, .flags = BB_REQUIRED, .about = "ISO 4217."),
        SUM(total, "total"),
        FIELD(account, payable_minor, "payable_minor", BB_T_INT, .flags = BB_REQUIRED,
              .about = "The total with its tax, in the currency's smallest unit, rounded half away from zero."),
        SUM(fixed, "fixed"),
        SUM(energy, "energy"),
        SUM(time, "time"),
        SUM(parking, "parking"),
        SUM(reservation, "reservation"),
        FIELD(account, overstay, "overstay", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &Amount,
              .about = "The contract's fee beyond a limit."),
        FIELD(account, energy_mwh, "energy_kwh", BB_T_DECIMAL, .scale = 6, .flags = BB_REQUIRED),
        FIELD(account, time_ms, "time_s", BB_T_DECIMAL, .scale = 3, .flags = BB_REQUIRED, .about = "With parking."),
        FIELD(account, parking_ms, "parking_s", BB_T_DECIMAL, .scale = 3, .flags = BB_REQUIRED),
        FIELD(account, reservation_ms, "reservation_s", BB_T_DECIMAL, .scale = 3, .flags = BB_REQUIRED),
        FIELD(account, lines, "lines", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &PriceLine),
        FIELD(account, periods, "periods", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &PricePeriod),
};
BB_SHAPE(PriceAccount, account, 0,
         "What a session costs, line by line. Amounts have four decimals, half away from zero; "
         "they are added up before they are rounded.",
         account_fields);

int32_t amount_has_tax(const struct amount *a)
{
        return (int32_t)BB_PRESENT(a, AMOUNT_INCL);
}

struct amount amount_negated(struct amount a)
{
        a.excl_vat = -a.excl_vat;
        a.vat = -a.vat;
        a.incl_vat = -a.incl_vat;
        return a;
}

/* What is printed adds up: the tax is what lies between the totals. */
static bb_err amount_from(money net, money tax, int32_t with_tax, struct amount *ret)
{
        money gross = net;

        *ret = (struct amount){.present = 1u << AMOUNT_EXCL};
        TRY(money_round(net, 4, &ret->excl_vat));
        if (!with_tax)
                return BB_OK;
        ret->present |= 1u << AMOUNT_VAT | 1u << AMOUNT_INCL;
        TRY(money_add(&gross, tax));
        TRY(money_round(gross, 4, &ret->incl_vat));
        return __builtin_sub_overflow(ret->incl_vat, ret->excl_vat, &ret->vat) ? BB_E_LIMIT : BB_OK;
}

static bb_str component_path(const struct tariff *t, const struct price_line *line)
{
        return bb_print("/elements/%zu/price_components/%zu", line->element,
                        (size_t)(line->component - t->components) - t->elements[line->element].first);
}

static bb_err line_from(const struct tariff *t, const struct price_line *line, struct account_line *ret)
{
        const struct component *c = line->component;

        *ret = (struct account_line){
                .present = 1u << L_KIND | 1u << L_FOR | 1u << L_AMOUNT, .kind = line->kind, .for_ = line->for_};
        TRY(amount_from(line->net, line->tax, line->has_tax, &ret->amount));
        if (c == NULL)
                return BB_OK;
        if (line->kind != LINE_OVERSTAY)
                ret->component = component_path(t, line);
        ret->price_micro = c->price_micro;
        ret->vat = c->vat;
        ret->present |= (line->kind != LINE_OVERSTAY ? 1u << L_COMPONENT : 0) | (c->has_vat ? 1u << L_VAT : 0);
        if (line->kind == LINE_DISCOUNT)
                return BB_OK;
        ret->present |= 1u << L_PRICE;
        if (line->kind == LINE_ENERGY || line->kind == LINE_FREE) {
                ret->energy_mwh = line->quantity;
                ret->energy_rounding_mwh = line->rounding;
                ret->present |= 1u << L_ENERGY | 1u << L_ENERGY_ROUNDING;
        } else if (line->kind != LINE_FLAT) {
                ret->time_ms = line->quantity;
                ret->time_rounding_ms = line->rounding;
                ret->present |= 1u << L_TIME | 1u << L_TIME_ROUNDING;
        }
        return BB_OK;
}

static bb_err lines_from(const struct tariff *t, const struct price_account *a, struct bb_array *ret)
{
        struct account_line *lines = BB_NEW_ARRAY(struct account_line, a->line_count + 1);

        for (size_t i = 0; i < a->line_count; i++)
                TRY(line_from(t, &a->lines[i], &lines[i]));
        *ret = (struct bb_array){.items = lines, .count = a->line_count};
        return BB_OK;
}

static struct bb_array periods_from(const struct price_session *s)
{
        struct account_period *periods = BB_NEW_ARRAY(struct account_period, s->period_count + 1);

        for (size_t i = 0; i < s->period_count; i++) {
                const struct price_period *p = &s->periods[i];

                periods[i] = (struct account_period){.present = p->overstay ? ~0ull : ~(1ull << PERIOD_OVERSTAY),
                                                     .start_ms = p->start_ms,
                                                     .end_ms = p->end_ms,
                                                     .energy_mwh = p->energy_mwh,
                                                     .state = p->state,
                                                     .overstay = p->overstay};
        }
        return (struct bb_array){.items = periods, .count = s->period_count};
}

static bb_err sums_from(const struct price_account *a, struct account *ret)
{
        const struct {
                const struct price_sum *from;
                struct amount *to;
        } sums[] = {{&a->total, &ret->total},      {&a->fixed, &ret->fixed},     {&a->energy, &ret->energy},
                    {&a->time, &ret->time},        {&a->parking, &ret->parking}, {&a->reservation, &ret->reservation},
                    {&a->overstay, &ret->overstay}};

        for (size_t i = 0; i < BB_COUNT(sums); i++)
                TRY(amount_from(sums[i].from->net, sums[i].from->tax, a->tax_known && a->tax_named, sums[i].to));
        return BB_OK;
}

bb_err account_make(const struct price_session *s, const struct price_policy *policy, struct account *ret)
{
        struct price_account a = {.lines = BB_NEW_ARRAY(struct price_line, PRICE_LINES(s->tariff))};
        money gross;

        TRY(price_session(s, policy, &a));
        *ret = (struct account){.present = ~0ull,
                                .currency = bb_str_dup(bb_cstr(s->tariff->currency)),
                                .energy_mwh = a.energy_mwh,
                                .time_ms = a.time_ms,
                                .parking_ms = a.parking_ms,
                                .reservation_ms = a.reservation_ms,
                                .periods = periods_from(s)};
        TRY(sums_from(&a, ret));
        gross = a.total.net;
        TRY(money_add(&gross, a.total.tax));
        TRY(money_round(gross, currency_decimals(ret->currency), &ret->payable_minor));
        return lines_from(s->tariff, &a, &ret->lines);
}
