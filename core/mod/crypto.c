/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys are derived from the master key for each use, purpose and tenant, as HKDF-Expand does it (RFC 5869 §2.3; the
 * master key is uniformly random, so there is nothing to extract). A sealed value is: one byte of key id, 12 of nonce,
 * the ciphertext, 16 of tag.
 */
#include "mod/crypto.h"
#include "base/tenant.h"
#include "mod/config_tree.h"
#include "mod/crypto_x509.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SEALED_EXTRA (1 + NONCE_BYTES + TAG_BYTES)
#define MAX_DATA (64u << 20)
#define MAX_WORDS 512

const struct bb_crypto_ops *bb_crypto_ = &crypto_ops;

static uint8_t master_key[CRYPTO_KEY_BYTES];
static uint8_t master_key_id; /* of what was sealed: tells a value of another master key from a damaged one */
static int32_t have_master_key;

/* --- plain functions --- */

void crypto_sha256(bb_str data, uint8_t ret_digest[32])
{
        unsigned int len = 32;

        /* Without SHA-256 nothing here can be trusted; it cannot fail otherwise. */
        if (EVP_Digest(data.ptr != NULL ? data.ptr : "", data.len, ret_digest, &len, EVP_sha256(), NULL) != 1)
                abort();
}

static bb_err hmac(const uint8_t key[CRYPTO_KEY_BYTES], bb_str data, uint8_t ret_mac[BB_MAC_BYTES])
{
        unsigned int len = BB_MAC_BYTES;

        if (data.len > MAX_DATA)
                return BB_E_LIMIT;
        if (HMAC(EVP_sha256(), key, CRYPTO_KEY_BYTES, (const unsigned char *)(data.ptr != NULL ? data.ptr : ""),
                 data.len, ret_mac, &len) == NULL)
                return BB_E_INTERNAL;
        return BB_OK;
}

static int32_t equal(const void *a, const void *b, size_t bytes)
{
        return CRYPTO_memcmp(a, b, bytes) == 0;
}

