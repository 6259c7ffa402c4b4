/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station answers to a command (OCPP 1.6 edition 2 §6). Open, and without limits on the text of configuration
 * values (stations exceed 500 characters): the station has acted already, so the operator should see what it said.
 */
#include "shapes.h"

static const char *const accepted_rejected_names[] = {"Accepted", "Rejected", NULL};
static const char *const availability_names[] = {"Accepted", "Rejected", "Scheduled", NULL};
static const char *const configuration_names[] = {"Accepted", "Rejected", "RebootRequired", "NotSupported", NULL};
static const char *const unlock_names[] = {"Unlocked", "UnlockFailed", "NotSupported", NULL};
static const char *const trigger_names[] = {"Accepted", "Rejected", "NotImplemented", NULL};
static const char *const clear_profile_names[] = {"Accepted", "Unknown", NULL};
static const char *const set_profile_names[] = {"Accepted", "Rejected", "NotSupported", NULL};
static const char *const reservation_names[] = {"Accepted", "Faulted", "Occupied", "Rejected", "Unavailable", NULL};
static const char *const local_list_names[] = {"Accepted", "Failed", "NotSupported", "VersionMismatch", NULL};

/* Nine answers are nothing but a status. */
#define STATUS_ANSWER(ident_, about_, values_)                                                                         \
        static const struct bb_field ident_##_fields[] = {                                                             \
                ENUM_FIELD(answer_status, status, "status", values_, .flags = BB_REQUIRED)};                           \
        BB_SHAPE(ident_, answer_status, BB_SHAPE_OPEN, about_, ident_##_fields)

STATUS_ANSWER(AcceptedRejectedAnswer, "OCPP 1.6 §6.6, §6.12, §6.34, §6.36, §6.40", accepted_rejected_names);
STATUS_ANSWER(ChangeAvailabilityAnswer, "OCPP 1.6 §6.8", availability_names);
STATUS_ANSWER(ChangeConfigurationAnswer, "OCPP 1.6 §6.10", configuration_names);
STATUS_ANSWER(UnlockConnectorAnswer, "OCPP 1.6 §6.54", unlock_names);
STATUS_ANSWER(TriggerMessageAnswer, "OCPP 1.6 §6.52", trigger_names);
STATUS_ANSWER(ClearChargingProfileAnswer, "OCPP 1.6 §6.14", clear_profile_names);
STATUS_ANSWER(SetChargingProfileAnswer, "OCPP 1.6 §6.44", set_profile_names);
STATUS_ANSWER(ReserveNowAnswer, "OCPP 1.6 §6.38", reservation_names);
STATUS_ANSWER(SendLocalListAnswer, "OCPP 1.6 §6.42", local_list_names);

static const struct bb_field empty_answer_fields[1];

const struct bb_shape EmptyAnswer = {.size = sizeof(struct bb_shape),
                                     .field_size = sizeof(struct bb_field),
                                     .name = "EmptyAnswer",
                                     .about = "OCPP 1.6 §6.56",
                                     .fields = empty_answer_fields,
                                     .field_count = 0,
                                     .struct_size = sizeof(struct empty),
                                     .flags = BB_SHAPE_OPEN,
                                     .present_offset = (int32_t)offsetof(struct empty, present)};

static const struct bb_field data_transfer_answer_fields[] = {
        ENUM_FIELD(data_transfer_conf, status, "status", data_transfer_status_names, .flags = BB_REQUIRED),
        FIELD(data_transfer_conf, data, "data", BB_T_JSON),
};
BB_SHAPE(DataTransferAnswer, data_transfer_conf, BB_SHAPE_OPEN, "OCPP 1.6 §6.16", data_transfer_answer_fields);

static const struct bb_field configuration_key_answer_fields[] = {
        TEXT_FIELD(configuration_key, key, "key", 50, .flags = BB_REQUIRED),
        FIELD(configuration_key, readonly, "readonly", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(configuration_key, value, "value", BB_T_STR, .flags = BB_NULLABLE),
};
static BB_SHAPE(KeyValue, configuration_key, BB_SHAPE_OPEN, "OCPP 1.6 §7.29", configuration_key_answer_fields);

static const struct bb_field get_configuration_answer_fields[] = {
        FIELD(get_configuration_conf, configuration_key, "configurationKey", BB_T_ARRAY, .flags = BB_NULLABLE,
              .shape = &KeyValue, .max = 10000),
        FIELD(get_configuration_conf, unknown_key, "unknownKey", BB_T_ARRAY, .flags = BB_NULLABLE, .item = BB_T_STR,
              .max = 10000),
};
BB_SHAPE(GetConfigurationAnswer, get_configuration_conf, BB_SHAPE_OPEN, "OCPP 1.6 §6.24",
         get_configuration_answer_fields);

static const struct bb_field get_diagnostics_answer_fields[] = {
        TEXT_FIELD(get_diagnostics_conf, file_name, "fileName", 255, .flags = BB_NULLABLE),
};
BB_SHAPE(GetDiagnosticsAnswer, get_diagnostics_conf, BB_SHAPE_OPEN, "OCPP 1.6 §6.26", get_diagnostics_answer_fields);

static const struct bb_field local_list_version_answer_fields[] = {
        FIELD(get_local_list_version_conf, list_version, "listVersion", BB_T_INT, .flags = BB_REQUIRED),
};
BB_SHAPE(GetLocalListVersionAnswer, get_local_list_version_conf, BB_SHAPE_OPEN, "OCPP 1.6 §6.28",
         local_list_version_answer_fields);

static const struct bb_field composite_answer_fields[] = {
        ENUM_FIELD(get_composite_schedule_conf, status, "status", accepted_rejected_names, .flags = BB_REQUIRED),
        FIELD(get_composite_schedule_conf, connector_id, "connectorId", BB_T_INT),
        FIELD(get_composite_schedule_conf, schedule_start, "scheduleStart", BB_T_TIME),
        FIELD(get_composite_schedule_conf, schedule, "chargingSchedule", BB_T_OBJECT, .flags = BB_PTR,
              .shape = &ChargingSchedule),
};
BB_SHAPE(GetCompositeScheduleAnswer, get_composite_schedule_conf, BB_SHAPE_OPEN, "OCPP 1.6 §6.22",
         composite_answer_fields);
