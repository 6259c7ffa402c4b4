/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS contexts. The certificate is chosen in the ClientHello callback, before a session
 * could be resumed, and each context has a session id of its own: a session of one tenant never opens another's door.
 */
#include "net/tls.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "net/conn.h"
#include "rt/loop.h"
#include <arpa/inet.h>
#include <busbar/log.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define TLS_MAGIC 0x544c5343u

struct tls_context {
        uint32_t magic;
        int32_t refs;
        SSL_CTX *ctx;
        X509 *leaf;
        int32_t policy;
};

/* The newest entry of OpenSSL's error queue, which is emptied. */
static bb_str openssl_reason(void)
{
        unsigned long e = ERR_peek_last_error();
        const char *text = e != 0 ? ERR_reason_error_string(e) : NULL;

        ERR_clear_error();
        return arena_str(arena_current, bb_cstr(text != NULL ? text : "unknown error"));
}

static void set_common_options(SSL_CTX *ctx)
{
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM");
}

/* --- server contexts --- */

/* server_name of RFC 6066 §3: list length, type 0, name length, name. */
static bb_str client_hello_name(SSL *ssl)
{
        const unsigned char *p;
        size_t len, name_len;

        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) != 1 || len < 5 || p[2] != 0)
                return BB_NONE;
        name_len = (size_t)p[3] << 8 | p[4];
        if (name_len == 0 || name_len > 255 || name_len + 5 > len)
                return BB_NONE;
        return (bb_str){.ptr = (const char *)p + 5, .len = name_len};
}

static void use_context(SSL *ssl, const struct tls_context *t)
{
        SSL_set_SSL_CTX(ssl, t->ctx);
        /* SSL_set_SSL_CTX() takes the certificate along, but not these. */
        SSL_set_verify(ssl, SSL_CTX_get_verify_mode(t->ctx), NULL);
        SSL_set_client_CA_list(ssl, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(t->ctx)));
}

static bb_str lower_case(bb_str name)
{
        bb_str lower = arena_str(arena_current, name);
        char *p = (char *)(uintptr_t)lower.ptr; /* our copy */

        for (size_t i = 0; i < lower.len; i++)
                if (p[i] >= 'A' && p[i] <= 'Z')
                        p[i] = (char)(p[i] + ('a' - 'A'));
        return lower;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
        const struct http_service *service = SSL_get_app_data(ssl);
        bb_str name = client_hello_name(ssl);
        struct tls_context *t;

        (void)alert;
        (void)arg;
        if (service == NULL || service->tls_select == NULL || name.ptr == NULL)
                return SSL_CLIENT_HELLO_SUCCESS;
        t = service->tls_select(lower_case(name), service->arg);
        if (t != NULL)
                use_context(ssl, t);
        return SSL_CLIENT_HELLO_SUCCESS;
}

/* TLS_CLIENT_ANY: the handshake goes on, and the verdict stays with the connection. */
static int verify_and_go_on(X509_STORE_CTX *ctx, void *arg)
{
        (void)arg;
        if (X509_verify_cert(ctx) != 1 && X509_STORE_CTX_get_error(ctx) == X509_V_OK)
                X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
        ERR_clear_error();
        return 1;
}

/* No names of authorities are told, so that each client shows what it has. */
static bb_err take_any(SSL_CTX *ctx, const struct tls_files *files, bb_str *ret_why)
{
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, verify_and_go_on, NULL);
        if (files->client_ca_file == NULL || SSL_CTX_load_verify_locations(ctx, files->client_ca_file, NULL) == 1)
                return BB_OK;
        *ret_why = arena_print(arena_current, "%s: no certificate authorities: %s", files->client_ca_file,
                               openssl_reason().ptr);
        return BB_E_INVALID;
}

