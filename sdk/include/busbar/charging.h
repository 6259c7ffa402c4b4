/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "charging/1": the domain. Locations, stations, connectors, tokens, authorization, sessions, CDRs.
 * Hardware drivers report here what stations say; operators' plugins read and change it here. Everything is in the
 * tenant of the running task. All functions wait (BB_AWAIT) and return the errors of db.h besides their own; those that
 * return OK have committed. Strings in results live in the task's memory. Energy is in watt-hours, current in
 * milli-amperes, power in watts, voltage in millivolts, times in epoch milliseconds UTC (0: absent, so that a told time
 * of the epoch itself is 1: stations whose clock was never set tell it).
 *
 * The structs here cross the line in arrays and in memory of the caller, so they cannot grow: each ends with `room`,
 * zero today, from which later minors take new members.
 *
 * Lists: keyset paging. `after` is the last item of the page before (BB_NONE: from the start), `limit` 1 to 1000.
 */
#ifndef BUSBAR_CHARGING_H
#define BUSBAR_CHARGING_H

#include <busbar/shape.h>
#include <busbar/station_driver.h>
#include <busbar/types.h>

/* Connector states are OCPP 1.6 §7.7's, which every other protocol maps onto. */
enum {
        BB_CONNECTOR_UNKNOWN = 0,
        BB_CONNECTOR_AVAILABLE = 1,
        BB_CONNECTOR_PREPARING = 2,
        BB_CONNECTOR_CHARGING = 3,
        BB_CONNECTOR_SUSPENDED_EVSE = 4,
        BB_CONNECTOR_SUSPENDED_EV = 5,
        BB_CONNECTOR_FINISHING = 6,
        BB_CONNECTOR_RESERVED = 7,
        BB_CONNECTOR_UNAVAILABLE = 8,
        BB_CONNECTOR_FAULTED = 9
};
enum { BB_TOKEN_ACCEPTED = 0, BB_TOKEN_BLOCKED = 1 };
/* How somebody gets to charge: the channel. */
enum {
        BB_TOKEN_RFID = 0, /* a card of ours */
        BB_TOKEN_APP = 1,
        BB_TOKEN_REMOTE = 2,
        BB_TOKEN_AD_HOC = 3, /* for one charge, without a contract */
        BB_TOKEN_ROAMING = 4 /* of a roaming partner */
};
enum { BB_AUTH_ACCEPTED = 0, BB_AUTH_BLOCKED = 1, BB_AUTH_EXPIRED = 2, BB_AUTH_INVALID = 3, BB_AUTH_CONCURRENT = 4 };
enum {
        BB_STATION_ADMITTED = 0, /* may connect */
        BB_STATION_PENDING = 1,  /* seen, waits for an operator's adoption */
        BB_STATION_BLOCKED = 2   /* an operator shut it out */
};
enum {
        BB_ADMIT_OK = 0,
        BB_ADMIT_UNKNOWN = 1,  /* no such station, and the policy does not take new ones */
        BB_ADMIT_HELD = 2,     /* waits for adoption */
        BB_ADMIT_PASSWORD = 3, /* a password is set and this one is wrong or missing */
        BB_ADMIT_BLOCKED = 4,
        BB_ADMIT_RATE = 5,       /* too many wrong attempts from this address; never for right credentials */
        BB_ADMIT_HANDSHAKE = 6,  /* the driver refused it: wrong subprotocol or user name */
        BB_ADMIT_SECOND = 7,     /* the driver refused it: the station's other connection is alive */
        BB_ADMIT_PROFILE = 8,    /* a lower security profile than the station has to use */
        BB_ADMIT_CERTIFICATE = 9 /* the client certificate is not this station's; or, by the driver, not valid */
};
/* How a connection is secured (OCPP 1.6 Security Whitepaper §2): what of it is told in bb_admit, the rest is found. */
enum {
        BB_PROFILE_NONE = 0,  /* nobody knows who it is */
        BB_PROFILE_BASIC = 1, /* the right password, in the clear */
        BB_PROFILE_TLS = 2,   /* the right password, within TLS */
        BB_PROFILE_CERTIFICATE = 3
};
enum { BB_ONBOARD_ACCEPT = 0, BB_ONBOARD_HOLD = 1, BB_ONBOARD_REFUSE = 2 };
enum {
        BB_SESSION_OPEN = 0,
        BB_SESSION_ENDED = 1,
        BB_SESSION_REVIEW = 2,
        BB_SESSION_CLOSED = 3 /* by a rule or an operator; its stop may still come, and it has no account yet */
};

