/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins built for ABI 1.0 rely on, on 64-bit Linux: members, sizes, constants. Made by packaging/abi-layout,
 * compiled with everything else. HISTORY says when it may change.
 */
/* clang-format off */
#include <busbar/auth.h>
#include <busbar/bus.h>
#include <busbar/charging.h>
#include <busbar/charging_profile.h>
#include <busbar/crypto.h>
#include <busbar/db.h>
#include <busbar/http.h>
#include <busbar/log.h>
#include <busbar/payment.h>
#include <busbar/plugin.h>
#include <busbar/rt.h>
#include <busbar/shape.h>
#include <busbar/station_driver.h>
#include <busbar/types.h>

#define AT(type, member, offset, of) \
        _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved"); \
        _Static_assert(__builtin_types_compatible_p(__typeof__(((struct type *)0)->member), __typeof__(of)), \
                       #type "." #member " has another type")
#define AT_LEAST(type, bytes) _Static_assert(sizeof(struct type) >= (bytes), #type " shrank")
#define EXACTLY(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has another size")
#define IS(constant, value) _Static_assert((constant) == (value), #constant " has another value")

AT_LEAST(bb_principal, 40);
AT(bb_principal, size, 0, uint32_t);
AT(bb_principal, actor, 8, bb_str);
AT(bb_principal, scopes, 24, const bb_str *);
AT(bb_principal, scope_count, 32, size_t);

AT_LEAST(bb_auth_ops, 16);
AT(bb_auth_ops, size, 0, uint32_t);
AT(bb_auth_ops, authenticate, 8, bb_err (*)(bb_str authorization, bb_str remote, struct bb_principal *ret, bb_str *ret_why));

AT_LEAST(bb_bus_ops, 40);
AT(bb_bus_ops, size, 0, uint32_t);
AT(bb_bus_ops, publish, 8, bb_err (*)(bb_str subject, bb_str data));
AT(bb_bus_ops, subscribe, 16, bb_err (*)(bb_plugin_ref *who, bb_tenant *tenant, bb_str subject, void (*handle)(bb_str subject, bb_str data, bb_str *ret_reply, void *arg), void *arg, bb_subscription **ret));
AT(bb_bus_ops, unsubscribe, 24, void (*)(bb_subscription *));
AT(bb_bus_ops, request, 32, bb_err (*)(bb_str subject, bb_str data, int64_t timeout_ms, bb_str *ret_reply));

IS(BB_CONNECTOR_UNKNOWN, 0);
IS(BB_CONNECTOR_AVAILABLE, 1);
IS(BB_CONNECTOR_PREPARING, 2);
IS(BB_CONNECTOR_CHARGING, 3);
IS(BB_CONNECTOR_SUSPENDED_EVSE, 4);
IS(BB_CONNECTOR_SUSPENDED_EV, 5);
IS(BB_CONNECTOR_FINISHING, 6);
IS(BB_CONNECTOR_RESERVED, 7);
IS(BB_CONNECTOR_UNAVAILABLE, 8);
IS(BB_CONNECTOR_FAULTED, 9);
IS(BB_TOKEN_ACCEPTED, 0);
IS(BB_TOKEN_BLOCKED, 1);
IS(BB_TOKEN_RFID, 0);
IS(BB_TOKEN_APP, 1);
IS(BB_TOKEN_REMOTE, 2);
IS(BB_AUTH_ACCEPTED, 0);
IS(BB_AUTH_BLOCKED, 1);
IS(BB_AUTH_EXPIRED, 2);
IS(BB_AUTH_INVALID, 3);
IS(BB_AUTH_CONCURRENT, 4);
IS(BB_STATION_ADMITTED, 0);
IS(BB_STATION_PENDING, 1);
IS(BB_STATION_BLOCKED, 2);
IS(BB_ADMIT_OK, 0);
IS(BB_ADMIT_UNKNOWN, 1);
IS(BB_ADMIT_HELD, 2);
IS(BB_ADMIT_PASSWORD, 3);
IS(BB_ADMIT_BLOCKED, 4);
IS(BB_ADMIT_RATE, 5);
IS(BB_ADMIT_HANDSHAKE, 6);
IS(BB_ADMIT_SECOND, 7);
IS(BB_ONBOARD_ACCEPT, 0);
IS(BB_ONBOARD_HOLD, 1);
IS(BB_ONBOARD_REFUSE, 2);
IS(BB_SESSION_OPEN, 0);
IS(BB_SESSION_ENDED, 1);
IS(BB_SESSION_REVIEW, 2);
IS(BB_SESSION_CLOSED, 3);
IS(BB_RESERVATION_REQUESTED, 0);
IS(BB_RESERVATION_ACTIVE, 1);
IS(BB_RESERVATION_USED, 2);
IS(BB_RESERVATION_CANCELLED, 3);
IS(BB_RESERVATION_EXPIRED, 4);
IS(BB_RESERVATION_REFUSED, 5);
IS(BB_STATION_SET_NAME, 1);
IS(BB_STATION_SET_LOCATION, 2);
IS(BB_STATION_SET_PASSWORD, 4);
IS(BB_STATION_SET_ADMISSION, 8);
IS(BB_OPERATION_QUEUED, 0);
IS(BB_OPERATION_SENT, 1);
IS(BB_OPERATION_FOLLOWING, 2);
IS(BB_OPERATION_SUCCEEDED, 3);
IS(BB_OPERATION_REJECTED, 4);
IS(BB_OPERATION_FAILED, 5);
IS(BB_OPERATION_TIMED_OUT, 6);
IS(BB_OPERATION_CANCELLED, 7);
IS(BB_OPERATION_UNKNOWN, 8);
IS(BB_ORDER_FORCE, 1);
IS(BB_ORDER_QUEUE_OFFLINE, 2);
IS(BB_ORDER_LASTING, 4);
IS(BB_BULK_RUNNING, 0);
IS(BB_BULK_PAUSED, 1);
IS(BB_BULK_FINISHED, 2);
IS(BB_BULK_CANCELLED, 3);
IS(BB_BULK_STOPPED, 4);
IS(BB_OPERATION_STATES, 9);

EXACTLY(bb_location, 224);
AT(bb_location, present, 0, uint64_t);
AT(bb_location, id, 8, bb_str);
AT(bb_location, name, 24, bb_str);
AT(bb_location, address, 40, bb_str);
AT(bb_location, city, 56, bb_str);
AT(bb_location, postal_code, 72, bb_str);
AT(bb_location, country, 88, bb_str);
AT(bb_location, time_zone, 104, bb_str);
AT(bb_location, latitude_e7, 120, int64_t);
AT(bb_location, longitude_e7, 128, int64_t);
AT(bb_location, created_ms, 136, int64_t);
AT(bb_location, updated_ms, 144, int64_t);
AT(bb_location, version, 152, int64_t);

EXACTLY(bb_connector, 224);
AT(bb_connector, present, 0, uint64_t);
AT(bb_connector, station_id, 8, bb_str);
AT(bb_connector, connector_id, 24, int64_t);
AT(bb_connector, status, 32, int32_t);
AT(bb_connector, error_code, 40, bb_str);
AT(bb_connector, info, 56, bb_str);
AT(bb_connector, vendor_error_code, 72, bb_str);
AT(bb_connector, status_ms, 88, int64_t);
AT(bb_connector, label, 96, bb_str);
AT(bb_connector, plug, 112, bb_str);
AT(bb_connector, max_power_w, 128, int64_t);
AT(bb_connector, session_id, 136, bb_str);
AT(bb_connector, version, 152, int64_t);

EXACTLY(bb_station, 400);
AT(bb_station, present, 0, uint64_t);
AT(bb_station, id, 8, bb_str);
AT(bb_station, name, 24, bb_str);
AT(bb_station, location_id, 40, bb_str);
AT(bb_station, admission, 56, int32_t);
AT(bb_station, driver, 64, bb_str);
AT(bb_station, protocol, 80, bb_str);
AT(bb_station, vendor, 96, bb_str);
AT(bb_station, model, 112, bb_str);
AT(bb_station, serial_number, 128, bb_str);
AT(bb_station, firmware_version, 144, bb_str);
AT(bb_station, iccid, 160, bb_str);
AT(bb_station, imsi, 176, bb_str);
AT(bb_station, meter_type, 192, bb_str);
AT(bb_station, meter_serial_number, 208, bb_str);
AT(bb_station, online, 224, int32_t);
AT(bb_station, has_password, 228, int32_t);
AT(bb_station, remote, 232, bb_str);
AT(bb_station, connected_ms, 248, int64_t);
AT(bb_station, disconnected_ms, 256, int64_t);
AT(bb_station, last_seen_ms, 264, int64_t);
AT(bb_station, boot_ms, 272, int64_t);
AT(bb_station, created_ms, 280, int64_t);
AT(bb_station, updated_ms, 288, int64_t);
AT(bb_station, clock_drift_ms, 296, int64_t);
AT(bb_station, epoch, 304, int64_t);
AT(bb_station, version, 312, int64_t);
AT(bb_station, connectors, 320, struct bb_array);

EXACTLY(bb_station_change, 128);
AT(bb_station_change, present, 0, uint64_t);
AT(bb_station_change, name, 8, bb_str);
AT(bb_station_change, location_id, 24, bb_str);
AT(bb_station_change, password, 40, bb_str);
AT(bb_station_change, admission, 56, int32_t);

EXACTLY(bb_token, 184);
AT(bb_token, present, 0, uint64_t);
AT(bb_token, uid, 8, bb_str);
AT(bb_token, kind, 24, int32_t);
AT(bb_token, status, 28, int32_t);
AT(bb_token, parent_uid, 32, bb_str);
AT(bb_token, label, 48, bb_str);
AT(bb_token, contract_id, 64, bb_str);
AT(bb_token, expires_ms, 80, int64_t);
AT(bb_token, max_open_sessions, 88, int32_t);
AT(bb_token, created_ms, 96, int64_t);
AT(bb_token, updated_ms, 104, int64_t);
AT(bb_token, version, 112, int64_t);

