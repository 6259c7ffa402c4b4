/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and stopping a tenant's plugins. Everything that a plugin left running (tasks, timers, sockets,
 * subscriptions) is ended before its tenant_stop is called, so that a plugin frees its state without looking around.
 */
#include "base/log.h"
#include "db/db.h"
#include "mod/bus_local.h"
#include "mod/firm.h"
#include "mod/tenant.h"
#include "net/http.h"
#include "rt/task.h"

#define START_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 10000
#define STOP_LOOK_MS 10
#define RETRY_FIRST_MS 500
#define RETRY_MOST_MS 10000
#define RETRIES_WITHOUT_REASON 5 /* "unavailable" although the database answers: a partner's server, say */

/* --- starting --- */

static BB_AWAIT bb_err call_start(struct tenant *tenant, struct tenant_plugin *p)
{
        const bb_plugin_ref *before;
        bb_err err;

        if (p->ref->is.tenant_start == NULL)
                return BB_OK;
        task_set_tenant(&tenant->pub);
        task_set_timeout(START_TIMEOUT_MS);
        before = task_enter_plugin(p->ref, "tenant_start");
        err = p->ref->is.tenant_start(p->ref->self, &tenant->pub, p->config, &p->state);
        task_leave_plugin(before);
        task_set_timeout(0);
        task_set_tenant(NULL);
        return err;
}

static void close_group(const bb_plugin_ref *ref, const bb_tenant *t, int32_t code)
{
        bus_close_group(ref, t);
        websocket_close_group(ref, t, code);
        stream_close_group(ref, t);
        task_cancel_group(ref, t);
}

static size_t left_of_group(const bb_plugin_ref *ref, const bb_tenant *t)
{
        return task_group_count(ref, t) + websocket_group_count(ref, t) + bus_group_count(ref, t);
}

/* 1 when everything of the group ended. */
static BB_AWAIT int32_t end_group(const bb_plugin_ref *ref, const bb_tenant *t, int32_t code)
{
        int64_t deadline = bb_mono_ms() + STOP_TIMEOUT_MS;

        close_group(ref, t, code);
        while (left_of_group(ref, t) > 0) {
                if (bb_mono_ms() >= deadline) {
                        bb_log(BB_ERROR, "tenant.hangs", "something of a plugin does not end; its memory is kept",
                               bb_kv_str("tenant", t->id), bb_kv_cstr("plugin", plugin_name(ref)),
                               bb_kv_int("tasks", (int64_t)task_group_count(ref, t)),
                               bb_kv_int("websockets", (int64_t)websocket_group_count(ref, t)),
                               bb_kv_int("subscriptions", (int64_t)bus_group_count(ref, t)));
                        return 0;
                }
                if (firm_sleep(STOP_LOOK_MS) < 0)
                        return 0;
                /* What ends may have started something on its way out. */
                close_group(ref, t, code);
        }
        return 1;
}

static int32_t worth_another_try(bb_err err, int32_t attempt)
{
        if (err != BB_E_UNAVAILABLE)
                return 0;
        return bb_db_away_ms() > 0 || !db_ready() || attempt < RETRIES_WITHOUT_REASON;
}

/* As a task of the tenant, so that stopping it ends the pause. */
static BB_AWAIT bb_err pause_before_retry(struct tenant *tenant, int32_t attempt)
{
        int64_t ms = RETRY_FIRST_MS;
        bb_err err;

        for (int32_t i = 0; i < attempt && ms < RETRY_MOST_MS; i++)
                ms *= 2;
        task_set_tenant(&tenant->pub);
        err = bb_sleep(ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS);
        task_set_tenant(NULL);
        return err;
}

static void quarantine(struct tenant *tenant, struct tenant_plugin *p, bb_err err)
{
        bb_str why = bb_print("%s is quarantined: it failed to start: %s", p->ref->name, bb_err_text(err));

        tenant_plugin_fail(tenant, p, why.ptr);
        bb_log(BB_ERROR, "plugin.quarantined", why.ptr, bb_kv_str("tenant", tenant->pub.id),
               bb_kv_cstr("plugin", p->ref->name), bb_kv_err(err));
}

static BB_AWAIT bb_err start_plugin(struct tenant *tenant, struct tenant_plugin *p)
{
        bb_err err;

        p->state = NULL;
        p->why = NULL;
        tenant_plugin_set(p, TENANT_PLUGIN_CHANGING);
        for (int32_t attempt = 0; (err = call_start(tenant, p)) < 0; attempt++) {
                p->state = NULL;
                if (!end_group(p->ref, &tenant->pub, 1001))
                        tenant->hung = 1;
                if (err == BB_E_CANCELED || tenant->pub.stopping) {
                        tenant_plugin_set(p, TENANT_PLUGIN_OFF);
                        return BB_E_CANCELED;
                }
                if (!worth_another_try(err, attempt)) {
                        quarantine(tenant, p, err);
                        return err;
                }
                if (pause_before_retry(tenant, attempt) < 0) {
                        tenant_plugin_set(p, TENANT_PLUGIN_OFF);
                        return BB_E_CANCELED;
                }
        }
        tenant_plugin_set(p, TENANT_PLUGIN_RUNNING);
        return BB_OK;
}

static int32_t needs_run(const struct tenant *tenant, struct tenant_plugin *p)
{
        return tenant_unmet_need(tenant, p) == NULL;
}

