/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of bb_db_copy: what the task that waits and the thread that copies share.
 */
#ifndef CORE_DB_COPY_H
#define CORE_DB_COPY_H

#include "db/pool.h"
#include <stdatomic.h>

struct copying {
        const struct bb_copy *copy;
        const char *url, *session_attributes;
        struct resolved found; /* addresses of the URL's names; count 0: it has none */
        struct encoded values;
        const char *sql; /* COPY (…) TO STDOUT */
        bb_str tenant;
        int64_t until_ms; /* monotonic; INT64_MAX */
        int32_t lock_timeout_ms;
        atomic_int stopped;
        int stop_fd; /* readable when it was stopped */
        /* The thread's; read by the task after it. */
        PGconn *pg;
        int32_t ready; /* the session was set up: what fails from then on is not about reaching the server */
        int32_t reserved;
        int64_t rows, bytes, paused_ms;
        bb_err err;
};

/* copy_text.c: the statement's text with each $n replaced by an expression of its type that reads the setting
 * busbar.pn, which lasts as long as the transaction; so no value is ever part of a text. Into arena_current.
 * BB_E_INVALID: it has no such parameter. */
bb_err copy_text(const struct bb_stmt *, const struct encoded *, bb_str *ret);

/* copy_thread.c: on the thread; and from the loop, to have it end soon */
void copy_thread(void *copying);
void copy_stop(void *copying);

/* load.c: how long the pool's answers take, and whether copies make them longer. load_seen on the loop; the others
 * anywhere. */
void load_seen(int64_t us);
void load_copy_begins(void);
void load_copy_ends(void);
/* What the answers take beyond what is usual when nobody copies, in milliseconds; 0: nothing to speak of. */
int64_t load_excess_ms(void);

#endif
