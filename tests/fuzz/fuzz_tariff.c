/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of prices: {"version": of OCPI, "tariff", "cdr", "contract"} from outside is read, compiled, cut and
 * priced, as it is written and once more with numbers at the edges of their types. Whatever comes in, the lines add up
 * to the total, no amount wraps, and cutting loses nothing. With FUZZ_MAIN it is a program that replays the files named
 * on its command line.
 *
 * fuzz-sources: plugins/billing/account.c plugins/billing/contract.c plugins/billing/contract_limits.c
 * fuzz-sources: plugins/billing/contract_rule.c plugins/billing/currency.c plugins/billing/money.c
 * fuzz-sources: plugins/billing/ocpi_cdr.c plugins/billing/ocpi_check.c plugins/billing/ocpi_tariff.c
 * fuzz-sources: plugins/billing/price.c plugins/billing/split.c plugins/billing/tariff.c
 */
#include "../../plugins/billing/contract.h"
#include "../../plugins/billing/ocpi_cdr.h"
#include "../../plugins/billing/split.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "does not hold: %s\n", what);
        abort();
}

/* Summer time between two moments of 2026, as in Berlin. */
static int32_t berlin(const void *zone, int64_t at_ms)
{
        (void)zone;
        return at_ms >= 1774746000000LL && at_ms < 1792890000000LL ? 7200 : 3600;
}

/* --- what must be true of every account --- */

static void add_checked(money *sum, money amount)
{
        must(!__builtin_add_overflow(*sum, amount, sum), "an account that was given has sums within the range");
}

/* The amount of a line, computed another way: not to the last digit, but far from a wrap. */
static void line_is_plausible(const struct tariff *t, const struct price_line *line)
{
        static const int64_t scales[DIM_COUNT] = {MONEY_PER_MWH, MONEY_PER_MS, MONEY_PER_MS, MONEY_PER_PIECE};
        long double expected, gap;

        if (line->component == NULL || line->kind >= DIM_COUNT)
                return;
        expected = (long double)line->component->price_micro *
                   ((long double)line->quantity + (long double)line->rounding) * (long double)scales[line->kind];
        gap = (long double)(t->tax == TAX_INCLUDED ? line->net + line->tax : line->net) - expected;
        if (gap < 0)
                gap = -gap;
        must(gap <= (expected < 0 ? -expected : expected) * 1e-12L + 1, "a line is its quantity times its price");
}

static void account_adds_up(const struct tariff *t, const struct price_account *a)
{
        const struct price_sum *parts[] = {&a->fixed, &a->energy, &a->time, &a->parking, &a->reservation, &a->overstay};
        money net = 0, tax = 0, parts_net = 0, parts_tax = 0;

        must(a->line_count <= PRICE_LINES(t), "there is room for every line");
        for (size_t i = 0; i < a->line_count; i++) {
                line_is_plausible(t, &a->lines[i]);
                add_checked(&net, a->lines[i].net);
                add_checked(&tax, a->lines[i].tax);
                if (a->lines[i].component != NULL)
                        continue;
                add_checked(&parts_net, a->lines[i].net);
                add_checked(&parts_tax, a->lines[i].tax);
        }
        must(net == a->total.net && tax == a->total.tax, "the lines add up to the total");
        for (size_t i = 0; i < BB_COUNT(parts); i++) {
                add_checked(&parts_net, parts[i]->net);
                add_checked(&parts_tax, parts[i]->tax);
        }
        must(parts_net == a->total.net && parts_tax == a->total.tax, "the parts add up to the total");
}

static void price_it(const struct price_session *s, const struct price_policy *policy)
{
        struct price_account a = {.lines = malloc(PRICE_LINES(s->tariff) * sizeof(struct price_line))};
        struct account decimals;
        bb_err err = price_session(s, policy, &a), made;

        must(err == BB_OK || err == BB_E_LIMIT || err == BB_E_INVALID, "it has a price, or is told why not");
        if (err == BB_OK)
                account_adds_up(s->tariff, &a);
        made = account_make(s, policy, &decimals);
        must(made == err || made == BB_E_LIMIT, "and the same in decimals, where they fit");
        free(a.lines);
}

/* Cut at each change of price: all of the energy and of the time is still there. */
static void cut_it(const struct price_session *s, const struct price_policy *policy)
{
        struct price_session cut = *s;
        uint8_t *crosses = bb_alloc(s->period_count + 1);
        struct price_period *periods;
        __int128 energy = 0, time = 0;
        bb_err err = price_split(s, &periods, &cut.period_count);

        must(err == BB_OK || err == BB_E_LIMIT || err == BB_E_INVALID, "it is cut, or is told why not");
        (void)price_crossings(s, crosses);
        if (err < 0)
                return;
        for (size_t i = 0; i < s->period_count; i++) {
                energy += s->periods[i].energy_mwh;
                time += s->periods[i].end_ms - s->periods[i].start_ms;
        }
        for (size_t i = 0; i < cut.period_count; i++) {
                energy -= periods[i].energy_mwh;
                time -= periods[i].end_ms - periods[i].start_ms;
        }
        must(energy == 0 && time == 0, "cutting loses nothing");
        cut.periods = periods;
        price_it(&cut, policy);
}

/* --- numbers at the edges --- */

static uint64_t chance_state;

static int64_t edge(void)
{
        static const int64_t edges[] = {0,         1,         -1,       999999, 1000000000000, -1000000000000,
                                        INT64_MAX, INT64_MIN, INT32_MAX};

        chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
        return edges[(chance_state >> 33) % BB_COUNT(edges)];
}

