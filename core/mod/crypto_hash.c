/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of what comes piece by piece, for files that are never in memory as a whole.
 */
#include "base/arena.h"
#include "mod/crypto.h"
#include <openssl/evp.h>
#include <stdlib.h>

struct bb_hash {
        EVP_MD_CTX *state;
};

static void free_state(void *arg)
{
        EVP_MD_CTX_free(arg);
}

struct bb_hash *crypto_hash_new(void)
{
        struct bb_hash *hash = arena_alloc(arena_current, sizeof(*hash));

        hash->state = EVP_MD_CTX_new();
        if (hash->state == NULL || EVP_DigestInit_ex(hash->state, EVP_sha256(), NULL) != 1)
                abort(); /* as crypto_sha256 does */
        arena_cleanup(arena_current, free_state, hash->state);
        return hash;
}

void crypto_hash_add(struct bb_hash *hash, bb_str data)
{
        if (data.len > 0 && EVP_DigestUpdate(hash->state, data.ptr, data.len) != 1)
                abort();
}

void crypto_hash_end(struct bb_hash *hash, uint8_t ret_digest[32])
{
        if (EVP_DigestFinal_ex(hash->state, ret_digest, NULL) != 1)
                abort();
}
