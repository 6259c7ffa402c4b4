/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract pricing/1, from what the other files do.
 */
#include <busbar/pricing.h>

#include "follow.h"
#include "preview.h"

static struct bb_price_amount amount_out(const struct amount *a)
{
        int32_t has_tax = amount_has_tax(a);

        return (struct bb_price_amount){.net_e4 = a->excl_vat,
                                        .vat_e4 = has_tax ? a->vat : 0,
                                        .gross_e4 = has_tax ? a->incl_vat : 0,
                                        .has_tax = has_tax};
}

static void take_account(struct bb_price *p, const struct account *a)
{
        p->currency = a->currency;
        p->total = amount_out(&a->total);
        p->fixed = amount_out(&a->fixed);
        p->energy = amount_out(&a->energy);
        p->time = amount_out(&a->time);
        p->parking = amount_out(&a->parking);
        p->reservation = amount_out(&a->reservation);
        p->overstay = amount_out(&a->overstay);
        p->payable_minor = a->payable_minor;
        p->energy_mwh = a->energy_mwh;
        p->time_ms = a->time_ms;
        p->parking_ms = a->parking_ms;
        p->reservation_ms = a->reservation_ms;
        p->account = bb_shape_encode_text(&PriceAccount, a);
}

static void take_view(struct bb_price *p, const struct price_view *v)
{
        p->tariff_id = v->tariff_id;
        p->tariff_version = v->tariff_version;
        p->contract_id = v->contract_id;
        p->contract_version = v->contract_version;
        p->final = v->final;
        p->cdr_id = v->cdr_id;
        p->credited_by = v->credited_by;
        take_account(p, &v->account);
}

/* --- preview --- */

static BB_AWAIT bb_err rules_at_station(const struct bb_price_question *q, int64_t at_ms, struct price_rules *ret)
{
        struct cdr_who who = {.station_id = q->station_id, .token_uid = q->token_uid, .connector_id = q->connector_id};
        struct stored_contract contract;
        struct bb_station station;

        TRY(charging->station_get(q->station_id, &station));
        TRY(terms_find(&who, at_ms, bb_tenant_state(bb_task_tenant()), &contract, &ret->tariff_id));
        if (ret->tariff_id.len == 0)
                return BB_E_NOT_FOUND;
        if (contract.version > 0) {
                ret->contract_id = contract.contract.id;
                ret->contract_version = contract.version;
        }
        return location_zone(station.location_id, &ret->time_zone);
}

static BB_AWAIT bb_err rules_of_question(const struct bb_price_question *q, int64_t at_ms, struct price_rules *ret)
{
        const bb_zone *zone;

        *ret = (struct price_rules){.tariff_id = q->tariff_id,
                                    .time_zone = q->time_zone.len > 0 ? q->time_zone : BB_STR("UTC")};
        if ((q->station_id.len > 0) == (q->tariff_id.len > 0))
                return BB_E_INVALID;
        if (q->station_id.len > 0)
                return rules_at_station(q, at_ms, ret);
        return bb_zone_open(ret->time_zone, &zone) == BB_OK ? BB_OK : BB_E_INVALID;
}

static bb_err use_of(const struct bb_price_question *q, struct preview_use *ret)
{
        enum { MOST = 1000000000 }; /* seconds, watts, Wh: beyond all sessions, and far from overflow */
        const int64_t most_ms = (int64_t)MOST * 1000, year_9999_ms = 253370764800000;

        if (q->energy_mwh > most_ms || q->charging_ms > most_ms || q->parking_ms > most_ms || q->power_w > MOST ||
            q->start_ms < 0 || q->start_ms > year_9999_ms || q->parking_ms < 0 || q->energy_mwh < -1 ||
            q->charging_ms < -1 || q->power_w < -1)
                return BB_E_INVALID;
        *ret = (struct preview_use){.start_ms = q->start_ms != 0 ? q->start_ms : bb_now_ms(),
                                    .energy_mwh = q->energy_mwh >= 0 ? q->energy_mwh : 0,
                                    .charging_ms = q->charging_ms >= 0 ? q->charging_ms : 0,
                                    .parking_ms = q->parking_ms,
                                    .power_w = q->power_w > 0 ? q->power_w : 0};
        return preview_complete(ret, q->energy_mwh >= 0, q->charging_ms >= 0) ? BB_OK : BB_E_INVALID;
}

static struct bb_array components_out(const struct bb_array *prices)
{
        const struct display_price *from = prices->items;
        struct bb_price_component *to = BB_NEW_ARRAY(struct bb_price_component, prices->count + 1);

        for (size_t i = 0; i < prices->count; i++)
                to[i] = (struct bb_price_component){.per = from[i].unit,
                                                    .has_gross = (int32_t)BB_PRESENT(&from[i], DISPLAY_INCL),
                                                    .net_micro = from[i].price_micro,
                                                    .gross_micro = from[i].incl_micro,
                                                    .step_size = from[i].step};
        return (struct bb_array){.items = to, .count = prices->count};
}

