/* SPDX-License-Identifier: Apache-2.0
 *
 * Prices as partners see them: the examples of OCPI's chapter on tariffs (2.2.1-d2 §mod_tariffs, 2.3.0), each as a CDR
 * through POST /v1/prices/audit; previews; what is said about tariffs that cannot be computed.
 * test-libs: libbbtestkit.a
 * test-includes: sdk/testkit
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testkit.h"
#include <busbar/charging.h>

static int load(void **state)
{
        static const struct bb_charging_ops none = {.size = sizeof(none)};
        const char *build = getenv("BUILDDIR");
        char path[512];

        (void)state;
        testkit_provide("charging/1", &none);
        snprintf(path, sizeof(path), "%s/.libs/billing.so", build != NULL ? build : ".");
        return testkit_load(path, "{}") == BB_OK ? 0 : -1;
}

static int unload(void **state)
{
        (void)state;
        testkit_unload();
        return 0;
}

static void holds(const char *body, const char *fragment)
{
        if (strstr(body, fragment) == NULL)
                fail_msg("%s\nis not in\n%s", fragment, body);
}

static void lacks(const char *body, const char *fragment)
{
        if (strstr(body, fragment) != NULL)
                fail_msg("%s\nis in\n%s", fragment, body);
}

/* --- the tariffs of the chapter --- */

#define WHOLE(components) "{\"currency\":\"EUR\",\"elements\":[{\"price_components\":[" components "]}]}"
#define C(type, price, vat, step) "{\"type\":\"" type "\",\"price\":" price ",\"vat\":" vat ",\"step_size\":" step "}"
#define N(type, price, step) "{\"type\":\"" type "\",\"price\":" price ",\"step_size\":" step "}"
#define WHEN(components, restrictions) "{\"price_components\":[" components "],\"restrictions\":{" restrictions "}}"
#define ALWAYS(components) "{\"price_components\":[" components "]}"
#define OF(elements) "{\"currency\":\"EUR\",\"elements\":[" elements "]}"
#define WEEKDAYS "\"day_of_week\":[\"MONDAY\",\"TUESDAY\",\"WEDNESDAY\",\"THURSDAY\",\"FRIDAY\"]"
#define RESERVED "\"reservation\":\"RESERVATION\""
#define EXPIRES "\"reservation\":\"RESERVATION_EXPIRES\""

