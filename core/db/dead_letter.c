/* SPDX-License-Identifier: Apache-2.0
 *
 * Events that nobody could handle: for operators to see and to try again.
 */
#include "db/work.h"
#include <busbar/rt.h>

#define LIST_MAX 1000

BB_AWAIT bb_err dead_letter_list(bb_str before, size_t limit, struct bb_dead_letter **ret, size_t *ret_count)
{
        struct bb_dead_letter *list;
        bb_rows *rows = NULL;
        size_t count;

        TRY(bb_db_query(&rows,
                        "select id, event_id, plugin, topic, key, payload::text, error, attempts, created_at, died_at,"
                        " replay_at is not null from core.dead_letter where $1::uuid is null or (died_at, id) <"
                        " (select d.died_at, d.id from core.dead_letter d where d.id = $1)"
                        " order by died_at desc, id desc limit $2",
                        BB_UUID(before), BB_INT(limit < LIST_MAX ? (int64_t)limit : LIST_MAX)));
        count = bb_rows_count(rows);
        list = BB_NEW_ARRAY(struct bb_dead_letter, count + 1);
        for (size_t i = 0; i < count; i++)
                list[i] = (struct bb_dead_letter){.size = sizeof(*list),
                                                  .id = bb_row_str(rows, i, 0),
                                                  .event_id = bb_row_str(rows, i, 1),
                                                  .plugin = bb_row_str(rows, i, 2),
                                                  .topic = bb_row_str(rows, i, 3),
                                                  .key = bb_row_str(rows, i, 4),
                                                  .payload = bb_row_str(rows, i, 5),
                                                  .error = bb_row_str(rows, i, 6),
                                                  .attempts = (int32_t)bb_row_int(rows, i, 7, 0),
                                                  .created_ms = bb_row_time(rows, i, 8, 0),
                                                  .died_ms = bb_row_time(rows, i, 9, 0),
                                                  .replaying = (int32_t)bb_row_int(rows, i, 10, 0)};
        *ret = list;
        *ret_count = count;
        return BB_OK;
}

BB_AWAIT bb_err dead_letter_replay(bb_str id)
{
        struct bb_stmt stmt = BB_STMT(
                "update core.dead_letter set replay_at = coalesce(replay_at, now()) where id = $1", BB_UUID(id));
        bb_err err;

        /* It is the subscriber's task that looks for letters too. */
        stmt.flags = BB_STMT_MUST_HIT | BB_STMT_EVENT;
        err = bb_db_run(&stmt, 1, NULL);
        return err == BB_E_INVALID ? BB_E_NOT_FOUND : err;
}
