/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/contracts: list, read, save, end. What could tie with another contract's rule is refused here, so that the choice
 * at a session's start never has to guess.
 */
#include "contract.h"

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

static struct contract_out out_of(const struct stored_contract *s)
{
        return (struct contract_out){.present = ~0ull,
                                     .id = s->contract.id,
                                     .version = s->version,
                                     .created_ms = s->created_ms,
                                     .updated_ms = s->updated_ms,
                                     .contract = bb_shape_encode(&ContractTerms, &s->contract)};
}

static bb_str tag_of(int64_t version)
{
        return version > 0 ? bb_print("v%lld", (long long)version) : BB_NONE;
}

BB_AWAIT bb_err contracts_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        bb_str after, last = BB_NONE;
        bb_rows *rows;

        TRY(bb_page(req, res, &limit, &after));
        TRY(bb_db_query(
                &rows,
                "select contract_id from billing.contract where not retired and ($1::text is null or contract_id > $1)"
                " order by contract_id limit $2",
                BB_TEXT(after), BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                struct stored_contract stored;
                struct contract_out out;
                bb_err err;

                last = bb_row_str(rows, i, 0);
                err = contract_load(last, 0, &stored);
                if (err == BB_E_NOT_FOUND) /* ended a moment ago */
                        continue;
                TRY(err);
                out = out_of(&stored);
                bb_json_append(items, bb_shape_encode(&Contract, &out));
        }
        bb_response_page(res, items, count == limit ? last : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err contract_read(bb_request *req, bb_response *res)
{
        struct stored_contract stored;
        struct contract_out out;

        TRY(contract_load(bb_request_param(req, "id"), 0, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        out = out_of(&stored);
        bb_response_shape(res, &Contract, &out);
        return BB_OK;
}

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
                if (contract_rule_read(&texts[i], &ret[i], &member, &fault) < 0)
                        return refuse(res, bb_print("/applies_to/%zu/%s", i, member), fault);
        }
        return BB_OK;
}

static BB_AWAIT bb_err check_contract(bb_response *res, bb_str id, const struct contract *c,
                                      struct contract_rule *ret_rules)
{
        struct stored_tariff tariff;
        bb_err err;

        if (id.len < 1 || id.len > 36)
                return bb_problem(res, BB_E_INVALID, 422, "bad-contract-id",
                                  BB_STR("A contract's id has 1 to 36 characters."));
        if (c->id.ptr != NULL && !bb_str_eq(c->id, id))
                return refuse(res, BB_STR("/id"), "is not the id in the path");
        if (BB_PRESENT(c, CONTRACT_VALID_FROM) && BB_PRESENT(c, CONTRACT_VALID_UNTIL) &&
            c->valid_from_ms >= c->valid_until_ms)
                return refuse(res, BB_STR("/valid_until"), "must be after valid_from");
        if (c->max_price != NULL && !BB_PRESENT(c->max_price, OCPI_BEFORE_TAXES))
                return refuse(res, BB_STR("/max_price"), "before_taxes is missing");
        err = tariff_load(c->tariff_id, 0, &tariff);
        if (err == BB_E_NOT_FOUND)
                return refuse(res, BB_STR("/tariff_id"), "there is no such tariff");
        TRY(err);
        return check_rules(c, res, ret_rules);
}

static struct bb_param validity(const struct contract *c, int32_t field, int64_t ms)
{
        return BB_TIME_OR_NULL(BB_PRESENT(c, field), ms);
}

/* Two rules tie when they are equally specific, and there is a session that both fit: the same who, the same where (or
 * powers that overlap), validities that overlap and are both bounded or both open. */
static BB_AWAIT bb_err find_tie(bb_tx *tx, bb_str id, const struct contract *c, const struct contract_rule *r,
                                bb_str *ret_other, int64_t *ret_position)
{
        struct bb_param from = validity(c, CONTRACT_VALID_FROM, c->valid_from_ms);
        struct bb_param until = validity(c, CONTRACT_VALID_UNTIL, c->valid_until_ms);
        bb_rows *rows;

        TRY(bb_tx_query(
                tx, &rows,
                "select contract_id, position from billing.contract_rule where contract_id <> $1"
                " and who_kind = $2 and who_value = $3 and where_kind = $4 and where_value = $5"
                " and min_power_w < $7 and $6 < max_power_w"
                " and (valid_from is not null or valid_until is not null)"
                " = ($8::timestamptz is not null or $9::timestamptz is not null)"
                " and tstzrange(valid_from, valid_until) && tstzrange($8::timestamptz, $9::timestamptz) limit 1",
                BB_TEXT(id), BB_INT(r->who_kind), BB_TEXT(r->who_value), BB_INT(r->where_kind), BB_TEXT(r->where_value),
                BB_INT(r->min_power_w), BB_INT(r->max_power_w), from, until));
        *ret_other = bb_rows_count(rows) > 0 ? bb_row_str(rows, 0, 0) : BB_NONE;
        *ret_position = bb_row_int(rows, 0, 1, 0);
        return BB_OK;
}

static BB_AWAIT bb_err write_rule(bb_tx *tx, bb_str id, const struct contract *c, const struct contract_rule *r,
                                  int64_t position)
{
        return bb_tx_query(tx, NULL,
                           "insert into billing.contract_rule (contract_id, position, who_kind, who_value, where_kind,"
                           " where_value, min_power_w, max_power_w, valid_from, valid_until)"
                           " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                           BB_TEXT(id), BB_INT(position), BB_INT(r->who_kind), BB_TEXT(r->who_value),
                           BB_INT(r->where_kind), BB_TEXT(r->where_value), BB_INT(r->min_power_w),
                           BB_INT(r->max_power_w), validity(c, CONTRACT_VALID_FROM, c->valid_from_ms),
                           validity(c, CONTRACT_VALID_UNTIL, c->valid_until_ms));
}

/* Within the contract itself the first of two equal rules would hide the second: that is a mistake, too. */
static bb_err check_doubles(const struct contract_rule *rules, size_t count, bb_response *res)
{
        for (size_t i = 1; i < count; i++) {
                for (size_t k = 0; k < i; k++) {
                        const struct contract_rule *a = &rules[k], *b = &rules[i];

                        if (a->who_kind == b->who_kind && bb_str_eq(a->who_value, b->who_value) &&
                            a->where_kind == b->where_kind && bb_str_eq(a->where_value, b->where_value) &&
                            a->min_power_w < b->max_power_w && b->min_power_w < a->max_power_w)
                                return refuse(res, bb_print("/applies_to/%zu", i),
                                              bb_print("says the same as /applies_to/%zu", k).ptr);
                }
        }
        return BB_OK;
}

static BB_AWAIT bb_err save_rules(bb_tx *tx, bb_response *res, bb_str id, const struct contract *c,
                                  const struct contract_rule *rules)
{
        int64_t position;
        bb_str other;

        TRY(bb_tx_query(tx, NULL, "delete from billing.contract_rule where contract_id = $1", BB_TEXT(id)));
        for (size_t i = 0; i < c->applies_to.count; i++) {
                TRY(find_tie(tx, id, c, &rules[i], &other, &position));
                if (other.ptr != NULL) {
                        bb_problem_field(
                                res, bb_print("/applies_to/%zu", i),
                                bb_print("is as specific as /applies_to/%lld of the contract %.*s, and fits the same "
                                         "sessions",
                                         (long long)position, BB_FMT(other)));
                        return bb_problem(res, BB_E_CONFLICT, 409, "contracts-tie",
                                          BB_STR("Two contracts would have equal claims on a session."));
                }
                TRY(write_rule(tx, id, c, &rules[i], (int64_t)i));
        }
        return BB_OK;
}

/* One who saves a tenant's contracts at a time: the lock makes the look for ties hold until the commit. */
static BB_AWAIT bb_err save_in(bb_tx *tx, bb_request *req, bb_response *res, bb_str id, int64_t before,
                               const struct contract *c, const struct contract_rule *rules)
{
        bb_str details = bb_print("{\"version\":%lld}", (long long)before + 1);
        bb_rows *rows[4];
        const struct bb_stmt stmts[] = {
                BB_STMT("select pg_advisory_xact_lock(hashtextextended('billing.contract/' || $1, 0))",
                        BB_TEXT(bb_tenant_id(bb_task_tenant()))),
                BB_STMT("insert into billing.contract (contract_id, version) values ($1, $2)"
                        " on conflict (tenant_id, contract_id) do update set version = $2, retired = false,"
                        " updated_at = now() where contract.version = $2 - 1",
                        BB_TEXT(id), BB_INT(before + 1)),
                BB_STMT("insert into billing.contract_version (contract_id, version, document) values ($1, $2, $3)"
                        " on conflict (tenant_id, contract_id, version) do nothing",
                        BB_TEXT(id), BB_INT(before + 1), BB_TEXT(bb_shape_encode_text(&ContractTerms, c))),
                bb_audit_stmt(bb_request_actor(req), "contract.save", id, details),
        };

        TRY(bb_tx_run(tx, stmts, BB_COUNT(stmts), rows));
        if (bb_rows_affected(rows[1]) == 0 || bb_rows_affected(rows[2]) == 0)
                return bb_problem(res, BB_E_CONFLICT, 409, "changed-meanwhile",
                                  BB_STR("Somebody else has just saved this contract."));
        TRY(save_rules(tx, res, id, c, rules));
        return bb_tx_commit(tx);
}

static BB_AWAIT bb_err save(bb_request *req, bb_response *res, bb_str id, int64_t before, const struct contract *c,
                            const struct contract_rule *rules)
{
        bb_tx *tx;
        bb_err err;

        TRY(bb_tx_begin(&tx));
        err = save_in(tx, req, res, id, before, c, rules);
        if (err < 0)
                bb_tx_rollback(tx);
        return err;
}

static BB_AWAIT bb_err version_of(bb_str id, int64_t *ret, int32_t *ret_retired)
{
        bb_rows *rows;

        *ret = 0;
        *ret_retired = 0;
        TRY(bb_db_query(&rows, "select version, retired from billing.contract where contract_id = $1", BB_TEXT(id)));
        if (bb_rows_count(rows) > 0) {
                *ret = bb_row_int(rows, 0, 0, 0);
                *ret_retired = (int32_t)bb_row_int(rows, 0, 1, 0);
        }
        return BB_OK;
}

BB_AWAIT bb_err contract_write(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct contract_rule *rules;
        struct stored_contract stored;
        struct contract_out out;
        struct contract c;
        int64_t before;
        int32_t retired;

        TRY(bb_request_decode(req, &ContractTerms, &c, res));
        rules = BB_NEW_ARRAY(struct contract_rule, c.applies_to.count);
        TRY(check_contract(res, id, &c, rules));
        TRY(check_doubles(rules, c.applies_to.count, res));
        TRY(version_of(id, &before, &retired));
        TRY(bb_etag(req, res, tag_of(retired ? 0 : before)));
        c.id = id;
        TRY(save(req, res, id, before, &c, rules));
        TRY(contract_load(id, before + 1, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        out = out_of(&stored);
        bb_response_status(res, before == 0 || retired ? 201 : 200);
        bb_response_shape(res, &Contract, &out);
        return BB_OK;
}

BB_AWAIT bb_err contract_remove(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct stored_contract stored;

        TRY(contract_load(id, 0, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        const struct bb_stmt stmts[] = {
                {.sql = "update billing.contract set retired = true, updated_at = now()"
                        " where contract_id = $1 and version = $2 and not retired",
                 .params = (const struct bb_param[]){BB_TEXT(id), BB_INT(stored.version)},
                 .param_count = 2,
                 .flags = BB_STMT_MUST_HIT},
                BB_STMT("delete from billing.contract_rule where contract_id = $1", BB_TEXT(id)),
                bb_audit_stmt(bb_request_actor(req), "contract.end", id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_response_status(res, 204);
        return BB_OK;
}
