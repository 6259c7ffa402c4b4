/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of lists whose items are found by a UUID.
 */
#include "page.h"

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
