/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings, UTF-8, numbers in text, and the process's keyed hash (SipHash-1-3).
 */
#include "base/str.h"
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

int str_starts(bb_str s, bb_str prefix)
{
        return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

int str_ends(bb_str s, bb_str suffix)
{
        return s.len >= suffix.len &&
               (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static int fold(char c)
{
        return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int str_eq_nocase(bb_str a, bb_str b)
{
        if (a.len != b.len)
                return 0;
        for (size_t i = 0; i < a.len; i++) {
                if (fold(a.ptr[i]) != fold(b.ptr[i]))
                        return 0;
        }
        return 1;
}

int str_compare(bb_str a, bb_str b)
{
        size_t len = a.len < b.len ? a.len : b.len;
        int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

        if (order != 0)
                return order < 0 ? -1 : 1;
        return a.len < b.len ? -1 : a.len > b.len;
}

static int is_blank(char c)
{
        return c == ' ' || c == '\t';
}

bb_str str_trim(bb_str s)
{
        while (s.len > 0 && is_blank(s.ptr[0])) {
                s.ptr++;
                s.len--;
        }
        while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
                s.len--;
        return s;
}

bb_str str_sub(bb_str s, size_t from, size_t len)
{
        if (s.ptr == NULL)
                return BB_NONE;
        if (from > s.len)
                from = s.len;
        if (len > s.len - from)
                len = s.len - from;
        return (bb_str){.ptr = s.ptr + from, .len = len};
}

ptrdiff_t str_find(bb_str s, char c)
{
        const char *hit = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

        return hit != NULL ? hit - s.ptr : -1;
}

int str_split(bb_str *rest, char sep, bb_str *ret_part)
{
        bb_str all = *rest;
        ptrdiff_t at;

        if (all.ptr == NULL)
                return 0;
        at = str_find(all, sep);
        if (at < 0) {
                *rest = BB_NONE;
                *ret_part = all;
                return 1;
        }
        *rest = str_sub(all, (size_t)at + 1, all.len);
        *ret_part = str_sub(all, 0, (size_t)at);
        return 1;
}

/* Well-formed as in Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t str_utf8_step(const char *text, size_t len)
{
        const unsigned char *p = (const unsigned char *)text;
        unsigned char low = 0x80, high = 0xbf;
        size_t need;

        if (p[0] < 0x80)
                return 1;
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;
        need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        if (len < need)
                return 0;
        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;
        if (p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < need; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        }
        return need;
}

int str_utf8_valid(bb_str s)
{
        size_t step;

        for (size_t i = 0; i < s.len; i += step) {
                step = str_utf8_step(s.ptr + i, s.len - i);
                if (step == 0)
                        return 0;
        }
        return 1;
}

size_t str_utf8_count(bb_str s)
{
        size_t count = 0;

        for (size_t i = 0; i < s.len; i++)
                count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
        return count;
}

bb_str str_clip(bb_str s, size_t max)
{
        if (s.len <= max)
                return s;
        while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
                max--;
        return str_sub(s, 0, max);
}

static int is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bb_err str_to_int(bb_str s, int64_t *ret)
{
        int negative = s.len > 0 && s.ptr[0] == '-';
        int64_t v = 0;

        if (s.len == (size_t)negative)
                return BB_E_INVALID;
        for (size_t i = (size_t)negative; i < s.len; i++) {
                int digit = s.ptr[i] - '0';

                if (!is_digit(s.ptr[i]) || __builtin_mul_overflow(v, 10, &v) ||
                    __builtin_sub_overflow(v, digit, &v)) /* downwards, since INT64_MIN has no positive twin */
                        return BB_E_INVALID;
        }
        if (!negative && __builtin_sub_overflow(0, v, &v))
                return BB_E_INVALID;
        *ret = v;
        return BB_OK;
}

/* A number taken apart: all its digits without the point, and the power of ten of the last one. */
struct decimal {
        bb_str whole, fraction;
        int64_t exponent;
        int negative;
};

static bb_str take_digits(bb_str *rest)
{
        size_t n = 0;
        bb_str digits;

        while (n < rest->len && is_digit(rest->ptr[n]))
                n++;
        digits = str_sub(*rest, 0, n);
        *rest = str_sub(*rest, n, rest->len);
        return digits;
}

static int take_char(bb_str *rest, char c)
{
        if (rest->len == 0 || rest->ptr[0] != c)
                return 0;
        *rest = str_sub(*rest, 1, rest->len);
        return 1;
}

static bb_err take_exponent(bb_str *rest, int64_t *ret)
{
        int negative = take_char(rest, '-');
        bb_str digits;
        int64_t v = 0;

        if (!negative)
                (void)take_char(rest, '+');
        digits = take_digits(rest);
        if (digits.len == 0)
                return BB_E_INVALID;
        for (size_t i = 0; i < digits.len; i++)
                v = v < 1000000 ? v * 10 + (digits.ptr[i] - '0') : v; /* beyond it every number is 0 or too big */
        *ret = negative ? -v : v;
        return BB_OK;
}

static bb_err decimal_read(bb_str s, struct decimal *ret)
{
        *ret = (struct decimal){.negative = take_char(&s, '-')};
        ret->whole = take_digits(&s);
        if (ret->whole.len == 0)
                return BB_E_INVALID;
        if (take_char(&s, '.')) {
                ret->fraction = take_digits(&s);
                if (ret->fraction.len == 0)
                        return BB_E_INVALID;
        }
        if (take_char(&s, 'e') || take_char(&s, 'E'))
                TRY(take_exponent(&s, &ret->exponent));
        return s.len == 0 ? BB_OK : BB_E_INVALID;
}

static int decimal_digit(const struct decimal *d, size_t i)
{
        return (i < d->whole.len ? d->whole.ptr[i] : d->fraction.ptr[i - d->whole.len]) - '0';
}

bb_err str_to_decimal(bb_str s, int scale, int64_t *ret)
{
        struct decimal d;
        int64_t keep, v = 0;
        size_t digits;

        TRY(decimal_read(s, &d));
        digits = d.whole.len + d.fraction.len;
        /* How many digits, from the left, are before the point once it is moved. */
        keep = (int64_t)d.whole.len + d.exponent + scale;
        for (int64_t i = 0; i < keep; i++) {
                int digit = (size_t)i < digits ? decimal_digit(&d, (size_t)i) : 0;

                if ((size_t)i >= digits && v == 0)
                        break; /* zeros all the way: "0e999999" */
                if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v))
                        return BB_E_INVALID;
        }
        if (keep >= 0 && (size_t)keep < digits && decimal_digit(&d, (size_t)keep) >= 5 &&
            __builtin_sub_overflow(v, 1, &v))
                return BB_E_INVALID;
        if (!d.negative && __builtin_sub_overflow(0, v, &v))
                return BB_E_INVALID;
        *ret = v;
        return BB_OK;
}

