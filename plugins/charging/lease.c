/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that dies leaves its stations "online". Each node therefore renews a lease of its own, one row for all the
 * stations that it holds; whose node's lease has run out is offline. A station that comes back within the lease was
 * never away. Times are the database's, so that no node's clock counts.
 *
 * Nobody is judged by a node that could not renew its own lease lately: while the database was away none could.
 */
#include "domain.h"

enum { RENEWALS = 4 /* within a lease */, SLOW_MS = 5000 };

int64_t lease_interval_ms(const struct charging *c)
{
        return c->config->lease_s * 1000 / RENEWALS;
}

/* *ret_new: the row was not there, so this is the first time, or others took this node for dead. */
static BB_AWAIT bb_err renew(struct charging *c, int32_t *ret_new)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "insert into charging.node_lease (node, renewed_at) values ($1, now())"
                        " on conflict (tenant_id, node) do update set renewed_at = now() returning xmax = 0",
                        BB_TEXT(bb_cstr(c->node))));
        *ret_new = bb_row_int(rows, 0, 0, 0) != 0;
        return BB_OK;
}

/* Which of its stations are still thought to be online; *ret_count 0 when none is left. */
static BB_AWAIT bb_err held_by(bb_str node, struct bb_station_ref *ret, size_t *ret_count)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select station_id, epoch from charging.station"
                        " where online and node is not distinct from $1 limit $2",
                        BB_TEXT(node), BB_INT(GROUP_MAX)));
        *ret_count = bb_rows_count(rows);
        for (size_t i = 0; i < *ret_count; i++)
                ret[i] = (struct bb_station_ref){.station_id = bb_row_str(rows, i, 0),
                                                 .epoch = bb_row_int(rows, i, 1, 0)};
        return BB_OK;
}

/* A station that has just come back has another epoch, and is left alone. */
static BB_AWAIT bb_err bury(bb_str node, int64_t *lost)
{
        struct bb_station_ref *stations = BB_NEW_ARRAY(struct bb_station_ref, GROUP_MAX);
        size_t count;

        do {
                TRY(held_by(node, stations, &count));
                TRY(links_lost(stations, count));
                *lost += (int64_t)count;
        } while (count == GROUP_MAX);
        return BB_OK;
}

static BB_AWAIT bb_err bury_the_dead(const struct charging *c)
{
        int64_t lost = 0;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select node from charging.node_lease where renewed_at < now() - $1 * interval '1 second'",
                        BB_INT(c->config->lease_s)));
        TRY(bury(BB_NONE, &lost)); /* of before there were leases */
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                bb_str node = bb_row_str(rows, i, 0);

                TRY(bury(node, &lost));
                TRY(bb_db_query(NULL,
                                "delete from charging.node_lease where node = $1"
                                " and renewed_at < now() - $2 * interval '1 second'",
                                BB_TEXT(node), BB_INT(c->config->lease_s)));
        }
        if (lost > 0)
                bb_log(BB_WARN, "station.lost", "Stations were held by a process that ended, and did not come back.",
                       bb_kv_int("stations", lost));
        return BB_OK;
}

BB_AWAIT void lease_tick(void *state)
{
        struct charging *c = state;
        int64_t begin = bb_mono_ms();
        int32_t is_new = 0;
        bb_err err = renew(c, &is_new);

        if (err < 0 || bb_mono_ms() - begin > SLOW_MS) {
                c->leases_ms = 0;
                return;
        }
        if (is_new) /* what others have said of our stations meanwhile is put right */
                presence_write(c);
        c->leases_ms = c->leases_ms != 0 ? c->leases_ms : begin;
        if (bb_mono_ms() - c->leases_ms < c->config->lease_s * 1000 * 3 / RENEWALS)
                return;
        err = bury_the_dead(c);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "charging.lost_stations", "Stations that vanished could not be looked for.",
                       bb_kv_err(err));
}
