/* SPDX-License-Identifier: Apache-2.0
 *
 * The room's configuration with the usual values filled in, and what mod told it.
 */
#include "db/pool.h"
#include <busbar/rt.h>
#include <stdlib.h>
#include <string.h>

struct db_world db_world;

void db_set_world(const struct db_world *world)
{
        db_world = *world;
}

static char *copy(const char *text)
{
        return text != NULL ? strdup(text) : NULL;
}

static void fill(int32_t *value, int32_t usual, int32_t least, int32_t most)
{
        if (*value == 0)
                *value = usual;
        if (*value < least)
                *value = least;
        if (*value > most)
                *value = most;
}

/* The texts are copies. */
struct db_config config_defaults(const struct db_config *asked)
{
        struct db_config c = *asked;

        c.url = copy(asked->url);
        c.owner_url = copy(asked->owner_url);
        c.replica_url = copy(asked->replica_url);
        c.node = asked->node != NULL ? copy(asked->node) : copy(bb_uuid().ptr);
        /* The part before '/' of a lease's owner. */
        for (char *slash; (slash = strchr(c.node, '/')) != NULL;)
                *slash = '_';
        /* Four: one each for a scan, a transaction, a checked run and plain segments. */
        fill(&c.pool_size, 8, 4, POOL_MAX);
        fill(&c.wait_ms, 20000, 1, 3600000);
        fill(&c.statement_timeout_ms, 30000, 100, 3600000);
        fill(&c.lock_timeout_ms, 10000, 100, 3600000);
        fill(&c.event_retry_ms, 1000, 1, 3600000);
        fill(&c.event_retry_max_ms, 300000, c.event_retry_ms, 86400000);
        fill(&c.event_attempts, 10, 1, 1000);
        fill(&c.event_timeout_ms, 300000, 10, 86400000);
        fill(&c.event_days, 7, 1, 3650);
        fill(&c.poll_ms, 1000, 1, 60000);
        fill(&c.poll_idle_ms, 5000, c.poll_ms, 3600000);
        fill(&c.lease_ms, 60000, 300, 3600000);
        fill(&c.jobs_per_process, 8, 1, 1000);
        fill(&c.jobs_per_tenant, 4, 1, 1000);
        fill(&c.jobs_per_type, 2, 1, 1000);
        fill(&c.job_attempts, 3, 1, 1000);
        fill(&c.job_days, 90, 1, 36500);
        return c;
}
