/* SPDX-License-Identifier: Apache-2.0
 *
 * busbard -t: everything that can be found out without a database and without listening.
 */
#include "base/log.h"
#include "mod/crypto.h"
#include "mod/server.h"
#include "rt/loop.h"
#include <stdio.h>

static size_t print_problems(const struct tenant *tenant)
{
        const struct tenant_plugin *p;
        size_t count = 0;
        bb_str text;

        for (; tenant_problem(tenant, count, &p, &text); count++)
                fprintf(stderr, "%s:%d: %.*s\n", tenant->config->file, (int)p->line, BB_FMT(text));
        return count;
}

static size_t check_all(void)
{
        uint8_t key[CRYPTO_KEY_BYTES];
        size_t problems = 0;

        /* The real key is not touched: whoever checks a file need not be allowed to read it. */
        bb_random(key, sizeof(key));
        crypto_set_master_key(key);
        server_load_plugins();
        server_make_tenants();
        problems += server.config->errors.count;
        server_print_errors(&server.config->errors);
        for (size_t i = 0; i < tenants_count(); i++)
                problems += print_problems(tenants_at(i));
        return problems;
}

static size_t check_certificates(void)
{
        struct tenant **all = bb_alloc((tenants_count() + 1) * sizeof(*all));
        bb_str why = BB_NONE;
        struct tls_set *set;

        for (size_t i = 0; i < tenants_count(); i++)
                all[i] = tenants_at(i);
        set = tls_set_read(&server.config->server, all, tenants_count(), &why);
        if (set == NULL)
                fprintf(stderr, "%.*s\n", BB_FMT(why));
        tls_set_free(set);
        return set == NULL;
}

int server_check(const char *config_path)
{
        size_t problems;
        int status;

        /* A fault in a tenant's file is no reason not to look for others; without busbar.yaml there is nothing to look
         * at. */
        server_read_configuration(config_path);
        status = server_make_loop(config_knows_tenants(server.config) ? 0 : server.config->errors.count);
        if (status != 0)
                return status;
        /* What goes wrong is printed for people; the log would only say it twice. */
        log_set_level(BB_ERROR + 1);
        server_prepare_tables();
        problems = check_all() + check_certificates();
        server_free_tenants();
        loader_unload_all();
        crypto_close();
        config_free(server.config);
        world_free();
        server_free_words();
        loop_close();
        return problems == 0 ? 0 : EXIT_CONFIGURATION;
}
