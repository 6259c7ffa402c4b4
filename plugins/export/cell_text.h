/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of cells: what a spreadsheet would take for a formula, UTF-8, and what XML and Excel cannot carry.
 */
#ifndef EXPORT_CELL_TEXT_H
#define EXPORT_CELL_TEXT_H

#include "out.h"

/* Would a spreadsheet take this text for a formula, at once or when somebody edits it? Such cells get an apostrophe in
 * front. Blanks before the sign do not help, nor does the sign in its full width. */
int32_t text_is_formula(const char *data, size_t len) BB_HIDDEN;

/* The next character of [*at, end) and past it; 0xFFFD for a byte that is not UTF-8. */
uint32_t utf8_next(const char **at, const char *end) BB_HIDDEN;

/* The content of an XLSX string's <t>: escaped, without what XML 1.0 cannot carry (§2.2), with line breaks as LF, and
 * no more than `units` of UTF-16. */
void put_xml_text(struct out *, const char *data, size_t len, int32_t units) BB_HIDDEN;

/* Does <t> have to say xml:space="preserve"? */
int32_t text_needs_space(const char *data, size_t len) BB_HIDDEN;

/* Has the text nothing that put_xml_text() would change, and nothing but ASCII? Looks at 16 bytes at a time: the 16
 * behind the text are written to. */
static inline int32_t text_is_plain(char *data, size_t len)
{
        typedef unsigned char v16 __attribute__((vector_size(16)));
        v16 odd = {0}, v;
        uint64_t halves[2];

        memset(data + len, 'a', 16);
        for (size_t i = 0; i < len; i += 16) {
                memcpy(&v, data + i, 16);
                odd |= (v16)((v < 0x20) | (v > 0x7e) | (v == '&') | (v == '<') | (v == '>') | (v == '_'));
        }
        memcpy(halves, &odd, 16);
        return (halves[0] | halves[1]) == 0;
}

#endif
