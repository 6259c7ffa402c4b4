/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins need of cryptography ("crypto/1"): the master key itself never leaves the host.
 */
#ifndef BUSBAR_CRYPTO_H
#define BUSBAR_CRYPTO_H

#include <busbar/types.h>

#define BB_MAC_BYTES 32

struct bb_crypto_ops {
        uint32_t size;
        uint32_t reserved;
        /* HMAC-SHA256 of `data` under a key derived from the master key, the running task's tenant and `purpose` (a
         * constant). For random keys of machines (stations, API keys), not for passwords that people choose. */
        bb_err (*mac)(const char *purpose, bb_str data, uint8_t ret_mac[BB_MAC_BYTES]);
        int32_t (*equal)(const void *a, const void *b, size_t bytes); /* in constant time */
        void (*random)(void *ret, size_t bytes);
        void (*sha256)(bb_str data, uint8_t ret_digest[32]);
        bb_str (*base64)(bb_str data); /* RFC 4648 §4, in the task's memory */
        bb_err (*unbase64)(bb_str text, bb_str *ret);
        bb_str (*hex)(bb_str data);
        /* AES-256-GCM under the tenant's data key; key id and nonce are in the value. `purpose` is authenticated with
         * it. */
        bb_err (*seal)(const char *purpose, bb_str clear, bb_str *ret_sealed);
        bb_err (*unseal)(const char *purpose, bb_str sealed, bb_str *ret_clear);
};

extern const struct bb_crypto_ops *bb_crypto_ BB_HIDDEN;

static inline bb_err bb_mac(const char *purpose, bb_str data, uint8_t ret_mac[BB_MAC_BYTES])
{
        return bb_crypto_->mac(purpose, data, ret_mac);
}
static inline int32_t bb_equal_secret(const void *a, const void *b, size_t bytes)
{
        return bb_crypto_->equal(a, b, bytes);
}
static inline void bb_random(void *ret, size_t bytes)
{
        bb_crypto_->random(ret, bytes);
}
static inline void bb_sha256(bb_str data, uint8_t ret_digest[32])
{
        bb_crypto_->sha256(data, ret_digest);
}
static inline bb_str bb_base64(bb_str data)
{
        return bb_crypto_->base64(data);
}
static inline bb_err bb_unbase64(bb_str text, bb_str *ret)
{
        return bb_crypto_->unbase64(text, ret);
}
static inline bb_str bb_hex(bb_str data)
{
        return bb_crypto_->hex(data);
}
static inline bb_err bb_seal(const char *purpose, bb_str clear, bb_str *ret_sealed)
{
        return bb_crypto_->seal(purpose, clear, ret_sealed);
}
static inline bb_err bb_unseal(const char *purpose, bb_str sealed, bb_str *ret_clear)
{
        return bb_crypto_->unseal(purpose, sealed, ret_clear);
}

#endif
