/* SPDX-License-Identifier: Apache-2.0
 *
 * The "db/1" table.
 */
#include "base/time.h"
#include "db/work.h"

static int64_t away_ms(void)
{
        return pool.open && pool.away_since_ms != 0 ? time_mono_ms() - pool.away_since_ms : 0;
}

const struct bb_db_ops db_ops = {.size = sizeof(struct bb_db_ops),
                                 .run = db_run,
                                 .begin = tx_begin,
                                 .tx_run = tx_run,
                                 .commit = tx_commit,
                                 .rollback = tx_rollback,
                                 .rows_count = rows_count,
                                 .rows_affected = rows_affected,
                                 .is_null = rows_is_null,
                                 .get_str = rows_str,
                                 .get_int = rows_int,
                                 .get_time = rows_time,
                                 .get_bytes = rows_bytes,
                                 .away_ms = away_ms,
                                 .scan = db_scan,
                                 .batch_new = batch_new,
                                 .batch_submit = batch_submit,
                                 .batch_free = batch_free,
                                 .migrations = migrations_register,
                                 .event_stmt = event_stmt,
                                 .subscribe = event_subscribe,
                                 .job_type = job_type_register,
                                 .job_stmt = job_stmt,
                                 .job_progress = job_progress,
                                 .job_id = job_id,
                                 .job_get = job_get,
                                 .job_list = job_list,
                                 .job_cancel = job_cancel,
                                 .audit_stmt = audit_stmt,
                                 .audit_list = audit_list,
                                 .dead_letter_list = dead_letter_list,
                                 .dead_letter_replay = dead_letter_replay,
                                 .event_list_stmt = event_list_stmt,
                                 .months = months_register,
                                 .copy = db_copy,
                                 .job_wait = job_wait};

const struct bb_db_ops *bb_db_ = &db_ops;
