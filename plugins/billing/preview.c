/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/prices/preview: a session that could be, priced as a real one would be, and the prices in the order in which
 * they have to be displayed (AFIR, Regulation (EU) 2023/1804, Article 5(4)): per kWh, per minute, per session, other.
 */
#include "contract.h"
#include "split.h"

struct preview_request {
        uint64_t present;
        struct ocpi_tariff *tariff;
        bb_str tariff_id, contract_id, time_zone;
        int32_t version;
        int64_t start_ms, energy_mwh, duration_ms, parking_ms, power_w;
};
enum { P_TARIFF, P_TARIFF_ID, P_VERSION, P_TIME_ZONE, P_START, P_ENERGY, P_DURATION, P_PARKING, P_POWER, P_CONTRACT };
static const struct bb_field request_fields[] = {
        [P_TARIFF] = FIELD(preview_request, tariff, "tariff", BB_T_OBJECT, .flags = BB_PTR, .shape = &OcpiForeignTariff,
                           .about = "The tariff itself; or name a saved one."),
        [P_TARIFF_ID] = FIELD(preview_request, tariff_id, "tariff_id", BB_T_STR, .min = 1, .max = 36),
        [P_VERSION] = FIELD(preview_request, version, "version", BB_T_ENUM, .values = ocpi_versions,
                            .fallback = "2.3.0", .about = "Of OCPI, as which the tariff is read."),
        [P_TIME_ZONE] =
                FIELD(preview_request, time_zone, "time_zone", BB_T_STR, .max = 64, .about = "IANA; UTC when absent."),
        [P_START] = FIELD(preview_request, start_ms, "start", BB_T_TIME, .about = "Now, when absent."),
        [P_ENERGY] = FIELD(preview_request, energy_mwh, "energy_kwh", BB_T_DECIMAL, .scale = 6, .max = 10000000000),
        [P_DURATION] = FIELD(preview_request, duration_ms, "charging_s", BB_T_DECIMAL, .scale = 3, .max = 31622400000),
        [P_PARKING] = FIELD(preview_request, parking_ms, "parking_s", BB_T_DECIMAL, .scale = 3, .max = 31622400000,
                            .about = "Connected after the vehicle is full."),
        [P_POWER] = FIELD(preview_request, power_w, "power_kw", BB_T_DECIMAL, .scale = 3, .max = 10000000,
                          .about = "Of energy, charging time and power two are enough."),
        [P_CONTRACT] = FIELD(preview_request, contract_id, "contract_id", BB_T_STR, .min = 1, .max = 36,
                             .about = "Instead of a tariff: the contract's own, on its terms, with its fee beyond a "
                                      "limit."),
};
BB_SHAPE(PreviewRequest, preview_request, 0, "A session that could be.", request_fields);

struct display_price {
        uint64_t present;
        int32_t unit;
        int64_t price_micro, incl_micro, step;
        bb_str component;
};
static const char *const unit_names[] = {"kWh", "minute", "session", "minute_parked", NULL};
enum { UNIT_KWH, UNIT_MINUTE, UNIT_SESSION, UNIT_MINUTE_PARKED };
enum { D_UNIT, D_PRICE, D_INCL, D_STEP, D_COMPONENT };
static const struct bb_field display_fields[] = {
        [D_UNIT] = FIELD(display_price, unit, "per", BB_T_ENUM, .flags = BB_REQUIRED, .values = unit_names),
        [D_PRICE] = FIELD(display_price, price_micro, "excl_vat", BB_T_DECIMAL, .scale = 6, .flags = BB_REQUIRED),
        [D_INCL] = FIELD(display_price, incl_micro, "incl_vat", BB_T_DECIMAL, .scale = 6),
        [D_STEP] = FIELD(display_price, step, "step_size", BB_T_INT, .flags = BB_REQUIRED, .about = "Wh or seconds."),
        [D_COMPONENT] = FIELD(display_price, component, "component", BB_T_STR, .flags = BB_REQUIRED),
};
static BB_SHAPE(DisplayPrice, display_price, 0, "A price as it is shown before the start.", display_fields);

struct preview {
        uint64_t present;
        struct account account;
        struct bb_array prices;
};
static const struct bb_field preview_fields[] = {
        FIELD(preview, account, "account", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &PriceAccount),
        FIELD(preview, prices, "prices", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &DisplayPrice,
              .about = "In force at the start: per kWh, per minute, per session, other."),
};
BB_SHAPE(Preview, preview, 0, "What a session would cost.", preview_fields);

static bb_err missing(bb_response *res, const char *pointer, const char *text)
{
        bb_problem_field(res, bb_cstr(pointer), bb_cstr(text));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The session is not fully described."));
}

/* Of energy, time and power any two; time alone and nothing at all are sessions, too. */
static bb_err complete(struct preview_request *r, bb_response *res)
{
        int32_t energy = (int32_t)BB_PRESENT(r, P_ENERGY), duration = (int32_t)BB_PRESENT(r, P_DURATION);

        if (energy && !duration && r->power_w <= 0)
                return missing(res, "/power_kw", "needs to be there (above 0) where charging_s is not");
        if (energy && !duration)
                r->duration_ms = (int64_t)((__int128)r->energy_mwh * 3600 / r->power_w);
        if (!energy && duration)
                r->energy_mwh = (int64_t)((__int128)r->duration_ms * r->power_w / 3600);
        if (!BB_PRESENT(r, P_START))
                r->start_ms = bb_now_ms();
        return BB_OK;
}

