/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS over real sockets with certificates made here: names by SNI, client certificates by policy, versions, sessions
 * that stay with their tenant, deadlines, and WebSockets as client and server.
 */
#include "net_peer.h"

#include "net/tls.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* --- certificates --- */

static char folder[] = "/tmp/busbar-tls-XXXXXX";

static const char *path_of(const char *name)
{
        static char paths[8][256];
        static unsigned next;
        char *p = paths[next++ % 8];

        snprintf(p, sizeof(paths[0]), "%s/%s", folder, name);
        return p;
}

struct identity {
        EVP_PKEY *key;
        X509 *cert;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509_EXTENSION *e;

        X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
        e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        assert_non_null(e);
        X509_add_ext(cert, e, -1);
        X509_EXTENSION_free(e);
}

/* issuer NULL: an authority of its own. names: "DNS:a.test", or NULL. */
static struct identity make_identity(const char *common_name, const struct identity *issuer, const char *names)
{
        static long serial = 1;
        struct identity id = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
        X509_NAME *subject = X509_get_subject_name(id.cert);
        const struct identity *by = issuer != NULL ? issuer : &id;

        X509_set_version(id.cert, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
        X509_gmtime_adj(X509_getm_notBefore(id.cert), -3600);
        X509_gmtime_adj(X509_getm_notAfter(id.cert), 86400);
        X509_set_pubkey(id.cert, id.key);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
        X509_set_issuer_name(id.cert, X509_get_subject_name(by->cert));
        add_extension(id.cert, by->cert, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
        if (names != NULL)
                add_extension(id.cert, by->cert, NID_subject_alt_name, names);
        assert_true(X509_sign(id.cert, by->key, EVP_sha256()) > 0);
        return id;
}

static void write_pem(const char *name, const struct identity *id)
{
        char file[64];
        FILE *f;

        snprintf(file, sizeof(file), "%s.crt", name);
        f = fopen(path_of(file), "w");
        assert_non_null(f);
        PEM_write_X509(f, id->cert);
        fclose(f);
        snprintf(file, sizeof(file), "%s.key", name);
        f = fopen(path_of(file), "w");
        assert_non_null(f);
        PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
        fclose(f);
}

static void free_identity(struct identity *id)
{
        X509_free(id->cert);
        EVP_PKEY_free(id->key);
}

static int make_certificates(void **state)
{
        struct identity ca, other, a, b, local, client, stranger;

        (void)state;
        assert_non_null(mkdtemp(folder));
        ca = make_identity("Test CA", NULL, NULL);
        other = make_identity("Other CA", NULL, NULL);
        a = make_identity("a.test", &ca, "DNS:a.test");
        b = make_identity("b.test", &ca, "DNS:b.test,DNS:*.b.test");
        local = make_identity("local", &ca, "DNS:localhost,IP:127.0.0.1");
        client = make_identity("CS-0042", &ca, NULL);
        stranger = make_identity("CS-0666", &other, NULL);
        write_pem("ca", &ca);
        write_pem("other", &other);
        write_pem("a", &a);
        write_pem("b", &b);
        write_pem("local", &local);
        write_pem("client", &client);
        write_pem("stranger", &stranger);
        free_identity(&ca);
        free_identity(&other);
        free_identity(&a);
        free_identity(&b);
        free_identity(&local);
        free_identity(&client);
        free_identity(&stranger);
        return 0;
}

static int remove_certificates(void **state)
{
        static const char *const names[] = {"ca", "other", "a", "b", "local", "client", "stranger"};
        char file[64];

        (void)state;
        for (size_t i = 0; i < BB_COUNT(names); i++) {
                snprintf(file, sizeof(file), "%s.crt", names[i]);
                unlink(path_of(file));
                snprintf(file, sizeof(file), "%s.key", names[i]);
                unlink(path_of(file));
        }
        return rmdir(folder);
}

static struct tls_context *context(const char *name, int32_t policy)
{
        char certificate[256], key[256], ca[256];
        struct tls_files files = {.certificate_file = certificate, .key_file = key, .client_policy = policy};
        struct tls_context *t = NULL;
        bb_str why = BB_NONE;

        snprintf(certificate, sizeof(certificate), "%s/%s.crt", folder, name);
        snprintf(key, sizeof(key), "%s/%s.key", folder, name);
        snprintf(ca, sizeof(ca), "%s/ca.crt", folder);
        if (policy != TLS_CLIENT_NONE)
                files.client_ca_file = ca;
        assert_int_equal(tls_context_new(&files, &t, &why), BB_OK);
        return t;
}

/* --- a service that tells what TLS told it --- */

static struct http_listener *listener;
static struct tls_context *context_a, *context_b, *context_local;
static int port;
static int closes, messages;
static bb_ws *server_ws;

static void plan(struct http_request *req, struct http_plan *ret, void *arg)
{
        (void)req;
        (void)arg;
        ret->max_body = 1 << 20;
}

static void on_message(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)user;
        messages++;
        websocket_send(ws, kind, data);
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)ws;
        (void)user;
        (void)code;
        (void)reason;
        closes++;
        server_ws = NULL;
}

