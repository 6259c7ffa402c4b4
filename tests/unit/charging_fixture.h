/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the charging plugin on a real cluster share: the plugin itself, started for two tenants, with the
 * core's own tables behind the SDK and a stand-in for the host and for one driver.
 */
#ifndef TESTS_UNIT_CHARGING_FIXTURE_H
#define TESTS_UNIT_CHARGING_FIXTURE_H

#include "db_fixture.h"

#include "mod/crypto.h"
#include <busbar/plugin.h>
#include <glob.h>
/* The core defines the SDK's variables in this program. */
#undef BB_PLUGIN_GLOBALS
#define BB_PLUGIN_GLOBALS
/* The core has migrations of its own by these names; the plugin's are read from their files. */
#define schema_migrations charging_migrations
#define schema_migration_count charging_migration_count
#include "../../plugins/charging/charging.c"

const struct bb_migration charging_migrations[1] = {{.version = 0}};
const size_t charging_migration_count = 0;

__attribute__((unused)) static int fixture_up(void **); /* this one has its own */
static struct bb_plugin_ref plugin_charging = {.name = "charging"};
static struct charging_config fixture_options = {.review_days = 180,
                                                 .operation_days = 90,
                                                 .lease_s = 32,
                                                 .orphan_available_minutes = 30,
                                                 .orphan_reboot_minutes = 60,
                                                 .orphan_silence_days = 14,
                                                 .orphan_open_days = 60,
                                                 .orphan_grace_hours = 72};
static void *state_nord, *state_sued;
#define T(function) in_task(&nord, function, NULL)

/* --- the host --- */

static void *host_state(bb_plugin_ref *who, const bb_tenant *tenant)
{
        (void)who;
        if (tenant == &nord)
                return state_nord;
        return tenant == &sued ? state_sued : NULL;
}

static struct {
        int commands, disconnects;
        char last[128];
} driver;

static bb_err driver_command(bb_tenant *tenant, bb_str station_id, bb_str action, const bb_json *payload,
                             int64_t timeout_ms, struct bb_command_result *ret)
{
        (void)tenant, (void)payload, (void)timeout_ms;
        driver.commands++;
        snprintf(driver.last, sizeof(driver.last), "%.*s %.*s", BB_FMT(station_id), BB_FMT(action));
        ret->outcome = BB_COMMAND_ANSWERED;
        ret->latency_ms = 12;
        return BB_OK;
}
static bb_err driver_disconnect(bb_tenant *tenant, bb_str station_id, bb_str reason)
{
        (void)tenant, (void)reason;
        driver.disconnects++;
        snprintf(driver.last, sizeof(driver.last), "%.*s", BB_FMT(station_id));
        return BB_OK;
}
static const struct bb_station_driver_ops driver_ops = {
        .size = sizeof(driver_ops), .protocol = "test1", .command = driver_command, .disconnect = driver_disconnect};

static const void *access_asked; /* what a test provides as access/1 */

static const void *host_provider(bb_plugin_ref *who, const char *interface, size_t index, bb_str *ret_plugin)
{
        (void)who;
        *ret_plugin = BB_STR("testdriver");
        if (strcmp(interface, "access/1") == 0 && index == 0)
                return access_asked;
        if (strcmp(interface, "station_driver/1") != 0 || index > 0)
                return NULL;
        return &driver_ops;
}
static int32_t host_has(bb_plugin_ref *who, const bb_tenant *tenant, const char *plugin)
{
        (void)who, (void)tenant;
        return strcmp(plugin, "testdriver") == 0;
}
static const struct bb_host test_host = {
        .size = sizeof(test_host), .tenant_state = host_state, .provider = host_provider, .tenant_has = host_has};
const struct bb_host *bb_host_ = &test_host;

/* --- up and down --- */

/* The build may be in the source folder, below it, or told by make. */
static glob_t schema_files(void)
{
        const char *const folders[] = {getenv("SRCDIR"), getenv("srcdir"), ".", "..", "../.."};
        glob_t files = {.gl_pathc = 0};
        char pattern[512];

        for (size_t i = 0; i < BB_COUNT(folders) && files.gl_pathc == 0; i++) {
                snprintf(pattern, sizeof(pattern), "%s/plugins/charging/schema/0*.sql",
                         folders[i] != NULL ? folders[i] : ".");
                if (glob(pattern, 0, NULL, &files) != 0)
                        files.gl_pathc = 0;
        }
        if (files.gl_pathc == 0)
                fail_msg("no migrations found; run the test in the source folder or set SRCDIR");
        return files;
}

static char *file_text(const char *path)
{
        char *text = calloc(1, 65536);
        FILE *f = fopen(path, "r");

        if (f == NULL || fread(text, 1, 65535, f) == 0)
                fail_msg("%s cannot be read", path);
        fclose(f);
        return text;
}

