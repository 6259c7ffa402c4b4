/* SPDX-License-Identifier: Apache-2.0
 *
 * Priced CDRs: of sessions, credits, replacements, and reservations that expired. Written once, never changed.
 */
#ifndef BILLING_CDR_H
#define BILLING_CDR_H

#include "session_price.h"

enum { CDR_KIND_SESSION = 0, CDR_KIND_CREDIT = 1, CDR_KIND_REPLACEMENT = 2, CDR_KIND_RESERVATION = 3 };
extern const char *const cdr_kind_names[] BB_HIDDEN;

struct cdr {
        int32_t kind; /* CDR_KIND_… */
        bb_str id, session_id, credit_of, reason;
        int64_t reservation_id;        /* 0: none */
        bb_str tariff_id, contract_id; /* contract_id BB_NONE: the tenant's default tariff */
        int64_t tariff_version, contract_version;
        bb_str token_uid, station_id, location_id;
        int64_t connector_id, started_ms, ended_ms, created_ms;
        struct amount total;
        bb_str currency;
        int64_t payable_minor, energy_mwh, time_ms, parking_ms, reservation_ms;
        bb_str account;                  /* JSON, as the price of a session is shown */
        bb_str document;                 /* JSON, as OCPI has a CDR (cdr_document.c) */
        bb_str credited_by, replaced_by; /* of one that was read */
};

/* --- cdr_facts.c --- */
struct cdr_who {
        bb_str token_uid, station_id, location_id, time_zone;
        int64_t connector_id;
};
/* Who charges where, as JSON. */
BB_AWAIT bb_err cdr_facts_now(const struct cdr_who *, bb_str *ret_json);

/* --- cdr_document.c --- */
/* Fills in sums, account and document from a price; the rest is filled in already. */
BB_AWAIT bb_err cdr_write(struct cdr *, const struct priced *);
/* The credit CDR that takes `of` back. */
bb_err cdr_write_credit(const struct cdr *of, struct cdr *credit);

/* --- cdr_settle.c --- */
/* Writes the session's CDR, once. */
BB_AWAIT bb_err cdr_settle(bb_str cdr_id, bb_str session_id);
/* Whose, and where. */
struct cdr cdr_of_session(const struct bb_session *, const struct priced *);

/* --- cdr_reservation.c --- */
/* Writes the CDR of a reservation that nobody used, once, when its time has a price. */
BB_AWAIT bb_err cdr_settle_reservation(int64_t id, const struct billing_options *);

/* --- cdr_store.c --- */
/* Writes it down and tells (cdr.priced, cdr.credited): statements for one bb_db_run, CDR_STMTS of them. BB_E_EXISTS of
 * the run: its session, its reservation or the CDR that it is for has such a one. */
#define CDR_STMTS 2
void cdr_stmts(const struct cdr *, struct bb_stmt ret[CDR_STMTS]);
/* BB_E_NOT_FOUND. */
BB_AWAIT bb_err cdr_load(bb_str id, struct cdr *ret);
/* In the order in which they were made; `after` is the id of one, BB_NONE: from the start. */
BB_AWAIT bb_err cdr_list(bb_str after, size_t limit, struct cdr **ret, size_t *ret_count);

/* --- cdr_credit.c --- */
/* What a replacement has otherwise than the CDR that it stands for. */
struct cdr_change {
        uint64_t present;
        bb_str tariff_id, contract_id; /* in their present versions; the latter with its tariff */
        int64_t ended_ms, energy_wh;   /* CHANGE_ENDED, CHANGE_ENERGY */
};
enum { CHANGE_TARIFF, CHANGE_CONTRACT, CHANGE_ENDED, CHANGE_ENERGY };
struct cdr_fault {
        const char *code, *member, *text;
};
/* Takes a CDR back, and writes a replacement when `change` is not NULL. BB_E_NOT_FOUND: no such CDR. BB_E_CONFLICT,
 * BB_E_INVALID: *ret_fault says what is wrong; the former with ret_credit->id of what exists, if something does. */
BB_AWAIT bb_err cdr_credit(bb_str actor, bb_str id, bb_str reason, const struct cdr_change *change,
                           struct cdr *ret_credit, struct cdr *ret_replacement, struct cdr_fault *ret_fault);

/* --- cdrs_api.c --- */
BB_AWAIT bb_err cdr_read(bb_request *, bb_response *);
BB_AWAIT bb_err cdr_credit_make(bb_request *, bb_response *);
extern const struct bb_shape PricedCdr BB_HIDDEN, CdrCreditRequest BB_HIDDEN, CdrCredited BB_HIDDEN;

#endif
