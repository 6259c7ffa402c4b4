/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: a tariff and charging periods become an account, line by line. It computes exactly, knows no database and
 * no wire, allocates nothing, and is the only place where Busbar turns quantities into money: preview, running cost,
 * receipt, CDR and the audit of somebody else's CDR all come through here.
 */
#ifndef BILLING_PRICE_H
#define BILLING_PRICE_H

#include "tariff.h"

enum {
        PERIOD_CHARGING = 0,
        PERIOD_PARKING = 1,  /* connected, and the vehicle requests no power; a pause that we made is charging */
        PERIOD_RESERVED = 2, /* before the session */
        PERIOD_EXPIRED = 3   /* reserved, and no session followed */
};

/* In order of time; each is priced by what holds at its start (§mod_cdrs_charging_period). */
struct price_period {
        int64_t start_ms, end_ms;
        int64_t time_ms;    /* to be paid for; its length, but for a CDR that says otherwise */
        int64_t energy_mwh; /* may be negative: discharged */
        struct band current_ma, power_w;
        int32_t state;    /* PERIOD_… */
        int32_t overstay; /* by price_split: the fee is due */
};

/* A contract's fee by time, from the moment on at which the session reaches one of these; 0: no such limit. */
struct price_fee {
        struct component component; /* DIM_TIME */
        int64_t duration_ms, idle_ms, energy_mwh;
};
/* Of a session at the start of a period, without its reservation. */
struct price_progress {
        int64_t duration_ms, idle_ms, energy_mwh;
};
int32_t price_fee_is_due(const struct price_fee *, const struct price_progress *);

struct price_session {
        const struct tariff *tariff;
        const struct price_fee *fee; /* NULL: none */
        const struct price_period *periods;
        size_t period_count;
        int32_t (*offset_s)(const void *zone, int64_t at_ms); /* of the location's local time; NULL: UTC */
        const void *zone;
};

/* What the specification leaves open. */
enum {
        VAT_MISSING_NONE = 0,   /* no tax is due (2.2.1 §mod_tariffs_pricecomponent_class) */
        VAT_MISSING_UNKNOWN = 1 /* the total with tax cannot be told */
};
struct price_policy {
        int32_t missing_vat; /* VAT_MISSING_… */
        int32_t reserved;
        /* Terms of a contract: the first energy of a session that is free, what is taken off everything else
         * (millionths; negative: a surcharge), and the most that a session costs. */
        int64_t free_energy_mwh, discount;
        int64_t discounts[DIM_COUNT]; /* the same, off what one dimension costs; `discount` is off what is left then */
        struct price_limit most;
};

enum {
        LINE_ENERGY = DIM_ENERGY,
        LINE_TIME = DIM_TIME,
        LINE_PARKING = DIM_PARKING,
        LINE_FLAT = DIM_FLAT,
        LINE_MINIMUM = 4,  /* what is missing to the tariff's min_price */
        LINE_MAXIMUM = 5,  /* what is beyond its max_price, or the contract's; negative */
        LINE_FREE = 6,     /* energy that the contract gives away, by the price it would have had; negative */
        LINE_DISCOUNT = 7, /* the contract's; negative, a surcharge positive */
        LINE_OVERSTAY = 8  /* the contract's fee */
};

struct price_line {
        int32_t kind;                      /* LINE_… */
        int32_t for_;                      /* FOR_…: session, reservation, expired reservation */
        int32_t parking;                   /* LINE_FLAT: a fee for parking */
        int32_t has_tax;                   /* 0: the component names no VAT */
        const struct component *component; /* NULL: of the whole (LINE_MINIMUM, LINE_MAXIMUM, LINE_DISCOUNT) */
        size_t element;                    /* its index in the tariff */
        int64_t quantity;                  /* mWh, ms, pieces */
        int64_t rounding;                  /* added by step_size, in the same unit */
        int64_t free_mwh;                  /* of LINE_ENERGY: what a line LINE_FREE gives back */
        money net, tax;
};

struct price_sum {
        money net, tax;
};

struct price_account {
        struct price_line *lines; /* the caller's, PRICE_LINES(tariff) of them; in the order of their first use */
        size_t line_count;
        struct price_sum total, fixed, energy, time, parking, reservation,
                overstay; /* what has no component (DISCOUNT, MINIMUM, MAXIMUM): in total only */
        int64_t energy_mwh, time_ms, parking_ms,
                reservation_ms; /* measured, without step_size; time includes parking */
        int32_t tax_known;      /* 0: a component in use names no VAT, and the policy is VAT_MISSING_UNKNOWN */
        int32_t tax_named;      /* some component in use names one */
};

#define PRICE_LINES(tariff) (4 * (tariff)->component_count + 5)

/* BB_E_LIMIT: an amount or a quantity leaves the range. BB_E_INVALID: a period ends before it begins, or begins before
 * the end of the one before. */
bb_err price_session(const struct price_session *, const struct price_policy *, struct price_account *ret);

#endif
