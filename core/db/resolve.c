/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of database servers. libpq would look them up on the loop's thread, and a name server that is away would hold
 * everything; so a thread does it, and libpq gets addresses. The names stay, for TLS.
 */
#include "base/buf.h"
#include "base/str.h"
#include "db/pool.h"
#include "rt/loop.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 8 /* of one name */

struct lookup {
        char *hosts, *ports; /* as in the URL: comma-separated */
        struct resolved found;
        void (*done)(const struct resolved *, void *);
        void *arg;
};

static int is_name(bb_str host)
{
        char text[64];
        unsigned char address[16];

        if (host.len == 0 || host.ptr[0] == '/' || host.ptr[0] == '@' || host.len >= sizeof(text))
                return host.len >= sizeof(text);
        memcpy(text, host.ptr, host.len);
        text[host.len] = '\0';
        return inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1;
}

static void add_part(struct buf *b, bb_str part, int first)
{
        if (!first)
                buf_add_char(b, ',');
        buf_add_str(b, part);
}

static void add_target(struct buf *hosts, struct buf *addresses, struct buf *ports, bb_str host, bb_str address,
                       bb_str port)
{
        int first = hosts->len == 0;

        add_part(hosts, host, first);
        add_part(addresses, address, first);
        add_part(ports, port, first);
}

/* Every address of a name becomes a target of its own: libpq tries one after the other. */
static size_t add_addresses(struct buf *hosts, struct buf *addresses, struct buf *ports, bb_str host, bb_str port)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *list = NULL;
        char *name = strndup(host.ptr, host.len), text[64];
        size_t count = 0;

        if (name != NULL && getaddrinfo(name, NULL, &hints, &list) == 0) {
                for (struct addrinfo *a = list; a != NULL && count < ADDRESSES_MAX; a = a->ai_next) {
                        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
                                continue;
                        add_target(hosts, addresses, ports, host, bb_cstr(text), port);
                        count++;
                }
                freeaddrinfo(list);
        }
        free(name);
        return count;
}

static char *take_text(struct buf *b)
{
        buf_add_char(b, '\0');
        return b->ptr;
}

void hosts_resolve(const char *host_list, const char *port_list, struct resolved *ret)
{
        struct buf hosts = {0}, addresses = {0}, ports = {0};
        bb_str rest = bb_cstr(host_list), port_rest = bb_cstr(port_list != NULL ? port_list : ""), host,
               port = BB_STR("");
        size_t count = 0;

        while (str_split(&rest, ',', &host)) {
                /* One port stands for all hosts. */
                (void)str_split(&port_rest, ',', &port);
                if (is_name(host)) {
                        count += add_addresses(&hosts, &addresses, &ports, host, port);
                        continue;
                }
                add_target(&hosts, &addresses, &ports, host, host.len > 0 && host.ptr[0] != '/' ? host : BB_STR(""),
                           port);
                count++;
        }
        *ret = (struct resolved){.count = count,
                                 .hosts = take_text(&hosts),
                                 .addresses = take_text(&addresses),
                                 .ports = take_text(&ports)};
}

void resolved_free(struct resolved *r)
{
        free(r->hosts);
        free(r->addresses);
        free(r->ports);
        *r = (struct resolved){.count = 0};
}

int hosts_need_lookup(const char *url, char **ret_hosts, char **ret_ports)
{
        PQconninfoOption *options = PQconninfoParse(url, NULL);
        bb_str rest, host;
        int names = 0, addressed = 0;

        *ret_hosts = *ret_ports = NULL;
        for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
                if (o->val == NULL)
                        continue;
                if (strcmp(o->keyword, "host") == 0)
                        *ret_hosts = strdup(o->val);
                else if (strcmp(o->keyword, "port") == 0)
                        *ret_ports = strdup(o->val);
                else if (strcmp(o->keyword, "hostaddr") == 0)
                        addressed = 1;
        }
        PQconninfoFree(options);
        rest = bb_cstr(*ret_hosts);
        while (rest.ptr != NULL && str_split(&rest, ',', &host))
                names |= is_name(host);
        if (names && !addressed)
                return 1;
        free(*ret_hosts);
        free(*ret_ports);
        *ret_hosts = *ret_ports = NULL;
        return 0;
}

static void lookup_done(void *arg)
{
        struct lookup *l = arg;

        l->done(&l->found, l->arg);
        resolved_free(&l->found);
        free(l->hosts);
        free(l->ports);
        free(l);
}

static void *lookup_thread(void *arg)
{
        struct lookup *l = arg;

        hosts_resolve(l->hosts, l->ports, &l->found);
        loop_post(lookup_done, l);
        return NULL;
}

/* A thread of its own and not a task with a worker: nobody could end a task while the name server is silent. */
int lookup_start(char *hosts, char *ports, void (*done)(const struct resolved *, void *), void *arg)
{
        struct lookup *l = heap_new(sizeof(*l));
        sigset_t all, before;
        pthread_t thread;
        int failed;

        *l = (struct lookup){.hosts = hosts, .ports = ports, .done = done, .arg = arg};
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        failed = pthread_create(&thread, NULL, lookup_thread, l);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (failed == 0)
                return pthread_detach(thread) == 0;
        free(l->hosts);
        free(l->ports);
        free(l);
        return 0;
}
