/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts: of the local clock and calendar, of energy, of duration. Between two changes of the zone's offset local time is
 * UTC plus a constant, so days of 23 and 25 hours need no rule of their own.
 */
#include "split.h"
#include <busbar/rt.h>
#include <stdlib.h>

enum { DAY_MS = 86400000, MINUTE_MS = 60000, LOOK_MS = 3 * 3600000, MOST_PERIODS = 100000, MOST_CUTS = 200000 };
/* What is looked at before somebody who waits would notice: ten years, and so many elements of tariffs. */
#define MOST_MS (3653LL * DAY_MS)
#define MOST_LOOKS 50000000

struct cut {
        int64_t at_ms;
        int64_t energy_mwh; /* from the stretch's beginning; of a kWh boundary */
        int32_t is_energy;
};

struct splitter {
        const struct price_session *session;
        struct cut *cuts;
        size_t cut_count, cut_room;
        struct price_period *periods;
        size_t count, room;
        const struct component *active[DIM_COUNT]; /* of the latest period */
        int64_t energy_mwh;                        /* before the stretch */
        int64_t began_ms;
        int32_t has_begun;
        int64_t idle_ms; /* before the piece */
        int32_t overstays;
        int32_t within;  /* not the first piece of its stretch */
        int32_t crosses; /* another component came into force within the stretch */
        int64_t looks;   /* at elements of the tariff */
};

static void *grown(void *items, size_t count, size_t *room, size_t item)
{
        size_t wanted = *room > 0 ? 2 * *room : 16;
        void *larger;

        if (count < *room)
                return items;
        larger = bb_alloc(wanted * item);
        if (count > 0)
                memcpy(larger, items, count * item);
        *room = wanted;
        return larger;
}

static void cut_add(struct splitter *s, struct cut cut)
{
        if (s->cut_count > MOST_CUTS) /* emit_pieces() refuses them */
                return;
        s->cuts = grown(s->cuts, s->cut_count, &s->cut_room, sizeof(*s->cuts));
        s->cuts[s->cut_count++] = cut;
}

static int32_t offset_at(const struct splitter *s, int64_t at_ms)
{
        return s->session->offset_s != NULL ? s->session->offset_s(s->session->zone, at_ms) : 0;
}

static int32_t is_reserved(const struct price_period *p)
{
        return p->state == PERIOD_RESERVED || p->state == PERIOD_EXPIRED;
}

/* --- where to cut --- */

/* Each time at which the local clock shows `minute`, in a stretch whose offset does not change. */
static void cut_at_minute(struct splitter *s, int32_t minute, int64_t from_ms, int64_t to_ms, int32_t offset_s)
{
        int64_t local = from_ms + (int64_t)offset_s * 1000;
        int64_t day = local / DAY_MS - (local % DAY_MS < 0);
        int64_t at = day * DAY_MS + minute * MINUTE_MS - (int64_t)offset_s * 1000;

        for (; at < to_ms; at += DAY_MS) {
                if (at > from_ms)
                        cut_add(s, (struct cut){.at_ms = at});
        }
}

static void cut_by_clock(struct splitter *s, int64_t from_ms, int64_t to_ms)
{
        const struct tariff *t = s->session->tariff;
        int32_t offset_s = offset_at(s, from_ms);

        if (tariff_asks(s->session->tariff,
                        WHEN_DAYS | WHEN_START_DATE | WHEN_END_DATE | WHEN_START_TIME | WHEN_END_TIME))
                cut_at_minute(s, 0, from_ms, to_ms, offset_s);
        for (size_t i = 0; i < t->element_count; i++) {
                const struct when *w = &t->elements[i].when;

                if (w->set & WHEN_START_TIME && w->start_minute != 0)
                        cut_at_minute(s, w->start_minute, from_ms, to_ms, offset_s);
                if (w->set & WHEN_END_TIME && w->end_minute != 0)
                        cut_at_minute(s, w->end_minute, from_ms, to_ms, offset_s);
        }
}

/* The first moment in (from, to] at which another offset is in force. */
static int64_t next_offset(const struct splitter *s, int64_t from_ms, int64_t to_ms)
{
        int32_t before = offset_at(s, from_ms);

        while (to_ms - from_ms > 1) {
                int64_t middle = from_ms + (to_ms - from_ms) / 2;

                if (offset_at(s, middle) == before)
                        from_ms = middle;
                else
                        to_ms = middle;
        }
        return to_ms;
}

