/* SPDX-License-Identifier: Apache-2.0
 *
 * A tariff as the engine reads it: OCPI 2.2.1 and 2.3.0 §mod_tariffs, in integers. Times of day and dates are local to
 * the location.
 */
#ifndef BILLING_TARIFF_H
#define BILLING_TARIFF_H

#include "money.h"

enum { DIM_ENERGY = 0, DIM_TIME = 1, DIM_PARKING = 2, DIM_FLAT = 3, DIM_COUNT = 4 };

struct component {
        int32_t dimension;   /* DIM_… */
        int32_t has_vat;     /* 0: none was given, which is not 0 % */
        int64_t price_micro; /* per kWh, hour or piece; with or without tax as the tariff says */
        int64_t vat;         /* millionths */
        int64_t step;        /* ENERGY: Wh, TIME and PARKING_TIME: seconds; 0: none */
};

enum {
        WHEN_START_TIME = 1 << 0,
        WHEN_END_TIME = 1 << 1,
        WHEN_START_DATE = 1 << 2,
        WHEN_END_DATE = 1 << 3,
        WHEN_MIN_ENERGY = 1 << 4,
        WHEN_MAX_ENERGY = 1 << 5,
        WHEN_MIN_CURRENT = 1 << 6,
        WHEN_MAX_CURRENT = 1 << 7,
        WHEN_MIN_POWER = 1 << 8,
        WHEN_MAX_POWER = 1 << 9,
        WHEN_MIN_DURATION = 1 << 10,
        WHEN_MAX_DURATION = 1 << 11,
        WHEN_DAYS = 1 << 12,
};
enum { FOR_SESSION = 0, FOR_RESERVATION = 1, FOR_EXPIRED = 2 };

/* Restrictions; all that are set must hold. */
struct when {
        uint32_t set;                     /* WHEN_… */
        int32_t days;                     /* bit 0: Monday */
        int32_t reservation;              /* FOR_… */
        int32_t start_minute, end_minute; /* of the local day; an end of 0 is the end of the day */
        int32_t start_day, end_day;       /* since 1970-01-01, local; the end is exclusive */
        int64_t min_energy_mwh, max_energy_mwh;
        int64_t min_current_ma, max_current_ma; /* sums over the phases */
        int64_t min_power_w, max_power_w;
        int64_t min_duration_ms, max_duration_ms;
};

struct element {
        struct when when;
        uint32_t first, count; /* among the tariff's components */
        uint32_t dimensions;   /* bit DIM_…: has such a component */
};

enum { TAX_EXCLUDED = 0, TAX_INCLUDED = 1, TAX_NONE = 2 }; /* 2.3.0 tax_included NO, YES, N/A */

struct price_limit {
        int32_t has_net, has_gross;
        int64_t net_micro, gross_micro;
};

struct tariff {
        char currency[4];
        int32_t tax; /* TAX_… */
        const struct element *elements;
        size_t element_count;
        const struct component *components; /* element by element */
        size_t component_count;
        struct price_limit least, most;
};

/* What was measured over a stretch of time. */
struct band {
        int64_t low, high;
        int32_t has;
};

/* What is true of a moment, for restrictions to look at. */
struct moment {
        int64_t energy_mwh, duration_ms; /* since the session's start */
        struct band current_ma, power_w;
        int32_t day, minute, weekday; /* local; weekday 0: Monday */
        int32_t reservation;          /* FOR_… */
};

/* Sets day, minute and weekday. */
void moment_at(struct moment *, int64_t at_ms, int32_t offset_s);
int32_t when_holds(const struct when *, const struct moment *);
/* The component of a dimension that is in force: that of the first element that has one and whose restrictions hold
 * (§mod_tariffs_tariff_object). NULL: this dimension is free. */
const struct component *tariff_component(const struct tariff *, int32_t dimension, const struct moment *,
                                         const struct element **ret_element);
/* Some element has one of these restrictions (WHEN_…). */
int32_t tariff_asks(const struct tariff *, uint32_t bits);
/* Some element is for reserved time. */
int32_t tariff_reserves(const struct tariff *);
/* Fills in what can be derived: each element's dimensions. */
void tariff_ready(struct element *, size_t count, const struct component *);

#endif