EXACTLY(bb_session, 408);
AT(bb_session, present, 0, uint64_t);
AT(bb_session, id, 8, bb_str);
AT(bb_session, station_id, 24, bb_str);
AT(bb_session, location_id, 40, bb_str);
AT(bb_session, token_uid, 56, bb_str);
AT(bb_session, parent_uid, 72, bb_str);
AT(bb_session, connector_id, 88, int64_t);
AT(bb_session, transaction_id, 96, int64_t);
AT(bb_session, state, 104, int32_t);
AT(bb_session, started_ms, 112, int64_t);
AT(bb_session, ended_ms, 120, int64_t);
AT(bb_session, start_told_ms, 128, int64_t);
AT(bb_session, end_told_ms, 136, int64_t);
AT(bb_session, start_received_ms, 144, int64_t);
AT(bb_session, end_received_ms, 152, int64_t);
AT(bb_session, meter_start_wh, 160, int64_t);
AT(bb_session, meter_stop_wh, 168, int64_t);
AT(bb_session, energy_wh, 176, int64_t);
AT(bb_session, power_w, 184, int64_t);
AT(bb_session, soc_percent, 192, int64_t);
AT(bb_session, sample_count, 200, int64_t);
AT(bb_session, last_sample_ms, 208, int64_t);
AT(bb_session, stop_reason, 216, bb_str);
AT(bb_session, stop_token_uid, 232, bb_str);
AT(bb_session, authorization, 248, int32_t);
AT(bb_session, review, 256, bb_str);
AT(bb_session, closed_by, 272, bb_str);
AT(bb_session, closed_ms, 288, int64_t);
AT(bb_session, settled_by, 296, bb_str);
AT(bb_session, settled_note, 312, bb_str);
AT(bb_session, settled_ms, 328, int64_t);
AT(bb_session, version, 336, int64_t);

EXACTLY(bb_reservation, 216);
AT(bb_reservation, present, 0, uint64_t);
AT(bb_reservation, id, 8, int64_t);
AT(bb_reservation, station_id, 16, bb_str);
AT(bb_reservation, connector_id, 32, int64_t);
AT(bb_reservation, token_uid, 40, bb_str);
AT(bb_reservation, parent_uid, 56, bb_str);
AT(bb_reservation, expires_ms, 72, int64_t);
AT(bb_reservation, state, 80, int32_t);
AT(bb_reservation, answer, 88, bb_str);
AT(bb_reservation, session_id, 104, bb_str);
AT(bb_reservation, conflict_session_id, 120, bb_str);
AT(bb_reservation, created_ms, 136, int64_t);
AT(bb_reservation, ended_ms, 144, int64_t);

EXACTLY(bb_sample, 136);
AT(bb_sample, at_ms, 0, int64_t);
AT(bb_sample, measurand, 8, bb_str);
AT(bb_sample, phase, 24, bb_str);
AT(bb_sample, location, 40, bb_str);
AT(bb_sample, context, 56, bb_str);
AT(bb_sample, unit, 72, bb_str);
AT(bb_sample, format, 88, bb_str);
AT(bb_sample, value, 104, bb_str);

EXACTLY(bb_cdr, 200);
AT(bb_cdr, present, 0, uint64_t);
AT(bb_cdr, id, 8, bb_str);
AT(bb_cdr, session_id, 24, bb_str);
AT(bb_cdr, station_id, 40, bb_str);
AT(bb_cdr, location_id, 56, bb_str);
AT(bb_cdr, token_uid, 72, bb_str);
AT(bb_cdr, connector_id, 88, int64_t);
AT(bb_cdr, started_ms, 96, int64_t);
AT(bb_cdr, ended_ms, 104, int64_t);
AT(bb_cdr, energy_wh, 112, int64_t);
AT(bb_cdr, duration_s, 120, int64_t);
AT(bb_cdr, created_ms, 128, int64_t);

EXACTLY(bb_connection_attempt, 136);
AT(bb_connection_attempt, present, 0, uint64_t);
AT(bb_connection_attempt, station_id, 8, bb_str);
AT(bb_connection_attempt, remote, 24, bb_str);
AT(bb_connection_attempt, driver, 40, bb_str);
AT(bb_connection_attempt, verdict, 56, int32_t);
AT(bb_connection_attempt, detail, 64, bb_str);
AT(bb_connection_attempt, first_ms, 80, int64_t);
AT(bb_connection_attempt, last_ms, 88, int64_t);
AT(bb_connection_attempt, count, 96, int64_t);

EXACTLY(bb_aside, 152);
AT(bb_aside, present, 0, uint64_t);
AT(bb_aside, id, 8, bb_str);
AT(bb_aside, station_id, 24, bb_str);
AT(bb_aside, kind, 40, bb_str);
AT(bb_aside, reason, 56, bb_str);
AT(bb_aside, report, 72, bb_str);
AT(bb_aside, transaction_id, 88, int64_t);
AT(bb_aside, first_ms, 96, int64_t);
AT(bb_aside, last_ms, 104, int64_t);
AT(bb_aside, count, 112, int64_t);

EXACTLY(bb_station_ref, 40);
AT(bb_station_ref, station_id, 0, bb_str);
AT(bb_station_ref, epoch, 16, int64_t);

EXACTLY(bb_admit, 120);
AT(bb_admit, station_id, 0, bb_str);
AT(bb_admit, password, 16, bb_str);
AT(bb_admit, remote, 32, bb_str);
AT(bb_admit, driver, 48, bb_str);
AT(bb_admit, protocol, 64, bb_str);
AT(bb_admit, policy, 80, int32_t);

EXACTLY(bb_admitted, 64);
AT(bb_admitted, verdict, 0, int32_t);
AT(bb_admitted, epoch, 8, int64_t);
AT(bb_admitted, detail, 16, bb_str);

EXACTLY(bb_boot, 160);
AT(bb_boot, vendor, 0, bb_str);
AT(bb_boot, model, 16, bb_str);
AT(bb_boot, serial_number, 32, bb_str);
AT(bb_boot, firmware_version, 48, bb_str);
AT(bb_boot, iccid, 64, bb_str);
AT(bb_boot, imsi, 80, bb_str);
AT(bb_boot, meter_type, 96, bb_str);
AT(bb_boot, meter_serial_number, 112, bb_str);

EXACTLY(bb_connector_report, 120);
AT(bb_connector_report, connector_id, 0, int64_t);
AT(bb_connector_report, status, 8, int32_t);
AT(bb_connector_report, error_code, 16, bb_str);
AT(bb_connector_report, info, 32, bb_str);
AT(bb_connector_report, vendor_id, 48, bb_str);
AT(bb_connector_report, vendor_error_code, 64, bb_str);
AT(bb_connector_report, at_ms, 80, int64_t);

EXACTLY(bb_authorization, 64);
AT(bb_authorization, status, 0, int32_t);
AT(bb_authorization, parent_uid, 8, bb_str);
AT(bb_authorization, expires_ms, 24, int64_t);

EXACTLY(bb_token_verdict, 120);
AT(bb_token_verdict, uid, 0, bb_str);
AT(bb_token_verdict, kind, 16, int32_t);
AT(bb_token_verdict, authorization, 24, struct bb_authorization);

EXACTLY(bb_start, 80);
AT(bb_start, connector_id, 0, int64_t);
AT(bb_start, at_ms, 8, int64_t);
AT(bb_start, meter_start_wh, 16, int64_t);
AT(bb_start, token_uid, 24, bb_str);
AT(bb_start, reservation_id, 40, int64_t);

EXACTLY(bb_started, 120);
AT(bb_started, transaction_id, 0, int32_t);
AT(bb_started, session_id, 8, bb_str);
AT(bb_started, authorization, 24, struct bb_authorization);

EXACTLY(bb_stop, 104);
AT(bb_stop, transaction_id, 0, int64_t);
AT(bb_stop, at_ms, 8, int64_t);
AT(bb_stop, meter_stop_wh, 16, int64_t);
AT(bb_stop, token_uid, 24, bb_str);
AT(bb_stop, reason, 40, bb_str);
AT(bb_stop, samples, 56, const struct bb_sample *);
AT(bb_stop, sample_count, 64, size_t);

EXACTLY(bb_stopped, 104);
AT(bb_stopped, has_authorization, 0, int32_t);
AT(bb_stopped, authorization, 8, struct bb_authorization);

EXACTLY(bb_station_filter, 72);
AT(bb_station_filter, search, 0, bb_str);
AT(bb_station_filter, location_id, 16, bb_str);
AT(bb_station_filter, online, 32, int32_t);
AT(bb_station_filter, admission, 36, int32_t);

EXACTLY(bb_session_filter, 104);
AT(bb_session_filter, station_id, 0, bb_str);
AT(bb_session_filter, token_uid, 16, bb_str);
AT(bb_session_filter, location_id, 32, bb_str);
AT(bb_session_filter, open, 48, int32_t);
AT(bb_session_filter, from_ms, 56, int64_t);
AT(bb_session_filter, to_ms, 64, int64_t);

EXACTLY(bb_reservation_filter, 72);
AT(bb_reservation_filter, station_id, 0, bb_str);
AT(bb_reservation_filter, token_uid, 16, bb_str);
AT(bb_reservation_filter, live, 32, int32_t);

EXACTLY(bb_station_note, 80);
AT(bb_station_note, name, 0, bb_str);
AT(bb_station_note, value, 16, bb_str);
AT(bb_station_note, connector_id, 32, int64_t);
AT(bb_station_note, failed, 40, int32_t);

EXACTLY(bb_operation_step, 56);
AT(bb_operation_step, at_ms, 0, int64_t);
AT(bb_operation_step, step, 8, bb_str);
AT(bb_operation_step, text, 24, bb_str);

