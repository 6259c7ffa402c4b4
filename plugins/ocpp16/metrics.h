/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted: ocpp_messages_total{action,direction,result}, ocpp_message_seconds{action}, ocpp_connections,
 * ocpp_repairs_total{rule} and ocpp_refused_total{reason}. Labels come from our own tables only, so their number is
 * bounded.
 */
#ifndef OCPP16_METRICS_H
#define OCPP16_METRICS_H

#include <busbar/types.h>

#define METRIC_IN "in"
#define METRIC_OUT "out"

/* All three are constants: the series is remembered by their addresses. */
void metrics_message(const char *action, const char *direction, const char *result);
void metrics_seconds(const char *action, double seconds);
void metrics_refused(const char *reason);
void metrics_repairs(const char *rule, int64_t count);
void metrics_connections(int32_t change);

#endif
