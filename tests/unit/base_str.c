/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, numbers in text, and time.
 */
#include "base/number.h"
#include "base/str.h"
#include "base/time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the above */
#include <cmocka.h>

static void assert_str(bb_str s, const char *expected)
{
        if (!bb_str_is(s, expected))
                fail_msg("\"%.*s\" is not \"%s\"", BB_FMT(s), expected);
}

static void parts_of_strings(void **state)
{
        bb_str rest = BB_STR("a,,b,"), part;
        (void)state;

        assert_true(str_split(&rest, ',', &part));
        assert_str(part, "a");
        assert_true(str_split(&rest, ',', &part));
        assert_str(part, "");
        assert_true(str_split(&rest, ',', &part));
        assert_str(part, "b");
        assert_true(str_split(&rest, ',', &part));
        assert_str(part, "");
        assert_false(str_split(&rest, ',', &part));
        rest = BB_STR("");
        assert_true(str_split(&rest, ',', &part));
        assert_str(part, "");
        assert_false(str_split(&rest, ',', &part));

        assert_str(str_trim(BB_STR(" \t x y \t")), "x y");
        assert_str(str_trim(BB_STR("  ")), "");
        assert_str(str_sub(BB_STR("hello"), 1, 3), "ell");
        assert_str(str_sub(BB_STR("hello"), 4, 100), "o");
        assert_str(str_sub(BB_STR("hello"), 9, 1), "");
        assert_int_equal(str_find(BB_STR("hello"), 'l'), 2);
        assert_int_equal(str_find(BB_NONE, 'l'), -1);
        assert_true(str_starts(BB_STR("hello"), BB_STR("he")));
        assert_false(str_starts(BB_STR("h"), BB_STR("he")));
        assert_true(str_ends(BB_STR("hello"), BB_STR("lo")));
        assert_false(str_ends(BB_STR("o"), BB_STR("lo")));
        assert_true(str_eq_nocase(BB_STR("HeLLo"), BB_STR("hEllO")));
        assert_false(str_eq_nocase(BB_STR("a["), BB_STR("a{")));
        assert_true(str_compare(BB_STR("a"), BB_STR("ab")) < 0);
        assert_true(str_compare(BB_STR("b"), BB_STR("ab")) > 0);
        assert_true(str_compare(BB_STR("\xff"), BB_STR("a")) > 0);
        assert_int_equal(str_compare(BB_STR(""), BB_NONE), 0);
        assert_str(str_clip(BB_STR("gr\xc3\xbcn"), 3), "gr");
        assert_str(str_clip(BB_STR("gr\xc3\xbcn"), 4), "gr\xc3\xbc");
}