static const char energy[] = WHOLE(C("ENERGY", "0.25", "10", "1"));
static const char energy_start[] = WHOLE(C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1"));
static const char energy_minimum[] = "{\"currency\":\"EUR\",\"min_price\":{\"excl_vat\":0.5,\"incl_vat\":0.55},"
                                     "\"elements\":[{\"price_components\":[" C("ENERGY", "0.25", "10", "1") "]}]}";
static const char parking_start[] =
        WHOLE(C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1") "," C("PARKING_TIME", "2", "20", "900"));
static const char start_maximum[] =
        "{\"currency\":\"EUR\",\"max_price\":{\"excl_vat\":10,\"incl_vat\":11},\"elements\":[{\"price_components\":[" C(
                "FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1") "]}]}";
static const char hourly[] = WHOLE(C("TIME", "2", "10", "60"));
static const char hourly_parking[] = WHOLE(C("TIME", "3", "10", "60") "," C("PARKING_TIME", "5", "20", "300"));
static const char ad_hoc[] = WHOLE(C("TIME", "1.9", "5.2", "300"));
static const char hundred_wh[] = WHOLE(C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "100"));
static const char complex[] =
        OF(ALWAYS(C("FLAT", "2.5", "15", "1")) "," WHEN(C("TIME", "1", "20", "900"), "\"max_current\":32") "," WHEN(
                C("TIME", "2", "20", "600"),
                "\"min_current\":32," WEEKDAYS) "," WHEN(C("TIME", "1.25", "20", "600"),
                                                         "\"min_current\":32,\"day_of_week\":[\"SATURDAY\","
                                                         "\"SUNDAY\"]") "," WHEN(C("PARKING_TIME", "5", "10", "300"),
                                                                                 "\"start_time\":\"09:00\","
                                                                                 "\"end_time\":\"18:"
                                                                                 "00\"," WEEKDAYS) "," WHEN(C("PARKING_"
                                                                                                              "TIME",
                                                                                                              "6", "10",
                                                                                                              "300"),
                                                                                                            "\""
                                                                                                            "st"
                                                                                                            "ar"
                                                                                                            "t_"
                                                                                                            "ti"
                                                                                                            "me"
                                                                                                            "\""
                                                                                                            ":"
                                                                                                            "\""
                                                                                                            "10"
                                                                                                            ":0"
                                                                                                            "0"
                                                                                                            "\""
                                                                                                            ","
                                                                                                            "\""
                                                                                                            "en"
                                                                                                            "d_"
                                                                                                            "ti"
                                                                                                            "me"
                                                                                                            "\""
                                                                                                            ":"
                                                                                                            "\""
                                                                                                            "17"
                                                                                                            ":0"
                                                                                                            "0"
                                                                                                            "\""
                                                                                                            ","
                                                                                                            "\""
                                                                                                            "da"
                                                                                                            "y_"
                                                                                                            "of"
                                                                                                            "_w"
                                                                                                            "ee"
                                                                                                            "k"
                                                                                                            "\""
                                                                                                            ":["
                                                                                                            "\""
                                                                                                            "SA"
                                                                                                            "TU"
                                                                                                            "RD"
                                                                                                            "AY"
                                                                                                            "\""
                                                                                                            "]"));
static const char free_of_charge[] = WHOLE(N("FLAT", "0", "0"));
static const char reservation[] = OF(WHEN(C("TIME", "5", "20", "60"), RESERVED) "," ALWAYS(
        C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1")));
static const char reservation_fee[] =
        OF(WHEN(C("FLAT", "2", "20", "1") "," C("TIME", "5", "20", "300"),
                RESERVED) "," ALWAYS(C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1")));
static const char expire_fee[] =
        OF(WHEN(C("FLAT", "4", "20", "1"), EXPIRES) "," WHEN(C("TIME", "2", "20", "600"), RESERVED) "," ALWAYS(
                C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1")));
static const char expire_time[] =
        OF(WHEN(C("TIME", "6", "20", "600"), EXPIRES) "," WHEN(C("TIME", "3", "20", "600"), RESERVED) "," ALWAYS(
                C("FLAT", "0.5", "20", "1") "," C("ENERGY", "0.25", "10", "1")));
static const char step_size[] = OF(
        WHEN(N("TIME", "1.2", "1800") "," N("PARKING_TIME", "1", "900"),
             "\"start_time\":\"00:00\",\"end_time\":"
             "\"17:00\"") "," WHEN(N("TIME", "2.4", "900") "," N("PARKING_TIME", "1", "900"),
                                   "\"start_time\":\"17:00\",\"end_time\":\"20:00\"") "," WHEN(N("TIME", "2.4", "900"),
                                                                                               "\"start_time\":\"20:"
                                                                                               "00\",\"end_time\":"
                                                                                               "\"00:00\""));
static const char by_power[] = OF(WHEN(N("ENERGY", "0.2", "1"), "\"max_power\":16") "," WHEN(
        N("ENERGY", "0.35", "1"), "\"max_power\":32") "," ALWAYS(N("ENERGY", "0.5", "1")));
static const char by_duration[] = OF(WHEN(N("ENERGY", "0", "1"), "\"max_duration\":1800") "," WHEN(
        N("ENERGY", "0.25", "1"), "\"max_duration\":3600") "," ALWAYS(N("ENERGY", "0.4", "1")));
static const char canadian[] = "{\"currency\":\"CAD\",\"tax_included\":\"NO\",\"elements\":[{\"price_components\":[" N(
        "TIME", "2", "60") "]}]}";
static const char canadian_gross[] =
        "{\"currency\":\"CAD\",\"tax_included\":\"YES\",\"elements\":[{\"price_components\":[" N("TIME", "2.1",
                                                                                                 "60") "]}]}";
/* §mod_cdrs_step_size */
static const char step_energy[] =
        OF(WHEN(N("ENERGY", "0.2", "500"), "\"end_time\":\"17:00\"") "," ALWAYS(N("ENERGY", "0.27", "500")));
static const char step_time[] =
        OF(WHEN(N("TIME", "5", "600"), "\"end_time\":\"17:00\"") "," ALWAYS(N("TIME", "7", "600")));
static const char step_both[] = WHOLE(N("TIME", "1", "600") "," N("PARKING_TIME", "2", "600"));

/* Periods: start, and dimensions. */
#define P(start, dimensions) "{\"start_date_time\":\"" start "\",\"dimensions\":[" dimensions "]}"
#define V(type, volume) "{\"type\":\"" type "\",\"volume\":" volume "}"

struct example {
        const char *name, *tariff, *start, *end, *periods;
        const char *excl, *incl; /* incl NULL: no tax is named */
        int version;
};

#define MON "2026-11-02T"
#define SAT "2026-11-07T"
static const struct example examples[] = {
        {"0.25 per kWh", energy, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2")), "5", "5.5", 1},
        {"with a start fee", energy_start, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2")), "5.5", "6.1", 1},
        {"minimum, not reached", energy_minimum, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2")), "5", "5.5", 1},
        {"minimum", energy_minimum, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "1.5") "," V("TIME", "2")), "0.5", "0.55", 1},
        {"parking by quarters of an hour", parking_start, MON "10:00:00Z", MON "12:40:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2")) "," P(MON "12:00:00Z", V("PARKING_TIME", "0.6667")),
         "7", "7.9", 1},
        {"maximum", start_maximum, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "50") "," V("TIME", "2")), "10", "11", 1},
        {"maximum, not reached", start_maximum, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "30") "," V("TIME", "2")), "8", "8.85", 1},
        {"2 per hour", hourly, MON "10:00:00Z", MON "12:30:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2.5")), "5", "5.5", 1},
        {"3 per hour, 5 parked", hourly_parking, MON "10:00:00Z", MON "13:12:00Z",
         P(MON "10:00:00Z", V("TIME", "2.5")) "," P(MON "12:30:00Z", V("PARKING_TIME", "0.7")), "11.25", "12.75", 1},
        /* The text prints 5.00, which is 4.997 in whole cents. */
        {"ad hoc", ad_hoc, MON "10:00:00Z", MON "12:30:00Z", P(MON "10:00:00Z", V("TIME", "2.5")), "4.75", "4.997", 1},
        /* The text prints 5.13 and 5.63: 20.5 kWh come to 5.125, rounded up line by line. */
        {"by 100 Wh", hundred_wh, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20.45") "," V("TIME", "2")), "5.625", "6.2375", 1},
        {"complex, Monday", complex, MON "09:30:00Z", MON "12:57:00Z",
         P(MON "09:30:00Z", V("TIME", "2.75") "," V("MAX_CURRENT", "16")) "," P(MON "12:15:00Z",
                                                                                V("PARKING_TIME", "0.7")),
         "9", "10.3", 1},
        /* The text prints 2.28 for 114 minutes at 1.25 per hour, and so 12.28 and 13.861 (ocpi/ocpi #396, #402). */
        {"complex, Saturday", complex, SAT "13:30:00Z", SAT "16:35:00Z",
         P(SAT "13:30:00Z", V("TIME", "1.9") "," V("MIN_CURRENT", "43")) "," P(SAT "15:24:00Z",
                                                                               V("PARKING_TIME", "1.1833")),
         "12.375", "13.975", 1},
        {"free of charge", free_of_charge, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "20") "," V("TIME", "2")), "0", NULL, 1},
        {"reservation", reservation, MON "10:00:00Z", MON "12:15:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "0.25")) "," P(MON "10:15:00Z", V("ENERGY", "20") "," V("TIME", "2")),
         "6.75", "7.6", 1},
        {"reservation with a fee", reservation_fee, MON "10:00:00Z", MON "12:13:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "0.2167")) "," P(MON "10:13:00Z",
                                                                   V("ENERGY", "20") "," V("TIME", "2")),
         "8.75", "10", 1},
        {"reservation used, with a fee for expiry", expire_fee, MON "10:00:00Z", MON "12:22:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "0.3667")) "," P(MON "10:22:00Z",
                                                                   V("ENERGY", "20") "," V("TIME", "2")),
         "6.5", "7.3", 1},
        {"reservation expired, with a fee", expire_fee, MON "10:00:00Z", MON "11:00:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "1")), "6", "7.2", 1},
        {"reservation used, with a price for expiry", expire_time, MON "10:00:00Z", MON "12:22:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "0.3667")) "," P(MON "10:22:00Z",
                                                                   V("ENERGY", "20") "," V("TIME", "2")),
         "7", "7.9", 1},
        {"reservation expired, with a price", expire_time, MON "10:00:00Z", MON "11:30:00Z",
         P(MON "10:00:00Z", V("RESERVATION_TIME", "1.5")), "9", "10.8", 1},
        {"step_size #1", step_size, MON "16:55:00Z", MON "17:07:00Z",
         P(MON "16:55:00Z", V("TIME", "0.0833")) "," P(MON "17:00:00Z", V("TIME", "0.0833")) "," P(
                 MON "17:05:00Z", V("PARKING_TIME", "0.0333")),
         "0.55", NULL, 1},
        {"step_size #2", step_size, MON "16:35:00Z", MON "17:10:00Z",
         P(MON "16:35:00Z", V("TIME", "0.4167")) "," P(MON "17:00:00Z", V("TIME", "0.1667")), "1.3", NULL, 1},
        {"step_size, parking becomes free", step_size, MON "19:40:00Z", MON "20:12:00Z",
         P(MON "19:40:00Z", V("TIME", "0.2")) "," P(MON "19:52:00Z", V("PARKING_TIME", "0.1333")) "," P(
                 MON "20:00:00Z", V("PARKING_TIME", "0.2")),
         "0.73", NULL, 1},
        {"by power", by_power, MON "10:00:00Z", MON "12:00:00Z",
         P(MON "10:00:00Z", V("ENERGY", "1") "," V("TIME", "0.1667") "," V("MAX_POWER", "6")) "," P(
                 MON "10:10:00Z",
                 V("ENERGY", "40") "," V("TIME", "0.8333") "," V(
                         "MIN_POWER", "48")) "," P(MON "11:00:00Z",
                                                   V("ENERGY", "0.5") "," V("TIME", "1") "," V("MAX_POWER", "4")),
         "20.3", NULL, 1},
        {"by duration", by_duration, MON "10:00:00Z", MON "10:40:00Z",
         P(MON "10:00:00Z", V("ENERGY", "5") "," V("TIME", "0.5")) "," P(MON "10:30:00Z",
                                                                         V("ENERGY", "1.2") "," V("TIME", "0.1667")),
         "0.3", NULL, 1},
        {"2.3.0, taxes not included", canadian, MON "10:00:00Z", MON "12:30:00Z", P(MON "10:00:00Z", V("TIME", "2.5")),
         "5", NULL, 2},
        {"2.3.0, taxes included", canadian_gross, MON "10:00:00Z", MON "12:30:00Z",
         P(MON "10:00:00Z", V("TIME", "2.5")), "5.25", NULL, 2},
        {"mod_cdrs: energy across 17:00", step_energy, MON "16:00:00Z", MON "18:00:00Z",
         P(MON "16:00:00Z", V("ENERGY", "4.3") "," V("TIME", "1")) "," P(MON "17:00:00Z",
                                                                         V("ENERGY", "1.1") "," V("TIME", "1")),
         "1.184", NULL, 1},
        {"mod_cdrs: time across 17:00", step_time, MON "16:54:00Z", MON "17:22:00Z",
         P(MON "16:54:00Z", V("TIME", "0.1")) "," P(MON "17:00:00Z", V("TIME", "0.3667")), "3.3", NULL, 1},
        {"mod_cdrs: parking alone is rounded", step_both, MON "10:00:00Z", MON "10:37:00Z",
         P(MON "10:00:00Z", V("TIME", "0.35")) "," P(MON "10:21:00Z", V("PARKING_TIME", "0.2667")), "1.0167", NULL, 1},
};

