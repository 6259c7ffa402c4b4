/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/prices/audit: somebody else's CDR, priced again, for disputes between roaming partners.
 */
#include "billing.h"
#include "ocpi_cdr.h"
#include "split.h"

struct audit_request {
        uint64_t present;
        int32_t version;
        bb_json *tariff, *cdr;
        bb_str time_zone;
};
enum { A_VERSION, A_TARIFF, A_CDR, A_TIME_ZONE };
static const struct bb_field request_fields[] = {
        [A_VERSION] = FIELD(audit_request, version, "version", BB_T_ENUM, .flags = BB_REQUIRED, .values = ocpi_versions,
                            .about = "Of OCPI, in which tariff and CDR are written."),
        [A_TARIFF] = FIELD(audit_request, tariff, "tariff", BB_T_JSON,
                           .about = "The Tariff object; the CDR's own when it has exactly one and this is absent."),
        [A_CDR] = FIELD(audit_request, cdr, "cdr", BB_T_JSON, .flags = BB_REQUIRED, .about = "The CDR object."),
        [A_TIME_ZONE] = FIELD(audit_request, time_zone, "time_zone", BB_T_STR, .max = 64,
                              .about = "Of the location, IANA; UTC when absent: a CDR does not tell."),
};
BB_SHAPE(CdrAuditRequest, audit_request, 0, "A CDR and its tariff.", request_fields);

/* A total of the CDR object. */
struct audit_total {
        uint64_t present;
        bb_str field;
        int32_t verdict;
        int64_t ours_net, ours_gross, claimed_net, claimed_gross, gap_net, gap_gross;
};
enum { VERDICT_EQUAL, VERDICT_ROUNDING, VERDICT_DIFFERENT, VERDICT_NOT_CLAIMED };
static const char *const verdict_names[] = {"equal", "rounding", "different", "not_claimed", NULL};
enum { S_FIELD, S_VERDICT, S_OURS, S_OURS_INCL, S_CLAIMED, S_CLAIMED_INCL, S_GAP, S_GAP_INCL };
#define FOUR(member_, name_, ...) FIELD(audit_total, member_, name_, BB_T_DECIMAL, .scale = 4, ##__VA_ARGS__)
static const struct bb_field total_fields[] = {
        [S_FIELD] = FIELD(audit_total, field, "field", BB_T_STR, .flags = BB_REQUIRED),
        [S_VERDICT] = FIELD(audit_total, verdict, "verdict", BB_T_ENUM, .flags = BB_REQUIRED, .values = verdict_names,
                            .about = "rounding: less than the currency's smallest unit apart."),
        [S_OURS] =
                FOUR(ours_net, "ours", .flags = BB_REQUIRED, .about = "Without VAT; kWh and hours for the quantities."),
        [S_OURS_INCL] = FOUR(ours_gross, "ours_incl_vat"),
        [S_CLAIMED] = FOUR(claimed_net, "claimed"),
        [S_CLAIMED_INCL] = FOUR(claimed_gross, "claimed_incl_vat"),
        [S_GAP] = FOUR(gap_net, "difference", .about = "Claimed less ours."),
        [S_GAP_INCL] = FOUR(gap_gross, "difference_incl_vat"),
};
static BB_SHAPE(AuditedTotal, audit_total, 0, "One total of the CDR, claimed and as we compute it.", total_fields);

struct audit {
        uint64_t present;
        int32_t agrees;
        struct bb_array totals, notes, remarks;
        struct account account;
};
static const struct bb_field audit_fields[] = {
        FIELD(audit, agrees, "agrees", BB_T_BOOL, .flags = BB_REQUIRED, .about = "No total is different."),
        FIELD(audit, totals, "totals", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &AuditedTotal),
        FIELD(audit, notes, "notes", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &CdrNote),
        FIELD(audit, remarks, "tariff_remarks", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &TariffRemark),
        FIELD(audit, account, "account", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &PriceAccount),
};
BB_SHAPE(CdrAudit, audit, 0, "A CDR priced again.", audit_fields);

/* --- reading --- */

static bb_err fault_below(bb_response *res, const char *member, const struct bb_fault *f)
{
        bb_problem_field(res, bb_print("/%s%.*s", member, BB_FMT(f->path)), f->text);
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed",
                          bb_print("The %s is not what OCPI says.", strcmp(member, "cdr") == 0 ? "CDR" : member));
}

static bb_err read_tariff(const struct audit_request *r, const struct ocpi_cdr *cdr, bb_response *res,
                          struct tariff *ret, struct ocpi_remarks *remarks)
{
        struct bb_fault fault;
        struct ocpi_tariff own;

