/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, certificates and revocation lists are made here. The subject is the caller's, never the request's; nothing but
 * the public key is taken from that. OCPP's Security Whitepaper §2.6.1 has the properties: SHA-256, ECDSA or RSA-PSS, a
 * serial number, key usage, no subjectAltName.
 */
#include "mod/crypto_x509.h"
#include <busbar/rt.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { SERIAL_BITS = 127 };

static const char broken[] = "could not be made";

static bb_str pem_text(BIO *bio)
{
        char *data = NULL;
        long len = bio != NULL ? BIO_get_mem_data(bio, &data) : 0;

        return len > 0 ? bb_str_dup((bb_str){.ptr = data, .len = (size_t)len}) : BB_NONE;
}

/* Private keys passed through it. */
static void wipe(BIO *bio)
{
        char *data = NULL;
        long len = bio != NULL ? BIO_get_mem_data(bio, &data) : 0;

        if (len > 0)
                OPENSSL_cleanse(data, (size_t)len);
        BIO_free(bio);
}

/* --- keys --- */

static void key_work(void *arg)
{
        BIO **ret = arg;
        EVP_PKEY *key = EVP_EC_gen("P-256");
        BIO *bio = BIO_new(BIO_s_mem());

        if (key != NULL && bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
                *ret = bio;
                bio = NULL;
        }
        wipe(bio);
        EVP_PKEY_free(key);
        ERR_clear_error();
}

BB_AWAIT bb_err x509_key_new(bb_str *ret_pem)
{
        BIO *bio = NULL;

        TRY(bb_worker_run(key_work, (void *)&bio));
        if (bio == NULL)
                return BB_E_INTERNAL;
        *ret_pem = pem_text(bio);
        wipe(bio);
        return BB_OK;
}

struct check_job {
        bb_str key, pem;
        const char *why;
        int32_t ok;
};

static void check_work(void *arg)
{
        struct check_job *job = arg;
        EVP_PKEY *key = x509_read_key(job->key, &job->why);
        X509 *cert = key != NULL ? x509_read_one(job->pem, &job->why) : NULL;

        if (cert != NULL && x509_key_strong(key, &job->why)) {
                job->ok = X509_check_private_key(cert, key) == 1;
                if (!job->ok)
                        job->why = "is not the key of the certificate";
        }
        X509_free(cert);
        EVP_PKEY_free(key);
        ERR_clear_error();
}

BB_AWAIT bb_err x509_key_check(bb_str key, bb_str pem, bb_str *ret_why)
{
        struct check_job job = {.key = key, .pem = pem};

        TRY(bb_worker_run(check_work, &job));
        return job.ok ? BB_OK : x509_fault(job.why, ret_why);
}

/* --- signing --- */

/* A00.FR.505: RSA-PSS or ECDSA; A00.FR.506: SHA-256. */
static int prepare_signature(EVP_MD_CTX *md, EVP_PKEY *key)
{
        EVP_PKEY_CTX *ctx;

        if (md == NULL || EVP_DigestSignInit(md, &ctx, EVP_sha256(), NULL, key) != 1)
                return 0;
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
                return 1;
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* --- a certificate --- */

struct issue_job {
        const struct bb_certificate_order *order;
        X509 *issuer; /* NULL: itself */
        EVP_PKEY *signer, *subject_key;
        X509 *cert;
        BIO *pem;
        const char *why;
};

static int add_name(X509_NAME *name, const char *part, bb_str value)
{
        return value.ptr == NULL || X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
                                                               (const unsigned char *)value.ptr, (int)value.len, -1, 0);
}

static int set_names(struct issue_job *job)
{
        X509_NAME *name = X509_get_subject_name(job->cert);

        return add_name(name, "O", job->order->organization) && add_name(name, "CN", job->order->common_name) &&
               X509_set_issuer_name(job->cert, job->issuer != NULL ? X509_get_subject_name(job->issuer) : name);
}

static int set_serial(X509 *cert)
{
        BIGNUM *number = BN_new();
        int ok = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
                 BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

        BN_free(number);
        return ok;
}

static int set_times(struct issue_job *job)
{
        const struct bb_certificate_order *order = job->order;
        time_t from = (time_t)(order->not_before_ms / 1000), to = (time_t)(order->not_after_ms / 1000);
        const ASN1_TIME *end = job->issuer != NULL ? X509_get0_notAfter(job->issuer) : NULL;

        if (ASN1_TIME_adj(X509_getm_notBefore(job->cert), from, 0, 0) == NULL ||
            ASN1_TIME_adj(X509_getm_notAfter(job->cert), to, 0, 0) == NULL)
                return 0;
        if (end != NULL && X509_cmp_time(end, &to) < 0)
                return X509_set1_notAfter(job->cert, end);
        return 1;
}

