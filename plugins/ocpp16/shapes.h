/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of OCPP 1.6 edition 2 as structs, and the shapes that read and write them. From the station:
 * shapes_station.c and shapes_meter.c; to it: shapes_command.c and shapes_answer.c. Members are in the order of the
 * specification's JSON schemas, which is the order in which they are written.
 */
#ifndef OCPP16_SHAPES_H
#define OCPP16_SHAPES_H

#include <busbar/shape.h>

/* One line of a shape's table; a column after the kind is a designated initialiser of struct bb_field. */
#define FIELD(struct_, member_, name_, kind_, ...)                                                                     \
        {                                                                                                              \
                .name = (name_), .type = (kind_), .offset = (uint32_t)offsetof(struct struct_, member_), ##__VA_ARGS__ \
        }
/* A CiString or string of at most `max_` characters. */
#define TEXT_FIELD(struct_, member_, name_, max_, ...)                                                                 \
        FIELD(struct_, member_, name_, BB_T_STR, .max = (max_), ##__VA_ARGS__)
#define ENUM_FIELD(struct_, member_, name_, values_, ...)                                                              \
        FIELD(struct_, member_, name_, BB_T_ENUM, .values = (values_), ##__VA_ARGS__)

enum {
        ID_TAG_CHARS = 20,        /* §7.28 IdToken, a CiString20Type */
        KEY_CHARS = 50,           /* of a configuration key */
        MAX_CONNECTOR_ID = 255,   /* no station has more; a bound for what a message may create */
        MAX_METER_VALUES = 10000, /* of one message; the size of a frame limits it further */
        MAX_SAMPLED_VALUES = 1000,
};

/* A message without members. */
struct empty {
        uint64_t present;
};

/* --- from the station --- */
struct authorize_req {
        uint64_t present;
        bb_str id_tag;
};
struct id_tag_info {
        uint64_t present;
        int64_t expiry_date;
        bb_str parent_id_tag;
        int32_t status; /* BB_AUTH_…: the specification's order is the domain's */
};
enum { ID_TAG_INFO_EXPIRY_DATE = 0, ID_TAG_INFO_PARENT = 1, ID_TAG_INFO_STATUS = 2 };
struct authorize_conf {
        uint64_t present;
        struct id_tag_info id_tag_info;
};
struct boot_req {
        uint64_t present;
        bb_str vendor, model, serial_number, box_serial_number, firmware_version, iccid, imsi, meter_type,
                meter_serial_number;
};
struct boot_conf {
        uint64_t present;
        int32_t status;
        int32_t reserved;
        int64_t current_time, interval;
};
enum { BOOT_ACCEPTED = 0 };
struct heartbeat_conf {
        uint64_t present;
        int64_t current_time;
};
struct data_transfer_req {
        uint64_t present;
        bb_str vendor_id, message_id;
        bb_json *data;
};
struct data_transfer_command {
        uint64_t present;
        bb_str vendor_id, message_id, data;
};
struct data_transfer_conf {
        uint64_t present;
        int32_t status;
        int32_t reserved;
        bb_json *data;
};
enum { DATA_ACCEPTED = 0, DATA_REJECTED = 1, DATA_UNKNOWN_MESSAGE_ID = 2, DATA_UNKNOWN_VENDOR_ID = 3 };
struct file_status_req { /* DiagnosticsStatusNotification and FirmwareStatusNotification */
        uint64_t present;
        int32_t status;
};
struct status_req {
        uint64_t present;
        int64_t connector_id;
        int32_t error_code, status;
        bb_str info, vendor_id, vendor_error_code;
        int64_t timestamp;
};
enum { STATUS_REQ_TIMESTAMP = 4 };
struct start_req {
        uint64_t present;
        int64_t connector_id, meter_start, reservation_id, timestamp;
        bb_str id_tag;
};
struct start_conf {
        uint64_t present;
        struct id_tag_info id_tag_info;
        int64_t transaction_id;
};
struct stop_req {
        uint64_t present;
        bb_str id_tag;
        int64_t meter_stop, timestamp, transaction_id;
        int32_t reason;
        struct bb_array transaction_data; /* of struct meter_value */
};
enum { STOP_REQ_ID_TAG = 0, STOP_REQ_REASON = 4 };
struct stop_conf {
        uint64_t present;
        struct id_tag_info *id_tag_info;
};
struct sampled_kept { /* what the enumerations do not have, as the station wrote it (repair.c) */
        uint64_t present;
        bb_str context, measurand, phase, location, unit;
};
struct sampled_value {
        uint64_t present;
        bb_str value;
        int32_t context, format, measurand, phase, location, unit;
        struct sampled_kept *kept; /* NULL but in a message that was mended */
};
enum { SAMPLED_PHASE = 4, SAMPLED_UNIT = 6 };
struct meter_value {
        uint64_t present;
        int64_t timestamp;
        struct bb_array sampled_value; /* of struct sampled_value */
};
struct meter_values_req {
        uint64_t present;
        int64_t connector_id, transaction_id;
        struct bb_array meter_value; /* of struct meter_value */
};
enum { METER_VALUES_TRANSACTION_ID = 1 };

extern const struct bb_shape EmptyMessage BB_HIDDEN;
extern const struct bb_shape AuthorizeRequest BB_HIDDEN, AuthorizeResponse BB_HIDDEN;
extern const struct bb_shape BootNotificationRequest BB_HIDDEN, BootNotificationResponse BB_HIDDEN;
extern const struct bb_shape HeartbeatResponse BB_HIDDEN;
extern const struct bb_shape DataTransferRequest BB_HIDDEN, DataTransferResponse BB_HIDDEN;
extern const struct bb_shape DiagnosticsStatusRequest BB_HIDDEN, FirmwareStatusRequest BB_HIDDEN;
extern const struct bb_shape StatusNotificationRequest BB_HIDDEN;
extern const struct bb_shape StartTransactionRequest BB_HIDDEN, StartTransactionResponse BB_HIDDEN;
extern const struct bb_shape StopTransactionRequest BB_HIDDEN, StopTransactionResponse BB_HIDDEN;
extern const struct bb_shape MeterValuesRequest BB_HIDDEN;
extern const struct bb_shape SampledValue BB_HIDDEN, SampledValueKept BB_HIDDEN;
extern const struct bb_shape MeterValue BB_HIDDEN;            /* at least one sample */
extern const struct bb_shape TransactionMeterValue BB_HIDDEN; /* in a StopTransaction: any number */
extern const struct bb_shape IdTagInfo BB_HIDDEN;

/* Names by index, ended by NULL. */
extern const char *const status_names[] BB_HIDDEN;
extern const char *const error_code_names[] BB_HIDDEN;
extern const char *const stop_reason_names[] BB_HIDDEN;
extern const char *const diagnostics_status_names[] BB_HIDDEN;
extern const char *const firmware_status_names[] BB_HIDDEN;
extern const char *const data_transfer_status_names[] BB_HIDDEN;
extern const char *const context_names[] BB_HIDDEN;
extern const char *const format_names[] BB_HIDDEN;
extern const char *const measurand_names[] BB_HIDDEN;
extern const char *const phase_names[] BB_HIDDEN;
extern const char *const location_names[] BB_HIDDEN;
extern const char *const unit_names[] BB_HIDDEN;
extern const char *const trigger_request_names[] BB_HIDDEN;

/* --- to the station --- */
struct connector_req { /* UnlockConnector */
        uint64_t present;
        int64_t connector_id;
};
struct change_availability_req {
        uint64_t present;
        int64_t connector_id;
        int32_t type;
};
struct change_configuration_req {
        uint64_t present;
        bb_str key, value;
};
struct get_configuration_req {
        uint64_t present;
        struct bb_array key; /* of bb_str */
};
struct schedule_period {
        uint64_t present;
        int64_t start_period, limit_deci, number_phases;
};
struct charging_schedule {
        uint64_t present;
        int64_t duration, start_schedule, min_charging_rate_deci;
        int32_t charging_rate_unit;
        struct bb_array periods; /* of struct schedule_period */
};
struct charging_profile {
        uint64_t present;
        int64_t charging_profile_id, transaction_id, stack_level, valid_from, valid_to;
        int32_t purpose, kind, recurrency_kind;
        struct charging_schedule schedule;
};
struct remote_start_req {
        uint64_t present;
        int64_t connector_id;
        bb_str id_tag;
        struct charging_profile *charging_profile;
};
enum { REMOTE_START_CONNECTOR_ID = 0, REMOTE_START_ID_TAG = 1 };
struct remote_stop_req {
        uint64_t present;
        int64_t transaction_id;
};
struct reset_req {
        uint64_t present;
        int32_t type;
};
struct trigger_message_req {
        uint64_t present;
        int32_t requested_message;
        int32_t reserved;
        int64_t connector_id;
};
struct get_diagnostics_req {
        uint64_t present;
        bb_str location;
        int64_t retries, retry_interval, start_time, stop_time;
};
struct update_firmware_req {
        uint64_t present;
        bb_str location;
        int64_t retries, retrieve_date, retry_interval;
};
struct cancel_reservation_req {
        uint64_t present;
        int64_t reservation_id;
};
struct reserve_now_req {
        uint64_t present;
        int64_t connector_id, expiry_date, reservation_id;
        bb_str id_tag, parent_id_tag;
};
enum { RESERVE_CONNECTOR, RESERVE_EXPIRY, RESERVE_ID_TAG, RESERVE_PARENT, RESERVE_ID };
struct local_list_entry {
        uint64_t present;
        bb_str id_tag;
        struct id_tag_info *id_tag_info;
};
struct send_local_list_req {
        uint64_t present;
        int64_t list_version;
        struct bb_array entries; /* of struct local_list_entry */
        int32_t update_type;
};
struct clear_charging_profile_req {
        uint64_t present;
        int64_t id, connector_id, stack_level;
        int32_t purpose;
};
struct get_composite_schedule_req {
        uint64_t present;
        int64_t connector_id, duration;
        int32_t charging_rate_unit;
};
struct set_charging_profile_req {
        uint64_t present;
        int64_t connector_id;
        struct charging_profile profile;
};

extern const struct bb_shape DataTransferCommand BB_HIDDEN;
extern const struct bb_shape ChangeAvailabilityRequest BB_HIDDEN, ChangeConfigurationRequest BB_HIDDEN;
extern const struct bb_shape GetConfigurationRequest BB_HIDDEN, RemoteStartTransactionRequest BB_HIDDEN;
extern const struct bb_shape RemoteStopTransactionRequest BB_HIDDEN, ResetRequest BB_HIDDEN;
extern const struct bb_shape UnlockConnectorRequest BB_HIDDEN, TriggerMessageRequest BB_HIDDEN;
extern const struct bb_shape GetDiagnosticsRequest BB_HIDDEN, UpdateFirmwareRequest BB_HIDDEN;
extern const struct bb_shape CancelReservationRequest BB_HIDDEN, ReserveNowRequest BB_HIDDEN;
extern const struct bb_shape SendLocalListRequest BB_HIDDEN, ClearChargingProfileRequest BB_HIDDEN;
extern const struct bb_shape GetCompositeScheduleRequest BB_HIDDEN, SetChargingProfileRequest BB_HIDDEN;
extern const struct bb_shape ChargingSchedule BB_HIDDEN, ChargingProfile BB_HIDDEN;

/* --- and what it answers --- */
struct answer_status {
        uint64_t present;
        int32_t status;
};
struct configuration_key {
        uint64_t present;
        bb_str key, value;
        int32_t readonly;
};
struct get_configuration_conf {
        uint64_t present;
        struct bb_array configuration_key; /* of struct configuration_key */
        struct bb_array unknown_key;       /* of bb_str */
};
struct get_diagnostics_conf {
        uint64_t present;
        bb_str file_name;
};
struct get_local_list_version_conf {
        uint64_t present;
        int64_t list_version;
};
struct get_composite_schedule_conf {
        uint64_t present;
        int64_t connector_id, schedule_start;
        int32_t status;
        struct charging_schedule *schedule;
};

extern const struct bb_shape AcceptedRejectedAnswer BB_HIDDEN, ChangeAvailabilityAnswer BB_HIDDEN;
extern const struct bb_shape ChangeConfigurationAnswer BB_HIDDEN, UnlockConnectorAnswer BB_HIDDEN;
extern const struct bb_shape TriggerMessageAnswer BB_HIDDEN, DataTransferAnswer BB_HIDDEN;
extern const struct bb_shape GetConfigurationAnswer BB_HIDDEN, GetDiagnosticsAnswer BB_HIDDEN;
extern const struct bb_shape ClearChargingProfileAnswer BB_HIDDEN, SetChargingProfileAnswer BB_HIDDEN;
extern const struct bb_shape ReserveNowAnswer BB_HIDDEN, SendLocalListAnswer BB_HIDDEN;
extern const struct bb_shape GetLocalListVersionAnswer BB_HIDDEN, GetCompositeScheduleAnswer BB_HIDDEN;
extern const struct bb_shape EmptyAnswer BB_HIDDEN;

#endif
