/* SPDX-License-Identifier: Apache-2.0
 *
 * From periods to quantities, component by component; from quantities to money; from money to totals.
 */
#include "price.h"

/* Quantities that share a step_size (§mod_cdrs_step_size): energy, charging time, parking time, reserved time. */
enum { STEP_ENERGY = 0, STEP_TIME = 1, STEP_PARKING = 2, STEP_RESERVATION = 3, STEP_COUNT = 4 };

struct step {
        int64_t total;           /* priced */
        struct price_line *last; /* the component in force when it was last priced */
};

struct pricing {
        const struct price_session *session;
        struct price_account *account;
        struct step steps[STEP_COUNT];
        struct moment moment;
        int64_t began_ms;
        int32_t has_begun;
        int32_t flat_done[3]; /* by FOR_… */
        int64_t free_left_mwh;
        int32_t overstays;
};

int32_t price_fee_is_due(const struct price_fee *fee, const struct price_progress *p)
{
        return (fee->duration_ms > 0 && p->duration_ms >= fee->duration_ms) ||
               (fee->idle_ms > 0 && p->idle_ms >= fee->idle_ms) ||
               (fee->energy_mwh > 0 && p->energy_mwh >= fee->energy_mwh);
}

static struct price_line *line_of(struct pricing *p, const struct component *c, const struct element *e)
{
        struct price_account *a = p->account;
        struct price_line *line;

        for (size_t i = 0; i < a->line_count; i++) {
                if (a->lines[i].component == c)
                        return &a->lines[i];
        }
        line = &a->lines[a->line_count++];
        *line = (struct price_line){
                .kind = c->dimension,
                .for_ = e->when.reservation,
                .has_tax = c->has_vat,
                .parking =
                        c->dimension == DIM_FLAT && e->when.reservation == FOR_SESSION &&
                        (e->dimensions & (1u << DIM_PARKING | 1u << DIM_TIME | 1u << DIM_ENERGY)) == 1u << DIM_PARKING,
                .component = c,
                .element = (size_t)(e - p->session->tariff->elements),
        };
        return line;
}

/* Adds to the component that is in force; 0: there is none. */
static bb_err consume(struct pricing *p, int32_t dimension, int32_t step, int64_t quantity, int32_t *ret_found)
{
        const struct element *e;
        const struct component *c = tariff_component(p->session->tariff, dimension, &p->moment, &e);
        struct price_line *line;

        if (ret_found != NULL)
                *ret_found = c != NULL;
        if (c == NULL || quantity == 0)
                return BB_OK;
        line = line_of(p, c, e);
        if (__builtin_add_overflow(line->quantity, quantity, &line->quantity) ||
            __builtin_add_overflow(p->steps[step].total, quantity, &p->steps[step].total))
                return BB_E_LIMIT;
        p->steps[step].last = line;
        if (step == STEP_ENERGY && p->free_left_mwh > 0 && quantity > 0) {
                int64_t given = quantity < p->free_left_mwh ? quantity : p->free_left_mwh;

                line->free_mwh += given;
                p->free_left_mwh -= given;
        }
        return BB_OK;
}

/* FLAT is owed once: once a session, and once for its reservation. */
static void consume_flat(struct pricing *p)
{
        const struct element *e;
        const struct component *c;
        int32_t for_ = p->moment.reservation;

        if (p->flat_done[for_])
                return;
        c = tariff_component(p->session->tariff, DIM_FLAT, &p->moment, &e);
        if (c == NULL)
                return;
        p->flat_done[for_] = 1;
        line_of(p, c, e)->quantity = 1;
}

/* The time of an expired reservation has the price for expired ones, where there is one
 * (§mod_tariffs_reservation_restriction_type). */
static bb_err consume_reserved(struct pricing *p, const struct price_period *period)
{
        int32_t found = 0;

        p->account->reservation_ms += period->end_ms - period->start_ms;
        if (period->state == PERIOD_EXPIRED) {
                p->moment.reservation = FOR_EXPIRED;
                consume_flat(p);
                TRY(consume(p, DIM_TIME, STEP_RESERVATION, period->time_ms, &found));
        }
        p->moment.reservation = FOR_RESERVATION;
        consume_flat(p);
        return found ? BB_OK : consume(p, DIM_TIME, STEP_RESERVATION, period->time_ms, NULL);
}

/* Once due it stays so, whatever the vehicle does then. */
static bb_err consume_overstay(struct pricing *p, const struct price_period *period)
{
        const struct price_fee *fee = p->session->fee;
        struct price_account *a = p->account;
        struct price_line *line = NULL;

        if (fee == NULL)
                return BB_OK;
        p->overstays |= price_fee_is_due(fee, &(struct price_progress){.duration_ms = p->moment.duration_ms,
                                                                       .idle_ms = a->parking_ms,
                                                                       .energy_mwh = a->energy_mwh});
        if (!p->overstays || period->time_ms == 0)
                return BB_OK;
        for (size_t i = 0; i < a->line_count; i++) {
                if (a->lines[i].kind == LINE_OVERSTAY)
                        line = &a->lines[i];
        }
        if (line == NULL) {
                line = &a->lines[a->line_count++];
                *line = (struct price_line){
                        .kind = LINE_OVERSTAY, .has_tax = fee->component.has_vat, .component = &fee->component};
        }
        return __builtin_add_overflow(line->quantity, period->time_ms, &line->quantity) ? BB_E_LIMIT : BB_OK;
}

