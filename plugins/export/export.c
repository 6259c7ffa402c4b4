/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions as files for spreadsheets: jobs that write XLSX or CSV, with progress and a signed download URL.
 */
#include "export.h"
#include <stdlib.h>

const struct bb_charging_ops *charging;

static const struct bb_query_param download_query[] = {
        {.name = "expires", .type = BB_T_INT, .flags = BB_REQUIRED},
        {.name = "signature", .type = BB_T_STR, .flags = BB_REQUIRED},
};

static const struct bb_route routes[] = {
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
         .summary = "State, progress and, when it is done, the download URL"},
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
         .summary = "The file. Needs no key: the URL is signed and expires"},
};

static const struct bb_field option_fields[] = {
        {.name = "retention_hours",
         .type = BB_T_INT,
         .offset = offsetof(struct export_config, retention_hours),
         .min = 1,
         .max = 8760,
         .fallback = "168",
         .about = "How long finished files are kept."},
};
static BB_SHAPE(export_options, export_config, 0, "Options of the plugin export.", option_fields);

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        charging = bb_require("charging/1", sizeof(*charging));
        if (charging == NULL)
                return BB_E_UNSUPPORTED;
        TRY(bb_job_type("export.sessions", export_work));
        TRY(bb_http_routes(routes, BB_COUNT(routes)));
        *ret_self = NULL;
        return BB_OK;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        static const int64_t hour_ms = 3600 * 1000;
        struct export_state *state = calloc(1, sizeof(*state));

        (void)self;
        if (state == NULL)
                return BB_E_BUSY;
        state->tenant = tenant;
        state->config = config;
        state->sweep = bb_timer_new(tenant, "export.sweep", 1000, hour_ms, files_sweep, state);
        *ret_state = state;
        return BB_OK;
}

static BB_AWAIT void tenant_stop(void *self, void *state)
{
        (void)self;
        free(state);
}

static const char *const needs[] = {"charging/1", NULL};

BB_PLUGIN(load, .name = "export", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0", .needs = needs,
          .options = &export_options, .tenant_config_size = sizeof(struct export_config), .tenant_start = tenant_start,
          .tenant_stop = tenant_stop);
