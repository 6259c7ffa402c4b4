/* SPDX-License-Identifier: Apache-2.0
 *
 * Which plugins crash too often, and what is left behind of a crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mod/quarantine.h"
#include <busbar/shape.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/busbar-quarantine-XXXXXX";
static char file[128], crashes[128];

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        if (mkdtemp(folder) == NULL)
                return -1;
        snprintf(file, sizeof(file), "%s/quarantine.json", folder);
        snprintf(crashes, sizeof(crashes), "%s/crashes", folder);
        return 0;
}

static size_t each_report(void (*fn)(const char *path))
{
        struct dirent **entries;
        int count = scandir(crashes, &entries, NULL, alphasort);
        size_t reports = 0;

        for (int i = 0; i < count; i++) {
                char path[512];

                snprintf(path, sizeof(path), "%s/%s", crashes, entries[i]->d_name);
                if (entries[i]->d_name[0] != '.') {
                        reports++;
                        if (fn != NULL)
                                fn(path);
                }
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
        return reports;
}

static void remove_one(const char *path)
{
        unlink(path);
}

static int tear_down(void **state)
{
        (void)state;
        each_report(remove_one);
        rmdir(crashes);
        unlink(file);
        arena_free(arena_current);
        return rmdir(folder);
}

static void test_three_in_ten_minutes(void **state)
{
        struct quarantine q;
        const int64_t start = 1000000, minute = 60000;

        (void)state;
        quarantine_open(&q, file);
        assert_int_equal(quarantine_crashed(&q, "acme", start), 0);
        assert_int_equal(quarantine_crashed(&q, "acme", start + 6 * minute), 0);
        /* The first is eleven minutes ago, then. */
        assert_int_equal(quarantine_crashed(&q, "acme", start + 11 * minute), 0);
        assert_int_equal(quarantine_crashed(&q, "other", start + 12 * minute), 0);
        assert_int_equal(quarantine_crashed(&q, "acme", start + 12 * minute), 1);
        assert_int_equal(q.count, 1);
        assert_int_equal(quarantine_crashed(&q, "acme", start + 12 * minute), 0);
        assert_int_equal(access(file, R_OK), 0);
}

static void test_over_a_restart(void **state)
{
        struct supervised_page page = {.magic = 0};
        struct quarantine q;

        (void)state;
        quarantine_open(&q, file);
        assert_int_equal(q.count, 1);
        quarantine_show(&q, &page);
        assert_int_equal(page.quarantined_count, 1);
        assert_string_equal(page.quarantined[0], "acme");
}

static void test_removed_file(void **state)
{
        struct quarantine q;

        (void)state;
        quarantine_open(&q, file);
        quarantine_look(&q);
        assert_int_equal(q.count, 1);
        unlink(file);
        quarantine_look(&q);
        assert_int_equal(q.count, 0);
}

static void test_clear(void **state)
{
        struct quarantine q;

        (void)state;
        quarantine_open(&q, file);
        for (int i = 0; i < 3; i++)
                quarantine_crashed(&q, "acme", 1000 + i);
        assert_int_equal(q.count, 1);
        quarantine_clear(&q);
        assert_int_equal(q.count, 0);
        assert_int_not_equal(access(file, F_OK), 0);
        /* Its crashes are forgotten, too. */
        assert_int_equal(quarantine_crashed(&q, "acme", 2000), 0);
}

static void test_file_of_somebody_else(void **state)
{
        static const char *const texts[] = {"", "{", "[]", "{\"plugins\": 5}", "{\"plugins\": [5, \"../x\", \"\"]}"};
        struct quarantine q;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                FILE *f = fopen(file, "w");

                assert_non_null(f);
                fputs(texts[i], f);
                fclose(f);
                quarantine_open(&q, file);
                assert_int_equal(q.count, 0);
        }
}

/* --- reports --- */

static bb_str report_text;

static void read_report(const char *path)
{
        static char text[4096];
        FILE *f = fopen(path, "r");

        assert_non_null(f);
        report_text = (bb_str){.ptr = text, .len = fread(text, 1, sizeof(text), f)};
        fclose(f);
}

static void test_report(void **state)
{
        struct breadcrumb_page crumb = {.plugin = "acme", .tenant = "nord", .operation = "acme.\"poll\""};
        struct crash_report report = {.pid = 4711,
                                      .signal = 11,
                                      .at_ms = 1700000000000,
                                      .uptime_ms = 5,
                                      .crumb = &crumb,
                                      .backtrace = BB_STR("one\ntwo\n")};
        struct bb_fault fault;
        bb_json *value;

        (void)state;
        /* A page that a dying process filled to the brim. */
        memset(crumb.detail, 'x', sizeof(crumb.detail));
        assert_int_equal(crash_report_write(crashes, &report), BB_OK);
        assert_int_equal(each_report(read_report), 1);
        assert_int_equal(bb_json_parse(report_text, &value, &fault), BB_OK);
        assert_true(bb_str_is(bb_json_str(bb_json_get(value, "plugin")), "acme"));
        assert_true(bb_str_is(bb_json_str(bb_json_get(value, "operation")), "acme.\"poll\""));
        assert_true(bb_str_is(bb_json_str(bb_json_get(value, "signal_name")), "SEGV"));
        assert_int_equal(bb_json_str(bb_json_get(value, "detail")).len, sizeof(crumb.detail));
        assert_int_equal(bb_json_count(bb_json_get(value, "backtrace")), 2);
}

static void test_reports_are_bounded(void **state)
{
        struct breadcrumb_page crumb = {.plugin = "acme"};
        struct crash_report report = {.pid = 1, .signal = 11, .crumb = &crumb};

        (void)state;
        for (int i = 0; i < CRASH_REPORTS_KEPT + 5; i++) {
                report.at_ms = 1800000000000 + i * 1000;
                assert_int_equal(crash_report_write(crashes, &report), BB_OK);
        }
        assert_int_equal(each_report(read_report), CRASH_REPORTS_KEPT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_three_in_ten_minutes),  cmocka_unit_test(test_over_a_restart),
                cmocka_unit_test(test_removed_file),          cmocka_unit_test(test_clear),
                cmocka_unit_test(test_file_of_somebody_else), cmocka_unit_test(test_report),
                cmocka_unit_test(test_reports_are_bounded),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
