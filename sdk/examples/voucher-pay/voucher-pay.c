/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: a payment provider. Drivers pay with voucher codes that an operator sells: a page of the provider's own
 * takes the code and holds the amount; capture, release and refund move it. Everything is one row per payment, found by
 * the caller's reference, so a repeated call finds what the first one did (see busbar/payment.h).
 */
#include <busbar/payment.h>
#include <busbar/plugin.h>

static const struct bb_migration migrations[] = {
        {.version = 1,
         .name = "vouchers",
         .sql = "create table voucher_pay.voucher ("
                " tenant_id text not null default current_setting('busbar.tenant'), code text not null,"
                " currency text not null, balance_minor bigint not null check (balance_minor >= 0),"
                " primary key (tenant_id, code));"
                "create table voucher_pay.payment ("
                " tenant_id text not null default current_setting('busbar.tenant'), reference text not null,"
                " code text, state int not null, currency text not null, amount_minor bigint not null check "
                "(amount_minor > 0),"
                " held_minor bigint not null default 0, captured_minor bigint not null default 0,"
                " refunded_minor bigint not null default 0, description text, return_url text,"
                " primary key (tenant_id, reference),"
                " foreign key (tenant_id, code) references voucher_pay.voucher);"
                "select core.tenant_protect('voucher_pay.voucher');"
                "select core.tenant_protect('voucher_pay.payment');"},
};

/* --- the contract payment/1 --- */

static BB_AWAIT bb_err lookup(bb_tenant *tenant, bb_str reference, struct bb_payment *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select state, held_minor, captured_minor, refunded_minor, code from voucher_pay.payment "
                        "where reference = $1",
                        BB_TEXT(reference)));
        *ret = (struct bb_payment){.size = sizeof(*ret), .state = BB_PAYMENT_NONE};
        if (bb_rows_count(rows) == 0)
                return BB_OK;
        ret->state = (int32_t)bb_row_int(rows, 0, 0, 0);
        ret->held_minor = bb_row_int(rows, 0, 1, 0);
        ret->captured_minor = bb_row_int(rows, 0, 2, 0);
        ret->refunded_minor = bb_row_int(rows, 0, 3, 0);
        ret->provider_id = bb_row_str(rows, 0, 4);
        if (ret->state == BB_PAYMENT_REDIRECT)
                ret->redirect_url = bb_print("%.*s/pay/voucher/%.*s", BB_FMT(bb_tenant_option(tenant, "base_url")),
                                             BB_FMT(reference));
        return BB_OK;
}

static BB_AWAIT bb_err hold(bb_tenant *tenant, const struct bb_payment_request *request, struct bb_payment *ret)
{
        if (request->amount_minor <= 0)
                return BB_E_INVALID;
        TRY(bb_db_query(
                NULL,
                "insert into voucher_pay.payment (reference, state, currency, amount_minor, description, return_url) "
                "values ($1, $2::int, $3, $4, $5, $6) on conflict do nothing",
                BB_TEXT(request->reference), BB_INT(BB_PAYMENT_REDIRECT), BB_TEXT(request->currency),
                BB_INT(request->amount_minor), BB_TEXT(request->description), BB_TEXT(request->return_url)));
        return lookup(tenant, request->reference, ret);
}

/* A move is an update that only fits the state before it, together with the change of the voucher's balance: run twice
 * it does nothing the second time, and lookup() tells the caller what is. */
static BB_AWAIT bb_err capture(bb_tenant *tenant, const struct bb_payment_request *request, struct bb_payment *ret)
{
        TRY(bb_db_query(
                NULL,
                "with p as (update voucher_pay.payment set state = $3::int, captured_minor = $2, held_minor = 0 "
                "  where reference = $1 and state = $4::int and $2 between 0 and held_minor returning code, "
                "amount_minor) "
                "update voucher_pay.voucher v set balance_minor = balance_minor + p.amount_minor - $2 from p "
                "where v.code = p.code",
                BB_TEXT(request->reference), BB_INT(request->amount_minor), BB_INT(BB_PAYMENT_CAPTURED),
                BB_INT(BB_PAYMENT_HELD)));
        return lookup(tenant, request->reference, ret);
}

static BB_AWAIT bb_err release(bb_tenant *tenant, bb_str reference, struct bb_payment *ret)
{
        TRY(bb_db_query(NULL,
                        "with p as (update voucher_pay.payment set state = $2::int, held_minor = 0 "
                        "  where reference = $1 and state = $3::int returning code, amount_minor) "
                        "update voucher_pay.voucher v set balance_minor = balance_minor + p.amount_minor from p "
                        "where v.code = p.code",
                        BB_TEXT(reference), BB_INT(BB_PAYMENT_RELEASED), BB_INT(BB_PAYMENT_HELD)));
        return lookup(tenant, reference, ret);
}

