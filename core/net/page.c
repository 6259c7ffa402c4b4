/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of a list: the cursor that a client carries from one to the next, and the envelope that every list has. A
 * cursor is the key of the last item in hexadecimal: opaque, and fit for a URL as it is.
 */
#include "base/str.h"
#include "net/request.h"

enum { LIMIT_WHEN_ABSENT = 50 };

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bb_err key_of(bb_str cursor, bb_str *ret)
{
        char *key = bb_alloc(cursor.len / 2 + 1);

        if (cursor.len == 0 || cursor.len % 2 != 0)
                return BB_E_INVALID;
        for (size_t i = 0; i < cursor.len; i += 2) {
                int high = digit(cursor.ptr[i]), low = digit(cursor.ptr[i + 1]);

                if (high < 0 || low < 0)
                        return BB_E_INVALID;
                key[i / 2] = (char)(high << 4 | low);
        }
        *ret = (bb_str){.ptr = key, .len = cursor.len / 2};
        return str_utf8_valid(*ret) ? BB_OK : BB_E_INVALID;
}

static bb_str cursor_of(bb_str key)
{
        static const char digits[] = "0123456789abcdef";
        char *cursor = bb_alloc(key.len * 2 + 1);

        for (size_t i = 0; i < key.len; i++) {
                cursor[2 * i] = digits[(unsigned char)key.ptr[i] >> 4];
                cursor[2 * i + 1] = digits[(unsigned char)key.ptr[i] & 15];
        }
        return (bb_str){.ptr = cursor, .len = key.len * 2};
}

bb_err page_read(bb_request *req, bb_response *res, size_t *ret_limit, bb_str *ret_after)
{
        bb_str limit = request_query(req, "limit"), cursor = request_query(req, "cursor");
        int64_t number = LIMIT_WHEN_ABSENT;

        if (limit.ptr != NULL)
                TRY(str_to_int(limit, &number)); /* its bounds were checked with the query */
        *ret_limit = (size_t)number;
        *ret_after = BB_NONE;
        if (cursor.ptr == NULL || key_of(cursor, ret_after) == BB_OK)
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                          BB_STR("The query parameter cursor is not one that this list gave out."));
}

/* This request's own query, as sent, but for its cursor: filters belong to the next page too. */
static bb_str next_url(const bb_request *req, bb_str cursor)
{
        bb_str rest = req->raw_query, part, url;

        part = str_sub(req->raw_path, req->prefix.len, req->raw_path.len);
        url = bb_print("%.*s%.*s?cursor=%.*s", BB_FMT(request_base_url(req)), BB_FMT(part), BB_FMT(cursor));
        while (rest.len > 0 && str_split(&rest, '&', &part)) {
                if (part.len > 0 && !str_starts(part, BB_STR("cursor=")))
                        url = bb_print("%.*s&%.*s", BB_FMT(url), BB_FMT(part));
        }
        return url;
}

void page_send(bb_response *res, bb_json *items, bb_str next)
{
        bb_json *page = bb_json_new_object();

        bb_json_set(page, "items", items);
        if (next.ptr != NULL) {
                bb_str cursor = cursor_of(next);

                bb_json_set_str(page, "next_cursor", cursor);
                bb_response_header(res, "Link",
                                   bb_print("<%.*s>; rel=\"next\"", BB_FMT(next_url(res->request, cursor))));
        }
        bb_response_json(res, page);
}
