/* SPDX-License-Identifier: Apache-2.0
 *
 * The X.509 part of "crypto/1": an authority is made, signs what stations ask for, and knows its own again. Requests
 * are made with OpenSSL itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mod/crypto.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define DAY_MS 86400000LL

static void (*run_fn)(void);
static int run_done;

static void run(void *arg)
{
        (void)arg;
        run_fn();
        run_done = 1;
}

static void in_task(void (*fn)(void))
{
        run_fn = fn;
        run_done = 0;
        assert_int_equal(loop_init(1), BB_OK);
        assert_int_equal(bb_task_spawn("test", NULL, 0, run, NULL, NULL), BB_OK);
        while (!run_done)
                loop_turn(10);
        loop_close();
}

/* --- what a station does --- */

static bb_str request_of(EVP_PKEY *key, EVP_PKEY *signer, const char *o, const char *cn)
{
        X509_REQ *req = X509_REQ_new();
        X509_NAME *name = X509_REQ_get_subject_name(req);
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;
        bb_str pem;
        long len;

        if (o != NULL)
                X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)o, -1, -1, 0);
        if (cn != NULL)
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
        X509_REQ_set_pubkey(req, key);
        assert_true(X509_REQ_sign(req, signer, EVP_sha256()) > 0);
        PEM_write_bio_X509_REQ(bio, req);
        len = BIO_get_mem_data(bio, &data);
        pem = bb_str_dup((bb_str){.ptr = data, .len = (size_t)len});
        BIO_free(bio);
        X509_REQ_free(req);
        return pem;
}

static bb_str request_with(EVP_PKEY *key, const char *o, const char *cn)
{
        bb_str pem = request_of(key, key, o, cn);

        EVP_PKEY_free(key);
        return pem;
}

static void assert_str(bb_str actual, const char *expected)
{
        assert_non_null(actual.ptr);
        assert_string_equal(bb_str_c(actual), expected);
}

/* --- an authority --- */

struct authority {
        bb_str key, pem;
        struct bb_x509 is;
};

static struct authority authority_new(const char *name, int64_t days)
{
        struct authority a;
        struct bb_certificate_order order = {.common_name = bb_cstr(name),
                                             .organization = BB_STR("Acme"),
                                             .not_before_ms = bb_now_ms() - 1000,
                                             .not_after_ms = bb_now_ms() + days * DAY_MS,
                                             .use = BB_CERTIFICATE_AUTHORITY};
        bb_str why = BB_STR("");

        assert_int_equal(bb_key_new(&a.key), BB_OK);
        order.key = a.key;
        assert_int_equal(bb_certificate_issue(&order, &a.pem, &a.is, &why), BB_OK);
        return a;
}

static bb_err sign(const struct authority *a, bb_str request, int64_t from_days, int64_t to_days, bb_str *ret_pem,
                   struct bb_x509 *ret, bb_str *ret_why)
{
        const struct bb_certificate_order order = {.request = request,
                                                   .authority = a->pem,
                                                   .authority_key = a->key,
                                                   .common_name = BB_STR("CP-1"),
                                                   .organization = BB_STR("Acme"),
                                                   .not_before_ms = bb_now_ms() + from_days * DAY_MS - 1000,
                                                   .not_after_ms = bb_now_ms() + to_days * DAY_MS};

        return bb_certificate_issue(&order, ret_pem, ret, ret_why);
}

static void an_authority_is_one(void)
{
        struct authority a = authority_new("Acme CA", 3650);

        assert_str(a.is.subject, "CN=Acme CA,O=Acme");
        assert_str(a.is.issuer, "CN=Acme CA,O=Acme");
        assert_int_equal(a.is.is_authority, 1);
        assert_int_equal(a.is.self_signed, 1);
        assert_int_equal(a.is.key_kind, BB_KEY_EC);
        assert_int_equal(a.is.key_bits, 256);
        assert_int_equal(a.is.serial.len, 32);
        assert_true(a.is.not_after_ms > bb_now_ms() + 3649 * DAY_MS);
}

static void what_is_signed_is_the_key_and_nothing_else_of_the_request(void)
{
        struct authority a = authority_new("Acme CA", 100);
        bb_str request = request_with(EVP_EC_gen("P-256"), "Evil", "admin"), why = BB_STR(""), pem;
        struct bb_x509 asked, got, *read;
        size_t count;

        assert_int_equal(bb_request_certificate_read(request, &asked, &why), BB_OK);
        assert_str(asked.common_name, "admin");
        assert_str(asked.organization, "Evil");
        assert_null(asked.serial.ptr);
        assert_int_equal(sign(&a, request, 0, 365, &pem, &got, &why), BB_OK);
        assert_str(got.subject, "CN=CP-1,O=Acme");
        assert_str(got.issuer, "CN=Acme CA,O=Acme");
        assert_int_equal(got.is_authority, 0);
        assert_memory_equal(got.key_digest, asked.key_digest, 32);
        assert_true(got.not_after_ms == a.is.not_after_ms); /* not beyond the authority's own end */
        assert_int_equal(bb_certificates_read(bb_print("%.*s%.*s", BB_FMT(pem), BB_FMT(a.pem)), &read, &count, &why),
                         BB_OK);
        assert_int_equal(count, 2);
        assert_memory_equal(read[0].digest, got.digest, 32);
        assert_memory_equal(read[1].digest, a.is.digest, 32);
}

