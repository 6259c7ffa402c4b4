/* SPDX-License-Identifier: Apache-2.0
 *
 * OCPP 1.6 edition 2 over JSON (OCPP-J), the Core profile: what the plugin offers, and where it is.
 *
 *      connection.c     the handshake, and a second connection of the same station
 *      farewell.c       closed connections become offline
 *      station.c        what is kept of a connection
 *      frame.c          CALL, CALLRESULT, CALLERROR
 *      inbound.c        from a station's message to its answer; its messages:
 *                       boot.c status.c authorize.c transaction.c meter.c data_transfer.c diagnostics.c
 *      repeat.c         what a station sends again
 *      security*.c      security events: what stations report, what is noticed about them
 *      authority.c certificate_*.c   who signs stations' certificates, what they want signed, what was signed
 *      key_rotation.c   new passwords
 *      routes_security.c the routes of these three
 *      transfer*.c      firmware, diagnostics and logs through URLs of our own: transfer.h
 *      commands.c       what the central system may ask of a station
 *      effects.c        what each command brings about
 *      note.c           and what a station did, which may be that
 *      configuration.c  is a key as a ChangeConfiguration wants it
 *      outbound.c       one CALL under way, the others in line
 *      driver.c         station_driver/1
 *      remote.c         stations that other nodes hold
 *      validation.c     how strictly a station's messages are checked
 *      repair*.c        what is mended in them, and how
 *      interop.c        what was mended and refused, station by station
 *      list_*.c         local authorization lists, kept in step with the tokens
 *      profile*.c       charging profiles, and composite.c what they come to
 *      keep.c           what a station's answers mean for what is kept about it
 *      capability.c     what a station's configuration says of its limits
 *      storm.c watch.c  the database away or stuck, everybody coming back
 *      shapes_*.c       every message
 *      metrics.c        what is counted
 *      journal*.c       every frame, for people who look for a fault
 */
#include "ocpp16.h"
#include "certificate.h"
#include "interop.h"
#include "journal.h"
#include "local_list.h"
#include "profile.h"
#include "shapes.h"
#include "transfer.h"
#include "validation.h"

#include <stdlib.h>

const struct bb_charging_ops *charging;

static const char *const needs[] = {"charging/1", NULL};

static const char *const onboarding_names[] = {"accept", "hold", "refuse", NULL}; /* in the order of BB_ONBOARD_… */
static const char *const subprotocol_names[] = {"required", "tolerated", NULL};