static void cut_by_time(struct splitter *s, const struct price_period *p)
{
        int64_t from = p->start_ms;

        if (!tariff_asks(s->session->tariff,
                         WHEN_DAYS | WHEN_START_DATE | WHEN_END_DATE | WHEN_START_TIME | WHEN_END_TIME))
                return;
        for (int64_t at = from; at < p->end_ms;) {
                int64_t next = at + LOOK_MS < p->end_ms ? at + LOOK_MS : p->end_ms;

                if (offset_at(s, at) != offset_at(s, next)) {
                        next = next_offset(s, at, next);
                        cut_by_clock(s, from, next);
                        cut_add(s, (struct cut){.at_ms = next});
                        from = next;
                }
                at = next;
        }
        cut_by_clock(s, from, p->end_ms);
}

static void cut_by_energy(struct splitter *s, const struct price_period *p, int64_t boundary_mwh)
{
        int64_t part;

        if (__builtin_sub_overflow(boundary_mwh, s->energy_mwh, &part) || part <= 0 || part >= p->energy_mwh)
                return;
        cut_add(s, (struct cut){.at_ms = p->start_ms +
                                         (int64_t)((__int128)(p->end_ms - p->start_ms) * part / p->energy_mwh),
                                .energy_mwh = part,
                                .is_energy = 1});
}

static void cut_by_duration(struct splitter *s, const struct price_period *p, int64_t duration_ms)
{
        int64_t at = s->began_ms + duration_ms;

        if (at > p->start_ms && at < p->end_ms)
                cut_add(s, (struct cut){.at_ms = at});
}

static void cut_by_use(struct splitter *s, const struct price_period *p)
{
        const struct tariff *t = s->session->tariff;

        for (size_t i = 0; i < t->element_count; i++) {
                const struct when *w = &t->elements[i].when;

                if (w->set & WHEN_MIN_ENERGY)
                        cut_by_energy(s, p, w->min_energy_mwh);
                if (w->set & WHEN_MAX_ENERGY)
                        cut_by_energy(s, p, w->max_energy_mwh);
                if (w->set & WHEN_MIN_DURATION)
                        cut_by_duration(s, p, w->min_duration_ms);
                if (w->set & WHEN_MAX_DURATION)
                        cut_by_duration(s, p, w->max_duration_ms);
        }
}

static void cut_by_fee(struct splitter *s, const struct price_period *p)
{
        const struct price_fee *fee = s->session->fee;

        if (fee == NULL || s->overstays)
                return;
        if (fee->energy_mwh > 0)
                cut_by_energy(s, p, fee->energy_mwh);
        if (fee->duration_ms > 0)
                cut_by_duration(s, p, fee->duration_ms);
        if (p->state == PERIOD_PARKING && fee->idle_ms > s->idle_ms &&
            fee->idle_ms - s->idle_ms < p->end_ms - p->start_ms)
                cut_add(s, (struct cut){.at_ms = p->start_ms + fee->idle_ms - s->idle_ms});
}

static int by_time(const void *a, const void *b)
{
        const struct cut *x = a, *y = b;

        if (x->at_ms != y->at_ms)
                return x->at_ms < y->at_ms ? -1 : 1;
        return (x->energy_mwh > y->energy_mwh) - (x->energy_mwh < y->energy_mwh);
}

/* --- the pieces --- */

static void find_active(const struct splitter *s, const struct price_period *p, int64_t energy_mwh,
                        const struct component *ret[DIM_COUNT])
{
        const struct element *e;
        struct moment m = {.energy_mwh = energy_mwh,
                           .duration_ms = s->has_begun ? p->start_ms - s->began_ms : 0,
                           .current_ma = p->current_ma,
                           .power_w = p->power_w,
                           .reservation = p->state == PERIOD_RESERVED  ? FOR_RESERVATION
                                          : p->state == PERIOD_EXPIRED ? FOR_EXPIRED
                                                                       : FOR_SESSION};

        moment_at(&m, p->start_ms, offset_at(s, p->start_ms));
        for (int32_t d = 0; d < DIM_COUNT; d++)
                ret[d] = tariff_component(s->session->tariff, d, &m, &e);
}

static void progress(struct splitter *s, struct price_period *p, int64_t energy_before)
{
        struct price_progress now = {
                .duration_ms = p->start_ms - s->began_ms, .idle_ms = s->idle_ms, .energy_mwh = energy_before};

        if (s->session->fee == NULL || is_reserved(p))
                return;
        s->overstays |= price_fee_is_due(s->session->fee, &now);
        p->overstay = s->overstays;
        if (p->state == PERIOD_PARKING)
                s->idle_ms += p->end_ms - p->start_ms;
}

static void widen(struct band *b, const struct band *by)
{
        if (!b->has || !by->has)
                return;
        b->low = by->low < b->low ? by->low : b->low;
        b->high = by->high > b->high ? by->high : b->high;
}

/* Joined to the one before where the same components are in force: what was measured is the same to every restriction,
 * and so is all that lies between. */