enum {
        BB_RESERVATION_REQUESTED = 0, /* the station has not answered (yet): it may hold it */
        BB_RESERVATION_ACTIVE = 1,
        BB_RESERVATION_USED = 2,
        BB_RESERVATION_CANCELLED = 3,
        BB_RESERVATION_EXPIRED = 4,
        BB_RESERVATION_REFUSED = 5 /* by the station: `answer` */
};

/* What became of a report that was kept aside. */
enum { BB_REVIEW_OPEN = 0, BB_REVIEW_SETTLED = 1, BB_REVIEW_DISMISSED = 2 };
enum {
        BB_SETTLE_ACCOUNT = 0, /* it gets its account */
        BB_SETTLE_DISMISS = 1  /* it is over, and nobody pays */
};
#define BB_SETTLE_AS_IS INT64_MIN

struct bb_location {
        uint64_t present;
        bb_str id, name, address, city, postal_code, country; /* country: ISO 3166-1 alpha-3, as OCPI has it */
        bb_str time_zone;                                     /* IANA; the tenant's when absent */
        int64_t latitude_e7, longitude_e7;                    /* degrees · 10^7 */
        int64_t created_ms, updated_ms;
        int64_t version; /* for ETag */
        uint64_t room[8];
};

struct bb_connector {
        uint64_t present;
        bb_str station_id;
        int64_t connector_id; /* 1 …; 0 is the station as a whole */
        int32_t status;       /* BB_CONNECTOR_… */
        bb_str error_code, info, vendor_error_code;
        int64_t status_ms; /* since when, the station's time */
        bb_str label;      /* what is printed on it */
        bb_str plug;       /* "type2", "ccs2", "chademo", "domestic" */
        int64_t max_power_w;
        bb_str session_id; /* of the open session, or absent */
        int64_t version;
        uint64_t room[8];
};

struct bb_station {
        uint64_t present;
        bb_str id; /* as in its URL; at most 64 characters */
        bb_str name, location_id;
        int32_t admission; /* BB_STATION_… */
        bb_str driver, protocol;
        bb_str vendor, model, serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number;
        int32_t online;
        int32_t has_password;
        bb_str remote; /* address of the connection */
        int64_t connected_ms, disconnected_ms, last_seen_ms, boot_ms, created_ms, updated_ms;
        int64_t clock_drift_ms; /* station minus server, as its latest messages tell; 0 as well when none did */
        int64_t epoch;          /* of the connection; a write with an older one is refused (BB_E_CONFLICT) */
        int64_t version;
        struct bb_array connectors; /* of struct bb_connector; filled by station_get only */
        int32_t security_profile;   /* BB_PROFILE_…: the least that it may connect with; rises with what it uses */
        int32_t password_changing;  /* a new password was sent to it and not used yet: both are right */
        uint64_t room[7];
};

/* A change: members that are absent (present bit clear, ptr NULL) stay as they are. */
struct bb_station_change {
        uint64_t present; /* BB_STATION_SET_… */
        bb_str name, location_id;
        bb_str password; /* empty: none needed any more, and a security profile of 1 or 2 becomes 0 */
        int32_t admission;
        int32_t security_profile;
        uint64_t room[8];
};
enum {
        BB_STATION_SET_NAME = 1,
        BB_STATION_SET_LOCATION = 2,
        BB_STATION_SET_PASSWORD = 4,
        BB_STATION_SET_ADMISSION = 8,
        BB_STATION_SET_PROFILE = 16
};

struct bb_token {
        uint64_t present;
        bb_str uid;     /* compared without regard to case (OCPP 1.6 §7.28 CiString); kept as written */
        int32_t kind;   /* BB_TOKEN_RFID … */
        int32_t status; /* BB_TOKEN_ACCEPTED … */
        bb_str parent_uid, label, contract_id;
        int64_t expires_ms;
        int32_t max_open_sessions; /* 0: no limit; above it: ConcurrentTx */
        int64_t created_ms, updated_ms, version;
        bb_str partner; /* the roaming partner that issued it, as "DE*ABC"; at most 36 characters */
        uint64_t room[6];
};

