/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as text, two digits at a time and without floating point. Each function writes at `at` and says where it
 * ended; none writes more than PUT_MOST bytes.
 */
#ifndef EXPORT_DIGITS_H
#define EXPORT_DIGITS_H

#include <busbar/types.h>

enum { PUT_MOST = 32 };

static const char digit_pairs[201] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                     "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                     "8081828384858687888990919293949596979899";

static inline char *put_pair(char *at, uint32_t below_100)
{
        memcpy(at, digit_pairs + 2 * (size_t)below_100, 2);
        return at + 2;
}

/* `digits` of them, with zeros in front. */
static inline char *put_padded(char *at, uint64_t v, int32_t digits)
{
        char *p = at + digits;

        while (p - at >= 2) {
                p -= 2;
                (void)put_pair(p, (uint32_t)(v % 100));
                v /= 100;
        }
        if (p > at)
                *at = (char)('0' + v % 10);
        return at + digits;
}

static inline int32_t digits_of(uint64_t v)
{
        int32_t digits = 1;

        while (v >= 100) {
                v /= 100;
                digits += 2;
        }
        return digits + (v >= 10);
}

static inline char *put_unsigned(char *at, uint64_t v)
{
        if (v < 10) {
                *at = (char)('0' + v);
                return at + 1;
        }
        if (v < 100)
                return put_pair(at, (uint32_t)v);
        return put_padded(at, v, digits_of(v));
}

static inline uint64_t magnitude(int64_t v)
{
        return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

static inline char *put_signed(char *at, int64_t v)
{
        *at = '-';
        return put_unsigned(at + (v < 0), magnitude(v));
}

/* v / 10^decimals with all its decimals: put_decimal(at, -1500, 1000, 3, '.') is -1.500. `scale` is 10^decimals. */
static inline char *put_decimal(char *at, int64_t v, uint64_t scale, int32_t decimals, char mark)
{
        uint64_t size = magnitude(v);

        *at = '-';
        at = put_unsigned(at + (v < 0), size / scale);
        *at++ = mark;
        return put_padded(at, size % scale, decimals);
}

#endif
