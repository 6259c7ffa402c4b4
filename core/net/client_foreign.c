/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs that a tenant or a partner supplied. The name is resolved here, each of its addresses is checked, and libcurl is
 * told to use these and no others; the socket is checked once more when it is opened. So a name that changes its
 * address between the check and the connection gains nothing.
 */
#include "net/address_guard.h"
#include "net/client_inner.h"
#include <arpa/inet.h>
#include <busbar/log.h>
#include <busbar/rt.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define ADDRESSES 16

struct lookup {
        const char *host;
        struct sockaddr_storage found[ADDRESSES];
        size_t count;
        int failed; /* of getaddrinfo */
};

/* On a worker thread: it may take seconds. */
static void look_up(void *arg)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
        struct lookup *l = arg;

        l->failed = getaddrinfo(l->host, NULL, &hints, &all);
        if (l->failed != 0)
                return;
        for (struct addrinfo *a = all; a != NULL && l->count < ADDRESSES; a = a->ai_next)
                if (a->ai_addrlen <= sizeof(l->found[0]))
                        memcpy(&l->found[l->count++], a->ai_addr, a->ai_addrlen);
        freeaddrinfo(all);
}

static bb_err refuse(const struct fetch *f, const char *why)
{
        bb_log(BB_WARN, "client.refused", "an address that a tenant or a partner gave may not be called",
               bb_kv_str("host", f->host), bb_kv_cstr("reason", why));
        return BB_E_DENIED;
}

/* All or nothing: a name with one private address is somebody's attempt. */
static bb_err check_all(const struct fetch *f, const struct lookup *l, int *ret_loopback)
{
        *ret_loopback = 1;
        for (size_t i = 0; i < l->count; i++) {
                const struct sockaddr *sa = (const struct sockaddr *)&l->found[i];
                const char *why = address_guard_check(sa);

                if (why != NULL)
                        return refuse(f, why);
                *ret_loopback &= address_guard_test_loopback(sa);
        }
        return BB_OK;
}

static bb_str address_text(const struct sockaddr_storage *ss)
{
        char text[INET6_ADDRSTRLEN] = "";

        if (ss->ss_family == AF_INET)
                inet_ntop(AF_INET, &((const struct sockaddr_in *)ss)->sin_addr, text, sizeof(text));
        else
                inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)ss)->sin6_addr, text, sizeof(text));
        return ss->ss_family == AF_INET ? bb_print("%s", text) : bb_print("[%s]", text);
}

/* "+host:port:address,address": libcurl looks nothing up for this host and port. */
static bb_err pin(struct fetch *f, const struct lookup *l, const char *port)
{
        bb_str text = bb_print("+%s:%s:", l->host, port);

        for (size_t i = 0; i < l->count; i++)
                text = bb_print("%.*s%s%.*s", BB_FMT(text), i > 0 ? "," : "", BB_FMT(address_text(&l->found[i])));
        f->pinned = curl_slist_append(NULL, text.ptr);
        if (f->pinned == NULL)
                return BB_E_INTERNAL;
        curl_easy_setopt(f->easy, CURLOPT_RESOLVE, f->pinned);
        return BB_OK;
}

static curl_socket_t open_checked(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
        struct fetch *f = arg;

        (void)purpose;
        if (address_guard_check(&address->addr) != NULL) {
                f->refused = 1;
                return CURL_SOCKET_BAD;
        }
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bb_err url_part(const struct fetch *f, CURLUPart part, bb_str *ret)
{
        char *text = NULL;

        if (curl_url_get(f->url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
                return BB_E_INVALID;
        *ret = bb_str_dup(bb_cstr(text));
        curl_free(text);
        return BB_OK;
}

/* An IPv6 literal comes in brackets, which getaddrinfo does not know. */
static const char *bare_host(bb_str host)
{
        if (host.len >= 2 && host.ptr[0] == '[')
                return bb_print("%.*s", (int)(host.len - 2), host.ptr + 1).ptr;
        return bb_str_c(host);
}

BB_AWAIT bb_err foreign_prepare(struct fetch *f)
{
        struct lookup *l = bb_alloc(sizeof(*l));
        bb_str scheme, port;
        int loopback;

        TRY(url_part(f, CURLUPART_SCHEME, &scheme));
        TRY(url_part(f, CURLUPART_PORT, &port));
        l->host = bare_host(f->host);
        TRY(bb_worker_run(look_up, l));
        if (l->failed != 0 || l->count == 0) {
                bb_log(BB_WARN, "client.failed", gai_strerror(l->failed), bb_kv_str("host", f->host));
                return BB_E_UNAVAILABLE;
        }
        TRY(check_all(f, l, &loopback));
        if (!bb_str_is(scheme, "https") && !loopback) /* plain http for a test's stand-in alone */
                return refuse(f, "not https");
        TRY(pin(f, l, port.ptr));
        curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, open_checked);
        curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
        curl_easy_setopt(f->easy, CURLOPT_PROXY, ""); /* one would resolve the name again, elsewhere */
        return BB_OK;
}
