/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share: the request of an export, its columns, and the two writers.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include <busbar/charging.h>
#include <busbar/plugin.h>
#include <stdio.h>

extern const struct bb_charging_ops *charging BB_HIDDEN;

enum { FORMAT_XLSX = 0, FORMAT_CSV = 1 };

struct export_config {
        uint64_t present;
        int64_t retention_hours;
};

/* What POST /v1/exports takes and the job keeps. */
struct export_request {
        uint64_t present;
        int32_t dataset; /* 0: sessions */
        int32_t format;  /* FORMAT_… */
        bb_str station_id, token_uid, location_id;
        int32_t open;
        int64_t from_ms, to_ms;
};
extern const struct bb_shape ExportRequest BB_HIDDEN;
struct bb_session_filter export_filter(const struct export_request *);

/* --- columns.c --- */
enum { CELL_TEXT = 0, CELL_INT = 1, CELL_TIME = 2, CELL_DURATION = 3, CELL_KWH = 4 };
struct cell {
        int32_t kind; /* CELL_… */
        int32_t absent;
        bb_str text;
        int64_t num; /* CELL_TIME: epoch ms; CELL_DURATION: seconds; CELL_KWH: watt-hours */
};
struct column {
        const char *title;
        int32_t kind;
        int32_t width; /* in characters */
        struct cell (*get)(const struct bb_session *);
};
extern const struct column columns[] BB_HIDDEN;
extern const size_t column_count BB_HIDDEN;
/* The title of a column in a file whose times are in this zone: "Started (Europe/Berlin)". */
void column_title(const struct column *, const char *zone_name, char *ret, size_t room);
/* A time or a duration as people write it: "2026-01-31 23:59:59" in the zone, "-1:59:59". */
enum { CELL_CHARS = 64 };
void cell_as_text(const struct cell *, const bb_zone *, char *ret, size_t room);
/* Would a spreadsheet take this text for a formula? Such cells get an apostrophe in front. */
int32_t cell_is_formula(bb_str);

/* --- the writers: opened, fed and closed on a worker's thread; no function of the host may be called in them --- */
struct writer_target {
        const char *path, *folder; /* the folder is for temporary files */
        const char *zone_name;     /* in which times are written */
        const bb_zone *zone;
};
struct writer_ops {
        const char *suffix, *content_type;
        void *(*open)(const struct writer_target *);                        /* NULL when that failed */
        int (*rows)(void *writer, const struct bb_session *, size_t count); /* 0, or -1 */
        int (*close)(void *writer);                                         /* 0, or -1; frees it in any case */
};
extern const struct writer_ops xlsx_writer BB_HIDDEN;
extern const struct writer_ops csv_writer BB_HIDDEN;
const struct writer_ops *writer_of(int32_t format);

/* --- job.c --- */
BB_AWAIT bb_err export_work(bb_job *, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                            bb_str *ret_error);

/* --- files.c --- */
bb_str export_path(const bb_tenant *, bb_str id, const char *suffix);
/* Removes what is older than the retention and what a crash left half written. */
void files_sweep(void *state);

struct export_state {
        bb_tenant *tenant;
        const struct export_config *config;
        bb_timer *sweep;
};

/* --- api.c --- */
BB_AWAIT bb_err exports_create(bb_request *, bb_response *);
BB_AWAIT bb_err exports_list(bb_request *, bb_response *);
BB_AWAIT bb_err export_read(bb_request *, bb_response *);
BB_AWAIT bb_err export_cancel(bb_request *, bb_response *);
BB_AWAIT bb_err export_download(bb_request *, bb_response *);
extern const struct bb_shape Export BB_HIDDEN;

#endif
