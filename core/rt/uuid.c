/* SPDX-License-Identifier: Apache-2.0
 *
 * UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, a 12-bit counter that makes those of one millisecond sort in
 * the order in which they were made (§6.2, method 1), 62 random bits. Loop thread only.
 */
#include "base/time.h"
#include "rt/rt_inner.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COUNTER_MOST 0xfffu
#define COUNTER_START 0x3ffu /* leaves room: a millisecond starts at a random point below */

static uint8_t pool[2048];
static size_t pool_left;

/* Random bytes by the page: a system call for each id would cost more than the rest of it. */
static void random_bytes(uint8_t *ret, size_t count)
{
        if (pool_left < count) {
                size_t got = 0;

                while (got < sizeof(pool)) {
                        ssize_t n = getrandom(pool + got, sizeof(pool) - got, 0);

                        if (n < 0 && errno != EINTR)
                                abort(); /* no kernel that we run on refuses */
                        if (n > 0)
                                got += (size_t)n;
                }
                pool_left = sizeof(pool);
        }
        pool_left -= count;
        memcpy(ret, pool + pool_left, count);
}

/* The time and the counter that come next: never smaller than the last, even when the clock goes back. */
static uint32_t next_tick(int64_t *ret_ms)
{
        static int64_t last_ms;
        static uint32_t counter;
        int64_t now = time_now_ms();
        uint8_t start[2];

        if (now <= last_ms && counter < COUNTER_MOST) {
                counter++;
        } else {
                last_ms = now > last_ms ? now : last_ms + 1;
                random_bytes(start, sizeof(start));
                counter = (uint32_t)(start[0] << 8 | start[1]) & COUNTER_START;
        }
        *ret_ms = last_ms;
        return counter;
}

bb_str uuid_text(void)
{
        static const char digits[] = "0123456789abcdef";
        uint8_t id[16];
        int64_t ms;
        uint32_t counter = next_tick(&ms);
        char *text = arena_alloc(arena_current, 37), *at = text;

        random_bytes(id + 8, 8);
        for (int i = 0; i < 6; i++)
                id[i] = (uint8_t)(ms >> (40 - 8 * i));
        id[6] = (uint8_t)(0x70 | counter >> 8);
        id[7] = (uint8_t)counter;
        id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *at++ = '-';
                *at++ = digits[id[i] >> 4];
                *at++ = digits[id[i] & 15];
        }
        return (bb_str){.ptr = text, .len = 36};
}