struct bb_session {
        uint64_t present;
        bb_str id; /* UUID v7 */
        bb_str station_id, location_id, token_uid, parent_uid;
        int64_t connector_id;
        int64_t transaction_id;
        int32_t state;                              /* BB_SESSION_… */
        int64_t started_ms, ended_ms;               /* by our clock */
        int64_t start_told_ms, end_told_ms;         /* by the station's, where that was corrected; else 0 */
        int64_t start_received_ms, end_received_ms; /* ours */
        int64_t meter_start_wh, meter_stop_wh;
        int64_t energy_wh; /* so far, from the register */
        int64_t power_w;   /* latest */
        int64_t soc_percent;
        int64_t sample_count, last_sample_ms;
        bb_str stop_reason, stop_token_uid;
        int32_t authorization; /* BB_AUTH_… as answered at the start */
        bb_str review;         /* why it is set aside; absent: fine */
        bb_str closed_by;      /* what closed it before its stop came: "available", "next_start", "rebooted", "silent",
                                  "too_long", "operator" */
        int64_t closed_ms;
        bb_str settled_by, settled_note; /* who decided about it, and why */
        int64_t settled_ms;
        int64_t version;
        uint64_t room[8];
};

struct bb_reservation {
        uint64_t present;
        int64_t id; /* OCPP's reservationId: int32 */
        bb_str station_id;
        int64_t connector_id; /* 0: any connector of the station */
        bb_str token_uid, parent_uid;
        int64_t expires_ms;
        int32_t state; /* BB_RESERVATION_… */
        int32_t reserved;
        bb_str answer;              /* the station's word: "Accepted", "Occupied" */
        bb_str session_id;          /* that used it */
        bb_str conflict_session_id; /* of another token that charges on the reserved connector */
        int64_t created_ms, ended_ms;
        uint64_t room[8];
};

/* One measured value at one moment. OCPP 1.6 §7.43: absent strings have the specification's defaults already filled in.
 */
struct bb_sample {
        int64_t at_ms;
        bb_str measurand; /* "Energy.Active.Import.Register" */
        bb_str phase;     /* "" for none */
        bb_str location;  /* "Outlet" */
        bb_str context;   /* "Sample.Periodic" */
        bb_str unit;      /* "Wh" */
        bb_str format;    /* "Raw", "SignedData" */
        bb_str value;     /* as the station wrote it */
        uint64_t room[2];
};

/* What samples say in the domain's units: quantity by quantity, of its latest moment. */
enum {
        BB_QUANTITY_REGISTER = 0, /* active energy imported, mWh */
        BB_QUANTITY_INTERVAL = 1, /* the same, of an interval that ends there */
        BB_QUANTITY_POWER = 2,    /* W */
        BB_QUANTITY_CURRENT = 3,  /* mA, the sum of the phases */
        BB_QUANTITY_SOC = 4       /* percent */
};
#define BB_NOT_MEASURED INT64_MIN
struct bb_measured {
        int64_t at_ms;         /* BB_NOT_MEASURED: never told */
        int64_t total, phases; /* what was told without a phase; the sum of what was told of phases */
};
struct bb_measures {
        struct bb_measured of[8]; /* by BB_QUANTITY_… */
};
static inline int64_t bb_measured_value(const struct bb_measured *m)
{
        return m->total != BB_NOT_MEASURED ? m->total : m->phases;
}

struct bb_cdr {
        uint64_t present;
        bb_str id, session_id, station_id, location_id, token_uid;
        int64_t connector_id, started_ms, ended_ms, energy_wh, duration_s, created_ms;
        uint64_t room[8];
};

struct bb_connection_attempt {
        uint64_t present;
        bb_str station_id, remote, driver;
        int32_t verdict; /* BB_ADMIT_… */
        bb_str detail;   /* a sentence: what to do about it */
        int64_t first_ms, last_ms, count;
        uint64_t room[4];
};

/* A report that fits no session: acknowledged, kept, never billed by itself. */
struct bb_aside {
        uint64_t present;
        bb_str id; /* UUID v7 */
        bb_str station_id;
        bb_str kind;   /* "samples", "stop" */
        bb_str reason; /* a sentence */
        bb_str report; /* JSON, what the station said */
        int64_t transaction_id;
        int64_t first_ms, last_ms, count; /* the same report again is counted */
        int32_t state;                    /* BB_REVIEW_… */
        int32_t reserved;
        bb_str session_id; /* that it was settled with */
        bb_str settled_by, settled_note;
        int64_t settled_ms;
        int64_t version;
        uint64_t room[4];
};

/* What an operator decides about a session or a report, and why. Times that are 0, and numbers that are
 * BB_SETTLE_AS_IS, stay as they were told. */
