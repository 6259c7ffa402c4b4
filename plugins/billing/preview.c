/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/prices/preview: a session that could be, priced as a real one would be, and the prices in the order in which
 * they have to be displayed (AFIR, Regulation (EU) 2023/1804, Article 5(4)): per kWh, per minute, per session, other.
 */
#include "preview.h"
#include "contract.h"

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

static const char *const unit_names[] = {"kWh", "minute", "session", "minute_parked", NULL};
enum { D_UNIT, D_PRICE, D_INCL = DISPLAY_INCL, D_STEP, D_COMPONENT };
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

static bb_err complete(const struct preview_request *r, bb_response *res, struct preview_use *ret)
{
        *ret = (struct preview_use){.start_ms = BB_PRESENT(r, P_START) ? r->start_ms : bb_now_ms(),
                                    .energy_mwh = r->energy_mwh,
                                    .charging_ms = r->duration_ms,
                                    .parking_ms = r->parking_ms,
                                    .power_w = r->power_w};
        if (preview_complete(ret, (int32_t)BB_PRESENT(r, P_ENERGY), (int32_t)BB_PRESENT(r, P_DURATION)))
                return BB_OK;
        return missing(res, "/power_kw", "needs to be there (above 0) where charging_s is not");
}

/* The contract's tariff takes the place of one that is named. */
static BB_AWAIT bb_err find_contract(struct preview_request *r, bb_response *res, struct priced *p)
{
        struct stored_contract stored;
        bb_err err;

        if (r->contract_id.ptr == NULL)
                return BB_OK;
        if (r->tariff != NULL || r->tariff_id.ptr != NULL)
                return missing(res, "/contract_id", "is one too many beside a tariff");
        err = contract_load(r->contract_id, 0, &stored);
        if (err == BB_E_NOT_FOUND)
                return missing(res, "/contract_id", "there is no such contract");
        TRY(err);
        r->tariff_id = stored.contract.tariff_id;
        p->policy = contract_policy(&stored.contract);
        p->fee = contract_fee(&stored.contract);
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

BB_AWAIT bb_err preview_make(bb_request *req, bb_response *res)
{
        struct priced p = {.policy = {.missing_vat = VAT_MISSING_NONE}};
        struct preview preview = {.present = ~0ull};
        struct preview_request r;
        struct preview_use use;

        TRY(bb_request_decode(req, &PreviewRequest, &r, res));
        TRY(complete(&r, res, &use));
        TRY(zone_of_request(res, r.time_zone, &p.zone));
        TRY(find_contract(&r, res, &p));
        TRY(find_tariff(&r, res, &p.tariff));
        TRY(price_answer(res, preview_price(&p, &use, &preview.prices), "/energy_kwh"));
        preview.account = p.account;
        bb_response_shape(res, &Preview, &preview);
        return BB_OK;
}
