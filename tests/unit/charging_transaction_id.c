/* SPDX-License-Identifier: Apache-2.0
 *
 * Transaction ids: a permutation of 1 … 2^31-1, other for every key, without a visible order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../plugins/charging/transaction_id.c"

#define MANY 400000

static const struct transaction_cipher cipher = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};

static int ascending(const void *a, const void *b)
{
        const int32_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

static void ids_are_positive_and_unique(void **state)
{
        int32_t *ids = calloc(2 * MANY, sizeof(*ids));

        (void)state;
        for (int64_t i = 0; i < MANY; i++) {
                ids[i] = transaction_id(&cipher, i);
                ids[MANY + i] = transaction_id(&cipher, TRANSACTION_IDS - 1 - i);
        }
        qsort(ids, 2 * MANY, sizeof(*ids), ascending);
        assert_true(ids[0] >= 1);
        for (size_t i = 1; i < 2 * MANY; i++)
                assert_true(ids[i] > ids[i - 1]);
        free(ids);
}

static void the_counter_comes_round(void **state)
{
        (void)state;
        assert_int_equal(transaction_id(&cipher, 7), transaction_id(&cipher, 7 + TRANSACTION_IDS));
        assert_int_equal(transaction_id(&cipher, 7), transaction_id(&cipher, 7));
}

static void another_key_gives_other_ids(void **state)
{
        struct transaction_cipher other = cipher;
        int same = 0;

        (void)state;
        other.key[1] ^= 1;
        for (int64_t i = 0; i < 1000; i++)
                same += transaction_id(&cipher, i) == transaction_id(&other, i);
        assert_in_range(same, 0, 2);
}

/* Who sees two ids in a row learns nothing of the third: steps go both ways, and are long. */
static void neighbours_are_far_apart(void **state)
{
        int up = 0, near = 0;

        (void)state;
        for (int64_t i = 0; i < 10000; i++) {
                int64_t step = (int64_t)transaction_id(&cipher, i + 1) - transaction_id(&cipher, i);

                up += step > 0;
                near += step > -100000 && step < 100000;
        }
        assert_in_range(up, 4700, 5300);
        assert_in_range(near, 0, 20);
}

/* Of the test vectors of SipHash-2-4: key 00 … 0f, message 00 … 07. */
static void the_round_function_is_siphash(void **state)
{
        (void)state;
        assert_true(sip_hash(cipher.key, 0x0706050403020100ull) == 0x93f5f5799a932462ull);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_are_positive_and_unique),   cmocka_unit_test(the_counter_comes_round),
                cmocka_unit_test(another_key_gives_other_ids),   cmocka_unit_test(neighbours_are_far_apart),
                cmocka_unit_test(the_round_function_is_siphash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