EXACTLY(bb_operation, 336);
AT(bb_operation, present, 0, uint64_t);
AT(bb_operation, id, 8, bb_str);
AT(bb_operation, station_id, 24, bb_str);
AT(bb_operation, action, 40, bb_str);
AT(bb_operation, actor, 56, bb_str);
AT(bb_operation, bulk_id, 72, bb_str);
AT(bb_operation, payload, 88, bb_str);
AT(bb_operation, state, 104, int32_t);
AT(bb_operation, outcome, 108, int32_t);
AT(bb_operation, unchanged, 112, int32_t);
AT(bb_operation, answer, 120, bb_str);
AT(bb_operation, error_code, 136, bb_str);
AT(bb_operation, error_text, 152, bb_str);
AT(bb_operation, summary, 168, bb_str);
AT(bb_operation, session_id, 184, bb_str);
AT(bb_operation, latency_ms, 200, int64_t);
AT(bb_operation, created_ms, 208, int64_t);
AT(bb_operation, sent_ms, 216, int64_t);
AT(bb_operation, answered_ms, 224, int64_t);
AT(bb_operation, ended_ms, 232, int64_t);
AT(bb_operation, deadline_ms, 240, int64_t);
AT(bb_operation, steps, 248, struct bb_array);
AT(bb_operation, version, 264, int64_t);

EXACTLY(bb_command_order, 120);
AT(bb_command_order, size, 0, uint32_t);
AT(bb_command_order, flags, 4, int32_t);
AT(bb_command_order, actor, 8, bb_str);
AT(bb_command_order, station_id, 24, bb_str);
AT(bb_command_order, action, 40, bb_str);
AT(bb_command_order, payload, 56, const bb_json *);
AT(bb_command_order, timeout_ms, 64, int64_t);
AT(bb_command_order, expires_ms, 72, int64_t);
AT(bb_command_order, effect_timeout_ms, 80, int64_t);

EXACTLY(bb_operation_filter, 88);
AT(bb_operation_filter, station_id, 0, bb_str);
AT(bb_operation_filter, action, 16, bb_str);
AT(bb_operation_filter, bulk_id, 32, bb_str);
AT(bb_operation_filter, state, 48, int32_t);
AT(bb_operation_filter, over, 52, int32_t);

EXACTLY(bb_bulk, 264);
AT(bb_bulk, present, 0, uint64_t);
AT(bb_bulk, id, 8, bb_str);
AT(bb_bulk, actor, 24, bb_str);
AT(bb_bulk, action, 40, bb_str);
AT(bb_bulk, payload, 56, bb_str);
AT(bb_bulk, state, 72, int32_t);
AT(bb_bulk, rate_per_second, 80, int64_t);
AT(bb_bulk, max_failures, 88, int64_t);
AT(bb_bulk, total, 96, int64_t);
AT(bb_bulk, counts, 104, int64_t [BB_OPERATION_STATES]);
AT(bb_bulk, created_ms, 176, int64_t);
AT(bb_bulk, ended_ms, 184, int64_t);
AT(bb_bulk, version, 192, int64_t);

EXACTLY(bb_bulk_order, 200);
AT(bb_bulk_order, size, 0, uint32_t);
AT(bb_bulk_order, flags, 4, int32_t);
AT(bb_bulk_order, actor, 8, bb_str);
AT(bb_bulk_order, action, 24, bb_str);
AT(bb_bulk_order, payload, 40, const bb_json *);
AT(bb_bulk_order, station_ids, 48, const bb_str *);
AT(bb_bulk_order, station_count, 56, size_t);
AT(bb_bulk_order, location_id, 64, bb_str);
AT(bb_bulk_order, vendor, 80, bb_str);
AT(bb_bulk_order, model, 96, bb_str);
AT(bb_bulk_order, firmware_version, 112, bb_str);
AT(bb_bulk_order, rate_per_second, 128, int64_t);
AT(bb_bulk_order, max_failures, 136, int64_t);
AT(bb_bulk_order, timeout_ms, 144, int64_t);
AT(bb_bulk_order, expires_ms, 152, int64_t);
AT(bb_bulk_order, effect_timeout_ms, 160, int64_t);

AT_LEAST(bb_charging_ops, 456);
AT(bb_charging_ops, size, 0, uint32_t);
AT(bb_charging_ops, admit, 8, bb_err (*)(const struct bb_admit *, struct bb_admitted *ret));
AT(bb_charging_ops, online, 16, bb_err (*)(const struct bb_station_ref *, bb_str remote));
AT(bb_charging_ops, offline, 24, bb_err (*)(const struct bb_station_ref *, bb_str reason));
AT(bb_charging_ops, boot, 32, bb_err (*)(const struct bb_station_ref *, const struct bb_boot *));
AT(bb_charging_ops, connector_status, 40, bb_err (*)(const struct bb_station_ref *, const struct bb_connector_report *));
AT(bb_charging_ops, authorize, 48, bb_err (*)(const struct bb_station_ref *, bb_str token_uid, struct bb_authorization *ret));
AT(bb_charging_ops, session_start, 56, bb_err (*)(const struct bb_station_ref *, const struct bb_start *, struct bb_started *ret));
AT(bb_charging_ops, session_samples, 64, bb_err (*)(const struct bb_station_ref *, int64_t connector_id, int64_t transaction_id, const struct bb_sample *, size_t count));
AT(bb_charging_ops, session_stop, 72, bb_err (*)(const struct bb_station_ref *, const struct bb_stop *, struct bb_stopped *ret));
AT(bb_charging_ops, clock_seen, 80, void (*)(const struct bb_station_ref *, int64_t at_ms));
AT(bb_charging_ops, station_seen, 88, void (*)(const struct bb_station_ref *));
AT(bb_charging_ops, location_get, 96, bb_err (*)(bb_str id, struct bb_location *ret));
AT(bb_charging_ops, location_list, 104, bb_err (*)(bb_str after, size_t limit, struct bb_location **ret, size_t *ret_count));
AT(bb_charging_ops, location_put, 112, bb_err (*)(bb_str actor, const struct bb_location *, int64_t if_version, int32_t *ret_created));
AT(bb_charging_ops, location_delete, 120, bb_err (*)(bb_str actor, bb_str id, int64_t if_version));
AT(bb_charging_ops, station_get, 128, bb_err (*)(bb_str id, struct bb_station *ret));
AT(bb_charging_ops, station_list, 136, bb_err (*)(const struct bb_station_filter *, bb_str after, size_t limit, struct bb_station **ret, size_t *ret_count));
AT(bb_charging_ops, station_put, 144, bb_err (*)(bb_str actor, bb_str id, const struct bb_station_change *, int64_t if_version, int32_t *ret_created));
AT(bb_charging_ops, station_delete, 152, bb_err (*)(bb_str actor, bb_str id, int64_t if_version));
AT(bb_charging_ops, connector_list, 160, bb_err (*)(bb_str station_id, struct bb_connector **ret, size_t *ret_count));
AT(bb_charging_ops, connector_put, 168, bb_err (*)(bb_str actor, const struct bb_connector *, int64_t if_version));
AT(bb_charging_ops, connection_attempts, 176, bb_err (*)(size_t limit, struct bb_connection_attempt **ret, size_t *ret_count));
AT(bb_charging_ops, token_get, 184, bb_err (*)(bb_str uid, struct bb_token *ret));
AT(bb_charging_ops, token_list, 192, bb_err (*)(bb_str search, bb_str after, size_t limit, struct bb_token **ret, size_t *ret_count));
AT(bb_charging_ops, token_put, 200, bb_err (*)(bb_str actor, const struct bb_token *, int64_t if_version, int32_t *ret_created));
AT(bb_charging_ops, token_delete, 208, bb_err (*)(bb_str actor, bb_str uid, int64_t if_version));
AT(bb_charging_ops, session_get, 216, bb_err (*)(bb_str id, struct bb_session *ret));
AT(bb_charging_ops, session_list, 224, bb_err (*)(const struct bb_session_filter *, bb_str after, size_t limit, struct bb_session **ret, size_t *ret_count));
AT(bb_charging_ops, session_by_transaction, 232, bb_err (*)(bb_str station_id, int64_t transaction_id, struct bb_session *ret));
AT(bb_charging_ops, session_sample_list, 240, bb_err (*)(bb_str id, int64_t after_index, size_t limit, struct bb_sample **ret, size_t *ret_count));
AT(bb_charging_ops, session_scan, 248, bb_err (*)(const struct bb_session_filter *, bb_err (*each)(const struct bb_session *, size_t count, void *arg), void *arg));
AT(bb_charging_ops, session_count, 256, bb_err (*)(const struct bb_session_filter *, int64_t *ret));
AT(bb_charging_ops, cdr_list, 264, bb_err (*)(bb_str after, size_t limit, struct bb_cdr **ret, size_t *ret_count));
AT(bb_charging_ops, command, 272, bb_err (*)(bb_str actor, bb_str station_id, bb_str action, const bb_json *payload, int64_t timeout_ms, struct bb_command_result *ret));
AT(bb_charging_ops, refused, 280, bb_err (*)(const struct bb_admit *, int32_t verdict, bb_str detail));
AT(bb_charging_ops, review_list, 288, bb_err (*)(bb_str after, size_t limit, struct bb_aside **ret, size_t *ret_count));
AT(bb_charging_ops, token_verdicts, 296, bb_err (*)(bb_str of, bb_str after, size_t limit, struct bb_token_verdict **ret, size_t *ret_count));
AT(bb_charging_ops, reserve, 304, bb_err (*)(bb_str actor, const struct bb_reservation *, struct bb_command_result *ret_result, struct bb_reservation *ret));
AT(bb_charging_ops, reservation_cancel, 312, bb_err (*)(bb_str actor, int64_t id, struct bb_command_result *ret_result, struct bb_reservation *ret));
AT(bb_charging_ops, reservation_get, 320, bb_err (*)(int64_t id, struct bb_reservation *ret));
AT(bb_charging_ops, reservation_list, 328, bb_err (*)(const struct bb_reservation_filter *, int64_t after, size_t limit, struct bb_reservation **ret, size_t *ret_count));
AT(bb_charging_ops, reservation_told, 336, bb_err (*)(const struct bb_reservation *));
AT(bb_charging_ops, reservation_gone, 344, bb_err (*)(bb_str station_id, int64_t id, bb_str answer));
AT(bb_charging_ops, operation_sending, 352, bb_err (*)(bb_str operation_id));
AT(bb_charging_ops, station_watched, 360, int32_t (*)(bb_str station_id));
AT(bb_charging_ops, station_note, 368, void (*)(const struct bb_station_ref *, const struct bb_station_note *));
AT(bb_charging_ops, operation_start, 376, bb_err (*)(const struct bb_command_order *, struct bb_command_result *ret_fault, bb_str *ret_id));
AT(bb_charging_ops, operation_get, 384, bb_err (*)(bb_str id, struct bb_operation *ret));
AT(bb_charging_ops, operation_list, 392, bb_err (*)(const struct bb_operation_filter *, bb_str after, size_t limit, struct bb_operation **ret, size_t *ret_count));
AT(bb_charging_ops, operation_wait, 400, bb_err (*)(bb_str id, int64_t version, int64_t timeout_ms, struct bb_operation *ret));
AT(bb_charging_ops, operation_keep, 408, bb_err (*)(bb_str id));
AT(bb_charging_ops, operation_cancel, 416, bb_err (*)(bb_str actor, bb_str id));
AT(bb_charging_ops, bulk_start, 424, bb_err (*)(const struct bb_bulk_order *, struct bb_command_result *ret_fault, bb_str *ret_id));
AT(bb_charging_ops, bulk_get, 432, bb_err (*)(bb_str id, struct bb_bulk *ret));
AT(bb_charging_ops, bulk_list, 440, bb_err (*)(bb_str after, size_t limit, struct bb_bulk **ret, size_t *ret_count));
AT(bb_charging_ops, bulk_change, 448, bb_err (*)(bb_str actor, bb_str id, int32_t state));

