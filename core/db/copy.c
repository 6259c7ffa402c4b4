/* SPDX-License-Identifier: Apache-2.0
 *
 * bb_db_copy, as the task that waits for it sees it: from which server, its names looked up, one thread for it, and
 * what is told afterwards. The pool is not used: a copy would keep one of its few connections for minutes.
 */
#include "db/copy.h"
#include "base/arena.h"
#include "base/time.h"
#include "rt/loop.h"
#include <busbar/log.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Names are looked up before the thread starts, since nobody could end it while a name server is silent. The answer may
 * come when the task has given up: then nobody wants it. */
struct name_wait {
        struct task *task;
        struct resolved found;
        int32_t done;
        int32_t reserved;
};

static void on_found(const struct resolved *found, void *arg)
{
        struct name_wait *w = arg;

        if (w->task == NULL) {
                free(w);
                return;
        }
        w->done = 1;
        w->found = (struct resolved){.count = found->count,
                                     .hosts = strdup(found->hosts),
                                     .addresses = strdup(found->addresses),
                                     .ports = strdup(found->ports)};
        task_wake(w->task);
}

static BB_AWAIT bb_err look_up(const char *url, struct resolved *ret)
{
        struct name_wait *w;
        char *hosts, *ports;
        bb_err err;

        if (!hosts_need_lookup(url, &hosts, &ports))
                return BB_OK;
        w = heap_new(sizeof(*w));
        w->task = task_current();
        if (!lookup_start(hosts, ports, on_found, w)) {
                free(w);
                return BB_E_BUSY;
        }
        err = task_park(-1);
        if (!w->done) {
                w->task = NULL;
                return err;
        }
        *ret = w->found;
        free(w);
        if (err == BB_OK && ret->count == 0)
                err = BB_E_UNAVAILABLE;
        return err;
}

static BB_AWAIT bb_err run_thread(struct copying *c)
{
        bb_err err;

        c->err = BB_E_CANCELED; /* until it ran */
        c->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (c->stop_fd < 0)
                return BB_E_BUSY;
        load_copy_begins();
        err = thread_run(copy_thread, copy_stop, c);
        load_copy_ends();
        close(c->stop_fd);
        if (err == BB_E_BUSY)
                return err;
        /* The thread does not know why it was stopped; and it may have ended well just before. */
        return c->err == BB_E_CANCELED ? err : c->err;
}

static BB_AWAIT bb_err copy_from(struct copying *c, const char *url, const char *session_attributes)
{
        bb_err err;

        c->url = url;
        c->session_attributes = session_attributes;
        err = look_up(url, &c->found);
        if (err == BB_OK)
                err = run_thread(c);
        resolved_free(&c->found);
        return err;
}

/* Not reached, or not fit: the primary does it. A copy that began there and failed is not begun again here. */
static BB_AWAIT bb_err copy_from_replica(struct copying *c, int *ret_done)
{
        static int told;
        bb_err err = copy_from(c, pool.config.replica_url, "any");

        *ret_done = c->ready || err == BB_E_CANCELED || err == BB_E_TIMEOUT || err == BB_E_BUSY;
        if (c->ready)
                told = 0;
        if (!*ret_done && !told) {
                told = 1;
                bb_log(BB_WARN, "db.replica_away", "copies come from the primary until the read replica can be used",
                       bb_kv_err(err));
        }
        return err;
}

/* A query by the pool first: it waits for a server that is away as every call does, and no longer. */
static BB_AWAIT bb_err copy_from_primary(struct copying *c)
{
        TRY(bb_db_query(NULL, "select 1"));
        return copy_from(c, pool.config.url, "read-write");
}

static BB_AWAIT bb_err copy_somewhere(struct copying *c)
{
        if ((c->copy->flags & BB_COPY_REPLICA) && pool.config.replica_url != NULL) {
                int done;
                bb_err err = copy_from_replica(c, &done);

                if (done)
                        return err;
        }
        return copy_from_primary(c);
}

static bb_err prepare(struct copying *c)
{
        const struct bb_copy *copy = c->copy;
        bb_tenant *tenant = NULL;
        bb_str text;

        TRY(caller_tenant(&tenant));
        if (copy == NULL || copy->size < offsetof(struct bb_copy, room) || copy->stmt == NULL || copy->row == NULL ||
            copy->timeout_ms < 0)
                return BB_E_INVALID;
        if (!pool.open || pool.refused)
                return BB_E_UNAVAILABLE;
        TRY(params_values(copy->stmt, &c->values));
        TRY(copy_text(copy->stmt, &c->values, &text));
        /* A line of its own for the end: the text's last may be a comment. */
        c->sql = arena_print(arena_current, "copy (%.*s\n) to stdout (format binary)", BB_FMT(text)).ptr;
        c->tenant = tenant->id;
        c->until_ms = copy->timeout_ms > 0 ? time_mono_ms() + copy->timeout_ms : INT64_MAX;
        c->lock_timeout_ms = pool.config.lock_timeout_ms;
        return BB_OK;
}

BB_AWAIT bb_err db_copy(const struct bb_copy *copy)
{
        struct copying c = {.copy = copy, .stop_fd = -1};
        int64_t start = time_mono_ms();
        bb_err err;

        TRY(prepare(&c));
        err = copy_somewhere(&c);
        bb_log(BB_INFO, "db.copied", NULL, bb_kv_int("rows", c.rows), bb_kv_int("bytes", c.bytes),
               bb_kv_int("ms", time_mono_ms() - start), bb_kv_int("paused_ms", c.paused_ms),
               bb_kv_int("replica", c.url == pool.config.replica_url), bb_kv_err(err));
        return err;
}
