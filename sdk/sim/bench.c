/* SPDX-License-Identifier: Apache-2.0
 *
 * --bench: a closed loop, each station sends as soon as it has its answer; with --bench-every at set times instead,
 * spread evenly over the stations.
 */
#include "base/time.h"
#include "sim.h"
#include <stdlib.h>

#define METERS_PER_TRANSACTION 12

static struct latency latency;
static int64_t begun_us, ended_us;
static uint32_t ready;

void bench_count_latency(int64_t us)
{
        if (begun_us != 0 && !ending)
                latency_add(&latency, us);
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

static void put_next(struct station *st)
{
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

/* At set times a late answer moves nothing: the next message is due when it would have been. */
static void next(struct station *st)
{
        int64_t every = options.bench_every_s * 1000;

        if (ending)
                return;
        if (every == 0) {
                put_next(st);
                return;
        }
        if (st->bench_due == 0)
                st->bench_due = time_mono_ms() + every * st->index / options.stations;
        st->bench_at = st->bench_due;
        station_schedule(st);
}

void bench_on_timer(struct station *st, int64_t now)
{
        if (now < st->bench_at || ending)
                return;
        st->bench_due += options.bench_every_s * 1000;
        st->bench_at = NEVER;
        put_next(st);
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
               options.bench_action, (long long)options.stations, seconds, (unsigned long long)latency.count,
               (double)latency.count / seconds, latency_ms(&latency, 0.5), latency_ms(&latency, 0.9),
               latency_ms(&latency, 0.99), (double)latency.most_us / 1000,
               (unsigned long long)(counts.errors + counts.timeouts));
}
