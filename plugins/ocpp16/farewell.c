/* SPDX-License-Identifier: Apache-2.0
 *
 * A closed connection becomes "offline" in the domain. Thousands may close at once, and the database may be away then,
 * so they wait in a list of the tenant that some tasks work off: what they say shares commits. The list holds the
 * socket's reference to the station.
 */
#include "ocpp16.h"

enum { PAUSE_MS = 1000, TASKS = 64 };

static bb_str reason_of(const struct station *st)
{
        switch (st->close_code) {
        case 0:
                return BB_STR("the handshake was not completed");
        case 1000:
        case 1001:
        case 1005:
                return BB_STR("closed");
        case 1006:
                return BB_STR("connection lost");
        default:
                return bb_print("closed with code %d", st->close_code);
        }
}

static struct station *take_first(struct ocpp_tenant *owner)
{
        struct station *st = owner->gone_first;

        owner->gone_first = st->next;
        if (owner->gone_first == NULL)
                owner->gone_last = NULL;
        st->next = NULL;
        return st;
}

static void put_back(struct station *st)
{
        struct ocpp_tenant *owner = st->owner;

        st->next = owner->gone_first;
        owner->gone_first = st;
        if (owner->gone_last == NULL)
                owner->gone_last = st;
}

/* BB_OK, or an error after which the station is in the list again. */
static BB_AWAIT bb_err say(struct station *st)
{
        struct bb_station_ref ref = station_ref(st);
        bb_err err = charging->offline(&ref, reason_of(st));

        if (storm_is_outage(err) || err == BB_E_CANCELED) {
                put_back(st);
                return err;
        }
        /* A conflict is what a quick reconnect looks like: a newer connection counts by now. */
        if (err < 0 && err != BB_E_CONFLICT)
                bb_log(BB_WARN, "ocpp.offline", "the station could not be marked as offline",
                       bb_kv_str("station", ref.station_id), bb_kv_err(err));
        station_drop(st);
        return BB_OK;
}

BB_AWAIT void farewell_flush(struct ocpp_tenant *owner, int64_t for_ms)
{
        int64_t until = bb_mono_ms() + for_ms;

        while (owner->gone_first != NULL && bb_mono_ms() < until) {
                bb_err err = bb_db_away_ms() > 0 ? BB_E_UNAVAILABLE : say(take_first(owner));

                if (err == BB_E_CANCELED || (err < 0 && bb_sleep(PAUSE_MS) < 0))
                        return;
        }
}

static void run(void *arg)
{
        struct ocpp_tenant *owner = arg;

        farewell_flush(owner, INT64_MAX / 2);
        owner->farewells_running--;
}

void farewell_add(struct station *st)
{
        struct ocpp_tenant *owner = st->owner;

        if (st->superseded || !st->online) {
                station_drop(st); /* another connection speaks for the station now, or it was never said to be there */
                return;
        }
        st->next = NULL;
        if (owner->gone_last != NULL)
                owner->gone_last->next = st;
        else
                owner->gone_first = st;
        owner->gone_last = st;
        if (owner->farewells_running >= TASKS)
                return;
        /* A tenant that stops gets no new tasks: tenant_stop works the list off then. */
        owner->farewells_running += bb_task_spawn("ocpp16.farewell", owner->tenant, 0, run, owner, NULL) == BB_OK;
}