static bb_err load_client_ca(SSL_CTX *ctx, const struct tls_files *files, bb_str *ret_why)
{
        STACK_OF(X509_NAME) * names;

        if (files->client_policy == TLS_CLIENT_NONE)
                return BB_OK;
        if (files->client_policy == TLS_CLIENT_ANY)
                return take_any(ctx, files, ret_why);
        if (files->client_ca_file == NULL) {
                *ret_why = BB_STR("client certificates are asked for, but no file of authorities is given");
                return BB_E_INVALID;
        }
        names = SSL_load_client_CA_file(files->client_ca_file);
        if (names == NULL || SSL_CTX_load_verify_locations(ctx, files->client_ca_file, NULL) != 1) {
                *ret_why = arena_print(arena_current, "%s: no certificate authorities: %s", files->client_ca_file,
                                       openssl_reason().ptr);
                sk_X509_NAME_pop_free(names, X509_NAME_free);
                return BB_E_INVALID;
        }
        SSL_CTX_set_client_CA_list(ctx, names);
        SSL_CTX_set_verify(ctx,
                           SSL_VERIFY_PEER |
                                   (files->client_policy == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           NULL);
        return BB_OK;
}

/* Sessions belong to one certificate, authority and policy. */
static void set_session_id(SSL_CTX *ctx, X509 *leaf, const struct tls_files *files)
{
        unsigned char digest[EVP_MAX_MD_SIZE], id[EVP_MAX_MD_SIZE];
        unsigned int len = 0;
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        X509_digest(leaf, EVP_sha256(), digest, &len);
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        EVP_DigestUpdate(md, digest, len);
        EVP_DigestUpdate(md, &files->client_policy, sizeof(files->client_policy));
        if (files->client_ca_file != NULL)
                EVP_DigestUpdate(md, files->client_ca_file, strlen(files->client_ca_file));
        EVP_DigestFinal_ex(md, id, &len);
        EVP_MD_CTX_free(md);
        SSL_CTX_set_session_id_context(ctx, id, len < SSL_MAX_SID_CTX_LENGTH ? len : SSL_MAX_SID_CTX_LENGTH);
}

static void free_rules(void *parent, void *rules, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
        (void)parent;
        (void)ad;
        (void)index;
        (void)argl;
        (void)argp;
        free(rules);
}

/* Kept with OpenSSL's context, which a connection holds for longer than our own lives. */
static int rules_index(void)
{
        static int index = -1;

        if (index < 0)
                index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_rules);
        return index;
}

static void set_rules(SSL_CTX *ctx, const struct tls_files *files)
{
        bb_str rules = BB_STR("");

        if (files->client_policy != TLS_CLIENT_NONE)
                rules = arena_print(arena_current, "%d %s", (int)files->client_policy,
                                    files->client_ca_file != NULL ? files->client_ca_file : "");
        SSL_CTX_set_ex_data(ctx, rules_index(), (void *)(uintptr_t)heap_str(rules).ptr);
}

static bb_err load_files(SSL_CTX *ctx, const struct tls_files *files, bb_str *ret_why)
{
        if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate_file) != 1) {
                *ret_why = arena_print(arena_current, "%s: no certificate: %s", files->certificate_file,
                                       openssl_reason().ptr);
                return BB_E_INVALID;
        }
        if (SSL_CTX_use_PrivateKey_file(ctx, files->key_file, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(ctx) != 1) {
                *ret_why = arena_print(arena_current, "%s: no key for %s: %s", files->key_file, files->certificate_file,
                                       openssl_reason().ptr);
                return BB_E_INVALID;
        }
        return load_client_ca(ctx, files, ret_why);
}

