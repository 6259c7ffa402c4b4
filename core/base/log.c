/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of JSON for each thing worth telling, written with one write(2). Masking is by the name of a field and by
 * what stands in its text (mask.c), so that a careless caller does not print a password.
 */
#include "base/log.h"
#include "base/mask.h"
#include "base/metrics.h"
#include "base/number.h"
#include "base/str.h"
#include "base/time.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { TEXT_BYTES_MOST = 8 * 1024, FIELDS_MOST = 48 };

/* Core is no plugin: its own calls through the SDK's inline functions carry no reference. */
bb_plugin_ref *bb_self_;
const struct bb_log_ops *bb_log_ = &base_log_ops;

static void (*context_source)(struct log_context *);
static const char *(*plugin_namer)(const bb_plugin_ref *);
static int32_t level_least = BB_INFO;

static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static int out_fd = STDERR_FILENO;
static void (*out_sink)(bb_str, void *);
static void *out_sink_arg;

void log_set_context_source(void (*get)(struct log_context *))
{
        __atomic_store_n(&context_source, get, __ATOMIC_RELEASE);
}

void log_set_plugin_namer(const char *(*name)(const bb_plugin_ref *))
{
        __atomic_store_n(&plugin_namer, name, __ATOMIC_RELEASE);
}

void log_set_level(int32_t level)
{
        __atomic_store_n(&level_least, level, __ATOMIC_RELAXED);
}

void log_set_fd(int fd)
{
        pthread_mutex_lock(&out_lock);
        out_fd = fd;
        pthread_mutex_unlock(&out_lock);
}

void log_capture(void (*sink)(bb_str, void *), void *arg)
{
        pthread_mutex_lock(&out_lock);
        out_sink = sink;
        out_sink_arg = arg;
        pthread_mutex_unlock(&out_lock);
}

static const char *err_text(bb_err e)
{
        static const char *const texts[] = {
                [-BB_OK] = "ok",
                [-BB_E_INVALID] = "invalid",
                [-BB_E_NOT_FOUND] = "not found",
                [-BB_E_EXISTS] = "exists already",
                [-BB_E_CONFLICT] = "conflict with the present state",
                [-BB_E_UNAUTHORIZED] = "not authenticated",
                [-BB_E_DENIED] = "not allowed",
                [-BB_E_TIMEOUT] = "timed out",
                [-BB_E_CANCELED] = "cancelled",
                [-BB_E_UNAVAILABLE] = "unavailable",
                [-BB_E_LIMIT] = "limit reached",
                [-BB_E_PROTOCOL] = "protocol broken",
                [-BB_E_IO] = "input or output failed",
                [-BB_E_CLOSED] = "connection closed",
                [-BB_E_BUSY] = "busy",
                [-BB_E_UNSUPPORTED] = "not supported",
                [-BB_E_PRECONDITION] = "precondition failed",
                [-BB_E_INTERNAL] = "internal defect",
                [-BB_E_OFFLINE] = "station offline",
                [-BB_E_REJECTED] = "rejected by the other side",
        };

        return e <= 0 && e > -(bb_err)BB_COUNT(texts) ? texts[-e] : "unknown error";
}

static const char *level_name(int32_t level)
{
        static const char *const names[] = {"debug", "info", "warn", "error"};

        return level >= 0 && level < (int32_t)BB_COUNT(names) ? names[level] : "error";
}

static void add_name(struct buf *line, const char *name)
{
        if (line->len > 1)
                buf_add_char(line, ',');
        buf_add_json_str(line, bb_cstr(name));
        buf_add_char(line, ':');
}

/* A text that may hold secrets or be far too long. */
static void add_text(struct buf *line, bb_str text)
{
        _cleanup_buf_ struct buf masked = {.ptr = NULL};
        bb_str clipped = str_clip(text, TEXT_BYTES_MOST);

        /* Masked as a whole: a secret cut in two would not be recognised. A monster is cut first nevertheless. */
        mask_add(&masked, text.len <= 16 * TEXT_BYTES_MOST ? text : clipped);
        clipped = str_clip(buf_str(&masked), TEXT_BYTES_MOST);
        if (clipped.len < masked.len || text.len > 16 * TEXT_BYTES_MOST) {
                masked.len = clipped.len;
                buf_add_c(&masked, "\xe2\x80\xa6");
        }
        buf_add_json_str(line, buf_str(&masked));
}

