/* SPDX-License-Identifier: Apache-2.0
 *
 * --bench: a closed loop, each station sends as soon as it has its answer. Latencies go to a histogram whose steps are
 * 3 %, so that memory does not depend on the number of messages.
 */
#include "base/time.h"
#include "sim.h"
#include <stdlib.h>

#define SUB_BITS 5
#define SUBS (1 << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS) * SUBS)
#define METERS_PER_TRANSACTION 12

static uint64_t buckets[BUCKETS];
static uint64_t messages;
static int64_t most_us, begun_us, ended_us;
static uint32_t ready;

/* --- histogram --- */

static size_t bucket_of(uint64_t us)
{
        int high;

        if (us < SUBS)
                return (size_t)us;
        high = 63 - __builtin_clzll(us);
        return (size_t)(high - SUB_BITS + 1) * SUBS + (size_t)(us >> (high - SUB_BITS) & (SUBS - 1));
}

static double bucket_ms(size_t bucket)
{
        size_t power = bucket / SUBS;
        double us = power == 0 ? (double)bucket : (double)((SUBS + bucket % SUBS) << (power - 1));

        return us / 1000;
}

static double percentile(double share)
{
        uint64_t wanted = (uint64_t)(share * (double)messages), seen = 0;

        for (size_t i = 0; i < BUCKETS; i++)
                if ((seen += buckets[i]) > wanted)
                        return bucket_ms(i);
        return (double)most_us / 1000;
}

void bench_count_latency(int64_t us)
{
        if (begun_us == 0 || ending)
                return;
        messages++;
        buckets[bucket_of(us > 0 ? (uint64_t)us : 0)]++;
        if (us > most_us)
                most_us = us;
}

/* --- the loop --- */

static void put(struct station *st, enum action action, struct transaction *tx, struct buf *payload)
{
        outbox_put(st, action, 1, tx, payload);
}

static void put_heartbeat(struct station *st)
{
        struct buf payload = {0};

        buf_add_c(&payload, "{}");
        put(st, HEARTBEAT, NULL, &payload);
}

static void put_meter_values(struct station *st)
{
        struct connector *c = &st->connectors[0];
        struct buf payload = {0};

        c->register_wh += 10;
        message_meter(&payload, st, c, "Sample.Periodic", time_now_ms());
        put(st, METER_VALUES, c->tx, &payload);
}

static void put_start(struct station *st)
{
        struct connector *c = &st->connectors[0];
        struct buf payload = {0};

        c->register_wh += 10; /* another start than the last one, also within its millisecond */
        c->tx = heap_new(sizeof(*c->tx));
        c->tx->connector = c->number;
        transaction_hold(c->tx);
        c->curve = (struct curve){.battery_wh = 60000,
                                  .soc = 0.2,
                                  .target_soc = 1,
                                  .most_w = 11040,
                                  .volts = 230,
                                  .power_w = 11000,
                                  .rate = 1,
                                  .phases = 1};
        c->sampled_at = time_mono_ms();
        message_start(&payload, c, time_now_ms());
        put(st, START_TRANSACTION, c->tx, &payload);
}

static void put_stop(struct station *st)
{
        struct connector *c = &st->connectors[0];
        struct buf payload = {0};

        c->stop_reason = "Local";
        message_stop(&payload, st, c, time_now_ms());
        put(st, STOP_TRANSACTION, c->tx, &payload);
        transaction_drop(c->tx);
        c->tx = NULL;
}

static void put_authorize(struct station *st)
{
        struct buf payload = {0};

        message_authorize(&payload, st->connectors[0].tag);
        put(st, AUTHORIZE, NULL, &payload);
}

static void put_status(struct station *st)
{
        struct buf payload = {0};

        message_status(&payload, st, 1);
        put(st, STATUS_NOTIFICATION, NULL, &payload);
}

/* A visit: card, start, twelve samples with a heartbeat between, stop, and the status notifications around it. */
static void next_of_mix(struct station *st)
{
        int32_t step = st->bench_step++ % (METERS_PER_TRANSACTION + 7);

        if (step == 0 || step == 3 || step >= METERS_PER_TRANSACTION + 5)
                put_status(st);
        else if (step == 1)
                put_authorize(st);
        else if (step == 2)
                put_start(st);
        else if (step == METERS_PER_TRANSACTION + 4)
                put_stop(st);
        else if (step == 9)
                put_heartbeat(st);
        else
                put_meter_values(st);
}

static void next(struct station *st)
{
        if (ending)
                return;
        if (options.bench == BENCH_HEARTBEAT)
                put_heartbeat(st);
        else if (options.bench == BENCH_MIX)
                next_of_mix(st);
        else if (options.bench == BENCH_SESSIONS && st->connectors[0].tx != NULL)
                put_stop(st);
        else if (st->connectors[0].tx == NULL)
                put_start(st);
        else
                put_meter_values(st);
}

static void on_time_over(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
        ended_us = time_mono_us();
        sim_end();
}

/* Measured from the moment when all stations are booted. */
static void start_clock(void)
{
        struct timeval tv = {.tv_sec = options.duration_s > 0 ? options.duration_s : 10};

        begun_us = time_mono_us();
        if (event_base_once(loop_base(), -1, EV_TIMEOUT, on_time_over, NULL, &tv) < 0)
                abort();
}

void bench_begin(struct station *st)
{
        bb_str tag = options.tags[st->index % options.tag_count];

        if (!st->benched) {
                st->benched = 1;
                ready++;
                memcpy(st->connectors[0].tag, tag.ptr, tag.len + 1);
        }
        if (ready == options.stations && begun_us == 0)
                start_clock();
        next(st);
}

void bench_on_answer(struct station *st, const struct call *call)
{
        if (!options.bench)
                return;
        if (call->action != BOOT_NOTIFICATION)
                next(st);
}

void bench_print(void)
{
        double seconds;

        if (ended_us == 0)
                ended_us = time_mono_us();
        if (begun_us == 0) {
                printf("bench action=%s: only %u of %lld stations were accepted\n", options.bench_action, ready,
                       (long long)options.stations);
                return;
        }
        seconds = (double)(ended_us - begun_us) / 1e6;
        printf("bench action=%s stations=%lld seconds=%.1f messages=%llu rate=%.0f/s p50=%.2fms p90=%.2fms p99=%.2fms "
               "max=%.2fms errors=%llu\n",
               options.bench_action, (long long)options.stations, seconds, (unsigned long long)messages,
               (double)messages / seconds, percentile(0.5), percentile(0.9), percentile(0.99), (double)most_us / 1000,
               (unsigned long long)(counts.errors + counts.timeouts));
}
