/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena, buffer, map and list: the memory of everything else.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above */
#include <cmocka.h>

static void arena_gives_zeroed_aligned_memory_again_after_reset(void **state)
{
        struct arena *a = arena_new("test");
        (void)state;

        for (int round = 0; round < 3; round++) {
                for (size_t size = 0; size < 20000; size += 1 + size / 3) {
                        char *p = arena_alloc(a, size);

                        assert_int_equal((uintptr_t)p % 16, 0);
                        for (size_t i = 0; i < size; i++)
                                assert_int_equal(p[i], 0);
                        memset(p, 0xff, size);
                }
                assert_true(arena_bytes(a) > 40000);
                arena_reset(a);
                assert_true(arena_bytes(a) < 10000);
        }
        arena_free(a);
}

static void pieces_do_not_overlap(void **state)
{
        struct arena *a = arena_new("test");
        char *pieces[500];
        (void)state;

        for (int i = 0; i < 500; i++) {
                pieces[i] = arena_alloc(a, 100);
                memset(pieces[i], i & 0xff, 100);
        }
        for (int i = 0; i < 500; i++) {
                for (int k = 0; k < 100; k++)
                        assert_int_equal((unsigned char)pieces[i][k], i & 0xff);
        }
        assert_ptr_not_equal(arena_alloc(a, 0), arena_alloc(a, 0));
        arena_free(a);
}

static char order[8];

static void note(void *arg)
{
        size_t n = strlen(order);

        order[n] = *(const char *)arg;
        order[n + 1] = '\0';
}

static void cleanups_run_newest_first_and_once(void **state)
{
        struct arena *a = arena_new("test");
        (void)state;

        order[0] = '\0';
        arena_cleanup(a, note, (char[]){'a'});
        arena_cleanup(a, note, (char[]){'b'});
        arena_cleanup(a, note, (char[]){'c'});
        arena_reset(a);
        assert_string_equal(order, "cba");
        arena_free(a);
        assert_string_equal(order, "cba");
}

static void prints_and_copies(void **state)
{
        struct arena *a = arena_new("test");
        bb_str s = arena_print(a, "%s-%d", "x", 7);
        char wide[1000];
        (void)state;

        assert_string_equal(s.ptr, "x-7");
        assert_int_equal(s.len, 3);
        s = arena_print(a, "%999d|", 5);
        assert_int_equal(s.len, 1000);
        assert_int_equal(s.ptr[999], '|');
        (void)snprintf(wide, sizeof(wide), "%999d", 5);
        assert_memory_equal(s.ptr, wide, 999);
        s = arena_str(a, (bb_str){.ptr = "hello", .len = 4});
        assert_string_equal(s.ptr, "hell");
        assert_null(arena_str(a, BB_NONE).ptr);
        assert_non_null(arena_str(a, BB_STR("")).ptr);
        arena_free(a);
}

static void assert_json_str(bb_str in, const char *expected)
{
        struct buf b = {.ptr = NULL};

        buf_add_json_str(&b, in);
        buf_add_char(&b, '\0');
        assert_string_equal(b.ptr, expected);
        buf_free(&b);
        assert_null(b.ptr);
}