static const char *const versions[] = {"2.1.1", "2.2.1", "2.3.0"};

static struct testkit_answer audit_of(const struct example *e, const char *claimed_excl)
{
        char body[16384], cost[200];
        const char *currency = strstr(e->tariff, "CAD") != NULL ? "CAD" : "EUR";

        if (e->version == 2)
                snprintf(cost, sizeof(cost), "{\"before_taxes\":%s}", claimed_excl);
        else if (e->incl != NULL)
                snprintf(cost, sizeof(cost), "{\"excl_vat\":%s,\"incl_vat\":%s}", claimed_excl, e->incl);
        else
                snprintf(cost, sizeof(cost), "{\"excl_vat\":%s}", claimed_excl);
        snprintf(body, sizeof(body),
                 "{\"version\":\"%s\",\"tariff\":%s,\"cdr\":{\"id\":\"x\",\"currency\":\"%s\",\"start_date_time\":\"%"
                 "s\","
                 "\"end_date_time\":\"%s\",\"total_energy\":0,\"total_time\":0,\"charging_periods\":[%s],\"total_"
                 "cost\":%s}}",
                 versions[e->version], e->tariff, currency, e->start, e->end, e->periods, cost);
        return testkit_request("POST", "/v1/prices/audit", body);
}

static void the_examples_of_the_chapter(void **state)
{
        char fragment[300];

        (void)state;
        for (size_t i = 0; i < BB_COUNT(examples); i++) {
                const struct example *e = &examples[i];
                struct testkit_answer answer = audit_of(e, e->excl);

                print_message("# %s\n", e->name);
                if (answer.status != 200)
                        fail_msg("%s: %d %s", e->name, answer.status, answer.body);
                snprintf(fragment, sizeof(fragment), "{\"field\":\"total_cost\",\"verdict\":\"equal\",\"ours\":%s,",
                         e->excl);
                holds(answer.body, fragment);
                if (e->incl == NULL)
                        continue;
                snprintf(fragment, sizeof(fragment), "\"ours_incl_vat\":%s,", e->incl);
                holds(answer.body, fragment);
        }
}