static int add_extension(struct issue_job *job, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509_EXTENSION *extension;
        int ok;

        X509V3_set_ctx(&ctx, job->issuer != NULL ? job->issuer : job->cert, job->cert, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        ok = extension != NULL && X509_add_ext(job->cert, extension, -1);
        X509_EXTENSION_free(extension);
        return ok;
}

static int set_extensions(struct issue_job *job)
{
        static const struct {
                int nid;
                const char *value;
        } of_use[][3] = {
                [BB_CERTIFICATE_CLIENT] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                           {NID_key_usage, "critical,digitalSignature"},
                                           {NID_ext_key_usage, "clientAuth"}},
                [BB_CERTIFICATE_AUTHORITY] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                              {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                              {NID_undef, NULL}},
        };

        for (size_t i = 0; i < BB_COUNT(of_use[0]); i++) {
                if (of_use[job->order->use][i].value != NULL &&
                    !add_extension(job, of_use[job->order->use][i].nid, of_use[job->order->use][i].value))
                        return 0;
        }
        return add_extension(job, NID_subject_key_identifier, "hash") &&
               add_extension(job, NID_authority_key_identifier, "keyid:always");
}

static int build(struct issue_job *job)
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        int ok;

        job->cert = X509_new();
        ok = job->cert != NULL && X509_set_version(job->cert, X509_VERSION_3) && set_serial(job->cert) &&
             set_names(job) && set_times(job) && X509_set_pubkey(job->cert, job->subject_key) && set_extensions(job) &&
             prepare_signature(md, job->signer) && X509_sign_ctx(job->cert, md) > 0;
        EVP_MD_CTX_free(md);
        return ok;
}

/* Who signs: an authority, or the key itself. */
static int find_signer(struct issue_job *job)
{
        const struct bb_certificate_order *order = job->order;

        if (order->authority.ptr == NULL) {
                job->signer = x509_read_key(order->key, &job->why);
                return job->signer != NULL;
        }
        job->issuer = x509_read_one(order->authority, &job->why);
        job->signer = job->issuer != NULL ? x509_read_key(order->authority_key, &job->why) : NULL;
        if (job->signer == NULL)
                return 0;
        if (X509_check_private_key(job->issuer, job->signer) == 1)
                return 1;
        job->why = "the authority's key is not that of its certificate";
        return 0;
}

static int find_subject(struct issue_job *job)
{
        X509_REQ *req;

        if (job->order->request.ptr == NULL) {
                job->subject_key = x509_read_key(job->order->key, &job->why);
                return job->subject_key != NULL;
        }
        req = x509_read_request(job->order->request, &job->why);
        if (req != NULL)
                job->subject_key = X509_REQ_get_pubkey(req);
        X509_REQ_free(req);
        return job->subject_key != NULL && x509_key_strong(job->subject_key, &job->why);
}

static void issue_work(void *arg)
{
        struct issue_job *job = arg;

        if (!find_signer(job) || !find_subject(job))
                return;
        job->why = broken;
        if (!build(job))
                return;
        job->pem = BIO_new(BIO_s_mem());
        if (job->pem != NULL && PEM_write_bio_X509(job->pem, job->cert) == 1)
                job->why = NULL;
        ERR_clear_error();
}

BB_AWAIT bb_err x509_issue(const struct bb_certificate_order *order, bb_str *ret_pem, struct bb_x509 *ret,
                           bb_str *ret_why)
{
        struct issue_job job = {.order = order, .why = broken};

        if (order->use < BB_CERTIFICATE_CLIENT || order->use > BB_CERTIFICATE_AUTHORITY ||
            order->not_after_ms <= order->not_before_ms)
                return x509_fault("the order makes no sense", ret_why);
        TRY(bb_worker_run(issue_work, &job));
        if (job.why == NULL) {
                *ret_pem = pem_text(job.pem);
                x509_describe(job.cert, ret);
        }
        BIO_free(job.pem);
        X509_free(job.cert);
        X509_free(job.issuer);
        EVP_PKEY_free(job.signer);
        EVP_PKEY_free(job.subject_key);
        return job.why == NULL ? BB_OK : x509_fault(job.why, ret_why);
}