static void start_tenants(void *arg)
{
        (void)arg;
        assert_int_equal(tenant_start(NULL, &nord, &fixture_options, &state_nord), BB_OK);
}
static void start_sued(void *arg)
{
        (void)arg;
        assert_int_equal(tenant_start(NULL, &sued, &fixture_options, &state_sued), BB_OK);
}

static int charging_up(void **state)
{
        static const struct db_world world = {
                .tenant_state = fixture_state, .tenant_has = fixture_has, .plugin_name = fixture_plugin_name};
        static const uint8_t key[CRYPTO_KEY_BYTES] = {1, 2, 3};
        static struct bb_migration migrations[100];
        glob_t files = schema_files();
        bb_str why = BB_NONE;

        (void)state;
        log_set_level(BB_ERROR);
        crypto_set_master_key(key);
        fixture_cluster();
        assert_int_equal(loop_init(2), BB_OK);
        db_set_world(&world);
        bb_self_ = &plugin_charging;
        for (size_t i = 0; i < files.gl_pathc; i++) /* sorted by their numbers */
                migrations[i] = (struct bb_migration){.version = (int32_t)i + 1,
                                                      .name = strrchr(files.gl_pathv[i], '/') + 1,
                                                      .sql = file_text(files.gl_pathv[i])};
        assert_int_equal(bb_db_migrations(migrations, files.gl_pathc), BB_OK);
        db_config.url = strdup(cluster.url);
        db_config.owner_url = strdup(cluster.owner_url);
        must(db_migrate(&db_config, &why), why);
        for (size_t i = 0; i < files.gl_pathc; i++)
                free((void *)(uintptr_t)migrations[i].sql);
        globfree(&files);
        fixture_open();
        in_task(&nord, start_tenants, NULL);
        in_task(&sued, start_sued, NULL);
        return 0;
}

static void stop_tenant(void *arg)
{
        tenant_stop(NULL, arg);
}

static int charging_down(void **state)
{
        task_cancel_group(&plugin_charging, NULL);
        turn_for(20);
        bb_self_ = NULL; /* the stopping tasks belong to the test */
        in_task(&nord, stop_tenant, state_nord);
        in_task(&sued, stop_tenant, state_sued);
        return fixture_down(state);
}

/* --- what tests do all the time; in a task --- */

static int64_t now0; /* a base for times, so that they are the same at each repetition */

static inline struct bb_station_ref station_up(const char *id)
{
        const struct bb_station_change change = {.present = BB_STATION_SET_NAME, .name = BB_STR("Säule")};
        const struct bb_admit admit = {.station_id = bb_cstr(id),
                                       .remote = BB_STR("192.0.2.7"),
                                       .driver = BB_STR("testdriver"),
                                       .protocol = BB_STR("test1"),
                                       .policy = BB_ONBOARD_REFUSE};
        struct bb_station_ref ref = {.station_id = bb_cstr(id)};
        struct bb_admitted admitted;
        int32_t created;

        assert_int_equal(ops.station_put(BB_STR("test"), bb_cstr(id), &change, 0, &created), BB_OK);
        assert_int_equal(ops.admit(&admit, &admitted), BB_OK);
        assert_int_equal(admitted.verdict, BB_ADMIT_OK);
        ref.epoch = admitted.epoch;
        assert_int_equal(ops.online(&ref, BB_STR("192.0.2.7")), BB_OK);
        return ref;
}

static inline void token_accepted(const char *uid)
{
        const struct bb_token token = {.uid = bb_cstr(uid)};
        int32_t created;

        assert_int_equal(ops.token_put(BB_STR("test"), &token, 0, &created), BB_OK);
}

static inline struct bb_started started_at(const struct bb_station_ref *who, int64_t connector, const char *uid,
                                           int64_t at_ms, int64_t meter)
{
        const struct bb_start start = {
                .connector_id = connector, .at_ms = at_ms, .meter_start_wh = meter, .token_uid = bb_cstr(uid)};
        struct bb_started started = {.transaction_id = -1};

        assert_int_equal(ops.session_start(who, &start, &started), BB_OK);
        assert_true(started.transaction_id > 0);
        return started;
}

static inline struct bb_session session_now(bb_str id)
{
        struct bb_session session;

        assert_int_equal(ops.session_get(id, &session), BB_OK);
        return session;
}

static inline struct bb_sample register_sample(int64_t at_ms, const char *value)
{
        return (struct bb_sample){.at_ms = at_ms,
                                  .measurand = BB_STR("Energy.Active.Import.Register"),
                                  .phase = BB_STR(""),
                                  .location = BB_STR("Outlet"),
                                  .context = BB_STR("Sample.Periodic"),
                                  .unit = BB_STR("Wh"),
                                  .format = BB_STR("Raw"),
                                  .value = bb_cstr(value)};
}

#endif
