/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and requests (PKCS#10): read, described, verified. Whatever comes in is from somebody else.
 */
#include "mod/crypto_x509.h"
#include "mod/crypto.h"
#include <busbar/rt.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { RSA_MIN_BITS = 2048, RSA_MAX_BITS = 8192, EC_MIN_BITS = 224 };

bb_err x509_fault(const char *why, bb_str *ret_why)
{
        ERR_clear_error();
        *ret_why = bb_cstr(why);
        return BB_E_INVALID;
}

/* --- from PEM --- */

static BIO *open_pem(bb_str pem, const char **ret_why)
{
        if (pem.ptr == NULL || pem.len == 0 || pem.len > X509_MAX_PEM) {
                *ret_why = "is empty or longer than 64 KiB";
                return NULL;
        }
        return BIO_new_mem_buf(pem.ptr, (int)pem.len);
}

/* Nobody is there to ask for a passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *u)
{
        (void)buf;
        (void)size;
        (void)rwflag;
        (void)u;
        return -1;
}

X509 *x509_read_one(bb_str pem, const char **ret_why)
{
        BIO *bio = open_pem(pem, ret_why);
        X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;

        if (bio != NULL && cert == NULL)
                *ret_why = "holds no certificate in PEM";
        BIO_free(bio);
        return cert;
}

x509_stack *x509_read_all(bb_str pem, const char **ret_why)
{
        BIO *bio = open_pem(pem, ret_why);
        x509_stack *all = bio != NULL ? sk_X509_new_null() : NULL;
        X509 *cert;

        while (all != NULL && sk_X509_num(all) < X509_MAX_CHAIN &&
               (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
                sk_X509_push(all, cert);
        ERR_clear_error();
        BIO_free(bio);
        if (all == NULL || sk_X509_num(all) > 0)
                return all;
        *ret_why = "holds no certificate in PEM";
        sk_X509_free(all);
        return NULL;
}

X509_REQ *x509_read_request(bb_str pem, const char **ret_why)
{
        BIO *bio = open_pem(pem, ret_why);
        X509_REQ *req = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL) : NULL;

        if (bio != NULL && req == NULL)
                *ret_why = "is no certificate request (PKCS#10) in PEM";
        BIO_free(bio);
        return req;
}

EVP_PKEY *x509_read_key(bb_str pem, const char **ret_why)
{
        BIO *bio = open_pem(pem, ret_why);
        EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

        if (bio != NULL && key == NULL)
                *ret_why = "is no private key in PEM, or it has a passphrase";
        BIO_free(bio);
        return key;
}

/* --- what it is --- */

static int32_t kind_of(const EVP_PKEY *key)
{
        int id = key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;

        return id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS ? BB_KEY_RSA : id == EVP_PKEY_EC ? BB_KEY_EC : BB_KEY_OTHER;
}

int x509_key_strong(EVP_PKEY *key, const char **ret_why)
{
        int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;

        switch (kind_of(key)) {
        case BB_KEY_RSA:
                if (bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS)
                        return 1;
                *ret_why = "has an RSA key of less than 2048 bits, or more than 8192";
                return 0;
        case BB_KEY_EC:
                if (bits >= EC_MIN_BITS)
                        return 1;
                *ret_why = "has an elliptic-curve key of less than 224 bits";
                return 0;
        default:
                *ret_why = "has a key that is neither RSA nor on an elliptic curve";
                return 0;
        }
}

/* BB_NONE when there is none, more than one, or one that is no plain text. */
static bb_str name_part(X509_NAME *name, int nid)
{
        int at = X509_NAME_get_index_by_NID(name, nid, -1), len;
        unsigned char *utf8 = NULL;
        bb_str part = BB_NONE;

        if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
                return BB_NONE;
        len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        if (len > 0 && memchr(utf8, 0, (size_t)len) == NULL)
                part = bb_str_dup((bb_str){.ptr = (const char *)utf8, .len = (size_t)len});
        OPENSSL_free(utf8);
        return part;
}

static bb_str whole_name(X509_NAME *name)
{
        BIO *bio = BIO_new(BIO_s_mem());
        bb_str text = BB_NONE;
        char *data;
        long len;

        if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
                len = BIO_get_mem_data(bio, &data);
                text = bb_str_dup((bb_str){.ptr = data, .len = len > 0 ? (size_t)len : 0});
        }
        BIO_free(bio);
        return text;
}

static bb_str serial_of(const X509 *cert)
{
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
        char *hex = number != NULL ? BN_bn2hex(number) : NULL, *at = hex, *copy;
        bb_str serial = BB_NONE;

        if (hex != NULL) {
                while (at[0] == '0' && at[1] != '\0')
                        at++;
                serial = bb_str_dup(bb_cstr(at));
                copy = (char *)(uintptr_t)serial.ptr; /* ours */
                for (size_t i = 0; i < serial.len; i++)
                        copy[i] = (char)(copy[i] >= 'A' && copy[i] <= 'F' ? copy[i] + ('a' - 'A') : copy[i]);
        }
        OPENSSL_free(hex);
        BN_free(number);
        return serial;
}