/* The contract's tariff takes the place of one that is named. */
static BB_AWAIT bb_err find_contract(struct preview_request *r, bb_response *res, struct price_policy *ret_policy,
                                     const struct price_fee **ret_fee)
{
        struct stored_contract stored;
        bb_err err;

        *ret_policy = (struct price_policy){.missing_vat = VAT_MISSING_NONE};
        if (r->contract_id.ptr == NULL)
                return BB_OK;
        if (r->tariff != NULL || r->tariff_id.ptr != NULL)
                return missing(res, "/contract_id", "is one too many beside a tariff");
        err = contract_load(r->contract_id, 0, &stored);
        if (err == BB_E_NOT_FOUND)
                return missing(res, "/contract_id", "there is no such contract");
        TRY(err);
        r->tariff_id = stored.contract.tariff_id;
        *ret_policy = contract_policy(&stored.contract);
        *ret_fee = contract_fee(&stored.contract);
        return BB_OK;
}

static BB_AWAIT bb_err find_tariff(struct preview_request *r, bb_response *res, struct tariff *ret)
{
        struct ocpi_remarks remarks = {.count = 0};
        struct stored_tariff stored;
        bb_err err;

        if (r->tariff != NULL && r->tariff_id.ptr != NULL)
                return missing(res, "/tariff_id", "is one too many beside tariff");
        if (r->tariff != NULL)
                return tariff_of_request(res, r->tariff, r->version, BB_STR("/tariff"), ret, &remarks);
        if (r->tariff_id.ptr == NULL)
                return missing(res, "/tariff", "or tariff_id or contract_id is required");
        err = tariff_load(r->tariff_id, 0, &stored);
        if (err == BB_E_NOT_FOUND)
                return missing(res, "/tariff_id", "there is no such tariff");
        TRY(err);
        return ocpi_tariff_compile(&stored.tariff, OCPI_2_3_0, ret, &remarks);
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
                ret->present &= ~(1ull << D_INCL);
        return BB_OK;
}

static bb_err display_prices(const struct price_session *s, const struct preview_request *r, struct bb_array *ret)
{
        static const struct {
                int32_t dimension, unit;
        } order[] = {{DIM_ENERGY, UNIT_KWH},
                     {DIM_TIME, UNIT_MINUTE},
                     {DIM_FLAT, UNIT_SESSION},
                     {DIM_PARKING, UNIT_MINUTE_PARKED}};
        struct display_price *prices = BB_NEW_ARRAY(struct display_price, BB_COUNT(order));
        struct moment m = {.power_w = {.low = r->power_w, .high = r->power_w, .has = r->power_w > 0}};
        size_t count = 0;

        moment_at(&m, r->start_ms, s->offset_s(s->zone, r->start_ms));
        for (size_t i = 0; i < BB_COUNT(order); i++) {
                const struct element *e;
                const struct component *c = tariff_component(s->tariff, order[i].dimension, &m, &e);

                if (c != NULL)
                        TRY(display_of(s->tariff, c, e, order[i].unit, &prices[count++]));
        }
        *ret = (struct bb_array){.items = prices, .count = count};
        return BB_OK;
}

BB_AWAIT bb_err preview_make(bb_request *req, bb_response *res)
{
        struct preview_request r;
        struct price_policy policy;
        struct preview preview = {.present = ~0ull};
        struct price_period stretches[2], *periods;
        struct price_session session = {.periods = stretches, .offset_s = zone_offset_s};
        struct tariff tariff;
        const bb_zone *zone;

        TRY(bb_request_decode(req, &PreviewRequest, &r, res));
        TRY(complete(&r, res));
        TRY(zone_of_request(res, r.time_zone, &zone));
        TRY(find_contract(&r, res, &policy, &session.fee));
        TRY(find_tariff(&r, res, &tariff));
        stretches[0] = (struct price_period){.start_ms = r.start_ms,
                                             .end_ms = r.start_ms + r.duration_ms,
                                             .energy_mwh = r.energy_mwh,
                                             .power_w = {.low = r.power_w, .high = r.power_w, .has = r.power_w > 0}};
        stretches[1] = (struct price_period){
                .start_ms = stretches[0].end_ms, .end_ms = stretches[0].end_ms + r.parking_ms, .state = PERIOD_PARKING};
        session.tariff = &tariff;
        session.zone = zone;
        session.period_count = r.parking_ms > 0 ? 2 : 1;
        TRY(display_prices(&session, &r, &preview.prices));
        TRY(price_answer(res, price_split(&session, &periods, &session.period_count), "/tariff"));
        session.periods = periods;
        TRY(price_answer(res, account_make(&session, &policy, &preview.account), "/energy_kwh"));
        bb_response_shape(res, &Preview, &preview);
        return BB_OK;
}
