/* SPDX-License-Identifier: Apache-2.0
 *
 * Meter values (OCPP 1.6 edition 2 §6.31, §7.32, §7.33, §7.43) with their enumerations, and the defaults that the
 * specification gives to what a station leaves out.
 */
#include "shapes.h"

const char *const context_names[] = {"Interruption.Begin",
                                     "Interruption.End",
                                     "Sample.Clock",
                                     "Sample.Periodic",
                                     "Transaction.Begin",
                                     "Transaction.End",
                                     "Trigger",
                                     "Other",
                                     NULL};
const char *const format_names[] = {"Raw", "SignedData", NULL};
const char *const measurand_names[] = {"Energy.Active.Export.Register",
                                       "Energy.Active.Import.Register",
                                       "Energy.Reactive.Export.Register",
                                       "Energy.Reactive.Import.Register",
                                       "Energy.Active.Export.Interval",
                                       "Energy.Active.Import.Interval",
                                       "Energy.Reactive.Export.Interval",
                                       "Energy.Reactive.Import.Interval",
                                       "Power.Active.Export",
                                       "Power.Active.Import",
                                       "Power.Offered",
                                       "Power.Reactive.Export",
                                       "Power.Reactive.Import",
                                       "Power.Factor",
                                       "Current.Import",
                                       "Current.Export",
                                       "Current.Offered",
                                       "Voltage",
                                       "Frequency",
                                       "Temperature",
                                       "SoC",
                                       "RPM",
                                       NULL};
const char *const phase_names[] = {"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1", NULL};
const char *const location_names[] = {"Cable", "EV", "Inlet", "Outlet", "Body", NULL};
/* The first edition and its JSON schema wrote "Celcius"; stations send both. */
const char *const unit_names[] = {"Wh",   "kWh", "varh", "kvarh", "W",       "kW",      "VA",         "kVA",     "var",
                                  "kvar", "A",   "V",    "K",     "Celcius", "Celsius", "Fahrenheit", "Percent", NULL};

static const struct bb_field sampled_value_fields[] = {
        FIELD(sampled_value, value, "value", BB_T_STR, .flags = BB_REQUIRED),
        ENUM_FIELD(sampled_value, context, "context", context_names, .fallback = "Sample.Periodic"),
        ENUM_FIELD(sampled_value, format, "format", format_names, .fallback = "Raw"),
        ENUM_FIELD(sampled_value, measurand, "measurand", measurand_names, .fallback = "Energy.Active.Import.Register"),
        ENUM_FIELD(sampled_value, phase, "phase", phase_names),
        ENUM_FIELD(sampled_value, location, "location", location_names, .fallback = "Outlet"),
        ENUM_FIELD(sampled_value, unit, "unit", unit_names),
};
BB_SHAPE(SampledValue, sampled_value, 0, "OCPP 1.6 §7.43", sampled_value_fields);

static const struct bb_field sampled_kept_fields[] = {
        FIELD(sampled_kept, context, "context", BB_T_STR), FIELD(sampled_kept, measurand, "measurand", BB_T_STR),
        FIELD(sampled_kept, phase, "phase", BB_T_STR),     FIELD(sampled_kept, location, "location", BB_T_STR),
        FIELD(sampled_kept, unit, "unit", BB_T_STR),
};
BB_SHAPE(SampledValueKept, sampled_kept, 0, "What no enumeration of OCPP 1.6 §7.43 has.", sampled_kept_fields);

static const struct bb_field meter_value_fields[] = {
        FIELD(meter_value, timestamp, "timestamp", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(meter_value, sampled_value, "sampledValue", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &SampledValue,
              .min = 1, .max = MAX_SAMPLED_VALUES),
};
BB_SHAPE(MeterValue, meter_value, 0, "OCPP 1.6 §7.32", meter_value_fields);

/* A stop with an empty list of samples is taken: to refuse it would lose the stop. */
static const struct bb_field transaction_meter_value_fields[] = {
        FIELD(meter_value, timestamp, "timestamp", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(meter_value, sampled_value, "sampledValue", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &SampledValue,
              .max = MAX_SAMPLED_VALUES),
};
BB_SHAPE(TransactionMeterValue, meter_value, 0, "OCPP 1.6 §7.32", transaction_meter_value_fields);

static const struct bb_field meter_values_fields[] = {
        FIELD(meter_values_req, connector_id, "connectorId", BB_T_INT, .flags = BB_REQUIRED, .min = 0,
              .max = MAX_CONNECTOR_ID),
        FIELD(meter_values_req, transaction_id, "transactionId", BB_T_INT),
        FIELD(meter_values_req, meter_value, "meterValue", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &MeterValue,
              .min = 1, .max = MAX_METER_VALUES),
};
BB_SHAPE(MeterValuesRequest, meter_values_req, 0, "OCPP 1.6 §6.31", meter_values_fields);
