/* SPDX-License-Identifier: Apache-2.0
 *
 * busbar-sim: OCPP 1.6J charging stations by the thousand in one process. Beginning and end; what a station does is in
 * station.c (link), outbox.c (messages), story.c (cars), inbound.c (commands) and faults.c (misbehaviour).
 */
#include "base/log.h"
#include "base/time.h"
#include "rt/task.h"
#include "sim.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define END_CHECK_MS 50
#define SETTLED_CHECK_MS 50
#define STOP_MOST_MS 8000  /* for the last StopTransactions of those who are connected */
#define CLOSE_MOST_MS 8000 /* for closing handshakes */
#define IMPATIENT_MS 1500  /* a second signal after this means at once; sooner it is a shell that sends two */

struct station *stations;
int ending;

static struct event *signals[2], *end_check, *stats_timer, *settled_timer, *duration;
static int64_t began_us, end_begun, asked_at;

/* --- the end: stop what charges, wait for the acknowledgements, close, leave --- */

static void on_end_check(evutil_socket_t fd, short what, void *arg)
{
        int64_t taken = time_mono_ms() - end_begun, open = 0, unsent = 0;
        int64_t most = options.drain_s > 0 ? options.drain_s * 1000 : STOP_MOST_MS;

        (void)fd;
        (void)what;
        (void)arg;
        for (int64_t i = 0; i < options.stations; i++) {
                const struct station *st = &stations[i];

                open += st->ws != NULL || st->second_ws != NULL;
                unsent += (st->link == LINK_UP || station_wants_link(st)) && (st->in_flight != NULL || st->queued > 0);
        }
        if (ending < CLOSING && (unsent == 0 || taken > most)) {
                ending = CLOSING;
                end_begun = time_mono_ms();
                for (int64_t i = 0; i < options.stations; i++)
                        station_close(&stations[i], 1000, NEVER);
        } else if (ending == CLOSING && ((open == 0 && task_count() == 0) || taken > CLOSE_MOST_MS)) {
                loop_stop();
        }
}

void sim_end(void)
{
        static const struct timeval interval = {.tv_usec = END_CHECK_MS * 1000};

        if (ending) {
                if (time_mono_ms() - asked_at > IMPATIENT_MS)
                        loop_stop();
                return;
        }
        asked_at = time_mono_ms();
        ending = DRAINING;
        end_begun = time_mono_ms();
        for (int64_t i = 0; i < options.stations; i++) {
                struct station *st = &stations[i];

                for (int j = 0; j < st->connector_count && !options.abandon; j++)
                        if (st->connectors[j].tx != NULL)
                                story_stop(st, &st->connectors[j], "Other");
                station_schedule(st);
        }
        event_add(end_check, &interval);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
        sim_end();
}

static void on_stats(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
        stats_print("stats");
}

static void on_settled_check(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        (void)arg;
        if (ending || !stats_is_settled())
                return;
        stats_print_settled(began_us);
        sim_end();
}

/* --- the beginning --- */

static struct event *watch(int number, short what, event_callback_fn fn, int64_t seconds)
{
        struct timeval tv = {.tv_sec = (time_t)seconds};
        struct event *e = event_new(loop_base(), number, what, fn, NULL);

        if (e == NULL || (seconds >= 0 && event_add(e, what & EV_SIGNAL ? NULL : &tv) < 0))
                abort();
        return e;
}

static void watch_all(void)
{
        static const struct timeval settled_interval = {.tv_usec = SETTLED_CHECK_MS * 1000};

        signals[0] = watch(SIGINT, EV_SIGNAL | EV_PERSIST, on_end, 0);
        signals[1] = watch(SIGTERM, EV_SIGNAL | EV_PERSIST, on_end, 0);
        end_check = watch(-1, EV_PERSIST, on_end_check, -1);
        if (options.stats)
                stats_timer = watch(-1, EV_PERSIST, on_stats, options.stats_s);
        if (options.until_settled) {
                settled_timer = event_new(loop_base(), -1, EV_PERSIST, on_settled_check, NULL);
                if (settled_timer == NULL || event_add(settled_timer, &settled_interval) < 0)
                        abort();
        }
        if (options.duration_s > 0 && !options.bench)
                duration = watch(-1, 0, on_end, options.duration_s);
}

static void unwatch_all(void)
{
        event_free(signals[0]);
        event_free(signals[1]);
        event_free(end_check);
        if (stats_timer != NULL)
                event_free(stats_timer);
        if (settled_timer != NULL)
                event_free(settled_timer);
        if (duration != NULL)
                event_free(duration);
}

static void raise_descriptors(void)
{
        struct rlimit limit;
        rlim_t wanted = (rlim_t)options.stations + 100;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        if (limit.rlim_cur < wanted) {
                limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
                        fprintf(stderr, "busbar-sim: only %llu descriptors are allowed: raise ulimit -n\n",
                                (unsigned long long)limit.rlim_cur);
        }
}

static void free_all(void)
{
        for (int64_t i = 0; i < options.stations; i++)
                station_free(&stations[i]);
        unwatch_all();
        pace_stop();
        journal_close();
}

/* A connection that did not close in time, and tasks that wait for one, end with the process. */
static int is_clean(void)
{
        for (int64_t i = 0; i < options.stations; i++)
                if (stations[i].ws != NULL || stations[i].second_ws != NULL)
                        return 0;
        return task_count() == 0;
}

int main(int argc, char **argv)
{
        options_parse(argc, argv);
        raise_descriptors();
        log_set_level(options.quiet ? BB_ERROR : options.stations > 100 ? BB_WARN : BB_INFO);
        if (loop_init(1) < 0 || (options.journal != NULL && journal_open(options.journal) < 0)) {
                fprintf(stderr, "busbar-sim: cannot begin: %s\n", strerror(errno));
                return 71;
        }
        if (options.replay != NULL)
                return replay_run();
        stations = heap_new((size_t)options.stations * sizeof(*stations));
        began_us = time_mono_us();
        pace_start();
        watch_all();
        for (int64_t i = 0; i < options.stations; i++)
                station_init(&stations[i], (uint32_t)i);
        loop_run();
        if (options.bench)
                bench_print();
        if (!options.quiet && (!options.bench || options.stats))
                stats_print("end");
        if (is_clean()) {
                free_all();
                loop_close();
                free(stations);
                options_free();
        }
        return counts.mismatches > 0 ? 1 : 0;
}
