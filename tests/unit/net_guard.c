/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses a stranger's URL may lead to, in every clothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address_guard.h"
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_storage address(const char *text)
{
        struct sockaddr_storage ss = {.ss_family = AF_INET};

        if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&ss)->sin_addr) == 1)
                return ss;
        ss.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&ss)->sin6_addr), 1);
        return ss;
}

static const char *reason(const char *text)
{
        struct sockaddr_storage ss = address(text);

        return address_guard_reason((const struct sockaddr *)&ss);
}

static void private_addresses_are_refused(void **state)
{
        static const char *const refused[] = {"0.0.0.0",
                                              "0.1.2.3",
                                              "10.0.0.1",
                                              "10.255.255.255",
                                              "100.64.0.1",
                                              "100.127.255.255",
                                              "100.100.100.200",
                                              "127.0.0.1",
                                              "127.255.255.254",
                                              "169.254.169.254",
                                              "169.254.0.1",
                                              "172.16.0.1",
                                              "172.31.255.255",
                                              "192.0.0.8",
                                              "192.0.2.1",
                                              "192.88.99.1",
                                              "192.168.0.1",
                                              "192.168.255.255",
                                              "198.18.0.1",
                                              "198.19.255.255",
                                              "198.51.100.1",
                                              "203.0.113.1",
                                              "224.0.0.1",
                                              "239.255.255.255",
                                              "240.0.0.1",
                                              "255.255.255.255",
                                              "168.63.129.16",
                                              "::",
                                              "::1",
                                              "::7f00:1",
                                              "::ffff:127.0.0.1",
                                              "::ffff:10.0.0.1",
                                              "::ffff:169.254.169.254",
                                              "64:ff9b::10.0.0.1",
                                              "64:ff9b::169.254.169.254",
                                              "64:ff9b:1::1",
                                              "100::1",
                                              "2001::1",
                                              "2001:db8::1",
                                              "2002:7f00:1::1",
                                              "2002:a00:1::",
                                              "2002:a9fe:a9fe::",
                                              "3fff::1",
                                              "fc00::1",
                                              "fd12:3456::1",
                                              "fd00:ec2::254",
                                              "fe80::1",
                                              "febf::1",
                                              "fec0::1",
                                              "ff02::1",
                                              "ff0e::1",
                                              "4000::1",
                                              "5f00::1"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(refused); i++)
                if (reason(refused[i]) == NULL)
                        fail_msg("%s passed", refused[i]);
}

static void public_addresses_pass(void **state)
{
        static const char *const passed[] = {
                "1.1.1.1",          "8.8.8.8",         "9.255.255.255",   "11.0.0.1",        "100.63.255.255",
                "100.128.0.1",      "126.255.255.255", "128.0.0.1",       "169.253.255.255", "172.15.255.255",
                "172.32.0.1",       "192.167.255.255", "192.169.0.1",     "198.17.255.255",  "198.20.0.1",
                "223.255.255.255",  "168.63.129.17",   "2606:4700::1111", "2a00:1450::1",    "::ffff:8.8.8.8",
                "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:200::1",     "3ffe::1"};

        (void)state;
        for (size_t i = 0; i < BB_COUNT(passed); i++)
                if (reason(passed[i]) != NULL)
                        fail_msg("%s was refused as %s", passed[i], reason(passed[i]));
}

static void no_internet_address_is_refused(void **state)
{
        struct sockaddr_storage ss = {.ss_family = AF_UNIX};

        (void)state;
        assert_non_null(address_guard_reason((const struct sockaddr *)&ss));
}

/* In a child, because the switch is read once in a process. */
static void without_the_switch_loopback_is_refused(void **state)
{
        struct sockaddr_storage loopback = address("127.0.0.1");
        int status = 0;
        pid_t pid = fork();

        (void)state;
        if (pid == 0) {
                unsetenv("BUSBAR_TEST_ALLOW_LOOPBACK");
                _exit(address_guard_check((const struct sockaddr *)&loopback) != NULL ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_switch_for_tests_opens_loopback_alone(void **state)
{
        struct sockaddr_storage loopback = address("127.0.0.1"), six = address("::1"), private = address("10.0.0.1");

        (void)state;
        setenv("BUSBAR_TEST_ALLOW_LOOPBACK", "1", 1);
        assert_null(address_guard_check((const struct sockaddr *)&loopback));
        assert_null(address_guard_check((const struct sockaddr *)&six));
        assert_non_null(address_guard_check((const struct sockaddr *)&private));
        assert_non_null(address_guard_reason((const struct sockaddr *)&loopback));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(private_addresses_are_refused),
                cmocka_unit_test(public_addresses_pass),
                cmocka_unit_test(no_internet_address_is_refused),
                cmocka_unit_test(without_the_switch_loopback_is_refused),
                cmocka_unit_test(the_switch_for_tests_opens_loopback_alone),
        };

        return cmocka_run_group_tests_name("net_guard", tests, NULL, NULL);
}
