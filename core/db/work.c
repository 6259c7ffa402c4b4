/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and stopping the background work of a tenant, its wakes, and the housekeeping of the core's tables.
 */
#include "db/work.h"
#include "base/time.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_EVERY_MS INT64_C(3600000)
#define KEEP_FIRST_MS 60000
#define CHUNK 5000 /* rows deleted at once */

char *work_owner;
struct list works = {.next = &works, .prev = &works};

void work_open(void)
{
        if (asprintf(&work_owner, "%s/%s", pool.config.node, bb_uuid().ptr) < 0)
                abort();
}

void work_close(void)
{
        free(work_owner);
        work_owner = NULL;
}

struct work *work_of(const bb_tenant *tenant)
{
        LIST_EACH (item, &works) {
                struct work *w = LIST_OF(struct work, link, item);

                if (w->tenant == tenant)
                        return w;
        }
        return NULL;
}

int64_t jittered(int64_t ms)
{
        return ms * 4 / 5 + random() % (ms * 2 / 5 + 1);
}

BB_AWAIT bb_err nap(struct nap *n, int64_t ms)
{
        bb_err err = BB_OK;

        if (!n->woken) {
                n->task = task_current();
                err = task_park(ms);
                n->task = NULL;
        }
        n->woken = 0;
        return err == BB_E_TIMEOUT ? BB_OK : err;
}

void nap_wake(struct nap *n)
{
        n->woken = 1;
        if (n->task != NULL)
                task_wake(n->task);
}

/* The tenant may be gone by now when its task gave up waiting for the commit. */
void committed(const bb_tenant *tenant, int32_t flags)
{
        struct work *w = work_of(tenant);

        if (w == NULL)
                return;
        if (flags & BB_STMT_JOB)
                jobs_wait(w);
        if (!(flags & BB_STMT_EVENT))
                return;
        LIST_EACH (item, &w->subscribers)
                nap_wake(&LIST_OF(struct subscriber, link, item)->nap);
}

bb_err work_spawn(struct work *w, bb_plugin_ref *who, const char *name, int64_t timeout_ms, void (*fn)(void *),
                  void *arg, bb_task_id *ret_id)
{
        struct bb_task_spec spec = {.size = sizeof(spec),
                                    .name = name,
                                    .tenant = w->tenant,
                                    .timeout_ms = timeout_ms,
                                    .run = fn,
                                    .arg = arg};

        if (w->stopping)
                return BB_E_CANCELED;
        TRY(task_spawn(who, &spec, ret_id));
        w->tasks++;
        return BB_OK;
}

void work_task_ends(struct work *w)
{
        if (--w->tasks == 0 && w->stopper != NULL)
                task_wake(w->stopper);
}

/* Deletes in small pieces, so that nobody waits for a lock; `sql` deletes CHUNK rows at most, $1 is an age in days. */
static BB_AWAIT bb_err delete_old(const char *sql, int32_t days)
{
        bb_rows *rows = NULL;

        do {
                TRY(bb_db_query(&rows, sql, BB_INT(days), BB_INT(CHUNK)));
        } while (bb_rows_affected(rows) == CHUNK);
        return BB_OK;
}

/* A cursor that nobody used for as long as events are kept belongs to a plugin that is switched off: it must not hold
 * the others' events back. Switched on again, the plugin starts at the present. */
static BB_AWAIT bb_err keep_cursors(struct work *w)
{
        size_t count = 0;
        bb_str *plugins;

        LIST_EACH (item, &w->subscribers)
                count++;
        plugins = BB_NEW_ARRAY(bb_str, count + 1);
        count = 0;
        LIST_EACH (item, &w->subscribers)
                plugins[count++] = bb_cstr(LIST_OF(struct subscriber, link, item)->plugin);
        return bb_db_run(
                (struct bb_stmt[]){
                        BB_STMT("update core.event_cursor set seen_at = now() where plugin = any($1)",
                                BB_TEXT_ARRAY(plugins, count)),
                        BB_STMT("delete from core.event_cursor where seen_at < now() - $1 * interval '1 day'",
                                BB_INT(pool.config.event_days))},
                2, NULL);
}

