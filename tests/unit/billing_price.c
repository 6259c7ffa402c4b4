/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be true of every account, over thousands of tariffs and sessions made by chance (the seed is fixed).
 * test-includes: plugins/billing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

#include "../../plugins/billing/money.c"
#include "../../plugins/billing/price.c"
#include "../../plugins/billing/split.c"
#include "../../plugins/billing/tariff.c"

#define ROUNDS 3000
#define HOUR 3600000LL
#define BEGIN 1792828800000LL /* 2026-10-24T08:00:00Z: the clocks in Berlin go back in the night after */

static uint64_t chance_state;

static int64_t chance(int64_t below)
{
        chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
        return (int64_t)((chance_state >> 33) % (uint64_t)below);
}

static int32_t berlin(const void *zone, int64_t at_ms)
{
        (void)zone;
        return at_ms < 1792890000000LL ? 7200 : 3600; /* 2026-10-25T01:00:00Z */
}

/* --- tariffs by chance --- */

enum { ELEMENTS = 8, COMPONENTS = 3 * ELEMENTS, LINES = 4 * COMPONENTS + 5 };
struct made {
        struct tariff tariff;
        struct element elements[ELEMENTS];
        struct component components[COMPONENTS];
};

static void restrict_by_chance(struct when *w)
{
        switch (chance(6)) {
        case 0:
                w->set = WHEN_START_TIME | WHEN_END_TIME;
                w->start_minute = (int32_t)chance(1440);
                w->end_minute = (int32_t)chance(1440);
                return;
        case 1:
                w->set = WHEN_MIN_ENERGY;
                w->min_energy_mwh = 1000000 * (1 + chance(40));
                return;
        case 2:
                w->set = WHEN_MAX_ENERGY;
                w->max_energy_mwh = 1000000 * (1 + chance(40));
                return;
        case 3:
                w->set = WHEN_MAX_DURATION;
                w->max_duration_ms = 60000 * (1 + chance(600));
                return;
        case 4:
                w->set = WHEN_DAYS;
                w->days = (int32_t)chance(128);
                return;
        default:
                w->set = WHEN_MIN_POWER;
                w->min_power_w = 1000 * chance(22);
        }
}

static void make_tariff(struct made *m)
{
        uint32_t used = 0;

        *m = (struct made){.tariff = {.currency = "EUR", .elements = m->elements, .components = m->components}};
        m->tariff.element_count = (size_t)(1 + chance(ELEMENTS));
        m->tariff.tax = (int32_t)chance(3);
        for (size_t i = 0; i < m->tariff.element_count; i++) {
                int32_t first = (int32_t)chance(DIM_COUNT);

                m->elements[i].first = used;
                m->elements[i].count = (uint32_t)(1 + chance(3));
                for (uint32_t k = 0; k < m->elements[i].count; k++)
                        m->components[used++] = (struct component){.dimension = (first + (int32_t)k) % DIM_COUNT,
                                                                   .price_micro = chance(900000),
                                                                   .has_vat = (int32_t)chance(2),
                                                                   .vat = 10000 * chance(25),
                                                                   .step = chance(2) * chance(1000)};
                if (i + 1 < m->tariff.element_count || chance(2))
                        restrict_by_chance(&m->elements[i].when);
        }
        m->tariff.component_count = used;
        if (chance(3) == 0)
                m->tariff.least = (struct price_limit){.has_net = 1, .net_micro = chance(9000000)};
        if (chance(3) == 0)
                m->tariff.most = (struct price_limit){
                        .has_net = 1, .net_micro = 5000000 + chance(9000000), .has_gross = 1, .gross_micro = 15000000};
        tariff_ready(m->elements, m->tariff.element_count, m->components);
}

/* --- sessions by chance: stretches of whole seconds and of a whole number of mWh each second --- */

enum { STRETCHES = 12 };

static size_t make_session(struct price_period *p)
{
        size_t count = (size_t)(1 + chance(STRETCHES));
        int64_t at = BEGIN + chance(20) * HOUR + chance(3600) * 1000;

        for (size_t i = 0; i < count; i++) {
                int64_t seconds = 1 + chance(7200), mwh_per_s = chance(3) ? chance(6000) : 0;

                p[i] = (struct price_period){
                        .start_ms = at,
                        .end_ms = at + seconds * 1000,
                        .energy_mwh = seconds * mwh_per_s,
                        .power_w = {.low = mwh_per_s * 36 / 10, .high = mwh_per_s * 36 / 10, .has = 1},
                        .state = mwh_per_s > 0 || chance(2) ? PERIOD_CHARGING : PERIOD_PARKING};
                at = p[i].end_ms;
        }
        return count;
}

