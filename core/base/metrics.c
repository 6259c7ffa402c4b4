/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics registry. A family is a name with its help and kind; a series is a family with labels. Both live as long
 * as the process. Loop thread only, as log.h says; so there are no locks.
 */
#include "base/metrics.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/number.h"
#include "base/str.h"
#include <math.h>
#include <stdlib.h>

/* Seconds: from a task switch's neighbourhood to a patient station's answer. */
static const double bucket_tops[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

enum { SERIES_MOST = 2000, METRIC_MAGIC = 0x4d455452 }; /* per family: labels may come from outside */

struct family;

struct bb_metric {
        uint32_t magic;
        struct family *family;
        struct bb_metric *next;
        bb_str labels; /* rendered, without braces: a="b",c="d" */
        double value;  /* of a histogram: the sum */
        uint64_t count;
        uint64_t buckets[BB_COUNT(bucket_tops)];
};

struct family {
        int32_t kind;
        bb_str name, help;
        struct bb_metric *series;
        size_t series_count;
};

static struct map *families; /* name -> struct family */
static struct map *series;   /* name{labels} -> struct bb_metric */

static int is_name_char(char c, int first)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* A name by Prometheus' rules; what does not fit becomes '_'. */
static void add_name(struct buf *b, const char *name)
{
        for (size_t i = 0; name[i] != '\0'; i++)
                buf_add_char(b, is_name_char(name[i], i == 0) || (name[i] == ':' && i > 0) ? name[i] : '_');
}

static void add_escaped(struct buf *b, bb_str s, int quotes)
{
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if (c == '\\')
                        buf_add(b, "\\\\", 2);
                else if (c == '\n')
                        buf_add(b, "\\n", 2);
                else if (c == '"' && quotes)
                        buf_add(b, "\\\"", 2);
                else
                        buf_add_char(b, c);
        }
}

static void add_label_value(struct buf *b, const struct bb_kv *kv)
{
        if (kv->kind == BB_KV_INT)
                number_add_int(b, kv->num);
        else if (kv->kind == BB_KV_REAL)
                number_add_real(b, kv->real);
        else if (kv->kind == BB_KV_ERR)
                buf_add_c(b, base_log_ops.err_text((bb_err)kv->num));
        else if (kv->kind == BB_KV_SECRET)
                buf_add_c(b, "***");
        else if (str_utf8_valid(kv->str))
                add_escaped(b, str_clip(kv->str, 128), 1);
        else
                buf_add_c(b, "ill-formed");
}

static void add_labels(struct buf *b, const struct bb_kv *labels, size_t count, const char *instead)
{
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buf_add_char(b, ',');
                add_name(b, labels[i].name);
                buf_add_c(b, "=\"");
                if (instead != NULL)
                        buf_add_c(b, instead);
                else
                        add_label_value(b, &labels[i]);
                buf_add_char(b, '"');
        }
}

static struct family *find_family(int32_t kind, bb_str name, const char *help)
{
        struct family *f;

        if (families == NULL) {
                families = map_new();
                series = map_new();
        }
        f = map_get(families, name);
        if (f == NULL) {
                f = heap_new(sizeof(*f));
                f->kind = kind;
                f->name = heap_str(name);
                f->help = heap_str(bb_cstr(help != NULL ? help : ""));
                map_set(families, name, f);
        } else if (f->kind != kind) {
                bb_log(BB_ERROR, "metric.kind", "a metric was asked for with two kinds; the first one stays",
                       bb_kv_str("metric", name));
        }
        return f;
}

static struct bb_metric *find_series(struct family *f, bb_str full_name, size_t labels_at)
{
        struct bb_metric *m = map_get(series, full_name);

        if (m != NULL || f->series_count >= SERIES_MOST)
                return m;
        m = heap_new(sizeof(*m));
        m->magic = METRIC_MAGIC;
        m->family = f;
        m->labels = heap_str(str_sub(full_name, labels_at, full_name.len));
        m->next = f->series;
        f->series = m;
        f->series_count++;
        map_set(series, full_name, m);
        return m;
}

/* Every label that came too late shares one series, so that the sum over the family stays right. */
static struct bb_metric *overflow_series(struct family *f, const struct bb_kv *labels, size_t count)
{
        _cleanup_buf_ struct buf full = {.ptr = NULL};
        struct bb_metric *m;
        size_t at;

        buf_add_str(&full, f->name);
        buf_add_char(&full, '{');
        at = full.len;
        add_labels(&full, labels, count, "other");
        m = map_get(series, buf_str(&full));
        if (m != NULL)
                return m;
        bb_log(BB_WARN, "metric.labels", "a metric has too many different labels; new ones are counted as \"other\"",
               bb_kv_str("metric", f->name));
        f->series_count--; /* this one is beyond the limit */
        m = find_series(f, buf_str(&full), at);
        return m;
}

