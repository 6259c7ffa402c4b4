/* SPDX-License-Identifier: Apache-2.0
 *
 * The charging plugin's tools without I/O: text from outside, token buckets, who is present.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../plugins/charging/limiter.c"
#include "../../plugins/charging/presence.c"
#include "../../plugins/charging/text.c"
#include <stdio.h>

static void text_is_what_postgresql_takes(void **state)
{
        (void)state;
        assert_true(text_storable(BB_STR("Säule 1 – \xf0\x9f\x94\x8c\n")));
        assert_true(text_storable(BB_NONE));
        assert_false(text_storable(BB_STR("a\0b")));
        assert_false(text_storable(BB_STR("\xc0\x80")));         /* overlong */
        assert_false(text_storable(BB_STR("\xed\xa0\x80")));     /* surrogate */
        assert_false(text_storable(BB_STR("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
        assert_false(text_storable(BB_STR("a\xc3")));            /* cut off */
        assert_false(text_storable(BB_STR("\xff")));
        assert_true(text_clean(BB_STR("abc"), 3));
        assert_false(text_clean(BB_STR("abcd"), 3));
        assert_false(text_clean(BB_STR("a\tb"), 10));
        assert_false(text_clean(BB_STR("a\x7f"), 10));
}

static void clipping_cuts_no_character(void **state)
{
        (void)state;
        assert_int_equal(text_clip(BB_STR("a\xc3\xa4"), 2).len, 1);
        assert_int_equal(text_clip(BB_STR("a\xc3\xa4"), 3).len, 3);
        assert_int_equal(text_clip(BB_STR("\xf0\x9f\x94\x8c"), 3).len, 0);
        assert_null(text_clip(BB_NONE, 3).ptr);
}

static void station_ids_fit_into_urls(void **state)
{
        char id[66];

        (void)state;
        memset(id, 'x', sizeof(id));
        assert_true(station_id_valid(BB_STR("DE*ABC*E-1.2:3")));
        assert_true(station_id_valid((bb_str){id, 64}));
        assert_false(station_id_valid((bb_str){id, 65}));
        assert_false(station_id_valid(BB_STR("")));
        assert_false(station_id_valid(BB_STR("a/b")));
        assert_false(station_id_valid(BB_STR("a b")));
        assert_false(station_id_valid(BB_STR("a\r\nb")));
}

static void uuids_are_checked(void **state)
{
        (void)state;
        assert_true(uuid_valid(BB_STR("018f0000-0000-7000-8000-0000000000fF")));
        assert_false(uuid_valid(BB_STR("018f0000-0000-7000-8000-0000000000f")));
        assert_false(uuid_valid(BB_STR("018f0000-0000-7000-8000+0000000000ff")));
        assert_false(uuid_valid(BB_STR("018g0000-0000-7000-8000-0000000000ff")));
        assert_false(uuid_valid(BB_NONE));
}

static void a_search_finds_its_letters_only(void **state)
{
        char out[32];
        size_t n = text_like(BB_STR("5%_\\x"), out);

        (void)state;
        assert_true(bb_str_is((bb_str){out, n}, "%5\\%\\_\\\\x%"));
        assert_true(text_same_nocase(BB_STR("TaG1"), BB_STR("tAg1")));
        assert_false(text_same_nocase(BB_STR("TaG1"), BB_STR("tAg")));
}

static void buckets_empty_and_fill(void **state)
{
        struct limiter l;
        int64_t suppressed = -1;
        bb_str a = BB_STR("CP1"), b = BB_STR("192.0.2.1");

        (void)state;
        limiter_init(&l, 64, 3, 1000, 42);
        for (int i = 0; i < 3; i++)
                assert_true(limiter_take(&l, a, b, 5000, NULL));
        assert_false(limiter_take(&l, a, b, 5000, NULL));
        assert_false(limiter_take(&l, a, b, 5999, NULL));
        assert_true(limiter_take(&l, a, BB_STR("192.0.2.2"), 5000, NULL)); /* somebody else */
        assert_true(limiter_take(&l, a, b, 6000, &suppressed));
        assert_int_equal(suppressed, 2);
        assert_false(limiter_take(&l, a, b, 6000, NULL));
        assert_false(limiter_take(&l, a, b, 1000, NULL)); /* a clock that goes back gives nothing */
        for (int i = 0; i < 3; i++)
                assert_true(limiter_take(&l, a, b, INT64_MAX, NULL));
        assert_false(limiter_take(&l, a, b, INT64_MAX, NULL));
        limiter_free(&l);
}

static void presence_follows_the_newest_connection(void **state)
{
        struct presence p;
        bb_str id = BB_STR("CP1");

        (void)state;
        presence_init(&p, 7);
        presence_live(&p, id, 2, 1, 100);
        presence_live(&p, id, 1, 0, 110); /* the old connection's end */
        assert_true(presence_find(&p, id, 0)->live);
        presence_seen(&p, id, 1, 0, 120);
        assert_int_equal(presence_find(&p, id, 0)->seen_ms, 100);
        presence_seen(&p, id, 2, 0, 130);
        assert_int_equal(presence_find(&p, id, 0)->seen_ms, 130);
        presence_live(&p, id, 2, 0, 140);
        assert_false(presence_find(&p, id, 0)->live);
        presence_sweep(&p); /* dirty: it is to be written yet */
        assert_non_null(presence_find(&p, id, 0));
        presence_find(&p, id, 0)->dirty = 0;
        presence_sweep(&p);
        assert_null(presence_find(&p, id, 0));
        presence_live(&p, BB_STR("never seen"), 1, 0, 150);
        assert_int_equal(p.count, 0);
        presence_free(&p);
}

/* Messages that waited in the station look old: the one that looks newest tells the clock. */
static void drift_is_told_by_the_newest_message(void **state)
{
        struct presence p;
        bb_str id = BB_STR("CP1");

        (void)state;
        presence_init(&p, 7);
        presence_seen(&p, id, 1, 1000000 - 3600000, 1000000);
        presence_seen(&p, id, 1, 1000000 + 1500, 1000000);
        presence_seen(&p, id, 1, 1000000 - 90000, 1000000);
        presence_seen(&p, id, 1, 0, 1000000);
        assert_int_equal(presence_find(&p, id, 0)->drift_ms, 1500);
        presence_free(&p);
}

static void many_stations_are_found_again(void **state)
{
        struct presence p;
        char id[16];

        (void)state;
        presence_init(&p, 7);
        for (int i = 0; i < 10000; i++) {
                snprintf(id, sizeof(id), "CP%d", i);
                presence_live(&p, bb_cstr(id), i + 1, 1, i);
        }
        assert_int_equal(p.count, 10000);
        for (int i = 0; i < 10000; i++) {
                snprintf(id, sizeof(id), "CP%d", i);
                assert_int_equal(presence_find(&p, bb_cstr(id), 0)->epoch, i + 1);
        }
        presence_free(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_is_what_postgresql_takes),
                cmocka_unit_test(clipping_cuts_no_character),
                cmocka_unit_test(station_ids_fit_into_urls),
                cmocka_unit_test(uuids_are_checked),
                cmocka_unit_test(a_search_finds_its_letters_only),
                cmocka_unit_test(buckets_empty_and_fill),
                cmocka_unit_test(presence_follows_the_newest_connection),
                cmocka_unit_test(drift_is_told_by_the_newest_message),
                cmocka_unit_test(many_stations_are_found_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
