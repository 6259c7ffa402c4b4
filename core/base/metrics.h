/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry of counters, gauges and histograms behind bb_metric_get() and metrics_render().
 */
#ifndef CORE_BASE_METRICS_H
#define CORE_BASE_METRICS_H

#include <busbar/log.h>

bb_metric *metrics_series(int32_t kind, const char *name, const char *help, const struct bb_kv *labels, size_t count);
void metrics_add(bb_metric *, double amount);
void metrics_set(bb_metric *, double value);

#endif
