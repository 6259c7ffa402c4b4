/* SPDX-License-Identifier: Apache-2.0
 *
 * Text from outside: what PostgreSQL can store, what an id may be. Pure functions.
 */
#include "text.h"

/* Length of the well-formed UTF-8 character at p (RFC 3629), 0 when it is none. */
static size_t char_length(const unsigned char *p, size_t room)
{
        static const struct {
                unsigned char first_low, first_high, second_low, second_high;
                size_t length;
        } forms[] = {
                {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
        };

        for (size_t i = 0; i < BB_COUNT(forms); i++) {
                size_t length = forms[i].length;

                if (p[0] < forms[i].first_low || p[0] > forms[i].first_high)
                        continue;
                if (length > room || (length > 1 && (p[1] < forms[i].second_low || p[1] > forms[i].second_high)))
                        return 0;
                for (size_t k = 2; k < length; k++) {
                        if ((p[k] & 0xc0) != 0x80)
                                return 0;
                }
                return length;
        }
        return 0;
}

static int well_formed(bb_str s, unsigned char lowest)
{
        const unsigned char *p = (const unsigned char *)s.ptr;

        for (size_t i = 0; i < s.len;) {
                size_t length = char_length(p + i, s.len - i);

                if (length == 0 || p[i] < lowest || p[i] == (lowest > 1 ? 0x7f : 0))
                        return 0;
                i += length;
        }
        return 1;
}

int text_storable(bb_str s)
{
        return well_formed(s, 1);
}

int text_clean(bb_str s, size_t max)
{
        return s.len <= max && well_formed(s, 0x20);
}

bb_str text_clip(bb_str s, size_t max)
{
        size_t end = max;

        if (s.len <= max)
                return s;
        while (end > 0 && ((unsigned char)s.ptr[end] & 0xc0) == 0x80)
                end--;
        return (bb_str){.ptr = s.ptr, .len = end};
}

int station_id_valid(bb_str s)
{
        return s.len >= 1 && text_clean(s, 64) && memchr(s.ptr, '/', s.len) == NULL &&
               memchr(s.ptr, ' ', s.len) == NULL;
}

static int is_hex(char c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int uuid_valid(bb_str s)
{
        if (s.len != 36)
                return 0;
        for (size_t i = 0; i < s.len; i++) {
                int dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? s.ptr[i] != '-' : !is_hex(s.ptr[i]))
                        return 0;
        }
        return 1;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int text_same_nocase(bb_str a, bb_str b)
{
        if (a.len != b.len)
                return 0;
        for (size_t i = 0; i < a.len; i++) {
                if (lower(a.ptr[i]) != lower(b.ptr[i]))
                        return 0;
        }
        return 1;
}

size_t text_like(bb_str s, char *out)
{
        size_t n = 0;

        out[n++] = '%';
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] == '%' || s.ptr[i] == '_' || s.ptr[i] == '\\')
                        out[n++] = '\\';
                out[n++] = s.ptr[i];
        }
        out[n++] = '%';
        return n;
}
