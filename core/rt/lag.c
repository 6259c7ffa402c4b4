/* SPDX-License-Identifier: Apache-2.0
 *
 * How late the loop is, for threads that should give way to it. The one who asks posts a call to the loop, and the time
 * until that runs is the answer to the next question: so it costs nothing while nobody asks.
 */
#include "base/time.h"
#include "rt/rt_inner.h"

#define ASK_EVERY_MS 20

static atomic_int_fast64_t asked_at_ms; /* 0: no question is under way */
static atomic_int_fast64_t asked_last_ms, answer_ms;

static void answer(void *arg)
{
        (void)arg;
        atomic_store(&answer_ms, time_mono_ms() - atomic_load(&asked_at_ms));
        atomic_store(&asked_at_ms, 0);
}

static void ask(int64_t now)
{
        int_fast64_t none = 0;

        if (now - atomic_load(&asked_last_ms) < ASK_EVERY_MS)
                return;
        if (!atomic_compare_exchange_strong(&asked_at_ms, &none, now))
                return; /* another thread was quicker */
        atomic_store(&asked_last_ms, now);
        loop_post(answer, NULL);
}

int64_t loop_lag_ms(void)
{
        int64_t now = time_mono_ms(), since = atomic_load(&asked_at_ms), last = atomic_load(&answer_ms);

        if (since == 0) {
                ask(now);
                return last;
        }
        return now - since > last ? now - since : last;
}
