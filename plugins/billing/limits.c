/* SPDX-License-Identifier: Apache-2.0
 *
 * A limit goes from armed over warned to reached. Each step is one run with its event, so that nobody is told twice;
 * what is to be done at the limit is tried until the session has ended.
 */
#include "limits.h"
#include "session_price.h"

#include <busbar/charging_profile.h>
#include <stdlib.h>

enum { LIMIT_ARMED = 0, LIMIT_WARNED = 1, LIMIT_REACHED = 2, LIMIT_OVER = 3 };
enum { LOOK_MS = 15000, RETRY_MS = 10000, CLAIM_MS = 60000, CLAIM_MOST = 100, HOLDING_MA = 1000000 };

static const char *const kind_names[LIMIT_KINDS] = {"duration", "energy", "amount"};

struct limit {
        bb_str session_id, station_id;
        int64_t kind, connector_id, transaction_id, most, warn_at, at_limit, state, told;
};

/* --- the station itself --- */

static BB_AWAIT bb_err driver_name(bb_str station_id, bb_str *ret)
{
        struct bb_station station;

        TRY(charging->station_get(station_id, &station));
        *ret = station.driver;
        return BB_OK;
}

/* The interface that the station's driver provides; NULL: it has none. */
static const void *driver_of(bb_str driver, const char *interface)
{
        const void *ops;
        bb_str plugin;

        for (size_t i = 0; (ops = bb_host_->provider(bb_self_, interface, i, &plugin)) != NULL; i++) {
                if (bb_str_eq(plugin, driver) && bb_tenant_has(bb_task_tenant(), bb_str_c(plugin)))
                        return ops;
        }
        return NULL;
}

/* A profile of the transaction: free until `free_s`, and no power from then on (OCPP 1.6 §3.13). Not every station can;
 * our own watch holds all the same. */
static BB_AWAIT int32_t send_profile(bb_str driver, const struct limit *l, int64_t free_s)
{
        const struct bb_charging_profile_ops *ops = driver_of(driver, "charging_profile/1");
        struct bb_schedule_period periods[2] = {{.present = 3, .limit_milli = HOLDING_MA},
                                                {.present = 3, .start_s = free_s}};
        struct bb_charging_profile profile = {.station_id = l->station_id,
                                              .connector_id = l->connector_id,
                                              .transaction_id = l->transaction_id,
                                              .stack_level = 0,
                                              .purpose = BB_PROFILE_TX,
                                              .kind = BB_PROFILE_RELATIVE,
                                              .recurs = BB_RECURS_NEVER,
                                              .schedule = {.unit = BB_RATE_AMPERES}};
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_charging_profile kept;

        if (ops == NULL)
                return 0;
        profile.schedule.periods = free_s > 0 ? (struct bb_array){.items = periods, .count = 2}
                                              : (struct bb_array){.items = &periods[1], .count = 1};
        if (ops->put(BB_STR("billing"), &profile, &result, &kept) < 0 || result.outcome != BB_COMMAND_ANSWERED)
                return 0;
        return bb_str_is(bb_json_str(bb_json_get(result.answer, "status")), "Accepted");
}

static BB_AWAIT bb_err stop(bb_str driver, const struct limit *l)
{
        const struct bb_station_driver_ops *ops = driver_of(driver, "station_driver/1");
        struct bb_command_result result = {.size = sizeof(result)};

        if (ops == NULL)
                return BB_E_OFFLINE;
        return ops->stop(bb_task_tenant(), l->station_id, (int32_t)l->transaction_id, &result);
}

/* --- arming --- */

static int64_t most_of(const struct contract_limits *l, int32_t kind)
{
        const int64_t most[LIMIT_KINDS] = {l->duration_ms, l->energy_mwh, l->amount_minor};

        return most[kind];
}