struct bb_settlement {
        bb_str note;     /* why; never empty */
        int32_t outcome; /* BB_SETTLE_… */
        int32_t reserved;
        bb_str session_id; /* of a report: the session that it belongs to; absent: it becomes one of its own */
        bb_str token_uid;  /* of a session of its own: who charged; absent: as the report says */
        int64_t connector_id, meter_start_wh; /* of a session of its own */
        int64_t started_ms, ended_ms, meter_stop_wh;
        int64_t energy_wh; /* stop minus start otherwise */
        uint64_t room[4];
};

/* Who writes: every report of a driver carries it. */
struct bb_station_ref {
        bb_str station_id;
        int64_t epoch;
        uint64_t room[2];
};

struct bb_admit {
        bb_str station_id, password, remote; /* password.ptr NULL: none was given */
        bb_str driver, protocol;
        int32_t policy; /* BB_ONBOARD_…, the driver's option */
        int32_t tls;    /* the connection is encrypted */
        /* Common name of a client certificate that the driver has verified; BB_NONE: none. It must be the station's id
         * or its serial number, and stands for the password. */
        bb_str certificate;
        uint64_t room[2];
};
struct bb_admitted {
        int32_t verdict; /* BB_ADMIT_… */
        int32_t profile; /* BB_PROFILE_… of this connection */
        int64_t epoch;   /* of this connection; valid when BB_ADMIT_OK */
        bb_str detail;
        uint64_t room[4];
};

struct bb_boot {
        bb_str vendor, model, serial_number, firmware_version, iccid, imsi, meter_type, meter_serial_number;
        uint64_t room[4];
};

struct bb_connector_report {
        int64_t connector_id;
        int32_t status;
        bb_str error_code, info, vendor_id, vendor_error_code;
        int64_t at_ms; /* 0: now */
        uint64_t room[4];
};

struct bb_authorization {
        int32_t status; /* BB_AUTH_… */
        bb_str parent_uid;
        int64_t expires_ms;
        uint64_t room[4];
};

/* A token and how it would be answered now, its parent counted in: expires_ms is the earlier one of the two. */
struct bb_token_verdict {
        bb_str uid;
        int32_t kind; /* BB_TOKEN_… */
        int32_t reserved;
        struct bb_authorization authorization;
        uint64_t room[4];
};

struct bb_start {
        int64_t connector_id, at_ms, meter_start_wh; /* at_ms 0: now, and no two such starts are the same */
        bb_str token_uid;
        int64_t reservation_id; /* 0: none */
        uint64_t room[4];
};
struct bb_started {
        int32_t transaction_id; /* positive, not countable */
        bb_str session_id;
        struct bb_authorization authorization;
        uint64_t room[4];
};
struct bb_stop {
        int64_t transaction_id;
        int64_t at_ms, meter_stop_wh; /* at_ms 0: now */
        bb_str token_uid;             /* absent: not given */
        bb_str reason;                /* "Local" when absent */
        const struct bb_sample *samples;
        size_t sample_count;
        uint64_t room[4];
};
struct bb_stopped {
        int32_t has_authorization; /* only when a token was given */
        struct bb_authorization authorization;
        uint64_t room[4];
};

struct bb_station_filter {
        bb_str search; /* in id, name, vendor, model, serial number */
        bb_str location_id;
        int32_t online;    /* -1: both */
        int32_t admission; /* -1: all */
        uint64_t room[4];
};
struct bb_session_filter {
        bb_str station_id, token_uid, location_id;
        int32_t open;           /* -1: both */
        int32_t review;         /* 1: only those in the state review */
        int64_t from_ms, to_ms; /* started in [from, to); 0: open */
        uint64_t room[4];
};

struct bb_reservation_filter {
        bb_str station_id, token_uid;
        int32_t live; /* -1: both */
        int32_t reserved;
        uint64_t room[4];
};

/* Something that a station did and only its driver understands: it may be the effect of a command. */
struct bb_station_note {
        bb_str name, value;   /* "firmware", "Installed" */
        int64_t connector_id; /* BB_CONNECTOR_ANY: of none in particular */
        int32_t failed;       /* commands that wait for a note of this name have failed */
        int32_t reserved;     /* zero */
        uint64_t room[4];
};

/* A command that is followed to its effect. */
enum {
        BB_OPERATION_QUEUED = 0,    /* not sent: waits for its turn, or for the station to come back */
        BB_OPERATION_SENT = 1,      /* waits for the answer */
        BB_OPERATION_FOLLOWING = 2, /* the station said yes; waits for the effect */
        BB_OPERATION_SUCCEEDED = 3,
        BB_OPERATION_REJECTED = 4,  /* the station said no, or answered with an error */
        BB_OPERATION_FAILED = 5,    /* not sent, or what followed the answer went wrong */
        BB_OPERATION_TIMED_OUT = 6, /* no answer, or a step did not come in time */
        BB_OPERATION_CANCELLED = 7, /* before it was sent */
        BB_OPERATION_UNKNOWN = 8    /* it was sent, and what the station said got lost; it is not sent again */
};
static inline int32_t bb_operation_is_over(int32_t state)
{
        return state >= BB_OPERATION_SUCCEEDED;
}

