/* SPDX-License-Identifier: Apache-2.0
 *
 * MeterValues (OCPP 1.6 §4.7): values stay text, as the station wrote them.
 */
#include "messages.h"

static bb_str either(bb_str kept, bb_str otherwise)
{
        return kept.ptr != NULL ? kept : otherwise;
}

/* "Wh" is the default for energy only (§7.43); for the rest a missing unit stays unknown. */
static bb_str unit_of(const struct sampled_value *v, bb_str measurand)
{
        static const char energy[] = "Energy.";

        if (BB_PRESENT(v, SAMPLED_UNIT))
                return bb_cstr(unit_names[v->unit]);
        if (measurand.len < sizeof(energy) - 1 || memcmp(measurand.ptr, energy, sizeof(energy) - 1) != 0)
                return BB_STR("");
        return BB_STR("Wh");
}

static struct bb_sample sample_from(int64_t at_ms, const struct sampled_value *v)
{
        static const struct sampled_kept nothing;
        const struct sampled_kept *kept = v->kept != NULL ? v->kept : &nothing;
        struct bb_sample s = {.at_ms = at_ms,
                              .measurand = bb_cstr(measurand_names[v->measurand]),
                              .phase = BB_PRESENT(v, SAMPLED_PHASE) ? bb_cstr(phase_names[v->phase]) : BB_STR(""),
                              .location = bb_cstr(location_names[v->location]),
                              .context = bb_cstr(context_names[v->context]),
                              .format = bb_cstr(format_names[v->format]),
                              .value = v->value};

        if (v->kept != NULL) {
                s.measurand = either(kept->measurand, s.measurand);
                s.phase = either(kept->phase, s.phase);
                s.location = either(kept->location, s.location);
                s.context = either(kept->context, s.context);
        }
        s.unit = either(kept->unit, unit_of(v, s.measurand));
        return s;
}

struct bb_sample *meter_samples(const struct bb_array *meter_values, size_t *ret_count)
{
        const struct meter_value *values = meter_values->items;
        struct bb_sample *samples;
        size_t count = 0;

        for (size_t i = 0; i < meter_values->count; i++)
                count += values[i].sampled_value.count;
        samples = BB_NEW_ARRAY(struct bb_sample, count);
        *ret_count = 0;
        for (size_t i = 0; i < meter_values->count; i++) {
                const struct sampled_value *sampled = values[i].sampled_value.items;

                for (size_t k = 0; k < values[i].sampled_value.count; k++)
                        samples[(*ret_count)++] = sample_from(told_time(values[i].timestamp), &sampled[k]);
        }
        return samples;
}

BB_AWAIT bb_err message_meter_values(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct meter_values_req *m = message;
        const struct meter_value *values = m->meter_value.items;
        struct bb_station_ref ref = station_ref(st);
        /* A transaction id of 0 or less is none that we ever gave out; the domain keeps the samples with the connector.
         */
        int64_t transaction_id = BB_PRESENT(m, METER_VALUES_TRANSACTION_ID) ? m->transaction_id : 0;
        struct bb_sample *samples;
        size_t count;
        bb_err err;

        (void)ret_answer;
        samples = meter_samples(&m->meter_value, &count);
        if (count == 0) /* in a message that was mended: there is nothing to store */
                return BB_OK;
        station_told_time(st, told_time(values[m->meter_value.count - 1].timestamp));
        UNTIL_STORED(err, charging->session_samples(&ref, m->connector_id, transaction_id, samples, count));
        return err;
}
