/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: what is read, and what people are told when it is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "mod/config.h"
#include "mod/config_check.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a folder with files --- */

static char folder[] = "/tmp/busbar-config-XXXXXX";

static const char *path_of(const char *name)
{
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void put(const char *name, const char *text)
{
        FILE *file = fopen(path_of(name), "w");

        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
}

static void drop(const char *name)
{
        unlink(path_of(name));
}

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return mkdtemp(folder) != NULL && mkdir(path_of("tenants"), 0700) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        drop("busbar.yaml");
        rmdir(path_of("tenants"));
        rmdir(folder);
        arena_free(arena_current);
        return 0;
}

static struct config *load(const char *busbar_yaml)
{
        put("busbar.yaml", busbar_yaml);
        return config_load(path_of("busbar.yaml"));
}

static int has_line(const struct config_errors *errors, const char *line)
{
        for (size_t i = 0; i < errors->count; i++)
                if (bb_str_is(errors->lines[i], line))
                        return 1;
        return 0;
}

static void assert_line(const struct config *config, const char *line)
{
        if (has_line(&config->errors, line))
                return;
        for (size_t i = 0; i < config->errors.count; i++)
                print_error("have: %.*s\n", BB_FMT(config->errors.lines[i]));
        fail_msg("there is no \"%s\"", line);
}

#define MINIMAL "http:\n  listen: [\"127.0.0.1:8080\"]\n"

/* --- what is read --- */

static void test_defaults(void **state)
{
        struct config *c = load(MINIMAL);

        (void)state;
        assert_int_equal(c->errors.count, 0);
        assert_true(bb_str_is(c->server.database.url, "embedded"));
        assert_int_equal(c->server.database.pool, 8);
        assert_int_equal(c->server.workers, 4);
        assert_int_equal(c->server.drain.seconds, 30);
        assert_int_equal(c->server.watchdog.abort_ms, 5000);
        assert_int_equal(c->server.log.level, 1);
        assert_int_equal(c->server.plugin_folders.count, 1);
        assert_true(bb_str_is(c->server.operation.listen, "127.0.0.1:9090"));
        assert_int_equal(c->tenant_count, 0);
        config_free(c);
}

static void test_everything(void **state)
{
        struct config *c;

        (void)state;
        put("cert.pem", "");
        put("key.pem", "");
        put("password", "postgresql://busbar:s3cret@db/busbar\n");
        setenv("BUSBAR_TEST_OWNER", "postgresql://owner:s3cret@db/busbar", 1);
        c = load("state_folder: state\n"
                 "plugin_folders: [plugins, /opt/plugins]\n"
                 "trusted_proxies: [10.0.0.0/8, \"::1\"]\n"
                 "workers: 2\n"
                 "http:\n"
                 "  listen:\n"
                 "    - 127.0.0.1:8080\n"
                 "    - '[::1]:8080'\n"
                 "  tls: {listen: [\"0.0.0.0:443\"], certificate: cert.pem, key: key.pem}\n"
                 "operation: {listen: \"127.0.0.1:0\"}\n"
                 "database: {url: !file password, owner_url: !env BUSBAR_TEST_OWNER, "
                 "replica_url: \"postgres://r/busbar\", pool: 12}\n"
                 "log: {level: debug}\n"
                 "limits: {max_connections: 7}\n"
                 "watchdog: {warn_ms: 50, abort_ms: 0}\n"
                 "drain: {seconds: 1, websockets_per_second: 2}\n");
        assert_int_equal(c->errors.count, 0);
        assert_true(str_starts(c->server.state_folder, BB_STR("/")) &&
                    str_ends(c->server.state_folder, BB_STR("/state")));
        assert_true(str_ends(c->server.master_key_file, BB_STR("/state/master.key")));
        assert_true(bb_str_is(((bb_str *)c->server.plugin_folders.items)[1], "/opt/plugins"));
        assert_int_equal(c->server.http.listen.count, 2);
        assert_true(str_ends(c->server.http.tls->certificate, BB_STR("/cert.pem")));
        assert_true(bb_str_is(c->server.database.url, "postgresql://busbar:s3cret@db/busbar"));
        assert_true(bb_str_is(c->server.database.owner_url, "postgresql://owner:s3cret@db/busbar"));
        assert_true(bb_str_is(c->server.database.replica_url, "postgres://r/busbar"));
        assert_int_equal(c->server.limits.max_connections, 7);
        assert_int_equal(c->server.limits.header_ms, 10000);
        assert_int_equal(c->server.watchdog.abort_ms, 0);
        assert_int_equal(c->server.log.level, 0);
        config_free(c);
        drop("cert.pem");
        drop("key.pem");
        drop("password");
}

