/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of the Security Whitepaper edition 3, §5: from the station and to it closed, its answers open (as in
 * shapes_answer.c).
 */
#include "shapes_security.h"

const char *const log_status_names[] = {"BadMessage",       "Idle",     "NotSupportedOperation",
                                        "PermissionDenied", "Uploaded", "UploadFailure",
                                        "Uploading",        NULL};
const char *const signed_firmware_status_names[] = {
        "Downloaded",         "DownloadFailed",    "Downloading",
        "DownloadScheduled",  "DownloadPaused",    "Idle",
        "InstallationFailed", "Installing",        "Installed",
        "InstallRebooting",   "InstallScheduled",  "InstallVerificationFailed",
        "InvalidSignature",   "SignatureVerified", NULL};
static const char *const generic_names[] = {"Accepted", "Rejected", NULL};
static const char *const hash_names[] = {"SHA256", "SHA384", "SHA512", NULL};
static const char *const certificate_use_names[] = {"CentralSystemRootCertificate", "ManufacturerRootCertificate",
                                                    NULL};
static const char *const log_type_names[] = {"DiagnosticsLog", "SecurityLog", NULL};
const char *const extended_trigger_names[] = {
        "BootNotification", "LogStatusNotification",      "FirmwareStatusNotification", "Heartbeat",
        "MeterValues",      "SignChargePointCertificate", "StatusNotification",         NULL};
static const char *const delete_names[] = {"Accepted", "Failed", "NotFound", NULL};
static const char *const ids_names[] = {"Accepted", "NotFound", NULL};
static const char *const log_answer_names[] = {"Accepted", "Rejected", "AcceptedCanceled", NULL};
static const char *const install_names[] = {"Accepted", "Failed", "Rejected", NULL};
static const char *const update_answer_names[] = {"Accepted",           "Rejected",           "AcceptedCanceled",
                                                  "InvalidCertificate", "RevokedCertificate", NULL};

#define INT32_RANGE .min = INT32_MIN, .max = INT32_MAX
#define COUNT_RANGE .min = 0, .max = INT32_MAX

/* --- from the station --- */

static const struct bb_field security_event_fields[] = {
        TEXT_FIELD(security_event_req, type, "type", 50, .flags = BB_REQUIRED),
        FIELD(security_event_req, timestamp, "timestamp", BB_T_TIME, .flags = BB_REQUIRED),
        TEXT_FIELD(security_event_req, tech_info, "techInfo", 255),
};
BB_SHAPE(SecurityEventRequest, security_event_req, 0, "Security Whitepaper §5.15", security_event_fields);

static const struct bb_field sign_certificate_fields[] = {
        TEXT_FIELD(sign_certificate_req, csr, "csr", PEM_CHARS, .flags = BB_REQUIRED),
};
BB_SHAPE(SignCertificateRequest, sign_certificate_req, 0, "Security Whitepaper §5.17", sign_certificate_fields);

static const struct bb_field sign_certificate_conf_fields[] = {
        ENUM_FIELD(generic_status_conf, status, "status", generic_names, .flags = BB_REQUIRED),
};
BB_SHAPE(SignCertificateResponse, generic_status_conf, 0, "Security Whitepaper §5.18", sign_certificate_conf_fields);

static const struct bb_field log_status_fields[] = {
        ENUM_FIELD(request_status_req, status, "status", log_status_names, .flags = BB_REQUIRED),
        FIELD(request_status_req, request_id, "requestId", BB_T_INT),
};
BB_SHAPE(LogStatusRequest, request_status_req, 0, "Security Whitepaper §5.13", log_status_fields);

static const struct bb_field signed_firmware_status_fields[] = {
        ENUM_FIELD(request_status_req, status, "status", signed_firmware_status_names, .flags = BB_REQUIRED),
        FIELD(request_status_req, request_id, "requestId", BB_T_INT),
};
BB_SHAPE(SignedFirmwareStatusRequest, request_status_req, 0, "Security Whitepaper §5.19",
         signed_firmware_status_fields);

/* --- to the station --- */

static const struct bb_field certificate_signed_fields[] = {
        TEXT_FIELD(certificate_signed_req, certificate_chain, "certificateChain", CHAIN_CHARS, .flags = BB_REQUIRED,
                   .min = 1),
};
BB_SHAPE(CertificateSignedRequest, certificate_signed_req, 0, "Security Whitepaper §5.1", certificate_signed_fields);

static const struct bb_field certificate_hash_fields[] = {
        ENUM_FIELD(certificate_hash, hash_algorithm, "hashAlgorithm", hash_names, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, issuer_name_hash, "issuerNameHash", 128, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, issuer_key_hash, "issuerKeyHash", 128, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, serial_number, "serialNumber", 40, .flags = BB_REQUIRED),
};
static BB_SHAPE(CertificateHashData, certificate_hash, 0, "Security Whitepaper §6.1", certificate_hash_fields);

static const struct bb_field delete_certificate_fields[] = {
        FIELD(delete_certificate_req, hash, "certificateHashData", BB_T_OBJECT, .flags = BB_REQUIRED,
              .shape = &CertificateHashData),
};
BB_SHAPE(DeleteCertificateRequest, delete_certificate_req, 0, "Security Whitepaper §5.3", delete_certificate_fields);

static const struct bb_field extended_trigger_fields[] = {
        ENUM_FIELD(extended_trigger_req, requested_message, "requestedMessage", extended_trigger_names,
                   .flags = BB_REQUIRED),
        FIELD(extended_trigger_req, connector_id, "connectorId", BB_T_INT, .min = 1, .max = MAX_CONNECTOR_ID),
};
BB_SHAPE(ExtendedTriggerMessageRequest, extended_trigger_req, 0, "Security Whitepaper §5.5", extended_trigger_fields);

