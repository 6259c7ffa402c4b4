/* SPDX-License-Identifier: Apache-2.0
 *
 * The end in good order: not ready, no new connections, stations sent away at a set rate, requests finished, tenants
 * stopped. A second signal or the time limit ends it at once; whatever was acknowledged is committed anyway.
 */
#include "mod/firm.h"
#include "mod/server.h"
#include "net/router.h"
#include "rt/loop.h"
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS 50
#define TENANTS_MS 25000   /* beyond the time for connections */
#define ONE_SIGNAL_MS 2000 /* a service manager tells every process, and the supervisor tells us, too */

static int64_t begun_ms;

static void stop_one(void *arg)
{
        tenant_stop(arg, 1001);
}

static void stop_all(void)
{
        size_t count = tenants_count();
        void **all = bb_alloc((count + 1) * sizeof(*all));

        for (size_t i = 0; i < count; i++)
                all[i] = tenants_at(i);
        server_change_tenants(stop_one, all, count);
}

/* Whoever starts or stops tenants right now gives up, and is waited for. */
static BB_AWAIT void end_changes(void)
{
        bb_task_cancel(server.start_task);
        bb_task_cancel(server.reload_task);
        while (server.changing > 0 || server.start_task != 0 || server.reload_task != 0) {
                tenant_cancel_starts();
                if (firm_sleep(LOOK_MS) < 0)
                        return;
        }
}

static void on_too_late(void *arg)
{
        (void)arg;
        bb_log(BB_ERROR, "server.drain_timeout", "the time to end in good order is over");
        status_remove();
        _exit(EXIT_FAILURE);
}

static void drain(void *arg)
{
        const struct config_drain *config = &server.config->server.drain;
        int64_t deadline = bb_mono_ms() + (int64_t)config->seconds * 1000;

        (void)arg;
        listen_drain(config->websockets_per_second);
        router_cancel_endless();
        while (listen_connections() > 0 && bb_mono_ms() < deadline)
                if (firm_sleep(LOOK_MS) < 0)
                        break;
        end_changes();
        stop_all();
        server_end(EXIT_SUCCESS);
}

void drain_begin(void)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .flags = TASK_WITHOUT_TENANT, .name = "server.drain", .run = drain};

        if (server.phase == SERVER_DRAINING && bb_mono_ms() - begun_ms < ONE_SIGNAL_MS)
                return;
        if (server.phase == SERVER_DRAINING) {
                bb_log(BB_WARN, "server.ended_at_once", "told a second time");
                status_remove();
                _exit(EXIT_FAILURE);
        }
        server.phase = SERVER_DRAINING;
        begun_ms = bb_mono_ms();
        bb_log(BB_INFO, "server.draining", NULL, bb_kv_int("connections", (int64_t)listen_connections()));
        bb_timer_new(NULL, "server.drain_limit", (int64_t)server.config->server.drain.seconds * 1000 + TENANTS_MS, 0,
                     on_too_late, NULL);
        if (task_spawn(NULL, &spec, NULL) < 0)
                server_end(EXIT_FAILURE);
}