static void a_wrong_claim_is_named(void **state)
{
        struct testkit_answer answer = audit_of(&examples[12], "12.28"); /* the specification's own error */

        (void)state;
        assert_int_equal(answer.status, 200);
        holds(answer.body, "\"agrees\":false");
        holds(answer.body,
              "{\"field\":\"total_cost\",\"verdict\":\"different\",\"ours\":12.375,\"ours_incl_vat\":13.975,"
              "\"claimed\":12.28,\"claimed_incl_vat\":13.975,\"difference\":-0.095,\"difference_incl_vat\":0}");
        answer = audit_of(&examples[12], "12.371");
        holds(answer.body, "\"verdict\":\"rounding\",\"ours\":12.375");
}

static void version_2_1_1_has_totals_of_its_own(void **state)
{
        struct testkit_answer answer =
                testkit_request("POST", "/v1/prices/audit",
                                "{\"version\":\"2.1.1\",\"time_zone\":\"Europe/"
                                "Berlin\",\"cdr\":{\"currency\":\"EUR\",\"start_date_time\":\"2026-11-02T10:00:00Z\","
                                "\"stop_date_time\":\"2026-11-02T12:00:00Z\",\"tariffs\":[{\"id\":\"1\",\"currency\":"
                                "\"EUR\",\"elements\":[{\"price_components\":["
                                "{\"type\":\"ENERGY\",\"price\":0.3,\"step_size\":1}],\"restrictions\":{\"start_time\":"
                                "\"11:00\",\"end_time\":\"12:00\"}},"
                                "{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.5,\"step_size\":1}]}]}],"
                                "\"charging_periods\":[{\"start_date_time\":\"2026-11-02T10:00:00Z\",\"dimensions\":[{"
                                "\"type\":\"ENERGY\",\"volume\":10},{\"type\":\"TIME\",\"volume\":2}]}],"
                                "\"total_cost\":3,\"total_energy\":10,\"total_time\":2}}");

        (void)state;
        assert_int_equal(answer.status, 200);
        holds(answer.body, "{\"field\":\"total_cost\",\"verdict\":\"equal\",\"ours\":3,");
        holds(answer.body,
              "{\"field\":\"total_energy\",\"verdict\":\"equal\",\"ours\":10,\"claimed\":10,\"difference\":0}");
        /* 11:00 in Berlin is 10:00Z: the price changes an hour later, within the period. */
        holds(answer.body, "{\"code\":\"crosses-price\",\"path\":\"/charging_periods/0\"");
        lacks(answer.body, "total_fixed_cost");
}

