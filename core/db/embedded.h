/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the embedded cluster: its folder and secrets (embedded.c), its processes (embedded_server.c).
 */
#ifndef CORE_DB_EMBEDDED_H
#define CORE_DB_EMBEDDED_H

#include "db/migrate.h"
#include <sys/types.h>

struct cluster {
        char *folder; /* <state>/postgres: secrets, and the rest unless it cannot be reached by the server's user */
        char *home;   /* where data, run and the log are; usually the same */
        char *data, *run, *log;
        char *bindir;
        uid_t uid; /* the server's user */
        gid_t gid;
        const char *user; /* its name; NULL: ours */
        int32_t port, max_connections, volatile_data;
        char admin[49], owner[49], runtime[49]; /* passwords */
};

/* embedded_server.c. All return a sentence on failure. */
bb_err server_find_tools(struct cluster *, const char *asked, char **ret_why);
bb_err server_make(struct cluster *, char **ret_why);  /* initdb, all or nothing */
bb_err server_start(struct cluster *, char **ret_why); /* or adopts the one that runs */
void server_stop(void);
void cluster_remove_tree(const char *path);
/* As the server's user: may it enter this folder? */
int server_may_enter(const struct cluster *, const char *folder);
char *cluster_url(const struct cluster *, const char *role, const char *password, const char *database);

#endif
