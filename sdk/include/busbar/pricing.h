/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "pricing/1": what charging costs, for whoever shows, exports, sends or collects it. Everything comes
 * from one engine: a preview, the running cost, and the CDR of the same session have the same total. Semantics are
 * OCPI's (2.2.1 and 2.3.0 §mod_tariffs, §mod_cdrs).
 *
 * Everything is in the tenant of the running task. All functions wait (BB_AWAIT) and return the errors of db.h besides
 * their own; cdr_credit has committed when it returns BB_OK. Strings in results live in the task's memory. Amounts end
 * in _e4 (ten-thousandths of the currency's unit, four decimals as OCPI has them), in _minor (the currency's smallest
 * unit) or in _micro (millionths, of a price). Energy is in milliwatt-hours, power in watts, times in epoch
 * milliseconds UTC.
 *
 * The structs here cross the line in arrays and in memory of the caller, so they cannot grow: each ends with `room`,
 * zero today, from which later minors take new members.
 */
#ifndef BUSBAR_PRICING_H
#define BUSBAR_PRICING_H

#include <busbar/shape.h>

struct bb_price_amount {
        int64_t net_e4, vat_e4, gross_e4;
        int32_t has_tax; /* 0: the tax is not known, or none was named; then only net_e4 counts */
        int32_t reserved;
};

/* A price as it has to be shown before the start: in the order of AFIR (Regulation (EU) 2023/1804) Article 5(4). */
enum { BB_PRICE_KWH = 0, BB_PRICE_MINUTE = 1, BB_PRICE_SESSION = 2, BB_PRICE_MINUTE_PARKED = 3 };
struct bb_price_component {
        int32_t per; /* BB_PRICE_… */
        int32_t has_gross;
        int64_t net_micro, gross_micro;
        int64_t step_size; /* Wh or seconds: what is used is rounded up to a multiple, once a session */
        uint64_t room[2];
};

struct bb_price {
        bb_str currency; /* ISO 4217 */
        int32_t final;   /* it is that of the CDR, and stays */
        int32_t reserved;
        struct bb_price_amount total;
        /* What `total` is made of, as OCPI adds it up (§mod_cdrs_cdr_object); minima, maxima and discounts are in
         * `total` alone. */
        struct bb_price_amount fixed, energy, time, parking, reservation, overstay;
        int64_t payable_minor;                                   /* the total with its tax, where that is known */
        int64_t energy_mwh, time_ms, parking_ms, reservation_ms; /* time with parking, without reservation */
        bb_str tariff_id, contract_id;                           /* BB_NONE: the tenant's default tariff */
        int64_t tariff_version, contract_version;
        bb_str cdr_id;              /* the CDR in force, or BB_NONE */
        bb_str credited_by;         /* the credit that takes it back: nothing is owed for it */
        bb_str account;             /* JSON, line by line, the member `account` of GET /v1/sessions/{id}/price */
        struct bb_array components; /* of struct bb_price_component; of a preview: in force at the start */
        uint64_t room[8];
};

/* A session that could be: at a connector by a token, or by a tariff. */
struct bb_price_question {
        bb_str station_id, token_uid; /* token_uid BB_NONE: anybody's */
        int64_t connector_id;
        bb_str tariff_id; /* instead of a station; its latest version, without a contract's terms */
        bb_str time_zone; /* with tariff_id: IANA; BB_NONE: UTC */
        int64_t start_ms; /* 0: now */
        int64_t energy_mwh, charging_ms, power_w; /* two of them are enough; -1: not told */
        int64_t parking_ms;                       /* after that */
        uint64_t room[4];
};