struct bb_operation_step {
        int64_t at_ms;
        bb_str step; /* "queued", "sent", "answered", "effect", "note", "ended" */
        bb_str text; /* a sentence */
        uint64_t room[2];
};

struct bb_operation {
        uint64_t present;
        bb_str id; /* UUID v7 */
        bb_str station_id, action, actor;
        bb_str bulk_id;    /* of the command to many stations that it belongs to, or BB_NONE */
        bb_str payload;    /* JSON, secrets masked */
        int32_t state;     /* BB_OPERATION_… */
        int32_t outcome;   /* BB_COMMAND_… of the answer; -1: none yet */
        int32_t unchanged; /* not sent: the station was so already */
        int32_t reserved;  /* zero */
        bb_str answer;     /* JSON: the station's answer, or its error's details */
        bb_str error_code, error_text;
        bb_str summary;     /* a sentence: what is waited for, or how it ended */
        bb_str session_id;  /* that it started or ended, or BB_NONE */
        int64_t latency_ms; /* of the answer */
        int64_t created_ms, sent_ms, answered_ms, ended_ms, deadline_ms; /* 0: not (yet) */
        struct bb_array steps;                                           /* of struct bb_operation_step */
        int64_t version;
        uint64_t room[8];
};

/* What is wanted of one station. */
struct bb_command_order {
        uint32_t size;
        int32_t flags; /* BB_ORDER_… */
        bb_str actor, station_id, action;
        const bb_json *payload;
        int64_t timeout_ms;        /* for the answer; 0: the driver's default */
        int64_t expires_ms;        /* from now on: not sent later than that; 0: a default */
        int64_t effect_timeout_ms; /* from the answer on; 0: the driver's default for the action */
        uint64_t room[4];
};
enum {
        BB_ORDER_FORCE = 1,         /* sent although the station is so already */
        BB_ORDER_QUEUE_OFFLINE = 2, /* a station that is not connected gets it when it is back */
        BB_ORDER_LASTING = 4        /* goes on after a restart of busbard; without it nobody asks for it any more */
};

struct bb_operation_filter {
        bb_str station_id, action, bulk_id;
        int32_t state; /* BB_OPERATION_…, -1: all */
        int32_t over;  /* 1: those that have ended, 0: those that have not, -1: both */
        uint64_t room[4];
};

/* The same command for many stations. */
enum {
        BB_BULK_RUNNING = 0,
        BB_BULK_PAUSED = 1,
        BB_BULK_FINISHED = 2,  /* each station's operation has been sent, or ended without */
        BB_BULK_CANCELLED = 3, /* by somebody */
        BB_BULK_STOPPED = 4    /* by max_failures */
};
#define BB_OPERATION_STATES 9
struct bb_bulk {
        uint64_t present;
        bb_str id, actor, action;
        bb_str payload; /* JSON, secrets masked */
        int32_t state;  /* BB_BULK_… */
        int32_t reserved;
        int64_t rate_per_second, max_failures; /* max_failures 0: no limit */
        int64_t total, counts[BB_OPERATION_STATES];
        int64_t created_ms, ended_ms;
        int64_t version;
        uint64_t room[8];
};
struct bb_bulk_order {
        uint32_t size;
        int32_t flags; /* BB_ORDER_… */
        bb_str actor, action;
        const bb_json *payload;
        const bb_str *station_ids; /* those; NULL: by the filter, where BB_NONE lets everything through */
        size_t station_count;
        bb_str location_id, vendor, model, firmware_version;
        int64_t rate_per_second, max_failures;
        int64_t timeout_ms, expires_ms, effect_timeout_ms;
        uint64_t room[4];
};

struct bb_charging_ops {
        uint32_t size;
        uint32_t reserved;

