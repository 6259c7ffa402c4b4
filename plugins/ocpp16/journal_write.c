/* SPDX-License-Identifier: Apache-2.0
 *
 * From the list into the database: a task that starts with the first frame, gathers for half a second, writes one batch
 * in one statement, and ends. A day's old frames are deleted in small steps.
 */
#include "frame.h"
#include "journal.h"

#include <busbar/log.h>
#include <stdlib.h>

enum { GATHER_MS = 500, BATCH_COUNT = 1000, BATCH_BYTES = 1 << 20, PAUSE_MS = 1000, SYNC_MS = 2000, STOP_MS = 3000 };
/* Then it waits no longer. More than a batch, so that what is written was nearly always answered meanwhile, and needs
 * no patch. */
enum { GATHER_COUNT = 4000 };
enum { FIRST_CLEANING_MS = 10000, CLEANING_MS = 24 * 3600 * 1000, STEP_ROWS = 5000, STEP_PAUSE_MS = 200 };

struct columns {
        size_t count;
        bb_str *station, *action, *message_id, *payload, *verdict;
        int64_t *at, *id, *epoch, *outgoing, *type, *connector, *bytes, *cut, *latency, *pair;
};

static struct columns columns_new(size_t room)
{
        bb_str *texts = BB_NEW_ARRAY(bb_str, 5 * (room + 1));
        int64_t *numbers = BB_NEW_ARRAY(int64_t, 10 * (room + 1));
        struct columns c = {.count = 0};
        bb_str **text_columns[] = {&c.station, &c.action, &c.message_id, &c.payload, &c.verdict};
        int64_t **number_columns[] = {&c.at,        &c.id,    &c.epoch, &c.outgoing, &c.type,
                                      &c.connector, &c.bytes, &c.cut,   &c.latency,  &c.pair};

        for (size_t i = 0; i < BB_COUNT(text_columns); i++)
                *text_columns[i] = texts + i * room;
        for (size_t i = 0; i < BB_COUNT(number_columns); i++)
                *number_columns[i] = numbers + i * room;
        return c;
}

static void columns_add(struct columns *c, const struct journal_record *r)
{
        size_t i = c->count++;

        c->station[i] = r->station;
        c->action[i] = r->action.len > 0 ? r->action : BB_NONE;
        c->message_id[i] = r->message_id;
        c->payload[i] = r->payload.ptr != NULL ? r->payload : BB_STR("");
        c->verdict[i] = r->verdict[0] != '\0' ? bb_cstr(r->verdict) : BB_NONE;
        c->at[i] = r->at_ms;
        c->id[i] = r->kind == RECORD_PATCH ? r->bytes : r->id;
        c->epoch[i] = r->epoch;
        c->outgoing[i] = r->direction == JOURNAL_OUT;
        c->type[i] = r->kind;
        c->connector[i] = r->connector;
        c->bytes[i] = r->bytes;
        c->cut[i] = r->cut;
        c->latency[i] = r->latency_us;
        c->pair[i] = r->pair_id;
}

static int64_t edge(const int64_t *values, size_t count, int32_t latest)
{
        int64_t found = values[0];

        for (size_t i = 1; i < count; i++) {
                if (latest ? values[i] > found : values[i] < found)
                        found = values[i];
        }
        return found;
}

/* Not waited for by anybody, so the server need not wait for its disk either. A batch that was committed without our
 * knowing meets its own keys. Rows are found one by one: a join of another kind would read all of the station's month.
 */
