/* SPDX-License-Identifier: Apache-2.0
 *
 * Which plugins crash too often: see quarantine.h. The file is for people (removing it lifts the quarantine) and for
 * the next run; what counts within a run is in memory, so that a full disk changes nothing.
 */
#include "mod/quarantine.h"
#include "base/buf.h"
#include "mod/config_tree.h"
#include "mod/server.h"
#include <busbar/shape.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_MOST (64u << 10)

static int32_t is_quarantined(const struct quarantine *q, const char *plugin)
{
        for (size_t i = 0; i < q->count; i++)
                if (strcmp(q->plugins[i], plugin) == 0)
                        return 1;
        return 0;
}

static void add(struct quarantine *q, const char *plugin)
{
        if (q->count < BB_COUNT(q->plugins) && !is_quarantined(q, plugin))
                snprintf(q->plugins[q->count++], sizeof(q->plugins[0]), "%s", plugin);
}

static void write_file(const struct quarantine *q)
{
        _cleanup_buf_ struct buf out = {0};

        buf_add_c(&out, "{\"plugins\": [");
        for (size_t i = 0; i < q->count; i++) {
                buf_add_c(&out, i > 0 ? ", " : "");
                buf_add_json_str(&out, bb_cstr(q->plugins[i]));
        }
        buf_add_c(&out, "], \"about\": \"These plugins crashed busbard repeatedly and are not loaded. "
                        "Remove this file or send SIGHUP to try them again.\"}\n");
        status_replace_file(q->file, buf_str(&out), 0644);
}

void quarantine_open(struct quarantine *q, const char *file)
{
        bb_str text, why;
        struct bb_fault fault;
        bb_json *value, *list;

        *q = (struct quarantine){.file = file};
        if (config_read_file(arena_current, file, FILE_MOST, &text, &why) < 0)
                return;
        if (bb_json_parse(text, &value, &fault) < 0) {
                bb_log(BB_WARN, "quarantine.unreadable", "the list of quarantined plugins is not JSON",
                       bb_kv_cstr("file", file));
                return;
        }
        list = bb_json_get(value, "plugins");
        for (size_t i = 0; i < bb_json_count(list); i++) {
                bb_str plugin = bb_json_str(bb_json_at(list, i));

                if (config_is_id(plugin))
                        add(q, bb_str_c(plugin));
        }
}

static struct quarantine_suspect *suspect_named(struct quarantine *q, const char *plugin)
{
        struct quarantine_suspect *s;

        for (size_t i = 0; i < q->suspect_count; i++)
                if (strcmp(q->suspects[i].plugin, plugin) == 0)
                        return &q->suspects[i];
        if (q->suspect_count == BB_COUNT(q->suspects))
                return NULL;
        s = &q->suspects[q->suspect_count++];
        *s = (struct quarantine_suspect){.plugin = ""};
        snprintf(s->plugin, sizeof(s->plugin), "%s", plugin);
        return s;
}

int32_t quarantine_crashed(struct quarantine *q, const char *plugin, int64_t now_ms)
{
        struct quarantine_suspect *s = suspect_named(q, plugin);

        if (s == NULL || is_quarantined(q, plugin))
                return 0;
        memmove(&s->crashed_ms[1], &s->crashed_ms[0], sizeof(s->crashed_ms) - sizeof(s->crashed_ms[0]));
        s->crashed_ms[0] = now_ms;
        if (s->crashed_ms[QUARANTINE_CRASHES - 1] == 0 ||
            now_ms - s->crashed_ms[QUARANTINE_CRASHES - 1] > QUARANTINE_WINDOW_MS)
                return 0;
        add(q, plugin);
        write_file(q);
        return 1;
}

const char *quarantine_sentence(const struct breadcrumb_page *crumb)
{
        const char *tenant = crumb->tenant[0] != '\0' ? crumb->tenant : NULL;

        return bb_print("plugin %s crashed the server three times within ten minutes, the last time in operation "
                        "%s%s%s, "
                        "and is not loaded any more; SIGHUP or removing the file tries it again",
                        crumb->plugin, crumb->operation[0] != '\0' ? crumb->operation : "(none)",
                        tenant != NULL ? " of tenant " : "", tenant != NULL ? tenant : "")
                .ptr;
}

static void forget(struct quarantine *q)
{
        const char *file = q->file;

        *q = (struct quarantine){.file = file};
}

void quarantine_clear(struct quarantine *q)
{
        if (unlink(q->file) < 0 && errno != ENOENT)
                bb_log(BB_WARN, "quarantine.file_not_removed", strerror(errno), bb_kv_cstr("file", q->file));
        forget(q);
}

void quarantine_look(struct quarantine *q)
{
        if (q->count > 0 && access(q->file, F_OK) < 0 && errno == ENOENT)
                forget(q);
}

void quarantine_show(const struct quarantine *q, struct supervised_page *page)
{
        memcpy(page->quarantined, q->plugins, sizeof(page->quarantined));
        page->quarantined_count = (int32_t)q->count;
}