static bb_err emit(struct splitter *s, struct price_period *p, int64_t energy_before)
{
        const struct component *active[DIM_COUNT];
        struct price_period *last = s->count > 0 ? &s->periods[s->count - 1] : NULL;

        if (p->start_ms == p->end_ms && p->energy_mwh == 0 && s->count > 0)
                return BB_OK;
        s->looks += (int64_t)s->session->tariff->element_count;
        if (s->looks > MOST_LOOKS)
                return BB_E_LIMIT;
        p->time_ms = p->end_ms - p->start_ms;
        progress(s, p, energy_before);
        find_active(s, p, energy_before, active);
        s->crosses |= s->within && memcmp(active, s->active, sizeof(active)) != 0;
        s->within = 1;
        if (last != NULL && last->state == p->state && last->overstay == p->overstay && last->end_ms == p->start_ms &&
            memcmp(active, s->active, sizeof(active)) == 0) {
                last->end_ms = p->end_ms;
                last->time_ms += p->time_ms;
                widen(&last->current_ma, &p->current_ma);
                widen(&last->power_w, &p->power_w);
                return __builtin_add_overflow(last->energy_mwh, p->energy_mwh, &last->energy_mwh) ? BB_E_LIMIT : BB_OK;
        }
        if (s->count >= MOST_PERIODS)
                return BB_E_LIMIT;
        memcpy(s->active, active, sizeof(active));
        s->periods = grown(s->periods, s->count, &s->room, sizeof(*s->periods));
        s->periods[s->count++] = *p;
        return BB_OK;
}

static int64_t energy_at(const struct price_period *p, const struct cut *cut, int64_t so_far)
{
        int64_t energy = cut->energy_mwh;

        if (!cut->is_energy)
                energy = (int64_t)((__int128)p->energy_mwh * (cut->at_ms - p->start_ms) / (p->end_ms - p->start_ms));
        /* A boundary's own moment is rounded: none goes back behind another. */
        return p->energy_mwh >= 0 && energy < so_far ? so_far : energy;
}

static bb_err emit_pieces(struct splitter *s, const struct price_period *p)
{
        struct price_period piece = *p;
        int64_t energy = 0;

        if (s->cut_count > MOST_CUTS)
                return BB_E_LIMIT;
        for (size_t i = 0; i < s->cut_count; i++) {
                int64_t at = energy_at(p, &s->cuts[i], energy);

                piece.end_ms = s->cuts[i].at_ms;
                piece.energy_mwh = at - energy;
                TRY(emit(s, &piece, s->energy_mwh + energy));
                piece.start_ms = piece.end_ms;
                energy = at;
        }
        piece.end_ms = p->end_ms;
        piece.energy_mwh = p->energy_mwh - energy;
        return emit(s, &piece, s->energy_mwh + energy);
}

static int64_t average_w(const struct price_period *p)
{
        __int128 power_w = (__int128)p->energy_mwh * 3600 / (p->end_ms - p->start_ms);

        return power_w > INT64_MAX ? INT64_MAX : power_w < INT64_MIN ? INT64_MIN : (int64_t)power_w;
}

static bb_err split_stretch(struct splitter *s, const struct price_period *given)
{
        struct price_period p = *given;
        int64_t energy_mwh;

        if (p.end_ms < p.start_ms)
                return BB_E_INVALID;
        if (p.end_ms - s->session->periods[0].start_ms > MOST_MS ||
            __builtin_add_overflow(s->energy_mwh, p.energy_mwh, &energy_mwh))
                return BB_E_LIMIT;
        if (!is_reserved(&p) && !s->has_begun) {
                s->has_begun = 1;
                s->began_ms = p.start_ms;
        }
        if (!p.power_w.has && p.end_ms > p.start_ms) {
                p.power_w.low = p.power_w.high = average_w(&p);
                p.power_w.has = 1;
        }
        s->cut_count = 0;
        s->within = s->crosses = 0;
        cut_by_time(s, &p);
        cut_by_use(s, &p);
        cut_by_fee(s, &p);
        if (s->cut_count > 1)
                qsort(s->cuts, s->cut_count, sizeof(*s->cuts), by_time);
        TRY(emit_pieces(s, &p));
        s->energy_mwh = energy_mwh;
        return BB_OK;
}

bb_err price_split(const struct price_session *session, struct price_period **ret, size_t *ret_count)
{
        struct splitter s = {.session = session};

        for (size_t i = 0; i < session->period_count; i++)
                TRY(split_stretch(&s, &session->periods[i]));
        *ret = s.periods;
        *ret_count = s.count;
        return BB_OK;
}

bb_err price_crossings(const struct price_session *session, uint8_t *ret)
{
        struct splitter s = {.session = session};

        for (size_t i = 0; i < session->period_count; i++) {
                TRY(split_stretch(&s, &session->periods[i]));
                ret[i] = (uint8_t)s.crosses;
        }
        return BB_OK;
}
