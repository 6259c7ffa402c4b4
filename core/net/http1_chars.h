/* SPDX-License-Identifier: Apache-2.0
 *
 * What each byte may be in HTTP/1.1: one constant table from RFC 9110 §5.5, §5.6.2 and RFC 3986 §2.
 */
#ifndef CORE_NET_HTTP1_CHARS_H
#define CORE_NET_HTTP1_CHARS_H

#include <stdint.h>

enum {
        CH_TOKEN = 1, /* tchar: methods, field names */
        CH_VALUE =
                2, /* field values: VCHAR, obs-text, space, tab; also all that a header block may hold but CR and LF */
        CH_TARGET = 4, /* request targets: RFC 3986, plus [ ] in queries; no fragment */
        CH_HOST = 8,   /* registered names as they are in DNS: letters, digits, - . _ */
        CH_DIGIT = 16,
        CH_HEX = 32,

        CH_NAME_ = CH_TOKEN | CH_VALUE | CH_TARGET | CH_HOST,
        CH_MARK_ = CH_TOKEN | CH_VALUE | CH_TARGET,
        CH_WORD_ = CH_TOKEN | CH_VALUE,
        CH_PATH_ = CH_VALUE | CH_TARGET
};

static const uint8_t http1_chars[256] = {
        ['\t'] = CH_VALUE,        [' '] = CH_VALUE,
        ['!'] = CH_MARK_,         ['"'] = CH_VALUE,
        ['#'] = CH_WORD_,         ['$' ... '\''] = CH_MARK_, /* $ % & ' */
        ['(' ... ')'] = CH_PATH_, ['*' ... '+'] = CH_MARK_,
        [','] = CH_PATH_,         ['-' ... '.'] = CH_NAME_,
        ['/'] = CH_PATH_,         ['0' ... '9'] = CH_NAME_ | CH_DIGIT | CH_HEX,
        [':' ... ';'] = CH_PATH_, ['<'] = CH_VALUE,
        ['='] = CH_PATH_,         ['>'] = CH_VALUE,
        ['?' ... '@'] = CH_PATH_, ['A' ... 'F'] = CH_NAME_ | CH_HEX,
        ['G' ... 'Z'] = CH_NAME_, ['['] = CH_PATH_,
        ['\\'] = CH_VALUE,        [']'] = CH_PATH_,
        ['^'] = CH_WORD_,         ['_'] = CH_NAME_,
        ['`'] = CH_WORD_,         ['a' ... 'f'] = CH_NAME_ | CH_HEX,
        ['g' ... 'z'] = CH_NAME_, ['{'] = CH_VALUE,
        ['|'] = CH_WORD_,         ['}'] = CH_VALUE,
        ['~'] = CH_MARK_,         [0x80 ... 0xff] = CH_VALUE,
};

static inline int http1_is(char c, int kind)
{
        return (http1_chars[(uint8_t)c] & kind) != 0;
}

#endif