static void fail_dependant(struct tenant *tenant, struct tenant_plugin *p)
{
        bb_str why = bb_print("%s needs %s, which does not run", p->ref->name, tenant_unmet_need(tenant, p));

        tenant_plugin_fail(tenant, p, why.ptr);
        bb_log(BB_ERROR, "plugin.need_failed", why.ptr, bb_kv_str("tenant", tenant->pub.id),
               bb_kv_cstr("plugin", p->ref->name));
}

static BB_AWAIT bb_err start_plugins(struct tenant *tenant)
{
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                struct tenant_plugin *p = &tenant->plugins[i];

                if (p->status != TENANT_PLUGIN_OFF)
                        continue;
                if (tenant->pub.stopping)
                        return BB_E_CANCELED;
                if (!needs_run(tenant, p))
                        fail_dependant(tenant, p);
                else if (start_plugin(tenant, p) == BB_E_CANCELED)
                        return BB_E_CANCELED;
        }
        return BB_OK;
}

static BB_AWAIT bb_err start_db(struct tenant *tenant)
{
        bb_err err = BB_E_UNAVAILABLE;

        for (int32_t attempt = 0; !tenant->db_started; attempt++) {
                if (tenant->pub.stopping)
                        return BB_E_CANCELED;
                task_set_tenant(&tenant->pub);
                err = db_start_tenant(&tenant->pub);
                task_set_tenant(NULL);
                tenant->db_started = err == BB_OK;
                if (err == BB_OK)
                        break;
                bb_log(BB_WARN, "tenant.db_start_failed", "events and jobs of a tenant do not start yet",
                       bb_kv_str("tenant", tenant->pub.id), bb_kv_err(err));
                TRY(pause_before_retry(tenant, attempt));
        }
        return BB_OK;
}

static struct list starting = {&starting, &starting};

void tenant_cancel_starts(void)
{
        LIST_EACH (item, &starting) {
                struct tenant *tenant = LIST_OF(struct tenant, starting, item);

                tenant->pub.stopping = 1;
                task_cancel_group(NULL, &tenant->pub);
        }
}

static BB_AWAIT bb_err start_all(struct tenant *tenant)
{
        TRY(start_plugins(tenant));
        return start_db(tenant);
}

BB_AWAIT bb_err tenant_start(struct tenant *tenant)
{
        bb_err err;

        tenant->status = TENANT_STARTING;
        tenant_show_metrics(tenant);
        list_append(&starting, &tenant->starting);
        err = start_all(tenant);
        list_remove(&tenant->starting);
        TRY(err);
        tenant->status = TENANT_RUNNING;
        bb_log(BB_INFO, "tenant.started", NULL, bb_kv_str("tenant", tenant->pub.id));
        return BB_OK;
}

BB_AWAIT int32_t tenant_start_failed(struct tenant *tenant)
{
        int32_t changed = 0;

        if (tenant->status != TENANT_RUNNING)
                return 0;
        list_append(&starting, &tenant->starting);
        for (size_t i = 0; i < tenant->plugin_count; i++) {
                struct tenant_plugin *p = &tenant->plugins[i];

                if (p->status != TENANT_PLUGIN_FAILED || p->ref == NULL || p->ref->state != PLUGIN_LOADED ||
                    p->config == NULL || !needs_run(tenant, p) || tenant->pub.stopping)
                        continue;
                changed += start_plugin(tenant, p) == BB_OK;
        }
        list_remove(&tenant->starting);
        return changed;
}

/* --- stopping --- */

static BB_AWAIT void stop_plugin(struct tenant *tenant, struct tenant_plugin *p, int32_t code)
{
        const bb_plugin_ref *before;

        tenant_plugin_set(p, TENANT_PLUGIN_CHANGING);
        if (!end_group(p->ref, &tenant->pub, code)) {
                tenant->hung = 1;
        } else if (p->ref->is.tenant_stop != NULL) {
                task_set_tenant(&tenant->pub);
                task_set_timeout(STOP_TIMEOUT_MS);
                before = task_enter_plugin(p->ref, "tenant_stop");
                p->ref->is.tenant_stop(p->ref->self, p->state);
                task_leave_plugin(before);
                task_set_timeout(0);
                task_set_tenant(NULL);
        }
        p->state = NULL;
        tenant_plugin_set(p, TENANT_PLUGIN_OFF);
}

BB_AWAIT void tenant_stop(struct tenant *tenant, int32_t websocket_code)
{
        tenant->pub.stopping = 1;
        tenant->status = TENANT_STOPPING;
        if (tenant->db_started) {
                task_set_tenant(&tenant->pub);
                db_stop_tenant(&tenant->pub);
                task_set_tenant(NULL);
                tenant->db_started = 0;
        }
        for (size_t i = tenant->plugin_count; i-- > 0;)
                if (tenant->plugins[i].status == TENANT_PLUGIN_RUNNING)
                        stop_plugin(tenant, &tenant->plugins[i], websocket_code);
        /* Requests that no plugin answers, and whatever else runs in its name. */
        if (!end_group(NULL, &tenant->pub, websocket_code))
                tenant->hung = 1;
        tenant->status = TENANT_STOPPED;
        bb_log(BB_INFO, "tenant.stopped", NULL, bb_kv_str("tenant", tenant->pub.id));
}
