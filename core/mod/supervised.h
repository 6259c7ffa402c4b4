/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor (core/supervisor.c) and its worker share: a page of memory that survives the worker, the
 * listening sockets, and how a worker is told that it has a supervisor.
 */
#ifndef CORE_MOD_SUPERVISED_H
#define CORE_MOD_SUPERVISED_H

#include "rt/task.h"

#define SUPERVISED_MAGIC 0x42555356u
#define SUPERVISED_PAGE_FD 3  /* the page, shared */
#define SUPERVISED_TRACE_FD 4 /* a file in memory: the crash handler's backtrace */
#define SUPERVISED_SOCKETS 48
#define SUPERVISED_QUARANTINED 32
#define SUPERVISED_OPTION "--worker"

/* Exit status for a configuration that cannot be used (EX_CONFIG): starting again would not help. */
#define EXIT_CONFIGURATION 78

struct supervised_socket {
        char address[272]; /* as configured */
        int32_t fd;
};

struct supervised_page {
        uint32_t magic, size;
        struct breadcrumb_page crumb;
        int32_t supervisor_pid, restarts;
        int32_t quarantined_count, socket_count;
        char quarantined[SUPERVISED_QUARANTINED][64];
        struct supervised_socket sockets[SUPERVISED_SOCKETS];
        /* Of the embedded cluster; empty when there is none. */
        char url[1024], owner_url[1024], admin_url[1024];
};

/* In the worker: maps the page that the supervisor passed, takes the breadcrumbs to it, keeps its descriptors from
 * children. NULL when there is none. */
struct supervised_page *supervised_attach(void);

/* Signals that mean a defect: a backtrace on stderr and into SUPERVISED_TRACE_FD, then the default action. Sanitizers
 * keep their own handlers. */
void crash_install(int trace_fd);

#endif
