/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/prices/explain: which contract a session would fall under, and why the others do not count.
 */
#include "contract.h"

const struct bb_query_param explain_query[4] = {
        {.name = "station", .type = BB_T_STR, .flags = BB_REQUIRED, .about = "The station's id."},
        {.name = "connector", .type = BB_T_INT, .about = "1 when absent."},
        {.name = "token", .type = BB_T_STR, .about = "The token's uid."},
        {.name = "at", .type = BB_T_TIME, .about = "Now, when absent."},
};

struct considered {
        uint64_t present;
        bb_str contract_id, why_not;
        int64_t rule;
        int32_t fits, wins;
};
static const struct bb_field considered_fields[] = {
        FIELD(considered, contract_id, "contract_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(considered, rule, "rule", BB_T_INT, .flags = BB_REQUIRED, .about = "Its index in applies_to."),
        FIELD(considered, fits, "fits", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(considered, wins, "wins", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(considered, why_not, "why_not", BB_T_STR),
};
static BB_SHAPE(ConsideredRule, considered, 0, "A rule of a contract, and whether it counts.", considered_fields);

struct explained {
        uint64_t present;
        bb_str contract_id, tariff_id, source, channel, local_time;
        struct bb_array considered;
};
static const struct bb_field explained_fields[] = {
        FIELD(explained, contract_id, "contract_id", BB_T_STR),
        FIELD(explained, tariff_id, "tariff_id", BB_T_STR),
        FIELD(explained, source, "source", BB_T_STR, .flags = BB_REQUIRED,
              .about = "contract, default_tariff, or none: then such a session has no price."),
        FIELD(explained, channel, "channel", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(explained, local_time, "local_time", BB_T_STR, .flags = BB_REQUIRED,
              .about = "At the location, as rules with days and hours look at it: MONDAY 08:15."),
        FIELD(explained, considered, "considered", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &ConsideredRule,
              .about = "Every rule, at most 1000, the most specific first."),
};
BB_SHAPE(PriceExplained, explained, 0, "Which contract gives a session its price.", explained_fields);

static BB_AWAIT bb_err consider(const struct session_facts *f, bb_str winner, int64_t position, struct bb_array *ret)
{
        struct considered *items;
        bb_rows *rows;
        size_t count;

        TRY(bb_db_query(&rows, "select " CONTRACT_RULE_COLUMNS " from billing.contract_rule r" CONTRACT_RULE_ORDER
                               " limit 1000"));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct considered, count + 1);
        for (size_t i = 0; i < count; i++) {
                struct contract_rule rule = contract_rule_row(rows, i);
                const char *fault = contract_rule_fault(&rule, f);

                items[i] = (struct considered){.present = ~0ull,
                                               .contract_id = rule.contract_id,
                                               .rule = rule.position,
                                               .fits = fault == NULL};
                items[i].wins = items[i].rule == position && bb_str_eq(items[i].contract_id, winner);
                if (fault != NULL)
                        items[i].why_not = bb_cstr(fault);
                else if (!items[i].wins)
                        items[i].why_not = BB_STR("another rule that fits is more specific");
        }
        *ret = (struct bb_array){.items = items, .count = count};
        return BB_OK;
}

static int64_t number_of(bb_str text, int64_t otherwise)
{
        int64_t value;

        return text.len > 0 && bb_decimal(text, 0, &value) == BB_OK ? value : otherwise;
}

BB_AWAIT bb_err price_explain(bb_request *req, bb_response *res)
{
        const struct billing_options *options = bb_request_state(req);
        bb_str station = bb_request_query(req, "station"), at = bb_request_query(req, "at");
        struct explained explained = {.present = ~0ull, .source = BB_STR("contract")};
        struct stored_contract stored;
        struct session_facts facts;
        int64_t at_ms = bb_now_ms(), version, position = -1;
        bb_err err;

        if (at.len > 0)
                TRY(bb_time_parse(at, &at_ms));
        err = session_facts_find(bb_request_query(req, "token"), station,
                                 number_of(bb_request_query(req, "connector"), 1), at_ms, &facts);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 404, "unknown-station", BB_STR("There is no such station."));
        TRY(err);
        explained.channel = contract_channel(&facts);
        explained.local_time = contract_local_time(&facts);
        err = contract_find(&facts, &explained.contract_id, &version, &position);
        if (err < 0 && err != BB_E_NOT_FOUND)
                return err;
        if (err == BB_OK) {
                TRY(contract_load(explained.contract_id, version, &stored));
                explained.tariff_id = stored.contract.tariff_id;
        } else {
                explained.tariff_id = options->default_tariff;
                explained.source = options->default_tariff.len > 0 ? BB_STR("default_tariff") : BB_STR("none");
        }
        TRY(consider(&facts, explained.contract_id, position, &explained.considered));
        bb_response_shape(res, &PriceExplained, &explained);
        return BB_OK;
}
