/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured logs and metrics ("log/1"). One call with typed fields; values that are secrets never reach the output.
 */
#ifndef BUSBAR_LOG_H
#define BUSBAR_LOG_H

#include <busbar/types.h>

enum { BB_DEBUG = 0, BB_INFO = 1, BB_WARN = 2, BB_ERROR = 3 };

enum { BB_KV_STR = 0, BB_KV_INT = 1, BB_KV_REAL = 2, BB_KV_SECRET = 3, BB_KV_ERR = 4 };

/* A named value: a field of a log line or a label of a metric. `name` is a constant string. */
struct bb_kv {
        const char *name;
        int32_t kind;
        int32_t reserved;
        bb_str str;
        int64_t num;
        double real;
};

static inline struct bb_kv bb_kv_str(const char *name, bb_str v)
{
        return (struct bb_kv){.name = name, .kind = BB_KV_STR, .str = v};
}
static inline struct bb_kv bb_kv_cstr(const char *name, const char *v)
{
        return (struct bb_kv){.name = name, .kind = BB_KV_STR, .str = bb_cstr(v)};
}
static inline struct bb_kv bb_kv_int(const char *name, int64_t v)
{
        return (struct bb_kv){.name = name, .kind = BB_KV_INT, .num = v};
}
static inline struct bb_kv bb_kv_err(bb_err v)
{
        return (struct bb_kv){.name = "error", .kind = BB_KV_ERR, .num = v};
}

enum { BB_METRIC_COUNTER = 0, BB_METRIC_GAUGE = 1, BB_METRIC_HISTOGRAM = 2 };

struct bb_log_ops {
        uint32_t size;
        uint32_t reserved;
        /* Writes one line of JSON: time, level, event, the running task's tenant and plugin, then the fields. `event`
         * is a constant dotted name ("station.rejected"), `text` one sentence for people, or NULL. A field whose name
         * looks like a secret (password, authorization, key, secret, token) is masked. May be called from any thread;
         * never waits. */
        void (*write)(const bb_plugin_ref *who, int32_t level, const char *event, const char *text,
                      const struct bb_kv *fields, size_t count);
        /* The series of metric `name` with these labels; made at its first use, lives as long as the process.
         * Names follow Prometheus' rules. Keep the pointer: looking it up hashes the labels. Loop thread only. */
        bb_metric *(*metric)(int32_t kind, const char *name, const char *help, const struct bb_kv *labels,
                             size_t count);
        /* Adds to a counter or a gauge. */
        void (*metric_add)(bb_metric *, double amount);
        /* Sets a gauge, or observes a value in a histogram (seconds). */
        void (*metric_set)(bb_metric *, double value);
        const char *(*err_text)(bb_err);
};

extern const struct bb_log_ops *bb_log_ BB_HIDDEN;
extern bb_plugin_ref *bb_self_ BB_HIDDEN;

#define BB_KVS(...) ((const struct bb_kv[]){{.name = NULL}, ##__VA_ARGS__})
/* bb_log(BB_WARN, "station.rejected", "unknown station", bb_kv_str("station", id), ...) */
#define bb_log(level, event, text, ...)                                                                                \
        bb_log_->write(bb_self_, (level), (event), (text), BB_KVS(__VA_ARGS__) + 1, BB_COUNT(BB_KVS(__VA_ARGS__)) - 1)
/* bb_metric_get(BB_METRIC_COUNTER, "ocpp_messages_total", "Messages.", bb_kv_cstr("action", "Heartbeat")) */
#define bb_metric_get(kind, name, help, ...)                                                                           \
        bb_log_->metric((kind), (name), (help), BB_KVS(__VA_ARGS__) + 1, BB_COUNT(BB_KVS(__VA_ARGS__)) - 1)

static inline void bb_metric_add(bb_metric *m, double amount)
{
        bb_log_->metric_add(m, amount);
}
static inline void bb_metric_set(bb_metric *m, double value)
{
        bb_log_->metric_set(m, value);
}
static inline const char *bb_err_text(bb_err e)
{
        return bb_log_->err_text(e);
}

#endif
