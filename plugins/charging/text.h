/* SPDX-License-Identifier: Apache-2.0
 *
 * Text from outside: what PostgreSQL can store, what an id may be. Pure functions.
 */
#ifndef CHARGING_TEXT_H
#define CHARGING_TEXT_H

#include <busbar/types.h>

/* Well-formed UTF-8 without NUL. */
int text_storable(bb_str);
/* The same without control characters, and of at most `max` bytes. */
int text_clean(bb_str, size_t max);
/* The longest beginning of at most `max` bytes that does not cut a character. */
bb_str text_clip(bb_str, size_t max);
/* 1 to 64 bytes, clean, no blank and no slash: it stands in a URL. */
int station_id_valid(bb_str);
/* 8-4-4-4-12 hexadecimal digits. */
int uuid_valid(bb_str);
/* ASCII letters compare equal in both cases, as lower() of the C collation has it. */
int text_same_nocase(bb_str, bb_str);
/* Writes a pattern for LIKE that finds `s` anywhere; `out` has room for 2 · len + 2. Returns its length. */
size_t text_like(bb_str s, char *out);

#endif
