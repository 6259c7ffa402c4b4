/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts, as one line of text.
 */
#include "base/time.h"
#include "sim.h"
#include <unistd.h>

struct counts counts;

static double resident_mib(void)
{
        unsigned long size, resident = 0;
        FILE *f = fopen("/proc/self/statm", "re");

        if (f == NULL)
                return 0;
        if (fscanf(f, "%lu %lu", &size, &resident) != 2)
                resident = 0;
        fclose(f);
        return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static struct latency answers;

void stats_count_latency(int64_t us)
{
        latency_add(&answers, us);
}

int stats_is_settled(void)
{
        for (int64_t i = 0; i < options.stations; i++) {
                const struct station *st = &stations[i];

                if (st->link != LINK_UP || st->boot != BOOT_ACCEPTED || st->in_flight != NULL || st->queued > 0)
                        return 0;
        }
        return 1;
}

void stats_print_settled(int64_t began_us)
{
        printf("settled stations=%lld seconds=%.2f answers=%llu p50=%.2fms p90=%.2fms p99=%.2fms max=%.2fms "
               "refused=%llu "
               "lost=%llu errors=%llu\n",
               (long long)options.stations, (double)(time_mono_us() - began_us) / 1e6,
               (unsigned long long)answers.count, latency_ms(&answers, 0.5), latency_ms(&answers, 0.9),
               latency_ms(&answers, 0.99), (double)answers.most_us / 1000, (unsigned long long)counts.refused,
               (unsigned long long)counts.lost, (unsigned long long)(counts.errors + counts.timeouts));
        fflush(stdout);
}

void stats_print(const char *what)
{
        long up = 0, charging = 0, queued = 0;

        for (int64_t i = 0; i < options.stations; i++) {
                up += stations[i].link == LINK_UP;
                charging += story_charging(&stations[i]);
                queued += stations[i].queued;
        }
        printf("%s up=%ld/%lld charging=%ld queued=%ld connects=%llu refused=%llu lost=%llu sent=%llu answered=%llu "
               "errors=%llu timeouts=%llu late=%llu calls=%llu started=%llu stopped=%llu given_up=%llu dropped=%llu "
               "provoked=%llu provoked_answers=%llu broken=%llu mismatches=%llu p50=%.2fms p99=%.2fms max=%.2fms "
               "rss=%.1fMiB\n",
               what, up, (long long)options.stations, charging, queued, (unsigned long long)counts.connects,
               (unsigned long long)counts.refused, (unsigned long long)counts.lost, (unsigned long long)counts.sent,
               (unsigned long long)counts.results, (unsigned long long)counts.errors,
               (unsigned long long)counts.timeouts, (unsigned long long)counts.late,
               (unsigned long long)counts.calls_in, (unsigned long long)counts.started,
               (unsigned long long)counts.stopped, (unsigned long long)counts.given_up,
               (unsigned long long)counts.dropped, (unsigned long long)counts.provoked,
               (unsigned long long)counts.provoked_answers, (unsigned long long)counts.broken,
               (unsigned long long)counts.mismatches, latency_ms(&answers, 0.5), latency_ms(&answers, 0.99),
               (double)answers.most_us / 1000, resident_mib());
        fflush(stdout);
}
