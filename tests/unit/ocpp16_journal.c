/* SPDX-License-Identifier: Apache-2.0
 *
 * The message journal between a frame and the database: taking frames apart, pairing them, staying within bounds, and
 * letting no secret through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rt/loop.h"
#include "rt/task.h"

#include "../../plugins/ocpp16/journal.c"
#include "../../plugins/ocpp16/journal_mask.c"
#include "../../plugins/ocpp16/repeat.c"
#include "../../plugins/ocpp16/station.c"

static struct journal journal;
static struct options options = {.journal_days = 30};
static struct ocpp_tenant owner = {.options = &options};
static struct station *station;
static int32_t woken;

static void count_wake(struct journal *j)
{
        assert_ptr_equal(j, &journal);
        woken++;
}

static int set_up(void **state)
{
        (void)state;
        if (loop_init(1) < 0)
                return -1;
        journal_init(&journal, &owner);
        journal.wake = count_wake;
        owner.journal = &journal;
        station = station_new(&owner, BB_STR("CP-1"), 7, BB_NONE);
        woken = 0;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        records_free(journal.first);
        station_drop(station);
        loop_close();
        return 0;
}

static struct journal_record *take_frame(int32_t direction, const char *text)
{
        journal_frame(station, direction, bb_cstr(text));
        return journal.last;
}

static void assert_str(bb_str actual, const char *expected)
{
        assert_int_equal(actual.len, strlen(expected));
        assert_memory_equal(actual.ptr, expected, actual.len);
}

/* --- frames --- */

static void a_call_and_its_answer_know_each_other(void **state)
{
        struct journal_record *call, *answer;

        (void)state;
        call = take_frame(JOURNAL_IN, " [2, \"m-1\", \"StatusNotification\", {\"connectorId\" : 2, \"x\":[1]} ] ");
        assert_int_equal(woken, 1);
        assert_int_equal(call->kind, FRAME_CALL);
        assert_int_equal(call->epoch, 7);
        assert_int_equal(call->connector, 2);
        assert_str(call->station, "CP-1");
        assert_str(call->action, "StatusNotification");
        assert_str(call->message_id, "m-1");
        assert_str(call->payload, "{\"connectorId\" : 2, \"x\":[1]} ");
        assert_string_equal(call->verdict, "");
        assert_int_equal(call->latency_us, -1);
        answer = take_frame(JOURNAL_OUT, "[3,\"m-1\",{}]");
        assert_str(answer->action, "StatusNotification");
        assert_str(answer->payload, "{}");
        assert_string_equal(answer->verdict, "ok");
        assert_int_equal(answer->connector, 2);
        assert_int_equal(answer->pair_id, call->id);
        assert_true(answer->latency_us >= 0);
        assert_int_equal(call->pair_id, answer->id);
        assert_int_equal(call->latency_us, answer->latency_us);
        assert_string_equal(call->verdict, "ok");
        assert_null(station->marks);
}

static void directions_do_not_mix(void **state)
{
        struct journal_record *ours, *theirs, *answer;

        (void)state;
        ours = take_frame(JOURNAL_OUT, "[2,\"1\",\"Reset\",{\"type\":\"Soft\"}]");
        theirs = take_frame(JOURNAL_IN, "[2,\"1\",\"Heartbeat\",{}]");
        answer = take_frame(JOURNAL_IN, "[4,\"1\",\"NotSupported\",\"no \\\"reset\\\"\",{}]");
        assert_int_equal(answer->pair_id, ours->id);
        assert_str(answer->action, "Reset");
        assert_str(answer->payload, "\"NotSupported\",\"no \\\"reset\\\"\",{}");
        assert_string_equal(ours->verdict, "NotSupported");
        assert_string_equal(theirs->verdict, "");
        answer = take_frame(JOURNAL_OUT, "[3,\"1\",{}]");
        assert_int_equal(answer->pair_id, theirs->id);
}

static void an_answer_that_nobody_waits_for_is_late(void **state)
{
        (void)state;
        assert_string_equal(take_frame(JOURNAL_IN, "[3,\"9\",{}]")->verdict, "late");
        assert_int_equal(journal.last->pair_id, 0);
}