static void bad_tariffs_are_refused_with_the_place(void **state)
{
        static const struct {
                const char *tariff, *pointer;
        } cases[] = {
                {"{\"currency\":\"EUX\",\"elements\":[" ALWAYS(N("FLAT", "1", "1")) "]}", "/currency"},
                {OF(WHEN(N("TIME", "1", "1"), "\"start_time\":\"25:00\"")), "/elements/0/restrictions/start_time"},
                {OF(WHEN(N("TIME", "1", "1"), "\"end_date\":\"2026-02-30\"")), "/elements/0/restrictions/end_date"},
                {OF(WHEN(N("TIME", "1", "1"), "\"min_kwh\":5,\"max_kwh\":5")), "/elements/0/restrictions/max_kwh"},
                {OF(ALWAYS(N("TIME", "1", "1") "," N("TIME", "2", "1"))), "/elements/0/price_components/1"},
                {OF(WHEN(N("ENERGY", "1", "1"), RESERVED)), "/elements/0/price_components/0"},
                {OF(ALWAYS(N("TIME", "1", "-1"))), "/elements/0/price_components/0/step_size"},
                {OF(ALWAYS(N("TIME", "-1", "1"))), "/elements/0/price_components/0/price"},
                {"{\"currency\":\"EUR\",\"elements\":[]}", "/elements"},
                {"{\"currency\":\"EUR\",\"min_price\":{\"before_taxes\":2},\"max_price\":{\"before_taxes\":1},"
                 "\"elements\":[" ALWAYS(N("FLAT", "1", "1")) "]}",
                 "/min_price"},
                {OF(WHEN(N("TIME", "1", "1"), "\"max_power\":0")), "/elements/0/restrictions/max_power"},
                {OF(WHEN(N("TIME", "1", "1"), "\"min_duration\":60,\"max_duration\":60")),
                 "/elements/0/restrictions/max_duration"},
                {OF(WHEN(N("TIME", "1", "1"), "\"start_date\":\"2026-02-01\",\"end_date\":\"2026-02-01\"")),
                 "/elements/0/restrictions/end_date"},
                {OF(WHEN(N("TIME", "1", "1"), "\"min_kwh\":-1")), "/elements/0/restrictions/min_kwh"},
                {OF(WHEN(N("TIME", "1", "1"), "\"day_of_week\":[\"NODAY\"]")),
                 "/elements/0/restrictions/day_of_week/0"},
                {OF(ALWAYS(C("TIME", "1", "101", "1"))), "/elements/0/price_components/0/vat"},
                {OF(ALWAYS(N("TIME", "1000000.000001", "1"))), "/elements/0/price_components/0/price"},
                {"{\"currency\":\"EUR\",\"max_price\":{\"after_taxes\":1},\"elements\":[" ALWAYS(
                         N("FLAT", "1", "1")) "]}",
                 "/max_price"},
                {OF("{\"price_components\":[" N("FLAT", "1", "1") "],\"restriction\":{}}"), "/elements/0/restriction"},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct testkit_answer answer = testkit_request("PUT", "/v1/tariffs/T1", cases[i].tariff);
                char fragment[200];

                print_message("# %s\n", cases[i].pointer);
                assert_int_equal(answer.status, 422);
                snprintf(fragment, sizeof(fragment), "\"pointer\":\"%s\"", cases[i].pointer);
                holds(answer.body, fragment);
        }
        assert_int_equal(testkit_statements("insert into billing.tariff"), 0);
}