IS(BB_PROFILE_CHARGE_POINT_MAX, 0);
IS(BB_PROFILE_TX_DEFAULT, 1);
IS(BB_PROFILE_TX, 2);
IS(BB_PROFILE_ABSOLUTE, 0);
IS(BB_PROFILE_RECURRING, 1);
IS(BB_PROFILE_RELATIVE, 2);
IS(BB_RECURS_DAILY, 0);
IS(BB_RECURS_WEEKLY, 1);
IS(BB_RECURS_NEVER, -1);
IS(BB_RATE_AMPERES, 0);
IS(BB_RATE_WATTS, 1);
IS(BB_PROFILE_UNCONFIRMED, 0);
IS(BB_PROFILE_SET, 1);
IS(BB_COMPOSITE_SAME, 0);
IS(BB_COMPOSITE_LOWER, 1);
IS(BB_COMPOSITE_HIGHER, 2);
IS(BB_COMPOSITE_UNTOLD, 3);

EXACTLY(bb_schedule_period, 48);
AT(bb_schedule_period, present, 0, uint64_t);
AT(bb_schedule_period, start_s, 8, int64_t);
AT(bb_schedule_period, limit_milli, 16, int64_t);
AT(bb_schedule_period, phases, 24, int64_t);

EXACTLY(bb_charging_schedule, 88);
AT(bb_charging_schedule, present, 0, uint64_t);
AT(bb_charging_schedule, duration_s, 8, int64_t);
AT(bb_charging_schedule, start_ms, 16, int64_t);
AT(bb_charging_schedule, unit, 24, int32_t);
AT(bb_charging_schedule, min_rate_milli, 32, int64_t);
AT(bb_charging_schedule, periods, 40, struct bb_array);

EXACTLY(bb_charging_profile, 248);
AT(bb_charging_profile, present, 0, uint64_t);
AT(bb_charging_profile, id, 8, int64_t);
AT(bb_charging_profile, station_id, 16, bb_str);
AT(bb_charging_profile, connector_id, 32, int64_t);
AT(bb_charging_profile, transaction_id, 40, int64_t);
AT(bb_charging_profile, stack_level, 48, int64_t);
AT(bb_charging_profile, purpose, 56, int32_t);
AT(bb_charging_profile, kind, 60, int32_t);
AT(bb_charging_profile, recurs, 64, int32_t);
AT(bb_charging_profile, state, 68, int32_t);
AT(bb_charging_profile, valid_from_ms, 72, int64_t);
AT(bb_charging_profile, valid_to_ms, 80, int64_t);
AT(bb_charging_profile, schedule, 88, struct bb_charging_schedule);
AT(bb_charging_profile, set_ms, 176, int64_t);

EXACTLY(bb_composite, 72);
AT(bb_composite, from_ms, 0, int64_t);
AT(bb_composite, duration_s, 8, int64_t);
AT(bb_composite, unit, 16, int32_t);
AT(bb_composite, periods, 24, struct bb_array);

EXACTLY(bb_composite_report, 208);
AT(bb_composite_report, computed, 0, struct bb_composite);
AT(bb_composite_report, told, 72, struct bb_composite);
AT(bb_composite_report, verdict, 144, int32_t);
AT(bb_composite_report, differs_ms, 152, int64_t);
AT(bb_composite_report, computed_milli, 160, int64_t);
AT(bb_composite_report, told_milli, 168, int64_t);

AT_LEAST(bb_charging_profile_ops, 48);
AT(bb_charging_profile_ops, size, 0, uint32_t);
AT(bb_charging_profile_ops, put, 8, bb_err (*)(bb_str actor, const struct bb_charging_profile *, struct bb_command_result *ret_result, struct bb_charging_profile *ret));
AT(bb_charging_profile_ops, remove, 16, bb_err (*)(bb_str actor, bb_str station_id, int64_t id, struct bb_command_result *ret_result));
AT(bb_charging_profile_ops, list, 24, bb_err (*)(bb_str station_id, struct bb_charging_profile **ret, size_t *ret_count));
AT(bb_charging_profile_ops, computed, 32, bb_err (*)(bb_str station_id, int64_t connector_id, int64_t from_ms, int64_t duration_s, int32_t unit, struct bb_composite *ret));
AT(bb_charging_profile_ops, composite, 40, bb_err (*)(bb_str station_id, int64_t connector_id, int64_t duration_s, int32_t unit, struct bb_command_result *ret_result, struct bb_composite_report *ret));

IS(BB_KEY_OTHER, 0);
IS(BB_KEY_RSA, 1);
IS(BB_KEY_EC, 2);
IS(BB_CERTIFICATE_CLIENT, 0);
IS(BB_CERTIFICATE_AUTHORITY, 1);
IS(BB_MAC_BYTES, 32);

EXACTLY(bb_x509, 208);
AT(bb_x509, common_name, 0, bb_str);
AT(bb_x509, organization, 16, bb_str);
AT(bb_x509, subject, 32, bb_str);
AT(bb_x509, issuer, 48, bb_str);
AT(bb_x509, serial, 64, bb_str);
AT(bb_x509, not_before_ms, 80, int64_t);
AT(bb_x509, not_after_ms, 88, int64_t);
AT(bb_x509, key_kind, 96, int32_t);
AT(bb_x509, key_bits, 100, int32_t);
AT(bb_x509, is_authority, 104, int32_t);
AT(bb_x509, self_signed, 108, int32_t);
AT(bb_x509, key_digest, 112, uint8_t [32]);
AT(bb_x509, digest, 144, uint8_t [32]);

EXACTLY(bb_certificate_order, 152);
AT(bb_certificate_order, request, 0, bb_str);
AT(bb_certificate_order, authority, 16, bb_str);
AT(bb_certificate_order, authority_key, 32, bb_str);
AT(bb_certificate_order, key, 48, bb_str);
AT(bb_certificate_order, common_name, 64, bb_str);
AT(bb_certificate_order, organization, 80, bb_str);
AT(bb_certificate_order, not_before_ms, 96, int64_t);
AT(bb_certificate_order, not_after_ms, 104, int64_t);
AT(bb_certificate_order, use, 112, int32_t);

EXACTLY(bb_revoked, 40);
AT(bb_revoked, serial, 0, bb_str);
AT(bb_revoked, at_ms, 16, int64_t);

AT_LEAST(bb_crypto_ops, 160);
AT(bb_crypto_ops, size, 0, uint32_t);
AT(bb_crypto_ops, mac, 8, bb_err (*)(const char *purpose, bb_str data, uint8_t ret_mac[BB_MAC_BYTES]));
AT(bb_crypto_ops, equal, 16, int32_t (*)(const void *a, const void *b, size_t bytes));
AT(bb_crypto_ops, random, 24, void (*)(void *ret, size_t bytes));
AT(bb_crypto_ops, sha256, 32, void (*)(bb_str data, uint8_t ret_digest[32]));
AT(bb_crypto_ops, base64, 40, bb_str (*)(bb_str data));
AT(bb_crypto_ops, unbase64, 48, bb_err (*)(bb_str text, bb_str *ret));
AT(bb_crypto_ops, hex, 56, bb_str (*)(bb_str data));
AT(bb_crypto_ops, seal, 64, bb_err (*)(const char *purpose, bb_str clear, bb_str *ret_sealed));
AT(bb_crypto_ops, unseal, 72, bb_err (*)(const char *purpose, bb_str sealed, bb_str *ret_clear));
AT(bb_crypto_ops, key_new, 80, bb_err (*)(bb_str *ret_pem));
AT(bb_crypto_ops, request_read, 88, bb_err (*)(bb_str pem, struct bb_x509 *ret, bb_str *ret_why));
AT(bb_crypto_ops, certificates_read, 96, bb_err (*)(bb_str pem, struct bb_x509 **ret, size_t *ret_count, bb_str *ret_why));
AT(bb_crypto_ops, key_check, 104, bb_err (*)(bb_str key, bb_str pem, bb_str *ret_why));
AT(bb_crypto_ops, certificate_issue, 112, bb_err (*)(const struct bb_certificate_order *, bb_str *ret_pem, struct bb_x509 *ret, bb_str *ret_why));
AT(bb_crypto_ops, certificate_verify, 120, bb_err (*)(bb_str chain, bb_str roots, struct bb_x509 *ret, bb_str *ret_why));
AT(bb_crypto_ops, revocation_list, 128, bb_err (*)(bb_str authority, bb_str authority_key, const struct bb_revoked *, size_t count, int64_t number, int64_t next_ms, bb_str *ret_pem, bb_str *ret_why));
AT(bb_crypto_ops, hash_new, 136, bb_hash *(*)(void));
AT(bb_crypto_ops, hash_add, 144, void (*)(bb_hash *, bb_str data));
AT(bb_crypto_ops, hash_end, 152, void (*)(bb_hash *, uint8_t ret_digest[32]));

