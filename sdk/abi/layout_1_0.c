/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout of every public struct as ABI 1.0 has it (x86-64 and other LP64 machines). Compiled by "make check"; never
 * edited but for additions at a struct's end, which come with a line in HISTORY and a higher BB_ABI_MINOR.
 */
#include <busbar/auth.h>
#include <busbar/bus.h>
#include <busbar/charging.h>
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

#define AT(type, member, offset) _Static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved")
#define AT_LEAST(type, bytes) _Static_assert(sizeof(struct type) >= (bytes), #type " shrank")


AT_LEAST(bb_principal, 40);
AT(bb_principal, size, 0);
AT(bb_principal, reserved, 4);
AT(bb_principal, actor, 8);
AT(bb_principal, scopes, 24);
AT(bb_principal, scope_count, 32);

AT_LEAST(bb_auth_ops, 16);
AT(bb_auth_ops, size, 0);
AT(bb_auth_ops, reserved, 4);
AT(bb_auth_ops, authenticate, 8);

AT_LEAST(bb_bus_ops, 40);
AT(bb_bus_ops, size, 0);
AT(bb_bus_ops, reserved, 4);
AT(bb_bus_ops, publish, 8);
AT(bb_bus_ops, subscribe, 16);
AT(bb_bus_ops, unsubscribe, 24);
AT(bb_bus_ops, request, 32);

AT_LEAST(bb_location, 160);
AT(bb_location, present, 0);
AT(bb_location, id, 8);
AT(bb_location, name, 24);
AT(bb_location, address, 40);
AT(bb_location, city, 56);
AT(bb_location, postal_code, 72);
AT(bb_location, country, 88);
AT(bb_location, time_zone, 104);
AT(bb_location, latitude_e7, 120);
AT(bb_location, longitude_e7, 128);
AT(bb_location, created_ms, 136);
AT(bb_location, updated_ms, 144);
AT(bb_location, version, 152);

AT_LEAST(bb_connector, 160);
AT(bb_connector, present, 0);
AT(bb_connector, station_id, 8);
AT(bb_connector, connector_id, 24);
AT(bb_connector, status, 32);
AT(bb_connector, error_code, 40);
AT(bb_connector, info, 56);
AT(bb_connector, vendor_error_code, 72);
AT(bb_connector, status_ms, 88);
AT(bb_connector, label, 96);
AT(bb_connector, plug, 112);
AT(bb_connector, max_power_w, 128);
AT(bb_connector, session_id, 136);
AT(bb_connector, version, 152);

AT_LEAST(bb_station, 336);
AT(bb_station, present, 0);
AT(bb_station, id, 8);
AT(bb_station, name, 24);
AT(bb_station, location_id, 40);
AT(bb_station, admission, 56);
AT(bb_station, driver, 64);
AT(bb_station, protocol, 80);
AT(bb_station, vendor, 96);
AT(bb_station, model, 112);
AT(bb_station, serial_number, 128);
AT(bb_station, firmware_version, 144);
AT(bb_station, iccid, 160);
AT(bb_station, imsi, 176);
AT(bb_station, meter_type, 192);
AT(bb_station, meter_serial_number, 208);
AT(bb_station, online, 224);
AT(bb_station, has_password, 228);
AT(bb_station, remote, 232);
AT(bb_station, connected_ms, 248);
AT(bb_station, disconnected_ms, 256);
AT(bb_station, last_seen_ms, 264);
AT(bb_station, boot_ms, 272);
AT(bb_station, created_ms, 280);
AT(bb_station, updated_ms, 288);
AT(bb_station, clock_drift_ms, 296);
AT(bb_station, epoch, 304);
AT(bb_station, version, 312);
AT(bb_station, connectors, 320);

AT_LEAST(bb_station_change, 64);
AT(bb_station_change, present, 0);
AT(bb_station_change, name, 8);
AT(bb_station_change, location_id, 24);
AT(bb_station_change, password, 40);
AT(bb_station_change, admission, 56);

