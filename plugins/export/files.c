/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of finished exports, in the plugin's folder of the tenant: <job id>.<suffix>, ".part" while it is written.
 */
#include "export.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bb_str export_path(const bb_tenant *tenant, bb_str id, const char *suffix)
{
        return bb_print("%.*s/%.*s.%s", BB_FMT(bb_state_folder(tenant)), BB_FMT(id), suffix);
}

static int32_t expired(const struct stat *st, const char *name, int64_t retention_hours)
{
        size_t len = strlen(name);
        int64_t age_s = bb_now_ms() / 1000 - st->st_mtime;
        int32_t part = len > 5 && memcmp(name + len - 5, ".part", 5) == 0;

        /* A part that nobody has written to for an hour was left by a crash: the job writes a new one when it runs
         * again. */
        return age_s > (part ? 3600 : retention_hours * 3600);
}

void files_sweep(void *arg)
{
        struct export_state *state = arg;
        const char *folder = bb_state_folder(state->tenant).ptr;
        DIR *dir = opendir(folder);
        struct dirent *entry;
        struct stat st;

        if (dir == NULL)
                return;
        while ((entry = readdir(dir)) != NULL) {
                if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (expired(&st, entry->d_name, state->config->retention_hours) &&
                    unlinkat(dirfd(dir), entry->d_name, 0) < 0)
                        bb_log(BB_WARN, "export.sweep", "an old file cannot be removed",
                               bb_kv_cstr("file", entry->d_name));
        }
        closedir(dir);
}
