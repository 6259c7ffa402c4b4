/* SPDX-License-Identifier: Apache-2.0
 *
 * How long the pool's answers take while somebody copies, compared with what is usual otherwise: what a copy takes from
 * the server, stations and pages wait for.
 */
#include "base/time.h"
#include "db/copy.h"

enum { USUAL_WEIGHT = 256, NOW_WEIGHT = 16, SLACK_US = 1000, FORGET_MS = 250 };

static atomic_int_fast64_t usual_us, now_us, seen_at_ms;
static atomic_int copies;

static void blend(atomic_int_fast64_t *average, int64_t us, int64_t weight)
{
        int64_t before = atomic_load_explicit(average, memory_order_relaxed);

        atomic_store_explicit(average, before == 0 ? us : before + (us - before) / weight, memory_order_relaxed);
}

void load_seen(int64_t us)
{
        int copying = atomic_load_explicit(&copies, memory_order_relaxed) > 0;

        blend(copying ? &now_us : &usual_us, us, copying ? NOW_WEIGHT : USUAL_WEIGHT);
        if (copying)
                atomic_store_explicit(&seen_at_ms, time_mono_ms(), memory_order_relaxed);
}

void load_copy_begins(void)
{
        if (atomic_fetch_add(&copies, 1) == 0)
                atomic_store(&now_us, 0);
}

void load_copy_ends(void)
{
        atomic_fetch_sub(&copies, 1);
}

int64_t load_excess_ms(void)
{
        int64_t usual = atomic_load_explicit(&usual_us, memory_order_relaxed);
        int64_t now = atomic_load_explicit(&now_us, memory_order_relaxed);

        if (usual == 0 || time_mono_ms() - atomic_load_explicit(&seen_at_ms, memory_order_relaxed) > FORGET_MS)
                return 0;
        now -= usual + usual / 4 + SLACK_US;
        return now > 0 ? (now + 999) / 1000 : 0;
}