static void json_strings_are_escaped(void **state)
{
        (void)state;
        assert_json_str(BB_STR("plain"), "\"plain\"");
        assert_json_str(BB_NONE, "\"\"");
        assert_json_str(BB_STR("a\"b\\c\n\r\t\b\f"), "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\"");
        assert_json_str(BB_STR("\0\x1f\x7f"), "\"\\u0000\\u001f\x7f\"");
        assert_json_str(BB_STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x8c"), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x8c\"");
        /* a lone continuation byte, an overlong slash, a surrogate, a cut sequence */
        assert_json_str(BB_STR("\x80|"), "\"\xef\xbf\xbd|\"");
        assert_json_str(BB_STR("\xc0\xaf|"), "\"\xef\xbf\xbd\xef\xbf\xbd|\"");
        assert_json_str(BB_STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
        assert_json_str(BB_STR("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void buffer_grows_and_prints(void **state)
{
        struct buf b = {.ptr = NULL};
        (void)state;

        assert_int_equal(buf_str(&b).len, 0);
        assert_non_null(buf_str(&b).ptr);
        buf_add(&b, NULL, 0);
        for (int i = 0; i < 10000; i++)
                buf_print(&b, "%d,", i);
        assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 9000 * 5);
        assert_memory_equal(b.ptr + b.len - 10, "9998,9999,", 10);
        buf_print(&b, "%5000s", "end");
        assert_memory_equal(b.ptr + b.len - 4, " end", 4);
        buf_free(&b);
}

static bb_str key_of(int i, char room[16])
{
        int n = snprintf(room, 16, "key-%d", i);

        return (bb_str){.ptr = room, .len = (size_t)n};
}

static void map_keeps_what_it_was_given(void **state)
{
        struct map *m = map_new();
        static int values[5000];
        char room[16];
        (void)state;

        for (int i = 0; i < 5000; i++)
                assert_null(map_set(m, key_of(i, room), &values[i]));
        assert_int_equal(map_count(m), 5000);
        for (int i = 0; i < 5000; i += 2)
                assert_ptr_equal(map_remove(m, key_of(i, room)), &values[i]);
        assert_int_equal(map_count(m), 2500);
        for (int i = 0; i < 5000; i++)
                assert_ptr_equal(map_get(m, key_of(i, room)), i % 2 == 0 ? NULL : &values[i]);
        assert_ptr_equal(map_set(m, key_of(1, room), &values[2]), &values[1]);
        assert_ptr_equal(map_get(m, key_of(1, room)), &values[2]);
        assert_null(map_remove(m, BB_STR("not there")));
        assert_null(map_set(m, BB_STR(""), &values[0]));
        assert_ptr_equal(map_get(m, BB_STR("")), &values[0]);
        map_free(m);
}

static void map_is_walked_while_entries_go(void **state)
{
        struct map *m = map_new();
        size_t at = 0, seen = 0;
        char room[16];
        bb_str key;
        void *value;
        (void)state;

        for (int i = 0; i < 100; i++)
                map_set(m, key_of(i, room), m);
        while (map_next(m, &at, &key, &value)) {
                assert_ptr_equal(value, m);
                seen++;
                map_remove(m, key);
        }
        assert_int_equal(seen, 100);
        assert_int_equal(map_count(m), 0);
        /* One that comes and goes for ever must not fill the table with the marks of the dead. */
        for (int i = 0; i < 100000; i++) {
                map_set(m, key_of(i, room), m);
                map_remove(m, key_of(i, room));
        }
        assert_null(map_get(m, BB_STR("key-5")));
        map_free(m);
}

static void list_items_come_in_order_and_leave(void **state)
{
        struct item {
                int number;
                struct list link;
        } items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
        struct list head;
        int sum = 0;
        (void)state;

        list_init(&head);
        assert_true(list_empty(&head));
        for (int i = 0; i < 3; i++)
                list_append(&head, &items[i].link);
        LIST_EACH (at, &head) {
                sum = sum * 10 + LIST_OF(struct item, link, at)->number;
        }
        assert_int_equal(sum, 12);
        LIST_EACH_SAFE (at, save, &head) {
                list_remove(at);
                list_remove(at);
        }
        assert_true(list_empty(&head));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(arena_gives_zeroed_aligned_memory_again_after_reset),
                cmocka_unit_test(pieces_do_not_overlap),
                cmocka_unit_test(cleanups_run_newest_first_and_once),
                cmocka_unit_test(prints_and_copies),
                cmocka_unit_test(json_strings_are_escaped),
                cmocka_unit_test(buffer_grows_and_prints),
                cmocka_unit_test(map_keeps_what_it_was_given),
                cmocka_unit_test(map_is_walked_while_entries_go),
                cmocka_unit_test(list_items_come_in_order_and_leave),
        };

        return cmocka_run_group_tests_name("base_arena", tests, NULL, NULL);
}
