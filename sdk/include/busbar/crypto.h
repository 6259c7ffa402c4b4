/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins need of cryptography ("crypto/1"): the master key itself never leaves the host.
 */
#ifndef BUSBAR_CRYPTO_H
#define BUSBAR_CRYPTO_H

#include <busbar/types.h>

#define BB_MAC_BYTES 32

/* What a certificate or a request for one (PKCS#10) says of itself. Texts in the task's memory. */
enum { BB_KEY_OTHER = 0, BB_KEY_RSA = 1, BB_KEY_EC = 2 };
struct bb_x509 {
        bb_str common_name, organization; /* of the subject; BB_NONE: none, or not one */
        bb_str subject, issuer;           /* whole, for people: "CN=CP-1,O=Acme" */
        bb_str serial;                    /* hexadecimal, lower case, without leading zeros; BB_NONE: a request */
        int64_t not_before_ms, not_after_ms;
        int32_t key_kind, key_bits; /* BB_KEY_… */
        int32_t is_authority;       /* may sign certificates */
        int32_t self_signed;
        uint8_t key_digest[32]; /* SHA-256 of the public key (SubjectPublicKeyInfo) */
        uint8_t digest[32];     /* SHA-256 of the whole in DER: the fingerprint */
        uint64_t room[4];
};

/* A certificate that is to be made. */
struct bb_certificate_order {
        bb_str request;                      /* PKCS#10, PEM: its public key is certified. BB_NONE: that of `key` */
        bb_str authority, authority_key;     /* PEM, the issuing certificate and its key; BB_NONE: signed by `key` */
        bb_str key;                          /* PEM; of a self-signed one */
        bb_str common_name, organization;    /* the subject, whatever the request has there; BB_NONE: without */
        int64_t not_before_ms, not_after_ms; /* the authority's own end is not passed */
        int32_t use;                         /* BB_CERTIFICATE_… */
        int32_t reserved;
        uint64_t room[4];
};
enum { BB_CERTIFICATE_CLIENT = 0, BB_CERTIFICATE_AUTHORITY = 1 };

struct bb_revoked {
        bb_str serial; /* hexadecimal */
        int64_t at_ms;
        uint64_t room[2];
};

typedef struct bb_hash bb_hash;

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

        /* --- X.509; on a worker thread, so that each waits. Errors: BB_E_INVALID with a sentence in *ret_why (the
         * input is wrong), BB_E_INTERNAL, and those of bb_worker_run. PEM texts may be up to 64 KiB. --- */
        /* A new P-256 key, PKCS#8 in PEM. */
        BB_AWAIT bb_err (*key_new)(bb_str *ret_pem);
        /* Reads a request and checks its signature and that its key has at least 112 bits of strength (RSA 2048, EC
         * 224; RSA up to 8192). */
        BB_AWAIT bb_err (*request_read)(bb_str pem, struct bb_x509 *ret, bb_str *ret_why);
        /* Reads all certificates of a text, 1 to 10. */
        BB_AWAIT bb_err (*certificates_read)(bb_str pem, struct bb_x509 **ret, size_t *ret_count, bb_str *ret_why);
        /* Belongs the private key (PEM, without a passphrase) to the first certificate of `pem`? BB_E_INVALID: no. */
        BB_AWAIT bb_err (*key_check)(bb_str key, bb_str pem, bb_str *ret_why);
        /* Makes one, with a random serial number of 127 bits; SHA-256 with ECDSA or RSA-PSS. */
        BB_AWAIT bb_err (*certificate_issue)(const struct bb_certificate_order *, bb_str *ret_pem, struct bb_x509 *ret,
                                             bb_str *ret_why);
        /* Is the first certificate of `chain` (the rest helps), now, a TLS client's by one of the authorities in
         * `roots` (RFC 5280 §6)? Roots may be intermediate authorities. *ret is filled with BB_OK only. */
        BB_AWAIT bb_err (*certificate_verify)(bb_str chain, bb_str roots, struct bb_x509 *ret, bb_str *ret_why);
        /* A revocation list (RFC 5280 §5), PEM. */
        BB_AWAIT bb_err (*revocation_list)(bb_str authority, bb_str authority_key, const struct bb_revoked *,
                                           size_t count, int64_t number, int64_t next_ms, bb_str *ret_pem,
                                           bb_str *ret_why);
        /* SHA-256 of what comes piece by piece. It lives as long as the task that made it; `add` may run on a worker
         * thread, one at a time. After `end` it is used up. */
        bb_hash *(*hash_new)(void);
        void (*hash_add)(bb_hash *, bb_str data);
        void (*hash_end)(bb_hash *, uint8_t ret_digest[32]);
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
static inline BB_AWAIT bb_err bb_key_new(bb_str *ret_pem)
{
        return bb_crypto_->key_new(ret_pem);
}
static inline BB_AWAIT bb_err bb_request_certificate_read(bb_str pem, struct bb_x509 *ret, bb_str *ret_why)
{
        return bb_crypto_->request_read(pem, ret, ret_why);
}
static inline BB_AWAIT bb_err bb_certificates_read(bb_str pem, struct bb_x509 **ret, size_t *ret_count, bb_str *ret_why)
{
        return bb_crypto_->certificates_read(pem, ret, ret_count, ret_why);
}
static inline BB_AWAIT bb_err bb_key_check(bb_str key, bb_str pem, bb_str *ret_why)
{
        return bb_crypto_->key_check(key, pem, ret_why);
}
static inline BB_AWAIT bb_err bb_certificate_issue(const struct bb_certificate_order *order, bb_str *ret_pem,
                                                   struct bb_x509 *ret, bb_str *ret_why)
{
        return bb_crypto_->certificate_issue(order, ret_pem, ret, ret_why);
}
static inline BB_AWAIT bb_err bb_certificate_verify(bb_str chain, bb_str roots, struct bb_x509 *ret, bb_str *ret_why)
{
        return bb_crypto_->certificate_verify(chain, roots, ret, ret_why);
}
static inline BB_AWAIT bb_err bb_revocation_list(bb_str authority, bb_str authority_key,
                                                 const struct bb_revoked *revoked, size_t count, int64_t number,
                                                 int64_t next_ms, bb_str *ret_pem, bb_str *ret_why)
{
        return bb_crypto_->revocation_list(authority, authority_key, revoked, count, number, next_ms, ret_pem, ret_why);
}
static inline bb_hash *bb_hash_new(void)
{
        return bb_crypto_->hash_new();
}
static inline void bb_hash_add(bb_hash *hash, bb_str data)
{
        bb_crypto_->hash_add(hash, data);
}
static inline void bb_hash_end(bb_hash *hash, uint8_t ret_digest[32])
{
        bb_crypto_->hash_end(hash, ret_digest);
}

#endif
