/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/quotas: what a token has used and has left, contract by contract.
 */
#include "quota.h"

const struct bb_query_param quotas_query[2] = {
        {.name = "token", .type = BB_T_STR, .flags = BB_REQUIRED, .about = "The token's uid."},
        {.name = "station",
         .type = BB_T_STR,
         .about = "In whose location's calendar; the tenant's when absent. A station's id."},
};

struct quota_part {
        uint64_t present;
        int64_t most, used, left;
};
#define PART(shape_, type_, scale_, about_)                                                                            \
        static const struct bb_field shape_##_fields[] = {                                                             \
                FIELD(quota_part, most, "most", type_, .scale = scale_, .flags = BB_REQUIRED),                         \
                FIELD(quota_part, used, "used", type_, .scale = scale_, .flags = BB_REQUIRED),                         \
                FIELD(quota_part, left, "left", type_, .scale = scale_, .flags = BB_REQUIRED)};                        \
        static BB_SHAPE(shape_, quota_part, 0, about_, shape_##_fields)
PART(QuotaNumber, BB_T_INT, 0, "Of sessions, or of the currency's smallest unit.");
PART(QuotaTime, BB_T_DECIMAL, 3, "Seconds.");
PART(QuotaEnergy, BB_T_DECIMAL, 6, "Kilowatt-hours.");

struct quota_item {
        uint64_t present;
        bb_str contract_id, refused;
        int32_t per, of;
        int64_t since_ms, until_ms, next_ms;
        struct quota_part parts[QUOTA_KINDS];
};
enum { ITEM_REFUSED = 1, ITEM_PER, ITEM_OF, ITEM_SINCE, ITEM_UNTIL, ITEM_NEXT, ITEM_PARTS };
static const struct bb_field item_fields[] = {
        FIELD(quota_item, contract_id, "contract_id", BB_T_STR, .flags = BB_REQUIRED),
        [ITEM_REFUSED] = FIELD(quota_item, refused, "refused", BB_T_STR,
                               .about = "Why the token would be refused now; absent: it would not be."),
        [ITEM_PER] = FIELD(quota_item, per, "per", BB_T_ENUM, .values = quota_periods),
        [ITEM_OF] = FIELD(quota_item, of, "of", BB_T_ENUM, .values = quota_owners),
        [ITEM_SINCE] = FIELD(quota_item, since_ms, "since", BB_T_TIME),
        [ITEM_UNTIL] = FIELD(quota_item, until_ms, "until", BB_T_TIME, .about = "Exclusive."),
        [ITEM_NEXT] = FIELD(quota_item, next_ms, "next_at", BB_T_TIME,
                            .about = "Before it the contract's cooldown lets no session begin."),
        [ITEM_PARTS + QUOTA_SESSIONS] =
                FIELD(quota_item, parts[QUOTA_SESSIONS], "sessions", BB_T_OBJECT, .shape = &QuotaNumber),
        [ITEM_PARTS + QUOTA_DURATION] =
                FIELD(quota_item, parts[QUOTA_DURATION], "duration_s", BB_T_OBJECT, .shape = &QuotaTime),
        [ITEM_PARTS + QUOTA_ENERGY] =
                FIELD(quota_item, parts[QUOTA_ENERGY], "energy_kwh", BB_T_OBJECT, .shape = &QuotaEnergy),
        [ITEM_PARTS + QUOTA_AMOUNT] =
                FIELD(quota_item, parts[QUOTA_AMOUNT], "amount_minor", BB_T_OBJECT, .shape = &QuotaNumber),
};
static BB_SHAPE(QuotaUse, quota_item, 0, "A contract's quota, as one token meets it.", item_fields);

struct quotas {
        uint64_t present;
        struct bb_array items;
};
static const struct bb_field quotas_fields[] = {
        FIELD(quotas, items, "items", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &QuotaUse),
};
BB_SHAPE(Quotas, quotas, 0, "Contracts with a quota or a cooldown that are for a token somewhere.", quotas_fields);

static void take_use(const struct contract_quota *q, const struct quota_use *use, struct quota_item *item)
{
        item->present |= 1ull << ITEM_PER | 1ull << ITEM_OF | 1ull << ITEM_SINCE | 1ull << ITEM_UNTIL;
        item->per = q->per;
        item->of = q->of;
        item->since_ms = use->since_ms;
        item->until_ms = use->until_ms;
        for (int32_t kind = 0; kind < QUOTA_KINDS; kind++) {
                int64_t left = q->most[kind] - use->used[kind];

                if (q->most[kind] == 0)
                        continue;
                item->present |= 1ull << (ITEM_PARTS + kind);
                item->parts[kind] = (struct quota_part){
                        .present = ~0ull, .most = q->most[kind], .used = use->used[kind], .left = left > 0 ? left : 0};
        }
}

static BB_AWAIT bb_err item_of(const struct contract_limits *l, const struct quota_view *v, struct quota_item *ret)
{
        struct quota_use use;

        *ret = (struct quota_item){.present = 1, .contract_id = v->contract_id};
        TRY(quota_refusal(l, v, &ret->refused));
        ret->present |= ret->refused.ptr != NULL ? 1ull << ITEM_REFUSED : 0;
        if (l->cooldown_ms > 0)
                TRY(quota_cooldown(l->cooldown_ms, v, &ret->next_ms));
        ret->present |= ret->next_ms > 0 ? 1ull << ITEM_NEXT : 0;
        if (l->quota == NULL)
                return BB_OK;
        TRY(quota_use(l->quota, v, &use));
        take_use(l->quota, &use, ret);
        return BB_OK;
}

/* The contracts with restrictions that have a rule for such tokens, wherever. */
static BB_AWAIT bb_err contracts_of(bb_str token, bb_rows **ret)
{
        struct session_facts f = {.at_ms = bb_now_ms()};

        TRY(session_facts_token(token, &f));
        return bb_db_query(ret,
                           "select c.contract_id from billing.contract c where c.restricts and not c.retired"
                           " and exists (select from billing.contract_rule r where r.contract_id = c.contract_id"
                           " and (r.who_kind, r.who_value) in"
                           " ((0, ''), (1, $1), (2, lower($2)), (3, lower($3)), (4, $4), (5, lower($5)))"
                           " and (r.valid_until is null or r.valid_until > $6)) order by c.contract_id limit 100",
                           BB_TEXT(contract_channel(&f)), BB_TEXT(f.token_partner), BB_TEXT(f.token_group),
                           BB_TEXT(f.token_contract), BB_TEXT(f.token_uid), BB_TIME(f.at_ms));
}

static BB_AWAIT bb_err zone_of_station(bb_str station_id, bb_str *ret)
{
        struct bb_station station = {.location_id = BB_NONE};

        if (station_id.len > 0)
                TRY(charging->station_get(station_id, &station));
        return location_zone(station.location_id, ret);
}

BB_AWAIT bb_err quotas_list(bb_request *req, bb_response *res)
{
        struct quota_view view = {.token_uid = bb_request_query(req, "token"), .at_ms = bb_now_ms()};
        struct quotas quotas = {.present = ~0ull};
        struct quota_item *items;
        bb_rows *rows;
        bb_err err = zone_of_station(bb_request_query(req, "station"), &view.time_zone);

        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, err, 404, "unknown-station", BB_STR("There is no such station."));
        TRY(err);
        TRY(contracts_of(view.token_uid, &rows));
        items = BB_NEW_ARRAY(struct quota_item, bb_rows_count(rows) + 1);
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct stored_contract stored;

                view.contract_id = bb_row_str(rows, i, 0);
                err = contract_load(view.contract_id, 0, &stored);
                if (err == BB_E_NOT_FOUND) /* ended a moment ago */
                        continue;
                TRY(err);
                if (contract_restricts(&stored.contract))
                        TRY(item_of(stored.contract.limits, &view, &items[quotas.items.count++]));
        }
        quotas.items.items = items;
        bb_response_shape(res, &Quotas, &quotas);
        return BB_OK;
}
