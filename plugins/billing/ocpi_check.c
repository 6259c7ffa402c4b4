/* SPDX-License-Identifier: Apache-2.0
 *
 * The remarks about a tariff.
 */
#include "ocpi_check.h"
#include <busbar/rt.h>

enum { MOST_REMARKS = 50 };

static const char *const severity_names[] = {"error", "warning", NULL};
static const struct bb_field remark_fields[] = {
        FIELD(ocpi_remark, severity, "severity", BB_T_ENUM, .flags = BB_REQUIRED, .values = severity_names),
        FIELD(ocpi_remark, path, "path", BB_T_STR, .flags = BB_REQUIRED, .about = "JSON pointer into the tariff."),
        FIELD(ocpi_remark, text, "text", BB_T_STR, .flags = BB_REQUIRED),
};
BB_SHAPE(TariffRemark, ocpi_remark, 0, "What is wrong with a tariff, or odd about it.", remark_fields);

static void remark(struct ocpi_remarks *r, int32_t severity, bb_str path, bb_str text)
{
        if (severity == 0)
                r->errors++;
        if (r->count >= MOST_REMARKS)
                return;
        if (r->items == NULL)
                r->items = BB_NEW_ARRAY(struct ocpi_remark, MOST_REMARKS);
        r->items[r->count++] = (struct ocpi_remark){.present = ~0ull, .severity = severity, .path = path, .text = text};
}

void remark_error(struct ocpi_remarks *r, bb_str path, bb_str text)
{
        remark(r, 0, path, text);
}

void remark_warning(struct ocpi_remarks *r, bb_str path, bb_str text)
{
        remark(r, 1, path, text);
}

static const char *const dimension_words[DIM_COUNT] = {"ENERGY", "TIME", "PARKING_TIME", "FLAT"};

static bb_str component_path(const struct tariff *t, size_t element, uint32_t component)
{
        return bb_print("/elements/%zu/price_components/%u", element, component - t->elements[element].first);
}

static void check_components(const struct tariff *t, size_t index, struct ocpi_remarks *r)
{
        const struct element *e = &t->elements[index];
        uint32_t seen = 0;

        for (uint32_t i = e->first; i < e->first + e->count; i++) {
                const struct component *c = &t->components[i];
                bb_str path = component_path(t, index, i);

                if (seen >> c->dimension & 1)
                        remark_error(r, path,
                                     bb_print("this element has a component of %s already: this one never counts",
                                              dimension_words[c->dimension]));
                seen |= 1u << c->dimension;
                if (c->price_micro < 0)
                        remark_error(r, bb_print("%.*s/price", BB_FMT(path)), BB_STR("must not be negative"));
                if (c->step < 0)
                        remark_error(r, bb_print("%.*s/step_size", BB_FMT(path)), BB_STR("must not be negative"));
                if (c->vat < 0)
                        remark_error(r, bb_print("%.*s/vat", BB_FMT(path)), BB_STR("must not be negative"));
                if (e->when.reservation != FOR_SESSION && c->dimension != DIM_FLAT && c->dimension != DIM_TIME)
                        remark_error(r, path, BB_STR("reservations have FLAT and TIME only"));
                if (t->tax == TAX_INCLUDED && !c->has_vat && c->price_micro != 0)
                        remark_warning(r, path,
                                       BB_STR("the price contains tax, but its rate is not told: it cannot be shown"));
        }
}

enum { RANGES = 5 };
struct range {
        uint32_t has_min, has_max; /* WHEN_…, where it is set */
        int64_t min, max;          /* of none: of everything */
        const char *max_name;
};

static struct range range_of(uint32_t set, uint32_t min_bit, uint32_t max_bit, int64_t min, int64_t max,
                             const char *max_name)
{
        return (struct range){.has_min = set & min_bit,
                              .has_max = set & max_bit,
                              .min = set & min_bit ? min : 0,
                              .max = set & max_bit ? max : INT64_MAX,
                              .max_name = max_name};
}

static void ranges_of(const struct when *w, struct range ret[RANGES])
{
        ret[0] = range_of(w->set, WHEN_MIN_ENERGY, WHEN_MAX_ENERGY, w->min_energy_mwh, w->max_energy_mwh, "max_kwh");
        ret[1] = range_of(w->set, WHEN_MIN_CURRENT, WHEN_MAX_CURRENT, w->min_current_ma, w->max_current_ma,
                          "max_current");
        ret[2] = range_of(w->set, WHEN_MIN_POWER, WHEN_MAX_POWER, w->min_power_w, w->max_power_w, "max_power");
        ret[3] = range_of(w->set, WHEN_MIN_DURATION, WHEN_MAX_DURATION, w->min_duration_ms, w->max_duration_ms,
                          "max_duration");
        ret[4] = range_of(w->set, WHEN_START_DATE, WHEN_END_DATE, w->start_day, w->end_day, "end_date");
}

