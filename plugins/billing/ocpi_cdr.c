/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of a CDR, and how its periods become the engine's.
 */
#include "ocpi_cdr.h"
#include <busbar/rt.h>

/* With those that say nothing about prices: FLAT is 2.1.1's, the last ones belong to sessions only. */
static const char *const volume_names[] = {"ENERGY",
                                           "TIME",
                                           "PARKING_TIME",
                                           "RESERVATION_TIME",
                                           "MIN_CURRENT",
                                           "MAX_CURRENT",
                                           "MIN_POWER",
                                           "MAX_POWER",
                                           "FLAT",
                                           "CURRENT",
                                           "POWER",
                                           "ENERGY_EXPORT",
                                           "ENERGY_IMPORT",
                                           "STATE_OF_CHARGE",
                                           NULL};

#define MILLIONTHS(struct_, member_, name_, ...)                                                                       \
        FIELD(struct_, member_, name_, BB_T_DECIMAL, .scale = 6, .min = -1000000000000000, .max = 1000000000000000,    \
              ##__VA_ARGS__)

static const struct bb_field volume_fields[] = {
        FIELD(ocpi_volume, type, "type", BB_T_ENUM, .flags = BB_REQUIRED, .values = volume_names),
        MILLIONTHS(ocpi_volume, volume, "volume", .flags = BB_REQUIRED),
};
static BB_SHAPE(CdrDimension, ocpi_volume, BB_SHAPE_OPEN, "OCPI CdrDimension.", volume_fields);

static const struct bb_field period_fields[] = {
        FIELD(ocpi_period, start_ms, "start_date_time", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(ocpi_period, dimensions, "dimensions", BB_T_ARRAY, .flags = BB_REQUIRED, .max = 50,
              .shape = &CdrDimension),
        FIELD(ocpi_period, tariff_id, "tariff_id", BB_T_STR, .flags = BB_NULLABLE, .max = 36),
};
BB_SHAPE(ChargingPeriod, ocpi_period, BB_SHAPE_OPEN, "OCPI ChargingPeriod.", period_fields);

static const struct bb_field tax_fields[] = {
        FIELD(ocpi_tax, name, "name", BB_T_STR, .flags = BB_NULLABLE),
        MILLIONTHS(ocpi_tax, amount, "amount", .flags = BB_REQUIRED),
};
static BB_SHAPE(CdrTax, ocpi_tax, BB_SHAPE_OPEN, "OCPI 2.3.0 TaxAmount.", tax_fields);

static const struct bb_field price_fields[] = {
        [PRICE_EXCL] = MILLIONTHS(ocpi_price, excl_vat, "excl_vat"),
        [PRICE_INCL] = MILLIONTHS(ocpi_price, incl_vat, "incl_vat", .flags = BB_NULLABLE),
        [PRICE_BEFORE] = MILLIONTHS(ocpi_price, before_taxes, "before_taxes"),
        [PRICE_TAXES] =
                FIELD(ocpi_price, taxes, "taxes", BB_T_ARRAY, .flags = BB_NULLABLE, .max = 50, .shape = &CdrTax),
};
BB_SHAPE(CdrPrice, ocpi_price, BB_SHAPE_OPEN, "OCPI Price.", price_fields);

#define COMMON(end_name_)                                                                                              \
        [CDR_CURRENCY] = FIELD(ocpi_cdr, currency, "currency", BB_T_STR, .flags = BB_REQUIRED, .min = 3, .max = 3),    \
        [CDR_START] = FIELD(ocpi_cdr, start_ms, "start_date_time", BB_T_TIME, .flags = BB_REQUIRED),                   \
        [CDR_END] = FIELD(ocpi_cdr, end_ms, end_name_, BB_T_TIME, .flags = BB_REQUIRED),                               \
        [CDR_TARIFFS] = FIELD(ocpi_cdr, tariffs, "tariffs", BB_T_ARRAY, .flags = BB_NULLABLE, .max = 50,               \
                              .shape = &OcpiForeignTariff),                                                            \
        [CDR_PERIODS] = FIELD(ocpi_cdr, periods, "charging_periods", BB_T_ARRAY, .flags = BB_REQUIRED, .min = 1,       \
                              .max = 20000, .shape = &ChargingPeriod),                                                 \
        [CDR_ENERGY] = MILLIONTHS(ocpi_cdr, energy_mwh, "total_energy", .flags = BB_REQUIRED),                         \
        [CDR_TIME] = MILLIONTHS(ocpi_cdr, time_uh, "total_time", .flags = BB_REQUIRED),                                \
        [CDR_PARKING] = MILLIONTHS(ocpi_cdr, parking_uh, "total_parking_time", .flags = BB_NULLABLE)
#define COST(which_, name_, ...)                                                                                       \
        FIELD(ocpi_cdr, costs[which_], name_, BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &CdrPrice)

static const struct bb_field cdr_fields[] = {
        COMMON("end_date_time"),
        FIELD(ocpi_cdr, costs[CLAIM_TOTAL], "total_cost", BB_T_OBJECT, .flags = BB_PTR | BB_REQUIRED,
              .shape = &CdrPrice),
        COST(CLAIM_FIXED, "total_fixed_cost"),
        COST(CLAIM_ENERGY, "total_energy_cost"),
        COST(CLAIM_TIME, "total_time_cost"),
        COST(CLAIM_PARKING, "total_parking_cost"),
        COST(CLAIM_RESERVATION, "total_reservation_cost"),
        FIELD(ocpi_cdr, credit, "credit", BB_T_BOOL, .flags = BB_NULLABLE),
};
BB_SHAPE(OcpiCdr, ocpi_cdr, BB_SHAPE_OPEN, "A CDR as OCPI 2.2.1 and 2.3.0 write it.", cdr_fields);

static const struct bb_field cdr_2_1_1_fields[] = {
        COMMON("stop_date_time"),
        MILLIONTHS(ocpi_cdr, cost_2_1_1, "total_cost", .flags = BB_REQUIRED),
};
BB_SHAPE(OcpiCdr211, ocpi_cdr, BB_SHAPE_OPEN, "A CDR as OCPI 2.1.1 writes it.", cdr_2_1_1_fields);

static const struct bb_field note_fields[] = {
        FIELD(cdr_note, code, "code", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(cdr_note, path, "path", BB_T_STR, .flags = BB_REQUIRED, .about = "JSON pointer into the CDR."),
        FIELD(cdr_note, text, "text", BB_T_STR, .flags = BB_REQUIRED),
};
BB_SHAPE(CdrNote, cdr_note, 0, "What is odd about a CDR.", note_fields);

/* --- claims --- */

static int64_t to_four(int64_t millionths)
{
        return (millionths + (millionths < 0 ? -50 : 50)) / 100;
}

struct claim ocpi_cdr_claim(const struct ocpi_cdr *cdr, int32_t version, int32_t which)
{
        const struct ocpi_price *p = cdr->costs[which];
        struct claim claim = {.has_net = 0};
        const struct ocpi_tax *taxes;
        int64_t gross;

        if (version == OCPI_2_1_1)
                return which == CLAIM_TOTAL ? (struct claim){.has_net = 1, .net = to_four(cdr->cost_2_1_1)} : claim;
        if (p == NULL)
                return claim;
        if (version == OCPI_2_2_1)
                return (struct claim){.has_net = (int32_t)BB_PRESENT(p, PRICE_EXCL),
                                      .net = to_four(p->excl_vat),
                                      .has_gross = (int32_t)BB_PRESENT(p, PRICE_INCL),
                                      .gross = to_four(p->incl_vat)};
        taxes = p->taxes.items;
        gross = p->before_taxes;
        for (size_t i = 0; i < p->taxes.count; i++)
                gross += taxes[i].amount;
        return (struct claim){.has_net = (int32_t)BB_PRESENT(p, PRICE_BEFORE),
                              .net = to_four(p->before_taxes),
                              .has_gross = p->taxes.count > 0,
                              .gross = to_four(gross)};
}

/* --- periods --- */

void cdr_note_add(struct cdr_notes *notes, const char *code, bb_str path, const char *text)
{
        enum { MOST = 100 };

        if (notes->count >= MOST)
                return;
        if (notes->items == NULL)
                notes->items = BB_NEW_ARRAY(struct cdr_note, MOST);
        notes->items[notes->count++] =
                (struct cdr_note){.present = ~0ull, .code = bb_cstr(code), .path = path, .text = bb_cstr(text)};
}

/* What a period's dimensions say together. */
struct volumes {
        int64_t energy_mwh, time_uh, parking_uh, reservation_uh;
        struct band current_ma, power_w;
        int32_t has_energy, has_time, has_parking, has_reservation;
};

/* One bound alone stands for both. */
static void take_bound(struct band *b, int64_t value, int32_t is_low)
{
        if (!b->has || is_low)
                b->low = value;
        if (!b->has || !is_low)
                b->high = value;
        b->has = 1;
}

static struct volumes volumes_of(const struct ocpi_period *p)
{
        const struct ocpi_volume *v = p->dimensions.items;
        struct volumes sum = {.has_energy = 0};

        for (size_t i = 0; i < p->dimensions.count; i++) {
                switch (v[i].type) {
                case VOLUME_ENERGY:
                        sum.energy_mwh += v[i].volume;
                        sum.has_energy = 1;
                        break;
                case VOLUME_TIME:
                        sum.time_uh += v[i].volume;
                        sum.has_time = 1;
                        break;
                case VOLUME_PARKING:
                        sum.parking_uh += v[i].volume;
                        sum.has_parking = 1;
                        break;
                case VOLUME_RESERVATION:
                        sum.reservation_uh += v[i].volume;
                        sum.has_reservation = 1;
                        break;
                case VOLUME_MIN_CURRENT:
                case VOLUME_MAX_CURRENT:
                        take_bound(&sum.current_ma, v[i].volume / 1000, v[i].type == VOLUME_MIN_CURRENT);
                        break;
                case VOLUME_MIN_POWER:
                case VOLUME_MAX_POWER:
                        take_bound(&sum.power_w, v[i].volume / 1000, v[i].type == VOLUME_MIN_POWER);
                        break;
                default:
                        break;
                }
        }
        return sum;
}

/* Hours on the wire have four decimals at best: within two seconds the clock is the better witness. */
static int64_t billed_ms(int64_t volume_uh, int64_t clock_ms, struct cdr_notes *notes, bb_str path)
{
        enum { WIRE_MS = 2000 };
        int64_t ms = (volume_uh * 36 + 5) / 10;
        int64_t gap = ms - clock_ms;

        if (gap <= WIRE_MS && gap >= -WIRE_MS)
                return clock_ms;
        cdr_note_add(notes, "time-differs", path,
                     "the volume of time is not the time between this period and the next");
        return ms;
}

struct cdr_reader {
        const struct ocpi_cdr *cdr;
        struct cdr_notes *notes;
        struct price_period *periods;
        size_t *sources; /* of which period of the CDR */
        size_t count, source;
        int32_t was_used; /* some period tells of a session: a reservation alone has expired */
};

static void add_period(struct cdr_reader *r, const struct volumes *v, int64_t start_ms, int64_t end_ms, int64_t time_ms,
                       int64_t energy_mwh, int32_t state)
{
        r->sources[r->count] = r->source;
        r->periods[r->count++] = (struct price_period){.start_ms = start_ms,
                                                       .end_ms = end_ms,
                                                       .time_ms = time_ms,
                                                       .energy_mwh = energy_mwh,
                                                       .current_ma = v->current_ma,
                                                       .power_w = v->power_w,
                                                       .state = state};
}

/* A period that names charging and parking both is two: charging comes first. */
static void read_mixed(struct cdr_reader *r, const struct volumes *v, int64_t start_ms, int64_t end_ms, bb_str path)
{
        int64_t charging_ms = (v->time_uh * 36 + 5) / 10, parking_ms = (v->parking_uh * 36 + 5) / 10;
        int64_t middle = start_ms + charging_ms;

        cdr_note_add(r->notes, "mixed-period", path,
                     "charging and parking in one period: charging is taken to come first");
        if (middle > end_ms)
                middle = end_ms;
        add_period(r, v, start_ms, middle, charging_ms, v->energy_mwh, PERIOD_CHARGING);
        add_period(r, v, middle, end_ms, parking_ms, 0, PERIOD_PARKING);
}

static void read_period(struct cdr_reader *r, const struct ocpi_period *p, int64_t end_ms, bb_str path)
{
        struct volumes v = volumes_of(p);
        int64_t clock_ms = end_ms - p->start_ms;

        if (v.has_reservation)
                add_period(r, &v, p->start_ms, end_ms, billed_ms(v.reservation_uh, clock_ms, r->notes, path), 0,
                           r->was_used ? PERIOD_RESERVED : PERIOD_EXPIRED);
        else if (v.has_time && v.has_parking && v.time_uh > 0 && v.parking_uh > 0)
                read_mixed(r, &v, p->start_ms, end_ms, path);
        else if (v.has_parking && v.parking_uh > 0)
                add_period(r, &v, p->start_ms, end_ms, billed_ms(v.parking_uh, clock_ms, r->notes, path), v.energy_mwh,
                           PERIOD_PARKING);
        else
                add_period(r, &v, p->start_ms, end_ms,
                           v.has_time ? billed_ms(v.time_uh, clock_ms, r->notes, path) : clock_ms, v.energy_mwh,
                           PERIOD_CHARGING);
        if (!v.has_reservation && !v.has_time && !v.has_parking)
                cdr_note_add(r->notes, "time-missing", path,
                             "no TIME and no PARKING_TIME: taken as charging all the while");
        if (v.energy_mwh < 0)
                cdr_note_add(r->notes, "energy-negative", path, "more energy went to the grid than to the vehicle");
}

bb_err ocpi_cdr_periods(const struct ocpi_cdr *cdr, struct price_period **ret, size_t *ret_count, size_t **ret_sources,
                        struct cdr_notes *notes)
{
        const struct ocpi_period *periods = cdr->periods.items;
        size_t count = cdr->periods.count;
        struct cdr_reader r = {.cdr = cdr,
                               .notes = notes,
                               .periods = BB_NEW_ARRAY(struct price_period, 2 * count),
                               .sources = BB_NEW_ARRAY(size_t, 2 * count)};

        for (size_t i = 0; i < count; i++) {
                struct volumes v = volumes_of(&periods[i]);

                r.was_used |= !v.has_reservation && (v.has_energy || v.has_time || v.has_parking);
        }
        if (periods[0].start_ms < cdr->start_ms)
                cdr_note_add(notes, "begins-early", BB_STR("/charging_periods/0"), "begins before start_date_time");
        for (size_t i = 0; i < count; i++) {
                int64_t end_ms = i + 1 < count ? periods[i + 1].start_ms : cdr->end_ms;
                bb_str path = bb_print("/charging_periods/%zu", i);

                if (end_ms < periods[i].start_ms) {
                        cdr_note_add(notes, "order", path, "begins after the one that follows, or after the end");
                        return BB_E_INVALID;
                }
                r.source = i;
                read_period(&r, &periods[i], end_ms, path);
        }
        *ret = r.periods;
        *ret_sources = r.sources;
        *ret_count = r.count;
        return BB_OK;
}