static void what_is_no_frame_is_kept_as_it_came(void **state)
{
        static const char *const wrecks[] = {"hello",     "[",        "[2",       "[2,3,\"Heartbeat\",{}]",
                                             "[5,\"1\"]", "[2,\"abc", "[2,\"1\\", "[2,\"1\"]"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(wrecks); i++) {
                struct journal_record *r = take_frame(JOURNAL_IN, wrecks[i]);

                assert_int_equal(r->kind, RECORD_UNREADABLE);
                assert_string_equal(r->verdict, "unreadable");
                assert_str(r->payload, wrecks[i]);
        }
        assert_null(station->marks);
}

static void long_payloads_are_cut_between_characters(void **state)
{
        static char text[40000];
        struct journal_record *r;
        size_t len;

        (void)state;
        len = (size_t)snprintf(text, sizeof(text), "[2,\"1\",\"DataTransfer\",{\"data\":\"a");
        while (len < 30000) {
                text[len++] = (char)0xc3;
                text[len++] = (char)0xa4;
        }
        snprintf(text + len, sizeof(text) - len, "\"}]");
        r = take_frame(JOURNAL_IN, text);
        assert_true(r->cut);
        assert_int_equal(r->bytes, strlen(text));
        assert_in_range(r->payload.len, JOURNAL_KEPT_BYTES - 3, JOURNAL_KEPT_BYTES);
        assert_int_equal((unsigned char)r->payload.ptr[r->payload.len - 1], 0xa4);
}

static void a_nul_never_reaches_the_database(void **state)
{
        (void)state;
        journal_frame(station, JOURNAL_IN, BB_STR("a\0b\0"));
        assert_str(journal.last->payload, "a?b?");
}

/* --- bounds --- */

static void the_oldest_go_when_the_list_is_full(void **state)
{
        int64_t first;

        (void)state;
        journal.max_count = 10;
        for (int i = 0; i < 10; i++)
                take_frame(JOURNAL_IN, "[2,\"1\",\"Heartbeat\",{}]");
        first = journal.first->id;
        take_frame(JOURNAL_IN, "[2,\"1\",\"Heartbeat\",{}]");
        assert_int_equal(journal.count, 10);
        assert_int_equal(journal.first->id, first + 1);
        journal.max_bytes = journal.bytes / 2;
        take_frame(JOURNAL_IN, "[2,\"1\",\"Heartbeat\",{}]");
        assert_true(journal.bytes <= journal.max_bytes);
        assert_true(journal.count < 6);
}

static void a_call_that_was_written_already_gets_a_patch(void **state)
{
        struct journal_record *flight, *patch, *answer;
        int64_t id, at_ms;

        (void)state;
        take_frame(JOURNAL_IN, "[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]");
        flight = journal_detach(&journal, 1000, 1 << 20);
        assert_null(journal.first);
        assert_int_equal(journal.bytes, 0);
        id = flight->id;
        at_ms = flight->at_ms;
        records_free(flight);
        answer = take_frame(JOURNAL_OUT, "[4,\"1\",\"InternalError\",\"\",{}]");
        patch = journal.first;
        assert_int_equal(patch->kind, RECORD_PATCH);
        assert_int_equal(patch->bytes, id);
        assert_int_equal(patch->at_ms, at_ms);
        assert_int_equal(patch->pair_id, answer->id);
        assert_string_equal(patch->verdict, "InternalError");
        assert_int_equal(answer->pair_id, id);
        assert_int_equal(answer->connector, 1);
}

static void calls_without_answers_do_not_pile_up(void **state)
{
        char text[64];
        size_t count = 0;

        (void)state;
        for (int i = 0; i < 100; i++) {
                snprintf(text, sizeof(text), "[2,\"%d\",\"Heartbeat\",{}]", i);
                take_frame(JOURNAL_IN, text);
        }
        for (const struct journal_mark *m = station->marks; m != NULL; m = m->next)
                count++;
        assert_int_equal(count, MAX_MARKS);
        take_frame(JOURNAL_OUT, "[3,\"99\",{}]");
        assert_true(journal.last->pair_id != 0);
        take_frame(JOURNAL_OUT, "[3,\"3\",{}]");
        assert_int_equal(journal.last->pair_id, 0);
}

/* --- secrets --- */