BB_AWAIT bb_err keeper_round(struct work *w)
{
        TRY(keep_cursors(w));
        TRY(delete_old(
                "delete from core.event where (tenant_id, xid, seq) in (select e.tenant_id, e.xid, e.seq"
                " from core.event e where e.created_at < now() - $1 * interval '1 day'"
                " and not exists (select from core.event_cursor c where (c.xid, c.seq) < (e.xid, e.seq)) limit $2)",
                pool.config.event_days));
        TRY(delete_old(
                "delete from core.idempotency where (tenant_id, actor, route, key) in (select i.tenant_id, i.actor,"
                " i.route, i.key from core.idempotency i where i.created_at < now() - $1 * interval '1 day' limit $2)",
                1));
        return delete_old("delete from core.job where (tenant_id, id) in (select j.tenant_id, j.id from core.job j"
                          " where j.ended_at < now() - $1 * interval '1 day' limit $2)",
                          pool.config.job_days);
}

static void keeper_task(void *arg)
{
        struct work *w = arg;
        int64_t next = KEEP_FIRST_MS + jittered(KEEP_FIRST_MS);

        while (!w->stopping && nap(&w->keeper, next) == BB_OK && !w->stopping) {
                struct arena *own = arena_new("keeper"), *before = arena_current;

                arena_current = own;
                (void)keeper_round(w); /* the pool has logged it; there is another round */
                arena_current = before;
                arena_free(own);
                next = jittered(KEEP_EVERY_MS);
        }
        work_task_ends(w);
}

static void work_free(struct work *w)
{
        list_remove(&w->link);
        subscribers_stop(w);
        free(w);
}

static BB_AWAIT bb_err start_all(struct work *w)
{
        TRY(subscribers_start(w));
        TRY(jobs_start(w));
        return w->keeper_id != 0 ? BB_OK : work_spawn(w, NULL, "db.keeper", 0, keeper_task, w, &w->keeper_id);
}

static struct work *work_new(bb_tenant *tenant)
{
        struct work *w = heap_new(sizeof(*w));

        w->tenant = tenant;
        list_init(&w->subscribers);
        list_init(&w->jobs);
        list_append(&works, &w->link);
        return w;
}

BB_AWAIT bb_err db_start_tenant(bb_tenant *tenant)
{
        struct work *w;
        int is_new;
        bb_err err;

        CHECK_TENANT(tenant);
        if (task_current() == NULL || task_tenant(task_current()) != tenant)
                return BB_E_INVALID;
        w = work_of(tenant);
        is_new = w == NULL;
        if (w != NULL && (w->starting || w->stopping))
                return BB_E_BUSY;
        if (is_new)
                w = work_new(tenant);
        /* Counts as a task: whoever stops the tenant meanwhile waits for us. */
        w->starting = 1;
        w->tasks++;
        err = start_all(w);
        if (w->stopping)
                err = BB_E_CANCELED;
        w->starting = 0;
        work_task_ends(w);
        if (err < 0 && is_new)
                db_stop_tenant(tenant);
        return err;
}

/* Gives the leases back, so that another node need not wait for them to run out. Not essential: no error is told. */
static BB_AWAIT void release(bb_tenant *tenant)
{
        bb_tenant *before = task_tenant(task_current());

        if (db_ready() && task_check() == BB_OK) {
                task_set_tenant(tenant);
                (void)subscribers_release();
                (void)jobs_release();
                task_set_tenant(before);
        }
}

BB_AWAIT void db_stop_tenant(bb_tenant *tenant)
{
        struct work *w = work_of(tenant);

        if (w == NULL || task_current() == NULL || w->stopping)
                return;
        w->stopping = 1;
        w->stopper = task_current();
        bb_task_cancel(w->keeper_id);
        jobs_stop(w);
        LIST_EACH (item, &w->subscribers)
                bb_task_cancel(LIST_OF(struct subscriber, link, item)->task_id);
        while (w->tasks > 0)
                task_park_firmly();
        release(tenant);
        work_free(w);
}
