/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station sends, and what it gets for an answer (OCPP 1.6 edition 2 §6), except meter values. Closed: a member
 * that the specification does not have is a fault. An idTag has 20 characters at most, and so on: see §7 for each
 * limit.
 */
#include "shapes.h"

const char *const status_names[] = {"Available", "Preparing", "Charging",    "SuspendedEVSE", "SuspendedEV",
                                    "Finishing", "Reserved",  "Unavailable", "Faulted",       NULL};
const char *const error_code_names[] = {"ConnectorLockFailure",
                                        "EVCommunicationError",
                                        "GroundFailure",
                                        "HighTemperature",
                                        "InternalError",
                                        "LocalListConflict",
                                        "NoError",
                                        "OtherError",
                                        "OverCurrentFailure",
                                        "PowerMeterFailure",
                                        "PowerSwitchFailure",
                                        "ReaderFailure",
                                        "ResetFailure",
                                        "UnderVoltage",
                                        "OverVoltage",
                                        "WeakSignal",
                                        NULL};
const char *const stop_reason_names[] = {"EmergencyStop", "EVDisconnected", "HardReset",    "Local",
                                         "Other",         "PowerLoss",      "Reboot",       "Remote",
                                         "SoftReset",     "UnlockCommand",  "DeAuthorized", NULL};
const char *const diagnostics_status_names[] = {"Idle", "Uploaded", "UploadFailed", "Uploading", NULL};
const char *const firmware_status_names[] = {"Downloaded",         "DownloadFailed", "Downloading", "Idle",
                                             "InstallationFailed", "Installing",     "Installed",   NULL};
const char *const data_transfer_status_names[] = {"Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId", NULL};
static const char *const registration_names[] = {"Accepted", "Pending", "Rejected", NULL};
/* In the order of BB_AUTH_…. */
static const char *const authorization_names[] = {"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx", NULL};

static const struct bb_field empty_fields[1];

const struct bb_shape EmptyMessage = {.size = sizeof(struct bb_shape),
                                      .field_size = sizeof(struct bb_field),
                                      .name = "EmptyMessage",
                                      .about = "A message without members.",
                                      .fields = empty_fields,
                                      .field_count = 0,
                                      .struct_size = sizeof(struct empty),
                                      .present_offset = (int32_t)offsetof(struct empty, present)};

static const struct bb_field authorize_fields[] = {
        TEXT_FIELD(authorize_req, id_tag, "idTag", ID_TAG_CHARS, .flags = BB_REQUIRED),
};
BB_SHAPE(AuthorizeRequest, authorize_req, 0, "OCPP 1.6 §6.1", authorize_fields);

static const struct bb_field id_tag_info_fields[] = {
        FIELD(id_tag_info, expiry_date, "expiryDate", BB_T_TIME),
        TEXT_FIELD(id_tag_info, parent_id_tag, "parentIdTag", ID_TAG_CHARS),
        ENUM_FIELD(id_tag_info, status, "status", authorization_names, .flags = BB_REQUIRED),
};
BB_SHAPE(IdTagInfo, id_tag_info, 0, "OCPP 1.6 §7.27", id_tag_info_fields);

static const struct bb_field authorize_conf_fields[] = {
        FIELD(authorize_conf, id_tag_info, "idTagInfo", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &IdTagInfo),
};
BB_SHAPE(AuthorizeResponse, authorize_conf, 0, "OCPP 1.6 §6.2", authorize_conf_fields);

static const struct bb_field boot_fields[] = {
        TEXT_FIELD(boot_req, vendor, "chargePointVendor", 20, .flags = BB_REQUIRED),
        TEXT_FIELD(boot_req, model, "chargePointModel", 20, .flags = BB_REQUIRED),
        TEXT_FIELD(boot_req, serial_number, "chargePointSerialNumber", 25),
        TEXT_FIELD(boot_req, box_serial_number, "chargeBoxSerialNumber", 25),
        TEXT_FIELD(boot_req, firmware_version, "firmwareVersion", 50),
        TEXT_FIELD(boot_req, iccid, "iccid", 20),
        TEXT_FIELD(boot_req, imsi, "imsi", 20),
        TEXT_FIELD(boot_req, meter_type, "meterType", 25),
        TEXT_FIELD(boot_req, meter_serial_number, "meterSerialNumber", 25),
};
BB_SHAPE(BootNotificationRequest, boot_req, 0, "OCPP 1.6 §6.3", boot_fields);