BB_AWAIT bb_err limits_arm(bb_str session_id, const struct contract_limits *limits)
{
        struct bb_session s;

        TRY(charging->session_get(session_id, &s));
        if (s.state != BB_SESSION_OPEN)
                return BB_OK;
        for (int32_t kind = 0; kind < LIMIT_KINDS; kind++) {
                int64_t most = most_of(limits, kind), warn_at = most * limits->warn_percent / 100;

                if (most == 0)
                        continue;
                TRY(bb_db_query(
                        NULL,
                        "insert into billing.session_limit (session_id, kind, station_id, connector_id, transaction_id,"
                        " most, warn_at, at_limit, next_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                        " on conflict (tenant_id, session_id, kind) do nothing",
                        BB_UUID(session_id), BB_INT(kind), BB_TEXT(s.station_id), BB_INT(s.connector_id),
                        BB_INT(s.transaction_id), BB_INT(most), BB_INT(warn_at), BB_INT(limits->at_limit),
                        BB_TIME(bb_now_ms())));
        }
        return BB_OK;
}

/* --- watching --- */

static BB_AWAIT bb_err used_of(const struct limit *l, const struct bb_session *s, int64_t *ret)
{
        switch (l->kind) {
        case LIMIT_DURATION:
                *ret = bb_now_ms() - s->started_ms;
                return BB_OK;
        case LIMIT_ENERGY:
                *ret = s->energy_wh * 1000;
                return BB_OK;
        default:
                return session_price_payable(s, ret);
        }
}

