/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: entries are only ever added, in the transaction of the change they tell of.
 */
#include "db/pool.h"
#include "db/work.h"
#include <busbar/rt.h>

#define LIST_MAX 1000

struct bb_stmt audit_stmt(bb_str actor, const char *action, bb_str object, bb_str details_json)
{
        const struct bb_param params[] = {BB_TEXT(actor), BB_CTEXT(action), BB_TEXT(object), BB_JSONB(details_json)};

        return lasting_stmt("insert into core.audit (actor, action, object, details) values ($1, $2, $3, $4)", params,
                            BB_COUNT(params), 0);
}

BB_AWAIT bb_err audit_list(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret, size_t *ret_count)
{
        struct bb_audit_entry *list;
        bb_rows *rows = NULL;
        size_t count;

        TRY(bb_db_query(
                &rows,
                "select seq, at, actor, action, object, details::text from core.audit "
                "where ($1::text is null or object = $1) and ($2::bigint = 0 or seq < $2) order by seq desc limit $3",
                BB_TEXT(object), BB_INT(before), BB_INT(limit < LIST_MAX ? (int64_t)limit : LIST_MAX)));
        count = bb_rows_count(rows);
        list = BB_NEW_ARRAY(struct bb_audit_entry, count + 1);
        for (size_t i = 0; i < count; i++)
                list[i] = (struct bb_audit_entry){.size = sizeof(*list),
                                                  .number = bb_row_int(rows, i, 0, 0),
                                                  .at_ms = bb_row_time(rows, i, 1, 0),
                                                  .actor = bb_row_str(rows, i, 2),
                                                  .action = bb_row_str(rows, i, 3),
                                                  .object = bb_row_str(rows, i, 4),
                                                  .details = bb_row_str(rows, i, 5)};
        *ret = list;
        *ret_count = count;
        return BB_OK;
}