        /* --- from hardware drivers --- */
        /* May this station connect? Counts, records and explains what was refused (connection_attempts). */
        bb_err (*admit)(const struct bb_admit *, struct bb_admitted *ret);
        /* Call when the handshake is done, and when the socket is gone. An old epoch changes nothing. */
        bb_err (*online)(const struct bb_station_ref *, bb_str remote);
        bb_err (*offline)(const struct bb_station_ref *, bb_str reason);
        bb_err (*boot)(const struct bb_station_ref *, const struct bb_boot *);
        bb_err (*connector_status)(const struct bb_station_ref *, const struct bb_connector_report *);
        bb_err (*authorize)(const struct bb_station_ref *, bb_str token_uid, struct bb_authorization *ret);
        /* Idempotent by (station, connector, token, at, meter): the same start gets the same transaction id. Never
         * refused for a business reason: an unknown token gets a session too, and BB_AUTH_INVALID in the answer. */
        bb_err (*session_start)(const struct bb_station_ref *, const struct bb_start *, struct bb_started *ret);
        /* transaction_id 0: belongs to no transaction; kept with the connector. Idempotent by the samples' full key.
         * Samples of a transaction that is not this station's are kept aside for review, and OK is returned. */
        bb_err (*session_samples)(const struct bb_station_ref *, int64_t connector_id, int64_t transaction_id,
                                  const struct bb_sample *, size_t count);
        /* The first stop wins; an equal one is OK again; another one, and one of an unknown transaction, goes to review
         * (OK). */
        bb_err (*session_stop)(const struct bb_station_ref *, const struct bb_stop *, struct bb_stopped *ret);
        /* The station's clock shows `at_ms` now: keeps the estimate of its drift. A time that may have waited in a
         * queue of the station is not for here: whether a lag is the clock's, the driver tells. Does not wait. */
        void (*clock_seen)(const struct bb_station_ref *, int64_t at_ms);
        /* Any sign of life; gathered in memory and written once a minute. Does not wait. */
        void (*station_seen)(const struct bb_station_ref *);

        /* --- for operators --- */
        bb_err (*location_get)(bb_str id, struct bb_location *ret);
        bb_err (*location_list)(bb_str after, size_t limit, struct bb_location **ret, size_t *ret_count);
        /* Creates or replaces. if_version: 0 none, -1 must be new, else must be the present version
         * (BB_E_PRECONDITION). */
        bb_err (*location_put)(bb_str actor, const struct bb_location *, int64_t if_version, int32_t *ret_created);
        bb_err (*location_delete)(bb_str actor, bb_str id, int64_t if_version);

        bb_err (*station_get)(bb_str id, struct bb_station *ret);
        bb_err (*station_list)(const struct bb_station_filter *, bb_str after, size_t limit, struct bb_station **ret,
                               size_t *ret_count);
        bb_err (*station_put)(bb_str actor, bb_str id, const struct bb_station_change *, int64_t if_version,
                              int32_t *ret_created);
        bb_err (*station_delete)(bb_str actor, bb_str id, int64_t if_version); /* BB_E_CONFLICT while it has sessions */
        bb_err (*connector_list)(bb_str station_id, struct bb_connector **ret, size_t *ret_count);
        /* Sets label, plug, max_power_w. */
        bb_err (*connector_put)(bb_str actor, const struct bb_connector *, int64_t if_version);
        bb_err (*connection_attempts)(size_t limit, struct bb_connection_attempt **ret,
                                      size_t *ret_count); /* latest first */

        bb_err (*token_get)(bb_str uid, struct bb_token *ret);
        bb_err (*token_list)(bb_str search, bb_str after, size_t limit, struct bb_token **ret, size_t *ret_count);
        bb_err (*token_put)(bb_str actor, const struct bb_token *, int64_t if_version, int32_t *ret_created);
        bb_err (*token_delete)(bb_str actor, bb_str uid, int64_t if_version);

        bb_err (*session_get)(bb_str id, struct bb_session *ret);
        /* Newest first. `after` is a session id. */
        bb_err (*session_list)(const struct bb_session_filter *, bb_str after, size_t limit, struct bb_session **ret,
                               size_t *ret_count);
        bb_err (*session_by_transaction)(bb_str station_id, int64_t transaction_id, struct bb_session *ret);
        /* Oldest first. `after_index` counts from 0, `limit` to 10000. */
        bb_err (*session_sample_list)(bb_str id, int64_t after_index, size_t limit, struct bb_sample **ret,
                                      size_t *ret_count);
        /* Every matching session, oldest first, from one snapshot; `each` gets some at a time in memory of its own. */
        bb_err (*session_scan)(const struct bb_session_filter *,
                               bb_err (*each)(const struct bb_session *, size_t count, void *arg), void *arg);
        bb_err (*session_count)(const struct bb_session_filter *, int64_t *ret);
        bb_err (*cdr_list)(bb_str after, size_t limit, struct bb_cdr **ret, size_t *ret_count); /* newest first */

