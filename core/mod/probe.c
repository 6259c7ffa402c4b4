/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side of the try: starts the child, reads what it says, and when it dies or hangs goes on without the plugin that
 * it was busy with. What the child does is in probe_child.c. Works on any thread: it touches nothing of the process.
 */
#include "mod/probe.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MOST (4u << 20)

extern char **environ;
int32_t probe_timeout_ms = 20000;

struct probe {
        struct arena *arena;
        struct probe_plugin *plugins;
        size_t count;
        struct probe_plugin *busy_with; /* between "begin" and its end */
        const char *doing;
        int32_t finished;
};

/* --- the child's words: fields with tabs between, one message a line --- */

static struct probe_plugin *named(const struct probe *probe, bb_str name)
{
        for (size_t i = 0; i < probe->count; i++)
                if (bb_str_is(name, probe->plugins[i].name))
                        return &probe->plugins[i];
        return NULL;
}

/* "a/1 b/1" as an array that ends with NULL. */
static const char **word_list(struct arena *arena, bb_str words)
{
        const char **list = arena_alloc(arena, (words.len + 2) * sizeof(*list));
        bb_str word;
        size_t n = 0;

        while (words.len > 0 && str_split(&words, ' ', &word))
                list[n++] = arena_str(arena, word).ptr;
        return list;
}

static void add_provided(struct probe *probe, struct probe_plugin *p, bb_str interface)
{
        const char **grown = arena_alloc(probe->arena, (p->provide_count + 1) * sizeof(*grown));

        if (p->provide_count > 0)
                memcpy(grown, p->provides, p->provide_count * sizeof(*grown));
        grown[p->provide_count++] = arena_str(probe->arena, interface).ptr;
        p->provides = grown;
}

static const char *field(const struct probe *probe, bb_str *rest)
{
        bb_str text;

        return str_split(rest, '\t', &text) && text.len > 0 ? arena_str(probe->arena, text).ptr : NULL;
}

static int32_t number(bb_str *rest)
{
        bb_str text = BB_NONE;
        int64_t value;

        return str_split(rest, '\t', &text) && str_to_int(text, &value) == BB_OK ? (int32_t)value : 0;
}

static void add_route(struct probe *probe, struct probe_plugin *p, bb_str rest)
{
        struct bb_route route = {.method = NULL}, *grown;

        route.flags = number(&rest);
        route.status = number(&rest);
        route.method = field(probe, &rest);
        route.path = field(probe, &rest);
        route.permission = field(probe, &rest);
        route.tag = field(probe, &rest);
        route.summary = field(probe, &rest);
        if (route.method == NULL || route.path == NULL)
                return;
        /* Doubled each time that it is full: at 0, 1, 2, 4, … */
        if ((p->route_count & (p->route_count - 1)) == 0) {
                grown = arena_alloc(probe->arena, (p->route_count * 2 + 1) * sizeof(*grown));
                if (p->route_count > 0)
                        memcpy(grown, p->routes, p->route_count * sizeof(*grown));
                p->routes = grown;
        }
        p->routes[p->route_count++] = route;
}

static void on_begin(struct probe *probe, struct probe_plugin *p, bb_str what)
{
        probe->busy_with = p;
        probe->doing = arena_str(probe->arena, what).ptr;
}

static void on_ok(struct probe *probe, struct probe_plugin *p, bb_str rest)
{
        (void)rest;
        p->state = PROBE_OK;
        probe->busy_with = NULL;
}

static void on_opened(struct probe *probe, struct probe_plugin *p, bb_str rest)
{
        (void)p;
        (void)rest;
        probe->busy_with = NULL;
}

static void on_refused(struct probe *probe, struct probe_plugin *p, bb_str why)
{
        p->state = PROBE_REFUSED;
        p->why = arena_str(probe->arena, why).ptr;
        probe->busy_with = NULL;
}

static void on_stuck(struct probe *probe, struct probe_plugin *p, bb_str rest)
{
        (void)probe;
        (void)rest;
        p->state = PROBE_STUCK;
}

static void on_needs(struct probe *probe, struct probe_plugin *p, bb_str words)
{
        p->needs = word_list(probe->arena, words);
}

static void on_after(struct probe *probe, struct probe_plugin *p, bb_str words)
{
        p->after = word_list(probe->arena, words);
}

static const struct {
        const char *word;
        void (*take)(struct probe *, struct probe_plugin *, bb_str);
} words[] = {
        {"begin", on_begin}, {"opened", on_opened},      {"needs", on_needs},     {"after", on_after},  {"ok", on_ok},
        {"stuck", on_stuck}, {"provides", add_provided}, {"refused", on_refused}, {"route", add_route},
};

static void take_line(struct probe *probe, bb_str line)
{
        bb_str word = BB_NONE, name = BB_NONE;
        struct probe_plugin *p;

        if (bb_str_is(line, "end")) {
                probe->finished = 1;
                return;
        }
        if (!str_split(&line, '\t', &word) || !str_split(&line, '\t', &name))
                return;
        p = named(probe, name);
        for (size_t i = 0; p != NULL && i < BB_COUNT(words); i++)
                if (bb_str_is(word, words[i].word))
                        words[i].take(probe, p, line);
}

static void take_output(struct probe *probe, bb_str output)
{
        bb_str line;

        while (output.len > 0 && str_split(&output, '\n', &line))
                take_line(probe, line);
}

/* --- the child --- */

