/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests that need real plugins: compiles tests/unit/plugins/actor.c with the parts that the test hands out.
 */
#ifndef TESTS_UNIT_MOD_ACTORS_H
#define TESTS_UNIT_MOD_ACTORS_H

#include "mod/loader.h"
#include "mod/probe.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The same as in actor.c. */
struct actor_ops {
        uint32_t size;
        uint32_t reserved;
        const char *name;
        int32_t got_undeclared, got_declared, got_too_large, got_core, got_second, late_provide;
        int32_t started, stopped, needed_first;
        int32_t load_order;
        size_t providers;
};

static char actors_folder[] = "/tmp/busbar-actors-XXXXXX";

/* A file of the repository: below $SRCDIR, or beside this one. */
static inline const char *actors_source(const char *name)
{
        static char path[1024];
        const char *root = getenv("SRCDIR"), *here = __FILE__, *slash = strrchr(here, '/');

        if (root != NULL)
                snprintf(path, sizeof(path), "%s/%s", root, name);
        else
                snprintf(path, sizeof(path), "%.*s/../../%s", (int)(slash - here), here, name);
        return path;
}

static inline int actors_run(char *const *argv)
{
        int status;
        pid_t pid;

        if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
                return -1;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* <folder>/<file>.so; `parts`: -D options, ended by NULL. 0 on success. */
static inline int actors_make(const char *file, const char *const *parts)
{
        char out[256], source[1024], include[1100];
        char *argv[32] = {"cc", "-std=gnu17", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden",
                          "-o", out,          source,          include};
        size_t n = 10;

        snprintf(out, sizeof(out), "%s/%s.so", actors_folder, file);
        snprintf(source, sizeof(source), "%s", actors_source("tests/unit/plugins/actor.c"));
        snprintf(include, sizeof(include), "-I%s", actors_source("sdk/include"));
        for (; *parts != NULL; parts++)
                argv[n++] = (char *)(uintptr_t)*parts;
        argv[n] = NULL;
        return actors_run(argv);
}

#define ACTOR(file, ...) assert_int_equal(actors_make((file), (const char *const[]){__VA_ARGS__, NULL}), 0)

static inline void actors_remove(void)
{
        char *argv[] = {"rm", "-rf", actors_folder, NULL};

        actors_run(argv);
}

#endif
