/* SPDX-License-Identifier: Apache-2.0
 *
 * Special-purpose addresses (the IANA registries of IPv4 and IPv6) and addresses within addresses.
 */
#include "net/address_guard.h"
#include <netinet/in.h>
#include <stdlib.h>

struct range {
        uint8_t prefix[16];
        uint8_t bits;
        const char *what;
};

static const struct range ranges4[] = {
        {{0}, 8, "this network"},
        {{10}, 8, "a private network"},
        {{100, 64}, 10, "a carrier's private network"},
        {{127}, 8, "loopback"},
        {{168, 63, 129, 16}, 32, "a hosting provider's internal service"},
        {{169, 254}, 16, "link-local (metadata services live there)"},
        {{172, 16}, 12, "a private network"},
        {{192, 0, 0}, 24, "a protocol assignment"},
        {{192, 0, 2}, 24, "documentation"},
        {{192, 88, 99}, 24, "a relay of 6to4"},
        {{192, 168}, 16, "a private network"},
        {{198, 18}, 15, "a benchmark network"},
        {{198, 51, 100}, 24, "documentation"},
        {{203, 0, 113}, 24, "documentation"},
        {{224}, 4, "multicast"},
        {{240}, 4, "reserved"},
};

/* Of 2000::/3 alone: whatever lies outside it is not public anyway. */
static const struct range ranges6[] = {
        {{0x20, 0x01, 0x00}, 23, "a protocol assignment"}, /* Teredo among them */
        {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
        {{0x3f, 0xff, 0x00}, 20, "documentation"},
};

/* IPv4 addresses in IPv6 clothes: where in the address they are. */
static const struct {
        struct range range;
        uint8_t at;
} wrappings[] = {
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, "IPv4-mapped"}, 12},
        {{{0x00, 0x64, 0xff, 0x9b}, 96, "NAT64"}, 12},
        {{{0x20, 0x02}, 16, "6to4"}, 2},
};

static int in_range(const uint8_t *address, const struct range *r)
{
        size_t bytes = r->bits / 8u;
        unsigned rest = r->bits % 8u;

        if (memcmp(address, r->prefix, bytes) != 0)
                return 0;
        return rest == 0 || (address[bytes] >> (8 - rest)) == (r->prefix[bytes] >> (8 - rest));
}

static const char *reason_in(const uint8_t *address, const struct range *ranges, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (in_range(address, &ranges[i]))
                        return ranges[i].what;
        return NULL;
}

static const char *reason4(const uint8_t *address)
{
        return reason_in(address, ranges4, BB_COUNT(ranges4));
}

static const char *reason6(const uint8_t *address)
{
        static const struct range global = {{0x20}, 3, NULL};
        static const uint8_t loopback[16] = {[15] = 1};

        for (size_t i = 0; i < BB_COUNT(wrappings); i++)
                if (in_range(address, &wrappings[i].range))
                        return reason4(address + wrappings[i].at);
        if (memcmp(address, loopback, sizeof(loopback)) == 0)
                return "loopback";
        if (address[0] == 0xff)
                return "multicast";
        if (!in_range(address, &global))
                return "not a public address";
        return reason_in(address, ranges6, BB_COUNT(ranges6));
}

const char *address_guard_reason(const struct sockaddr *sa)
{
        struct sockaddr_in in;
        struct sockaddr_in6 in6;

        if (sa->sa_family == AF_INET) {
                memcpy(&in, sa, sizeof(in));
                return reason4((const uint8_t *)&in.sin_addr);
        }
        if (sa->sa_family == AF_INET6) {
                memcpy(&in6, sa, sizeof(in6));
                return reason6(in6.sin6_addr.s6_addr);
        }
        return "no internet address";
}

int32_t address_guard_test_loopback(const struct sockaddr *sa)
{
        static int switched = -1;
        const char *why = address_guard_reason(sa);

        if (switched < 0) {
                const char *value = getenv("BUSBAR_TEST_ALLOW_LOOPBACK");

                switched = value != NULL && strcmp(value, "1") == 0;
        }
        return switched && why != NULL && strcmp(why, "loopback") == 0;
}

const char *address_guard_check(const struct sockaddr *sa)
{
        return address_guard_test_loopback(sa) ? NULL : address_guard_reason(sa);
}