static const struct bb_ws_handler echo = {.size = sizeof(echo), .on_message = on_message, .on_close = on_close};

static void handle(struct http_request *req, void *arg)
{
        (void)arg;
        if (bb_str_is(req->target, "/ws")) {
                websocket_accept(req, NULL, NULL, &echo, NULL, &server_ws);
                return;
        }
        if (bb_str_is(req->target, "/big")) {
                size_t len = 3 << 20;
                char *data = bb_alloc(len);

                memset(data, 'B', len);
                http_reply(req, 200, NULL, 0, (bb_str){.ptr = data, .len = len});
                return;
        }
        http_reply(req, 200, NULL, 0,
                   bb_print("tls=%d sni=%.*s client=%.*s body=%zu", req->is_tls, BB_FMT(req->tls_server_name),
                            BB_FMT(req->client_certificate_name), req->body.len));
}

static struct tls_context *tls_select(bb_str name, void *arg)
{
        (void)arg;
        if (bb_str_is(name, "a.test"))
                return context_a;
        return bb_str_is(name, "b.test") ? context_b : NULL;
}

static const struct http_service service = {.plan = plan, .handle = handle, .tls_select = tls_select};

static int setup_with(int32_t policy_a, int32_t policy_b)
{
        static const struct http_limits limits = {.idle_ms = 20000};
        int32_t p = 0;

        log_capture(quiet_log, NULL);
        closes = messages = 0;
        assert_int_equal(loop_init(1), BB_OK);
        context_a = context("a", policy_a);
        context_b = context("b", policy_b);
        context_local = context("local", TLS_CLIENT_NONE);
        assert_int_equal(http_listen("127.0.0.1:0", context_local, &service, &limits, &listener, &p), BB_OK);
        port = p;
        return 0;
}

static int setup(void **state)
{
        (void)state;
        return setup_with(TLS_CLIENT_NONE, TLS_CLIENT_NONE);
}

static int setup_policies(void **state)
{
        (void)state;
        return setup_with(TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED);
}

static int teardown(void **state)
{
        (void)state;
        http_listener_free(listener);
        TURN_UNTIL(task_count() == 0);
        TURN_UNTIL(websocket_group_count(NULL, NULL) == 0);
        turn_for(50);
        tls_context_unref(context_a);
        tls_context_unref(context_b);
        tls_context_unref(context_local);
        tls_client_reset();
        loop_close();
        log_capture(NULL, NULL);
        return 0;
}

/* --- a TLS client on a peer --- */

struct tls_peer {
        struct peer p;
        SSL_CTX *ctx;
        SSL *ssl;
        struct buf in;
        int failed, eof;
};

