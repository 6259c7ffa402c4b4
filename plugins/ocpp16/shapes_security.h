/* SPDX-License-Identifier: Apache-2.0
 *
 * The eleven messages of "Improved security for OCPP 1.6-J", edition 3 (the Security Whitepaper): §5, types in §6.
 * Members are in the order of its JSON schemas. shapes_security.c.
 */
#ifndef OCPP16_SHAPES_SECURITY_H
#define OCPP16_SHAPES_SECURITY_H

#include "shapes.h"

enum { PEM_CHARS = 5500, CHAIN_CHARS = 10000, SIGNATURE_CHARS = 800, REMOTE_CHARS = 512 };

/* --- from the station --- */
struct security_event_req {
        uint64_t present;
        bb_str type;
        int64_t timestamp;
        bb_str tech_info;
};
struct sign_certificate_req {
        uint64_t present;
        bb_str csr;
};
struct request_status_req { /* LogStatusNotification and SignedFirmwareStatusNotification */
        uint64_t present;
        int32_t status;
        int32_t reserved;
        int64_t request_id;
};
enum { REQUEST_STATUS_REQUEST_ID = 1 };
struct generic_status_conf {
        uint64_t present;
        int32_t status;
};
enum { GENERIC_ACCEPTED = 0, GENERIC_REJECTED = 1 };

extern const struct bb_shape SecurityEventRequest BB_HIDDEN, SignCertificateRequest BB_HIDDEN;
extern const struct bb_shape LogStatusRequest BB_HIDDEN, SignedFirmwareStatusRequest BB_HIDDEN;
extern const struct bb_shape SignCertificateResponse BB_HIDDEN;
extern const char *const log_status_names[] BB_HIDDEN;
extern const char *const signed_firmware_status_names[] BB_HIDDEN;
extern const char *const extended_trigger_names[] BB_HIDDEN;

/* --- to the station --- */
struct certificate_signed_req {
        uint64_t present;
        bb_str certificate_chain;
};
struct certificate_hash {
        uint64_t present;
        int32_t hash_algorithm;
        int32_t reserved;
        bb_str issuer_name_hash, issuer_key_hash, serial_number;
};
struct delete_certificate_req {
        uint64_t present;
        struct certificate_hash hash;
};
struct extended_trigger_req {
        uint64_t present;
        int32_t requested_message;
        int32_t reserved;
        int64_t connector_id;
};
struct certificate_ids_req {
        uint64_t present;
        int32_t certificate_type;
};
struct log_parameters {
        uint64_t present;
        bb_str remote_location;
        int64_t oldest, latest;
};
struct get_log_req {
        uint64_t present;
        struct log_parameters log;
        int32_t log_type;
        int32_t reserved;
        int64_t request_id, retries, retry_interval;
};
struct install_certificate_req {
        uint64_t present;
        int32_t certificate_type;
        int32_t reserved;
        bb_str certificate;
};
struct signed_firmware {
        uint64_t present;
        bb_str location;
        int64_t retrieve_at, install_at;
        bb_str signing_certificate, signature;
};
struct signed_update_req {
        uint64_t present;
        int64_t retries, retry_interval, request_id;
        struct signed_firmware firmware;
};

extern const struct bb_shape CertificateSignedRequest BB_HIDDEN, DeleteCertificateRequest BB_HIDDEN;
extern const struct bb_shape ExtendedTriggerMessageRequest BB_HIDDEN, GetInstalledCertificateIdsRequest BB_HIDDEN;
extern const struct bb_shape GetLogRequest BB_HIDDEN, InstallCertificateRequest BB_HIDDEN;
extern const struct bb_shape SignedUpdateFirmwareRequest BB_HIDDEN;

/* --- and what it answers --- */
struct certificate_ids_conf {
        uint64_t present;
        struct bb_array hashes; /* of struct certificate_hash */
        int32_t status;
};
struct get_log_conf {
        uint64_t present;
        int32_t status;
        int32_t reserved;
        bb_str filename;
};

extern const struct bb_shape DeleteCertificateAnswer BB_HIDDEN, GetInstalledCertificateIdsAnswer BB_HIDDEN;
extern const struct bb_shape GetLogAnswer BB_HIDDEN, InstallCertificateAnswer BB_HIDDEN;
extern const struct bb_shape SignedUpdateFirmwareAnswer BB_HIDDEN;

#endif