/* The same use, told in more samples. */
static size_t cut_finer(const struct price_period *from, size_t count, struct price_period *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                int64_t seconds = (from[i].end_ms - from[i].start_ms) / 1000;
                int64_t rate = from[i].energy_mwh / seconds, at = 0;

                while (at < seconds) {
                        int64_t step = 1 + chance(seconds);

                        if (step > seconds - at)
                                step = seconds - at;
                        ret[n] = from[i];
                        ret[n].start_ms = from[i].start_ms + at * 1000;
                        ret[n].end_ms = ret[n].start_ms + step * 1000;
                        ret[n++].energy_mwh = step * rate;
                        at += step;
                }
        }
        return n;
}

static struct price_policy policy; /* terms of a contract, where a test sets them */
static struct price_fee *fee;

/* Per hour, from some use on. */
static struct price_fee fee_by_chance(void)
{
        struct price_fee made = {.component = {.dimension = DIM_TIME,
                                               .has_vat = (int32_t)chance(2),
                                               .price_micro = 1 + chance(20000000)}};

        made.component.vat = made.component.has_vat ? 10000 * chance(25) : 0;
        if (chance(2))
                made.duration_ms = 1000 * (1 + chance(20000));
        if (chance(2))
                made.idle_ms = 1000 * (1 + chance(5000));
        if (chance(3) == 0)
                made.energy_mwh = 1 + chance(40000000);
        return made;
}

static int begin(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}

static int end(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static void account_of(const struct tariff *t, const struct price_period *p, size_t count, struct price_account *ret,
                       struct price_line *lines)
{
        struct price_session s = {.tariff = t, .periods = p, .fee = fee, .period_count = count, .offset_s = berlin};
        struct price_period *periods;

        assert_int_equal(price_split(&s, &periods, &s.period_count), BB_OK);
        s.periods = periods;
        *ret = (struct price_account){.lines = lines};
        assert_int_equal(price_session(&s, &policy, ret), BB_OK);
        arena_reset(arena_current);
}

static void assert_same_sum(const struct price_sum *a, const struct price_sum *b)
{
        assert_true(a->net == b->net);
        assert_true(a->tax == b->tax);
}

static money apart(money a, money b)
{
        return a < b ? b - a : a - b;
}

static void samples_do_not_change_the_price(void **state)
{
        static struct price_period fine[STRETCHES * 20000];

        (void)state;
        for (int i = 0; i < ROUNDS / 10; i++) {
                struct price_period coarse[STRETCHES];
                struct price_line lines[2][LINES];
                struct price_account a[2];
                struct made m;
                struct price_fee made;
                size_t count;

                chance_state = (uint64_t)i;
                make_tariff(&m);
                made = fee_by_chance();
                fee = &made;
                count = make_session(coarse);
                account_of(&m.tariff, coarse, count, &a[0], lines[0]);
                account_of(&m.tariff, fine, cut_finer(coarse, count, fine), &a[1], lines[1]);
                /* A kWh boundary lies between two milliseconds, and which of them is chosen depends on the samples:
                 * time may move over it by one. Energy may not. */
                assert_same_sum(&a[0].energy, &a[1].energy);
                assert_same_sum(&a[0].fixed, &a[1].fixed);
                assert_int_equal(a[0].energy_mwh, a[1].energy_mwh);
                assert_int_equal(a[0].time_ms, a[1].time_ms);
                assert_int_equal(a[0].parking_ms, a[1].parking_ms);
                if (made.energy_mwh == 0 && !tariff_asks(&m.tariff, WHEN_MIN_ENERGY | WHEN_MAX_ENERGY))
                        assert_same_sum(&a[0].total, &a[1].total);
                /* Time and parking reach a limit at a moment that no sample moves; energy within its millisecond. */
                if (made.energy_mwh == 0)
                        assert_same_sum(&a[0].overstay, &a[1].overstay);
                else
                        assert_true(apart(a[0].overstay.net, a[1].overstay.net) <=
                                    2 * (money)made.component.price_micro * MONEY_PER_MS);
        }
        fee = NULL;
}

/* The fee begins when what came before has used the limit up, and then runs on. */
static void a_fee_runs_from_its_limit_on(void **state)
{
        struct component c = {.dimension = DIM_TIME};
        struct element e = {.first = 0, .count = 1};
        struct tariff t = {
                .currency = "EUR", .elements = &e, .element_count = 1, .components = &c, .component_count = 1};
        struct price_period p[] = {
                {.start_ms = BEGIN, .end_ms = BEGIN + HOUR, .energy_mwh = 10000000},
                {.start_ms = BEGIN + HOUR, .end_ms = BEGIN + HOUR + 600000, .state = PERIOD_PARKING},
                {.start_ms = BEGIN + HOUR + 600000, .end_ms = BEGIN + 2 * HOUR},
                {.start_ms = BEGIN + 2 * HOUR, .end_ms = BEGIN + 3 * HOUR, .state = PERIOD_PARKING},
                {.start_ms = BEGIN + 3 * HOUR, .end_ms = BEGIN + 4 * HOUR},
        };
        const struct {
                struct price_fee fee;
                int64_t overstay_ms;
        } cases[] = {
                {{.duration_ms = 90 * 60000}, 150 * 60000},
                {{.idle_ms = 900000}, 2 * HOUR - 300000}, /* ten minutes, and five of the second time */
                {{.idle_ms = 600000}, 170 * 60000},       /* exactly as long as the first time */
                {{.idle_ms = 8000000}, 0},
                {{.energy_mwh = 5000000}, 210 * 60000},
                {{.energy_mwh = 3333333}, 4 * HOUR - 1199999},
                {{.energy_mwh = 20000000}, 0},
                {{.idle_ms = 900000, .energy_mwh = 5000000}, 210 * 60000}, /* whichever is first */
        };
        struct price_line lines[LINES];
        struct price_account a;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct price_fee made = cases[i].fee;
                money expected;

                made.component =
                        (struct component){.dimension = DIM_TIME, .price_micro = 6000000, .has_vat = 1, .vat = 190000};
                fee = &made;
                account_of(&t, p, BB_COUNT(p), &a, lines);
                assert_int_equal(money_of(6000000, cases[i].overstay_ms, MONEY_PER_MS, &expected), BB_OK);
                assert_true(a.overstay.net == expected);
                assert_true(a.overstay.tax == expected / 100 * 19);
                assert_true(a.total.net == a.overstay.net);
        }
        fee = NULL;
}

