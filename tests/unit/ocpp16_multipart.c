/* SPDX-License-Identifier: Apache-2.0
 *
 * Files in forms, cut into pieces at every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/arena.h"

#include "../../plugins/ocpp16/multipart.c"

#define HEAD "Content-Disposition: form-data; name=\"x\""
#define FILE_HEAD                                                                                                      \
        "content-disposition: form-data; name=\"f\"; filename=\"C:\\logs\\diag.zip\"\r\nContent-Type: application/zip"
#define TYPE "multipart/form-data; boundary=Bb"

static char out[256 * 1024];
static size_t out_len;

/* Feeds `text` in pieces of `step` bytes; the last verdict. */
static int32_t feed(struct multipart *m, bb_str text, size_t step)
{
        int32_t verdict = MULTIPART_MORE;
        bb_str data;

        out_len = 0;
        for (size_t at = 0; at < text.len && verdict != MULTIPART_BAD; at += step) {
                size_t len = text.len - at < step ? text.len - at : step;

                multipart_feed(m, (bb_str){.ptr = text.ptr + at, .len = len});
                while ((verdict = multipart_next(m, &data)) == MULTIPART_DATA) {
                        memcpy(out + out_len, data.ptr, data.len);
                        out_len += data.len;
                }
        }
        return verdict;
}

static void assert_file(const char *content_type, const char *text, const char *expected)
{
        for (size_t step = 1; step <= strlen(text); step++) {
                struct multipart *m = multipart_new(bb_cstr(content_type));

                assert_non_null(m);
                assert_int_equal(feed(m, bb_cstr(text), step), MULTIPART_END);
                assert_true(m->found);
                assert_int_equal(out_len, strlen(expected));
                assert_memory_equal(out, expected, out_len);
                assert_true(bb_str_is(m->file_name, "diag.zip"));
        }
}

static void a_file_is_found_wherever_it_is_cut(void **state)
{
        (void)state;
        assert_file(TYPE, "--Bb\r\n" FILE_HEAD "\r\n\r\nhello\r\n--Bb--\r\n", "hello");
        assert_file(TYPE, "--Bb\r\n" FILE_HEAD "\r\n\r\n\r\n--Bb--", "");
        assert_file(TYPE,
                    "to be ignored\r\n--Bb  \r\n" HEAD "\r\n\r\nvalue\r\n--Bb\r\n" FILE_HEAD
                    "\r\n\r\na\r\n--B\r\n--\r\nb\r\n--Bb\r\n\r\nno headers\r\n--Bb--\r\nepilogue\r\n--Bb",
                    "a\r\n--B\r\n--\r\nb");
        assert_file("Multipart/Form-Data; charset=x; Boundary=\"B b\"",
                    "--B b\r\n" FILE_HEAD "\r\n\r\nhello\r\n--B b--", "hello");
        /* Only the first file counts. */
        assert_file(TYPE, "--Bb\r\n" FILE_HEAD "\r\n\r\none\r\n--Bb\r\n" FILE_HEAD "\r\n\r\ntwo\r\n--Bb--", "one");
}

static void long_files_pass_through(void **state)
{
        static char text[200 * 1024];
        size_t head = (size_t)sprintf(text, "--Bb\r\n" FILE_HEAD "\r\n\r\n"), len = 150000;
        struct multipart *m = multipart_new(bb_cstr(TYPE));

        (void)state;
        for (size_t i = 0; i < len; i++)
                text[head + i] = "\r\n--B"[i * 7 % 5];
        memcpy(text + head + len, "\r\n--Bb--", 8);
        assert_int_equal(feed(m, (bb_str){.ptr = text, .len = head + len + 8}, MULTIPART_PIECE), MULTIPART_END);
        assert_int_equal(out_len, len);
        assert_memory_equal(out, text + head, len);
}

static void what_is_no_form_is_told(void **state)
{
        static char endless[40 * 1024];
        const char *const types[] = {"application/zip", "multipart/form-data",
                                     "multipart/form-data; boundary=", "multipart/form-data; xboundary=y"};
        struct multipart *m;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(types); i++)
                assert_null(multipart_new(bb_cstr(types[i])));
        assert_null(multipart_new(BB_NONE));
        m = multipart_new(bb_cstr(TYPE));
        assert_int_equal(feed(m, BB_STR("--Bb\r\n" HEAD "\r\n\r\nvalue\r\n--Bb--"), 3), MULTIPART_END);
        assert_false(m->found);
        m = multipart_new(bb_cstr(TYPE));
        assert_int_equal(feed(m, BB_STR("--Bb\r\n" FILE_HEAD "\r\n\r\nit ends earl"), 4), MULTIPART_MORE);
        m = multipart_new(bb_cstr(TYPE));
        assert_int_equal(feed(m, BB_STR("--Bbx\r\n" FILE_HEAD "\r\n\r\n"), 4), MULTIPART_BAD);
        m = multipart_new(bb_cstr(TYPE));
        memset(endless, 'h', sizeof(endless));
        memcpy(endless, "--Bb\r\n", 6);
        assert_int_equal(feed(m, (bb_str){.ptr = endless, .len = sizeof(endless)}, 1000), MULTIPART_BAD);
}

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}
static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_file_is_found_wherever_it_is_cut),
                TEST(long_files_pass_through),
                TEST(what_is_no_form_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
