/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of an OCPI tariff (§mod_tariffs), and how it becomes the engine's.
 */
#include "ocpi.h"
#include "ocpi_check.h"
#include <busbar/rt.h>

const char *const ocpi_versions[] = {"2.1.1", "2.2.1", "2.3.0", NULL};

static const char *const dimension_names[] = {"ENERGY", "TIME", "PARKING_TIME", "FLAT", NULL}; /* DIM_… */
static const char *const day_names[] = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                        "FRIDAY", "SATURDAY", "SUNDAY",    NULL};
static const char *const reservation_names[] = {"RESERVATION", "RESERVATION_EXPIRES", NULL};
static const char *const tax_names[] = {"NO", "YES", "N/A", NULL}; /* TAX_… */

#define DECIMAL(struct_, member_, name_, scale_, ...)                                                                  \
        FIELD(struct_, member_, name_, BB_T_DECIMAL, .scale = (scale_), ##__VA_ARGS__)

static const struct bb_field component_fields[] = {
        FIELD(ocpi_component, type, "type", BB_T_ENUM, .flags = BB_REQUIRED, .values = dimension_names),
        DECIMAL(ocpi_component, price_micro, "price", 6, .flags = BB_REQUIRED, .max = 1000000000000,
                .about = "Per kWh, hour or session; with or without tax as tax_included says."),
        DECIMAL(ocpi_component, vat, "vat", 4, .flags = BB_NULLABLE, .max = 1000000,
                .about = "Percent. Absent is not 0 %."),
        FIELD(ocpi_component, step_size, "step_size", BB_T_INT, .max = 100000000, .fallback = "1",
              .about = "Wh or seconds; quantities are rounded up to a multiple once per session."),
};
BB_SHAPE(PriceComponent, ocpi_component, 0, "OCPI PriceComponent.", component_fields);
static BB_SHAPE(ForeignPriceComponent, ocpi_component, BB_SHAPE_OPEN, "OCPI PriceComponent.", component_fields);

#define ENERGY(member_, name_)                                                                                         \
        DECIMAL(ocpi_restrictions, member_, name_, 6, .flags = BB_NULLABLE, .max = 1000000000000000)
#define THOUSANDTHS(member_, name_)                                                                                    \
        DECIMAL(ocpi_restrictions, member_, name_, 3, .flags = BB_NULLABLE, .max = 1000000000000)
#define SECONDS(member_, name_)                                                                                        \
        FIELD(ocpi_restrictions, member_, name_, BB_T_INT, .flags = BB_NULLABLE, .max = 1000000000)
#define TEXT(member_, name_, max_)                                                                                     \
        FIELD(ocpi_restrictions, member_, name_, BB_T_STR, .flags = BB_NULLABLE, .max = (max_))

static const struct bb_field restriction_fields[] = {
        [OCPI_START_TIME] = TEXT(start_time, "start_time", 8),
        [OCPI_END_TIME] = TEXT(end_time, "end_time", 8),
        [OCPI_START_DATE] = TEXT(start_date, "start_date", 10),
        [OCPI_END_DATE] = TEXT(end_date, "end_date", 10),
        [OCPI_MIN_KWH] = ENERGY(min_energy_mwh, "min_kwh"),
        [OCPI_MAX_KWH] = ENERGY(max_energy_mwh, "max_kwh"),
        [OCPI_MIN_CURRENT] = THOUSANDTHS(min_current_ma, "min_current"),
        [OCPI_MAX_CURRENT] = THOUSANDTHS(max_current_ma, "max_current"),
        [OCPI_MIN_POWER] = THOUSANDTHS(min_power_w, "min_power"),
        [OCPI_MAX_POWER] = THOUSANDTHS(max_power_w, "max_power"),
        [OCPI_MIN_DURATION] = SECONDS(min_duration_s, "min_duration"),
        [OCPI_MAX_DURATION] = SECONDS(max_duration_s, "max_duration"),
        [OCPI_DAY_OF_WEEK] = FIELD(ocpi_restrictions, day_of_week, "day_of_week", BB_T_ARRAY, .flags = BB_NULLABLE,
                                   .item = BB_T_ENUM, .values = day_names, .max = 7),
        [OCPI_RESERVATION] = FIELD(ocpi_restrictions, reservation, "reservation", BB_T_ENUM, .flags = BB_NULLABLE,
                                   .values = reservation_names),
};
BB_SHAPE(TariffRestrictions, ocpi_restrictions, 0, "OCPI TariffRestrictions; all must hold.", restriction_fields);
static BB_SHAPE(ForeignTariffRestrictions, ocpi_restrictions, BB_SHAPE_OPEN, "OCPI TariffRestrictions.",
                restriction_fields);

#define ELEMENT_FIELDS(component_, restrictions_)                                                                      \
        {                                                                                                              \
                FIELD(ocpi_element, price_components, "price_components", BB_T_ARRAY, .flags = BB_REQUIRED, .min = 1,  \
                      .max = 20, .shape = &(component_)),                                                              \
                        FIELD(ocpi_element, restrictions, "restrictions", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE,  \
                              .shape = &(restrictions_)),                                                              \
        }
static const struct bb_field element_fields[] = ELEMENT_FIELDS(PriceComponent, TariffRestrictions);
static const struct bb_field foreign_element_fields[] =
        ELEMENT_FIELDS(ForeignPriceComponent, ForeignTariffRestrictions);
BB_SHAPE(TariffElement, ocpi_element, 0, "OCPI TariffElement.", element_fields);
static BB_SHAPE(ForeignTariffElement, ocpi_element, BB_SHAPE_OPEN, "OCPI TariffElement.", foreign_element_fields);

static const struct bb_field limit_fields[] = {
        [OCPI_EXCL_VAT] = DECIMAL(ocpi_limit, excl_vat, "excl_vat", 6, .max = 1000000000000000),
        [OCPI_INCL_VAT] = DECIMAL(ocpi_limit, incl_vat, "incl_vat", 6, .flags = BB_NULLABLE, .max = 1000000000000000),
        [OCPI_BEFORE_TAXES] = DECIMAL(ocpi_limit, before_taxes, "before_taxes", 6, .max = 1000000000000000),
        [OCPI_AFTER_TAXES] =
                DECIMAL(ocpi_limit, after_taxes, "after_taxes", 6, .flags = BB_NULLABLE, .max = 1000000000000000),
};
BB_SHAPE(PriceLimit, ocpi_limit, 0, "OCPI 2.2.1 Price, or 2.3.0 PriceLimit.", limit_fields);
static BB_SHAPE(ForeignPriceLimit, ocpi_limit, BB_SHAPE_OPEN, "OCPI 2.2.1 Price, or 2.3.0 PriceLimit.", limit_fields);

#define TARIFF_FIELDS(element_, limit_, own_)                                                                          \
        {                                                                                                              \
                FIELD(ocpi_tariff, id, "id", BB_T_STR, .min = 1, .max = 36),                                           \
                        FIELD(ocpi_tariff, currency, "currency", BB_T_STR, .flags = BB_REQUIRED, .min = 3, .max = 3),  \
                        FIELD(ocpi_tariff, min_price, "min_price", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE,         \
                              .shape = &(limit_)),                                                                     \
                        FIELD(ocpi_tariff, max_price, "max_price", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE,         \
                              .shape = &(limit_)),                                                                     \
                        FIELD(ocpi_tariff, tax_included, "tax_included", BB_T_ENUM, .flags = BB_NULLABLE,              \
                              .values = tax_names, .about = "Whether the prices contain the tax (2.3.0)."),            \
                        FIELD(ocpi_tariff, elements, "elements", BB_T_ARRAY, .flags = BB_REQUIRED, .min = 1,           \
                              .max = 500, .shape = &(element_)),                                                       \
                        FIELD(ocpi_tariff, alt_text, "tariff_alt_text", BB_T_JSON),                                    \
                        FIELD(ocpi_tariff, alt_url, "tariff_alt_url", BB_T_STR, .flags = BB_NULLABLE, .max = 255),     \
                        FIELD(ocpi_tariff, type, "type", BB_T_STR, .flags = BB_NULLABLE, .max = 40),                   \
        }
static const struct bb_field tariff_fields[] = TARIFF_FIELDS(TariffElement, PriceLimit, 1);
static const struct bb_field foreign_tariff_fields[] = TARIFF_FIELDS(ForeignTariffElement, ForeignPriceLimit, 0);
BB_SHAPE(OcpiTariff, ocpi_tariff, 0, "A tariff as OCPI 2.2.1 and 2.3.0 write it.", tariff_fields);
BB_SHAPE(OcpiForeignTariff, ocpi_tariff, BB_SHAPE_OPEN, "A tariff as OCPI writes it.", foreign_tariff_fields);

/* --- to the engine's --- */

static int32_t digits(const char *s, size_t n)
{
        int32_t value = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -1;
                value = value * 10 + (s[i] - '0');
        }
        return value;
}