static void test_tenant(void **state)
{
        struct config *c;
        const struct config_tenant *t;
        const bb_str *hosts;

        (void)state;
        put("tenants/nordlicht.yaml", "id: nordlicht\n"
                                      "name: Nordlicht Laden\n"
                                      "hosts: [Laden.Nordlicht.Example]\n"
                                      "base_url: https://laden.nordlicht.example\n"
                                      "time_zone: Europe/Berlin\n"
                                      "plugins:\n"
                                      "  charging:\n"
                                      "  ocpp16: {onboarding: accept}\n");
        c = load(MINIMAL);
        assert_int_equal(c->errors.count, 0);
        assert_int_equal(c->tenant_count, 1);
        t = c->tenants[0];
        hosts = t->hosts.items;
        assert_true(bb_str_is(t->id, "nordlicht"));
        assert_true(bb_str_is(hosts[0], "laden.nordlicht.example"));
        assert_true(bb_str_is(t->currency, "EUR"));
        assert_int_equal(t->plugin_count, 2);
        assert_true(bb_str_is(t->plugins[1].name, "ocpp16"));
        assert_int_equal(t->plugins[1].line, 8);
        assert_true(config_is_null(t->plugins[0].options));
        assert_non_null(config_get(t->plugins[1].options, "onboarding"));
        config_free(c);
        drop("tenants/nordlicht.yaml");
}

/* A changed secret is a changed tenant, although its file is the same. */
static void test_digest(void **state)
{
        uint8_t first[32], second[32];
        struct config *c;

        (void)state;
        put("secret", "one\n");
        put("tenants/a.yaml", "name: A\nplugins:\n  x: {key: !file secret}\n");
        c = load(MINIMAL);
        assert_int_equal(c->errors.count, 0);
        memcpy(first, c->tenants[0]->digest, sizeof(first));
        config_free(c);
        c = load(MINIMAL "workers: 3\n");
        assert_memory_equal(first, c->tenants[0]->digest, sizeof(first));
        config_free(c);
        put("secret", "two\n");
        c = load(MINIMAL);
        memcpy(second, c->tenants[0]->digest, sizeof(second));
        config_free(c);
        assert_memory_not_equal(first, second, sizeof(first));
        drop("secret");
        drop("tenants/a.yaml");
}

/* --- what people are told --- */

