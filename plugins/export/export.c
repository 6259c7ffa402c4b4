/* SPDX-License-Identifier: Apache-2.0
 *
 * Data as files: what the plugin offers, and where it is.
 *
 *      sets.c plan.c      the data sets of plugins and host ("dataset/1"); a choice of theirs as one statement
 *      terms.c            what is exported and how, as reports and orders say it
 *      report.c reports_api.c     saved reports
 *      schedule.c scheduled.c     when one is due; making what is due
 *      exports.c          starting, following and cancelling exports
 *      job.c files.c      making the file; keeping and sweeping files
 *      download.c links.c         fetching it: signed, also while it grows; by a link that works once
 */
#include "export.h"
#include <stdlib.h>

extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;

static const struct bb_query_param download_query[] = {
        {.name = "expires", .type = BB_T_INT, .flags = BB_REQUIRED},
        {.name = "signature", .type = BB_T_STR, .flags = BB_REQUIRED},
};

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/datasets",
         .permission = "exports:read",
         .handle = datasets_list,
         .response = &DataSets,
         .summary = "What can be exported: data sets, their columns and filters"},
        {.method = "GET",
         .path = "/v1/reports",
         .permission = "exports:read",
         .handle = reports_list,
         .response = &Report,
         .flags = BB_ROUTE_LIST,
         .summary = "Saved reports, by id"},
        {.method = "GET",
         .path = "/v1/reports/{id}",
         .permission = "exports:read",
         .handle = report_read,
         .response = &Report,
         .summary = "One report"},
        {.method = "PUT",
         .path = "/v1/reports/{id}",
         .permission = "exports:write",
         .handle = report_write,
         .request = &Report,
         .response = &Report,
         .summary = "Saves a report: columns, filters, format, and a schedule if it is to be made by itself"},
        {.method = "DELETE",
         .path = "/v1/reports/{id}",
         .permission = "exports:write",
         .handle = report_remove,
         .status = 204,
         .summary = "Removes a report; what was exported by it stays"},
        {.method = "POST",
         .path = "/v1/exports",
         .permission = "exports:write",
         .handle = exports_create,
         .request = &ExportRequest,
         .response = &Export,
         .status = 202,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Starts an export; follow it at Location"},
        {.method = "GET",
         .path = "/v1/exports",
         .permission = "exports:read",
         .handle = exports_list,
         .response = &Export,
         .flags = BB_ROUTE_LIST,
         .summary = "Exports, newest first"},
        {.method = "GET",
         .path = "/v1/exports/{id}",
         .permission = "exports:read",
         .handle = export_read,
         .response = &Export,
         .summary = "State, progress and, once it runs, the download URL"},
        {.method = "GET",
         .path = "/v1/exports/{id}/live",
         .permission = "exports:read",
         .handle = export_live,
         .flags = BB_ROUTE_ENDLESS,
         .summary = "The same at each change, to its end: Server-Sent Events (text/event-stream)"},
        {.method = "DELETE",
         .path = "/v1/exports/{id}",
         .permission = "exports:write",
         .handle = export_cancel,
         .status = 204,
         .summary = "Cancels an export that runs, removes the file of one that is done"},
        {.method = "GET",
         .path = "/v1/exports/{id}/file",
         .handle = export_download,
         BB_QUERY(download_query),
         .summary = "The file, also while it is being made. Needs no key: the URL is signed and expires"},
        {.method = "POST",
         .path = "/v1/exports/{id}/links",
         .permission = "exports:write",
         .handle = link_create,
         .request = &ExportLinkTerms,
         .response = &ExportLink,
         .status = 201,
         .summary = "Makes a link for one complete download, to be mailed"},
        {.method = "GET",
         .path = "/v1/exports/{id}/links",
         .permission = "exports:read",
         .handle = links_list,
         .response = &ExportLink,
         .flags = BB_ROUTE_LIST,
         .summary = "Links of an export, newest first"},
        {.method = "DELETE",
         .path = "/v1/exports/{id}/links/{link}",
         .permission = "exports:write",
         .handle = link_revoke,
         .status = 204,
         .summary = "Takes a link back"},
        {.method = "GET",
         .path = "/v1/export-links/{secret}",
         .handle = link_download,
         .flags = BB_ROUTE_SECRET_PATH,
         .summary = "The file, once. Needs no key: whoever has the link may use it"},
};

static const struct bb_field option_fields[] = {
        FIELD(export_config, retention_hours, "retention_hours", BB_T_INT, .min = 1, .max = 8760, .fallback = "168",
              .about = "How long finished files are kept."),
        FIELD(export_config, max_waiting, "max_waiting", BB_T_INT, .min = 1, .max = 900, .fallback = "20",
              .about = "How many exports that somebody asked for may wait; one more is refused with 429."),
        FIELD(export_config, timeout_minutes, "timeout_minutes", BB_T_INT, .min = 1, .max = 1440, .fallback = "120",
              .about = "How long the making of one file may take."),
        FIELD(export_config, replica, "replica", BB_T_BOOL, .fallback = "true",
              .about = "Whether rows are read from database.replica_url where that is configured."),
};
static BB_SHAPE(export_options, export_config, 0, "Options of the plugin export.", option_fields);

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        TRY(bb_db_migrations(schema_migrations, schema_migration_count));
        TRY(bb_job_type(EXPORT_JOB, export_work));
        TRY(bb_http_routes(routes, BB_COUNT(routes)));
        *ret_self = NULL;
        return BB_OK;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        static const int64_t hour_ms = 3600 * 1000, tick_ms = 10000;
        struct export_state *state = calloc(1, sizeof(*state));

        (void)self;
        if (state == NULL)
                return BB_E_BUSY;
        state->tenant = tenant;
        state->config = config;
        state->sweep = bb_timer_new(tenant, "export.sweep", 1000, hour_ms, files_sweep, state);
        state->tick = bb_timer_new(tenant, "export.schedule", 2000, tick_ms, scheduled_tick, state);
        *ret_state = state;
        return BB_OK;
}

static BB_AWAIT void tenant_stop(void *self, void *state)
{
        (void)self;
        free(state);
}

static const char *const after[] = {"charging/1", NULL};

BB_PLUGIN(load, .name = "export", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0", .after = after,
          .options = &export_options, .tenant_config_size = sizeof(struct export_config), .tenant_start = tenant_start,
          .tenant_stop = tenant_stop);
