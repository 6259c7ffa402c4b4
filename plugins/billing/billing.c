/* SPDX-License-Identifier: Apache-2.0
 *
 * Prices: what the plugin offers, and where it is.
 *
 *      money.c          exact amounts
 *      tariff.c         which price component is in force
 *      price.c          the engine: periods become an account
 *      split.c          what was used becomes periods
 *      account.c        an account in decimals
 *      ocpi_tariff.c    tariffs as OCPI writes them; ocpi_check.c what is wrong with one; currency.c
 *      ocpi_cdr.c       CDRs as OCPI writes them
 *      versioned.c      documents that are kept in versions: tariffs_api.c, contracts_api.c
 *      preview.c        what a session would cost; preview_price.c
 *      pricing.c        the same and more for other plugins
 *      audit.c          what somebody else's CDR should have cost
 *      contract*.c      contracts: terms, rules (contract_rule.c), which one wins; explain.c says why
 *      limits.c         how far a session may go; limit_arm.c from its start on; limit_act.c what happens then
 *      quota.c          what all sessions of a period may use; access.c who is refused; quotas_api.c what is left
 *      usage.c          samples and states become stretches of even power
 *      session_price.c  what a session costs; session_usage.c what was used in it
 *      cdr_settle.c     the CDR that is kept of it, cdr_reservation.c or of a reservation that expired
 *      cdr_document.c   how it is written (cdr_facts.c who and where, cdr_signed.c signed meter values)
 *      cdr_store.c cdrs_api.c           CDRs kept and shown; cdr_credit.c taking one back
 *      follow.c         what the domain tells: starts, states, CDRs
 */
#include <busbar/access.h>
#include <busbar/pricing.h>
#include <stdlib.h>

#include "billing.h"
#include "cdr.h"
#include "contract.h"
#include "follow.h"
#include "limits.h"
#include <busbar/dataset.h>

const struct bb_charging_ops *charging;
extern const struct bb_pricing_ops pricing_ops BB_HIDDEN;      /* pricing.c */
extern const struct bb_dataset_ops billing_datasets BB_HIDDEN; /* dataset.c */

int32_t zone_offset_s(const void *zone, int64_t at_ms)
{
        return bb_zone_offset(zone, at_ms);
}

bb_err zone_of_request(bb_response *res, bb_str name, const bb_zone **ret)
{
        if (bb_zone_open(name.len > 0 ? name : BB_STR("UTC"), ret) == BB_OK)
                return BB_OK;
        bb_problem_field(res, BB_STR("/time_zone"), BB_STR("must be the IANA name of a time zone: Europe/Berlin"));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("No such time zone."));
}

bb_err tariff_of_request(bb_response *res, const struct ocpi_tariff *from, int32_t version, bb_str path,
                         struct tariff *ret, struct ocpi_remarks *remarks)
{
        if (ocpi_tariff_compile(from, version, ret, remarks) == BB_OK)
                return BB_OK;
        for (size_t i = 0; i < remarks->count; i++) {
                if (remarks->items[i].severity == 0)
                        bb_problem_field(res, bb_print("%.*s%.*s", BB_FMT(path), BB_FMT(remarks->items[i].path)),
                                         remarks->items[i].text);
        }
        return bb_problem(res, BB_E_INVALID, 422, "tariff-not-computable", BB_STR("The tariff cannot be computed."));
}

