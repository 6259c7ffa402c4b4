/* SPDX-License-Identifier: Apache-2.0
 *
 * Which session a station's transaction is: never changes once it is known, so that samples need not ask the database.
 * One entry a slot, the newer one pushes the older one out; transaction ids spread evenly by their making.
 */
#include "domain.h"
#include <stdlib.h>

#define SLOTS 16384

struct entry {
        int64_t transaction_id;
        uint32_t station_len;
        char station[64];
        char session[36];
};

struct session_cache {
        struct entry entries[SLOTS]; /* zeroed pages that nobody touched cost nothing */
};

void session_cache_open(struct charging *c)
{
        c->sessions = calloc(1, sizeof(*c->sessions));
        if (c->sessions == NULL)
                abort(); /* as the host does when memory is gone */
}

void session_cache_close(struct charging *c)
{
        free(c->sessions);
        c->sessions = NULL;
}

void session_cache_put(struct charging *c, bb_str station_id, int64_t transaction, bb_str session_id)
{
        struct entry *e = &c->sessions->entries[transaction % SLOTS];

        if (station_id.len > sizeof(e->station) || session_id.len != sizeof(e->session))
                return;
        e->transaction_id = transaction;
        e->station_len = (uint32_t)station_id.len;
        memcpy(e->station, station_id.ptr, station_id.len);
        memcpy(e->session, session_id.ptr, session_id.len);
}

bb_str session_cache_get(struct charging *c, bb_str station_id, int64_t transaction)
{
        const struct entry *e = &c->sessions->entries[transaction % SLOTS];

        if (e->transaction_id != transaction || !bb_str_eq((bb_str){e->station, e->station_len}, station_id))
                return BB_NONE;
        /* A copy: the slot may get another session while the task waits. */
        return bb_str_dup((bb_str){e->session, sizeof(e->session)});
}
