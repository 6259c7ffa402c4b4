/* SPDX-License-Identifier: Apache-2.0
 *
 * "crypto/1" on OpenSSL. The master key is read once from its file and never leaves crypto.c.
 */
#ifndef CORE_MOD_CRYPTO_H
#define CORE_MOD_CRYPTO_H

#include <busbar/crypto.h>

#define CRYPTO_KEY_BYTES 32

/* Reads the master key from `path`; when there is no such file, makes one with mode 0600. Refuses a file of another
 * length or one that others may read. On an error *ret_why is a sentence in arena_current. */
bb_err crypto_open(const char *path, bb_str *ret_why);
/* For tests: a key given directly. */
void crypto_set_master_key(const uint8_t key[CRYPTO_KEY_BYTES]);
void crypto_close(void); /* wipes it */

void crypto_sha256(bb_str data, uint8_t ret_digest[32]);
/* crypto_hash.c */
struct bb_hash *crypto_hash_new(void);
void crypto_hash_add(struct bb_hash *, bb_str);
void crypto_hash_end(struct bb_hash *, uint8_t ret_digest[32]);
/* HMAC-SHA256 of what the table's `mac` does, with the tenant given (BB_NONE: the host's own). */
bb_err crypto_derive(const char *use, const char *purpose, bb_str tenant, uint8_t ret_key[CRYPTO_KEY_BYTES]);

extern const struct bb_crypto_ops crypto_ops;

#endif