static int64_t positive(int64_t value)
{
        return value < 0 ? -(value + 1) : value;
}

static void price_with_edges(struct price_session *s, struct price_period *periods, const struct price_policy *policy)
{
        struct tariff t = *s->tariff;
        struct component *components = (struct component *)t.components;

        for (size_t i = 0; i < t.component_count; i++) {
                components[i].price_micro = positive(edge());
                components[i].vat = positive(edge());
                components[i].step = positive(edge());
        }
        t.least.net_micro = edge();
        t.least.gross_micro = edge();
        t.most.net_micro = edge();
        t.most.gross_micro = edge();
        for (size_t i = 0; i < s->period_count; i++) {
                periods[i].energy_mwh = edge();
                periods[i].time_ms = edge();
                periods[i].power_w.low = edge();
        }
        s->tariff = &t;
        price_it(s, policy);
        cut_it(s, policy);
}

/* --- reading --- */

static void take_contract(const bb_json *from, struct price_policy *policy, const struct price_fee **fee)
{
        struct contract_rule rules[200];
        const struct contract_rule_text *texts;
        const char *member, *text;
        struct bb_fault fault;
        struct contract c;

        if (from == NULL || bb_shape_decode(&ContractTerms, from, &c, &fault) < 0)
                return;
        texts = c.applies_to.items;
        for (size_t i = 0; i < c.applies_to.count; i++) {
                if (contract_rule_read(&texts[i], &c, &rules[i], &member, &text) < 0)
                        return;
                must(contract_rules_tie(&rules[i], &rules[i]), "a rule ties with itself");
                for (size_t k = 0; k < i; k++)
                        must(contract_rules_tie(&rules[i], &rules[k]) == contract_rules_tie(&rules[k], &rules[i]),
                             "whether two rules tie does not depend on their order");
        }
        if (c.limits != NULL && contract_limits_check(c.limits, &member, &text) == BB_OK)
                *fee = contract_fee(&c);
        *policy = contract_policy(&c);
}

static bb_err take_tariff(const bb_json *from, int32_t version, struct tariff *ret)
{
        struct ocpi_remarks remarks = {.count = 0};
        struct ocpi_tariff foreign, own;
        struct bb_fault fault;
        bb_err err;

        if (from == NULL || bb_shape_decode(&OcpiForeignTariff, from, &foreign, &fault) < 0)
                return BB_E_INVALID;
        err = ocpi_tariff_compile(&foreign, version, ret, &remarks);
        must((err < 0) == (remarks.errors > 0), "what cannot be computed has an error with its place");
        for (size_t i = 0; i < remarks.count; i++)
                must(remarks.items[i].path.len > 0 && remarks.items[i].text.len > 0, "a remark is told in full");
        if (bb_shape_decode(&OcpiTariff, from, &own, &fault) == BB_OK)
                must(bb_shape_decode(&OcpiTariff, bb_shape_encode(&OcpiTariff, &own), &own, &fault) == BB_OK,
                     "a tariff that was saved is read");
        return err;
}

static void take(const bb_json *body)
{
        struct price_policy policy = {.missing_vat = VAT_MISSING_NONE};
        struct price_session s = {.offset_s = berlin};
        struct cdr_notes notes = {.count = 0};
        struct price_period *periods;
        struct bb_fault fault;
        struct tariff tariff;
        struct ocpi_cdr cdr;
        int32_t version = OCPI_2_3_0;
        size_t *sources;

        for (int32_t i = 0; ocpi_versions[i] != NULL; i++) {
                if (bb_str_is(bb_json_str(bb_json_get(body, "version")), ocpi_versions[i]))
                        version = i;
        }
        take_contract(bb_json_get(body, "contract"), &policy, &s.fee);
        if (take_tariff(bb_json_get(body, "tariff"), version, &tariff) < 0)
                return;
        if (bb_json_get(body, "cdr") == NULL ||
            bb_shape_decode(version == OCPI_2_1_1 ? &OcpiCdr211 : &OcpiCdr, bb_json_get(body, "cdr"), &cdr, &fault) < 0)
                return;
        for (int32_t i = 0; i < CLAIM_COUNT; i++)
                (void)ocpi_cdr_claim(&cdr, version, i);
        if (ocpi_cdr_periods(&cdr, &periods, &s.period_count, &sources, &notes) < 0)
                return;
        s.tariff = &tariff;
        s.periods = periods;
        price_it(&s, &policy);
        cut_it(&s, &policy);
        price_with_edges(&s, periods, &policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        bb_json *body;

        chance_state = size;
        for (size_t i = 0; i < size; i++)
                chance_state = chance_state * 31 + data[i];
        arena_current = arena_new("fuzz");
        if (bb_json_parse((bb_str){(const char *)data, size}, &body, NULL) == BB_OK)
                take(body);
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

#ifdef FUZZ_MAIN
static int replay(const char *path)
{
        char block[4096];
        _cleanup_buf_ struct buf all = {.ptr = NULL};
        FILE *f = fopen(path, "rb");
        size_t n;

        if (f == NULL) {
                perror(path);
                return 1;
        }
        while ((n = fread(block, 1, sizeof(block), f)) > 0)
                buf_add(&all, block, n);
        (void)fclose(f);
        return LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&all).ptr, all.len);
}

int main(int argc, char **argv)
{
        int failed = 0;

        for (int i = 1; i < argc; i++)
                failed |= replay(argv[i]);
        return failed;
}
#endif