IS(BB_P_NULL, 0);
IS(BB_P_TEXT, 1);
IS(BB_P_INT, 2);
IS(BB_P_BOOL, 3);
IS(BB_P_TIME, 4);
IS(BB_P_JSON, 5);
IS(BB_P_BYTES, 6);
IS(BB_P_UUID, 7);
IS(BB_P_TEXT_ARRAY, 8);
IS(BB_P_INT_ARRAY, 9);
IS(BB_P_TIME_ARRAY, 10);
IS(BB_STMT_EVENT, 1);
IS(BB_STMT_JOB, 2);
IS(BB_STMT_MUST_HIT, 4);
IS(BB_JOB_QUEUED, 0);
IS(BB_JOB_RUNNING, 1);
IS(BB_JOB_SUCCEEDED, 2);
IS(BB_JOB_FAILED, 3);
IS(BB_JOB_CANCELED, 4);

EXACTLY(bb_param, 48);
AT(bb_param, kind, 0, int32_t);
AT(bb_param, null_kind, 4, int32_t);
AT(bb_param, str, 8, bb_str);
AT(bb_param, num, 24, int64_t);
AT(bb_param, array, 32, const void *);
AT(bb_param, count, 40, size_t);

EXACTLY(bb_stmt, 32);
AT(bb_stmt, sql, 0, const char *);
AT(bb_stmt, params, 8, const struct bb_param *);
AT(bb_stmt, param_count, 16, size_t);
AT(bb_stmt, flags, 24, int32_t);

AT_LEAST(bb_migration, 24);
AT(bb_migration, version, 0, int32_t);
AT(bb_migration, name, 8, const char *);
AT(bb_migration, sql, 16, const char *);

AT_LEAST(bb_event, 88);
AT(bb_event, size, 0, uint32_t);
AT(bb_event, id, 8, bb_str);
AT(bb_event, topic, 24, bb_str);
AT(bb_event, key, 40, bb_str);
AT(bb_event, payload, 56, bb_str);
AT(bb_event, at_ms, 72, int64_t);
AT(bb_event, attempt, 80, int32_t);

EXACTLY(bb_new_event, 56);
AT(bb_new_event, topic, 0, const char *);
AT(bb_new_event, key, 8, bb_str);
AT(bb_new_event, payload, 24, bb_str);

EXACTLY(bb_dead_letter, 176);
AT(bb_dead_letter, size, 0, uint32_t);
AT(bb_dead_letter, attempts, 4, int32_t);
AT(bb_dead_letter, id, 8, bb_str);
AT(bb_dead_letter, event_id, 24, bb_str);
AT(bb_dead_letter, plugin, 40, bb_str);
AT(bb_dead_letter, topic, 56, bb_str);
AT(bb_dead_letter, key, 72, bb_str);
AT(bb_dead_letter, payload, 88, bb_str);
AT(bb_dead_letter, error, 104, bb_str);
AT(bb_dead_letter, created_ms, 120, int64_t);
AT(bb_dead_letter, died_ms, 128, int64_t);
AT(bb_dead_letter, replaying, 136, int32_t);

EXACTLY(bb_audit_entry, 120);
AT(bb_audit_entry, size, 0, uint32_t);
AT(bb_audit_entry, number, 8, int64_t);
AT(bb_audit_entry, at_ms, 16, int64_t);
AT(bb_audit_entry, actor, 24, bb_str);
AT(bb_audit_entry, action, 40, bb_str);
AT(bb_audit_entry, object, 56, bb_str);
AT(bb_audit_entry, details, 72, bb_str);

EXACTLY(bb_job_info, 168);
AT(bb_job_info, size, 0, uint32_t);
AT(bb_job_info, state, 4, int32_t);
AT(bb_job_info, id, 8, bb_str);
AT(bb_job_info, type, 24, bb_str);
AT(bb_job_info, params, 40, bb_str);
AT(bb_job_info, result, 56, bb_str);
AT(bb_job_info, error, 72, bb_str);
AT(bb_job_info, done, 88, int64_t);
AT(bb_job_info, total, 96, int64_t);
AT(bb_job_info, created_ms, 104, int64_t);
AT(bb_job_info, started_ms, 112, int64_t);
AT(bb_job_info, ended_ms, 120, int64_t);
AT(bb_job_info, attempts, 128, int32_t);

AT_LEAST(bb_db_ops, 264);
AT(bb_db_ops, size, 0, uint32_t);
AT(bb_db_ops, run, 8, bb_err (*)(const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows));
AT(bb_db_ops, begin, 16, bb_err (*)(bb_tx **ret_tx));
AT(bb_db_ops, tx_run, 24, bb_err (*)(bb_tx *, const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows));
AT(bb_db_ops, commit, 32, bb_err (*)(bb_tx *));
AT(bb_db_ops, rollback, 40, void (*)(bb_tx *));
AT(bb_db_ops, rows_count, 48, size_t (*)(const bb_rows *));
AT(bb_db_ops, rows_affected, 56, int64_t (*)(const bb_rows *));
AT(bb_db_ops, is_null, 64, int32_t (*)(const bb_rows *, size_t row, size_t column));
AT(bb_db_ops, get_str, 72, bb_str (*)(const bb_rows *, size_t row, size_t column));
AT(bb_db_ops, get_int, 80, int64_t (*)(const bb_rows *, size_t row, size_t column, int64_t otherwise));
AT(bb_db_ops, get_time, 88, int64_t (*)(const bb_rows *, size_t row, size_t column, int64_t otherwise));
AT(bb_db_ops, get_bytes, 96, bb_str (*)(const bb_rows *, size_t row, size_t column));
AT(bb_db_ops, scan, 104, bb_err (*)(const struct bb_stmt *, size_t step, bb_err (*each)(const bb_rows *, void *arg), void *arg));
AT(bb_db_ops, batch_new, 112, bb_batch *(*)(bb_plugin_ref *who, bb_tenant *, const char *name, size_t max_items, bb_err (*flush)(void *const *items, size_t count, void *arg), void *arg));
AT(bb_db_ops, batch_submit, 120, bb_err (*)(bb_batch *, void *item));
AT(bb_db_ops, batch_free, 128, void (*)(bb_batch *));
AT(bb_db_ops, away_ms, 136, int64_t (*)(void));
AT(bb_db_ops, migrations, 144, bb_err (*)(bb_plugin_ref *who, const struct bb_migration *, size_t count, size_t stride));
AT(bb_db_ops, event_stmt, 152, struct bb_stmt (*)(bb_str topic, bb_str key, bb_str payload_json));
AT(bb_db_ops, subscribe, 160, bb_err (*)(bb_plugin_ref *who, const char *topic, bb_err (*handle)(const struct bb_event *, void *tenant_state)));
AT(bb_db_ops, job_type, 168, bb_err (*)(bb_plugin_ref *who, const char *type, bb_err (*work)(bb_job *, bb_str params_json, void *tenant_state, bb_str *ret_result_json, bb_str *ret_error)));
AT(bb_db_ops, job_stmt, 176, struct bb_stmt (*)(const char *type, bb_str id, bb_str params_json));
AT(bb_db_ops, job_progress, 184, bb_err (*)(bb_job *, int64_t done, int64_t total));
AT(bb_db_ops, job_id, 192, bb_str (*)(const bb_job *));
AT(bb_db_ops, job_get, 200, bb_err (*)(bb_str id, struct bb_job_info *ret));
AT(bb_db_ops, job_list, 208, bb_err (*)(const char *type, bb_str before, size_t limit, struct bb_job_info **ret, size_t *ret_count));
AT(bb_db_ops, job_cancel, 216, bb_err (*)(bb_str id));
AT(bb_db_ops, audit_stmt, 224, struct bb_stmt (*)(bb_str actor, const char *action, bb_str object, bb_str details_json));
AT(bb_db_ops, dead_letter_list, 232, bb_err (*)(bb_str before, size_t limit, struct bb_dead_letter **ret, size_t *ret_count));
AT(bb_db_ops, dead_letter_replay, 240, bb_err (*)(bb_str id));
AT(bb_db_ops, audit_list, 248, bb_err (*)(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret, size_t *ret_count));
AT(bb_db_ops, event_list_stmt, 256, struct bb_stmt (*)(const struct bb_new_event *, size_t count));

IS(BB_ROUTE_WEBSOCKET, 1);
IS(BB_ROUTE_IDEMPOTENT, 2);
IS(BB_ROUTE_HIDDEN, 4);
IS(BB_ROUTE_LIST, 8);
IS(BB_ROUTE_RAW_BODY, 16);
IS(BB_ROUTE_IF_MATCH, 32);
IS(BB_ROUTE_ENDLESS, 64);
IS(BB_ROUTE_STREAM_BODY, 128);
IS(BB_ROUTE_SECRET_PATH, 256);
IS(BB_WS_TEXT, 1);
IS(BB_WS_BINARY, 2);
IS(BB_FETCH_FOREIGN, 1);

