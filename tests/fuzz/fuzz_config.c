/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever somebody writes into a configuration file: it is read as busbar.yaml and as a tenant's file. Either there
 * are errors, each a line that names the file, or a struct that passes every check. With FUZZ_MAIN it is a program that
 * replays the files named on its command line.
 */
#include "base/str.h"
#include "mod/config.h"
#include "mod/config_check.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(int32_t truth)
{
        if (!truth)
                abort();
}

static void check_lines(const struct config_errors *errors)
{
        for (size_t i = 0; i < errors->count; i++) {
                insist(str_starts(errors->lines[i], BB_STR("x.yaml")));
                insist(str_utf8_valid(errors->lines[i]));
        }
}

static void read_as(bb_str text, const struct bb_shape *shape, int32_t is_tenant)
{
        struct config_errors errors = {.arena = arena_current};
        struct config_source source = {
                .name = "x.yaml", .folder = "/nonexistent", .arena = arena_current, .errors = &errors};
        void *object = arena_alloc(arena_current, shape->struct_size);
        struct config_node *plugins;
        size_t faults;

        config_parse(&source, text);
        plugins = config_take(source.root, "plugins");
        insist(config_get(source.root, "plugins") == NULL);
        insist(plugins == NULL || bb_str_is(plugins->key, "plugins"));
        faults = errors.count + errors.left_out;
        faults += config_decode(&source, source.root, "", shape, object);
        insist(faults == errors.count + errors.left_out);
        if (faults == 0 && is_tenant)
                config_check_tenant(&source, object);
        else if (faults == 0)
                config_check_server(&source, object);
        check_lines(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        bb_str text = {.ptr = (const char *)data, .len = size};

        /* Paths of real files would make a run depend on the machine, and nothing here is about them. */
        if (memmem(data, size, "!file", 5) != NULL && memmem(data, size, "/", 1) != NULL)
                return 0;
        arena_current = arena_new("fuzz");
        read_as(text, &config_server_shape, 0);
        read_as(text, &config_tenant_shape, 1);
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

#ifdef FUZZ_MAIN
static int replay(const char *path)
{
        static uint8_t bytes[1 << 20];
        FILE *f = fopen(path, "rb");
        size_t n;

        if (f == NULL) {
                perror(path);
                return 1;
        }
        n = fread(bytes, 1, sizeof(bytes), f);
        fclose(f);
        return LLVMFuzzerTestOneInput(bytes, n);
}

int main(int argc, char **argv)
{
        int failed = 0;

        for (int i = 1; i < argc; i++)
                failed |= replay(argv[i]);
        return failed;
}
#endif
