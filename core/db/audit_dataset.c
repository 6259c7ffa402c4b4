/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log as a data set of exports ("host_dataset/1"). Its sequence counts all tenants' entries, so it orders,
 * and is no column.
 */
#include "db/db.h"
#include <busbar/shape.h>

static const struct bb_data_column columns[] = {
        {.name = "at", .title = "Time", .sql = "e.at", .kind = BB_DATA_TIME, .width = 20, .is_default = 1},
        {.name = "actor", .title = "By", .sql = "e.actor", .kind = BB_DATA_TEXT, .width = 30, .is_default = 1},
        {.name = "action", .title = "Action", .sql = "e.action", .kind = BB_DATA_TEXT, .width = 24, .is_default = 1},
        {.name = "object", .title = "Object", .sql = "e.object", .kind = BB_DATA_TEXT, .width = 38, .is_default = 1},
        {.name = "details",
         .title = "Details",
         .sql = "e.details::text",
         .kind = BB_DATA_TEXT,
         .width = 60,
         .is_default = 1,
         .about = "JSON."},
};
static const struct bb_data_filter filters[] = {
        {.name = "actor", .type = BB_T_STR, .condition = "e.actor = $?"},
        {.name = "action", .type = BB_T_STR, .condition = "e.action = $?"},
        {.name = "object", .type = BB_T_STR, .condition = "e.object = $?"},
        {.name = "from", .type = BB_T_TIME, .condition = "e.at >= $?", .about = "At this time or later."},
        {.name = "to", .type = BB_T_TIME, .condition = "e.at < $?", .about = "Before this time."},
};
static const struct bb_data_set sets[] = {
        {.name = "audit",
         .title = "Audit log",
         .about = "Who changed what, and when.",
         .from = "core.audit e",
         .order = "e.seq",
         .permission = "audit:read",
         .columns = columns,
         .column_count = BB_COUNT(columns),
         .filters = filters,
         .filter_count = BB_COUNT(filters)},
};

const struct bb_dataset_ops audit_datasets = {
        .size = sizeof(audit_datasets), .sets = sets, .set_count = BB_COUNT(sets)};