        /* Commands: to the driver of the station, on whichever node. Audited. BB_E_NOT_FOUND: no such station. */
        bb_err (*command)(bb_str actor, bb_str station_id, bb_str action, const bb_json *payload, int64_t timeout_ms,
                          struct bb_command_result *ret);
        /* The driver itself refused a connection (BB_ADMIT_HANDSHAKE, _SECOND or _CERTIFICATE), before or after
         * admit(): recorded among connection_attempts. May be NULL. */
        bb_err (*refused)(const struct bb_admit *, int32_t verdict, bb_str detail);
        /* Reports kept aside, newest first. `state` BB_REVIEW_…, -1: all; `after` is the id of one. */
        bb_err (*review_list)(int32_t state, bb_str after, size_t limit, struct bb_aside **ret, size_t *ret_count);
        /* Tokens by uid; `of`: this one and those whose parent it is, BB_NONE: all. For lists that stations keep. */
        bb_err (*token_verdicts)(bb_str of, bb_str after, size_t limit, struct bb_token_verdict **ret,
                                 size_t *ret_count);

        /* Reservations. `reserve` takes station, connector, token, parent (BB_NONE: the token's own) and expiry, asks
         * the station, and gives back what became of both; when the command's outcome is that nothing was sent, nothing
         * is kept. BB_E_NOT_FOUND: no such station. BB_E_DENIED: the token may not charge; error_text of the
         * result may say why. BB_E_EXISTS: the connector
         * is reserved. BB_E_LIMIT: no connector would be left for somebody who has reserved any. */
        bb_err (*reserve)(bb_str actor, const struct bb_reservation *, struct bb_command_result *ret_result,
                          struct bb_reservation *ret);
        /* Asks the station to let go. BB_E_CONFLICT: it has ended already. One that the station does not know of is
         * cancelled as well. */
        bb_err (*reservation_cancel)(bb_str actor, int64_t id, struct bb_command_result *ret_result,
                                     struct bb_reservation *ret);
        bb_err (*reservation_get)(int64_t id, struct bb_reservation *ret);
        /* Newest first. `after` is the id of one, 0: from the start; BB_E_INVALID: there is none by this id. */
        bb_err (*reservation_list)(const struct bb_reservation_filter *, int64_t after, size_t limit,
                                   struct bb_reservation **ret, size_t *ret_count);
        /* From drivers: a station answered `answer` to a reservation, whoever asked it; state ACTIVE or REFUSED. And: a
         * station let go of one. */
        bb_err (*reservation_told)(const struct bb_reservation *);
        bb_err (*reservation_gone)(bb_str station_id, int64_t id, bb_str answer);

        /* --- commands that are followed to their effect --- */
        /* From drivers. Right before a command is sent: writes down that it is. BB_E_CONFLICT: it is over, do not send.
         */
        bb_err (*operation_sending)(bb_str operation_id);
        /* Is somebody waiting for what this station does? Asked before station_note, where that costs something. Does
         * not wait. */
        int32_t (*station_watched)(bb_str station_id);
        /* Does not wait. */
        void (*station_note)(const struct bb_station_ref *, const struct bb_station_note *);

        /* For operators. Checks a command, writes it down, and begins with it; audited. ret_fault->outcome other than
         * BB_COMMAND_ANSWERED says why there is no operation: invalid, unknown, or offline without
         * BB_ORDER_QUEUE_OFFLINE. BB_E_NOT_FOUND: no such station. */
        bb_err (*operation_start)(const struct bb_command_order *, struct bb_command_result *ret_fault, bb_str *ret_id);
        bb_err (*operation_get)(bb_str id, struct bb_operation *ret);
        /* Newest first. `after` is the id of one. */
        bb_err (*operation_list)(const struct bb_operation_filter *, bb_str after, size_t limit,
                                 struct bb_operation **ret, size_t *ret_count);
        /* Waits until its version is another one than `version`, timeout_ms at most; then as operation_get. */
        bb_err (*operation_wait)(bb_str id, int64_t version, int64_t timeout_ms, struct bb_operation *ret);
        /* From now on it goes on after a restart of busbard (BB_ORDER_LASTING). */
        bb_err (*operation_keep)(bb_str id);
        bb_err (*operation_cancel)(bb_str actor, bb_str id); /* BB_E_CONFLICT: it is sent already, or over */

