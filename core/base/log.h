/* SPDX-License-Identifier: Apache-2.0
 *
 * The implementation of "log/1": JSON lines on stderr or a file, and the metrics registry behind /metrics.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include "base/buf.h"
#include <busbar/log.h>

extern const struct bb_log_ops base_log_ops;

/* What rt tells of the running task; strings may be NULL. Set by rt at start. */
struct log_context {
        const char *tenant, *task;
};
void log_set_context_source(void (*get)(struct log_context *ret));
void log_set_plugin_namer(const char *(*name)(const bb_plugin_ref *));
void log_set_level(int32_t level);
void log_set_fd(int fd);                                           /* default 2 */
void log_capture(void (*sink)(bb_str line, void *arg), void *arg); /* for tests; NULL ends it */
/* Secrets in free text and JSON (passwords in URLs, "AuthorizationKey" values, Authorization headers) become "***". */
bb_str log_mask(bb_str text); /* into arena_current */

/* All series in Prometheus' text format 0.0.4. */
void metrics_render(struct buf *out);

#endif