AT_LEAST(bb_query_param, 32);
AT(bb_query_param, name, 0, const char *);
AT(bb_query_param, type, 8, int32_t);
AT(bb_query_param, flags, 12, int32_t);
AT(bb_query_param, values, 16, const char *const *);
AT(bb_query_param, about, 24, const char *);

AT_LEAST(bb_route, 96);
AT(bb_route, method, 0, const char *);
AT(bb_route, path, 8, const char *);
AT(bb_route, permission, 16, const char *);
AT(bb_route, handle, 24, bb_err (*)(bb_request *, bb_response *));
AT(bb_route, summary, 32, const char *);
AT(bb_route, flags, 40, int32_t);
AT(bb_route, status, 44, int32_t);
AT(bb_route, request, 48, const struct bb_shape *);
AT(bb_route, response, 56, const struct bb_shape *);
AT(bb_route, query, 64, const struct bb_query_param *);
AT(bb_route, query_count, 72, uint32_t);
AT(bb_route, query_stride, 76, uint32_t);
AT(bb_route, max_body, 80, int64_t);
AT(bb_route, tag, 88, const char *);

AT_LEAST(bb_ws_handler, 56);
AT(bb_ws_handler, size, 0, uint32_t);
AT(bb_ws_handler, ping_ms, 4, int32_t);
AT(bb_ws_handler, ping_timeout_ms, 8, int32_t);
AT(bb_ws_handler, max_queue, 12, int32_t);
AT(bb_ws_handler, max_message, 16, int64_t);
AT(bb_ws_handler, subprotocol, 24, const char *);
AT(bb_ws_handler, on_arrival, 32, int32_t (*)(bb_ws *, void *user, int32_t kind, bb_str data));
AT(bb_ws_handler, on_message, 40, void (*)(bb_ws *, void *user, int32_t kind, bb_str data));
AT(bb_ws_handler, on_close, 48, void (*)(bb_ws *, void *user, int32_t code, bb_str reason));

EXACTLY(bb_http_header, 32);
AT(bb_http_header, name, 0, bb_str);
AT(bb_http_header, value, 16, bb_str);

AT_LEAST(bb_fetch, 104);
AT(bb_fetch, size, 0, uint32_t);
AT(bb_fetch, flags, 4, int32_t);
AT(bb_fetch, method, 8, const char *);
AT(bb_fetch, url, 16, bb_str);
AT(bb_fetch, headers, 32, const struct bb_http_header *);
AT(bb_fetch, header_count, 40, size_t);
AT(bb_fetch, body, 48, bb_str);
AT(bb_fetch, timeout_ms, 64, int64_t);
AT(bb_fetch, max_answer, 72, int64_t);
AT(bb_fetch, client_certificate_file, 80, const char *);
AT(bb_fetch, client_key_file, 88, const char *);
AT(bb_fetch, ca_file, 96, const char *);

AT_LEAST(bb_fetch_answer, 40);
AT(bb_fetch_answer, size, 0, uint32_t);
AT(bb_fetch_answer, status, 4, int32_t);
AT(bb_fetch_answer, body, 8, bb_str);
AT(bb_fetch_answer, headers, 24, const struct bb_http_header *);
AT(bb_fetch_answer, header_count, 32, size_t);

AT_LEAST(bb_http_ops, 304);
AT(bb_http_ops, size, 0, uint32_t);
AT(bb_http_ops, routes, 8, bb_err (*)(bb_plugin_ref *who, const struct bb_route *, size_t count, size_t stride));
AT(bb_http_ops, method, 16, bb_str (*)(const bb_request *));
AT(bb_http_ops, path, 24, bb_str (*)(const bb_request *));
AT(bb_http_ops, param, 32, bb_str (*)(const bb_request *, const char *name));
AT(bb_http_ops, query, 40, bb_str (*)(const bb_request *, const char *name));
AT(bb_http_ops, header, 48, bb_str (*)(const bb_request *, const char *name));
AT(bb_http_ops, body, 56, bb_str (*)(const bb_request *));
AT(bb_http_ops, remote, 64, bb_str (*)(const bb_request *));
AT(bb_http_ops, base_url, 72, bb_str (*)(const bb_request *));
AT(bb_http_ops, actor, 80, bb_str (*)(const bb_request *));
AT(bb_http_ops, allowed, 88, int32_t (*)(const bb_request *, const char *permission));
AT(bb_http_ops, is_tls, 96, int32_t (*)(const bb_request *));
AT(bb_http_ops, client_certificate_name, 104, bb_str (*)(const bb_request *));
AT(bb_http_ops, tenant_state, 112, void *(*)(bb_plugin_ref *who, const bb_request *));
AT(bb_http_ops, decode, 120, bb_err (*)(bb_request *, const struct bb_shape *, void *ret_struct, bb_response *));
AT(bb_http_ops, status, 128, void (*)(bb_response *, int32_t status));
AT(bb_http_ops, set_header, 136, void (*)(bb_response *, const char *name, bb_str value));
AT(bb_http_ops, send_json, 144, void (*)(bb_response *, const bb_json *));
AT(bb_http_ops, send_bytes, 152, void (*)(bb_response *, const char *content_type, bb_str data));
AT(bb_http_ops, send_file, 160, bb_err (*)(bb_response *, const char *path, const char *content_type, bb_str download_name));
AT(bb_http_ops, stream_begin, 168, bb_err (*)(bb_response *, const char *content_type));
AT(bb_http_ops, stream_write, 176, bb_err (*)(bb_response *, bb_str data));
AT(bb_http_ops, problem, 184, bb_err (*)(bb_response *, bb_err err, int32_t status, const char *code, bb_str detail));
AT(bb_http_ops, problem_field, 192, void (*)(bb_response *, bb_str pointer, bb_str detail));
AT(bb_http_ops, etag, 200, bb_err (*)(bb_request *, bb_response *, bb_str tag));
AT(bb_http_ops, ws_accept, 208, bb_err (*)(bb_plugin_ref *who, bb_request *, const struct bb_ws_handler *, void *user, bb_ws **ret));
AT(bb_http_ops, ws_connect, 216, bb_err (*)(bb_plugin_ref *who, bb_str url, const struct bb_http_header *headers, size_t header_count, const char *ca_file, const struct bb_ws_handler *, void *user, bb_ws **ret, int32_t *ret_http_status));
AT(bb_http_ops, ws_send, 224, bb_err (*)(bb_ws *, int32_t kind, bb_str data));
AT(bb_http_ops, ws_close, 232, void (*)(bb_ws *, int32_t code, bb_str reason));
AT(bb_http_ops, ws_probe, 240, bb_err (*)(bb_ws *, int64_t timeout_ms));
AT(bb_http_ops, ws_remote, 248, bb_str (*)(const bb_ws *));
AT(bb_http_ops, fetch, 256, bb_err (*)(const struct bb_fetch *, struct bb_fetch_answer *ret));
AT(bb_http_ops, page, 264, bb_err (*)(bb_request *, bb_response *, size_t *ret_limit, bb_str *ret_after));
AT(bb_http_ops, send_page, 272, void (*)(bb_response *, bb_json *items, bb_str next));
AT(bb_http_ops, client_certificate, 280, bb_str (*)(const bb_request *));
AT(bb_http_ops, read_body, 288, bb_err (*)(bb_request *, void *buffer, size_t room, size_t *ret_count));
AT(bb_http_ops, file_sent, 296, void (*)(const bb_response *, int64_t *ret_from, int64_t *ret_count));

AT_LEAST(bb_net_ops, 64);
AT(bb_net_ops, size, 0, uint32_t);
AT(bb_net_ops, listen, 8, bb_err (*)(bb_plugin_ref *who, bb_tenant *, const char *address, void (*serve)(bb_stream *, void *arg), void *arg, int32_t *ret_port));
AT(bb_net_ops, connect, 16, bb_err (*)(const char *address, int32_t tls, bb_stream **ret));
AT(bb_net_ops, read, 24, bb_err (*)(bb_stream *, void *buffer, size_t room, int64_t timeout_ms, size_t *ret_count));
AT(bb_net_ops, read_line, 32, bb_err (*)(bb_stream *, size_t max, int64_t timeout_ms, bb_str *ret_line));
AT(bb_net_ops, write, 40, bb_err (*)(bb_stream *, bb_str data));
AT(bb_net_ops, close, 48, void (*)(bb_stream *));
AT(bb_net_ops, remote, 56, bb_str (*)(const bb_stream *));

IS(BB_DEBUG, 0);
IS(BB_INFO, 1);
IS(BB_WARN, 2);
IS(BB_ERROR, 3);
IS(BB_KV_STR, 0);
IS(BB_KV_INT, 1);
IS(BB_KV_REAL, 2);
IS(BB_KV_SECRET, 3);
IS(BB_KV_ERR, 4);
IS(BB_METRIC_COUNTER, 0);
IS(BB_METRIC_GAUGE, 1);
IS(BB_METRIC_HISTOGRAM, 2);

EXACTLY(bb_kv, 48);
AT(bb_kv, name, 0, const char *);
AT(bb_kv, kind, 8, int32_t);
AT(bb_kv, str, 16, bb_str);
AT(bb_kv, num, 32, int64_t);
AT(bb_kv, real, 40, double);

AT_LEAST(bb_log_ops, 48);
AT(bb_log_ops, size, 0, uint32_t);
AT(bb_log_ops, write, 8, void (*)(const bb_plugin_ref *who, int32_t level, const char *event, const char *text, const struct bb_kv *fields, size_t count));
AT(bb_log_ops, metric, 16, bb_metric *(*)(int32_t kind, const char *name, const char *help, const struct bb_kv *labels, size_t count));
AT(bb_log_ops, metric_add, 24, void (*)(bb_metric *, double amount));
AT(bb_log_ops, metric_set, 32, void (*)(bb_metric *, double value));
AT(bb_log_ops, err_text, 40, const char *(*)(bb_err));

