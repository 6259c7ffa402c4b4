/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/sessions/{id}/price: what a session costs so far, or cost in the end. While it runs the account is made anew
 * from its samples; with the CDR it is made once and kept.
 */
#include "session_price.h"
#include "billing.h"
#include "cdr.h"
#include "contract.h"
#include "split.h"
#include "usage.h"

static const struct {
        uint32_t bit;
        const char *name;
} oddities[] = {
        {USAGE_BACKWARDS, "register-backwards"}, {USAGE_BEYOND, "register-beyond-the-end"},
        {USAGE_OUTSIDE, "samples-outside"},      {USAGE_GAP, "gap"},
        {USAGE_ESTIMATED, "estimated"},          {USAGE_NEGATIVE, "register-negative"},
};

struct session_price {
        uint64_t present;
        bb_str session_id, tariff_id, contract_id;
        int64_t tariff_version, contract_version;
        int32_t final;
        struct bb_array oddities; /* of bb_str */
        struct account account;
};
enum { PRICE_CONTRACT = 3, PRICE_CONTRACT_VERSION = 4 };
static const struct bb_field price_fields[] = {
        FIELD(session_price, session_id, "session_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(session_price, tariff_id, "tariff_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(session_price, tariff_version, "tariff_version", BB_T_INT, .flags = BB_REQUIRED,
              .about = "That of the session's start; later changes of the tariff do not touch it."),
        FIELD(session_price, contract_id, "contract_id", BB_T_STR),
        FIELD(session_price, contract_version, "contract_version", BB_T_INT),
        FIELD(session_price, final, "final", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "It has its CDR, and stays as it is."),
        FIELD(session_price, oddities, "oddities", BB_T_ARRAY, .flags = BB_REQUIRED, .item = BB_T_STR,
              .about = "Of the meter: register-backwards, register-beyond-the-end, samples-outside, gap, estimated, "
                       "register-negative."),
        FIELD(session_price, account, "account", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &PriceAccount),
};
BB_SHAPE(SessionPrice, session_price, 0, "The price of a session.", price_fields);

/* --- what was used --- */

static BB_AWAIT bb_err read_samples(bb_str session_id, struct usage *u)
{
        enum { STEP = 1000, MOST = 200000 };
        struct bb_sample *all = NULL, *some, *larger;
        size_t count = 0, room = 0, got;

        do {
                TRY(charging->session_sample_list(session_id, (int64_t)count - 1, STEP, &some, &got));
                if (count + got > room) {
                        room = 2 * (count + got);
                        larger = BB_NEW_ARRAY(struct bb_sample, room);
                        if (count > 0)
                                memcpy(larger, all, count * sizeof(*all));
                        all = larger;
                }
                if (got > 0)
                        memcpy(all + count, some, got * sizeof(*some));
                count += got;
        } while (got == STEP && count < MOST);
        u->samples = all;
        u->sample_count = count;
        return BB_OK;
}

/* The state at the start, and every change until the end. */
static BB_AWAIT bb_err read_states(const struct bb_session *s, struct usage *u)
{
        struct usage_state *states;
        bb_rows *rows;
        size_t count;

        TRY(bb_db_query(&rows,
                        "select at, status from billing.connector_state where station_id = $1 and connector_id = $2"
                        " and at < $4 and at >= coalesce((select max(at) from billing.connector_state"
                        " where station_id = $1 and connector_id = $2 and at <= $3), $3) order by at, status",
                        BB_TEXT(s->station_id), BB_INT(s->connector_id), BB_TIME(u->started_ms), BB_TIME(u->ended_ms)));
        count = bb_rows_count(rows);
        states = BB_NEW_ARRAY(struct usage_state, count + 1);
        for (size_t i = 0; i < count; i++)
                states[i] = (struct usage_state){.at_ms = bb_row_time(rows, i, 0, 0),
                                                 .status = (int32_t)bb_row_int(rows, i, 1, 0)};
        /* What was before the transaction (Finishing of the one before, Preparing) is not a pause of this one. */
        if (count > 0 && states[0].at_ms < u->started_ms)
                states[0].status = BB_CONNECTOR_CHARGING;
        u->states = states;
        u->state_count = count;
        return BB_OK;
}

static BB_AWAIT bb_err read_usage(const struct bb_session *s, struct usage *u)
{
        int64_t now = bb_now_ms();
        int32_t ended = s->state != BB_SESSION_OPEN;

        *u = (struct usage){.started_ms = s->started_ms,
                            .ended_ms = ended                 ? s->ended_ms
                                        : now > s->started_ms ? now
                                                              : s->started_ms,
                            .meter_start_wh = s->meter_start_wh,
                            .meter_stop_wh = s->meter_stop_wh,
                            .has_stop = ended};
        TRY(read_samples(s->id, u));
        return read_states(s, u);
}

BB_AWAIT bb_err session_parking(const struct bb_session *s, int64_t *ret_ms, int32_t *ret_parked)
{
        struct usage usage = {.started_ms = s->started_ms, .ended_ms = bb_now_ms() + 1}; /* a stretch has a length */
        struct price_period *stretches;
        uint32_t found;
        size_t count;

        *ret_ms = *ret_parked = 0;
        if (usage.ended_ms <= usage.started_ms)
                return BB_OK;
        TRY(read_states(s, &usage));
        TRY(usage_stretches(&usage, &stretches, &count, &found));
        for (size_t i = 0; i < count; i++)
                *ret_ms += stretches[i].state == PERIOD_PARKING ? stretches[i].time_ms : 0;
        *ret_parked = count > 0 && stretches[count - 1].state == PERIOD_PARKING;
        *ret_ms -= *ret_parked;
        return BB_OK;
}

/* --- its price --- */

static struct bb_array oddity_names(uint32_t found)
{
        bb_str *names = BB_NEW_ARRAY(bb_str, BB_COUNT(oddities));
        size_t count = 0;

        for (size_t i = 0; i < BB_COUNT(oddities); i++) {
                if (found & oddities[i].bit)
                        names[count++] = bb_cstr(oddities[i].name);
        }
        return (struct bb_array){.items = names, .count = count};
}

/* BB_E_NOT_FOUND: there was no price for it when it began. */
static BB_AWAIT bb_err price(const struct bb_session *s, struct session_price *ret)
{
        struct price_policy policy = {.missing_vat = VAT_MISSING_NONE};
        struct stored_contract contract;
        struct ocpi_remarks remarks = {.count = 0};
        struct price_session session = {.offset_s = zone_offset_s};
        struct price_period *stretches, *periods;
        struct stored_tariff stored;
        struct tariff tariff;
        struct usage usage;
        const bb_zone *zone;
        uint32_t found;
        bb_rows *rows;

        TRY(bb_db_query(
                &rows,
                "select tariff_id, tariff_version, time_zone, contract_id, contract_version from billing.session"
                " where session_id = $1",
                BB_UUID(s->id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        *ret = (struct session_price){.present = ~0ull,
                                      .session_id = s->id,
                                      .tariff_id = bb_row_str(rows, 0, 0),
                                      .tariff_version = bb_row_int(rows, 0, 1, 0),
                                      .contract_id = bb_row_str(rows, 0, 3),
                                      .contract_version = bb_row_int(rows, 0, 4, 0)};
        if (ret->contract_id.ptr == NULL) {
                ret->present &= ~(1ull << PRICE_CONTRACT | 1ull << PRICE_CONTRACT_VERSION);
        } else {
                TRY(contract_load(ret->contract_id, ret->contract_version, &contract));
                policy = contract_policy(&contract.contract);
                session.fee = contract_fee(&contract.contract);
        }
        TRY(bb_zone_open(bb_row_str(rows, 0, 2), &zone));
        TRY(tariff_load(ret->tariff_id, ret->tariff_version, &stored));
        TRY(ocpi_tariff_compile(&stored.tariff, OCPI_2_3_0, &tariff, &remarks));
        TRY(read_usage(s, &usage));
        session.tariff = &tariff;
        session.zone = zone;
        TRY(usage_stretches(&usage, &stretches, &session.period_count, &found));
        session.periods = stretches;
        TRY(price_split(&session, &periods, &session.period_count));
        session.periods = periods;
        ret->oddities = oddity_names(found);
        return account_make(&session, &policy, &ret->account);
}

BB_AWAIT bb_err session_price_read(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct session_price now;
        struct bb_session s;
        bb_json *kept;
        struct bb_fault fault;
        bb_rows *rows;
        bb_err err;

        TRY(charging->session_get(id, &s));
        TRY(bb_db_query(&rows, "select account from billing.cdr where session_id = $1 and kind = 0", BB_UUID(s.id)));
        if (bb_rows_count(rows) > 0) {
                TRY(bb_json_parse(bb_row_str(rows, 0, 0), &kept, &fault));
                bb_response_json(res, kept);
                return BB_OK;
        }
        err = price(&s, &now);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 404, "no-price",
                                  BB_STR("No tariff was in force for this session when it began."));
        TRY(err);
        bb_response_shape(res, &SessionPrice, &now);
        return BB_OK;
}

BB_AWAIT bb_err session_price_payable(const struct bb_session *s, int64_t *ret_minor)
{
        struct session_price now;

        TRY(price(s, &now));
        *ret_minor = now.account.payable_minor;
        return BB_OK;
}

static struct cdr cdr_of(const struct bb_session *s, const struct session_price *p)
{
        struct cdr cdr = {.kind = CDR_KIND_SESSION,
                          .session_id = s->id,
                          .tariff_id = p->tariff_id,
                          .tariff_version = p->tariff_version,
                          .contract_id = p->contract_id,
                          .contract_version = p->contract_version,
                          .token_uid = s->token_uid,
                          .station_id = s->station_id,
                          .location_id = s->location_id,
                          .connector_id = s->connector_id,
                          .started_ms = s->started_ms,
                          .ended_ms = s->ended_ms,
                          .account = bb_shape_encode_text(&SessionPrice, p)};

        cdr_take_account(&cdr, &p->account);
        return cdr;
}

BB_AWAIT bb_err session_price_settle(bb_str cdr_id, bb_str session_id)
{
        struct bb_stmt stmts[CDR_STMTS];
        struct session_price final;
        struct bb_session s;
        struct cdr cdr;
        bb_err err;

        TRY(charging->session_get(session_id, &s));
        err = price(&s, &final);
        if (err == BB_E_NOT_FOUND) /* nobody said what it costs */
                return BB_OK;
        TRY(err);
        final.final = 1;
        cdr = cdr_of(&s, &final);
        cdr.id = cdr_id;
        cdr_stmts(&cdr, stmts);
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_EXISTS ? BB_OK : err; /* the event came twice */
}