static void random_bytes(void *ret, size_t bytes)
{
        size_t have = 0;

        while (have < bytes) {
                ssize_t n = getrandom((char *)ret + have, bytes - have, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        abort(); /* keys that can be guessed are worse than a process that ends */
                have += (size_t)n;
        }
}

/* --- the master key --- */

void crypto_set_master_key(const uint8_t key[CRYPTO_KEY_BYTES])
{
        uint8_t id[BB_MAC_BYTES];

        memcpy(master_key, key, CRYPTO_KEY_BYTES);
        if (hmac(master_key, BB_STR("busbar key id"), id) < 0)
                abort();
        master_key_id = id[0];
        have_master_key = 1;
}

void crypto_close(void)
{
        OPENSSL_cleanse(master_key, sizeof(master_key));
        have_master_key = 0;
}

static bb_err write_all(int fd, const void *data, size_t len)
{
        const char *at = data;

        while (len > 0) {
                ssize_t n = write(fd, at, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return BB_E_IO;
                at += n;
                len -= (size_t)n;
        }
        return fsync(fd) < 0 ? BB_E_IO : BB_OK;
}

static void sync_folder_of(const char *path)
{
        bb_str folder = bb_cstr(path);
        int fd;

        while (folder.len > 0 && folder.ptr[folder.len - 1] != '/')
                folder.len--;
        fd = open(bb_print("%.*s.", BB_FMT(folder)).ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return;
        if (fsync(fd) < 0)
                bb_log(BB_WARN, "crypto.key_not_synced", strerror(errno), bb_kv_cstr("file", path));
        close(fd);
}

/* Made beside and linked into place, so that no other process ever reads half a key, and an existing one stays. */
static bb_err make_key_file(const char *path, bb_str *ret_why)
{
        uint8_t key[CRYPTO_KEY_BYTES];
        const char *beside = bb_print("%s.%d", path, (int)getpid()).ptr;
        int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bb_err err;

        if (fd < 0) {
                *ret_why = bb_print("the master key %s cannot be made: %s", path, strerror(errno));
                return BB_E_IO;
        }
        random_bytes(key, sizeof(key));
        err = write_all(fd, key, sizeof(key));
        OPENSSL_cleanse(key, sizeof(key));
        close(fd);
        if (err == BB_OK && link(beside, path) < 0 && errno != EEXIST)
                err = BB_E_IO;
        if (err < 0)
                *ret_why = bb_print("the master key %s cannot be written: %s", path, strerror(errno));
        unlink(beside);
        sync_folder_of(path);
        return err;
}

static bb_err read_key_fd(int fd, const char *path, uint8_t ret[CRYPTO_KEY_BYTES], bb_str *ret_why)
{
        uint8_t bytes[CRYPTO_KEY_BYTES + 1];
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                *ret_why = bb_print("the master key %s is not a regular file", path);
                return BB_E_IO;
        }
        if (st.st_mode & (S_IRWXO | S_IWGRP)) {
                *ret_why = bb_print("the master key %s may be read by others: chmod 600 it", path);
                return BB_E_DENIED;
        }
        n = read(fd, bytes, sizeof(bytes));
        memcpy(ret, bytes, CRYPTO_KEY_BYTES);
        OPENSSL_cleanse(bytes, sizeof(bytes));
        if (n != CRYPTO_KEY_BYTES) {
                *ret_why = bb_print("the master key %s must have exactly %d bytes, it has %s", path, CRYPTO_KEY_BYTES,
                                    n > CRYPTO_KEY_BYTES ? "more" : bb_print("%zd", n).ptr);
                return BB_E_INVALID;
        }
        return BB_OK;
}

bb_err crypto_open(const char *path, bb_str *ret_why)
{
        uint8_t key[CRYPTO_KEY_BYTES];
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        bb_err err;

        if (fd < 0 && errno == ENOENT) {
                TRY(make_key_file(path, ret_why));
                bb_log(BB_INFO, "crypto.key_made", "made a new master key: keep a copy of it in a safe place",
                       bb_kv_cstr("file", path));
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        }
        if (fd < 0) {
                *ret_why = bb_print("the master key %s cannot be opened: %s", path, strerror(errno));
                return BB_E_IO;
        }
        err = read_key_fd(fd, path, key, ret_why);
        close(fd);
        if (err == BB_OK)
                crypto_set_master_key(key);
        OPENSSL_cleanse(key, sizeof(key));
        return err;
}

/* --- keys for a use --- */

bb_err crypto_derive(const char *use, const char *purpose, bb_str tenant, uint8_t ret_key[CRYPTO_KEY_BYTES])
{
        char info[MAX_WORDS];
        int len;

        if (!have_master_key || purpose == NULL || purpose[0] == '\0')
                return BB_E_INVALID;
        /* Lengths make the words unambiguous; 0x01 is HKDF-Expand's counter. */
        len = snprintf(info, sizeof(info), "busbar 1/%s/%zu:%s/%zu:%.*s\x01", use, strlen(purpose), purpose, tenant.len,
                       BB_FMT(tenant));
        if (len < 0 || (size_t)len >= sizeof(info))
                return BB_E_LIMIT;
        return hmac(master_key, (bb_str){.ptr = info, .len = (size_t)len}, ret_key);
}

static bb_str running_tenant(void)
{
        const bb_tenant *tenant = bb_task_tenant();

        return tenant != NULL ? tenant->id : BB_STR("");
}

static bb_err mac(const char *purpose, bb_str data, uint8_t ret_mac[BB_MAC_BYTES])
{
        uint8_t key[CRYPTO_KEY_BYTES];
        bb_err err;

        TRY(crypto_derive("mac", purpose, running_tenant(), key));
        err = hmac(key, data, ret_mac);
        OPENSSL_cleanse(key, sizeof(key));
        return err;
}

/* --- AES-256-GCM --- */

struct sealed {
        uint8_t *id, *nonce, *text, *tag;
        size_t text_len;
};

static struct sealed sealed_parts(void *value, size_t len)
{
        uint8_t *at = value;

        return (struct sealed){.id = at,
                               .nonce = at + 1,
                               .text = at + 1 + NONCE_BYTES,
                               .tag = at + len - TAG_BYTES,
                               .text_len = len - SEALED_EXTRA};
}

static int encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, const struct sealed *s, bb_str clear)
{
        int len;

        return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, s->nonce) == 1 &&
               EVP_EncryptUpdate(ctx, NULL, &len, s->id, 1) == 1 &&
               EVP_EncryptUpdate(ctx, s->text, &len, (const unsigned char *)clear.ptr, (int)clear.len) == 1 &&
               EVP_EncryptFinal_ex(ctx, s->text + len, &len) == 1 &&
               EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, s->tag) == 1;
}

static int decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, const struct sealed *s, uint8_t *clear)
{
        int len;

        return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, s->nonce) == 1 &&
               EVP_DecryptUpdate(ctx, NULL, &len, s->id, 1) == 1 &&
               EVP_DecryptUpdate(ctx, clear, &len, s->text, (int)s->text_len) == 1 &&
               EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, s->tag) == 1 &&
               EVP_DecryptFinal_ex(ctx, clear + len, &len) == 1;
}

/* The purpose and the tenant are bound by the key, which is derived from them; the key id by the additional data. */
static bb_err seal(const char *purpose, bb_str clear, bb_str *ret_sealed)
{
        uint8_t key[CRYPTO_KEY_BYTES];
        EVP_CIPHER_CTX *ctx;
        struct sealed s;
        char *value;
        int ok;

        if (clear.len > MAX_DATA)
                return BB_E_LIMIT;
        TRY(crypto_derive("seal", purpose, running_tenant(), key));
        value = bb_alloc(clear.len + SEALED_EXTRA);
        s = sealed_parts(value, clear.len + SEALED_EXTRA);
        *s.id = master_key_id;
        random_bytes(s.nonce, NONCE_BYTES);
        ctx = EVP_CIPHER_CTX_new();
        ok = ctx != NULL && encrypt(ctx, key, &s, clear.ptr != NULL ? clear : BB_STR(""));
        EVP_CIPHER_CTX_free(ctx);
        OPENSSL_cleanse(key, sizeof(key));
        if (!ok)
                return BB_E_INTERNAL;
        *ret_sealed = (bb_str){.ptr = value, .len = clear.len + SEALED_EXTRA};
        return BB_OK;
}