AT_LEAST(bb_token, 120);
AT(bb_token, present, 0);
AT(bb_token, uid, 8);
AT(bb_token, kind, 24);
AT(bb_token, status, 28);
AT(bb_token, parent_uid, 32);
AT(bb_token, label, 48);
AT(bb_token, contract_id, 64);
AT(bb_token, expires_ms, 80);
AT(bb_token, max_open_sessions, 88);
AT(bb_token, created_ms, 96);
AT(bb_token, updated_ms, 104);
AT(bb_token, version, 112);

AT_LEAST(bb_session, 264);
AT(bb_session, present, 0);
AT(bb_session, id, 8);
AT(bb_session, station_id, 24);
AT(bb_session, location_id, 40);
AT(bb_session, token_uid, 56);
AT(bb_session, parent_uid, 72);
AT(bb_session, connector_id, 88);
AT(bb_session, transaction_id, 96);
AT(bb_session, state, 104);
AT(bb_session, started_ms, 112);
AT(bb_session, ended_ms, 120);
AT(bb_session, start_received_ms, 128);
AT(bb_session, end_received_ms, 136);
AT(bb_session, meter_start_wh, 144);
AT(bb_session, meter_stop_wh, 152);
AT(bb_session, energy_wh, 160);
AT(bb_session, power_w, 168);
AT(bb_session, soc_percent, 176);
AT(bb_session, sample_count, 184);
AT(bb_session, last_sample_ms, 192);
AT(bb_session, stop_reason, 200);
AT(bb_session, stop_token_uid, 216);
AT(bb_session, authorization, 232);
AT(bb_session, review, 240);
AT(bb_session, version, 256);

AT_LEAST(bb_sample, 120);
AT(bb_sample, at_ms, 0);
AT(bb_sample, measurand, 8);
AT(bb_sample, phase, 24);
AT(bb_sample, location, 40);
AT(bb_sample, context, 56);
AT(bb_sample, unit, 72);
AT(bb_sample, format, 88);
AT(bb_sample, value, 104);

AT_LEAST(bb_cdr, 136);
AT(bb_cdr, present, 0);
AT(bb_cdr, id, 8);
AT(bb_cdr, session_id, 24);
AT(bb_cdr, station_id, 40);
AT(bb_cdr, location_id, 56);
AT(bb_cdr, token_uid, 72);
AT(bb_cdr, connector_id, 88);
AT(bb_cdr, started_ms, 96);
AT(bb_cdr, ended_ms, 104);
AT(bb_cdr, energy_wh, 112);
AT(bb_cdr, duration_s, 120);
AT(bb_cdr, created_ms, 128);

AT_LEAST(bb_connection_attempt, 104);
AT(bb_connection_attempt, present, 0);
AT(bb_connection_attempt, station_id, 8);
AT(bb_connection_attempt, remote, 24);
AT(bb_connection_attempt, driver, 40);
AT(bb_connection_attempt, verdict, 56);
AT(bb_connection_attempt, detail, 64);
AT(bb_connection_attempt, first_ms, 80);
AT(bb_connection_attempt, last_ms, 88);
AT(bb_connection_attempt, count, 96);

AT_LEAST(bb_station_ref, 24);
AT(bb_station_ref, station_id, 0);
AT(bb_station_ref, epoch, 16);

AT_LEAST(bb_admit, 88);
AT(bb_admit, station_id, 0);
AT(bb_admit, password, 16);
AT(bb_admit, remote, 32);
AT(bb_admit, driver, 48);
AT(bb_admit, protocol, 64);
AT(bb_admit, policy, 80);

AT_LEAST(bb_admitted, 32);
AT(bb_admitted, verdict, 0);
AT(bb_admitted, epoch, 8);
AT(bb_admitted, detail, 16);

AT_LEAST(bb_boot, 128);
AT(bb_boot, vendor, 0);
AT(bb_boot, model, 16);
AT(bb_boot, serial_number, 32);
AT(bb_boot, firmware_version, 48);
AT(bb_boot, iccid, 64);
AT(bb_boot, imsi, 80);
AT(bb_boot, meter_type, 96);
AT(bb_boot, meter_serial_number, 112);

