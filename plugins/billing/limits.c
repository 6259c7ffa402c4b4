/* SPDX-License-Identifier: Apache-2.0
 *
 * A limit goes from armed over warned to reached. Each step is one run with its event, so that nobody is told twice;
 * what is to be done at the limit (limit_act.c) is tried until the session has ended.
 */
#include "limits.h"
#include "limit_wait.h"
#include "quota.h"
#include "session_price.h"

#include <stdlib.h>

enum { LIMIT_ARMED = 0, LIMIT_WARNED = 1, LIMIT_REACHED = 2, LIMIT_OVER = 3 };
enum { KEEP_MS = 7 * 86400000, RETRY_MS = 10000, CLAIM_MS = 60000, CLAIM_MOST = 100, CLAIM_ROUNDS = 5 };

static const char *const kind_names[LIMIT_KINDS] = {"duration", "energy", "amount", "idle", "sessions", "cooldown"};
static const char *const source_names[] = {"contract", "quota"}; /* LIMIT_OF_… */

/* --- watching --- */

/* How much of a limit is used, and how fast it grows: of its unit in an hour; 0: not by itself, or nobody knows. */
struct used {
        int64_t amount, per_hour;
        int64_t at_ms;   /* when it was measured */
        int64_t took_ms; /* to find out */
};
enum { HOUR_MS = 3600000 };

static BB_AWAIT bb_err used_duration(const struct bb_session *s, struct used *ret)
{
        *ret = (struct used){.amount = bb_now_ms() - s->started_ms, .per_hour = HOUR_MS};
        return BB_OK;
}

static BB_AWAIT bb_err used_energy(const struct bb_session *s, struct used *ret)
{
        *ret = (struct used){.amount = s->energy_wh * 1000, .per_hour = s->power_w * 1000, .at_ms = s->last_sample_ms};
        return BB_OK;
}

/* An amount grows about as the energy does. */
static BB_AWAIT bb_err used_amount(const struct bb_session *s, struct used *ret)
{
        int64_t began_ms = bb_mono_ms();

        *ret = (struct used){.at_ms = s->last_sample_ms};
        TRY(session_price_payable(s, &ret->amount));
        ret->took_ms = bb_mono_ms() - began_ms;
        if (s->energy_wh > 0 && ret->amount > 0)
                ret->per_hour = (int64_t)((__int128)ret->amount * s->power_w / s->energy_wh);
        return BB_OK;
}

static BB_AWAIT bb_err used_idle(const struct bb_session *s, struct used *ret)
{
        int32_t parked;

        TRY(session_parking(s, &ret->amount, &parked));
        ret->per_hour = parked ? HOUR_MS : 0;
        return BB_OK;
}

static BB_AWAIT bb_err used_none(const struct bb_session *s, struct used *ret)
{
        (void)s;
        *ret = (struct used){.amount = 0};
        return BB_OK;
}

static BB_AWAIT bb_err (*const used_of[LIMIT_KINDS])(const struct bb_session *, struct used *ret) = {
        [LIMIT_DURATION] = used_duration, [LIMIT_ENERGY] = used_energy, [LIMIT_AMOUNT] = used_amount,
        [LIMIT_IDLE] = used_idle,         [LIMIT_SESSIONS] = used_none, [LIMIT_COOLDOWN] = used_none,
};

static int64_t next_look(const struct limit *l, const struct used *used)
{
        int64_t goal = l->state == LIMIT_ARMED && used->amount < l->warn_at ? l->warn_at : l->most;
        struct limit_pace pace = {.left = goal - used->amount,
                                  .per_hour = used->per_hour,
                                  .age_ms = bb_now_ms() - used->at_ms,
                                  .took_ms = used->took_ms,
                                  .by_clock = l->kind == LIMIT_DURATION || l->kind == LIMIT_IDLE,
                                  .shared = l->source == LIMIT_OF_QUOTA};

        return bb_now_ms() + limit_wait_ms(&pace);
}