bb_metric *metrics_series(int32_t kind, const char *name, const char *help, const struct bb_kv *labels, size_t count)
{
        _cleanup_buf_ struct buf full = {.ptr = NULL};
        struct bb_metric *m;
        struct family *f;
        size_t at;

        add_name(&full, name);
        f = find_family(kind, buf_str(&full), help);
        buf_add_char(&full, '{');
        at = full.len;
        add_labels(&full, labels, count, NULL);
        m = find_series(f, buf_str(&full), at);
        return m != NULL ? m : overflow_series(f, labels, count);
}

static void observe(bb_metric *m, double value)
{
        m->value += value;
        m->count++;
        for (size_t i = 0; i < BB_COUNT(bucket_tops); i++) {
                if (value <= bucket_tops[i]) {
                        m->buckets[i]++;
                        return;
                }
        }
}

void metrics_add(bb_metric *m, double amount)
{
        if (m == NULL || m->magic != METRIC_MAGIC || isnan(amount))
                return;
        if (m->family->kind == BB_METRIC_HISTOGRAM)
                observe(m, amount);
        else if (m->family->kind == BB_METRIC_GAUGE || amount >= 0) /* a counter never goes down */
                m->value += amount;
}

void metrics_set(bb_metric *m, double value)
{
        if (m == NULL || m->magic != METRIC_MAGIC || isnan(value))
                return;
        if (m->family->kind == BB_METRIC_HISTOGRAM)
                observe(m, value);
        else
                m->value = value;
}

static void add_number(struct buf *b, double v)
{
        char text[32];

        if (isinf(v))
                buf_add_c(b, v > 0 ? "+Inf" : "-Inf");
        else
                buf_add(b, text, number_shortest(v, text));
        buf_add_char(b, '\n');
}

/* name_suffix{labels,le="…"} and a space. */
static void add_series_name(struct buf *b, const bb_metric *m, const char *suffix, const char *le)
{
        buf_add_str(b, m->family->name);
        buf_add_c(b, suffix);
        if (m->labels.len > 0 || le != NULL) {
                buf_add_char(b, '{');
                buf_add_str(b, m->labels);
                if (le != NULL) {
                        buf_add_c(b, m->labels.len > 0 ? ",le=\"" : "le=\"");
                        buf_add_c(b, le);
                        buf_add_char(b, '"');
                }
                buf_add_char(b, '}');
        }
        buf_add_char(b, ' ');
}

static void render_histogram(struct buf *b, const bb_metric *m)
{
        uint64_t below = 0;
        char top[32];

        for (size_t i = 0; i < BB_COUNT(bucket_tops); i++) {
                below += m->buckets[i];
                (void)number_shortest(bucket_tops[i], top);
                add_series_name(b, m, "_bucket", top);
                add_number(b, (double)below);
        }
        add_series_name(b, m, "_bucket", "+Inf");
        add_number(b, (double)m->count);
        add_series_name(b, m, "_sum", NULL);
        add_number(b, m->value);
        add_series_name(b, m, "_count", NULL);
        add_number(b, (double)m->count);
}

static int compare_families(const void *a, const void *b)
{
        const struct family *const *x = a, *const *y = b;

        return str_compare((*x)->name, (*y)->name);
}

static int compare_series(const void *a, const void *b)
{
        const bb_metric *const *x = a, *const *y = b;

        return str_compare((*x)->labels, (*y)->labels);
}

static void render_family(struct buf *b, const struct family *f)
{
        static const char *const kinds[] = {"counter", "gauge", "histogram"};
        const bb_metric **sorted = heap_new((f->series_count + 2) * sizeof(*sorted));
        size_t count = 0;

        for (const bb_metric *m = f->series; m != NULL; m = m->next)
                sorted[count++] = m;
        qsort(sorted, count, sizeof(*sorted), compare_series);
        buf_add_c(b, "# HELP ");
        buf_add_str(b, f->name);
        buf_add_char(b, ' ');
        add_escaped(b, f->help, 0);
        buf_add_c(b, "\n# TYPE ");
        buf_add_str(b, f->name);
        buf_add_char(b, ' ');
        buf_add_c(b, f->kind >= 0 && f->kind < (int32_t)BB_COUNT(kinds) ? kinds[f->kind] : "untyped");
        buf_add_char(b, '\n');
        for (size_t i = 0; i < count; i++) {
                if (f->kind == BB_METRIC_HISTOGRAM) {
                        render_histogram(b, sorted[i]);
                        continue;
                }
                add_series_name(b, sorted[i], "", NULL);
                add_number(b, sorted[i]->value);
        }
        free(sorted);
}

void metrics_render(struct buf *out)
{
        size_t count = families != NULL ? map_count(families) : 0, at = 0, n = 0;
        const struct family **sorted = heap_new((count + 1) * sizeof(*sorted));
        bb_str name;
        void *family;

        while (families != NULL && map_next(families, &at, &name, &family))
                sorted[n++] = family;
        qsort(sorted, n, sizeof(*sorted), compare_families);
        for (size_t i = 0; i < n; i++)
                render_family(out, sorted[i]);
        free(sorted);
}