AT_LEAST(bb_connector_report, 88);
AT(bb_connector_report, connector_id, 0);
AT(bb_connector_report, status, 8);
AT(bb_connector_report, error_code, 16);
AT(bb_connector_report, info, 32);
AT(bb_connector_report, vendor_id, 48);
AT(bb_connector_report, vendor_error_code, 64);
AT(bb_connector_report, at_ms, 80);

AT_LEAST(bb_authorization, 32);
AT(bb_authorization, status, 0);
AT(bb_authorization, parent_uid, 8);
AT(bb_authorization, expires_ms, 24);

AT_LEAST(bb_start, 48);
AT(bb_start, connector_id, 0);
AT(bb_start, at_ms, 8);
AT(bb_start, meter_start_wh, 16);
AT(bb_start, token_uid, 24);
AT(bb_start, reservation_id, 40);

AT_LEAST(bb_started, 56);
AT(bb_started, transaction_id, 0);
AT(bb_started, session_id, 8);
AT(bb_started, authorization, 24);

AT_LEAST(bb_stop, 72);
AT(bb_stop, transaction_id, 0);
AT(bb_stop, at_ms, 8);
AT(bb_stop, meter_stop_wh, 16);
AT(bb_stop, token_uid, 24);
AT(bb_stop, reason, 40);
AT(bb_stop, samples, 56);
AT(bb_stop, sample_count, 64);

AT_LEAST(bb_stopped, 40);
AT(bb_stopped, has_authorization, 0);
AT(bb_stopped, authorization, 8);

AT_LEAST(bb_station_filter, 40);
AT(bb_station_filter, search, 0);
AT(bb_station_filter, location_id, 16);
AT(bb_station_filter, online, 32);
AT(bb_station_filter, admission, 36);

AT_LEAST(bb_session_filter, 72);
AT(bb_session_filter, station_id, 0);
AT(bb_session_filter, token_uid, 16);
AT(bb_session_filter, location_id, 32);
AT(bb_session_filter, open, 48);
AT(bb_session_filter, from_ms, 56);
AT(bb_session_filter, to_ms, 64);

AT_LEAST(bb_charging_ops, 288);
AT(bb_charging_ops, size, 0);
AT(bb_charging_ops, reserved, 4);
AT(bb_charging_ops, admit, 8);
AT(bb_charging_ops, online, 16);
AT(bb_charging_ops, offline, 24);
AT(bb_charging_ops, boot, 32);
AT(bb_charging_ops, connector_status, 40);
AT(bb_charging_ops, authorize, 48);
AT(bb_charging_ops, session_start, 56);
AT(bb_charging_ops, session_samples, 64);
AT(bb_charging_ops, session_stop, 72);
AT(bb_charging_ops, clock_seen, 80);
AT(bb_charging_ops, station_seen, 88);
AT(bb_charging_ops, location_get, 96);
AT(bb_charging_ops, location_list, 104);
AT(bb_charging_ops, location_put, 112);
AT(bb_charging_ops, location_delete, 120);
AT(bb_charging_ops, station_get, 128);
AT(bb_charging_ops, station_list, 136);
AT(bb_charging_ops, station_put, 144);
AT(bb_charging_ops, station_delete, 152);
AT(bb_charging_ops, connector_list, 160);
AT(bb_charging_ops, connector_put, 168);
AT(bb_charging_ops, connection_attempts, 176);
AT(bb_charging_ops, token_get, 184);
AT(bb_charging_ops, token_list, 192);
AT(bb_charging_ops, token_put, 200);
AT(bb_charging_ops, token_delete, 208);
AT(bb_charging_ops, session_get, 216);
AT(bb_charging_ops, session_list, 224);
AT(bb_charging_ops, session_by_transaction, 232);
AT(bb_charging_ops, session_sample_list, 240);
AT(bb_charging_ops, session_scan, 248);
AT(bb_charging_ops, session_count, 256);
AT(bb_charging_ops, cdr_list, 264);
AT(bb_charging_ops, command, 272);
AT(bb_charging_ops, refused, 280);

