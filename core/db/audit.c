/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: entries are only ever added, in the transaction of the change they tell of.
 */
#include "db/pool.h"
#include "db/work.h"

struct bb_stmt audit_stmt(bb_str actor, const char *action, bb_str object, bb_str details_json)
{
        const struct bb_param params[] = {BB_TEXT(actor), BB_CTEXT(action), BB_TEXT(object), BB_JSONB(details_json)};

        return lasting_stmt("insert into core.audit (actor, action, object, details) values ($1, $2, $3, $4)", params,
                            BB_COUNT(params), 0);
}
