/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps a worker running. This process parses no request and runs no plugin: it holds the listening sockets, the
 * embedded database, and a page of memory in which the worker notes what it is doing, so that a crash can be explained.
 */
#include "supervisor.h"
#include "base/log.h"
#include "base/time.h"
#include "db/db.h"
#include "mod/config.h"
#include "mod/quarantine.h"
#include "mod/server.h"
#include "net/addr.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 4096
#define FIRST_OWN_FD 16 /* ours lie above what a worker gets under fixed numbers */
#define QUICK_CRASHES 3
#define QUICK_WINDOW_MS 10000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 30000
#define KILL_AFTER_MS 30000 /* beyond the worker's own time limit */
#define DATABASE_LOOK_MS 50
#define TRACE_MOST (256u << 10)
#define LOCK_TRIES 50
#define LOCK_EACH_US 100000

static struct supervisor {
        const char *config_path;
        struct config *config; /* the last one that was fine */
        struct supervised_page *page;
        int page_fd, trace_fd;
        struct embedded embedded;
        struct quarantine quarantine;
        pid_t worker;
        int64_t started_ms, start_at_ms; /* monotonic; start_at_ms 0: not to be started */
        int64_t deaths_ms[QUICK_CRASHES];
        int64_t backoff_ms, kill_at_ms;
        int32_t stopping, exit_status;
        char *quarantine_file, *crash_folder, *status_file;
        sigset_t signals;
} super;

/* --- memory that worker and supervisor share --- */

