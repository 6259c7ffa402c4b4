/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share: the options of a tenant, its state, and the doors between the files.
 */
#ifndef OCPP16_H
#define OCPP16_H

#include <busbar/charging.h>
#include <busbar/plugin.h>

#include "station.h"
#include "storm.h"

#define SUBPROTOCOL "ocpp1.6"
#define DRIVER "ocpp16"

enum { SUBPROTOCOL_REQUIRED = 0, SUBPROTOCOL_TOLERATED = 1 };

struct options {
        uint64_t present;
        int32_t onboarding;  /* BB_ONBOARD_… */
        int32_t subprotocol; /* SUBPROTOCOL_… */
        int32_t validation;  /* LEVEL_… */
        int32_t heartbeat_interval_s;
        int32_t ping_ms, ping_timeout_ms;
        int32_t command_timeout_s;
        int32_t messages_per_second;
        int32_t handshakes_per_second;
        int32_t journal_days; /* 0: no journal */
        int32_t local_list;   /* LIST_… */
        int32_t local_list_delay_s, local_list_per_second;
        int32_t certificates; /* CERTIFICATES_… */
        int32_t certificate_days, certificate_renew_days;
        int64_t max_message_bytes;
        bb_str zoneless_dates; /* IANA name */
        bb_str public_url;     /* "": as stations reach us */
        int64_t upload_max_mb, firmware_max_mb, url_hours, file_days;
        bb_str cpo_name;
        struct bb_array validation_rules; /* of struct validation_rule */
};
extern const struct bb_shape ocpp16_options BB_HIDDEN;

/* security.c: how often the same thing was noticed. */
#define SECURITY_SLOTS 256
struct security_slot {
        int64_t until_ms; /* monotonic */
        uint32_t hash;
        uint32_t reserved;
};
struct security_limits {
        int64_t minute_ms; /* monotonic */
        int64_t count;     /* in this minute */
        struct security_slot slots[SECURITY_SLOTS];
};

#define OCPP_TENANT_MAGIC 0x4f435450u /* "OCTP" */

struct ocpp_tenant {
        uint32_t magic;
        int32_t farewells_running; /* tasks that write the farewells */
        bb_tenant *tenant;
        bb_str id;
        struct station *interop_first; /* have something for their interop report */
        int64_t interop_pruned_ms;     /* monotonic; 0: not yet */
        int32_t interop_busy;
        int32_t reserved;
        const struct options *options;
        struct bb_ws_handler handler, bare_handler; /* with and without the subprotocol */
        struct station_table stations;
        struct pace admissions;
        struct security_limits security;
        int64_t certificates_mono_ms; /* last round; 0: none yet. certificate_work.c */
        int32_t certificates_woken, certificates_busy;
        struct journal *journal;                /* NULL: switched off */
        struct base_url *base_urls;             /* where stations reached us. connection.c */
        struct lists *lists;                    /* NULL: stations get no local list. local_list.h */
        bb_timer *watch;                        /* ends with the tenant */
        struct station *gone_first, *gone_last; /* closed, not yet reported as offline */
};

/* The domain. */
extern const struct bb_charging_ops *charging BB_HIDDEN;

/* connection.c: GET /ocpp/{station}. */
BB_AWAIT bb_err connection_open(bb_request *, bb_response *);
void connection_free_urls(struct ocpp_tenant *);
void connection_handler_init(struct bb_ws_handler *, const struct options *, const char *subprotocol);
/* Ends the connection on this node in favour of another one; commands that wait for it end as offline. */
void connection_supersede(struct station *, const char *why);
/* Is the connection that this node holds still there? Asks it with a ping, unless the same certificate asks. When it is
 * not, it is superseded. */
enum { PROBE_SILENT = 0, PROBE_ALIVE = 1, PROBE_CLOSED = 2 };
BB_AWAIT int32_t connection_probe(struct station *, bb_str certificate);

/* farewell.c: closed connections become offline in the domain. */
void farewell_add(struct station *);
BB_AWAIT void farewell_flush(struct ocpp_tenant *, int64_t for_ms);

/* watch.c: once a second. Closes the sockets of stations whose message waits too long for a database that neither
 * answers nor fails. */
BB_AWAIT void watch_tick(void *owner);

/* inbound.c */
#define CLOSE_TRY_AGAIN_LATER 1013
/* Closes the socket; what the station sent and was not served yet is left to its next connection. */
void inbound_close(struct station *, int32_t code, const char *why);
void inbound_message(bb_ws *, void *user, int32_t kind, bb_str data);
int32_t inbound_arrival(bb_ws *, void *user, int32_t kind, bb_str data);

/* driver.c */
extern const struct bb_station_driver_ops driver_ops BB_HIDDEN;

extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;

#endif