static void the_lines_add_up_to_the_total(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                struct price_period p[STRETCHES];
                struct price_line lines[LINES];
                struct price_account a;
                struct price_sum sum = {.net = 0}, parts = {.net = 0};
                struct price_fee made;
                struct made m;

                chance_state = 77 + (uint64_t)i;
                make_tariff(&m);
                made = fee_by_chance();
                fee = chance(2) ? &made : NULL;
                policy = (struct price_policy){.free_energy_mwh = 1000000 * chance(30),
                                               .discount = 10000 * (chance(120) - 20),
                                               .discounts = {10000 * (chance(220) - 120), 10000 * chance(99),
                                                             -777 * chance(1200), 333 * chance(3000)},
                                               .most = {.has_net = (int32_t)chance(2), .net_micro = 20000000}};
                account_of(&m.tariff, p, make_session(p), &a, lines);
                for (size_t k = 0; k < a.line_count; k++) {
                        sum.net += lines[k].net;
                        sum.tax += lines[k].tax;
                        if (lines[k].component == NULL) /* discount and limits: of the total alone */
                                continue;
                        parts.net += lines[k].net;
                        parts.tax += lines[k].tax;
                }
                assert_same_sum(&sum, &a.total);
                sum = (struct price_sum){.net = a.fixed.net + a.energy.net + a.time.net + a.parking.net +
                                                a.reservation.net + a.overstay.net,
                                         .tax = a.fixed.tax + a.energy.tax + a.time.tax + a.parking.tax +
                                                a.reservation.tax + a.overstay.tax};
                assert_same_sum(&sum, &parts);
        }
        fee = NULL;
}

