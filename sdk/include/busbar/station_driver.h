/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "station_driver/1": what a hardware protocol (ocpp16, or a third party's) offers to the charging domain.
 * The domain finds the driver by the plugin's name, which admission stored with the station.
 */
#ifndef BUSBAR_STATION_DRIVER_H
#define BUSBAR_STATION_DRIVER_H

#include <busbar/shape.h>
#include <busbar/types.h>

/* What became of a command. */
enum {
        BB_COMMAND_ANSWERED = 0, /* `answer` is the station's answer (OCPP: the CALLRESULT's payload) */
        BB_COMMAND_REFUSED =
                1, /* the station answered with an error (OCPP: CALLERROR): error_code, error_text, answer (details) */
        BB_COMMAND_OFFLINE = 2, /* not connected anywhere */
        BB_COMMAND_TIMEOUT = 3, /* sent, no answer in time; the station may have acted */
        BB_COMMAND_INVALID = 4, /* not sent: error_text says what is wrong, fault_path where */
        BB_COMMAND_UNKNOWN = 5, /* the driver has no such action */
        BB_COMMAND_BUSY = 6     /* too many commands wait for this station */
};

struct bb_command_result {
        uint32_t size;
        int32_t outcome; /* BB_COMMAND_… */
        bb_json *answer; /* in the task's memory */
        bb_str error_code, error_text, fault_path;
        int64_t latency_ms;
};

/* Whose turn it is when several commands wait for one station. */
enum {
        BB_PRIORITY_OF_ACTION = 0, /* the driver knows */
        BB_PRIORITY_URGENT = 1,    /* stop, unlock, reset: somebody stands there */
        BB_PRIORITY_USUAL = 2,
        BB_PRIORITY_READ = 3, /* reading configuration, fetching logs */
        BB_PRIORITY_BULK = 4  /* one of many stations' */
};

/* A command as the domain hands it over. */
struct bb_command {
        uint32_t size;
        int32_t priority; /* BB_PRIORITY_… */
        bb_str station_id, action;
        const bb_json *payload;
        /* BB_NONE: nobody follows it. Otherwise the node that holds the station calls charging/1's operation_sending()
         * right before it sends, and does not send when that returns an error. */
        bb_str operation_id;
        int64_t timeout_ms; /* for the answer; 0: the driver's default */
        int64_t wait_ms;    /* at most so long in the line; 0: as long as for the answer */
        uint64_t room[4];
};

/* What prepare() found out. */
struct bb_prepared {
        uint32_t size;
        int32_t outcome; /* BB_COMMAND_ANSWERED: fine; BB_COMMAND_INVALID, BB_COMMAND_UNKNOWN */
        bb_str error_text, fault_path;
        bb_json *masked;    /* the payload as people and logs may see it; the same one when it holds no secret */
        int32_t confirms;   /* confirm() can tell what this command would change */
        int32_t reserved;   /* zero */
        int64_t timeout_ms; /* the driver's default for the answer */
        uint64_t room[4];
};

/* What a command brings about besides its answer. Effects may come in any order, and before the answer. */
enum {
        BB_EFFECT_CONNECTOR = 1,       /* a status among `statuses`: bits 1 << BB_CONNECTOR_… of charging.h */
        BB_EFFECT_SESSION_STARTED = 2, /* with token_uid (BB_NONE: any) on connector_id */
        BB_EFFECT_SESSION_ENDED = 3,   /* that of transaction_id */
        BB_EFFECT_DISCONNECTED = 4,
        BB_EFFECT_BOOTED = 5,
        BB_EFFECT_NEW_FIRMWARE = 6, /* booted, with another firmware version than before */
        BB_EFFECT_NOTE = 7,         /* the driver noted `note` (charging/1, station_note) with `value`, BB_NONE: any */
        BB_EFFECT_CONFIRMED = 8     /* confirm() finds it done; asked once, right after the answer */
};
enum {
        BB_EFFECT_OPTIONAL = 1 /* shown when it comes; the command has succeeded without it once the others have come */
};
enum { BB_CONNECTOR_ANY = -1, BB_CONNECTOR_WHOLE_STATION = 0 };

struct bb_effect {
        int32_t kind; /* BB_EFFECT_… */
        int32_t flags;
        int64_t connector_id; /* BB_CONNECTOR_ANY: one of them; 0, of BB_EFFECT_CONNECTOR: all of them */
        uint64_t statuses;
        int64_t transaction_id;
        bb_str token_uid, note, value;
        bb_str text;    /* what has happened then: "the connector is plugged in" */
        bb_str waiting; /* what is missing until then, behind "waiting for": "the driver to plug in" */
        uint64_t room[4];
};

struct bb_effect_plan {
        uint32_t size;
        int32_t accepted;                /* 0: the station said no, and nothing follows */
        bb_str answer;                   /* the station's word: "Accepted", "Scheduled" */
        bb_str remark;                   /* for people, BB_NONE: none: "takes effect after the next restart" */
        int64_t timeout_ms;              /* for the effects, from the answer on */
        const struct bb_effect *effects; /* in the task's memory */
        size_t effect_count;             /* 0: the answer was all */
        uint64_t room[4];
};

/* What confirm() found. */
enum {
        BB_CONFIRM_UNKNOWN = 0, /* it cannot be asked */
        BB_CONFIRM_SAME = 1,    /* the station is as the command wants it */
        BB_CONFIRM_OTHER = 2
};
struct bb_confirmation {
        uint32_t size;
        int32_t verdict; /* BB_CONFIRM_… */
        bb_str text;     /* a sentence, with no secrets: "The station has 300." */
        uint64_t room[4];
};

struct bb_reservation; /* charging.h */

struct bb_station_driver_ops {
        uint32_t size;
        uint32_t reserved;
        const char *protocol; /* "ocpp1.6" */
        /* Sends one command and waits for the answer, on whichever node holds the station. `action` and `payload` are
         * the protocol's own (OCPP 1.6: the action's name and its .req payload). timeout_ms 0: the driver's default. */
        BB_AWAIT bb_err (*command)(bb_tenant *, bb_str station_id, bb_str action, const bb_json *payload,
                                   int64_t timeout_ms, struct bb_command_result *ret);
        /* The two that every protocol has. connector 0: the station chooses. limits: 0 is none. */
        BB_AWAIT bb_err (*start)(bb_tenant *, bb_str station_id, int32_t connector, bb_str token_uid,
                                 struct bb_command_result *ret);
        BB_AWAIT bb_err (*stop)(bb_tenant *, bb_str station_id, int32_t transaction_id, struct bb_command_result *ret);
        /* Ends the connection, wherever it is (credentials changed, station deleted). */
        BB_AWAIT bb_err (*disconnect)(bb_tenant *, bb_str station_id, bb_str reason);

        /* What follows lets the domain follow a command to its effect. A driver may leave all of it out (NULL): its
         * commands then end with the answer. */
        /* Checks a command and sends nothing. Does not wait. */
        bb_err (*prepare)(bb_tenant *, bb_str action, const bb_json *payload, struct bb_prepared *ret);
        /* As command(), with all that the domain knows of it. */
        BB_AWAIT bb_err (*send)(bb_tenant *, const struct bb_command *, struct bb_command_result *ret);
        /* What a command that was answered so is to bring about. Asked again after a restart, with the masked payload.
         * Does not wait. */
        bb_err (*effects)(bb_tenant *, bb_str action, const bb_json *payload, const bb_json *answer,
                          struct bb_effect_plan *ret);
        /* Asks the station whether it is already as the command wants it: before the command, so that nothing is
         * written that is so already, and for BB_EFFECT_CONFIRMED. */
        BB_AWAIT bb_err (*confirm)(bb_tenant *, bb_str station_id, bb_str action, const bb_json *payload,
                                   struct bb_confirmation *ret);

        /* Reservations; a driver may leave them out (NULL). BB_COMMAND_ANSWERED: `answer` has the station's word as
         * member "status", "Accepted" when it holds the reservation, or has let go of it. BB_COMMAND_INVALID:
         * fault_path is that of a member of struct bb_reservation. */
        BB_AWAIT bb_err (*reserve)(bb_tenant *, const struct bb_reservation *, struct bb_command_result *ret);
        BB_AWAIT bb_err (*unreserve)(bb_tenant *, bb_str station_id, int64_t reservation_id,
                                     struct bb_command_result *ret);
};

#endif