/* --- a revocation list --- */

struct list_job {
        bb_str authority, key;
        const struct bb_revoked *revoked;
        size_t count;
        int64_t number, now_ms, next_ms;
        X509 *issuer;
        EVP_PKEY *signer;
        X509_CRL *list;
        BIO *pem;
        const char *why;
};

static int add_revoked(X509_CRL *list, const struct bb_revoked *revoked)
{
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(revoked->at_ms / 1000));
        ASN1_INTEGER *serial = NULL;
        BIGNUM *number = NULL;
        char hex[65] = "";
        int ok;

        if (revoked->serial.len > 0 && revoked->serial.len < sizeof(hex))
                memcpy(hex, revoked->serial.ptr, revoked->serial.len);
        if (BN_hex2bn(&number, hex) == (int)revoked->serial.len)
                serial = BN_to_ASN1_INTEGER(number, NULL);
        ok = entry != NULL && at != NULL && serial != NULL && X509_REVOKED_set_serialNumber(entry, serial) &&
             X509_REVOKED_set_revocationDate(entry, at) && X509_CRL_add0_revoked(list, entry);
        if (!ok)
                X509_REVOKED_free(entry);
        ASN1_INTEGER_free(serial);
        ASN1_TIME_free(at);
        BN_free(number);
        return ok;
}

static int add_list_extensions(struct list_job *job)
{
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        X509V3_CTX ctx;
        X509_EXTENSION *key_id;
        int ok;

        X509V3_set_ctx(&ctx, job->issuer, NULL, NULL, job->list, 0);
        key_id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
        ok = number != NULL && ASN1_INTEGER_set_int64(number, job->number) && key_id != NULL &&
             X509_CRL_add_ext(job->list, key_id, -1) && X509_CRL_add1_ext_i2d(job->list, NID_crl_number, number, 0, 0);
        X509_EXTENSION_free(key_id);
        ASN1_INTEGER_free(number);
        return ok;
}

static int build_list(struct list_job *job)
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)(job->now_ms / 1000));
        ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)(job->next_ms / 1000));
        int ok;

        job->list = X509_CRL_new();
        ok = job->list != NULL && now != NULL && next != NULL && X509_CRL_set_version(job->list, X509_CRL_VERSION_2) &&
             X509_CRL_set_issuer_name(job->list, X509_get_subject_name(job->issuer)) &&
             X509_CRL_set1_lastUpdate(job->list, now) && X509_CRL_set1_nextUpdate(job->list, next) &&
             add_list_extensions(job);
        for (size_t i = 0; ok && i < job->count; i++)
                ok = add_revoked(job->list, &job->revoked[i]);
        ok = ok && X509_CRL_sort(job->list) && prepare_signature(md, job->signer) &&
             X509_CRL_sign_ctx(job->list, md) > 0;
        ASN1_TIME_free(now);
        ASN1_TIME_free(next);
        EVP_MD_CTX_free(md);
        return ok;
}

static void list_work(void *arg)
{
        struct list_job *job = arg;

        job->issuer = x509_read_one(job->authority, &job->why);
        job->signer = job->issuer != NULL ? x509_read_key(job->key, &job->why) : NULL;
        if (job->signer == NULL)
                return;
        job->why = broken;
        job->pem = BIO_new(BIO_s_mem());
        if (job->pem != NULL && build_list(job) && PEM_write_bio_X509_CRL(job->pem, job->list) == 1)
                job->why = NULL;
        ERR_clear_error();
}

BB_AWAIT bb_err x509_revocation_list(bb_str authority, bb_str authority_key, const struct bb_revoked *revoked,
                                     size_t count, int64_t number, int64_t next_ms, bb_str *ret_pem, bb_str *ret_why)
{
        struct list_job job = {.authority = authority,
                               .key = authority_key,
                               .revoked = revoked,
                               .count = count,
                               .number = number,
                               .now_ms = bb_now_ms(),
                               .next_ms = next_ms,
                               .why = broken};

        TRY(bb_worker_run(list_work, &job));
        if (job.why == NULL)
                *ret_pem = pem_text(job.pem);
        BIO_free(job.pem);
        X509_CRL_free(job.list);
        X509_free(job.issuer);
        EVP_PKEY_free(job.signer);
        return job.why == NULL ? BB_OK : x509_fault(job.why, ret_why);
}
