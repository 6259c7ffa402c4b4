/* SPDX-License-Identifier: Apache-2.0
 *
 * Which stations are brought in step, and when: those that this node holds and that are not known to be in step, some a
 * second, and only once changes have come to rest. In memory there are hints alone; what must last is in the tables, so
 * that a new connection, on whichever node, finds out for itself.
 */
#include "local_list.h"

#include "ocpp16.h"
#include "storm.h"

#include <stdlib.h>

enum {
        POLL_MS = 30000,        /* the bus may lose a message */
        GATHER_TIMES = 6,       /* changes without end wait this many delays at most */
        TROUBLE_MS = 30000,     /* the database was away */
        UNDER_WAY_SECONDS = 10, /* stations that do not answer hold up that many seconds' worth of others */
        PRUNE_MINUTES = 60,
        SETTLE_MOST_MS = 10000 /* a new connection has other things to say first */
};

static bb_str subject(const struct ocpp_tenant *owner)
{
        return bb_print("ocpp16.lists.%.*s", BB_FMT(owner->id));
}

void lists_tell(struct ocpp_tenant *owner, bb_str id)
{
        bb_err err = bb_bus_publish(subject(owner), id.ptr != NULL ? id : BB_STR(""));

        if (err < 0)
                bb_log(BB_WARN, "ocpp.bus", "other nodes were not told of a change of the local list", bb_kv_err(err));
}

static void look_again(struct station *st)
{
        st->list_version = 0;
        st->list_idle = 0;
        st->list_again = st->list_busy;
        st->list_due_mono_ms = bb_mono_ms();
}

void lists_booted(struct station *st)
{
        if (st->owner->lists == NULL)
                return;
        look_again(st);
        st->list_due_mono_ms = 0; /* settles first, as after connecting */
}

static void on_bus(bb_str subject_, bb_str data, bb_str *ret_reply, void *arg)
{
        struct ocpp_tenant *owner = arg;
        struct station *st;

        (void)subject_, (void)ret_reply;
        if (owner->lists == NULL)
                return;
        owner->lists->stale = 1;
        st = data.len > 0 ? table_find(&owner->stations, data) : NULL;
        if (st != NULL)
                look_again(st);
}

/* --- which is next --- */

static BB_AWAIT bb_err revision_poll(struct lists *l)
{
        int64_t now = bb_mono_ms();
        bb_rows *rows;
        int64_t revision;

        if (!l->stale && l->revision != 0 && now - l->polled_mono_ms < POLL_MS)
                return BB_OK;
        l->stale = 0;
        l->polled_mono_ms = now;
        TRY(bb_db_query(&rows, "select revision from ocpp16.list_head where reconciled_at is not null"));
        revision = bb_rows_count(rows) > 0 ? bb_row_int(rows, 0, 0, 0) : 0;
        if (revision == l->revision)
                return BB_OK;
        l->revision = revision;
        l->changed_mono_ms = now;
        if (l->pending_mono_ms == 0)
                l->pending_mono_ms = now;
        return BB_OK;
}

/* Changes come in crowds: an import, a shift of cards. */
static int32_t has_settled(struct lists *l, int64_t delay_ms)
{
        int64_t now = bb_mono_ms();

        if (l->revision == 0)
                return 0;
        if (now - l->changed_mono_ms < delay_ms && now - l->pending_mono_ms < GATHER_TIMES * delay_ms)
                return 0;
        l->pending_mono_ms = 0;
        return 1;
}

static int32_t is_due(struct station *st, const struct lists *l, int64_t settle_ms, int64_t now)
{
        if (st->ws == NULL || !st->online || st->list_busy || st->list_idle || st->list_version >= l->revision)
                return 0;
        if (st->list_due_mono_ms == 0)
                st->list_due_mono_ms = now + settle_ms;
        return now >= st->list_due_mono_ms;
}

