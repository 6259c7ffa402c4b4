/* SPDX-License-Identifier: Apache-2.0
 *
 * What belongs to a plugin in a tenant, so that stopping either finds it: sockets, streams, listeners.
 */
#ifndef CORE_NET_GROUP_H
#define CORE_NET_GROUP_H

#include "base/list.h"
#include <busbar/types.h>

struct group_member {
        struct list link;
        const bb_plugin_ref *who;
        bb_tenant *tenant;
};

static inline void group_join(struct list *all, struct group_member *m, const bb_plugin_ref *who, bb_tenant *tenant)
{
        m->who = who;
        m->tenant = tenant;
        list_append(all, &m->link);
}

/* NULL stands for any. */
static inline int32_t group_has(const struct group_member *m, const bb_plugin_ref *who, const bb_tenant *tenant)
{
        return (who == NULL || m->who == who) && (tenant == NULL || m->tenant == tenant);
}

#endif