static const struct {
        const char *yaml, *line;
} wrong[] = {
        {"http:\n  listen: 8080\n", "busbar.yaml:2: http.listen: expected a list of at most 16 items (addresses for "
                                    "http, \"127.0.0.1:8080\"), found "
                                    "\"8080\""},
        {"http:\n  listen: [\"8080\"]\n",
         "busbar.yaml:2: http.listen: expected address:port (\"127.0.0.1:8080\", \"[::]:443\"), found \"8080\""},
        {"http:\n  listen: [\"localhost:80\"]\n", "busbar.yaml:2: http.listen: expected address:port "
                                                  "(\"127.0.0.1:8080\", \"[::]:443\"), found \"localhost:80\""},
        {"http:\n  liste: [\"127.0.0.1:1\"]\n", "busbar.yaml:2: http.liste: unknown key: did you mean \"listen\"?"},
        {"{}", "busbar.yaml: http: expected addresses under listen or tls.listen, found none"},
        {MINIMAL "operatoin: {}\n", "busbar.yaml:3: operatoin: unknown key: did you mean \"operation\"?"},
        {MINIMAL "drain: {quickly: 1}\n",
         "busbar.yaml:3: drain.quickly: unknown key: expected one of seconds, websockets_per_second"},
        {MINIMAL "workers: 0\n",
         "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found \"0\""},
        {MINIMAL "workers: four\n",
         "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found \"four\""},
        {MINIMAL "workers: \"4\"\n",
         "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found the text \"4\""},
        {MINIMAL "workers: [4]\n",
         "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found a list"},
        {MINIMAL "workers: 4.5\n",
         "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found \"4.5\""},
        {MINIMAL "log:\n  level: loud\n",
         "busbar.yaml:4: log.level: expected one of debug, info, warn, error (the least level that is written), found "
         "\"loud\""},
        {MINIMAL "log: info\n", "busbar.yaml:3: log: expected a mapping of names to values (log), found \"info\""},
        {MINIMAL "workers: 1\nworkers: 2\n", "busbar.yaml:4: the key \"workers\" is there twice, first in line 3"},
        {MINIMAL "log: &l {level: info}\n",
         "busbar.yaml:3: anchors (&l) and aliases are not allowed here: write the value out"},
        {MINIMAL "log: *l\n", "busbar.yaml:3: aliases (*l) are not allowed here: write the value out"},
        {MINIMAL "workers: !!int 3\n",
         "busbar.yaml:3: the tag tag:yaml.org,2002:int is unknown: only !file and !env are"},
        {MINIMAL "? [a, b]\n: 1\n", "busbar.yaml:3: a key must be plain text"},
        {MINIMAL "---\nworkers: 2\n", "busbar.yaml:3: a second document (\"---\") is not allowed"},
        {"- a\n", "busbar.yaml:1: expected a mapping of names to values, found a list"},
        {MINIMAL "database: {url: !env BUSBAR_NO_SUCH_NAME}\n",
         "busbar.yaml:3: !env: the environment has no variable BUSBAR_NO_SUCH_NAME"},
        {MINIMAL "database: {url: mysql://x}\n",
         "busbar.yaml:3: database.url: expected \"embedded\" or postgresql://…, found something else"},
        {MINIMAL "database: {url: \"postgresql://x\"}\n",
         "busbar.yaml: database.owner_url: expected postgresql://… of the role that owns the tables, found nothing"},
        {MINIMAL "database: {replica_url: \"postgresql://x\"}\n",
         "busbar.yaml:3: database.replica_url: does not go with \"embedded\""},
        {MINIMAL "database: {url: \"postgresql://x\", owner_url: \"postgresql://y\", replica_url: x}\n",
         "busbar.yaml:3: database.replica_url: expected postgresql://…, found something else"},
        {MINIMAL "trusted_proxies: [10.0.0.0/33]\n",
         "busbar.yaml:3: trusted_proxies: expected an address or a network (\"10.0.0.0/8\"), found \"10.0.0.0/33\""},
        {MINIMAL "watchdog: {warn_ms: 5000}\n",
         "busbar.yaml: watchdog.abort_ms: expected more than warn_ms (5000), found 5000"},
        {"http:\n  tls: {certificate: a, key: b}\n",
         "busbar.yaml:2: http.tls.listen: is missing: expected a list from 1 to 16 items (addresses for https, "
         "\"[::]:443\"), found nothing"},
        {"http:\n  tls: {listen: [\"127.0.0.1:1\"], certificate: none.pem, key: busbar.yaml, client_policy: "
         "required}\n",
         "busbar.yaml:2: http.tls.client_policy: client certificates need client_ca, too"},
};

static void test_wrong(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(wrong); i++) {
                struct config *c = load(wrong[i].yaml);

                assert_line(c, wrong[i].line);
                config_free(c);
        }
}

static const struct {
        const char *yaml, *line;
} wrong_tenants[] = {
        {"hosts: [a.example]\n", "tenants/a.yaml:1: name: is missing: expected text from 1 to 200 characters (what "
                                 "people read), found nothing"},
        {"", "tenants/a.yaml:1: name: is missing: expected text from 1 to 200 characters (what people read), found "
             "nothing"},
        {"name: A\nid: b\n", "tenants/a.yaml:2: id: expected \"a\" as the file is named, found \"b\""},
        {"name: A\nplugins: [charging]\n",
         "tenants/a.yaml:2: plugins: expected a mapping of plugins to their options, found a list"},
        {"name: A\nplugins:\n  ../evil:\n",
         "tenants/a.yaml:3: plugins: \"../evil\" cannot be a plugin's name: expected a-z, 0-9 and '-'"},
        {"name: A\nhosts: [\"https://a.example\"]\n",
         "tenants/a.yaml:2: hosts: expected a host name without scheme and port, found \"https://a.example\""},
        {"name: A\nhosts: [a.example, A.example]\n", "tenants/a.yaml: hosts: the host a.example is there twice"},
        {"name: A\ntime_zone: Mars/Olympus\n",
         "tenants/a.yaml:2: time_zone: expected a name like Europe/Berlin, found \"Mars/Olympus\""},
        {"name: A\ncurrency: eur\n", "tenants/a.yaml:2: currency: expected three capitals like EUR, found \"eur\""},
        {"name: A\nlanguage: german\n",
         "tenants/a.yaml:2: language: expected a tag like de or de-AT, found \"german\""},
        {"name: A\nbase_url: https://a.example/\n",
         "tenants/a.yaml:2: base_url: expected https://host without a slash at its end, found \"https://a.example/\""},
};

