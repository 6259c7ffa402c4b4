/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share.
 */
#ifndef BILLING_H
#define BILLING_H

#include <busbar/charging.h>
#include <busbar/plugin.h>

#include "account.h"

struct billing_options {
        uint64_t present;
        bb_str default_tariff;
};

extern const struct bb_charging_ops *charging BB_HIDDEN;
extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;

/* --- tariffs_api.c --- */
/* The latest version of a tariff, or a given one (version 0: the latest), as it was saved. BB_E_NOT_FOUND. */
struct stored_tariff {
        struct ocpi_tariff tariff;
        int64_t version;
};
BB_AWAIT bb_err tariff_load(bb_str id, int64_t version, struct stored_tariff *ret);
BB_AWAIT bb_err tariffs_list(bb_request *, bb_response *);
BB_AWAIT bb_err tariff_read(bb_request *, bb_response *);
BB_AWAIT bb_err tariff_write(bb_request *, bb_response *);
BB_AWAIT bb_err tariff_remove(bb_request *, bb_response *);
bb_err tariff_try(bb_request *, bb_response *);
extern const struct bb_shape Tariff BB_HIDDEN, TariffTried BB_HIDDEN;

/* --- preview.c, audit.c --- */
BB_AWAIT bb_err preview_make(bb_request *, bb_response *);
extern const struct bb_shape PreviewRequest BB_HIDDEN, Preview BB_HIDDEN;
bb_err cdr_audit(bb_request *, bb_response *);
extern const struct bb_shape CdrAuditRequest BB_HIDDEN, CdrAudit BB_HIDDEN;

/* Compiles a tariff of a request; what is wrong with it becomes a 422 with pointers below `path`. */
bb_err tariff_of_request(bb_response *, const struct ocpi_tariff *, int32_t version, bb_str path, struct tariff *ret,
                         struct ocpi_remarks *ret_remarks);
/* The zone of a request's member `time_zone` (BB_NONE: UTC); 422 when there is none of this name. */
bb_err zone_of_request(bb_response *, bb_str name, const bb_zone **ret);
/* What came of pricing, as an answer: what leaves the range (BB_E_LIMIT) is a 422, at `pointer` when it is the
 * caller's.
 */
bb_err price_answer(bb_response *, bb_err err, const char *pointer);
/* For struct price_session. */
int32_t zone_offset_s(const void *zone, int64_t at_ms);

#endif