static const struct bb_field option_fields[] = {
        ENUM_FIELD(options, onboarding, "onboarding", onboarding_names, .fallback = "hold",
                   .about = "What to do with a station that is not known: accept it, hold it until somebody adopts it, "
                            "refuse it."),
        ENUM_FIELD(options, subprotocol, "subprotocol", subprotocol_names, .fallback = "required",
                   .about = "Whether a station must offer the WebSocket subprotocol ocpp1.6; tolerated: it may offer "
                            "none."),
        ENUM_FIELD(options, validation, "validation", level_names, .fallback = "strict",
                   .about = "What to do with messages that break OCPP 1.6: refuse them (strict), mend what leaves no "
                            "doubt (tolerant), mend what can be guessed, too (repair). Starts, stops and samples are "
                            "taken at each level."),
        FIELD(options, zoneless_dates, "zoneless_dates", BB_T_STR, .min = 1, .max = 64, .fallback = "UTC",
              .about = "The time zone of dates that have none, like Europe/Berlin."),
        FIELD(options, validation_rules, "validation_rules", BB_T_ARRAY, .shape = &ValidationRule, .max = 500,
              .about = "Other levels for stations of some vendors and models; the first rule that fits counts."),
        FIELD(options, heartbeat_interval_s, "heartbeat_interval_s", BB_T_INT32, .min = 10, .max = 86400,
              .fallback = "300",
              .about = "Seconds between heartbeats, as told at the boot; each station gets up to 10 % more or less."),
        FIELD(options, ping_ms, "ping_ms", BB_T_INT32, .min = 1000, .max = 3600000, .fallback = "30000",
              .about = "Milliseconds between WebSocket pings to a station."),
        FIELD(options, ping_timeout_ms, "ping_timeout_ms", BB_T_INT32, .min = 1000, .max = 600000, .fallback = "20000",
              .about = "Milliseconds to wait for the pong before the connection counts as lost."),
        FIELD(options, max_message_bytes, "max_message_bytes", BB_T_INT, .min = 4096, .max = 1048576,
              .fallback = "262144", .about = "The longest message that is read from a station."),
        FIELD(options, command_timeout_s, "command_timeout_s", BB_T_INT32, .min = 1, .max = 600, .fallback = "30",
              .about = "Seconds to wait for a station's answer to a command."),
        FIELD(options, messages_per_second, "messages_per_second", BB_T_INT32, .min = 1, .max = 10000, .fallback = "50",
              .about = "Messages of one station that are served in a second, on average; more are served later."),
        FIELD(options, handshakes_per_second, "handshakes_per_second", BB_T_INT32, .min = 1, .max = 100000,
              .fallback = "200", .about = "Connections let in per second in the minute after the database was away."),
        FIELD(options, journal_days, "journal_days", BB_T_INT32, .min = 0, .max = 3650, .fallback = "30",
              .about = "Days that the message journal keeps every frame; 0: no journal."),
        FIELD(options, public_url, "public_url", BB_T_STR, .max = 300, .fallback = "",
              .about = "Where stations reach this network, like https://ocpp.example.com/t/name: the URLs of firmware "
                       "and "
                       "uploads begin with it. Absent: as the station itself connected."),
        FIELD(options, url_hours, "url_hours", BB_T_INT, .min = 1, .max = 8760, .fallback = "24",
              .about = "Hours that a station has for a file, from the moment from which it may."),
        FIELD(options, upload_max_mb, "upload_max_mb", BB_T_INT, .min = 1, .max = 4095, .fallback = "256",
              .about = "The largest file that a station may upload, in MiB."),
        FIELD(options, firmware_max_mb, "firmware_max_mb", BB_T_INT, .min = 1, .max = 4095, .fallback = "1024",
              .about = "The largest firmware, in MiB."),
        FIELD(options, file_days, "file_days", BB_T_INT, .min = 1, .max = 3650, .fallback = "90",
              .about = "Days that files which stations uploaded are kept."),
        ENUM_FIELD(options, certificates, "certificates", certificate_policy_names, .fallback = "hold",
                   .about = "What to do with a station's SignCertificate: hold it until somebody approves it, sign it, "
                            "refuse it. One with another organization than cpo_name is held."),
        FIELD(options, certificate_days, "certificate_days", BB_T_INT32, .min = 1, .max = 3650, .fallback = "365",
              .about = "Days that a station's certificate is good for."),
        FIELD(options, certificate_renew_days, "certificate_renew_days", BB_T_INT32, .min = 0, .max = 365,
              .fallback = "21", .about = "Days before its end that a station is asked for a new request; 0: never."),
        FIELD(options, cpo_name, "cpo_name", BB_T_STR, .max = 64,
              .about = "The organization in stations' certificates, and their CpoName; by default the tenant's name."),
        ENUM_FIELD(
                options, local_list, "local_list", list_policy_names, .fallback = "off",
                .about = "Which tokens stations get in their local authorization list: none (off), cards (rfid), all."),
        FIELD(options, local_list_delay_s, "local_list_delay_s", BB_T_INT32, .min = 0, .max = 3600, .fallback = "10",
              .about = "Seconds that a change of tokens waits for further ones before stations get it."),
        FIELD(options, local_list_per_second, "local_list_per_second", BB_T_INT32, .min = 1, .max = 1000,
              .fallback = "20", .about = "Stations whose local list is looked after in a second, at most."),
};
BB_SHAPE(ocpp16_options, options, 0, "Options of the plugin ocpp16.", option_fields);

