/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of provided interfaces, see registry.h; the order is in registry_order.c.
 */
#include "mod/registry.h"
#include "base/list.h"
#include "base/str.h"
#include <stdlib.h>

struct provided {
        struct list link;
        const char *interface;
        struct bb_plugin_ref *plugin;
        const void *ops;
};

static struct list provided = {.next = &provided, .prev = &provided};
static const struct registry_core_entry *core;

int32_t registry_is_interface(const char *interface)
{
        bb_str name = bb_cstr(interface);
        ptrdiff_t slash = str_find(name, '/');
        bb_str major;

        if (slash < 1 || name.len > 127)
                return 0;
        for (ptrdiff_t i = 0; i < slash; i++)
                if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-.", name.ptr[i]) == NULL)
                        return 0;
        major = str_sub(name, (size_t)slash + 1, name.len);
        if (major.len == 0 || major.len > 3 || major.ptr[0] == '0')
                return 0;
        for (size_t i = 0; i < major.len; i++)
                if (major.ptr[i] < '0' || major.ptr[i] > '9')
                        return 0;
        return 1;
}

void registry_set_core(const struct registry_core_entry *entries)
{
        core = entries;
}

const void *registry_core(const char *interface)
{
        for (const struct registry_core_entry *e = core; e != NULL && e->interface != NULL; e++)
                if (strcmp(e->interface, interface) == 0)
                        return e->ops;
        return NULL;
}

int32_t registry_provides(const struct bb_plugin_ref *plugin, const char *interface)
{
        LIST_EACH (item, &provided) {
                const struct provided *p = LIST_OF(struct provided, link, item);

                if (p->plugin == plugin && strcmp(p->interface, interface) == 0)
                        return 1;
        }
        return 0;
}

bb_err registry_provide(struct bb_plugin_ref *plugin, const char *interface, const void *ops)
{
        struct provided *p;

        if (interface == NULL || ops == NULL || !registry_is_interface(interface))
                return BB_E_INVALID;
        if (registry_core(interface) != NULL || registry_provides(plugin, interface))
                return BB_E_EXISTS;
        p = heap_new(sizeof(*p));
        p->interface = heap_str(bb_cstr(interface)).ptr;
        p->plugin = plugin;
        p->ops = ops;
        list_append(&provided, &p->link);
        return BB_OK;
}

const void *registry_provider(const char *interface, size_t index, struct bb_plugin_ref **ret_plugin)
{
        LIST_EACH (item, &provided) {
                const struct provided *p = LIST_OF(struct provided, link, item);

                if (strcmp(p->interface, interface) != 0)
                        continue;
                if (index-- > 0)
                        continue;
                if (ret_plugin != NULL)
                        *ret_plugin = p->plugin;
                return p->ops;
        }
        return NULL;
}

const char *registry_provided_by(const struct bb_plugin_ref *plugin, size_t index)
{
        LIST_EACH (item, &provided) {
                const struct provided *p = LIST_OF(struct provided, link, item);

                if (p->plugin == plugin && index-- == 0)
                        return p->interface;
        }
        return NULL;
}

void registry_remove(const struct bb_plugin_ref *plugin)
{
        LIST_EACH_SAFE (item, save, &provided) {
                struct provided *p = LIST_OF(struct provided, link, item);

                if (p->plugin != plugin)
                        continue;
                list_remove(item);
                free((void *)(uintptr_t)p->interface);
                free(p);
        }
}
