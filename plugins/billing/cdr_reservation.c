/* SPDX-License-Identifier: Apache-2.0
 *
 * A reservation that ran out unused (OCPI §mod_tariffs_reservation_restriction_type): its time has a CDR of its own, by
 * the terms under which it was made.
 */
#include "cdr.h"
#include "follow.h"

static BB_AWAIT bb_err place_of(const struct bb_reservation *r, struct cdr_who *ret)
{
        struct bb_station station = {.present = 0};
        bb_err err = charging->station_get(r->station_id, &station);

        if (err != BB_E_NOT_FOUND)
                TRY(err);
        *ret = (struct cdr_who){.token_uid = r->token_uid,
                                .station_id = r->station_id,
                                .location_id = station.location_id,
                                .connector_id = r->connector_id};
        return location_zone(ret->location_id, &ret->time_zone);
}

/* Those of when it was made. BB_E_NOT_FOUND: there were none. */
static BB_AWAIT bb_err rules_at(const struct cdr_who *who, int64_t at_ms, const struct billing_options *options,
                                struct price_rules *ret)
{
        struct stored_contract contract;
        bb_str tariff;
        bb_rows *rows;

        TRY(terms_find(who, at_ms, options, &contract, &tariff));
        TRY(bb_db_query(&rows,
                        "select version from billing.tariff_version where tariff_id = $1 and saved_at <= $2"
                        " order by version desc limit 1",
                        BB_TEXT(tariff), BB_TIME(at_ms)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        *ret = (struct price_rules){
                .tariff_id = tariff, .tariff_version = bb_row_int(rows, 0, 0, 0), .time_zone = who->time_zone};
        if (contract.version > 0) {
                ret->contract_id = contract.contract.id;
                ret->contract_version = contract.version;
        }
        return BB_OK;
}

static bb_err price_expired(struct priced *p, const struct bb_reservation *r)
{
        const struct price_period reserved = {.start_ms = r->created_ms,
                                              .end_ms = r->expires_ms,
                                              .time_ms = r->expires_ms - r->created_ms,
                                              .state = PERIOD_EXPIRED};

        p->reservation_id = r->id;
        p->reserved_ms = r->created_ms;
        return price_stretches(p, &reserved, 1);
}

static BB_AWAIT bb_err write_down(const struct bb_reservation *r, const struct cdr_who *who, const struct priced *p)
{
        struct bb_stmt stmts[CDR_STMTS];
        struct cdr cdr = {.kind = CDR_KIND_RESERVATION,
                          .id = bb_uuid(),
                          .reservation_id = r->id,
                          .token_uid = who->token_uid,
                          .station_id = who->station_id,
                          .location_id = who->location_id,
                          .connector_id = who->connector_id,
                          .started_ms = r->created_ms,
                          .ended_ms = r->expires_ms};
        bb_err err;

        TRY(cdr_write(&cdr, p));
        cdr_stmts(&cdr, stmts);
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_EXISTS ? BB_OK : err; /* the event came twice */
}

BB_AWAIT bb_err cdr_settle_reservation(int64_t id, const struct billing_options *options)
{
        struct bb_reservation r;
        struct price_rules rules;
        struct cdr_who who;
        struct priced p;
        bb_err err = charging->reservation_get(id, &r);

        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        /* What the station never held, nobody pays for; and a late report may have told its use. */
        if (r.state != BB_RESERVATION_EXPIRED || !bb_str_is(r.answer, "Accepted") || r.expires_ms <= r.created_ms)
                return BB_OK;
        TRY(place_of(&r, &who));
        err = rules_at(&who, r.created_ms, options, &rules);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        TRY(price_rules_load(&rules, &p));
        if (!tariff_reserves(&p.tariff))
                return BB_OK;
        TRY(price_expired(&p, &r));
        return p.account.total.excl_vat != 0 || p.account.payable_minor != 0 ? write_down(&r, &who, &p) : BB_OK;
}
