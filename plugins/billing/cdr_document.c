/* SPDX-License-Identifier: Apache-2.0
 *
 * A CDR as a document: OCPI's CDR object (§mod_cdrs_cdr_object) with our account line by line. Prices have their
 * members of 2.2.1 and of 2.3.0 both. What belongs to roaming (party ids, EVSE ids) is added by who sends it.
 */
#include "cdr.h"
#include "cdr_signed.h"
#include "ocpi_cdr.h"

#define COST(which_, name_, ...) FIELD(ocpi_cdr, costs[which_], name_, BB_T_OBJECT, .shape = &CdrPrice, ##__VA_ARGS__)
#define MILLIONTHS(member_, name_) FIELD(ocpi_cdr, member_, name_, BB_T_DECIMAL, .scale = 6, .flags = BB_REQUIRED)
enum { DOC_CREDIT = 0, DOC_CONTRACT_VERSION = 1 };
static const struct bb_field document_fields[] = {
        [DOC_CREDIT] = FIELD(ocpi_cdr, credit, "credit", BB_T_BOOL),
        [DOC_CONTRACT_VERSION] = FIELD(ocpi_cdr, contract_version, "contract_version", BB_T_INT),
        FIELD(ocpi_cdr, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, start_ms, "start_date_time", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, end_ms, "end_date_time", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, session_id, "session_id", BB_T_STR),
        FIELD(ocpi_cdr, token, "cdr_token", BB_T_JSON),
        FIELD(ocpi_cdr, auth_method, "auth_method", BB_T_STR),
        FIELD(ocpi_cdr, location, "cdr_location", BB_T_JSON),
        FIELD(ocpi_cdr, meter_id, "meter_id", BB_T_STR),
        FIELD(ocpi_cdr, currency, "currency", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, tariffs, "tariffs", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &OcpiTariff),
        FIELD(ocpi_cdr, periods, "charging_periods", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &ChargingPeriod),
        FIELD(ocpi_cdr, signed_data, "signed_data", BB_T_OBJECT, .flags = BB_PTR, .shape = &CdrSignedData),
        COST(CLAIM_TOTAL, "total_cost", .flags = BB_PTR | BB_REQUIRED),
        COST(CLAIM_FIXED, "total_fixed_cost", .flags = BB_PTR),
        MILLIONTHS(energy_mwh, "total_energy"),
        COST(CLAIM_ENERGY, "total_energy_cost", .flags = BB_PTR),
        MILLIONTHS(time_uh, "total_time"),
        COST(CLAIM_TIME, "total_time_cost", .flags = BB_PTR),
        MILLIONTHS(parking_uh, "total_parking_time"),
        COST(CLAIM_PARKING, "total_parking_cost", .flags = BB_PTR),
        COST(CLAIM_RESERVATION, "total_reservation_cost", .flags = BB_PTR),
        FIELD(ocpi_cdr, remark, "remark", BB_T_STR),
        FIELD(ocpi_cdr, credit_reference_id, "credit_reference_id", BB_T_STR),
        FIELD(ocpi_cdr, updated_ms, "last_updated", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, replaces, "replaces", BB_T_STR),
        FIELD(ocpi_cdr, tariff_version, "tariff_version", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, contract_id, "contract_id", BB_T_STR),
        FIELD(ocpi_cdr, payable_minor, "payable_minor", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(ocpi_cdr, oddities, "oddities", BB_T_ARRAY, .flags = BB_REQUIRED, .item = BB_T_STR),
        FIELD(ocpi_cdr, lines, "lines", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &PriceLine),
};
static BB_SHAPE(CdrDocument, ocpi_cdr, 0, "A CDR of ours.", document_fields);

/* --- what was used --- */

/* Milliseconds as millionths of an hour. */
static int64_t hours(int64_t ms)
{
        return (ms * 10 + 18) / 36;
}

struct volumes_writer {
        struct ocpi_volume *items;
        size_t count;
};

static void volume_add(struct volumes_writer *w, int32_t type, int64_t volume)
{
        w->items[w->count++] = (struct ocpi_volume){.type = type, .volume = volume};
}

/* Thousandths (mA, W) of what the dimension has. */
static void band_add(struct volumes_writer *w, int32_t lowest, int32_t highest, const struct band *b)
{
        if (!b->has)
                return;
        volume_add(w, lowest, b->low * 1000);
        volume_add(w, highest, b->high * 1000);
}

static struct bb_array volumes_of(const struct tariff *t, const struct price_period *p)
{
        static const int32_t times[] = {[PERIOD_CHARGING] = VOLUME_TIME,
                                        [PERIOD_PARKING] = VOLUME_PARKING,
                                        [PERIOD_RESERVED] = VOLUME_RESERVATION,
                                        [PERIOD_EXPIRED] = VOLUME_RESERVATION};
        struct volumes_writer w = {.items = BB_NEW_ARRAY(struct ocpi_volume, 6)};

        volume_add(&w, times[p->state], hours(p->time_ms));
        if (p->state == PERIOD_RESERVED || p->state == PERIOD_EXPIRED)
                return (struct bb_array){.items = w.items, .count = w.count};
        if (p->energy_mwh != 0 || p->state == PERIOD_CHARGING)
                volume_add(&w, VOLUME_ENERGY, p->energy_mwh);
        /* Where a price depends on it, who checks the CDR needs it. */
        if (tariff_asks(t, WHEN_MIN_CURRENT | WHEN_MAX_CURRENT))
                band_add(&w, VOLUME_MIN_CURRENT, VOLUME_MAX_CURRENT, &p->current_ma);
        if (tariff_asks(t, WHEN_MIN_POWER | WHEN_MAX_POWER))
                band_add(&w, VOLUME_MIN_POWER, VOLUME_MAX_POWER, &p->power_w);
        return (struct bb_array){.items = w.items, .count = w.count};
}

static struct bb_array periods_of(const struct priced *p)
{
        const struct price_session *s = &p->session;
        struct ocpi_period *periods = BB_NEW_ARRAY(struct ocpi_period, s->period_count + 1);

        for (size_t i = 0; i < s->period_count; i++)
                periods[i] = (struct ocpi_period){.start_ms = s->periods[i].start_ms,
                                                  .dimensions = volumes_of(&p->tariff, &s->periods[i]),
                                                  .tariff_id = p->rules.tariff_id};
        return (struct bb_array){.items = periods, .count = s->period_count};
}

/* --- what it costs --- */

/* Four decimals as six. */
static bb_err millionths(int64_t e4, int64_t *ret)
{
        return __builtin_mul_overflow(e4, 100, ret) ? BB_E_LIMIT : BB_OK;
}

static bb_err price_of(const struct amount *a, struct ocpi_price **ret)
{
        struct ocpi_price *p = *ret = BB_NEW(struct ocpi_price);
        struct ocpi_tax *tax;

        *p = (struct ocpi_price){.present = 1u << PRICE_EXCL | 1u << PRICE_BEFORE};
        TRY(millionths(a->excl_vat, &p->excl_vat));
        p->before_taxes = p->excl_vat;
        if (!amount_has_tax(a))
                return BB_OK;
        tax = BB_NEW(struct ocpi_tax);
        tax->name = BB_STR("VAT");
        TRY(millionths(a->incl_vat - a->excl_vat, &tax->amount));
        p->present |= 1u << PRICE_INCL;
        p->taxes = (struct bb_array){.items = tax, .count = 1};
        return millionths(a->incl_vat, &p->incl_vat);
}

static bb_err take_costs(struct ocpi_cdr *d, const struct account *a)
{
        const struct amount *amounts[CLAIM_COUNT] = {
                [CLAIM_TOTAL] = &a->total, [CLAIM_FIXED] = &a->fixed,     [CLAIM_ENERGY] = &a->energy,
                [CLAIM_TIME] = &a->time,   [CLAIM_PARKING] = &a->parking, [CLAIM_RESERVATION] = &a->reservation};

        for (int32_t i = 0; i < CLAIM_COUNT; i++)
                TRY(price_of(amounts[i], &d->costs[i]));
        d->currency = a->currency;
        d->payable_minor = a->payable_minor;
        d->lines = a->lines;
        d->energy_mwh = a->energy_mwh;
        d->time_uh = hours(a->time_ms);
        d->parking_uh = hours(a->parking_ms);
        return BB_OK;
}

/* --- the document --- */

static BB_AWAIT bb_err take_facts(const struct cdr *c, const struct priced *p, struct ocpi_cdr *d)
{
        struct bb_fault fault;
        bb_str text = p->rules.facts;
        bb_json *facts;

        if (text.ptr == NULL)
                TRY(cdr_facts_now(&(struct cdr_who){.token_uid = c->token_uid,
                                                    .station_id = c->station_id,
                                                    .location_id = c->location_id,
                                                    .time_zone = p->rules.time_zone,
                                                    .connector_id = c->connector_id},
                                  &text));
        TRY(bb_json_parse(text, &facts, &fault));
        d->token = bb_json_get(facts, "cdr_token");
        d->location = bb_json_get(facts, "cdr_location");
        d->auth_method = bb_json_str(bb_json_get(facts, "auth_method"));
        d->meter_id = bb_json_str(bb_json_get(facts, "meter_id"));
        return BB_OK;
}

static void take_account(struct cdr *c, const struct account *a)
{
        c->total = a->total;
        c->currency = a->currency;
        c->payable_minor = a->payable_minor;
        c->energy_mwh = a->energy_mwh;
        c->time_ms = a->time_ms;
        c->parking_ms = a->parking_ms;
        c->reservation_ms = a->reservation_ms;
}

static bb_str account_text(const struct cdr *c, const struct priced *p)
{
        struct price_view view = price_view_of(c->session_id, p);

        view.final = 1;
        return bb_shape_encode_text(&SessionPrice, &view);
}

BB_AWAIT bb_err cdr_write(struct cdr *c, const struct priced *p)
{
        struct ocpi_tariff tariff = p->stored.tariff;
        struct ocpi_cdr d = {.id = c->id,
                             .session_id = c->session_id,
                             .start_ms = p->reserved_ms != 0 ? p->reserved_ms : c->started_ms,
                             .end_ms = c->ended_ms,
                             .tariffs = {.items = &tariff, .count = 1},
                             .periods = periods_of(p),
                             .signed_data = cdr_signed_of(p->samples, p->sample_count),
                             .remark = oddity_text(p->oddities),
                             .replaces = c->credit_of,
                             .updated_ms = bb_now_ms(),
                             .tariff_version = p->rules.tariff_version,
                             .contract_id = p->rules.contract_id,
                             .contract_version = p->rules.contract_version,
                             .oddities = oddity_names(p->oddities)};

        c->tariff_id = p->rules.tariff_id;
        c->tariff_version = p->rules.tariff_version;
        c->contract_id = p->rules.contract_id;
        c->contract_version = p->rules.contract_version;
        if (p->rules.contract_id.ptr != NULL)
                d.present |= 1u << DOC_CONTRACT_VERSION;
        take_account(c, &p->account);
        TRY(take_costs(&d, &p->account));
        TRY(take_facts(c, p, &d));
        c->account = account_text(c, p);
        c->document = bb_shape_encode_text(&CdrDocument, &d);
        return BB_OK;
}

/* --- a credit --- */

/* The account of a credit is for sums over CDRs: everything has the opposite sign. */
static bb_err credit_account(const struct cdr *of, struct cdr *credit)
{
        struct bb_fault fault;
        struct price_view view;
        struct account *a = &view.account;
        struct account_line *lines;

        TRY(bb_shape_decode_text(&SessionPrice, of->account, &view, &fault));
        struct amount *amounts[] = {&a->total,   &a->fixed,       &a->energy,  &a->time,
                                    &a->parking, &a->reservation, &a->overstay};

        for (size_t i = 0; i < BB_COUNT(amounts); i++)
                *amounts[i] = amount_negated(*amounts[i]);
        lines = a->lines.items;
        for (size_t i = 0; i < a->lines.count; i++) {
                lines[i].amount = amount_negated(lines[i].amount);
                lines[i].energy_mwh = -lines[i].energy_mwh;
                lines[i].energy_rounding_mwh = -lines[i].energy_rounding_mwh;
                lines[i].time_ms = -lines[i].time_ms;
                lines[i].time_rounding_ms = -lines[i].time_rounding_ms;
        }
        a->payable_minor = -a->payable_minor;
        a->energy_mwh = -a->energy_mwh;
        a->time_ms = -a->time_ms;
        a->parking_ms = -a->parking_ms;
        a->reservation_ms = -a->reservation_ms;
        a->periods.count = 0;
        credit->account = bb_shape_encode_text(&SessionPrice, &view);
        take_account(credit, a);
        return BB_OK;
}

bb_err cdr_write_credit(const struct cdr *of, struct cdr *credit)
{
        struct bb_fault fault;
        struct ocpi_cdr d;
        struct ocpi_price *total;
        struct ocpi_tax *tax;

        TRY(bb_shape_decode_text(&CdrDocument, of->document, &d, &fault));
        total = d.costs[CLAIM_TOTAL];
        tax = total->taxes.items;
        total->excl_vat = -total->excl_vat;
        total->incl_vat = -total->incl_vat;
        total->before_taxes = -total->before_taxes;
        for (size_t i = 0; i < total->taxes.count; i++)
                tax[i].amount = -tax[i].amount;
        d.id = credit->id;
        d.present |= 1u << DOC_CREDIT;
        d.credit = 1;
        d.credit_reference_id = of->id;
        d.replaces = BB_NONE;
        d.payable_minor = -d.payable_minor;
        d.updated_ms = bb_now_ms();
        d.remark = credit->reason;
        credit->document = bb_shape_encode_text(&CdrDocument, &d);
        return credit_account(of, credit);
}
