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
};

#endif
