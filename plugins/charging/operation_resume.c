/* SPDX-License-Identifier: Apache-2.0
 *
 * By the clock: operations of the database that this node does not know are taken into memory (a restart left them
 * behind, or another node began them), those that wait are sent when their station is here, and what has taken too long
 * ends with a sentence.
 */
#include "operation.h"
#include <stdlib.h>

#define LOAD_MS 30000
#define LOAD_MAX 20000
#define ANSWER_MARGIN_MS 5000

/* --- from the database --- */

enum {
        ID,
        STATION,
        ACTION,
        PAYLOAD,
        SEALED,
        FLAGS,
        TIMEOUT,
        EFFECT_TIMEOUT,
        STATE,
        LASTING,
        WAITS,
        EPOCH,
        FIRMWARE,
        DONE,
        SENT,
        DEADLINE,
        EXPIRES,
        ANSWER,
        VERSION,
        OF_BULK
};

static char *whole_payload(const bb_rows *rows, size_t i)
{
        bb_str sealed = bb_row_bytes(rows, i, SEALED), clear;

        if (sealed.len == 0)
                return text_keep(bb_row_str(rows, i, PAYLOAD));
        return bb_unseal("operation", sealed, &clear) == BB_OK ? text_keep(clear) : NULL;
}

/* Who asked for one that is not lasting is gone with the process that he asked: nobody sends it any more. */
static void take_in(struct charging *c, const bb_rows *rows, size_t i)
{
        struct operation *o =
                operation_new(c, bb_row_str(rows, i, ID), bb_row_str(rows, i, STATION), bb_row_str(rows, i, ACTION));

        o->flags = (int32_t)bb_row_int(rows, i, FLAGS, 0);
        o->timeout_ms = bb_row_int(rows, i, TIMEOUT, 0);
        o->effect_timeout_ms = bb_row_int(rows, i, EFFECT_TIMEOUT, 0);
        o->state = (int8_t)bb_row_int(rows, i, STATE, 0);
        o->lasting = (int8_t)bb_row_int(rows, i, LASTING, 0);
        o->waits = (int8_t)(bb_row_int(rows, i, WAITS, 0) || (o->lasting && o->state == BB_OPERATION_QUEUED));
        o->epoch = bb_row_int(rows, i, EPOCH, 0);
        o->firmware_before = text_keep(bb_row_str(rows, i, FIRMWARE));
        o->done = (uint64_t)bb_row_int(rows, i, DONE, 0);
        o->sent_ms = bb_row_time(rows, i, SENT, 0);
        o->deadline_ms = bb_row_time(rows, i, DEADLINE, 0);
        o->expires_ms = bb_row_time(rows, i, EXPIRES, 0);
        o->answer = text_keep(bb_row_str(rows, i, ANSWER));
        o->version = bb_row_int(rows, i, VERSION, 1);
        o->of_bulk = (int8_t)bb_row_int(rows, i, OF_BULK, 0);
        if (o->waits || o->state != BB_OPERATION_QUEUED)
                o->payload = whole_payload(rows, i);
        operation_drop(o);
}

/* Those of a bulk that nobody has begun with are its job's. */
static BB_AWAIT bb_err load(struct charging *c)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select o.operation_id::text, o.station_id, o.action, coalesce(o.payload, b.payload)::text,"
                        " coalesce(o.sealed, b.sealed), o.flags, o.timeout_ms, o.effect_timeout_ms, o.state, o.lasting,"
                        " o.waits, o.epoch, o.firmware_before, o.effects_done, o.sent_at, o.deadline_at, o.expires_at,"
                        " o.answer::text, o.version, o.bulk_id is not null from charging.operation o"
                        " left join charging.bulk b on b.bulk_id = o.bulk_id"
                        " where o.state < 3 and (o.bulk_id is null or o.state > 0 or o.waits)"
                        " order by o.operation_id limit $1",
                        BB_INT(LOAD_MAX)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                if (operation_find(c, bb_row_str(rows, i, ID)) == NULL)
                        take_in(c, rows, i);
        }
        c->operations->loaded_mono_ms = bb_mono_ms();
        return BB_OK;
}