static int hex_value(char c)
{
        if (is_digit(c))
                return c - '0';
        c = (char)fold(c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bb_err str_percent_decode(bb_str s, int plus_is_space, char *out, size_t *ret_len)
{
        size_t n = 0;

        for (size_t i = 0; i < s.len; i++) {
                int high, low, c = (unsigned char)s.ptr[i];

                if (c == '%') {
                        if (s.len - i < 3)
                                return BB_E_INVALID;
                        high = hex_value(s.ptr[i + 1]);
                        low = hex_value(s.ptr[i + 2]);
                        if (high < 0 || low < 0)
                                return BB_E_INVALID;
                        c = high * 16 + low;
                        i += 2;
                } else if (c == '+' && plus_is_space) {
                        c = ' ';
                }
                if (c == 0)
                        return BB_E_INVALID;
                out[n++] = (char)c;
        }
        *ret_len = n;
        return BB_OK;
}

static uint64_t hash_key[2];

/* Before main: a hash that others can foresee invites them to make all their keys collide. */
__attribute__((constructor)) static void hash_key_init(void)
{
        char *p = (char *)hash_key;
        size_t got = 0;

        while (got < sizeof(hash_key)) {
                ssize_t n = getrandom(p + got, sizeof(hash_key) - got, 0);

                if (n < 0 && errno != EINTR)
                        abort();
                got += n > 0 ? (size_t)n : 0;
        }
}

static uint64_t rotate(uint64_t v, int bits)
{
        return (v << bits) | (v >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
}

uint64_t str_hash_with(bb_str s, const uint64_t key[2])
{
        uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                         key[1] ^ 0x7465646279746573u};
        uint64_t word, last = (uint64_t)s.len << 56;
        size_t i = 0;

        for (; s.len - i >= 8; i += 8) {
                memcpy(&word, s.ptr + i, 8);
                word = le64toh(word);
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
        }
        for (size_t shift = 0; i < s.len; i++, shift += 8)
                last |= (uint64_t)(unsigned char)s.ptr[i] << shift;
        v[3] ^= last;
        sip_round(v);
        v[0] ^= last;
        v[2] ^= 0xff;
        sip_round(v);
        sip_round(v);
        sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t str_hash(bb_str s)
{
        return str_hash_with(s, hash_key);
}