int32_t ocpi_minute(bb_str text)
{
        int32_t hour, minute;

        if ((text.len != 5 && text.len != 8) || text.ptr[2] != ':')
                return -1;
        if (text.len == 8 && memcmp(text.ptr + 5, ":00", 3) != 0)
                return -1;
        hour = digits(text.ptr, 2);
        minute = digits(text.ptr + 3, 2);
        if (hour < 0 || minute < 0 || hour > 23 || minute > 59)
                return -1;
        return hour * 60 + minute;
}

/* "2026-10-25" as days since 1970-01-01. */
static int32_t day_of(bb_str text)
{
        int64_t ms;

        if (text.len != 10 || bb_time_parse(bb_print("%.*sT00:00:00Z", BB_FMT(text)), &ms) < 0)
                return INT32_MIN;
        return (int32_t)(ms / 86400000);
}

static void take_times(const struct ocpi_restrictions *r, bb_str path, struct when *w, struct ocpi_remarks *remarks)
{
        const struct {
                bb_str text;
                const char *name;
                uint32_t bit;
                int32_t *to;
        } times[] = {{r->start_time, "start_time", WHEN_START_TIME, &w->start_minute},
                     {r->end_time, "end_time", WHEN_END_TIME, &w->end_minute}},
          dates[] = {{r->start_date, "start_date", WHEN_START_DATE, &w->start_day},
                     {r->end_date, "end_date", WHEN_END_DATE, &w->end_day}};

        for (size_t i = 0; i < BB_COUNT(times); i++) {
                if (times[i].text.ptr == NULL)
                        continue;
                *times[i].to = ocpi_minute(times[i].text);
                w->set |= times[i].bit;
                if (*times[i].to < 0)
                        remark_error(remarks, bb_print("%.*s/%s", BB_FMT(path), times[i].name),
                                     BB_STR("is no time of day like 13:30"));
        }
        for (size_t i = 0; i < BB_COUNT(dates); i++) {
                if (dates[i].text.ptr == NULL)
                        continue;
                *dates[i].to = day_of(dates[i].text);
                w->set |= dates[i].bit;
                if (*dates[i].to == INT32_MIN)
                        remark_error(remarks, bb_print("%.*s/%s", BB_FMT(path), dates[i].name),
                                     BB_STR("is no date like 2026-10-25"));
        }
}

