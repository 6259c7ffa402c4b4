/* SPDX-License-Identifier: Apache-2.0
 *
 * Priced CDRs: of sessions, credits, replacements, and reservations that expired. Written once, never changed.
 */
#ifndef BILLING_CDR_H
#define BILLING_CDR_H

#include "billing.h"

enum { CDR_KIND_SESSION = 0, CDR_KIND_CREDIT = 1, CDR_KIND_REPLACEMENT = 2, CDR_KIND_RESERVATION = 3 };

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
        bb_str account;  /* JSON, as the price of a session is shown */
        bb_str document; /* JSON, as OCPI has a CDR */
};

/* --- cdr_store.c --- */
/* Takes the sums of an account. */
void cdr_take_account(struct cdr *, const struct account *);
/* Writes it down and tells (cdr.priced, cdr.credited): statements for one bb_db_run, CDR_STMTS of them. BB_E_EXISTS of
 * the run: its session, its reservation or the CDR that it is for has such a one. */
#define CDR_STMTS 2
void cdr_stmts(const struct cdr *, struct bb_stmt ret[CDR_STMTS]);

#endif