IS(BB_PAYMENT_NONE, 0);
IS(BB_PAYMENT_REDIRECT, 1);
IS(BB_PAYMENT_HELD, 2);
IS(BB_PAYMENT_CAPTURED, 3);
IS(BB_PAYMENT_RELEASED, 4);
IS(BB_PAYMENT_REFUNDED, 5);
IS(BB_PAYMENT_DECLINED, 6);

AT_LEAST(bb_payment_request, 80);
AT(bb_payment_request, size, 0, uint32_t);
AT(bb_payment_request, reference, 8, bb_str);
AT(bb_payment_request, amount_minor, 24, int64_t);
AT(bb_payment_request, currency, 32, bb_str);
AT(bb_payment_request, description, 48, bb_str);
AT(bb_payment_request, return_url, 64, bb_str);

AT_LEAST(bb_payment, 96);
AT(bb_payment, size, 0, uint32_t);
AT(bb_payment, state, 4, int32_t);
AT(bb_payment, provider_id, 8, bb_str);
AT(bb_payment, redirect_url, 24, bb_str);
AT(bb_payment, decline_code, 40, bb_str);
AT(bb_payment, decline_text, 56, bb_str);
AT(bb_payment, held_minor, 72, int64_t);
AT(bb_payment, captured_minor, 80, int64_t);
AT(bb_payment, refunded_minor, 88, int64_t);

AT_LEAST(bb_payment_ops, 56);
AT(bb_payment_ops, size, 0, uint32_t);
AT(bb_payment_ops, display_name, 8, const char *);
AT(bb_payment_ops, hold, 16, bb_err (*)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret));
AT(bb_payment_ops, capture, 24, bb_err (*)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret));
AT(bb_payment_ops, release, 32, bb_err (*)(bb_tenant *, bb_str reference, struct bb_payment *ret));
AT(bb_payment_ops, refund, 40, bb_err (*)(bb_tenant *, const struct bb_payment_request *, struct bb_payment *ret));
AT(bb_payment_ops, lookup, 48, bb_err (*)(bb_tenant *, bb_str reference, struct bb_payment *ret));

IS(BB_PLUGIN_MAGIC, 1111642161);

AT_LEAST(bb_host, 96);
AT(bb_host, size, 0, uint32_t);
AT(bb_host, abi_major, 4, uint16_t);
AT(bb_host, abi_minor, 6, uint16_t);
AT(bb_host, self, 8, bb_plugin_ref *);
AT(bb_host, log, 16, void (*)(bb_plugin_ref *who, int32_t level, const char *text));
AT(bb_host, require, 24, const void *(*)(bb_plugin_ref *who, const char *interface, const char *provider, uint32_t min_size));
AT(bb_host, provide, 32, bb_err (*)(bb_plugin_ref *who, const char *interface, const void *ops));
AT(bb_host, tenant_state, 40, void *(*)(bb_plugin_ref *who, const bb_tenant *));
AT(bb_host, tenant_has, 48, int32_t (*)(bb_plugin_ref *who, const bb_tenant *, const char *plugin));
AT(bb_host, tenant_id, 56, bb_str (*)(const bb_tenant *));
AT(bb_host, tenant_name, 64, bb_str (*)(const bb_tenant *));
AT(bb_host, tenant_option, 72, bb_str (*)(const bb_tenant *, const char *name));
AT(bb_host, state_folder, 80, bb_str (*)(bb_plugin_ref *who, const bb_tenant *));
AT(bb_host, provider, 88, const void *(*)(bb_plugin_ref *who, const char *interface, size_t index, bb_str *ret_plugin));

AT_LEAST(bb_plugin, 120);
AT(bb_plugin, magic, 0, uint32_t);
AT(bb_plugin, abi_major, 4, uint16_t);
AT(bb_plugin, abi_minor, 6, uint16_t);
AT(bb_plugin, size, 8, uint32_t);
AT(bb_plugin, flags, 12, uint32_t);
AT(bb_plugin, name, 16, const char *);
AT(bb_plugin, version, 24, const char *);
AT(bb_plugin, vendor, 32, const char *);
AT(bb_plugin, license, 40, const char *);
AT(bb_plugin, needs, 48, const char *const *);
AT(bb_plugin, after, 56, const char *const *);
AT(bb_plugin, options, 64, const struct bb_shape *);
AT(bb_plugin, tenant_config_size, 72, uint32_t);
AT(bb_plugin, load, 80, bb_err (*)(const struct bb_host *host, void **ret_self));
AT(bb_plugin, tenant_start, 88, bb_err (*)(void *self, bb_tenant *tenant, const void *config, void **ret_state));
AT(bb_plugin, tenant_stop, 96, void (*)(void *self, void *state));
AT(bb_plugin, unload, 104, void (*)(void *self));
AT(bb_plugin, check, 112, const char *(*)(const void *config));

AT_LEAST(bb_task_spec, 48);
AT(bb_task_spec, size, 0, uint32_t);
AT(bb_task_spec, flags, 4, int32_t);
AT(bb_task_spec, name, 8, const char *);
AT(bb_task_spec, tenant, 16, bb_tenant *);
AT(bb_task_spec, timeout_ms, 24, int64_t);
AT(bb_task_spec, run, 32, void (*)(void *arg));
AT(bb_task_spec, arg, 40, void *);

AT_LEAST(bb_rt_ops, 168);
AT(bb_rt_ops, size, 0, uint32_t);
AT(bb_rt_ops, now_ms, 8, int64_t (*)(void));
AT(bb_rt_ops, mono_ms, 16, int64_t (*)(void));
AT(bb_rt_ops, alloc, 24, void *(*)(size_t bytes));
AT(bb_rt_ops, vprint, 32, bb_str (*)(const char *format, va_list args));
AT(bb_rt_ops, spawn, 40, bb_err (*)(bb_plugin_ref *who, const struct bb_task_spec *spec, bb_task_id *ret_id));
AT(bb_rt_ops, cancel, 48, void (*)(bb_task_id id));
AT(bb_rt_ops, sleep, 56, bb_err (*)(int64_t ms));
AT(bb_rt_ops, tenant, 64, bb_tenant *(*)(void));
AT(bb_rt_ops, cond_new, 72, bb_cond *(*)(void));
AT(bb_rt_ops, cond_free, 80, void (*)(bb_cond *));
AT(bb_rt_ops, cond_wait, 88, bb_err (*)(bb_cond *, int64_t timeout_ms));
AT(bb_rt_ops, cond_wake, 96, void (*)(bb_cond *, int32_t all));
AT(bb_rt_ops, timer_new, 104, bb_timer *(*)(bb_plugin_ref *who, bb_tenant *tenant, const char *name, int64_t first_ms, int64_t every_ms, void (*fn)(void *arg), void *arg));
AT(bb_rt_ops, timer_free, 112, void (*)(bb_timer *));
AT(bb_rt_ops, worker_run, 120, bb_err (*)(void (*fn)(void *arg), void *arg));
AT(bb_rt_ops, time_text, 128, bb_str (*)(int64_t ms));
AT(bb_rt_ops, time_parse, 136, bb_err (*)(bb_str text, int64_t *ret_ms));
AT(bb_rt_ops, uuid, 144, bb_str (*)(void));
AT(bb_rt_ops, zone, 152, bb_err (*)(bb_str name, const bb_zone **ret));
AT(bb_rt_ops, zone_offset, 160, int32_t (*)(const bb_zone *, int64_t at_ms));

IS(BB_T_STR, 1);
IS(BB_T_INT, 2);
IS(BB_T_BOOL, 3);
IS(BB_T_TIME, 4);
IS(BB_T_ENUM, 5);
IS(BB_T_DECIMAL, 6);
IS(BB_T_OBJECT, 7);
IS(BB_T_ARRAY, 8);
IS(BB_T_JSON, 9);
IS(BB_T_INT32, 10);
IS(BB_REQUIRED, 1);
IS(BB_NULLABLE, 2);
IS(BB_PTR, 4);
IS(BB_SECRET, 8);
IS(BB_READONLY, 16);
IS(BB_SHAPE_OPEN, 1);
IS(BB_FAULT_NONE, 0);
IS(BB_FAULT_SYNTAX, 1);
IS(BB_FAULT_MISSING, 2);
IS(BB_FAULT_TYPE, 3);
IS(BB_FAULT_VALUE, 4);
IS(BB_FAULT_UNKNOWN, 5);
IS(BB_J_NULL, 0);
IS(BB_J_BOOL, 1);
IS(BB_J_INT, 2);
IS(BB_J_REAL, 3);
IS(BB_J_STR, 4);
IS(BB_J_ARRAY, 5);
IS(BB_J_OBJECT, 6);

EXACTLY(bb_array, 16);
AT(bb_array, items, 0, void *);
AT(bb_array, count, 8, size_t);

AT_LEAST(bb_field, 80);
AT(bb_field, name, 0, const char *);
AT(bb_field, type, 8, int32_t);
AT(bb_field, flags, 12, int32_t);
AT(bb_field, offset, 16, uint32_t);
AT(bb_field, item, 20, int32_t);
AT(bb_field, min, 24, int64_t);
AT(bb_field, max, 32, int64_t);
AT(bb_field, scale, 40, int32_t);
AT(bb_field, values, 48, const char *const *);
AT(bb_field, shape, 56, const struct bb_shape *);
AT(bb_field, fallback, 64, const char *);
AT(bb_field, about, 72, const char *);

AT_LEAST(bb_shape, 48);
AT(bb_shape, size, 0, uint32_t);
AT(bb_shape, field_size, 4, uint32_t);
AT(bb_shape, name, 8, const char *);
AT(bb_shape, about, 16, const char *);
AT(bb_shape, fields, 24, const struct bb_field *);
AT(bb_shape, field_count, 32, uint32_t);
AT(bb_shape, struct_size, 36, uint32_t);
AT(bb_shape, flags, 40, int32_t);
AT(bb_shape, present_offset, 44, int32_t);

