/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/sessions/{id}/price: what a session costs so far, or cost in the end. While it runs the account is made anew
 * from its samples; with the CDR it is made once and kept.
 */
#include "session_price.h"
#include "contract.h"
#include "split.h"

static const struct {
        uint32_t bit;
        const char *name, *text;
} oddities[] = {
        {USAGE_BACKWARDS, "register-backwards", "The meter ran backwards."},
        {USAGE_BEYOND, "register-beyond-the-end", "The meter went beyond its final value."},
        {USAGE_OUTSIDE, "samples-outside", "Some readings are from outside of the session."},
        {USAGE_GAP, "gap", "For more than an hour the meter told nothing."},
        {USAGE_ESTIMATED, "estimated", "The course of the energy is estimated."},
        {USAGE_NEGATIVE, "register-negative", "The final reading is below the first one: no energy is counted."},
};

enum { PRICE_CONTRACT_VERSION = 5 };
static const struct bb_field price_fields[] = {
        FIELD(price_view, session_id, "session_id", BB_T_STR),
        FIELD(price_view, cdr_id, "cdr_id", BB_T_STR, .about = "The CDR in force."),
        FIELD(price_view, tariff_id, "tariff_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(price_view, tariff_version, "tariff_version", BB_T_INT, .flags = BB_REQUIRED,
              .about = "That of the session's start; later changes of the tariff do not touch it."),
        FIELD(price_view, contract_id, "contract_id", BB_T_STR),
        [PRICE_CONTRACT_VERSION] = FIELD(price_view, contract_version, "contract_version", BB_T_INT),
        FIELD(price_view, final, "final", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "It has its CDR, and stays as it is."),
        FIELD(price_view, oddities, "oddities", BB_T_ARRAY, .flags = BB_REQUIRED, .item = BB_T_STR,
              .about = "Of the meter: register-backwards, register-beyond-the-end, samples-outside, gap, estimated, "
                       "register-negative."),
        FIELD(price_view, replaces, "replaces", BB_T_STR,
              .about = "The CDR that was credited, and that this stands for."),
        FIELD(price_view, credited_by, "credited_by", BB_T_STR,
              .about = "The credit CDR that takes this one back: nothing is owed for it."),
        FIELD(price_view, account, "account", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &PriceAccount),
};
BB_SHAPE(SessionPrice, price_view, 0, "The price of a session.", price_fields);

struct bb_array oddity_names(uint32_t found)
{
        bb_str *names = BB_NEW_ARRAY(bb_str, BB_COUNT(oddities));
        size_t count = 0;

        for (size_t i = 0; i < BB_COUNT(oddities); i++) {
                if (found & oddities[i].bit)
                        names[count++] = bb_cstr(oddities[i].name);
        }
        return (struct bb_array){.items = names, .count = count};
}

bb_str oddity_text(uint32_t found)
{
        bb_str text = BB_NONE;

        for (size_t i = 0; i < BB_COUNT(oddities); i++) {
                if (found & oddities[i].bit)
                        text = bb_print("%.*s%s%s", BB_FMT(text), text.len > 0 ? " " : "", oddities[i].text);
        }
        return text;
}

/* --- its price --- */

