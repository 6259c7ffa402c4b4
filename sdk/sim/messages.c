/* SPDX-License-Identifier: Apache-2.0
 *
 * The payloads of the CALLs, members in the order of the specification's schemas.
 */
#include "base/time.h"
#include "sim.h"

static void add_time(struct buf *to, int64_t ms)
{
        char text[32];

        time_format(ms, text);
        buf_print(to, "\"%s\"", text);
}

void message_boot(struct buf *to, const struct station *st)
{
        buf_print(to,
                  "{\"chargePointVendor\":\"Busbar Simulator\",\"chargePointModel\":\"%s\","
                  "\"chargePointSerialNumber\":\"BS%010u\",\"firmwareVersion\":\"1.0.%u\",\"meterType\":\"%s\","
                  "\"meterSerialNumber\":\"M%09u\"}",
                  st->is_dc ? "Fast DC" : "Wall AC", st->index, st->index % 4, st->is_dc ? "DC shunt" : "AC MID",
                  st->index);
}

const char *message_status_text(const struct connector *c)
{
        static const char *const names[] = {
                [PHASE_AVAILABLE] = "Available",     [PHASE_AUTHORIZING] = "Available", [PHASE_PREPARING] = "Preparing",
                [PHASE_CHARGING] = "Charging",       [PHASE_SUSPENDED] = "SuspendedEV", [PHASE_FINISHING] = "Finishing",
                [PHASE_UNAVAILABLE] = "Unavailable",
        };

        if (c->phase == PHASE_AUTHORIZING && c->plugged)
                return "Preparing";
        return names[c->phase];
}

void message_status(struct buf *to, const struct station *st, int32_t connector)
{
        const char *status = st->out_of_service ? "Unavailable" : "Available";

        if (connector > 0)
                status = message_status_text(&st->connectors[connector - 1]);
        buf_print(to, "{\"connectorId\":%d,\"errorCode\":\"NoError\",\"status\":\"%s\",\"timestamp\":", connector,
                  status);
        add_time(to, time_now_ms());
        buf_add_char(to, '}');
}

void message_authorize(struct buf *to, const char *tag)
{
        buf_add_c(to, "{\"idTag\":");
        buf_add_json_str(to, bb_cstr(tag));
        buf_add_char(to, '}');
}

void message_start(struct buf *to, const struct connector *c, int64_t at_ms)
{
        buf_print(to, "{\"connectorId\":%d,\"idTag\":", c->number);
        buf_add_json_str(to, bb_cstr(c->tag));
        buf_print(to, ",\"meterStart\":%lld,\"timestamp\":", (long long)c->register_wh);
        add_time(to, at_ms);
        buf_add_char(to, '}');
}

static void add_sample(struct buf *to, double value, int digits, const char *context, const char *measurand,
                       const char *phase, const char *location, const char *unit)
{
        if (to->ptr[to->len - 1] == '}')
                buf_add_char(to, ',');
        buf_print(to, "{\"value\":\"%.*f\",\"context\":\"%s\",\"measurand\":\"%s\"", digits, value, context, measurand);
        if (phase != NULL)
                buf_print(to, ",\"phase\":\"%s\"", phase);
        buf_print(to, ",\"location\":\"%s\",\"unit\":\"%s\"}", location, unit);
}

static void add_ac_samples(struct buf *to, struct station *st, const struct connector *c, const char *context)
{
        static const char *const lines[] = {"L1", "L2", "L3"}, *const voltages[] = {"L1-N", "L2-N", "L3-N"};
        double amperes = curve_amperes(&c->curve);

        for (int i = 0; i < c->curve.phases; i++)
                add_sample(to, amperes * (0.99 + 0.02 * chance_unit(st)), 2, context, "Current.Import", lines[i],
                           "Outlet", "A");
        for (int i = 0; i < c->curve.phases; i++)
                add_sample(to, curve_volts(&c->curve) + 2 * chance_unit(st) - 1, 1, context, "Voltage", voltages[i],
                           "Outlet", "V");
}

static void add_dc_samples(struct buf *to, const struct connector *c, const char *context)
{
        add_sample(to, curve_amperes(&c->curve), 2, context, "Current.Import", NULL, "Outlet", "A");
        add_sample(to, curve_volts(&c->curve), 1, context, "Voltage", NULL, "Outlet", "V");
        add_sample(to, (int)(c->curve.soc * 100), 0, context, "SoC", NULL, "EV", "Percent");
}

static void add_meter_value(struct buf *to, struct station *st, const struct connector *c, const char *context,
                            int64_t at_ms)
{
        buf_add_c(to, "{\"timestamp\":");
        add_time(to, at_ms);
        buf_add_c(to, ",\"sampledValue\":[");
        add_sample(to, (double)(int64_t)c->register_wh, 0, context, "Energy.Active.Import.Register", NULL, "Outlet",
                   "Wh");
        add_sample(to, c->curve.power_w * (0.995 + 0.01 * chance_unit(st)), 0, context, "Power.Active.Import", NULL,
                   "Outlet", "W");
        if (c->curve.is_dc)
                add_dc_samples(to, c, context);
        else
                add_ac_samples(to, st, c, context);
        buf_add_c(to, "]}");
}

void message_meter(struct buf *to, struct station *st, struct connector *c, const char *context, int64_t at_ms)
{
        buf_print(to, "{\"connectorId\":%d,", c->number);
        if (c->tx != NULL)
                buf_print(to, "\"transactionId\":%c,", ID_PLACE);
        buf_add_c(to, "\"meterValue\":[");
        add_meter_value(to, st, c, context, at_ms);
        buf_add_c(to, "]}");
}

/* Half of the makes send the last sample along. */
void message_stop(struct buf *to, struct station *st, struct connector *c, int64_t at_ms)
{
        buf_add_char(to, '{');
        if (strcmp(c->stop_reason, "Local") == 0) {
                buf_add_c(to, "\"idTag\":");
                buf_add_json_str(to, bb_cstr(c->tag));
                buf_add_char(to, ',');
        }
        buf_print(to, "\"meterStop\":%lld,\"timestamp\":", (long long)c->register_wh);
        add_time(to, at_ms);
        buf_print(to, ",\"transactionId\":%c,\"reason\":\"%s\"", ID_PLACE, c->stop_reason);
        if (st->index % 2 == 0) {
                buf_add_c(to, ",\"transactionData\":[");
                add_meter_value(to, st, c, "Transaction.End", at_ms);
                buf_add_char(to, ']');
        }
        buf_add_char(to, '}');
}