static void take_numbers(const struct ocpi_restrictions *r, struct when *w)
{
        static const struct {
                int32_t field;
                uint32_t bit;
        } bits[] = {
                {OCPI_MIN_KWH, WHEN_MIN_ENERGY},        {OCPI_MAX_KWH, WHEN_MAX_ENERGY},
                {OCPI_MIN_CURRENT, WHEN_MIN_CURRENT},   {OCPI_MAX_CURRENT, WHEN_MAX_CURRENT},
                {OCPI_MIN_POWER, WHEN_MIN_POWER},       {OCPI_MAX_POWER, WHEN_MAX_POWER},
                {OCPI_MIN_DURATION, WHEN_MIN_DURATION}, {OCPI_MAX_DURATION, WHEN_MAX_DURATION},
        };

        for (size_t i = 0; i < BB_COUNT(bits); i++) {
                if (BB_PRESENT(r, bits[i].field))
                        w->set |= bits[i].bit;
        }
        w->min_energy_mwh = r->min_energy_mwh;
        w->max_energy_mwh = r->max_energy_mwh;
        w->min_current_ma = r->min_current_ma;
        w->max_current_ma = r->max_current_ma;
        w->min_power_w = r->min_power_w;
        w->max_power_w = r->max_power_w;
        w->min_duration_ms = r->min_duration_s * 1000;
        w->max_duration_ms = r->max_duration_s * 1000;
}

