/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of single values: see config_check.h.
 */
#include "mod/config_check.h"
#include "base/str.h"
#include "net/addr.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

/* --- kinds of text --- */

static int32_t is_one_of(char c, const char *set)
{
        return c != '\0' && strchr(set, c) != NULL;
}

static int32_t consists_of(bb_str s, const char *set)
{
        for (size_t i = 0; i < s.len; i++)
                if (!is_one_of(s.ptr[i], set))
                        return 0;
        return s.len > 0;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

int32_t config_is_host(bb_str host)
{
        bb_str rest = host, label;

        if (host.len == 0 || host.len > 253)
                return 0;
        if (host.ptr[0] == '[')
                return host.ptr[host.len - 1] == ']' && consists_of(str_sub(host, 1, host.len - 2), DIGITS "abcdef:.");
        while (str_split(&rest, '.', &label))
                if (label.len > 63 || !consists_of(label, LOWER DIGITS "-_") || label.ptr[0] == '-' ||
                    label.ptr[label.len - 1] == '-')
                        return 0;
        return 1;
}

int32_t config_is_address(bb_str address)
{
        struct addr ignored;

        return addr_parse(address, &ignored) == BB_OK;
}

static int32_t is_url(bb_str url)
{
        bb_str rest;

        if (str_starts(url, BB_STR("https://")))
                rest = str_sub(url, 8, url.len);
        else if (str_starts(url, BB_STR("http://")))
                rest = str_sub(url, 7, url.len);
        else
                return 0;
        for (size_t i = 0; i < rest.len; i++)
                if (rest.ptr[i] <= ' ' || rest.ptr[i] == 0x7f || is_one_of(rest.ptr[i], "?#\"<>\\"))
                        return 0;
        return rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[rest.len - 1] != '/';
}

static int32_t is_time_zone(bb_str zone)
{
        char path[128];
        struct stat st;

        if (!consists_of(zone, LOWER UPPER DIGITS "_+-/") || zone.ptr[0] == '/' || zone.len > 64)
                return 0;
        /* Without the database on this machine a name cannot be looked up. */
        if (bb_str_is(zone, "UTC") || stat(ZONE_FOLDER, &st) < 0)
                return 1;
        snprintf(path, sizeof(path), ZONE_FOLDER "/%.*s", BB_FMT(zone));
        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int32_t is_language(bb_str tag)
{
        bb_str rest = tag, part;
        size_t n = 0;

        for (; str_split(&rest, '-', &part); n++) {
                if (n == 0 && (!consists_of(part, LOWER) || part.len < 2 || part.len > 3))
                        return 0;
                if (n > 0 && (!consists_of(part, LOWER UPPER DIGITS) || part.len > 8))
                        return 0;
        }
        return n > 0;
}

/* --- networks --- */

static bb_err parse_ip(bb_str text, uint8_t ret[16], int32_t *ret_v4)
{
        static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        char copy[INET6_ADDRSTRLEN + 1];

        if (text.len == 0 || text.len >= sizeof(copy))
                return BB_E_INVALID;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        *ret_v4 = 0;
        if (inet_pton(AF_INET6, copy, ret) == 1) {
                *ret_v4 = memcmp(ret, mapped, sizeof(mapped)) == 0;
                return BB_OK;
        }
        if (inet_pton(AF_INET, copy, ret + 12) != 1)
                return BB_E_INVALID;
        memcpy(ret, mapped, sizeof(mapped));
        *ret_v4 = 1;
        return BB_OK;
}

bb_err config_network_parse(bb_str text, struct config_network *ret)
{
        struct config_network network = {.bits = 128};
        ptrdiff_t slash = str_find(text, '/');
        bb_str address = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
        int64_t bits;
        int32_t v4;

        TRY(parse_ip(address, network.address, &v4));
        if (slash >= 0) {
                TRY(str_to_int(str_sub(text, (size_t)slash + 1, text.len), &bits));
                if (bits < 0 || bits > (v4 ? 32 : 128))
                        return BB_E_INVALID;
                network.bits = (int32_t)bits + (v4 ? 96 : 0);
        }
        *ret = network;
        return BB_OK;
}

int32_t config_network_has(const struct config_network *network, bb_str address)
{
        uint8_t ip[16];
        int32_t v4, bytes = network->bits / 8, bits = network->bits % 8;

        if (parse_ip(address, ip, &v4) < 0 || memcmp(ip, network->address, (size_t)bytes) != 0)
                return 0;
        return bits == 0 || (ip[bytes] ^ network->address[bytes]) >> (8 - bits) == 0;
}

/* --- the files --- */

static const struct config_node *find(const struct config_node *node, const char *path)
{
        bb_str rest = bb_cstr(path), part;

        while (node != NULL && str_split(&rest, '.', &part)) {
                const struct config_node *child = node->first;

                while (child != NULL && !(node->kind == CONFIG_MAP && bb_str_eq(child->key, part)))
                        child = child->next;
                node = child;
        }
        return node;
}

static int32_t line_at(const struct config_source *source, const char *path)
{
        const struct config_node *node = find(source->root, path);

        return node != NULL ? node->line : 0;
}

#define COMPLAIN(source, path, ...)                                                                                    \
        config_error((source)->errors, (source)->name, line_at((source), (path)), (path), __VA_ARGS__)

static void check_addresses(const struct config_source *source, const char *path, const struct bb_array *addresses)
{
        const bb_str *items = addresses->items;

        for (size_t i = 0; i < addresses->count; i++)
                if (!config_is_address(items[i]))
                        COMPLAIN(source, path,
                                 "expected address:port (\"127.0.0.1:8080\", \"[::]:443\"), found \"%.*s\"",
                                 BB_FMT(items[i]));
}

static void check_readable(const struct config_source *source, const char *path, bb_str file)
{
        if (file.ptr != NULL && access(file.ptr, R_OK) < 0)
                COMPLAIN(source, path, "expected a file that busbard can read, found none at %.*s", BB_FMT(file));
}

static void check_client_policy(const struct config_source *source, const char *path, bb_str client_ca, int32_t policy)
{
        if ((policy == CONFIG_CLIENT_OPTIONAL || policy == CONFIG_CLIENT_REQUIRED) && client_ca.ptr == NULL)
                COMPLAIN(source, path, "client certificates need client_ca, too");
}

static void check_proxies(const struct config_source *source, const struct bb_array *proxies)
{
        const bb_str *items = proxies->items;
        struct config_network ignored;

        for (size_t i = 0; i < proxies->count; i++)
                if (config_network_parse(items[i], &ignored) < 0)
                        COMPLAIN(source, "trusted_proxies",
                                 "expected an address or a network (\"10.0.0.0/8\"), found \"%.*s\"", BB_FMT(items[i]));
}

static int32_t is_postgres_url(bb_str url)
{
        return str_starts(url, BB_STR("postgresql://")) || str_starts(url, BB_STR("postgres://"));
}

static void check_database(const struct config_source *source, const struct config_database *database)
{
        int32_t embedded = bb_str_is(database->url, "embedded");

        if (!embedded && !is_postgres_url(database->url))
                COMPLAIN(source, "database.url", "expected \"embedded\" or postgresql://…, found something else");
        if (!embedded && database->owner_url.ptr == NULL)
                COMPLAIN(source, "database.owner_url",
                         "expected postgresql://… of the role that owns the tables, found nothing");
        if (embedded && database->owner_url.ptr != NULL)
                COMPLAIN(source, "database.owner_url", "does not go with \"embedded\"");
        if (embedded && database->replica_url.ptr != NULL)
                COMPLAIN(source, "database.replica_url", "does not go with \"embedded\"");
        else if (database->replica_url.ptr != NULL && !is_postgres_url(database->replica_url))
                COMPLAIN(source, "database.replica_url", "expected postgresql://…, found something else");
}

void config_check_server(const struct config_source *source, const struct config_server *server)
{
        const struct config_http_tls *tls = server->http.tls;

        check_addresses(source, "http.listen", &server->http.listen);
        if (tls != NULL) {
                check_addresses(source, "http.tls.listen", &tls->listen);
                check_readable(source, "http.tls.certificate", tls->certificate);
                check_readable(source, "http.tls.key", tls->key);
                check_readable(source, "http.tls.client_ca", tls->client_ca);
                check_client_policy(source, "http.tls.client_policy", tls->client_ca, tls->client_policy);
        }
        if (server->http.listen.count == 0 && tls == NULL)
                COMPLAIN(source, "http", "expected addresses under listen or tls.listen, found none");
        if (!config_is_address(server->operation.listen))
                COMPLAIN(source, "operation.listen", "expected address:port (\"127.0.0.1:9090\"), found \"%.*s\"",
                         BB_FMT(server->operation.listen));
        check_proxies(source, &server->trusted_proxies);
        check_database(source, &server->database);
        if (server->watchdog.abort_ms > 0 && server->watchdog.abort_ms <= server->watchdog.warn_ms)
                COMPLAIN(source, "watchdog.abort_ms", "expected more than warn_ms (%d), found %d",
                         (int)server->watchdog.warn_ms, (int)server->watchdog.abort_ms);
}

static void check_hosts(const struct config_source *source, const struct config_tenant *tenant)
{
        const bb_str *hosts = tenant->hosts.items;

        for (size_t i = 0; i < tenant->hosts.count; i++)
                if (!config_is_host(hosts[i]))
                        COMPLAIN(source, "hosts", "expected a host name without scheme and port, found \"%.*s\"",
                                 BB_FMT(hosts[i]));
}

void config_check_tenant(const struct config_source *source, const struct config_tenant *tenant)
{
        check_hosts(source, tenant);
        if (tenant->base_url.ptr != NULL && !is_url(tenant->base_url))
                COMPLAIN(source, "base_url", "expected https://host without a slash at its end, found \"%.*s\"",
                         BB_FMT(tenant->base_url));
        if (!is_time_zone(tenant->time_zone))
                COMPLAIN(source, "time_zone", "expected a name like Europe/Berlin, found \"%.*s\"",
                         BB_FMT(tenant->time_zone));
        if (!consists_of(tenant->currency, UPPER))
                COMPLAIN(source, "currency", "expected three capitals like EUR, found \"%.*s\"",
                         BB_FMT(tenant->currency));
        if (!is_language(tenant->language))
                COMPLAIN(source, "language", "expected a tag like de or de-AT, found \"%.*s\"",
                         BB_FMT(tenant->language));
        if (tenant->tls != NULL) {
                check_readable(source, "tls.certificate", tenant->tls->certificate);
                check_readable(source, "tls.key", tenant->tls->key);
                check_readable(source, "tls.client_ca", tenant->tls->client_ca);
                check_client_policy(source, "tls.client_policy", tenant->tls->client_ca, tenant->tls->client_policy);
        }
}
