/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a CDR back (OCPI §mod_cdrs_credit_cdrs): a credit CDR, and a replacement when the session is to be priced
 * otherwise. The replacement is priced from the session's own readings, never from the CDR's decimals.
 */
#include "cdr.h"
#include "contract.h"

static bb_err wrong(struct cdr_fault *ret, bb_err err, const char *code, const char *member, const char *text)
{
        *ret = (struct cdr_fault){.code = code, .member = member, .text = text};
        return err;
}

/* --- the replacement --- */

static BB_AWAIT bb_err change_rules(const struct cdr_change *change, struct price_rules *rules, struct cdr_fault *fault)
{
        struct stored_contract contract;
        struct stored_tariff tariff;
        bb_str tariff_id = change->tariff_id;
        bb_err err;

        if (tariff_id.ptr == NULL && change->contract_id.ptr == NULL)
                return BB_OK;
        if (tariff_id.ptr != NULL && change->contract_id.ptr != NULL)
                return wrong(fault, BB_E_INVALID, "validation-failed", "/replacement/tariff_id",
                             "is one too many beside contract_id");
        rules->contract_id = BB_NONE;
        if (tariff_id.ptr == NULL) {
                err = contract_load(change->contract_id, 0, &contract);
                if (err == BB_E_NOT_FOUND)
                        return wrong(fault, BB_E_INVALID, "validation-failed", "/replacement/contract_id",
                                     "there is no such contract");
                TRY(err);
                rules->contract_id = change->contract_id;
                rules->contract_version = contract.version;
                tariff_id = contract.contract.tariff_id;
        }
        err = tariff_load(tariff_id, 0, &tariff);
        if (err == BB_E_NOT_FOUND)
                return wrong(fault, BB_E_INVALID, "validation-failed", "/replacement/tariff_id",
                             "there is no such tariff");
        TRY(err);
        rules->tariff_id = tariff_id;
        rules->tariff_version = tariff.version;
        return BB_OK;
}

/* The session as the CDR has it, with what is changed. */
static bb_err change_session(const struct cdr *of, const struct cdr_change *change, struct bb_session *s,
                             struct cdr_fault *fault)
{
        int64_t ended = BB_PRESENT(change, CHANGE_ENDED) ? change->ended_ms : of->ended_ms;
        int64_t energy_wh = BB_PRESENT(change, CHANGE_ENERGY) ? change->energy_wh : of->energy_mwh / 1000;

        if (ended <= s->started_ms || ended > s->ended_ms)
                return wrong(fault, BB_E_INVALID, "validation-failed", "/replacement/ended_at",
                             "must be after the session's start, and not after its end");
        s->ended_ms = ended;
        s->meter_stop_wh = s->meter_start_wh + energy_wh;
        return BB_OK;
}

static BB_AWAIT bb_err replace(const struct cdr *of, const struct cdr_change *change, struct cdr *ret,
                               struct cdr_fault *fault)
{
        struct price_rules rules;
        struct bb_session s;
        struct priced p;

        if (of->session_id.ptr == NULL)
                return wrong(fault, BB_E_INVALID, "validation-failed", "/replacement",
                             "is for CDRs of sessions only: this one is of a reservation");
        TRY(charging->session_get(of->session_id, &s));
        TRY(price_rules_find(s.id, &rules));
        rules.tariff_id = of->tariff_id;
        rules.tariff_version = of->tariff_version;
        rules.contract_id = of->contract_id;
        rules.contract_version = of->contract_version;
        TRY(change_rules(change, &rules, fault));
        TRY(change_session(of, change, &s, fault));
        TRY(session_price_by(&rules, &s, &p));
        if (p.sample_count == 0 && s.sample_count > 0)
                return wrong(fault, BB_E_CONFLICT, "readings-gone", "/replacement",
                             "The session's readings are no longer kept, so it cannot be priced anew.");
        *ret = cdr_of_session(&s, &p);
        ret->kind = CDR_KIND_REPLACEMENT;
        ret->id = bb_uuid();
        ret->created_ms = bb_now_ms();
        ret->credit_of = of->id;
        return cdr_write(ret, &p);
}

/* --- the credit --- */

static bb_err credit(const struct cdr *of, bb_str reason, struct cdr *ret)
{
        *ret = *of;
        ret->kind = CDR_KIND_CREDIT;
        ret->id = bb_uuid();
        ret->created_ms = bb_now_ms();
        ret->credit_of = of->id;
        ret->reason = reason;
        ret->credited_by = ret->replaced_by = BB_NONE;
        return cdr_write_credit(of, ret);
}

static bb_str audit_details(const struct cdr *c, const struct cdr *replacement)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "credit", c->id);
        bb_json_set_str(details, "reason", c->reason);
        bb_json_set_str(details, "replacement", replacement != NULL ? replacement->id : BB_NONE);
        return bb_json_text(details);
}

static BB_AWAIT bb_err check_creditable(bb_str id, struct cdr *of, struct cdr *ret_credit, struct cdr_fault *fault)
{
        TRY(cdr_load(id, of));
        if (of->kind == CDR_KIND_CREDIT)
                return wrong(fault, BB_E_CONFLICT, "is-credit", "", "A credit CDR cannot be credited.");
        if (of->credited_by.ptr == NULL)
                return BB_OK;
        ret_credit->id = of->credited_by;
        return wrong(fault, BB_E_CONFLICT, "credited-already", "", "This CDR has been credited already.");
}

BB_AWAIT bb_err cdr_credit(bb_str actor, bb_str id, bb_str reason, const struct cdr_change *change,
                           struct cdr *ret_credit, struct cdr *ret_replacement, struct cdr_fault *fault)
{
        struct bb_stmt stmts[2 * CDR_STMTS + 1];
        size_t count = CDR_STMTS;
        struct cdr of;
        bb_err err;

        *ret_credit = *ret_replacement = (struct cdr){.kind = 0};
        TRY(check_creditable(id, &of, ret_credit, fault));
        TRY(credit(&of, reason, ret_credit));
        cdr_stmts(ret_credit, stmts);
        if (change != NULL) {
                TRY(replace(&of, change, ret_replacement, fault));
                ret_replacement->reason = reason;
                cdr_stmts(ret_replacement, stmts + count);
                count += CDR_STMTS;
        }
        stmts[count++] = bb_audit_stmt(actor, "cdr.credit", id,
                                       audit_details(ret_credit, change != NULL ? ret_replacement : NULL));
        err = bb_db_run(stmts, count, NULL);
        if (err != BB_E_EXISTS)
                return err;
        TRY(check_creditable(id, &of, ret_credit, fault)); /* somebody else was quicker */
        return BB_E_CONFLICT;
}
