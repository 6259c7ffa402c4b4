/* SPDX-License-Identifier: Apache-2.0
 *
 * A CDR as OCPI writes it (§mod_cdrs): what it says was used, and what it claims that costs.
 */
#ifndef BILLING_OCPI_CDR_H
#define BILLING_OCPI_CDR_H

#include "ocpi.h"

enum {
        VOLUME_ENERGY,
        VOLUME_TIME,
        VOLUME_PARKING,
        VOLUME_RESERVATION,
        VOLUME_MIN_CURRENT,
        VOLUME_MAX_CURRENT,
        VOLUME_MIN_POWER,
        VOLUME_MAX_POWER
};
struct ocpi_volume {
        uint64_t present;
        int32_t type;   /* VOLUME_…; those that say nothing about prices are beyond them */
        int64_t volume; /* millionths of a kWh, an hour, an ampere or a kW */
};

struct ocpi_period {
        uint64_t present;
        int64_t start_ms;
        struct bb_array dimensions; /* of struct ocpi_volume */
        bb_str tariff_id;
};

struct ocpi_tax {
        uint64_t present;
        bb_str name;
        int64_t amount; /* millionths */
};

/* 2.2.1 Price; 2.3.0 Price with its taxes. Millionths. */
struct ocpi_price {
        uint64_t present;
        int64_t excl_vat, incl_vat, before_taxes;
        struct bb_array taxes; /* of struct ocpi_tax */
};
enum { PRICE_EXCL, PRICE_INCL, PRICE_BEFORE, PRICE_TAXES };

enum { CLAIM_TOTAL, CLAIM_FIXED, CLAIM_ENERGY, CLAIM_TIME, CLAIM_PARKING, CLAIM_RESERVATION, CLAIM_COUNT };

struct ocpi_cdr {
        uint64_t present;
        bb_str currency;
        int64_t start_ms, end_ms;
        struct bb_array tariffs; /* of struct ocpi_tariff */
        struct bb_array periods; /* of struct ocpi_period */
        struct ocpi_price *costs[CLAIM_COUNT];
        int64_t cost_2_1_1;                      /* millionths: 2.1.1 has one, without VAT */
        int64_t energy_mwh, time_uh, parking_uh; /* totals claimed; millionths of hours */
        int32_t credit;
        /* The rest is in those that we write alone (cdr_document.c). */
        bb_str id, session_id, auth_method, meter_id, remark, credit_reference_id, replaces, contract_id;
        bb_json *token, *location;
        struct cdr_signed *signed_data;
        int64_t updated_ms, tariff_version, contract_version, payable_minor;
        struct bb_array oddities; /* of bb_str */
        struct bb_array lines;    /* of struct account_line */
};
enum { CDR_CURRENCY, CDR_START, CDR_END, CDR_TARIFFS, CDR_PERIODS, CDR_ENERGY, CDR_TIME, CDR_PARKING };
extern const struct bb_shape OcpiCdr BB_HIDDEN, OcpiCdr211 BB_HIDDEN, ChargingPeriod BB_HIDDEN, CdrPrice BB_HIDDEN;

/* A claim without and with tax, in ten-thousandths. 0: it is not there. */
struct claim {
        int32_t has_net, has_gross;
        int64_t net, gross;
};
struct claim ocpi_cdr_claim(const struct ocpi_cdr *, int32_t version, int32_t which);

/* Remarks: code and sentence about what the CDR's periods say. */
struct cdr_note {
        uint64_t present;
        bb_str code, path, text;
};
struct cdr_notes {
        struct cdr_note *items;
        size_t count;
};
extern const struct bb_shape CdrNote BB_HIDDEN;
void cdr_note_add(struct cdr_notes *, const char *code, bb_str path, const char *text);

/* The engine's periods, in the task's memory, and of which period of the CDR each is. BB_E_INVALID: they are not in
 * order; the last note says where. */
bb_err ocpi_cdr_periods(const struct ocpi_cdr *, struct price_period **ret, size_t *ret_count, size_t **ret_sources,
                        struct cdr_notes *);

#endif