        if (r->tariff != NULL) {
                if (bb_shape_decode(&OcpiForeignTariff, r->tariff, &own, &fault) < 0)
                        return fault_below(res, "tariff", &fault);
                return tariff_of_request(res, &own, r->version, BB_STR("/tariff"), ret, remarks);
        }
        if (cdr->tariffs.count != 1)
                return fault_below(res, "tariff",
                                   &(struct bb_fault){.path = BB_STR(""),
                                                      .text = BB_STR("is required: the CDR has none, or several")});
        return tariff_of_request(res, cdr->tariffs.items, r->version, BB_STR("/cdr/tariffs/0"), ret, remarks);
}

static bb_err read_cdr(const struct audit_request *r, bb_response *res, struct ocpi_cdr *ret)
{
        struct bb_fault fault;

        if (bb_shape_decode(r->version == OCPI_2_1_1 ? &OcpiCdr211 : &OcpiCdr, r->cdr, ret, &fault) < 0)
                return fault_below(res, "cdr", &fault);
        return BB_OK;
}

/* --- comparing --- */

/* Held within the range: claims may be absurd. */
static int64_t gap_of(int64_t claimed, int64_t ours)
{
        int64_t gap;

        if (__builtin_sub_overflow(claimed, ours, &gap))
                return claimed > ours ? INT64_MAX / 2 : INT64_MIN / 2;
        return gap;
}

/* Both are ten-thousandths; `unit` is the smallest unit of what is compared, in the same. */
static int32_t verdict_of(int64_t ours, int64_t claimed, int64_t unit)
{
        int64_t gap = gap_of(claimed, ours);

        if (gap == 0 ||
            (claimed % unit == 0 && gap <= unit / 2 && gap >= -unit / 2)) /* the claim is ours, rounded to the unit */
                return VERDICT_EQUAL;
        return gap < unit && gap > -unit ? VERDICT_ROUNDING : VERDICT_DIFFERENT;
}

static int64_t unit_of(bb_str currency)
{
        int64_t unit = 10000;

        for (int32_t i = 0; i < currency_decimals(currency); i++)
                unit /= 10;
        return unit;
}

static void compare_cost(struct audit_total *t, const struct claim *claim, const struct amount *ours, int64_t unit)
{
        int32_t with_tax = amount_has_tax(ours);

        t->ours_net = ours->excl_vat;
        t->present |= 1u << S_FIELD | 1u << S_VERDICT | 1u << S_OURS;
        if (with_tax) {
                t->ours_gross = ours->incl_vat;
                t->present |= 1u << S_OURS_INCL;
        }
        t->verdict = VERDICT_NOT_CLAIMED;
        if (!claim->has_net)
                return;
        t->claimed_net = claim->net;
        t->gap_net = gap_of(claim->net, ours->excl_vat);
        t->present |= 1u << S_CLAIMED | 1u << S_GAP;
        t->verdict = verdict_of(ours->excl_vat, claim->net, unit);
        if (!claim->has_gross)
                return;
        t->claimed_gross = claim->gross;
        t->present |= 1u << S_CLAIMED_INCL;
        if (!with_tax)
                return;
        t->gap_gross = gap_of(claim->gross, ours->incl_vat);
        t->present |= 1u << S_GAP_INCL;
        if (verdict_of(ours->incl_vat, claim->gross, unit) > t->verdict)
                t->verdict = verdict_of(ours->incl_vat, claim->gross, unit);
}

static void compare_quantity(struct audit_total *t, const char *field, int32_t claimed_is_there, int64_t claimed,
                             int64_t ours, int64_t unit)
{
        t->field = bb_cstr(field);
        t->ours_net = ours;
        t->present = 1u << S_FIELD | 1u << S_VERDICT | 1u << S_OURS;
        t->verdict = VERDICT_NOT_CLAIMED;
        if (!claimed_is_there)
                return;
        t->claimed_net = claimed;
        t->gap_net = gap_of(claimed, ours);
        t->present |= 1u << S_CLAIMED | 1u << S_GAP;
        t->verdict = verdict_of(ours, claimed, unit);
}

