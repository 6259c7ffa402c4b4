/* SPDX-License-Identifier: Apache-2.0
 *
 * Files as answers: ranges, validators and the name under which they are saved; also those that still grow. Read piece
 * by piece on a worker thread, since a disk can be slow.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "net/request.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (128 * 1024)

/* --- Content-Disposition, RFC 6266 --- */

static int is_plain(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("-._ ()", c) != NULL);
}

/* RFC 8187 §3.2.1: attr-char stays, every other byte of the UTF-8 is escaped. */
static void add_ext_value(struct buf *out, bb_str name)
{
        for (size_t i = 0; i < name.len; i++) {
                char c = name.ptr[i];

                if (is_plain(c) && c != ' ' && c != '(' && c != ')')
                        buf_add_char(out, c);
                else
                        buf_print(out, "%%%02X", (unsigned)(unsigned char)c);
        }
}

bb_str content_disposition(bb_str name)
{
        _cleanup_buf_ struct buf out = {.ptr = NULL};
        int plain = 1;

        buf_add_c(&out, "attachment; filename=\"");
        for (size_t i = 0; i < name.len; i++) {
                plain &= is_plain(name.ptr[i]);
                if (((unsigned char)name.ptr[i] & 0xc0) != 0x80) /* one sign for each character, not for each byte */
                        buf_add_char(&out, is_plain(name.ptr[i]) ? name.ptr[i] : '_');
        }
        buf_add_c(&out, "\"");
        if (!plain) {
                buf_add_c(&out, "; filename*=UTF-8''");
                add_ext_value(&out, name);
        }
        return arena_str(arena_current, buf_str(&out));
}

/* --- Range, RFC 9110 §14 --- */

static int digits_only(bb_str s)
{
        for (size_t i = 0; i < s.len; i++)
                if (s.ptr[i] < '0' || s.ptr[i] > '9')
                        return 0;
        return s.len > 0;
}

static bb_err range_suffix(bb_str last, int64_t size, int64_t *ret_from, int64_t *ret_length)
{
        int64_t count;

        if (!digits_only(last) || str_to_int(last, &count) < 0)
                return BB_E_NOT_FOUND;
        if (count == 0 || size == 0)
                return BB_E_INVALID;
        *ret_length = count < size ? count : size;
        *ret_from = size - *ret_length;
        return BB_OK;
}

bb_err range_parse(bb_str header, int64_t size, int64_t *ret_from, int64_t *ret_length)
{
        bb_str spec, first, last;
        int64_t from, to = size - 1;
        ptrdiff_t dash;

        /* Another unit, several ranges or a malformed one: the header is ignored (§14.2). */
        if (header.len < 6 || !str_eq_nocase(str_sub(header, 0, 6), BB_STR("bytes=")) || str_find(header, ',') >= 0)
                return BB_E_NOT_FOUND;
        spec = str_trim(str_sub(header, 6, header.len));
        dash = str_find(spec, '-');
        if (dash < 0)
                return BB_E_NOT_FOUND;
        first = str_sub(spec, 0, (size_t)dash);
        last = str_sub(spec, (size_t)dash + 1, spec.len);
        if (first.len == 0)
                return range_suffix(last, size, ret_from, ret_length);
        if (!digits_only(first) || str_to_int(first, &from) < 0)
                return BB_E_NOT_FOUND;
        if (last.len > 0 && (!digits_only(last) || str_to_int(last, &to) < 0 || to < from))
                return BB_E_NOT_FOUND;
        if (from >= size)
                return BB_E_INVALID;
        *ret_from = from;
        *ret_length = (to < size ? to : size - 1) - from + 1;
        return BB_OK;
}

/* --- sending --- */

struct piece {
        int fd, error;
        off_t at;
        char *bytes;
        size_t want;
        ssize_t got;
};

static void read_piece(void *arg)
{
        struct piece *p = arg;

        do
                p->got = pread(p->fd, p->bytes, p->want, p->at);
        while (p->got < 0 && errno == EINTR);
        p->error = p->got < 0 ? errno : 0;
}

/* `got` 0: the end, as it is now. */
static BB_AWAIT bb_err fill(struct piece *p)
{
        bb_err err = bb_worker_run(read_piece, p);

        if (err == BB_E_BUSY) /* a bounded read here is better than no answer */
                read_piece(p);
        else if (err < 0)
                return err;
        return p->got < 0 ? BB_E_IO : BB_OK;
}

static bb_err broken_off(const struct piece *p)
{
        bb_log(BB_ERROR, "http.file_failed", "a file could not be read to its end", bb_kv_int("errno", p->error));
        return BB_E_IO;
}

static BB_AWAIT bb_err send_pieces(struct bb_response *res, int fd, int64_t from, int64_t length)
{
        struct piece p = {.fd = fd, .at = from, .bytes = bb_alloc(PIECE)};

        while (length > 0) {
                bb_err err;

                p.want = length < PIECE ? (size_t)length : PIECE;
                err = fill(&p);
                if (err == BB_E_IO || p.got == 0) /* unreadable, or shorter than when the length was promised */
                        return broken_off(&p);
                TRY(err);
                TRY(response_stream_write(res, (bb_str){.ptr = p.bytes, .len = (size_t)p.got}));
                p.at += p.got;
                length -= p.got;
        }
        return BB_OK;
}