bb_err tls_context_new(const struct tls_files *files, struct tls_context **ret, bb_str *ret_why)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        struct tls_context *t;
        bb_err err;

        if (ctx == NULL) {
                *ret_why = openssl_reason();
                return BB_E_INTERNAL;
        }
        set_common_options(ctx);
        /* Peers often close without close_notify; HTTP and WebSocket know by themselves whether something is missing.
         */
        SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
        /* One is enough for a station, which has one connection, and a storm of them is cheaper. */
        SSL_CTX_set_num_tickets(ctx, 1);
        SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
        err = load_files(ctx, files, ret_why);
        if (err < 0) {
                SSL_CTX_free(ctx);
                return err;
        }
        t = heap_new(sizeof(*t));
        t->magic = TLS_MAGIC;
        t->refs = 1;
        t->ctx = ctx;
        t->leaf = SSL_CTX_get0_certificate(ctx);
        t->policy = files->client_policy;
        set_session_id(ctx, t->leaf, files);
        set_rules(ctx, files);
        *ret = t;
        return BB_OK;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
        t->refs++;
        return t;
}

void tls_context_unref(struct tls_context *t)
{
        if (t == NULL || --t->refs > 0)
                return;
        SSL_CTX_free(t->ctx); /* connections that use it hold references of their own */
        t->magic = 0;
        free(t);
}

bb_str tls_context_client_rules(const struct tls_context *t)
{
        return bb_cstr(SSL_CTX_get_ex_data(t->ctx, rules_index()));
}

int32_t tls_context_client_policy(const struct tls_context *t)
{
        return t->policy;
}

int64_t tls_context_expires_ms(const struct tls_context *t)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(X509_get0_notAfter(t->leaf), &tm) != 1)
                return 0;
        return (int64_t)timegm(&tm) * 1000;
}

struct wire *tls_accept(struct tls_context *t, const struct http_service *service, int fd)
{
        SSL *ssl = SSL_new(t->ctx);
        struct wire *wire;

        if (ssl == NULL)
                return NULL;
        SSL_set_app_data(ssl, (void *)(uintptr_t)service);
        SSL_set_accept_state(ssl);
        wire = wire_new(fd, ssl);
        if (wire == NULL) {
                SSL_free(ssl);
                return NULL;
        }
        return wire;
}

/* --- clients --- */

/* One context for each file of authorities: they are big, and busbar-sim opens connections by the ten thousand. */
struct client_context {
        struct list link;
        SSL_CTX *ctx;
        char *ca_file; /* NULL: the system's */
};
static struct list client_contexts = {&client_contexts, &client_contexts};

static int32_t same_file(const char *a, const char *b)
{
        return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static SSL_CTX *client_context(const char *ca_file)
{
        struct client_context *c;
        SSL_CTX *ctx;
        int ok;

        LIST_EACH (item, &client_contexts) {
                c = LIST_OF(struct client_context, link, item);
                if (same_file(c->ca_file, ca_file))
                        return c->ctx;
        }
        ctx = SSL_CTX_new(TLS_client_method());
        if (ctx == NULL)
                return NULL;
        set_common_options(ctx);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        ok = ca_file != NULL ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL)
                             : SSL_CTX_set_default_verify_paths(ctx);
        if (ok != 1) {
                SSL_CTX_free(ctx);
                return NULL;
        }
        c = heap_new(sizeof(*c));
        c->ctx = ctx;
        c->ca_file = ca_file != NULL ? strdup(ca_file) : NULL;
        list_append(&client_contexts, &c->link);
        return ctx;
}

void tls_client_reset(void)
{
        LIST_EACH_SAFE (item, save, &client_contexts) {
                struct client_context *c = LIST_OF(struct client_context, link, item);

                list_remove(item);
                SSL_CTX_free(c->ctx);
                free(c->ca_file);
                free(c);
        }
}

