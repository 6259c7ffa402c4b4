/* SPDX-License-Identifier: Apache-2.0
 *
 * What the process says of itself: <state>/busbard.json for scripts, /readyz, and its numbers.
 */
#include "base/buf.h"
#include "db/db.h"
#include "mod/defaults.h"
#include "mod/server.h"
#include "rt/loop.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS_MS 5000

/* --- files --- */

bb_err status_make_folder(bb_str path)
{
        /* With its parents, as mkdir -p does; others may pass (the embedded database runs as a user of its own), not
         * look. */
        for (size_t i = 1; i <= path.len; i++) {
                bb_str part = {.ptr = path.ptr, .len = i};

                if (i < path.len && path.ptr[i] != '/')
                        continue;
                if (mkdir(bb_str_c(part), i == path.len ? 0711 : 0755) < 0 && errno != EEXIST) {
                        bb_log(BB_ERROR, "state_folder.failed", strerror(errno), bb_kv_str("folder", path));
                        return BB_E_IO;
                }
        }
        if (access(bb_str_c(path), W_OK) < 0) {
                bb_log(BB_ERROR, "state_folder.failed", strerror(errno), bb_kv_str("folder", path));
                return BB_E_IO;
        }
        return BB_OK;
}

static bb_err write_file(const char *path, bb_str text, int32_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
        ssize_t n;

        if (fd < 0)
                return BB_E_IO;
        n = write(fd, text.ptr, text.len);
        if (close(fd) < 0 || n != (ssize_t)text.len)
                return BB_E_IO;
        return BB_OK;
}

bb_err status_replace_file(const char *path, bb_str text, int32_t mode)
{
        const char *beside = bb_print("%s.new", path).ptr;

        if (write_file(beside, text, mode) < 0 || rename(beside, path) < 0) {
                bb_log(BB_ERROR, "state_file.failed", strerror(errno), bb_kv_cstr("file", path));
                unlink(beside);
                return BB_E_IO;
        }
        return BB_OK;
}

/* --- busbard.json --- */

static const char *status_path(void)
{
        return bb_print("%.*s/busbard.json", BB_FMT(server.state_folder)).ptr;
}

static void add_addresses(struct buf *out)
{
        const char *address;

        for (size_t i = 0; (address = listen_public_address(i)) != NULL; i++) {
                buf_add_c(out, i > 0 ? ", " : "");
                buf_add_json_str(out, bb_cstr(address));
        }
}

bb_err status_write(void)
{
        _cleanup_buf_ struct buf out = {0};
        int32_t pid = server.page != NULL ? server.page->supervisor_pid : (int32_t)getpid();

        buf_print(&out, "{\"pid\": %d, \"worker_pid\": %d, \"http\": [", pid, (int)getpid());
        add_addresses(&out);
        buf_add_c(&out, "], \"operation\": ");
        buf_add_json_str(&out, bb_cstr(listen_operation_address()));
        buf_add_c(&out, ", \"database\": ");
        if (server.admin_url.ptr != NULL)
                buf_add_json_str(&out, server.admin_url);
        else
                buf_add_c(&out, "null");
        buf_print(&out, ", \"version\": \"%s\"}\n", PACKAGE_VERSION);
        return status_replace_file(status_path(), buf_str(&out), 0600);
}

void status_remove(void)
{
        const char *path = status_path();

        if (unlink(path) < 0 && errno != ENOENT)
                bb_log(BB_WARN, "state_file.not_removed", strerror(errno), bb_kv_cstr("file", path));
}

/* --- numbers --- */

static double resident_bytes(void)
{
        long long pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        if (file == NULL)
                return 0;
        if (fscanf(file, "%*s %lld", &pages) != 1)
                pages = 0;
        fclose(file);
        return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void)
{
        DIR *dir = opendir("/proc/self/fd");
        double count = -3; /* ".", ".." and the folder itself */

        if (dir == NULL)
                return 0;
        while (readdir(dir) != NULL)
                count++;
        closedir(dir);
        return count;
}

static void update_metrics(void *arg)
{
        (void)arg;
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "process_resident_memory_bytes", "Resident memory."),
                      resident_bytes());
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "process_open_fds", "Open file descriptors."), open_descriptors());
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "busbar_worker_restarts",
                                    "How often the supervisor started the worker again."),
                      server.page != NULL ? server.page->restarts : 0);
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "busbar_ready", "1 when requests are served."),
                      server.phase == SERVER_READY);
        loop_update_metrics();
}

void status_start_metrics(void)
{
        bb_metric_set(bb_metric_get(BB_METRIC_GAUGE, "busbar_build_info", "1, with the version as label.",
                                    bb_kv_cstr("version", PACKAGE_VERSION)),
                      1);
        bb_timer_new(NULL, "status.metrics", 0, METRICS_MS, update_metrics, NULL);
}

/* --- /readyz --- */

static void add_failed(struct buf *out, const struct tenant *tenant)
{
        size_t shown = 0;

        for (size_t i = 0; i < tenant->plugin_count; i++) {
                const struct tenant_plugin *p = &tenant->plugins[i];

                if (p->status != TENANT_PLUGIN_FAILED)
                        continue;
                buf_add_c(out, shown++ > 0 ? ", " : "");
                buf_add_json_str(out, p->name);
                buf_add_c(out, ": ");
                buf_add_json_str(out, bb_cstr(p->why));
        }
}

static const char *word_of(const struct tenant *tenant)
{
        static const char *const words[] = {"waiting", "starting", "running", "stopping", "stopped"};

        for (size_t i = 0; tenant->status == TENANT_RUNNING && i < tenant->plugin_count; i++)
                if (tenant->plugins[i].status == TENANT_PLUGIN_FAILED)
                        return "degraded";
        return words[tenant->status];
}

static void add_tenant(struct buf *out, const struct tenant *tenant)
{
        buf_add_json_str(out, tenant->pub.id);
        buf_print(out, ": {\"state\": \"%s\", \"failed\": {", word_of(tenant));
        add_failed(out, tenant);
        buf_add_c(out, "}}");
}

/* Degraded tenants do not make the node unready: the others would suffer for it. A lost database does not either, for a
 * while all nodes would be taken out at once; the router holds or refuses requests by itself. */
int32_t status_ready(bb_str *ret_why_json)
{
        static const char *const phases[] = {"starting", "ready", "draining"};
        _cleanup_buf_ struct buf out = {0};

        buf_print(&out, "{\"phase\": \"%s\", \"waiting_for\": ", phases[server.phase]);
        if (server.waiting_for != NULL)
                buf_add_json_str(&out, bb_cstr(server.waiting_for));
        else
                buf_add_c(&out, "null");
        buf_print(&out, ", \"database\": {\"ready\": %s, \"away_ms\": %lld}, \"tenants\": {",
                  db_ready() ? "true" : "false", (long long)bb_db_away_ms());
        for (size_t i = 0; i < tenants_count(); i++) {
                buf_add_c(&out, i > 0 ? ", " : "");
                add_tenant(&out, tenants_at(i));
        }
        buf_add_c(&out, "}}");
        *ret_why_json = bb_str_dup(buf_str(&out));
        return server.phase == SERVER_READY;
}
