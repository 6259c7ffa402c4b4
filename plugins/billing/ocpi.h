/* SPDX-License-Identifier: Apache-2.0
 *
 * Tariffs and CDRs as OCPI writes them: 2.1.1, 2.2.1-d2 and 2.3.0. Other versions' members are left out or refused by
 * the version that is named, not guessed.
 */
#ifndef BILLING_OCPI_H
#define BILLING_OCPI_H

#include <busbar/shape.h>

#include "price.h"

enum { OCPI_2_1_1 = 0, OCPI_2_2_1 = 1, OCPI_2_3_0 = 2 };
extern const char *const ocpi_versions[] BB_HIDDEN;

#define FIELD(struct_, member_, name_, kind_, ...)                                                                     \
        {                                                                                                              \
                .name = (name_), .type = (kind_), .offset = (uint32_t)offsetof(struct struct_, member_), ##__VA_ARGS__ \
        }

struct ocpi_component {
        uint64_t present;
        int32_t type; /* DIM_… */
        int64_t price_micro, vat, step_size;
};
enum { OCPI_COMPONENT_VAT = 2 };

struct ocpi_restrictions {
        uint64_t present;
        bb_str start_time, end_time, start_date, end_date;
        int64_t min_energy_mwh, max_energy_mwh, min_current_ma, max_current_ma, min_power_w, max_power_w;
        int64_t min_duration_s, max_duration_s;
        struct bb_array day_of_week; /* of int32_t */
        int32_t reservation;         /* FOR_… less one */
};
/* The order of the shape's fields. */
enum {
        OCPI_START_TIME,
        OCPI_END_TIME,
        OCPI_START_DATE,
        OCPI_END_DATE,
        OCPI_MIN_KWH,
        OCPI_MAX_KWH,
        OCPI_MIN_CURRENT,
        OCPI_MAX_CURRENT,
        OCPI_MIN_POWER,
        OCPI_MAX_POWER,
        OCPI_MIN_DURATION,
        OCPI_MAX_DURATION,
        OCPI_DAY_OF_WEEK,
        OCPI_RESERVATION
};

struct ocpi_element {
        uint64_t present;
        struct bb_array price_components; /* of struct ocpi_component */
        struct ocpi_restrictions *restrictions;
};

/* 2.2.1 Price, 2.3.0 PriceLimit. */
struct ocpi_limit {
        uint64_t present;
        int64_t excl_vat, incl_vat, before_taxes, after_taxes;
};
enum { OCPI_EXCL_VAT, OCPI_INCL_VAT, OCPI_BEFORE_TAXES, OCPI_AFTER_TAXES };

struct ocpi_tariff {
        uint64_t present;
        bb_str id, currency;
        struct ocpi_limit *min_price, *max_price;
        int32_t tax_included;
        struct bb_array elements; /* of struct ocpi_element */
        bb_json *alt_text;
        bb_str alt_url, type, start_date_time, end_date_time;
};
/* Somebody else's: members that are not known are passed over. And our own: they are a fault. */
extern const struct bb_shape OcpiForeignTariff BB_HIDDEN, OcpiTariff BB_HIDDEN, PriceLimit BB_HIDDEN;

/* What is wrong with a tariff, or odd about it. */
struct ocpi_remark {
        uint64_t present;
        int32_t severity; /* 0: it cannot be computed, 1: it can, and hardly is what was meant */
        bb_str path, text;
};
struct ocpi_remarks {
        struct ocpi_remark *items;
        size_t count, errors, room;
};
extern const struct bb_shape TariffRemark BB_HIDDEN;

/* Compiles for the engine; the result lives in the task's memory. BB_E_INVALID when a remark is an error. */
bb_err ocpi_tariff_compile(const struct ocpi_tariff *, int32_t version, struct tariff *ret,
                           struct ocpi_remarks *ret_remarks);

/* The minute of the day of "13:30" (some partners write seconds of zero), or -1. */
int32_t ocpi_minute(bb_str text);

/* Decimals of a currency (ISO 4217), or -1 when there is none of this name. */
int32_t currency_decimals(bb_str code);

#endif
