/* SPDX-License-Identifier: Apache-2.0
 *
 * What was used in a session, from where it is kept: samples from the domain, states of the connector from here.
 */
#include "session_price.h"

static BB_AWAIT bb_err read_samples(bb_str session_id, struct usage *u)
{
        enum { STEP = 10000, MOST = 200000 };
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

BB_AWAIT bb_err session_usage_read(const struct bb_session *s, struct usage *u)
{
        int64_t now = bb_now_ms();
        int32_t ended = s->state != BB_SESSION_OPEN;

        *u = (struct usage){.started_ms = s->started_ms,
                            .ended_ms = ended                 ? s->ended_ms
                                        : now > s->started_ms ? now
                                                              : s->started_ms,
                            .meter_start_wh = s->meter_start_wh,
                            /* An operator may have settled on another energy than the meter's. */
                            .meter_stop_wh = s->settled_ms != 0 ? s->meter_start_wh + s->energy_wh : s->meter_stop_wh,
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
