/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of scopes: "stations:read" names one permission, "stations:*" an area, "*" everything. The router matches
 * them.
 */
#include "identity.h"

static int32_t word(bb_str s)
{
        if (s.len == 0 || s.len > 40)
                return 0;
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
                        return 0;
        }
        return 1;
}

int32_t scope_valid(bb_str scope)
{
        const char *colon;
        bb_str area, verb;

        if (bb_str_is(scope, "*"))
                return 1;
        colon = scope.len > 0 ? memchr(scope.ptr, ':', scope.len) : NULL;
        if (colon == NULL)
                return 0;
        area = (bb_str){.ptr = scope.ptr, .len = (size_t)(colon - scope.ptr)};
        verb = (bb_str){.ptr = colon + 1, .len = scope.len - area.len - 1};
        return word(area) && (bb_str_is(verb, "*") || word(verb));
}