static int memory_file(const char *name, size_t size)
{
        int low = memfd_create(name, MFD_CLOEXEC), fd;

        if (low < 0)
                return -1;
        fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
        close(low);
        if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

static bb_err make_page(void)
{
        super.page_fd = memory_file("busbar-page", sizeof(*super.page));
        super.trace_fd = memory_file("busbar-backtrace", 0);
        if (super.page_fd < 0 || super.trace_fd < 0)
                return BB_E_IO;
        super.page = mmap(NULL, sizeof(*super.page), PROT_READ | PROT_WRITE, MAP_SHARED, super.page_fd, 0);
        if (super.page == MAP_FAILED)
                return BB_E_IO;
        *super.page = (struct supervised_page){
                .magic = SUPERVISED_MAGIC, .size = sizeof(*super.page), .supervisor_pid = (int32_t)getpid()};
        return BB_OK;
}

/* --- listening sockets --- */

static int open_socket(const char *address)
{
        struct addr a;
        int low, fd, on = 1;

        if (addr_parse(bb_cstr(address), &a) < 0)
                return -1;
        low = socket(a.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (low < 0)
                return -1;
        fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
        close(low);
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            bind(fd, (struct sockaddr *)&a.sa, a.len) == 0 && listen(fd, BACKLOG) == 0)
                return fd;
        bb_log(BB_ERROR, "listen.failed", strerror(errno), bb_kv_cstr("address", address));
        if (fd >= 0)
                close(fd);
        return -1;
}

static int32_t find_socket(const char *address)
{
        for (int32_t i = 0; i < super.page->socket_count; i++)
                if (strcmp(super.page->sockets[i].address, address) == 0)
                        return i;
        return -1;
}

static bb_err want_socket(bb_str address, int8_t *wanted)
{
        int32_t at = find_socket(address.ptr);
        struct supervised_socket *s;
        int fd;

        if (at < 0 && super.page->socket_count == SUPERVISED_SOCKETS)
                return BB_OK; /* the worker opens what is beyond */
        if (at < 0) {
                fd = open_socket(address.ptr);
                if (fd < 0)
                        return BB_E_IO;
                at = super.page->socket_count++;
                s = &super.page->sockets[at];
                snprintf(s->address, sizeof(s->address), "%s", address.ptr);
                s->fd = fd;
        }
        wanted[at] = 1;
        return BB_OK;
}

static bb_err want_sockets(const struct bb_array *addresses, int8_t *wanted)
{
        const bb_str *items = addresses->items;
        bb_err err = BB_OK;

        for (size_t i = 0; i < addresses->count; i++)
                if (want_socket(items[i], wanted) < 0)
                        err = BB_E_IO;
        return err;
}

static void close_unwanted(const int8_t *wanted)
{
        int32_t kept = 0;

        for (int32_t i = 0; i < super.page->socket_count; i++) {
                if (wanted[i])
                        super.page->sockets[kept++] = super.page->sockets[i];
                else
                        close(super.page->sockets[i].fd);
        }
        super.page->socket_count = kept;
}

/* Opens what the configuration names and is not open yet, closes the rest. */
static bb_err open_sockets(void)
{
        const struct config_server *config = &super.config->server;
        int8_t wanted[SUPERVISED_SOCKETS] = {0};
        bb_err err = want_sockets(&config->http.listen, wanted), more = BB_OK;

        if (config->http.tls != NULL)
                more = want_sockets(&config->http.tls->listen, wanted);
        if (want_socket(config->operation.listen, wanted) < 0 || more < 0)
                err = BB_E_IO;
        close_unwanted(wanted);
        return err;
}

static void close_sockets(void)
{
        static const int8_t none[SUPERVISED_SOCKETS];

        close_unwanted(none);
}

/* --- the worker --- */

static int pass_on(int fd, int as)
{
        return dup2(fd, as) == as; /* dup2 clears close-on-exec */
}

static void become_worker(void)
{
        char *const argv[] = {"busbard", SUPERVISED_OPTION, "-c", (char *)(uintptr_t)super.config_path, NULL};
        sigset_t held = super.signals;

        /* Those that the worker handles wait until it can; a group of its own keeps the terminal's Ctrl-C from it. */
        sigdelset(&held, SIGCHLD);
        sigprocmask(SIG_SETMASK, &held, NULL);
        setpgid(0, 0);
        if (!pass_on(super.page_fd, SUPERVISED_PAGE_FD) || !pass_on(super.trace_fd, SUPERVISED_TRACE_FD))
                _exit(EXIT_FAILURE);
        for (int32_t i = 0; i < super.page->socket_count; i++)
                fcntl(super.page->sockets[i].fd, F_SETFD, 0);
        execv("/proc/self/exe", argv);
        _exit(EXIT_FAILURE);
}

static void read_configuration_again(void)
{
        struct config *fresh = config_load(super.config_path);

        /* A worker that meets the same errors ends and is tried again later; the old sockets stay until then. */
        if (fresh->errors.count > 0) {
                config_free(fresh);
                return;
        }
        config_free(super.config);
        super.config = fresh;
        if (open_sockets() < 0)
                bb_log(BB_WARN, "supervisor.sockets", "not every address can be listened at");
}

static void start_worker(void)
{
        pid_t pid;

        super.start_at_ms = 0;
        quarantine_look(&super.quarantine);
        quarantine_show(&super.quarantine, super.page);
        super.page->crumb = (struct breadcrumb_page){.magic = super.page->crumb.magic};
        if (ftruncate(super.trace_fd, 0) < 0 || lseek(super.trace_fd, 0, SEEK_SET) < 0)
                bb_log(BB_WARN, "supervisor.backtrace", strerror(errno));
        pid = fork();
        if (pid == 0)
                become_worker();
        if (pid < 0) {
                bb_log(BB_ERROR, "worker.not_started", strerror(errno));
                super.start_at_ms = time_mono_ms() + BACKOFF_FIRST_MS;
                return;
        }
        super.worker = pid;
        super.started_ms = time_mono_ms();
        bb_log(BB_INFO, "worker.started", NULL, bb_kv_int("worker_pid", pid));
}

/* --- its death --- */

static bb_str read_backtrace(void)
{
        char *text = bb_alloc(TRACE_MOST);
        ssize_t n = pread(super.trace_fd, text, TRACE_MOST, 0);

        return (bb_str){.ptr = text, .len = n > 0 ? (size_t)n : 0};
}

/* Being killed from outside (an operator, the kernel out of memory) says nothing about the plugin that happened to run.
 */
static int32_t is_plugins_fault(int status)
{
        if (super.page->crumb.plugin[0] == '\0')
                return 0;
        if (WIFEXITED(status))
                return WEXITSTATUS(status) != 0;
        return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGINT &&
               WTERMSIG(status) != SIGHUP;
}

static void report_death(int status)
{
        struct breadcrumb_page crumb = super.page->crumb;
        struct crash_report report = {.pid = super.worker,
                                      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                                      .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                                      .at_ms = time_now_ms(),
                                      .uptime_ms = time_mono_ms() - super.started_ms,
                                      .crumb = &crumb,
                                      .backtrace = read_backtrace()};

        /* Written by the process that died: nothing in it ends for sure. */
        crumb.plugin[sizeof(crumb.plugin) - 1] = '\0';
        crumb.tenant[sizeof(crumb.tenant) - 1] = '\0';
        crumb.operation[sizeof(crumb.operation) - 1] = '\0';
        bb_log(BB_ERROR, "worker.died", report.signal > 0 ? strsignal(report.signal) : "ended by itself",
               bb_kv_int("worker_pid", super.worker), bb_kv_int("signal", report.signal),
               bb_kv_int("exit_code", report.exit_code), bb_kv_cstr("plugin", crumb.plugin),
               bb_kv_cstr("tenant", crumb.tenant), bb_kv_cstr("operation", crumb.operation));
        if (crash_report_write(super.crash_folder, &report) < 0)
                bb_log(BB_ERROR, "worker.no_report", "the crash report cannot be written");
        if (!is_plugins_fault(status) || !quarantine_crashed(&super.quarantine, crumb.plugin, time_mono_ms()))
                return;
        /* Without it the next worker has every reason to live: no pause before it. */
        super.backoff_ms = 0;
        memset(super.deaths_ms, 0, sizeof(super.deaths_ms));
        bb_log(BB_ERROR, "plugin.quarantined", quarantine_sentence(&crumb), bb_kv_cstr("plugin", crumb.plugin),
               bb_kv_cstr("tenant", crumb.tenant), bb_kv_cstr("operation", crumb.operation),
               bb_kv_cstr("file", super.quarantine_file));
}

static void plan_restart(void)
{
        int64_t now = time_mono_ms();

        memmove(&super.deaths_ms[1], &super.deaths_ms[0], sizeof(super.deaths_ms) - sizeof(super.deaths_ms[0]));
        super.deaths_ms[0] = now;
        /* The pauses themselves do not count as good time. */
        if (super.deaths_ms[QUICK_CRASHES - 1] == 0 ||
            now - super.deaths_ms[QUICK_CRASHES - 1] > QUICK_WINDOW_MS + super.backoff_ms * QUICK_CRASHES)
                super.backoff_ms = 0;
        else
                super.backoff_ms = super.backoff_ms == 0 ? BACKOFF_FIRST_MS : super.backoff_ms * 2;
        if (super.backoff_ms > BACKOFF_MOST_MS)
                super.backoff_ms = BACKOFF_MOST_MS;
        super.start_at_ms = now + super.backoff_ms + (super.backoff_ms == 0);
        super.page->restarts++;
        if (super.backoff_ms > 0)
                bb_log(BB_WARN, "worker.backoff", "the worker died several times in a row",
                       bb_kv_int("pause_ms", super.backoff_ms));
}

static void end(int32_t status)
{
        super.stopping = 1;
        super.start_at_ms = 0;
        if (super.exit_status == 0)
                super.exit_status = status;
}

static void on_worker_death(int status)
{
        int fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        int refused = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIGURATION;

        if (refused)
                bb_log(BB_ERROR, "worker.refused", "the configuration cannot be used; see the lines above");
        else if (!fine && !(super.stopping && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
                report_death(status);
        super.worker = 0;
        if (super.stopping) {
                end(fine ? EXIT_SUCCESS : EXIT_FAILURE);
                return;
        }
        if (refused && super.page->restarts == 0) {
                end(EXIT_CONFIGURATION);
                return;
        }
        plan_restart();
        read_configuration_again();
}

static void reap(void)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                if (pid == super.worker)
                        on_worker_death(status);
                else
                        embedded_tend(pid);
        }
}

/* --- signals --- */

static void on_stop(int number)
{
        int64_t drain_ms = (int64_t)super.config->server.drain.seconds * 1000;

        bb_log(BB_INFO, "supervisor.stopping", strsignal(number));
        if (super.worker > 0)
                kill(super.worker, SIGTERM);
        if (!super.stopping)
                super.kill_at_ms = time_mono_ms() + drain_ms + KILL_AFTER_MS;
        end(EXIT_SUCCESS);
        /* As long as a listening socket is open anywhere, clients wait for an answer that nobody gives. */
        close_sockets();
}

static void on_reload(void)
{
        quarantine_clear(&super.quarantine);
        quarantine_show(&super.quarantine, super.page);
        super.backoff_ms = 0;
        if (super.worker > 0)
                kill(super.worker, SIGHUP);
        else if (super.start_at_ms > 0)
                super.start_at_ms = time_mono_ms();
}

static void on_signal(int number)
{
        if (number == SIGHUP)
                on_reload();
        else if (number == SIGTERM || number == SIGINT)
                on_stop(number);
}

static void wait_for_something(void)
{
        int64_t now = time_mono_ms(), wait = 1000;
        struct timespec ts;
        int number;

        /* A database that is down comes back within moments of its own choosing. */
        if (super.embedded.url != NULL && embedded_pid() == 0)
                wait = DATABASE_LOOK_MS;
        if (super.start_at_ms > 0 && super.start_at_ms - now < wait)
                wait = super.start_at_ms > now ? super.start_at_ms - now : 0;
        ts = (struct timespec){.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000};
        number = sigtimedwait(&super.signals, NULL, &ts);
        if (number > 0)
                on_signal(number);
}

static void supervise(void)
{
        while (!super.stopping || super.worker > 0) {
                wait_for_something();
                reap();
                embedded_tend(0);
                if (super.start_at_ms > 0 && time_mono_ms() >= super.start_at_ms)
                        start_worker();
                if (super.stopping && super.worker > 0 && time_mono_ms() >= super.kill_at_ms)
                        kill(super.worker, SIGKILL);
                arena_reset(arena_current);
        }
}

/* --- from start to end --- */

static bb_err start_database(void)
{
        const struct config_server *config = &super.config->server;
        struct embedded_config cluster = {.state = config->state_folder.ptr, .bindir = config->database.bin_folder.ptr};
        bb_str why = BB_NONE;

        if (!bb_str_is(config->database.url, "embedded"))
                return BB_OK;
        if (embedded_start(&cluster, &super.embedded, &why) < 0) {
                bb_log(BB_ERROR, "database.embedded_failed", why.ptr);
                free((void *)(uintptr_t)why.ptr);
                return BB_E_UNAVAILABLE;
        }
        snprintf(super.page->url, sizeof(super.page->url), "%s", super.embedded.url);
        snprintf(super.page->owner_url, sizeof(super.page->owner_url), "%s", super.embedded.owner_url);
        snprintf(super.page->admin_url, sizeof(super.page->admin_url), "%s", super.embedded.admin_url);
        return BB_OK;
}

static char *in_state_folder(const char *name)
{
        bb_str path = arena_print(arena_current, "%.*s/%s", BB_FMT(super.config->server.state_folder), name);

        return (char *)(uintptr_t)heap_str(path).ptr;
}

static void take_signals(void)
{
        static const int taken[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

        sigemptyset(&super.signals);
        for (size_t i = 0; i < BB_COUNT(taken); i++)
                sigaddset(&super.signals, taken[i]);
        sigprocmask(SIG_BLOCK, &super.signals, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* One busbard a state folder: two would take the database from under each other. Held until this process ends; one that
 * is just ending is waited for. */
static bb_err lock_state_folder(void)
{
        char *path = in_state_folder("busbard.lock");
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        bb_err err = BB_E_IO;

        for (int i = 0; fd >= 0 && i < LOCK_TRIES && err < 0; i++) {
                if (i > 0)
                        usleep(LOCK_EACH_US);
                err = flock(fd, LOCK_EX | LOCK_NB) == 0 ? BB_OK : BB_E_BUSY;
        }
        if (err < 0)
                bb_log(BB_ERROR, "supervisor.not_alone",
                       fd < 0 ? strerror(errno) : "another busbard runs on this state folder",
                       bb_kv_cstr("file", path));
        free(path);
        return err;
}

static bb_err prepare(void)
{
        TRY(status_make_folder(super.config->server.state_folder));
        TRY(lock_state_folder());
        super.quarantine_file = in_state_folder("quarantine.json");
        super.crash_folder = in_state_folder("crashes");
        super.status_file = in_state_folder("busbard.json");
        quarantine_open(&super.quarantine, super.quarantine_file);
        if (make_page() < 0) {
                bb_log(BB_ERROR, "supervisor.no_page", strerror(errno));
                return BB_E_IO;
        }
        TRY(open_sockets());
        return start_database();
}

static void clean_up(void)
{
        close_sockets();
        if (super.embedded.url != NULL)
                embedded_stop(&super.embedded);
        /* A worker that was killed could not do it. */
        unlink(super.status_file);
        free(super.quarantine_file);
        free(super.crash_folder);
        free(super.status_file);
        munmap(super.page, sizeof(*super.page));
}

int supervisor_run(const char *config_path)
{
        struct arena *arena = arena_new("supervisor");

        arena_current = arena;
        super.config_path = config_path;
        super.config = config_load(config_path);
        if (super.config->errors.count > 0) {
                server_print_errors(&super.config->errors);
                return EXIT_CONFIGURATION;
        }
        log_set_level(super.config->server.log.level);
        take_signals();
        if (prepare() < 0) {
                if (super.embedded.url != NULL)
                        embedded_stop(&super.embedded);
                return EXIT_FAILURE;
        }
        start_worker();
        supervise();
        bb_log(BB_INFO, "supervisor.ended", NULL, bb_kv_int("status", super.exit_status));
        clean_up();
        config_free(super.config);
        arena_free(arena);
        return super.exit_status;
}
