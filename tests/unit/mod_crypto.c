/* SPDX-License-Identifier: Apache-2.0
 *
 * "crypto/1": known answers, the master key's file, and that what is sealed for one is nothing for another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/tenant.h"
#include "mod/crypto.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bb_tenant nord = {.magic = TENANT_MAGIC, .id = {"nord", 4}},
                        sued = {.magic = TENANT_MAGIC, .id = {"sued", 4}};
static const uint8_t key_one[CRYPTO_KEY_BYTES] = {1}, key_two[CRYPTO_KEY_BYTES] = {2};

static int set_up(void **state)
{
        (void)state;
        if (loop_init(1) < 0)
                return -1;
        crypto_set_master_key(key_one);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        crypto_close();
        loop_close();
        return 0;
}

/* Runs fn as a task of the tenant. */
struct call {
        void (*fn)(void);
        int done;
};
static void run_call(void *arg)
{
        struct call *call = arg;

        call->fn();
        call->done = 1;
}
static void in_tenant(bb_tenant *tenant, void (*fn)(void))
{
        struct call call = {.fn = fn};

        assert_int_equal(bb_task_spawn("test", tenant, 0, run_call, &call, NULL), BB_OK);
        while (!call.done)
                loop_turn(10);
}

static void assert_hex(const void *bytes, size_t len, const char *hex)
{
        bb_str text = crypto_ops.hex((bb_str){.ptr = bytes, .len = len});

        assert_true(bb_str_is(text, hex));
}

/* FIPS 180-4 and RFC 4648 §10 */
static void test_known_answers(void **state)
{
        static const char *const pairs[][2] = {{"", ""},
                                               {"f", "Zg=="},
                                               {"fo", "Zm8="},
                                               {"foo", "Zm9v"},
                                               {"foob", "Zm9vYg=="},
                                               {"fooba", "Zm9vYmE="},
                                               {"foobar", "Zm9vYmFy"}};
        uint8_t digest[32], pieces[32];
        bb_hash *hash;
        bb_str back;

        (void)state;
        crypto_ops.sha256(BB_STR("abc"), digest);
        assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        hash = crypto_ops.hash_new();
        crypto_ops.hash_add(hash, BB_STR("a"));
        crypto_ops.hash_add(hash, BB_NONE);
        crypto_ops.hash_add(hash, BB_STR("bc"));
        crypto_ops.hash_end(hash, pieces);
        assert_memory_equal(digest, pieces, sizeof(digest));
        crypto_ops.sha256(BB_NONE, digest);
        assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (size_t i = 0; i < BB_COUNT(pairs); i++) {
                assert_true(bb_str_is(crypto_ops.base64(bb_cstr(pairs[i][0])), pairs[i][1]));
                assert_int_equal(crypto_ops.unbase64(bb_cstr(pairs[i][1]), &back), BB_OK);
                assert_true(bb_str_is(back, pairs[i][0]));
        }
        assert_true(bb_str_is(crypto_ops.base64((bb_str){.ptr = "\xff\xfe\xfd", .len = 3}), "//79"));
}

static void test_strict_base64(void **state)
{
        static const char *const bad[] = {"Z",     "Zg",   "Zg=",  "Zh==", "Zm9=", "Zm9v\n", " Zm9v",
                                          "Zm9v=", "====", "Z===", "Zm=v", "Zm-v", "Zm_v",   "Zg==Zg=="};
        bb_str back;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(bad); i++)
                assert_int_equal(crypto_ops.unbase64(bb_cstr(bad[i]), &back), BB_E_INVALID);
        assert_int_equal(crypto_ops.unbase64(BB_NONE, &back), BB_E_INVALID);
}

/* RFC 5869 §2.3 with one block, worked out with `openssl mac -digest SHA256 -macopt hexkey:01000… HMAC`. */
static void test_derive(void **state)
{
        uint8_t key[32], other[32];

        (void)state;
        assert_int_equal(crypto_derive("mac", "stations", BB_STR("nord"), key), BB_OK);
        assert_hex(key, 32, "d4f01584fe7b6044e3f6ea5b3e0575ead88517726790ed24bc90b37d34cb8e2a");
        /* Every word counts, and so does where one ends. */
        assert_int_equal(crypto_derive("seal", "stations", BB_STR("nord"), other), BB_OK);
        assert_memory_not_equal(key, other, 32);
        assert_int_equal(crypto_derive("mac", "station", BB_STR("snord"), other), BB_OK);
        assert_memory_not_equal(key, other, 32);
        assert_int_equal(crypto_derive("mac", "stations", BB_STR("sued"), other), BB_OK);
        assert_memory_not_equal(key, other, 32);
        assert_int_equal(crypto_derive("mac", "", BB_STR("nord"), other), BB_E_INVALID);
}

static uint8_t mac_result[32];
static void make_mac(void)
{
        assert_int_equal(bb_mac("stations", BB_STR("secret"), mac_result), BB_OK);
}

