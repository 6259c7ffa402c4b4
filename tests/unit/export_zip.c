/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives written from front to back: Python's zipfile reads them, also beyond 4 GiB (where only what is far says
 * ZIP64), and what was compressed comes out again.
 * test-includes: plugins/export
 * test-libs: libexporttable.la
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deflate.h"
#include "export_copy.h"
#include "zip.h"

/* --- what is compressed comes out again --- */

static char *pattern(size_t len)
{
        char *data = malloc(len + 1);
        uint32_t v = 1;

        assert_non_null(data);
        for (size_t i = 0; i < len; i++) {
                v = v * 1664525 + 1013904223;
                data[i] = (char)(i / 3000 % 2 == 0 ? 'a' + (int)(i % 7) : (int)(v >> 24));
        }
        data[len] = '\0';
        return data;
}

static void streams_come_out_as_they_went_in(void **state)
{
        static const size_t lengths[] = {0, 1, 100, 65536, 65537, 3000000, 17};
        struct bytes out = {0};
        struct deflater *d = deflate_open(bytes_add, &out);

        (void)state;
        assert_non_null(d);
        for (size_t i = 0; i < BB_COUNT(lengths); i++) {
                char *data = pattern(lengths[i]), *back;

                out.len = 0;
                deflate_begin(d);
                for (size_t at = 0, piece; at < lengths[i]; at += piece) {
                        piece = lengths[i] - at < 40001 ? lengths[i] - at : 40001;
                        assert_int_equal(deflate_write(d, data + at, piece), 0);
                }
                assert_int_equal(deflate_end(d), 0);
                struct zip_part part = {
                        .data = (const uint8_t *)out.at, .size = (uint32_t)out.len, .full_size = (uint32_t)lengths[i]};

                back = zip_part_text(&part);
                assert_non_null(back);
                assert_memory_equal(back, data, lengths[i]);
                free(back);
                free(data);
        }
        deflate_free(d);
        free(out.at);
}

/* --- a sparse file as the sink --- */

static int file_write(void *arg, const void *data, size_t len)
{
        const int *fd = arg;

        if (len >= 1 << 20) /* a hole is as good as zeros, and takes no room */
                return lseek(*fd, (off_t)len, SEEK_CUR) < 0 ? -1 : 0;
        return write(*fd, data, len) == (ssize_t)len ? 0 : -1;
}

static int python(const char *script, const char *file)
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                execl("/usr/bin/python3", "python3", "-c", script, file, (char *)NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void add_entry(struct zip *z, struct deflater *d, const char *name, const char *content)
{
        assert_int_equal(zip_begin(z, name), 0);
        deflate_begin(d);
        assert_int_equal(deflate_write(d, content, strlen(content)), 0);
        assert_int_equal(deflate_end(d), 0);
        assert_int_equal(zip_end(z, deflate_crc(d), strlen(content)), 0);
}

/* An entry of holes: nobody reads it. */
static void add_hole(struct zip *z, const char *name, uint64_t bytes)
{
        static const uint64_t piece = 1 << 28;

        assert_int_equal(zip_begin(z, name), 0);
        for (uint64_t done = 0; done < bytes; done += piece)
                assert_int_equal(zip_data(z, NULL, piece), 0);
        assert_int_equal(zip_end(z, 0, bytes), 0);
}

static const char read_all[] = "import sys, zipfile\n"
                               "z = zipfile.ZipFile(sys.argv[1])\n"
                               "assert z.read('first') == b'hello' and z.read('last') == b'goodbye', 'content'\n"
                               "i = z.infolist()\n"
                               "assert [e.filename for e in i][0] == 'first' and i[-1].filename == 'last', 'names'\n"
                               "sys.exit(0 if len(i) == 2 else 42 if i[-1].header_offset > 1 << 32 else 43)\n";

static int write_archive(const char *path, int32_t holes)
{
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct sink sink = {file_write, &fd};
        struct zip *z = zip_open(&sink);
        struct deflater *d = deflate_open(zip_data, z);
        int64_t bytes;

        assert_true(fd >= 0 && z != NULL && d != NULL);
        add_entry(z, d, "first", "hello");
        for (int32_t i = 0; i < holes; i++)
                add_hole(z, "hole", 3ULL << 30);
        add_entry(z, d, "last", "goodbye");
        assert_int_equal(zip_finish(z), 0);
        bytes = zip_bytes(z);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), bytes);
        deflate_free(d);
        zip_free(z);
        assert_int_equal(close(fd), 0);
        return python(read_all, path);
}

static void others_read_them_near_and_far(void **state)
{
        char path[] = "/tmp/bb-zip-XXXXXX";
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(write_archive(path, 0), 0);
        assert_int_equal(write_archive(path, 1), 43);
        assert_int_equal(write_archive(path, 2), 42);
        unlink(path);
}

static void an_entry_too_large_for_its_sizes_is_refused(void **state)
{
        struct bytes out = {0};
        struct sink sink = {bytes_add, &out};
        struct zip *z = zip_open(&sink);

        (void)state;
        assert_int_equal(zip_begin(z, "a"), 0);
        assert_int_equal(zip_end(z, 0, 1ULL << 32), -1);
        zip_free(z);
        free(out.at);
}

static int nothing(void *arg, const struct zip_part *part)
{
        (void)arg;
        (void)part;
        return 0;
}

/* Each byte of the archive changed and each length cut, in memory that ends with it. */
static void broken_archives_are_refused_without_reading_beyond(void **state)
{
        static const uint8_t data[] = {3, 0}; /* deflated nothing */
        const struct zip_part part = {.name = "a", .data = data, .method = 8, .size = 2};
        struct bytes out = {0};
        struct sink sink = {bytes_add, &out};
        struct zip *z = zip_open(&sink);

        (void)state;
        assert_int_equal(zip_part(z, &part), 0);
        assert_int_equal(zip_finish(z), 0);
        assert_int_equal(zip_each((const uint8_t *)out.at, out.len, nothing, NULL), 0);
        for (size_t i = 0; i < out.len; i++) {
                uint8_t *copy = malloc(out.len), *cut = malloc(i + 1);

                assert_true(copy != NULL && cut != NULL);
                memcpy(copy, out.at, out.len);
                memcpy(cut, out.at, i);
                copy[i] ^= 0xFF;
                (void)zip_each(copy, out.len, nothing, NULL);
                assert_int_equal(zip_each(cut, i, nothing, NULL), -1);
                free(copy);
                free(cut);
        }
        zip_free(z);
        free(out.at);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(streams_come_out_as_they_went_in),
                cmocka_unit_test(others_read_them_near_and_far),
                cmocka_unit_test(an_entry_too_large_for_its_sizes_is_refused),
                cmocka_unit_test(broken_archives_are_refused_without_reading_beyond),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
