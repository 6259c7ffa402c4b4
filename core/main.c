/* SPDX-License-Identifier: Apache-2.0
 *
 * busbard: what the command line says, and which of the program's roles that is: supervisor, worker, checker of a
 * configuration, or the child in which plugins are tried.
 */
#include "mod/defaults.h"
#include "mod/probe.h"
#include "mod/server.h"
#include "supervisor.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTION_NO_SUPERVISOR = 256, OPTION_WORKER };

struct command_line {
        const char *config_path;
        int check, alone, worker;
};

static void print_help(void)
{
        printf("Usage: busbard [options]\n"
               "Runs charging networks: reads %s and one file a tenant.\n\n"
               "  -c, --config FILE     another configuration file\n"
               "  -t, --test            check the configuration and load its plugins, print every problem, and end\n"
               "      --no-supervisor   run without the process that restarts the server after a crash\n"
               "  -V, --version         print the version and end\n"
               "  -h, --help            print this and end\n\n"
               "SIGHUP reads the configuration again, SIGTERM ends in good order.\n",
               DEFAULT_CONFIG_FILE);
}

/* 1: go on; 0: done; -1: wrong usage. */
static int take_option(int option, struct command_line *line)
{
        switch (option) {
        case 'c':
                line->config_path = optarg;
                return 1;
        case 't':
                line->check = 1;
                return 1;
        case OPTION_NO_SUPERVISOR:
                line->alone = 1;
                return 1;
        case OPTION_WORKER:
                line->worker = 1;
                return 1;
        case 'V':
                printf("busbard %s (SDK ABI %d.%d)\n", PACKAGE_VERSION, BB_ABI_MAJOR, BB_ABI_MINOR);
                return 0;
        case 'h':
                print_help();
                return 0;
        default:
                return -1;
        }
}

static int read_command_line(int argc, char **argv, struct command_line *ret)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"test", no_argument, NULL, 't'},
                {"no-supervisor", no_argument, NULL, OPTION_NO_SUPERVISOR},
                {&SUPERVISED_OPTION[2], no_argument, NULL, OPTION_WORKER},
                {"version", no_argument, NULL, 'V'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        int option, result;

        ret->config_path = DEFAULT_CONFIG_FILE;
        while ((option = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
                result = take_option(option, ret);
                if (result <= 0)
                        return result;
        }
        if (optind == argc)
                return 1;
        fprintf(stderr, "busbard: unexpected \"%s\"; busbard --help lists the options\n", argv[optind]);
        return -1;
}

/* In a child, so that a plugin that breaks the process still leaves somebody who says so. */
static int check(const char *path)
{
        pid_t pid = fork();
        int status = 0;

        if (pid < 0) {
                fprintf(stderr, "busbard: no process can be started: %s\n", strerror(errno));
                return EXIT_FAILURE;
        }
        if (pid == 0)
                exit(server_check(path));
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFSIGNALED(status)) {
                fprintf(stderr, "%s: the check itself ended with signal %d (%s)\n", path, WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
                return EXIT_FAILURE;
        }
        if (WEXITSTATUS(status) == 0)
                printf("%s: fine\n", path);
        return WEXITSTATUS(status);
}

static int run_worker(const char *path)
{
        struct server_options options = {.config_path = path, .page = supervised_attach()};

        if (options.page == NULL) {
                fprintf(stderr, "busbard: %s is for the supervisor only; --no-supervisor runs alone\n",
                        SUPERVISED_OPTION);
                return EXIT_FAILURE;
        }
        return server_run(&options);
}

int main(int argc, char **argv)
{
        struct command_line line = {0};
        int result;

        if (argc > 1 && strcmp(argv[1], PROBE_OPTION) == 0) {
                probe_set_prepare(server_prepare_tables);
                return probe_main(argc - 2, argv + 2);
        }
        result = read_command_line(argc, argv, &line);
        if (result <= 0)
                return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (line.check)
                return check(line.config_path);
        if (line.worker)
                return run_worker(line.config_path);
        if (line.alone)
                return server_run(&(struct server_options){.config_path = line.config_path});
        return supervisor_run(line.config_path);
}