static void test_wrong_tenants(void **state)
{
        (void)state;
        for (size_t i = 0; i < BB_COUNT(wrong_tenants); i++) {
                struct config *c;

                put("tenants/a.yaml", wrong_tenants[i].yaml);
                c = load(MINIMAL);
                assert_line(c, wrong_tenants[i].line);
                config_free(c);
        }
        drop("tenants/a.yaml");
}

static void test_all_errors_at_once(void **state)
{
        struct config *c;

        (void)state;
        put("tenants/a.yaml", "nam: A\nhosts: x\ncurrency: 5\n");
        put("tenants/b.yaml", "name: [B]\n");
        c = load(MINIMAL "workers: 0\nlog: {level: 1}\ndrain: 5\n");
        assert_line(
                c, "busbar.yaml:3: workers: expected a whole number from 1 to 64 (threads for slow work), found \"0\"");
        assert_int_equal(c->errors.count, 3);
        config_free(c);
        c = load(MINIMAL);
        assert_line(c, "tenants/a.yaml:1: nam: unknown key: did you mean \"name\"?");
        assert_line(c,
                    "tenants/a.yaml:2: hosts: expected a list of at most 64 items (host names that this tenant answers "
                    "to), found \"x\"");
        assert_line(c,
                    "tenants/b.yaml:1: name: expected text from 1 to 200 characters (what people read), found a list");
        config_free(c);
        drop("tenants/a.yaml");
        drop("tenants/b.yaml");
}

static void test_host_of_two(void **state)
{
        struct config *c;

        (void)state;
        put("tenants/a.yaml", "name: A\nhosts: [x.example]\n");
        put("tenants/b.yaml", "name: B\nhosts: [X.example]\n");
        c = load(MINIMAL);
        assert_line(c, "tenants/b.yaml: hosts: the host x.example is claimed by tenants/a.yaml already");
        config_free(c);
        drop("tenants/a.yaml");
        drop("tenants/b.yaml");
}

static void test_secrets_stay_secret(void **state)
{
        struct config *c;

        (void)state;
        put("secret", "hunter2-hunter2");
        c = load(MINIMAL "workers: !file secret\ndatabase: {url: [hunter2-hunter2]}\n");
        assert_int_equal(c->errors.count, 2);
        for (size_t i = 0; i < c->errors.count; i++)
                assert_null(memmem(c->errors.lines[i].ptr, c->errors.lines[i].len, "hunter2", 7));
        config_free(c);
        drop("secret");
}

static void test_missing_file(void **state)
{
        struct config *c = config_load(path_of("none.yaml"));

        (void)state;
        assert_int_equal(c->errors.count, 1);
        assert_line(c, "none.yaml: cannot be opened: No such file or directory");
        config_free(c);
}

/* --- limits --- */

static struct config_errors parse(const char *text, size_t len, struct config_node **ret_root)
{
        struct config_errors errors = {.arena = arena_current};
        struct config_source source = {.name = "x", .folder = "/", .arena = arena_current, .errors = &errors};

        config_parse(&source, (bb_str){.ptr = text, .len = len});
        *ret_root = source.root;
        return errors;
}

static void test_deep(void **state)
{
        char text[2 * CONFIG_MAX_DEPTH + 16];
        struct config_node *root;
        struct config_errors errors;

        (void)state;
        memset(text, '[', CONFIG_MAX_DEPTH + 1);
        memset(text + CONFIG_MAX_DEPTH + 1, ']', CONFIG_MAX_DEPTH + 1);
        errors = parse(text + 1, 2 * CONFIG_MAX_DEPTH, &root);
        assert_int_equal(errors.count, 0);
        errors = parse(text, 2 * CONFIG_MAX_DEPTH + 2, &root);
        assert_int_equal(errors.count, 1);
        assert_true(bb_str_is(errors.lines[0], "x:1: more than 32 levels"));
        assert_null(root);
}

