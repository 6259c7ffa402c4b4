/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS (1.2 and later) through OpenSSL: certificates for listeners, checking of servers for clients.
 */
#ifndef CORE_NET_TLS_H
#define CORE_NET_TLS_H

#include "net/http.h"
#include "net/wire.h"

enum {
        TLS_CLIENT_NONE = 0,     /* no certificate is asked for */
        TLS_CLIENT_OPTIONAL = 1, /* asked for; one that does not verify ends the handshake */
        TLS_CLIENT_REQUIRED = 2,
        TLS_CLIENT_ANY = 3 /* asked for; whatever comes is taken, and verified only by whoever asks for the name */
};

struct tls_files {
        const char *certificate_file; /* PEM, the chain, leaf first */
        const char *key_file;
        const char *client_ca_file; /* NULL: none; needed for optional and required */
        int32_t client_policy;
};

/* BB_E_INVALID with a sentence in *ret_why (names the file). The caller holds the one reference. */
bb_err tls_context_new(const struct tls_files *, struct tls_context **ret, bb_str *ret_why);
struct tls_context *tls_context_ref(struct tls_context *); /* returns it */
void tls_context_unref(struct tls_context *);
/* Equal texts: client certificates are asked for and verified alike. "" when they are not asked for. */
bb_str tls_context_client_rules(const struct tls_context *);
int32_t tls_context_client_policy(const struct tls_context *);
/* When the leaf certificate ends, epoch milliseconds. */
int64_t tls_context_expires_ms(const struct tls_context *);

/* --- for the wire --- */
/* NULL when out of memory; takes the descriptor otherwise. */
struct wire *tls_accept(struct tls_context *, const struct http_service *, int fd);
/* An unconnected client side that checks the server's certificate for `host` (a name or an address) against ca_file, or
 * the system's authorities when NULL. strict_end: an end without close_notify is an error (the protocol has no ends of
 * its own). */
bb_err tls_connect_new(bb_str host, const char *ca_file, int32_t strict_end, struct wire **ret);
/* The verified peer's common name and the name that the client asked for (lower case), into arena_current; BB_NONE when
 * absent. */
void tls_describe(struct wire *, bb_str *ret_client_name, bb_str *ret_server_name);
/* The peer's certificate and what it sent with it, PEM, verified or not; into arena_current. BB_NONE: none. A resumed
 * session has the first one only. */
bb_str tls_client_chain(struct wire *);
/* Of the context that the handshake was made with; into arena_current. */
bb_str tls_client_rules(struct wire *);
void tls_say_goodbye(struct wire *); /* close_notify, once */
void tls_log_failure(struct wire *, const char *remote);
bb_str tls_failure(struct wire *); /* what went wrong, for people; into arena_current */
/* Forgets the contexts that clients share (one for each ca_file), so that changed files are read again. */
void tls_client_reset(void);

#endif