/* A tenth off energy, after the free part of it; half more for parking; each with the tax of its own component. */
static void one_dimension_may_be_dearer_and_another_cheaper(void **state)
{
        struct component c[2] = {{.dimension = DIM_ENERGY, .price_micro = 500000, .has_vat = 1, .vat = 190000},
                                 {.dimension = DIM_PARKING, .price_micro = 6000000, .has_vat = 1, .vat = 70000}};
        struct element e = {.count = 2};
        struct tariff t = {
                .currency = "EUR", .elements = &e, .element_count = 1, .components = c, .component_count = 2};
        struct price_period p[2] = {{.start_ms = BEGIN, .end_ms = BEGIN + HOUR, .energy_mwh = 12000000},
                                    {.start_ms = BEGIN + HOUR, .end_ms = BEGIN + 2 * HOUR, .state = PERIOD_PARKING}};
        static const int32_t kinds[] = {LINE_ENERGY,   LINE_PARKING,  LINE_FREE,
                                        LINE_DISCOUNT, LINE_DISCOUNT, LINE_DISCOUNT};
        struct price_line lines[LINES];
        struct price_account a;
        int64_t four;

        (void)state;
        tariff_ready(&e, 1, c);
        policy = (struct price_policy){.free_energy_mwh = 2000000,
                                       .discounts = {[DIM_ENERGY] = 100000, [DIM_PARKING] = -500000}};
        account_of(&t, p, 2, &a, lines);
        policy = (struct price_policy){.missing_vat = VAT_MISSING_NONE};
        assert_int_equal(a.line_count, BB_COUNT(kinds));
        for (size_t i = 0; i < BB_COUNT(kinds); i++)
                assert_int_equal(lines[i].kind, kinds[i]);
        assert_int_equal(money_round(a.energy.net, 4, &four), BB_OK);
        assert_int_equal(four, 45000);
        assert_int_equal(money_round(a.energy.tax, 4, &four), BB_OK);
        assert_int_equal(four, 8550);
        assert_int_equal(money_round(a.parking.net, 4, &four), BB_OK);
        assert_int_equal(four, 90000);
        assert_int_equal(money_round(a.parking.tax, 4, &four), BB_OK);
        assert_int_equal(four, 6300);
        assert_true(a.total.net == a.energy.net + a.parking.net);
}

/* The first energy of a session is free in the order of its use, whatever it costs. */
static void what_a_contract_gives_is_a_line_of_its_own(void **state)
{
        struct component c[2] = {{.dimension = DIM_ENERGY, .price_micro = 300000, .has_vat = 1, .vat = 190000},
                                 {.dimension = DIM_ENERGY, .price_micro = 500000, .has_vat = 1, .vat = 190000}};
        struct element e[2] = {{.first = 0, .count = 1, .when = {.set = WHEN_MAX_ENERGY, .max_energy_mwh = 4000000}},
                               {.first = 1, .count = 1}};
        struct tariff t = {.currency = "EUR", .elements = e, .element_count = 2, .components = c, .component_count = 2};
        struct price_period p = {.start_ms = BEGIN, .end_ms = BEGIN + HOUR, .energy_mwh = 10000000};
        struct price_line lines[LINES];
        struct price_account a;
        int64_t cents;

        (void)state;
        tariff_ready(e, 2, c);
        policy = (struct price_policy){.free_energy_mwh = 5000000, .discount = 100000};
        account_of(&t, &p, 1, &a, lines);
        policy = (struct price_policy){.missing_vat = VAT_MISSING_NONE};
        /* 4 kWh at 0.30 and 6 at 0.50 are 4.20; 4 at 0.30 and 1 at 0.50 are given back; a tenth off. */
        assert_int_equal(a.line_count, 5);
        assert_int_equal(lines[2].kind, LINE_FREE);
        assert_int_equal(lines[2].quantity, -4000000);
        assert_int_equal(lines[3].quantity, -1000000);
        assert_int_equal(lines[4].kind, LINE_DISCOUNT);
        assert_int_equal(money_round(a.energy.net, 2, &cents), BB_OK);
        assert_int_equal(cents, 250);
        assert_int_equal(money_round(a.total.net, 2, &cents), BB_OK);
        assert_int_equal(cents, 225);
        assert_int_equal(money_round(a.total.net + a.total.tax, 4, &cents), BB_OK);
        assert_int_equal(cents, 26775);
}

