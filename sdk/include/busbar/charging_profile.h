/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "charging_profile/1": charging profiles of stations, in the words of OCPP 1.6 §3.13. Provided by drivers
 * whose protocol has them (ocpp16): ask bb_host_->provider() for those whose plugin is the station's driver. Everything
 * is in the tenant of the running task; functions wait, and return the errors of db.h besides their own. Strings and
 * arrays in results live in the task's memory. Times are epoch milliseconds, 0: absent. Limits are in milliamperes or
 * milliwatts; OCPP carries tenths of an ampere or watt, so they are multiples of 100.
 */
#ifndef BUSBAR_CHARGING_PROFILE_H
#define BUSBAR_CHARGING_PROFILE_H

#include <busbar/shape.h>
#include <busbar/station_driver.h>
#include <busbar/types.h>

enum {
        BB_PROFILE_CHARGE_POINT_MAX = 0, /* of the station as a whole: connector 0 */
        BB_PROFILE_TX_DEFAULT = 1,       /* of every transaction there; connector 0: on all connectors */
        BB_PROFILE_TX = 2                /* of one transaction; goes with it */
};
enum { BB_PROFILE_ABSOLUTE = 0, BB_PROFILE_RECURRING = 1, BB_PROFILE_RELATIVE = 2 };
enum { BB_RECURS_DAILY = 0, BB_RECURS_WEEKLY = 1, BB_RECURS_NEVER = -1 };
enum { BB_RATE_AMPERES = 0, BB_RATE_WATTS = 1 };
enum {
        BB_PROFILE_UNCONFIRMED = 0, /* sent, and not answered: the station may have it */
        BB_PROFILE_SET = 1          /* the station has accepted it */
};
#define BB_NO_LIMIT (-1)

struct bb_schedule_period {
        uint64_t present;
        int64_t start_s;     /* from the start of the schedule */
        int64_t limit_milli; /* in a composite BB_NO_LIMIT, too */
        int64_t phases;      /* 1 to 3; 0: not said, and then 3 (OCPP 1.6 §7.14) */
        uint64_t room[2];
};

struct bb_charging_schedule {
        uint64_t present;
        int64_t duration_s; /* 0: as long as there is something to limit */
        int64_t start_ms;
        int32_t unit; /* BB_RATE_… */
        int32_t reserved;
        int64_t min_rate_milli;  /* 0: not said */
        struct bb_array periods; /* of struct bb_schedule_period, from 0 and rising */
        uint64_t room[4];
};

struct bb_charging_profile {
        uint64_t present;
        int64_t id; /* OCPP's chargingProfileId, int32; 0 in put(): a new one */
        bb_str station_id;
        int64_t connector_id;
        int64_t transaction_id; /* of BB_PROFILE_TX; 0 in put(): the one that runs on the connector */
        int64_t stack_level;    /* the highest that has a limit counts */
        int32_t purpose, kind;  /* BB_PROFILE_… */
        int32_t recurs;         /* BB_RECURS_… */
        int32_t state;          /* BB_PROFILE_UNCONFIRMED or _SET; not of put() */
        int64_t valid_from_ms, valid_to_ms;
        struct bb_charging_schedule schedule;
        int64_t set_ms; /* when the station accepted it */
        uint64_t room[8];
};

/* What applies when all profiles are put together. */
struct bb_composite {
        int64_t from_ms, duration_s;
        int32_t unit;
        int32_t reserved;
        struct bb_array periods; /* of struct bb_schedule_period, from 0 to duration_s without gaps */
        uint64_t room[4];
};

enum {
        BB_COMPOSITE_SAME = 0,
        BB_COMPOSITE_LOWER = 1,  /* the station limits further: of its own accord, for its fuse, for its cable */
        BB_COMPOSITE_HIGHER = 2, /* it would give more than its profiles allow */
        BB_COMPOSITE_UNTOLD = 3  /* it does not say */
};

/* The composite schedule as computed here and as the station tells it (OCPP 1.6 §5.7). */
struct bb_composite_report {
        struct bb_composite computed, told; /* told: not when BB_COMPOSITE_UNTOLD */
        int32_t verdict;                    /* BB_COMPOSITE_… */
        int32_t reserved;
        int64_t differs_ms, computed_milli, told_milli; /* the first difference; 0: there is none */
        uint64_t room[4];
};

struct bb_charging_profile_ops {
        uint32_t size;
        uint32_t reserved;
        /* Checks a profile, sends it, and keeps it when the station accepts; it replaces the one of the same id, and
         * the one of the same connector, purpose and stack level (OCPP 1.6 §5.16). Outcome BB_COMMAND_INVALID: nothing
         * was sent, fault_path and error_text say what is wrong (members as in the API: "/schedule/periods/0/start_s").
         * BB_COMMAND_ANSWERED: the member "status" of `answer` is the station's word, and *ret what is kept when that
         * is "Accepted". BB_E_NOT_FOUND: no such station. */
        bb_err (*put)(bb_str actor, const struct bb_charging_profile *, struct bb_command_result *ret_result,
                      struct bb_charging_profile *ret);
        /* Has the station clear one. BB_E_NOT_FOUND: neither we nor, as far as we know, the station has it. */
        bb_err (*remove)(bb_str actor, bb_str station_id, int64_t id, struct bb_command_result *ret_result);
        /* All of a station, by connector, purpose and stack level. */
        bb_err (*list)(bb_str station_id, struct bb_charging_profile **ret, size_t *ret_count);
        /* What the profiles that are set come to, computed here; the station may limit further. */
        bb_err (*computed)(bb_str station_id, int64_t connector_id, int64_t from_ms, int64_t duration_s, int32_t unit,
                           struct bb_composite *ret);
        /* The same from now on, compared with what the station says. */
        bb_err (*composite)(bb_str station_id, int64_t connector_id, int64_t duration_s, int32_t unit,
                            struct bb_command_result *ret_result, struct bb_composite_report *ret);
};

#endif
