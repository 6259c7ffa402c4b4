/* SPDX-License-Identifier: Apache-2.0
 *
 * What pricing costs: a session of ten periods by a tariff of twelve elements, once and a million times. Prints,
 * asserts nothing. test-sources: plugins/billing/money.c plugins/billing/price.c plugins/billing/tariff.c
 * test-includes: plugins/billing
 */
#include "base/time.h"
#include "price.h"
#include <stdio.h>

enum { SESSIONS = 1000000, PERIODS = 10, ELEMENTS = 12, PER_ELEMENT = 3 };

static int32_t berlin(const void *zone, int64_t at_ms)
{
        (void)zone;
        return at_ms < 1792890000000LL ? 7200 : 3600;
}

int main(void)
{
        static struct element elements[ELEMENTS];
        static struct component components[ELEMENTS * PER_ELEMENT];
        struct tariff tariff = {.currency = "EUR",
                                .elements = elements,
                                .element_count = ELEMENTS,
                                .components = components,
                                .component_count = ELEMENTS * PER_ELEMENT};
        struct price_period periods[PERIODS];
        struct price_session session = {
                .tariff = &tariff, .periods = periods, .period_count = PERIODS, .offset_s = berlin};
        const struct price_policy policy = {.missing_vat = VAT_MISSING_NONE};
        struct price_line lines[4 * ELEMENTS * PER_ELEMENT + 5];
        struct price_account account = {.lines = lines};
        int64_t begin_us, took_us, cents, sum = 0;

        /* Windows of two hours each, with energy, time and parking, so that most elements are looked at in vain. */
        for (int32_t i = 0; i < ELEMENTS; i++) {
                elements[i] =
                        (struct element){.first = (uint32_t)(i * PER_ELEMENT),
                                         .count = PER_ELEMENT,
                                         .when = {.set = WHEN_START_TIME | WHEN_END_TIME | WHEN_DAYS | WHEN_MAX_ENERGY,
                                                  .days = 127,
                                                  .start_minute = i * 120,
                                                  .end_minute = (i * 120 + 120) % 1440,
                                                  .max_energy_mwh = 900000000}};
                for (int32_t k = 0; k < PER_ELEMENT; k++)
                        components[i * PER_ELEMENT + k] = (struct component){.dimension = k,
                                                                             .price_micro = 250000 + 10000 * i,
                                                                             .has_vat = 1,
                                                                             .vat = 190000,
                                                                             .step = k == DIM_ENERGY ? 100 : 60};
        }
        tariff_ready(elements, ELEMENTS, components);
        begin_us = time_mono_us();
        for (int64_t n = 0; n < SESSIONS; n++) {
                for (int64_t i = 0; i < PERIODS; i++)
                        periods[i] =
                                (struct price_period){.start_ms = 1792828800000LL + n * 1000 + i * 5400000,
                                                      .end_ms = 1792828800000LL + n * 1000 + (i + 1) * 5400000,
                                                      .time_ms = 5400000,
                                                      .energy_mwh = 7000000 + n % 1000,
                                                      .state = i == PERIODS - 1 ? PERIOD_PARKING : PERIOD_CHARGING};
                if (price_session(&session, &policy, &account) < 0 ||
                    money_round(account.total.net + account.total.tax, 2, &cents) < 0)
                        return 1;
                sum += cents;
        }
        took_us = time_mono_us() - begin_us;
        printf("price: %d sessions of %d periods by %d elements: %.2f s, %.2f us a session, sum %lld.%02lld\n",
               SESSIONS, PERIODS, ELEMENTS, (double)took_us / 1e6, (double)took_us / SESSIONS, (long long)(sum / 100),
               (long long)(sum % 100));
        return 0;
}
