/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts become steps. A fact that comes by is kept with the operations of its station; one task a tenant looks at
 * those that got some, so that no station waits for it.
 */
#include "operation.h"

/* What a look at one operation found. */
struct findings {
        uint64_t done; /* effects that came now */
        bb_json *steps;
        bb_str failed; /* a sentence; BB_NONE: no */
        bb_str session_id;
        int32_t connectors; /* something was said about a connector */
};

bb_str operation_waiting(const struct operation *o)
{
        const struct bb_effect *next = effects_next(o->effects, o->effect_count, o->done);

        return next != NULL ? bb_print("Waiting for %.*s.", BB_FMT(next->waiting)) : BB_NONE;
}

/* --- facts --- */

static void follow_task(void *arg);

static void wake(struct charging *c)
{
        if (c->operations->following || c->operations->dirty_first == NULL)
                return;
        c->operations->following = bb_task_spawn("charging.follow", c->tenant, 0, follow_task, c, NULL) == BB_OK;
}

void operation_look(struct charging *c, struct operation *o, int look)
{
        if (look)
                o->look = 1;
        operation_dirty(c, o);
        wake(c);
}

/* One that waits for its station is sent when that has booted, or had the time to. */
static void comes_back(struct operation *o, const struct fact *f)
{
        enum { BOOT_MS = 3000 };

        if (o->state != BB_OPERATION_QUEUED || !o->waits)
                return;
        if (f->kind == FACT_BOOTED)
                o->retry_ms = 0;
        if (f->kind == FACT_CONNECTED)
                o->retry_ms = bb_now_ms() + BOOT_MS;
}

void operation_fact(struct charging *c, bb_str station, const struct fact *f)
{
        if (c->operations->count == 0)
                return;
        for (struct operation *o = operations_of(c, station); o != NULL; o = o->next_station) {
                if (!operation_is_of(o, station))
                        continue;
                comes_back(o, f);
                if (f->kind == FACT_LOOK)
                        o->look = 1;
                else if (o->state == BB_OPERATION_SENT || o->state == BB_OPERATION_FOLLOWING)
                        operation_fact_keep(o, f);
                if (o->state == BB_OPERATION_FOLLOWING)
                        operation_dirty(c, o);
        }
        wake(c);
}

int32_t charging_station_watched(bb_str station)
{
        struct charging *c = charging_state();

        if (c == NULL || c->operations->count == 0)
                return 0;
        for (struct operation *o = operations_of(c, station); o != NULL; o = o->next_station) {
                if (operation_is_of(o, station))
                        return 1;
        }
        return 0;
}

void charging_station_note(const struct bb_station_ref *who, const struct bb_station_note *note)
{
        const struct fact fact = {.kind = FACT_NOTE,
                                  .connector_id = note->connector_id,
                                  .failed = note->failed,
                                  .note = note->name,
                                  .value = note->value,
                                  .at_ms = bb_now_ms()};
        struct charging *c = charging_state();

        if (c != NULL)
                operation_fact(c, who->station_id, &fact);
}

/* --- what they mean --- */

static void effect_came(const struct operation *o, size_t i, const struct fact *f, struct findings *ret)
{
        if ((o->done | ret->done) >> i & 1)
                return;
        ret->done |= 1ull << i;
        step_add(ret->steps, "effect", text_sentence(o->effects[i].text));
        if (f != NULL && f->session_id.len > 0)
                ret->session_id = bb_str_dup(f->session_id);
}

static void apply(const struct operation *o, const struct fact *f, struct findings *ret)
{
        const struct effect_context context = {.firmware_before = text_kept(o->firmware_before)};

        ret->connectors |= f->kind == FACT_CONNECTOR;
        for (size_t i = 0; i < o->effect_count; i++) {
                const struct bb_effect *e = &o->effects[i];

                if (effect_is(e, f, &context))
                        effect_came(o, i, f, ret);
                else if (effect_failed(e, f) && ret->failed.ptr == NULL)
                        ret->failed = bb_print("The station reported %.*s.", BB_FMT(f->value));
                else if (effect_progress(e, f))
                        step_add(ret->steps, "note", bb_print("The station reported %.*s.", BB_FMT(f->value)));
        }
}

/* --- what the database knows --- */

static void look_at_station(const struct operation *o, const bb_rows *rows, struct findings *ret)
{
        int64_t boot_ms = bb_row_time(rows, 0, 0, 0), connected_ms = bb_row_time(rows, 0, 2, 0);
        const struct fact booted = {.kind = FACT_BOOTED, .firmware_version = bb_row_str(rows, 0, 1)};
        const struct fact connected = {.kind = FACT_CONNECTED};

        if (connected_ms > o->sent_ms)
                apply(o, &connected, ret);
        if (boot_ms > o->sent_ms)
                apply(o, &booted, ret);
}

static void look_at_connectors(const struct operation *o, const bb_rows *rows, struct findings *ret)
{
        size_t count = bb_rows_count(rows);
        int64_t *ids = BB_NEW_ARRAY(int64_t, 2 * count + 1), *statuses = ids + count;

        for (size_t i = 0; i < count; i++) {
                ids[i] = bb_row_int(rows, i, 0, 0);
                statuses[i] = bb_row_int(rows, i, 1, 0);
                apply(o, &(struct fact){.kind = FACT_CONNECTOR, .connector_id = ids[i], .status = (int32_t)statuses[i]},
                      ret);
        }
        for (size_t i = 0; i < o->effect_count; i++) {
                if (effect_wants_all(&o->effects[i]) && effect_holds_for_all(&o->effects[i], ids, statuses, count))
                        effect_came(o, i, NULL, ret);
        }
}

