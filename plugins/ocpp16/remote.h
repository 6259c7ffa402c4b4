/* SPDX-License-Identifier: Apache-2.0
 *
 * Stations that another node holds; also this one, by way of the bus.
 */
#ifndef OCPP16_REMOTE_H
#define OCPP16_REMOTE_H

#include <busbar/station_driver.h>

struct ocpp_tenant;
struct station;

/* Serves the other nodes' requests for this station, until st->subscription ends. */
bb_err remote_subscribe(struct station *);
/* Does another node hold a living connection of the station? One that is dead is ended there. */
BB_AWAIT bb_err remote_alive(struct ocpp_tenant *, bb_str station_id, bb_str certificate, int32_t *ret_alive);
BB_AWAIT bb_err remote_command(struct ocpp_tenant *, const struct bb_command *, int64_t timeout_ms,
                               struct bb_command_result *ret);
BB_AWAIT bb_err remote_disconnect(struct ocpp_tenant *, bb_str station_id, bb_str reason);

#endif