static void test_large(void **state)
{
        size_t len = CONFIG_MAX_BYTES + 1;
        char *text = heap_new(len);
        struct config_node *root;
        struct config_errors errors;

        (void)state;
        memset(text, '#', len);
        errors = parse(text, len, &root);
        assert_true(bb_str_is(errors.lines[0], "x: is larger than 1048576 bytes"));
        for (size_t i = 0; i < len; i++)
                text[i] = i % 2 == 0 ? '-' : ' ';
        memcpy(text, "a: [", 4);
        for (size_t i = 4; i + 1 < len; i += 2) {
                text[i] = 'x';
                text[i + 1] = ',';
        }
        errors = parse(text, len - 2, &root);
        assert_int_equal(errors.count, 1);
        assert_true(bb_str_is(errors.lines[0], "x:1: more than 50000 values"));
        free(text);
}

static void test_not_yaml(void **state)
{
        static const char *const texts[] = {"a: b: c\n", "\tx: 1\n", "a: \"", "[", "%", "\xff\xfe", "a: \"\\0\"\n"};
        struct config_node *root;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(texts); i++) {
                struct config_errors errors = parse(texts[i], strlen(texts[i]), &root);

                assert_int_equal(errors.count, 1);
                assert_null(root);
        }
}

static void test_many_errors(void **state)
{
        char text[8192];
        size_t len = 0;
        struct config_node *root;
        struct config_errors errors;

        (void)state;
        for (int i = 0; i < 300; i++)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "a: 1\n");
        errors = parse(text, len, &root);
        assert_int_equal(errors.count, CONFIG_MAX_ERRORS);
        assert_int_equal(errors.left_out, 299 - CONFIG_MAX_ERRORS);
}

/* --- options of every kind, as a plugin has them --- */

struct stand {
        uint64_t present;
        bb_str name;
        int64_t price;
        int32_t open;
};
static const struct bb_field stand_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct stand, name), .max = 10},
        {.name = "price",
         .type = BB_T_DECIMAL,
         .offset = offsetof(struct stand, price),
         .scale = 2,
         .fallback = "1.50"},
        {.name = "open", .type = BB_T_BOOL, .offset = offsetof(struct stand, open)},
};
static BB_SHAPE(stand_shape, stand, 0, "A stand", stand_fields);

struct fair {
        uint64_t present;
        struct bb_array stands, numbers;
        struct stand *main;
        bb_json *extra;
        int64_t opens_ms;
};
static const struct bb_field fair_fields[] = {
        {.name = "stands", .type = BB_T_ARRAY, .offset = offsetof(struct fair, stands), .shape = &stand_shape},
        {.name = "numbers", .type = BB_T_ARRAY, .item = BB_T_INT32, .offset = offsetof(struct fair, numbers)},
        {.name = "main",
         .type = BB_T_OBJECT,
         .flags = BB_PTR,
         .offset = offsetof(struct fair, main),
         .shape = &stand_shape},
        {.name = "extra", .type = BB_T_JSON, .offset = offsetof(struct fair, extra)},
        {.name = "opens", .type = BB_T_TIME, .offset = offsetof(struct fair, opens_ms)},
};
static BB_SHAPE(fair_shape, fair, 0, "A fair", fair_fields);

static size_t decode(const char *text, struct fair *ret, struct config_errors *errors)
{
        struct config_source source = {.name = "x", .folder = "/", .arena = arena_current, .errors = errors};

        config_parse(&source, bb_cstr(text));
        return config_decode(&source, source.root, "fair", &fair_shape, ret);
}

static void test_all_kinds(void **state)
{
        struct config_errors errors = {.arena = arena_current};
        struct fair fair;
        const struct stand *stands;

        (void)state;
        assert_int_equal(decode("stands:\n  - {name: a, open: true}\n  - {name: \"true\", price: 2.505}\n"
                                "numbers: [1, -2]\nmain: {name: m}\nopens: 2026-01-31T12:00:00Z\n"
                                "extra: {a: [1, 2.5, x, \"3\", null, true]}\n",
                                &fair, &errors),
                         0);
        stands = fair.stands.items;
        assert_int_equal(fair.stands.count, 2);
        assert_int_equal(stands[0].open, 1);
        assert_int_equal(stands[0].price, 150);
        assert_int_equal(stands[1].price, 251);
        assert_true(bb_str_is(stands[1].name, "true"));
        assert_int_equal(((int32_t *)fair.numbers.items)[1], -2);
        assert_true(bb_str_is(fair.main->name, "m"));
        assert_int_equal(fair.opens_ms, 1769860800000);
        assert_true(bb_str_is(bb_json_text(fair.extra), "{\"a\":[1,2.5,\"x\",\"3\",null,true]}"));
        assert_true(BB_PRESENT(&fair, 0) && BB_PRESENT(&fair, 4));
        assert_int_equal(decode("", &fair, &errors), 0);
        assert_null(fair.main);
        assert_int_equal(fair.present, 0);
}