static void look_at_sessions(const struct operation *o, const bb_rows *rows, struct findings *ret)
{
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct fact f = {.kind = FACT_SESSION_STARTED,
                                 .session_id = bb_row_str(rows, i, 0),
                                 .connector_id = bb_row_int(rows, i, 1, 0),
                                 .token_uid = bb_row_str(rows, i, 2),
                                 .transaction_id = bb_row_int(rows, i, 3, 0)};

                if (bb_row_time(rows, i, 5, 0) >= o->sent_ms)
                        apply(o, &f, ret);
                f.kind = FACT_SESSION_ENDED;
                if (bb_row_int(rows, i, 4, 0) != 0)
                        apply(o, &f, ret);
        }
}

static int64_t transaction_of(const struct operation *o)
{
        for (size_t i = 0; i < o->effect_count; i++) {
                if (o->effects[i].kind == BB_EFFECT_SESSION_ENDED)
                        return o->effects[i].transaction_id;
        }
        return 0;
}

static BB_AWAIT bb_err look(const struct operation *o, struct findings *ret)
{
        const bb_str station = bb_cstr(o->station);
        bb_rows *rows[3];
        const struct bb_stmt stmts[] = {
                BB_STMT("select boot_at, firmware_version, connected_at from charging.station where station_id = $1",
                        BB_TEXT(station)),
                BB_STMT("select connector_id, status from charging.connector where station_id = $1"
                        " order by connector_id",
                        BB_TEXT(station)),
                BB_STMT("(select session_id::text, connector_id, token_uid, transaction_id, state, start_received_at"
                        " from charging.session where station_id = $1 order by started_at desc limit 20)"
                        " union (select session_id::text, connector_id, token_uid, transaction_id, state,"
                        " start_received_at from charging.session where station_id = $1 and transaction_id = $2)",
                        BB_TEXT(station), BB_INT(transaction_of(o))),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        if (bb_rows_count(rows[0]) > 0)
                look_at_station(o, rows[0], ret);
        look_at_connectors(o, rows[1], ret);
        look_at_sessions(o, rows[2], ret);
        return BB_OK;
}

static int wants_all(const struct operation *o)
{
        for (size_t i = 0; i < o->effect_count; i++) {
                if (effect_wants_all(&o->effects[i]) && !(o->done >> i & 1))
                        return 1;
        }
        return 0;
}

/* --- and what becomes of the operation --- */

static bb_str last_text(const struct operation *o, uint64_t came)
{
        bb_str text = BB_NONE;

        for (size_t i = 0; i < o->effect_count; i++) {
                if (came >> i & 1)
                        text = text_sentence(o->effects[i].text);
        }
        return text;
}

static BB_AWAIT bb_err take(struct charging *c, struct operation *o, struct findings *f)
{
        struct operation_change change = {.state = BB_OPERATION_FOLLOWING, .session_id = f->session_id};

        if (f->failed.ptr == NULL && bb_json_count(f->steps) == 0)
                return BB_OK;
        o->done |= f->done;
        if (f->failed.ptr != NULL)
                change.state = BB_OPERATION_FAILED;
        else if (effects_complete(o->effects, o->effect_count, o->done))
                change.state = BB_OPERATION_SUCCEEDED;
        if (change.state == BB_OPERATION_FOLLOWING)
                change.summary = operation_waiting(o);
        else
                change.summary = f->failed.ptr != NULL ? f->failed : last_text(o, f->done);
        step_add(f->steps, change.state == BB_OPERATION_FOLLOWING ? "waiting" : "ended", change.summary);
        change.steps = bb_json_text(f->steps);
        return operation_write_surely(c, o, &change);
}

BB_AWAIT bb_err operation_came(struct charging *c, struct operation *o, size_t effect)
{
        struct findings f = {.steps = bb_json_new_array()};

        effect_came(o, effect, NULL, &f);
        return take(c, o, &f);
}

static BB_AWAIT bb_err follow(struct charging *c, struct operation *o)
{
        struct findings f = {.steps = bb_json_new_array()};
        struct kept_fact *facts = operation_facts_take(o);
        bb_err err = BB_OK;

        for (const struct kept_fact *k = facts; k != NULL; k = k->next)
                apply(o, &k->is, &f);
        if (o->look || (f.connectors && wants_all(o))) {
                o->look = 0;
                err = look(o, &f);
                o->look |= err < 0; /* once more at the next tick; what the facts said counts all the same */
        }
        if (err != BB_E_CANCELED)
                err = take(c, o, &f);
        facts_free(facts);
        return err;
}

static struct operation *pop(struct operations *all)
{
        struct operation *o = all->dirty_first;

        if (o == NULL)
                return NULL;
        all->dirty_first = o->next_dirty;
        if (all->dirty_first == NULL)
                all->dirty_end = &all->dirty_first;
        o->next_dirty = NULL;
        o->dirty = 0;
        return o;
}

/* Its memory is the task's, so it does not live longer than a handful. */
static void follow_task(void *arg)
{
        enum { HANDFUL = 200 };
        struct charging *c = arg;
        struct operation *o;

        for (int i = 0; i < HANDFUL && (o = pop(c->operations)) != NULL; i++) {
                bb_err err = o->state == BB_OPERATION_FOLLOWING && o->planned ? follow(c, o) : BB_OK;

                if (err < 0 && err != BB_E_CANCELED && err != BB_E_NOT_FOUND)
                        bb_log(BB_WARN, "operation.trouble", "What became of a command could not be looked up.",
                               bb_kv_cstr("operation", o->id), bb_kv_cstr("station", o->station), bb_kv_err(err));
                operation_drop(o);
                if (err == BB_E_CANCELED)
                        break;
        }
        c->operations->following = 0;
        wake(c);
}
