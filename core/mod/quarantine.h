/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor's memory of crashes: reports in <state>/crashes, and which plugins crashed so often that they are not
 * loaded any more (<state>/quarantine.json).
 */
#ifndef CORE_MOD_QUARANTINE_H
#define CORE_MOD_QUARANTINE_H

#include "mod/supervised.h"

#define QUARANTINE_CRASHES 3
#define QUARANTINE_WINDOW_MS (10 * 60 * 1000)
#define CRASH_REPORTS_KEPT 50

struct quarantine_suspect {
        char plugin[48];
        int64_t crashed_ms[QUARANTINE_CRASHES]; /* the latest ones, monotonic */
};

struct quarantine {
        struct quarantine_suspect suspects[SUPERVISED_QUARANTINED];
        size_t suspect_count;
        char plugins[SUPERVISED_QUARANTINED][64];
        size_t count;
        const char *file;
};

/* Takes over what the file of a former run says. */
void quarantine_open(struct quarantine *, const char *file);
/* 1: this was one crash too many, the plugin is quarantined from now on. */
int32_t quarantine_crashed(struct quarantine *, const char *plugin, int64_t now_ms);
/* The sentence for it: which plugin, and where it crashed last. Into arena_current. */
const char *quarantine_sentence(const struct breadcrumb_page *);
/* Forgets everything, and removes the file. */
void quarantine_clear(struct quarantine *);
/* Somebody removed the file: forgets everything, too. */
void quarantine_look(struct quarantine *);
/* Into the page for the next worker. */
void quarantine_show(const struct quarantine *, struct supervised_page *);

struct crash_report {
        int32_t pid, signal, exit_code; /* signal 0: it exited by itself */
        int64_t at_ms, uptime_ms;
        const struct breadcrumb_page *crumb;
        bb_str backtrace;
};
/* Writes <folder>/<time>-<pid>.json, removes the oldest ones. */
bb_err crash_report_write(const char *folder, const struct crash_report *);

#endif
