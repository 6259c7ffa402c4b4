/* SPDX-License-Identifier: Apache-2.0
 *
 * The price of one session, or of a reservation that no session followed.
 */
#ifndef BILLING_SESSION_PRICE_H
#define BILLING_SESSION_PRICE_H

#include "billing.h"
#include "usage.h"

/* What is priced by: versions are those of the session's start. */
struct price_rules {
        bb_str tariff_id, contract_id; /* contract_id BB_NONE: the tenant's default tariff */
        int64_t tariff_version, contract_version;
        bb_str time_zone; /* IANA */
        bb_str facts;     /* JSON (cdr_facts.c), or BB_NONE */
};

/* A price and all that it came from. It points into itself: do not copy. */
struct priced {
        struct price_rules rules;
        struct stored_tariff stored;
        struct tariff tariff;
        struct price_policy policy;
        const struct price_fee *fee;
        const bb_zone *zone;
        int64_t reservation_id, reserved_ms; /* 0: none is priced; since when */
        const struct bb_sample *samples;
        size_t sample_count;
        uint32_t oddities; /* USAGE_… */
        struct price_session session;
        struct account account;
};

/* As it is shown. */
struct price_view {
        uint64_t present;
        bb_str session_id, cdr_id, tariff_id, contract_id;
        int64_t tariff_version, contract_version;
        int32_t final;
        struct bb_array oddities; /* of bb_str */
        bb_str replaces, credited_by;
        struct account account;
};
extern const struct bb_shape SessionPrice BB_HIDDEN;

/* Fills in rules, tariff and policy. */
BB_AWAIT bb_err price_rules_load(const struct price_rules *, struct priced *ret);
/* Then one of these: what was used, or stretches of it. Errors of price_session. */
bb_err price_usage(struct priced *, const struct usage *);
bb_err price_stretches(struct priced *, const struct price_period *, size_t count);
/* By what a session is priced. BB_E_NOT_FOUND: there was no price for it when it began. */
BB_AWAIT bb_err price_rules_find(bb_str session_id, struct price_rules *ret);
BB_AWAIT bb_err session_price_by(const struct price_rules *, const struct bb_session *, struct priced *ret);
/* All of it, as far as it is known by now. BB_E_NOT_FOUND as above. */
BB_AWAIT bb_err session_price_now(const struct bb_session *, struct priced *ret);
/* What it comes to so far, in the currency's smallest unit. BB_E_NOT_FOUND: it has no price. */
BB_AWAIT bb_err session_price_payable(const struct bb_session *, int64_t *ret_minor);
struct price_view price_view_of(bb_str session_id, const struct priced *);
/* What was odd about the meter: names, and sentences in a row (BB_NONE: nothing). */
struct bb_array oddity_names(uint32_t found);
bb_str oddity_text(uint32_t found);

/* As it is shown: of the CDR in force, or so far. BB_E_NOT_FOUND as above. */
BB_AWAIT bb_err session_price_view(const struct bb_session *, struct price_view *ret);
/* GET /v1/sessions/{id}/price */
BB_AWAIT bb_err session_price_read(bb_request *, bb_response *);

/* --- session_usage.c --- */
BB_AWAIT bb_err session_usage_read(const struct bb_session *, struct usage *ret);
/* How long its vehicle has asked for no power so far, and whether it asks for none now. */
BB_AWAIT bb_err session_parking(const struct bb_session *, int64_t *ret_ms, int32_t *ret_parked);

#endif