static void sync_task(void *arg)
{
        struct station *st = arg;
        struct lists *l = st->owner->lists;
        struct list_result result = {.revision = 0};
        bb_err err = list_sync(st, &result);

        if (err < 0 && err != BB_E_CANCELED && err != BB_E_NOT_FOUND && !storm_is_outage(err))
                bb_log(BB_WARN, "ocpp.local_list", "a station's local list could not be looked after",
                       bb_kv_str("station", station_id(st)), bb_kv_err(err));
        if (err < 0)
                result.again_ms = TROUBLE_MS;
        if (st->list_again) /* somebody asked meanwhile */
                result = (struct list_result){.revision = 0, .again_ms = 1};
        st->list_again = 0;
        st->list_version = result.revision;
        st->list_idle = result.revision == 0 && result.again_ms == 0;
        st->list_due_mono_ms = bb_mono_ms() + result.again_ms;
        st->list_busy = 0;
        l->running--;
        station_drop(st);
}

static void sync_start(struct station *st)
{
        station_hold(st);
        st->list_busy = 1;
        st->owner->lists->running++;
        if (bb_task_spawn("ocpp16.local_list", st->owner->tenant, 0, sync_task, st, NULL) == BB_OK)
                return;
        st->list_busy = 0;
        st->owner->lists->running--;
        station_drop(st);
}

static void start_some(struct ocpp_tenant *owner)
{
        int32_t left = owner->options->local_list_per_second;
        int32_t room = UNDER_WAY_SECONDS * left - owner->lists->running;
        int64_t settle = 1000 * (int64_t)owner->options->local_list_delay_s, now = bb_mono_ms();

        if (settle > SETTLE_MOST_MS)
                settle = SETTLE_MOST_MS;
        if (left > room)
                left = room;
        for (size_t i = 0; i < owner->stations.room && left > 0; i++) {
                for (struct station *st = owner->stations.chains[i]; st != NULL && left > 0; st = st->next) {
                        if (!is_due(st, owner->lists, settle, now))
                                continue;
                        sync_start(st);
                        left--;
                }
        }
}

static BB_AWAIT void tick(void *arg)
{
        struct ocpp_tenant *owner = arg;
        struct lists *l = owner->lists;

        if (l == NULL || l->busy || bb_db_away_ms() > 0)
                return;
        l->busy = 1;
        if (revision_poll(l) == BB_OK && has_settled(l, 1000 * (int64_t)owner->options->local_list_delay_s))
                start_some(owner);
        l->busy = 0;
}

/* Asked again each minute until it is done: an event of before this plugin's first cursor is nobody's. */
static BB_AWAIT void minute(void *arg)
{
        struct ocpp_tenant *owner = arg;
        struct lists *l = owner->lists;
        bb_err err = l != NULL ? list_reconcile_ask(owner) : BB_OK;

        if (err == BB_OK && l != NULL && l->minutes++ % PRUNE_MINUTES == 0)
                err = list_prune();
        if (err < 0 && err != BB_E_CANCELED && !storm_is_outage(err))
                bb_log(BB_WARN, "ocpp.local_list",
                       "the minute's work on the local list failed; the next one tries again", bb_kv_err(err));
}

bb_err lists_start(struct ocpp_tenant *owner)
{
        if (owner->options->local_list == LIST_OFF)
                return BB_OK;
        owner->lists = calloc(1, sizeof(*owner->lists));
        if (owner->lists == NULL)
                return BB_E_INTERNAL;
        owner->lists->stale = 1;
        TRY(bb_bus_subscribe(owner->tenant, subject(owner), on_bus, owner, &owner->lists->subscription));
        if (bb_timer_new(owner->tenant, "ocpp16.lists", 1000, 1000, tick, owner) == NULL ||
            bb_timer_new(owner->tenant, "ocpp16.lists_minute", 100, 60000, minute, owner) == NULL)
                return BB_E_INTERNAL;
        return BB_OK;
}

/* The tasks and timers have ended. */
void lists_stop(struct ocpp_tenant *owner)
{
        free(owner->lists);
        owner->lists = NULL;
}
