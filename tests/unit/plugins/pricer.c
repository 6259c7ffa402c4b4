/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that asks pricing/1 as somebody else's would, and says what it hears. For tests/scenario/pricing.test.mjs.
 */
#include <busbar/http.h>
#include <busbar/plugin.h>
#include <busbar/pricing.h>

static const struct bb_pricing_ops *pricing;

static bb_json *price_json(const struct bb_price *p)
{
        bb_json *out = bb_json_new_object(), *list = bb_json_new_array();
        const struct bb_price_component *c = p->components.items;

        bb_json_set_str(out, "currency", p->currency);
        bb_json_set_int(out, "net_e4", p->total.net_e4);
        bb_json_set_int(out, "gross_e4", p->total.gross_e4);
        bb_json_set_int(out, "has_tax", p->total.has_tax);
        bb_json_set_int(out, "payable_minor", p->payable_minor);
        bb_json_set_int(out, "final", p->final);
        bb_json_set_int(out, "energy_mwh", p->energy_mwh);
        bb_json_set_str(out, "tariff_id", p->tariff_id);
        bb_json_set_int(out, "tariff_version", p->tariff_version);
        bb_json_set_str(out, "contract_id", p->contract_id);
        bb_json_set_str(out, "cdr_id", p->cdr_id);
        bb_json_set_str(out, "account", p->account);
        for (size_t i = 0; i < p->components.count; i++) {
                bb_json_append(list, bb_json_new_int(c[i].per));
                bb_json_append(list, bb_json_new_int(c[i].net_micro));
        }
        bb_json_set(out, "components", list);
        return out;
}

static bb_json *cdr_json(const struct bb_priced_cdr *c)
{
        bb_json *out = bb_json_new_object();

        bb_json_set_str(out, "id", c->id);
        bb_json_set_int(out, "kind", c->kind);
        bb_json_set_str(out, "credited_by", c->credited_by);
        bb_json_set_str(out, "replaced_by", c->replaced_by);
        bb_json_set_int(out, "net_e4", c->total.net_e4);
        bb_json_set_int(out, "energy_mwh", c->energy_mwh);
        bb_json_set_int(out, "created_ms", c->created_ms);
        bb_json_set_str(out, "document", c->document);
        return out;
}

static BB_AWAIT bb_err preview_station(bb_request *req, bb_response *res)
{
        struct bb_price_question q = {.station_id = bb_request_param(req, "station"),
                                      .token_uid = bb_request_param(req, "token"),
                                      .connector_id = 1,
                                      .energy_mwh = 10000000,
                                      .charging_ms = 3600000,
                                      .power_w = -1};
        struct bb_price p;

        TRY(pricing->preview(&q, &p));
        bb_response_json(res, price_json(&p));
        return BB_OK;
}

static BB_AWAIT bb_err preview_tariff(bb_request *req, bb_response *res)
{
        struct bb_price_question q = {.tariff_id = bb_request_param(req, "id"),
                                      .energy_mwh = 10000000,
                                      .charging_ms = -1,
                                      .power_w = bb_str_is(bb_request_param(req, "power"), "some") ? 11000 : -1};
        struct bb_price p;
        bb_err err = pricing->preview(&q, &p);

        if (err == BB_E_INVALID)
                return bb_problem(res, err, 422, "invalid", BB_STR("not enough"));
        TRY(err);
        bb_response_json(res, price_json(&p));
        return BB_OK;
}

static BB_AWAIT bb_err session(bb_request *req, bb_response *res)
{
        struct bb_price p;

        TRY(pricing->session_price(bb_request_param(req, "id"), &p));
        bb_response_json(res, price_json(&p));
        return BB_OK;
}

static BB_AWAIT bb_err cdr(bb_request *req, bb_response *res)
{
        struct bb_priced_cdr c;

        TRY(pricing->cdr_get(bb_request_param(req, "id"), &c));
        bb_response_json(res, cdr_json(&c));
        return BB_OK;
}

static BB_AWAIT bb_err cdrs(bb_request *req, bb_response *res)
{
        bb_str after = bb_request_param(req, "after");
        bb_json *list = bb_json_new_array();
        struct bb_priced_cdr *items;
        size_t count;

        TRY(pricing->cdr_list(bb_str_is(after, "start") ? BB_NONE : after, 2, &items, &count));
        for (size_t i = 0; i < count; i++)
                bb_json_append(list, cdr_json(&items[i]));
        bb_response_json(res, list);
        return BB_OK;
}

static BB_AWAIT bb_err credit(bb_request *req, bb_response *res)
{
        struct bb_cdr_credit wanted = {.reason = BB_STR("asked for"), .replace = 1, .energy_wh = 5000};
        struct bb_priced_cdr credited = {.kind = 0}, replacement = {.kind = 0};
        bb_json *out = bb_json_new_object();
        bb_str fault;
        bb_err err = pricing->cdr_credit(bb_request_actor(req), bb_request_param(req, "id"), &wanted, &credited,
                                         &replacement, &fault);

        if (err == BB_E_CONFLICT)
                return bb_problem(res, err, 409, "conflict", bb_print("%.*s %.*s", BB_FMT(fault), BB_FMT(credited.id)));
        TRY(err);
        bb_json_set(out, "credit", cdr_json(&credited));
        bb_json_set(out, "replacement", cdr_json(&replacement));
        bb_response_json(res, out);
        return BB_OK;
}

#define GET(path_, handle_)                                                                                            \
        {                                                                                                              \
                .method = "GET", .path = (path_), .permission = "prices:read", .handle = (handle_),                    \
                .summary = "Asks pricing/1"                                                                            \
        }
static const struct bb_route routes[] = {
        GET("/v1/pricer/stations/{station}/{token}", preview_station),
        GET("/v1/pricer/tariffs/{id}/{power}", preview_tariff),
        GET("/v1/pricer/sessions/{id}", session),
        GET("/v1/pricer/cdrs/{id}", cdr),
        GET("/v1/pricer/after/{after}", cdrs),
        {.method = "POST",
         .path = "/v1/pricer/credits/{id}",
         .permission = "cdrs:credit",
         .handle = credit,
         .summary = "Asks pricing/1"},
};

static const char *const needs[] = {"pricing/1", NULL};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = NULL;
        pricing = bb_require("pricing/1", sizeof(*pricing));
        return pricing != NULL ? bb_http_routes(routes, BB_COUNT(routes)) : BB_E_UNSUPPORTED;
}

BB_PLUGIN(load, .name = "pricer", .version = "1.0", .vendor = "Test", .license = "Apache-2.0", .needs = needs);
