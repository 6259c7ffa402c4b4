/* SPDX-License-Identifier: Apache-2.0
 *
 * The X.509 part of "crypto/1". Everything runs on a worker thread with memory of OpenSSL's own; what comes out is
 * copied into the task's memory afterwards.
 */
#ifndef CORE_MOD_CRYPTO_X509_H
#define CORE_MOD_CRYPTO_X509_H

#include <busbar/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define X509_MAX_PEM 65536
#define X509_MAX_CHAIN 10

/* crypto_x509.c: reading */
bb_err x509_request_read(bb_str pem, struct bb_x509 *ret, bb_str *ret_why);
bb_err x509_certificates_read(bb_str pem, struct bb_x509 **ret, size_t *ret_count, bb_str *ret_why);
bb_err x509_verify(bb_str chain, bb_str roots, struct bb_x509 *ret, bb_str *ret_why);
/* crypto_issue.c: making */
bb_err x509_key_new(bb_str *ret_pem);
bb_err x509_key_check(bb_str key, bb_str pem, bb_str *ret_why);
bb_err x509_issue(const struct bb_certificate_order *, bb_str *ret_pem, struct bb_x509 *ret, bb_str *ret_why);
bb_err x509_revocation_list(bb_str authority, bb_str authority_key, const struct bb_revoked *, size_t count,
                            int64_t number, int64_t next_ms, bb_str *ret_pem, bb_str *ret_why);

/* --- between the two; NULL or 0 with a constant sentence in *ret_why --- */
typedef STACK_OF(X509) x509_stack;
X509 *x509_read_one(bb_str pem, const char **ret_why);
x509_stack *x509_read_all(bb_str pem, const char **ret_why);
X509_REQ *x509_read_request(bb_str pem, const char **ret_why);
EVP_PKEY *x509_read_key(bb_str pem, const char **ret_why);
int x509_key_strong(EVP_PKEY *, const char **ret_why);
/* Into the running task's memory. */
void x509_describe(X509 *, struct bb_x509 *ret);
bb_err x509_fault(const char *why, bb_str *ret_why); /* BB_E_INVALID */

#endif