static BB_AWAIT bb_err pricing_preview(const struct bb_price_question *q, struct bb_price *ret)
{
        struct preview_use use;
        struct price_rules rules;
        struct price_view view;
        struct bb_array prices;
        struct priced p;

        TRY(use_of(q, &use));
        TRY(rules_of_question(q, use.start_ms, &rules));
        TRY(price_rules_load(&rules, &p));
        TRY(preview_price(&p, &use, &prices));
        view = price_view_of(BB_NONE, &p);
        view.tariff_version = p.stored.version;
        *ret = (struct bb_price){.final = 0};
        take_view(ret, &view);
        ret->components = components_out(&prices);
        return BB_OK;
}

/* --- sessions and CDRs --- */

static BB_AWAIT bb_err pricing_session(bb_str session_id, struct bb_price *ret)
{
        struct bb_session s;
        struct price_view view;

        TRY(charging->session_get(session_id, &s));
        TRY(session_price_view(&s, &view));
        *ret = (struct bb_price){.final = 0};
        take_view(ret, &view);
        return BB_OK;
}

static struct bb_priced_cdr cdr_out(const struct cdr *c)
{
        return (struct bb_priced_cdr){.id = c->id,
                                      .kind = c->kind,
                                      .session_id = c->session_id,
                                      .credit_of = c->credit_of,
                                      .credited_by = c->credited_by,
                                      .replaced_by = c->replaced_by,
                                      .reason = c->reason,
                                      .reservation_id = c->reservation_id,
                                      .token_uid = c->token_uid,
                                      .station_id = c->station_id,
                                      .location_id = c->location_id,
                                      .connector_id = c->connector_id,
                                      .tariff_id = c->tariff_id,
                                      .contract_id = c->contract_id,
                                      .tariff_version = c->tariff_version,
                                      .contract_version = c->contract_version,
                                      .started_ms = c->started_ms,
                                      .ended_ms = c->ended_ms,
                                      .created_ms = c->created_ms,
                                      .currency = c->currency,
                                      .total = amount_out(&c->total),
                                      .payable_minor = c->payable_minor,
                                      .energy_mwh = c->energy_mwh,
                                      .time_ms = c->time_ms,
                                      .parking_ms = c->parking_ms,
                                      .reservation_ms = c->reservation_ms,
                                      .document = c->document};
}

static BB_AWAIT bb_err pricing_cdr_get(bb_str id, struct bb_priced_cdr *ret)
{
        struct cdr c;

        TRY(cdr_load(id, &c));
        *ret = cdr_out(&c);
        return BB_OK;
}

static BB_AWAIT bb_err pricing_cdr_list(bb_str after, size_t limit, struct bb_priced_cdr **ret, size_t *ret_count)
{
        enum { MOST = 1000 };
        struct bb_priced_cdr *items;
        struct cdr *found;
        size_t count;

        TRY(cdr_list(after, limit < 1 ? 1 : limit < MOST ? limit : MOST, &found, &count));
        items = BB_NEW_ARRAY(struct bb_priced_cdr, count + 1);
        for (size_t i = 0; i < count; i++)
                items[i] = cdr_out(&found[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

static BB_AWAIT bb_err pricing_cdr_credit(bb_str actor, bb_str id, const struct bb_cdr_credit *wanted,
                                          struct bb_priced_cdr *ret_credit, struct bb_priced_cdr *ret_replacement,
                                          bb_str *ret_fault)
{
        enum { REASON_BYTES = 255 * 4, ENERGY_MOST_WH = 1000000000 }; /* as POST /v1/cdrs/{id}/credit has it */
        const struct cdr_change change = {.present = (wanted->ended_ms != 0 ? 1u << CHANGE_ENDED : 0) |
                                                     (wanted->energy_wh >= 0 ? 1u << CHANGE_ENERGY : 0),
                                          .tariff_id = wanted->tariff_id,
                                          .contract_id = wanted->contract_id,
                                          .ended_ms = wanted->ended_ms,
                                          .energy_wh = wanted->energy_wh};
        struct cdr_fault fault = {.text = NULL};
        struct cdr credit, replacement;
        bb_err err;

        *ret_fault = BB_NONE;
        if (wanted->reason.len == 0)
                *ret_fault = BB_STR("A reason is needed.");
        else if (wanted->reason.len > REASON_BYTES)
                *ret_fault = BB_STR("The reason is too long: 255 characters at most.");
        else if (wanted->energy_wh > ENERGY_MOST_WH)
                *ret_fault = BB_STR("No session has so much energy.");
        if (ret_fault->ptr != NULL)
                return BB_E_INVALID;
        err = cdr_credit(actor, id, wanted->reason, wanted->replace ? &change : NULL, &credit, &replacement, &fault);
        if (fault.text != NULL)
                *ret_fault = bb_cstr(fault.text);
        if (err == BB_OK || err == BB_E_CONFLICT)
                *ret_credit = cdr_out(&credit);
        if (err == BB_OK && wanted->replace)
                *ret_replacement = cdr_out(&replacement);
        return err;
}

const struct bb_pricing_ops pricing_ops = {.size = sizeof(pricing_ops),
                                           .preview = pricing_preview,
                                           .session_price = pricing_session,
                                           .cdr_get = pricing_cdr_get,
                                           .cdr_list = pricing_cdr_list,
                                           .cdr_credit = pricing_cdr_credit};
