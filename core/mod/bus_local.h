/* SPDX-License-Identifier: Apache-2.0
 *
 * "bus/1" within one process: what a single node uses, and what a bus between nodes delivers into.
 */
#ifndef CORE_MOD_BUS_LOCAL_H
#define CORE_MOD_BUS_LOCAL_H

#include <busbar/bus.h>

extern const struct bb_bus_ops bus_local_ops;

/* Ends the subscriptions of this plugin and tenant (NULL: any). Deliveries that have not begun are dropped; those that
 * run are tasks, which task_cancel_group() ends. Unsubscribing once more does no harm. */
void bus_close_group(const bb_plugin_ref *, const bb_tenant *);
size_t bus_group_count(const bb_plugin_ref *, const bb_tenant *);

#endif