static bb_err consume_charging(struct pricing *p, const struct price_period *period)
{
        int64_t duration_ms = period->end_ms - period->start_ms;
        struct price_account *a = p->account;

        p->moment.reservation = FOR_SESSION;
        consume_flat(p);
        TRY(consume_overstay(p, period));
        TRY(consume(p, DIM_ENERGY, STEP_ENERGY, period->energy_mwh, NULL));
        a->time_ms += duration_ms;
        if (period->state != PERIOD_PARKING)
                return consume(p, DIM_TIME, STEP_TIME, period->time_ms, NULL);
        a->parking_ms += duration_ms;
        return consume(p, DIM_PARKING, STEP_PARKING, period->time_ms, NULL);
}

static bb_err consume_period(struct pricing *p, const struct price_period *period)
{
        const struct price_session *s = p->session;
        int32_t reserved = period->state == PERIOD_RESERVED || period->state == PERIOD_EXPIRED;

        if (!reserved && !p->has_begun) {
                p->has_begun = 1;
                p->began_ms = period->start_ms;
        }
        p->moment.energy_mwh = p->account->energy_mwh;
        p->moment.duration_ms = p->has_begun ? period->start_ms - p->began_ms : 0;
        p->moment.current_ma = period->current_ma;
        p->moment.power_w = period->power_w;
        moment_at(&p->moment, period->start_ms, s->offset_s != NULL ? s->offset_s(s->zone, period->start_ms) : 0);
        TRY(reserved ? consume_reserved(p, period) : consume_charging(p, period));
        return __builtin_add_overflow(p->account->energy_mwh, period->energy_mwh, &p->account->energy_mwh) ? BB_E_LIMIT
                                                                                                           : BB_OK;
}

/* --- step_size --- */

/* The total is rounded up; what that adds is priced like what was consumed last. */
static bb_err round_up(struct step *s, int64_t unit)
{
        int64_t step, rest;

        if (s->last == NULL || s->last->component->step <= 0 || s->total <= 0)
                return BB_OK;
        if (__builtin_mul_overflow(s->last->component->step, unit, &step))
                return BB_E_LIMIT;
        rest = s->total % step;
        if (rest != 0)
                s->last->rounding = step - rest;
        return BB_OK;
}

/* Once for energy and once for charging and parking together: where parking was paid for, parking alone is rounded. */
static bb_err round_steps(struct pricing *p)
{
        struct step *parking = &p->steps[STEP_PARKING];

        TRY(round_up(&p->steps[STEP_ENERGY], 1000));
        TRY(round_up(parking->last != NULL ? parking : &p->steps[STEP_TIME], 1000));
        return round_up(&p->steps[STEP_RESERVATION], 1000);
}

/* --- money --- */

static const int64_t scales[DIM_COUNT] = {
        [DIM_ENERGY] = MONEY_PER_MWH,
        [DIM_TIME] = MONEY_PER_MS,
        [DIM_PARKING] = MONEY_PER_MS,
        [DIM_FLAT] = MONEY_PER_PIECE,
};

static bb_err price_line(const struct tariff *t, struct price_line *line)
{
        const struct component *c = line->component;
        int64_t quantity;
        money amount;

        if (__builtin_add_overflow(line->quantity, line->rounding, &quantity))
                return BB_E_LIMIT;
        TRY(money_of(c->price_micro, quantity, scales[c->dimension], &amount));
        line->net = amount;
        if (!c->has_vat || t->tax == TAX_NONE)
                return BB_OK;
        if (t->tax == TAX_EXCLUDED)
                return money_share(amount, c->vat, &line->tax);
        TRY(money_without_tax(amount, c->vat, &line->net));
        line->tax = amount - line->net;
        return BB_OK;
}

static struct price_sum *sum_of(struct price_account *a, const struct price_line *line)
{
        if (line->for_ != FOR_SESSION)
                return &a->reservation;
        switch (line->kind) {
        case LINE_ENERGY:
        case LINE_FREE:
                return &a->energy;
        case LINE_TIME:
                return &a->time;
        case LINE_PARKING:
                return &a->parking;
        case LINE_OVERSTAY:
                return &a->overstay;
        default:
                return line->parking ? &a->parking : &a->fixed;
        }
}

static bb_err add_up(struct price_sum *sum, const struct price_line *line)
{
        TRY(money_add(&sum->net, line->net));
        return money_add(&sum->tax, line->tax);
}

/* --- the limits on the totals --- */

/* Adds a line to the account and to the total. */
static bb_err line_add(struct price_account *a, struct price_line line)
{
        if (line.net == 0 && line.tax == 0)
                return BB_OK;
        a->lines[a->line_count] = line;
        return add_up(&a->total, &a->lines[a->line_count++]);
}