enum {
        BB_CDR_SESSION = 0,
        BB_CDR_CREDIT = 1,      /* takes another one back: its amounts are negative */
        BB_CDR_REPLACEMENT = 2, /* stands for a credited one */
        BB_CDR_RESERVATION = 3  /* of a reservation that expired; it has no session */
};
struct bb_priced_cdr {
        bb_str id;    /* UUID v7 */
        int32_t kind; /* BB_CDR_… */
        int32_t reserved;
        bb_str session_id;
        bb_str credit_of;                /* of a credit and of a replacement */
        bb_str credited_by, replaced_by; /* what became of it by now; the rest never changes */
        bb_str reason;
        int64_t reservation_id; /* paid for in it; 0: none */
        bb_str token_uid, station_id, location_id;
        int64_t connector_id;
        bb_str tariff_id, contract_id;
        int64_t tariff_version, contract_version;
        int64_t started_ms, ended_ms, created_ms;
        bb_str currency;
        struct bb_price_amount total;
        int64_t payable_minor;
        /* Of a credit: those of the credited one, with the opposite sign. */
        int64_t energy_mwh, time_ms, parking_ms, reservation_ms;
        /* JSON, as it was written: OCPI's CDR object (§mod_cdrs_cdr_object) with our account line by line. Prices have
         * their members of 2.2.1 and of 2.3.0. country_code, party_id, evse_uid, evse_id, connector_format and
         * connector_power_type are for who sends it to add, and signed_data is not in base64 yet. */
        bb_str document;
        uint64_t room[8];
};

/* Why a CDR is taken back, and whether its session is priced anew. */
struct bb_cdr_credit {
        bb_str reason;   /* never empty; 255 characters at most */
        int32_t replace; /* with what follows; members that are absent (BB_NONE, 0, -1) stay as they were */
        int32_t reserved;
        bb_str tariff_id;   /* in its latest version, without a contract's terms */
        bb_str contract_id; /* in its latest version, with its tariff; not beside tariff_id */
        int64_t ended_ms;   /* an earlier end */
        int64_t energy_wh;  /* of the session */
        uint64_t room[4];
};

struct bb_pricing_ops {
        uint32_t size;
        uint32_t reserved;
        /* BB_E_NOT_FOUND: no such station or tariff, or charging has no price there. BB_E_INVALID: neither or both of
         * station_id and tariff_id, no such time zone, less than nothing, a time before 1970 or after 9998, or energy
         * without time and power. BB_E_LIMIT: it leaves the range of amounts. */
        BB_AWAIT bb_err (*preview)(const struct bb_price_question *, struct bb_price *ret);
        /* So far, or in the end. BB_E_NOT_FOUND: no such session, or no tariff was in force when it began. */
        BB_AWAIT bb_err (*session_price)(bb_str session_id, struct bb_price *ret);
        BB_AWAIT bb_err (*cdr_get)(bb_str id, struct bb_priced_cdr *ret); /* BB_E_NOT_FOUND */
        /* By id, so in the order in which they were made; `after` is the last one's, BB_NONE: from the start; `limit` 1
         * to 1000. One that was made within the last seconds may still come before one that was listed: who must not
         * miss any follows the event cdr.priced. BB_E_INVALID: `after` is no id. */
        BB_AWAIT bb_err (*cdr_list)(bb_str after, size_t limit, struct bb_priced_cdr **ret, size_t *ret_count);
        /* Takes a CDR back (§mod_cdrs_credit_cdrs), audited. *ret_replacement is filled in when one is asked for.
         * *ret_fault is a sentence about BB_E_INVALID (what is asked for cannot be priced) and BB_E_CONFLICT (it is a
         * credit; it has been credited, by *ret_credit->id; its readings are gone). BB_E_NOT_FOUND: no such CDR. */
        BB_AWAIT bb_err (*cdr_credit)(bb_str actor, bb_str id, const struct bb_cdr_credit *,
                                      struct bb_priced_cdr *ret_credit, struct bb_priced_cdr *ret_replacement,
                                      bb_str *ret_fault);
};

/* Durable events of this contract: topic, key, and the members of the payload. Those with "?" are left out when there
 * is nothing to say. An event may come twice.
 *
 *   cdr.priced    session id, or the CDR's   cdr_id, session_id?, kind ("session", "replacement", "reservation"),
 *                                            credit_of?, reason?, currency, payable_minor
 *   cdr.credited  the same                   cdr_id (the credit's), session_id?, kind ("credit"), credit_of, reason,
 *                                            currency, payable_minor (negative)
 */

#endif