/* From one state to the next, with its event. Of two nodes one finds the row as it was. */
static BB_AWAIT bb_err advance(const struct limit *l, int64_t state, int64_t used, int64_t next_ms)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "session_id", l->session_id);
        bb_json_set_str(payload, "station_id", l->station_id);
        bb_json_set_str(payload, "kind", bb_cstr(kind_names[l->kind]));
        bb_json_set_str(payload, "source", bb_cstr(source_names[l->source]));
        bb_json_set_int(payload, "most", l->most);
        bb_json_set_int(payload, "used", used);
        bb_json_set_str(payload, "at_limit", contract_at_limit_name((int32_t)l->at_limit));
        const struct bb_stmt stmts[] = {
                {.sql = "update billing.session_limit set state = $4, next_at = $5,"
                        " warned_at = case when $4 = 1 then $6 else warned_at end,"
                        " reached_at = case when $4 = 2 then $6 else reached_at end"
                        " where session_id = $1 and kind = $2 and source = $3 and state < $4",
                 .params = (const struct bb_param[]){BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(l->source),
                                                     BB_INT(state), BB_TIME(next_ms), BB_TIME(bb_now_ms())},
                 .param_count = 6,
                 .flags = BB_STMT_MUST_HIT},
                bb_event_stmt(state == LIMIT_WARNED ? "session.limit_near" : "session.limit_reached", l->session_id,
                              bb_json_text(payload)),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static BB_AWAIT bb_err end(const struct limit *l)
{
        return bb_db_query(NULL,
                           "update billing.session_limit set state = 3, next_at = $4"
                           " where session_id = $1 and kind = $2 and source = $3",
                           BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(l->source), BB_TIME(bb_now_ms()));
}

BB_AWAIT bb_err limits_end(bb_str session_id)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("update billing.session_limit set state = 3, next_at = $2 where session_id = $1 and state < 3",
                        BB_UUID(session_id), BB_TIME(bb_now_ms())),
                BB_STMT("update billing.session set running = false where session_id = $1 and running",
                        BB_UUID(session_id)),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

BB_AWAIT bb_err limits_forget(void)
{
        return bb_db_query(NULL,
                           "delete from billing.session_limit where (session_id, kind, source) in (select session_id,"
                           " kind, source from billing.session_limit where state = 3 and next_at < $1 order by next_at"
                           " limit 10000)",
                           BB_TIME(bb_now_ms() - KEEP_MS));
}

/* Unless something has made it due meanwhile. */
static BB_AWAIT bb_err look_again(const struct limit *l, int64_t next_ms)
{
        return bb_db_query(NULL,
                           "update billing.session_limit set next_at = $4, most = $6"
                           " where session_id = $1 and kind = $2 and source = $3 and next_at = $5",
                           BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(l->source), BB_TIME(next_ms),
                           BB_TIME(l->claimed_ms), BB_INT(l->most));
}

static BB_AWAIT bb_err act(const struct limit *l)
{
        int32_t done;
        bb_err err = limit_act(l, &done);

        if (err < 0)
                bb_log(BB_WARN, "billing.limit", "a session at its limit could not be stopped; tried again",
                       bb_kv_str("station", l->station_id), bb_kv_str("session", l->session_id), bb_kv_err(err));
        else if (done)
                return end(l);
        return look_again(l, bb_now_ms() + RETRY_MS);
}

/* Once, and whether it can or not. */
static BB_AWAIT bb_err tell_station(const struct limit *l, const struct bb_session *s)
{
        int32_t acts = l->at_limit == AT_LIMIT_STOP || l->at_limit == AT_LIMIT_THROTTLE;

        if (l->told || l->kind != LIMIT_DURATION || !acts || s->started_ms + l->most <= bb_now_ms())
                return BB_OK;
        TRY(bb_db_query(NULL,
                        "update billing.session_limit set told = true"
                        " where session_id = $1 and kind = $2 and source = $3",
                        BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(l->source)));
        return limit_tell(l, (l->most + 999) / 1000);
}

/* Other sessions use the same quota meanwhile. Whether this one was one too many was clear when it began. */
static BB_AWAIT bb_err count_quota(struct limit *l, const struct bb_session *s)
{
        int64_t left[LIMIT_KINDS];

        if (l->source != LIMIT_OF_QUOTA || l->state == LIMIT_REACHED || l->kind >= LIMIT_SESSIONS)
                return BB_OK;
        TRY(limits_left(s, left));
        if (left[l->kind] < INT64_MAX)
                l->most = left[l->kind];
        return BB_OK;
}

/* What others count as used of the quota that they share. */
static BB_AWAIT bb_err keep_used(const struct limit *l, const struct used *used)
{
        if (l->source != LIMIT_OF_QUOTA || (l->kind != LIMIT_ENERGY && l->kind != LIMIT_AMOUNT))
                return BB_OK;
        return bb_db_query(NULL,
                           "update billing.session set energy_mwh = case when $2 = 1 then $3 else energy_mwh end,"
                           " payable_minor = case when $2 = 2 then $3 else payable_minor end where session_id = $1",
                           BB_UUID(l->session_id), BB_INT(l->kind), BB_INT(used->amount));
}

static BB_AWAIT bb_err reach(struct limit *l, int64_t used)
{
        if (l->state != LIMIT_REACHED) {
                l->state = LIMIT_REACHED;
                TRY(advance(l, LIMIT_REACHED, used, l->claimed_ms));
        }
        return act(l);
}

static BB_AWAIT bb_err watch(struct limit *l)
{
        struct bb_session s;
        struct used used;
        bb_err err = charging->session_get(l->session_id, &s);

        if (err == BB_E_NOT_FOUND || (err == BB_OK && s.state != BB_SESSION_OPEN))
                return limits_end(l->session_id);
        TRY(err);
        TRY(count_quota(l, &s));
        TRY(tell_station(l, &s));
        err = used_of[l->kind](&s, &used);
        if (err == BB_E_NOT_FOUND) /* an amount, and no price */
                return end(l);
        TRY(err);
        TRY(keep_used(l, &used));
        if (l->state == LIMIT_REACHED || used.amount >= l->most)
                return reach(l, used.amount);
        if (used.amount >= l->warn_at && l->state == LIMIT_ARMED)
                return advance(l, LIMIT_WARNED, used.amount, next_look(l, &used));
        return look_again(l, next_look(l, &used));
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

static struct limit limit_row(const bb_rows *rows, size_t i)
{
        return (struct limit){.session_id = bb_row_str(rows, i, 0),
                              .kind = bb_row_int(rows, i, 1, 0),
                              .source = bb_row_int(rows, i, 2, 0),
                              .station_id = bb_row_str(rows, i, 3),
                              .connector_id = bb_row_int(rows, i, 4, 0),
                              .transaction_id = bb_row_int(rows, i, 5, 0),
                              .most = bb_row_int(rows, i, 6, 0),
                              .warn_at = bb_row_int(rows, i, 7, 0),
                              .at_limit = bb_row_int(rows, i, 8, 0),
                              .keeps_milli = bb_row_int(rows, i, 9, 0),
                              .keeps_unit = bb_row_int(rows, i, 10, 0),
                              .state = bb_row_int(rows, i, 11, 0),
                              .told = bb_row_int(rows, i, 12, 0),
                              .claimed_ms = bb_row_time(rows, i, 13, 0)};
}

/* Due ones are claimed by moving their next look: another node does not see them meanwhile, and one that dies leaves
 * them to the next. */
static BB_AWAIT bb_err claim(size_t *ret_count)
{
        int64_t now = bb_now_ms();
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "update billing.session_limit l set next_at = $2 from (select session_id, kind, source from"
                        " billing.session_limit where state < 3 and next_at <= $1 order by next_at limit $3"
                        " for update skip locked) d where l.session_id = d.session_id and l.kind = d.kind"
                        " and l.source = d.source returning l.session_id::text, l.kind, l.source, l.station_id,"
                        " l.connector_id, l.transaction_id, l.most, l.warn_at, l.at_limit, l.keeps_milli,"
                        " l.keeps_unit, l.state, l.told, l.next_at",
                        BB_TIME(now), BB_TIME(now + CLAIM_MS), BB_INT(CLAIM_MOST)));
        *ret_count = bb_rows_count(rows);
        for (size_t i = 0; i < *ret_count; i++) {
                struct limit l = limit_row(rows, i), *copy = limit_copy(&l);

                if (copy != NULL && bb_task_spawn("billing.limit", NULL, CLAIM_MS, watch_task, copy, NULL) < 0)
                        free(copy);
        }
        return BB_OK;
}

BB_AWAIT void limits_tick(void *arg)
{
        size_t count = CLAIM_MOST;

        (void)arg;
        for (int32_t i = 0; i < CLAIM_ROUNDS && count == CLAIM_MOST; i++) {
                if (claim(&count) < 0)
                        return; /* the database is away: the next tick comes */
        }
}