static int64_t time_of(const ASN1_TIME *t)
{
        struct tm tm;

        return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

static void describe_key(EVP_PKEY *key, const X509_PUBKEY *spki, struct bb_x509 *ret)
{
        unsigned char *der = NULL;
        int len = i2d_X509_PUBKEY(spki, &der);

        ret->key_kind = kind_of(key);
        ret->key_bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
        if (len > 0)
                crypto_sha256((bb_str){.ptr = (const char *)der, .len = (size_t)len}, ret->key_digest);
        OPENSSL_free(der);
}

void x509_describe(X509 *cert, struct bb_x509 *ret)
{
        unsigned int len = sizeof(ret->digest);

        *ret = (struct bb_x509){.common_name = name_part(X509_get_subject_name(cert), NID_commonName),
                                .organization = name_part(X509_get_subject_name(cert), NID_organizationName),
                                .subject = whole_name(X509_get_subject_name(cert)),
                                .issuer = whole_name(X509_get_issuer_name(cert)),
                                .serial = serial_of(cert),
                                .not_before_ms = time_of(X509_get0_notBefore(cert)),
                                .not_after_ms = time_of(X509_get0_notAfter(cert)),
                                .is_authority = X509_check_ca(cert) == 1,
                                .self_signed = (X509_get_extension_flags(cert) & EXFLAG_SS) != 0};
        describe_key(X509_get0_pubkey(cert), X509_get_X509_PUBKEY(cert), ret);
        X509_digest(cert, EVP_sha256(), ret->digest, &len);
}

static void describe_request(X509_REQ *req, struct bb_x509 *ret)
{
        unsigned int len = sizeof(ret->digest);

        *ret = (struct bb_x509){.common_name = name_part(X509_REQ_get_subject_name(req), NID_commonName),
                                .organization = name_part(X509_REQ_get_subject_name(req), NID_organizationName),
                                .subject = whole_name(X509_REQ_get_subject_name(req))};
        describe_key(X509_REQ_get0_pubkey(req), X509_REQ_get_X509_PUBKEY(req), ret);
        X509_REQ_digest(req, EVP_sha256(), ret->digest, &len);
}

/* --- a request --- */

struct request_job {
        bb_str pem;
        X509_REQ *req;
        const char *why;
        int32_t ok;
};

static void request_work(void *arg)
{
        struct request_job *job = arg;
        EVP_PKEY *key;

        job->req = x509_read_request(job->pem, &job->why);
        if (job->req == NULL)
                return;
        key = X509_REQ_get0_pubkey(job->req);
        /* Strength first: to verify with a key of a million bits would take minutes. */
        if (!x509_key_strong(key, &job->why))
                return;
        job->ok = X509_REQ_verify(job->req, key) == 1;
        if (!job->ok)
                job->why = "is not signed with the key that it names";
        ERR_clear_error();
}

BB_AWAIT bb_err x509_request_read(bb_str pem, struct bb_x509 *ret, bb_str *ret_why)
{
        struct request_job job = {.pem = pem};

        TRY(bb_worker_run(request_work, &job));
        if (job.ok)
                describe_request(job.req, ret);
        X509_REQ_free(job.req);
        return job.ok ? BB_OK : x509_fault(job.why, ret_why);
}

/* --- certificates --- */

struct read_job {
        bb_str pem;
        x509_stack *all;
        const char *why;
};

static void read_work(void *arg)
{
        struct read_job *job = arg;

        job->all = x509_read_all(job->pem, &job->why);
}

BB_AWAIT bb_err x509_certificates_read(bb_str pem, struct bb_x509 **ret, size_t *ret_count, bb_str *ret_why)
{
        struct read_job job = {.pem = pem};
        struct bb_x509 *items;
        int count;

        TRY(bb_worker_run(read_work, &job));
        if (job.all == NULL)
                return x509_fault(job.why, ret_why);
        count = sk_X509_num(job.all);
        items = BB_NEW_ARRAY(struct bb_x509, (size_t)count);
        for (int i = 0; i < count; i++)
                x509_describe(sk_X509_value(job.all, i), &items[i]);
        sk_X509_pop_free(job.all, X509_free);
        *ret = items;
        *ret_count = (size_t)count;
        return BB_OK;
}

/* --- is it a client's of these authorities --- */

struct verify_job {
        bb_str chain, roots;
        x509_stack *all;
        const char *why;
        int32_t ok;
};

static void verify_against(struct verify_job *job, x509_stack *roots)
{
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509_STORE *store = X509_STORE_new();

        for (int i = 0; store != NULL && i < sk_X509_num(roots); i++)
                X509_STORE_add_cert(store, sk_X509_value(roots, i));
        job->why = "could not be verified";
        if (ctx != NULL && store != NULL &&
            X509_STORE_CTX_init(ctx, store, sk_X509_value(job->all, 0), job->all) == 1) {
                /* A tenant may have imported an authority whose own root is nobody's business here. */
                X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
                X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), X509_PURPOSE_SSL_CLIENT);
                job->ok = X509_verify_cert(ctx) == 1;
                if (!job->ok) /* a constant of OpenSSL's */
                        job->why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
        }
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
}

static void verify_work(void *arg)
{
        struct verify_job *job = arg;
        x509_stack *roots = x509_read_all(job->roots, &job->why);

        job->all = roots != NULL ? x509_read_all(job->chain, &job->why) : NULL;
        if (job->all != NULL && x509_key_strong(X509_get0_pubkey(sk_X509_value(job->all, 0)), &job->why))
                verify_against(job, roots);
        sk_X509_pop_free(roots, X509_free);
        ERR_clear_error();
}

BB_AWAIT bb_err x509_verify(bb_str chain, bb_str roots, struct bb_x509 *ret, bb_str *ret_why)
{
        struct verify_job job = {.chain = chain, .roots = roots};

        TRY(bb_worker_run(verify_work, &job));
        if (job.ok)
                x509_describe(sk_X509_value(job.all, 0), ret);
        sk_X509_pop_free(job.all, X509_free);
        return job.ok ? BB_OK : x509_fault(job.why, ret_why);
}