AT_LEAST(bb_crypto_ops, 80);
AT(bb_crypto_ops, size, 0);
AT(bb_crypto_ops, reserved, 4);
AT(bb_crypto_ops, mac, 8);
AT(bb_crypto_ops, equal, 16);
AT(bb_crypto_ops, random, 24);
AT(bb_crypto_ops, sha256, 32);
AT(bb_crypto_ops, base64, 40);
AT(bb_crypto_ops, unbase64, 48);
AT(bb_crypto_ops, hex, 56);
AT(bb_crypto_ops, seal, 64);
AT(bb_crypto_ops, unseal, 72);

AT_LEAST(bb_param, 48);
AT(bb_param, kind, 0);
AT(bb_param, null_kind, 4);
AT(bb_param, str, 8);
AT(bb_param, num, 24);
AT(bb_param, array, 32);
AT(bb_param, count, 40);

AT_LEAST(bb_stmt, 32);
AT(bb_stmt, sql, 0);
AT(bb_stmt, params, 8);
AT(bb_stmt, param_count, 16);
AT(bb_stmt, flags, 24);
AT(bb_stmt, reserved, 28);

AT_LEAST(bb_migration, 24);
AT(bb_migration, version, 0);
AT(bb_migration, reserved, 4);
AT(bb_migration, name, 8);
AT(bb_migration, sql, 16);

AT_LEAST(bb_event, 88);
AT(bb_event, size, 0);
AT(bb_event, reserved, 4);
AT(bb_event, id, 8);
AT(bb_event, topic, 24);
AT(bb_event, key, 40);
AT(bb_event, payload, 56);
AT(bb_event, at_ms, 72);
AT(bb_event, attempt, 80);

AT_LEAST(bb_job_info, 136);
AT(bb_job_info, size, 0);
AT(bb_job_info, state, 4);
AT(bb_job_info, id, 8);
AT(bb_job_info, type, 24);
AT(bb_job_info, params, 40);
AT(bb_job_info, result, 56);
AT(bb_job_info, error, 72);
AT(bb_job_info, done, 88);
AT(bb_job_info, total, 96);
AT(bb_job_info, created_ms, 104);
AT(bb_job_info, started_ms, 112);
AT(bb_job_info, ended_ms, 120);
AT(bb_job_info, attempts, 128);

AT_LEAST(bb_db_ops, 232);
AT(bb_db_ops, size, 0);
AT(bb_db_ops, reserved, 4);
AT(bb_db_ops, run, 8);
AT(bb_db_ops, begin, 16);
AT(bb_db_ops, tx_run, 24);
AT(bb_db_ops, commit, 32);
AT(bb_db_ops, rollback, 40);
AT(bb_db_ops, rows_count, 48);
AT(bb_db_ops, rows_affected, 56);
AT(bb_db_ops, is_null, 64);
AT(bb_db_ops, get_str, 72);
AT(bb_db_ops, get_int, 80);
AT(bb_db_ops, get_time, 88);
AT(bb_db_ops, get_bytes, 96);
AT(bb_db_ops, scan, 104);
AT(bb_db_ops, batch_new, 112);
AT(bb_db_ops, batch_submit, 120);
AT(bb_db_ops, batch_free, 128);
AT(bb_db_ops, away_ms, 136);
AT(bb_db_ops, migrations, 144);
AT(bb_db_ops, event_stmt, 152);
AT(bb_db_ops, subscribe, 160);
AT(bb_db_ops, job_type, 168);
AT(bb_db_ops, job_stmt, 176);
AT(bb_db_ops, job_progress, 184);
AT(bb_db_ops, job_id, 192);
AT(bb_db_ops, job_get, 200);
AT(bb_db_ops, job_list, 208);
AT(bb_db_ops, job_cancel, 216);
AT(bb_db_ops, audit_stmt, 224);

AT_LEAST(bb_query_param, 32);
AT(bb_query_param, name, 0);
AT(bb_query_param, type, 8);
AT(bb_query_param, flags, 12);
AT(bb_query_param, values, 16);
AT(bb_query_param, about, 24);

