/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of lists whose items are found by a UUID.
 */
#include "page.h"

#include "ocpp16.h"

int32_t is_uuid(bb_str s)
{
        static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (s.len != sizeof(pattern) - 1)
                return 0;
        for (size_t i = 0; i < s.len; i++) {
                char c = (char)(s.ptr[i] | 32);

                if (pattern[i] == '-' ? s.ptr[i] != '-' : (s.ptr[i] < '0' || s.ptr[i] > '9') && (c < 'a' || c > 'f'))
                        return 0;
        }
        return 1;
}

bb_err page_by_uuid(bb_request *req, bb_response *res, size_t *ret_limit, bb_str *ret_after)
{
        TRY(bb_page(req, res, ret_limit, ret_after));
        if (ret_after->ptr == NULL || is_uuid(*ret_after))
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                          BB_STR("The query parameter cursor is not one that this list gave out."));
}

BB_AWAIT bb_err page_of(bb_request *req, bb_response *res, struct page *ret)
{
        struct bb_station known = {.present = 0};

        ret->station = bb_request_param(req, "id");
        TRY(page_by_uuid(req, res, &ret->limit, &ret->after));
        return ret->station.ptr != NULL ? charging->station_get(ret->station, &known) : BB_OK;
}

void page_send(bb_response *res, const struct page *page, const bb_rows *rows, bb_json *(*row)(const bb_rows *, size_t))
{
        size_t count = bb_rows_count(rows);
        bb_json *items = bb_json_new_array();

        for (size_t i = 0; i < count; i++)
                bb_json_append(items, row(rows, i));
        bb_response_page(res, items, count == page->limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
}
