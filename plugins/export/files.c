/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of exports, in the plugin's folder of the tenant: <job id>-<attempt>.<suffix>, ".part" while it is written.
 */
#include "export.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_CHARS = 36 };
#define PART ".part"

bb_str file_path(const bb_tenant *tenant, bb_str id, int32_t attempt, const char *suffix)
{
        return bb_print("%.*s/%.*s-%d.%s", BB_FMT(bb_state_folder(tenant)), BB_FMT(id), attempt, suffix);
}

bb_str file_part(const bb_tenant *tenant, bb_str id, int32_t attempt, const char *suffix)
{
        return bb_print("%.*s" PART, BB_FMT(file_path(tenant, id, attempt, suffix)));
}

/* The id and the attempt that a name tells of; BB_NONE: it is not ours. */
static bb_str name_id(const char *name, int32_t *ret_attempt)
{
        if (strlen(name) < ID_CHARS + 3 || name[ID_CHARS] != '-')
                return BB_NONE;
        *ret_attempt = (int32_t)strtol(name + ID_CHARS + 1, NULL, 10);
        return bb_str_dup((bb_str){.ptr = name, .len = ID_CHARS});
}

static int32_t is_part(const char *name)
{
        size_t len = strlen(name);

        return len > strlen(PART) && strcmp(name + len - strlen(PART), PART) == 0;
}

void files_remove(const bb_tenant *tenant, bb_str id, int32_t attempt)
{
        DIR *dir = opendir(bb_state_folder(tenant).ptr);
        struct dirent *entry;
        int32_t its;

        if (dir == NULL)
                return;
        while ((entry = readdir(dir)) != NULL) {
                bb_str of = name_id(entry->d_name, &its);

                if (of.ptr != NULL && bb_str_eq(of, id) && its != attempt)
                        (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
        closedir(dir);
}

/* Nobody writes it any more: its job has ended, is gone, or makes another attempt. */
static BB_AWAIT int32_t is_left_behind(bb_str id, int32_t attempt)
{
        struct bb_job_info job = {.size = sizeof(job)};
        bb_err err = bb_job_get(id, &job);

        if (err < 0)
                return err == BB_E_NOT_FOUND;
        return job.state != BB_JOB_RUNNING || job.attempts != attempt;
}

struct old {
        struct old *next;
        bb_str name, id;
        int32_t attempt, part;
};

static struct old *files_of(DIR *dir, int64_t retention_s)
{
        struct old *list = NULL;
        struct dirent *entry;
        struct stat st;

        while ((entry = readdir(dir)) != NULL) {
                struct old *o = BB_NEW(struct old);

                if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                *o = (struct old){
                        .next = list, .name = bb_str_dup(bb_cstr(entry->d_name)), .part = is_part(entry->d_name)};
                o->id = name_id(entry->d_name, &o->attempt);
                if (o->id.ptr != NULL && (o->part || bb_now_ms() / 1000 - st.st_mtime > retention_s))
                        list = o;
        }
        return list;
}

void files_sweep(void *arg)
{
        struct export_state *state = arg;
        DIR *dir = opendir(bb_state_folder(state->tenant).ptr);

        if (dir == NULL)
                return;
        for (struct old *o = files_of(dir, state->config->retention_hours * 3600); o != NULL; o = o->next) {
                if (o->part && !is_left_behind(o->id, o->attempt))
                        continue;
                if (unlinkat(dirfd(dir), o->name.ptr, 0) < 0)
                        bb_log(BB_WARN, "export.sweep", "an old file cannot be removed", bb_kv_str("file", o->name));
        }
        closedir(dir);
        if (links_forget() < 0)
                bb_log(BB_WARN, "export.sweep", "old links could not be removed; the next hour tries again");
}
