/* SPDX-License-Identifier: Apache-2.0
 *
 * The host: loads one plugin, gives it one tenant, runs its tasks to their end.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/tenant.h"
#include "mod/crypto.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "testkit_inner.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST 32

struct bb_plugin_ref testkit_plugin;

static struct {
        const char *name;
        const void *ops;
} given[MOST], offered[MOST];
static size_t given_count, offered_count;
static struct bb_tenant tenant = {.magic = TENANT_MAGIC};
static char *logged;
static char folder[32];
static enum { NOTHING, LOADED, STARTED } stage;

/* Networks and buses of a real host: every entry says that it is not here. */
static bb_err unsupported(void)
{
        return BB_E_UNSUPPORTED;
}

/* Tables whose entries all are `unsupported`: their members are functions of many types, called with more arguments
 * than the function takes, which the calling conventions of Linux allow. */
static struct {
        uint32_t size, reserved;
        bb_err (*entries[16])(void);
} absent;

static const void *require(bb_plugin_ref *who, const char *interface, const char *provider, uint32_t min_size)
{
        static const struct {
                const char *name;
                const void *ops;
        } own[] = {{"log/1", &base_log_ops},
                   {"rt/1", &rt_ops},
                   {"json/1", &base_json_ops},
                   {"db/1", &testkit_db_ops},
                   {"http/1", &testkit_http_ops},
                   {"net/1", &absent},
                   {"bus/1", &absent},
                   {"crypto/1", &crypto_ops}};

        (void)who;
        (void)provider;
        (void)min_size;
        for (size_t i = 0; i < BB_COUNT(own); i++) {
                if (bb_str_is(bb_cstr(interface), own[i].name))
                        return own[i].ops;
        }
        for (size_t i = 0; i < given_count; i++) {
                if (bb_str_is(bb_cstr(interface), given[i].name))
                        return given[i].ops;
        }
        return NULL;
}

static bb_err provide(bb_plugin_ref *who, const char *interface, const void *ops)
{
        (void)who;
        if (offered_count == MOST)
                return BB_E_LIMIT;
        offered[offered_count].name = interface;
        offered[offered_count++].ops = ops;
        return BB_OK;
}

static void host_log(bb_plugin_ref *who, int32_t level, const char *text)
{
        base_log_ops.write(who, level, "plugin", text, NULL, 0);
}

static void *tenant_state(bb_plugin_ref *who, const bb_tenant *t)
{
        (void)t;
        return who->state;
}

static int32_t tenant_has(bb_plugin_ref *who, const bb_tenant *t, const char *plugin)
{
        (void)t;
        return plugin == NULL || strcmp(plugin, who->plugin.name) == 0;
}

static bb_str tenant_id(const bb_tenant *t)
{
        return t->id;
}

static bb_str tenant_name(const bb_tenant *t)
{
        return t->name;
}

static bb_str tenant_option(const bb_tenant *t, const char *name)
{
        static const struct {
                const char *name, *value;
        } options[] = {
                {"time_zone", "UTC"}, {"currency", "EUR"}, {"language", "en"}, {"base_url", "https://testkit.example"}};

        (void)t;
        for (size_t i = 0; i < BB_COUNT(options); i++) {
                if (strcmp(options[i].name, name) == 0)
                        return bb_cstr(options[i].value);
        }
        return BB_NONE;
}

static bb_str state_folder(bb_plugin_ref *who, const bb_tenant *t)
{
        (void)who;
        (void)t;
        return bb_cstr(folder);
}

static const void *provider(bb_plugin_ref *who, const char *interface, size_t index, bb_str *ret_plugin)
{
        *ret_plugin = BB_STR("testkit");
        return index == 0 ? require(who, interface, NULL, 0) : NULL;
}

static const struct bb_host host = {.size = sizeof(host),
                                    .abi_major = BB_ABI_MAJOR,
                                    .abi_minor = BB_ABI_MINOR,
                                    .self = &testkit_plugin,
                                    .log = host_log,
                                    .require = require,
                                    .provide = provide,
                                    .tenant_state = tenant_state,
                                    .tenant_has = tenant_has,
                                    .tenant_id = tenant_id,
                                    .tenant_name = tenant_name,
                                    .tenant_option = tenant_option,
                                    .state_folder = state_folder,
                                    .provider = provider};
const struct bb_host *bb_host_ = &host;

static void keep_line(bb_str line, void *arg)
{
        size_t before = logged != NULL ? strlen(logged) : 0;

        (void)arg;
        logged = heap_grow(logged, before + line.len + 2);
        memcpy(logged + before, line.ptr, line.len);
        memcpy(logged + before + line.len, "\n", 2);
}

static void start_host(void)
{
        static const uint8_t key[CRYPTO_KEY_BYTES] = "a key for tests and nothing else";

        crypto_set_master_key(key);
        for (size_t i = 0; i < BB_COUNT(absent.entries); i++)
                absent.entries[i] = unsupported;
        absent.size = sizeof(absent);
        tenant.id = BB_STR("test");
        tenant.name = BB_STR("Test");
        snprintf(folder, sizeof(folder), "/tmp/busbar-testkit-XXXXXX");
        if (mkdtemp(folder) == NULL || loop_init(1) < 0)
                abort();
        log_capture(keep_line, NULL);
}

struct call {
        void (*fn)(void *);
        void *arg;
        int ended;
};

static void run_call(void *arg)
{
        struct call *call = arg;

        call->fn(call->arg);
        call->ended = 1;
}

