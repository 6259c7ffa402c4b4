/* SPDX-License-Identifier: Apache-2.0
 *
 * Transaction ids that are unique and positive, and tell nobody how many there are: a keyed permutation of a counter.
 */
#ifndef CHARGING_TRANSACTION_ID_H
#define CHARGING_TRANSACTION_ID_H

#include <stdint.h>

/* Counters 0 … TRANSACTION_IDS-1 become the ids 1 … TRANSACTION_IDS, each once. */
#define TRANSACTION_IDS 2147483647LL

struct transaction_cipher {
        uint64_t key[2];
};

int32_t transaction_id(const struct transaction_cipher *, int64_t counter);

#endif