/* From one state to the next, with its event. Of two nodes one finds the row as it was. */
static BB_AWAIT bb_err advance(const struct limit *l, int64_t state, int64_t used, int64_t next_ms)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", l->session_id);
        bb_json_set_str(payload, "station_id", l->station_id);
        bb_json_set_str(payload, "kind", bb_cstr(kind_names[l->kind]));
        bb_json_set_int(payload, "most", l->most);
        bb_json_set_int(payload, "used", used);
        const struct bb_stmt stmts[] = {
                {.sql = "update billing.session_limit set state = $3, next_at = $4,"
                        " warned_at = case when $3 = 1 then $5 else warned_at end,"
                        " reached_at = case when $3 = 2 then $5 else reached_at end"
                        " where session_id = $1 and kind = $2 and state < $3",
                 .params = (const struct bb_param[]){BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(state),
                                                     BB_TIME(next_ms), BB_TIME(bb_now_ms())},
                 .param_count = 5,
                 .flags = BB_STMT_MUST_HIT},
                bb_event_stmt(state == LIMIT_WARNED ? "session.limit_near" : "session.limit_reached", l->session_id,
                              bb_json_text(payload)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static BB_AWAIT bb_err end(const struct limit *l)
{
        return bb_db_query(NULL, "update billing.session_limit set state = 3 where session_id = $1 and kind = $2",
                           BB_UUID(l->session_id), BB_INT(l->kind));
}

static BB_AWAIT bb_err look_again(const struct limit *l, int64_t next_ms)
{
        return bb_db_query(NULL, "update billing.session_limit set next_at = $3 where session_id = $1 and kind = $2",
                           BB_UUID(l->session_id), BB_INT(l->kind), BB_TIME(next_ms));
}

/* A stop is tried until the session has ended; power is taken away once, and where that is refused the session is
 * stopped. */
static BB_AWAIT bb_err act(const struct limit *l)
{
        bb_str driver;
        bb_err err;

        if (l->at_limit == AT_LIMIT_NOTIFY)
                return end(l);
        TRY(driver_name(l->station_id, &driver));
        if (l->at_limit == AT_LIMIT_THROTTLE && send_profile(driver, l, 0))
                return end(l);
        err = stop(driver, l);
        if (err < 0 && err != BB_E_OFFLINE)
                bb_log(BB_WARN, "billing.limit", "a session at its limit could not be stopped; tried again",
                       bb_kv_str("station", l->station_id), bb_kv_str("session", l->session_id), bb_kv_err(err));
        return look_again(l, bb_now_ms() + RETRY_MS);
}

/* Once, and whether it can or not. */
static BB_AWAIT bb_err tell_station(const struct limit *l, const struct bb_session *s)
{
        int64_t left_s = (s->started_ms + l->most - bb_now_ms() + 999) / 1000;
        bb_str driver;

        if (l->told || l->kind != LIMIT_DURATION || l->at_limit == AT_LIMIT_NOTIFY || left_s <= 0)
                return BB_OK;
        TRY(bb_db_query(NULL, "update billing.session_limit set told = true where session_id = $1 and kind = $2",
                        BB_UUID(l->session_id), BB_INT(l->kind)));
        TRY(driver_name(l->station_id, &driver));
        (void)send_profile(driver, l, (l->most + 999) / 1000);
        return BB_OK;
}

static BB_AWAIT bb_err watch(struct limit *l)
{
        struct bb_session s;
        int64_t used = 0, next_ms;
        bb_err err = charging->session_get(l->session_id, &s);

        if (err == BB_E_NOT_FOUND || (err == BB_OK && s.state != BB_SESSION_OPEN))
                return end(l);
        TRY(err);
        TRY(tell_station(l, &s));
        err = used_of(l, &s, &used);
        if (err == BB_E_NOT_FOUND) /* an amount, and no price */
                return end(l);
        TRY(err);
        next_ms = l->kind == LIMIT_DURATION ? s.started_ms + l->most : bb_now_ms() + LOOK_MS;
        if (l->state == LIMIT_REACHED || used >= l->most) {
                if (l->state != LIMIT_REACHED)
                        TRY(advance(l, LIMIT_REACHED, used, bb_now_ms() + RETRY_MS));
                return act(l);
        }
        if (used >= l->warn_at && l->state == LIMIT_ARMED)
                return advance(l, LIMIT_WARNED, used, next_ms);
        return look_again(l,
                          l->state == LIMIT_ARMED && l->kind == LIMIT_DURATION ? s.started_ms + l->warn_at : next_ms);
}

/* In a task of its own: a station that does not answer keeps nobody else waiting. */
static BB_AWAIT void watch_task(void *arg)
{
        struct limit l = *(struct limit *)arg;
        bb_err err;

        l.session_id = bb_str_dup(l.session_id);
        l.station_id = bb_str_dup(l.station_id);
        free(arg);
        err = watch(&l);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "billing.limit", "a session's limit could not be looked at; tried again",
                       bb_kv_str("session", l.session_id), bb_kv_err(err));
}

/* A copy with its texts behind it, until its task has begun. */
static struct limit *limit_copy(const struct limit *l)
{
        struct limit *copy = malloc(sizeof(*copy) + l->session_id.len + l->station_id.len);
        char *text;

        if (copy == NULL)
                return NULL;
        *copy = *l;
        text = (char *)(copy + 1);
        memcpy(text, l->session_id.ptr, l->session_id.len);
        memcpy(text + l->session_id.len, l->station_id.ptr, l->station_id.len);
        copy->session_id.ptr = text;
        copy->station_id.ptr = text + l->session_id.len;
        return copy;
}

/* Due ones are claimed by moving their next look: another node does not see them meanwhile, and one that dies leaves
 * them to the next. */
BB_AWAIT void limits_tick(void *arg)
{
        bb_rows *rows;
        int64_t now = bb_now_ms();

        (void)arg;
        if (bb_db_query(
                    &rows,
                    "update billing.session_limit l set next_at = $2 from (select session_id, kind from"
                    " billing.session_limit where state < 3 and next_at <= $1 order by next_at limit $3"
                    " for update skip locked) d where l.session_id = d.session_id and l.kind = d.kind returning"
                    " l.session_id::text, l.kind, l.station_id, l.connector_id, l.transaction_id, l.most, l.warn_at,"
                    " l.at_limit, l.state, l.told",
                    BB_TIME(now), BB_TIME(now + CLAIM_MS), BB_INT(CLAIM_MOST)) < 0)
                return; /* the database is away: the next tick comes */
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct limit *copy = limit_copy(&(struct limit){.session_id = bb_row_str(rows, i, 0),
                                                                .kind = bb_row_int(rows, i, 1, 0),
                                                                .station_id = bb_row_str(rows, i, 2),
                                                                .connector_id = bb_row_int(rows, i, 3, 0),
                                                                .transaction_id = bb_row_int(rows, i, 4, 0),
                                                                .most = bb_row_int(rows, i, 5, 0),
                                                                .warn_at = bb_row_int(rows, i, 6, 0),
                                                                .at_limit = bb_row_int(rows, i, 7, 0),
                                                                .state = bb_row_int(rows, i, 8, 0),
                                                                .told = bb_row_int(rows, i, 9, 0)});

                if (copy != NULL && bb_task_spawn("billing.limit", NULL, CLAIM_MS, watch_task, copy, NULL) < 0)
                        free(copy);
        }
}
