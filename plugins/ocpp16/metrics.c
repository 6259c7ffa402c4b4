/* SPDX-License-Identifier: Apache-2.0
 *
 * Series by the addresses of their label values, in a small open table, so that counting a message costs no hashing of
 * text.
 */
#include "metrics.h"

#include <busbar/log.h>

#define ROOM 1024 /* a power of two, well above actions × results */

struct series {
        const char *label[3];
        bb_metric *metric;
};

static struct series known[ROOM];

static size_t slot_of(const char *a, const char *b, const char *c)
{
        uint64_t h = (uint64_t)(uintptr_t)a * 0x9e3779b97f4a7c15u;

        h = (h ^ (uint64_t)(uintptr_t)b) * 0x9e3779b97f4a7c15u;
        h = (h ^ (uint64_t)(uintptr_t)c) * 0x9e3779b97f4a7c15u;
        return (size_t)(h >> 40) & (ROOM - 1);
}

/* The place of this series; its metric is NULL the first time. NULL: the table is full, which is a defect. */
static struct series *find(const char *a, const char *b, const char *c)
{
        size_t at = slot_of(a, b, c);

        for (size_t i = 0; i < ROOM; i++, at = (at + 1) & (ROOM - 1)) {
                struct series *s = &known[at];

                if (s->metric == NULL) {
                        *s = (struct series){.label = {a, b, c}};
                        return s;
                }
                if (s->label[0] == a && s->label[1] == b && s->label[2] == c)
                        return s;
        }
        return NULL;
}

void metrics_message(const char *action, const char *direction, const char *result)
{
        struct series *s = find(action, direction, result);

        if (s == NULL)
                return;
        if (s->metric == NULL)
                s->metric = bb_metric_get(
                        BB_METRIC_COUNTER, "ocpp_messages_total", "OCPP messages from (in) and to (out) stations.",
                        bb_kv_cstr("action", action), bb_kv_cstr("direction", direction), bb_kv_cstr("result", result));
        bb_metric_add(s->metric, 1);
}

void metrics_seconds(const char *action, double seconds)
{
        struct series *s = find(action, "seconds", NULL);

        if (s == NULL)
                return;
        if (s->metric == NULL)
                s->metric = bb_metric_get(BB_METRIC_HISTOGRAM, "ocpp_message_seconds",
                                          "From the arrival of a station's CALL to its answer.",
                                          bb_kv_cstr("action", action));
        bb_metric_set(s->metric, seconds);
}

void metrics_refused(const char *reason)
{
        struct series *s = find(reason, "refused", NULL);

        if (s == NULL)
                return;
        if (s->metric == NULL)
                s->metric = bb_metric_get(BB_METRIC_COUNTER, "ocpp_refused_total", "Connections that were refused.",
                                          bb_kv_cstr("reason", reason));
        bb_metric_add(s->metric, 1);
}

void metrics_repairs(const char *rule, int64_t count)
{
        struct series *s = find(rule, "repair", NULL);

        if (s == NULL)
                return;
        if (s->metric == NULL)
                s->metric = bb_metric_get(BB_METRIC_COUNTER, "ocpp_repairs_total",
                                          "What had to be mended in stations' messages.", bb_kv_cstr("rule", rule));
        bb_metric_add(s->metric, (double)count);
}

void metrics_connections(int32_t change)
{
        static bb_metric *connections;

        if (connections == NULL)
                connections = bb_metric_get(BB_METRIC_GAUGE, "ocpp_connections", "Stations connected to this node.");
        bb_metric_add(connections, change);
}