static void utf8_is_checked_strictly(void **state)
{
        static const char *const bad[] = {"\x80",
                                          "\xc1\x81",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xe2\x82",
                                          "\xc3(",
                                          "\xff"};
        (void)state;

        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_false(str_utf8_valid(bb_cstr(bad[i])));
        assert_true(str_utf8_valid(BB_STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x8c\xf4\x8f\xbf\xbf\xee\x80\x80")));
        assert_int_equal(str_utf8_count(BB_STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x8c")), 4);
}

static void whole_numbers(void **state)
{
        static const char *const bad[] = {
                "", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "-9223372036854775809", "1e3", "--1"};
        int64_t v = 42;
        (void)state;

        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_int_equal(str_to_int(bb_cstr(bad[i]), &v), BB_E_INVALID);
        assert_int_equal(v, 42);
        assert_int_equal(str_to_int(BB_STR("9223372036854775807"), &v), BB_OK);
        assert_true(v == INT64_MAX);
        assert_int_equal(str_to_int(BB_STR("-9223372036854775808"), &v), BB_OK);
        assert_true(v == INT64_MIN);
        assert_int_equal(str_to_int(BB_STR("-0"), &v), BB_OK);
        assert_int_equal(v, 0);
}

static void decimals_are_exact(void **state)
{
        static const struct {
                const char *text;
                int scale;
                int64_t value;
        } good[] = {
                {"12.345", 3, 12345},
                {"-12.345", 2, -1235},
                {"12.344", 2, 1234},
                {"0.5", 0, 1},
                {"-0.5", 0, -1},
                {"0.49999999999999", 0, 0},
                {"1.5e3", 0, 1500},
                {"15E-1", 0, 2},
                {"1e2", 2, 10000},
                {"0e999999999", 3, 0},
                {"1e-999999999", 3, 0},
                {"0012.50", 1, 125},
                {"9223372036854775807", 0, INT64_MAX},
                {"-9223372036854775808", 0, INT64_MIN},
                {"92233720368547758.07", 2, INT64_MAX},
                {"1000", -2, 10},
                {"0.004", 2, 0},
                {"0.005", 2, 1},
                {"1.005", 2, 101},
                {"0.000000001", 9, 1},
        };
        static const char *const bad[] = {"",     "-",     ".5",  "5.",  "+1",  "1e",  "1e+",
                                          "1,5",  "1 ",    " 1",  "0x1", "inf", "NaN", "9223372036854775808",
                                          "1e19", "1.2.3", "1e5x"};
        int64_t v;
        (void)state;

        for (size_t i = 0; i < BB_COUNT(good); i++) {
                assert_int_equal(str_to_decimal(bb_cstr(good[i].text), good[i].scale, &v), BB_OK);
                assert_true(v == good[i].value);
        }
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_int_equal(str_to_decimal(bb_cstr(bad[i]), 0, &v), BB_E_INVALID);
        assert_int_equal(str_to_decimal(BB_STR("92233720368547758.075"), 2, &v), BB_E_INVALID);
}

static void assert_decimal(int64_t v, int scale, const char *expected)
{
        struct buf b = {.ptr = NULL};

        number_add_decimal(&b, v, scale);
        assert_str(buf_str(&b), expected);
        buf_free(&b);
}

static void assert_real(double v, const char *expected)
{
        struct buf b = {.ptr = NULL};

        number_add_real(&b, v);
        assert_str(buf_str(&b), expected);
        buf_free(&b);
}

static void numbers_are_written_shortest(void **state)
{
        struct buf b = {.ptr = NULL};
        (void)state;

        assert_decimal(1250, 2, "12.5");
        assert_decimal(-1250, 3, "-1.25");
        assert_decimal(5, 3, "0.005");
        assert_decimal(-5, 1, "-0.5");
        assert_decimal(0, 4, "0");
        assert_decimal(1000, 3, "1");
        assert_decimal(12, 0, "12");
        assert_decimal(12, -2, "1200");
        assert_decimal(INT64_MIN, 2, "-92233720368547758.08");
        assert_real(0.1, "0.1");
        assert_real(3.0, "3.0");
        assert_real(1e300, "1e+300");
        assert_real(0.1 + 0.2, "0.30000000000000004");
        assert_real(1.0 / 0.0, "null");
        number_add_int(&b, INT64_MIN);
        assert_str(buf_str(&b), "-9223372036854775808");
        buf_free(&b);
}

static void percent_decoding(void **state)
{
        static const char *const bad[] = {"%", "%4", "%4g", "%00", "a%2", "%%20"};
        char out[32];
        size_t len;
        (void)state;

        assert_int_equal(str_percent_decode(BB_STR("a%2Fb+c%c3%BC"), 1, out, &len), BB_OK);
        assert_str((bb_str){out, len}, "a/b c\xc3\xbc");
        assert_int_equal(str_percent_decode(BB_STR("a+b"), 0, out, &len), BB_OK);
        assert_str((bb_str){out, len}, "a+b");
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_int_equal(str_percent_decode(bb_cstr(bad[i]), 0, out, &len), BB_E_INVALID);
        assert_int_equal(str_percent_decode((bb_str){"a\0b", 3}, 0, out, &len), BB_E_INVALID);
}

/* The expected values come from a second implementation, which gives SipHash's published vector in the 2-4 variant. */
static void hash_is_keyed_and_spread(void **state)
{
        const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
        int buckets[64] = {0};
        (void)state;

        assert_true(str_hash_with(BB_STR(""), key) == 0xabac0158050fc4dcu);
        assert_true(str_hash_with(BB_STR("\0\1\2\3\4\5\6\7"), key) == 0x369095118d299a8eu);
        assert_true(str_hash_with(BB_STR("\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe"), key) == 0xd320d86d2a519956u);
        assert_true(str_hash(BB_STR("a")) != str_hash_with(BB_STR("a"), key));
        assert_true(str_hash(BB_STR("a")) == str_hash(BB_STR("a")));
        for (int i = 0; i < 6400; i++)
                buckets[str_hash((bb_str){(const char *)&i, sizeof(i)}) & 63]++;
        for (int i = 0; i < 64; i++)
                assert_in_range(buckets[i], 40, 180);
}

static void times_are_formatted(void **state)
{
        char text[32];
        (void)state;

        assert_int_equal(time_format(1795338000123, text), 24);
        assert_string_equal(text, "2026-11-22T09:00:00.123Z");
        time_format(0, text);
        assert_string_equal(text, "1970-01-01T00:00:00.000Z");
        time_format(-1, text);
        assert_string_equal(text, "1969-12-31T23:59:59.999Z");
        time_format(951782400000, text);
        assert_string_equal(text, "2000-02-29T00:00:00.000Z");
        time_format(INT64_MAX, text);
        assert_string_equal(text, "9999-12-31T23:59:59.999Z");
        time_format(INT64_MIN, text);
        assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void times_are_read(void **state)
{
        static const struct {
                const char *text;
                int64_t ms;
        } good[] = {
                {"2026-11-22T09:00:00Z", 1795338000000},
                {"2026-11-22T09:00:00.5Z", 1795338000500},
                {"2026-11-22t09:00:00.1239999z", 1795338000123},
                {"2026-11-22 10:00:00+01:00", 1795338000000},
                {"2026-11-21T23:30:00.000-09:30", 1795338000000},
                {"1970-01-01T00:00:00-00:00", 0},
                {"1969-12-31T23:59:59.999Z", -1},
                {"2024-02-29T00:00:00Z", 1709164800000},
                {"2016-12-31T23:59:60Z", 1483228800000},
                {"2017-01-01T00:59:60+01:00", 1483228800000},
                {"0000-01-01T00:00:00Z", -62167219200000},
                {"9999-12-31T23:59:59.999Z", 253402300799999},
        };
        static const char *const bad[] = {
                "",
                "2026-11-22",
                "2026-11-22T09:00:00",
                "2026-11-22T09:00Z",
                "2026-11-22T09:00:00+01",
                "2026-11-22T09:00:00+0100",
                "2026-11-22T09:00:00.Z",
                "2026-13-22T09:00:00Z",
                "2026-00-22T09:00:00Z",
                "2026-02-29T09:00:00Z",
                "2026-11-31T09:00:00Z",
                "2026-11-00T09:00:00Z",
                "2026-11-22T24:00:00Z",
                "2026-11-22T09:60:00Z",
                "2026-11-22T09:00:61Z",
                "2026-11-22T09:00:60Z",
                "2026-11-22T09:00:00Z ",
                " 2026-11-22T09:00:00Z",
                "2026-11-22T09:00:00+24:00",
                "26-11-22T09:00:00Z",
                "2026-11-22X09:00:00Z",
                "2026-1-22T09:00:00Z",
                "+2026-11-22T09:00:00Z",
                "2026-11-22T-9:00:00Z",
        };
        int64_t ms;
        (void)state;

        for (size_t i = 0; i < BB_COUNT(good); i++) {
                assert_int_equal(time_parse(bb_cstr(good[i].text), &ms), BB_OK);
                assert_true(ms == good[i].ms);
        }
        for (size_t i = 0; i < BB_COUNT(bad); i++) {
                ms = 7;
                if (time_parse(bb_cstr(bad[i]), &ms) != BB_E_INVALID)
                        fail_msg("\"%s\" was taken", bad[i]);
                assert_int_equal(ms, 7);
        }
        assert_int_equal(time_parse((bb_str){"2026-11-22T09:00:00\0Z", 21}, &ms), BB_E_INVALID);
}

static void what_is_formatted_reads_back(void **state)
{
        char text[32];
        int64_t ms, back;
        (void)state;

        for (ms = -62167219200000; ms < 253402300800000; ms += 86400000LL * 13 + 12345678) {
                size_t len = time_format(ms, text);

                assert_int_equal(time_parse((bb_str){text, len}, &back), BB_OK);
                assert_true(back == ms);
        }
}

static void clocks_go_on(void **state)
{
        int64_t mono = time_mono_us();
        (void)state;

        assert_true(time_mono_us() >= mono);
        assert_true(time_now_ms() > 1600000000000);
        assert_in_range(time_mono_ms(), mono / 1000, mono / 1000 + 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_of_strings),    cmocka_unit_test(utf8_is_checked_strictly),
                cmocka_unit_test(whole_numbers),       cmocka_unit_test(decimals_are_exact),
                cmocka_unit_test(percent_decoding),    cmocka_unit_test(numbers_are_written_shortest),
                cmocka_unit_test(times_are_formatted), cmocka_unit_test(hash_is_keyed_and_spread),
                cmocka_unit_test(times_are_read),      cmocka_unit_test(what_is_formatted_reads_back),
                cmocka_unit_test(clocks_go_on),
        };

        return cmocka_run_group_tests_name("base_str", tests, NULL, NULL);
}