static void test_paths(void **state)
{
        struct config_errors errors = {.arena = arena_current};
        struct fair fair;

        (void)state;
        assert_int_equal(decode("stands:\n  - {name: a}\n  - {price: x}\n  - 5\nnumbers: [1, x]\nmain: [1]\n"
                                "opens: yesterday\n",
                                &fair, &errors),
                         6);
        assert_true(has_line(&errors, "x:3: fair.stands[1].name: is missing: expected text of at most 10 characters, "
                                      "found nothing"));
        assert_true(
                has_line(&errors, "x:3: fair.stands[1].price: expected a number of at most 2 decimals, found \"x\""));
        assert_true(has_line(&errors, "x:4: fair.stands[2]: expected a mapping of names to values, found \"5\""));
        assert_true(has_line(&errors, "x:5: fair.numbers[1]: expected a whole number, found \"x\""));
        assert_true(has_line(&errors, "x:6: fair.main: expected a mapping of names to values, found a list"));
        assert_true(has_line(&errors,
                             "x:7: fair.opens: expected a time such as 2026-01-31T12:00:00Z, found \"yesterday\""));
}

/* --- networks --- */

static void test_networks(void **state)
{
        static const struct {
                const char *network, *address;
                int32_t has;
        } cases[] = {
                {"10.0.0.0/8", "10.255.1.2", 1},
                {"10.0.0.0/8", "11.0.0.1", 0},
                {"192.168.1.128/25", "192.168.1.129", 1},
                {"192.168.1.128/25", "192.168.1.1", 0},
                {"127.0.0.1", "127.0.0.1", 1},
                {"127.0.0.1", "127.0.0.2", 0},
                {"0.0.0.0/0", "8.8.8.8", 1},
                {"0.0.0.0/0", "::1", 0},
                {"fd00::/8", "fd12::1", 1},
                {"::/0", "8.8.8.8", 1},
                {"10.0.0.0/8", "::ffff:10.0.0.1", 1},
                {"10.0.0.0/8", "ten", 0},
        };
        struct config_network network;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(cases); i++) {
                assert_int_equal(config_network_parse(bb_cstr(cases[i].network), &network), BB_OK);
                assert_int_equal(config_network_has(&network, bb_cstr(cases[i].address)), cases[i].has);
        }
        assert_int_equal(config_network_parse(BB_STR("10.0.0.0/-1"), &network), BB_E_INVALID);
        assert_int_equal(config_network_parse(BB_STR("example"), &network), BB_E_INVALID);
}

/* The files that people copy must be fine themselves. */
static void test_shipped_files(void **state)
{
        const char *root = getenv("SRCDIR"), *here = __FILE__;
        int length = (int)(strrchr(here, '/') - here);
        struct config *c;

        (void)state;
        c = config_load(root != NULL ? arena_print(arena_current, "%s/conf/busbar.yaml", root).ptr
                                     : arena_print(arena_current, "%.*s/../../conf/busbar.yaml", length, here).ptr);
        for (size_t i = 0; i < c->errors.count; i++)
                print_error("%.*s\n", BB_FMT(c->errors.lines[i]));
        assert_int_equal(c->errors.count, 0);
        assert_non_null(config_find_tenant(c, BB_STR("example")));
        config_free(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything),
                cmocka_unit_test(test_tenant),
                cmocka_unit_test(test_digest),
                cmocka_unit_test(test_wrong),
                cmocka_unit_test(test_wrong_tenants),
                cmocka_unit_test(test_all_errors_at_once),
                cmocka_unit_test(test_host_of_two),
                cmocka_unit_test(test_secrets_stay_secret),
                cmocka_unit_test(test_missing_file),
                cmocka_unit_test(test_deep),
                cmocka_unit_test(test_large),
                cmocka_unit_test(test_not_yaml),
                cmocka_unit_test(test_many_errors),
                cmocka_unit_test(test_all_kinds),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_shipped_files),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