static BB_AWAIT bb_err run_batch(const struct columns *c, const struct columns *patch)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("select set_config('synchronous_commit', 'off', true),"
                        " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"),
                BB_STMT("insert into ocpp16.message (station_id, at, id, epoch, outgoing, type, action, message_id,"
                        " connector_id, payload, bytes, cut, verdict, latency_us, pair_id)"
                        " select s, at, id, epoch, outgoing <> 0, type, action, message_id, nullif(connector, -1),"
                        " payload, bytes, cut <> 0, verdict, nullif(latency, -1), nullif(pair, 0)"
                        " from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],"
                        " $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[],"
                        " $12::bigint[], $13::text[], $14::bigint[], $15::bigint[])"
                        " as n(s, at, id, epoch, outgoing, type, action, message_id, connector, payload, bytes, cut,"
                        " verdict, latency, pair) on conflict do nothing",
                        BB_TEXT_ARRAY(c->station, c->count), BB_TIME_ARRAY(c->at, c->count),
                        BB_INT_ARRAY(c->id, c->count), BB_INT_ARRAY(c->epoch, c->count),
                        BB_INT_ARRAY(c->outgoing, c->count), BB_INT_ARRAY(c->type, c->count),
                        BB_TEXT_ARRAY(c->action, c->count), BB_TEXT_ARRAY(c->message_id, c->count),
                        BB_INT_ARRAY(c->connector, c->count), BB_TEXT_ARRAY(c->payload, c->count),
                        BB_INT_ARRAY(c->bytes, c->count), BB_INT_ARRAY(c->cut, c->count),
                        BB_TEXT_ARRAY(c->verdict, c->count), BB_INT_ARRAY(c->latency, c->count),
                        BB_INT_ARRAY(c->pair, c->count)),
                BB_STMT("update ocpp16.message m set verdict = n.verdict, latency_us = nullif(n.latency, -1),"
                        " pair_id = n.pair"
                        " from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::text[], $5::bigint[],"
                        " $6::bigint[]) as n(s, at, id, verdict, latency, pair)"
                        " where m.station_id = n.s and m.at = n.at and m.id = n.id and m.at between $7 and $8",
                        BB_TEXT_ARRAY(patch->station, patch->count), BB_TIME_ARRAY(patch->at, patch->count),
                        BB_INT_ARRAY(patch->id, patch->count), BB_TEXT_ARRAY(patch->verdict, patch->count),
                        BB_INT_ARRAY(patch->latency, patch->count), BB_INT_ARRAY(patch->pair, patch->count),
                        BB_TIME(edge(patch->at, patch->count, 0)), BB_TIME(edge(patch->at, patch->count, 1))),
        };

        return bb_db_run(stmts, patch->count > 0 ? 3 : 2, NULL);
}

/* BB_OK: there is no batch under way any more, since it was written or can never be. */
static BB_AWAIT bb_err write_batch(struct journal *j)
{
        struct columns frames, patches;
        size_t count = 0;
        bb_err err;

        if (j->flight == NULL)
                j->flight = journal_detach(j, BATCH_COUNT, BATCH_BYTES);
        for (struct journal_record *r = j->flight; r != NULL; r = r->next)
                count++;
        if (count == 0)
                return BB_OK;
        frames = columns_new(count);
        patches = columns_new(count);
        for (struct journal_record *r = j->flight; r != NULL; r = r->next) {
                journal_mask(r);
                columns_add(r->kind == RECORD_PATCH ? &patches : &frames, r);
        }
        err = run_batch(&frames, &patches);
        if (err == BB_E_CANCELED || storm_is_outage(err))
                return err;
        if (err < 0) {
                bb_log(BB_WARN, "ocpp.journal", "a batch of frames could not be journalled",
                       bb_kv_int("frames", (int64_t)count), bb_kv_err(err));
                journal_count_dropped(frames.count);
        }
        records_free(j->flight);
        j->flight = NULL;
        return BB_OK;
}

static BB_AWAIT void write_next(void *arg)
{
        struct journal *j = arg;
        bb_err err = BB_OK;

        if (j->flight == NULL && j->count < BATCH_COUNT && !j->hurry) {
                j->gathering = 1;
                err = bb_cond_wait(j->more, GATHER_MS);
                j->gathering = 0;
        }
        if (err != BB_E_CANCELED)
                err = write_batch(j);
        if (err < 0 && err != BB_E_CANCELED)
                err = bb_sleep(PAUSE_MS) < 0 ? BB_E_CANCELED : BB_OK;
        j->writing = 0;
        j->hurry = 0;
        bb_cond_wake_all(j->written);
        /* The memory of a batch goes with its task. */
        if (err != BB_E_CANCELED && (j->first != NULL || j->flight != NULL))
                j->wake(j);
}