static void odd_tariffs_get_remarks(void **state)
{
        struct testkit_answer answer =
                testkit_request("POST", "/v1/tariffs/check",
                                OF(ALWAYS(N("ENERGY", "0.3", "1")) "," WHEN(
                                        N("ENERGY", "0.2", "1"),
                                        "\"start_time\":\"22:00\",\"end_time\":\"06:"
                                        "00\"," WEEKDAYS) "," WHEN(N("TIME", "1", "1"), "\"min_duration\":7200")));

        (void)state;
        assert_int_equal(answer.status, 200);
        holds(answer.body, "\"computable\":true");
        holds(answer.body, "{\"severity\":\"warning\",\"path\":\"/elements/1/price_components/0\",\"text\":\"never "
                           "applies: /elements/0 has no restrictions and comes first\"}");
        holds(answer.body, "\"path\":\"/elements/1/restrictions/day_of_week\"");
        holds(answer.body, "TIME has no element without restrictions: it is free where none applies");
}

static void what_never_applies_is_told(void **state)
{
        static const struct {
                const char *tariff, *path, *text; /* path NULL: nothing is odd about it */
        } cases[] = {
                {OF(WHEN(N("ENERGY", "1", "1"), "\"min_kwh\":5," WEEKDAYS) "," WHEN(
                         N("ENERGY", "2", "1"),
                         "\"min_kwh\":6,\"max_kwh\":9,\"day_of_week\":[\"MONDAY\"]") "," ALWAYS(N("ENERGY", "3", "1"))),
                 "/elements/1/price_components/0", "applies whenever this does"},
                {OF(WHEN(N("ENERGY", "1", "1"), "\"max_power\":11,\"start_time\":\"08:00\"") "," WHEN(
                         N("ENERGY", "2", "1"),
                         "\"max_power\":7,\"start_time\":\"08:00\"") "," ALWAYS(N("ENERGY", "3", "1"))),
                 "/elements/1/price_components/0", "applies whenever this does"},
                {OF(WHEN(N("ENERGY", "1", "1"), "\"max_power\":11") "," WHEN(
                         N("ENERGY", "2", "1"), "\"max_power\":22") "," ALWAYS(N("ENERGY", "3", "1"))),
                 NULL, ""},
                {OF(WHEN(N("ENERGY", "1", "1"), "\"min_kwh\":5,\"start_time\":\"08:00\"") "," WHEN(
                         N("ENERGY", "2", "1"), "\"min_kwh\":6") "," ALWAYS(N("ENERGY", "3", "1"))),
                 NULL, ""},
                {OF(WHEN(N("TIME", "1", "1"), RESERVED)), "/elements", "charging itself is free"},
                {OF(WHEN(N("PARKING_TIME", "1", "1"), "\"min_power\":1") "," ALWAYS(N("PARKING_TIME", "1", "1"))),
                 "/elements/0", "this never applies"},
                {"{\"currency\":\"EUR\",\"tax_included\":\"YES\",\"elements\":[" ALWAYS(N("FLAT", "1", "1")) "]}",
                 "/elements/0/price_components/0", "its rate is not told"},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct testkit_answer answer = testkit_request("POST", "/v1/tariffs/check", cases[i].tariff);
                char fragment[200];

                assert_int_equal(answer.status, 200);
                if (cases[i].path == NULL) {
                        holds(answer.body, "\"remarks\":[]");
                        continue;
                }
                snprintf(fragment, sizeof(fragment),
                         "{\"severity\":\"warning\",\"path\":\"%s\",\"text\":", cases[i].path);
                holds(answer.body, fragment);
                holds(answer.body, cases[i].text);
        }
}