BB_AWAIT bb_err price_rules_find(bb_str session_id, struct price_rules *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select tariff_id, tariff_version, time_zone, contract_id, contract_version, facts from billing.session"
                " where session_id = $1",
                BB_UUID(session_id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        *ret = (struct price_rules){.tariff_id = bb_row_str(rows, 0, 0),
                                    .tariff_version = bb_row_int(rows, 0, 1, 0),
                                    .time_zone = bb_row_str(rows, 0, 2),
                                    .contract_id = bb_row_str(rows, 0, 3),
                                    .contract_version = bb_row_int(rows, 0, 4, 0),
                                    .facts = bb_row_str(rows, 0, 5)};
        return BB_OK;
}

BB_AWAIT bb_err price_rules_load(const struct price_rules *rules, struct priced *ret)
{
        struct stored_contract contract;
        struct ocpi_remarks remarks = {.count = 0};
        const bb_zone *zone;

        *ret = (struct priced){.rules = *rules, .policy = {.missing_vat = VAT_MISSING_NONE}};
        if (rules->contract_id.ptr != NULL) {
                TRY(contract_load(rules->contract_id, rules->contract_version, &contract));
                ret->policy = contract_policy(&contract.contract);
                ret->fee = contract_fee(&contract.contract);
        }
        TRY(bb_zone_open(rules->time_zone, &zone));
        TRY(tariff_load(rules->tariff_id, rules->tariff_version, &ret->stored));
        TRY(ocpi_tariff_compile(&ret->stored.tariff, OCPI_2_3_0, &ret->tariff, &remarks));
        ret->zone = zone;
        return BB_OK;
}

bb_err price_stretches(struct priced *p, const struct price_period *stretches, size_t count)
{
        struct price_session *s = &p->session;
        struct price_period *periods;

        *s = (struct price_session){.tariff = &p->tariff,
                                    .fee = p->fee,
                                    .offset_s = zone_offset_s,
                                    .zone = p->zone,
                                    .periods = stretches,
                                    .period_count = count};
        TRY(price_split(s, &periods, &s->period_count));
        s->periods = periods;
        return account_make(s, &p->policy, &p->account);
}

static struct price_period *reserved_first(int64_t from_ms, int64_t to_ms, const struct price_period *stretches,
                                           size_t *count)
{
        struct price_period *all = BB_NEW_ARRAY(struct price_period, *count + 1);

        all[0] = (struct price_period){
                .start_ms = from_ms, .end_ms = to_ms, .time_ms = to_ms - from_ms, .state = PERIOD_RESERVED};
        if (*count > 0)
                memcpy(all + 1, stretches, *count * sizeof(*all));
        (*count)++;
        return all;
}

bb_err price_usage(struct priced *p, const struct usage *usage)
{
        struct price_period *stretches;
        size_t count;

        TRY(usage_stretches(usage, &stretches, &count, &p->oddities));
        if (p->reserved_ms != 0)
                stretches = reserved_first(p->reserved_ms, usage->started_ms, stretches, &count);
        p->samples = usage->samples;
        p->sample_count = usage->sample_count;
        return price_stretches(p, stretches, count);
}

/* The reservation that it used, where reserved time has a price. One that had run out before its use was reported may
 * have been charged for already. */
static BB_AWAIT bb_err find_reservation(const struct bb_session *s, struct priced *p)
{
        struct bb_reservation r;
        bb_rows *rows;
        bb_err err;

        if (!tariff_reserves(&p->tariff))
                return BB_OK;
        err = charging->session_reservation(s->id, &r);
        if (err == BB_E_NOT_FOUND || (err == BB_OK && r.created_ms >= s->started_ms))
                return BB_OK;
        TRY(err);
        TRY(bb_db_query(&rows,
                        "select from billing.cdr c where c.reservation_id = $1 and c.kind = 3 and not exists"
                        " (select from billing.cdr k where k.credit_of = c.cdr_id and k.kind = 1)",
                        BB_INT(r.id)));
        if (bb_rows_count(rows) > 0)
                return BB_OK;
        p->reservation_id = r.id;
        p->reserved_ms = r.created_ms;
        return BB_OK;
}

BB_AWAIT bb_err session_price_by(const struct price_rules *rules, const struct bb_session *s, struct priced *ret)
{
        struct usage usage;

        TRY(price_rules_load(rules, ret));
        TRY(find_reservation(s, ret));
        TRY(session_usage_read(s, &usage));
        return price_usage(ret, &usage);
}

BB_AWAIT bb_err session_price_now(const struct bb_session *s, struct priced *ret)
{
        struct price_rules rules;

        TRY(price_rules_find(s->id, &rules));
        return session_price_by(&rules, s, ret);
}

BB_AWAIT bb_err session_price_payable(const struct bb_session *s, int64_t *ret_minor)
{
        struct priced now;

        TRY(session_price_now(s, &now));
        *ret_minor = now.account.payable_minor;
        return BB_OK;
}

struct price_view price_view_of(bb_str session_id, const struct priced *p)
{
        struct price_view view = {.present = ~0ull,
                                  .session_id = session_id,
                                  .tariff_id = p->rules.tariff_id,
                                  .tariff_version = p->rules.tariff_version,
                                  .contract_id = p->rules.contract_id,
                                  .contract_version = p->rules.contract_version,
                                  .oddities = oddity_names(p->oddities),
                                  .account = p->account};

        if (p->rules.contract_id.ptr == NULL)
                view.present &= ~(1ull << PRICE_CONTRACT_VERSION);
        return view;
}

/* That of the CDR in force: the replacement, where there is one. BB_E_NOT_FOUND: there is no CDR yet. */
static BB_AWAIT bb_err view_of_cdr(bb_str session_id, struct price_view *ret)
{
        struct bb_fault fault;
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select c.account, c.cdr_id::text, c.credit_of::text, k.cdr_id::text from billing.cdr c"
                " left join billing.cdr k on k.credit_of = c.cdr_id and k.kind = 1"
                " where c.session_id = $1 and c.kind in (0, 2) order by c.created_at desc, c.cdr_id desc limit 1",
                BB_UUID(session_id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        TRY(bb_shape_decode_text(&SessionPrice, bb_row_str(rows, 0, 0), ret, &fault));
        ret->cdr_id = bb_row_str(rows, 0, 1);
        ret->replaces = bb_row_str(rows, 0, 2);
        ret->credited_by = bb_row_str(rows, 0, 3);
        return BB_OK;
}

BB_AWAIT bb_err session_price_view(const struct bb_session *s, struct price_view *ret)
{
        struct priced now;
        bb_err err = view_of_cdr(s->id, ret);

        if (err != BB_E_NOT_FOUND)
                return err;
        TRY(session_price_now(s, &now));
        *ret = price_view_of(s->id, &now);
        return BB_OK;
}

/* GET /v1/sessions/{id}/price */
BB_AWAIT bb_err session_price_read(bb_request *req, bb_response *res)
{
        struct price_view view;
        struct bb_session s;
        bb_err err;

        TRY(charging->session_get(bb_request_param(req, "id"), &s));
        err = session_price_view(&s, &view);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 404, "no-price",
                                  BB_STR("No tariff was in force for this session when it began."));
        TRY(price_answer(res, err, NULL));
        bb_response_shape(res, &SessionPrice, &view);
        return BB_OK;
}
