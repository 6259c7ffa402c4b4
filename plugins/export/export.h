/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share: terms of reports and exports, jobs under way, files.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "schedule.h"
#include "sets.h"

struct export_config {
        uint64_t present;
        int64_t retention_hours, max_waiting, timeout_minutes;
        int32_t replica;
};

struct running;
struct export_state {
        bb_tenant *tenant;
        const struct export_config *config;
        bb_timer *sweep, *tick;
        struct running *running; /* job.c: what runs here */
};

/* --- terms.c: what somebody wants --- */
#define FIELD(struct_, member_, name_, kind_, ...)                                                                     \
        {                                                                                                              \
                .name = (name_), .type = (kind_), .offset = offsetof(struct struct_, member_), ##__VA_ARGS__           \
        }

/* Members of a shape; the last arguments are the flags of "dataset". */
#define TERMS(struct_, ...)                                                                                            \
        FIELD(struct_, title, "title", BB_T_STR, .min = 1, .max = 100),                                                \
                FIELD(struct_, dataset, "dataset", BB_T_STR, .min = 1, .max = 64, ##__VA_ARGS__),                      \
                FIELD(struct_, columns, "columns", BB_T_ARRAY, .shape = &ExportColumn, .max = MOST_COLUMNS,            \
                      .about = "Which, in which order; the usual ones when absent."),                                  \
                FIELD(struct_, filters, "filters", BB_T_JSON,                                                          \
                      .about = "An object; which there are says /v1/datasets."),                                       \
                FIELD(struct_, format, "format", BB_T_ENUM, .values = formats, .fallback = "xlsx"),                    \
                FIELD(struct_, time_zone, "time_zone", BB_T_STR, .min = 1, .max = 64,                                  \
                      .about = "IANA; the tenant's when absent."),                                                     \
                FIELD(struct_, language, "language", BB_T_STR, .min = 2, .max = 35,                                    \
                      .about = "BCP 47; its numbers have a comma in CSV where that is usual. The tenant's when "       \
                               "absent.")

struct schedule {
        uint64_t present;
        int32_t every; /* EVERY_… */
        bb_str at;     /* "06:00" */
        int64_t day;
};
/* A report, or what an export says of itself. */
struct terms {
        uint64_t present;
        bb_str title, dataset;
        struct bb_array columns; /* of struct chosen_column */
        bb_json *filters;
        int32_t format; /* FORMAT_… */
        bb_str time_zone, language;
        struct schedule *schedule;
        bb_str id;                                        /* of the report, as all that follows */
        int64_t version, created_ms, updated_ms, next_ms; /* next_ms 0: not scheduled */
};
extern const struct bb_shape Report BB_HIDDEN;
extern const struct bb_shape ExportColumn BB_HIDDEN;
extern const char *const formats[] BB_HIDDEN;

/* What a job keeps: everything decided, so that later changes of the report or of the tenant do not matter. */
struct export_order {
        uint64_t present;
        bb_str report, title, dataset;
        struct bb_array columns;
        bb_json *filters;
        int32_t format;
        bb_str time_zone, language;
        int64_t from_ms, to_ms; /* the period; 0: open */
        int32_t scheduled;      /* nobody asked for it at the moment */
};
extern const struct bb_shape ExportOrder BB_HIDDEN;

void choice_add(struct choice *, bb_str name, bb_json *value, bb_str pointer);
/* Columns and filters of terms. */
void choice_of(const struct bb_array *columns, bb_json *filters, struct choice *ret, struct remarks *);
/* Fills what is left open from the tenant, and checks the zone. */
void order_of(const bb_tenant *, const struct terms *, const struct choice *, const struct plan *,
              struct export_order *ret, struct remarks *);
/* Of a report that was due. */
void order_scheduled(struct export_order *, bb_str report);
/* Is the comma the decimal mark where this language (BCP 47) is spoken? */
int32_t language_has_comma(bb_str language);
/* Answers 422 with the remarks; 403 when a permission is missing. */
bb_err remarks_answer(bb_response *, const struct remarks *);
bb_err plan_allowed(bb_request *, bb_response *, const struct plan *);
/* May who asks read what was ordered, every column of it? Not when it cannot be told any more what that needs. */
int32_t order_allowed(const bb_request *, const bb_tenant *, const struct export_order *);

/* --- report.c --- */
BB_AWAIT bb_err report_load(bb_str id, struct terms *ret);
bb_err report_row(const bb_rows *, size_t row, struct terms *ret);
#define REPORT_COLUMNS "r.report_id, r.document, r.version, r.created_at, r.updated_at, r.next_at"
/* BB_E_INVALID with a remark. */
bb_err timetable_of(const struct schedule *, struct timetable *ret, struct remarks *);
bb_err clockwork_of(const bb_tenant *, const struct terms *, struct clockwork *ret);

/* --- scheduled.c --- */
void scheduled_tick(void *state);

/* --- job.c --- */
#define EXPORT_JOB "export.file"
BB_AWAIT bb_err export_work(bb_job *, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                            bb_str *ret_error);
/* How far the job of this id is, if it runs here. */
int32_t export_running(const struct export_state *, bb_str id, int64_t *ret_rows, int64_t *ret_bytes);

/* --- files.c --- */
/* Each attempt of a job writes a file of its own, so that a download never mixes two. */
bb_str file_path(const bb_tenant *, bb_str id, int32_t attempt, const char *suffix);
bb_str file_part(const bb_tenant *, bb_str id, int32_t attempt, const char *suffix);
/* Removes all files of the job but those of `attempt` (0: all). */
void files_remove(const bb_tenant *, bb_str id, int32_t attempt);
/* Removes what is older than the retention, and what a crash left half written. */
void files_sweep(void *state);

/* --- exports.c --- */
/* An export: its job, what was ordered, what came of it. */
struct made {
        uint64_t present;
        int64_t attempt, rows, bytes, sheets;
        bb_str sha256; /* hexadecimal */
};
extern const struct bb_shape ExportMade BB_HIDDEN;
struct found {
        struct bb_job_info job;
        struct export_order order;
        struct made made; /* once it succeeded */
};
BB_AWAIT bb_err export_find(bb_str id, struct found *ret);
/* How many wait to be made, of those that were scheduled or of those that somebody asked for; it counts to `most`. */
BB_AWAIT bb_err exports_waiting(int32_t scheduled, int64_t most, int64_t *ret);
bb_json *export_json(bb_request *, const struct found *, int32_t with_url);
BB_AWAIT bb_err exports_create(bb_request *, bb_response *);
BB_AWAIT bb_err exports_list(bb_request *, bb_response *);
BB_AWAIT bb_err export_read(bb_request *, bb_response *);
BB_AWAIT bb_err export_cancel(bb_request *, bb_response *);
BB_AWAIT bb_err export_live(bb_request *, bb_response *);
extern const struct bb_shape Export BB_HIDDEN;
extern const struct bb_shape ExportRequest BB_HIDDEN;

/* --- download.c --- */
bb_err download_url(bb_request *, bb_str id, bb_str *ret);
BB_AWAIT bb_err export_download(bb_request *, bb_response *);
/* Sends the file, also one that is still being written. */
BB_AWAIT bb_err download_send(bb_request *, bb_response *, struct found *);

/* --- links.c --- */
BB_AWAIT bb_err link_create(bb_request *, bb_response *);
BB_AWAIT bb_err links_list(bb_request *, bb_response *);
BB_AWAIT bb_err link_revoke(bb_request *, bb_response *);
BB_AWAIT bb_err link_download(bb_request *, bb_response *);
BB_AWAIT bb_err links_forget(void);
extern const struct bb_shape ExportLinkTerms BB_HIDDEN;
extern const struct bb_shape ExportLink BB_HIDDEN;

/* --- datasets_api.c, reports_api.c --- */
BB_AWAIT bb_err datasets_list(bb_request *, bb_response *);
extern const struct bb_shape DataSets BB_HIDDEN;
BB_AWAIT bb_err reports_list(bb_request *, bb_response *);
BB_AWAIT bb_err report_read(bb_request *, bb_response *);
BB_AWAIT bb_err report_write(bb_request *, bb_response *);
BB_AWAIT bb_err report_remove(bb_request *, bb_response *);

#endif