/* Nothing wraps, and nobody waits for ten thousand years to be cut into days. */
static void what_cannot_be_priced_is_refused(void **state)
{
        static const char *const cases[][3] = {
                {"/v1/prices/preview",
                 "{\"tariff\":" WHOLE(N("ENERGY", "1000000", "1")) ",\"energy_kwh\":10000,\"power_kw\":10}", NULL},
                {"/v1/prices/preview",
                 "{\"tariff\":" WHOLE(
                         C("TIME", "1000000", "100", "100000000")) ",\"charging_s\":31622400,\"parking_s\":31622400}",
                 NULL},
                {"/v1/prices/audit",
                 "{\"version\":\"2.2.1\",\"tariff\":" WHOLE(N(
                         "ENERGY", "1000000",
                         "1")) ",\"cdr\":{\"currency\":\"EUR\",\"start_date_time\":\"2026-11-02T10:00:00Z\",\"end_date_"
                               "time\":\"2026-11-02T11:00:00Z\",\"total_energy\":0,\"total_time\":0,\"total_cost\":{},"
                               "\"charging_periods\":[" P("2026-11-02T10:00:00Z", V("ENERGY", "1000000000")) "]}}",
                 "/cdr/charging_periods"},
                {"/v1/prices/audit",
                 "{\"version\":\"2.2.1\",\"tariff\":" OF(WHEN(
                         N("TIME", "1", "1"),
                         "\"start_time\":\"08:00\"")) ",\"cdr\":{\"currency\":\"EUR\",\"start_date_time\":\"0001-01-"
                                                      "01T00:00:00Z\",\"end_date_time\":\"9999-01-01T00:00:00Z\","
                                                      "\"total_energy\":0,\"total_time\":0,\"total_cost\":{},"
                                                      "\"charging_periods\":[" P("0001-01-01T00:00:00Z",
                                                                                 V("TIME", "1")) "]}}",
                 "/cdr/charging_periods"},
        };

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                struct testkit_answer answer = testkit_request("POST", cases[i][0], cases[i][1]);
                char fragment[200];

                if (cases[i][2] == NULL) { /* large, and within the range */
                        assert_int_equal(answer.status, 200);
                        continue;
                }
                assert_int_equal(answer.status, 422);
                holds(answer.body, "price-out-of-range");
                snprintf(fragment, sizeof(fragment), "\"pointer\":\"%s\"", cases[i][2]);
                holds(answer.body, fragment);
        }
}