static struct tls_peer tls_open(const char *server_name, const char *client_name)
{
        struct tls_peer t = {.p = peer_connect(port), .ctx = SSL_CTX_new(TLS_client_method())};
        char file[64];

        SSL_CTX_load_verify_locations(t.ctx, path_of("ca.crt"), NULL);
        SSL_CTX_set_verify(t.ctx, SSL_VERIFY_PEER, NULL);
        if (client_name != NULL) {
                snprintf(file, sizeof(file), "%s.crt", client_name);
                assert_int_equal(SSL_CTX_use_certificate_file(t.ctx, path_of(file), SSL_FILETYPE_PEM), 1);
                snprintf(file, sizeof(file), "%s.key", client_name);
                assert_int_equal(SSL_CTX_use_PrivateKey_file(t.ctx, path_of(file), SSL_FILETYPE_PEM), 1);
        }
        t.ssl = SSL_new(t.ctx);
        SSL_set_fd(t.ssl, t.p.fd);
        SSL_set_connect_state(t.ssl);
        if (server_name != NULL) {
                SSL_set_tlsext_host_name(t.ssl, server_name);
                SSL_set1_host(t.ssl, server_name);
        }
        return t;
}

static void tls_close(struct tls_peer *t)
{
        SSL_free(t->ssl);
        SSL_CTX_free(t->ctx);
        peer_close(&t->p);
        buf_free(&t->in);
}

static int tls_wants_more(struct tls_peer *t, int r)
{
        int e = SSL_get_error(t->ssl, r);

        ERR_clear_error();
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
                return 1;
        if (e == SSL_ERROR_ZERO_RETURN)
                t->eof = 1;
        else
                t->failed = 1;
        return 0;
}

static int tls_handshake(struct tls_peer *t)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;

        while (time_mono_ms() < end && !t->failed) {
                int r = SSL_do_handshake(t->ssl);

                if (r == 1)
                        return 1;
                if (!tls_wants_more(t, r))
                        return 0;
                loop_turn(5);
        }
        return 0;
}

static void tls_say(struct tls_peer *t, const char *text)
{
        assert_int_equal(SSL_write(t->ssl, text, (int)strlen(text)), (int)strlen(text));
}

static int tls_await(struct tls_peer *t, const char *needle)
{
        int64_t end = time_mono_ms() + PATIENCE_MS;
        char piece[16384];

        while (time_mono_ms() < end) {
                int r = SSL_read(t->ssl, piece, sizeof(piece));

                if (r > 0)
                        buf_add(&t->in, piece, (size_t)r);
                else if (!tls_wants_more(t, r))
                        break;
                if (t->in.len > 0 && needle != NULL && memmem(t->in.ptr, t->in.len, needle, strlen(needle)) != NULL)
                        return 1;
                loop_turn(r > 0 ? 0 : 5);
        }
        return 0;
}

static void expect_answer(const char *sni, const char *client_name, const char *expected)
{
        struct tls_peer t = tls_open(sni, client_name);

        assert_true(tls_handshake(&t));
        tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        if (!tls_await(&t, expected))
                fail_msg("expected %s, got %.*s", expected, (int)t.in.len, t.in.ptr);
        tls_close(&t);
}

/* The handshake, or under TLS 1.3 what follows it, fails. */
static void expect_refused(const char *sni, const char *client_name)
{
        struct tls_peer t = tls_open(sni, client_name);

        if (tls_handshake(&t)) {
                SSL_write(t.ssl, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 33);
                assert_false(tls_await(&t, "HTTP/1.1"));
        }
        assert_true(t.failed || t.eof);
        tls_close(&t);
}

/* --- tests --- */

static void test_names(void **state)
{
        (void)state;
        expect_answer("a.test", NULL, "tls=1 sni=a.test client= "); /* the client checks the certificate's name */
        expect_answer("b.test", NULL, "sni=b.test");
        expect_answer("localhost", NULL, "sni=localhost"); /* nobody's: the listener's own */
        expect_answer("A.TEST", NULL, "client= ");
}

