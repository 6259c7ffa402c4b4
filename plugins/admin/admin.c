/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators' API under /v1. This file is its table of contents; pages for people will come beside it.
 */
#include "admin.h"

const struct bb_charging_ops *charging;

static const char *const admissions[] = {"admitted", "pending", "blocked", NULL};
static const struct bb_query_param station_query[] = {
        {.name = "q", .type = BB_T_STR, .about = "Part of the id, name, vendor, model or serial number."},
        {.name = "location", .type = BB_T_STR},
        {.name = "online", .type = BB_T_BOOL},
        {.name = "admission", .type = BB_T_ENUM, .values = admissions},
};
static const struct bb_query_param token_query[] = {
        {.name = "q", .type = BB_T_STR, .about = "Part of the uid or the label."},
};
static const struct bb_query_param session_query[] = {
        {.name = "station", .type = BB_T_STR},
        {.name = "token", .type = BB_T_STR},
        {.name = "location", .type = BB_T_STR},
        {.name = "open", .type = BB_T_BOOL, .about = "true: still charging."},
        {.name = "review", .type = BB_T_BOOL, .about = "true: those alone that somebody should look at."},
        {.name = "from", .type = BB_T_TIME, .about = "Started at this time or later."},
        {.name = "to", .type = BB_T_TIME, .about = "Started before this time."},
};
static const struct bb_query_param reservation_query[] = {
        {.name = "station", .type = BB_T_STR},
        {.name = "token", .type = BB_T_STR},
        {.name = "live", .type = BB_T_BOOL, .about = "true: requested or active."},
};
static const struct bb_query_param review_query[] = {
        {.name = "state", .type = BB_T_ENUM, .values = review_states, .about = "Absent: all."},
};
static const struct bb_query_param audit_query[] = {
        {.name = "object", .type = BB_T_STR, .about = "Id of the object that was changed."},
};
static const char *const waits[] = {"answer", "effect", "none", NULL};
static const char *const offlines[] = {"fail", "queue", NULL};
static const struct bb_query_param command_query[] = {
        {.name = "timeout_ms",
         .type = BB_T_INT,
         .about = "How long to wait for the station, up to 600000; 0 or absent: the driver's default."},
        {.name = "wait",
         .type = BB_T_ENUM,
         .values = waits,
         .about =
                 "What the request waits for: the station's answer (when absent), the effect, or none of them (202; as "
                 "Prefer: respond-async)."},
        {.name = "wait_ms",
         .type = BB_T_INT,
         .about = "How long at most, up to 55000; what takes longer is 202 with the operation to follow."},
        {.name = "effect_timeout_s",
         .type = BB_T_INT,
         .about = "How long the effect is waited for, from the answer on; 0 or absent: by the action."},
        {.name = "if_offline",
         .type = BB_T_ENUM,
         .values = offlines,
         .about = "A station that is not connected: fail (409, when absent), or queue: it gets it when it is back."},
        {.name = "expires_s",
         .type = BB_T_INT,
         .about = "What is not sent within this time is not sent at all; when absent 2 minutes, or a day when queued."},
        {.name = "force", .type = BB_T_BOOL, .about = "true: send it although the station is so already."},
};
static const struct bb_query_param operation_query[] = {
        {.name = "station", .type = BB_T_STR},
        {.name = "action", .type = BB_T_STR},
        {.name = "state", .type = BB_T_ENUM, .values = operation_states},
        {.name = "over", .type = BB_T_BOOL, .about = "true: those that have ended."},
        {.name = "command", .type = BB_T_STR, .about = "Id of a command to many stations."},
};
static const struct bb_query_param attempt_query[] = {
        {.name = "limit", .type = BB_T_INT, .about = "How many items at most: 1 to 200, 50 when absent."},
};

#define READ(path_, scope, handler, shape, text, ...)                                                                  \
        {                                                                                                              \
                .method = "GET", .path = (path_), .permission = (scope), .handle = (handler), .response = &(shape),    \
                .summary = (text), ##__VA_ARGS__                                                                       \
        }
#define DECIDE(path_, handler, in, out, text)                                                                          \
        {                                                                                                              \
                .method = "POST", .path = (path_), .permission = "sessions:write", .handle = (handler),                \
                .request = &(in), .response = &(out), .flags = BB_ROUTE_IDEMPOTENT, .summary = (text)                  \
        }
