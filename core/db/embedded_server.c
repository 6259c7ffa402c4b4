/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of the private cluster: initdb, and the server as a child of ours in a process group of its own, so
 * that a Ctrl-C meant for us does not reach it. A server that outlived its busbard is taken over instead of started
 * twice.
 */
#include "base/str.h"
#include "base/time.h"
#include "db/embedded.h"
#include <busbar/log.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 60000      /* for a server that does not say what it does */
#define RECOVERY_MS 1800000 /* for one that says it is starting: recovery after a crash takes what it takes */
#define STOP_MS 30000
#define RESTART_MAX_MS 10000
#define LOG_MAX (16 * 1024 * 1024)

static struct {
        const struct cluster *cluster;
        pid_t pid;
        int adopted; /* no child of ours */
        int64_t started_ms, restart_at_ms, delay_ms;
} server;

static void nap(int64_t ms)
{
        struct timespec ts = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

        nanosleep(&ts, NULL);
}

/* In the child: whatever fails ends it. */
static void become(const struct cluster *c)
{
        if (c->user == NULL)
                return;
        if (initgroups(c->user, c->gid) < 0 || setgid(c->gid) < 0 || setuid(c->uid) < 0)
                _exit(126);
}

int server_may_enter(const struct cluster *c, const char *folder)
{
        pid_t pid;
        int status = 1;

        if (c->user == NULL)
                return 1;
        pid = fork();
        if (pid == 0) {
                become(c);
                _exit(chdir(folder) == 0 ? 0 : 1);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void default_signals(void)
{
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                signal(i, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs a program of the cluster's as its user, its output appended to the log. */
static pid_t launch(const struct cluster *c, const char *program, const char **args)
{
        char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", (char *)(uintptr_t) "LC_ALL=C",
                                     (char *)(uintptr_t) "TZ=UTC", NULL};
        char path[512];
        pid_t pid;

        /* They look for each other beside their own path. */
        snprintf(path, sizeof(path), "%s/%s", c->bindir, program);
        args[0] = path;
        pid = fork();
        if (pid != 0)
                return pid;
        if (setpgid(0, 0) < 0 || chdir("/") < 0)
                _exit(126);
        umask(077);
        become(c);
        if (dup2(open("/dev/null", O_RDONLY), 0) < 0 ||
            dup2(open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600), 1) < 0 || dup2(1, 2) < 0)
                _exit(126);
        close_range(3, ~0U, 0);
        default_signals();
        execve(path, (char *const *)(uintptr_t)args, environment);
        _exit(127);
}

/* The last line of the log, for a sentence. */
static bb_err log_tail(const struct cluster *c, bb_err err, const char *what, char **ret_why)
{
        char tail[512] = "";
        int fd = open(c->log, O_RDONLY | O_CLOEXEC);
        ssize_t got = 0;
        char *line;

        if (fd >= 0) {
                if (lseek(fd, -(off_t)(sizeof(tail) - 1), SEEK_END) < 0)
                        lseek(fd, 0, SEEK_SET);
                got = read(fd, tail, sizeof(tail) - 1);
                close(fd);
        }
        while (got > 0 && (tail[got - 1] == '\n' || tail[got - 1] == ' '))
                got--;
        tail[got > 0 ? got : 0] = '\0';
        line = strrchr(tail, '\n');
        return because(err, ret_why, "%s; the log %s ends with: %s", what, c->log, line != NULL ? line + 1 : tail);
}

static int has_tools(const char *bindir)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/initdb", bindir);
        if (access(path, X_OK) < 0)
                return 0;
        snprintf(path, sizeof(path), "%s/postgres", bindir);
        return access(path, X_OK) == 0;
}

/* The major version that the folder was made with, 0 when it is not made yet. */
static int data_version(const struct cluster *c)
{
        char path[512], text[16] = "";
        int64_t version = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/PG_VERSION", c->data);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        if (fgets(text, sizeof(text), f) != NULL)
                text[strcspn(text, "\n")] = '\0';
        fclose(f);
        return str_to_int(bb_cstr(text), &version) == BB_OK ? (int)version : 0;
}

static char *tools_of_version(int version)
{
        static const char *const places[] = {"/usr/lib/postgresql/%d/bin", "/usr/pgsql-%d/bin",
                                             "/usr/local/pgsql-%d/bin"};
        char path[128];

        for (size_t i = 0; i < BB_COUNT(places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                snprintf(path, sizeof(path), places[i], version);
#pragma GCC diagnostic pop
                if (has_tools(path))
                        return strdup(path);
        }
        return NULL;
}

static char *tools_in_path(void)
{
        bb_str rest = bb_cstr(getenv("PATH")), part;

        while (rest.ptr != NULL && str_split(&rest, ':', &part)) {
                char *path = strndup(part.ptr, part.len);

                if (path != NULL && path[0] == '/' && has_tools(path))
                        return path;
                free(path);
        }
        return NULL;
}

bb_err server_find_tools(struct cluster *c, const char *asked, char **ret_why)
{
        int made_with = data_version(c);

        if (asked != NULL && !has_tools(asked))
                return because(BB_E_NOT_FOUND, ret_why, "there is no initdb and postgres in %s", asked);
        if (asked != NULL)
                c->bindir = strdup(asked);
        if (c->bindir == NULL && made_with > 0)
                c->bindir = tools_of_version(made_with);
        for (int version = 30; c->bindir == NULL && made_with == 0 && version >= 15; version--)
                c->bindir = tools_of_version(version);
        if (c->bindir == NULL)
                c->bindir = tools_in_path();
        if (c->bindir != NULL)
                return BB_OK;
        if (made_with > 0)
                return because(
                        BB_E_NOT_FOUND, ret_why,
                        "the cluster in %s was made by PostgreSQL %d, which is not installed: install postgresql-%d",
                        c->data, made_with, made_with);
        return because(BB_E_NOT_FOUND, ret_why,
                       "no PostgreSQL server is installed: install the package postgresql-15, or set database.bindir");
}

static bb_err wait_for_tool(pid_t pid)
{
        int status = 1;

        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? BB_OK : BB_E_IO;
}

static bb_err write_file(const struct cluster *c, const char *path, const char *text, char **ret_why)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        size_t len = strlen(text);
        int fine = fd >= 0 && write(fd, text, len) == (ssize_t)len && fchown(fd, c->uid, c->gid) == 0 && fsync(fd) == 0;

        if (fd >= 0 && close(fd) < 0)
                fine = 0;
        return fine ? BB_OK : because(BB_E_IO, ret_why, "cannot write %s: %s", path, strerror(errno));
}

/* Made beside and renamed: an interrupted initdb leaves no half a cluster. */
bb_err server_make(struct cluster *c, char **ret_why)
{
        char beside[512], password[512], hba[600], pwfile[600];
        const char *args[] = {NULL,
                              "-D",
                              beside,
                              "--auth=scram-sha-256",
                              "--encoding=UTF8",
                              "--locale=C",
                              "--username=postgres",
                              pwfile,
                              "--no-instructions",
                              c->volatile_data ? "--no-sync" : NULL,
                              NULL};
        bb_err err;

        if (snprintf(beside, sizeof(beside), "%s.new", c->data) >= (int)sizeof(beside))
                return because(BB_E_INVALID, ret_why, "the path %s is too long", c->data);
        snprintf(password, sizeof(password), "%s.password", c->data);
        snprintf(pwfile, sizeof(pwfile), "--pwfile=%s", password);
        snprintf(hba, sizeof(hba), "%s/pg_hba.conf", beside);
        cluster_remove_tree(beside);
        TRY(write_file(c, password, c->admin, ret_why));
        bb_log(BB_INFO, "embedded.make", "making the private database cluster", bb_kv_cstr("folder", c->data));
        err = wait_for_tool(launch(c, "initdb", args));
        unlink(password);
        if (err < 0)
                return log_tail(c, err, "initdb failed", ret_why);
        TRY(write_file(c, hba, "# made by busbard: its own roles, over the unix socket\nlocal all all scram-sha-256\n",
                       ret_why));
        if (rename(beside, c->data) < 0)
                return because(BB_E_IO, ret_why, "cannot rename %s: %s", beside, strerror(errno));
        return BB_OK;
}

static pid_t pid_in_file(const struct cluster *c)
{
        char path[512], text[32] = "";
        int64_t pid = 0;
        FILE *f;

        snprintf(path, sizeof(path), "%s/postmaster.pid", c->data);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        if (fgets(text, sizeof(text), f) != NULL)
                text[strcspn(text, "\n")] = '\0';
        fclose(f);
        return str_to_int(bb_cstr(text), &pid) == BB_OK && pid > 1 && pid < INT32_MAX ? (pid_t)pid : 0;
}

/* Its working folder is the cluster's: nothing else runs there. Without /proc (a bare chroot) it has to answer. */
static int is_server(const struct cluster *c, pid_t pid)
{
        struct stat data, cwd;
        char path[64];
        PGPing ping;
        char *url;

        if (pid <= 0 || kill(pid, 0) < 0)
                return 0;
        if (access("/proc/self/cwd", F_OK) == 0) {
                snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
                return stat(path, &cwd) == 0 && stat(c->data, &data) == 0 && cwd.st_dev == data.st_dev &&
                       cwd.st_ino == data.st_ino;
        }
        url = cluster_url(c, "postgres", c->admin, "postgres");
        ping = PQping(url);
        free(url);
        return ping == PQPING_OK || ping == PQPING_REJECT;
}

static void keep_log_small(const struct cluster *c)
{
        char old[512];
        struct stat st;

        if (lstat(c->log, &st) < 0 || st.st_size < LOG_MAX)
                return;
        snprintf(old, sizeof(old), "%s.1", c->log);
        rename(c->log, old);
}

/* A sixteenth of the memory, 128 MB to 1 GB: what is written now and what is read next; the kernel caches the rest. */
static int64_t buffer_mib(void)
{
        int64_t mib = ((int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) >> 20) / 16;

        if (mib < 128)
                return 128;
        return mib < 1024 ? mib : 1024;
}

/* Messages carry no values of rows: they are other people's data. */
static void launch_server(const struct cluster *c)
{
        char port[32], connections[32], buffers[48], sockets[512];
        const char *args[] = {NULL,
                              "-D",
                              c->data,
                              "--listen_addresses=",
                              sockets,
                              "--unix_socket_permissions=0700",
                              port,
                              connections,
                              buffers,
                              c->volatile_data ? "--fsync=off" : "--fsync=on",
                              "--synchronous_commit=on",
                              "--jit=off",
                              "--max_wal_size=2GB",
                              "--checkpoint_timeout=15min",
                              "--log_min_error_statement=panic",
                              "--log_error_verbosity=terse",
                              NULL};

        snprintf(port, sizeof(port), "--port=%d", c->port);
        snprintf(connections, sizeof(connections), "--max_connections=%d", c->max_connections);
        snprintf(buffers, sizeof(buffers), "--shared_buffers=%lldMB", (long long)buffer_mib());
        snprintf(sockets, sizeof(sockets), "--unix_socket_directories=%s", c->run);
        keep_log_small(c);
        server.pid = launch(c, "postgres", args);
        server.adopted = 0;
        server.started_ms = time_mono_ms();
        server.restart_at_ms = 0;
        bb_log(BB_INFO, "embedded.start", "starting the private database server", bb_kv_int("pid", server.pid));
}

static int server_alive(void)
{
        int status;

        if (server.pid <= 0)
                return 0;
        if (server.adopted)
                return is_server(server.cluster, server.pid);
        if (waitpid(server.pid, &status, WNOHANG) != server.pid)
                return 1;
        server.pid = 0;
        return 0;
}

static bb_err wait_until_ready(const struct cluster *c, char **ret_why)
{
        char *url = cluster_url(c, "postgres", c->admin, "postgres");
        int64_t start = time_mono_ms();
        PGPing ping = PQPING_NO_RESPONSE;

        while (server_alive()) {
                int64_t waited = time_mono_ms() - start;

                ping = PQping(url);
                if (ping == PQPING_OK || waited > (ping == PQPING_REJECT ? RECOVERY_MS : READY_MS))
                        break;
                nap(ping == PQPING_REJECT ? 200 : 50);
        }
        free(url);
        return ping == PQPING_OK ? BB_OK
                                 : log_tail(c, BB_E_UNAVAILABLE, "the embedded database does not start", ret_why);
}

bb_err server_start(struct cluster *c, char **ret_why)
{
        pid_t running = pid_in_file(c);
        char *ignored = NULL;

        server.cluster = c;
        server.delay_ms = 0;
        if (is_server(c, running)) {
                server.pid = running;
                server.adopted = 1;
                bb_log(BB_INFO, "embedded.adopt", "the private database server still runs", bb_kv_int("pid", running));
                if (wait_until_ready(c, &ignored) == BB_OK)
                        return BB_OK;
                free(ignored);
                /* It was about to end: then a new one may start. */
                if (server_alive())
                        return because(BB_E_UNAVAILABLE, ret_why, "the server %d in %s runs, but does not answer",
                                       (int)running, c->data);
        }
        launch_server(c);
        return wait_until_ready(c, ret_why);
}

pid_t embedded_pid(void)
{
        return server.pid;
}

static void server_died(void)
{
        int64_t lived = time_mono_ms() - server.started_ms;

        server.pid = 0;
        server.delay_ms = lived > 60000 || server.delay_ms == 0 ? 200 : server.delay_ms * 2;
        if (server.delay_ms > RESTART_MAX_MS)
                server.delay_ms = RESTART_MAX_MS;
        server.restart_at_ms = time_mono_ms() + server.delay_ms;
        bb_log(BB_ERROR, "embedded.died", "the private database server ended; it is started again",
               bb_kv_int("in_ms", server.delay_ms));
}

int32_t embedded_tend(pid_t dead)
{
        int32_t ours = dead > 0 && dead == server.pid && !server.adopted;

        if (server.cluster == NULL)
                return 0;
        if (ours)
                server_died();
        else if (server.pid > 0 && server.adopted && !is_server(server.cluster, server.pid))
                server_died();
        if (server.pid == 0 && server.restart_at_ms > 0 && time_mono_ms() >= server.restart_at_ms)
                launch_server(server.cluster);
        return ours;
}

static int wait_for_end(int64_t ms)
{
        int64_t until = time_mono_ms() + ms;

        while (server_alive()) {
                if (time_mono_ms() > until)
                        return 0;
                nap(20);
        }
        return 1;
}

void server_stop(void)
{
        if (server_alive()) {
                kill(server.pid, SIGINT);
                if (!wait_for_end(STOP_MS)) {
                        bb_log(BB_WARN, "embedded.stop",
                               "the private database server does not end in time; it will recover at its next start");
                        kill(server.pid, SIGQUIT);
                        wait_for_end(STOP_MS);
                }
        }
        server.pid = 0;
        server.restart_at_ms = 0;
        server.cluster = NULL;
}