static const struct bb_field certificate_ids_fields[] = {
        ENUM_FIELD(certificate_ids_req, certificate_type, "certificateType", certificate_use_names,
                   .flags = BB_REQUIRED),
};
BB_SHAPE(GetInstalledCertificateIdsRequest, certificate_ids_req, 0, "Security Whitepaper §5.7", certificate_ids_fields);

static const struct bb_field log_parameter_fields[] = {
        TEXT_FIELD(log_parameters, remote_location, "remoteLocation", REMOTE_CHARS, .flags = BB_REQUIRED, .min = 1),
        FIELD(log_parameters, oldest, "oldestTimestamp", BB_T_TIME),
        FIELD(log_parameters, latest, "latestTimestamp", BB_T_TIME),
};
static BB_SHAPE(LogParameters, log_parameters, 0, "Security Whitepaper §6.10", log_parameter_fields);

static const struct bb_field get_log_fields[] = {
        FIELD(get_log_req, log, "log", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &LogParameters),
        ENUM_FIELD(get_log_req, log_type, "logType", log_type_names, .flags = BB_REQUIRED),
        FIELD(get_log_req, request_id, "requestId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
        FIELD(get_log_req, retries, "retries", BB_T_INT, COUNT_RANGE),
        FIELD(get_log_req, retry_interval, "retryInterval", BB_T_INT, COUNT_RANGE),
};
BB_SHAPE(GetLogRequest, get_log_req, 0, "Security Whitepaper §5.9", get_log_fields);

static const struct bb_field install_certificate_fields[] = {
        ENUM_FIELD(install_certificate_req, certificate_type, "certificateType", certificate_use_names,
                   .flags = BB_REQUIRED),
        TEXT_FIELD(install_certificate_req, certificate, "certificate", PEM_CHARS, .flags = BB_REQUIRED, .min = 1),
};
BB_SHAPE(InstallCertificateRequest, install_certificate_req, 0, "Security Whitepaper §5.11",
         install_certificate_fields);

static const struct bb_field signed_firmware_fields[] = {
        TEXT_FIELD(signed_firmware, location, "location", REMOTE_CHARS, .flags = BB_REQUIRED, .min = 1),
        FIELD(signed_firmware, retrieve_at, "retrieveDateTime", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(signed_firmware, install_at, "installDateTime", BB_T_TIME),
        TEXT_FIELD(signed_firmware, signing_certificate, "signingCertificate", PEM_CHARS, .flags = BB_REQUIRED,
                   .min = 1),
        TEXT_FIELD(signed_firmware, signature, "signature", SIGNATURE_CHARS, .flags = BB_REQUIRED, .min = 1),
};
static BB_SHAPE(SignedFirmware, signed_firmware, 0, "Security Whitepaper §6.7", signed_firmware_fields);

static const struct bb_field signed_update_fields[] = {
        FIELD(signed_update_req, retries, "retries", BB_T_INT, COUNT_RANGE),
        FIELD(signed_update_req, retry_interval, "retryInterval", BB_T_INT, COUNT_RANGE),
        FIELD(signed_update_req, request_id, "requestId", BB_T_INT, .flags = BB_REQUIRED, INT32_RANGE),
        FIELD(signed_update_req, firmware, "firmware", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &SignedFirmware),
};
BB_SHAPE(SignedUpdateFirmwareRequest, signed_update_req, 0, "Security Whitepaper §5.21", signed_update_fields);

/* --- and what it answers --- */

#define STATUS_CONF(ident_, about_, values_)                                                                           \
        static const struct bb_field ident_##_fields[] = {                                                             \
                ENUM_FIELD(answer_status, status, "status", values_, .flags = BB_REQUIRED)};                           \
        BB_SHAPE(ident_, answer_status, BB_SHAPE_OPEN, about_, ident_##_fields)

STATUS_CONF(DeleteCertificateAnswer, "Security Whitepaper §5.4", delete_names);
STATUS_CONF(InstallCertificateAnswer, "Security Whitepaper §5.12", install_names);
STATUS_CONF(SignedUpdateFirmwareAnswer, "Security Whitepaper §5.22", update_answer_names);

static const struct bb_field hash_answer_fields[] = {
        ENUM_FIELD(certificate_hash, hash_algorithm, "hashAlgorithm", hash_names, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, issuer_name_hash, "issuerNameHash", 128, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, issuer_key_hash, "issuerKeyHash", 128, .flags = BB_REQUIRED),
        TEXT_FIELD(certificate_hash, serial_number, "serialNumber", 40, .flags = BB_REQUIRED),
};
static BB_SHAPE(InstalledCertificate, certificate_hash, BB_SHAPE_OPEN, "Security Whitepaper §6.1", hash_answer_fields);

static const struct bb_field certificate_ids_answer_fields[] = {
        FIELD(certificate_ids_conf, hashes, "certificateHashData", BB_T_ARRAY, .flags = BB_NULLABLE,
              .shape = &InstalledCertificate, .max = 1000),
        ENUM_FIELD(certificate_ids_conf, status, "status", ids_names, .flags = BB_REQUIRED),
};
BB_SHAPE(GetInstalledCertificateIdsAnswer, certificate_ids_conf, BB_SHAPE_OPEN, "Security Whitepaper §5.8",
         certificate_ids_answer_fields);

static const struct bb_field get_log_answer_fields[] = {
        ENUM_FIELD(get_log_conf, status, "status", log_answer_names, .flags = BB_REQUIRED),
        TEXT_FIELD(get_log_conf, filename, "filename", 255, .flags = BB_NULLABLE),
};
BB_SHAPE(GetLogAnswer, get_log_conf, BB_SHAPE_OPEN, "Security Whitepaper §5.10", get_log_answer_fields);
