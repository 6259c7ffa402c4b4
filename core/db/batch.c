/* SPDX-License-Identifier: Apache-2.0
 *
 * Group commit: what many tasks want to write goes into one commit. When nothing is under way the first item is written
 * at once; what comes while a flush commits is the next flush. One task per flush, so its memory goes with it.
 */
#include "db/pool.h"
#include <busbar/log.h>
#include <stdlib.h>

#define BATCH_MAGIC 0x42415443u
#define ITEMS_MAX 10000

enum { ITEM_WAITING = 0, ITEM_TAKEN = 1, ITEM_DONE = 2 };

struct item {
        struct list link;
        void *item;
        struct task *task;
        int32_t state;
        bb_err err;
};

struct bb_batch {
        uint32_t magic;
        int32_t running, closing;
        bb_plugin_ref *who;
        bb_tenant *tenant;
        const char *name;
        size_t max;
        bb_err (*flush)(void *const *, size_t, void *);
        void *arg;
        struct list waiting;
        struct task *closer;
        bb_metric *m_items, *m_flushes;
};

static void flush_task(void *arg);

bb_batch *batch_new(bb_plugin_ref *who, bb_tenant *tenant, const char *name, size_t max_items,
                    bb_err (*flush)(void *const *, size_t, void *), void *arg)
{
        bb_batch *b;

        if (tenant == NULL || tenant->magic != TENANT_MAGIC || flush == NULL || name == NULL)
                return NULL;
        b = heap_new(sizeof(*b));
        *b = (bb_batch){.magic = BATCH_MAGIC,
                        .who = who,
                        .tenant = tenant,
                        .name = name,
                        .max = max_items < 1           ? 1
                               : max_items > ITEMS_MAX ? ITEMS_MAX
                                                       : max_items,
                        .flush = flush,
                        .arg = arg};
        list_init(&b->waiting);
        b->m_items = bb_metric_get(BB_METRIC_COUNTER, "busbar_db_batch_items_total", "Items written by group commit.",
                                   bb_kv_cstr("batch", name));
        b->m_flushes = bb_metric_get(BB_METRIC_COUNTER, "busbar_db_batch_flushes_total", "Group commits.",
                                     bb_kv_cstr("batch", name));
        return b;
}

static bb_err start_flush(bb_batch *b)
{
        struct bb_task_spec spec = {
                .size = sizeof(spec), .name = b->name, .tenant = b->tenant, .run = flush_task, .arg = b};
        bb_err err = task_spawn(b->who, &spec, NULL);

        b->running = err == BB_OK;
        if (!b->running && b->closer != NULL)
                task_wake(b->closer);
        return err;
}

static void item_done(struct item *item, bb_err err)
{
        list_remove(&item->link);
        item->state = ITEM_DONE;
        item->err = err;
        task_wake(item->task);
}

static void fail_waiting(bb_batch *b, bb_err err)
{
        while (!list_empty(&b->waiting))
                item_done(LIST_OF(struct item, link, b->waiting.next), err);
}

/* Was it the fault of an item? Otherwise trying them one by one would only repeat it. */
static int blames_an_item(bb_err err)
{
        return err < 0 && err != BB_E_UNAVAILABLE && err != BB_E_CANCELED && err != BB_E_TIMEOUT;
}

static BB_AWAIT void flush_one_by_one(bb_batch *b, struct item **taken, size_t count)
{
        bb_err err = BB_OK;

        for (size_t i = 0; i < count; i++) {
                /* Once the server is away the rest need not be tried. */
                if (err >= 0 || blames_an_item(err))
                        err = b->flush(&taken[i]->item, 1, b->arg);
                item_done(taken[i], err);
        }
}

static BB_AWAIT void flush_taken(bb_batch *b, struct item **taken, void **items, size_t count)
{
        bb_err err = b->flush(items, count, b->arg);

        bb_metric_add(b->m_flushes, 1);
        bb_metric_add(b->m_items, (double)count);
        if (count > 1 && blames_an_item(err)) {
                bb_log(BB_WARN, "db.batch_split", "a group of items failed and is written one by one",
                       bb_kv_cstr("batch", b->name), bb_kv_int("items", (int64_t)count), bb_kv_err(err));
                flush_one_by_one(b, taken, count);
                return;
        }
        for (size_t i = 0; i < count; i++)
                item_done(taken[i], err);
}

static void flush_task(void *arg)
{
        bb_batch *b = arg;
        size_t count = 0, room = 0;
        struct item **taken;
        void **items;
        bb_err err;

        LIST_EACH (link, &b->waiting)
                room++;
        room = room < b->max ? room : b->max;
        taken = arena_alloc(arena_current, sizeof(struct item *) * (room + 1));
        items = arena_alloc(arena_current, sizeof(void *) * (room + 1));
        for (; count < room; count++) {
                taken[count] = LIST_OF(struct item, link, b->waiting.next);
                list_remove(&taken[count]->link);
                taken[count]->state = ITEM_TAKEN;
                items[count] = taken[count]->item;
        }
        if (count > 0)
                flush_taken(b, taken, items, count);
        b->running = 0;
        if (list_empty(&b->waiting)) {
                if (b->closer != NULL)
                        task_wake(b->closer);
                return;
        }
        err = start_flush(b);
        if (err < 0)
                fail_waiting(b, err);
}

/* Until it is taken the task may give up; from then on the flush uses its item. */
static BB_AWAIT bb_err item_wait(struct item *item)
{
        while (item->state != ITEM_DONE) {
                bb_err err = BB_OK;

                if (item->state == ITEM_TAKEN)
                        task_park_firmly();
                else
                        err = task_park(-1);
                if (err < 0 && item->state == ITEM_WAITING) {
                        list_remove(&item->link);
                        return err;
                }
        }
        return item->err;
}

BB_AWAIT bb_err batch_submit(bb_batch *b, void *what)
{
        struct item *item;
        bb_err err;

        if (b == NULL || b->magic != BATCH_MAGIC)
                return BB_E_INVALID;
        TRY(task_check());
        if (b->closing)
                return BB_E_CANCELED;
        if (!b->running)
                TRY(start_flush(b));
        item = heap_new(sizeof(*item));
        *item = (struct item){.item = what, .task = task_current()};
        list_append(&b->waiting, &item->link);
        err = item_wait(item);
        free(item);
        return err;
}

BB_AWAIT void batch_free(bb_batch *b)
{
        if (b == NULL || b->magic != BATCH_MAGIC)
                return;
        b->closing = 1;
        b->closer = task_current();
        while (b->running)
                task_park_firmly();
        fail_waiting(b, BB_E_CANCELED);
        b->magic = 0;
        free(b);
}