static void wake(struct journal *j)
{
        if (j->gathering && (j->count >= GATHER_COUNT || j->hurry))
                bb_cond_wake_all(j->more);
        if (j->writing)
                return;
        /* A tenant that stops gets no new tasks: journal_stop writes the rest then. */
        j->writing = bb_task_spawn("ocpp16.journal", j->owner->tenant, 0, write_next, j, NULL) == BB_OK;
}

static int32_t holds(const struct journal *j, int64_t id)
{
        return (j->flight != NULL && j->flight->id <= id) || (j->first != NULL && j->first->id <= id);
}

BB_AWAIT void journal_sync(struct journal *j)
{
        int64_t target = j->last_id, until = bb_mono_ms() + SYNC_MS;

        while (holds(j, target) && bb_mono_ms() < until) {
                j->hurry = 1;
                wake(j);
                if (bb_cond_wait(j->written, until - bb_mono_ms()) == BB_E_CANCELED)
                        return;
        }
}

/* --- what is old --- */

static BB_AWAIT bb_err delete_step(int64_t before_ms, int64_t *ret_count)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "delete from ocpp16.message m using (select station_id, at, id from ocpp16.message"
                        " where at < $1 limit $2) old"
                        " where m.station_id = old.station_id and m.at = old.at and m.id = old.id and m.at < $1",
                        BB_TIME(before_ms), BB_INT(STEP_ROWS)));
        *ret_count = bb_rows_affected(rows);
        return BB_OK;
}

static BB_AWAIT void clean(void *arg)
{
        struct ocpp_tenant *owner = arg;
        int64_t before_ms = bb_now_ms() - (int64_t)owner->options->journal_days * CLEANING_MS;
        int64_t count = 0, total = 0;
        bb_err err;

        do {
                err = delete_step(before_ms, &count);
                total += count;
        } while (err == BB_OK && count == STEP_ROWS && bb_sleep(STEP_PAUSE_MS) == BB_OK);
        if (total > 0)
                bb_log(BB_INFO, "ocpp.journal_cleaned", NULL, bb_kv_int("frames", total));
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.journal_cleaned", "old frames could not be deleted; the next try is in a day",
                       bb_kv_err(err));
}

/* --- with the tenant --- */

bb_err journal_start(struct ocpp_tenant *owner)
{
        struct journal *j;

        bb_timer_new(owner->tenant, "ocpp16.journal_cleaning", FIRST_CLEANING_MS, CLEANING_MS, clean, owner);
        if (owner->options->journal_days == 0)
                return BB_OK;
        j = calloc(1, sizeof(*j));
        if (j == NULL)
                return BB_E_INTERNAL;
        journal_init(j, owner);
        j->wake = wake;
        j->show = journal_show;
        j->more = bb_cond_new();
        j->written = bb_cond_new();
        owner->journal = j;
        return BB_OK;
}

static void give_up(struct journal_record *list)
{
        for (struct journal_record *r = list; r != NULL; r = r->next) {
                if (r->kind != RECORD_PATCH)
                        journal_count_dropped(1);
        }
        records_free(list);
}

BB_AWAIT void journal_stop(struct ocpp_tenant *owner)
{
        struct journal *j = owner->journal;
        int64_t until = bb_mono_ms() + STOP_MS;

        if (j == NULL)
                return;
        while ((j->first != NULL || j->flight != NULL) && bb_mono_ms() < until && bb_db_away_ms() == 0) {
                if (write_batch(j) < 0)
                        break;
        }
        give_up(j->flight);
        give_up(j->first);
        bb_cond_free(j->more);
        bb_cond_free(j->written);
        owner->journal = NULL;
        free(j);
}
