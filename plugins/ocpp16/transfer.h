/* SPDX-License-Identifier: Apache-2.0
 *
 * Firmware to stations, diagnostics and logs from them (OCPP 1.6 §4.4, §4.5; Security Whitepaper §5.9, §5.21), through
 * one-time URLs of our own.
 *
 *      multipart.c receive.c   a file comes in
 *      firmware.c              what operators upload
 *      transfer_order.c        from a command without a location to one with our URL
 *      transfer_serve.c        what a station does with it
 *      transfer.c              what became of it: the states
 *      transfer_api.c          what operators see
 *      transfer_sweep.c        what is too old goes
 */
#ifndef OCPP16_TRANSFER_H
#define OCPP16_TRANSFER_H

#include <busbar/http.h>

#include "ocpp16.h"

struct command;

#define TRANSFER_PATH "/ocpp-files/"

/* kind */
#define KIND_FIRMWARE "firmware"
#define KIND_SIGNED_FIRMWARE "signed-firmware"
#define KIND_DIAGNOSTICS "diagnostics"
#define KIND_LOG "log"

/* state: requested (the station is being told), accepted, transferring, transferred, installing, done; refused, failed
 * (the station may try again while the URL lives), expired, canceled. */

/* --- transfer_order.c --- */
/* What an operator may leave out of a payload, filled in: the place of a location of ours is "busbar://…" until the
 * command is sent. Does not wait. */
bb_json *transfer_draft(bb_str action, const bb_json *payload);
struct transfer_order {
        bb_str id; /* BB_NONE: the command has nothing to do with us */
        const struct command *command;
};
/* Puts the URL into *text. BB_E_REJECTED: *ret says what is wrong with the command. */
BB_AWAIT bb_err transfer_begin(struct station *, const struct command *, bb_str *text, struct transfer_order *ret_order,
                               struct bb_command_result *ret);
/* The command has its outcome. */
BB_AWAIT void transfer_ordered(const struct transfer_order *, const struct bb_command_result *);

/* --- transfer.c --- */
/* The event station.transfer, of a transfer's new state; key: the station. */
struct bb_stmt transfer_event_stmt(bb_str id, bb_str station_id, bb_str kind, bb_str state, bb_str status);
/* A station reports how far it is. request_id < 0: it names none. */
BB_AWAIT bb_err transfer_reported(bb_str station_id, const char *const *kinds, bb_str status, int64_t request_id);

/* --- transfer_serve.c: GET, PUT and POST TRANSFER_PATH{token} and {token}/{name} --- */
BB_AWAIT bb_err transfer_download(bb_request *, bb_response *);
BB_AWAIT bb_err transfer_upload(bb_request *, bb_response *);
/* What is kept of a token. */
bb_err transfer_mac(bb_str token, uint8_t ret_mac[32]);

/* --- transfer_api.c --- */
BB_AWAIT bb_err transfer_list(bb_request *, bb_response *);
BB_AWAIT bb_err transfer_read(bb_request *, bb_response *);
BB_AWAIT bb_err transfer_file(bb_request *, bb_response *);
BB_AWAIT bb_err transfer_cancel(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_update(bb_request *, bb_response *);
extern const struct bb_shape Transfer BB_HIDDEN, FirmwareUpdate BB_HIDDEN;

/* --- firmware.c --- */
BB_AWAIT bb_err firmware_upload(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_list(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_read(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_file(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_sign(bb_request *, bb_response *);
BB_AWAIT bb_err firmware_remove(bb_request *, bb_response *);
extern const struct bb_shape Firmware BB_HIDDEN, FirmwareSignature BB_HIDDEN;
extern const struct bb_query_param firmware_query[] BB_HIDDEN;
enum { FIRMWARE_QUERIES = 4 };

/* --- transfer_sweep.c --- */
BB_AWAIT void transfer_sweep(void *owner);

#endif