static int has_field(const struct bb_kv *fields, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                if (fields[i].name != NULL && strcmp(fields[i].name, name) == 0)
                        return 1;
        }
        return 0;
}

static void add_context(struct buf *line, const bb_plugin_ref *who, const struct bb_kv *fields, size_t count)
{
        void (*get)(struct log_context *) = __atomic_load_n(&context_source, __ATOMIC_ACQUIRE);
        const char *(*namer)(const bb_plugin_ref *) = __atomic_load_n(&plugin_namer, __ATOMIC_ACQUIRE);
        struct log_context context = {.tenant = NULL};
        const char *plugin = who != NULL && namer != NULL ? namer(who) : NULL;

        if (get != NULL)
                get(&context);
        /* A field of the caller's with the same name says it better: "tenant" in a line about starting a tenant. */
        if (context.tenant != NULL && !has_field(fields, count, "tenant")) {
                add_name(line, "tenant");
                buf_add_json_str(line, bb_cstr(context.tenant));
        }
        if (context.task != NULL && !has_field(fields, count, "task")) {
                add_name(line, "task");
                buf_add_json_str(line, bb_cstr(context.task));
        }
        if (plugin != NULL && !has_field(fields, count, "plugin")) {
                add_name(line, "plugin");
                buf_add_json_str(line, bb_cstr(plugin));
        }
}

static void add_value(struct buf *line, const struct bb_kv *kv)
{
        if (kv->kind == BB_KV_ERR)
                buf_add_json_str(line, bb_cstr(err_text((bb_err)kv->num)));
        else if (kv->kind == BB_KV_SECRET || mask_is_secret_name(bb_cstr(kv->name)))
                buf_add_c(line, "\"***\"");
        else if (kv->kind == BB_KV_INT)
                number_add_int(line, kv->num);
        else if (kv->kind == BB_KV_REAL)
                number_add_real(line, kv->real);
        else if (kv->str.ptr == NULL)
                buf_add_c(line, "null");
        else
                add_text(line, kv->str);
}

static void add_field(struct buf *line, const struct bb_kv *kv)
{
        static const char *const taken[] = {"ts", "level", "event", "text"};

        for (size_t i = 0; i < BB_COUNT(taken); i++) {
                if (strcmp(kv->name, taken[i]) != 0)
                        continue;
                buf_add_c(line, ",\"field_");
                buf_add_c(line, kv->name);
                buf_add_c(line, "\":");
                add_value(line, kv);
                return;
        }
        add_name(line, kv->name);
        add_value(line, kv);
}

static void write_all(int fd, const char *p, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return; /* nowhere left to tell it */
                p += n;
                len -= (size_t)n;
        }
}

static void emit(const struct buf *line)
{
        pthread_mutex_lock(&out_lock);
        if (out_sink != NULL)
                out_sink((bb_str){.ptr = line->ptr, .len = line->len - 1}, out_sink_arg);
        else
                write_all(out_fd, line->ptr, line->len);
        pthread_mutex_unlock(&out_lock);
}

static void log_write(const bb_plugin_ref *who, int32_t level, const char *event, const char *text,
                      const struct bb_kv *fields, size_t count)
{
        _cleanup_buf_ struct buf line = {.ptr = NULL};
        int saved = errno;
        char when[32];

        if (level < __atomic_load_n(&level_least, __ATOMIC_RELAXED))
                return;
        time_format(time_now_ms(), when);
        buf_reserve(&line, 512);
        buf_add_char(&line, '{');
        add_name(&line, "ts");
        buf_add_json_str(&line, bb_cstr(when));
        add_name(&line, "level");
        buf_add_json_str(&line, bb_cstr(level_name(level)));
        add_name(&line, "event");
        buf_add_json_str(&line, bb_cstr(event));
        if (text != NULL) {
                add_name(&line, "text");
                add_text(&line, bb_cstr(text));
        }
        add_context(&line, who, fields, count);
        for (size_t i = 0; i < count && i < FIELDS_MOST; i++) {
                if (fields[i].name != NULL)
                        add_field(&line, &fields[i]);
        }
        buf_add_c(&line, "}\n");
        emit(&line);
        errno = saved;
}

const struct bb_log_ops base_log_ops = {
        .size = sizeof(struct bb_log_ops),
        .write = log_write,
        .metric = metrics_series,
        .metric_add = metrics_add,
        .metric_set = metrics_set,
        .err_text = err_text,
};