        /* ret_fault as of operation_start. BB_E_NOT_FOUND: no station fits; a station id that does not exist:
         * ret_fault->fault_path says which. */
        bb_err (*bulk_start)(const struct bb_bulk_order *, struct bb_command_result *ret_fault, bb_str *ret_id);
        bb_err (*bulk_get)(bb_str id, struct bb_bulk *ret);
        bb_err (*bulk_list)(bb_str after, size_t limit, struct bb_bulk **ret, size_t *ret_count); /* newest first */
        /* To paused, running or cancelled. BB_E_CONFLICT: it is over. */
        bb_err (*bulk_change)(bb_str actor, bb_str id, int32_t state);

        bb_err (*review_get)(bb_str id, struct bb_aside *ret);
        /* Decisions of operators, audited. if_version: 0 any, else the present one (BB_E_PRECONDITION). BB_E_CONFLICT:
         * the state does not allow it, because somebody has decided before, or the session has its account.
         * BB_E_INVALID: what is asked for cannot be (no note, an end before the start, less than no energy, no such
         * session of that station). A session is settled in the states review and closed; an open one is closed first.
         */
        bb_err (*review_settle)(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *,
                                bb_str *ret_session_id);
        bb_err (*review_dismiss)(bb_str actor, bb_str id, int64_t if_version, bb_str note);
        bb_err (*session_settle)(bb_str actor, bb_str id, int64_t if_version, const struct bb_settlement *);
        bb_err (*session_close)(bb_str actor, bb_str id, int64_t if_version, bb_str note);
        /* Beside the password, this one is right too from now on; once the station has connected with it, it alone.
         * Empty: the station did not take it after all. `replace`: although another one is waited for (otherwise
         * BB_E_EXISTS). A password of hexadecimal digits, 16 at least, is right as the bytes that it stands for, too:
         * stations differ in what they make of an AuthorizationKey. Audited. */
        bb_err (*password_next)(bb_str actor, bb_str station_id, bb_str password, int32_t replace);

        /* What samples say: nothing yet; and one sample more, in any order. A sample that is not of the outlet, of no
         * known quantity or unit, or no number, says nothing. Neither waits. */
        void (*measures_begin)(struct bb_measures *ret);
        void (*sample_take)(struct bb_measures *, const struct bb_sample *);
        /* The reservation that a session used. BB_E_NOT_FOUND: none. */
        bb_err (*session_reservation)(bb_str session_id, struct bb_reservation *ret);
};

/* Durable events of this contract: topic, key, and the members of the payload. Those with "?" are left out when there
 * is nothing to say; times are text ("2026-01-31T12:00:00.000Z").
 *
 *   station.connected      station id   station_id, remote?
 *   station.disconnected   station id   station_id, reason?
 *   station.booted         station id   station_id, vendor?, model?, firmware_version?
 *   station.clock          station id   station_id, clock_drift_ms: it is off by more than five minutes
 *   connector.status       station id   station_id, connector_id, status ("Charging"), error_code?, at
 *   session.started        session id   session_id, station_id, connector_id, location_id?, token_uid, transaction_id,
 *                                       started_at, start_told_at?, meter_start_wh, review?
 *   session.ended          session id   session_id, station_id, connector_id, location_id?, token_uid, transaction_id,
 *                                       started_at, ended_at, energy_wh, reason?, review?, closed_by?
 *   session.closed_by_rule session id   session_id, station_id, connector_id, rule, ended_at, energy_wh: provisional;
 *                                       session.ended follows, by its stop or after a time of grace
 *   session.merged         session id   session_id, station_id, rule, ended_at, energy_wh, was_ended_at, was_energy_wh:
 *                                       its stop came after a rule had closed it
 *   session.settled        session id   session_id, station_id, outcome ("account", "dismiss"), ended_at, energy_wh: an
 *                                       operator decided
 *   session.review         station id   station_id, session_id?, reason; of one station a few a minute at most:
 *                                       review_list has every report
 *   reservation.created    id           reservation_id, station_id, connector_id, token_uid, expires_at; those of
 *                                       reservation.* are all the same:
 *   reservation.used       id           … session_id
 *   reservation.overridden id           … session_id: another token charges on the reserved connector
 *   reservation.expired    id           …
 *   reservation.cancelled  id           …
 *   token.changed          uid          uid: made or changed
 *   token.deleted          uid          uid
 *   operation.ended        operation id operation_id, station_id, action, state ("succeeded"), summary?, session_id?
 *   cdr.created            session id   cdr_id, session_id; after session.ended, but not for a session with a review
 */

#endif
