/* SPDX-License-Identifier: Apache-2.0
 *
 * Which fact is which effect of a command, and when all that is wanted has come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../plugins/charging/effect.c"
#include "../../plugins/charging/text.c"

#define BIT(status) (1u << (status))

static const struct effect_context before = {.firmware_before = {.ptr = "1.0", .len = 3}};

static int is(struct bb_effect e, struct fact f)
{
        return effect_is(&e, &f, &before);
}

static void a_connector_is_the_one_that_was_meant(void **state)
{
        struct bb_effect one = {.kind = BB_EFFECT_CONNECTOR, .connector_id = 2, .statuses = BIT(BB_CONNECTOR_RESERVED)};
        struct bb_effect any = one;

        (void)state;
        any.connector_id = BB_CONNECTOR_ANY;
        assert_true(is(one, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 2, .status = BB_CONNECTOR_RESERVED}));
        assert_false(
                is(one, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 1, .status = BB_CONNECTOR_RESERVED}));
        assert_false(
                is(one, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 2, .status = BB_CONNECTOR_AVAILABLE}));
        assert_true(is(any, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 1, .status = BB_CONNECTOR_RESERVED}));
        assert_false(
                is(any, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 0, .status = BB_CONNECTOR_RESERVED}));
        assert_false(is(one, (struct fact){.kind = FACT_BOOTED}));
        assert_false(is(one, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 2, .status = -1}));
}

static void the_whole_station_is_all_its_connectors(void **state)
{
        const struct bb_effect off = {.kind = BB_EFFECT_CONNECTOR,
                                      .connector_id = BB_CONNECTOR_WHOLE_STATION,
                                      .statuses = BIT(BB_CONNECTOR_UNAVAILABLE)};
        const int64_t ids[] = {0, 1, 2}, all[] = {8, 8, 8}, but_one[] = {8, 8, 1}, but_the_whole[] = {1, 8, 8};

        (void)state;
        assert_true(effect_wants_all(&off));
        assert_false(
                is(off, (struct fact){.kind = FACT_CONNECTOR, .connector_id = 0, .status = BB_CONNECTOR_UNAVAILABLE}));
        assert_true(effect_holds_for_all(&off, ids, all, 3));
        assert_false(effect_holds_for_all(&off, ids, but_one, 3));
        assert_true(effect_holds_for_all(&off, ids, but_the_whole, 3)); /* some never report connector 0 */
        assert_true(effect_holds_for_all(&off, ids, all, 1));
        assert_false(effect_holds_for_all(&off, ids, but_the_whole, 1));
        assert_false(effect_holds_for_all(&off, ids, all, 0));
}

static void a_session_is_the_tokens_and_the_connectors(void **state)
{
        const struct bb_effect start = {
                .kind = BB_EFFECT_SESSION_STARTED, .connector_id = 1, .token_uid = BB_STR("Card1")};
        struct bb_effect anybodys = start;

        (void)state;
        anybodys.token_uid = BB_NONE;
        anybodys.connector_id = BB_CONNECTOR_ANY;
        assert_true(is(start,
                       (struct fact){.kind = FACT_SESSION_STARTED, .connector_id = 1, .token_uid = BB_STR("CARD1")}));
        assert_false(is(start,
                        (struct fact){.kind = FACT_SESSION_STARTED, .connector_id = 2, .token_uid = BB_STR("CARD1")}));
        assert_false(is(start,
                        (struct fact){.kind = FACT_SESSION_STARTED, .connector_id = 1, .token_uid = BB_STR("CARD2")}));
        assert_true(is(anybodys,
                       (struct fact){.kind = FACT_SESSION_STARTED, .connector_id = 7, .token_uid = BB_STR("CARD2")}));
        assert_true(is((struct bb_effect){.kind = BB_EFFECT_SESSION_ENDED, .transaction_id = 5},
                       (struct fact){.kind = FACT_SESSION_ENDED, .transaction_id = 5}));
        assert_false(is((struct bb_effect){.kind = BB_EFFECT_SESSION_ENDED, .transaction_id = 5},
                        (struct fact){.kind = FACT_SESSION_ENDED, .transaction_id = 6}));
}

static void a_restart_and_a_new_firmware(void **state)
{
        const struct bb_effect gone = {.kind = BB_EFFECT_DISCONNECTED}, booted = {.kind = BB_EFFECT_BOOTED};
        const struct bb_effect newer = {.kind = BB_EFFECT_NEW_FIRMWARE};

        (void)state;
        assert_true(is(gone, (struct fact){.kind = FACT_DISCONNECTED}));
        assert_true(is(gone, (struct fact){.kind = FACT_CONNECTED})); /* the new socket came before the old one ended */
        assert_false(is(gone, (struct fact){.kind = FACT_BOOTED}));
        assert_true(is(booted, (struct fact){.kind = FACT_BOOTED, .firmware_version = BB_STR("1.0")}));
        assert_false(is(newer, (struct fact){.kind = FACT_BOOTED, .firmware_version = BB_STR("1.0")}));
        assert_false(is(newer, (struct fact){.kind = FACT_BOOTED, .firmware_version = BB_NONE}));
        assert_true(is(newer, (struct fact){.kind = FACT_BOOTED, .firmware_version = BB_STR("1.1")}));
}

static void a_note_is_the_effect_or_progress_or_a_failure(void **state)
{
        const struct bb_effect e = {.kind = BB_EFFECT_NOTE,
                                    .connector_id = BB_CONNECTOR_ANY,
                                    .note = BB_STR("firmware"),
                                    .value = BB_STR("Installed")};
        struct fact f = {
                .kind = FACT_NOTE, .connector_id = BB_CONNECTOR_ANY, .note = BB_STR("firmware"), .value = e.value};

        (void)state;
        assert_true(is(e, f));
        assert_false(effect_progress(&e, &f));
        f.value = BB_STR("Downloading");
        assert_false(is(e, f));
        assert_true(effect_progress(&e, &f));
        f.failed = 1;
        assert_true(effect_failed(&e, &f));
        assert_false(effect_progress(&e, &f));
        f.note = BB_STR("diagnostics");
        assert_false(effect_failed(&e, &f));
}

static void what_is_optional_is_waited_for_only_while_it_can_come(void **state)
{
        const struct bb_effect plan[] = {{.kind = BB_EFFECT_CONNECTOR, .flags = BB_EFFECT_OPTIONAL},
                                         {.kind = BB_EFFECT_SESSION_STARTED},
                                         {.kind = BB_EFFECT_SESSION_ENDED}};

        (void)state;
        assert_ptr_equal(effects_next(plan, 3, 0), &plan[0]);
        assert_ptr_equal(effects_next(plan, 3, 1), &plan[1]);
        assert_ptr_equal(effects_next(plan, 3, 2), &plan[2]); /* plugging in was not seen, and is no matter any more */
        assert_null(effects_next(plan, 3, 6));
        assert_false(effects_complete(plan, 3, 3));
        assert_true(effects_complete(plan, 3, 6));
        assert_true(effects_complete(plan, 0, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_connector_is_the_one_that_was_meant),
                cmocka_unit_test(the_whole_station_is_all_its_connectors),
                cmocka_unit_test(a_session_is_the_tokens_and_the_connectors),
                cmocka_unit_test(a_restart_and_a_new_firmware),
                cmocka_unit_test(a_note_is_the_effect_or_progress_or_a_failure),
                cmocka_unit_test(what_is_optional_is_waited_for_only_while_it_can_come),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