static char **arguments(const struct probe *probe)
{
        char **argv = arena_alloc(probe->arena, (probe->count + 3) * sizeof(*argv));
        size_t n = 0;

        argv[n++] = (char *)(uintptr_t) "busbard";
        argv[n++] = (char *)(uintptr_t)PROBE_OPTION;
        for (size_t i = 0; i < probe->count; i++) {
                const struct probe_plugin *p = &probe->plugins[i];

                if (p->state == PROBE_UNKNOWN)
                        argv[n++] = (char *)(uintptr_t)arena_print(probe->arena, "%s=%s", p->name, p->path).ptr;
        }
        return argv;
}

/* Threads of the pool block signals, and the child would inherit that: a plugin that raises one must feel it. */
static int clean_signals(posix_spawnattr_t *attributes)
{
        static const int ours[] = {SIGPIPE, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
        sigset_t none, defaults;

        sigemptyset(&none);
        sigemptyset(&defaults);
        for (size_t i = 0; i < BB_COUNT(ours); i++)
                sigaddset(&defaults, ours[i]);
        if (posix_spawnattr_init(attributes) != 0)
                return ENOMEM;
        posix_spawnattr_setsigmask(attributes, &none);
        posix_spawnattr_setsigdefault(attributes, &defaults);
        return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(const struct probe *probe, int out, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int failed = clean_signals(&attributes);

        if (failed != 0)
                return failed;
        if (posix_spawn_file_actions_init(&actions) != 0) {
                posix_spawnattr_destroy(&attributes);
                return ENOMEM;
        }
        failed = posix_spawn_file_actions_adddup2(&actions, out, PROBE_FD);
        if (failed == 0)
                failed = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments(probe), environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return failed;
}

/* 0 when the child closed its end, ETIMEDOUT when it is too slow or says too much. */
static int read_output(int in, struct buf *out)
{
        int64_t deadline = time_mono_ms() + probe_timeout_ms;

        for (;;) {
                struct pollfd ready = {.fd = in, .events = POLLIN};
                int64_t left = deadline - time_mono_ms();
                ssize_t n;

                if (left <= 0 || out->len > OUTPUT_MOST)
                        return ETIMEDOUT;
                if (poll(&ready, 1, (int)left) <= 0)
                        continue;
                buf_reserve(out, 4096);
                n = read(in, out->ptr + out->len, 4096);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return 0;
                out->len += (size_t)n;
        }
}

static int wait_for(pid_t pid)
{
        int status = 0;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return status;
}

/* --- when it did not end well --- */

static void blame(struct probe *probe, int late, int status)
{
        struct probe_plugin *p = probe->busy_with;

        p->state = PROBE_CRASHED;
        if (late)
                p->why =
                        arena_print(probe->arena, "plugin %s is quarantined: it does not come back from %s within %d s",
                                    p->name, probe->doing, (int)(probe_timeout_ms / 1000))
                                .ptr;
        else if (WIFSIGNALED(status))
                p->why = arena_print(probe->arena, "plugin %s is quarantined: it crashed in %s (%s)", p->name,
                                     probe->doing, strsignal(WTERMSIG(status)))
                                 .ptr;
        else
                p->why = arena_print(probe->arena, "plugin %s is quarantined: it ended the process in %s (status %d)",
                                     p->name, probe->doing, WEXITSTATUS(status))
                                 .ptr;
}

/* What the last child found out counts for nothing when it did not get to its end. */
static void start_over(struct probe *probe)
{
        probe->busy_with = NULL;
        probe->finished = 0;
        for (size_t i = 0; i < probe->count; i++) {
                struct probe_plugin *p = &probe->plugins[i];

                if (p->state == PROBE_CRASHED || p->why != NULL)
                        continue;
                p->state = PROBE_UNKNOWN;
                p->provide_count = 0;
                p->route_count = 0;
        }
}

static size_t left_to_try(const struct probe *probe)
{
        size_t n = 0;

        for (size_t i = 0; i < probe->count; i++)
                n += probe->plugins[i].state == PROBE_UNKNOWN;
        return n;
}

/* One child. 1: it got to its end; 0: a plugin broke it, and is marked; negative: no child. */
static bb_err try_once(struct probe *probe, const char **ret_why)
{
        struct buf output = {0};
        int ends[2], late, status, failed;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0) {
                *ret_why = strerror(errno);
                return BB_E_IO;
        }
        failed = spawn(probe, ends[1], &pid);
        close(ends[1]);
        if (failed != 0) {
                close(ends[0]);
                *ret_why = strerror(failed);
                return BB_E_IO;
        }
        late = read_output(ends[0], &output) != 0;
        if (late)
                kill(pid, SIGKILL);
        close(ends[0]);
        status = wait_for(pid);
        take_output(probe, buf_str(&output));
        buf_free(&output);
        if (probe->finished && !late && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 1;
        if (probe->busy_with == NULL) {
                *ret_why = "the child process that tries plugins failed by itself";
                return BB_E_INTERNAL;
        }
        blame(probe, late, status);
        return 0;
}

bb_err probe_run(struct arena *arena, struct probe_plugin *plugins, size_t count, const char **ret_why)
{
        struct probe probe = {.arena = arena, .plugins = plugins, .count = count};

        /* Each round that fails takes one plugin out, so this ends. */
        while (left_to_try(&probe) > 0) {
                bb_err result = try_once(&probe, ret_why);

                if (result != 0)
                        return result < 0 ? result : BB_OK;
                start_over(&probe);
        }
        return BB_OK;
}