static void serial_numbers_differ(void)
{
        struct authority a = authority_new("Acme CA", 100);
        bb_str request = request_with(EVP_EC_gen("P-256"), "Acme", "CP-1"), why = BB_STR(""), pem;
        struct bb_x509 one, two;

        assert_int_equal(sign(&a, request, 0, 1, &pem, &one, &why), BB_OK);
        assert_int_equal(sign(&a, request, 0, 1, &pem, &two, &why), BB_OK);
        assert_string_not_equal(bb_str_c(one.serial), bb_str_c(two.serial));
}

static void weak_and_stolen_keys_are_refused(void)
{
        EVP_PKEY *mine = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
        struct bb_x509 x;
        bb_str why = BB_STR("");
        struct {
                bb_str pem;
                const char *why;
        } cases[] = {
                {request_with(EVP_RSA_gen(1024), "Acme", "CP-1"), "2048 bits"},
                {request_with(EVP_EC_gen("P-192"), "Acme", "CP-1"), "224 bits"},
                {request_of(mine, other, "Acme", "CP-1"), "not signed with the key"},
                {BB_STR("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"), "PKCS#10"},
                {BB_STR("hello"), "PKCS#10"},
                {BB_STR(""), "empty"},
                {BB_NONE, "empty"},
        };

        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                assert_int_equal(bb_request_certificate_read(cases[i].pem, &x, &why), BB_E_INVALID);
                assert_non_null(strstr(bb_str_c(why), cases[i].why));
        }
        assert_int_equal(bb_request_certificate_read(request_with(EVP_RSA_gen(2048), NULL, NULL), &x, &why), BB_OK);
        assert_null(x.common_name.ptr);
        assert_int_equal(x.key_kind, BB_KEY_RSA);
        EVP_PKEY_free(mine);
        EVP_PKEY_free(other);
}

static void an_authority_knows_its_own(void)
{
        struct authority a = authority_new("Acme CA", 100), b = authority_new("Acme CA", 100);
        bb_str request = request_with(EVP_EC_gen("P-256"), "Acme", "CP-1"), why = BB_STR(""), good, old, early, foreign;
        struct bb_x509 x, is;

        assert_int_equal(sign(&a, request, 0, 1, &good, &x, &why), BB_OK);
        assert_int_equal(sign(&a, request, -2, -1, &old, &x, &why), BB_OK);
        assert_int_equal(sign(&a, request, 1, 2, &early, &x, &why), BB_OK);
        assert_int_equal(sign(&b, request, 0, 1, &foreign, &x, &why), BB_OK);
        assert_int_equal(bb_certificate_verify(good, a.pem, &is, &why), BB_OK);
        assert_str(is.common_name, "CP-1");
        assert_int_equal(bb_certificate_verify(good, bb_print("%.*s%.*s", BB_FMT(b.pem), BB_FMT(a.pem)), &is, &why),
                         BB_OK);
        assert_int_equal(bb_certificate_verify(foreign, a.pem, &is, &why), BB_E_INVALID);
        assert_int_equal(bb_certificate_verify(bb_print("%.*s%.*s", BB_FMT(foreign), BB_FMT(b.pem)), a.pem, &is, &why),
                         BB_E_INVALID);
        assert_int_equal(bb_certificate_verify(old, a.pem, &is, &why), BB_E_INVALID);
        assert_non_null(strstr(bb_str_c(why), "expired"));
        assert_int_equal(bb_certificate_verify(early, a.pem, &is, &why), BB_E_INVALID);
        assert_non_null(strstr(bb_str_c(why), "not yet valid"));
        assert_int_equal(bb_certificate_verify(BB_STR("nothing"), a.pem, &is, &why), BB_E_INVALID);
        assert_int_equal(bb_certificate_verify(good, BB_STR("nothing"), &is, &why), BB_E_INVALID);
}

