/* SPDX-License-Identifier: Apache-2.0
 *
 * A session that could be, priced as a real one would be, and the prices in the order in which they have to be
 * displayed (AFIR, Regulation (EU) 2023/1804, Article 5(4)): per kWh, per minute, per session, other.
 */
#include "preview.h"

int32_t preview_complete(struct preview_use *u, int32_t has_energy, int32_t has_charging)
{
        if (has_energy && !has_charging && u->power_w <= 0)
                return 0;
        if (has_energy && !has_charging)
                u->charging_ms = (int64_t)((__int128)u->energy_mwh * 3600 / u->power_w);
        if (!has_energy && has_charging)
                u->energy_mwh = (int64_t)((__int128)u->charging_ms * u->power_w / 3600);
        return 1;
}

/* Time is priced per hour and shown per minute. */
static int64_t shown(int64_t price_micro, int32_t unit)
{
        return unit == UNIT_MINUTE || unit == UNIT_MINUTE_PARKED ? (price_micro + 30) / 60 : price_micro;
}

static bb_err display_of(const struct tariff *t, const struct component *c, const struct element *e, int32_t unit,
                         struct display_price *ret)
{
        money net = money_from(c->price_micro, 6), gross = net, tax;
        int64_t net_micro, gross_micro;

        if (c->has_vat && t->tax == TAX_EXCLUDED) {
                TRY(money_share(net, c->vat, &tax));
                gross += tax;
        } else if (c->has_vat && t->tax == TAX_INCLUDED) {
                TRY(money_without_tax(gross, c->vat, &net));
        }
        TRY(money_round(net, 6, &net_micro));
        TRY(money_round(gross, 6, &gross_micro));
        *ret = (struct display_price){.present = ~0ull,
                                      .unit = unit,
                                      .price_micro = shown(net_micro, unit),
                                      .incl_micro = shown(gross_micro, unit),
                                      .step = c->step,
                                      .component =
                                              bb_print("/elements/%zu/price_components/%zu", (size_t)(e - t->elements),
                                                       (size_t)(c - t->components) - e->first)};
        if (!c->has_vat && t->tax != TAX_NONE)
                ret->present &= ~(1ull << DISPLAY_INCL);
        return BB_OK;
}

static bb_err display_prices(const struct price_session *s, const struct preview_use *u, struct bb_array *ret)
{
        static const struct {
                int32_t dimension, unit;
        } order[] = {{DIM_ENERGY, UNIT_KWH},
                     {DIM_TIME, UNIT_MINUTE},
                     {DIM_FLAT, UNIT_SESSION},
                     {DIM_PARKING, UNIT_MINUTE_PARKED}};
        struct display_price *prices = BB_NEW_ARRAY(struct display_price, BB_COUNT(order));
        struct moment m = {.power_w = {.low = u->power_w, .high = u->power_w, .has = u->power_w > 0}};
        size_t count = 0;

        moment_at(&m, u->start_ms, s->offset_s(s->zone, u->start_ms));
        for (size_t i = 0; i < BB_COUNT(order); i++) {
                const struct element *e;
                const struct component *c = tariff_component(s->tariff, order[i].dimension, &m, &e);

                if (c != NULL)
                        TRY(display_of(s->tariff, c, e, order[i].unit, &prices[count++]));
        }
        *ret = (struct bb_array){.items = prices, .count = count};
        return BB_OK;
}

bb_err preview_price(struct priced *p, const struct preview_use *u, struct bb_array *ret_prices)
{
        const struct price_period stretches[] = {
                {.start_ms = u->start_ms,
                 .end_ms = u->start_ms + u->charging_ms,
                 .energy_mwh = u->energy_mwh,
                 .power_w = {.low = u->power_w, .high = u->power_w, .has = u->power_w > 0}},
                {.start_ms = u->start_ms + u->charging_ms,
                 .end_ms = u->start_ms + u->charging_ms + u->parking_ms,
                 .state = PERIOD_PARKING}};

        TRY(price_stretches(p, stretches, u->parking_ms > 0 ? 2 : 1));
        return display_prices(&p->session, u, ret_prices);
}
