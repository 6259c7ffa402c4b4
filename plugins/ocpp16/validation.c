/* SPDX-License-Identifier: Apache-2.0
 *
 * The level that counts for a connection, and what happens to a message that its shape refuses. Nothing here is on the
 * way of a message that keeps to the specification.
 */
#include "validation.h"
#include "interop.h"
#include "metrics.h"
#include "ocpp16.h"
#include "shapes.h"

#include <busbar/rt.h>
#include <strings.h>

static const struct bb_field rule_fields[] = {
        FIELD(validation_rule, vendor, "vendor", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 255,
              .about = "As in the BootNotification; a * at the end stands for anything."),
        FIELD(validation_rule, model, "model", BB_T_STR, .min = 1, .max = 255,
              .about = "As in the BootNotification; a * at the end stands for anything. Absent: each model."),
        ENUM_FIELD(validation_rule, level, "level", level_names, .flags = BB_REQUIRED,
                   .about = "How strictly messages of such stations are checked."),
        FIELD(validation_rule, zone, "zoneless_dates", BB_T_STR, .min = 1, .max = 64,
              .about = "The time zone of their dates that have none, like Europe/Berlin."),
};
BB_SHAPE(ValidationRule, validation_rule, 0, "Another level of validation for stations of a vendor and model.",
         rule_fields);

/* --- which level --- */

static int32_t fits(bb_str pattern, bb_str s)
{
        int32_t open = pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*';
        size_t len = pattern.len - (size_t)open;

        if (pattern.ptr == NULL)
                return 1;
        if (open ? s.len < len : s.len != len)
                return 0;
        return len == 0 || strncasecmp(pattern.ptr, s.ptr, len) == 0;
}

int32_t validation_match(const struct options *o, bb_str vendor, bb_str model)
{
        const struct validation_rule *rules = o->validation_rules.items;

        for (size_t i = 0; i < o->validation_rules.count; i++) {
                if (fits(rules[i].vendor, vendor) && fits(rules[i].model, model))
                        return (int32_t)i;
        }
        return -1;
}

struct validation validation_at(const struct options *o, int32_t rule)
{
        const struct validation_rule *rules = o->validation_rules.items;
        struct validation v = {.level = o->validation, .zone = o->zoneless_dates};

        if (rule < 0 || (size_t)rule >= o->validation_rules.count)
                return v;
        v.level = rules[rule].level;
        if (rules[rule].zone.ptr != NULL)
                v.zone = rules[rule].zone;
        return v;
}

static int32_t is_zone(bb_str name)
{
        const bb_zone *zone;

        return name.ptr == NULL || bb_str_is(name, "UTC") || bb_zone_open(name, &zone) == BB_OK;
}

const char *validation_check(const struct options *o)
{
        const struct validation_rule *rules = o->validation_rules.items;

        if (!is_zone(o->zoneless_dates))
                return "zoneless_dates must be the name of a time zone, like Europe/Berlin";
        for (size_t i = 0; i < o->validation_rules.count; i++) {
                if (!is_zone(rules[i].zone))
                        return "validation_rules: zoneless_dates must be the name of a time zone, like Europe/Berlin";
        }
        return NULL;
}

void validation_learn(struct station *st, bb_str vendor, bb_str model)
{
        st->validation_rule = validation_match(st->owner->options, vendor, model);
        st->validation_known = 1;
}

/* A station that reconnects says nothing of itself: the domain remembers. */
static BB_AWAIT bb_err recall(struct station *st)
{
        struct bb_station remembered = {.present = 0};
        bb_err err;

        UNTIL_STORED(err, charging->station_get(station_id(st), &remembered));
        if (err == BB_OK || err == BB_E_NOT_FOUND)
                validation_learn(st, remembered.vendor, remembered.model);
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static BB_AWAIT bb_err level_for(struct station *st, const struct bb_shape *shape, const bb_json *payload,
                                 struct validation *ret)
{
        const struct options *o = st->owner->options;

        if (shape == &BootNotificationRequest)
                validation_learn(st, bb_json_str(bb_json_get(payload, "chargePointVendor")),
                                 bb_json_str(bb_json_get(payload, "chargePointModel")));
        if (o->validation_rules.count > 0 && !st->validation_known)
                TRY(recall(st));
        *ret = validation_at(o, o->validation_rules.count > 0 ? st->validation_rule : -1);
        return BB_OK;
}

/* --- what becomes of the message --- */

static void tell_once(const struct station *st, const char *action, const struct repair *r, int32_t rule)
{
        bb_log(BB_DEBUG, "ocpp.repaired", "a message was mended", bb_kv_str("station", station_id(st)),
               bb_kv_cstr("action", action), bb_kv_cstr("rule", repair_rule_name(rule)),
               bb_kv_str("example", r->example[rule]));
}

static void count_repairs(struct station *st, const char *action, const struct repair *r)
{
        for (int32_t i = 0; i < REPAIR_RULES; i++) {
                if (r->count[i] == 0)
                        continue;
                metrics_repairs(repair_rule_name(i), r->count[i]);
                interop_note(st, INTEROP_REPAIR, repair_rule_name(i), action, r->count[i], r->example[i]);
                tell_once(st, action, r, i);
        }
}

BB_AWAIT bb_err validation_mend(struct station *st, const char *action, const struct bb_shape *shape,
                                const bb_json *payload, void *ret_message, struct bb_fault *why)
{
        struct validation v;
        struct repair *r;

        TRY(level_for(st, shape, payload, &v));
        if (v.level == LEVEL_STRICT && !repair_is_money(shape))
                return BB_E_INVALID;
        r = BB_NEW(struct repair);
        r->level = v.level;
        r->zone = v.zone;
        TRY(repair_decode(r, shape, payload, ret_message, why));
        count_repairs(st, action, r);
        return BB_OK;
}

BB_AWAIT bb_err validation_takes_long_id(struct station *st, const char *action, const struct bb_shape *shape,
                                         const bb_json *payload, int32_t *ret)
{
        struct repair r = {.count = {0}};
        struct validation v;

        *ret = 0;
        if (!repair_is_money(shape)) {
                TRY(level_for(st, shape, payload, &v));
                if (v.level == LEVEL_STRICT)
                        return BB_OK;
        }
        r.count[RULE_LONG_ID] = 1;
        r.example[RULE_LONG_ID] = BB_STR("an id of more than 36 characters");
        count_repairs(st, action, &r);
        *ret = 1;
        return BB_OK;
}
