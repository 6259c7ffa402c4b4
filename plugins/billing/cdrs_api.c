/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/cdrs/{id}: one CDR with its document; /v1/cdrs/{id}/credit.
 */
#include "cdr.h"

struct cdr_out {
        uint64_t present;
        bb_str id, session_id, credit_of, credited_by, replaced_by, reason, currency;
        int32_t kind;
        int64_t reservation_id, created_ms, payable_minor;
        struct amount total;
        bb_json *document;
};
enum { OUT_RESERVATION = 0 };
static const struct bb_field out_fields[] = {
        [OUT_RESERVATION] =
                FIELD(cdr_out, reservation_id, "reservation_id", BB_T_INT, .about = "Paid for in this CDR."),
        FIELD(cdr_out, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(cdr_out, kind, "kind", BB_T_ENUM, .flags = BB_REQUIRED, .values = cdr_kind_names),
        FIELD(cdr_out, session_id, "session_id", BB_T_STR),
        FIELD(cdr_out, credit_of, "credit_of", BB_T_STR,
              .about = "The CDR that this credit takes back, or that this replacement stands for."),
        FIELD(cdr_out, credited_by, "credited_by", BB_T_STR, .about = "The credit CDR that takes this one back."),
        FIELD(cdr_out, replaced_by, "replaced_by", BB_T_STR),
        FIELD(cdr_out, reason, "reason", BB_T_STR, .about = "Why it was credited."),
        FIELD(cdr_out, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(cdr_out, currency, "currency", BB_T_STR, .flags = BB_REQUIRED, .about = "ISO 4217."),
        FIELD(cdr_out, total, "total", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &Amount),
        FIELD(cdr_out, payable_minor, "payable_minor", BB_T_INT, .flags = BB_REQUIRED,
              .about = "With its tax, in the currency's smallest unit; negative for a credit."),
        FIELD(cdr_out, document, "document", BB_T_JSON, .flags = BB_REQUIRED,
              .about = "Members of OCPI's CDR object, with the account line by line. Never changes."),
};
BB_SHAPE(PricedCdr, cdr_out, 0, "A priced CDR.", out_fields);

static bb_err out_of(const struct cdr *c, struct cdr_out *ret)
{
        struct bb_fault fault;

        *ret = (struct cdr_out){.present = c->reservation_id != 0 ? ~0ull : ~(1ull << OUT_RESERVATION),
                                .id = c->id,
                                .kind = c->kind,
                                .session_id = c->session_id,
                                .credit_of = c->credit_of,
                                .credited_by = c->credited_by,
                                .replaced_by = c->replaced_by,
                                .reason = c->reason,
                                .reservation_id = c->reservation_id,
                                .created_ms = c->created_ms,
                                .currency = c->currency,
                                .total = c->total,
                                .payable_minor = c->payable_minor};
        return bb_json_parse(c->document, &ret->document, &fault);
}

static BB_AWAIT bb_err load(bb_request *req, bb_response *res, struct cdr *ret)
{
        bb_err err = cdr_load(bb_request_param(req, "id"), ret);

        if (err != BB_E_NOT_FOUND)
                return err;
        return bb_problem(res, err, 404, "unknown-cdr", BB_STR("There is no priced CDR of this id."));
}

BB_AWAIT bb_err cdr_read(bb_request *req, bb_response *res)
{
        struct cdr_out out;
        struct cdr c;

        TRY(load(req, res, &c));
        TRY(out_of(&c, &out));
        bb_response_shape(res, &PricedCdr, &out);
        return BB_OK;
}

/* --- POST /v1/cdrs/{id}/credit --- */

static const struct bb_field change_fields[] = {
        [CHANGE_TARIFF] = FIELD(cdr_change, tariff_id, "tariff_id", BB_T_STR, .min = 1, .max = 36,
                                .about = "In its latest version, without a contract's terms."),
        [CHANGE_CONTRACT] = FIELD(cdr_change, contract_id, "contract_id", BB_T_STR, .min = 1, .max = 36,
                                  .about = "In its latest version, with its tariff."),
        [CHANGE_ENDED] = FIELD(cdr_change, ended_ms, "ended_at", BB_T_TIME,
                               .about = "An earlier end; the energy stays, unless it is told as well."),
        [CHANGE_ENERGY] = FIELD(cdr_change, energy_wh, "energy_kwh", BB_T_DECIMAL, .scale = 3, .max = 1000000000,
                                .about = "Of the whole session, spread as its readings tell."),
};
static BB_SHAPE(CdrReplacement, cdr_change, 0, "What is otherwise; the rest stays as it was.", change_fields);

struct credit_request {
        uint64_t present;
        bb_str reason;
        struct cdr_change *replacement;
};
static const struct bb_field credit_fields[] = {
        FIELD(credit_request, reason, "reason", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 255),
        FIELD(credit_request, replacement, "replacement", BB_T_OBJECT, .flags = BB_PTR, .shape = &CdrReplacement,
              .about = "The session is priced anew; an empty object: as it was."),
};
BB_SHAPE(CdrCreditRequest, credit_request, 0, "Takes a CDR back.", credit_fields);

struct credited {
        uint64_t present;
        struct cdr_out credit;
        struct cdr_out *replacement;
};
static const struct bb_field credited_fields[] = {
        FIELD(credited, credit, "credit", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &PricedCdr),
        FIELD(credited, replacement, "replacement", BB_T_OBJECT, .flags = BB_PTR, .shape = &PricedCdr),
};
BB_SHAPE(CdrCredited, credited, 0, "A credit CDR, and the CDR that stands for what it takes back.", credited_fields);

static bb_err answer_fault(bb_response *res, bb_err err, const struct cdr *credit, const struct cdr_fault *fault)
{
        bb_str text = bb_cstr(fault->text);

        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 404, "unknown-cdr", BB_STR("There is no priced CDR of this id."));
        if (fault->code == NULL)
                return err;
        if (fault->member[0] != '\0')
                bb_problem_field(res, bb_cstr(fault->member), text);
        if (err == BB_E_INVALID)
                return bb_problem(res, err, 422, fault->code, BB_STR("The replacement cannot be priced."));
        if (credit->id.ptr != NULL)
                text = bb_print("%s Its credit CDR is %.*s.", fault->text, BB_FMT(credit->id));
        return bb_problem(res, err, 409, fault->code, text);
}

BB_AWAIT bb_err cdr_credit_make(bb_request *req, bb_response *res)
{
        struct cdr_fault fault = {.code = NULL};
        struct credited out = {.present = 1};
        struct cdr credit, replacement;
        struct credit_request r;
        bb_err err;

        TRY(bb_request_decode(req, &CdrCreditRequest, &r, res));
        err = cdr_credit(bb_request_actor(req), bb_request_param(req, "id"), r.reason, r.replacement, &credit,
                         &replacement, &fault);
        if (err < 0)
                return answer_fault(res, err, &credit, &fault);
        TRY(out_of(&credit, &out.credit));
        if (r.replacement != NULL) {
                out.replacement = BB_NEW(struct cdr_out);
                TRY(out_of(&replacement, out.replacement));
        }
        bb_response_status(res, 201);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/cdrs/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(credit.id)));
        bb_response_shape(res, &CdrCredited, &out);
        return BB_OK;
}