static BB_AWAIT bb_err refund(bb_tenant *tenant, const struct bb_payment_request *request, struct bb_payment *ret)
{
        TRY(bb_db_query(
                NULL,
                "with p as (update voucher_pay.payment set state = $3::int, refunded_minor = $2 "
                "  where reference = $1 and state = $4::int and $2 between 1 and captured_minor returning code) "
                "update voucher_pay.voucher v set balance_minor = balance_minor + $2 from p where v.code = p.code",
                BB_TEXT(request->reference), BB_INT(request->amount_minor), BB_INT(BB_PAYMENT_REFUNDED),
                BB_INT(BB_PAYMENT_CAPTURED)));
        return lookup(tenant, request->reference, ret);
}

static const struct bb_payment_ops payment_ops = {.size = sizeof(payment_ops),
                                                  .display_name = "Voucher",
                                                  .hold = hold,
                                                  .capture = capture,
                                                  .release = release,
                                                  .refund = refund,
                                                  .lookup = lookup};

/* --- the operator's side: selling vouchers --- */

struct voucher {
        uint64_t present;
        bb_str code, currency;
        int64_t balance_minor;
};
#define AT(member) .offset = offsetof(struct voucher, member)
static const struct bb_field voucher_fields[] = {
        {.name = "code", .type = BB_T_STR, .flags = BB_READONLY, AT(code)},
        {.name = "currency", .type = BB_T_STR, .flags = BB_REQUIRED, AT(currency), .min = 3, .max = 3},
        {.name = "balance_minor", .type = BB_T_INT, .flags = BB_REQUIRED, AT(balance_minor), .min = 1, .max = 1000000},
};
static BB_SHAPE(Voucher, voucher, 0, "A prepaid voucher; the balance is in minor units.", voucher_fields);

static BB_AWAIT bb_err voucher_read(bb_request *req, bb_response *res)
{
        struct voucher voucher = {.code = bb_request_param(req, "code")};
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select currency, balance_minor from voucher_pay.voucher where code = $1",
                        BB_TEXT(voucher.code)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        voucher.currency = bb_row_str(rows, 0, 0);
        voucher.balance_minor = bb_row_int(rows, 0, 1, 0);
        bb_response_shape(res, &Voucher, &voucher);
        return BB_OK;
}

static BB_AWAIT bb_err voucher_sell(bb_request *req, bb_response *res)
{
        struct voucher voucher;
        bb_str code = bb_request_param(req, "code");
        bb_err err;

        TRY(bb_request_decode(req, &Voucher, &voucher, res));
        struct bb_stmt stmts[] = {
                BB_STMT("insert into voucher_pay.voucher (code, currency, balance_minor) values ($1, $2, $3)",
                        BB_TEXT(code), BB_TEXT(voucher.currency), BB_INT(voucher.balance_minor)),
                bb_audit_stmt(bb_request_actor(req), "voucher.sell", code, BB_NONE),
        };
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_EXISTS)
                return bb_problem(res, err, 409, "voucher-sold", BB_STR("This code was sold already."));
        TRY(err);
        bb_response_status(res, 201);
        return voucher_read(req, res);
}

/* --- the driver's side: a page that takes the code --- */

static bb_err page(bb_response *res, int32_t status, const char *text)
{
        bb_response_status(res, status);
        bb_response_header(res, "Content-Security-Policy", BB_STR("default-src 'none'; form-action 'self'"));
        bb_response_bytes(
                res, "text/html; charset=utf-8",
                bb_print("<!doctype html><html lang=en><title>Pay with a voucher</title><h1>Pay with a voucher</h1>"
                         "<p>%s</p><form method=post><label>Code <input name=code required maxlength=40></label> "
                         "<button>Pay</button></form></html>",
                         text));
        return BB_OK;
}

static BB_AWAIT bb_err pay_page(bb_request *req, bb_response *res)
{
        struct bb_payment payment;

        TRY(lookup(bb_task_tenant(), bb_request_param(req, "reference"), &payment));
        return payment.state == BB_PAYMENT_NONE ? BB_E_NOT_FOUND : page(res, 200, "Enter the code of your voucher.");
}