AT_LEAST(bb_route, 96);
AT(bb_route, method, 0);
AT(bb_route, path, 8);
AT(bb_route, permission, 16);
AT(bb_route, handle, 24);
AT(bb_route, summary, 32);
AT(bb_route, flags, 40);
AT(bb_route, status, 44);
AT(bb_route, request, 48);
AT(bb_route, response, 56);
AT(bb_route, query, 64);
AT(bb_route, query_count, 72);
AT(bb_route, query_stride, 76);
AT(bb_route, max_body, 80);
AT(bb_route, tag, 88);

AT_LEAST(bb_ws_handler, 56);
AT(bb_ws_handler, size, 0);
AT(bb_ws_handler, ping_ms, 4);
AT(bb_ws_handler, ping_timeout_ms, 8);
AT(bb_ws_handler, max_queue, 12);
AT(bb_ws_handler, max_message, 16);
AT(bb_ws_handler, subprotocol, 24);
AT(bb_ws_handler, on_arrival, 32);
AT(bb_ws_handler, on_message, 40);
AT(bb_ws_handler, on_close, 48);

AT_LEAST(bb_http_header, 32);
AT(bb_http_header, name, 0);
AT(bb_http_header, value, 16);

AT_LEAST(bb_fetch, 104);
AT(bb_fetch, size, 0);
AT(bb_fetch, flags, 4);
AT(bb_fetch, method, 8);
AT(bb_fetch, url, 16);
AT(bb_fetch, headers, 32);
AT(bb_fetch, header_count, 40);
AT(bb_fetch, body, 48);
AT(bb_fetch, timeout_ms, 64);
AT(bb_fetch, max_answer, 72);
AT(bb_fetch, client_certificate_file, 80);
AT(bb_fetch, client_key_file, 88);
AT(bb_fetch, ca_file, 96);

AT_LEAST(bb_fetch_answer, 40);
AT(bb_fetch_answer, size, 0);
AT(bb_fetch_answer, status, 4);
AT(bb_fetch_answer, body, 8);
AT(bb_fetch_answer, headers, 24);
AT(bb_fetch_answer, header_count, 32);

AT_LEAST(bb_http_ops, 264);
AT(bb_http_ops, size, 0);
AT(bb_http_ops, reserved, 4);
AT(bb_http_ops, routes, 8);
AT(bb_http_ops, method, 16);
AT(bb_http_ops, path, 24);
AT(bb_http_ops, param, 32);
AT(bb_http_ops, query, 40);
AT(bb_http_ops, header, 48);
AT(bb_http_ops, body, 56);
AT(bb_http_ops, remote, 64);
AT(bb_http_ops, base_url, 72);
AT(bb_http_ops, actor, 80);
AT(bb_http_ops, allowed, 88);
AT(bb_http_ops, is_tls, 96);
AT(bb_http_ops, client_certificate_name, 104);
AT(bb_http_ops, tenant_state, 112);
AT(bb_http_ops, decode, 120);
AT(bb_http_ops, status, 128);
AT(bb_http_ops, set_header, 136);
AT(bb_http_ops, send_json, 144);
AT(bb_http_ops, send_bytes, 152);
AT(bb_http_ops, send_file, 160);
AT(bb_http_ops, stream_begin, 168);
AT(bb_http_ops, stream_write, 176);
AT(bb_http_ops, problem, 184);
AT(bb_http_ops, problem_field, 192);
AT(bb_http_ops, etag, 200);
AT(bb_http_ops, ws_accept, 208);
AT(bb_http_ops, ws_connect, 216);
AT(bb_http_ops, ws_send, 224);
AT(bb_http_ops, ws_close, 232);
AT(bb_http_ops, ws_probe, 240);
AT(bb_http_ops, ws_remote, 248);
AT(bb_http_ops, fetch, 256);

AT_LEAST(bb_net_ops, 64);
AT(bb_net_ops, size, 0);
AT(bb_net_ops, reserved, 4);
AT(bb_net_ops, listen, 8);
AT(bb_net_ops, connect, 16);
AT(bb_net_ops, read, 24);
AT(bb_net_ops, read_line, 32);
AT(bb_net_ops, write, 40);
AT(bb_net_ops, close, 48);
AT(bb_net_ops, remote, 56);