static void previews_cut_at_every_change_of_price(void **state)
{
        /* Night price from 22:00 in Berlin, across the end of daylight-saving time: the night of 25 October has 25
         * hours, 21:30 to 06:30 is ten hours, at 10 kW. */
        struct testkit_answer answer = testkit_request(
                "POST", "/v1/prices/preview",
                "{\"tariff\":" OF(
                        WHEN(C("ENERGY", "0.2", "19", "1"),
                             "\"start_time\":\"22:00\",\"end_"
                             "time\":\"06:00\"") "," ALWAYS(C("ENERGY", "0.5", "19",
                                                              "1") "," C("PARKING_TIME", "6", "19",
                                                                         "60"))) ",\"time_zone\":\"Europe/"
                                                                                 "Berlin\",\"start\":\"2026-10-24T19:"
                                                                                 "30:00Z\",\"charging_"
                                                                                 "s\":36000,\"power_kw\":10,\"parking_"
                                                                                 "s\":600}");

        (void)state;
        assert_int_equal(answer.status, 200);
        holds(answer.body, "\"periods\":[{\"start\":\"2026-10-24T19:30:00.000Z\",\"end\":\"2026-10-24T20:00:00.000Z\","
                           "\"state\":\"charging\",\"energy_kwh\":5},"
                           "{\"start\":\"2026-10-24T20:00:00.000Z\",\"end\":\"2026-10-25T05:00:00.000Z\",\"state\":"
                           "\"charging\",\"energy_kwh\":90},"
                           "{\"start\":\"2026-10-25T05:00:00.000Z\",\"end\":\"2026-10-25T05:30:00.000Z\",\"state\":"
                           "\"charging\",\"energy_kwh\":5},");
        /* 10 kWh at 0.50, 90 at 0.20, 10 minutes at 6 per hour. */
        holds(answer.body, "\"total\":{\"excl_vat\":24,\"vat\":4.56,\"incl_vat\":28.56},\"payable_minor\":2856");
        holds(answer.body, "\"prices\":[{\"per\":\"kWh\",\"excl_vat\":0.5,\"incl_vat\":0.595,");
        holds(answer.body, "{\"per\":\"minute_parked\",\"excl_vat\":0.1,\"incl_vat\":0.119,");
}

/* 0.00004 and 0.00002 of tax are 0.00006: each rounded for itself, nothing and nothing would be 0.0001. */
static void net_and_tax_add_up_as_they_are_printed(void **state)
{
        struct testkit_answer answer =
                testkit_request("POST", "/v1/prices/preview",
                                "{\"tariff\":" OF(ALWAYS(C("FLAT", "0.00004", "50", "1"))) ",\"energy_kwh\":5,"
                                                                                           "\"power_kw\":1}");

        (void)state;
        assert_int_equal(answer.status, 200);
        holds(answer.body, "\"total\":{\"excl_vat\":0,\"vat\":0.0001,\"incl_vat\":0.0001}");
}

static void previews_need_a_whole_session(void **state)
{
        struct testkit_answer answer = testkit_request("POST", "/v1/prices/preview",
                                                       "{\"tariff\":" WHOLE(N("FLAT", "1", "1")) ",\"energy_kwh\":5}");

        (void)state;
        assert_int_equal(answer.status, 422);
        holds(answer.body, "\"pointer\":\"/power_kw\"");
        answer = testkit_request("POST", "/v1/prices/preview", "{\"energy_kwh\":5,\"power_kw\":1}");
        assert_int_equal(answer.status, 422);
        holds(answer.body, "\"pointer\":\"/tariff\"");
        answer = testkit_request("POST", "/v1/prices/preview",
                                 "{\"tariff\":" WHOLE(N("FLAT", "1", "1")) ",\"time_zone\":\"Mars/Olympus\"}");
        assert_int_equal(answer.status, 422);
        holds(answer.body, "\"pointer\":\"/time_zone\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_examples_of_the_chapter),
                cmocka_unit_test(a_wrong_claim_is_named),
                cmocka_unit_test(version_2_1_1_has_totals_of_its_own),
                cmocka_unit_test(bad_tariffs_are_refused_with_the_place),
                cmocka_unit_test(odd_tariffs_get_remarks),
                cmocka_unit_test(what_never_applies_is_told),
                cmocka_unit_test(what_cannot_be_priced_is_refused),
                cmocka_unit_test(previews_cut_at_every_change_of_price),
                cmocka_unit_test(net_and_tax_add_up_as_they_are_printed),
                cmocka_unit_test(previews_need_a_whole_session),
        };

        return cmocka_run_group_tests(tests, load, unload);
}
