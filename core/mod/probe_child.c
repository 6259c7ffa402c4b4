/* SPDX-License-Identifier: Apache-2.0
 *
 * The child process that loads plugins for a try (`busbard --probe name=path …`). Says on PROBE_FD what it is about to
 * do and what came of it, so that whoever reads knows which plugin killed it. Plugins that wait for an interface that
 * never comes are loaded once more, each in a process of its own and with an empty table for whatever they ask: only
 * to learn what they would provide, so that a circle can be told from a missing plugin, and which routes they have, so
 * that these can be out of order rather than unknown.
 */
#include "base/str.h"
#include "mod/crypto.h"
#include "mod/host.h"
#include "mod/loader.h"
#include "mod/probe.h"
#include "net/router.h"
#include "rt/loop.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPECULATION_SECONDS 5

struct candidate {
        struct bb_plugin_ref *ref;
        const char *path;
        int32_t open, tried;
};

static void (*prepare_tables)(void);

void probe_set_prepare(void (*prepare)(void))
{
        prepare_tables = prepare;
}

static void say(const char *word, const char *name, const char *rest)
{
        dprintf(PROBE_FD, "%s\t%s\t%s\n", word, name, rest);
}

static void say_words(const char *word, const char *name, const char *const *list)
{
        bb_str text = BB_STR("");

        for (; list != NULL && *list != NULL; list++)
                text = bb_print("%.*s%s%s", BB_FMT(text), text.len > 0 ? " " : "", *list);
        say(word, name, bb_str_c(text));
}

static void say_provided(const struct bb_plugin_ref *ref)
{
        const char *interface;

        for (size_t i = 0; (interface = registry_provided_by(ref, i)) != NULL; i++)
                say("provides", ref->name, interface);
}

static int32_t has_control(const char *text)
{
        for (; text != NULL && *text != '\0'; text++)
                if ((unsigned char)*text < ' ')
                        return 1;
        return 0;
}

static void say_route(const struct bb_route *r, void *arg)
{
        const struct bb_plugin_ref *ref = arg;
        const char *const words[] = {r->method, r->path, r->permission, r->tag, r->summary};
        bb_str line = bb_print("%d\t%d", (int)r->flags, (int)r->status);

        for (size_t i = 0; i < BB_COUNT(words); i++) {
                if (i < 3 && has_control(words[i])) /* it would be another route, or one for others */
                        return;
                line = bb_print("%.*s\t%s", BB_FMT(line), words[i] == NULL || has_control(words[i]) ? "" : words[i]);
        }
        say("route", ref->name, bb_str_c(line));
}

static void say_routes(struct bb_plugin_ref *ref)
{
        router_each_route(ref, say_route, ref);
}

static void open_one(struct candidate *c)
{
        say("begin", c->ref->name, "dlopen");
        if (loader_open(c->ref, c->path) < 0) {
                say("refused", c->ref->name, c->ref->why);
                return;
        }
        say_words("needs", c->ref->name, c->ref->is.needs);
        say_words("after", c->ref->name, c->ref->is.after);
        say("opened", c->ref->name, "");
        c->open = 1;
}

static void load_one(struct candidate *c)
{
        c->tried = 1;
        say("begin", c->ref->name, "load");
        if (loader_call_load(c->ref) < 0) {
                say("refused", c->ref->name, c->ref->why);
                return;
        }
        say_provided(c->ref);
        say_routes(c->ref);
        say("ok", c->ref->name, "");
}

static int32_t all_provided(const char *const *interfaces)
{
        for (; interfaces != NULL && *interfaces != NULL; interfaces++)
                if (registry_core(*interfaces) == NULL && registry_provider(*interfaces, 0, NULL) == NULL)
                        return 0;
        return 1;
}

static struct candidate *next(struct candidate *candidates, size_t count)
{
        struct candidate *second_best = NULL;

        for (size_t i = 0; i < count; i++) {
                struct candidate *c = &candidates[i];

                if (!c->open || c->tried || !all_provided(c->ref->is.needs))
                        continue;
                if (all_provided(c->ref->is.after))
                        return c;
                if (second_best == NULL)
                        second_best = c;
        }
        return second_best;
}

/* In a process of its own. */
static void speculate(const struct candidate *c)
{
        void *ignored;

        alarm(SPECULATION_SECONDS);
        host_require_anything(1);
        /* Not loader_call_load(): what it provided before it failed counts here, and whether it failed does not. */
        c->ref->loading = 1;
        if (c->ref->is.load(&c->ref->host, &ignored) < 0)
                c->ref->loading = 0;
        say_provided(c->ref);
        say_routes(c->ref);
        _exit(0);
}

static void wait_for(pid_t pid)
{
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

static void look_at_stuck(const struct candidate *c)
{
        pid_t pid;

        say("stuck", c->ref->name, "");
        fflush(NULL);
        pid = fork();
        if (pid == 0)
                speculate(c);
        if (pid > 0)
                wait_for(pid);
}

static size_t take_arguments(int argc, char **argv, struct candidate *candidates)
{
        size_t count = 0;

        for (int i = 0; i < argc; i++) {
                bb_str pair = bb_cstr(argv[i]);
                ptrdiff_t equals = str_find(pair, '=');
                struct bb_plugin_ref *ref = equals > 0 ? loader_ref_new(str_sub(pair, 0, (size_t)equals)) : NULL;

                if (ref != NULL)
                        candidates[count++] = (struct candidate){.ref = ref, .path = argv[i] + equals + 1};
        }
        return count;
}

static void prepare(void)
{
        static const struct rlimit no_core = {0, 0};
        uint8_t key[CRYPTO_KEY_BYTES];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGPIPE, SIG_IGN);
        /* A key for the try only. */
        bb_random(key, sizeof(key));
        crypto_set_master_key(key);
        if (prepare_tables != NULL)
                prepare_tables();
}

int probe_main(int argc, char **argv)
{
        struct candidate candidates[PLUGIN_MAX] = {0}, *c;
        size_t count;

        if (argc > PLUGIN_MAX || loop_init(1) < 0)
                return 1;
        prepare();
        count = take_arguments(argc, argv, candidates);
        for (size_t i = 0; i < count; i++)
                open_one(&candidates[i]);
        while ((c = next(candidates, count)) != NULL)
                load_one(c);
        for (size_t i = 0; i < count; i++)
                if (candidates[i].open && !candidates[i].tried)
                        look_at_stuck(&candidates[i]);
        dprintf(PROBE_FD, "end\n");
        /* No clean-up: code of plugins that were refused must not get another turn. */
        _exit(0);
}