static void take_when(const struct ocpi_restrictions *r, bb_str path, struct when *w, struct ocpi_remarks *remarks)
{
        const int32_t *days;

        if (r == NULL)
                return;
        days = r->day_of_week.items;
        take_times(r, path, w, remarks);
        take_numbers(r, w);
        for (size_t i = 0; i < r->day_of_week.count; i++)
                w->days |= 1 << days[i];
        if (r->day_of_week.count > 0)
                w->set |= WHEN_DAYS;
        if (BB_PRESENT(r, OCPI_RESERVATION))
                w->reservation = r->reservation + 1;
}

static void take_limit(const struct ocpi_limit *l, int32_t version, bb_str path, struct price_limit *ret,
                       struct ocpi_remarks *remarks)
{
        int32_t net = version == OCPI_2_3_0 ? OCPI_BEFORE_TAXES : OCPI_EXCL_VAT;
        int32_t gross = version == OCPI_2_3_0 ? OCPI_AFTER_TAXES : OCPI_INCL_VAT;

        if (l == NULL)
                return;
        ret->has_net = BB_PRESENT(l, net);
        ret->has_gross = BB_PRESENT(l, gross);
        ret->net_micro = version == OCPI_2_3_0 ? l->before_taxes : l->excl_vat;
        ret->gross_micro = version == OCPI_2_3_0 ? l->after_taxes : l->incl_vat;
        if (!ret->has_net)
                remark_error(remarks, path,
                             version == OCPI_2_3_0 ? BB_STR("before_taxes is missing") : BB_STR("excl_vat is missing"));
}

static void take_element(const struct ocpi_element *from, size_t index, struct element *e, struct component *components,
                         struct ocpi_remarks *remarks)
{
        const struct ocpi_component *c = from->price_components.items;

        e->count = (uint32_t)from->price_components.count;
        for (size_t i = 0; i < e->count; i++) {
                components[i] = (struct component){.dimension = c[i].type,
                                                   .has_vat = (int32_t)BB_PRESENT(&c[i], OCPI_COMPONENT_VAT),
                                                   .price_micro = c[i].price_micro,
                                                   .vat = c[i].vat,
                                                   .step = c[i].step_size};
        }
        take_when(from->restrictions, bb_print("/elements/%zu/restrictions", index), &e->when, remarks);
}

bb_err ocpi_tariff_compile(const struct ocpi_tariff *from, int32_t version, struct tariff *ret,
                           struct ocpi_remarks *remarks)
{
        const struct ocpi_element *elements = from->elements.items;
        size_t count = from->elements.count, total = 0;
        struct element *e = BB_NEW_ARRAY(struct element, count);
        struct component *components;

        for (size_t i = 0; i < count; i++)
                total += elements[i].price_components.count;
        components = BB_NEW_ARRAY(struct component, total);
        *ret = (struct tariff){
                .elements = e, .element_count = count, .components = components, .component_count = total};
        total = 0;
        for (size_t i = 0; i < count; i++) {
                e[i].first = (uint32_t)total;
                take_element(&elements[i], i, &e[i], components + total, remarks);
                total += e[i].count;
        }
        tariff_ready(e, count, components);
        memcpy(ret->currency, from->currency.ptr, from->currency.len < 3 ? from->currency.len : 3);
        ret->tax = version == OCPI_2_3_0 ? from->tax_included : TAX_EXCLUDED;
        if (version != OCPI_2_1_1) {
                take_limit(from->min_price, version, BB_STR("/min_price"), &ret->least, remarks);
                take_limit(from->max_price, version, BB_STR("/max_price"), &ret->most, remarks);
        }
        tariff_check(ret, remarks);
        return remarks->errors > 0 ? BB_E_INVALID : BB_OK;
}