static bb_err unseal(const char *purpose, bb_str sealed, bb_str *ret_clear)
{
        uint8_t key[CRYPTO_KEY_BYTES], *clear;
        EVP_CIPHER_CTX *ctx;
        struct sealed s;
        int ok;

        if (sealed.ptr == NULL || sealed.len < SEALED_EXTRA || sealed.len > MAX_DATA + SEALED_EXTRA)
                return BB_E_INVALID;
        sealed = bb_str_dup(sealed);
        s = sealed_parts((void *)(uintptr_t)sealed.ptr, sealed.len);
        if (*s.id != master_key_id)
                return BB_E_UNSUPPORTED; /* of another master key */
        TRY(crypto_derive("seal", purpose, running_tenant(), key));
        clear = bb_alloc(s.text_len + 1);
        ctx = EVP_CIPHER_CTX_new();
        ok = ctx != NULL && decrypt(ctx, key, &s, clear);
        EVP_CIPHER_CTX_free(ctx);
        OPENSSL_cleanse(key, sizeof(key));
        if (!ok)
                return BB_E_INVALID;
        *ret_clear = (bb_str){.ptr = (char *)clear, .len = s.text_len};
        return BB_OK;
}

/* --- text --- */

static bb_str base64(bb_str data)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *in = (const uint8_t *)data.ptr;
        size_t len = (data.len + 2) / 3 * 4, at = 0;
        char *out = bb_alloc(len + 1);

        for (size_t i = 0; i < data.len; i += 3) {
                size_t left = data.len - i;
                uint32_t bits = (uint32_t)in[i] << 16;

                if (left > 1)
                        bits |= (uint32_t)in[i + 1] << 8;
                if (left > 2)
                        bits |= in[i + 2];
                out[at++] = digits[bits >> 18];
                out[at++] = digits[bits >> 12 & 63];
                out[at++] = left > 1 ? digits[bits >> 6 & 63] : '=';
                out[at++] = left > 2 ? digits[bits & 63] : '=';
        }
        return (bb_str){.ptr = out, .len = len};
}

static int32_t base64_digit(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: padding is required, nothing stands between or after the digits, and unused bits are zero, so that each
 * value has one text only. */
static bb_err unbase64(bb_str text, bb_str *ret)
{
        size_t padding = 0, at = 0;
        uint32_t bits = 0;
        char *out;

        if (text.ptr == NULL || text.len % 4 != 0)
                return BB_E_INVALID;
        while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
                padding++;
        out = bb_alloc(text.len / 4 * 3 + 1);
        for (size_t i = 0; i < text.len; i++) {
                int32_t digit = i < text.len - padding ? base64_digit(text.ptr[i]) : 0;

                if (digit < 0)
                        return BB_E_INVALID;
                bits = bits << 6 | (uint32_t)digit;
                if (i % 4 != 3)
                        continue;
                out[at++] = (char)(bits >> 16 & 255);
                out[at++] = (char)(bits >> 8 & 255);
                out[at++] = (char)(bits & 255);
        }
        for (size_t i = 0; i < padding; i++)
                if (out[--at] != 0)
                        return BB_E_INVALID;
        *ret = (bb_str){.ptr = out, .len = at};
        return BB_OK;
}

static bb_str hex(bb_str data)
{
        static const char digits[] = "0123456789abcdef";
        char *out = bb_alloc(data.len * 2 + 1);

        for (size_t i = 0; i < data.len; i++) {
                out[2 * i] = digits[(uint8_t)data.ptr[i] >> 4];
                out[2 * i + 1] = digits[(uint8_t)data.ptr[i] & 15];
        }
        return (bb_str){.ptr = out, .len = data.len * 2};
}

const struct bb_crypto_ops crypto_ops = {
        .size = sizeof(struct bb_crypto_ops),
        .mac = mac,
        .equal = equal,
        .random = random_bytes,
        .sha256 = crypto_sha256,
        .base64 = base64,
        .unbase64 = unbase64,
        .hex = hex,
        .seal = seal,
        .unseal = unseal,
        .key_new = x509_key_new,
        .request_read = x509_request_read,
        .certificates_read = x509_certificates_read,
        .key_check = x509_key_check,
        .certificate_issue = x509_issue,
        .certificate_verify = x509_verify,
        .revocation_list = x509_revocation_list,
        .hash_new = crypto_hash_new,
        .hash_add = crypto_hash_add,
        .hash_end = crypto_hash_end,
};