static void test_mac_of_tenants(void **state)
{
        uint8_t first[32];

        (void)state;
        in_tenant(&nord, make_mac);
        memcpy(first, mac_result, 32);
        in_tenant(&nord, make_mac);
        assert_true(bb_equal_secret(first, mac_result, 32));
        in_tenant(&sued, make_mac);
        assert_false(bb_equal_secret(first, mac_result, 32));
        make_mac(); /* outside a task: the host's own */
        assert_false(bb_equal_secret(first, mac_result, 32));
}

static char sealed_bytes[256];
static bb_str sealed_value = {.ptr = sealed_bytes};
static bb_err unseal_result;

static void seal_it(void)
{
        bb_str sealed;

        assert_int_equal(bb_seal("partners", BB_STR("client secret"), &sealed), BB_OK);
        assert_in_range(sealed.len, 1, sizeof(sealed_bytes));
        assert_null(memmem(sealed.ptr, sealed.len, "client", 6));
        memcpy(sealed_bytes, sealed.ptr, sealed.len);
        sealed_value.len = sealed.len;
}
static void unseal_it(void)
{
        bb_str clear = BB_NONE;

        unseal_result = bb_unseal("partners", sealed_value, &clear);
        if (unseal_result == BB_OK)
                assert_true(bb_str_is(clear, "client secret"));
        else
                assert_null(clear.ptr);
}
static void unseal_for_other_purpose(void)
{
        bb_str clear = BB_NONE;

        unseal_result = bb_unseal("payments", sealed_value, &clear);
}

static void test_seal(void **state)
{
        char first[256];
        size_t len;

        (void)state;
        in_tenant(&nord, seal_it);
        len = sealed_value.len;
        memcpy(first, sealed_bytes, len);
        in_tenant(&nord, unseal_it);
        assert_int_equal(unseal_result, BB_OK);
        in_tenant(&sued, unseal_it);
        assert_int_equal(unseal_result, BB_E_INVALID);
        in_tenant(&nord, unseal_for_other_purpose);
        assert_int_equal(unseal_result, BB_E_INVALID);
        in_tenant(&nord, seal_it);
        assert_memory_not_equal(first, sealed_bytes, len);
}

static void test_damaged(void **state)
{
        size_t len;

        (void)state;
        in_tenant(&nord, seal_it);
        len = sealed_value.len;
        for (size_t i = 0; i < len; i++) {
                sealed_bytes[i] ^= 1;
                in_tenant(&nord, unseal_it);
                assert_int_equal(unseal_result, i == 0 ? BB_E_UNSUPPORTED : BB_E_INVALID);
                sealed_bytes[i] ^= 1;
        }
        for (sealed_value.len = 0; sealed_value.len < len; sealed_value.len++) {
                in_tenant(&nord, unseal_it);
                assert_int_equal(unseal_result, BB_E_INVALID);
        }
}

static void test_other_master_key(void **state)
{
        (void)state;
        in_tenant(&nord, seal_it);
        crypto_set_master_key(key_two);
        in_tenant(&nord, unseal_it);
        assert_int_equal(unseal_result, BB_E_UNSUPPORTED);
        crypto_set_master_key(key_one);
        in_tenant(&nord, unseal_it);
        assert_int_equal(unseal_result, BB_OK);
}

static void test_random(void **state)
{
        uint8_t a[64] = {0}, b[64] = {0};

        (void)state;
        bb_random(a, sizeof(a));
        bb_random(b, sizeof(b));
        assert_memory_not_equal(a, b, sizeof(a));
}

static void test_key_file(void **state)
{
        char folder[] = "/tmp/busbar-key-XXXXXX", path[128];
        uint8_t first[32], second[32];
        bb_str why = BB_NONE;
        struct stat st;

        (void)state;
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/master.key", folder);
        assert_int_equal(crypto_open(path, &why), BB_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 32);
        assert_int_equal(crypto_derive("mac", "x", BB_STR(""), first), BB_OK);
        crypto_close();
        assert_int_equal(crypto_derive("mac", "x", BB_STR(""), second), BB_E_INVALID);
        assert_int_equal(crypto_open(path, &why), BB_OK);
        assert_int_equal(crypto_derive("mac", "x", BB_STR(""), second), BB_OK);
        assert_memory_equal(first, second, 32);

        assert_int_equal(chmod(path, 0644), 0);
        assert_int_equal(crypto_open(path, &why), BB_E_DENIED);
        assert_non_null(memmem(why.ptr, why.len, "chmod 600", 9));
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(truncate(path, 31), 0);
        assert_int_equal(crypto_open(path, &why), BB_E_INVALID);
        assert_int_equal(truncate(path, 33), 0);
        assert_int_equal(crypto_open(path, &why), BB_E_INVALID);
        unlink(path);
        assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
        crypto_set_master_key(key_one);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_answers),
                cmocka_unit_test(test_strict_base64),
                cmocka_unit_test(test_derive),
                cmocka_unit_test(test_mac_of_tenants),
                cmocka_unit_test(test_seal),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_other_master_key),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_key_file),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