static void test_no_name(void **state)
{
        struct tls_peer t = tls_open(NULL, NULL);

        (void)state;
        assert_true(tls_handshake(&t));
        tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(tls_await(&t, "tls=1 sni= client="));
        tls_close(&t);
}

static void test_client_policies(void **state)
{
        (void)state;
        expect_answer("a.test", NULL, "client= "); /* optional */
        expect_answer("a.test", "client", "client=CS-0042 ");
        expect_refused("a.test", "stranger");
        expect_refused("b.test", NULL); /* required */
        expect_refused("b.test", "stranger");
        expect_answer("b.test", "client", "client=CS-0042 ");
        expect_answer("localhost", "client", "client= "); /* the listener's own asks for none */
}

/* A session that was opened without a certificate may not be continued where one is required. */
static void test_sessions_stay_with_their_tenant(void **state)
{
        struct tls_peer t = tls_open("a.test", NULL), u;
        SSL_SESSION *session;

        (void)state;
        assert_true(tls_handshake(&t));
        tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(tls_await(&t, "sni=a.test"));
        session = SSL_get1_session(t.ssl);
        assert_non_null(session);
        u = tls_open("b.test", NULL);
        SSL_set_session(u.ssl, session);
        if (tls_handshake(&u)) {
                assert_false(SSL_session_reused(u.ssl));
                SSL_write(u.ssl, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 33);
                assert_false(tls_await(&u, "HTTP/1.1"));
        }
        tls_close(&u);
        SSL_SESSION_free(session);
        tls_close(&t);
}

static void test_old_versions(void **state)
{
        struct tls_peer t = tls_open("a.test", NULL);

        (void)state;
        SSL_set_min_proto_version(t.ssl, TLS1_VERSION);
        SSL_set_max_proto_version(t.ssl, TLS1_1_VERSION);
        SSL_set_security_level(t.ssl, 0);
        SSL_set_cipher_list(t.ssl, "ALL:@SECLEVEL=0");
        assert_false(tls_handshake(&t));
        tls_close(&t);
}

static void test_tls_1_2(void **state)
{
        struct tls_peer t = tls_open("a.test", NULL);

        (void)state;
        SSL_set_max_proto_version(t.ssl, TLS1_2_VERSION);
        assert_true(tls_handshake(&t));
        tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(tls_await(&t, "tls=1"));
        tls_close(&t);
}

static void test_keep_alive_and_big_answers(void **state)
{
        struct tls_peer t = tls_open("a.test", NULL);

        (void)state;
        assert_true(tls_handshake(&t));
        for (int i = 0; i < 3; i++) {
                t.in.len = 0;
                tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nPOST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: "
                            "3\r\n\r\nabc");
                assert_true(tls_await(&t, "body=3"));
        }
        t.in.len = 0;
        tls_say(&t, "GET /big HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        assert_false(tls_await(&t, NULL));
        assert_true(t.eof); /* close_notify: nothing was cut off */
        assert_true(t.in.len > 3u << 20);
        tls_close(&t);
}

