/* SPDX-License-Identifier: Apache-2.0
 *
 * CDRs in the database: written once, with their event.
 */
#include "cdr.h"

void cdr_take_account(struct cdr *c, const struct account *a)
{
        c->total = a->total;
        c->currency = a->currency;
        c->payable_minor = a->payable_minor;
        c->energy_mwh = a->energy_mwh;
        c->time_ms = a->time_ms;
        c->parking_ms = a->parking_ms;
        c->reservation_ms = a->reservation_ms;
}

static struct bb_stmt insert_stmt(const struct cdr *c)
{
        int32_t with_tax = amount_has_tax(&c->total);
        const struct bb_param params[] = {
                BB_UUID(c->id),
                BB_UUID(c->session_id),
                BB_TEXT(c->tariff_id),
                BB_INT(c->tariff_version),
                BB_TEXT(c->currency),
                BB_INT(c->payable_minor),
                BB_TEXT(c->account),
                BB_INT(c->kind),
                BB_UUID(c->credit_of),
                BB_TEXT(c->reason),
                BB_INT_OR_NULL(c->reservation_id != 0, c->reservation_id),
                BB_TEXT(c->contract_id),
                BB_INT_OR_NULL(c->contract_id.ptr != NULL, c->contract_version),
                BB_TEXT(c->token_uid),
                BB_TEXT(c->station_id),
                BB_INT(c->connector_id),
                BB_TEXT(c->location_id),
                BB_TIME(c->started_ms),
                BB_TIME(c->ended_ms),
                BB_INT(c->energy_mwh),
                BB_INT(c->time_ms),
                BB_INT(c->parking_ms),
                BB_INT(c->reservation_ms),
                BB_INT(c->total.excl_vat),
                BB_INT_OR_NULL(with_tax, c->total.vat),
                BB_INT_OR_NULL(with_tax, c->total.incl_vat),
                BB_TEXT(c->document),
        };
        struct bb_param *kept = BB_NEW_ARRAY(struct bb_param, BB_COUNT(params));

        memcpy(kept, params, sizeof(params));
        return (struct bb_stmt){
                .sql = "insert into billing.cdr (cdr_id, session_id, tariff_id, tariff_version, currency, "
                       "payable_minor,"
                       " account, kind, credit_of, reason, reservation_id, contract_id, contract_version, token_uid,"
                       " station_id, connector_id, location_id, started_at, ended_at, energy_mwh, time_ms, parking_ms,"
                       " reservation_ms, net_e4, vat_e4, gross_e4, document) values ($1, $2, $3, $4, $5, $6, $7, $8, "
                       "$9,"
                       " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)",
                .params = kept,
                .param_count = BB_COUNT(params)};
}

static struct bb_stmt told_stmt(const struct cdr *c)
{
        static const char *const kinds[] = {"session", "credit", "replacement", "reservation"};
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "cdr_id", c->id);
        bb_json_set_str(payload, "session_id", c->session_id);
        bb_json_set_str(payload, "kind", bb_cstr(kinds[c->kind]));
        bb_json_set_str(payload, "credit_of", c->credit_of);
        bb_json_set_str(payload, "reason", c->reason);
        bb_json_set_str(payload, "currency", c->currency);
        bb_json_set_int(payload, "payable_minor", c->payable_minor);
        return bb_event_stmt(c->kind == CDR_KIND_CREDIT ? "cdr.credited" : "cdr.priced",
                             c->session_id.ptr != NULL ? c->session_id : c->id, bb_json_text(payload));
}

void cdr_stmts(const struct cdr *c, struct bb_stmt ret[CDR_STMTS])
{
        ret[0] = insert_stmt(c);
        ret[1] = told_stmt(c);
}
