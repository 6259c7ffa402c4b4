/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is to blame: the breadcrumb page for crash reports, the trail of calls from core into plugins, and the groups
 * of tasks that a plugin or tenant takes with it when it stops.
 */
#include "base/tenant.h"
#include "rt/rt_inner.h"

#define BREADCRUMB_MAGIC 0x42524541u

static struct breadcrumb_page private_page = {.magic = BREADCRUMB_MAGIC};
struct breadcrumb_page *breadcrumb_page = &private_page;
_Thread_local const struct breadcrumb_page *thread_crumb;
static struct trail loop_trail;
static const char *(*plugin_namer)(const bb_plugin_ref *);

void task_set_plugin_namer(const char *(*namer)(const bb_plugin_ref *))
{
        plugin_namer = namer;
}

const char *trail_plugin_name(const bb_plugin_ref *who)
{
        if (who == NULL)
                return "";
        return plugin_namer != NULL ? plugin_namer(who) : "plugin";
}

/* Cut where it does not fit. Runs at every switch: no formatting. */
static void crumb(char *to, size_t room, const char *text)
{
        size_t i = 0;

        for (; text[i] != '\0' && i + 1 < room; i++)
                to[i] = text[i];
        to[i] = '\0';
}

static void crumbs(const bb_plugin_ref *who, const bb_tenant *tenant, const char *operation)
{
        struct breadcrumb_page *p = breadcrumb_page;

        crumb(p->plugin, sizeof(p->plugin), trail_plugin_name(who));
        crumb(p->tenant, sizeof(p->tenant), tenant != NULL && tenant->id.ptr != NULL ? tenant->id.ptr : "");
        crumb(p->operation, sizeof(p->operation), operation);
}

const struct breadcrumb_page *breadcrumb_at_crash(void)
{
        struct breadcrumb_page *page = breadcrumb_page;

        if (thread_crumb == NULL)
                return page;
        breadcrumb_page = &private_page;
        *page = *thread_crumb;
        return page;
}

/* Where the trail ends, or NULL. */
static const bb_plugin_ref *trail_last(const struct trail *trail, const char **ret_operation)
{
        uint32_t depth = trail->depth < TRAIL_MOST ? trail->depth : TRAIL_MOST;

        if (depth == 0)
                return NULL;
        *ret_operation = trail->operation[depth - 1];
        return trail->who[depth - 1];
}

void trail_show(const struct task *t)
{
        const char *operation = t != NULL ? t->name : "";
        const bb_plugin_ref *who = t != NULL ? t->who : NULL, *inside;

        inside = trail_last(t != NULL ? &t->trail : &loop_trail, &operation);
        crumbs(inside != NULL ? inside : who, t != NULL ? t->tenant : NULL, operation);
}

int trail_has(const struct trail *trail, const bb_plugin_ref *who)
{
        for (uint32_t i = 0; i < trail->depth && i < TRAIL_MOST; i++)
                if (trail->who[i] == who)
                        return 1;
        return 0;
}

const bb_plugin_ref *task_enter_plugin(const bb_plugin_ref *who, const char *operation)
{
        struct task *t = task_current();
        struct trail *trail = t != NULL ? &t->trail : &loop_trail;
        const char *ignored;
        const bb_plugin_ref *before = trail_last(trail, &ignored);

        if (before == NULL && t != NULL)
                before = t->who;
        if (trail->depth < TRAIL_MOST) {
                trail->who[trail->depth] = who;
                trail->operation[trail->depth] = operation;
        }
        trail->depth++;
        trail_show(t);
        return before;
}

void task_leave_plugin(const bb_plugin_ref *before)
{
        struct task *t = task_current();
        struct trail *trail = t != NULL ? &t->trail : &loop_trail;

        (void)before; /* the trail itself knows */
        if (trail->depth > 0)
                trail->depth--;
        trail_show(t);
}

static int in_group(const struct task *t, const bb_plugin_ref *who, const bb_tenant *tenant)
{
        if (tenant != NULL && t->tenant != tenant)
                return 0;
        return who == NULL || t->who == who || trail_has(&t->trail, who);
}

void task_cancel_group(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        timer_cancel_group(who, tenant);
        LIST_EACH (item, &task_all) {
                struct task *t = LIST_OF(struct task, all, item);

                if (in_group(t, who, tenant))
                        task_cancel(t->id);
        }
}

size_t task_group_count(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        size_t count = 0;

        LIST_EACH (item, &task_all)
                count += (size_t)in_group(LIST_OF(struct task, all, item), who, tenant);
        return count;
}