/* In memory of its own: it is called as long as the file grows. */
static BB_AWAIT bb_err ask_for_more(bb_more more, int64_t at, void *arg, int32_t *ret_complete)
{
        struct arena *before = arena_current, *own = arena_new("more");
        bb_err err;

        arena_current = own;
        err = more(at, arg, ret_complete);
        arena_current = before;
        arena_free(own);
        return err;
}

/* What is there, and then what `more` waited for, until it says that nothing comes any more. */
static BB_AWAIT bb_err send_growing(struct bb_response *res, int fd, bb_more more, void *arg)
{
        struct piece p = {.fd = fd, .bytes = bb_alloc(PIECE), .want = PIECE};
        int32_t complete = 0;

        for (;;) {
                bb_err err = fill(&p);

                if (err == BB_E_IO)
                        return broken_off(&p);
                TRY(err);
                if (p.got > 0) {
                        TRY(response_stream_write(res, (bb_str){.ptr = p.bytes, .len = (size_t)p.got}));
                        p.at += p.got;
                        continue;
                }
                if (complete)
                        return BB_OK;
                if (!http_is_open(res->request->wire))
                        return BB_E_CLOSED;
                TRY(ask_for_more(more, p.at, arg, &complete));
        }
}

/* The handler's own, which it has set; or one that tells files apart by their size and time. */
static bb_str file_tag(const struct bb_response *res, const struct stat *st)
{
        bb_str own = response_header(res, "ETag");

        if (own.len > 2)
                return str_sub(own, 1, own.len - 2);
        return bb_print("%llx-%llx", (unsigned long long)st->st_size,
                        (unsigned long long)st->st_mtim.tv_sec * 1000000u +
                                (unsigned long long)st->st_mtim.tv_nsec / 1000u);
}

/* Which part is wanted; sets 206 or answers 416. If-Range with anything but our tag: the whole file (RFC 9110 §13.1.5).
 */
static bb_err choose_range(struct bb_response *res, int64_t size, bb_str tag, int64_t *ret_from, int64_t *ret_length)
{
        const struct bb_request *req = res->request;
        bb_str condition = request_header(req, "if-range");
        bb_err err = BB_E_NOT_FOUND;

        *ret_from = 0;
        *ret_length = size;
        if (condition.ptr == NULL || etag_in_list(condition, tag, 0))
                err = range_parse(request_header(req, "range"), size, ret_from, ret_length);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        if (err == BB_E_INVALID) {
                response_set_header(res, "Content-Range", bb_print("bytes */%lld", (long long)size));
                return problem_set(res, BB_E_INVALID, 416, "range-not-satisfiable",
                                   bb_print("The file has %lld bytes.", (long long)size));
        }
        res->status = 206;
        response_set_header(res, "Content-Range",
                            bb_print("bytes %lld-%lld/%lld", (long long)*ret_from,
                                     (long long)(*ret_from + *ret_length - 1), (long long)size));
        return BB_OK;
}

static BB_AWAIT bb_err send_opened(struct bb_response *res, int fd, const char *content_type, bb_str download_name)
{
        struct bb_request *req = res->request;
        int64_t from, length;
        struct stat st;
        bb_str tag;

        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
                return BB_E_NOT_FOUND;
        tag = file_tag(res, &st);
        TRY(etag_check(req, res, tag));
        if (res->not_modified)
                return BB_OK;
        TRY(choose_range(res, st.st_size, tag, &from, &length));
        res->file_from = from;
        response_set_header(res, "Accept-Ranges", BB_STR("bytes"));
        if (download_name.len > 0)
                response_set_header(res, "Content-Disposition", content_disposition(download_name));
        TRY(response_stream_begin(res, content_type, length));
        if (request_is(req, "HEAD"))
                return BB_OK;
        return send_pieces(res, fd, from, length);
}

/* Not blocking: opening a FIFO that somebody put there would stop the loop. */
static bb_err open_file(const char *path, int *ret_fd)
{
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (*ret_fd >= 0)
                return BB_OK;
        return errno == ENOENT || errno == ENOTDIR ? BB_E_NOT_FOUND : BB_E_IO;
}

BB_AWAIT bb_err response_file(struct bb_response *res, const char *path, const char *content_type, bb_str download_name)
{
        bb_err err;
        int fd;

        TRY(open_file(path, &fd));
        err = send_opened(res, fd, content_type, download_name);
        close(fd);
        return err;
}

static BB_AWAIT bb_err follow_opened(struct bb_response *res, int fd, const char *content_type, bb_str download_name,
                                     bb_more more, void *arg)
{
        struct stat st;

        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
                return BB_E_NOT_FOUND;
        response_set_header(res, "Accept-Ranges", BB_STR("none"));
        if (download_name.len > 0)
                response_set_header(res, "Content-Disposition", content_disposition(download_name));
        TRY(response_stream_begin(res, content_type, -1));
        return request_is(res->request, "HEAD") ? BB_OK : send_growing(res, fd, more, arg);
}

BB_AWAIT bb_err response_growing_file(struct bb_response *res, const char *path, const char *content_type,
                                      bb_str download_name, bb_more more, void *arg)
{
        bb_err err;
        int fd;

        TRY(open_file(path, &fd));
        err = follow_opened(res, fd, content_type, download_name, more, arg);
        close(fd);
        return err;
}