static void test_big_body(void **state)
{
        struct tls_peer t = tls_open("a.test", NULL);
        static char data[900000];
        size_t sent = 0;

        (void)state;
        assert_true(tls_handshake(&t));
        tls_say(&t, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900000\r\n\r\n");
        while (sent < sizeof(data) && !t.failed) {
                int r = SSL_write(t.ssl, data + sent, (int)(sizeof(data) - sent > 16384 ? 16384 : sizeof(data) - sent));

                if (r > 0)
                        sent += (size_t)r;
                else
                        tls_wants_more(&t, r);
                loop_turn(0);
        }
        assert_true(tls_await(&t, "body=900000"));
        tls_close(&t);
}

static void test_plain_text_to_a_tls_port(void **state)
{
        struct peer p = peer_connect(port);

        (void)state;
        peer_say(&p, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(peer_await_end(&p));
        assert_false(peer_has(&p, "HTTP/1.1"));
        peer_close(&p);
        TURN_UNTIL(http_listener_count(listener) == 0);
}

static void test_silent_handshake_ends(void **state)
{
        struct peer p = peer_connect(port);
        int64_t began = time_mono_ms();

        (void)state;
        while (!p.eof && time_mono_ms() - began < 15000) {
                loop_turn(50);
                peer_take(&p);
        }
        assert_true(p.eof);
        assert_in_range(time_mono_ms() - began, 9000, 14000);
        peer_close(&p);
}

static void test_bad_files(void **state)
{
        struct tls_files files = {.certificate_file = path_of("a.crt"), .key_file = path_of("b.key")};
        struct tls_context *t = NULL;
        bb_str why = BB_NONE;

        (void)state;
        assert_int_equal(tls_context_new(&files, &t, &why), BB_E_INVALID);
        assert_non_null(strstr(why.ptr, "b.key"));
        files = (struct tls_files){.certificate_file = path_of("none.crt"), .key_file = path_of("a.key")};
        assert_int_equal(tls_context_new(&files, &t, &why), BB_E_INVALID);
        assert_non_null(strstr(why.ptr, "none.crt"));
        files = (struct tls_files){.certificate_file = path_of("a.crt"),
                                   .key_file = path_of("a.key"),
                                   .client_policy = TLS_CLIENT_REQUIRED};
        assert_int_equal(tls_context_new(&files, &t, &why), BB_E_INVALID);
        files.client_ca_file = path_of("a.key");
        assert_int_equal(tls_context_new(&files, &t, &why), BB_E_INVALID);
        assert_null(t);
        assert_in_range(tls_context_expires_ms(context_a) - time_now_ms(), 80000000, 87000000);
}

/* Reload: what is open stays, what comes gets the new certificate. */
static void test_reload(void **state)
{
        struct tls_peer t = tls_open("localhost", NULL);

        (void)state;
        assert_true(tls_handshake(&t));
        http_listener_set_tls(listener, context_b);
        tls_say(&t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_true(tls_await(&t, "tls=1"));
        tls_close(&t);
        t = tls_open("x.b.test", NULL);
        assert_true(tls_handshake(&t));
        tls_close(&t);
}

/* --- WebSockets --- */

static bb_ws *client_ws;
static bb_err connect_result;
static int32_t connect_status;
static int client_closes;
static char url[128];
static const char *ca_file;
static struct buf client_got;

static int32_t client_arrival(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)ws;
        (void)user;
        (void)kind;
        buf_add_str(&client_got, data);
        return 1;
}

static void client_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)ws;
        (void)user;
        (void)reason;
        client_closes = code;
}

static const struct bb_ws_handler client_handler = {
        .size = sizeof(client_handler), .on_arrival = client_arrival, .on_close = client_close};

static void run_connect(void *arg)
{
        (void)arg;
        connect_result = websocket_connect(NULL, NULL, bb_cstr(url), NULL, 0, ca_file, &client_handler, NULL,
                                           &client_ws, &connect_status);
}

static bb_err client_connect(const char *host, const char *ca)
{
        const struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .run = run_connect};

        snprintf(url, sizeof(url), "wss://%s:%d/ws", host, port);
        ca_file = ca;
        connect_result = 1;
        client_closes = 0;
        client_got.len = 0;
        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        TURN_UNTIL(connect_result != 1);
        return connect_result;
}