static BB_AWAIT bb_err pay_submit(bb_request *req, bb_response *res)
{
        bb_str body = bb_request_body(req), code;
        bb_rows *rows;

        if (body.len < 6 || memcmp(body.ptr, "code=", 5) != 0)
                return page(res, 400, "The code is missing.");
        code = (bb_str){.ptr = body.ptr + 5, .len = body.len - 5};
        TRY(bb_db_query(
                &rows,
                "with v as (update voucher_pay.voucher v set balance_minor = v.balance_minor - p.amount_minor "
                "  from voucher_pay.payment p where p.reference = $1 and p.state = $3::int and v.code = $2 "
                "  and v.currency = p.currency and v.balance_minor >= p.amount_minor returning v.code) "
                "update voucher_pay.payment p set code = v.code, state = $4::int, held_minor = amount_minor from v "
                "where p.reference = $1 returning return_url",
                BB_TEXT(bb_request_param(req, "reference")), BB_TEXT(code), BB_INT(BB_PAYMENT_REDIRECT),
                BB_INT(BB_PAYMENT_HELD)));
        if (bb_rows_count(rows) == 0)
                return page(res, 409, "This voucher is unknown, or its balance is too small.");
        bb_response_status(res, 303);
        bb_response_header(res, "Location", bb_row_str(rows, 0, 0));
        return BB_OK;
}

/* A way to try the contract without billing: POST /v1/voucher-payments/{reference}/{step}. */
struct step {
        uint64_t present;
        int64_t amount_minor;
        bb_str currency, return_url;
};
#undef AT
#define AT(member) .offset = offsetof(struct step, member)
static const struct bb_field step_fields[] = {
        {.name = "amount_minor", .type = BB_T_INT, AT(amount_minor), .min = 0, .max = 1000000},
        {.name = "currency", .type = BB_T_STR, AT(currency), .min = 3, .max = 3, .fallback = "EUR"},
        {.name = "return_url", .type = BB_T_STR, AT(return_url), .max = 2000, .fallback = "/"},
};
static BB_SHAPE(PaymentStep, step, 0, "One step of a payment.", step_fields);

static BB_AWAIT bb_err payment_step(bb_request *req, bb_response *res)
{
        struct step body;
        struct bb_payment payment;
        bb_str name = bb_request_param(req, "step");
        bb_json *answer = bb_json_new_object();

        TRY(bb_request_decode(req, &PaymentStep, &body, res));
        struct bb_payment_request request = {.size = sizeof(request),
                                             .reference = bb_request_param(req, "reference"),
                                             .amount_minor = body.amount_minor,
                                             .currency = body.currency,
                                             .return_url = body.return_url};

        if (bb_str_is(name, "hold"))
                TRY(hold(bb_task_tenant(), &request, &payment));
        else if (bb_str_is(name, "capture"))
                TRY(capture(bb_task_tenant(), &request, &payment));
        else if (bb_str_is(name, "release"))
                TRY(release(bb_task_tenant(), request.reference, &payment));
        else if (bb_str_is(name, "refund"))
                TRY(refund(bb_task_tenant(), &request, &payment));
        else if (bb_str_is(name, "lookup"))
                TRY(lookup(bb_task_tenant(), request.reference, &payment));
        else
                return BB_E_NOT_FOUND;
        bb_json_set_int(answer, "state", payment.state);
        bb_json_set_int(answer, "held_minor", payment.held_minor);
        bb_json_set_int(answer, "captured_minor", payment.captured_minor);
        bb_json_set_int(answer, "refunded_minor", payment.refunded_minor);
        bb_json_set_str(answer, "redirect_url", payment.redirect_url);
        bb_response_json(res, answer);
        return BB_OK;
}

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/vouchers/{code}",
         .permission = "vouchers:read",
         .handle = voucher_read,
         .response = &Voucher,
         .summary = "A voucher and its balance"},
        {.method = "POST",
         .path = "/v1/vouchers/{code}",
         .permission = "vouchers:write",
         .handle = voucher_sell,
         .request = &Voucher,
         .response = &Voucher,
         .status = 201,
         .summary = "Sells a voucher"},
        {.method = "POST",
         .path = "/v1/voucher-payments/{reference}/{step}",
         .permission = "vouchers:write",
         .handle = payment_step,
         .request = &PaymentStep,
         .summary = "One step of a payment: hold, capture, release, refund, lookup"},
        {.method = "GET", .path = "/pay/voucher/{reference}", .handle = pay_page, .flags = BB_ROUTE_HIDDEN},
        {.method = "POST",
         .path = "/pay/voucher/{reference}",
         .handle = pay_submit,
         .flags = BB_ROUTE_HIDDEN | BB_ROUTE_RAW_BODY,
         .max_body = 1024},
};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = NULL;
        TRY(bb_db_migrations(migrations, BB_COUNT(migrations)));
        TRY(bb_provide("payment/1", &payment_ops));
        return bb_http_routes(routes, BB_COUNT(routes));
}

BB_PLUGIN(load, .name = "voucher-pay", .version = "1.0", .vendor = "Busbar examples", .license = "Apache-2.0");
