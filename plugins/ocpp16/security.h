/* SPDX-License-Identifier: Apache-2.0
 *
 * Security events (Security Whitepaper edition 3 §8): what stations report, and what is noticed here about them. Both
 * are kept for good in ocpp16.security_event, and told as the event "station.security_event" (key: the station's id;
 * station_id, type, at, critical, noticed, tech_info?).
 */
#ifndef OCPP16_SECURITY_H
#define OCPP16_SECURITY_H

#include "ocpp16.h"

/* What is noticed here; all but the first count as critical. A00.FR.323 and .408 recommend to log these. */
#define SECURITY_RECONFIGURED "ReconfigurationOfSecurityParameters" /* by an operator, or a certificate was issued */
#define SECURITY_WRONG_PASSWORDS "RepeatedWrongPasswords"
#define SECURITY_SECOND_CONNECTION "DuplicateConnection"
#define SECURITY_DOWNGRADE "SecurityProfileDowngrade"       /* A00.FR.002 */
#define SECURITY_BAD_CERTIFICATE "InvalidClientCertificate" /* A00.FR.407 */

/* `type` is one of the above, `tech_info` a sentence without secrets (BB_NONE: none). At most one a minute and
 * (station, type), and a hundred a minute and tenant: the rest is counted (ocpp_security_events_dropped_total). Trouble
 * is logged, not returned. Ask only for stations that exist. */
BB_AWAIT void security_raise(struct ocpp_tenant *, bb_str station_id, const char *type, bb_str tech_info);

/* GET /v1/security-events, GET /v1/stations/{id}/security-events */
BB_AWAIT bb_err security_list(bb_request *, bb_response *);
extern const struct bb_shape SecurityEvent BB_HIDDEN;
extern const struct bb_query_param security_query[] BB_HIDDEN;
enum { SECURITY_QUERIES = 5 };

#endif
