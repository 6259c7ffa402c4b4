/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings, UTF-8 and numbers.
 */
#ifndef CORE_BASE_STR_H
#define CORE_BASE_STR_H

#include <busbar/types.h>

int str_starts(bb_str, bb_str prefix);
int str_ends(bb_str, bb_str suffix);
int str_eq_nocase(bb_str, bb_str);               /* ASCII */
int str_compare(bb_str, bb_str);                 /* bytewise */
bb_str str_trim(bb_str);                         /* spaces and tabs */
bb_str str_sub(bb_str, size_t from, size_t len); /* clamped */
ptrdiff_t str_find(bb_str, char);                /* -1: not there */
/* Takes the part up to `sep` off the front of *rest. 0 when nothing is left (an empty *rest gives one empty part
 * first). */
int str_split(bb_str *rest, char sep, bb_str *ret_part);
int str_utf8_valid(bb_str);
/* Bytes of the well-formed UTF-8 character at the front of `p` (`len` >= 1): 1 to 4, or 0 when it is ill-formed. */
size_t str_utf8_step(const char *p, size_t len);
size_t str_utf8_count(bb_str); /* code points */
/* As much of `s` as fits into `max` bytes without cutting a character. */
bb_str str_clip(bb_str s, size_t max);
/* Decimal digits with an optional '-', nothing else, no overflow: BB_OK or BB_E_INVALID. */
bb_err str_to_int(bb_str, int64_t *ret);
/* A decimal ("-12.345", exponent allowed) times 10^scale, exactly, half away from zero; BB_E_INVALID on anything else
 * or overflow. */
bb_err str_to_decimal(bb_str, int scale, int64_t *ret);
/* Percent-decoding of a path segment or a query value (plus_is_space) into `out` (room >= len). BB_E_INVALID for bad
 * escapes or %00. */
bb_err str_percent_decode(bb_str, int plus_is_space, char *out, size_t *ret_len);
uint64_t str_hash(bb_str); /* SipHash-1-3, keyed once per process */
uint64_t str_hash_with(bb_str, const uint64_t key[2]);

#endif
