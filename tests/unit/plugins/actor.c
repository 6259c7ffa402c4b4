/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that plays whatever part a test gives it on the compiler's command line: NAME, PROVIDES, NEEDS, AFTER, what
 * it does in load (LOAD), what ABI it claims (MAJOR, MINOR, SIZE, MAGIC), how its tenants start (START), and the path
 * of a route (ROUTE).
 */
#include <busbar/http.h>
#include <busbar/plugin.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NAME
#define NAME "actor"
#endif
#ifndef LOAD
#define LOAD plain
#endif
#ifndef START
#define START fine
#endif
#ifdef MAJOR
#undef BB_ABI_MAJOR
#define BB_ABI_MAJOR MAJOR
#endif
#ifdef MINOR
#undef BB_ABI_MINOR
#define BB_ABI_MINOR MINOR
#endif
#ifdef MAGIC
#undef BB_PLUGIN_MAGIC
#define BB_PLUGIN_MAGIC MAGIC
#endif

/* What the test reads through the registry. */
struct actor_ops {
        uint32_t size;
        uint32_t reserved;
        const char *name;
        int32_t got_undeclared, got_declared, got_too_large, got_core, got_second, late_provide;
        int32_t started, stopped, needed_first;
        int32_t load_order;
        size_t providers;
};
static struct actor_ops ops = {.size = sizeof(ops), .name = NAME};

struct actor_options {
        uint64_t present;
        bb_str greeting;
        int64_t count;
};
static const struct bb_field option_fields[] = {
        {.name = "greeting",
         .type = BB_T_STR,
         .offset = offsetof(struct actor_options, greeting),
         .max = 20,
         .fallback = "hello"},
        {.name = "count",
         .type = BB_T_INT,
         .offset = offsetof(struct actor_options, count),
         .min = 1,
         .max = 9,
         .fallback = "1"},
};
static BB_SHAPE(actor_shape, actor_options, 0, "Options", option_fields);

static const char *check(const void *config)
{
        const struct actor_options *options = config;

        return options->count == 7 ? "seven is taken" : NULL;
}

__attribute__((unused)) static const char *const needs[] = {
#ifdef NEEDS
        NEEDS,
#endif
        NULL};
__attribute__((unused)) static const char *const after[] = {
#ifdef AFTER
        AFTER,
#endif
        NULL};

static bb_err provide_all(void)
{
#ifdef PROVIDES
        static const char *const list[] = {PROVIDES};

        for (size_t i = 0; i < BB_COUNT(list); i++)
                TRY(bb_provide(list[i], &ops));
#endif
        return BB_OK;
}

/* --- what load can do --- */

__attribute__((unused)) static bb_err plain(void)
{
        return BB_OK;
}
/* As plugins do: without what they need they do not go on. */
__attribute__((unused)) static bb_err want_needs(void)
{
        for (size_t i = 0; needs[i] != NULL; i++)
                if (bb_require(needs[i], 8) == NULL)
                        return BB_E_NOT_FOUND;
        return BB_OK;
}
__attribute__((unused)) static bb_err crash(void)
{
        raise(SIGSEGV);
        return BB_OK;
}
__attribute__((unused)) static bb_err leave(void)
{
        _exit(3);
}
__attribute__((unused)) static bb_err hang(void)
{
        for (;;)
                sleep(1);
}
__attribute__((unused)) static bb_err refuse(void)
{
        return BB_E_UNSUPPORTED;
}
__attribute__((unused)) static bb_err look_around(void)
{
        ops.got_undeclared = bb_require("undeclared/1", 8) != NULL;
        ops.got_declared = bb_require("declared/1", 8) != NULL;
        ops.got_too_large = bb_require("declared/1", 1u << 20) != NULL;
        ops.got_core = bb_require("rt/1", 8) != NULL;
        ops.got_second = bb_host_->require(bb_self_, "declared/1", "second", 8) != NULL;
        while (bb_host_->provider(bb_self_, "declared/1", ops.providers, NULL) != NULL)
                ops.providers++;
        return BB_OK;
}

#ifdef ROUTE
static bb_err answer(bb_request *req, bb_response *res)
{
        (void)req;
        bb_response_bytes(res, "text/plain", BB_STR(NAME));
        return BB_OK;
}

static bb_err add_routes(void)
{
        static const struct bb_route routes[] = {
                {.method = "GET", .path = ROUTE, .handle = answer, .summary = "What an actor says", .status = 200}};

        return bb_http_routes(routes, BB_COUNT(routes));
}
#else
static bb_err add_routes(void)
{
        return BB_OK;
}
#endif

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = &ops;
        TRY(provide_all());
        TRY(add_routes());
        return LOAD();
}

/* --- tenants --- */

__attribute__((unused)) static bb_err fine(void)
{
        return BB_OK;
}
__attribute__((unused)) static bb_err fail(void)
{
        return BB_E_CONFLICT;
}
__attribute__((unused)) static bb_err slow(void)
{
        return bb_sleep(1500);
}

static void wait_for_ever(void *arg)
{
        (void)arg;
        /* Ends when it is cancelled, which the host does before tenant_stop. */
        ops.needed_first += bb_sleep(1000000) == BB_E_CANCELED;
}

static bb_err start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        const struct actor_options *options = config;

        (void)self;
        ops.late_provide = bb_provide("late/1", &ops) == BB_E_CONFLICT;
        ops.started += options->count > 0;
        *ret_state = &ops;
        TRY(bb_task_spawn("actor.wait", tenant, 0, wait_for_ever, NULL, NULL));
        bb_log(BB_INFO, "actor.started", NULL, bb_kv_str("greeting", options->greeting));
        return START();
}
static void stop(void *self, void *state)
{
        (void)self;
        (void)state;
        ops.stopped++;
        /* Its task is gone by now. */
        bb_log(BB_INFO, "actor.stopped", NULL, bb_kv_int("tasks_ended", ops.needed_first));
}

#ifdef SIZE /* such a plugin has no tables, so it may only play plain parts */
extern const struct bb_plugin busbar_plugin BB_EXPORT;
BB_PLUGIN_GLOBALS
const struct bb_plugin busbar_plugin = {.magic = BB_PLUGIN_MAGIC,
                                        .abi_major = BB_ABI_MAJOR,
                                        .abi_minor = BB_ABI_MINOR,
                                        .size = SIZE,
                                        .name = NAME,
                                        .version = "1.0",
                                        .load = load,
                                        .tenant_start = start,
                                        .tenant_stop = stop,
                                        .options = &actor_shape,
                                        .tenant_config_size = sizeof(struct actor_options),
                                        .check = check};
#else
BB_PLUGIN(load, .name = NAME, .version = "1.0", .vendor = "Acme", .license = "Apache-2.0", .needs = needs,
          .after = after, .options = &actor_shape, .tenant_config_size = sizeof(struct actor_options),
          .tenant_start = start, .tenant_stop = stop, .check = check);
#endif
