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

/* What the plugin keeps of a tenant. The options come first: handlers take it for them. */
struct billing_tenant {
        struct billing_options options;
        int32_t restricts; /* some contract has a quota or a cooldown */
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

/* --- access.c --- */
extern const struct bb_access_ops access_ops BB_HIDDEN;
/* Looks again whether the tenant has contracts with quotas: when one is saved, and each minute because of other nodes.
 */
BB_AWAIT bb_err access_renew(struct billing_tenant *);
BB_AWAIT void access_tick(void *tenant_state);

/* --- quotas_api.c --- */
BB_AWAIT bb_err quotas_list(bb_request *, bb_response *);
extern const struct bb_shape Quotas BB_HIDDEN;
extern const struct bb_query_param quotas_query[2] BB_HIDDEN;

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
