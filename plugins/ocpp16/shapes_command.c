/* SPDX-License-Identifier: Apache-2.0
 *
 * What the central system sends (OCPP 1.6 edition 2 §6): the requests of every command. Closed, so that an operator's
 * typing error is told before a station sees it.
 */
#include "shapes.h"

static const char *const availability_type_names[] = {"Inoperative", "Operative", NULL};
static const char *const reset_names[] = {"Hard", "Soft", NULL};
const char *const trigger_request_names[] = {"BootNotification",
                                             "DiagnosticsStatusNotification",
                                             "FirmwareStatusNotification",
                                             "Heartbeat",
                                             "MeterValues",
                                             "StatusNotification",
                                             NULL};
static const char *const purpose_names[] = {"ChargePointMaxProfile", "TxDefaultProfile", "TxProfile", NULL};
static const char *const kind_names[] = {"Absolute", "Recurring", "Relative", NULL};
static const char *const recurrency_names[] = {"Daily", "Weekly", NULL};
static const char *const rate_unit_names[] = {"A", "W", NULL};
static const char *const update_names[] = {"Differential", "Full", NULL};

#define INT32_RANGE .min = INT32_MIN, .max = INT32_MAX
#define COUNT_RANGE .min = 0, .max = INT32_MAX
#define CONNECTOR_RANGE .min = 0, .max = MAX_CONNECTOR_ID
#define ONE_CONNECTOR_RANGE .min = 1, .max = MAX_CONNECTOR_ID

static const struct bb_field change_availability_req_fields[] = {
        FIELD(change_availability_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, CONNECTOR_RANGE),
        ENUM_FIELD(change_availability_req, type, "type", availability_type_names, .flags = BB_REQUIRED),
};
BB_SHAPE(ChangeAvailabilityRequest, change_availability_req, 0, "OCPP 1.6 §6.7", change_availability_req_fields);

static const struct bb_field change_configuration_req_fields[] = {
        TEXT_FIELD(change_configuration_req, key, "key", KEY_CHARS, .flags = BB_REQUIRED),
        TEXT_FIELD(change_configuration_req, value, "value", 500, .flags = BB_REQUIRED),
};
BB_SHAPE(ChangeConfigurationRequest, change_configuration_req, 0, "OCPP 1.6 §6.9", change_configuration_req_fields);

/* What we say ourselves is text, as the specification has it. */
static const struct bb_field data_transfer_req_fields[] = {
        TEXT_FIELD(data_transfer_command, vendor_id, "vendorId", 255, .flags = BB_REQUIRED),
        TEXT_FIELD(data_transfer_command, message_id, "messageId", 50),
        FIELD(data_transfer_command, data, "data", BB_T_STR),
};
BB_SHAPE(DataTransferCommand, data_transfer_command, 0, "OCPP 1.6 §6.15", data_transfer_req_fields);

static const struct bb_field get_configuration_req_fields[] = {
        FIELD(get_configuration_req, key, "key", BB_T_ARRAY, .item = BB_T_STR, .max = 1000),
};
BB_SHAPE(GetConfigurationRequest, get_configuration_req, 0, "OCPP 1.6 §6.23", get_configuration_req_fields);

static const struct bb_field schedule_period_req_fields[] = {
        FIELD(schedule_period, start_period, "startPeriod", BB_T_INT, .flags = BB_REQUIRED, COUNT_RANGE),
        FIELD(schedule_period, limit_deci, "limit", BB_T_DECIMAL, .flags = BB_REQUIRED, .scale = 1),
        FIELD(schedule_period, number_phases, "numberPhases", BB_T_INT, .min = 1, .max = 3),
};
static BB_SHAPE(ChargingSchedulePeriod, schedule_period, 0, "OCPP 1.6 §7.14", schedule_period_req_fields);

static const struct bb_field schedule_req_fields[] = {
        FIELD(charging_schedule, duration, "duration", BB_T_INT, COUNT_RANGE),
        FIELD(charging_schedule, start_schedule, "startSchedule", BB_T_TIME),
        ENUM_FIELD(charging_schedule, charging_rate_unit, "chargingRateUnit", rate_unit_names, .flags = BB_REQUIRED),
        FIELD(charging_schedule, periods, "chargingSchedulePeriod", BB_T_ARRAY, .flags = BB_REQUIRED,
              .shape = &ChargingSchedulePeriod, .min = 1, .max = 1000),
        FIELD(charging_schedule, min_charging_rate_deci, "minChargingRate", BB_T_DECIMAL, .scale = 1),
};
BB_SHAPE(ChargingSchedule, charging_schedule, 0, "OCPP 1.6 §7.13", schedule_req_fields);

