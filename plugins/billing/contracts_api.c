/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/contracts: list, read, save, end. What could tie with another contract's rule is refused here, so that the choice
 * at a session's start never has to guess.
 */
#include "contract.h"
#include "versioned.h"

struct contract_out {
        uint64_t present;
        bb_str id;
        int64_t version, created_ms, updated_ms;
        bb_json *contract;
};
static const struct bb_field out_fields[] = {
        FIELD(contract_out, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(contract_out, version, "version", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(contract_out, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(contract_out, updated_ms, "updated_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(contract_out, contract, "contract", BB_T_JSON, .flags = BB_REQUIRED),
};
BB_SHAPE(Contract, contract_out, 0, "A contract in its latest version.", out_fields);

/* --- saving --- */

static bb_err refuse(bb_response *res, bb_str pointer, const char *text)
{
        bb_problem_field(res, pointer, bb_cstr(text));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The contract does not fit."));
}

static bb_err check_rules(const struct contract *c, bb_response *res, struct contract_rule *ret)
{
        const struct contract_rule_text *texts = c->applies_to.items;
        const char *member, *fault;

        for (size_t i = 0; i < c->applies_to.count; i++) {
                if (contract_rule_read(&texts[i], c, &ret[i], &member, &fault) < 0)
                        return refuse(res, bb_print("/applies_to/%zu/%s", i, member), fault);
        }
        return BB_OK;
}

static BB_AWAIT bb_err check_contract(bb_response *res, const struct contract *c, struct contract_rule *ret_rules)
{
        const char *member, *fault;
        struct stored_tariff tariff;
        bb_err err;

        if (BB_PRESENT(c, CONTRACT_VALID_FROM) && BB_PRESENT(c, CONTRACT_VALID_UNTIL) &&
            c->valid_from_ms >= c->valid_until_ms)
                return refuse(res, BB_STR("/valid_until"), "must be after valid_from");
        if (c->max_price != NULL && !BB_PRESENT(c->max_price, OCPI_BEFORE_TAXES))
                return refuse(res, BB_STR("/max_price"), "before_taxes is missing");
        if (c->limits != NULL && contract_limits_check(c->limits, &member, &fault) < 0)
                return refuse(res, bb_print("/limits/%s", member), fault);
        err = tariff_load(c->tariff_id, 0, &tariff);
        if (err == BB_E_NOT_FOUND)
                return refuse(res, BB_STR("/tariff_id"), "there is no such tariff");
        TRY(err);
        return check_rules(c, res, ret_rules);
}

/* The first rule of another contract that could tie; *ret_other BB_NONE: there is none. */
static BB_AWAIT bb_err find_tie(bb_tx *tx, bb_str id, const struct contract_rule *r, struct contract_rule *ret_other)
{
        bb_rows *rows;

        *ret_other = (struct contract_rule){.contract_id = BB_NONE};
        TRY(bb_tx_query(tx, &rows,
                        "select " CONTRACT_RULE_COLUMNS " from billing.contract_rule r where r.contract_id <> $1"
                        " and r.who_kind = $2 and r.who_value = $3 and r.where_kind = $4 and r.where_value = $5"
                        " order by r.contract_id, r.position",
                        BB_TEXT(id), BB_INT(r->who_kind), BB_TEXT(r->who_value), BB_INT(r->where_kind),
                        BB_TEXT(r->where_value)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct contract_rule other = contract_rule_row(rows, i);

                if (!contract_rules_tie(r, &other))
                        continue;
                *ret_other = other;
                return BB_OK;
        }
        return BB_OK;
}

static BB_AWAIT bb_err write_rule(bb_tx *tx, bb_str id, const struct contract_rule *r, int64_t position)
{
        return bb_tx_query(tx, NULL,
                           "insert into billing.contract_rule (contract_id, position, who_kind, who_value, where_kind,"
                           " where_value, min_power_w, max_power_w, days, from_minute, until_minute, valid_from,"
                           " valid_until) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                           BB_TEXT(id), BB_INT(position), BB_INT(r->who_kind), BB_TEXT(r->who_value),
                           BB_INT(r->where_kind), BB_TEXT(r->where_value), BB_INT(r->min_power_w),
                           BB_INT(r->max_power_w), BB_INT(r->days), BB_INT(r->from_minute), BB_INT(r->until_minute),
                           BB_TIME_OR_NULL(r->has_from, r->valid_from_ms),
                           BB_TIME_OR_NULL(r->has_until, r->valid_until_ms));
}

/* Within the contract itself the first of two equal rules would hide the second: that is a mistake, too. */
static bb_err check_doubles(const struct contract_rule *rules, size_t count, bb_response *res)
{
        for (size_t i = 1; i < count; i++) {
                for (size_t k = 0; k < i; k++) {
                        if (contract_rules_tie(&rules[k], &rules[i]))
                                return refuse(res, bb_print("/applies_to/%zu", i),
                                              bb_print("says what /applies_to/%zu says", k).ptr);
                }
        }
        return BB_OK;
}

static bb_err refuse_tie(bb_response *res, size_t index, const struct contract_rule *other)
{
        bb_problem_field(res, bb_print("/applies_to/%zu", index),
                         bb_print("is as specific as /applies_to/%lld of the contract %.*s, and fits the same sessions",
                                  (long long)other->position, BB_FMT(other->contract_id)));
        return bb_problem(res, BB_E_CONFLICT, 409, "contracts-tie",
                          BB_STR("Two contracts would have equal claims on a session."));
}

/* The rules of the version before make way for those of the new one. */
static BB_AWAIT bb_err save_rules(bb_tx *tx, bb_response *res, bb_str id, const void *terms)
{
        const struct contract *c = terms;
        struct contract_rule *rules = BB_NEW_ARRAY(struct contract_rule, c->applies_to.count);
        struct contract_rule other;

        TRY(check_rules(c, res, rules));
        TRY(bb_tx_query(tx, NULL, "update billing.contract set restricts = $2 where contract_id = $1", BB_TEXT(id),
                        BB_BOOL(contract_restricts(c))));
        TRY(bb_tx_query(tx, NULL, "delete from billing.contract_rule where contract_id = $1", BB_TEXT(id)));
        for (size_t i = 0; i < c->applies_to.count; i++) {
                TRY(find_tie(tx, id, &rules[i], &other));
                if (other.contract_id.ptr != NULL)
                        return refuse_tie(res, i, &other);
                TRY(write_rule(tx, id, &rules[i], (int64_t)i));
        }
        return BB_OK;
}

/* --- the kind of document --- */

static bb_json *show(const struct versioned *saved, const void *terms)
{
        struct contract_out out = {.present = ~0ull,
                                   .id = saved->id,
                                   .version = saved->version,
                                   .created_ms = saved->created_ms,
                                   .updated_ms = saved->updated_ms,
                                   .contract = bb_shape_encode(&ContractTerms, terms)};

        return bb_shape_encode(&Contract, &out);
}

static const struct versioned_kind contracts = {
        .noun = "contract",
        .terms = &ContractTerms,
        .size = sizeof(struct contract),
        .saved = "contract.save",
        .ended = "contract.end",
        .list = "select c.contract_id, v.document, v.version, c.created_at, c.updated_at from billing.contract c"
                " join billing.contract_version v on v.contract_id = c.contract_id and v.version = c.version"
                " where not c.retired and ($1::text is null or c.contract_id > $1) order by c.contract_id limit $2",
        .load = "select c.contract_id, v.document, v.version, c.created_at, c.updated_at from billing.contract c"
                " join billing.contract_version v on v.contract_id = c.contract_id"
                " and v.version = case when $2 = 0 then c.version else $2 end"
                " where c.contract_id = $1 and ($2 <> 0 or not c.retired)",
        .find = "select version, retired from billing.contract where contract_id = $1",
        .put = "insert into billing.contract (contract_id, version) values ($1, $2)"
               " on conflict (tenant_id, contract_id) do update set version = $2, retired = false, updated_at = now()"
               " where contract.version = $2 - 1",
        .keep = "insert into billing.contract_version (contract_id, version, document) values ($1, $2, $3)"
                " on conflict (tenant_id, contract_id, version) do nothing",
        .end = "with rules as (delete from billing.contract_rule where contract_id = $1)"
               " update billing.contract set retired = true, updated_at = now()"
               " where contract_id = $1 and version = $2 and not retired",
        .show = show,
        .saving = save_rules,
};

BB_AWAIT bb_err contract_load(bb_str id, int64_t version, struct stored_contract *ret)
{
        struct versioned saved;

        TRY(versioned_load(&contracts, id, version, &saved, &ret->contract));
        ret->contract.id = saved.id;
        ret->version = saved.version;
        return BB_OK;
}

BB_AWAIT bb_err contracts_list(bb_request *req, bb_response *res)
{
        return versioned_list(&contracts, req, res);
}

BB_AWAIT bb_err contract_read(bb_request *req, bb_response *res)
{
        return versioned_read(&contracts, req, res);
}

BB_AWAIT bb_err contract_write(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct contract_rule *rules;
        struct contract c;

        TRY(bb_request_decode(req, &ContractTerms, &c, res));
        TRY(versioned_check_id(&contracts, res, id, c.id));
        rules = BB_NEW_ARRAY(struct contract_rule, c.applies_to.count);
        TRY(check_contract(res, &c, rules));
        TRY(check_doubles(rules, c.applies_to.count, res));
        c.id = id;
        TRY(versioned_write(&contracts, req, res, &c));
        (void)access_renew(bb_request_state(req)); /* the contract is saved; the minute's look comes as well */
        return BB_OK;
}

BB_AWAIT bb_err contract_remove(bb_request *req, bb_response *res)
{
        return versioned_remove(&contracts, req, res);
}