static const struct bb_field boot_conf_fields[] = {
        ENUM_FIELD(boot_conf, status, "status", registration_names, .flags = BB_REQUIRED),
        FIELD(boot_conf, current_time, "currentTime", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(boot_conf, interval, "interval", BB_T_INT, .flags = BB_REQUIRED),
};
BB_SHAPE(BootNotificationResponse, boot_conf, 0, "OCPP 1.6 §6.4", boot_conf_fields);

static const struct bb_field heartbeat_conf_fields[] = {
        FIELD(heartbeat_conf, current_time, "currentTime", BB_T_TIME, .flags = BB_REQUIRED),
};
BB_SHAPE(HeartbeatResponse, heartbeat_conf, 0, "OCPP 1.6 §6.30", heartbeat_conf_fields);

/* data is text in the specification, but some stations send objects: any value is kept. */
static const struct bb_field data_transfer_fields[] = {
        TEXT_FIELD(data_transfer_req, vendor_id, "vendorId", 255, .flags = BB_REQUIRED),
        TEXT_FIELD(data_transfer_req, message_id, "messageId", 50),
        FIELD(data_transfer_req, data, "data", BB_T_JSON),
};
BB_SHAPE(DataTransferRequest, data_transfer_req, 0, "OCPP 1.6 §6.15", data_transfer_fields);

static const struct bb_field data_transfer_conf_fields[] = {
        ENUM_FIELD(data_transfer_conf, status, "status", data_transfer_status_names, .flags = BB_REQUIRED),
        FIELD(data_transfer_conf, data, "data", BB_T_JSON),
};
BB_SHAPE(DataTransferResponse, data_transfer_conf, 0, "OCPP 1.6 §6.16", data_transfer_conf_fields);

static const struct bb_field diagnostics_fields[] = {
        ENUM_FIELD(file_status_req, status, "status", diagnostics_status_names, .flags = BB_REQUIRED),
};
BB_SHAPE(DiagnosticsStatusRequest, file_status_req, 0, "OCPP 1.6 §6.17", diagnostics_fields);

static const struct bb_field firmware_fields[] = {
        ENUM_FIELD(file_status_req, status, "status", firmware_status_names, .flags = BB_REQUIRED),
};
BB_SHAPE(FirmwareStatusRequest, file_status_req, 0, "OCPP 1.6 §6.19", firmware_fields);

static const struct bb_field status_fields[] = {
        FIELD(status_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, .min = 0,
              .max = MAX_CONNECTOR_ID),
        ENUM_FIELD(status_req, error_code, "errorCode", error_code_names, .flags = BB_REQUIRED),
        TEXT_FIELD(status_req, info, "info", 50),
        ENUM_FIELD(status_req, status, "status", status_names, .flags = BB_REQUIRED),
        FIELD(status_req, timestamp, "timestamp", BB_T_TIME),
        TEXT_FIELD(status_req, vendor_id, "vendorId", 255),
        TEXT_FIELD(status_req, vendor_error_code, "vendorErrorCode", 50),
};
BB_SHAPE(StatusNotificationRequest, status_req, 0, "OCPP 1.6 §6.47", status_fields);

/* Any meter value and time is taken: what is absurd is set aside for review by the domain, not refused here. */
static const struct bb_field start_fields[] = {
        FIELD(start_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, .min = 1,
              .max = MAX_CONNECTOR_ID),
        TEXT_FIELD(start_req, id_tag, "idTag", ID_TAG_CHARS, .flags = BB_REQUIRED),
        FIELD(start_req, meter_start, "meterStart", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(start_req, reservation_id, "reservationId", BB_T_INT),
        FIELD(start_req, timestamp, "timestamp", BB_T_TIME, .flags = BB_REQUIRED),
};
BB_SHAPE(StartTransactionRequest, start_req, 0, "OCPP 1.6 §6.45", start_fields);

static const struct bb_field start_conf_fields[] = {
        FIELD(start_conf, id_tag_info, "idTagInfo", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &IdTagInfo),
        FIELD(start_conf, transaction_id, "transactionId", BB_T_INT, .flags = BB_REQUIRED),
};
BB_SHAPE(StartTransactionResponse, start_conf, 0, "OCPP 1.6 §6.46", start_conf_fields);

static const struct bb_field stop_fields[] = {
        TEXT_FIELD(stop_req, id_tag, "idTag", ID_TAG_CHARS),
        FIELD(stop_req, meter_stop, "meterStop", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(stop_req, timestamp, "timestamp", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(stop_req, transaction_id, "transactionId", BB_T_INT, .flags = BB_REQUIRED),
        ENUM_FIELD(stop_req, reason, "reason", stop_reason_names),
        FIELD(stop_req, transaction_data, "transactionData", BB_T_ARRAY, .shape = &TransactionMeterValue,
              .max = MAX_METER_VALUES),
};
BB_SHAPE(StopTransactionRequest, stop_req, 0, "OCPP 1.6 §6.49", stop_fields);

static const struct bb_field stop_conf_fields[] = {
        FIELD(stop_conf, id_tag_info, "idTagInfo", BB_T_OBJECT, .flags = BB_PTR, .shape = &IdTagInfo),
};
BB_SHAPE(StopTransactionResponse, stop_conf, 0, "OCPP 1.6 §6.50", stop_conf_fields);
