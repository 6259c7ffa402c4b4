/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to each byte of a payload, eight at a time: the mask (RFC 6455 §5.3) and the check of UTF-8 (RFC 3629)
 * that goes on from one piece to the next.
 */
#include "net/ws.h"
#include <openssl/rand.h>

#define HIGH_BITS 0x8080808080808080u

int32_t ws_mask(char *to, const char *from, size_t len, const uint8_t mask[4], size_t phase)
{
        uint64_t wide, word, seen = 0;
        uint8_t turned[8];
        size_t i = 0;

        for (size_t k = 0; k < sizeof(turned); k++)
                turned[k] = mask[(phase + k) & 3];
        memcpy(&wide, turned, sizeof(wide));
        for (; i + sizeof(word) <= len; i += sizeof(word)) {
                memcpy(&word, from + i, sizeof(word));
                word ^= wide;
                seen |= word;
                memcpy(to + i, &word, sizeof(word));
        }
        for (size_t k = 0; i < len; i++, k++) {
                to[i] = (char)(from[i] ^ turned[k]);
                seen |= (uint8_t)to[i];
        }
        return (seen & HIGH_BITS) == 0;
}

/* Masks come from a pool: one call of the generator for 256 frames. */
int32_t ws_mask_new(uint8_t ret[4])
{
        static uint8_t pool[1024];
        static size_t left;

        if (left < 4) {
                if (RAND_bytes(pool, sizeof(pool)) != 1)
                        return 0;
                left = sizeof(pool);
        }
        left -= 4;
        memcpy(ret, pool + left, 4);
        return 1;
}

/* The first byte of a character: how many follow, and between which bounds the next one lies (RFC 3629 §4: neither
 * overlong, nor a surrogate, nor beyond U+10FFFF). */
static int32_t begin_character(struct ws_utf8 *u, uint8_t first)
{
        if (first < 0xc2 || first > 0xf4)
                return 0;
        u->need = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        u->low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        u->high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        return 1;
}

int32_t ws_utf8_feed(struct ws_utf8 *u, const char *data, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                uint8_t c = (uint8_t)data[i];

                if (u->need > 0) {
                        if (c < u->low || c > u->high)
                                return 0;
                        u->need--;
                        u->low = 0x80;
                        u->high = 0xbf;
                } else if (c >= 0x80 && !begin_character(u, c)) {
                        return 0;
                }
        }
        return 1;
}