/* --- what the driver knows of one that was left behind --- */

static BB_AWAIT bb_err plan(struct charging *c, struct operation *o)
{
        struct bb_effect_plan found = {.size = sizeof(found)};
        const struct bb_station_driver_ops *ops;
        bb_json *payload, *answer;
        struct bb_fault fault;
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select driver from charging.station where station_id = $1",
                        BB_TEXT(bb_cstr(o->station))));
        ops = bb_rows_count(rows) > 0 ? driver_of(c, bb_row_str(rows, 0, 0)) : NULL;
        if (ops == NULL || !BB_HAS(ops, effects) || ops->effects == NULL)
                return BB_E_OFFLINE; /* its plugin is not there; the deadline ends it */
        TRY(bb_json_parse(text_kept(o->payload), &payload, &fault));
        TRY(bb_json_parse(text_kept(o->answer), &answer, &fault));
        TRY(ops->effects(c->tenant, text_kept(o->action), payload, answer, &found));
        operation_plan_keep(o, &found);
        operation_look(c, o, 1);
        return BB_OK;
}

/* --- by the clock --- */

static BB_AWAIT void end(struct charging *c, struct operation *o, int32_t state, bb_str summary)
{
        const struct operation_change change = {
                .state = state, .summary = summary, .steps = step_text("ended", summary)};
        bb_err err = operation_write(c, o, &change);

        if (err < 0 && err != BB_E_NOT_FOUND && err != BB_E_CANCELED)
                bb_log(BB_WARN, "operation.trouble", "The end of a command could not be written; it will be.",
                       bb_kv_cstr("operation", o->id), bb_kv_err(err));
}

static int64_t seconds_since(int64_t ms)
{
        return ms != 0 ? (bb_now_ms() - ms + 999) / 1000 : 0;
}

static bb_str too_late(const struct operation *o)
{
        const struct bb_effect *next = effects_next(o->effects, o->effect_count, o->done);

        if (next == NULL)
                return BB_STR("Given up: what it was to bring about did not come in time.");
        return bb_print("Given up after %lld s of waiting for %.*s.", (long long)seconds_since(o->sent_ms),
                        BB_FMT(next->waiting));
}

static int confirms_something(const struct operation *o)
{
        for (size_t i = 0; i < o->effect_count; i++) {
                if (o->effects[i].kind == BB_EFFECT_CONFIRMED && !(o->done >> i & 1))
                        return 1;
        }
        return 0;
}

static int64_t live_epoch(struct charging *c, const struct operation *o) /* 0: its station is not here */
{
        const struct present_station *p = presence_find(&c->presence, bb_cstr(o->station), 0);

        return p != NULL && p->live ? p->epoch : 0;
}

/* An answer comes over the connection over which the command went out, or never. */
static int answer_is_lost(struct charging *c, const struct operation *o)
{
        return live_epoch(c, o) > o->epoch || bb_now_ms() > o->deadline_ms + ANSWER_MARGIN_MS;
}

/* What is to be done with it now? NULL: nothing. */
typedef BB_AWAIT void step_of(struct charging *, struct operation *);

static BB_AWAIT void step_expired(struct charging *c, struct operation *o)
{
        end(c, o, BB_OPERATION_FAILED,
            o->waits ? BB_STR("Not sent: the station did not connect in time.") : BB_STR("It was not sent in time."));
}

static BB_AWAIT void step_lost(struct charging *c, struct operation *o)
{
        end(c, o, BB_OPERATION_UNKNOWN,
            BB_STR("It was sent, and busbard restarted before the answer was stored; it is not sent again."));
}

static BB_AWAIT void step_late(struct charging *c, struct operation *o)
{
        end(c, o, BB_OPERATION_TIMED_OUT, too_late(o));
}

static BB_AWAIT void step_launch(struct charging *c, struct operation *o)
{
        (void)operation_launch(c, o);
}

