/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's death as a file: what an operator sends to whoever wrote the plugin.
 */
#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include "mod/defaults.h"
#include "mod/quarantine.h"
#include "mod/server.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void add_text(struct buf *out, const char *name, const char *text, size_t room)
{
        buf_print(out, "  \"%s\": ", name);
        /* The page was written by a process that then crashed: nothing in it ends for sure. */
        buf_add_json_str(out, (bb_str){.ptr = text, .len = strnlen(text, room)});
        buf_add_c(out, ",\n");
}

static void add_backtrace(struct buf *out, bb_str lines)
{
        bb_str line;
        size_t count = 0;

        buf_add_c(out, "  \"backtrace\": [");
        while (lines.len > 0 && str_split(&lines, '\n', &line)) {
                buf_add_c(out, count++ > 0 ? ",\n    " : "\n    ");
                buf_add_json_str(out, line);
        }
        buf_add_c(out, count > 0 ? "\n  ]\n}\n" : "]\n}\n");
}

static void render(struct buf *out, const struct crash_report *r, const char *time)
{
        const char *abbreviation = r->signal > 0 ? sigabbrev_np(r->signal) : "";
        const char *signal_name = abbreviation != NULL ? abbreviation : "";

        buf_add_c(out, "{\n");
        add_text(out, "time", time, strlen(time));
        add_text(out, "version", PACKAGE_VERSION, sizeof(PACKAGE_VERSION));
        buf_print(out, "  \"pid\": %d,\n  \"signal\": %d,\n", (int)r->pid, (int)r->signal);
        add_text(out, "signal_name", signal_name, strlen(signal_name));
        buf_print(out, "  \"exit_code\": %d,\n  \"uptime_ms\": %lld,\n", (int)r->exit_code, (long long)r->uptime_ms);
        add_text(out, "plugin", r->crumb->plugin, sizeof(r->crumb->plugin));
        add_text(out, "tenant", r->crumb->tenant, sizeof(r->crumb->tenant));
        add_text(out, "operation", r->crumb->operation, sizeof(r->crumb->operation));
        add_text(out, "detail", r->crumb->detail, sizeof(r->crumb->detail));
        add_backtrace(out, r->backtrace);
}

static int is_report(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && str_ends(bb_cstr(entry->d_name), BB_STR(".json"));
}

/* Names begin with the time, so the order of names is the order of time. */
static void remove_oldest(const char *folder)
{
        struct dirent **entries;
        int count = scandir(folder, &entries, is_report, alphasort);

        for (int i = 0; i < count; i++) {
                if (i < count - CRASH_REPORTS_KEPT)
                        unlink(bb_print("%s/%s", folder, entries[i]->d_name).ptr);
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
}

bb_err crash_report_write(const char *folder, const struct crash_report *report)
{
        _cleanup_buf_ struct buf out = {0};
        char time[40];

        time_format(report->at_ms, time);
        render(&out, report, time);
        TRY(status_make_folder(bb_cstr(folder)));
        TRY(status_replace_file(bb_print("%s/%s-%d.json", folder, time, (int)report->pid).ptr, buf_str(&out), 0600));
        remove_oldest(folder);
        return BB_OK;
}