void testkit_run(void (*fn)(void *), void *arg)
{
        struct call call = {.fn = fn, .arg = arg};
        const struct bb_task_spec spec = {
                .size = sizeof(spec), .name = "testkit", .tenant = &tenant, .run = run_call, .arg = &call};

        if (rt_ops.spawn(&testkit_plugin, &spec, NULL) < 0)
                abort();
        while (!call.ended)
                loop_turn(10);
}

struct loading {
        const char *options;
        bb_err err;
};

static bb_err decode_options(const char *text)
{
        const struct bb_plugin *plugin = &testkit_plugin.plugin;
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        const char *wrong;

        testkit_plugin.config = heap_new(plugin->tenant_config_size + 8);
        if (plugin->options != NULL &&
            bb_shape_decode_text(plugin->options, bb_cstr(text), testkit_plugin.config, &fault) < 0) {
                fprintf(stderr, "testkit: option %.*s %.*s\n", BB_FMT(fault.path), BB_FMT(fault.text));
                return BB_E_INVALID;
        }
        wrong = plugin->check != NULL ? plugin->check(testkit_plugin.config) : NULL;
        if (wrong != NULL)
                fprintf(stderr, "testkit: options: %s\n", wrong);
        return wrong != NULL ? BB_E_INVALID : BB_OK;
}

static bb_err load_and_start(const char *options)
{
        const struct bb_plugin *plugin = &testkit_plugin.plugin;

        TRY(plugin->load(&host, &testkit_plugin.self));
        stage = LOADED;
        TRY(decode_options(options));
        if (plugin->tenant_start != NULL)
                TRY(plugin->tenant_start(testkit_plugin.self, &tenant, testkit_plugin.config, &testkit_plugin.state));
        stage = STARTED;
        return BB_OK;
}

static void load_in_task(void *arg)
{
        struct loading *loading = arg;

        loading->err = load_and_start(loading->options);
}

static bb_err find_plugin(const char *so_path)
{
        const struct bb_plugin *found;

        testkit_plugin.library = dlopen(so_path, RTLD_NOW | RTLD_LOCAL);
        if (testkit_plugin.library == NULL) {
                fprintf(stderr, "testkit: %s\n", dlerror());
                return BB_E_NOT_FOUND;
        }
        found = dlsym(testkit_plugin.library, BB_PLUGIN_SYMBOL);
        if (found == NULL || found->magic != BB_PLUGIN_MAGIC || found->abi_major != BB_ABI_MAJOR ||
            found->abi_minor > BB_ABI_MINOR) {
                fprintf(stderr, "testkit: %s is no plugin for ABI %d.%d\n", so_path, BB_ABI_MAJOR, BB_ABI_MINOR);
                return BB_E_UNSUPPORTED;
        }
        memcpy(&testkit_plugin.plugin, found, found->size < sizeof(*found) ? found->size : sizeof(*found));
        for (const char *const *need = testkit_plugin.plugin.needs; need != NULL && *need != NULL; need++) {
                if (require(&testkit_plugin, *need, NULL, 0) == NULL) {
                        fprintf(stderr, "testkit: %s needs %s: testkit_provide() it\n", so_path, *need);
                        return BB_E_UNSUPPORTED;
                }
        }
        return BB_OK;
}

bb_err testkit_load(const char *so_path, const char *options_json)
{
        struct loading loading = {.options = options_json};

        start_host();
        TRY(find_plugin(so_path));
        testkit_run(load_in_task, &loading);
        return loading.err;
}

static void stop_in_task(void *arg)
{
        struct bb_plugin *plugin = &testkit_plugin.plugin;

        (void)arg;
        if (stage == STARTED && plugin->tenant_stop != NULL)
                plugin->tenant_stop(testkit_plugin.self, testkit_plugin.state);
        if (stage >= LOADED && plugin->unload != NULL)
                plugin->unload(testkit_plugin.self);
}

void testkit_unload(void)
{
        tenant.stopping = 0;
        task_cancel_group(&testkit_plugin, &tenant);
        while (task_group_count(&testkit_plugin, &tenant) > 0)
                loop_turn(10);
        testkit_run(stop_in_task, NULL);
        free(testkit_plugin.config);
        if (testkit_plugin.library != NULL)
                dlclose(testkit_plugin.library);
        testkit_plugin = (struct bb_plugin_ref){.library = NULL};
        stage = NOTHING;
        given_count = offered_count = 0;
        testkit_db_reset();
        testkit_http_reset();
        testkit_work_reset();
        log_capture(NULL, NULL);
        loop_turn(0);
        loop_close();
        free(logged);
        logged = NULL;
        (void)rmdir(folder);
}

void testkit_provide(const char *interface, const void *ops)
{
        if (given_count == MOST)
                abort();
        given[given_count].name = interface;
        given[given_count++].ops = ops;
}

const void *testkit_provided(const char *interface)
{
        for (size_t i = 0; i < offered_count; i++) {
                if (strcmp(offered[i].name, interface) == 0)
                        return offered[i].ops;
        }
        return NULL;
}

bb_tenant *testkit_tenant(void)
{
        return &tenant;
}

int32_t testkit_logged(const char *event)
{
        char needle[128];

        snprintf(needle, sizeof(needle), "\"event\":\"%s\"", event);
        return logged != NULL && strstr(logged, needle) != NULL;
}

const char *testkit_log(void)
{
        return logged != NULL ? logged : "";
}