static const struct {
        const char *frame, *payload;
} masks[] = {
        {"[2,\"1\",\"ChangeConfiguration\",{\"key\":\"AuthorizationKey\",\"value\":\"hunter2\"}]",
         "{\"key\":\"AuthorizationKey\",\"value\":\"********\"}"},
        {"[2,\"1\",\"ChangeConfiguration\",{\"value\":\"hunter2\",\"key\":\"authorizationkey\"}]",
         "{\"value\":\"********\",\"key\":\"authorizationkey\"}"},
        {"[2,\"1\",\"ChangeConfiguration\",{\"key\":\"Authorization\\u004bey\",\"value\":\"hunter2\"}]",
         "{\"key\":\"AuthorizationKey\",\"value\":\"********\"}"},
        {"[3,\"1\",{\"configurationKey\":[{\"key\":\"A\",\"readonly\":true,\"value\":\"1\"},"
         "{\"key\":\"AuthorizationKey\",\"readonly\":false,\"value\":\"hunter2\"}]}]",
         "{\"configurationKey\":[{\"key\":\"A\",\"readonly\":true,\"value\":\"1\"},"
         "{\"key\":\"AuthorizationKey\",\"readonly\":false,\"value\":\"********\"}]}"},
        {"[2,\"1\",\"GetConfiguration\",{\"key\":[\"AuthorizationKey\"]}]", "{\"key\":[\"AuthorizationKey\"]}"},
        {"[2,\"1\",\"ChangeConfiguration\",{\"key\":\"WifiPassword\",\"value\":\"hunter2\"}]",
         "{\"key\":\"WifiPassword\",\"value\":\"********\"}"},
        {"[2,\"1\",\"DataTransfer\",{\"vendorId\":\"v\",\"data\":\"{\\\"password\\\":\\\"hunter2\\\",\\\"a\\\":1}\"}]",
         "{\"vendorId\":\"v\",\"data\":\"{\\\"password\\\":\\\"********\\\",\\\"a\\\":1}\"}"},
        {"[2,\"1\",\"DataTransfer\",{\"vendorId\":\"v\",\"data\":\"password=hunter2\"}]",
         "{\"vendorId\":\"v\",\"data\":\"********\"}"},
        {"[2,\"1\",\"GetDiagnostics\",{\"location\":\"ftp://me:hunter2@host/x@y\"}]",
         "{\"location\":\"ftp://********@host/x@y\"}"},
        {"[2,\"1\",\"GetDiagnostics\",{\"location\":\"ftp:\\/\\/me:hunter2@host\"}]",
         "{\"location\":\"ftp://********@host\"}"},
        {"[4,\"1\",\"InternalError\",\"the password hunter2 is wrong\",{}]", "\"InternalError\",\"********\",{}"},
        {"[2,\"1\",\"ChangeConfiguration\",{\"key\":\"AuthorizationKey\",\"value\":\"hunter2\"",
         "(hidden: it may hold a password, and is not whole)"},
        {"AuthorizationKey hunter2", "(hidden: it may hold a password, and is not whole)"},
        {"[2,\"1\",\"Authorize\",{\"idTag\":\"P:A/S\"}]", "{\"idTag\":\"P:A/S\"}"},
};

static void mask_all(void *arg)
{
        (void)arg;
        for (size_t i = 0; i < BB_COUNT(masks); i++) {
                for (int32_t direction = JOURNAL_IN; direction <= JOURNAL_OUT; direction++) {
                        struct journal_record *r = take_frame(direction, masks[i].frame);

                        journal_mask(r);
                        assert_str(r->payload, masks[i].payload);
                        assert_null(memmem(r->text, r->size - sizeof(*r), "hunter2", 7));
                }
        }
}

static void no_secret_gets_through(void **state)
{
        (void)state;
        assert_int_equal(bb_task_spawn("test", NULL, 0, mask_all, NULL, NULL), BB_OK);
        while (task_count() > 0)
                loop_turn(5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_call_and_its_answer_know_each_other, set_up, tear_down),
                cmocka_unit_test_setup_teardown(directions_do_not_mix, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_answer_that_nobody_waits_for_is_late, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_no_frame_is_kept_as_it_came, set_up, tear_down),
                cmocka_unit_test_setup_teardown(long_payloads_are_cut_between_characters, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_nul_never_reaches_the_database, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_oldest_go_when_the_list_is_full, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_call_that_was_written_already_gets_a_patch, set_up, tear_down),
                cmocka_unit_test_setup_teardown(calls_without_answers_do_not_pile_up, set_up, tear_down),
                cmocka_unit_test_setup_teardown(no_secret_gets_through, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