/* A server's certificate of the same authority is no station's. */
static void other_uses_are_none(void)
{
        struct authority a = authority_new("Acme CA", 100);
        BIO *bio = BIO_new_mem_buf(a.key.ptr, (int)a.key.len), *out = BIO_new(BIO_s_mem());
        EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        X509 *server = X509_new();
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "serverAuth");
        bb_str why = BB_STR("");
        struct bb_x509 is;
        char *data;
        long len;

        X509_set_version(server, 2);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(server), "CN", MBSTRING_UTF8, (const unsigned char *)"www", -1,
                                   -1, 0);
        X509_NAME_add_entry_by_txt(X509_get_issuer_name(server), "O", MBSTRING_UTF8, (const unsigned char *)"Acme", -1,
                                   -1, 0);
        X509_NAME_add_entry_by_txt(X509_get_issuer_name(server), "CN", MBSTRING_UTF8, (const unsigned char *)"Acme CA",
                                   -1, -1, 0);
        X509_gmtime_adj(X509_getm_notBefore(server), -10);
        X509_gmtime_adj(X509_getm_notAfter(server), 1000);
        X509_set_pubkey(server, key);
        X509_add_ext(server, ext, -1);
        assert_true(X509_sign(server, key, EVP_sha256()) > 0);
        PEM_write_bio_X509(out, server);
        len = BIO_get_mem_data(out, &data);
        assert_int_equal(bb_certificate_verify((bb_str){.ptr = data, .len = (size_t)len}, a.pem, &is, &why),
                         BB_E_INVALID);
        assert_non_null(strstr(bb_str_c(why), "purpose"));
        X509_EXTENSION_free(ext);
        X509_free(server);
        EVP_PKEY_free(key);
        BIO_free(bio);
        BIO_free(out);
}

static void keys_belong_to_certificates(void)
{
        struct authority a = authority_new("A", 10), b = authority_new("B", 10);
        bb_str why = BB_STR("");

        assert_int_equal(bb_key_check(a.key, a.pem, &why), BB_OK);
        assert_int_equal(bb_key_check(b.key, a.pem, &why), BB_E_INVALID);
        assert_non_null(strstr(bb_str_c(why), "not the key"));
        assert_int_equal(bb_key_check(BB_STR("x"), a.pem, &why), BB_E_INVALID);
        assert_int_equal(bb_key_check(a.key, BB_STR("x"), &why), BB_E_INVALID);
        a.key = b.key;
        assert_int_equal(sign(&a, request_with(EVP_EC_gen("P-256"), "Acme", "CP-1"), 0, 1, &(bb_str){.ptr = NULL},
                              &(struct bb_x509){.room = {0}}, &why),
                         BB_E_INVALID);
}

static void a_revocation_list_names_the_revoked(void)
{
        struct authority a = authority_new("Acme CA", 100);
        struct bb_revoked revoked[] = {{.serial = BB_STR("0a0b"), .at_ms = 1767225600000},
                                       {.serial = BB_STR("ff"), .at_ms = 1767225600000}};
        bb_str pem, why = BB_STR("");
        X509_CRL *list;
        X509 *issuer;
        BIO *bio;

        assert_int_equal(bb_revocation_list(a.pem, a.key, revoked, 2, 7, bb_now_ms() + DAY_MS, &pem, &why), BB_OK);
        bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
        list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        BIO_free(bio);
        bio = BIO_new_mem_buf(a.pem.ptr, (int)a.pem.len);
        issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        assert_non_null(list);
        assert_int_equal(X509_CRL_verify(list, X509_get0_pubkey(issuer)), 1);
        assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)), 2);
        assert_int_equal(
                ASN1_INTEGER_get(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), 1))),
                0x0a0b);
        X509_CRL_free(list);
        X509_free(issuer);
        revoked[0].serial = BB_STR("no number");
        assert_int_equal(bb_revocation_list(a.pem, a.key, revoked, 2, 7, bb_now_ms() + DAY_MS, &pem, &why),
                         BB_E_INVALID);
}

#define TEST(fn)                                                                                                       \
        static void test_##fn(void **state)                                                                            \
        {                                                                                                              \
                (void)state;                                                                                           \
                in_task(fn);                                                                                           \
        }
TEST(an_authority_is_one)
TEST(what_is_signed_is_the_key_and_nothing_else_of_the_request)
TEST(serial_numbers_differ)
TEST(weak_and_stolen_keys_are_refused)
TEST(an_authority_knows_its_own)
TEST(other_uses_are_none)
TEST(keys_belong_to_certificates)
TEST(a_revocation_list_names_the_revoked)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_authority_is_one),
                cmocka_unit_test(test_what_is_signed_is_the_key_and_nothing_else_of_the_request),
                cmocka_unit_test(test_serial_numbers_differ),
                cmocka_unit_test(test_weak_and_stolen_keys_are_refused),
                cmocka_unit_test(test_an_authority_knows_its_own),
                cmocka_unit_test(test_other_uses_are_none),
                cmocka_unit_test(test_keys_belong_to_certificates),
                cmocka_unit_test(test_a_revocation_list_names_the_revoked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