static BB_AWAIT void step_plan(struct charging *c, struct operation *o)
{
        bb_err err = plan(c, o);

        if (err < 0 && err != BB_E_CANCELED && err != BB_E_OFFLINE)
                bb_log(BB_WARN, "operation.trouble", "A command that a restart left behind could not be taken up.",
                       bb_kv_cstr("operation", o->id), bb_kv_err(err));
}

static BB_AWAIT void step_look(struct charging *c, struct operation *o)
{
        operation_look(c, o, 0);
}

static step_of *step_queued(struct charging *c, const struct operation *o, int64_t now)
{
        if (o->mine)
                return NULL;
        if (now >= o->expires_ms)
                return step_expired;
        if (o->payload == NULL || now < o->retry_ms || (o->waits && live_epoch(c, o) == 0))
                return NULL;
        return step_launch;
}

static step_of *step_following(struct charging *c, const struct operation *o, int64_t now)
{
        if (now >= o->deadline_ms)
                return step_late;
        if (!o->planned)
                return now >= o->retry_ms ? step_plan : NULL;
        if (confirms_something(o) && !o->mine && now >= o->retry_ms && live_epoch(c, o) != 0)
                return step_launch;
        return o->look && !o->dirty ? step_look : NULL;
}

static step_of *step_for(struct charging *c, const struct operation *o, int64_t now)
{
        switch (o->state) {
        case BB_OPERATION_QUEUED:
                return step_queued(c, o, now);
        case BB_OPERATION_SENT:
                return !o->mine && answer_is_lost(c, o) ? step_lost : NULL;
        case BB_OPERATION_FOLLOWING:
                return step_following(c, o, now);
        default:
                return NULL;
        }
}

static struct operation **due(struct charging *c, size_t *ret_count)
{
        struct operations *all = c->operations;
        struct operation **list = BB_NEW_ARRAY(struct operation *, all->count + 1);
        int64_t now = bb_now_ms();

        *ret_count = 0;
        for (size_t i = 0; i < all->slots; i++) {
                for (struct operation *o = all->by_id[i]; o != NULL; o = o->next_id) {
                        if (step_for(c, o, now) != NULL)
                                list[(*ret_count)++] = operation_hold(o);
                }
        }
        return list;
}

void operations_tick(void *state)
{
        struct charging *c = state;
        struct operation **list;
        bb_err err = BB_OK;
        size_t count;

        if (c->operations->loaded_mono_ms == 0 || bb_mono_ms() - c->operations->loaded_mono_ms > LOAD_MS)
                err = load(c);
        if (err < 0 && err != BB_E_CANCELED && err != BB_E_UNAVAILABLE)
                bb_log(BB_WARN, "operation.trouble", "Commands under way could not be looked up.", bb_kv_err(err));
        if (c->operations->count == 0 || bb_db_away_ms() > 0)
                return;
        list = due(c, &count);
        for (size_t i = 0; i < count; i++) {
                step_of *step = step_for(c, list[i], bb_now_ms()); /* it may have changed meanwhile */

                if (step != NULL)
                        step(c, list[i]);
                operation_drop(list[i]);
        }
}

/* Ids of version 7 begin with their time. */
static bb_str oldest_id(int64_t ms)
{
        return bb_print("%08llx-%04llx-7000-8000-000000000000", (unsigned long long)ms >> 16,
                        (unsigned long long)ms & 0xffff);
}

BB_AWAIT bb_err operations_prune(struct charging *c)
{
        bb_str before = oldest_id(bb_now_ms() - c->config->operation_days * 86400000);
        const struct bb_stmt stmts[] = {
                BB_STMT("delete from charging.operation where operation_id in (select operation_id from"
                        " charging.operation where operation_id < $1 and state >= 3 order by operation_id limit 20000)",
                        BB_UUID(before)),
                BB_STMT("delete from charging.bulk b where b.bulk_id < $1 and b.state > 1 and not exists"
                        " (select 1 from charging.operation o where o.bulk_id = b.bulk_id)",
                        BB_UUID(before)),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}