static const struct bb_field profile_req_fields[] = {
        FIELD(charging_profile, charging_profile_id, "chargingProfileId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
        FIELD(charging_profile, transaction_id, "transactionId", BB_T_INT, INT32_RANGE),
        FIELD(charging_profile, stack_level, "stackLevel", BB_T_INT, .flags = BB_REQUIRED, COUNT_RANGE),
        ENUM_FIELD(charging_profile, purpose, "chargingProfilePurpose", purpose_names, .flags = BB_REQUIRED),
        ENUM_FIELD(charging_profile, kind, "chargingProfileKind", kind_names, .flags = BB_REQUIRED),
        ENUM_FIELD(charging_profile, recurrency_kind, "recurrencyKind", recurrency_names),
        FIELD(charging_profile, valid_from, "validFrom", BB_T_TIME),
        FIELD(charging_profile, valid_to, "validTo", BB_T_TIME),
        FIELD(charging_profile, schedule, "chargingSchedule", BB_T_OBJECT, .flags = BB_REQUIRED,
              .shape = &ChargingSchedule),
};
BB_SHAPE(ChargingProfile, charging_profile, 0, "OCPP 1.6 §7.8", profile_req_fields);

static const struct bb_field remote_start_req_fields[] = {
        FIELD(remote_start_req, connector_id, "connectorId", BB_T_INT, ONE_CONNECTOR_RANGE),
        TEXT_FIELD(remote_start_req, id_tag, "idTag", ID_TAG_CHARS, .flags = BB_REQUIRED),
        FIELD(remote_start_req, charging_profile, "chargingProfile", BB_T_OBJECT, .flags = BB_PTR,
              .shape = &ChargingProfile),
};
BB_SHAPE(RemoteStartTransactionRequest, remote_start_req, 0, "OCPP 1.6 §6.33", remote_start_req_fields);

static const struct bb_field remote_stop_req_fields[] = {
        FIELD(remote_stop_req, transaction_id, "transactionId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
};
BB_SHAPE(RemoteStopTransactionRequest, remote_stop_req, 0, "OCPP 1.6 §6.35", remote_stop_req_fields);

static const struct bb_field reset_req_fields[] = {
        ENUM_FIELD(reset_req, type, "type", reset_names, .flags = BB_REQUIRED),
};
BB_SHAPE(ResetRequest, reset_req, 0, "OCPP 1.6 §6.39", reset_req_fields);

static const struct bb_field unlock_req_fields[] = {
        FIELD(connector_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, ONE_CONNECTOR_RANGE),
};
BB_SHAPE(UnlockConnectorRequest, connector_req, 0, "OCPP 1.6 §6.53", unlock_req_fields);

static const struct bb_field trigger_req_fields[] = {
        ENUM_FIELD(trigger_message_req, requested_message, "requestedMessage", trigger_request_names,
                   .flags = BB_REQUIRED),
        FIELD(trigger_message_req, connector_id, "connectorId", BB_T_INT, CONNECTOR_RANGE),
};
BB_SHAPE(TriggerMessageRequest, trigger_message_req, 0, "OCPP 1.6 §6.51", trigger_req_fields);

static const struct bb_field diagnostics_req_fields[] = {
        TEXT_FIELD(get_diagnostics_req, location, "location", 2000, .flags = BB_REQUIRED, .min = 1),
        FIELD(get_diagnostics_req, retries, "retries", BB_T_INT, COUNT_RANGE),
        FIELD(get_diagnostics_req, retry_interval, "retryInterval", BB_T_INT, COUNT_RANGE),
        FIELD(get_diagnostics_req, start_time, "startTime", BB_T_TIME),
        FIELD(get_diagnostics_req, stop_time, "stopTime", BB_T_TIME),
};
BB_SHAPE(GetDiagnosticsRequest, get_diagnostics_req, 0, "OCPP 1.6 §6.25", diagnostics_req_fields);

static const struct bb_field firmware_req_fields[] = {
        TEXT_FIELD(update_firmware_req, location, "location", 2000, .flags = BB_REQUIRED, .min = 1),
        FIELD(update_firmware_req, retries, "retries", BB_T_INT, COUNT_RANGE),
        FIELD(update_firmware_req, retrieve_date, "retrieveDate", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(update_firmware_req, retry_interval, "retryInterval", BB_T_INT, COUNT_RANGE),
};
BB_SHAPE(UpdateFirmwareRequest, update_firmware_req, 0, "OCPP 1.6 §6.55", firmware_req_fields);

static const struct bb_field cancel_reservation_req_fields[] = {
        FIELD(cancel_reservation_req, reservation_id, "reservationId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
};
BB_SHAPE(CancelReservationRequest, cancel_reservation_req, 0, "OCPP 1.6 §6.5", cancel_reservation_req_fields);

static const struct bb_field reserve_now_req_fields[] = {
        FIELD(reserve_now_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, CONNECTOR_RANGE),
        FIELD(reserve_now_req, expiry_date, "expiryDate", BB_T_TIME, .flags = BB_REQUIRED),
        TEXT_FIELD(reserve_now_req, id_tag, "idTag", ID_TAG_CHARS, .flags = BB_REQUIRED),
        TEXT_FIELD(reserve_now_req, parent_id_tag, "parentIdTag", ID_TAG_CHARS),
        FIELD(reserve_now_req, reservation_id, "reservationId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
};
BB_SHAPE(ReserveNowRequest, reserve_now_req, 0, "OCPP 1.6 §6.37", reserve_now_req_fields);

static const struct bb_field local_list_entry_req_fields[] = {
        TEXT_FIELD(local_list_entry, id_tag, "idTag", ID_TAG_CHARS, .flags = BB_REQUIRED),
        FIELD(local_list_entry, id_tag_info, "idTagInfo", BB_T_OBJECT, .flags = BB_PTR, .shape = &IdTagInfo),
};
static BB_SHAPE(AuthorizationData, local_list_entry, 0, "OCPP 1.6 §7.1", local_list_entry_req_fields);

static const struct bb_field send_local_list_req_fields[] = {
        FIELD(send_local_list_req, list_version, "listVersion", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
        FIELD(send_local_list_req, entries, "localAuthorizationList", BB_T_ARRAY, .shape = &AuthorizationData,
              .max = 10000),
        ENUM_FIELD(send_local_list_req, update_type, "updateType", update_names, .flags = BB_REQUIRED),
};
BB_SHAPE(SendLocalListRequest, send_local_list_req, 0, "OCPP 1.6 §6.41", send_local_list_req_fields);

static const struct bb_field clear_profile_req_fields[] = {
        FIELD(clear_charging_profile_req, id, "id", BB_T_INT, INT32_RANGE),
        FIELD(clear_charging_profile_req, connector_id, "connectorId", BB_T_INT, CONNECTOR_RANGE),
        ENUM_FIELD(clear_charging_profile_req, purpose, "chargingProfilePurpose", purpose_names),
        FIELD(clear_charging_profile_req, stack_level, "stackLevel", BB_T_INT, COUNT_RANGE),
};
BB_SHAPE(ClearChargingProfileRequest, clear_charging_profile_req, 0, "OCPP 1.6 §6.13", clear_profile_req_fields);

static const struct bb_field composite_req_fields[] = {
        FIELD(get_composite_schedule_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, CONNECTOR_RANGE),
        FIELD(get_composite_schedule_req, duration, "duration", BB_T_INT, .flags = BB_REQUIRED, COUNT_RANGE),
        ENUM_FIELD(get_composite_schedule_req, charging_rate_unit, "chargingRateUnit", rate_unit_names),
};
BB_SHAPE(GetCompositeScheduleRequest, get_composite_schedule_req, 0, "OCPP 1.6 §6.21", composite_req_fields);

static const struct bb_field set_profile_req_fields[] = {
        FIELD(set_charging_profile_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, CONNECTOR_RANGE),
        FIELD(set_charging_profile_req, profile, "csChargingProfiles", BB_T_OBJECT, .flags = BB_REQUIRED,
              .shape = &ChargingProfile),
};
BB_SHAPE(SetChargingProfileRequest, set_charging_profile_req, 0, "OCPP 1.6 §6.43", set_profile_req_fields);