#define LIST(...) READ(__VA_ARGS__, .flags = BB_ROUTE_LIST)
#define PUT(path_, scope, handler, in, out, text)                                                                      \
        {                                                                                                              \
                .method = "PUT", .path = (path_), .permission = (scope), .handle = (handler), .request = &(in),        \
                .response = &(out), .summary = (text)                                                                  \
        }
#define POST(path_, scope, handler, out, text)                                                                         \
        {                                                                                                              \
                .method = "POST", .path = (path_), .permission = (scope), .handle = (handler), .response = &(out),     \
                .flags = BB_ROUTE_IDEMPOTENT, .summary = (text)                                                        \
        }
#define DELETE(path_, scope, handler, text)                                                                            \
        {                                                                                                              \
                .method = "DELETE", .path = (path_), .permission = (scope), .handle = (handler), .status = 204,        \
                .summary = (text)                                                                                      \
        }

static const struct bb_route routes[] = {
        LIST("/v1/locations", "locations:read", locations_list, Location, "Locations, by id"),
        READ("/v1/locations/{id}", "locations:read", location_read, Location, "One location"),
        PUT("/v1/locations/{id}", "locations:write", location_write, LocationChange, Location,
            "Creates or changes a location"),
        DELETE("/v1/locations/{id}", "locations:write", location_remove, "Removes a location where no station stands"),

        LIST("/v1/stations", "stations:read", stations_list, Station, "Stations, by id", BB_QUERY(station_query)),
        READ("/v1/stations/{id}", "stations:read", station_read, Station, "One station with its connectors"),
        PUT("/v1/stations/{id}", "stations:write", station_write, StationChange, Station,
            "Creates or changes a station"),
        DELETE("/v1/stations/{id}", "stations:write", station_remove, "Removes a station that has no sessions"),
        {.method = "POST",
         .path = "/v1/stations/{id}/adopt",
         .permission = "stations:write",
         .handle = station_adopt,
         .response = &Station,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Lets a station in that waits for adoption"},
        LIST("/v1/stations/{id}/connectors", "stations:read", connectors_list, Connector, "Connectors of a station"),
        PUT("/v1/stations/{id}/connectors/{connector}", "stations:write", connector_write, ConnectorChange, Connector,
            "Changes what is known of a connector"),
        READ("/v1/connection-attempts", "stations:read", attempts_list, LatestAttempts,
             "Connections that were refused, latest first, each with its reason", BB_QUERY(attempt_query)),
        {.method = "POST",
         .path = "/v1/stations/{id}/commands/{action}",
         .permission = "commands:write",
         .handle = command_send,
         .request = &CommandPayload,
         .response = &CommandOutcome,
         .flags = BB_ROUTE_IDEMPOTENT,
         BB_QUERY(command_query),
         .summary = "Sends a command to a station and waits for its answer or its effect"},
        LIST("/v1/operations", "commands:read", operations_list, Operation,
             "Commands with what became of them, newest first", BB_QUERY(operation_query)),
        READ("/v1/operations/{id}", "commands:read", operation_read, Operation, "One command, step by step"),
        POST("/v1/operations/{id}/cancel", "commands:write", operation_withdraw, Operation,
             "Takes back a command that is not sent yet"),
        {.method = "GET",
         .path = "/v1/operations/{id}/live",
         .permission = "commands:read",
         .handle = operation_live,
         .flags = BB_ROUTE_ENDLESS,
         .summary = "The same at each change, to its end: Server-Sent Events (text/event-stream)"},
        {.method = "POST",
         .path = "/v1/commands",
         .permission = "commands:write",
         .handle = bulk_create,
         .request = &BulkCommandRequest,
         .response = &BulkCommand,
         .status = 202,
         .flags = BB_ROUTE_IDEMPOTENT,
         .max_body = 16 << 20,
         .summary = "Sends a command to many stations, at a set rate"},
        LIST("/v1/commands", "commands:read", bulks_list, BulkCommand, "Commands to many stations, newest first"),
        READ("/v1/commands/{id}", "commands:read", bulk_read, BulkCommand, "One of them, and how far it is"),
        POST("/v1/commands/{id}/pause", "commands:write", bulk_pause, BulkCommand, "Sends no more of it for now"),
        POST("/v1/commands/{id}/resume", "commands:write", bulk_resume, BulkCommand, "Goes on with it"),
        POST("/v1/commands/{id}/cancel", "commands:write", bulk_cancel, BulkCommand,
             "Sends no more of it; what was sent is followed to its end"),

        LIST("/v1/tokens", "tokens:read", tokens_list, Token, "Tokens, by uid", BB_QUERY(token_query)),
        READ("/v1/tokens/{uid}", "tokens:read", token_read, Token, "One token"),
        PUT("/v1/tokens/{uid}", "tokens:write", token_write, TokenChange, Token, "Creates or changes a token"),
        DELETE("/v1/tokens/{uid}", "tokens:write", token_remove, "Removes a token"),

        LIST("/v1/stations/{id}/charging-profiles", "stations:read", profiles_list, ChargingProfile,
             "Charging profiles that a station has"),
        READ("/v1/stations/{id}/charging-profiles/{profile}", "stations:read", profile_read, ChargingProfile,
             "One charging profile"),
        {.method = "POST",
         .path = "/v1/stations/{id}/charging-profiles",
         .permission = "commands:write",
         .handle = profile_create,
         .request = &ChargingProfile,
         .response = &ChargingProfile,
         .status = 201,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Sets a charging profile, once the station accepts it"},
        DELETE("/v1/stations/{id}/charging-profiles/{profile}", "commands:write", profile_remove,
               "Has the station clear a charging profile"),
        READ("/v1/stations/{id}/composite-schedule", "commands:write", composite_read, CompositeSchedule,
             "What limits a connector: as its profiles come to, and as the station says it", BB_QUERY(composite_query)),

        LIST("/v1/reservations", "reservations:read", reservations_list, Reservation, "Reservations, newest first",
             BB_QUERY(reservation_query)),
        READ("/v1/reservations/{id}", "reservations:read", reservation_read, Reservation, "One reservation"),
        {.method = "POST",
         .path = "/v1/reservations",
         .permission = "reservations:write",
         .handle = reservation_create,
         .request = &Reservation,
         .response = &Reservation,
         .status = 201,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Reserves a connector, or any of a station, once the station agrees"},
        DELETE("/v1/reservations/{id}", "reservations:write", reservation_remove,
               "Has the station let go of a reservation"),

        LIST("/v1/sessions", "sessions:read", sessions_list, Session, "Sessions, newest first",
             BB_QUERY(session_query)),
        READ("/v1/sessions/{id}", "sessions:read", session_read, Session, "One session"),
        LIST("/v1/sessions/{id}/samples", "sessions:read", session_samples, Sample,
             "Meter samples of a session, oldest first"),
        DECIDE("/v1/sessions/{id}/close", session_shut, DecisionNote, Session,
               "Closes an open session for the time being; its own stop still takes precedence"),
        DECIDE("/v1/sessions/{id}/settle", session_settle, SessionSettlement, Session,
               "Gives a session that is in review or closed its final account, or dismisses it"),
        LIST("/v1/cdrs", "sessions:read", cdrs_list, Cdr, "Charge detail records, newest first"),

        LIST("/v1/reviews", "sessions:read", reviews_list, Review,
             "Reports of stations that fit no session, newest first", BB_QUERY(review_query)),
        READ("/v1/reviews/{id}", "sessions:read", review_read, Review, "One report that fits no session"),
        DECIDE("/v1/reviews/{id}/settle", review_settle, ReviewSettlement, Review,
               "Gives a report to its session, or makes a stop a session of its own"),
        DECIDE("/v1/reviews/{id}/dismiss", review_dismiss, DecisionNote, Review, "The report is nothing"),
        LIST("/v1/audit", "audit:read", audit_entries, AuditEntry, "Who changed what, newest first",
             BB_QUERY(audit_query)),
        LIST("/v1/dead-letters", "events:read", dead_letters_list, DeadLetter, "Events that no attempt could deliver"),
        {.method = "POST",
         .path = "/v1/dead-letters/{id}/replay",
         .permission = "events:write",
         .handle = dead_letter_again,
         .status = 202,
         .flags = BB_ROUTE_IDEMPOTENT,
         .summary = "Delivers one once more"},
};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        charging = bb_require("charging/1", sizeof(*charging));
        if (charging == NULL)
                return BB_E_UNSUPPORTED;
        *ret_self = NULL;
        return bb_http_routes(routes, BB_COUNT(routes));
}

static const char *const needs[] = {"charging/1", NULL};
static const char *const after[] = {"auth/1", NULL};

BB_PLUGIN(load, .name = "admin", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0", .needs = needs,
          .after = after);
