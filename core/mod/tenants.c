/* SPDX-License-Identifier: Apache-2.0
 *
 * The tenants that are served, by id and by host name. Looked at for every request.
 */
#include "base/map.h"
#include "base/str.h"
#include "mod/tenant.h"
#include <stdlib.h>

static struct map *by_id, *by_host;
static struct tenant **sorted; /* by id */
static size_t count;

static void init(void)
{
        if (by_id != NULL)
                return;
        by_id = map_new();
        by_host = map_new();
}

static int compare(const void *a, const void *b)
{
        const struct tenant *const *ta = a, *const *tb = b;

        return str_compare((*ta)->pub.id, (*tb)->pub.id);
}

static void sort_all(void)
{
        size_t at = 0, n = 0;
        bb_str key;
        void *value;

        free(sorted);
        count = map_count(by_id);
        sorted = heap_new((count + 1) * sizeof(struct tenant *));
        while (map_next(by_id, &at, &key, &value))
                sorted[n++] = value;
        qsort(sorted, count, sizeof(struct tenant *), compare);
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "busbar_tenants", "Tenants that are configured."), (double)count);
}

static void drop_hosts(const struct tenant *tenant)
{
        const bb_str *hosts = tenant->config->hosts.items;

        for (size_t i = 0; i < tenant->config->hosts.count; i++)
                if (map_get(by_host, hosts[i]) == tenant)
                        map_remove(by_host, hosts[i]);
}

void tenants_add(struct tenant *tenant)
{
        const bb_str *hosts = tenant->config->hosts.items;
        struct tenant *before;

        init();
        before = map_set(by_id, tenant->pub.id, tenant);
        if (before != NULL)
                drop_hosts(before);
        for (size_t i = 0; i < tenant->config->hosts.count; i++)
                map_set(by_host, hosts[i], tenant);
        sort_all();
}

void tenants_remove(struct tenant *tenant)
{
        init();
        drop_hosts(tenant);
        if (map_get(by_id, tenant->pub.id) == tenant)
                map_remove(by_id, tenant->pub.id);
        sort_all();
}

struct tenant *tenants_by_id(bb_str id)
{
        return by_id != NULL ? map_get(by_id, id) : NULL;
}

struct tenant *tenants_by_host(bb_str host)
{
        return by_host != NULL ? map_get(by_host, host) : NULL;
}

size_t tenants_count(void)
{
        return count;
}

struct tenant *tenants_at(size_t index)
{
        return index < count ? sorted[index] : NULL;
}