/* A credit CDR negates its total_cost, and nothing else (§mod_cdrs_credit_cdrs). */
static struct bb_array compare(const struct ocpi_cdr *cdr, int32_t version, const struct account *a)
{
        static const char *const names[CLAIM_COUNT] = {"total_cost",         "total_fixed_cost",
                                                       "total_energy_cost",  "total_time_cost",
                                                       "total_parking_cost", "total_reservation_cost"};
        enum { QUANTITY_UNIT = 10, HOUR_MS = 3600000 };
        const struct amount *ours[CLAIM_COUNT] = {&a->total, &a->fixed,   &a->energy,
                                                  &a->time,  &a->parking, &a->reservation};
        struct amount credit = amount_negated(a->total);
        struct audit_total *totals = BB_NEW_ARRAY(struct audit_total, CLAIM_COUNT + 3);
        size_t count = 0;

        if (cdr->credit)
                ours[CLAIM_TOTAL] = &credit;
        for (int32_t i = 0; i < CLAIM_COUNT; i++) {
                struct claim claim = ocpi_cdr_claim(cdr, version, i);

                if (i > CLAIM_TOTAL && (version == OCPI_2_1_1 || cdr->credit))
                        break;
                totals[count].field = bb_cstr(names[i]);
                compare_cost(&totals[count++], &claim, ours[i], unit_of(a->currency));
        }
        compare_quantity(&totals[count++], "total_energy", 1, (cdr->energy_mwh + 50) / 100, (a->energy_mwh + 50) / 100,
                         QUANTITY_UNIT);
        compare_quantity(&totals[count++], "total_time", 1, (cdr->time_uh + 50) / 100,
                         (a->time_ms * 10000 + HOUR_MS / 2) / HOUR_MS, QUANTITY_UNIT);
        compare_quantity(&totals[count++], "total_parking_time", (int32_t)BB_PRESENT(cdr, CDR_PARKING),
                         (cdr->parking_uh + 50) / 100, (a->parking_ms * 10000 + HOUR_MS / 2) / HOUR_MS, QUANTITY_UNIT);
        return (struct bb_array){.items = totals, .count = count};
}

/* A period in which another component comes into force should have been two; it is priced by its beginning, as the
 * specification says, and told. */
static bb_err note_crossings(const struct price_session *session, const size_t *sources, struct cdr_notes *notes)
{
        uint8_t *crosses = bb_alloc(session->period_count + 1);

        TRY(price_crossings(session, crosses));
        for (size_t i = 0; i < session->period_count; i++) {
                if (crosses[i])
                        cdr_note_add(notes, "crosses-price", bb_print("/charging_periods/%zu", sources[i]),
                                     "another price comes into force within this period: it is priced by its start");
        }
        return BB_OK;
}

bb_err cdr_audit(bb_request *req, bb_response *res)
{
        static const struct price_policy policy = {.missing_vat = VAT_MISSING_NONE};
        struct ocpi_remarks remarks = {.count = 0};
        struct cdr_notes notes = {.count = 0};
        struct price_session session = {.offset_s = zone_offset_s};
        struct price_period *periods;
        struct audit_request r;
        size_t *sources;
        struct audit audit = {.present = ~0ull, .agrees = 1};
        const struct audit_total *totals;
        struct tariff tariff;
        const bb_zone *zone;
        struct ocpi_cdr cdr;

        TRY(bb_request_decode(req, &CdrAuditRequest, &r, res));
        TRY(zone_of_request(res, r.time_zone, &zone));
        TRY(read_cdr(&r, res, &cdr));
        TRY(read_tariff(&r, &cdr, res, &tariff, &remarks));
        if (!bb_str_is(cdr.currency, tariff.currency))
                return fault_below(res, "cdr",
                                   &(struct bb_fault){.path = BB_STR("/currency"),
                                                      .text = BB_STR("is not the currency of the tariff")});
        if (ocpi_cdr_periods(&cdr, &periods, &session.period_count, &sources, &notes) < 0)
                return fault_below(res, "cdr",
                                   &(struct bb_fault){.path = notes.items[notes.count - 1].path,
                                                      .text = notes.items[notes.count - 1].text});
        session.tariff = &tariff;
        session.zone = zone;
        session.periods = periods;
        TRY(price_answer(res, note_crossings(&session, sources, &notes), "/cdr/charging_periods"));
        TRY(price_answer(res, account_make(&session, &policy, &audit.account), "/cdr/charging_periods"));
        audit.totals = compare(&cdr, r.version, &audit.account);
        totals = audit.totals.items;
        for (size_t i = 0; i < audit.totals.count; i++)
                audit.agrees &= totals[i].verdict != VERDICT_DIFFERENT;
        audit.notes = (struct bb_array){.items = notes.items, .count = notes.count};
        audit.remarks = (struct bb_array){.items = remarks.items, .count = remarks.count};
        bb_response_shape(res, &CdrAudit, &audit);
        return BB_OK;
}
