/* SPDX-License-Identifier: Apache-2.0
 *
 * Transaction ids that are unique and positive, and tell nobody how many there are: a keyed permutation of a counter.
 *
 * A balanced Feistel network over 32 bits with SipHash-2-4 as round function; outputs outside the range are fed in
 * again
 * ("cycle walking"), which keeps it a permutation of the range and takes two turns on average.
 */
#include "transaction_id.h"

#define ROUNDS 8

static uint64_t rotate(uint64_t x, unsigned bits)
{
        return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of the eight bytes of `block`. */
static uint64_t sip_hash(const uint64_t key[2], uint64_t block)
{
        const uint64_t length = 8ull << 56;
        uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull, key[0] ^ 0x6c7967656e657261ull,
                         key[1] ^ 0x7465646279746573ull};

        v[3] ^= block;
        sip_round(v);
        sip_round(v);
        v[0] ^= block;
        v[3] ^= length;
        sip_round(v);
        sip_round(v);
        v[0] ^= length;
        v[2] ^= 0xff;
        for (int i = 0; i < 4; i++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t permute(const struct transaction_cipher *c, uint32_t value)
{
        uint32_t left = value >> 16, right = value & 0xffff;

        for (uint32_t round = 0; round < ROUNDS; round++) {
                uint32_t mixed = (uint32_t)sip_hash(c->key, ((uint64_t)round << 32) | right) & 0xffff;
                uint32_t next = left ^ mixed;

                left = right;
                right = next;
        }
        return (left << 16) | right;
}

int32_t transaction_id(const struct transaction_cipher *c, int64_t counter)
{
        uint32_t value = (uint32_t)((uint64_t)counter % TRANSACTION_IDS);

        do
                value = permute(c, value);
        while (value >= TRANSACTION_IDS);
        return (int32_t)(value + 1);
}