AT_LEAST(bb_kv, 48);
AT(bb_kv, name, 0);
AT(bb_kv, kind, 8);
AT(bb_kv, reserved, 12);
AT(bb_kv, str, 16);
AT(bb_kv, num, 32);
AT(bb_kv, real, 40);

AT_LEAST(bb_log_ops, 48);
AT(bb_log_ops, size, 0);
AT(bb_log_ops, reserved, 4);
AT(bb_log_ops, write, 8);
AT(bb_log_ops, metric, 16);
AT(bb_log_ops, metric_add, 24);
AT(bb_log_ops, metric_set, 32);
AT(bb_log_ops, err_text, 40);

AT_LEAST(bb_payment_request, 80);
AT(bb_payment_request, size, 0);
AT(bb_payment_request, reserved, 4);
AT(bb_payment_request, reference, 8);
AT(bb_payment_request, amount_minor, 24);
AT(bb_payment_request, currency, 32);
AT(bb_payment_request, description, 48);
AT(bb_payment_request, return_url, 64);

AT_LEAST(bb_payment, 96);
AT(bb_payment, size, 0);
AT(bb_payment, state, 4);
AT(bb_payment, provider_id, 8);
AT(bb_payment, redirect_url, 24);
AT(bb_payment, decline_code, 40);
AT(bb_payment, decline_text, 56);
AT(bb_payment, held_minor, 72);
AT(bb_payment, captured_minor, 80);
AT(bb_payment, refunded_minor, 88);

AT_LEAST(bb_payment_ops, 56);
AT(bb_payment_ops, size, 0);
AT(bb_payment_ops, reserved, 4);
AT(bb_payment_ops, display_name, 8);
AT(bb_payment_ops, hold, 16);
AT(bb_payment_ops, capture, 24);
AT(bb_payment_ops, release, 32);
AT(bb_payment_ops, refund, 40);
AT(bb_payment_ops, lookup, 48);

AT_LEAST(bb_host, 96);
AT(bb_host, size, 0);
AT(bb_host, abi_major, 4);
AT(bb_host, abi_minor, 6);
AT(bb_host, self, 8);
AT(bb_host, log, 16);
AT(bb_host, require, 24);
AT(bb_host, provide, 32);
AT(bb_host, tenant_state, 40);
AT(bb_host, tenant_has, 48);
AT(bb_host, tenant_id, 56);
AT(bb_host, tenant_name, 64);
AT(bb_host, tenant_option, 72);
AT(bb_host, state_folder, 80);
AT(bb_host, provider, 88);

AT_LEAST(bb_plugin, 120);
AT(bb_plugin, magic, 0);
AT(bb_plugin, abi_major, 4);
AT(bb_plugin, abi_minor, 6);
AT(bb_plugin, size, 8);
AT(bb_plugin, flags, 12);
AT(bb_plugin, name, 16);
AT(bb_plugin, version, 24);
AT(bb_plugin, vendor, 32);
AT(bb_plugin, license, 40);
AT(bb_plugin, needs, 48);
AT(bb_plugin, after, 56);
AT(bb_plugin, options, 64);
AT(bb_plugin, tenant_config_size, 72);
AT(bb_plugin, reserved, 76);
AT(bb_plugin, load, 80);
AT(bb_plugin, tenant_start, 88);
AT(bb_plugin, tenant_stop, 96);
AT(bb_plugin, unload, 104);
AT(bb_plugin, check, 112);

AT_LEAST(bb_task_spec, 48);
AT(bb_task_spec, size, 0);
AT(bb_task_spec, flags, 4);
AT(bb_task_spec, name, 8);
AT(bb_task_spec, tenant, 16);
AT(bb_task_spec, timeout_ms, 24);
AT(bb_task_spec, run, 32);
AT(bb_task_spec, arg, 40);