#define MAX_FILE_BYTES (4095LL << 20) /* the options say less */
/* For stations: who has the URL needs no key. transfer_serve.c */
#define FILE_ROUTE(method_, rest_, handle_, summary_, flags_)                                                          \
        {                                                                                                              \
                .method = (method_), .path = TRANSFER_PATH rest_, .handle = (handle_), .summary = (summary_),          \
                .flags = BB_ROUTE_SECRET_PATH | (flags_), .max_body = MAX_FILE_BYTES                                   \
        }

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/stations/{id}/local-list",
         .permission = "stations:read",
         .handle = local_list_read,
         .summary = "How far a station's local authorization list is in step with the tokens",
         .response = &LocalList},
        {.method = "POST",
         .path = "/v1/stations/{id}/local-list/sync",
         .permission = "stations:write",
         .handle = local_list_sync,
         .status = 202,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Asks the station for its version and brings its list in step, as soon as it is connected",
         .response = &LocalList},
        {.method = "POST",
         .path = "/v1/firmware",
         .permission = "stations:write",
         .handle = firmware_upload,
         .status = 201,
         .flags = BB_ROUTE_STREAM_BODY,
         .max_body = MAX_FILE_BYTES,
         .summary = "Uploads a firmware: the file is the body, or the first file of a form",
         .query = firmware_query,
         .query_count = FIRMWARE_QUERIES,
         .query_stride = sizeof(struct bb_query_param),
         .response = &Firmware},
        {.method = "GET",
         .path = "/v1/firmware",
         .permission = "stations:read",
         .handle = firmware_list,
         .flags = BB_ROUTE_LIST,
         .summary = "Firmware, newest first",
         .response = &Firmware},
        {.method = "GET",
         .path = "/v1/firmware/{id}",
         .permission = "stations:read",
         .handle = firmware_read,
         .summary = "One firmware",
         .response = &Firmware},
        {.method = "GET",
         .path = "/v1/firmware/{id}/file",
         .permission = "stations:read",
         .handle = firmware_file,
         .summary = "Its file"},
        {.method = "PUT",
         .path = "/v1/firmware/{id}/signature",
         .permission = "stations:write",
         .handle = firmware_sign,
         .request = &FirmwareSignature,
         .summary = "Signature and signing certificate, for SignedUpdateFirmware",
         .response = &Firmware},
        {.method = "DELETE",
         .path = "/v1/firmware/{id}",
         .permission = "stations:write",
         .handle = firmware_remove,
         .status = 204,
         .summary = "Removes a firmware that no station is still to fetch"},
        {.method = "POST",
         .path = "/v1/stations/{id}/firmware-updates",
         .permission = "commands:write",
         .handle = firmware_update,
         .request = &FirmwareUpdate,
         .status = 202,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Tells a station to fetch a firmware from a one-time URL; follow it at Location",
         .response = &Transfer},
        {.method = "GET",
         .path = "/v1/stations/{id}/transfers",
         .permission = "stations:read",
         .handle = transfer_list,
         .flags = BB_ROUTE_LIST,
         .summary = "Files on their way to and from a station, newest first",
         .response = &Transfer},
        {.method = "GET",
         .path = "/v1/transfers/{id}",
         .permission = "stations:read",
         .handle = transfer_read,
         .summary = "How far one of them is",
         .response = &Transfer},
        {.method = "GET",
         .path = "/v1/transfers/{id}/file",
         .permission = "stations:read",
         .handle = transfer_file,
         .summary = "What the station uploaded"},
        {.method = "POST",
         .path = "/v1/transfers/{id}/cancel",
         .permission = "stations:write",
         .handle = transfer_cancel,
         .summary = "Ends the station's URL",
         .response = &Transfer},
        FILE_ROUTE("GET", "{token}", transfer_download, "A firmware, with Range", 0),
        FILE_ROUTE("GET", "{token}/{name...}", transfer_download, "A firmware, with Range", 0),
        FILE_ROUTE("PUT", "{token}", transfer_upload, "Diagnostics or a log, raw or as a form", BB_ROUTE_STREAM_BODY),
        FILE_ROUTE("PUT", "{token}/{name...}", transfer_upload, "The same, with a name", BB_ROUTE_STREAM_BODY),
        FILE_ROUTE("POST", "{token}", transfer_upload, "Diagnostics or a log, raw or as a form", BB_ROUTE_STREAM_BODY),
        FILE_ROUTE("POST", "{token}/{name...}", transfer_upload, "The same, with a name", BB_ROUTE_STREAM_BODY),
        {.method = "GET",
         .path = "/v1/stations/{id}/interop",
         .permission = "stations:read",
         .handle = interop_read,
         .summary = "How well a station keeps to OCPP 1.6: what had to be mended, and what was refused",
         .response = &InteropReport},
        {.method = "GET",
         .path = "/ocpp/{station}",
         .permission = NULL, /* stations have credentials of their own: connection.c */
         .handle = connection_open,
         .summary = "A charging station's connection: WebSocket, subprotocol ocpp1.6, HTTP Basic with the station's id "
                    "as user",
         .flags = BB_ROUTE_WEBSOCKET,
         .status = 101},
        {.method = "GET",
         .path = "/v1/stations/{station}/messages",
         .permission = "stations:read",
         .handle = journal_list,
         .summary = "What the station and the central system said, newest first",
         .flags = BB_ROUTE_LIST,
         .response = &OcppMessage,
         .query = journal_query,
         .query_count = JOURNAL_QUERIES,
         .query_stride = sizeof(struct bb_query_param)},
        {.method = "GET",
         .path = "/v1/stations/{station}/messages/trace",
         .permission = "stations:read",
         .handle = journal_trace,
         .query = trace_query,
         .query_count = TRACE_QUERIES,
         .query_stride = sizeof(struct bb_query_param),
         .flags = BB_ROUTE_ENDLESS,
         .summary = "The same oldest first, to be replayed: a line of JSON each (application/x-ndjson)"},
        {.method = "GET",
         .path = "/v1/stations/{station}/messages/live",
         .permission = "stations:read",
         .handle = journal_live,
         .flags = BB_ROUTE_ENDLESS,
         .summary = "The same as it passes: Server-Sent Events (text/event-stream)"},
};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        /* The interface as of its first release; what came later is asked for with BB_HAS. */
        charging = bb_require("charging/1", (uint32_t)offsetof(struct bb_charging_ops, refused));
        if (charging == NULL)
                return BB_E_UNSUPPORTED;
        TRY(bb_db_migrations(schema_migrations, schema_migration_count));
        TRY(bb_db_months("message"));
        TRY(bb_http_routes(routes, BB_COUNT(routes)));
        TRY(bb_http_routes(security_routes, security_route_count));
        TRY(bb_provide("station_driver/1", &driver_ops));
        TRY(bb_provide("charging_profile/1", &profile_ops));
        TRY(bb_event_subscribe("token.*", list_token_event));
        TRY(bb_event_subscribe("ocpp16.list_reconcile", list_reconcile_event));
        *ret_self = NULL;
        return BB_OK;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        enum { SWEEP_FIRST_MS = 60000, SWEEP_MS = 3600000 };
        struct ocpp_tenant *owner = calloc(1, sizeof(*owner));
        uint64_t seed;

        (void)self;
        if (owner == NULL)
                return BB_E_INTERNAL;
        bb_random(&seed, sizeof(seed));
        owner->magic = OCPP_TENANT_MAGIC;
        owner->tenant = tenant;
        owner->id = bb_tenant_id(tenant); /* lives as long as the tenant */
        owner->options = config;
        connection_handler_init(&owner->handler, owner->options, SUBPROTOCOL);
        connection_handler_init(&owner->bare_handler, owner->options, NULL);
        table_init(&owner->stations, seed);
        (void)bb_timer_new(tenant, "ocpp16.interop", 1000, 1000, interop_tick, owner); /* ends with the tenant */
        (void)bb_timer_new(tenant, "ocpp16.certificates", 1000, 1000, certificate_tick, owner);
        owner->watch = bb_timer_new(tenant, "ocpp16.watch", 1000, 1000, watch_tick, owner);
        (void)bb_timer_new(tenant, "ocpp16.transfers", SWEEP_FIRST_MS, SWEEP_MS, transfer_sweep, owner);
        TRY(journal_start(owner));
        TRY(lists_start(owner));
        (void)bb_timer_new(tenant, "ocpp16.profiles", 60000, 60000, profiles_minute, owner); /* ends with the tenant */
        *ret_state = owner;
        return BB_OK;
}

/* The sockets are closed and their tasks ended; what is left is to say so. */
static BB_AWAIT void tenant_stop(void *self, void *state)
{
        enum { FLUSH_MS = 10000 };
        struct ocpp_tenant *owner = state;

        (void)self;
        farewell_flush(owner, FLUSH_MS);
        journal_stop(owner);
        lists_stop(owner);
        if (owner->gone_first != NULL)
                bb_log(BB_WARN, "ocpp.offline",
                       "some stations could not be marked as offline; their leases will run out");
        while (owner->gone_first != NULL) {
                struct station *st = owner->gone_first;

                owner->gone_first = st->next;
                station_drop(st);
        }
        interop_end(owner);
        connection_free_urls(owner);
        table_free(&owner->stations);
        owner->magic = 0;
        free(owner);
}

static const char *check(const void *config)
{
        const struct options *o = config;

        if (o->ping_timeout_ms > o->ping_ms)
                return "ping_timeout_ms must not be longer than ping_ms";
        return validation_check(o);
}

BB_PLUGIN(load, .name = "ocpp16", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0", .needs = needs,
          .options = &ocpp16_options, .tenant_config_size = sizeof(struct options), .tenant_start = tenant_start,
          .tenant_stop = tenant_stop, .check = check);