/* Whom the certificate must name: a host name, which is also sent (SNI), or an address. */
static int32_t expect_host(SSL *ssl, const char *host)
{
        unsigned char address[16];

        if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

bb_err tls_connect_new(bb_str host, const char *ca_file, int32_t strict_end, struct wire **ret)
{
        SSL_CTX *ctx = client_context(ca_file);
        SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

        if (ssl == NULL) {
                bb_log(BB_ERROR, "tls.client_failed", "the file of certificate authorities cannot be used",
                       bb_kv_cstr("file", ca_file), bb_kv_str("reason", openssl_reason()));
                return BB_E_INVALID;
        }
        if (!strict_end)
                SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
        if (!expect_host(ssl, arena_str(arena_current, host).ptr)) {
                SSL_free(ssl);
                return BB_E_INVALID;
        }
        SSL_set_connect_state(ssl);
        *ret = wire_new(-1, ssl);
        if (*ret == NULL) {
                SSL_free(ssl);
                return BB_E_IO;
        }
        return BB_OK;
}

/* --- either side --- */

static bb_str common_name(const X509 *cert)
{
        X509_NAME *subject = X509_get_subject_name(cert);
        int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), len;
        unsigned char *utf8 = NULL;
        bb_str name = BB_NONE;

        if (at < 0)
                return BB_NONE;
        len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        if (len > 0 && memchr(utf8, 0, (size_t)len) == NULL)
                name = arena_str(arena_current, (bb_str){.ptr = (const char *)utf8, .len = (size_t)len});
        OPENSSL_free(utf8);
        return name;
}

void tls_describe(struct wire *wire, bb_str *ret_client_name, bb_str *ret_server_name)
{
        SSL *ssl = wire_ssl(wire);
        const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        X509 *cert = SSL_get0_peer_certificate(ssl);

        *ret_server_name = lower_case(bb_cstr(asked));
        *ret_client_name = BB_NONE;
        if (cert != NULL && SSL_get_verify_result(ssl) == X509_V_OK)
                *ret_client_name = common_name(cert);
}

bb_str tls_client_chain(struct wire *wire)
{
        SSL *ssl = wire_ssl(wire);
        X509 *cert = SSL_get0_peer_certificate(ssl);
        STACK_OF(X509) *rest = SSL_get_peer_cert_chain(ssl);
        BIO *bio = cert != NULL ? BIO_new(BIO_s_mem()) : NULL;
        bb_str chain = BB_NONE;
        int ok = bio != NULL && PEM_write_bio_X509(bio, cert) == 1;
        BUF_MEM *text;

        for (int i = 0; ok && i < sk_X509_num(rest); i++)
                ok = PEM_write_bio_X509(bio, sk_X509_value(rest, i)) == 1;
        if (ok && BIO_get_mem_ptr(bio, &text) == 1)
                chain = arena_str(arena_current, (bb_str){.ptr = text->data, .len = text->length});
        BIO_free(bio);
        return chain;
}

bb_str tls_client_rules(struct wire *wire)
{
        const SSL_CTX *ctx = SSL_get_SSL_CTX(wire_ssl(wire));

        return arena_str(arena_current, bb_cstr(SSL_CTX_get_ex_data(ctx, rules_index())));
}

void tls_say_goodbye(struct wire *wire)
{
        SSL *ssl = wire_ssl(wire);

        if (SSL_is_init_finished(ssl))
                SSL_shutdown(ssl);
        ERR_clear_error();
}

bb_str tls_failure(struct wire *wire)
{
        unsigned long e = wire_tls_error(wire);
        SSL *ssl = wire_ssl(wire);
        long verdict = SSL_get_verify_result(ssl);
        const char *text = e != 0 ? ERR_reason_error_string(e) : NULL;

        if (verdict != X509_V_OK)
                return arena_str(arena_current, bb_cstr(X509_verify_cert_error_string(verdict)));
        return arena_str(arena_current, bb_cstr(text != NULL ? text : "the connection ended during the handshake"));
}

void tls_log_failure(struct wire *wire, const char *remote)
{
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "busbar_tls_failures_total", "TLS handshakes that failed."), 1);
        if (wire_may_log())
                bb_log(BB_INFO, "tls.handshake_failed", "a TLS handshake failed", bb_kv_cstr("remote", remote),
                       bb_kv_str("reason", tls_failure(wire)));
}
