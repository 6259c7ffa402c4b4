/* SPDX-License-Identifier: Apache-2.0
 *
 * What each CALL of a station means to the domain. `message` is the struct of the action's shape, checked; *ret_answer
 * is the CALLRESULT's payload. An error that is an outage closes the socket without an answer, so that the station
 * keeps its message; BB_E_CONFLICT says that this connection is no longer the station's.
 */
#ifndef OCPP16_MESSAGES_H
#define OCPP16_MESSAGES_H

#include "ocpp16.h"
#include "shapes_security.h"

typedef BB_AWAIT bb_err message_handler(struct station *, const void *message, bb_str *ret_answer);

message_handler message_boot, message_heartbeat;                     /* boot.c */
message_handler message_status;                                      /* status.c */
message_handler message_authorize;                                   /* authorize.c */
message_handler message_start, message_stop;                         /* transaction.c */
message_handler message_meter_values;                                /* meter.c */
message_handler message_data_transfer;                               /* data_transfer.c */
message_handler message_diagnostics_status, message_firmware_status; /* diagnostics.c */
message_handler message_log_status, message_signed_firmware_status;  /* diagnostics.c */
message_handler message_security_event;                              /* security.c */
message_handler message_sign_certificate;                            /* certificate_request.c */

/* A station's seconds between heartbeats: the option, ±10 % by its id, so that they do not come in step. */
int64_t boot_interval_s(const struct station *, int32_t interval_s);
/* The domain's verdict in OCPP's words (authorize.c). */
void id_tag_info_from(const struct bb_authorization *, struct id_tag_info *ret);
/* All samples of all meter values, with the specification's defaults filled in (meter.c). */
struct bb_sample *meter_samples(const struct bb_array *meter_values, size_t *ret_count);
/* Every time that a station tells goes through this on its way to the domain, where 0 means that none was told. The
 * epoch itself is a time: clocks that were never set begin there. */
static inline int64_t told_time(int64_t ms)
{
        return ms != 0 ? ms : 1;
}
/* The station gave this time with a message that tells of now: keeps the estimate of its drift (status.c). */
void station_told_time(struct station *, int64_t at_ms);

#endif
