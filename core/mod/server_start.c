/* SPDX-License-Identifier: Apache-2.0
 *
 * The start as a task: the database's tables, the tenants, the listeners; ready.
 */
#include "mod/defaults.h"
#include "mod/server.h"

#define IMPATIENCE_MS 5000

static void start_one(void *arg)
{
        struct tenant *tenant = arg;

        if (tenant_start(tenant) < 0)
                bb_log(BB_WARN, "tenant.not_started", NULL, bb_kv_str("tenant", tenant->pub.id));
}

static BB_AWAIT void start_all(void)
{
        size_t count = tenants_count();
        void **all = bb_alloc((count + 1) * sizeof(*all));

        for (size_t i = 0; i < count; i++)
                all[i] = tenants_at(i);
        server.waiting_for = "tenants";
        server_change_tenants(start_one, all, count);
}

static bb_err open_listeners(void)
{
        size_t count = tenants_count();
        struct tenant **all = bb_alloc((count + 1) * sizeof(*all));
        struct tls_set *certificates;
        bb_str why = BB_NONE;
        bb_err err;

        for (size_t i = 0; i < count; i++)
                all[i] = tenants_at(i);
        certificates = tls_set_read(&server.config->server, all, count, &why);
        if (certificates == NULL) {
                bb_log(BB_ERROR, "tls.failed", why.ptr);
                return BB_E_INVALID;
        }
        err = listen_public(&server.config->server, certificates);
        if (err == BB_OK)
                tls_set_apply(certificates);
        else
                tls_set_free(certificates);
        return err;
}

/* A quick restart leaves newcomers waiting in the sockets' queues, which they do not notice. When it takes longer they
 * are told: everything is answered with 503 and Retry-After until we are ready. */
static void on_impatience(void *arg)
{
        (void)arg;
        if (server.phase == SERVER_STARTING && open_listeners() == BB_OK)
                bb_log(BB_WARN, "server.slow_start", "not ready yet; requests are refused with 503",
                       bb_kv_cstr("waiting_for", server.waiting_for));
}

static BB_AWAIT bb_err start(void)
{
        TRY(server_open_database());
        start_all();
        if (server.phase == SERVER_DRAINING)
                return BB_E_CANCELED;
        TRY(open_listeners());
        server.phase = SERVER_READY;
        server.waiting_for = NULL;
        return status_write();
}

static void start_task(void *arg)
{
        bb_err err = start();

        (void)arg;
        server.start_task = 0;
        if (err == BB_OK) {
                bb_log(BB_INFO, "server.ready", NULL, bb_kv_cstr("version", PACKAGE_VERSION),
                       bb_kv_int("tenants", (int64_t)tenants_count()));
                if (server.reload_wanted)
                        reload_request();
                return;
        }
        if (server.phase == SERVER_DRAINING)
                return;
        bb_log(BB_ERROR, "server.start_failed", "the server cannot start", bb_kv_err(err));
        server_fail();
}

bb_err server_begin(void)
{
        struct bb_task_spec spec = {.size = sizeof(spec), .name = "server.start", .run = start_task};

        server.waiting_for = "the database";
        bb_timer_new(NULL, "server.impatience", IMPATIENCE_MS, 0, on_impatience, NULL);
        return task_spawn(NULL, &spec, &server.start_task);
}