static void test_wss(void **state)
{
        static char data[300000];

        (void)state;
        assert_int_equal(client_connect("127.0.0.1", path_of("ca.crt")), BB_OK);
        memset(data, 'w', sizeof(data));
        assert_int_equal(websocket_send(client_ws, BB_WS_TEXT, BB_STR("hello ")), BB_OK);
        assert_int_equal(websocket_send(client_ws, BB_WS_BINARY, (bb_str){.ptr = data, .len = sizeof(data)}), BB_OK);
        TURN_UNTIL(client_got.len == sizeof(data) + 6);
        assert_memory_equal(client_got.ptr, "hello www", 9);
        websocket_close(client_ws, 1000, BB_NONE);
        TURN_UNTIL(client_closes == 1000 && closes == 1);
        assert_int_equal(client_connect("localhost", path_of("ca.crt")), BB_OK);
        websocket_close(server_ws, 1001, BB_NONE);
        TURN_UNTIL(client_closes == 1001 && closes == 2);
}

static void test_wss_checks_the_server(void **state)
{
        (void)state;
        assert_int_equal(client_connect("127.0.0.1", path_of("other.crt")), BB_E_UNAVAILABLE); /* unknown authority */
        assert_int_equal(client_connect("127.0.0.1", NULL), BB_E_UNAVAILABLE);                 /* the system's */
        assert_int_equal(client_connect("127.0.0.2", path_of("ca.crt")), BB_E_UNAVAILABLE);
        assert_int_equal(client_connect("127.0.0.1", path_of("none.crt")), BB_E_INVALID);
        http_listener_set_tls(listener, context_b); /* another name */
        assert_int_equal(client_connect("localhost", path_of("ca.crt")), BB_E_UNAVAILABLE);
}

/* --- plain streams over TLS --- */

static bb_err stream_result;
static char stream_line[64];

static void run_stream(void *arg)
{
        bb_stream *s = NULL;
        bb_str line;

        stream_result = net_ops.connect(arg, 1, &s);
        if (stream_result < 0)
                return;
        stream_result = net_ops.write(s, BB_STR("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"));
        if (stream_result == BB_OK)
                stream_result = net_ops.read_line(s, 100, 5000, &line);
        if (stream_result == BB_OK)
                snprintf(stream_line, sizeof(stream_line), "%.*s", BB_FMT(line));
        net_ops.close(s);
}

static bb_err stream_to(const char *host)
{
        char address[64];
        const struct bb_task_spec spec = {.size = sizeof(spec), .name = "test", .run = run_stream, .arg = address};

        snprintf(address, sizeof(address), "%s:%d", host, port);
        stream_result = 1;
        assert_int_equal(task_spawn(NULL, &spec, NULL), BB_OK);
        TURN_UNTIL(stream_result != 1 && task_count() == 0);
        return stream_result;
}

static void test_stream(void **state)
{
        (void)state;
        assert_int_equal(stream_to("127.0.0.1"), BB_E_UNAVAILABLE); /* nobody whom the system trusts signed it */
        setenv("SSL_CERT_FILE", path_of("ca.crt"), 1);
        tls_client_reset();
        assert_int_equal(stream_to("127.0.0.1"), BB_OK);
        assert_string_equal(stream_line, "HTTP/1.1 200 OK");
        assert_int_equal(stream_to("localhost"), BB_OK);
        http_listener_set_tls(listener, context_b);
        assert_int_equal(stream_to("localhost"), BB_E_UNAVAILABLE); /* another name */
        unsetenv("SSL_CERT_FILE");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(test_names),
                T(test_no_name),
                cmocka_unit_test_setup_teardown(test_client_policies, setup_policies, teardown),
                cmocka_unit_test_setup_teardown(test_sessions_stay_with_their_tenant, setup_policies, teardown),
                T(test_old_versions),
                T(test_tls_1_2),
                T(test_keep_alive_and_big_answers),
                T(test_big_body),
                T(test_plain_text_to_a_tls_port),
                T(test_silent_handshake_ends),
                T(test_bad_files),
                T(test_reload),
                T(test_wss),
                T(test_wss_checks_the_server),
                T(test_stream),
        };
        int failed;

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        failed = cmocka_run_group_tests(tests, make_certificates, remove_certificates);
        buf_free(&client_got);
        return failed;
}