/* Each total is held within its own limit. Where there is none for the total with tax, the tax follows the net in
 * proportion. */
static bb_err clamp_line(struct price_account *a, const struct price_limit *limit, int32_t kind)
{
        struct price_line line = {.kind = kind, .has_tax = a->tax_named};
        money net = money_from(limit->net_micro, 6), gross = money_from(limit->gross_micro, 6);

        /* How far the totals are below their limits. */
        TRY(money_subtract(&net, a->total.net));
        TRY(money_subtract(&gross, a->total.net));
        TRY(money_subtract(&gross, a->total.tax));
        if (limit->has_net && (kind == LINE_MINIMUM ? net > 0 : net < 0))
                line.net = net;
        if (!limit->has_gross) {
                if (line.net != 0 && a->total.net != 0 && a->total.tax != 0)
                        TRY(money_scale(a->total.tax, line.net, a->total.net, &line.tax));
                return line_add(a, line);
        }
        if (kind == LINE_MINIMUM ? gross > 0 : gross < 0)
                line.tax = gross;
        TRY(money_subtract(&line.tax, line.net)); /* within its limit the total with tax stays */
        return line_add(a, line);
}

/* What the contract gives away stands as a line of its own below the energy that it belongs to. */
static bb_err give_back(const struct tariff *t, struct price_account *a)
{
        size_t count = a->line_count;

        for (size_t i = 0; i < count; i++) {
                struct price_line line = a->lines[i];

                if (line.free_mwh == 0)
                        continue;
                line.kind = LINE_FREE;
                line.quantity = -line.free_mwh;
                line.rounding = line.free_mwh = 0;
                line.net = line.tax = 0;
                TRY(price_line(t, &line));
                TRY(add_up(sum_of(a, &line), &line));
                TRY(line_add(a, line));
        }
        return BB_OK;
}

/* What a contract takes off one dimension is told component by component, so that each part has its own tax. */
static bb_err discount_dimensions(const struct price_policy *policy, struct price_account *a)
{
        size_t count = a->line_count;

        for (size_t i = 0; i < count; i++) {
                const struct price_line *of = &a->lines[i];
                int32_t dimension = of->kind == LINE_FREE ? DIM_ENERGY : of->kind;
                struct price_line line = *of;

                if (dimension >= DIM_COUNT || policy->discounts[dimension] == 0)
                        continue;
                line.kind = LINE_DISCOUNT;
                line.quantity = line.rounding = line.free_mwh = 0;
                TRY(money_share(of->net, -policy->discounts[dimension], &line.net));
                TRY(money_share(of->tax, -policy->discounts[dimension], &line.tax));
                TRY(add_up(sum_of(a, of), &line));
                TRY(line_add(a, line));
        }
        return BB_OK;
}

static bb_err discount(struct price_account *a, int64_t rate)
{
        struct price_line line = {.kind = LINE_DISCOUNT, .has_tax = a->tax_named};

        TRY(money_share(a->total.net, -rate, &line.net));
        TRY(money_share(a->total.tax, -rate, &line.tax));
        return line_add(a, line);
}

static bb_err sum_up(const struct price_session *s, const struct price_policy *policy, struct price_account *a)
{
        a->tax_known = 1;
        for (size_t i = 0; i < a->line_count; i++) {
                struct price_line *line = &a->lines[i];

                TRY(price_line(s->tariff, line));
                TRY(add_up(sum_of(a, line), line));
                TRY(add_up(&a->total, line));
                a->tax_named |= line->has_tax;
                if (!line->has_tax && s->tariff->tax != TAX_NONE && policy->missing_vat == VAT_MISSING_UNKNOWN)
                        a->tax_known = 0;
        }
        TRY(give_back(s->tariff, a));
        TRY(discount_dimensions(policy, a));
        TRY(discount(a, policy->discount));
        TRY(clamp_line(a, &s->tariff->least, LINE_MINIMUM));
        TRY(clamp_line(a, &s->tariff->most, LINE_MAXIMUM));
        return clamp_line(a, &policy->most, LINE_MAXIMUM);
}

static bb_err check_periods(const struct price_session *s)
{
        for (size_t i = 0; i < s->period_count; i++) {
                if (s->periods[i].end_ms < s->periods[i].start_ms)
                        return BB_E_INVALID;
                if (i > 0 && s->periods[i].start_ms < s->periods[i - 1].end_ms)
                        return BB_E_INVALID;
        }
        return BB_OK;
}

bb_err price_session(const struct price_session *s, const struct price_policy *policy, struct price_account *ret)
{
        struct pricing p = {.session = s, .account = ret, .free_left_mwh = policy->free_energy_mwh};

        *ret = (struct price_account){.lines = ret->lines};
        TRY(check_periods(s));
        for (size_t i = 0; i < s->period_count; i++)
                TRY(consume_period(&p, &s->periods[i]));
        TRY(round_steps(&p));
        return sum_up(s, policy, ret);
}