bb_err price_answer(bb_response *res, bb_err err, const char *pointer)
{
        if (err != BB_E_LIMIT)
                return err;
        if (pointer != NULL)
                bb_problem_field(res, bb_cstr(pointer),
                                 BB_STR("comes to an amount that is too large, or takes too long"));
        return bb_problem(res, err, 422, "price-out-of-range",
                          BB_STR("This cannot be priced: the amounts are too large, or it takes too long."));
}

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/tariffs",
         .permission = "tariffs:read",
         .handle = tariffs_list,
         .summary = "Tariffs, by id",
         .flags = BB_ROUTE_LIST,
         .response = &Tariff},
        {.method = "GET",
         .path = "/v1/tariffs/{id}",
         .permission = "tariffs:read",
         .handle = tariff_read,
         .summary = "One tariff",
         .response = &Tariff},
        {.method = "PUT",
         .path = "/v1/tariffs/{id}",
         .permission = "tariffs:write",
         .handle = tariff_write,
         .summary = "Saves a tariff as a new version; sessions keep the version with which they began",
         .request = &OcpiTariff,
         .response = &Tariff},
        {.method = "DELETE",
         .path = "/v1/tariffs/{id}",
         .permission = "tariffs:write",
         .handle = tariff_remove,
         .summary = "Takes a tariff out of use; its versions stay for the sessions that had them",
         .status = 204},
        {.method = "POST",
         .path = "/v1/tariffs/check",
         .permission = "tariffs:read",
         .handle = tariff_try,
         .summary = "What is wrong with a tariff, or odd about it, without saving it",
         .request = &OcpiTariff,
         .response = &TariffTried},
        {.method = "POST",
         .path = "/v1/prices/preview",
         .permission = "prices:read",
         .handle = preview_make,
         .summary = "What a session would cost, line by line",
         .request = &PreviewRequest,
         .response = &Preview},
        {.method = "POST",
         .path = "/v1/prices/audit",
         .permission = "prices:read",
         .handle = cdr_audit,
         .summary = "Prices somebody else's CDR by its tariff, and names each difference",
         .request = &CdrAuditRequest,
         .response = &CdrAudit},
        {.method = "GET",
         .path = "/v1/contracts",
         .permission = "contracts:read",
         .handle = contracts_list,
         .summary = "Contracts, by id",
         .flags = BB_ROUTE_LIST,
         .response = &Contract},
        {.method = "GET",
         .path = "/v1/contracts/{id}",
         .permission = "contracts:read",
         .handle = contract_read,
         .summary = "One contract",
         .response = &Contract},
        {.method = "PUT",
         .path = "/v1/contracts/{id}",
         .permission = "contracts:write",
         .handle = contract_write,
         .summary = "Saves a contract as a new version; 409 when one of its rules could tie with another contract's",
         .request = &ContractTerms,
         .response = &Contract},
        {.method = "DELETE",
         .path = "/v1/contracts/{id}",
         .permission = "contracts:write",
         .handle = contract_remove,
         .summary = "Ends a contract; sessions that began under it keep its terms",
         .status = 204},
        {.method = "GET",
         .path = "/v1/prices/explain",
         .permission = "prices:read",
         .handle = price_explain,
         .summary = "Which contract would give a session its price, and why the others do not",
         .response = &PriceExplained,
         BB_QUERY(explain_query)},
        {.method = "GET",
         .path = "/v1/quotas",
         .permission = "contracts:read",
         .handle = quotas_list,
         .summary = "What a token has used and has left of the quotas of its contracts",
         .response = &Quotas,
         BB_QUERY(quotas_query)},
        {.method = "GET",
         .path = "/v1/sessions/{id}/price",
         .permission = "prices:read",
         .handle = session_price_read,
         .summary = "What a session costs so far or cost in the end, line by line",
         .response = &SessionPrice},
        {.method = "GET",
         .path = "/v1/cdrs/{id}",
         .permission = "prices:read",
         .handle = cdr_read,
         .summary = "A priced CDR, as it was written",
         .response = &PricedCdr},
        {.method = "POST",
         .path = "/v1/cdrs/{id}/credit",
         .permission = "cdrs:credit",
         .handle = cdr_credit_make,
         .summary = "Takes a CDR back by a credit CDR, once, and prices its session anew when that is asked for",
         .request = &CdrCreditRequest,
         .response = &CdrCredited,
         .flags = BB_ROUTE_IDEMPOTENT,
         .status = 201},
};

static const char *const needs[] = {"charging/1", NULL};

static const struct bb_field option_fields[] = {
        FIELD(billing_options, default_tariff, "default_tariff", BB_T_STR, .min = 1, .max = 36,
              .about = "The id of the tariff for sessions that no other rule has a price for."),
};
static BB_SHAPE(billing_options_shape, billing_options, 0, "Options of the plugin billing.", option_fields);

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        charging = bb_require("charging/1", sizeof(*charging));
        if (charging == NULL)
                return BB_E_UNSUPPORTED;
        TRY(bb_event_subscribe("session.started", follow_started));
        TRY(bb_event_subscribe("connector.status", follow_status));
        TRY(bb_event_subscribe("session.ended", follow_ended));
        TRY(bb_event_subscribe("session.closed_by_rule", follow_ended));
        TRY(bb_event_subscribe("session.settled", follow_ended));
        TRY(bb_event_subscribe("cdr.created", follow_cdr));
        TRY(bb_event_subscribe("reservation.expired", follow_expired));
        TRY(bb_provide("access/1", &access_ops));
        TRY(bb_db_migrations(schema_migrations, schema_migration_count));
        TRY(bb_provide("dataset/1", &billing_datasets));
        TRY(bb_http_routes(routes, BB_COUNT(routes)));
        TRY(bb_provide("pricing/1", &pricing_ops));
        *ret_self = NULL;
        return BB_OK;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        struct billing_tenant *t = calloc(1, sizeof(*t));

        (void)self;
        if (t == NULL)
                return BB_E_LIMIT;
        t->options = *(const struct billing_options *)config;
        t->restricts = 1; /* until it is known better */
        (void)access_renew(t);
        (void)bb_timer_new(tenant, "billing.access", 60000, 60000, access_tick, t);
        (void)bb_timer_new(tenant, "billing.forget", 3600000, 3600000, follow_forget, NULL); /* ends with the tenant */
        (void)bb_timer_new(tenant, "billing.limits", 1000, 1000, limits_tick, NULL);
        *ret_state = t;
        return BB_OK;
}

static BB_AWAIT void tenant_stop(void *self, void *state)
{
        (void)self;
        free(state);
}

BB_PLUGIN(load, .name = "billing", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0", .needs = needs,
          .options = &billing_options_shape, .tenant_config_size = sizeof(struct billing_options),
          .tenant_start = tenant_start, .tenant_stop = tenant_stop);
