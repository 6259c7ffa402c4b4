/* SPDX-License-Identifier: Apache-2.0
 *
 * Once an hour: URLs that nobody used are marked as expired, files that are too old go, and those that a crash left.
 */
#include "transfer.h"

#include "page.h"
#include "receive.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { AT_ONCE = 200, ROW_DAYS = 400, LOST_AFTER_S = 86400 };

static BB_AWAIT bb_err expire(void)
{
        return bb_db_query(NULL, "update ocpp16.transfer set state = 'expired', updated_at = now()"
                                 " where completed_at is null and expires_at <= now()"
                                 " and state in ('requested', 'accepted', 'transferring', 'failed')");
}

/* First the row, then the file: a file without a row is found below. */
static BB_AWAIT bb_err remove_old(const struct ocpp_tenant *owner)
{
        size_t count;
        bb_rows *rows;

        do {
                TRY(bb_db_query(
                        &rows,
                        "with old as (select id, file from ocpp16.transfer where file is not null"
                        " and completed_at < now() - $1 * interval '1 day' limit $2)"
                        " update ocpp16.transfer t set file = null, detail = 'The file was removed: it was old.'"
                        " from old where t.id = old.id returning old.file",
                        BB_INT(owner->options->file_days), BB_INT(AT_ONCE)));
                count = bb_rows_count(rows);
                for (size_t i = 0; i < count; i++)
                        stored_remove(owner->tenant, bb_row_str(rows, i, 0));
        } while (count == AT_ONCE);
        return bb_db_query(
                NULL, "delete from ocpp16.transfer where file is null and updated_at < now() - $1 * interval '1 day'",
                BB_INT(ROW_DAYS));
}

static BB_AWAIT bb_err is_wanted(bb_str name, int32_t *ret)
{
        bb_rows *rows;

        *ret = 0;
        if (!is_uuid(name)) /* a ".part" that nobody has written to for a day */
                return BB_OK;
        TRY(bb_db_query(&rows,
                        "select 1 from ocpp16.transfer where file = $1 union all"
                        " select 1 from ocpp16.firmware where file = $1",
                        BB_TEXT(name)));
        *ret = bb_rows_count(rows) > 0;
        return BB_OK;
}

static int32_t is_old(int folder, const char *name)
{
        struct stat st;

        return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               bb_now_ms() / 1000 - st.st_mtime > LOST_AFTER_S;
}

static BB_AWAIT bb_err remove_lost(const struct ocpp_tenant *owner)
{
        DIR *dir = opendir(bb_str_c(bb_state_folder(owner->tenant)));
        struct dirent *entry;
        bb_err err = BB_OK;

        if (dir == NULL)
                return BB_OK; /* nothing was ever uploaded */
        while (err == BB_OK && (entry = readdir(dir)) != NULL) {
                bb_str name = bb_str_dup(bb_cstr(entry->d_name));
                int32_t wanted;

                if (!is_old(dirfd(dir), entry->d_name))
                        continue;
                err = is_wanted(name, &wanted);
                if (err == BB_OK && !wanted)
                        stored_remove(owner->tenant, name);
        }
        closedir(dir);
        return err;
}

BB_AWAIT void transfer_sweep(void *arg)
{
        const struct ocpp_tenant *owner = arg;
        bb_err err = expire();

        if (err == BB_OK)
                err = remove_old(owner);
        if (err == BB_OK)
                err = remove_lost(owner);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.transfer", "old files could not be removed; in an hour again", bb_kv_err(err));
}