AT_LEAST(bb_rt_ops, 152);
AT(bb_rt_ops, size, 0);
AT(bb_rt_ops, reserved, 4);
AT(bb_rt_ops, now_ms, 8);
AT(bb_rt_ops, mono_ms, 16);
AT(bb_rt_ops, alloc, 24);
AT(bb_rt_ops, vprint, 32);
AT(bb_rt_ops, spawn, 40);
AT(bb_rt_ops, cancel, 48);
AT(bb_rt_ops, sleep, 56);
AT(bb_rt_ops, tenant, 64);
AT(bb_rt_ops, cond_new, 72);
AT(bb_rt_ops, cond_free, 80);
AT(bb_rt_ops, cond_wait, 88);
AT(bb_rt_ops, cond_wake, 96);
AT(bb_rt_ops, timer_new, 104);
AT(bb_rt_ops, timer_free, 112);
AT(bb_rt_ops, worker_run, 120);
AT(bb_rt_ops, time_text, 128);
AT(bb_rt_ops, time_parse, 136);
AT(bb_rt_ops, uuid, 144);

AT_LEAST(bb_array, 16);
AT(bb_array, items, 0);
AT(bb_array, count, 8);

AT_LEAST(bb_field, 80);
AT(bb_field, name, 0);
AT(bb_field, type, 8);
AT(bb_field, flags, 12);
AT(bb_field, offset, 16);
AT(bb_field, item, 20);
AT(bb_field, min, 24);
AT(bb_field, max, 32);
AT(bb_field, scale, 40);
AT(bb_field, reserved, 44);
AT(bb_field, values, 48);
AT(bb_field, shape, 56);
AT(bb_field, fallback, 64);
AT(bb_field, about, 72);

AT_LEAST(bb_shape, 48);
AT(bb_shape, size, 0);
AT(bb_shape, field_size, 4);
AT(bb_shape, name, 8);
AT(bb_shape, about, 16);
AT(bb_shape, fields, 24);
AT(bb_shape, field_count, 32);
AT(bb_shape, struct_size, 36);
AT(bb_shape, flags, 40);
AT(bb_shape, present_offset, 44);

AT_LEAST(bb_fault, 40);
AT(bb_fault, kind, 0);
AT(bb_fault, line, 4);
AT(bb_fault, path, 8);
AT(bb_fault, text, 24);

AT_LEAST(bb_json_ops, 192);
AT(bb_json_ops, size, 0);
AT(bb_json_ops, reserved, 4);
AT(bb_json_ops, parse, 8);
AT(bb_json_ops, text, 16);
AT(bb_json_ops, kind, 24);
AT(bb_json_ops, count, 32);
AT(bb_json_ops, get, 40);
AT(bb_json_ops, at, 48);
AT(bb_json_ops, member, 56);
AT(bb_json_ops, as_str, 64);
AT(bb_json_ops, as_int, 72);
AT(bb_json_ops, as_real, 80);
AT(bb_json_ops, new_object, 88);
AT(bb_json_ops, new_array, 96);
AT(bb_json_ops, new_str, 104);
AT(bb_json_ops, new_int, 112);
AT(bb_json_ops, new_real, 120);
AT(bb_json_ops, new_bool, 128);
AT(bb_json_ops, new_null, 136);
AT(bb_json_ops, set, 144);
AT(bb_json_ops, append, 152);
AT(bb_json_ops, decode, 160);
AT(bb_json_ops, decode_text, 168);
AT(bb_json_ops, encode, 176);
AT(bb_json_ops, encode_text, 184);

AT_LEAST(bb_command_result, 72);
AT(bb_command_result, size, 0);
AT(bb_command_result, outcome, 4);
AT(bb_command_result, answer, 8);
AT(bb_command_result, error_code, 16);
AT(bb_command_result, error_text, 32);
AT(bb_command_result, fault_path, 48);
AT(bb_command_result, latency_ms, 64);

AT_LEAST(bb_station_driver_ops, 48);
AT(bb_station_driver_ops, size, 0);
AT(bb_station_driver_ops, reserved, 4);
AT(bb_station_driver_ops, protocol, 8);
AT(bb_station_driver_ops, command, 16);
AT(bb_station_driver_ops, start, 24);
AT(bb_station_driver_ops, stop, 32);
AT(bb_station_driver_ops, disconnect, 40);

AT_LEAST(bb_str, 16);
AT(bb_str, ptr, 0);
AT(bb_str, len, 8);