static void limits_hold_with_and_without_tax(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                struct price_period p[STRETCHES];
                struct price_line lines[LINES];
                struct price_account a;
                struct made m;

                policy = (struct price_policy){.missing_vat = VAT_MISSING_NONE};
                chance_state = 9999 + (uint64_t)i;
                make_tariff(&m);
                account_of(&m.tariff, p, make_session(p), &a, lines);
                if (m.tariff.most.has_net)
                        assert_true(a.total.net <= money_from(m.tariff.most.net_micro, 6));
                if (m.tariff.most.has_gross)
                        assert_true(a.total.net + a.total.tax <= money_from(m.tariff.most.gross_micro, 6));
                if (m.tariff.least.has_net && !m.tariff.most.has_net)
                        assert_true(a.total.net >= money_from(m.tariff.least.net_micro, 6));
        }
}

/* Elements whose restrictions exclude each other, in any order. */
static void order_matters_only_where_elements_overlap(void **state)
{
        (void)state;
        for (int i = 0; i < ROUNDS; i++) {
                struct element elements[4];
                struct component components[4];
                struct tariff t = {.currency = "EUR",
                                   .elements = elements,
                                   .element_count = 4,
                                   .components = components,
                                   .component_count = 4};
                struct price_period p[STRETCHES];
                struct price_line lines[2][LINES];
                struct price_account a[2];
                int32_t edges[3] = {(int32_t)(1 + chance(400)), (int32_t)(500 + chance(400)),
                                    (int32_t)(1000 + chance(400))};
                size_t count;

                chance_state = 4242 + (uint64_t)i;
                count = make_session(p);
                for (int32_t turn = 0; turn < 2; turn++) {
                        for (int32_t k = 0; k < 4; k++) {
                                int32_t w = turn == 0 ? k : (k + 1 + i) % 4;

                                components[k] =
                                        (struct component){.dimension = DIM_ENERGY, .price_micro = 100000 + 37000 * w};
                                elements[k] = (struct element){.first = (uint32_t)k,
                                                               .count = 1,
                                                               .when = {.set = WHEN_START_TIME | WHEN_END_TIME,
                                                                        .start_minute = w == 0 ? 0 : edges[w - 1],
                                                                        .end_minute = w == 3 ? 0 : edges[w]}};
                        }
                        tariff_ready(elements, 4, components);
                        account_of(&t, p, count, &a[turn], lines[turn]);
                }
                assert_same_sum(&a[0].total, &a[1].total);
        }
}

static void amounts_never_wrap(void **state)
{
        struct component c = {.dimension = DIM_ENERGY, .price_micro = INT64_MAX};
        struct element e = {.count = 1};
        struct tariff t = {
                .currency = "EUR", .elements = &e, .element_count = 1, .components = &c, .component_count = 1};
        struct price_period p = {.start_ms = BEGIN, .end_ms = BEGIN + HOUR, .energy_mwh = INT64_MAX};
        struct price_session s = {.tariff = &t, .periods = &p, .period_count = 1};
        struct price_line lines[LINES];
        struct price_account a = {.lines = lines};
        money sum = ((money)1 << 126);
        int64_t rounded;

        (void)state;
        tariff_ready(&e, 1, &c);
        assert_int_equal(price_session(&s, &policy, &a), BB_E_LIMIT);
        assert_int_equal(money_add(&sum, sum), BB_E_LIMIT);
        assert_true(sum == (money)1 << 126);
        assert_int_equal(money_round(money_from(INT64_MAX, 0), 2, &rounded), BB_E_LIMIT);
}

static void rounding_is_half_away_from_zero(void **state)
{
        static const struct {
                int64_t micro;
                int32_t decimals;
                int64_t expected;
        } cases[] = {{12345, 2, 1},   {15000, 2, 2},  {14999, 2, 1},    {-15000, 2, -2},
                     {-14999, 2, -1}, {500000, 0, 1}, {-500000, 0, -1}, {0, 2, 0}};
        int64_t got;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                assert_int_equal(money_round(money_from(cases[i].micro, 6), cases[i].decimals, &got), BB_OK);
                assert_int_equal(got, cases[i].expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(samples_do_not_change_the_price),
                cmocka_unit_test(a_fee_runs_from_its_limit_on),
                cmocka_unit_test(the_lines_add_up_to_the_total),
                cmocka_unit_test(limits_hold_with_and_without_tax),
                cmocka_unit_test(what_a_contract_gives_is_a_line_of_its_own),
                cmocka_unit_test(one_dimension_may_be_dearer_and_another_cheaper),
                cmocka_unit_test(order_matters_only_where_elements_overlap),
                cmocka_unit_test(amounts_never_wrap),
                cmocka_unit_test(rounding_is_half_away_from_zero),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