AT_LEAST(bb_fault, 40);
AT(bb_fault, kind, 0, int32_t);
AT(bb_fault, line, 4, int32_t);
AT(bb_fault, path, 8, bb_str);
AT(bb_fault, text, 24, bb_str);

AT_LEAST(bb_json_ops, 200);
AT(bb_json_ops, size, 0, uint32_t);
AT(bb_json_ops, parse, 8, bb_err (*)(bb_str text, bb_json **ret, struct bb_fault *ret_fault));
AT(bb_json_ops, text, 16, bb_str (*)(const bb_json *));
AT(bb_json_ops, kind, 24, int32_t (*)(const bb_json *));
AT(bb_json_ops, count, 32, size_t (*)(const bb_json *));
AT(bb_json_ops, get, 40, bb_json *(*)(const bb_json *object, const char *name));
AT(bb_json_ops, at, 48, bb_json *(*)(const bb_json *array, size_t index));
AT(bb_json_ops, member, 56, bb_err (*)(const bb_json *object, size_t index, bb_str *ret_name, bb_json **ret_value));
AT(bb_json_ops, as_str, 64, bb_str (*)(const bb_json *));
AT(bb_json_ops, as_int, 72, int64_t (*)(const bb_json *, int64_t otherwise));
AT(bb_json_ops, as_real, 80, double (*)(const bb_json *, double otherwise));
AT(bb_json_ops, new_object, 88, bb_json *(*)(void));
AT(bb_json_ops, new_array, 96, bb_json *(*)(void));
AT(bb_json_ops, new_str, 104, bb_json *(*)(bb_str));
AT(bb_json_ops, new_int, 112, bb_json *(*)(int64_t));
AT(bb_json_ops, new_real, 120, bb_json *(*)(double));
AT(bb_json_ops, new_bool, 128, bb_json *(*)(int32_t));
AT(bb_json_ops, new_null, 136, bb_json *(*)(void));
AT(bb_json_ops, set, 144, void (*)(bb_json *object, const char *name, bb_json *value));
AT(bb_json_ops, append, 152, void (*)(bb_json *array, bb_json *value));
AT(bb_json_ops, decode, 160, bb_err (*)(const struct bb_shape *, const bb_json *value, void *ret_struct, struct bb_fault *ret_fault));
AT(bb_json_ops, decode_text, 168, bb_err (*)(const struct bb_shape *, bb_str text, void *ret_struct, struct bb_fault *ret_fault));
AT(bb_json_ops, encode, 176, bb_json *(*)(const struct bb_shape *, const void *object));
AT(bb_json_ops, encode_text, 184, bb_str (*)(const struct bb_shape *, const void *object));
AT(bb_json_ops, decimal, 192, bb_err (*)(bb_str text, int32_t scale, int64_t *ret));

IS(BB_COMMAND_ANSWERED, 0);
IS(BB_COMMAND_REFUSED, 1);
IS(BB_COMMAND_OFFLINE, 2);
IS(BB_COMMAND_TIMEOUT, 3);
IS(BB_COMMAND_INVALID, 4);
IS(BB_COMMAND_UNKNOWN, 5);
IS(BB_COMMAND_BUSY, 6);
IS(BB_PRIORITY_OF_ACTION, 0);
IS(BB_PRIORITY_URGENT, 1);
IS(BB_PRIORITY_USUAL, 2);
IS(BB_PRIORITY_READ, 3);
IS(BB_PRIORITY_BULK, 4);
IS(BB_EFFECT_CONNECTOR, 1);
IS(BB_EFFECT_SESSION_STARTED, 2);
IS(BB_EFFECT_SESSION_ENDED, 3);
IS(BB_EFFECT_DISCONNECTED, 4);
IS(BB_EFFECT_BOOTED, 5);
IS(BB_EFFECT_NEW_FIRMWARE, 6);
IS(BB_EFFECT_NOTE, 7);
IS(BB_EFFECT_CONFIRMED, 8);
IS(BB_EFFECT_OPTIONAL, 1);
IS(BB_CONNECTOR_ANY, -1);
IS(BB_CONNECTOR_WHOLE_STATION, 0);
IS(BB_CONFIRM_UNKNOWN, 0);
IS(BB_CONFIRM_SAME, 1);
IS(BB_CONFIRM_OTHER, 2);

AT_LEAST(bb_command_result, 72);
AT(bb_command_result, size, 0, uint32_t);
AT(bb_command_result, outcome, 4, int32_t);
AT(bb_command_result, answer, 8, bb_json *);
AT(bb_command_result, error_code, 16, bb_str);
AT(bb_command_result, error_text, 32, bb_str);
AT(bb_command_result, fault_path, 48, bb_str);
AT(bb_command_result, latency_ms, 64, int64_t);

EXACTLY(bb_command, 112);
AT(bb_command, size, 0, uint32_t);
AT(bb_command, priority, 4, int32_t);
AT(bb_command, station_id, 8, bb_str);
AT(bb_command, action, 24, bb_str);
AT(bb_command, payload, 40, const bb_json *);
AT(bb_command, operation_id, 48, bb_str);
AT(bb_command, timeout_ms, 64, int64_t);
AT(bb_command, wait_ms, 72, int64_t);

EXACTLY(bb_prepared, 96);
AT(bb_prepared, size, 0, uint32_t);
AT(bb_prepared, outcome, 4, int32_t);
AT(bb_prepared, error_text, 8, bb_str);
AT(bb_prepared, fault_path, 24, bb_str);
AT(bb_prepared, masked, 40, bb_json *);
AT(bb_prepared, confirms, 48, int32_t);
AT(bb_prepared, timeout_ms, 56, int64_t);

EXACTLY(bb_effect, 144);
AT(bb_effect, kind, 0, int32_t);
AT(bb_effect, flags, 4, int32_t);
AT(bb_effect, connector_id, 8, int64_t);
AT(bb_effect, statuses, 16, uint64_t);
AT(bb_effect, transaction_id, 24, int64_t);
AT(bb_effect, token_uid, 32, bb_str);
AT(bb_effect, note, 48, bb_str);
AT(bb_effect, value, 64, bb_str);
AT(bb_effect, text, 80, bb_str);
AT(bb_effect, waiting, 96, bb_str);

EXACTLY(bb_effect_plan, 96);
AT(bb_effect_plan, size, 0, uint32_t);
AT(bb_effect_plan, accepted, 4, int32_t);
AT(bb_effect_plan, answer, 8, bb_str);
AT(bb_effect_plan, remark, 24, bb_str);
AT(bb_effect_plan, timeout_ms, 40, int64_t);
AT(bb_effect_plan, effects, 48, const struct bb_effect *);
AT(bb_effect_plan, effect_count, 56, size_t);

EXACTLY(bb_confirmation, 56);
AT(bb_confirmation, size, 0, uint32_t);
AT(bb_confirmation, verdict, 4, int32_t);
AT(bb_confirmation, text, 8, bb_str);

AT_LEAST(bb_station_driver_ops, 96);
AT(bb_station_driver_ops, size, 0, uint32_t);
AT(bb_station_driver_ops, protocol, 8, const char *);
AT(bb_station_driver_ops, command, 16, bb_err (*)(bb_tenant *, bb_str station_id, bb_str action, const bb_json *payload, int64_t timeout_ms, struct bb_command_result *ret));
AT(bb_station_driver_ops, start, 24, bb_err (*)(bb_tenant *, bb_str station_id, int32_t connector, bb_str token_uid, struct bb_command_result *ret));
AT(bb_station_driver_ops, stop, 32, bb_err (*)(bb_tenant *, bb_str station_id, int32_t transaction_id, struct bb_command_result *ret));
AT(bb_station_driver_ops, disconnect, 40, bb_err (*)(bb_tenant *, bb_str station_id, bb_str reason));
AT(bb_station_driver_ops, prepare, 48, bb_err (*)(bb_tenant *, bb_str action, const bb_json *payload, struct bb_prepared *ret));
AT(bb_station_driver_ops, send, 56, bb_err (*)(bb_tenant *, const struct bb_command *, struct bb_command_result *ret));
AT(bb_station_driver_ops, effects, 64, bb_err (*)(bb_tenant *, bb_str action, const bb_json *payload, const bb_json *answer, struct bb_effect_plan *ret));
AT(bb_station_driver_ops, confirm, 72, bb_err (*)(bb_tenant *, bb_str station_id, bb_str action, const bb_json *payload, struct bb_confirmation *ret));
AT(bb_station_driver_ops, reserve, 80, bb_err (*)(bb_tenant *, const struct bb_reservation *, struct bb_command_result *ret));
AT(bb_station_driver_ops, unreserve, 88, bb_err (*)(bb_tenant *, bb_str station_id, int64_t reservation_id, struct bb_command_result *ret));

IS(BB_OK, 0);
IS(BB_E_INVALID, -1);
IS(BB_E_NOT_FOUND, -2);
IS(BB_E_EXISTS, -3);
IS(BB_E_CONFLICT, -4);
IS(BB_E_UNAUTHORIZED, -5);
IS(BB_E_DENIED, -6);
IS(BB_E_TIMEOUT, -7);
IS(BB_E_CANCELED, -8);
IS(BB_E_UNAVAILABLE, -9);
IS(BB_E_LIMIT, -10);
IS(BB_E_PROTOCOL, -11);
IS(BB_E_IO, -12);
IS(BB_E_CLOSED, -13);
IS(BB_E_BUSY, -14);
IS(BB_E_UNSUPPORTED, -15);
IS(BB_E_PRECONDITION, -16);
IS(BB_E_INTERNAL, -17);
IS(BB_E_OFFLINE, -18);
IS(BB_E_REJECTED, -19);
IS(BB_ABI_MAJOR, 1);

EXACTLY(bb_str, 16);
AT(bb_str, ptr, 0, const char *);
AT(bb_str, len, 8, size_t);