static void check_when(const struct tariff *t, size_t index, struct ocpi_remarks *r)
{
        const struct when *w = &t->elements[index].when;
        bb_str path = bb_print("/elements/%zu/restrictions", index);
        struct range ranges[RANGES];

        ranges_of(w, ranges);
        for (size_t i = 0; i < RANGES; i++) {
                if (ranges[i].has_max && ranges[i].min >= ranges[i].max)
                        remark_error(r, bb_print("%.*s/%s", BB_FMT(path), ranges[i].max_name),
                                     BB_STR("nothing lies between the minimum and the maximum: this never applies"));
        }
        if ((w->set & (WHEN_START_TIME | WHEN_END_TIME)) == (WHEN_START_TIME | WHEN_END_TIME) &&
            w->start_minute == w->end_minute && w->start_minute != 0)
                remark_warning(r, bb_print("%.*s/end_time", BB_FMT(path)),
                               BB_STR("equals start_time, which OCPI leaves open: it is taken as the whole day"));
        if (w->set & WHEN_DAYS && w->set & WHEN_END_TIME && w->end_minute != 0 && w->end_minute < w->start_minute)
                remark_warning(r, bb_print("%.*s/day_of_week", BB_FMT(path)),
                               BB_STR("the window passes midnight: the hours after it count on their own weekday"));
}

/* Does `a` hold whenever `b` does? Where hours are in play only the same ones are known to. */
static int32_t covers(const struct when *a, const struct when *b)
{
        const uint32_t times = WHEN_START_TIME | WHEN_END_TIME;
        struct range outer[RANGES], inner[RANGES];

        if (a->reservation != b->reservation)
                return 0;
        if (a->set & times && ((a->set & times) != (b->set & times) || a->start_minute != b->start_minute ||
                               a->end_minute != b->end_minute))
                return 0;
        if (a->set & WHEN_DAYS && (!(b->set & WHEN_DAYS) || (b->days & ~a->days) != 0))
                return 0;
        ranges_of(a, outer);
        ranges_of(b, inner);
        for (size_t i = 0; i < RANGES; i++) {
                if ((outer[i].has_min && (!inner[i].has_min || inner[i].min < outer[i].min)) ||
                    (outer[i].has_max && (!inner[i].has_max || inner[i].max > outer[i].max)))
                        return 0;
        }
        return 1;
}

/* An earlier element that applies whenever a later one does hides what that says of the same dimension. */
static void check_hidden(const struct tariff *t, size_t index, struct ocpi_remarks *r)
{
        const struct element *e = &t->elements[index];
        uint32_t told = 0;

        for (size_t k = 0; k < index; k++) {
                const struct element *earlier = &t->elements[k];
                uint32_t shared = earlier->dimensions & e->dimensions & ~told;

                if (shared == 0 || !covers(&earlier->when, &e->when))
                        continue;
                told |= shared;
                for (uint32_t i = e->first; i < e->first + e->count; i++) {
                        if (!(shared >> t->components[i].dimension & 1))
                                continue;
                        remark_warning(r, component_path(t, index, i),
                                       bb_print("never applies: /elements/%zu %s", k,
                                                earlier->when.set == 0 ? "has no restrictions and comes first"
                                                                       : "applies whenever this does and comes first"));
                }
        }
}

/* A dimension that is priced under restrictions only is free whenever none of them holds. */
static void check_gaps(const struct tariff *t, struct ocpi_remarks *r)
{
        for (int32_t dimension = 0; dimension < DIM_FLAT; dimension++) {
                size_t first = t->element_count;
                int32_t always = 0;

                for (size_t i = 0; i < t->element_count; i++) {
                        const struct element *e = &t->elements[i];

                        if (e->when.reservation != FOR_SESSION || !(e->dimensions >> dimension & 1))
                                continue;
                        if (first == t->element_count)
                                first = i;
                        always |= e->when.set == 0;
                }
                if (first < t->element_count && !always)
                        remark_warning(r, bb_print("/elements/%zu", first),
                                       bb_print("%s has no element without restrictions: it is free where none applies",
                                                dimension_words[dimension]));
        }
}

/* Restrictions that a dimension cannot meet, and a tariff that says nothing of the session itself. */
static void check_claims(const struct tariff *t, struct ocpi_remarks *r)
{
        int32_t of_session = 0;

        for (size_t i = 0; i < t->element_count; i++) {
                const struct when *w = &t->elements[i].when;

                of_session |= w->reservation == FOR_SESSION;
                if (t->elements[i].dimensions == 1u << DIM_PARKING &&
                    ((w->set & WHEN_MIN_POWER && w->min_power_w > 0) ||
                     (w->set & WHEN_MIN_CURRENT && w->min_current_ma > 0)))
                        remark_warning(r, bb_print("/elements/%zu", i),
                                       BB_STR("PARKING_TIME is when no power is asked for: this never applies"));
        }
        if (!of_session)
                remark_warning(r, BB_STR("/elements"), BB_STR("all are of reservations: charging itself is free"));
}

static void check_limits(const struct tariff *t, struct ocpi_remarks *r)
{
        if (t->least.has_net && t->most.has_net && t->least.net_micro > t->most.net_micro)
                remark_error(r, BB_STR("/min_price"), BB_STR("is above max_price"));
        if (t->least.has_gross && t->most.has_gross && t->least.gross_micro > t->most.gross_micro)
                remark_error(r, BB_STR("/min_price"), BB_STR("is above max_price, with tax"));
}

void tariff_check(const struct tariff *t, struct ocpi_remarks *r)
{
        if (currency_decimals(bb_cstr(t->currency)) < 0)
                remark_error(r, BB_STR("/currency"), BB_STR("is no currency of ISO 4217"));
        for (size_t i = 0; i < t->element_count; i++) {
                check_components(t, i, r);
                check_when(t, i, r);
                check_hidden(t, i, r);
        }
        check_gaps(t, r);
        check_claims(t, r);
        check_limits(t, r);
}
